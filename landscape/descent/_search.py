"""The steps of a descent: faces, Newton steps, releases, and the loop over them."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, lstsq
from scipy.linalg.lapack import dpotrf, dpotrs

from landscape.descent._lines import least_on_axes, line_search, search_line
from landscape.descent._recession import find_recession
from landscape.effective import EffectiveProblem, State, largest_step
from landscape.first_order import PointCheck, Values, check_point
from landscape.parametrization import max_norms
from landscape.rounding import KINK_FACTOR, gamma
from landscape.spaces import RestrictedSpace
from landscape.stationarity import Budget
from landscape.verdict import Outcome, Verdict

__all__ = ["DescentOutcome", "Search", "solve_least_squares"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Steps in a row onto kinks that need not lower the loss beyond rounding.
MAX_SIDEWAYS = 50

#: Operations of compiled steps between two looks at the clock; the largest m d of such steps.
AT_ONCE, LARGEST = 2e9, 512

#: Equalities of a face whose singular values are relatively smaller are dependent on others.
DEPENDENT = 1e-10

#: A direction goes along a kink or a bound when it leaves it by at most this share of its terms.
ALONG = 1e-9

#: Least curvature that Newton's steps assume, as a share of the parabola's with the same slope.
BENT = 1e-6

#: Neurons that are relatively as small as this may be set to 0 if the loss stays.
TINY = 1e-8

#: Relative fall of the loss for which a stationary point is left for another place.
LEAP = 1e-3
#: Relative fall of the loss since the last look around in vain after which another one pays.
LOOK_AGAIN = 1e-2
#: Newton steps within which compiled line searches then take the least local minimum.
REACH = 32.0


def solve_least_squares(A: Array, b: Array) -> Array:
    """Shortest minimizer of ``‖A x - b‖_2``: normal equations where they are safe, else by QR.

    The descent repeats its Newton steps, which corrects what the normal equations lose.
    """
    gram = A.T @ A
    sizes = np.sqrt(gram.diagonal())
    # A column of rounding size (of an orthonormal basis on rank-deficient samples) is none.
    used = sizes > 1e-12 * sizes.max(initial=0.0)
    x = np.zeros(sizes.size)
    if not used.any():
        return x
    A, sizes, gram = A[:, used], sizes[used], gram[np.ix_(used, used)]
    factor, failed = dpotrf(gram / np.multiply.outer(sizes, sizes), lower=1, clean=0)
    pivots = factor.diagonal()
    if len(A) >= sizes.size and not failed and pivots.min() > 1e-6 * pivots.max():
        x[used] = dpotrs(factor, (A.T @ b) / sizes, lower=1)[0] / sizes
    else:  # pivoted QR, several times faster than by singular values
        options = {"cond": 1e-10, "check_finite": False, "lapack_driver": "gelsy"}
        x[used] = lstsq(A / sizes, b, **options)[0] / sizes
    return x


class DescentOutcome(Outcome):
    """How a descent ended."""

    MINIMUM = "The exact test proves a local minimum."
    UNDECIDED = "Stationary, but the exact test exceeds its budget: no minimum is claimed."
    ITERATION_LIMIT = "The limit of iterations was reached first."
    BORDER = "The loss falls towards the open border of the space, where no minimum is attained."
    NO_MINIMUM = "No minimum is attained here: the loss falls along a ray without end."
    STALLED = "No step lowers the loss beyond rounding, though the test does not hold."


class Search:
    """A descent under way: the point, its face, the cached bases of the face, the losses so far."""

    def __init__(
        self,
        problem: EffectiveProblem,
        budget: Budget | None,
        *,
        far: bool,
        hold: bool = False,
        first: bool = True,
        deadline: float = np.inf,
    ) -> None:
        self.problem = problem = problem.in_own_units()
        self.budget, self.far, self.deadline = budget, far, deadline
        #: Whether the end of compiled steps does for a test, because it is certified anyway.
        self.first = first
        #: Whether neurons that collapsed to 0 have one sign next to them, not both.
        self.one_sign = isinstance(problem.space, RestrictedSpace)
        self.state = problem.state()
        self.loss = self.loss_start = problem.loss(self.state)
        m, d = self.state.u.shape
        self.held: Mask = np.zeros((problem.y.size, m), dtype=bool)
        if hold:
            self.held = problem.kink_pairs(self.state, problem.preactivations(self.state))
        #: Active bounds: -1 for lower, 1 for upper ones, 0 elsewhere.
        self.bound = np.zeros((m, d), dtype=np.int8)
        #: Neurons that stay where the weight decay has no gradient.
        self.at_cone = self._cones(self.state.u)
        self.n_iter = self.n_tests = self.n_sideways = 0
        self.losses: list[float] = []
        #: Per face of a neuron: a basis (d, q) of its directions.
        self._bases: dict[bytes, Array] = {}
        self._settled = self._ended = False
        #: Where no minimum is attained, along which the loss falls.
        self.recession: State | None = None
        self._asked = 16
        self._last: Values | None = None
        #: Loss at the last look around that found nothing lower.
        self._looked = np.inf

    # --- faces --------------------------------------------------------------------------------

    def _faces(self) -> list[Array]:
        """Bases of the null spaces of the neurons' equalities."""
        problem, faces = self.problem, []
        fixed = self.bound != 0
        if problem.decay is not None:
            fixed = fixed | self.at_cone[:, None] & (problem.decay > 0)
        for held, at_bounds in zip(self.held.T, fixed, strict=True):
            key = held.tobytes() + at_bounds.tobytes()
            if key not in self._bases:
                basis = np.eye(at_bounds.size)
                rows = problem.X[held] / np.maximum(problem.norms[held], 1e-300)[:, None]
                rows = np.vstack([rows, basis[at_bounds]])
                if len(rows):
                    _, singular, right = np.linalg.svd(rows, full_matrices=True)
                    rank = int((singular > DEPENDENT * max(singular[0], 1e-300)).sum())
                    basis = right[rank:].T
                self._bases[key] = basis
            faces.append(self._bases[key])
        return faces

    def _project(self) -> None:
        """Put u exactly on its face and within the bounds."""
        problem, u, bound = self.problem, self.state.u, self.bound
        if problem.bounded:
            np.clip(u, problem.lower, problem.upper, out=u)
        elif not (self.held.any() or self.at_cone.any()):
            return
        for i, basis in enumerate(self._faces()):
            free, rows = bound[i] == 0, problem.X[self.held[:, i]]
            if free.all():
                u[i] = basis @ (basis.T @ u[i])
                continue
            u[i] = np.where(bound[i] < 0, problem.lower[i], u[i])
            u[i] = np.where(bound[i] > 0, problem.upper[i], u[i])
            if len(rows):
                u[i, free] += np.linalg.lstsq(rows[:, free], -(rows @ u[i]), rcond=DEPENDENT)[0]

    def _newton(self, active: Mask, s: Array) -> tuple[Array, float]:
        """Exact minimizer of the quadratic on the face, as a step."""
        problem, faces = self.problem, self._faces()
        factors = problem.signs * active
        parts = [factors[:, i, None] * (problem.X @ basis) for i, basis in enumerate(faces)]
        if problem.column is not None:
            parts.append(problem.column[:, None])
        matrix, right = np.hstack(parts), -s
        if problem.sample_loss is not None:  # by its quadratic, flat pieces slightly bent
            slopes, curvatures = problem.half_slopes(s), problem.sample_loss.half_curvature(s)
            least = BENT * np.abs(slopes) / np.where(s == 0, 1.0, np.abs(s))
            roots = np.sqrt(np.maximum(curvatures, least))
            roots[roots == 0] = 1.0
            matrix, right = matrix * roots[:, None], -slopes / roots
        if problem.penalty is not None:  # further rows of the least squares problem
            roots = np.sqrt(problem.y.size * problem.penalty)
            rows = np.zeros((self.state.u.size, matrix.shape[1]))
            pulls = block_diag(*(roots[:, None] * basis for basis in faces))
            rows[:, : pulls.shape[1]] = pulls
            matrix = np.vstack([matrix, rows])
            right = np.append(right, -(roots * self.state.u).ravel())
        if problem.decay is not None:
            rows, rights = self._decay_rows(faces, matrix.shape[1])
            matrix, right = np.vstack([matrix, rows]), np.append(right, rights)
        step = solve_least_squares(matrix, right)
        steps = np.split(step, np.cumsum([basis.shape[1] for basis in faces]))
        moves = [basis @ part for basis, part in zip(faces, steps, strict=False)]
        delta = np.array(moves).reshape(self.state.u.shape)  # there may be an offset only
        return delta, float(step[-1]) if problem.column is not None else 0.0

    def _decay_rows(self, bases: list[Array], width: int) -> tuple[Array, Array]:
        """The weight decay's quadratic as further rows of the least squares problem.

        ``n/2 ‖p‖_2`` has curvature across p only, and slightly along it here, for its slope.
        """
        problem, n = self.problem, self.problem.y.size
        assert problem.decay is not None
        rows, right, start = [], [], 0
        for u, basis in zip(self.state.u * problem.decay, bases, strict=True):
            size = float(np.linalg.norm(u))
            block = problem.decay[:, None] * basis
            if size > 0:
                p, root = u / size, np.sqrt(0.5 * n / size)
                block = root * (block - (1 - np.sqrt(BENT)) * np.outer(p, p @ block))
                right.append(-0.5 * n / (root * np.sqrt(BENT)) * p)
            else:  # stays without, or leaves in a direction of its own
                block = np.zeros_like(block)
                right.append(np.zeros_like(u))
            rows.append(np.zeros((len(u), width)))
            rows[-1][:, start : start + basis.shape[1]] = block
            start += basis.shape[1]
        if problem.offset_decay:
            root = np.sqrt(n * problem.offset_decay)
            rows.append(root * np.eye(width)[-1:])
            right.append(np.array([-root * self.state.e]))
        return np.vstack(rows), np.concatenate(right)

    # --- steps --------------------------------------------------------------------------------

    def _move(
        self, z: Array, s: Array, delta: Array, delta_e: float, *, patient: bool = False
    ) -> bool:
        """Exact line search along a direction; whether the loss fell, or (patient) stayed."""
        problem = self.problem
        dz = problem.X @ delta.T
        problem.drop_rounding(dz, delta)
        dz[self.held] = 0.0
        # How far the bounds allow to go.
        steps = largest_step(self.state.u, delta, problem.lower, problem.upper)
        steps[self.bound != 0] = np.inf
        limit = max(0.0, float(steps.min(initial=np.inf)))
        if problem.sample_loss is None and problem.decay is None:
            drift = None if problem.column is None else delta_e * problem.column
            pull = float((problem.pull(self.state.u) * delta).sum())
            extra = (pull, float((problem.pull(delta) * delta).sum()))
            t, _, hits = line_search(z, dz, problem.signs, s, drift, limit, extra)
        else:
            step = State(delta, delta_e)
            t, hits = search_line(problem, self.state, step, z, dz, s, limit)
        if not 0 < t < np.inf:
            return False
        old = self._snapshot()
        self.state.u += t * delta
        self.state.e += t * delta_e
        if hits.any():
            self.held = self.held | hits
        if t >= limit:
            stop = np.unravel_index(int(np.argmin(steps)), steps.shape)
            self.bound[stop] = np.sign(delta[stop])
        self._project()
        self.at_cone = self._cones(self.state.u)
        # A fall below the rounding errors of the loss is none (far out they can be large), except
        # on the way to a kink next to the point, which has to be held before the loss can fall.
        new_loss, noise = problem.loss(self.state), self._noise(s)
        sideways = not new_loss < self.loss - noise
        if sideways and (
            not (patient or hits.any())
            or new_loss > min(self.loss + noise, self.loss_start)
            or self.n_sideways == MAX_SIDEWAYS
        ):
            vars(self).update(old)
            return False
        self.n_sideways = self.n_sideways + 1 if sideways else 0
        self._count(new_loss)
        self._settled = not (hits.any() or t >= limit)
        return True

    def _approach(self, max_iter: int) -> bool:
        """The steps that need no test, by compiled code; whether there may be more of them."""
        problem, (m, d) = self.problem, self.state.u.shape
        if not problem.quadratic or problem.bounded or not 0 < m * d <= LARGEST:
            return False
        from landscape.descent._kernels import approach  # numba takes a second to import

        n, penalty, (X, y, column, place, rest) = problem.y.size, problem.penalty, problem.merged
        u, work = self.state.u.copy(), 4 * len(y) * m * d + (m * d) ** 3
        held = np.zeros((m, len(y)), dtype=bool)
        if np.count_nonzero(self.held):
            held[:, place] = self.held.T
        found = np.empty(min(max_iter - self.n_iter, max(1, int(AT_ONCE / work))))
        e, taken, left = approach(
            X, problem.signs, y, column, problem.column is not None,
            np.zeros(d) if penalty is None else n * penalty,
            KINK_FACTOR * gamma(d), 64 * gamma(d), REACH * self.far, u, self.state.e, held, found,
        )  # fmt: skip
        losses = [each * (len(y) / n) + rest / n for each in found[:taken].tolist()]
        # An end may be nearer to the face's minimizer than the start without a fall.
        self._ended = left < 1
        if not (self._ended or (taken > 0 and losses[-1] < self.loss)):
            return False
        self.state, self.held = State(u, e), held.T[place]
        self.losses += losses
        self.loss = min([self.loss, *self.losses[-1:]])
        self.n_iter += taken
        self.n_sideways = 0
        self._settled = bool(taken < found.size)
        return not self._settled

    def _count(self, new_loss: float) -> None:
        """A step was taken."""
        self.loss = new_loss
        self.losses.append(new_loss)
        self.n_iter += 1

    def _noise(self, s: Array) -> float:
        """Rounding errors of the loss at the state."""
        sizes = self.problem.term_sizes(self.state)
        noise = float(np.mean(np.abs(self.problem.half_slopes(s)) * sizes))
        if self.problem.sample_loss is not None or self.problem.decay is not None:
            noise += abs(self.loss)
        return 2 * np.finfo(float).eps * noise

    def _cones(self, u: Array) -> Mask:
        """Neurons at which the weight decay has no gradient, (m,)."""
        if self.problem.decay is None:
            return np.zeros(len(u), dtype=bool)
        return np.asarray(self.problem.decay_norms(u) == 0)

    def _looks_endless(self) -> bool:
        """Whether to ask for a ray along which the loss falls forever: seldom."""
        if self.problem.sample_loss is None or self.n_iter < self._asked:
            return False
        slow = self.n_iter > 20 and self.losses[-11] - self.loss < 1e-3 * abs(self.loss)
        if not slow and self.n_iter < 2 * self._asked:
            return False
        self._asked = max(2 * self._asked, self.n_iter + 16)
        return True

    def _absorb(self) -> None:
        """Give the offset the constants that neurons without weights pass on.

        There they cost nothing, while an output weight costs more than its limit at endless biases.
        """
        problem = self.problem
        if problem.column is None or problem.offset_decay or np.ptp(problem.column) > 0:
            return
        for i in np.flatnonzero(self.at_cone & self.state.u.any(axis=1)):
            heights = np.maximum(problem.X @ self.state.u[i], 0.0)
            if np.ptp(heights) == 0:
                self.state.e += float(problem.signs[i] * heights[0] / problem.column[0])
                self.state.u[i] = 0.0
                self.held = self.held.copy()
                self.held[:, i] = True

    def _kill(self) -> bool:
        """Set what is penalized of a neuron, or all of it, to 0 if that lowers the loss.

        The weight decay has a kink there, at which no line search ends.
        """
        problem, start = self.problem, self.loss
        assert problem.decay is not None
        sizes, n_bound = problem.decay_norms(self.state.u), (self.bound != 0).sum(axis=1)
        for i in np.flatnonzero((n_bound == 0) & ((sizes > 0) | ~self.at_cone)):
            for kept in (0.0, problem.decay == 0):
                old, noise = self._snapshot(), self._noise(self._snapped()[1])
                self.state.u[i] *= kept
                new_loss = problem.loss(self.state)
                if new_loss < self.loss + noise * (sizes[i] <= TINY * sizes.max(initial=0.0)):
                    z = problem.preactivations(self.state)
                    self.held = self.held.copy()
                    self.held[:, i] = problem.kink_pairs(self.state, z)[:, i]
                    self.at_cone = self._cones(self.state.u)
                    self._count(new_loss)
                    self._settled = False
                    break
                vars(self).update(old)
        return self.loss < start

    def _snapshot(self) -> dict[str, Any]:
        """What a step changes, to be restored where it turns out to be none."""
        return {
            "state": self.state.copy(), "held": self.held, "bound": self.bound.copy(),
            "at_cone": self.at_cone,
        }  # fmt: skip

    def _leap(self) -> bool:
        """Move one neuron to the least loss on a line; whether that is lower by a thousandth."""
        problem = self.problem
        z, s = self._snapped()
        i, step, change = least_on_axes(problem, self.state.u, z, s)
        if change < -LEAP * self.loss:
            old, noise = self._snapshot(), self._noise(s)
            self.state.u[i] += step
            self.bound[i] = 0
            on_kinks = problem.kink_pairs(self.state, problem.preactivations(self.state))
            self.held = np.where(np.arange(len(self.bound)) == i, on_kinks, self.held)
            self._project()
            new_loss = problem.loss(self.state)
            if new_loss < self.loss * (1 - LEAP / 2) - noise:
                self._count(new_loss)
                self._settled = False
                return True
            vars(self).update(old)
        self._looked = self.loss
        return False

    def _snapped(self) -> tuple[Array, Array]:
        """Pre-activations with exact zeros on the kinks, and the residuals."""
        z = self.problem.preactivations(self.state)
        s = self.problem.residuals(self.state, z)
        z[self.held | self.problem.kink_pairs(self.state, z)] = 0.0
        return z, s

    def _values(self) -> Values:
        """The values at the state, those of the last call if nothing moved since."""
        last, u = self._last, self.state.u
        moved = last is None or last.problem is not self.problem or last.e != self.state.e
        if last is None or moved or not np.array_equal(last.weights.value, u):
            last = self._last = Values.of_state(self.problem, self.state.copy())
        return last

    def _stationary(self) -> bool:
        """Whether the gradient within the face is zero up to rounding."""
        sums = self._values().sums
        tolerances, gradients = 0.1 * sums.allowed.sum(axis=1), sums.gradients.value
        inside = [g @ basis for g, basis in zip(gradients, self._faces(), strict=True)]
        if any(np.linalg.norm(g) > short for g, short in zip(inside, tolerances, strict=True)):
            return False
        return abs(float(sums.offset.value)) <= 0.1 * sums.offset_allowed

    def _test(self, *, descent_only: bool) -> PointCheck:
        self.n_tests += 1
        point = self._values()
        check = check_point(point, self.budget, descent_only=descent_only)
        if check.verdict is not Verdict.HOLDS or self.one_sign:
            return check
        # Neurons that collapsed to 0 have both signs next to them.
        for i in np.flatnonzero(max_norms(self.state.u) == 0):
            turned = self.problem.turned(int(i))
            other = check_point(replace(point, problem=turned), self.budget)
            if other.verdict is Verdict.VIOLATED:
                self.problem = turned
                return other
        return check

    def _escape(self, check: PointCheck, z: Array, s: Array, *, patient: bool = False) -> bool:
        """Leave the point along the Newton step of the next face, or the test's direction.

        That points into the face.
        """
        direction, offset = check.direction, check.direction_offset
        assert direction is not None
        dz = self.problem.X @ direction.T
        along = np.abs(dz) <= ALONG * self.problem.terms(direction)
        self.held = check.values.kinks & along
        at_lower, at_upper = self.problem.touched(self.state)
        size = ALONG * max_norms(direction)[:, None]
        stays = at_upper & (direction >= -size), at_lower & (direction <= size)
        self.bound = np.subtract(*stays, dtype=np.int8)
        self.at_cone = self._cones(self.state.u) & self._cones(direction)
        active = ((z > 0) | ((z == 0) & (dz > 0))) & ~self.held
        steps = self._newton(active, s), (direction, offset)
        return any(self._move(z, s, *step, patient=patient) for step in steps)

    def _polish(self) -> bool:
        """A full Newton step on the face, if it changes neither the pattern nor the loss."""
        self.held = self.problem.kink_pairs(self.state, self.problem.preactivations(self.state))
        z, s = self._snapped()
        old, loss = self._snapshot(), self.problem.loss(self.state) + self._noise(s)
        delta, delta_e = self._newton(z > 0, s)
        self.state.u += delta
        self.state.e += delta_e
        self._project()
        new_loss = self.problem.loss(self.state)
        if (np.sign(self._snapped()[0]) == np.sign(z)).all() and new_loss <= loss:
            self.loss = new_loss
            return True
        vars(self).update(old)
        return False

    def run(self, max_iter: int) -> tuple[DescentOutcome, str]:
        """Descend until the test holds, or say why not; go on if ``far`` finds a lower place."""
        ended = self._run(max_iter)
        while self.far and self.n_iter < max_iter and self._looked > self.loss and self._leap():
            ended = self._run(max_iter)
        return ended

    def _run(self, max_iter: int) -> tuple[DescentOutcome, str]:
        """Descend until the test holds, or say why not."""
        if self.problem.bounded or np.count_nonzero(self.held) or np.count_nonzero(self.at_cone):
            self._project()
            self.loss = min(self.loss, self.problem.loss(self.state))
        n_polished = 0
        while self.n_iter < max_iter and time.monotonic() < self.deadline:
            if not self._settled:
                if self._approach(max_iter):
                    continue
                # The certificate that follows tests all neurons but those that collapsed to 0, of
                # which it sees one, and with its own sign.
                if self._ended and self.first:
                    pairs = zip(self.problem.signs.tolist(), self.state.u.tolist(), strict=True)
                    if len({sign for sign, u in pairs if not any(u)}) <= self.one_sign:
                        return DescentOutcome.MINIMUM, ""
            problem = self.problem
            if problem.decay is not None:
                self._absorb()
                if self._kill():
                    n_polished = 0
            if self._looks_endless() and (
                found := find_recession(problem, self.state, passing=True)
            ):
                self.recession, reason = found
                return DescentOutcome.NO_MINIMUM, reason
            z, s = self._snapped()
            # At the end of a step that a kink or a bound stopped it is so by accident only.
            if not self._settled or not self._stationary():
                self._settled = True
                if self._move(z, s, *self._newton(z > 0, s)):
                    continue
            if self.far and self.loss < (1 - LOOK_AGAIN) * self._looked and self._leap():
                n_polished = 0
                continue
            check = self._test(descent_only=True)
            if check.verdict is Verdict.VIOLATED and self._escape(check, z, s):
                n_polished = 0
                continue
            if check.verdict is Verdict.VIOLATED:  # perhaps the neurons left out can do better
                check = self._test(descent_only=False)
            if check.verdict is Verdict.HOLDS:
                return DescentOutcome.MINIMUM, ""
            if check.verdict is Verdict.VIOLATED:
                if self._escape(check, z, s):
                    n_polished = 0
                    continue
                # What is left to gain is below rounding: only the conditions can still get better.
                if self._escape(check, z, s, patient=True):
                    continue
            # Where rounding leaves it open, nearer to the face's minimizer it may not.
            if n_polished == 3 or not self._polish():
                undecided = check.verdict is Verdict.UNDECIDED
                outcome = DescentOutcome.UNDECIDED if undecided else DescentOutcome.STALLED
                return outcome, check.reason
            n_polished += 1
        return DescentOutcome.ITERATION_LIMIT, f"{self.n_iter} line searches"
