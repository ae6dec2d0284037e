"""
A network from PyTorch
======================

``Sequential(Linear, ReLU, Linear)`` or its state dict. PyTorch is not needed to read the weights:
without it this example uses a dictionary of arrays, which is what a state dict is.
"""

import matplotlib.pyplot as plt
import numpy as np

from landscape import from_torch, lipschitz_constant

rng = np.random.default_rng(0)
state = {
    "0.weight": rng.standard_normal((4, 1)).astype(np.float32),
    "0.bias": rng.uniform(-1, 1, 4).astype(np.float32),
    "2.weight": rng.standard_normal((1, 4)).astype(np.float32),
    "2.bias": np.zeros(1, dtype=np.float32),
}
try:
    import torch

    state = {key: torch.from_numpy(value) for key, value in state.items()}
except ModuleNotFoundError:
    print("without PyTorch")
network = from_torch(state)
print(network)

# %%
# Its steepest piece.
constant = lipschitz_constant(network, domain=[[-3, 3]])
grid = np.linspace(-3, 3, 400)[:, None]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(grid, network.predict(grid))
ax.plot(constant.witness, network.predict(constant.witness[None]), "*", ms=12)
ax.set(title=f"Lipschitz constant {constant.value:.3f}, attained at the star", xlabel="x")
