"""
The converse fails
==================

A local minimum of the parameters on *N\\** is a local minimum among functions. The converse fails:
for *any* directions of the neurons the best scales give a function that is best in a small ball,
as only scales are free there, but hardly ever a minimum of the parameters (Theorem 14).
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape.study.cells import Cell
from landscape.study.probes import draw_converse

x = np.linspace(-1, 1, 20)[:, None]
y = np.sin(np.pi * x[:, 0])
cell = Cell("sine", x, y / y.std(), neurons=2, seed=0, margin=1e-3)
rows = draw_converse(cell, n_draws=60, rigid_fraction=0.99)
for space in ("realization", "parameters"):
    verdicts = [getattr(row, space) for row in rows]
    print(space, {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))})

# %%
# How much lower a descent gets from there: all of this is invisible in a small ball of functions.
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
losses = [(row.loss, row.descended_loss) for row in rows if row.realization == "holds"]
ax.plot(*np.transpose(losses), "o", ms=4)
ax.axline((0, 0), slope=1, color="0.7")
ax.set(xlabel="loss with the best scales", ylabel="loss after a descent")
