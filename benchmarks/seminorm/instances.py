"""The networks of the comparison: gaussian, trained, and differences of trained ones."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from landscape.parametrization import Parametrization
from landscape.realization import difference


def gaussian(d: int, m: int, seed: int) -> Parametrization:
    """Gaussian directions, balanced, random signs."""
    rng = np.random.default_rng([d, m, seed])
    weights = rng.standard_normal((m, d))
    outputs = rng.choice([-1.0, 1.0], m) * np.abs(weights).max(axis=1)
    return Parametrization(weights, outputs)


def trained(d: int, m: int, seed: int, n_samples: int = 150) -> Parametrization:
    """Least squares on a smooth target; the last two inputs are 1 and -1, as in lifted data."""
    data_rng = np.random.default_rng([d, 77])
    features = data_rng.standard_normal((n_samples, max(d - 2, 1)))
    ones = np.ones((n_samples, 1))
    inputs = np.hstack([features, ones, -ones])[:, :d]
    target = np.sin(features @ data_rng.standard_normal(features.shape[1]))
    target = target + 0.1 * data_rng.standard_normal(n_samples)
    rng = np.random.default_rng([d, m, seed])
    start = rng.standard_normal(m * d + m) / np.sqrt(d)

    def unpack(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return z[: m * d].reshape(m, d), z[m * d :]

    def residuals(z: np.ndarray) -> np.ndarray:
        weights, outputs = unpack(z)
        return np.maximum(inputs @ weights.T, 0) @ outputs - target

    def jacobian(z: np.ndarray) -> np.ndarray:
        weights, outputs = unpack(z)
        before = inputs @ weights.T
        active = (before > 0) * outputs
        by_weight = (active[:, :, None] * inputs[:, None, :]).reshape(n_samples, m * d)
        return np.hstack([by_weight, np.maximum(before, 0)])

    result = least_squares(residuals, start, jac=jacobian, max_nfev=60)
    return Parametrization(*unpack(result.x))


def trained_difference(d: int, m: int, seed: int) -> Parametrization:
    """The difference of two trained networks with m / 2 neurons each."""
    return difference(trained(d, m // 2, 2 * seed), trained(d, m // 2, 2 * seed + 1))


FAMILIES = {
    "gaussian": gaussian,
    "trained": trained,
    "difference of trained": trained_difference,
}

#: Training more neurons than this takes longer than anything that is timed.
WIDEST = {"gaussian": 1_000_000, "trained": 200, "difference of trained": 200}

#: (d, m) of the quick run and of the full one. The full one has every size that the methods
#: name, and beyond them what is open.
QUICK = [(2, 100), (3, 20), (3, 60), (4, 20), (4, 40), (5, 20), (6, 24), (12, 20)]
FULL = [
    *QUICK,
    (2, 1_000_000),
    (3, 150),
    (3, 1000),
    (4, 100),
    (4, 200),
    (5, 40),
    (5, 60),
    (6, 16),
    (6, 60),
    (6, 100),
    (6, 200),
    (8, 40),
    (8, 80),
    (8, 120),
    (10, 16),
    (10, 60),
    (10, 100),
    (12, 40),
    (12, 100),
    (16, 100),
    (20, 100),
]
