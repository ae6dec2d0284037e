"""Flats where hyperplanes meet in more than general position allows, exactly or nearly.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np


def lift(a, b, reflectors, d, x):
    """The point of R^d with coordinates (a, b) in the flat."""
    levels = d - 2
    x[:] = 0.0
    x[d - 2] = a
    x[d - 1] = b
    for level in range(levels - 1, -1, -1):
        n = d - level
        s = 0.0
        for k in range(n):
            s += reflectors[level, k] * x[level + k]
        for k in range(n):
            x[level + k] -= s * reflectors[level, k]


def gap(turns, a, b, index, order, n, position, reflectors, d, x):
    """A point in the middle of the gap before ray number ``position``."""
    high_a, high_b = _ray(turns, a, b, index[order[position]])
    low_a, low_b = _ray(turns, a, b, index[order[position - 1 if position > 0 else n - 1]])
    if position == 0:
        low_a, low_b = -low_a, -low_b
    if n == 1:
        # Half a turn: the middle is at a right angle.
        lift(high_b, -high_a, reflectors, d, x)
    else:
        lift(low_a + high_a, low_b + high_b, reflectors, d, x)


def _ray(turns, a, b, r):
    """The unit vector of the line of row r in the upper half-plane."""
    length = np.sqrt(a[r] * a[r] + b[r] * b[r])
    if turns[r] > 0:
        return -b[r] / length, a[r] / length
    return b[r] / length, -a[r] / length


def push(items, bounds, n_items, x, radius, value):
    """Append a place that exact arithmetic has to look at."""
    d = x.shape[0]
    if n_items == items.shape[0]:
        larger = np.empty((2 * n_items, d + 1))
        larger[:n_items] = items
        items = larger
        more = np.empty(2 * n_items)
        more[:n_items] = bounds
        bounds = more
    for k in range(d):
        items[n_items, k] = x[k]
    items[n_items, d] = radius
    bounds[n_items] = value
    return items, bounds, n_items + 1


def _value(G, rest, plus, minus):
    """Largest |gradient| over x and -x and the free signs: G plus sums of free weights."""
    best = -1.0
    for k in range(len(G)):
        other = rest[k] - G[k]
        high = max(G[k], other) + plus[k]
        low = -min(G[k], other) - minus[k]
        best = max(best, high, low)
    return best


def _set_free(weights, rows, plus, minus):
    """Count the signs of some rows as free."""
    for r in rows:
        for k in range(weights.shape[1]):
            plus[k] += max(weights[r, k], 0.0)
            minus[k] += min(weights[r, k], 0.0)


def _radius(units, rows, x, least):
    """How far some rows are from the point, and ``least`` at least."""
    radius = least
    for r in rows:
        s = 0.0
        for k in range(len(x)):
            s += units[r, k] * x[k]
        radius = max(radius, abs(s))
    return radius


def sweep_crowds(
    turns, a, b, units, weights, chosen, inside, index, order, n, closeness, error, total,
    plus, minus, reflectors, best, slack, best_point, best_free, items, bounds, n_items,
):  # fmt: skip
    """Sweep a flat that other hyperplanes contain, or where rays are too close for floats.

    There the signs of the hyperplanes that meet are free, which gives a bound; where it exceeds the
    best value, the place is listed. Parameters as in `_kernels_flats.search`.
    """
    m, d = units.shape
    q = weights.shape[1]
    in_plane = np.zeros(m, np.bool_)
    for t in range(n):
        in_plane[index[t]] = True
    n_containing = m - n - len(chosen)
    containing = np.empty(n_containing, np.int64)
    at = 0
    for r in range(m):
        if inside[r] == 0 and not in_plane[r]:
            containing[at] = r
            at += 1
    wide_plus, wide_minus = plus.copy(), minus.copy()
    _set_free(weights, containing, wide_plus, wide_minus)
    G, rest = np.zeros(q), total.copy()
    for r in chosen:
        rest -= weights[r]
    for r in containing:
        rest -= weights[r]
    for t in range(n):
        if turns[index[t]] > 0:
            G += weights[index[t]]
    unclear = np.zeros(n, np.bool_)
    low_a, low_b = _ray(turns, a, b, index[order[n - 1]])
    for t in range(n):
        high_a, high_b = _ray(turns, a, b, index[order[t]])
        if n > 1 and abs(low_a * high_b - low_b * high_a) <= closeness:
            # The same line, but is the gap between these two rays the narrow one?
            turn = -1.0 if t == 0 else 1.0
            unclear[t] = turn * (low_a * high_a + low_b * high_b) > 0
        low_a, low_b = high_a, high_b
    x = np.empty(d)
    # Gaps that are clear; with other hyperplanes through the flat they are only bounds.
    for t in range(n):
        if not unclear[t]:
            value = _value(G, rest, wide_plus, wide_minus)
            if value > best + slack:
                gap(turns, a, b, index, order, n, t, reflectors, d, x)
                if n_containing == 0:
                    best = value
                    best_point[:] = x
                    best_free[:] = chosen
                else:
                    radius = _radius(units, chosen, x, 0.0)
                    radius = _radius(units, containing, x, radius) + 10 * error
                    items, bounds, n_items = push(items, bounds, n_items, x, radius, value)
        r = index[order[t]]
        if turns[r] > 0:
            G -= weights[r]
        else:
            G += weights[r]
    # Rays where several hyperplanes meet, exactly or nearly: their signs are free.
    start = 0
    while start < n and unclear[start]:
        start += 1
    if start == n:
        start = 0
    t = start
    while t < start + n:
        if unclear[t % n] or not unclear[(t + 1) % n]:
            t += 1
            continue
        # Rays t, ..., stop_at: the gaps between them are unclear.
        stop_at = t
        while unclear[(stop_at + 1) % n] and stop_at + 1 < start + n:
            stop_at += 1
        meeting = np.empty(stop_at + 1 - t, np.int64)
        for c in range(t, stop_at + 1):
            meeting[c - t] = index[order[c % n]]
            in_plane[meeting[c - t]] = False
        ray_a, ray_b = _ray(turns, a, b, meeting[0])
        G[:] = 0.0
        rest[:] = 0.0
        for u in range(n):
            r = index[u]
            if in_plane[r]:
                rest += weights[r]
                if a[r] * ray_a + b[r] * ray_b > 0:
                    G += weights[r]
        around_plus, around_minus = wide_plus.copy(), wide_minus.copy()
        _set_free(weights, meeting, around_plus, around_minus)
        value = _value(G, rest, around_plus, around_minus)
        if value > best + slack:
            lift(ray_a, ray_b, reflectors, d, x)
            radius = 0.0
            for u in range(len(meeting)):
                radius = max(radius, abs(a[meeting[u]] * ray_a + b[meeting[u]] * ray_b))
            radius = _radius(units, chosen, x, radius)
            radius = _radius(units, containing, x, radius) + 10 * error
            items, bounds, n_items = push(items, bounds, n_items, x, radius, value)
        for u in range(len(meeting)):
            in_plane[meeting[u]] = True
        t = stop_at + 1
    return best, items, bounds, n_items
