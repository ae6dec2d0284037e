"""Breakpoints and their intervals: against a search over all breaks; how often they are right."""

import numpy as np
import pytest

from landscape import ShallowReLURegressor
from landscape.estimator import RealizationDisplay
from landscape.estimator._breakpoints import bootstrap, breaks_of
from landscape.networks import Network
from landscape.streams import stream

BREAKS = np.array([3.0, 7.0])


def broken_line(rng, n=80, noise=0.5):
    x = rng.uniform(0, 10, n)
    y = 1 + 0.5 * x - 1.5 * np.maximum(x - 3, 0) + 2 * np.maximum(x - 7, 0)
    return x[:, None], y + noise * rng.standard_normal(n)


def fitted(x, y, **options):
    options = {"n_neurons": 2, "linear": True, "n_starts": 5, "random_state": 0} | options
    return ShallowReLURegressor(**options).fit(x, y)


@pytest.mark.parametrize("space", ["restricted", "unrestricted"])
def test_draws_are_fitted_as_a_search_over_all_breaks_does(rng, space):
    x, y = broken_line(rng, n=40)
    x, y = x[x[:, 0] < 7], y[x[:, 0] < 7]  # one break is left, at 3
    model = fitted(x, y, n_neurons=1, space=space)
    weights = np.full(len(y), 1 / len(y))
    drawn = bootstrap(model, x, y, weights, k=1, n_resamples=5, seed=3)
    assert drawn.shape == (5, 1)
    grid = np.linspace(x.min(), x.max(), 6001)[1:-1]

    def loss(place, draws):
        columns = np.column_stack([x[:, 0], np.ones(len(y)), np.maximum(x[:, 0] - place, 0)])
        roots = np.sqrt(draws)
        fit = np.linalg.lstsq(roots[:, None] * columns, roots * y, rcond=None)[0]
        return draws @ (columns @ fit - y) ** 2

    for j, found in enumerate(drawn[:, 0]):
        draws = stream(3, "estimator: breakpoints", j).multinomial(len(y), weights)
        losses = [loss(place, draws) for place in grid]
        assert loss(found, draws) <= min(losses) * (1 + 1e-9)
        assert abs(found - grid[np.argmin(losses)]) <= 2e-3


def test_table_is_of_the_function_and_follows_units(rng):
    x, y = broken_line(rng)
    model = fitted(x, y)
    table = model.breakpoints(x, y, n_resamples=12, random_state=1)
    assert (table["low"] < BREAKS).all() and (table["high"] > BREAKS).all()
    assert table["breakpoint"].is_monotonic_increasing and (table["share"] > 0.8).all()
    np.testing.assert_allclose(table["slope_after"][:-1], table["slope_before"][1:])
    for place, slope in zip(table["breakpoint"], table["slope_after"], strict=True):
        rise = np.diff(model.predict([[place], [place + 0.01]]))
        assert rise == pytest.approx(0.01 * slope)
    other = fitted(2.0**20 * x, 2.0**-9 * y)
    again = other.breakpoints(2.0**20 * x, 2.0**-9 * y, n_resamples=12, random_state=1)
    for name in ("breakpoint", "low", "high"):
        np.testing.assert_array_equal(again[name], 2.0**20 * table[name])
    few = model.breakpoints(x, y, n_resamples=12, random_state=1, level=0.5)
    assert (few["high"] - few["low"] < table["high"] - table["low"]).all()
    display = RealizationDisplay.from_estimator(model, x, y, breakpoints=few)
    assert "50 % confidence" in {text.get_text() for text in display.ax_.get_legend().texts}


def test_noise_has_wide_intervals():
    """Descents from the fit alone would stay in its basin and be sure of every break."""
    x, y = np.linspace(0, 1, 30)[:, None], np.random.default_rng(2).standard_normal(30)
    table = fitted(x, y).breakpoints(x, y, n_resamples=24, n_starts=3, random_state=0)
    assert (table["high"] - table["low"] > 0.5).all()


def test_breaks_of_a_network():
    """Kinks at one place are one break, and kinks that cancel or lie outside are none."""
    network = Network([[1.0], [2.0], [-1.0], [0.0], [1.0]], [-1, -2, 3, 1, 9], [1, 1, 2, 5, 4], 0)
    breaks, slopes = breaks_of(network, 0.0, 5.0)
    np.testing.assert_array_equal(breaks, [1.0, 3.0])
    np.testing.assert_array_equal(slopes, [2.0, 5.0, 7.0])
    assert [len(part) for part in breaks_of(network, 3.5, 5.0)] == [0, 1]


@pytest.mark.parametrize("options", [{"loss": "huber"}, {"alpha": 1e-3}, {"loss": "absolute"}])
def test_other_losses_and_penalties(rng, options):
    x, y = broken_line(rng, n=40)
    linear = options.get("loss") != "absolute"
    model = fitted(x, y, n_neurons=3 - linear, linear=linear, **options)
    weight = rng.integers(1, 3, 40)
    table = model.breakpoints(x, y, weight, n_resamples=5, n_starts=2, random_state=0)
    assert (table["share"] > 0).all() and (table["low"] <= table["high"]).all()


def test_messages(rng):
    x, y = broken_line(rng, n=20)
    model = fitted(x, y, n_neurons=1, n_starts=2)
    for wrong in ({"level": 1.0}, {"n_resamples": 0}):
        with pytest.raises(ValueError, match="expected 0 < level < 1 and n_resamples >= 1, got"):
            model.breakpoints(x, y, **wrong)
    plane = np.column_stack([x, x**2])
    with pytest.raises(ValueError, match="fits of one feature without gradients, got 2 features"):
        fitted(plane, y, n_neurons=1, n_starts=2).breakpoints(plane, y)
    sobolev = ShallowReLURegressor(n_neurons=1, n_starts=1, random_state=0)
    sobolev.fit(x, y, y_gradient=np.zeros_like(x))
    with pytest.raises(ValueError, match="got gradients"):
        sobolev.breakpoints(x, y)


@pytest.mark.slow
def test_intervals_of_90_percent_hold_nearly_nine_breaks_of_ten():
    hits = []
    for seed in range(100):
        x, y = broken_line(np.random.default_rng(seed))
        table = fitted(x, y).breakpoints(
            x, y, level=0.9, n_resamples=60, n_starts=1, random_state=0
        )
        assert len(table) == 2
        hits.append((table["low"] <= BREAKS) & (table["high"] >= BREAKS))
    assert 0.83 < np.mean(hits) < 0.97, np.mean(hits)
