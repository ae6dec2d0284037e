"""Parameter distance against realization seminorm, over pairs of networks from N* (Cor. 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from landscape.parametrization import Parametrization
from landscape.seminorm import sobolev_distance
from landscape.stability import parameter_distance
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays

__all__ = ["extremal_pair", "measure_pairs", "opposed_pair"]

Pair = tuple[Parametrization, Parametrization]


def measure_pairs(
    minima: Arrays,
    *,
    rng: np.random.Generator,
    max_pairs: int,
    scales: list[float],
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Measure pairs of networks from N* that have the architecture of ``minima``.

    Kinds of pairs: ``"minima"`` (two distinct minima), ``"scaled"`` (a minimum and the same with
    every neuron scaled by a random factor), ``"opposed"`` and ``"extremal"`` (a minimum whose
    first neurons are exchanged for :func:`opposed_pair` and :func:`extremal_pair`).

    Parameters
    ----------
    minima : dict of arrays
        Distinct minima of N*.
    rng : numpy.random.Generator
    max_pairs : int
        At most so many pairs of the kind ``"minima"``, evenly chosen.
    scales : list of float
        Relative sizes of the changes of the other kinds.
    progress : callable
        Receives one line per kind.

    Returns
    -------
    dict of arrays, one entry per pair
        ``kind``, ``first``, ``second`` (numbers of minima, -1 where there is none), ``scale``,
        ``seminorm``, ``distance``, ``bound_paper`` (4 √r), ``bound_notes`` (2√2 √r), ``verdict``
        and ``reason``.
    """
    inside = [k for k, text in enumerate(minima.get("violations", ())) if not text]
    networks = [Parametrization(minima["weights"][k], minima["output_weights"][k]) for k in inside]
    numbers = [int(minima["minimum"][k]) for k in inside]
    rows = []
    for kind, first, second, scale, (gamma, theta) in _pairs(networks, rng, max_pairs, scales):
        row = {
            "kind": kind,
            "first": numbers[first],
            "second": numbers[second] if second >= 0 else -1,
            "scale": scale,
        }
        rows.append(row | _measure(gamma, theta))
        if len(rows) % 100 == 0:
            progress(f"{len(rows)} pairs")
    return as_arrays(rows)


def _pairs(
    networks: list[Parametrization], rng: np.random.Generator, max_pairs: int, scales: list[float]
) -> Iterator[tuple[str, int, int, float, Pair]]:
    both = list(combinations(range(len(networks)), 2))
    chosen = np.unique(np.linspace(0, len(both) - 1, min(max_pairs, len(both))).astype(int))
    for p in chosen:
        i, j = both[p]
        yield "minima", i, j, np.nan, (networks[i], networks[j])
    for k, scale in enumerate(scales if networks else []):
        i = k % len(networks)
        theta = networks[i]
        factors = 1.0 + scale * rng.uniform(-0.9, 0.9, theta.n_neurons)
        yield "scaled", i, -1, scale, (theta, theta.scale(factors))
        yield "opposed", i, -1, scale, opposed_pair(theta, scale)
        if theta.n_neurons >= 3 and theta.n_inputs >= 3:
            yield "extremal", i, -1, scale, extremal_pair(theta, scale)


def opposed_pair(theta: Parametrization, size: float) -> Pair:
    """``theta`` with its first neuron exchanged for ±ρ of opposed directions of size ``size``.

    The pair for which the constant of one neuron, 2, is attained (notes 3).
    """
    tiny = size / 100
    return (
        _exchange(theta, [1.0], [[size, tiny, tiny]]),
        _exchange(theta, [-1.0], [[-size, tiny, tiny]]),
    )


def extremal_pair(theta: Parametrization, size: float) -> Pair:
    """``theta`` with three neurons exchanged for the pair that attains 2√2 (notes 3)."""
    e = size / 100
    gamma = [[size, e, e], [2 * size, 4 * e, 4 * e], [2 * size, 6 * e, 6 * e]]
    other = [[-2 * size, 6 * e, 6 * e], [-2 * size, 4 * e, 4 * e], [-size, e, e]]
    return (
        _exchange(theta, [-1.0, 1.0, -1.0], gamma),
        _exchange(theta, [1.0, -1.0, 1.0], other),
    )


def _exchange(
    theta: Parametrization, signs: list[float], products: list[list[float]]
) -> Parametrization:
    """Exchange the first neurons; products have a first coordinate and the last two."""
    u, sigma = theta.products.copy(), theta.signs.copy()
    k = len(signs)
    u[:k] = 0.0
    u[:k, [0, -2, -1]] = products
    sigma[:k] = signs
    return Parametrization.from_products(u, sigma)


def _measure(gamma: Parametrization, theta: Parametrization) -> dict[str, Any]:
    """Distances of a pair and the bound of Corollary 3.3, with both constants."""
    row: dict[str, Any] = {"seminorm": np.nan, "verdict": "undecided", "reason": ""}
    row["distance"] = parameter_distance(gamma, theta)
    try:
        seminorm = sobolev_distance(gamma, theta)
    except NUMERICAL_TROUBLE as error:
        nothing = {"bound_paper": np.nan, "bound_notes": np.nan}
        return row | nothing | {"reason": f"{type(error).__name__}: {error}"}
    r = float(seminorm.value)
    row |= {
        "seminorm": r,
        "bound_paper": 4 * np.sqrt(r),
        "bound_notes": 2 * np.sqrt(2 * r),
        "reason": "" if seminorm.exact else f"not exact ({seminorm.method})",
    }
    if seminorm.exact:
        # Rounding of the square roots of both sides: the extremal pairs attain the bound.
        holds = row["distance"] <= row["bound_notes"] * (1 + 1e-9) + 1e-12
        row["verdict"] = "holds" if holds else "violated"
    return row
