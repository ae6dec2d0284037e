"""Random networks, and pairs (Γ, Θ) for Theorem 3.1, degenerate ones among them.

Independent gaussian networks have large seminorm distances and make every inequality trivial. So
Θ is derived from Γ: the same hyperplanes with changed products, small neurons exchanged,
unbalanced, silent and redundant neurons, integer directions, or the sharp construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.sharpness import two_root_two

__all__ = [
    "KINDS",
    "SHAPES",
    "Pair",
    "flippable",
    "gaussian",
    "parabola",
    "random_pairs",
    "sharp_pair",
]

Array = NDArray[np.float64]

#: Architectures (d, m) that the pairs are drawn from.
SHAPES = ((2, 1), (2, 3), (2, 5), (3, 2), (3, 3), (3, 4), (4, 3), (5, 2), (6, 3))
KINDS = (
    "independent",
    "rescaled",
    "exchanged",
    "unbalanced",
    "silent",
    "redundant",
    "integer",
    "sharp",
)


def gaussian(rng: np.random.Generator, d: int, m: int) -> Parametrization:
    """Gaussian weights and output weights."""
    return Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))


def flippable(rng: np.random.Generator, d: int, m: int) -> Parametrization:
    """A network whose products sum to zero exactly: integer products, all signs positive."""
    u = rng.integers(-4, 5, (m, d)).astype(float)
    u[-1] = -u[:-1].sum(axis=0)
    return Parametrization(u, np.ones(m))


def parabola(rng: np.random.Generator, n: int = 24) -> tuple[Array, Array]:
    """One feature on [-1, 1] and noisy targets of a parabola."""
    x = np.sort(rng.uniform(-1, 1, n))[:, None]
    return x, x[:, 0] ** 2 + 0.1 * rng.standard_normal(n)


@dataclass(frozen=True, eq=False)
class Pair:
    """A pair of networks of the same shape and how it was made."""

    kind: str
    gamma: Parametrization
    theta: Parametrization


def sharp_pair(epsilon: float = 2.0**-7, n_inputs: int = 3, n_neurons: int = 3) -> Pair:
    """`landscape.sharpness.two_root_two`, embedded in any (d, m) >= 3.

    Further inputs get weight zero, further neurons are the same in both networks.
    """
    if n_inputs < 3 or n_neurons < 3:
        raise ValueError(f"expected at least 3 inputs and neurons, got {(n_inputs, n_neurons)}")
    pair = two_root_two(Fraction(epsilon))
    networks = []
    for neurons in (pair.gamma, pair.theta):
        u = np.zeros((n_neurons, n_inputs))
        u[:3, [0, -2, -1]] = [[float(p) for p in row] for _, row in neurons]
        u[3:, -2:] = 256.0  # too large to be matched with anything but themselves
        u[3:, -1] += 256.0 * np.arange(n_neurons - 3)
        signs = [float(sign) for sign, _ in neurons] + [1.0] * (n_neurons - 3)
        networks.append(Parametrization.from_products(u, signs))
    return Pair("sharp", *networks)


def _unbalance(rng: np.random.Generator, theta: Parametrization, decades: float) -> Parametrization:
    t = 10.0 ** rng.uniform(-decades, decades, theta.n_neurons)
    return Parametrization(theta.weights * t[:, None], theta.output_weights / t)


def _directions(rng: np.random.Generator, kind: str, m: int, d: int) -> Array:
    if kind == "integer":
        return rng.integers(-2, 3, size=(m, d)).astype(float)
    return rng.standard_normal((m, d))


def _draw(rng: np.random.Generator, kind: str, d: int, m: int) -> Pair:
    if kind == "sharp" and d >= 3 and m >= 3:
        pair = sharp_pair(2.0 ** rng.integers(-12, -3), d, m)
        stretch = np.full(m, 10.0 ** rng.uniform(-3, 3))
        gamma, theta = pair.gamma.scale(stretch), pair.theta.scale(stretch)
        return Pair(kind, gamma, theta.permute(rng.permutation(m)))
    rows = _directions(rng, kind, m, d)
    sizes = 10.0 ** rng.uniform(-3, 1, m)
    signs = rng.choice([-1.0, 1.0], m)
    gamma = Parametrization(rows * np.sqrt(sizes)[:, None], signs * np.sqrt(sizes))
    if kind == "independent":
        return Pair(kind, gamma, Parametrization(_directions(rng, kind, m, d), signs))
    noise = 10.0 ** rng.uniform(-6, 0)
    factors = np.abs(1.0 + noise * rng.standard_normal(m))
    a, c = gamma.weights * factors[:, None], gamma.output_weights.copy()
    small = sizes <= np.quantile(sizes, 0.5)
    if kind in ("exchanged", "integer", "unbalanced", "silent"):
        swap = small & (rng.random(m) < 0.7)
        a[swap] = _directions(rng, kind, int(swap.sum()), d) * np.sqrt(sizes[swap])[:, None]
        c[swap] = rng.choice([-1.0, 1.0], int(swap.sum())) * np.sqrt(sizes[swap])
    if kind == "redundant" and m >= 2:
        i, j = rng.choice(m, 2, replace=False)
        share = rng.uniform(0.1, 0.9)
        a[j], c[j] = 2.0 * a[i], share * c[i] / 2.0
        c[i] *= 1 - share
    theta = Parametrization(a, c)
    if kind in ("unbalanced", "silent", "redundant"):
        gamma, theta = _unbalance(rng, gamma, 1.5), _unbalance(rng, theta, 1.5)
    if kind == "silent":
        gamma, theta = _silence(rng, gamma), _silence(rng, theta)
    return Pair(kind, gamma, theta.permute(rng.permutation(m)))


def _silence(rng: np.random.Generator, theta: Parametrization) -> Parametrization:
    """Make one neuron silent: (0, c), (a, 0) or (0, 0)."""
    a, c = theta.weights.copy(), theta.output_weights.copy()
    i, how = rng.integers(theta.n_neurons), rng.integers(3)
    if how != 1:
        a[i] = 0.0
    if how != 0:
        c[i] = 0.0
    return Parametrization(a, c)


def random_pairs(n_pairs: int, seed: int = 0) -> Iterator[Pair]:
    """Pairs over all kinds and shapes in turn; pair k depends on (seed, k) alone.

    Whether a pair is admissible for the theorem is for its conditions to say: integer directions
    may be opposite.
    """
    for k in range(n_pairs):
        rng = np.random.default_rng([seed, k])
        d, m = SHAPES[(k // len(KINDS)) % len(SHAPES)]
        yield _draw(rng, KINDS[k % len(KINDS)], d, m)
