"""``python -m benchmarks.overhead [--config config.yaml] [--cores 2]``: cost beside the work.

Runs a study in a temporary folder and says where its CPU time went: into work; into starting
Python, imports and loading compiled kernels in the jobs; into Snakemake and everything else. The
shares are of CPU time, which other programs on the machine disturb little. How busy the cores were
between the start of the first job and the end of the last one is a matter of elapsed time: measure
that on a quiet machine. Last, the CPU time of ``import landscape`` beside that of ``import
sklearn``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.overhead.runs import ROOT, run_study

LIMIT = 0.10
BUSY = 0.90


def by_rule(records: list[dict]) -> dict[str, dict[str, float]]:
    """CPU times summed over the jobs of each script."""
    rules: dict[str, dict[str, float]] = {}
    for record in records:
        row = rules.setdefault(record["rule"], dict.fromkeys(("jobs", *SPENT, "work"), 0))
        row["jobs"] += 1
        for purpose in SPENT:
            row[purpose] += record[purpose]
        row["work"] += record["total"] - sum(record[purpose] for purpose in SPENT)
    return rules


#: What every job pays before it works; and compiling, once per machine and version of a kernel.
PURPOSES = ("start", "imports", "kernels")
SPENT = (*PURPOSES, "compiling")


def import_cost(module: str, repeats: int = 5) -> float:
    """Least CPU time of an import, in seconds, of several new processes."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(repeats)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        samples, records = run_study(options.config.resolve(), options.cores, Path(name))

    rules = by_rule(records)
    print(f"{'script':24}{'jobs':>6}{'start':>8}{'imports':>9}{'kernels':>9}{'work':>9}   s CPU")
    others = rules.pop("", dict.fromkeys(SPENT, 0.0))
    for rule, row in sorted(rules.items(), key=lambda item: -item[1]["work"]):
        print(f"{rule:24}{row['jobs']:6.0f}" + "".join(
            f"{row[key]:{width}.1f}" for key, width in
            (("start", 8), ("imports", 9), ("kernels", 9), ("work", 9))))  # fmt: skip
    compiling = sum(row["compiling"] for row in [*rules.values(), others])
    total = samples[-1, 1] - compiling
    work = sum(row["work"] for row in rules.values())
    jobs = sum(sum(row[key] for key in (*PURPOSES, "work")) for row in rules.values())
    own = others["imports"]
    print(f"\nCPU time {total:.1f} s: work {work:.1f} s, start of jobs {jobs - work:.1f} s,")
    print(f"Snakemake and the rest {total - jobs:.1f} s (imports there {own:.1f} s)")
    if compiling:
        print(f"not counted: {compiling:.1f} s for compiling kernels, which later runs find done")
    share = 1 - work / total
    verdict = "reached" if share < LIMIT else "missed"
    print(f"beside the work: {share:.1%} of the CPU time; aim: below {LIMIT:.0%}: {verdict}")

    running = np.flatnonzero(samples[:, 2])
    part = samples[running[0] : running[-1] + 1]
    elapsed = part[-1, 0] - part[0, 0]
    busy = (part[-1, 1] - part[0, 1]) / (options.cores * elapsed)
    steps = np.diff(part[:, 0])
    slots = np.minimum(part[:-1, 2], options.cores)
    taken = float(np.sum(steps * slots) / elapsed / options.cores)
    verdict = "reached" if busy > BUSY else "missed, or the machine was not quiet"
    whole = samples[-1, 0] - samples[0, 0]
    print(f"elapsed {whole:.1f} s, of which from the first job to the last {elapsed:.1f} s:")
    print(f"jobs on {taken:.1%} of {options.cores} cores, cores busy {busy:.1%};", end=" ")
    print(f"aim: above {BUSY:.0%}: {verdict}")
    ends = np.flatnonzero(part[:, 2] >= options.cores)
    tail = part[-1, 0] - part[ends[-1], 0] if len(ends) else elapsed
    print(f"not all cores had a job during the last {tail:.1f} s")

    own, other = import_cost("landscape"), import_cost("sklearn")
    print(f"import landscape {own:.3f} s CPU, import sklearn {other:.3f} s CPU")


if __name__ == "__main__":
    main()
