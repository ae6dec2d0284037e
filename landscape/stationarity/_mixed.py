"""Concave kinks among the others: look for a descent first, then prove that there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.stationarity._convex import neighbours, subgradient, violated
from landscape.stationarity._descents import corner_cut, search
from landscape.stationarity._milp import check_program
from landscape.stationarity._rays import check_rays, count_rays, row_space
from landscape.stationarity._records import Budget, KinkFunction, NeuronCheck, Verdict
from landscape.stationarity._transfers import find_transfers, missing

__all__ = ["check_mixed"]

Array = NDArray[np.float64]

#: Rays that take less time than linear programs.
FEW_RAYS = 20_000


def check_mixed(h: KinkFunction, tolerance: float, budget: Budget) -> NeuronCheck:
    """Decide about h, the cheap ways before the expensive ones."""
    n_concave = int((h.weights < 0).sum())
    if n_concave < 60 and 2**n_concave <= budget.max_vertices:
        return _vertices(h, tolerance)
    basis = row_space(h)
    outside = h.gradient - basis.T @ (basis @ h.gradient)
    if float(np.linalg.norm(outside)) > tolerance:
        return _descent(h, "rays", -outside, tolerance, "h falls along a direction of no kink")
    check = _found(h, search(h), "sweeps", tolerance, "h falls along a great circle of directions")
    if check is not None:
        return check
    n_rays = count_rays(h, basis)
    if n_rays <= min(FEW_RAYS, budget.max_rays):
        return check_rays(h, tolerance, basis)
    check = _found(
        h, corner_cut(h), "corner cut", tolerance, "h falls where one concave kink turns on"
    )
    if check is not None:
        return check
    if n_concave * (len(h.weights) - n_concave) <= budget.max_transfers:
        check = _transfers(h, tolerance)
        if check is not None:
            return check
    if n_rays <= budget.max_rays:
        return check_rays(h, tolerance, basis)
    return check_program(h, tolerance, budget, n_rays)


def _descent(
    h: KinkFunction, method: str, direction: Array, tolerance: float, reason: str
) -> NeuronCheck:
    return violated(h, "mixed kinks", method, direction, tolerance, reason)


def _found(
    h: KinkFunction, direction: Array | None, method: str, tolerance: float, reason: str
) -> NeuronCheck | None:
    """A violation by a direction along which h falls by more than the tolerance."""
    if direction is None:
        return None
    if len(h.walls):  # a direction in a wall may leave it by rounding
        direction = direction + np.maximum(0.0, -(h.walls @ direction)) @ h.walls
    if float(h(direction[None, :])[0]) >= -tolerance * float(np.linalg.norm(direction)):
        return None
    return _descent(h, method, direction, tolerance, reason)


def _vertices(h: KinkFunction, tolerance: float) -> NeuronCheck:
    """Every choice t in {0, 1} of the concave kinks bounds h from above: all together decide."""
    concave: NDArray[np.bool_] = h.weights < 0
    choices = _choices(h, concave)
    gradients = h.gradient + (h.weights[concave] * choices) @ h.kinks[concave]
    largest = np.zeros_like(h.gradient)
    while len(gradients):
        residual, multipliers = subgradient(h, gradients[0], ~concave)
        if float(np.linalg.norm(residual)) > tolerance:
            return _descent(
                h, "vertices", -residual, tolerance, "a choice of concave kinks descends"
            )
        # Most of the other choices hold with nearly the same multipliers.
        others = neighbours(h, gradients[1:], ~concave, multipliers)
        sizes = np.linalg.norm(others, axis=1)
        found = np.vstack([residual, others[sizes <= tolerance], largest])
        largest = found[np.argmax(np.linalg.norm(found, axis=1))]
        gradients = gradients[1:][sizes > tolerance]
    return NeuronCheck(
        Verdict.HOLDS,
        "mixed kinks",
        "vertices",
        largest,
        tolerance,
        f"no choice among {2 ** int(concave.sum())} of active concave kinks descends",
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


def _transfers(h: KinkFunction, tolerance: float) -> NeuronCheck | None:
    """Non-negative by multipliers that follow the choice, or not decided."""
    found = find_transfers(h)
    if found is None:
        return None
    gap = missing(h, found)
    if gap > tolerance:
        return None
    return NeuronCheck(
        Verdict.HOLDS,
        "mixed kinks",
        "transfers",
        np.full(h.gradient.size, gap / np.sqrt(h.gradient.size)),
        tolerance,
        f"the {len(found.concave)} concave kinks are paid by the {len(found.convex)} convex ones",
        transfers=found,
    )
