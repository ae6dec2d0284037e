"""What surrounds every search: sorted hyperplanes, their weights, the rank, points off them.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import math

import numpy as np

EPS = 2.220446049250313e-16


def stable_order(keys):
    """`numpy.argsort` by merging, from runs of eight: numba's quicksort takes minutes at worst."""
    n = len(keys)
    source, target = keys.copy(), np.empty(n)
    order, other = np.arange(n), np.empty(n, dtype=np.int64)
    for start in range(0, n, 8):
        for t in range(start + 1, min(start + 8, n)):
            key, index, s = source[t], order[t], t
            while s > start and source[s - 1] > key:
                source[s], order[s] = source[s - 1], order[s - 1]
                s -= 1
            source[s], order[s] = key, index
    width = 8
    while width < n:
        for start in range(0, n, 2 * width):
            middle, end = min(start + width, n), min(start + 2 * width, n)
            left, right = start, middle
            for t in range(start, end):
                if right >= end or (left < middle and source[left] <= source[right]):
                    target[t], other[t] = source[left], order[left]
                    left += 1
                else:
                    target[t], other[t] = source[right], order[right]
                    right += 1
        source, target = target, source
        order, other = other, order
        width *= 2
    return order


def sort_rows(table, chosen):
    """The chosen rows' indices, sorted lexicographically."""
    n = len(chosen)
    tied = np.ones(n, dtype=np.bool_)  # with the one before
    for column in range(table.shape[1]):
        start, some = 0, False
        while start < n:
            end = start + 1
            while end < n and tied[end]:
                end += 1
            if end > start + 1:
                keys = np.empty(end - start)
                for t in range(start, end):
                    keys[t - start] = table[chosen[t], column]
                order = stable_order(keys)
                run = chosen[start:end].copy()
                for t in range(start, end):
                    chosen[t] = run[order[t - start]]
                    if t > start:
                        tied[t] = keys[order[t - start]] == keys[order[t - start - 1]]
                        some = some or tied[t]
            start = end
        if not some:
            break


def arrange(rows, generic, tolerance, noticeable, merged, labels, orientations):
    """Orient and sort hyperplanes that clearly differ, as `landscape.canonical` does.

    Returns their number; -1 if two may have to be merged, and then nothing is written that counts.
    """
    m, d = rows.shape
    units = np.empty((m, d))
    keys = np.empty(m)
    n = 0
    for i in range(m):
        labels[i], orientations[i] = -1, 0
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        keys[i] = np.inf
        if norm == 0.0:
            continue
        n += 1
        scale = -math.frexp(norm)[1]
        norm = math.ldexp(norm, scale)
        turn = 1.0
        for j in range(d):
            units[i, j] = math.ldexp(rows[i, j], scale) / norm
        for j in range(d):
            if abs(units[i, j]) > noticeable:
                turn = -1.0 if units[i, j] < 0 else 1.0
                break
        key = 0.0
        for j in range(d):
            units[i, j] *= turn
            key += units[i, j] * generic[j]
        orientations[i] = turn
        keys[i] = abs(key)
    # Equal directions have nearly equal keys.
    order = stable_order(keys)[:n]
    slack = 2 * (tolerance + EPS) * (d + 1)
    for t in range(1, n):
        if keys[order[t]] - keys[order[t - 1]] <= slack:
            return -1
    t = 0
    for i in range(m):
        if orientations[i] != 0:
            order[t] = i
            t += 1
    sort_rows(units, order)
    for h in range(n):
        i = order[h]
        labels[i] = h
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        scale = -math.frexp(norm)[1]
        for j in range(d):
            merged[h, j] = math.ldexp(rows[i, j], scale) * orientations[i] + 0.0
    return n


def scale_products(rows, factors, products):
    """Write ``factors[i] * rows[i]`` times a power of two, and return its exponent."""
    m, d = rows.shape
    exponents = np.empty(m, dtype=np.int64)
    scales = np.empty(m, dtype=np.int64)
    active = np.zeros(m, dtype=np.bool_)
    top, some = 0, False
    for i in range(m):
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        scales[i] = math.frexp(norm)[1]
        exponents[i] = scales[i] + math.frexp(factors[i])[1]
        if norm > 0 and factors[i] != 0:
            active[i] = True
            if not some or exponents[i] > top:
                top, some = int(exponents[i]), True
    for i in range(m):
        mantissa = math.frexp(factors[i])[0]
        shift = max(int(exponents[i]) - top, -2000) if active[i] else 0
        for j in range(d):
            product = math.ldexp(rows[i, j], -int(scales[i])) * mantissa
            products[i, j] = math.ldexp(product, shift)
    return top


def weigh(products, labels, orientations, weights, offset):
    """Weights of hyperplanes with one neuron each, and the gradient on their negative sides.

    Returns the number of hyperplanes where the gradient jumps.
    """
    m, q = products.shape
    neurons = np.empty(len(weights), dtype=np.int64)
    for i in range(m):
        if labels[i] >= 0:
            neurons[labels[i]] = i
    n_used = 0
    for h in range(len(weights)):
        i = neurons[h]
        jumps = False
        for j in range(q):
            weights[h, j] = orientations[i] * products[i, j]
            if orientations[i] < 0:
                offset[j] += products[i, j]
            if products[i, j] != 0:
                jumps = True
        if jumps:
            n_used += 1
    return n_used


def surely_full_column_rank(rows):
    """Whether floats are enough to see that the rank is the number of columns.

    Gram-Schmidt with pivoting: the least singular value is at least the last pivot over 2^d, and
    rounding errors are far below the bound taken.
    """
    d = rows.shape[1]
    n = min(len(rows), 20 * d)
    if n < d or d == 0:
        return d == 0
    basis = rows[:n].copy()
    least = 0.0
    for step in range(d):
        best, pivot = -1.0, step
        for j in range(step, d):
            size = 0.0
            for i in range(n):
                size += basis[i, j] * basis[i, j]
            if size > best:
                best, pivot = size, j
        norm = math.sqrt(best)
        if step == 0:
            least = 16 * EPS * n * d * math.sqrt(float(d)) * 2.0**d * norm
        if not norm > least:
            return False
        for i in range(n):
            value = basis[i, pivot]
            basis[i, pivot] = basis[i, step]
            basis[i, step] = value / norm
        for j in range(step + 1, d):
            inner = 0.0
            for i in range(n):
                inner += basis[i, step] * basis[i, j]
            for i in range(n):
                basis[i, j] -= inner * basis[i, step]
    return True


def summarize(weights, offset, sums):
    """Per coordinate: total, positive and negative part, ceiling, size (rows of ``sums``)."""
    k, q = weights.shape
    for j in range(q):
        total, plus, minus = 0.0, 0.0, 0.0
        for h in range(k):
            weight = weights[h, j]
            total += weight
            if weight > 0:
                plus += weight
            else:
                minus += weight
        sums[0, j] = 2 * offset[j] + total
        sums[1, j] = plus
        sums[2, j] = minus
        sums[3, j] = max(offset[j] + plus, -offset[j] - minus)
        sums[4, j] = plus - minus + abs(offset[j])


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
