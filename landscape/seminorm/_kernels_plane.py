"""The angular sweep of `_closed.plane`: sorted lines and the best sector between two of them.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_prepare import stable_order

EPS = 2.220446049250313e-16


def sort_lines(rows, order, close):
    """Order of the lines ``<row, x> = 0`` by angle in [0, pi), of their rays above the axis.

    ``close[t]`` says that floats cannot order line t and the next one; whether any is so.
    """
    k = len(rows)
    keys = np.empty(k)
    for h in range(k):
        # Minus the angle's cotangent; the line of angle zero comes first.
        keys[h] = -np.inf if rows[h, 0] == 0 else rows[h, 1] / rows[h, 0]
    order[:] = stable_order(keys)
    some = False
    for t in range(k - 1):
        low, high = keys[order[t]], keys[order[t + 1]]
        gap, size = high - low, max(abs(low), abs(high))
        # Quotients are rounded once, or overflow, or lose digits near zero.
        close[t] = not (gap > 4 * EPS * size + 1e-300 and gap < np.inf)
        some = some or close[t]
    return some


def sweep(rows, weights, offset, total, order, pattern):
    """The best sector: between line ``best`` in the order and the one before it.

    ``pattern`` receives the sides there; the antipodal sector may be the better one.
    """
    k, q = weights.shape
    gradient = offset.copy()
    for h in range(k):
        # Just before its ray (clockwise) a row with a positive first entry is positive.
        pattern[h] = rows[h, 0] > 0 or (rows[h, 0] == 0 and rows[h, 1] < 0)
        if pattern[h]:
            for j in range(q):
                gradient[j] += weights[h, j]
    best, most = 0, -1.0
    for t in range(k):
        score = 0.0
        for j in range(q):
            score = max(score, abs(gradient[j]), abs(total[j] - gradient[j]))
        if score > most:
            best, most = t, score
        h = order[t]
        for j in range(q):
            gradient[j] += -weights[h, j] if pattern[h] else weights[h, j]
    for t in range(best):
        pattern[order[t]] = not pattern[order[t]]
    return best
