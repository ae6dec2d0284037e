"""Problems whose answer is known because the data are made for the network, in integers.

The residuals s are chosen in the exact null space of the first-order conditions with prescribed
multipliers λ at the kinks, then ``y = R(x) - s``. All numbers are integers, hence exact in floats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from landscape.parametrization import Parametrization
from tests.oracles.local_minimum import Decision, decide, exact_values
from tests.oracles.rational import dot, null_space, vectors


@dataclass(frozen=True)
class Problem:
    """Data, a network given by integer products, and what is known about it by construction."""

    X: np.ndarray
    y: np.ndarray
    products: np.ndarray
    signs: np.ndarray
    residuals: np.ndarray
    #: True or False where the construction decides it, None where only the oracle does.
    known: bool | None = None
    kinks: list[list[int]] = field(default_factory=list)

    @property
    def theta(self) -> Parametrization:
        return Parametrization.from_products(self.products, self.signs)

    def decide(self, **options) -> Decision:
        return decide(
            self.products.tolist(), self.signs, self.X.tolist(), self.y.tolist(), **options
        )


def lifted(points: np.ndarray) -> np.ndarray:
    """x -> (x, 1, -1), written out again."""
    points = np.atleast_2d(np.asarray(points, dtype=float))
    ones = np.ones((len(points), 1))
    return np.concatenate([points, ones, -ones], axis=1)


def build(
    X: np.ndarray,
    products: np.ndarray,
    signs: np.ndarray,
    *,
    multipliers: dict[tuple[int, int], Fraction] | None = None,
    free: frozenset[tuple[int, int]] = frozenset(),
    pick,
) -> Problem | None:
    """A problem in which the first-order conditions hold with the given kink multipliers.

    Parameters
    ----------
    X, products : integer arrays of shapes (n, d) and (m, d)
    multipliers : dict
        λ_ik for kink pairs (i, k); 1/2 where missing.
    free : set of (i, j)
        Coordinates whose condition is left open: those of active bounds.
    pick : callable
        ``pick(basis)`` chooses an integer combination of the null space's basis vectors: list of
        lists of int -> list of int.

    Returns
    -------
    None where the null space is trivial.
    """
    X, products = np.asarray(X), np.asarray(products)
    x, u = vectors(X.tolist()), vectors(products.tolist())
    rows, kinks = [], []
    weights = {}
    for i, row in enumerate(u):
        heights = [dot(row, point) for point in x]
        kinks.append([k for k, h in enumerate(heights) if h == 0 and any(x[k])])
        for k, h in enumerate(heights):
            weights[i, k] = Fraction(int(h > 0))
            if h == 0:
                weights[i, k] = (multipliers or {}).get((i, k), Fraction(1, 2))
        for j in range(len(row)):
            if (i, j) not in free:
                rows.append([weights[i, k] * x[k][j] for k in range(len(x))])
    basis = null_space(rows, len(x))
    if not basis:
        return None
    s = np.array(pick(basis), dtype=float)
    values = np.array([float(v) for v in exact_values(u, signs, x)])
    known = _known(x, np.asarray(signs), s, kinks, weights) if not free else None
    return Problem(
        X=X.astype(float),
        y=values - s,
        products=products.astype(float),
        signs=np.asarray(signs, dtype=float),
        residuals=s,
        known=known,
        kinks=kinks,
    )


def _known(x, signs, s, kinks, weights) -> bool | None:
    """What the multipliers tell: convex with λ in [0, 1], or independent kinks that refute it."""
    open_cases = False
    for i, on_kink in enumerate(kinks):
        live = [k for k in on_kink if s[k] != 0]
        if not live:
            continue
        matrix = np.array([[float(v) for v in x[k]] for k in live])
        independent = np.linalg.matrix_rank(matrix) == len(live)
        convex = all(signs[i] * s[k] > 0 for k in live)
        inside = all(0 <= weights[i, k] <= 1 for k in live)
        if convex and inside:
            continue
        if independent and (not convex or not inside):
            return False
        open_cases = True
    return None if open_cases else True


def smallest(basis: list[list[int]]) -> list[int]:
    """The basis vector with the smallest entries."""
    return min(basis, key=lambda row: (max(map(abs, row)), row))


def random_pick(rng: np.random.Generator, size: int = 2):
    """Random small integer combinations of the basis."""

    def pick(basis: list[list[int]]) -> list[int]:
        factors = rng.integers(-size, size + 1, len(basis))
        if not factors.any():
            factors[rng.integers(len(basis))] = 1
        return (factors[:, None] * np.array(basis, dtype=object)).sum(axis=0).tolist()

    return pick


# --- data sets ----------------------------------------------------------------------------------


def sine(n: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, (n, 1)), axis=0)
    return x, np.sin(4 * x[:, 0]) + 0.1 * rng.standard_normal(n)


def smooth(n: int = 40, p: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    y = np.sin(2 * x.sum(axis=1)) + 0.5 * x[:, 0] ** 2
    return x, y + 0.1 * rng.standard_normal(n)


def grid(side: int = 3, p: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """All integer points of a cube, integer targets."""
    rng = np.random.default_rng(seed)
    axes = [np.arange(side, dtype=float) - side // 2] * p
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, p)
    return x, rng.integers(-3, 4, len(x)).astype(float)


def duplicates(n: int = 8, p: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Every sample three times, with different targets."""
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.standard_normal((n, p)), 3, axis=0)
    return x, rng.standard_normal(3 * n)


def collinear(n: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs on a line that misses the origin."""
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(n)
    return np.column_stack([1 + t, 2 - 2 * t]), np.sin(3 * t) + 0.1 * rng.standard_normal(n)


def few(n: int = 4, p: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Fewer samples than parameters."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal(n)


def teacher(n: int = 25, p: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free values of two neurons of different signs."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    w = rng.standard_normal((2, p))
    return x, np.maximum(x @ w[0] + 0.3, 0) - np.maximum(x @ w[1] - 0.2, 0)


#: name -> (features, targets), each made anew.
DATA = {
    "sine": sine,
    "smooth": smooth,
    "grid": grid,
    "duplicates": duplicates,
    "collinear": collinear,
    "few": few,
    "teacher": teacher,
}
