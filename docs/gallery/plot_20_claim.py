"""
A claim, tried
==============

Yun, Sra and Jadbabaie (2019) show that a network which computes the least squares line is a local
minimum, and not a global one, wherever the data are not on a line. The package builds such a
network, proves in rational arithmetic that it is a minimum, and finds a better one;
``landscape claims`` does this for claims of several works, on many data sets.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import UnrestrictedSpace, bracket_global_minimum, realize
from landscape.claims.linear_fits import certified, linear_network

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-1, 1, 12))[:, None]
y = np.abs(x[:, 0]) + 0.3 * x[:, 0]
line = linear_network(x, y, np.array([0.4, 0.6]), 1.0)
certificate = certified(line, x, y)
print("the line:", certificate.verdict, "- proved" if certificate.proved else "- not proved")

# %%
# No network of this width is lower than the lower end of the bracket.
space = UnrestrictedSpace(2, 3, offset=True)
bracket = bracket_global_minimum(x, y, space=space)
print(f"loss of the line {certificate.loss:.4f}, least loss {bracket.upper:.1e}")
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
grid = np.linspace(-1, 1, 200)[:, None]
ax.plot(x, y, "+", color="black", label="samples")
for theta, label in ((line, "a local minimum"), (bracket.network, "the global one")):
    ax.plot(grid, realize(theta, space.embed(grid)), label=label)
ax.legend()
