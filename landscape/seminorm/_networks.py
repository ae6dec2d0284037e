"""Seminorms of networks and their differences: one, per coordinate, all maximizers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement, sides_at
from landscape.parametrization import Parametrization
from landscape.realization import stacked_difference
from landscape.seminorm._conflicts import conflicts
from landscape.seminorm._limits import Limits
from landscape.seminorm._portfolio import solve
from landscape.seminorm._problem import Problem, Setting, finish, network_products, scaled_products
from landscape.seminorm._record import Found, Pattern, Seminorm
from landscape.seminorm._whole import small_seminorm

Array = NDArray[np.float64]


def sobolev_seminorm(
    theta: Parametrization,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    certify: bool = False,
) -> Seminorm:
    """The seminorm ``|R(theta)|_{W^{1,inf}}``, the largest max-norm of a gradient, (17).

    Neurons whose directions agree up to `landscape.parametrization.DIRECTION_TOLERANCE` have the
    same hyperplane; beyond that the weights count as the rationals that they are, and cells
    count however thin they are. The seminorm is discontinuous in the directions.

    Parameters
    ----------
    theta : Parametrization
    method : str
        "auto" chooses by size, see `landscape.seminorm._portfolio`; the other `METHODS` force
        one.
    time_limit : float, optional
        Seconds after which the search stops and returns an interval.
    node_limit : int, optional
        Search nodes (or flats) after which it stops.
    certify : bool
        Confirm the witness and the upper bound once more in exact arithmetic, independently of
        the method, and say in ``proved`` whether that succeeded within the limits.

    Returns
    -------
    result : Seminorm

    Raises
    ------
    OutOfReach
        If a forced method does not reach the size.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0])
    >>> result = sobolev_seminorm(theta, certify=True)
    >>> result.value, result.exact, result.proved
    (1.0, True, True)
    """
    weights, outputs = theta.weights, theta.output_weights
    return seminorm_of(weights, outputs, method, time_limit, node_limit, certify)


def seminorm_of(
    weights: Array,
    outputs: Array,
    method: str,
    time_limit: float | None = None,
    node_limit: int | None = None,
    certify: bool = False,
    at_once: bool = True,
) -> Seminorm:
    """`sobolev_seminorm` of arrays that are known to be a network's.

    Not ``at_once`` where `small_seminorm` was tried before.
    """
    if at_once and method == "auto" and node_limit is None and not certify:
        record = small_seminorm(weights, outputs, time_limit)
        if record is not None:
            return record
    limits = Limits(time_limit, node_limit)
    setting = Setting(weights)
    products, exponent = scaled_products(weights, outputs)
    problem, used, columns = setting.problem(products)
    # Where inputs were dropped, weights are not multiples of the remaining rows any more.
    parallel = len(columns) == weights.shape[1]
    found = solve(problem, method=method, limits=limits, jumps_parallel=parallel)
    proved = None
    if certify:
        found, proved = _certified(problem, found, limits)
    record = finish(setting, products, exponent, problem, used, columns, found)
    if proved is not None:
        record = record.with_proof(proved and _genuine(setting, record))
    return record


def _certified(problem: Problem, found: Found, limits: Limits) -> tuple[Found, bool]:
    """Search again above the value, every conflict decided in integers."""
    if problem.shape[0] == problem.shape[1]:
        return found, True  # the rank was decided in integers or by a safe margin
    again = conflicts(problem, limits, found, confirm_all=True)
    if again.lower > found.lower + problem.tolerance:
        # Cannot happen if the method is right; the better cell counts.
        return again, False  # pragma: no cover
    return found, again.exact


def _genuine(setting: Setting, record: Seminorm) -> bool:
    """Whether the record's pattern is that of a cell of all hyperplanes, in integers."""
    witness = record.rational_witness or record.witness.tolist()
    sides = sides_at(setting.exact_rows, witness)
    if 0 in sides:
        return False
    expected = setting.neuron_pattern(np.array(sides) > 0)
    return bool(np.array_equal(expected, record.pattern))


def sobolev_distance(
    gamma: Parametrization,
    theta: Parametrization,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    certify: bool = False,
) -> Seminorm:
    """The seminorm of ``R(gamma) - R(theta)``; the widths may differ.

    The record's pattern lists gamma's neurons, then theta's. Parameters and errors as in
    `sobolev_seminorm`.

    Examples
    --------
    The sharp pair of notes/mathematics, 3: distance one, parameters 2√2 apart.

    >>> e = 1 / 128
    >>> gamma = Parametrization.from_products(
    ...     [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]], [-1, 1, -1]
    ... )
    >>> theta = Parametrization.from_products(
    ...     [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]], [1, -1, 1]
    ... )
    >>> abs(sobolev_distance(gamma, theta).value - 1) < 1e-12
    True
    """
    weights, outputs = stacked_difference(gamma, theta)
    return seminorm_of(weights, outputs, method, time_limit, node_limit, certify)


@dataclass(frozen=True, eq=False)
class GradientRanges:
    """Smallest and largest value of every partial derivative.

    Attributes
    ----------
    minima, maxima : array of shape (d,)
    records : tuple of Seminorm
        Per coordinate the seminorm of that partial derivative, the larger of ``maxima[j]`` and
        ``-minima[j]``, with its witness; the gradient in it has the single entry.
    exact : bool
        Whether all of them are exact; otherwise the ranges are only inner ones.
    """

    minima: Array
    maxima: Array
    records: tuple[Seminorm, ...]
    exact: bool


def gradient_ranges(
    theta: Parametrization,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> GradientRanges:
    """Per coordinate j the exact range of ``∂_j R(theta)``; parameters as in `sobolev_seminorm`.

    Examples
    --------
    >>> ranges = gradient_ranges(Parametrization([[1.0, 2.0], [1.0, 0.0]], [1.0, -3.0]))
    >>> ranges.minima, ranges.maxima
    (array([-3.,  0.]), array([1., 2.]))
    """
    limits = Limits(time_limit, node_limit)
    setting = Setting(theta.weights)
    products, exponent = network_products(theta)
    records: list[Seminorm] = []
    minima, maxima = np.zeros(theta.n_inputs), np.zeros(theta.n_inputs)
    for j in range(theta.n_inputs):
        column = np.ascontiguousarray(products[:, j : j + 1])
        problem, used, columns = setting.problem(column)
        found = solve(problem, method=method, limits=limits)
        record = finish(setting, column, exponent, problem, used, columns, found)
        # g(x) + g(-x) is the same for all x, so one side gives the other.
        here = float(record.gradient[0])
        there = float(np.ldexp(column[~record.pattern].sum(), exponent))
        minima[j], maxima[j] = min(here, there), max(here, there)
        records.append(record)
    return GradientRanges(minima, maxima, tuple(records), all(r.exact for r in records))


def maximizing_cells(
    theta: Parametrization, *, tolerance: float = 1e-12, limit: int = 200_000
) -> Pattern:
    """All cells where the gradient's norm is the seminorm, bool of shape (n, m).

    Parameters
    ----------
    theta : Parametrization
    tolerance : float
        Relative difference from the maximum that counts as equal.
    limit : int
        The cells are enumerated: give up (`landscape.arrangement.TooManyCells`) beyond this
        many.

    Examples
    --------
    >>> maximizing_cells(Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])).astype(int)
    array([[0, 1],
           [1, 0],
           [1, 1]])
    """
    cells = Arrangement(theta.weights).cells(limit)
    products, _ = network_products(theta)
    norms = np.abs(cells.patterns.astype(float) @ products).max(axis=1)
    best: Pattern = cells.patterns[norms >= norms.max() * (1 - tolerance)]
    return best[np.lexsort(best.T[::-1])]
