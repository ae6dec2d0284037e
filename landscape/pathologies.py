"""The counterexamples of Section 2 and of Appendix A.5, as objects with exact distances.

A pathology is a family Γ_k, g_k with |g_k - R(Γ_k)| small (or bounded) while every parametrization
of g_k stays far from Γ_k. Everything that the paper claims of it is decided in rational arithmetic:
irrational parameters and distances enter through brackets of relative width 1e-30.

>>> for example in PATHOLOGIES:
...     instance = example.instance(4)
...     print(example.example, instance.distance, float(instance.seminorm))
2.1 4.0 16.0
2.2 0.5 0.25
2.3 1.0 0.25
2.4 0.5 0.25
2.5 5.657 3.0
A.1 1.2071 0.25
A.2 4.0 0.25
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

from landscape.exact import Number, Vector, dot, max_norm, sqrt_bracket, vector
from landscape.parametrization import Parametrization
from landscape.rational import RationalFunction, line_gap, nearer_than

#: Relative width of the brackets for irrational numbers.
PRECISION = Fraction(1, 10**30)

Bracket = tuple[Fraction, Fraction]
#: Rational weights and output weights.
Network = tuple[Sequence[Any], Sequence[Any]]
#: A claim as printed, what it is about, how that is compared, and with what.
Bound = tuple[str, str, str, Number]


@dataclass(frozen=True)
class Claim:
    """One claim as printed, decided exactly; ``predicted`` and ``measured`` are rounded."""

    statement: str
    predicted: float
    measured: float
    holds: bool


@dataclass(frozen=True, eq=False)
class Instance:
    """A pathology at one k."""

    k: int
    gamma: Parametrization  #: Γ_k
    phi: Parametrization  #: the printed parametrization of g_k
    nearest: Parametrization  #: one of g_k at the distance ``fibre_upper`` (up to rounding)
    #: Bracket of ``inf ‖Φ - Γ_k‖_inf`` over *all* Φ with R(Φ) = g_k, decided exactly.
    fibre_lower: Fraction
    fibre_upper: Fraction
    seminorm: Fraction  #: |g_k - R(Γ_k)| of (17), exact
    uniform: Fraction  #: its sup norm on [-1, 1]^d, exact
    claims: tuple[Claim, ...]  #: what the paper says of this k

    @property
    def distance(self) -> float:
        """The distance to the fibre, rounded."""
        return float(self.fibre_upper)

    @property
    def exact(self) -> bool:
        """Whether the bracket of the distance has a relative width of at most 1e-29."""
        return self.fibre_upper - self.fibre_lower <= 10 * PRECISION * self.fibre_upper


class Family(NamedTuple):
    """What a pathology says of one k, for `Pathology.instance` to verify."""

    gamma: Network
    phi: Network  #: the printed parametrization of g_k
    distance: Bracket  #: its closed form
    claims: Sequence[Bound]
    nearest: Network | None = None  #: a nearest parametrization of g_k, if not the printed one
    error: Fraction = Fraction(0)  #: how far off gamma may be
    #: R(Γ_k) and g_k, if not those of gamma and phi.
    functions: tuple[RationalFunction, RationalFunction] | None = None


@dataclass(frozen=True)
class Pathology(ABC):
    """A family Γ_k, g_k of the paper; subclasses say which."""

    #: Numbers, the condition of Theorem 3.1 that excludes it ("" for 2.1), what fails, is true.
    example: ClassVar[str]
    equations: ClassVar[str]
    condition: ClassVar[str]
    title: ClassVar[str]
    sharper: ClassVar[str]

    @abstractmethod
    def _at(self, k: int) -> Family:
        """Γ_k, g_k, and what the paper claims of them."""

    def gamma(self, k: int) -> Parametrization:
        """Γ_k."""
        return Parametrization(*self._at(k).gamma)

    def phi(self, k: int) -> Parametrization:
        """The printed parametrization of g_k."""
        return Parametrization(*self._at(k).phi)

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """R(Γ_k) and g_k, exactly."""
        family, function = self._at(k), RationalFunction.from_weights
        return family.functions or (function(*family.gamma), function(*family.phi))

    def instance(self, k: int) -> Instance:
        """Γ_k, g_k and everything that is claimed of them.

        Raises
        ------
        ValueError
            If k < 1.
        ArithmeticError
            If the closed form of the distance is wrong.
        """
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        family, (of_gamma, g) = self._at(k), self.realizations(k)
        lower, upper = self._distance(k, family, g)
        seminorm, uniform = (g - of_gamma).seminorm()[0], (g - of_gamma).uniform_norm()[0]
        values = {"distance": lower, "seminorm": seminorm, "uniform": uniform}
        compare = {">=": operator.ge, "<=": operator.le, "=": operator.eq}
        claims = tuple(
            Claim(text, float(bound), float(values[what]), compare[how](values[what], bound))
            for text, what, how, bound in family.claims
        )
        networks = (family.gamma, family.phi, family.nearest or family.phi)
        gamma, phi, nearest = (Parametrization(*network) for network in networks)
        return Instance(k, gamma, phi, nearest, lower, upper, seminorm, uniform, claims)

    def _distance(self, k: int, family: Family, g: RationalFunction) -> Bracket:
        """The closed form is not trusted: both ends are decided by `nearer_than`."""
        low, high = family.distance
        lower, upper = low * (1 - PRECISION), high * (1 + PRECISION)
        rows, outputs = [vector(row) for row in family.gamma[0]], vector(family.gamma[1])
        if not nearer_than(rows, outputs, g, low + family.error):
            lower = low
        elif nearer_than(rows, outputs, g, lower + family.error):
            raise ArithmeticError(f"example {self.example}, k = {k}: nearer than {float(low)}")
        if not nearer_than(rows, outputs, g, upper - family.error):
            raise ArithmeticError(f"example {self.example}, k = {k}: farther than {float(high)}")
        return lower, upper


def _near(k: int, statement: str = "|R(Φ_k) - R(Γ)| <= 1/k") -> Bound:
    return statement, "seminorm", "<=", Fraction(1, k)


class ExplodingGradient(Pathology):
    """Example 2.1: uniformly small, with an exploding gradient; every parametrization explodes."""

    example, equations, condition = "2.1", "(18), (19), (79)", ""
    title = "Failure due to exploding gradient"
    sharper = "distance exactly k: the products have max-norm k²"

    def _at(self, k: int) -> Family:
        return Family(
            gamma=([(0, 0), (0, 0)], (0, 0)),
            phi=([(k, 0), (k, Fraction(-1, k * k))], (k, -k)),
            distance=(Fraction(k), Fraction(k)),
            claims=[
                ("‖g_k‖ on (-1,1)² <= 1/k", "uniform", "<=", Fraction(1, k)),
                ("|g_k| = k²", "seminorm", "=", k * k),
                ("‖Φ_k - Γ‖ -> inf: at least k", "distance", ">=", k),
            ],
        )


@dataclass(frozen=True)
class Unbalanced(Pathology):
    """Example 2.2: a neuron ((r, 0), 0) whose direction does not matter to the realization."""

    r: Fraction = Fraction(1, 2)

    example, equations, condition = "2.2", "(20), (21)", "C.1"
    title = "Failure due to complete unbalancedness"
    sharper = "distance exactly max(r, k^(-1/2)): for the direction r, for the size of g_k the root"

    def __post_init__(self) -> None:
        if self.r <= 0:
            raise ValueError(f"r: expected a positive number, got {self.r}")

    def _at(self, k: int) -> Family:
        r, (low, high) = Fraction(self.r), sqrt_bracket(Fraction(1, k))
        return Family(
            gamma=([(r, 0)], [0]),
            phi=([(0, 1)], [Fraction(1, k)]),
            nearest=([(0, low)], [low]),
            distance=(max(r, low), max(r, high)),
            claims=[("‖Φ_k - Γ‖ >= r", "distance", ">=", r), _near(k)],
        )


class RedundantDirections(Pathology):
    """Example 2.3: two neurons of the same direction where g_k needs two directions.

    √2 - 1 is what c_1 a_1 = 2 forces; that the other neuron turns to (0, 1) costs 1.
    """

    example, equations, condition = "2.3", "(22)-(24), (80)", "C.2"
    title = "Failure due to redundant directions"
    sharper = "distance exactly 1: the direction mismatch alone costs it, √2 - 1 is not sharp"

    def _at(self, k: int) -> Family:
        bound = sqrt_bracket(2)[1] - 1
        return Family(
            gamma=([(1, 0), (1, 0)], (1, 1)),
            phi=([(1, 0), (0, 1)], (2, Fraction(1, k))),
            distance=(Fraction(1), Fraction(1)),
            claims=[("‖Φ_k - Γ‖ >= √2 - 1", "distance", ">=", bound), _near(k)],
        )


@dataclass(frozen=True)
class CancellingWeights(Pathology):
    """Example 2.4 for any admissible a_1, ..., a_m and v, in any dimension d >= 2.

    Γ = (±a_i, ±1) with a_1 + ... + a_m = 0 realizes zero, and g_k = relu(<v, x>) / k. Some neuron
    of any Φ lies on v's hyperplane, so the distance is at least
    ``D = min_i min_t ‖a_i - t v‖_inf``, for every k. And it is D wherever the following fits:
    neurons ±a_i become ±λ v with output weights ±1 + δ, 2 δ λ = 1/k, which leaves a linear function
    that the other pairs take up, each by moving (a_i - λ v ± δ λ v) / (m - 1).

    Parameters
    ----------
    vectors : sequence of m >= 3 vectors of max-norm one
        Pairwise linearly independent, with sum zero; floats are taken exactly.
    v : vector of max-norm one
        Linearly independent of each of them.

    Raises
    ------
    ValueError
        If one of these assumptions fails.
    """

    vectors: tuple[Vector, ...]
    v: Vector

    example, equations, condition = "2.4", "(25)-(27), (81), (82)", "C.3a"
    title = "Failure due to opposite weight vectors 1"
    sharper = "distance exactly min_i min_t ‖a_i - t v‖ = 1/2 for the instance of Figure 4"

    def __init__(self, vectors: Sequence[Sequence[Number]], v: Sequence[Number]) -> None:
        rows, direction = tuple(map(vector, vectors)), vector(v)
        d, everything = len(direction), (*rows, direction)
        if d < 2 or any(len(a) != d for a in rows):
            raise ValueError("vectors: expected vectors of one dimension d >= 2, as v")
        if len(rows) < 3:
            raise ValueError(f"vectors: expected at least 3, got {len(rows)}")
        if any(max_norm(a) != 1 for a in everything):
            raise ValueError("vectors, v: expected max-norm one")
        if any(sum(column) for column in zip(*rows, strict=True)):
            raise ValueError("vectors: expected sum zero")
        if any(dot(a, b) ** 2 == dot(a, a) * dot(b, b) for a, b in combinations(everything, 2)):
            raise ValueError("vectors, v: expected pairwise linear independence")
        object.__setattr__(self, "vectors", rows)
        object.__setattr__(self, "v", direction)

    @classmethod
    def of_figure_4(cls) -> CancellingWeights:
        """The instance of Figure 4."""
        half = Fraction(1, 2)
        return cls([(1, -half), (-1, -half), (0, 1)], (1, 0))

    def _at(self, k: int) -> Family:
        m, d = len(self.vectors), len(self.v)
        gamma = _with_opposites(self.vectors), [1] * m + [-1] * m
        gaps = [line_gap(a, self.v) for a in self.vectors]
        found: list[tuple[Fraction, Fraction, Network]] = []
        for i, (gap, low, high) in enumerate(gaps):
            scales = {low, high, high + Fraction(1, k), low - Fraction(1, k), (low + high) / 2}
            for rows, outputs in (self._place(k, i, scale) for scale in scales - {0}):
                moved = zip((*rows, outputs), (*gamma[0], gamma[1]), strict=True)
                distance = max(max_norm(map(operator.sub, p, q)) for p, q in moved)
                found.append((distance, gap, (rows, outputs)))
        upper, _, nearest = min(found, key=operator.itemgetter(0, 1))
        constant = sqrt_bracket(self.paper_constant_squared())[1]
        return Family(
            gamma=gamma,
            phi=([self.v, *[(0,) * d] * (2 * m - 1)], [Fraction(1, k), *[0] * (2 * m - 1)]),
            nearest=nearest,
            distance=(min(gap for gap, _, _ in gaps), upper),
            claims=[
                ("‖Φ_k - Γ‖ >= C with C from (83)", "distance", ">=", constant),
                ("‖Φ_k - Γ‖ > 0", "distance", ">=", Fraction(1, 10**9)),
                _near(k),
            ],
        )

    def _distance(self, k: int, family: Family, g: RationalFunction) -> Bracket:
        """D is a lower bound; that the construction parametrizes g_k is checked exactly."""
        if not RationalFunction.from_weights(*(family.nearest or family.phi)).same_as(g):
            raise ArithmeticError(f"example 2.4, k = {k}: the construction misses g_k")
        return family.distance

    def _place(self, k: int, i: int, scale: Fraction) -> tuple[list[Vector], list[Fraction]]:
        """Neurons ±a_i on the hyperplane of v with scale λ, the other pairs make up for it."""
        m, turn = len(self.vectors), scale - Fraction(1, 2 * k)  # λ - |λ| δ
        share = [(p - turn * q) / (m - 1) for p, q in zip(self.vectors[i], self.v, strict=True)]
        rows = [tuple(map(operator.add, a, share)) for a in self.vectors]
        rows[i] = tuple(scale * q for q in self.v)
        delta = 1 / (2 * k * abs(scale))
        outputs = [side + delta * (j == i) for side in (1, -1) for j in range(m)]
        return _with_opposites(rows), outputs

    def paper_constant_squared(self, *, as_printed: bool = False) -> Fraction:
        """C² of (27) from (83); as printed it needs ‖v‖_2 = 1 and can be negative.

        For a = (1, 1/2), v = (1, 1) it is (5/4 - 9/4) / 2 as printed, with ‖v‖_2² = 2 it is
        (5/4 - 9/8) / 2:

        >>> half = Fraction(1, 2)
        >>> example = CancellingWeights([(1, half), (-1, half), (0, -1)], (1, 1))
        >>> example.paper_constant_squared(as_printed=True), example.paper_constant_squared()
        (Fraction(-1, 2), Fraction(1, 16))
        """
        size = Fraction(1) if as_printed else dot(self.v, self.v)
        values = [dot(a, a) - dot(a, self.v) ** 2 / size for a in self.vectors]
        return min(values) / len(self.v)


def _with_opposites(rows: Sequence[Vector]) -> list[Vector]:
    return [*rows, *(tuple(-p for p in row) for row in rows)]


class OppositeWeights(Pathology):
    """Example 2.5: opposite weight vectors whose products sum to something small.

    One of Γ's first two neurons has to take the direction of a_1 or a_2, with t + k from the
    direction and k²/t - k from the output weight.
    """

    example, equations, condition = "2.5", "(28)-(30), (84)-(86)", "C.3b"
    title = "Failure due to opposite weight vectors 2"
    sharper = "distance exactly √2 k, k/2 is not sharp"

    def _at(self, k: int) -> Family:
        root, high = sqrt_bracket(2)
        last, third = Fraction(1, k), root / (2 * k)
        theta = [vector(row) for row in ((k, k, last), (-k, k, last), (0, -root * k, third))]
        outputs = (k, k, root * k)
        products = [vector((t * k * k, s * k * k, 1)) for t, s in ((1, 1), (-1, 1), (0, -2))]
        first, second = (  # rational, unlike the weights
            RationalFunction.from_weights(rows, [1] * 3)
            for rows in (_with_opposites(products)[3:], products)
        )
        # Γ's neurons 1, 2, 3 in the directions of Θ's 3, 1, 2; t = k (√2 - 1): t + k = k² / t - k.
        turned = k * (1 + root), k / (root - 1), Fraction(2 * k)
        order = products[2], products[0], products[1]
        return Family(
            gamma=(_with_opposites(theta)[3:], outputs),
            phi=(theta, outputs),
            nearest=([[p / c for p in u] for u, c in zip(order, turned, strict=True)], turned),
            distance=sqrt_bracket(2 * k * k),
            claims=[
                ("‖Φ_k - Γ_k‖ >= k/2", "distance", ">=", Fraction(k, 2)),
                ("|R(Φ_k) - R(Γ_k)| = 3", "seminorm", "=", 3),
            ],
            error=k * (high - root),
            functions=(first, second),
        )


class LocalMinimum(Pathology):
    """Example A.1: a parameter minimum whose realization is not a minimum.

    g_k = relu(x_1 - x_2) / k comes arbitrarily near to R(Γ_*) = 0 with a smaller loss, but its
    parametrizations are more than 1 away from Γ_* = ((-1, 0), 0). The nearest is t (1, -1) with
    1 + t = 1 / (k t).
    """

    example, equations, condition = "A.1", "(97)-(99)", "C.1"
    title = "Parameter minimum without realization minimum"
    sharper = "distance exactly (1 + (1 + 4/k)^(1/2)) / 2; (99) for the full norm: see eq-99"

    def _at(self, k: int) -> Family:
        low, high = sqrt_bracket(1 + Fraction(4, k))
        t = 2 / (k * (1 + low))
        return Family(
            gamma=([(-1, 0)], [0]),
            phi=([(1, -1)], [Fraction(1, k)]),
            nearest=([(t, -t)], [1 / (k * t)]),
            distance=((1 + low) / 2, (1 + high) / 2),
            claims=[
                _near(k, "|g_k - R(Γ_*)| <= 1/k"),
                ("‖g_k‖ = 2/k on (-1,1)² (corrects (99))", "uniform", "=", Fraction(2, k)),
                ("‖Φ_k - Γ_*‖ > 1/2", "distance", ">=", Fraction(1, 2)),
            ],
        )


class UnbalancedFamily(Pathology):
    """Example A.2: Γ_k = ((k, 0), 1/k²), increasingly unbalanced."""

    example, equations, condition = "A.2", "(101)-(103)", "C.1"
    title = "Failure due to unbalancedness"
    sharper = "distance exactly k"

    def _at(self, k: int) -> Family:
        return Family(
            gamma=([(k, 0)], [Fraction(1, k * k)]),
            phi=([(0, 1)], [Fraction(1, k)]),
            distance=(Fraction(k), Fraction(k)),
            claims=[
                ("‖Φ_k - Γ_k‖ >= k", "distance", ">=", k),
                _near(k, "|R(Φ_k) - R(Γ_k)| <= 1/k"),
            ],
        )


#: All examples in the paper's order, with its parameters.
PATHOLOGIES: tuple[Pathology, ...] = (
    ExplodingGradient(),
    Unbalanced(),
    RedundantDirections(),
    CancellingWeights.of_figure_4(),
    OppositeWeights(),
    LocalMinimum(),
    UnbalancedFamily(),
)
