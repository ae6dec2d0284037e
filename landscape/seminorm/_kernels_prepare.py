"""What surrounds every search: sorted hyperplanes, their weights, the rank.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import math

import numpy as np

from landscape.seminorm._kernels_sort import order_lines, sort_by, sort_rows

EPS = 2.220446049250313e-16


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
    if count > 0 and (
        (low < 0.0 and partials[count - 1] < 0.0) or (low > 0.0 and partials[count - 1] > 0.0)
    ):
        y = 2.0 * low
        x = high + y
        if y == x - high:
            high = x
    return high


def power_of_two(exponent):
    """``2^exponent``, 0 or inf beyond the floats."""
    return math.ldexp(1.0, min(max(exponent, -1100), 1024)) if exponent < 1024 else np.inf


def scaled(value, exponent, power):
    """``value * 2^exponent``; power is ``2^exponent``, a shortcut where it is a normal number."""
    if 1e-300 < power < 1e300:
        return value * power
    return math.ldexp(value, exponent)


def arrange(rows, generic, tolerance, noticeable, merged, labels, orientations):
    """Merge rows into hyperplanes, orient and sort them: `landscape.canonical.merge_hyperplanes`.

    Parameters
    ----------
    rows : (m, d)
    generic : (d,) functional that tells directions apart: equal ones have nearly equal values
    tolerance : directions that differ by no more are equal
    noticeable : the first entry of a normal that is larger than this is positive
    merged : (m, d), labels, orientations : (m,)
        Outputs, see `landscape.canonical.Hyperplanes`.

    Returns
    -------
    n : number of hyperplanes
    """
    m, d = rows.shape
    # Directions and, where those agree, rows with powers of two taken out of them.
    table = np.empty((m, 2 * d))
    scratch = np.empty((2, m))
    keys, ordered = scratch[0], scratch[1]
    numbers = np.empty((5, m + 2), np.int64)
    present, order, group, places = numbers[0], numbers[1], numbers[2], numbers[3]
    n = 0
    for i in range(m):
        labels[i], orientations[i] = -1, 0
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        if norm == 0.0:
            continue
        scale = -math.frexp(norm)[1]
        power = power_of_two(scale)
        norm = scaled(norm, scale, power)
        turn, searching = 1.0, True
        for j in range(d):
            mantissa = scaled(rows[i, j], scale, power)
            unit = mantissa / norm
            if searching and abs(unit) > noticeable:
                turn, searching = (-1.0 if unit < 0 else 1.0), False
            table[i, j], table[i, d + j] = unit, mantissa
        key = 0.0
        for j in range(d):
            table[i, j] *= turn
            table[i, d + j] = table[i, d + j] * turn + 0.0
            key += table[i, j] * generic[j]
        orientations[i] = turn
        keys[n] = abs(key)
        present[n] = i
        n += 1
    order_lines(keys, n, places, numbers[4], order, ordered)
    slack = 2 * (tolerance + EPS) * (d + 1)
    alone = True
    t = 0
    while t < n:
        # Only hyperplanes in a run of close keys may be equal.
        end = t + 1
        while end < n and ordered[end] - ordered[end - 1] <= slack:
            end += 1
        if end == t + 1:
            group[present[order[t]]] = present[order[t]]
        else:
            # In the order of the input.
            for s in range(t, end):
                ordered[s] = order[s]
            sort_by(ordered[t:end], places, end - t)
            run = np.empty(end - t, np.int64)
            for s in range(t, end):
                run[s - t] = present[int(ordered[s])]
            alone &= _group(table, run, tolerance, group)
        t = end
    order[:n] = present[:n]
    sort_rows(table[:, : (d if alone else 2 * d)], order[:n])
    # A group is represented by its first row in this order.
    n_planes = 0
    for t in range(n):
        i = order[t]
        first = group[i]
        if labels[first] < 0:
            # Numbered here; the first of the group itself may come later.
            labels[first] = n_planes
            places[n_planes] = i
            for j in range(d):
                merged[n_planes, j] = table[i, d + j]
            n_planes += 1
        labels[i] = labels[first]
    if not alone:
        # Compared with the representative, which is robust where a leading entry is negligible.
        for t in range(n):
            i = order[t]
            chosen = places[labels[i]]
            inner = 0.0
            for j in range(d):
                inner += table[chosen, j] * table[i, j]
            if inner < 0:
                orientations[i] = -orientations[i]
    return n_planes


def _group(table, run, tolerance, group):
    """Compare each row of a run with the first of every group so far; whether all are alone."""
    n, d = len(run), table.shape[1] // 2
    alone = True
    for t in range(n):
        i = run[t]
        group[i] = i
        for s in range(t):
            first = run[s]
            if group[first] != first:
                continue
            same, opposite = True, True
            for j in range(d):
                same &= abs(table[i, j] - table[first, j]) <= tolerance
                opposite &= abs(table[i, j] + table[first, j]) <= tolerance
            if same or opposite:
                group[i] = first
                alone = False
                break
    return alone


def scale_products(rows, factors, products):
    """Write ``factors[i] * rows[i]`` times a power of two, and return its exponent."""
    m, d = rows.shape
    # Where all sizes are far from the floats' ends, products cannot lose digits.
    largest, moderate = 0.0, True
    for i in range(m):
        factor, norm = abs(factors[i]), 0.0
        for j in range(d):
            entry = abs(rows[i, j])
            norm = max(norm, entry)
            moderate &= (entry == 0.0) | (entry > 1e-50)
        largest = max(largest, norm * factor)
        moderate &= (1e-50 < factor < 1e50) and norm < 1e50
    if moderate and largest > 0.0:
        exponent = math.frexp(largest)[1]
        unit = math.ldexp(1.0, -exponent)
        for i in range(m):
            for j in range(d):
                products[i, j] = (rows[i, j] * factors[i]) * unit
        return exponent
    numbers = np.empty((2, m), dtype=np.int64)
    exponents, scales = numbers[0], numbers[1]
    top, some = 0, False
    for i in range(m):
        norm = 0.0
        for j in range(d):
            norm = max(norm, abs(rows[i, j]))
        scales[i] = -math.frexp(norm)[1]
        exponents[i] = math.frexp(factors[i])[1] - scales[i]
        if norm > 0 and factors[i] != 0 and (not some or exponents[i] > top):
            top, some = int(exponents[i]), True
    for i in range(m):
        mantissa = math.frexp(factors[i])[0]
        scale, shift = int(scales[i]), min(max(int(exponents[i]) - top, -2000), 0)
        power, fraction = power_of_two(scale), power_of_two(shift)
        for j in range(d):
            product = scaled(rows[i, j], scale, power) * mantissa
            products[i, j] = scaled(product, shift, fraction)
    return top


def weigh(products, labels, orientations, weights, offset):
    """Weights of the hyperplanes and the gradient on their negative sides, correctly rounded.

    Returns the number of hyperplanes where the gradient jumps.
    """
    m, q = products.shape
    n_planes = len(weights)
    # The neurons of plane h are members[starts[h]:starts[h + 1]].
    numbers = np.zeros((2, max(m, n_planes) + 2), dtype=np.int64)
    starts, members = numbers[0], numbers[1]
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
        start, end = starts[h], starts[h + 1]
        jumps = False
        for j in range(q):
            for t in range(start, end):
                values[t - start] = orientations[members[t]] * products[members[t], j]
            weight = values[0] if end == start + 1 else exact_sum(values, end - start, partials)
            weights[h, j] = weight
            jumps |= abs(weight) > 0
        if jumps:
            n_used += 1
    for j in range(q):
        n = 0
        for i in range(m):
            if orientations[i] < 0:
                values[n] = products[i, j]
                n += 1
        offset[j] = exact_sum(values, n, partials) + 0.0
    return n_used


def neuron_sides(sides, labels, orientations, pattern):
    """Which neurons are active where the hyperplanes have these sides."""
    for i in range(len(labels)):
        pattern[i] = labels[i] >= 0 and (sides[labels[i]] == (orientations[i] > 0))


def gradient_of(products, pattern, gradient):
    """The gradient where these neurons are active, correctly rounded."""
    values, partials = np.empty(len(products)), np.empty(64)
    for j in range(products.shape[1]):
        n = 0
        for i in range(len(products)):
            if pattern[i]:
                values[n] = products[i, j]
                n += 1
        gradient[j] = exact_sum(values, n, partials) + 0.0


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
