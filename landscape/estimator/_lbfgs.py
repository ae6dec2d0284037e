"""Compiled L-BFGS on the smoothed loss of `_smooth`.

Limited memory, weak Wolfe conditions by bisection (Lewis and Overton, Math. Program. 141, 2013),
which are safe where the smoothing is narrow.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are float64 and contiguous.
import numpy as np

from landscape.compiled import compiled

#: Pairs of steps and changes of the gradient that are remembered.
MEMORY = 20


@compiled
def value_and_gradient(v, X, y, column, widths, penalty):
    """The smoothed loss at ``v`` = (A by rows, c, e), and its gradient.

    ``widths`` (n,), positive: half widths of the samples' bands; ``column`` (n,): the offset's
    input.
    """
    n, width = X.shape
    m = v.size // (width + 1)
    A = v[: m * width].reshape(m, width)
    c = v[m * width : -1]
    h = X @ A.T
    slopes = np.empty((n, m))
    for k in range(n):
        r = widths[k]
        for i in range(m):
            z = h[k, i]
            slopes[k, i] = 1.0 if z >= r else max(z + r, 0.0) / (2.0 * r)
            h[k, i] = z if z >= r else slopes[k, i] * slopes[k, i] * r
    s = h @ c + v[-1] * column - y
    pull = penalty * A
    pulls = (pull * A).sum(axis=1)
    gradient = np.empty(v.size)
    by_weights = slopes.T @ (X * s.reshape(n, 1)) / n + c.reshape(m, 1) * pull
    gradient[: m * width] = 2.0 * (c.reshape(m, 1) * by_weights).ravel()
    gradient[m * width : -1] = 2.0 * (s @ h / n + c * pulls)
    gradient[-1] = 2.0 * (s @ column) / n
    return s @ s / n + (c * c) @ pulls, gradient


@compiled
def minimize(v, X, y, column, widths, penalty, tol, max_iter):
    """L-BFGS from ``v``; returns the end, its value and the iterations.

    Ends with a step that lowers the loss by at most ``tol``, at a gradient of at most ``tol`` / 10,
    or without a step that lowers it.
    """
    steps, changes = np.empty((MEMORY, v.size)), np.empty((MEMORY, v.size))
    products, shares = np.empty(MEMORY), np.empty(MEMORY)
    stored = iteration = 0
    value, gradient = value_and_gradient(v, X, y, column, widths, penalty)
    while iteration < max_iter and np.abs(gradient).max() > 0.1 * tol:
        direction = -gradient
        for j in range(stored - 1, -1, -1):
            shares[j] = (steps[j] @ direction) / products[j]
            direction -= shares[j] * changes[j]
        if stored > 0:
            last = changes[stored - 1]
            direction *= products[stored - 1] / (last @ last)
        else:
            direction *= min(1.0, 1.0 / np.abs(gradient).sum())
        for j in range(stored):
            direction += (shares[j] - (changes[j] @ direction) / products[j]) * steps[j]
        slope = gradient @ direction
        t, low, high = 1.0, 0.0, np.inf
        best, best_value, best_gradient = v, value, gradient
        for _ in range(30 if slope < 0.0 else 0):
            trial = v + t * direction
            new, new_gradient = value_and_gradient(trial, X, y, column, widths, penalty)
            if new <= value + 1e-4 * t * slope:
                low, best, best_value, best_gradient = t, trial, new, new_gradient
                if new_gradient @ direction >= 0.9 * slope:
                    break
            else:
                high = t
            t = 2.0 * t if high == np.inf else 0.5 * (low + high)
        if low == 0.0:
            if stored == 0:
                break
            stored = 0  # the memory misleads: begin anew
            continue
        step, change = best - v, best_gradient - gradient
        product = step @ change
        if product > 1e-14 * (change @ change):
            if stored == MEMORY:
                steps[:-1], changes[:-1] = steps[1:].copy(), changes[1:].copy()
                products[:-1] = products[1:].copy()
                stored -= 1
            steps[stored], changes[stored], products[stored] = step, change, product
            stored += 1
        fall = value - best_value
        v, value, gradient = best, best_value, best_gradient
        iteration += 1
        if fall <= tol:
            break
    return v, value, iteration
