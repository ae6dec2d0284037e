"""Which method for which problem: the documented rule behind ``method="auto"``.

====================  =====================================================================
rank 1, k = rank      closed form: every sign vector is a cell
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

from __future__ import annotations

import math

from landscape.seminorm import _closed
from landscape.seminorm._cones import cones
from landscape.seminorm._conflicts import conflicts
from landscape.seminorm._flats import Unresolved, flats
from landscape.seminorm._limits import Limits
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, OutOfReach
from landscape.seminorm._reference import reference

METHODS = ("auto", "enumeration", "plane", "flats", "cones", "conflicts", "reference")

#: Rows visited by the flats (number of flats times k) up to which they are chosen, by rank.
#: Some sixty million are visited per second.
FLATS_WORK = {3: 4e6, 4: 1e6, 5: 9e3}
#: Beyond that, the number of hyperplanes from which cones are chosen before conflicts.
CONES_FROM = {3: 0, 4: 0, 5: 121}
#: Rows visited by the flats up to which they replace cones that could not resolve degeneracy.
FLATS_LIMIT = 1e9


def flats_work(k: int, r: int) -> float:
    """Number of rows that enumerating the flats visits."""
    return float(math.comb(k, max(r - 2, 0)) * k)


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
        return _closed.enumeration(problem, limits=limits)
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
    work = flats_work(k, rank)
    if method == "auto":
        if work <= FLATS_WORK.get(rank, 0.0):
            method = "flats"
        elif k >= CONES_FROM.get(rank, math.inf):
            method = "cones"
    if method == "cones":
        try:
            return cones(problem, limits, incumbent)
        except Unresolved:
            method = "flats" if work <= FLATS_LIMIT else "conflicts"
    if method == "flats":
        try:
            return flats(problem, solve, limits, incumbent)
        except Unresolved:
            pass
    return conflicts(problem, limits, incumbent)
