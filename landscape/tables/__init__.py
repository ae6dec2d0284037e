"""Tables and figures of a study: the one list of both, in the order in which a reader meets them.

- :mod:`landscape.rows`: what a table is; :mod:`landscape.study.rows`: the rows that jobs write;
- :mod:`landscape.tables.rows`, :mod:`landscape.tables.sums`: the tables that sum them up;
- :mod:`landscape.tables.findings`: what the tables say about each data set, in sentences;
- :mod:`landscape.tables.compare`: two studies' tables, cell by cell.

A new table is a class of rows and its entry in :data:`TABLES`; a new figure is a function and its
entry in :data:`FIGURES`. Importing this needs neither pandas nor matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from landscape.rows import Row, TableError, describe
from landscape.rows.store import Origin, read_frame, write_frame
from landscape.study import rows as of_jobs
from landscape.tables import rows as sums

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ATLAS_FIGURES", "FIGURES", "TABLES", "Figure", "TableError", "read_table", "render_markdown",
    "write_table",
]  # fmt: skip

#: All tables by name.
TABLES: dict[str, type[Row]] = {
    table.name: table
    for table in (
        sums.FindingRow, sums.Summary, of_jobs.Fit, of_jobs.Minimum, of_jobs.Probe,
        of_jobs.Bracket, of_jobs.Control, of_jobs.Natural, sums.Degeneracies, of_jobs.Converse,
        of_jobs.Pair, sums.Rate, sums.SolverSummary, of_jobs.Run, of_jobs.Entry, of_jobs.Coverage,
        of_jobs.Valley, of_jobs.Barrier, sums.Fact,
    )
}  # fmt: skip


class Figure(NamedTuple):
    """A figure of a study: its title, the tables that it is drawn from, ``module:function``."""

    title: str
    tables: tuple[str, ...]
    source: str

    @property
    def draw(self) -> Any:
        """What draws it from these tables by name, imported when it is asked for."""
        module, function = self.source.split(":")
        return getattr(import_module(module), function)


def _figures(module: str, listed: Mapping[str, tuple[str, ...]]) -> dict[str, Figure]:
    return {
        name: Figure(title, tuple(tables), f"landscape.{module}:{name}_figure")
        for name, (title, *tables) in listed.items()
    }


#: The figures of a study by name: title, and the tables that they are drawn from.
FIGURES = _figures(
    "plots.figures",
    {
        "losses": ("Losses at certified minima", "fits"),
        "probes": ("Balls in realization space", "fits", "probes", "controls"),
        "controls": ("Controls, where the implication fails", "controls"),
        "natural": ("Minima outside N*", "natural"),
        "converse": ("No converse", "converse"),
        "radii": ("Radii of realization minima", "fits", "minima"),
        "brackets": ("Radii bracketed from below and above", "minima", "brackets"),
        "stability": ("Inverse stability on N*", "pairs"),
        "inverse": ("Inverse and forward direction", "pairs"),
        "solvers": ("Solvers, before and after the descent", "runs"),
    },
)

#: Figures of atlases, which are also drawn from the networks in the files of their jobs.
ATLAS_FIGURES = _figures(
    "plots_atlas",
    {
        "atlas": ("Atlas: all local minima", "atlas"),
        "coverage": ("How many of them starts find", "coverage", "atlas"),
        "valleys": ("Valleys and barriers", "valleys"),
        "barriers": ("Fits in valleys, and paths between them", "valleys"),
    },
)


def write_table(
    name: str, frame: pd.DataFrame, csv: str | Path, parquet: str | Path,
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write one table, see :func:`landscape.rows.store.write_frame`."""
    write_frame(TABLES[name], frame, csv, parquet, origin)


def read_table(name: str, path: str | Path, origin: Origin | None = None) -> pd.DataFrame:
    """Read one table, see :func:`landscape.rows.store.read_frame`."""
    return read_frame(TABLES[name], path, origin)


def render_markdown() -> str:
    """The description of all tables, as docs/tables.md has it."""
    head = (
        "# Tables\n\n"
        "`make study` writes each table twice with the same content, in\n"
        "`results/<study>/tables/`: `<name>.csv` for people, `<name>.parquet` for programs. Rows\n"
        "are sorted, numbers are written so that reading them gives the same number back. This\n"
        "page is made from the classes of rows (`landscape/study/rows.py`,\n"
        "`landscape/tables/rows.py`); a test compares them."
    )
    return "\n\n".join([head, *map(describe, TABLES.values())]) + "\n"
