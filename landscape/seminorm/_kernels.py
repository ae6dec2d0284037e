"""Kernels that all searches share: sorted lines, sweeps of a plane, local search."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
import math

import numpy as np

from landscape.compiled import compiled

EPS = 2.0**-52
#: Lines in one box from which on counting is no help.
CROWDED = 24


@compiled
def sort_by(keys, companions, n, distance):
    """Sort ``keys[:n]`` and move their companions along: Shell sort, insertion from distance 1.

    numpy's own would do, but takes numba many seconds to compile.
    """
    while True:
        for t in range(distance, n):
            key, companion = keys[t], companions[t]
            s = t
            while s >= distance and keys[s - distance] > key:
                keys[s], companions[s] = keys[s - distance], companions[s - distance]
                s -= distance
            keys[s], companions[s] = key, companion
        if distance <= 1:
            return
        distance = max(1, distance * 5 // 11)


@compiled
def order_lines(keys, n, scratch, order, ordered):
    """Sort lines by their cotangents ``keys[:n]``, finite: counting, then insertion.

    ``key / (1 + |key|)`` spreads the cotangents of lines in many directions evenly over (-1, 1), so
    that each of n boxes receives about one of them. Where they crowd, Shell sort takes over.
    ``order`` receives which line comes where, ``ordered`` its key; scratch is int64 (2, n + 2).
    """
    places, heads = scratch[0], scratch[1]
    heads[: n + 2] = 0
    half = 0.5 * n
    for t in range(n):
        places[t] = int(half + half * (keys[t] / (1.0 + abs(keys[t]))))
        heads[places[t] + 1] += 1
    crowd, before = 0, 0
    for box in range(1, n + 2):
        crowd = max(crowd, heads[box])
        before += heads[box]
        heads[box] = before
    for t in range(n):
        at = heads[places[t]]
        heads[places[t]] = at + 1
        order[at] = t
        ordered[at] = keys[t]
    # Within the boxes, and across them where rounding moved a key.
    sort_by(ordered, order, n, n if crowd > CROWDED else 1)


@compiled
def scaled(rows):
    """Rows times powers of two, so that max-norms lie in [1/2, 1); these, and the exponents."""
    m, d = rows.shape
    result, sizes, exponents = rows.copy(), np.zeros(m), np.zeros(m, np.int64)
    for i in range(m):
        for j in range(d):
            sizes[i] = max(sizes[i], abs(rows[i, j]))
        sizes[i], exponents[i] = math.frexp(sizes[i])
        for j in range(d):
            result[i, j] = math.ldexp(rows[i, j], -exponents[i])
    return result, sizes, exponents


@compiled
def scaled_products(rows, factors):
    """``factors[i] * rows[i] = products[i] * 2^exponent``, rounded once; the largest is near one.

    Without overflow or underflow.
    """
    products, sizes, exponents = scaled(rows)
    mantissas, lowest = factors.copy(), -(2**20)
    for i in range(len(rows)):
        mantissas[i], shift = math.frexp(factors[i])
        exponents[i] = exponents[i] + shift if sizes[i] * mantissas[i] != 0 else lowest
    exponent = exponents.max() if len(rows) > 0 else lowest
    for i in range(len(rows)):
        products[i] *= math.ldexp(mantissas[i], max(exponents[i] - exponent, -2000))
    return products, exponent if exponent > lowest else 0


@compiled
def hyperplanes(neurons, tolerance):
    """Neurons (m, d), ordered by products with a generic vector, if these tell all of them apart.

    Returns rows, labels and orientations as `landscape.canonical.Hyperplanes` has them, and whether
    all are clearly different: the products of equal directions of max-norm one differ by less.
    """
    m, d = neurons.shape
    units, sizes, _ = scaled(neurons)
    rows, keys, ordered = units.copy(), np.empty(m), np.empty(m)
    order, labels = np.empty(m, np.int64), np.empty(m, np.int64)
    orientations, generic = np.ones(m, np.int8), np.cos(1.0 + np.arange(d) ** 2)
    for i in range(m):
        key = 0.0
        for j in range(d):
            key += units[i, j] * generic[j]
        orientations[i] = -1 if key < 0 else 1
        keys[i] = abs(key) / sizes[i] if sizes[i] > 0 else 0.0
    order_lines(keys, m, np.empty((2, m + 2), np.int64), order, ordered)
    slack, distinct = 2 * (tolerance + (d + 1) * EPS) * (d + 1), sizes.all()
    for h in range(m):
        distinct &= h == 0 or ordered[h] - ordered[h - 1] > slack
        i = order[h]
        labels[i] = h
        for j in range(d):
            rows[h, j] = units[i, j] * orientations[i]
    return rows, labels, orientations, distinct


@compiled
def jumps(labels, orientations, products):
    """By what the gradient jumps across each of m hyperplanes, (m, q), and its value below all.

    Summed in the hyperplanes' order, so that it does not depend on the neurons'.
    """
    m, q = products.shape
    weights, offset, turned = np.empty((m, q)), np.zeros(q), np.zeros(m, np.bool_)
    for i in range(m):
        turned[labels[i]] = orientations[i] < 0
        for c in range(q):
            weights[labels[i], c] = orientations[i] * products[i, c]
    for h in range(m):
        if turned[h]:
            offset -= weights[h]
    return weights, offset


@compiled
def used_rows(weights):
    """Indices of the rows that are not zero."""
    used = np.zeros(len(weights), np.bool_)
    for c in range(weights.shape[1]):
        used |= weights[:, c] != 0.0
    return np.flatnonzero(used)


@compiled
def bound(weights, offset):
    """Per coordinate the total and the bound of a `CellProblem`; its largest sum of all sizes."""
    total, bounds, largest = 2.0 * offset, np.empty(len(offset)), 0.0
    for c in range(len(offset)):
        size = 0.0
        for h in range(len(weights)):
            total[c] += weights[h, c]
            size += abs(weights[h, c])
        bounds[c] = 0.5 * (size + abs(total[c]))
        largest = max(largest, size + abs(offset[c]))
    return total, bounds, largest


@compiled
def extend(gram, sigma, factor, forward, p):
    """Row p of the Cholesky factor of ``G + sigma e e^T``, and of its forward substitution of e."""
    pivot, right = gram[p, p] + sigma, 1.0
    for q in range(p):
        s = gram[p, q] + sigma
        for t in range(q):
            s -= factor[p, t] * factor[q, t]
        factor[p, q] = s / factor[q, q]
        pivot -= factor[p, q] * factor[p, q]
        right -= factor[p, q] * forward[q]
    if not pivot > 1e-15 * (gram[p, p] + sigma):
        return False
    factor[p, p] = np.sqrt(pivot)
    forward[p] = right / factor[p, p]
    return True


@compiled
def spans(rows):
    """Whether rows (k, d) surely have rank d.

    The Gram matrix of their columns, of norm one, stays positive definite when its diagonal is
    lowered by far more than all rounding errors.
    """
    k, d = rows.shape
    gram, factor, forward = np.zeros((d, d)), np.empty((d, d)), np.empty(d)
    for h in range(k):
        for p in range(d):
            for q in range(p + 1):
                gram[p, q] += rows[h, p] * rows[h, q]
    for p in range(d - 1, -1, -1):
        for q in range(p + 1):
            gram[p, q] /= np.sqrt(gram[p, p] * gram[q, q])
    for p in range(d):
        gram[p, p] -= d * (1e-9 + 4 * k * EPS)
        if not extend(gram, 0.0, factor, forward, p):
            return False
    return d > 0


@compiled
def settle(rows, point, direction, wanted, positive):
    """Move a point (in place) off the hyperplanes that it is on; whether floats can tell its sides.

    ``wanted[h]`` is 1 or 0 where hyperplane h must have the point on its positive or negative side
    before and after, and -1 where it need not. ``positive`` receives the sides. Hyperplanes that
    the point is clearly not on are not crossed on its way along a generic direction.
    """
    k, r = rows.shape
    sides = wanted.copy()
    for attempt in range(2):
        largest, step, all_clear = np.abs(point).max(), 1.0, True
        if largest > 0:
            point /= largest
        for h in range(k):
            value, size, slope = 0.0, 0.0, 0.0
            for j in range(r):
                term = rows[h, j] * point[j]
                value += term
                size += abs(term)
                slope += rows[h, j] * direction[j]
            positive[h] = value > 0
            # Products that underflow lose their error bound.
            if abs(value) > 2 * (r + 2) * EPS * size + 1e-300:
                if sides[h] >= 0 and positive[h] != (sides[h] == 1):
                    return False
                sides[h] = positive[h]
                if slope != 0.0:
                    step = min(step, abs(value / slope))
            elif attempt == 1 or sides[h] >= 0:
                return False
            else:
                all_clear = False
        if all_clear:
            return True
        point += 0.5 * step * direction  # half as far as the others allow
    return False


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
    """Weights (k, q) as (q / 4 rounded up, k, 4), and room for what `center` writes."""
    k, q = weights.shape
    fours = np.zeros(((q + 3) // 4, k, 4))
    for h in range(k):
        for j in range(q):
            fours[j // 4, h, j % 4] = weights[h, j]
    return fours, np.zeros(4 * len(fours)), np.full(4 * len(fours), -np.inf)


@compiled
def center(total, plus, minus, middle, reach):
    """Prepare a sweep: half the lines' ``total`` weight, and how far other terms reach from it.

    These add up to ``plus`` at most and to ``minus`` at least, on both sides alike.
    """
    for j in range(len(total)):
        middle[j] = 0.5 * total[j]
        reach[j] = max(middle[j] + plus[j], -middle[j] - minus[j])


@compiled
def sweep_gaps(turns, fours, lines, n, middle, reach, values, best):
    """The best value, if it exceeds ``best``, over the gaps between n ``lines`` in angular order.

    Returns it and the number of the line after its gap, -1 if none is better. The gradients at x
    and -x are ``middle`` plus and minus a g: one is a line's weight more or less with each step.
    Four coordinates at a time, so that they stay in registers. See `line_keys` for ``turns``,
    `in_fours` and `center` for the rest; ``values`` is scratch.
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
                best, position = value, t
            h = lines[t]
            s = -1.0 if turns[h] > 0 else 1.0
            g0 += s * weights[h, 0]
            g1 += s * weights[h, 1]
            g2 += s * weights[h, 2]
            g3 += s * weights[h, 3]
    return best, position


@compiled
def sort_plane(rows):
    """Lines of the plane in angular order, their turns, and where floats may have it wrong.

    Those that are so close to the next one: the sine of their angle is within its rounding error.
    """
    k = len(rows)
    keys, turns, ordered = np.empty(k), np.empty(k), np.empty(k)
    order, close = np.empty(k, np.int64), np.zeros(k, np.bool_)
    line_keys(rows[:, 0], rows[:, 1], keys, turns)
    order_lines(keys, k, np.empty((2, k + 2), np.int64), order, ordered)
    for t in range(k - 1):
        low, high = ordered[t], ordered[t + 1]
        close[t] = abs(high - low) <= 24 * EPS * ((1.0 + abs(low)) * (1.0 + abs(high)))
    return order, turns, close


@compiled
def sweep_plane(rows, weights, offset, order, turns, pattern, point):
    """The best cell of the plane's lines, see `sort_plane`: its value; ``pattern``, ``point``.

    Also the number of the line after it, and whether the rays on both sides are too close for the
    point, their sum, to be relied on.
    """
    k, q = weights.shape
    fours, middle, reach = in_fours(weights)
    total, gradient = 2.0 * offset, offset.copy()
    for h in range(k):
        total += weights[h]
    center(total - 2.0 * offset, offset, offset, middle, reach)
    best = sweep_gaps(turns, fours, order, k, middle, reach, np.empty(k), -1.0)[1]
    for t in range(k):
        h = order[t]
        pattern[h] = (turns[h] > 0) != (t < best)
        if pattern[h]:
            gradient += weights[h]
    x, y = ray(turns, rows[:, 0], rows[:, 1], order[best])
    u, v = ray(turns, rows[:, 0], rows[:, 1], order[best - 1])
    side = 1.0 if best > 0 else -1.0
    value, opposite, thin = 0.0, 0.0, abs(x * v - y * u) <= 1e-12
    for c in range(q):
        value = max(value, abs(gradient[c]))
        opposite = max(opposite, abs(total[c] - gradient[c]))
    if opposite > value:
        value, x, y, side = opposite, -x, -y, -side
        for h in range(k):
            pattern[h] = not pattern[h]
    point[0], point[1] = x + side * u, y + side * v
    return value, best, thin


@compiled
def climb(rows, weights, offset, starts, directions, patience, stop, best_point):
    """Climb from each start along great circles in the given directions.

    Every other direction is a hyperplane's normal: it crosses that hyperplane.
    """
    k, r = rows.shape
    a, b, keys, turns, ordered = np.empty(k), np.empty(k), np.empty(k), np.empty(k), np.empty(k)
    lines, scratch = np.empty(k, np.int64), np.empty((2, k + 2), np.int64)
    fours, middle, reach = in_fours(weights)
    total = np.zeros(len(offset))
    for h in range(k):
        total += weights[h]
    center(total, offset, offset, middle, reach)
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
            order_lines(keys, k, scratch, lines, ordered)
            value, position = sweep_gaps(
                turns, fours, lines, k, middle, reach, keys, current * (1 - 1e-12)
            )
            failures += 1
            if position < 0 or (position > 0 and ordered[position] == ordered[position - 1]):
                continue  # nothing better, or no gap at all
            if value > current * (1 + 1e-12):
                failures = 0
            current = max(current, value)
            u, v = gap(turns, a, b, lines, k, position)
            x = u * x + v * y
            x /= np.sqrt((x * x).sum())
        if current > best:
            best = current
            best_point[:] = x
