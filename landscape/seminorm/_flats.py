"""Search over two-dimensional flats, for few inputs.

Every cell has a two-dimensional face: a sector of the plane where some d - 2 independent
hyperplanes meet. In general position *all* sign vectors of these d - 2 occur beside the sector, so
each coordinate takes the sum of their positive parts, and sweeping the angle in every such plane
gives the maximum in O(C(m, d-2) m log m).

Degenerate networks have planes and rays in which more hyperplanes meet. The sweep bounds the
cells there as if their signs were free. Where that bound exceeds what is known, the place is
resolved: the hyperplanes that meet there (or come too close for floats) form a problem of their
own, of lower rank if they meet exactly.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from landscape.arrangement import Infeasible, interior_point
from landscape.arrangement._integers import pivot_columns
from landscape.compiled import seldom
from landscape.seminorm._conflicts import reference
from landscape.seminorm._kernels_flats import search
from landscape.seminorm._problem import CellProblem, climb, settle
from landscape.seminorm._record import Array, Found, Limits, Pattern

#: More unresolved places than this are not worth it: conflicts do not mind degeneracy.
MAX_PLACES = 10_000
#: Below this many visited rows, looking for a good first cell takes longer than the search.
SMALL = 200_000


def flats(
    problem: CellProblem,
    solve: Callable[..., Found],
    limits: Limits,
    incumbent: Found | None = None,
) -> Found | None:
    """Maximize over the cells of a problem of rank 3 or more by two-dimensional flats.

    ``solve`` is for the smaller problems of degenerate places. None if the arrangement has flats
    that floats cannot handle.
    """
    k, r = problem.shape
    best, work = incumbent, math.comb(k, r - 2) * k
    if best is None and work >= SMALL:
        best = climb(problem, limits, n_starts=2, patience=10)
    floor = -1.0 if best is None else best.lower
    pattern, most = np.empty(k, dtype=bool), min(MAX_PLACES, 2 * work)
    places, dependent = np.empty((most + 2 * k, r + 2)), np.empty((most, r - 2), dtype=np.int64)
    arguments = problem.rows, problem.weights, problem.offset, floor, problem.tolerance
    run = seldom(search, work * (r + problem.weights.shape[1] + 10))
    with limits.alarm() as stop:
        value, n_places, n_dependent, n_flats, complete = run(
            *arguments, limits.remaining_nodes, stop, places, dependent, pattern
        )
    limits.nodes += n_flats
    if value > floor:
        best = Found(value, np.inf, pattern, None, False, "flats")
    best = best or problem.at_some_point()
    if not complete and not limits.exhausted:
        return None  # too many degenerate places
    for subset in np.unique(dependent[:n_dependent], axis=0) if n_dependent else ():
        chosen = [problem.exact_rows[i] for i in subset if i >= 0]
        if len(pivot_columns(chosen)) == len(chosen):
            return None  # nearly dependent hyperplanes
    if not complete:
        return replace(best, upper=problem.ceiling, exact=False, method="flats")
    seen: set[bytes] = set()
    order = np.argsort(-places[:n_places, -1], kind="stable") if n_places else ()
    for place in (places[t] for t in order):
        if place[-1] <= best.lower + problem.tolerance:
            break
        if limits.exhausted:
            upper = max(best.lower, min(problem.ceiling, place[-1]))
            return replace(best, upper=upper, exact=False, method="flats")
        better = _resolve(problem, solve, place, best, seen, limits)
        if better is None:
            return None
        best = better
    return Found(best.lower, best.lower, best.pattern, best.point, True, "flats")


def _resolve(
    problem: CellProblem,
    solve: Callable[..., Found],
    place: Array,
    best: Found,
    seen: set[bytes],
    limits: Limits,
) -> Found | None:
    """The best cell so far and at a place where several hyperplanes meet, or its antipode."""
    point, radius, rows = place[:-2], float(place[-2]), problem.rows
    values = rows @ point / np.sqrt((rows * rows).sum(axis=1))
    meeting = np.abs(values) <= 1.01 * radius + 1e-12
    if meeting.all():
        return None
    index = np.flatnonzero(meeting)
    for sign in (1.0, -1.0):
        sides = (sign * values > 0) & ~meeting
        key = sides.tobytes() + meeting.tobytes()
        if key in seen:
            continue
        seen.add(key)
        columns = pivot_columns([problem.exact_rows[h] for h in index])
        local = CellProblem(
            np.ascontiguousarray(rows[index][:, columns]),
            problem.weights[index],
            problem.offset + problem.weights[sides].sum(axis=0),
        )
        found = solve(local, limits=limits)
        if not found.exact:
            return None
        if found.lower <= best.lower + problem.tolerance:
            continue
        pattern = sides.copy()
        pattern[index] = found.pattern
        inside = _join(problem, sign * point, found, columns, pattern)
        if inside is not None:
            best = Found(problem.norm(pattern), np.inf, pattern, inside, False, "flats")
            continue
        # The hyperplanes nearly meet here: which cells there are is decided exactly.
        fixed = {int(h): bool(sides[h]) for h in np.flatnonzero(~meeting)}
        refined = reference(problem, limits, best, fixed)
        if not refined.exact:
            return None
        best = refined
    return best


def _join(
    problem: CellProblem, point: Array, found: Found, columns: list[int], pattern: Pattern
) -> Array | tuple[int, ...] | None:
    """A point of the cell that looks like ``found`` near ``point``; None if there is none."""
    candidates = [problem.inside(pattern)]
    if isinstance(found.point, np.ndarray):
        step = np.zeros(len(point))
        step[columns] = found.point
        candidates = [point + 1e-3 / 16**exponent * step for exponent in range(9)] + candidates
    for near in candidates:
        if near is not None and (settled := settle(problem.rows, near, pattern.astype(np.int8))):
            return settled[0]
    try:
        return interior_point(problem.exact_rows, pattern.tolist())
    except Infeasible:
        return None
