"""Lemma A.3: which hyperplanes of a realization may be turned around together.

Writing a neuron as ``c ρ(<a, x>) = c <a, x> + c ρ(-<a, x>)`` turns its hyperplane around; neurons S
may be turned around together iff ``sum_S c_i a_i = 0``. Floats are sums of products of floats, so
this is decided in rationals. The one tolerance is that of directions: as each may be off by
`DIRECTION_TOLERANCE`, the sum counts as zero up to that share of ``sum_S |c_i| ‖a_i‖_inf``, of the
neurons that are turned around and no others. A space with a frozen offset is one of functions of x
for the inputs (x, 1): there the last coordinate of the sum is free, the offset takes it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import CanonicalForm, canonical_form
from landscape.parametrization import DIRECTION_TOLERANCE as TOLERANCE
from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.spaces import Space
from landscape.stability.assignment import entries, has_offset

__all__ = ["admissible_flips", "degeneracies", "flip_gap"]

Array = NDArray[np.float64]
Exact = NDArray[Any]  # of fractions

#: Up to this many hyperplanes all flips are found (two halves of 2^(K/2) sums each).
MAX_FLIP_HYPERPLANES = 32
#: Up to this many neurons all subsets are summed for the flip gap.
MAX_FLIP_NEURONS = 22
_MAX_PAIRS = 2**22
_MAX_FLIPS = 4096

exact = np.vectorize(Fraction, otypes=[object])


def unfrozen(theta: Parametrization, space: Space | None) -> Parametrization:
    """The network on R^d that equals theta where the last input is positive.

    A constant there, an offset e or a neuron ``(0, b)`` with b > 0, is the linear function of the
    last input: two opposite neurons. Without a frozen offset: theta itself.
    """
    if not has_offset(space):
        return theta
    a, c = theta.weights, theta.output_weights
    constant = max_norms(a[:, :-1]) == 0
    used = constant & (a[:, -1] > 0)
    return Parametrization(
        np.vstack([a[~constant], a[used], -a[used]]),
        np.concatenate([c[~constant], c[used], -c[used]]),
    )


def negligible(total: Exact, size: float) -> bool:
    """Whether a sum is zero up to the tolerance of directions of terms of this total size."""
    return bool(max(map(abs, total), default=0) <= TOLERANCE * size)


def sum_sides(
    theta: Parametrization, labels: NDArray[np.intp], orientations: NDArray[np.int8]
) -> tuple[Exact, Array]:
    """Exact sums of products and their sizes by hyperplane and side; the label -1 comes last."""
    n_planes, used = labels.max(initial=-1) + 1, orientations != 0
    sums = np.full((n_planes + 1, 2, theta.n_inputs), Fraction(0))
    sizes, place = np.zeros((n_planes + 1, 2)), (labels[used], 1 * (orientations[used] < 0))
    np.add.at(sums, place, exact(theta.output_weights[used, None]) * exact(theta.weights[used]))
    np.add.at(sizes, place, max_norms(theta.products[used]))
    return sums, sizes


@dataclass(frozen=True, eq=False)
class Sides:
    """A realization, with the products of its neurons summed by hyperplane and side.

    ``sums`` (K + 1, 2, d) are exact ``sum c_i a_i`` over the neurons that point as the normal, and
    over the others: what remains linear when the hyperplane is written with the reversed normal,
    and with the normal. The last are of the hyperplanes whose jumps cancel. ``sizes`` (K + 1, 2)
    are ``sum |c_i| ‖a_i‖_inf`` of the same neurons. Neurons have to cancel the first
    ``n_coordinates`` of the linear part; a frozen offset takes up the last one.
    """

    form: CanonicalForm
    sums: Exact
    sizes: Array
    n_coordinates: int

    @classmethod
    def of(cls, theta: Parametrization, space: Space | None) -> Sides:
        """Sort the neurons of theta."""
        n_coordinates = theta.n_inputs - has_offset(space)
        theta = unfrozen(theta, space)
        form = canonical_form(theta)
        sums, sizes = sum_sides(theta, form.labels, form.orientations)
        if not sums[-1, 1, :n_coordinates].any():  # what cancels exactly leaves nothing
            sizes[-1] = 0.0
        return cls(form, sums, sizes, n_coordinates)

    def pick(self, flip: Iterable[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Index of the sides that contribute when the hyperplanes of ``flip`` are turned around."""
        sides = np.ones(len(self.sums), dtype=np.intp)
        sides[list(flip)] = 0
        return np.arange(len(sides)), sides

    def linear(self, flip: Iterable[int]) -> Exact:
        """The linear part that is left when the hyperplanes of ``flip`` are turned around."""
        return np.asarray(self.sums[self.pick(flip)].sum(axis=0))

    def constant(self, flip: Iterable[int]) -> Array:
        """What of it a frozen offset takes up, shape (1,); (0,) without."""
        return self.linear(flip)[self.n_coordinates :].astype(float)

    def size(self, flip: Iterable[int]) -> float:
        """``sum |c_i| ‖a_i‖_inf`` of the neurons that contribute to `linear`."""
        return float(self.sizes[self.pick(flip)].sum())

    def admits(self, flip: Iterable[int]) -> bool:
        """Whether nothing is left, up to the tolerance, that neurons have to cancel."""
        return negligible(self.linear(flip)[: self.n_coordinates], self.size(flip))


def find_flips(sides: Sides) -> list[tuple[int, ...]] | None:
    """The sets of hyperplanes that `Sides.admits`, sorted.

    All that are exactly zero are found, and those that are zero up to the tolerance and do not
    consist of one that is and neurons that do not cancel: next to neurons of size 1e20 those of
    size 1 may not be turned around. None if there are too many hyperplanes or candidates to
    enumerate.
    """
    n_planes, d = len(sides.sums) - 1, sides.n_coordinates
    if n_planes > MAX_FLIP_HYPERPLANES:
        return None
    floats = sides.sums[..., :d].astype(float)
    half = n_planes // 2
    left, left_sizes = _choices(floats[:half], sides.sizes[:half])
    right, right_sizes = _choices(floats[half:-1], sides.sizes[half:-1])
    wanted, left_sizes = -floats[-1, 1] - left, left_sizes + sides.sizes[-1, 1]
    # The search allows for the rounding of its sums; candidates are decided exactly.
    share = TOLERANCE + 2 * (n_planes + 2) * 2.0**-53
    slack = share * (left_sizes.max() + right_sizes.max())
    # One number per sum, such that equal sums have nearly equal numbers.
    generic = np.cos(1.0 + np.arange(d) ** 2)
    keys, targets = right @ generic, wanted @ generic
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], targets - 2 * d * slack, side="left")
    last = np.searchsorted(keys[order], targets + 2 * d * slack, side="right")
    if (last - first).sum() > _MAX_PAIRS:
        return None
    p = np.repeat(np.arange(len(left)), last - first)
    q = order[np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])]
    near = max_norms(right[q] - wanted[p]) <= share * (left_sizes[p] + right_sizes[q])
    if near.sum() > _MAX_FLIPS:
        return None
    flips = [
        tuple(h for h in range(n_planes) if bits >> h & 1)
        for bits in (p[near] + (q[near] << half)).tolist()
    ]
    known = [flip for flip in flips if sides.admits(flip)]
    return sorted(
        flip
        for flip in known
        if not any(sides.linear(flip)[:d]) or all(_parts(sides, flip, other) for other in known)
    )


def _choices(sums: Array, sizes: Array) -> tuple[Array, Array]:
    """Sums over one side of each hyperplane; bit h of the index says whether h is turned around."""
    totals, total_sizes = np.zeros((1, sums.shape[2])), np.zeros(1)
    for (forward, backward), (f, b) in zip(sums, sizes, strict=True):
        totals = np.vstack([totals + backward, totals + forward])
        total_sizes = np.concatenate([total_sizes + b, total_sizes + f])
    return totals, total_sizes


def _parts(sides: Sides, flip: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether what ``flip`` turns around beside ``other`` cancels by itself, if that is a part."""
    (planes, mine), (_, its) = sides.pick(flip), sides.pick(other)
    beside = planes[mine != its]
    if (sides.sizes[beside, its[beside]] > 0).any():
        return True  # not a part of the flip
    rest = sides.sums[beside, mine[beside], : sides.n_coordinates].sum(axis=0)
    return negligible(rest, float(sides.sizes[beside, mine[beside]].sum()))


def admissible_flips(
    theta: Parametrization, *, space: Space | None = None
) -> list[tuple[int, ...]] | None:
    """Sets of hyperplanes whose reversal leaves no linear part, by Lemma A.3.

    Writing those with reversed normals and the others as they are gives the function without a
    linear part, so these are its parametrizations with one neuron for each hyperplane.

    Parameters
    ----------
    theta : Parametrization
    space : Space, optional
        With a frozen offset, that takes up constants.

    Returns
    -------
    flips : list of tuple of int, or None
        Indices of hyperplanes of the canonical form. None if there are more than 32 hyperplanes,
        or too many candidates to enumerate.

    Examples
    --------
    >>> admissible_flips(Parametrization([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1.0, 1.0, 1.0]))
    [(0, 1), (2,)]
    """
    return find_flips(Sides.of(theta, space))


def flip_gap(
    theta: Parametrization, *, space: Space | None = None
) -> tuple[float, tuple[int, ...]]:
    """``min over non-empty S of ‖sum_S c_i a_i‖_inf`` and its S: how far a flip is from free.

    Zero means that Lemma A.3 allows a flip; small, compared with the products, is what Example 2.5
    needs. Neurons that contribute nothing are left out.

    Parameters
    ----------
    theta : Parametrization
    space : Space, optional
        With a frozen offset, that is not turned around and takes up the last coordinate of the
        sum; constant neurons are left out.

    Raises
    ------
    ValueError
        If more than 22 neurons contribute: all subsets are enumerated.

    Examples
    --------
    >>> flip_gap(Parametrization([[1.0, 0.0], [-1.0, 0.25]], [1.0, 1.0]))
    (0.25, (0, 1))
    """
    products = theta.output_weights[:, None] * theta.weights
    if has_offset(space):
        products = products[:-1, :-1]
    used = np.flatnonzero(max_norms(products) > 0)
    if used.size > MAX_FLIP_NEURONS:
        raise ValueError(f"theta: at most {MAX_FLIP_NEURONS} contributing neurons, got {used.size}")
    turned = np.stack([products[used], np.zeros_like(products[used])], axis=1)
    sizes = max_norms(_choices(turned, np.zeros((used.size, 2)))[0])
    sizes[0] = np.inf  # the empty set
    best = int(sizes.argmin())
    return float(sizes[best]), tuple(int(i) for p, i in enumerate(used) if best >> p & 1)


def degeneracies(theta: Parametrization, *, space: Space | None = None) -> dict[str, float]:
    """How far a network is from the conditions C.1 to C.3.

    Parameters
    ----------
    theta : Parametrization
    space : Space, optional
        With a frozen offset, which can be neither balanced nor turned around: it counts for
        ``cosine`` and ``opposite_cosine`` only, and a flip may leave a constant.

    Returns
    -------
    dict
        ``imbalance``: mean of ``||c_i| - ‖a_i‖_inf|`` relative to the larger, 0 on N' and for
        (0, 0), 1 if one of them is 0; ``imbalance_max``; ``distance``: half the largest
        ``||c_i| - ‖a_i‖_inf|``, the distance to N' in max-norm, as both can move half the way and
        parallel directions part at any distance; ``cosine`` and ``opposite_cosine``: largest and
        smallest Euclidean cosine between two non-zero weight vectors, 1 if parallel (C.2), -1 if
        opposite (C.3), nan with fewer than two; ``flip_gap``: see `flip_gap`, relative to the
        largest product, nan beyond 22 neurons.

    Examples
    --------
    >>> found = degeneracies(Parametrization([[2.0, 0.0], [0.0, 3.0]], [1.0, 3.0]))
    >>> found["imbalance"], found["distance"], found["cosine"]
    (0.25, 0.5, 0.0)
    """
    end = theta.n_neurons - has_offset(space)
    gaps, larger = theta.unbalancedness()[:end], max_norms(entries(theta)[:end])
    relative = gaps / np.where(larger > 0, larger, 1.0)
    units = unit_directions(theta.weights[max_norms(theta.weights) > 0])
    units /= np.linalg.norm(units, axis=1)[:, None]
    cosines = np.clip((units @ units.T)[np.triu_indices(len(units), 1)], -1.0, 1.0)
    products = theta.products[:end, :-1] if has_offset(space) else theta.products
    largest = float(max_norms(products).max(initial=0.0))
    few = np.count_nonzero(max_norms(products)) <= MAX_FLIP_NEURONS
    return {
        "imbalance": float(relative.mean()) if end else 0.0,
        "imbalance_max": float(relative.max(initial=0.0)),
        "distance": 0.5 * float(gaps.max(initial=0.0)),
        "cosine": float(cosines.max()) if cosines.size else np.nan,
        "opposite_cosine": float(cosines.min()) if cosines.size else np.nan,
        "flip_gap": flip_gap(theta, space=space)[0] / largest if largest > 0 and few else np.nan,
    }
