"""Values at a point and what they sum to, with error bounds, compiled.

Sums of :class:`landscape.rounding.Bounded` without its arrays: ``relative`` bounds sums of so many
products as there are, ``unit`` and ``least`` are those of :mod:`landscape.rounding`.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64, masks bool.
import numpy as np

from landscape.compiled import compiled


@compiled
def values(X, y, column, weights, errors, factors, e, relative, unit, least):
    """Pre-activations (m, n) of weight vectors, residuals (n,), and bounds on the errors of both.

    ``relative`` is that of sums of d and of m products; the ``column`` of e may have no entries.
    """
    (n, d), m, up = X.shape, factors.size, 1.0 + 16.0 * unit
    z, lost, r, missed = np.empty((m, n)), np.empty((m, n)), np.empty(n), np.empty(n)
    for k in range(n):
        total, sizes, gap = 0.0, 0.0, 0.0
        for i in range(m):
            value, terms, error = 0.0, 0.0, 0.0
            for j in range(d):
                term = weights[i, j] * X[k, j]
                value += term
                terms += abs(term)
                error += errors[i, j] * abs(X[k, j])
            error = up * (error + relative[0] * terms) + d * least
            z[i, k], lost[i, k] = value, error
            height = max(value, 0.0)
            total += factors[i] * height
            sizes += abs(factors[i]) * height
            gap += 0.0 if value < -error else abs(factors[i]) * error
        total -= y[k]
        gap = up * (gap + relative[1] * sizes) + m * least
        gap = up * (gap + unit * abs(total))
        if column.size > 0:
            shift = e * column[k]
            total += shift
            gap = up * (gap + (up * (unit * abs(shift)) + least) + unit * abs(total))
        r[k], missed[k] = total, gap
    return z, lost, r, missed


@compiled
def sums(X, s, errors, sizes, active, kinks, relative, unit, least):
    """``sum_k s_k x_kj`` over the active pairs and its error, and sizes and errors of all terms.

    Each of shape (m, d); pairs on kinks have terms only.
    """
    (n, d), m, up = X.shape, len(active), 1.0 + 16.0 * unit
    found, lost = np.zeros((m, d)), np.zeros((m, d))
    terms, rounding = np.zeros((m, d)), np.zeros((m, d))
    for k in range(n):
        size, error = abs(s[k]), errors[k]
        for i in range(m):
            if active[i, k]:
                for j in range(d):
                    x = abs(X[k, j])
                    found[i, j] += s[k] * X[k, j]
                    lost[i, j] += (error + relative * size) * x
                    terms[i, j] += sizes[k] * x
            elif kinks[i, k]:
                for j in range(d):
                    x = abs(X[k, j])
                    terms[i, j] += sizes[k] * x
                    rounding[i, j] += error * x
    for i in range(m):
        for j in range(d):
            lost[i, j] = up * lost[i, j] + n * least
            rounding[i, j] += lost[i, j]
    return found, lost, terms, rounding


@compiled
def kink_function(X, units, firsts, opposite, kinks, weights, gradient, allowed, merging):
    """A neuron's h: gradient (d,), kinks (q, d), weights (q,), and the charge for the rest (d,).

    From the samples on ``kinks`` (n,), with what their rises are multiplied by. Those too small to
    have a sign are left out; the others are merged by lines, see
    :func:`landscape.stationarity.merge_kinks`.
    """
    n, d = X.shape
    g, charge, total = gradient.copy(), np.zeros(d), np.zeros(d)
    amounts, count, merged = np.zeros(n), 0, 0.0
    for k in range(n):
        count += kinks[k]
    for k in range(n):
        if not kinks[k]:
            continue
        size, top, keep = abs(weights[k]), 0.0, False
        for j in range(d):
            top = max(top, abs(X[k, j]))
            total[j] += size * abs(X[k, j])
            keep |= size * abs(X[k, j]) * count > 0.25 * allowed[j]
        merged += size * top
        amount = weights[k] * top
        for j in range(d):
            if not keep:
                charge[j] += size * abs(X[k, j])
            elif opposite[k]:
                g[j] -= amount * units[firsts[k], j]
        amounts[firsts[k]] += amount if keep else 0.0
    count = 0
    for k in range(n):
        count += amounts[k] != 0.0
    found, rises, count = np.empty((count, d)), np.empty(count), 0
    for k in range(n):
        if amounts[k] != 0.0:
            rises[count] = amounts[k]
            for j in range(d):
                found[count, j] = units[k, j]
            count += 1
    for j in range(d):  # merging moves no entry where all are zero
        charge[j] += merging * merged if total[j] > 0.0 else 0.0
    return g, found, rises, charge


@compiled
def margins(z, errors, kinks, norms, powers, sizes, slopes):
    """How far weight vectors may move before a pair off its kink changes sides, in the max-norm.

    ``norms`` (n,) are the samples' 1-norms, ``powers`` (m,) the neurons' units. Then what kinks are
    missed by, times the ``slopes`` (n,) of the losses.
    """
    limit, missed = np.inf, 0.0
    for i in range(len(z)):
        for k in range(norms.size):
            if kinks[i, k]:
                missed += slopes[k] * (abs(z[i, k]) + errors[i, k]) * sizes[i]
            elif norms[k] > 0.0:
                side = max(abs(z[i, k]) - errors[i, k], 0.0)
                limit = min(limit, side / powers[i] / norms[k])
    return limit, missed
