"""Data sets of a study and the files that they and intermediate results live in.

- :mod:`landscape.data.datasets`: what a data set is, how it is standardized;
- :mod:`landscape.data.sources`: generators and loaders, by the kinds of the config;
- :mod:`landscape.data.own_tables`: a user's tables, CSV and Parquet;
- :mod:`landscape.data.plugins`: a user's functions, from installed modules;
- :mod:`landscape.data.store`: array files, written atomically and checked when read.

The paper's lift ``x -> (x, 1, -1)`` is a property of the space that is trained over, not of the
data stored here.
"""

from landscape.data.datasets import DataError, Dataset, standardize
from landscape.data.own_tables import load_csv, load_parquet
from landscape.data.plugins import load_function, module_file
from landscape.data.sources import (
    KINDS,
    SMOOTH_FUNCTIONS,
    draw_smooth,
    draw_teacher,
    load_diabetes,
    make_dataset,
)
from landscape.data.store import (
    Record,
    StoreError,
    read_arrays,
    read_dataset,
    replace_file,
    write_arrays,
    write_dataset,
)

__all__ = [
    "KINDS",
    "SMOOTH_FUNCTIONS",
    "DataError",
    "Dataset",
    "Record",
    "StoreError",
    "draw_smooth",
    "draw_teacher",
    "load_csv",
    "load_diabetes",
    "load_function",
    "load_parquet",
    "make_dataset",
    "module_file",
    "read_arrays",
    "read_dataset",
    "replace_file",
    "standardize",
    "write_arrays",
    "write_dataset",
]
