"""The largest ``|sum_i c_i relu(<a_i, x>)|`` over a box: all vertices, or mixed-integer programs.

Where none of its concave kinks, those of negative weight, bends it, the function is convex: over a
box it is largest at a vertex where only such kinks and faces of the box meet, and least at one of
convex kinks. Positive homogeneity puts these vertices on the box's surface.
Floating point finds all but those of nearly dependent hyperplanes, each with an error bound; what
is left uncertain and could still be larger is decided in rational arithmetic. Where there are too
many vertices, one mixed-integer program per sign bounds the maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations, islice, product
from math import comb
from operator import mul

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import exact_sums, merge_hyperplanes
from landscape.exact import IntVector, echelon, integer_vector
from landscape.parametrization import max_norms, unit_directions
from landscape.seminorm._record import EPS, Array, Limits
from landscape.streams import stream

#: Relative to the sum of its terms, what HiGHS's tolerances may do to a bound.
MILP_TOLERANCE = 1e-6
#: Candidates for vertices that are solved for at once: some megabytes.
AT_ONCE = 80_000
#: Vertices that rational arithmetic may have to decide, some 50 microseconds each.
MAX_EXACT = 20_000


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """``h(v) = <gradient, v> + sum_k weights[k] relu(<kinks[k], v>)`` over ``[lower, 1]``."""

    gradient: Array  #: Shape (D,).
    kinks: Array  #: Normals of different hyperplanes, max-norms one, (q, D).
    weights: Array  #: Shape (q,).
    lower: Array  #: Entries -1 or 0, (D,).
    scale: float  #: Sum of the terms' largest absolute values, before they are merged.

    @classmethod
    def of(cls, rows: Array, factors: Array, lower: Array) -> PiecewiseLinear:
        """``sum_i factors[i] relu(<rows[i], v>)``: parallel and opposite rows are merged.

        ``relu(<v, t x>) = t relu(<v, x>)`` for t > 0, and ``relu(-z) = relu(z) - z``.
        """
        planes = merge_hyperplanes(rows)
        weights = exact_sums(factors * max_norms(rows), planes.labels, len(planes.rows))
        turned = (factors[:, None] * rows)[planes.orientations < 0]
        columns = np.tile(np.arange(rows.shape[1]), len(turned))
        gradient = exact_sums(turned.ravel(), columns, rows.shape[1])
        keep = weights != 0
        scale = float(np.abs(factors) @ np.abs(rows).sum(axis=1))
        return cls(gradient, unit_directions(planes.rows)[keep], weights[keep], lower, scale)

    @property
    def tolerance(self) -> float:
        """Bound on what merging equal directions and rounding do to a value."""
        return 64 * EPS * self.scale * (1 + self.lower.size)

    @property
    def n_vertices(self) -> int:
        """Subsets of kinks of one sign times faces of the box where they may meet in a vertex."""
        d, up, q = self.kinks.shape[1], int((self.weights > 0).sum()), len(self.weights)
        faces = range(1, d + 1)
        return sum(comb(d, f) * 2**f * (comb(up, d - f) + comb(q - up, d - f)) for f in faces)

    def __call__(self, points: Array) -> Array:
        """Values at the rows of ``points``."""
        rises = np.maximum(points @ self.kinks.T, 0.0)
        values: Array = points @ self.gradient + rises @ self.weights
        return values

    def ceiling(self, sign: float) -> float:
        """A bound of ``sign h`` by the terms alone."""
        rises = np.maximum(sign * self.weights, 0.0) @ np.abs(self.kinks).sum(axis=1)
        return float(np.abs(self.gradient).sum() + rises)

    def climb(self, rng: np.random.Generator, n_starts: int = 200) -> Array:
        """Local search for a large ``|h|``: to where the gradient of a cell points."""
        d = self.lower.size
        starts = np.vstack([self.kinks, rng.standard_normal((n_starts, d)), np.eye(d)])
        starts = np.clip(np.vstack([starts, -starts]), self.lower, None)
        best, value = np.zeros(d), 0.0
        for sign in (1.0, -1.0):
            v = starts
            for _ in range(20):
                active = v @ self.kinks.T > 0
                slopes = sign * (self.gradient + (active * self.weights) @ self.kinks)
                v = np.where(slopes > 0, 1.0, np.where(slopes < 0, self.lower, 0.0))
                v = v[list({row.tobytes(): k for k, row in enumerate(v)}.values())]
                values = sign * self(v)
                k = int(values.argmax())
                if values[k] <= value:
                    break
                best, value = v[k], float(values[k])
        return best


@dataclass(frozen=True, eq=False)
class BoxMaximum:
    """The largest ``|h|`` over a box."""

    point: Array  #: Where it is attained, or the best point found, (D,).
    upper: float  #: The maximum is at most this, up to the tolerance.
    tolerance: float
    method: str  #: "vertices", "milp", or "local search" where the limits allow no program.
    n_exact: int = 0  #: Vertices that needed rational arithmetic.


def maximize_on_box(
    h: PiecewiseLinear,
    method: str,
    *,
    time_limit: float | None = None,
    node_limit: int | None = None,
    max_exact: int = MAX_EXACT,
    rng: np.random.Generator | None = None,
) -> BoxMaximum:
    """Maximize ``|h|``.

    Parameters
    ----------
    h : PiecewiseLinear
    method : str
        "vertices" or "milp".
    time_limit, node_limit : optional
        Seconds, and vertices or nodes of the two programs, after which the upper bound stays open.
    max_exact : int
        Vertices that rational arithmetic decides; with more doubtful ones it stays open as well.
    rng : numpy.random.Generator, optional
        For the first guess of "milp"; fixed if not given.
    """
    if method == "vertices":
        return _Vertices(h, Limits(time_limit, node_limit)).maximum(max_exact)
    import scipy.optimize  # noqa: F401  # before the clock starts

    limits = Limits(time_limit, node_limit)
    best, upper = h.climb(rng or stream(0, "largest value on a box")), 0.0
    for sign in (1.0, -1.0):
        bound = h.ceiling(sign)
        if bound > abs(h(best[None])[0]) and not limits.exhausted:
            # The first program leaves half of what there is to the second.
            point, bound = _milp(h, sign, limits, 2 if sign > 0 else 1)
            if point is not None and abs(h(point[None])[0]) > abs(h(best[None])[0]):
                best = point
        upper = max(upper, bound)
    tolerance = max(h.tolerance, MILP_TOLERANCE * h.scale)
    return BoxMaximum(best, upper, tolerance, "milp" if limits.nodes else "local search")


class _Vertices:
    """The maximum of ``|h|`` over its box by all vertices; a node is a vertex.

    ``best`` is a point with the largest ``value`` found, ``open`` what is uncertain: an upper
    bound, kinks, free coordinates, and the values of the fixed ones.
    """

    def __init__(self, function: PiecewiseLinear, limits: Limits) -> None:
        self.h, self.limits = function, limits
        self.best, self.value = np.zeros(function.lower.size), 0.0
        self.lipschitz = max(function.ceiling(1.0), function.ceiling(-1.0))
        self.open: list[tuple[float, NDArray[np.intp], list[int], Array]] = []

    def maximum(self, max_exact: int) -> BoxMaximum:
        """Try all vertices, and the uncertain ones that could still matter exactly."""
        h, upper, n_exact = self.h, 0.0, 0
        if not self._visit():
            self.open, upper = [], self.lipschitz
        slack = 16 * EPS * self.lipschitz
        rows = [integer_vector(kink) for kink in h.kinks.tolist()] if self.open else []
        for bound, kinks, free, start in sorted(self.open, key=lambda entry: -entry[0]):
            if bound <= self.value + slack:
                break
            if n_exact >= max_exact or self.limits.exhausted:
                upper = bound
                break
            n_exact += 1
            exact = exact_vertex([rows[k] for k in kinks], free, start)
            if exact is not None and all(
                low <= x <= 1 for low, x in zip(h.lower[free].tolist(), exact, strict=True)
            ):
                point = start.copy()
                point[free] = [float(x) for x in exact]
                self._offer(point[None])
        upper = max(upper, self.value)
        return BoxMaximum(self.best, upper, h.tolerance, "vertices", n_exact)

    def _visit(self) -> bool:
        """Try all vertices in floats; whether the limits allowed it."""
        dimension, limits = self.h.lower.size, self.limits
        signs = [np.flatnonzero(sign * self.h.weights > 0).tolist() for sign in (-1, 1)]
        for r in range(dimension):
            ends, faces, corners = np.stack([self.h.lower, np.ones(dimension)]).T.tolist(), [], []
            for fixed in combinations(range(dimension), dimension - r):
                faces.append([j for j in range(dimension) if j not in fixed])
                sides = [ends[j] if j in fixed else [0.0] for j in range(dimension)]
                corners.append(list(product(*sides)))
            free, starts = np.array(faces, dtype=np.intp), np.array(corners)
            n_corners = int(np.asarray(starts.any(axis=2)).sum())
            subsets = chain.from_iterable(combinations(kinks, r) for kinks in signs)
            at_once = max(1, min(10_000, AT_ONCE // n_corners))
            while batch := list(islice(subsets, at_once)):
                if limits.exhausted:
                    return False
                some = batch[: limits.remaining_nodes // n_corners]
                limits.nodes += n_corners * len(some)
                self._solve(np.array(some, dtype=np.intp).reshape(len(some), r), free, starts)
                if len(some) < len(batch):
                    return False
        return True

    def _solve(self, subsets: NDArray[np.intp], free: NDArray[np.intp], starts: Array) -> None:
        """Where the kinks of each subset (b, r) meet in the faces with these free coordinates.

        ``free`` (f, r) are those of each face, ``starts`` (f, c, D) its corners: 0 where free.
        """
        (n, r), f = subsets.shape, len(free)
        rows = self.h.kinks[subsets]
        inverse, error = inverses(rows[:, :, free].transpose(2, 0, 1, 3).reshape(f * n, r, r))
        inverse, error = inverse.reshape(f, n, r, r), error.reshape(f, n)
        # The right side is at most D, and its own rounding is no more than the inverse's.
        error *= self.h.lower.size
        near = error < 1e-3
        slack = np.where(near, error, 0.0)[:, None, :, None]
        lower, right = self.h.lower[free], np.einsum("bij,fcj->fcbi", rows, -starts)
        part = np.einsum("fbij,fcbj->fcbi", inverse, right)
        inside = ((part >= lower[:, None, None] - slack) & (part <= 1.0 + slack)).all(axis=3)
        corners = np.asarray(starts.any(axis=2))[:, :, None]
        face, corner, subset = np.nonzero(inside & near[:, None] & corners)
        points, error = starts[face, corner], error[face, subset]
        part = np.clip(part[face, corner, subset], lower[face], 1.0)
        np.put_along_axis(points, free[face], part, axis=1)
        bounds = self._offer(points) + self.lipschitz * error
        doubtful = (error > 16 * EPS * self.h.lower.size) & (bounds > self.value)
        for bound, i, c, k in zip(
            *(x[doubtful] for x in (bounds, face, corner, subset)), strict=True
        ):
            self.open.append((float(bound), subsets[k], free[i].tolist(), starts[i, c]))
        for i, c, k in np.argwhere(~near[:, None] & corners):
            self.open.append((self.lipschitz, subsets[k], free[i].tolist(), starts[i, c]))

    def _offer(self, points: Array) -> Array:
        """Values of ``|h|`` at points of the box; the best one is kept."""
        values = np.abs(self.h(points))
        if values.max(initial=0.0) > self.value:
            k = int(values.argmax())
            self.value, self.best = float(values[k]), points[k]
        return values


def inverses(matrix: Array) -> tuple[Array, Array]:
    """Inverses of (b, r, r) matrices, and bounds of their errors (max-row-sum norm).

    Gaussian elimination with pivoting solves a system that differs by ``r^3 2^r`` ulp of the
    matrix's norm at most; the error is infinite where that is no small part of the matrix.
    """
    b, r, _ = matrix.shape
    inverse, error = np.zeros_like(matrix), np.full(b, np.inf)
    regular = np.linalg.det(matrix) != 0
    inverse[regular] = np.linalg.inv(matrix[regular])
    sizes = _norms(inverse[regular]).max(axis=0, initial=1.0)
    change = 4 * r**3 * 2**r * EPS * _norms(matrix[regular]).max(axis=0, initial=0.0)
    # (M + E)^-1 differs from M^-1 by ‖M^-1‖ ‖E‖ / (1 - ‖M^-1‖ ‖E‖), relatively.
    relative = sizes * change
    error[regular] = np.where(relative < 0.25, 2 * sizes * (relative + r * EPS), np.inf)
    return inverse, error


def _norms(matrix: Array) -> Array:
    """Rows' 1-norms, (r, b): numpy is slow along axes as short as those of (b, r, r)."""
    return np.asarray(np.einsum("bij->ib", np.abs(matrix)))


def exact_vertex(rows: Sequence[IntVector], free: list[int], start: Array) -> list[Fraction] | None:
    """The free coordinates of v with ``<row, v> = 0``; None if there are many or none.

    ``start`` holds the fixed coordinates.
    """
    fixed = [int(p) for p in start]  # they are faces of the box
    sides = [-sum(map(mul, row, fixed)) for row in rows]
    table, pivots = echelon(
        [[*(row[j] for j in free), side] for row, side in zip(rows, sides, strict=True)]
    )
    if pivots != list(range(len(free))):
        return None
    return [Fraction(row[-1], row[k]) for k, row in enumerate(table)]


def _milp(
    h: PiecewiseLinear, sign: float, limits: Limits, share: int
) -> tuple[Array | None, float]:
    """Maximize ``sign * h`` over the box; a point and an upper bound."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    q, d = h.kinks.shape
    weights, trivial = sign * h.weights, h.ceiling(sign)
    sizes = np.abs(h.kinks).sum(axis=1)
    rising = np.flatnonzero(weights > 0)
    # Variables: v (d), values p of the relus (q), one binary for each term that is maximized.
    cost = -np.concatenate([sign * h.gradient, weights, np.zeros(rising.size)]) / trivial
    eye, select = np.eye(q), np.zeros((q, rising.size))
    select[rising, np.arange(rising.size)] = sizes[rising]
    above = np.hstack([-h.kinks, eye, np.zeros_like(select)])[weights <= 0]
    cap = np.hstack([-h.kinks, eye, select])[rising]  # p <= <v, x> + size (1 - b)
    switch = np.hstack([np.zeros((q, d)), eye, -select])[rising]  # p <= size b
    parts = [(above, 0.0, np.inf), (cap, -np.inf, sizes[rising]), (switch, -np.inf, 0.0)]
    options: dict[str, float] = {"mip_rel_gap": 0.0}
    if limits.time_limit is not None:
        options["time_limit"] = max(limits.remaining_time / share, 0.0)
    if limits.node_limit is not None:
        options["node_limit"] = -(-limits.remaining_nodes // share)
    low = np.concatenate([h.lower, np.zeros(q + rising.size)])
    high = np.concatenate([np.ones(d), sizes, np.ones(rising.size)])
    result = milp(
        cost,
        integrality=np.repeat([0, 1], [d + q, rising.size]),
        bounds=Bounds(low, high),
        constraints=[LinearConstraint(*part) for part in parts if len(part[0])],
        options=options,
    )
    limits.nodes += int(getattr(result, "mip_node_count", None) or 1)
    dual = getattr(result, "mip_dual_bound", None)
    bound = trivial
    if dual is not None and np.isfinite(dual):
        bound = min(trivial, -float(dual) * trivial)
    return (None if result.x is None else np.clip(result.x[:d], h.lower, 1.0)), bound
