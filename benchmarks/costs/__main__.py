"""``python -m benchmarks.costs [--quick]``: laws of what jobs cost, for landscape.study.cost.

The study `config.yaml` with small counts runs through Snakemake into a temporary folder, one job at
a time; its benchmark files hold the CPU time of every job. What a job's imports take is measured by
itself; the rest, per unit of work, is fitted by least squares of logarithms. Prints LAWS, STARTUP.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from snakemake.utils import validate

from landscape.data import make_dataset
from landscape.study.cost import units

ROOT = Path(__file__).resolve().parents[2]
#: Rules with laws, the folders of their benchmarks, and their scripts.
RULES = {
    "train": "fits",
    "minima": "minima",
    "solvers": "solvers",
    "probe": "probes",
    "radii": "radii",
    "cases": "cases",
    "pairs": "pairs",
}
COUNTS = {
    "starts": 8,
    "block_size": 8,
    "probe": {"max_minima": 4, "spaces": ["restricted", "balanced"]},
    "controls": {"max_minima": 1},
    "radius": {"max_minima": 1},
    "realization": {"max_minima": 1},
    "solvers": {"starts": 2},
    "natural": {"max_minima": 4},
    "converse": {"n_draws": 4},
    "pairs": {"max_pairs": 8},
    "stability": {"n_random": 2, "max_minima": 2, "scales": [1.0e-4, 1.0e-2]},
}


def startup(rule: str) -> float:
    """CPU seconds of the imports of a rule's script."""
    tree = ast.parse((ROOT / f"workflow/scripts/{rule}.py").read_text(encoding="utf-8"))
    lines = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    code = "\n".join([*lines, "import time", "print(time.process_time())"])
    folder = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/scripts")}
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], env=folder, check=True, capture_output=True, text=True
            ).stdout
        )
        for _ in range(2)
    ]
    return min(times[1:])


def run(config: dict, folder: Path) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    command += [
        "--workflow-profile",
        "none",
        "--configfile",
        "config.yaml",
        "--quiet",
        "rules",
        "progress",
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    targets = ["--until", "solvers", "probe", "radii", "cases", "pairs"]
    subprocess.run([*map(str, command), *targets], cwd=folder, env=environment, check=True)


def main() -> None:
    """Run, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two data sets instead of four")
    args = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    if args.quick:
        config["datasets"] = {name: config["datasets"][name] for name in ("sine", "diabetes")}
    config |= COUNTS
    config["atlas"] = {"problems": {}}
    complete = json.loads(json.dumps(config))
    validate(complete, str(ROOT / "workflow/schemas/config.schema.yaml"))
    data = {name: make_dataset(name, entry) for name, entry in complete["datasets"].items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(config, folder)
        laws, starts = [], []
        for rule, step in RULES.items():
            begin = startup(rule)
            rows, values = [], []
            for path in sorted((folder / f"results/default/benchmarks/{step}").rglob("*.jsonl")):
                parts = path.relative_to(folder / f"results/default/benchmarks/{step}").parts
                own, m = data[parts[0]], int(Path(parts[1]).stem)
                spent = json.loads(path.read_text(encoding="utf-8").splitlines()[0])["cpu_time"]
                work = units(rule, complete, complete["starts"])
                values.append(np.log(max(spent - begin, 0.05 * begin) / work))
                rows.append([1.0, np.log(own.n_samples * own.n_features), np.log(m)])
            solution, *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
            c, size, neurons = np.exp(solution[0]), solution[1], solution[2]
            laws.append(f'    "{rule}": Law({c:.2g}, {size:.2f}, {neurons:.2f}),')
            starts.append(f'    "{rule}": {begin:.1f},')
    print("LAWS: dict[str, Law] = {", *laws, "}", sep="\n")
    print("STARTUP: dict[str, float] = {", *starts, "}", sep="\n")


if __name__ == "__main__":
    main()
