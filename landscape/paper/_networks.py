"""Random networks shared by the checks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization

Array = NDArray[np.float64]


def gaussian(rng: np.random.Generator, d: int, m: int) -> Parametrization:
    """Gaussian weights and output weights."""
    return Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))


def flippable(rng: np.random.Generator, d: int, m: int) -> Parametrization:
    """A network whose products sum to zero exactly: integer products, all signs positive."""
    u = rng.integers(-4, 5, (m, d)).astype(float)
    u[-1] = -u[:-1].sum(axis=0)
    return Parametrization(u, np.ones(m))


def max_distance(gamma: Parametrization, phi: Parametrization) -> float:
    """``‖Φ - Γ‖_inf`` without permutations."""
    return float(
        max(
            np.abs(gamma.weights - phi.weights).max(),
            np.abs(gamma.output_weights - phi.output_weights).max(),
        )
    )


def parabola(rng: np.random.Generator, n: int = 24) -> tuple[Array, Array]:
    """One feature on [-1, 1] and noisy targets of a parabola."""
    x = np.sort(rng.uniform(-1, 1, n))[:, None]
    return x, x[:, 0] ** 2 + 0.1 * rng.standard_normal(n)
