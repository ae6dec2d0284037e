"""A study run with the accounts of its processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]


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


def run_study(config: Path, cores: int, folder: Path) -> tuple[np.ndarray, list[dict]]:
    """Run a study in a folder; samples over time, and the record of every Python process."""
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
