"""Array files and tables: damaged, foreign, of another version; writing that is refused."""

import errno
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from landscape.data import StoreError, read_arrays, replace_file, write_arrays
from landscape.data import files as store_files
from landscape.study.lock import RunError, check_writable
from landscape.tables import TableError, read_table, write_table
from tests import made_up

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
    write_table("provenance", made_up.rows("provenance", rows), *paths, ORIGIN)
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
        with pytest.raises(TableError, match="from an old version of landscape"):
            read_table("provenance", tables[1])
        monkeypatch.setattr("landscape.rows.store.FORMAT", 4)
        write_table("provenance", frame, *tables)
        monkeypatch.undo()
        with pytest.raises(TableError, match="has format 4 of another version"):
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
