"""Conflict-driven search in exact arithmetic: the reference of `_conflicts`, and its last resort.

For coordinate j the largest entry of the gradient is the sum of the positive weights minus the
least weight of *violated* constraints "row h is on the side where its weight counts": a maximum
feasible subsystem. A set of constraints that no point satisfies together is a *conflict*, proved
by Farkas multipliers; every cell violates one member of each. Conflicts are found by exact linear
programming, so nothing here depends on rounding but the sums of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement._integers import (
    Infeasible,
    IntVector,
    dot,
    move_off,
    strict_solution,
)
from landscape.seminorm._limits import Limits
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found

Array = NDArray[np.float64]
Conflict = frozenset[int]


@dataclass
class Violation:
    """Outcome of `least_violation`: least violated weight and a point that attains it.

    ``point`` is None if nothing below the cutoff was found; ``bound`` is a lower bound on the
    violated weight of every cell, infinite if the hard constraints contradict each other.
    """

    weight: float
    point: IntVector | None
    bound: float
    complete: bool


def least_violation(
    rows: Sequence[IntVector],
    weights: Array,
    hard: Sequence[IntVector],
    cutoff: float,
    slack: float,
    limits: Limits,
) -> Violation:
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
    """
    k = len(rows)
    signed = list(rows) + list(hard)
    fixed = range(k, len(signed))
    pool: dict[Conflict, None] = {}
    best, best_point = cutoff, None
    stack: list[tuple[float, frozenset[int], frozenset[int], float]] = [
        (0.0, frozenset(), frozenset(), 0.0)
    ]
    threshold = slack / max(k, 1)
    while stack:
        if limits.exhausted:
            bound = min([entry[0] for entry in stack] + [best])
            return Violation(best, best_point, bound, False)
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
    complete_bound = best if best_point is not None or np.isfinite(cutoff) else np.inf
    return Violation(best, best_point, complete_bound, True)


def _separate(signed: list[IntVector], active: list[int]) -> IntVector | Conflict:
    """A point that satisfies all active constraints, or a conflict among them."""
    if not active:
        return tuple([1] + [0] * (len(signed[0]) - 1)) if signed else ()
    try:
        return strict_solution([signed[i] for i in active])
    except Infeasible as error:
        return frozenset(active[i] for i in error.multipliers)


def coordinate_problem(problem: Problem, j: int) -> tuple[NDArray[np.intp], Array, list[IntVector]]:
    """Rows that matter for coordinate j, their absolute weights, and the preferred sides."""
    weights = problem.weights[:, j]
    index = np.flatnonzero(weights)
    rows = problem.exact_rows
    signed = [rows[i] if weights[i] > 0 else tuple(-x for x in rows[i]) for i in index]
    return index, np.abs(weights[index]), signed


def reference(
    problem: Problem,
    limits: Limits | None = None,
    incumbent: Found | None = None,
    fixed: dict[int, bool] | None = None,
) -> Found:
    """Search all coordinates in exact arithmetic.

    Parameters
    ----------
    problem : Problem
    limits : Limits, optional
    incumbent : Found, optional
        A cell that is known.
    fixed : dict of int to bool, optional
        Sides of hyperplanes that the cell must have: then antipodes differ, and both signs of
        every coordinate are searched.

    Returns
    -------
    found : Found
        With ``lower = -inf`` if no cell on the fixed sides was found to be better than the
        incumbent.
    """
    limits = limits or Limits()
    fixed = fixed or {}
    rows = problem.exact_rows
    lower = -np.inf if incumbent is None else incumbent.lower
    best = incumbent
    hard = [rows[h] if side else tuple(-x for x in rows[h]) for h, side in fixed.items()]
    free = np.array([h not in fixed for h in range(len(rows))], dtype=bool)
    held = [h for h, side in fixed.items() if side]
    base = problem.offset + problem.weights[held].sum(axis=0)
    tasks = []
    for j in range(problem.weights.shape[1]):
        weights = np.where(free, problem.weights[:, j], 0.0)
        top = base[j] + np.maximum(weights, 0.0).sum()
        bottom = -base[j] - np.minimum(weights, 0.0).sum()
        if fixed:
            tasks += [(float(top), j, 1), (float(bottom), j, -1)]
        else:
            tasks.append((float(max(top, bottom)), j, 1 if top >= bottom else -1))
    upper = lower
    complete = True
    for ceiling, j, direction in sorted(tasks, key=lambda task: -task[0]):
        if ceiling <= lower + problem.tolerance and best is not None:
            upper = max(upper, min(ceiling, lower))
            continue
        weights = direction * np.where(free, problem.weights[:, j], 0.0)
        index = np.flatnonzero(weights)
        signed = [rows[i] if weights[i] > 0 else tuple(-x for x in rows[i]) for i in index]
        outcome = least_violation(
            signed,
            np.abs(weights[index]),
            hard,
            ceiling - lower if best is not None or np.isfinite(lower) else np.inf,
            problem.tolerance,
            limits,
        )
        if outcome.point is not None:
            point = move_off(rows, outcome.point)
            pattern = np.array([dot(row, point) > 0 for row in rows], dtype=bool)
            value = problem.norm(pattern)
            if best is None or value > lower:
                best = Found(value, value, pattern, point, True, "reference")
                lower = value
        complete &= outcome.complete
        upper = max(upper, lower if outcome.complete else ceiling - outcome.bound)
    if best is None:
        return Found(-np.inf, upper, np.zeros(len(rows), dtype=bool), None, complete, "reference")
    return Found(lower, max(upper, lower), best.pattern, best.point, complete, "reference")
