"""Figures beside the main line of the study: solvers, brackets, controls, converse, ..."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from landscape.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    TWO_COLUMNS,
    Tables,
    grid,
    legend,
    points,
    styled,
)

__all__ = [
    "brackets_figure",
    "controls_figure",
    "converse_figure",
    "inverse_figure",
    "natural_figure",
    "solvers_figure",
]

#: Marker and colour of each solver.
SOLVERS: dict[str, tuple[str, Any]] = {
    "SLSQP": ("s", ORANGE),
    "L-BFGS-B": ("^", GREEN),
    "trust-constr": ("v", BLUE),
    "trf": ("D", RED),
}

#: Gains below are drawn here: none beyond rounding.
NO_GAIN = 1e-17


@styled
def solvers_figure(tables: Tables) -> Figure:
    """What the descent still gains at each solver's end points, and which were minima."""
    runs = tables["runs"]
    # A user's own solvers come after ours.
    styles = SOLVERS | {name: ("o", "black") for name in sorted(set(runs["solver"]) - set(SOLVERS))}
    figure, axes = grid(runs, 1.55, share_x=True, share_y=True)
    for (dataset, neurons), ax in axes.items():
        ax.set_xscale("log")
        for k, solver in enumerate(styles):
            own = runs[
                (runs["dataset"] == dataset)
                & (runs["neurons"] == neurons)
                & (runs["solver"] == solver)
            ].sort_values("start")
            if own.empty:
                continue
            _, colour = styles[solver]
            gain = np.maximum((own["trained_loss"] - own["loss"]).to_numpy(), NO_GAIN)
            passed = own["trained_verdict"].eq("holds").to_numpy()
            # Spread over the height of the solver's row: starts do not hide each other.
            heights = k + np.linspace(-0.3, 0.3, len(own)) if len(own) > 1 else np.array([k])
            points(ax, gain[~passed], heights[~passed], "x", 9, colour, colour)
            points(ax, gain[passed], heights[passed], "o", 10, "black", "black")
            share = f"{100 * passed.mean():.0f} %"
            place: Any = {"xycoords": ax.get_yaxis_transform(), "va": "center"}
            ax.annotate(share, (0.98, k), ha="right", fontsize=7, bbox=_PLAIN, **place)
        ax.set_yticks(range(len(styles)), list(styles))
        ax.set_ylim(len(styles) - 0.5, -0.5)
        ax.set_xlim(NO_GAIN / 5, 3e6)  # the shares stand right of every loss
        ax.set_xticks([NO_GAIN, 1e-10, 1e-5, 1], ["none", "$10^{-10}$", "$10^{-5}$", "1"])
        ax.set_xticks([], minor=True)
    figure.supxlabel(
        "loss that the descent still gains (1 = variance of the target); "
        "right: share certified before it",
        fontsize=8,
    )
    handles = [
        Line2D([], [], color="black", linestyle="", marker="o", markersize=3.3),
        Line2D([], [], color="0.3", linestyle="", marker="x", markersize=3.3),
    ]
    labels = ["end point is a certified local minimum as it is", "it is not"]
    legend(figure, handles if len(runs) else [], labels)
    return figure


#: Behind text that stands among markers.
_PLAIN = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}


@styled
def brackets_figure(tables: Tables) -> Figure:
    """Brackets of radii: in parameter space, and in realization space."""
    minima, wide = tables["minima"], tables["brackets"]
    minima = minima[(minima["space"] == "restricted") & (minima["radius_high_method"] != "")]
    figure = Figure(figsize=(TWO_COLUMNS, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    _brackets(left, minima.assign(low=minima["radius_low"], high=minima["radius_high"]), "radius")
    wide = wide[wide["space"] == "restricted"]
    _brackets(right, wide.assign(low=wide["radius_low"], high=wide["radius_high"]), "certified")
    left.set_title(r"parameter space: radius $r^*$ of (9)", loc="left")
    right.set_title("realization space", loc="left")
    left.set_xlabel("bracketed minima of $\\mathcal{N}^*$, sorted by lower end")
    right.set_xlabel("bracketed minima of $\\mathcal{N}^*$, sorted by lower end")
    left.set_ylabel("max-norm of parameters")
    right.set_ylabel(r"seminorm $|\cdot|_{W^{1,\infty}}$")
    handles = [
        Line2D([], [], color=BLUE, linewidth=1.6),
        Line2D([], [], color=BLUE, linestyle="", marker="^", markersize=4, mfc="white"),
        Line2D([], [], color="black", linestyle="", marker="o", markersize=3),
    ]
    labels = [
        "proven to be inside: lower to upper end",
        "no better point found: lower end",
        r"certified: $r$ (left), $r^2/8$ (right)",
    ]
    legend(figure, handles if len(minima) or len(wide) else [], labels)
    return figure


def _brackets(ax: Axes, frame: pd.DataFrame, certified: str) -> None:
    frame = frame[(frame["low"] > 0) & np.isfinite(frame["low"])]
    frame = frame.sort_values(["low", "high", "minimum"])
    ranks = np.arange(1, len(frame) + 1)
    ax.set_yscale("log")
    closed = np.isfinite(frame["high"]).to_numpy()
    low, high = frame["low"].to_numpy(), frame["high"].to_numpy()
    ax.vlines(ranks[closed], low[closed], high[closed], color=BLUE, linewidth=1.6, zorder=2)
    points(ax, ranks[closed], low[closed], "_", 12, BLUE, BLUE)
    points(ax, ranks[closed], high[closed], "_", 12, BLUE, BLUE)
    points(ax, ranks[~closed], low[~closed], "^", 14, "white", BLUE)
    points(ax, ranks, frame[certified], "o", 5, "black", "black")
    if len(frame) < 2:
        ax.set_xticks(ranks)


#: Marker, size, face and edge colour of each control.
CONTROLS = {
    "C.1": ("x", 11, RED, RED, "C.1 unbalanced"),
    "C.2": ("s", 9, "white", ORANGE, "C.2 redundant"),
    "C.3": ("^", 10, GREEN, GREEN, r"C.3 opposite, in $\mathcal{N}'$"),
}


@styled
def controls_figure(tables: Tables) -> Figure:
    """Better realizations at every distance from the controls, and no parametrization near."""
    controls = tables["controls"]
    controls = controls[(controls["distance"] > 0) & (controls["verdict"] == "violated")]
    figure = Figure(figsize=(TWO_COLUMNS, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    handles = []
    for marker, size, face, edge, _ in CONTROLS.values():
        handles.append(_handle(marker, size, face, edge))
    for kind, (marker, size, face, edge, _) in CONTROLS.items():
        own = controls[controls["kind"] == kind]
        if own.empty:
            continue
        points(left, own["distance"], own["gap"], marker, size, face, edge)
        points(right, own["distance"], own["fibre_distance"], marker, size, face, edge)
    for ax in (left, right):
        ax.set(xscale="log", yscale="log")
        ax.set_xlabel(r"seminorm distance of the better realization")
    left.set_ylabel("decrease of the loss")
    right.set_ylabel("distance to its fibre, at least")
    if len(controls):
        r = np.geomspace(controls["distance"].min() / 2, controls["distance"].max() * 2, 50)
        handles += right.plot(r, 2 * np.sqrt(2 * r), "--", color="black", linewidth=0.9)
    labels = [label for *_, label in CONTROLS.values()]
    labels.append(r"$2\sqrt{2}\,\sqrt{r}$, the bound on $\mathcal{N}^*$")
    legend(figure, handles if len(controls) else [], labels)
    return figure


def _handle(marker: str, size: float, face: Any, edge: Any) -> Line2D:
    return Line2D(
        [], [], linestyle="", marker=marker, markersize=size**0.5, mfc=face, mec=edge, mew=0.7
    )


#: Shade, hatch and label of each verdict.
VERDICTS = {
    "holds": (BLUE, "", "holds"),
    "violated": ("white", "////", "violated"),
    "undecided": ("0.8", "", "undecided"),
}


def _stack(ax: Axes, verdicts: dict[str, pd.Series]) -> None:
    """Shares of the verdicts, one bar per label."""
    for k, values in enumerate(verdicts.values()):
        below = 0.0
        for verdict, (colour, hatch, _) in VERDICTS.items():
            share = float(values.eq(verdict).mean()) if len(values) else 0.0
            look: Any = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.6}
            if share:
                ax.bar(k, share, 0.62, bottom=below, **look)
            below += share
        ax.annotate(f"{len(values)}", (k, 1.02), ha="center", fontsize=7)
    ax.set_xticks(range(len(verdicts)), list(verdicts))
    ax.set(xlim=(-0.6, len(verdicts) - 0.4), ylim=(0, 1.14))
    ax.set_yticks([0, 0.5, 1])
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.grid(axis="x", visible=False)


def _verdict_legend(figure: Figure, present: bool) -> None:
    handles = [
        Patch(facecolor=c, hatch=h, edgecolor="black", linewidth=0.6)
        for c, h, _ in VERDICTS.values()
    ]
    legend(figure, handles if present else [], [label for *_, label in VERDICTS.values()])


@styled
def converse_figure(tables: Tables) -> Figure:
    """Optimal scales make minima in realization space, not in parameter space."""
    draws = tables["converse"]
    figure, axes = grid(draws, 1.45, share_y=True)
    for (dataset, neurons), ax in axes.items():
        own = draws[(draws["dataset"] == dataset) & (draws["neurons"] == neurons)]
        _stack(ax, {"realization": own["realization"], "parameters": own["parameters"]})
    figure.supylabel("share of the draws", fontsize=8)
    figure.supxlabel(
        "random directions, optimal scales: a minimum of which space? (above: draws)", fontsize=8
    )
    _verdict_legend(figure, len(draws) > 0)
    return figure


@styled
def natural_figure(tables: Tables) -> Figure:
    """Minima outside N* as training finds them: the implication of Proposition 1.2 there."""
    natural = tables["natural"]
    figure, axes = grid(natural, 1.45, share_y=True)
    for (dataset, neurons), ax in axes.items():
        own = natural[(natural["dataset"] == dataset) & (natural["neurons"] == neurons)]
        groups = {}
        for space, name in (("balanced", r"$\mathcal{N}'$"), ("unrestricted", r"$\mathcal{P}$")):
            here = own[own["space"] == space]
            groups[f"{name}\nspare"] = here.loc[here["spare"] > 0, "verdict"]
            groups[f"{name}\nnone"] = here.loc[here["spare"] <= 0, "verdict"]
        _stack(ax, groups)
    figure.supylabel("share of the minima", fontsize=8)
    figure.supxlabel(
        "certified minima of training with and without spare neurons (above: their number)",
        fontsize=8,
    )
    _verdict_legend(figure, len(natural) > 0)
    return figure


#: Marker, size, face and edge colour, and label of each kind of pair.
KINDS = {
    "random": ("o", 6, "none", "0.6", "random"),
    "minima": ("o", 10, "white", "black", "two minima"),
    "again": ("P", 14, "white", "black", "reached twice"),
    "scaled": ("v", 11, "white", BLUE, "rescaled"),
    "opposed": ("s", 9, "white", GREEN, "opposed"),
    "extremal": ("D", 9, BLUE, "black", "extremal"),
    "forward": ("+", 13, BLUE, BLUE, "perturbed"),
    "C.1": ("x", 11, RED, RED, r"C.1, not in $\mathcal{N}^*$"),
    "C.2": ("1", 16, RED, RED, "C.2, likewise"),
    "C.3": ("^", 10, RED, RED, "C.3, likewise"),
}


@styled
def inverse_figure(tables: Tables) -> Figure:
    """Inverse stability over all kinds of pairs, and the forward direction beside it."""
    pairs = tables["pairs"]
    figure = Figure(figsize=(TWO_COLUMNS, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    handles, labels = [], []
    shown = pairs[(pairs["seminorm"] > 0) & (pairs["distance"] > 0)]
    for kind, (marker, size, face, edge, label) in KINDS.items():
        own = shown[shown["kind"] == kind]
        if own.empty:
            continue
        points(left, own["seminorm"], own["distance"], marker, size, face, edge)
        if kind in ("random", "minima", "scaled", "forward"):
            points(right, own["distance"], own["seminorm"], marker, size, face, edge)
        handles.append(_handle(marker, size, face, edge))
        labels.append(label)
    moved = shown[(shown["kind"] == "forward") & (shown["uniform"] > 0)]
    if len(moved):
        points(right, moved["distance"], moved["uniform"], "+", 13, "black", "black")
        handles.append(_handle("+", 13, "black", "black"))
        labels.append("perturbed: uniform distance")
    for ax in (left, right):
        ax.set(xscale="log", yscale="log")
    if len(shown):
        r = np.geomspace(shown["seminorm"].min() / 2, shown["seminorm"].max() * 2, 50)
        handles += left.plot(r, 2 * np.sqrt(2 * r), "--", color="black", linewidth=0.9)
        labels.append(r"$2\sqrt{2}\,\sqrt{r}$, sharp")
    left.set_xlabel(r"$r = |\mathcal{R}(\Gamma)-\mathcal{R}(\Theta)|_{W^{1,\infty}}$")
    left.set_ylabel(r"$\|\Gamma-\Theta\|_\infty$ modulo permutations")
    left.set_title("inverse direction", loc="left")
    right.set_xlabel(r"$\|\Gamma-\Theta\|_\infty$ modulo permutations")
    right.set_ylabel("distance of the realizations")
    right.set_title("forward direction", loc="left")
    legend(figure, handles, labels, columns=4)
    return figure
