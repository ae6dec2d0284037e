"""Exact searches on straight lines, where the loss is piecewise quadratic (Theorem 9).

The descent ends at the first local minimizer on a line; with ``far`` compiled steps end at a lower
one nearby (``_kernels.py``), and single neurons are moved to the least of all on their lines.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from landscape.effective import EffectiveProblem, State, largest_step

__all__ = ["axes", "least_on_axes", "least_on_rays", "line_search", "search_line"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Breakpoints that are looked at first: most searches end within them.
NEAREST = 24

#: Breakpoints that are relatively as close as this are one: only behind the last the slope counts.
TIE = 1e-14

#: Entries of the arrays that are walked at once: some megabytes.
BLOCK = 2**18

#: How often the end of an unbounded piece is doubled before the loss counts as falling forever.
DOUBLINGS = 40

#: A curvature that is relatively as small as this is rounding: such a piece has no inner minimizer.
FLAT = 1e-12


def line_search(
    z: Array,
    dz: Array,
    signs: Array,
    s: Array,
    drift: Array | None = None,
    limit: float = np.inf,
    extra: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float, Mask]:
    """First local minimizer of the loss along a ray, exactly: t, the slope at 0+, and its kinks.

    With pre-activations ``z + t dz`` (n, m), exact zeros in z being kinks on which dz decides the
    side, output weights of the given signs (m,) and residuals s (n,) at t = 0, the residuals are
    piecewise linear in t and the loss is piecewise quadratic; its breakpoints are walked in order,
    up to t = ``limit``. ``drift`` (n,) is the rate of the residuals that does not come from neurons
    (the offset), ``extra`` the slope at 0 and curvature of a quadratic that is added to half the
    sum of squares. The slope is ``sum_k s_k ds_k/dt``, and t is 0 if it is not negative. The last
    result (n, m) says which pairs' kinks the minimizer lies on.
    """
    hits = np.zeros(z.shape, dtype=bool)
    rates = (signs * dz * ((z > 0) | ((z == 0) & (dz > 0)))).sum(axis=1)
    if drift is not None:
        rates = rates + drift
    slope, curvature = float(s @ rates) + extra[0], float(rates @ rates) + extra[1]
    if slope >= 0:
        return 0.0, slope, hits
    with np.errstate(all="ignore"):
        times = -z / dz
    # Breakpoints lie where z and dz have opposite signs: at a finite positive time.
    at = np.flatnonzero((times > 0) & (times <= limit) & (times < np.inf))
    times = times.ravel()[at]
    t = None
    for count in (NEAREST, times.size):
        near = np.arange(times.size)
        if count < times.size:
            near = np.argpartition(times, count)[:count]
        near = near[np.argsort(times[near], kind="stable")]
        k, i = np.divmod(at[near], z.shape[1])
        jumps = signs[i] * np.abs(dz[k, i])
        end = limit if near.size == times.size else None
        t = _first((times[near], k, jumps, s[k], rates[k]), slope, curvature, end)
        if t is not None or end is not None:
            break
    if t is None and limit == np.inf and times.size:
        # A loss is bounded below: behind the last breakpoint it falls by rounding only.
        t = float(times.max())
    if t is None:
        return float(limit), slope, hits
    hits.ravel()[at[np.abs(times - t) <= TIE * t]] = True
    return t, slope, hits


def _first(
    points: tuple[Array, ...], slope: float, curvature: float, limit: float | None
) -> float | None:
    """The first local minimizer among breakpoints in order; None: behind the last, or the limit.

    ``points``: times, samples, jumps of the rate, the sample's residual and rate at 0, each (q,).
    Without a limit there are further breakpoints behind the last.
    """
    passed: dict[int, tuple[float, float]] = {}
    start = 0.0
    for t, k, jump, residual, rate in zip(*(part.tolist() for part in points), strict=True):
        if t > start * (1 + TIE):
            if slope >= 0:  # the loss falls up to a kink and rises behind it
                return start
            if slope + curvature * (t - start) >= 0:
                return float(start - slope / curvature)
        slope += curvature * (t - start)
        before, before_t = passed.get(k, (0.0, 0.0))
        slope += (residual + rate * t + before * t - before_t) * jump
        curvature = max(curvature + jump * (2 * (rate + before) + jump), 0.0)
        passed[k] = before + jump, before_t + jump * t
        start = t
    if limit is None:
        return None
    if slope >= 0:
        return start
    if curvature == 0 or slope + curvature * (limit - start) < 0:
        return None
    return float(start - slope / curvature)


def search_line(
    problem: EffectiveProblem,
    state: State,
    step: State,
    z: Array,
    dz: Array,
    r: Array,
    limit: float,
) -> tuple[float, Mask]:
    """First local minimizer of any loss with penalties along ``state + t step``: t and its kinks.

    As :func:`line_search`, but between breakpoints the slope is that of a convex function, whose
    root is bracketed. t is 0 if the loss does not fall, and infinite if it falls without end.
    """
    column = 0.0 if problem.column is None else step.e * problem.column
    rates = (problem.signs * dz * ((z > 0) | ((z == 0) & (dz > 0)))).sum(axis=1) + column
    hits = np.zeros(z.shape, dtype=bool)

    def slope(t: float, r: Array) -> float:
        total = float(problem.half_slopes(r) @ rates)
        if problem.penalty is None and problem.decay is None:
            return total
        total += float(problem.pull_along(state.u + t * step.u, step.u).sum())
        return total + r.size * problem.offset_decay * (state.e + t * step.e) * step.e

    def root(low: float, high: float, r: Array) -> float:
        def function(t: float) -> float:
            return slope(t, r + (t - low) * rates)

        # By rounding the ends may have lost their signs.
        if function(low) >= 0 or not function(high) > 0:
            return low if function(low) >= 0 else high
        return float(brentq(function, low, high, rtol=1e-15, xtol=1e-16 * high, disp=False))

    if slope(0.0, r) >= 0:
        return 0.0, hits
    with np.errstate(all="ignore"):
        times = -z / dz
    at = np.flatnonzero((times > 0) & (times <= limit) & (times < np.inf))
    times, start = times.ravel()[at], 0.0
    order = np.argsort(times, kind="stable")
    for t, pair in zip(times[order].tolist(), at[order].tolist(), strict=True):
        if t > start * (1 + TIE):
            if start > 0 and slope(start, r) >= 0:
                hits.ravel()[at[np.abs(times - start) <= TIE * start]] = True
                return start, hits
            behind = r + (t - start) * rates
            if slope(t, behind) >= 0:
                return root(start, t, r), hits
            r, start = behind, t
        k, i = divmod(pair, z.shape[1])
        rates[k] += problem.signs[i] * abs(dz[k, i])
    if start > 0 and slope(start, r) >= 0:
        hits.ravel()[at[np.abs(times - start) <= TIE * start]] = True
        return start, hits
    end, low = min(limit, start + max(start, 1.0)), start
    for _ in range(DOUBLINGS):
        with np.errstate(over="ignore"):
            far = r + (end - start) * rates
        if slope(end, far) >= 0:
            if not problem.half_slopes(far).any():
                break
            return root(low, end, r + (low - start) * rates), hits
        if end == limit:
            return limit, hits
        low, end = end, min(limit, 2 * end)
    return np.inf, hits


def axes(u: Array) -> Array:
    """The directions (m, 2 d + 2, d) in which neurons are moved: along the axes and themselves."""
    m, d = u.shape
    both = np.concatenate([np.broadcast_to(np.eye(d), (m, d, d)), u[:, None, :]], axis=1)
    return np.concatenate([both, -both], axis=1)


def least_on_axes(
    problem: EffectiveProblem, u: Array, z: Array, s: Array
) -> tuple[int, Array, float]:
    """Where the loss is least on the lines of single neurons, see :func:`axes`.

    From products (m, d), pre-activations (n, m) with exact zeros on kinks, residuals (n,): the
    neuron, its step (d,), and the change of the loss, not positive.
    """
    directions, pull = axes(u), problem.pull(u)
    owners = np.repeat(np.arange(len(u)), directions.shape[1])
    directions = directions.reshape(len(owners), -1)
    gains, t = np.zeros(len(owners)), np.zeros(len(owners))
    step = max(1, BLOCK // s.size)
    for first in range(0, len(owners), step):
        part = slice(first, first + step)
        along, i = directions[part], owners[part]
        dz = along @ problem.X.T
        problem.drop_rounding(dz.T, along)
        gains[part], t[part] = least_on_rays(
            z.T[i],
            dz,
            problem.signs[i],
            s,
            largest_step(u[i], along, problem.lower[i], problem.upper[i]).min(axis=1).clip(0.0),
            (along * pull[i]).sum(axis=1),
            (problem.pull(along) * along).sum(axis=1),
        )
    best = int(np.argmin(gains))
    return int(owners[best]), t[best] * directions[best], 2.0 * float(gains[best]) / s.size


def least_on_rays(
    z: Array, dz: Array, signs: Array, s: Array, limits: Array, slopes: Array, curvatures: Array
) -> tuple[Array, Array]:
    """The least value of half the sum of squares on each of R rays, along which one neuron moves.

    On each ray it is piecewise quadratic, and the least of all its local minima is taken, where the
    line search of the descent ends at the first. Pre-activations of the neuron that moves and their
    rates are z and dz (R, n); its sign, the largest t, slope and curvature at 0 of a quadratic that
    is added are given for each ray (R,). Returns gains (R,), what the least value is above that at
    t = 0, not positive, and where it is attained.
    """
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
    kicks, bends = (s[order] + before * times) * jumps, (2.0 * before + jumps) * jumps
    starts = np.column_stack([np.zeros(len(z)), times])
    lengths = np.diff(starts, axis=1, append=limits[:, None])
    bent = np.maximum(_sums(curvatures, bends), 0.0)
    at_start = _sums(slopes, kicks + bent[:, :-1] * lengths[:, :-1])
    rises = at_start[:, :-1] + 0.5 * bent[:, :-1] * lengths[:, :-1]
    values = _sums(np.zeros(len(z)), rises * lengths[:, :-1])
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
