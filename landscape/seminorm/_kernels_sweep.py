"""Compiled local search along great circles, for a good first cell."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_sort import order_lines


def best_on_circle(rows, weights, offset, total, x, y, gradient, scratch, numbers, point):
    """Best cell on the circle through x and y; writes a point of it and returns its norm.

    ``scratch`` (3, k) and ``numbers`` (3, k + 2) are for what is sorted.
    """
    k, r = rows.shape
    q = weights.shape[1]
    for c in range(q):
        gradient[c] = offset[c]
    xs, lines, keys = scratch[0], scratch[1], scratch[2]
    order = numbers[0]
    for h in range(k):
        s = 0.0
        t = 0.0
        for c in range(r):
            s += rows[h, c] * x[c]
            t += rows[h, c] * y[c]
        xs[h] = s
        lines[h] = min(max(t / s, -1e300), 1e300) if abs(s) > 0.0 else 1e300
        if s > 0:
            for c in range(q):
                gradient[c] += weights[h, c]
    order_lines(lines, k, numbers[1], numbers[2], order, keys)
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
    scratch = np.empty((3, k))
    numbers = np.empty((3, k + 2), np.int64)
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
            value = best_on_circle(
                rows, weights, offset, total, x, y, gradient, scratch, numbers, point
            )
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
