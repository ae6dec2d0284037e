"""Examples 2.1, 2.2, 2.3, 2.5, A.1 and A.2: one neuron for each hyperplane of g_k."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from landscape.exact import Vector, sqrt_bracket
from landscape.parametrization import Parametrization
from landscape.pathologies.base import Claim, Pathology, Rows, at_least, at_most, equal
from landscape.rational import RationalFunction

__all__ = [
    "ExplodingGradient",
    "LocalMinimum",
    "OppositeWeights",
    "RedundantDirections",
    "Unbalanced",
    "UnbalancedFamily",
]

ONE, ZERO = Fraction(1), Fraction(0)


def _single(k: int, *direction: int) -> RationalFunction:
    """``x -> relu(<direction, x>) / k``."""
    return RationalFunction(len(direction), ((1, tuple(Fraction(p, k) for p in direction)),))


@dataclass(frozen=True)
class ExplodingGradient(Pathology):
    """Example 2.1: uniformly small, with an exploding gradient; every parametrization explodes.

    The products have max-norm k², so the balanced Φ, which is nearest to zero, has the size k.
    """

    example: ClassVar[str] = "2.1"
    title: ClassVar[str] = "Failure due to exploding gradient"
    condition: ClassVar[str] = ""

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """Γ = (0, 0)."""
        return ((ZERO, ZERO), (ZERO, ZERO)), (ZERO, ZERO), ZERO

    def phi(self, k: int) -> Parametrization:
        """(18)."""
        return Parametrization([[k, 0.0], [k, -1.0 / k**2]], [k, -k])

    def nearest(self, k: int) -> Parametrization:
        """The printed one: all its parameters are at most k."""
        return self.phi(k)

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """0 and (18)."""
        terms = ((1, (Fraction(k * k), ZERO)), (-1, (Fraction(k * k), Fraction(-1, k))))
        return RationalFunction(2, ()), RationalFunction(2, terms)

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """K."""
        return Fraction(k), Fraction(k)

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(19) through (79)."""
        return (
            at_most("‖g_k‖ on (-1,1)² <= 1/k", uniform, Fraction(1, k)),
            equal("|g_k| = k²", seminorm, Fraction(k * k)),
            at_least("‖Φ_k - Γ‖ -> inf: at least k", distance, Fraction(k)),
        )


@dataclass(frozen=True)
class Unbalanced(Pathology):
    """Example 2.2: a neuron ((r, 0), 0) whose direction does not matter to the realization.

    The distance is max(r, k^{-1/2}): r from the direction, k^{-1/2} from the size of g_k.
    """

    r: Fraction = Fraction(1, 2)

    example: ClassVar[str] = "2.2"
    title: ClassVar[str] = "Failure due to complete unbalancedness"
    condition: ClassVar[str] = "C.1"

    def __post_init__(self) -> None:
        if self.r <= 0:
            raise ValueError(f"r: expected a positive number, got {self.r}")

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """Γ = ((r, 0), 0)."""
        return ((Fraction(self.r), ZERO),), (ZERO,), ZERO

    def phi(self, k: int) -> Parametrization:
        """(20)."""
        return Parametrization([[0.0, 1.0]], [1.0 / k])

    def nearest(self, k: int) -> Parametrization:
        """The balanced parametrization."""
        return Parametrization([[0.0, k**-0.5]], [k**-0.5])

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """0 and (20)."""
        return RationalFunction(2, ()), _single(k, 0, 1)

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """max(r, k^{-1/2})."""
        low, high = sqrt_bracket(Fraction(1, k))
        return max(Fraction(self.r), low), max(Fraction(self.r), high)

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(21)."""
        return (
            at_least("‖Φ_k - Γ‖ >= r", distance, Fraction(self.r)),
            at_most("|R(Φ_k) - R(Γ)| <= 1/k", seminorm, Fraction(1, k)),
        )


@dataclass(frozen=True)
class RedundantDirections(Pathology):
    """Example 2.3: two neurons of the same direction where g_k needs two directions.

    The paper bounds the distance by √2 - 1, which is what c_1 a_1 = 2 forces. The other neuron has
    to turn from (1, 0) into the direction (0, 1), which costs 1; and 1 is attained.
    """

    example: ClassVar[str] = "2.3"
    title: ClassVar[str] = "Failure due to redundant directions"
    condition: ClassVar[str] = "C.2"

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """(22)."""
        return ((ONE, ZERO), (ONE, ZERO)), (ONE, ONE), ZERO

    def phi(self, k: int) -> Parametrization:
        """(23)."""
        return Parametrization([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0 / k])

    def nearest(self, k: int) -> Parametrization:
        """The printed one has distance 1."""
        return self.phi(k)

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """Both as 2 relu(x_1), and (23)."""
        base = RationalFunction(2, ((1, (Fraction(2), ZERO)),))
        return base, base + _single(k, 0, 1)

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """1."""
        return ONE, ONE

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(24)."""
        return (
            at_least("‖Φ_k - Γ‖ >= √2 - 1", distance, sqrt_bracket(2)[1] - 1),
            at_most("|R(Φ_k) - R(Γ)| <= 1/k", seminorm, Fraction(1, k)),
        )


@dataclass(frozen=True)
class OppositeWeights(Pathology):
    """Example 2.5: opposite weight vectors whose products sum to something small.

    The paper bounds the distance by k/2; it is √2 k: one of Γ's first two neurons has to take the
    direction of a_1 or a_2, with t + k from the direction and k²/t - k from the output weight.
    """

    example: ClassVar[str] = "2.5"
    title: ClassVar[str] = "Failure due to opposite weight vectors 2"
    condition: ClassVar[str] = "C.3b"

    @staticmethod
    def _weights(k: int, root: Fraction) -> tuple[Rows, Vector]:
        """(28) with the given value of √2; 1/√2 = √2/2."""
        rows = (
            (Fraction(k), Fraction(k), Fraction(1, k)),
            (Fraction(-k), Fraction(k), Fraction(1, k)),
            (ZERO, -root * k, root / (2 * k)),
        )
        return rows, (Fraction(k), Fraction(k), root * k)

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """Γ_k of (29), with √2 off by less than 1e-39."""
        low, high = sqrt_bracket(2)
        rows, outputs = self._weights(k, low)
        return tuple(tuple(-p for p in row) for row in rows), outputs, k * (high - low)

    def phi(self, k: int) -> Parametrization:
        """Θ_k of (29)."""
        root = np.sqrt(2.0)
        rows = [[k, k, 1 / k], [-k, k, 1 / k], [0.0, -root * k, 1 / (root * k)]]
        return Parametrization(rows, [k, k, root * k])

    def nearest(self, k: int) -> Parametrization:
        """Γ's neurons 1, 2, 3 in the directions of Θ's neurons 3, 1, 2."""
        root = np.sqrt(2.0)
        t = k * (root - 1.0)  # solves t + k = k² / t - k
        rows = np.array([[0.0, -2.0 * k**2, 1.0], [k**2, k**2, 1.0], [-(k**2), k**2, 1.0]])
        outputs = np.array([k * (1.0 + root), k**2 / t, 2.0 * k])
        return Parametrization(rows / outputs[:, None], outputs)

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """The products c_i a_i of (28) are rational."""
        square = Fraction(k * k)
        products = ((square, square, ONE), (-square, square, ONE), (ZERO, -2 * square, ONE))
        theta = RationalFunction(3, tuple((1, u) for u in products))
        gamma = RationalFunction(3, tuple((1, tuple(-p for p in u)) for u in products))
        return gamma, theta

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """√2 k."""
        low, high = sqrt_bracket(2 * k * k)
        return low, high

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(30)."""
        return (
            at_least("‖Φ_k - Γ_k‖ >= k/2", distance, Fraction(k, 2)),
            equal("|R(Φ_k) - R(Γ_k)| = 3", seminorm, Fraction(3)),
        )


@dataclass(frozen=True)
class LocalMinimum(Pathology):
    """Example A.1: a parameter minimum whose realization is not a minimum.

    g_k = relu(x_1 - x_2) / k comes arbitrarily near to R(Γ_*) = 0 with a smaller loss, but its
    parametrizations are more than 1 away from Γ_* = ((-1, 0), 0).
    """

    example: ClassVar[str] = "A.1"
    title: ClassVar[str] = "Parameter minimum without realization minimum"
    condition: ClassVar[str] = "C.1"

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """(97); the pair is printed in the order (c, a)."""
        return ((-ONE, ZERO),), (ZERO,), ZERO

    def phi(self, k: int) -> Parametrization:
        """(98)."""
        return Parametrization([[1.0, -1.0]], [1.0 / k])

    def nearest(self, k: int) -> Parametrization:
        """T (1, -1) with 1 + t = 1 / (k t)."""
        t = 2.0 / (k * (1.0 + np.sqrt(1.0 + 4.0 / k)))
        return Parametrization([[t, -t]], [1.0 / (k * t)])

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """0 and (98)."""
        return RationalFunction(2, ()), _single(k, 1, -1)

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """(1 + (1 + 4 / k)^{1/2}) / 2."""
        low, high = sqrt_bracket(1 + Fraction(4, k))
        return (1 + low) / 2, (1 + high) / 2

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(99) for the seminorm, and that the parameters stay away.

        The full norm of (99) is 2/k: the sup norm on (-1, 1)² is twice the seminorm here.
        """
        return (
            at_most("|g_k - R(Γ_*)| <= 1/k", seminorm, Fraction(1, k)),
            equal("‖g_k‖ = 2/k on (-1,1)² (corrects (99))", uniform, Fraction(2, k)),
            at_least("‖Φ_k - Γ_*‖ > 1/2", distance, Fraction(1, 2)),
        )


@dataclass(frozen=True)
class UnbalancedFamily(Pathology):
    """Example A.2: Γ_k = ((k, 0), 1/k²), increasingly unbalanced; the distance is k."""

    example: ClassVar[str] = "A.2"
    title: ClassVar[str] = "Failure due to unbalancedness"
    condition: ClassVar[str] = "C.1"

    def gamma_exact(self, k: int) -> tuple[Rows, Vector, Fraction]:
        """(101)."""
        return ((Fraction(k), ZERO),), (Fraction(1, k * k),), ZERO

    def phi(self, k: int) -> Parametrization:
        """(102)."""
        return Parametrization([[0.0, 1.0]], [1.0 / k])

    def nearest(self, k: int) -> Parametrization:
        """The printed one: its parameters differ from Γ_k's by at most k."""
        return self.phi(k)

    def realizations(self, k: int) -> tuple[RationalFunction, RationalFunction]:
        """relu(x_1) / k and relu(x_2) / k."""
        return _single(k, 1, 0), _single(k, 0, 1)

    def formula(self, k: int) -> tuple[Fraction, Fraction]:
        """K."""
        return Fraction(k), Fraction(k)

    def claims(
        self, k: int, distance: tuple[Fraction, Fraction], seminorm: Fraction, uniform: Fraction
    ) -> tuple[Claim, ...]:
        """(103)."""
        return (
            at_least("‖Φ_k - Γ_k‖ >= k", distance, Fraction(k)),
            at_most("|R(Φ_k) - R(Γ_k)| <= 1/k", seminorm, Fraction(1, k)),
        )
