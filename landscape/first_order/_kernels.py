"""Values at a point and what they sum to, with error bounds, compiled.

Sums of :class:`landscape.rounding.Bounded` without its arrays: ``relative`` bounds sums of so many
products as there are, ``unit`` and ``least`` are those of :mod:`landscape.rounding`.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64, masks bool.
import numpy as np

from landscape._kernels import copy, stored
from landscape.compiled import compiled
from landscape.stationarity._kernels import fits, rises


@compiled
def values(X, y, column, weights, errors, factors, e, storage, widths, relative, unit, least):
    """Pre-activations (m, n) of weight vectors, residuals (n,), and bounds on the errors of both.

    And the pairs (m, n) that are tried on kinks: up to ``widths`` times their errors, and what is
    lost in ``storage``, see :func:`landscape._kernels.stored`. ``relative`` is that of sums of d
    and of m products; the ``column`` of e may have no entries.
    """
    (n, d), m, up = X.shape, factors.size, 1.0 + 16.0 * unit
    z, lost, r, missed = np.empty((m, n)), np.empty((m, n)), np.empty(n), np.empty(n)
    largest, shares, resolution, share = storage
    kinks, near = np.empty((m, n), np.bool_), stored(X, weights, largest, shares, resolution, share)
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
            kinks[i, k] = abs(value) <= widths * error + near[i, k]
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
    return z, lost, kinks, r, missed


@compiled
def sums(X, s, errors, sizes, z, kinks, signs, relative, unit, least):
    """``sigma_i sum_k s_k x_kj`` over active pairs and its error; sizes and errors of all terms.

    Each of shape (m, d); pairs on kinks have terms only. And how many pairs are active, how many
    are on kinks, (m,).
    """
    (n, d), m, up = X.shape, len(z), 1.0 + 16.0 * unit
    found, lost = np.zeros((m, d)), np.zeros((m, d))
    terms, rounding = np.zeros((m, d)), np.zeros((m, d))
    counts = np.zeros((2, m), np.int64)
    for k in range(n):
        size, error = abs(s[k]), errors[k]
        for i in range(m):
            counts[0, i] += z[i, k] > 0.0 and not kinks[i, k]
            counts[1, i] += kinks[i, k]
            if z[i, k] > 0.0 and not kinks[i, k]:
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
            found[i, j] *= signs[i]
            lost[i, j] = up * lost[i, j] + n * least
            rounding[i, j] += lost[i, j]
    return found, lost, terms, rounding, counts


@compiled
def _direction(row, least, into):
    """A row scaled to max-norm one, as :func:`landscape.parametrization.unit_directions` does."""
    norm = least
    for j in range(len(row)):
        norm = max(norm, abs(row[j]))
    for j in range(len(row)):
        into[j] = row[j] / norm


@compiled
def _kink_function(X, lines, kinks, i, count, sign, s, gradients, allowed, merging, least, charges):
    """The weights (n,) of lines in neuron i's h, whose gradient is changed in place.

    From the ``count`` samples on its ``kinks`` (m, n). Those too small to have a sign are charged;
    the others are merged by lines, see :func:`landscape.stationarity.merge_kinks`.
    """
    (n, d), (firsts, opposite) = X.shape, lines
    amounts, total, merged, unit = np.zeros(n), np.zeros(d), 0.0, np.empty(d)
    for k in range(n):
        if not kinks[i, k]:
            continue
        size, top, keep = abs(s[k]), 0.0, False
        for j in range(d):
            top = max(top, abs(X[k, j]))
            total[j] += size * abs(X[k, j])
            keep |= size * abs(X[k, j]) * count > 0.25 * allowed[i, j]
        merged += size * top
        amount = sign * s[k] * top
        if keep and opposite[k]:
            _direction(X[firsts[k]], least, unit)
        for j in range(d):
            if not keep:
                charges[i, j] += size * abs(X[k, j])
            elif opposite[k]:
                gradients[i, j] -= amount * unit[j]
        amounts[firsts[k]] += amount if keep else 0.0
    for j in range(d):  # merging moves no entry where all are zero
        charges[i, j] += merging * merged if total[j] > 0.0 else 0.0
    return amounts


@compiled
def neurons(
    X, lines, kinks, counts, signs, s, gradients, rounding, allowed, todo, merging, few, unit, least
):
    """The neurons' h: gradients (m, d), and each ``starts`` (m + 1,) the kinks and their weights.

    Those that are 2 in ``todo`` (m,) are decided where they satisfy their conditions: smooth and
    convex ones, for which the first array (m,) says 1, with multipliers of the kinks, and mixed
    ones with a ``few`` rays, for which it has their number; all with shortfalls (m, d). Of others
    there is what h is charged with, and 0. For 0 in ``todo`` there is nothing.
    """
    (n, d), m, total = X.shape, signs.size, 0
    for i in range(m):
        total += counts[i]
    rows, weights, t = np.empty((total, d)), np.empty(total), np.zeros(total)
    g, charges = np.empty((m, d)), np.zeros((m, d))
    held, starts = np.zeros(m, np.int64), np.zeros(m + 1, np.int64)
    copy(gradients, g)
    for i in range(m):
        first, convex = starts[i], True
        end = first
        if todo[i] > 0 and counts[i] > 0:
            amounts = _kink_function(
                X, lines, kinks, i, counts[i], signs[i], s, g, allowed, merging, least, charges
            )
            for k in range(n):
                if amounts[k] != 0.0:
                    weights[end] = amounts[k]
                    convex &= amounts[k] > 0.0
                    _direction(X[k], least, rows[end])
                    end += 1
        starts[i + 1] = end
        for j in range(d):
            charges[i, j] += rounding[i, j]
        if todo[i] == 2 and convex:
            held[i] = fits(g, rows, weights, allowed, i, first, end, unit, t, charges)
        elif todo[i] == 2:
            held[i] = rises(g, rows, weights, allowed, i, first, end, unit, least, few, charges)
    return held, g, charges, starts, rows, weights, t


@compiled
def share_missed(shortfalls, rounding, terms):
    """By how much conditions are missed beyond ``rounding``, as the largest share of terms."""
    share = 0.0
    for i in range(len(terms)):
        for j in range(terms.shape[1]):
            short = shortfalls[i, j] - 4.0 * rounding[i, j]
            if short > 0.0 and terms[i, j] > 0.0:
                share = max(share, short / terms[i, j])
    return share
