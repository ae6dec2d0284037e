"""A neuron whose penalized entries are 0, where the weight decay has no gradient (Theorem 27)."""

from collections.abc import Sequence

import numpy as np

from landscape.effective import EffectiveProblem
from landscape.parametrization import max_norms
from landscape.rounding import Array
from landscape.stationarity import (
    MAX_DIMENSIONS,
    MERGING,
    Budget,
    KinkFunction,
    NeuronCheck,
    check_neuron,
    check_with_norm,
    merge_kinks,
)


def check_at_norm(
    problem: EffectiveProblem,
    h: KinkFunction,
    allowed: Array,
    charge: Array,
    budget: Budget | None = None,
    zeros: Sequence[Array] = (),
) -> NeuronCheck:
    """Decide whether h and the norm together are non-negative, by cones of directions.

    ``zeros`` are directions along which they are expected to vanish.
    One penalized entry is a kink more. In many dimensions, and next to bounds, the norm is bounded
    by kinks: there less is decided.
    """
    assert problem.decay is not None
    norm = 0.5 * problem.y.size * problem.decay
    smooth = not len(h.weights) or h.gradient.size <= MAX_DIMENSIONS
    if smooth and not len(h.bounds) and np.count_nonzero(norm) > 1:
        return check_with_norm(h, norm, allowed, charge, budget or Budget(), zeros)
    rows = _edges(norm)
    # |z| = 2 relu(z) - z.
    kinks, weights = np.vstack([h.kinks, rows]), np.append(h.weights, np.full(len(rows), 2.0))
    below = merge_kinks(h.gradient - rows.sum(axis=0), kinks, weights, h.bounds)
    charge = charge + 4 * MERGING * float(max_norms(rows).sum())
    check = check_neuron(below, allowed=allowed, charge=charge, budget=budget)
    if check.direction is None:
        return check
    v = check.direction[None, :]
    missing = float(np.linalg.norm(norm * v)) * (1 + 1e-12) - np.abs(v @ rows.T).sum()
    if float((below(v) + 2 * below.rounding(v) + np.abs(v) @ charge)[0]) + missing < 0:
        return check
    return NeuronCheck.undecided(h, check.method, "between the weight decay and its lower bound")


def _edges(norm: Array) -> Array:
    """Edges (p, d) of a zonotope inside the norm's unit ball: a segment, or a cube.

    ``‖norm v‖_2 >= sum_j |<q_j, v>|``, which in p coordinates is up to 1/sqrt(p) too small.
    """
    used = np.flatnonzero(norm)
    rows = np.zeros((used.size, norm.size))
    rows[np.arange(used.size), used] = norm[used] / np.sqrt(used.size) * (1 - 1e-12)
    return rows
