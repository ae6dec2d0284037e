"""
All local minima
================

For a dozen samples and few neurons *all* local minima on *N\\** can be listed:
:func:`landscape.atlas.make_atlas`. The list shows which of them random starts find.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import descend, realize
from landscape.atlas import make_atlas
from landscape.spaces import make_space
from landscape.training import draw_network

x = np.linspace(-1, 1, 10)[:, None]
y = np.sin(4 * x[:, 0])
space = make_space("restricted", 1, 1)  # one neuron, and one in the offset's place
atlas = make_atlas(x, y, space=space)
print(len(atlas.entries), "connected sets of local minima; complete:", atlas.complete)

# %%
# Where do 200 starts end?
rng, X = np.random.default_rng(0), space.embed(x)
counts = np.zeros(len(atlas.entries))
for k in range(200):
    net = draw_network(rng, 1, 1, n_positive=k % 2)
    theta = space.from_network(net.weights, net.biases, net.output_weights, net.offset)
    end = descend(theta, X, y, space=space)
    place = atlas.locate(end.parametrization)
    if place.number >= 0:
        counts[place.number] += 1

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
grid = np.linspace(-1.1, 1.1, 300)[:, None]
left.plot(x, y, "+", color="black")
for entry in reversed(atlas.entries):
    look = {"color": "black", "lw": 2} if entry.is_global else {"color": "C0", "lw": 0.7}
    left.plot(grid, realize(entry.parametrization, space.embed(grid)), **look)
left.set(ylim=(-1.6, 1.6), title="all local minima (black: the global one)")
right.bar(range(len(counts)), counts, color="C0")
right.set(title="where 200 starts end", xlabel="minimum, by loss", ylabel="starts")
