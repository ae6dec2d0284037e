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

from landscape.rounding import gamma
from landscape.stationarity._convex import columns_of, limits, propose_multipliers
from landscape.stationarity._records import KinkFunction, NeuronCheck, decided

__all__ = ["check_transfers", "find_transfers", "missing"]

Array = NDArray[np.float64]


def find_transfers(h: KinkFunction) -> Array | None:
    """Base and share (q, 1 + C) of the multipliers of convex kinks, then bounds; None without any.

    They are good up to rounding: :func:`missing` says by how much they fail.
    """
    columns, _ = columns_of(h, h.weights > 0)
    return propose_multipliers(columns, _targets(h), int((h.weights > 0).sum()))


def _targets(h: KinkFunction) -> Array:
    """What the multipliers have to make up for: -g, and -w_k x_k of the concave kinks k."""
    concave = h.weights < 0
    return -np.vstack([h.gradient, h.weights[concave, None] * h.kinks[concave]]).T


def check_transfers(h: KinkFunction, allowed: Array) -> NeuronCheck | None:
    """Non-negative by multipliers that follow the choice; None where this does not decide."""
    values = find_transfers(h)
    if values is None:
        return None
    shortfall, n = missing(h, values), int((h.weights > 0).sum())
    if not (shortfall <= allowed).all():
        return None
    counts = f"{values.shape[1] - 1} concave kinks are compensated by {n}"
    at_bounds = np.maximum(limits(values[n:])[1], 0.0)
    check = decided(h, "transfers", f"{counts} convex ones", shortfall, at_bounds)
    return replace(check, multipliers=values)


def missing(h: KinkFunction, values: Array) -> Array:
    """By how much they fail, shape (d,): ``h(v) >= -<missing, |v|>`` for all feasible v."""
    (columns, upper), targets = columns_of(h, h.weights > 0), _targets(h)
    sizes = np.abs(columns)
    terms = np.abs(targets) + sizes @ np.abs(values)
    short = np.abs(columns @ values - targets) + gamma(len(h.weights) + len(h.bounds) + 4) * terms
    low, high = limits(values)
    error = gamma(values.shape[1]) * np.abs(values).sum(axis=1)
    outside = np.maximum(error - low, 0.0) + np.maximum(high + error - upper, 0.0)
    return np.asarray(short.sum(axis=1) + sizes @ outside)
