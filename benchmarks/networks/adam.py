"""Full-batch Adam on the squared error of a network, with gradients from sums over samples.

As long as no sample changes its side at a neuron, the gradient is affine in the products
``u = (c_i a_i, c_i b_i)``: with the Gram matrix of the active samples, its cost does not grow with
their number. A sample changes sides only after the weights have moved by its pre-activation over
its norm. So samples are *firm*, summed up once for all steps in which the weights move by at most
``reach``, or *loose*, evaluated in every step. The steps are those of plain Adam up to rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Steps after which the sums are made anew, so that rounding does not add up.
ANEW = 5_000
#: Sums by matrix products are that much cheaper, per operation, than steps.
PRODUCTS = 8
Array = np.ndarray


@njit(cache=True, nogil=True)
def _steps(
    rows, c, e, first, second, k, until, rate, n, gram, ones, seen, count, total, X, y, reach
):
    """Adam until the last step, or until a neuron has moved by ``reach``; its number, and e."""
    m, d = rows.shape
    begin, size, g = rows.copy(), m * d, np.empty(m * d + m + 1)
    while k < until:
        u = (rows * c.reshape(-1, 1)).ravel()
        slopes = (np.dot(gram, u) + e * ones - seen).reshape(m, d)
        g[-1] = np.dot(ones, u) + count * e - total
        z = np.dot(X, rows.T)
        for s in range(len(X)):
            value = e - y[s]
            for i in range(m):
                if z[s, i] > 0:
                    value += c[i] * z[s, i]
            g[-1] += value
            for i in range(m):
                z[s, i] = value if z[s, i] > 0 else 0.0
        slopes += np.dot(z.T, X)
        for i in range(m):
            g[size + i] = np.dot(rows[i], slopes[i])
            g[i * d : (i + 1) * d] = c[i] * slopes[i]
        k += 1
        up, down = 1 - 0.9**k, 1 - 0.999**k
        for j in range(len(g)):
            slope = 2 / n * g[j]
            first[j] += 0.1 * (slope - first[j])
            second[j] += 0.001 * (slope * slope - second[j])
            move = rate * (first[j] / up) / (np.sqrt(second[j] / down) + 1e-8)
            if j < size:
                rows[j // d, j % d] -= move
            elif j < size + m:
                c[j - size] -= move
            else:
                e -= move
        for i in range(m):
            far = 0.0
            for j in range(d):
                far += (rows[i, j] - begin[i, j]) ** 2
            if far > reach * reach:
                return k, e
    return k, e


class _Sums:
    """Sums over the firm samples: Gram matrix of ``u``, of inputs, of inputs times targets."""

    def __init__(self, X: Array, y: Array, m: int) -> None:
        self.X, self.y, self.n = X, y, len(X)
        size = m * X.shape[1]
        self.active = np.zeros((self.n, m), dtype=bool)
        self.gram, self.ones, self.seen = np.zeros((size, size)), np.zeros(size), np.zeros(size)

    def update(self, active: Array, anew: bool) -> float:
        """Make ``active`` (n, m) the pairs that are summed; the number of operations."""
        changed = np.flatnonzero((active != self.active).any(axis=1))
        if anew or 2 * len(changed) >= active.any(axis=1).sum():
            for part in (self.gram, self.ones, self.seen):
                part[...] = 0.0
            self.active[...] = False
            changed = np.flatnonzero(active.any(axis=1))
        for sign, pairs in ((-1, self.active[changed]), (1, active[changed])):
            some = pairs.any(axis=1)
            which = changed[some]
            rows = (pairs[some][:, :, None] * self.X[which][:, None, :]).reshape(
                len(which), len(self.ones)
            )
            self.gram += sign * (rows.T @ rows)
            self.ones += sign * rows.sum(axis=0)
            self.seen += sign * (self.y[which] @ rows)
        self.active = active
        return len(changed) * len(self.ones) ** 2 / PRODUCTS


def adam(rows: Array, c: Array, e: float, X: Array, y: Array, steps: int) -> tuple:
    """Rows (a_i, b_i), c and e after Adam from 1e-3, times 0.2 every tenth of the steps.

    Inputs X (n, d) end in a column of ones.
    """
    rows, c, n, m = rows.copy(), c.copy(), len(X), len(rows)
    norms, sums = np.linalg.norm(X, axis=1), _Sums(X, y, m)
    first, second = np.zeros(rows.size + m + 1), np.zeros(rows.size + m + 1)
    k, rate, last, loose = 0, 1e-3, -ANEW, n // 4
    while k < steps:
        z = X @ rows.T
        margins = np.abs(z).min(axis=1) / norms
        # Rounding of z is far below a share of 1e-9 of any reach that a sample lives through.
        reach = np.partition(margins, loose)[loose] * (1 - 1e-9) if loose < n else np.inf
        firm = margins > reach
        anew = k - last >= ANEW
        cost = rows.size * n + sums.update(firm[:, None] & (z > 0), anew)
        last = k if anew else last
        until = min(steps, (k // (steps // 10) + 1) * (steps // 10), k + ANEW)
        if loose >= n:
            until = min(until, k + 200)
        begin = k
        k, e = _steps(
            rows, c, e, first, second, k, until, rate, n, sums.gram, sums.ones, sums.seen,
            float(firm.sum()), float(y[firm].sum()), X[~firm], y[~firm], reach,
        )  # fmt: skip
        each = 2 * rows.size * max(loose, 1)
        if loose >= n:
            loose = n // 4
        else:  # loose samples should cost about as much as what they save
            loose = int(loose * 1.3) + 1 if (k - begin) * each < cost else int(loose / 1.3)
            loose = n if loose > n // 2 else max(loose, 8)
        if k % (steps // 10) == 0:
            rate *= 0.2
    return rows, c, e
