"""Kernels of the search over two-dimensional flats, see `_flats`."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
import numpy as np

from landscape._kernels import add
from landscape.compiled import compiled
from landscape.seminorm._kernels import (
    EPS,
    center,
    gap,
    in_fours,
    line_keys,
    order_lines,
    ray,
    sweep_gaps,
)

#: Rows whose projection on a flat is shorter than this may contain it.
CONTAINS = 1e-7
#: Subsets whose rows are this close to dependent are left to exact arithmetic.
DEPENDENT = 1e-6


@compiled
def _project(columns, n, i, projected, v, sums):
    """Coordinates of all rows in the orthogonal complement of row i; v is the reflector.

    The rows' n coordinates are the first n ``columns``, an array each, which vectorizes.
    """
    norm = 0.0
    for k in range(n):
        v[k] = columns[k, i]
        norm += v[k] * v[k]
    norm = np.sqrt(norm)
    if norm < DEPENDENT:
        return norm
    v[0] += norm if v[0] >= 0 else -norm
    vv = 0.0
    for k in range(n):
        vv += v[k] * v[k]
    scale = np.sqrt(2.0 / vv)
    for k in range(n):
        v[k] *= scale
    for r in range(columns.shape[1]):
        sums[r] = v[0] * columns[0, r]
    for k in range(1, n):
        for r in range(columns.shape[1]):
            sums[r] += v[k] * columns[k, r]
    for k in range(1, n):
        for r in range(columns.shape[1]):
            projected[k - 1, r] = columns[k, r] - sums[r] * v[k]
    return norm


@compiled
def _lift(a, b, reflectors, x):
    """The point of R^d with coordinates (a, b) in the flat."""
    d = len(x)
    x[:] = 0.0
    x[d - 2], x[d - 1] = a, b
    for level in range(d - 3, -1, -1):
        s = 0.0
        for k in range(d - level):
            s += reflectors[level, k] * x[level + k]
        for k in range(d - level):
            x[level + k] -= s * reflectors[level, k]


@compiled
def search(
    rows, weights, offset, incumbent, slack, max_flats, stop, places, dependent, pattern
):  # fmt: skip
    """Best cell over all flats, of those that are better than ``incumbent + slack``.

    Returns its value, `incumbent` if there is none; how many ``places`` (d + 2 numbers: a point, a
    radius, a bound of the values) floats could not decide; how many ``dependent`` subsets (d - 2
    numbers of rows, padded with -1) have no flat, or nearly so; the number of flats; and whether
    the search is complete: it ends early where an output is full. ``pattern`` receives the best
    cell's sides.
    """
    m, d = rows.shape
    q, levels = weights.shape[1], d - 2
    units = np.empty((m, d))
    for i in range(m):
        length = 0.0
        for j in range(d):
            length += rows[i, j] * rows[i, j]
        for j in range(d):
            units[i, j] = rows[i, j] / np.sqrt(length)
    best, complete = incumbent, True
    point, free = np.zeros(d), np.full(levels, -1, np.int64)
    n_places, n_dependent, flats = 0, 0, 0
    columns, planes = units.T.copy(), np.empty((levels, d - 1, m))
    reflectors, errors = np.zeros((levels, d)), np.zeros(levels + 1)
    errors[0] = 4 * EPS
    # Sums of the weights of the rows that are not chosen, and of the positive and the negative
    # ones of those that are; the offset counts once, whichever side of a flat's point is taken.
    sums = np.zeros((3, levels + 1, q))
    rest, plus, minus = sums[0], sums[1], sums[2]
    add(1.0, offset, plus[0])
    add(1.0, offset, minus[0])
    for i in range(m):
        add(1.0, weights[i], rest[0])
    chosen, following = np.full(levels, -1, np.int64), np.zeros(levels, np.int64)
    following[0] = 2  # a cell has d facets at least, so it has a flat without the first two rows
    values, turns, keys, ordered = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    index, order, lines = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
    scratch = np.empty((2, m + 2), np.int64)
    fours, middle, reach = in_fours(weights)
    level = 0
    while level >= 0:
        chosen[level] = -1
        i = following[level]
        if i >= m - (levels - 1 - level):
            level -= 1
            continue
        full = n_places + 2 * m > len(places) or n_dependent == len(dependent)
        if stop[0] != 0 or flats >= max_flats or full:
            complete = False
            break
        following[level] = i + 1
        source = columns if level == 0 else planes[level - 1]
        norm = _project(source, d - level, i, planes[level], reflectors[level], values)
        chosen[level] = i
        if norm < DEPENDENT:
            for t in range(levels):
                dependent[n_dependent, t] = chosen[t]
            n_dependent += 1
            continue
        errors[level + 1] = errors[level] * (1 + 2 / norm) + 8 * d * EPS
        for k in range(q):
            w = weights[i, k]
            rest[level + 1, k] = rest[level, k] - w
            plus[level + 1, k] = plus[level, k] + max(w, 0.0)
            minus[level + 1, k] = minus[level, k] + min(w, 0.0)
        if level < levels - 1:
            level += 1
            following[level] = i + 1
            continue
        # A flat: sweep the angle.
        flats += 1
        a, b, error = planes[level, 0], planes[level, 1], errors[levels]
        contains = max(CONTAINS, 1e5 * error)
        line_keys(a, b, values, turns)
        n, shortest = 0, 1.0
        for r in range(m):
            length = a[r] * a[r] + b[r] * b[r]
            if length > contains * contains:
                index[n], keys[n] = r, values[r]
                shortest = min(shortest, length)
                n += 1
        if n == 0 or contains > 0.01:
            # Floats say nothing here: everything is open.
            _lift(1.0, 0.0, reflectors, places[n_places, :d])
            places[n_places, d], places[n_places, d + 1] = 2.0, np.inf
            n_places += 1
            continue
        order_lines(keys, n, scratch, order, ordered)
        closeness = 2 * error / np.sqrt(shortest) + 12 * EPS
        crowded, low = n < m - levels, ordered[n - 1]
        for t in range(n):
            high = ordered[t]
            lines[t] = index[order[t]]
            # The sine of the angle between them; the size of a ray is at most one plus its key.
            crowded |= abs(high - low) <= closeness * ((1.0 + abs(low)) * (1.0 + abs(high)))
            low = high
        if crowded:
            best, n_places = _sweep_crowds(
                turns, a, b, units, weights, chosen, lines, n, closeness, error, rest[levels],
                plus[levels], minus[levels], reflectors, best, slack, point, free, places, n_places,
            )  # fmt: skip
            continue
        center(rest[levels], plus[levels], minus[levels], middle, reach)
        value, position = sweep_gaps(turns, fours, lines, n, middle, reach, values, best + slack)
        if position >= 0:
            best = value
            x, y = gap(turns, a, b, lines, n, position)
            _lift(x, y, reflectors, point)
            for t in range(levels):
                free[t] = chosen[t]
    if best > incumbent:
        _beside(rows, weights, offset, point, free, pattern)
    return best, n_places, n_dependent, flats, complete


@compiled
def _beside(rows, weights, offset, point, free, pattern):
    """Sides of the best cell at a point, or its antipode, where exactly the free rows meet."""
    k, q = weights.shape
    sides = np.zeros(k)
    for h in range(k):
        for j in range(len(point)):
            sides[h] += rows[h, j] * point[j]
    for h in free:
        sides[h] = 0.0
    best = -1.0
    for j in range(q):
        for code in range(4):
            side, sign = 1.0 - code % 2 * 2, 1.0 - code // 2 * 2
            value = sign * offset[j]
            for h in range(k):
                if side * sides[h] > 0 or (sides[h] == 0 and sign * weights[h, j] > 0):
                    value += sign * weights[h, j]
            if value > best:
                best = value
                for h in range(k):
                    pattern[h] = side * sides[h] > 0 or (sides[h] == 0 and sign * weights[h, j] > 0)


@compiled
def _value(G, rest, plus, minus):
    """Largest |gradient| over x and -x and the free signs: G plus sums of free weights."""
    best = -1.0
    for k in range(len(G)):
        other = rest[k] - G[k]
        best = max(best, max(G[k], other) + plus[k], -min(G[k], other) - minus[k])
    return best


@compiled
def _set_free(weights, r, plus, minus, rest):
    """Count the sign of a row as free."""
    for k in range(weights.shape[1]):
        plus[k] += max(weights[r, k], 0.0)
        minus[k] += min(weights[r, k], 0.0)
        rest[k] -= weights[r, k]


@compiled
def _sweep_crowds(
    turns, a, b, units, weights, chosen, lines, n, closeness, error, rest, plus, minus, reflectors,
    best, slack, point, free, places, n_places,
):  # fmt: skip
    """Sweep a flat that other hyperplanes contain, or where rays are too close for floats.

    There the signs of the hyperplanes that meet are free, which gives a bound; where it exceeds the
    best value, the place is listed with a radius that covers the hyperplanes that meet. Parameters
    as in `search`.
    """
    m = len(units)
    plus, minus, rest = plus.copy(), minus.copy(), rest.copy()
    meeting, others = np.ones(m, np.bool_), np.ones(m, np.bool_)
    for t in range(n):
        meeting[lines[t]] = others[lines[t]] = False
    for r in chosen:
        others[r] = False
    contained = m - n > len(chosen)
    for r in range(m):
        if others[r]:
            _set_free(weights, r, plus, minus, rest)
    unclear = np.zeros(n, np.bool_)
    start = -1
    for t in range(n):
        high_a, high_b = ray(turns, a, b, lines[t])
        low_a, low_b = ray(turns, a, b, lines[t - 1 if t > 0 else n - 1])
        if n > 1 and abs(low_a * high_b - low_b * high_a) <= closeness:
            # The same line, but is the gap between these two rays the narrow one?
            unclear[t] = (-1.0 if t == 0 else 1.0) * (low_a * high_a + low_b * high_b) > 0
        if start < 0 and not unclear[t]:
            start = t
    start = max(start, 0)
    G = np.zeros(weights.shape[1])  # in the gap before the first ray
    for t in range(n):
        if (turns[lines[t]] > 0) == (t >= start):
            add(1.0, weights[lines[t]], G)
    t = start
    while t < start + n:
        # A gap that is clear: with other hyperplanes through the flat it is only a bound.
        value = _value(G, rest, plus, minus)
        if value > best + slack:
            x, y = gap(turns, a, b, lines, n, t % n)
            if not contained:
                best = value
                _lift(x, y, reflectors, point)
                for s in range(len(chosen)):
                    free[s] = chosen[s]
            else:
                _list(units, meeting, x, y, reflectors, error, value, places[n_places])
                n_places += 1
        # The rays up to the next clear gap; where there are several, their signs are free.
        first, inner, around = t, G.copy(), meeting.copy()
        more, less, rest_of = plus.copy(), minus.copy(), rest.copy()
        while t == first or (t < start + n and unclear[t % n]):
            r = lines[t % n]
            # Beyond half a turn, the ray of the line is the opposite one.
            left = (turns[r] > 0) == (t < n)
            add(-1.0 if left else 1.0, weights[r], G)
            if left:
                add(-1.0, weights[r], inner)
            _set_free(weights, r, more, less, rest_of)
            around[r] = True
            t += 1
        value = _value(inner, rest_of, more, less)
        if t > first + 1 and value > best + slack:
            x, y = ray(turns, a, b, lines[first % n])
            _list(units, around, x, y, reflectors, error, value, places[n_places])
            n_places += 1
    return best, n_places


@compiled
def _list(units, meeting, a, b, reflectors, error, value, place):
    """Write a place: its point, how far the meeting rows are from it, the bound of its value."""
    m, d = units.shape
    size = np.sqrt(a * a + b * b)
    _lift(a / size, b / size, reflectors, place[:d])
    radius = 0.0
    for r in range(m):
        if meeting[r]:
            s = 0.0
            for k in range(d):
                s += units[r, k] * place[k]
            radius = max(radius, abs(s))
    place[d], place[d + 1] = radius + 10 * error, value
