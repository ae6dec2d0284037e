"""
Breakpoints
===========

With one input a shallow ReLU network is a piecewise linear function.
:class:`landscape.ShallowReLURegressor` fits one; its displays show function and breakpoints, with
95 % confidence intervals from a bootstrap, and where the starts ended.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import ShallowReLURegressor
from landscape.estimator import LandscapeDisplay, RealizationDisplay

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 10, 80))[:, None]
y = np.interp(x[:, 0], [0, 2, 6, 10], [0, 3, 1, 4]) + 0.3 * rng.standard_normal(80)
model = ShallowReLURegressor(n_neurons=2, linear=True, n_starts=20, random_state=0).fit(x, y)
print("a certified minimum:", model.certificate_.verdict, "within", model.radius_)
table = model.breakpoints(x, y, n_resamples=100, random_state=0)
print(table[["breakpoint", "low", "high"]].round(2).to_string(index=False))

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
RealizationDisplay.from_estimator(model, x, y, breakpoints=table, ax=axes[0])
LandscapeDisplay.from_estimator(model, ax=axes[1])
