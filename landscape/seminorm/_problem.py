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
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Infeasible, interior_point
from landscape.arrangement._integers import (
    IntVector,
    dot,
    integer_rows,
    integer_vector,
    move_off,
    pivot_columns,
    sign,
    to_floats,
)
from landscape.canonical import Hyperplanes, exact_sums, merge_hyperplanes
from landscape.parametrization import Parametrization, max_norms
from landscape.seminorm._record import Found, Pattern, Seminorm

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
    def total(self) -> Array:
        """``g(x) + g(-x)``, the same for all x: one side of a coordinate gives the other."""
        return 2 * self.offset + self.weights.sum(axis=0)

    @cached_property
    def positive(self) -> Array:
        """Sum of the positive weights per coordinate, shape (q,)."""
        return np.maximum(self.weights, 0.0).sum(axis=0)

    @cached_property
    def negative(self) -> Array:
        """Sum of the negative weights per coordinate, shape (q,)."""
        return np.minimum(self.weights, 0.0).sum(axis=0)

    @cached_property
    def bounds(self) -> Array:
        """Bound of ``|g_j|`` by its weights' signs alone, per coordinate, shape (q,)."""
        return np.maximum(self.offset + self.positive, -self.offset - self.negative)

    @cached_property
    def tolerance(self) -> float:
        """Bound on the rounding error of a value of the objective, any order of summation."""
        sizes = np.abs(self.weights).sum(axis=0) + np.abs(self.offset)
        return 4 * EPS * (len(self.rows) + 2) * float(sizes.max(initial=0.0))

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
        return float(np.abs(gradient).max(initial=0.0))


class Setting:
    """The hyperplanes of a list of neurons, ready for any weights.

    Parameters
    ----------
    rows : array of shape (m, d)
        The neurons' weight vectors.
    """

    def __init__(self, rows: Array) -> None:
        self.planes: Hyperplanes = merge_hyperplanes(rows)
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
        back = planes.orientations < 0
        signed = planes.orientations[:, None] * products
        present = planes.labels >= 0
        if np.count_nonzero(present) == n_planes:  # nothing was merged
            weights = np.zeros((n_planes, q))
            weights[planes.labels[present]] = signed[present]
        else:
            weights = np.empty((n_planes, q))
            for j in range(q):
                weights[:, j] = exact_sums(signed[:, j], planes.labels, n_planes)
        columns_back = products[back].T.tolist()
        offset = np.array([math.fsum(column) for column in columns_back]).reshape(q)
        used = np.flatnonzero(max_norms(weights) > 0)
        columns = self.independent_columns(used)
        # Compiled searches are specialized on the memory layout: keep it the same for all.
        rows = np.ascontiguousarray(_rescaled(planes.rows[used][:, columns]))
        return Problem(rows, np.ascontiguousarray(weights[used]), offset + 0.0), used, columns

    def independent_columns(self, used: NDArray[np.intp]) -> list[int]:
        """Inputs that alone reach every cell of the used hyperplanes, exactly (rank reduction)."""
        key = used.tobytes()
        if key not in self._columns:
            rows = self.planes.rows[used]
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
            witness = self._settle(point, used, found.pattern)
            if witness is not None:
                return witness, None, rows @ witness > 0
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
            return rounded, None, rows @ rounded > 0
        exact = list(move_off(self.exact_rows, exact))
        sides = np.array([dot(row, exact) > 0 for row in self.exact_rows])
        if not np.array_equal(sides[used], found.pattern):
            raise AssertionError("the exact witness left its cell")
        return _round_inside(exact, self.exact_rows, sides)

    def _settle(self, point: Array, used: NDArray[np.intp], pattern: Pattern) -> Array | None:
        """The point, moved off the unused hyperplanes, if it is inside beyond rounding errors."""
        norm = np.abs(point).max(initial=0.0)
        if norm > 0:
            point = point / norm
        rows = self.planes.rows
        values, errors = values_and_errors(rows, point)
        inside = (values[used] > errors[used]) == pattern
        inside &= np.abs(values[used]) > errors[used]
        if not inside.all():
            return None
        if (np.abs(values) > errors).all():
            return point
        # A generic direction, and half as far as the used hyperplanes allow.
        generic = np.cos(1.0 + 2.0 * np.arange(self.n_inputs) ** 2)
        slopes = np.abs(rows[used] @ generic)
        room = np.abs(values[used]) / np.where(slopes > 0, slopes, 1.0)
        step = 0.5 * min(1.0, float(room[slopes > 0].min(initial=1.0)))
        point = point + step * generic
        point /= np.abs(point).max()
        values, errors = values_and_errors(rows, point)
        if not (np.abs(values) > errors).all():
            return None
        return point if np.array_equal(values[used] > 0, pattern) else None


def values_and_errors(rows: Array, point: Array) -> tuple[Array, Array]:
    """``rows @ point`` with bounds on its rounding errors."""
    values = rows @ point
    errors = 2 * (rows.shape[1] + 2) * EPS * (np.abs(rows) @ np.abs(point))
    # Products that underflow lose their error bound.
    return values, errors + 1e-300


def _round_inside(
    exact: Sequence[int], rows: list[IntVector], sides: Pattern
) -> tuple[Array, tuple[Fraction, ...] | None, Pattern]:
    """The exact witness rounded, together with its fractions where rounding is too coarse."""
    witness = to_floats(exact)
    largest = max(map(abs, exact))
    rational = tuple(Fraction(value, largest) for value in exact)
    values = [sign(dot(row, integer_vector(witness))) for row in rows]
    still = all(value == (1 if side else -1) for value, side in zip(values, sides, strict=True))
    if still:
        float_rows = np.array([to_floats(row) for row in rows])
        computed, errors = values_and_errors(float_rows, witness)
        if (np.abs(computed) > errors).all():
            return witness, None, sides
    return witness, rational, sides


def _rescaled(rows: Array) -> Array:
    """Rows times powers of two such that max-norms lie in [1/2, 1)."""
    _, exponents = np.frexp(max_norms(rows))
    return np.ldexp(rows, -exponents[:, None])


def _surely_full_column_rank(rows: Array) -> bool:
    """Whether floating point is enough to see that the rank is the number of columns."""
    k, d = rows.shape
    if k < d or d == 0:
        return d == 0
    if k > 40 * d and _surely_full_column_rank(rows[: 20 * d]):
        return True
    singular = np.linalg.svd(rows, compute_uv=False)
    return bool(singular[-1] > 1e3 * EPS * max(k, d) * singular[0])


def scaled_products(rows: Array, factors: Array) -> tuple[Array, int]:
    """``factors[i] * rows[i] = products[i] * 2^exponent`` without overflow or underflow."""
    norms = max_norms(rows)
    _, row_exponents = np.frexp(norms)
    mantissas, factor_exponents = np.frexp(factors)
    exponents = row_exponents.astype(np.int64) + factor_exponents
    active = (norms > 0) & (factors != 0)
    top = int(exponents[active].max()) if active.any() else 0
    products = np.ldexp(rows, -row_exponents[:, None]) * mantissas[:, None]
    shifts = np.where(active, np.maximum(exponents - top, -2000), 0)
    return np.ldexp(products, shifts[:, None]), top


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
) -> Seminorm:
    """Turn a found cell into a checked record in the network's units."""
    try:
        witness, rational, sides = setting.locate(found, used, columns)
    except Infeasible as error:  # pragma: no cover - a search returned what is not a cell
        raise AssertionError(f"{found.method}: the pattern found is not a cell") from error
    pattern = setting.neuron_pattern(sides)
    gradient = np.array([math.fsum(column) for column in products[pattern].T.tolist()])
    gradient = gradient.reshape(products.shape[1]) + 0.0
    coordinate = int(np.abs(gradient).argmax())
    lower = float(np.abs(gradient[coordinate]))
    upper = lower if found.exact else max(lower, found.upper)
    return Seminorm(
        value=_ldexp(lower, exponent),
        lower=_ldexp(lower, exponent),
        upper=_ldexp(upper, exponent),
        witness=witness,
        gradient=np.ldexp(gradient, exponent),
        pattern=pattern,
        coordinate=coordinate,
        exact=found.exact,
        method=found.method,
        tolerance=_ldexp(problem.tolerance, exponent),
        rational_witness=rational,
        proved=found.proved,
    )


def _ldexp(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        raise OverflowError(f"the seminorm {value} * 2^{exponent} exceeds the floats") from None
