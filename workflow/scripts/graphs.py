"""Write docs/graphs.md: the rule graph and the DAG of the default study, as Mermaid text.

Run from the repository's root: python workflow/scripts/graphs.py
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# The workflow as a graph

Made by `make graphs` from `config.yaml`; shown by hosts that render Mermaid.

## Rules

```mermaid
{rules}
```

## Jobs of the default study

{jobs} jobs; every arrow is a file that one job writes and another one reads.

```mermaid
{dag}
```
"""


def snakemake(graph):
    # In an empty folder every job has to run: finished ones would be drawn dashed.
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--directory", folder, "--configfile", ROOT / "config.yaml"]
        command += ["--workflow-profile", "none", graph, "mermaid-js"]
        done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    return done.stdout


def tidy(text):
    """The same graph without colours, its nodes and arrows in the order of their labels."""
    labels = dict(re.findall(r"^\s*(id\d+)\[(.*)\]$", text, re.MULTILINE))
    ordered = sorted(labels, key=lambda node: (labels[node].strip('"'), node))
    names = {node: f"j{k}" for k, node in enumerate(ordered)}
    nodes = [f"    {names[node]}[{labels[node]}]" for node in ordered]
    arrows = re.findall(r"^\s*(id\d+) -+> (id\d+)$", text, re.MULTILINE)
    pairs = sorted({(int(names[a][1:]), int(names[b][1:])) for a, b in arrows})
    return "\n".join(["flowchart LR", *nodes, *(f"    j{a} --> j{b}" for a, b in pairs)])


def page():
    dag = tidy(snakemake("--dag"))
    jobs = len(re.findall(r"^ {4}j\d+\[", dag, re.MULTILINE))
    return PAGE.format(rules=tidy(snakemake("--rulegraph")), dag=dag, jobs=jobs)


if __name__ == "__main__":
    (ROOT / "docs/graphs.md").write_text(page(), encoding="utf-8")
