"""
A study from Python
===================

What ``make study`` does for a data set and a number of neurons, in a few lines: the *same* random
networks start in each space, are trained, descend to certified minima, and equal minima are
counted once. The rows are those of the study's tables.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape.rows import frame_of
from landscape.study.cells import Cell
from landscape.study.distinct import distinct_minima
from landscape.study.rows import Minimum
from landscape.study.training import descend_starts, train_starts

x = np.linspace(-1, 1, 30)[:, None]
y = np.sin(np.pi * x[:, 0])
cell = Cell("sine", x, y / y.std(), neurons=2, seed=0, margin=1e-3)
fits = []
for space in ("restricted", "balanced", "unrestricted"):
    trained = train_starts(cell, space, range(40), solver="SLSQP", max_iter=1000, tol=1e-12)
    fits += descend_starts(cell, trained, max_iter=10_000)
minima = distinct_minima(fits)
table = frame_of(Minimum, minima)
print(table[["space", "minimum", "multiplicity", "loss", "radius_low"]].head(8).to_string())

# %%
# The losses at which the 40 starts end.
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for space in ("restricted", "balanced", "unrestricted"):
    ax.ecdf([fit.loss for fit in fits if fit.space == space], label=space)
ax.set(xlabel="loss at the certified minimum", ylabel="share of starts")
ax.legend()
