"""Sharp constants of inverse stability on N*: constructions, and a search that has structure.

Corollary 3.3 states ``d(Γ, Θ) <= s |R(Γ) - R(Θ)|^{1/2}`` with s = 4; Theorem 3 has the smallest s,
see `proven_constant`. Random search does not come near. Where it is attained the hyperplanes nearly
coincide, and across them one coordinate of the gradient walks between -r and r in jumps of up to
2r. The search enumerates such *walks*: two, in which each neuron is a step of an owner, Γ or Θ.

- d >= 3: u = ± w e_1 + small, the neurons with +e_1 form one walk, those with -e_1 the other;
- d = 2: u near e_1 or near e_2, one walk for each coordinate.

Neurons that share a hyperplane are no steps; d = 2, m = 4 needs them, see `four_in_the_plane`.
"""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import NamedTuple, TypeVar

from landscape.exact import Vector, max_norm, sqrt_bracket
from landscape.rational import RationalFunction

Neuron = tuple[int, Vector]
Bracket = tuple[Fraction, Fraction]
Cost = TypeVar("Cost", float, Fraction)


class Step(NamedTuple):
    """A neuron of Γ (owner 1) or Θ (-1) as a step of walk 0 or 1.

    ``jump``: signed jump that it contributes to R(Γ) - R(Θ).
    """

    owner: int
    walk: int
    jump: Fraction

    @property
    def sign(self) -> int:
        """σ of the neuron."""
        return self.owner if self.jump > 0 else -self.owner


def proven_constant(n_neurons: int, n_inputs: int = 3) -> float:
    """The smallest constant s of (38) on N* with exponent 1/2, for d = 2 and m <= 3 in the limit.

    >>> [round(proven_constant(m), 3) for m in (1, 2, 3, 4)]
    [2.0, 2.414, 2.828, 2.828]
    >>> [round(proven_constant(m, 2), 3) for m in (1, 2, 3, 4)]
    [2.0, 2.0, 2.414, 2.828]
    """
    if n_inputs == 2 and n_neurons > 1:
        n_neurons -= 1
    return {1: 2.0, 2: 1.0 + sqrt(2.0)}.get(n_neurons, 2.0 * sqrt(2.0))


@dataclass(frozen=True)
class SharpPair:
    """A pair in N*, signs σ_i and rational products u_i; both sides of (38) without rounding."""

    gamma: tuple[Neuron, ...]
    theta: tuple[Neuron, ...]

    @property
    def n_inputs(self) -> int:
        """Number d of inputs."""
        return len(self.gamma[0][1])

    def in_restricted_space(self) -> bool:
        """Whether both are in N*: positive last coordinates, no parallel neurons."""
        for network in (self.gamma, self.theta):
            rays = {tuple(p / max_norm(u) for p in u) for _, u in network}
            if len(rays) < len(network) or any(min(u[-2:]) <= 0 for _, u in network):
                return False
        return True

    def seminorm(self) -> Fraction:
        """``|R(Γ) - R(Θ)|``, exact."""
        d = self.n_inputs
        return (RationalFunction(d, self.gamma) - RationalFunction(d, self.theta)).seminorm()[0]

    def distance_squared(self) -> Bracket:
        """Square of the distance modulo permutations; both ends agree where it is rational."""
        table = [[_neuron_distance_squared(p, q) for q in self.theta] for p in self.gamma]
        low, high = (_bottleneck([[e[end] for e in row] for row in table]) for end in (0, 1))
        return low, high

    def ratio_squared(self) -> Bracket:
        """``d(Γ, Θ)² / r``, to be compared with s²."""
        r, (low, high) = self.seminorm(), self.distance_squared()
        return low / r, high / r

    @property
    def ratio(self) -> float:
        """``d(Γ, Θ) / r**0.5``, the lower end rounded."""
        return sqrt(self.ratio_squared()[0])


def _bottleneck(table: list[list[Cost]]) -> Cost:
    """Least largest entry over all assignments of rows to columns."""
    orders = itertools.permutations(range(len(table)))
    return min(max(row[j] for row, j in zip(table, order, strict=True)) for order in orders)


def _neuron_distance_squared(left: Neuron, right: Neuron) -> Bracket:
    """``max(|c - c'|, ‖a - a'‖)²`` of balanced neurons a = u / ‖u‖^{1/2}, c = σ ‖u‖^{1/2}."""
    (sign, u), (other, v) = left, right
    n, k = max_norm(u), max_norm(v)
    roots = sqrt_bracket(n * k)  # exact for n = k
    low = high = Fraction(0)
    for p, q in ((Fraction(sign * n), Fraction(other * k)), *zip(u, v, strict=True)):
        # (p / √n - q / √k)² = p² / n + q² / k - 2 p q √(n k) / (n k)
        ends = [p * p / n + q * q / k - 2 * p * q * root / (n * k) for root in roots]
        low, high = max(low, min(ends)), max(high, *ends)
    return low, high


def two_root_two(epsilon: Fraction = Fraction(1, 100)) -> SharpPair:
    """The pair at the distance 2√2 with seminorm 1, d = m = 3 (Theorem 3)."""
    one, two, e = Fraction(1), Fraction(2), epsilon
    gamma = ((-1, (one, e, e)), (1, (two, 4 * e, 4 * e)), (-1, (two, 6 * e, 6 * e)))
    theta = ((1, (-two, 6 * e, 6 * e)), (-1, (-two, 4 * e, 4 * e)), (1, (-one, e, e)))
    return SharpPair(gamma, theta)


def four_in_the_plane(epsilon: Fraction = Fraction(1, 1000)) -> SharpPair:
    """A pair at the distance 2√2 with seminorm 1, d = 2, m = 4.

    Three hyperplanes are shared by a neuron of Γ and a larger one of Θ: their jumps -1, -2, -1 make
    up for the steps +2 of the two others, and being large they are far from these.

    >>> pair = four_in_the_plane()
    >>> pair.seminorm(), pair.distance_squared()
    (Fraction(1, 1), (Fraction(8, 1), Fraction(8, 1)))
    """
    gamma = ((1, 2, 1), (1, 2, 2), (1, 2, 3), (1, 2, 5))  # sign, size and place of each neuron
    theta = ((1, 3, 1), (1, 4, 3), (-1, 2, 4), (1, 3, 5))
    pair = (
        tuple((sign, (Fraction(size), epsilon * size * place)) for sign, size, place in network)
        for network in (gamma, theta)
    )
    return SharpPair(*pair)


def pair_of_steps(
    steps: tuple[Step, ...], n_inputs: int, epsilon: Fraction = Fraction(1, 1000)
) -> SharpPair:
    """The networks of N*, with two or more inputs, whose neurons are the given steps.

    As many steps of Γ as of Θ, within a walk in the order in which they are taken; ``epsilon`` is
    the size of the small coordinates that order the hyperplanes.
    """
    networks: dict[int, list[Neuron]] = {1: [], -1: []}
    for place, step in enumerate(steps, start=1):
        size, small = abs(step.jump), epsilon * abs(step.jump) * place
        if n_inputs == 2:
            u: Vector = (size, small) if step.walk == 0 else (small, size)
        else:
            first = size if step.walk == 0 else -size
            u = (first, *(Fraction(0),) * (n_inputs - 3), small, small)
        networks[step.owner].append((step.sign, u))
    return SharpPair(tuple(networks[1]), tuple(networks[-1]))


def _walks(n_steps: int, unit: Fraction) -> list[tuple[Fraction, ...]]:
    """Walks from 0 within [-1, 1] of non-zero steps, in multiples of the unit."""
    n = int(1 / unit)
    routes = itertools.product(range(-n, n + 1), repeat=n_steps)
    walks = (tuple(unit * (q - p) for p, q in itertools.pairwise((0, *route))) for route in routes)
    return [walk for walk in walks if all(walk)]


def _compatible(first: tuple[Fraction, ...], second: tuple[Fraction, ...], d: int) -> bool:
    """Whether the gradient stays within [-1, 1] on the cells that are not on the walks."""
    xs, ys = (itertools.accumulate(walk, initial=Fraction(0)) for walk in (first, second))
    p, q = sum(first, Fraction(0)), sum(second, Fraction(0))
    if d > 2:  # else each coordinate walks forwards on one side and backwards on the other
        p, q = p - q, q - p
    return all(abs(p - x) <= 1 for x in xs) and all(abs(q - y) <= 1 for y in ys)


def _gap(one: Step, two: Step, d: int) -> float:
    """Distance of two neurons in the limit of small epsilon."""
    a, b = sqrt(abs(one.jump)), sqrt(abs(two.jump))
    if one.sign == two.sign and one.walk == two.walk:
        return abs(a - b)
    return max(a, b) if d == 2 and one.sign == two.sign else a + b


def search_sharp_pair(
    n_inputs: int, n_neurons: int, *, unit: Fraction = Fraction(1)
) -> tuple[tuple[Step, ...], float]:
    """The best walks whose places are multiples of ``unit``, and their ratio as epsilon -> 0.

    The ratio of the actual networks, `pair_of_steps`, is to be computed exactly afterwards. All
    walks and all owners are enumerated: ValueError for more than 4 neurons.
    """
    d, m = n_inputs, n_neurons
    if d < 2 or not 1 <= m <= 4:
        raise ValueError(f"n_inputs, n_neurons: expected at least 2, and 1 to 4, got {d}, {m}")
    steps: tuple[Step, ...] = ()
    best = 0.0
    for n_first in range(m, 2 * m + 1):  # the two walks can be exchanged
        for walks in itertools.product(_walks(n_first, unit), _walks(2 * m - n_first, unit)):
            jumps = [(number, jump) for number, walk in enumerate(walks) for jump in walk]
            # No assignment costs more than the sum of the two largest roots.
            if sum(sorted(sqrt(abs(jump)) for _, jump in jumps)[-2:]) <= best + 1e-12:
                continue
            if not _compatible(*walks, d):
                continue
            for mine in itertools.combinations(range(2 * m), m):
                found = [Step(1 if i in mine else -1, *jump) for i, jump in enumerate(jumps)]
                rest = [step for step in found if step.owner < 0]
                value = _bottleneck([[_gap(found[i], step, d) for step in rest] for i in mine])
                if value > best + 1e-12:
                    steps, best = tuple(found), value
    return steps, best
