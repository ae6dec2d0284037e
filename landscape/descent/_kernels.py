"""The descent's steps between two tests, compiled: Newton steps on faces, line searches, releases.

For the squared loss without bounds and penalties. A face is held by projections: ``normals`` (m, d,
d) has an orthonormal basis of a neuron's held samples in its first ``ranks`` rows. Where the next
step is not clear, held samples that depend on each other or a release that leads nowhere, these
steps end and :class:`landscape.descent._search.Search` goes on, which also judges the end.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64, masks bool.
import numpy as np

from landscape.compiled import compiled

#: Parts of a held sample that are relatively smaller are none.
DEPENDENT = 1e-10

#: Pivots that are relatively smaller are zero: that coordinate does not move.
PIVOT = 1e-11

#: Breakpoints that are relatively as close as this are one.
TIE = 1e-14

#: A fall of the loss by a smaller share is the end of the Newton steps of a face.
SETTLED = 1e-13

#: Multipliers that are wrong by a smaller share of their terms are right.
RIGHT = 1e-9

#: Steps in a row onto kinks that need not lower the loss beyond rounding.
MAX_SIDEWAYS = 20


@compiled
def _faces(X, held, normals, ranks, counts):
    """Put orthonormal bases of the neurons' held samples into ``normals``, with their numbers."""
    n, d = X.shape
    for i in range(ranks.size):
        count, rank = 0, 0
        for k in range(n):
            if not held[k, i] or not X[k].any():
                continue
            count += 1
            if rank == d:
                continue
            row = X[k] / max(np.sqrt((X[k] * X[k]).sum()), 1e-300)
            for _ in range(2):
                for r in range(rank):
                    row = row - (row * normals[i, r]).sum() * normals[i, r]
            size = np.sqrt((row * row).sum())
            if size > DEPENDENT:
                normals[i, rank] = row / size
                rank += 1
        counts[i], ranks[i] = count, rank


@compiled
def _onto(v, normals, rank):
    """The part of v (d,) within a face, in place."""
    for r in range(rank):
        part = 0.0
        for j in range(v.size):
            part += v[j] * normals[r, j]
        for j in range(v.size):
            v[j] -= part * normals[r, j]


@compiled
def _values(X, u, signs, y, column, e, held, widths, z, s, sizes):
    """Pre-activations, exactly 0 on kinks, residuals and the sizes of their terms; the loss."""
    n, d = X.shape
    total = 0.0
    for k in range(n):
        value, size = e * column[k] - y[k], abs(y[k]) + abs(e * column[k])
        for i in range(u.shape[0]):
            sum_, terms = 0.0, 0.0
            for j in range(d):
                term = X[k, j] * u[i, j]
                sum_ += term
                terms += abs(term)
            value += signs[i] * max(sum_, 0.0)
            size += terms
            z[k, i] = 0.0 if held[k, i] or abs(sum_) <= widths * terms else sum_
        s[k] = value
        sizes[k] = size
        total += value * value
    return total / n


@compiled
def _newton(X, signs, column, offset, active, s, normals, ranks, step):
    """The minimizer of the quadratic on the face as a step (m d + 1,), by normal equations."""
    n, d = X.shape
    m = signs.size
    size = m * d + (1 if offset else 0)
    gram, right = np.zeros((size, size)), np.zeros(size)
    row, used = np.zeros(size), np.empty(m, dtype=np.int64)
    for k in range(n):
        count = 0
        for i in range(m):
            if active[k, i]:
                for j in range(d):
                    row[i * d + j] = signs[i] * X[k, j]
                _onto(row[i * d : i * d + d], normals[i], ranks[i])
                used[count] = i
                count += 1
        if offset:
            row[m * d] = column[k]
            right[m * d] -= s[k] * column[k]
            gram[m * d, m * d] += column[k] * column[k]
        for a in range(count):
            first = used[a] * d
            for p in range(first, first + d):
                right[p] -= s[k] * row[p]
                if offset:
                    gram[m * d, p] += column[k] * row[p]
                for b in range(a):
                    other = used[b] * d
                    for q in range(other, other + d):
                        gram[p, q] += row[p] * row[q]
                for q in range(first, p + 1):
                    gram[p, q] += row[p] * row[q]
    # Directions out of the face: those of no influence get a pivot of their own.
    for i in range(m):
        largest = 0.0
        for j in range(d):
            largest = max(largest, gram[i * d + j, i * d + j])
        for r in range(ranks[i]):
            for j in range(d):
                for q in range(j + 1):
                    both = normals[i, r, j] * normals[i, r, q]
                    gram[i * d + j, i * d + q] += (largest or 1.0) * both
    diagonal = np.empty(size)
    for p in range(size):
        diagonal[p] = np.sqrt(max(gram[p, p], 0.0))
    most = diagonal.max()
    for p in range(size):
        diagonal[p] = 1.0 / diagonal[p] if diagonal[p] > 1e-12 * most else 0.0
    # Cholesky of the matrix with ones on the diagonal, without pivots that are zero.
    for p in range(size):
        value = right[p] * diagonal[p]
        for q in range(p + 1):
            entry = gram[p, q] * diagonal[p] * diagonal[q]
            for o in range(q):
                entry -= gram[p, o] * gram[q, o]
            if q == p:
                gram[p, p] = np.sqrt(entry) if entry > PIVOT else 0.0
            else:
                gram[p, q] = entry / gram[q, q] if gram[q, q] > 0.0 else 0.0
                value -= gram[p, q] * right[q]
        right[p] = value / gram[p, p] if gram[p, p] > 0.0 else 0.0
    for p in range(size - 1, -1, -1):
        for o in range(p + 1, size):
            right[p] -= gram[o, p] * right[o]
        right[p] = right[p] / gram[p, p] if gram[p, p] > 0.0 else 0.0
    for i in range(m):
        own = right[i * d : i * d + d] * diagonal[i * d : i * d + d]
        _onto(own, normals[i], ranks[i])
        step[i * d : i * d + d] = own
    step[m * d] = right[m * d] * diagonal[m * d] if offset else 0.0


@compiled
def _search(X, z, signs, s, column, held, drop, step, dz, rates, before, before_t):
    """As :func:`landscape.descent._lines.line_search`: t, 0 where the loss does not fall."""
    n, d = X.shape
    m = signs.size
    slope, curvature = 0.0, 0.0
    count = 0
    times, at = np.empty(n * m), np.empty(n * m, dtype=np.int64)
    for k in range(n):
        rate = step[m * d] * column[k]
        for i in range(m):
            value, terms = 0.0, 0.0
            for j in range(d):
                term = X[k, j] * step[i * d + j]
                value += term
                terms += abs(term)
            if held[k, i] or abs(value) <= drop * terms:
                value = 0.0
            dz[k, i] = value
            if z[k, i] > 0 or (z[k, i] == 0 and value > 0):
                rate += signs[i] * value
            if z[k, i] * value < 0:
                times[count], at[count] = -z[k, i] / value, k * m + i
                count += 1
        rates[k] = rate
        before[k] = before_t[k] = 0.0
        slope += s[k] * rate
        curvature += rate * rate
    if not slope < 0:
        return 0.0
    order = np.argsort(times[:count])
    start = 0.0
    for p in order:
        t, k, i = times[p], at[p] // m, at[p] % m
        if t > start * (1 + TIE):
            if slope >= 0:
                return start
            if slope + curvature * (t - start) >= 0:
                return start - slope / curvature
        jump = signs[i] * abs(dz[k, i])
        slope += curvature * (t - start)
        slope += (s[k] + rates[k] * t + before[k] * t - before_t[k]) * jump
        curvature = max(curvature + jump * (2 * (rates[k] + before[k]) + jump), 0.0)
        before[k] += jump
        before_t[k] += jump * t
        start = t
    if slope >= 0 or curvature == 0:
        return start
    return start - slope / curvature


@compiled
def _release(X, signs, z, s, held, counts, normals, ranks, active):
    """Let go of the held sample whose multiplier is most wrong: 1; 0 if none is, -1 if unclear."""
    n, d = X.shape
    worst, which, neuron, side = 0.0, -1, -1, False
    for i in range(signs.size):
        if counts[i] == 0:
            continue
        if counts[i] > ranks[i]:
            return -1
        g, terms = np.zeros(d), 0.0
        for k in range(n):
            size = np.sqrt((X[k] * X[k]).sum())
            if z[k, i] > 0 and not held[k, i]:
                g += signs[i] * s[k] * X[k]
                terms += abs(s[k]) * size
            elif held[k, i]:
                terms += abs(s[k]) * size
        rows = np.empty((counts[i], d))
        places = np.empty(counts[i], dtype=np.int64)
        c = 0
        for k in range(n):
            if held[k, i] and X[k].any():
                rows[c], places[c] = X[k], k
                c += 1
        # h(v) = sum_k w_k relu(z_k) - mu_k z_k with z_k = <v, x_k>: it needs 0 <= mu_k <= w_k.
        # A row lies in the span of the normals up to its own, so that this is triangular.
        mu = np.zeros(counts[i])
        for c in range(counts[i] - 1, -1, -1):
            value = -(g * normals[i, c]).sum()
            for b in range(c + 1, counts[i]):
                value -= (rows[b] * normals[i, c]).sum() * mu[b]
            mu[c] = value / (rows[c] * normals[i, c]).sum()
        for c in range(counts[i]):
            k = places[c]
            size = np.sqrt((X[k] * X[k]).sum())
            low, high = -mu[c], mu[c] - signs[i] * s[k]
            wrong = max(low, high) * size
            if wrong > max(worst, RIGHT * terms):
                worst, which, neuron, side = wrong, k, i, high > low
    if which < 0:
        return 0
    held[which, neuron] = False
    active[which, neuron] = side
    return 1


@compiled
def approach(X, signs, y, column, offset, widths, drop, u, e, held, max_steps):
    """Steps from (u, e), in place but for e, on the face of ``held``.

    Gives e, the losses after the steps, and whether all multipliers are right at the end.
    """
    n, d = X.shape
    m = signs.size
    normals, ranks = np.zeros((m, d, d)), np.zeros(m, dtype=np.int64)
    counts = np.zeros(m, dtype=np.int64)
    z, dz = np.empty((n, m)), np.empty((n, m))
    s, sizes, rates = np.empty(n), np.empty(n), np.empty(n)
    before, before_t = np.empty(n), np.empty(n)
    active = np.zeros((n, m), dtype=np.bool_)
    step = np.zeros(m * d + 1)
    losses, taken, sideways, tried = np.empty(max_steps), 0, 0, False
    _faces(X, held, normals, ranks, counts)
    for i in range(m):
        _onto(u[i], normals[i], ranks[i])
    right = False
    loss = _values(X, u, signs, y, column, e, held, widths, z, s, sizes)
    old, old_held, old_e = u.copy(), held.copy(), e
    while taken < max_steps:
        if not tried:
            active[:] = (z > 0) & ~held
        _newton(X, signs, column, offset, active, s, normals, ranks, step)
        t = _search(X, z, signs, s, column, held, drop, step, dz, rates, before, before_t)
        fell, hit = False, False
        if t > 0:
            old[:], old_held[:], old_e = u, held, e
            for i in range(m):
                u[i] += t * step[i * d : i * d + d]
                for k in range(n):
                    if z[k, i] * dz[k, i] < 0 and abs(-z[k, i] / dz[k, i] - t) <= TIE * t:
                        held[k, i] = hit = True
            e += t * step[m * d]
            noise = 2.3e-16 * 2 * (np.abs(s) * sizes).sum() / n
            if hit:
                _faces(X, held, normals, ranks, counts)
            for i in range(m):
                _onto(u[i], normals[i], ranks[i])
            new = _values(X, u, signs, y, column, e, held, widths, z, s, sizes)
            fell = new < loss - noise
            sideways = 0 if fell else sideways + 1
            if fell or (hit and new <= loss + noise and sideways <= MAX_SIDEWAYS):
                small = loss - new <= SETTLED * loss
                losses[taken] = loss = new
                taken += 1
                tried = right = False
                if hit or not small:
                    continue
            else:
                u[:], held[:], e = old, old_held, old_e
                _values(X, u, signs, y, column, e, held, widths, z, s, sizes)
                _faces(X, held, normals, ranks, counts)
        if tried and not fell:
            break
        # Stationary on the face, with all that lies on kinks: is there one to leave?
        active[:] = (z > 0) & ~held
        old_held[:] = held
        for i in range(m):
            for k in range(n):
                if z[k, i] == 0 and X[k].any():
                    held[k, i] = True
        _faces(X, held, normals, ranks, counts)
        found = _release(X, signs, z, s, held, counts, normals, ranks, active)
        right = found == 0
        if found != 1:
            break
        tried = True
        _faces(X, held, normals, ranks, counts)
    if tried:
        held[:] = old_held
    return e, losses[:taken], right
