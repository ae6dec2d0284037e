"""Lemma A.3: which hyperplanes of a realization may be turned around together.

Writing a neuron as ``c ρ(<a, x>) = c <a, x> + c ρ(-<a, x>)`` turns its hyperplane around; neurons S
may be turned around together iff ``sum_S c_i a_i = 0``. Floats are sums of products of floats, so
this is decided in rationals. The one tolerance is that of directions: as each may be off by
`DIRECTION_TOLERANCE`, the sum counts as zero up to that share of ``sum_S |c_i| ‖a_i‖_inf``, of the
neurons that are turned around and no others.

A space with a frozen offset is one of functions of x for the inputs (x, 1): there the last
coordinate of the sum is free, the offset takes it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import CanonicalForm, canonical_form
from landscape.parametrization import DIRECTION_TOLERANCE, Parametrization, max_norms
from landscape.spaces import Space, UnrestrictedSpace

__all__ = ["admissible_flips", "flip_gap"]

Array = NDArray[np.float64]
Exact = list[Fraction]

#: Up to this many hyperplanes all flips are found (two halves of 2^(K/2) sums each).
MAX_FLIP_HYPERPLANES = 32
#: Up to this many neurons all subsets are summed for the flip gap.
MAX_FLIP_NEURONS = 22
_MAX_PAIRS = 2**22
_MAX_FLIPS = 4096


def has_offset(space: Space | None) -> bool:
    """Whether the last neuron of the space's networks is a frozen offset."""
    return isinstance(space, UnrestrictedSpace) and space.offset


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


@dataclass(frozen=True, eq=False)
class Sides:
    """A realization, with the products of its neurons summed by hyperplane and side.

    Attributes
    ----------
    form : CanonicalForm
    sums : list of K pairs of vectors
        Exact ``sum c_i a_i`` over the neurons that point as the normal, and over the others: what
        remains linear when the hyperplane is written with the reversed normal, and with the normal.
    sizes : array of shape (K, 2)
        ``sum |c_i| ‖a_i‖_inf`` of the same neurons.
    rest, rest_size
        The same for hyperplanes whose jumps cancel.
    n_coordinates : int
        The first coordinates of the linear part, which neurons have to cancel; a frozen offset
        takes up the last one.
    """

    form: CanonicalForm
    sums: list[tuple[Exact, Exact]]
    sizes: Array
    rest: Exact
    rest_size: float
    n_coordinates: int

    @classmethod
    def of(cls, theta: Parametrization, space: Space | None) -> Sides:
        """Sort the neurons of theta."""
        n_coordinates = theta.n_inputs - has_offset(space)
        theta = unfrozen(theta, space)
        form = canonical_form(theta)
        n_planes, d = form.normals.shape
        sums = [([Fraction(0)] * d, [Fraction(0)] * d) for _ in range(n_planes)]
        sizes = np.zeros((n_planes, 2))
        rest, rest_size = [Fraction(0)] * d, 0.0
        norms = max_norms(theta.products)
        for i in np.flatnonzero(form.orientations).tolist():
            c = Fraction(float(theta.output_weights[i]))
            product = [c * Fraction(p) for p in theta.weights[i].tolist()]
            h, back = int(form.labels[i]), int(form.orientations[i] < 0)
            if h >= 0:
                sums[h][back][:] = [p + q for p, q in zip(sums[h][back], product, strict=True)]
                sizes[h, back] += norms[i]
            elif back:
                rest = [p + q for p, q in zip(rest, product, strict=True)]
                rest_size += float(norms[i])
        # What cancels exactly leaves nothing, whatever its size.
        rest_size = rest_size if any(rest[:n_coordinates]) else 0.0
        return cls(form, sums, sizes, rest, rest_size, n_coordinates)

    def linear(self, flip: Sequence[int]) -> Exact:
        """The linear part that is left when the hyperplanes of ``flip`` are turned around."""
        total = self.rest
        for h, (forward, backward) in enumerate(self.sums):
            total = [p + q for p, q in zip(total, forward if h in flip else backward, strict=True)]
        return total

    def size(self, flip: Sequence[int]) -> float:
        """``sum |c_i| ‖a_i‖_inf`` of the neurons that contribute to `linear`."""
        chosen = np.ones(len(self.sums), dtype=int)
        chosen[list(flip)] = 0
        return float(self.sizes[np.arange(len(chosen)), chosen].sum() + self.rest_size)


def find_flips(sides: Sides) -> list[tuple[int, ...]] | None:
    """The sets of hyperplanes for which `Sides.linear` is zero.

    All that are exactly zero are found, and those that are zero up to the tolerance and do not
    consist of one that is and neurons that do not cancel: next to neurons of size 1e20 those of
    size 1 may not be turned around.

    Returns
    -------
    flips : list of tuple of int, or None
        None if there are too many hyperplanes or candidates to enumerate.
    """
    n_planes, d = len(sides.sums), sides.n_coordinates
    if n_planes > MAX_FLIP_HYPERPLANES:
        return None
    floats = np.array(
        [[[float(p) for p in side[:d]] for side in pair] for pair in sides.sums]
    ).reshape(n_planes, 2, d)
    half = n_planes // 2
    left, left_sizes = _choices(floats[:half], sides.sizes[:half])
    right, right_sizes = _choices(floats[half:], sides.sizes[half:])
    wanted = -np.array([float(p) for p in sides.rest[:d]]) - left
    # The search allows for the rounding of its sums; candidates are decided exactly.
    share = DIRECTION_TOLERANCE + 2 * (n_planes + 2) * 2.0**-53
    slack = share * (left_sizes.max() + right_sizes.max() + sides.rest_size)
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
    sizes = left_sizes[p] + right_sizes[q] + sides.rest_size
    near = max_norms(right[q] - wanted[p]) <= share * sizes if d else np.ones(len(p), dtype=bool)
    if near.sum() > _MAX_FLIPS:
        return None
    exact, close = [], []
    for i, j in zip(p[near].tolist(), q[near].tolist(), strict=True):
        flip = [h for h in range(half) if i >> h & 1]
        flip += [half + h for h in range(n_planes - half) if j >> h & 1]
        total = sides.linear(flip)[:d]
        if not any(total):
            exact.append(tuple(flip))
        elif max(map(abs, total)) <= DIRECTION_TOLERANCE * sides.size(flip):
            close.append(tuple(flip))
    known = exact + close
    found = exact + [flip for flip in close if all(_parts(sides, flip, s) for s in known)]
    return sorted(found, key=lambda flip: (len(flip), flip))


def _choices(sums: Array, sizes: Array) -> tuple[Array, Array]:
    """Sums over one side of each hyperplane; bit h of the index says whether h is turned around."""
    totals, total_sizes = np.zeros((1, sums.shape[2])), np.zeros(1)
    for (forward, backward), (f, b) in zip(sums, sizes, strict=True):
        totals = np.vstack([totals + backward, totals + forward])
        total_sizes = np.concatenate([total_sizes + b, total_sizes + f])
    return totals, total_sizes


def _parts(sides: Sides, flip: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether what ``flip`` turns around beside ``other`` cancels by itself."""
    rest, size = [Fraction(0)] * sides.n_coordinates, 0.0
    for h in range(len(sides.sums)):
        mine, its = (0 if h in flip else 1), (0 if h in other else 1)
        if mine != its:
            if sides.sizes[h, its] > 0:
                return True  # not a part of the flip
            size += float(sides.sizes[h, mine])
            rest = [p + q for p, q in zip(rest, sides.sums[h][mine], strict=False)]
    return max(map(abs, rest), default=Fraction(0)) <= DIRECTION_TOLERANCE * size


def admissible_flips(
    theta: Parametrization, *, space: Space | None = None
) -> list[tuple[int, ...]] | None:
    """Sets of hyperplanes whose reversal leaves no linear part, by Lemma A.3.

    Parameters
    ----------
    theta : Parametrization
    space : Space, optional
        With a frozen offset, that takes up constants.

    Returns
    -------
    flips : list of tuple of int, or None
        Indices of hyperplanes of the canonical form. Writing those with reversed normals and the
        others as they are gives the function without a linear part, so these are its
        parametrizations with one neuron for each hyperplane. None if there are more than 32
        hyperplanes, or too many candidates to enumerate.

    Examples
    --------
    >>> admissible_flips(Parametrization([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1.0, 1.0, 1.0]))
    [(0, 1), (2,)]
    """
    found = find_flips(Sides.of(theta, space))
    return None if found is None else sorted(found)


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
    if used.size == 0:
        return np.inf, ()
    sums = np.zeros((1, products.shape[1]))
    for product in products[used]:
        sums = np.vstack([sums, sums + product])
    sizes = max_norms(sums)
    best = int(sizes[1:].argmin()) + 1
    return float(sizes[best]), tuple(int(i) for p, i in enumerate(used) if best >> p & 1)
