"""Invariances of the realization: rescaling, permutation, balance, merge (35), lift (Lemma A.4)."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from landscape.parametrization import Parametrization, lift, lift_inputs
from landscape.realization import input_gradients, pattern, realize
from landscape.spaces import RestrictedSpace

EPS = np.finfo(float).eps

small = st.integers(-3, 3).map(float)
reals = st.floats(-8, 8, allow_subnormal=False).map(lambda v: v if abs(v) > 1e-6 else 0.0)


@st.composite
def networks(draw, entries=reals, max_inputs=4, max_neurons=5):
    d, m = draw(st.integers(1, max_inputs)), draw(st.integers(0, max_neurons))
    rows = draw(st.lists(st.lists(entries, min_size=d, max_size=d), min_size=m, max_size=m))
    outputs = draw(st.lists(entries, min_size=m, max_size=m))
    return Parametrization(np.reshape(rows, (m, d)), outputs)


@st.composite
def networks_with_points(draw, entries=reals, **sizes):
    theta = draw(networks(entries, **sizes))
    d = theta.n_inputs
    x = draw(st.lists(st.lists(entries, min_size=d, max_size=d), min_size=1, max_size=6))
    return theta, np.reshape(x, (-1, d))


def magnitude(theta: Parametrization, x: np.ndarray) -> np.ndarray:
    """Sum of the absolute values of all terms: what rounding errors are relative to."""
    return np.abs(x) @ np.abs(theta.weights.T) @ np.abs(theta.output_weights)


@given(networks_with_points(), st.data())
def test_powers_of_two_rescale_exactly(both, data):
    theta, x = both
    m = theta.n_neurons
    exponents = data.draw(st.lists(st.integers(-40, 40), min_size=m, max_size=m))
    factors = np.ldexp(1.0, np.array(exponents, dtype=int))
    moved = Parametrization(
        theta.weights * factors[:, None].reshape(m, 1), theta.output_weights / factors
    )
    # The sum over neurons has the same terms in the same order: equal to the last bit.
    terms = np.maximum(x @ theta.weights.T, 0.0) * theta.output_weights
    again = np.maximum(x @ moved.weights.T, 0.0) * moved.output_weights
    assert np.array_equal(terms, again)
    assert np.array_equal(realize(theta, x), realize(moved, x))
    assert np.array_equal(theta.products, moved.products)
    assert np.array_equal(pattern(theta, x), pattern(moved, x))
    assert np.array_equal(input_gradients(theta, x), input_gradients(moved, x))


@given(networks_with_points(), st.integers(-30, 30))
def test_even_powers_of_two_scale_products_exactly(both, half):
    theta, _ = both
    balanced = theta.balance()
    factor = np.ldexp(1.0, 2 * half)
    scaled = balanced.scale(np.full(theta.n_neurons, factor))
    assert np.array_equal(scaled.products, factor * balanced.products)
    assert np.array_equal(scaled.weights, np.ldexp(balanced.weights, half))


@given(networks())
def test_balancing_keeps_products_and_is_idempotent_for_powers_of_four(theta):
    balanced = theta.balance()
    assert balanced.is_balanced()
    scale = np.abs(theta.products).max(initial=0.0)
    assert np.abs(balanced.products - theta.products).max(initial=0.0) <= 8 * EPS * scale
    again = balanced.balance()
    assert np.abs(again.weights - balanced.weights).max(initial=0.0) <= 8 * EPS * np.sqrt(scale)
    # Rescaled by powers of two, a neuron is balanced to the very same one.
    m = theta.n_neurons
    factors = np.ldexp(1.0, np.arange(m) * 3 - 4)
    moved = Parametrization(theta.weights * factors.reshape(m, 1), theta.output_weights / factors)
    assert np.allclose(moved.balance().weights, balanced.weights, rtol=4 * EPS, atol=0)


@given(networks_with_points(), st.randoms(use_true_random=False))
def test_permutations_change_nothing(both, random):
    theta, x = both
    assume(theta.n_neurons > 0)
    order = list(range(theta.n_neurons))
    random.shuffle(order)
    permuted = theta.permute(order)
    assert np.array_equal(permuted.weights, theta.weights[order])
    difference = realize(permuted, x) - realize(theta, x)
    assert (np.abs(difference) <= 8 * EPS * magnitude(theta, x)).all()
    assert np.array_equal(pattern(permuted, x), pattern(theta, x)[:, order])
    assert len(permuted.redundant_pairs()) == len(theta.redundant_pairs())
    assert len(permuted.opposite_pairs()) == len(theta.opposite_pairs())
    back = np.argsort(order)
    assert np.array_equal(permuted.permute(back).weights, theta.weights)


@given(networks_with_points(small))
def test_merging_keeps_the_realization(both):
    """(35), on integers, where parallel, cancelling and zero neurons are frequent."""
    theta, x = both
    merged = theta.merge()
    difference = realize(merged, x) - realize(theta, x)
    assert (np.abs(difference) <= 16 * EPS * magnitude(theta, x)).all()
    assert merged.weights.shape == theta.weights.shape
    assert merged.redundant_pairs() == []
    # A neuron is there, or (0, 0).
    gone = merged.output_weights == 0
    assert not merged.weights[gone].any()
    assert merged.weights[~gone].any(axis=1).all()
    again = merged.merge()
    assert np.array_equal(again.weights, merged.weights)
    assert np.array_equal(again.output_weights, merged.output_weights)


@given(networks(small, max_neurons=4), st.data())
def test_splitting_is_undone_by_merging(theta, data):
    """A neuron split into parallel parts by powers of two is put together exactly (Example 2.3)."""
    assume(theta.n_neurons > 0)
    merged = theta.merge()
    i = data.draw(st.integers(0, theta.n_neurons - 1))
    power = data.draw(st.integers(-8, 8))
    a, c = merged.weights[i], merged.output_weights[i]
    factor = 2.0**power
    parts = Parametrization(
        np.vstack([merged.weights, factor * a]), np.append(merged.output_weights, c / factor)
    )
    doubled = parts.merge()
    expected = merged.output_weights.copy()
    expected[i] *= 2
    assert np.array_equal(doubled.output_weights[:-1], expected)
    assert doubled.output_weights[-1] == 0


@st.composite
def biased_networks(draw, entries):
    p, m = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    rows = draw(st.lists(st.lists(entries, min_size=p, max_size=p), min_size=m, max_size=m))
    b = draw(st.lists(entries, min_size=m, max_size=m))
    c = draw(st.lists(entries, min_size=m, max_size=m))
    x = draw(st.lists(st.lists(entries, min_size=p, max_size=p), min_size=1, max_size=6))
    return np.reshape(rows, (m, p)), np.array(b), np.array(c), draw(entries), np.reshape(x, (-1, p))


def check_lift(network) -> None:
    a, b, c, e, x = network
    gamma = lift(a, b, c, e)
    m, p = a.shape
    assert RestrictedSpace(p + 2, m + 1).violations(gamma) == []
    direct = np.maximum(x @ a.T + b, 0.0) @ c + e
    lifted = realize(gamma, lift_inputs(x))
    # Terms of the lifted sum: <a, x> + (b+ + 1) - (b- + 1).
    size = (np.abs(x) @ np.abs(a.T) + np.abs(b) + 2) @ np.abs(c) + 3 * abs(e) + 16
    if m:
        size += np.abs(np.maximum(b, 0.0) @ c) * m
    assert (np.abs(lifted - direct) <= 64 * EPS * size).all()


@given(biased_networks(small))
@example((np.zeros((2, 1)), np.zeros(2), np.zeros(2), 0.0, np.ones((1, 1))))
@example((np.ones((2, 1)), np.ones(2), np.array([1.0, -1.0]), 0.0, np.ones((1, 1))))
@example((np.array([[0.0]]), np.array([1.0]), np.array([1.0]), 0.0, np.ones((1, 1))))
@example((np.array([[0.0]]), np.array([1.0]), np.array([-1.0]), 1.0, np.ones((1, 1))))
@example((np.array([[1.0], [-1.0]]), np.zeros(2), np.ones(2), 0.0, np.ones((1, 1))))
def test_the_lift_of_integer_networks(network):
    """Lemma A.4 as a statement, where the printed construction's collisions are frequent."""
    check_lift(network)


@given(biased_networks(reals))
def test_the_lift_of_real_networks(network):
    check_lift(network)
