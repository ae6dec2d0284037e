"""Lemma A.5: a bound of the seminorm by the uniform norm under a condition on angles.

(112) states ``|R|_{W^{1,inf}} <= 2 / (B (1 - λ²)^{1/2}) ‖R‖_{L^inf([-B, B]^d)}`` with λ the largest
*signed* cosine (111) of two different directions. It fails as printed. With absolute cosines it
holds for d = 2 (proof in docs/errata.md) and fails for d = 3, where three planes can enclose a thin
cell although each two of them are well apart. For given planes the best coefficients are a linear
program.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.rational import RationalFunction, Vector, dot

__all__ = [
    "AngleBound",
    "angle_bound",
    "best_coefficients",
    "largest_cosine_squared",
    "search_violation",
    "signed_counterexample",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AngleBound:
    """Both sides of (112) for B = 1.

    Attributes
    ----------
    seminorm, uniform : Fraction
        Exact.
    one_minus_square : Fraction
        1 - λ², exact; λ is rounded away from nothing.
    factor : float
        Left side over right side; more than 1 violates the bound.
    holds : bool
        Decided on squares, without rounding.
    """

    seminorm: Fraction
    uniform: Fraction
    one_minus_square: Fraction
    factor: float
    holds: bool


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
    holds = seminorm**2 * rest <= 4 * uniform**2
    factor = float(seminorm) * sqrt(rest) / (2 * float(uniform)) if uniform else 0.0
    return AngleBound(seminorm, uniform, rest, factor, holds)


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


def _corners(normals: Array) -> Array:
    """Vertices of the unit box cut by planes through zero in three dimensions."""
    points = [np.array(c, dtype=float) for c in itertools.product((-1, 1), repeat=3)]
    for n in normals:
        for free in range(3):
            fixed = [k for k in range(3) if k != free]
            for corner in itertools.product((-1.0, 1.0), repeat=2):
                if n[free]:
                    x = np.empty(3)
                    x[fixed] = corner
                    x[free] = -(n[fixed] @ corner) / n[free]
                    points.append(x)
    for n, k in itertools.combinations(normals, 2):
        ray = np.cross(n, k)
        if ray.any():
            points += [ray / np.abs(ray).max(), -ray / np.abs(ray).max()]
    found = np.array(points)
    return np.unique(np.round(found[np.abs(found).max(axis=1) <= 1 + 1e-12], 12), axis=0)


def _cells(normals: Array) -> list[NDArray[np.bool_]]:
    """Activation patterns of the cells around each ray, in three dimensions."""
    patterns: dict[bytes, NDArray[np.bool_]] = {}
    for n, k in itertools.combinations(normals, 2):
        ray = np.cross(n, k).astype(float)
        if not ray.any():
            continue
        values = normals @ ray
        on = np.abs(values) < 1e-9 * np.abs(normals).max() * np.abs(ray).max()
        frame = np.linalg.svd(ray[None])[2][1:]
        angles = np.sort(np.arctan2(*(normals[on] @ frame.T).T[::-1]) % np.pi) + np.pi / 2
        angles = np.concatenate([angles, angles + np.pi, [angles[0] + 2 * np.pi]])
        for middle in (angles[:-1] + angles[1:]) / 2:
            side = np.cos(middle) * frame[0] + np.sin(middle) * frame[1]
            for orientation in (1.0, -1.0):
                pattern = np.where(on, normals @ side > 0, orientation * values > 0)
                patterns[pattern.tobytes()] = pattern
    return list(patterns.values())


def best_coefficients(normals: Array, *, n_cells: int | None = None) -> tuple[float, Array]:
    """The largest violation of (112) with absolute cosines for given planes in d = 3, B = 1.

    Parameters
    ----------
    normals : array of shape (m, 3)
        No two of them parallel.
    n_cells : int, optional
        Only the cells with the smallest sums of active normals' inverse widths are tried.

    Returns
    -------
    factor : float
        Left side of (112) over its right side.
    c : array of shape (m,)
        Output weights that attain it.
    """
    units = normals / np.linalg.norm(normals, axis=1)[:, None]
    cosines = np.abs(units @ units.T)
    np.fill_diagonal(cosines, 0.0)
    rest = sqrt(max(0.0, 1.0 - float(cosines.max()) ** 2))
    values = np.maximum(_corners(normals) @ normals.T, 0.0)
    constraints = np.vstack([values, -values])
    limits = np.ones(len(constraints))
    best, coefficients = 0.0, np.zeros(len(normals))
    for pattern in _cells(normals)[:n_cells]:
        for k in range(3):
            gain = np.where(pattern, normals[:, k], 0.0)
            if not gain.any():
                continue
            solved = linprog(
                -gain, A_ub=constraints, b_ub=limits, bounds=(None, None), method="highs"
            )
            if solved.status == 0 and -solved.fun * rest / 2 > best:
                best, coefficients = -solved.fun * rest / 2, solved.x
    return best, coefficients


def search_violation(
    rng: np.random.Generator, n_neurons: int, n_steps: int, *, size: int = 3
) -> tuple[float, Array, Array]:
    """Hill climbing over integer normals in [-size, size]³, coefficients by linear programs.

    Returns
    -------
    factor, normals, c : float, array of shape (m, 3), array of shape (m,)
    """

    def admissible(rows: Array) -> bool:
        planes = {tuple(r) for r in rows} | {tuple(-r) for r in rows}
        cross = [np.cross(p, q).any() for p, q in itertools.combinations(rows, 2)]
        return len(planes) == 2 * len(rows) and all(cross) and bool(np.abs(rows).any(axis=1).all())

    def draw(n: int) -> Array:
        return rng.integers(-size, size + 1, (n, 3)).astype(float)

    normals = draw(n_neurons)
    while not admissible(normals):
        normals = draw(n_neurons)
    best, c = best_coefficients(normals)
    for _ in range(n_steps):
        trial = normals.copy()
        i = rng.integers(n_neurons)
        trial[i] = draw(1)[0] if rng.random() < 0.5 else trial[i] + rng.integers(-1, 2, 3)
        if not admissible(trial):
            continue
        factor, weights = best_coefficients(trial)
        if factor >= best:
            best, normals, c = factor, trial, weights
    return best, normals, c


#: Integer normals and coefficients (in thousandths) of a network found by `search_violation`.
KNOWN_NORMALS = (
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
KNOWN_COEFFICIENTS = (6533, 395, -1900, 478, -1279, -36, 116, -173, 63)


def known_violation() -> RationalFunction:
    """A network in d = 3 that violates (112) with absolute cosines; no two neurons are opposite."""
    c = [Fraction(p, 1000) for p in KNOWN_COEFFICIENTS]
    return RationalFunction.from_weights(KNOWN_NORMALS, c)
