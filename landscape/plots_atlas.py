"""Figures of atlases: all local minima of small problems, and how many of them starts find."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter
from numpy.typing import NDArray

from landscape.data import Dataset
from landscape.parametrization import Parametrization, lift_inputs
from landscape.plots import BLUE, GREEN, ORANGE, RED, TWO_COLUMNS, points, styled
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

#: Local minima that are drawn as functions, the best ones, and how.
DRAWN = 12
NEXT: dict[str, Any] = {"color": BLUE, "linewidth": 0.6, "marker": "o", "markersize": 3}
NEXT |= {"mfc": "white", "mew": 0.6, "label": f"next {DRAWN - 1} local minima"}
BEST = {**NEXT, "color": "black", "linewidth": 1.8, "mfc": "black", "label": "global minimum"}
#: Marker, face (none: its edge) and label of a break, by the sign of its neuron.
SIGNS = {1: (6, "", r"break, $\sigma_i=+1$"), -1: (7, "white", r"break, $\sigma_i=-1$")}
Values = NDArray[np.float64]


def breakpoints(theta: Parametrization) -> Values:
    """Where the neurons of a lifted one-input network break, -b/w; nan where w = 0, shape (m,)."""
    u = theta.products
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(u[:, 0] != 0, (u[:, 2] - u[:, 1]) / u[:, 0], np.nan)


@styled
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
    panels = figure.subplots(rows, 2, squeeze=False, sharex="row")
    for (left, right), name in zip(panels, problems, strict=False):
        own = [entry for entry in entries if entry.problem == name]
        x, y = data[name].features[:, 0], data[name].target
        left.set_xlim(_range(x))
        _functions(left, own, x, y)
        _breaks(right, own, x)
        left.set_ylabel(r"$\mathcal{R}(\Gamma)(x)$")
        right.set_ylabel("loss $L$ at the minimum")
        # Above the ticks of the samples.
        left.set_title(name, loc="left", pad=9)
        right.set_title(f"all {len(own)} sets of local minima", loc="left", pad=9)
    panels[-1, 0].set_xlabel("input $x$")
    panels[-1, 1].set_xlabel("input $x$ (ticks above: samples)")
    return figure


def _range(x: Values) -> tuple[float, float]:
    margin = 0.06 * float(np.ptp(x))
    return float(x.min()) - margin, float(x.max()) + margin


def _seen(theta: Parametrization, ax: Axes) -> Values:
    """Breakpoints in the range of the inputs, the others as nan."""
    breaks, (low, high) = breakpoints(theta), ax.get_xlim()
    return np.where((low < breaks) & (breaks < high), breaks, np.nan)


def _functions(ax: Axes, entries: Sequence[Entry], x: Values, y: Values) -> None:
    """The best minima as functions with their breakpoints."""
    ax.plot(x, y, "+", color="0.3", markersize=5, zorder=6, label="samples")
    for entry in entries[:DRAWN]:
        breaks = _seen(entry.network, ax)
        grid = np.unique([*np.linspace(*ax.get_xlim(), 101), *breaks[np.isfinite(breaks)]])
        look = BEST if entry.is_global else NEXT
        marks = np.flatnonzero(np.isin(grid, breaks)).tolist()
        values = realize(entry.network, lift_inputs(grid[:, None]))
        ax.plot(grid, values, zorder=2 - entry.number / len(entries), markevery=marks, **look)
    spread = 0.35 * float(np.ptp(y))
    ax.set_ylim(y.min() - spread, y.max() + spread)


def _breaks(ax: Axes, entries: Sequence[Entry], x: Values) -> None:
    """Every minimum at its loss, with a mark where each neuron breaks."""
    for k, entry in enumerate(entries):
        best, breaks = entry.is_global, _seen(entry.network, ax)
        if best or k < DRAWN:
            width = 1.2 if best else 0.4
            ax.axhline(entry.loss, color="black" if best else BLUE, linewidth=width, zorder=1)
        colour, size = ("black", 16) if best else ("0.4", 9)
        for sign, (marker, face, label) in SIGNS.items():
            own = breaks[entry.network.signs == sign]
            look = (marker, size, face or colour, colour, label)
            points(ax, own, np.full(len(own), entry.loss), look)
    losses = [entry.loss for entry in entries]
    if losses and 0 < 10 * min(losses) < max(losses):
        ax.set_yscale("log")
    above: Any = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    ax.plot([x, x], [[1.0] * len(x), [1.03] * len(x)], color="0.3", linewidth=0.6, **above)


@styled
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
    figure = Figure(figsize=(TWO_COLUMNS, 3.6), layout="constrained")
    panels = figure.subplots(2, max(len(entries), 1), squeeze=False, sharex="col", sharey="row")
    for (above, below), (name, count) in zip(panels.T, entries.items(), strict=False):
        own = coverage[coverage["problem"] == name].sort_values("start")
        for solver, (c, s, k) in (SOLVERS | dict.fromkeys(others, ("0.5", "-", "*"))).items():
            rows = own[own["solver"] == solver]
            if rows.empty:
                continue
            look: Any = {"color": c, "linestyle": s, "marker": k, "markersize": 3.5, "mfc": "white"}
            look["label"] = solver if solver.endswith("descent") else f"{solver}, then descent"
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
    return figure


@styled
def valleys_figure(valleys: pd.DataFrame) -> Figure:
    """The disconnectivity graphs of each problem, one column per space (Theorem 20)."""
    problems = list(dict.fromkeys(valleys["problem"])) or [""]
    figure = Figure(figsize=(TWO_COLUMNS, 2.4 * len(problems) + 0.4), layout="constrained")
    panels = figure.subplots(len(problems), 3, squeeze=False, sharey="row")
    for axes, problem in zip(panels, problems, strict=True):
        for ax, name in zip(axes, SPACE_ORDER, strict=True):
            own = valleys[(valleys["problem"] == problem) & (valleys["space"] == name)]
            if own.empty:
                ax.set_axis_off()
                continue
            own = own.sort_values("valley")
            pairs, starts = own[["loss", "barrier"]].to_numpy(), own["starts"].to_numpy()
            parents, positive = own[["parent", "positive"]].to_numpy().T
            draw_graph(pairs, parents, positive, ax, weights=starts)
            title = f"{LABELS[name][0]}: {len(own)} valleys, {int(own['spurious'].sum())} spurious"
            ax.set_title(title, fontsize="small")
            ax.set(xlabel="", ylabel="loss $L$" if ax is axes[0] else "")
        axes[1].set_xlabel(problem)
    return figure


@styled
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
                axes[3].plot(way, loss, label=label, **look)
                axes[3].axhline(row.barrier, c=look["c"], lw=0.6, ls=":")
        axes[3].set(xlabel="share of the path", ylabel="loss $L$", xlim=(0, 1))
        axes[3].set_title("over the highest barrier", fontsize="small")
        axes[0].set(ylabel=problem)
    return figure


def fit(row: Valley, network: Parametrization, x: Values) -> Any:
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
