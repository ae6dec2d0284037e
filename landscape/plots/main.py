"""Figures of the main line of the study: losses, stability, radii, probes."""

from __future__ import annotations

from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.plots.style import (
    BLUE,
    GREEN,
    ONE_COLUMN,
    ORANGE,
    RED,
    SPACES,
    Tables,
    cell_of,
    grid,
    legend,
    points,
    styled,
)

__all__ = ["PAIRS", "losses_figure", "probes_figure", "radii_figure", "stability_figure"]


@styled
def losses_figure(tables: Tables) -> Figure:
    """Empirical distribution of the losses at certified minima, per space."""
    fits = tables["fits"]
    certified = fits[fits["minimum"] >= 0]
    figure, axes = grid(fits, 1.55)
    for (dataset, neurons), ax in axes.items():
        here = cell_of(certified, dataset, neurons)
        every = cell_of(fits, dataset, neurons)
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
    legend(figure, lines, [SPACES[space][0] for space in present])
    return figure


#: Marker, size, face and edge colour, and label of each kind of pair.
PAIRS = {
    "minima": ("o", 8, "none", "0.5", "two minima"),
    "scaled": ("^", 12, "white", BLUE, "neurons rescaled"),
    "opposed": ("s", 10, "white", GREEN, "opposed neurons"),
    "extremal": ("D", 9, BLUE, "black", "extremal"),
    "C.1": ("x", 10, RED, RED, r"control C.1, not in $\mathcal{N}^*$"),
}

#: Factor of the square root, line style and label of each bound.
BOUNDS = (
    (4.0, "-", r"$4\,\sqrt{r}$, Corollary 3.3"),
    (2 * np.sqrt(2), "--", r"$2\sqrt{2}\,\sqrt{r}$, sharp"),
)


@styled
def stability_figure(tables: Tables) -> Figure:
    """Distance of parametrizations against distance of realizations, Corollary 3.3."""
    pairs = tables["pairs"]
    pairs = pairs[(pairs["seminorm"] > 0) & (pairs["distance"] > 0)]
    figure = Figure(figsize=(ONE_COLUMN, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.set(xscale="log", yscale="log")
    handles: list[Any] = []
    labels = []
    if len(pairs):
        r = np.geomspace(pairs["seminorm"].min() / 2, pairs["seminorm"].max() * 2, 50)
        for factor, style, label in BOUNDS:
            handles += ax.plot(r, factor * np.sqrt(r), style, color="black", linewidth=0.9)
            labels.append(label)
        ax.set_xlim(r[0], r[-1])
    for kind, (marker, size, face, edge, label) in PAIRS.items():
        own = pairs[pairs["kind"] == kind]
        if len(own):
            handles.append(points(ax, own["seminorm"], own["distance"], marker, size, face, edge))
            labels.append(label)
    ax.set_xlabel(r"$r = |\mathcal{R}(\Gamma)-\mathcal{R}(\Theta)|_{W^{1,\infty}}$")
    ax.set_ylabel(r"$\|\Gamma-\Theta\|_\infty$ modulo permutations")
    legend(figure, handles, labels, columns=2)
    return figure


#: Marker, size, face and edge colour, and label of each radius.
RADII = {
    "rigidity_radius": ("^", 13, "white", GREEN, r"$\frac{1}{2}\,\min_i\|u_i\|_\infty$"),
    "sharp_radius": ("o", 11, "white", ORANGE, r"$r^2/8$"),
    "paper_radius": ("o", 11, BLUE, BLUE, r"$r^2/16$, Corollary 1.3"),
}


@styled
def radii_figure(tables: Tables) -> Figure:
    """Per certified minimum of N*, radii of the realization minimum."""
    minima = tables["minima"]
    minima = minima[minima["space"] == "restricted"]
    figure, axes = grid(tables["fits"], 1.55, share_y=True)
    handles: dict[str, Any] = {}
    for (dataset, neurons), ax in axes.items():
        own = cell_of(minima, dataset, neurons).sort_values(["paper_radius", "minimum"])
        ax.set_yscale("log")
        for column, (marker, size, face, edge, _) in RADII.items():
            finite = np.isfinite(own[column]) & (own[column] > 0)
            ranks = np.flatnonzero(finite) + 1
            drawn = points(ax, ranks, own.loc[finite, column], marker, size, face, edge)
            handles.setdefault(column, drawn)
    figure.supxlabel(
        r"distinct certified minima of $\mathcal{N}^*$, in the order of their radius $r$",
        fontsize=8,
    )
    figure.supylabel("radius of the realization minimum", fontsize=8)
    legend(figure, list(handles.values()), [RADII[column][-1] for column in handles])
    return figure


#: Marker, size, face and edge colour, and label of what is probed.
BALLS = {
    "control": ("x", 10, RED, RED, "control C.1: better realization"),
    "probe": ("^", 13, "white", GREEN, r"$\mathcal{N}^*$: rigid ball, as Theorem 13 says"),
}

#: The strip in which balls are drawn that hold nothing better: where, and its upper end.
NONE, FLOOR = 1e-20, 1e-17


@styled
def probes_figure(tables: Tables) -> Figure:
    """What probes find: by how much the loss can be lowered within a seminorm ball."""
    probes, controls = tables["probes"], tables["controls"]
    probes = probes[probes["verdict"] != "undecided"]
    controls = controls[(controls["kind"] == "C.1") & (controls["verdict"] == "violated")]
    shown = {"control": controls.assign(radius=controls["distance"]), "probe": probes}
    figure, axes = grid(tables["fits"], 1.6, share_x=True, share_y=True)
    handles: dict[str, Any] = {}
    for (dataset, neurons), ax in axes.items():
        ax.set(xscale="log", yscale="log")
        ax.axhspan(NONE / 1e3, FLOOR, color="0.93", linewidth=0)
        for ball, (marker, size, face, edge, _) in BALLS.items():
            rows = cell_of(shown[ball], dataset, neurons)
            rows = rows[(rows["radius"] > 0) & np.isfinite(rows["radius"])]
            if rows.empty:
                continue
            found = (rows["verdict"] == "violated") & (rows["gap"] > FLOOR)
            gaps = np.where(found, rows["gap"], NONE)
            drawn = points(ax, rows["radius"], gaps, marker, size, face, edge)
            handles.setdefault(ball, drawn)
        decades = 10.0 ** np.arange(-16, 1, 4)
        ax.set_yticks([NONE, *decades], ["none", *(f"$10^{{{e}}}$" for e in range(-16, 1, 4))])
        ax.set_yticks([], minor=True)
        ax.set_ylim(NONE / 1e3, 10)
    figure.supxlabel("seminorm: radius of the ball, distance of the better realization", fontsize=8)
    figure.supylabel("decrease of the loss that is possible", fontsize=8)
    legend(figure, list(handles.values()), [BALLS[ball][-1] for ball in handles])
    return figure
