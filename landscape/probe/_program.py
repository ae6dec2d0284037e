"""The convex program behind the probes: scales of given neurons within a seminorm ball.

For fixed directions, ``g - R(Gamma) = rho sum_i tau_i sigma_i relu(<e_i, x>)`` is in the ball of
radius rho iff ``‖sum_{i active} tau_i sigma_i e_i‖_inf <= 1`` on every cell, and the loss of g is a
convex quadratic in tau. A neuron ``u_i = size_i e_i`` of Gamma that is rescaled by t has ``tau =
(t - 1) size_i / rho``; one that is not in Gamma has ``tau >= 0``. In these variables the ball has
radius one whatever rho is. The cells' constraints are found by cutting planes, with the exact
seminorm as the separation oracle; verdicts rest on values with error bounds (Theorem 19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.errors import NumericalError
from landscape.parametrization import Parametrization, max_norms
from landscape.quadratic import TOLERANCE, minimize_quadratic
from landscape.rounding import SLACK_SHARE, Array, Bounded, gamma, is_zero_loss
from landscape.seminorm import GradientOracle

#: Changes of the loss count as zero up to this times what a ball of this radius can change the
#: loss by at first order. The certificates' own tolerance is 1e-9.
PROBE_TOLERANCE = 1e-8
#: A cell's constraint counts as met up to this, relative to the radius; the solution is then moved
#: into the ball.
CELL_TOLERANCE = 1e-9
MAX_ROUNDS = 200
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
    s: Bounded  #: Residuals, of shape (n,).
    exponents: tuple[int, int]  #: Inputs and targets were divided by these powers of two.

    @classmethod
    def of(cls, theta: Parametrization, X: Array, y: Array) -> NetworkValues:
        """The values; :class:`NumericalError` where they leave the range of floats."""
        size = np.abs(y).max(initial=0.0)
        if size == 0:
            size = np.abs(X).max() * max_norms(theta.products).sum()
        seen = np.abs(X[:, theta.weights.any(axis=0)]).max(initial=0.0)
        exponents = int(np.frexp(seen)[1]), int(np.frexp(size)[1])
        return cls._of(theta, _shifted(X, -exponents[0]), _shifted(y, -exponents[1]), exponents)

    @classmethod
    def _of(
        cls, theta: Parametrization, X: Array, y: Array, exponents: tuple[int, int]
    ) -> NetworkValues:
        _, own = np.frexp(max_norms(theta.weights))
        rows = _shifted(theta.weights, -own[:, None])
        outputs = _shifted(theta.output_weights, own + exponents[0] - exponents[1])
        ridges = (Bounded.exact(rows) @ X.T).relu()
        s = ridges.T @ outputs - Bounded.exact(y)
        if not (np.isfinite(s.error).all() and np.isfinite(ridges.error).all()):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        return cls(rows, outputs, X, y, ridges, s, exponents)

    def on_data(self, other: Parametrization) -> Bounded:
        """Another network's values on the data, in these units."""
        return self._of(other, self.X, np.zeros_like(self.y), self.exponents).s

    def change_to(self, other: Parametrization) -> Bounded:
        """Change of the loss from this network to another one."""
        return self.change(self.on_data(other) - Bounded.exact(self.y) - self.s)

    def change(self, d: Bounded) -> Bounded:
        """Change of the loss when d (n,) is added to the values, without cancellation."""
        return _mean_product(self.s + self.s + d, d)

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
        """Mean squared error."""
        return _mean_product(self.s, self.s)

    @property
    def is_zero(self) -> bool:
        """Whether the loss is zero up to ``GLOBAL_SHARE``, as the certificates understand it."""
        return is_zero_loss(self.loss, self.y, np.abs(self.outputs) @ self.ridges.value)

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
        self.linear = factor * (features @ values.s.value)
        self.hessian = factor * (features @ features.T)
        self.oracle = oracle or GradientOracle(np.vstack([rows, -rows[-1:]][: 1 + offset]))

    def change(self, tau: Array) -> Bounded:
        """Change of the loss, without cancellation."""
        return self.values.change(self.features.T @ (self.radius * tau))

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
        objective, box = (self.radius * self.hessian, self.linear), (self.low, self.high)
        for rounds in range(1, MAX_ROUNDS + 1):
            constraints = np.vstack([cells, -cells]), np.ones(2 * len(cells))
            tau, duals, status = minimize_in_box(*objective, *constraints, *box)
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
        return Solution(tau, cells, multipliers, rounds, feasible)

    def lower_bound(self, solution: Solution) -> float:
        """A bound on the change over the ball, rounding included: the better of two dual points.

        That of the program's solution, and that of the centre without multipliers: where the
        scales are stationary the loss, convex in them, falls nowhere (Theorem 13).
        """
        tau, multipliers, cells = solution.tau, solution.multipliers, solution.cells
        return max(self._dual_bound(t * tau, t * multipliers, cells) for t in (0.0, 1.0))

    def _dual_bound(self, tau: Array, multipliers: Array, cells: Array) -> float:
        """By weak duality, for any tau and any multipliers >= 0.

        For any d_0, ``(s + d)^2 - s^2 >= 2 (s + d_0) d - d_0^2``. With d_0 the change at tau that
        is linear in the scales; over the cells it is bounded by their multipliers and, for what
        these leave over, by the bounds of the scales.
        """
        values, n = self.values, self.values.y.size
        d = (self.features.T @ (self.radius * tau)).value
        r = values.s + Bounded.exact(d)
        slope = self.features @ r.value
        slope = slope + Bounded(np.zeros(tau.size), self.features.size @ r.error)
        weights = 0.5 * n * multipliers
        rest = slope + Bounded.exact(weights[:, 0] - weights[:, 1]) @ cells
        # Bounds of the scales, moved outwards by their rounding.
        ends = np.array([self.low * (1 + 1e-15), self.high * (1 + 1e-15)])
        products = ends[:, None] * np.array([rest.value - rest.error, rest.value + rest.error])
        least = products.min(axis=(0, 1))
        total = 2 * self.radius * float(least.sum() - weights.sum())
        size = 2 * self.radius * float(np.abs(least).sum() + weights.sum())
        lost = float(d @ d)
        return (total - lost - gamma(weights.size + tau.size + n) * (size + lost)) / n


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
