"""From a network to the search problem behind its seminorm, and from a cell back to the network.

Here the degenerate inputs are dealt with: parallel and opposite neurons, zero rows, neurons that
contribute nothing, rank-deficient weights and extreme scales.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import interior_point, sides_at
from landscape.arrangement._integers import (
    IntVector,
    integer_rows,
    move_off,
    pivot_columns,
    to_floats,
)
from landscape.parametrization import DIRECTION_TOLERANCE, max_norms
from landscape.seminorm import _box
from landscape.seminorm import _kernels as kernels
from landscape.seminorm._kernels_conflicts import interior_point as float_point
from landscape.seminorm._record import Array, Found, Limits, Pattern, Seminorm

EPS = float(np.finfo(float).eps)


class CellProblem:
    """Maximize ``‖offset + sum_{h positive} weights[h]‖_inf`` over the cells of ``rows``.

    Attributes
    ----------
    rows : array of shape (k, r)
        Normals of different hyperplanes, of rank r.
    weights : array of shape (k, q)
    offset : array of shape (q,)
    total : array of shape (q,)
        ``g(x) + g(-x)``, the same for all x: one side of a coordinate gives the other.
    bounds : array of shape (q,)
        Bound of ``|g_j|`` by its weights' signs alone.
    one_signed : bool
        Whether a unit vector may satisfy all signs of the coordinate with the largest bound.
    tolerance : float
        Bound on the rounding error of a value of the objective, any order of summation.
    """

    def __init__(self, rows: Array, weights: Array, offset: Array) -> None:
        self.rows, self.weights, self.offset = rows, weights, offset
        self.shape: tuple[int, int] = rows.shape
        sums = np.empty((3, len(offset)))
        self.one_signed = kernels.summarize(rows, weights, offset, sums)
        self.total, self.bounds, sizes = sums
        self.tolerance = 4 * EPS * (len(rows) + 2) * max(sizes.tolist(), default=0.0)

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """The rows' directions as integers."""
        return integer_rows(self.rows)

    def norm(self, pattern: Pattern) -> float:
        """Value of the objective at one pattern of shape (k,)."""
        gradient = self.offset + self.weights[pattern].sum(axis=0)
        return max(map(abs, gradient.tolist()), default=0.0)

    def at_point(self, point: Array, method: str) -> Found | None:
        """The cell at a point or at its antipode, whichever is better; None if floats cannot tell.

        A point on hyperplanes is moved off them.
        """
        settled = settle(self.rows, point, np.full(len(self.rows), -1, dtype=np.int8))
        if settled is None:
            return None
        inside, pattern = settled
        value, opposite = self.norm(pattern), self.norm(~pattern)
        if opposite > value:
            return Found(opposite, np.inf, ~pattern, -inside, False, method)
        return Found(value, np.inf, pattern, inside, False, method)

    def at_some_point(self) -> Found:
        """Some cell, for searches to start from."""
        point = generic_direction(self.shape[1])
        found = self.at_point(point, "start")
        if found is not None:
            return found
        exact = move_off(self.exact_rows, [1] + [0] * (self.shape[1] - 1))
        pattern = np.array(sides_at(self.exact_rows, exact)) > 0
        return Found(self.norm(pattern), np.inf, pattern, exact, False, "start")

    def inside(self, pattern: Pattern) -> Array | None:
        """A point of the cell on these sides that floats can vouch for, if they find one."""
        point, separates = float_point(self.rows, pattern)
        settled = settle(self.rows, point, pattern.astype(np.int8)) if separates else None
        return None if settled is None else settled[0]


def climb(problem: CellProblem, limits: Limits, n_starts: int = 8, patience: int = 20) -> Found:
    """The best cell that local search along great circles finds: a lower bound, never the value."""
    starts, directions = _random_directions(problem.shape, n_starts)
    point = np.zeros(problem.shape[1])
    with limits.alarm() as stop:
        kernels.climb(
            problem.rows,
            problem.weights,
            problem.offset,
            problem.total,
            starts,
            directions,
            patience,
            stop,
            point,
        )
    return problem.at_point(point, "local") or problem.at_some_point()


@lru_cache(maxsize=64)
def _random_directions(shape: tuple[int, int], n_starts: int) -> tuple[Array, Array]:
    """Where local search starts, and the directions of its great circles."""
    rng = np.random.default_rng([0, *shape])
    return rng.standard_normal((n_starts, shape[1])), rng.standard_normal((256, shape[1]))


class Reduced(NamedTuple):
    """A problem, which hyperplanes it has (those where the gradient jumps), and which inputs."""

    problem: CellProblem
    used: NDArray[np.intp]
    columns: list[int]


class Planes:
    """The hyperplanes of a list of neurons, ready for any weights.

    Parameters
    ----------
    neurons : array of shape (m, d)
        Their weight vectors.
    merged : bool
        Parallel and opposite ones share a hyperplane; otherwise it is known that there are none.
    """

    def __init__(self, neurons: Array, merged: bool = True) -> None:
        m, d = self.shape = neurons.shape
        if not merged:
            self.rows = neurons
            self.labels, self.orientations = np.arange(m), np.ones(m, dtype=np.int8)
            return
        rows, self.labels = np.empty((m, d)), np.empty(m, dtype=np.intp)
        self.orientations = np.empty(m, dtype=np.int8)
        count = kernels.arrange(
            neurons, _generic_keys(d), DIRECTION_TOLERANCE, rows, self.labels, self.orientations
        )
        self.rows = rows[:count]
        self._columns: dict[bytes, list[int]] = {}

    def reduce(self, products: Array, everything: bool = False) -> Reduced:
        """The problem for neurons that contribute ``products`` (m, q) where they are active.

        ``everything`` keeps the hyperplanes where the gradient does not jump.
        """
        n, q = len(self.rows), products.shape[1]
        weights, offset = np.empty((n, q)), np.empty(q)
        jumping = kernels.weigh(products, self.labels, self.orientations, weights, offset)
        everything |= jumping == n
        used = np.arange(n) if everything else np.flatnonzero(weights.any(axis=1))
        columns = self.independent_columns(used)
        if everything and len(columns) == self.shape[1]:
            return Reduced(CellProblem(self.rows, weights, offset), used, columns)
        rows = self.rows[used][:, columns]
        # Powers of two such that max-norms lie in [1/2, 1), as before columns were dropped.
        rows = np.ldexp(rows, -np.frexp(max_norms(rows))[1][:, None])
        # Compiled searches are specialized on the memory layout: keep it the same for all.
        rows, weights = np.ascontiguousarray(rows), np.ascontiguousarray(weights[used])
        return Reduced(CellProblem(rows, weights, offset), used, columns)

    def independent_columns(self, used: NDArray[np.intp]) -> list[int]:
        """Inputs that alone reach every cell of the used hyperplanes, exactly (rank reduction)."""
        key = used.tobytes()
        if key not in self._columns:
            rows = self.rows if len(used) == len(self.rows) else self.rows[used]
            if _surely_full_column_rank(rows):
                self._columns[key] = list(range(self.shape[1]))
            else:
                self._columns[key] = pivot_columns(integer_rows(rows))
        return self._columns[key]

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """All hyperplanes' normals as integers."""
        return integer_rows(self.rows)

    def neuron_patterns(self, sides: Pattern) -> Pattern:
        """Activation of the neurons, shape (..., m), where the hyperplanes have these sides."""
        active: Pattern = np.zeros((*sides.shape[:-1], self.shape[0]), dtype=bool)
        some = self.labels >= 0
        active[..., some] = sides[..., self.labels[some]] == (self.orientations[some] > 0)
        return active

    def locate(
        self, found: Found, reduced: Reduced
    ) -> tuple[Array, tuple[Fraction, ...] | None, Pattern]:
        """A witness strictly inside a cell of *all* hyperplanes that lies in the found one.

        Returns
        -------
        witness : array of shape (d,)
        rational : tuple of Fraction or None
            If the cell is too thin for the rounded witness to be surely inside.
        sides : bool array of shape (n_planes,)
        """
        problem, used, columns = reduced
        d = self.shape[1]
        if not len(self.rows):
            return np.eye(1, d)[0], None, np.zeros(0, dtype=bool)
        wanted = found.pattern.astype(np.int8)
        if len(used) < len(self.rows):
            wanted = np.full(len(self.rows), -1, dtype=np.int8)
            wanted[used] = found.pattern
        point = found.point
        for attempt in range(0 if isinstance(point, tuple) else 2):
            # The point that the search had, then another one of its cell.
            inner = point if attempt == 0 else problem.inside(found.pattern)
            if inner is None:
                continue
            witness = np.asarray(inner)
            if len(columns) < d:
                witness = np.zeros(d)
                witness[columns] = inner
            settled = settle(self.rows, witness, wanted)
            if settled is not None:
                return settled[0], None, settled[1]
        if not isinstance(point, tuple):
            point = interior_point(problem.exact_rows, found.pattern.tolist())
        lifted = [0] * d
        for j, value in zip(columns, point, strict=True):
            lifted[j] = value
        settled = settle(self.rows, to_floats(lifted), wanted)
        if settled is not None:
            return settled[0], None, settled[1]
        exact = move_off(self.exact_rows, lifted)
        sides = np.array(sides_at(self.exact_rows, exact)) > 0
        if not np.array_equal(sides[used], found.pattern):
            raise AssertionError("the exact witness left its cell")
        largest = max(map(abs, exact))
        return to_floats(exact), tuple(Fraction(value, largest) for value in exact), sides


@lru_cache(maxsize=64)
def _generic_keys(n: int) -> Array:
    """Coefficients by which different directions get different numbers."""
    keys: Array = np.cos(1.0 + np.arange(n) ** 2)
    return keys


@lru_cache(maxsize=64)
def generic_direction(n: int) -> Array:
    """A direction that no hyperplane is likely to contain."""
    direction: Array = np.cos(1.0 + 2.0 * np.arange(n) ** 2)
    return direction


def settle(rows: Array, point: Array, wanted: NDArray[np.int8]) -> tuple[Array, Pattern] | None:
    """A point moved off the hyperplanes it is on, and its sides; None if floats cannot tell."""
    point, sides = point.copy(), np.empty(len(rows), dtype=bool)
    settled = kernels.settle(rows, point, generic_direction(len(point)), wanted, sides)
    return (point, sides) if settled else None


def _surely_full_column_rank(rows: Array) -> bool:
    """Whether floats are enough to see that the rank is the number of columns."""
    k, d = rows.shape
    if k < d:
        return False
    if kernels.surely_full_rank(rows):
        return True
    singular = np.linalg.svd(rows, compute_uv=False)
    return bool(singular[-1] > 1e3 * EPS * max(k, d) * singular[0])


def scaled_products(rows: Array, factors: Array) -> tuple[Array, int]:
    """``factors[i] * rows[i] = products[i] * 2^exponent`` without overflow or underflow."""
    products = np.empty(rows.shape)
    exponent, done = kernels.scale_products(rows, factors, products)
    return (products, exponent) if done else _box.scaled_products(rows, factors)


def finish(
    planes: Planes,
    products: Array,
    exponent: int,
    reduced: Reduced,
    found: Found,
    rounded: bool = True,
) -> Seminorm:
    """Turn a found cell into a checked record in the network's units.

    ``rounded`` says that the products are rounded themselves. Then they are charged to the
    tolerance as they are, for what is left of them after neurons have cancelled may be far smaller.
    """
    witness, rational, sides = planes.locate(found, reduced)
    pattern, gradient = np.empty(len(products), dtype=bool), np.empty(products.shape[1])
    size = kernels.finish(products, planes.labels, planes.orientations, sides, pattern, gradient)
    sizes = [abs(entry) for entry in gradient.tolist()]
    lower = max(sizes)
    tolerance = reduced.problem.tolerance + (EPS * size if rounded else 0.0)
    return Seminorm(
        unscaled(lower, exponent),
        unscaled(lower if found.exact else max(lower, found.upper), exponent),
        witness,
        np.ldexp(gradient, exponent),
        pattern,
        sizes.index(lower),
        found.exact,
        found.method,
        # Numbers that underflow are rounded once more.
        unscaled(tolerance, exponent) + (5e-324 if exponent < -900 else 0.0),
        rational,
    )


def unscaled(value: float, exponent: int) -> float:
    """``value * 2^exponent``, refused where it is no float."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        raise OverflowError(f"the seminorm {value} * 2^{exponent} exceeds the floats") from None
