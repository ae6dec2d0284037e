"""Seminorms of small networks by one call of a kernel, `_kernels_whole`.

A record of a network with twenty neurons takes a few microseconds to find, less than a dozen calls
of numpy. What floats leave open there, and all that is not small, takes the way of `_problem`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def is_small(m: int, d: int, time_limit: float | None) -> bool:
    """Whether a network of this shape is tried in one call."""
    return _work(m, d) < math.inf and (time_limit is None or time_limit >= LONGEST)


def small_seminorm(weights: Array, outputs: Array, time_limit: float | None) -> Seminorm | None:
    """The record of a network's seminorm, if it is small and floats decide everything."""
    m, d = weights.shape
    if not is_small(m, d, time_limit):
        return None
    result = np.empty(PARTS + 2 * d + m)
    work = _work(m, d)
    found = call(kernels.network, weights, outputs, *_settings(d), result, work=work)
    return None if found == kernels.ELSEWHERE else record_of(found, result, d)


def small_seminorms(networks: Sequence[tuple[Array, Array]]) -> list[Seminorm | None]:
    """The same for many networks of d inputs in one call, outside of the interpreter's lock."""
    d = networks[0][0].shape[1]
    starts = np.zeros(len(networks) + 1, dtype=np.int64)
    np.cumsum([len(outputs) for _, outputs in networks], out=starts[1:])
    rows = np.concatenate([weights for weights, _ in networks])
    factors = np.concatenate([outputs for _, outputs in networks])
    for array in (rows, factors):  # as a network's arrays are: kernels are compiled for those
        array.setflags(write=False)
    found = np.empty(len(networks), dtype=np.int64)
    results = np.empty(len(networks) * (PARTS + 2 * d) + len(rows))
    work = sum(_work(len(outputs), d) for _, outputs in networks)
    call(kernels.networks, rows, factors, starts, *_settings(d), found, results, work=work)
    ends = (starts + np.arange(len(starts)) * (PARTS + 2 * d)).tolist()
    return [
        None if method == kernels.ELSEWHERE else record_of(method, results[start:end], d)
        for method, start, end in zip(found.tolist(), ends[:-1], ends[1:], strict=True)
    ]


@lru_cache(maxsize=64)
def _settings(d: int) -> tuple[Array, Array, float, float, float]:
    """What the kernel takes beside networks of d inputs."""
    tolerances = DIRECTION_TOLERANCE, 2 * DIRECTION_TOLERANCE
    return generic_keys(d), generic_direction(d), *tolerances, _most(d)


def record_of(found: int, result: Array, d: int) -> Seminorm:
    """The record behind a result of the kernel."""
    exponent = int(result[EXPONENT])
    lower = unscaled(float(result[LOWER]), exponent)
    tolerance = unscaled(float(result[TOLERANCE]), exponent)
    coordinate = int(result[COORDINATE])
    return Seminorm(lower, lower, (result, d), coordinate, True, METHODS[found], tolerance)
