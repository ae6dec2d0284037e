"""Rounding never makes a probe's verdict false; judged in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape.descent import descend
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius, search_ball
from landscape.probe._program import NetworkValues, ScaleProgram, Solution
from landscape.probe.rigid import scale_bounds
from landscape.spaces import BalancedSpace, RestrictedSpace, make_space
from landscape.verdict import Verdict


def exact_loss(theta: Parametrization, scales, X, y) -> Fraction:
    """Of sum_i t_i c_i relu(<a_i, x>), in rationals."""
    total = Fraction(0)
    for x, target in zip(X.tolist(), y.tolist(), strict=True):
        value = -Fraction(target)
        for a, c, t in zip(
            theta.weights.tolist(), theta.output_weights.tolist(), scales, strict=True
        ):
            z = sum(Fraction(p) * Fraction(q) for p, q in zip(a, x, strict=True))
            value += Fraction(float(t)) * Fraction(c) * max(z, Fraction(0))
        total += value * value
    return total / len(y)


def minimum(seed: int = 0, p: int = 2, m: int = 2):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((20, p))
    y = np.sin(2 * features[:, 0]) + 0.3 * rng.standard_normal(20)
    space = make_space("restricted", p, m)
    X = space.embed(features)
    return descend(space.sample(rng), X, y, space=space).parametrization, X, y, space


@pytest.mark.parametrize("seed", range(6))
def test_dual_bounds_are_below_every_rescaling(seed):
    """For any multipliers and any tau, however bad: weak duality, with rounding."""
    rng = np.random.default_rng(seed)
    space = RestrictedSpace(3, 3)
    theta = space.sample(rng)
    X = rng.standard_normal((9, 3)) * 10.0 ** rng.integers(-6, 7, (9, 1))
    y = rng.standard_normal(9) * 10.0 ** rng.integers(-6, 7)
    values = NetworkValues.of(theta, X, y)
    area = Fraction(values.unit) ** 2
    before = exact_loss(theta, np.ones(3), X, y)
    for fraction in (0.9, 1e-3, 1e-9):
        radius = fraction * rigidity_radius(theta) / values.slope_unit
        low, high = scale_bounds(values, radius, space)
        program = ScaleProgram(values, values.rows, theta.signs, radius, low, high)
        solution = program.solve()
        sizes = np.abs(values.outputs)
        for _ in range(5):
            tau = rng.uniform(low, high)
            tau /= max(1.0, 1.001 * np.abs(program.distance(tau) / radius))
            scales = 1 + tau * radius / sizes
            # Rounded scales: their own tau is what counts.
            change = exact_loss(theta, scales, X, y) - before
            proposed = Solution(
                rng.uniform(low, high),
                solution.cells,
                rng.exponential(1.0, solution.multipliers.shape) * rng.choice([1e-9, 1.0]),
                1,
                True,
            )
            for candidate in (solution, proposed):
                assert Fraction(program.lower_bound(candidate)) * area <= change


@pytest.mark.parametrize("seed", range(8))
def test_values_are_bounded_in_rationals(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (7, 4)) * 10.0 ** rng.integers(-9, 10, 4)
    theta = Parametrization(
        rng.integers(-3, 4, (3, 4)) / 10.0 ** rng.integers(-9, 10, 4), rng.standard_normal(3)
    )
    y = rng.standard_normal(7)
    values, other = NetworkValues.of(theta, X, y), theta.scale(rng.uniform(1, 1.001, 3))
    area = Fraction(values.unit) ** 2
    truth, moved = exact_loss(theta, np.ones(3), X, y), exact_loss(other, np.ones(3), X, y)
    found, change = values.loss, values.change_to(other)
    assert abs(Fraction(float(found.value)) * area - truth) <= Fraction(float(found.error)) * area
    gap = abs(Fraction(float(change.value)) * area - (moved - truth))
    assert gap <= Fraction(float(change.error)) * area


@pytest.mark.parametrize("power", [-240, -80, 0, 80, 240])
@pytest.mark.parametrize("of_inputs", [-200, 0, 200])
def test_units_do_not_matter(power, of_inputs):
    """Targets times 4^power, inputs times 2^of_inputs: the same verdicts, gaps, cuts."""
    theta, X, y, space = minimum()
    for network, expected in ((theta, Verdict.HOLDS), (theta.scale([1, 1.1, 1]), Verdict.VIOLATED)):
        radius = 0.7 * rigidity_radius(network)
        record = probe_realization(network, X, y, radius=radius, space=space)
        assert record.verdict is expected
        # |c_i| = max |a_i| stays: both are multiplied by 2^(power - of_inputs / 2).
        factor = 2.0 ** (power - of_inputs // 2)
        moved = Parametrization(network.weights * factor, network.output_weights * factor)
        again = probe_realization(
            moved,
            X * 2.0**of_inputs,
            y * 4.0**power,
            radius=radius * factor**2,
            space=space,
        )
        assert again.verdict is expected
        assert again.gap == record.gap * 16.0**power
        assert (again.n_cuts, again.distance) == pytest.approx(
            (record.n_cuts, record.distance * factor**2), nan_ok=True
        )


def test_both_sides_of_the_rigid_radius():
    theta, X, y, space = minimum()
    half = rigidity_radius(theta)
    for radius, regime in ((np.nextafter(half, 0) * (1 - 1e-15), "rigid"), (half * 1.01, "beyond")):
        record = probe_realization(theta, X, y, radius=radius, space=space)
        assert record.regime == regime
    # Exactly one half of the least product: open at the end.
    theta = Parametrization.from_products([[4.0, 1.0, 1.0], [1.0, 9.0, 1.0]], [1, -1])
    X = np.eye(3)
    y = np.array([1.0, 2.0, 3.0])
    record = probe_realization(theta, X, y, radius=2.0, space=RestrictedSpace(3, 2))
    assert record.regime == "beyond"
    record = probe_realization(theta, X, y, radius=np.nextafter(2, 0), space=RestrictedSpace(3, 2))
    assert record.regime == "rigid"


@pytest.mark.parametrize("size", [1.0, 1e8, 1e15])
def test_what_contributes_nothing_does_not_excuse_a_residual(size):
    """A huge column that no neuron weighs, a huge neuron that no sample activates."""
    theta = Parametrization([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]], [1.0, 1.0])
    X = np.array([[1.0, 0, size], [0, 1, size], [1, 1, -size]])
    y = np.array([1.0, 2.0, 2.5])
    space = BalancedSpace(3, 2)
    theta = Parametrization(theta.weights * [[1.0], [size]], [1.0, size])
    record = probe_realization(theta, X, y, radius=1e-3, space=space)
    assert record.regime != "global"
    assert record.verdict is not Verdict.HOLDS


def test_a_tolerance_that_exceeds_the_loss_holds_nothing():
    """Nearly a perfect fit: what is left of the loss could be gained."""
    rng = np.random.default_rng(1)
    theta = Parametrization.from_products([[1.0, 2.0, 1.0]], [1])
    X = np.abs(rng.standard_normal((12, 3)))
    y = np.maximum(X @ theta.products[0], 0.0) * (1 + 1e-11)
    record = probe_realization(theta, X, y, radius=0.4, space=RestrictedSpace(3, 1))
    assert record.regime == "rigid"
    assert record.tolerance <= 1e-6 * float(np.mean((y / (1 + 1e11)) ** 2)) * 1.01
    assert record.verdict is not Verdict.HOLDS


@pytest.mark.parametrize("offset", [1e-3, 1e-6, 1e-9, 1e-12])
def test_nearly_parallel_neurons(offset):
    """The wedge between two hyperplanes counts however thin: no false verdict either way."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((15, 3))
    theta = Parametrization.from_products([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + offset]], [1, -1])
    space, radius = RestrictedSpace(3, 2), 0.4
    first = np.maximum(X @ theta.products[0], 0.0)
    # Orthogonal to what the neurons can do: stationary scales.
    features = np.column_stack([first, np.maximum(X @ theta.products[1], 0.0) - first])
    noise = rng.standard_normal(15)
    q = np.linalg.qr(features / np.linalg.norm(features, axis=0))[0]
    noise -= q @ (q.T @ noise)
    values = features[:, 0] - (features[:, 0] + features[:, 1])
    held = probe_realization(theta, X, values - noise, radius=radius, space=space)
    assert held.verdict is not Verdict.VIOLATED
    worse = probe_realization(theta, X, values - noise + 0.5 * first, radius=radius, space=space)
    assert worse.verdict is Verdict.VIOLATED
    scales = [Fraction(float(t)) for t in worse.scales]
    before = exact_loss(theta, np.ones(2), X, values - noise + 0.5 * first)
    after = exact_loss(theta, scales, X, values - noise + 0.5 * first)
    assert float(before - after) == pytest.approx(worse.gap, rel=1e-9)


def test_duplicate_samples_and_zero_columns():
    theta, X, y, space = minimum()
    radius = 0.8 * rigidity_radius(theta)
    record = probe_realization(
        theta, np.vstack([X, X]), np.append(y, y), radius=radius, space=space
    )
    assert record.verdict is Verdict.HOLDS
    zeros = np.column_stack([np.zeros(len(X)), X])
    wide = Parametrization(np.column_stack([np.zeros(3), theta.weights]), theta.output_weights)
    record = probe_realization(wide, zeros, y, radius=radius, space=RestrictedSpace(5, 3))
    assert record.verdict is Verdict.HOLDS


def test_a_bracket_of_a_zero_residual_is_infinite():
    theta, X, _, space = minimum()
    y = np.maximum(X @ theta.weights.T, 0.0) @ theta.output_weights
    found = search_ball(theta, X, y, radius=1.0, space=space, rng=np.random.default_rng(0))
    assert found.radius_low == np.inf
