"""Extremes of a piecewise linear function over a box: all vertices of the box cut by the kinks.

``h(v) = <g, v> + sum_k w_k relu(<v, x_k>)`` is linear on every cell of its kinks, so over a box it
is extreme at vertices: points where D hyperplanes, kinks or walls, meet. Floating point finds all
but those of nearly dependent hyperplanes, each with an error bound; what is left uncertain and
could still be larger is decided in rational arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import NDArray

from landscape.stationarity import KinkFunction

__all__ = ["Vertices"]

Array = NDArray[np.float64]

EPS = float(np.finfo(float).eps)


class Vertices:
    """The maximum of ``|h|`` over a box, by all vertices of the box cut by the kinks.

    Parameters
    ----------
    function : KinkFunction
        h, with at most one kink per hyperplane and no walls.
    lower : array of shape (D,)
        The box is ``[lower, 1]``; -1 or 0.
    max_exact : int
        Vertices that rational arithmetic may have to decide; beyond, the bound stays open.

    Attributes
    ----------
    best, value
        A point with the largest ``|h|`` found.
    upper
        The maximum is at most this, up to the rounding of h's values.
    n_vertices, n_exact : int
        Vertices tried, and how many of them needed rational arithmetic.
    """

    def __init__(self, function: KinkFunction, lower: Array, max_exact: int) -> None:
        self.h, self.lower, self.max_exact = function, lower, max_exact
        self.lipschitz = float(
            np.abs(self.h.weights) @ np.abs(self.h.kinks).sum(axis=1)
            + np.abs(self.h.gradient).sum()
        )
        dimension = self.lower.size
        self.best = np.zeros(dimension)
        self.value = 0.0
        self.n_vertices = self.n_exact = 0
        #: Vertices whose value is uncertain: (uncertain upper bound, kinks, free, fixed values).
        self._open: list[tuple[float, tuple[int, ...], tuple[int, ...], Array]] = []
        self._overflow = 0.0

    @property
    def upper(self) -> float:
        """The maximum is at most this."""
        return max(self.value, self._overflow)

    def run(self) -> None:
        """Try all of them."""
        dimension = self.lower.size
        for n_fixed in range(dimension, 0, -1):
            for fixed in combinations(range(dimension), n_fixed):
                free = tuple(j for j in range(dimension) if j not in fixed)
                corners = np.array(list(product(*[(self.lower[j], 1.0) for j in fixed])))
                corners = corners[np.abs(corners).max(axis=1) > 0]
                for subsets in self._subsets(len(free)):
                    self._solve(subsets, fixed, free, corners)
        # The uncertain ones that could still matter, exactly.
        slack = 16 * EPS * self.lipschitz
        for bound, kinks, free, start in sorted(self._open, key=lambda entry: -entry[0]):
            if bound <= self.value + slack:
                break
            if self.n_exact >= self.max_exact:
                self._overflow = max(self._overflow, bound)
                break
            self.n_exact += 1
            exact = _exact_vertex(self.h.kinks, kinks, free, start)
            if exact is not None and self._inside_exactly(exact):
                self._offer(np.array([float(x) for x in exact])[None, :])

    def _subsets(self, size: int) -> Iterator[NDArray[np.intp]]:
        if size == 0:
            yield np.zeros((1, 0), dtype=np.intp)
            return
        subsets = combinations(range(len(self.h.weights)), size)
        while batch := list(islice(subsets, 20_000)):
            yield np.array(batch, dtype=np.intp)

    def _solve(
        self,
        subsets: NDArray[np.intp],
        fixed: tuple[int, ...],
        free: tuple[int, ...],
        corners: Array,
    ) -> None:
        r, dimension = len(free), self.lower.size
        if r == 0:
            points = np.zeros((len(corners), dimension))
            points[:, fixed] = corners
            self._offer(points)
            return
        rows = self.h.kinks[subsets]  # (b, r, D)
        matrix = rows[:, :, free]
        inverse, error = _inverse(matrix)
        # The right side is at most D, and its own rounding is no more than the inverse's.
        error *= dimension
        for corner in corners:
            right = -(rows[:, :, fixed] @ corner)
            part = np.einsum("bij,bj->bi", inverse, right)
            near = error < 1e-3
            slack = np.where(near, error, 0.0)[:, None]
            low, high = self.lower[list(free)] - slack, 1.0 + slack
            inside = near & (part >= low).all(axis=1) & (part <= high).all(axis=1)
            points = np.zeros((int(inside.sum()), dimension))
            points[:, fixed] = corner
            points[:, free] = np.clip(part[inside], self.lower[list(free)], 1.0)
            values = self._offer(points)
            start = np.zeros(dimension)
            start[list(fixed)] = corner
            doubtful = self.lipschitz * error[inside] > 16 * EPS * self.lipschitz * dimension
            bounds = values + self.lipschitz * error[inside]
            for k in np.flatnonzero(doubtful & (bounds > self.value)):
                subset = tuple(int(i) for i in subsets[inside][k])
                self._open.append((float(bounds[k]), subset, free, start))
            for k in np.flatnonzero(~near):
                subset = tuple(int(i) for i in subsets[k])
                self._open.append((self.lipschitz, subset, free, start))

    def _offer(self, points: Array) -> Array:
        """Values of ``|h|`` at points of the box; the best one is kept."""
        self.n_vertices += len(points)
        if len(points) == 0:
            return np.zeros(0)
        values = np.abs(self.h(points))
        k = int(values.argmax())
        if values[k] > self.value:
            self.value, self.best = float(values[k]), points[k]
        return values

    def _inside_exactly(self, point: list[Fraction]) -> bool:
        return all(Fraction(float(low)) <= x <= 1 for low, x in zip(self.lower, point, strict=True))


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Inverses of (b, r, r) matrices with r <= 3 by cofactors, and bounds of their errors.

    With N the largest row sum, cofactors are wrong by about ``eps N^(r-1)`` and the determinant
    by ``eps N^r``; the error is infinite where the determinant is not beyond that.
    """
    r = matrix.shape[1]
    norms = np.abs(matrix).sum(axis=2).max(axis=1)
    if r == 1:
        adjugate = np.ones_like(matrix)
        determinant = matrix[:, 0, 0]
    elif r == 2:
        adjugate = np.empty_like(matrix)
        adjugate[:, 0, 0], adjugate[:, 1, 1] = matrix[:, 1, 1], matrix[:, 0, 0]
        adjugate[:, 0, 1], adjugate[:, 1, 0] = -matrix[:, 0, 1], -matrix[:, 1, 0]
        determinant = matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]
    else:
        a, b, c = matrix[:, 0], matrix[:, 1], matrix[:, 2]
        adjugate = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
        determinant = np.einsum("bi,bi->b", a, adjugate[:, :, 0])
    size = np.abs(determinant)
    regular = size > np.maximum(64 * EPS * norms**r, np.finfo(float).tiny)
    inverse, error = np.zeros_like(matrix), np.full(len(matrix), np.inf)
    inverse[regular] = adjugate[regular] / determinant[regular, None, None]
    n, s = norms[regular], size[regular]
    cofactors = np.abs(adjugate[regular]).sum(axis=2).max(axis=1)
    error[regular] = 16 * r * EPS * (n ** (r - 1) / s + cofactors * n**r / s**2)
    return inverse, error


def _exact_vertex(
    kinks: Array, subset: tuple[int, ...], free: tuple[int, ...], start: Array
) -> list[Fraction] | None:
    """The solution of ``<kink, v> = 0`` for the subset, in v's free coordinates; None if singular.

    ``start`` holds the fixed coordinates.
    """
    point = [Fraction(float(x)) for x in start]
    system = []
    for k in subset:
        row = [Fraction(float(x)) for x in kinks[k]]
        right = -sum((a * x for a, x in zip(row, point, strict=True)), Fraction(0))
        system.append([*[row[j] for j in free], right])
    r = len(free)
    for column in range(r):
        pivot = next((i for i in range(column, r) if system[i][column] != 0), None)
        if pivot is None:
            return None
        system[column], system[pivot] = system[pivot], system[column]
        for i in range(r):
            if i != column and system[i][column] != 0:
                factor = system[i][column] / system[column][column]
                system[i] = [x - factor * y for x, y in zip(system[i], system[column], strict=True)]
    for column, j in enumerate(free):
        point[j] = system[column][r] / system[column][column]
    return point
