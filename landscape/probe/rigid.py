r"""The minimum of the loss over a small ball around a realization (Theorem 12).

For ``rho < 1/2 min_i ‖u_i‖`` the ball of radius rho in R(N*) around R(Gamma) consists of
``sum_i sigma_i t_i relu(<u_i, x>)`` with ``‖sum_{i active} sigma_i (t_i - 1) u_i‖_inf <= rho`` on
every cell: a polytope in the scales t, on which the loss is a convex quadratic. What is claimed
rests on a dual bound that is recomputed with error bounds, whatever the solver's tolerances.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from landscape.losses import Loss, WeightDecay, decay_rows, get_weight_decay
from landscape.objective import check_data, n_biases
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._program import NetworkValues, ScaleProgram
from landscape.rounding import Array, gamma
from landscape.seminorm import GradientOracle
from landscape.spaces import BalancedSpace, RestrictedSpace, Space
from landscape.stability import flip_gap
from landscape.stability.flips import has_offset
from landscape.verdict import Verdict

ZERO_RESIDUAL = "the residual is zero: no realization is better"


@dataclass(frozen=True)
class Probe:
    """What is known about R(Gamma) as a minimum of the loss on a ball around it.

    ``holds``: no realization in the ball is better by more than ``tolerance``; ``violated``: the
    witness is; ``undecided``: see ``reason``.
    """

    verdict: Verdict  #: As above.
    radius: float  #: Of the ball, in the W^{1,inf} seminorm.
    #: What counts as zero for gap and lower bound: ``PROBE_TOLERANCE`` of what a realization at
    #: that distance can change the loss by at first order, at most ``SLACK_SHARE`` of the loss.
    tolerance: float
    regime: str  #: "rigid", "beyond" or "global" (zero residual: nothing can be better).
    reason: str  #: A sentence.
    scales: Array  #: The scales t_i of the witness (m,); ones without a witness.
    multipliers: Array  #: Of the cells' constraints in the final quadratic program.
    gap: float = 0.0  #: Loss at the centre minus the best loss found in the ball, at least 0.
    #: On L(g) - L(R(Gamma)) over the ball, from duality, proved for the rationals that parameters
    #: and data are (Theorem 19); -inf where there is none.
    lower_bound: float = -np.inf
    distance: float = np.nan  #: Exact seminorm distance of the witness from the centre.
    witness: Parametrization | None = None  #: The best network found in the ball.
    n_cuts: int = 0  #: Constraints in the final program.
    n_iter: int = 0  #: Programs solved.


def rigidity_radius(theta: Parametrization) -> float:
    """``1/2 min_i ‖u_i‖_inf``: in smaller balls of R(N*) only the scales are free.

    Examples
    --------
    >>> rigidity_radius(Parametrization([[2.0, 1.0], [1.0, 1.0]], [2.0, 1.0]))
    0.5
    """
    return 0.5 * float(max_norms(theta.products).min())


def undisputed_radius(theta: Parametrization, space: Space) -> float:
    """Smaller balls contain nothing but rescalings (Theorem 12): 0 where that is not known.

    In N' and N neurons can be turned around, ``relu(z) = z + relu(-z)``, if their linear parts
    cancel (Lemma A.3), up to what a frozen offset takes up. Averaging antipodal cells, the linear
    part of the difference is at most (1 + m) rho; rescaling changes that of the flipped ones by at
    most 2 m rho.
    """
    hidden = theta.n_neurons - has_offset(space)
    norms = max_norms(theta.products)
    rigidity = 0.5 * float(norms[:hidden].min(initial=np.inf))
    if isinstance(space, RestrictedSpace):
        return rigidity
    if rigidity == 0 or theta.opposite_pairs() or theta.redundant_pairs():
        return 0.0
    gap = flip_gap(theta, space=space)[0] - gamma(theta.n_neurons) * float(norms.sum())
    return min(rigidity, max(0.0, gap) / (1 + 3 * theta.n_neurons))


def probe_realization(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    radius: float,
    space: Space,
    oracle: GradientOracle | None = None,
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Probe:
    """Minimize the loss over the ball of ``radius`` around R(theta) in R(space).

    Exact for N* and ``radius < rigidity_radius(theta)``; on N' only while, in addition, turning
    neurons around leads out of the ball (their flip gap is large enough). In larger balls
    rescalings are searched all the same: they can show ``violated``, never ``holds``.
    At a local minimum of N* ``holds`` is *forced* (Theorem 13): it checks certificate and probe
    against each other, not the paper.

    Parameters
    ----------
    theta : Parametrization
        In the space.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, ``space.embed(features)``, and the targets.
    radius : float
        Positive; inf where the residual is zero.
    space : RestrictedSpace or BalancedSpace
    oracle : GradientOracle, optional
        ``GradientOracle(theta.weights)``, where several balls around theta are probed: its cells
        are half of the work.
    loss, weight_decay
        See :func:`landscape.certify_minimum`. Losses are convex in the scales, and a weight decay
        is linear in them (Theorem 38).

    Raises
    ------
    ValueError
        If theta is not in the space, the radius is not positive, or the space is unrestricted.

    Examples
    --------
    One neuron with the best scale: nothing within its rigid ball is better.

    >>> from landscape import Parametrization, RestrictedSpace
    >>> theta = Parametrization.from_products([[1.4, 1.0, 1.0]], [1.0])
    >>> X, y = [[1.0, 1.0, -1.0], [2.0, 1.0, -1.0]], [1.0, 3.0]
    >>> probe = probe_realization(theta, X, y, radius=0.5, space=RestrictedSpace(3, 1))
    >>> probe.verdict, probe.regime
    (<Verdict.HOLDS: 'holds'>, 'rigid')
    """
    if not isinstance(space, BalancedSpace):
        raise ValueError(f"space: expected the restricted or balanced space, got {space.name}")
    if not radius > 0:
        raise ValueError(f"radius: expected a positive number, got {radius!r}")
    values = values_in(theta, X, y, space, loss, weight_decay)
    if values.is_zero:
        size, ones = float(values.loss.size) * values.unit**2, np.ones(theta.n_neurons)
        found = Verdict.HOLDS, radius, size, "global", ZERO_RESIDUAL, ones, np.empty(0)
        return Probe(*found, lower_bound=-size)
    if not np.isfinite(radius):
        raise ValueError("radius: infinite only makes sense where the residual is zero")
    used = theta.weights[max_norms(theta.products) > 0]
    if oracle is not None and not np.array_equal(oracle.weights, used):
        raise ValueError("oracle: it is not for the (contributing) weights of theta")
    return probe_scales(theta, values, radius, space, _beyond(theta, radius, space), oracle)


def values_in(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    space: BalancedSpace,
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> NetworkValues:
    """The values of a network of the space; ValueError where it is none, or data do not fit."""
    inputs, targets = check_data(X, y, space.n_inputs)
    if violations := space.violations(theta):
        raise ValueError(f"theta: not in the {space.name} space: {violations[0].message}")
    decay, rows = get_weight_decay(weight_decay), None
    if decay is not None:
        rows = decay_rows(decay, space.n_inputs, n_biases(space))
    return NetworkValues.of(theta, inputs, targets, loss=loss, decay=rows)


def probe_scales(
    theta: Parametrization,
    values: NetworkValues,
    radius: float,
    space: Space,
    obstacle: str = "",
    oracle: GradientOracle | None = None,
) -> Probe:
    """Minimize over the scales in the ball, and say what that shows.

    ``obstacle`` says why the ball may hold more than rescalings, and is empty if it does not. A
    frozen offset, which may vanish, has no scale and gets no witness.
    """
    frozen = has_offset(space)
    contribute = max_norms(theta.products) > 0
    contribute[theta.n_neurons - frozen :] = True
    used, own = np.flatnonzero(contribute), radius / values.slope_unit
    low, high = (ends[used] for ends in scale_bounds(values, own, space))
    signs = np.where(values.outputs[used] < 0, -1.0, 1.0)
    program = ScaleProgram(values, values.rows[used], signs, own, low, high, oracle, frozen)
    solution = program.solve()
    tau, tolerance = solution.tau, values.claimed(own)
    lower_bound = -np.inf if obstacle else program.lower_bound(solution)
    change, distance = program.change(tau), program.distance(tau)
    gap, area = max(0.0, -float(change.value)), values.unit**2
    if gap > tolerance + float(change.error) and distance <= own:
        verdict, reason = Verdict.VIOLATED, "rescaling its neurons gives a better realization"
    elif obstacle:
        verdict, reason = Verdict.UNDECIDED, obstacle
    elif lower_bound >= -tolerance:
        verdict, reason = Verdict.HOLDS, "the ball holds only rescalings, and none is better"
    else:
        verdict, shown = Verdict.UNDECIDED, (lower_bound * area, tolerance * area)
        reason = "the dual bound {:.3g} does not reach the tolerance {:.3g}".format(*shown)
    scales, moved = np.ones(theta.n_neurons), gap > 0 and not frozen
    if moved:
        scales[used] += tau * own / np.abs(values.outputs[used])
    return Probe(
        verdict=verdict,
        radius=radius,
        tolerance=area * tolerance,
        regime="beyond" if obstacle else "rigid",
        reason=reason,
        scales=scales,
        gap=area * gap,
        lower_bound=area * lower_bound,
        distance=values.slope_unit * distance if gap > 0 else np.nan,
        witness=theta.scale(scales) if moved else None,
        multipliers=solution.multipliers.ravel(),
        n_cuts=len(solution.cells),
        n_iter=solution.rounds,
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
    most = undisputed_radius(theta, space)
    why = "neurons are opposite (C.3) or may be turned around inside the ball"
    return f"radius {radius:.3g} >= {most:.3g}: {why}" if radius >= most else ""


def scale_bounds(values: NetworkValues, radius: float, space: Space) -> tuple[Array, Array]:
    """Bounds (m,) of ``tau_i = (t_i - 1) size_i / rho``: positive scales, within those of Omega.

    A jump is at most twice the gradients beside it, so ``|tau_i| ‖e_i‖ <= 2`` (up to neurons on the
    same hyperplane) loses nothing. A frozen offset has none: the sum of the gradients of two
    antipodal cells bounds its change by m rho, m with the offset (Theorem 12).
    """
    norms, sizes = max_norms(values.rows), np.abs(values.outputs)
    real = np.where(norms > 0, norms, 1.0)
    low, high = np.maximum(-2.0 / real, -sizes / radius), 2.0 / real
    if has_offset(space):
        high[-1] = len(norms) / real[-1]
        low[-1] = -high[-1]
    if isinstance(space, RestrictedSpace):
        # A difference that would be lost in rounding: exactly.
        unit = Fraction(values.slope_unit)
        least = values.rows[:, -2:].min(axis=1).tolist()
        for i, size in enumerate(map(Fraction, sizes.tolist())):
            below = float(Fraction(space.margin) / unit / Fraction(least[i]) - size)
            low[i] = max(low[i], min(0.0, below / radius))
            if np.isfinite(space.bound):
                above = float(Fraction(space.bound) / unit / Fraction(norms[i]) - size)
                high[i] = min(high[i], max(0.0, above / radius))
    return low, high
