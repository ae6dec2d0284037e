"""Search by conflicts, for many inputs: Farkas supports, hitting-set bounds, branching.

For coordinate j the largest entry of the gradient is the sum of the positive weights minus the
least weight of *violated* constraints "row h is on the side where its weight counts": a maximum
feasible subsystem. A set of constraints that no point satisfies together is a *conflict*, proved
by Farkas multipliers; every cell violates one member of each.

Conflicts come from Wolfe's least-norm point in floats. One of d + 1 rows is confirmed with a bound
on rounding errors; the others (exact dependencies, which degenerate networks are full of) are
collected and confirmed in integers after the search. If one is refuted, the search is repeated
without it. `reference` finds conflicts by exact linear programming, so that nothing depends on
rounding but the sums of the weights; it decides what floats cannot.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Infeasible, sides_at
from landscape.arrangement._integers import IntVector, dot, move_off, strict_solution
from landscape.compiled import seldom
from landscape.seminorm._kernels_conflicts import search
from landscape.seminorm._problem import CellProblem, climb
from landscape.seminorm._record import Array, Found, Limits

Conflict = frozenset[int]
#: How often a search is repeated because exact arithmetic refuted one of its conflicts.
REPEATS = 4
#: Nodes of a search before it is compiled.
FEW = 500


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
    d = problem.shape[1]
    index = np.flatnonzero(problem.weights[:, j])
    weights = problem.weights[index, j]
    Y = np.ascontiguousarray(np.sign(weights)[:, None] * problem.rows[index])
    units = Y / np.sqrt((Y * Y).sum(axis=1))[:, None]
    known: dict[tuple[int, ...], bool] = {}
    banned = np.full((0, d + 2), -1, dtype=np.int32)
    for _ in range(REPEATS):
        point, cutoff = np.zeros(d), float(problem.bounds[j]) - best.lower
        arguments = Y, units, np.abs(weights), cutoff, problem.tolerance
        most, run = limits.remaining_nodes, seldom(search, FEW * Y.size * (d + 10))
        with limits.alarm() as stop:
            rest = banned, stop, point, confirm_all
            few = most if run is search else min(most, FEW)
            bound, decided, nodes, pending = run(*arguments, few, *rest)
            if nodes == few < most and not decided:
                point[:] = 0.0
                bound, decided, nodes, pending = search(*arguments, most, *rest)
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


def least_violation(
    rows: Sequence[IntVector],
    weights: Array,
    hard: Sequence[IntVector],
    cutoff: float,
    slack: float,
    limits: Limits,
) -> tuple[IntVector | None, float]:
    """Least sum of the ``weights[i]`` > 0 over constraints ``<rows[i], x> > 0`` that x violates.

    All ``<hard, x> > 0`` hold. Returns the best point with less violation than the cutoff, up to
    the slack, or None; and a bound of the violated weight of every cell, infinite if none is below
    the cutoff but the point's, so that the search was complete.
    """
    k = len(rows)
    signed = [*rows, *hard]
    pool: dict[Conflict, None] = {}
    best = cutoff
    best_point: IntVector | None = None
    none: frozenset[int] = frozenset()
    # Bound, rows that are required and that are waived, weight of these.
    stack = [(0.0, none, none, 0.0)]
    threshold = slack / max(k, 1)
    while stack:
        if limits.exhausted:
            return best_point, min(entry[0] for entry in stack)
        _, required, waived, lower = stack.pop()
        limits.nodes += 1
        cost, share, residual = lower, np.zeros(k), weights.copy()
        residual[list(waived)] = 0.0
        pruned = lower >= best - slack
        while not pruned:
            members = {i for i in range(k) if i in required or residual[i] > threshold}
            members.update(range(k, len(signed)))
            known = next((c for c in pool if c <= members), None)
            conflict = known or _separate(signed, sorted(members))
            if isinstance(conflict, tuple):
                violated = float(sum(weights[i] for i in range(k) if dot(signed[i], conflict) <= 0))
                if violated < best:
                    best, best_point = violated, conflict
                break
            pool[conflict] = None
            soft = [i for i in conflict if i < k and i not in required]
            step = float(residual[soft].min(initial=np.inf))
            lower += step
            pruned = lower >= best - slack
            if soft:
                residual[soft] -= step
                share[soft] += step / len(soft)
        if pruned or lower >= best - slack or not share.any():
            continue
        branch = int(share.argmax())
        stack.append((lower, required, waived | {branch}, cost + float(weights[branch])))
        stack.append((lower, required | {branch}, waived, cost))
    return best_point, np.inf


def _separate(signed: list[IntVector], active: list[int]) -> IntVector | Conflict:
    """A point that satisfies all active constraints, or a conflict among them."""
    if not active:
        return tuple([1] + [0] * (len(signed[0]) - 1)) if signed else ()
    try:
        return strict_solution([signed[i] for i in active])
    except Infeasible as error:
        return frozenset(active[i] for i in error.multipliers)


def _turned(row: IntVector, positive: bool) -> IntVector:
    return row if positive else tuple(-x for x in row)


def signed_rows(problem: CellProblem, weights: Array) -> list[IntVector]:
    """The rows with a weight, as integers, on the side where it counts."""
    return [_turned(problem.exact_rows[i], weights[i] > 0) for i in np.flatnonzero(weights)]


def reference(
    problem: CellProblem,
    limits: Limits,
    incumbent: Found,
    fixed: dict[int, bool] | None = None,
) -> Found:
    """Search all coordinates in exact arithmetic for what is better than a known cell.

    ``fixed`` are sides of hyperplanes that the cell must have: then antipodes differ, and both
    signs of every coordinate are searched.
    """
    fixed = fixed or {}
    rows = problem.exact_rows
    best, upper, complete = incumbent, incumbent.lower, True
    hard = [_turned(rows[h], side) for h, side in fixed.items()]
    base = problem.offset + problem.weights[[h for h, side in fixed.items() if side]].sum(axis=0)
    weights = problem.weights.copy()
    weights[list(fixed)] = 0.0
    tasks = []
    for sign in (1, -1):
        tops = sign * base + np.maximum(sign * weights, 0.0).sum(axis=0)
        tasks += [(top, j, sign) for j, top in enumerate(tops.tolist())]
    if not fixed:  # the antipode has the other sign
        half = len(tasks) // 2
        tasks = list(map(max, tasks[:half], tasks[half:]))
    for ceiling, j, sign in sorted(tasks, key=lambda task: -task[0]):
        if ceiling <= best.lower + problem.tolerance:
            break
        signed = sign * weights[:, j]
        point, bound = least_violation(
            signed_rows(problem, signed),
            np.abs(signed[signed != 0]),
            hard,
            ceiling - best.lower,
            problem.tolerance,
            limits,
        )
        if point is not None:
            point = move_off(rows, point)
            pattern = np.array(sides_at(rows, point)) > 0
            value = problem.norm(pattern)
            if value > best.lower:
                best = Found(value, value, pattern, point, True, "reference")
        complete &= bound == np.inf
        upper = max(upper, ceiling - bound)
    upper = max(upper, best.lower)
    return Found(best.lower, upper, best.pattern, best.point, complete, "reference")
