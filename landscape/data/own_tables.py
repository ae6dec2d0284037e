"""A user's own tables, CSV and Parquet: numbers in named columns, every cell checked."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import DataError, is_constant

__all__ = ["load_csv", "load_parquet"]

Array = NDArray[np.float64]


def load_csv(
    path: str | Path,
    *,
    target: str,
    features: Sequence[str] | None = None,
    delimiter: str = ",",
) -> tuple[Array, Array, tuple[str, ...]]:
    """A user's own table: one header line, numbers below it.

    Parameters
    ----------
    path : path
        UTF-8 text.
    target : str
        Name of the target's column.
    features : sequence of str, optional
        Names of the feature columns; all but the target if not given.
    delimiter : str

    Returns
    -------
    features : array of shape (n, d)
    target : array of shape (n,)
    feature_names : tuple of str

    Raises
    ------
    DataError
        If the file cannot be read or a value is not a finite number; the message names file, row
        (the line of the file, the header is 1), column, value and remedy.
    """
    _no_folder(path)
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; correct `path` in the config") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 CSV ({error}); convert it") from None
    if not rows:
        raise DataError(f"{path}: the file is empty; it needs a header line and rows of numbers")
    header = [name.strip() for name in rows[0][1]]
    names = _choose(path, header, target, features, "row 1", " or `delimiter`")
    columns = [header.index(name) for name in (*names, target)]
    table = np.empty((len(rows) - 1, len(columns)))
    for k, (line, row) in enumerate(rows[1:]):
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {line} has {len(row)} values, the header has {len(header)}; "
                "complete or remove the row"
            )
        for j, column in enumerate(columns):
            table[k, j] = _number(row[column], f"{path}: row {line}, column {header[column]!r}")
    return _checked(path, table, names, target)


def load_parquet(
    path: str | Path, *, target: str, features: Sequence[str] | None = None
) -> tuple[Array, Array, tuple[str, ...]]:
    """The same of a Parquet file, whose columns have to be numbers or booleans.

    Parameters and results are those of :func:`load_csv`; rows are counted from 1.
    """
    import pyarrow as pa  # a quarter of a second
    import pyarrow.parquet as parquet

    _no_folder(path)
    try:
        with parquet.ParquetFile(str(path)) as file:
            header = [str(name) for name in file.schema_arrow.names]
            names = _choose(path, header, target, features, "the file", "")
            content = file.read(columns=[*names, target])
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; correct `path` in the config") from None
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason}); convert it") from None
    table = np.empty((content.num_rows, len(names) + 1))
    for j, name in enumerate((*names, target)):
        column = content.column(name)
        kind, where = column.type, f"{path}: column {name!r}"
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or kind == pa.bool_()):
            raise DataError(f"{where} holds {kind}, not numbers; encode or remove the column")
        for k, value in enumerate(column.to_pylist()):
            if value is None or not math.isfinite(value):
                said = "empty" if value is None else f"{value!r}, not finite"
                raise DataError(
                    f"{path}: row {k + 1}, column {name!r} is {said}; fill it in or remove the row"
                )
            table[k, j] = value
    return _checked(path, table, names, target)


def _no_folder(path: str | Path) -> None:
    if Path(path).is_dir():
        raise DataError(f"{path}: a folder, not a file; correct `path` in the config")


def _choose(
    path: str | Path,
    header: list[str],
    target: str,
    features: Sequence[str] | None,
    place: str,
    also: str,
) -> tuple[str, ...]:
    """The names of the features among a table's columns."""
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{path}: {place} names column {name!r} twice; rename one of them")
    names = tuple(features) if features else tuple(name for name in header if name != target)
    for name in (target, *names):
        if name not in header:
            raise DataError(
                f"{path}: {place} has no column {name!r}, only {', '.join(map(repr, header))}; "
                f"correct `target` or `features`{also} in the config"
            )
    if target in names:
        raise DataError(f"{path}: column {target!r} is the target; remove it from `features`")
    if not names:
        raise DataError(f"{path}: no column but the target {target!r}; add a feature")
    return names


def _checked(
    path: str | Path, table: Array, names: tuple[str, ...], target: str
) -> tuple[Array, Array, tuple[str, ...]]:
    """Features, target and names, if there are enough rows and no constant column."""
    if len(table) < len(names) + 2:
        raise DataError(
            f"{path}: {len(table)} rows for {len(names)} features; give at least "
            f"{len(names) + 2} rows or choose fewer columns with `features`"
        )
    for name, column in zip((*names, target), table.T, strict=True):
        if is_constant(column):
            remedy = "choose another `target`" if name == target else "leave it out of `features`"
            raise DataError(f"{path}: column {name!r} is constant ({column[0]:g}); {remedy}")
    return table[:, :-1], table[:, -1], names


def _number(text: str, where: str) -> float:
    """The finite number that ``text`` spells."""
    try:
        value = float(text)
    except ValueError:
        if not text.strip():
            raise DataError(f"{where} is empty; fill it in or remove the row") from None
        raise DataError(
            f"{where} is {text!r}, not a number; encode or remove the column, or remove the row"
        ) from None
    if not math.isfinite(value):
        raise DataError(f"{where} is {text!r}, not finite; fill it in or remove the row")
    return value
