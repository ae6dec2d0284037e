"""
How low can the loss be?
========================

Training finds some loss; branch and bound says how far that is from the least one at the same
width: :func:`landscape.bracket_global_minimum`. The search can be stopped and goes on where it
stopped.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import UnrestrictedSpace, bracket_global_minimum, realize

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-1, 1, 40))[:, None]
y = np.sin(5 * x[:, 0]) + 0.2 * rng.standard_normal(40)
space = UnrestrictedSpace(2, 3, offset=True)  # two neurons with biases, and an offset

brackets, bracket = [], None
for nodes in (1, 10, 30, 100, 300, 1000, 10_000):
    bracket = bracket_global_minimum(x, y, space=space, node_limit=nodes, resume=bracket)
    brackets.append(bracket)
print(bracket)

# %%
# Both ends while the search goes on, and the best network.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
nodes = [found.n_nodes for found in brackets]
left.fill_between(
    nodes, [found.lower for found in brackets], [found.upper for found in brackets], alpha=0.3
)
left.plot(nodes, [found.upper for found in brackets], "o-", label="a network has it")
left.plot(nodes, [found.lower for found in brackets], "o-", label="no network is below")
left.set(xscale="log", xlabel="nodes", ylabel="loss")
left.legend()
grid = np.linspace(-1, 1, 300)[:, None]
right.plot(x, y, "+", color="black")
right.plot(grid, realize(bracket.network, space.embed(grid)), lw=2)
right.set(title=f"global minimum, loss {bracket.upper:.5f}", xlabel="x")
