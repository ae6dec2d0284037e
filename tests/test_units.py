"""Verdicts and minima do not depend on the units of the data: scales, offsets, columns apart."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from landscape import certify_minimum, descend
from landscape.descent import DescentOutcome
from landscape.effective import EffectiveProblem
from landscape.spaces import make_space
from landscape.stationarity import Verdict
from landscape.training import draw_network
from tests.cases import diagonal

UNITS = {
    "as they are": (1.0, 0.0),
    "huge": (1e6, 0.0),
    "tiny": (1e-6, 0.0),
    "thirds": (1 / 3, 0.0),
    "years": (1.0, 2000.0),
    "far away": (1.0, 1e6),
    "huge and far away": (1e5, 1e6),
    "columns apart": (np.array([1e-4, 1e5]), 0.0),
    "columns far apart": (np.array([1e-7, 1e7]), 0.0),
}


def years() -> tuple[np.ndarray, np.ndarray]:
    """Years with small steps beside a feature of size one."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(-10, 11, 50).astype(float), rng.standard_normal(50)])
    return x, np.sin(x[:, 0] / 4) + x[:, 1] ** 2 + 0.1 * rng.standard_normal(50)


def ends(name: str, features: np.ndarray, y: np.ndarray, count: int):
    """Ends of descents from the same functions, whatever the features' units."""
    d = features.shape[1]
    space = make_space(name, d, 3) if name != "restricted" else make_space(name, d, 3, margin=1e-9)
    X = space.embed(features)
    mean, spread = features.mean(0), features.std(0)
    for j in range(count):
        network = draw_network(np.random.default_rng([7, j]), d, 3, n_positive=j % 4)
        weights = network.weights / spread
        theta = space.from_network(
            weights, network.biases - weights @ mean, network.output_weights, network.offset
        )
        result = descend(theta, X, y, space=space)
        yield space, X, result, certify_minimum(result.parametrization, X, y, space=space)


@cache
def losses_as_they_are(name: str) -> list[float]:
    """Losses of the ends without a change of units."""
    return [result.loss for _, _, result, _ in ends(name, *years(), 8)]


@pytest.mark.parametrize(
    ("units", "name"), diagonal(UNITS, ["restricted", "balanced", "unrestricted"])
)
def test_every_start_is_certified_in_any_units(units, name):
    features, y = years()
    scale, shift = UNITS[units]
    losses = []
    for space, _, result, record in ends(name, features * scale + shift, y, 8):
        assert space.contains(result.parametrization)
        assert record.verdict is Verdict.HOLDS, record.reason
        # Where terms are 1e5 times the spread, rounding may leave nothing of a radius.
        assert record.radius > 0 or "far" in units
        assert record.slack <= 1e-6 * record.loss
        losses.append(result.loss)
    plain = losses_as_they_are(name)
    # Another metric leads from a start to other minima, not to worse ones.
    assert np.median(losses) <= 1.5 * np.median(plain), (losses, plain)


@pytest.mark.parametrize("name", ["restricted", "unrestricted"])
@pytest.mark.parametrize("power", [-40, 30])
def test_a_minimum_stays_one_in_other_units(power, name):
    """Scaled by a power of two, the very same network: verdict, loss and what is not a minimum."""
    features, y = years()
    for _, _, result, record in ends(name, features, y, 4):
        for factor in (1.0, 1 + 1e-4):
            theta = result.parametrization
            weights = theta.weights.copy()
            width = features.shape[1]
            bias = weights[:, width:].copy()
            bias[:3] *= factor  # not the offset's neuron
            scaled = np.column_stack([weights[:, :width] * 2.0**-power, bias])
            moved = make_space("balanced" if name == "restricted" else name, width, 3)
            again = type(theta)(scaled, theta.output_weights)
            if name == "restricted":
                again = again.balance()
            check = certify_minimum(again, moved.embed(features * 2.0**power), y, space=moved)
            if factor == 1.0:
                assert check.verdict is record.verdict, check.reason
                assert check.loss == pytest.approx(record.loss, rel=1e-9)
            elif record.n_silent < len(scaled) and check.loss > record.loss * (1 + 1e-12):
                assert check.verdict is Verdict.VIOLATED


def test_standardized_data_keep_their_units():
    rng = np.random.default_rng(0)
    space = make_space("restricted", 3, 2)
    theta = space.sample(rng)
    for features in (rng.standard_normal((30, 3)), rng.uniform(-1, 1, (30, 3))):
        problem = EffectiveProblem.build(theta, space.embed(features), np.zeros(30), space)
        assert problem.in_own_units() is problem


def test_own_units_are_the_same_function():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((30, 3)) * [1e5, 1.0, 1e-7] + [3e5, 2000.0, 0.0]
    for name in ("restricted", "unrestricted"):
        space = make_space(name, 3, 2)
        theta = space.from_network(
            rng.standard_normal((2, 3)), rng.standard_normal(2), [1.0, -1.0], 0.5
        )
        problem = EffectiveProblem.build(theta, space.embed(features), np.zeros(30), space)
        own = problem.in_own_units()
        assert own is not problem and own.in_own_units() is own
        sizes = np.sqrt(np.mean(own.X**2, axis=0))
        assert (sizes < 8).all() and (sizes > 1 / 8).all()
        z, w = problem.preactivations(problem.state()), own.preactivations(own.state())
        assert (
            np.abs(z - w).max() <= 1e-12 * np.abs(features).max() * np.abs(problem.state().u).max()
        )
        back = own.parametrization(own.state())
        again = EffectiveProblem.build(back, space.embed(features), np.zeros(30), space)
        assert again.loss(again.state()) == pytest.approx(problem.loss(problem.state()), rel=1e-9)


@pytest.mark.parametrize(("name", "starts"), [("restricted", (18, 21)), ("unrestricted", (0, 8))])
def test_far_away_the_last_gains_are_rounding(name, starts):
    """Where the loss cannot show them any more, the conditions still lead to the minimum."""
    rng = np.random.default_rng([1, 5])
    x = rng.uniform(-1, 1, (150, 5))
    y = np.sin(3 * x[:, 0]) + 0.1 * rng.standard_normal(150) + x[:, 1] ** 2
    space = make_space(name, 5, 3)
    X = space.embed(x + 1e7)
    for j in starts:
        rng = np.random.default_rng([5, j])
        a = rng.standard_normal((3, 5)) / np.sqrt(5)
        b = rng.uniform(-1, 1, 3) - a.sum(axis=1) * 1e7
        c = np.where(np.arange(3) < j % 4, 0.5, -0.5)
        result = descend(space.from_network(a, b, c, 0.1), X, y, space=space)
        assert result.outcome is DescentOutcome.MINIMUM, result.reason
        record = certify_minimum(result.parametrization, X, y, space=space)
        assert record.verdict is Verdict.HOLDS, record.reason


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_diabetes_as_it_is(shift):
    """Ages, pressures and counts, not standardized."""
    from sklearn.datasets import load_diabetes

    features, y = load_diabetes(return_X_y=True, scaled=False)
    for _, _, _, record in ends("restricted", features + shift, y, 20):
        assert record.verdict is Verdict.HOLDS, record.reason
