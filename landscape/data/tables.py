"""A user's own table, CSV or Parquet: read strictly, or refused with place, value and remedy.

What has two readings is refused, such as a quote that runs on into the next line, or an index that
was written as a column. All mistakes are told at once, a line for each; rows of a CSV file are its
lines (the header is 1), those of a Parquet file count from 1.
"""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from landscape.data.columns import (
    MOST,
    NO_INDEX,
    NUMBER,
    Table,
    further,
    make_table,
    read_text,
    read_typed,
)
from landscape.data.files import DataError, check
from landscape.errors import require_extra

#: How pandas and R call an index that was written as a column.
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
#: What files begin with that are no tables to us, and what to do.
_OTHERS = {
    b"PK\x03\x04": "an Excel workbook or another zip archive; save the sheet as CSV (UTF-8), or "
    "unpack the archive, and set `path` to that file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save its sheet as CSV (UTF-8)",
    b"ARROW1": "an Arrow file; write it as Parquet",
    b"\x89HDF": "an HDF5 file; write its table as Parquet",
}


def load_csv(
    path: str | Path, *, target: str, features: Sequence[str] | None = None, delimiter: str = ",",
    decimal: str = ".", encoding: str = "utf-8", encode: str = "none", missing: str = "refuse",
) -> Table:  # fmt: skip
    """A user's own table: one header line, numbers or true and false below it.

    A value in quotes ends in the line that it begins in. The file may be compressed (gzip, bzip2,
    xz, zstd). The features are all columns but the target if they are not named. With ``encode``
    ``"onehot"`` a feature of which no cell is a number becomes a column of 0 and 1 for each of its
    categories but the first in the order of the alphabet; with ``missing`` ``"drop"`` rows in which
    a used cell is empty or a word for that are left out. DataError, a line for each mistake, if the
    file cannot be read or a value is not a finite number.
    """
    both = "set `delimiter` to what stands between the columns, often ';'"
    check(delimiter != decimal, path, f"`delimiter` and `decimal` are both {delimiter!r}; {both}")
    check(decimal in (".", ","), path, f"`decimal` is {decimal!r}; write '.' or ','")
    odd = len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n.+-'
    check(not odd, path, f"`delimiter` {delimiter!r} cannot stand between numbers; correct it")
    content, record = _content(path)
    check(content[:4] != b"PAR1", path, "a Parquet file; set `kind` to parquet")
    lines = _lines(path, _decoded(path, content, encoding), delimiter)
    check(lines, path, "the file is empty; it needs a header line and rows of numbers")
    (_, header), *lines = lines
    header = [name.strip() for name in header]
    names = _choose(path, header, target, features, delimiter=delimiter)
    if wrong := [line for line in lines if len(line[1]) != len(header)]:
        counts = f"row {wrong[0][0]} has {len(wrong[0][1])} values, the header has {len(header)}"
        raise DataError(f"{path}: {counts}{further(wrong, 'row')}; complete or remove the row")
    columns = {name: [row[header.index(name)] for _, row in lines] for name in names}
    how: Any = {"encode": encode, "missing": missing, "chosen": bool(features), "record": record}
    rows = [line for line, _ in lines]
    return make_table(path, columns, rows, partial(read_text, decimal=decimal), **how)


def load_parquet(
    path: str | Path, *, target: str, features: Sequence[str] | None = None, encode: str = "none",
    missing: str = "refuse",
) -> Table:  # fmt: skip
    """The same of a Parquet file, whose columns have to be numbers, booleans or, encoded, text.

    Parameters and results are those of :func:`load_csv`.
    """
    require_extra("study", "pyarrow")
    import pyarrow as pa  # a quarter of a second
    import pyarrow.parquet as parquet

    content, record = _content(path)
    whole = len(content) > 8 and content[:4] == content[-4:] == b"PAR1"
    check(whole, path, "no Parquet file, or a truncated one; for a CSV file set `kind` to csv")
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        schema = file.schema_arrow
        places = {name.strip(): name for name in reversed(schema.names)}
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        header = [name.strip() for name in schema.names]
        names = _choose(path, header, target, features, index=index)
        read = file.read(columns=[places[name] for name in names])
        columns = {name: read.column(places[name]).to_pylist() for name in names}
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({said}); write it anew") from None
    how: Any = {"encode": encode, "missing": missing, "chosen": bool(features), "record": record}
    return make_table(path, columns, range(1, read.num_rows + 1), read_typed, **how)


def _content(path: str | Path) -> tuple[bytes, dict[str, str]]:
    """What a file holds, unpacked if it is compressed, and the digest of its bytes as they are."""
    folder = Path(path).is_dir()
    check(not folder, path, "a folder, not a file; correct `path` in the config")
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path}: no such file; correct `path` in the config") from None
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read ({said}); correct that or `path`") from None
    record = {"sha256": sha256(content).hexdigest()}
    unpack = {
        b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress,
        b"\x28\xb5\x2f\xfd": _unpack_zstd,
    }  # fmt: skip
    for function in [own for magic, own in unpack.items() if content.startswith(magic)]:
        try:
            content = function(content)
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
            said = " ".join(str(error).split())
            raise DataError(f"{path}: compressed and damaged ({said}); compress it anew") from None
    for magic, what in _OTHERS.items():
        check(not content.startswith(magic), path, what)
    return content, record


def _unpack_zstd(content: bytes) -> bytes:
    require_extra("study", "pyarrow")
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


def _decoded(path: str | Path, content: bytes, encoding: str) -> str:
    """Bytes as text; where they are none, the row and the byte."""
    wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and encoding == "utf-8"
    check(not wide, path, "is UTF-16, not UTF-8; set `encoding` to utf-16")
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        known = "write utf-8, cp1252, latin-1, utf-16 or another that Python knows"
        raise DataError(f"{path}: `encoding` {encoding!r} is unknown; {known}") from None
    except UnicodeError as error:
        place = error.start if isinstance(error, UnicodeDecodeError) else 0
        row, byte = content.count(b"\n", 0, place) + 1, content[place : place + 1]
        said = f"row {row} has byte 0x{byte.hex()}, which is not {encoding}"
        letter = byte.decode("cp1252", "replace")
        remedy = f"set `encoding`; with cp1252 (Windows, western Europe) it is {letter!r}"
        raise DataError(f"{path}: {said}; {remedy}") from None
    null = "holds null characters, as no text does; for UTF-16 set `encoding` to utf-16-le"
    check("\0" not in text, path, null)
    return text


def _lines(path: str | Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with its line, of a text whose rows are one line each."""
    lines = [*io.StringIO(text, newline="")]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    while (line := reader.line_num + 1) <= len(lines):
        # Read on, a quote would swallow what follows up to the next one.
        said = f"row {line} opens a quote that does not close at the end of a cell in that row"
        remedy = "close it, double it or remove it"
        try:
            row = next(reader)
        except csv.Error as error:
            if "limit" in str(error):
                said = f"row {line} has a cell of more than {csv.field_size_limit():,} characters"
                remedy = "shorten it"
            raise DataError(f"{path}: {said}; {remedy}") from None
        check(reader.line_num == line, path, f"{said}; {remedy}")
        if lines[line - 1].strip(" \t\r\n"):
            found.append((line, row))
    return found


def _choose(
    path: str | Path, header: list[str], target: str, features: Sequence[str] | None,
    *, delimiter: str = "", index: Sequence[Any] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Names of a table's columns: of the features, and of the target."""
    place = "row 1" if delimiter else "the file"
    for name in filter(None, header):
        twice = f"{place} names column {name!r} twice; rename one of them"
        check(header.count(name) == 1, path, twice)
    target, chosen = target.strip(), [name.strip() for name in features or ()]
    names = chosen or [name for name in header if name != target]
    shown = ", ".join(map(repr, header[:MOST])) + further(header[MOST - 1 :], "column")
    remedy = f"correct `target` or `features`{' or `delimiter`' if delimiter else ''} in the config"
    for mark in [mark for mark in ";\t|" if delimiter and mark in header[0]]:
        if target in map(str.strip, header[0].split(mark)):
            remedy = f"set `delimiter` to {mark!r}"
    if delimiter and all(map(NUMBER.fullmatch, header)):
        remedy = "add a header line"
    for name in (target, *names):
        check(name in header, path, f"{place} has no column {name!r}, only {shown}; {remedy}")
        if not chosen and (_INDEX.fullmatch(name) or name in index):
            column = f"column {name!r} (number {header.index(name) + 1})"
            raise DataError(f"{path}: {column} is no feature but an index; {NO_INDEX}")
    check(target not in names, path, f"column {target!r} is the target; remove it from `features`")
    check(names, path, f"no column but the target {target!r}; add a feature")
    return *names, target
