"""Conflict search in exact arithmetic: the reference of `_conflicts`, and its last resort.

Conflicts are found by exact linear programming, so nothing here depends on rounding but the sums of
the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape.arrangement import Infeasible
from landscape.arrangement._integers import IntVector, dot, move_off, strict_solution
from landscape.seminorm._problem import CellProblem
from landscape.seminorm._record import Array, Found, Limits

Conflict = frozenset[int]


def least_violation(
    rows: Sequence[IntVector],
    weights: Array,
    hard: Sequence[IntVector],
    cutoff: float,
    slack: float,
    limits: Limits,
) -> tuple[IntVector | None, float]:
    """Least sum of ``weights[i]`` over constraints ``<rows[i], x> > 0`` that x violates.

    Parameters
    ----------
    rows : k integer vectors
    weights : array of shape (k,), positive
    hard : integer vectors
        Constraints ``<row, x> > 0`` that x must satisfy.
    cutoff : float
        Only points with less violation are of interest.
    slack : float
        Differences of violations that do not matter.
    limits : Limits

    Returns
    -------
    point : the best point below the cutoff, or None
    bound : of the violated weight of every cell; infinite if none is below the cutoff but the
        point's, so that the search was complete
    """
    k = len(rows)
    signed = list(rows) + list(hard)
    fixed = range(k, len(signed))
    pool: dict[Conflict, None] = {}
    best = cutoff
    best_point: IntVector | None = None
    stack: list[tuple[float, frozenset[int], frozenset[int], float]] = [
        (0.0, frozenset(), frozenset(), 0.0)
    ]
    threshold = slack / max(k, 1)
    while stack:
        if limits.exhausted:
            bound = min([entry[0] for entry in stack])
            return best_point, bound
        _, required, waived, cost = stack.pop()
        limits.nodes += 1
        residual = np.where([i in waived for i in range(k)], 0.0, weights) if k else weights
        share = np.zeros(k)
        lower = cost
        pruned = lower >= best - slack
        while not pruned:
            active = [i for i in range(k) if i in required or residual[i] > threshold]
            members = set(active)
            conflict = next(
                (c for c in pool if all(i in members or i >= k for i in c)), None
            ) or _separate(signed, [*active, *fixed])
            if isinstance(conflict, tuple):
                violated = float(sum(weights[i] for i in range(k) if dot(signed[i], conflict) <= 0))
                if violated < best:
                    best, best_point = violated, conflict
                break
            pool[conflict] = None
            soft = [i for i in conflict if i < k and i not in required]
            if not soft:
                pruned = True
                break
            step = float(residual[soft].min())
            lower += step
            residual[soft] -= step
            share[soft] += step / len(soft)
            pruned = lower >= best - slack
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


def signed_rows(problem: CellProblem, weights: Array) -> list[IntVector]:
    """The rows with a weight, as integers, on the side where it counts."""
    rows = problem.exact_rows
    return [
        rows[i] if weights[i] > 0 else tuple(-x for x in rows[i]) for i in np.flatnonzero(weights)
    ]


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
    hard = [rows[h] if side else tuple(-x for x in rows[h]) for h, side in fixed.items()]
    free = np.array([h not in fixed for h in range(len(rows))], dtype=bool)
    held = [h for h, side in fixed.items() if side]
    base = problem.offset + problem.weights[held].sum(axis=0)
    weights = np.where(free[:, None], problem.weights, 0.0)
    tops = base + np.maximum(weights, 0.0).sum(axis=0)
    bottoms = -base - np.minimum(weights, 0.0).sum(axis=0)
    tasks = [(float(top), j, 1) for j, top in enumerate(tops)]
    tasks += [(float(bottom), j, -1) for j, bottom in enumerate(bottoms)]
    if not fixed:  # the antipode has the other sign
        tasks = [max(pair) for pair in zip(tasks[: len(tops)], tasks[len(tops) :], strict=True)]
    for ceiling, j, direction in sorted(tasks, key=lambda task: -task[0]):
        if ceiling <= best.lower + problem.tolerance:
            break
        signed = direction * weights[:, j]
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
            pattern = np.array([dot(row, point) > 0 for row in rows], dtype=bool)
            value = problem.norm(pattern)
            if value > best.lower:
                best = Found(value, value, pattern, point, True, "reference")
        complete &= bound == np.inf
        upper = max(upper, ceiling - bound)
    return Found(
        best.lower, max(upper, best.lower), best.pattern, best.point, complete, "reference"
    )
