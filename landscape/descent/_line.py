"""The exact line search: a piecewise quadratic, walked breakpoint by breakpoint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["line_search"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Breakpoints that are looked at first: most searches end within them.
NEAREST = 24

#: Breakpoints that are relatively as close as this are one: only behind the last the slope counts.
TIE = 1e-14


def line_search(
    z: Array,
    dz: Array,
    signs: Array,
    s: Array,
    drift: Array | None = None,
    limit: float = np.inf,
    extra: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float, Mask]:
    """First local minimizer of the loss along a ray, exactly.

    With pre-activations ``z + t dz`` the residuals are piecewise linear in t, and the loss is
    piecewise quadratic; its breakpoints are walked in order.

    Parameters
    ----------
    z, dz : arrays of shape (n, m)
        Pre-activations and their rates; exact zeros in z are kinks, on which dz decides the side.
    signs : array of shape (m,)
    s : array of shape (n,)
        Residuals at t = 0.
    drift : array of shape (n,), optional
        Rate of the residuals that does not come from neurons (the offset).
    limit : float
        Largest t.
    extra : tuple of two floats
        Slope at 0 and curvature of a quadratic that is added to half the sum of squares.

    Returns
    -------
    t : float
        The minimizer, inf if the loss falls forever (it does not: it is bounded below).
    slope : float
        ``sum_k s_k ds_k/dt`` at 0+; t is 0 if it is not negative.
    hits : array of bool, shape (n, m)
        The pairs whose kink the minimizer lies on.
    """
    n_hits = np.zeros(z.shape, dtype=bool)
    rates = signs * dz
    active = (z > 0) | ((z == 0) & (dz > 0))
    v0 = (rates * active).sum(axis=1)
    if drift is not None:
        v0 = v0 + drift
    slope = float(s @ v0) + extra[0]
    if slope >= 0:
        return 0.0, slope, n_hits
    with np.errstate(all="ignore"):
        times = -z / dz
    # Breakpoints lie where z and dz have opposite signs: at a finite positive time.
    at = np.flatnonzero((times > 0) & (times <= limit) & (times < np.inf))
    times = times.ravel()[at]
    curvature = float(v0 @ v0) + extra[1]
    found = _nearest(at, times, signs, dz, s, v0, slope, curvature, limit)
    if found is None:
        jumps = (np.abs(rates) * signs).ravel()[at]
        found = _walk(at // z.shape[1], times, jumps, s, v0, slope, curvature, limit)
    if found is None and limit == np.inf and times.size:
        # A loss is bounded below: behind the last breakpoint it falls by rounding only.
        found = float(times.max()), True
    if found is None:
        return float(limit), slope, n_hits
    t, on_kink = found
    if on_kink:
        n_hits.ravel()[at[np.abs(times - t) <= TIE * t]] = True
    return t, slope, n_hits


def _nearest(
    at: NDArray[np.intp],
    times: Array,
    signs: Array,
    dz: Array,
    s: Array,
    v0: Array,
    slope: float,
    curvature: float,
    limit: float,
) -> tuple[float, bool] | None:
    """As :func:`_walk`, for the first few breakpoints; None if there is no minimizer yet."""
    width = dz.shape[1]
    if times.size > NEAREST:
        near = np.argpartition(times, NEAREST)[:NEAREST]
        near = near[np.argsort(times[near], kind="stable")]
    else:
        near = np.argsort(times, kind="stable")
    pairs = at[near]
    i = pairs % width
    samples = pairs // width
    jumps = signs[i] * np.abs(dz[samples, i])
    passed: dict[int, tuple[float, float]] = {}
    start = 0.0
    for t, k, jump, residual, rate in zip(
        times[near].tolist(),
        samples.tolist(),
        jumps.tolist(),
        s[samples].tolist(),
        v0[samples].tolist(),
        strict=True,
    ):
        if t > start * (1 + TIE):
            if slope >= 0:
                return start, True
            if slope + curvature * (t - start) >= 0:
                return start - slope / curvature, False
        slope += curvature * (t - start)
        before, before_t = passed.get(k, (0.0, 0.0))
        slope += (residual + rate * t + before * t - before_t) * jump
        curvature = max(curvature + jump * (2 * (rate + before) + jump), 0.0)
        passed[k] = before + jump, before_t + jump * t
        start = t
    if times.size > NEAREST:
        return None
    if slope >= 0:
        return start, True
    if curvature * (limit - start) + slope < 0 or curvature == 0:
        return None
    return start - slope / curvature, False


def _walk(
    samples: NDArray[np.intp],
    times: Array,
    jumps: Array,
    s: Array,
    v0: Array,
    slope: float,
    curvature: float,
    limit: float,
) -> tuple[float, bool] | None:
    """The first local minimizer along the ray, and whether it is a breakpoint; None: the limit."""
    # Residual and rate of each sample just before each of its breakpoints.
    by_sample = np.lexsort((times, samples))
    k, times, jumps = samples[by_sample], times[by_sample], jumps[by_sample]
    first = np.ones(k.size, dtype=bool)
    first[1:] = k[1:] != k[:-1]
    group = np.cumsum(first) - 1
    before, before_t = _running(jumps, first, group), _running(jumps * times, first, group)
    rate = v0[k] + before
    residual = s[k] + v0[k] * times + times * before - before_t
    # Along the ray: the slope's jumps and the curvature on each piece.
    order = np.argsort(times, kind="stable")
    times = times[order]
    starts = np.concatenate([[0.0], times])
    ends = np.append(times, limit)
    bends = np.concatenate([[0.0], np.cumsum((2 * rate * jumps + jumps * jumps)[order])])
    curvatures = np.maximum(curvature + bends, 0.0)
    kicks = np.concatenate([[0.0], np.cumsum((residual * jumps)[order])])
    with np.errstate(invalid="ignore"):
        gains = curvatures * (ends - starts)
    gains[np.isnan(gains)] = 0.0
    at_start = slope + kicks + np.concatenate([[0.0], np.cumsum(gains[:-1])])
    stop = (at_start + gains >= 0) | (at_start >= 0)
    stop[:-1] &= ends[:-1] > starts[:-1] * (1 + TIE)
    piece = int(np.argmax(stop))
    if not stop[piece]:
        return None
    if at_start[piece] >= 0:  # the loss falls up to a kink and rises behind it
        return float(starts[piece]), True
    return float(starts[piece] - at_start[piece] / curvatures[piece]), False


def _running(values: Array, first: Mask, group: NDArray[np.intp]) -> Array:
    """Sum of the earlier values of the same group."""
    if values.size == 0:
        return values
    total = np.cumsum(values) - values
    return total - total[first][group]
