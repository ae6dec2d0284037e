"""The exact first-order test of a single neuron (Theorem 7).

It decides whether h(v) >= 0 for all feasible v, where

    h(v) = <g, v> + sum_k w_k relu(<v, x_k>)

is, up to the factor 2/n, the derivative of the loss in direction v of the neuron's product
coordinates: g collects its active samples, the x_k are the samples on its kink, and
``w_k = sigma s_k``. Because the loss is a piecewise quadratic, the neurons' h decide about a local
minimum *exactly*, there is no second-order condition left.

- Convex (all w_k >= 0): h >= 0 iff 0 is in the subdifferential, a bounded least squares problem.
- Mixed: a concave term is a minimum, ``-|w| relu(z) = min_{t in {0, 1}} -|w| t z``, so h >= 0 iff
  all the convex functions with fixed t are; or iff h >= 0 on the rays of the kink arrangement.
  Where both are too many, descents are searched among likely t, and a proof by multipliers that
  depend affinely on t.

Whatever proposes multipliers or directions, what is claimed is recomputed with error bounds: a
check that holds proves ``h(v) >= -<shortfall, |v|>``, a violation proves ``h(direction) < 0``.
"""

import numpy as np

from landscape.rounding import Array
from landscape.stationarity._convex import check_convex, propose_multipliers
from landscape.stationarity._mixed import VERY_FEW_RAYS, check_mixed
from landscape.stationarity._norm import MAX_DIMENSIONS, check_with_norm
from landscape.stationarity._rays import MAX_RANK, RISES
from landscape.stationarity._records import MERGING, Budget, KinkFunction, NeuronCheck, merge_kinks
from landscape.verdict import Verdict

__all__ = [
    "MAX_DIMENSIONS",
    "MAX_RANK",
    "MERGING",
    "RISES",
    "VERY_FEW_RAYS",
    "Budget",
    "KinkFunction",
    "NeuronCheck",
    "Verdict",
    "check_neuron",
    "check_with_norm",
    "merge_kinks",
    "propose_multipliers",
]


def check_neuron(
    h: KinkFunction, *, allowed: Array, charge: Array | float = 0.0, budget: Budget | None = None
) -> NeuronCheck:
    """Decide whether h(v) >= 0 for all feasible v.

    Entries of a (sub)gradient may be as far from zero as ``allowed`` (d,) says. ``<charge, |v|>``
    bounds by how much h differs from the function that is meant: it is part of the shortfall, and a
    violation has to exceed it. The budget is for mixed kinks.
    """
    # In units in which as much is allowed for every coordinate.
    exponents = np.frexp(allowed + (allowed == 0))[1]
    units = np.ldexp(1.0, -np.minimum(np.maximum(exponents, -900), 900))
    if h.kind == "mixed kinks":
        check = check_mixed(h.scaled(units), allowed * units, budget or Budget())
    else:
        check = check_convex(h.scaled(units), allowed * units)
    direction = check.direction
    if direction is not None:
        direction = direction * units
        direction = direction / np.abs(direction).max()
        v = direction[None, :]
        if not float((h(v) + h.rounding(v) + np.abs(v) @ np.broadcast_to(charge, v.size))[0]) < 0:
            reason = "the direction of descent is negligible relative to rounding"
            return NeuronCheck.undecided(h, check.method, reason)
    # <shortfall', |v / units|> = <shortfall' / units, |v|>; a bound's row keeps its length.
    shortfall = check.shortfall / units + charge
    at_bounds = check.bound_multipliers
    if len(h.bounds):
        at_bounds = at_bounds / (np.abs(h.bounds) @ units)
    found = check.verdict, check.kind, check.method, check.reason, shortfall, at_bounds
    return NeuronCheck(*found, direction, check.multipliers)
