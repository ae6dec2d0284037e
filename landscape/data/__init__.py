"""Data sets of a study, and files that are whole.

- :mod:`landscape.data.datasets`: what a data set is, how it is standardized; a user's own tables,
  CSV and Parquet;
- :mod:`landscape.data.sources`: generators and loaders, by the kinds of the config; a user's own
  functions, from installed modules;
- :mod:`landscape.data.files`: files that are written completely or not at all.

The paper's lift ``x -> (x, 1, -1)`` is a property of the space that is trained over, not of the
data stored here.
"""

from landscape.data.datasets import Dataset, load_csv, load_parquet, standardize
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

__all__ = [
    "KINDS", "SMOOTH_FUNCTIONS", "DataError", "Dataset", "StoreError", "draw_smooth",
    "draw_teacher", "load_csv", "load_diabetes", "load_function", "load_parquet", "make_dataset",
    "replace_file", "standardize", "write_text",
]  # fmt: skip
