"""Which method for which problem, the closed forms, the plane, and cones.

====================  =====================================================================
k = rank              closed form: every sign vector is a cell
jumps of one sign     closed form: a unit vector satisfies every constraint
rank 2                angular sweep, O(k log k)
rank 3, 4, 5          flats while ``C(k, r - 2) k`` is small (see `FLATS_WORK`), then cones
                      (rank 5: conflicts between the two, see `CONES_FROM`)
rank 6 and more       conflicts
====================  =====================================================================

Where floats cannot resolve a degenerate arrangement, cones give way to flats and flats to
conflicts. k is the number of different hyperplanes where the gradient jumps, the rank is theirs.
The thresholds come from ``benchmarks/seminorm``.
"""

import math
from dataclasses import replace
from functools import cmp_to_key

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import sides_at
from landscape.arrangement._integers import IntVector, integer_vector
from landscape.compiled import seldom
from landscape.seminorm import _kernels as kernels
from landscape.seminorm._conflicts import conflicts, reference
from landscape.seminorm._flats import flats
from landscape.seminorm._kernels_cones import split_cones
from landscape.seminorm._problem import CellProblem, Planes, climb, finish
from landscape.seminorm._record import METHODS, Array, Found, Limits, OutOfReach, Seminorm

#: Rows visited by the flats (number of flats times k) up to which they are chosen, by rank.
#: Some sixty million are visited per second.
FLATS_WORK = {3: 4e6, 4: 1e6, 5: 9e3}
#: Beyond that, the number of hyperplanes from which cones are chosen before conflicts.
CONES_FROM = {3: 0, 4: 0, 5: 121}
#: Rows visited by the flats up to which they replace cones that could not resolve degeneracy.
FLATS_LIMIT = 1e9


def solve(
    problem: CellProblem,
    *,
    method: str = "auto",
    limits: Limits | None = None,
    incumbent: Found | None = None,
) -> Found:
    """Maximize over the cells of a problem.

    Only better cells than the ``incumbent`` are of interest, and it is returned if there are none;
    methods that look at all cells anyway ignore it.
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    limits = limits or Limits()
    k, rank = problem.shape
    if k == rank:
        return independent(problem)
    if method == "reference":
        return reference(problem, limits, incumbent or problem.at_some_point())
    if rank == 2:
        return plane(problem)
    if method == "plane":
        raise OutOfReach(f"method 'plane' needs rank 2, the network has rank {rank}")
    work = math.comb(k, max(rank - 2, 0)) * k
    if method == "auto":
        if (found := attained(problem)) is not None:
            return found
        if work <= FLATS_WORK.get(rank, 0.0):
            method = "flats"
        elif k >= CONES_FROM.get(rank, math.inf):
            method = "cones"
    unresolved = None
    if method == "cones":
        unresolved = cones(problem, limits, incumbent)
        if unresolved is None and work <= FLATS_LIMIT:
            method = "flats"
    if method == "flats":
        unresolved = flats(problem, solve, limits, incumbent)
    return conflicts(problem, limits, incumbent) if unresolved is None else unresolved


def seminorm(
    weights: Array, outputs: Array, method: str, limits: Limits, certify: bool = False
) -> Seminorm:
    """`landscape.seminorm.sobolev_seminorm` of arrays that are known to be a network's."""
    products, exponent = kernels.scaled_products(np.array(weights), np.array(outputs))
    return maximum(Planes(weights), products, exponent, method, limits, certify)


def maximum(
    planes: Planes,
    products: Array,
    exponent: int,
    method: str,
    limits: Limits,
    certify: bool = False,
) -> Seminorm:
    """The record of the largest gradient for products (m, q) times ``2^exponent``."""
    reduced = planes.reduce(products)
    found, proved = solve(reduced.problem, method=method, limits=limits), None
    if certify:
        found, proved = _certified(reduced.problem, found, limits)
    record = finish(planes, products, exponent, reduced, found)
    return replace(record, proved=proved and _genuine(planes, record)) if certify else record


def _certified(problem: CellProblem, found: Found, limits: Limits) -> tuple[Found, bool]:
    """Search again above the value, every conflict decided in integers."""
    if problem.shape[0] == problem.shape[1]:
        return found, True  # the rank was decided in integers or by a safe margin
    again = conflicts(problem, limits, found, confirm_all=True)
    if again.lower > found.lower + problem.tolerance:
        # Cannot happen if the method is right; the better cell counts.
        return again, False  # pragma: no cover
    return replace(found, exact=found.exact or again.exact), again.exact


def _genuine(planes: Planes, record: Seminorm) -> bool:
    """Whether the record's pattern is that of a cell of all hyperplanes, in integers."""
    sides = sides_at(planes.exact_rows, record.rational_witness or record.witness.tolist())
    expected = planes.neuron_patterns(np.array(sides) > 0)
    return 0 not in sides and bool(np.array_equal(expected, record.pattern))


def independent(problem: CellProblem) -> Found:
    """``rank = k``: every sign vector is a cell, so each coordinate reaches its bound."""
    if not len(problem.rows):
        value = float(np.abs(problem.offset).max(initial=0.0))
        return Found(value, value, np.zeros(0, dtype=bool), np.zeros(0), True, "linear")
    pattern = problem.weights[:, problem.bounds.argmax()] > 0
    value, opposite = problem.norm(pattern), problem.norm(~pattern)
    if opposite > value:
        pattern, value = ~pattern, opposite
    point: Array | None
    try:
        point = np.asarray(np.linalg.solve(problem.rows, np.where(pattern, 1.0, -1.0)))
    except np.linalg.LinAlgError:
        point = None  # independent, but only in exact arithmetic
    return Found(value, value, pattern, point, True, "independent")


def attained(problem: CellProblem) -> Found | None:
    """The cell beside a unit vector, if it reaches the bound by the weights' signs.

    So it is in a network whose output weights have one sign: each weight is a multiple of its row.
    """
    j = kernels.one_sided(problem.rows, problem.weights, problem.bounds)
    if j < 0:
        return None
    found = problem.at_point(np.eye(problem.shape[1])[j], "one sign")
    if found is None or found.lower < problem.bounds[j] - problem.tolerance:
        return None
    return Found(found.lower, found.lower, found.pattern, found.point, True, "one sign")


def plane(problem: CellProblem) -> Found:
    """Rank 2: sort the hyperplanes' angles and sweep, O(k log k)."""
    rows, weights, offset = problem.rows, problem.weights, problem.offset
    order, turns, close, any_close = seldom(kernels.sort_plane, 10 * len(rows))(rows)
    if any_close:
        _sort_exactly(rows, order, np.flatnonzero(close))
    pattern, middle = np.empty(len(rows), dtype=bool), np.empty(2)
    sweep = seldom(kernels.sweep_plane, 4 * weights.size)
    value, t, thin = sweep(rows, weights, offset, order, turns, pattern, middle)
    point: Array | tuple[int, ...] = middle
    if thin:
        # The exact sum of the two rays.
        high, low = (integer_vector(_ray(rows[order[s]])) for s in (t, t - 1))
        side = 1 if pattern[order[t]] == (turns[order[t]] > 0) else -1
        point = tuple(side * (x + y if t else x - y) for x, y in zip(high, low, strict=True))
    return Found(value, value, pattern, point, True, "plane")


def _sort_exactly(rows: Array, order: NDArray[np.intp], close: NDArray[np.intp]) -> None:
    """Sort runs of lines that floats cannot order by exact cross products."""

    def clockwise(first: tuple[IntVector, int], second: tuple[IntVector, int]) -> int:
        (a, b), (c, d) = first[0], second[0]
        return b * c - a * d

    for run in np.split(close, np.flatnonzero(np.diff(close) > 1) + 1):
        span = slice(int(run[0]), int(run[-1]) + 2)
        exact = [(integer_vector(_ray(rows[i])), i) for i in order[span].tolist()]
        order[span] = [i for _, i in sorted(exact, key=cmp_to_key(clockwise))]


def _ray(row: Array) -> tuple[float, float]:
    """The ray of the line ``<row, x> = 0`` with angle in [0, pi)."""
    x, y = row.tolist()
    return (-y, x) if x > 0 or (x == 0 and y < 0) else (y, -x)


def cones(problem: CellProblem, limits: Limits, incumbent: Found | None = None) -> Found | None:
    """Split simplicial cones, for three to five inputs and many neurons.

    A hyperplane that misses the interior of a cone is decided there; the others are free in the
    bound. Cones are split where the median hyperplane crosses the edge that most of them cross. By
    antipodal symmetry one half-space is enough.

    Cones touch hyperplanes at their vertices all the time, so floats must know exact zeros from
    small values. Vertices are therefore defined as crossings, which makes their hyperplanes' values
    exact zeros, and the rounding error of all other values is tracked. Where more hyperplanes meet
    in a vertex than were split there (degenerate networks), floats cannot decide: such places are
    left out and bounded, and if their bound exceeds the best cell, the result is None.
    """
    best = incumbent or climb(problem, limits)
    point, start = np.zeros(problem.shape[1]), (float(best.lower), problem.tolerance)
    arguments = problem.rows, problem.weights, problem.offset, problem.total, *start
    with limits.alarm() as stop:
        bound, complete, nodes = split_cones(*arguments, limits.remaining_nodes, stop, point)
    limits.nodes += nodes
    found = problem.at_point(point, "cones") if point.any() else None
    if found is not None and found.lower > best.lower:
        best = found
    bound = min(bound, problem.ceiling)
    if complete and bound > best.lower + 2 * problem.tolerance:
        return None
    upper = best.lower if complete else max(best.lower, bound)
    return Found(best.lower, upper, best.pattern, best.point, complete, "cones")
