"""Sobolev training: values and input gradients at the samples, descended cell by cell, certified.

For a pattern p of active (sample, neuron) pairs let

    F(u; p) = (1/n) sum_k [ (R_p(x_k) - y_k)^2 + sum_j r_kj^2 (d_j R_p(x_k) - g_kj)^2 ],

a convex quadratic in the product coordinates on the closed cell of p (r_kj: roots of the weights).
Across a kink the network is continuous, its gradient is not, so the loss jumps. What can have
minima is its lower semicontinuous envelope: at u, the least F(u; p) over the patterns p whose
closed cells hold u. Off the kinks that is the loss itself, which is never below it.

Theorem 23: a point is a local minimum of the envelope iff it minimizes F(.; p) over the closed cell
of *every* p that attains the least value there, generically one: cells with a larger value stay
above nearby. The certificate takes a point strictly inside of its cell, finds multipliers >= 0 of
the kinks next to it, and compares the cells across these, with error bounds. Source: paper,
outlook and its [11].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, null_space
from scipy.optimize import nnls

from landscape.descent import Descent, DescentOutcome, solve_least_squares
from landscape.effective import EffectiveProblem, State
from landscape.errors import NumericalError
from landscape.first_order import Values
from landscape.minima import Certificate
from landscape.parametrization import Parametrization, max_norms
from landscape.rounding import (
    GLOBAL_SHARE,
    KINK_FACTOR,
    MISSED,
    SLACK_SHARE,
    STATIONARITY_TOLERANCE,
    WORTH,
    Bounded,
    gamma,
)
from landscape.spaces import Space
from landscape.units import powers_of_two
from landscape.verdict import Verdict

__all__ = ["SobolevLoss"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Kinks through one sample that are examined at most.
MAX_KINKS = 6

#: Limits of the slack below it have fewer digits than other floats.
UNDERFLOW = 1e-300


@dataclass(frozen=True)
class SobolevLoss:
    """The loss of values and gradients, the latter (n, features) with ``weights`` (features,).

    X, y, space and penalty are as for `EffectiveProblem.build`; the last input of a sample is the
    root of its weight.
    """

    X: Array
    y: Array
    gradients: Array
    weights: Array
    space: Space
    penalty: Array | None = None

    def _problem(self, theta: Parametrization) -> EffectiveProblem:
        return EffectiveProblem.build(theta, self.X, self.y, self.space, self.penalty)

    def search(self, theta: Parametrization) -> _Search:
        """A descent that stands at theta."""
        return _Search(self, self._problem(theta))

    def at(self, values: Values) -> _Point:
        """F at a point; targets of gradients and roots of their weights are 0 for the bias."""
        roots, bias = np.sqrt(self.weights) * np.abs(self.X[:, -1:]), ((0, 0), (0, 1))
        return _Point(values, np.pad(self.gradients, bias), np.pad(roots, bias))

    def descend(self, theta: Parametrization, max_iter: int) -> Descent:
        """From theta to a point with a certificate."""
        search = self.search(theta)
        start, (outcome, reason), end = search.loss, search.run(max_iter), search.end()
        certificate = self.certify(end)
        if outcome is DescentOutcome.MINIMUM and not certificate.is_minimum:
            outcome, reason = DescentOutcome.UNDECIDED, certificate.reason
        counts = search.n_iter, 0, reason, tuple(search.losses), certificate
        return Descent(end, certificate.loss, start, outcome, *counts)

    def certify(self, theta: Parametrization) -> Certificate:
        """Whether theta is a local minimum of the envelope.

        Within ``radius`` (max-norm of A and c) the envelope, and so the loss, is at least
        ``loss - slack``.
        """
        problem = self._problem(theta)
        a, error, resolution = problem.own_weights()
        n, c = problem.y.size, np.abs(theta.output_weights[: len(a)])
        e = 0.0 if problem.column is None else float(theta.output_weights[-1])
        values = Values.at(problem, Bounded(a, error), c, e, resolution)
        z, point = values.z, self.at(values)
        pattern = z.value > 0
        kinks = np.abs(z.value) <= KINK_FACTOR * z.error + 4 * problem.stored(a, resolution)
        loss = point.loss(pattern)
        if not (np.isfinite(loss.error) and np.isfinite(z.error).all()):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        check = point.check(pattern, kinks)
        undecided = Certificate(
            verdict=Verdict.UNDECIDED,
            reason=check.reason,
            kind="sobolev",
            method="cells",
            loss=float(loss.value),
            stationarity=check.missed,
            tolerance=STATIONARITY_TOLERANCE,
            radius=np.nan,
            slack=np.nan,
            n_kinks=int(kinks.sum()),
            n_silent=int((~(pattern & ~kinks).any(axis=0)).sum()),
            direction=None,
            slope=0.0,
            multipliers=(),
            violations=tuple(violation.message for violation in self.space.violations(theta)),
            at_kinks=check.verdict,
        )
        unsure = np.argwhere(~(z.positive | z.negative))
        if unsure.size:
            reason = "sample {} is within rounding of the kink of neuron {}".format(*unsure[0])
            return replace(undecided, reason=reason)
        targets = np.var(problem.y) if np.ptp(problem.y) > 0 else problem.y[0] ** 2
        targets += ((point.roots * point.targets) ** 2).sum() / n
        if loss.size <= GLOBAL_SHARE * targets and not problem.penalty_value(np.abs(values.u)) > 0:
            reason = "the residual is zero up to rounding: a global minimum"
            holds = replace(undecided, verdict=Verdict.HOLDS, reason=reason, kind="global")
            return replace(holds, radius=np.inf, slack=float(loss.size))
        if check.missed > STATIONARITY_TOLERANCE:
            # Strictly inside of its cell: what descends there, descends. Zeros cannot move freely.
            direction = -check.left.value
            direction[: a.size][np.repeat(c == 0, a.shape[1])] = 0.0
            slope = check.gradient @ direction
            if slope.negative:
                du, de = direction[: a.size].reshape(a.shape), float(direction[a.size :].sum())
                falls = replace(undecided, direction=problem.product_direction(du, de))
                return replace(falls, verdict=Verdict.VIOLATED, slope=2 / n * float(slope.value))
        if check.verdict is not Verdict.HOLDS:
            return undecided
        # Within r, (u, e) changes by at most r linear + r^2 square.
        linear, square = problem.reach()
        linear, square = linear.ravel(), np.tile(square, len(a))
        if problem.column is not None:
            linear, square = np.append(linear, 1.0), np.append(square, 0.0)
        norms = np.abs(self.X).sum(axis=1, keepdims=True) * (1 + 2 * gamma(self.X.shape[1]))
        apart = ((np.abs(z.value) - z.error) / norms)[~kinks]
        above = _reach(check.jumps, check.slopes @ linear, check.slopes @ square)
        cell = float(np.concatenate([apart, c[kinks.any(axis=0)], above]).min()) * (1 - 1e-12)
        left, missed = check.left.size, 2 * check.cost
        first, second = float(left @ linear), float(left @ square)
        fixed = missed + n * float(loss.error)
        limit = n * SLACK_SHARE * (1 - 1e-9) * float(loss.value - loss.error) - fixed
        radius = 0.0
        if limit > UNDERFLOW:
            radius = min(cell, float(_reach(limit, first, second)) * (1 - 1e-12))
        stake = 2 * radius * float(check.terms @ (linear + radius * square))
        reason = "the conditions hold too roughly to say anything of the loss"
        if radius >= WORTH * cell > 0:
            reason = "kinks are missed by too much for so small a radius"
        if not radius >= WORTH * cell > 0 or missed > max(MISSED * stake, n * float(loss.error)):
            return replace(undecided, reason=reason)
        slack = (fixed + 2 * (first + second * radius) * radius) / n * (1 + 1e-12)
        return replace(undecided, verdict=Verdict.HOLDS, radius=radius, slack=slack)


def _reach(gap: Array | float, first: Array | float, second: Array | float) -> Array:
    """The largest r with ``2 (first r + second r^2) <= gap``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = gap / (first + np.hypot(first, np.sqrt(2 * second) * np.sqrt(gap)))
    return np.where(np.isnan(radius), np.inf, radius)


# --- a point --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Check:
    """The test at a point of a cell, with the gradient of nF/2 by (u, e) there."""

    gradient: Bounded
    left: Bounded  # what multipliers of the kinks leave of it
    terms: Array
    cost: float  # multipliers times distances from the kinks
    verdict: Verdict = Verdict.UNDECIDED
    reason: str = ""
    pattern: Mask | None = None  # of another cell to go on in, where that is lower
    jumps: Array | float = np.inf  # (h,): by how much other cells are higher, times n
    slopes: Array | float = 0.0  # (h, p): and how fast these may fall

    @property
    def missed(self) -> float:
        """Largest share of the terms that is left, beyond what moving off the kinks does."""
        left = np.abs(self.left.value) - KINK_FACTOR * self.left.error
        return float((np.maximum(left, 0.0) / np.maximum(self.terms, UNDERFLOW)).max())


@dataclass(frozen=True)
class _Point:
    """F at a point, as a quadratic on each cell around it, with error bounds."""

    values: Values
    targets: Array
    roots: Array

    def samples(self, pattern: Mask, rows: Any = slice(None)) -> tuple[Array, Bounded]:
        """Residuals of the values and gradients of samples (q, 1 + d) with the sides of a pattern.

        Before them their derivatives by (u, e), (q, 1 + d, p).
        """
        problem, point, roots = self.values.problem, self.values, self.roots[rows]
        active, X = pattern * problem.signs, problem.X[rows]
        z = Bounded(point.z.value[rows], point.z.error[rows]).where(pattern)
        s = z @ (problem.signs * point.sizes) + Bounded.exact(-problem.y[rows])
        g = (point.weights.T @ (active * point.sizes).T).T - Bounded.exact(self.targets[rows])
        g = g * roots
        rates = np.concatenate([X[:, None], roots[:, :, None] * np.eye(X.shape[1])], axis=1)
        matrix = (active[:, None, :, None] * rates[:, :, None]).reshape(*rates.shape[:2], -1)
        if problem.column is not None:
            s = Bounded.exact(problem.column[rows]) * np.array(point.e) + s
            matrix = np.pad(matrix, ((0, 0), (0, 0), (0, 1)))
            matrix[:, 0, -1] = problem.column[rows]
        error = np.column_stack([s.error, g.error])
        return matrix, Bounded(np.column_stack([s.value, g.value]), error)

    def quadratic(self, pattern: Mask) -> tuple[Array, Bounded]:
        """Matrix and residuals of the least squares problem on a cell, penalty included."""
        matrix, residuals = self.samples(pattern)
        matrix = matrix.reshape(-1, matrix.shape[2])
        value, error = residuals.value.ravel(), residuals.error.ravel()
        problem, u = self.values.problem, self.values.u
        if problem.penalty is not None:
            roots = np.tile(np.sqrt(len(pattern) * problem.penalty), len(u))
            pull = roots * u.ravel()
            rows = np.pad(np.diag(roots), ((0, 0), (0, matrix.shape[1] - u.size)))
            matrix, value = np.vstack([matrix, rows]), np.append(value, pull)
            error = np.append(error, gamma(4) * np.abs(pull))
        return matrix, Bounded(value, error)

    def loss(self, pattern: Mask) -> Bounded:
        """``F(.; pattern)`` at the point."""
        total = _squares(self.quadratic(pattern)[1])
        return Bounded(total.value / len(pattern), total.error / len(pattern) * (1 + 1e-12))

    def check(self, pattern: Mask, kinks: Mask) -> _Check:
        """Whether the point, in the cell of the pattern, is a local minimum of the envelope."""
        cell = self.cell(pattern, kinks)
        for i, on in enumerate(kinks.T):
            if on.any() and np.linalg.matrix_rank(self.values.problem.X[on]) < on.sum():
                reason = f"neuron {i}: its {int(on.sum())} kinks are dependent"
                return replace(cell, reason=reason)
        if cell.missed > STATIONARITY_TOLERANCE:
            reason = "the cell's own quadratic can be lowered"
            return replace(cell, verdict=Verdict.VIOLATED, reason=reason)
        jumps, slopes = [np.empty(0)], [np.empty((0, cell.terms.size))]
        for k in np.flatnonzero(kinks.any(axis=1)):
            at = np.flatnonzero(kinks[k])
            if at.size > MAX_KINKS:
                return replace(cell, reason=f"sample {k} lies on {at.size} kinks")
            sides = np.tile(pattern[k], (2**at.size, 1))
            sides[:, at] = list(product([False, True], repeat=at.size))
            others = (sides != pattern[k]).any(axis=1)
            own = int(np.argmin(others))
            matrix, residuals = self.samples(sides, np.full(len(sides), k))
            squares = _squares(residuals)
            jump = squares - Bounded(squares.value[own], squares.error[own])
            if jump.negative.any():
                lower, reason = pattern.copy(), "a neighbouring cell is lower"
                lower[k] = sides[np.argmin(jump.value)]
                return replace(cell, verdict=Verdict.VIOLATED, reason=reason, pattern=lower)
            if not jump.positive[others].all():
                return replace(cell, reason=f"sample {k}: cells of equal loss meet at its kinks")
            rows, sizes = residuals.value[:, :, None] * matrix, residuals.size[:, :, None]
            rounding = (gamma(matrix.shape[1]) * sizes + residuals.error[:, :, None]) * abs(matrix)
            change, rounding = rows.sum(axis=1), rounding.sum(axis=1)
            change = np.abs(change - change[own]) + rounding + rounding[own]
            jumps.append((jump.value - jump.error)[others])
            slopes.append(change[others])
        reason = "it minimizes every cell of least loss that it lies on"
        cell = replace(cell, slopes=cell.gradient.size + np.concatenate(slopes))
        return replace(cell, verdict=Verdict.HOLDS, reason=reason, jumps=np.concatenate(jumps))

    def cell(self, pattern: Mask, kinks: Mask) -> _Check:
        """Gradient and multipliers of the ``kinks`` that bound a cell; no verdict."""
        matrix, residuals = self.quadratic(pattern)
        gradient = residuals @ matrix
        terms = np.abs(residuals.value) @ np.abs(matrix)
        value, error, cost = gradient.value.copy(), gradient.error.copy(), 0.0
        X, z, sizes = self.values.problem.X, self.values.z, self.values.sizes
        for i in np.flatnonzero(kinks.any(axis=0)):
            on, own = kinks[:, i], slice(i * X.shape[1], (i + 1) * X.shape[1])
            sides = np.where(pattern[on, i], 1.0, -1.0)[:, None] * X[on]
            unit = float(powers_of_two(np.abs(value[own]).max()))  # scipy 1.14's tolerance has one
            try:
                multipliers = nnls(sides.T, value[own] / unit)[0] * unit
            except RuntimeError:  # it gave up
                continue
            left = Bounded(value[own], error[own]) - Bounded.exact(multipliers) @ sides
            value[own], error[own] = left.value, left.error
            cost += float(multipliers @ Bounded(z.value[on, i], z.error[on, i]).size * sizes[i])
        return _Check(gradient, Bounded(value, error), terms, cost)


def _squares(residuals: Bounded) -> Bounded:
    """Their sums over the last axis."""
    value, error = residuals.value, residuals.error
    squares = (value**2).sum(axis=-1)
    errors = ((2 * np.abs(value) + error) * error).sum(axis=-1) * (1 + 1e-12)
    return Bounded(squares, errors + gamma(value.shape[-1]) * squares)


# --- the descent ----------------------------------------------------------------------------------


def _kink_basis(X: Array, held: Mask, free: int) -> Array:
    """Basis of the u whose ``held`` (n, m) samples are on their kinks, and ``free`` numbers."""
    eye = np.eye(X.shape[1])
    bases = [null_space(X[on], rcond=1e-10) if on.any() else eye for on in held.T]
    return np.asarray(block_diag(*bases, np.eye(free)))


class _Search:
    """Active-set descent on F, and the test where it ends."""

    def __init__(self, objective: SobolevLoss, problem: EffectiveProblem) -> None:
        self.objective, self.problem = objective, problem
        self.held: Mask = np.zeros((len(problem.X), len(problem.signs)), dtype=bool)
        self.n_iter = 0
        self.losses: list[float] = []
        self._enter(problem.state())
        self._take(self.z > 0)

    def _enter(self, state: State) -> None:
        """Go to a state, with exact zeros on the kinks there."""
        values = Values.of_state(self.problem, state)
        self.state, self.kinks = state, self.held | values.kinks
        self.z: Array = np.where(self.kinks, 0.0, values.z.value)
        self.point = self.objective.at(values)

    def _take(self, pattern: Mask) -> None:
        """Go to another cell at the same point."""
        self.pattern, self.loss = pattern, float(self.point.loss(pattern).value)

    def _newton(self) -> Array:
        """Step to the minimizer of the cell's quadratic, held kinks as equalities."""
        matrix, residuals = self.point.quadratic(self.pattern)
        basis = _kink_basis(self.problem.X, self.held, matrix.shape[1] - self.state.u.size)
        return np.asarray(basis @ solve_least_squares(matrix @ basis, -residuals.value))

    def _walk(self, delta: Array) -> tuple[float, Mask, tuple[int, int] | None]:
        """First local minimum of the envelope along a ray from the present cell.

        Pieces are walked in order; a kink is crossed unless the loss jumps up behind it. Gives the
        step, the pattern there, and the pair on whose kink it ends.
        """
        problem, u, roots = self.problem, self.state.u, self.point.roots
        du = delta[: u.size].reshape(u.shape)
        dz = problem.X @ du.T
        problem.drop_rounding(dz, du)
        dz[self.held] = 0.0
        pattern = self.pattern.copy()
        matrix, residuals = self.point.samples(pattern)
        s, ds = residuals.value, matrix @ delta
        slope = float((s * ds).sum() + (problem.pull(u) * du).sum())
        curvature = float((ds * ds).sum() + (problem.pull(du) * du).sum())
        if slope >= 0:
            return 0.0, pattern, None
        samples, neurons = np.nonzero(np.where(pattern, dz < 0, dz > 0))
        times = np.maximum(-self.z[samples, neurons] / dz[samples, neurons], 0.0)
        t = 0.0
        for o in np.argsort(times, kind="stable"):
            end, k, i = float(times[o]), int(samples[o]), int(neurons[o])
            if curvature > 0 and t - slope / curvature <= end:
                return t - slope / curvature, pattern, None
            slope, t = slope + curvature * (end - t), end
            sign = -problem.signs[i] if pattern[k, i] else problem.signs[i]
            old, rate = s[k] + t * ds[k], ds[k]
            new = old + sign * np.append(0.0, roots[k] * (u[i] + t * du[i]))
            new_rate = rate + sign * np.append(dz[k, i], roots[k] * du[i])
            if new @ new - old @ old > 1e-12 * (new @ new + old @ old):
                return t, pattern, (k, i)
            slope += float(new @ new_rate - old @ rate)
            curvature += float(new_rate @ new_rate - rate @ rate)
            pattern[k, i] ^= True
            s[k], ds[k] = new - t * new_rate, new_rate
            if slope >= 0:
                return t, pattern, (k, i)
        return (t - slope / curvature if curvature > 0 else 0.0), pattern, None

    def _move(self, delta: Array) -> bool:
        """Walk along a direction; whether the loss fell, or a new kink was met at once."""
        if not delta.any():
            return False
        t, pattern, hit = self._walk(delta)
        before = self.state, self.pattern, self.held.copy(), self.loss
        if hit is not None:
            self.held[hit] = True
        u = self.state.u.ravel() + t * delta[: self.state.u.size]
        basis = _kink_basis(self.problem.X, self.held, 0)
        u = (basis @ (basis.T @ u)).reshape(self.state.u.shape)
        self._enter(State(u, self.state.e + t * float(delta[u.size :].sum())))
        self._take(np.where(self.z == 0, pattern, self.z > 0))
        noise = 1e-14 * before[3]
        met = hit is not None and not before[2][hit] and self.loss <= before[3] + noise
        if self.loss < before[3] - noise or met:
            self.n_iter += 1
            self.losses.append(self.loss)
            return True
        state, self.pattern, self.held, self.loss = before
        self._enter(state)
        return False

    def run(self, max_iter: int) -> tuple[DescentOutcome, str]:
        """Descend until the test holds, or say why not."""
        lowest, n_level = np.inf, 0
        while self.n_iter < max_iter:
            # Each step that only meets a kink holds one more; more in a row than that are a cycle.
            n_level = 0 if self.loss < lowest * (1 - 1e-14) else n_level + 1
            lowest = min(lowest, self.loss)
            if n_level > 4 * self.state.u.size:
                return DescentOutcome.STALLED, "no step lowers the loss by more than rounding"
            if self._move(self._newton()):
                continue
            check = self.point.check(self.pattern, self.kinks)
            if check.verdict is Verdict.HOLDS:
                return DescentOutcome.MINIMUM, ""
            if check.verdict is Verdict.UNDECIDED:
                return DescentOutcome.UNDECIDED, check.reason
            if check.pattern is not None:  # the same point, on the lower side of its kinks
                self.n_iter += 1
                self._take(check.pattern)
                self.losses.append(self.loss)
                continue
            direction = -check.left.value
            du = direction[: self.state.u.size].reshape(self.state.u.shape)
            size = 1e-9 * self.problem.norms[:, None] * max_norms(du)
            self.held = self.kinks & (np.abs(self.problem.X @ du.T) <= size)
            if not (self._move(self._newton()) or self._move(direction)):
                return DescentOutcome.STALLED, check.reason
        return DescentOutcome.ITERATION_LIMIT, f"{max_iter} line searches"

    def end(self) -> Parametrization:
        """The parametrization at the state, moved by rounding off its kinks into the last cell."""
        problem = replace(self.problem, theta=self.problem.parametrization(self.state))
        u = self.state.u.copy()
        least = problem.stored(u, problem.resolution) + 8 * gamma(u.shape[1]) * problem.terms(u)
        for i in np.flatnonzero(self.kinks.any(axis=0) & u.any(axis=1)):
            on = self.kinks[:, i]
            rows = np.where(self.pattern[on, i], 1.0, -1.0)[:, None] * problem.X[on]
            u[i] += np.linalg.lstsq(rows, np.maximum(least[on, i] - rows @ u[i], 0.0))[0]
        return problem.parametrization(State(u, self.state.e))
