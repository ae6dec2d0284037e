"""Frames of the tables beside the main line of the study."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from landscape.tables.files import shape_frame
from landscape.tables.frames import Arrays, Cell, rows_of
from landscape.tables.schemas import TABLES

__all__ = [
    "cells_frame",
    "controls_frame",
    "solvers_frame",
    "stability_frame",
]

#: Arrays whose names differ from their columns'.
RENAMED = {
    "n_positive": "positive_signs",
    "loss_drawn": "drawn_loss",
    "loss_descended": "descended_loss",
    "n_inputs": "inputs",
    "n_neurons": "width",
}


def cells_frame(name: str, cells: Iterable[tuple[Cell, Arrays]]) -> pd.DataFrame:
    """A table with one row per entry of the arrays of its cells.

    An array ``n_x`` becomes the column ``x``; arrays without a column (networks) are left out.

    Parameters
    ----------
    name : str
        Of the table.
    cells : iterable of (cell, arrays)
        ``cell`` has the columns that all rows of the cell share.
    """
    table = TABLES[name]
    rows = []
    for cell, arrays in cells:
        for entry in rows_of(arrays):
            named = {RENAMED.get(key, key.removeprefix("n_")): v for key, v in entry.items()}
            rows.append(cell | {key: v for key, v in named.items() if key in table.names})
    return shape_frame(table, rows)


def controls_frame(cells: Iterable[tuple[Cell, Arrays]]) -> pd.DataFrame:
    """Table ``controls`` from (cell, arrays of :func:`landscape.study.controls.control_rows`)."""
    renamed = [
        (cell, {"fibre_distance" if k == "parameter_distance" else k: v for k, v in a.items()})
        for cell, a in cells
    ]
    return cells_frame("controls", renamed)


def stability_frame(cells: Iterable[tuple[Cell, Arrays]]) -> pd.DataFrame:
    """Table ``stability``: pairs are numbered within their kind."""
    numbered = []
    for cell, arrays in cells:
        counts: dict[str, int] = {}
        pairs = []
        for kind in map(str, arrays.get("kind", ())):
            pairs.append(counts.get(kind, 0))
            counts[kind] = pairs[-1] + 1
        numbered.append((cell, {**arrays, "pair": np.array(pairs)} if pairs else {}))
    return cells_frame("stability", numbered)


def solvers_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """Table ``solvers`` from the table ``runs``."""
    cell = ["dataset", "neurons", "solver"]
    rows = []
    for key, own in runs.groupby(cell):
        gain = own["trained_loss"] - own["loss"]
        passed = int(own["trained_verdict"].eq("holds").sum())
        certified = int(own["descent_outcome"].eq("minimum").sum())
        rows.append(
            {
                **dict(zip(cell, key, strict=True)),
                "starts": len(own),
                "iteration_limit": int(own["training_outcome"].eq("iteration_limit").sum()),
                "trained_certified": passed,
                "trained_certified_share": passed / len(own),
                "trained_undecided": int(own["trained_verdict"].eq("undecided").sum()),
                "certified": certified,
                "certified_share": certified / len(own),
                "best_trained_loss": own["trained_loss"].min(),
                "median_trained_loss": own["trained_loss"].median(),
                "best_loss": own["loss"].min(),
                "median_loss": own["loss"].median(),
                "median_gain": gain.median(),
                "largest_gain": gain.max(),
            }
        )
    return shape_frame(TABLES["solvers"], rows)
