"""Distance of a parametrization to a fibre: the set of *all* parametrizations of a function.

For g with K distinct hyperplanes and K = m neurons, the parametrizations of g in N_(d,m,1) are

- permutations,
- positive rescalings ``(c_i, a_i) -> (c_i / t, t a_i)``, and
- flips of a set of hyperplanes whose products sum to the right linear function (Lemma A.3).

So the distance is a bottleneck assignment whose entries are quasi-convex problems in the single
scale t, minimized over the admissible flips. With spare neurons (K < m) the fibre is larger: one
spare neuron is silent or shares a hyperplane, which is decided exactly as well; for two or more
the result is a bracket.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import CanonicalForm, canonical_form
from landscape.parametrization import Parametrization, max_norms
from landscape.stability import _scales as scales
from landscape.stability._spare import share_one_neuron, spare_pairs
from landscape.stability.assignment import bottleneck_assignment

__all__ = ["FibreDistance", "admissible_flips", "distance_to_fibre", "flip_gap"]

Array = NDArray[np.float64]

#: Up to this many hyperplanes all flips are found (two halves of 2^(K/2) sums each).
MAX_FLIP_HYPERPLANES = 32
#: Sums of products that cancel to this, relative to the sum of their sizes, count as zero.
FLIP_TOLERANCE = 64 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class FibreDistance:
    """Distance of Γ to the parametrizations of g with as many neurons as Γ has.

    Attributes
    ----------
    lower, upper : float
        The infimum of ``‖Φ - Γ‖_inf`` over all Φ with R(Φ) = g lies between them.
    parametrization : Parametrization
        A Φ with R(Φ) = g at the distance ``upper`` (up to the rounding of g's directions).
    exact : bool
        Whether lower and upper agree up to rounding.
    n_hyperplanes : int
        Hyperplanes along which g breaks; ``n_neurons - n_hyperplanes`` neurons are spare.
    flips : tuple of tuple of int
        The admissible sets of hyperplanes to turn around, relative to the normals of the
        canonical form.
    method : str
        How the bounds were found.
    """

    lower: float
    upper: float
    parametrization: Parametrization
    exact: bool
    n_hyperplanes: int
    flips: tuple[tuple[int, ...], ...]
    method: str


def admissible_flips(
    form: CanonicalForm, *, tolerance: float = FLIP_TOLERANCE
) -> list[tuple[int, ...]] | None:
    """Sets F of hyperplanes with ``sum_{h in F} jumps[h] normals[h] = -linear``.

    Writing the hyperplanes of F with reversed normals and the others as they are gives the
    function without a linear part, so these are its parametrizations with one neuron for each
    hyperplane. Two halves of the hyperplanes are enumerated and matched.

    Returns
    -------
    flips : list of tuple of int, or None
        None if there are more than 32 hyperplanes, too many to enumerate.
    """
    steps = form.jumps[:, None] * form.normals
    n_planes, d = steps.shape
    if n_planes > MAX_FLIP_HYPERPLANES:
        return None
    size = np.abs(steps).sum() + np.abs(form.linear).sum()
    slack = tolerance * max(size, np.finfo(float).tiny)
    half = n_planes // 2
    left, right = _subset_sums(steps[:half]), _subset_sums(steps[half:])
    wanted = -form.linear - left
    # One number per sum, such that equal sums have nearly equal numbers.
    generic = np.cos(1.0 + np.arange(d) ** 2)
    keys, targets = right @ generic, wanted @ generic
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], targets - slack * d, side="left")
    last = np.searchsorted(keys[order], targets + slack * d, side="right")
    found = []
    for p in np.flatnonzero(last > first):
        for q in order[first[p] : last[p]]:
            if np.abs(right[q] - wanted[p]).max(initial=0.0) <= slack:
                members = [h for h in range(half) if p >> h & 1]
                members += [half + h for h in range(n_planes - half) if q >> h & 1]
                found.append(tuple(members))
    return sorted(found, key=lambda flip: (len(flip), flip))


def _subset_sums(steps: Array) -> Array:
    """Sums over all subsets, (2^n, d); bit h of the index says whether step h is in."""
    sums = np.zeros((1, steps.shape[1]))
    for step in steps:
        sums = np.vstack([sums, sums + step])
    return sums


def flip_gap(theta: Parametrization) -> tuple[float, tuple[int, ...]]:
    """``min over non-empty S of ‖sum_S c_i a_i‖_inf`` and its S: how far a flip is from free.

    Zero means that Lemma A.3 allows a flip; small, compared with the products, is what Example 2.5
    needs. Neurons that contribute nothing are left out.

    Raises
    ------
    ValueError
        If more than 22 neurons contribute: all subsets are enumerated.

    Examples
    --------
    >>> flip_gap(Parametrization([[1.0, 0.0], [-1.0, 0.25]], [1.0, 1.0]))
    (0.25, (0, 1))
    """
    used = np.flatnonzero(max_norms(theta.products) > 0)
    if used.size > 22:
        raise ValueError(f"theta: at most 22 contributing neurons, got {used.size}")
    if used.size == 0:
        return np.inf, ()
    sums = _subset_sums(theta.output_weights[used, None] * theta.weights[used])
    sizes = max_norms(sums)
    best = int(sizes[1:].argmin()) + 1
    return float(sizes[best]), tuple(int(i) for p, i in enumerate(used) if best >> p & 1)


def distance_to_fibre(gamma: Parametrization, theta: Parametrization) -> FibreDistance:
    """``inf ‖Φ - Γ‖_inf`` over all Φ with R(Φ) = R(Θ) and as many neurons as Γ.

    Exact (up to rounding) when g = R(Θ) breaks along m or m - 1 hyperplanes, a bracket
    otherwise; see the module.

    Parameters
    ----------
    gamma, theta : Parametrization
        With the same number of inputs; Θ may have any number of neurons.

    Raises
    ------
    ValueError
        If R(Θ) has no parametrization with as few neurons as Γ.

    Examples
    --------
    Example 2.3 of the paper: it states the bound √2 - 1, the distance is 1.

    >>> gamma = Parametrization([[1.0, 0.0], [1.0, 0.0]], [1.0, 1.0])
    >>> theta = Parametrization([[2.0, 0.0], [0.0, 0.1]], [1.0, 1.0])
    >>> distance_to_fibre(gamma, theta).upper
    1.0
    """
    if gamma.n_inputs != theta.n_inputs:
        raise ValueError(
            f"theta: expected {gamma.n_inputs} inputs as gamma has, got {theta.n_inputs}"
        )
    form = canonical_form(theta)
    spare = gamma.n_neurons - len(form.jumps)
    flips = admissible_flips(form)
    costs = scales.single_costs(gamma, form)
    relaxed = _relaxed_lower_bound(gamma, form, costs, spare)
    candidates = [_best_orientation(gamma, form, costs, flips or [])]
    lower, method = relaxed, "bracket"
    if flips is not None and spare == 0:
        lower, method = candidates[0].lower, "permutations, rescalings and flips"
    elif flips is not None and spare == 1:
        shared = share_one_neuron(gamma, form, candidates[0].upper)
        candidates.append(shared.candidate)
        if shared.complete:
            lower = min(candidates[0].lower, shared.candidate.lower)
            method = "as without spare neurons, or two neurons on one hyperplane"
    elif spare >= 2:
        candidates.append(spare_pairs(gamma, form, theta))
    best = min(candidates, key=lambda found: found.upper)
    if best.parametrization is None:
        raise ValueError(
            f"theta: its realization breaks along {len(form.jumps)} hyperplanes, and no "
            f"parametrization with {gamma.n_neurons} neurons was found"
        )
    lower = max(min(lower, best.upper), min(relaxed, best.upper))
    size = max(
        np.abs(gamma.weights).max(initial=0.0), np.abs(gamma.output_weights).max(initial=0.0)
    )
    exact = best.upper - lower <= 1e-9 * best.upper + 64 * np.finfo(float).eps * size
    return FibreDistance(
        lower=float(lower),
        upper=float(best.upper),
        parametrization=best.parametrization,
        exact=bool(exact),
        n_hyperplanes=len(form.jumps),
        flips=tuple(flips or ()),
        method=method,
    )


def _relaxed_lower_bound(
    gamma: Parametrization, form: CanonicalForm, costs: scales.Costs, spare: int
) -> float:
    """Some neuron of Φ lies on each hyperplane of g: what that alone forces."""
    if spare < 0:
        return np.inf
    if spare == 0:
        return bottleneck_assignment(costs.lower.min(axis=2).T).value
    return bottleneck_assignment(scales.line_distances(gamma, form.normals).T).value


def _best_orientation(
    gamma: Parametrization,
    form: CanonicalForm,
    costs: scales.Costs,
    flips: list[tuple[int, ...]],
) -> scales.Candidate:
    """One neuron on each hyperplane, the others silent, over all admissible flips."""
    m, n_planes = gamma.n_neurons, len(form.jumps)
    best = scales.Candidate(np.inf, np.inf, None)
    if n_planes > m:
        return best
    silent = np.minimum(np.abs(gamma.output_weights), max_norms(gamma.weights))
    for flip in flips:
        orientation = np.zeros(n_planes, dtype=int)
        orientation[list(flip)] = 1
        pick = np.arange(n_planes), orientation
        upper = np.column_stack(
            [costs.upper[:, pick[0], pick[1]], np.tile(silent[:, None], (1, m - n_planes))]
        )
        found = bottleneck_assignment(upper)
        if found.value < best.upper:
            lower = np.column_stack(
                [costs.lower[:, pick[0], pick[1]], np.tile(silent[:, None], (1, m - n_planes))]
            )
            phi = scales.build(gamma, form, costs, found.columns, orientation)
            best = scales.Candidate(
                min(best.lower, bottleneck_assignment(lower).value), found.value, phi
            )
    return best
