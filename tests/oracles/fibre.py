"""Distances to fibres in rational arithmetic, by enumeration; shares no code with the package.

Everything is decided on the rationals that the floats are: hyperplanes, jumps, which sets of them
may be turned around, and whether some parametrization lies within a given level.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

ZERO = Fraction(0)


def exact(weights, outputs):
    """Rows and output weights as fractions."""
    return [[Fraction(float(p)) for p in row] for row in weights], [
        Fraction(float(c)) for c in outputs
    ]


def form(weights, outputs):
    """Jumps by normal (first entry 1), and the gradient where all normals are negative."""
    jumps, linear = {}, [ZERO] * len(weights[0])
    for row, c in zip(weights, outputs, strict=True):
        head = next((p for p in row if p), ZERO)
        if head == 0 or c == 0:
            continue
        normal = tuple(p / head for p in row)
        jumps[normal] = jumps.get(normal, ZERO) + c * abs(head)
        if head < 0:
            linear = [p + c * q for p, q in zip(linear, row, strict=True)]
    return [(n, j) for n, j in jumps.items() if j], linear


def affine(weights, outputs):
    """The network with the frozen last neuron, and constants, as linear functions of x_d."""
    rows, values = [], []
    for row, c in zip(weights, outputs, strict=True):
        if any(row[:-1]):
            rows.append(row)
            values.append(c)
        elif row[-1] > 0:
            rows += [row, [-p for p in row]]
            values += [c, -c]
    return rows or [[ZERO] * len(weights[0])], values or [ZERO]


def same_function(gamma, theta, offset=False):
    """Equality of realizations: on R^d, or for inputs (x, 1)."""
    one, two = exact(*gamma), exact(*theta)
    if offset:
        one, two = affine(*one), affine(*two)
    planes, linear = form(one[0] + two[0], one[1] + [-c for c in two[1]])
    return not planes and not any(linear)


def scales(a, e, level):
    """Interval of t >= 0 with ‖a - t e‖ <= level; None if empty, upper end None if unbounded."""
    low, high = ZERO, None
    for x, y in zip(a, e, strict=True):
        if y == 0:
            if abs(x) > level:
                return None
        else:
            ends = sorted(((x - level) / y, (x + level) / y))
            low, high = max(low, ends[0]), ends[1] if high is None else min(high, ends[1])
    return None if high is not None and low > high else (low, high)


def on_scaled_ray(a, c, e, p, level):
    """Whether some t > 0 has ``|c - p / t| <= level`` and ``‖a - t e‖ <= level``."""
    found = scales(a, e, level)
    if found is None:
        return False
    low, high = found
    gain = c if p > 0 else -c
    if gain + level <= 0:
        return False
    low = max(low, abs(p) / (gain + level))
    if gain > level:
        top = abs(p) / (gain - level)
        high = top if high is None else min(high, top)
    return high is None or (low <= high and high > 0)


def on_balanced_ray(a, c, e, p, level):
    """The same for the one t with ``|p| / t = t ‖e‖``: a root, compared by its square."""
    size = max(map(abs, e))
    square = abs(p) / size
    pairs = [(c, size if p > 0 else -size), *zip(a, e, strict=True)]
    return all(
        (x - level) * abs(x - level) <= y * abs(y) * square <= (x + level) * abs(x + level)
        for x, y in pairs
    )


def share_ray(pair, e, jump, level):
    """Whether two neurons on the ray of e within the level have products that add up to jump."""
    low = high = ZERO
    for a, c in pair:
        found = scales(a, e, level)
        if found is None:
            return False
        corners = [(c + s * level) * t for s in (-1, 1) for t in found]
        low, high = low + min(corners), high + max(corners)
    return low <= jump <= high


def matching(table, size):
    return any(
        all(table[i][j] for i, j in enumerate(o)) for o in itertools.permutations(range(size))
    )


def count_planes(theta, offset=False):
    """Hyperplanes along which the function breaks."""
    network = exact(*theta)
    return len(form(*(affine(*network) if offset else network))[0])


def nearer(gamma, theta, level, offset=False, balanced=False):
    """Whether a parametrization of R(theta) is at most ``level`` away: K = m or m - 1, on N or N'.

    With an offset, K = m.
    """
    on_ray, silent = (on_balanced_ray, max) if balanced else (on_scaled_ray, min)
    a, c = exact(*gamma)
    network = exact(*theta)
    planes, linear = form(*(affine(*network) if offset else network))
    d = len(linear)
    constant = None
    if offset:
        constant, a, c = c[-1], a[:-1], c[:-1]
    m, k = len(a), len(planes)
    spare = m - k
    assert spare in (0, 1) and not (offset and spare)
    neurons = list(zip(a, c, strict=True))
    for flip in itertools.product((1, -1), repeat=k):
        left = list(linear)
        for (n, j), side in zip(planes, flip, strict=True):
            if side < 0:
                left = [p + j * q for p, q in zip(left, n, strict=True)]
        rays = [(tuple(s * p for p in n), j) for (n, j), s in zip(planes, flip, strict=True)]
        if not any(left[: d - 1] if offset else left):
            if offset and abs(constant - left[-1]) > level:
                continue
            table = [
                [on_ray(*x, *ray, level) for ray in rays]
                + [silent(abs(x[1]), max(map(abs, x[0]))) <= level] * spare
                for x in neurons
            ]
            if matching(table, m):
                return True
        if spare == 0:
            continue
        for h in range(k):
            if flip[h] < 0:
                continue
            n, jump = planes[h]
            # Reversed neurons of h with jump q leave -q n, which has to cancel what is left.
            lead = next(i for i, p in enumerate(n) if p)
            q = -left[lead] / n[lead]
            if any(p + q * x for p, x in zip(left, n, strict=True)):
                continue
            others = [ray for i, ray in enumerate(rays) if i != h]
            back = tuple(-p for p in n)
            for one, two in itertools.permutations(range(m), 2):
                pair = neurons[one], neurons[two]
                if balanced and q in (0, jump):  # the same direction
                    fits = False
                elif q == 0:
                    fits = share_ray(pair, n, jump, level)
                elif q == jump:
                    fits = share_ray(pair, back, jump, level)
                else:
                    fits = on_ray(*pair[0], n, jump - q, level) and on_ray(*pair[1], back, q, level)
                if not fits:
                    continue
                rest = [x for i, x in enumerate(neurons) if i not in (one, two)]
                table = [[on_ray(*x, *ray, level) for ray in others] for x in rest]
                if matching(table, len(rest)):
                    return True
    return False
