"""
Out of a local minimum
======================

How high does every path climb that leads from a minimum to a lower point?
:func:`landscape.escape_barrier` bounds that from both sides, also where merge trees are too
large, with a path for the upper end.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from landscape import Parametrization, descend, escape_barrier
from landscape.objective import loss
from landscape.spaces import make_space
from landscape.training import draw_network

x = np.linspace(-1, 1, 12)[:, None]
y = np.sin(5 * x[:, 0]) + 0.5 * x[:, 0]
space = make_space("balanced", 1, 2)
X = space.embed(x)
ends = []
for seed in range(8):
    net = draw_network(np.random.default_rng(seed), 1, 2, n_positive=1)
    start = space.from_network(net.weights, net.biases, net.output_weights, net.offset)
    ends.append(descend(start, X, y, space=space))
ends.sort(key=lambda end: end.loss)
lowest, second = next((one, two) for one, two in pairwise(ends) if two.loss > 1.01 * one.loss)
theta, others = second.parametrization, [lowest.parametrization]
barrier = escape_barrier(theta, X, y, space=space, others=others)
print(f"loss {second.loss:.4f}, barrier in [{barrier.lower:.4f}, {barrier.upper:.4f}]")
print(barrier.outcome)

# %%
# The loss along the path, which is straight in the products of the weights.
steps = []
for one, two in pairwise(barrier.path):
    for t in np.linspace(0, 1, 20):
        u = (1 - t) * one.products + t * two.products
        steps.append(loss(Parametrization.from_products(u, one.signs), X, y))
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(np.linspace(0, 1, len(steps)), steps)
ax.axhspan(barrier.lower, barrier.upper, color="C3", alpha=0.4, label="barrier")
ax.set(xlabel="along the path", ylabel="loss")
ax.legend()
