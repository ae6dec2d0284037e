"""What compiled code shares: loops over vectors, the squared loss, non-negative least squares.

And weight vectors of lifted data as :mod:`landscape.effective` has them. Loops, because numba takes
seconds for each array expression.
"""

# mypy: allow-untyped-defs
# numba infers the types.
import numpy as np

from landscape.compiled import compiled

#: A column enters when its slope exceeds this, in units of its norm and the target's.
ENTERS = 1e-13
#: Columns depend on others when so little of their square is left.
DEPENDENT = 1e-12


@compiled
def gamma(n, unit):
    """:func:`landscape.rounding.gamma`, as ``unit`` is that of floats there."""
    return 2.0 * (n + 2) * unit


@compiled
def inner(a, b):
    """The inner product of two vectors."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@compiled
def add(factor, source, target):
    """Add a multiple of a vector to another one."""
    for j in range(source.size):
        target[j] += factor * source[j]


@compiled
def add_rows(rows, places, factors, count, target):
    """Add multiples of ``count`` rows to a vector, one after the other, four in a pass."""
    for c in range(0, count - 3, 4):
        x, y, z, w = rows[places[c]], rows[places[c + 1]], rows[places[c + 2]], rows[places[c + 3]]
        p, q, r, s = factors[c], factors[c + 1], factors[c + 2], factors[c + 3]
        for j in range(target.size):
            target[j] = target[j] + p * x[j] + q * y[j] + r * z[j] + s * w[j]
    for c in range(count - count % 4, count):
        add(factors[c], rows[places[c]], target)


@compiled
def add_active(X, active, factor, s, places, factors, target):
    """Add the active samples to a vector, with multiples of their residuals."""
    count = 0
    for k in range(s.size):  # written always, kept where it is one: no branch to mispredict
        places[count], factors[count] = k, factor * s[k]
        count += active[k]
    add_rows(X, places, factors, count, target)


@compiled
def copy(source, target):
    """Write a matrix into the first columns of another one."""
    for i in range(len(source)):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled
def evaluate(x, signs, columns, y, m):
    """Values (p, n) of p neurons on samples ``columns`` (d, n), residuals (n,), their mean square.

    ``x`` are the rows (m, d) of the first ``m`` neurons and then the output weights (p,), which are
    ``signs`` where there are any; neuron m, if there is one, has the row (0, ..., 0, 1).
    """
    d, n = columns.shape
    c, every = signs if signs.size else x[m * d :], np.arange(d)
    values, residuals, square = np.zeros((c.size, n)), np.empty(n), 0.0
    for k in range(n):
        residuals[k] = -y[k]
    for i in range(c.size):
        if i < m:
            add_rows(columns, every, x[i * d : i * d + d], d, values[i])
        else:
            add(1.0, columns[d - 1], values[i])
        for k in range(n):
            z = values[i, k]
            values[i, k] = 0.0 if z <= 0.0 else z  # nan stays
            residuals[k] += c[i] * values[i, k]
    for k in range(n):
        square += residuals[k] * residuals[k]
    return values, residuals, square / n


@compiled
def gradient(x, signs, X, s, values):
    """The gradient of ``sum_k s_k^2 / n`` for residuals s (n,) and values of :func:`evaluate`."""
    (n, d), found = X.shape, np.zeros(x.size)
    end = x.size if signs.size else x.size - len(values)  # of the rows
    c = signs if signs.size else x[end:]
    active, places, factors = np.empty(n, np.bool_), np.empty(n, np.int64), np.empty(n)
    for i in range(end // d):
        for k in range(n):
            active[k] = values[i, k] != 0.0  # nan is active
        add_active(X, active, 2.0 / n * c[i], s, places, factors, found[i * d : i * d + d])
    for i in range(x.size - end):
        found[end + i] = 2.0 / n * inner(s, values[i])
    return found


@compiled
def nonnegative(gram, moments, size, x):
    """``min x'Gx - 2 m'x`` over x >= 0 by Lawson and Hanson, for columns and a target of norm one.

    Returns by how much the value at x may exceed the minimum: by what a column would lower it that
    was refused because it depends on others, and by the slopes left, at weights like x's.
    """
    used, count = np.empty(size + 1, dtype=np.int64), 0
    refused, error = np.empty(size, dtype=np.bool_), 0.0
    factor, aim = np.empty((size + 1, size + 1)), np.empty(size + 1)
    for j in range(size):
        x[j], refused[j] = 0.0, False
    for _ in range(10 * size + 10):
        largest, enter = ENTERS, -1
        for j in range(size):
            slope = moments[j]
            for p in range(count):
                slope -= gram[j, used[p]] * x[used[p]]
                if used[p] == j:
                    slope = -np.inf
            if slope > largest and not refused[j]:
                largest, enter = slope, j
        if enter < 0:
            break
        used[count] = enter
        count += 1
        while True:
            depends = False
            for p in range(count):
                for q in range(p + 1):
                    value = gram[used[p], used[q]]
                    for o in range(q):
                        value -= factor[p, o] * factor[q, o]
                    if q < p:
                        factor[p, q] = value / factor[q, q]
                    elif value > DEPENDENT:
                        factor[p, p] = np.sqrt(value)
                    elif used[p] != enter:
                        return np.inf
                    else:
                        depends = True
                        error += largest * largest / max(value, 1e-16)
                if depends:
                    break
                value = moments[used[p]]
                for o in range(p):
                    value -= factor[p, o] * aim[o]
                aim[p] = value / factor[p, p]
            if depends:
                refused[enter] = True
                x[enter] = 0.0
                kept = 0
                for p in range(count):
                    if used[p] != enter:
                        used[kept] = used[p]
                        kept += 1
                count = kept
                break
            for p in range(count - 1, -1, -1):
                for o in range(p + 1, count):
                    aim[p] -= factor[o, p] * aim[o]
                aim[p] /= factor[p, p]
            step = 1.0
            for p in range(count):
                if aim[p] <= 0.0:
                    step = min(step, x[used[p]] / (x[used[p]] - aim[p]))
            kept = 0
            for p in range(count):
                j = used[p]
                x[j] += step * (aim[p] - x[j])
                if step == 1.0 or (aim[p] > 0.0 or x[j] > ENTERS):
                    used[kept] = j
                    kept += 1
                else:
                    x[j] = 0.0
            if step == 1.0:
                break
            count = kept
    largest, total = 0.0, 0.0
    for j in range(size):
        slope = moments[j]
        for p in range(size):
            slope -= gram[j, p] * x[p]
        largest = max(largest, slope)
        total += x[j]
    return error + largest * (1.0 + total)


@compiled
def stored(X, u, largest, shares, resolution, share):
    """What pre-activations lose when weight vectors u are put on kinks and stored, (m, n).

    Entries keep their digits relative to the largest one that the data see, up to ``share``:
    ``largest`` (d,) are the columns of X, ``shares`` (n,) the samples as sums of shares of these.
    Of the last entry, ``resolution`` (m,) is lost.
    """
    (n, d), m = X.shape, len(u)
    lost = np.empty((m, n))
    for i in range(m):
        top = 0.0
        for j in range(d):
            top = max(top, abs(u[i, j] * largest[j]))
        for k in range(n):
            lost[i, k] = shares[k] * (share * top) + abs(X[k, d - 1]) * resolution[i]
    return lost


@compiled
def effective(weights, reduced, relative, share):
    """Effective weight vectors (m, d), how far off they are, and what the last entries lose (m,).

    Where lifted data are ``reduced`` the last two entries are p and q, of which the data see
    ``p - q``: that rounds it by ``relative``, and storing it loses a ``share`` of the larger one.
    """
    m, d = weights.shape
    d -= reduced
    a, error, lost = np.empty((m, d)), np.zeros((m, d)), np.zeros(m)
    for i in range(m):
        for j in range(d):
            a[i, j] = weights[i, j]
        if reduced:
            a[i, d - 1] -= weights[i, d]
            error[i, d - 1] = relative * abs(a[i, d - 1])
            lost[i] = share * max(abs(weights[i, d - 1]), abs(weights[i, d]))
    return a, error, lost


@compiled
def reach(weights, outputs, reduced):
    """Within r of weights and outputs ``|c_i| a_i`` changes by at most r (m, d) + r^2 (d,)."""
    m, d = weights.shape
    d -= reduced
    linear, square = np.empty((m, d)), np.ones(d)
    if reduced:
        square[d - 1] = 2.0
    for i in range(m):
        for j in range(d):
            size = abs(weights[i, j])
            if reduced and j == d - 1:
                size += abs(weights[i, d])
            linear[i, j] = abs(outputs[i]) * square[j] + size
    return linear, square


@compiled
def products(weights, outputs, reduced, share):
    """Effective product coordinates ``|c_i| a_i`` (m, d).

    Where lifted data are ``reduced``, what is left of (0, ..., 0, t, t) but rounding, a ``share``
    of its size, is the apex: exactly zero.
    """
    u = effective(weights, reduced, 0.0, 0.0)[0]
    for i in range(len(u)):
        size, top = abs(outputs[i]), 0.0
        largest = 0.0
        for j in range(u.shape[1]):
            u[i, j] *= size
            largest = max(largest, abs(u[i, j]))
        for j in range(weights.shape[1]):
            top = max(top, abs(weights[i, j]))
        if reduced and largest <= share * (size * top):
            for j in range(u.shape[1]):
                u[i, j] = 0.0
    return u


@compiled
def split(rows, widths):
    """Rows (w, b) as (w, p, q) with p - q = b and min(p, q) = width, (m, d + 1)."""
    (m, d), found = rows.shape, np.empty((len(rows), rows.shape[1] + 1))
    for i in range(m):
        for j in range(d - 1):
            found[i, j] = rows[i, j]
        bias = rows[i, d - 1]
        found[i, d - 1] = widths[i] + (bias if bias > 0.0 else 0.0)
        found[i, d] = widths[i] + (0.0 if bias > 0.0 else -bias)
    return found


@compiled
def unfold(u, reaches, margin, weights, outputs, free):
    """Widths (m,) of wide members of the flat families of u (m, d), and their products (m, d + 1).

    See :meth:`landscape.effective.EffectiveProblem.parametrization`. Neurons at the apex keep
    their own width; of several all but the first turn silent, if biases are ``free``.
    """
    (m, d), widths, n_apex = u.shape, np.empty(len(u)), 0
    for i in range(m):
        w, bias = np.inf, abs(u[i, d - 1])
        for b in range(len(reaches)):
            top = 0.0
            for j in range(d - 1):
                top = max(top, abs(u[i, j]) * reaches[b, j])
            w = min(w, top)
        widths[i] = max(2.0 * margin, w - bias, bias / 20.0)
        if max(w, bias) == 0.0:
            own = abs(outputs[i]) * min(weights[i, d - 1], weights[i, d])
            widths[i] = max(2.0 * margin, own) if own > 0.0 else 1.0
            if n_apex > 0 and free:
                u[i, d - 1] = -widths[i] * n_apex
            n_apex += 1
    return widths, split(u, widths)
