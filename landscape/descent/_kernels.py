"""The descent's steps between two tests, compiled: Newton steps on faces, line searches, releases.

For the squared loss without bounds, with quadratic penalties. The Gram matrix of the active samples
is kept, and changed by the pairs of a sample and a neuron that change sides. A face is held by
bases: ``bases`` (m, d, d) has an orthonormal basis of R^d for each neuron, in its first ``ranks``
rows of its held samples, in the others of the directions that are left. Pairs are stored neuron by
neuron, (m, n), and samples also as ``columns`` (d, n), so that sums over the few entries of many
samples run over all samples at once. Where the next step is not clear, held samples that depend on
each other with no descent in sight or a release that leads nowhere, these steps end and
:class:`landscape.descent._search.Search` goes on, which also judges the end.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64, masks bool.
import numpy as np

from landscape._kernels import add, add_active, add_rows, copy, inner
from landscape.compiled import compiled
from landscape.stationarity._kernels import bounded_least_squares

#: Parts of a held sample that are relatively smaller are none.
DEPENDENT = 1e-10

#: Pivots that are relatively smaller are zero: that coordinate does not move.
PIVOT = 1e-11

#: Breakpoints that are relatively as close as this are one.
TIE = 1e-14

#: Newton steps beyond which breakpoints are looked at only where they are needed.
NEAR = 2.0

#: A fall of the loss by a smaller share is the end of the Newton steps of a face.
SETTLED = 1e-13

#: Multipliers that are wrong by a smaller share of their terms, or by rounding, are right.
RIGHT = 1e-9

#: At the end the gradient on the face may be this share of what makes a multiplier wrong.
SHORT = 0.1

#: A direction goes along a kink when it leaves it by at most this share of its terms.
ALONG = 1e-9

#: Held samples of a neuron, at most, that give directions, and that do so in pairs; the directions
#: from which descents are looked for, and steps from each; a neuron with more held samples takes
#: the test.
SEEN, PAIRED, TRIED, STEEPER, MANY = 200, 50, 24, 4, 1000

#: Steps in a row onto kinks that need not lower the loss beyond rounding.
MAX_SIDEWAYS = 20

#: Steps after which the Gram matrix is summed up anew.
RENEWED = 100


@compiled
def _without(row, basis, rank):
    """Take the part along the first rows of a basis out of ``row`` (d,), twice; its size."""
    for _ in range(2):
        for r in range(rank):
            add(-inner(row, basis[r]), basis[r], row)
    return np.sqrt(inner(row, row))


@compiled
def _face(X, held, i, basis):
    """The ``basis`` (d, d) of neuron i for its held samples: their number and rank."""
    n, d = X.shape
    count, rank = 0, 0
    for k in range(n):
        size = np.sqrt(inner(X[k], X[k])) if held[i, k] else 0.0
        if size == 0.0:
            continue
        count += 1
        if rank < d:
            for j in range(d):
                basis[rank, j] = X[k, j] / size
            size = _without(basis[rank], basis, rank)
            if size > DEPENDENT:
                for j in range(d):
                    basis[rank, j] /= size
                rank += 1
    # Complete it by the unit vectors that are farthest from its span.
    for r in range(rank, d if rank > 0 else 0):
        largest, at = -1.0, 0
        for j in range(d):
            left = 1.0
            for q in range(r):
                left -= basis[q, j] * basis[q, j]
            if left > largest:
                largest, at = left, j
        for j in range(d):
            basis[r, j] = 1.0 if j == at else 0.0
        size = _without(basis[r], basis, r)
        for j in range(d):
            basis[r, j] /= size
    return count, rank


@compiled
def _faces(X, held, bases, ranks, counts, old, stale):
    """Bases of the neurons whose held samples are not those of ``old``, which becomes ``held``."""
    for i in range(ranks.size):
        same = ranks[i] >= 0
        for k in range(len(X)):
            same &= held[i, k] == old[i, k]
            old[i, k] = held[i, k]
        if not same:
            counts[i], ranks[i] = _face(X, held, i, bases[i])
            for b in range(len(stale)):
                stale[i, b] = stale[b, i] = True


@compiled
def _project(u, bases, ranks):
    """Put all neurons onto their faces."""
    for i in range(ranks.size):
        if ranks[i] > 0:
            _without(u[i], bases[i], ranks[i])
        for j in range(u.shape[1] if ranks[i] == u.shape[1] else 0):
            u[i, j] = 0.0


@compiled
def _add_terms(p, x, q, y, values, sizes):
    """Add multiples of two vectors to another one, and their sizes to those of the terms."""
    for k in range(x.size):
        first, second = p * x[k], q * y[k]
        values[k] = values[k] + first + second
        sizes[k] = sizes[k] + abs(first) + abs(second)


@compiled
def _products(columns, rows, values, sizes):
    """Inner products (m, n) of rows (m, d) with the samples, and the sizes of their terms."""
    single = rows.shape[1] % 2
    for i in range(len(rows)):
        # Two columns in a pass; of an odd number the first one alone.
        for k in range(columns.shape[1]):
            values[i, k] = rows[i, 0] * columns[0, k] if single == 1 else 0.0
            sizes[i, k] = abs(values[i, k])
        for j in range(single, rows.shape[1], 2):
            _add_terms(rows[i, j], columns[j], rows[i, j + 1], columns[j + 1], values[i], sizes[i])


@compiled
def _values(columns, u, signs, y, column, e, penalty, held, widths, z, terms, s, lost):
    """Pre-activations, exactly 0 on kinks, residuals and what these lose to rounding.

    Gives the loss and what it loses.
    """
    m, n = z.shape
    _products(columns, u, z, terms)
    for k in range(n):
        s[k], lost[k] = e * column[k] - y[k], abs(y[k]) + abs(e * column[k])
    for i in range(m):
        for k in range(n):
            s[k] += signs[i] * max(z[i, k], 0.0)
            lost[k] += terms[i, k]
            z[i, k] = 0.0 if held[i, k] or abs(z[i, k]) <= widths * terms[i, k] else z[i, k]
    total, noise = 0.0, 0.0
    for k in range(n):
        lost[k] *= 4.6e-16
        total += s[k] * s[k]
        noise += abs(s[k]) * lost[k]
    for i in range(m):
        for j in range(u.shape[1]):
            total += penalty[j] * u[i, j] * u[i, j]
    return total / n, noise / n


@compiled
def _sides(z, active):
    """The pairs on the active side; held ones are exactly 0."""
    for i in range(len(z)):
        for k in range(z.shape[1]):
            active[i, k] = z[i, k] > 0.0


@compiled
def _count(X, signs, column, offset, active, counted, gram, stale):
    """Change the Gram matrix by the pairs in which ``counted`` is not ``active``.

    Of its blocks (d, d), which are symmetric, those above the diagonal; the offset's are rows.
    """
    n, d = X.shape
    m, square, changed = signs.size, np.empty(d * d), np.zeros(n, np.bool_)
    rows = gram.reshape(m, m + 1, d * d)
    for i in range(m):
        for k in range(n):
            changed[k] |= active[i, k] != counted[i, k]
    for k in range(n):
        if not changed[k]:
            continue
        for p in range(d):
            for q in range(d):
                square[p * d + q] = X[k, p] * X[k, q]
        for i in range(m):
            if active[i, k] == counted[i, k]:
                continue
            factor = signs[i] if active[i, k] else -signs[i]
            counted[i, k] = active[i, k]
            for b in range(m):
                if b == i or counted[b, k]:
                    p, q = min(i, b), max(i, b)
                    add(factor * signs[b], square, rows[p, q])
                    stale[p, q] = True
            if offset:
                add(factor * column[k], X[k], rows[i, m])
                stale[i, m] = True


@compiled
def _solve(matrix):
    """A solution of a positive semidefinite system by Cholesky factors, in place.

    Entry (p, q) of the upper triangle is in column size - q, the right side in column 0. So what a
    row takes from those above it begins at column 0, and loops run over whole eights, which are
    vectorized; what they compute beyond the row's own entries is never read. The matrix is factored
    with ones on the diagonal; coordinates whose pivots are zero stay 0.
    """
    size, most = len(matrix), 0.0
    scale, solution = np.ones(size + 1), np.empty(size)
    for c in range(1, size + 1):
        scale[c] = np.sqrt(max(matrix[size - c, c], 0.0))
        most = max(most, scale[c])
    for c in range(1, size + 1):
        scale[c] = 1.0 / scale[c] if scale[c] > 1e-12 * most else 0.0
    for p in range(size):
        for c in range(size - p + 1):
            matrix[p, c] *= scale[size - p] * scale[c]
    for first in range(0, size, 4):
        end = min(first + 4, size)
        for p in range(first, end):
            row, at = matrix[p], size - p
            width = at // 8 * 8 + 8
            for o in range(first, p):
                add(-matrix[o, at], matrix[o, :width], row)
            inverse = 1.0 / np.sqrt(row[at]) if row[at] > PIVOT else 0.0
            for c in range(width):
                row[c] *= inverse
        for p in range(end, size):
            row, at = matrix[p], size - p
            x, y, z, w = matrix[first], matrix[first + 1], matrix[first + 2], matrix[first + 3]
            a, b, c, d = -x[at], -y[at], -z[at], -w[at]
            for j in range(at // 8 * 8 + 8):
                row[j] = row[j] + a * x[j] + b * y[j] + c * z[j] + d * w[j]
    for p in range(size - 1, -1, -1):
        total, pivot = 0.0, matrix[p, size - p]
        for q in range(p + 1, size):
            total += matrix[p, size - q] * solution[q]
        solution[p] = (matrix[p, 0] - total) / pivot if pivot > 0.0 else 0.0
    for p in range(size):
        solution[p] *= scale[size - p]
    return solution


@compiled
def _newton(
    X, signs, column, offset, penalty, active, s, u, gram, bases, ranks, blocks, stale, step, room
):  # fmt: skip
    """The minimizer of the quadratic on the face as a step (m, d), by normal equations.

    Gives the step of the offset. Of the Gram matrix in the ``bases``, its ``blocks`` that are
    ``stale`` are computed anew.
    """
    m, d = u.shape
    last = m + 1 if offset else m
    size = last - m
    for i in range(m):
        size += d - ranks[i]
    width = size // 8 * 8 + 8
    matrix = room[: size * width].reshape(size, width)
    slope, part, square = np.empty(d), np.empty(d), np.empty((d, d))
    places, factors, every = np.empty(s.size, np.int64), np.empty(s.size), np.arange(d)
    row = 0
    for i in range(m):
        for j in range(d):
            slope[j] = -penalty[j] * u[i, j]
        add_active(X, active[i], -signs[i], s, places, factors, slope)
        own, at = d - ranks[i], row
        for b in range(i, last):  # the last one is the offset's row
            free, rank = (d - ranks[b], ranks[b]) if b < m else (1, 0)
            rows, block = gram[i, b], blocks[i, b]
            if b == i:
                copy(rows, square)
                for p in range(d):
                    square[p, p] += penalty[p]
                rows = square
            for q in range(free if stale[i, b] else 0):
                for p in range(d):
                    part[p] = 0.0 if rank > 0 else rows[q, p]
                if rank > 0:
                    add_rows(rows, every, bases[b, rank + q], d, part)
                for p in range(own):
                    basis = bases[i, ranks[i] + p]
                    block[q, p] = inner(basis, part) if ranks[i] > 0 else part[p]
            stale[i, b] = False
            for q in range(free):
                for p in range(own):
                    matrix[row + p, size - at - q] = block[q, p]
            at += free
        for p in range(own):
            basis = bases[i, ranks[i] + p]
            matrix[row + p, 0] = inner(basis, slope) if ranks[i] > 0 else slope[p]
        row += own
    if offset:
        matrix[row, 1] = inner(column, column)
        matrix[row, 0] = -inner(s, column)
    right = _solve(matrix)
    row = 0
    for i in range(m):
        for j in range(d):
            step[i, j] = right[row + j] if ranks[i] == 0 else 0.0
        for p in range(d - ranks[i] if ranks[i] > 0 else 0):
            add(right[row + p], bases[i, ranks[i] + p], step[i])
        row += d - ranks[i]
    return right[row] if offset else 0.0


@compiled
def _sink(times, at, p, count):
    """Put entry p of a heap, the least time first, where it belongs among ``count``."""
    time, place = times[p], at[p]
    while 2 * p + 1 < count:
        child = 2 * p + 1
        if child + 1 < count and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[p], at[p] = times[child], at[child]
        p = child
    times[p], at[p] = time, place


@compiled
def _search(
    columns, z, signs, s, column, penalty, held, drop, u, step, e_step, dz, terms, rates, before,
    times, at, reach,
):  # fmt: skip
    """As :func:`landscape.descent._lines.line_search`: t, 0 where the loss does not fall.

    If the first local minimizer lies before ``reach``, then the least of all those before it.
    """
    m, n = z.shape
    d = u.shape[1]
    _products(columns, step, dz, terms)
    for k in range(n):
        rates[k], before[k] = e_step * column[k], 0.0
    for i in range(m):
        for k in range(n):
            value = 0.0 if held[i, k] | (abs(dz[i, k]) <= drop * terms[i, k]) else dz[i, k]
            dz[i, k] = value
            on = (z[i, k] > 0.0) | ((z[i, k] == 0.0) & (value > 0.0))
            rates[k] += signs[i] * value if on else 0.0
    slope, curvature = 0.0, 0.0
    for k in range(n):
        slope += s[k] * rates[k]
        curvature += rates[k] * rates[k]
    for i in range(m):
        for j in range(d):
            slope += penalty[j] * u[i, j] * step[i, j]
            curvature += penalty[j] * step[i, j] * step[i, j]
    if not slope < 0:
        return 0.0
    # Most searches end after few breakpoints, which a heap gives, and not far behind a Newton step.
    start, value, least, found, marked = 0.0, 0.0, np.inf, -1.0, np.empty(n, np.bool_)
    near = max(NEAR, reach)
    for far in (False, True):
        count, end = 0, np.inf if far else near
        for i in range(m):
            for k in range(n):
                marked[k] = z[i, k] * dz[i, k] < 0
                marked[k] &= (abs(z[i, k]) > abs(near * dz[i, k])) == far
            for k in range(n):
                at[count] = i * n + k
                count += marked[k]
        for p in range(count):
            i, k = at[p] // n, at[p] % n
            times[p] = -z[i, k] / dz[i, k]
        for p in range(count // 2 - 1, -1, -1):
            _sink(times, at, p, count)
        while True:
            t = times[0] if count > 0 else end
            if t > start * (1 + TIE):
                low, height = -1.0, value
                if slope >= 0:
                    low = start
                elif slope + curvature * (t - start) >= 0:
                    low = start - slope / curvature
                    height = value - 0.5 * slope * (slope / curvature)
                if low >= 0 and not height >= least:  # nan where numbers end
                    least, found = height, low
                if found >= 0 and t >= reach:
                    return found
            if count == 0:
                break
            i, k = at[0] // n, at[0] % n
            count -= 1
            times[0], at[0] = times[count], at[count]
            _sink(times, at, 0, count)
            # A sample's residual is s + t rate + before: both jump at its breakpoints.
            jump = signs[i] * abs(dz[i, k])
            value += (slope + 0.5 * curvature * (t - start)) * (t - start)
            slope += curvature * (t - start)
            slope += (s[k] + rates[k] * t + before[k]) * jump
            curvature = max(curvature + jump * (2 * rates[k] + jump), 0.0)
            rates[k] += jump
            before[k] -= jump * t
            start = t
    return start


@compiled
def _gradient(X, norms, sign, active, s, lost, u, penalty, held, places, factors, g):
    """What the active samples of a neuron sum to, into ``g`` (d,); sizes of all terms."""
    terms = 0.0
    for j in range(g.size):
        g[j] = penalty[j] * u[j]
        terms += abs(g[j])
    for k in range(s.size):
        terms += (abs(s[k]) + lost[k] / RIGHT) * norms[k] if held[k] | active[k] else 0.0
    add_active(X, active, sign, s, places, factors, g)
    return terms


@compiled
def _release(X, norms, signs, s, lost, u, penalty, held, counts, bases, ranks, active):
    """Let go of the held sample whose multiplier is most wrong: 1; 0 if none is, -1 if unclear."""
    n, d = X.shape
    worst, which, neuron, side, clear = 0.0, -1, -1, False, True
    g, mu, places, factors = np.empty(d), np.empty(d), np.empty(n, np.int64), np.empty(n)
    for i in range(signs.size):
        if counts[i] == 0:
            continue
        if counts[i] > ranks[i]:
            clear = False
            continue
        terms = _gradient(
            X, norms, signs[i], active[i], s, lost, u[i], penalty, held[i], places, factors, g
        )
        c = 0
        for k in range(n):
            if held[i, k] and norms[k] > 0.0:
                places[c] = k
                c += 1
        # h(v) = sum_k w_k relu(z_k) - mu_k z_k with z_k = <v, x_k>: it needs 0 <= mu_k <= w_k.
        # A row lies in the span of the basis up to its own, so that this is triangular.
        for c in range(counts[i] - 1, -1, -1):
            value = -inner(g, bases[i, c])
            for b in range(c + 1, counts[i]):
                value -= inner(X[places[b]], bases[i, c]) * mu[b]
            mu[c] = value / inner(X[places[c]], bases[i, c])
        for c in range(counts[i]):
            low, high = -mu[c], mu[c] - signs[i] * s[places[c]]
            wrong = max(low, high) * norms[places[c]]
            if wrong > max(worst, RIGHT * terms):
                worst, which, neuron, side = wrong, places[c], i, high > low
    if which < 0:
        return 0 if clear else -1
    held[neuron, which] = False
    active[neuron, which] = side
    return 1


@compiled
def _steepness(X, held, w, g, v):
    """h(v), or h(-v) if that is lower, and v is turned, relative to what changes on the kinks."""
    slope, up, down, size = inner(g, v), 0.0, 0.0, 0.0
    for k in range(len(X)):
        if held[k]:
            value = inner(X[k], v)
            size += value * value
            up += w[k] * max(value, 0.0)
            down += w[k] * max(-value, 0.0)
    if down - slope < slope + up:
        for j in range(v.size):
            v[j] = -v[j]
    return min(slope + up, down - slope) / np.sqrt(size) if size > 0.0 else 0.0


@compiled
def _compare(X, held, w, g, v, slopes, ahead):
    """Keep v, or -v, if it is among the steepest directions."""
    slope, at = _steepness(X, held, w, g, v), int(np.argmax(slopes))
    if slope < slopes[at]:
        slopes[at] = slope
        for j in range(v.size):
            ahead[at, j] = v[j]


@compiled
def _look(X, held, w, g, basis, rank, every, slopes, ahead):
    """The steepest of some directions, with their ``slopes``, into ``ahead``.

    Along the kinks' rays, which decide, where these are few, else along the samples themselves.
    """
    rows, v, count, seen = np.zeros((SEEN + 2, 3)), np.empty(X.shape[1]), 0, 1
    rows[0, 2] = 1.0
    for p in range(TRIED):
        slopes[p] = np.inf
    for k in range(len(X)):
        if not held[k] or inner(X[k], X[k]) == 0.0:
            continue
        count += 1
        if count % every > 0:
            continue
        for j in range(v.size):
            v[j] = X[k, j]
        if not 2 <= rank <= 3:
            _compare(X, held, w, g, v, slopes, ahead)
            continue
        a = rows[seen]
        for p in range(rank):
            a[p] = inner(X[k], basis[p])
        for q in range(rank - 2, 1 if rank == 2 else seen):
            b = rows[q]
            for j in range(v.size):
                v[j] = (a[1] * b[2] - a[2] * b[1]) * basis[0, j]
                v[j] += (a[2] * b[0] - a[0] * b[2]) * basis[1, j]
                v[j] += (a[0] * b[1] - a[1] * b[0]) * basis[2, j] if rank == 3 else 0.0
            _compare(X, held, w, g, v, slopes, ahead)
        seen += 1


@compiled
def _leave(X, norms, signs, s, lost, u, penalty, held, counts, bases, ranks, active, step):
    """A ``step`` off the kinks of a neuron whose held samples depend, if one is seen: 1, else -1.

    Directions give choices of active concave kinks, for which the steepest descents are found; the
    test of the end does that for all choices.
    """
    n, d = X.shape
    dead = np.zeros(3, np.bool_)
    v, w, g = np.empty(d), np.empty(n), np.empty(d)
    places, factors = np.empty(n, np.int64), np.empty(n)
    slopes, ahead, rows, upper = np.empty(TRIED), np.empty((TRIED, d)), np.empty((n, d)), np.ones(n)
    for i in range(signs.size):
        if not ranks[i] < counts[i] <= MANY:
            continue
        if ranks[i] == d:  # those that are 0 are alike but for their signs
            if dead[int(signs[i])]:
                continue
            dead[int(signs[i])] = True
        terms = _gradient(
            X, norms, signs[i], active[i], s, lost, u[i], penalty, held[i], places, factors, g
        )
        convex = 0
        for k in range(n):
            w[k] = signs[i] * s[k]
            if held[i, k] and w[k] > 0.0:
                for j in range(d):
                    rows[convex, j] = w[k] * X[k, j]
                convex += 1
        every = counts[i] // ((PAIRED if ranks[i] == 3 else SEEN) + 1) + 1
        _look(X, held[i], w, g, bases[i], ranks[i], every, slopes, ahead)
        for _ in range(TRIED):
            p, steepest = int(np.argmin(slopes)), 0.0
            # Where all rays are seen, a descent is along one of them.
            if slopes[p] >= (0.0 if 2 <= ranks[i] <= 3 and every == 1 else np.inf):
                break
            slopes[p] = np.inf
            for _ in range(STEEPER):
                for j in range(d):
                    v[j] = -g[j]
                for q in range(n):
                    if held[i, q] and w[q] < 0.0 and inner(X[q], ahead[p]) > 0.0:
                        add(-w[q], X[q], v)
                t = bounded_least_squares(rows[:convex], v, upper[:convex])
                for q in range(convex):
                    add(-t[q], rows[q], v)
                slope = _steepness(X, held[i], w, g, v)
                if not slope < steepest:
                    break
                steepest = slope
                for j in range(d):
                    ahead[p, j] = v[j]
            if not steepest < 0.0:
                continue
            size = 0.0
            for q in range(n):
                size += inner(X[q], ahead[p]) ** 2 if held[i, q] else 0.0
            least = RIGHT * terms * np.sqrt(inner(ahead[p], ahead[p]))
            if not steepest * np.sqrt(size) < -least:
                continue
            for b in range(signs.size):
                for j in range(d):
                    step[b, j] = ahead[p, j] if b == i else 0.0
            for q in range(n):
                value, size = 0.0, 0.0
                for j in range(d):
                    value += X[q, j] * step[i, j]
                    size += abs(X[q, j] * step[i, j])
                held[i, q] &= abs(value) <= ALONG * size
            return 1
    return -1


@compiled
def _stationary(X, norms, signs, column, s, lost, u, penalty, held, bases, ranks, active):
    """Whether nothing is left of the gradient within the face but rounding."""
    g, total, allowed = np.empty(X.shape[1]), 0.0, 0.0
    places, factors = np.empty(s.size, np.int64), np.empty(s.size)
    for k in range(len(X)):
        total += s[k] * column[k]
        allowed += (RIGHT * abs(s[k]) + lost[k]) * abs(column[k])
    if abs(total) > SHORT * allowed:
        return False
    for i in range(signs.size):
        terms = _gradient(
            X, norms, signs[i], active[i], s, lost, u[i], penalty, held[i], places, factors, g
        )
        if _without(g, bases[i], ranks[i]) > SHORT * RIGHT * terms:
            return False
    return True


@compiled
def approach(X, signs, y, column, offset, penalty, widths, drop, reach, u, e, held, losses):
    """Steps from (u, e), in place but for e, on the face of ``held``, at most ``losses.size``.

    ``penalty`` (d,) adds to the sum of squares; ``reach`` is that of the line searches. Gives e,
    the number of steps, after each of which the loss is put into ``losses``, and 0 if the end is
    stationary with right multipliers, -1 if those that are clear are right, and else more.
    """
    n, d = X.shape
    m = signs.size
    bases, ranks, counts = np.zeros((m, d, d)), np.zeros(m, np.int64), np.zeros(m, np.int64)
    for i in range(m):
        ranks[i] = -1
    columns, norms = np.empty((d, n)), np.empty(n)
    for k in range(n):
        norms[k] = np.sqrt(inner(X[k], X[k]))
        for j in range(d):
            columns[j, k] = X[k, j]
    z, dz, terms = np.empty((m, n)), np.empty((m, n)), np.empty((m, n))
    s, lost, rates, before = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    active, counted = np.zeros((m, n), np.bool_), np.zeros((m, n), np.bool_)
    faces, old_held = np.zeros((m, n), np.bool_), np.empty((m, n), np.bool_)
    gram, step, old = np.empty((m, m + 1, d, d)), np.zeros((m, d)), np.empty((m, d))
    blocks, stale = np.empty((m, m + 1, d, d)), np.ones((m + 1, m + 1), np.bool_)
    room, times = np.empty((m * d + 1) * (m * d + 9)), np.empty(n * m + 1)
    at = np.empty(n * m + 1, dtype=np.int64)
    taken, sideways, tried, leaves, found = 0, 0, False, False, 1
    _faces(X, held, bases, ranks, counts, faces, stale)
    _project(u, bases, ranks)
    loss, noise = _values(columns, u, signs, y, column, e, penalty, held, widths, z, terms, s, lost)
    copy(held, old_held)
    for turn in range(4 * losses.size):
        if taken == losses.size:
            break
        if not tried:
            _sides(z, active)
        if turn % RENEWED == 0:
            gram[:] = 0.0
            counted[:] = False
            stale[:] = True
        move = 0.0
        if not leaves:
            _count(X, signs, column, offset, active, counted, gram, stale)
            move = _newton(
                X, signs, column, offset, penalty, active, s, u, gram, bases, ranks,
                blocks, stale, step, room,
            )  # fmt: skip
        leaves = False
        t = _search(
            columns, z, signs, s, column, penalty, held, drop, u, step, move,
            dz, terms, rates, before, times, at, reach,
        )  # fmt: skip
        fell = False
        if t > 0:
            copy(u, old)
            copy(held, old_held)
            old_e, hit = e, False
            for i in range(m):
                add(t, step[i], u[i])
                for k in range(n):
                    at_end = abs(-z[i, k] / dz[i, k] - t) <= TIE * t
                    at_end &= z[i, k] * dz[i, k] < 0
                    held[i, k] |= at_end
                    hit |= at_end
            e += t * move
            _faces(X, held, bases, ranks, counts, faces, stale)
            _project(u, bases, ranks)
            new, after = _values(
                columns, u, signs, y, column, e, penalty, held, widths, z, terms, s, lost
            )
            fell = new < loss - noise
            sideways = 0 if fell else sideways + 1
            if fell or (hit and new <= loss + noise and sideways <= MAX_SIDEWAYS):
                small = loss - new <= SETTLED * loss
                losses[taken] = loss = new
                noise = after
                taken += 1
                tried, found = False, 1
                if hit or not small:
                    continue
            elif hit or tried or new > loss + noise:
                copy(old, u)
                copy(old_held, held)
                e = old_e
                _values(columns, u, signs, y, column, e, penalty, held, widths, z, terms, s, lost)
                _faces(X, held, bases, ranks, counts, faces, stale)
            # Else nothing is left to gain, but u is nearer to the face's minimizer than before.
        if tried and not fell:
            break
        # Stationary on the face, with all that lies on kinks: is there one to leave?
        _sides(z, active)
        copy(held, old_held)
        for i in range(m):
            for k in range(n):
                if z[i, k] == 0 and norms[k] > 0.0:
                    held[i, k] = True
        _faces(X, held, bases, ranks, counts, faces, stale)
        found = _release(X, norms, signs, s, lost, u, penalty, held, counts, bases, ranks, active)
        if found < 0:
            found = _leave(
                X, norms, signs, s, lost, u, penalty, held, counts, bases, ranks, active, step
            )
            leaves = found == 1
        tried = found == 1
        if found < 1 and not _stationary(
            X, norms, signs, column, s, lost, u, penalty, held, bases, ranks, active
        ):
            found = 2
            for i in range(m):
                for k in range(n):
                    found = 1 if held[i, k] != old_held[i, k] else found
        if found != 1:
            break
        _faces(X, held, bases, ranks, counts, faces, stale)
    if tried:
        copy(old_held, held)
    return e, taken, found
