"""Controls: parameter minima outside N* whose realizations are not minima (notes 11).

A probe that never reports a violation proves nothing. From every certified minimum a degenerate
one with the same realization can be built, whose spare neuron cannot be moved to where it would
help: the implication of Proposition 1.2 fails there, and has to be seen to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from landscape.minima import Certificate, certify_minimum
from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.probe.rigid import (
    CELL_TOLERANCE,
    PROBE_TOLERANCE,
    check_by_definition,
    first_order_scale,
)
from landscape.realization import realize
from landscape.spaces import UnrestrictedSpace
from landscape.stability import distance_to_fibre
from landscape.stationarity import Verdict

__all__ = ["Control", "best_ridge", "unbalanced_control"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Control:
    """A parameter minimum with better realizations arbitrarily near.

    Attributes
    ----------
    parametrization : Parametrization
        The degenerate minimum, in N.
    certificate : Certificate
        That it is a local minimum on N, with radius.
    verdict : Verdict
        ``violated``: the implication fails, as it must; ``undecided`` with a reason.
    distances : array of shape (k,)
        Exact seminorm distances of the better realizations, falling towards 0.
    gaps : array of shape (k,)
        By how much their loss is lower, > 0.
    tolerances : array of shape (k,)
        What counts as zero for the gaps.
    direction : array of shape (d,)
        v: they are ``R + t sigma relu(<v, x>)``, with max-norm of v one.
    sign : float
        sigma.
    slope : float
        Derivative of the loss by t at 0, negative.
    parameter_distance : float
        Every parametrization of every one of them is at least this far from the minimum.
    reason : str
        A sentence.
    """

    parametrization: Parametrization
    certificate: Certificate
    verdict: Verdict
    distances: Array
    gaps: Array
    tolerances: Array
    direction: Array
    sign: float
    slope: float
    parameter_distance: float
    reason: str


def unbalanced_control(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    n_steps: int = 7,
) -> Control:
    """C.1: append an unbalanced neuron (a, 0) that is inactive on every sample by a margin.

    Parameters
    ----------
    theta : Parametrization
        A minimum that does not need the bounds of N* (on lifted data none does).
    X : array_like of shape (n, d)
        What the network sees.
    y : array_like of shape (n,)
    rng : numpy.random.Generator
        For the search of a ridge that lowers the loss.
    n_steps : int
        Realizations, at distances a factor 10 apart.

    Returns
    -------
    control : Control

    Raises
    ------
    ValueError
        If no weight vector is inactive on all samples: they surround the origin.
    """
    inputs, targets = check_data(X, y, theta.n_inputs)
    if n_steps < 1:
        raise ValueError(f"n_steps: expected a positive integer, got {n_steps}")
    spare = _inactive_direction(inputs) * max(1.0, float(np.abs(theta.weights).max()))
    degenerate = Parametrization(
        np.vstack([theta.weights, spare]), np.append(theta.output_weights, 0.0)
    )
    space = UnrestrictedSpace(theta.n_inputs, theta.n_neurons + 1)
    certificate = certify_minimum(degenerate, inputs, targets, space=space)
    s = realize(theta, inputs) - targets
    v, sign, slope = best_ridge(inputs, s, rng)
    ridge = np.maximum(inputs @ v, 0.0)
    curvature = 2.0 / s.size * float(ridge @ ridge)
    longest = -slope / curvature if curvature > 0 else 1.0
    steps = longest * 10.0 ** -np.arange(n_steps, dtype=float)
    # The difference of two losses drowns in rounding for small t; the exact change does not.
    gaps = -(slope * steps + 0.5 * curvature * steps**2)
    distances = np.zeros(n_steps)
    far, met = np.inf, True
    for k, t in enumerate(steps):
        better = Parametrization(
            np.vstack([theta.weights, np.sqrt(t) * v]),
            np.append(theta.output_weights, sign * np.sqrt(t)),
        )
        distances[k], gap = check_by_definition(degenerate, better, inputs, targets)
        rounding = 1e-13 * float(np.mean(targets**2) + np.mean(s**2))
        met &= bool(distances[k] <= t * (1 + CELL_TOLERANCE))
        met &= bool(abs(gaps[k] - gap) <= 1e-9 * gaps[k] + rounding)
        far = min(far, distance_to_fibre(degenerate, better).lower)
    tolerances = PROBE_TOLERANCE * distances * first_order_scale(s, inputs)
    if not certificate.is_minimum:
        verdict, reason = Verdict.UNDECIDED, f"no certified minimum: {certificate.reason}"
    elif (gaps > tolerances).all() and met:
        verdict = Verdict.VIOLATED
        reason = "a parameter minimum with better realizations at every distance, as it must be"
    else:
        verdict = Verdict.UNDECIDED
        reason = "no ridge that lowers the loss was found: R may be optimal among wider networks"
    return Control(
        degenerate, certificate, verdict, distances, gaps, tolerances, v, sign, slope, far, reason
    )


def _inactive_direction(X: Array) -> Array:
    """Weight vector of max-norm at most one that maximizes ``min_k -<a, x_k> / ‖x_k‖_1``."""
    norms = np.abs(X).sum(axis=1)
    rows = X[norms > 0] / norms[norms > 0, None]
    d = X.shape[1]
    result = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.hstack([rows, np.ones((len(rows), 1))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1.0, 1.0)] * d + [(None, 1.0)],
        method="highs",
    )
    if result.status != 0 or result.x[-1] <= 1e-9:
        raise ValueError(
            "X: no weight vector is inactive on all samples (they surround the origin); the "
            "control C.1 needs inputs with a constant coordinate, such as lifted ones"
        )
    direction: Array = result.x[:d]
    return direction


def best_ridge(X: Array, s: Array, rng: np.random.Generator) -> tuple[Array, float, float]:
    """A ridge ``sigma relu(<v, x>)``, ‖v‖_inf = 1, along which the loss falls steeply.

    Local search from the samples' directions and random ones: any descent shows a violation, the
    steepest is not needed.

    Returns
    -------
    v : array of shape (d,)
    sigma : float
    slope : float
        ``(2/n) sum_k s_k sigma relu(<v, x_k>)``; 0 if no descent was found.
    """
    n, d = X.shape
    starts = np.vstack([X[: min(n, 200)], rng.standard_normal((200, d)), np.eye(d)])
    starts = np.vstack([starts, -starts])
    sizes = max_norms(starts)
    v = starts[sizes > 0] / sizes[sizes > 0, None]
    best = (np.eye(d)[0], 1.0, 0.0)
    for sigma in (1.0, -1.0):
        directions = v
        for _ in range(20):
            active = directions @ X.T > 0
            slopes = sigma * (np.maximum(directions @ X.T, 0.0) @ s)
            k = int(np.argmin(slopes))
            if 2.0 / n * slopes[k] < best[2]:
                best = (directions[k], sigma, float(2.0 / n * slopes[k]))
            # On the pattern's cone the slope is linear: its minimizer over the max-norm ball.
            directions = -np.sign(sigma * (active * s) @ X)
            directions = directions[max_norms(directions) > 0]
            if len(directions) == 0:
                break
            directions = np.unique(directions, axis=0)
    return best
