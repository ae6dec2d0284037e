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

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement, sides_at
from landscape.errors import NumericalError
from landscape.exact import IntVector, dot, null_basis, primitive, reduce_rows, solve

__all__ = ["ExactColumns", "NeuronCells"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NeuronCells:
    """Cells, facets and columns of one neuron on n samples.

    Type ``2 c + s`` is cell c with output weight +1 (s = 0) or -1 (s = 1).

    Attributes
    ----------
    X, y : arrays of shapes (n, d) and (n,)
    offset : array of shape (n,) or None
        Column of a free offset.
    coordinates : list of int
        Those that reach every cell.
    normals : list of tuple of int
        Of the h different hyperplanes, in all coordinates.
    sides : bool array of shape (c, h)
    rays : list of tuple of int
    on : bool array of shape (c, r)
        Which rays span which cell.
    facets : list of (int, int)
        Pairs of cells on either side of one hyperplane.
    """

    X: Array
    y: Array
    offset: Array | None
    coordinates: list[int]
    normals: list[IntVector]
    sides: NDArray[np.bool_]
    rays: list[IntVector]
    on: NDArray[np.bool_]
    facets: list[tuple[int, int]]

    @classmethod
    def of(cls, X: Array, y: Array, offset: Array | None, limit: int) -> NeuronCells:
        """The cells of the samples X; ``TooManyCells`` beyond the limit."""
        everything = Arrangement(X, tolerance=None)
        columns = everything.columns
        rows = [primitive([row[j] for j in columns]) for row in everything.rows]
        if not rows:
            nothing = np.ones((1, 0), dtype=bool)
            return cls(X, y, offset, [], [], nothing, [], nothing, [])
        cells = Arrangement(rows, tolerance=None).cells(limit)
        rays: dict[IntVector, list[int]] = {}
        for subset in combinations(rows, len(columns) - 1):
            vectors, _ = null_basis(
                *reduce_rows([[Fraction(p) for p in row] for row in subset]), len(columns)
            )
            if len(vectors) == 1:
                scale = np.lcm.reduce([p.denominator for p in vectors[0]], dtype=object)
                ray = primitive([int(p * scale) for p in vectors[0]])
                for one in (ray, tuple(-p for p in ray)):
                    rays.setdefault(one, sides_at(rows, one))
        sides = cells.patterns
        signs = np.array(list(rays.values()), dtype=np.int8)
        positive, negative = (signs > 0).astype(np.int32), (signs < 0).astype(np.int32)
        on = (~sides).astype(np.int32) @ positive.T + sides.astype(np.int32) @ negative.T == 0
        number = {row.tobytes(): c for c, row in enumerate(sides)}
        facets = []
        for c, row in enumerate(sides):
            for h in np.flatnonzero(~row):
                other = row.copy()
                other[h] = True
                if (beyond := number.get(other.tobytes())) is not None:
                    facets.append((c, beyond))
        return cls(X, y, offset, columns, everything.rows, sides, list(rays), on, facets)

    @property
    def n_types(self) -> int:
        """Twice the number of cells."""
        return 2 * len(self.sides)

    @cached_property
    def _exact_values(self) -> tuple[NDArray[np.object_], int]:
        """``q relu(X r)`` for all rays in integers, (r, n), and the denominator q."""
        ratios = [[float(p).as_integer_ratio() for p in row] for row in self.X]
        q = max((b for row in ratios for _, b in row), default=1)
        X = np.array([[a * (q // b) for a, b in row] for row in ratios], dtype=object)
        rays = np.array(self.rays, dtype=object).reshape(len(self.rays), len(self.coordinates))
        return np.maximum(rays @ X[:, self.coordinates].T, 0), q

    @cached_property
    def columns(self) -> tuple[Array, Array]:
        """Unit columns ``sigma relu(X r)`` (2 r + 2, n), and what of r gives them (2 r + 2, d).

        The last two are those of the offset, up and down; zero columns stay zero.
        """
        values, q = self._exact_values
        n, d = self.X.shape
        columns, weights = np.zeros((2 * len(values) + 2, n)), np.zeros((2 * len(values) + 2, d))
        for k, (row, ray) in enumerate(zip(values, self.rays, strict=True)):
            largest = int(row.max())
            if largest > 0:
                v = np.array([int(p) / largest for p in row])
                norm = float(np.linalg.norm(v))
                columns[2 * k], columns[2 * k + 1] = v / norm, -v / norm
                for j, p in zip(self.coordinates, ray, strict=True):
                    weights[2 * k : 2 * k + 2, j] = p * q / largest / norm
        if self.offset is not None and (norm := float(np.linalg.norm(self.offset))) > 0:
            columns[-2], columns[-1] = self.offset / norm, -self.offset / norm
        return columns, weights

    def column_list(self, cell: int, sign: int, beyond: int | None = None) -> list[int]:
        """Numbers of the columns that are not zero of a type, or of its facet to another cell."""
        on = self.on[cell] if beyond is None else self.on[cell] & self.on[beyond]
        used = [2 * int(k) + sign for k in np.flatnonzero(on)]
        return [k for k in used if self.columns[0][k].any()]

    @cached_property
    def lists(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Columns of every type, padded, and how many there are."""
        return _padded([self.column_list(t // 2, t % 2) for t in range(self.n_types)])

    def moves(self, *, glued: bool) -> tuple[NDArray[np.int64], list[list[int]]]:
        """Pairs of types between which one neuron can move, and the columns it has there.

        Over facets the sign stays. ``glued``: at u = 0 it may change, in any cell.
        """
        pairs = [(2 * c + s, 2 * b + s) for c, b in self.facets for s in (0, 1)]
        shared = [self.column_list(c, s, b) for c, b in self.facets for s in (0, 1)]
        if glued:
            pairs, shared = [*pairs, (0, 1)], [*shared, []]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2), shared

    def cell_of(self, u: Array) -> int:
        """A closed cell that contains u, decided exactly."""
        at = np.array(sides_at(self.normals, u.tolist()), dtype=int)
        fits = (at == 0) | (self.sides == (at > 0))
        return int(np.flatnonzero(fits.all(axis=1))[0])

    # --- the same in rationals ------------------------------------------------------------------

    @cached_property
    def exact(self) -> ExactColumns:
        """The columns in integers, with their inner products."""
        values, _ = self._exact_values
        columns = [[s * Fraction(int(p)) for p in row] for row in values for s in (1, -1)]
        offset = np.zeros(len(self.y)) if self.offset is None else self.offset
        own = [Fraction(float(p)) for p in offset]
        columns += [[s * p for p in own] for s in (1, -1)]
        y = [Fraction(float(p)) for p in self.y]
        return ExactColumns(columns, y)


class ExactColumns:
    """Non-negative least squares in rationals over some of the columns."""

    def __init__(self, columns: Sequence[Sequence[Fraction]], y: Sequence[Fraction]) -> None:
        self.columns, self.y = columns, y
        self.size = dot(y, y)
        self._products: dict[tuple[int, int], Fraction] = {}

    def _product(self, i: int, j: int) -> Fraction:
        """Inner product of two columns; -1 stands for y."""
        key = (min(i, j), max(i, j))
        if key not in self._products:
            one, two = (self.y if k < 0 else self.columns[k] for k in key)
            self._products[key] = dot(one, two)
        return self._products[key]

    def least(self, chosen: Sequence[int]) -> Fraction:
        """``min ‖y - sum_j x_j v_j‖²`` over x >= 0, exactly; by Lawson and Hanson."""
        x: dict[int, Fraction] = {}
        while True:
            slopes = {
                j: self._product(-1, j) - sum(self._product(i, j) * p for i, p in x.items())
                for j in chosen
                if j not in x
            }
            enter = max(
                slopes,
                key=lambda j: slopes[j] * abs(slopes[j]) / self._product(j, j),
                default=-1,
            )
            if enter < 0 or slopes[enter] <= 0:
                return self.size - sum(self._product(-1, j) * p for j, p in x.items())
            x[enter] = Fraction(0)
            while True:
                used = list(x)
                gram = [[self._product(i, j) for j in used] for i in used]
                solved = solve(gram, [self._product(-1, j) for j in used])
                if solved is None:
                    raise NumericalError("columns: dependent columns with a positive slope")
                target = dict(zip(used, solved, strict=True))
                blocking = [x[j] / (x[j] - t) for j, t in target.items() if t <= 0]
                step = min([Fraction(1), *blocking])
                x = {j: p + step * (target[j] - p) for j, p in x.items()}
                if step == 1:
                    break
                x = {j: p for j, p in x.items() if p > 0}


def _padded(lists: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.array([len(row) for row in lists], dtype=np.int64)
    table = np.full((len(lists), max(int(lengths.max(initial=0)), 1)), -1, dtype=np.int64)
    for row, values in zip(table, lists, strict=True):
        row[: len(values)] = values
    return table, lengths
