"""Inverse stability itself (Definition 1.1): parameter distance against exact seminorm distance.

Pairs within N*, where Corollary 3.3 holds with the sharp constant 2√2 (Theorem 3), pairs outside
it, where no constant does, and the forward direction: the uniform distance on [-1, 1]^d is
Lipschitz in the parameters, the W^{1,inf} distance is not even continuous.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from landscape.descent import descend
from landscape.minima import activation_key
from landscape.parametrization import Parametrization
from landscape.probe import degenerate_like, steepest_ridge, with_ridge
from landscape.realization import difference
from landscape.rounding import Array
from landscape.seminorm import sobolev_distance
from landscape.stability import distance_to_fibre, parameter_distance
from landscape.stability.theorem import SHARP_CONSTANT
from landscape.study.cells import Cell, Log, Minima, Task, attempt, evenly, quiet, within_space
from landscape.study.rows import Minimum, Pair

Networks = tuple[Parametrization, Parametrization]
#: Kind, scale, numbers of the minima, and the pair or what makes it.
Plan = tuple[str, float, int, int, Networks | Callable[[], Networks | None]]

#: Kinds of pairs whose first network is not in N*.
OUTSIDE = ("C.1", "C.2", "C.3")
#: Networks have no more inputs where their uniform distance is computed.
UNIFORM_INPUTS = 4


def measure_pairs(
    cell: Cell, minima: Minima, *, max_pairs: int, max_minima: int, n_random: int,
    scales: Sequence[float], progress: Log = quiet,
) -> list[Pair]:  # fmt: skip
    """Measure pairs of the kinds of :class:`~landscape.study.rows.Pair`.

    ``max_pairs`` of two minima, and ``max_minima`` from which the other kinds are made, are chosen
    evenly; ``scales`` are relative sizes of the changes. Outside N* a degenerate parametrization of
    a minimum is held against realizations with one more neuron of that size.
    """
    task, inside = cell.task("restricted"), within_space(minima, "restricted")
    common = {**cell.place, "inputs": task.space.n_inputs, "width": task.space.n_neurons}
    rows, count = [], Counter[str]()
    plans: list[Plan] = [
        ("minima", np.nan, a.minimum, b.minimum, (a.network, b.network))
        for a, b in evenly(list(combinations(inside, 2)), max_pairs)
    ]
    plans += _others(cell, task, evenly(inside, max_minima), scales, n_random)
    for kind, scale, first, second, pair in plans:
        place = {**common, "kind": kind, "pair": count[kind], "first": first, "second": second}
        row = Pair(**place, within=kind not in OUTSIDE, scale=scale)
        row = attempt(row, _measure, pair, within=row.within)
        if row.reason or not np.isnan(row.seminorm):  # else descent has ended at another minimum
            rows.append(row)
            count[kind] += 1
    progress(f"{len(rows)} pairs")
    return rows


def _others(
    cell: Cell, task: Task, minima: list[Minimum], scales: Sequence[float], n_random: int
) -> Iterator[Plan]:
    """Pairs of other kinds; what may fail is made where the failure is recorded."""
    for k in range(n_random):
        rng = cell.stream("pair", "random", k)
        theta = task.space.sample(rng)
        scale = scales[k % len(scales)] if scales and k % 2 else np.nan
        other = task.space.sample(rng) if np.isnan(scale) else _perturbed(theta, scale, rng)
        yield "random", scale, -1, -1, (theta, other)
    for row in minima:
        theta, rng = row.network, cell.stream("pair", "again", row.first_start)
        start = _perturbed(theta, 1e-3, rng).permute(rng.permutation(theta.n_neurons))
        yield "again", 1e-3, row.minimum, row.minimum, partial(_again, theta, start, task)
    for k, scale in enumerate(scales if minima else []):
        first = minima[k % len(minima)].minimum
        theta, rng = minima[k % len(minima)].network, cell.stream("pair", "constructed", k)
        factors = 1.0 + scale * rng.uniform(-0.9, 0.9, theta.n_neurons)
        yield "scaled", scale, first, -1, (theta, theta.scale(factors))
        yield "opposed", scale, first, -1, opposed_pair(theta, scale)
        if theta.n_neurons >= 3 and theta.n_inputs >= 3:
            yield "extremal", scale, first, -1, extremal_pair(theta, scale)
        yield "forward", scale, first, -1, (theta, _perturbed(theta, scale, rng))
        v = rng.standard_normal(theta.n_inputs)
        v[-2:] = np.abs(v[-2:])
        product = scale * v / np.abs(v).max()
        for kind in OUTSIDE:
            yield kind, scale, first, -1, partial(_outside, theta, kind, product, task.X)


def _perturbed(theta: Parametrization, scale: float, rng: np.random.Generator) -> Parametrization:
    """Every entry of the products moved by up to ``scale`` times the network's largest; in N*."""
    u = theta.products
    moved = u + scale * np.abs(u).max() * rng.uniform(-1.0, 1.0, u.shape)
    moved[:, -2:] = np.maximum(moved[:, -2:], 0.5 * u[:, -2:])
    return Parametrization.from_products(moved, theta.signs)


def _again(theta: Parametrization, start: Parametrization, task: Task) -> Networks | None:
    """A minimum and the end of a descent from ``start``, if it is the same one on the data."""
    end = task.ask(descend, start).parametrization
    one, other = (activation_key(network, task.X, space=task.space) for network in (end, theta))
    return (theta, end) if one == other and not task.space.violations(end) else None


def _outside(theta: Parametrization, kind: str, product: Array, X: Array) -> Networks:
    degenerate, _ = degenerate_like(theta, X, kind)
    return degenerate, with_ridge(theta, product, 1.0, degenerate.n_neurons)


def opposed_pair(theta: Parametrization, size: float) -> Networks:
    """``theta`` with its first neuron exchanged for ±ρ of opposed directions of size ``size``.

    The pair for which the constant of one neuron, 2, is attained (Theorem 3).
    """
    e = size / 100
    return _mirrored(theta, [1.0], [[size, e, e]])


def extremal_pair(theta: Parametrization, size: float) -> Networks:
    """``theta`` with three neurons exchanged for the pair that attains 2√2 (Theorem 3)."""
    e = size / 100
    products = [[size, e, e], [2 * size, 4 * e, 4 * e], [2 * size, 6 * e, 6 * e]]
    return _mirrored(theta, [-1.0, 1.0, -1.0], products)


def _mirrored(theta: Parametrization, signs: list[float], products: list[list[float]]) -> Networks:
    """The first neurons exchanged for these and, in the other network, for their mirror images.

    Products have a first coordinate and the last two.
    """
    networks, k = [], len(signs)
    for turn in (1, -1):
        u, sigma = theta.products.copy(), theta.signs.copy()
        u[:k] = 0.0
        u[:k, [0, -2, -1]] = (np.array(products) * [turn, 1, 1])[::turn]
        sigma[:k] = turn * np.array(signs)
        networks.append(Parametrization.from_products(u, sigma))
    return networks[0], networks[1]


def _measure(pair: Networks | Callable[[], Networks | None], *, within: bool) -> dict[str, Any]:
    """Distances of a pair, and Corollary 3.3's bound; nothing if there is no such pair."""
    if (networks := pair() if callable(pair) else pair) is None:
        return {}
    gamma, theta = networks
    found = sobolev_distance(gamma, theta)
    r = float(found.value)
    distance = parameter_distance(gamma, theta) if within else distance_to_fibre(gamma, theta).lower
    row: dict[str, Any] = {
        "width": gamma.n_neurons, "seminorm": r, "exact": found.exact, "distance": distance,
        "ratio": distance / np.sqrt(r) if r > 0 else 0.0 if distance == 0 else np.inf,
        "paper_bound": 4 * np.sqrt(r), "bound": SHARP_CONSTANT * np.sqrt(r),
    }  # fmt: skip
    if within:
        row["uniform_bound"] = uniform_bound(gamma, theta)
    if gamma.n_inputs <= UNIFORM_INPUTS:
        gap = difference(gamma, theta)
        uniform = steepest_ridge(gap.weights, gap.output_weights, max_vertices=200_000)
        row["uniform"] = uniform.value if uniform.exact else np.nan
    # The extremal pairs attain the bound: both square roots are rounded.
    ends = np.maximum([found.lower, found.upper], 0.0)
    low, high = SHARP_CONSTANT * np.sqrt(ends) * (1 + 1e-9) + 1e-12
    if distance <= low:
        row["verdict"] = "holds"
    elif distance > high:
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
