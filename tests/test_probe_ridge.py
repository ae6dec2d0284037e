"""The Frank-Wolfe oracle: exact where it says so, honest bounds where not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.exact import integer_vector
from landscape.parametrization import Parametrization, lift_inputs
from landscape.probe import steepest_ridge
from landscape.realization import realize
from landscape.seminorm._box import exact_vertex, inverses
from tests.oracles.ridges import largest_ridge


def attained(ridge, X, s) -> float:
    return float(np.asarray(s) @ np.maximum(np.asarray(X) @ ridge.direction, 0.0))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_raw_data_against_one_linear_program_per_cell(seed, d, n, integers):
    rng = np.random.default_rng(seed)
    X, s = rng.standard_normal((n, d)), rng.standard_normal(n)
    if integers:
        X, s = rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-3, 4, n).astype(float)
    ridge = steepest_ridge(X, s)
    assert ridge.exact
    expected = largest_ridge(X, s)[0] if X.any() else 0.0
    assert ridge.value == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert abs(attained(ridge, X, s)) == pytest.approx(ridge.value, abs=1e-12)
    assert ridge.sign * attained(ridge, X, s) <= 0
    assert ridge.slope(n) == pytest.approx(-2 / n * ridge.value)


def test_three_features_are_exact_and_the_program_agrees():
    rng = np.random.default_rng(3)
    X, s = lift_inputs(rng.standard_normal((14, 3))), rng.standard_normal(14)
    ridge = steepest_ridge(X, s)
    assert ridge.method == "vertices"
    assert ridge.exact
    program = steepest_ridge(X, s, max_vertices=0, node_limit=10_000)
    assert program.method == "milp"
    assert program.value <= ridge.value * (1 + 1e-12)
    assert program.upper >= ridge.value * (1 - 1e-6)
    assert program.value == pytest.approx(ridge.value, rel=1e-6)


def test_a_stopped_program_still_brackets():
    rng = np.random.default_rng(5)
    X, s = lift_inputs(rng.standard_normal((30, 2))), rng.standard_normal(30)
    exact = steepest_ridge(X, s)
    for node_limit in (0, 1, 5):
        found = steepest_ridge(X, s, max_vertices=0, node_limit=node_limit)
        assert found.value <= exact.value * (1 + 1e-12)
        assert found.upper + found.tolerance >= exact.value
        assert not found.is_zero
        again = steepest_ridge(X, s, max_vertices=0, node_limit=node_limit)
        assert (again.value, again.upper) == (found.value, found.upper)


def test_random_directions_never_exceed_the_maximum(rng):
    X, s = lift_inputs(rng.standard_normal((25, 2))), rng.standard_normal(25)
    ridge = steepest_ridge(X, s)
    v = rng.uniform(-1, 1, (20_000, 4))
    v /= np.abs(v).max(axis=1, keepdims=True)
    values = np.abs(np.maximum(X @ v.T, 0.0).T @ s)
    assert values.max() <= ridge.value * (1 + 1e-12)
    assert values.max() > 0.3 * ridge.value  # the search is about the same function


def test_positive_directions_are_those_of_the_restricted_space(rng):
    X, s = lift_inputs(rng.standard_normal((25, 1))), rng.standard_normal(25)
    ridge = steepest_ridge(X, s, positive=True)
    assert (ridge.direction[-2:] >= 0).all()
    v = rng.uniform(-1, 1, (20_000, 3))
    v[:, -2:] = np.abs(v[:, -2:])
    assert np.abs(np.maximum(X @ v.T, 0.0).T @ s).max() <= ridge.value * (1 + 1e-12)
    assert ridge.value <= steepest_ridge(X, s).value
    raw, t = rng.standard_normal((12, 3)), rng.standard_normal(12)
    found = steepest_ridge(raw, t, positive=True)
    assert (found.direction[-2:] >= 0).all()
    assert np.abs(np.maximum(raw @ v.T, 0.0).T @ t).max() <= found.value * (1 + 1e-12)


def test_nearly_dependent_samples_go_to_rational_arithmetic():
    """Three hyperplanes through nearly one line: floats cannot place the vertex, fractions can."""
    e = 2.0**-50
    X = np.array([[1.0, 0.5, 0.25], [1.0, 0.5 + e, 0.25], [0.5, 1.0, 0.25], [0.5, 1.0, 0.25 + e]])
    s = np.array([1.0, -1.0, 2.0, -2.0])
    ridge = steepest_ridge(X, s)
    assert ridge.exact
    expected, _ = largest_ridge(X, s)
    assert ridge.value == pytest.approx(expected, rel=1e-6, abs=1e-14)
    grid = np.array([[i, j] for i in range(-2, 3) for j in range(-2, 3)], dtype=float)
    standard = lift_inputs((grid - 0.1) / np.sqrt(2.0))
    weights = np.random.default_rng(0).standard_normal(25)
    found = steepest_ridge(standard, weights)
    assert found.n_exact > 0
    assert found.exact


def test_error_bounds_of_vertices_hold_for_nearly_dependent_hyperplanes():
    """Against rational arithmetic, rank one up to delta: also where two singular values vanish."""
    rng = np.random.default_rng(0)
    n_bounded = 0
    for _ in range(300):
        r = int(rng.integers(1, 4))
        base, delta = rng.uniform(-1, 1, r + 1), 10.0 ** rng.uniform(-7, 0)
        rows = base * rng.uniform(0.5, 1, (r, 1)) + delta * rng.uniform(-1, 1, (r, r + 1))
        rows /= np.abs(rows).max(axis=1, keepdims=True)
        inverse, error = inverses(rows[None, :, :r])
        if not error[0] * (r + 1) < 1e-3:
            continue
        start = np.append(np.zeros(r), 1.0)
        exact = exact_vertex(list(map(integer_vector, rows.tolist())), list(range(r)), start)
        assert exact is not None
        found = inverse[0] @ -rows[:, r]
        pairs = zip(found.tolist(), exact, strict=True)
        distance = max(abs(float(Fraction(x) - z)) for x, z in pairs)
        assert distance <= error[0] * (r + 1)
        n_bounded += 1
    assert n_bounded > 150


def test_without_rational_arithmetic_the_bound_is_kept_open():
    """What was not decided stays in the upper bound: no false exactness."""
    grid = np.array([[i, j] for i in range(-2, 3) for j in range(-2, 3)], dtype=float)
    X = lift_inputs((grid - 0.1) / np.sqrt(2.0))
    s = np.random.default_rng(0).standard_normal(25)
    found = steepest_ridge(X, s, max_exact=0)
    assert not found.exact
    assert found.upper > found.value


def test_residuals_that_cancel_at_every_point_are_proved_optimal():
    """Duplicate inputs whose residuals cancel: no network of any width is better."""
    X = lift_inputs(np.repeat([[-1.0], [0.5], [2.0]], 2, axis=0))
    ridge = steepest_ridge(X, [1.0, -1.0, 0.25, -0.25, 3.0, -3.0])
    assert ridge.value == 0.0
    assert ridge.exact
    assert ridge.is_zero
    barely = steepest_ridge(X, [1.0, -1.0, 0.25, -0.25, 3.0, -3.0 + 1e-6])
    assert not barely.is_zero


def test_it_is_the_uniform_norm_of_a_network(rng):
    theta = Parametrization(rng.standard_normal((4, 2)), rng.standard_normal(4))
    found = steepest_ridge(theta.weights, theta.output_weights)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 201)] * 2), axis=-1).reshape(-1, 2)
    reached = np.abs(realize(theta, grid)).max()
    assert reached <= found.value * (1 + 1e-12)
    assert reached >= 0.98 * found.value


def test_powers_of_two_scale_exactly(rng):
    X, s = lift_inputs(rng.standard_normal((12, 2))), rng.standard_normal(12)
    one, two = steepest_ridge(X, s), steepest_ridge(X, 8 * s)
    assert two.value == 8 * one.value
    assert np.array_equal(one.direction, two.direction)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="s: expected one residual"):
        steepest_ridge(np.zeros((3, 2)), np.zeros(2))
