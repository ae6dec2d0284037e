"""Theorem 3.1 as an algorithm, following its proof (A.1), and Corollary 3.3.

The steps: merge Θ (43), match the hyperplanes of Γ and Θ (case 1 and case 2), permute (59), and
rescale each neuron by (60) and (68) to (71). What the proof assumes is checked and reported with
margins; what it claims is verified on the result.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import RealizationEquality, canonical_form, same_realization
from landscape.parametrization import DIRECTION_TOLERANCE as TOLERANCE
from landscape.parametrization import Parametrization, group_directions, max_norms, unit_directions
from landscape.seminorm import Seminorm, sobolev_distance
from landscape.spaces import RestrictedSpace
from landscape.stability.assignment import (
    best_permutation,
    bottleneck_assignment,
    entries,
    largest_entry,
    max_distance,
    neuron_distances,
)
from landscape.stability.fibre import FibreDistance, distance_to_fibre
from landscape.stability.flips import admissible_flips
from landscape.verdict import Verdict

__all__ = [
    "Condition", "InverseStability", "Reparametrization", "inverse_stability", "reparametrize_near",
]  # fmt: skip

Pairs = tuple[tuple[int, int], ...]

#: The constant s of Corollary 3.3, and what cannot be improved (Theorem 3).
STATED_CONSTANT = 4.0
SHARP_CONSTANT = 2.0 * np.sqrt(2.0)


@dataclass(frozen=True)
class Condition:
    """One condition of Theorem 3.1: C.1, C.2, C.3a or C.3b."""

    name: str  #: "C.1", "C.2", "C.3a" or "C.3b".
    holds: bool  #: Whether it is satisfied.
    #: How far the data are from changing the answer: for C.1 with a given β what is left of it,
    #: otherwise the smallest distance of a product from 2r; for the others the smallest max-norm
    #: distance of two directions that must differ (0 if the condition fails).
    margin: float
    #: What violates it: neurons of Γ for C.1; pairs of neurons of Γ for C.2; pairs of Γ, then
    #: pairs of Θ, for C.3a; pairs (neuron of Γ, neuron of Θ) for C.3b.
    neurons: tuple[tuple[int, ...], ...]
    message: str  #: A sentence for the user.


@dataclass(frozen=True, eq=False)
class Reparametrization:
    """What `reparametrize_near` found."""

    #: Φ with R(Φ) = R(Θ): the proof's if all conditions hold, else the nearest known.
    parametrization: Parametrization
    distance: float  #: ‖Φ - Γ‖_inf, without any further permutation
    bound: float  #: ``beta + 2 r**0.5``, the right-hand side of (31)
    beta: float  #: the given β, or the smallest one for which C.1 holds
    seminorm: Seminorm  #: ``r = |R(Θ) - R(Γ)|``, with witness
    conditions: tuple[Condition, ...]  #: C.1, C.2, C.3a, C.3b, in this order
    #: The proof's case for each neuron of Γ: "I_1" (no partner), "A", "B.1", "B.2" or "B.3".
    cases: tuple[str, ...]
    #: Neuron of the merged Θ that became neuron i of the proof's Φ, shape (m,).
    permutation: NDArray[np.intp]
    #: Neurons of Θ's canonical form that were turned around by Lemma A.3 to fulfil C.3.
    flips: tuple[int, ...]
    same_realization: RealizationEquality  #: of the canonical forms of Φ and Θ
    #: Distance of Γ to all parametrizations of R(Θ), if asked for or if a condition failed.
    nearest: FibreDistance | None
    #: What rounding adds to the distance: r does not see directions that differ by
    #: `DIRECTION_TOLERANCE`, so parameters are known to that share of the largest of them.
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


def reparametrize_near(
    gamma: Parametrization,
    theta: Parametrization,
    *,
    beta: float | None = None,
    nearest: bool | None = None,
) -> Reparametrization:
    """Theorem 3.1: a parametrization Φ of R(Θ) near Γ, the bound (31) and its conditions.

    Parameters
    ----------
    gamma, theta : Parametrization
        With the same number of inputs; after merging Θ may not have more neurons than Γ.
    beta : float, optional
        The β of C.1; by default the smallest for which C.1 holds.
    nearest : bool, optional
        Whether to compute the distance to all parametrizations of R(Θ) as well; by default only
        where a condition fails.

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
    merged, flips = _turn(gamma, _fit(theta.merge(), gamma.n_neurons))
    conditions, beta = _conditions(gamma, merged, r.value, beta)
    phi, cases, permutation = _follow_proof(gamma, merged, r.value)
    distance, fibre = max_distance(gamma, phi), None
    failed = not all(condition.holds for condition in conditions)
    if nearest or (nearest is None and failed):
        fibre = distance_to_fibre(gamma, theta)
        if failed and fibre.parametrization is not None and fibre.upper < distance:
            phi, distance = fibre.parametrization, fibre.upper
    bound, rounding = float(beta + 2 * np.sqrt(r.value)), TOLERANCE * largest_entry(gamma, phi)
    proof, same = (conditions, cases, permutation, flips), same_realization(phi, theta)
    return Reparametrization(phi, distance, bound, beta, r, *proof, same, fibre, rounding)


def _fit(theta: Parametrization, m: int) -> Parametrization:
    """Theta with m neurons: silent ones dropped or added, the others in their order."""
    if theta.n_neurons == m:
        return theta
    used = theta.output_weights != 0
    if (count := np.count_nonzero(used)) > m:
        raise ValueError(
            f"theta: expected at most {m} neurons of different directions, as many as gamma has, "
            f"got {count} after merging"
        )
    silent = Parametrization(np.zeros((m - count, theta.n_inputs)), np.zeros(m - count))
    active = Parametrization(theta.weights[used], theta.output_weights[used])
    return Parametrization.concatenate([active, silent])


def _opposite(gamma: Parametrization, theta: Parametrization) -> tuple[Pairs, Pairs]:
    """Pairs of opposite neurons of Γ or of Θ, and pairs of a neuron of Γ and one of Θ."""
    m, pairs = gamma.n_neurons, Parametrization.concatenate([gamma, theta]).opposite_pairs()
    own = [pair for pair in pairs if pair[1] < m] + [(i - m, j - m) for i, j in pairs if i >= m]
    return tuple(own), tuple((i, j - m) for i, j in pairs if i < m <= j)


def _turn(
    gamma: Parametrization, theta: Parametrization
) -> tuple[Parametrization, tuple[int, ...]]:
    """C.3 asks for *some* Θ: if the given one violates it, look for another by Lemma A.3."""
    least, best, chosen = sum(map(len, _opposite(gamma, theta))), theta, tuple[int, ...]()
    if least == len(gamma.opposite_pairs()):
        return theta, ()
    form = canonical_form(theta)
    flips = admissible_flips(theta) if len(form.jumps) <= gamma.n_neurons else None
    for flip in flips or []:
        normals = form.normals.copy()
        normals[list(flip)] *= -1.0
        candidate = _fit(Parametrization(normals, form.jumps), gamma.n_neurons)
        if (count := sum(map(len, _opposite(gamma, candidate)))) < least:
            least, best, chosen = count, candidate, flip
    return best, chosen


def _conditions(
    gamma: Parametrization, theta: Parametrization, r: float, beta: float | None
) -> tuple[tuple[Condition, ...], float]:
    """The four conditions, and β: the given one, or the smallest that C.1 allows."""
    sizes, largest = max_norms(gamma.products), max_norms(entries(gamma))
    small = sizes <= 2 * r
    needed = float(largest[small].max(initial=0.0))
    message = f"neurons with a product of at most 2r need beta >= {needed:.6g}"
    if beta is None:
        beta, margin = needed, float(np.abs(sizes - 2 * r).min(initial=np.inf))
        message = f"holds with beta = {needed:.6g}, the largest parameter of a neuron below 2r"
    else:
        beta, margin = float(beta), float(beta) - needed
    bad = tuple((int(i),) for i in np.flatnonzero(small & (largest > beta)))
    found = [Condition("C.1", not bad, margin, bad, message)]
    rows = np.vstack([gamma.weights, theta.weights])
    used = np.flatnonzero(max_norms(rows) > 0)
    units, mine = unit_directions(rows[used]), used < gamma.n_neurons
    i, j = np.triu_indices(len(units), 1)
    apart, opposed = (np.abs(units[i] + sign * units[j]).max(axis=1) for sign in (-1.0, 1.0))
    own, across = _opposite(gamma, theta)
    same = "neurons of gamma with the same direction"
    facing = "neurons of {} with opposite directions"
    for name, pairs, margins, what in (
        ("C.2", tuple(gamma.redundant_pairs()), apart[mine[i] & mine[j]], same),
        ("C.3a", own, opposed[mine[i] == mine[j]], facing.format("one network")),
        ("C.3b", across, opposed[mine[i] != mine[j]], facing.format("gamma and theta")),
    ):
        message = f"{what}: {pairs[0]}" if pairs else f"no {what}"
        margin = 0.0 if pairs else float(margins.min(initial=np.inf))
        found.append(Condition(name, not pairs, margin, pairs, message))
    return tuple(found), beta


def _follow_proof(
    gamma: Parametrization, theta: Parametrization, r: float
) -> tuple[Parametrization, tuple[str, ...], NDArray[np.intp]]:
    """(55) to (71) for a merged Θ in which c = 0 means a = 0."""
    m, balanced = gamma.n_neurons, theta.balance()
    labels = group_directions(np.vstack([gamma.weights, theta.weights]))
    permutation = np.full(m, -1, dtype=np.intp)
    for i, label in enumerate(labels[:m]):
        partners = np.flatnonzero((labels[m:] == label) & (label >= 0))[:1]
        if partners.size and partners[0] not in permutation:
            permutation[i] = partners[0]
    # I_1: what is left over on both sides; the proof allows any order, this is the best one.
    left = np.flatnonzero(permutation < 0)
    rest = np.setdiff1d(np.arange(theta.n_neurons), permutation)
    costs = neuron_distances(gamma, balanced)[np.ix_(left, rest)]
    permutation[left] = rest[bottleneck_assignment(costs).columns]
    a, c = balanced.weights[permutation], balanced.output_weights[permutation]  # (60), (68), (71)
    rows, outputs = theta.weights[permutation], theta.output_weights[permutation]
    norms, sizes = max_norms(gamma.weights), np.abs(gamma.output_weights)
    cases = np.select(
        [np.isin(np.arange(m), left), sizes * norms <= 2 * r, sizes > norms, sizes < norms],
        ["I_1", "A", "B.1", "B.2"],
        "B.3",
    )
    one, two = cases == "B.1", cases == "B.2"
    # (69): keep Γ's output weight; (70): keep the size of Γ's weight vector.
    c[one] = gamma.output_weights[one]
    a[one] = outputs[one, None] * rows[one] / c[one, None]
    lengths, norms = max_norms(rows[two]), norms[two]
    a[two], c[two] = rows[two] * (norms / lengths)[:, None], outputs[two] * (lengths / norms)
    return Parametrization(a, c), tuple(cases.tolist()), permutation


@dataclass(frozen=True, eq=False)
class InverseStability:
    """Corollary 3.3 for a pair in N*: the parameter distance beside the root of the seminorm."""

    distance: float  #: of Γ to the fibre of R(Θ), which on N* is the distance modulo permutations
    seminorm: Seminorm  #: ``r = |R(Γ) - R(Θ)|``.
    #: ``distance / r**0.5``; 0 if both are zero. Corollary 3.3 bounds it by 4, its proof by 2 + √2,
    #: and the sharp constant is 2√2.
    ratio: float
    permutation: NDArray[np.intp]  #: order of Θ's neurons that attains the distance, shape (m,)
    rounding: float  #: as in `Reparametrization`

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
    found, r = best_permutation(gamma, theta), sobolev_distance(gamma, theta)
    with np.errstate(divide="ignore"):
        ratio = float(found.value / np.sqrt(r.value)) if found.value else 0.0
    rounding = TOLERANCE * largest_entry(gamma, theta)
    return InverseStability(found.value, r, ratio, found.columns, rounding)
