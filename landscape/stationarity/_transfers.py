"""Multipliers that follow the choice of active concave kinks: a proof of h >= 0 by one program.

A concave term is a minimum over t in {0, 1}, so h >= 0 iff for every choice t the convex function
that is left has multipliers. Here these are sought as an *affine* function of t: concave kinks are
paid by convex ones in whose cone they lie. Geometrically, a zonotope (that of the concave kinks) is
shown to be contained in another one (that of the convex kinks), by the linear program of Sadraddini
and Tedrake, *Linear encodings for polytope containment problems* (CDC 2019). It is sufficient, not
necessary, and polynomial in the number of kinks where all choices and all rays are not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from landscape.stationarity._records import KinkFunction, Transfers

__all__ = ["find_transfers", "missing"]

Array = NDArray[np.float64]


def find_transfers(h: KinkFunction) -> Transfers | None:
    """Transfers as far inside their bounds as possible; None where there are none at all.

    They are good up to rounding: :func:`missing` says by how much they fail.
    """
    convex, concave = np.flatnonzero(h.weights > 0), np.flatnonzero(h.weights < 0)
    size = float(np.abs(h.weights).max())
    columns = np.vstack([h.weights[convex, None] * h.kinks[convex] / size, -h.walls]).T
    targets = np.vstack([-h.gradient, -h.weights[concave, None] * h.kinks[concave]]).T / size
    d, q = columns.shape
    n_walls, c = len(h.walls), len(concave)
    n_kinks = q - n_walls
    if q == 0:
        return None
    # Unknowns: base (q), the positive and the negative parts of the shares (q c each, row by row),
    # and the room, by which all bounds are kept.
    rows = kron(csr_array(columns), eye_array(c))  # (d c, q c)
    equal = vstack(
        [
            hstack([csr_array(columns), csr_array((d, 2 * q * c + 1))]),
            hstack([csr_array((d * c, q)), rows, -rows, csr_array((d * c, 1))]),
        ]
    )
    right = np.concatenate([targets[:, 0], targets[:, 1:].ravel()])
    sums = kron(eye_array(q), np.ones((1, c)))  # (q, q c)
    lower = hstack([-eye_array(q), csr_array((q, q * c)), sums, csr_array(np.ones((q, 1)))]).tocsr()
    upper = hstack([eye_array(q), sums, csr_array((q, q * c)), csr_array(np.ones((q, 1)))]).tocsr()[
        :n_kinks
    ]
    cost = np.zeros(q + 2 * q * c + 1)
    cost[-1] = -1.0
    with np.errstate(all="ignore"):
        result = linprog(
            cost,
            A_ub=vstack([lower, upper]),
            b_ub=np.append(np.zeros(q), np.ones(n_kinks)),
            A_eq=equal,
            b_eq=right,
            bounds=[(0, None)] * (cost.size - 1) + [(-1, 0.5)],
            method="highs-ipm",  # ten times faster here than the simplex method
        )
    if result.x is None or result.x[-1] < -1e-7:
        return None
    base = result.x[:q]
    share = (result.x[q : q + q * c] - result.x[q + q * c : -1]).reshape(q, c)
    base, share = _repaired(columns, targets, base, share, n_kinks)
    return Transfers(
        convex,
        concave,
        base[:n_kinks],
        share[:n_kinks],
        size * base[n_kinks:],
        size * share[n_kinks:],
    )


def _repaired(
    columns: Array, targets: Array, base: Array, share: Array, n_kinks: int
) -> tuple[Array, Array]:
    """Solve the equations to rounding, moving the unknowns that have room for it most."""
    low = base + np.minimum(share, 0.0).sum(axis=1)
    high = 1.0 - base - np.maximum(share, 0.0).sum(axis=1)
    high[n_kinks:] = np.inf
    scale = np.clip(np.minimum(low, high), 0.0, 1.0)
    values = np.column_stack([base, share])
    for _ in range(2):
        gap = targets - columns @ values
        values += scale[:, None] * np.linalg.lstsq(columns * scale, gap, rcond=1e-12)[0]
    return values[:, 0], values[:, 1:]


def missing(h: KinkFunction, found: Transfers) -> float:
    """By how much the transfers fail: ``h(v) >= -missing ‖v‖_2`` for all feasible v."""
    values = np.column_stack([found.base, found.share])
    walls = np.column_stack([found.wall_base, found.wall_share])
    ahead = np.column_stack(
        [h.gradient, (h.weights[found.concave, None] * h.kinks[found.concave]).T]
    )
    paid = (h.weights[found.convex, None] * h.kinks[found.convex]).T @ values - h.walls.T @ walls
    total = float(np.linalg.norm(ahead + paid, axis=0).sum())
    short = np.maximum(-(found.base + np.minimum(found.share, 0.0).sum(axis=1)), 0.0)
    over = np.maximum(found.base + np.maximum(found.share, 0.0).sum(axis=1) - 1.0, 0.0)
    sizes = h.weights[found.convex] * np.linalg.norm(h.kinks[found.convex], axis=1)
    total += float((short + over) @ sizes)
    low = np.maximum(-(found.wall_base + np.minimum(found.wall_share, 0.0).sum(axis=1)), 0.0)
    return total + float(low @ np.linalg.norm(h.walls, axis=1))
