"""Search by conflicts, for many inputs: Farkas supports, hitting-set bounds, branching.

For coordinate j the largest entry of the gradient is the sum of the positive weights minus the
least weight of *violated* constraints "row h is on the side where its weight counts": a maximum
feasible subsystem. A set of constraints that no point satisfies together is a *conflict*, proved
by Farkas multipliers; every cell violates one member of each.

Conflicts come from Wolfe's least-norm point in floats. One of d + 1 rows is confirmed with a bound
on rounding errors; the others (exact dependencies, which degenerate networks are full of) are
collected and confirmed in integers after the search. If one is refuted, the search is repeated
without it. `landscape.seminorm._reference` does all in integers, and decides what floats cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Infeasible
from landscape.arrangement._integers import strict_solution
from landscape.seminorm._problem import CellProblem, climb
from landscape.seminorm._record import Found, Limits
from landscape.seminorm._reference import reference, signed_rows

#: How often a search is repeated because exact arithmetic refuted one of its conflicts.
REPEATS = 4


def conflicts(
    problem: CellProblem,
    limits: Limits,
    incumbent: Found | None = None,
    confirm_all: bool = False,
) -> Found:
    """Maximize over the cells by conflict search, coordinate by coordinate.

    ``confirm_all`` checks every conflict in integers, also those that error bounds confirm.
    """
    k = len(problem.rows)
    # Few hyperplanes are searched faster than climbed.
    best = incumbent or climb(problem, limits, min(8, 1 + k // 16), 10 if k < 64 else 20)
    upper, complete = best.lower, True
    for j in np.argsort(-problem.bounds, kind="stable").tolist():
        ceiling = float(problem.bounds[j])
        if ceiling <= best.lower + problem.tolerance:
            break
        best, bound, decided = _coordinate(problem, j, best, limits, confirm_all)
        if not decided and not limits.exhausted:
            # Cells too thin for floats decide here.
            return reference(problem, limits, best)
        complete &= decided
        upper = max(upper, best.lower if decided else ceiling - bound)
    upper = max(upper, best.lower)
    return Found(best.lower, upper, best.pattern, best.point, complete, "conflicts")


def _coordinate(
    problem: CellProblem, j: int, best: Found, limits: Limits, confirm_all: bool
) -> tuple[Found, float, bool]:
    """The best cell, a bound of the violated weight in coordinate j, whether that decides it."""
    from landscape.seminorm._kernels_conflicts import search

    d = problem.shape[1]
    index = np.flatnonzero(problem.weights[:, j])
    weights = problem.weights[index, j]
    Y = np.ascontiguousarray(np.sign(weights)[:, None] * problem.rows[index])
    units = Y / np.sqrt((Y * Y).sum(axis=1))[:, None]
    known: dict[tuple[int, ...], bool] = {}
    banned = np.full((0, d + 2), -1, dtype=np.int32)
    for _ in range(REPEATS):
        point, cutoff = np.zeros(d), float(problem.bounds[j]) - best.lower
        arguments = Y, units, np.abs(weights), cutoff, problem.tolerance, limits.remaining_nodes
        with limits.alarm() as stop:
            bound, decided, nodes, pending = search(*arguments, banned, stop, point, confirm_all)
        limits.nodes += nodes
        found = problem.at_point(point, "conflicts") if point.any() else None
        if found is not None and found.lower > best.lower:
            best = found
        refuted = _refuted(pending, problem, j, known) if len(pending) else []
        if not refuted:
            return best, bound, decided
        rows = [[*support, *[-1] * (d + 2 - len(support))] for support in refuted]
        banned = np.vstack([banned, np.array(rows, dtype=np.int32)])
    return best, 0.0, False


def _refuted(
    pending: NDArray[np.int32], problem: CellProblem, j: int, known: dict[tuple[int, ...], bool]
) -> list[tuple[int, ...]]:
    """Supports that are no conflicts, decided in integers; ``known`` says which are."""
    signed = signed_rows(problem, problem.weights[:, j])
    supports = {tuple(int(i) for i in row if i >= 0) for row in np.unique(pending, axis=0)}
    for support in supports - known.keys():
        try:
            strict_solution([signed[i] for i in support])
            known[support] = False
        except Infeasible:
            known[support] = True
    return sorted(support for support in supports if not known[support])
