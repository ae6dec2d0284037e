"""Concave kinks among the others: look for a descent first, then prove that there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.rounding import gamma
from landscape.stationarity._convex import decided, neighbours, subgradient, violated
from landscape.stationarity._descents import corner_cut, search
from landscape.stationarity._rays import Arrangement, check_rays
from landscape.stationarity._records import Budget, KinkFunction, NeuronCheck, Verdict
from landscape.stationarity._transfers import check_transfers

__all__ = ["check_mixed"]

Array = NDArray[np.float64]

#: Rays that take less time than a least squares problem, and than linear programs.
VERY_FEW_RAYS = 100
FEW_RAYS = 20_000


def check_mixed(h: KinkFunction, allowed: Array, budget: Budget) -> NeuronCheck:
    """Decide about h, the cheap ways before the expensive ones."""
    n_concave = int((h.weights < 0).sum())
    rays = Arrangement.of(h, allowed)
    if rays.outside is not None:
        reason = "h falls along a direction of no kink"
        return violated(h, "mixed kinks", "rays", -rays.outside, reason)
    if rays.number <= VERY_FEW_RAYS:
        check = check_rays(h, allowed, rays, budget)
        if check is not None:
            return check
    if n_concave < 60 and 2**n_concave <= budget.max_vertices:
        return _vertices(h, allowed)
    check = _found(h, search(h), allowed, "sweeps", "h falls along a great circle of directions")
    if check is None and rays.number <= min(FEW_RAYS, budget.max_rays):
        check = check_rays(h, allowed, rays, budget)
    if check is None:
        reason = "h falls where one concave kink turns on"
        check = _found(h, corner_cut(h), allowed, "corner cut", reason)
    if check is None and n_concave * (len(h.weights) - n_concave) <= budget.max_transfers:
        check = check_transfers(h, allowed)
    if check is None and FEW_RAYS < rays.number <= budget.max_rays:
        check = check_rays(h, allowed, rays, budget)
    if check is not None:
        return check
    reason = (
        f"{n_concave} concave kinks in {rays.rank} dimensions, {rays.number} rays: no descent "
        "found, no proof that there is none"
    )
    nothing = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
    return NeuronCheck(Verdict.UNDECIDED, "mixed kinks", "search", reason, *nothing)


def _found(
    h: KinkFunction, direction: Array | None, allowed: Array, method: str, reason: str
) -> NeuronCheck | None:
    """A violation by a direction along which h falls by more than is allowed."""
    if direction is None:
        return None
    check = violated(h, "mixed kinks", method, direction, reason)
    if check.direction is None:
        return None
    fall = -float(h(check.direction[None, :])[0])
    return check if fall > float(allowed @ np.abs(check.direction)) else None


def _vertices(h: KinkFunction, allowed: Array) -> NeuronCheck:
    """Every choice t in {0, 1} of the concave kinks bounds h from above: all together decide."""
    concave: NDArray[np.bool_] = h.weights < 0
    choices = _choices(h, concave)
    gradients = h.gradient + (h.weights[concave] * choices) @ h.kinks[concave]
    largest, bounds = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
    while len(gradients):
        residual, multipliers, _ = subgradient(h, gradients[0], ~concave, allowed)
        if not (np.abs(residual) <= allowed).all():
            reason = "a choice of concave kinks descends"
            return violated(h, "mixed kinks", "vertices", -residual, reason)
        # Most of the other choices hold with nearly the same multipliers.
        others, values = neighbours(h, gradients, ~concave, multipliers)
        held = np.asarray((np.abs(others) <= allowed).all(axis=1))
        others[0], values[0], held[0] = residual, multipliers, True
        largest = np.maximum(largest, np.abs(others[held]).max(axis=0))
        if len(bounds):
            bounds = np.maximum(bounds, values[held, -len(bounds) :].max(axis=0))
        gradients = gradients[~held]
    # Multipliers are at most 1, those of the bounds at most ``bounds``.
    terms = np.abs(h.gradient) + np.abs(h.weights) @ np.abs(h.kinks) + bounds @ np.abs(h.bounds)
    return decided(
        h,
        "mixed kinks",
        "vertices",
        f"no choice among {2 ** int(concave.sum())} of active concave kinks descends",
        largest + gamma(len(h.weights) + len(bounds) + 2) * terms,
        bounds,
    )


def _choices(h: KinkFunction, concave: NDArray[np.bool_]) -> Array:
    """All choices t in {0, 1}^C of active concave kinks; likely descents first."""
    n = int(concave.sum())
    # Choices that are attained by directions v: axes, gradient, the kinks' own normals.
    v = np.vstack([np.eye(h.gradient.size), h.gradient[None, :], h.kinks])
    v = np.vstack([v, -v])
    lengths = np.linalg.norm(v, axis=1)
    v = v[np.argsort(h(v) / np.where(lengths > 0, lengths, 1.0))]
    every = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    t = np.vstack([v @ h.kinks[concave].T > 0, every])
    _, first = np.unique(t, axis=0, return_index=True)
    return np.asarray(t[np.sort(first)], dtype=float)
