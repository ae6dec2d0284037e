"""Compiled enumeration of two-dimensional flats, see `_flats`."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_sweep import sort_by

EPS = 2.0**-52

#: Rows whose projection on a flat is shorter than this may contain it.
CONTAINS = 1e-7
#: Subsets whose rows are this close to dependent are left to exact arithmetic.
DEPENDENT = 1e-6


def _project(P, n, i, Q, v):
    """Coordinates of all rows in the orthogonal complement of row i; v is the reflector.

    The rows have n coordinates, the first ones of P.
    """
    m = P.shape[0]
    norm = 0.0
    for k in range(n):
        v[k] = P[i, k]
        norm += v[k] * v[k]
    norm = np.sqrt(norm)
    if norm < DEPENDENT:
        return norm
    if v[0] >= 0:
        v[0] += norm
    else:
        v[0] -= norm
    vv = 0.0
    for k in range(n):
        vv += v[k] * v[k]
    scale = np.sqrt(2.0 / vv)
    for k in range(n):
        v[k] *= scale
    for r in range(m):
        s = 0.0
        for k in range(n):
            s += v[k] * P[r, k]
        for k in range(1, n):
            Q[r, k - 1] = P[r, k] - s * v[k]
    return norm


def _lift(a, b, reflectors, d, x):
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


def _value(G, rest, plus, minus, q):
    """Largest |gradient| over x and -x and the free signs: G plus sums of free weights."""
    best = -1.0
    for k in range(q):
        other = rest[k] - G[k]
        high = max(G[k], other) + plus[k]
        low = -min(G[k], other) - minus[k]
        best = max(best, high, low)
    return best


def search(units, weights, offset, first, last, incumbent, slack, max_items, max_flats, stop):
    """Best cell over the flats whose smallest row number is in ``[first, last)``.

    Parameters
    ----------
    units : (k, d) rows of Euclidean norm one
    weights : (k, q); offset : (q,)
    incumbent, slack : cells that are not better than their sum are of no interest
    max_items : most unresolved places to collect
    max_flats : stop after so many
    stop : (1,) set from outside to interrupt

    Returns
    -------
    best : value of the best cell found, `incumbent` if none is better
    point, free : a point of its two-dimensional face, and the rows it lies on with their sides
    items, bounds : (n, d + 1) places, a point and a radius, where floats cannot tell which cells
        there are, with bounds of their values
    dependent : (n, d - 2) subsets that are dependent or nearly so
    flats, complete
    """
    m, d = units.shape
    q = weights.shape[1]
    levels = d - 2
    total = np.zeros(q)
    for i in range(m):
        for k in range(q):
            total[k] += weights[i, k]
    best = incumbent
    best_point = np.zeros(d)
    best_free = np.full((levels, 2), -1, np.int64)
    items = np.empty((16, d + 1))
    bounds = np.empty(16)
    n_items = 0
    dependent = np.empty((16, levels), np.int64)
    n_dependent = 0
    planes = np.empty((levels, m, d - 1))
    reflectors = np.zeros((levels, d))
    errors = np.zeros(levels + 1)
    errors[0] = 4 * EPS
    plus = np.zeros((levels + 1, q))
    minus = np.zeros((levels + 1, q))
    both = np.zeros((levels + 1, q))
    for k in range(q):
        # The offset counts once, whichever side of the flat's point is taken.
        plus[0, k] = offset[k]
        minus[0, k] = offset[k]
    inside = np.zeros(m, np.uint8)
    chosen = np.full(levels, -1, np.int64)
    following = np.zeros(levels, np.int64)
    following[0] = first
    keys = np.empty(m)
    index = np.empty(m, np.int64)
    order = np.empty(m, np.int64)
    norms = np.empty(m)
    # The rows' coordinates in the flat, turned so that their rays lie in the upper half-plane.
    turned_a = np.empty(m)
    turned_b = np.empty(m)
    sides = np.empty(m)
    G = np.empty(q)
    rest = np.empty(q)
    wide_plus = np.empty(q)
    wide_minus = np.empty(q)
    base = np.empty(q)
    x = np.empty(d)
    unclear = np.zeros(m, np.uint8)
    in_cluster = np.zeros(m, np.uint8)
    flats = 0
    level = 0
    while level >= 0:
        if chosen[level] >= 0:
            inside[chosen[level]] = 0
            chosen[level] = -1
        end = m - (levels - 1 - level)
        if level == 0:
            end = min(end, last)
        i = following[level]
        if i >= end:
            level -= 1
            continue
        if stop[0] != 0 or flats >= max_flats:
            return (
                best,
                best_point,
                best_free,
                items[:n_items],
                bounds[:n_items],
                dependent[:n_dependent],
                flats,
                False,
            )
        following[level] = i + 1
        if level == 0:
            norm = _project(units, d, i, planes[0], reflectors[0])
        else:
            norm = _project(planes[level - 1], d - level, i, planes[level], reflectors[level])
        if norm < DEPENDENT:
            if n_dependent == dependent.shape[0]:
                larger_d = np.empty((2 * n_dependent, levels), np.int64)
                larger_d[:n_dependent] = dependent
                dependent = larger_d
            for t in range(levels):
                dependent[n_dependent, t] = chosen[t] if t < level else -1
            dependent[n_dependent, level] = i
            n_dependent += 1
            continue
        chosen[level] = i
        inside[i] = 1
        errors[level + 1] = errors[level] * (1 + 2 / norm) + 8 * d * EPS
        for k in range(q):
            w = weights[i, k]
            both[level + 1, k] = both[level, k] + w
            plus[level + 1, k] = plus[level, k] + max(w, 0.0)
            minus[level + 1, k] = minus[level, k] + min(w, 0.0)
        if level < levels - 1:
            level += 1
            following[level] = i + 1
            chosen[level] = -1
            continue
        # A flat: sweep the angle.
        flats += 1
        P = planes[levels - 1]
        error = errors[levels]
        contains = max(CONTAINS, 1e5 * error)
        n = 0
        n_containing = 0
        shortest = 1.0
        for k in range(q):
            G[k] = 0.0
            rest[k] = total[k] - both[levels, k]
            wide_plus[k] = plus[levels, k]
            wide_minus[k] = minus[levels, k]
        for r in range(m):
            if inside[r] != 0:
                continue
            a = P[r, 0]
            b = P[r, 1]
            length = np.sqrt(a * a + b * b)
            if length <= contains:
                n_containing += 1
                for k in range(q):
                    w = weights[r, k]
                    rest[k] -= w
                    wide_plus[k] += max(w, 0.0)
                    wide_minus[k] += min(w, 0.0)
                continue
            shortest = min(shortest, length)
            norms[n] = length
            keys[n] = b / a if a != 0.0 else -1e300
            index[n] = r
            side = 1.0 if a > 0 or (a == 0 and b < 0) else -1.0
            sides[n] = side
            turned_a[n] = side * a
            turned_b[n] = side * b
            n += 1
            before = 0.5 * (1.0 + side)
            for k in range(q):
                G[k] += before * weights[r, k]
        if n == 0 or contains > 0.01:
            # Floats say nothing here: everything is open.
            _lift(1.0, 0.0, reflectors, d, x)
            items, bounds, n_items = _push(items, bounds, n_items, x, 2.0, np.inf)
            continue
        sort_by(keys, order, n)
        closeness = 2 * error / shortest + 8 * EPS
        any_unclear = False
        for t in range(n):
            u = order[t - 1] if t > 0 else order[n - 1]
            v = order[t]
            ua = turned_a[u]
            ub = turned_b[u]
            va = turned_a[v]
            vb = turned_b[v]
            cross = ua * vb - ub * va
            unclear[t] = 0
            if n > 1 and abs(cross) <= closeness * (norms[u] * norms[v]):
                # The same line, but is the gap between these two rays the narrow one?
                turn = -1.0 if t == 0 else 1.0
                if turn * (ua * va + ub * vb) > 0:
                    unclear[t] = 1
                    any_unclear = True
        if not any_unclear and n_containing == 0:
            position = -1
            for t in range(n):
                value = _value(G, rest, plus[levels], minus[levels], q)
                if value > best + slack:
                    best = value
                    position = t
                r = index[order[t]]
                s = -sides[order[t]]
                for k in range(q):
                    G[k] += s * weights[r, k]
            if position >= 0:
                _gap(P, index, order, n, position, reflectors, d, best_point)
                for t in range(levels):
                    best_free[t, 0] = chosen[t]
            continue
        # Gaps that are clear; with other hyperplanes through the flat they are only bounds.
        for t in range(n):
            if unclear[t] == 0:
                value = _value(G, rest, wide_plus, wide_minus, q)
                if value > best + slack:
                    if n_containing == 0:
                        best = value
                        _gap(P, index, order, n, t, reflectors, d, best_point)
                        for s_ in range(levels):
                            best_free[s_, 0] = chosen[s_]
                    else:
                        _gap(P, index, order, n, t, reflectors, d, x)
                        radius = 0.0
                        for r in range(m):
                            if inside[r] != 0 or (np.sqrt(P[r, 0] ** 2 + P[r, 1] ** 2) <= contains):
                                s = 0.0
                                for k in range(d):
                                    s += units[r, k] * x[k]
                                radius = max(radius, abs(s))
                        items, bounds, n_items = _push(
                            items, bounds, n_items, x, radius + 10 * error, value
                        )
            r = index[order[t]]
            s = -sides[order[t]]
            for k in range(q):
                G[k] += s * weights[r, k]
        # Rays where several hyperplanes meet, exactly or nearly: their signs are free.
        start = 0
        while start < n and unclear[start] != 0:
            start += 1
        if start == n:
            start = 0
        t = start
        while t < start + n:
            if unclear[t % n] == 0 and unclear[(t + 1) % n] == 0:
                t += 1
                continue
            if unclear[t % n] != 0:
                t += 1
                continue
            # Rays t, ..., stop_at: the gaps between them are unclear.
            stop_at = t
            while unclear[(stop_at + 1) % n] != 0 and stop_at + 1 < start + n:
                stop_at += 1
            for k in range(q):
                base[k] = 0.0
                wide_plus[k] = plus[levels, k]
                wide_minus[k] = minus[levels, k]
            in_cluster[:n] = 0
            for c in range(t, stop_at + 1):
                in_cluster[order[c % n]] = 1
            for r in range(m):
                if inside[r] == 0 and np.sqrt(P[r, 0] ** 2 + P[r, 1] ** 2) <= contains:
                    for k in range(q):
                        wide_plus[k] += max(weights[r, k], 0.0)
                        wide_minus[k] += min(weights[r, k], 0.0)
            # The ray of hyperplane t, in the upper half-plane.
            r = index[order[t % n]]
            a = P[r, 0]
            b = P[r, 1]
            length = norms[order[t % n]]
            ra, rb = -sides[order[t % n]] * b / length, sides[order[t % n]] * a / length
            for k in range(q):
                rest[k] = 0.0
            for u in range(n):
                r = index[u]
                if in_cluster[u] != 0:
                    for k in range(q):
                        wide_plus[k] += max(weights[r, k], 0.0)
                        wide_minus[k] += min(weights[r, k], 0.0)
                else:
                    s = P[r, 0] * ra + P[r, 1] * rb
                    for k in range(q):
                        rest[k] += weights[r, k]
                        if s > 0:
                            base[k] += weights[r, k]
            value = _value(base, rest, wide_plus, wide_minus, q)
            if value > best + slack:
                _lift(ra, rb, reflectors, d, x)
                radius = 0.0
                for u in range(n):
                    if in_cluster[u] != 0:
                        r = index[u]
                        radius = max(radius, abs(P[r, 0] * ra + P[r, 1] * rb))
                for r in range(m):
                    if inside[r] != 0 or np.sqrt(P[r, 0] ** 2 + P[r, 1] ** 2) <= contains:
                        s = 0.0
                        for k in range(d):
                            s += units[r, k] * x[k]
                        radius = max(radius, abs(s))
                items, bounds, n_items = _push(
                    items, bounds, n_items, x, radius + 10 * error, value
                )
            t = stop_at + 1
        if n_items > max_items:
            return (
                best,
                best_point,
                best_free,
                items[:n_items],
                bounds[:n_items],
                dependent[:n_dependent],
                flats,
                False,
            )
    return (
        best,
        best_point,
        best_free,
        items[:n_items],
        bounds[:n_items],
        dependent[:n_dependent],
        flats,
        True,
    )


def _gap(P, index, order, n, position, reflectors, d, x):
    """A point in the middle of the gap before ray number ``position``."""
    r = index[order[position]]
    a, b = P[r, 0], P[r, 1]
    length = np.sqrt(a * a + b * b)
    if a > 0 or (a == 0 and b < 0):
        ha, hb = -b / length, a / length
    else:
        ha, hb = b / length, -a / length
    r = index[order[position - 1]] if position > 0 else index[order[n - 1]]
    a, b = P[r, 0], P[r, 1]
    length = np.sqrt(a * a + b * b)
    if a > 0 or (a == 0 and b < 0):
        la, lb = -b / length, a / length
    else:
        la, lb = b / length, -a / length
    if position == 0:
        la, lb = -la, -lb
    if n == 1:
        # Half a turn: the middle is at a right angle.
        _lift(hb, -ha, reflectors, d, x)
    else:
        _lift(la + ha, lb + hb, reflectors, d, x)


def _push(items, bounds, n_items, x, radius, value):
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
