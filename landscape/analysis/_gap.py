"""From a network to the nearest certified minimum that a search from it and around it finds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from landscape.analysis._case import Case
from landscape.analysis._face import towards_network
from landscape.descent import descend
from landscape.errors import NUMERICAL_ERRORS
from landscape.minima import Certificate, certify_minimum
from landscape.networks import Network
from landscape.parametrization import Parametrization, max_norms
from landscape.stability import distance_to_fibre, parameter_distance
from landscape.streams import stream
from landscape.training import train

#: Neurons up to which the distance to all parametrizations of the minimum is computed.
MAX_FIBRE_NEURONS = 12
#: The nearest minimum is the nearest of those that descent reaches from the network, and from where
#: these solvers end from there: descent takes large steps, these take small ones.
SOLVERS_NEARBY = ("L-BFGS-B", "trf")
#: By which shares of a neuron's size further starts are off the network. The smallest stay in its
#: valley; of a network that is far from all minima, the nearest is found from far off it.
SIZES_NEARBY = (1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)
#: Minima, distinct in loss, whose faces are searched.
FACES = 4


@dataclass(frozen=True, eq=False)
class Gap:
    """From a network to the nearest of the certified minima at which descents from it end.

    Attributes
    ----------
    parametrization : Parametrization or None
        The minimum, in the space; None where none was reached, and then numbers are nan.
    network : Network or None
        The same in the network's layout.
    certificate : Certificate or None
    loss : float
        Loss at the network minus that at the minimum.
    parameters : float
        Distance in max-norm to the nearest parametrization of the minimum's function, modulo all
        symmetries where the network has at most 12 neurons, else modulo permutations and balanced.
    values : float
        Largest difference of the two functions on the samples.
    precision : float
        Largest difference in units of what rounding each parameter once to the network's own
        precision can change: at most 1 where the network is at the minimum up to its precision.
    outcome, reason : str
        How the descent ended.
    losses : tuple of float
        Along it.
    """

    parametrization: Parametrization | None
    network: Network | None
    certificate: Certificate | None
    loss: float
    parameters: float
    values: float
    precision: float
    outcome: str
    reason: str
    losses: tuple[float, ...]

    @property
    def at_minimum(self) -> bool:
        """Whether the network is at the minimum, up to its own precision."""
        return self.precision <= 1


def nearest_minimum(case: Case, own: Certificate, nearby: int, start: Network | None = None) -> Gap:
    """Descend from the network and from around it, or from a start; the nearest end."""
    if own.is_minimum:
        same = 0.0, 0.0, 0.0, 0.0
        return Gap(case.theta, case.network, own, *same, "minimum", own.reason, ())
    starts = [start] if start else [case.network, *_solved(case, nearby)]
    gaps = [_descended(case, one) for one in starts]
    plain = case.objective.plain
    rounding = 1e-12 * (float(np.mean(case.y**2)) if plain else abs(own.loss))

    def rank(gap: Gap) -> tuple[bool, float]:
        # One that is no higher than the network before others, then the nearest.
        return gap.loss < -rounding, gap.parameters

    reached = sorted((gap for gap in gaps if gap.parametrization is not None), key=rank)
    if not reached or case.objective.weight_decay:  # a decay leaves nothing that no sample sees
        return reached[0] if reached else gaps[0]
    # Of minima with one loss, those of one face and cell are the same set of functions on the data.
    nearest: list[Gap] = []
    for gap in reached:
        if all(abs(gap.loss - other.loss) > rounding for other in nearest):
            nearest.append(_pulled(case, gap))
        if len(nearest) == FACES:
            break
    return min([*nearest, *reached], key=rank)


def _solved(case: Case, nearby: int) -> list[Network]:
    """Where solvers that go small steps end, in units of standardized features and target.

    From the network, and from this many points around it. Other losses have units of their own.
    """
    net, X, form = case.network, case.X, case.objective
    mean, scale, unit = np.zeros(X.shape[1]), np.ones(X.shape[1]), 1.0
    solvers: tuple[str, ...] = SOLVERS_NEARBY[:1]
    if form.plain:
        mean, scale, unit = X.mean(axis=0), X.std(axis=0), float(np.std(case.y)) or 1.0
        scale, solvers = np.where(scale > 0, scale, 1.0), SOLVERS_NEARBY
    own = net.rescaled(mean, scale, 0.0, unit).balanced()
    space, found = net.space(), []
    theta, inputs = own.to_parametrization(), space.embed((X - mean) / scale)
    rng, runs = stream(0, "analysis", "nearby"), [(theta, solver) for solver in solvers]
    for k in range(nearby):
        # Each entry by a share of the neuron's size; the frozen offset neuron stays.
        size = SIZES_NEARBY[k % len(SIZES_NEARBY)]
        a, c = theta.weights.copy(), theta.output_weights.copy()
        a[:-1] += size * max_norms(a[:-1])[:, None] * rng.standard_normal(a[:-1].shape)
        c *= 1 + size * rng.standard_normal(c.shape)
        runs.append((Parametrization(a, c), SOLVERS_NEARBY[0]))
    for begin, solver in runs:
        fit = train(begin, inputs, case.y / unit, space=space, solver=solver, **form.options)
        end = fit.parametrization
        one = Network.from_parametrization(end, space)
        found.append(one.rescaled(-mean / scale, 1 / scale, 0.0, 1 / unit))
    return found


def _descended(case: Case, start: Network) -> Gap:
    """Descend from a start, balanced; measure how far the end is from the network."""
    nothing = (float("nan"),) * 4
    try:
        begin = start.balanced().to_parametrization(case.space)
        end = descend(begin, case.inputs, case.y, space=case.space, **case.objective.options)
    except NUMERICAL_ERRORS as error:
        reason = f"{type(error).__name__}: {error}"
        return Gap(None, None, None, *nothing, "failed", reason, ())
    outcome = end.outcome.name.lower().replace("_", " ")
    gap = Gap(None, None, None, *nothing, outcome, end.reason, end.losses)
    if end.certificate is None or not end.certificate.is_minimum:
        return gap
    return _measured(case, gap, end.parametrization, end.certificate)


def _measured(case: Case, gap: Gap, minimum: Parametrization, certificate: Certificate) -> Gap:
    """With this minimum, and how far it is from the network."""
    net, space = case.network, case.space
    near = Network.from_parametrization(minimum, space)
    apart = np.abs(net.predict(case.X) - near.predict(case.X))
    sizes = net.eps * net.terms(case.X)
    ratio = float(np.max(np.where(apart > 0, apart / np.where(sizes > 0, sizes, 1e-300), 0.0)))
    if case.objective.weight_decay:  # of all parametrizations of a function it is the least of some
        far = parameter_distance(case.theta, minimum, space=space)
    else:
        far = parameter_distance(net.balanced().to_parametrization(space), minimum, space=space)
    if net.n_neurons <= MAX_FIBRE_NEURONS and not case.objective.weight_decay:
        far = _fibre(case, minimum, far)
    return replace(
        gap,
        parametrization=minimum,
        network=near,
        certificate=certificate,
        loss=case.loss - certificate.loss,
        parameters=far,
        values=float(apart.max()),
        precision=ratio,
    )


def _pulled(case: Case, gap: Gap) -> Gap:
    """At the first point of its face, from the network on, that is certified again, if nearer."""
    assert gap.parametrization is not None and gap.certificate is not None
    for moved in towards_network(case, gap.parametrization):
        again = certify_minimum(
            moved, case.inputs, case.y, space=case.space, **case.objective.options
        )
        if again.is_minimum and again.loss <= gap.certificate.loss * (1 + 1e-9):
            closer = _measured(case, gap, moved, again)
            return closer if closer.parameters < gap.parameters else gap
    return gap


def _fibre(case: Case, minimum: Parametrization, far: float) -> float:
    """Distance to the parametrizations of the minimum's function; ``far`` where none is found."""
    try:
        found = distance_to_fibre(case.theta, minimum, space=case.space)
    except NUMERICAL_ERRORS:
        return far
    return found.upper if np.isfinite(found.upper) else far
