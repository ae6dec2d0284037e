"""One neuron: the function that is tested, the budget, and what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import group_directions, max_norms, unit_directions
from landscape.verdict import Verdict

__all__ = ["Budget", "KinkFunction", "NeuronCheck", "Transfers", "Verdict", "merge_kinks"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """How much work a mixed check may take before it says ``undecided``.

    Attributes
    ----------
    max_vertices : int
        Bounded least squares problems, one for each choice of active concave kinks.
    max_rays : int
        Rays of the kink arrangement.
    max_transfers : int
        Unknowns of the linear program for multipliers that follow the choice, one for each pair
        of a convex and a concave kink.
    milp_seconds : float
        Time limit of the mixed-integer program; 0 leaves it out (a result that depends on a time
        limit depends on the machine).
    milp_nodes : int
        Node limit of the mixed-integer program.
    milp_binaries : int
        Concave kinks, one binary variable each, beyond which it is not tried: with hundreds a
        limit of nodes does not keep it from taking minutes.
    """

    max_vertices: int = 64
    max_rays: int = 200_000
    max_transfers: int = 20_000
    milp_seconds: float = 0.0
    milp_nodes: int = 2_000
    milp_binaries: int = 60


@dataclass(frozen=True)
class KinkFunction:
    """h, with at most one kink per hyperplane, and the sides on which v is feasible.

    Attributes
    ----------
    gradient : array of shape (d,)
        g.
    kinks : array of shape (q, d)
        Non-zero, pairwise not parallel.
    weights : array of shape (q,)
        w.
    walls : array of shape (p, d)
        v is feasible iff ``walls @ v >= 0``: signed unit vectors of the active bounds.
    """

    gradient: Array
    kinks: Array
    weights: Array
    walls: Array

    def __call__(self, directions: Array) -> Array:
        """H at the rows of ``directions``."""
        rises = np.maximum(directions @ self.kinks.T, 0.0)
        return directions @ self.gradient + rises @ self.weights


@dataclass(frozen=True)
class Transfers:
    """Multipliers ``base + share @ t`` for every choice t in [0, 1]^C of active concave kinks.

    With them each of the convex functions of which h is the minimum has 0 in its subdifferential,

        g + sum_k t_k w_k x_k + sum_j w_j (base + share t)_j x_j
          - walls^T (wall_base + wall_share t) = 0   (k concave, j convex),

    a proof of h >= 0 that substitution re-checks: concave kinks are *paid* by the convex ones.

    Attributes
    ----------
    convex, concave : arrays of int, shapes (Q,) and (C,)
        Rows of the function's kinks.
    base : array of shape (Q,)
    share : array of shape (Q, C)
        ``base + sum min(share, 0) >= 0`` and ``base + sum max(share, 0) <= 1``.
    wall_base : array of shape (p,)
    wall_share : array of shape (p, C)
    """

    convex: NDArray[np.intp]
    concave: NDArray[np.intp]
    base: Array
    share: Array
    wall_base: Array
    wall_share: Array


@dataclass(frozen=True)
class NeuronCheck:
    """What the test found for one neuron.

    Attributes
    ----------
    verdict : Verdict
    kind : str
        ``"smooth"``, ``"convex kinks"`` or ``"mixed kinks"``.
    method : str
        How it was decided.
    residual : array of shape (d,)
        Distance of 0 from the subdifferential (convex) or the vector by which h misses 0: up to
        ``<residual, v>``, h is non-negative.
    tolerance : float
        Largest norm of ``residual`` that counts as zero.
    direction : array of shape (d,) or None
        v with h(v) < 0.
    slope : float
        h(v) / ‖v‖_inf at that direction, 0 without one.
    multipliers : array of shape (q,)
        Of the kinks, in [0, 1] (convex kinks only): 0 inactive side, 1 active side.
    transfers : Transfers or None
        Multipliers that follow the choice of active concave kinks (method ``"transfers"``).
    reason : str
        For the user.
    """

    verdict: Verdict
    kind: str
    method: str
    residual: Array
    tolerance: float
    reason: str
    direction: Array | None = None
    slope: float = 0.0
    multipliers: Array = field(default_factory=lambda: np.empty(0))
    transfers: Transfers | None = None


def merge_kinks(
    gradient: Array, kinks: Array, weights: Array, walls: Array | None = None
) -> KinkFunction:
    """Merge parallel and opposite kink samples, drop those that contribute nothing.

    ``relu(<v, t x>) = t relu(<v, x>)`` for t > 0, and ``relu(-z) = relu(z) - z``.
    """
    g = np.array(gradient, dtype=float)
    if walls is None:
        walls = np.empty((0, g.size))
    if len(kinks) == 0:
        return KinkFunction(g, np.empty((0, g.size)), np.empty(0), walls)
    amounts = weights * max_norms(kinks)
    units = unit_directions(kinks)
    if _apart(units):
        firsts, merged = np.flatnonzero(amounts), amounts[amounts != 0]
        return KinkFunction(g, units[firsts], merged, walls)
    labels = group_directions(kinks, oriented=False)
    used = np.flatnonzero(labels >= 0)
    firsts, groups = np.unique(labels[used], return_inverse=True)
    merged = np.bincount(groups, weights=amounts[used], minlength=len(firsts))
    opposite = used[np.einsum("ij,ij->i", units[used], units[labels[used]]) < 0]
    g -= amounts[opposite] @ units[labels[opposite]]
    keep = merged != 0
    return KinkFunction(g, units[firsts[keep]], merged[keep], walls)


def _apart(units: Array) -> bool:
    """Whether no two rows are anywhere near parallel: the usual case, and cheap to see."""
    if len(units) > 64:
        return False
    sizes = (units * units).sum(axis=1)
    squares = (units @ units.T) ** 2
    squares.flat[:: len(units) + 1] = 0.0
    return bool(sizes.all() and (squares < (1 - 1e-9) * np.multiply.outer(sizes, sizes)).all())
