"""The largest |sum_k s_k relu(<v, x_k>)| over ‖v‖_inf <= 1: one linear program per cell."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from tests.oracles.rational import cells, vectors


def largest_ridge(x: np.ndarray, s: np.ndarray) -> tuple[float, np.ndarray]:
    """The maximum and where it is attained; all cells of the arrangement of the samples."""
    x, s = np.asarray(x, float), np.asarray(s, float)
    rows = x[np.abs(x).max(axis=1) > 0]
    s = s[np.abs(x).max(axis=1) > 0]
    best, where = 0.0, np.zeros(x.shape[1])
    for signs, _ in cells(vectors(rows.tolist())):
        side = np.array(signs, dtype=float)
        slope = (s * (side > 0)) @ rows
        for sign in (1.0, -1.0):
            result = linprog(
                -sign * slope,
                A_ub=-side[:, None] * rows,
                b_ub=np.zeros(len(rows)),
                bounds=[(-1, 1)] * x.shape[1],
            )
            if -result.fun > best:
                best, where = float(-result.fun), result.x
    return best, where
