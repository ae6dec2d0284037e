"""Minima of N' and N as training finds them: degeneracies, and whether the implication fails.

A realization can be improved at every distance as soon as it needs fewer neurons than there are: a
spare one can be put anywhere, with any small size. Whether there is a spare neuron is decided by
the canonical form and Lemma A.3, whether it helps by the Frank-Wolfe oracle (Theorem 15). Without
degeneracy, small balls contain nothing but rescalings, and the rigid probe decides (Theorem 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.canonical import canonical_form
from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.probe._program import ScaleProgram
from landscape.probe.controls import with_ridge
from landscape.probe.ridge import steepest_ridge
from landscape.probe.rigid import (
    PROBE_TOLERANCE,
    check_by_definition,
    first_order_scale,
    has_zero_residual,
    probe_realization,
    rigidity_radius,
    rounding_noise,
    scale_bounds,
    undisputed_radius,
)
from landscape.realization import realize
from landscape.seminorm import GradientOracle
from landscape.spaces import BalancedSpace, RestrictedSpace, Space, UnrestrictedSpace
from landscape.stability import admissible_flips, flip_gap
from landscape.stationarity import Verdict

__all__ = ["Natural", "Thrift", "examine_minimum", "thrifty"]

Array = NDArray[np.float64]

#: Subsets for the flip gap are enumerated up to this many neurons.
MAX_FLIP_NEURONS = 22


@dataclass(frozen=True, eq=False)
class Thrift:
    """A parametrization of the same realization with as few neurons as are known to suffice.

    Attributes
    ----------
    parametrization : Parametrization
    n_spare : int
        Neurons that it does without.
    reason : str
        Why, or why none.
    """

    parametrization: Parametrization
    n_spare: int
    reason: str


@dataclass(frozen=True, eq=False)
class Natural:
    """Degeneracies of a minimum, and the implication of Proposition 1.2 there.

    Attributes
    ----------
    n_silent : int
        Neurons that are inactive on all samples.
    n_zero : int
        Neurons with product 0: ``c_i = 0`` or ``a_i = 0``.
    imbalance : float
        Largest ``| log(|c_i| / ‖a_i‖_inf) |`` of the others: 0 on N'.
    n_redundant, n_opposite : int
        Pairs of the same and of opposite direction.
    flip_gap : float
        ``min_S ‖sum_S c_i a_i‖_inf`` (Theorem 12); nan beyond 22 neurons.
    n_spare : int
        Neurons that the realization can do without.
    verdict : Verdict
        Of the implication: ``holds`` on the ball of ``radius``; ``violated``: better realizations
        at every distance, of which one at ``distance`` was verified; ``undecided``.
    radius, distance, gap, tolerance : float
        nan where they do not apply.
    reason : str
    """

    n_silent: int
    n_zero: int
    imbalance: float
    n_redundant: int
    n_opposite: int
    flip_gap: float
    n_spare: int
    verdict: Verdict
    radius: float
    distance: float
    gap: float
    tolerance: float
    reason: str


def thrifty(theta: Parametrization) -> Thrift:
    """Write R(theta) with one neuron per hyperplane, if Lemma A.3 allows it.

    With three neurons to spare the linear part that is left over can be had as
    ``relu(z) - relu(-z)``.

    Examples
    --------
    >>> thrifty(Parametrization([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0])).n_spare
    1
    """
    form = canonical_form(theta)
    m, n_planes = theta.n_neurons, len(form.jumps)
    if n_planes == m:
        return Thrift(theta, 0, "its hyperplanes are all different")
    flips = admissible_flips(theta)
    rows, outputs = form.normals.copy(), form.jumps.copy()
    if flips:
        rows[list(flips[0])] *= -1.0
        network = Parametrization(rows, outputs).balance()
        return Thrift(network, m - n_planes, f"{n_planes} hyperplanes, one neuron each")
    if flips is not None and m - n_planes >= 3:
        ends = np.vstack([form.linear, -form.linear])
        network = Parametrization(np.vstack([rows, ends]), np.append(outputs, [1.0, -1.0]))
        reason = f"{n_planes} hyperplanes and a linear function of two neurons"
        return Thrift(network.balance(), m - n_planes - 2, reason)
    return Thrift(theta, 0, "its linear part needs the neurons that share hyperplanes")


def examine_minimum(theta: Parametrization, X: ArrayLike, y: ArrayLike, *, space: Space) -> Natural:
    """Describe a local minimum of N' or N, and decide the implication there as far as known.

    Parameters
    ----------
    theta : Parametrization
        A certified local minimum on the space; parallel neurons are allowed.
    X : array_like of shape (n, d)
        What the network sees.
    y : array_like of shape (n,)
    space : BalancedSpace or UnrestrictedSpace
        With an offset, the frozen neuron is a neuron of its own that is never spare.

    Raises
    ------
    ValueError
        If the space is N*: there degeneracy is excluded.
    """
    if isinstance(space, RestrictedSpace):
        raise ValueError("space: N* excludes degeneracies; probe_realization is for its minima")
    inputs, targets = check_data(X, y, space.n_inputs)
    s = realize(theta, inputs) - targets
    hidden = theta
    frozen = isinstance(space, UnrestrictedSpace) and space.offset
    if frozen:
        hidden = Parametrization(theta.weights[:-1], theta.output_weights[:-1])
    norms, sizes = max_norms(hidden.weights), np.abs(hidden.output_weights)
    real = (norms > 0) & (sizes > 0)
    logs = np.abs(np.log(sizes[real] / norms[real]))
    gap = np.nan
    if theta.n_neurons <= MAX_FLIP_NEURONS:
        gap = flip_gap(theta)[0]
    thrift = _thrift_beside_offset(theta) if frozen else thrifty(theta)
    common: dict[str, Any] = {
        "n_silent": int(np.sum(~(inputs @ hidden.weights.T > 0).any(axis=0))),
        "n_zero": int(np.sum(~real)),
        "imbalance": float(logs.max(initial=0.0)),
        "n_redundant": len(theta.redundant_pairs()),
        "n_opposite": len(theta.opposite_pairs()),
        "flip_gap": float(gap),
        "n_spare": thrift.n_spare,
    }

    def result(verdict: Verdict, reason: str, **values: float) -> Natural:
        numbers = {"radius": np.nan, "distance": np.nan, "gap": np.nan, "tolerance": np.nan}
        return Natural(verdict=verdict, reason=reason, **{**common, **numbers, **values})

    if has_zero_residual(theta, inputs, targets):
        return result(
            Verdict.HOLDS, "the residual is zero: no realization is better", radius=np.inf
        )
    if thrift.n_spare > 0:
        ridge = steepest_ridge(inputs, s, node_limit=0)
        if ridge.is_zero:
            reason = "no ridge helps: optimal among networks of any width"
            return result(Verdict.HOLDS, reason, radius=np.inf)
        values = np.maximum(inputs @ ridge.direction, 0.0)
        best = ridge.value / float(values @ values) if values.any() else 0.0
        t = 1e-3 * best
        product = t * ridge.direction
        better = with_ridge(thrift.parametrization, product, ridge.sign, theta.n_neurons)
        distance, gained = check_by_definition(theta, better, inputs, targets)
        tolerance = PROBE_TOLERANCE * distance * first_order_scale(s, inputs)
        numbers = {"distance": distance, "gap": gained, "tolerance": tolerance}
        near = distance <= float(max_norms(product[None])[0]) * (1 + 1e-6)
        if near and gained > tolerance:
            reason = f"a spare neuron helps at every distance ({thrift.reason})"
            return result(Verdict.VIOLATED, reason, **numbers)
        return result(Verdict.UNDECIDED, "a spare neuron, but it was not seen to help", **numbers)
    if theta.redundant_pairs() or theta.n_neurons > MAX_FLIP_NEURONS:
        return result(Verdict.UNDECIDED, f"shared hyperplanes: {thrift.reason}")
    if frozen:
        verdict, reason, numbers = _probe_beside_offset(theta, inputs, targets)
        return result(verdict, reason, **numbers)
    balanced = theta.balance()
    ball = BalancedSpace(theta.n_inputs, theta.n_neurons)
    radius = 0.98 * undisputed_radius(balanced, ball)
    if radius <= 0:
        return result(Verdict.UNDECIDED, f"opposite or zero neurons: {thrift.reason}")
    probe = probe_realization(balanced, inputs, targets, radius=radius, space=ball)
    return result(
        probe.verdict,
        probe.reason,
        radius=radius,
        distance=probe.distance,
        gap=probe.gap,
        tolerance=probe.tolerance,
    )


def _probe_beside_offset(
    theta: Parametrization, X: Array, y: Array
) -> tuple[Verdict, str, dict[str, float]]:
    """The rigid probe where the last neuron's direction is frozen and its output weight is free.

    The other neurons have to stay on their hyperplanes; the offset may change its sign.
    """
    hidden = Parametrization(theta.weights[:-1], theta.output_weights[:-1])
    m = theta.n_neurons
    if theta.opposite_pairs() or rigidity_radius(hidden) == 0:
        return Verdict.UNDECIDED, "opposite or zero neurons", {}
    radius = 0.98 * min(rigidity_radius(hidden), flip_gap(hidden)[0] / (1 + 3 * m))
    if radius == 0:
        return Verdict.UNDECIDED, "its neurons can be turned around for free (Lemma A.3)", {}
    low, high = scale_bounds(hidden.products, radius, BalancedSpace(theta.n_inputs, m - 1))
    s = realize(theta, X) - y
    program = ScaleProgram(
        np.vstack([unit_directions(hidden.products), unit_directions(theta.weights[-1:])]),
        np.append(hidden.signs, 1.0),
        X,
        s,
        radius,
        np.append(low, -2.0),
        np.append(high, 2.0),
        GradientOracle(theta.weights),
    )
    solution = program.solve()
    change = min(0.0, program.change(solution.tau))
    tolerance = radius * (PROBE_TOLERANCE * first_order_scale(s, X) + rounding_noise(theta, X, y))
    numbers = {"radius": radius, "gap": -change, "tolerance": tolerance}
    if change < -tolerance:
        numbers["distance"] = program.distance(solution.tau)
        return Verdict.VIOLATED, "rescaling its neurons gives a better realization", numbers
    if program.lower_bound(solution) >= -tolerance:
        return Verdict.HOLDS, "the ball holds only rescalings, and none is better", numbers
    return Verdict.UNDECIDED, "the dual bound does not reach the tolerance", numbers


def _thrift_beside_offset(theta: Parametrization) -> Thrift:
    """As `thrifty`, for the neurons before a frozen offset that takes up those of its direction."""
    offset, a, c = theta.weights[-1:], theta.weights[:-1], theta.output_weights[:-1]
    units = unit_directions(a)
    same = (units == offset / np.abs(offset).max()).all(axis=1)
    found = thrifty(Parametrization(a[~same], c[~same])) if (~same).any() else None
    total = theta.output_weights[-1] + float(np.sum(c[same] * max_norms(a[same])))
    last = Parametrization(offset, [total])
    reason = f"{int(same.sum())} neurons join the offset" if same.any() else ""
    if found is None:
        return Thrift(last, int(same.sum()), reason)
    return Thrift(
        Parametrization.concatenate([found.parametrization, last]),
        found.n_spare + int(same.sum()),
        ", ".join(text for text in (reason, found.reason) if text),
    )
