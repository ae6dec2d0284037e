"""
Certify a network
=================

Is a trained network at a local minimum? Training stops near one; :func:`landscape.descend` ends
at one, and :func:`landscape.certify_minimum` proves it, with a radius. On random lines through
the minimum the loss is nowhere lower within the radius; on lines through the end of training it
is.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import Parametrization, certify_minimum, descend, train
from landscape.objective import loss
from landscape.spaces import make_space
from landscape.training import draw_network

rng = np.random.default_rng(3)
features = rng.uniform(-1, 1, (40, 2))
y = np.sin(3 * features[:, 0]) + features[:, 1] ** 2

space = make_space("restricted", 2, 3)  # N* for networks with two inputs and three neurons
X = space.embed(features)
start = draw_network(rng, 2, 3, n_positive=2)
theta = space.from_network(start.weights, start.biases, start.output_weights, start.offset)
trained = train(theta, X, y, space=space, max_iter=60).parametrization
minimum = descend(trained, X, y, space=space).parametrization
certificate = certify_minimum(minimum, X, y, space=space)
print("trained:", certify_minimum(trained, X, y, space=space).verdict)
print("descended:", certificate.verdict, "with radius", certificate.radius)

# %%
# The loss along 30 random directions of max-norm one.
t = np.linspace(-3, 3, 121) * certificate.radius
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, point, title in zip(axes, (trained, minimum), ("trained", "minimum"), strict=True):
    here = loss(point, X, y)
    for _ in range(30):
        a, c = rng.uniform(-1, 1, (4, 4)), rng.uniform(-1, 1, 4)
        line = [Parametrization(point.weights + s * a, point.output_weights + s * c) for s in t]
        ax.plot(t, [loss(other, X, y) - here for other in line], lw=0.7)
    ax.axvspan(-certificate.radius, certificate.radius, color="0.9", zorder=0)
    ax.axhline(0, color="black", lw=0.8)
    ax.set(title=title, xlabel="distance along the line", ylabel="loss, less that at the point")
