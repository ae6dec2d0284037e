"""Distances modulo permutations, distances to fibres, Theorem 3.1 and Corollary 3.3."""

import itertools

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.stability import best_permutation, bottleneck_assignment, parameter_distance


def brute_force_bottleneck(costs):
    m, n = costs.shape
    return min(
        max(costs[i, j] for i, j in enumerate(columns))
        for columns in itertools.permutations(range(n), m)
    )


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (2, 4), (3, 5)])
def test_bottleneck_assignment_equals_enumeration(shape):
    rng = np.random.default_rng(sum(shape))
    for _ in range(40):
        costs = rng.integers(0, 7, size=shape).astype(float)
        if rng.random() < 0.3:
            costs[rng.random(shape) < 0.2] = np.inf
        found = bottleneck_assignment(costs)
        assert found.value == brute_force_bottleneck(costs)
        assert len(set(found.columns.tolist())) == shape[0]
        assert costs[np.arange(shape[0]), found.columns].max() == found.value


def test_bottleneck_assignment_refuses_bad_costs():
    with pytest.raises(ValueError, match="m <= n"):
        bottleneck_assignment(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="NaN"):
        bottleneck_assignment([[np.nan]])


def random_network(rng, d, m):
    return Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))


def test_parameter_distance_is_a_metric_modulo_permutations():
    rng = np.random.default_rng(0)
    for _ in range(30):
        d, m = rng.integers(1, 5), rng.integers(1, 7)
        a, b, c = (random_network(rng, d, m) for _ in range(3))
        assert parameter_distance(a, b) == parameter_distance(b, a)
        assert parameter_distance(a, a.permute(rng.permutation(m))) == 0.0
        assert parameter_distance(a, b) == parameter_distance(a, b.permute(rng.permutation(m)))
        assert parameter_distance(a, c) <= parameter_distance(a, b) + parameter_distance(b, c)


def test_best_permutation_attains_the_distance():
    rng = np.random.default_rng(1)
    gamma, theta = random_network(rng, 3, 6), random_network(rng, 3, 6)
    found = best_permutation(gamma, theta)
    moved = theta.permute(found.columns)
    gap = max(
        np.abs(moved.weights - gamma.weights).max(),
        np.abs(moved.output_weights - gamma.output_weights).max(),
    )
    assert gap == found.value == parameter_distance(gamma, theta)


def test_parameter_distance_of_different_shapes_is_refused():
    rng = np.random.default_rng(2)
    with pytest.raises(ValueError, match=r"expected weights of shape \(2, 3\)"):
        parameter_distance(random_network(rng, 3, 2), random_network(rng, 3, 4))
