"""Tables and figures of a study: the one list of both, in the order in which a reader meets them.

- :mod:`landscape.rows`: what a table is; :mod:`landscape.study.rows`: the rows that jobs write;
- :mod:`landscape.tables.rows`, :mod:`landscape.tables.sums`: the tables that sum them up;
- :mod:`landscape.tables.findings`: what the tables say about each data set, in sentences;
- :mod:`landscape.tables.compare`: two studies' tables, cell by cell.

A new table is a class of rows and its entry in :data:`TABLES`; a new figure is a function and its
entry in :data:`FIGURES`. Importing this needs neither pandas nor matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscape.rows import Row, TableError, describe
from landscape.rows.store import read_frame, write_frame
from landscape.study import rows as of_jobs
from landscape.tables import rows as sums

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ATLAS_FIGURES",
    "FIGURES",
    "TABLES",
    "Figure",
    "TableError",
    "read_table",
    "render_markdown",
    "write_table",
]

#: All tables by name.
TABLES: dict[str, type[Row]] = {
    table.name: table
    for table in (
        sums.FindingRow,
        sums.Summary,
        of_jobs.Fit,
        of_jobs.Minimum,
        of_jobs.Probe,
        of_jobs.Bracket,
        of_jobs.Control,
        of_jobs.Natural,
        sums.Degeneracies,
        of_jobs.Converse,
        of_jobs.Pair,
        sums.Rate,
        sums.SolverSummary,
        of_jobs.Run,
        of_jobs.Entry,
        of_jobs.Coverage,
        sums.Fact,
    )
}


@dataclass(frozen=True)
class Figure:
    """A figure of a study.

    Attributes
    ----------
    title : str
    tables : tuple of str
        What it is drawn from.
    source : str
        ``module:function`` of what draws it, which takes these tables by name.
    """

    title: str
    tables: tuple[str, ...]
    source: str

    @property
    def draw(self) -> Callable[[Mapping[str, pd.DataFrame]], Any]:
        """What draws it, imported when it is asked for."""
        module, function = self.source.split(":")
        draw: Callable[[Mapping[str, pd.DataFrame]], Any] = getattr(import_module(module), function)
        return draw


_MAIN, _MORE = "landscape.plots.main", "landscape.plots.experiments"

#: The figures of a study by name; those of its small problems are in :data:`ATLAS_FIGURES`.
FIGURES: dict[str, Figure] = {
    "losses": Figure("Losses at certified minima", ("fits",), f"{_MAIN}:losses_figure"),
    "probes": Figure(
        "Balls in realization space", ("fits", "probes", "controls"), f"{_MAIN}:probes_figure"
    ),
    "controls": Figure(
        "Controls, where the implication fails", ("controls",), f"{_MORE}:controls_figure"
    ),
    "natural": Figure("Minima outside N*", ("natural",), f"{_MORE}:natural_figure"),
    "converse": Figure("No converse", ("converse",), f"{_MORE}:converse_figure"),
    "radii": Figure("Radii of realization minima", ("fits", "minima"), f"{_MAIN}:radii_figure"),
    "brackets": Figure(
        "Radii bracketed from below and above", ("minima", "brackets"), f"{_MORE}:brackets_figure"
    ),
    "stability": Figure("Inverse stability on N*", ("pairs",), f"{_MAIN}:stability_figure"),
    "inverse": Figure("Inverse and forward direction", ("pairs",), f"{_MORE}:inverse_figure"),
    "solvers": Figure(
        "Solvers, before and after the descent", ("runs",), f"{_MORE}:solvers_figure"
    ),
}

#: Figures of atlases, which are also drawn from the networks in the files of their jobs.
ATLAS_FIGURES: dict[str, Figure] = {
    "atlas": Figure("Atlas: all local minima", ("atlas",), "landscape.plots_atlas:atlas_figure"),
    "coverage": Figure(
        "How many of them starts find",
        ("coverage", "atlas"),
        "landscape.plots_atlas:coverage_figure",
    ),
}


def write_table(
    name: str,
    frame: pd.DataFrame,
    csv: str | Path,
    parquet: str | Path,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Write one table, see :func:`landscape.rows.store.write_frame`."""
    write_frame(TABLES[name], frame, csv, parquet, origin)


def read_table(
    name: str, path: str | Path, origin: Mapping[str, Any] | None = None
) -> pd.DataFrame:
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
        "`landscape/tables/rows.py`); a test compares them.\n"
    )
    return "\n\n".join([head.rstrip(), *map(describe, TABLES.values())]) + "\n"
