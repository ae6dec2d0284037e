"""The probe of realization-space balls, against all cells written out and one convex program.

The oracle (tests/oracles/ball.py) enumerates the cells of the arrangement by exact sign-vector
search and minimizes over the scales with cvxpy: no cutting planes, no separation, other seminorm.

Checks Theorems 12 and 13 of docs/mathematics.md.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landscape.descent import DescentOutcome, descend
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius, unbalanced_control
from landscape.probe.exchange import search_ball
from landscape.realization import difference, realize
from landscape.spaces import RestrictedSpace, UnrestrictedSpace, make_space
from landscape.stationarity import Verdict
from tests.oracles import ball
from tests.oracles.problems import DATA, build, lifted, random_pick


def loss(theta: Parametrization, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((realize(theta, X) - y) ** 2))


def inside(radius_factor: float, theta: Parametrization) -> float:
    return radius_factor * 0.5 * float(np.abs(theta.products).max(axis=1).min())


def check(theta, X, y, radius, space):
    """Probe and oracle agree on the optimum; every field of the record is re-verified."""
    lower, _ = space.bounds()
    expected = ball.minimize_over_ball(theta, X, y, radius=radius, lower=lower)
    record = probe_realization(theta, X, y, radius=radius, space=space)
    base = loss(theta, X, y)
    # The loss changes by at most about |slope| * radius: gaps are compared relative to that.
    z = np.maximum(X @ theta.products.T, 0.0) / np.abs(theta.products).max(axis=1)
    s = realize(theta, X) - y
    change = radius * 2 * np.abs(z.T @ s).max() / len(y) + radius**2 * np.mean(z.sum(axis=1) ** 2)
    tolerance = 1e-5 * change + 1e-13 * (base + float(np.mean(y**2)))
    assert record.radius == radius
    assert record.regime == ("global" if base <= 1e-20 * np.mean(y**2) else "rigid")
    assert record.gap == pytest.approx(expected.gap, abs=tolerance + record.tolerance)
    assert record.lower_bound <= tolerance
    # The dual bound is a bound, and close to the optimum.
    assert -record.lower_bound >= expected.gap - tolerance
    assert -record.lower_bound <= expected.gap + tolerance + record.tolerance
    if record.verdict is Verdict.HOLDS:
        assert record.gap <= record.tolerance
        assert -record.lower_bound <= record.tolerance * (1 + 1e-9)
    else:
        assert record.verdict is Verdict.VIOLATED
        assert record.gap > record.tolerance
        verify_witness(record, theta, X, y, radius, space)
    return record, expected


def verify_witness(record, theta, X, y, radius, space) -> None:
    """In the space, in the ball by another seminorm, better by the gap."""
    witness = record.witness
    assert [v for v in space.violations(witness) if v.condition != "C.2"] == []
    distance = ball.seminorm(difference(witness, theta))
    assert distance <= radius * (1 + 1e-6)
    assert record.distance == pytest.approx(distance, rel=1e-6, abs=1e-6 * radius)
    gained = loss(theta, X, y) - loss(witness, X, y)
    assert gained == pytest.approx(record.gap, rel=1e-6, abs=1e-13 * (1 + loss(theta, X, y)))
    assert gained > 0


def known_minimum(
    seed: int, p: int = 1, m: int = 2
) -> tuple[Parametrization, np.ndarray, np.ndarray]:
    """A stationary network on integer data without kinks: a certain minimum."""
    rng = np.random.default_rng(seed)
    while True:
        x = rng.integers(-4, 5, (m * (p + 1) + 4, p))
        u = np.column_stack([rng.integers(-3, 4, (m, p)), rng.integers(1, 5, (m, 2))])
        ratios = u / np.abs(u).max(axis=1, keepdims=True)
        if len({tuple(row) for row in ratios.tolist()}) < m:
            continue
        problem = build(lifted(x).astype(int), u, rng.choice([-1, 1], m), pick=random_pick(rng, 1))
        if problem and problem.known and problem.decide() and np.abs(problem.residuals).max() < 50:
            return problem.theta, problem.X, problem.y


# --- minima hold ------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.99, 0.1, 1e-4, 1e-9])
@pytest.mark.parametrize(("p", "m"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_known_minima_hold_at_every_radius(p, m, factor):
    for seed in range(3):
        theta, X, y = known_minimum(seed, p, m)
        space = RestrictedSpace(p + 2, m)
        record, _ = check(theta, X, y, inside(factor, theta), space)
        assert record.verdict is Verdict.HOLDS, record.reason


@pytest.mark.parametrize("name", sorted(DATA))
def test_end_points_of_the_descent_hold(name):
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 2)
    X = space.embed(features)
    theta = space.sample(np.random.default_rng(4), n_positive=2)
    result = descend(theta, X, y, space=space)
    assert result.outcome is DescentOutcome.MINIMUM
    end = result.parametrization
    if np.abs(end.products).max(axis=1).min() > 1e-6:
        record, _ = check(end, X, y, inside(0.9, end), space)
        assert record.verdict is Verdict.HOLDS, record.reason


def test_zero_residual_holds():
    theta = Parametrization.from_products([[1, 2, 1], [-2, 1, 4]], [1, -1])
    X = lifted(np.arange(-3, 4)[:, None])
    record, _ = check(theta, X, realize(theta, X), inside(0.9, theta), RestrictedSpace(3, 2))
    assert record.verdict is Verdict.HOLDS
    assert record.gap == pytest.approx(0.0, abs=1e-20)


def test_silent_neurons_do_not_matter():
    """A neuron without active samples: every scale is as good."""
    x = np.arange(-3, 4)[:, None]
    s = np.array([1, -2, 1, 0, 1, -2, 1.0])
    theta = Parametrization.from_products([[2.0, 9.0, 1.0], [1.0, 1.0, 11.0]], [1, -1])
    y = 2 * x[:, 0] + 8.0 - s
    record, _ = check(theta, lifted(x), y, inside(0.9, theta), RestrictedSpace(3, 2))
    assert record.verdict is Verdict.HOLDS


def test_optimal_scales_are_enough_for_a_realization_minimum():
    """Random directions with least-squares scales are no parameter minima, but hold."""
    rng = np.random.default_rng(0)
    X = lifted(rng.standard_normal((30, 2)))
    space = RestrictedSpace(4, 2)
    held = 0
    for _ in range(20):
        theta = space.sample(rng, n_positive=1)
        values = np.maximum(X @ theta.products.T, 0.0) * theta.signs
        y = rng.standard_normal(30) + values.sum(axis=1)
        scales = np.linalg.lstsq(values, y, rcond=None)[0]
        if (scales > 0.05).all():
            fitted = theta.scale(scales)
            record, _ = check(fitted, X, y, inside(0.9, fitted), space)
            assert record.verdict is Verdict.HOLDS, record.reason
            held += 1
    assert held > 5


# --- what is no minimum is violated -----------------------------------------------------------


@pytest.mark.parametrize("factor", [0.99, 0.1, 1e-4])
@pytest.mark.parametrize("change", [1.5, 0.7, 1.01, 0.99])
def test_a_perturbed_scale_is_found_with_the_right_gap(factor, change):
    for seed in range(3):
        theta, X, y = known_minimum(seed, 1, 2)
        if not (np.maximum(X @ theta.weights[0], 0)).any():
            continue
        moved = theta.scale([change, 1.0])
        space = RestrictedSpace(3, 2)
        record, expected = check(moved, X, y, inside(factor, moved), space)
        assert expected.gap > 0
        assert record.verdict is Verdict.VIOLATED
        assert record.gap == pytest.approx(expected.gap, rel=1e-5)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 4), st.floats(-8, -0.01))
def test_random_networks_against_all_cells(seed, d, m, exponent):
    """Arbitrary networks of N*, arbitrary raw data: gap, bound and witness by the oracle."""
    rng = np.random.default_rng(seed)
    space = RestrictedSpace(d, m)
    theta = space.sample(rng)
    norms = np.abs(theta.products).max(axis=1)
    assume(norms.max() < 1e3 * norms.min())
    X, y = rng.standard_normal((20, d)), rng.standard_normal(20)
    record, expected = check(theta, X, y, inside(10.0**exponent, theta), space)
    if expected.gap > 10 * record.tolerance:
        assert record.verdict is Verdict.VIOLATED


def test_dependent_and_integer_directions():
    """Hyperplanes in special position: three through a line, one normal the sum of two others."""
    u = [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 2, 2], [-1, -1, 1, 1]]
    rng = np.random.default_rng(1)
    X, y = rng.integers(-2, 3, (20, 4)).astype(float), rng.standard_normal(20)
    space = RestrictedSpace(4, 4)
    for signs in ([1, 1, -1, 1], [1, -1, 1, -1], [1, 1, 1, 1]):
        theta = Parametrization.from_products(u, signs)
        record, _ = check(theta, X, y, inside(0.9, theta), space)
        assert record.verdict is Verdict.VIOLATED


def test_two_nearly_equal_directions():
    """The wedge between them is thin, but its gradient counts: single scales are not free."""
    u = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + 1e-7]]
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    space = RestrictedSpace(3, 2)
    theta = Parametrization.from_products(u, [1, -1])
    radius = inside(0.5, theta)
    record, expected = check(theta, X, y, radius, space)
    # Scales t_1 - 1 and t_2 - 1 are bounded by the radius each, though they nearly cancel.
    assert np.abs(expected.scales - 1).max() <= radius * (1 + 1e-6)
    assert record.gap == pytest.approx(expected.gap, rel=1e-5)


def test_widely_different_sizes():
    """A radius of 1e-9 beside products of 10, one small neuron."""
    theta = Parametrization.from_products([[10.0, 3.0, 1.0], [-4e-9, 3e-9, 1e-9]], [1, -1])
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 3))
    y = realize(theta, X) + rng.standard_normal(20)
    record, expected = check(theta, X, y, 1e-9, RestrictedSpace(3, 2))
    assert expected.gap > 0
    assert record.gap == pytest.approx(expected.gap, rel=1e-4, abs=record.tolerance)


class SampledOracle:
    """A seminorm by sampling: only the cells that random points happen to hit."""

    def __init__(self, weights: np.ndarray, n_points: int = 1000) -> None:
        self.weights = weights
        points = np.random.default_rng(0).standard_normal((n_points, weights.shape[1]))
        self.cells = np.unique(points @ weights.T > 0, axis=0)

    def maximize(self, products: np.ndarray, **_: object) -> SimpleNamespace:
        value = float(np.abs(self.cells.astype(float) @ products).max())
        return SimpleNamespace(value=value, lower=value, upper=value, exact=True)

    def violated(self, products: np.ndarray, radius: float, **_: object):
        gradients = self.cells.astype(float) @ products
        for i in np.argsort(-np.abs(gradients).max(axis=1)):
            if np.abs(gradients[i]).max() > radius:
                yield SimpleNamespace(
                    pattern=self.cells[i],
                    gradient=gradients[i],
                    value=float(np.abs(gradients[i]).max()),
                )


def test_a_sampled_seminorm_does_not_pass():
    """Mutation: with sampled cells, the thin wedge is missed and the witness leaves the ball."""
    space = RestrictedSpace(3, 2)
    theta = Parametrization.from_products([[1.0, 1.0, 1.0], [1.0, 1.0, 1.001]], [1, 1])
    X = np.random.default_rng(1).standard_normal((20, 3))
    # The data ask for more of the first neuron and less of the second.
    y = realize(theta, X) + 1e3 * np.maximum(X @ theta.products.T, 0.0) @ [1.0, -1.0]
    radius = inside(0.5, theta)
    sampled = probe_realization(
        theta, X, y, radius=radius, space=space, oracle=SampledOracle(theta.weights)
    )
    exact = probe_realization(theta, X, y, radius=radius, space=space)
    verify_witness(exact, theta, X, y, radius, space)
    assert ball.seminorm(difference(sampled.witness, theta)) > 1.5 * radius
    with pytest.raises(AssertionError):
        verify_witness(sampled, theta, X, y, radius, space)


# --- bounds -----------------------------------------------------------------------------------


def test_the_margin_limits_the_scales():
    """On the bound, where shrinking would help: a minimum of Ω_ε, violated without the bound."""
    rng = np.random.default_rng(2)
    X = np.abs(rng.standard_normal((12, 3)))
    theta = Parametrization.from_products([[4.0, 2.0, 1.0]], [1])
    y = 0.5 * realize(theta, X)
    with_bound, _ = check(theta, X, y, inside(0.9, theta), RestrictedSpace(3, 1, margin=1.0))
    assert with_bound.verdict is Verdict.HOLDS
    without, _ = check(theta, X, y, inside(0.9, theta), RestrictedSpace(3, 1))
    assert without.verdict is Verdict.VIOLATED
    partly, expected = check(theta, X, y, inside(0.9, theta), RestrictedSpace(3, 1, margin=0.9))
    assert partly.verdict is Verdict.VIOLATED
    assert expected.scales == pytest.approx([0.9], abs=1e-6)
    assert partly.witness.products[0, 2] == pytest.approx(0.9, rel=1e-5)
    assert 0 < partly.gap < without.gap


def test_minima_on_a_bound_of_raw_data_hold(rng):
    X = rng.standard_normal((30, 3))
    y = np.maximum(X @ [1.0, -1.0, -0.5], 0.0) + 0.1 * rng.standard_normal(30)
    space = RestrictedSpace(3, 2, margin=0.25)
    for k in range(6):
        result = descend(space.sample(rng, n_positive=k % 3), X, y, space=space)
        assert result.outcome is DescentOutcome.MINIMUM
        end = result.parametrization
        record, _ = check(end, X, y, inside(0.9, end), space)
        assert record.verdict is Verdict.HOLDS, record.reason


# --- the regime -------------------------------------------------------------------------------


def test_rigidity_radius(rng):
    theta = Parametrization(rng.standard_normal((4, 3)), rng.standard_normal(4))
    products = np.abs(theta.output_weights)[:, None] * np.abs(theta.weights)
    assert rigidity_radius(theta) == pytest.approx(products.max(axis=1).min() / 2, rel=1e-15)


def test_beyond_the_rigid_regime_nothing_is_claimed():
    theta, X, y = known_minimum(0, 1, 2)
    space = RestrictedSpace(3, 2)
    record = probe_realization(theta, X, y, radius=3 * rigidity_radius(theta), space=space)
    assert record.regime == "beyond"
    assert record.verdict is not Verdict.HOLDS
    if record.verdict is Verdict.VIOLATED:
        verify_witness(record, theta, X, y, record.radius, space)
    else:
        assert record.reason


@pytest.mark.parametrize("radius", [-1.0, np.nan])
def test_impossible_radii(radius):
    theta, X, y = known_minimum(0, 1, 2)
    with pytest.raises(ValueError, match="radius"):
        probe_realization(theta, X, y, radius=radius, space=RestrictedSpace(3, 2))


def test_order_of_neurons_and_samples_does_not_matter(rng):
    theta, X, y = known_minimum(1, 2, 3)
    theta = theta.scale([1.2, 1.0, 0.9])
    space = RestrictedSpace(4, 3)
    radius = inside(0.7, theta)
    gaps = []
    for _ in range(3):
        rows = rng.permutation(len(y))
        permuted = theta.permute(rng.permutation(3))
        gaps.append(probe_realization(permuted, X[rows], y[rows], radius=radius, space=space).gap)
    assert gaps == pytest.approx([gaps[0]] * 3, rel=1e-6)


# --- the control that must be violated -------------------------------------------------------


@pytest.mark.parametrize("name", ["sine", "smooth", "grid", "duplicates"])
def test_the_unbalanced_control_is_violated(name):
    """C.1: certified minimum, better realizations at seminorm distances going to zero."""
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 2)
    X = space.embed(features)
    theta = space.sample(np.random.default_rng(4), n_positive=1)
    base = descend(theta, X, y, space=space)
    assert base.outcome is DescentOutcome.MINIMUM
    assert base.loss > 1e-6
    control = unbalanced_control(base.parametrization, X, y, rng=np.random.default_rng(0))
    gamma = control.parametrization
    assert gamma.n_neurons == space.n_neurons + 1
    assert UnrestrictedSpace(space.n_inputs, space.n_neurons + 1).contains(gamma)
    assert gamma.output_weights[-1] == 0
    assert gamma.weights[-1].any()
    assert (X @ gamma.weights[-1] < 0).all()
    assert realize(gamma, X) == pytest.approx(realize(base.parametrization, X), abs=1e-12)
    assert control.certificate.verdict is Verdict.HOLDS
    assert control.certificate.radius > 0
    assert control.verdict is Verdict.VIOLATED
    distances, gaps = np.asarray(control.distances), np.asarray(control.gaps)
    assert len(distances) == len(gaps) >= 3
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.01 * distances[0]
    assert (gaps > 0).all()
    assert control.slope < 0
    # The distance to the nearest parametrization does not go to zero with the seminorm.
    assert control.parameter_distance > 0
    assert control.parameter_distance > 10 * distances[-1]


@pytest.mark.parametrize("name", ["smooth", "grid"])
def test_better_realizations_beyond_the_rigid_regime_are_what_they_claim(name):
    """Exchanged neurons: the witness is in the space, at its distance, better by its gap."""
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 2)
    X = space.embed(features)
    theta = space.sample(np.random.default_rng(4), n_positive=1)
    end = descend(theta, X, y, space=space).parametrization
    rigid = rigidity_radius(end)
    found = search_ball(end, X, y, radius=6 * rigid, space=space, rng=np.random.default_rng(0))
    assert found.radius_low == pytest.approx(rigid, rel=1e-6)
    assert found.radius_low <= found.radius_high <= 6 * rigid * (1 + 1e-9)
    assert space.violations(found.witness) == []
    distance = ball.seminorm(difference(found.witness, end))
    assert distance == pytest.approx(found.distance, rel=1e-9)
    assert distance == pytest.approx(found.radius_high, rel=1e-9)
    gained = loss(end, X, y) - loss(found.witness, X, y)
    assert gained == pytest.approx(found.gap, rel=1e-9)
    assert gained > found.tolerance > 0
    # A neuron that is gone leaves its jump: the distance is at least half of its size.
    for lost in found.exchanged:
        assert distance >= 0.5 * np.abs(end.products[lost]).max() * (1 - 1e-9)
