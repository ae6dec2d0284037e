"""A constrained local step on the directions of exchanged neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from landscape.parametrization import Parametrization, max_norms
from landscape.seminorm import GradientOracle, OutOfReach

__all__ = ["refine"]

Array = NDArray[np.float64]

#: Cells whose gradients are kept in the ball during the step, the largest ones.
MAX_CELLS = 60


def refine(
    theta: Parametrization,
    X: Array,
    s: Array,
    dropped: tuple[int, ...],
    new: Array,
    signs: Array,
    *,
    radius: float,
    witness: Parametrization,
    positive: bool,
) -> Array:
    """Move the new products and all scales so that the loss falls within the ball.

    SLSQP with the cells at the start as constraints. Cells change on the way: the result is a
    proposal for directions, whose scales and seminorm are computed anew by whoever asked.

    Parameters
    ----------
    theta : Parametrization
    X : array of shape (n, d)
    s : array of shape (n,)
        Residuals of theta.
    dropped : tuple of int
    new : array of shape (q, d)
        Products that replace them.
    signs : array of shape (q,)
    radius : float
    witness : Parametrization
        With the new products in the place of the dropped ones.
    positive : bool
        Whether the last two coordinates have to stay positive.

    Returns
    -------
    products : array of shape (q, d)
    """
    m, d = theta.weights.shape
    q = len(dropped)
    norms = max_norms(theta.products)
    kept = np.array([i for i in range(m) if i not in dropped and norms[i] > 0], dtype=int)
    units = theta.products[kept] / norms[kept, None]
    old = (theta.signs[:, None] * theta.products)[list(dropped)].reshape(q, d)
    features = theta.signs[kept] * np.maximum(X @ units.T, 0.0)
    base = np.maximum(X @ theta.products[list(dropped)].T, 0.0) @ theta.signs[list(dropped)]
    start_tau = (max_norms(witness.products[kept]) - norms[kept]) / radius
    start = np.concatenate([start_tau, (new / radius).ravel()])
    rows = np.vstack([theta.weights[kept], theta.products[list(dropped)], new])
    try:
        oracle = GradientOracle(rows)
        patterns = oracle.patterns
        gradient_terms = np.vstack(
            [
                start_tau[:, None] * theta.signs[kept, None] * units,
                -old / radius,
                signs[:, None] * new / radius,
            ]
        )
        if patterns is None:
            patterns = oracle.maximize(gradient_terms).pattern[None]
    except (OutOfReach, RuntimeError):
        return new
    sums = patterns.astype(float) @ gradient_terms
    largest = np.argsort(-np.abs(sums).max(axis=1), kind="stable")[:MAX_CELLS]
    active = patterns[largest].astype(float)
    on, gone, added = np.split(active, [len(kept), len(kept) + q], axis=1)
    constant = -(gone @ old) / radius  # (cells, d)
    matrix = np.zeros((len(active), d, start.size))
    matrix[:, :, : len(kept)] = np.einsum("ci,ij->cji", on, theta.signs[kept, None] * units)
    for j in range(q):
        for column in range(d):
            matrix[:, column, len(kept) + j * d + column] = signs[j] * added[:, j]
    flat, shift = matrix.reshape(-1, start.size), constant.ravel()

    def change(z: Array) -> tuple[float, Array]:
        tau, w = z[: len(kept)], z[len(kept) :].reshape(q, d)
        pre = X @ w.T
        values = radius * (features @ tau + np.maximum(pre, 0.0) @ signs) - base
        inner = 2.0 / s.size * radius * (s + values)
        gradient_w = ((pre > 0) * signs * inner[:, None]).T @ X
        value = 2.0 / s.size * float(s @ values) + float(values @ values) / s.size
        return value, np.concatenate([features.T @ inner, gradient_w.ravel()])

    lower = np.full(start.size, -np.inf)
    lower[: len(kept)] = -norms[kept] / radius
    if positive:
        lower[len(kept) :].reshape(q, d)[:, -2:] = 1e-6
    result = minimize(
        change,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(low, None) for low in lower],
        constraints=[
            {
                "type": "ineq",
                "fun": lambda z: 1.0 - np.concatenate([flat @ z + shift, -flat @ z - shift]),
                "jac": lambda z: np.vstack([-flat, flat]),
            }
        ],
        options={"maxiter": 50, "ftol": 1e-12},
    )
    moved = np.asarray(result.x[len(kept) :], dtype=float).reshape(q, d) * radius
    usable = np.isfinite(moved).all() and (max_norms(moved) > 0).all()
    return moved if usable else new
