"""Minima of N' and N that training finds: degeneracies, and whether the implication fails.

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
from landscape.probe._values import NetworkValues
from landscape.probe.controls import with_ridge
from landscape.probe.ridge import steepest_ridge
from landscape.probe.rigid import (
    certain_flip_gap,
    decide_scales,
    probe_realization,
    rigidity_radius,
    scale_bounds,
    undisputed_radius,
)
from landscape.realization import realize
from landscape.seminorm import GradientOracle, sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace, Space, UnrestrictedSpace
from landscape.stability import admissible_flips, flip_gap
from landscape.verdict import Verdict

__all__ = ["Natural", "ReducedWidth", "examine_minimum", "reduce_width"]

Array = NDArray[np.float64]

#: Subsets for the flip gap are enumerated up to this many neurons.
MAX_FLIP_NEURONS = 22


@dataclass(frozen=True, eq=False)
class ReducedWidth:
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
        ``min_S ‖sum_S c_i a_i‖_inf`` (Lemma A.3); nan beyond 22 neurons.
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


def reduce_width(theta: Parametrization) -> ReducedWidth:
    """Write R(theta) with one neuron per hyperplane, if Lemma A.3 allows it.

    With three neurons to spare the linear part that is left over can be had as
    ``relu(z) - relu(-z)``.

    Examples
    --------
    >>> reduce_width(Parametrization([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0])).n_spare
    1
    """
    form = canonical_form(theta)
    m, n_planes = theta.n_neurons, len(form.jumps)
    if n_planes == m:
        return ReducedWidth(theta, 0, "its hyperplanes are all different")
    flips = admissible_flips(form)
    rows, outputs = form.normals.copy(), form.jumps.copy()
    if flips:
        rows[list(flips[0])] *= -1.0
        network = Parametrization(rows, outputs).balance()
        return ReducedWidth(network, m - n_planes, f"{n_planes} hyperplanes, one neuron each")
    if flips is not None and m - n_planes >= 3:
        ends = np.vstack([form.linear, -form.linear])
        network = Parametrization(np.vstack([rows, ends]), np.append(outputs, [1.0, -1.0]))
        reason = f"{n_planes} hyperplanes and a linear function of two neurons"
        return ReducedWidth(network.balance(), m - n_planes - 2, reason)
    return ReducedWidth(theta, 0, "its linear part needs the neurons that share hyperplanes")


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
    reduced = _reduced_beside_offset(theta) if frozen else reduce_width(theta)
    common: dict[str, Any] = {
        "n_silent": int(np.sum(~(inputs @ hidden.weights.T > 0).any(axis=0))),
        "n_zero": int(np.sum(~real)),
        "imbalance": float(logs.max(initial=0.0)),
        "n_redundant": len(theta.redundant_pairs()),
        "n_opposite": len(theta.opposite_pairs()),
        "flip_gap": float(gap),
        "n_spare": reduced.n_spare,
    }

    def result(verdict: Verdict, reason: str, **values: float) -> Natural:
        numbers = {"radius": np.nan, "distance": np.nan, "gap": np.nan, "tolerance": np.nan}
        return Natural(verdict=verdict, reason=reason, **{**common, **numbers, **values})

    values = NetworkValues.of(theta, inputs, targets)
    if values.is_zero:
        return result(
            Verdict.HOLDS, "the residual is zero: no realization is better", radius=np.inf
        )
    if reduced.n_spare > 0:
        ridge = steepest_ridge(inputs, s, node_limit=0)
        if ridge.is_zero:
            reason = "no ridge helps: optimal among networks of any width"
            return result(Verdict.HOLDS, reason, radius=np.inf)
        heights = np.maximum(inputs @ ridge.direction, 0.0)
        best = ridge.value / float(heights @ heights) if heights.any() else 0.0
        t = 1e-3 * best
        product = t * ridge.direction
        better = with_ridge(reduced.parametrization, product, ridge.sign, theta.n_neurons)
        distance, change = sobolev_distance(theta, better).upper, values.change_to(better)
        gained, area = -float(change.value), values.unit**2
        tolerance = values.tolerance(distance / values.slope_unit)
        numbers = {"distance": distance, "gap": area * gained, "tolerance": area * tolerance}
        near = distance <= float(max_norms(product[None])[0]) * (1 + 1e-6)
        if near and gained > tolerance + change.error:
            reason = f"a spare neuron helps at every distance ({reduced.reason})"
            return result(Verdict.VIOLATED, reason, **numbers)
        return result(Verdict.UNDECIDED, "a spare neuron, but it was not seen to help", **numbers)
    if theta.redundant_pairs() or theta.n_neurons > MAX_FLIP_NEURONS:
        return result(Verdict.UNDECIDED, f"shared hyperplanes: {reduced.reason}")
    if frozen:
        verdict, reason, numbers = _probe_beside_offset(theta, values)
        return result(verdict, reason, **numbers)
    balanced = theta.balance()
    ball = BalancedSpace(theta.n_inputs, theta.n_neurons)
    radius = 0.98 * undisputed_radius(balanced, ball)
    if radius <= 0:
        return result(Verdict.UNDECIDED, f"opposite or zero neurons: {reduced.reason}")
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
    theta: Parametrization, values: NetworkValues
) -> tuple[Verdict, str, dict[str, float]]:
    """The rigid probe where the last neuron's direction is frozen and its output weight is free.

    The other neurons have to stay on their hyperplanes; the offset may change its sign.
    """
    hidden = Parametrization(theta.weights[:-1], theta.output_weights[:-1])
    m = theta.n_neurons
    if theta.opposite_pairs() or rigidity_radius(hidden) == 0:
        return Verdict.UNDECIDED, "opposite or zero neurons", {}
    radius = 0.98 * min(rigidity_radius(hidden), certain_flip_gap(hidden) / (1 + 3 * m))
    if radius == 0:
        return Verdict.UNDECIDED, "its neurons can be turned around for free (Lemma A.3)", {}
    own = radius / values.slope_unit
    low, high = scale_bounds(values, own, BalancedSpace(theta.n_inputs, m))
    low[-1] = -high[-1]
    found = decide_scales(values, np.arange(m), own, low, high, GradientOracle(theta.weights))
    area = values.unit**2
    numbers = {"radius": radius, "gap": area * found.gap, "tolerance": area * found.tolerance}
    if found.verdict is Verdict.VIOLATED:
        numbers["distance"] = values.slope_unit * found.distance
    return found.verdict, found.reason, numbers


def _reduced_beside_offset(theta: Parametrization) -> ReducedWidth:
    """As `reduce_width`, beside a frozen offset that takes up the neurons of its direction."""
    offset, a, c = theta.weights[-1:], theta.weights[:-1], theta.output_weights[:-1]
    units = unit_directions(a)
    same = (units == offset / np.abs(offset).max()).all(axis=1)
    found = reduce_width(Parametrization(a[~same], c[~same])) if (~same).any() else None
    total = theta.output_weights[-1] + float(np.sum(c[same] * max_norms(a[same])))
    last = Parametrization(offset, [total])
    reason = f"{int(same.sum())} neurons join the offset" if same.any() else ""
    if found is None:
        return ReducedWidth(last, int(same.sum()), reason)
    return ReducedWidth(
        Parametrization.concatenate([found.parametrization, last]),
        found.n_spare + int(same.sum()),
        ", ".join(text for text in (reason, found.reason) if text),
    )
