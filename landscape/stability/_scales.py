"""The one-dimensional problems behind the distance to a fibre.

A neuron (c, a) of Γ against the ray of neurons ``(p / t, t e)``, t > 0, with the fixed product
``p e``: minimize ``max(|c - p / t|, ‖a - t e‖_inf)``. The set of t below a level is an interval, so
bisection over the level decides; all pairs are done at once. Shapes broadcast: ``c`` and ``p``
(...), ``a`` and ``e`` (..., d).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_UNIT = 2.0**-53


def below(level: Array, size: Array) -> Array:
    """A level that is too low for certain, from one that floating point found too low.

    Ends of intervals of scales are quotients ``(x ± level) / y``: three roundings each. Two of them
    compare the wrong way round only if a level that is larger by ``6 u (size + level)`` is not too
    low, where ``size`` bounds the neuron's entries; sums of two products double that.
    """
    return np.maximum(level - 16 * _UNIT * (size + level), 0.0)


def bisect(reached: Callable[[Array], NDArray[np.bool_]], high: Array) -> tuple[Array, Array]:
    """Ends of brackets of the least levels that are ``reached``, between 0 and ``high``."""
    low = np.zeros_like(high)
    for _ in range(100):
        middle = low + 0.5 * (high - low)
        inside = reached(middle)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return low, high


def scale_interval(a: Array, e: Array, level: Array) -> tuple[Array, Array]:
    """Scales t >= 0 with ``‖a - t e‖_inf <= level``: [low, high], empty if low > high."""
    size, along = np.abs(e), np.where(e < 0, -a, a)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low = np.where(size > 0, (along - level[..., None]) / size, -np.inf)
        high = np.where(size > 0, (along + level[..., None]) / size, np.inf)
    off = (size == 0) & (np.abs(a) > level[..., None])
    low, high = np.where(off, np.inf, low), np.where(off, -np.inf, high)
    return np.maximum(low.max(axis=-1), 0.0), high.min(axis=-1)


def ray_costs(c: Array, a: Array, p: Array, e: Array, *, balanced: bool = False) -> Array:
    """Bracket and minimizer of the problem above, (3, ...): lower, upper, scale; p, e are not zero.

    ``upper`` is the objective at ``scale``. On N', ``balanced``, only the scale with
    ``|p / t| = ‖t e‖_inf`` is allowed.
    """
    c, a, p, e = np.broadcast_arrays(c[..., None], a, p[..., None], e)
    c, p = c[..., 0], p[..., 0]
    norms, lengths = np.abs(a).max(axis=-1), np.abs(e).max(axis=-1)
    largest, size, gain = np.maximum(np.abs(c), norms), np.abs(p), np.sign(p) * c

    def distance(t: Array) -> Array:
        """The objective, infinite where the scale is not positive and finite."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.maximum(np.abs(c - p / t), np.abs(a - t[..., None] * e).max(axis=-1))
        return np.where((t > 0) & np.isfinite(t) & np.isfinite(value), value, np.inf)

    def interval(level: Array) -> tuple[Array, Array]:
        first, last = scale_interval(a, e, level)
        with np.errstate(divide="ignore", over="ignore"):
            first = np.maximum(first, np.where(gain + level > 0, size / (gain + level), np.inf))
            last = np.minimum(last, np.where(gain - level > 0, size / (gain - level), np.inf))
        return np.where(np.isfinite(first), first, np.nan), last

    scale = np.sqrt(size) / np.sqrt(lengths)
    upper = distance(scale)
    if balanced:
        return np.stack([below(upper, largest + scale * lengths), upper, scale])
    low, high = bisect(lambda level: np.less_equal(*interval(level)), upper)
    first, last = interval(high)
    # Scales that keep (c, a), a or c unchanged, and the balanced one, are free of the bisection's
    # rounding.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kept = (
            np.where(first <= last, 0.5 * (first + last), scale),
            scale,
            np.where(gain > 0, size / gain, np.nan),
            norms / lengths,
            np.ones(size.shape),
        )
    upper = np.full(size.shape, np.inf)
    for t in kept:
        value = distance(t)
        scale, upper = np.where(value <= upper, t, scale), np.minimum(value, upper)
    return np.stack([np.minimum(below(low, largest), upper), upper, scale])


def line_distances(a: Array, normals: Array) -> Array:
    """``min over all real t of ‖a_i - t e_h‖_inf``, a bound from below, shape (m, K)."""
    a, e = np.broadcast_arrays(a[:, None, :], normals[None])

    def meets(level: Array) -> NDArray[np.bool_]:
        return np.less_equal(*scale_interval(a, e, level)) | np.less_equal(
            *scale_interval(a, -e, level)
        )

    sizes = np.abs(a).max(axis=-1)
    return below(bisect(meets, sizes)[0], sizes)
