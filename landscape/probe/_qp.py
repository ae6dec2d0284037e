"""One convex quadratic program, by clarabel (chosen by measurement, see benchmarks/probe)."""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["QuadraticSolution", "minimize_quadratic"]

Array = NDArray[np.float64]

TOLERANCE = 1e-11
#: Interior points take 10 to 25 steps; where 60 do not do, 200 do not either.
MAX_ITER = 60
#: Outcomes of the solver that are worth going on from.
NEAR = ("Solved", "AlmostSolved", "InsufficientProgress")


@dataclass(frozen=True, eq=False)
class QuadraticSolution:
    """Result of a quadratic program.

    Attributes
    ----------
    x : array of shape (k,)
        Within the box; the other constraints hold up to the solver's tolerance.
    multipliers : array of shape (p,)
        Of ``rows @ x <= right``, not negative. They need not be accurate: what is derived from
        them is a bound for any multipliers.
    feasible : bool
        False if the solver found a proof that there is no point.
    solved : bool
        Whether the solver came near its tolerances; otherwise x is just a point of the box.
    """

    x: Array
    multipliers: Array
    feasible: bool
    solved: bool


def minimize_quadratic(
    hessian: Array, linear: Array, rows: Array, right: Array, low: Array, high: Array
) -> QuadraticSolution:
    """Minimize ``<linear, x> + 1/2 <x, hessian x>`` over ``rows @ x <= right`` in a box.

    Parameters
    ----------
    hessian : array of shape (k, k)
        Positive semidefinite.
    linear : array of shape (k,)
    rows : array of shape (p, k)
    right : array of shape (p,)
    low, high : arrays of shape (k,)
        Finite. Entries where they are equal are kept out of the program.
    """
    k, p = linear.size, len(right)
    free = low < high
    start = np.where(free, 0.0, low)
    if not free.any():
        feasible = bool((rows @ start <= right + TOLERANCE).all())
        return QuadraticSolution(start, np.zeros(p), feasible, True)
    q = (linear + hessian @ start)[free]
    h = hessian[np.ix_(free, free)]
    # The size of the objective sets the solver's tolerance.
    size = float(np.abs(q).max() + np.abs(h).max()) or 1.0
    n = int(free.sum())
    stacked = np.vstack([np.eye(n), -np.eye(n), rows[:, free]])
    bound = np.concatenate([high[free], -low[free], right - rows @ start])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = MAX_ITER
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    solution = clarabel.DefaultSolver(
        _columns(np.triu(h / size)),
        q / size,
        _columns(stacked),
        bound,
        [clarabel.NonnegativeConeT(len(bound))],
        settings,
    ).solve()
    status = str(solution.status)
    x = np.zeros(k)
    x[free] = np.nan_to_num(np.array(solution.x))
    x = np.clip(x + start, low, high)
    z = np.nan_to_num(np.maximum(np.array(solution.z)[2 * n :], 0.0)) * size
    return QuadraticSolution(x, z, "Infeasible" not in status, status in NEAR)


def _columns(matrix: Array) -> sparse.csc_matrix:
    """A dense matrix as a sparse one with all entries: half the time of the conversion."""
    n_rows, n_columns = matrix.shape
    return sparse.csc_matrix(
        (
            matrix.T.ravel(),
            np.tile(np.arange(n_rows), n_columns),
            np.arange(n_columns + 1) * n_rows,
        ),
        shape=matrix.shape,
    )
