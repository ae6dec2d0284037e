"""Theorem 3.1 as an algorithm, following its proof (A.1), and Corollary 3.3.

The steps: merge Θ (43), match the hyperplanes of Γ and Θ (case 1 and case 2), permute (59), and
rescale each neuron by (60) and (68) to (71). What the proof assumes is checked and reported with
margins; what it claims is verified on the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import RealizationEquality, canonical_form, same_realization
from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Parametrization,
    group_directions,
    max_norms,
    unit_directions,
)
from landscape.seminorm import Seminorm, sobolev_distance
from landscape.spaces import RestrictedSpace
from landscape.stability.assignment import (
    best_permutation,
    bottleneck_assignment,
    largest_entry,
    max_distance,
    neuron_distances,
)
from landscape.stability.fibre import FibreDistance, distance_to_fibre
from landscape.stability.flips import admissible_flips
from landscape.verdict import Verdict

__all__ = [
    "Condition",
    "InverseStability",
    "Reparametrization",
    "inverse_stability",
    "reparametrize_near",
]

Array = NDArray[np.float64]

#: The constant s of Corollary 3.3, and what cannot be improved (Theorem 3).
STATED_CONSTANT = 4.0
SHARP_CONSTANT = 2.0 * np.sqrt(2.0)


@dataclass(frozen=True)
class Condition:
    """One condition of Theorem 3.1.

    Attributes
    ----------
    name : str
        "C.1", "C.2", "C.3a" or "C.3b".
    holds : bool
    margin : float
        How far the data are from changing the answer: for C.1 with a given β what is left of it,
        otherwise the smallest distance of a product from 2r; for the others the smallest max-norm
        distance of two directions that must differ (0 if the condition fails).
    neurons : tuple of tuple of int
        What violates it: neurons of Γ for C.1; pairs of neurons of Γ for C.2; pairs of Γ, then
        pairs of Θ, for C.3a; pairs (neuron of Γ, neuron of Θ) for C.3b.
    message : str
    """

    name: str
    holds: bool
    margin: float
    neurons: tuple[tuple[int, ...], ...]
    message: str


@dataclass(frozen=True, eq=False)
class Reparametrization:
    """What `reparametrize_near` found.

    Attributes
    ----------
    parametrization : Parametrization
        Φ with R(Φ) = R(Θ): the proof's if all conditions hold, else the nearest known.
    distance : float
        ‖Φ - Γ‖_inf, without any further permutation.
    bound : float
        ``beta + 2 r**0.5``, the right-hand side of (31).
    beta : float
        The given β, or the smallest one for which C.1 holds.
    seminorm : Seminorm
        r = |R(Θ) - R(Γ)|, with witness.
    conditions : tuple of Condition
        C.1, C.2, C.3a, C.3b, in this order.
    cases : tuple of str
        The proof's case for each neuron of Γ: "I_1" (no partner), "A", "B.1", "B.2" or "B.3".
    permutation : array of shape (m,)
        Neuron of the merged Θ that became neuron i of the proof's Φ; -1 where there was none left.
    flips : tuple of int
        Neurons of Θ's canonical form that were turned around by Lemma A.3 to fulfil C.3.
    same_realization : RealizationEquality
        Comparison of the canonical forms of Φ and Θ.
    nearest : FibreDistance or None
        Distance of Γ to all parametrizations of R(Θ), if asked for or if a condition failed.
    rounding : float
        What rounding adds to the distance: r does not see directions that differ by
        `DIRECTION_TOLERANCE`, so parameters are known to that share of the largest of them.
    """

    parametrization: Parametrization
    distance: float
    bound: float
    beta: float
    seminorm: Seminorm
    conditions: tuple[Condition, ...]
    cases: tuple[str, ...]
    permutation: NDArray[np.intp]
    flips: tuple[int, ...]
    same_realization: RealizationEquality
    nearest: FibreDistance | None
    rounding: float

    @property
    def admissible(self) -> bool:
        """Whether all conditions of the theorem hold."""
        return all(condition.holds for condition in self.conditions)

    @property
    def verdict(self) -> Verdict:
        """Does (31) hold for Φ? ``undecided`` if r is only bracketed."""
        return bounded(self.distance, self.beta + self.rounding, 2.0, self.seminorm)


def bounded(distance: float, constant: float, factor: float, r: Seminorm) -> Verdict:
    """Whether ``distance <= constant + factor r**0.5``."""
    low, high = (constant + factor * np.sqrt(max(end, 0.0)) for end in (r.lower, r.upper))
    if distance <= low:
        return Verdict.HOLDS
    return Verdict.UNDECIDED if distance <= high else Verdict.VIOLATED


def rounding_of(*networks: Parametrization) -> float:
    """What the tolerance of directions leaves open of the largest parameter."""
    return DIRECTION_TOLERANCE * largest_entry(*networks)


def reparametrize_near(
    gamma: Parametrization,
    theta: Parametrization,
    *,
    beta: float | None = None,
    nearest: bool | None = None,
) -> Reparametrization:
    """Theorem 3.1: a parametrization Φ of R(Θ) near Γ.

    Parameters
    ----------
    gamma : Parametrization
        Γ with m neurons.
    theta : Parametrization
        Some Θ with the same number of inputs; after merging it may not have more neurons than Γ.
    beta : float, optional
        The β of C.1; by default the smallest for which C.1 holds.
    nearest : bool, optional
        Whether to compute the distance to all parametrizations of R(Θ) as well; by default only
        where a condition fails.

    Returns
    -------
    found : Reparametrization
        With the bound (31), the status of each condition and the verified claims.

    Raises
    ------
    ValueError
        If the numbers of inputs differ, Θ needs more neurons than Γ has, or beta is negative.

    Examples
    --------
    >>> gamma = Parametrization([[1.0, 0.0], [0.0, 2.0]], [4.0, 1.0])
    >>> theta = Parametrization([[0.0, 8.0], [2.0, 0.0]], [0.25, 2.25])
    >>> found = reparametrize_near(gamma, theta)
    >>> found.parametrization.weights.tolist(), found.parametrization.output_weights.tolist()
    ([[1.125, 0.0], [0.0, 2.0]], [4.0, 1.0])
    >>> found.distance, found.bound, found.cases
    (0.125, 1.41, ('B.1', 'B.2'))
    """
    if beta is not None and not beta >= 0:
        raise ValueError(f"beta: expected a number >= 0, got {beta!r}")
    r = sobolev_distance(gamma, theta)
    merged = _fit(theta.merge(), gamma.n_neurons)
    merged, flips = _turn(gamma, merged)
    conditions, needed = _conditions(gamma, merged, r.value, beta)
    phi, cases, permutation = _follow_proof(gamma, merged, r.value)
    distance = max_distance(gamma, phi)
    fibre = None
    failed = not all(condition.holds for condition in conditions)
    if nearest or (nearest is None and failed):
        fibre = distance_to_fibre(gamma, theta)
        if failed and fibre.parametrization is not None and fibre.upper < distance:
            phi, distance = fibre.parametrization, fibre.upper
    used_beta = needed if beta is None else float(beta)
    return Reparametrization(
        parametrization=phi,
        distance=distance,
        bound=float(used_beta + 2 * np.sqrt(r.value)),
        beta=used_beta,
        seminorm=r,
        conditions=conditions,
        cases=cases,
        permutation=permutation,
        flips=flips,
        same_realization=same_realization(phi, theta),
        nearest=fibre,
        rounding=rounding_of(gamma, phi),
    )


def _fit(theta: Parametrization, m: int) -> Parametrization:
    """Theta with m neurons: silent ones dropped or added, the others in their order."""
    if theta.n_neurons == m:
        return theta
    used = np.flatnonzero(theta.output_weights != 0)
    if used.size > m:
        raise ValueError(
            f"theta: expected at most {m} neurons of different directions, as many as gamma has, "
            f"got {used.size} after merging"
        )
    spare = m - used.size
    return Parametrization(
        np.vstack([theta.weights[used], np.zeros((spare, theta.n_inputs))]),
        np.concatenate([theta.output_weights[used], np.zeros(spare)]),
    )


def _labels(
    gamma: Parametrization, theta: Parametrization, oriented: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Directions of both networks in common labels; -1 for zero weight vectors."""
    labels = group_directions(np.vstack([gamma.weights, theta.weights]), oriented=oriented)
    return labels[: gamma.n_neurons], labels[gamma.n_neurons :]


def _opposite_partners(
    gamma: Parametrization, theta: Parametrization
) -> tuple[tuple[int, int], ...]:
    """Pairs (i, j) with the direction of Γ's neuron i opposite to that of Θ's neuron j."""
    sides = _labels(gamma, theta, False), _labels(gamma, theta, True)
    same_plane = (sides[0][0][:, None] == sides[0][1][None]) & (sides[0][0][:, None] >= 0)
    same_side = sides[1][0][:, None] == sides[1][1][None]
    return tuple((int(i), int(j)) for i, j in np.argwhere(same_plane & ~same_side))


def _turn(
    gamma: Parametrization, theta: Parametrization
) -> tuple[Parametrization, tuple[int, ...]]:
    """C.3 asks for *some* Θ: if the given one violates it, look for another by Lemma A.3."""

    def count(candidate: Parametrization) -> int:
        return len(_opposite_partners(gamma, candidate)) + len(candidate.opposite_pairs())

    if count(theta) == 0:
        return theta, ()
    form = canonical_form(theta)
    flips = admissible_flips(theta) if len(form.jumps) <= gamma.n_neurons else None
    best = theta
    chosen: tuple[int, ...] = ()
    for flip in flips or []:
        orientation = np.ones(len(form.jumps))
        orientation[list(flip)] = -1.0
        candidate = Parametrization(form.normals * orientation[:, None], form.jumps)
        candidate = _fit(candidate, gamma.n_neurons)
        if count(candidate) < count(best):
            best, chosen = candidate, flip
    return best, chosen


def _smallest(values: Array) -> float:
    return float(values.min()) if values.size else float("inf")


def _conditions(
    gamma: Parametrization, theta: Parametrization, r: float, beta: float | None
) -> tuple[tuple[Condition, ...], float]:
    """The four conditions, and the smallest β that C.1 allows."""
    sizes = np.abs(gamma.output_weights) * max_norms(gamma.weights)
    largest = np.maximum(np.abs(gamma.output_weights), max_norms(gamma.weights))
    small = sizes <= 2 * r
    needed = float(largest[small].max(initial=0.0))
    if beta is None:
        margin = _smallest(np.abs(sizes - 2 * r))
        message = f"holds with beta = {needed:.6g}, the largest parameter of a neuron below 2r"
        first = Condition("C.1", True, margin, (), message)
    else:
        bad = tuple((int(i),) for i in np.flatnonzero(small & (largest > beta)))
        message = f"neurons with a product of at most 2r need beta >= {needed:.6g}"
        first = Condition("C.1", not bad, float(beta) - needed, bad, message)
    units = {
        name: unit_directions(net.weights[max_norms(net.weights) > 0])
        for name, net in (("gamma", gamma), ("theta", theta))
    }

    def gap(left: Array, right: Array, sign: float, upper_only: bool) -> float:
        gaps = np.abs(left[:, None] + sign * right[None]).max(axis=2)
        return _smallest(gaps[np.triu_indices(len(gaps), 1)] if upper_only else gaps.ravel())

    def record(
        name: str, pairs: tuple[tuple[int, ...], ...], margin: float, what: str
    ) -> Condition:
        message = f"{what}: {pairs[0]}" if pairs else f"no {what}"
        return Condition(name, not pairs, 0.0 if pairs else margin, pairs, message)

    redundant = tuple(gamma.redundant_pairs())
    opposite = tuple(gamma.opposite_pairs()) + tuple(theta.opposite_pairs())
    across = _opposite_partners(gamma, theta)
    own = min(gap(units[k], units[k], 1.0, True) for k in units)
    return (
        first,
        record(
            "C.2",
            redundant,
            gap(units["gamma"], units["gamma"], -1.0, True),
            "neurons of gamma with the same direction",
        ),
        record("C.3a", opposite, own, "neurons of one network with opposite directions"),
        record(
            "C.3b",
            across,
            gap(units["gamma"], units["theta"], 1.0, False),
            "neurons of gamma and theta with opposite directions",
        ),
    ), needed


def _follow_proof(
    gamma: Parametrization, theta: Parametrization, r: float
) -> tuple[Parametrization, tuple[str, ...], NDArray[np.intp]]:
    """(55) to (71) for a merged Θ in which c = 0 means a = 0."""
    m = gamma.n_neurons
    balanced = theta.balance()
    mine, other = _labels(gamma, theta, True)
    position = {int(label): j for j, label in reversed(list(enumerate(other))) if label >= 0}
    permutation = np.full(m, -1, dtype=np.intp)
    taken: set[int] = set()
    for i in range(m):
        j = position.get(int(mine[i]), -1) if mine[i] >= 0 else -1
        if j >= 0 and j not in taken:
            permutation[i] = j
            taken.add(j)
    matched = permutation >= 0
    # I_1: what is left over on both sides; the proof allows any order, this is the best one.
    left = np.flatnonzero(~matched)
    rest = np.array([j for j in range(theta.n_neurons) if j not in taken], dtype=int)
    if left.size:
        costs = neuron_distances(gamma, balanced)[np.ix_(left, rest)]
        permutation[left] = rest[bottleneck_assignment(costs).columns]
    a, c = balanced.weights[permutation], balanced.output_weights[permutation]  # (60), (68), (71)
    cases = []
    norms = max_norms(gamma.weights)
    for i in range(m):
        c_gamma, scale = float(gamma.output_weights[i]), float(norms[i])
        j = permutation[i]
        if not matched[i]:
            cases.append("I_1")
        elif abs(c_gamma) * scale <= 2 * r:
            cases.append("A")
        elif abs(c_gamma) > scale:  # (69): keep Γ's output weight
            cases.append("B.1")
            a[i] = theta.output_weights[j] * theta.weights[j] / c_gamma
            c[i] = c_gamma
        elif abs(c_gamma) < scale:  # (70): keep the size of Γ's weight vector
            cases.append("B.2")
            size = float(np.abs(theta.weights[j]).max())
            a[i] = theta.weights[j] * (scale / size)
            c[i] = theta.output_weights[j] * (size / scale)
        else:
            cases.append("B.3")
    return Parametrization(a, c), tuple(cases), permutation


@dataclass(frozen=True, eq=False)
class InverseStability:
    """Corollary 3.3 for a pair in N*: the parameter distance beside the root of the seminorm.

    Attributes
    ----------
    distance : float
        Of Γ to the fibre of R(Θ), which on N* is the distance modulo permutations.
    seminorm : Seminorm
        r = |R(Γ) - R(Θ)|.
    ratio : float
        ``distance / r**0.5``; 0 if both are zero. Corollary 3.3 bounds it by 4, its proof by
        2 + √2, and the sharp constant is 2√2.
    permutation : array of shape (m,)
        The order of Θ's neurons that attains the distance.
    rounding : float
        As in `Reparametrization`.
    """

    distance: float
    seminorm: Seminorm
    ratio: float
    permutation: NDArray[np.intp]
    rounding: float

    @property
    def verdict(self) -> Verdict:
        """Does (38) hold? ``undecided`` if r is only bracketed."""
        return bounded(self.distance, self.rounding, STATED_CONSTANT, self.seminorm)


def inverse_stability(gamma: Parametrization, theta: Parametrization) -> InverseStability:
    """Both sides of (38) for two elements of N*.

    Raises
    ------
    ValueError
        If one of them is not in N* (36), or their shapes differ.
    """
    space = RestrictedSpace(gamma.n_inputs, gamma.n_neurons)
    for name, network in (("gamma", gamma), ("theta", theta)):
        if violations := space.violations(network):
            raise ValueError(f"{name}: not in N*: {violations[0].message}")
    found = best_permutation(gamma, theta)
    r = sobolev_distance(gamma, theta)
    if found.value == 0:
        ratio = 0.0
    else:
        ratio = found.value / np.sqrt(r.value) if r.value > 0 else float("inf")
    return InverseStability(found.value, r, float(ratio), found.columns, rounding_of(gamma, theta))
