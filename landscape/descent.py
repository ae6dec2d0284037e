"""Active-set descent to an exact local minimum of the piecewise quadratic loss (notes 7).

A *face* is an activation pattern with some kinks and bounds as equalities. On a face the loss is a
convex quadratic: the step is the exact Newton step in the null space of the equalities, the line
search is exact over all breakpoints. On a stationary point of the face the full first-order test
(:mod:`landscape.first_order`) either proves a local minimum or gives a direction of descent that
takes every kink at the point into account; descent goes on along it, or along the Newton step of
the face that it enters. The loss falls strictly between tests, so no face is visited twice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve, lstsq

from landscape.effective import EffectiveProblem
from landscape.first_order import STATIONARITY_TOLERANCE, PointCheck, check_point, tolerances
from landscape.objective import loss as mean_squared_error
from landscape.parametrization import Parametrization, max_norms
from landscape.spaces import Space
from landscape.stationarity import Budget, Verdict

__all__ = ["Descent", "DescentOutcome", "Search", "descend", "line_search"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


#: Steps in a row onto kinks that need not lower the loss beyond rounding.
MAX_SIDEWAYS = 50


class DescentOutcome(enum.Enum):
    """How a descent ended; the value is a sentence for the user."""

    MINIMUM = "The exact test proves a local minimum."
    UNDECIDED = "Stationary, but the exact test exceeds its budget: no minimum is claimed."
    ITERATION_LIMIT = "The limit of iterations was reached first."
    STALLED = "No step lowers the loss beyond rounding, though the test does not hold."

    @property
    def sentence(self) -> str:
        """What the outcome means."""
        return self.value


@dataclass(frozen=True)
class Descent:
    """End of a descent.

    Attributes
    ----------
    parametrization : Parametrization
        In the space that was descended in.
    loss, loss_start : float
        Mean squared error; it never increases, up to rounding.
    outcome : DescentOutcome
    n_iter : int
        Steps along a line.
    n_tests : int
        Full first-order tests.
    reason : str
        For outcomes other than a minimum, in terms of the neuron concerned.
    losses : tuple of float
        The loss after each line search.
    """

    parametrization: Parametrization
    loss: float
    loss_start: float
    outcome: DescentOutcome
    n_iter: int
    n_tests: int
    reason: str
    losses: tuple[float, ...]


def descend(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    max_iter: int = 10_000,
    budget: Budget | None = None,
    penalty: ArrayLike | None = None,
) -> Descent:
    """Descend from ``theta`` to a point that passes the exact test of a local minimum.

    Parameters
    ----------
    theta : Parametrization
        Of the space's shape. The signs of its output weights stay.
    X : array_like of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array_like of shape (n,)
    space : Space
    max_iter : int
        Limit of line searches; an outcome, not an error.
    budget : Budget, optional
        For mixed kinks, see :class:`landscape.stationarity.Budget`.
    penalty : array_like of shape (d,), optional
        Adds ``sum_ij penalty_j u_ij^2`` to the loss, ``u_i = |c_i| a_i``.

    Returns
    -------
    descent : Descent
    """
    if max_iter < 1:
        raise ValueError(f"max_iter: expected a positive integer, got {max_iter}")
    problem = EffectiveProblem.build(theta, X, y, space, penalty)
    search = Search(problem, budget)
    outcome, reason = search.run(max_iter)
    end = problem.parametrization(search.state)
    return Descent(
        end,
        mean_squared_error(end, X, y) + problem.penalty_value(search.state.u),
        search.loss_start,
        outcome,
        search.n_iter,
        search.n_tests,
        reason,
        tuple(search.losses),
    )


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
    k, i = np.nonzero(((z > 0) & (dz < 0)) | ((z < 0) & (dz > 0)))
    with np.errstate(over="ignore"):
        times = -z[k, i] / dz[k, i]
    within = times <= limit
    k, i, times = k[within], i[within], times[within]
    jumps = signs[i] * np.abs(dz[k, i])
    # Residual and rate of each sample just before each of its breakpoints.
    by_sample = np.lexsort((times, k))
    k, i, times, jumps = k[by_sample], i[by_sample], times[by_sample], jumps[by_sample]
    first = np.concatenate([[True], k[1:] != k[:-1]]) if k.size else np.empty(0, dtype=bool)
    group = np.cumsum(first) - 1
    before, before_t = _running(jumps, first, group), _running(jumps * times, first, group)
    rate = v0[k] + before
    residual = s[k] + v0[k] * times + times * before - before_t
    # In order of t: slope and curvature of half the sum of squares on every piece.
    order = np.argsort(times, kind="stable")
    ends = np.append(times[order], limit)
    starts = np.concatenate([[0.0], times[order]])
    curvature = (
        float(v0 @ v0)
        + extra[1]
        + np.concatenate([[0.0], np.cumsum((jumps * (2 * rate + jumps))[order])])
    )
    curvature = np.maximum(curvature, 0.0)
    kicks = np.concatenate([[0.0], np.cumsum((residual * jumps)[order])])
    with np.errstate(invalid="ignore"):
        gains = curvature * (ends - starts)
    gains[np.isnan(gains)] = 0.0
    at_start = slope + kicks + np.concatenate([[0.0], np.cumsum(gains[:-1])])
    at_end = at_start + gains
    stop = np.flatnonzero((at_end >= 0) | (at_start >= 0))
    if stop.size == 0:
        return float(limit), slope, n_hits
    piece = int(stop[0])
    if at_start[piece] >= 0:  # the loss falls up to a kink and rises behind it
        t = float(starts[piece])
        hit = np.abs(times - t) <= 1e-14 * t
        n_hits[k[hit], i[hit]] = True
        return t, slope, n_hits
    return float(starts[piece] - at_start[piece] / curvature[piece]), slope, n_hits


def _running(values: Array, first: Mask, group: NDArray[np.intp]) -> Array:
    """Sum of the earlier values of the same group."""
    if values.size == 0:
        return values
    total = np.cumsum(values) - values
    return total - total[first][group]


class Search:
    """A descent under way: the point, its face, the cached bases of the face, the losses so far.

    :func:`descend` is the way to run it; the estimator keeps it to go on from its state.
    """

    def __init__(self, problem: EffectiveProblem, budget: Budget | None) -> None:
        self.problem, self.budget = problem, budget
        self.state = problem.state()
        self.loss = self.loss_start = problem.loss(self.state)
        m, d = self.state.u.shape
        self.held: Mask = np.zeros((problem.y.size, m), dtype=bool)
        self.at_lower: Mask = np.zeros((m, d), dtype=bool)
        self.at_upper: Mask = np.zeros((m, d), dtype=bool)
        self.n_iter = self.n_tests = self.n_sideways = 0
        self.losses: list[float] = []
        self._bases: dict[bytes, tuple[Array, Array] | None] = {}
        self._faces: list[tuple[Array, Array] | None] = [None] * m
        self._old_held, self._old_walls = self.held, self.at_lower

    # --- faces --------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Bases of the neurons whose equalities changed since the last call."""
        walls = self.at_lower | self.at_upper
        changed = (self.held != self._old_held).any(axis=0) | (walls != self._old_walls).any(axis=1)
        for i in np.flatnonzero(changed):
            self._faces[i] = self._basis(self.held[:, i], walls[i])
        self._old_held, self._old_walls = self.held, walls

    def _basis(self, held: Mask, walls: Mask) -> tuple[Array, Array] | None:
        """Null space (d, q) and row space (d, d - q) of a neuron's equalities; None if free."""
        if not held.any() and not walls.any():
            return None
        key = held.tobytes() + walls.tobytes()
        if key not in self._bases:
            rows = self.problem.X[held] / np.maximum(self.problem.norms[held], 1e-300)[:, None]
            rows = np.vstack([rows, np.eye(walls.size)[walls]])
            _, singular, right = np.linalg.svd(rows, full_matrices=True)
            rank = int((singular > 1e-10 * max(singular[0], 1e-300)).sum())
            self._bases[key] = (right[rank:].T, right[:rank].T)
        return self._bases[key]

    def _project(self) -> None:
        """Put u exactly on its face and within the bounds."""
        u = self.state.u
        if self.problem.bounded:
            np.clip(u, self.problem.lower, self.problem.upper, out=u)
        self._refresh()
        for i, basis in enumerate(self._faces):
            if basis is None:
                continue
            walls = self.at_lower[i] | self.at_upper[i]
            if not walls.any():
                u[i] = basis[0] @ (basis[0].T @ u[i]) if basis[0].shape[1] else 0.0
                continue
            u[i, self.at_lower[i]] = self.problem.lower[i, self.at_lower[i]]
            u[i, self.at_upper[i]] = self.problem.upper[i, self.at_upper[i]]
            rows = self.problem.X[self.held[:, i]]
            if len(rows):
                correction = np.linalg.lstsq(rows[:, ~walls], -(rows @ u[i]), rcond=1e-10)[0]
                u[i, ~walls] += correction

    def _newton(self, active: Mask, s: Array) -> tuple[Array, float]:
        """Exact minimizer of the quadratic on the face, as a step."""
        problem = self.problem
        m, d = self.state.u.shape
        self._refresh()
        blocks = []
        factors = problem.signs * active
        for i, basis in enumerate(self._faces):
            columns = problem.X if basis is None else problem.X @ basis[0]
            blocks.append(factors[:, i, None] * columns)
        if problem.column is not None:
            blocks.append(problem.column[:, None])
        matrix, right = np.hstack(blocks), -s
        if problem.penalty is not None:
            matrix, right = self._penalized(matrix, right)
        step = solve_least_squares(matrix, right)
        delta, at = np.zeros((m, d)), 0
        for i, basis in enumerate(self._faces):
            q = blocks[i].shape[1]
            part = step[at : at + q]
            delta[i] = part if basis is None else basis[0] @ part
            at += q
        return delta, float(step[-1]) if problem.column is not None else 0.0

    def _penalized(self, matrix: Array, right: Array) -> tuple[Array, Array]:
        """The penalty as further rows of the Newton step's least squares problem."""
        assert self.problem.penalty is not None
        m, d = self.state.u.shape
        roots = np.sqrt(self.problem.y.size * self.problem.penalty)
        rows = np.zeros((m * d, matrix.shape[1]))
        at = 0
        for i, basis in enumerate(self._faces):
            directions = np.eye(d) if basis is None else basis[0]
            rows[i * d : (i + 1) * d, at : at + directions.shape[1]] = roots[:, None] * directions
            at += directions.shape[1]
        return np.vstack([matrix, rows]), np.append(right, -(roots * self.state.u).ravel())

    # --- steps --------------------------------------------------------------------------------

    def _limit(self, delta: Array) -> tuple[float, int, int]:
        """How far the bounds allow to go along delta, and the coordinate that stops it."""
        problem, u = self.problem, self.state.u
        if not problem.bounded:
            return np.inf, -1, -1
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(
                delta < 0,
                (problem.lower - u) / delta,
                np.where(delta > 0, (problem.upper - u) / delta, np.inf),
            )
        room = np.where(np.isnan(room) | self.at_lower | self.at_upper, np.inf, room)
        i, j = np.unravel_index(int(np.argmin(room)), room.shape)
        return max(0.0, float(room[i, j])), int(i), int(j)

    def _move(self, z: Array, s: Array, delta: Array, delta_e: float) -> bool:
        """Exact line search along a direction; whether the loss fell."""
        problem = self.problem
        dz = problem.X @ delta.T
        # Along directions in a hyperplane, rounding alone must not leave it.
        rounding = 1e-13 * problem.norms[:, None] * max_norms(delta)[None, :]
        dz[self.held | (np.abs(dz) <= rounding)] = 0.0
        limit, i, j = self._limit(delta)
        drift = None if problem.column is None else delta_e * problem.column
        pull = float((problem.pull(self.state.u) * delta).sum())
        extra = (pull, float((problem.pull(delta) * delta).sum()))
        t, _, hits = line_search(z, dz, problem.signs, s, drift, limit, extra)
        if not 0 < t < np.inf:
            return False
        old, old_held = self.state.copy(), self.held
        old_walls = self.at_lower.copy(), self.at_upper.copy()
        self.state.u += t * delta
        self.state.e += t * delta_e
        self.held = self.held | hits
        if t >= limit:
            (self.at_lower if delta[i, j] < 0 else self.at_upper)[i, j] = True
        self._project()
        # A fall below the rounding errors of the loss is none (far out they can be large), except
        # on the way to a kink next to the point, which has to be held before the loss can fall.
        new_loss = problem.loss(self.state)
        noise = 2 * np.finfo(float).eps * float(np.mean(np.abs(s) * problem.term_sizes(self.state)))
        sideways = not new_loss < self.loss - noise
        if sideways and (
            not hits.any()
            or new_loss > min(self.loss + noise, self.loss_start)
            or self.n_sideways == MAX_SIDEWAYS
        ):
            self.state, self.held = old, old_held
            self.at_lower, self.at_upper = old_walls
            return False
        self.n_sideways = self.n_sideways + 1 if sideways else 0
        self.loss = new_loss
        self.losses.append(new_loss)
        self.n_iter += 1
        return True

    def _snapped(self) -> tuple[Array, Array]:
        """Pre-activations with exact zeros on the kinks, and the residuals."""
        z = self.problem.preactivations(self.state)
        s = self.problem.residuals(self.state, z)
        z[self.held | self.problem.kink_pairs(self.state, z)] = 0.0
        return z, s

    def _stationary(self, z: Array, s: Array) -> bool:
        """Whether the gradient within the face is zero up to rounding."""
        problem = self.problem
        tolerance = 0.1 * tolerances(problem, self.state, s, z)
        gradients = problem.signs[:, None] * (((z > 0) * s[:, None]).T @ problem.X)
        gradients += problem.pull(self.state.u)
        self._refresh()
        for i, (gradient, basis) in enumerate(zip(gradients, self._faces, strict=True)):
            inside = gradient if basis is None else basis[0].T @ gradient
            if float(np.linalg.norm(inside)) > tolerance[i]:
                return False
        if problem.column is None:
            return True
        noise = 64 * np.finfo(float).eps * problem.term_sizes(self.state)
        slack = 0.1 * (STATIONARITY_TOLERANCE * np.abs(s) + noise) @ np.abs(problem.column)
        return abs(float(s @ problem.column)) <= float(slack)

    def _release(self, check: PointCheck, z: Array) -> Mask:
        """Enter the face that the test's direction points into; returns its pattern."""
        assert check.direction is not None
        dz = self.problem.X @ check.direction.T
        along = np.abs(dz) <= 1e-9 * self.problem.norms[:, None] * max_norms(check.direction)
        self.held = check.kinks & along
        at_lower, at_upper = self.problem.touched(self.state)
        size = 1e-9 * max_norms(check.direction)[:, None]
        self.at_lower = at_lower & (check.direction <= size)
        self.at_upper = at_upper & (check.direction >= -size)
        active: Mask = ((z > 0) | ((z == 0) & (dz > 0))) & ~self.held
        return active

    def _test(self, *, descent_only: bool) -> PointCheck:
        self.n_tests += 1
        return check_point(self.problem, self.state, self.budget, descent_only=descent_only)

    def _escape(self, check: PointCheck, z: Array, s: Array) -> bool:
        """Leave the point along the Newton step of the next face, or the test's direction."""
        assert check.direction is not None
        active = self._release(check, z)
        delta, delta_e = self._newton(active, s)
        return self._move(z, s, delta, delta_e) or self._move(
            z, s, check.direction, check.direction_offset
        )

    def _polish(self) -> bool:
        """A full Newton step on the face, if it changes neither the pattern nor the loss."""
        self.held = self.problem.kink_pairs(self.state, self.problem.preactivations(self.state))
        z, s = self._snapped()
        old = self.state.copy()
        delta, delta_e = self._newton(z > 0, s)
        self.state.u += delta
        self.state.e += delta_e
        self._project()
        new_z, new_s = self._snapped()
        noise = 2 * np.finfo(float).eps * float(np.abs(s) @ self.problem.term_sizes(self.state))
        same = bool(((new_z > 0) == (z > 0)).all() and ((new_z < 0) == (z < 0)).all())
        n, penalty = s.size, self.problem.penalty_value
        added = n * (penalty(self.state.u) - penalty(old.u))
        if same and float(new_s @ new_s) + added <= float(s @ s) + noise:
            self.loss = self.problem.loss(self.state)
            return True
        self.state = old
        return False

    def run(self, max_iter: int) -> tuple[DescentOutcome, str]:
        """Descend until the test holds, or say why not."""
        self._project()
        self.loss = min(self.loss, self.problem.loss(self.state))
        n_polished = 0
        while self.n_iter < max_iter:
            z, s = self._snapped()
            if not self._stationary(z, s):
                delta, delta_e = self._newton(z > 0, s)
                if self._move(z, s, delta, delta_e):
                    continue
            check = self._test(descent_only=True)
            if check.verdict is Verdict.VIOLATED and self._escape(check, z, s):
                n_polished = 0
                continue
            if check.verdict is Verdict.VIOLATED:  # perhaps the neurons left out can do better
                check = self._test(descent_only=False)
            if check.verdict is Verdict.HOLDS:
                return DescentOutcome.MINIMUM, ""
            if check.verdict is Verdict.UNDECIDED:
                return DescentOutcome.UNDECIDED, check.reason
            if self._escape(check, z, s):
                n_polished = 0
                continue
            # What is left to gain is below rounding: only the conditions can still get better.
            if n_polished == 3 or not self._polish():
                return DescentOutcome.STALLED, check.reason
            n_polished += 1
        return DescentOutcome.ITERATION_LIMIT, f"{max_iter} line searches"


def solve_least_squares(A: Array, b: Array) -> Array:
    """Shortest minimizer of ``‖A x - b‖_2``: normal equations where they are safe, else by QR.

    The descent repeats its Newton steps, which corrects what the normal equations lose.
    """
    n, q = A.shape
    sizes = np.sqrt((A * A).sum(axis=0))
    # A column of rounding size (of an orthonormal basis on rank-deficient samples) is none.
    used = sizes > 1e-12 * sizes.max(initial=0.0)
    x = np.zeros(q)
    if not used.any():
        return x
    scaled = A[:, used] / sizes[used]
    if n >= scaled.shape[1]:
        try:
            factor = cho_factor(scaled.T @ scaled, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            pass
        else:
            pivots = np.diag(factor[0])
            if pivots.min() > 1e-6 * pivots.max():
                x[used] = cho_solve(factor, scaled.T @ b, check_finite=False) / sizes[used]
                return x
    # Pivoted QR: the shortest solution, several times faster than by singular values.
    solution = lstsq(scaled, b, cond=1e-10, lapack_driver="gelsy", check_finite=False)[0]
    x[used] = solution / sizes[used]
    return x
