"""Compiled local search along great circles, for a good first cell."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True, error_model="numpy")
def sort_by(keys, order, n):
    """Write into ``order[:n]`` the order of ``keys[:n]``: quicksort, ties in no fixed order.

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
            middle = (low + high) // 2
            a, b, c = keys[order[low]], keys[order[middle]], keys[order[high]]
            pivot = max(min(a, b), min(max(a, b), c))
            i, j = low, high
            while i <= j:
                while keys[order[i]] < pivot:
                    i += 1
                while keys[order[j]] > pivot:
                    j -= 1
                if i <= j:
                    order[i], order[j] = order[j], order[i]
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
            key = keys[moved]
            j = i - 1
            while j >= low and keys[order[j]] > key:
                order[j + 1] = order[j]
                j -= 1
            order[j + 1] = moved


@nb.njit(cache=True, nogil=True, error_model="numpy")
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
        if value > best and (p == 0 or p == k or keys[order[p]] > keys[order[p - 1]]):
            best = value
            position = p
        if p < k:
            h = order[p]
            s = -1.0 if xs[h] > 0 else 1.0
            for c in range(q):
                gradient[c] += s * weights[h, c]
    low = np.arctan2(1.0, -keys[order[position - 1]]) if position > 0 else 0.0
    high = np.arctan2(1.0, -keys[order[position]]) if position < k else np.pi
    angle = 0.5 * (low + high)
    norm = 0.0
    for c in range(r):
        point[c] = np.cos(angle) * x[c] + np.sin(angle) * y[c]
        norm += point[c] * point[c]
    norm = np.sqrt(norm)
    if norm > 0:
        for c in range(r):
            point[c] /= norm
    return best


@nb.njit(cache=True, nogil=True, error_model="numpy")
def climb(rows, weights, offset, total, starts, directions, patience, best_point):
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
        while failures < patience:
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
