"""
Lipschitz constants
===================

How fast can a network change? :func:`landscape.lipschitz_constant` is exact, for three norms, on
all of the space and on boxes. The largest slope at sampled points is a lower bound only: it
misses thin regions.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import Network, lipschitz_constant

rng = np.random.default_rng(5)
network = Network(
    rng.standard_normal((12, 2)), rng.uniform(-1, 1, 12), rng.standard_normal(12), 0.0
)
for norm in (1, 2, np.inf):
    print(lipschitz_constant(network, norm=norm))

sizes = np.logspace(1, 4.5, 12).astype(int)
exact = lipschitz_constant(network, norm=2, domain=[[-1, 1], [-1, 1]])


def steepest(n):
    """The largest slope at n random points of the box."""
    points = rng.uniform(-1, 1, (n, 2))
    active = points @ network.weights.T + network.biases > 0
    return np.linalg.norm((active * network.output_weights) @ network.weights, axis=1).max()


figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
grid = np.linspace(-1, 1, 200)
plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
active = plane @ network.weights.T + network.biases > 0
slopes = np.linalg.norm((active * network.output_weights) @ network.weights, axis=1)
image = left.pcolormesh(grid, grid, slopes.reshape(200, 200), rasterized=True)
left.plot(*exact.witness, "*", color="red", ms=12)
left.set(title="slope, and the witness", aspect="equal")
figure.colorbar(image, ax=left)
right.semilogx(sizes, [steepest(n) for n in sizes], "o-", label="random points")
right.axhline(exact.value, color="C3", label="exact")
right.set(xlabel="points", ylabel="Lipschitz constant")
right.legend()
