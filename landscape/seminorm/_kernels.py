"""Kernels that all searches share: sorted lines and hyperplanes, sums, sweeps, points of cells."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import math

import numpy as np

from landscape.compiled import compiled

EPS = 2.0**-52
#: Lines in one box from which on counting is no help.
CROWDED = 24


@compiled
def insert(keys, companions, start, end):
    """Sort ``keys[start:end]`` by insertion, ties in order, and move their companions along."""
    for t in range(start + 1, end):
        key, companion = keys[t], companions[t]
        s = t
        while s > start and keys[s - 1] > key:
            keys[s], companions[s] = keys[s - 1], companions[s - 1]
            s -= 1
        keys[s], companions[s] = key, companion


@compiled
def sort_by(keys, order, n):
    """Sort ``keys[:n]``, write their order into ``order[:n]``: Shell sort.

    numpy's own would do, but takes numba many seconds to compile.
    """
    for i in range(n):
        order[i] = i
    distance = n
    while distance > 1:
        distance = max(1, distance * 5 // 11)
        for t in range(distance, n):
            key, place = keys[t], order[t]
            s = t
            while s >= distance and keys[s - distance] > key:
                keys[s], order[s] = keys[s - distance], order[s - distance]
                s -= distance
            keys[s], order[s] = key, place


@compiled
def order_lines(keys, n, places, heads, order, ordered):
    """Sort lines by their cotangents ``keys[:n]``, finite: counting, then insertion.

    ``key / (1 + |key|)`` spreads the cotangents of lines in many directions evenly over (-1, 1), so
    that each of n boxes receives about one of them. Where they crowd, `sort_by` takes over.

    Parameters
    ----------
    places : int64 (n,), heads : int64 (n + 2,)
        Scratch.
    order : int64 (n,), ordered : (n,)
        Outputs: which line comes where, and its key.
    """
    heads[: n + 2] = 0
    half = 0.5 * n
    for t in range(n):
        places[t] = int(half + half * (keys[t] / (1.0 + abs(keys[t]))))
    for t in range(n):
        heads[places[t] + 1] += 1
    crowd, before = 0, 0
    for box in range(1, n + 2):
        crowd = max(crowd, heads[box])
        before += heads[box]
        heads[box] = before
    if crowd > CROWDED:
        ordered[:n] = keys[:n]
        sort_by(ordered, order, n)
        return
    for t in range(n):
        at = heads[places[t]]
        heads[places[t]] = at + 1
        order[at] = t
        ordered[at] = keys[t]
    # Within the boxes, and across them where rounding moved a key.
    insert(ordered, order, 0, n)


@compiled
def exact_sum(values, n, partials):
    """The correctly rounded sum of ``values[:n]``, as `math.fsum`; partials (64,) is scratch.

    Shewchuk's algorithm: partial sums that do not overlap, so that adding them loses nothing.
    """
    count = 0
    for t in range(n):
        x = values[t]
        kept = 0
        for s in range(count):
            y = partials[s]
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low != 0.0:
                partials[kept] = low
                kept += 1
            x = high
        partials[kept] = x
        count = kept + 1
    if count == 0:
        return 0.0
    count -= 1
    high, low = partials[count], 0.0
    while count > 0:
        count -= 1
        x, y = high, partials[count]
        high = x + y
        low = y - (high - x)
        if low != 0.0:
            break
    # Half-way cases are rounded by what is left.
    if count > 0 and low * partials[count - 1] > 0.0:
        y = 2.0 * low
        x = high + y
        if y == x - high:
            high = x
    return high


@compiled
def scale_products(rows, factors, products):
    """Write ``factors[i] * rows[i]`` times a power of two, with the largest entry near one.

    Returns its exponent, and whether all sizes are so far from the floats' ends that only products
    are rounded.
    """
    m, d = rows.shape
    largest, moderate = 0.0, True
    for i in range(m):
        factor, norm = abs(factors[i]), 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
            moderate &= rows[i, j] == 0.0 or abs(rows[i, j]) > 1e-50
        largest = max(largest, norm * factor)
        moderate &= 1e-50 < factor < 1e50 and norm < 1e50
    exponent = math.frexp(largest)[1]
    if moderate and largest > 0.0:
        unit = math.ldexp(1.0, -exponent)
        for i in range(m):
            for j in range(d):
                products[i, j] = rows[i, j] * factors[i] * unit
    return exponent, moderate and largest > 0.0


@compiled
def arrange(rows, generic, tolerance, merged, labels, orientations):
    """Merge rows into hyperplanes, orient and sort them, as `landscape.canonical` does.

    Independent of the order of the rows and of powers of two that they are multiplied with.

    Parameters
    ----------
    rows : (m, d)
    generic : (d,) functional that tells directions apart: equal ones have nearly equal values
    tolerance : directions that differ by no more are equal
    merged : (m, d), labels, orientations : (m,)
        Outputs, see `landscape.canonical.Hyperplanes`.

    Returns
    -------
    n : number of hyperplanes
    """
    m, d = rows.shape
    # Directions, oriented such that the first entry that is not negligible is positive, and where
    # those agree, rows with powers of two taken out of them.
    table = np.empty((m, 2 * d))
    scratch, numbers = np.empty((2, m)), np.empty((6, m + 2), np.int64)
    keys, ordered = scratch[0], scratch[1]
    present, order, places = numbers[0], numbers[1], numbers[2]
    founder, least, renumbered = numbers[3], numbers[4], numbers[5]
    n = 0
    for i in range(m):
        labels[i], orientations[i] = -1, 0
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        if norm == 0.0:
            continue
        scale = -math.frexp(norm)[1]
        norm = math.ldexp(norm, scale)
        turn, searching, key = 1.0, True, 0.0
        for j in range(d):
            mantissa = math.ldexp(rows[i, j], scale)
            unit = mantissa / norm
            if searching and abs(unit) > 2 * tolerance:
                turn, searching = (-1.0 if unit < 0 else 1.0), False
            table[i, j], table[i, d + j] = unit * turn, mantissa * turn + 0.0
            key += table[i, j] * generic[j]
        orientations[i] = turn
        keys[n], present[n] = abs(key), i
        n += 1
    order_lines(keys, n, places, renumbered, order, ordered)
    slack = 2 * (tolerance + EPS) * (d + 1)
    n_planes = 0
    t = 0
    while t < n:
        # Only hyperplanes in a run of close keys may be equal.
        end, first = t + 1, n_planes
        while end < n and ordered[end] - ordered[end - 1] <= slack:
            end += 1
        for s in range(t, end):
            i = present[order[s]]
            plane = first
            while plane < n_planes and not _equal(table, i, founder[plane], tolerance):
                plane += 1
            if plane == n_planes:
                founder[plane] = least[plane] = i
                n_planes += 1
            elif _before(table, i, least[plane]):
                least[plane] = i
            labels[i] = plane
        if n_planes > first + 1:
            # The hyperplanes of a run in the order of their least rows, which represent them.
            for plane in range(first, n_planes):
                place = first
                for other in range(first, n_planes):
                    place += _before(table, least[other], least[plane])
                renumbered[plane] = place
                founder[place] = least[plane]
            for plane in range(first, n_planes):
                least[plane] = founder[plane]
            for s in range(t, end):
                i = present[order[s]]
                labels[i] = renumbered[labels[i]]
        t = end
    for plane in range(n_planes):
        for j in range(d):
            merged[plane, j] = table[least[plane], d + j]
    for s in range(n):
        # Compared with the representative: robust where a leading entry is negligible.
        i = present[s]
        inner = 0.0
        for j in range(d):
            inner += table[least[labels[i]], j] * table[i, j]
        if inner < 0:
            orientations[i] = -orientations[i]
    return n_planes


@compiled
def _equal(table, i, other, tolerance):
    """Whether two directions, or one and the opposite of the other, agree."""
    same, opposite = True, True
    for j in range(table.shape[1] // 2):
        same &= abs(table[i, j] - table[other, j]) <= tolerance
        opposite &= abs(table[i, j] + table[other, j]) <= tolerance
    return same or opposite


@compiled
def _before(table, i, other):
    """Whether a row comes before another one, lexicographically."""
    for j in range(table.shape[1]):
        if table[i, j] != table[other, j]:
            return table[i, j] < table[other, j]
    return False


@compiled
def weigh(products, labels, orientations, weights, offset):
    """Weights of the hyperplanes and the gradient on their negative sides, correctly rounded.

    Returns the number of hyperplanes where the gradient jumps.
    """
    m, q = products.shape
    n_planes = len(weights)
    # The neurons of plane h are members[starts[h]:starts[h + 1]].
    starts, members = np.zeros(n_planes + 2, np.int64), np.empty(m, np.int64)
    for i in range(m):
        if labels[i] >= 0:
            starts[labels[i] + 2] += 1
    for h in range(n_planes):
        starts[h + 2] += starts[h + 1]
    for i in range(m):
        if labels[i] >= 0:
            members[starts[labels[i] + 1]] = i
            starts[labels[i] + 1] += 1
    values, partials = np.empty(m), np.empty(64)
    n_used = 0
    for h in range(n_planes):
        start, n = starts[h], starts[h + 1] - starts[h]
        jumps = False
        for j in range(q):
            for t in range(n):
                values[t] = orientations[members[start + t]] * products[members[start + t], j]
            weights[h, j] = values[0] if n == 1 else exact_sum(values, n, partials)
            jumps |= weights[h, j] != 0
        n_used += jumps
    for j in range(q):
        n = 0
        for i in range(m):
            if orientations[i] < 0:
                values[n] = products[i, j]
                n += 1
        offset[j] = exact_sum(values, n, partials) + 0.0
    return n_used


@compiled
def finish(products, labels, orientations, sides, pattern, gradient):
    """Which neurons are active where the hyperplanes have these sides, and the gradient there.

    Sums are correctly rounded. Returns the largest sum of the products' absolute values.
    """
    m, q = products.shape
    for i in range(m):
        pattern[i] = labels[i] >= 0 and sides[labels[i]] == (orientations[i] > 0)
    values, partials = np.empty(m), np.empty(64)
    largest = 0.0
    for j in range(q):
        n, size = 0, 0.0
        for i in range(m):
            size += abs(products[i, j])
            if pattern[i]:
                values[n] = products[i, j]
                n += 1
        gradient[j] = exact_sum(values, n, partials) + 0.0
        largest = max(largest, size)
    return largest


@compiled
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
    clear = np.ones(k, dtype=np.bool_)
    all_clear, step = True, 1.0
    for attempt in range(2):
        for h in range(k):
            value, size, slope = 0.0, 0.0, 0.0
            for j in range(r):
                term = rows[h, j] * point[j]
                value += term
                size += abs(term)
                slope += rows[h, j] * generic[j]
            # Products that underflow lose their error bound.
            here = abs(value) > 2 * (r + 2) * EPS * size + 1e-300
            if attempt == 1:
                if not here or (clear[h] and (value > 0) != positive[h]):
                    return False
            else:
                if wanted[h] >= 0 and (not here or (value > 0) != (wanted[h] == 1)):
                    return False
                clear[h] = here
                all_clear &= here
                if here and abs(slope) > 0:
                    step = min(step, abs(value) / abs(slope))
            positive[h] = value > 0
        if all_clear:
            return True
        if attempt == 0:
            # A generic direction, and half as far as the others allow.
            largest = 0.0
            for j in range(r):
                point[j] += 0.5 * step * generic[j]
                largest = max(largest, abs(point[j]))
            for j in range(r):
                point[j] /= largest
    return True


@compiled
def line_keys(a, b, keys, turns):
    """What orders the lines ``a[h] x + b[h] y = 0`` by the angle in [0, pi) of their upper rays.

    Minus the angle's cotangent, least for angle zero; and a number that is positive where the
    hyperplane is positive just before its ray, clockwise.
    """
    for h in range(len(a)):
        flat = a[h] == 0.0
        keys[h] = -1e300 if flat else min(max(b[h] / a[h], -1e300), 1e300)
        turns[h] = -b[h] if flat else a[h]


@compiled
def ray(turns, a, b, h):
    """The unit vector of line h in the upper half-plane."""
    length = np.sqrt(a[h] * a[h] + b[h] * b[h])
    if turns[h] > 0:
        return -b[h] / length, a[h] / length
    return b[h] / length, -a[h] / length


@compiled
def gap(turns, a, b, lines, n, position):
    """A vector in the middle of the gap before ray number ``position``."""
    high_a, high_b = ray(turns, a, b, lines[position])
    if n == 1:
        return high_b, -high_a  # half a turn: the middle is at a right angle
    low_a, low_b = ray(turns, a, b, lines[position - 1 if position > 0 else n - 1])
    if position == 0:
        low_a, low_b = -low_a, -low_b
    return low_a + high_a, low_b + high_b


@compiled
def in_fours(weights):
    """Weights (k, q) as (q / 4 rounded up, k, 4), padded with zeros."""
    k, q = weights.shape
    fours = np.zeros(((q + 3) // 4, k, 4))
    for h in range(k):
        for j in range(q):
            fours[j // 4, h, j % 4] = weights[h, j]
    return fours


@compiled
def sweep_gaps(turns, fours, lines, n, middle, reach, values, best):
    """Best value over the gaps between n lines in angular order, if it exceeds ``best``.

    The gradients at x and -x are ``middle`` plus and minus a g: one is a line's weight more or less
    with each step. Four coordinates at a time, so that they stay in registers.

    Parameters
    ----------
    turns : (k,) positive where the hyperplane is positive before its ray
    fours : weights, see `in_fours`
    lines : (n,) hyperplanes in order
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
            h = lines[t]
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
            h = lines[t]
            s = -1.0 if turns[h] > 0 else 1.0
            g0 += s * weights[h, 0]
            g1 += s * weights[h, 1]
            g2 += s * weights[h, 2]
            g3 += s * weights[h, 3]
    return best, position


@compiled
def middles(offset, total):
    """Arguments of `sweep_gaps` for a problem of rank 2, with an offset and no free signs."""
    q = len(offset)
    middle, reach = np.zeros((q + 3) // 4 * 4), np.full((q + 3) // 4 * 4, -np.inf)
    for j in range(q):
        reach[j] = abs(0.5 * total[j])
        middle[j] = 0.5 * total[j] - offset[j]
    return middle, reach


@compiled
def sort_plane(rows, close):
    """Lines ``<row, x> = 0`` of the plane sorted by angle.

    ``close[t]`` says that floats do not tell line t from the next one (the last from the first).
    """
    k = len(rows)
    scratch, numbers = np.empty((3, k)), np.empty((2, k + 2), np.int64)
    keys, turns, ordered = scratch[0], scratch[1], scratch[2]
    order = np.empty(k, np.int64)
    line_keys(rows[:, 0], rows[:, 1], keys, turns)
    order_lines(keys, k, numbers[0], numbers[1], order, ordered)
    some = False
    for t in range(k):
        low, high = ordered[t], ordered[t + 1 if t + 1 < k else 0]
        # The sine of their angle. That of directions that are merged is below 12 EPS.
        close[t] = abs(high - low) <= 24 * EPS * ((1.0 + abs(low)) * (1.0 + abs(high)))
        some |= close[t] or turns[order[t]] == 0.0  # a row that is zero has no line
    return order, some


@compiled
def sweep_plane(rows, weights, offset, order, point, pattern):
    """The best of the sectors between sorted lines of the plane: its sides, and a point of it.

    Returns its value, the line that it, or its antipode, ends at, and the sine of its angle.
    """
    k, q = weights.shape
    # From here on in the order of the lines, so that memory is read in a row.
    sorted_rows, steps = np.empty((2, k)), np.empty((k, q))
    total = 2 * offset
    for t in range(k):
        h = order[t]
        sorted_rows[0, t], sorted_rows[1, t] = rows[h, 0], rows[h, 1]
        for j in range(q):
            steps[t, j] = weights[h, j]
            total[j] += weights[h, j]
    a, b = sorted_rows[0], sorted_rows[1]
    values, turns, lines = np.empty(k), np.empty(k), np.arange(k)
    line_keys(a, b, values, turns)
    middle, reach = middles(offset, total)
    _, best = sweep_gaps(turns, in_fours(steps), lines, k, middle, reach, values, -1.0)
    point[0], point[1] = gap(turns, a, b, lines, k, best)
    low_a, low_b = ray(turns, a, b, best - 1 if best > 0 else k - 1)
    high_a, high_b = ray(turns, a, b, best)
    here = offset.copy()
    for t in range(k):
        if (turns[t] > 0) != (t < best):
            for j in range(q):
                here[j] += steps[t, j]
    value, opposite = np.abs(here).max(), np.abs(total - here).max()
    turned = opposite > value
    if turned:
        point[0], point[1] = -point[0], -point[1]
    for t in range(k):
        pattern[order[t]] = ((turns[t] > 0) != (t < best)) != turned
    return max(value, opposite), best, abs(low_a * high_b - low_b * high_a)


@compiled
def summarize(rows, weights, offset, sums):
    """Per coordinate: g(x) + g(-x), the bound by the weights' signs, and their size.

    Returns whether the jumps across the hyperplanes may have one sign in the coordinate with the
    largest bound.
    """
    k, q = weights.shape
    top = 0
    for j in range(q):
        plus, minus = 0.0, 0.0
        for h in range(k):
            plus += max(weights[h, j], 0.0)
            minus += min(weights[h, j], 0.0)
        sums[0, j] = 2 * offset[j] + plus + minus
        sums[1, j] = max(offset[j] + plus, -offset[j] - minus)
        sums[2, j] = plus - minus + abs(offset[j])
        if sums[1, j] > sums[1, top]:
            top = j
    some, other = False, False
    for h in range(k if top < rows.shape[1] else 0):
        some |= rows[h, top] * weights[h, top] > 0
        other |= rows[h, top] * weights[h, top] < 0
    return top < rows.shape[1] and not (some and other)


@compiled
def surely_full_rank(rows):
    """Whether floats are enough to see that the rank is the number of columns.

    The least eigenvalue of ``G = rows^T rows`` is at least ``det G ((d - 1) / trace G)^(d - 1)``,
    and Cholesky's pivots, whose product is the determinant, are wrong by no more than a few ulp of
    the trace each.
    """
    d = rows.shape[1]
    n = min(len(rows), 20 * d)
    G = np.zeros((d, d))
    for i in range(n):
        for j in range(d):
            for k in range(j + 1):
                G[j, k] += rows[i, j] * rows[i, k]
    trace = 0.0
    for j in range(d):
        trace += G[j, j]
    bound = trace / max(d - 1, 1)
    for j in range(d):
        for k in range(j + 1):
            for t in range(k):
                G[j, k] -= G[j, t] * G[k, t]
            if k < j:
                G[j, k] /= G[k, k]
        if not G[j, j] > 1e-6 * trace:
            return False
        bound *= G[j, j] * max(d - 1, 1) / trace
        G[j, j] = np.sqrt(G[j, j])
    return bound > 64 * (n + d) * EPS * trace


@compiled
def climb(rows, weights, offset, total, starts, directions, patience, stop, best_point):
    """Climb from each start along great circles in the given directions.

    Every other direction is a hyperplane's normal: it crosses that hyperplane.
    """
    k, r = rows.shape
    scratch, numbers = np.empty((5, k)), np.empty((3, k + 2), np.int64)
    a, b, keys, turns, ordered = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    fours = in_fours(weights)
    middle, reach = middles(offset, total)
    best, used = -1.0, 0
    for s in range(len(starts)):
        x, current, failures = starts[s].copy(), -1.0, 0
        while failures < patience and stop[0] == 0:
            y = rows[(used * 7919) % k] if used % 2 else directions[(used // 2) % len(directions)]
            used += 1
            for h in range(k):
                a[h], b[h] = 0.0, 0.0
                for c in range(r):
                    a[h] += rows[h, c] * x[c]
                    b[h] += rows[h, c] * y[c]
            line_keys(a, b, keys, turns)
            order_lines(keys, k, numbers[0], numbers[1], numbers[2], ordered)
            value, position = sweep_gaps(
                turns, fours, numbers[2], k, middle, reach, keys, current * (1 - 1e-12)
            )
            failures += 1
            if position < 0 or (position > 0 and ordered[position] == ordered[position - 1]):
                continue  # nothing better, or no gap at all
            if value > current * (1 + 1e-12):
                failures = 0
            current = max(current, value)
            u, v = gap(turns, a, b, numbers[2], k, position)
            x = u * x + v * y
            x /= np.sqrt((x * x).sum())
        if current > best:
            best = current
            best_point[:] = x
