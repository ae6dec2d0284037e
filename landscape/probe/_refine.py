"""A constrained local step on the directions of exchanged neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from landscape.parametrization import Parametrization, max_norms
from landscape.probe._choices import Choice, Choices
from landscape.seminorm import GradientOracle, OutOfReach

__all__ = ["refine"]

Array = NDArray[np.float64]

#: Cells whose gradients are kept in the ball during the step, the largest ones.
MAX_CELLS = 60


def refine(choices: Choices, choice: Choice, witness: Parametrization, radius: float) -> Array:
    """Move the new products (q, d) and all scales so that the loss falls within the ball.

    ``witness`` has the new products in the place of the dropped ones. SLSQP with the cells at the
    start as constraints. Cells change on the way: the result is a proposal for directions, whose
    scales and seminorm are computed anew by whoever asked.
    """
    theta, X, s, norms = choices.theta, choices.X, choices.s, choices.norms
    dropped, signs, d = list(choice.dropped), choice.signs, theta.n_inputs
    q, new, gone = len(dropped), witness.products[dropped], theta.products[dropped]
    kept = np.array([i for i in choices.used if i not in dropped], dtype=int)
    k = len(kept)
    units = theta.signs[kept, None] * theta.products[kept] / norms[kept, None]
    old = theta.signs[dropped, None] * gone
    features = theta.signs[kept] * np.maximum(X @ (theta.signs[kept, None] * units).T, 0.0)
    base = np.maximum(X @ gone.T, 0.0) @ theta.signs[dropped]
    start_tau = (max_norms(witness.products[kept]) - norms[kept]) / radius
    start = np.concatenate([start_tau, (new / radius).ravel()])
    terms = np.vstack([start_tau[:, None] * units, -old / radius, signs[:, None] * new / radius])
    try:
        oracle = GradientOracle(np.vstack([theta.weights[kept], gone, new]))
        patterns = oracle.patterns
        if patterns is None:
            patterns = oracle.maximize(terms).pattern[None]
    except (OutOfReach, RuntimeError):
        return new
    sizes = np.abs(patterns.astype(float) @ terms).max(axis=1)
    active = patterns[np.argsort(-sizes, kind="stable")[:MAX_CELLS]].astype(float)
    on, off, added = np.split(active, [k, k + q], axis=1)
    # Gradients on the cells, of the variables and without them.
    by_scales = np.einsum("ci,ij->cji", on, units).reshape(-1, k)
    by_products = np.einsum("cj,ab->cajb", signs * added, np.eye(d)).reshape(-1, q * d)
    flat, shift = np.hstack([by_scales, by_products]), -(off @ old).ravel() / radius

    def change(z: Array) -> tuple[float, Array]:
        tau, w = z[:k], z[k:].reshape(q, d)
        pre = X @ w.T
        values = radius * (features @ tau + np.maximum(pre, 0.0) @ signs) - base
        inner = 2.0 / s.size * radius * (s + values)
        gradient_w = ((pre > 0) * signs * inner[:, None]).T @ X
        value = 2.0 / s.size * float(s @ values) + float(values @ values) / s.size
        return value, np.concatenate([features.T @ inner, gradient_w.ravel()])

    lower = np.full((q, d), -np.inf)
    if choices.positive:
        lower[:, -2:] = 1e-6
    result = minimize(
        change,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(low, None) for low in [*(-norms[kept] / radius), *lower.ravel()]],
        constraints={
            "type": "ineq",
            "fun": lambda z: 1.0 - np.concatenate([flat @ z + shift, -flat @ z - shift]),
            "jac": lambda z: np.vstack([-flat, flat]),
        },
        options={"maxiter": 50, "ftol": 1e-12},
    )
    moved = np.asarray(result.x[k:], dtype=float).reshape(q, d) * radius
    return moved if np.isfinite(moved).all() and (max_norms(moved) > 0).all() else new
