"""
Degeneracies C.1, C.2, C.3
==========================

Outside *N\\** a minimum of the parameters need not be a minimum among functions. An unbalanced
neuron (C.1), two neurons of the same direction (C.2) or of opposite ones (C.3) are enough: there
are better functions at every distance, but none of their parametrizations is near (Theorem 15).
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import descend
from landscape.probe import CONTROLS
from landscape.spaces import make_space
from landscape.study.cells import Task
from landscape.study.probes import extend_by_linear
from landscape.training import draw_network

x = np.linspace(-1, 1, 20)[:, None]
y = np.sin(np.pi * x[:, 0])
space = make_space("restricted", 1, 2, margin=1e-3)
X = space.embed(x)
net = draw_network(np.random.default_rng(0), 1, 2, n_positive=1)
start = space.from_network(net.weights, net.biases, net.output_weights, net.offset)
theta = descend(start, X, y, space=space).parametrization

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for kind, build in CONTROLS.items():
    base = theta
    if kind == "C.3":  # needs neurons that are active on all samples
        base = extend_by_linear(theta, Task(space, X, y))
    control = build(base, X, y, rng=np.random.default_rng(0))
    print(kind, control.verdict, f"- parameters at least {control.parameter_distance:.3g} away")
    width = 5 if kind == "C.1" else 1.5  # C.2's lie on top of C.1's
    ax.loglog(control.distances, control.gaps, "o-", ms=4, lw=width, label=kind)
ax.set(xlabel="distance of the functions (seminorm)", ylabel="loss, lower by")
ax.legend()
