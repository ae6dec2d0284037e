"""Style of all figures, and the pieces that they share; nothing draws into global state."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREEN",
    "ONE_COLUMN",
    "ORANGE",
    "RED",
    "SPACES",
    "STYLE",
    "TWO_COLUMNS",
    "Draw",
    "Tables",
    "cell_of",
    "grid",
    "legend",
    "points",
    "render",
    "styled",
]

#: Widths of one and of two columns, inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 6.9

STYLE: Any = {  # what matplotlib calls a setting differs between its versions
    **sns.axes_style("ticks"),
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "svg.hashsalt": "landscape",
    "svg.fonttype": "path",
    "figure.dpi": 300,
}

BLUE, ORANGE, GREEN, RED = (sns.color_palette("colorblind")[k] for k in (0, 1, 2, 3))

#: Name, colour, line style and width of each space; the last is drawn on top.
SPACES: dict[str, tuple[str, Any, Any, float]] = {
    "unrestricted": (r"unrestricted $\mathcal{P}$", "0.55", "-", 2.6),
    "balanced": (r"balanced $\mathcal{N}'$", ORANGE, "--", 1.6),
    "restricted": (r"restricted $\mathcal{N}^*$", BLUE, "-", 0.9),
}

Tables = Mapping[str, pd.DataFrame]
Draw = Callable[[Tables], Figure]


def styled(draw: Draw) -> Draw:
    """Draw with this module's style, and leave the user's settings alone.

    The layout is found once, not for each file: it takes as long as drawing.
    """

    @wraps(draw)
    def drawn(tables: Tables) -> Figure:
        with mpl.rc_context(STYLE):
            figure = draw(tables)
            if engine := figure.get_layout_engine():
                engine.execute(figure)
                figure.set_layout_engine("none")
            return figure

    return drawn


def render(figure: Figure, format: str) -> bytes:
    """The figure as a file; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    format : {"svg", "png"}
    """
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=format, metadata=metadata)
    return buffer.getvalue()


def grid(
    frame: pd.DataFrame, height: float, *, share_x: bool = False, share_y: bool = False
) -> tuple[Figure, dict[tuple[str, int], Axes]]:
    """One panel per data set (columns) and number of neurons (rows)."""
    datasets = list(dict.fromkeys(frame["dataset"]))
    neurons = sorted(set(frame["neurons"]))
    n_rows, n_columns = max(len(neurons), 1), max(len(datasets), 1)
    figure = Figure(figsize=(TWO_COLUMNS, height * n_rows + 0.75), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=share_x, sharey=share_y)
    for j, dataset in enumerate(datasets):
        axes[0, j].set_title(dataset)
    for i, m in enumerate(neurons):
        axes[i, -1].annotate(
            f"$m = {m}$",
            (1.04, 0.5),
            xycoords="axes fraction",
            rotation=270,
            va="center",
            fontsize=8,
        )
    panels = {(d, m): axes[i, j] for i, m in enumerate(neurons) for j, d in enumerate(datasets)}
    return figure, panels


#: Markers without a face.
UNFILLED = ("x", "+", "_", "1")


def points(
    ax: Axes, x: Any, y: Any, marker: str, size: float, face: Any, edge: Any
) -> PathCollection:
    """Markers that overlap legibly: outlines on top of the grid."""
    filled = {"facecolors": face, "edgecolors": [edge]}
    colours = {"c": [edge]} if marker in UNFILLED else filled
    return ax.scatter(x, y, marker=marker, s=size, linewidths=0.7, zorder=3, **colours)


def cell_of(frame: pd.DataFrame, dataset: str, neurons: int) -> pd.DataFrame:
    """The rows of one panel."""
    return frame[(frame["dataset"] == dataset) & (frame["neurons"] == neurons)]


def legend(
    figure: Figure, handles: list[Any], labels: list[str], *, columns: int | None = None
) -> None:
    """A legend above the panels."""
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=columns or len(labels),
            fontsize=7,
            frameon=False,
            handletextpad=0.4,
            columnspacing=1.4,
        )
