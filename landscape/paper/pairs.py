"""Random networks, and pairs (Γ, Θ) for Theorem 3.1, degenerate ones among them.

Independent gaussian networks have large seminorm distances and make every inequality trivial. So
Θ is derived from Γ: the same hyperplanes with changed products, small neurons exchanged,
unbalanced, silent and redundant neurons, integer directions, or the sharp construction.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.sharpness import two_root_two
from landscape.streams import stream

Array = NDArray[np.float64]

#: Architectures (d, m) that the pairs are drawn from.
SHAPES = ((2, 1), (2, 3), (2, 5), (3, 2), (3, 3), (3, 4), (4, 3), (5, 2), (6, 3))
KINDS = (
    *("independent", "rescaled", "exchanged", "unbalanced"),
    *("silent", "redundant", "integer", "sharp"),
)


def gaussian(rng: Generator, d: int, m: int) -> Parametrization:
    """Gaussian weights and output weights."""
    return Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))


def integers(rng: Generator, shape: tuple[int, ...], size: int) -> Array:
    """Integers from -size to size: exact in rationals and in floats."""
    return rng.integers(-size, size + 1, shape).astype(float)


def flippable(rng: Generator, d: int, m: int) -> Parametrization:
    """A network whose products sum to zero exactly: integer products, all signs positive."""
    u = integers(rng, (m, d), 4)
    u[-1] = -u[:-1].sum(axis=0)
    return Parametrization(u, np.ones(m))


class Pair(NamedTuple):
    """A pair of networks of the same shape and how it was made."""

    kind: str
    gamma: Parametrization
    theta: Parametrization


def sharp_pair(epsilon: float = 2.0**-7, n_inputs: int = 3, n_neurons: int = 3) -> Pair:
    """`landscape.sharpness.two_root_two`, embedded in any (d, m) >= 3.

    Further inputs get weight zero, further neurons are the same in both networks.
    """
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


def _directions(rng: Generator, kind: str, m: int, d: int) -> Array:
    return integers(rng, (m, d), 2) if kind == "integer" else rng.standard_normal((m, d))


def _draw(rng: Generator, kind: str, d: int, m: int) -> Pair:
    if kind == "sharp" and d >= 3 and m >= 3:
        pair = sharp_pair(2.0 ** rng.integers(-12, -3), d, m)
        stretch = np.full(m, 10.0 ** rng.uniform(-3, 3))
        gamma, theta = pair.gamma.scale(stretch), pair.theta.scale(stretch)
        return Pair(kind, gamma, theta.permute(rng.permutation(m)))
    sizes = 10.0 ** rng.uniform(-3, 1, m)
    signs = rng.choice([-1.0, 1.0], m)
    rows = _directions(rng, kind, m, d)
    gamma = Parametrization(rows * np.sqrt(sizes)[:, None], signs * np.sqrt(sizes))
    if kind == "independent":
        return Pair(kind, gamma, Parametrization(_directions(rng, kind, m, d), signs))
    noise = 10.0 ** rng.uniform(-6, 0)
    factors = np.abs(1.0 + noise * rng.standard_normal(m))
    a, c = gamma.weights * factors[:, None], gamma.output_weights.copy()
    if kind in ("exchanged", "integer", "unbalanced", "silent"):
        swap = (sizes <= np.quantile(sizes, 0.5)) & (rng.random(m) < 0.7)
        a[swap] = _directions(rng, kind, int(swap.sum()), d) * np.sqrt(sizes[swap])[:, None]
        c[swap] = rng.choice([-1.0, 1.0], int(swap.sum())) * np.sqrt(sizes[swap])
    if kind == "redundant" and m >= 2:
        i, j = rng.choice(m, 2, replace=False)
        share = rng.uniform(0.1, 0.9)
        a[j], c[j] = 2.0 * a[i], share * c[i] / 2.0
        c[i] *= 1 - share
    theta = Parametrization(a, c)
    if kind in ("unbalanced", "silent", "redundant"):
        gamma, theta = (_unbalance(rng, net, silent=kind == "silent") for net in (gamma, theta))
    return Pair(kind, gamma, theta.permute(rng.permutation(m)))


def _unbalance(rng: Generator, theta: Parametrization, *, silent: bool) -> Parametrization:
    """Unbalance by up to a factor of 1000; make one neuron (0, c), (a, 0) or (0, 0), if asked."""
    t = 10.0 ** rng.uniform(-1.5, 1.5, theta.n_neurons)
    a, c = theta.weights * t[:, None], theta.output_weights / t
    if silent:
        i, how = rng.integers(theta.n_neurons), rng.integers(3)
        a[i] *= how == 1
        c[i] *= how == 0
    return Parametrization(a, c)


def random_pairs(n_pairs: int, seed: int = 0, item: str = "pairs") -> Iterator[Pair]:
    """Pairs over all kinds and shapes in turn; pair k depends on seed, item and k alone.

    Whether a pair is admissible for the theorem is for its conditions to say: integer directions
    may be opposite.
    """
    for k in range(n_pairs):
        rng = stream(seed, "paper", item, "pair", k)
        d, m = SHAPES[(k // len(KINDS)) % len(SHAPES)]
        yield _draw(rng, KINDS[k % len(KINDS)], d, m)
