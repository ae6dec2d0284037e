"""The data of issue-sized descent problems: smooth, degenerate and real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape import Parametrization
from landscape.spaces import Space, make_space
from landscape.training import draw_network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """Features, targets and the width of the networks with biases that fit them."""

    name: str
    features: Array
    targets: Array
    n_neurons: int

    def space(self, name: str = "restricted") -> Space:
        """The space of the study with the default margin."""
        return make_space(name, self.features.shape[1], self.n_neurons, margin=1e-3)

    def starts(self, count: int, space: Space) -> list[Parametrization]:
        """The study's starts: gaussian, stratified over the sign classes."""
        starts = []
        for j in range(count):
            rng = np.random.default_rng([20191128, j])
            network = draw_network(
                rng, self.features.shape[1], self.n_neurons, n_positive=j % (self.n_neurons + 1)
            )
            starts.append(
                space.from_network(
                    network.weights, network.biases, network.output_weights, network.offset
                )
            )
        return starts


def sine_like(features: Array, rng: np.random.Generator) -> Array:
    """sin(3 x_1) + x_2^2 with noise of standard deviation 0.1."""
    y = np.sin(3 * features[:, 0]) + 0.1 * rng.standard_normal(len(features))
    return y + features[:, 1] ** 2 if features.shape[1] > 1 else y


def problems() -> list[Problem]:
    """Sine-like targets in 1, 2 and 5 dimensions, degenerate inputs, and diabetes."""
    found = []
    for n_features, m, n in ((1, 3, 20), (2, 4, 40), (5, 6, 150)):
        rng = np.random.default_rng([1, n_features])
        x = rng.uniform(-1, 1, (n, n_features))
        found.append(Problem(f"smooth ({n_features}, {m}, {n})", x, sine_like(x, rng), m))
    rng = np.random.default_rng([2])
    x = rng.integers(-2, 3, (40, 2)).astype(float)
    found.append(Problem("integer grid (2, 4, 40)", x, sine_like(x, rng), 4))
    rng = np.random.default_rng([3])
    x = np.repeat(rng.uniform(-1, 1, (14, 2)), 3, axis=0)
    found.append(Problem("every sample three times (2, 4, 42)", x, sine_like(x, rng), 4))
    rng = np.random.default_rng([4])
    x = np.outer(rng.uniform(-1, 1, 40), [1.0, 1.0, 1.0])
    found.append(Problem("collinear inputs (3, 4, 40)", x, sine_like(x, rng), 4))
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    found += [Problem(f"diabetes (10, {m}, 442)", x, y, m) for m in (4, 8)]
    return found
