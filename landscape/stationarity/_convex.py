"""Multipliers: of convex kinks by bounded least squares, and such as follow the concave ones.

A concave term is a minimum over t in {0, 1}, so h >= 0 iff for every choice t the convex function
that is left has multipliers. These are also sought as an *affine* function of t: concave kinks are
compensated by convex ones in whose cone they lie. Geometrically, a zonotope (that of the concave
kinks) is shown to be contained in another one (that of the convex kinks), by the linear program of
Sadraddini and Tedrake, *Linear encodings for polytope containment problems* (CDC 2019). It is
sufficient, not necessary, and polynomial in the number of kinks where all choices and all rays are
not (Theorem 8).
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

from landscape.rounding import UNIT, Array, Mask, gamma
from landscape.stationarity._records import KinkFunction, NeuronCheck, decided, violated


def check_convex(h: KinkFunction, allowed: Array) -> NeuronCheck:
    """Whether 0 is in the subdifferential."""
    residual, t, rounding = subgradient(h, h.gradient, h.weights > 0, allowed)
    kinks, bounds = t[: len(h.weights)], t[len(h.weights) :]
    smooth, short = h.kind == "smooth", np.abs(residual)
    method = "gradient" if smooth else "multipliers"
    if (short <= allowed).all():
        reason = "the gradient vanishes" if smooth else "0 is in the subdifferential"
        return decided(h, method, reason, short + rounding, bounds, kinks)
    reason = "the gradient does not vanish" if smooth else "0 is not in the subdifferential"
    return replace(violated(h, method, -residual, reason), multipliers=kinks)


def columns_of(h: KinkFunction, convex: Mask) -> tuple[Array, Array]:
    """What the multipliers of convex kinks and bounds multiply, and their upper bounds."""
    rows = h.weights[convex, None] * h.kinks[convex]
    upper = np.ones(len(rows))
    if len(h.bounds):
        rows = np.concatenate([rows, -h.bounds])
        upper = np.append(upper, np.full(len(h.bounds), np.inf))
    return rows.T, upper


def subgradient(
    h: KinkFunction, gradient: Array, convex: Mask, allowed: Array
) -> tuple[Array, Array, Array]:
    """Shortest element (d,) of the subdifferential of the convex part, multipliers, rounding (d,).

    Minimizes ``‖gradient + sum_k w_k t_k x_k - bounds^T mu‖_2`` over 0 <= t <= 1, mu >= 0. The
    negative of the result is the steepest feasible descent direction. Whatever multipliers (t, mu)
    were found, they are within their bounds, and the residual is theirs up to its error bounds.
    """
    columns, upper = columns_of(h, convex)
    if columns.shape[1] == 0:
        return gradient, np.empty(0), np.zeros_like(gradient)
    from landscape.stationarity._kernels import bounded_least_squares, left_over  # numba

    rows = np.ascontiguousarray(columns.T)
    t = bounded_least_squares(rows, -gradient, upper)
    residual, rounding = left_over(rows, gradient, t, UNIT)
    if (np.abs(residual) > allowed).any():
        n_kinks = int(convex.sum())
        rises = np.maximum(-residual @ columns[:, :n_kinks], 0.0)
        if float(rises.sum() - gradient @ residual) >= 0:  # neither short nor a descent
            values = propose_multipliers(columns, -gradient[:, None], n_kinks)
            t = t if values is None else np.clip(values[:, 0], 0.0, upper)
            residual, rounding = left_over(rows, gradient, t, UNIT)
    return residual, t, rounding


def neighbours(
    h: KinkFunction, gradients: Array, convex: Mask, multipliers: Array
) -> tuple[Array, Array]:
    """Elements of the subdifferentials for other gradients (q, d), by moving free multipliers.

    Those strictly inside their bounds are solved for anew, the others stay: where a result is
    short it decides like that of :func:`subgradient`, at a fraction of the cost. Returns residuals
    (q, d) and multipliers (q, p).
    """
    columns, upper = columns_of(h, convex)
    free = (multipliers > 0) & (multipliers < upper)
    values = np.tile(multipliers, (len(gradients), 1))
    if free.any():
        residuals = gradients + columns[:, ~free] @ multipliers[~free]
        t = np.linalg.lstsq(columns[:, free], -residuals.T, rcond=None)[0].T
        values[:, free] = np.clip(t, 0.0, upper[free])
    return np.asarray(gradients + values @ columns.T), values


def propose_multipliers(columns: Array, targets: Array, n_kinks: int) -> Array | None:
    """Multipliers that follow the choice of concave kinks, as far inside their limits as possible.

    ``columns`` (d, q), those of ``n_kinks`` kinks before those of bounds; ``targets`` (d, 1 + C).
    The result (q, 1 + C), base and share, solves ``columns (base + share t) = targets (1, t)`` up
    to rounding for all t in [0, 1]^C, with ``base + share t`` in [0, 1], at bounds only positive,
    up to what whoever uses it has to check. None where there is no such result. It is the linear
    program of Sadraddini and Tedrake (Theorem 8).
    """
    (d, q), c = columns.shape, targets.shape[1] - 1
    if q == 0:
        return None
    scales = np.ones(q)
    for part in (slice(n_kinks), slice(n_kinks, q)):
        scales[part] = np.abs(columns[:, part]).max(initial=1e-300)
    size = scales[0] if n_kinks else max(float(np.abs(targets).max()), 1e-300)
    columns, right = columns / scales, targets / size
    # Unknowns: base (q), the positive and the negative parts of the shares (q c each, row by row),
    # and the margin by which all limits are kept.
    margin = csr_array(np.ones((q, 1)))
    equal, sums, nothing = csr_array(columns), csr_array((q, 0)), csr_array((q, q * c))
    if c:
        rows = kron(csr_array(columns), eye_array(c))  # (d c, q c)
        shares = hstack([csr_array((d * c, q)), rows, -rows])
        equal = vstack([hstack([equal, csr_array((d, 2 * q * c))]), shares])
        sums = kron(eye_array(q), np.ones((1, c)))  # (q, q c)
    equal = hstack([equal, csr_array((equal.shape[0], 1))])
    lower = hstack([-eye_array(q), nothing, sums, margin])
    upper = hstack([eye_array(q), sums, nothing, margin]).tocsr()[:n_kinks]
    cost = np.zeros(q + 2 * q * c + 1)
    cost[-1] = -1.0
    with np.errstate(all="ignore"):
        result = linprog(
            cost,
            A_ub=vstack([lower, upper]),
            b_ub=np.append(np.zeros(q), np.ones(n_kinks)),
            A_eq=equal,
            b_eq=np.append(right[:, 0], right[:, 1:].ravel()),
            bounds=[(0, None)] * (cost.size - 1) + [(-1, 0.5)],
            method="highs-ipm",  # ten times faster here than the simplex method
        )
    if result.x is None or result.x[-1] < -1e-7:
        return None
    rise, fall = result.x[q:-1].reshape(2, q, c)
    values = np.column_stack([result.x[:q], rise - fall])
    # The equations are solved to rounding, moving most what is farthest from its limits.
    low, high = limits(values)
    high[n_kinks:] = 0.0
    inside = np.clip(np.minimum(low, 1.0 - high), 0.0, 1.0)
    for _ in range(2):
        gap = right - columns @ values
        values += inside[:, None] * np.linalg.lstsq(columns * inside, gap, rcond=None)[0]
    return np.asarray(values * (size / scales[:, None]))


def limits(values: Array) -> tuple[Array, Array]:
    """The least and the largest of ``base + share t`` over t in [0, 1]^C."""
    base, share = values[:, 0], values[:, 1:]
    return base + np.minimum(share, 0).sum(axis=1), base + np.maximum(share, 0).sum(axis=1)


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
    return decided(h, "transfers", f"{counts} convex ones", shortfall, at_bounds, values)


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
