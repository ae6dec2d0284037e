"""Rows and their files: one content in two files, checked, sealed, described in the docs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape.rows import Row, array, as_frame, column, frame_of
from landscape.rows.store import read_rows, write_rows
from landscape.tables import TABLES, TableError, read_table, render_markdown, write_table

ROOT = Path(__file__).parents[1]
NUMBERS = [0.1, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1 / 3, 1e300]
TEXTS = ["", "a,b", 'say "r"', "σ", "NA", "nan", "1", " x "]


def sample(table, n=8, reverse=False):
    """A frame with awkward values of every type; its rows are given in no order."""
    awkward = {"text": TEXTS, "number": NUMBERS, "integer": range(-3, n)}
    columns = {c.name: [awkward[c.type][k % 8] for k in range(n)] for c in table.columns()}
    last = table.key()[-1]
    kind = next(c.type for c in table.columns() if c.name == last)
    columns[last] = [f"k{n - k}" if kind == "text" else n - k for k in range(n)]
    step = -1 if reverse else 1
    return as_frame(table, {name: values[::step] for name, values in columns.items()})


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
class TestContract:
    def test_csv_and_parquet_hold_the_same(self, table, tmp_path):
        frame = sample(table)
        files = tmp_path / "t.csv", tmp_path / "t.parquet"
        write_table(table.name, frame, *files)
        for path in files:
            pd.testing.assert_frame_equal(read_table(table.name, path), frame, check_exact=True)

    def test_order_of_rows_does_not_matter(self, table, tmp_path):
        for name in "ab":
            frame = sample(table, reverse=name == "b")
            write_table(table.name, frame, tmp_path / f"{name}.csv", tmp_path / f"{name}.parquet")
        for suffix in ("csv", "parquet"):
            one, two = (tmp_path / f"{name}.{suffix}" for name in "ab")
            assert one.read_bytes() == two.read_bytes()

    def test_empty_table_keeps_its_columns(self, table, tmp_path):
        files = tmp_path / "t.csv", tmp_path / "t.parquet"
        write_table(table.name, frame_of(table, []), *files)
        for path in files:
            frame = read_table(table.name, path)
            assert list(frame.columns) == [c.name for c in table.columns()] and len(frame) == 0

    def test_refuses_other_columns_and_repeated_keys(self, table):
        columns = {name: list(values[:1]) for name, values in sample(table).items()}
        with pytest.raises(TableError, match="lacks or adds extra"):
            as_frame(table, {**columns, "extra": [1]})
        with pytest.raises(TableError, match="two rows for"):
            as_frame(table, {name: values * 2 for name, values in columns.items()})

    def test_schema_is_complete(self, table):
        columns = table.columns()
        assert table.key() and len({c.name for c in columns}) == len(columns)
        assert all(c.meaning.endswith(".") for c in columns) and table.title().endswith(".")
        assert not any(c.path for c in columns if c.key)


class Stone(Row):
    """A stone."""

    name = "stones"
    place: str = column("Where.", key=True)
    weight: float = column("How heavy.", "kg")
    thrown: bool = column("Whether it was.")
    path: np.ndarray | None = array(2)


class TestJobs:
    def test_rows_come_back_as_they_were(self, tmp_path):
        path = np.array([[0.1, -0.0], [np.inf, 5e-324]])
        rows = [
            Stone(place=text, weight=number, thrown=k % 2 == 0, path=path * k if k else None)
            for k, (text, number) in enumerate(zip(TEXTS, NUMBERS, strict=True))
        ]
        write_rows(tmp_path / "s.parquet", Stone, rows)
        back = read_rows(tmp_path / "s.parquet", Stone)
        for one, two in zip(rows, back, strict=True):
            assert (one.place, one.thrown) == (two.place, two.thrown)
            np.testing.assert_array_equal([one.weight], [two.weight])
            np.testing.assert_array_equal(one.path, two.path)
        assert list(frame_of(Stone, back).columns) == ["place", "weight", "thrown"]
        first = (tmp_path / "s.parquet").read_bytes()
        write_rows(tmp_path / "s.parquet", Stone, back)
        assert (tmp_path / "s.parquet").read_bytes() == first

    def test_no_rows(self, tmp_path):
        write_rows(tmp_path / "s.parquet", Stone, [])
        assert read_rows(tmp_path / "s.parquet", Stone) == []

    def test_rows_of_another_table_or_origin_are_named(self, tmp_path):
        write_rows(tmp_path / "s.parquet", Stone, [], {"dataset": "a"})
        with pytest.raises(TableError, match="holds 'stones', expected 'fits'"):
            read_rows(tmp_path / "s.parquet", TABLES["fits"])
        with pytest.raises(TableError, match='made with dataset "a", here "b" is expected'):
            read_rows(tmp_path / "s.parquet", Stone, {"dataset": "b"})


def test_damaged_and_foreign_files_are_named(tmp_path):
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    write_table("provenance", sample(TABLES["provenance"]), csv, parquet)
    with pytest.raises(TableError, match=r"t\.csv: columns differ from those of the table"):
        read_table("fits", csv)
    parquet.write_bytes(parquet.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"t\.parquet: no Parquet file, or a truncated one"):
        read_table("provenance", parquet)
    with pytest.raises(TableError, match="gone"):
        read_table("provenance", tmp_path / "gone.parquet")


def test_docs_describe_the_tables_as_they_are():
    assert (ROOT / "docs/tables.md").read_text() == render_markdown()


class TestCopied:
    class Found:
        n_neurons, n_thrown, weight = 9, 1, 2.5

    class Heap(Row):
        """Stones."""

        neurons: int = column("A key.", key=True, default=0)
        thrown: int = column("A count.", default=-1)
        weight: float = column("How heavy.", default=0.0)
        place: str = column("Where.", default="")

    def test_what_is_given_counts_first_then_the_first_record_then_the_default(self):
        row = self.Heap.copied(self.Found, self.Heap(weight=7.0, place="here"), thrown=3)
        assert (row.thrown, row.weight, row.place) == (3, 2.5, "here")
        assert self.Heap.copied(self.Found).thrown == 1 and self.Heap.copied(None).thrown == -1

    def test_no_key_is_taken_from_a_count(self):
        assert self.Heap.copied(self.Found).neurons == 0
