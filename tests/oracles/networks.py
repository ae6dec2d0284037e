"""Small networks for the seminorm's tests: generic ones, and degenerate ones by construction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

Network = tuple[np.ndarray, np.ndarray]
Rng = np.random.Generator


def generic(rng: Rng, d: int, m: int) -> Network:
    """Gaussian weights."""
    return rng.standard_normal((m, d)), rng.standard_normal(m)


def balanced(rng: Rng, d: int, m: int) -> Network:
    """Gaussian directions, balanced, random signs: the prototypes' instances."""
    weights = rng.standard_normal((m, d))
    return weights, rng.choice([-1.0, 1.0], m) * np.abs(weights).max(axis=1)


def grid(rng: Rng, d: int, m: int) -> Network:
    """Entries in {-1, 0, 1}: zero, parallel, opposite and coplanar rows."""
    return rng.integers(-1, 2, (m, d)).astype(float), rng.integers(-2, 3, m).astype(float)


def parallel(rng: Rng, d: int, m: int) -> Network:
    """Few directions, positive and negative multiples of them."""
    directions = rng.standard_normal((max(1, m // 2), d))
    factors = rng.choice([-4.0, -1.0, -0.5, 0.5, 1.0, 2.0], m)
    return factors[:, None] * directions[rng.integers(len(directions), size=m)], (
        rng.integers(-2, 3, m).astype(float)
    )


def coplanar(rng: Rng, d: int, m: int) -> Network:
    """Small integer combinations of few integer vectors: many rays with many hyperplanes."""
    basis = rng.integers(-2, 3, (max(2, d - 1), d))
    return (rng.integers(-1, 2, (m, len(basis))) @ basis).astype(float), rng.standard_normal(m)


def deficient(rng: Rng, d: int, m: int) -> Network:
    """Rank below the number of inputs: unused and repeated inputs."""
    weights = rng.integers(-3, 4, (m, d)).astype(float)
    weights[:, rng.integers(d)] = 0.0
    if d > 2:
        weights[:, 0] = weights[:, 1]
    return weights, rng.standard_normal(m)


def shared(rng: Rng, d: int, m: int) -> Network:
    """A difference of two networks that share hyperplanes."""
    half = max(1, m // 2)
    one, c = rng.standard_normal((half, d)), rng.standard_normal(half)
    other = one.copy()
    other[: half // 2] *= rng.choice([-1.0, 2.0, 0.25], half // 2)[:, None]
    fresh = rng.random(half) < 0.3
    other[fresh] = rng.standard_normal((int(fresh.sum()), d))
    return np.vstack([one, other]), np.concatenate([c, -rng.standard_normal(half)])


def scaled(rng: Rng, d: int, m: int) -> Network:
    """Neurons of extreme scales whose contributions are comparable."""
    weights, outputs = grid(rng, d, m)
    factors = 10.0 ** rng.integers(-150, 151, m)
    return weights * factors[:, None], outputs / factors


GENERIC: tuple[Callable[[Rng, int, int], Network], ...] = (generic, balanced)
DEGENERATE: tuple[Callable[[Rng, int, int], Network], ...] = (
    grid,
    parallel,
    coplanar,
    deficient,
    shared,
    scaled,
)


def small_network(seed: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Network number ``seed``: every other one degenerate."""
    rng = np.random.default_rng([3, seed])
    d = int(rng.integers(1, 6))
    m = int(rng.integers(0, 10))
    kinds = DEGENERATE if seed % 2 else GENERIC
    make = kinds[(seed // 2) % len(kinds)]
    weights, outputs = make(rng, d, m)
    if rng.random() < 0.1:
        # A power of two: any other factor rounds, and coplanar rows are coplanar no more.
        weights = np.ldexp(weights, rng.integers(-498, 499))
    return make.__name__, weights, outputs


def degeneracies(kind: str, weights: np.ndarray) -> set[str]:
    """Which kinds of degeneracy a network has, by inspection of its rows.

    ``kind`` is the name of what made it: that a difference shares hyperplanes is by construction.
    """
    found = {"shared hyperplanes"} if kind == "shared" else set()
    norms = np.abs(weights).max(axis=1, initial=0.0)
    present = norms > 0
    if not present.all():
        found.add("zero rows")
    if weights.size and np.isin(weights, (-1.0, 0.0, 1.0)).all():
        found.add("integer grid")
    if present.any() and norms[present].max() >= 1e100 * norms[present].min():
        found.add("extreme scales")
    units = weights[present] / norms[present, None]
    n, d = units.shape
    if n and np.linalg.matrix_rank(units) < min(n, d):
        found.add("rank-deficient")
    pairs = np.array(list(combinations(range(n), 2)), dtype=int).reshape(-1, 2)
    same = (units[pairs[:, 0]] == units[pairs[:, 1]]).all(axis=1)
    turned = (units[pairs[:, 0]] == -units[pairs[:, 1]]).all(axis=1)
    if same.any():
        found.add("parallel")
    if turned.any():
        found.add("opposite")
    if d >= 3:
        lines = {tuple(pair) for pair in pairs[same | turned].tolist()}
        triples = [t for t in combinations(range(n), 3) if not lines & set(combinations(t, 2))]
        spans = np.linalg.svd(units[np.array(triples, dtype=int).reshape(-1, 3)], compute_uv=False)
        if (spans[:, 2] < 1e-12 * spans[:, 0]).any():
            found.add("coplanar")
    return found
