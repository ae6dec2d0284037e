"""Compiled L-BFGS on the smoothed loss; ``_smooth.value_and_gradient`` does the loss with numpy.

Limited memory, weak Wolfe conditions by bisection (Lewis and Overton, Math. Program. 141, 2013),
which are safe where the smoothing is narrow.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 and contiguous.
from __future__ import annotations

import numpy as np

from landscape.compiled import compiled

#: Pairs of steps and changes of the gradient that are remembered.
MEMORY = 20


@compiled
def value_and_gradient(v, X, y, column, widths, penalty, m, gradient, factors):
    """See ``_smooth.value_and_gradient``; ``gradient`` and ``factors`` (n, m) are written to."""
    n, width = X.shape
    A = v[: m * width].reshape(m, width)
    c = v[m * width : m * width + m]
    offset = column.size > 0
    e = v[-1] if offset else 0.0
    z = X @ A.T
    s = np.empty(n)
    by_output = np.zeros(m)
    total = 0.0
    by_offset = 0.0
    for k in range(n):
        r = widths[k]
        residual = -y[k]
        if offset:
            residual += e * column[k]
        for i in range(m):
            value = z[k, i]
            if value >= r:
                slope = 1.0 if value > 0 else 0.0
            elif value > -r:
                slope = (value + r) / (2.0 * r)
                value = slope * slope * r
            else:
                slope = 0.0
                value = 0.0
            z[k, i] = value
            factors[k, i] = slope * c[i]
            residual += c[i] * value
        total += residual * residual
        s[k] = residual
        for i in range(m):
            factors[k, i] *= residual
            by_output[i] += residual * z[k, i]
        if offset:
            by_offset += residual * column[k]
    total /= n
    by_weights = factors.T @ X
    for i in range(m):
        pull = 0.0
        for j in range(width):
            weight = penalty[j] * A[i, j]
            pull += weight * A[i, j]
            gradient[i * width + j] = 2.0 / n * by_weights[i, j] + 2.0 * c[i] * c[i] * weight
        total += c[i] * c[i] * pull
        gradient[m * width + i] = 2.0 / n * by_output[i] + 2.0 * c[i] * pull
    if offset:
        gradient[-1] = 2.0 / n * by_offset
    return total


@compiled
def minimize(v, X, y, column, widths, penalty, m, tol, max_iter):
    """L-BFGS from ``v``, which is moved to the end; returns the value and the iterations.

    Ends with a step that lowers the loss by at most ``tol``, at a gradient of at most ``tol`` / 10,
    or without a step that lowers it.
    """
    size = v.size
    factors = np.empty((y.size, m))
    gradient = np.empty(size)
    new_gradient = np.empty(size)
    steps = np.empty((MEMORY, size))
    changes = np.empty((MEMORY, size))
    products = np.empty(MEMORY)
    shares = np.empty(MEMORY)
    stored = 0
    value = value_and_gradient(v, X, y, column, widths, penalty, m, gradient, factors)
    iteration = 0
    while iteration < max_iter:
        if np.abs(gradient).max() <= 0.1 * tol:
            break
        direction = -gradient
        kept = min(stored, MEMORY)
        for back in range(kept):
            at = (stored - 1 - back) % MEMORY
            shares[at] = (steps[at] @ direction) / products[at]
            direction -= shares[at] * changes[at]
        if kept > 0:
            last = (stored - 1) % MEMORY
            direction *= products[last] / (changes[last] @ changes[last])
        else:
            direction *= min(1.0, 1.0 / np.abs(gradient).sum())
        for forth in range(kept):
            at = (stored - kept + forth) % MEMORY
            share = (changes[at] @ direction) / products[at]
            direction += (shares[at] - share) * steps[at]
        slope = gradient @ direction
        if not slope < 0.0:
            if kept == 0:
                break
            stored = 0  # the memory misleads: begin anew
            continue
        t, low, high = 1.0, 0.0, np.inf
        found = False
        for _ in range(30):
            trial = v + t * direction
            new_value = value_and_gradient(
                trial, X, y, column, widths, penalty, m, new_gradient, factors
            )
            if not new_value <= value + 1e-4 * t * slope:
                high = t
                t = 0.5 * (low + high)
            elif new_gradient @ direction < 0.9 * slope:
                found = True
                low = t
                t = 2.0 * t if high == np.inf else 0.5 * (low + high)
            else:
                found = True
                low = t
                break
        if not found:
            if kept == 0:
                break
            stored = 0
            continue
        if low != t:  # the last trial was not the best one
            trial = v + low * direction
            new_value = value_and_gradient(
                trial, X, y, column, widths, penalty, m, new_gradient, factors
            )
        step = trial - v
        change = new_gradient - gradient
        product = step @ change
        if product > 1e-14 * (change @ change):
            at = stored % MEMORY
            steps[at], changes[at], products[at] = step, change, product
            stored += 1
        fall = value - new_value
        v[:] = trial
        gradient[:] = new_gradient
        value = new_value
        iteration += 1
        if fall <= tol:
            break
    return value, iteration
