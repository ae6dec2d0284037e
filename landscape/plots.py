"""Figures of a study, from its tables; pure functions that draw into no global state.

Every figure is readable in greyscale (line styles and markers carry what colours carry) and at
the width of one or two columns of a paper.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

__all__ = [
    "FIGURES",
    "losses_figure",
    "probes_figure",
    "radii_figure",
    "render",
    "stability_figure",
]

#: Widths of one and of two columns, inches.
ONE_COLUMN, TWO_COLUMNS = 3.4, 6.9

STYLE: dict[str, Any] = {
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
    "figure.dpi": 100,
}

BLUE, ORANGE, GREEN, RED = (sns.color_palette("colorblind")[k] for k in (0, 1, 2, 3))

#: Name, colour, line style and width of each space; the last is drawn on top.
SPACES = {
    "unrestricted": (r"unrestricted $\mathcal{P}$", "0.55", "-", 2.6),
    "balanced": (r"balanced $\mathcal{N}'$", ORANGE, "--", 1.6),
    "restricted": (r"restricted $\mathcal{N}^*$", BLUE, "-", 0.9),
}

Tables = Mapping[str, pd.DataFrame]


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
        figure.savefig(buffer, format=format, dpi=300, metadata=metadata)
    return buffer.getvalue()


def losses_figure(tables: Tables) -> Figure:
    """Empirical distribution of the losses at certified minima, per space."""
    fits = tables["fits"]
    certified = fits[fits["minimum"] >= 0]
    figure, axes = _grid(fits, 1.55)
    for (dataset, neurons), ax in axes.items():
        here = _cell(certified, dataset, neurons)
        every = _cell(fits, dataset, neurons)
        for space, (_, colour, style, width) in SPACES.items():
            own = here.loc[here["space"] == space, "loss"]
            if len(own):
                sns.ecdfplot(
                    x=np.maximum(own, 1e-16), ax=ax, color=colour, linestyle=style, linewidth=width
                )
        positive = every.loc[every["loss"] > 1e-12, "loss"]
        if len(positive) and positive.max() > 10 * positive.min():
            ax.set_xscale("log")
        ax.set(xlabel="", ylabel="", ylim=(-0.03, 1.03))
    figure.supxlabel("loss $L$ at certified local minima (1 = variance of the target)", fontsize=8)
    figure.supylabel("share of minima with loss ≤ $L$", fontsize=8)
    present = [space for space in SPACES if space in set(fits["space"])]
    lines = [
        Line2D([], [], color=c, linestyle=s, linewidth=w)
        for _, c, s, w in (SPACES[space] for space in present)
    ]
    _legend(figure, lines, [SPACES[space][0] for space in present])
    return figure


#: Marker, size, face colour, edge colour and label of each kind of pair.
PAIRS = {
    "minima": ("o", 10, "none", "0.45", "two minima of $\\mathcal{N}^*$"),
    "scaled": ("^", 12, "white", BLUE, "minimum, neurons rescaled"),
    "opposed": ("s", 10, "white", GREEN, "opposed neurons"),
    "extremal": ("D", 11, BLUE, "black", "extremal for $2\\sqrt{2}$"),
    "control C.1": ("x", 14, RED, RED, "control C.1, outside $\\mathcal{N}^*$"),
}


def stability_figure(tables: Tables) -> Figure:
    """Distance of parametrizations against distance of realizations, Corollary 3.3."""
    pairs = tables["pairs"]
    pairs = pairs[(pairs["seminorm"] > 0) & (pairs["distance"] > 0)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(ONE_COLUMN, 3.75), layout="constrained")
        ax = figure.subplots()
        ax.set(xscale="log", yscale="log")
        handles, labels = [], []
        for kind, (marker, size, face, edge, label) in PAIRS.items():
            own = pairs[pairs["kind"] == kind]
            if own.empty:
                continue
            colours = {"c": [edge]} if marker == "x" else {"facecolors": face, "edgecolors": [edge]}
            # Thousands of markers: as an image inside the SVG.
            points = ax.scatter(
                own["seminorm"],
                own["distance"],
                marker=marker,
                s=size,
                linewidths=0.7,
                rasterized=len(own) > 500,
                zorder=3,
                **colours,
            )
            handles.append(points)
            labels.append(label)
        if len(pairs):
            r = np.geomspace(pairs["seminorm"].min() / 2, pairs["seminorm"].max() * 2, 50)
            for factor, style, label in (
                (4.0, "-", r"$4\,\sqrt{r}$, Corollary 3.3"),
                (2 * np.sqrt(2), "--", r"$2\sqrt{2}\,\sqrt{r}$, sharp"),
            ):
                (line,) = ax.plot(r, factor * np.sqrt(r), style, color="black", linewidth=0.9)
                handles.insert(0, line)
                labels.insert(0, label)
            ax.set_xlim(r[0], r[-1])
        ax.set_xlabel(r"$r = |\mathcal{R}(\Gamma)-\mathcal{R}(\Theta)|_{W^{1,\infty}}$")
        ax.set_ylabel(r"$\|\Gamma-\Theta\|_\infty$ modulo permutations")
        _legend(figure, handles, labels, columns=2)
    return figure


#: Marker, size, face and edge colour, and label of each radius.
RADII = {
    "rigidity_radius": ("^", 13, "white", GREEN, r"$\frac{1}{2}\,\min_i\|u_i\|_\infty$"),
    "notes_radius": ("o", 11, "white", ORANGE, r"$r^2/8$"),
    "paper_radius": ("o", 11, BLUE, BLUE, r"$r^2/16$, Corollary 1.3"),
}


def radii_figure(tables: Tables) -> Figure:
    """Per certified minimum of N*, radii of the realization minimum."""
    minima = tables["minima"]
    minima = minima[minima["space"] == "restricted"]
    figure, axes = _grid(tables["fits"], 1.55, share_y=True)
    handles: dict[str, Any] = {}
    for (dataset, neurons), ax in axes.items():
        own = _cell(minima, dataset, neurons).sort_values(["paper_radius", "minimum"])
        ax.set_yscale("log")
        for column, (marker, size, face, edge, _) in RADII.items():
            finite = np.isfinite(own[column]) & (own[column] > 0)
            points = ax.scatter(
                np.flatnonzero(finite) + 1,
                own.loc[finite, column],
                marker=marker,
                s=size,
                facecolors=face,
                edgecolors=[edge],
                linewidths=0.7,
            )
            handles.setdefault(column, points)
    figure.supxlabel(
        r"distinct certified minima of $\mathcal{N}^*$, in the order of their radius $r$",
        fontsize=8,
    )
    figure.supylabel("radius of the realization minimum", fontsize=8)
    _legend(figure, list(handles.values()), [RADII[column][-1] for column in handles])
    return figure


#: Marker, size, face and edge colour, and label of each probe.
BALLS = {
    "paper": ("o", 12, BLUE, BLUE, "ball $r^2/16$"),
    "notes": ("o", 12, "white", ORANGE, "ball $r^2/8$"),
    "rigid": ("^", 13, "white", GREEN, r"rigid ball"),
    "control C.1": ("x", 12, RED, RED, "control C.1"),
}

#: Gaps below are drawn here: rounding.
FLOOR = 1e-18


def probes_figure(tables: Tables) -> Figure:
    """What probes find: by how much the loss can be lowered within a seminorm ball."""
    probes = tables["probes"]
    figure, axes = _grid(tables["fits"], 1.6, share_x=True, share_y=True)
    handles: dict[str, Any] = {}
    for (dataset, neurons), ax in axes.items():
        own = _cell(probes, dataset, neurons)
        own = own[(own["space"] == "restricted") & (own["verdict"] != "undecided")]
        ax.set(xscale="log", yscale="log")
        tolerance = own.loc[own["ball"] != "control C.1", "tolerance"].max()
        if np.isfinite(tolerance):
            ax.axhspan(FLOOR / 10, tolerance, color="0.93", linewidth=0)
        for ball, (marker, size, face, edge, _) in BALLS.items():
            rows = own[(own["ball"] == ball) & (own["radius"] > 0) & np.isfinite(own["radius"])]
            if rows.empty:
                continue
            colours = {"c": [edge]} if marker == "x" else {"facecolors": face, "edgecolors": [edge]}
            points = ax.scatter(
                rows["radius"],
                np.maximum(rows["gap"], FLOOR),
                marker=marker,
                s=size,
                linewidths=0.7,
                zorder=3,
                **colours,
            )
            handles.setdefault(ball, points)
    figure.supxlabel(
        "radius of the ball, or distance of the better realization (seminorm)", fontsize=8
    )
    figure.supylabel("decrease of the loss", fontsize=8)
    _legend(figure, list(handles.values()), [BALLS[ball][-1] for ball in handles])
    return figure


#: The figures of a study by name.
FIGURES: dict[str, Callable[[Tables], Figure]] = {
    "losses": losses_figure,
    "stability": stability_figure,
    "radii": radii_figure,
    "probes": probes_figure,
}


def _grid(
    frame: pd.DataFrame, height: float, *, share_x: bool = False, share_y: bool = False
) -> tuple[Figure, dict[tuple[str, int], Axes]]:
    """One panel per data set (columns) and number of neurons (rows)."""
    datasets = list(dict.fromkeys(frame["dataset"]))
    neurons = sorted(set(frame["neurons"]))
    n_rows, n_columns = max(len(neurons), 1), max(len(datasets), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(TWO_COLUMNS, height * n_rows + 0.75), layout="constrained")
        axes = figure.subplots(
            n_rows, n_columns, squeeze=False, sharex=share_x or False, sharey=share_y or False
        )
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


def _cell(frame: pd.DataFrame, dataset: str, neurons: int) -> pd.DataFrame:
    return frame[(frame["dataset"] == dataset) & (frame["neurons"] == neurons)]


def _legend(
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
