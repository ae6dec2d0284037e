"""Tables: damaged, foreign, of another version; writing that is refused."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from landscape.data import StoreError, replace_file
from landscape.data import files as store_files
from landscape.study.lock import RunError, check_writable
from landscape.tables import TableError, read_table, write_table
from tests import made_up

ORIGIN = {"place": "fits/a/2", "training": {"max_iter": 100, "tol": 1e-12}, "data": "a"}


@pytest.fixture
def tables(tmp_path):
    rows = [{"topic": "seed", "item": f"i{k}", "value": "v"} for k in range(9)]
    paths = tmp_path / "t.csv", tmp_path / "t.parquet"
    write_table("provenance", made_up.rows("provenance", rows), *paths, ORIGIN)
    return paths


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


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
        # What only one of them knows is not compared.
        assert len(read_table("provenance", tables[1], {"place": "fits/a/2", "seed": 1})) == 9
        for other, message in (
            ({"place": "fits/a/3"}, 'made with place "fits/a/2", here "fits/a/3" is expected'),
            ({"place": "fits/a/3", "data": "b"}, 'made with place "fits/a/2"'),
            ({"training": {"max_iter": 50, "tol": 1e-12}}, "training.max_iter 100, here 50 is exp"),
            ({"training": {"max_iter": 100}}, "made with training.tol 1e-12, here nothing is exp"),
        ):
            with pytest.raises(TableError, match=re.escape(message)):
                read_table("provenance", tables[1], {**ORIGIN, **other})
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
    def test_refusal_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch, code, when):
        file = tmp_path / "f"
        replace_file(file, lambda opened: opened.write(b"old"))

        def refuse(*_):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(store_files.os, when, refuse)
        with pytest.raises(StoreError, match=rf"cannot be written \({os.strerror(code)}\); ") as e:
            replace_file(file, lambda opened: opened.write(b"new"))
        assert one_line(e) and file.read_bytes() == b"old"
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_a_full_device_is_named(self):
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full here")
        with pytest.raises(RunError, match="cannot be written"):
            check_writable("/dev/full/results")
        done = subprocess.run(
            [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False
        )
        assert "big: cannot be written (File too large); raise the limit" in done.stdout

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
from landscape.data import StoreError, replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with tempfile.TemporaryDirectory() as folder:
    try:
        replace_file(f"{folder}/big", lambda file: file.write(b" " * 9000))
    except StoreError as error:
        print(error, os.listdir(folder))
"""
