"""A whole seminorm of a small network in one call: from its weights to the parts of a record.

The steps are those of `_problem`, `_portfolio` and `_flats`, which take over (`ELSEWHERE`) where
floats leave anything open, and for everything that is not small.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

from landscape.seminorm._kernels_crowds import gap
from landscape.seminorm._kernels_flats import search
from landscape.seminorm._kernels_plane import in_fours, line_keys, sweep_gaps
from landscape.seminorm._kernels_points import beside, settle
from landscape.seminorm._kernels_prepare import (
    arrange,
    gradient_of,
    neuron_sides,
    scale_products,
    summarize,
    surely_full_column_rank,
    weigh,
)
from landscape.seminorm._kernels_sort import order_lines

EPS = 2.220446049250313e-16

ELSEWHERE, PLANE, FLATS = 0, 1, 2
#: As in `_record`.
LOWER, TOLERANCE, EXPONENT, COORDINATE, PARTS = 0, 1, 2, 3, 4


def network(rows, factors, generic, direction, tolerance, noticeable, most, result):
    """The seminorm of a network, as the method that found it and the parts of its record.

    Parameters
    ----------
    rows : (m, d), factors : (m,)
        Weights and output weights.
    generic, direction : (d,) functional that tells directions apart, and one in general position
    tolerance, noticeable : see `_kernels_prepare.arrange`
    most : flats are searched if they visit at most so many rows
    result : (PARTS + 2 d + m,) output, see `_record`, in units of a power of two
    """
    m, d = rows.shape
    if d == 2:
        return _plane(rows, factors, direction, result)
    products = np.empty((m, d))
    exponent = scale_products(rows, factors, products)
    merged = np.empty((m, d))
    labels, orientations = np.empty(m, np.int64), np.empty(m, np.int8)
    n = arrange(rows, generic, tolerance, noticeable, merged, labels, orientations)
    planes = merged[:n]
    weights, offset = np.empty((n, d)), np.empty(d)
    k = weigh(products, labels, orientations, weights, offset)
    visited = float(k)
    for level in range(d - 2):
        visited *= (k - level) / (level + 1.0)
    if k <= d or visited > most:
        return ELSEWHERE
    used, inner = planes, weights
    if k < n:
        used, inner = _where_it_jumps(planes, weights, k)
    if not surely_full_column_rank(used) or _one_sign(used, inner):
        return ELSEWHERE
    sums = np.empty((5, d))
    summarize(inner, offset, sums)
    slack = 4 * EPS * (k + 2) * sums[4].max()
    units = np.empty((k, d))
    for h in range(k):
        norm = 0.0
        for j in range(d):
            norm += used[h, j] * used[h, j]
        norm = np.sqrt(norm)
        for j in range(d):
            units[h, j] = used[h, j] / norm
    never = np.zeros(1, np.int64)
    found = search(units, inner, offset, 2, k, -1.0, slack, 0, 2**62, never)
    best, point, free, items, dependent, complete = (
        found[0], found[1], found[2], found[3], found[5], found[7],
    )  # fmt: skip
    if len(items) > 0 or len(dependent) > 0 or not complete or best < 0:
        return ELSEWHERE
    sides = np.empty(k, np.bool_)
    if not beside(used, inner, offset, point, free, direction, sides):
        return ELSEWHERE
    if k < n:
        # Off the other hyperplanes as well.
        wanted = np.full(n, -1, np.int8)
        at = 0
        for h in range(n):
            if np.abs(weights[h]).max() > 0:
                wanted[h] = 1 if sides[at] else 0
                at += 1
        sides = np.empty(n, np.bool_)
        if not settle(planes, point, direction, wanted, sides):
            return ELSEWHERE
    pattern = np.empty(m, np.bool_)
    neuron_sides(sides, labels, orientations, pattern)
    _record(products, exponent, pattern, point, slack, result)
    return FLATS


def networks(
    rows, factors, starts, generic, direction, tolerance, noticeable, most, found, results
):
    """`network` of several, the rows ``starts[p]`` to ``starts[p + 1]`` of each.

    ``found`` receives their methods, ``results`` one result after another.
    """
    d = rows.shape[1]
    for p in range(len(found)):
        start, end = starts[p], starts[p + 1]
        at = p * (PARTS + 2 * d) + start
        found[p] = network(
            rows[start:end], factors[start:end], generic, direction, tolerance, noticeable, most,
            results[at : at + PARTS + 2 * d + end - start],
        )  # fmt: skip


def _where_it_jumps(planes, weights, k):
    """The k hyperplanes with weights, and these."""
    d = planes.shape[1]
    used, inner = np.empty((k, d)), np.empty((k, d))
    at = 0
    for h in range(len(planes)):
        if np.abs(weights[h]).max() > 0:
            used[at] = planes[h]
            inner[at] = weights[h]
            at += 1
    return used, inner


def _one_sign(rows, weights):
    """Whether all jumps may be of one sign, for which there is a closed form."""
    some, other = False, False
    for h in range(len(rows)):
        jump = 0.0
        for j in range(rows.shape[1]):
            jump += rows[h, j] * weights[h, j]
        some |= jump > 0
        other |= jump < 0
    return not (some and other)


def _plane(rows, factors, direction, result):
    """Two inputs: sort the neurons' lines by angle and sweep; they are not even merged."""
    m = len(rows)
    if m < 3:
        return ELSEWHERE
    products = np.empty((m, 2))
    exponent = scale_products(rows, factors, products)
    scratch = np.empty((4, m))
    keys, turns, ordered, values = scratch[0], scratch[1], scratch[2], scratch[3]
    numbers = np.empty((4, m + 2), np.int64)
    order, places, index = numbers[0], numbers[1], numbers[3]
    for i in range(m):
        index[i] = i
        if products[i, 0] == 0 and products[i, 1] == 0:
            return ELSEWHERE
    line_keys(rows, keys, turns)
    order_lines(keys, m, places, numbers[2], order, ordered)
    low = ordered[m - 1]
    for t in range(m):
        high = ordered[t]
        # Sines of angles: those of directions that are merged are below 12 EPS.
        if abs(high - low) <= 24 * EPS * ((1.0 + abs(low)) * (1.0 + abs(high))):
            return ELSEWHERE
        low = high
    # From here on in the order of the lines, so that memory is read in a row.
    steps, first = np.empty((m, 2)), keys
    total, size = np.zeros(2), np.zeros(2)
    some, other = False, False
    for t in range(m):
        i = order[t]
        first[t] = turns[i]
        for j in range(2):
            step = products[i, j]
            steps[t, j] = step
            total[j] += step
            size[j] += abs(step)
        some |= factors[i] > 0
        other |= factors[i] < 0
    if not (some and other):
        return ELSEWHERE
    middle, reach = np.zeros(4), np.full(4, -np.inf)
    for j in range(2):
        middle[j] = 0.5 * total[j]
        reach[j] = abs(middle[j])
    _, position = sweep_gaps(first, in_fours(steps), index, index, m, middle, reach, values, -1.0)
    point = np.empty(2)
    gap(turns, rows[:, 0], rows[:, 1], index, order, m, position, np.empty((0, 2)), 2, point)
    pattern = np.empty(m, np.bool_)
    if not settle(rows, point, direction, np.full(m, -1, np.int8), pattern):
        return ELSEWHERE
    here = np.zeros(2)
    for t in range(m):
        active = (first[t] > 0) != (t < position)
        if pattern[order[t]] != active:
            return ELSEWHERE
        if active:
            for j in range(2):
                here[j] += steps[t, j]
    # The better one of x and -x.
    if max(abs(total[0] - here[0]), abs(total[1] - here[1])) > max(abs(here[0]), abs(here[1])):
        for i in range(m):
            pattern[i] = not pattern[i]
        for j in range(2):
            point[j] = -point[j]
    _record(products, exponent, pattern, point, 4 * EPS * (m + 2) * size.max(), result)
    return PLANE


def _record(products, exponent, pattern, point, tolerance, result):
    """Write the parts of a record."""
    m, d = products.shape
    gradient = result[PARTS + d : PARTS + 2 * d]
    gradient_of(products, pattern, gradient)
    lower, coordinate = -1.0, 0
    for j in range(d):
        result[PARTS + j] = point[j]
        if abs(gradient[j]) > lower:
            lower, coordinate = abs(gradient[j]), j
    for i in range(m):
        result[PARTS + 2 * d + i] = 1.0 if pattern[i] else 0.0
    largest = 0.0
    for j in range(d):
        size = 0.0
        for i in range(m):
            size += abs(products[i, j])
        largest = max(largest, size)
    # The products are rounded themselves, also those that cancel.
    result[LOWER], result[TOLERANCE] = lower, tolerance + EPS * largest
    result[EXPONENT], result[COORDINATE] = exponent, coordinate
