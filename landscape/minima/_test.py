"""The test of one parametrization: first-order conditions, then a radius with its slack."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from landscape.effective import SPLIT, EffectiveProblem
from landscape.errors import NumericalError
from landscape.exact import dot, vector
from landscape.first_order import (
    PointCheck,
    Values,
    check_at_norm,
    check_point,
    loss_gaps,
    slope_along,
    slopes,
)
from landscape.losses import KinkedLoss
from landscape.parametrization import max_norms
from landscape.rational_check import ExactMinimum
from landscape.rounding import (
    MISSED,
    SLACK_SHARE,
    STATIONARITY_TOLERANCE,
    WORTH,
    Array,
    Bounded,
    exact_sign,
    gamma,
)
from landscape.spaces import RestrictedSpace, UnrestrictedSpace
from landscape.stationarity import MERGING, Budget, NeuronCheck, check_neuron, merge_kinks
from landscape.verdict import Verdict

#: A sample whose distance from a kink is no more than this many rounding bounds has no side that
#: could be relied on when the parameters are written down again.
BESIDE = 8.0

#: A loss whose millionth has no digits any more.
UNDERFLOW = 1e-301

#: A radius whose square is still far from the largest float.
LARGEST = 1e100


@dataclass(frozen=True)
class Certificate:
    """What is known about a parametrization as a local minimum."""

    #: ``holds``: a local minimum on the space, up to the slack; ``violated``: theta itself is none,
    #: for certain; ``undecided``.
    verdict: Verdict
    reason: str  #: A sentence, in terms of the neuron concerned.
    kind: str  #: ``"global"`` (zero residual), ``"smooth"``, ``"kinks"`` or ``"mixed kinks"``.
    method: str  #: How the neurons with the hardest conditions were decided.
    loss: float  #: Mean squared error, or mean loss, with penalties.
    #: How far the first-order conditions are missed, relative to the terms they sum.
    stationarity: float
    tolerance: float  #: ``STATIONARITY_TOLERANCE``: what counts as satisfied, but for rounding.
    #: ``r_cell`` or, for the slack's sake, less; max-norm in the parameters (A, c): a radius in the
    #: sense of (9). inf where the residual is zero, nan unless the verdict is ``holds``.
    radius: float
    #: Within that radius the loss is at least ``loss - slack``, proved for the rationals that
    #: parameters and data are (Theorem 19): what the first-order conditions miss, multiplied out
    #: over the box, the distance of kinks and active bounds, and rounding. At most ``SLACK_SHARE``
    #: of the loss; for ``"global"`` the loss itself, at most ``GLOBAL_SHARE`` of the variance.
    slack: float
    n_kinks: int  #: Pairs of a neuron and a sample on its kink.
    n_silent: int  #: Neurons that contribute nothing on any sample.
    #: A direction of descent (m, d) in product coordinates ``sigma_i, u_i = |c_i| a_i``, where
    #: there is one; on lifted data it keeps the bounds. With an offset its last row is that of e.
    direction: Array | None
    slope: float  #: Derivative of the loss along it.
    multipliers: tuple[Array, ...]  #: Per neuron, those of its kinks.
    violations: tuple[str, ...] = ()  #: How theta leaves the space: by parallel neurons (C.2) only.
    #: With ``exact=True``: whether the minimum next to theta was proved in rational arithmetic.
    proved: bool | None = None
    #: With ``exact=True``: the exact point, its distance from theta and the radius that is left, or
    #: the reason why there is no proof.
    proof: ExactMinimum | None = None
    #: Verdict on the first-order conditions with samples next to kinks exactly on them. Where it is
    #: ``violated`` and the verdict ``undecided``, theta is off such a kink by rounding only.
    at_kinks: Verdict | None = None

    @property
    def is_minimum(self) -> bool:
        """Whether the verdict is ``holds``."""
        return self.verdict is Verdict.HOLDS


class MinimumTest:
    """The test of one parametrization, in units in which the data are of size one."""

    def __init__(
        self,
        problem: EffectiveProblem,
        inputs: Array,
        budget: Budget | None,
        violations: tuple[str, ...],
    ) -> None:
        from landscape.minima._kernels import own_units  # numba, when needed

        self.violations = violations
        self.theta_bounds, norms = (problem.lower, problem.upper), problem.input_norms
        problem = problem.in_powers_of_two()
        # A copy: collapsed neurons take the sign that descends.
        self.problem = problem = problem.at(problem.theta)
        self.inputs, self.budget = inputs, budget
        theta, units, m = problem.theta, problem.units, len(problem.signs)
        self.a, self.c = theta.weights[:m], np.abs(theta.output_weights[:m])
        self.norms = norms
        self.scales = np.ones(problem.X.shape[1]) if units is None else units.scales
        self.target = problem.unit
        #: By how much the weight decay of an unrestricted network exceeds its least value over the
        #: rescalings of its neurons; in the units of the loss.
        self.imbalance, self.idle = 0.0, False
        if self.problem.decay is not None and isinstance(problem.space, UnrestrictedSpace):
            decay = self.problem.decay * self.target * self.scales
            strength, counted = float(decay.max()) / 2, decay > 0
            gaps = np.linalg.norm(self.a * counted, axis=1) - self.c
            gaps = np.abs(gaps) + gamma(self.a.shape[1]) * self.c
            self.imbalance = strength * float(gaps @ gaps) * (1 + 1e-12) / self.target**2
            # Without an output weight, weights only cost.
            self.idle = bool((self.a * counted)[self.c == 0].any())
        a, error, sizes, resolution, self.powers = own_units(
            self.a, self.c, problem.reduced, self.scales, self.target, gamma(0), SPLIT
        )
        e = 0.0 if problem.column is None else float(theta.output_weights[-1]) / self.target
        self.point = Values.at(problem, Bounded(a, error), sizes, e, resolution)

    def certificate(self) -> Certificate:
        """The verdict, with samples next to kinks on them, or else with all on their sides."""
        if not math.isfinite(self.point.s.error.max() + self.point.z.error.max(initial=0.0)):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        check = check_point(self.point, self.budget, self._collapsed)
        self.at_kinks = check.verdict
        if self.idle or self.imbalance > SLACK_SHARE * float(self.point.loss.size):
            reason = "the weight decay falls when neurons are rescaled: |c_i| is not ‖a_i‖_2"
            return self._record(replace(check, direction=None), Verdict.VIOLATED, reason)
        if check.values.is_global:
            slack = self._upwards(float(self.point.loss.size))
            return self._record(check, Verdict.HOLDS, check.reason, np.inf, slack)
        reason = check.reason
        if check.verdict is Verdict.HOLDS:
            radius, slack, reason = self._radius(check)
            if radius > 0:
                return self._record(check, Verdict.HOLDS, check.reason, radius, slack)
        exact = self._exact_sides()
        if check.verdict is Verdict.VIOLATED and (certain := self._certain(check, exact)):
            return self._record(certain, Verdict.VIOLATED, check.reason)
        sharp = check_point(exact, self.budget, self._collapsed)
        if sharp.verdict is Verdict.VIOLATED and check.verdict is not Verdict.HOLDS:
            return self._record(sharp, Verdict.VIOLATED, sharp.reason)
        if sharp.verdict is Verdict.HOLDS:
            radius, slack, why = self._radius(sharp)
            if radius > 0:
                return self._record(sharp, Verdict.HOLDS, sharp.reason, radius, slack)
            if check.verdict is Verdict.VIOLATED:
                reason = f"{why}; beyond it the loss falls ({check.reason})"
        return self._record(check, Verdict.UNDECIDED, reason)

    def _upwards(self, slack: float) -> float:
        """A slack in the units of the data, rounded up also where it underflows."""
        return math.nextafter(slack * self.target**2 * (1 + 1e-12), np.inf) if slack else 0.0

    @property
    def loss(self) -> float:
        """In the units of the data."""
        return (float(self.point.loss.value) + self.imbalance) * self.target**2

    def _record(
        self,
        check: PointCheck,
        verdict: Verdict,
        reason: str,
        radius: float = np.nan,
        slack: float = np.nan,
    ) -> Certificate:
        # A violation that was found on the kinks that are tried first is told with these.
        sharp = check.verdict is verdict is Verdict.HOLDS
        kinks = (check.values if sharp else self.point).kinks
        kinds = {neuron.kind for neuron in check.neurons}
        kind = "kinks" if "convex kinks" in kinds else "smooth"
        if "mixed kinks" in kinds:
            kind = "mixed kinks"
        methods = ", ".join(sorted({neuron.method for neuron in check.neurons}))
        direction, slope = None, 0.0
        if check.values.is_global:
            kind, methods = "global", "residual"
        elif verdict is Verdict.VIOLATED and check.direction is not None:
            offset = check.direction_offset
            direction = self.problem.product_direction(check.direction, offset)
            slope = self._slope(check) * self.target**2
            if not (check.direction.any() or offset):
                direction, slope = None, 0.0
        return Certificate(
            verdict=verdict,
            at_kinks=self.at_kinks,
            reason=reason,
            kind=kind,
            method=methods,
            loss=self.loss,
            stationarity=0.0 if kind == "global" else check.stationarity,
            tolerance=STATIONARITY_TOLERANCE,
            radius=radius,
            slack=slack,
            n_kinks=int(np.count_nonzero(kinks)),
            n_silent=int(np.count_nonzero(check.values.sums.n_active == 0)),
            direction=direction,
            slope=slope,
            multipliers=tuple(neuron.multipliers for neuron in check.neurons),
            violations=self.violations,
        )

    def _slope(self, check: PointCheck) -> float:
        """The derivative of the loss along the direction, in the own units."""
        assert check.direction is not None
        if check.values.bends:
            slope = slope_along(check.values, check.direction, check.direction_offset)
            total = float(slope.value)
        else:
            total = float(slopes(check.values, check.direction).value.sum())
            total += check.direction_offset * float(check.sums.offset.value)
        return 2.0 / check.values.s.value.size * total

    # --- exact sides --------------------------------------------------------------------------

    def _certain(self, check: PointCheck, exact: Values) -> PointCheck | None:
        """A violation as far as it descends at theta itself; None where none of it does."""
        if check.direction is None:
            return None
        v = check.direction
        leaves = (exact.at_lower & (v < 0)) | (exact.at_upper & (v > 0))
        if check.values.bends:  # of all neurons together, or of none
            falls = slope_along(exact, v, check.direction_offset).negative
            return replace(check, values=exact) if falls and not leaves.any() else None
        falls = slopes(exact, v).negative & ~leaves.any(axis=1)
        if check.direction_offset != 0 or falls.any():
            return replace(check, values=exact, direction=v * falls[:, None])
        saddle = any(
            neuron.verdict is Verdict.VIOLATED and neuron.direction is None
            for neuron in check.neurons
        )
        return check if saddle else None

    def _exact_sides(self) -> Values:
        """The point with every pair on the side where it is, and kinks only where z = 0.

        The pairs in question are few; their signs are decided in rational arithmetic.
        """
        point = self.point
        value, kinks = point.z.value.copy(), point.kinks.copy()
        zero = max_norms(self.a[:, : self.inputs.shape[1]]) == 0
        if self.problem.reduced:
            zero = max_norms(point.weights.value) == 0
        error = point.z.error.copy()
        error[point.kinks & zero] = value[point.kinks & zero] = 0.0
        for k, i in np.argwhere(point.kinks & ~zero):
            sign = exact_sign(self.a[i], self.inputs[k])
            kinks[k, i] = sign == 0
            if abs(value[k, i]) <= error[k, i]:
                value[k, i], error[k, i] = sign * np.finfo(float).tiny, 0.0
        at_lower, at_upper = point.at_lower.copy(), point.at_upper.copy()
        lower, upper = self.theta_bounds
        for at_bound, bound, side in ((at_lower, lower, 1), (at_upper, upper, -1)):
            for i, j in np.argwhere(at_bound):
                gap = Fraction(float(self.c[i])) * Fraction(float(self.a[i, j]))
                at_bound[i, j] = side * (gap - Fraction(float(bound[i, j]))) <= 0
        if isinstance(self.problem.space, RestrictedSpace) and self.problem.space.margin == 0:
            at_lower[:, -2:] = False  # there N* is open
        point = replace(
            point, z=Bounded(value, error), kinks=kinks, at_lower=at_lower, at_upper=at_upper
        )
        return self._exact_pieces(point) if point.bends else point

    def _exact_pieces(self, point: Values) -> Values:
        """Samples next to the kink of their loss on the side where they are, by rationals."""
        problem, theta = self.problem, self.problem.theta
        assert isinstance(problem.sample_loss, KinkedLoss)
        places, low, high = problem.sample_loss.pieces()
        rows = [vector(row) for row in theta.weights.tolist()]
        outputs = vector(theta.output_weights.tolist())
        value, bent = point.s.value.copy(), point.bent.copy()
        for k in np.flatnonzero(bent).tolist():
            x = vector(self.inputs[k].tolist())
            heights = [max(dot(row, x), Fraction(0)) for row in rows]
            gap = dot(outputs, heights) - Fraction(float(problem.y[k])) - Fraction(float(places[k]))
            bent[k] = gap == 0
            value[k] = low[k] if gap < 0 else high[k]
        error = np.where(point.bent, gamma(2) * np.abs(value), point.s.error)
        return replace(point, s=Bounded(value, error), bent=bent)

    # --- radius and slack ---------------------------------------------------------------------

    def _radius(self, check: PointCheck) -> tuple[float, float, str]:
        """A radius, the slack within it, and, where the radius is 0, why there is none."""
        from landscape.minima._kernels import margins  # numba, when needed

        point, problem, own = check.values, self.problem, self.point.z
        parts = point.z.value, point.z.error, own.value, own.error, point.kinks
        *pairs, kinks = (np.ascontiguousarray(part.T) for part in parts)
        n, slopes, theta = point.s.value.size, point.s.size, (self.a, self.c, problem.reduced)
        # Within r product coordinates change by at most r linear + r^2 square, in the own units.
        cell, missed, (first, second), stake, beside = margins(
            tuple(pairs[:2]), tuple(pairs[2:]), kinks, self.norms, self.powers, point.sizes, slopes,
            theta, self.scales / self.target, check.shortfalls, check.sums.terms, BESIDE,
        )  # fmt: skip
        if problem.bounded:  # active ones are like kinks
            cell = min([cell, *self.c[point.at_bounds & (self.c > 0)].tolist()])
        cell = max(0.0, cell * (1 - 1e-12))
        if problem.column is not None:
            first += float(check.sums.offset.size) / self.target
        # Kinks, active bounds and the loss itself, whatever the radius.
        missed = 2 * (missed * (1 + 1e-12) + self._gap_costs(check))
        if point.bends:
            missed += 2 * loss_gaps(point)
        loss = point.loss
        fixed = missed + n * (float(loss.error) + self.imbalance)
        if self.loss < UNDERFLOW:
            return 0.0, np.nan, "the loss is below the range of floats; rescale the target"
        limit = n * SLACK_SHARE * (1 - 1e-9) * float(loss.value - loss.error) - fixed
        if limit <= 0:
            return 0.0, np.nan, "kinks and bounds are missed by more than the slack may be"
        # 2 first r + 2 second r^2 <= limit, solved without cancellation.
        root = first + math.sqrt(first * first + 2 * second * limit)
        radius = min(cell, limit / root * (1 - 1e-12)) if root > 0 else cell
        if radius == np.inf and root > 0:  # what is missing is next to the least positive float
            radius = LARGEST
        whole = cell
        if cell == np.inf:
            weights = self.problem.theta.weights
            whole = max(float(np.abs(weights).max()), float(self.c.max(initial=0.0)))
        if radius < WORTH * whole:
            return 0.0, np.nan, "the conditions hold too roughly to say anything of the loss"
        # What the loss could change by within the radius.
        change = 2 * radius * (stake[0] + radius * stake[1]) if missed > 0 else 0.0
        if missed > max(MISSED * change, n * float(loss.error)):
            return 0.0, np.nan, "kinks and bounds are missed by too much for so small a radius"
        if beside:
            return 0.0, np.nan, "a sample is within rounding of a kink that it is not on"
        slack = fixed + (2 * (first + second * radius) * radius if root > 0 else 0.0)
        return radius, self._upwards(slack / n), ""

    def _gap_costs(self, check: PointCheck) -> float:
        """Multipliers of active bounds times what the point misses the bounds by."""
        point, problem, cost = check.values, self.problem, 0.0
        for i, neuron in enumerate(check.neurons):
            if len(neuron.bound_multipliers):
                u, lower, upper = point.u[i], point.at_lower[i], point.at_upper[i]
                below, above = u - problem.lower[i], problem.upper[i] - u
                gaps, rounding = np.append(below[lower], above[upper]), gamma(2) * np.abs(u)
                gaps = np.abs(gaps) + np.append(rounding[lower], rounding[upper])
                cost += float(neuron.bound_multipliers @ gaps)
        return cost

    # --- collapsed neurons --------------------------------------------------------------------

    def _collapsed(self, point: Values) -> dict[int, NeuronCheck]:
        """Neurons whose product is zero because c_i = 0: both signs are next to them.

        With a_i != 0 (N only) the loss has to be stationary in the function ``relu(<a, x>)`` for
        all a near a_i and both signs. With a_i = 0, neither sign of any ridge may help.
        """
        checks: dict[int, NeuronCheck] = {}
        space, X, s = self.problem.space, self.problem.X, point.s
        if isinstance(space, RestrictedSpace):
            return checks
        for i in np.flatnonzero(self.c == 0).tolist():
            active, kinks = point.active[:, i], point.kinks[:, i]
            concerned = active | kinks
            if not self.a[i].any():
                concerned = np.ones(len(X), dtype=bool)
            elif self.problem.decay is not None and (self.problem.decay * self.a[i]).any():
                continue  # unbalanced, which has its own verdict
            elif not isinstance(space, UnrestrictedSpace):
                continue
            sizes = self.problem.sizes
            rounding = concerned * s.error @ sizes
            allowed = STATIONARITY_TOLERANCE * (concerned * np.abs(s.value)) @ sizes + rounding
            if not self.a[i].any():
                charge = rounding + MERGING * float(np.abs(s.value) @ max_norms(X))
                both = {}
                for sign in (1.0, -1.0):
                    h = merge_kinks(np.zeros(X.shape[1]), X, sign * s.value)
                    if point.at_cone[i]:
                        both[sign] = check_at_norm(
                            self.problem, h, allowed, charge, self.budget, point.zeros(sign)
                        )
                        continue
                    both[sign] = check_neuron(h, allowed=allowed, charge=charge, budget=self.budget)
                order = [Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.HOLDS]
                worst = min(both, key=lambda sign: order.index(both[sign].verdict))
                self.problem.signs[i] = worst
                short = np.maximum(both[1.0].shortfall, both[-1.0].shortfall)
                checks[i] = replace(both[worst], shortfall=short)
                continue
            sums = s.where(active) @ X
            bent = merge_kinks(sums.value, X[kinks], s.value[kinks])
            error = sums.error + (kinks * s.error) @ sizes
            bends = np.abs(bent.weights) @ np.abs(bent.kinks)
            verdict, reason = Verdict.HOLDS, "no neuron near it, of either sign, helps"
            short = bent.terms + error
            if not (bent.terms <= allowed).all():
                short = np.zeros_like(short)
                certain = (np.abs(bent.gradient) > 2 * error).any() or (bends > 2 * error).any()
                verdict = Verdict.VIOLATED if certain else Verdict.UNDECIDED
                reason = "a neuron near it, of one sign, helps: a saddle"
            reason = f"its output weight is 0, and {reason}"
            checks[i] = NeuronCheck(verdict, "smooth", "gradient", reason, short, np.empty(0))
        return checks
