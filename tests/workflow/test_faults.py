"""Damaged and foreign files in a study, full disks, killed and interrupted runs, two at once."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.workflow.runs import RESULTS, VICTIM, command, digests, new_study, snakemake


class TestDamagedStudy:
    """Through Snakemake: the job that reads the file ends with one line and writes nothing."""

    def refused(self, folder, messages):
        """Each target is refused with its message, in one run."""
        before = {target: digests(folder, target) for target in messages}
        # Their new time stamps make Snakemake run what depends on the damaged files.
        output = snakemake(folder, "--keep-going", *messages, check=False)
        lines = [line for line in output.splitlines() if line.startswith("error in rule")]
        assert len(lines) == len(messages), output
        for target, message in messages.items():
            (line,) = [line for line in lines if message in line]
            assert line.endswith("delete it and run the study again")
            # Snakemake removes what a failed job made before.
            assert digests(folder, target) in ({}, before[target])
        assert "Traceback" not in output
        assert not list(folder.glob("results/**/.*.partial"))

    def test_files_that_are_truncated_or_of_another_data_set_are_named(self, copy):
        truncated = VICTIM.replace("teacher", "own")
        shutil.copy(copy / truncated, copy / VICTIM)
        (copy / truncated).write_bytes((copy / truncated).read_bytes()[:-50])
        foreign = 'made with place "fits/own/2/0-2", here "fits/teacher/2/0-2" is expected'
        messages = {
            VICTIM.replace("fits", "minima"): f"error in rule minima: {VICTIM}: {foreign}",
            truncated.replace("fits", "minima"): f"error in rule minima: {truncated}: no Parquet "
            "file, or a truncated one",
        }
        self.refused(copy, messages)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("max_iter: 100", "max_iter: 90", "training.max_iter 90, here 100"),
            ("noise: 0.1\n    seed: 3", "noise: 0.2\n    seed: 3", "made with data "),
            ("seed: 2", "seed: 8", "seed 8, here 2"),
        ],
    )
    def test_a_file_of_another_study_is_named(self, copy, tmp_path_factory, old, new, message):
        other = new_study(tmp_path_factory.mktemp("other"))
        config = (other / "config.yaml").read_text()
        assert old in config
        (other / "config.yaml").write_text(config.replace(old, new, 1))
        snakemake(other, VICTIM)
        shutil.copy(other / VICTIM, copy / VICTIM)
        self.refused(copy, {VICTIM.replace("fits", "minima"): message})

    def test_a_flipped_bit_of_a_table_is_named_by_the_rule_that_reads_it(self, copy):
        victim = copy / RESULTS / "tables/pairs.parquet"
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 4
        victim.write_bytes(bytes(content))
        message = "tables/pairs.parquet: damaged: the content does not match its checksum"
        self.refused(copy, {f"{RESULTS}/figures/inverse.png": message})

    @pytest.mark.slow
    def test_a_table_of_another_study_is_named(self, copy, tmp_path_factory):
        other = new_study(tmp_path_factory.mktemp("other"))
        config = (other / "config.yaml").read_text()
        (other / "config.yaml").write_text(config.replace("n_draws: 4", "n_draws: 3"))
        snakemake(other, f"{RESULTS}/tables/pairs.parquet")
        name = f"{RESULTS}/tables/pairs.parquet"
        shutil.copy(other / name, copy / name)
        message = "made with converse.n_draws 3, here 4"
        self.refused(copy, {f"{RESULTS}/figures/inverse.png": message})


def start(folder, **options):
    """A run of its own process group, as a terminal starts one."""
    line, environment = command(folder, **options)
    return subprocess.Popen(
        line,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A test run in the background would hand down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, process):
    """Until something is true of a run; the run must not end before."""
    end = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def finished(folder):
    """Jobs that the runs of a study finished."""
    return len(list((folder / RESULTS / "benchmarks").glob("**/*.jsonl")))


@pytest.mark.slow
class TestKilled:
    def test_twenty_kills_change_no_table(self, study, tmp_path):
        """Each run is killed a random time after a random number of jobs; the last one ends."""
        rng = random.Random(20261126)
        folder = new_study(tmp_path)
        jobs, kills, healed = finished(study), 0, 0
        # Spread over the run: up to 24 kills, each when a few more jobs than before are done.
        for k in range(24):
            process = start(folder)
            goal = min(finished(folder) + rng.choice([0, 0, 1, 2, 3]), jobs * (k + 1) // 24)
            ended = False
            try:
                wait_for(lambda goal=goal: finished(folder) >= goal, process)
                # Half of them while Snakemake starts, or within the next job.
                time.sleep(rng.uniform(0.0, 4.0))
            finally:
                ended = process.poll() is not None
                if not ended:
                    os.killpg(process.pid, signal.SIGKILL)
                output = process.communicate()[0]
            assert "Traceback" not in output and "Error" not in output, output
            healed += "an earlier run was killed here" in output
            kills += not ended
        assert kills >= 20 and healed >= 10
        snakemake(folder)
        for pattern in ("tables/*", "figures/*", "**/*.parquet"):
            assert digests(folder, f"{RESULTS}/{pattern}") == digests(study, f"{RESULTS}/{pattern}")
        assert not list((folder / "results").glob("**/.*.partial"))
        print(f"{kills} kills, {healed} left-over locks removed")


@pytest.mark.slow
class TestInterrupted:
    def test_a_second_run_is_refused_and_ctrl_c_ends_without_tracebacks(self, tmp_path):
        folder = new_study(tmp_path)
        process = start(folder)
        try:
            wait_for(lambda: any((folder / "logs").glob("**/*.log")), process)
            second = snakemake(folder, check=False)
            line = next(line for line in second.splitlines() if line.startswith("another run of"))
            assert f"(process {process.pid}, since 20" in line and "Ctrl-C" in line
            # Looking is allowed meanwhile.
            assert "dry-run" in snakemake(folder, "--dry-run", "--quiet", "rules")
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGINT)
        finally:
            if process.poll() is None and process.returncode is None:
                output = process.communicate(timeout=300)[0]
        assert process.returncode != 0
        assert "Traceback" not in output, output
        assert "what is done is kept. Run the same command again to go on" in output
        assert not list((folder / "results").glob("**/.*.partial"))
        assert "killed here" not in snakemake(folder, f"{RESULTS}/data/own.parquet")


@contextmanager
def small_disk(folder, size):
    """A file system of its own; skips the test where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux can mount a small disk")
    options = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(options, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield lambda: subprocess.run(
            [mount, "-o", "remount,ro", str(folder)], check=True, capture_output=True
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class TestDisk:
    def test_read_only_results_are_answered_before_any_job(self, tmp_path):
        folder = new_study(tmp_path)
        with small_disk(folder / "results", "2m") as remount:
            remount()
            output = snakemake(folder, check=False)
            line = next(line for line in output.splitlines() if line.startswith("results"))
            assert ": cannot be written (Read-only file system); make its folder" in line
            assert "Traceback" not in output and "Finished jobid" not in output

    @pytest.mark.slow
    def test_a_read_only_folder_is_answered_in_one_line(self, tmp_path):
        folder = tmp_path / "work"
        with small_disk(folder, "2m") as remount:
            new_study(folder)
            remount()
            output = snakemake(folder, check=False, environment={"XDG_CACHE_HOME": str(tmp_path)})
            assert "Read-only file system" in output and "Traceback" not in output

    @pytest.mark.slow
    def test_a_full_disk_ends_jobs_with_one_line_and_nothing_half_written(self, study, tmp_path):
        folder = new_study(tmp_path)
        with small_disk(folder / "results", "2m"):
            ballast = folder / "results/ballast"
            ballast.write_bytes(b" " * (2**21 - 20 * 4096))
            output = snakemake(folder, check=False)
            lines = [line for line in output.splitlines() if "No space left on device" in line]
            assert any(re.match(r"error in rule \w+: results/.*free some space", x) for x in lines)
            assert not list((folder / "results").glob("**/.*.partial"))
            for path in (folder / "results").glob("**/*.parquet"):
                assert digests(folder, path.relative_to(folder).as_posix()) == digests(
                    study, path.relative_to(folder).as_posix()
                )
            ballast.unlink()
            subprocess.run(["mount", "-o", "remount,size=50m", folder / "results"], check=True)
            snakemake(folder)
            assert digests(folder, f"{RESULTS}/tables/*") == digests(study, f"{RESULTS}/tables/*")
