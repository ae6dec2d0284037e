"""Silent neurons are reinitialized."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from landscape.estimator._units import lift_row
from landscape.parametrization import Parametrization
from landscape.realization import input_gradients, realize
from landscape.spaces import UnrestrictedSpace
from landscape.training import draw_network

if TYPE_CHECKING:
    from landscape.estimator._starts import FitData

__all__ = ["reinitialize"]

#: Directions that are tried for neurons that have become silent.
CANDIDATES = 256


def reinitialize(
    problem: FitData, theta: Parametrization, rng: np.random.Generator
) -> Parametrization | None:
    """Reinitialize neurons that are silent on all samples where they lower the loss most.

    A silent neuron is at a flat local minimum of its own, of no use to the function, and so is
    free to become any other one, of either sign. Each takes the best of `CANDIDATES` random
    directions, with its optimal size, given those before it (matching pursuit). The new ones make
    the loss smaller by what they correlate with the residuals: a strict decrease.

    Returns
    -------
    theta : Parametrization or None
        None if no neuron is silent, or none of the candidates would help.
    """
    space, X = problem.space, problem.X
    m = space.n_neurons - int(isinstance(space, UnrestrictedSpace))
    silent = ~(1e-11 * np.abs(X).sum(axis=1)[:, None] < X @ theta.weights[:m].T).any(axis=0)
    silent |= theta.output_weights[:m] == 0
    if not silent.any():
        return None
    s = realize(theta, X) - problem.y
    d = space.n_inputs - space.extra_inputs
    drawn = draw_network(rng, d, CANDIDATES, n_positive=0)
    rows = np.column_stack([drawn.weights, drawn.biases])
    rows = problem.standard.outward(rows, drawn.output_weights, 0.0)[0]
    # Unscaled inputs have 1 in this column: with the scaled ones it is the root of the weight.
    plain = X if isinstance(space, UnrestrictedSpace) else X[:, :-1]
    ridges = np.maximum(plain @ rows.T, 0.0)
    if problem.gradients is not None:
        # What the ridges add to the gradients, and the gradients' residuals, below the values.
        factors = np.sqrt(problem.gradient_weights) * np.abs(plain[:, -1:])
        slopes = (plain @ rows.T > 0)[:, None, :] * factors[:, :, None] * rows[:, :-1].T
        ridges = np.vstack([ridges, slopes.reshape(-1, CANDIDATES)])
        found = input_gradients(theta, X)[:, :d] - problem.gradients
        s = np.append(s, factors * found)
    sizes = np.linalg.norm(ridges, axis=0)
    useful = np.flatnonzero(sizes > 1e-6 * sizes.max(initial=0.0))
    a, c = theta.weights.copy(), theta.output_weights.copy()
    least = np.sqrt(np.mean(s**2)) * 1e-9
    changed = False
    for i in np.flatnonzero(silent):
        if useful.size == 0:
            break
        gains = ridges[:, useful].T @ s / sizes[useful]
        best = int(np.argmax(np.abs(gains)))
        if abs(gains[best]) <= least:
            break
        k = int(useful[best])
        amount = -gains[best] / sizes[k]
        root = np.sqrt(abs(amount))
        row = rows[k] * root
        if not isinstance(space, UnrestrictedSpace):
            row = lift_row(space, rows[k] * abs(amount)) / root
        a[i], c[i] = row, np.sign(amount) * root
        s = s + amount * ridges[:, k]
        useful = np.delete(useful, best)
        changed = True
    if not changed:
        return None
    changed_theta = Parametrization(a, c)
    return changed_theta if isinstance(space, UnrestrictedSpace) else changed_theta.balance()
