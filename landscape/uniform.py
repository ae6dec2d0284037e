"""A certified radius of local minima in the *uniform* norm, Theorem 17 of docs/mathematics.md.

On N* realizations determine parameters continuously in the uniform norm too, though not uniformly
so. `uniform_radius` turns a radius of the parameters at a given network into one of realizations:
a parameter minimum is a minimum of the loss among all realizations that are uniformly near.

Along ``v = (0, ..., 0, 1, 1)`` every neuron of every network of N* turns on. So on the lines
``p + s v`` a network is a piecewise linear function of s with m kinks. Where those of the given
network are apart, second differences find those of any other that is uniformly near, one each;
their positions for points p around a centre give the directions, their slopes the sizes. Centre
and extent are searched in floating point, the inequalities of the theorem are then checked in
rationals.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import frexp, inf, isfinite, ldexp, nextafter

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.spaces import RestrictedSpace

__all__ = ["UniformRadius", "uniform_radius"]

Array = NDArray[np.float64]

#: Candidates that are drawn for centre and extent, and steps that improve the best ones.
N_CANDIDATES, N_BEST, N_STEPS = 300, 3, 120


@dataclass(frozen=True, eq=False)
class UniformRadius:
    """Every Theta of N* with ``‖R(Theta) - R(Gamma)‖ < radius_uniform`` is near Gamma.

    Attributes
    ----------
    radius_uniform : float
        In the uniform norm on ``[-bound, bound]^d``; 0 if none was found.
    radius : float
        Largest parameter distance that this leaves, modulo permutations, max-norm.
    bound : float
    where : array of shape (d,)
        The centre of the points p, ``p_0`` of Theorem 17.
    extents : array of shape (d - 1,)
        How far p may move from it along ``e_1, ..., e_{d-2}`` and ``e_{d-1} - e_d``.
    how : str
        A sentence: which neuron decides.
    """

    radius_uniform: float
    radius: float
    bound: float
    where: Array
    extents: Array
    how: str


def uniform_radius(theta: Parametrization, radius: float, *, bound: float = 1.0) -> UniformRadius:
    """A lower bound of the uniform radius at a network, proved in rationals.

    Parameters
    ----------
    theta : Parametrization
        In N* (36).
    radius : float
        Of the parameters, max-norm.
    bound : float
        Half the side of the box of the uniform norm.

    Raises
    ------
    ValueError
        If the network is not in N*, or a number is not positive and finite.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 1.0, 0.5], [-1.0, 0.5, 1.0]], [1.0, -1.0])
    >>> found = uniform_radius(theta, 0.1)
    >>> 1e-4 < found.radius_uniform < 0.1
    True
    """
    for name, value in (("radius", radius), ("bound", bound)):
        if not (isfinite(value) and value > 0):
            raise ValueError(f"{name}: expected a positive number, got {value}")
    m, d = theta.weights.shape
    if violations := RestrictedSpace(d, m).violations(theta):
        raise ValueError(f"theta: expected an element of N*, but {violations[0].message}")
    # A power of four takes the products to size one; parameters scale with its root.
    half = frexp(float(np.abs(theta.output_weights).max()))[1]
    weights, outputs = np.ldexp(theta.weights, -half), np.ldexp(theta.output_weights, -half)
    products = np.abs(outputs)[:, None] * weights
    lines = _Lines(products, ldexp(radius, -half))
    where, extents = lines.search(np.random.default_rng(0))
    # The network of N* with these products is balanced exactly, theta only up to rounding.
    exact = [[abs(Fraction(c)) * Fraction(p) for p in a] for a, c in _rows(weights, outputs)]
    moved = max(
        abs(abs(Fraction(c)) - max(abs(Fraction(p)) for p in a)) for a, c in _rows(weights, outputs)
    )
    allowed = Fraction(radius) / Fraction(2) ** half - moved
    found, neuron = lines.largest(where, extents)
    for _ in range(8):
        # Rounding in the search is far below a millionth.
        found *= 1 - 1e-6
        if found > 0 and allowed > 0 and _is_proved(exact, where, extents, found, allowed):
            break
    else:
        found = 0.0
    value = _below(Fraction(found) * Fraction(4) ** half * Fraction(bound))
    how = (
        f"on lines along (0, ..., 0, 1, 1) the kinks of neuron {neuron} decide"
        if value > 0
        else "no lines were found on which all kinks are apart"
    )
    point = np.append(where, -where[-1])
    return UniformRadius(value, radius, bound, point * bound, extents * bound, how)


def _rows(weights: Array, outputs: Array) -> list[tuple[list[float], float]]:
    return list(zip(weights.tolist(), outputs.tolist(), strict=True))


def _below(value: Fraction) -> float:
    """The largest float that is at most a non-negative rational."""
    try:
        near = float(value)
    except OverflowError:
        near = inf
    return near if isfinite(near) and Fraction(near) <= value else nextafter(near, 0.0)


class _Lines:
    """The theorem's bounds in floating point, for B = 1 and products of size one.

    Points p are vectors of d - 1 coordinates along ``e_1, ..., e_{d-2}`` and ``e_{d-1} - e_d``.
    """

    def __init__(self, products: Array, radius: float) -> None:
        self.radius = radius
        self.J = products[:, -2] + products[:, -1]
        self.nu = products / self.J[:, None]
        self.rates = np.column_stack([self.nu[:, :-2], self.nu[:, -2] - self.nu[:, -1]])
        self.norms = max_norms(products)
        self.apart = self.rates[:, None] - self.rates[None]

    def gaps(self, p: Array, eta: Array) -> tuple[Array, Array]:
        """Distances of kinks at the centre and over all of P, (m, m); inf on the diagonal."""
        centre = np.abs(self.apart @ p)
        np.fill_diagonal(centre, np.inf)
        return centre, centre - (np.abs(self.apart) * eta).max(axis=2)

    def reaches(self, p: Array, eta: Array) -> Array:
        """How far from s = 0 each kink's points get out, at most, shape (m,)."""
        shifts = (np.abs(self.rates) * eta).max(axis=1)
        reach: Array = np.abs(self.rates @ p) + shifts + abs(p[-1]) + eta[-1]
        return reach

    def scaled(self, p: Array, eta: Array) -> tuple[Array, Array]:
        """The same shape as large as the box allows while each kink keeps some space around it."""
        gaps = self.gaps(p, eta)[1].min(axis=1)
        reaches = self.reaches(p, eta)
        needed = (reaches + np.clip(gaps, 0.0, reaches)).max()
        needed = max(float(needed), float((np.abs(p[:-1]) + eta[:-1]).max(initial=0.0)))
        factor = (1 - 1e-9) / needed
        return p * factor, eta * factor

    def distances(self, p: Array, eta: Array, omega: float) -> Array:
        """The theorem's bound of each neuron's parameter distance, inf where it does not apply."""
        centre, worst = self.gaps(p, eta)
        space = 1.0 - self.reaches(p, eta)
        tau = 4 * omega / self.J
        T, T0 = (np.minimum((g - tau).min(axis=1), space) for g in (worst, centre))
        if not (tau < T).all():
            return np.full(len(tau), np.inf)
        kappa = omega / self.J * (2 + 4 * tau / (T - tau))
        jump = 4 * omega / (T0 - tau)
        turn = kappa[:, None] / np.append(eta[:-1], [2 * eta[-1], 2 * eta[-1]])
        moved = ((self.J + jump)[:, None] * turn + jump[:, None] * np.abs(self.nu)).max(axis=1)
        bounds: Array = moved / np.sqrt(self.norms)
        return bounds * np.minimum(2.0, 1.5 + moved / (2 * self.norms))

    def largest(self, p: Array, eta: Array, steps: int = 50) -> tuple[float, int]:
        """The largest omega whose distances are allowed, and the neuron that decides.

        Distances over omega increase with it. So ``omega * radius / distance`` is too large from
        below, and allowed from above; then bisection.
        """
        # Beyond this tubes meet, or leave the box.
        inverse = 4 / self.J
        gaps = self.gaps(p, eta)[1] / np.add.outer(inverse, inverse)
        high = min(float(gaps.min()), float(((1.0 - self.reaches(p, eta)) / inverse).min()))
        if high <= 0:
            return 0.0, 0
        low, first = 0.0, float(self.distances(p, eta, high * 1e-9).max())
        if isfinite(first) and first > 0:
            high = min(high, 1.001e-9 * high * self.radius / first)
        decisive = self.distances(p, eta, high)
        if isfinite(top := float(decisive.max())):
            low = high * min(1.0, (1 - 1e-9) * self.radius / top)
        elif steps == 0:
            steps = 5
        for _ in range(steps):
            middle = (low + high) / 2
            found = self.distances(p, eta, middle)
            if (found <= self.radius).all():
                low = middle
            else:
                high, decisive = middle, found
        return low, int(np.argmax(decisive))

    def search(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """A good centre and extents: the best of random ones by their slopes, then improved."""
        k = self.rates.shape[1]
        points = rng.standard_normal((N_CANDIDATES, k)) * np.exp(rng.standard_normal((1, k)))
        above = np.triu_indices(len(self.J), 1)
        pairs = self.apart[above]
        best: list[tuple[float, Array, Array]] = []
        for p in points:
            eta = np.full(k, np.abs(p).max())
            if len(pairs):
                with np.errstate(divide="ignore"):
                    ratios = np.abs(pairs @ p)[:, None] / np.abs(pairs)
                eta = np.minimum(eta, rng.choice([0.5, 0.8]) * ratios.min(axis=0))
            if not (eta > 0).all():
                continue
            p, eta = self.scaled(p, eta)
            best.append((self.largest(p, eta, 0)[0], p, eta))
        best.sort(key=lambda entry: -entry[0])
        found = best[:N_BEST]
        for j, (value, p, eta) in enumerate(found):
            for step in np.geomspace(0.3, 0.01, N_STEPS):
                moved = p + step * np.abs(p).max() * rng.standard_normal(k)
                wider = eta * np.exp(step * rng.standard_normal(k))
                moved, wider = self.scaled(moved, wider)
                trial = self.largest(moved, wider, 0)[0]
                if trial > value:
                    value, p, eta = trial, moved, wider
            found[j] = value, p, eta
        if not found:
            return np.zeros(k), np.ones(k)
        _, p, eta = max(found, key=lambda entry: entry[0])
        return p, eta


def _is_proved(
    products: list[list[Fraction]], where: Array, extents: Array, value: float, radius: Fraction
) -> bool:
    """The inequalities of Theorem 17 for B = 1, in rationals."""
    omega = Fraction(value)
    p, eta = ([Fraction(entry) for entry in part.tolist()] for part in (where, extents))
    J = [u[-2] + u[-1] for u in products]
    nu = [[entry / j for entry in u] for u, j in zip(products, J, strict=True)]
    rates = [[*row[:-2], row[-2] - row[-1]] for row in nu]
    if any(abs(a) + b > 1 for a, b in zip(p[:-1], eta[:-1], strict=True)):
        return False
    for i, (u, j, row) in enumerate(zip(products, J, rates, strict=True)):
        tau = 4 * omega / j
        shift = max(abs(q) * e for q, e in zip(row, eta, strict=True))
        space = 1 - abs(p[-1]) - eta[-1] - abs(_dot(row, p)) - shift
        near, centre = space, space
        for other, size in zip(rates[:i] + rates[i + 1 :], J[:i] + J[i + 1 :], strict=True):
            apart = [a - b for a, b in zip(row, other, strict=True)]
            gap = abs(_dot(apart, p)) - 4 * omega / size
            centre = min(centre, gap)
            near = min(near, gap - max(abs(a) * e for a, e in zip(apart, eta, strict=True)))
        if near <= tau:
            return False
        kappa = omega / j * (2 + 4 * tau / (near - tau))
        jump = 4 * omega / (centre - tau)
        turns = [kappa / e for e in eta[:-1]] + [kappa / (2 * eta[-1])] * 2
        moved = max(
            (j + jump) * turn + jump * abs(entry) for turn, entry in zip(turns, nu[i], strict=True)
        )
        norm = max(abs(entry) for entry in u)
        if (moved * min(Fraction(2), Fraction(3, 2) + moved / (2 * norm))) ** 2 > radius**2 * norm:
            return False
    return True


def _dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((p * q for p, q in zip(a, b, strict=True)), Fraction(0))
