"""Certificates: is a parametrization a local minimum of the loss, and with what radius (notes 6).

The radius is that of Proposition 1.2: for all Theta in the space with ``‖Theta - Gamma‖_inf <= r``
the loss is at least that of Gamma, see (9). It needs no Hessian and no sampling, and covers weak
and flat minima.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.effective import EffectiveProblem, State
from landscape.first_order import STATIONARITY_TOLERANCE, PointCheck, check_point, tolerances
from landscape.parametrization import Parametrization, max_norms
from landscape.rational_check import ExactMinimum, prove_minimum
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.stationarity import Budget, NeuronCheck, Verdict, check_neuron, merge_kinks

__all__ = ["Certificate", "activation_key", "certify_minimum"]

Array = NDArray[np.float64]


#: Certified radii are shrunk until their slack is at most this share of the loss.
SLACK_SHARE = 1e-6


@dataclass(frozen=True)
class Certificate:
    """What is known about a parametrization as a local minimum.

    Attributes
    ----------
    verdict : Verdict
        ``holds``: a local minimum on the space; ``violated``: not; ``undecided``.
    reason : str
        A sentence, in terms of the neuron concerned.
    kind : str
        ``"global"`` (zero residual), ``"smooth"``, ``"kinks"`` or ``"mixed kinks"``.
    method : str
        How the neurons with the hardest conditions were decided.
    loss : float
        Mean squared error.
    stationarity : float
        Largest residual of the first-order conditions, relative to the terms they sum.
    tolerance : float
        What counts as zero for ``stationarity``.
    radius : float
        ``r_cell``, max-norm in the parameters (A, c): a radius in the sense of (9). inf where the
        residual is zero, nan unless the verdict is ``holds``.
    slack : float
        Within that radius the loss is at least ``loss - slack``: what the residuals of the
        conditions, multiplied out over the box, and rounding can amount to. Where it would exceed
        ``SLACK_SHARE`` of the loss, the radius is made smaller instead.
    n_kinks : int
        Pairs of a neuron and a sample on its kink.
    n_silent : int
        Neurons that contribute nothing on any sample.
    direction : array of shape (m, d) or None
        A direction of descent in product coordinates ``sigma_i, u_i = |c_i| a_i``, where there is
        one; on lifted data it keeps the bounds. With an offset its last row is that of e.
    slope : float
        Derivative of the loss along it.
    multipliers : tuple of arrays
        Per neuron, those of its kinks.
    violations : tuple of str
        How theta leaves the space; only C.2 (parallel neurons, on N*'s border) may occur.
    proved : bool or None
        With ``exact=True``: whether the minimum next to theta was proved in rational arithmetic.
    proof : ExactMinimum or None
        With ``exact=True``: the exact point, its distance, the radius that is left, or the reason
        why there is no proof.
    """

    verdict: Verdict
    reason: str
    kind: str
    method: str
    loss: float
    stationarity: float
    tolerance: float
    radius: float
    slack: float
    n_kinks: int
    n_silent: int
    direction: Array | None
    slope: float
    multipliers: tuple[Array, ...]
    violations: tuple[str, ...]
    proved: bool | None = None
    proof: ExactMinimum | None = None

    @property
    def is_minimum(self) -> bool:
        """Whether the verdict is ``holds``."""
        return self.verdict is Verdict.HOLDS


def certify_minimum(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    budget: Budget | None = None,
    exact: bool = False,
    penalty: ArrayLike | None = None,
) -> Certificate:
    """Decide whether ``theta`` is a local minimum of the loss on ``space``.

    Parameters
    ----------
    theta : Parametrization
        In the space; parallel neurons are allowed and reported in ``violations``.
    X : array_like of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array_like of shape (n,)
    space : Space
    budget : Budget, optional
        For mixed kinks, see :class:`landscape.stationarity.Budget`.
    exact : bool
        Re-check in exact rational arithmetic, after moving the parameters to the exact minimizer
        of their face, see :func:`landscape.rational_check.prove_minimum`. Not with a penalty.
    penalty : array_like of shape (d,), optional
        Adds ``sum_ij penalty_j u_ij^2`` to the loss, ``u_i = |c_i| a_i``. It is in ``loss``, and
        the test and the radius are those of the sum.

    Returns
    -------
    certificate : Certificate

    Raises
    ------
    ValueError
        If theta is not in the space (other than by parallel neurons) or the data do not fit, or
        with both ``exact`` and a penalty.

    Examples
    --------
    >>> from landscape import Parametrization, UnrestrictedSpace, certify_minimum
    >>> theta = Parametrization([[1.0]], [1.0])
    >>> X, y = [[1.0], [2.0]], [1.0, 2.5]
    >>> certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1)).verdict
    <Verdict.VIOLATED: 'violated'>
    >>> theta = Parametrization([[1.2]], [1.0])
    >>> certificate = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1))
    >>> certificate.verdict, round(certificate.radius, 6)
    (<Verdict.HOLDS: 'holds'>, 1.2)

    The exact minimum is next to it: 6/5 is not a float.

    >>> proof = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1), exact=True).proof
    >>> proof.proved, proof.products, 0 < proof.distance < 1e-16
    (True, ((Fraction(6, 5),),), True)
    """
    problem = EffectiveProblem.build(theta, X, y, space, penalty)
    if exact and problem.penalty is not None:
        raise ValueError("exact: the proof in rational arithmetic does not cover a penalty")
    violations = space.violations(theta)
    for violation in violations:
        if violation.condition != "C.2":
            raise ValueError(f"theta: not in the {space.name} space: {violation.message}")
    certificate = _certify(
        problem.in_own_units(), theta, X, budget, tuple(v.message for v in violations)
    )
    if not exact:
        return certificate
    if certificate.is_minimum:
        proof = prove_minimum(problem, np.asarray(X, dtype=float))
    else:
        proof = ExactMinimum(
            False, f"not certified in floating-point numbers: {certificate.reason}"
        )
    return replace(certificate, proved=proof.proved, proof=proof)


def _certify(
    problem: EffectiveProblem,
    theta: Parametrization,
    X: ArrayLike,
    budget: Budget | None,
    violations: tuple[str, ...],
) -> Certificate:
    """The certificate in floating-point numbers."""
    state = problem.state()
    z = problem.preactivations(state)
    s = problem.residuals(state, z)
    loss = float(s @ s) / s.size + problem.penalty_value(state.u)
    special = _zero_neurons(problem, theta, s, budget)
    check = check_point(problem, state, budget, instead=special)
    inputs = np.asarray(X, dtype=float)
    exact_fit = bool((np.abs(s) <= 64 * np.finfo(float).eps * problem.term_sizes(state)).all())
    exact_fit &= problem.penalty_value(state.u) == 0.0
    common = {
        "loss": loss,
        "n_kinks": int(check.kinks.sum()),
        "n_silent": int(np.sum(~((z > 0) & ~check.kinks).any(axis=0))),
        "multipliers": tuple(neuron.multipliers for neuron in check.neurons),
        "violations": violations,
        "tolerance": max(
            [STATIONARITY_TOLERANCE]
            + [
                STATIONARITY_TOLERANCE * neuron.tolerance / tol
                for neuron, tol in zip(check.neurons, tolerances(problem, state, s, z), strict=True)
                if neuron.method == "milp"
            ]
        ),
    }
    if exact_fit:
        return Certificate(
            verdict=Verdict.HOLDS,
            reason="the residual is zero: a global minimum",
            kind="global",
            method="residual",
            stationarity=0.0,
            radius=np.inf,
            slack=loss,
            direction=None,
            slope=0.0,
            **common,
        )
    kinds = {neuron.kind for neuron in check.neurons}
    kind = "smooth"
    if "mixed kinks" in kinds:
        kind = "mixed kinks"
    elif "convex kinks" in kinds:
        kind = "kinks"
    methods = sorted({neuron.method for neuron in check.neurons})
    holds = check.verdict is Verdict.HOLDS
    radius, slack = np.nan, np.nan
    if holds:
        radius = cell_radius(problem, theta, inputs, check)
        radius, slack = _within_slack(
            lambda r: _slack(problem, theta, s, z, check, r), radius, SLACK_SHARE * loss
        )
    return Certificate(
        verdict=check.verdict,
        reason=check.reason,
        kind=kind,
        method=", ".join(methods),
        stationarity=check.stationarity,
        radius=radius,
        slack=min(loss, slack) if holds else np.nan,
        direction=None
        if check.direction is None
        else problem.product_direction(check.direction, check.direction_offset),
        slope=check.slope,
        **common,
    )


def cell_radius(
    problem: EffectiveProblem, theta: Parametrization, inputs: Array, check: PointCheck
) -> float:
    """``r_cell`` of notes 6: within it every pair off its kink keeps its side.

    The sign of an output weight matters only to neurons with kinks or active bounds: on a smooth
    neuron the loss is the same convex quadratic in ``c_i a_i`` on both sides of c_i = 0.
    """
    m = len(problem.signs)
    a, c = theta.weights[:m], np.abs(theta.output_weights[:m])
    norms = np.abs(inputs).sum(axis=1)
    seen = norms > 0
    rounding = 4 * inputs.shape[1] * np.finfo(float).eps * max_norms(a)
    reach = np.abs(inputs[seen] @ a.T) / norms[seen, None] - rounding[None, :]
    kinks = check.kinks[seen]
    # A neuron with zero output weight has its kinks where its weight vector puts them.
    zero = (c == 0) & (max_norms(a) > 0)
    kinks = np.where(zero[None, :], reach <= 1e-11 * max_norms(a)[None, :], kinks)
    limits = [np.inf]
    if (~kinks).any():
        limits.append(float(reach[~kinks].min()))
    at_lower, at_upper = problem.touched(problem.state())
    signed = (kinks.any(axis=0) | (at_lower | at_upper).any(axis=1)) & (c > 0)
    if signed.any():
        limits.append(float(c[signed].min()))
    return max(0.0, min(limits) * (1 - 1e-12))


def _slack(
    problem: EffectiveProblem,
    theta: Parametrization,
    s: Array,
    z: Array,
    check: PointCheck,
    radius: float,
) -> float:
    """How far below the loss the first-order conditions' residuals allow to get in the box."""
    m, d = len(problem.signs), theta.n_inputs
    sizes = np.abs(theta.output_weights[:m]) + max_norms(theta.weights[:m]) + radius
    reach = np.sqrt(d) * 2 * radius * sizes * problem.stretch
    dropped = 0.25 * tolerances(problem, problem.state(), s, z) * check.kinks.any(axis=0)
    residuals = np.array([np.linalg.norm(neuron.residual) for neuron in check.neurons])
    total = float((residuals + dropped) @ reach)
    total += 2 * float(np.abs(s) @ (np.abs(z) * check.kinks).sum(axis=1))
    if problem.column is not None:
        total += check.offset_residual * radius
    # What evaluating the loss at theta loses to rounding.
    total += 4 * np.finfo(float).eps * float(np.abs(s) @ problem.term_sizes(problem.state()))
    return 2.0 / s.size * total


def _within_slack(
    slack_of: Callable[[float], float], radius: float, limit: float
) -> tuple[float, float]:
    """The largest radius up to a given one at which the slack keeps a limit, and that slack.

    Where terms cancel badly (huge opposite neurons), the residuals of the conditions, multiplied
    out over the whole cell, would leave nothing of the statement.
    """
    slack = slack_of(radius)
    for _ in range(60):
        if slack <= limit:
            break
        radius *= 0.5
        slack = slack_of(radius)
    return radius, slack


def _zero_neurons(
    problem: EffectiveProblem, theta: Parametrization, s: Array, budget: Budget | None
) -> dict[int, NeuronCheck]:
    """Neurons whose product is zero because c_i = 0: both signs are next to them.

    With a_i != 0 (N only) the loss has to be stationary in the function ``relu(<a, x>)`` for all a
    near a_i and both signs. With a_i = 0, neither sign of any ridge may help.
    """
    checks: dict[int, NeuronCheck] = {}
    if isinstance(problem.space, RestrictedSpace):
        return checks
    X, norms = problem.X, problem.norms
    noise = 64 * np.finfo(float).eps * problem.term_sizes(problem.state())
    for i in range(len(problem.signs)):
        if theta.output_weights[i] != 0:
            continue
        if (theta.weights[i] == 0).all():
            tolerance = float((STATIONARITY_TOLERANCE * np.abs(s) + noise) @ norms)
            both = [
                check_neuron(
                    merge_kinks(np.zeros(X.shape[1]), X, sign * s),
                    tolerance=tolerance,
                    budget=budget,
                )
                for sign in (1.0, -1.0)
            ]
            order = [Verdict.VIOLATED, Verdict.UNDECIDED, Verdict.HOLDS]
            checks[i] = min(both, key=lambda check: order.index(check.verdict))
            continue
        if not isinstance(problem.space, UnrestrictedSpace):
            continue
        weights = theta.weights[i]
        if problem.units is not None:
            weights = problem.units.into(weights[None, :])[0]
        z = X @ weights
        kink = np.abs(z) <= 1e-11 * norms * np.abs(weights).max()
        concerned = (z > 0) | kink
        tolerance = float((STATIONARITY_TOLERANCE * np.abs(s) + noise) @ (norms * concerned))
        gradient = X.T @ (s * ((z > 0) & ~kink))
        bends = merge_kinks(gradient, X[kink], s[kink])
        missing = float(np.linalg.norm(bends.gradient) + np.abs(bends.weights).sum())
        holds = missing <= max(tolerance, np.finfo(float).tiny)
        checks[i] = NeuronCheck(
            Verdict.HOLDS if holds else Verdict.VIOLATED,
            "smooth",
            "gradient",
            gradient,
            max(tolerance, np.finfo(float).tiny),
            "its output weight is 0, and no neuron near it, of either sign, "
            + ("helps" if holds else "is stationary: a saddle"),
        )
    return checks


def activation_key(theta: Parametrization, X: ArrayLike, *, space: Space) -> str:
    """A key that two minima share iff they are the same on the data (notes 5).

    That is: the same activation cell, kinks included, and signs, up to permutation and to shifts
    that the data do not see. Neurons that are silent on all samples count as one kind.
    """
    problem = EffectiveProblem.build(theta, X, np.zeros(len(np.asarray(X))), space)
    problem = problem.in_own_units()
    state: State = problem.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    cells = np.where(kinks, 0, np.sign(z)).astype(np.int8)
    rows = []
    for i, sign in enumerate(problem.signs):
        silent = not (cells[:, i] > 0).any()
        rows.append(b"silent" if silent else bytes([int(sign > 0)]) + cells[:, i].tobytes())
    return hashlib.sha256(b"|".join(sorted(rows))).hexdigest()[:16]
