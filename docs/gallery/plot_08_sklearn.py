"""
A network from scikit-learn
===========================

A fitted :class:`sklearn.neural_network.MLPRegressor`, scalers included, is read exactly and
judged: :func:`landscape.analyse`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import landscape

rng = np.random.default_rng(0)
X = rng.uniform(0, 10, (60, 1))
y = np.abs(X[:, 0] - 5) + 0.3 * rng.standard_normal(60)
network = MLPRegressor(
    hidden_layer_sizes=(3,), solver="lbfgs", alpha=0, max_iter=2000, random_state=4
)
model = make_pipeline(StandardScaler(), network).fit(X, y)

found = landscape.analyse(model, X, y)
print(found)

# %%
# The function with its kinks, the angles between neurons, and the descent to the nearest minimum.
plt.figure(found.plot())
