"""
Valleys and the fits in them
============================

The *merge tree* of the loss is exact for small problems: which valleys there are, at which loss
each of them begins, and at which loss it joins a deeper one. The figure
shows the disconnectivity graph and the functions at its leaves.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import merge_tree, realize
from landscape.spaces import make_space
from landscape.trees import layout

x = np.linspace(-1, 1, 10)[:, None]
y = np.sin(4 * x[:, 0]) + 0.3 * x[:, 0]
space = make_space("balanced", 1, 2)  # N': two neurons with biases, one in the offset's place
tree = merge_tree(x, y, space=space)
print(len(tree), "valleys,", int(tree.spurious.sum()), "of them spurious")

# %%
# The graph, and the fits of the four deepest valleys.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
tree.plot(left)
place, _ = layout(tree.pairs, tree.parents, tree.positive)
left.set_title("valleys of the loss")
grid = np.linspace(-1.1, 1.1, 300)[:, None]
right.plot(x, y, "+", color="black", label="samples")
for i in range(min(4, len(tree))):
    theta, certificate = tree.minimum(i)
    left.plot(place[i], certificate.loss, "o", color=f"C{i}", ms=9)
    look = {"color": f"C{i}", "lw": 2 if i == 0 else 1, "label": f"loss {certificate.loss:.4f}"}
    right.plot(grid, realize(theta, space.embed(grid)), **look)
right.set(title="fits of the deepest ones", xlabel="x", ylim=(-1.7, 2.7))
right.legend(ncols=2, loc="upper center", fontsize=8)
