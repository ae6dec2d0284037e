"""Files of rows: Parquet, sealed; published tables as CSV beside it.

A Parquet file carries, in its own metadata, the version of this format, what it holds, what it was
made from, the SHA-256 of the CSV file beside it (of published tables) and one of itself: no bit of
either can change unnoticed. Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from landscape.data import AGAIN, StoreError, check_origin, read_file, replace_file
from landscape.errors import require_extra
from landscape.rows import DTYPES, Row, TableError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["FORMAT", "csv_text", "read_frame", "read_rows", "write_frame", "write_rows"]

#: Version of the format. 2 held published tables only.
FORMAT = 3

_KEY = b"landscape"
#: Where the checksum of a Parquet file stands; it is computed with zeros in its place.
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"')
_ZEROS = "0" * 64

Origin = Mapping[str, Any]
R = TypeVar("R", bound=Row)


def write_rows(
    path: str | Path, table: type[Row], rows: Iterable[Row], origin: Origin | None = None
) -> None:
    """Write the rows of a job, arrays included.

    Parameters
    ----------
    path : path
    table : type of Row
    rows : iterable of Row
        All of that type.
    origin : mapping, optional
        What they are made from, JSON values.

    Raises
    ------
    StoreError
        If the file system refuses.
    """
    require_extra("study", "pyarrow")
    import pyarrow as pa

    rows = list(rows)
    types = {"text": pa.string(), "number": pa.float64(), "integer": pa.int64()}
    columns = {}
    for c in table.columns(arrays=True):
        kind = types.get(c.type, pa.float64())
        for _ in range(c.depth):
            kind = pa.list_(kind)
        plain = {"text": str, "number": float, "integer": int}.get(c.type, _nested)
        columns[c.name] = pa.array([plain(getattr(row, c.name)) for row in rows], kind)
    packed = _pack(pa.table(columns), {"table": table.name, "origin": dict(origin or {})})
    replace_file(path, lambda file: file.write(packed))


def read_rows(path: str | Path, table: type[R], origin: Origin | None = None) -> list[R]:
    """Read the rows of a job.

    Parameters
    ----------
    path : path
    table : type of Row
    origin : mapping, optional
        What they must have been made from, compared name by name.

    Raises
    ------
    TableError
        If the file is missing, damaged, of another place or does not hold such rows.
    """
    content, _ = _unpack(path, table, origin)
    named = {c.name: c for c in table.columns(arrays=True)}
    if list(named) != content.column_names:
        raise TableError(f"{path}: {_odd(list(named), content.column_names)}; {AGAIN}")
    columns = {name: content[name].to_pylist() for name in named}
    for name, c in named.items():
        if c.depth:
            columns[name] = [v if v is None else np.array(v, dtype=float) for v in columns[name]]
        if c.flag:
            columns[name] = [bool(v) for v in columns[name]]
    return [
        table(**dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV: line feeds, missing numbers empty, the shortest digits that are exact."""
    return frame.to_csv(index=False, lineterminator="\n")


def write_frame(
    table: type[Row],
    frame: pd.DataFrame,
    csv: str | Path,
    parquet: str | Path,
    origin: Origin | None = None,
) -> None:
    """Write a published table as CSV for people and as Parquet for programs.

    CSV: UTF-8, line feeds, missing numbers empty, ``inf`` for infinity, and the shortest digits
    that give the same double back.

    Parameters
    ----------
    table : type of Row
    frame : DataFrame
    csv, parquet : path
    origin : mapping, optional
        What the table is made from, JSON values; stored in the Parquet file.

    Raises
    ------
    TableError
        If the frame does not have the table's columns and types.
    StoreError
        If the file system refuses.
    """
    import pyarrow as pa

    _check(table, frame, f"table {table.name}")
    text = csv_text(frame).encode()
    header = {
        "table": table.name,
        "origin": dict(origin or {}),
        "csv": hashlib.sha256(text).hexdigest(),
    }
    packed = _pack(pa.Table.from_pandas(frame, preserve_index=False), header)
    replace_file(csv, lambda file: file.write(text))
    replace_file(parquet, lambda file: file.write(packed))


def read_frame(table: type[Row], path: str | Path, origin: Origin | None = None) -> pd.DataFrame:
    """Read a published table from its CSV or Parquet file; both give the same frame.

    Parameters
    ----------
    table : type of Row
    path : path
        A CSV file is compared with the checksum in the Parquet file beside it, if there is one.
    origin : mapping, optional
        What a Parquet file must have been made from.

    Raises
    ------
    TableError
        If the file is missing, damaged or not this table.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            frame = _unpack(path, table, origin)[0].to_pandas()
        else:
            content = read_file(path)
            if (twin := path.with_suffix(".parquet")).exists():
                _, header = _unpack(twin)
                if header["csv"] != hashlib.sha256(content).hexdigest():
                    raise StoreError(f"{path}: is not what was written beside {twin.name}; {AGAIN}")
            frame = _parse(table, content)
    except StoreError as error:
        raise TableError(str(error)) from None
    except (OSError, ValueError, KeyError) as error:
        raise TableError(
            f"{path}: cannot be read as table {table.name!r} ({error}); {AGAIN}"
        ) from None
    _check(table, frame, str(path), f"; {AGAIN}")
    return frame


def _parse(table: type[Row], content: bytes) -> pd.DataFrame:
    """A frame from CSV; as text first: how pandas reads numbers has changed over its versions."""
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    types = {c.name: DTYPES[c.type] for c in table.columns() if c.name in frame}
    for name, kind in types.items():
        if kind == "float64":
            frame[name] = [float(text or "nan") for text in frame[name]]
    return frame.astype(types)


def _nested(values: Any) -> Any:
    return None if values is None else np.asarray(values, dtype=float).tolist()


def _pack(content: pa.Table, header: dict[str, Any]) -> bytes:
    """Parquet with our header, sealed."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, content.schema, compression="zstd") as writer:
        writer.write_table(content)
        # Added last and outside the schema: it stands in the file as it is, and once.
        header = {"format": FORMAT, **header, "seal": _ZEROS}
        writer.add_key_value_metadata({_KEY: json.dumps(header)})
    packed = buffer.getvalue()
    seal = hashlib.sha256(packed).hexdigest().encode()
    start, stop = _place(packed)
    return packed[:start] + seal + packed[stop:]


def _unpack(
    path: str | Path, table: type[Row] | None = None, origin: Origin | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Content and header of a file, after its seal, name and origin were checked."""
    require_extra("study", "pyarrow")
    import pyarrow.parquet as pq

    try:
        content = read_file(path)
        if not (content.startswith(b"PAR1") and content.endswith(b"PAR1")):
            raise StoreError(f"{path}: no Parquet file, or a truncated one; {AGAIN}")
        if not _SEAL.search(content):
            raise StoreError(
                f"{path}: has no checksum: from an old version of landscape, from another program, "
                f"or damaged; {AGAIN}"
            )
        start, stop = _place(content)
        unsealed = content[:start] + _ZEROS.encode() + content[stop:]
        if hashlib.sha256(unsealed).hexdigest().encode() != content[start:stop]:
            raise StoreError(f"{path}: damaged: the content does not match its checksum; {AGAIN}")
        file = pq.ParquetFile(io.BytesIO(content))
        header: dict[str, Any] = json.loads(file.metadata.metadata[_KEY])
        if header["format"] != FORMAT:
            raise StoreError(
                f"{path}: has format {header['format']} of another version of landscape, this one "
                f"reads {FORMAT}; {AGAIN}"
            )
        if table is not None and header["table"] != table.name:
            raise StoreError(f"{path}: holds {header['table']!r}, expected {table.name!r}; {AGAIN}")
        check_origin(path, header["origin"], origin or {})
        return file.read(), header
    except StoreError as error:
        raise TableError(str(error)) from None


def _place(content: bytes) -> tuple[int, int]:
    """Where the seal stands: the last match, in the file's footer."""
    return list(_SEAL.finditer(content))[-1].span(1)


def _odd(wanted: list[str], found: list[str]) -> str:
    odd = sorted(set(found) ^ set(wanted)) or ["their order"]
    return f"columns differ from those of the table: {', '.join(odd)}"


def _check(table: type[Row], frame: pd.DataFrame, where: str, remedy: str = "") -> None:
    wanted = {c.name: DTYPES[c.type] for c in table.columns()}
    if list(frame.columns) != list(wanted):
        raise TableError(f"{where}: {_odd(list(wanted), list(frame.columns))}{remedy}")
    for name, dtype in wanted.items():
        found = frame[name].dtype
        if found != np.dtype("O") and str(found) != dtype:
            raise TableError(f"{where}: column {name} is {found}, expected {dtype}{remedy}")
