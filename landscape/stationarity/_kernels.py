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
    q, r = np.empty((d, d)), np.empty((d, d))
    for _ in range(10 * p + 10):
        _rest(rows, target, t, none, left)
        noise = FLAT * (np.sqrt(inner(target, target)) + np.sqrt(inner(left, left)))
        best, enter = noise, -1
        for j in range(p):
            size = np.sqrt(inner(rows[j], rows[j]))
            if free[j] or barred[j] or size == 0.0:
                continue
            gain = inner(rows[j], left) / size
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
