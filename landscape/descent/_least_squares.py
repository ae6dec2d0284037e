"""Newton steps as linear least squares problems."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgelsy, dgelsy_lwork, dpotrf, dpotrs

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
    x[used] = _by_qr(A / sizes, b) / sizes
    return x


def _by_qr(A: Array, b: Array) -> Array:
    """Shortest solution by pivoted QR, several times faster than by singular values.

    As ``scipy.linalg.lstsq(..., lapack_driver="gelsy")``, without what that costs around LAPACK.
    """
    n, q = A.shape
    right = np.zeros(max(n, q))
    right[:n] = b
    work, _ = dgelsy_lwork(n, q, 1, 1e-10)
    pivots = np.zeros((q, 1), dtype=np.int32)
    _, solution, _, _, info = dgelsy(A, right, pivots, 1e-10, int(work), False, True)
    if info:  # pragma: no cover - wrong arguments only
        raise ValueError(f"dgelsy: argument {-info}")
    return np.asarray(solution[:q]).ravel()
