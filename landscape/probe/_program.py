"""The convex program behind the probes: scales of given neurons within a seminorm ball.

For fixed directions, ``g - R(Gamma) = rho sum_i tau_i sigma_i relu(<e_i, x>)`` with max-norm units
``e_i`` is in the ball of radius rho iff ``‖sum_{i active} tau_i sigma_i e_i‖_inf <= 1`` on every
cell, and the loss of g is a convex quadratic in tau. A neuron of Gamma that is rescaled by t has
``tau = (t - 1) ‖u_i‖ / rho``; one that is not in Gamma has ``tau >= 0``. In these variables the
ball has radius one whatever rho is. The cells' constraints are found by cutting planes, with the
exact seminorm as the separation oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.probe._qp import minimize_quadratic
from landscape.seminorm import GradientOracle

__all__ = ["CELL_TOLERANCE", "ScaleProgram", "Solution"]

Array = NDArray[np.float64]

#: A cell's constraint counts as met up to this, relative to the radius.
CELL_TOLERANCE = 1e-9
MAX_ROUNDS = 200
#: Cells that are added per round.
CUTS = 8


@dataclass(frozen=True, eq=False)
class Solution:
    """The minimum over the ball, up to tolerances.

    Attributes
    ----------
    tau : array of shape (k,)
    cells : array of shape (c, k)
        ``|cells @ tau| <= 1`` are the constraints of the final program.
    multipliers : array of shape (c, 2)
        Of both signs.
    rounds : int
        Quadratic programs solved.
    feasible : bool
        Whether the ball and the box have a point in common.
    """

    tau: Array
    cells: Array
    multipliers: Array
    rounds: int
    feasible: bool


class ScaleProgram:
    """Minimize ``<q, tau> + rho/2 <tau, H tau>``, the change of the loss divided by rho.

    Parameters
    ----------
    units : array of shape (k, d)
        Directions e_i of max-norm one.
    signs : array of shape (k,)
    X : array of shape (n, d)
    s : array of shape (n,)
        Residuals of R(Gamma).
    radius : float
        rho.
    low, high : arrays of shape (k,)
        Bounds of tau; a jump is at most twice the gradients beside it, so ``|tau_i| <= 2`` (up to
        neurons on the same hyperplane) loses nothing.
    oracle : GradientOracle, optional
        For exactly these units.
    """

    def __init__(
        self,
        units: Array,
        signs: Array,
        X: Array,
        s: Array,
        radius: float,
        low: Array,
        high: Array,
        oracle: GradientOracle | None = None,
    ) -> None:
        self.radius, self.low, self.high = radius, low, high
        self.directions = signs[:, None] * units
        # What each neuron adds to the values at the samples per unit of tau, over rho.
        features = signs * np.maximum(X @ units.T, 0.0)
        self.linear = 2.0 / s.size * (features.T @ s)
        self.hessian = 2.0 / s.size * (features.T @ features)
        self.oracle = oracle or GradientOracle(units)

    def change(self, tau: Array) -> float:
        """Change of the loss, computed without cancellation."""
        return self.radius * float(
            self.linear @ tau + 0.5 * self.radius * (tau @ self.hessian @ tau)
        )

    def distance(self, tau: Array) -> float:
        """Exact seminorm of the difference, from the scales and not from two networks."""
        return self.radius * self.oracle.maximize(tau[:, None] * self.directions).upper

    def solve(self) -> Solution:
        """Cutting planes: programs with more and more cells until none is violated."""
        k = self.low.size
        cells = np.empty((0, k))
        known: set[bytes] = set()
        central = bool((self.low <= 0).all() and (self.high >= 0).all())
        feasible = True
        rounds = 0
        while True:
            rounds += 1
            right = np.ones(2 * len(cells))
            found = minimize_quadratic(
                self.radius * self.hessian,
                self.linear,
                np.vstack([cells, -cells]),
                right,
                self.low,
                self.high,
            )
            tau = found.x
            # Around the centre there is always a point. Elsewhere a program that cannot be solved
            # is mostly one that has none.
            feasible = found.feasible and (found.solved or central)
            if not feasible or rounds >= MAX_ROUNDS:
                break
            new: list[Array] = []
            for violation in self.oracle.violated(
                tau[:, None] * self.directions, 1.0 + CELL_TOLERANCE / 2, limit=CUTS
            ):
                for row in (violation.pattern[:, None] * self.directions).T[
                    np.abs(violation.gradient) > 1.0
                ]:
                    # A cell that is violated though it is known: the solver's inaccuracy.
                    if row.tobytes() not in known:
                        known.add(row.tobytes())
                        new.append(row)
            if not new:
                break
            cells = np.vstack([cells, *new])
        if central:
            # Into the ball, whatever the program's tolerance: its centre is at tau = 0.
            size = self.oracle.maximize(tau[:, None] * self.directions).upper
            tau = tau / max(1.0, size)
        multipliers = np.zeros((len(cells), 2))
        duals = found.multipliers.reshape(2, -1).T
        multipliers[: len(duals)] = duals  # cells of the last round have none
        return Solution(tau, cells, multipliers, rounds, feasible)

    def lower_bound(self, solution: Solution) -> float:
        """A bound on the change over the ball that holds for any multipliers (weak duality).

        The quadratic lies above its tangent at tau; over the box and the cells the tangent is
        bounded by the multipliers of the cells and, for what they leave over, by the box.
        """
        tau, multipliers = solution.tau, solution.multipliers
        slope = self.linear + self.radius * (self.hessian @ tau)
        rest = slope + (multipliers[:, 0] - multipliers[:, 1]) @ solution.cells
        box = float(np.where(rest > 0, self.low, self.high) @ rest)
        tangent = self.change(tau) / self.radius - float(slope @ tau)
        return self.radius * (tangent - float(multipliers.sum()) + box)
