"""
A path over a barrier
=====================

The path leads from the minimum of one valley to that of another, and the loss climbs no higher
than it must. On each straight segment the loss is convex, so the barrier can be read off the
corners.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import merge_tree, realize
from landscape.spaces import make_space

x = np.linspace(-1, 1, 9)[:, None]
y = np.abs(np.sin(3 * x[:, 0]))
space = make_space("balanced", 1, 2)
tree = merge_tree(x, y, space=space)
highest = max(range(1, len(tree)), key=lambda i: tree.barrier(0, i))
profile = tree.profile(highest, 0)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.plot(*profile.T)
left.axhline(tree.barrier(highest, 0), color="C3", ls=":", label="barrier")
left.set(xlabel="share of the path's length", ylabel="loss")
left.legend()
# What the network computes on the way.
grid = np.linspace(-1.1, 1.1, 300)[:, None]
path = tree.path(highest, 0)
right.plot(x, y, "+", color="black")
for k, theta in enumerate(path):
    colour = plt.cm.viridis(k / max(len(path) - 1, 1))
    right.plot(grid, realize(theta, space.embed(grid)), color=colour, lw=1)
right.set(title="from the first (dark) to the last (bright)", xlabel="x")
