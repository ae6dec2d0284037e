"""The exact first-order test of a single neuron (notes 6).

It decides whether h(v) >= 0 for all feasible v, where

    h(v) = <g, v> + sum_k w_k relu(<v, x_k>)

is, up to the factor 2/n, the derivative of the loss in direction v of the neuron's product
coordinates: g collects its active samples, the x_k are the samples on its kink, and
``w_k = sigma s_k``. Because the loss is a piecewise quadratic, the neurons' h decide about a local
minimum *exactly*, there is no second-order condition left.

- Convex (all w_k >= 0): h >= 0 iff 0 is in the subdifferential, a bounded least squares problem.
- Mixed: a concave term is a minimum, ``-|w| relu(z) = min_{t in {0, 1}} -|w| t z``, so h >= 0 iff
  all the convex functions with fixed t are; or iff h >= 0 on the rays of the kink arrangement.
  Where both are too many, descents are searched along great circles and corner cuts, a proof by
  multipliers that depend affinely on t, and, for a moderate number of concave kinks, both by a
  mixed-integer program, up to its tolerance.
"""

from __future__ import annotations

import numpy as np

from landscape.stationarity._convex import check_convex, check_smooth
from landscape.stationarity._milp import MILP_TOLERANCE
from landscape.stationarity._mixed import check_mixed
from landscape.stationarity._records import (
    Budget,
    KinkFunction,
    NeuronCheck,
    Transfers,
    Verdict,
    merge_kinks,
)

__all__ = [
    "MILP_TOLERANCE",
    "Budget",
    "KinkFunction",
    "NeuronCheck",
    "Transfers",
    "Verdict",
    "check_neuron",
    "merge_kinks",
    "unexamined",
]


def check_neuron(h: KinkFunction, *, tolerance: float, budget: Budget | None = None) -> NeuronCheck:
    """Decide whether h(v) >= 0 for all feasible v.

    Parameters
    ----------
    h : KinkFunction
    tolerance : float
        Norm of a (sub)gradient that counts as zero, > 0.
    budget : Budget, optional
        For mixed kinks.

    Returns
    -------
    check : NeuronCheck
    """
    budget = budget or Budget()
    if len(h.weights) == 0 and len(h.walls) == 0:
        return check_smooth(h, tolerance)
    if (h.weights > 0).all():
        return check_convex(h, tolerance)
    return check_mixed(h, tolerance, budget)


def unexamined(h: KinkFunction, tolerance: float) -> NeuronCheck:
    """The check of a neuron that was left out."""
    return NeuronCheck(
        Verdict.UNDECIDED,
        "mixed kinks",
        "none",
        np.zeros_like(h.gradient),
        tolerance,
        "not examined: another neuron descends",
    )
