"""Optimal networks with weight decay, and their critical widths.

With weight decay the globally optimal two-layer networks of all widths are those of one convex
program. Two critical widths, the least number m* of neurons of an optimal network and the largest
number M* that an optimal network without superfluous neurons has, say how the optimal set hangs
together as networks get wider. Nobody has computed them on data: here they are, for one input, and
for symmetric points of the plane, on which the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import clarabel
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.rounding import Array
from landscape.verdict import Judgement

CAPTION = """Connected components of the globally optimal networks with weight decay, modulo
permutations, by the width, for the problems with more than one optimal network of the least width
m*, at which each curve begins."""

KIM = Source(
    "Kim, Mishkin, Pilanci 2025",
    "arXiv:2411.07729",
    "abstract and the caption of its staircase",
)

#: A direction is optimal if its dual constraint is active up to this share; rank tolerance.
ACTIVE, SAME = 1e-6, 1e-7


class Optimum(NamedTuple):
    """The optimal set of one problem: columns of optimal directions, vertices, duality gap."""

    columns: Array
    fitted: Array
    vertices: list[tuple[int, ...]]
    gap: float

    @property
    def least(self) -> int:
        """m*, the fewest neurons of an optimal network."""
        return min(map(len, self.vertices))

    @property
    def largest(self) -> int:
        """M*, the most neurons of an optimal network whose columns are independent."""
        return max(map(len, self.vertices))

    def pieces(self, width: int) -> int:
        """Connected components of the optimal networks of a width, modulo permutations.

        These are the faces of the polytope of optimal scales with at most so many positive ones:
        vertices, linked by the edges among these faces.
        """
        own = [v for v in self.vertices if len(v) <= width]
        rank = np.linalg.matrix_rank
        links = np.zeros((len(own), len(own)))
        for i, j in combinations(range(len(own)), 2):
            both = sorted({*own[i], *own[j]})
            edge = rank(self.columns[:, both], tol=SAME) == len(both) - 1
            links[i, j] = edge and len(both) <= width
        return int(connected_components(links, directed=False)[0])


def cells(X: Array) -> list[Array]:
    """Rays (2, 2) of the activation cells of one neuron on samples X (n, 2)."""
    angles = np.arctan2([X[:, 0], -X[:, 0]], [-X[:, 1], X[:, 1]])  # where <v, x> = 0
    # Samples on one line through zero have the same two angles, but for rounding.
    angles = np.unique(np.round(np.where(angles < 1e-12 - np.pi, np.pi, angles), 12))
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return [np.array([rays[k], rays[(k + 1) % len(rays)]]) for k in range(len(rays))]


def optimum(X: Array, y: Array, decay: float) -> Optimum:
    """Solve ``sum_k (R(x_k) - y_k)^2 / 2 + decay * sum_i ‖u_i‖_2`` over networks of all widths.

    Samples X (n, 2): one input and a column of ones for the bias, or two inputs and no bias.
    """
    rays = cells(X)
    blocks = [
        s * (X * (X @ pair.mean(axis=0) > 0)[:, None]) @ pair.T
        for pair in rays
        for s in (1.0, -1.0)
    ]
    pairs = [pair for pair in rays for _ in (1, -1)]
    # Variables: residuals, then per block the weights of the two rays and a bound of the norm.
    n, count = len(X), len(blocks)
    quadratic = sparse.diags(np.append(np.ones(n), np.zeros(3 * count)))
    linear = np.zeros(n + 3 * count)
    linear[n + 2 :: 3] = decay
    fit = np.hstack([np.hstack([block, np.zeros((n, 1))]) for block in blocks])
    rows = [np.hstack([np.eye(n), -fit])]
    right, cones = [-y], [clarabel.ZeroConeT(n)]
    for k, pair in enumerate(pairs):
        own = np.zeros((5, n + 3 * count))
        at = n + 3 * k
        own[0, at] = own[1, at + 1] = own[2, at + 2] = -1.0
        own[3:, at : at + 2] = -pair.T
        rows.append(own)
        right.append(np.zeros(5))
        cones += [clarabel.NonnegativeConeT(2), clarabel.SecondOrderConeT(3)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(quadratic),
        linear,
        sparse.csc_matrix(np.vstack(rows)),
        np.concatenate(right),
        cones,
        settings,
    )
    found = np.array(solver.solve().x)
    nu = -found[:n]  # y - R, the dual point
    cost = float(nu @ nu / 2 + decay * found[n + 2 :: 3].sum())
    columns, sizes = [], []
    for pair in rays:
        active = (X @ pair.mean(axis=0) > 0).astype(float)
        for s in (1.0, -1.0):
            g = s * (X * active[:, None]).T @ nu
            # Inside the cell the steepest direction is g itself, else one of the rays.
            inside = np.linalg.solve(pair.T, g).min() > 0
            v = pair[int(np.argmax(pair @ g))]
            if inside and g.any():
                v = g / np.linalg.norm(g)
            sizes.append(float(v @ g))
            columns.append(s * np.maximum(X @ v, 0.0))
    scale = min(1.0, decay / max(max(sizes), 1e-300))
    dual = float(scale * nu @ y - scale**2 * nu @ nu / 2)
    tight = [k for k, size in enumerate(sizes) if size >= decay * (1 - ACTIVE)]
    own = (
        np.unique(np.round([columns[k] for k in tight], 9), axis=0).T if tight else np.zeros((n, 0))
    )
    return Optimum(own, y - nu, _vertices(own, y - nu), (cost - dual) / max(cost, 1e-300))


def _vertices(columns: Array, fitted: Array) -> list[tuple[int, ...]]:
    """Supports of the vertices of ``{t >= 0 : columns t = fitted}``."""
    found = set()
    for size in range(columns.shape[1] + 1):
        for support in combinations(range(columns.shape[1]), size):
            own = columns[:, support]
            if size and np.linalg.matrix_rank(own, tol=SAME) < size:
                continue
            t = np.linalg.lstsq(own, fitted, rcond=None)[0] if size else np.zeros(0)
            if np.abs(own @ t - fitted).max() < 1e-5 * (1 + np.abs(fitted).max()):
                keep = tuple(k for k, value in zip(support, t, strict=True) if value > 1e-5)
                if (t > -1e-6).all():
                    found.add(keep)
    return sorted(found)


def problems(effort: Effort) -> Iterator[tuple[str, Array, Array, float]]:
    """Samples (n, 2), targets, decay: real data with one input, and symmetric data.

    On those the optimum need not be unique.
    """
    from sklearn.datasets import load_diabetes, load_linnerud

    linnerud, diabetes = load_linnerud(), load_diabetes()
    tables = {
        "Linnerud, chins, weight": (linnerud.data[:, 0], linnerud.target[:, 0]),
        "Linnerud, situps, waist": (linnerud.data[:, 1], linnerud.target[:, 1]),
        "diabetes, bmi": (diabetes.data[:, 2], diabetes.target),
        "diabetes, bp": (diabetes.data[:, 3], diabetes.target),
    }
    count = effort.of(10, 6)
    for name, (x, y) in tables.items():
        chosen = np.unique(x, return_index=True)[1][:count]
        x, y = x[chosen].astype(float), y[chosen].astype(float)
        x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
        for decay in (0.1, 0.02, 0.5)[: effort.of(3, 1)]:
            yield f"{name}, decay {decay:g}", _with_bias(x), y, decay
    x = np.arange(-2.0, 3.0)
    yield "5 samples of |x|, decay 0.1", _with_bias(x), np.abs(x), 0.1
    x = np.array([-3.0, -1.0, 1.0, 3.0])
    yield "4 samples of a zigzag, decay 0.1", _with_bias(x), np.array([1.0, -1.0, 1.0, -1.0]), 0.1
    for n in (5, 8)[: effort.of(2, 1)]:
        at = 2 * np.pi * np.arange(n) / n
        X = np.column_stack([np.cos(at), np.sin(at)])
        yield f"regular {n}-gon, targets 1, no biases, decay 0.1", X, np.ones(n), 0.1


def _with_bias(x: Array) -> Array:
    return np.column_stack([x, np.ones(len(x))])


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    found = {name: (len(X), optimum(X, y, decay)) for name, X, y, decay in problems(effort)}
    return Found([*_claims(effort, found)], partial(_draw, found))


def _claims(effort: Effort, found: dict[str, tuple[int, Optimum]]) -> Iterator[Claim]:
    gap = max(abs(best.gap) for _, best in found.values())
    data = (
        f"{effort.of(10, 6)} rows each of Linnerud's and of the diabetes data, one input, "
        "standardized, weight decay on weights "
        "and biases; two symmetric data sets with one input, regular polygons with two. All exact, "
        "as scikit-learn has them."
    )
    computation = (
        "The convex program by an interior-point solver, all directions whose dual constraint is "
        "active, all vertices of the "
        "polytope of optimal scales."
    )
    uncertainty = f"double precision; largest relative duality gap {gap:.1e}"
    sound = gap < 1e-6
    yield claim(
        effort, KIM, "critical-widths", "critical-widths-on-real-data",
        statement="Two critical widths m* <= M* govern the optimal set; the source does not "
        "compute them on data.",
        data=data,
        computation=computation,
        predicted="m* <= M* <= n + 1",
        measured="; ".join(
            f"{name}: m* = {b.least}, M* = {b.largest}" for name, (_, b) in found.items()
        ),
        uncertainty=uncertainty,
        verdict=judged(
            sound and all(b.least <= b.largest <= n + 1 for n, b in found.values()),
            Judgement.UNDECIDED,
        ),
        note="The two widths differ on "
        + (", ".join(name for name, (_, b) in found.items() if b.least < b.largest) or "none")
        + "; elsewhere all vertices have the rank of the optimal columns.",
    )  # fmt: skip
    points = [sum(len(v) == best.least for v in best.vertices) for _, best in found.values()]
    finite = sum(
        best.pieces(best.least) == count
        for (_, best), count in zip(found.values(), points, strict=True)
    )
    yield claim(
        effort, KIM, "critical-widths", "staircase-starts-with-points",
        statement="At width m* there are finitely many optimal networks.",
        data=data,
        computation=f"{computation} Components of the optimal networks of width m*, modulo "
        "permutations.",
        predicted="as many components as vertices with m* positive scales",
        measured=f"in {finite} of {len(found)} problems; networks: "
        + ", ".join(map(str, points)),
        uncertainty=uncertainty,
        verdict=judged(sound and finite == len(found), Judgement.UNDECIDED),
        note="On real data with little weight decay there are dozens of optimal networks of the "
        "least "
        "width: where residuals are orthogonal to affine functions, an optimal neuron may be "
        "turned "
        "around, the difference being linear.",
    )  # fmt: skip
    good = sum(b.pieces(min(b.least + b.largest, n + 1)) == 1 for n, b in found.values())
    first = [next(k for k in range(n + 2) if b.pieces(b.least + k) == 1) for n, b in found.values()]
    yield claim(
        effort, KIM, "critical-widths", "staircase-is-connected-at-last",
        statement="From width min(m* + M*, n + 1) on the optimal set is connected.",
        data=data,
        computation=f"{computation} Components of the optimal networks of that width, modulo "
        "permutations: faces with few "
        "positive scales, linked by edges.",
        predicted="one component",
        measured=f"one in {good} of {len(found)} problems; connected modulo permutations from m* + "
        "k on with k = " + ", ".join(map(str, first)),
        uncertainty=f"{interval(good, len(found))}; {uncertainty}",
        verdict=judged(sound and good == len(found), Judgement.UNDECIDED),
        note=f"Here m* + {max(first)} is enough, much less than the source needs; a neuron more "
        "than m* connects permutations too, by the exchange of Theorem 34.",
    )  # fmt: skip


def _draw(found: dict[str, tuple[int, Optimum]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name, (_, best) in found.items():
        if len(best.vertices) > 1:
            widths = range(best.least, best.least + 3)
            axes.plot(widths, [best.pieces(w) for w in widths], "o-", label=name)
    axes.set(xlabel="width", ylabel="components of the optimal set", yscale="log")
    if axes.lines:
        figure.legend(frameon=False, fontsize=8, loc="outside right upper")
    return figure
