"""Bounded least squares, compiled: multipliers are proposed here, and judged elsewhere."""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64.
import numpy as np

from landscape._kernels import add, inner
from landscape.compiled import compiled

#: A column whose part across the others is relatively smaller depends on them.
DEPENDENT = 1e-12

#: Slopes that are smaller, relative to the sizes of a column and of what is left, are zero.
FLAT = 1e-15


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
    used, out = np.empty(d, dtype=np.int64), np.empty(d)
    q, r, sizes = np.empty((d, d)), np.empty((d, d)), np.empty(p)
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
def values_on_rays(rays, errors, gradient, kinks, weights, bounds, delta, relative, unit, least):
    """A neuron's h on ``rays`` (b, r) and on those opposite, known up to ``errors``, (2, b) each.

    Values, their errors, what delta (r,) allows, and which rays are not certainly infeasible: sums
    of :class:`landscape.rounding.Bounded` without its arrays: ``kinks`` (r, q) and ``bounds``
    (r, p) stand column by column, ``relative`` bounds sums of r and of q products.
    """
    (b, r), q, up = rays.shape, weights.size, 1.0 + 16.0 * unit
    found, lost = np.empty((2, b)), np.empty((2, b))
    allowed, feasible = np.empty(b), np.ones((2, b), np.bool_)
    z, e = np.empty(q), np.empty(q)
    side, slack = np.empty(bounds.shape[1]), np.empty(bounds.shape[1])
    for p in range(b):
        slope, error, share = 0.0, 0.0, 0.0
        for k in range(q):
            z[k], e[k] = 0.0, 0.0
        for k in range(side.size):
            side[k], slack[k] = 0.0, 0.0
        for j in range(r):
            size = errors[p, j] + relative[0] * abs(rays[p, j])
            slope += rays[p, j] * gradient[j]
            error += size * abs(gradient[j])
            share += (abs(rays[p, j]) - errors[p, j]) * delta[j]
            add(rays[p, j], kinks[j], z)
            for k in range(q):
                e[k] += size * abs(kinks[j, k])
            add(rays[p, j], bounds[j], side)
            for k in range(side.size):
                slack[k] += size * abs(bounds[j, k])
        allowed[p] = share * (1.0 - relative[0])
        for k in range(side.size):
            slack[k] = up * slack[k] + r * least
            feasible[0, p] &= not side[k] < -slack[k]
            feasible[1, p] &= not side[k] > slack[k]
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
        found[0, p], found[1, p] = slope + rise, fall - slope
        lost[0, p] = up * (lost_up + relative[1] * size_up) + q * least
        lost[1, p] = up * (lost_down + relative[1] * size_down) + q * least
        for side_of in range(2):
            value = abs(found[side_of, p])
            lost[side_of, p] = up * (error + lost[side_of, p] + unit * value)
    return found, lost, allowed, feasible
