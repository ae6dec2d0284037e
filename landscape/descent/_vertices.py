"""Descent of losses with a kink: a linear program on each cell, the joint test between them.

On the closure of a cell such a loss is convex and piecewise linear, so that a program finds its
minimum there, a vertex. The test either proves that or gives a direction into a lower cell.
"""

import time

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, eye_array, hstack, vstack

from landscape.descent._search import DescentOutcome
from landscape.effective import EffectiveProblem, State
from landscape.first_order import PointCheck, Values, check_point
from landscape.losses import KinkedLoss
from landscape.parametrization import max_norms
from landscape.rounding import Array, Mask
from landscape.spaces import RestrictedSpace
from landscape.stationarity import Budget
from landscape.verdict import Verdict

#: Slacks of a solved program that count as zero, relative to their terms.
TIGHT = 1e-9
#: Coordinates relatively as small as this are tried at 0.
GONE = 1e-13
#: A share of the loss below which a program's gain is rounding.
NOISE = 1e-13


class VertexSearch:
    """A descent under way, with what :class:`Search` has."""

    def __init__(
        self, problem: EffectiveProblem, budget: Budget | None, *, deadline: float = np.inf
    ) -> None:
        if problem.penalty is not None or problem.decay is not None:
            raise ValueError(
                "loss: descents of losses with a kink (absolute, pinball, hinge) take no penalty "
                "and no weight decay; certify_minimum does"
            )
        self.problem = problem = problem.in_own_units()
        self.budget, self.deadline = budget, deadline
        self.state = problem.state()
        self.loss = self.loss_start = problem.loss(self.state)
        self.n_iter = self.n_tests = 0
        self.losses: list[float] = []
        self.recession: State | None = None

    def run(self, max_iter: int) -> tuple[DescentOutcome, str]:
        """Descend until the test holds, or say why not."""
        active = self.problem.preactivations(self.state) > 0
        self._improve(active)
        while self.n_iter < max_iter and time.monotonic() < self.deadline:
            check = self._test()
            if check.verdict is Verdict.HOLDS:
                return DescentOutcome.MINIMUM, ""
            if check.verdict is Verdict.UNDECIDED:
                return DescentOutcome.UNDECIDED, check.reason
            assert check.direction is not None
            before = self.loss
            for active in self._ahead(check.direction):
                self._improve(active)
                if self.loss < before * (1 - NOISE):
                    break
            else:
                return DescentOutcome.STALLED, check.reason
        return DescentOutcome.ITERATION_LIMIT, f"{self.n_iter} linear programs"

    def _ahead(self, direction: Array) -> list[Mask]:
        """Patterns of cells that the direction enters."""
        z = self.problem.preactivations(self.state)
        kinks = self.problem.kink_pairs(self.state, z)
        dz = self.problem.X @ direction.T
        self.problem.drop_rounding(dz, direction)
        return [(z > 0) & ~kinks | kinks & (dz > 0), (z > 0) & ~kinks | kinks & (dz >= 0)]

    def _test(self) -> PointCheck:
        self.n_tests += 1
        point = Values.of_state(self.problem, self.state)
        check = check_point(point, self.budget)
        if check.verdict is not Verdict.HOLDS or isinstance(self.problem.space, RestrictedSpace):
            return check
        for i in np.flatnonzero(max_norms(self.state.u) == 0):  # both signs are next to it
            turned = self.problem.turned(int(i))
            other = check_point(Values.of_state(turned, self.state), self.budget)
            if other.verdict is Verdict.VIOLATED:
                self.problem = turned
                return other
        return check

    # --- a cell -------------------------------------------------------------------------------

    def _improve(self, active: Mask) -> None:
        """Go to the minimum on the closure of the cell with this pattern, if that is lower."""
        problem, (m, d) = self.problem, self.state.u.shape
        assert isinstance(problem.sample_loss, KinkedLoss)
        n, width = problem.y.size, m * d + 1
        at, low, high = problem.sample_loss.pieces()
        column = np.zeros(n) if problem.column is None else problem.column
        rates = (problem.signs * active)[:, :, None] * problem.X[:, None, :]
        rates = np.column_stack([rates.reshape(n, m * d), column])
        right = problem.y + at
        k, i = np.divmod(np.arange(n * m), m)
        entries = (np.where(active, -1.0, 1.0)[k, i][:, None] * problem.X[k]).ravel()
        places = np.repeat(np.arange(n * m), d), (i[:, None] * d + np.arange(d)).ravel()
        cell = csr_array(coo_array((entries, places), (n * m, width)))
        nothing = csr_array((n * m, n))
        rises = [hstack([csr_array(2 * s[:, None] * rates), -eye_array(n)]) for s in (low, high)]
        bounds = np.column_stack([problem.lower.ravel(), problem.upper.ravel()])
        free = np.array([[-np.inf, np.inf]] * (problem.column is not None) or [[0.0, 0.0]])
        found = linprog(
            np.append(np.zeros(width), np.full(n, 1.0 / n)),
            A_ub=vstack([*rises, hstack([cell, nothing])]),
            b_ub=np.concatenate([2 * low * right, 2 * high * right, np.zeros(n * m)]),
            bounds=np.vstack([bounds, free, np.tile([0.0, np.inf], (n, 1))]),
            method="highs",
        )
        self.n_iter += 1
        if found.x is None:
            return
        x = np.asarray(found.x[:width])
        sizes = np.abs(rates) @ np.abs(x) + np.abs(right)
        sizes = sizes + 1e-4 * sizes.max()
        bent = np.abs(rates @ x - right) <= TIGHT * np.maximum(sizes, 1e-300)
        terms = np.abs(cell) @ np.abs(x)
        kinks = np.abs(cell @ x) <= TIGHT * np.maximum(terms, 1e-300)
        rows = np.vstack([rates[bent], cell[kinks].toarray()])
        goal = np.append(right[bent], np.zeros(int(kinks.sum())))
        bounds = np.vstack([bounds, free])
        best = None
        for state in self._vertices(x, rows, goal, bounds):
            loss = problem.loss(state)
            if best is None or loss < best[0] * (1 - NOISE):
                best = loss, state
        if best is not None and best[0] < self.loss:
            self.loss, self.state = best
            self.losses.append(self.loss)

    def _vertices(self, x: Array, rows: Array, goal: Array, bounds: Array) -> list[State]:
        """The solution moved onto its equations, by least squares, and the solution itself."""
        (m, d), found = self.state.u.shape, []
        near = TIGHT * np.abs(x).max(initial=0.0)
        fixed = (x <= bounds[:, 0] + near) | (x >= bounds[:, 1] - near)
        y = np.clip(x, bounds[:, 0], bounds[:, 1])
        y[fixed] = np.where(x - bounds[:, 0] <= near, bounds[:, 0], bounds[:, 1])[fixed]
        scales = np.maximum(np.abs(y), 1e-8 * max(1e-300, float(np.abs(y).max(initial=0.0))))
        scales = scales * ~fixed
        for _ in range(3):
            lengths = np.maximum(np.abs(rows * scales).sum(axis=1), 1e-300)
            gap = (goal - rows @ y) / lengths
            y = y + scales * np.linalg.lstsq(rows * scales / lengths[:, None], gap, rcond=1e-11)[0]
        for v in (np.where(np.abs(y) <= GONE * np.abs(y).max(), 0.0, y), y, x):
            v = np.clip(v, bounds[:, 0], bounds[:, 1])
            found.append(State(v[:-1].reshape(m, d), float(v[-1])))
        return found
