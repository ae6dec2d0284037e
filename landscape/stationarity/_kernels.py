"""Bounded least squares and rays, compiled: multipliers are proposed here, and judged elsewhere."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64.
import math

import numpy as np

from landscape._kernels import add, copy, gamma, inner
from landscape.compiled import compiled

#: A column whose part across the others is relatively smaller depends on them.
DEPENDENT = 1e-12

#: Slopes that are smaller, relative to the sizes of a column and of what is left, are zero.
FLAT = 1e-15

#: Rays that need a larger share of what is allowed are looked at in fewer dimensions, elsewhere.
CLEAR = 0.25


@compiled
def _fit(rows, used, count, left, q, r, out):
    """Least squares fit of ``left`` by the used rows: ``out`` (count,), false if they depend."""
    for p in range(count):
        for j in range(left.size):
            q[p, j] = rows[used[p], j]
        size = inner(q[p], q[p])
        for b in range(p):
            r[b, p] = 0.0
        for _ in range(2):
            for b in range(p):
                part = inner(q[p], q[b])
                r[b, p] += part
                add(-part, q[b], q[p])
        own = inner(q[p], q[p])
        if not own > DEPENDENT * DEPENDENT * size:
            return False
        r[p, p] = np.sqrt(own)
        for j in range(left.size):
            q[p, j] /= r[p, p]
        out[p] = inner(q[p], left)
        add(-out[p], q[p], left)
    for p in range(count - 1, -1, -1):
        for b in range(p + 1, count):
            out[p] -= r[p, b] * out[b]
        out[p] /= r[p, p]
    return True


@compiled
def _rest(rows, target, t, free, left):
    """What the rows that are not free leave of the target; all of them, where none is."""
    for j in range(target.size):
        left[j] = target[j]
    for j in range(t.size):
        if t[j] != 0.0 and not free[j]:
            add(-t[j], rows[j], left)


@compiled
def bounded_least_squares(rows, target, upper):
    """The t (p,) with 0 <= t <= upper, which may be infinite, of least ``‖rows^T t - target‖_2``.

    From ``rows`` (p, d) and ``target`` (d,), by active sets: variables inside their bounds are
    solved for, the first of them that meets a bound stays there (Stark and Parker,
    *Bounded-variable least-squares*, 1995). Where rounding leaves no way on, it ends with what it
    has.
    """
    p, d = rows.shape
    t, left, n_free = np.zeros(p), np.empty(d), 0
    free, barred, none = np.zeros(p, np.bool_), np.zeros(p, np.bool_), np.zeros(p, np.bool_)
    used, out = np.arange(d), np.empty(d)
    q, r, sizes = np.empty((d, d)), np.empty((d, d)), np.empty(p)
    if p <= d:  # independent rows, the usual case, often have their multipliers inside the bounds
        _rest(rows, target, t, none, left)
        inside = _fit(rows, used, p, left, q, r, out)
        for j in range(p):
            inside &= 0.0 <= out[j] <= upper[j]
        if inside:
            return out[:p]
    for j in range(p):
        sizes[j] = np.sqrt(inner(rows[j], rows[j]))
    for _ in range(10 * p + 10):
        _rest(rows, target, t, none, left)
        noise = FLAT * (np.sqrt(inner(target, target)) + np.sqrt(inner(left, left)))
        best, enter = noise, -1
        for j in range(p):
            if free[j] or barred[j] or sizes[j] == 0.0:
                continue
            gain = inner(rows[j], left) / sizes[j]
            gain = gain if t[j] == 0.0 else -gain
            if gain > best:
                best, enter = gain, j
        if enter < 0 or n_free == d:
            break
        free[enter], first = True, True
        n_free += 1
        while True:
            count = 0
            for j in range(p):
                if free[j]:
                    used[count] = j
                    count += 1
            _rest(rows, target, t, free, left)
            good = _fit(rows, used, count, left, q, r, out)
            step, stop = 1.0, -1
            for c in range(count if good else 0):
                j = used[c]
                if first and j == enter:  # on the wrong side its slope was rounding
                    good = out[c] > 0.0 if t[j] == 0.0 else out[c] < upper[j]
                if out[c] < 0.0 and step * (t[j] - out[c]) >= t[j]:
                    step, stop = t[j] / (t[j] - out[c]), j
                elif out[c] > upper[j] and step * (out[c] - t[j]) >= upper[j] - t[j]:
                    step, stop = (upper[j] - t[j]) / (out[c] - t[j]), j
            if not good:
                if first:
                    free[enter], barred[enter] = False, True
                    n_free -= 1
                break
            for c in range(count):
                j = used[c]
                t[j] = min(max(t[j] + step * (out[c] - t[j]), 0.0), upper[j])
            if stop < 0:
                for j in range(p):
                    barred[j] = False
                break
            t[stop] = 0.0 if t[stop] < 0.5 * upper[stop] else upper[stop]
            free[stop], first = False, False
            n_free -= 1
    return t


@compiled
def left_over(rows, gradient, t, unit):
    """``gradient + rows^T t`` (d,) and a bound on its rounding errors: 0 without rows."""
    (p, d), left, rounding = rows.shape, gradient.copy(), np.zeros(gradient.size)
    for j in range(d if p > 0 else 0):
        value, size = 0.0, 0.0
        for q in range(p):
            value += t[q] * rows[q, j]
            size += t[q] * abs(rows[q, j])
        left[j] += value
        rounding[j] = gamma(p + 2, unit) * (abs(gradient[j]) + size)
    return left, rounding


@compiled
def _in_units(gradients, kinks, allowed, i, first, end):
    """A neuron's gradient and kinks in units in which as much is allowed for every coordinate."""
    d = gradients.shape[1]
    units, rows, g = np.empty(d), np.empty((end - first, d)), np.empty(d)
    for j in range(d):
        exponent = math.frexp(allowed[i, j] if allowed[i, j] > 0.0 else 1.0)[1]
        units[j] = math.ldexp(1.0, -min(max(exponent, -900), 900))
        g[j] = gradients[i, j] * units[j]
        for q in range(first, end):
            rows[q - first, j] = kinks[q, j] * units[j]
    return units, g, rows


@compiled
def fits(gradients, kinks, weights, allowed, i, first, end, unit, t, short):
    """Whether 0 is in the subdifferential of a convex h, up to what is ``allowed`` (m, d).

    That of neuron i, with the kinks from ``first`` to ``end``. If so, by how much it may be missed
    is added to ``short`` (m, d), and ``t`` has the multipliers of the kinks.
    """
    d = gradients.shape[1]
    units, g, rows = _in_units(gradients, kinks, allowed, i, first, end)
    target, upper = np.empty(d), np.empty(end - first)
    for j in range(d):
        target[j] = -g[j]
    for q in range(first, end):
        upper[q - first] = 1.0
        for j in range(d):
            rows[q - first, j] *= weights[q]
    found = bounded_least_squares(rows, target, upper)
    left, rounding = left_over(rows, g, found, unit)
    for j in range(d):
        if not abs(left[j]) <= allowed[i, j] * units[j]:
            return False
    for j in range(d):
        short[i, j] += (abs(left[j]) + rounding[j]) / units[j]
    for q in range(first, end):
        t[q] = found[q - first]
    return True


@compiled
def _normal(rows, subset, relative, ray, errors, minors, sizes):
    """A vector orthogonal to r - 1 of the rows in R^r, by its minors, and bounds on its errors.

    Entries far apart in size would lose what is small: rays are scaled to size one.
    """
    r = ray.size
    minors[0] = sizes[0] = 1.0
    for columns in range(1, 2**r - 1):  # Laplace's expansion along the last row
        count = 0
        for j in range(r):
            count += (columns >> j) & 1
        row, at, value, size = rows[subset[count - 1]], 0, 0.0, 0.0
        for j in range(r):
            if (columns >> j) & 1:
                term = row[j] if (count - 1 + at) % 2 == 0 else -row[j]
                value += term * minors[columns ^ (1 << j)]
                size += abs(row[j]) * sizes[columns ^ (1 << j)]
                at += 1
        minors[columns], sizes[columns] = value, size
    largest = 0.0
    for j in range(r):
        value = minors[(2**r - 1) ^ (1 << j)]
        ray[j] = value if j % 2 == 0 else -value
        # Entries of a single row are exact.
        errors[j] = 0.0 if r == 2 else relative * sizes[(2**r - 1) ^ (1 << j)]
        largest = max(largest, abs(value))
    exponent = math.frexp(largest)[1]
    for j in range(r):
        ray[j], errors[j] = math.ldexp(ray[j], -exponent), math.ldexp(errors[j], -exponent)
    return math.ldexp(largest, -exponent)


@compiled
def _on_ray(ray, errors, gradient, kinks, weights, bounds, delta, relative, unit, least, z, e):
    """A neuron's h on a ray and on the one opposite, each with its error and whether it is open.

    Sums of :class:`landscape.rounding.Bounded` without its arrays, and what ``delta`` allows. A ray
    that is not certainly infeasible is open.
    """
    r, q, up = ray.size, weights.size, 1.0 + 16.0 * unit
    slope, error, allowed = 0.0, 0.0, 0.0
    for k in range(q):
        z[k], e[k] = 0.0, 0.0
    for j in range(r):
        size = errors[j] + relative[0] * abs(ray[j])
        slope += ray[j] * gradient[j]
        error += size * abs(gradient[j])
        allowed += (abs(ray[j]) - errors[j]) * delta[j]
        add(ray[j], kinks[j], z)
        for k in range(q):
            e[k] += size * abs(kinks[j, k])
    ahead = back = True
    for k in range(bounds.shape[1]):
        side, slack = 0.0, 0.0
        for j in range(r):
            side += ray[j] * bounds[j, k]
            slack += (errors[j] + relative[0] * abs(ray[j])) * abs(bounds[j, k])
        slack = up * slack + r * least
        ahead &= not side < -slack
        back &= not side > slack
    rise, fall, size_up, size_down, lost_up, lost_down = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(q):
        w, own = weights[k], up * e[k] + r * least
        up_z, down_z = max(z[k], 0.0), max(-z[k], 0.0)
        rise += w * up_z
        fall += w * down_z
        size_up += abs(w) * up_z
        size_down += abs(w) * down_z
        lost_up += abs(w) * own if z[k] >= -own else 0.0
        lost_down += abs(w) * own if z[k] <= own else 0.0
    error = up * error + r * least
    rise, fall = slope + rise, fall - slope
    lost_up = up * (lost_up + relative[1] * size_up) + q * least
    lost_down = up * (lost_down + relative[1] * size_down) + q * least
    lost_up = up * (error + lost_up + unit * abs(rise))
    lost_down = up * (error + lost_down + unit * abs(fall))
    return allowed * (1.0 - relative[0]), (rise, lost_up, ahead), (fall, lost_down, back)


@compiled
def examine_rays(rows, gradient, kinks, weights, bounds, delta, relative, unit, least, most):
    """Where h falls most along the rays of the hyperplanes ``rows`` (p, r), as a slope and a ray.

    Slope 0 where it does not fall; then the share of what ``delta`` (r,) allows that is needed, and
    the subsets of rows (r - 1,) whose rays rounding leaves open, at most ``most`` + 1 of them.
    ``kinks`` (r, q) and ``bounds`` (r, p) stand column by column; ``relative`` bounds sums of r, of
    q and of 2 r^2 products.
    """
    p, r = rows.shape
    lowest, witness, share, n_open = 0.0, np.zeros(r), 0.0, 0
    subset, left = np.arange(r - 1), np.empty((most + 1, r - 1), dtype=np.int64)
    ray, errors, z, e = np.empty(r), np.empty(r), np.empty(weights.size), np.empty(weights.size)
    minors, sizes = np.empty(2**r), np.empty(2**r)
    while True:
        length = _normal(rows, subset, relative[2], ray, errors, minors, sizes)
        allowed, ahead, back = _on_ray(
            ray, errors, gradient, kinks, weights, bounds, delta, relative, unit, least, z, e
        )
        for side in range(2):
            value, error, feasible = ahead if side == 0 else back
            if not feasible:
                continue
            if value + error + allowed < 0.0:
                slope = value / (length if length > 0.0 else 1.0)
                if slope < lowest:
                    lowest = slope
                    for j in range(r):
                        witness[j] = ray[j] if side == 0 else -ray[j]
            if not value - error + allowed >= 0.0:
                if n_open <= most:
                    for j in range(r - 1):
                        left[n_open, j] = subset[j]
                    n_open += 1
            elif value < error:
                share = max(share, (error - value) / allowed)
        at = r - 2
        while at >= 0 and subset[at] == p - (r - 1) + at:
            at -= 1
        if at < 0:
            break
        subset[at] += 1
        for j in range(at + 1, r - 1):
            subset[j] = subset[j - 1] + 1
    return lowest, witness, share, left[:n_open]


@compiled
def rises(gradients, kinks, weights, allowed, i, first, end, unit, least, few, short):
    """The number of rays if h is non-negative on all of them, up to ``allowed``, and so is h.

    That of neuron i, as in :func:`fits`; then what is used of ``allowed`` is added to ``short``.
    The number is 0 where h falls, or nearly does, or rounding leaves a ray open, or rays or
    dimensions are more than ``few``.
    """
    d, q, n_axes, number = gradients.shape[1], end - first, 0, 2
    units, g, rows = _in_units(gradients, kinks, allowed, i, first, end)
    columns, own, fresh, delta = np.empty((d, q)), np.empty(q), np.empty(d), np.empty(d)
    for j in range(d):
        fresh[j], delta[j] = 1.0, allowed[i, j] * units[j]
    for p in range(q):
        count, last, own[p] = 0, 0, weights[first + p]
        for j in range(d):
            columns[j, p] = rows[p, j]
            if rows[p, j] != 0.0:
                count, last = count + 1, j
        if count == 1:  # it is an axis itself
            fresh[last] = 0.0
    for j in range(d):
        n_axes += fresh[j] > 0.0
    for j in range(d - 1):  # a binomial, exactly
        number = number * (q + n_axes - j) // (j + 1)
        if number > few[0] or d > few[1]:
            return 0
    whole, at = np.zeros((q + n_axes, d)), q
    copy(rows, whole)
    for j in range(d):
        if fresh[j] > 0.0:
            whole[at, j] = 1.0
            at += 1
    relative = gamma(d, unit), gamma(q, unit), gamma(2 * d * d, unit)
    lowest, _, share, left = examine_rays(
        whole, g, columns, own, np.empty((d, 0)), delta, relative, unit, least, 0
    )
    if lowest != 0.0 or len(left) > 0 or share > CLEAR:
        return 0
    for j in range(d):
        short[i, j] += share * (1.0 + 1e-12) * delta[j] * (1.0 + 1e-12) / units[j]
    return number
