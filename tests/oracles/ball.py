"""The rigid regime, written out: every cell of the arrangement, one convex program over the scales.

Also the seminorm of a network by the same cells: directions are merged with a tolerance, the cells
are found by exact sign-vector search, the gradient is summed up in each of them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction

import cvxpy
import numpy as np

from tests.oracles.rational import cells, vectors


@dataclass(frozen=True)
class Ball:
    """Result of :func:`minimize_over_ball`; ``gap`` = loss at theta minus the minimum."""

    gap: float
    scales: np.ndarray
    loss: float
    n_cells: int


def hyperplanes(rows: np.ndarray, tolerance: float = 1e-9) -> tuple[list[np.ndarray], np.ndarray]:
    """Distinct normals; for every row ± (its index + 1), negative if it points the other way."""
    normals: list[np.ndarray] = []
    labels = np.zeros(len(rows), dtype=int)
    for i, row in enumerate(rows):
        norm = np.abs(row).max()
        if norm == 0:
            continue
        unit = row / norm
        for k, normal in enumerate(normals):
            if np.abs(unit - normal).max() <= tolerance:
                labels[i] = k + 1
            elif np.abs(unit + normal).max() <= tolerance:
                labels[i] = -(k + 1)
        if labels[i] == 0:
            normals.append(unit)
            labels[i] = len(normals)
    return normals, labels


def activation_patterns(rows: np.ndarray) -> np.ndarray:
    """Which of the neurons with weight vectors ``rows`` are active, per cell; bool (cells, m)."""
    normals, labels = hyperplanes(np.asarray(rows, float))
    found = []
    exact = [[Fraction(float(entry)) for entry in normal] for normal in normals]
    for signs, _ in cells(vectors(exact), d=rows.shape[1]) if normals else [((), None)]:
        found.append(
            [label != 0 and np.sign(label) * signs[abs(label) - 1] > 0 for label in labels]
        )
    return np.array(found, dtype=bool)


def seminorm(theta) -> float:
    """max over the cells of ‖sum_{i active} c_i a_i‖_inf."""
    used = (theta.output_weights != 0) & (np.abs(theta.weights).max(axis=1) > 0)
    if not used.any():
        return 0.0
    a, c = theta.weights[used], theta.output_weights[used]
    gradients = activation_patterns(a).astype(float) @ (c[:, None] * a)
    return float(np.abs(gradients).max())


def minimize_over_ball(
    theta, x: np.ndarray, y: np.ndarray, *, radius: float, lower: np.ndarray | None = None
) -> Ball:
    """Minimum of the loss over the scalings t > 0 of the neurons within the seminorm ball.

    ``lower``: bounds of the products that the scaled products have to keep, shape (m, d).
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    u, signs = theta.products, theta.signs
    norms = np.abs(u).max(axis=1)
    assert (norms > 0).all()
    # t = 1 + radius z / norms: the ball has size one in z, whatever the radius.
    step = radius / norms
    values = np.maximum(x @ u.T, 0.0) * signs
    s = values.sum(axis=1) - y
    n = len(y)
    patterns = activation_patterns(u)
    z = cvxpy.Variable(len(u))
    jumps = signs[:, None] * u / norms[:, None]
    # A jump is at most 2, so |z_i| <= 2 in the ball: below half of all norms, t_i > 0 (which is
    # z_i > -1 / step_i) needs no constraint, and bounds further away do not either.
    assert (step < 0.5).all(), "only the rigid regime"
    constraints = []
    for pattern in patterns:
        gradient = jumps[pattern].T @ z[np.flatnonzero(pattern)] if pattern.any() else None
        if gradient is not None:
            constraints += [gradient <= 1, gradient >= -1]
    if lower is not None:
        i, j = np.nonzero(np.isfinite(lower))
        # u_ij (1 + step_i z_i) >= lower_ij, divided by u_ij step_i (u_ij > 0 at a bound >= 0).
        floor = -(u[i, j] - lower[i, j]) / (u[i, j] * step[i])
        near = floor > -3
        if near.any():
            constraints.append(z[i[near]] >= np.minimum(floor[near], 0.0))
    changes = values * (step / radius)
    linear = 2.0 / n * (changes.T @ s)
    terms = np.abs(changes).T @ np.abs(s) / n
    scale = max(np.abs(linear).max(), radius * (changes**2).sum() / n, 1e-12 * terms.max())
    if scale == 0.0:
        return Ball(0.0, np.ones(len(u)), float(s @ s) / n, len(patterns))
    objective = (linear / scale) @ z + cvxpy.sum_squares(changes @ z) * (radius / (n * scale))
    problem = cvxpy.Problem(cvxpy.Minimize(objective), constraints)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=cvxpy.CLARABEL)
    scales = 1.0 + step * z.value
    gap = -float(problem.value) * scale * radius
    return Ball(gap=gap, scales=scales, loss=float(s @ s) / n - gap, n_cells=len(patterns))
