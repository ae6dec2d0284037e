"""P_N of any depth: realization, gradient, forward Lipschitz bound, counterexample (3)."""

import numpy as np
import pytest

from landscape.paper.deep import (
    DeepParametrization,
    deep_gradient,
    deep_realize,
    forward_bound,
    linear_region,
    trivial_counterexample,
)
from landscape.parametrization import Parametrization
from landscape.realization import gradient_at, realize

ARCHITECTURES = [(1, 1), (2, 3, 1), (3, 4, 2), (2, 5, 4, 3), (4, 3, 3, 3, 1)]


@pytest.fixture(params=ARCHITECTURES, ids=str)
def networks(request):
    rng = np.random.default_rng(len(request.param))
    gamma = DeepParametrization.sample(request.param, rng, scale=1.5)
    layers = [
        (a + 1e-3 * rng.standard_normal(a.shape), b + 1e-3 * rng.standard_normal(b.shape))
        for a, b in gamma.layers
    ]
    return gamma, DeepParametrization(layers), rng


def test_realization_is_the_composition(networks):
    theta, _, rng = networks
    for x in rng.standard_normal((5, theta.architecture[0])):
        value = x
        for number, (a, b) in enumerate(theta.layers):
            value = a @ value + b
            if number < len(theta.layers) - 1:
                value = np.maximum(value, 0)
        np.testing.assert_allclose(deep_realize(theta, x[None])[0], value, rtol=1e-13, atol=1e-14)


def test_gradient_is_exact_within_the_region(networks):
    theta, _, rng = networks
    for x in rng.standard_normal((10, theta.architecture[0])):
        region = linear_region(theta, x)
        np.testing.assert_array_equal(region.gradient, deep_gradient(theta, x))
        radius = min(region.radius, 1.0)
        assert radius > 0
        inside = x + 0.999 * radius * rng.uniform(-1, 1, (20, x.size))
        affine = deep_realize(theta, x[None]) + (inside - x) @ region.gradient.T
        np.testing.assert_allclose(deep_realize(theta, inside), affine, rtol=1e-11, atol=1e-12)


def test_the_region_ends_at_its_radius():
    rng = np.random.default_rng(0)
    for _ in range(20):
        theta = DeepParametrization.sample((2, 6, 4, 1), rng)
        x = rng.standard_normal(2)
        region = linear_region(theta, x)
        around = x + 1.001 * region.radius * np.array(
            [[s, t] for s in np.linspace(-1, 1, 201) for t in (-1, 1)]
            + [[t, s] for s in np.linspace(-1, 1, 201) for t in (-1, 1)]
        )
        patterns = [linear_region(theta, y).patterns for y in around]
        changed = [
            any((p != q).any() for p, q in zip(pattern, region.patterns, strict=True))
            for pattern in patterns
        ]
        assert any(changed)


def test_forward_bound(networks):
    gamma, theta, rng = networks
    for box in (0.5, 1.0, 10.0):
        found = forward_bound(gamma, theta, bound=box)
        x = rng.uniform(-box, box, (500, gamma.architecture[0]))
        gap = np.abs(deep_realize(gamma, x) - deep_realize(theta, x)).max()
        assert gap <= found.value * (1 + 1e-12)
        assert found.value <= found.lipschitz * found.distance * (1 + 1e-12)
        assert found.distance == gamma.max_distance(theta) > 0


def test_forward_bound_is_attained_by_positive_networks():
    gamma = DeepParametrization([(np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), np.ones(1))])
    theta = DeepParametrization([(a + 0.5, b + 0.5) for a, b in gamma.layers])
    found = forward_bound(gamma, theta)
    corner = np.ones((1, 2))
    gap = np.abs(deep_realize(gamma, corner) - deep_realize(theta, corner)).max()
    assert gap == found.value == found.lipschitz * found.distance


def test_shallow_networks_are_a_special_case():
    rng = np.random.default_rng(1)
    theta = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
    deep = DeepParametrization.from_shallow(theta)
    assert deep.architecture == (3, 4, 1)
    x = rng.standard_normal((10, 3))
    np.testing.assert_allclose(deep_realize(deep, x)[:, 0], realize(theta, x), rtol=1e-13)
    for point in x:
        np.testing.assert_allclose(deep_gradient(deep, point)[0], gradient_at(theta, point))


@pytest.mark.parametrize("architecture", [(2, 3, 1), (3, 4, 5, 2)])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_trivial_counterexample(architecture, size):
    rng = np.random.default_rng(2)
    gamma, theta = trivial_counterexample(architecture, rng, size=size)
    x = rng.standard_normal((20, architecture[0]))
    assert not deep_realize(gamma, x).any() and not deep_realize(theta, x).any()
    assert gamma.max_distance(theta) >= size


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one"),
        ([([[1.0]], [0.0, 0.0])], r"biases \(1,\)"),
        ([([[1.0]], [0.0]), ([[1.0, 2.0]], [0.0])], r"weights \(m, 1\)"),
        ([([[np.nan]], [0.0])], "not finite"),
    ],
)
def test_bad_layers_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        DeepParametrization(layers)


def test_errors_name_shapes():
    theta = DeepParametrization([([[1.0]], [0.0])])
    with pytest.raises(ValueError, match=r"X: expected shape \(n, 1\)"):
        deep_realize(theta, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="architecture"):
        theta.max_distance(DeepParametrization([([[1.0, 1.0]], [0.0])]))
    with pytest.raises(ValueError, match="two layers"):
        trivial_counterexample((1, 1), np.random.default_rng(0))
