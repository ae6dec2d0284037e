"""
Close functions, distant parameters
===================================

Section 2 of the paper: the functions of two networks converge to each other, while *every*
parametrization of one stays away from the other. The distances, over all parametrizations, are
decided in rational arithmetic.
"""

import matplotlib.pyplot as plt

from landscape.pathologies import PATHOLOGIES

figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for k, example in enumerate(PATHOLOGIES):
    instances = [example.instance(2**j) for j in range(1, 6)]
    ax.loglog(
        [float(instance.seminorm) for instance in instances],
        [instance.distance for instance in instances],
        "os^vDPX"[k] + "-",
        ms=4,
        label=f"Example {example.example}: {example.title.removeprefix('Failure due to ')}",
    )
ax.set(xlabel="distance of the functions (seminorm)", ylabel="distance of the parameters")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
