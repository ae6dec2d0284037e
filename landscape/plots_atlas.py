"""Figures of atlases: all local minima of small problems, and how many of them starts find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, PercentFormatter
from numpy.typing import NDArray

from landscape.data import Dataset
from landscape.parametrization import Parametrization, lift_inputs
from landscape.plots import BLUE, GREEN, ORANGE, RED, STYLE, TWO_COLUMNS
from landscape.plots.figures import SPACES as LABELS
from landscape.realization import realize
from landscape.spaces import SPACES as SPACE_ORDER
from landscape.study.rows import Entry
from landscape.trees import draw_graph

__all__ = ["atlas_figure", "breakpoints", "coverage_figure", "valleys_figure"]

#: Colour, line style and marker of each solver.
SOLVERS: dict[str, tuple[Any, Any, str]] = {
    "SLSQP": (ORANGE, (0, (4, 1.5)), "s"),
    "L-BFGS-B": (GREEN, (0, (1, 1)), "^"),
    "trf": (RED, (0, (5, 1, 1, 1)), "D"),
    "descent": ("black", "-", "o"),
    "far descent": (BLUE, "-", "v"),
}

#: Local minima that are drawn as functions, the best ones.
DRAWN = 12


def breakpoints(theta: Parametrization) -> NDArray[np.float64]:
    """Where the neurons of a lifted one-input network break, -b/w; nan where w = 0, shape (m,)."""
    u = theta.products
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(u[:, 0] != 0, (u[:, 2] - u[:, 1]) / u[:, 0], np.nan)


def atlas_figure(entries: Iterable[Entry], data: Mapping[str, Dataset]) -> Figure:
    """One-input problems: the best minima as functions, and all of them by loss and breakpoints.

    Parameters
    ----------
    entries : iterable of Entry
        From :func:`landscape.study.coverage.atlas_rows`, of all problems.
    data : mapping of str to Dataset
        Of each problem.
    """
    entries = sorted(entries, key=lambda entry: entry.number)
    problems = {
        name: [entry for entry in entries if entry.problem == name]
        for name, own in data.items()
        if own.n_features == 1
    }
    rows = max(len(problems), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(TWO_COLUMNS, 2.2 * rows + 0.6), layout="constrained")
        panels = figure.subplots(rows, 2, squeeze=False, width_ratios=(1.0, 1.0), sharex="row")
        for axes, (title, own) in zip(panels, problems.items(), strict=False):
            _functions(axes[0], own, data[title])
            _breaks(axes[1], own, data[title])
            axes[0].set_ylabel(r"$\mathcal{R}(\Gamma)(x)$")
            axes[1].set_ylabel("loss $L$ at the minimum")
            # Above the ticks of the samples.
            axes[0].set_title(title, loc="left", pad=9)
            axes[1].set_title(f"all {len(own)} sets of local minima", loc="left", pad=9)
        for ax in panels[-1]:
            ax.set_xlabel(
                "input $x$ (ticks above: samples)" if ax is panels[-1, 1] else "input $x$"
            )
        handles = {
            "samples": Line2D([], [], color="0.3", marker="+", linestyle=""),
            "global minimum": Line2D([], [], color="black", marker="o", markersize=4),
            f"next {DRAWN - 1} local minima": Line2D(
                [], [], color=BLUE, linewidth=0.7, marker="o", markersize=3, mfc="white"
            ),
            r"break, $\sigma_i=+1$": Line2D(
                [], [], color="0.4", linestyle="", marker=6, markersize=4
            ),
            r"break, $\sigma_i=-1$": Line2D(
                [], [], color="0.4", linestyle="", marker=7, markersize=4, mfc="white"
            ),
        }
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside upper center",
            ncols=5,
            handletextpad=0.4,
            columnspacing=1.2,
        )
    return figure


def _network(entry: Entry) -> Parametrization:
    assert entry.weights is not None and entry.output_weights is not None
    return Parametrization(entry.weights, entry.output_weights)


def _range(x: NDArray[np.float64]) -> tuple[float, float]:
    margin = 0.06 * float(np.ptp(x))
    return float(x.min()) - margin, float(x.max()) + margin


def _functions(ax: Axes, entries: Sequence[Entry], data: Dataset) -> None:
    """The best minima as functions with their breakpoints."""
    x, y = data.features[:, 0], data.target
    low, high = _range(x)
    for entry in reversed(entries[:DRAWN]):
        best, theta = entry.is_global, _network(entry)
        breaks = breakpoints(theta)
        breaks = breaks[(breaks > low) & (breaks < high)]
        grid = np.unique(np.concatenate([np.linspace(low, high, 101), breaks]))
        colour, width = ("black", 1.8) if best else (BLUE, 0.6)
        front = 4 if best else 2
        ax.plot(
            grid,
            realize(theta, lift_inputs(grid[:, None])),
            color=colour,
            linewidth=width,
            zorder=front,
        )
        ax.plot(
            breaks,
            realize(theta, lift_inputs(breaks[:, None])),
            linestyle="",
            marker="o",
            markersize=4 if best else 3,
            markeredgewidth=0.6,
            markeredgecolor=colour,
            markerfacecolor=colour if best else "white",
            zorder=front + 1,
        )
    ax.plot(x, y, linestyle="", marker="+", color="0.3", markersize=5, zorder=6)
    spread = 0.35 * float(np.ptp(y))
    ax.set(xlim=(low, high), ylim=(y.min() - spread, y.max() + spread))


def _breaks(ax: Axes, entries: Sequence[Entry], data: Dataset) -> None:
    """Every minimum at its loss, with a mark where each neuron breaks."""
    low, high = _range(data.features[:, 0])
    for k, entry in enumerate(entries):
        best, loss, theta = entry.is_global, entry.loss, _network(entry)
        breaks = breakpoints(theta)
        shown = (breaks > low) & (breaks < high)
        if best or k < DRAWN:
            colour = "black" if best else BLUE
            ax.axhline(loss, color=colour, linewidth=1.2 if best else 0.4, zorder=1)
        for sign, marker in ((1, 6), (-1, 7)):
            own = breaks[shown & (theta.signs == sign)]
            ax.plot(
                own,
                np.full(len(own), loss),
                linestyle="",
                marker=marker,
                markersize=4 if best else 3,
                markeredgewidth=0.4,
                markeredgecolor="black" if best else "0.4",
                markerfacecolor=("black" if best else "0.4") if sign > 0 else "white",
                zorder=3 if best else 2,
            )
    losses = [entry.loss for entry in entries]
    if losses and 0 < 10 * min(losses) < max(losses):
        ax.set_yscale("log")
    above = ax.get_xaxis_transform()
    for sample in data.features[:, 0]:
        ends = [sample, sample], [1.0, 1.03]
        ax.plot(*ends, color="0.3", linewidth=0.6, transform=above, clip_on=False)
    ax.set_xlim(low, high)


def coverage_figure(coverage: pd.DataFrame, atlas: pd.DataFrame) -> Figure:
    """Share of the existing minima that each solver has found, against the number of starts.

    Parameters
    ----------
    coverage, atlas : pandas.DataFrame
        The tables of these names.
    """
    entries: Any = atlas.groupby("problem", sort=False).size().to_dict()
    names = list(entries)
    # A user's own solvers come after ours.
    own_names = sorted(set(coverage["solver"]) - set(SOLVERS))
    styles = SOLVERS | {solver: ("0.5", "-", "*") for solver in own_names}
    columns = max(len(names), 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(TWO_COLUMNS, 3.6), layout="constrained")
        panels = figure.subplots(2, columns, squeeze=False, sharex="col", sharey="row")
        for j, name in enumerate(names):
            own = coverage[coverage["problem"] == name]
            for solver, (colour, style, marker) in styles.items():
                rows = own[own["solver"] == solver].sort_values("start")
                if rows.empty:
                    continue
                starts = rows["start"].to_numpy() + 1
                marks = np.unique(np.geomspace(1, len(starts), 7).astype(int)) - 1
                look: Any = {
                    "color": colour,
                    "linestyle": style,
                    "marker": marker,
                    "markevery": marks.tolist(),
                    "markersize": 3.5,
                    "markerfacecolor": "white",
                    "linewidth": 1.1,
                }
                panels[0, j].plot(starts, rows["distinct"] / entries[name], **look)
                # The share of the first few starts says little: from the tenth on.
                late = slice(min(9, len(starts) - 1), None)
                hits = rows["global_hits"].to_numpy() / starts
                look["markevery"] = 0.2
                panels[1, j].plot(starts[late], hits[late], **look)
            panels[0, j].set_title(f"{name}: {entries[name]} minima", loc="left")
            panels[0, j].set_xscale("log")
            panels[0, j].xaxis.set_minor_formatter(NullFormatter())
            panels[1, j].set_xlabel("random starts")
        for ax in panels.flat:  # last, for they share their limits
            ax.set_ylim(bottom=0)
            ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        panels[0, 0].set_ylabel("local minima found")
        panels[1, 0].set_ylabel("starts that end in\na global minimum")
        present = [solver for solver in styles if solver in set(coverage["solver"])]
        figure.legend(
            [
                Line2D([], [], color=c, linestyle=s, marker=k, markersize=3.5, mfc="white")
                for c, s, k in (styles[solver] for solver in present)
            ],
            [s if s.endswith("descent") else f"{s}, then descent" for s in present],
            loc="outside upper center",
            ncols=4,
            handletextpad=0.4,
            columnspacing=1.4,
        )
    return figure


def valleys_figure(valleys: pd.DataFrame) -> Figure:
    """The disconnectivity graphs of each problem, one column per space (Theorem 20)."""
    problems = list(dict.fromkeys(valleys["problem"])) or [""]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(TWO_COLUMNS, 2.4 * len(problems) + 0.4), layout="constrained")
        panels = figure.subplots(len(problems), 3, squeeze=False, sharey="row")
        for axes, problem in zip(panels, problems, strict=True):
            for ax, name in zip(axes, SPACE_ORDER, strict=True):
                own = valleys[(valleys["problem"] == problem) & (valleys["space"] == name)]
                label = LABELS[name][0]
                if own.empty:
                    ax.set_axis_off()
                    continue
                own = own.sort_values("valley")
                starts = own["starts"].to_numpy()
                draw_graph(
                    own[["loss", "barrier"]].to_numpy(),
                    own["parent"].to_numpy(),
                    own["positive"].to_numpy(),
                    ax,
                    weights=starts if (starts >= 0).all() else None,
                )
                spurious = int(own["spurious"].sum())
                ax.set_title(f"{label}: {len(own)} valleys, {spurious} spurious", fontsize="small")
                ax.set(xlabel="", ylabel="loss $L$" if ax is axes[0] else "")
            axes[1].set_xlabel(problem)
    return figure
