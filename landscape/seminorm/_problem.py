"""From a network to the search problem behind its seminorm, and from a cell back to the network.

The problem: hyperplanes ``rows[h]^⊥``, pairwise different and of full column rank, with vectors
``weights[h]``; find the cell that maximizes ``‖offset + sum_{h positive} weights[h]‖_inf``. Here
the degenerate inputs are dealt with: parallel and opposite neurons, zero rows, neurons that
contribute nothing, rank-deficient weights and extreme scales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Infeasible, interior_point
from landscape.arrangement._integers import (
    IntVector,
    dot,
    integer_rows,
    move_off,
    pivot_columns,
    to_floats,
)
from landscape.canonical import Hyperplanes
from landscape.parametrization import DIRECTION_TOLERANCE, Parametrization, max_norms
from landscape.seminorm import _kernels_prepare as kernels
from landscape.seminorm._points import round_inside, settle_point
from landscape.seminorm._record import Found, Pattern, Seminorm
from landscape.seminorm._tiers import INTERPRETED, call

if TYPE_CHECKING:
    from fractions import Fraction

Array = NDArray[np.float64]
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Problem:
    """Maximize ``‖offset + sum_{h positive} weights[h]‖_inf`` over the cells of ``rows``.

    Attributes
    ----------
    rows : array of shape (k, r)
        Pairwise non-parallel, of rank r; max-norms between 1/2 and 1.
    weights : array of shape (k, q)
    offset : array of shape (q,)
    """

    rows: Array
    weights: Array
    offset: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Number k of hyperplanes and their rank r."""
        return self.rows.shape[0], self.rows.shape[1]

    @cached_property
    def _sums(self) -> Array:
        sums = np.empty((5, self.weights.shape[1]))
        call(
            kernels.summarize, self.weights, self.offset, sums, work=INTERPRETED * self.weights.size
        )
        return sums

    @property
    def total(self) -> Array:
        """``g(x) + g(-x)``, the same for all x: one side of a coordinate gives the other."""
        return self._sums[0]

    @property
    def positive(self) -> Array:
        """Sum of the positive weights per coordinate, shape (q,)."""
        return self._sums[1]

    @property
    def negative(self) -> Array:
        """Sum of the negative weights per coordinate, shape (q,)."""
        return self._sums[2]

    @property
    def bounds(self) -> Array:
        """Bound of ``|g_j|`` by its weights' signs alone, per coordinate, shape (q,)."""
        return self._sums[3]

    @cached_property
    def tolerance(self) -> float:
        """Bound on the rounding error of a value of the objective, any order of summation."""
        return 4 * EPS * (len(self.rows) + 2) * max(self._sums[4].tolist(), default=0.0)

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """The rows' directions as integers."""
        return integer_rows(self.rows)

    def gradients(self, patterns: Pattern) -> Array:
        """Gradients at patterns of shape (n, k), shape (n, q)."""
        gradients: Array = patterns.astype(float) @ self.weights + self.offset
        return gradients

    def norm(self, pattern: Pattern) -> float:
        """Value of the objective at one pattern of shape (k,)."""
        gradient = self.offset + self.weights[pattern].sum(axis=0)
        return max(map(abs, gradient.tolist()), default=0.0)


class Setting:
    """The hyperplanes of a list of neurons, ready for any weights.

    Parameters
    ----------
    rows : array of shape (m, d)
        The neurons' weight vectors.
    """

    def __init__(self, rows: Array) -> None:
        self.planes: Hyperplanes = _hyperplanes(rows)
        self.n_neurons, self.n_inputs = rows.shape
        self._columns: dict[bytes, list[int]] = {}

    def problem(self, products: Array) -> tuple[Problem, NDArray[np.intp], list[int]]:
        """The problem for neurons that contribute ``products`` (m, q) where they are active.

        Returns
        -------
        problem : Problem
        used : array of shape (k,)
            Which hyperplanes it has: those where the gradient jumps.
        columns : list of int
            Which inputs it has.
        """
        planes = self.planes
        n_planes, q = len(planes.rows), products.shape[1]
        weights, offset = np.empty((n_planes, q)), np.empty(q)
        jumping = call(
            kernels.weigh,
            np.ascontiguousarray(products),
            planes.labels,
            planes.orientations,
            weights,
            offset,
            work=4 * INTERPRETED * products.size,
        )
        everything = jumping == n_planes
        used = np.arange(n_planes) if everything else np.flatnonzero(max_norms(weights) > 0)
        columns = self.independent_columns(used)
        if everything and len(columns) == self.n_inputs:
            return Problem(planes.rows, weights, offset), used, columns
        # Compiled searches are specialized on the memory layout: keep it the same for all.
        rows = np.ascontiguousarray(_rescaled(planes.rows[used][:, columns]))
        return Problem(rows, np.ascontiguousarray(weights[used]), offset), used, columns

    def independent_columns(self, used: NDArray[np.intp]) -> list[int]:
        """Inputs that alone reach every cell of the used hyperplanes, exactly (rank reduction)."""
        key = used.tobytes()
        if key not in self._columns:
            rows = self.planes.rows
            if len(used) < len(rows):
                rows = rows[used]
            if _surely_full_column_rank(rows):
                self._columns[key] = list(range(self.n_inputs))
            else:
                self._columns[key] = pivot_columns(integer_rows(rows))
        return self._columns[key]

    @cached_property
    def exact_rows(self) -> list[IntVector]:
        """All hyperplanes' normals as integers."""
        return integer_rows(self.planes.rows)

    def neuron_pattern(self, sides: Pattern) -> Pattern:
        """Activation of the neurons where the hyperplanes have these sides."""
        active: Pattern = np.zeros(self.n_neurons, dtype=bool)
        some = self.planes.labels >= 0
        active[some] = sides[self.planes.labels[some]] == (self.planes.orientations[some] > 0)
        return active

    def locate(
        self, found: Found, used: NDArray[np.intp], columns: list[int]
    ) -> tuple[Array, tuple[Fraction, ...] | None, Pattern]:
        """A witness strictly inside a cell of *all* hyperplanes that lies in the found one.

        Returns
        -------
        witness : array of shape (d,)
        rational : tuple of Fraction or None
            If the cell is too thin for the rounded witness to be surely inside.
        sides : bool array of shape (n_planes,)

        Raises
        ------
        Infeasible
            If the pattern found is not that of a cell.
        """
        rows = self.planes.rows
        if not len(rows):
            return np.eye(1, self.n_inputs)[0], None, np.zeros(0, dtype=bool)
        if isinstance(found.point, np.ndarray):
            point = np.zeros(self.n_inputs)
            point[columns] = found.point
            settled = self._settle(point, used, found.pattern)
            if settled is not None:
                return settled[0], None, settled[1]
        reduced = [tuple(self.exact_rows[h][j] for j in columns) for h in used]
        if isinstance(found.point, tuple):
            inner: Sequence[int] = found.point
        else:
            inner = interior_point(reduced, found.pattern.tolist())
        exact = [0] * self.n_inputs
        for j, value in zip(columns, inner, strict=True):
            exact[j] = value
        rounded = self._settle(to_floats(exact), used, found.pattern)
        if rounded is not None:
            return rounded[0], None, rounded[1]
        exact = list(move_off(self.exact_rows, exact))
        sides = np.array([dot(row, exact) > 0 for row in self.exact_rows])
        if not np.array_equal(sides[used], found.pattern):
            raise AssertionError("the exact witness left its cell")
        return round_inside(exact, self.exact_rows, sides)

    def _settle(
        self, point: Array, used: NDArray[np.intp], pattern: Pattern
    ) -> tuple[Array, Pattern] | None:
        """The point, moved off the unused hyperplanes, if it is inside beyond rounding errors."""
        wanted = np.full(len(self.planes.rows), -1, dtype=np.int8)
        wanted[used] = pattern
        return settle_point(self.planes.rows, point, wanted)


def _hyperplanes(rows: Array) -> Hyperplanes:
    """`merge_hyperplanes` by a kernel."""
    rows = np.ascontiguousarray(rows, dtype=float)
    m, d = rows.shape
    merged = np.empty((m, d))
    labels, orientations = np.empty(m, dtype=np.intp), np.empty(m, dtype=np.int8)
    count = call(
        kernels.arrange,
        rows,
        generic_keys(d),
        DIRECTION_TOLERANCE,
        2 * DIRECTION_TOLERANCE,
        merged,
        labels,
        orientations,
        work=8 * INTERPRETED * (rows.size + m),
    )
    return Hyperplanes(merged[:count], labels, orientations, DIRECTION_TOLERANCE)


@lru_cache(maxsize=64)
def generic_keys(n: int) -> Array:
    """Coefficients by which different directions get different numbers."""
    return np.cos(1.0 + np.arange(n) ** 2)


def _rescaled(rows: Array) -> Array:
    """Rows times powers of two such that max-norms lie in [1/2, 1)."""
    _, exponents = np.frexp(max_norms(rows))
    return np.ldexp(rows, -exponents[:, None])


def _surely_full_column_rank(rows: Array) -> bool:
    """Whether floating point is enough to see that the rank is the number of columns."""
    k, d = rows.shape
    if call(
        kernels.surely_full_column_rank,
        np.ascontiguousarray(rows),
        work=INTERPRETED * min(k, 20 * d) * d * (d + 2),
    ):
        return True
    if k < d:
        return False
    singular = np.linalg.svd(rows, compute_uv=False)
    return bool(singular[-1] > 1e3 * EPS * max(k, d) * singular[0])


def scaled_products(rows: Array, factors: Array) -> tuple[Array, int]:
    """``factors[i] * rows[i] = products[i] * 2^exponent`` without overflow or underflow."""
    rows, factors = np.ascontiguousarray(rows), np.ascontiguousarray(factors)
    products = np.empty(rows.shape)
    work = 2 * INTERPRETED * rows.size
    exponent = call(kernels.scale_products, rows, factors, products, work=work)
    return products, int(exponent)


def network_products(theta: Parametrization) -> tuple[Array, int]:
    """Every neuron's gradient where it is active, ``c_i a_i``, scaled by a power of two."""
    return scaled_products(theta.weights, theta.output_weights)


def finish(
    setting: Setting,
    products: Array,
    exponent: int,
    problem: Problem,
    used: NDArray[np.intp],
    columns: list[int],
    found: Found,
    rounded: bool = True,
) -> Seminorm:
    """Turn a found cell into a checked record in the network's units.

    ``rounded`` says that the products are rounded themselves. Then they are charged to the
    tolerance as they are, for what is left of them after neurons have cancelled may be far smaller.
    """
    try:
        witness, rational, sides = setting.locate(found, used, columns)
    except Infeasible as error:  # pragma: no cover - a search returned what is not a cell
        raise AssertionError(f"{found.method}: the pattern found is not a cell") from error
    pattern = setting.neuron_pattern(sides)
    active = products[pattern].T.tolist()
    gradient = np.array([math.fsum(column) for column in active]) + 0.0
    sizes = [abs(entry) for entry in gradient.tolist()]
    lower = max(sizes)
    coordinate = sizes.index(lower)
    upper = lower if found.exact else max(lower, found.upper)
    tolerance = problem.tolerance
    if rounded:
        tolerance += EPS * float(np.abs(products).sum(axis=0).max(initial=0.0))
    return Seminorm(
        unscaled(lower, exponent),
        unscaled(upper, exponent),
        (witness, np.ldexp(gradient, exponent), pattern),
        coordinate,
        found.exact,
        found.method,
        unscaled(tolerance, exponent),
        rational,
        found.proved,
    )


def unscaled(value: float, exponent: int) -> float:
    """``value * 2^exponent``, refused where it is no float."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        raise OverflowError(f"the seminorm {value} * 2^{exponent} exceeds the floats") from None
