"""Figures of atlases: all local minima of small problems, and how many of them starts find."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
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
from landscape.spaces import make_space
from landscape.study.rows import Entry, Valley
from landscape.trees import draw_graph

__all__ = ["atlas_figure", "barriers_figure", "breakpoints", "coverage_figure", "valleys_figure"]

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


@mpl.rc_context(STYLE)
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
    problems = [name for name, own in data.items() if own.n_features == 1]
    rows = max(len(problems), 1)
    figure = Figure(figsize=(TWO_COLUMNS, 2.2 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False, width_ratios=(1.0, 1.0), sharex="row")
    for (left, right), name in zip(panels, problems, strict=False):
        own = [entry for entry in entries if entry.problem == name]
        _functions(left, own, data[name])
        _breaks(right, own, data[name])
        left.set_ylabel(r"$\mathcal{R}(\Gamma)(x)$")
        right.set_ylabel("loss $L$ at the minimum")
        # Above the ticks of the samples.
        left.set_title(name, loc="left", pad=9)
        right.set_title(f"all {len(own)} sets of local minima", loc="left", pad=9)
    panels[-1, 0].set_xlabel("input $x$")
    panels[-1, 1].set_xlabel("input $x$ (ticks above: samples)")
    grey: dict[str, Any] = {"color": "0.4", "linestyle": "", "markersize": 4}
    looks: dict[str, dict[str, Any]] = {
        "samples": {"color": "0.3", "marker": "+", "linestyle": ""},
        "global minimum": {"color": "black", "marker": "o", "markersize": 4},
        f"next {DRAWN - 1} local minima": {
            **{"color": BLUE, "linewidth": 0.7, "marker": "o", "markersize": 3, "mfc": "white"}
        },
        r"break, $\sigma_i=+1$": {**grey, "marker": 6},
        r"break, $\sigma_i=-1$": {**grey, "marker": 7, "mfc": "white"},
    }
    handles = [Line2D([], [], **look) for look in looks.values()]
    place: Any = {"loc": "outside upper center", "ncols": 5, "columnspacing": 1.2}
    figure.legend(handles, list(looks), handletextpad=0.4, **place)
    return figure


def _shown(entry: Entry, x: NDArray[np.float64]) -> tuple[Parametrization, Any, Any]:
    """Network of an entry, its breakpoints, and which of them are in the range of the inputs."""
    assert entry.weights is not None and entry.output_weights is not None
    theta = Parametrization(entry.weights, entry.output_weights)
    breaks = breakpoints(theta)
    low, high = _range(x)
    return theta, breaks, (breaks > low) & (breaks < high)


def _range(x: NDArray[np.float64]) -> tuple[float, float]:
    margin = 0.06 * float(np.ptp(x))
    return float(x.min()) - margin, float(x.max()) + margin


def _functions(ax: Axes, entries: Sequence[Entry], data: Dataset) -> None:
    """The best minima as functions with their breakpoints."""
    x, y = data.features[:, 0], data.target
    low, high = _range(x)
    for entry in reversed(entries[:DRAWN]):
        best, (theta, breaks, shown) = entry.is_global, _shown(entry, x)
        breaks, colour = breaks[shown], "black" if best else BLUE
        grid = np.unique(np.concatenate([np.linspace(low, high, 101), breaks]))
        front, width = (4, 1.8) if best else (2, 0.6)
        curve = realize(theta, lift_inputs(grid[:, None]))
        ax.plot(grid, curve, color=colour, linewidth=width, zorder=front)
        look: Any = {"mec": colour, "mfc": colour if best else "white", "mew": 0.6}
        size, values = 4 if best else 3, realize(theta, lift_inputs(breaks[:, None]))
        ax.plot(breaks, values, "o", markersize=size, zorder=front + 1, **look)
    ax.plot(x, y, linestyle="", marker="+", color="0.3", markersize=5, zorder=6)
    spread = 0.35 * float(np.ptp(y))
    ax.set(xlim=(low, high), ylim=(y.min() - spread, y.max() + spread))


def _breaks(ax: Axes, entries: Sequence[Entry], data: Dataset) -> None:
    """Every minimum at its loss, with a mark where each neuron breaks."""
    x = data.features[:, 0]
    for k, entry in enumerate(entries):
        best, (theta, breaks, shown) = entry.is_global, _shown(entry, x)
        if best or k < DRAWN:
            width = 1.2 if best else 0.4
            ax.axhline(entry.loss, color="black" if best else BLUE, linewidth=width, zorder=1)
        colour, size = ("black", 4) if best else ("0.4", 3)
        for sign, marker in ((1, 6), (-1, 7)):
            own = breaks[shown & (theta.signs == sign)]
            look: Any = {"mec": colour, "mfc": colour if sign > 0 else "white", "mew": 0.4}
            place: Any = {"markersize": size, "zorder": 3 if best else 2}
            ax.plot(own, np.full(len(own), entry.loss), ls="", marker=marker, **look, **place)
    losses = [entry.loss for entry in entries]
    if losses and 0 < 10 * min(losses) < max(losses):
        ax.set_yscale("log")
    above: Any = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    for sample in x:
        ax.plot([sample, sample], [1.0, 1.03], color="0.3", linewidth=0.6, **above)
    ax.set_xlim(_range(x))


@mpl.rc_context(STYLE)
def coverage_figure(coverage: pd.DataFrame, atlas: pd.DataFrame) -> Figure:
    """Share of the existing minima that each solver has found, against the number of starts.

    Parameters
    ----------
    coverage, atlas : pandas.DataFrame
        The tables of these names.
    """
    entries: Any = atlas.groupby("problem", sort=False).size().to_dict()
    # A user's own solvers come after ours.
    others = sorted(set(coverage["solver"]) - set(SOLVERS))
    styles = SOLVERS | dict.fromkeys(others, ("0.5", "-", "*"))
    looks: dict[str, Any] = {
        solver: {"color": c, "linestyle": s, "marker": k, "markersize": 3.5, "mfc": "white"}
        for solver, (c, s, k) in styles.items()
        if solver in set(coverage["solver"])
    }
    figure = Figure(figsize=(TWO_COLUMNS, 3.6), layout="constrained")
    panels = figure.subplots(2, max(len(entries), 1), squeeze=False, sharex="col", sharey="row")
    for (above, below), (name, count) in zip(panels.T, entries.items(), strict=False):
        own = coverage[coverage["problem"] == name]
        for solver, look in looks.items():
            rows = own[own["solver"] == solver].sort_values("start")
            if rows.empty:
                continue
            starts = rows["start"].to_numpy() + 1
            marks = np.unique(np.geomspace(1, len(starts), 7).astype(int)) - 1
            found = rows["distinct"] / count
            above.plot(starts, found, linewidth=1.1, markevery=marks.tolist(), **look)
            # The share of the first few starts says little: from the tenth on.
            late = slice(min(9, len(starts) - 1), None)
            hits = rows["global_hits"].to_numpy() / starts
            below.plot(starts[late], hits[late], linewidth=1.1, markevery=0.2, **look)
        above.set_title(f"{name}: {count} minima", loc="left")
        above.set_xscale("log")
        above.xaxis.set_minor_formatter(NullFormatter())
        below.set_xlabel("random starts")
    for ax in panels.flat:  # last, for they share their limits
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    panels[0, 0].set_ylabel("local minima found")
    panels[1, 0].set_ylabel("starts that end in\na global minimum")
    names = [name if name.endswith("descent") else f"{name}, then descent" for name in looks]
    handles = [Line2D([], [], **look) for look in looks.values()]
    place: Any = {"loc": "outside upper center", "ncols": 4, "columnspacing": 1.4}
    figure.legend(handles, names, handletextpad=0.4, **place)
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
                draw_graph(
                    own[["loss", "barrier"]].to_numpy(),
                    own["parent"].to_numpy(),
                    own["positive"].to_numpy(),
                    ax,
                    weights=own["starts"].to_numpy(),
                )
                spurious = int(own["spurious"].sum())
                ax.set_title(f"{label}: {len(own)} valleys, {spurious} spurious", fontsize="small")
                ax.set(xlabel="", ylabel="loss $L$" if ax is axes[0] else "")
            axes[1].set_xlabel(problem)
    return figure


@mpl.rc_context(STYLE)
def barriers_figure(valleys: Iterable[Valley], data: Mapping[str, Dataset]) -> Figure:
    """Fits at the leaves in each space (one input), and the loss along the longest-lived barriers.

    Parameters
    ----------
    valleys : iterable of Valley
        From :func:`landscape.study.coverage.valley_rows`, of all problems.
    data : mapping of str to Dataset
        Of each problem.
    """
    valleys = sorted(valleys, key=lambda row: row.valley)
    figure = Figure(figsize=(TWO_COLUMNS, 1.9 * max(len(data), 1) + 0.3), layout="constrained")
    panels = figure.subplots(max(len(data), 1), 4, squeeze=False)
    for axes, (problem, own) in zip(panels, data.items(), strict=False):
        for ax, name in zip(axes, SPACE_ORDER, strict=False):
            rows = [row for row in valleys if (row.problem, row.space) == (problem, name)]
            label, look = LABELS[name]
            if not rows or own.n_features > 1:
                ax.set_axis_off()
            else:
                _fits(ax, rows, own)
                ax.set_title(f"{label}: {len(rows)} valleys", fontsize="small")
            if merging := [row for row in rows if row.profile is not None]:
                row = max(merging, key=lambda row: row.barrier - row.loss)
                way, loss = np.asarray(row.profile).T
                axes[3].plot(way, loss, **look)
                axes[3].axhline(row.barrier, c=look["c"], lw=0.6, ls=":")
        axes[3].set(xlabel="share of the path", ylabel="loss $L$", xlim=(0, 1))
        axes[3].set_title("over the highest barrier", fontsize="small")
        axes[0].set(ylabel=problem)
    handles = [Line2D([], [], label=LABELS[name][0], **LABELS[name][1]) for name in SPACE_ORDER]
    figure.legend(handles=handles, loc="outside lower right", ncols=3)
    return figure


def fit(row: Valley, network: Parametrization, x: NDArray[np.float64]) -> Any:
    """A network of a valley as a function of its one input: a grid around the samples, values."""
    grid = np.linspace(*_range(x), 161)
    space = make_space(row.space, 1, row.neurons)
    return grid, realize(network, space.embed(grid[:, None]))


def _fits(ax: Axes, rows: Sequence[Valley], data: Dataset) -> None:
    """Least points of valleys as functions."""
    x, y = data.features[:, 0], data.target
    palette = sns.color_palette("deep")
    for row in reversed(rows):
        look: Any = {"color": "black", "lw": 1.6}
        if row.spurious:
            look = {"color": palette[row.positive % len(palette)], "lw": 0.7}
        ax.plot(*fit(row, row.network, x), **look)
    ax.plot(x, y, linestyle="", marker="+", color="0.3", markersize=5, zorder=6)
    spread = 0.35 * float(np.ptp(y))
    ax.set(xlim=_range(x), ylim=(y.min() - spread, y.max() + spread), xlabel="input $x$")
