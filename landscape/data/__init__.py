"""Data sets of a study, and files that are whole.

The paper's lift ``x -> (x, 1, -1)`` is a property of the space that is trained over, not of the
data stored here.
"""

from landscape.data.columns import Table
from landscape.data.datasets import Dataset, standardize
from landscape.data.files import DataError, StoreError, replace_file, write_text
from landscape.data.sources import (
    KINDS,
    SMOOTH_FUNCTIONS,
    draw_smooth,
    draw_teacher,
    load_diabetes,
    load_function,
    make_dataset,
)
from landscape.data.tables import load_csv, load_parquet

__all__ = [
    "KINDS", "SMOOTH_FUNCTIONS", "DataError", "Dataset", "StoreError", "Table", "draw_smooth",
    "draw_teacher", "load_csv", "load_diabetes", "load_function", "load_parquet", "make_dataset",
    "replace_file", "standardize", "write_text",
]  # fmt: skip
