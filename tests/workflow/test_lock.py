"""One run of a study at a time; what a killed one left behind."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from landscape.study.lock import RunError, attend, begin

#: Another process that takes the lock, says so, and holds it until it is killed.
HOLDER = """
import sys, time
from landscape.study.lock import attend, begin
{how}(".", sys.argv[1])
print("holds", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(how, study="a"):
    program = HOLDER.format(how=how)
    process = subprocess.Popen([sys.executable, "-c", program, study], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"holds\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the locks and the half-written file of a killed run of study a."""
    monkeypatch.chdir(tmp_path)
    held = {}
    monkeypatch.setattr("landscape.study.lock._held", held)
    for name, line in {
        ".snakemake/locks/0.output.lock": "results/a/data/d.npz",
        ".snakemake/locks/1.output.lock": "results/b/data/d.npz",
        "results/a/data/.d.npz.partial": "PK",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(line)
    yield tmp_path
    for file in held.values():
        file.close()


def left():
    return sorted(path.name for path in Path().rglob("*") if path.suffix in (".lock", ".partial"))


class TestLock:
    def test_left_overs_of_a_killed_run_go(self, folder):
        assert "an earlier run was killed here" in begin(".", "a")
        assert left() == [] and begin(".", "a") is None

    def test_two_runs_of_a_study_are_refused_and_nothing_is_removed(self, folder):
        with (
            holder("begin"),
            pytest.raises(RunError, match=r"another run of study 'a' .*\(process \d+, since 20"),
        ):
            Path(".snakemake/locks/0.output.lock").write_text("results/a/x")
            begin(".", "a")
        assert "0.output.lock" in left()
        assert "killed" in begin(".", "a")  # its process is gone

    def test_another_study_at_work_keeps_its_lock(self, folder):
        with holder("attend", "b"):
            assert "killed" in begin(".", "a")
            assert left() == ["1.output.lock"]

    def test_jobs_of_a_killed_run_are_waited_for(self, folder):
        with holder("attend"), pytest.raises(RunError, match="jobs of a killed run of study 'a'"):
            begin(".", "a", patience=0.1)
        assert left() == [".d.npz.partial", "0.output.lock", "1.output.lock"]

    def test_without_locks_of_the_system_nothing_is_removed(self, folder, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("landscape.study.lock.fcntl.flock", refuse)
        assert begin(".", "a") is None and len(left()) == 3
        attend(".", "a")
