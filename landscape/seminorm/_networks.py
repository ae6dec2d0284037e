"""Seminorms of networks and their differences: one, many, per coordinate, all maximizers, exact."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement
from landscape.parametrization import Parametrization
from landscape.realization import stacked_difference
from landscape.seminorm._record import Array, Limits, Pattern, Seminorm

#: Seconds that a batch spends in the calling thread before it looks whether threads pay, and
#: seconds per distance from which they do: shorter ones spend more in waiting for the
#: interpreter's lock than the second core gains.
PILOT, THREADS_FROM = 0.1, 8e-4


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
        "auto" chooses by size, see `landscape.seminorm._search`; the other `METHODS` force one.
    time_limit : float, optional
        Seconds after which the search stops and returns an interval.
    node_limit : int, optional
        Search nodes (or flats) after which it stops.
    certify : bool
        Confirm the witness and the upper bound once more in exact arithmetic, independently of
        the method, and say in ``proved`` whether that succeeded within the limits.

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
    limits = Limits(time_limit, node_limit)
    return _seminorm(theta.weights, theta.output_weights, method, limits, certify)


def _seminorm(
    weights: Array, outputs: Array, method: str, limits: Limits, certify: bool = False
) -> Seminorm:
    # Only here, as it loads numba, which takes longer than many a search.
    from landscape.seminorm._search import seminorm

    return seminorm(weights, outputs, method, limits, certify)


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
    The sharp pair of Theorem 3: distance one, parameters 2√2 apart.

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
    limits = Limits(time_limit, node_limit)
    return _seminorm(*stacked_difference(gamma, theta), method, limits, certify)


@dataclass(frozen=True, eq=False)
class GradientRanges:
    """Smallest and largest value of every partial derivative."""

    minima: Array  #: Shape (d,).
    maxima: Array
    #: Per coordinate the seminorm of that partial derivative, the larger of ``maxima[j]`` and
    #: ``-minima[j]``, with its witness; the gradient in it has the single entry.
    records: tuple[Seminorm, ...]
    exact: bool  #: Whether all of them are exact; otherwise the ranges are only inner ones.


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
    from landscape.seminorm._kernels import scaled_products
    from landscape.seminorm._search import Planes, maximum

    limits, planes = Limits(time_limit, node_limit), Planes(theta.weights)
    products, exponent = scaled_products(np.array(theta.weights), np.array(theta.output_weights))
    records, ends = [], np.zeros((2, theta.n_inputs))
    for j, column in enumerate(np.split(products, theta.n_inputs, axis=1)):
        column = np.ascontiguousarray(column)
        record = maximum(planes, column, exponent, method, limits)
        # g(x) + g(-x) is the same for all x, so one side gives the other.
        ends[:, j] = record.gradient[0], np.ldexp(column[~record.pattern].sum(), exponent)
        records.append(record)
    exact = all(record.exact for record in records)
    return GradientRanges(ends.min(axis=0), ends.max(axis=0), tuple(records), exact)


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
        The cells are enumerated: give up (`landscape.arrangement.TooManyCells`) beyond this many.

    Examples
    --------
    >>> maximizing_cells(Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])).astype(int)
    array([[0, 1],
           [1, 0],
           [1, 1]])
    """
    from landscape.seminorm._kernels import scaled_products

    cells = Arrangement(theta.weights).cells(limit)
    products, _ = scaled_products(np.array(theta.weights), np.array(theta.output_weights))
    norms = np.abs(cells.patterns.astype(float) @ products).max(axis=1)
    best: Pattern = cells.patterns[norms >= norms.max() * (1 - tolerance)]
    return best[np.lexsort(best.T[::-1])]


def _many(
    pairs: Sequence[tuple[Parametrization | None, Parametrization]],
    n_jobs: int | None,
    method: str,
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> list[Seminorm]:
    """Distances of pairs, or seminorms; in threads where they take long enough."""

    def one(pair: tuple[Parametrization | None, Parametrization]) -> Seminorm:
        gamma, theta = pair
        arrays = theta.weights, theta.output_weights
        if gamma is not None:
            arrays = stacked_difference(gamma, theta)
        return _seminorm(*arrays, method, Limits(time_limit, node_limit))

    workers = n_jobs or os.cpu_count() or 1
    # The first one loads the kernels, and says nothing about the rest.
    records = [one(pair) for pair in pairs[:1]]
    start = time.thread_time()
    for pair in pairs[1:]:
        spent = time.thread_time() - start
        if workers > 1 and spent >= PILOT and spent >= THREADS_FROM * len(records):
            break
        records.append(one(pair))
    if rest := pairs[len(records) :]:
        with ThreadPoolExecutor(workers) as pool:
            records += pool.map(one, rest)
    return records


def sobolev_distances(
    gamma: Parametrization | None,
    thetas: Iterable[Parametrization],
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    n_jobs: int | None = None,
) -> list[Seminorm]:
    """Distances of many networks to one, or seminorms of many where ``gamma`` is None.

    The results are those of `sobolev_distance`, bit by bit, whatever runs them: the calling thread,
    or threads where distances take milliseconds.

    Parameters
    ----------
    gamma : Parametrization or None
    thetas : iterable of Parametrization
    method, time_limit, node_limit : see `sobolev_seminorm`, per distance
    n_jobs : int, optional
        Number of threads at most; all cores by default.

    Examples
    --------
    >>> gamma = Parametrization([[1.0, 0.0]], [1.0])
    >>> [record.value for record in sobolev_distances(gamma, [gamma, gamma.negate()])]
    [0.0, 2.0]
    """
    return _many([(gamma, theta) for theta in thetas], n_jobs, method, time_limit, node_limit)


def pairwise_distances(
    thetas: Sequence[Parametrization], *, n_jobs: int | None = None, method: str = "auto"
) -> Array:
    """Symmetric matrix of seminorm distances between networks, shape (n, n).

    Only exact distances: there is no time limit. Run as `sobolev_distances` are.

    Examples
    --------
    >>> one = Parametrization([[1.0, 0.0]], [1.0])
    >>> pairwise_distances([one, one.negate()])
    array([[0., 2.],
           [2., 0.]])
    """
    matrix = np.zeros((len(thetas), len(thetas)))
    records = _many(list(combinations(thetas, 2)), n_jobs, method)
    matrix[np.triu_indices(len(thetas), 1)] = [record.value for record in records]
    return matrix + matrix.T


@dataclass(frozen=True, eq=False)
class ExactSeminorm:
    """A seminorm (17) computed in rational arithmetic."""

    value: Fraction  #: The seminorm, exactly.
    gradient: tuple[Fraction, ...]  #: At the witness.
    witness: tuple[int, ...]  #: Strictly inside the first maximizing cell.
    coordinate: int  #: Index of the gradient's largest entry.
    patterns: Pattern  #: All maximizing cells, shape (n, m); the witness lies in the first.
    n_cells: int  #: Number of cells of the neurons' arrangement.


def exact_seminorm(
    weights: Sequence[Sequence[Any]] | NDArray[Any],
    output_weights: Sequence[Any] | NDArray[Any],
    *,
    limit: int = 200_000,
) -> ExactSeminorm:
    """``|R(A, c)|_{W^{1,inf}}`` for ints, Fractions or floats (as the rationals that they are).

    Parallel neurons are merged only if they are exactly parallel.

    Parameters
    ----------
    weights : (m, d) rows of rationals
    output_weights : (m,) rationals
    limit : int
        Give up (`landscape.arrangement.TooManyCells`) beyond this number of cells.

    Examples
    --------
    The sharp pair of Theorem 3, with ``c = sign`` and product coordinates as weights:

    >>> e = Fraction(1, 100)
    >>> rows = [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]]
    >>> rows += [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]]
    >>> result = exact_seminorm(rows, [-1, 1, -1, -1, 1, -1])
    >>> result.value, result.n_cells
    (Fraction(1, 1), 12)
    """
    matrix = np.array([list(row) for row in weights], dtype=object)
    if matrix.ndim != 2:
        raise ValueError("weights: expected shape (m, d)")
    outputs = list(output_weights)
    if len(outputs) != len(matrix):
        raise ValueError(f"output_weights: expected {len(matrix)} values, got {len(outputs)}")
    products = np.array(
        [[Fraction(c) * Fraction(a) for a in row] for row, c in zip(matrix, outputs, strict=True)],
        dtype=object,
    )
    cells = Arrangement(matrix, tolerance=None).cells(limit)
    denominator = lcm(*(entry.denominator for entry in products.flat))
    integers = np.frompyfunc(int, 1, 1)(products * denominator)
    gradients = cells.patterns.astype(int).astype(object) @ integers
    norms = np.abs(gradients).max(axis=1)
    best = np.flatnonzero(norms == norms.max())
    gradient = tuple(Fraction(entry, denominator) for entry in gradients[best[0]])
    return ExactSeminorm(
        value=Fraction(norms.max(), denominator),
        gradient=gradient,
        witness=cells.exact_points[best[0]],
        coordinate=int(np.abs(gradients[best[0]]).argmax()),
        patterns=cells.patterns[best],
        n_cells=cells.n_cells,
    )
