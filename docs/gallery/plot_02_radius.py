"""
A radius from both sides
========================

Within which distance is a minimum the lowest point? The certificate gives a lower end, branch and
bound raises it, and a search for better parameters gives an upper end:
:func:`landscape.bracket_radius`. Where there is no upper end, nothing better was found.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import UnrestrictedSpace, bracket_radius, descend
from landscape.training import draw_network

x = np.linspace(-1, 1, 9)[:, None]
y = np.abs(x[:, 0] - 0.2)
space = UnrestrictedSpace(2, 2, offset=True)  # one neuron with a bias, and the offset
X = space.embed(x)
brackets = []
for seed in range(12):
    net = draw_network(np.random.default_rng(seed), 1, 1, n_positive=seed % 2)
    theta = space.from_network(net.weights, net.biases, net.output_weights, net.offset)
    end = descend(theta, X, y, space=space)
    if end.outcome.name == "MINIMUM":
        brackets.append(bracket_radius(end.parametrization, X, y, space=space))
brackets.sort(key=lambda bracket: bracket.r_low)

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for k, bracket in enumerate(brackets):
    if np.isfinite(bracket.r_high):
        ax.plot([k, k], [bracket.r_low, bracket.r_high], color="C0", lw=3, alpha=0.5)
        ax.plot(k, bracket.r_high, "v", color="C3", label="a better point" if k == 0 else None)
    ax.plot(
        k, bracket.r_cell, "_", color="black", ms=12, label="the certificate's" if k == 0 else None
    )
    ax.plot(k, bracket.r_low, "^", color="C0", label="proven" if k == 0 else None)
ax.legend()
ax.set(yscale="log", xlabel="minimum", ylabel="max-norm distance in parameters")
