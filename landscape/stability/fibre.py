"""Distance of a parametrization to a fibre: the set of *all* parametrizations of a function.

For g with K distinct hyperplanes and K = m neurons, the parametrizations of g in N_(d,m,1) are
permutations, positive rescalings ``(c_i, a_i) -> (c_i / t, t a_i)``, and flips of a set of
hyperplanes whose products sum to the right linear function (Lemma A.3). So the distance is a
bottleneck assignment whose entries are quasi-convex problems in the single scale t, minimized over
the admissible flips (Theorem 16). With spare neurons (K < m) the fibre is larger: one spare neuron
is silent or shares a hyperplane, which is decided as well; for two or more the result is a bracket.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import merge_hyperplanes, same_realization
from landscape.parametrization import Parametrization, max_norms
from landscape.realization import difference
from landscape.spaces import BalancedSpace, RestrictedSpace, Space
from landscape.stability import _rays
from landscape.stability.assignment import (
    bottleneck_assignment,
    check_shape,
    has_offset,
    largest_entry,
    max_distance,
)
from landscape.stability.flips import Sides, find_flips, negligible, sum_sides, unfrozen

__all__ = ["FibreDistance", "distance_to_fibre"]

Array = NDArray[np.float64]
Rays = tuple[Array, Array, Array]

#: Ends of a bracket that differ by no more, relative to the distance and to Γ's largest entry, are
#: equal: 16 units of rounding of the lower end, two of the upper one, and what scales round.
EXACT = 2.0**-48

#: The decision with one spare neuron enumerates 2^K orientations for K hyperplanes.
MAX_SHARED_HYPERPLANES = 10


@dataclass(frozen=True, eq=False)
class FibreDistance:
    """Distance of Γ to the parametrizations of g with as many neurons as Γ has.

    The infimum of ``‖Φ - Γ‖_inf`` over all Φ with R(Φ) = g is between ``lower`` and ``upper``; this
    is infinite where none was found although there may be one.
    """

    lower: float  #: No such Φ is nearer, in the max-norm.
    upper: float  #: The distance of ``parametrization``; inf where none was found.
    #: A Φ with R(Φ) = g at the distance ``upper``; directions and products are g's up to rounding.
    parametrization: Parametrization | None
    exact: bool  #: whether lower and upper agree up to rounding
    n_hyperplanes: int  #: along which g breaks; the neurons beyond these are spare
    #: The admissible sets of hyperplanes to turn around, relative to the normals of the canonical
    #: form; empty if none is or they were too many to enumerate.
    flips: tuple[tuple[int, ...], ...]
    method: str  #: how the bounds were found


def distance_to_fibre(
    gamma: Parametrization, theta: Parametrization, *, space: Space | None = None
) -> FibreDistance:
    """``inf ‖Φ - Γ‖_inf`` over all Φ with R(Φ) = R(Θ) and as many neurons as Γ.

    Exact (up to rounding) when g = R(Θ) breaks along m or, without an offset, m - 1 hyperplanes, a
    bracket otherwise; see the module. It is 0 where Γ is in the space and R(Γ) = R(Θ).

    Parameters
    ----------
    gamma, theta : Parametrization
        With the same number of inputs; Θ may have any number of neurons.
    space : Space, optional
        The set that Φ is taken from, by default N. With a frozen offset, functions are those of x
        for inputs (x, 1), and the last neuron of Γ, Θ and Φ is the offset. On N' scales are fixed
        by balance; on N* permutations are all that is left.

    Raises
    ------
    ValueError
        If the shapes do not fit, or no element of the space has the realization R(Θ).

    Examples
    --------
    Example 2.3 of the paper: it states the bound √2 - 1, the distance is 1.

    >>> gamma = Parametrization([[1.0, 0.0], [1.0, 0.0]], [1.0, 1.0])
    >>> theta = Parametrization([[2.0, 0.0], [0.0, 0.1]], [1.0, 1.0])
    >>> distance_to_fibre(gamma, theta).upper
    1.0
    """
    difference(gamma, theta)  # refuses different numbers of inputs
    check_shape(gamma, space)
    for name, network in (("gamma", gamma), ("theta", theta)) if has_offset(space) else ():
        last = network.weights[-1].tolist() if network.n_neurons else "nothing"
        if last != [0.0] * (gamma.n_inputs - 1) + [1.0]:
            raise ValueError(
                f"{name}: expected the offset (0, ..., 0, 1) as the last weight vector, got {last}"
            )
    return _Search(gamma, theta, space).run()


def _equal(gamma: Parametrization, theta: Parametrization) -> bool:
    """Whether the realizations are equal: in rationals, or up to rounding.

    Up to rounding, what is left of each hyperplane vanishes by itself, or all that is left may be
    turned around together: next to neurons of size 1e20 those of size 1 may not.
    """
    same, both = same_realization(gamma, theta), difference(gamma, theta)
    if not same:
        return False
    planes = merge_hyperplanes(both.weights)
    sums, sizes = sum_sides(both, planes.labels, planes.orientations)
    noticed = [k for k in range(len(sums)) if not negligible(sums[k, 1], sizes[k, 1])]
    # To turn around one of these hyperplanes is to count what is left of it.
    count, picked = np.array([[1], [0]]), [*noticed, -1]
    left, size = sums[picked, 1:] * count, sizes[picked, 1:] * count[:, 0]
    flips = find_flips(Sides(same.difference, left, size, gamma.n_inputs))
    return not any(sums[:, 1].sum(axis=0)) or tuple(range(len(noticed))) in (flips or ())


class _Search:
    """Candidates for the nearest parametrization, and what bounds the distance from below."""

    def __init__(self, gamma: Parametrization, theta: Parametrization, space: Space | None) -> None:
        self.gamma, self.theta, self.space = gamma, theta, space
        self.sides = Sides.of(theta, space)
        self.flips = find_flips(self.sides)
        self.offset = has_offset(space)
        self.balanced = isinstance(space, BalancedSpace)
        self.restricted = isinstance(space, RestrictedSpace)
        end = gamma.n_neurons - self.offset
        #: The neurons that may move.
        self.a, self.c = gamma.weights[:end], gamma.output_weights[:end]
        sizes = np.maximum if self.balanced else np.minimum  # (0, 0) is the silent neuron of N'
        silent = np.inf if self.restricted else sizes(np.abs(self.c), max_norms(self.a))
        self.silent = np.broadcast_to(silent, end)[:, None]
        form, self.n_planes = self.sides.form, len(self.sides.form.jumps)
        #: Both sides of each hyperplane, first all normals, then all reversed ones.
        self.both = self._costed(np.vstack([form.normals, -form.normals]), np.tile(form.jumps, 2))
        self.spare = end - self.n_planes
        self.best: Parametrization | None = None
        self.upper = np.inf

    def run(self) -> FibreDistance:
        """Collect candidates until the bracket is as small as it gets."""
        if _equal(unfrozen(self.gamma, self.space), unfrozen(self.theta, self.space)):
            self._offer(self.gamma)
        if self.best is not None:
            return self._record(0.0, "gamma is a parametrization of the function")
        where = "" if self.space is None else f" of the space {self.space.name!r}"
        breaks = f"theta: its realization breaks along {self.n_planes} hyperplanes"
        few = f"it is none of networks{where} with {self.c.size} neurons, as many as gamma has"
        if self.spare < 0:
            raise ValueError(f"{breaks}: {few}")
        self._try_networks()
        lower, method = self._try_flips(), "permutations, rescalings and flips"
        if self.spare and lower is not None:
            method = "as without spare neurons, or two neurons on one hyperplane"
            shared = self.spare == 1 and not self.offset and self.n_planes <= MAX_SHARED_HYPERPLANES
            lower = min(lower, self._try_shared()) if shared else None
        if self.spare >= 2 and not (self.offset or self.balanced):
            self._offer(_rays.spare_pairs(self.gamma, self.sides.form, self.theta))
        if self.best is None and (lower == np.inf or self.restricted):
            raise ValueError(
                f"{breaks}, and the linear part that is left needs more neurons: {few}"
            )
        # Infinite where only the tolerance lets Θ itself count as one of the candidates.
        if lower is None or lower == np.inf:
            lower, method = self._hyperplanes_alone(), "bracket"
        return self._record(lower, method)

    def _record(self, lower: float, method: str) -> FibreDistance:
        lower, upper, flips = float(min(lower, self.upper)), float(self.upper), self.flips or ()
        exact = upper < np.inf and upper - lower <= EXACT * (upper + largest_entry(self.gamma))
        return FibreDistance(lower, upper, self.best, exact, self.n_planes, tuple(flips), method)

    # --- candidates ---------------------------------------------------------------------------

    def _offer(self, phi: Parametrization | None) -> None:
        """Keep phi if it is nearer than what is known, and in the space."""
        if phi is None or (distance := max_distance(self.gamma, phi)) >= self.upper:
            return
        if not isinstance(self.space, BalancedSpace) or self.space.contains(phi):
            self.best, self.upper = phi, distance

    def _try_networks(self) -> None:
        """Permute and rescale networks of the function, with an offset where the space has one."""
        networks = [self.theta.merge() if self.balanced else self.theta]
        if self.spare >= 2:  # the linear part as that of two opposite neurons
            form, free, offset = self.sides.form, self.sides.n_coordinates, self.sides.constant(())
            linear = np.where(np.arange(form.linear.size) < free, form.linear, 0.0)
            hidden = replace(form, linear=linear).to_parametrization()
            last = Parametrization(self.theta.weights[-1:][: offset.size], offset)
            networks.append(Parametrization.concatenate([hidden, last]))
        for network in networks:
            end = network.n_neurons - self.offset
            e, p = network.weights[:end], network.output_weights[:end]
            used = (p != 0) & (max_norms(e) > 0)  # silent ones are free to differ
            if used.sum() <= self.c.size:
                self._place(self._costed(e[used], p[used]), network.output_weights[end:])

    def _costed(self, e: Array, p: Array) -> Rays:
        """Rays and the `ray_costs` of each neuron of Γ on each of them, (3, m, n)."""
        return (
            _rays.ray_costs(self.c[:, None], self.a[:, None, :], p, e, balanced=self.balanced),
            e,
            p,
        )

    def _place(self, rays: Rays, offset: Any = (), *, offer: bool = True, pair: Any = ()) -> float:
        """Put a neuron on each of the rays ``(p / t, t e)``, silence the others: a lower bound.

        Two neurons may have their places already: ``pair`` is their indices, weights and outputs.
        """
        a, c, rest = self.a.copy(), self.c.copy(), np.arange(self.c.size)
        if pair:
            two, a[two], c[two] = pair
            rest = np.delete(rest, two)
        (lower, upper, scale), e, p = rays[0][:, rest], *rays[1:]
        extra = np.repeat(self.silent[rest], len(rest) - len(p), axis=1)
        columns = bottleneck_assignment(np.hstack([upper, extra])).columns
        used = columns < len(p)
        i, j, idle = rest[used], columns[used], np.isin(np.arange(len(c)), rest[~used])
        with np.errstate(over="ignore"):
            a[i], c[i] = scale[used, j, None] * e[j], p[j] / scale[used, j]
        if self.balanced:
            c[i], a[idle], c[idle] = np.sign(c[i]) * max_norms(a[i]), 0.0, 0.0
        _rays.silence(a, c, idle)
        a, c = np.vstack([a, self.gamma.weights[len(a) :]]), np.append(c, offset)
        if offer and np.isfinite(a).all() and np.isfinite(c).all():
            self._offer(Parametrization(a, c))
        return bottleneck_assignment(np.hstack([lower, extra])).value

    def _side(self, chosen: NDArray[np.intp]) -> Rays:
        """Some of the rays of the hyperplanes."""
        costs, e, p = self.both
        return costs[:, :, chosen], e[chosen], p[chosen]

    def _turned(self, flip: tuple[int, ...]) -> NDArray[np.intp]:
        """Index of the rays when the hyperplanes of ``flip`` are turned around."""
        return np.arange(self.n_planes) + self.n_planes * np.isin(np.arange(self.n_planes), flip)

    def _try_flips(self) -> float | None:
        """One neuron on each hyperplane, the others silent: a bound from below, None if unknown."""
        flips, bound = self.flips, np.inf
        if self.restricted:  # one orientation of each hyperplane
            downwards = (self.sides.form.normals[:, -2:] < 0).all(axis=1)
            flip = tuple(np.flatnonzero(downwards).tolist())
            flips = [flip] if self.sides.admits(flip) else []
        if flips is None:
            return None
        for flip in flips:
            offset = self.sides.constant(flip)
            value = self._place(self._side(self._turned(flip)), offset)
            if self.offset and not self.spare:  # a spare one may be a constant
                rounding = 2.0**-52 * (abs(offset[0]) + self.sides.size(flip))
                value = max(value, abs(self.gamma.output_weights[-1] - offset[0]) - rounding)
            bound = min(bound, value)
        return bound

    def _try_shared(self) -> float:
        """All parametrizations with two neurons on one hyperplane: a bound from below.

        What is zero only up to the tolerance of directions bounds, but is no candidate.
        """
        bound, (_, e, p) = np.inf, self.both
        for rays, jumps, exact in _rays.opposite_rays(self.sides):
            bound = min(bound, self._place(self._costed(rays, jumps), offer=exact))
        if self.balanced:  # no two neurons of N' have the same direction
            return bound
        pairs = [list(pair) for pair in itertools.combinations(range(self.c.size), 2)]
        for flip in self.flips or ():
            turned, exact = self._turned(flip), not any(self.sides.linear(flip))
            cap = min(self.upper, 1e300)
            for k, two in itertools.product(turned, pairs):
                level, reached, *own = _rays.share_ray(self.a[two], self.c[two], e[k], p[k], cap)
                others, offer = self._side(turned[turned != k]), reached and exact
                value = self._place(others, offer=offer, pair=(two, *own))
                bound = min(bound, max(level, value))
        return bound

    def _hyperplanes_alone(self) -> float:
        """Some neuron of Φ lies on each hyperplane of g: what that alone forces."""
        if self.spare:
            lines = _rays.line_distances(self.a, self.sides.form.normals)
            return bottleneck_assignment(lines.T).value
        lower = self.both[0][0]
        return bottleneck_assignment(np.minimum(*np.hsplit(lower, 2)).T).value
