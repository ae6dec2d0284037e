"""The convex program behind the probes: scales of given neurons within a seminorm ball.

For fixed directions, ``g - R(Gamma) = rho sum_i tau_i sigma_i relu(<e_i, x>)`` is in the ball of
radius rho iff ``‖sum_{i active} tau_i sigma_i e_i‖_inf <= 1`` on every cell, and the loss of g is a
convex quadratic in tau. A neuron ``u_i = size_i e_i`` of Gamma that is rescaled by t has ``tau =
(t - 1) size_i / rho``; one that is not in Gamma has ``tau >= 0``. In these variables the ball has
radius one whatever rho is. The cells' constraints are found by cutting planes, with the exact
seminorm as the separation oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import max_norms
from landscape.probe._values import NetworkValues
from landscape.quadratic import TOLERANCE, minimize_quadratic
from landscape.rounding import Bounded, gamma
from landscape.seminorm import GradientOracle

__all__ = ["CELL_TOLERANCE", "ScaleProgram", "Solution", "minimize_in_box"]

Array = NDArray[np.float64]

#: A cell's constraint counts as met up to this, relative to the radius; the solution is then moved
#: into the ball.
CELL_TOLERANCE = 1e-9
MAX_ROUNDS = 200
#: Cells that are added per round.
CUTS = 8
#: Outcomes of the solver that are worth going on from.
NEAR = ("Solved", "AlmostSolved", "InsufficientProgress")


@dataclass(frozen=True, eq=False)
class Solution:
    """The minimum over the ball, up to tolerances: scales ``tau`` (k,).

    ``|cells @ tau| <= 1`` are the constraints of the last of ``rounds`` programs, ``multipliers``
    (c, 2) theirs, of both signs. Not ``feasible`` if ball and box have no point in common.
    """

    tau: Array
    cells: Array
    multipliers: Array
    rounds: int
    feasible: bool


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
        self.scales = np.eye(len(rows))
        if offset:
            self.scales = np.vstack([self.scales, self.scales[-1:]])
        self.directions = self.scales @ (signs[:, None] * rows)
        # What each neuron adds to the values at the samples per unit of tau, over rho.
        self.features = (Bounded.exact(rows) @ values.X.T).relu() * signs[:, None]
        features = self.features.value
        self.linear = 2.0 / values.y.size * (features @ values.s.value)
        self.hessian = 2.0 / values.y.size * (features @ features.T)
        self.oracle = oracle or GradientOracle(np.vstack([rows, -rows[-1:]]) if offset else rows)

    def change(self, tau: Array) -> Bounded:
        """Change of the loss, without cancellation."""
        return self.values.change(self.features.T @ (self.radius * tau))

    def distance(self, tau: Array) -> float:
        """The seminorm of the difference, from the scales and not from two networks."""
        return self.radius * self._size(tau)

    def _products(self, tau: Array) -> Array:
        return np.asarray((self.scales @ tau)[:, None] * self.directions)

    def _size(self, tau: Array) -> float:
        products = self._products(tau)
        sizes = float(max_norms(products).sum())
        return self.oracle.maximize(products).upper + gamma(len(products)) * sizes

    def solve(self) -> Solution:
        """Cutting planes: programs with more and more cells until none is violated."""
        k = self.low.size
        cells, known = np.empty((0, k)), set[bytes]()
        central = bool((self.low <= 0).all() and (self.high >= 0).all())
        for rounds in range(1, MAX_ROUNDS + 1):
            rows, right = np.vstack([cells, -cells]), np.ones(2 * len(cells))
            hessian = self.radius * self.hessian
            tau, duals, status = minimize_in_box(
                hessian, self.linear, rows, right, self.low, self.high
            )
            # Around the centre there is always a point. Elsewhere a program that cannot be solved
            # is mostly one that has none.
            feasible = "Infeasible" not in status and (status in NEAR or central)
            if not feasible or rounds == MAX_ROUNDS:
                break
            new: list[Array] = []
            for violation in self.oracle.violated(
                self._products(tau), 1.0 + CELL_TOLERANCE / 2, limit=CUTS
            ):
                gradients = (violation.pattern[:, None] * self.directions).T @ self.scales
                for row in gradients[np.abs(violation.gradient) > 1.0]:
                    # A cell that is violated though it is known: the solver's inaccuracy.
                    if row.tobytes() not in known:
                        known.add(row.tobytes())
                        new.append(row)
            if not new:
                break
            cells = np.vstack([cells, *new])
        if central:
            # Into the ball, whatever the program's tolerance: its centre is at tau = 0.
            tau = tau / max(1.0, self._size(tau) * (1 + gamma(k)))
        multipliers = np.zeros((len(cells), 2))
        multipliers[: len(duals) // 2] = duals.reshape(2, -1).T  # the last round's have none
        return Solution(tau, cells, multipliers, rounds, feasible)

    def lower_bound(self, solution: Solution) -> float:
        """A bound on the change over the ball, rounding included: the better of two dual points.

        That of the program's solution, and that of the centre without multipliers: where the
        scales are stationary the loss, convex in them, falls nowhere (Theorem 13).
        """
        tau, multipliers, cells = solution.tau, solution.multipliers, solution.cells
        at_centre = self._dual_bound(0 * tau, 0 * multipliers, cells)
        return max(at_centre, self._dual_bound(tau, multipliers, cells))

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
    found, multipliers, status = minimize_quadratic(np.triu(h / size), q / size, stacked, ends)
    start[free] = found
    return np.clip(start, low, high), multipliers[2 * n :] * size, status
