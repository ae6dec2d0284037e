"""Tables of a study: CSV for people, Parquet for programs, identical content.

- :mod:`landscape.tables.schemas`: every table's columns, their meanings and units;
- :mod:`landscape.tables.frames`: from the steps' arrays to data frames;
- :mod:`landscape.tables.files`: writing and reading, checked against the schema.
"""

from landscape.tables.files import TableError, read_table, write_table
from landscape.tables.frames import (
    fits_frame,
    minima_frame,
    pairs_frame,
    probes_frame,
    provenance_frame,
    summary_frame,
)
from landscape.tables.schemas import TABLES, Column, Table, render_markdown

__all__ = [
    "TABLES",
    "Column",
    "Table",
    "TableError",
    "fits_frame",
    "minima_frame",
    "pairs_frame",
    "probes_frame",
    "provenance_frame",
    "read_table",
    "render_markdown",
    "summary_frame",
    "write_table",
]
