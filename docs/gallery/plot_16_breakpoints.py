"""
Breakpoints
===========

With one input a shallow ReLU network is a piecewise linear function.
:class:`landscape.ShallowReLURegressor` fits one; its displays show function and breakpoints, and
where the starts ended.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import ShallowReLURegressor
from landscape.estimator import LandscapeDisplay, RealizationDisplay

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 10, 80))[:, None]
y = np.interp(x[:, 0], [0, 2, 6, 10], [0, 3, 1, 4]) + 0.3 * rng.standard_normal(80)
model = ShallowReLURegressor(n_neurons=3, space="unrestricted", n_starts=20, random_state=0).fit(
    x, y
)
print("a certified minimum:", model.certificate_.verdict, "within", model.radius_)
breaks = -model.intercepts_[0] / model.coefs_[0][0]
print("breakpoints:", np.sort(breaks[(breaks > 0) & (breaks < 10)]).round(2))

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
RealizationDisplay.from_estimator(model, x, y, ax=axes[0])
LandscapeDisplay.from_estimator(model, ax=axes[1])
