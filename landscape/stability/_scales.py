"""The one-dimensional problems behind the distance to a fibre.

A neuron (c, a) of Γ against the ray of neurons ``(p / t, t e)``, t > 0, with the fixed product
``p e``: minimize ``max(|c - p / t|, ‖a - t e‖_inf)``. The set of t below a level is an interval, so
bisection over the level decides; all pairs are done at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms

Array = NDArray[np.float64]

_UNIT = 2.0**-53


def below(level: Array, size: Array) -> Array:
    """A level that is too low for certain, from one that floating point found too low.

    Ends of intervals of scales are quotients ``(x ± level) / y``: three roundings each. Two of them
    compare the wrong way round only if a level that is larger by ``6 u (size + level)`` is not too
    low, where ``size`` bounds the neuron's entries; sums of two products double that.
    """
    return np.maximum(level - 16 * _UNIT * (size + level), 0.0)


def scale_interval(a: Array, e: Array, level: Array) -> tuple[Array, Array]:
    """Scales t >= 0 with ``‖a - t e‖_inf <= level``: [low, high], empty if low > high.

    Shapes broadcast: ``a`` and ``e`` (..., d), ``level`` (...).
    """
    size, along = np.abs(e), np.where(e < 0, -a, a)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low = np.where(size > 0, (along - level[..., None]) / size, -np.inf)
        high = np.where(size > 0, (along + level[..., None]) / size, np.inf)
    off = (size == 0) & (np.abs(a) > level[..., None])
    low, high = np.where(off, np.inf, low), np.where(off, -np.inf, high)
    return np.maximum(low.max(axis=-1), 0.0), high.min(axis=-1)


def _distance(c: Array, a: Array, p: Array, e: Array, t: Array) -> Array:
    """The objective, infinite where the scale is not positive and finite."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = np.maximum(np.abs(c - p / t), np.abs(a - t[..., None] * e).max(axis=-1))
    return np.where((t > 0) & np.isfinite(t) & np.isfinite(value), value, np.inf)


def ray_costs(
    c: Array, a: Array, p: Array, e: Array, *, balanced: bool = False
) -> tuple[Array, Array, Array]:
    """Bracket and minimizer of the problem above; shapes broadcast, ``p`` and ``e`` are not zero.

    Parameters
    ----------
    c, a, p, e : arrays of shapes (...), (..., d), (...), (..., d)
    balanced : bool
        Only the scale with ``|p / t| = ‖t e‖_inf`` is allowed, as on N'.

    Returns
    -------
    lower, upper, scale : arrays
        ``upper`` is the objective at ``scale``.
    """
    c, a, p, e = np.broadcast_arrays(c[..., None], a, p[..., None], e)
    c, p = c[..., 0], p[..., 0]
    largest = np.maximum(np.abs(c), np.abs(a).max(axis=-1))
    lengths = np.abs(e).max(axis=-1)
    size, gain = np.abs(p), np.sign(p) * c
    roots = np.sqrt(size) / np.sqrt(lengths)
    high = _distance(c, a, p, e, roots)
    if balanced:
        reach = largest + roots * lengths
        return below(high, reach), high, roots
    low = np.zeros(size.shape)
    scale = roots.copy()

    def feasible(level: Array) -> tuple[Array, Array]:
        first, last = scale_interval(a, e, level)
        with np.errstate(divide="ignore", over="ignore"):
            first = np.maximum(first, np.where(gain + level > 0, size / (gain + level), np.inf))
            last = np.minimum(last, np.where(gain - level > 0, size / (gain - level), np.inf))
        return first, last

    for _ in range(100):
        middle = low + 0.5 * (high - low)
        first, last = feasible(middle)
        inside = (first <= last) & np.isfinite(first)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
        with np.errstate(invalid="ignore"):  # inf - inf in empty intervals
            scale = np.where(inside, 0.5 * (first + last), scale)
    upper = _distance(c, a, p, e, scale)
    # Scales that keep (c, a), a or c unchanged, and the balanced one, are free of the bisection's
    # rounding.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kept = (
            roots,
            np.where(gain > 0, size / gain, np.nan),
            np.abs(a).max(axis=-1) / lengths,
            np.ones(size.shape),
        )
    for t in kept:
        value = _distance(c, a, p, e, t)
        scale, upper = np.where(value <= upper, t, scale), np.minimum(value, upper)
    return np.minimum(below(low, largest), upper), upper, scale


def line_distances(gamma: Parametrization, normals: Array) -> Array:
    """``min over all real t of ‖a_i - t e_h‖_inf``, a bound from below, shape (m, K)."""
    a, e = np.broadcast_arrays(gamma.weights[:, None, :], normals[None])
    sizes = np.broadcast_to(max_norms(gamma.weights)[:, None], a.shape[:2])
    low, high = np.zeros(a.shape[:2]), sizes.copy()
    for _ in range(100):
        middle = low + 0.5 * (high - low)
        inside = np.zeros(low.shape, dtype=bool)
        for orientation in (e, -e):
            first, last = scale_interval(a, orientation, middle)
            inside |= first <= last
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return below(low, sizes)
