"""Controls: degenerate parameter minima whose realizations are not minima (Theorem 15).

A probe that never reports a violation proves nothing. From every certified minimum degenerate ones
with the same realization can be built, with spare neurons that cannot be moved to where they would
help: the implication of Proposition 1.2 fails there, and has to be seen to fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeResult, linprog

from landscape.errors import NumericalError
from landscape.losses import Loss
from landscape.minima import Certificate, certify_minimum
from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._program import CELL_TOLERANCE, PROBE_TOLERANCE, NetworkValues
from landscape.probe.ridge import ANY_WIDTH, Ridge, steepest_ridge
from landscape.probe.rigid import ZERO_RESIDUAL
from landscape.realization import realize
from landscape.rounding import Array, gamma
from landscape.seminorm import sobolev_distance
from landscape.spaces import BalancedSpace, Space, UnrestrictedSpace
from landscape.stability import distance_to_fibre
from landscape.streams import stream
from landscape.verdict import Verdict

Random = np.random.Generator | None


@dataclass(frozen=True)
class Control:
    """A parameter minimum with better realizations arbitrarily near.

    ``violated``: the implication fails, as it must; ``holds``: the residual is zero or no ridge
    helps, so that R is optimal among networks of any width; ``undecided``: see reason.
    """

    kind: str  #: "C.1", "C.2" or "C.3".
    parametrization: Parametrization  #: The degenerate minimum, in ``space``.
    space: Space  #: N or N', with as many neurons as the degenerate minimum has.
    certificate: Certificate  #: That it is a local minimum on the space, with radius.
    verdict: Verdict  #: On the implication, as above.
    reason: str  #: A sentence.
    distances: Array  #: Exact seminorm distances (k,) of the better realizations, towards 0.
    gaps: Array  #: By how much their loss is lower, > 0.
    tolerances: Array  #: What counts as zero for the gaps.
    direction: Array  #: v, of max-norm one, where they are ``R + t sigma relu(<v, x>)``.
    sign: float  #: sigma.
    slope: float  #: Derivative of the loss by t at 0, negative.
    parameter_distance: float  #: All their parametrizations are at least this far away.
    ridge: Ridge  #: How v was found, and how steep the loss could fall at most.


def unbalanced_control(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, *, rng: Random = None, n_steps: int = 7,
    loss: str | Loss | None = None,
) -> Control:  # fmt: skip
    """C.1, in N: append an unbalanced neuron (a, 0), inactive on every sample by a margin.

    Parameters
    ----------
    theta : Parametrization
        A minimum that does not need the bounds of N* (on lifted data none does).
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, and the targets.
    rng : numpy.random.Generator, optional
        For the first guess of a ridge in high dimensions.
    n_steps : int
        Realizations, at distances a factor 10 apart.
    loss : str or Loss, optional
        See :func:`landscape.certify_minimum`; with weight decay a spare neuron has its price, and
        no control has to fail.

    Raises
    ------
    ValueError
        If no weight vector is inactive on all samples: they surround the origin.
    """
    return _control("C.1", theta, X, y, rng, n_steps, loss)


def redundant_control(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, *, rng: Random = None, n_steps: int = 7,
    loss: str | Loss | None = None,
) -> Control:  # fmt: skip
    """C.2, in N: split the largest neuron into two halves of exactly the same direction.

    Both halves of (a, c) are ``(a, c) / sqrt(2)``: the certificate's conditions for each of them
    are those of the whole one. As :func:`unbalanced_control`; any data will do.
    """
    return _control("C.2", theta, X, y, rng, n_steps, loss)


def opposite_control(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, *, rng: Random = None, n_steps: int = 7,
    loss: str | Loss | None = None,
) -> Control:  # fmt: skip
    """C.3: append (u_j, +) and (-u_j, -) for j = 1, 2, 3 with ``u_1 + u_2 + u_3 = 0``, in N'.

    u_1 and u_2 are active on all samples, u_3 on none. Their sum is a linear function, 0; it is
    stationary iff ``sum_k s_k x_k = 0``, as it is when theta has a neuron that is active on all
    samples. The certificate decides whether it is. As :func:`unbalanced_control`.
    """
    return _control("C.3", theta, X, y, rng, n_steps, loss)


#: The controls by the condition of Corollary 1.3 that they break.
CONTROLS: dict[str, Callable[..., Control]] = {
    "C.1": unbalanced_control,
    "C.2": redundant_control,
    "C.3": opposite_control,
}


def degenerate_like(theta: Parametrization, X: Array, kind: str) -> tuple[Parametrization, Space]:
    """A degenerate parametrization of R(theta), and the space that it lies in.

    Parameters
    ----------
    theta : Parametrization
    X : array of shape (n, d)
        On which C.1's neuron is inactive, C.3's are active or inactive.
    kind : {"C.1", "C.2", "C.3"}

    Raises
    ------
    ValueError
        If the samples surround the origin, and the kind is C.1 or C.3.
    """
    a, c = theta.weights, theta.output_weights
    if kind == "C.1":
        away = -active_direction(X, kind) * max(1.0, float(np.abs(a).max()))
        degenerate = Parametrization(np.vstack([a, away]), np.append(c, 0.0))
    elif kind == "C.2":
        index = np.arange(len(c))
        largest = max_norms(theta.products).argmax()
        halves, order = theta.scale(np.where(index == largest, 0.5, 1)), np.append(index, largest)
        degenerate = Parametrization(halves.weights[order], halves.output_weights[order])
    elif kind == "C.3":
        if theta.n_inputs < 2:
            raise ValueError("theta: the control C.3 needs at least 2 inputs")
        added = _cancelling_products(theta, active_direction(X, kind), X)
        spare = Parametrization.from_products(np.vstack([added, -added]), [1, 1, 1, -1, -1, -1])
        degenerate = Parametrization.concatenate([theta.balance(), spare])
        return degenerate, BalancedSpace(theta.n_inputs, degenerate.n_neurons)
    else:
        raise ValueError(f"kind: expected C.1, C.2 or C.3, got {kind!r}")
    return degenerate, UnrestrictedSpace(theta.n_inputs, degenerate.n_neurons)


def _control(
    kind: str, theta: Parametrization, X: ArrayLike, y: ArrayLike, rng: Random, n_steps: int,
    loss: str | Loss | None,
) -> Control:  # fmt: skip
    """Certify the degenerate minimum, and follow the best ridge down to distance 0."""
    if n_steps < 1:
        raise ValueError(f"n_steps: expected a positive integer, got {n_steps}")
    X, y = check_data(X, y, theta.n_inputs)
    degenerate, space = degenerate_like(theta, X, kind)
    certificate = certify_minimum(degenerate, X, y, space=space, loss=loss)
    network, m = NetworkValues.of(theta, X, y, loss=loss), theta.n_neurons
    own_rng = rng or stream(0, "control", kind)
    s, own = realize(theta, X) - y, network.sample_loss
    if own is not None:
        s = network.s.value
    ridge = best_ridge(network, X, s, own_rng, node_limit=0)
    if ridge.value <= PROBE_TOLERANCE * ridge.scale and not ridge.exact:
        ridge = best_ridge(network, X, s, own_rng)
    size = float(np.abs(ridge.direction).max()) or 1.0
    v, slope = ridge.direction / size, ridge.slope(s.size) / size
    values = np.maximum(X @ v, 0.0)
    curvature = 2.0 / s.size * float(values @ values)
    longest = -slope / curvature if curvature > 0 else 1.0
    if own is not None:  # no longer than the loss falls
        while (
            longest > 0
            and own.half_slope(network.r.value + longest * ridge.sign * values)
            @ (ridge.sign * values)
            > 0
        ):
            longest *= 0.5
    steps = longest * 10.0 ** -np.arange(n_steps, dtype=float)
    rounding = gamma(2) * float(max_norms(theta.products).sum())
    distances, gaps = np.zeros(n_steps), np.zeros(n_steps)
    far, met = np.inf, True
    for k, t in enumerate(steps if ridge.value > 0 else ()):
        better = with_ridge(theta, t * v, ridge.sign, degenerate.n_neurons)
        distances[k] = sobolev_distance(theta, better).upper
        # The difference of two losses would drown in rounding for small t.
        added = Parametrization(better.weights[m : m + 1], better.output_weights[m : m + 1])
        change = network.change(network.on_data(added))
        gaps[k] = -float(change.value + change.error) * network.unit**2
        met &= bool(distances[k] <= t * (1 + CELL_TOLERANCE) + rounding) and space.contains(better)
        # With two spare neurons or more, as in C.3, the bound is one for the hyperplanes alone,
        # which are the same for all t.
        if k == 0 or degenerate.n_neurons == m + 1:
            far = min(far, distance_to_fibre(degenerate, better).lower)
    tolerances = network.unit**2 / network.slope_unit * network.tolerance(1.0) * distances
    verdict = Verdict.UNDECIDED
    if not certificate.is_minimum:
        reason = f"no certified minimum: {certificate.reason}"
        if kind == "C.3":
            moment = float(np.abs(s @ X).max())
            reason += f" (max |sum_k s_k x_k| = {moment:.3g}, it has to be 0)"
    elif certificate.kind == "global":
        verdict, reason = Verdict.HOLDS, ZERO_RESIDUAL
    elif ridge.is_zero and not network.bent.any():
        verdict, reason = Verdict.HOLDS, ANY_WIDTH
    elif (gaps > tolerances).all() and met:
        verdict = Verdict.VIOLATED
        reason = "a parameter minimum with better realizations at every distance, as it must be"
    else:
        reason = f"the steepest descent by a ridge lies in [{ridge.value:.3g}, {ridge.upper:.3g}], "
        reason += "negligible relative to rounding or not confirmed by its networks"
    return Control(
        kind=kind,
        parametrization=degenerate,
        space=space,
        certificate=certificate,
        verdict=verdict,
        reason=reason,
        distances=distances,
        gaps=gaps,
        tolerances=tolerances,
        direction=v,
        sign=ridge.sign,
        slope=slope,
        parameter_distance=float(far),
        ridge=ridge,
    )


def best_ridge(
    network: NetworkValues, X: Array, s: Array, rng: np.random.Generator, node_limit: int = 200
) -> Ridge:
    """The steepest ridge; on corners of the loss, of those of either sign (Theorem 43.5)."""
    if not network.bent.any():
        return steepest_ridge(X, s, rng=rng, node_limit=node_limit)
    ridges = {
        sign: steepest_ridge(X, network.slopes_towards(sign), rng=rng, node_limit=node_limit)
        for sign in (1.0, -1.0)
    }
    falling = [ridge for sign, ridge in ridges.items() if ridge.sign == sign]
    return max(falling or ridges.values(), key=lambda ridge: ridge.value)


def with_ridge(
    theta: Parametrization, product: Array, sign: float, n_neurons: int
) -> Parametrization:
    """Theta with one more neuron of that product and sign, and silent ones: (0, 0)."""
    silent = np.zeros((n_neurons - theta.n_neurons - 1, theta.n_inputs))
    ridge = Parametrization.from_products(product[None, :], [sign])
    return Parametrization.concatenate([theta, ridge, Parametrization(silent, silent[:, 0])])


def active_direction(X: Array, kind: str) -> Array:
    """Weight vector of max-norm at most one that maximizes ``min_k <a, x_k> / ‖x_k‖_1``."""
    result = _most_active(X.tobytes(), X.shape[1])
    if result.status == 0 and result.x[-1] <= 0:
        raise ValueError(
            "X: no weight vector is active on all samples (they surround the origin); the "
            f"control {kind} needs inputs with a constant coordinate, such as lifted ones"
        )
    if result.status != 0 or result.x[-1] <= 1e-9:
        raise NumericalError(f"X: that a weight vector is active on all samples is lost ({kind})")
    return np.array(result.x[:-1])


@lru_cache(maxsize=4)
def _most_active(content: bytes, d: int) -> OptimizeResult:
    """The program of `active_direction`, which all controls on the same inputs (n, d) ask for."""
    rows = _normalized(np.frombuffer(content).reshape(-1, d))
    below, bounds = np.hstack([-rows, np.ones((len(rows), 1))]), [(-1.0, 1.0)] * d + [(None, 1.0)]
    return linprog(np.append(np.zeros(d), -1.0), below, np.zeros(len(rows)), bounds=bounds)


def _normalized(X: Array) -> Array:
    norms = np.abs(X).sum(axis=1)
    return np.asarray(X[norms > 0] / norms[norms > 0, None])


def _cancelling_products(theta: Parametrization, a: Array, X: Array) -> Array:
    """u_1, u_2 active on all samples and ``u_3 = -u_1 - u_2``, no two on one hyperplane."""
    m, margin = theta.n_neurons, float((_normalized(X) @ a).min())
    for attempt in range(8):
        # Moved by less than the margin, they stay active; by dyadic amounts, they sum up exactly.
        step = 2.0 ** (np.floor(np.log2(margin)) - 2 - attempt)
        base = np.round(a / step) * step if step > 2.0**-40 else a
        first, second = base.copy(), base.copy()
        first[0] += step
        second[1 % len(a)] -= step
        added = np.vstack([first, second, -(first + second)])
        everything = Parametrization(np.vstack([theta.weights, added]), np.ones(m + 3))
        pairs = everything.redundant_pairs() + everything.opposite_pairs()
        if not any(max(pair) >= m for pair in pairs):
            return added
    raise NumericalError("theta: no cancelling neurons were found off its hyperplanes")
