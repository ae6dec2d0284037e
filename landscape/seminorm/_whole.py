"""Seminorms of small networks by one call of a kernel, `_kernels_whole`.

A record of a network with twenty neurons takes a few microseconds to find, less than a dozen calls
of numpy. What floats leave open there, and all that is not small, takes the way of `_problem`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import DIRECTION_TOLERANCE
from landscape.seminorm import _kernels_whole as kernels
from landscape.seminorm._points import generic_direction
from landscape.seminorm._portfolio import FLATS_WORK, flats_work
from landscape.seminorm._problem import generic_keys, unscaled
from landscape.seminorm._record import COORDINATE, EXPONENT, LOWER, PARTS, TOLERANCE, Seminorm
from landscape.seminorm._tiers import INTERPRETED, call

Array = NDArray[np.float64]

METHODS = {kernels.PLANE: "plane", kernels.FLATS: "flats"}
#: Rows that its search of flats visits at most: larger ones do not mind some calls of numpy.
MOST_WORK = 3e5
#: Seconds that the largest of these searches takes at most: shorter limits of time are not for it.
LONGEST = 0.1


def _most(d: int) -> float:
    return min(MOST_WORK, FLATS_WORK.get(d, -1.0))


@lru_cache(maxsize=512)
def _work(m: int, d: int) -> float:
    """Seconds of interpreting it, roughly; infinite if the network is not small."""
    if d == 2:
        return 40 * INTERPRETED * m
    work = flats_work(m, d)
    if m <= d or work > _most(d):
        return math.inf
    return 1e-6 * work * (5 + d) + 60 * INTERPRETED * m * d


def small_seminorm(weights: Array, outputs: Array, time_limit: float | None) -> Seminorm | None:
    """The record of a network's seminorm, if it is small and floats decide everything."""
    m, d = weights.shape
    work = _work(m, d)
    if work == math.inf or (time_limit is not None and time_limit < LONGEST):
        return None
    result = np.empty(PARTS + 2 * d + m)
    found = call(
        kernels.network,
        weights,
        outputs,
        generic_keys(d),
        generic_direction(d),
        DIRECTION_TOLERANCE,
        2 * DIRECTION_TOLERANCE,
        _most(d),
        result,
        work=work,
    )
    return None if found == kernels.ELSEWHERE else record_of(found, result, d)


def record_of(found: int, result: Array, d: int) -> Seminorm:
    """The record behind a result of the kernel."""
    exponent = int(result[EXPONENT])
    lower = unscaled(float(result[LOWER]), exponent)
    tolerance = unscaled(float(result[TOLERANCE]), exponent)
    coordinate = int(result[COORDINATE])
    return Seminorm(lower, lower, (result, d), coordinate, True, METHODS[found], tolerance)
