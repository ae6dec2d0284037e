"""Which method for which problem: the documented rule behind ``method="auto"``.

====================  =====================================================================
rank 1, k = rank      closed form: every sign vector is a cell
jumps of one sign     closed form: a unit vector satisfies every constraint
rank 2                angular sweep, O(k log k)
rank 3                flats, O(k^2 log k)
rank 4, 5             flats while ``C(k, r - 2) k`` is small (see `FLATS_WORK`), else conflicts
rank 6 and more       conflicts
====================  =====================================================================

k is the number of different hyperplanes where the gradient jumps, the rank is theirs. The
thresholds come from ``benchmarks/seminorm``.
"""

from __future__ import annotations

from math import comb

from landscape.seminorm import _closed
from landscape.seminorm._conflicts import conflicts
from landscape.seminorm._flats import Unresolved, flats
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, OutOfReach
from landscape.seminorm._reference import Limits, reference

METHODS = ("auto", "enumeration", "plane", "flats", "conflicts", "reference")

#: Rows visited by the flats (number of flats times k) up to which they are preferred to conflicts,
#: by rank. About ten million are visited per second.
FLATS_WORK = {3: float("inf"), 4: 3e8, 5: 3e6}


def flats_work(k: int, r: int) -> float:
    """Number of rows that enumerating the flats visits."""
    return float(comb(k, r - 2) * k)


def solve(
    problem: Problem,
    *,
    method: str = "auto",
    limits: Limits | None = None,
    jumps_parallel: bool = False,
    incumbent: Found | None = None,
) -> Found:
    """Maximize over the cells of a problem.

    Parameters
    ----------
    problem : Problem
    method : str
        One of `METHODS`.
    limits : Limits, optional
    jumps_parallel : bool
        Whether every weight vector is a multiple of its row, as in a network.
    incumbent : Found, optional
        A cell that is known; only better ones are of interest, and it is returned if there are
        none. Methods that look at all cells anyway ignore it.
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    k, rank = problem.shape
    if method == "enumeration":
        return _closed.enumeration(problem)
    found = _closed.independent(problem)
    if found is None and method == "auto":
        found = _closed.one_signed(problem, jumps_parallel)
    if found is not None:
        return found
    if method == "reference":
        return reference(problem, limits, incumbent)
    if method == "plane" or rank == 2:
        if rank > 2:
            raise OutOfReach(f"method 'plane' needs rank 2, the network has rank {rank}")
        return _closed.plane(problem)
    if method == "flats" or (
        method == "auto" and rank in FLATS_WORK and flats_work(k, rank) <= FLATS_WORK[rank]
    ):
        try:
            return flats(problem, solve, limits, incumbent)
        except Unresolved:
            # Nearly dependent hyperplanes: conflicts are decided exactly where floats cannot.
            pass
    return conflicts(problem, limits, incumbent)
