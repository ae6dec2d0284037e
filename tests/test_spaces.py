"""The contract of every space, and what is special about each.

Checks Theorem 1 of docs/mathematics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.spaces import (
    SPACES,
    BalancedSpace,
    RestrictedSpace,
    Space,
    UnrestrictedSpace,
    make_space,
)

ALL = {
    "restricted": RestrictedSpace(4, 3),
    "restricted, margin": RestrictedSpace(4, 3, margin=0.25),
    "restricted, box": RestrictedSpace(4, 3, margin=0.25, bound=2.0),
    "restricted, smallest": RestrictedSpace(2, 1),
    "balanced": BalancedSpace(4, 3),
    "balanced, one input": BalancedSpace(1, 2),
    "unrestricted": UnrestrictedSpace(4, 3),
    "unrestricted, offset": UnrestrictedSpace(4, 3, offset=True),
}


@pytest.fixture(params=ALL)
def space(request) -> Space:
    return ALL[request.param]


def conditions(space: Space, theta: Parametrization) -> set[str]:
    return {violation.condition for violation in space.violations(theta)}


# --- the contract -----------------------------------------------------------------------------


def test_samples_lie_in_the_space(space, rng):
    if isinstance(space, BalancedSpace) and space.n_inputs == 1:
        pytest.skip("two of the only two directions coincide half of the time")
    for _ in range(20):
        theta = space.sample(rng)
        assert theta.weights.shape == (space.n_neurons, space.n_inputs)
        assert space.violations(theta) == []
        assert space.contains(theta)


def test_samples_depend_on_the_seed_alone(space):
    one, two = (space.sample(np.random.default_rng(7)) for _ in range(2))
    other = space.sample(np.random.default_rng(8))
    assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(one.output_weights, two.output_weights)
    assert not np.array_equal(one.weights, other.weights)


def test_samples_have_the_sign_class_asked_for(space, rng):
    offset = int(getattr(space, "offset", False))
    n = space.n_neurons - offset
    for n_positive in range(n + 1):
        theta = space.sample(rng, n_positive=n_positive)
        assert np.sum(theta.signs[:n] > 0) == n_positive
    for wrong in (-1, n + 1):
        with pytest.raises(ValueError, match="n_positive"):
            space.sample(rng, n_positive=wrong)


def test_samples_respect_the_bounds(space, rng):
    lower, upper = space.bounds()
    assert lower.shape == upper.shape == (space.n_neurons, space.n_inputs)
    assert (lower <= upper).all()
    for _ in range(20):
        u = space.sample(rng).products
        slack = 1e-14 * np.abs(u).max()
        assert (u >= lower - slack).all()
        assert (u <= upper + slack).all()


def test_wrong_shapes_are_violations_not_errors(space):
    theta = Parametrization(
        np.ones((space.n_neurons + 1, space.n_inputs)), np.ones(space.n_neurons + 1)
    )
    (violation,) = space.violations(theta)
    assert violation.condition == "shape"
    assert not space.contains(theta)
    assert str(space.n_neurons) in violation.message


def test_every_violation_says_who_how_much_and_why(space):
    zero = Parametrization(np.zeros((space.n_neurons, space.n_inputs)), -np.ones(space.n_neurons))
    for violation in space.violations(zero):
        assert violation.condition in {"C.1", "C.2", "C.3", "bound", "offset"}
        assert set(violation.neurons) <= set(range(space.n_neurons))
        assert violation.amount >= 0
        assert violation.message


def test_membership_does_not_depend_on_the_order(space, rng):
    if getattr(space, "offset", False):
        pytest.skip("the offset is the last neuron")
    for _ in range(20):
        theta = space.sample(rng)
        if rng.random() < 0.5:  # spoil a neuron
            a = theta.weights.copy()
            a[rng.integers(len(a))] *= rng.choice([-1.0, 2.0])
            theta = Parametrization(a, theta.output_weights)
        permuted = theta.permute(rng.permutation(space.n_neurons))
        before, after = space.violations(theta), space.violations(permuted)
        assert sorted(v.condition for v in before) == sorted(v.condition for v in after)
        assert sorted(v.amount for v in before) == sorted(v.amount for v in after)


@pytest.mark.parametrize("name", ["n_inputs", "n_neurons"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True, None])
@pytest.mark.parametrize("kind", [RestrictedSpace, BalancedSpace, UnrestrictedSpace])
def test_sizes_are_positive_integers(kind, name, value):
    with pytest.raises(ValueError, match=name):
        kind(**{"n_inputs": 3, "n_neurons": 2, name: value})


@pytest.mark.parametrize("name", SPACES)
def test_networks_with_biases_enter_every_space(name, rng):
    """Corollary 1.3: the space's network on embedded features is the network with biases."""
    for p in (1, 2, 3):
        for width in range(4):
            space = make_space(name, p, 3)
            assert space.name == name
            assert space.n_neurons == 4
            assert space.n_inputs == p + space.extra_inputs
            a, b, c = (
                rng.standard_normal((width, p)),
                rng.standard_normal(width),
                rng.standard_normal(width),
            )
            e = rng.standard_normal()
            theta = space.from_network(a, b, c, e)
            assert space.violations(theta) == []
            x = rng.standard_normal((15, p))
            direct = np.maximum(x @ a.T + b, 0) @ c + e
            assert realize(theta, space.embed(x)) == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_networks_that_are_too_wide_are_refused(name):
    space = make_space(name, 1, 2)
    with pytest.raises(ValueError, match="2 neurons"):
        space.from_network(np.ones((3, 1)), np.ones(3), np.ones(3), 0.0)


def test_unknown_space():
    with pytest.raises(ValueError, match="restricted, balanced, unrestricted"):
        make_space("free", 1, 2)


# --- N' ------------------------------------------------------------------------------------


def test_balanced_conditions():
    space = BalancedSpace(2, 2)
    assert space.contains(Parametrization([[1.0, 0.5], [-1.0, -0.5]], [1.0, -1.0]))  # opposite
    assert space.contains(Parametrization([[1.0, 0.5], [0.0, 0.0]], [1.0, 0.0]))
    assert conditions(space, Parametrization([[1.0, 0.5], [1.0, 0.0]], [1.0, 2.0])) == {"C.1"}
    assert conditions(space, Parametrization([[1.0, 0.5], [2.0, 1.0]], [1.0, 2.0])) == {"C.2"}
    (violation,) = space.violations(Parametrization([[1.0, 0.5], [1.0, 0.0]], [1.0, 3.0]))
    assert violation.amount == 2.0
    assert violation.neurons == (1,)


# --- N* -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "c", "expected"),
    [
        ([3.0, 1.0, 2.0], 3.0, set()),
        ([3.0, 1.0, 2.0], -3.0, set()),
        ([3.0, 0.0, 2.0], 3.0, {"C.3"}),
        ([3.0, -1.0, 2.0], 3.0, {"C.3"}),
        ([3.0, 5e-324, 2.0], 3.0, set()),
        ([0.0, 0.0, 0.0], 0.0, {"C.3"}),
        ([3.0, 1.0, 2.0], 1.0, {"C.1"}),
        ([3.0, 1.0, 2.0], 0.0, {"C.1", "C.3"}),
    ],
)
def test_restricted_conditions(a, c, expected):
    assert conditions(RestrictedSpace(3, 1), Parametrization([a], [c])) == expected


def test_margin_and_bound_act_on_products():
    space = RestrictedSpace(3, 1, margin=0.5, bound=4.0)
    inside = Parametrization.from_products([[4.0, 0.5, 1.0]], [1])
    assert space.violations(inside) == []
    below = Parametrization.from_products([[4.0, 0.25, 1.0]], [1])
    (violation,) = space.violations(below)
    assert violation.condition == "bound"
    assert violation.amount == pytest.approx(0.25, rel=1e-12)
    above = Parametrization.from_products([[9.0, 1.0, 1.0]], [-1])
    (violation,) = space.violations(above)
    assert violation.condition == "bound"
    assert violation.amount == pytest.approx(5.0, rel=1e-12)


def test_bounds_of_the_restricted_space():
    lower, upper = RestrictedSpace(4, 2, margin=0.5, bound=3.0).bounds()
    assert np.array_equal(lower, [[-3, -3, 0.5, 0.5]] * 2)
    assert np.array_equal(upper, np.full((2, 4), 3.0))
    lower, _ = BalancedSpace(4, 2).bounds()
    assert np.isneginf(lower).all()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"margin": -1.0}, "margin"),
        ({"margin": np.nan}, "margin"),
        ({"margin": np.inf}, "margin"),
        ({"margin": 1.0, "bound": 1.0}, "bound"),
        ({"bound": np.nan}, "bound"),
    ],
)
def test_refuses_impossible_bounds(options, word):
    with pytest.raises(ValueError, match=word):
        RestrictedSpace(3, 2, **options)


def test_restricted_needs_two_inputs():
    with pytest.raises(ValueError, match="n_inputs"):
        RestrictedSpace(1, 2)


@pytest.mark.parametrize("margin", [1e-6, 0.5, 3.0])
def test_networks_enter_above_the_margin(margin, rng):
    """The shift along (0, ..., 0, 1, 1) changes nothing on the data and no condition."""
    space = make_space("restricted", 2, 3, margin=margin)
    a, b, c = 0.01 * rng.standard_normal((3, 2)), rng.standard_normal(3), rng.standard_normal(3)
    theta = space.from_network(a, b, c, 0.25)
    assert space.violations(theta) == []
    x = rng.standard_normal((15, 2))
    direct = np.maximum(x @ a.T + b, 0) @ c + 0.25
    assert realize(theta, space.embed(x)) == pytest.approx(direct, abs=1e-12)


# --- N --------------------------------------------------------------------------------------


def test_unrestricted_takes_everything():
    space = UnrestrictedSpace(2, 3)
    wild = Parametrization([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]], [5.0, 0.0, 7.0])
    assert space.violations(wild) == []


def test_the_offset_is_frozen():
    space = UnrestrictedSpace(2, 2, offset=True)
    assert space.contains(Parametrization([[3.0, 1.0], [0.0, 1.0]], [1.0, -5.0]))
    assert conditions(space, Parametrization([[3.0, 1.0], [0.0, 2.0]], [1.0, -5.0])) == {"offset"}
    with pytest.raises(ValueError, match="offset"):
        UnrestrictedSpace(2, 2).from_network([[1.0]], [0.0], [1.0], 0.0)


def test_embeddings():
    x = np.array([[2.0, 3.0]])
    assert np.array_equal(RestrictedSpace.embed(x), [[2, 3, 1, -1]])
    assert np.array_equal(BalancedSpace.embed(x), [[2, 3, 1, -1]])
    assert np.array_equal(UnrestrictedSpace.embed(x), [[2, 3, 1]])
