"""Data sets as files: a table of one row, whose columns are features and target."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from landscape.data import Dataset
from landscape.rows import Row, array, column
from landscape.rows.store import read_rows, write_rows

__all__ = ["read_dataset", "write_dataset"]


class _Stored(Row):
    """A data set."""

    name = "data"
    about: str = column("Names and what the data come from, JSON.")
    features: NDArray = array(2)
    target: NDArray = array(1)


def write_dataset(
    path: str | Path, dataset: Dataset, origin: Mapping[str, Any] | None = None
) -> None:
    """Write a data set as Parquet; :func:`read_dataset` gives it back exactly."""
    names = ("name", "feature_names", "target_name", "metadata")
    about = {name: getattr(dataset, name) for name in names}
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    write_rows(path, _Stored, [_Stored.copied(dataset, about=text)], origin)


def read_dataset(path: str | Path, origin: Mapping[str, Any] | None = None) -> Dataset:
    """Read a data set; errors as :func:`landscape.rows.store.read_rows`."""
    (row,) = read_rows(path, _Stored, origin)
    about = json.loads(row.about)
    return Dataset(about.pop("name"), row.features, row.target, **about)
