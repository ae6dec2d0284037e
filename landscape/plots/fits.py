"""Figures of the fits at the best minima: the functions, predictions and residuals."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landscape import plots
from landscape.plots import BLUE, GREEN, ORANGE, RED, TWO_COLUMNS, Tables, points, styled
from landscape.plots.figures import EXACT
from landscape.plots.figures import SPACES as LOOKS
from landscape.spaces import SPACES
from landscape.study.rows import objective_in

#: More samples than this are drawn as an image.
MANY = 2000
NETWORK = ("o", 7, "white", BLUE, "network at the best certified minimum")
LINEAR = ("x", 7, "0.6", "0.6", "linear fit")
SAMPLES = ("+", 12, "0.35", "0.35", "samples")
BEST: Any = {"color": "black", "linewidth": 1.6, "label": "best certified minimum"}
NEXT: Any = {"color": BLUE, "linewidth": 0.6, "zorder": 1, "label": "next best"}
#: Line of each feature of a partial dependence, by its rank.
LINES = [(BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (RED, ":"), ("black", "-"), ("0.5", "--")]


def _shown(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions of N*, or of the first space that has some, of each data set."""
    order = predictions["space"].map(list(SPACES).index)
    return predictions[order == order.groupby(predictions["dataset"]).transform("min")]


@styled
def dependence_figure(tables: Tables) -> Figure:
    """The functions at the best minima: of one input, of two, or partial dependences."""
    shown, samples = tables["dependence"], _shown(tables["predictions"])
    figure, panels = plots.grid(shown, 1.8, "", plots.target_label(tables))
    for ax, own in panels:
        rows = own(shown)
        best = rows[rows["minimum"] == 0]
        if best.empty:
            continue
        if best["other"].notna().any():
            _surface(ax, best)
        elif best["first"].nunique() > 1:
            _partial(ax, best)
        else:
            points(ax, own(samples)["x"], own(samples)["observed"], SAMPLES)
            for number, curve in rows.groupby("minimum"):
                ax.plot(curve["x"], curve["value"], **(NEXT if number else BEST))
            ax.set_xlabel(best["first"].iloc[0])
        _few_ticks(ax)
    return figure


def _surface(ax: Axes, rows: pd.DataFrame) -> None:
    """A function of two inputs: shades, and lines of equal value with their values."""
    values = rows.pivot(index="other", columns="x", values="value")
    grid = (values.columns.to_numpy(), values.index.to_numpy(), values.to_numpy())
    ax.contourf(*grid, levels=8, cmap="Blues", alpha=0.7)
    look: Any = {"colors": "0.25", "linewidths": 0.5, "negative_linestyles": "solid"}
    lines = ax.contour(*grid, levels=8, **look)
    ax.clabel(lines, fontsize=7, inline_spacing=2, fmt="%.3g")
    ax.set(xlabel=rows["first"].iloc[0], ylabel=rows["second"].iloc[0])
    ax.grid(visible=False)


def _partial(ax: Axes, rows: pd.DataFrame) -> None:
    """Partial dependences, each over the range of its feature, with their names at the ends."""
    curves = {str(name): own for name, own in rows.groupby("first")}
    ranked = sorted(curves, key=lambda name: -np.ptp(curves[name]["value"]))
    for name, (colour, style) in zip(ranked, LINES, strict=False):
        values = curves[name]["value"].to_numpy()
        ax.plot(
            np.linspace(0, 1, len(values)), values, color=colour, linestyle=style, linewidth=1.1
        )
    low, high = ax.get_ylim()
    ends = sorted((float(curves[name]["value"].iloc[-1]), name) for name in ranked)
    gap, place = (high - low) / 9, -np.inf
    high -= gap / 2
    for k, (end, name) in enumerate(ends):
        room = high - gap * (len(ends) - 1 - k)  # for those above
        place = max(place + gap, min(end, room))
        colour = LINES[ranked.index(name)][0]
        ax.annotate(
            name[:12], (1.0, end), (1.06, place), fontsize=7, color=colour, va="center",
            annotation_clip=False, arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.4},
        )  # fmt: skip
    ax.set(xlim=(0, 1.4), xticks=[0, 1], xlabel="share of a feature's range")
    ax.set_xticklabels(["0", "1"])


def _few_ticks(ax: Axes) -> None:
    ax.yaxis.set_major_locator(MaxNLocator(5))
    if len(ax.get_xticks()) > 2:
        ax.xaxis.set_major_locator(MaxNLocator(4))


def _scatter(tables: Tables, x: str, y: str) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel with the predictions of each cell."""
    shown = _shown(tables["predictions"])
    figure, panels = plots.grid(shown, 1.75, x, y)
    return figure, [(ax, own(shown)) for ax, own in panels]


def _finish(ax: Axes) -> None:
    """Few ticks, and what has too many marks as an image."""
    _few_ticks(ax)
    for line in ax.lines:
        line.set_rasterized(len(np.atleast_1d(line.get_xdata())) > MANY)


@styled
def predicted_figure(tables: Tables) -> Figure:
    """Predicted against observed targets, of the best minimum and of a linear fit."""
    unit = plots.target_label(tables)
    figure, panels = _scatter(tables, f"observed {unit}", f"predicted {unit}")
    scores = tables["accuracy"].set_index(["dataset", "model", "neurons"])["explained"].to_dict()
    score = "$R^2$" if objective_in(tables) == "squared" else "explained"
    for ax, rows in panels:
        if rows.empty:
            continue
        points(ax, rows["observed"], rows["linear"], LINEAR)
        points(ax, rows["observed"], rows["predicted"], NETWORK)
        ax.axline((rows["observed"].mean(),) * 2, slope=1.0, color="black", linewidth=0.8)
        name, space, m = rows[["dataset", "space", "neurons"]].iloc[0]
        network, linear = (scores.get((name, *key), np.nan) for key in ((space, m), ("linear", 0)))
        text = f"{score} {network:.3f}\nlinear {linear:.3f}"
        place: Any = {"xycoords": "axes fraction", "va": "top", "fontsize": 7}
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
        ax.annotate(text, (0.04, 0.97), bbox=box, zorder=4, **place)
        _finish(ax)
    return figure


@styled
def residuals_figure(tables: Tables) -> Figure:
    """Residuals of the best minimum and of a linear fit against what they predict."""
    unit = plots.target_label(tables)
    figure, panels = _scatter(tables, f"predicted {unit}", "residual: observed − predicted")
    for ax, rows in panels:
        if rows.empty:
            continue
        points(ax, rows["linear"], rows["observed"] - rows["linear"], LINEAR)
        points(ax, rows["predicted"], rows["observed"] - rows["predicted"], NETWORK)
        ax.axhline(0.0, color="black", linewidth=0.8)
        _finish(ax)
    return figure


#: Networks by their verdicts, the minimum next to one, and the minima of the study.
NETWORKS = {
    "holds": ("o", 22, BLUE, BLUE, "network, a local minimum"),
    "violated": ("X", 26, "white", RED, "network, no local minimum"),
    "undecided": ("s", 20, "white", "0.4", "network, undecided"),
}
NEAREST = ("d", 16, "white", BLUE, "certified minimum next to it")
MINIMA = ("|", 45, "none", "0.45", "certified minima of the study")


@styled
def networks_figure(tables: Tables) -> Figure:
    """The losses of networks that data sets bring, beside those of the study's minima."""
    networks, fits = tables["networks"], tables["fits"]
    datasets = list(dict.fromkeys(networks["dataset"]))
    counts = [len(SPACES) + int((networks["dataset"] == name).sum()) for name in datasets]
    size = (TWO_COLUMNS, 0.9 + sum(0.22 * n + 0.45 for n in counts))
    figure = Figure(figsize=size, layout="constrained")
    figure.supxlabel("loss (1 = variance of the target)")
    axes = figure.subplots(max(len(datasets), 1), squeeze=False, height_ratios=counts or None)
    for ax, name in zip(axes[:, 0], datasets, strict=False):
        own = networks[networks["dataset"] == name].sort_values(["loss", "network"])
        found = fits[(fits["dataset"] == name) & (fits["minimum"] >= 0)]
        spaces = [space for space in LOOKS if (found["space"] == space).any()]
        for place, space in enumerate(reversed(spaces)):
            losses = found.loc[found["space"] == space, "loss"].clip(EXACT)
            points(ax, losses, np.full(len(losses), place), MINIMA)
        for place, row in enumerate(own.itertuples(), len(spaces)):
            ends = np.maximum([row.loss, row.nearest_loss], EXACT)
            ax.plot(ends, [place] * 2, color="0.6", linewidth=0.8, zorder=1)
            points(ax, ends[1:], [place], NEAREST)
            points(ax, ends[:1], [place], NETWORKS[row.verdict])
        labels = [LOOKS[space][0] for space in reversed(spaces)]
        labels += [f"{row.network[:24]}, $m={row.neurons}$" for row in own.itertuples()]
        ax.set_yticks(range(len(labels)), labels)
        ax.set(title=name, xscale="log", ylim=(-0.7, len(labels) - 0.3))
        ax.grid(visible=False, axis="y")
    return figure
