"""The convex program behind the probes: scales of given neurons within a seminorm ball.

For fixed directions, ``g - R(Gamma) = rho sum_i tau_i sigma_i relu(<e_i, x>)`` is in the ball of
radius rho iff ``‖sum_{i active} tau_i sigma_i e_i‖_inf <= 1`` on every cell, and the loss of g is a
convex quadratic in tau. A neuron ``u_i = size_i e_i`` of Gamma that is rescaled by t has ``tau =
(t - 1) size_i / rho``; one that is not in Gamma has ``tau >= 0``. In these variables the ball has
radius one whatever rho is. The cells' constraints are found by cutting planes, with the exact
seminorm as the separation oracle; verdicts rest on values with error bounds (Theorem 19).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.corners import minimize_corners, supported
from landscape.errors import NumericalError
from landscape.losses import HingeLoss, KinkedLoss, Loss, get_loss, needs_loss
from landscape.parametrization import Parametrization, max_norms
from landscape.quadratic import TOLERANCE, minimize_quadratic
from landscape.rounding import (
    GLOBAL_SHARE,
    KINK_FACTOR,
    SLACK_SHARE,
    Array,
    Bounded,
    Mask,
    gamma,
    is_zero_loss,
)
from landscape.seminorm import GradientOracle

#: Changes of the loss count as zero up to this times what a ball of this radius can change the
#: loss by at first order. The certificates' own tolerance is 1e-9.
PROBE_TOLERANCE = 1e-8
#: A cell's constraint counts as met up to this, relative to the radius; the solution is then moved
#: into the ball.
CELL_TOLERANCE = 1e-9
MAX_ROUNDS = 200
#: Programs per round, of losses that are no squares.
NEWTON_STEPS = 30
#: Cells that are added per round.
CUTS = 8
#: Outcomes of the solver that are worth going on from.
NEAR = ("Solved", "AlmostSolved", "InsufficientProgress")


@dataclass(frozen=True, eq=False)
class NetworkValues:
    """A network on data with error bounds, in units in which inputs and targets are of size one."""

    rows: Array  #: The weight vectors times powers of two: exact, of max-norm in [1/2, 1) or 0.
    outputs: Array  #: The output weights that go with them, exact.
    X: Array
    y: Array
    ridges: Bounded  #: ``relu(<rows_i, x_k>)``, of shape (m, n).
    r: Bounded  #: Residuals, or values for losses that are none of differences, of shape (n,).
    exponents: tuple[int, int]  #: Inputs and targets were divided by these powers of two.
    sample_loss: Loss | None = None  #: Another than the square, a function of r.
    decay: Array | None = None  #: The weight decay is ``sum_i ‖decay u_i‖_2``, (k, d).

    @classmethod
    def of(
        cls, theta: Parametrization, X: Array, y: Array, *,
        loss: str | Loss | None = None, decay: Array | None = None,
    ) -> NetworkValues:  # fmt: skip
        """The values; :class:`NumericalError` where they leave the range of floats.

        Targets of another loss than the square keep their unit.
        """
        own = None
        if needs_loss(loss, None) or decay is not None:
            y, own = get_loss(loss).on(y)
        size = np.abs(y).max(initial=0.0)
        if size == 0:
            size = np.abs(X).max() * max_norms(theta.products).sum()
        seen = np.abs(X[:, theta.weights.any(axis=0)]).max(initial=0.0)
        exponents = int(np.frexp(seen)[1]), int(np.frexp(size)[1]) if own is None else 0
        data = _shifted(X, -exponents[0]), _shifted(y, -exponents[1])
        return replace(cls._of(theta, *data, exponents), sample_loss=own, decay=decay)

    @cached_property
    def s(self) -> Bounded:
        """Half the derivatives of the losses: of the squared one the residuals, (n,)."""
        return self.r if self.sample_loss is None else self.sample_loss.bounded(self.r)[1]

    @cached_property
    def gaps(self) -> Bounded:
        """How far behind the corners of the loss samples are, (n,); infinite without corners."""
        if not isinstance(self.sample_loss, KinkedLoss):
            return Bounded.exact(np.full(self.y.size, np.inf))
        return self.r - Bounded.exact(self.sample_loss.pieces()[0])

    @cached_property
    def bent(self) -> Mask:
        """Samples on the corners of their loss, up to rounding, (n,)."""
        return np.asarray(np.abs(self.gaps.value) <= KINK_FACTOR * self.gaps.error)

    def slopes_towards(self, sign: float) -> Array:
        """The s_k, one-sided on corners, when all values rise (+1) or fall (-1), (n,)."""
        s = self.s.value
        if isinstance(self.sample_loss, KinkedLoss):
            _, low, high = self.sample_loss.pieces()
            s = np.where(self.bent, high if sign > 0 else low, s)
        return s

    @classmethod
    def _of(
        cls, theta: Parametrization, X: Array, y: Array, exponents: tuple[int, int]
    ) -> NetworkValues:
        _, own = np.frexp(max_norms(theta.weights))
        rows = _shifted(theta.weights, -own[:, None])
        outputs = _shifted(theta.output_weights, own + exponents[0] - exponents[1])
        ridges = (Bounded.exact(rows) @ X.T).relu()
        r = ridges.T @ outputs - Bounded.exact(y)
        if not (np.isfinite(r.error).all() and np.isfinite(ridges.error).all()):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        return cls(rows, outputs, X, y, ridges, r, exponents)

    def on_data(self, other: Parametrization) -> Bounded:
        """Another network's values on the data, in these units."""
        return self._of(other, self.X, np.zeros_like(self.y), self.exponents).r

    def change_to(self, other: Parametrization) -> Bounded:
        """Change of the loss from this network to another one, weight decay included."""
        change = self.change(self.on_data(other) - Bounded.exact(self.y) - self.r)
        if self.decay is None:
            return change
        products = np.abs(other.output_weights[:, None]) * other.weights
        after = float(np.linalg.norm(products @ self.decay.T, axis=1).sum())
        before = float(self.penalties(self.rows) @ np.abs(self.outputs))
        lost = np.array(self._lost(after + before))
        return change + Bounded(np.array(after - before), lost)

    def penalties(self, rows: Array) -> Array:
        """What a neuron of these directions adds to the weight decay, per unit of its size."""
        if self.decay is None:
            return np.zeros(len(rows))
        return self.slope_unit * np.linalg.norm(rows @ self.decay.T, axis=1)

    def _lost(self, size: float) -> float:
        """Rounding of sums of penalties of that size."""
        return gamma(sum(self.rows.shape) + 8) * size

    def change(self, d: Bounded) -> Bounded:
        """Change of the mean loss when d (n,) is added to the values, without cancellation.

        Between ``l'(r) d`` and ``l'(r + d) d``, as losses are convex (Theorem 38).
        """
        if self.sample_loss is None:
            return _mean_product(self.s + self.s + d, d)
        (before, s), (after, there) = map(self.sample_loss.bounded, (self.r, self.r + d))
        ones = Bounded.exact(np.ones(d.value.size))
        if isinstance(self.sample_loss, KinkedLoss):  # linear where no corner is passed
            gaps = self.gaps, self.gaps + d
            linear = gaps[0].positive & gaps[1].positive | gaps[0].negative & gaps[1].negative
            return _mean_product((s + s).where(linear), d) + _mean_product(
                (after - before).where(~linear), ones
            )
        whole = _mean_product(after - before, ones)
        ends = _mean_product(s + s, d), _mean_product(there + there, d)
        low = max(float(whole.value - whole.error), float(ends[0].value - ends[0].error))
        high = min(float(whole.value + whole.error), float(ends[1].value + ends[1].error))
        middle = 0.5 * (low + high)
        away = np.nextafter(max(high - middle, middle - low), np.inf) * (1 + 4e-16)
        return Bounded(np.array(middle), np.array(away))

    @property
    def unit(self) -> float:
        """Unit of values; that of the loss is its square."""
        return float(np.ldexp(1.0, self.exponents[1]))

    @property
    def slope_unit(self) -> float:
        """Unit of gradients, and of seminorms."""
        return float(np.ldexp(1.0, self.exponents[1] - self.exponents[0]))

    @property
    def loss(self) -> Bounded:
        """Mean squared error, or the mean of other losses with the weight decay."""
        if self.sample_loss is None:
            return _mean_product(self.r, self.r)
        losses = self.sample_loss.bounded(self.r)[0]
        mean = _mean_product(losses, Bounded.exact(np.ones(self.y.size)))
        penalty = float(self.penalties(self.rows) @ np.abs(self.outputs))
        return mean + Bounded(np.array(penalty), np.array(self._lost(penalty)))

    @property
    def is_zero(self) -> bool:
        """Whether the loss is zero up to ``GLOBAL_SHARE``, as the certificates understand it."""
        if self.decay is not None:
            return False
        if isinstance(self.sample_loss, HingeLoss):
            return float(self.loss.size) <= GLOBAL_SHARE**0.5
        if not getattr(self.sample_loss, "of_residuals", True):
            return False
        square = _mean_product(self.r, self.r)
        return is_zero_loss(square, self.y, np.abs(self.outputs) @ self.ridges.value)

    def tolerance(self, distance: float) -> float:
        """Which change of the loss counts as zero at that seminorm distance.

        As ``|g(x) - R(x)| <= |g - R|_{W^{1,inf}} ‖x‖_1``, a realization at distance one changes the
        loss by at most ``(2/n) sum_k |s_k| ‖x_k‖_1`` at first order.
        """
        reach = 2.0 / self.y.size * float(np.abs(self.s.value) @ np.abs(self.X).sum(axis=1))
        return PROBE_TOLERANCE * distance * reach

    def claimed(self, radius: float) -> float:
        """The largest tolerance of ``holds``: more than `SLACK_SHARE` of the loss says nothing."""
        least = max(0.0, float(self.loss.value - self.loss.error))
        return min(self.tolerance(radius), SLACK_SHARE * least)


def _mean_product(x: Bounded, y: Bounded) -> Bounded:
    """The inner product of two vectors, by their length."""
    n = x.value.size
    error = x.error @ y.size + np.abs(x.value) @ y.error
    error = error * (1 + gamma(n)) + gamma(n + 4) * (np.abs(x.value) @ np.abs(y.value))
    return Bounded(np.asarray(x.value @ y.value / n), np.asarray((error + n * 2.0**-1073) / n))


def _shifted(values: Array, exponents: NDArray[np.intp] | int) -> Array:
    """Times powers of two, exactly."""
    with np.errstate(over="ignore", under="ignore"):
        shifted = np.ldexp(values, exponents)
        if not np.array_equal(np.ldexp(shifted, -np.asarray(exponents)), values):
            raise NumericalError("weights and data are of sizes too different for floats")
    return np.asarray(shifted)


@dataclass(frozen=True, eq=False)
class Solution:
    """The minimum over the ball, up to tolerances, at ``tau`` (k,)."""

    tau: Array
    cells: Array  #: ``|cells @ tau| <= 1`` are the constraints of the final program, (c, k).
    multipliers: Array  #: Theirs, of both signs, (c, 2).
    rounds: int  #: Quadratic programs solved.
    feasible: bool  #: Whether the ball and the box have a point in common.
    slopes: Array | None = None  #: Of losses with corners, the s_k that support the minimum, (n,).


class ScaleProgram:
    """Minimize ``<q, tau> + rho/2 <tau, H tau>``, the change of the loss divided by rho.

    ``values`` are R(Gamma) on the data, and the units of all that follows; ``rows`` (k, d) the
    directions e_i, of any length, with ``signs``; ``radius`` is rho; tau is in [low, high].
    ``oracle`` is for exactly these directions. With ``offset`` the last neuron is a frozen one, a
    constant for the inputs (x, 1): on either side of its hyperplane it is the same linear function.
    """

    def __init__(
        self,
        values: NetworkValues,
        rows: Array,
        signs: Array,
        radius: float,
        low: Array,
        high: Array,
        oracle: GradientOracle | None = None,
        offset: bool = False,
    ) -> None:
        self.values, self.radius, self.low, self.high = values, radius, low, high
        # Which scale belongs to which direction: the last one to e and to -e where it is linear.
        self.scales = np.vstack([np.eye(len(rows)), np.eye(len(rows))[-1:]][: 1 + offset])
        self.directions = self.scales @ (signs[:, None] * rows)
        # What each neuron adds to the values at the samples per unit of tau, over rho.
        self.features = (Bounded.exact(rows) @ values.X.T).relu() * signs[:, None]
        features, factor = self.features.value, 2.0 / values.y.size
        #: Of the weight decay, which is linear in the scales.
        self.pull = values.penalties(rows)
        self.linear = factor * (features @ values.s.value) + self.pull
        self.hessian = factor * (features @ features.T)
        self.oracle = oracle or GradientOracle(np.vstack([rows, -rows[-1:]][: 1 + offset]))
        self._slopes: Array | None = None  # of the last program

    def change(self, tau: Array) -> Bounded:
        """Change of the loss, without cancellation."""
        change = self.values.change(self.features.T @ (self.radius * tau))
        if self.values.decay is None:
            return change
        terms = self.radius * self.pull * tau
        lost = gamma(terms.size + self.values.X.shape[1] + 8) * float(np.abs(terms).sum())
        return change + Bounded(np.array(float(terms.sum())), np.array(lost))

    def distance(self, tau: Array) -> float:
        """The seminorm of the difference, from the scales and not from two networks."""
        products = self._products(tau)
        rounding = gamma(len(products)) * float(max_norms(products).sum())
        return self.radius * (self.oracle.maximize(products).upper + rounding)

    def _products(self, tau: Array) -> Array:
        return np.asarray((self.scales @ tau)[:, None] * self.directions)

    def solve(self) -> Solution:
        """Cutting planes: programs with more and more cells until none is violated."""
        cells, known = np.empty((0, self.low.size)), set[bytes]()
        central = bool((self.low <= 0).all() and (self.high >= 0).all())
        for rounds in range(1, MAX_ROUNDS + 1):
            tau, duals, status = self._minimize(cells)
            # Around the centre there is always a point. Elsewhere a program that cannot be solved
            # is mostly one that has none.
            feasible = "Infeasible" not in status and (status in NEAR or central)
            if not feasible or rounds == MAX_ROUNDS:
                break
            new: list[Array] = []
            limit = 1.0 + CELL_TOLERANCE / 2
            for violation in self.oracle.violated(self._products(tau), limit, limit=CUTS):
                gradients = (violation.pattern[:, None] * self.directions).T @ self.scales
                # A cell that is violated though it is known: the solver's inaccuracy.
                steep = gradients[np.abs(violation.gradient) > 1.0]
                new += [row for row in steep if row.tobytes() not in known]
                known |= {row.tobytes() for row in steep}
            if not new:
                break
            cells = np.vstack([cells, *new])
        if central:
            # Into the ball, whatever the program's tolerance: its centre is at tau = 0.
            tau = tau / max(1.0, self.distance(tau) / self.radius * (1 + gamma(tau.size)))
        multipliers = np.zeros((len(cells), 2))
        multipliers[: len(duals) // 2] = duals.reshape(2, -1).T  # the last round's have none
        return Solution(tau, cells, multipliers, rounds, feasible, self._slopes)

    def _minimize(self, cells: Array) -> tuple[Array, Array, str]:
        """The least point under the cells' constraints: of other losses by Newton's method."""
        rows, right = np.vstack([cells, -cells]), np.ones(2 * len(cells))
        loss, features, n = self.values.sample_loss, self.features.value, self.values.y.size
        if loss is None:
            objective = self.radius * self.hessian, self.linear
            return minimize_in_box(*objective, rows, right, self.low, self.high)

        if isinstance(loss, KinkedLoss):
            return self._at_corners(loss, rows, right)

        def value(tau: Array) -> float:
            r = self.values.r.value + features.T @ (self.radius * tau)
            return float(loss.value(r).mean()) / self.radius + float(self.pull @ tau)

        tau = np.clip(np.zeros_like(self.low), self.low, self.high)
        for k in range(NEWTON_STEPS):
            r = self.values.r.value + features.T @ (self.radius * tau)
            curvature = loss.half_curvature(r)
            curvature = curvature + 1e-9 * max(1e-9, float(curvature.max()))
            hessian = self.radius * 2.0 / n * (features * curvature) @ features.T
            slope = 2.0 / n * (features @ loss.half_slope(r)) + self.pull
            found, duals, status = minimize_in_box(
                hessian, slope - hessian @ tau, rows, right, self.low, self.high
            )
            move = found - tau
            gain, step, here = -float(slope @ move), 1.0, value(tau)
            if k:  # the first step leads to where the constraints hold
                while step > 1e-9 and value(tau + step * move) > here - 1e-4 * step * gain:
                    step *= 0.5
            tau = tau + step * move
            if k and gain <= 1e-13 * float(np.abs(slope) @ np.abs(found)):
                break
        return tau, duals, status

    def _at_corners(self, loss: KinkedLoss, rows: Array, right: Array) -> tuple[Array, Array, str]:
        """The same of a loss with corners, a linear program: most samples never reach theirs."""
        features, n, fixed = self.features.value, self.values.y.size, self.low >= self.high
        _, low, high = loss.pieces()
        places = -self.values.gaps.value / self.radius
        reach = np.abs(features).T @ np.maximum(np.abs(self.low), np.abs(self.high))
        near = (np.abs(places) <= reach * (1 + 1e-9)) | self.values.bent
        slopes = np.where(places > 0, low, high)
        eye = np.eye(fixed.size)
        found = minimize_corners(
            features.T[near], places[near], 2 / n * low[near], 2 / n * high[near],
            linear=2 / n * (features[:, ~near] @ slopes[~near]) + self.pull,
            rows=np.vstack([eye[fixed], eye[~fixed], -eye[~fixed], rows]),
            right=np.concatenate([self.low[fixed], self.high[~fixed], -self.low[~fixed], right]),
            n_equal=int(fixed.sum()),
        )  # fmt: skip
        slopes[near] = 0.5 * n * found.slopes
        self._slopes = slopes
        status = "Solved" if found.feasible else "PrimalInfeasible"
        duals = found.multipliers[fixed.size + int((~fixed).sum()) :]
        return np.clip(found.x, self.low, self.high), duals, status

    def lower_bound(self, solution: Solution) -> float:
        """A bound on the change over the ball, rounding included: the better of two dual points.

        That of the program's solution, and that of the centre without multipliers: where the
        scales are stationary the loss, convex in them, falls nowhere (Theorem 13).
        """
        tau, multipliers, cells = solution.tau, solution.multipliers, solution.cells
        centre = slopes = solution.slopes
        if slopes is not None:  # stationary as well as may be
            _, low, high = self.values.sample_loss.pieces()  # type: ignore[union-attr]
            free, centre = (slopes > low) & (slopes < high), slopes.copy()
            short = 0.5 * self.values.y.size * self.pull + self.features.value @ centre
            moved = np.linalg.lstsq(self.features.value[:, free], -short, rcond=1e-9)[0]
            centre[free] = np.clip(centre[free] + moved, low[free], high[free])
        return max(
            self._dual_bound(0 * tau, 0 * multipliers, cells, centre),
            self._dual_bound(tau, multipliers, cells, slopes),
        )

    def _dual_bound(
        self, tau: Array, multipliers: Array, cells: Array, slopes: Array | None
    ) -> float:
        """By weak duality, for any tau and any multipliers >= 0.

        For any d_0, ``(s + d)^2 - s^2 >= 2 (s + d_0) d - d_0^2``, and ``l(r + d) - l(r) >= l(r +
        d_0) - l(r) + l'(r + d_0) (d - d_0)`` for other losses (Theorem 38). With d_0 the change at
        tau that is linear in the scales; over the cells it is bounded by their multipliers and,
        for what these leave over, by the bounds of the scales. Of losses with corners any slopes
        between those at the corners do for ``l'`` (Theorem 43.4).
        """
        values, n = self.values, self.values.y.size
        d = (self.features.T @ (self.radius * tau)).value
        r, lost = values.s + Bounded.exact(d), float(d @ d)
        if slopes is not None:
            r, lost = self._supported(slopes)
        elif values.sample_loss is not None:
            r = values.sample_loss.bounded(values.r + Bounded.exact(d))[1]
            missing = _mean_product(r + r, Bounded.exact(d)) - values.change(Bounded.exact(d))
            lost = n * max(0.0, float(missing.value + missing.error)) if d.any() else 0.0
        slope = self.features @ r.value
        slope = slope + Bounded(np.zeros(tau.size), self.features.size @ r.error)
        if values.decay is not None:
            pull = 0.5 * n * self.pull
            slope = slope + Bounded(pull, gamma(values.X.shape[1] + 8) * pull)
        weights = 0.5 * n * multipliers
        rest = slope + Bounded.exact(weights[:, 0] - weights[:, 1]) @ cells
        # Bounds of the scales, moved outwards by their rounding.
        ends = np.array([self.low * (1 + 1e-15), self.high * (1 + 1e-15)])
        products = ends[:, None] * np.array([rest.value - rest.error, rest.value + rest.error])
        least = products.min(axis=(0, 1))
        total = 2 * self.radius * float(least.sum() - weights.sum())
        size = 2 * self.radius * float(np.abs(least).sum() + weights.sum())
        return (total - lost - gamma(weights.size + tau.size + n) * (size + lost)) / n

    def _supported(self, slopes: Array) -> tuple[Bounded, float]:
        """Slopes that support the loss, and by how much less than it they give at the centre."""
        values = self.values
        assert isinstance(values.sample_loss, KinkedLoss)
        below, s = supported(values.sample_loss, slopes, values.r)
        _, low, high = values.sample_loss.pieces()
        # Off the corners, on the side whose slopes these are, nothing is lost.
        own = np.abs(slopes - values.s.value) <= 1e-9 * (high - low)
        own &= values.gaps.positive | values.gaps.negative
        s = Bounded(np.where(own, values.s.value, s.value), np.where(own, values.s.error, s.error))
        lost = (values.sample_loss.bounded(values.r)[0] - below).where(~own)
        total = _mean_product(lost, Bounded.exact(np.ones(own.size)))
        return s, own.size * max(0.0, float(total.value + total.error))


def minimize_in_box(
    hessian: Array, linear: Array, rows: Array, right: Array, low: Array, high: Array
) -> tuple[Array, Array, str]:
    """Minimize ``<linear, x> + 1/2 <x, hessian x>`` over ``rows @ x <= right`` in a finite box.

    Variables whose bounds are equal are kept out of the program. Returns a point of the box, the
    rows' multipliers, and how it ended.
    """
    free = low < high
    start = np.where(free, 0.0, low)
    if not free.any():
        inside = bool((rows @ start <= right + TOLERANCE).all())
        return start, np.zeros(len(right)), "Solved" if inside else "Infeasible"
    q, h, n = (linear + hessian @ start)[free], hessian[np.ix_(free, free)], int(free.sum())
    # The size of the objective sets the solver's tolerance.
    size = float(np.abs(q).max() + np.abs(h).max()) or 1.0
    stacked = np.vstack([np.eye(n), -np.eye(n), rows[:, free]])
    ends = np.concatenate([high[free], -low[free], right - rows @ start])
    start[free], multipliers, status = minimize_quadratic(
        np.triu(h / size), q / size, stacked, ends
    )
    return np.clip(start, low, high), multipliers[2 * n :] * size, status
