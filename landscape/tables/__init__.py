"""Tables and figures of a study: the one list of both, in the order in which a reader meets them.

- :mod:`landscape.rows`: what a table is; :mod:`landscape.study.rows`: the rows that jobs write;
- :mod:`landscape.tables.rows`, :mod:`landscape.tables.sums`: the tables that sum them up;
- :mod:`landscape.tables.realizations`: the functions at minima, in the data's own units;
- :mod:`landscape.tables.findings`: what the tables say about each data set, in sentences;
- :mod:`landscape.tables.compare`: two studies' tables, cell by cell.

A new table is a class of rows and its entry in :data:`TABLES`; a new figure is a function and its
entry in :data:`FIGURES`. Importing this needs neither pandas nor matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from hashlib import file_digest, sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from landscape.data.files import AGAIN, read_file, replace_file
from landscape.rows import Row, TableError, as_frame
from landscape.rows.store import Origin, check_names, read_parquet, write_csv, write_parquet
from landscape.study import rows as of_jobs
from landscape.tables import rows as sums

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ATLAS_FIGURES", "FIGURES", "NETWORK_FIGURES", "TABLES", "Figure", "TableError", "read_table",
    "render_markdown", "write_table",
]  # fmt: skip

#: All tables by name.
TABLES: dict[str, type[Row]] = {
    table.name: table
    for table in (
        sums.FindingRow, sums.Summary, of_jobs.Identity, sums.Accuracy, sums.Prediction,
        sums.Dependence, sums.Weight, of_jobs.Fit, sums.Restarts, of_jobs.Minimum, of_jobs.Probe,
        of_jobs.Bracket, of_jobs.Optimum, of_jobs.Control, of_jobs.Natural, sums.Degeneracies,
        of_jobs.Converse, of_jobs.Pair, sums.Rate, sums.SolverSummary, of_jobs.Run,
        of_jobs.Imported, of_jobs.Entry, of_jobs.Coverage, of_jobs.Valley, of_jobs.Barrier,
        sums.Fact,
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
        "losses": ("Losses at certified minima", "fits", "optima", "datasets"),
        "restarts": ("Minima that starts find", "restarts"),
        "probes": ("Balls in realization space", "fits", "probes", "controls", "datasets"),
        "controls": ("Controls, where the implication fails", "controls", "datasets"),
        "natural": ("Minima outside N*", "natural"),
        "converse": ("No converse", "converse"),
        "radii": ("Radii of realization minima", "fits", "minima"),
        "brackets": ("Radii bracketed from below and above", "minima", "brackets"),
        "stability": ("Inverse stability on N*", "pairs"),
        "inverse": ("Inverse and forward direction", "pairs"),
        "solvers": ("Solvers, before and after the descent", "runs", "datasets"),
    },
) | _figures(
    "plots.fits",
    {
        "dependence": (
            "Fitted functions at the best minima",
            "dependence",
            "predictions",
            "datasets",
        ),
        "predicted": ("Predicted against observed", "predictions", "accuracy", "datasets"),
        "residuals": ("Residuals", "predictions", "datasets"),
    },
)

#: Of networks that data sets bring.
NETWORK_FIGURES = _figures(
    "plots.fits", {"networks": ("Networks beside the study's minima", "networks", "fits")}
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
    """Write a table as CSV, UTF-8, for people and as Parquet for programs.

    ``origin`` is what it is made from, JSON values, stored in the Parquet file. TableError for a
    frame without the table's columns and types, StoreError if the file system refuses.
    """
    import pyarrow as pa

    frame = as_frame(TABLES[name], frame)
    replace_file(csv, partial(write_csv, frame))
    with open(csv, "rb") as file:
        written = file_digest(file, "sha256").hexdigest()
    content = pa.Table.from_pandas(frame, preserve_index=False)
    write_parquet(parquet, content, TABLES[name], origin, csv=written)


def read_table(name: str, path: str | Path, origin: Origin | None = None) -> pd.DataFrame:
    """Read a table from its CSV or Parquet file; both give the same frame.

    A CSV file is compared with the checksum in the Parquet file beside it, if there is one, and
    ``origin`` with what a Parquet file was made from. TableError if the file is missing, damaged or
    not this table.
    """
    import pandas as pd

    path, table, numbers = Path(path), TABLES[name], []
    try:
        if path.suffix == ".parquet":
            frame = read_parquet(path, table, origin)[0].to_pandas()
        else:
            content, twin = read_file(path), path.with_suffix(".parquet")
            if twin.exists() and read_parquet(twin)[1]["csv"] != sha256(content).hexdigest():
                raise TableError(f"{path}: is not what was written beside {twin.name}; {AGAIN}")
            # As text first: how pandas reads numbers has changed over its versions.
            frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
            numbers = [c.name for c in table.columns() if c.type == "number"]
        check_names([c.name for c in table.columns()], frame.columns.tolist(), path)
        for column in numbers:
            frame[column] = [float(text or "nan") for text in frame[column]]
        return as_frame(table, frame)
    except (OSError, ValueError, KeyError) as error:
        what = f"cannot be read as table {name!r} ({error})"
        raise TableError(f"{path}: {what}; {AGAIN}") from None


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
    blocks = [head]
    for table in TABLES.values():
        keys = ", ".join(f"`{name}`" for name in table.key())
        lines = [f"## {table.name}", "", table.title(), "", f"Rows are identified by {keys}.", ""]
        lines += ["| column | type | meaning | unit |", "|---|---|---|---|"]
        for c in table.columns():
            cells = (f"`{c.name}`", c.type, c.meaning, c.unit)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
