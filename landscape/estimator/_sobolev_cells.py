"""The loss of Sobolev training on the cells of its arguments; see `_sobolev`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem

__all__ = ["SobolevCells"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class SobolevCells:
    """F at a point, as a quadratic on each cell around it.

    Parameters
    ----------
    problem : EffectiveProblem
        Values; without bounds (lifted data, or N). Its last column holds the weights' roots.
    gradients : array of shape (n, d)
        Targets of the input gradients.
    weights : array of shape (d,)
        gamma of each entry of the gradients, positive.
    """

    def __init__(self, problem: EffectiveProblem, gradients: Array, weights: Array) -> None:
        if problem.bounded:
            raise ValueError("problem: Sobolev training needs coordinates without bounds")
        self.problem = problem
        self.gradients = gradients
        self.roots = np.sqrt(weights) * np.abs(problem.X[:, -1:])
        self.state = problem.state()
        self.held: Mask = np.zeros((problem.y.size, len(problem.signs)), dtype=bool)
        self.pattern: Mask = self._snapped() > 0
        self.n_iter = 0
        self.loss = self.value(self.pattern)
        self.losses: list[float] = []

    # --- F on a cell --------------------------------------------------------------------------

    def _snapped(self) -> Array:
        """Pre-activations with exact zeros on the kinks, (n, m)."""
        z = self.problem.preactivations(self.state)
        z[self.held | self.problem.kink_pairs(self.state, z)] = 0.0
        return z

    def _residuals(self, pattern: Mask) -> tuple[Array, Array]:
        """Of the values (n,) and of the gradients (n, d)."""
        problem, u = self.problem, self.state.u
        active = pattern * problem.signs
        s = (active * (problem.X @ u.T)).sum(axis=1) - problem.y
        if problem.column is not None:
            s = s + self.state.e * problem.column
        return s, self.roots * (active @ u[:, :-1] - self.gradients)

    def value(self, pattern: Mask) -> float:
        """``F(u; pattern)`` at the present point."""
        s, g = self._residuals(pattern)
        return float(s @ s + (g * g).sum()) / s.size + self.problem.penalty_value(self.state.u)

    def _rows(self, pattern: Mask, samples: NDArray[np.intp]) -> Array:
        """Derivatives of the samples' residuals by (u, e), (q (1 + d), m (d + 1) [+ 1])."""
        problem = self.problem
        q, (m, width) = samples.size, self.state.u.shape
        active = pattern[samples] * problem.signs
        values = (active[:, :, None] * problem.X[samples, None, :]).reshape(q, 1, m * width)
        slopes = np.zeros((q, width - 1, m, width))
        for j in range(width - 1):
            slopes[:, j, :, j] = self.roots[samples, j, None] * active
        rows = np.concatenate([values, slopes.reshape(q, width - 1, m * width)], axis=1)
        if problem.column is not None:
            last = np.zeros((q, width, 1))
            last[:, 0, 0] = problem.column[samples]
            rows = np.concatenate([rows, last], axis=2)
        return rows.reshape(q * width, -1)

    def _system(self, pattern: Mask) -> tuple[Array, Array]:
        """Matrix and residual of the least squares problem on a cell, penalty included."""
        problem, u = self.problem, self.state.u
        matrix = self._rows(pattern, np.arange(problem.y.size))
        s, g = self._residuals(pattern)
        residual = np.column_stack([s, g]).ravel()
        if problem.penalty is not None:
            roots = np.sqrt(problem.y.size * problem.penalty)
            rows = np.zeros((u.size, matrix.shape[1]))
            rows[:, : u.size] = np.diag(np.tile(roots, len(u)))
            matrix = np.vstack([matrix, rows])
            residual = np.append(residual, (roots * u).ravel())
        return matrix, residual
