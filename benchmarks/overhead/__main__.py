"""``python -m benchmarks.overhead [--config config.yaml] [--cores 2]``: cost beside the work.

Runs a study in a temporary folder and says where its CPU time went: into work; into starting
Python, imports and compiled kernels of the jobs; into Snakemake and everything else. The shares are
of CPU time, which other programs on the machine disturb little. How busy the cores were between
the start of the first job and the end of the last one is a matter of elapsed time: measure that on
a quiet machine. Last, the CPU time of ``import landscape`` beside that of ``import sklearn``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 0.10
BUSY = 0.90


def cpu_time(process: psutil.Process) -> float:
    """CPU time of a process and of its children that have ended."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def sample(main: psutil.Process) -> tuple[float, float, int]:
    """Time, CPU time of all processes so far, number of jobs that run."""
    cpu, jobs = 0.0, 0
    children = main.children()
    for process in [main, *main.children(recursive=True)]:
        try:
            cpu += cpu_time(process)
            jobs += process in children
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return time.monotonic(), cpu, jobs


def run(config: Path, cores: int, folder: Path) -> tuple[np.ndarray, list[dict]]:
    """Run a study; samples over time, and the record of every Python process."""
    shutil.copy(config, folder / "config.yaml")
    for entry in yaml.safe_load(config.read_text(encoding="utf-8"))["datasets"].values():
        if "path" in entry:
            (folder / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(config.parent / entry["path"], folder / entry["path"])
    records = folder / "overhead"
    records.mkdir()
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "OVERHEAD_RECORDS": str(records),
    }
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "config.yaml")]
    command += ["--workflow-profile", str(ROOT / "workflow/profiles/default")]
    samples = []
    log = (folder / "snakemake.txt").open("w")
    with log, subprocess.Popen(
        [*command, "--cores", str(cores)], env=environment, stdout=log, stderr=log
    ) as started:  # fmt: skip
        main = psutil.Process(started.pid)
        while started.poll() is None:
            try:
                samples.append(sample(main))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.5)
    if started.returncode:
        raise SystemExit((folder / "snakemake.txt").read_text(encoding="utf-8"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in records.glob("*.json")]
    return np.array(samples), found


def rule_of(record: dict) -> str:
    """The rule that a process worked for; empty for Snakemake itself and its helpers."""
    script = next((a for a in record["argv"] if ".snakemake/scripts/" in a), "")
    return Path(script).name.split(".", 1)[-1].removesuffix(".py") if script else ""


def by_rule(records: list[dict]) -> dict[str, dict[str, float]]:
    """CPU times summed over the jobs of each script."""
    rules: dict[str, dict[str, float]] = {}
    for record in records:
        row = rules.setdefault(rule_of(record), dict.fromkeys(("jobs", *PURPOSES, "work"), 0))
        row["jobs"] += 1
        for purpose in PURPOSES:
            row[purpose] += record[purpose]
        row["work"] += record["total"] - sum(record[purpose] for purpose in PURPOSES)
    return rules


PURPOSES = ("start", "imports", "kernels")


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
        samples, records = run(options.config.resolve(), options.cores, Path(name))

    rules = by_rule(records)
    print(f"{'script':24}{'jobs':>6}{'start':>8}{'imports':>9}{'kernels':>9}{'work':>9}   s CPU")
    others = rules.pop("", {})
    for rule, row in sorted(rules.items(), key=lambda item: -item[1]["work"]):
        print(f"{rule:24}{row['jobs']:6.0f}" + "".join(
            f"{row[key]:{width}.1f}" for key, width in
            (("start", 8), ("imports", 9), ("kernels", 9), ("work", 9))))  # fmt: skip
    total = samples[-1, 1]
    work = sum(row["work"] for row in rules.values())
    jobs = sum(sum(row[key] for key in (*PURPOSES, "work")) for row in rules.values())
    own = others.get("imports", 0.0)
    print(f"\nCPU time {total:.1f} s: work {work:.1f} s, start of jobs {jobs - work:.1f} s,")
    print(f"Snakemake and the rest {total - jobs:.1f} s (imports there {own:.1f} s)")
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
