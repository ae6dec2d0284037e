"""Inverse stability itself (Definition 1.1): parameter distance against exact seminorm distance.

Pairs within N*, where Corollary 3.3 holds with the sharp constant 2√2 (notes 3), pairs outside it,
where no constant does, and the forward direction: the uniform distance on [-1, 1]^d is Lipschitz in
the parameters, the W^{1,inf} distance is not even continuous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import descend
from landscape.minima import activation_key
from landscape.parametrization import Parametrization
from landscape.probe import degenerate_like, steepest_ridge, with_ridge
from landscape.realization import difference
from landscape.seminorm import sobolev_distance
from landscape.spaces import RestrictedSpace, make_space
from landscape.stability import distance_to_fibre, parameter_distance
from landscape.stability.theorem import SHARP_CONSTANT
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays
from landscape.study.controls import within_space
from landscape.study.pairs import extremal_pair, opposed_pair

__all__ = ["OUTSIDE", "stability_rows", "uniform_bound"]

Array = NDArray[np.float64]
Pair = tuple[Parametrization, Parametrization]

#: Kinds of pairs whose first network is not in N*.
OUTSIDE = ("C.1", "C.2", "C.3")


def stability_rows(
    features: Array,
    target: Array,
    minima: Arrays,
    *,
    n_neurons: int,
    margin: float,
    rng: np.random.Generator,
    scales: list[float],
    n_random: int,
    max_minima: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Measure pairs of the architecture of ``minima``.

    Kinds within N*: ``"random"`` (two draws, or a draw and a perturbed one), ``"neighbours"`` (a
    minimum and the nearest other one), ``"again"`` (a minimum and where descent from nearby ends,
    if it is the same cell), ``"scaled"``, ``"opposed"`` and ``"extremal"`` (near-degenerate on
    purpose, see :mod:`landscape.study.pairs`), ``"forward"`` (a minimum and it with every entry
    perturbed). Outside: ``"C.1"``, ``"C.2"``, ``"C.3"``, a degenerate parametrization of a minimum
    against realizations with one more neuron of size ``scale``.

    Parameters
    ----------
    minima : dict of arrays
        Distinct minima of N*.
    rng : numpy.random.Generator
    scales : list of float
        Sizes of the changes.
    n_random, max_minima : int
        Random pairs; minima that are used, evenly chosen.

    Returns
    -------
    dict of arrays, one entry per pair
        ``kind``, ``within`` (N*), ``n_inputs``, ``n_neurons``, ``scale``, ``seminorm`` (r),
        ``exact`` (whether r is), ``distance`` (modulo permutations in N*; a lower bound for all
        parametrizations outside), ``ratio`` (distance / √r), ``bound`` (2√2 √r), ``verdict`` of
        distance <= bound, ``uniform`` (exact sup on [-1, 1]^d, nan beyond four inputs),
        ``uniform_bound``, ``reason``.
    """
    space = make_space("restricted", features.shape[1], n_neurons, margin=margin)
    assert isinstance(space, RestrictedSpace)
    X = space.embed(features)
    inside = within_space(minima)
    chosen = np.unique(np.linspace(0, len(inside) - 1, min(max_minima, len(inside))).astype(int))
    networks = [
        Parametrization(minima["weights"][inside[k]], minima["output_weights"][inside[k]])
        for k in chosen
    ]
    rows = []
    for kind, scale, make in _pairs(networks, X, target, space, rng, scales, n_random):
        row = {"kind": kind, "within": kind not in OUTSIDE, "scale": scale}
        try:
            pair = make()
            if pair is None:
                continue
            rows.append(row | _measure(*pair, within=kind not in OUTSIDE))
        except NUMERICAL_TROUBLE as error:
            nothing = _nothing(space.n_inputs, space.n_neurons)
            rows.append(row | nothing | {"reason": f"{type(error).__name__}: {error}"})
    progress(f"{len(rows)} pairs")
    return as_arrays(rows)


def _pairs(
    networks: list[Parametrization],
    X: Array,
    y: Array,
    space: RestrictedSpace,
    rng: np.random.Generator,
    scales: list[float],
    n_random: int,
) -> Iterator[tuple[str, float, Callable[[], Pair | None]]]:
    for k in range(n_random):
        theta = space.sample(rng)
        scale = scales[k % len(scales)] if scales and k % 2 else np.nan
        other = space.sample(rng) if np.isnan(scale) else _perturbed(theta, scale, rng)
        yield "random", scale, partial(_as_is, theta, other)
    for i, theta in enumerate(networks):
        others = [other for j, other in enumerate(networks) if j != i]
        if others:
            nearest = min(others, key=lambda other: parameter_distance(theta, other))
            yield "neighbours", np.nan, partial(_as_is, theta, nearest)
        start = _perturbed(theta, 1e-3, rng).permute(rng.permutation(theta.n_neurons))
        yield "again", 1e-3, partial(_again, theta, start, X, y, space)
    for k, scale in enumerate(scales if networks else []):
        theta = networks[k % len(networks)]
        factors = 1.0 + scale * rng.uniform(-0.9, 0.9, theta.n_neurons)
        yield "scaled", scale, partial(_as_is, theta, theta.scale(factors))
        yield "opposed", scale, partial(opposed_pair, theta, scale)
        if theta.n_neurons >= 3 and theta.n_inputs >= 3:
            yield "extremal", scale, partial(extremal_pair, theta, scale)
        moved = _perturbed(theta, scale, rng)
        yield "forward", scale, partial(_as_is, theta, moved)
        v = rng.standard_normal(theta.n_inputs)
        v[-2:] = np.abs(v[-2:])
        product = scale * v / np.abs(v).max()
        for kind in OUTSIDE:
            yield kind, scale, partial(_outside, theta, kind, product, X)


def _as_is(gamma: Parametrization, theta: Parametrization) -> Pair:
    return gamma, theta


def _perturbed(theta: Parametrization, scale: float, rng: np.random.Generator) -> Parametrization:
    """Every entry of the products moved by up to ``scale`` times the network's largest; in N*."""
    u = theta.products
    moved = u + scale * np.abs(u).max() * rng.uniform(-1.0, 1.0, u.shape)
    moved[:, -2:] = np.maximum(moved[:, -2:], 0.5 * u[:, -2:])
    return Parametrization.from_products(moved, theta.signs)


def _again(
    theta: Parametrization, start: Parametrization, X: Array, y: Array, space: RestrictedSpace
) -> Pair | None:
    """Theta and the end of a descent from ``start``, if it is the same minimum on the data."""
    end = descend(start, X, y, space=space).parametrization
    same = activation_key(end, X, space=space) == activation_key(theta, X, space=space)
    return (theta, end) if same and not space.violations(end) else None


def _outside(theta: Parametrization, kind: str, product: Array, X: Array) -> Pair:
    degenerate, _ = degenerate_like(theta, X, kind)
    return degenerate, with_ridge(theta, product, 1.0, degenerate.n_neurons)


def _nothing(n_inputs: int, n_neurons: int) -> dict[str, Any]:
    numbers = ("seminorm", "distance", "ratio", "bound", "uniform", "uniform_bound")
    return {
        "n_inputs": n_inputs,
        "n_neurons": n_neurons,
        **dict.fromkeys(numbers, np.nan),
        "exact": False,
        "verdict": "undecided",
        "reason": "",
    }


def _measure(gamma: Parametrization, theta: Parametrization, *, within: bool) -> dict[str, Any]:
    row = _nothing(gamma.n_inputs, gamma.n_neurons)
    found = sobolev_distance(gamma, theta)
    r = float(found.value)
    if within:
        distance = parameter_distance(gamma, theta)
        row["uniform_bound"] = uniform_bound(gamma, theta)
    else:
        distance = distance_to_fibre(gamma, theta).lower
    row |= {"seminorm": r, "exact": found.exact, "distance": distance}
    row["ratio"] = distance / np.sqrt(r) if r > 0 else (0.0 if distance == 0 else np.inf)
    row["bound"] = SHARP_CONSTANT * np.sqrt(r)
    if gamma.n_inputs <= 4:
        gap = difference(gamma, theta)
        uniform = steepest_ridge(gap.weights, gap.output_weights, max_vertices=200_000)
        row["uniform"] = uniform.value if uniform.exact else np.nan
    # Rounding of the square roots of both sides: the extremal pairs attain the bound.
    if distance <= SHARP_CONSTANT * np.sqrt(max(found.lower, 0.0)) * (1 + 1e-9) + 1e-12:
        row["verdict"] = "holds"
    elif distance > SHARP_CONSTANT * np.sqrt(max(found.upper, 0.0)) * (1 + 1e-9) + 1e-12:
        row["verdict"] = "violated"
    else:
        row["reason"] = f"the seminorm is only known to lie in [{found.lower}, {found.upper}]"
    return row


def uniform_bound(gamma: Parametrization, theta: Parametrization) -> float:
    """The forward direction: an upper bound of the uniform distance on [-1, 1]^d.

    ``sum_i |c_i - c'_i| ‖a_i‖_1 + |c'_i| ‖a_i - a'_i‖_1`` in the given order of the neurons:
    Lipschitz in the parameters on bounded sets.
    """
    steps = np.abs(gamma.output_weights - theta.output_weights)
    moves = np.abs(gamma.weights - theta.weights).sum(axis=1)
    sizes = np.abs(gamma.weights).sum(axis=1)
    return float(steps @ sizes + np.abs(theta.output_weights) @ moves)
