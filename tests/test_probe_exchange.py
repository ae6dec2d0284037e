"""Beyond the rigid regime: brackets of the realization radius, and their witnesses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, lift_inputs
from landscape.probe import (
    ExchangeBudget,
    exchange,
    probe_realization,
    rigidity_radius,
    search_ball,
)
from landscape.probe._program import NetworkValues, ScaleProgram
from landscape.realization import difference, realize
from landscape.seminorm import GradientOracle, sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace, make_space
from landscape.stationarity import Verdict
from tests.oracles import ball

SMALL = ExchangeBudget(max_exchanged=1, n_random=3, n_arrangement=3, n_minima=2, n_bisections=4)


def loss(theta: Parametrization, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((realize(theta, X) - y) ** 2))


@cache
def minima(margin: float = 1e-3, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1.7, 1.7, (40, 2))
    y = np.sin(2 * features.sum(axis=1)) + 0.1 * rng.standard_normal(40)
    space = make_space("restricted", 2, 2, margin=margin)
    assert isinstance(space, RestrictedSpace)
    X = space.embed(features)
    found = []
    while len(found) < 4:
        end = descend(space.sample(rng), X, y, space=space).parametrization
        certificate = certify_minimum(end, X, y, space=space)
        if certificate.is_minimum and not space.violations(end):
            found.append((end, certificate.radius))
    return X, y, space, found


def search(k: int, budget: ExchangeBudget = SMALL, seed: int = 1, **options):
    X, y, space, found = minima()
    theta, radius = found[k]
    size = 3 * float(np.abs(theta.products).max(axis=1).min())
    others = [other for j, (other, _) in enumerate(found) if j != k]
    record = search_ball(
        theta,
        X,
        y,
        radius=size,
        space=space,
        rng=np.random.default_rng(seed),
        minima=others,
        certified_radius=radius,
        budget=budget,
        **options,
    )
    return record, theta, X, y, space


def test_brackets_have_verified_witnesses():
    n_found = 0
    for k in range(4):
        record, theta, X, y, space = search(k)
        rigid = rigidity_radius(theta)
        assert record.radius_low == pytest.approx(rigid, rel=1e-6)
        assert record.reason_low == "rigid regime"
        assert record.radius_high >= record.radius_low
        if record.witness is None:
            assert record.radius_high == np.inf
            continue
        n_found += 1
        witness = record.witness
        assert space.violations(witness) == []
        # In the ball by another seminorm, better by the stated gap, from the networks alone.
        distance = ball.seminorm(difference(theta, witness))
        assert distance == pytest.approx(record.radius_high, rel=1e-6)
        assert record.distance == record.radius_high <= record.radius * (1 + 1e-9)
        gained = loss(theta, X, y) - loss(witness, X, y)
        assert gained == pytest.approx(record.gap, rel=1e-6)
        assert gained > record.tolerance
        # What is exchanged is missing, the rest is only rescaled.
        for i in range(theta.n_neurons):
            units = theta.weights[i] / np.abs(theta.weights[i]).max()
            same = np.abs(witness.weights[i] / np.abs(witness.weights[i]).max() - units).max()
            assert (same < 1e-12) == (i not in record.exchanged)
            if i in record.exchanged:
                # It leaves half its jump in one of the gradients beside it.
                assert np.abs(theta.products[i]).max() <= 2 * distance * (1 + 1e-9)
    assert n_found >= 2


def test_equal_seeds_equal_results():
    one, two = search(1)[0], search(1)[0]
    assert one.radius_high == two.radius_high
    assert (one.source, one.n_programs, one.n_witnesses) == (
        two.source,
        two.n_programs,
        two.n_witnesses,
    )


def test_nothing_is_found_in_the_rigid_regime():
    """Proven: in smaller balls nothing is better, so no search may find anything there."""
    X, y, space, found = minima()
    for theta, _ in found:
        record = search_ball(
            theta,
            X,
            y,
            radius=0.99 * rigidity_radius(theta),
            space=space,
            rng=np.random.default_rng(0),
            budget=SMALL,
        )
        assert record.witness is None
        assert record.radius_high == np.inf


def test_what_is_no_minimum_of_the_scales_has_radius_zero():
    X, y, space, found = minima()
    theta = found[0][0].scale([1.1, 1.0, 0.95])
    record = search_ball(
        theta, X, y, radius=1.0, space=space, rng=np.random.default_rng(0), budget=SMALL
    )
    assert (record.radius_low, record.radius_high) == (0.0, 0.0)
    assert record.source == "scales"
    # The loss is convex on the way to the witness: better at every distance.
    assert record.witness is not None
    for t in (1e-1, 1e-3, 1e-5):
        factors = (np.abs(record.witness.products) / np.abs(theta.products)).max(axis=1)
        near = theta.scale(1 + t * (factors - 1))
        assert loss(near, X, y) < loss(theta, X, y)
        assert sobolev_distance(theta, near).upper <= t * record.distance * (1 + 1e-6)


def test_zero_residual_has_infinite_radius():
    X, _, space, found = minima()
    theta = found[0][0]
    record = search_ball(
        theta, X, realize(theta, X), radius=1.0, space=space, rng=np.random.default_rng(0)
    )
    assert record.radius_low == record.radius_high == np.inf


def test_a_planted_exchange_is_found():
    """A minimum with a small misplaced neuron: the teacher's is in the data, and is found."""
    rng = np.random.default_rng(2)
    X = lift_inputs(rng.uniform(-2, 2, (40, 1)))
    teacher = Parametrization.from_products([[2.0, 4.0, 0.5], [-0.5, 0.3, 0.5]], [1, 1])
    y = realize(teacher, X)
    wrong = Parametrization.from_products([[2.0, 4.0, 0.5], [0.02, 0.01, 0.04]], [1, -1])
    values = np.maximum(X @ wrong.products.T, 0.0) * wrong.signs
    scales = np.linalg.lstsq(values, y, rcond=None)[0]
    signs = wrong.signs * np.sign(scales)
    theta = Parametrization.from_products(wrong.products * np.abs(scales)[:, None], signs)
    space = RestrictedSpace(3, 2)
    size = float(np.abs(theta.products).max(axis=1).min())
    record = search_ball(
        theta, X, y, radius=4 * size, space=space, rng=np.random.default_rng(0), budget=SMALL
    )
    assert record.witness is not None
    assert record.exchanged == (int(np.abs(theta.products).max(axis=1).argmin()),)
    assert 0.5 * size <= record.radius_high <= 2 * size


def test_a_spare_neuron_of_the_balanced_space_can_be_used_at_every_distance():
    """(0, 0) is a neuron of N': the bracket goes down to zero."""
    X, y, _, found = minima()
    theta = found[0][0]
    spare = Parametrization(
        np.vstack([theta.weights, np.zeros(theta.n_inputs)]), np.append(theta.output_weights, 0.0)
    )
    space = BalancedSpace(theta.n_inputs, theta.n_neurons + 1)
    record = search_ball(
        spare, X, y, radius=1e-2, space=space, rng=np.random.default_rng(0), budget=SMALL
    )
    assert record.radius_low == 0.0
    assert record.exchanged == (theta.n_neurons,)
    assert record.radius_high < 1e-2 / 8
    assert record.witness is not None
    assert record.gap > record.tolerance


def test_bounds_of_the_closed_set_are_kept():
    """Witnesses respect the margin of Omega_eps."""
    X, y, space, _ = minima()
    wide = RestrictedSpace(space.n_inputs, space.n_neurons, margin=0.02, bound=50.0)
    theta = descend(wide.sample(np.random.default_rng(3)), X, y, space=wide).parametrization
    assert wide.contains(theta)
    size = float(np.abs(theta.products).max(axis=1).min())
    record = search_ball(
        theta, X, y, radius=3 * size, space=wide, rng=np.random.default_rng(1), budget=SMALL
    )
    if record.witness is not None:
        assert wide.violations(record.witness) == []
        assert record.witness.products[:, -2:].min() >= 0.02 * (1 - 1e-9)


def test_inputs_are_checked():
    X, y, space, found = minima()
    theta = found[0][0]
    with pytest.raises(ValueError, match="radius"):
        search_ball(theta, X, y, radius=np.inf, space=space, rng=np.random.default_rng(0))
    outside = Parametrization(-theta.weights, theta.output_weights)
    with pytest.raises(ValueError, match="not in the restricted space"):
        search_ball(outside, X, y, radius=1.0, space=space, rng=np.random.default_rng(0))


def test_programs_without_a_point_end_at_once():
    """A ball too small for what was dropped: cells are added once each, and the search goes on."""
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal((28, 5)), rng.standard_normal(28)
    space = BalancedSpace(5, 3)
    theta = space.sample(rng)
    norms = np.abs(theta.products).max(axis=1)
    values = NetworkValues.of(theta, X, y)
    for fraction in (0.51, 0.6, 0.75, 1.0):
        radius = fraction * float(norms.min())
        gone = norms == norms.min()
        own, sizes = radius / values.slope_unit, np.abs(values.outputs)
        low = np.where(gone, -sizes / own, np.maximum(-2.0, -sizes / own))
        high = np.where(gone, low, 2.0)
        program = ScaleProgram(values, values.rows, theta.signs, own, low, high)
        solution = program.solve()
        patterns = program.oracle.patterns
        assert patterns is not None
        assert len(solution.cells) <= 5 * len(patterns)
        if solution.feasible:
            assert program.distance(solution.tau) <= own * (1 + 1e-6)


# --- mutations: what must not pass ------------------------------------------------------------


class SampledOracle(GradientOracle):
    """The seminorm by the cells of 50 random points: thin ones are missed."""

    def __init__(self, weights) -> None:
        super().__init__(weights)
        points = np.random.default_rng(0).standard_normal((50, self.weights.shape[1]))
        self._seen = {row.tobytes() for row in points @ self.weights.T > 0}

    def sees(self, pattern) -> bool:
        return np.array(pattern).tobytes() in self._seen

    def violated(self, products, radius, *, limit=1):
        real = super().violated(products, radius, limit=None)
        return iter([found for found in real if self.sees(found.pattern)][:limit])

    def maximize(self, products, **options):
        record = super().maximize(products, **options)
        sums = [np.frombuffer(row, dtype=bool) @ np.asarray(products) for row in self._seen]
        return replace(record, upper=float(np.abs(sums).max()))


def thin_wedge():
    """Two nearly equal neurons of opposite sign, whose difference the data want more of."""
    theta = Parametrization.from_products([[1.0, 1.0, 1.0], [1.0, 1.0, 1.001]], [1, -1])
    X = np.random.default_rng(1).standard_normal((20, 3))
    y = realize(theta, X) + 1e3 * np.maximum(X @ theta.products.T, 0.0) @ [1.0, -1.0]
    return theta, X, y, 0.5 * rigidity_radius(theta)


def programs(oracle_class):
    theta, X, y, radius = thin_wedge()
    values = NetworkValues.of(theta, X, y)
    low, high = np.full(2, -4.0), np.full(2, 4.0)
    own, oracle = radius / values.slope_unit, oracle_class(theta.weights)
    program = ScaleProgram(values, values.rows, theta.signs, own, low, high, oracle)
    return program.solve().tau, program.directions


def test_a_sampled_seminorm_leaves_the_ball():
    """Both scales grow until the wedge between them, and nothing else, stops them."""
    cells = np.array([[1, 0], [0, 1], [1, 1]])

    def largest(oracle_class):
        tau, directions = programs(oracle_class)
        return max(np.abs(cell @ (tau[:, None] * directions)).max() for cell in cells)

    assert largest(GradientOracle) == pytest.approx(1.0, rel=1e-6)
    assert not SampledOracle(thin_wedge()[0].weights).sees([True, False])
    # `solve` would shrink it back with the exact maximum: that is sampled here, too.
    assert largest(SampledOracle) > 1.5


def test_a_sampled_oracle_is_caught_by_the_exact_distance(monkeypatch):
    """`_verify` recomputes the seminorm: with sampled separation nothing outside is accepted."""
    monkeypatch.setattr(exchange, "GradientOracle", SampledOracle)
    for k in range(4):
        record, theta, _, _, _ = search(k)
        if record.witness is not None:
            distance = ball.seminorm(difference(theta, record.witness))
            assert distance == pytest.approx(record.radius_high, rel=1e-6)


@pytest.mark.parametrize("change", [1.3, 0.8])
def test_a_perturbed_scale_is_violated_by_the_gap_of_a_parabola(change):
    """One neuron rescaled: the optimum is known in closed form where the ball allows it."""
    rng = np.random.default_rng(7)
    X = lift_inputs(rng.standard_normal((30, 1)))
    theta = Parametrization.from_products([[1.0, 2.0, 0.5]], [1])
    values = np.maximum(X @ theta.products[0], 0.0)
    y = values + rng.standard_normal(30)
    best = float(values @ y / (values @ values))
    optimal = theta.scale([best])
    moved = optimal.scale([change])
    space = RestrictedSpace(3, 1)
    size = float(np.abs(moved.products).max())
    for factor in (0.99, 0.05):
        radius = factor * size / 2
        probe = probe_realization(moved, X, y, radius=radius, space=space)
        assert probe.verdict is Verdict.VIOLATED
        # Scale goes from `change` towards 1, by at most radius / ‖u‖ of the moved neuron.
        reach = min(abs(change - 1), change * radius / size)
        curve = best**2 * float(values @ values) / 30
        gap = curve * ((change - 1) ** 2 - (abs(change - 1) - reach) ** 2)
        assert probe.gap == pytest.approx(gap, rel=1e-6)
    held = probe_realization(optimal, X, y, radius=0.4 * size / change, space=space)
    assert held.verdict is Verdict.HOLDS
