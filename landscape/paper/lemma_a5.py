"""Lemma A.5: a bound of the seminorm by the uniform norm under a condition on angles.

(112) states ``|R|_{W^{1,inf}} <= 2 / (B (1 - λ²)^{1/2}) ‖R‖_{L^inf([-B, B]^d)}`` with λ the largest
*signed* cosine (111) of two different directions. It fails as printed. With absolute cosines it
holds for d = 2, where 2 is sharp, and fails for d >= 3, where planes can enclose a thin cell
although each two of them are well apart. With ``2√2 m²`` for 2 it holds for all d (Theorem 18).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import sqrt
from typing import NamedTuple

from numpy.random import Generator

from landscape.exact import Number, Vector, dot
from landscape.paper.pairs import integers
from landscape.paper.registry import Effort, Outcome, check, listed
from landscape.rational import RationalFunction


class AngleBound(NamedTuple):
    """Both sides of (112) for B = 1; exact, but for the factors.

    ``one_minus_square`` is 1 - λ²; ``factor`` and ``repaired`` are left side over right side, with
    the constants 2 and 2√2 m²; whether these are at most 1 is decided on squares.
    """

    seminorm: Fraction
    uniform: Fraction
    one_minus_square: Fraction
    factor: float
    repaired: float
    holds: bool
    repaired_holds: bool


def largest_cosine_squared(directions: Sequence[Vector], *, absolute: bool) -> Fraction:
    """λ² of (111), over pairs of different directions; absolute: over pairs not parallel.

    A negative largest signed cosine counts with its square as well, as in (112).
    """
    signed = [Fraction(-2)]
    for a, b in combinations(directions, 2):
        inner = dot(a, b)
        square = inner * inner / (dot(a, a) * dot(b, b))
        if square != 1 or (inner < 0 and not absolute):  # not the same line, or direction
            signed.append(square if absolute or inner > 0 else -square)
    return abs(max(signed)) if len(signed) > 1 else Fraction(0)


def angle_bound(function: RationalFunction, *, absolute: bool) -> AngleBound:
    """Evaluate (112) exactly, with signed (as printed) or absolute cosines."""
    seminorm, uniform = function.seminorm()[0], function.uniform_norm()[0]
    rest = 1 - largest_cosine_squared([u for _, u in function.terms], absolute=absolute)
    left, right = seminorm**2 * rest, 4 * uniform**2
    wider = 2 * len(function.terms) ** 4 * right  # (2√2 m²)² = 8 m⁴
    first, second = (sqrt(left / side) if side else 0.0 for side in (right, wider))
    return AngleBound(seminorm, uniform, rest, first, second, left <= right, left <= wider)


def signed_counterexample(k: int) -> RationalFunction:
    """Example 2.1 with one neuron turned around: (112) fails by a factor of about k³ / 2.8.

    The linear function that the turn leaves is made of two opposite pairs along (1, 1), (1, -1).
    """
    if k < 2:
        raise ValueError(f"k: expected at least 2, got {k}")
    square, small = Fraction(k * k), Fraction(1, k)
    rows: list[Sequence[Number]] = [(square, 0), (-square, small)]
    outputs: list[Number] = [1, -1]
    for direction, weight in (((1, 1), (small - square) / 2), ((1, -1), -(small + square) / 2)):
        rows += [direction, (-direction[0], -direction[1])]
        outputs += [weight, -weight]
    return RationalFunction.from_weights(rows, outputs)


def sharp_in_the_plane(k: int) -> RationalFunction:
    """``|x - k y| - |x + k y|``: attains k² / (k² + 1) of (112) with absolute cosines."""
    return RationalFunction.from_weights([(1, -k), (-1, k), (1, k), (-1, -k)], [1, 1, -1, -1])


def known_violation() -> RationalFunction:
    """A network in d = 3 that violates (112) with absolute cosines; no two neurons are opposite.

    Found by hill climbing over integer normals; for given normals the best output weights are a
    linear program.
    """
    normals = (
        *((0, 0, -1), (3, 5, -4), (-1, -1, -3), (-2, -3, -3), (1, 2, -4)),
        *((7, 2, 0), (-6, 3, -4), (-2, 2, 5), (-4, 3, 1)),
    )
    thousandths = (6533, 395, -1900, 478, -1279, -36, 116, -173, 63)
    return RationalFunction.from_weights(normals, [Fraction(p, 1000) for p in thousandths])


@check("lem-a5", "Lemma A.5, (111), (112)", "|R| <= 2 / (B (1-λ²)^(1/2)) ‖R‖_inf, signed cosines λ")
def lemma_a5(effort: Effort, rng: Generator) -> Outcome:
    """Example 2.1, one neuron turned: |R| over the right side for d = 2, m = 6, exact -> <= 1."""
    found = {k: angle_bound(signed_counterexample(k), absolute=False) for k in (2, 10, 100)}
    factors = {(k, k**3 / 8**0.5): f.factor for k, f in found.items()}
    measured = listed("k={0[0]}: {1:.4g} (k³/(2√2) = {0[1]:.4g})", factors)
    growing = found[2].factor <= found[10].factor <= found[100].factor
    note = "violated by a factor of about k³ / (2√2); see lem-a5-d2 for absolute cosines"
    holds = all(f.holds for f in found.values())
    return Outcome(measured, holds, None if growing else False, note)


@check("lem-a5-d2", "Lemma A.5, d = 2, |cosines|", "Beyond the paper: then (112) holds for d = 2")
def lemma_a5_plane(effort: Effort, rng: Generator) -> Outcome:
    """Integer networks, thin ones among them, exact; R = |x - ky| - |x + ky|.

    -> <= 1; k² / (k² + 1), so the constant 2 is sharp.
    """
    found = []
    for trial in range(20 * effort.n_random):
        m = int(rng.integers(2, 7))
        rows = integers(rng, (m, 2), 9)
        if trial % 2:
            rows[:, 1] = integers(rng, (m,), 2)  # thin sectors
        theta = RationalFunction.from_weights(rows.tolist(), integers(rng, (m,), 9).tolist())
        if len(theta.canonical.normals) >= 2:
            found.append(angle_bound(theta, absolute=True))
    sharp = {k: angle_bound(sharp_in_the_plane(k), absolute=True) for k in (1, 10, 1000)}
    exact = all(
        f.seminorm**2 * f.one_minus_square * (k**2 + 1) ** 2 == 4 * k**4 * f.uniform**2
        for k, f in sharp.items()
    )
    violated = sum(not f.holds for f in [*found, *sharp.values()])
    attained = listed("k={}: {:.6f}", {k: f.factor for k, f in sharp.items()})
    measured = (
        f"{max(f.factor for f in found):.4f} of {len(found)}, {violated} violations; {attained}"
    )
    note = "proof: a linear function on a sector is given by its values on the two edges"
    return Outcome(measured, violated == 0 and exact, note=note)


@check("lem-a5-d3", "Lemma A.5, d = 3, |cosines|", "(112) with |cosines| in d = 3")
def lemma_a5_space(effort: Effort, rng: Generator) -> Outcome:
    """Exact norms of a stored integer network (m = 9, no opposite neurons) -> <= 1."""
    function = known_violation()
    found = angle_bound(function, absolute=True)
    single = len(function.canonical.normals) == len(function.terms)
    names, numbers = ("|R|", "‖R‖", "1 - λ²"), map(float, found[:3])
    sizes = listed("{} = {:.4f}", dict(zip(names, numbers, strict=True)))
    measured = f"factor {found.factor:.4f}, {sizes}"
    note = "cells in d >= 3 can be thin although all pairs of planes are well apart"
    return Outcome(measured, found.holds, None if single else False, note)


@check(
    "lem-a5-all",
    "Lemma A.5, all d, repaired",
    "Beyond the paper: |R| <= 2√2 m² / (B (1-λ²)^(1/2)) ‖R‖_inf, |cosines| λ, for all d",
)
def lemma_a5_repaired(effort: Effort, rng: Generator) -> Outcome:
    """Integer networks, d = 2, 3, with those of lem-a5, lem-a5-d3; proof: Theorem 18 -> <= 1."""
    functions = [known_violation(), *(signed_counterexample(k) for k in (2, 10))]
    for _ in range(2 * effort.n_random):
        d, m = int(rng.integers(2, 4)), int(rng.integers(1, 6))
        rows, c = integers(rng, (m, d), 3), integers(rng, (m,), 5)
        functions.append(RationalFunction.from_weights(rows.tolist(), c.tolist()))
    found = [angle_bound(function, absolute=True) for function in functions]
    printed, repaired = sum(not f.holds for f in found), sum(not f.repaired_holds for f in found)
    largest = f"largest factor {max(f.repaired for f in found):.4f} of {len(found)}"
    measured = f"{largest}; {printed} above the printed constant, {repaired} above this one"
    note = "so L^inf inverse stability holds under a condition on angles, as Section 4 expects"
    return Outcome(measured, repaired == 0, note=note)
