"""The distance modulo permutations against all permutations, and as a metric on classes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape.parametrization import Parametrization
from landscape.stability import parameter_distance

entries = st.one_of(st.integers(-3, 3).map(float), st.floats(-8, 8))


def brute_force(gamma: Parametrization, theta: Parametrization) -> float:
    """min over permutations of the max-norm of the difference of all entries."""
    best = np.inf
    for order in permutations(range(theta.n_neurons)):
        moved = list(order)
        best = min(
            best,
            max(
                np.abs(gamma.weights - theta.weights[moved]).max(),
                np.abs(gamma.output_weights - theta.output_weights[moved]).max(),
            ),
        )
    return float(best)


@st.composite
def several(draw, count, max_neurons=5):
    """``count`` networks of one architecture."""
    d, m = draw(st.integers(1, 3)), draw(st.integers(1, max_neurons))
    size = m * (d + 1)
    found = []
    for _ in range(count):
        values = np.reshape(draw(st.lists(entries, min_size=size, max_size=size)), (m, d + 1))
        found.append(Parametrization(values[:, :d], values[:, d]))
    return found


@given(several(2))
def test_against_all_permutations(pair):
    """The distance is one of finitely many differences of floats: equal to the last bit."""
    gamma, theta = pair
    assert parameter_distance(gamma, theta) == brute_force(gamma, theta)


@given(several(3, max_neurons=4), st.randoms(use_true_random=False))
def test_is_a_metric_on_classes_of_permutations(triple, random):
    gamma, theta, phi = triple
    order = list(range(theta.n_neurons))
    random.shuffle(order)
    assert parameter_distance(theta, theta.permute(order)) == 0.0
    assert parameter_distance(gamma, theta) == parameter_distance(theta, gamma)
    assert parameter_distance(gamma, theta.permute(order)) == parameter_distance(gamma, theta)
    direct = parameter_distance(gamma, phi)
    detour = parameter_distance(gamma, theta) + parameter_distance(theta, phi)
    assert direct <= detour * (1 + 1e-15) + 1e-300


@given(several(2), st.integers(-20, 20))
def test_scales_exactly_with_powers_of_two(pair, power):
    gamma, theta = pair
    scaled = [
        Parametrization(np.ldexp(p.weights, power), np.ldexp(p.output_weights, power)) for p in pair
    ]
    assert parameter_distance(*scaled) == np.ldexp(parameter_distance(gamma, theta), power)


def test_the_extremal_pair_of_three_neurons():
    """Notes 3: distance exactly 2 sqrt(2), where every other matching is worse."""
    e = 0.01
    gamma = Parametrization.from_products(
        [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]], [-1, 1, -1]
    )
    theta = Parametrization.from_products(
        [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]], [1, -1, 1]
    )
    assert parameter_distance(gamma, theta) == pytest.approx(2 * np.sqrt(2), rel=1e-15)
    assert parameter_distance(gamma, theta) == brute_force(gamma, theta)


def test_greedy_matching_is_not_enough():
    """Pairing the two closest neurons first can force a larger distance on the rest."""
    gamma = Parametrization([[0.0], [2.0]], [0.0, 0.0])
    theta = Parametrization([[3.0], [-1.0]], [0.0, 0.0])
    shifted = Parametrization([[2.5], [-2.5]], [0.0, 0.0])
    assert parameter_distance(gamma, theta) == 1.0
    assert parameter_distance(gamma, shifted) == 2.5
    line = Parametrization([[0.0], [3.0]], [0.0, 0.0])
    other = Parametrization([[2.0], [5.0]], [0.0, 0.0])
    # 3 and 2 are closest; matching them leaves 0 with 5.
    assert parameter_distance(line, other) == 2.0


def test_different_architectures_are_refused():
    one = Parametrization([[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError):
        parameter_distance(one, Parametrization([[1.0]], [1.0]))
    with pytest.raises(ValueError):
        parameter_distance(one, Parametrization([[1.0, 2.0], [1.0, 0.0]], [1.0, 1.0]))
