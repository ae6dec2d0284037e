"""The paper's six figures from the objects of this package, and three that it does not have.

Every function returns a matplotlib figure; nothing is written here. The rows of the table check the
numbers that the figures draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.paper.appendix import SAMPLES, TARGETS
from landscape.paper.registry import Effort, Outcome, check
from landscape.paper.section3 import pair_statistics
from landscape.parametrization import Parametrization
from landscape.pathologies import (
    PATHOLOGIES,
    CancellingWeights,
    ExplodingGradient,
    LocalMinimum,
    OppositeWeights,
    RedundantDirections,
    Unbalanced,
)
from landscape.realization import realize

__all__ = ["FIGURES"]

Array = NDArray[np.float64]

BLACK, GREY, BLUE, RED = "#1a1a1a", "#a6a6a6", "#2166ac", "#b2182b"
#: Behind labels that lie on a surface.
BOX = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}

#: A dyadic grid: what cancels in exact arithmetic cancels here. Finer near the kinks at x_1 = 0.
GRID = np.linspace(-1.0, 1.0, 65)
FINE = np.unique(np.concatenate([GRID, np.linspace(-0.25, 0.25, 129)]))

FIRST, SECOND, THIRD = ExplodingGradient(), Unbalanced(), RedundantDirections()
FOURTH, LAST = CancellingWeights.of_figure_4(), LocalMinimum()

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


def _values(theta: Parametrization, first: Array = GRID) -> tuple[Array, Array, Array]:
    """Coordinates and values of a realization on the grid."""
    x, y = np.meshgrid(first, GRID)
    return x, y, realize(theta, np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)


def _surface(
    figure: Figure,
    place: tuple[int, int, int],
    theta: Parametrization,
    title: str,
    first: Array = GRID,
) -> Axes:
    axes: Any = figure.add_subplot(*place, projection="3d", computed_zorder=False)
    x, y, z = _values(theta, first)
    axes.plot_surface(
        x, y, z, cmap="viridis", rcount=65, ccount=first.size, linewidth=0, antialiased=False
    )
    axes.set_xlabel("$x_1$", labelpad=-6)
    axes.set_ylabel("$x_2$", labelpad=-6)
    if np.ptp(z) == 0:
        axes.set_zlim(-1, 1)
    axes.tick_params(pad=-2, labelsize=7)
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_title(title, fontsize=10)
    axes.view_init(elev=28, azim=-125)
    return axes


def _surfaces(panels: Sequence[Panel], columns: int = 0, first: Array = GRID) -> Figure:
    columns = columns or len(panels)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.9 * rows), layout="constrained")
    for number, (theta, title, _) in enumerate(panels, start=1):
        _surface(figure, (rows, columns, number), theta, title, first)
    return figure


def figure_5() -> Figure:
    """Weight vectors of Θ_2 (grey) and Γ_2 (black) of Example 2.5."""
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")
    example = OppositeWeights()
    for network, colour, name in (
        (example.phi(2), GREY, r"$\Theta_2$"),
        (example.gamma(2), BLACK, r"$\Gamma_2$"),
    ):
        a = network.weights
        zero = np.zeros(len(a))
        axes.quiver(
            zero, zero, zero, *a.T, color=colour, arrow_length_ratio=0.1, linewidth=2, label=name
        )
        for i, row in enumerate(a, start=1):
            sign = "" if colour == GREY else "-"
            axes.text(*(1.35 * row), f"${sign}a_{i}^2$", color=colour, ha="center", va="center")
    axes.set_xlim(-3, 3)
    axes.set_ylim(-3, 3)
    axes.set_zlim(-1, 1)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    axes.set_zlabel("$x_3$")
    axes.legend(loc="upper left", fontsize=9)
    axes.set_box_aspect(None, zoom=0.86)
    axes.view_init(elev=18, azim=-65)
    return figure


def figure_6() -> Figure:
    """The samples, R(Γ_*) (left) and g_3 (right) of Example A.1."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    for number, (theta, title, _) in enumerate(SURFACES["figure-6"][1], start=1):
        axes: Any = _surface(figure, (1, 2, number), theta, title)
        samples = zip(SAMPLES, TARGETS, realize(theta, SAMPLES), ("1", "2"), strict=True)
        for x, y, value, name in samples:
            axes.plot(*zip((*x, y), (*x, value), strict=True), color=RED, linewidth=1, zorder=9)
            axes.plot([x[0]], [x[1]], [y], "o", color=RED, markersize=5, zorder=10)
            label = f"$(x^{name}, y^{name})$"
            axes.text(x[0], x[1], y + 0.12, label, color=RED, ha="center", zorder=11, bbox=BOX)
        axes.set_zlim(-0.2, 1.3)
    return figure


def figure_k() -> Figure:
    """g_k of Examples 2.1, 2.3 and A.1 for k = 1, 2, 4, 8, each on the same vertical scale."""
    ks = (1, 2, 4, 8)
    panels = [
        (example.phi(k), f"Example {example.example}, $g_{k}$", 0.0)
        for example in (FIRST, THIRD, LAST)
        for k in ks
    ]
    figure = _surfaces(panels, columns=len(ks))
    for row in range(3):
        group: list[Any] = list(figure.axes[4 * row : 4 * row + 4])
        limits = [axes.get_zlim() for axes in group]
        for axes in group:
            axes.set_zlim(min(low for low, _ in limits), max(high for _, high in limits))
    return figure


def figure_distances() -> Figure:
    """Exact distance to the fibre, the paper's bound and the seminorm for each example over k."""
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
        axes.set_title(f"Example {example.example}", fontsize=10)
        axes.set_xlabel("k")
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend = figure.add_subplot(2, 4, 8)
    legend.axis("off")
    legend.legend(handles, labels, loc="center", frameon=False)
    return figure


def figure_theorem(effort: Effort) -> Figure:
    """Histogram of ‖Φ - Γ‖ over the bound (31), random admissible pairs."""
    ratios = pair_statistics(effort.n_pairs, effort.seed).ratios
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(ratios, bins=np.linspace(0, 1, 51).tolist(), color=BLUE)
    axes.axvline(1.0, color=BLACK, linewidth=1)
    axes.set_xlabel(r"$\|\Phi-\Gamma\|_\infty\,/\,(\beta+2\,|g-R(\Gamma)|^{1/2})$")
    axes.set_ylabel("pairs")
    axes.set_title(f"Theorem 3.1 on {len(ratios)} admissible pairs, largest {ratios.max():.3f}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _surface_figure(key: str) -> Callable[[Effort], Figure]:
    if key == "figure-6":
        return lambda effort: figure_6()
    return lambda effort: _surfaces(SURFACES[key][1], first=FINE if key == "figure-1" else GRID)


#: Names of the image files, the functions that draw them, and their captions.
FIGURES: dict[str, tuple[Callable[[Effort], Figure], str]] = {
    key: (_surface_figure(key), f"Figure {key[-1]}: {statement}.")
    for key, (statement, _) in SURFACES.items()
}
FIGURES["figure-5"] = (lambda effort: figure_5(), f"Figure 5: {VECTORS}, Example 2.5.")
FIGURES = dict(sorted(FIGURES.items())) | {
    "figure-k": (
        lambda effort: figure_k(),
        "Not in the paper: Examples 2.1, 2.3 and A.1 over k, one vertical scale in each row. 2.1 "
        "flattens but keeps its wall; 2.3 and A.1 tend to R(Γ).",
    ),
    "figure-distances": (
        lambda effort: figure_distances(),
        "Not in the paper: exact distance of Γ_k to all parametrizations of g_k, the paper's "
        "bound, the seminorm and the uniform norm (where it is hidden, it equals the seminorm).",
    ),
    "figure-theorem": (
        figure_theorem,
        "Not in the paper: distance over bound (31) of Theorem 3.1 on random admissible pairs.",
    ),
}


def _surface_row(key: str) -> None:
    statement, panels = SURFACES[key]

    @check(key, f"Figure {key[-1]}", statement)
    def run(effort: Effort) -> Outcome:
        found = [
            (
                title.split("$")[1].replace(r"\Gamma", "Γ"),
                peak,
                float(np.abs(_values(theta)[2]).max()),
            )
            for theta, title, peak in panels
        ]
        if key == "figure-6":
            values = realize(LAST.phi(3), SAMPLES)
            found += [("g_3(x^1)", 0.0, values[0]), ("g_3(x^2)", 1 / 3, values[1])]
        return Outcome(
            f"{key}.png; largest absolute value drawn on the 65 x 65 grid",
            ", ".join(f"{name}: {expected:.6g}" for name, expected, _ in found),
            ", ".join(f"{name}: {value:.6g}" for name, _, value in found),
            all(abs(value - expected) < 1e-9 for _, expected, value in found),
        )


for _key in ("figure-1", "figure-2", "figure-3", "figure-4"):
    _surface_row(_key)


@check("figure-5", "Figure 5", VECTORS)
def figure_5_vectors(effort: Effort) -> Outcome:
    """Γ_2's vectors are the opposites of Θ_2's; the products nearly cancel."""
    theta, gamma = OppositeWeights().phi(2), OppositeWeights().gamma(2)
    opposite = bool(np.allclose(theta.weights, -gamma.weights, rtol=1e-15))
    total = (theta.output_weights[:, None] * theta.weights).sum(axis=0)
    return Outcome(
        "figure-5.png; sum of the products c_i a_i drawn",
        "opposite vectors, sum (0, 0, 3)",
        f"opposite: {opposite}, sum {np.round(total, 12).tolist()}",
        opposite and np.allclose(total, [0, 0, 3], atol=1e-12),
    )


_surface_row("figure-6")
