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

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import frexp, inf, isfinite, ldexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.exact import round_down
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace
from landscape.streams import stream

__all__ = ["UniformRadius", "uniform_radius"]

Array = NDArray[np.float64]

#: Candidates that are drawn for centre and extent, and steps that improve the best ones.
N_CANDIDATES, N_BEST, N_STEPS = 300, 3, 120


@dataclass(frozen=True, eq=False)
class UniformRadius:
    """Every Theta of N* with ``‖R(Theta) - R(Gamma)‖ < radius_uniform`` is near Gamma."""

    radius_uniform: float  #: In the uniform norm on ``[-bound, bound]^d``; 0 if none was found.
    radius: float  #: Largest parameter distance that this leaves, modulo permutations, max-norm.
    bound: float  #: Half the side of that box.
    where: Array  #: The centre of the points p, ``p_0`` of Theorem 17, (d,).
    #: How far p may move from it along ``e_1, ..., e_{d-2}`` and ``e_{d-1} - e_d``, (d - 1,).
    extents: Array
    how: str  #: A sentence: which neuron decides.


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
    lines, target = _Lines(np.abs(outputs)[:, None] * weights), ldexp(radius, -half)
    where, extents = _search(lines, target, stream(0, "uniform radius", m, d))
    # The network of N* with these products is balanced exactly, theta only up to rounding.
    a, c = _fractions(weights), np.abs(_fractions(outputs))
    moved = np.abs(c - np.abs(a).max(axis=1)).max()
    allowed = Fraction(radius) / Fraction(2) ** half - moved
    found, neuron = (part.item() for part in _largest(lines, where, extents, target))
    for _ in range(8):
        # Rounding in the search is far below a millionth.
        found *= 1 - 1e-6
        if found > 0 < allowed and _is_proved(c[:, None] * a, where, extents, found, allowed):
            break
    else:
        found = 0.0
    value = round_down(Fraction(found) * Fraction(4) ** half * Fraction(bound))
    how = "no lines were found on which all kinks are apart"
    if value > 0:
        how = f"on lines along (0, ..., 0, 1, 1) the kinks of neuron {neuron} decide"
    point = np.append(where, -where[-1])
    return UniformRadius(value, radius, bound, point * bound, extents * bound, how)


def _fractions(values: Array) -> NDArray[Any]:
    result: NDArray[Any] = np.asarray(np.frompyfunc(Fraction, 1, 1)(values))
    return result


class _Lines:
    """The theorem's bounds for B = 1: of float arrays in floats, of arrays of fractions exactly.

    Points p and extents eta are vectors (..., d - 1) of coordinates along ``e_1, ..., e_{d-2}`` and
    ``e_{d-1} - e_d``, as many as are asked about at a time.
    """

    def __init__(self, products: NDArray[Any]) -> None:
        self.J = products[:, -2] + products[:, -1]
        self.nu = products / self.J[:, None]
        self.rates = np.column_stack([self.nu[:, :-2], self.nu[:, -2] - self.nu[:, -1]])
        self.norms = np.abs(products).max(axis=1)
        self.apart = self.rates[:, None] - self.rates[None]
        self.sizes = np.abs(self.apart)

    def gaps(self, p: NDArray[Any], eta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Distances of kinks at the centre and over all of P, (..., m, m); inf on the diagonal."""
        centre = np.abs(self.apart @ p[..., None, :, None])[..., 0]
        own = np.arange(len(self.J))
        centre[..., own, own] = np.inf
        return centre, centre - (self.sizes * eta[..., None, None, :]).max(axis=-1)

    def reaches(self, p: NDArray[Any], eta: NDArray[Any]) -> NDArray[Any]:
        """How far from s = 0 each kink's points get out, at most, shape (..., m)."""
        shifts = (np.abs(self.rates) * eta[..., None, :]).max(axis=-1)
        centre = np.abs(self.rates @ p[..., None])[..., 0]
        reach: NDArray[Any] = centre + shifts + np.abs(p[..., -1:]) + eta[..., -1:]
        return reach

    def squares(
        self, gaps: Sequence[NDArray[Any]], reaches: NDArray[Any], eta: NDArray[Any], omega: Any
    ) -> NDArray[Any]:
        """Bounds of the neurons' squared parameter distances, inf where there are none."""
        omega, space = np.asarray(omega)[..., None], 1 - reaches
        tau = 4 * omega / self.J
        T0, T = (np.minimum((gap - tau[..., None, :]).min(axis=-1), space) for gap in gaps)
        fine = (tau < T).all(axis=-1, keepdims=True)
        T0, T = (np.where(fine, least, tau + 1) for least in (T0, T))
        kappa, jump = omega / self.J * (2 + 4 * tau / (T - tau)), 4 * omega / (T0 - tau)
        sides = np.concatenate([eta[..., :-1], 2 * eta[..., -1:], 2 * eta[..., -1:]], axis=-1)
        turn, jump = kappa[..., None] / sides[..., None, :], jump[..., None]
        moved = ((self.J[:, None] + jump) * turn + jump * np.abs(self.nu)).max(axis=-1)
        bounds = (moved * np.minimum(4, 3 + moved / self.norms) / 2) ** 2 / self.norms
        return np.where(fine, bounds, np.inf)


def _scaled(lines: _Lines, p: Array, eta: Array) -> tuple[Array, Array]:
    """The same shapes as large as the box allows while each kink keeps some space around it."""
    gaps, reaches = lines.gaps(p, eta)[1].min(axis=-1), lines.reaches(p, eta)
    needed = (reaches + np.clip(gaps, 0.0, reaches)).max(axis=-1)
    sides = (np.abs(p[..., :-1]) + eta[..., :-1]).max(axis=-1, initial=0.0)
    factor = ((1 - 1e-9) / np.maximum(needed, sides))[..., None]
    return p * factor, eta * factor


def _largest(
    lines: _Lines, p: Array, eta: Array, radius: float, steps: int = 50
) -> tuple[Array, NDArray[np.intp]]:
    """The largest omegas whose distances are within the radius, and the neurons that decide.

    Distances over omega increase with it. So ``omega * radius / distance`` is too large from
    below, and allowed from above; then bisection, in five steps at least where there is no above.
    """
    # Beyond this tubes meet, or leave the box.
    inverse, both, reaches = 4 / lines.J, lines.gaps(p, eta), lines.reaches(p, eta)
    gaps = both[1] / np.add.outer(inverse, inverse)
    high = np.minimum(gaps.min(axis=(-1, -2)), ((1.0 - reaches) / inverse).min(axis=-1))
    possible = high > 0
    high = np.where(possible, high, 1.0)
    squares = partial(lines.squares, both, reaches, eta)
    with np.errstate(divide="ignore"):
        first = np.sqrt(squares(high * 1e-9).max(axis=-1))
        nearer = 1.001e-9 * high * radius / first
        high = np.where(first < inf, np.minimum(high, nearer), high)
        decisive = squares(high)
        top = np.sqrt(decisive.max(axis=-1))
        low = np.where(top < inf, high * np.minimum(1.0, (1 - 1e-9) * radius / top), 0.0)
    open_ = np.full(top.shape, steps > 0) | (top == inf)
    for _ in range((steps or 5) if open_.any() else 0):
        middle = (low + high) / 2
        found = squares(middle)
        within = (found <= radius * radius).all(axis=-1)
        low, beyond = np.where(open_ & within, middle, low), open_ & ~within
        high = np.where(beyond, middle, high)
        decisive = np.where(beyond[..., None], found, decisive)
    return np.where(possible, low, 0.0), decisive.argmax(axis=-1)


def _search(lines: _Lines, radius: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """A good centre and extents: the best of random ones by their slopes, then improved."""
    k = lines.rates.shape[1]
    p = rng.standard_normal((N_CANDIDATES, k)) * np.exp(rng.standard_normal((1, k)))
    pairs = lines.apart[np.triu_indices(len(lines.J), 1)]
    with np.errstate(divide="ignore"):
        ratios = np.abs(pairs @ p[..., None]) / np.abs(pairs)
    shares = rng.choice([0.5, 0.8], (N_CANDIDATES, 1)) * ratios.min(axis=1, initial=np.inf)
    eta = np.minimum(np.abs(p).max(axis=1, keepdims=True), shares)
    apart = (eta > 0).all(axis=1)
    if not apart.any():
        return np.zeros(k), np.ones(k)
    p, eta = _scaled(lines, p[apart], eta[apart])
    value = _largest(lines, p, eta, radius, 0)[0]
    best = np.argsort(-value, kind="stable")[:N_BEST]
    value, p, eta = value[best], p[best], eta[best]
    moves = rng.standard_normal((len(best), N_STEPS, 2, k))
    for j, step in enumerate(np.geomspace(0.3, 0.01, N_STEPS)):
        moved = p + step * np.abs(p).max(axis=1, keepdims=True) * moves[:, j, 0]
        moved, wider = _scaled(lines, moved, eta * np.exp(step * moves[:, j, 1]))
        trial = _largest(lines, moved, wider, radius, 0)[0]
        better = (trial > value)[:, None]
        value, p, eta = (
            np.maximum(value, trial),
            np.where(better, moved, p),
            np.where(better, wider, eta),
        )
    return p[value.argmax()], eta[value.argmax()]


def _is_proved(
    products: NDArray[Any], where: Array, extents: Array, value: float, radius: Fraction
) -> bool:
    """The inequalities of Theorem 17 for B = 1, in rationals."""
    p, eta = _fractions(where), _fractions(extents)
    if (np.abs(p[:-1]) + eta[:-1] > 1).any():
        return False
    lines = _Lines(products)
    squares = lines.squares(lines.gaps(p, eta), lines.reaches(p, eta), eta, Fraction(value))
    return bool((squares <= radius**2).all())
