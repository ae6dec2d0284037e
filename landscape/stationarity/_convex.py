"""No concave kinks: the gradient, or a bounded least squares problem for the multipliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, lsq_linear

from landscape.rounding import gamma
from landscape.stationarity._records import KinkFunction, NeuronCheck, Verdict

__all__ = ["check_convex", "check_smooth", "decided", "neighbours", "subgradient", "violated"]

Array = NDArray[np.float64]


def check_smooth(h: KinkFunction, allowed: Array) -> NeuronCheck:
    """Whether the gradient vanishes."""
    if (np.abs(h.gradient) <= allowed).all():
        return decided(h, "smooth", "gradient", "the gradient vanishes", np.abs(h.gradient))
    return violated(h, "smooth", "gradient", -h.gradient, "the gradient does not vanish")


def decided(
    h: KinkFunction,
    kind: str,
    method: str,
    reason: str,
    shortfall: Array,
    bound_multipliers: Array | None = None,
) -> NeuronCheck:
    """The check of a function that is non-negative up to ``<shortfall, |v|>``."""
    if bound_multipliers is None:
        bound_multipliers = np.zeros(len(h.bounds))
    return NeuronCheck(Verdict.HOLDS, kind, method, reason, shortfall, bound_multipliers)


def violated(h: KinkFunction, kind: str, method: str, direction: Array, reason: str) -> NeuronCheck:
    """A violation, if h is negative there for certain; otherwise rounding decides and we do not."""
    v = direction / np.abs(direction).max()
    if len(h.bounds):  # rounding must not leave an active bound
        v = v * (1 - (np.abs(h.bounds) * ((h.bounds @ v) < 0)[:, None]).sum(axis=0).clip(0, 1))
    nothing = np.zeros_like(h.gradient), np.zeros(len(h.bounds))
    if not float(h(v[None, :])[0]) < -float(h.rounding(v[None, :])[0]):
        reason = "the candidate direction does not descend beyond rounding"
        return NeuronCheck(Verdict.UNDECIDED, kind, method, reason, *nothing)
    return NeuronCheck(Verdict.VIOLATED, kind, method, reason, *nothing, direction=v)


def subgradient(
    h: KinkFunction, gradient: Array, convex: NDArray[np.bool_], allowed: Array
) -> tuple[Array, Array, Array]:
    """Shortest element of the subdifferential of the convex part, and the multipliers.

    Minimizes ``‖gradient + sum_k w_k t_k x_k - bounds^T mu‖_2`` over 0 <= t <= 1, mu >= 0. The
    negative of the result is the steepest feasible descent direction.

    Returns
    -------
    residual : array of shape (d,)
        For whatever multipliers were found.
    multipliers : array
        (t, mu), within their bounds.
    rounding : array of shape (d,)
        Error bounds of the residual.
    """
    columns, upper = _columns(h, convex)
    if columns.shape[1] == 0:
        return gradient, np.empty(0), np.zeros_like(gradient)
    # Independent columns, the usual case, often have their multipliers inside the bounds.
    t = np.asarray(np.linalg.lstsq(columns, -gradient, rcond=None)[0], dtype=float)
    if not ((t >= 0) & (t <= upper)).all():
        with np.errstate(all="ignore"):  # it divides by the step of variables that do not move
            solution = lsq_linear(
                columns, -gradient, bounds=(np.zeros(upper.size), upper), method="bvls", tol=1e-15
            )
        # Whatever it returns, the residual is recomputed: it cannot hold by mistake.
        t = np.clip(np.nan_to_num(solution.x), 0.0, upper)
        residual = gradient + columns @ t
        if (np.abs(residual) > allowed).any():
            rises = np.maximum(-residual @ columns[:, : int(convex.sum())], 0.0)
            if float(rises.sum() - gradient @ residual) >= 0:  # neither short nor a descent
                t = _by_program(columns, gradient, upper, t)
    terms = np.abs(gradient) + np.abs(columns) @ t
    return gradient + columns @ t, t, gamma(t.size + 2) * terms


def _by_program(columns: Array, gradient: Array, upper: Array, t: Array) -> Array:
    """Multipliers of the least ``‖gradient + columns t‖_inf``, where least squares got stuck."""
    d, q = columns.shape
    bound = np.ones((d, 1))
    with np.errstate(all="ignore"):
        result = linprog(
            np.append(np.zeros(q), 1.0),
            A_ub=np.vstack([np.hstack([columns, -bound]), np.hstack([-columns, -bound])]),
            b_ub=np.append(-gradient, gradient),
            bounds=[(0, None if np.isinf(top) else top) for top in upper] + [(0, None)],
            method="highs",
        )
    return t if result.x is None else np.clip(result.x[:q], 0.0, upper)


def neighbours(
    h: KinkFunction, gradients: Array, convex: NDArray[np.bool_], multipliers: Array
) -> tuple[Array, Array]:
    """Elements of the subdifferentials for other gradients (q, d), by moving free multipliers.

    Those strictly inside their bounds are solved for anew, the others stay: where a result is
    short it decides like that of :func:`subgradient`, at a fraction of the cost.

    Returns
    -------
    residuals : array of shape (q, d)
    multipliers : array of shape (q, p)
    """
    columns, upper = _columns(h, convex)
    free = (multipliers > 0) & (multipliers < upper)
    values = np.tile(multipliers, (len(gradients), 1))
    if free.any():
        residuals = gradients + columns[:, ~free] @ multipliers[~free]
        t = np.linalg.lstsq(columns[:, free], -residuals.T, rcond=None)[0].T
        values[:, free] = np.clip(t, 0.0, upper[free])
    return np.asarray(gradients + values @ columns.T), values


def _columns(h: KinkFunction, convex: NDArray[np.bool_]) -> tuple[Array, Array]:
    """What the multipliers of convex kinks and bounds multiply, and their upper bounds."""
    columns = np.vstack([h.weights[convex, None] * h.kinks[convex], -h.bounds]).T
    upper = np.concatenate([np.ones(int(convex.sum())), np.full(len(h.bounds), np.inf)])
    return columns, upper


def check_convex(h: KinkFunction, allowed: Array) -> NeuronCheck:
    """Whether 0 is in the subdifferential."""
    residual, t, rounding = subgradient(h, h.gradient, h.weights > 0, allowed)
    kinks, bounds = t[: len(h.weights)], t[len(h.weights) :]
    if (np.abs(residual) <= allowed).all():
        check = decided(
            h,
            "convex kinks",
            "multipliers",
            "0 is in the subdifferential",
            np.abs(residual) + rounding,
            bounds,
        )
    else:
        check = violated(
            h, "convex kinks", "multipliers", -residual, "0 is not in the subdifferential"
        )
    return NeuronCheck(**{**check.__dict__, "multipliers": kinks})
