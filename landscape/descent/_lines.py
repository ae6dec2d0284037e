"""The least loss on straight lines of single neurons, over all local minimizers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem, largest_step

__all__ = ["axes", "least_on_axes", "least_on_rays"]

Array = NDArray[np.float64]

#: Entries of the arrays that are walked at once: some megabytes.
BLOCK = 2**18

#: A curvature that is relatively as small as this is rounding: such a piece has no inner minimizer.
FLAT = 1e-12


def axes(u: Array) -> Array:
    """The directions in which a neuron is moved: both ways along each axis and along itself.

    Parameters
    ----------
    u : array of shape (m, d)

    Returns
    -------
    directions : array of shape (m, 2 d + 2, d)
    """
    m, d = u.shape
    both = np.concatenate([np.broadcast_to(np.eye(d), (m, d, d)), u[:, None, :]], axis=1)
    return np.concatenate([both, -both], axis=1)


def least_on_axes(
    problem: EffectiveProblem, u: Array, z: Array, s: Array
) -> tuple[int, Array, float]:
    """Where the loss is least on the lines of single neurons, see :func:`axes`.

    Parameters
    ----------
    problem : EffectiveProblem
    u : array of shape (m, d)
        Effective product coordinates.
    z : array of shape (n, m)
        Pre-activations, exact zeros on kinks.
    s : array of shape (n,)
        Residuals.

    Returns
    -------
    neuron : int
    step : array of shape (d,)
    change : float
        Of the loss, not positive.
    """
    directions, pull = axes(u), problem.pull(u)
    m, per_neuron, _ = directions.shape
    gains, t = np.zeros((m, per_neuron)), np.zeros((m, per_neuron))
    step = max(1, BLOCK // (per_neuron * s.size))
    for first in range(0, m, step):
        part = slice(first, first + step)
        along = directions[part]
        dz = (along @ problem.X.T).reshape(-1, s.size)
        problem.drop_rounding(dz.T, along.reshape(-1, along.shape[2]))
        found = least_on_rays(
            np.repeat(z.T[part], per_neuron, axis=0),
            dz,
            np.repeat(problem.signs[part], per_neuron),
            s,
            _largest_steps(problem, part, u[part], along).ravel(),
            (along @ pull[part, :, None]).ravel(),
            (problem.pull(along) * along).sum(axis=2).ravel(),
        )
        gains[part], t[part] = (values.reshape(-1, per_neuron) for values in found)
    i, j = np.unravel_index(int(np.argmin(gains)), gains.shape)
    return int(i), t[i, j] * directions[i, j], 2.0 * float(gains[i, j]) / s.size


def _largest_steps(problem: EffectiveProblem, part: slice, u: Array, directions: Array) -> Array:
    """How far the bounds let some neurons go along their directions."""
    if not problem.bounded:
        return np.full(directions.shape[:2], np.inf)
    lower, upper = problem.lower[part, None], problem.upper[part, None]
    return np.maximum(0.0, largest_step(u[:, None], directions, lower, upper).min(axis=2))


def least_on_rays(
    z: Array, dz: Array, signs: Array, s: Array, limits: Array, slopes: Array, curvatures: Array
) -> tuple[Array, Array]:
    """The least value of half the sum of squares on each of R rays, along which one neuron moves.

    On each ray it is piecewise quadratic, and the least of all its local minima is taken, where the
    line search of the descent ends at the first.

    Parameters
    ----------
    z, dz : arrays of shape (R, n)
        Pre-activations of the neuron that moves, and their rates.
    signs : array of shape (R,)
        Of its output weight.
    s : array of shape (n,)
        Residuals.
    limits : array of shape (R,)
        Largest t on each ray.
    slopes, curvatures : arrays of shape (R,)
        At 0, of a quadratic that is added to half the sum of squares.

    Returns
    -------
    gains : array of shape (R,)
        What the least value is above that at t = 0: not positive.
    t : array of shape (R,)
        Where it is attained.

    Examples
    --------
    One sample, residual 1, and a neuron whose kink is passed at t = 1, ``(1 - max(t - 1, 0))^2``:

    >>> one, nothing = np.ones(1), np.zeros(1)
    >>> gains, t = least_on_rays(
    ...     -np.ones((1, 1)), np.ones((1, 1)), -one, one, np.inf * one, nothing, nothing
    ... )
    >>> gains.tolist(), t.tolist()
    ([-0.5], [2.0])
    """
    gains, t = np.zeros(len(z)), np.zeros(len(z))
    step = max(1, BLOCK // max(1, s.size))
    for first in range(0, len(z), step):
        part = slice(first, first + step)
        gains[part], t[part] = _least(
            z[part], dz[part], signs[part], s, limits[part], slopes[part], curvatures[part]
        )
    return gains, t


def _least(
    z: Array, dz: Array, signs: Array, s: Array, limits: Array, slopes: Array, curvatures: Array
) -> tuple[Array, Array]:
    """:func:`least_on_rays` for as many rays as the memory holds at once."""
    sign = signs[:, None]
    with np.errstate(all="ignore"):
        times = np.where(z * dz < 0, -z / dz, np.inf)
    times[times > limits[:, None]] = np.inf
    n_breaks = int((times < np.inf).sum(axis=1).max(initial=0))
    order = np.argsort(times, axis=1)[:, :n_breaks]
    times = np.take_along_axis(times, order, axis=1)
    rates = np.where((z > 0) | ((z == 0) & (dz > 0)), sign * dz, 0.0)
    slopes = slopes + rates @ s
    curvatures = curvatures + np.einsum("ij,ij->i", rates, rates)
    # At its breakpoint a sample's residual is s + t rate, and its rate jumps.
    before = np.take_along_axis(rates, order, axis=1)
    jumps = sign * np.abs(np.take_along_axis(dz, order, axis=1))
    none = times == np.inf
    times[none] = jumps[none] = 0.0
    times = np.where(none, times.max(axis=1, initial=0.0, keepdims=True), times)
    kicks = (s[order] + before * times) * jumps
    bends = (2.0 * before + jumps) * jumps
    starts = _sums(np.zeros(len(z)), np.diff(times, axis=1, prepend=0.0))
    lengths = np.column_stack([np.diff(starts, axis=1), limits - starts[:, -1]])
    bent = np.maximum(_sums(curvatures, bends), 0.0)
    climbs = bent[:, :-1] * lengths[:, :-1]
    at_start = _sums(slopes, kicks + climbs)
    values = _sums(np.zeros(len(z)), (at_start[:, :-1] + 0.5 * climbs) * lengths[:, :-1])
    curved = bent > FLAT * bent.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        inner = np.clip(-at_start / bent, 0.0, lengths)
    inner = np.where(curved, inner, np.where((at_start < 0) & (lengths < np.inf), lengths, 0.0))
    values += (at_start + 0.5 * bent * inner) * inner
    rays, piece = np.arange(len(z)), np.argmin(values, axis=1)
    return values[rays, piece], starts[rays, piece] + inner[rays, piece]


def _sums(first: Array, steps: Array) -> Array:
    """``first``, and the running sums of the steps from there, shape (R, q + 1)."""
    return np.cumsum(np.column_stack([first, steps]), axis=1)
