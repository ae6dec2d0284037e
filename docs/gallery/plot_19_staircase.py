"""
Wider networks, fewer valleys
=============================

From which width on is no valley spurious, so that every descent in loss can go on to the global
minimum? For small data the merge trees of all widths answer this exactly:
:func:`landscape.trees.staircase`.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape.trees import staircase

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for seed in range(4):
    rng = np.random.default_rng(seed)
    stairs = staircase(rng.uniform(-1, 1, (4, 1)), rng.standard_normal(4))
    widths = [stair.width for stair in stairs]
    ax.plot(widths, [stair.n_spurious for stair in stairs], "o-", label=f"data set {seed}")
    print([(stair.width, stair.n_valleys, stair.n_spurious) for stair in stairs])
ax.set(xlabel="neurons", ylabel="spurious valleys", xticks=widths)
ax.legend()
