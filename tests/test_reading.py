"""A user's tables: read as pandas' strict reader reads them, or refused with place and remedy."""

import bz2
import gzip
import io
import lzma
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from landscape.data import DataError, load_csv, load_parquet, make_dataset

CSV_ROWS = "a,b,y\n" + "".join(f"{k},{k * k % 7},{3 - k % 5}\n" for k in range(12))
#: With a column of text that is not used.
NOTED = "a,y,note\n" + "".join(f"{k},{k * k % 7},word {k}\n" for k in range(1, 41))
COLORS = "c,a,y\n" + "".join(
    f"{('red', 'blue', 'green')[k % 3]},{k},{k * k % 7}\n" for k in range(12)
)


@pytest.fixture
def read(tmp_path):
    """Reads a text as a CSV file."""

    def function(content, **options):
        path = tmp_path / "own.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_csv(path, **{"target": "y", **options})

    return function


def test_csv_with_chosen_features_and_delimiter(read):
    x, y, names, record = read(CSV_ROWS.replace(",", ";"), features=["b"], delimiter=";")
    assert names == ("b",) and x.shape == (12, 1) and y[0] == 3.0
    assert record["rows"] == 12 and record["file"] == "own.csv" and record["dropped"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CSV_ROWS.replace("a,b,y", "a,b,z"), r"row 1 has no column 'y'.*correct `target`"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,nan,1"), r"row 4, column 'b' is 'nan', missing; fill"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,inf,1"), r"row 4, column 'b' is 'inf', not finite"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,1e999,1"), r"'b' is '1e999', not finite; correct"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,,1"), r"row 4, column 'b' is empty; fill it in"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,red,1"), r"row 4, column 'b' is 'red', not a number"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,4"), r"row 4 has 2 values, the header has 3; complete"),
        ("a,y\n" + "1,2\n" * 3 + "2,2\n" * 3, r"column 'y' is constant \(2\); choose another"),
        ("a,y\n" + "1,2\n" * 3 + "1,3\n" * 3, r"column 'a' is constant \(1\); leave it out"),
        ("a,b,y\n1,2,3\n2,1,4\n", r"2 rows for 2 features; give at least 4 rows"),
        ("a,a,y\n1,2,3\n", r"row 1 names column 'a' twice"),
        ("y\n1\n2\n3\n", r"no column but the target 'y'; add a feature"),
        ("", r"the file is empty"),
        ("1,2\n3,4\n", r"row 1 has no column 'y', only '1', '2'; add a header line"),
        (CSV_ROWS.replace(",", ";"), r"only 'a;b;y'; set `delimiter` to ';'"),
        # Numbers that are written in other ways.
        (CSV_ROWS.replace("\n2,4,1", "\n2,1_000,1"), r"row 4, column 'b' is '1_000', not a num"),
        (CSV_ROWS.replace("\n2,4,1", '\n2,"2,38",1'), r"'2,38', not a.* set `decimal` to ','"),
        (CSV_ROWS.replace("\n2,4,1", '\n2,"1,234.5",1'), r"write it without marks between"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,True,1"), r"'True', among truth values and numbers"),
        (CSV_ROWS.replace("\n2,4,1", "\n2,\uff14,1"), r"'\uff14', not a number"),
        (CSV_ROWS.replace("\n2,4,1", f"\n2,{'9' * 5000},1"), r"9\.\.\., not finite; correct"),
        # Indices that were written as columns.
        (CSV_ROWS.replace("a,b", ",b"), r"column '' \(number 1\) is no feature but an index; wri"),
        (CSV_ROWS.replace("a,b", "Unnamed: 0,b"), r"'Unnamed: 0' .*index=False.*`features`"),
        (CSV_ROWS.replace("a,b", "Id,b"), r"column 'Id' counts the rows: it is no feature"),
        # Integers that floats cannot tell apart, and nearly cannot.
        (
            "a,y\n" + "".join(f"{2**62 + k},{k}\n" for k in range(4)),
            rf"column 'a' has {2**62} and {2**62 + 1}, one and the same.*subtract {2**62} from",
        ),
        (
            "a,y\n" + "".join(f"{2**62 + 512 * k},{k}\n" for k in range(0, 4, 2)) * 2,
            r"column 'a' is constant up to rounding \(4.61\S+ to 4.61\S+\); subtract a number",
        ),
    ],
)  # fmt: skip
def test_csv_errors_name_file_place_value_and_remedy(read, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read(text)
    assert "own.csv: " in str(caught.value) and "\n" not in str(caught.value)


def test_the_example_of_the_docs_is_what_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("area,price\n10,3\n20,4\n30,red\n40,9\n")
    with pytest.raises(DataError) as caught:
        load_csv("mine.csv", target="price")
    page = (Path(__file__).parents[1] / "docs/data.md").read_text()
    assert f"config key 'datasets.mine': {caught.value}\n" in page


@pytest.mark.parametrize(
    "option", [{"encode": "one"}, {"missing": "ignore"}, {"decimal": "'"}, {"delimiter": "ab"}]
)
def test_unknown_options_are_named(read, option):
    (name, value) = next(iter(option.items()))
    with pytest.raises(DataError, match=rf"`{name}` .*{re.escape(repr(value))}"):
        read(CSV_ROWS, **option)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (11, {10: '"6 inch pipe'}),  # swallows all that follow
        (4, {3: '"6 inch', 6: '8" pipe'}),  # swallows the rows between
        (4, {3: '"6 inch', 6: '8"'}),
        (4, {3: '"6" pipe'}),
        (41, {40: '"6 inch'}),
    ],
)
def test_a_stray_quote_is_refused_with_the_row_where_it_opens(read, row, cells):
    lines = NOTED.splitlines()
    for k, cell in cells.items():
        lines[k] = lines[k].rsplit(",", 1)[0] + "," + cell
    with pytest.raises(DataError, match=f"row {row} opens a quote that does not close") as caught:
        read("\n".join(lines), features=["a"])
    assert "\n" not in str(caught.value)


def test_quotes_that_close_are_read(read):
    text = NOTED.replace("word 3\n", '"a ""word"", quoted"\n').replace("word 4\n", 'a 6" pipe\n')
    assert read(text.replace("\n5,", '\n"5",'), features=["a"]).features.shape == (40, 1)


def test_all_bad_columns_are_named_at_once(read):
    with pytest.raises(DataError) as caught:
        read("a,b,c,y\n1,red,2,1\n2,blue,2,\n3,red,2,4\n5,red,2,6\n8,red,2,1\n")
    first, second, third = str(caught.value).splitlines()
    assert "row 2, column 'b' is 'red', not a number, and 4 more rows; set `encode` to o" in first
    assert "column 'c' is constant" in second and "row 3, column 'y' is empty" in third
    wide = ",".join(f"c{k}" for k in range(50))
    lines = [",".join([f"{'ab'[k % 2]}"] * 50 + [f"{k * k % 7}"]) for k in range(60)]
    with pytest.raises(DataError) as caught:
        read("\n".join([f"{wide},y", *lines]))
    *named, last = str(caught.value).splitlines()
    assert len(named) == 19 and last.endswith("31 more mistakes like these")


def test_files_that_are_no_tables_are_named(read, tmp_path):
    with pytest.raises(DataError, match=r"gone\.csv: no such file; correct `path`"):
        load_csv(tmp_path / "gone.csv", target="y")
    for content, message in (
        (b"PK\x03\x04 and so on", "an Excel workbook or another zip archive; save the sheet as"),
        (b"\xd0\xcf\x11\xe0 and so on", "an old Excel workbook; save its sheet as CSV"),
        (b"PAR1 and so on PAR1", "a Parquet file; set `kind` to parquet"),
        (b"a,y\n1,2\0\n", "holds null characters, as no text does; for UTF-16 set"),
        (CSV_ROWS.encode("utf-16"), "is UTF-16, not UTF-8; set `encoding` to utf-16"),
        (f"a,y\n1,{'2' * 200_000}\n", "row 2 has a cell of more than 131,072 characters"),
    ):
        with pytest.raises(DataError, match=message):
            read(content)


def test_encodings(read):
    text = "größe,y\n1,2\n2,3\n3,1\n4,4\n"
    found = read(text)
    for encoding in ("latin-1", "cp1252", "utf-16", "utf-8-sig", "mac-roman"):
        other = read(text.encode(encoding), encoding=encoding)
        np.testing.assert_array_equal(other.features, found.features)
        assert other.feature_names == ("größe",)
    np.testing.assert_array_equal(read(text.encode("utf-8-sig")).target, found.target)
    latin = "row 1 has byte 0xf6, which is not utf-8; set `encoding`; with cp1252 .* it is 'ö'"
    with pytest.raises(DataError, match=latin):
        read(text.encode("latin-1"))
    for unknown in ("klingon", "rot13", "hex"):
        with pytest.raises(DataError, match=f"`encoding` '{unknown}' is unknown; write utf-8"):
            read(text, encoding=unknown)


def test_decimal_commas(read):
    text = CSV_ROWS.replace(",", ";").replace("\n2;", "\n2,25;")
    assert read(text, delimiter=";", decimal=",").features[2, 0] == 2.25
    with pytest.raises(DataError, match=r"'2,25', not a number; if that is a decimal comma, set"):
        read(text, delimiter=";")
    with pytest.raises(DataError, match=r"'2.25', not a number; it is text: correct `decimal`"):
        read(text.replace("2,25", "2.25"), delimiter=";", decimal=",")
    with pytest.raises(DataError, match="`delimiter` and `decimal` are both ','; set `delimiter`"):
        read(text, decimal=",")
    with pytest.raises(DataError, match="`delimiter` '\"' cannot stand between numbers"):
        read(text, delimiter='"')


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, lambda b: pa.compress(b, "zstd", asbytes=True)],
    ids=["gz", "bz2", "xz", "zst"],
)
def test_compressed_files(read, pack):
    content = pack(CSV_ROWS.encode())
    np.testing.assert_array_equal(read(content).features, read(CSV_ROWS).features)
    for damaged in (content[:-9], content[:30] + b"\x55" + content[31:]):
        with pytest.raises(DataError, match=r"compressed and damaged .*; compress it anew"):
            read(damaged)


def test_categories_become_columns_if_that_is_asked_for(read):
    found = read(COLORS, encode="onehot")
    assert found.feature_names == ("c=green", "c=red", "a")
    dummies = pd.get_dummies(pd.read_csv(io.StringIO(COLORS))["c"], drop_first=True)
    np.testing.assert_array_equal(found.features[:, :2], dummies.to_numpy(float))
    assert found.record["encoded"] == {"c": ["blue", "green", "red"]}
    for text, message in (
        (COLORS.replace("red", "7"), "row 3, column 'c' is 'blue', not a number, and 7 more rows"),
        (re.sub("red|blue|green", "red", COLORS), "column 'c' has one category, 'red'; leave it"),
        (COLORS.replace("c,a,y", "y,a,c"), "row 2, column 'y' is 'red', not a number.*; correct"),
        (COLORS.replace("c,a,y", "c,c=red,y"), "column 'c=red' would be there twice; rename it"),
        (COLORS.replace("red,3", ",3"), "row 5, column 'c' is empty; fill it in, or set `missing`"),
        (
            "c,y\n" + "".join(f"word{k},{k}\n" for k in range(9)),
            r"9 rows for 8 features \(from 9 categories of 'c'\); give at least 10 rows",
        ),
    ):
        with pytest.raises(DataError, match=message):
            read(text, encode="onehot")


def test_rows_that_lack_a_value_are_left_out_if_that_is_asked_for(read):
    lines = CSV_ROWS.splitlines()
    lines[3], lines[6], lines[7], lines[9] = "2,,1", "NA,1,2", "6,1, null ", "8,1,n/a"
    found = read("\n".join(lines), missing="drop")
    own = pd.read_csv(io.StringIO("\n".join(lines).replace(" null ", "null"))).dropna()
    np.testing.assert_array_equal(found.features, own[["a", "b"]].to_numpy())
    assert found.record["n_dropped"] == 4 and found.record["dropped"] == "4, 7-8, 10"
    # What is not used may lack anything.
    assert read("\n".join(lines[:6]), missing="drop", features=["a"]).record["n_dropped"] == 0
    with pytest.raises(DataError, match=r"2 rows \(1 more lack a value\) for 2 features"):
        read("\n".join(lines[:4]), missing="drop")
    with pytest.raises(DataError, match="'red', not a number"):
        read("\n".join(lines).replace("n/a", "red"), missing="drop")


class TestParquet:
    def load(self, tmp_path, table, **options):
        path = tmp_path / "own.parquet"
        if isinstance(table, pd.DataFrame):
            table.to_parquet(path)
        else:
            parquet.write_table(pa.table(table), path)
        return load_parquet(path, **{"target": "y", **options})

    def test_gives_what_csv_gives(self, tmp_path, read):
        columns = {
            " b ": [True, False, True, True, True, False],
            "x": [0.1, 0.2, 0.7, 1.0, None, 0.3],
            "c": ["red", "blue", "red", "blue", "red", "red"],
            "y": [1, 5, 2, 3, 4, 0],
        }
        options = {"encode": "onehot", "missing": "drop"}
        one = self.load(tmp_path, columns, **options)
        two = read(pd.DataFrame(columns).to_csv(index=False), **options)
        for a, b in zip(one[:3], two[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.feature_names == ("b", "x", "c=red") and one.record["dropped"] == "5"
        assert two.record["dropped"] == "6" and one.record["encoded"] == two.record["encoded"]

    def test_indices_are_refused(self, tmp_path):
        frame = pd.DataFrame({"a": [3, 1, 2, 5, 7], "y": [1.0, 2, 0, 4, 3]})
        assert self.load(tmp_path, frame).feature_names == ("a",)
        for other, name in (
            (frame[frame.y > 0], "__index_level_0__"),
            (frame.set_axis([4, 1, 7, 3, 2]).rename_axis("key"), "key"),
        ):
            with pytest.raises(DataError, match=f"'{name}'.* is no feature but an index; write"):
                self.load(tmp_path, other)
            assert self.load(tmp_path, other, features=["a"]).features.shape[1] == 1

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([2**62 + k for k in range(5)], "one and the same floating-point number; subtract"),
            (pd.to_datetime(["2024-01-0" + d for d in "12345"]), "2024-01-01 .*, not a number"),
            (["1.5", "2", "3", "4", "5"], "'1.5', not a number.*; it is text: .* store the column"),
            ([[1], [2], [3], [4], [5]], r"\[1\], not a number, and 4 more rows; write the column"),
            ([1.0, float("inf"), 2.0, 3.0, 4.0], "row 2, column 'a' is inf, not finite"),
            ([1.0, float("nan"), 2.0, 3.0, 4.0], "row 2, column 'a' is (nan, missing|empty); fill"),
        ],
    )
    def test_other_types_are_named(self, tmp_path, values, message):
        with pytest.raises(DataError, match=message):
            self.load(tmp_path, {"a": values, "y": [1, 2, 1, 4, 0]})

    def test_decimals_are_numbers(self, tmp_path):
        values = pa.array([1, 2, 3, 5, 9], pa.int64()).cast(pa.decimal128(30, 2))
        found = self.load(tmp_path, {"a": values, "y": [1, 2, 1, 4, 0]})
        assert found.features[:, 0].tolist() == [1, 2, 3, 5, 9]


@pytest.mark.parametrize(
    ("what", "size", "message"),
    [
        ("none", 1e200, "column 'y' has sizes up to 2e.200, beyond what can be squared"),
        ("features", 1e-200, "column 'y' has sizes up to 2e-200, .*; set `standardize` to both"),
        ("none", 1e8, ""),
        ("both", 1e200, ""),
    ],
)
def test_sizes_that_solvers_cannot_handle_are_said(tmp_path, what, size, message):
    path = tmp_path / "own.csv"
    path.write_text("a,y\n" + "".join(f"{k},{k % 3 * size!r}\n" for k in range(9)))
    entry = {"kind": "csv", "path": str(path), "target": "y", "standardize": what}
    if message:
        with pytest.raises(DataError, match=message):
            make_dataset("own", entry)
        return
    notes = make_dataset("own", entry).unusual()
    assert len(notes) == (what == "none")
    for note in notes:
        assert re.search("own: column 'y' has standard deviation 8.16e.07; solvers.* `stand", note)


# --- mutated files -------------------------------------------------------------------------------

GOOD = {
    "plain": (CSV_ROWS, {}),
    "text": (NOTED, {"features": ["a"]}),
    "crlf": (CSV_ROWS.replace("\n", "\r\n"), {}),
    "floats": (
        "p,q,y\n" + "".join(f"{k / 7!r},{-k * 1e-5!r},{(k * k % 11) / 3!r}\n" for k in range(9)),
        {},
    ),
    "quoted": (
        'name,"a, of it",y\n' + "".join(f'"n, {k}","{k}.5",{k * k % 7}\n' for k in range(1, 9)),
        {"features": ["a, of it"]},
    ),
    "comma": (CSV_ROWS.replace(",", ";").replace("\n", ",5\n").replace("y,5", "y"),
              {"delimiter": ";", "decimal": ","}),
    "truth": (
        "t,a,y\n" + "".join(f"{k % 3 == 0},{k},{k * k % 7}\n" for k in range(12)),
        {"missing": "drop"},
    ),
}  # fmt: skip
INJECTED = [
    '"',
    '""',
    ",",
    ";",
    "\n",
    "\r",
    "\t",
    " ",
    "_",
    "-",
    "+",
    ".",
    "e",
    "0",
    "9",
    "NA",
    "é",
]
INJECTED += ["\0", "True", "nan", "inf", "1e5", "'", "#", "\ufeff", ',"', '",', '"\n"', "\u2028"]


def mutated(text, rng):
    """A file like this one with one to three mistakes in it."""
    content = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        place, kind = rng.randrange(len(content)), rng.randrange(6)
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del content[place : place + rng.choice([1, 1, 1, 2, 5, 40])]
        elif kind == 2:
            content[place:place] = rng.choice(INJECTED).encode()
        elif kind == 3:
            content[place : place + 1] = rng.choice(INJECTED).encode()
        else:
            lines = content.split(b"\n")
            k = rng.randrange(len(lines))
            if kind == 4:
                lines[k] = rng.choice([b"", lines[k] * 2, lines[k][:-1], lines[0], b",", b"  "])
            else:
                lines.insert(k, rng.choice(lines))
            content = bytearray(b"\n".join(lines))
        if not content:
            break
    return bytes(content)


def judge(path, content, options):
    """Whether a file is accepted, with the numbers of pandas' strict reader; else an error."""
    path.write_bytes(content)
    try:
        found = load_csv(path, target="y", **options)
    except DataError as error:
        for line in str(error).splitlines():
            assert line.startswith(f"{path}: ") and ("; " in line or "more mistakes" in line)
        return False
    frame = pd.read_csv(
        io.BytesIO(content), sep=options.get("delimiter", ","),
        decimal=options.get("decimal", "."), on_bad_lines="error", encoding="utf-8",
    )  # fmt: skip
    frame.columns = frame.columns.str.strip()
    own = frame[[*found.feature_names, "y"]]
    if "missing" in options:
        # Blanks around a word for nothing, or alone, are text to pandas.
        own = own.replace(r"^[ \t]*(nan|NA|)[ \t]*$", np.nan, regex=True).dropna()
        own = own.replace(r"^[ \t]*(True|False)[ \t]*$", r"\1", regex=True)
        own = own.replace({"True": 1, "False": 0})
    numbers = own.to_numpy(dtype=float)
    np.testing.assert_array_equal(np.column_stack([found.features, found.target]), numbers)
    return True


def judge_many(path, seeds):
    accepted = 0
    for seed in seeds:
        rng = random.Random(seed)
        text, options = GOOD[rng.choice(sorted(GOOD))]
        content = mutated(text, rng)
        try:
            accepted += judge(path, content, options)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {content!r}") from error
    return accepted


def test_good_files_are_accepted(tmp_path):
    for text, options in GOOD.values():
        assert judge(tmp_path / "own.csv", text.encode(), options)


@pytest.mark.parametrize("seeds", [range(150), pytest.param(range(20_000), marks=pytest.mark.slow)])
def test_mutated_files_are_refused_or_read_as_pandas_does(tmp_path, seeds):
    """No traceback, no other number: bytes flipped, rows cut, quotes and delimiters injected."""
    accepted = judge_many(tmp_path / "own.csv", seeds)
    assert 0.1 * len(seeds) < accepted < 0.9 * len(seeds)


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_mutated_parquet_files_are_refused_or_read_as_pandas_does(tmp_path, step):
    path = tmp_path / "own.parquet"
    pd.read_csv(io.StringIO(CSV_ROWS)).to_parquet(path)
    good, refused = path.read_bytes(), 0
    for k in range(0, len(good), step):
        path.write_bytes(good[:k] + bytes([good[k] ^ (1 << k % 8)]) + good[k + 1 :])
        try:
            found = load_parquet(path, target="y")
        except DataError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            frame = parquet.read_table(path).to_pandas(ignore_metadata=True)
            own = frame[[*found.feature_names, "y"]].to_numpy(dtype=float)
            np.testing.assert_array_equal(np.column_stack([found.features, found.target]), own)
    assert refused > 10
