"""Frames of the tables beside the main line of the study, and the findings drawn from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from landscape.study.verdicts import count_verdicts, sentence
from landscape.tables.files import shape_frame
from landscape.tables.frames import Arrays, Cell, rows_of
from landscape.tables.schemas import TABLES

__all__ = [
    "cells_frame",
    "controls_frame",
    "findings_frame",
    "solvers_frame",
    "stability_frame",
]

#: Tables by name.
Own = dict[str, pd.DataFrame]

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


def findings_frame(tables: Own) -> pd.DataFrame:
    """Table ``findings``: per data set what was tested, held, failed and is undecided.

    Parameters
    ----------
    tables : dict of DataFrame
        ``minima``, ``probes``, ``controls``, ``brackets``, ``converse``, ``natural``,
        ``stability`` and ``solvers``.
    """
    topics = {
        "balls and controls": _balls_and_controls,
        "radii": _radii,
        "converse": _converse,
        "natural": _natural,
        "stability": _stability,
        "solvers": _solvers,
    }
    rows = []
    for dataset in sorted(set(tables["minima"]["dataset"])):
        own = {
            name: frame[frame["dataset"] == dataset]
            for name, frame in tables.items()
            if "dataset" in frame
        }
        for topic, write in topics.items():
            rows.append(
                {"dataset": dataset, "topic": topic, "finding": f"{dataset}: {write(own)}."}
            )
    return shape_frame(TABLES["findings"], rows)


def _of(count: Any, total: Any) -> str:
    return f"{int(count)} of {int(total)}"


def _median(values: pd.Series) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.median():.2g}" if len(finite) else "unknown"


def _verdicts(values: pd.Series) -> str:
    return ", ".join(f"{n} {name}" for name, n in count_verdicts(values.to_numpy()).items())


def _balls_and_controls(own: Own) -> str:
    probes = own["probes"]
    balls = probes[(probes["space"] == "restricted") & (probes["ball"] != "control C.1")]
    arrays = {
        name: {
            "minimum": frame["minimum"].to_numpy(),
            "n_neurons": frame["neurons"].to_numpy(),
            "verdict": frame["verdict"].to_numpy().astype(str),
            **({"kind": frame["kind"].to_numpy().astype(str)} if name == "controls" else {}),
        }
        for name, frame in (("balls", balls), ("controls", own["controls"]))
    }
    text = sentence("", arrays["balls"], arrays["controls"])
    return text.removeprefix(": ").removesuffix(".")


def _radii(own: Own) -> str:
    minima = own["minima"][own["minima"]["radius_high_method"] != ""]
    found = minima[np.isfinite(minima["radius_high"]) & (minima["radius_low"] > 0)]
    wide = own["brackets"]
    better = wide[np.isfinite(wide["radius_high"]) & (wide["radius_low"] > 0)]
    return (
        f"the radius of {_of(len(found), len(minima))} bracketed minima is known from both sides, "
        f"in the median up to a factor {_median(found['radius_high'] / found['radius_low'])}, and "
        f"{_median(found['radius_low'] / found['radius'])} times the certified one; the radius in "
        f"realization space of {_of(len(better), len(wide))} minima of N*, in the median up to a "
        f"factor {_median(better['radius_high'] / better['radius_low'])}"
    )


def _converse(own: Own) -> str:
    draws = own["converse"]
    return (
        f"of {len(draws)} networks with random directions and optimal scales, as minima in "
        f"realization space: {_verdicts(draws['realization'])}; as minima of the parameters: "
        f"{_verdicts(draws['parameters'])}"
    )


def _natural(own: Own) -> str:
    parts = []
    for space, name in (("balanced", "N'"), ("unrestricted", "the unrestricted space")):
        rows = own["natural"][own["natural"]["space"] == space]
        parts.append(
            f"of {len(rows)} minima of {name}, {int((rows['spare'] > 0).sum())} have spare neurons "
            f"and the implication: {_verdicts(rows['verdict'])}"
        )
    return "; ".join(parts)


def _stability(own: Own) -> str:
    pairs = own["stability"]
    within, outside = pairs[pairs["within"] == 1], pairs[pairs["within"] == 0]
    ratios = within["ratio"][np.isfinite(within["ratio"])]
    largest = f"{ratios.max():.4f}" if len(ratios) else "unknown"
    return (
        f"distance at most 2√2 √r for {len(within)} pairs of N*: {_verdicts(within['verdict'])}, "
        f"largest distance / √r {largest}; for {len(outside)} pairs outside, where it must fail "
        "as r goes to 0: "
        f"{_verdicts(outside['verdict'])}"
    )


def _solvers(own: Own) -> str:
    parts = [
        f"{row.solver} {_of(row.trained_certified, row.starts)} before and "
        f"{_of(row.certified, row.starts)} after"
        for row in own["solvers"]
        .groupby("solver")[["trained_certified", "certified", "starts"]]
        .sum()
        .reset_index()
        .itertuples()
    ]
    return "certified ends before and after the descent: " + "; ".join(parts)
