"""The one-dimensional problems behind the distance to a fibre.

A neuron (c, a) of Γ against the ray of neurons ``(p / t, t e)``, t > 0, with the fixed product
``p e``, ‖e‖_inf = 1: minimize ``max(|c - p / t|, ‖a - t e‖_inf)``. The set of t below a level is an
interval, so bisection over the level decides; all pairs are done at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import CanonicalForm
from landscape.parametrization import Parametrization, max_norms

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A bracket [lower, upper] over one kind of parametrizations, and one that attains upper."""

    lower: float
    upper: float
    parametrization: Parametrization | None


@dataclass(frozen=True, eq=False)
class Costs:
    """Least distances of neurons to rays; index 2 is the orientation, 0 as the normal, 1 reversed.

    ``upper`` (m, K, 2) is attained at the scale ``scale``, ``lower`` is a bound from below that
    differs by rounding only.
    """

    lower: Array
    upper: Array
    scale: Array


def scale_interval(a: Array, e: Array, level: Array) -> tuple[Array, Array]:
    """Scales t >= 0 with ``‖a - t e‖_inf <= level``: [low, high], empty if low > high.

    Shapes broadcast: ``a`` and ``e`` (..., d), ``level`` (...).
    """
    size, along = np.abs(e), np.where(e < 0, -a, a)
    with np.errstate(divide="ignore", invalid="ignore"):
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


def ray_costs(c: Array, a: Array, p: Array, e: Array) -> tuple[Array, Array, Array]:
    """Bracket and minimizer of the problem above; shapes broadcast, ``p`` is not zero.

    Returns
    -------
    lower, upper, scale : arrays
        ``upper`` is the objective at ``scale``.
    """
    c, a, p, e = np.broadcast_arrays(c[..., None], a, p[..., None], e)
    c, p = c[..., 0], p[..., 0]
    size, gain = np.abs(p), np.sign(p) * c
    roots = np.sqrt(size)
    low = np.zeros(size.shape)
    high = _distance(c, a, p, e, roots)
    scale = roots.copy()

    def feasible(level: Array) -> tuple[Array, Array]:
        first, last = scale_interval(a, e, level)
        with np.errstate(divide="ignore", over="ignore"):
            first = np.maximum(first, np.where(gain + level > 0, size / (gain + level), np.inf))
            last = np.minimum(last, np.where(gain - level > 0, size / (gain - level), np.inf))
        return first, last

    for _ in range(100):
        middle = 0.5 * (low + high)
        first, last = feasible(middle)
        inside = (first <= last) & np.isfinite(first)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
        with np.errstate(invalid="ignore"):  # inf - inf in empty intervals
            scale = np.where(inside, 0.5 * (first + last), scale)
    upper = _distance(c, a, p, e, scale)
    # Scales that keep a or c unchanged, and the balanced one, are free of the bisection's rounding.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kept = np.abs(a).max(axis=-1), np.where(gain > 0, size / gain, np.nan), roots
    for t in kept:
        value = _distance(c, a, p, e, t)
        scale, upper = np.where(value <= upper, t, scale), np.minimum(value, upper)
    return np.minimum(low, upper), upper, scale


def single_costs(gamma: Parametrization, form: CanonicalForm) -> Costs:
    """Neuron i of Γ alone on hyperplane h of g, in either orientation."""
    shape = (gamma.n_neurons, len(form.jumps), 2)
    if 0 in shape:
        return Costs(np.zeros(shape), np.zeros(shape), np.ones(shape))
    e = np.stack([form.normals, -form.normals], axis=1)[None]
    c = np.broadcast_to(gamma.output_weights[:, None, None], shape)
    p = np.broadcast_to(form.jumps[None, :, None], shape)
    return Costs(*ray_costs(c, gamma.weights[:, None, None, :], p, e))


def line_distances(gamma: Parametrization, normals: Array) -> Array:
    """``min over all real t of ‖a_i - t e_h‖_inf``, rounded down, shape (m, K)."""
    a, e = gamma.weights[:, None, :], normals[None]
    a, e = np.broadcast_arrays(a, e)
    low = np.zeros(a.shape[:2])
    high = np.broadcast_to(max_norms(gamma.weights)[:, None], low.shape).copy()
    for _ in range(100):
        middle = 0.5 * (low + high)
        inside = np.zeros(low.shape, dtype=bool)
        for orientation in (e, -e):
            first, last = scale_interval(a, orientation, middle)
            inside |= first <= last
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return low * (1 - 4 * np.finfo(float).eps)


def build(
    gamma: Parametrization,
    form: CanonicalForm,
    costs: Costs,
    columns: NDArray[np.intp],
    orientation: NDArray[np.int_],
) -> Parametrization:
    """The parametrization in which neuron i lies on hyperplane ``columns[i]``, or is silent."""
    n_planes = len(form.jumps)
    a, c = gamma.weights.copy(), gamma.output_weights.copy()
    for i, h in enumerate(columns):
        if h < n_planes:
            t = costs.scale[i, h, orientation[h]]
            a[i] = t * (-form.normals[h] if orientation[h] else form.normals[h])
            c[i] = form.jumps[h] / t
        elif abs(c[i]) <= np.abs(a[i]).max():
            c[i] = 0.0
        else:
            a[i] = 0.0
    return Parametrization(a, c)
