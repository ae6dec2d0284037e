"""One neuron: the function that is tested, the budget, and what is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Lines,
    max_norms,
    unit_directions,
)
from landscape.rounding import Array, gamma
from landscape.verdict import Verdict

#: What merging moves every entry of a kink by, relative to its largest.
MERGING = 2 * DIRECTION_TOLERANCE


@dataclass(frozen=True)
class Budget:
    """How much work a mixed check may take before it says ``undecided``: counts, no times."""

    #: Choices of active concave kinks, each a bounded least squares problem, if all are tried.
    max_vertices: int = 64
    #: Rays of the kink arrangement.
    max_rays: int = 200_000
    #: Rays that rounding leaves open and that are decided in rational arithmetic.
    max_exact: int = 2_000
    #: Pairs of a convex and a concave kink, each an unknown of the program for transfers.
    max_transfers: int = 40_000
    #: Cones of directions, where the weight decay's norm has its kink.
    max_cones: int = 100_000


@dataclass(frozen=True)
class KinkFunction:
    """h, with at most one kink per hyperplane, and the sides on which v is feasible."""

    gradient: Array  #: g, (d,).
    kinks: Array  #: Non-zero, pairwise not parallel, (q, d).
    weights: Array  #: Theirs, w, (q,).
    bounds: Array  #: v is feasible iff ``bounds @ v >= 0``: signed unit vectors, and sides (p, d).

    @cached_property
    def kind(self) -> str:
        """How its conditions are decided."""
        if not len(self.weights) and not len(self.bounds):
            return "smooth"
        return "convex kinks" if (self.weights > 0).all() else "mixed kinks"

    def __call__(self, directions: Array) -> Array:
        """H at the rows of ``directions``."""
        rises = np.maximum(directions @ self.kinks.T, 0.0)
        return directions @ self.gradient + rises @ self.weights

    def rounding(self, directions: Array) -> Array:
        """A bound on the rounding errors of h at the rows of ``directions``."""
        return gamma(len(self.gradient) + len(self.weights)) * (np.abs(directions) @ self.terms)

    @property
    def terms(self) -> Array:
        """Sizes of what a subgradient sums, shape (d,)."""
        return np.abs(self.gradient) + np.abs(self.weights) @ np.abs(self.kinks)

    def scaled(self, units: Array) -> KinkFunction:
        """The same function of ``v / units``; units are powers of two."""
        bounds = self.bounds
        if len(bounds):
            bounds = bounds * units / (np.abs(bounds) @ units)[:, None]
        return KinkFunction(self.gradient * units, self.kinks * units, self.weights, bounds)


@dataclass(frozen=True)
class NeuronCheck:
    """What the test found for one neuron, how, and a sentence for the user."""

    verdict: Verdict
    kind: str  #: ``"smooth"``, ``"convex kinks"`` or ``"mixed kinks"``.
    method: str
    reason: str
    shortfall: Array  #: Proved by ``holds``: ``h(v) >= -<shortfall, |v|>`` for all feasible v.
    bound_multipliers: Array  #: A bound that is missed by a gap costs its multiplier times that.
    direction: Array | None = None  #: A feasible v with h(v) < 0 for certain.
    #: Of convex kinks (q,), in [0, 1]: 0 inactive side, 1 active side. With method ``"transfers"``
    #: base and share (q, 1 + C) of those of the convex kinks, then of the bounds: ``base + share @
    #: t`` for each choice t in {0, 1}^C of active concave kinks (Theorem 8).
    multipliers: Array = field(default_factory=lambda: np.empty(0))

    @classmethod
    def undecided(cls, h: KinkFunction, method: str, reason: str) -> NeuronCheck:
        """Nothing is claimed."""
        nothing = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
        return cls(Verdict.UNDECIDED, h.kind, method, reason, *nothing)


def decided(
    h: KinkFunction,
    method: str,
    reason: str,
    shortfall: Array,
    bound_multipliers: Array,
    multipliers: Array | None = None,
) -> NeuronCheck:
    """The check of a function that is non-negative up to ``<shortfall, |v|>``."""
    found = shortfall, bound_multipliers, None, np.empty(0) if multipliers is None else multipliers
    return NeuronCheck(Verdict.HOLDS, h.kind, method, reason, *found)


def violated(h: KinkFunction, method: str, direction: Array, reason: str) -> NeuronCheck:
    """A violation, if h is negative there for certain; otherwise rounding decides and we do not."""
    v = direction / np.abs(direction).max()
    if len(h.bounds):  # rounding must not leave an active bound
        v = v * (1 - (np.abs(h.bounds) * ((h.bounds @ v) < 0)[:, None]).sum(axis=0).clip(0, 1))
    if not float(h(v[None, :])[0]) < -float(h.rounding(v[None, :])[0]):
        reason = "the candidate direction does not descend beyond rounding"
        return NeuronCheck.undecided(h, method, reason)
    nothing = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
    return NeuronCheck(Verdict.VIOLATED, h.kind, method, reason, *nothing, direction=v)


def merge_kinks(
    gradient: Array,
    kinks: Array,
    weights: Array,
    bounds: Array | None = None,
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
        return KinkFunction(g, np.empty((0, g.size)), np.empty(0), bounds)
    norms = max_norms(kinks)
    amounts, units = weights * norms, unit_directions(kinks, norms)
    lines = Lines.of(kinks, units)
    firsts = lines.firsts
    if not lines.separate:
        g -= amounts[lines.opposite] @ units[firsts[lines.opposite]]
        amounts = np.bincount(firsts, weights=amounts).astype(float)
        firsts = np.arange(amounts.size)
    keep = amounts != 0
    return KinkFunction(g, units[firsts[keep]], amounts[keep], bounds)
