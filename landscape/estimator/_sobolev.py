"""Sobolev training: values and input gradients at the samples, descended cell by cell.

For a pattern p of active (sample, neuron) pairs let

    F(u; p) = (1/n) sum_k [ (R_p(x_k) - y_k)^2 + r_k^2 sum_j gamma_j (d_j R_p(x_k) - g_kj)^2 ],

a convex quadratic in the product coordinates on the closed cell of p (r_k: root of the weight).
Across a kink the network is continuous, its gradient is not, so the loss jumps. What can have
minima is its lower semicontinuous envelope: at u, the least F(u; p) over the patterns p whose
closed cells hold u. Off the kinks that is the loss itself.

A point u is a local minimum of the envelope iff it minimizes F(.; p) over the closed cell of
*every* p that attains the least value at u: cells with a larger value stay above nearby. One linear
test (multipliers of the kinks >= 0) per such cell decides, and generically there is one such cell.
Sources: paper, outlook and its [11]; docs/estimator/sobolev-training.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from landscape.descent import DescentOutcome, solve_least_squares
from landscape.effective import State
from landscape.estimator._sobolev_cells import SobolevCells
from landscape.first_order import STATIONARITY_TOLERANCE
from landscape.minima import Certificate
from landscape.parametrization import Parametrization, max_norms
from landscape.stationarity import Verdict

__all__ = ["SobolevSearch"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Cells of equal loss at a point, and kinks through one sample, that are examined at most.
MAX_CELLS, MAX_KINKS = 64, 6


@dataclass(frozen=True)
class _Check:
    """Result of the test at a point: a better cell, a direction inside one, or neither."""

    verdict: Verdict
    reason: str
    pattern: Mask | None = None
    direction: Array | None = None
    residual: float = 0.0
    #: Within this max-norm distance in u, cells of larger loss stay above.
    reach: float = np.inf
    n_kinks: int = 0


class SobolevSearch(SobolevCells):
    """Active-set descent on F, and the test where it ends."""

    # --- steps --------------------------------------------------------------------------------

    def _newton(self) -> Array:
        """Step to the minimizer of the cell's quadratic, held kinks as equalities."""
        matrix, residual = self._system(self.pattern)
        m, width = self.state.u.shape
        columns = []
        for i in range(m):
            block = np.zeros((matrix.shape[1], width))
            block[i * width : (i + 1) * width] = np.eye(width)
            held = self.problem.X[self.held[:, i]]
            if len(held):
                _, singular, right = np.linalg.svd(held / np.abs(held).sum(axis=1)[:, None])
                block = block @ right[int((singular > 1e-10 * singular[0]).sum()) :].T
            columns.append(block)
        if self.problem.column is not None:
            columns.append(np.eye(matrix.shape[1])[:, -1:])
        basis = np.hstack(columns)
        if basis.shape[1] == 0:
            return np.zeros(matrix.shape[1])
        return basis @ solve_least_squares(matrix @ basis, -residual)

    def _walk(self, du: Array, de: float) -> tuple[float, Mask, tuple[int, int] | None]:
        """First local minimum of the envelope along a ray from the present cell.

        Pieces are walked in order; a kink is crossed unless the loss jumps up behind it.

        Returns
        -------
        t, pattern, hit
            Step, pattern there, and the pair on whose kink it ends.
        """
        problem, u = self.problem, self.state.u
        z, dz = self._snapped(), problem.X @ du.T
        problem.drop_rounding(dz, du)
        dz[self.held] = 0.0
        pattern = self.pattern.copy()
        s, g = self._residuals(pattern)
        active = pattern * problem.signs
        ds = (active * dz).sum(axis=1)
        if problem.column is not None:
            ds = ds + de * problem.column
        dg = self.roots * (active @ du[:, :-1])
        slope = float(s @ ds + (g * dg).sum() + (problem.pull(u) * du).sum())
        curvature = float(ds @ ds + (dg * dg).sum() + (problem.pull(du) * du).sum())
        if slope >= 0:
            return 0.0, pattern, None
        samples, neurons = np.nonzero(np.where(pattern, dz < 0, dz > 0))
        times = np.maximum(-z[samples, neurons] / dz[samples, neurons], 0.0)
        t = 0.0
        for o in np.argsort(times, kind="stable"):
            end, k, i = float(times[o]), int(samples[o]), int(neurons[o])
            if curvature > 0 and t - slope / curvature <= end:
                return t - slope / curvature, pattern, None
            slope, t = slope + curvature * (end - t), end
            sign = (-1.0 if pattern[k, i] else 1.0) * problem.signs[i]
            old, old_rate = g[k] + t * dg[k], dg[k]
            new = old + sign * self.roots[k] * (u[i, :-1] + t * du[i, :-1])
            new_rate = old_rate + sign * self.roots[k] * du[i, :-1]
            if new @ new - old @ old > 1e-12 * (new @ new + old @ old):
                return t, pattern, (k, i)
            value, rate = s[k] + t * ds[k], ds[k] + sign * dz[k, i]
            slope += float(value * (rate - ds[k]) + new @ new_rate - old @ old_rate)
            curvature += float(rate**2 - ds[k] ** 2 + new_rate @ new_rate - old_rate @ old_rate)
            pattern[k, i] ^= True
            s[k], ds[k], g[k], dg[k] = value - t * rate, rate, new - t * new_rate, new_rate
            if slope >= 0:
                return t, pattern, (k, i)
        return (t - slope / curvature if curvature > 0 else 0.0), pattern, None

    def _move(self, delta: Array) -> bool:
        """Walk along a direction; whether the loss fell, or a new kink was met at once."""
        if not delta.any():
            return False
        size = self.state.u.size
        du = delta[:size].reshape(self.state.u.shape)
        de = float(delta[-1]) if self.problem.column is not None else 0.0
        t, pattern, hit = self._walk(du, de)
        before = self.state, self.pattern, self.held.copy(), self.loss
        self.state = State(self.state.u + t * du, self.state.e + t * de)
        self.pattern = pattern
        if hit is not None:
            self.held[hit] = True
        self._project()
        z = self._snapped()
        self.pattern = np.where(z == 0, self.pattern, z > 0)
        self.loss = self.value(self.pattern)
        noise = 1e-14 * before[3]
        met = hit is not None and not before[2][hit] and self.loss <= before[3] + noise
        if self.loss < before[3] - noise or met:
            self.n_iter += 1
            self.losses.append(self.loss)
            return True
        self.state, self.pattern, self.held, self.loss = before
        return False

    def _project(self) -> None:
        """Put u exactly on the held kinks."""
        for i, u in enumerate(self.state.u):
            rows = self.problem.X[self.held[:, i]]
            if len(rows):
                correction, _, rank, _ = np.linalg.lstsq(rows, rows @ u, rcond=1e-10)
                self.state.u[i] = u - correction if rank < u.size else 0.0

    # --- the test -----------------------------------------------------------------------------

    def _multipliers(self, pattern: Mask, kinks: Mask) -> tuple[Array, Array, bool]:
        """Gradient of nF/2, what the kinks' multipliers leave of it, and whether that is zero."""
        matrix, residual = self._system(pattern)
        gradient = matrix.T @ residual
        # Residuals themselves are sums: rounding is relative to their terms.
        noise = 64 * np.finfo(float).eps * self._term_sizes(residual.size)
        scale = np.abs(matrix).T @ (STATIONARITY_TOLERANCE * np.abs(residual) + noise)
        left, zero = gradient.copy(), True
        width = self.state.u.shape[1]
        for i in range(len(self.state.u)):
            block = slice(i * width, (i + 1) * width)
            on = np.flatnonzero(kinks[:, i])
            if on.size:
                sides = np.where(pattern[on, i], 1.0, -1.0)[:, None] * self.problem.X[on]
                left[block] = gradient[block] - sides.T @ nnls(sides.T, gradient[block])[0]
            tolerance = max(float(scale[block].max()), np.finfo(float).tiny)
            zero &= bool(np.abs(left[block]).max() <= tolerance)
        if self.problem.column is not None:
            zero &= bool(abs(left[-1]) <= scale[-1])
        return gradient, left, zero

    def _term_sizes(self, length: int) -> Array:
        """Sizes of the terms of the residuals, relative to which they are rounded."""
        values = self.problem.term_sizes(self.state)
        slopes = self.roots * (max_norms(self.state.u).sum() + np.abs(self.gradients))
        sizes = np.column_stack([values, slopes]).ravel()
        own = np.zeros(length - sizes.size)
        if self.problem.penalty is not None:
            own += np.sqrt(self.problem.y.size * float(np.max(self.problem.penalty)))
            own *= max_norms(self.state.u).max()
        return np.append(sizes, own)

    def check(self) -> _Check:
        """Whether the point is a local minimum of the envelope."""
        kinks = self._snapped() == 0
        for i, on in enumerate(kinks.T):
            if on.any() and np.linalg.matrix_rank(self.problem.X[on]) < on.sum():
                reason = f"neuron {i}: its {int(on.sum())} kinks are dependent"
                return _Check(Verdict.UNDECIDED, reason)
        gradient, left, zero = self._multipliers(self.pattern, kinks)
        if not zero:
            reason = "the cell's own quadratic can be lowered"
            return _Check(Verdict.VIOLATED, reason, self.pattern, -left)
        s, g = self._residuals(self.pattern)
        ties: list[list[tuple[int, NDArray[np.intp], Mask]]] = []
        higher: list[tuple[float, float]] = []
        slack = float(np.abs(gradient).sum())
        for k in np.flatnonzero(kinks.any(axis=1)):
            at = np.flatnonzero(kinks[k])
            if at.size > MAX_KINKS:
                return _Check(Verdict.UNDECIDED, f"sample {k} lies on {at.size} kinks")
            equal, steepest = [(int(k), at, self.pattern[k, at])], 0.0
            for choice in product([False, True], repeat=at.size):
                side = np.array(choice)
                if (side == self.pattern[k, at]).all():
                    continue
                other = self.pattern.copy()
                other[k, at] = side
                new = self._residuals(other)[1][k]
                jump, size = new @ new - g[k] @ g[k], 1e-11 * (new @ new + g[k] @ g[k])
                if jump < -size:
                    return _Check(Verdict.VIOLATED, "a neighbouring cell is lower", other)
                one = np.array([k])
                change = self._rows(other, one).T @ np.append(s[k], new)
                change -= self._rows(self.pattern, one).T @ np.append(s[k], g[k])
                if jump <= size:
                    equal.append((int(k), at, side))
                    steepest = max(steepest, float(np.abs(change).sum()))
                else:
                    higher.append((float(jump), float(np.abs(change).sum())))
            ties.append(equal)
            slack += steepest
        if np.prod([len(equal) for equal in ties], initial=1.0) > MAX_CELLS:
            return _Check(Verdict.UNDECIDED, "too many cells of equal loss meet here")
        # F is convex on each cell: a higher one stays above as far as its slope allows.
        reach = min((jump / (2 * (slack + own)) for jump, own in higher), default=np.inf)
        residual = 0.0
        for combination in product(*ties):
            other = self.pattern.copy()
            for sample, at, side in combination:
                other[sample, at] = side
            _, left, zero = self._multipliers(other, kinks)
            residual = max(residual, float(np.abs(left).sum()))
            if not zero:
                reason = "a cell of equal loss can be lowered"
                return _Check(Verdict.VIOLATED, reason, other, -left)
        reason = "it minimizes every cell of least loss that it lies on"
        return _Check(
            Verdict.HOLDS, reason, residual=residual, reach=reach, n_kinks=int(kinks.sum())
        )

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
            check = self.check()
            if check.verdict is Verdict.HOLDS:
                return DescentOutcome.MINIMUM, ""
            if check.verdict is Verdict.UNDECIDED:
                return DescentOutcome.UNDECIDED, check.reason
            before = self.pattern, self.held
            assert check.pattern is not None
            self.pattern = check.pattern
            if check.direction is None:  # the same point, on the lower side of its kinks
                self.n_iter += 1
                self.loss = self.value(self.pattern)
                self.losses.append(self.loss)
                continue
            du = check.direction[: self.state.u.size].reshape(self.state.u.shape)
            size = 1e-9 * self.problem.norms[:, None] * max_norms(du)[None, :]
            along = np.abs(self.problem.X @ du.T) <= size
            self.held = (self._snapped() == 0) & along
            if self._move(self._newton()) or self._move(check.direction):
                continue
            self.pattern, self.held = before
            return DescentOutcome.STALLED, check.reason
        return DescentOutcome.ITERATION_LIMIT, f"{max_iter} line searches"

    def certificate(
        self, theta: Parametrization, inputs: Array, violations: list[str]
    ) -> Certificate:
        """The test at the present point as a certificate with its radius.

        Parameters
        ----------
        theta : Parametrization
            ``problem.parametrization(state)``.
        inputs : array of shape (n, d)
            What the network sees.
        violations : list of str
            How theta leaves its space.
        """
        check, problem = self.check(), self.problem
        z = self._snapped()
        radius = slack = np.nan
        if check.verdict is Verdict.HOLDS:
            m = len(problem.signs)
            a, c = theta.weights[:m], np.abs(theta.output_weights[:m])
            reach = np.abs(inputs @ a.T) / np.abs(inputs).sum(axis=1)[:, None]
            apart = reach[z != 0]
            radius = min(float(c.min()), float(apart.min()) if apart.size else np.inf)
            # |c' a' - c a| <= r (|c| + ‖a‖) + r²; a lifted bias is a difference of two.
            size = max(1.0, float((c + max_norms(a)).max()))
            if np.isfinite(check.reach):
                steps = np.sqrt(size**2 + 2 * check.reach)
                radius = min(radius, check.reach / (size + steps))
            radius *= 1 - 1e-9
            slack = 4 / problem.y.size * check.residual * (radius * size + radius**2)
        return Certificate(
            verdict=check.verdict,
            reason=check.reason,
            kind="sobolev",
            method="cells",
            loss=self.loss,
            stationarity=check.residual / problem.y.size,
            tolerance=STATIONARITY_TOLERANCE,
            radius=radius,
            slack=slack,
            n_kinks=int((z == 0).sum()),
            n_silent=int((~(z > 0).any(axis=0)).sum()),
            direction=None,
            slope=0.0,
            multipliers=(),
            violations=tuple(violations),
        )
