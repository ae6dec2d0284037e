"""
Sobolev training
================

Where gradients of the target are known they can be fitted with the values. What is returned is a
certified local minimum of the loss with gradients.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import ShallowReLURegressor

rng = np.random.default_rng(1)
X = np.sort(rng.uniform(-2, 2, 12))[:, None]
y, gradient = np.sin(2 * X[:, 0]), 2 * np.cos(2 * X)
options = {"n_neurons": 4, "n_starts": 12, "random_state": 0}
values = ShallowReLURegressor(**options).fit(X, y)
both = ShallowReLURegressor(gradient_weight=0.1, **options).fit(X, y, y_gradient=gradient)
print(both.certificate_.verdict, both.certificate_.kind, both.radius_)

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
grid = np.linspace(-2, 2, 400)[:, None]
for model, label in ((values, "values only"), (both, "values and gradients")):
    axes[0].plot(grid, model.predict(grid), label=label)
    axes[1].plot(grid, model.gradient(grid), label=label)
axes[0].plot(X, y, "+", color="black")
axes[1].plot(X, gradient, "+", color="black")
axes[0].set(title="function", xlabel="x")
axes[1].set(title="derivative", xlabel="x")
axes[0].legend()
