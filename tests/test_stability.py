"""Distances modulo permutations, distances to fibres, Theorem 3.1 and Corollary 3.3.

Checks Theorem 16 of docs/mathematics.md.
"""

import itertools

import numpy as np
import pytest

from landscape.canonical import canonical_form, same_realization
from landscape.errors import NumericalError
from landscape.paper.pairs import random_pairs, sharp_pair
from landscape.parametrization import DIRECTION_TOLERANCE, Parametrization
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace
from landscape.stability import (
    admissible_flips,
    best_permutation,
    bottleneck_assignment,
    degeneracies,
    distance_to_fibre,
    flip_gap,
    inverse_stability,
    parameter_distance,
    reparametrize_near,
)
from tests.cases import diagonal


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


# --- distance to a fibre ------------------------------------------------------------------------


def test_fibre_contains_permutations_and_rescalings():
    rng = np.random.default_rng(3)
    for _ in range(20):
        d, m = int(rng.integers(2, 5)), int(rng.integers(1, 5))
        theta = random_network(rng, d, m)
        t = np.exp(rng.standard_normal(m))
        gamma = Parametrization(theta.weights * t[:, None], theta.output_weights / t)
        found = distance_to_fibre(gamma.permute(rng.permutation(m)), theta)
        assert found.upper < 1e-13 and found.exact


def flippable(rng, d):
    """Three neurons whose products sum to zero (Lemma A.3), and their flip."""
    u = rng.standard_normal((3, d))
    u[2] = -u[0] - u[1]
    c = np.abs(rng.standard_normal(3)) + 0.5
    return Parametrization(u / c[:, None], c), Parametrization(-u / c[:, None], c)


def test_fibre_contains_flips():
    rng = np.random.default_rng(4)
    for _ in range(20):
        theta, flipped = flippable(rng, 3)
        found = distance_to_fibre(flipped, theta)
        assert len(found.flips) == 2
        assert found.upper < 1e-12
        assert parameter_distance(flipped, theta) > 0.1


@pytest.mark.parametrize("seed", range(20))
def test_fibre_distance_is_attained_by_a_parametrization_of_the_function(seed):
    rng = np.random.default_rng([5, seed])
    d, k, spare = int(rng.integers(2, 4)), int(rng.integers(1, 4)), int(rng.integers(0, 4))
    gamma, theta = random_network(rng, d, k + spare), random_network(rng, d, k)
    found = distance_to_fibre(gamma, theta)
    phi = found.parametrization
    assert same_realization(phi, theta, tolerance=1e-11)
    gap = max(
        np.abs(phi.weights - gamma.weights).max(),
        np.abs(phi.output_weights - gamma.output_weights).max(),
    )
    assert gap <= found.upper * (1 + 1e-9)
    assert found.lower <= found.upper
    if spare <= 1:
        assert found.exact


def test_one_spare_neuron_shares_a_hyperplane_where_that_is_nearer():
    gamma = Parametrization([[1.0, 0.0], [1.0, 0.1]], [1.0, 1.0])
    found = distance_to_fibre(gamma, Parametrization([[1.0, 0.0]], [2.0]))
    assert found.exact and found.upper == pytest.approx(0.1)
    # Opposite neurons on one hyperplane leave a linear function, which another flip takes up.
    gamma = Parametrization([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0])
    found = distance_to_fibre(gamma, Parametrization([[2.0, 0.0], [1.0, 1.0]], [1.0, 1.0]))
    assert found.exact


def test_too_few_neurons_are_refused():
    theta = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="2 hyperplanes"):
        distance_to_fibre(Parametrization([[1.0, 0.0]], [1.0]), theta)
    with pytest.raises(ValueError, match="inputs"):
        distance_to_fibre(Parametrization([[1.0]], [1.0]), theta)


def test_admissible_flips_equal_enumeration():
    rng = np.random.default_rng(6)
    for _ in range(20):
        d, n = 2, 6
        theta = Parametrization(rng.integers(-2, 3, size=(n, d)), rng.choice([-1.0, 1.0], n))
        form = canonical_form(theta)
        steps = form.jumps[:, None] * form.normals
        expected = [
            flip
            for size in range(len(steps) + 1)
            for flip in itertools.combinations(range(len(steps)), size)
            if np.abs(steps[list(flip)].sum(axis=0) + form.linear).max() < 1e-9
        ]
        assert admissible_flips(theta) == expected


def test_a_flip_is_admissible_up_to_the_tolerance_of_directions():
    for factor, expected in ((0.5, 2), (3.0, 1)):
        last = [-1.0, -1.0 + factor * 3 * DIRECTION_TOLERANCE]
        theta = Parametrization([[1.0, 0.0], [0.0, 1.0], last], np.ones(3))
        assert len(admissible_flips(theta)) == expected


def test_neurons_below_the_rounding_of_others_are_not_turned_around_for_free():
    large = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]) * 2.0**70
    gamma = Parametrization(np.vstack([large, [[1.0, 2.0]]]), np.ones(4))
    theta = Parametrization(np.vstack([-large, [[-1.0, -2.0]]]), np.ones(4))
    found = distance_to_fibre(gamma, theta)
    assert len(found.flips) == 2 and found.exact and found.upper > 0.9


def test_cancelling_and_flippable_neurons_have_distance_zero_from_their_own_fibre():
    """It raised "no parametrization was found"."""
    rows = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0]]
    gamma = Parametrization(rows, [1.0, 1.0, 1.0, 3.0, -3.0, 1.0])
    found = distance_to_fibre(gamma, gamma)
    assert found.upper == 0 and found.exact
    # Two spare neurons make any linear part, so nothing is refused for these.
    theta = Parametrization([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]], [1.0, 1.0, -1.0])
    found = distance_to_fibre(random_network(np.random.default_rng(13), 2, 3), theta)
    assert same_realization(found.parametrization, theta)


def test_the_offset_is_never_exchanged_for_another_neuron():
    """The distance of two different networks was 0."""
    space = UnrestrictedSpace(2, 2, offset=True)
    gamma = Parametrization([[0.0, 1.0], [0.0, 1.0]], [1.0, 2.0])
    theta = gamma.permute([1, 0])
    assert parameter_distance(gamma, theta) == 0
    assert parameter_distance(gamma, theta, space=space) == 1
    gamma, theta = (Parametrization([[1.0, 2.0], [0.0, 1.0]], [1.0, e]) for e in (0.5, 0.75))
    assert distance_to_fibre(gamma, theta, space=space).upper == 0.25
    # The offset takes up what a flip leaves: ρ(x + 2) - ρ(-x - 2) = x + 2.
    gamma = Parametrization([[1.0, 2.0], [-1.0, 1.0], [0.0, 1.0]], [1.0, 1.0, 0.0])
    theta = Parametrization([[-1.0, -2.0], [1.0, -1.0], [0.0, 1.0]], [1.0, 1.0, 3.0])
    space = UnrestrictedSpace(2, 3, offset=True)
    assert distance_to_fibre(gamma, theta, space=space).upper == 0
    assert distance_to_fibre(gamma, theta).lower > 0
    with pytest.raises(ValueError, match=r"gamma: expected the offset \(0, ..., 0, 1\)"):
        distance_to_fibre(gamma.permute([2, 0, 1]), theta, space=space)


@pytest.mark.parametrize("seed", range(5))
def test_fibres_of_the_balanced_spaces(seed):
    rng = np.random.default_rng([11, seed])
    d, m = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    space = RestrictedSpace(d, m)
    gamma, theta = space.sample(rng), space.sample(rng)
    other = Parametrization(2 * theta.weights, theta.output_weights / 2)
    for place in (space, BalancedSpace(d, m)):
        found = distance_to_fibre(gamma, other, space=place)
        assert found.exact and space.contains(found.parametrization)
        assert found.upper == pytest.approx(parameter_distance(gamma, theta), rel=1e-12)
    reversed_ = Parametrization(-theta.weights, theta.output_weights)
    with pytest.raises(ValueError, match="none of networks of the space 'restricted'"):
        distance_to_fibre(gamma, reversed_, space=space)


def test_products_that_are_too_large_are_named():
    with pytest.raises(NumericalError, match="neuron 1"):
        distance_to_fibre(*[Parametrization([[1.0], [1e200]], [1.0, 1e200])] * 2)


def test_flip_gap():
    theta, _ = flippable(np.random.default_rng(7), 3)
    gap, members = flip_gap(theta)
    assert gap < 1e-12 and members == (0, 1, 2)
    assert flip_gap(Parametrization([[1.0]], [0.0])) == (np.inf, ())
    with pytest.raises(ValueError, match="22"):
        flip_gap(Parametrization(np.ones((30, 1)), np.ones(30)))


def test_degeneracies_know_the_offset():
    """Turning ρ(x + 2) and ρ(-x - 1) around leaves a constant, which an offset takes up."""
    theta = Parametrization([[1.0, 2.0], [-1.0, -1.0], [0.0, 1.0]], [1.0, 1.0, 4.0])
    space = UnrestrictedSpace(2, 3, offset=True)
    assert flip_gap(theta, space=space) == (0.0, (0, 1)) and flip_gap(theta)[0] == 1.0
    found = degeneracies(theta, space=space)
    assert (found["flip_gap"], found["imbalance"], found["imbalance_max"]) == (0.0, 0.25, 0.5)
    assert degeneracies(theta)["imbalance_max"] == 0.75


@pytest.mark.parametrize(("seed", "spare"), diagonal(range(6), [0, 1]))
def test_fibre_distance_scales_exactly_and_ignores_the_given_parametrization(seed, spare):
    rng = np.random.default_rng([10, seed, spare])
    gamma, theta = random_network(rng, 3, 3 + spare), random_network(rng, 3, 3)
    found = distance_to_fibre(gamma, theta)
    # Powers of two rescale exactly.
    larger = distance_to_fibre(
        Parametrization(4 * gamma.weights, 4 * gamma.output_weights),
        Parametrization(4 * theta.weights, 4 * theta.output_weights),
    )
    assert larger.upper == 4 * found.upper
    other = Parametrization(8 * theta.weights, theta.output_weights / 8).permute([2, 0, 1])
    assert distance_to_fibre(gamma, other).upper == found.upper
    shuffled = gamma.permute(rng.permutation(3 + spare))
    assert distance_to_fibre(shuffled, theta).upper == pytest.approx(found.upper, rel=1e-12)
    padded = Parametrization(
        np.vstack([theta.weights, np.zeros((spare, 3))]),
        np.concatenate([theta.output_weights, np.zeros(spare)]),
    )
    assert found.upper <= parameter_distance(gamma, padded) * (1 + 1e-12)


# --- Theorem 3.1 --------------------------------------------------------------------------------


def checked(gamma, theta, **options):
    """Reparametrize and verify everything that the record claims, from the record alone."""
    found = reparametrize_near(gamma, theta, **options)
    phi = found.parametrization
    assert same_realization(phi, theta)
    gap = max(
        np.abs(phi.weights - gamma.weights).max(),
        np.abs(phi.output_weights - gamma.output_weights).max(),
    )
    assert gap == found.distance
    assert found.bound == found.beta + 2 * np.sqrt(found.seminorm.value)
    if found.admissible:
        assert found.verdict == "holds"
    return found


def test_unbalanced_neurons_keep_their_balance_where_the_product_is_large():
    gamma = Parametrization([[100.0, 0.0], [0.0, 0.01]], [0.01, 100.0])
    theta = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.25, 0.75])
    found = checked(gamma, theta)
    assert found.cases == ("B.2", "B.1")
    assert found.beta == 0.0
    assert found.distance == pytest.approx(0.0025)


def test_unbalanced_neurons_with_small_products_need_beta():
    gamma = Parametrization([[10.0, 0.0]], [0.01])
    theta = Parametrization([[0.0, 1.0]], [0.1])  # Example A.2
    found = checked(gamma, theta)
    assert found.beta == 10.0 and found.conditions[0].holds
    found = checked(gamma, theta, beta=1.0)
    assert not found.conditions[0].holds
    assert found.conditions[0].margin == -9.0
    assert found.conditions[0].neurons == ((0,),)
    assert found.nearest is not None and found.distance == found.nearest.upper
    assert found.distance > found.bound


def test_silent_neurons():
    gamma = Parametrization([[1.0, 0.0], [0.0, 0.0], [0.0, 3.0]], [1.0, 5.0, 0.0])
    theta = Parametrization([[0.0, 0.0], [1.5, 0.0], [2.0, 0.0]], [7.0, 1.0, 0.0])
    found = checked(gamma, theta)
    assert found.admissible
    assert found.beta == 5.0
    zero = Parametrization(np.zeros((3, 2)), np.zeros(3))
    assert checked(gamma, zero).verdict == "holds"
    assert checked(zero, gamma).verdict == "holds"


def test_redundant_theta_is_merged():
    gamma = Parametrization([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], [1.0, 2.0, 1.0])
    theta = Parametrization([[2.0, 2.0], [0.5, 0.5], [0.0, 1.0]], [0.25, 1.0, 2.0])
    found = checked(gamma, theta)
    assert found.admissible
    assert found.cases[1] != "I_1"


def test_each_failing_condition_is_named():
    redundant = Parametrization([[1.0, 0.0], [2.0, 0.0]], [1.0, 1.0])
    opposite = Parametrization([[1.0, 0.0], [-2.0, 0.0]], [1.0, 1.0])
    plain = Parametrization([[0.0, 1.0], [1.0, 1.0]], [1.0, 1.0])
    against = Parametrization([[0.0, -1.0], [1.0, 1.0]], [1.0, 1.0])

    def failing(gamma, theta):
        found = checked(gamma, theta)
        return {condition.name for condition in found.conditions if not condition.holds}

    assert failing(redundant, plain) == {"C.2"}
    assert failing(opposite, plain) == {"C.3a"}
    assert failing(plain, against) == {"C.3b"}
    assert failing(plain, plain) == set()


def test_a_flip_repairs_c3b():
    theta, flipped = flippable(np.random.default_rng(8), 3)
    found = checked(flipped, theta)
    assert found.admissible and found.flips
    assert found.distance < 1e-12


def test_example_2_5_fails_c3b_and_says_so():
    k, root = 10.0, np.sqrt(2)
    a = np.array([[k, k, 1 / k], [-k, k, 1 / k], [0, -root * k, 1 / (root * k)]])
    c = np.array([k, k, root * k])
    found = checked(Parametrization(-a, c), Parametrization(a, c))
    assert [condition.name for condition in found.conditions if not condition.holds] == ["C.3b"]
    assert found.seminorm.value == pytest.approx(3)
    assert found.nearest.exact and found.nearest.upper == pytest.approx(root * k)


def run_pairs(n_pairs, seed):
    admissible = 0
    for pair in random_pairs(n_pairs, seed=seed):
        found = reparametrize_near(pair.gamma, pair.theta, nearest=False)
        assert found.same_realization, pair
        if found.admissible:
            admissible += 1
            assert found.verdict == "holds", (pair, found)
    assert admissible > 0.9 * n_pairs


def test_theorem_on_random_pairs():
    run_pairs(500, seed=1)


@pytest.mark.slow
def test_theorem_on_ten_thousand_random_pairs():
    run_pairs(10_500, seed=2)


# --- Corollary 3.3 ------------------------------------------------------------------------------


def test_inverse_stability_on_the_restricted_space():
    rng = np.random.default_rng(9)
    for _ in range(50):
        space = RestrictedSpace(int(rng.integers(2, 5)), int(rng.integers(1, 4)))
        gamma, theta = space.sample(rng), space.sample(rng)
        found = inverse_stability(gamma, theta)
        assert found.verdict == "holds"
        assert found.ratio <= 2 * np.sqrt(2) * (1 + 1e-12)
        by_theorem = checked(gamma, theta)
        assert by_theorem.admissible
        assert found.distance <= by_theorem.distance
        fibre = distance_to_fibre(gamma, theta)
        # In N* the fibre is balanced; in N other balances may be nearer.
        assert fibre.upper <= found.distance * (1 + 1e-12)


def test_the_sharp_pair():
    pair = sharp_pair(n_inputs=5, n_neurons=6)
    found = inverse_stability(pair.gamma, pair.theta)
    assert found.seminorm.value == pytest.approx(1, rel=1e-12)
    assert found.distance == pytest.approx(2 * np.sqrt(2), rel=1e-15)


def test_inverse_stability_refuses_what_is_not_in_the_space():
    theta = Parametrization([[1.0, -1.0]], [1.0])
    with pytest.raises(ValueError, match="not in N"):
        inverse_stability(theta, theta)
