"""Sharp constants of inverse stability on N*: constructions, and a search that has structure.

Corollary 3.3 states ``d(Γ, Θ) <= s |R(Γ) - R(Θ)|^{1/2}`` with s = 4. Upper bounds that hold, with r
the seminorm of the difference (Theorem 3 of docs/mathematics.md):

- neurons without a partner on the same hyperplane have ‖u‖ <= 2r, and at least two hyperplanes (the
  facets of the cell around -e_d, where all neurons of N* are inactive and the gradient is zero)
  have a jump of at most r;
- so for d >= 3 s = 2 (m = 1), 1 + √2 (m = 2), 2√2 (m >= 3), and for d = 2, where all weight
  vectors lie in one quadrant, s = 2 (m <= 2), 1 + √2 (m = 3), 2√2 (m >= 4).

Random search does not come near these. Where they are attained the hyperplanes nearly coincide, and
across them one coordinate of the gradient walks between -r and r in jumps of up to 2r. The search
enumerates such *walks*: two of them, in which each neuron is a step with an owner, Γ or Θ.

- d >= 3: u = ± w e_1 + small, the neurons with +e_1 form one walk, those with -e_1 the other;
- d = 2: u near e_1 or near e_2, one walk for each coordinate.

Neurons that share a hyperplane are not among the steps; for d = 2 and m = 4 they are needed, see
`four_in_the_plane`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from landscape.exact import Vector, max_norm, sqrt_bracket
from landscape.rational import RationalFunction

__all__ = [
    "SharpPair",
    "Step",
    "four_in_the_plane",
    "pair_of_steps",
    "proven_constant",
    "search_sharp_pair",
    "two_root_two",
]

Neuron = tuple[int, Vector]
Bracket = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Step:
    """A neuron as a step of a walk.

    Attributes
    ----------
    owner : int
        1 for a neuron of Γ, -1 for one of Θ.
    walk : int
        0 or 1: which of the two walks.
    jump : Fraction
        Signed jump that the neuron contributes to R(Γ) - R(Θ).
    """

    owner: int
    walk: int
    jump: Fraction

    @property
    def sign(self) -> int:
        """σ of the neuron."""
        return self.owner if self.jump > 0 else -self.owner


def proven_constant(n_neurons: int, n_inputs: int = 3) -> float:
    """The smallest constant s of (38) on N* with exponent 1/2.

    Proven as Theorem 3 of docs/mathematics.md, and attained, for d = 2 and m <= 3 in the limit.

    Examples
    --------
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
    """A pair in N* with rational products, and both sides of (38) without rounding.

    Attributes
    ----------
    gamma, theta : tuple of (int, tuple of Fraction)
        Signs σ_i and products u_i.
    """

    gamma: tuple[Neuron, ...]
    theta: tuple[Neuron, ...]

    @property
    def n_inputs(self) -> int:
        """Number d of inputs."""
        return len(self.gamma[0][1])

    def in_restricted_space(self) -> bool:
        """Whether both are in N*: positive last coordinates, no parallel neurons."""
        for network in (self.gamma, self.theta):
            if any(u[-1] <= 0 or u[-2] <= 0 for _, u in network):
                return False
            rays = {tuple(p / max_norm(u) for p in u) for _, u in network}
            if len(rays) < len(network):
                return False
        return True

    def seminorm(self) -> Fraction:
        """``|R(Γ) - R(Θ)|``, exact."""
        d = self.n_inputs
        return (RationalFunction(d, self.gamma) - RationalFunction(d, self.theta)).seminorm()[0]

    def distance_squared(self) -> Bracket:
        """Square of the distance modulo permutations; both ends agree where it is rational."""
        table = [[_neuron_distance_squared(p, q) for q in self.theta] for p in self.gamma]
        orders = list(itertools.permutations(range(len(self.gamma))))
        ends = []
        for end in (0, 1):
            ends.append(min(max(table[i][j][end] for i, j in enumerate(o)) for o in orders))
        return ends[0], ends[1]

    def ratio_squared(self) -> Bracket:
        """``d(Γ, Θ)² / r``, to be compared with s²."""
        r, (low, high) = self.seminorm(), self.distance_squared()
        return low / r, high / r

    @property
    def ratio(self) -> float:
        """``d(Γ, Θ) / r**0.5``, the lower end rounded."""
        return sqrt(self.ratio_squared()[0])


def _neuron_distance_squared(left: Neuron, right: Neuron) -> Bracket:
    """``max(|c - c'|, ‖a - a'‖)²`` of balanced neurons a = u / ‖u‖^{1/2}, c = σ ‖u‖^{1/2}."""
    (sign, u), (other, v) = left, right
    n, k = max_norm(u), max_norm(v)
    pairs = [
        (Fraction(sign), Fraction(other)),
        *((p / n, q / k) for p, q in zip(u, v, strict=True)),
    ]
    if n == k:  # all differences are multiples of the same root
        value = max((p - q) ** 2 * n for p, q in pairs)
        return value, value
    # (p √n - q √k)² = p² n + q² k - 2 p q √(n k)
    roots = sqrt_bracket(n * k)
    lows, highs = [], []
    for p, q in pairs:
        ends = sorted(p * p * n + q * q * k - 2 * p * q * root for root in roots)
        lows.append(max(ends[0], Fraction(0)))
        highs.append(ends[1])
    return max(lows), max(highs)


def two_root_two(epsilon: Fraction = Fraction(1, 100)) -> SharpPair:
    """The pair at the distance 2√2 with seminorm 1, d = m = 3 (Theorem 3).

    Examples
    --------
    >>> pair = two_root_two()
    >>> pair.seminorm(), pair.distance_squared()
    (Fraction(1, 1), (Fraction(8, 1), Fraction(8, 1)))
    """
    one, two, e = Fraction(1), Fraction(2), epsilon
    gamma = ((-1, (one, e, e)), (1, (two, 4 * e, 4 * e)), (-1, (two, 6 * e, 6 * e)))
    theta = ((1, (-two, 6 * e, 6 * e)), (-1, (-two, 4 * e, 4 * e)), (1, (-one, e, e)))
    return SharpPair(gamma, theta)


def four_in_the_plane(epsilon: Fraction = Fraction(1, 1000)) -> SharpPair:
    """A pair at the distance 2√2 with seminorm 1, d = 2, m = 4.

    Three hyperplanes are shared by a neuron of Γ and a larger one of Θ: their jumps -1, -2, -1 make
    up for the steps +2 of the two others, and being large they are far from these.

    Examples
    --------
    >>> pair = four_in_the_plane()
    >>> pair.seminorm(), pair.distance_squared()
    (Fraction(1, 1), (Fraction(8, 1), Fraction(8, 1)))
    """

    def neuron(sign: int, size: int, place: int) -> Neuron:
        return sign, (Fraction(size), epsilon * size * place)

    gamma = (neuron(1, 2, 1), neuron(1, 2, 2), neuron(1, 2, 3), neuron(1, 2, 5))
    theta = (neuron(1, 3, 1), neuron(1, 4, 3), neuron(-1, 2, 4), neuron(1, 3, 5))
    return SharpPair(gamma, theta)


def pair_of_steps(
    steps: tuple[Step, ...], n_inputs: int, epsilon: Fraction = Fraction(1, 1000)
) -> SharpPair:
    """The networks of N* whose neurons are the given steps, in the order of the walks.

    Parameters
    ----------
    steps : tuple of Step
        As many of Γ as of Θ; within a walk in the order in which they are taken.
    n_inputs : int
        At least 2.
    epsilon : Fraction
        Size of the small coordinates that order the hyperplanes.
    """
    networks: dict[int, list[Neuron]] = {1: [], -1: []}
    zero = Fraction(0)
    for place, step in enumerate(steps):
        size, small = abs(step.jump), epsilon * abs(step.jump) * (place + 1)
        if n_inputs == 2:
            u: Vector = (size, small) if step.walk == 0 else (small, size)
        else:
            first = size if step.walk == 0 else -size
            u = (first, *(zero,) * (n_inputs - 3), small, small)
        networks[step.owner].append((step.sign, u))
    return SharpPair(tuple(networks[1]), tuple(networks[-1]))


def _walks(n_steps: int, unit: Fraction) -> Iterator[tuple[Fraction, ...]]:
    """Non-zero steps in multiples of the unit whose partial sums stay within [-1, 1]."""
    places = [Fraction(k) * unit for k in range(-int(1 / unit), int(1 / unit) + 1)]

    def extend(at: Fraction, left: int) -> Iterator[tuple[Fraction, ...]]:
        if left == 0:
            yield ()
            return
        for to in places:
            if to != at:
                for rest in extend(to, left - 1):
                    yield (to - at, *rest)

    yield from extend(Fraction(0), n_steps)


def _compatible(first: tuple[Fraction, ...], second: tuple[Fraction, ...], d: int) -> bool:
    """Whether the gradient stays within [-1, 1] on the cells that are not on the walks."""

    def within(values: Iterator[Fraction]) -> bool:
        return all(abs(value) <= 1 for value in values)

    p, q = sum(first, Fraction(0)), sum(second, Fraction(0))
    sums = [list(itertools.accumulate(w, initial=Fraction(0))) for w in (first, second)]
    if d == 2:  # each coordinate walks forwards on one side and backwards on the other
        return within(p - x for x in sums[0]) and within(q - y for y in sums[1])
    return within(p - q - x for x in sums[0]) and within(p - q + y for y in sums[1])


def _gap(one: Step, two: Step, d: int) -> float:
    """Distance of two neurons in the limit of small epsilon."""
    a, b = sqrt(abs(one.jump)), sqrt(abs(two.jump))
    if one.sign != two.sign:
        return a + b
    if one.walk == two.walk:
        return abs(a - b)
    return max(a, b) if d == 2 else a + b


def search_sharp_pair(
    n_inputs: int, n_neurons: int, *, unit: Fraction = Fraction(1)
) -> tuple[tuple[Step, ...], float]:
    """The best walks whose places are multiples of ``unit``, and their ratio as epsilon -> 0.

    The ratio of the actual networks, `pair_of_steps`, is to be computed exactly afterwards.

    Raises
    ------
    ValueError
        If there are fewer than two inputs, no neuron, or more than 4 neurons: all walks and all
        owners are enumerated.
    """
    d, m = n_inputs, n_neurons
    if d < 2 or not 1 <= m <= 4:
        raise ValueError(f"n_inputs, n_neurons: expected at least 2, and 1 to 4, got {d}, {m}")
    best: tuple[tuple[Step, ...], float] = ((), 0.0)
    owners = [
        tuple(1 if i in chosen else -1 for i in range(2 * m))
        for chosen in itertools.combinations(range(2 * m), m)
    ]
    orders = list(itertools.permutations(range(m)))
    for n_first in range(m, 2 * m + 1):  # the two walks can be exchanged
        seconds = list(_walks(2 * m - n_first, unit))
        for first in _walks(n_first, unit):
            for second in seconds:
                if not _compatible(first, second, d):
                    continue
                jumps = [(0, w) for w in first] + [(1, w) for w in second]
                # No assignment costs more than the sum of the two largest roots.
                sizes = sorted((abs(w) for _, w in jumps), reverse=True)
                if sqrt(sizes[0]) + sqrt(sizes[1]) <= best[1] + 1e-12:
                    continue
                for owner in owners:
                    steps = tuple(Step(o, k, w) for o, (k, w) in zip(owner, jumps, strict=True))
                    mine = [s for s in steps if s.owner > 0]
                    other = [s for s in steps if s.owner < 0]
                    table = [[_gap(s, t, d) for t in other] for s in mine]
                    value = min(max(table[i][j] for i, j in enumerate(o)) for o in orders)
                    if value > best[1] + 1e-12:
                        best = steps, value
    return best
