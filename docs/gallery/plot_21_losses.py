"""
Other losses
============

Certificates, descents and training support other convex losses besides the squared one. A few
outliers pull the least squares fit towards them; with Huber's loss the influence of each is
bounded.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import descend, realize
from landscape.losses import get_loss
from landscape.spaces import make_space
from landscape.training import draw_network

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-1, 1, 30))[:, None]
y = np.abs(x[:, 0]) + 0.03 * rng.standard_normal(30)
y[[4, 15, 22]] += [2.0, 3.0, 2.5]
space = make_space("unrestricted", 1, 2)
X = space.embed(x)
starts = []
for seed in range(10):
    net = draw_network(np.random.default_rng(seed), 1, 2, n_positive=2)
    starts.append(space.from_network(net.weights, net.biases, net.output_weights, net.offset))

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
grid = np.linspace(-1, 1, 200)[:, None]
ax.plot(x, y, "+", color="black")
for loss in (get_loss("squared"), get_loss("huber", delta=0.1)):
    ends = [descend(theta, X, y, space=space, loss=loss) for theta in starts]
    best = min(ends, key=lambda end: end.loss)
    print(loss.name, best.outcome.name, f"{best.loss:.4f}")
    ax.plot(grid, realize(best.parametrization, space.embed(grid)), label=loss.name)
ax.legend()
