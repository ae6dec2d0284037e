"""
A classifier, and classes without a minimum
===========================================

A network gives the log odds of two classes: a certified minimum of the logistic loss. Without a
penalty there is no minimum if a network separates the classes, and the fit says so.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from landscape import ShallowReLUClassifier

rng = np.random.default_rng(3)
X = rng.uniform(-2, 2, (120, 2))
radius = np.abs(X).max(axis=1)
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained", sharey=True)
for ax, noise, alpha in zip(axes, (0.5, 0.0), (1e-3, 0.0), strict=True):
    inside = radius + noise * rng.standard_normal(120) < 1.2
    some = np.abs(radius - 1.2) > 0.15 if noise == 0 else np.ones(120, dtype=bool)
    model = ShallowReLUClassifier(6, n_starts=6, alpha=alpha, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X[some], inside[some])
    for warning in caught:
        print(warning.message)
    best = model.starts_.iloc[model.best_start_]
    print(f"alpha {alpha}: loss {best['loss']:.3g}, {best['outcome']}, {best['verdict']}")
    x, y = np.meshgrid(np.linspace(-2, 2, 201), np.linspace(-2, 2, 201))
    odds = model.predict_proba(np.column_stack([x.ravel(), y.ravel()]))[:, 1].reshape(x.shape)
    levels = np.linspace(0, 1, 11)
    shades = ax.contourf(x, y, odds, levels=levels, cmap="RdBu_r", alpha=0.8)
    ax.contour(x, y, odds, levels=[0.5], colors="black", linewidths=1)
    for kind, marker in ((True, "o"), (False, "x")):
        ax.scatter(*X[some][inside[some] == kind].T, s=14, marker=marker, color="black")
    ax.set_title(f"alpha = {alpha}: {best['outcome']}".replace("_", " "), fontsize=9)
figure.colorbar(shades, ax=axes, label="probability of the dots' class")
