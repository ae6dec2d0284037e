"""The exact minimum of the loss over a small ball around a realization (Theorem 12).

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

from landscape.objective import check_data, residual_scale
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._program import CELL_TOLERANCE, ScaleProgram
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
    """``1/2 min_i ‖u_i‖_inf``: in smaller balls of R(N*) only the scales are free (Theorem 12).

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


def has_zero_residual(theta: Parametrization, X: Array, y: Array) -> bool:
    """Whether all residuals are zero up to rounding: then no realization is better."""
    noise = 64 * np.finfo(float).eps * residual_scale(theta, X, y)
    return bool((np.abs(realize(theta, X) - y) <= noise).all())


def rounding_noise(theta: Parametrization, X: Array, y: Array) -> float:
    """What rounding of the residuals amounts to in :func:`first_order_scale`."""
    terms = residual_scale(theta, X, y)
    return 64 * np.finfo(float).eps * 2.0 / len(y) * float(terms @ np.abs(X).sum(axis=1))


def undisputed_radius(theta: Parametrization, space: Space) -> float:
    """Smaller balls contain nothing but rescalings: 0 where that is not known."""
    rigidity = rigidity_radius(theta)
    if isinstance(space, RestrictedSpace):
        return rigidity
    if theta.opposite_pairs() or rigidity == 0:
        return 0.0
    return min(rigidity, flip_gap(theta)[0] / (1 + 3 * theta.n_neurons))


def probe_realization(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    radius: float,
    space: Space,
    oracle: GradientOracle | None = None,
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
    oracle : GradientOracle, optional
        ``GradientOracle(theta.weights)``, where several balls around theta are probed: its cells
        are half of the work.

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
    if has_zero_residual(theta, inputs, targets):
        return _global(theta, radius, float(s @ s) / s.size)
    used = max_norms(theta.products) > 0
    if oracle is not None and not np.array_equal(oracle.weights, theta.weights[used]):
        raise ValueError("oracle: it is not for the (contributing) weights of theta")
    if not np.isfinite(radius):
        raise ValueError("radius: infinite only makes sense where the residual is zero")
    scale = first_order_scale(s, inputs)
    tolerance = radius * (PROBE_TOLERANCE * scale + rounding_noise(theta, inputs, targets))
    rescaling = _Rescaling.of(theta, inputs, s, radius, space, oracle)
    program = rescaling.program
    solution = program.solve()
    tau = solution.tau
    lower_bound = program.lower_bound(solution)
    obstacle = _beyond(theta, radius, space)
    change = program.change(tau)
    if change >= 0:
        tau, change = np.zeros_like(tau), 0.0
    witness, distance = None, np.nan
    if change < 0:
        witness, distance = rescaling.witness(tau), program.distance(tau)
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
        scales=rescaling.scales(tau),
        multipliers=solution.multipliers.ravel(),
        n_cuts=len(solution.cells),
        n_iter=solution.rounds,
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


@dataclass(frozen=True, eq=False)
class _Rescaling:
    """The program for the scales of theta's own neurons; neurons without product are left out."""

    theta: Parametrization
    program: ScaleProgram
    used: NDArray[np.intp]
    norms: Array

    @classmethod
    def of(
        cls,
        theta: Parametrization,
        X: Array,
        s: Array,
        radius: float,
        space: Space,
        oracle: GradientOracle | None,
    ) -> _Rescaling:
        norms = max_norms(theta.products)
        used = np.flatnonzero(norms > 0)
        norms = norms[used]
        low, high = scale_bounds(theta.products[used], radius, space)
        program = ScaleProgram(
            theta.products[used] / norms[:, None],
            theta.signs[used],
            X,
            s,
            radius,
            low,
            high,
            # Directions unchanged: not those of the units, which are rounded.
            oracle or GradientOracle(theta.weights[used]),
        )
        return cls(theta, program, used, norms)

    def scales(self, tau: Array) -> Array:
        scales = np.ones(self.theta.n_neurons)
        scales[self.used] += tau * self.program.radius / self.norms
        return scales

    def witness(self, tau: Array) -> Parametrization:
        return self.theta.scale(self.scales(tau))


def scale_bounds(products: Array, radius: float, space: Space) -> tuple[Array, Array]:
    """Bounds of ``tau_i = (t_i - 1) ‖u_i‖ / rho``: positive scales, within the bounds of Omega."""
    norms = max_norms(products)
    # A jump is at most twice the gradients beside it: |tau_i| <= 2.
    low = np.maximum(-2.0, -norms / radius)
    high = np.full(len(norms), 2.0)
    if isinstance(space, RestrictedSpace):
        smallest = products[:, -2:].min(axis=1)
        low = np.maximum(low, np.minimum(0.0, (space.margin / smallest - 1.0) * norms / radius))
        if np.isfinite(space.bound):
            high = np.minimum(high, np.maximum(0.0, (space.bound - norms) / radius))
    return low, high


def check_by_definition(
    theta: Parametrization, other: Parametrization, X: Array, y: Array
) -> tuple[float, float]:
    """Seminorm distance of two networks and loss(theta) - loss(other), from the networks alone."""
    before, after = realize(theta, X) - y, realize(other, X) - y
    gap = float((before - after) @ (before + after)) / len(y)
    return sobolev_distance(theta, other).upper, gap
