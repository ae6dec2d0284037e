r"""The minimum of the loss over a small ball around a realization (Theorem 12).

For ``rho < 1/2 min_i ‖u_i‖`` the ball of radius rho in R(N*) around R(Gamma) consists of
``sum_i sigma_i t_i relu(<u_i, x>)`` with ``‖sum_{i active} sigma_i (t_i - 1) u_i‖_inf <= rho`` on
every cell: a polytope in the scales t, on which the loss is a convex quadratic. Its facets are
found by cutting planes, with the exact seminorm as the separation oracle. What is claimed rests on
a dual bound that is recomputed with error bounds, whatever the solver's tolerances.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._program import ScaleProgram, Solution
from landscape.probe._values import PROBE_TOLERANCE, NetworkValues
from landscape.rounding import gamma
from landscape.seminorm import GradientOracle
from landscape.spaces import BalancedSpace, RestrictedSpace, Space
from landscape.stability import flip_gap
from landscape.verdict import Verdict

__all__ = ["PROBE_TOLERANCE", "Probe", "probe_realization", "rigidity_radius"]

Array = NDArray[np.float64]


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
        On ``L(g) - L(R(Gamma))`` over the ball, from duality, proved for the rationals that
        parameters and data are (Theorem 19); -inf where there is none.
    tolerance : float
        What counts as zero for gap and lower bound: at most ``PROBE_TOLERANCE`` of what a
        realization at that distance can change the loss by at first order, and at most
        ``SLACK_SHARE`` of the loss.
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
    """``1/2 min_i ‖u_i‖_inf``: in smaller balls of R(N*) only the scales are free.

    Examples
    --------
    >>> rigidity_radius(Parametrization([[2.0, 1.0], [1.0, 1.0]], [2.0, 1.0]))
    0.5
    """
    return 0.5 * float(max_norms(theta.products).min())


def undisputed_radius(theta: Parametrization, space: Space) -> float:
    """Smaller balls contain nothing but rescalings: 0 where that is not known."""
    rigidity = rigidity_radius(theta)
    if isinstance(space, RestrictedSpace):
        return rigidity
    if theta.opposite_pairs() or rigidity == 0:
        return 0.0
    return min(rigidity, certain_flip_gap(theta) / (1 + 3 * theta.n_neurons))


def certain_flip_gap(theta: Parametrization) -> float:
    """The flip gap of Lemma A.3 less its rounding."""
    rounding = gamma(theta.n_neurons) * float(max_norms(theta.products).sum())
    return max(0.0, flip_gap(theta)[0] - rounding)


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

    At a local minimum of N* the verdict on such a ball is *forced* (Theorem 13): the ball holds
    only rescalings; the scales are stationary, because no direction ``±u_i`` descends; and the loss
    is convex in them. So ``holds`` there checks certificate and probe against each other, not the
    paper. What is not forced are larger balls (:func:`landscape.probe.search_ball`), N'
    (:func:`landscape.probe.examine_minimum`), networks that are no minima of N*
    (:mod:`landscape.study.converse`) and other norms (:mod:`landscape.uniform`).

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
    values = NetworkValues.of(theta, inputs, targets)
    if values.is_zero:
        return _global(theta, radius, values)
    if not np.isfinite(radius):
        raise ValueError("radius: infinite only makes sense where the residual is zero")
    used = np.flatnonzero(max_norms(theta.products) > 0)
    if oracle is None:
        # Directions unchanged: a multiple of them would be rounded.
        oracle = GradientOracle(theta.weights[used])
    elif not np.array_equal(oracle.weights, theta.weights[used]):
        raise ValueError("oracle: it is not for the (contributing) weights of theta")
    own = radius / values.slope_unit
    low, high = scale_bounds(values, own, space)
    found = decide_scales(values, used, own, low, high, oracle, _beyond(theta, radius, space))
    return found.probe(theta, radius)


@dataclass(frozen=True, eq=False)
class Rescaling:
    """What the program for the scales of the neurons ``used`` decides, in the values' units."""

    values: NetworkValues
    used: NDArray[np.intp]
    program: ScaleProgram
    solution: Solution
    tau: Array
    verdict: Verdict
    gap: float
    lower_bound: float
    tolerance: float
    distance: float
    obstacle: str
    reason: str

    def probe(self, theta: Parametrization, radius: float) -> Probe:
        """The record of a network of a balanced space, in its own units."""
        scales = np.ones(theta.n_neurons)
        sizes = np.abs(self.values.outputs[self.used])
        scales[self.used] += self.tau * self.program.radius / sizes
        area = self.values.unit**2
        return Probe(
            verdict=self.verdict,
            radius=radius,
            gap=area * self.gap,
            lower_bound=area * self.lower_bound,
            tolerance=area * self.tolerance,
            distance=self.values.slope_unit * self.distance,
            witness=theta.scale(scales) if self.gap > 0 else None,
            scales=scales,
            multipliers=self.solution.multipliers.ravel(),
            n_cuts=len(self.solution.cells),
            n_iter=self.solution.rounds,
            regime="beyond" if self.obstacle else "rigid",
            reason=self.reason,
        )


def decide_scales(
    values: NetworkValues,
    used: NDArray[np.intp],
    radius: float,
    low: Array,
    high: Array,
    oracle: GradientOracle,
    obstacle: str = "",
) -> Rescaling:
    """Minimize over the scales in the ball, and say what that shows.

    Parameters
    ----------
    values : NetworkValues
    used : int array of shape (k,)
        Neurons that contribute.
    radius : float
        In the units of the values.
    low, high : arrays of shape (m,)
        Bounds of tau.
    oracle : GradientOracle
    obstacle : str
        Why the ball may hold more than rescalings; empty if it does not.
    """
    signs = np.where(values.outputs[used] < 0, -1.0, 1.0)
    program = ScaleProgram(values, values.rows[used], signs, radius, low[used], high[used], oracle)
    solution = program.solve()
    tau, tolerance = solution.tau, values.claimed(radius)
    lower_bound = -np.inf if obstacle else program.lower_bound(solution)
    change, distance = program.change(tau), program.distance(tau)
    gap = -float(change.value)
    if gap <= 0:
        tau, gap, distance = np.zeros_like(tau), 0.0, np.nan
    if gap > tolerance + float(change.error) and distance <= radius:
        verdict, reason = Verdict.VIOLATED, "rescaling its neurons gives a better realization"
    elif obstacle:
        verdict, reason = Verdict.UNDECIDED, obstacle
    elif lower_bound >= -tolerance:
        verdict, reason = Verdict.HOLDS, "the ball holds only rescalings, and none is better"
    else:
        verdict = Verdict.UNDECIDED
        shown = np.array([lower_bound, tolerance]) * values.unit**2
        reason = f"the dual bound {shown[0]:.3g} does not reach the tolerance {shown[1]:.3g}"
    return Rescaling(
        values,
        used,
        program,
        solution,
        tau,
        verdict,
        gap,
        lower_bound,
        tolerance,
        distance,
        obstacle,
        reason,
    )


def _global(theta: Parametrization, radius: float, values: NetworkValues) -> Probe:
    loss = float(values.loss.size) * values.unit**2
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
    norms = zip(np.abs(theta.output_weights), max_norms(theta.weights), strict=True)
    least = min(Fraction(float(c)) * Fraction(float(a)) for c, a in norms)
    if 2 * Fraction(radius) >= least:
        half = f"1/2 min ‖u_i‖ = {rigidity_radius(theta):.3g}"
        return f"radius {radius:.3g} >= {half}: neurons can be exchanged"
    if isinstance(space, RestrictedSpace):
        return ""
    # In N' a neuron may be turned around, relu(z) = z + relu(-z), if the linear parts of those
    # that are turned cancel. Averaging antipodal cells, the linear part of the difference is at
    # most (1 + m) rho; rescaling changes that of the flipped ones by at most 2 m rho.
    if theta.opposite_pairs():
        return "the network has opposite neurons (C.3): the ball is not described by scales"
    gap, needed = certain_flip_gap(theta), (1 + 3 * theta.n_neurons) * radius
    if gap <= needed:
        return f"flip gap {gap:.3g} <= {needed:.3g}: neurons may be turned around inside the ball"
    return ""


def scale_bounds(values: NetworkValues, radius: float, space: Space) -> tuple[Array, Array]:
    """Bounds of ``tau_i = (t_i - 1) size_i / rho``: positive scales, within the bounds of Omega.

    A jump is at most twice the gradients beside it, so ``|tau_i| ‖e_i‖ <= 2`` (up to neurons on the
    same hyperplane) loses nothing.
    """
    norms, sizes = max_norms(values.rows), np.abs(values.outputs)
    real = np.where(norms > 0, norms, 1.0)
    low, high = np.maximum(-2.0 / real, -sizes / radius), 2.0 / real
    if isinstance(space, RestrictedSpace):
        # A difference that would be lost in rounding: exactly.
        margin = Fraction(space.margin) / Fraction(values.slope_unit)
        for i, (size, row) in enumerate(zip(sizes, values.rows, strict=True)):
            last = Fraction(float(row[-2:].min()))
            left = Fraction(float(size)) - margin / last
            low[i] = max(low[i], min(0.0, -float(left) / radius))
            if np.isfinite(space.bound):
                most = Fraction(space.bound) / Fraction(values.slope_unit) / Fraction(norms[i])
                high[i] = min(high[i], max(0.0, float(most - Fraction(float(size))) / radius))
    return low, high
