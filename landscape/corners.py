"""Least points of losses with corners: linear programs, with second-order cones for norms.

The multipliers of such a program are a slope for every sample, between those before and behind its
corner. For any such slopes s the loss is at least ``(2/n) sum_k s_k (r_k - at_k)`` (Theorem 43):
what is claimed rests on bounds that are computed from them, not on the solver's tolerances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from landscape.losses import KinkedLoss
from landscape.quadratic import minimize_quadratic
from landscape.rounding import Array, Bounded, gamma

__all__ = ["CornerPoint", "minimize_corners", "supported"]


@dataclass(frozen=True)
class CornerPoint:
    """A least point, and the multipliers that show that it is one."""

    x: Array
    slopes: Array  #: (n,), each within [low, high]
    units: tuple[Array, ...]  #: for each norm the vector, of at most length one, that supports it
    multipliers: Array  #: of the rows
    feasible: bool


def minimize_corners(
    values: Array,
    places: Array,
    low: Array,
    high: Array,
    *,
    linear: Array | None = None,
    pulls: Sequence[Array] = (),
    rows: Array | None = None,
    right: Array | None = None,
    n_equal: int = 0,
) -> CornerPoint:
    """Minimize ``sum_k max(low_k d_k, high_k d_k) + sum_i ‖pulls_i x‖_2 + <linear, x>``.

    With ``d = values @ x - places``, (n, p) and (n,), and ``low <= 0 <= high``, over
    ``rows @ x <= right``, of which the first ``n_equal`` are equations.
    """
    (n, p), q = values.shape, len(pulls)
    own = np.zeros(p) if linear is None else linear
    rows = np.zeros((0, p)) if rows is None else rows
    right = np.zeros(len(rows)) if right is None else right
    unit = float(np.abs(places).max(initial=np.abs(right).max(initial=0.0))) or 1.0
    cost = np.concatenate([own + low @ values, high - low, np.ones(q)])
    at = np.cumsum([0, *(len(pull) + 1 for pull in pulls)])
    table = np.zeros((len(rows) + 2 * n + at[-1], p + n + q))
    table[: len(rows), :p] = rows
    here = slice(len(rows), len(rows) + n)
    table[here, :p], table[here, p : p + n] = values, -np.eye(n)
    there = slice(here.stop, here.stop + n)
    table[there, p : p + n] = -np.eye(n)
    for i, pull in enumerate(pulls):
        first = there.stop + at[i]
        table[first, p + n + i] = -1.0
        table[first + 1 : first + 1 + len(pull), :p] = -pull
    ends = np.concatenate([right, places, np.zeros(n + at[-1])]) / unit
    size = float(np.abs(cost).max()) or 1.0
    point, duals, status = minimize_quadratic(
        np.zeros((p + n + q, p + n + q)), cost / size, table, ends, n_equal,
        [len(pull) + 1 for pull in pulls],
    )  # fmt: skip
    duals = duals * size
    units = []
    for a, b in pairwise(at.tolist()):
        inner = -duals[there.stop + a + 1 : there.stop + b]
        units.append(inner / max(1.0, float(np.linalg.norm(inner)) * (1 + 1e-15)))
    slopes = np.clip(low + duals[here], low, high)
    feasible = "PrimalInfeasible" not in status
    return CornerPoint(unit * point[:p], slopes, tuple(units), duals[: len(rows)], feasible)


def supported(loss: KinkedLoss, slopes: Array, r: Bounded) -> tuple[Bounded, Bounded]:
    """``2 s_k (r_k - at_k)``, below the loss for slopes s within those of its corners; and s.

    Slopes are drawn in by their rounding.
    """
    at, low, high = loss.pieces()
    shrink = 1 - 4 * gamma(at.size)  # weights are rounded
    s = np.clip(slopes, low * shrink, high * shrink)
    return (r - Bounded.exact(at)) * (2 * s), Bounded.exact(s)
