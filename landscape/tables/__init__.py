"""Tables of a study: CSV for people, Parquet for programs, identical content.

- :mod:`landscape.tables.schemas`: every table's columns, their meanings and units (those beside
  the main line of the study in :mod:`landscape.tables.experiments`);
- :mod:`landscape.tables.frames`, :mod:`landscape.tables.probing`: from the steps' arrays to data
  frames;
- :mod:`landscape.tables.findings`: what the tables say about each data set, in sentences;
- :mod:`landscape.tables.files`: writing and reading, checked against the schema.
"""

from landscape.tables.files import TableError, read_table, write_table
from landscape.tables.findings import findings_frame
from landscape.tables.frames import (
    fits_frame,
    minima_frame,
    pairs_frame,
    probes_frame,
    provenance_frame,
    summary_frame,
)
from landscape.tables.probing import (
    cells_frame,
    controls_frame,
    solvers_frame,
    stability_frame,
)
from landscape.tables.schemas import TABLES, Column, Table, render_markdown

__all__ = [
    "TABLES",
    "Column",
    "Table",
    "TableError",
    "cells_frame",
    "controls_frame",
    "findings_frame",
    "fits_frame",
    "minima_frame",
    "pairs_frame",
    "probes_frame",
    "provenance_frame",
    "read_table",
    "render_markdown",
    "solvers_frame",
    "stability_frame",
    "summary_frame",
    "write_table",
]
