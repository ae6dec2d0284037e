"""Which method for which problem: the documented rule behind ``method="auto"``."""

from __future__ import annotations

from landscape.seminorm import _closed
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, OutOfReach

METHODS = ("auto", "enumeration", "plane")


def solve(
    problem: Problem,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    jumps_parallel: bool = False,
) -> Found:
    """Maximize over the cells of a problem, see `sobolev_seminorm` for the parameters."""
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if method == "enumeration":
        return _closed.enumeration(problem)
    rank = problem.shape[1]
    found = _closed.independent(problem) or _closed.one_signed(problem, jumps_parallel)
    if found is not None and method == "auto":
        return found
    if method == "plane" or rank == 2:
        if rank > 2:
            raise OutOfReach(f"method 'plane' needs rank 2, the network has rank {rank}")
        return found or _closed.plane(problem)
    return _closed.enumeration(problem)
