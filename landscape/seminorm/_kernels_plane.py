"""Sweeping the angle in a plane: the best sector between sorted lines.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_sort import order_lines

EPS = 2.220446049250313e-16


def line_keys(rows, keys, turns):
    """What orders the lines ``<row, x> = 0`` by the angle in [0, pi) of their upper rays.

    Minus the angle's cotangent, least for angle zero; and a number that is positive where the row
    is positive just before its ray, clockwise.
    """
    for h in range(len(rows)):
        a, b = rows[h, 0], rows[h, 1]
        keys[h] = min(max(b / a, -1e300), 1e300) if abs(a) > 0.0 else -1e300
        turns[h] = a if abs(a) > 0.0 else -b


def sort_lines(rows, order, close):
    """Order of the lines ``<row, x> = 0`` by angle in [0, pi), of their rays above the axis.

    ``close[t]`` says that floats cannot order line t and the next one; whether any is so.
    """
    k = len(rows)
    scratch, numbers = np.empty((3, k)), np.empty((2, k + 2), dtype=np.int64)
    keys, ordered = scratch[0], scratch[1]
    line_keys(rows, keys, scratch[2])
    order_lines(keys, k, numbers[0], numbers[1], order, ordered)
    some = False
    for t in range(k - 1):
        low, high = ordered[t], ordered[t + 1]
        # Quotients are rounded once, or overflow, or lose digits near zero.
        close[t] = not (high - low > 4 * EPS * max(abs(low), abs(high)) + 1e-300)
        some = some or close[t]
    return some


def in_fours(weights):
    """Weights (k, q) as (q / 4 rounded up, k, 4), padded with zeros."""
    k, q = weights.shape
    fours = np.zeros(((q + 3) // 4, k, 4))
    for h in range(k):
        for j in range(q):
            fours[j // 4, h, j % 4] = weights[h, j]
    return fours


def sweep_gaps(turns, fours, index, order, n, middle, reach, values, best):
    """Best value over the gaps between n lines in angular order, if it exceeds ``best``.

    The gradients at x and -x are ``middle`` plus and minus a g: one is a line's weight more or less
    with each step. Four coordinates at a time, so that they stay in registers.

    Parameters
    ----------
    turns : (k,) positive where the hyperplane is positive before its ray
    fours : weights, see `in_fours`
    index, order : hyperplane ``index[order[t]]`` is line t
    middle, reach : (4 len(fours),) gradients without the lines, and what they and signs that are
        free add to the size of g; -inf where there is no coordinate
    values : (n,) scratch

    Returns
    -------
    best, position : the gap before line ``position``; -1 if none is better
    """
    position = -1
    for block in range(len(fours)):
        weights, c = fours[block], 4 * block
        g0, g1, g2, g3 = -middle[c], -middle[c + 1], -middle[c + 2], -middle[c + 3]
        r0, r1, r2, r3 = reach[c], reach[c + 1], reach[c + 2], reach[c + 3]
        for t in range(n):
            h = index[order[t]]
            if turns[h] > 0:
                g0 += weights[h, 0]
                g1 += weights[h, 1]
                g2 += weights[h, 2]
                g3 += weights[h, 3]
        for t in range(n):
            value = max(max(abs(g0) + r0, abs(g1) + r1), max(abs(g2) + r2, abs(g3) + r3))
            if block > 0:
                value = max(value, values[t])
            if block < len(fours) - 1:
                values[t] = value
            elif value > best:
                best = value
                position = t
            h = index[order[t]]
            s = -1.0 if turns[h] > 0 else 1.0
            g0 += s * weights[h, 0]
            g1 += s * weights[h, 1]
            g2 += s * weights[h, 2]
            g3 += s * weights[h, 3]
    return best, position


def sweep(rows, weights, offset, total, order, pattern):
    """The best sector: between line ``best`` in the order and the one before it.

    ``pattern`` receives the sides there; the antipodal sector may be the better one.
    """
    k, q = weights.shape
    keys, turns = np.empty(k), np.empty(k)
    line_keys(rows, keys, turns)
    fours = in_fours(weights)
    middle, reach = np.zeros(4 * len(fours)), np.full(4 * len(fours), -np.inf)
    for j in range(q):
        reach[j] = abs(0.5 * total[j])
        middle[j] = 0.5 * total[j] - offset[j]
    _, best = sweep_gaps(turns, fours, np.arange(k), order, k, middle, reach, keys, -1.0)
    for h in range(k):
        pattern[h] = turns[h] > 0
    for t in range(best):
        pattern[order[t]] = not pattern[order[t]]
    return best
