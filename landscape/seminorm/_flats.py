"""Search over two-dimensional flats, for few inputs.

Every cell has a two-dimensional face: a sector of the plane where some d - 2 independent
hyperplanes meet. In general position *all* sign vectors of these d - 2 occur beside the sector, so
each coordinate takes the sum of their positive parts, and sweeping the angle in every such plane
gives the maximum in O(C(m, d-2) m log m).

Degenerate networks have planes and rays in which more hyperplanes meet. The sweep bounds the
cells there as if their signs were free. Where that bound exceeds what is known, the place is
resolved: the hyperplanes Z that meet there (or come too close for floats) form a problem of their
own, of lower rank if they meet exactly, which the portfolio solves.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Infeasible, interior_point
from landscape.arrangement._integers import pivot_columns
from landscape.seminorm import _kernels_points as kernels_points
from landscape.seminorm._limits import Limits, alarm
from landscape.seminorm._local import at_known, climb, settle
from landscape.seminorm._points import generic_direction
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, Pattern
from landscape.seminorm._reference import reference
from landscape.seminorm._tiers import INTERPRETED, call

Array = NDArray[np.float64]
Solver = Callable[..., Found]

#: More unresolved places than this are not worth it: conflicts do not mind degeneracy.
MAX_ITEMS = 50_000
#: Below this many visited rows, looking for a good first cell takes longer than the search.
SMALL = 200_000


class Unresolved(Exception):
    """Floats are too coarse for this arrangement's flats."""


def flats(
    problem: Problem,
    solve: Solver,
    limits: Limits | None = None,
    incumbent: Found | None = None,
    rows: tuple[int, int] | None = None,
) -> Found:
    """Maximize over the cells by enumerating two-dimensional flats.

    Parameters
    ----------
    problem : Problem
        Of rank at least 3.
    solve : callable
        Solves the smaller problems of degenerate places.
    limits : Limits, optional
    incumbent : Found, optional
        A cell to start from; otherwise local search finds one.
    rows : pair of int, optional
        Only flats whose smallest row is in this range (to divide the work).

    Raises
    ------
    Unresolved
        If the arrangement has flats that floats cannot handle.
    """
    from landscape.seminorm import _kernels_flats as kernels

    limits = limits or Limits()
    k, r = problem.shape
    visited = math.comb(k, r - 2) * k
    best = incumbent
    if best is None and visited >= SMALL:
        best = climb(problem, n_starts=2, patience=10, limits=limits)
    floor = -1.0 if best is None else best.lower
    units = problem.rows / np.sqrt((problem.rows * problem.rows).sum(axis=1))[:, None]
    # A cell has r facets at least, so it has a flat without the first two rows.
    first, last = rows if rows is not None else (2, k)
    with alarm(limits) as stop:
        value, point, free, items, bounds, dependent, n_flats, complete = call(
            kernels.search,
            units,
            problem.weights,
            problem.offset,
            first,
            last,
            floor,
            problem.tolerance,
            MAX_ITEMS,
            limits.remaining_nodes,
            stop,
            work=1e-6 * visited * (5 + r),
            stop=9,
        )
    limits.nodes += int(n_flats)
    if value > floor:
        pattern, inside = _beside(problem, point, free)
        best = Found(problem.norm(pattern), np.inf, pattern, inside, False, "flats")
    if best is None:
        best = at_known(problem)
    if not complete and not limits.exhausted:
        raise Unresolved("too many degenerate places")
    for subset in np.unique(dependent, axis=0) if len(dependent) else ():
        chosen = [problem.exact_rows[i] for i in subset if i >= 0]
        if len(pivot_columns(chosen)) == len(chosen):
            raise Unresolved("nearly dependent hyperplanes")
    ceiling = float(problem.bounds.max())
    if not complete:
        return Found(best.lower, ceiling, best.pattern, best.point, False, "flats")
    seen: set[bytes] = set()
    for t in np.argsort(-bounds, kind="stable") if len(bounds) else ():
        if bounds[t] <= best.lower + problem.tolerance:
            break
        if limits.exhausted:
            upper = max(best.lower, min(ceiling, float(bounds[t])))
            return Found(best.lower, upper, best.pattern, best.point, False, "flats")
        best = _resolve(problem, solve, units, items[t], best, seen, limits)
    return Found(best.lower, best.lower, best.pattern, best.point, True, "flats")


def _beside(problem: Problem, point: Array, free: NDArray[np.intp]) -> tuple[Pattern, Array | None]:
    """The best cell at a point where exactly the ``free`` hyperplanes meet, and a point of it."""
    pattern, inside = np.empty(len(problem.rows), dtype=bool), point.copy()
    settled = call(
        kernels_points.beside,
        problem.rows,
        problem.weights,
        problem.offset,
        inside,
        np.ascontiguousarray(free),
        generic_direction(len(point)),
        pattern,
        work=4 * INTERPRETED * (problem.rows.size + problem.weights.size),
    )
    return pattern, inside if settled else None


def _resolve(
    problem: Problem,
    solve: Solver,
    units: Array,
    item: Array,
    best: Found,
    seen: set[bytes],
    limits: Limits,
) -> Found:
    """Look at a place where several hyperplanes meet, from both sides of the origin."""
    point, radius = item[:-1], float(item[-1])
    values = units @ point
    meeting = np.abs(values) <= 1.01 * radius + 1e-12
    if meeting.all():
        raise Unresolved("everything meets here")
    for sign in (1.0, -1.0):
        sides = sign * values > 0
        sides[meeting] = False
        key = sides.tobytes() + meeting.tobytes()
        if key in seen:
            continue
        seen.add(key)
        index = np.flatnonzero(meeting)
        columns = pivot_columns([problem.exact_rows[h] for h in index])
        local = Problem(
            np.ascontiguousarray(problem.rows[index][:, columns]),
            problem.weights[index],
            problem.offset + problem.weights[sides].sum(axis=0),
        )
        found = solve(local, limits=limits)
        if not found.exact:
            raise Unresolved("a degenerate place is too large")
        if found.lower <= best.lower + problem.tolerance:
            continue
        pattern = sides.copy()
        pattern[index] = found.pattern
        inside = _join(problem, sign * point, found, index, columns, pattern)
        if inside is not None:
            best = Found(problem.norm(pattern), np.inf, pattern, inside, False, "flats")
            continue
        # The hyperplanes nearly meet here: which cells there are is decided exactly.
        fixed = {int(h): bool(sides[h]) for h in np.flatnonzero(~meeting)}
        refined = reference(problem, limits, best, fixed)
        if not refined.exact:
            raise Unresolved("a nearly degenerate place is too large")
        if refined.lower > best.lower:
            best = refined
    return best


def _join(
    problem: Problem,
    point: Array,
    found: Found,
    index: NDArray[np.intp],
    columns: list[int],
    pattern: Pattern,
) -> Array | tuple[int, ...] | None:
    """A point of the cell that looks like ``found`` near ``point``; None if there is none."""
    if isinstance(found.point, np.ndarray):
        step = np.zeros(len(point))
        step[columns] = found.point
        size = 1e-3
        while size > 1e-13:
            settled = settle(problem, point + size * step)
            if settled is not None and np.array_equal(settled[1], pattern):
                return settled[0]
            size /= 16
    try:
        return interior_point(problem.exact_rows, pattern.tolist())
    except Infeasible:
        return None
