"""Sobolev training: values and input gradients at the samples, descended cell by cell, certified.

For a pattern p of active (sample, neuron) pairs let

    F(u; p) = (1/n) sum_k [ (R_p(x_k) - y_k)^2 + sum_j r_kj^2 (d_j R_p(x_k) - g_kj)^2 ],

a convex quadratic in the product coordinates on the closed cell of p (r_kj: roots of the weights).
Across a kink the network is continuous, its gradient is not, so the loss jumps. What can have
minima is its lower semicontinuous envelope: at u, the least F(u; p) over the patterns p whose
closed cells hold u. Off the kinks that is the loss itself, which is never below it.

Theorem 23: a point is a local minimum of the envelope iff it minimizes F(.; p) over the closed cell
of *every* p that attains the least value there: cells with a larger value stay above nearby. One
linear test (multipliers of the kinks >= 0) per such cell decides, and generically there is one such
cell. The certificate compares a point strictly inside of its cell with all cells across the kinks
next to it, with error bounds. Source: paper, outlook and its [11].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from landscape.descent import Descent, DescentOutcome, solve_least_squares
from landscape.effective import EffectiveProblem, State
from landscape.errors import NumericalError
from landscape.estimator._smooth import kink_basis
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
from landscape.verdict import Verdict

__all__ = ["SobolevLoss"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Cells of equal loss at a point, and kinks through one sample, that are examined at most.
MAX_CELLS, MAX_KINKS = 64, 6

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

    def search(self, theta: Parametrization) -> _Search:
        """A descent that stands at theta."""
        problem = EffectiveProblem.build(theta, self.X, self.y, self.space, self.penalty)
        return _Search(problem, *self._slopes(problem))

    def _slopes(self, problem: EffectiveProblem) -> tuple[Array, Array]:
        """Targets of the gradients and roots of their weights, (n, d), 0 for the bias."""
        roots = np.sqrt(self.weights) * np.abs(problem.X[:, -1:])
        return np.pad(self.gradients, ((0, 0), (0, 1))), np.pad(roots, ((0, 0), (0, 1)))

    def descend(self, theta: Parametrization, max_iter: int) -> Descent:
        """From theta to a point with a certificate."""
        search = self.search(theta)
        start, (outcome, reason), end = search.loss, search.run(max_iter), search.end()
        certificate = self.certify(end)
        if outcome is DescentOutcome.MINIMUM and not certificate.is_minimum:
            outcome, reason = DescentOutcome.UNDECIDED, certificate.reason
        losses = tuple(search.losses)
        return Descent(
            end, certificate.loss, start, outcome, search.n_iter, 0, reason, losses, certificate
        )

    def certify(self, theta: Parametrization) -> Certificate:
        """Whether theta is a local minimum of the envelope, with a radius and a slack.

        Within ``radius`` (max-norm of A and c) the envelope, and so the loss, is at least
        ``loss - slack``.
        """
        problem = EffectiveProblem.build(theta, self.X, self.y, self.space, self.penalty)
        m, n = len(problem.signs), problem.y.size
        a, c = theta.weights[:m], np.abs(theta.output_weights[:m])
        entries, twice, resolution = np.abs(a), np.ones(problem.X.shape[1]), np.zeros(m)
        if problem.reduced:
            resolution = 4 * np.finfo(float).eps * max_norms(a[:, -2:])
            a = np.column_stack([a[:, :-2], a[:, -2] - a[:, -1]])
            entries = np.column_stack([entries[:, :-2], entries[:, -2:].sum(axis=1)])
            twice[-1] = 2.0
        e = 0.0 if problem.column is None else float(theta.output_weights[-1])
        weights = Bounded(a, gamma(0) * np.abs(a) * (twice - 1))
        values = Values.at(problem, weights, c, e, resolution)
        z, point = values.z, _Point(values, *self._slopes(problem))
        pattern = z.value > 0
        kinks = np.abs(z.value) <= KINK_FACTOR * z.error + 4 * problem.stored(a, resolution)
        loss = point.loss(pattern)
        if not (np.isfinite(loss.error) and np.isfinite(z.error).all()):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        check = point.check(pattern, kinks)
        certificate = Certificate(
            verdict=Verdict.UNDECIDED,
            reason=check.reason,
            kind="sobolev",
            method="cells",
            loss=float(loss.value),
            stationarity=max((float(cell.missed.max()) for cell in check.cells), default=0.0),
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
            return replace(certificate, reason=reason)
        targets = np.var(problem.y) if np.ptp(problem.y) > 0 else problem.y[0] ** 2
        targets += ((point.roots * point.targets) ** 2).sum() / n
        if loss.size <= GLOBAL_SHARE * targets and not problem.penalty_value(np.abs(values.u)) > 0:
            reason = "the residual is zero up to rounding: a global minimum"
            known = {"kind": "global", "radius": np.inf, "slack": float(loss.size)}
            return replace(certificate, verdict=Verdict.HOLDS, reason=reason, **known)
        if check.verdict is Verdict.VIOLATED and check.cells and (check.pattern == pattern).all():
            # Strictly inside of its cell: what descends there, descends.
            direction = -check.cells[0].left.value
            du, de = _split(direction, a.shape)
            du[c == 0] = 0.0  # these cannot move freely
            slope = check.cells[0].gradient @ direction
            if slope.negative:
                return replace(
                    certificate,
                    verdict=Verdict.VIOLATED,
                    direction=problem.product_direction(du, de),
                    slope=2.0 / n * float(slope.value),
                )
        if check.verdict is not Verdict.HOLDS:
            return certificate
        # Within r, (u, e) changes by at most r linear + r^2 square.
        linear, square = (c[:, None] * twice + entries).ravel(), np.tile(twice, m)
        if problem.column is not None:
            linear, square = np.append(linear, 1.0), np.append(square, 0.0)
        norms = np.abs(self.X).sum(axis=1, keepdims=True) * (1 + 2 * gamma(self.X.shape[1]))
        apart = ((np.abs(z.value) - z.error) / norms)[~kinks]
        above = _reach(check.jumps, check.slopes @ linear, check.slopes @ square)
        cell = float(np.concatenate([apart, c[kinks.any(axis=0)], above]).min()) * (1 - 1e-12)
        left = np.max([cell.left.size for cell in check.cells], axis=0)
        first, second = float(left @ linear), float(left @ square)
        missed = check.below + 2 * max(cell.cost for cell in check.cells)
        fixed = missed + n * float(loss.error)
        limit = n * SLACK_SHARE * (1 - 1e-9) * float(loss.value - loss.error) - fixed
        if not limit > UNDERFLOW:
            reason = "kinks are missed by more than the slack may be"
            return replace(certificate, reason=reason)
        radius = min(cell, float(_reach(limit, first, second)) * (1 - 1e-12))
        stake = 2 * radius * float(check.cells[0].terms @ (linear + radius * square))
        if not radius >= WORTH * cell > 0:
            reason = "the conditions hold too roughly to say anything of the loss"
            return replace(certificate, reason=reason)
        if missed > max(MISSED * stake, n * float(loss.error)):
            reason = "kinks are missed by too much for so small a radius"
            return replace(certificate, reason=reason)
        slack = (fixed + 2 * (first + second * radius) * radius) / n * (1 + 1e-12)
        return replace(certificate, verdict=Verdict.HOLDS, radius=radius, slack=slack)


def _reach(gap: Array | float, first: Array | float, second: Array | float) -> Array:
    """The largest r with ``2 (first r + second r^2) <= gap``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        radius = gap / (first + np.hypot(first, np.sqrt(2 * second) * np.sqrt(gap)))
    return np.where(np.isnan(radius), np.inf, radius)


def _split(delta: Array, shape: tuple[int, ...]) -> tuple[Array, float]:
    """The parts by u, a view, and e of a vector."""
    size = int(np.prod(shape))
    return delta[:size].reshape(shape), float(delta[size:].sum())


# --- a point --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """A cell's first-order test: the gradient of nF/2 by (u, e), what multipliers leave of it."""

    gradient: Bounded
    left: Bounded
    terms: Array
    cost: float  # multipliers times distances from the kinks

    @property
    def missed(self) -> Array:
        """Shares of the terms that are left, beyond what moving off the kinks does."""
        left = np.maximum(np.abs(self.left.value) - KINK_FACTOR * self.left.error, 0.0)
        return left / np.where(self.terms > 0, self.terms, 1.0)

    @property
    def stationary(self) -> bool:
        """Whether nothing is left of the gradient that would count."""
        return bool((self.missed <= STATIONARITY_TOLERANCE * (self.terms > 0)).all())


@dataclass(frozen=True)
class _Check:
    """Result of the test at a point; where to go on, where it is violated."""

    verdict: Verdict
    reason: str
    pattern: Mask | None = None  # of a better cell, or one that can be lowered
    cells: tuple[_Cell, ...] = ()  # all of least loss, or the one that can be lowered
    below: float = 0.0  # by how much these may be lower than the first, times n
    jumps: Array | float = np.inf  # (h,): by how much other cells are higher, times n
    slopes: Array | float = 0.0  # (h, p): and how fast these may fall


@dataclass(frozen=True)
class _Point:
    """F at a point, as a quadratic on each cell around it, with error bounds."""

    values: Values
    targets: Array
    roots: Array

    def residuals(self, pattern: Mask, rows: Any = slice(None)) -> Bounded:
        """Of values and gradients of samples, with the sides of a pattern, (samples, 1 + d)."""
        problem, point = self.values.problem, self.values
        outputs = problem.signs * point.sizes
        z = Bounded(point.z.value[rows], point.z.error[rows]).where(pattern)
        s = z @ outputs + Bounded.exact(-problem.y[rows])
        if problem.column is not None:
            s = Bounded.exact(problem.column[rows]) * np.array(point.e) + s
        g = (point.weights.T @ (pattern * outputs).T).T - Bounded.exact(self.targets[rows])
        g = g * self.roots[rows]
        return Bounded(np.column_stack([s.value, g.value]), np.column_stack([s.error, g.error]))

    def forces(self, residuals: Bounded, rows: Any = slice(None)) -> Bounded:
        """Half the derivatives of samples' squares by the u of an active neuron, (samples, d)."""
        value, error = residuals.value, residuals.error
        by_value = Bounded(value[:, :1], error[:, :1]) * self.values.problem.X[rows]
        return by_value + Bounded(value[:, 1:], error[:, 1:]) * self.roots[rows]

    @staticmethod
    def squares(residuals: Bounded) -> Bounded:
        """Of the samples, (samples,)."""
        value, error = residuals.value, residuals.error
        squares = (value**2).sum(axis=1)
        errors = ((2 * np.abs(value) + error) * error).sum(axis=1)
        return Bounded(squares, errors * (1 + 1e-12) + gamma(value.shape[1]) * squares)

    def loss(self, pattern: Mask) -> Bounded:
        """``F(.; pattern)`` at the point."""
        squares, n = self.squares(self.residuals(pattern)), len(pattern)
        penalty = self.values.problem.penalty_value(self.values.u)
        value = float(squares.value.sum()) / n
        error = float(squares.error.sum()) / n * (1 + 1e-12) + gamma(n) * value
        error += gamma(self.values.u.size + 4) * penalty
        return Bounded(np.array(value + penalty), np.array(error))

    def cell(self, pattern: Mask, kinks: Mask) -> _Cell:
        """The first-order test of a cell that the ``kinks`` bound."""
        problem, point = self.values.problem, self.values
        residuals = self.residuals(pattern)
        forces = self.forces(residuals)
        pull = problem.pull(point.u)
        terms = (np.abs(forces.value).T @ pattern).T + np.abs(pull)
        gradient = (forces.T @ (pattern * problem.signs)).T
        gradient = gradient + Bounded(pull, gamma(4) * np.abs(pull))
        value, error, cost = gradient.value.copy(), gradient.error.copy(), 0.0
        for i in np.flatnonzero(kinks.any(axis=0)):
            on = kinks[:, i]
            sides = np.where(pattern[on, i], 1.0, -1.0)[:, None] * problem.X[on]
            try:
                multipliers = nnls(sides.T, value[i])[0]
            except RuntimeError:  # it gave up
                continue
            left = Bounded(value[i], error[i]) - Bounded.exact(multipliers) @ sides
            value[i], error[i] = left.value, left.error
            distances = Bounded(point.z.value[on, i], point.z.error[on, i]).size
            cost += float(multipliers @ distances) * float(point.sizes[i])
        parts = [gradient.value, gradient.error, value, error, terms]
        parts = [part.ravel() for part in parts]
        if problem.column is not None:
            s = Bounded(residuals.value[:, 0], residuals.error[:, 0])
            offset = s @ problem.column[:, None]
            size = np.abs(s.value) @ np.abs(problem.column)
            last = [*[offset.value, offset.error] * 2, size]
            parts = [np.append(part, entry) for part, entry in zip(parts, last, strict=True)]
        return _Cell(Bounded(*parts[:2]), Bounded(*parts[2:4]), parts[4], cost)

    def check(self, pattern: Mask, kinks: Mask) -> _Check:
        """Whether the point, in the cell of the pattern, is a local minimum of the envelope."""
        problem = self.values.problem
        for i, on in enumerate(kinks.T):
            if on.any() and np.linalg.matrix_rank(problem.X[on]) < on.sum():
                reason = f"neuron {i}: its {int(on.sum())} kinks are dependent"
                return _Check(Verdict.UNDECIDED, reason)
        cell = self.cell(pattern, kinks)
        if not cell.stationary:
            reason = "the cell's own quadratic can be lowered"
            return _Check(Verdict.VIOLATED, reason, pattern, (cell,))
        ties: list[Array] = []
        jumps, slopes = [np.empty(0)], [np.empty((0, cell.terms.size))]
        steepest, below = cell.gradient.size, 0.0
        samples = np.flatnonzero(kinks.any(axis=1))
        for k in samples:
            at = np.flatnonzero(kinks[k])
            if at.size > MAX_KINKS:
                return _Check(Verdict.UNDECIDED, f"sample {k} lies on {at.size} kinks")
            sides = np.tile(pattern[k], (2**at.size, 1))
            sides[:, at] = list(product([False, True], repeat=at.size))
            own = int((sides == pattern[k]).all(axis=1).argmax())
            rows = np.full(len(sides), k)
            residuals = self.residuals(sides, rows)
            squares, forces = self.squares(residuals), self.forces(residuals, rows)
            jump = squares - Bounded(squares.value[own], squares.error[own])
            near = STATIONARITY_TOLERANCE * (squares.value + squares.value[own]) + jump.error
            if (jump.value < -near).any():
                other = pattern.copy()
                other[k] = sides[np.argmin(jump.value)]
                return _Check(Verdict.VIOLATED, "a neighbouring cell is lower", other)
            active = (sides * problem.signs)[:, :, None]
            value, error = active * forces.value[:, None], np.abs(active) * forces.error[:, None]
            change = (np.abs(value - value[own]) + error + error[own]).reshape(len(sides), -1)
            if problem.column is not None:
                s, errors = residuals.value[:, 0], residuals.error[:, 0]
                by_offset = np.abs(s - s[own]) + errors + errors[own]
                change = np.column_stack([change, by_offset * abs(problem.column[k])])
            tie = jump.value <= near
            ties.append(sides[tie])
            below += float(np.maximum(jump.error - jump.value, 0.0)[tie].max())
            steepest = steepest + change[tie].max(axis=0)
            jumps.append((jump.value - jump.error)[~tie])
            slopes.append(change[~tie])
        if np.prod([len(tie) for tie in ties], initial=1.0) > MAX_CELLS:
            return _Check(Verdict.UNDECIDED, "too many cells of equal loss meet here")
        cells = []
        for combination in product(*ties):
            other = pattern.copy()
            for k, sides in zip(samples, combination, strict=True):
                other[k] = sides
            cells.append(self.cell(other, kinks))
            if not cells[-1].stationary:
                reason = "a cell of equal loss can be lowered"
                return _Check(Verdict.VIOLATED, reason, other, (cells[-1],))
        reason = "it minimizes every cell of least loss that it lies on"
        known = below, np.concatenate(jumps), steepest + np.concatenate(slopes)
        return _Check(Verdict.HOLDS, reason, pattern, tuple(cells), *known)


# --- the descent ----------------------------------------------------------------------------------


class _Search:
    """Active-set descent on F, and the test where it ends."""

    def __init__(self, problem: EffectiveProblem, targets: Array, roots: Array) -> None:
        self.problem, self.targets, self.roots = problem, targets, roots
        X = problem.X
        #: Of a sample's value and gradient by the u of an active neuron, (n, 1 + d, d).
        slopes = roots[:, :, None] * np.eye(X.shape[1])
        self.derivatives = np.concatenate([X[:, None, :], slopes], axis=1)
        self.held: Mask = np.zeros((len(X), len(problem.signs)), dtype=bool)
        self.n_iter = 0
        self.losses: list[float] = []
        self._enter(problem.state())
        self.pattern: Mask = self.z > 0
        self.loss = self._value()

    def _enter(self, state: State) -> None:
        """Go to a state, with exact zeros on the kinks there."""
        values = Values.of_state(self.problem, state)
        self.state, self.kinks = state, self.held | values.kinks
        self.z = np.where(self.kinks, 0.0, values.z.value)
        self.point = _Point(values, self.targets, self.roots)

    def _value(self) -> float:
        return float(self.point.loss(self.pattern).value)

    def _newton(self) -> Array:
        """Step to the minimizer of the cell's quadratic, held kinks as equalities."""
        problem, u = self.problem, self.state.u
        active = (self.pattern * problem.signs)[:, None, :, None]
        matrix = (active * self.derivatives[:, :, None, :]).reshape(-1, u.size)
        residual = self.point.residuals(self.pattern).value.ravel()
        free = 0
        if problem.column is not None:
            offset = np.zeros((len(problem.X), 1 + u.shape[1]))
            offset[:, 0] = problem.column
            matrix, free = np.column_stack([matrix, offset.ravel()]), 1
        if problem.penalty is not None:
            roots = np.tile(np.sqrt(problem.y.size * problem.penalty), len(u))
            matrix = np.vstack([matrix, np.pad(np.diag(roots), ((0, 0), (0, free)))])
            residual = np.append(residual, roots * u.ravel())
        basis = kink_basis(problem.X, self.held, free)
        return np.asarray(basis @ solve_least_squares(matrix @ basis, -residual))

    def _walk(self, by: State) -> tuple[float, Mask, tuple[int, int] | None]:
        """First local minimum of the envelope along a ray from the present cell.

        Pieces are walked in order; a kink is crossed unless the loss jumps up behind it. Gives the
        step, the pattern there, and the pair on whose kink it ends.
        """
        problem, u, du, signs = self.problem, self.state.u, by.u, self.problem.signs
        dz = problem.X @ du.T
        problem.drop_rounding(dz, du)
        dz[self.held] = 0.0
        pattern = self.pattern.copy()
        active = pattern * signs
        s = self.point.residuals(pattern).value
        ds = np.column_stack([(active * dz).sum(axis=1), self.roots * (active @ du)])
        if problem.column is not None:
            ds[:, 0] += by.e * problem.column
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
            sign = -signs[i] if pattern[k, i] else signs[i]
            old, rate = s[k] + t * ds[k], ds[k]
            new = old + sign * np.append(0.0, self.roots[k] * (u[i] + t * du[i]))
            new_rate = rate + sign * np.append(dz[k, i], self.roots[k] * du[i])
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
        by = State(*_split(delta, self.state.u.shape))
        t, pattern, hit = self._walk(by)
        before = self.state, self.pattern, self.held.copy(), self.loss
        if hit is not None:
            self.held[hit] = True
        u = self.state.u + t * by.u
        basis = kink_basis(self.problem.X, self.held, 0)
        u = np.where(
            self.held.any(axis=0)[:, None], (basis @ (basis.T @ u.ravel())).reshape(u.shape), u
        )
        self._enter(State(u, self.state.e + t * by.e))
        self.pattern = np.where(self.z == 0, pattern, self.z > 0)
        self.loss = self._value()
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
            before = self.pattern, self.held
            assert check.pattern is not None
            self.pattern = check.pattern
            if not check.cells:  # the same point, on the lower side of its kinks
                self.n_iter += 1
                self.loss = self._value()
                self.losses.append(self.loss)
                continue
            direction = -check.cells[0].left.value
            du, _ = _split(direction, self.state.u.shape)
            size = 1e-9 * self.problem.norms[:, None] * max_norms(du)
            self.held = self.kinks & (np.abs(self.problem.X @ du.T) <= size)
            if self._move(self._newton()) or self._move(direction):
                continue
            self.pattern, self.held = before
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
