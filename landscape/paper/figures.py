"""The paper's six figures from the objects of this package, and three that it does not have.

Every function returns a matplotlib figure; nothing is written here. The rows of the table check the
numbers that the figures draw.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.random import Generator
from numpy.typing import NDArray

from landscape.paper.appendix import SAMPLES, TARGETS
from landscape.paper.registry import Effort, Result, check, listed
from landscape.paper.section3 import pair_statistics
from landscape.parametrization import Parametrization
from landscape.pathologies import PATHOLOGIES
from landscape.realization import realize

Array = NDArray[np.float64]

BLACK, GREY, BLUE, RED = "#1a1a1a", "#a6a6a6", "#2166ac", "#b2182b"
#: Behind labels that lie on a surface.
BOX = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}

#: A dyadic grid: what cancels in exact arithmetic cancels here. Finer near the kinks at x_1 = 0.
GRID = np.linspace(-1.0, 1.0, 65)
FINE = np.unique(np.concatenate([GRID, np.linspace(-0.25, 0.25, 129)]))

FIRST, SECOND, THIRD, FOURTH, FIFTH, LAST, _ = PATHOLOGIES

#: Network, title and largest absolute value of each surface.
Panel = tuple[Parametrization, str, float]
#: What the figures of surfaces show, as the captions have it, and their panels.
SURFACES: dict[str, tuple[str, list[Panel]]] = {
    "figure-1": (
        "g_k of Example 2.1 for k = 1, 2",
        [(FIRST.phi(k), f"$g_{k}$", 1 / k) for k in (1, 2)],
    ),
    "figure-2": (
        "R(Γ) (r = 0.5) and g_3 of Example 2.2",
        [(SECOND.gamma(3), r"$R(\Gamma)$, $r=0.5$", 0.0), (SECOND.phi(3), "$g_3$", 1 / 3)],
    ),
    "figure-3": (
        "R(Γ) and g_2 of Example 2.3",
        [(THIRD.gamma(2), r"$R(\Gamma)$", 2.0), (THIRD.phi(2), "$g_2$", 2.5)],
    ),
    "figure-4": (
        "R(Γ) and g_3 of Example 2.4, a_1 = (1,-1/2), a_2 = (-1,-1/2), a_3 = (0,1), v = (1,0)",
        [(FOURTH.gamma(3), r"$R(\Gamma)$", 0.0), (FOURTH.phi(3), "$g_3$", 1 / 3)],
    ),
    "figure-6": (
        "R(Γ_*) and g_3 of Example A.1 with both samples",
        [(LAST.gamma(3), r"$R(\Gamma_*)$", 0.0), (LAST.phi(3), "$g_3$", 2 / 3)],
    ),
}
VECTORS = "Weight vectors of Θ_2 (grey) and Γ_2 (black)"


def _values(theta: Parametrization) -> tuple[Array, Array, Array]:
    """Coordinates and values of a realization on the grid."""
    x, y = np.meshgrid(FINE, GRID)
    return x, y, realize(theta, np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)


def _surfaces(effort: Effort, panels: Sequence[Panel], columns: int = 2) -> Figure:
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.5 * columns, 3 * rows), layout="constrained")
    for number, (theta, title, _) in enumerate(panels, start=1):
        solid = {"projection": "3d", "computed_zorder": False}
        axes: Any = figure.add_subplot(rows, columns, number, **solid)
        x, y, z = _values(theta)
        flat = {"linewidth": 0, "antialiased": False}
        axes.plot_surface(x, y, z, cmap="viridis", rcount=len(z), ccount=FINE.size, **flat)
        axes.set_xlabel("$x_1$", labelpad=-6)
        axes.set_ylabel("$x_2$", labelpad=-6)
        if np.ptp(z) == 0:
            axes.set_zlim(-1, 1)
        axes.tick_params(pad=-2, labelsize=7)
        axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        axes.set_title(title, fontsize=10)
        axes.view_init(elev=28, azim=-125)
    return figure


def figure_5(effort: Effort) -> Figure:
    """Figure 5: Weight vectors of Θ_2 (grey) and Γ_2 (black), Example 2.5."""
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")
    theta, gamma = FIFTH.phi(2).weights, FIFTH.gamma(2).weights
    for a, colour, name, sign in ((theta, GREY, r"\Theta", ""), (gamma, BLACK, r"\Gamma", "-")):
        style = {"arrow_length_ratio": 0.1, "linewidth": 2, "label": f"${name}_2$"}
        axes.quiver(*np.zeros((3, len(a))), *a.T, color=colour, **style)
        for i, row in enumerate(a, start=1):
            label = f"${sign}a_{i}^2$"
            axes.text(*(1.35 * row), label, color=colour, ha="center", va="center")
    axes.set(xlim=(-3, 3), ylim=(-3, 3), zlim=(-1, 1))
    axes.set(xlabel="$x_1$", ylabel="$x_2$", zlabel="$x_3$")
    axes.legend(loc="upper left", fontsize=9)
    axes.set_box_aspect(None, zoom=0.86)
    axes.view_init(elev=18, azim=-65)
    return figure


def figure_6(effort: Effort) -> Figure:
    """Figure 6: R(Γ_*) and g_3 of Example A.1 with both samples."""
    panels = SURFACES["figure-6"][1]
    figure: Any = _surfaces(effort, panels)
    for axes, (theta, _, _) in zip(figure.axes, panels, strict=True):
        samples = zip(SAMPLES, TARGETS, realize(theta, SAMPLES), ("1", "2"), strict=True)
        for x, y, value, name in samples:
            axes.plot(*zip((*x, y), (*x, value), strict=True), color=RED, linewidth=1, zorder=9)
            axes.plot([x[0]], [x[1]], [y], "o", color=RED, markersize=5, zorder=10)
            label = f"$(x^{name}, y^{name})$"
            axes.text(x[0], x[1], y + 0.12, label, color=RED, ha="center", zorder=11, bbox=BOX)
        axes.set_zlim(-0.2, 1.3)
    return figure


def figure_k(effort: Effort) -> Figure:
    """Not in the paper: Examples 2.1, 2.3 and A.1 over k, one vertical scale in each row.

    2.1 flattens but keeps its wall; 2.3 and A.1 tend to R(Γ).
    """
    examples, ks = (FIRST, THIRD, LAST), (1, 2, 4, 8)
    panels = [(e.phi(k), f"Example {e.example}, $g_{k}$", 0.0) for e in examples for k in ks]
    figure: Any = _surfaces(effort, panels, columns=4)
    for row in np.reshape(figure.axes, (3, 4)):
        limits = [axes.get_zlim() for axes in row]
        for axes in row:
            axes.set_zlim(np.min(limits), np.max(limits))
    return figure


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def figure_distances(effort: Effort) -> Figure:
    """Not in the paper: exact distance of Γ_k to all parametrizations of g_k, the paper's bound,
    the seminorm and the uniform norm (where it is hidden, it equals the seminorm).
    """  # noqa: D205 (the caption)
    ks = np.unique(np.round(np.logspace(0, 3, 25)).astype(int))
    figure = Figure(figsize=(11, 5), layout="constrained")
    for number, example in enumerate(PATHOLOGIES, start=1):
        axes = figure.add_subplot(2, 4, number)
        found = [example.instance(int(k)) for k in ks]
        bounds = [next(c.predicted for c in f.claims if "Φ_k" in c.statement) for f in found]
        axes.loglog(ks, [f.distance for f in found], color=BLUE, label="distance to the fibre")
        axes.loglog(ks, bounds, "--", color=BLACK, label="the paper's bound")
        axes.loglog(ks, [float(f.seminorm) for f in found], color=RED, label="seminorm")
        axes.loglog(ks, [float(f.uniform) for f in found], ":", color=RED, label="uniform norm")
        axes.set_xlabel("k")
        _plain(axes, f"Example {example.example}")
    legend = figure.add_subplot(2, 4, 8)
    legend.axis("off")
    legend.legend(*figure.axes[0].get_legend_handles_labels(), loc="center", frameon=False)
    return figure


def figure_theorem(effort: Effort) -> Figure:
    """Not in the paper: distance over bound (31) of Theorem 3.1 on random admissible pairs."""
    ratios = pair_statistics(effort.n_pairs, effort.seed).ratio.dropna()
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(ratios, bins=np.linspace(0, 1, 51).tolist(), color=BLUE)
    axes.axvline(1.0, color=BLACK, linewidth=1)
    axes.set_xlabel(r"$\|\Phi-\Gamma\|_\infty\,/\,(\beta+2\,|g-R(\Gamma)|^{1/2})$")
    axes.set_ylabel("pairs")
    _plain(axes, f"Theorem 3.1 on {len(ratios)} admissible pairs, largest {ratios.max():.3f}")
    return figure


#: Names of the image files, the functions that draw them, and their captions.
FIGURES: dict[str, tuple[Callable[[Effort], Figure], str]] = {
    key: (partial(_surfaces, panels=panels), f"Figure {key[-1]}: {statement}.")
    for key, (statement, panels) in SURFACES.items()
    if key != "figure-6"
}
for _draw in (figure_5, figure_6, figure_k, figure_distances, figure_theorem):
    FIGURES[_draw.__name__.replace("_", "-")] = _draw, " ".join(str(_draw.__doc__).split())


def _surface_row(key: str) -> None:
    statement, panels = SURFACES[key]
    peaks = {title.split("$")[1].replace(r"\Gamma", "Γ"): peak for _, title, peak in panels}
    if key == "figure-6":
        peaks |= {"g_3(x^1)": 0.0, "g_3(x^2)": 1 / 3}
    expected = listed("{}: {:.6g}", peaks)
    text = f"{key}.png; largest absolute value drawn on the grid -> {expected}"

    @check(key, f"Figure {key[-1]}", statement, text)
    def run(effort: Effort, rng: Generator) -> Result:
        values = [float(np.abs(_values(theta)[2]).max()) for theta, _, _ in panels]
        if key == "figure-6":
            values += realize(LAST.phi(3), SAMPLES).tolist()
        right = np.allclose(values, list(peaks.values()), rtol=0, atol=1e-9)
        return Result(listed("{}: {:.6g}", dict(zip(peaks, values, strict=True))), bool(right))


for _key in ("figure-1", "figure-2", "figure-3", "figure-4"):
    _surface_row(_key)


@check("figure-5", "Figure 5", VECTORS)
def figure_5_vectors(effort: Effort, rng: Generator) -> Result:
    """figure-5.png; sum of the products c_i a_i drawn -> opposite vectors, sum (0, 0, 3)."""
    theta, gamma = FIFTH.phi(2), FIFTH.gamma(2)
    opposite = bool(np.allclose(theta.weights, -gamma.weights, rtol=1e-15))
    total = (theta.output_weights[:, None] * theta.weights).sum(axis=0)
    measured = f"opposite: {opposite}, sum {np.round(total, 12).tolist()}"
    return Result(measured, opposite and np.allclose(total, [0, 0, 3], atol=1e-12))


_surface_row("figure-6")
