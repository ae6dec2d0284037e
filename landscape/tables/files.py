"""Writing tables and reading them back; both are checked against the table's schema.

A Parquet file carries, in its own metadata, the version of this format, the table's name, what it
was made from, the SHA-256 of the CSV file beside it and one of itself: no bit of either can change
unnoticed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from landscape.data import AGAIN, StoreError, check_origin, read_file, replace_file
from landscape.tables.schemas import TABLES, Table

__all__ = ["FORMAT", "TableError", "csv_text", "read_table", "shape_frame", "write_table"]

#: Version of the format. 1 had no metadata of ours.
FORMAT = 2

_KEY = b"landscape"
#: Where the checksum of a Parquet file stands; it is computed with zeros in its place.
_SEAL = re.compile(rb'"seal": "([0-9a-f]{64})"')
_ZEROS = "0" * 64


class TableError(StoreError):
    """A table that does not have its schema's columns, types or key."""


def shape_frame(table: Table, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the table's columns and types, sorted by its key.

    Raises
    ------
    TableError
        If a row lacks a column, has an unknown one, or two rows have the same key.
    """
    for row in rows:
        if set(row) != set(table.names):
            odd = sorted(set(row) ^ set(table.names))
            raise TableError(f"table {table.name}: a row lacks or adds {', '.join(odd)}")
    columns = {name: [row[name] for row in rows] for name in table.names}
    frame = pd.DataFrame(columns).astype(table.dtypes)
    if frame.duplicated(list(table.key)).any():
        twice = frame.loc[frame.duplicated(list(table.key)), list(table.key)].iloc[0]
        raise TableError(f"table {table.name}: two rows for {twice.to_dict()}")
    return frame.sort_values(list(table.key), ignore_index=True)


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV: line feeds, missing numbers empty, the shortest digits that are exact."""
    return frame.to_csv(index=False, lineterminator="\n")


def write_table(
    name: str,
    frame: pd.DataFrame,
    csv: str | Path,
    parquet: str | Path,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write one table as CSV and as Parquet; equal frames give equal bytes.

    CSV: UTF-8, line feeds, missing numbers empty, ``inf`` for infinity, and the shortest
    digits that give the same double back.

    Parameters
    ----------
    name : str
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
    _check(TABLES[name], frame, f"table {name}")
    text = csv_text(frame).encode()
    header = {
        "format": FORMAT,
        "table": name,
        "origin": dict(origin or {}),
        "csv": hashlib.sha256(text).hexdigest(),
        "seal": _ZEROS,
    }
    packed = _pack(frame, json.dumps(header))
    replace_file(csv, lambda file: file.write(text))
    replace_file(parquet, lambda file: file.write(packed))


def read_table(
    name: str, path: str | Path, origin: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Read a table from its CSV or Parquet file; both give the same frame.

    Parameters
    ----------
    name : str
    path : path
        A CSV file is compared with the checksum in the Parquet file beside it, if there is one.
    origin : mapping, optional
        What a Parquet file must have been made from.

    Raises
    ------
    TableError
        If the file is missing, damaged or not this table.
    """
    table, path = TABLES[name], Path(path)
    try:
        content = read_file(path)
        if path.suffix == ".parquet":
            header = _header(path, content)
            if header["table"] != name:
                raise StoreError(f"{path}: holds {header['table']!r}, expected {name!r}; {AGAIN}")
            check_origin(path, header["origin"], origin or {})
            frame = pd.read_parquet(io.BytesIO(content))
        else:
            twin = path.with_suffix(".parquet")
            if twin.exists():
                header = _header(twin, read_file(twin))
                if header["csv"] != hashlib.sha256(content).hexdigest():
                    raise StoreError(f"{path}: is not what was written beside {twin.name}; {AGAIN}")
            frame = _parse(table, content)
    except StoreError as error:
        raise TableError(str(error)) from None
    except (OSError, ValueError, KeyError) as error:
        raise TableError(f"{path}: cannot be read as table {name!r} ({error}); {AGAIN}") from None
    _check(table, frame, str(path), f"; {AGAIN}")
    return frame


def _parse(table: Table, content: bytes) -> pd.DataFrame:
    """A frame from CSV; as text first: how pandas reads numbers has changed over its versions."""
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    for column in table.columns:
        if column.type == "number" and column.name in frame:
            frame[column.name] = [float(text or "nan") for text in frame[column.name]]
    return frame.astype({k: v for k, v in table.dtypes.items() if k in frame})


def _pack(frame: pd.DataFrame, header: str) -> bytes:
    """The frame as Parquet, with our header, sealed."""
    buffer = io.BytesIO()
    content = pa.Table.from_pandas(frame, preserve_index=False)
    with pq.ParquetWriter(buffer, content.schema, compression="zstd") as writer:
        writer.write_table(content)
        # Added last and outside the schema: it stands in the file as it is, and once.
        writer.add_key_value_metadata({_KEY: header})
    packed = buffer.getvalue()
    seal = hashlib.sha256(packed).hexdigest().encode()
    start, stop = _place(packed)
    return packed[:start] + seal + packed[stop:]


def _header(path: Path, content: bytes) -> dict[str, Any]:
    """Our metadata of a Parquet file, after its seal was checked."""
    if not (content.startswith(b"PAR1") and content.endswith(b"PAR1")):
        raise StoreError(f"{path}: no Parquet file, or a truncated one; {AGAIN}")
    if not _SEAL.search(content):
        raise StoreError(
            f"{path}: has no checksum: from a version of landscape before format {FORMAT}, from "
            f"another program, or damaged; {AGAIN}"
        )
    start, stop = _place(content)
    unsealed = content[:start] + _ZEROS.encode() + content[stop:]
    if hashlib.sha256(unsealed).hexdigest().encode() != content[start:stop]:
        raise StoreError(f"{path}: damaged: the content does not match its checksum; {AGAIN}")
    header: dict[str, Any] = json.loads(pq.read_metadata(io.BytesIO(content)).metadata[_KEY])
    if header["format"] != FORMAT:
        raise StoreError(
            f"{path}: has format {header['format']} of another version of landscape, this one "
            f"reads {FORMAT}; {AGAIN}"
        )
    return header


def _place(content: bytes) -> tuple[int, int]:
    """Where the seal stands: the last match, in the file's footer."""
    return list(_SEAL.finditer(content))[-1].span(1)


def _check(table: Table, frame: pd.DataFrame, where: str, remedy: str = "") -> None:
    if list(frame.columns) != table.names:
        odd = sorted(set(frame.columns) ^ set(table.names)) or ["their order"]
        raise TableError(f"{where}: columns differ from the schema of {table.name}: {odd}{remedy}")
    for column, dtype in table.dtypes.items():
        found = frame[column].dtype
        if found != np.dtype("O") and str(found) != dtype:
            raise TableError(f"{where}: column {column} is {found}, expected {dtype}{remedy}")
