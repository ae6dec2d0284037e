"""Activation cells of one neuron, exactly: their rays, their facets, and what these give the data.

A closed cell of the arrangement of the samples is a pointed cone, after coordinates that no sample
needs are left out. So it is spanned by its rays, and a neuron of sign sigma in it has the values
``sigma sum_r lambda_r relu(X r)`` with lambda >= 0 on the samples: least losses on cells and on
facets are non-negative least squares over the *columns* ``sigma relu(X r)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement, sides_at
from landscape.arrangement._integers import integer_rows
from landscape.effective import EffectiveProblem
from landscape.exact import (
    IntVector,
    integer_vector,
    least_nonnegative,
    normal_line,
    primitive,
    vector,
)
from landscape.spaces import RestrictedSpace
from landscape.units import Units

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NeuronCells:
    """Cells, facets and columns of one neuron on n samples.

    ``coordinates`` reach every cell; ``normals`` are the h different hyperplanes, ``sides`` (c, h)
    the cells, ``rays`` what spans them, in these coordinates, and ``on`` (c, r) which span which;
    ``facets`` are pairs of cells on either side of one hyperplane. Rays on which no sample is
    active are left out, except with weight decay: there they can make a neuron shorter.
    Type ``2 c + s`` is cell c with output weight +1 (s = 0) or -1 (s = 1).
    """

    problem: EffectiveProblem
    coordinates: list[int]
    normals: list[IntVector]
    sides: NDArray[np.bool_]
    rays: list[IntVector]
    on: NDArray[np.bool_]
    facets: list[tuple[int, int]]

    @classmethod
    def of(cls, problem: EffectiveProblem, limit: int) -> NeuronCells:
        """The cells of a problem's samples; ``TooManyCells`` beyond the limit."""
        everything = Arrangement(problem.X, tolerance=None)
        columns = everything.columns
        rows = [primitive([row[j] for j in columns]) for row in everything.rows]
        sides = Arrangement(rows, tolerance=None).cells(limit).patterns
        samples, rays = integer_rows(problem.X[:, columns]), dict[IntVector, list[int]]()
        for subset in combinations(rows, len(columns) - 1):
            line = normal_line([vector(row) for row in subset], len(columns))
            if line is None:
                continue
            for ray in (integer_vector(line), integer_vector([-p for p in line])):
                idle = max(sides_at(samples, ray)) <= 0
                if ray not in rays and (problem.decay is not None or not idle):
                    rays[ray] = sides_at(rows, ray)
        signs = np.array(list(rays.values()))
        on = np.where(sides, 1, -1) @ signs.T == np.abs(signs).sum(axis=1)
        number, steps = {row.tobytes(): c for c, row in enumerate(sides)}, np.eye(len(rows)) > 0
        facets = [
            (c, number[beyond])
            for c, row in enumerate(sides)
            for step in steps[~row]
            if (beyond := (row | step).tobytes()) in number
        ]
        return cls(problem, columns, everything.rows, sides, list(rays), on, facets)

    @property
    def glued(self) -> bool:
        """Whether signs may change at u = 0."""
        return not isinstance(self.problem.space, RestrictedSpace)

    @property
    def n_types(self) -> int:
        """Twice the number of cells."""
        return 2 * len(self.sides)

    @cached_property
    def unit(self) -> float:
        """A power of two of the size of the target, 1 for other losses than the squared one."""
        if not self.problem.plain:
            return 1.0
        return Units.powers(self.problem.X, self.problem.y).target

    @cached_property
    def _integers(self) -> tuple[NDArray[np.object_], NDArray[np.object_], int]:
        """All rays, ``q relu(X r)`` for them in integers, (r, n), and the denominator q."""
        ratios = [[p.as_integer_ratio() for p in row] for row in self.problem.X.tolist()]
        q = max(b for row in ratios for _, b in row)  # powers of two
        X = np.array([[a * (q // b) for a, b in row] for row in ratios], dtype=object)
        rays = np.array(self.rays, dtype=object).reshape(-1, len(self.coordinates))
        return rays, np.maximum(rays @ X[:, self.coordinates].T, 0), q

    @cached_property
    def columns(self) -> tuple[Array, Array]:
        """Unit columns ``sigma relu(X r)`` (c, n), and what of (u, e) gives them, (c, d + 1).

        Of ray r they are 2 r and 2 r + 1; a free offset has the last two.
        """
        rays, values, q = self._integers
        n, d = self.problem.X.shape
        largest = values.max(axis=1)[:, None]
        largest = np.where(largest > 0, largest, q * np.abs(rays).max(axis=1)[:, None])
        units, weights = np.zeros((len(rays) + 1, n)), np.zeros((len(rays) + 1, d + 1))
        units[:-1] = values / largest
        weights[:-1, self.coordinates] = rays * q / largest
        units[-1], weights[-1, d] = 0.0 if self.problem.column is None else self.problem.column, 1.0
        norms = np.linalg.norm(units, axis=1, keepdims=True)
        norms[norms == 0] = 1.0
        weights = np.repeat(weights / norms, 2, axis=0)
        weights[-1, d] *= -1
        return _both(units / norms), weights

    @cached_property
    def moves(self) -> NDArray[np.int64]:
        """Pairs of types between which one neuron can move: over facets, and through u = 0."""
        pairs = [(2 * c + s, 2 * b + s) for c, b in self.facets for s in (0, 1)]
        return np.array(pairs + [(0, 1)] * self.glued, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def lists(self) -> list[list[int]]:
        """Numbers of the columns of every type, then of every move, and last of the offset."""
        spans = [(on, s) for on in self.on for s in (0, 1)]
        spans += [(self.on[c] & self.on[b], s) for c, b in self.facets for s in (0, 1)]
        found = [(2 * np.flatnonzero(on) + s).tolist() for on, s in spans] + [[]] * self.glued
        last = 2 * len(self.rays)
        if self.problem.decay is not None:  # a neuron that no sample activates is best at zero
            active = (self.columns[0] != 0).any(axis=1)
            found = [one if active[one].any() else [] for one in found]
        return [*found, [] if self.problem.column is None else [last, last + 1]]

    def cell_of(self, u: Array) -> int:
        """A closed cell that contains u, decided exactly."""
        at = np.array(sides_at(self.normals, u.tolist()))
        return int(np.flatnonzero(((at == 0) | (self.sides == (at > 0))).all(axis=1))[0])

    @cached_property
    def _exact(self) -> tuple[NDArray[np.object_], NDArray[np.object_], Fraction]:
        """Inner products of the columns ``q sigma relu(X r)``, with y, and of y, in rationals."""
        offset = np.zeros(0) if self.problem.column is None else self.problem.column
        y, own = (np.array(vector(p), dtype=object) for p in (self.problem.y, offset))
        columns = _both(np.vstack([self._integers[1], own.reshape(-1, len(y))]))
        return columns @ columns.T, columns @ y, Fraction(y @ y)

    def least_exactly(self, chosen: Sequence[int]) -> Fraction:
        """``min ‖y - sum_j x_j v_j‖²`` over x >= 0 and chosen columns, by Lawson and Hanson."""
        gram, moments, size = self._exact
        x = least_nonnegative(gram, moments, chosen)
        return size - sum(moments[j] * p for j, p in x.items())


def _both(rows: NDArray[Any]) -> NDArray[Any]:
    """Every row, and its negative after it."""
    return np.stack([rows, -rows], axis=1).reshape(2 * len(rows), -1)


def neighbours(
    rests: NDArray[np.int32], moves: NDArray[np.integer], types: int
) -> NDArray[np.int64]:
    """Numbers (f, 2) of the joint cells that meet at each facet, as `_tree._multisets` lists them.

    A facet is a rest, a sorted row of m - 1 types, and a move of one more neuron between two types.
    """
    m = rests.shape[1] + 1
    binomials = np.array([[comb(t, i) for i in range(m + 1)] for t in range(types + m)])
    beside = np.repeat(rests, len(moves), axis=0)
    ends = np.zeros((len(beside), 2), dtype=np.int64)
    for side in range(2):
        cells = np.column_stack([beside, np.tile(moves[:, side], len(rests))])
        cells.sort(axis=1)
        for i in range(m):
            ends[:, side] += binomials[cells[:, i] + i, i + 1]
    return ends
