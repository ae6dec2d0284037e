"""The study on a Slurm of one node, started for these tests: `make test-slurm`."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflow.runs import digests, new_study, snakemake

PROFILE = "workflow/profiles/slurm"
#: This Slurm has no accounting, which the plugin asks by default; and jobs are done in seconds.
OPTIONS = [
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=3",
    "--slurm-no-account",
]


def missing():
    """Why no Slurm can be started here; empty when it can."""
    for program in ("slurmctld", "slurmd", "munged", "sbatch"):
        if not shutil.which(program):
            return f"{program}: not installed (Debian: slurmctld slurmd slurm-client munge)"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "snakemake-executor-plugin-slurm: not installed; run make test-slurm"
    if os.geteuid() != 0:
        return "starting a Slurm needs root"
    if Path("/etc/slurm/slurm.conf").exists():
        return "/etc/slurm/slurm.conf exists: a Slurm is set up here, left alone"
    return ""


REASON = missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A running Slurm; its daemons end with the tests, however these end."""
    folder = tmp_path_factory.mktemp("slurm")
    here = Path(__file__).parent
    try:
        started = subprocess.run([here / "start.sh", folder], capture_output=True, text=True)
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        subprocess.run([here / "stop.sh", folder], check=True)


def submit(folder, *arguments):
    return snakemake(folder, *OPTIONS, *arguments, profile=PROFILE, cores=None)


def slurm_jobs():
    """What Slurm knows of all jobs, the oldest first."""
    text = subprocess.run(
        ["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True
    ).stdout
    jobs = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in text.splitlines() if "JobId" in line]
    return sorted(jobs, key=lambda job: int(job["JobId"]))


def test_same_bytes_as_without_slurm(slurm, tmp_path_factory):
    here, there = (new_study(tmp_path_factory.mktemp(name)) for name in ("local", "cluster"))
    snakemake(here)
    before = len(slurm_jobs())
    output = submit(there)
    for pattern in ("results/**/tables/*", "results/**/figures/*", "results/**/*.parquet"):
        mine = digests(there, pattern)
        assert len(mine) > 10 and mine == digests(here, pattern)
    # Blocks of starts went in groups, tables and figures not at all.
    sent = re.findall(r"submitted with SLURM jobid \d+ \(log: .*/slurm_logs/(\w+)/", output)
    assert len(sent) == len(slurm_jobs()) - before
    assert {name.removeprefix("rule_") for name in sent} == {
        "group_blocks_minima_train",
        "atlas",
        "probe",
        "radii",
        "solvers",
    }
    assert sent.count("group_blocks_minima_train") < output.count("Rule: train")


def test_a_cancelled_job_is_sent_again_with_more_memory(slurm, tmp_path_factory):
    folder = new_study(tmp_path_factory.mktemp("cancelled"))
    before = {job["JobId"] for job in slurm_jobs()}
    # As an administrator or a full node would: ended by Slurm while it runs.
    watch = (
        'until id=$(squeue --noheader --states=R --format=%A | head -n 1); [ -n "$id" ]; '
        "do sleep 0.3; done; scancel $id"
    )
    with subprocess.Popen(["timeout", "300", "bash", "-c", watch]) as watcher:
        output = submit(folder, "--until", "train")
        assert watcher.wait() == 0
    mine = [job for job in slurm_jobs() if job["JobId"] not in before]
    (first,) = [job for job in mine if job["JobState"] == "CANCELLED"]
    again = mine[-1]
    assert again["JobState"] == "COMPLETED" and "Trying to restart" in output
    memory, more = (int(re.search(r"mem=(\d+)M", job["TRES"])[1]) for job in (first, again))
    assert more == 2 * memory
    assert len(list(folder.glob("results/**/fits/**/*.parquet"))) == 4
