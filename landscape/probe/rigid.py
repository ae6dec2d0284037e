"""The exact minimum of the loss over a small ball around a realization (notes 10).

For ``rho < 1/2 min_i ‖u_i‖`` the ball of radius rho in R(N*) around R(Gamma) consists of
``sum_i sigma_i t_i relu(<u_i, x>)`` with ``‖sum_{i active} sigma_i (t_i - 1) u_i‖_inf <= rho`` on
every cell: a polytope in the scales t, on which the loss is a convex quadratic. In the scaled
variables ``tau_i = (t_i - 1) ‖u_i‖ / rho`` the ball has radius one whatever rho is. Its facets are
found by cutting planes, with the exact seminorm as the separation oracle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.realization import realize
from landscape.seminorm import GradientOracle, sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace, Space
from landscape.stability import flip_gap
from landscape.stationarity import Verdict

__all__ = ["Probe", "first_order_scale", "probe_realization", "rigidity_radius"]

Array = NDArray[np.float64]

#: Changes of the loss count as zero up to this times what a ball of this radius can change the
#: loss at first order. The certificates' own tolerance is 1e-9.
PROBE_TOLERANCE = 1e-8
#: A cell's constraint counts as met up to this, relative to the radius.
CELL_TOLERANCE = 1e-9
MAX_ROUNDS = 200


@dataclass(frozen=True)
class Probe:
    """What is known about R(Gamma) as a minimum of the loss on a ball around it.

    Attributes
    ----------
    verdict : Verdict
        ``holds``: no realization in the ball is better by more than ``tolerance``;
        ``violated``: the witness is; ``undecided``: see ``reason``.
    radius : float
        Of the ball, in the W^{1,inf} seminorm.
    gap : float
        Loss at the centre minus the best loss found in the ball, at least 0.
    lower_bound : float
        On ``L(g) - L(R(Gamma))`` over the ball, from duality; -inf where there is none.
    tolerance : float
        What counts as zero for gap and lower bound.
    distance : float
        Exact seminorm distance of the witness from the centre; nan without a witness.
    witness : Parametrization or None
        The best network found in the ball.
    scales : array of shape (m,)
        Its scales ``t_i``; ones without a witness.
    multipliers : array
        Of the cells' constraints in the final quadratic program.
    n_cuts, n_iter : int
        Constraints in the final program, and programs solved.
    regime : str
        ``"rigid"``, ``"beyond"`` or ``"global"`` (zero residual: nothing can be better).
    reason : str
        A sentence.
    """

    verdict: Verdict
    radius: float
    gap: float
    lower_bound: float
    tolerance: float
    distance: float
    witness: Parametrization | None
    scales: Array
    multipliers: Array
    n_cuts: int
    n_iter: int
    regime: str
    reason: str


def rigidity_radius(theta: Parametrization) -> float:
    """``1/2 min_i ‖u_i‖_inf``: in smaller balls of R(N*) only the scales are free (notes 10).

    Examples
    --------
    >>> rigidity_radius(Parametrization([[2.0, 1.0], [1.0, 1.0]], [2.0, 1.0]))
    0.5
    """
    return 0.5 * float(max_norms(theta.products).min())


def first_order_scale(s: Array, X: Array) -> float:
    """How much a realization at seminorm distance one can change the loss at first order.

    ``|g(x) - R(x)| <= |g - R|_{W^{1,inf}} ‖x‖_1``, so it is ``(2/n) sum_k |s_k| ‖x_k‖_1``.
    """
    return 2.0 / s.size * float(np.abs(s) @ np.abs(X).sum(axis=1))


def probe_realization(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    radius: float,
    space: Space,
) -> Probe:
    """Minimize the loss over the ball of ``radius`` around R(theta) in R(space).

    Exact for N* and ``radius < rigidity_radius(theta)``; on N' only while, in addition, turning
    neurons around leads out of the ball (their flip gap is large enough). In larger balls
    rescalings are searched all the same: they can show ``violated``, never ``holds``.

    Parameters
    ----------
    theta : Parametrization
        In the space.
    X : array_like of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array_like of shape (n,)
    radius : float
        Positive; inf where the residual is zero.
    space : RestrictedSpace or BalancedSpace

    Returns
    -------
    probe : Probe

    Raises
    ------
    ValueError
        If theta is not in the space, the radius is not positive, or the space is unrestricted
        (there the ball has no such description).
    """
    if not isinstance(space, BalancedSpace):
        raise ValueError(f"space: expected the restricted or balanced space, got {space.name}")
    if not radius > 0:
        raise ValueError(f"radius: expected a positive number, got {radius!r}")
    inputs, targets = check_data(X, y, space.n_inputs)
    if violations := space.violations(theta):
        raise ValueError(f"theta: not in the {space.name} space: {violations[0].message}")
    s = realize(theta, inputs) - targets
    sizes = np.abs(inputs).sum(axis=1)
    terms = sizes * float(max_norms(theta.products).sum()) + np.abs(targets)
    if (np.abs(s) <= 64 * np.finfo(float).eps * terms).all():
        return _global(theta, radius, float(s @ s) / s.size)
    if not np.isfinite(radius):
        raise ValueError("radius: infinite only makes sense where the residual is zero")
    scale = first_order_scale(s, inputs)
    noise = 64 * np.finfo(float).eps * 2.0 / s.size * float(terms @ sizes)
    tolerance = radius * (PROBE_TOLERANCE * scale + noise)
    program = _ScaleProgram(theta, inputs, s, radius, space)
    tau, cells, rounds = program.solve()
    lower_bound, multipliers = program.lower_bound(tau, cells)
    obstacle = _beyond(theta, radius, space)
    change = program.change(tau)
    if change >= 0:
        tau, change = np.zeros_like(tau), 0.0
    witness, distance = None, np.nan
    if change < 0:
        witness, distance = program.witness(tau), program.distance(tau)
    if change < -tolerance and distance <= radius * (1 + CELL_TOLERANCE):
        verdict, reason = Verdict.VIOLATED, "rescaling its neurons gives a better realization"
    elif obstacle:
        verdict, reason = Verdict.UNDECIDED, obstacle
    elif lower_bound >= -tolerance:
        verdict, reason = Verdict.HOLDS, "the ball holds only rescalings, and none is better"
    else:
        verdict = Verdict.UNDECIDED
        reason = f"the dual bound {lower_bound:.3g} does not reach the tolerance {tolerance:.3g}"
    return Probe(
        verdict=verdict,
        radius=radius,
        gap=-change,
        lower_bound=-np.inf if obstacle else lower_bound,
        tolerance=tolerance,
        distance=distance,
        witness=witness,
        scales=program.scales(tau),
        multipliers=multipliers,
        n_cuts=len(cells),
        n_iter=rounds,
        regime="beyond" if obstacle else "rigid",
        reason=reason,
    )


def _global(theta: Parametrization, radius: float, loss: float) -> Probe:
    return Probe(
        verdict=Verdict.HOLDS,
        radius=radius,
        gap=0.0,
        lower_bound=-loss,
        tolerance=loss,
        distance=np.nan,
        witness=None,
        scales=np.ones(theta.n_neurons),
        multipliers=np.empty(0),
        n_cuts=0,
        n_iter=0,
        regime="global",
        reason="the residual is zero: no realization is better",
    )


def _beyond(theta: Parametrization, radius: float, space: Space) -> str:
    """Why the ball may hold more than rescalings; empty if it does not."""
    rigidity = rigidity_radius(theta)
    if radius >= rigidity:
        return f"radius {radius:.3g} >= 1/2 min ‖u_i‖ = {rigidity:.3g}: neurons can be exchanged"
    if isinstance(space, RestrictedSpace):
        return ""
    # In N' a neuron may be turned around, relu(z) = z + relu(-z), if the linear parts of those
    # that are turned cancel. Averaging antipodal cells, the linear part of the difference is at
    # most (1 + m) rho; rescaling changes that of the flipped ones by at most 2 m rho.
    if theta.opposite_pairs():
        return "the network has opposite neurons (C.3): the ball is not described by scales"
    gap, _ = flip_gap(theta)
    needed = (1 + 3 * theta.n_neurons) * radius
    if gap <= needed:
        return f"flip gap {gap:.3g} <= {needed:.3g}: neurons may be turned around inside the ball"
    return ""


class _ScaleProgram:
    """The quadratic program in tau: minimize ``<q, tau> + rho/2 <tau, H tau>`` over the cells.

    The objective is the change of the loss divided by rho.
    """

    def __init__(
        self, theta: Parametrization, X: Array, s: Array, radius: float, space: Space
    ) -> None:
        self.theta, self.radius = theta, radius
        self.norms = max_norms(theta.products)
        self.units = theta.products / self.norms[:, None]
        self.directions = theta.signs[:, None] * self.units
        # What each neuron adds to the values at the samples per unit of tau, over rho.
        self.features = theta.signs * np.maximum(X @ self.units.T, 0.0)
        self.linear = 2.0 / s.size * (self.features.T @ s)
        self.hessian = 2.0 / s.size * (self.features.T @ self.features)
        # A jump is at most twice the gradients beside it: |tau_i| <= 2.
        m = theta.n_neurons
        self.low, self.high = np.full(m, -2.0), np.full(m, 2.0)
        # Rescaled neurons stay positive and, on Omega_eps, within its bounds.
        self.low = np.maximum(self.low, -self.norms / radius)
        if isinstance(space, RestrictedSpace):
            smallest = theta.products[:, -2:].min(axis=1)
            lower = np.minimum(0.0, (space.margin / smallest - 1.0) * self.norms / radius)
            self.low = np.maximum(self.low, lower)
            if np.isfinite(space.bound):
                upper = np.maximum(0.0, (space.bound - self.norms) / radius)
                self.high = np.minimum(self.high, upper)
        self.oracle = GradientOracle(theta.weights)
        self._duals = np.zeros(2 * m)

    def change(self, tau: Array) -> float:
        """Change of the loss, computed without cancellation."""
        return self.radius * float(
            self.linear @ tau + 0.5 * self.radius * (tau @ self.hessian @ tau)
        )

    def scales(self, tau: Array) -> Array:
        return 1.0 + tau * self.radius / self.norms

    def witness(self, tau: Array) -> Parametrization:
        return self.theta.scale(self.scales(tau))

    def distance(self, tau: Array) -> float:
        """Exact seminorm of the difference, from the scales and not from two networks."""
        return self.radius * self.oracle.maximize(tau[:, None] * self.directions).upper

    def solve(self) -> tuple[Array, list[Array], int]:
        """Cutting planes: a point of the ball, and the gradients' rows of the cells in use."""
        cells: list[Array] = []
        tau = np.zeros(len(self.norms))
        rounds = 0
        while rounds < MAX_ROUNDS:
            rounds += 1
            tau = self._quadratic_program(cells)
            found = list(
                self.oracle.violated(
                    tau[:, None] * self.directions, 1.0 + CELL_TOLERANCE / 2, limit=8
                )
            )
            if not found:
                break
            for violation in found:
                rows = (violation.pattern[:, None] * self.directions).T
                exceeded = np.abs(violation.gradient) > 1.0
                cells.extend(rows[exceeded])
        # Into the ball, whatever the program's tolerance: the centre is at tau = 0.
        size = self.oracle.maximize(tau[:, None] * self.directions).upper
        return tau / max(1.0, size), cells, rounds

    def _quadratic_program(self, cells: list[Array]) -> Array:
        if not self.linear.any():
            return np.zeros(len(self.norms))
        import clarabel
        from scipy import sparse

        m = len(self.norms)
        # The size of the objective sets the solver's tolerance.
        size = float(np.abs(self.linear).max() + self.radius * np.abs(self.hessian).max())
        rows = np.vstack([np.eye(m), -np.eye(m), *[np.vstack([row, -row]) for row in cells]])
        right = np.concatenate([self.high, -self.low, np.ones(2 * len(cells))])
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
        solution = clarabel.DefaultSolver(
            sparse.triu(sparse.csc_matrix(self.radius * self.hessian / size), format="csc"),
            self.linear / size,
            sparse.csc_matrix(rows),
            right,
            [clarabel.NonnegativeConeT(len(right))],
            settings,
        ).solve()
        self._duals = np.maximum(np.array(solution.z), 0.0) * size
        return np.clip(np.array(solution.x), self.low, self.high)

    def lower_bound(self, tau: Array, cells: list[Array]) -> tuple[float, Array]:
        """A bound on the change over the ball that holds for any multipliers (weak duality).

        The quadratic lies above its tangent at tau; over the box and the cells the tangent is
        bounded by the multipliers of the cells and, for what they leave over, by the box.
        """
        multipliers = np.zeros(2 * len(cells))
        known = self._duals[2 * len(self.norms) :]  # cells of the last round have none
        multipliers[: known.size] = known
        slope = self.linear + self.radius * (self.hessian @ tau)
        rest = slope.copy()
        for row, (up, down) in zip(cells, multipliers.reshape(-1, 2), strict=True):
            rest += (up - down) * row
        box = np.where(rest > 0, self.low, self.high) @ rest
        tangent = self.change(tau) / self.radius - float(slope @ tau)
        return self.radius * (tangent - float(multipliers.sum()) + float(box)), multipliers


def check_by_definition(
    theta: Parametrization, other: Parametrization, X: Array, y: Array
) -> tuple[float, float]:
    """Seminorm distance of two networks and loss(theta) - loss(other), from the networks alone."""
    before, after = realize(theta, X) - y, realize(other, X) - y
    gap = float((before - after) @ (before + after)) / len(y)
    return sobolev_distance(theta, other).upper, gap
