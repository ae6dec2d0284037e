"""Compiled local search along great circles, for a good first cell."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np


def sort_by(keys, order, n):
    """Sort ``keys[:n]``, write their order into ``order[:n]``: quicksort, ties in no fixed order.

    numpy's own would do, but takes numba many seconds to compile.
    """
    for i in range(n):
        order[i] = i
    lows = np.empty(64, np.int64)
    highs = np.empty(64, np.int64)
    lows[0], highs[0] = 0, n - 1
    top = 1
    while top > 0:
        top -= 1
        low, high = lows[top], highs[top]
        while high - low > 16:
            # Median of three, then Hoare's partition; the larger part waits.
            a, b, c = keys[low], keys[(low + high) // 2], keys[high]
            pivot = max(min(a, b), min(max(a, b), c))
            i, j = low, high
            while i <= j:
                while keys[i] < pivot:
                    i += 1
                while keys[j] > pivot:
                    j -= 1
                if i <= j:
                    key, moved = keys[i], order[i]
                    keys[i], order[i] = keys[j], order[j]
                    keys[j], order[j] = key, moved
                    i += 1
                    j -= 1
            if j - low < high - i:
                lows[top], highs[top] = i, high
                high = j
            else:
                lows[top], highs[top] = low, j
                low = i
            top += 1
        for i in range(low + 1, high + 1):
            moved = order[i]
            key = keys[i]
            j = i - 1
            while j >= low and keys[j] > key:
                keys[j + 1] = keys[j]
                order[j + 1] = order[j]
                j -= 1
            keys[j + 1] = key
            order[j + 1] = moved


def best_on_circle(rows, weights, offset, total, x, y, gradient, keys, order, point):
    """Best cell on the circle through x and y; writes a point of it and returns its norm."""
    k, r = rows.shape
    q = weights.shape[1]
    for c in range(q):
        gradient[c] = offset[c]
    xs = np.empty(k)
    for h in range(k):
        s = 0.0
        t = 0.0
        for c in range(r):
            s += rows[h, c] * x[c]
            t += rows[h, c] * y[c]
        xs[h] = s
        keys[h] = t / s if s != 0.0 else 1e300
        if s > 0:
            for c in range(q):
                gradient[c] += weights[h, c]
    sort_by(keys, order, k)
    best = -1.0
    position = 0
    for p in range(k + 1):
        value = 0.0
        for c in range(q):
            value = max(value, abs(gradient[c]), abs(total[c] - gradient[c]))
        if value > best and (p == 0 or p == k or keys[p] > keys[p - 1]):
            best = value
            position = p
        if p < k:
            h = order[p]
            s = -1.0 if xs[h] > 0 else 1.0
            for c in range(q):
                gradient[c] += s * weights[h, c]
    # The middle of the two rays beside the gap; no trigonometry, whose last bits differ.
    low_x, low_y = 1.0, 0.0
    if position > 0:
        low_x, low_y = _ray(keys[position - 1])
    high_x, high_y = -1.0, 0.0
    if position < k:
        high_x, high_y = _ray(keys[position])
    norm = 0.0
    for c in range(r):
        point[c] = (low_x + high_x) * x[c] + (low_y + high_y) * y[c]
        norm += point[c] * point[c]
    norm = np.sqrt(norm)
    if norm > 0:
        for c in range(r):
            point[c] /= norm
    return best


def _ray(key):
    """The unit vector in the upper half-plane whose cotangent is ``-key``."""
    size = max(1.0, abs(key))
    a, b = -key / size, 1.0 / size
    norm = np.sqrt(a * a + b * b)
    return a / norm, b / norm


def climb(rows, weights, offset, total, starts, directions, patience, stop, best_point):
    """Climb from each start along circles in the given directions; returns the best norm.

    Every other direction is a hyperplane's normal: it crosses that hyperplane.
    """
    k, r = rows.shape
    gradient = np.empty(weights.shape[1])
    keys = np.empty(k)
    order = np.empty(k, np.int64)
    point = np.empty(r)
    best = -1.0
    used = 0
    for s in range(starts.shape[0]):
        x = starts[s].copy()
        current = -1.0
        failures = 0
        while failures < patience and stop[0] == 0:
            if used % 2 == 1:
                y = rows[(used * 7919) % k].copy()
            else:
                y = directions[(used // 2) % directions.shape[0]].copy()
            used += 1
            value = best_on_circle(rows, weights, offset, total, x, y, gradient, keys, order, point)
            if value > current * (1 + 1e-12):
                current = value
                x[:] = point
                failures = 0
            else:
                failures += 1
                if value >= current * (1 - 1e-12):
                    x[:] = point
        if current > best:
            best = current
            best_point[:] = x
    return best
