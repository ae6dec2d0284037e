"""The figure of the experiment with regularizers, from its rows; a pure function."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.plots import BLUE, GREEN, ORANGE, RED, STYLE, TWO_COLUMNS
from landscape.plots.style import legend

__all__ = ["regularization_figure"]

#: One panel each: title, measure.
_PANELS = (
    ("imbalance,\ntrained", "trained_imbalance"),
    ("largest cosine,\ntrained", "trained_cosine"),
    ("starts within 1 %\nof the best loss", "near_best"),
    ("starts with lower minus\nthose with higher loss", "loss"),
)
_MARKERS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", RED), ("v", "0.4"), ("P", "0.6"))


def regularization_figure(summary: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Paired differences of every arm to its counterpart, with intervals.

    Parameters
    ----------
    summary : pandas.DataFrame
        Rows of :func:`landscape.study.regularization.compare_runs`.
    level : float
        Of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
        One line per arm, one marker per data set: filled where the interval leaves out 0 (in the
        last panel, which has no intervals: where Holm's adjusted sign test is below
        ``1 - level``), open elsewhere.
    """
    frame = summary[summary["against"] != ""].assign(key=summary["strength"].fillna(-1.0))
    arms = frame[["arm", "key", "against"]].drop_duplicates()
    places = {(arm, key): k for k, (arm, key) in enumerate(zip(arms["arm"], arms["key"]))}  # noqa: B905
    cells = list(frame.groupby(["dataset", "neurons"], sort=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(TWO_COLUMNS, 1.1 + 0.3 * len(places)), layout="constrained")
        axes = figure.subplots(1, len(_PANELS), sharey=True)
        for ax, (title, measure) in zip(axes, _PANELS, strict=True):
            ax.set_title(title)
            ax.axvline(0.0, color="0.3", linewidth=0.8)
            for k, (_, cell) in enumerate(cells):
                shift = 0.7 * ((k + 0.5) / len(cells) - 0.5)
                for row in cell[cell["measure"] == measure].itertuples():
                    _mark(ax, row, places[row.arm, row.key] + shift, k, 1.0 - level)
        axes[0].set_yticks(range(len(places)), [_name(*row) for row in arms.to_numpy()])
        axes[0].set_ylim(len(places) - 0.5, -0.5)
        axes[-1].set_xlim(-1.05, 1.05)
        figure.supxlabel("paired difference", fontsize=8)
        handles = [
            axes[0].scatter([], [], marker=marker, s=18, color=[colour])
            for marker, colour in _MARKERS[: len(cells)]
        ]
        labels = [f"{dataset}, $m = {m}$" for (dataset, m), _ in cells]
        legend(figure, handles, labels)
    return figure


def _name(arm: str, key: float, against: str) -> str:
    name = f"{arm} {key:g}" if key >= 0 else arm
    return name if against == "none" else f"{name}\n(to {against})"


def _mark(ax: Axes, row: Any, y: float, k: int, alpha: float) -> None:
    """One comparison: its interval and a marker, filled if it is told apart from 0."""
    marker, colour = _MARKERS[k % len(_MARKERS)]
    if row.measure == "loss":
        x, found = (row.n_less - row.n_more) / max(row.n, 1), row.p_holm < alpha
    else:
        x, found = row.difference, row.low > 0 or row.high < 0
        ax.plot([row.low, row.high], [y, y], color=colour, linewidth=0.9)
    face = colour if found else "white"
    ax.scatter([x], [y], marker=marker, s=16, linewidths=0.7, zorder=3, facecolors=[face],
               edgecolors=[colour])  # fmt: skip
