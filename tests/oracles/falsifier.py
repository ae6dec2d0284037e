"""Search a max-norm box of parametrizations for a lower loss: random points, then descent.

Works in the original parameters of the space. For N' and N* those are the weights alone: the
output weight is ``sign * ‖a‖``, and it cannot move further than the weights do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize


@dataclass(frozen=True)
class Attack:
    """Best point found: ``gain`` = loss at the centre minus loss there."""

    gain: float
    weights: np.ndarray
    output_weights: np.ndarray
    distance: float


def _loss(a: np.ndarray, c: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    s = np.maximum(x @ a.T, 0.0) @ c - y
    return float(s @ s) / len(y)


def _loss_and_gradients(a, c, x, y):
    z = x @ a.T
    active = np.maximum(z, 0.0)
    s = active @ c - y
    scale = 2.0 / len(y)
    grad_c = scale * active.T @ s
    grad_a = scale * ((z > 0) * s[:, None]).T @ x * c[:, None]
    return float(s @ s) / len(y), grad_a, grad_c


def attack(
    theta,
    x: np.ndarray,
    y: np.ndarray,
    *,
    radius: float,
    balanced: bool,
    lower: np.ndarray | None = None,
    frozen: int = 0,
    n_random: int = 200,
    n_descents: int = 12,
    seed: int = 0,
) -> Attack:
    """Try to find a point with a lower loss within ``radius`` of theta.

    Parameters
    ----------
    balanced : bool
        Whether the points are those of N' (or N*): ``c_i = ± ‖a_i‖``; else all (A, c).
    lower : array of shape (m, d), optional
        Lower bounds of the products; weights with a bound of 0 stay positive. Needs ``balanced``.
    frozen : int
        The last so many neurons keep their weight vectors.
    """
    rng = np.random.default_rng(seed)
    x, y = np.asarray(x, float), np.asarray(y, float)
    a0, c0 = np.array(theta.weights), np.array(theta.output_weights)
    m, d = a0.shape
    low_a, high_a = a0 - radius, a0 + radius
    low_c, high_c = c0 - radius, c0 + radius
    if frozen:
        low_a[-frozen:] = high_a[-frozen:] = a0[-frozen:]

    def complete(a: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The point of the space with weights near a; bounds u = ‖a‖ a >= lower are restored."""
        a = np.clip(a, low_a, high_a)
        if lower is not None:
            for _ in range(60):
                norms = np.abs(a).max(axis=1, keepdims=True)
                short = np.isfinite(lower) & (a * norms < lower)
                if not short.any():
                    break
                a = np.where(short, lower / np.maximum(norms, 1e-300), a)
            a = np.clip(a, low_a, high_a)
        return a, signs * np.abs(a).max(axis=1)

    def allowed(a: np.ndarray, c: np.ndarray) -> bool:
        if lower is not None:
            u = np.abs(c)[:, None] * a
            if (u < lower - 1e-12 * np.abs(u).max()).any():
                return False
        return max(np.abs(a - a0).max(), np.abs(c - c0).max()) <= radius * (1 + 1e-12)

    base = _loss(a0, c0, x, y)
    best = Attack(0.0, a0, c0, 0.0)

    def consider(a: np.ndarray, c: np.ndarray) -> float:
        nonlocal best
        value = _loss(a, c, x, y)
        if allowed(a, c) and base - value > best.gain:
            distance = max(np.abs(a - a0).max(), np.abs(c - c0).max())
            best = Attack(base - value, a, c, float(distance))
        return value

    def draw() -> tuple[np.ndarray, np.ndarray]:
        kind = rng.integers(4)
        da, dc = rng.uniform(-1, 1, (m, d)), rng.uniform(-1, 1, m)
        if kind == 0:  # corners
            da, dc = np.sign(da), np.sign(dc)
        if kind == 1:  # one neuron alone
            keep = np.arange(m) == rng.integers(m)
            da, dc = da * keep[:, None], dc * keep
        if kind == 2:  # along coordinates
            keep = rng.random((m, d)) < 0.3
            da = np.sign(da) * keep
        size = radius * (1.0 if rng.random() < 0.5 else 10.0 ** rng.uniform(-4, 0))
        a, c = a0 + size * da, np.clip(c0 + size * dc, low_c, high_c)
        a = np.clip(a, low_a, high_a)
        if balanced:
            signs = np.where(c0 == 0, np.sign(dc), np.sign(c0))
            return complete(a, signs)
        return a, c

    candidates = [draw() for _ in range(n_random)]
    ranked = sorted(candidates, key=lambda point: consider(*point))
    starts = ranked[: n_descents // 2] + candidates[: n_descents - n_descents // 2]
    free = [k for k in range(m * d) if k < (m - frozen) * d]
    for a, c in starts:
        signs = np.where(c != 0, np.sign(c), 1.0)

        def unpack(z, signs=signs):
            weights = a0.copy()
            weights.flat[free] = z[: len(free)]
            if balanced:
                return complete(weights, signs)
            return weights, z[len(free) :]

        def objective(z, signs=signs, unpack=unpack):
            weights, outputs = unpack(z)
            value, grad_a, grad_c = _loss_and_gradients(weights, outputs, x, y)
            if balanced:
                top = np.abs(weights).argmax(axis=1)
                rows = np.arange(m)
                grad_a[rows, top] += grad_c * signs * np.sign(weights[rows, top])
                return value, grad_a.ravel()[free]
            return value, np.concatenate([grad_a.ravel()[free], grad_c])

        z0 = a.ravel()[free] if balanced else np.concatenate([a.ravel()[free], c])
        low = low_a.ravel()[free] if balanced else np.concatenate([low_a.ravel()[free], low_c])
        high = high_a.ravel()[free] if balanced else np.concatenate([high_a.ravel()[free], high_c])
        result = minimize(
            objective,
            np.clip(z0, low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)),
            options={"maxiter": 200, "ftol": 1e-16, "gtol": 1e-14},
        )
        consider(*unpack(result.x))
    return best
