"""Degenerate minima as they come: spare neurons are recognized, and the implication decided."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, lift_inputs
from landscape.probe import CONTROLS, examine_minimum, reduce_width
from landscape.realization import difference, realize
from landscape.seminorm import sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace, make_space
from landscape.stability.flips import unfrozen
from landscape.stationarity import Verdict
from tests.oracles import ball
from tests.oracles.problems import DATA


@pytest.mark.parametrize(
    ("weights", "outputs", "spare"),
    [
        ([[1, 0], [0, 1]], [1, 1], 0),
        ([[1, 0], [2, 0], [0, 1]], [1, 1, 1], 1),  # parallel
        ([[1, 0], [0, 0], [0, 1]], [1, 1, 1], 1),  # a = 0
        ([[1, 0], [1, 1], [0, 1]], [1, 0, 1], 1),  # c = 0
        ([[1, 0], [-1, 0], [0, 1]], [1, 1, 1], 0),  # |z|: its linear part needs both
        ([[1, 0], [1, 0], [0, 1]], [1, -1, 1], 2),  # cancels
        ([[1, 0], [-1, 0], [0, 1]], [1, -1, 1], 0),  # z: no jump, but a linear part
        ([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, -1, 1, -1], 2),  # z_1 + z_2: two neurons do
        # Example 2.4: a_1 + a_2 + a_3 = 0, the zero function.
        ([[1, 0], [0, 1], [-1, -1], [-1, 0], [0, -1], [1, 1]], [1, 1, 1, -1, -1, -1], 6),
    ],
)
def test_how_many_neurons_a_realization_needs(weights, outputs, spare):
    theta = Parametrization(np.array(weights, dtype=float), outputs)
    found = reduce_width(theta)
    assert found.n_spare == spare
    assert found.parametrization.n_neurons == theta.n_neurons - spare
    if found.parametrization.n_neurons:
        assert ball.seminorm(difference(theta, found.parametrization)) <= 1e-12


def base(name: str = "sine"):
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 2)
    X = space.embed(features)
    end = descend(space.sample(np.random.default_rng(4), n_positive=1), X, y, space=space)
    return end.parametrization, X, y


def test_every_degeneracy_is_found_and_violated():
    """The controls are natural cases made on purpose: the same verdict by another way."""
    theta, X, y = base()
    for kind in ("C.1", "C.2"):
        control = CONTROLS[kind](theta, X, y)
        found = examine_minimum(control.parametrization, X, y, space=control.space)
        assert found.n_spare == 1
        assert found.n_redundant == (kind == "C.2")
        assert found.n_zero == (kind == "C.1")
        assert found.verdict is Verdict.VIOLATED
        assert found.gap > found.tolerance
        assert 0 < found.distance < 0.1


def test_opposite_neurons_in_the_balanced_space():
    x = np.arange(-3, 4)[:, None]
    s = np.array([1, -2, 1, 0, 1, -2, 1.0])
    theta = Parametrization.from_products([[2.0, 9.0, 1.0]], [1])
    X, y = lift_inputs(x), 2 * x[:, 0] + 8.0 - s
    control = CONTROLS["C.3"](theta, X, y)
    found = examine_minimum(control.parametrization, X, y, space=control.space)
    assert found.n_opposite == 3
    assert found.n_spare == 6
    assert found.flip_gap <= 1e-12
    assert found.imbalance <= 1e-12
    assert found.verdict is Verdict.VIOLATED


def test_a_minimum_without_degeneracy_holds():
    theta, X, y = base()
    found = examine_minimum(theta, X, y, space=BalancedSpace(theta.n_inputs, theta.n_neurons))
    assert (found.n_spare, found.n_redundant, found.n_opposite) == (0, 0, 0)
    assert found.verdict is Verdict.HOLDS
    assert 0 < found.radius < 0.5 * np.abs(theta.products).max(axis=1).min()


def test_imbalance_does_not_matter_without_a_spare_neuron():
    theta, X, y = base()
    factors = np.array([8.0, 1.0, 0.25])
    skewed = Parametrization(theta.weights * factors[:, None], theta.output_weights / factors)
    space = UnrestrictedSpace(theta.n_inputs, theta.n_neurons)
    found = examine_minimum(skewed, X, y, space=space)
    assert found.imbalance == pytest.approx(np.log(64))
    assert found.verdict is Verdict.HOLDS


def test_optimal_among_all_widths():
    """A spare neuron that cannot help: duplicates whose residuals cancel."""
    X = lift_inputs(np.repeat([[-1.0], [0.5], [2.0]], 2, axis=0))
    theta = Parametrization.from_products([[2.0, 9.0, 1.0], [0.0, 0.0, 0.0]], [1, 0])
    y = realize(theta, X) + np.array([1.0, -1.0, 0.25, -0.25, 2.0, -2.0])
    found = examine_minimum(theta, X, y, space=BalancedSpace(3, 2))
    assert found.n_spare == 1
    assert found.verdict is Verdict.HOLDS
    assert "any width" in found.reason
    perfect = examine_minimum(theta, X, realize(theta, X), space=BalancedSpace(3, 2))
    assert perfect.verdict is Verdict.HOLDS


def test_a_neuron_beside_the_frozen_offset():
    """In N with biases, a constant neuron joins the offset: it is spare."""
    features, y = DATA["sine"]()
    space = make_space("unrestricted", 1, 2)
    X = space.embed(features)
    constant = Parametrization([[0.0, 2.0], [1.0, 0.3], [0.0, 1.0]], [0.5, 1.0, -0.25])
    found = examine_minimum(constant, X, y, space=space)
    assert found.n_spare == 1
    assert "offset" in found.reason
    other = Parametrization([[1.0, 2.0], [1.0, 0.3], [0.0, 1.0]], [0.5, 1.0, -0.25])
    assert examine_minimum(other, X, y, space=space).n_spare == 0


@pytest.mark.parametrize("offset", [0.0, 1e-9, -0.3])
def test_the_offset_may_vanish_or_change_its_sign(offset):
    """The frozen neuron limits no ball: only its own optimal weight is asked for."""
    features, y = DATA["sine"]()
    space = make_space("unrestricted", 1, 2)
    X = space.embed(features)
    end = descend(space.sample(np.random.default_rng(1)), X, y, space=space).parametrization
    gone = end.output_weights[-1] - offset
    c = np.append(end.output_weights[:-1], offset)
    theta = Parametrization(end.weights, c)
    found = examine_minimum(theta, X, y - gone, space=space)
    assert found.verdict is Verdict.HOLDS, found.reason
    assert found.radius > 1e-3
    worse = examine_minimum(theta, X, y - gone + 0.01, space=space)
    assert worse.verdict is Verdict.VIOLATED
    assert worse.gap > worse.tolerance
    assert worse.distance <= worse.radius * (1 + 1e-9)


def test_a_constant_of_four_neurons_joins_the_frozen_offset():
    """``(x + 1) - x``, each of two opposite neurons: a function on (x, 1), and linear elsewhere."""
    rows, signs = [[1.0, 1.0], [-1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0, -1.0, 1.0]
    theta = Parametrization([*rows, [0.0, 1.0]], [*signs, 0.5])
    space = UnrestrictedSpace(2, 5, offset=True)
    assert reduce_width(Parametrization(rows, signs)).n_spare == 2
    found = reduce_width(theta, space=space)
    assert found.n_spare == 4
    assert found.parametrization.weights.tolist() == [[0.0, 1.0]]
    assert found.parametrization.output_weights == pytest.approx([1.5])
    features, y = DATA["sine"]()
    natural = examine_minimum(theta, space.embed(features), y, space=space)
    assert natural.verdict is Verdict.VIOLATED, natural.reason
    assert natural.gap > natural.tolerance


def test_neurons_that_the_offset_lets_turn_around_decide_nothing():
    """``relu(x + 1) + relu(1 - x)`` is ``relu(-x - 1) + relu(x - 1) + 2``, whose scales descend.

    The weights cancel, the biases do not: in the space with an offset that is a flip for free.
    """
    x = np.array([[-3.0], [-2.0], [-0.5], [0.5], [2.0], [3.0]])
    s = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])
    theta = Parametrization([[1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]], [1.0, 1.0, 0.25])
    space = UnrestrictedSpace(2, 3, offset=True)
    X = space.embed(x)
    y = realize(theta, X) - s
    assert certify_minimum(theta, X, y, space=space).is_minimum
    for t in (1e-1, 1e-3, 1e-5):
        better = Parametrization(-theta.weights * [[1.0], [1.0], [-1.0]], [1 - t, 1 + t, 2.25])
        assert np.mean((realize(better, X) - y) ** 2) < np.mean(s**2)
        distance = sobolev_distance(unfrozen(theta, space), unfrozen(better, space))
        assert distance.upper <= 4 * t
    found = examine_minimum(theta, X, y, space=space)
    assert found.flip_gap == 0.0
    assert found.verdict is Verdict.UNDECIDED
    assert "turned around" in found.reason
    # Functions of both inputs: there the biases count, and nothing in a small ball is better.
    whole = examine_minimum(theta, X, y, space=UnrestrictedSpace(2, 3))
    assert whole.flip_gap > 0.2
    assert whole.verdict is Verdict.HOLDS


def test_silent_neurons_are_counted_but_not_spare():
    """Inactive on the samples, but part of the function: a small ball cannot do without it."""
    theta, X, y = base()
    silent = Parametrization.concatenate([theta, Parametrization([[0.1, -1.0, 1.5]], [1.0])])
    found = examine_minimum(silent, X, y, space=UnrestrictedSpace(3, 4))
    assert not (X @ silent.weights[-1] > 0).any()
    assert found.n_silent >= 1
    assert found.n_spare == 0
    assert found.verdict is Verdict.HOLDS


def test_the_restricted_space_is_refused():
    theta, X, y = base()
    with pytest.raises(ValueError, match="N\\*"):
        examine_minimum(theta, X, y, space=RestrictedSpace(theta.n_inputs, theta.n_neurons))
