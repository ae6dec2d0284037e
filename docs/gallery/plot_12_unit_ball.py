"""
The unit ball of the seminorm
=============================

For given directions of the neurons the functions are a vector space, with the output weights as
coordinates. In these coordinates the ball of the seminorm (the largest slope) is a polytope: each
region of the inputs, however thin, gives a facet. A ball computed from sampled regions is too
large.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import Parametrization, sobolev_seminorm

weights = np.array([[1.0, 0.2], [0.3, 1.0], [1.0, -0.9], [1.0, 0.25]])
first, second = np.array([1.0, 0.5, -0.3, 0.0]), np.array([0.0, -0.4, 0.5, 1.0])
angles = np.linspace(0, 2 * np.pi, 361)


def radius(angle, slope):
    """How far the ball reaches in a direction of the plane."""
    return 1 / slope(np.cos(angle) * first + np.sin(angle) * second)


def exact(c):
    """The seminorm, and the witness with it."""
    return sobolev_seminorm(Parametrization(weights, c)).value


points = np.random.default_rng(0).standard_normal((4, 2))
active = points @ weights.T > 0


def sampled(c):
    """The largest slope at four points."""
    return np.abs((active * c) @ weights).max()


figure, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
for slope, look, label in ((exact, "-", "exact"), (sampled, "--", "from 4 points")):
    r = np.array([radius(angle, slope) for angle in angles])
    ax.plot(r * np.cos(angles), r * np.sin(angles), look, label=label)
ax.set(aspect="equal", title="a plane of output weights")
ax.legend()
