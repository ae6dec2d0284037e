"""Writing tables and reading them back; both are checked against the table's schema."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.data import StoreError, replace_file
from landscape.tables.schemas import TABLES, Table

__all__ = ["TableError", "read_table", "shape_frame", "write_table"]


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


def write_table(name: str, frame: pd.DataFrame, csv: str | Path, parquet: str | Path) -> None:
    """Write one table as CSV and as Parquet; equal frames give equal bytes.

    CSV: UTF-8, line feeds, missing numbers empty, ``inf`` for infinity, and the shortest
    digits that give the same double back.

    Raises
    ------
    TableError
        If the frame does not have the table's columns and types.
    """
    _check(TABLES[name], frame, f"table {name}")
    text = frame.to_csv(index=False, lineterminator="\n").encode()
    replace_file(csv, lambda file: file.write(text))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    replace_file(parquet, lambda file: file.write(buffer.getvalue()))


def read_table(name: str, path: str | Path) -> pd.DataFrame:
    """Read a table from its CSV or Parquet file; both give the same frame.

    Raises
    ------
    TableError
        If the file is missing, damaged or not this table.
    """
    table = TABLES[name]
    try:
        if Path(path).suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            # As text first: how pandas reads numbers has changed over its versions.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
            for column in table.columns:
                if column.type == "number" and column.name in frame:
                    frame[column.name] = [float(text or "nan") for text in frame[column.name]]
            frame = frame.astype({k: v for k, v in table.dtypes.items() if k in frame})
    except (OSError, ValueError, KeyError) as error:
        raise TableError(
            f"{path}: cannot be read as table {name!r} ({error}); delete it and run the study again"
        ) from None
    _check(table, frame, str(path))
    return frame


def _check(table: Table, frame: pd.DataFrame, where: str) -> None:
    if list(frame.columns) != table.names:
        odd = sorted(set(frame.columns) ^ set(table.names)) or ["their order"]
        raise TableError(f"{where}: columns differ from the schema of {table.name}: {odd}")
    for column, dtype in table.dtypes.items():
        if frame[column].dtype != np.dtype("O") and str(frame[column].dtype) != dtype:
            raise TableError(f"{where}: column {column} is {frame[column].dtype}, expected {dtype}")
