"""Many small convex programs at once: least losses of networks on cells and on faces.

``min_e (1/n) sum_k l_k((sum_j e_j v_j)_k - y_k) + sum_i ‖sum_{j of i} e_j p_j‖_2``, over all e or
over e >= 0: Newton's method with a barrier and norms that are smoothed less and less, for all
programs in step. What it ends at is a point, so an upper bound; over e >= 0 the slopes there are
positive, and that is a lower bound (Theorem 40.4). Neither needs the iteration to have converged.
Losses with corners are solved one by one as conic programs, whose multipliers give the bound
(Theorem 43).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.corners import minimize_corners
from landscape.losses import KinkedLoss, Loss
from landscape.rounding import Array

__all__ = ["Least", "minimize_many"]

#: Where barrier and smoothing end, by which factor they fall, and the most steps that are made.
LAST, FASTER, STEPS = 1e-13, 0.1, 100
#: Bounds this far apart, in sizes of the loss, come from a stall: such programs go AGAIN further.
STALLED, AGAIN = 1e-10, 0.1
#: How often a step is halved, and by which share of a value rounding may raise it.
HALVINGS, NOISE = 30, 4e-15
#: Unknowns, in units of the data: larger ones are drawn back, lower bounds are for such up to this.
FAR, BOX = 5.0, 1e3
#: Curvature that is added, as a share of the largest there is: some programs are flat.
RIDGE = 1e-13
#: Least curvature of a loss of residuals, as a share of the parabola's with the same slope: on
#: linear pieces steps would have no length. And the share of a value that a step without length
#: may promise where the iteration has ended.
BENT, PROMISED = 1e-3, 1e-9


@dataclass(frozen=True)
class Least:
    """Points of c programs with K unknowns, and what is known of their least values."""

    points: Array  #: (c, K)
    upper: Array  #: the values at the points, (c,)
    lower: Array  #: minus infinity where nothing is known, (c,)
    settled: NDArray[np.bool_]  #: whether Newton's steps had become as small as they should, (c,)


@dataclass(frozen=True)
class _Programs:
    """Columns (c, K, n), targets, loss, and pulls (c, K, q) of m blocks of equally many columns."""

    columns: Array
    y: Array
    loss: Loss
    pulls: Array
    m: int

    @property
    def reach(self) -> float:
        """Of which size unknowns are."""
        return float(np.linalg.norm(self.y)) or 1.0

    def blocks(self, rows: Array) -> Array:
        """Rows per unknown, (c, K, q), summed up in each neuron, (c, m, q)."""
        c, _, q = rows.shape
        return np.asarray(rows.reshape(c, self.m, -1, q).sum(axis=2))

    def parts(self, e: Array, smooth: Array) -> tuple[Array, Array, Array]:
        """Residuals (c, n), penalized weights (c, m, q), and their smoothed norms (c, m)."""
        r = np.einsum("ck,ckn->cn", e, self.columns) - self.y
        p = self.blocks(e[:, :, None] * self.pulls)
        return r, p, np.sqrt((p * p).sum(axis=2) + smooth[:, None] ** 2)

    def value(self, e: Array, smooth: Array, barrier: Array) -> Array:
        """What a step has to lower, (c,)."""
        r, _, norms = self.parts(e, smooth)
        found = self.loss.value(r).mean(axis=1) + norms.sum(axis=1)
        if barrier.any():
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.where(e > 0, np.log(e), -np.inf) - e / (FAR * self.reach)
            found = found - barrier * logs.sum(axis=1)
        return np.asarray(found)

    def slopes(self, e: Array, smooth: Array) -> tuple[Array, Array, Array]:
        """Slopes by e (c, K), those by the values (c, n), and curvatures (c, K, K)."""
        r, p, norms = self.parts(e, smooth)
        scale = 2.0 / r.shape[1]
        z, h = scale * self.loss.half_slope(r), scale * self.loss.half_curvature(r)
        if self.loss.of_residuals:
            h = np.maximum(h, BENT * np.abs(z) / np.where(r == 0, 1.0, np.abs(r)))
        slopes = np.einsum("ckn,cn->ck", self.columns, z)
        bent = (self.columns * h[:, None, :]) @ self.columns.transpose(0, 2, 1)
        if self.pulls.any():
            width = e.shape[1] // self.m
            unit = np.repeat(p / norms[:, :, None], width, axis=1)
            along = (self.pulls * unit).sum(axis=2)
            slopes = slopes + along
            inner = self.pulls @ self.pulls.transpose(0, 2, 1) - along[:, :, None] * along[:, None]
            own = np.kron(np.eye(self.m), np.ones((width, width)))
            bent = bent + inner * own / np.repeat(norms, width, axis=1)[:, :, None]
        return slopes, z, bent

    def chosen(self, rows: NDArray[np.intp]) -> _Programs:
        """Some of the programs."""
        return _Programs(self.columns[rows], self.y, self.loss, self.pulls[rows], self.m)


def minimize_many(
    columns: Array, y: Array, loss: Loss, pulls: Array, m: int, *, cone: bool
) -> Least:
    """Solve c programs; over e >= 0 with ``cone``.

    Columns (c, K, n) are of norm one, or zero: such unknowns have to stay out of the pulls.
    """
    whole = _Programs(columns, y, loss, pulls, m)
    if isinstance(loss, KinkedLoss):
        return _one_by_one(whole, loss, cone)
    size = max(float(loss.value(-y).mean()), np.finfo(float).tiny)  # the loss of zero
    found = _newton(whole, size, LAST * size, cone)
    stalled = np.flatnonzero(cone & (found.upper - found.lower > STALLED * size))
    if not stalled.size:
        return found
    other = _newton(whole.chosen(stalled), size, AGAIN * LAST * size, cone)
    points, better = found.points.copy(), other.upper < found.upper[stalled]
    points[stalled[better]] = other.points[better]
    upper, lower, settled = found.upper.copy(), found.lower.copy(), found.settled.copy()
    upper[stalled] = np.minimum(upper[stalled], other.upper)
    lower[stalled] = np.maximum(lower[stalled], other.lower)
    settled[stalled[better]] = other.settled[better]
    return Least(points, upper, np.minimum(lower, upper), settled)


def _newton(whole: _Programs, size: float, last: float, cone: bool) -> Least:
    """Newton's method in all programs, until barrier and smoothing are ``last``."""
    (c, width), reach = whole.columns.shape[:2], whole.reach
    e = np.full((c, width), reach / max(width, 1) if cone else 0.0)
    level = np.full(c, size / max(width, 1))
    dual = np.repeat(level[:, None], width, axis=1) / np.where(e > 0, e, 1.0)
    settled = np.zeros(c, dtype=bool)
    for _ in range(STEPS if width else 0):
        left = np.flatnonzero(~settled)
        if not left.size:
            break
        own, at, mu = whole.chosen(left), e[left], level[left]
        smooth, barrier = mu / size * reach, mu if cone else np.zeros(len(left))
        slopes, _, bent = own.slopes(at, smooth)
        trace = np.einsum("ckk->ck", bent)
        ridge = RIDGE * np.maximum(trace.max(axis=1), size)[:, None]
        if cone:
            slopes = slopes - mu[:, None] * (1 / at - 1 / (FAR * reach))
            bent[:, np.arange(width), np.arange(width)] += ridge + dual[left] / at
            scale = at  # unknowns relative to themselves: small ones would spoil the condition
        else:
            bent[:, np.arange(width), np.arange(width)] += ridge
            scale = np.ones_like(at)
        system = bent * scale[:, :, None] * scale[:, None]
        step = scale * np.linalg.solve(system, -(slopes * scale)[:, :, None])[:, :, 0]
        decrement = -(slopes * step).sum(axis=1)
        t = np.ones(len(left))
        if cone:
            with np.errstate(divide="ignore"):
                t = np.minimum(1.0, 0.95 / np.maximum(-(step / at).min(axis=1), 1e-300))
        before = own.value(at, smooth, barrier)
        worse = np.arange(len(left))
        for _ in range(HALVINGS):
            some = at[worse] + t[worse, None] * step[worse]
            after = own.chosen(worse).value(some, smooth[worse], barrier[worse])
            goal = before[worse] - 1e-4 * t[worse] * decrement[worse]
            worse = worse[~(after <= goal + NOISE * np.abs(before[worse]))]
            if not worse.size:
                break
            t[worse] *= 0.5
        t[worse] = 0.0
        e[left] = at + t[:, None] * step
        if cone:
            moved = mu[:, None] / at - dual[left] * (1 + t[:, None] * step / at)
            centre = mu[:, None] / e[left]
            dual[left] = np.clip(dual[left] + moved, 1e-8 * centre, 1e8 * centre)
        done = (decrement <= 1e-3 * mu) | (t == 0)
        stopped = (t == 0) & (decrement <= PROMISED * np.abs(before))
        ended = done & (mu <= last) & ((decrement <= 1e-6 * mu) | stopped)
        settled[left[ended]] = True
        level[left] = np.where(done, np.maximum(FASTER * mu, last), mu)
    return _bounds(whole, e, level / size * reach, settled, cone)


def _one_by_one(programs: _Programs, loss: KinkedLoss, cone: bool) -> Least:
    """Programs of a loss with corners: with its slopes s it is at least ``2 s_k (r_k - at_k)``."""
    (c, width, n), m, q = programs.columns.shape, programs.m, programs.pulls.shape[2]
    at, low, high = loss.pieces()
    places, ends = programs.y + at, (2 / n * low, 2 / n * high)
    e, z, units = np.zeros((c, width)), np.zeros((c, n)), np.zeros((c, m, q))
    owner = np.repeat(np.arange(m), width // max(m, 1))
    for i in range(c):
        used = np.flatnonzero(programs.columns[i].any(axis=1) | programs.pulls[i].any(axis=1))
        own = [programs.pulls[i, used].T * (owner[used] == j) for j in range(m)]
        norms = [j for j in range(m) if own[j].any()]
        found = minimize_corners(
            programs.columns[i, used].T, places, *ends,
            pulls=[own[j] for j in norms],
            rows=-np.eye(used.size) if cone else None,
        )  # fmt: skip
        e[i, used] = np.maximum(found.x, 0.0) if cone else found.x
        z[i], units[i, norms] = found.slopes, np.array(found.units).reshape(-1, q)
    r, _, lengths = programs.parts(e, np.zeros(c))
    upper = loss.value(r).mean(axis=1) + lengths.sum(axis=1)
    lower = np.full(c, -np.inf)
    if cone or not width:
        lower = np.minimum(_tangent(programs, -(z @ places), z, [units]), upper)
    return Least(e, upper, lower, np.ones(c, dtype=bool))


def _bounds(
    programs: _Programs, e: Array, smooth: Array, settled: NDArray[np.bool_], cone: bool
) -> Least:
    """The value at the points, and the least that the tangent there allows (Theorem 40.4).

    The norms' slopes are those of the iteration, or, where these are rounding, what balances the
    others; the better one of each neuron counts.
    """
    r, p, norms = programs.parts(e, smooth)
    (c, width), m, losses = e.shape, programs.m, programs.loss.value(r).mean(axis=1)
    upper = losses + np.sqrt((p * p).sum(axis=2)).sum(axis=1)
    if not cone or not width:
        return Least(e, upper, np.where(width, -np.inf, upper), settled)
    z = 2.0 / r.shape[1] * programs.loss.half_slope(r)
    base = losses - (z * (r + programs.y)).sum(axis=1)
    slopes = np.einsum("ckn,cn->ck", programs.columns, z)
    pulls, own = (
        part.reshape(c, m, -1, part.shape[2]) for part in (programs.pulls, slopes[:, :, None])
    )
    large = np.sqrt(e).reshape(c, m, -1, 1)  # conditions of unknowns that are not zero hold best
    balanced = -np.einsum("cmqw,cmwo->cmq", np.linalg.pinv(large * pulls), large * own)
    lower = _tangent(programs, base, z, [p / norms[:, :, None], balanced])
    return Least(e, upper, np.minimum(lower, upper), settled)


def _tangent(programs: _Programs, base: Array, z: Array, units: list[Array]) -> Array:
    """The least of ``base + <z, values>`` and norms over unknowns up to ``BOX`` (Theorem 40.4).

    Of the slopes ``units`` (c, m, q) of the norms the better ones of each neuron count.
    """
    (c, width), m = programs.columns.shape[:2], programs.m
    slopes = np.einsum("ckn,cn->ck", programs.columns, z).reshape(c, m, -1)
    pulls = programs.pulls.reshape(c, m, width // m, -1)
    missed = np.full((c, m), np.inf)
    for unit in units:
        unit = unit / np.maximum(1.0, np.linalg.norm(unit, axis=2))[:, :, None]
        total = slopes + np.einsum("cmwq,cmq->cmw", pulls, unit)
        missed = np.minimum(missed, np.maximum(-total, 0.0).sum(axis=2))
    return np.asarray(base - missed.sum(axis=1) * BOX * programs.reach)
