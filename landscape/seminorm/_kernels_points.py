"""Points of cells: off every hyperplane by more than rounding errors.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

EPS = 2.220446049250313e-16


def settle(rows, point, generic, wanted, positive):
    """Move ``point`` (in place) off the hyperplanes that it is on; whether floats can tell.

    ``wanted[h]`` is 1 or 0 where hyperplane h must have the point on its positive or negative side
    before and after, and -1 where it need not. ``positive`` receives the sides. Hyperplanes that
    the point is clearly not on are not crossed.
    """
    k, r = rows.shape
    largest = 0.0
    for j in range(r):
        largest = max(largest, abs(point[j]))
    if largest > 0:
        for j in range(r):
            point[j] /= largest
    clear = np.empty(k, dtype=np.bool_)
    all_clear, room = True, 2.0
    for attempt in range(2):
        for h in range(k):
            value, size = 0.0, 0.0
            for j in range(r):
                term = rows[h, j] * point[j]
                value += term
                size += abs(term)
            # Products that underflow lose their error bound.
            here = abs(value) > 2 * (r + 2) * EPS * size + 1e-300
            if attempt == 1:
                if not here or (clear[h] and (value > 0) != positive[h]):
                    return False
                positive[h] = value > 0
                continue
            clear[h] = here
            positive[h] = value > 0
            if wanted[h] >= 0 and (not here or (value > 0) != (wanted[h] == 1)):
                return False
            if here:
                slope = 0.0
                for j in range(r):
                    slope += rows[h, j] * generic[j]
                if abs(slope) > 0:
                    room = min(room, abs(value) / abs(slope))
            else:
                all_clear = False
        if all_clear:
            return True
        if attempt == 0:
            # A generic direction, and half as far as the others allow.
            step, largest = 0.5 * min(1.0, room), 0.0
            for j in range(r):
                point[j] += step * generic[j]
                largest = max(largest, abs(point[j]))
            for j in range(r):
                point[j] /= largest
    return True


def beside(rows, weights, offset, point, free, generic, pattern):
    """The best cell at a point where exactly the ``free`` hyperplanes meet.

    Writes its ``pattern``, moves ``point`` into it, and returns whether floats can tell.
    """
    k, r = rows.shape
    q, n = weights.shape[1], len(free)
    gradients = np.zeros((2, q))
    plus, minus = np.zeros(q), np.zeros(q)
    is_free = np.zeros(k, dtype=np.bool_)
    for t in range(n):
        is_free[free[t]] = True
    for h in range(k):
        value = 0.0
        for j in range(r):
            value += rows[h, j] * point[j]
        pattern[h] = value > 0
        for j in range(q):
            if is_free[h]:
                plus[j] += max(weights[h, j], 0.0)
                minus[j] += min(weights[h, j], 0.0)
            elif pattern[h]:
                gradients[0, j] += weights[h, j]
            else:
                gradients[1, j] += weights[h, j]
    best, side, at, down = -1.0, 0, 0, False
    for s in range(2):
        for j in range(q):
            up = gradients[s, j] + offset[j] + plus[j]
            if up > best:
                best, side, at, down = up, s, j, False
            if -(gradients[s, j] + offset[j] + minus[j]) > best:
                best, side, at, down = -(gradients[s, j] + offset[j] + minus[j]), s, j, True
    if side == 1:
        for h in range(k):
            pattern[h] = not pattern[h]
        for j in range(r):
            point[j] = -point[j]
    # The least step with products 1 or -1, by the normal equations.
    gram, right = np.empty((n, n)), np.empty(n)
    for s in range(n):
        pattern[free[s]] = weights[free[s], at] < 0 if down else weights[free[s], at] > 0
        right[s] = 1.0 if pattern[free[s]] else -1.0
        for t in range(n):
            value = 0.0
            for j in range(r):
                value += rows[free[s], j] * rows[free[t], j]
            gram[s, t] = value
    for s in range(n):
        if not gram[s, s] > 1e-14:
            return False
        for t in range(s + 1, n):
            factor = gram[t, s] / gram[s, s]
            right[t] -= factor * right[s]
            for u in range(s, n):
                gram[t, u] -= factor * gram[s, u]
    step = np.zeros(r)
    for s in range(n - 1, -1, -1):
        for t in range(s + 1, n):
            right[s] -= gram[s, t] * right[t]
        right[s] /= gram[s, s]
        for j in range(r):
            step[j] += right[s] * rows[free[s], j]
    room = 1.0
    for h in range(k):
        if not is_free[h]:
            value, slope = 0.0, 0.0
            for j in range(r):
                value += rows[h, j] * point[j]
                slope += rows[h, j] * step[j]
            if abs(slope) > 0:
                room = min(room, abs(value) / abs(slope))
    for j in range(r):
        point[j] += 0.5 * room * step[j]
    wanted = np.empty(k, dtype=np.int8)
    for h in range(k):
        wanted[h] = 1 if pattern[h] else 0
    return settle(rows, point, generic, wanted, is_free)
