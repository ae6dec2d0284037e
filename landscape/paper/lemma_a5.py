"""Lemma A.5: a bound of the seminorm by the uniform norm under a condition on angles.

(112) states ``|R|_{W^{1,inf}} <= 2 / (B (1 - λ²)^{1/2}) ‖R‖_{L^inf([-B, B]^d)}`` with λ the largest
*signed* cosine (111) of two different directions. It fails as printed. With absolute cosines it
holds for d = 2, where 2 is sharp, and fails for d >= 3, where planes can enclose a thin cell
although each two of them are well apart. With ``2√2 m²`` for 2 it holds for all d (Theorem 18).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from landscape.exact import Vector, dot
from landscape.rational import RationalFunction

__all__ = [
    "AngleBound",
    "angle_bound",
    "known_violation",
    "largest_cosine_squared",
    "sharp_in_the_plane",
    "signed_counterexample",
]


@dataclass(frozen=True)
class AngleBound:
    """Both sides of (112) for B = 1, as printed and repaired; exact but for the factors.

    Attributes
    ----------
    seminorm, uniform : Fraction
    one_minus_square : Fraction
        1 - λ².
    factor, repaired : float
        Left side over right side, with the constants 2 and 2√2 m²; more than 1 violates the bound.
    holds, repaired_holds : bool
        Decided on squares, without rounding.
    """

    seminorm: Fraction
    uniform: Fraction
    one_minus_square: Fraction
    factor: float
    repaired: float
    holds: bool
    repaired_holds: bool


def largest_cosine_squared(directions: list[Vector], *, absolute: bool) -> Fraction:
    """λ² of (111), over pairs of different directions; absolute: over pairs not parallel.

    A negative largest signed cosine counts with its square as well, as in (112).
    """
    best: tuple[Fraction, Fraction] | None = None  # signed square for the order, square
    for a, b in itertools.combinations(directions, 2):
        inner, size = dot(a, b), dot(a, a) * dot(b, b)
        square = inner * inner / size
        if square == 1 and (absolute or inner > 0):
            continue  # the same line; or the same direction
        order = square if absolute or inner > 0 else -square
        if best is None or order > best[0]:
            best = order, square
    return best[1] if best else Fraction(0)


def angle_bound(function: RationalFunction, *, absolute: bool) -> AngleBound:
    """Evaluate (112) exactly, with signed (as printed) or absolute cosines."""
    seminorm, uniform = function.seminorm()[0], function.uniform_norm()[0]
    rest = 1 - largest_cosine_squared([u for _, u in function.terms], absolute=absolute)
    left, right = seminorm**2 * rest, 4 * uniform**2
    wider = 2 * len(function.terms) ** 4 * right  # (2√2 m²)² = 8 m⁴
    return AngleBound(
        seminorm,
        uniform,
        rest,
        sqrt(left / right) if right else 0.0,
        sqrt(left / wider) if wider else 0.0,
        left <= right,
        left <= wider,
    )


def signed_counterexample(k: int) -> RationalFunction:
    """Example 2.1 with one neuron turned around: (112) fails by a factor of about k³ / 2.8.

    The linear function that the turn leaves is made of two opposite pairs along (1, 1), (1, -1).
    """
    if k < 2:
        raise ValueError(f"k: expected at least 2, got {k}")
    zero, square, small = Fraction(0), Fraction(k * k), Fraction(1, k)
    terms: list[tuple[int, Vector]] = [(1, (square, zero)), (-1, (-square, small))]
    for direction, weight in (((1, 1), (small - square) / 2), ((1, -1), -(small + square) / 2)):
        u = tuple(abs(weight) * p for p in direction)
        sign = 1 if weight > 0 else -1
        terms += [(sign, u), (-sign, tuple(-p for p in u))]
    return RationalFunction(2, tuple(terms))


def sharp_in_the_plane(k: int) -> RationalFunction:
    """``|x - k y| - |x + k y|``: attains k² / (k² + 1) of (112) with absolute cosines."""
    return RationalFunction.from_weights([(1, -k), (-1, k), (1, k), (-1, -k)], [1, 1, -1, -1])


def known_violation() -> RationalFunction:
    """A network in d = 3 that violates (112) with absolute cosines; no two neurons are opposite.

    Found by hill climbing over integer normals; for given normals the best output weights are a
    linear program.
    """
    normals = (
        (0, 0, -1),
        (3, 5, -4),
        (-1, -1, -3),
        (-2, -3, -3),
        (1, 2, -4),
        (7, 2, 0),
        (-6, 3, -4),
        (-2, 2, 5),
        (-4, 3, 1),
    )
    thousandths = (6533, 395, -1900, 478, -1279, -36, 116, -173, 63)
    return RationalFunction.from_weights(normals, [Fraction(p, 1000) for p in thousandths])
