"""Compiled L-BFGS on the smoothed loss of `_smooth`.

Limited memory, weak Wolfe conditions by bisection (Lewis and Overton, Math. Program. 141, 2013),
which are safe where the smoothing is narrow. Samples are taken in blocks, which stay in the
processor's cache: no array of samples times neurons is ever made. Features are in single precision
and computed with in double.
"""

# mypy: allow-untyped-defs
# numba infers the types; arrays are contiguous, and float64 but for X.
import numpy as np

from landscape._kernels import add
from landscape.compiled import compiled

#: Pairs of steps and changes of the gradient that are remembered.
MEMORY = 20

#: Samples of a block.
BLOCK = 512


#: Losses by the numbers that the compiled functions know them by.
SQUARED, HUBER, QUANTILE, LOGISTIC, POISSON = range(5)


@compiled
def sample_loss(kind, a, b, value, label):
    """A loss of a value and a label as in `landscape.losses`, and its derivative."""
    r = value - label
    if kind == HUBER:
        s = min(max(r, -a), a)
        return s * (2.0 * r - s), 2.0 * s
    if kind == QUANTILE:
        s = min(max(r, -b), b)
        factor = (a if r < 0.0 else 1.0 - a) / (2.0 * b)
        return factor * s * (2.0 * r - s), 2.0 * factor * s
    if kind == LOGISTIC:
        margin = label * value
        small = np.exp(-abs(margin))
        slope = -label * (small if margin > 0.0 else 1.0) / (1.0 + small)
        return np.log1p(small) + max(-margin, 0.0), slope
    if kind == POISSON:
        mean = np.exp(value)
        constant = label * np.log(label) - label if label > 0.0 else 0.0
        return mean - label * value + constant, mean - label
    return r * r, 2.0 * r


@compiled
def value_and_gradient(v, X, roots, y, q, delta, penalty, factors, kind, a, b):
    """The smoothed loss at ``v`` = (A by rows, c, e), and its gradient.

    Inputs are the rows of X (n, d + 1), float32, times their ``roots`` (n,), positive, as are half
    widths ``delta`` of the bands; e (q,) multiplies the last ``q`` of them. Penalties are those of
    A's columns (d + 1,) and of e (q,). ``kind``, ``a``, ``b``: the loss, with ``factors`` (n,) of
    the samples; of the square these are in the roots.
    """
    n, width = X.shape
    m = (v.size - q) // (width + 1)
    A, c, e = v[: m * width].reshape(m, width), v[m * width : m * width + m], v[v.size - q :]
    gradient = np.zeros(v.size)
    by_rows, by_outputs, value = np.zeros((m, width)), gradient[m * width : v.size - q], 0.0
    block = np.empty((BLOCK, width))
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        part = block[: last - first]
        entries, given = part.reshape(-1), X[first:last].reshape(-1)
        for k in range(entries.size):  # long loops take several entries at once
            entries[k] = given[k]
        for k in range(last - first):
            if roots[first + k] != 1.0:
                for j in range(width):
                    part[k, j] *= roots[first + k]
        h = np.dot(part, A.T)
        slopes = np.empty_like(h)
        for k in range(last - first):
            r = delta * roots[first + k]
            least = 0.5 / r
            for i in range(m):
                z = h[k, i]
                slope = min(1.0, max(z + r, 0.0) * least)
                h[k, i] = z if z >= r else slope * slope * r
                slopes[k, i] = slope
        for k in range(last - first):
            s = -y[first + k] if kind == SQUARED else 0.0
            for j in range(q):
                s += part[k, width - q + j] * e[j]
            for i in range(m):
                s += h[k, i] * c[i]
            if kind == SQUARED:
                value += s * s / n
                s *= 2.0 / n
            else:
                own, slope = sample_loss(kind, a, b, s, y[first + k])
                value += factors[first + k] * own / n
                s = factors[first + k] * slope / n
            for j in range(q):
                gradient[v.size - q + j] += s * part[k, width - q + j]
            for i in range(m):
                by_outputs[i] += s * h[k, i]
                slopes[k, i] *= s
        own_rows = np.dot(slopes.T, part)
        for i in range(m):
            for j in range(width):
                by_rows[i, j] += own_rows[i, j]
    for i in range(m):
        for j in range(width):
            product = penalty[j] * A[i, j]
            value += c[i] * c[i] * product * A[i, j]
            gradient[i * width + j] = c[i] * (by_rows[i, j] + 2.0 * c[i] * product)
            gradient[m * width + i] += 2.0 * c[i] * product * A[i, j]
    for j in range(q):
        value += penalty[width + j] * e[j] * e[j]
        gradient[v.size - q + j] += 2.0 * penalty[width + j] * e[j]
    return value, gradient


@compiled
def _largest(vector):
    """The max-norm."""
    largest = 0.0
    for j in range(vector.size):
        largest = max(largest, abs(vector[j]))
    return largest


@compiled
def minimize(
    v, value, gradient, X, roots, y, q, delta, penalty, factors, kind, a, b,
    tol, max_iter, memory, products, stored,
):  # fmt: skip
    """L-BFGS from ``v``, with its value and gradient.

    Returns the end with its own, the iterations, what is stored, and whether the descent is over.
    It is with a step that lowers the loss by at most ``tol``, at a gradient of at most a tenth of
    that, or without a step that lowers it. Else another call goes on with the same ``memory``
    (2, MEMORY, v.size) of steps and changes, and their ``products``.
    """
    shares, iteration = np.empty(MEMORY), 0
    steps, changes = memory[0], memory[1]
    while iteration < max_iter:
        if _largest(gradient) <= 0.1 * tol:
            return v, value, gradient, iteration, stored, True
        direction, total = np.empty(v.size), 0.0
        for j in range(v.size):
            direction[j] = -gradient[j]
            total += abs(gradient[j])
        for j in range(stored - 1, -1, -1):
            shares[j] = np.dot(steps[j], direction) / products[j]
            add(-shares[j], changes[j], direction)
        factor = min(1.0, 1.0 / total)
        if stored > 0:
            last = changes[stored - 1]
            factor = products[stored - 1] / np.dot(last, last)
        for j in range(v.size):
            direction[j] *= factor
        for j in range(stored):
            factor = shares[j] - np.dot(changes[j], direction) / products[j]
            add(factor, steps[j], direction)
        slope = np.dot(gradient, direction)
        t, low, high = 1.0, 0.0, np.inf
        best, best_value, best_gradient = v, value, gradient
        for _ in range(30 if slope < 0.0 else 0):
            trial = v.copy()
            add(t, direction, trial)
            new, new_gradient = value_and_gradient(
                trial, X, roots, y, q, delta, penalty, factors, kind, a, b
            )
            if new <= value + 1e-4 * t * slope:
                low, best, best_value, best_gradient = t, trial, new, new_gradient
                if np.dot(new_gradient, direction) >= 0.9 * slope:
                    break
            else:
                high = t
            t = 2.0 * t if high == np.inf else 0.5 * (low + high)
        if low == 0.0:
            if stored == 0:
                return v, value, gradient, iteration, stored, True
            stored = 0  # the memory misleads: begin anew
            continue
        step, change = best.copy(), best_gradient.copy()
        add(-1.0, v, step)
        add(-1.0, gradient, change)
        product = np.dot(step, change)
        if product > 1e-14 * np.dot(change, change):
            if stored == MEMORY:
                for k in range(MEMORY - 1):
                    for j in range(v.size):
                        steps[k, j], changes[k, j] = steps[k + 1, j], changes[k + 1, j]
                    products[k] = products[k + 1]
                stored -= 1
            products[stored] = product
            for j in range(v.size):
                steps[stored, j], changes[stored, j] = step[j], change[j]
            stored += 1
        fall = value - best_value
        v, value, gradient = best, best_value, best_gradient
        iteration += 1
        if fall <= tol:
            return v, value, gradient, iteration, stored, True
    return v, value, gradient, iteration, stored, False
