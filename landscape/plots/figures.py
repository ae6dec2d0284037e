"""The figures themselves: losses, balls, radii, stability, controls, converse, solvers, ..."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from landscape import plots
from landscape.plots import BLUE, GREEN, ORANGE, RED, Tables, points, styled

#: Name of each space, and its line; the last is drawn on top.
SPACES: dict[str, tuple[str, Any]] = {
    "unrestricted": (r"unrestricted $\mathcal{P}$", {"c": "0.55", "ls": "-", "lw": 2.6}),
    "balanced": (r"balanced $\mathcal{N}'$", {"c": ORANGE, "ls": "--", "lw": 1.6}),
    "restricted": (r"restricted $\mathcal{N}^*$", {"c": BLUE, "ls": "-", "lw": 0.9}),
}
#: Colours of solvers; a user's own come after ours.
SOLVERS = {"SLSQP": ORANGE, "L-BFGS-B": GREEN, "trust-constr": BLUE, "trf": RED}
#: Marker, size, face and edge colour, and label: of each radius, ball, control, kind of pair.
RADII = {
    "rigidity_radius": ("^", 13, "white", GREEN, r"$\frac{1}{2}\,\min_i\|u_i\|_\infty$"),
    "sharp_radius": ("o", 11, "white", ORANGE, r"$r^2/8$"),
    "paper_radius": ("o", 11, BLUE, BLUE, r"$r^2/16$, Corollary 1.3"),
}
BALLS = {
    "control": ("x", 10, RED, RED, "control C.1: better realization"),
    "probe": ("^", 13, "white", GREEN, r"$\mathcal{N}^*$: rigid ball, as Theorem 13 says"),
}
CONTROLS = {
    "C.1": ("x", 11, RED, RED, "C.1 unbalanced"),
    "C.2": ("s", 9, "white", ORANGE, "C.2 redundant"),
    "C.3": ("^", 10, GREEN, GREEN, r"C.3 opposite, in $\mathcal{N}'$"),
}
KINDS = {
    "random": ("o", 6, "none", "0.6", "random"),
    "minima": ("o", 9, "white", "0.35", "two minima"),
    "again": ("P", 14, "white", "black", "reached twice"),
    "scaled": ("v", 11, "white", BLUE, "neurons rescaled"),
    "opposed": ("s", 9, "white", GREEN, "opposed neurons"),
    "extremal": ("D", 9, BLUE, "black", "extremal"),
    "forward": ("+", 13, BLUE, BLUE, "perturbed"),
    "C.1": ("x", 11, RED, RED, r"control C.1, not in $\mathcal{N}^*$"),
    "C.2": ("1", 16, RED, RED, "C.2, likewise"),
    "C.3": ("^", 10, RED, RED, "C.3, likewise"),
}
#: Those of the figure of stability.
STABLE = ("minima", "scaled", "opposed", "extremal", "C.1")
UNIFORM = ("+", 13, "black", "black", "perturbed: uniform distance")
INSIDE = "proven to be inside: lower to upper end"
GLOBAL = "global minimum: between these ends"
OPEN = ("^", 14, "white", BLUE, "no better point found: lower end")
CERTIFIED = ("o", 5, "black", "black", r"certified: $r$ (left), $r^2/8$ (right)")
IS_MINIMUM, NO_MINIMUM = "end point is a certified local minimum as it is", "it is not"
#: Look of each verdict's bars.
VERDICTS: dict[str, Any] = {
    "holds": {"facecolor": BLUE},
    "violated": {"facecolor": "white", "hatch": "////"},
    "undecided": {"facecolor": "0.8"},
}
#: Gains below are drawn here: none beyond rounding.
NO_GAIN = 1e-17
#: The strip in which balls are drawn that hold nothing better is below every decrease that was
#: found, and below this one.
FLOOR = 1e-17
#: Losses below are drawn here: exact fits, up to rounding.
EXACT = 1e-16

SHARP = r"$2\sqrt{2}\,\sqrt{r}$, sharp"
SEMINORM = r"$r = |\mathcal{R}(\Gamma)-\mathcal{R}(\Theta)|_{W^{1,\infty}}$"
DISTANCE = r"$\|\Gamma-\Theta\|_\infty$ modulo permutations"


@styled
def losses_figure(tables: Tables) -> Figure:
    """Empirical distribution of the losses at certified minima, and brackets of the least ones."""
    fits, optima = tables["fits"], tables["optima"]
    x = "loss $L$ at certified local minima"
    x = plots.loss_label(tables, x, " (1 = variance of the target)")
    figure, panels = plots.grid(fits, 1.55, x, "share of minima with loss ≤ $L$")
    for ax, own in panels:
        every = own(fits)
        for space, (name, line) in SPACES.items():
            losses = every.loc[(every["minimum"] >= 0) & (every["space"] == space), "loss"]
            if len(losses):
                sns.ecdfplot(x=np.maximum(losses, EXACT), ax=ax, label=name, **line)
        losses = every.loc[every["minimum"] >= 0, "loss"].clip(EXACT)
        if (len(losses) and losses.max() > 10 * losses.min()) or losses.min() == EXACT:
            ax.set_xscale("log")
        if losses.min() == EXACT:
            decades = _decades(EXACT, max(losses.max(), 1e-12))
            ax.set_xlim(EXACT / 5, 10 * max(decades))
            ax.set_xticks([EXACT, *decades[1:]], [f"≤{_power(EXACT)}", *map(_power, decades[1:])])
            ax.set_xticks([], minor=True)
        for k, (space, (_, line)) in enumerate(SPACES.items()):
            ends = own(optima[optima["space"] == space])[["global_low", "global_high"]]
            for low, high in np.maximum(ends.to_numpy(), EXACT):
                _optimum(ax, low, high, -0.07 * (k + 1), line)
        ax.set(xlabel="", ylabel="", ylim=(-0.28, 1.03), yticks=np.linspace(0, 1, 5))
    return figure


@styled
def restarts_figure(tables: Tables) -> Figure:
    """Expected number of distinct minima that so many starts reach."""
    restarts, y = tables["restarts"], "expected number of distinct minima"
    figure, panels = plots.grid(restarts, 1.45, "random starts", y, sharex=True, sharey=True)
    for ax, own in panels:
        for space, (name, line) in SPACES.items():
            rows = own(restarts[(restarts["space"] == space) & (restarts["minima"] > 0)])
            if len(rows):
                ax.plot(rows["draws"], rows["minima"], label=name, marker=".", ms=4, **line)
        most = max(own(restarts)["draws"], default=1)
        ax.plot([1, most], [1, most], c="0.3", lw=0.7, ls=":", label="every start another one")
        ax.set(xscale="log", yscale="log")
    return figure


def _optimum(ax: Axes, low: float, high: float, y: float, line: dict[str, Any]) -> None:
    """A bracket of the global minimum with caps; a lower end far to the left has none."""
    seen, left = low > 0.2 * high, ax.get_xlim()[0]
    ax.set_xlim(min(left, 0.9 * low if seen else 0.8 * high))
    ax.plot([low if seen else ax.get_xlim()[0], high], [y, y], **line)
    ends = [low, high] if seen else [high]
    points(ax, ends, [y] * len(ends), ("|", 25, line["c"], line["c"], GLOBAL))


def _power(value: float) -> str:
    return f"$10^{{{round(np.log10(value))}}}$"


def _decades(low: float, high: float) -> list[float]:
    """At most five powers of ten from low to high, evenly."""
    first, last = round(np.log10(low)), round(np.log10(high))
    return [10.0**k for k in range(first, last + 1, max(-(-(last - first) // 4), 1))]


def _bound(ax: Axes, r: pd.Series, label: str, factor: float = 8**0.5, style: str = "--") -> None:
    """The line factor √r over all values of r; by default the sharp one on N*."""
    if len(r):
        x = np.geomspace(r.min() / 2, r.max() * 2, 50)
        ax.plot(x, factor * np.sqrt(x), style, color="black", linewidth=0.9, label=label)


def _pairs(
    ax: Axes, pairs: pd.DataFrame, kinds: Iterable[str], x: str = "seminorm", y: str = "distance"
) -> None:
    """Pairs of networks by their kinds."""
    for kind in kinds:
        own = pairs[pairs["kind"] == kind]
        points(ax, own[x], own[y], KINDS[kind])


@styled
def stability_figure(tables: Tables) -> Figure:
    """Distance of parametrizations against distance of realizations, Corollary 3.3."""
    pairs = tables["pairs"].query("kind in @STABLE and seminorm > 0 and distance > 0")
    figure = Figure(figsize=(plots.ONE_COLUMN, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.set(xscale="log", yscale="log", xlabel=SEMINORM, ylabel=DISTANCE)
    ax.margins(x=0)
    _bound(ax, pairs["seminorm"], r"$4\,\sqrt{r}$, Corollary 3.3", 4.0, "-")
    _bound(ax, pairs["seminorm"], SHARP)
    _pairs(ax, pairs, STABLE)
    return figure


@styled
def inverse_figure(tables: Tables) -> Figure:
    """Inverse stability over all kinds of pairs, and the forward direction beside it."""
    pairs = tables["pairs"].query("seminorm > 0 and distance > 0")
    figure = Figure(figsize=(plots.TWO_COLUMNS, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _pairs(left, pairs, KINDS)
    _bound(left, pairs["seminorm"], SHARP)
    _pairs(right, pairs, ("random", "minima", "scaled", "forward"), "distance", "seminorm")
    moved = pairs.query("kind == 'forward' and uniform > 0")
    points(right, moved["distance"], moved["uniform"], UNIFORM)
    left.set(xscale="log", yscale="log", xlabel=SEMINORM, ylabel=DISTANCE)
    left.set_title("inverse direction", loc="left")
    right.set(xscale="log", yscale="log", xlabel=DISTANCE, ylabel="distance of the realizations")
    right.set_title("forward direction", loc="left")
    return figure


@styled
def radii_figure(tables: Tables) -> Figure:
    """Per certified minimum of N*, radii of the realization minimum."""
    minima = tables["minima"].query("space == 'restricted'")
    minima = minima.sort_values(["paper_radius", "minimum"])
    x = r"distinct certified minima of $\mathcal{N}^*$, in order of their radius $r$"
    y = "radius of the realization minimum"
    figure, panels = plots.grid(tables["fits"], 1.55, x, y, sharey=True)
    for ax, own in panels:
        rows = own(minima)
        ax.set_yscale("log")
        for column, look in RADII.items():
            finite = np.isfinite(rows[column]) & (rows[column] > 0)
            points(ax, np.flatnonzero(finite) + 1, rows.loc[finite, column], look)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set_xlim(0, len(rows) + 1)
    return figure


@styled
def probes_figure(tables: Tables) -> Figure:
    """What probes find: by how much the loss can be lowered within a seminorm ball."""
    controls = tables["controls"].query("kind == 'C.1' and verdict == 'violated'")
    shown = {
        "control": controls.assign(radius=controls["distance"]),
        "probe": tables["probes"].query("verdict != 'undecided'"),
    }
    x = "seminorm: radius of the ball, distance of the better realization"
    y = plots.loss_label(tables, "decrease of the loss that is possible")
    figure, panels = plots.grid(tables["fits"], 1.6, x, y, sharex=True, sharey=True)
    gaps = pd.concat([rows.loc[rows["verdict"] == "violated", "gap"] for rows in shown.values()])
    floor = min(FLOOR, gaps[gaps > 0].min() / 10) if (gaps > 0).any() else FLOOR
    none = floor / 1e3
    for ax, own in panels:
        ax.set(xscale="log", yscale="log")
        ax.axhspan(none / 1e3, floor, color="0.93", linewidth=0)
        for ball, look in BALLS.items():
            rows = own(shown[ball])
            rows = rows[(rows["radius"] > 0) & np.isfinite(rows["radius"])]
            found = (rows["verdict"] == "violated") & (rows["gap"] > 0)
            points(ax, rows["radius"], np.where(found, rows["gap"], none), look)
        decades = _decades(10 * floor, 1.0)
        ax.set_yticks([none, *decades], ["none", *map(_power, decades)])
        ax.set_yticks([], minor=True)
        ax.set_ylim(none / 1e3, 10)
    return figure


@styled
def controls_figure(tables: Tables) -> Figure:
    """Better realizations at every distance from the controls, and no parametrization near."""
    controls = tables["controls"].query("distance > 0 and verdict == 'violated'")
    figure = Figure(figsize=(plots.TWO_COLUMNS, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for kind, look in CONTROLS.items():
        own = controls[controls["kind"] == kind]
        points(left, own["distance"], own["gap"], look)
        points(right, own["distance"], own["fibre_distance"], look)
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="seminorm distance of the better realization")
    left.set_ylabel(plots.loss_label(tables, "decrease of the loss"))
    right.set_ylabel("distance to its fibre, at least")
    bound = r"$2\sqrt{2}\,\sqrt{r}$, the bound on $\mathcal{N}^*$"
    _bound(right, controls["distance"], bound)
    return figure


@styled
def brackets_figure(tables: Tables) -> Figure:
    """Brackets of radii: in parameter space, and in realization space."""
    minima = tables["minima"].query("space == 'restricted' and radius_high_method != ''")
    wide = tables["brackets"].query("space == 'restricted'")
    figure = Figure(figsize=(plots.TWO_COLUMNS, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ax, frame, certified in ((left, minima, "radius"), (right, wide, "certified")):
        rows = frame[(frame["radius_low"] > 0) & np.isfinite(frame["radius_low"])]
        rows = rows.sort_values(["radius_low", "radius_high", "minimum"])
        rows = rows.assign(rank=np.arange(1, len(rows) + 1))
        closed, open_ones = (rows[np.isfinite(rows["radius_high"]) == side] for side in (1, 0))
        ends = closed["radius_low"], closed["radius_high"]
        ax.set_yscale("log")
        ax.vlines(closed["rank"], *ends, color=BLUE, linewidth=1.6, zorder=2, label=INSIDE)
        for end in ends:
            points(ax, closed["rank"], end, ("_", 12, BLUE, BLUE))
        points(ax, open_ones["rank"], open_ones["radius_low"], OPEN)
        points(ax, rows["rank"], rows[certified], CERTIFIED)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.set_xlim(0, len(rows) + 1)
        ax.set_xlabel(r"bracketed minima of $\mathcal{N}^*$, sorted by lower end")
    left.set_title(r"parameter space: radius $r^*$ of (9)", loc="left")
    right.set_title("realization space", loc="left")
    left.set_ylabel("max-norm of parameters")
    right.set_ylabel(r"seminorm $|\cdot|_{W^{1,\infty}}$")
    return figure


@styled
def solvers_figure(tables: Tables) -> Figure:
    """What the descent still gains at each solver's end points, and which were minima."""
    runs = tables["runs"].sort_values("start")
    colours = SOLVERS | dict.fromkeys(sorted(set(runs["solver"]) - set(SOLVERS)), "black")
    gains = "loss that the descent still gains"
    gains = plots.loss_label(tables, gains, " (1 = variance of the target)")
    x = f"{gains}; right: share certified before it"
    figure, panels = plots.grid(tables["runs"], 1.55, x, "", sharex=True, sharey=True)
    for ax, own in panels:
        ax.set_xscale("log")
        for k, (solver, colour) in enumerate(colours.items()):
            rows = own(runs[runs["solver"] == solver])
            if rows.empty:
                continue
            gain = np.maximum((rows["trained_loss"] - rows["loss"]).to_numpy(), NO_GAIN)
            passed = rows["trained_verdict"].eq("holds").to_numpy()
            # Spread over the height of the solver's row: starts do not hide each other.
            heights = k + np.linspace(-0.3, 0.3, len(rows)) if len(rows) > 1 else np.array([k])
            points(ax, gain[~passed], heights[~passed], ("x", 9, colour, colour, NO_MINIMUM))
            points(ax, gain[passed], heights[passed], ("o", 10, "black", "black", IS_MINIMUM))
            plain = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
            place: Any = {"xycoords": ax.get_yaxis_transform(), "va": "center", "ha": "right"}
            share = f"{100 * passed.mean():.0f} %"
            ax.annotate(share, (0.98, k), fontsize=7, bbox=plain, **place)
        ax.set_yticks(range(len(colours)), list(colours))
        ax.set_ylim(len(colours) - 0.5, -0.5)
        ax.set_xlim(NO_GAIN / 5, 3e6)  # the shares stand right of every loss
        ax.set_xticks([NO_GAIN, 1e-10, 1e-5, 1], ["none", "$10^{-10}$", "$10^{-5}$", "1"])
        ax.set_xticks([], minor=True)
    return figure


def _verdicts_figure(frame: pd.DataFrame, groups: list[str], x: str, y: str) -> Figure:
    """Shares of the verdicts in each panel, one bar per value of the column ``group``."""
    figure, panels = plots.grid(frame, 1.45, x, y, sharey=True)
    for ax, own in panels:
        for k, group in enumerate(groups):
            verdicts, below = own(frame[frame["group"] == group])["verdict"], 0.0
            for verdict, look in VERDICTS.items():
                if share := float(verdicts.eq(verdict).sum()) / max(len(verdicts), 1):
                    bar: Any = {"bottom": below, "edgecolor": "black", "linewidth": 0.6}
                    ax.bar(k, share, 0.62, label=verdict, **bar, **look)
                    below += share
            ax.annotate(f"{len(verdicts)}", (k, 1.02), ha="center", fontsize=7)
        ax.set_xticks(range(len(groups)), groups)
        ax.set(xlim=(-0.6, len(groups) - 0.4), ylim=(0, 1.14), yticks=[0, 0.5, 1])
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.grid(axis="x", visible=False)
    return figure


@styled
def converse_figure(tables: Tables) -> Figure:
    """Optimal scales make minima in realization space, not in parameter space."""
    spaces = ["realization", "parameters"]
    draws = tables["converse"].melt(["dataset", "neurons"], spaces, "group", "verdict")
    x = "random directions, optimal scales: a minimum of which space? (above: draws)"
    return _verdicts_figure(draws, spaces, x, "share of the draws")


@styled
def natural_figure(tables: Tables) -> Figure:
    """Minima outside N* as training finds them: the implication of Proposition 1.2 there."""
    natural = tables["natural"]
    spaces = {"balanced": r"$\mathcal{N}'$", "unrestricted": r"$\mathcal{P}$"}
    groups: Any = natural["space"].map(spaces) + np.where(natural["spare"] > 0, "\nspare", "\nnone")
    order = [f"{name}\n{spare}" for name in spaces.values() for spare in ("spare", "none")]
    x = "certified minima with and without spare neurons (above: their number)"
    return _verdicts_figure(natural.assign(group=groups), order, x, "share of the minima")


#: A column each of the figure of regularizers: title, by measure; and the looks of data sets.
MEASURES = {
    "trained_imbalance": "imbalance,\ntrained",
    "trained_cosine": "largest cosine,\ntrained",
    "near_best": "share within 1 %\nof the best loss",
    "violated": "share with a\nviolation",
    "loss": "share with lower\nminus higher loss",
}
DATA = (("o", BLUE), ("s", ORANGE), ("^", GREEN), ("D", RED), ("v", "0.4"), ("P", "0.6"))


@styled
def regularization_figure(summary: pd.DataFrame, *, level: float = 0.95) -> Figure:
    """Paired differences of every arm to its counterpart, with intervals of a level.

    From rows of :func:`landscape.study.regularization.compare_arms`: a row of panels per number of
    neurons, a line per arm, a marker per data set, filled where the interval leaves out 0 (in the
    last panel, which has none: where Holm's adjusted sign test is below ``1 - level``).
    """
    frame = summary[summary["against"] != ""].assign(strength=summary["strength"].fillna(-1.0))
    arms = frame[["arm", "strength", "against"]].drop_duplicates()
    frame = frame.merge(arms.assign(place=range(len(arms))))
    is_loss = frame["measure"] == "loss"
    shares = (frame["n_less"] - frame["n_more"]) / frame["n"].clip(lower=1)
    frame["x"] = frame["difference"].where(~is_loss, shares)
    apart = (frame["low"] > 0) | (frame["high"] < 0)
    frame["found"] = apart.where(~is_loss, frame["p_holm"] < 1.0 - level)
    neurons, datasets = sorted(set(frame["neurons"])), list(dict.fromkeys(frame["dataset"]))
    names = [
        arm + f" {strength:g}" * (strength >= 0) + f" (to {against})" * (against != "none")
        for arm, strength, against in arms.itertuples(index=False)
    ]
    height = 1.0 + (0.24 * len(arms) + 0.3) * len(neurons)
    figure = Figure(figsize=(plots.TWO_COLUMNS, height), layout="constrained")
    share: Any = {"sharey": True, "sharex": "col", "squeeze": False}
    for m, line in zip(neurons, figure.subplots(len(neurons), len(MEASURES), **share), strict=True):
        for ax, (measure, title) in zip(line, MEASURES.items(), strict=True):
            ax.set_title(title if m == neurons[0] else "")
            ax.axvline(0.0, color="0.3", linewidth=0.8)
            shown = frame[(frame["neurons"] == m) & (frame["measure"] == measure)]
            for k, dataset in enumerate(datasets):
                marker, colour = DATA[k % len(DATA)]
                rows = shown[shown["dataset"] == dataset]
                y = rows["place"] + 0.8 * ((k + 0.5) / len(datasets) - 0.5)
                if measure != "loss":
                    ax.hlines(y, rows["low"], rows["high"], color=[colour], linewidth=0.8)
                for face, own in ((colour, rows["found"]), ("white", ~rows["found"])):
                    points(ax, rows["x"][own], y[own], (marker, 9, face, colour, dataset))
        line[0].set_yticks(np.arange(len(arms)), names)
        line[0].set_ylim(len(arms) - 0.5, -0.5)
        line[-1].set_xlim(-1.05, 1.05)
        plots.beside_axes(line[-1], f"$m = {m}$")
    figure.supxlabel("paired difference")
    return figure
