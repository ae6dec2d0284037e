"""P_N of any depth: realization, gradient, forward Lipschitz bound, counterexample (3)."""

import numpy as np
import pytest

from landscape.paper import section1 as deep
from landscape.parametrization import Parametrization
from landscape.realization import gradient_at, realize

ARCHITECTURES = [(1, 1), (2, 3, 1), (3, 4, 2), (2, 5, 4, 3), (4, 3, 3, 3, 1)]


@pytest.fixture(params=ARCHITECTURES, ids=str)
def networks(request):
    rng = np.random.default_rng(len(request.param))
    gamma = deep.sample_layers(request.param, rng, scale=1.5)
    theta = [
        (a + 1e-3 * rng.standard_normal(a.shape), b + 1e-3 * rng.standard_normal(b.shape))
        for a, b in gamma
    ]
    return gamma, theta, rng


def inputs(theta):
    return theta[0][0].shape[1]


def test_realization_is_the_composition(networks):
    theta, _, rng = networks
    for x in rng.standard_normal((5, inputs(theta))):
        value = x
        for number, (a, b) in enumerate(theta):
            value = a @ value + b
            if number < len(theta) - 1:
                value = np.maximum(value, 0)
        np.testing.assert_allclose(
            deep.deep_realize(theta, x[None])[0], value, rtol=1e-13, atol=1e-14
        )


def test_gradient_is_exact_within_the_region(networks):
    theta, _, rng = networks
    for x in rng.standard_normal((10, inputs(theta))):
        gradient, radius = deep.linear_region(theta, x)
        radius = min(radius, 1.0)
        assert radius > 0
        inside = x + 0.999 * radius * rng.uniform(-1, 1, (20, x.size))
        affine = deep.deep_realize(theta, x[None]) + (inside - x) @ gradient.T
        np.testing.assert_allclose(deep.deep_realize(theta, inside), affine, rtol=1e-11, atol=1e-12)


def test_the_region_ends_at_its_radius():
    def pattern(theta, x):
        active = []
        for a, b in theta[:-1]:
            x = np.maximum(a @ x + b, 0)
            active += (x > 0).tolist()
        return active

    rng = np.random.default_rng(0)
    for _ in range(20):
        theta = deep.sample_layers((2, 6, 4, 1), rng)
        x = rng.standard_normal(2)
        _, radius = deep.linear_region(theta, x)
        # A corner of the ball is the first to reach a kink.
        corners = np.array([[s, t] for s in (-1, 1) for t in (-1, 1)])
        assert any(pattern(theta, x + 1.001 * radius * y) != pattern(theta, x) for y in corners)
        assert all(pattern(theta, x + 0.999 * radius * y) == pattern(theta, x) for y in corners)


def test_forward_bound(networks):
    gamma, theta, rng = networks
    for box in (0.5, 1.0, 10.0):
        bound = deep.forward_bound(gamma, theta, bound=box)
        x = rng.uniform(-box, box, (500, inputs(gamma)))
        gap = np.abs(deep.deep_realize(gamma, x) - deep.deep_realize(theta, x)).max()
        assert gap <= bound * (1 + 1e-12)


def test_forward_bound_is_attained_by_positive_networks():
    gamma = [(np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), np.ones(1))]
    theta = [(a + 0.5, b + 0.5) for a, b in gamma]
    bound = deep.forward_bound(gamma, theta)
    corner = np.ones((1, 2))
    gap = np.abs(deep.deep_realize(gamma, corner) - deep.deep_realize(theta, corner)).max()
    assert gap == bound


def test_shallow_networks_are_a_special_case():
    rng = np.random.default_rng(1)
    theta = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
    layers = [(theta.weights, np.zeros(4)), (theta.output_weights[None, :], np.zeros(1))]
    x = rng.standard_normal((10, 3))
    np.testing.assert_allclose(deep.deep_realize(layers, x)[:, 0], realize(theta, x), rtol=1e-13)
    for point in x:
        gradient, _ = deep.linear_region(layers, point)
        np.testing.assert_allclose(gradient[0], gradient_at(theta, point))


@pytest.mark.parametrize("architecture", [(2, 3, 1), (3, 4, 5, 2)])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_trivial_counterexample(architecture, size):
    rng = np.random.default_rng(2)
    gamma, theta = deep.trivial_counterexample(architecture, rng, size=size)
    x = rng.standard_normal((20, architecture[0]))
    assert not deep.deep_realize(gamma, x).any() and not deep.deep_realize(theta, x).any()
    assert deep.deep_distance(gamma, theta) >= size
