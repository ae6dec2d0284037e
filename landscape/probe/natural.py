"""Minima of N' and N that training finds: degeneracies, and whether the implication fails.

A spare neuron can be put anywhere, with any small size. Whether there is one is decided by the
canonical form and Lemma A.3, whether it helps by the Frank-Wolfe oracle (Theorem 15). Without
degeneracy, small balls contain nothing but rescalings, and the rigid probe decides (Theorem 12).

With a frozen offset, realizations are functions of x for the inputs (x, 1), and so are distances: a
constant is the linear function of the last input, on both sides of 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from landscape.canonical import canonical_form
from landscape.losses import Loss, get_weight_decay
from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._program import NetworkValues
from landscape.probe.controls import best_ridge, with_ridge
from landscape.probe.ridge import ANY_WIDTH
from landscape.probe.rigid import ZERO_RESIDUAL, probe_scales, undisputed_radius
from landscape.realization import realize
from landscape.seminorm import sobolev_distance
from landscape.spaces import RestrictedSpace, Space
from landscape.stability import admissible_flips, flip_gap
from landscape.stability.flips import MAX_FLIP_NEURONS, has_offset, unfrozen
from landscape.streams import stream
from landscape.verdict import Verdict


@dataclass(frozen=True, eq=False)
class ReducedWidth:
    """A parametrization of the same realization with as few neurons as are known to suffice."""

    parametrization: Parametrization  #: With the neurons that are left.
    n_spare: int  #: Neurons that it does without.
    reason: str  #: Why, or why none.


@dataclass(frozen=True, eq=False)
class Natural:
    """Degeneracies of a minimum, and the implication of Proposition 1.2 there.

    ``holds`` on the ball of ``radius``; ``violated``: better realizations at every distance, of
    which one at ``distance`` was verified; ``undecided``. Numbers are nan where they do not apply.
    """

    n_silent: int  #: Neurons that are inactive on all samples.
    n_zero: int  #: Neurons with product 0: c_i = 0 or a_i = 0.
    imbalance: float  #: Largest ``| log(|c_i| / ‖a_i‖_inf) |`` of the others: 0 on N'.
    n_redundant: int  #: Pairs of the same direction.
    n_opposite: int  #: Pairs of opposite direction.
    flip_gap: float  #: ``min_S ‖sum_S c_i a_i‖_inf`` (Lemma A.3); nan beyond 22 neurons.
    n_spare: int  #: Neurons that the realization can do without.
    verdict: Verdict  #: On the implication, as above.
    reason: str  #: A sentence.
    radius: float = np.nan  #: Of the ball without better realizations, W^{1,inf} seminorm.
    distance: float = np.nan  #: Of the better realization that was verified, in that seminorm.
    gap: float = np.nan  #: By how much its loss is lower.
    tolerance: float = np.nan  #: What counts as zero for the gap.


def reduce_width(theta: Parametrization, *, space: Space | None = None) -> ReducedWidth:
    """Write R(theta) with one neuron per hyperplane, if Lemma A.3 allows it.

    With three neurons to spare the linear part that is left over can be had as
    ``relu(z) - relu(-z)``; else what is merged or contributes nothing is spare. A frozen offset of
    the space stays the last neuron, is never spare, and takes up constants.

    Examples
    --------
    >>> reduce_width(Parametrization([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0])).n_spare
    1
    """
    offset = has_offset(space)
    m, form = theta.n_neurons - offset, canonical_form(unfrozen(theta, space))
    n_planes = len(form.jumps)
    if n_planes == m:
        return ReducedWidth(theta, 0, "a hyperplane for each neuron, up to rounding")
    flips = admissible_flips(theta, space=space)
    rows, outputs, linear = form.normals.copy(), form.jumps.copy(), form.linear
    if flips:
        turned = list(flips[0])
        linear = linear + outputs[turned] @ rows[turned]
        rows[turned] *= -1.0
        reason = f"{n_planes} hyperplanes, one neuron each"
    elif flips is not None and m - n_planes >= 3:
        rows, outputs = np.vstack([rows, linear, -linear]), np.append(outputs, [1.0, -1.0])
        linear = 0.0 * linear
        reason = f"{n_planes} hyperplanes and a linear function of two neurons"
    else:
        flat = max_norms(theta.weights[:, :-1]) == 0 if offset else np.zeros(m, dtype=bool)
        linear = theta.output_weights[flat] @ np.maximum(theta.weights[flat], 0.0)
        merged = Parametrization(theta.weights[~flat], theta.output_weights[~flat]).merge()
        used = merged.output_weights != 0
        rows, outputs = merged.weights[used], merged.output_weights[used]
        reason = "its linear part needs the neurons that share hyperplanes"
    n_spare = m - len(rows)
    if n_spare == 0:
        return ReducedWidth(theta, 0, reason)
    network = Parametrization(rows, outputs).balance()
    if offset:
        last = Parametrization(theta.weights[-1:], linear[-1:])
        network = Parametrization.concatenate([network, last])
        reason += ", constants join the offset"
    return ReducedWidth(network, n_spare, reason)


def examine_minimum(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, *, space: Space,
    loss: str | Loss | None = None, weight_decay: None = None,
) -> Natural:  # fmt: skip
    """Describe a local minimum of N' or N, and decide the implication there as far as known.

    Parameters
    ----------
    theta : Parametrization
        A certified local minimum on the space; parallel neurons are allowed.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, and the targets.
    space : BalancedSpace or UnrestrictedSpace
        With an offset, realizations are functions of x, and the frozen neuron is never spare.
    loss : str or Loss, optional
        See :func:`landscape.certify_minimum`.
    weight_decay : None
        Outside N* it is no function of the realization: nothing can be said with one.

    Raises
    ------
    ValueError
        If the space is N*: there degeneracy is excluded.
    """
    if isinstance(space, RestrictedSpace):
        raise ValueError("space: N* excludes degeneracies; probe_realization is for its minima")
    if get_weight_decay(weight_decay) is not None:
        raise ValueError(f"weight_decay: expected none outside N*, got {weight_decay!r}")
    inputs, targets = check_data(X, y, space.n_inputs)
    hidden = theta.n_neurons - has_offset(space)
    a, sizes = theta.weights[:hidden], np.abs(theta.output_weights[:hidden])
    real = (max_norms(a) > 0) & (sizes > 0)
    logs = np.abs(np.log(sizes[real] / max_norms(a)[real]))
    few = np.count_nonzero(real) <= MAX_FLIP_NEURONS
    reduced = reduce_width(theta, space=space)

    def result(verdict: Verdict, reason: str, **numbers: float) -> Natural:
        return Natural(
            n_silent=int(np.sum(~(inputs @ a.T > 0).any(axis=0))),
            n_zero=int(np.sum(~real)),
            imbalance=float(logs.max(initial=0.0)),
            n_redundant=len(theta.redundant_pairs()),
            n_opposite=len(theta.opposite_pairs()),
            flip_gap=float(flip_gap(theta, space=space)[0]) if few else np.nan,
            n_spare=reduced.n_spare,
            verdict=verdict,
            reason=reason,
            **numbers,
        )

    values = NetworkValues.of(theta, inputs, targets, loss=loss)
    if values.is_zero:
        return result(Verdict.HOLDS, ZERO_RESIDUAL, radius=np.inf)
    if reduced.n_spare > 0:
        s = realize(theta, inputs) - targets
        if values.sample_loss is not None:
            s = values.s.value
        ridge = best_ridge(values, inputs, s, stream(0, "natural", "ridge"), node_limit=0)
        if ridge.is_zero and not values.bent.any():
            return result(Verdict.HOLDS, ANY_WIDTH, radius=np.inf)
        heights = np.maximum(inputs @ ridge.direction, 0.0)
        best = ridge.value / float(heights @ heights) if heights.any() else 0.0
        product = 1e-3 * best * ridge.direction
        better = with_ridge(reduced.parametrization, product, ridge.sign, theta.n_neurons)
        distance = sobolev_distance(unfrozen(theta, space), unfrozen(better, space)).upper
        change, area = values.change_to(better), values.unit**2
        gained, tolerance = -float(change.value), values.tolerance(distance / values.slope_unit)
        numbers = {"distance": distance, "gap": area * gained, "tolerance": area * tolerance}
        near = distance <= float(np.abs(product).max()) * (1 + 1e-6)
        if near and gained > tolerance + change.error:
            reason = f"a spare neuron helps at every distance ({reduced.reason})"
            return result(Verdict.VIOLATED, reason, **numbers)
        return result(Verdict.UNDECIDED, "a spare neuron, but it was not seen to help", **numbers)
    if not few:
        return result(Verdict.UNDECIDED, "too many neurons to know which may be turned around")
    radius = 0.98 * undisputed_radius(theta, space)
    if radius <= 0:
        shared = theta.redundant_pairs() or theta.opposite_pairs() or not real.all()
        reason = "its neurons can be turned around for free (Lemma A.3)"
        if shared:
            reason = f"parallel or empty neurons: {reduced.reason}"
        return result(Verdict.UNDECIDED, reason)
    probe = probe_scales(theta, values, radius, space)
    numbers = {key: getattr(probe, key) for key in ("radius", "distance", "gap", "tolerance")}
    return result(probe.verdict, probe.reason, **numbers)
