"""The figure of the experiment with regularizers, from its rows; a pure function."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.plots import BLUE, GREEN, ORANGE, RED, STYLE, TWO_COLUMNS, legend

__all__ = ["regularization_figure"]

#: One column each: title, measure.
_PANELS = (
    ("imbalance,\ntrained", "trained_imbalance"),
    ("largest cosine,\ntrained", "trained_cosine"),
    ("share within 1 %\nof the best loss", "near_best"),
    ("share with a\nviolation", "violated"),
    ("share with lower\nminus higher loss", "loss"),
)
_MARKERS = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", RED), ("v", "0.4"), ("P", "0.6"))


def regularization_figure(summary: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Paired differences of every arm to its counterpart, with intervals.

    Parameters
    ----------
    summary : pandas.DataFrame
        Rows of :func:`landscape.study.comparison.compare_arms`.
    level : float
        Of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
        A row of panels per number of neurons, a line per arm, a marker per data set: filled where
        the interval leaves out 0 (in the last panel, which has no intervals: where Holm's
        adjusted sign test is below ``1 - level``), open elsewhere.
    """
    frame = summary[summary["against"] != ""].assign(key=summary["strength"].fillna(-1.0))
    arms = frame[["arm", "key", "against"]].drop_duplicates().to_numpy().tolist()
    places = {(arm, key): k for k, (arm, key, _) in enumerate(arms)}
    neurons = sorted(set(frame["neurons"]))
    datasets = list(dict.fromkeys(frame["dataset"]))
    with mpl.rc_context(STYLE):
        height = 1.0 + (0.24 * len(places) + 0.3) * len(neurons)
        figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
        axes = figure.subplots(len(neurons), len(_PANELS), sharey=True, sharex="col", squeeze=False)
        for m, line in zip(neurons, axes, strict=True):
            own = frame[frame["neurons"] == m]
            for ax, (title, measure) in zip(line, _PANELS, strict=True):
                if m == neurons[0]:
                    ax.set_title(title)
                ax.axvline(0.0, color="0.3", linewidth=0.8)
                for row in own[own["measure"] == measure].itertuples():
                    k = datasets.index(str(row.dataset))
                    shift = 0.8 * ((k + 0.5) / len(datasets) - 0.5)
                    _mark(ax, row, places[row.arm, row.key] + shift, k, 1.0 - level)
            line[0].set_yticks(range(len(places)), [_name(*arm) for arm in arms])
            line[0].set_ylim(len(places) - 0.5, -0.5)
            line[-1].set_xlim(-1.05, 1.05)
            line[-1].annotate(
                f"$m = {m}$", (1.05, 0.5), xycoords="axes fraction", rotation=270, va="center"
            )
        figure.supxlabel("paired difference", fontsize=8)
        handles = [
            axes[0, 0].scatter([], [], marker=marker, s=16, color=[colour])
            for marker, colour in _MARKERS[: len(datasets)]
        ]
        legend(figure, dict(zip(datasets, handles, strict=True)))
    return figure


def _name(arm: str, key: float, against: str) -> str:
    name = f"{arm} {key:g}" if key >= 0 else arm
    return name if against == "none" else f"{name} (to {against})"


def _mark(ax: Axes, row: Any, y: float, k: int, alpha: float) -> None:
    """One comparison: its interval and a marker, filled if it is told apart from 0."""
    marker, colour = _MARKERS[k % len(_MARKERS)]
    if row.measure == "loss":
        x, found = (row.n_less - row.n_more) / max(row.n, 1), row.p_holm < alpha
    else:
        x, found = row.difference, row.low > 0 or row.high < 0
        ax.plot([row.low, row.high], [y, y], color=colour, linewidth=0.8)
    face = colour if found else "white"
    ax.scatter(
        [x], [y], marker=marker, s=9, linewidths=0.6, zorder=3, facecolors=[face],
        edgecolors=[colour],
    )  # fmt: skip
