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
    for box in range(n + 2):
        heads[box] = 0
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
    result, sizes, exponents = np.empty((m, d)), np.zeros(m), np.zeros(m, np.int64)
    for i in range(m):
        for j in range(d):
            sizes[i] = max(sizes[i], abs(rows[i, j]))
        sizes[i], exponents[i] = math.frexp(sizes[i])
        if abs(exponents[i]) < 1000:  # a factor that is a float: faster, and the same
            factor = math.ldexp(1.0, -exponents[i])
            for j in range(d):
                result[i, j] = rows[i, j] * factor
        else:
            for j in range(d):
                result[i, j] = math.ldexp(rows[i, j], -exponents[i])
    return result, sizes, exponents


@compiled
def correct_sums(rows, chosen, sums):
    """Correctly rounded sums of the chosen rows (m, q), into ``sums``; false where that is open.

    Compensated sums: the error of each addition is known, and only their sum is rounded. What that
    loses must not reach the middle between two floats.
    """
    m, q = rows.shape
    for c in range(q):
        total, error, size = 0.0, 0.0, 0.0
        for i in range(m):
            if chosen[i]:
                x, before = rows[i, c], total
                total = before + x
                part = total - before
                error += (before - (total - part)) + (x - part)
                size += abs(x)
        rounded = total + error
        part = rounded - total
        left = (total - (rounded - part)) + (error - part)
        mantissa, exponent = math.frexp(abs(rounded))
        middle = math.ldexp(0.25 if mantissa == 0.5 else 0.5, exponent - 53) if mantissa else 0.0
        if size > 0.0 and not abs(left) + 2.0 * m * m * EPS * EPS * size < middle:
            return False
        sums[c] = rounded
    return True


@compiled
def scaled_products(rows, factors):
    """``factors[i] * rows[i] = products[i] * 2^exponent``, rounded once; the largest is near one.

    Without overflow or underflow.
    """
    products, sizes, exponents = scaled(rows)
    lowest = -(2**20)
    exponent = lowest
    for i in range(len(rows)):
        mantissa, shift = math.frexp(factors[i])
        exponents[i] = exponents[i] + shift if sizes[i] * mantissa != 0 else lowest
        exponent = max(exponent, exponents[i])
    for i in range(len(rows)):
        factor = math.ldexp(math.frexp(factors[i])[0], max(exponents[i] - exponent, -2000))
        for j in range(rows.shape[1]):
            products[i, j] *= factor
    return products, exponent if exponent > lowest else 0


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
def hyperplanes(neurons, generic, tolerance):
    """Neurons (m, d), ordered by products with a generic vector, if these tell all of them apart.

    Returns rows, labels and orientations as `landscape.canonical.Hyperplanes` has them, whether all
    are clearly different (the products of equal directions of max-norm one differ by less), and
    whether they surely have rank d.
    """
    m, d = neurons.shape
    units, sizes, _ = scaled(neurons)
    rows, keys, ordered = np.empty((m, d)), np.empty(m), np.empty(m)
    order, labels = np.empty(m, np.int64), np.empty(m, np.int64)
    orientations, distinct = np.empty(m, np.int8), True
    for i in range(m):
        key = 0.0
        for j in range(d):
            key += units[i, j] * generic[j]
        orientations[i] = -1 if key < 0 else 1
        keys[i] = abs(key) / sizes[i] if sizes[i] > 0 else 0.0
        distinct &= sizes[i] > 0
    order_lines(keys, m, np.empty((2, m + 2), np.int64), order, ordered)
    slack = 2 * (tolerance + (d + 1) * EPS) * (d + 1)
    for h in range(m):
        distinct &= h == 0 or ordered[h] - ordered[h - 1] > slack
        i = order[h]
        labels[i] = h
        for j in range(d):
            rows[h, j] = units[i, j] * orientations[i]
    return rows, labels, orientations, distinct, spans(rows)


@compiled
def jumps(labels, orientations, products):
    """By what the gradient jumps across each of m hyperplanes, (m, q), and its value below all.

    Summed in the hyperplanes' order, so that it does not depend on the neurons'. Also whether it
    jumps at all of them.
    """
    m, q = products.shape
    weights, offset, turned = np.empty((m, q)), np.zeros(q), np.empty(m, np.bool_)
    everywhere = True
    for i in range(m):
        turned[labels[i]], jump = orientations[i] < 0, False
        for c in range(q):
            weights[labels[i], c] = orientations[i] * products[i, c]
            jump |= products[i, c] != 0.0
        everywhere &= jump
    for h in range(m):
        if turned[h]:
            for c in range(q):
                offset[c] -= weights[h, c]
    return weights, offset, everywhere


@compiled
def bound(weights, offset):
    """Per coordinate the total and the bound of a `CellProblem`; its largest sum of all sizes."""
    total, bounds, largest = np.empty(len(offset)), np.empty(len(offset)), 0.0
    for c in range(len(offset)):
        size, total[c] = 0.0, 2.0 * offset[c]
        for h in range(len(weights)):
            total[c] += weights[h, c]
            size += abs(weights[h, c])
        bounds[c] = 0.5 * (size + abs(total[c]))
        largest = max(largest, size + abs(offset[c]))
    return total, bounds, largest


@compiled
def one_sided(rows, weights, bounds):
    """The coordinate of the largest bound; -1 if its jumps along that axis have both signs."""
    j, negative, positive = 0, False, False
    for c in range(1, len(bounds)):
        if bounds[c] > bounds[j]:
            j = c
    if j >= rows.shape[1]:
        return -1
    for h in range(len(rows)):
        jump = rows[h, j] * weights[h, j]
        negative |= jump < 0.0
        positive |= jump > 0.0
    return -1 if negative and positive else j


@compiled
def settle(rows, point, direction, wanted, positive):
    """Move a point (in place) off the hyperplanes that it is on; whether floats can tell its sides.

    ``wanted[h]`` is 1 or 0 where hyperplane h must have the point on its positive or negative side
    before and after, and -1 where it need not. ``positive`` receives the sides. Hyperplanes that
    the point is clearly not on are not crossed on its way along a generic direction.
    """
    k, r = rows.shape
    sides = np.empty(k, np.int8)
    for h in range(k):
        sides[h] = wanted[h]
    for attempt in range(2):
        largest, step, all_clear = 0.0, 1.0, True
        for j in range(r):
            largest = max(largest, abs(point[j]))
        for j in range(r):
            point[j] /= largest if largest > 0 else 1.0
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
        for j in range(r):
            point[j] += 0.5 * step * direction[j]  # half as far as the others allow
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
    middle, reach = np.zeros(4 * len(fours)), np.empty(4 * len(fours))
    for j in range(q):
        for h in range(k):
            fours[j // 4, h, j % 4] = weights[h, j]
    for j in range(len(reach)):
        reach[j] = -np.inf
    return fours, middle, reach


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
    Also whether there are any.
    """
    k = len(rows)
    keys, turns, ordered = np.empty(k), np.empty(k), np.empty(k)
    order, close, any_close = np.empty(k, np.int64), np.zeros(k, np.bool_), False
    line_keys(rows[:, 0].copy(), rows[:, 1].copy(), keys, turns)
    order_lines(keys, k, np.empty((2, k + 2), np.int64), order, ordered)
    for t in range(k - 1):
        low, high = ordered[t], ordered[t + 1]
        close[t] = abs(high - low) <= 24 * EPS * ((1.0 + abs(low)) * (1.0 + abs(high)))
        any_close |= close[t]
    return order, turns, close, any_close


@compiled
def sweep_plane(rows, weights, offset, order, turns, pattern, point):
    """The best cell of the plane's lines, see `sort_plane`: its value; ``pattern``, ``point``.

    Also the number of the line after it, and whether the rays on both sides are too close for the
    point, their sum, to be relied on.
    """
    k, q = weights.shape
    fours, middle, reach = in_fours(weights)
    total, gradient, a, b = np.zeros(q), np.empty(q), rows[:, 0].copy(), rows[:, 1].copy()
    for h in range(k):
        for c in range(q):
            total[c] += weights[h, c]
    center(total, offset, offset, middle, reach)
    best = sweep_gaps(turns, fours, order, k, middle, reach, np.empty(k), -1.0)[1]
    for c in range(q):
        gradient[c] = offset[c]
    for t in range(k):
        h = order[t]
        pattern[h] = (turns[h] > 0) != (t < best)
        if pattern[h]:
            for c in range(q):
                gradient[c] += weights[h, c]
    x, y = ray(turns, a, b, order[best])
    u, v = ray(turns, a, b, order[best - 1])
    side = 1.0 if best > 0 else -1.0
    value, opposite, thin = 0.0, 0.0, abs(x * v - y * u) <= 1e-12
    for c in range(q):
        value = max(value, abs(gradient[c]))
        opposite = max(opposite, abs(2.0 * offset[c] + total[c] - gradient[c]))
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
    total, x, y = np.zeros(len(offset)), np.empty(r), np.empty(r)
    for h in range(k):
        for c in range(len(offset)):
            total[c] += weights[h, c]
    center(total, offset, offset, middle, reach)
    best, used = -1.0, 0
    for s in range(len(starts)):
        current, failures = -1.0, 0
        for c in range(r):
            x[c] = starts[s, c]
        while failures < patience and stop[0] == 0:
            for c in range(r):
                other = directions[(used // 2) % len(directions), c]
                y[c] = rows[(used * 7919) % k, c] if used % 2 else other
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
            length = 0.0
            for c in range(r):
                x[c] = u * x[c] + v * y[c]
                length += x[c] * x[c]
            for c in range(r):
                x[c] /= np.sqrt(length)
        if current > best:
            best = current
            for c in range(r):
                best_point[c] = x[c]
