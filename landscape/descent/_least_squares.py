"""Newton steps as linear least squares problems."""

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
    gram = A.T @ A
    sizes = np.sqrt(gram.diagonal())
    # A column of rounding size (of an orthonormal basis on rank-deficient samples) is none.
    used = sizes > 1e-12 * sizes.max(initial=0.0)
    x = np.zeros(sizes.size)
    if not used.any():
        return x
    A, sizes, gram = A[:, used], sizes[used], gram[np.ix_(used, used)]
    factor, failed = dpotrf(gram / np.multiply.outer(sizes, sizes), lower=1, clean=0)
    pivots = factor.diagonal()
    if len(A) >= sizes.size and not failed and pivots.min() > 1e-6 * pivots.max():
        x[used] = dpotrs(factor, (A.T @ b) / sizes, lower=1)[0] / sizes
    else:  # pivoted QR, several times faster than by singular values
        options = {"cond": 1e-10, "check_finite": False, "lapack_driver": "gelsy"}
        x[used] = lstsq(A / sizes, b, **options)[0] / sizes
    return x
