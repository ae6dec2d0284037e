r"""The exact test of Theorem 6 at a point: one :class:`NeuronCheck` per neuron, and the offset.

Inside the region around u in which all pairs off their kinks keep their signs, the loss along a
ray is *exactly* ``L(u) + t f'(eta) + t^2/n sum_k (dR_k)^2``, and f' is the sum of the neurons' h.
So u is a local minimum iff every h is non-negative on the feasible directions.

All that decides comes with error bounds (:mod:`landscape.rounding`). A sample next to a kink is
tried on it: ``relu(z + t)`` and ``relu(z) + relu(t)`` differ by at most \|z\|, which is charged to
the slack (Theorem 19), so nothing has to lie on a kink exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.effective import STORED, EffectiveProblem, State
from landscape.first_order._norm import check_at_norm
from landscape.losses import HingeLoss, KinkedLoss
from landscape.rounding import (
    GLOBAL_SHARE,
    KINK_FACTOR,
    SMALLEST,
    STATIONARITY_TOLERANCE,
    UNIT,
    Array,
    Bounded,
    Mask,
    gamma,
    is_zero_loss,
)
from landscape.stationarity import (
    MAX_RANK,
    MERGING,
    RISES,
    VERY_FEW_RAYS,
    Budget,
    KinkFunction,
    NeuronCheck,
    check_neuron,
)
from landscape.verdict import Verdict

#: What sums to nothing, and has no entries.
NOTHING, EMPTY = Bounded.exact(np.zeros(())), np.empty(0)

#: How neurons are decided by compiled code: verdict, kind, method, reason.
SMOOTH = Verdict.HOLDS, "smooth", "gradient", "the gradient vanishes"
CONVEX = Verdict.HOLDS, "convex kinks", "multipliers", "0 is in the subdifferential"

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Values:
    """A point of a problem, ``u_i = sizes_i weights_i`` and e, and what makes up the loss there."""

    problem: EffectiveProblem
    weights: Bounded  # effective weight vectors (m, d)
    sizes: Array  # |c_i|, (m,)
    e: float
    z: Bounded  # pre-activations of the weight vectors (n, m)
    r: Bounded  # residuals (n,)
    s: Bounded  # half the derivatives of the losses; of the squared one, the residuals
    losses: Bounded | None  # of the samples (n,); None: squares of the residuals
    kinks: Mask  # pairs that are tried on a kink (n, m)
    at_lower: Mask  # coordinates that are tried on their bounds (m, d)
    at_upper: Mask
    bent: Mask  # samples that are tried on the kink of their loss (n,)

    @classmethod
    def at(
        cls, problem: EffectiveProblem, weights: Bounded, sizes: Array, e: float, resolution: Array
    ) -> Values:
        """The values; ``resolution`` (m,) is what weights on the last input lose in storage."""
        from landscape.first_order._kernels import values  # numba, when needed

        (m, d), column = weights.value.shape, problem.column
        z, lost, kinks, r, missed = values(
            problem.X, problem.y, EMPTY if column is None else column,
            np.ascontiguousarray(weights.value), weights.error, problem.signs * sizes, e,
            (*problem.storage, resolution, STORED), KINK_FACTOR, (gamma(d), gamma(m)),
            UNIT, SMALLEST,
        )  # fmt: skip
        z, r = Bounded(z.T, lost.T), Bounded(r, missed)
        losses, s, bent = None, r, np.zeros(r.value.size, dtype=bool)
        if problem.sample_loss is not None:
            losses, s = problem.sample_loss.bounded(r)
        if isinstance(problem.sample_loss, KinkedLoss):
            place = problem.sample_loss.pieces()[0]
            bent = np.abs(r.value - place) <= KINK_FACTOR * (r.error + gamma(0) * np.abs(place))
        touched = (np.zeros((m, d), dtype=bool),) * 2
        if problem.bounded:
            touched = problem.touched(State(sizes[:, None] * weights.value, e))
        return cls(problem, weights, sizes, e, z, r, s, losses, kinks.T, *touched, bent)

    @classmethod
    def of_state(cls, problem: EffectiveProblem, state: State) -> Values:
        """At a state of a descent."""
        m = len(problem.signs)
        return cls.at(problem, Bounded.exact(state.u), np.ones(m), state.e, problem.resolution)

    @cached_property
    def sums(self) -> Sums:
        """What the conditions are about."""
        return Sums.of(self)

    @cached_property
    def u(self) -> Array:
        """Product coordinates, up to rounding."""
        return self.sizes[:, None] * self.weights.value

    @property
    def at_cone(self) -> Mask:
        """Neurons at which the weight decay has no gradient, (m,)."""
        if self.problem.decay is None:
            return np.zeros(len(self.sizes), dtype=bool)
        return np.asarray(~(self.problem.decay * self.u).any(axis=1))

    def zeros(self, sign: float) -> list[Array]:
        """Directions of a neuron at 0 along which its h and the weight decay's norm add up to 0.

        Those of the living neurons of its sign. Where biases cost nothing, a neuron that is active
        at all samples may have any larger bias, and is a turned one of the other sign as well.
        """
        assert self.problem.decay is not None
        alive, counted = ~self.at_cone, self.problem.decay > 0
        found = list(self.u[alive & (self.problem.signs == sign)])
        if not counted[-1] and self.problem.X[:, -1].all():
            for u, own in zip(self.u[alive], self.problem.signs[alive], strict=True):
                linear = sign * own * u * counted
                linear[-1] = 2 * np.abs(self.problem.X @ linear / self.problem.X[:, -1]).max()
                found.append(linear)
        return found

    @property
    def at_bounds(self) -> Mask:
        """Neurons that are tried on a bound, (m,)."""
        return np.asarray((self.at_lower | self.at_upper).any(axis=1))

    @cached_property
    def active(self) -> Mask:
        """The pairs on the active side, off the kinks."""
        return (self.z.value > 0) & ~self.kinks

    @property
    def pieces(self) -> tuple[Array, Array, Array]:
        """Kinks of the losses, half slopes before and behind them, (n,); those 0 if not bent."""
        loss, n = self.problem.sample_loss, self.bent.size
        if not isinstance(loss, KinkedLoss):
            return np.zeros(n), np.zeros(n), np.zeros(n)
        at, low, high = loss.pieces()
        shrink = 1 - 4 * gamma(n)  # towards 0, so that rounding leaves no interval
        return at, low * self.bent * shrink, high * self.bent * shrink

    @property
    def bends(self) -> bool:
        """Whether any sample is tried on the kink of its loss."""
        return isinstance(self.problem.sample_loss, KinkedLoss) and bool(self.bent.any())

    @cached_property
    def penalty(self) -> float:
        """That of the problem."""
        return 0.0 if self.problem.plain else self.problem.penalty_value(self.u, self.e)

    @cached_property
    def loss(self) -> Bounded:
        """The mean of the samples' losses, squares unless there are others, plus the penalty."""
        n = self.r.value.size
        mean = self._mean_square if self.losses is None else self.losses @ np.full(n, 1.0 / n)
        penalty = self.penalty
        error = float(mean.error) + gamma(self.weights.value.size + 6) * penalty
        if self.losses is not None:
            error += gamma(0) * abs(float(mean.value))
        return Bounded(np.array(float(mean.value) + penalty), np.array(error))

    @cached_property
    def _mean_square(self) -> Bounded:
        r, n = self.r, self.r.value.size
        value = float(r.value @ r.value) / n
        error = float((2 * np.abs(r.value) + r.error) @ r.error) / n + gamma(n) * value
        return Bounded(np.array(value), np.array(error))

    @cached_property
    def is_global(self) -> bool:
        """Whether the residuals are zero up to ``GLOBAL_SHARE`` of the targets' variance.

        A hinge loss, whose unit is 1, has to be zero up to the root of that.
        """
        loss = self.problem.sample_loss
        if self.penalty > 0:
            return False
        if loss is not None and not loss.of_residuals:
            return isinstance(loss, HingeLoss) and float(self.loss.size) <= GLOBAL_SHARE**0.5
        if float(self._mean_square.size) > 2 * GLOBAL_SHARE * self.problem.mean_square > 0:
            return False  # no variance is larger
        terms = (self.problem.terms(self.weights.value) * ~self.z.negative) @ self.sizes
        return is_zero_loss(self._mean_square, self.problem.y, terms)


@dataclass(frozen=True)
class PointCheck:
    """The first-order test at a point, its ``values.kinks`` being exactly on their kinks."""

    verdict: Verdict
    values: Values
    neurons: list[NeuronCheck]
    sums: Sums
    direction: Array | None  # in u (m, d), along which the loss falls at first order
    direction_offset: float  # its component in e

    @cached_property
    def shortfalls(self) -> Array:
        """``h_i(v) >= -<shortfalls_i, |v|>`` where the verdict is ``holds``, shape (m, d)."""
        return np.array([check.shortfall for check in self.neurons]).reshape(self.sums.terms.shape)

    @property
    def stationarity(self) -> float:
        """By how much first-order conditions are missed beyond rounding, as a share of terms."""
        from landscape.first_order._kernels import share_missed  # numba, when needed

        sums, offset = self.sums, self.sums.offset
        share: float = share_missed(self.shortfalls, sums.rounding, sums.terms)
        if sums.offset_terms == 0:
            return share
        return max(share, float(np.abs(offset.value) - 4 * offset.error) / sums.offset_terms)

    @property
    def reason(self) -> str:
        """Why the verdict is what it is."""
        if self.values.is_global:
            return "the residual is zero up to rounding: a global minimum"
        for i, check in enumerate(self.neurons):
            if check.verdict is self.verdict and self.verdict is not Verdict.HOLDS:
                return f"neuron {i}: {check.reason}"
        if self.verdict is Verdict.VIOLATED:
            return "the derivative by the offset does not vanish"
        return "the first-order conditions hold for every neuron"


@dataclass(frozen=True)
class Sums:
    """What the neurons' h and the offset's derivative are made of, without the factor 2/n."""

    gradients: Bounded  # g (m, d), of the pairs off the kinks
    terms: Array  # sizes of all terms, kinks included, (m, d)
    rounding: Array  # and their rounding errors
    allowed: Array  # how far a subgradient may be from zero, (m, d)
    offset: Bounded  # sum_k s_k l_k; 0 without an offset
    offset_terms: float  # the sum of the sizes of its terms
    n_active: Counts  # pairs of each neuron off the kinks, (m,)
    n_kinks: Counts  # and on them

    @classmethod
    def of(cls, point: Values) -> Sums:
        """At a point, with error bounds."""
        from landscape.first_order._kernels import sums  # numba, when needed

        problem, s = point.problem, point.s
        sizes = np.abs(s.value)
        if point.bends:  # of these, what is chosen has the digits
            _, low, high = point.pieces
            sizes += high - low
        z, kinks = (np.ascontiguousarray(pairs.T) for pairs in (point.z.value, point.kinks))
        found, lost, terms, errors, counts = sums(
            problem.X, s.value, s.error, sizes, z, kinks, problem.signs,
            gamma(s.value.size), UNIT, SMALLEST,
        )  # fmt: skip
        gradients = Bounded(found, lost)
        negligible: Array | float = 0.0
        if problem.penalty is not None or problem.decay is not None:
            pull = problem.pull(point.u)
            terms = terms + np.abs(pull)
            if problem.decay is not None:  # the norm's slopes at 0 are of this size
                terms = terms + point.at_cone[:, None] * (0.5 * problem.y.size * problem.decay)
            errors = errors + gamma(
                4 if problem.decay is None else 8 + problem.X.shape[1]
            ) * np.abs(pull)
            gradients = Bounded(gradients.value + pull, errors)
            # What a step to 0 leaves of a coordinate that the penalty took away.
            left = KINK_FACTOR * gamma(0) * float(np.abs(point.u).max(initial=0.0))
            if problem.penalty is not None:
                negligible = problem.y.size * problem.penalty * left
        offset, offset_terms = NOTHING, 0.0
        if problem.column is not None:
            total = s @ problem.column[:, None]
            offset = Bounded(total.value[0], total.error[0])
            offset_terms = float(sizes @ np.abs(problem.column))
        if problem.offset_decay:
            pull_offset = np.array(problem.y.size * problem.offset_decay * point.e)
            offset = offset + Bounded(pull_offset, gamma(2) * np.abs(pull_offset))
            offset_terms += float(np.abs(pull_offset))
        allowed = STATIONARITY_TOLERANCE * terms + errors + negligible
        return cls(gradients, terms, errors, allowed, offset, offset_terms, *counts)

    @property
    def offset_allowed(self) -> float:
        """How far the offset's derivative may be from zero."""
        return STATIONARITY_TOLERANCE * self.offset_terms + float(self.offset.error)


def check_neurons(
    point: Values,
    budget: Budget | None = None,
    instead: Mapping[int, NeuronCheck] | None = None,
    *,
    descent_only: bool = False,
    sides: Mapping[int, Array] | None = None,
) -> PointCheck:
    """Decide the first-order conditions for the derivatives s, neuron by neuron.

    ``instead`` holds checks of neurons that were decided by other means. ``descent_only`` leaves
    mixed kinks, the expensive ones, unexamined once another neuron descends. ``sides`` are further
    inequalities (p, d) on the directions of a neuron.
    """
    from landscape.first_order._kernels import neurons  # numba, when needed

    problem, sums, lines = point.problem, point.sums, point.problem.lines
    found, sides = dict(instead or {}), sides or {}
    at_cone, m = point.at_cone, len(problem.signs)
    todo = np.full(m, 2)
    if problem.bounded or problem.decay is not None:
        todo[point.at_bounds | at_cone] = 1
    for others, how in ((sides, 1), (found, 0)):
        for i in others:
            todo[i] = how
    held, gradients, charges, starts, kinks, weights, multipliers = neurons(
        problem.X, (lines.firsts, lines.opposite),
        np.ascontiguousarray(point.kinks.T), sums.n_kinks, problem.signs, point.s.value,
        sums.gradients.value, sums.rounding, sums.allowed, todo, MERGING, (VERY_FEW_RAYS, MAX_RANK),
        UNIT, SMALLEST,
    )  # fmt: skip
    functions, ends = {}, starts.tolist()
    for i, n in enumerate(held.tolist()):
        own = slice(ends[i], ends[i + 1])
        if n == 1:
            words = CONVEX if ends[i + 1] > ends[i] else SMOOTH
            found[i] = NeuronCheck(*words, charges[i], EMPTY, None, multipliers[own])
        elif n > 1:
            words = Verdict.HOLDS, "mixed kinks", "rays", RISES.format(n)
            found[i] = NeuronCheck(*words, charges[i], EMPTY, None, EMPTY)
        elif i not in found:
            eye = np.eye(problem.X.shape[1])
            bounds = sides.get(i, eye[:0])
            if problem.bounded:
                bounds = np.vstack([eye[point.at_lower[i]], -eye[point.at_upper[i]], bounds])
            functions[i] = KinkFunction(gradients[i], kinks[own], weights[own], bounds)
    descends = any(check.verdict is Verdict.VIOLATED for check in found.values())
    for i in sorted(functions, key=lambda i: functions[i].kind == "mixed kinks"):
        h, charge = functions[i], charges[i]
        if descent_only and descends and h.kind == "mixed kinks":
            found[i] = NeuronCheck.undecided(h, "none", "not examined: another neuron descends")
            continue
        if at_cone[i]:
            zeros = point.zeros(problem.signs[i])
            found[i] = check_at_norm(problem, h, sums.allowed[i], charge, budget, zeros)
        else:
            found[i] = check_neuron(h, allowed=sums.allowed[i], charge=charge, budget=budget)
        descends |= found[i].verdict is Verdict.VIOLATED
    checks = [found[i] for i in range(m)]
    slope = -float(sums.offset.value)
    if abs(slope) <= sums.offset_allowed:
        slope = 0.0
    verdicts = {check.verdict for check in checks}
    verdict = Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else Verdict.HOLDS
    if slope or Verdict.VIOLATED in verdicts:
        verdict = Verdict.VIOLATED
    if point.is_global:
        verdict = Verdict.HOLDS
    if verdict is not Verdict.VIOLATED:
        return PointCheck(verdict, point, checks, sums, None, 0.0)
    direction = np.zeros((len(checks), problem.X.shape[1]))
    for i, check in enumerate(checks):
        if check.direction is not None:
            direction[i] = check.direction
    return PointCheck(verdict, point, checks, sums, direction, slope)


def slopes(point: Values, direction: Array) -> Bounded:
    """Every neuron's h along its own row of ``direction``, at the sides that ``point`` has, (m,).

    Without the factor 2/n; pairs in ``point.kinks`` count as exactly on their kinks.
    """
    problem, s, signs = point.problem, point.s, point.problem.signs
    n = s.value.size + direction.shape[1]
    rates = (Bounded.exact(direction) @ problem.X.T).T
    used = np.where(point.kinks, np.maximum(rates.value, 0.0), rates.value * point.active)
    errors = rates.error * (point.kinks | point.active)
    value = signs * (s.value @ used)
    error = s.size @ errors + s.error @ np.abs(used) + gamma(n) * (np.abs(s.value) @ np.abs(used))
    if problem.penalty is None and problem.decay is None:
        return Bounded(value, error)
    sizes = (np.abs(problem.pull(point.u)) * np.abs(direction)).sum(axis=1)
    along = problem.pull_along(point.u, direction)
    return Bounded(value + along, error + gamma(n + 8) * (sizes + np.abs(along)))
