"""Search by conflicts, for many inputs: Farkas supports, hitting-set bounds, branching.

The idea is in `_reference`, which does the same in exact arithmetic. Here conflicts come from
Wolfe's least-norm point in floats. A conflict of d + 1 rows is confirmed with a bound on rounding
errors; the others (exact dependencies, which degenerate networks are full of) are collected and
confirmed in integers after the search. If one is refuted, the search is repeated without it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement._integers import Infeasible, IntVector, strict_solution
from landscape.seminorm._limits import Limits, alarm
from landscape.seminorm._local import at_point, climb
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found
from landscape.seminorm._reference import coordinate_problem, reference
from landscape.seminorm._tiers import call

Array = NDArray[np.float64]

#: How often a search is repeated because exact arithmetic refuted one of its conflicts.
REPEATS = 4


def confirm(
    supports: NDArray[np.int32], signed: list[IntVector], known: dict[tuple[int, ...], bool]
) -> list[tuple[int, ...]]:
    """Supports that are no conflicts, decided in integers."""
    refuted = []
    for row in supports:
        support = tuple(int(i) for i in row if i >= 0)
        if support not in known:
            try:
                strict_solution([signed[i] for i in support])
                known[support] = False
            except Infeasible:
                known[support] = True
        if not known[support]:
            refuted.append(support)
    return sorted(set(refuted))


def conflicts(
    problem: Problem,
    limits: Limits | None = None,
    incumbent: Found | None = None,
    confirm_all: bool = False,
) -> Found:
    """Maximize over the cells by conflict search, coordinate by coordinate.

    Parameters
    ----------
    problem : Problem
    limits : Limits, optional
    incumbent : Found, optional
        A cell to start from; otherwise local search finds one.
    confirm_all : bool
        Check every conflict in integers, also those that the floats' error bounds confirm.
    """
    from landscape.seminorm import _kernels_conflicts as kernels

    limits = limits or Limits()
    k, d = problem.shape
    best = incumbent
    if best is None:
        # Few hyperplanes are searched faster than climbed.
        patience = 10 if k < 64 else 20
        best = climb(problem, n_starts=min(8, 1 + k // 16), patience=patience, limits=limits)
    norms = np.sqrt((problem.rows * problem.rows).sum(axis=1))
    upper = best.lower
    complete = True
    for j in np.argsort(-problem.bounds, kind="stable"):
        ceiling = float(problem.bounds[j])
        if ceiling <= best.lower + problem.tolerance:
            break
        weights = problem.weights[:, j]
        index = np.flatnonzero(weights)
        signs = np.sign(weights[index])
        Y = np.ascontiguousarray(signs[:, None] * problem.rows[index])
        units = Y / norms[index, None]
        signed: list[IntVector] | None = None
        known: dict[tuple[int, ...], bool] = {}
        banned = np.full((0, d + 2), -1, dtype=np.int32)
        bound, decided = 0.0, False
        for _ in range(REPEATS):
            point = np.zeros(d)
            with alarm(limits) as stop:
                _, bound, decided, nodes, pending = call(
                    kernels.search,
                    Y,
                    units,
                    np.abs(weights[index]),
                    ceiling - best.lower,
                    problem.tolerance,
                    limits.remaining_nodes,
                    banned,
                    stop,
                    point,
                    confirm_all,
                    work=1e-5 * len(Y) ** 2 * d,
                    stop=7,
                )
            limits.nodes += int(nodes)
            if point.any():
                found = at_point(problem, point, "conflicts")
                if found is not None and found.lower > best.lower:
                    best = found
            refuted: list[tuple[int, ...]] = []
            if len(pending):
                if signed is None:
                    signed = coordinate_problem(problem, int(j))[2]
                refuted = confirm(np.unique(pending, axis=0), signed, known)
            if not refuted:
                break
            bound, decided = 0.0, False
            rows = np.full((len(refuted), d + 2), -1, dtype=np.int32)
            for b, support in enumerate(refuted):
                rows[b, : len(support)] = support
            banned = np.vstack([banned, rows])
        if not decided and not limits.exhausted:
            # Cells too thin for floats decide here.
            return reference(problem, limits, best)
        complete &= decided
        upper = max(upper, best.lower if decided else ceiling - bound)
    upper = max(upper, best.lower)
    return Found(best.lower, upper, best.pattern, best.point, complete, "conflicts")
