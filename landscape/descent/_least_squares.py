"""Newton steps as linear least squares problems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq
from scipy.linalg.lapack import dpotrf, dpotrs

__all__ = ["solve_least_squares"]

Array = NDArray[np.float64]


def solve_least_squares(A: Array, b: Array) -> Array:
    """Shortest minimizer of ``‖A x - b‖_2``: normal equations where they are safe, else by QR.

    The descent repeats its Newton steps, which corrects what the normal equations lose.
    """
    n, q = A.shape
    gram = A.T @ A
    sizes = np.sqrt(gram.diagonal())
    # A column of rounding size (of an orthonormal basis on rank-deficient samples) is none.
    used = sizes > 1e-12 * sizes.max(initial=0.0)
    x = np.zeros(q)
    if not used.any():
        return x
    if not used.all():
        A, sizes = A[:, used], sizes[used]
        gram = gram[np.ix_(used, used)]
    if n >= len(sizes):
        factor, failed = dpotrf(gram / np.multiply.outer(sizes, sizes), lower=1, clean=0)
        if not failed:
            pivots = factor.diagonal()
            if pivots.min() > 1e-6 * pivots.max():
                x[used] = dpotrs(factor, (A.T @ b) / sizes, lower=1)[0] / sizes
                return x
    # Pivoted QR: the shortest solution, several times faster than by singular values.
    solution = lstsq(A / sizes, b, cond=1e-10, lapack_driver="gelsy", check_finite=False)[0]
    x[used] = solution / sizes
    return x
