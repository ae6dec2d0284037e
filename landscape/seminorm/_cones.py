"""Branch and bound over simplicial cones, for three to five inputs and many neurons.

A hyperplane that misses the interior of a cone is decided there; the others are free in the
bound. Cones are split where the median hyperplane crosses the edge that most of them cross. By
antipodal symmetry one half-space is enough.

Cones touch hyperplanes at their vertices all the time, so floats must know exact zeros from
small values. Vertices are therefore defined as crossings, which makes their hyperplanes' values
exact zeros, and the rounding error of all other values is tracked. Where more hyperplanes meet in
a vertex than were split there (degenerate networks), floats cannot decide: such places are left out
and bounded, and if their bound exceeds the best cell, `Unresolved` is raised.
"""

from __future__ import annotations

import numpy as np

from landscape.seminorm._flats import Unresolved
from landscape.seminorm._limits import Limits, alarm
from landscape.seminorm._local import at_point, climb
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found
from landscape.seminorm._tiers import call


def cones(problem: Problem, limits: Limits | None = None, incumbent: Found | None = None) -> Found:
    """Maximize over the cells by splitting cones.

    Raises
    ------
    Unresolved
        If degenerate places stay open.
    """
    from landscape.seminorm import _kernels_cones as kernels

    limits = limits or Limits()
    best = climb(problem, limits=limits) if incumbent is None else incumbent
    point = np.zeros(problem.shape[1])
    with alarm(limits) as stop:
        _, bound, complete, nodes = call(
            kernels.search,
            problem.rows,
            problem.weights,
            problem.offset,
            problem.total,
            float(best.lower),
            problem.tolerance,
            min(limits.remaining_nodes, 2**62),
            stop,
            point,
            work=np.inf,
        )
    limits.nodes += int(nodes)
    if point.any():
        found = at_point(problem, point, "cones")
        if found is not None and found.lower > best.lower:
            best = found
    bound = min(float(bound), float(problem.bounds.max()))
    if complete and bound > best.lower + 2 * problem.tolerance:
        raise Unresolved("degenerate places")
    upper = best.lower if complete else max(best.lower, bound)
    return Found(best.lower, upper, best.pattern, best.point, bool(complete), "cones")
