"""Wolfe's point of least norm in a convex hull: a separating vector or a conflict.

Plain Python that `_tiers` interprets or compiles: IEEE arithmetic in a fixed order.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 unless said otherwise.
from __future__ import annotations

import numpy as np

FEASIBLE, CONFLICT, UNKNOWN = 0, 1, 2


def min_norm_point(Z, columns, active, n, multipliers, support, n_support, x):
    """Wolfe's algorithm: the point of least norm in the hull of the rows ``Z[active[:n]]``.

    A non-zero point has positive products with all rows, so it separates them; zero is a convex
    combination of at most d + 1 rows, a conflict. ``support[:n_support]`` may hold affinely
    independent rows to start from; ``columns`` is Z transposed, for products that vectorize.

    Returns (outcome, size of the support); `support` and `multipliers` hold the combination.
    """
    d = Z.shape[1]
    gram = np.empty((d + 2, d + 2))
    factor = np.empty((d + 2, d + 2))
    forward = np.empty(d + 2)
    solution = np.empty(d + 2)
    values = np.empty(Z.shape[0])
    size = n_support
    if size == 0:
        least = 1e300
        for q in range(n):
            i = active[q]
            s = 0.0
            for k in range(d):
                s += Z[i, k] * Z[i, k]
            if s < least:
                least = s
                support[0] = i
        size = 1
        multipliers[0] = 1.0
    else:
        for p in range(size):
            multipliers[p] = 1.0 / size
    largest = 0.0
    for p in range(size):
        _products(Z, support, p, gram)
        largest = max(largest, gram[p, p])
    fresh = n_support > 0
    # How many rows of the support are factored, and with which multiple of e e^T.
    factored, sigma = 0, 0.0
    for _ in range(50 * (d + 5)):
        if not fresh:
            for k in range(d):
                s = 0.0
                for p in range(size):
                    s += multipliers[p] * Z[support[p], k]
                x[k] = s
            xx = 0.0
            for k in range(d):
                xx += x[k] * x[k]
            if xx <= 1e-22 * largest:
                return CONFLICT, size
            for i in range(Z.shape[0]):
                values[i] = columns[0, i] * x[0]
            for k in range(1, d):
                for i in range(Z.shape[0]):
                    values[i] += columns[k, i] * x[k]
            least = 1e300
            j = -1
            for q in range(n):
                if values[active[q]] < least:
                    j = active[q]
                    least = values[j]
            if least > 0.0:
                return FEASIBLE, size
            for p in range(size):
                if support[p] == j:
                    return UNKNOWN, size
            if size > d:
                return UNKNOWN, size
            support[size] = j
            multipliers[size] = 0.0
            _products(Z, support, size, gram)
            largest = max(largest, gram[size, size])
            size += 1
        fresh = False
        while True:
            # The least-norm point of the affine hull: (G + sigma e e^T) y = e, scaled to sum one.
            # The rows are affinely independent, so this is positive definite where G is not.
            if largest > 4 * sigma:
                factored, sigma = 0, largest
            while factored < size:
                if not _extend(gram, sigma, factor, forward, factored):
                    return UNKNOWN, size
                factored += 1
            _back(factor, forward, size, solution)
            negative = False
            for p in range(size):
                if solution[p] <= 1e-13:
                    negative = True
            if not negative:
                for p in range(size):
                    multipliers[p] = solution[p]
                break
            step = 1.0
            for p in range(size):
                if solution[p] <= 1e-13:
                    drop = multipliers[p] - solution[p]
                    if drop > 0:
                        step = min(step, multipliers[p] / drop)
            kept = 0
            for p in range(size):
                value = (1 - step) * multipliers[p] + step * solution[p]
                if value > 1e-13:
                    if kept < p:
                        support[kept] = support[p]
                        for q in range(size):
                            gram[kept, q] = gram[p, q]
                        for q in range(size):
                            gram[q, kept] = gram[q, p]
                    multipliers[kept] = value
                    kept += 1
                else:
                    factored = min(factored, kept)
            if kept == size:
                kept = size - 1
                factored = min(factored, kept)
            if kept == 0:
                return UNKNOWN, 0
            size = kept
    return UNKNOWN, size


def _products(Z, support, p, gram):
    """Row and column p of the matrix of inner products of the support's rows."""
    for q in range(p + 1):
        s = 0.0
        for k in range(Z.shape[1]):
            s += Z[support[p], k] * Z[support[q], k]
        gram[p, q] = s
        gram[q, p] = s


def _extend(gram, sigma, factor, forward, p):
    """Row p of the Cholesky factor of ``G + sigma e e^T``, and of its forward substitution of e."""
    for q in range(p):
        s = gram[p, q] + sigma
        for t in range(q):
            s -= factor[p, t] * factor[q, t]
        factor[p, q] = s / factor[q, q]
    pivot, right = gram[p, p] + sigma, 1.0
    for t in range(p):
        pivot -= factor[p, t] * factor[p, t]
        right -= factor[p, t] * forward[t]
    if not pivot > 1e-15 * (gram[p, p] + sigma):
        return False
    factor[p, p] = np.sqrt(pivot)
    forward[p] = right / factor[p, p]
    return True


def _back(factor, forward, n, solution):
    """Back substitution, scaled such that the solution's sum is one."""
    total = 0.0
    for p in range(n - 1, -1, -1):
        s = forward[p]
        for t in range(p + 1, n):
            s -= factor[t, p] * solution[t]
        solution[p] = s / factor[p, p]
        total += solution[p]
    for p in range(n):
        solution[p] /= total
