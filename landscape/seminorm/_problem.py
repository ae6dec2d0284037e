"""From a network to the search problem behind its seminorm, and from a cell back to the network.

Here the degenerate inputs are dealt with: parallel and opposite neurons, zero rows, neurons that
contribute nothing, rank-deficient weights and extreme scales.
"""

import math
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

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
from landscape.canonical import exact_sums, merge_hyperplanes
from landscape.compiled import seldom
from landscape.parametrization import DIRECTION_TOLERANCE
from landscape.seminorm import _kernels as kernels
from landscape.seminorm._kernels_conflicts import cell_point
from landscape.seminorm._record import EPS, Array, Found, Limits, Pattern, Seminorm
from landscape.streams import stream


class CellProblem:
    """Maximize ``‖offset + sum_{h positive} weights[h]‖_inf`` over the cells of ``rows``.

    The rows (k, r) are normals of different hyperplanes, of rank r; weights (k, q), offset (q,).
    ``total`` is ``g(x) + g(-x)``, the same for all x: one side of a coordinate gives the other.
    ``bounds`` bound ``|g_j|`` by its weights' signs alone, ``tolerance`` the rounding error of a
    value of the objective, any order of summation; ``size`` is the largest sum of all sizes.
    """

    def __init__(self, rows: Array, weights: Array, offset: Array) -> None:
        self.rows, self.weights, self.offset = rows, weights, offset
        self.shape: tuple[int, int] = rows.shape
        self.total, self.bounds, self.size = kernels.bound(weights, offset)
        self.tolerance = 4 * EPS * (len(rows) + 2) * self.size

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """The rows' directions as integers."""
        return integer_rows(self.rows)

    @property
    def ceiling(self) -> float:
        """The largest of the bounds."""
        return float(self.bounds.max())

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
        found = self.at_point(generic_direction(self.shape[1]), "start")
        if found is not None:
            return found
        exact = move_off(self.exact_rows, [1] + [0] * (self.shape[1] - 1))
        pattern = np.array(sides_at(self.exact_rows, exact)) > 0
        return Found(self.norm(pattern), np.inf, pattern, exact, False, "start")

    def inside(self, pattern: Pattern) -> Array | None:
        """A point of the cell on these sides, as far as floats can tell, if they find one."""
        point, lengths = np.zeros(self.shape[1]), np.sqrt((self.rows * self.rows).sum(axis=1))
        find = seldom(cell_point, self.rows.size * (self.shape[1] + 10))
        return point if find(self.rows, lengths, pattern, point) else None


def climb(problem: CellProblem, limits: Limits, n_starts: int = 8, patience: int = 20) -> Found:
    """The best cell that local search along great circles finds: a lower bound, never the value."""
    starts, directions = _random_directions(problem.shape, n_starts)
    point = np.zeros(problem.shape[1])
    arguments = problem.rows, problem.weights, problem.offset, starts, directions, patience
    run = seldom(kernels.climb, n_starts * patience * problem.rows.size)
    with limits.alarm() as stop:
        run(*arguments, stop, point)
    return problem.at_point(point, "local") or problem.at_some_point()


@lru_cache(maxsize=64)
def _random_directions(shape: tuple[int, int], n_starts: int) -> tuple[Array, Array]:
    """Where local search starts, and the directions of its great circles."""
    rng = stream(0, "seminorm search", *shape)
    return rng.standard_normal((n_starts, shape[1])), rng.standard_normal((256, shape[1]))


@lru_cache(maxsize=64)
def generic_direction(n: int) -> Array:
    """A direction that no hyperplane is likely to contain."""
    direction: Array = np.cos(1.0 + 2.0 * np.arange(n) ** 2)
    return direction


@lru_cache(maxsize=64)
def sorting_vector(n: int) -> Array:
    """A vector whose products with neurons order their hyperplanes."""
    vector: Array = np.cos(1.0 + np.arange(n) ** 2)
    return vector


def exact_gradient(products: Array, active: Pattern) -> Array:
    """The sum of the active rows, correctly rounded."""
    gradient = np.empty(products.shape[1])
    if not kernels.correct_sums(products, active, gradient):
        gradient[:] = [math.fsum(column) for column in products[active].T.tolist()]
    return gradient + 0.0


def settle(rows: Array, point: Array, wanted: NDArray[np.int8]) -> tuple[Array, Pattern] | None:
    """A point moved off the hyperplanes it is on, and its sides; None if floats cannot tell."""
    point, sides = point.copy(), np.empty(len(rows), dtype=bool)
    settled = kernels.settle(rows, point, generic_direction(len(point)), wanted, sides)
    return (point, sides) if settled else None


class Reduced(NamedTuple):
    """A problem, which hyperplanes it has (those where the gradient jumps), and which inputs."""

    problem: CellProblem
    used: NDArray[np.intp]
    columns: list[int]


class Planes:
    """The hyperplanes of neurons (m, d), ready for any weights.

    ``rows``, ``labels``, ``orientations`` are those of `landscape.canonical.Hyperplanes`, in
    another order where all are clearly different; it never depends on the neurons' order.
    """

    def __init__(self, neurons: Array) -> None:
        self.shape = neurons.shape
        self._columns: dict[bytes, list[int]] = {}
        vector = sorting_vector(neurons.shape[1])
        planes = kernels.hyperplanes(np.array(neurons), vector, DIRECTION_TOLERANCE)
        self.distinct: bool = planes[3]
        self._full: bool = planes[3] and planes[4]
        merged: Any = planes[:3] if self.distinct else merge_hyperplanes(neurons)
        self.rows, self.labels, self.orientations = merged

    def reduce(self, products: Array, everything: bool = False) -> Reduced:
        """The problem for neurons that contribute ``products`` (m, q) where they are active.

        ``everything`` keeps the hyperplanes where the gradient does not jump.
        """
        n, rows = len(self.rows), self.rows
        if self.distinct:
            sum_up = seldom(kernels.jumps, products.size)
            weights, offset, jumps = sum_up(self.labels, self.orientations, products)
            everything |= jumps
        else:
            signed = self.orientations[:, None] * products
            sums = [exact_sums(column, self.labels, n) for column in signed.T]
            weights = np.ascontiguousarray(np.reshape(sums, (products.shape[1], n)).T)
            offset = exact_gradient(products, self.orientations < 0)
        used = np.arange(n) if everything else np.flatnonzero(weights.any(axis=1))
        if len(used) < n:
            rows, weights = rows[used], weights[used]
        if self._full and len(used) == n:
            return Reduced(CellProblem(rows, weights, offset), used, list(range(self.shape[1])))
        columns = self.independent_columns(used)
        if len(columns) < self.shape[1]:
            # Powers of two such that max-norms lie in [1/2, 1), as before columns were dropped.
            rows = kernels.scaled(np.ascontiguousarray(rows[:, columns]))[0]
        return Reduced(CellProblem(rows, weights, offset), used, columns)

    def independent_columns(self, used: NDArray[np.intp]) -> list[int]:
        """Inputs that alone reach every cell of the used hyperplanes, exactly (rank reduction)."""
        key = used.tobytes()
        if key not in self._columns:
            rows = self.rows[used]
            full = range(self.shape[1]) if kernels.spans(rows) else None
            self._columns[key] = list(full or pivot_columns(integer_rows(rows)))
        return self._columns[key]

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """All hyperplanes' normals as integers."""
        return integer_rows(self.rows)

    def neuron_patterns(self, sides: Pattern) -> Pattern:
        """Activation of the neurons, shape (..., m), where the hyperplanes have these sides."""
        if not self.distinct:  # the last side is for zero rows, which have label -1, orientation 0
            sides = np.concatenate([sides, np.ones((*sides.shape[:-1], 1), dtype=bool)], axis=-1)
        active: Pattern = sides.take(self.labels, axis=-1) == (self.orientations > 0)
        return active

    def locate(
        self, found: Found, reduced: Reduced
    ) -> tuple[Array, tuple[Fraction, ...] | None, Pattern]:
        """A witness strictly inside a cell of *all* hyperplanes that lies in the found one.

        Also as fractions if the cell is too thin for the rounded witness to be surely inside; and
        the sides of all hyperplanes.
        """
        problem, used, columns = reduced
        d = self.shape[1]
        if not len(self.rows):
            return np.eye(1, d)[0], None, np.zeros(0, dtype=bool)
        point, wanted = found.point, found.pattern.view(np.int8)
        if len(used) < len(self.rows):
            wanted = np.full(len(self.rows), -1, dtype=np.int8)
            wanted[used] = found.pattern
        for attempt in range(0 if isinstance(point, tuple) else 2):
            # The point that the search had, then another one of its cell.
            inner = point if attempt == 0 else problem.inside(found.pattern)
            if isinstance(inner, np.ndarray):
                witness = inner
                if len(columns) < d:
                    witness = np.zeros(d)
                    witness[columns] = inner
                if (settled := settle(self.rows, witness, wanted)) is not None:
                    return settled[0], None, settled[1]
        if not isinstance(point, tuple):
            point = interior_point(problem.exact_rows, found.pattern.tolist())
        lifted = [0] * d
        for j, value in zip(columns, point, strict=True):
            lifted[j] = value
        if (settled := settle(self.rows, to_floats(lifted), wanted)) is not None:
            return settled[0], None, settled[1]
        exact = move_off(self.exact_rows, lifted)
        sides = np.array(sides_at(self.exact_rows, exact)) > 0
        if not np.array_equal(sides[used], found.pattern):
            raise AssertionError("the exact witness left its cell")
        largest = max(map(abs, exact))
        return to_floats(exact), tuple(Fraction(value, largest) for value in exact), sides


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
    pattern = planes.neuron_patterns(sides)
    gradient = exact_gradient(products, pattern)
    sizes = [abs(value) for value in gradient.tolist()]
    lower, tolerance = max(sizes), reduced.problem.tolerance
    if rounded:
        # Where all are distinct, products are the problem's weights.
        size = reduced.problem.size
        if not planes.distinct:
            size = kernels.bound(products, np.zeros(len(sizes)))[2]
        tolerance += EPS * size
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
