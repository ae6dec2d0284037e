"""Parametrization: what it accepts, its conditions, and the changes that keep the realization."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Parametrization,
    group_directions,
    lift,
    lift_inputs,
    max_norms,
)
from landscape.realization import realize
from landscape.spaces import RestrictedSpace

TINY = np.finfo(float).tiny


# --- construction ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "outputs", "word"),
    [
        ([1.0, 2.0], [1.0], "weights"),
        ([[1.0, 2.0]], [1.0, 2.0], "output_weights"),
        ([[1.0, 2.0]], 3.0, "output_weights"),
        ([[1.0, np.nan]], [1.0], r"weights: entry \(0, 1\) is nan"),
        ([[1.0, 2.0]], [np.inf], r"output_weights: entry \(0,\) is inf"),
        (np.zeros((2, 0)), [1.0, 1.0], "at least one input"),
    ],
)
def test_refuses_what_is_no_network(weights, outputs, word):
    with pytest.raises(ValueError, match=word):
        Parametrization(weights, outputs)


def test_is_a_copy_and_read_only():
    a = np.ones((2, 3))
    theta = Parametrization(a, [1.0, 2.0])
    a[0, 0] = 5.0
    assert theta.weights[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        theta.weights[0, 0] = 2.0
    with pytest.raises(AttributeError):
        theta.weights = a


def test_integers_become_floats():
    theta = Parametrization([[1, 2]], [3])
    assert theta.weights.dtype == theta.output_weights.dtype == float
    assert (theta.n_neurons, theta.n_inputs) == (1, 2)


def test_products_and_signs():
    theta = Parametrization([[1.0, -2.0], [4.0, 0.0], [1.0, 1.0]], [-3.0, 0.0, 0.5])
    assert np.array_equal(theta.products, [[3, -6], [0, 0], [0.5, 0.5]])
    assert np.array_equal(theta.signs, [-1, 0, 1])


def test_from_products_is_balanced_and_exact_for_squares():
    theta = Parametrization.from_products([[1.0, -4.0], [9.0, 3.0]], [-1, 1])
    assert np.array_equal(theta.weights, [[0.5, -2.0], [3.0, 1.0]])
    assert np.array_equal(theta.output_weights, [-2.0, 3.0])


@pytest.mark.parametrize("exponent", [-1074, -1060, -1022, -1000, -601, -1, 0, 1, 600, 1023])
def test_from_products_survives_extreme_scales(exponent):
    u = np.ldexp([[1.0, -0.75, 0.5]], exponent)
    theta = Parametrization.from_products(u, [-1])
    assert theta.is_balanced()
    # Subnormal products have fewer bits: half an ulp of the smallest number may be lost.
    assert theta.products == pytest.approx(u, rel=4 * np.finfo(float).eps, abs=5e-324)


def test_from_products_keeps_entries_that_are_relatively_tiny():
    theta = Parametrization.from_products([[1e300, 1e-100]], [1])
    assert theta.weights[0] == pytest.approx([1e150, 1e-250], rel=1e-15)


def test_from_products_of_zero_is_zero():
    theta = Parametrization.from_products([[0.0, 0.0]], [1])
    assert not theta.weights.any()
    assert not theta.output_weights.any()


# --- conditions -----------------------------------------------------------------------------


def test_balance_is_told_both_sides_of_the_tolerance():
    a = [[1.0, 0.5]]
    assert Parametrization(a, [1.0]).is_balanced()
    assert Parametrization(a, [1.0 + DIRECTION_TOLERANCE / 2]).is_balanced()
    assert not Parametrization(a, [1.0 + 4 * DIRECTION_TOLERANCE]).is_balanced()
    assert np.array_equal(Parametrization(a, [-3.0]).unbalancedness(), [2.0])


def test_redundant_and_opposite_pairs():
    theta = Parametrization(
        [[1.0, 2.0], [-2.0, -4.0], [0.5, 1.0], [2.0, 1.0], [0.0, 0.0], [0.0, 0.0]], np.ones(6)
    )
    assert theta.redundant_pairs() == [(0, 2)]
    assert theta.opposite_pairs() == [(0, 1), (1, 2)]


@pytest.mark.parametrize(("offset", "same"), [(0.5, True), (4.0, False)])
def test_directions_both_sides_of_the_tolerance(offset, same):
    rows = np.array([[1.0, 0.25, 0.5], [1.0, 0.25 + offset * DIRECTION_TOLERANCE, 0.5]])
    labels = group_directions(rows)
    assert (labels[0] == labels[1]) is np.bool_(same)
    assert bool(Parametrization(rows, [1, 1]).redundant_pairs()) is same


@pytest.mark.parametrize("scale", [5e-324, 2.0**-1060, TINY, 1e-200, 1.0, 1e200, 1e308])
def test_directions_do_not_depend_on_the_scale(scale):
    """A row that is a subnormal number times (1, 0, -1) keeps its direction."""
    rows = np.array([[1.0, 0.0, -1.0], [scale, 0.0, -scale], [-scale, 0.0, scale]])
    assert group_directions(rows).tolist() == [0, 0, 2]
    assert group_directions(rows, oriented=False).tolist() == [0, 0, 0]


def test_group_directions_against_brute_force(rng):
    """Integer rows: equal directions are decided exactly by cross products."""
    for _ in range(50):
        d = rng.integers(1, 4)
        rows = rng.integers(-2, 3, (12, d))
        for oriented in (True, False):
            expected = []
            for i, row in enumerate(rows):
                label = -1 if not row.any() else i
                for j in range(i):
                    cross = np.outer(row, rows[j]) - np.outer(rows[j], row)
                    inner = row @ rows[j]
                    if not cross.any() and (inner > 0 or (not oriented and inner < 0)):
                        label = j
                        break
                expected.append(label)
            labels = group_directions(rows.astype(float), oriented=oriented)
            assert labels.tolist() == expected


def test_max_norms_of_nothing():
    assert max_norms(np.zeros((3, 0))).tolist() == [0.0, 0.0, 0.0]
    assert group_directions(np.zeros((0, 2))).tolist() == []


# --- changes that keep the realization -----------------------------------------------------


def test_balance_zeroes_silent_neurons():
    theta = Parametrization([[1.0, 2.0], [0.0, 0.0], [2.0, 0.5]], [0.0, 3.0, -8.0]).balance()
    assert np.array_equal(theta.weights, [[0, 0], [0, 0], [4.0, 1.0]])
    assert np.array_equal(theta.output_weights, [0.0, 0.0, -4.0])


@pytest.mark.parametrize(("a", "c"), [(1e-200, 1e200), (1e200, 1e-200), (1e-160, 1e-160)])
def test_balance_survives_extreme_scales(a, c):
    theta = Parametrization([[a, -a / 2]], [-c]).balance()
    assert theta.is_balanced()
    assert theta.products[0] == pytest.approx([a * c, -a * c / 2], rel=1e-14)


@pytest.mark.parametrize("order", [[0, 0], [0], [0, 2], [0, 1, 2]])
def test_permute_refuses_what_is_no_permutation(order):
    with pytest.raises(ValueError, match="permutation"):
        Parametrization(np.eye(2), [1.0, 2.0]).permute(order)


def test_merge_by_hand():
    """(35): c_1 + c_2 ‖a_2‖ / ‖a_1‖, opposite directions stay apart."""
    theta = Parametrization(
        [[1.0, -2.0], [2.0, -4.0], [-1.0, 2.0], [0.0, 3.0]], [1.0, 2.0, 7.0, 0.0]
    ).merge()
    assert np.array_equal(theta.weights, [[1, -2], [0, 0], [-1, 2], [0, 0]])
    assert np.array_equal(theta.output_weights, [5, 0, 7, 0])


def test_merge_cancels():
    theta = Parametrization([[1.0, 2.0], [2.0, 4.0]], [2.0, -1.0]).merge()
    assert not theta.weights.any()
    assert not theta.output_weights.any()


def test_scale_multiplies_products_and_keeps_balance():
    theta = Parametrization.from_products([[4.0, 1.0], [1.0, -1.0]], [1, -1])
    scaled = theta.scale([4.0, 0.25])
    assert np.array_equal(scaled.products, [[16.0, 4.0], [0.25, -0.25]])
    assert scaled.is_balanced()


def test_concatenate_and_negate_add_up(rng):
    one = Parametrization(rng.standard_normal((2, 3)), rng.standard_normal(2))
    two = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
    x = rng.standard_normal((20, 3))
    both = Parametrization.concatenate([one, two.negate()])
    assert realize(both, x) == pytest.approx(realize(one, x) - realize(two, x), abs=1e-13)


# --- the lift, Lemma A.4 -------------------------------------------------------------------


def test_lift_inputs():
    assert np.array_equal(lift_inputs([[2.0, 3.0]]), [[2.0, 3.0, 1.0, -1.0]])
    with pytest.raises(ValueError, match="n_samples, n_features"):
        lift_inputs([1.0, 2.0])


#: Networks (a, b, c, e) for which the construction as printed leaves N*.
COLLISIONS = {
    "two silent neurons": ([[1.0], [2.0]], [0.5, 1.0], [0.0, 0.0], 1.0),
    "a silent neuron and no offset": ([[1.0], [2.0]], [0.5, 1.0], [1.0, 0.0], 0.0),
    "everything zero": ([[0.0], [0.0]], [0.0, 0.0], [0.0, 0.0], 0.0),
    "(a, b) = (0, 1), the offset's neuron": ([[0.0], [1.0]], [1.0, 0.0], [3.0, 1.0], 2.0),
    "(a, b) = (0, 1) cancels the offset": ([[0.0], [1.0]], [1.0, 0.0], [-2.0, 1.0], 2.0),
    "(a, b) = (0, -1), dead": ([[0.0], [1.0]], [-1.0, 0.0], [-2.0, 1.0], 0.0),
    "equal neurons": ([[1.0], [1.0]], [0.5, 0.5], [1.0, 2.0], 0.0),
    "parallel neurons": ([[1.0], [4.0]], [0.5, 2.0], [1.0, -2.0], -1.0),
    "cancelling neurons": ([[1.0], [2.0]], [0.5, 1.0], [2.0, -1.0], 0.0),
    "cancelling neurons with an offset": ([[1.0], [2.0]], [0.5, 1.0], [2.0, -1.0], 3.0),
    "opposite neurons": ([[1.0], [-1.0]], [0.5, -0.5], [1.0, 1.0], 0.0),
    "a neuron along the offset's direction": ([[0.0], [0.0]], [2.0, 0.5], [1.0, 1.0], -2.5),
    "negative offset": ([[1.0], [0.0]], [-1.0, 0.0], [1.0, 0.0], -7.0),
}


@pytest.mark.parametrize("name", COLLISIONS)
def test_lift_lies_in_the_restricted_set_whatever_collides(name):
    weights, biases, outputs, offset = COLLISIONS[name]
    gamma = lift(weights, biases, outputs, offset)
    m, d = np.shape(weights)
    assert gamma.weights.shape == (m + 1, d + 2)
    assert (gamma.weights[:, -2:] > 0).all()
    assert (gamma.output_weights != 0).all()
    assert gamma.is_balanced()
    assert gamma.redundant_pairs() == []
    assert RestrictedSpace(d + 2, m + 1).violations(gamma) == []
    x = np.linspace(-3, 3, 41)[:, None]
    direct = np.maximum(x @ np.transpose(weights) + biases, 0.0) @ np.asarray(outputs) + offset
    assert realize(gamma, lift_inputs(x)) == pytest.approx(direct, abs=1e-13)


def test_lift_of_a_network_without_neurons():
    gamma = lift(np.zeros((0, 2)), [], [], 1.5)
    assert gamma.weights.shape == (1, 4)
    assert realize(gamma, lift_inputs([[5.0, -7.0]])) == pytest.approx([1.5], rel=1e-15)


def test_lift_against_the_printed_construction(rng):
    """Where nothing collides: a_i -> (a_i, b_i^+ + 1, b_i^- + 1), balanced, as in the proof."""
    a, b, c = rng.standard_normal((3, 2)), rng.standard_normal(3), rng.standard_normal(3)
    rows = np.column_stack([a, np.maximum(b, 0) + 1, np.maximum(-b, 0) + 1])
    printed = Parametrization(np.vstack([rows, [0.0, 0.0, 2.0, 1.0]]), np.append(c, 0.5)).balance()
    gamma = lift(a, b, c, 0.5)
    assert gamma.products == pytest.approx(printed.products, rel=1e-14)
    assert np.array_equal(gamma.signs, printed.signs)
