"""What every pathology of Section 2 and Appendix A.5 has in common.

A pathology is a family Γ_k, g_k with |g_k - R(Γ_k)| small (or bounded) while every parametrization
of g_k stays far from Γ_k. Everything that the paper claims of it is decided in rational arithmetic:
irrational parameters and distances enter through brackets of relative width 1e-30.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from landscape.exact import Vector, max_norm
from landscape.parametrization import Parametrization
from landscape.rational import RationalFunction, nearer_than

__all__ = ["Claim", "Instance", "Pathology"]

#: Relative width of the brackets for irrational numbers.
PRECISION = Fraction(1, 10**30)

Rows = tuple[Vector, ...]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, decided exactly.

    Attributes
    ----------
    statement : str
        The claim as printed, in one line.
    predicted, measured : float
        Rounded; the decision was made in rational arithmetic.
    holds : bool
    """

    statement: str
    predicted: float
    measured: float
    holds: bool


@dataclass(frozen=True, eq=False)
class Instance:
    """A pathology at one k.

    Attributes
    ----------
    k : int
    gamma : Parametrization
        Γ_k.
    phi : Parametrization
        The printed parametrization of g_k.
    nearest : Parametrization
        A parametrization of g_k whose distance from Γ_k is ``fibre_upper`` (up to rounding).
    fibre_lower, fibre_upper : Fraction
        Bracket of ``inf ‖Φ - Γ_k‖_inf`` over *all* Φ with R(Φ) = g_k; both sides were decided
        exactly.
    seminorm : Fraction
        |g_k - R(Γ_k)| of (17), exact.
    uniform : Fraction
        Sup norm of g_k - R(Γ_k) on [-1, 1]^d, exact.
    claims : tuple of Claim
        What the paper says of this k.
    """

    k: int
    gamma: Parametrization
    phi: Parametrization
    nearest: Parametrization
    fibre_lower: Fraction
    fibre_upper: Fraction
    seminorm: Fraction
    uniform: Fraction
    claims: tuple[Claim, ...]

    @property
    def distance(self) -> float:
        """The distance to the fibre, rounded."""
        return float(self.fibre_upper)

    @property
    def exact(self) -> bool:
        """Whether the bracket of the distance has a relative width of at most 1e-29."""
        return self.fibre_upper - self.fibre_lower <= 10 * PRECISION * self.fibre_upper


class Pathology(ABC):
    """A family Γ_k, g_k of the paper; subclasses say which."""

    #: "2.1", ..., "A.2"
    example: ClassVar[str]
    #: What fails, in the paper's words.
    title: ClassVar[str]
    #: The condition of Theorem 3.1 that excludes it, "" for Example 2.1.
    condition: ClassVar[str]

    @abstractmethod
    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """Rational weights and output weights of Γ_k, and a bound of their error."""

    @abstractmethod
    def phi(self, k: int) -> Parametrization:
        """The printed parametrization of g_k."""

    @abstractmethod
    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """R(Γ_k) and g_k, exactly."""

    @abstractmethod
    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """Bracket of the closed form of the distance to the fibre."""

    @abstractmethod
    def nearest(self, k: int) -> Parametrization:
        """A parametrization of g_k nearest to Γ_k."""

    @abstractmethod
    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """The paper's claims, decided from exact values."""

    def gamma(self, k: int) -> Parametrization:
        """Γ_k."""
        rows, outputs, _ = self.gamma_exact(k)
        return Parametrization(
            [[float(p) for p in row] for row in rows], [float(c) for c in outputs]
        )

    def distance(self, k: int) -> tuple[Fraction, Fraction]:
        """Bracket of the distance of Γ_k to the fibre of g_k, verified exactly.

        The closed form is not trusted: that no parametrization of g_k is nearer than its lower
        end, and one is as near as its upper end, is decided by `landscape.rational.nearer_than`.
        """
        low, high = self.formula(k)
        rows, outputs, error = self.gamma_exact(k)
        function = self.realizations(k)[1]
        lower, upper = low * (1 - PRECISION), high * (1 + PRECISION)
        if not nearer_than(rows, outputs, function, low + error):
            lower = low
        elif nearer_than(rows, outputs, function, lower + error):
            raise ArithmeticError(f"example {self.example}, k = {k}: nearer than {float(low)}")
        if not nearer_than(rows, outputs, function, upper - error):
            raise ArithmeticError(f"example {self.example}, k = {k}: farther than {float(high)}")
        return lower, upper

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
        of_gamma, g = self.realizations(k)
        seminorm = (g - of_gamma).seminorm()[0]
        uniform = (g - of_gamma).uniform_norm()[0]
        distance = self.distance(k)
        return Instance(
            k=k,
            gamma=self.gamma(k),
            phi=self.phi(k),
            nearest=self.nearest(k),
            fibre_lower=distance[0],
            fibre_upper=distance[1],
            seminorm=seminorm,
            uniform=uniform,
            claims=self.claims(k, distance, seminorm, uniform),
        )


def at_least(
    statement: str, distance: tuple[Fraction, Fraction], bound: Fraction, shown: float | None = None
) -> Claim:
    """A claim ``distance >= bound``."""
    predicted = float(bound) if shown is None else shown
    return Claim(statement, predicted, float(distance[0]), distance[0] >= bound)


def at_most(statement: str, value: Fraction, bound: Fraction) -> Claim:
    """A claim ``value <= bound``."""
    return Claim(statement, float(bound), float(value), value <= bound)


def equal(statement: str, value: Fraction, expected: Fraction) -> Claim:
    """A claim ``value = expected``."""
    return Claim(statement, float(expected), float(value), value == expected)


def exact_distance(
    rows: Rows, outputs: Vector, other_rows: Rows, other_outputs: Vector
) -> Fraction:
    """``‖Φ - Γ‖_inf`` of rational parametrizations."""
    gaps = [
        max_norm(p - q for p, q in zip(x, y, strict=True))
        for x, y in zip((*rows, outputs), (*other_rows, other_outputs), strict=True)
    ]
    return max(gaps)
