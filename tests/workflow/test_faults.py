"""Damaged and foreign files, full and read-only disks, killed and interrupted runs, two at once."""

import errno
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from landscape.data import StoreError, read_arrays, replace_file, write_arrays
from landscape.data import files as store_files
from landscape.study.lock import RunError, attend, begin, check_writable
from landscape.tables import TABLES, TableError, read_table, write_table
from landscape.tables.files import shape_frame
from tests.workflow.runs import RESULTS, VICTIM, command, digests, new_study, snakemake

ARRAYS = {"loss": np.arange(6.0), "outcome": np.array(["minimum", "ω"])}
ORIGIN = {"dataset": "a", "neurons": "2", "training": {"max_iter": 100, "tol": 1e-12}}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "2.npz"
    write_arrays(path, "fits", ARRAYS, origin=ORIGIN)
    return path


@pytest.fixture
def tables(tmp_path):
    rows = [{"topic": "seed", "item": f"i{k}", "value": "v"} for k in range(9)]
    paths = tmp_path / "t.csv", tmp_path / "t.parquet"
    write_table("provenance", shape_frame(TABLES["provenance"], rows), *paths, ORIGIN)
    return paths


class Payload:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


class TestArrayFiles:
    def test_flipped_bits_and_truncations_are_noticed_anywhere(self, file):
        content = file.read_bytes()
        for k in range(0, len(content), 7):
            flipped = bytearray(content)
            flipped[k] ^= 1 << (k % 8)
            for changed in (bytes(flipped), content[:k]):
                file.write_bytes(changed)
                with pytest.raises(StoreError, match=r"2\.npz: .*delete it and run"):
                    read_arrays(file, "fits")
        file.write_bytes(content + b"\n")
        with pytest.raises(StoreError, match="delete it"):
            read_arrays(file, "fits")
        file.write_bytes(content)
        np.testing.assert_array_equal(read_arrays(file, "fits").arrays["loss"], ARRAYS["loss"])

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"start,loss\n1,2\n", "not written by landscape"),
            (b"PK\x03\x04", "truncated or damaged"),
            (pickle.dumps(Payload()), "not written by landscape"),
        ],
    )
    def test_other_content_is_named(self, file, content, message):
        file.write_bytes(content)
        with pytest.raises(StoreError, match=rf"2\.npz: {message}") as error:
            read_arrays(file, "fits")
        assert one_line(error).endswith("delete it and run the study again")

    def test_pickles_are_refused_even_with_the_right_checksum(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        bad = np.array([Payload()], dtype=object)
        np.savez("a.npz", loss=bad)
        with pytest.raises(StoreError, match="not written by landscape"):
            read_arrays("a.npz", "fits")

        def savez(file, allow_pickle, **arrays):
            real(file, allow_pickle=True, **{**arrays, "loss": bad})

        real = np.savez
        monkeypatch.setattr(np, "savez", savez)
        write_arrays("b.npz", "fits", ARRAYS)
        with zipfile.ZipFile("b.npz") as archive:
            assert b"unpickled" in archive.read("loss.npy")
        with pytest.raises(StoreError, match=r"b\.npz: not written by landscape .*pickle"):
            read_arrays("b.npz", "fits")
        assert not Path("unpickled").exists()

    def test_a_file_of_an_older_or_newer_format_says_so(self, file, monkeypatch):
        header = {"kind": "fits", "metadata": {}, "checksum": "0" * 64}
        np.savez(file, loss=np.zeros(2), __header__=np.array(json.dumps(header)))
        with pytest.raises(StoreError, match="has format 1 of another version of landscape, this"):
            read_arrays(file, "fits")
        with monkeypatch.context() as patch:
            patch.setattr("landscape.data.store.FORMAT", 3)
            write_arrays(file, "fits", ARRAYS)
        with pytest.raises(StoreError, match=r"has format 3 .* this one reads 2; delete it"):
            read_arrays(file, "fits")

    @pytest.mark.parametrize(
        ("expected", "message"),
        [
            ({"dataset": "b"}, 'made with dataset "a", here "b" is expected'),
            ({"data": "12"}, 'made with data nothing, here "12" is expected'),
            (
                {"training": {"max_iter": 50, "tol": 1e-12}},
                "made with training.max_iter 100, here 50 is expected",
            ),
            (
                {"training": {"max_iter": 100}},
                "made with training.tol 1e-12, here nothing is expected",
            ),
        ],
    )
    def test_what_was_made_from_something_else_is_named(self, file, expected, message):
        assert read_arrays(file, "fits", ORIGIN).origin == ORIGIN
        with pytest.raises(StoreError, match=re.escape(message)) as error:
            read_arrays(file, "fits", {**ORIGIN, **expected})
        assert one_line(error).endswith("delete it and run the study again")


class TestTableFiles:
    def test_flipped_bits_are_noticed_anywhere(self, tables):
        for path in tables:
            content = path.read_bytes()
            for k in range(0, len(content), 5):
                changed = bytearray(content)
                changed[k] ^= 1 << (k % 8)
                path.write_bytes(bytes(changed))
                with pytest.raises(TableError, match=rf"{path.name}: .*delete it and run"):
                    read_table("provenance", path)
            path.write_bytes(content)
            assert len(read_table("provenance", path)) == 9

    @pytest.mark.parametrize("content", [b"", b"hello", b"PAR1PAR1", b"PAR1" + b"x" * 99 + b"PAR1"])
    def test_other_content_is_named(self, tables, content):
        tables[1].write_bytes(content)
        with pytest.raises(TableError, match=r"t\.parquet: .*; delete it and run") as error:
            read_table("provenance", tables[1])
        one_line(error)

    def test_tables_of_another_study_name_or_format_are_named(self, tables, monkeypatch):
        assert len(read_table("provenance", tables[1], ORIGIN)) == 9
        with pytest.raises(TableError, match=r'with neurons "2", here "3" is expected'):
            read_table("provenance", tables[1], {"neurons": "3"})
        with pytest.raises(TableError, match="holds 'provenance', expected 'fits'"):
            read_table("fits", tables[1])
        frame = read_table("provenance", tables[1])
        frame.to_parquet(tables[1], index=False)  # as format 1 was
        with pytest.raises(TableError, match="from a version of landscape before format 2"):
            read_table("provenance", tables[1])
        monkeypatch.setattr("landscape.tables.files.FORMAT", 3)
        write_table("provenance", frame, *tables)
        monkeypatch.undo()
        with pytest.raises(TableError, match="has format 3 of another version"):
            read_table("provenance", tables[1])


class TestWriting:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES])
    @pytest.mark.parametrize("when", ["fsync", "replace"])
    def test_refusal_leaves_the_old_file_and_nothing_else(self, file, monkeypatch, code, when):
        before = file.read_bytes()

        def refuse(*_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(store_files.os, when, refuse)
        with pytest.raises(StoreError, match=rf"cannot be written \({os.strerror(code)}\); ") as e:
            write_arrays(file, "fits", {"loss": np.zeros(9)})
        assert one_line(e) and file.read_bytes() == before
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_a_full_device_is_named(self):
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full here")
        with pytest.raises(RunError, match="cannot be written"):
            check_writable("/dev/full/results")
        done = subprocess.run(
            [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False
        )
        assert "big.npz: cannot be written (File too large); raise the limit" in done.stdout

    def test_an_exception_of_the_writer_leaves_nothing(self, tmp_path):
        def write(file):
            file.write(b"half")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            replace_file(tmp_path / "f", write)
        assert list(tmp_path.iterdir()) == []


#: Writes more than the process may, in a folder of its own.
LIMITED = """
import os, resource, signal, tempfile
import numpy as np
from landscape.data import StoreError, write_arrays
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with tempfile.TemporaryDirectory() as folder:
    try:
        write_arrays(f"{folder}/big.npz", "fits", {"loss": np.zeros(1000)})
    except StoreError as error:
        print(error, os.listdir(folder))
"""

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


class TestDamagedStudy:
    """Through Snakemake: the job that reads the file ends with one line and writes nothing."""

    def refused(self, folder, target, message):
        before = digests(folder, target)
        # Its new time stamp makes Snakemake run what depends on it.
        output = snakemake(folder, target, check=False)
        lines = [line for line in output.splitlines() if line.startswith("error in rule")]
        assert len(lines) == 1 and message in lines[0], output
        assert lines[0].endswith("delete it and run the study again")
        assert "Traceback" not in output
        # Snakemake removes what a failed job made before.
        assert digests(folder, target) in ({}, before)
        assert not list(folder.glob("results/**/.*.partial"))

    def test_a_file_of_another_data_set_is_named(self, copy):
        shutil.copy(copy / VICTIM.replace("teacher", "own"), copy / VICTIM)
        message = f'{VICTIM}: made with dataset "own", here "teacher" is expected'
        self.refused(copy, VICTIM.replace("fits", "minima"), message)

    @pytest.mark.slow
    def test_a_block_in_the_place_of_another_is_named(self, copy):
        shutil.copy(copy / VICTIM.replace("0-2", "2-4"), copy / VICTIM)
        message = 'made with block "2-4", here "0-2" is expected'
        self.refused(copy, VICTIM.replace("fits", "minima"), message)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("max_iter: 100", "max_iter: 90", "training.max_iter 90, here 100"),
            ("noise: 0.1\n    seed: 3", "noise: 0.2\n    seed: 3", "datasets.teacher.noise 0.2, "),
            ("seed: 7", "seed: 8", "seed 8, here 7"),
        ],
    )
    def test_a_file_of_another_study_is_named(self, copy, tmp_path_factory, old, new, message):
        other = new_study(tmp_path_factory.mktemp("other"))
        config = (other / "config.yaml").read_text()
        assert old in config
        (other / "config.yaml").write_text(config.replace(old, new, 1))
        snakemake(other, VICTIM)
        shutil.copy(other / VICTIM, copy / VICTIM)
        self.refused(copy, VICTIM.replace("fits", "minima"), message)

    @pytest.mark.slow
    def test_other_data_under_the_same_name_are_named(self, copy, tmp_path_factory):
        other = new_study(tmp_path_factory.mktemp("other"))
        rows = (other / "own.csv").read_text().replace("1", "2", 1)
        (other / "own.csv").write_text(rows)
        victim = VICTIM.replace("teacher", "own")
        snakemake(other, victim)
        shutil.copy(other / victim, copy / victim)
        self.refused(copy, victim.replace("fits", "minima"), "made with data ")

    def test_a_flipped_bit_of_a_table_is_named_by_the_rule_that_reads_it(self, copy):
        victim = copy / RESULTS / "tables/stability.parquet"
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 4
        victim.write_bytes(bytes(content))
        message = "tables/stability.parquet: damaged: the content does not match its checksum"
        self.refused(copy, f"{RESULTS}/tables/rates.csv", message)

    @pytest.mark.slow
    def test_a_table_of_another_study_is_named(self, copy, tmp_path_factory):
        other = new_study(tmp_path_factory.mktemp("other"))
        config = (other / "config.yaml").read_text()
        (other / "config.yaml").write_text(config.replace("n_draws: 4", "n_draws: 3"))
        snakemake(other, f"{RESULTS}/tables/stability.parquet")
        name = f"{RESULTS}/tables/stability.parquet"
        shutil.copy(other / name, copy / name)
        self.refused(copy, f"{RESULTS}/tables/rates.csv", "made with converse.n_draws 3, here 4")


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
        for pattern in ("tables/*", "figures/*", "**/*.npz"):
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
        assert "killed here" not in snakemake(folder, f"{RESULTS}/data/own.npz")


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
            for path in (folder / "results").glob("**/*.npz"):
                assert digests(folder, path.relative_to(folder).as_posix()) == digests(
                    study, path.relative_to(folder).as_posix()
                )
            ballast.unlink()
            subprocess.run(["mount", "-o", "remount,size=50m", folder / "results"], check=True)
            snakemake(folder)
            assert digests(folder, f"{RESULTS}/tables/*") == digests(study, f"{RESULTS}/tables/*")
