"""
A ball beyond the rigid radius
==============================

Close to a minimum of *N\\** the only networks with nearly the same function are rescalings of its
neurons: half of the smallest product norm is the *rigid radius*, within which every local minimum
is optimal. Farther out neurons can be exchanged: :func:`landscape.probe.search_ball` looks for
better functions there, ever nearer ones.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import descend, probe_realization, realize
from landscape.probe import rigidity_radius, search_ball
from landscape.spaces import make_space
from landscape.training import draw_network

x = np.linspace(-1, 1, 15)[:, None]
y = np.sin(4 * x[:, 0])
space = make_space("restricted", 1, 2)
X = space.embed(x)
net = draw_network(np.random.default_rng(2), 1, 2, n_positive=1)
start = space.from_network(net.weights, net.biases, net.output_weights, net.offset)
end = descend(start, X, y, space=space, far=True)
theta = end.parametrization

rigid = rigidity_radius(theta)
probe = probe_realization(theta, X, y, radius=0.99 * rigid, space=space)
print(f"nothing better within {0.99 * rigid:.3g}: {probe.verdict}")
found = search_ball(theta, X, y, radius=8 * rigid, space=space, rng=np.random.default_rng(0))
print(f"realization radius in [{found.radius_low:.3g}, {found.radius_high:.3g}]")
print(f"the better function lacks neurons {found.exchanged}")

# %%
# The minimum, and a better function at that distance in the seminorm: the largest difference of
# slopes.
grid = np.linspace(-1.1, 1.1, 400)[:, None]
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(x, y, "+", color="black", label="samples")
ax.plot(grid, realize(theta, space.embed(grid)), label=f"minimum, loss {end.loss:.3f}")
if found.witness is not None:
    better = end.loss - found.gap
    values = realize(found.witness, space.embed(grid))
    ax.plot(grid, values, label=f"at distance {found.distance:.3g}, loss {better:.3f}")
ax.legend()
