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

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem, State
from landscape.parametrization import max_norms
from landscape.rounding import (
    GLOBAL_SHARE,
    KINK_FACTOR,
    STATIONARITY_TOLERANCE,
    Bounded,
    gamma,
)
from landscape.stationarity import (
    MERGING,
    Budget,
    KinkFunction,
    NeuronCheck,
    check_neuron,
    merge_kinks,
)
from landscape.verdict import Verdict

__all__ = ["Gradients", "PointCheck", "Values", "check_point", "slopes"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Values:
    """A point of a problem, ``u_i = sizes_i weights_i`` and e, and what the loss is made of there.

    Attributes
    ----------
    problem : EffectiveProblem
    weights : Bounded of shape (m, d)
        Effective weight vectors.
    sizes : array of shape (m,)
        ``|c_i|``.
    e : float
    z : Bounded of shape (n, m)
        Pre-activations of the weight vectors.
    s : Bounded of shape (n,)
        Residuals.
    kinks : array of bool, shape (n, m)
        The pairs that are tried on a kink.
    at_lower, at_upper : arrays of bool, shape (m, d)
        The coordinates that are tried on their bounds.
    """

    problem: EffectiveProblem
    weights: Bounded
    sizes: Array
    e: float
    z: Bounded
    s: Bounded
    kinks: Mask
    at_lower: Mask
    at_upper: Mask

    @classmethod
    def at(
        cls, problem: EffectiveProblem, weights: Bounded, sizes: Array, e: float, resolution: Array
    ) -> Values:
        """The values; ``resolution`` (m,) is what weights on the last input lose in storage."""
        z = (weights @ problem.X.T).T
        s = Bounded(-problem.y, np.zeros_like(problem.y))
        s = z.relu() @ (problem.signs * sizes) + s
        if problem.column is not None:
            s = Bounded.exact(problem.column) * np.array(e) + s
        widths = KINK_FACTOR * z.error + problem.stored(weights.value, resolution)
        kinks = np.abs(z.value) <= widths
        touched = problem.touched(State(sizes[:, None] * weights.value, e))
        return cls(problem, weights, sizes, e, z, s, kinks, *touched)

    @classmethod
    def of_state(cls, problem: EffectiveProblem, state: State) -> Values:
        """At a state of a descent."""
        m = len(problem.signs)
        return cls.at(problem, Bounded.exact(state.u), np.ones(m), state.e, problem.resolution)

    @property
    def u(self) -> Array:
        """Product coordinates, up to rounding."""
        return self.sizes[:, None] * self.weights.value

    @property
    def active(self) -> Mask:
        """The pairs on the active side, off the kinks."""
        return (self.z.value > 0) & ~self.kinks

    @property
    def loss(self) -> Bounded:
        """Mean squared error plus penalty."""
        s, n = self.s, self.s.value.size
        value = float(s.value @ s.value) / n
        error = float((2 * np.abs(s.value) + s.error) @ s.error) / n + gamma(n) * value
        penalty = self.problem.penalty_value(self.u)
        error += gamma(self.weights.value.size + 4) * penalty
        return Bounded(np.array(value + penalty), np.array(error))

    @property
    def is_global(self) -> bool:
        """Whether the loss is zero up to ``GLOBAL_SHARE`` of the targets' variance."""
        if self.problem.penalty_value(np.abs(self.u)) > 0:
            return False
        y = self.problem.y
        size = float(np.var(y)) if np.ptp(y) > 0 else float(y[0]) ** 2
        if not y.any():  # nothing but the network's own terms says what is small
            terms = (self.problem.terms(self.weights.value) * ~self.z.negative) @ self.sizes
            size = float(np.mean(terms**2))
        return float(self.loss.size) <= GLOBAL_SHARE * size


@dataclass(frozen=True)
class PointCheck:
    """The first-order test at a point.

    Attributes
    ----------
    verdict : Verdict
        Of the loss with the pairs in ``values.kinks`` exactly on their kinks.
    values : Values
    neurons : list of NeuronCheck
    terms, rounding : arrays of shape (m, d)
        Sizes of what the first-order conditions sum, and its rounding errors.
    offset : Bounded
        ``sum_k s_k l_k``; 0 where there is no offset.
    offset_terms : float
        The sum of the sizes of its terms.
    direction : array of shape (m, d) or None
        Direction in u along which the loss falls at first order.
    direction_offset : float
        Its component in e.
    """

    verdict: Verdict
    values: Values
    neurons: list[NeuronCheck]
    terms: Array
    rounding: Array
    offset: Bounded
    offset_terms: float
    direction: Array | None
    direction_offset: float

    @property
    def kinks(self) -> Mask:
        """The pairs that were tried on a kink, shape (n, m)."""
        return self.values.kinks

    @property
    def shortfalls(self) -> Array:
        """``h_i(v) >= -<shortfalls_i, |v|>`` where the verdict is ``holds``, shape (m, d)."""
        return np.array([check.shortfall for check in self.neurons]).reshape(self.terms.shape)

    @property
    def stationarity(self) -> float:
        """By how much first-order conditions are missed beyond rounding, as a share of terms."""
        short = np.append(self.shortfalls - 4 * self.rounding, np.abs(self.offset.value))
        terms = np.append(self.terms, self.offset_terms)
        short[-1] -= 4 * float(self.offset.error)
        used = (short > 0) & (terms > 0)
        return float((short[used] / terms[used]).max(initial=0.0))

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
class Gradients:
    """What the neurons' h are made of, without the factor 2/n."""

    values: Bounded  # (m, d)
    terms: Array
    rounding: Array  # of the gradients and of the kinks' weights

    @classmethod
    def of(cls, point: Values) -> Gradients:
        """At a point, with error bounds."""
        problem, s = point.problem, point.s
        active, kinks = point.active.T, point.kinks.T
        weighted = Bounded(active * s.value, active * s.error) @ problem.X
        signs = problem.signs[:, None]
        bent = (kinks * np.abs(s.value)) @ problem.sizes
        terms = (active * np.abs(s.value)) @ problem.sizes + bent
        errors = weighted.error + (kinks * s.error) @ problem.sizes
        gradients = Bounded(signs * weighted.value, weighted.error)
        negligible = np.zeros(problem.X.shape[1])
        if problem.penalty is not None:
            pull = problem.pull(point.u)
            terms = terms + np.abs(pull)
            errors = errors + gamma(4) * np.abs(pull)
            gradients = Bounded(gradients.value + pull, errors)
            # What a step to 0 leaves of a coordinate that the penalty took away.
            left = KINK_FACTOR * gamma(0) * float(np.abs(point.u).max(initial=0.0))
            negligible = np.abs(problem.pull(np.full((1, len(negligible)), left)))[0]
        return cls(gradients, terms, errors, negligible)

    negligible: Array  # (d,)

    @property
    def allowed(self) -> Array:
        """How far a subgradient may be from zero, (m, d)."""
        return STATIONARITY_TOLERANCE * self.terms + self.rounding + self.negligible


def _kink_function(
    point: Values, i: int, gradient: Array, allowed: Array, bounds: Array
) -> tuple[KinkFunction, Array]:
    """A neuron's h without the kinks that are too small to have a sign; the charge for those."""
    problem = point.problem
    rows = np.flatnonzero(point.kinks[:, i])
    if rows.size == 0:
        return KinkFunction.smooth(gradient, bounds), np.zeros_like(gradient)
    weights = problem.signs[i] * point.s.value[rows]
    sizes = np.abs(weights)[:, None] * problem.sizes[rows]
    keep = (sizes * max(1, rows.size) > 0.25 * allowed).any(axis=1)
    charge = sizes[~keep].sum(axis=0)
    # Merging moves no entry where all are zero.
    merging = MERGING * float(np.abs(weights) @ max_norms(problem.X[rows]))
    charge = charge + merging * (sizes.sum(axis=0) > 0)
    return merge_kinks(gradient, problem.X[rows[keep]], weights[keep], bounds), charge


def _some_descent(found: Mapping[int, NeuronCheck]) -> bool:
    return any(check.verdict is Verdict.VIOLATED for check in found.values())


def check_point(
    point: Values,
    budget: Budget | None = None,
    instead: Mapping[int, NeuronCheck] | None = None,
    *,
    descent_only: bool = False,
) -> PointCheck:
    """Decide the first-order conditions at a point.

    Parameters
    ----------
    point : Values
    budget : Budget, optional
        For mixed kinks.
    instead : mapping of int to NeuronCheck, optional
        Checks of neurons that were decided by other means.
    descent_only : bool
        Leave mixed kinks, the expensive ones, unexamined once another neuron descends.
    """
    problem = point.problem
    m, d = point.weights.value.shape
    sums = Gradients.of(point)
    gradients, allowed = sums.values, sums.allowed
    found = dict(instead or {})
    functions: dict[int, tuple[KinkFunction, Array]] = {}
    eye = np.eye(d)
    for i in range(m):
        if i in found:
            continue
        bounds = eye[:0]
        if problem.bounded:
            bounds = np.vstack([eye[point.at_lower[i]], -eye[point.at_upper[i]]])
        h, charge = _kink_function(point, i, gradients.value[i], allowed[i], bounds)
        functions[i] = h, charge + sums.rounding[i]
    mixed = {i: bool((h.weights < 0).any()) for i, (h, _) in functions.items()}
    for i in sorted(functions, key=lambda i: mixed[i]):
        h, charge = functions[i]
        if descent_only and mixed[i] and _some_descent(found):
            reason = "not examined: another neuron descends"
            found[i] = NeuronCheck.undecided(h, "none", reason)
        else:
            found[i] = check_neuron(h, allowed=allowed[i], charge=charge, budget=budget)
    checks = [found[i] for i in range(m)]
    offset, offset_terms, descends = Bounded(np.zeros(()), np.zeros(())), 0.0, False
    if problem.column is not None:
        total = point.s @ problem.column[:, None]
        offset = Bounded(total.value[0], total.error[0])
        offset_terms = float(np.abs(point.s.value) @ np.abs(problem.column))
        short = STATIONARITY_TOLERANCE * offset_terms + float(offset.error)
        descends = abs(float(offset.value)) > short
    verdicts = {check.verdict for check in checks} | ({Verdict.VIOLATED} if descends else set())
    verdict = Verdict.HOLDS
    for worse in (Verdict.VIOLATED, Verdict.UNDECIDED):
        if worse in verdicts:
            verdict = worse
            break
    if point.is_global:
        verdict = Verdict.HOLDS
    direction = None
    if verdict is Verdict.VIOLATED:
        direction = np.zeros((m, d))
        for i, check in enumerate(checks):
            if check.direction is not None:
                direction[i] = check.direction
    return PointCheck(
        verdict,
        point,
        checks,
        sums.terms,
        sums.rounding,
        offset,
        offset_terms,
        direction,
        -float(offset.value) if verdict is Verdict.VIOLATED and descends else 0.0,
    )


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
    pull = problem.pull(point.u) * direction
    return Bounded(value + pull.sum(axis=1), error + gamma(n) * np.abs(pull).sum(axis=1))
