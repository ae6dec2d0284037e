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
    """A folder with the half-written file of a run of study a that was killed."""
    monkeypatch.chdir(tmp_path)
    held = []
    monkeypatch.setattr("landscape.study.lock._held", held)
    Path("results/a/data").mkdir(parents=True)
    Path("results/a/data/.d.parquet.partial").write_text("PAR1")
    with holder("begin"):
        pass  # killed
    yield tmp_path
    for file in held:
        file.close()


def left():
    return [path.name for path in Path().rglob("*.partial")]


class TestLock:
    def test_left_overs_of_a_killed_run_go(self, folder):
        assert "an earlier run was killed here" in begin(".", "a")
        assert left() == []

    def test_a_run_that_ended_left_nothing(self, folder):
        program = "from landscape.study.lock import begin; print(begin('.', 'a'))"
        for word in ("killed", "None"):
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
            assert word in done.stdout
        assert begin(".", "a") is None

    def test_two_runs_of_a_study_are_refused(self, folder):
        with (
            holder("begin"),
            pytest.raises(RunError, match=r"another run of study 'a' .*\(process \d+, since 20"),
        ):
            begin(".", "a", patience=0.1)
        with holder("begin", "b"):  # another study may be at work
            assert "killed" in begin(".", "a")

    def test_jobs_of_a_killed_run_are_waited_for(self, folder):
        with holder("attend"), pytest.raises(RunError, match="or jobs of it if that was killed"):
            begin(".", "a", patience=0.1)
        assert left() and "killed" in begin(".", "a")

    def test_jobs_of_the_run_itself_are_no_others(self, folder):
        begin(".", "a")
        with holder("attend"):
            pass

    def test_a_file_system_without_locks_will_do(self, folder, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("landscape.study.lock.fcntl.flock", refuse)
        begin(".", "a")
        attend(".", "a")
