"""Enumeration of two-dimensional flats, see `_flats`.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_crowds import gap, lift, push, sweep_crowds
from landscape.seminorm._kernels_plane import in_fours, sweep_gaps
from landscape.seminorm._kernels_sort import order_lines

EPS = 2.0**-52

#: Rows whose projection on a flat is shorter than this may contain it.
CONTAINS = 1e-7
#: Subsets whose rows are this close to dependent are left to exact arithmetic.
DEPENDENT = 1e-6


def _project(columns, n, i, projected, v, sums):
    """Coordinates of all rows in the orthogonal complement of row i; v is the reflector.

    The rows' n coordinates are the first n ``columns``, an array each, which vectorizes.
    """
    m = columns.shape[1]
    norm = 0.0
    for k in range(n):
        v[k] = columns[k, i]
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
        sums[r] = v[0] * columns[0, r]
    for k in range(1, n):
        for r in range(m):
            sums[r] += v[k] * columns[k, r]
    for k in range(1, n):
        for r in range(m):
            projected[k - 1, r] = columns[k, r] - sums[r] * v[k]
    return norm


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
    point, free : a point of its two-dimensional face, and the rows it lies on
    items, bounds : (n, d + 1) places, a point and a radius, where floats cannot tell which cells
        there are, with bounds of their values
    dependent : (n, d - 2) subsets that are dependent or nearly so
    flats, complete
    """
    m, d = units.shape
    q = weights.shape[1]
    levels = d - 2
    best = incumbent
    best_point = np.zeros(d)
    best_free = np.full(levels, -1, np.int64)
    items = np.empty((16, d + 1))
    bounds = np.empty(16)
    n_items = 0
    dependent = np.empty((16, levels), np.int64)
    n_dependent = 0
    columns = np.empty((d, m))
    total = np.zeros(q)
    for i in range(m):
        for k in range(d):
            columns[k, i] = units[i, k]
        for k in range(q):
            total[k] += weights[i, k]
    planes = np.empty((levels, d - 1, m))
    reflectors = np.zeros((levels, d))
    errors = np.zeros(levels + 1)
    errors[0] = 4 * EPS
    # Sums of all weights of the chosen rows, of the positive and of the negative ones.
    both = np.zeros((levels + 1, q))
    plus = np.zeros((levels + 1, q))
    minus = np.zeros((levels + 1, q))
    for k in range(q):
        # The offset counts once, whichever side of the flat's point is taken.
        plus[0, k] = offset[k]
        minus[0, k] = offset[k]
    inside = np.zeros(m, np.uint8)
    chosen = np.full(levels, -1, np.int64)
    following = np.zeros(levels, np.int64)
    following[0] = first
    scratch = np.empty((5, m))
    lengths, cotangents, turns = scratch[0], scratch[1], scratch[2]
    keys, ordered = scratch[3], scratch[4]
    numbers = np.empty((4, m + 2), np.int64)
    index, order, places, heads = numbers[0], numbers[1], numbers[2], numbers[3]
    fours = in_fours(weights)
    middle, reach = np.zeros(4 * len(fours)), np.full(4 * len(fours), -np.inf)
    x = np.empty(d)
    flats = 0
    level = 0
    complete = True
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
        if stop[0] != 0 or flats >= max_flats or n_items > max_items:
            complete = False
            break
        following[level] = i + 1
        if level == 0:
            norm = _project(columns, d, i, planes[0], reflectors[0], lengths)
        else:
            norm = _project(
                planes[level - 1], d - level, i, planes[level], reflectors[level], lengths
            )
        if norm < DEPENDENT:
            if n_dependent == dependent.shape[0]:
                larger = np.empty((2 * n_dependent, levels), np.int64)
                larger[:n_dependent] = dependent
                dependent = larger
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
            continue
        # A flat: sweep the angle.
        flats += 1
        a, b = planes[level, 0], planes[level, 1]
        error = errors[levels]
        contains = max(CONTAINS, 1e5 * error)
        for r in range(m):
            lengths[r] = a[r] * a[r] + b[r] * b[r]
            flat = abs(a[r]) <= 1e-300
            # Just before its ray (clockwise) a row is positive where this is.
            turns[r] = -b[r] if flat else a[r]
            cotangents[r] = -1e300 if flat else b[r] / a[r]
        n = 0
        shortest = 1.0
        for r in range(m):
            if lengths[r] > contains * contains:
                index[n] = r
                keys[n] = cotangents[r]
                shortest = min(shortest, lengths[r])
                n += 1
        if n == 0 or contains > 0.01:
            # Floats say nothing here: everything is open.
            lift(1.0, 0.0, reflectors, d, x)
            items, bounds, n_items = push(items, bounds, n_items, x, 2.0, np.inf)
            continue
        order_lines(keys, n, places, heads, order, ordered)
        closeness = 2 * error / np.sqrt(shortest) + 12 * EPS
        crowded = n < m - levels
        low = ordered[n - 1]
        for t in range(n):
            high = ordered[t]
            # The sine of the angle between them; the size of a ray is at most one plus its key.
            clear = closeness * ((1.0 + abs(low)) * (1.0 + abs(high)))
            crowded |= abs(high - low) <= clear
            low = high
        for k in range(q):
            middle[k] = 0.5 * (total[k] - both[levels, k])
            reach[k] = max(middle[k] + plus[levels, k], -middle[k] - minus[levels, k])
        if crowded:
            best, items, bounds, n_items = sweep_crowds(
                turns, a, b, units, weights, chosen, inside, index, order, n, closeness, error,
                total, plus[levels], minus[levels], reflectors, best, slack, best_point, best_free,
                items, bounds, n_items,
            )  # fmt: skip
            continue
        value, position = sweep_gaps(
            turns, fours, index, order, n, middle, reach, lengths, best + slack
        )
        if position >= 0:
            best = value
            gap(turns, a, b, index, order, n, position, reflectors, d, best_point)
            for t in range(levels):
                best_free[t] = chosen[t]
    return (
        best,
        best_point,
        best_free,
        items[:n_items],
        bounds[:n_items],
        dependent[:n_dependent],
        flats,
        complete,
    )
