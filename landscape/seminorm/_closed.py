"""Closed forms, the plane, and the exact enumeration that everything else is compared with."""

from __future__ import annotations

import math
from functools import cmp_to_key

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import TooManyCells
from landscape.arrangement._enumeration import Interrupted, enumerate_cells
from landscape.arrangement._integers import IntVector, integer_vector
from landscape.seminorm import _kernels_plane as kernels
from landscape.seminorm._limits import Limits
from landscape.seminorm._local import at_known
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, OutOfReach, Pattern
from landscape.seminorm._tiers import INTERPRETED, call

Array = NDArray[np.float64]

#: Above this number of cells the exact enumeration takes more than about a minute.
CELL_LIMIT = 200_000


def independent(problem: Problem) -> Found | None:
    """``rank = k``: every sign vector is a cell, so each coordinate reaches its bound."""
    k, r = problem.shape
    if k > r:
        return None
    if k == 0:
        value = float(np.abs(problem.offset).max(initial=0.0))
        return Found(value, value, np.zeros(0, dtype=bool), np.zeros(0), True, "linear")
    j = int(problem.bounds.argmax())
    weights = problem.weights[:, j]
    top = problem.offset[j] + problem.positive[j] >= -problem.offset[j] - problem.negative[j]
    pattern = weights > 0 if top else weights < 0
    ones = np.where(pattern, 1.0, -1.0)
    point: Array | None
    try:
        point = np.asarray(np.linalg.solve(problem.rows, ones), dtype=np.float64)
    except np.linalg.LinAlgError:
        # Independent, but only in exact arithmetic.
        point = None
    value = problem.norm(pattern)
    return Found(value, value, pattern, point, True, "independent")


def one_signed(problem: Problem, jumps_parallel: bool) -> Found | None:
    """All jumps of one sign: the unit vector e_j has every weight of coordinate j positive.

    Only where each weight vector is a multiple of its row (``jumps_parallel``): networks.
    """
    k, r = problem.shape
    if not jumps_parallel or k == 0 or problem.weights.shape[1] != r:
        return None
    jumps = np.einsum("ij,ij->i", problem.rows, problem.weights)
    if jumps.min() < 0 < jumps.max():
        return None
    at = np.abs(problem.rows).argmax(axis=1)
    index = np.arange(k)
    signs = np.sign(problem.rows[index, at]) * np.sign(problem.weights[index, at])
    if not (np.all(signs == 1) or np.all(signs == -1)):
        return None
    j = int(problem.bounds.argmax())
    weights, column = problem.weights[:, j], problem.rows[:, j]
    if not np.array_equal(np.sign(weights), signs * np.sign(column)):
        return None
    top = problem.offset[j] + problem.positive[j] >= -problem.offset[j] - problem.negative[j]
    direction = signs[0] if top else -signs[0]
    # e_j decides the rows with an entry there; any small generic vector the others.
    generic = np.cos(1.0 + 3.0 * np.arange(r) ** 2)
    slopes = np.abs(problem.rows @ generic)
    decided = np.abs(column) > 0
    step = 0.5 * min(1.0, float((np.abs(column[decided]) / slopes[decided]).min(initial=1.0)))
    point = step * generic
    point[j] += direction
    pattern = problem.rows @ point > 0
    pattern[decided] = column[decided] * direction > 0
    value = problem.norm(pattern)
    return Found(value, value, pattern, point, True, "one sign")


def plane(problem: Problem) -> Found:
    """Rank 2: sort the hyperplanes' angles and sweep, O(k log k)."""
    k, r = problem.shape
    if r != 2:
        raise OutOfReach("the angular sweep needs rank 2")
    rows, weights = problem.rows, problem.weights
    order = _sorted_lines(rows)
    pattern = np.empty(k, dtype=bool)
    best = call(
        kernels.sweep,
        rows,
        weights,
        problem.offset,
        problem.total,
        order,
        pattern,
        work=4 * INTERPRETED * weights.size,
    )

    high, low = _ray(rows[order[best]]), _ray(rows[order[best - 1]])
    if best == 0:
        low = (-low[0], -low[1])
    point: Array | tuple[int, ...]
    sizes = math.hypot(*low), math.hypot(*high)
    if abs(low[0] * high[1] - low[1] * high[0]) > 1e-12 * sizes[0] * sizes[1]:
        point = np.array([x / sizes[0] + y / sizes[1] for x, y in zip(low, high, strict=True)])
    else:
        # Too thin for floats: the exact sum of the two rays.
        one, two = integer_vector(low), integer_vector(high)
        point = (one[0] + two[0], one[1] + two[1])
    value, other = problem.norm(pattern), problem.norm(~pattern)
    if other > value:
        pattern, value = ~pattern, other
        point = (-point[0], -point[1]) if isinstance(point, tuple) else -point
    return Found(value, value, pattern, point, True, "plane")


def _sorted_lines(rows: Array) -> NDArray[np.intp]:
    """Order of the lines ``<row, x> = 0`` by angle in [0, pi); close ones compared exactly."""
    k = len(rows)
    order, close = np.empty(k, dtype=np.intp), np.zeros(k, dtype=bool)
    if not call(kernels.sort_lines, rows, order, close, work=6 * INTERPRETED * k):
        return order
    # Runs of close lines, sorted by exact cross products.
    ties = np.flatnonzero(close)
    breaks = np.flatnonzero(np.diff(ties) > 1) + 1
    for run in np.split(ties, breaks):
        span = slice(int(run[0]), int(run[-1]) + 2)
        exact = [(integer_vector(_ray(rows[i])), i) for i in order[span].tolist()]
        exact.sort(key=cmp_to_key(_clockwise))
        order[span] = [i for _, i in exact]
    return order


def _ray(row: Array) -> tuple[float, float]:
    """The ray of the line ``<row, x> = 0`` with angle in [0, pi)."""
    x, y = row.tolist()
    return (-y, x) if x > 0 or (x == 0 and y < 0) else (y, -x)


def _clockwise(first: tuple[IntVector, int], second: tuple[IntVector, int]) -> int:
    """Negative where the first ray comes before the second, anticlockwise."""
    (a, b), (c, d) = first[0], second[0]
    return b * c - a * d


def enumeration(
    problem: Problem, limit: int | None = CELL_LIMIT, limits: Limits | None = None
) -> Found:
    """All cells in exact arithmetic: slow, and right on every input.

    An incomplete enumeration says nothing: if the limits stop it, the interval is the trivial one.

    Raises
    ------
    OutOfReach
        If there are more than ``limit`` cells.
    """
    k, r = problem.shape
    if limit is not None and 2**r > limit:
        # r independent hyperplanes alone have that many.
        raise OutOfReach(f"enumeration: at least 2^{r} cells")
    try:
        cells = enumerate_cells(
            problem.exact_rows, r, limit, None if limits is None else limits.step
        )
    except Interrupted:
        some = at_known(problem)
        ceiling = float(problem.bounds.max())
        return Found(some.lower, ceiling, some.pattern, some.point, False, "enumeration")
    except TooManyCells as error:
        raise OutOfReach(f"enumeration: {error}") from None
    keys = sorted(cells)
    best, best_key = -1.0, keys[0]
    for start in range(0, len(keys), 50_000):
        chunk = keys[start : start + 50_000]
        norms = np.abs(problem.gradients(unpack(chunk, k))).max(axis=1)
        i = int(norms.argmax())
        if norms[i] > best:
            best, best_key = float(norms[i]), chunk[i]
    pattern = unpack([best_key], k)[0]
    value = problem.norm(pattern)
    return Found(value, value, pattern, cells[best_key], True, "enumeration")


def unpack(keys: list[int], k: int) -> Pattern:
    """Integers whose bit h is the side of hyperplane h, as a bool array (n, k)."""
    n_bytes = (k + 7) // 8
    data = b"".join(key.to_bytes(n_bytes, "little") for key in keys)
    raw = np.frombuffer(data, dtype=np.uint8).reshape(len(keys), n_bytes)
    return np.unpackbits(raw, axis=1, count=k, bitorder="little").astype(bool)
