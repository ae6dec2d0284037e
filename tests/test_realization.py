"""Realizations: values, gradients and patterns by hand, exactly, and against differences."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.realization import difference, gradient_at, input_gradients, pattern, realize
from tests.oracles.local_minimum import exact_values


def test_by_hand():
    theta = Parametrization([[1.0, -1.0], [0.0, 2.0]], [3.0, -1.0])
    x = [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [-1.0, -1.0], [0.0, 0.0]]
    assert realize(theta, x).tolist() == [3.0, -2.0, 1.0, 0.0, 0.0]
    assert pattern(theta, x).tolist() == [
        [True, False],
        [False, True],
        [True, True],
        [False, False],
        [False, False],
    ]
    gradients = [[3, -3], [0, -2], [3, -5], [0, 0], [0, 0]]
    assert np.array_equal(input_gradients(theta, x), gradients)


def test_against_exact_rationals(rng):
    for _ in range(20):
        theta = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
        x = rng.standard_normal((10, 3))
        scaled = theta.weights * np.abs(theta.output_weights)[:, None]
        exact = [float(v) for v in exact_values(scaled, theta.signs, x)]
        assert realize(theta, x) == pytest.approx(exact, abs=1e-13)


def test_gradients_against_differences(rng):
    theta = Parametrization(rng.standard_normal((5, 3)), rng.standard_normal(5))
    x = rng.standard_normal((30, 3))
    far = np.abs(x @ theta.weights.T).min(axis=1) > 1e-4
    step = 1e-6
    numeric = np.stack(
        [
            (realize(theta, x + step * e) - realize(theta, x - step * e)) / (2 * step)
            for e in np.eye(3)
        ],
        axis=1,
    )
    assert far.sum() > 20
    assert input_gradients(theta, x)[far] == pytest.approx(numeric[far], abs=1e-8)
    assert np.array_equal(gradient_at(theta, x[0]), input_gradients(theta, x)[0])


def test_inactive_on_the_hyperplane():
    theta = Parametrization([[1.0, 1.0]], [1.0])
    assert gradient_at(theta, [1.0, -1.0]).tolist() == [0.0, 0.0]
    assert not pattern(theta, [[1.0, -1.0]]).any()


def test_positive_homogeneity_is_exact_for_powers_of_two(rng):
    theta = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
    x = rng.standard_normal((10, 3))
    assert np.array_equal(realize(theta, 8.0 * x), 8.0 * realize(theta, x))


def test_difference(rng):
    gamma = Parametrization(rng.standard_normal((2, 3)), rng.standard_normal(2))
    theta = Parametrization(rng.standard_normal((5, 3)), rng.standard_normal(5))
    x = rng.standard_normal((10, 3))
    both = difference(gamma, theta)
    assert both.n_neurons == 7
    assert realize(both, x) == pytest.approx(realize(gamma, x) - realize(theta, x), abs=1e-13)
    with pytest.raises(ValueError, match="3 inputs"):
        difference(gamma, Parametrization([[1.0, 2.0]], [1.0]))


@pytest.mark.parametrize("x", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[[1.0, 2.0]]]])
def test_wrong_shapes_are_named(x):
    with pytest.raises(ValueError, match=r"X: expected shape \(n_samples, 2\)"):
        realize(Parametrization([[1.0, 2.0]], [1.0]), x)


def test_no_neurons_and_no_samples():
    nothing = Parametrization(np.zeros((0, 2)), [])
    assert realize(nothing, [[1.0, 2.0]]).tolist() == [0.0]
    assert input_gradients(nothing, [[1.0, 2.0]]).tolist() == [[0.0, 0.0]]
    assert realize(Parametrization([[1.0, 2.0]], [1.0]), np.zeros((0, 2))).shape == (0,)
