"""No concave kinks: the gradient, or a bounded least squares problem for the multipliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from landscape.stationarity._records import KinkFunction, NeuronCheck, Verdict

__all__ = ["check_convex", "check_smooth", "neighbours", "subgradient", "violated"]

Array = NDArray[np.float64]


def check_smooth(h: KinkFunction, tolerance: float) -> NeuronCheck:
    """Whether the gradient vanishes."""
    size = float(np.linalg.norm(h.gradient))
    if size <= tolerance:
        return NeuronCheck(
            Verdict.HOLDS, "smooth", "gradient", h.gradient, tolerance, "the gradient vanishes"
        )
    return violated(h, "smooth", "gradient", -h.gradient, tolerance, "the gradient does not vanish")


def violated(
    h: KinkFunction, kind: str, method: str, direction: Array, tolerance: float, reason: str
) -> NeuronCheck:
    """A violation, if h is really negative there; otherwise rounding decides and we do not."""
    unit = direction / np.abs(direction).max()
    slope = float(h(unit[None, :])[0])
    if slope >= 0:
        return NeuronCheck(
            Verdict.UNDECIDED,
            kind,
            method,
            direction,
            tolerance,
            "the candidate direction does not descend: below rounding",
        )
    return NeuronCheck(
        Verdict.VIOLATED, kind, method, direction, tolerance, reason, direction, slope
    )


def subgradient(h: KinkFunction, gradient: Array, convex: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Shortest element of the subdifferential of the convex part, and the multipliers.

    Minimizes ``‖gradient + sum_k w_k t_k x_k - walls^T mu‖_2`` over 0 <= t <= 1, mu >= 0. The
    negative of the result is the steepest feasible descent direction. Returns (t, mu) behind it.
    """
    columns, upper = _columns(h, convex)
    if columns.shape[1] == 0:
        return gradient, np.empty(0)
    # Independent columns, the usual case, often have their multipliers inside the bounds.
    t = np.asarray(np.linalg.lstsq(columns, -gradient, rcond=1e-12)[0], dtype=float)
    if not ((t >= 0) & (t <= upper)).all():
        with np.errstate(all="ignore"):  # it divides by the step of variables that do not move
            solution = lsq_linear(
                columns, -gradient, bounds=(np.zeros(upper.size), upper), method="bvls", tol=1e-15
            )
        # Whatever it returns, the residual is recomputed: it cannot hold by mistake.
        t = np.clip(np.nan_to_num(solution.x), 0.0, upper)
    return gradient + columns @ t, t


def neighbours(
    h: KinkFunction, gradients: Array, convex: NDArray[np.bool_], multipliers: Array
) -> Array:
    """Elements of the subdifferentials for other gradients (q, d), by moving free multipliers.

    Those strictly inside their bounds are solved for anew, the others stay: where a result is
    short it decides like that of :func:`subgradient`, at a fraction of the cost.
    """
    columns, upper = _columns(h, convex)
    free = (multipliers > 0) & (multipliers < upper)
    residuals = gradients + columns[:, ~free] @ multipliers[~free]
    if not free.any():
        return residuals
    t = np.linalg.lstsq(columns[:, free], -residuals.T, rcond=1e-12)[0].T
    return np.asarray(residuals + np.clip(t, 0.0, upper[free]) @ columns[:, free].T)


def _columns(h: KinkFunction, convex: NDArray[np.bool_]) -> tuple[Array, Array]:
    """What the multipliers of convex kinks and walls multiply, and their upper bounds."""
    columns = np.vstack([h.weights[convex, None] * h.kinks[convex], -h.walls]).T
    upper = np.concatenate([np.ones(int(convex.sum())), np.full(len(h.walls), np.inf)])
    return columns, upper


def check_convex(h: KinkFunction, tolerance: float) -> NeuronCheck:
    """Whether 0 is in the subdifferential."""
    residual, t = subgradient(h, h.gradient, h.weights > 0)
    t = t[: len(h.weights)]
    if float(np.linalg.norm(residual)) <= tolerance:
        return NeuronCheck(
            Verdict.HOLDS,
            "convex kinks",
            "multipliers",
            residual,
            tolerance,
            "0 is in the subdifferential",
            multipliers=t,
        )
    check = violated(
        h, "convex kinks", "multipliers", -residual, tolerance, "0 is not in the subdifferential"
    )
    return NeuronCheck(**{**check.__dict__, "multipliers": t})
