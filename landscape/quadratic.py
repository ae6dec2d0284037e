"""Convex quadratic programs, by clarabel (chosen by measurement, see benchmarks/probe)."""

from collections.abc import Sequence
from typing import NamedTuple

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

Array = NDArray[np.float64]

TOLERANCE = 1e-11
#: Interior points take 10 to 25 steps; where 60 do not do, 200 do not either.
MAX_ITER = 60


def minimize_quadratic(
    hessian: Array | csc_matrix,
    linear: Array,
    rows: Array | csc_matrix,
    right: Array,
    n_equal: int = 0,
    cones: Sequence[int] = (),
) -> tuple[Array, Array, str]:
    """Minimize ``<linear, x> + 1/2 <x, hessian x>`` over ``rows @ x <= right``.

    Of the hessian (k, k) only the upper triangle is given; the first ``n_equal`` rows are
    equations, and the last ones say that ``right - rows @ x`` is in second-order cones of these
    sizes. Returns a point, the rows' multipliers (>= 0 for inequalities), both 0 where the
    solver broke down, and how it ended. Bounds are to be derived for any point and multipliers.
    """
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = MAX_ITER
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    equations = [clarabel.ZeroConeT(n_equal)] if n_equal else []
    n_linear = len(right) - sum(cones)
    kinds = [*equations, clarabel.NonnegativeConeT(n_linear - n_equal)]
    kinds += [clarabel.SecondOrderConeT(size) for size in cones]
    found = clarabel.DefaultSolver(
        _by_columns(hessian), linear, _by_columns(rows), right, kinds, settings
    ).solve()
    x, z = np.array(found.x), np.array(found.z)
    if not (np.isfinite(x).all() and np.isfinite(z).all()):
        return 0 * linear, 0 * right, "broken"
    z[n_equal:n_linear] = np.maximum(z[n_equal:n_linear], 0.0)
    return x, z, str(found.status)


class _Columns(NamedTuple):
    """A sparse matrix by its columns, with what clarabel reads of scipy's, sooner from lists."""

    data: list[float]
    indices: list[int]
    indptr: list[int]
    shape: tuple[int, ...]
    has_canonical_format: bool = True


def _by_columns(matrix: Array | csc_matrix) -> _Columns | csc_matrix:
    """A matrix for clarabel: scipy's own class takes longer to make than a small program takes."""
    if isinstance(matrix, csc_matrix):
        return matrix
    column, row = matrix.T.nonzero()
    ends = np.searchsorted(column, np.arange(matrix.shape[1] + 1))
    return _Columns(matrix[row, column].tolist(), row.tolist(), ends.tolist(), matrix.shape)
