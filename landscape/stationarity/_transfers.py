"""Multipliers that follow the choice of active concave kinks: a proof of h >= 0 by one program.

A concave term is a minimum over t in {0, 1}, so h >= 0 iff for every choice t the convex function
that is left has multipliers. Here these are sought as an *affine* function of t: concave kinks are
compensated by convex ones in whose cone they lie. Geometrically, a zonotope (that of the concave
kinks) is shown to be contained in another one (that of the convex kinks), by the linear program of
Sadraddini and Tedrake, *Linear encodings for polytope containment problems* (CDC 2019). It is
sufficient, not necessary, and polynomial in the number of kinks where all choices and all rays are
not (Theorem 8).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from landscape.rounding import gamma
from landscape.stationarity._convex import decided
from landscape.stationarity._records import KinkFunction, NeuronCheck, Transfers

__all__ = ["check_transfers", "find_transfers", "missing"]

Array = NDArray[np.float64]


def find_transfers(h: KinkFunction) -> Transfers | None:
    """Transfers as far inside their bounds as possible; None where there are none at all.

    They are good up to rounding: :func:`missing` says by how much they fail.
    """
    convex, concave = np.flatnonzero(h.weights > 0), np.flatnonzero(h.weights < 0)
    size = float(np.abs(h.weights).max())
    columns = np.vstack([h.weights[convex, None] * h.kinks[convex] / size, -h.bounds]).T
    targets = np.vstack([-h.gradient, -h.weights[concave, None] * h.kinks[concave]]).T / size
    d, q = columns.shape
    n_bounds, c = len(h.bounds), len(concave)
    n_kinks = q - n_bounds
    if q == 0:
        return None
    # Unknowns: base (q), the positive and the negative parts of the shares (q c each, row by row),
    # and the margin by which all limits are kept.
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
    """Solve the equations to rounding, moving most what is farthest from its limits."""
    low = base + np.minimum(share, 0.0).sum(axis=1)
    high = 1.0 - base - np.maximum(share, 0.0).sum(axis=1)
    high[n_kinks:] = np.inf
    scale = np.clip(np.minimum(low, high), 0.0, 1.0)
    values = np.column_stack([base, share])
    for _ in range(2):
        gap = targets - columns @ values
        values += scale[:, None] * np.linalg.lstsq(columns * scale, gap, rcond=None)[0]
    return values[:, 0], values[:, 1:]


def check_transfers(h: KinkFunction, allowed: Array) -> NeuronCheck | None:
    """Non-negative by multipliers that follow the choice; None where this does not decide."""
    found = find_transfers(h)
    if found is None:
        return None
    shortfall = missing(h, found)
    if not (shortfall <= allowed).all():
        return None
    counts = f"{len(found.concave)} concave kinks are compensated by {len(found.convex)}"
    reason = f"{counts} convex ones"
    multipliers = found.bound_base + np.maximum(found.bound_share, 0.0).sum(axis=1)
    check = decided(h, "mixed kinks", "transfers", reason, shortfall, np.maximum(multipliers, 0.0))
    return replace(check, transfers=found)


def missing(h: KinkFunction, found: Transfers) -> Array:
    """By how much they fail, shape (d,): ``h(v) >= -<missing, |v|>`` for all feasible v."""
    values = np.column_stack([found.base, found.share])
    at_bounds = np.column_stack([found.bound_base, found.bound_share])
    ahead = np.column_stack(
        [h.gradient, (h.weights[found.concave, None] * h.kinks[found.concave]).T]
    )
    convex = h.weights[found.convex, None] * h.kinks[found.convex]
    total = np.abs(ahead + convex.T @ values - h.bounds.T @ at_bounds).sum(axis=1)
    terms = np.abs(ahead) + np.abs(convex).T @ np.abs(values)
    terms += np.abs(h.bounds).T @ np.abs(at_bounds)
    total += gamma(len(h.weights) + len(h.bounds) + 4) * terms.sum(axis=1)
    low, high = _range(found.base, found.share)
    total += (np.maximum(-low, 0.0) + np.maximum(high - 1.0, 0.0)) @ np.abs(convex)
    low, _ = _range(found.bound_base, found.bound_share)
    return np.asarray(total + np.maximum(-low, 0.0) @ np.abs(h.bounds))


def _range(base: Array, share: Array) -> tuple[Array, Array]:
    """The least and the largest of ``base + share t`` over t in [0, 1]^C, rounding included."""
    low, high = np.minimum(share, 0.0).sum(axis=1), np.maximum(share, 0.0).sum(axis=1)
    error = gamma(share.shape[1] + 1) * (np.abs(base) + high - low)
    return base + low - error, base + high + error
