"""One input: networks as sums of hinges, and what one more hinge would gain beside others."""

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem

Array = NDArray[np.float64]

#: Inputs, at most, at which hinges are tried.
TRIED = 500
#: Parts of columns that are relatively smaller are none.
ROUNDED = 1e-12


class Hinges:
    """Hinges with kinks at inputs, on either side, and what is constant unless there is an offset.

    With ``n_kinks``, of which there may be so many, hinges to the right beside an affine function.
    Sums of squares of the problem, each input once.
    """

    def __init__(self, problem: EffectiveProblem, n_kinks: int | None) -> None:
        self.problem, column = problem, problem.column
        points, place = np.unique(problem.X[:, 0], return_inverse=True)
        ones = np.ones_like(points)
        self.inputs, self.roots = np.column_stack([points, ones]), np.sqrt(np.bincount(place))
        at = points[np.unique(np.linspace(0, len(points) - 1, TRIED).astype(int))]
        rows = np.column_stack([np.ones_like(at), -at])
        if n_kinks is None:
            constant = np.tile([0.0, 1.0], (int(column is None), 1))
            #: The candidates as products u of neurons, (r, 2).
            self.rows = np.vstack([rows[:-1], -rows[1:], constant])
            self.most, basis = len(problem.signs), np.ones((len(points), 1 - len(constant)))
        else:
            self.rows, self.most, basis = rows[1:-1], n_kinks, np.column_stack([ones, points])
        self.basis, self.always = basis[place], np.linalg.qr(self.roots[:, None] * basis)[0]
        self.target = np.bincount(place, problem.y) / self.roots
        self.columns = self.columns_of(self.rows)
        self.sizes, self.sums = (self.columns**2).sum(axis=0), self.target @ self.columns
        self.least = ROUNDED * (self._values(self.rows) ** 2).sum(axis=0)

    def _values(self, rows: Array) -> Array:
        """Of hinges at the inputs, times the roots of how often these occur, (p, r)."""
        return np.asarray(self.roots[:, None] * np.maximum(self.inputs @ rows.T, 0.0))

    def columns_of(self, rows: Array) -> Array:
        """Values of hinges at the inputs, orthogonally to what is always there."""
        columns = self._values(rows)
        return np.asarray(columns - self.always @ (self.always.T @ columns))

    def gains(self, others: Array) -> Array:
        """What each candidate takes from the sum of squares beside columns of others, (r,)."""
        across = others.T @ self.columns
        weights = np.linalg.lstsq(others.T @ others, across, rcond=ROUNDED)[0]
        sizes = self.sizes - (weights * across).sum(axis=0)
        excess = self.sums - weights.T @ (others.T @ self.target)
        new = sizes > self.least
        return np.asarray(np.where(new, excess**2, 0.0) / np.where(new, sizes, 1.0))

    def combine(self, rows: Array, m: int) -> tuple[Array, Array, float]:
        """The best combination of hinges as u (m, 2), signs (m,) and e."""
        X, column = self.problem.X, self.problem.column
        fitted = np.column_stack([self.basis, np.maximum(X @ rows.T, 0.0)])
        found = np.linalg.lstsq(fitted, self.problem.y, rcond=None)[0]
        always, sizes = np.split(found, [self.basis.shape[1]])
        u, signs, e = np.zeros((m, 2)), np.ones(m), float(always[:1].sum())
        u[: len(rows)] = rows * np.abs(sizes)[:, None]
        signs[: len(rows)] = np.where(sizes < 0, -1.0, 1.0)
        if len(always) == 2:  # one neuron is affine; the constant takes what it has too much
            u[len(rows)] = always[1], 1.0 - (always[1] * X[:, 0]).min()
            e -= u[len(rows), 1]
        return u, signs, e if column is None else e / float(column[0])
