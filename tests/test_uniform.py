"""The certified uniform radius (Theorem 17) against exact uniform norms of other networks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from landscape.parametrization import Parametrization, max_norms
from landscape.realization import stacked_difference
from landscape.seminorm import uniform_norm
from landscape.spaces import RestrictedSpace
from landscape.stability import parameter_distance
from landscape.uniform import _is_proved, uniform_radius


def uniform_distance(gamma: Parametrization, theta: Parametrization, bound: float = 1.0) -> float:
    """A lower bound of the distance on the box, exact up to rounding."""
    result = uniform_norm(
        Parametrization(*stacked_difference(gamma, theta)), bound=bound, method="vertices"
    )
    assert result.exact
    return result.value


def moved(gamma: Parametrization, direction: np.ndarray, radius: float) -> Parametrization | None:
    """The network of N* in a direction of the products, just farther away than the radius."""
    size = radius
    for _ in range(6):
        products = gamma.products + size * direction
        if (products[:, -2:] <= 0).any():
            return None
        theta = Parametrization.from_products(products, gamma.signs)
        size *= 1.001 * radius / max(parameter_distance(gamma, theta), 1e-3 * radius)
    return theta if parameter_distance(gamma, theta) > radius else None


def nearest_far_network(
    gamma: Parametrization, radius: float, rng: np.random.Generator, n_steps: int = 40
) -> float:
    """The smallest uniform distance found among networks farther away than the radius.

    From the directions that change values on random points least at first order, by hill climbing.
    """
    m, d = gamma.weights.shape
    points = rng.uniform(-1, 1, (400, d))
    active = points @ gamma.weights.T > 0
    jacobian = (gamma.signs * active)[:, :, None] * points[:, None, :]
    # Per unit of parameters: a_i moves by du / |c_i|.
    weighted = jacobian * np.abs(gamma.output_weights)[None, :, None]
    _, _, right = np.linalg.svd(weighted.reshape(len(points), -1), full_matrices=False)
    starts = [v.reshape(m, d) * np.abs(gamma.output_weights)[:, None] for v in right[-4:]]
    best = np.inf
    for start in starts:
        direction, value = start, np.inf
        for step in np.geomspace(0.5, 0.02, n_steps // len(starts)):
            noise = rng.standard_normal((m, d)) * (rng.random((m, 1)) < 0.5)
            trial = direction + step * np.abs(direction).max() * noise * np.isfinite(value)
            theta = moved(gamma, trial, radius)
            if theta is not None and (found := uniform_distance(gamma, theta)) < value:
                direction, value = trial, found
        best = min(best, value)
    return best


def nearly_parallel(angle: float) -> Parametrization:
    """Two neurons as in Example 2.1: opposite signs, directions that nearly agree."""
    u = np.array([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0 + angle], [-1.0, 0.5, 1.0]])
    return Parametrization.from_products(u, [1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("d", "m"),
    [
        (2, 1),
        (2, 3),
        (3, 1),
        (3, 3),
        *(pytest.param(*size, marks=pytest.mark.slow) for size in [(4, 4), (5, 3)]),
    ],
)
def test_no_network_far_away_is_uniformly_near(d, m, rng):
    gamma = RestrictedSpace(d, m).sample(rng)
    # Far below the sizes of the neurons, where the bound is not limited by the gaps.
    radius = 1e-3 * float(np.abs(gamma.output_weights).min())
    certified = uniform_radius(gamma, radius).radius_uniform
    found = nearest_far_network(gamma, radius, rng)
    # Sound, and loose by no more than this: in two inputs lines of one direction are all there is.
    assert certified <= found
    assert found <= (3000 if d == 2 else 600) * certified


def test_what_lies_in_the_uniform_ball_is_near(rng):
    """Networks with exactly known uniform distance, scaled to just below the radius."""
    gamma = RestrictedSpace(4, 3).sample(rng)
    radius = 0.3 * float(np.abs(gamma.output_weights).min())
    found = uniform_radius(gamma, radius)
    nearest = 0.0
    for _ in range(15):
        direction = rng.standard_normal((3, 4)) * (rng.random((3, 1)) < 0.7)
        size = 1e-3
        for _ in range(8):
            products = gamma.products + size * direction
            if (products[:, -2:] <= 0).any() or not direction.any():
                break
            theta = Parametrization.from_products(products, gamma.signs).permute([2, 0, 1])
            size *= 0.999 * found.radius_uniform / uniform_distance(gamma, theta)
        else:
            assert uniform_distance(gamma, theta) < found.radius_uniform
            assert parameter_distance(gamma, theta) <= radius
            nearest = max(nearest, parameter_distance(gamma, theta))
    assert nearest > 0


@pytest.mark.parametrize("angle", [1e-2, 1e-4, 1e-6])
def test_nearly_parallel_neurons_have_a_small_radius(angle):
    """Both neurons change alike: a parameter distance that the realization hardly shows."""
    gamma = nearly_parallel(angle)
    radius = 0.01
    certified = uniform_radius(gamma, radius).radius_uniform
    direction = np.array([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    theta = moved(gamma, direction, radius)
    assert theta is not None
    distance = uniform_distance(gamma, theta)
    assert distance < 2 * radius * angle
    assert 0 < certified < distance


def test_other_signs_are_far_away_in_the_uniform_norm(rng):
    """The bound for a radius beyond which signs may change is still below their distance."""
    gamma = RestrictedSpace(3, 2).sample(rng)
    certified = uniform_radius(gamma, 10.0).radius_uniform
    for _ in range(200):
        theta = RestrictedSpace(3, 2).sample(rng)
        if (np.sort(theta.signs) != np.sort(gamma.signs)).any():
            assert uniform_distance(gamma, theta) >= certified > 0


def test_scales_as_the_norms_do(rng):
    gamma = RestrictedSpace(3, 3).sample(rng)
    one = uniform_radius(gamma, 0.01)
    larger = Parametrization(gamma.weights * 2.0**40, gamma.output_weights * 2.0**40)
    far = uniform_radius(larger, 0.01 * 2.0**40)
    assert far.radius_uniform == one.radius_uniform * 2.0**80
    wide = uniform_radius(gamma, 0.01, bound=4.0)
    assert wide.radius_uniform == 4 * one.radius_uniform
    np.testing.assert_array_equal(wide.where, 4 * one.where)
    assert np.abs(wide.where).max() <= 4 and (wide.extents > 0).all()
    assert uniform_radius(gamma, 0.02).radius_uniform > one.radius_uniform


def test_the_rational_check_refuses_what_is_too_large(rng):
    from fractions import Fraction

    gamma = RestrictedSpace(3, 3).sample(rng)
    found = uniform_radius(gamma, 0.01)
    exact = np.frompyfunc(Fraction, 1, 1)(gamma.products)
    for factor, expected in ((0.99, True), (1.01, False)):
        value = factor * found.radius_uniform
        parts = (found.where[:-1], found.extents)
        assert _is_proved(exact, *parts, value, Fraction(1, 100)) is expected
    assert not _is_proved(exact, 2 * parts[0], 2 * parts[1], value, Fraction(1, 100))


def test_a_parametrization_that_is_balanced_up_to_rounding_pays_for_it():
    """A radius below the imbalance certifies nothing."""
    a = np.array([[0.3, 0.7, 0.1]])
    off = Parametrization(a, [np.nextafter(0.7, 1.0)])
    assert off.unbalancedness().max() > 0
    assert uniform_radius(off, 0.5 * float(off.unbalancedness().max())).radius_uniform == 0
    assert uniform_radius(off, 1e-3).radius_uniform > 0


def test_what_is_not_in_the_space_is_refused():
    outside = Parametrization([[1.0, 1.0, -1.0]], [1.0])
    with pytest.raises(ValueError, match=r"N\*"):
        uniform_radius(outside, 0.1)
    twins = Parametrization([[1.0, 1.0], [2.0, 2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="same direction"):
        uniform_radius(twins, 0.1)
    for radius, bound in ((0.0, 1.0), (np.inf, 1.0), (1.0, -1.0)):
        with pytest.raises(ValueError, match="positive"):
            uniform_radius(Parametrization([[1.0, 1.0]], [1.0]), radius, bound=bound)


@pytest.mark.parametrize("omega", [1e-3, 1e-2, 3e-2])
def test_position_and_jump_of_a_kink_against_linear_programs(omega):
    """The two estimates that the bound rests on, for J = T = 1: never exceeded, nearly attained.

    Among all g with one kink at s and |f - g| <= omega on [-1, 1], f = relu: a linear program in
    value, slope and jump of g, with constraints where f - g may be extreme.
    """
    points = np.array([-1.0, 0.0, np.nan, 1.0])

    def program(s: float, cost: list[float]):
        points[2] = s
        values = np.column_stack([np.ones(4), points, np.maximum(points - s, 0.0)])
        f = np.maximum(points, 0.0)
        return linprog(
            cost,
            A_ub=np.vstack([values, -values]),
            b_ub=np.concatenate([f + omega, omega - f]),
            bounds=[(None, None)] * 2 + [(0, None)],
        )

    tau = 4 * omega
    kappa, jump = omega * (2 + 4 * tau / (1 - tau)), 4 * omega / (1 - tau)
    near, far = 0.0, 1.0
    for _ in range(40):
        middle = (near + far) / 2
        found = program(middle, [0.0, 0.0, 0.0]).status == 0
        near, far = (middle, far) if found else (near, middle)
    assert 0.8 * kappa <= near <= kappa
    jumps = [
        abs(result.x[2] - 1)
        for s in np.linspace(0, near, 20)
        for side in (1.0, -1.0)
        if (result := program(s, [0.0, 0.0, side])).status == 0
    ]
    assert 0.8 * jump <= max(jumps) <= jump


def test_distances_of_products_bound_those_of_parameters(rng):
    """Theorem 1.2, at its two ends: small changes, and a neuron that nearly vanishes."""
    for _ in range(300):
        u = rng.standard_normal(4) * np.exp(3 * rng.standard_normal())
        other = u + rng.standard_normal(4) * np.exp(4 * rng.standard_normal() - 3)
        a, b = (Parametrization.from_products([v], [1.0]) for v in (u, other))
        delta, c = float(np.abs(u - other).max()), float(a.output_weights[0])
        moved_by = max(abs(c - b.output_weights[0]), max_norms(a.weights - b.weights)[0])
        assert moved_by <= delta / c * min(2, 1.5 + delta / (2 * c**2)) * (1 + 1e-12)
