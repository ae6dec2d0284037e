"""Distance of a parametrization to a fibre: the set of *all* parametrizations of a function.

For g with K distinct hyperplanes and K = m neurons, the parametrizations of g in N_(d,m,1) are

- permutations,
- positive rescalings ``(c_i, a_i) -> (c_i / t, t a_i)``, and
- flips of a set of hyperplanes whose products sum to the right linear function (Lemma A.3).

So the distance is a bottleneck assignment whose entries are quasi-convex problems in the single
scale t, minimized over the admissible flips (Theorem 16). With spare neurons (K < m) the fibre is
larger: one spare neuron is silent or shares a hyperplane, which is decided as well; for two or more
the result is a bracket.

In a space that fixes the scales (N', N*) or the direction of an offset the fibre is smaller: see
`distance_to_fibre`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import exact_sums, merge_hyperplanes, same_realization
from landscape.parametrization import DIRECTION_TOLERANCE, Parametrization, max_norms
from landscape.rational import RationalFunction
from landscape.realization import difference
from landscape.spaces import BalancedSpace, RestrictedSpace, Space
from landscape.stability._scales import line_distances, ray_costs
from landscape.stability._spare import share_one_neuron, spare_pairs
from landscape.stability.assignment import bottleneck_assignment, max_distance
from landscape.stability.flips import Sides, find_flips, has_offset, unfrozen

__all__ = ["FibreDistance", "distance_to_fibre"]

Array = NDArray[np.float64]

#: Ends of a bracket that differ by no more, relative to the distance and to Γ's largest entry, are
#: equal: 16 units of rounding of the lower end, two of the upper one, and what scales round.
EXACT = 2.0**-48


@dataclass(frozen=True, eq=False)
class FibreDistance:
    """Distance of Γ to the parametrizations of g with as many neurons as Γ has.

    Attributes
    ----------
    lower, upper : float
        The infimum of ``‖Φ - Γ‖_inf`` over all Φ with R(Φ) = g lies between them. ``upper`` is
        infinite where none was found although there may be one.
    parametrization : Parametrization or None
        A Φ with R(Φ) = g at the distance ``upper``; its directions and products are g's up to
        rounding.
    exact : bool
        Whether lower and upper agree up to rounding.
    n_hyperplanes : int
        Hyperplanes along which g breaks; the neurons beyond these are spare.
    flips : tuple of tuple of int
        The admissible sets of hyperplanes to turn around, relative to the normals of the
        canonical form; empty if none is or they were too many to enumerate.
    method : str
        How the bounds were found.
    """

    lower: float
    upper: float
    parametrization: Parametrization | None
    exact: bool
    n_hyperplanes: int
    flips: tuple[tuple[int, ...], ...]
    method: str


def distance_to_fibre(
    gamma: Parametrization, theta: Parametrization, *, space: Space | None = None
) -> FibreDistance:
    """``inf ‖Φ - Γ‖_inf`` over all Φ with R(Φ) = R(Θ) and as many neurons as Γ.

    Exact (up to rounding) when g = R(Θ) breaks along m or, on N, m - 1 hyperplanes, a bracket
    otherwise; see the module. It is 0 where R(Γ) = R(Θ).

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
    _check(gamma, theta, space)
    sides = Sides.of(theta, space)
    flips = find_flips(sides)
    found = _Search(gamma, theta, space, sides, flips).run()
    return replace(found, flips=tuple(flips or ()))


def _check(gamma: Parametrization, theta: Parametrization, space: Space | None) -> None:
    if gamma.n_inputs != theta.n_inputs:
        raise ValueError(
            f"theta: expected {gamma.n_inputs} inputs as gamma has, got {theta.n_inputs}"
        )
    if space is None:
        return
    shape = (space.n_neurons, space.n_inputs)
    if gamma.weights.shape != shape:
        raise ValueError(
            f"gamma: expected weights of shape {shape} as in the space, got {gamma.weights.shape}"
        )
    if has_offset(space):
        check_offset(gamma=gamma, theta=theta)


def check_offset(**networks: Parametrization) -> None:
    """Refuse networks whose last neuron is not a frozen offset."""
    for name, network in networks.items():
        if not network.n_neurons or not np.array_equal(
            network.weights[-1], np.eye(network.n_inputs)[-1]
        ):
            last = network.weights[-1].tolist() if network.n_neurons else "nothing"
            raise ValueError(
                f"{name}: expected the offset (0, ..., 0, 1) as the last weight vector, got {last}"
            )


def _equal(gamma: Parametrization, theta: Parametrization) -> bool:
    """Whether the realizations are equal: in rationals, or hyperplane by hyperplane up to rounding.

    Flips that only rounding allows are none of this: they are left to `find_flips`.
    """
    if not same_realization(gamma, theta):
        return False
    both = difference(gamma, theta)
    planes = merge_hyperplanes(both.weights)
    products = both.output_weights[:, None] * both.weights
    back = np.where(planes.orientations < 0, planes.labels, -1)
    left = np.column_stack([exact_sums(x, back, len(planes.rows)) for x in products.T])
    sizes = exact_sums(max_norms(products), back, len(planes.rows))
    if (max_norms(left) <= DIRECTION_TOLERANCE * sizes).all():
        return True
    form = RationalFunction.from_parametrization(both).canonical
    return not form.jumps and not any(form.linear)


@dataclass
class _Search:
    """Candidates for the nearest parametrization, and what bounds the distance from below."""

    gamma: Parametrization
    theta: Parametrization
    space: Space | None
    sides: Sides
    flips: list[tuple[int, ...]] | None

    def __post_init__(self) -> None:
        self.offset = has_offset(self.space)
        self.balanced = isinstance(self.space, BalancedSpace)
        self.plain = not self.offset and not self.balanced
        end = self.gamma.n_neurons - self.offset
        #: The neurons that may move.
        self.a, self.c = self.gamma.weights[:end], self.gamma.output_weights[:end]
        sizes = np.maximum if self.balanced else np.minimum  # (0, 0) is the silent neuron of N'
        self.silent = sizes(np.abs(self.c), max_norms(self.a))
        self.n_planes = len(self.sides.form.jumps)
        self.spare = end - self.n_planes
        self.best: Parametrization | None = None
        self.upper = np.inf

    def run(self) -> FibreDistance:
        """Collect candidates until the bracket is as small as it gets."""
        if self._is_member():
            return self._record(0.0, "gamma is a parametrization of the function")
        if self.spare < 0:
            raise self._empty("")
        for network in self._networks():
            self._try_network(network)
        lower, method = self._hyperplanes_alone(), "bracket"
        turned = self._try_flips()
        if turned is not None and self.spare == 0:
            lower, method = turned, "permutations, rescalings and flips"
        elif turned is not None and self.spare == 1 and self.plain:
            shared = share_one_neuron(self.gamma, self.sides, self.upper)
            self._offer(shared.parametrization)
            if shared.complete:
                lower = min(turned, shared.lower)
                method = "as without spare neurons, or two neurons on one hyperplane"
        elif self.spare >= 2 and self.plain:
            self._offer(spare_pairs(self.gamma, self.sides.form, self.theta))
        if self.best is None and (lower == np.inf or isinstance(self.space, RestrictedSpace)):
            raise self._empty(", and the linear part that is left needs more neurons")
        if lower == np.inf:  # only the tolerance lets Θ itself count as one of the candidates
            lower, method = self._hyperplanes_alone(), "bracket"
        return self._record(lower, method)

    def _is_member(self) -> bool:
        inside = self.plain or self.offset or (self.space and self.space.contains(self.gamma))
        one, other = (unfrozen(network, self.space) for network in (self.gamma, self.theta))
        if inside and _equal(one, other):
            self.best, self.upper = self.gamma, 0.0
            return True
        return False

    def _empty(self, reason: str) -> ValueError:
        where = "" if self.space is None else f" of the space {self.space.name!r}"
        return ValueError(
            f"theta: its realization breaks along {self.n_planes} hyperplanes{reason}: it is none "
            f"of networks{where} with {self.c.size} neurons, as many as gamma has"
        )

    def _record(self, lower: float, method: str) -> FibreDistance:
        lower = min(lower, self.upper)
        size = max(
            np.abs(self.gamma.weights).max(initial=0.0),
            np.abs(self.gamma.output_weights).max(initial=0.0),
        )
        exact = np.isfinite(self.upper) and self.upper - lower <= EXACT * (self.upper + size)
        return FibreDistance(
            lower=float(lower),
            upper=float(self.upper),
            parametrization=self.best,
            exact=bool(exact),
            n_hyperplanes=self.n_planes,
            flips=(),
            method=method,
        )

    # --- candidates ---------------------------------------------------------------------------

    def _offer(self, phi: Parametrization | None) -> None:
        """Keep phi if it is nearer than what is known, and in the space."""
        if phi is None or (distance := max_distance(self.gamma, phi)) >= self.upper:
            return
        if self.balanced and self.space is not None and not self.space.contains(phi):
            return
        self.best, self.upper = phi, distance

    def _networks(self) -> Iterator[Parametrization]:
        """Networks of the function, with an offset where the space has one."""
        yield self.theta.merge() if self.balanced else self.theta
        if self.spare >= 2:  # the linear part as that of two opposite neurons
            form, linear = self.sides.form, self.sides.form.linear.copy()
            if not self.offset:
                yield form.to_parametrization()
                return
            linear[-1] = 0.0
            last = Parametrization(self.theta.weights[-1:], [float(self.sides.linear(())[-1])])
            hidden = replace(form, linear=linear).to_parametrization()
            yield Parametrization.concatenate([hidden, last])

    def _try_network(self, network: Parametrization) -> None:
        """Permute and rescale the neurons of a network; silent ones are free to differ."""
        e, p = network.weights, network.output_weights
        last = float(p[-1]) if self.offset else None
        if self.offset:
            e, p = e[:-1], p[:-1]
        used = (p != 0) & (max_norms(e) > 0)
        if used.sum() <= self.c.size:
            _, upper, scale = self._costs(e[used], p[used])
            self._assign(upper, scale, e[used], p[used], last)

    def _costs(self, e: Array, p: Array) -> tuple[Array, Array, Array]:
        if not (self.c.size and p.size):
            nothing = np.zeros((self.c.size, p.size))
            return nothing, nothing, nothing
        a, c = self.a[:, None, :], self.c[:, None]
        return ray_costs(c, a, p[None], e[None], balanced=self.balanced)

    def _with_silent(self, costs: Array) -> Array:
        extra = self.c.size - costs.shape[1]
        return np.column_stack([costs, np.tile(self.silent[:, None], (1, extra))])

    def _assign(self, costs: Array, scale: Array, e: Array, p: Array, offset: float | None) -> None:
        """Put each neuron on one of the rays ``(p / t, t e)``, or silence it."""
        a, c = self.a.copy(), self.c.copy()
        for i, j in enumerate(bottleneck_assignment(self._with_silent(costs)).columns):
            if j < len(p):
                with np.errstate(over="ignore"):
                    a[i], c[i] = scale[i, j] * e[j], p[j] / scale[i, j]
                if self.balanced:
                    c[i] = np.sign(c[i]) * np.abs(a[i]).max()
            elif self.balanced:
                a[i], c[i] = 0.0, 0.0
            elif abs(c[i]) <= np.abs(a[i]).max():
                c[i] = 0.0
            else:
                a[i] = 0.0
        if offset is not None:
            a, c = np.vstack([a, self.gamma.weights[-1:]]), np.append(c, offset)
        if np.isfinite(a).all() and np.isfinite(c).all():
            self._offer(Parametrization(a, c))

    def _try_flips(self) -> float | None:
        """One neuron on each hyperplane, the others silent: a bound from below, None if unknown."""
        if self.flips is None:
            return None
        form, bound = self.sides.form, np.inf
        e = np.concatenate([form.normals, -form.normals])
        table = self._costs(e, np.tile(form.jumps, 2))
        for flip in self.flips:
            chosen = np.arange(self.n_planes)
            chosen[list(flip)] += self.n_planes
            if isinstance(self.space, RestrictedSpace) and not (e[chosen, -2:] > 0).all():
                continue
            lower, upper, scale = (values[:, chosen] for values in table)
            value = bottleneck_assignment(self._with_silent(lower)).value
            offset = None
            if self.offset:
                offset = float(self.sides.linear(flip)[-1])
                rounding = 2.0**-52 * (abs(offset) + self.sides.size(flip))
                gap = abs(float(self.gamma.output_weights[-1]) - offset) - rounding
                # A spare neuron may be a constant, which the offset takes up.
                value = max(value, gap) if self.spare == 0 else value
            if isinstance(self.space, RestrictedSpace) and self.spare:
                continue  # no neuron of N* is silent
            bound = min(bound, value)
            self._assign(upper, scale, e[chosen], form.jumps, offset)
        return bound

    def _hyperplanes_alone(self) -> float:
        """Some neuron of Φ lies on each hyperplane of g: what that alone forces."""
        form = self.sides.form
        if self.spare == 0:
            e = np.stack([form.normals, -form.normals], axis=1).reshape(-1, self.a.shape[1])
            lower = self._costs(e, np.repeat(form.jumps, 2))[0]
            return bottleneck_assignment(lower.reshape(-1, self.n_planes, 2).min(axis=2).T).value
        hidden = Parametrization(self.a, self.c)
        return bottleneck_assignment(line_distances(hidden, form.normals).T).value
