"""One neuron: the function that is tested, the budget, and what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    group_directions,
    max_norms,
    unit_directions,
)
from landscape.rounding import gamma
from landscape.verdict import Verdict

__all__ = ["Budget", "KinkFunction", "NeuronCheck", "Transfers", "Verdict", "merge_kinks"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """How much work a mixed check may take before it says ``undecided``: counts, no times.

    Attributes
    ----------
    max_vertices : int
        Bounded least squares problems, one for each choice of active concave kinks.
    max_rays : int
        Rays of the kink arrangement.
    max_exact : int
        Rays that rounding leaves open and that are decided in rational arithmetic.
    max_transfers : int
        Unknowns of the linear program for multipliers that follow the choice, one for each pair
        of a convex and a concave kink.
    """

    max_vertices: int = 64
    max_rays: int = 200_000
    max_exact: int = 2_000
    max_transfers: int = 40_000


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
    bounds : array of shape (p, d)
        v is feasible iff ``bounds @ v >= 0``: signed unit vectors of the active bounds.
    """

    gradient: Array
    kinks: Array
    weights: Array
    bounds: Array

    @classmethod
    def smooth(cls, gradient: Array, bounds: Array) -> KinkFunction:
        """Without kinks."""
        return cls(gradient, np.empty((0, gradient.size)), np.empty(0), bounds)

    def __call__(self, directions: Array) -> Array:
        """H at the rows of ``directions``."""
        rises = np.maximum(directions @ self.kinks.T, 0.0)
        return directions @ self.gradient + rises @ self.weights

    def rounding(self, directions: Array) -> Array:
        """A bound on the rounding errors of h at the rows of ``directions``."""
        sizes = np.abs(directions)
        rises = sizes @ np.abs(self.kinks).T
        terms = sizes @ np.abs(self.gradient) + rises @ np.abs(self.weights)
        return gamma(len(self.gradient) + len(self.weights)) * terms

    def scaled(self, units: Array) -> KinkFunction:
        """The same function of ``v / units``; units are powers of two."""
        bounds = np.sign(self.bounds)
        return KinkFunction(self.gradient * units, self.kinks * units, self.weights, bounds)


@dataclass(frozen=True)
class Transfers:
    """Multipliers ``base + share @ t`` for every choice t in [0, 1]^C of active concave kinks.

    With them each of the convex functions of which h is the minimum has 0 in its subdifferential,

        g + sum_k t_k w_k x_k + sum_j w_j (base + share t)_j x_j
          - bounds^T (bound_base + bound_share t) = 0   (k concave, j convex),

    a proof of h >= 0 that substitution re-checks: the concave kinks are compensated by the convex
    ones (Theorem 8).

    Attributes
    ----------
    convex, concave : arrays of int, shapes (Q,) and (C,)
        Rows of the function's kinks.
    base : array of shape (Q,)
    share : array of shape (Q, C)
        ``base + sum min(share, 0) >= 0`` and ``base + sum max(share, 0) <= 1``.
    bound_base : array of shape (p,)
    bound_share : array of shape (p, C)
    """

    convex: NDArray[np.intp]
    concave: NDArray[np.intp]
    base: Array
    share: Array
    bound_base: Array
    bound_share: Array


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
    reason : str
        For the user.
    shortfall : array of shape (d,)
        Proved where the verdict is ``holds``: ``h(v) >= -<shortfall, |v|>`` for all feasible v
        (rounding is in it).
    bound_multipliers : array of shape (p,)
        Of the active bounds, with which this was shown: a bound that is missed by a gap costs the
        multiplier times the gap.
    direction : array of shape (d,) or None
        A feasible v with h(v) < 0 for certain.
    multipliers : array of shape (q,)
        Of the kinks, in [0, 1] (convex kinks only): 0 inactive side, 1 active side.
    transfers : Transfers or None
        Multipliers that follow the choice of active concave kinks (method ``"transfers"``).
    """

    verdict: Verdict
    kind: str
    method: str
    reason: str
    shortfall: Array
    bound_multipliers: Array
    direction: Array | None = None
    multipliers: Array = field(default_factory=lambda: np.empty(0))
    transfers: Transfers | None = None


#: What merging moves every entry of a kink by, relative to its largest.
MERGING = 2 * DIRECTION_TOLERANCE


def merge_kinks(
    gradient: Array, kinks: Array, weights: Array, bounds: Array | None = None
) -> KinkFunction:
    """Merge parallel and opposite kink samples, drop those that contribute nothing.

    ``relu(<v, t x>) = t relu(<v, x>)`` for t > 0, and ``relu(-z) = relu(z) - z``. A direction
    counts as the same up to ``DIRECTION_TOLERANCE``: h changes by at most ``MERGING`` of the terms
    that are merged, ``|w_k| ‖x_k‖_inf``, for each coordinate.
    """
    g = np.array(gradient, dtype=float)
    if bounds is None:
        bounds = np.empty((0, g.size))
    if len(kinks) == 0:
        return KinkFunction.smooth(g, bounds)
    amounts = weights * max_norms(kinks)
    units = unit_directions(kinks)
    if _apart(units):
        firsts, merged = np.flatnonzero(amounts), amounts[amounts != 0]
        return KinkFunction(g, units[firsts], merged, bounds)
    labels = group_directions(kinks, oriented=False)
    used = np.flatnonzero(labels >= 0)
    firsts, groups = np.unique(labels[used], return_inverse=True)
    merged = np.bincount(groups, weights=amounts[used], minlength=len(firsts))
    opposite = used[np.einsum("ij,ij->i", units[used], units[labels[used]]) < 0]
    g -= amounts[opposite] @ units[labels[opposite]]
    keep = merged != 0
    return KinkFunction(g, units[firsts[keep]], merged[keep], bounds)


def _apart(units: Array) -> bool:
    """Whether no two rows are anywhere near parallel: the usual case, and cheap to see."""
    if len(units) > 64:
        return False
    sizes = (units * units).sum(axis=1)
    squares = (units @ units.T) ** 2
    squares.flat[:: len(units) + 1] = 0.0
    return bool(sizes.all() and (squares < (1 - 1e-9) * np.multiply.outer(sizes, sizes)).all())
