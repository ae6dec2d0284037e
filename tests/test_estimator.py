"""The estimator: certificates that can be reproduced, weights, parallel runs, errors, displays."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import replace

import joblib
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from landscape import (
    ShallowReLURegressor,
    certify_minimum,
    realize,
)
from landscape.estimator import LandscapeDisplay, RealizationDisplay
from landscape.estimator._base import realization_radius
from landscape.estimator._smooth import swap
from landscape.estimator._starts import FitData, reinitialize, run_start
from landscape.objective import loss
from landscape.spaces import SPACES, make_space
from landscape.standardization import Units, merge_samples
from tests.cases import diagonal

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    y = np.maximum(X[:, 0] + 0.5, 0) - np.maximum(X[:, 1], 0) + 0.1 * rng.standard_normal(60)
    return X, y


@pytest.fixture(scope="module")
def fitted(data):
    return ShallowReLURegressor(n_neurons=3, n_starts=8, random_state=0).fit(*data)


def standardized(X, y, space):
    """The data of a fit without weights."""
    samples = merge_samples(X, y)
    units = Units.of_samples(samples, offset=space.name == "unrestricted")
    return FitData(units.samples(samples), space, "descent", 500, 1e-6)


def same(one, two):
    pd.testing.assert_frame_equal(one.starts_, two.starts_)
    np.testing.assert_array_equal(one.parametrization_.weights, two.parametrization_.weights)
    assert one.loss_ == two.loss_
    assert one.loss_curve_ == two.loss_curve_


# --- what is fitted -------------------------------------------------------------------------------


@pytest.mark.parametrize("space", sorted(SPACES))
@pytest.mark.parametrize("solver", ["L-BFGS-B", "SLSQP", "trf", "descent"])
def test_certificate_is_that_of_the_data(data, space, solver):
    X, y = data
    model = ShallowReLURegressor(
        n_neurons=2, space=space, solver=solver, n_starts=3, random_state=1
    ).fit(X, y)
    again = certify_minimum(model.parametrization_, *model.standardize(X, y), space=model.space_)
    assert again.is_minimum and model.certificate_.is_minimum
    assert model.radius_ == pytest.approx(again.radius, rel=1e-9) and model.radius_ > 0
    unit = model.units_.target_scale**2
    assert model.loss_ == pytest.approx(unit * again.loss, rel=1e-12)
    assert model.loss_ == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-9)
    assert unit * model.certificate_.loss == pytest.approx(model.loss_, rel=1e-12)
    assert type(model.space_) is SPACES[space]


def test_no_better_parameters_within_the_radius(data, fitted):
    """By search, not by the test that gave the radius."""
    X, y = data
    rng = np.random.default_rng(5)
    theta = fitted.parametrization_
    inputs, y = fitted.standardize(X, y)
    lowest = np.inf
    for _ in range(300):
        # Balanced networks within the max-norm distance: perturb a, let c follow.
        a = theta.weights + fitted.radius_ * rng.uniform(-1, 1, theta.weights.shape)
        c = np.sign(theta.output_weights) * np.abs(a).max(axis=1)
        if (np.abs(c - theta.output_weights) > fitted.radius_).any():
            continue
        residuals = np.maximum(inputs @ a.T, 0) @ c - y
        lowest = min(lowest, float(np.mean(residuals**2)))
    assert np.isfinite(lowest)
    assert lowest >= fitted.certificate_.loss - fitted.certificate_.slack - 1e-13


@pytest.mark.parametrize("space", sorted(SPACES))
def test_layers_are_those_of_scikit_learn(data, space):
    X, y = data
    model = ShallowReLURegressor(n_neurons=2, space=space, n_starts=2, random_state=0).fit(X, y)
    (a, c), (b, e) = model.coefs_, model.intercepts_
    neurons = 2 + (space != "unrestricted")
    assert a.shape == (2, neurons) and c.shape == (neurons, 1)
    assert b.shape == (neurons,) and e.shape == (1,)
    by_hand = np.maximum(X @ a + b, 0) @ c + e
    np.testing.assert_allclose(by_hand[:, 0], model.predict(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("space", sorted(SPACES))
@pytest.mark.parametrize("other", sorted(SPACES))
def test_element_of_another_space(data, space, other):
    X, y = data
    model = ShallowReLURegressor(n_neurons=2, space=space, n_starts=2, random_state=0).fit(X, y)
    theta = model.to_parametrization(other)
    values = realize(theta, SPACES[other].embed(X))
    np.testing.assert_allclose(values, model.predict(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("space", sorted(SPACES))
def test_penalty_is_certified_and_shrinks(data, space):
    X, y = data
    sizes = []
    for alpha in (0.0, 0.02, 0.5):
        model = ShallowReLURegressor(
            n_neurons=3, space=space, alpha=alpha, n_starts=4, random_state=0
        ).fit(X, y)
        m = model.coefs_[0].shape[1]
        products = (model.coefs_[0] * model.coefs_[1][:, 0]).T
        assert products.shape == (m, 2)
        sizes.append(float((products**2).sum()))
        mean = np.mean((model.predict(X) - y) ** 2)
        assert model.loss_ == pytest.approx(mean + alpha * sizes[-1], rel=1e-9)
        penalty = np.append(alpha / model.units_.scale**2, np.zeros(model.space_.extra_inputs))
        inputs, target = model.standardize(X, y)
        again = certify_minimum(
            model.parametrization_, inputs, target, space=model.space_, penalty=penalty
        )
        assert again.is_minimum and model.radius_ == pytest.approx(again.radius, rel=1e-9)
        if space == "restricted" and alpha > 0:
            assert model.realization_radius_ == model.radius_**2 / 8
        elif alpha > 0 or space == "unrestricted":
            assert np.isnan(model.realization_radius_)
    assert sizes[0] > sizes[1] > sizes[2]


def with_gradients(d=2, n=50):
    rng = np.random.default_rng(7)
    X = rng.standard_normal((n, d))
    y = np.sin(2 * X[:, 0]) + (X**2).sum(axis=1) / 3
    G = 2 * X / 3
    G[:, 0] += 2 * np.cos(2 * X[:, 0])
    return X, y, G


@pytest.mark.parametrize(("space", "alpha"), diagonal(sorted(SPACES), [0.0, 0.01]))
def test_sobolev_minimum_is_not_improved_by_search(space, alpha):
    X, y, G = with_gradients()
    model = ShallowReLURegressor(
        n_neurons=2, space=space, alpha=alpha, gradient_weight=0.3, n_starts=12, random_state=0
    ).fit(X, y, y_gradient=G)
    assert model.certificate_.is_minimum and model.certificate_.kind == "sobolev"
    assert model.radius_ > 0 and np.isnan(model.realization_radius_)
    theta, units = model.parametrization_, model.units_
    inputs, y = model.standardize(X, y)
    G, weights = G / units.slopes, 0.3 / units.scale**2
    m = len(theta.weights) - (space == "unrestricted")

    def value(a, c):
        """The loss by its definition."""
        z = inputs @ a[:m].T
        values, gradients = np.maximum(z, 0) @ c[:m], ((z > 0) * c[:m]) @ a[:m, :2]
        if space == "unrestricted":
            values = values + c[-1]
        products = c[:m, None] * a[:m, :2]
        errors = (values - y) ** 2 + (gradients - G) ** 2 @ weights
        return np.mean(errors) + alpha * (products**2 / units.scale**2).sum()

    rng = np.random.default_rng(0)
    lowest = np.inf
    for share in (1.0, 0.1, 1e-3, 1e-5):
        for _ in range(200):
            a = theta.weights + share * model.radius_ * rng.uniform(-1, 1, theta.weights.shape)
            c = np.sign(theta.output_weights) * np.abs(a).max(axis=1)
            if space == "unrestricted":
                a[-1] = theta.weights[-1]
                c = theta.output_weights + share * model.radius_ * rng.uniform(-1, 1, m + 1)
            lowest = min(lowest, value(a, c))
    reached = model.loss_ / units.target_scale**2
    assert lowest >= reached - model.certificate_.slack - 1e-12
    # The least value nearby is the one that is certified: the envelope is attained in the limit.
    assert lowest == pytest.approx(reached, rel=1e-3)


def test_sobolev_training_learns_gradients_and_weights_are_repetition():
    X, y, G = with_gradients(n=40)
    model = ShallowReLURegressor(n_neurons=2, n_starts=6, random_state=0)
    plain = clone(model).fit(X, y)
    weights = np.arange(40) % 3
    sobolev = clone(model).fit(X, y, sample_weight=weights, y_gradient=G)
    repeat = np.repeat(np.arange(40), weights)[::-1]
    same(sobolev, clone(model).fit(X[repeat], y[repeat], y_gradient=G[repeat]))
    both = clone(model).fit(X, y, y_gradient=G)
    error = [np.mean((fit.gradient(X) - G) ** 2) for fit in (plain, both)]
    assert error[1] < error[0]
    off = clone(model).set_params(gradient_weight=0).fit(X, y, y_gradient=G)
    assert off.loss_ == plain.loss_


def test_sobolev_training_recovers_a_teacher_from_few_samples():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((12, 2))

    def teacher(X):
        z = X @ [[1.0, 0.5], [-1.0, 1.0]] + [0.2, -0.1]
        return np.maximum(z, 0) @ [1.0, -2.0], ((z > 0) * [1.0, -2.0]) @ np.array(
            [[1.0, -1.0], [0.5, 1.0]]
        )

    y, G = teacher(X)
    model = ShallowReLURegressor(n_neurons=2, space="unrestricted", n_starts=12, random_state=0)
    model.fit(X, y, y_gradient=G)
    assert model.loss_ < 1e-20


def test_y_gradient_has_the_shape_of_the_features(data):
    X, y = data
    with pytest.raises(ValueError, match=r"y_gradient: expected shape \(60, 2\)"):
        ShallowReLURegressor(n_neurons=1, n_starts=1).fit(X, y, y_gradient=X[:, :1])


def test_y_gradient_is_routed(data):
    X, y, G = with_gradients()
    with sklearn.config_context(enable_metadata_routing=True):
        model = ShallowReLURegressor(n_neurons=1, n_starts=3, random_state=0)
        model.set_fit_request(y_gradient=True)
        found = cross_validate(
            model, X, y, cv=KFold(2), params={"y_gradient": G}, return_estimator=True
        )
    alone = clone(model).fit(X[25:], y[25:], y_gradient=G[25:])
    np.testing.assert_array_equal(found["estimator"][0].predict(X), alone.predict(X))


def test_gradient_is_the_difference_quotient(fitted, rng):
    X = rng.standard_normal((50, 2))  # samples of the fit may lie on kinks
    step = 1e-7
    for j in range(2):
        moved = X.copy()
        moved[:, j] += step
        quotient = (fitted.predict(moved) - fitted.predict(X)) / step
        np.testing.assert_allclose(fitted.gradient(X)[:, j], quotient, atol=1e-5)


def test_seminorm_bounds_gradients_and_is_attained(data, fitted):
    X, _ = data
    seminorm = fitted.sobolev_seminorm()
    assert fitted.units_.target_scale == 1 and (fitted.units_.scale == 1).all()
    assert seminorm.exact
    assert np.abs(fitted.gradient(X)).max() <= seminorm.value + 1e-12
    at = np.maximum(fitted.parametrization_.weights @ seminorm.witness, 0) > 0
    theta = fitted.parametrization_
    gradient = (theta.output_weights * at) @ theta.weights
    assert np.abs(gradient).max() == pytest.approx(seminorm.value)


def test_table_of_starts(fitted):
    starts = fitted.starts_
    assert len(starts) == 8 and fitted.best_start_ in set(starts["start"])
    assert list(starts["n_positive"][:5]) == [0, 1, 2, 3, 0]
    assert (starts["loss"] <= starts["loss_trained"] + 1e-15).all()
    assert (starts["loss_trained"] <= starts["loss_start"]).all()
    certified = starts[starts["verdict"] == "holds"]
    assert fitted.loss_ == pytest.approx(certified["loss"].min())
    assert (certified["key"] != "").all() and (certified["radius"] > 0).all()


def test_loss_curve_falls_from_the_start_to_the_end(fitted):
    curve = np.array(fitted.loss_curve_)
    row = fitted.starts_.loc[fitted.best_start_]
    assert curve[0] == row["loss_start"] and curve[1] == row["loss_trained"]
    assert curve[-1] == pytest.approx(fitted.loss_, rel=1e-12)
    assert (np.diff(curve) < 1e-15).all()
    assert fitted.n_iter_ == row["n_iter_solver"] + row["n_iter"] + 1


def test_more_starts_are_never_worse(data):
    losses = [
        ShallowReLURegressor(n_neurons=2, n_starts=k, random_state=3).fit(*data).loss_
        for k in (1, 3, 6)
    ]
    assert losses[0] >= losses[1] >= losses[2]


def test_realization_radius_improves_on_the_proposition(fitted):
    assert fitted.realization_radius_ >= fitted.radius_**2 / 8
    assert fitted.realization_radius_ == pytest.approx(
        0.5 * np.abs(fitted.parametrization_.products).max(axis=1).min()
    )


def test_realization_radius_says_nothing_where_nothing_is_known(data):
    X, y = data
    problem = standardized(X, y, make_space("unrestricted", 2, 2))
    end = run_start(problem, seed=0, start=0, index=1)
    assert end.certificate.is_minimum
    assert np.isnan(realization_radius(end.certificate, end.parametrization, problem))


# --- samples --------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", sorted(SPACES))
def test_weights_are_repetition_exactly(data, space):
    X, y = data
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 4, len(y))
    order = rng.permutation(int(weights.sum()))
    model = ShallowReLURegressor(n_neurons=2, space=space, n_starts=3, random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeated = clone(model).fit(np.repeat(X, weights, axis=0)[order], np.repeat(y, weights)[order])
    same(weighted, repeated)
    scaled = clone(model).fit(X, y, sample_weight=4.0 * weights)
    same(weighted, scaled)


def test_merged_samples_keep_the_loss(rng):
    X = rng.integers(0, 3, (40, 2)).astype(float)
    y = rng.integers(0, 3, 40).astype(float)
    weights = rng.random(40) * (rng.random(40) < 0.8)
    samples = merge_samples(X, y, weights)
    assert len(samples.target) == len(np.unique(X[weights > 0], axis=0))
    for _ in range(5):
        f = rng.standard_normal((3, 3))
        values = f[X[:, 0].astype(int), X[:, 1].astype(int)]
        merged = f[tuple(samples.features().astype(int).T)]
        expected = weights @ (values - y) ** 2 / weights.sum()
        found = samples.weights @ (merged - samples.target) ** 2 + samples.constant
        assert found == pytest.approx(expected, rel=1e-12)


def test_fit_with_conflicting_targets_reports_the_loss_on_the_samples():
    X = np.repeat(np.linspace(-1, 1, 9), 2)[:, None]
    y = np.abs(X[:, 0]) + np.tile([-0.5, 0.5], 9)
    model = ShallowReLURegressor(n_neurons=2, n_starts=9, random_state=0).fit(X, y)
    assert model.loss_ == pytest.approx(0.25)
    assert model.certificate_.kind == "global" and model.realization_radius_ == np.inf


@pytest.mark.parametrize("weights", ["negative", "zero"])
def test_unusable_weights(data, weights):
    X, y = data
    w = np.zeros(len(y)) if weights == "zero" else np.where(np.arange(len(y)) == 7, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"(?i)(weights.*(zero|non-zero)|entry 7 is -1)"):
        ShallowReLURegressor(n_neurons=1, n_starts=1).fit(X, y, sample_weight=w)


# --- units ----------------------------------------------------------------------------------------


def small(kind):
    """Three data sets: one feature with noise, two that are far from centred, conflicts."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        X = np.linspace(0, 10, 60)[:, None]
        return X, np.abs(X[:, 0] - 4) + 2 * np.maximum(X[:, 0] - 7, 0) + rng.normal(0, 0.2, 60)
    if kind == "shifted":
        X = rng.standard_normal((50, 2)) * [3.0, 0.01] + [1000.0, 2.0]
        return X, np.abs(X[:, 0] - 1000) + 300 * X[:, 1] + rng.standard_normal(50)
    X = rng.integers(0, 6, (50, 1)).astype(float)
    return X, np.abs(X[:, 0] - 2) + rng.integers(0, 2, 50)


KINDS = ["noise", "shifted", "conflicts"]


@pytest.mark.parametrize("space", sorted(SPACES))
@pytest.mark.parametrize("kind", KINDS)
def test_powers_of_two_change_nothing_bit_for_bit(kind, space):
    X, y = small(kind)
    d = X.shape[1]
    model = ShallowReLURegressor(2, space=space, n_starts=3, random_state=0)
    plain = clone(model).fit(X, y)
    # -497 and 493 are the grid's ends, 1e-150 and 1e148.
    for by_x, by_y in ((0, 1), (0, -67), (3, 0), (-497, 493), (490, -490)):
        factors, unit = 2.0 ** (by_x * np.array([1.0, -1.0])[:d]), 2.0**by_y
        other = clone(model).fit(X * factors, y * unit)
        np.testing.assert_array_equal(
            other.parametrization_.weights, plain.parametrization_.weights
        )
        assert other.radius_ == plain.radius_ and other.certificate_.kind == plain.certificate_.kind
        assert other.certificate_.loss == plain.certificate_.loss
        if abs(by_y) < 400:  # the loss is not among the small numbers with fewer digits
            assert other.loss_ == plain.loss_ * unit**2
        np.testing.assert_array_equal(other.predict(X * factors), plain.predict(X) * unit)
        np.testing.assert_array_equal(
            other.gradient(X * factors), plain.gradient(X) * unit / factors
        )
        np.testing.assert_array_equal(other.coefs_[0], plain.coefs_[0] / factors[:, None])
        np.testing.assert_array_equal(other.coefs_[1], plain.coefs_[1] * unit)
        np.testing.assert_array_equal(other.intercepts_[0], plain.intercepts_[0])
        np.testing.assert_array_equal(other.intercepts_[1], plain.intercepts_[1] * unit)


@pytest.mark.parametrize("kind", KINDS)
def test_grid_of_units(kind):
    """1e-150 to 1e150, of target and features: the same network, certified on its own data."""
    X, y = small(kind)
    model = ShallowReLURegressor(2, n_starts=3, random_state=0)
    plain = clone(model).fit(X, y)
    assert plain.certificate_.is_minimum and plain.radius_ > 1e-6
    units = (1e-150, 1e-100, 1e-20, 1e-17, 1e-15, 1e15, 1e100, 1e147)
    for x_unit, y_unit in [*((1.0, unit) for unit in units), (1e-150, 1.0), (1e147, 1e-150)]:
        other = clone(model).fit(X * x_unit, y * y_unit)
        again = certify_minimum(
            other.parametrization_,
            *other.standardize(X * x_unit, y * y_unit),
            space=other.space_,
        )
        assert other.certificate_.is_minimum and other.radius_ > 1e-6
        if kind != "conflicts":  # there the certificate is of the merged samples
            assert again.is_minimum and again.radius == pytest.approx(other.radius_, rel=1e-6)
        assert other.certificate_.kind != "global"
        if kind == "conflicts":  # few samples on a grid: rounding decides which minimum is reached
            continue
        size = np.abs(y).max()
        np.testing.assert_allclose(
            other.predict(X * x_unit) / y_unit, plain.predict(X), rtol=0, atol=1e-9 * size
        )


def test_features_like_unix_time():
    X, y = small("noise")
    plain = ShallowReLURegressor(3, n_starts=6, random_state=0).fit(X, y)
    time = 1.7e9 + 1e5 * X
    model = ShallowReLURegressor(3, n_starts=6, random_state=0).fit(time, y)
    assert model.certificate_.is_minimum and model.radius_ > 1e-6
    np.testing.assert_allclose(model.predict(time), plain.predict(X), atol=1e-6)


@pytest.mark.parametrize("space", sorted(SPACES))
def test_network_in_the_units_of_the_data(space):
    X, y = small("shifted")
    X, y = X * [64.0, 0.125], y * 2.0**-40
    model = ShallowReLURegressor(2, space=space, n_starts=3, random_state=0).fit(X, y)
    theta = model.to_parametrization()
    assert theta.weights.shape == model.parametrization_.weights.shape
    atol = 1e-7 * np.abs(y).max()  # the features are far from centred
    np.testing.assert_allclose(realize(theta, model.space_.embed(X)), model.predict(X), atol=atol)
    (a, c), (b, e) = model.coefs_, model.intercepts_
    np.testing.assert_allclose(
        (np.maximum(X @ a + b, 0) @ c + e)[:, 0], model.predict(X), atol=atol
    )
    gradients = model.gradient(X)
    assert np.abs(gradients).max() <= model.sobolev_seminorm().value * (1 + 1e-12)
    again = clone(model).set_params(n_starts=1, init=theta).fit(X, y)
    assert again.loss_ <= model.loss_ * (1 + 1e-6)


@pytest.mark.parametrize("space", sorted(SPACES))
def test_sobolev_training_is_free_of_the_units_of_the_target(space):
    X, y, G = with_gradients(n=30)
    model = ShallowReLURegressor(2, space=space, alpha=0.01, n_starts=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = clone(model).fit(X, y, y_gradient=G)
        other = clone(model).fit(X, y * 2.0**-67, y_gradient=G * 2.0**-67)
    np.testing.assert_array_equal(other.predict(X), plain.predict(X) * 2.0**-67)
    assert other.loss_ == plain.loss_ * 2.0**-134


@pytest.mark.parametrize("unit", [1e200, 1e-200, 1e-310])
def test_data_whose_squares_are_no_numbers(unit):
    X, y = small("noise")
    with pytest.raises(ValueError, match=r"y: values of about .* change the unit"):
        ShallowReLURegressor(2, n_starts=2).fit(X, y * unit)
    with pytest.raises(ValueError, match=r"X, column 0: values of about .* change the unit"):
        ShallowReLURegressor(2, n_starts=2).fit(X * unit, y)


def test_no_global_minimum_where_rounding_hides_the_target():
    """At 1e15 + noise of 1 the network's terms are rounded at 0.1."""
    X, y = small("noise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for mean in (1e6, 1e13, 1e15, 1e17):
            model = ShallowReLURegressor(2, n_starts=3, random_state=0).fit(X, y + mean)
            if model.certificate_ is not None and model.certificate_.kind == "global":
                assert model.score(X, y + mean) >= 1 - 1e-9 or not model.certificate_.is_minimum


def test_mistakes_of_the_program_escape(data, monkeypatch):
    def wrong(*args, **kwargs):
        raise ValueError("a mistake")

    monkeypatch.setattr("landscape.estimator._starts.descend", wrong)
    with pytest.raises(ValueError, match="a mistake"):
        ShallowReLURegressor(n_neurons=1, n_starts=1).fit(*data)


# --- starts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_same_result_for_any_number_of_jobs(data, fitted, backend):
    model = clone(fitted).set_params(n_jobs=2)
    with joblib.parallel_backend(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib's, about its workers
        model.fit(*data)
    same(fitted, model)


def test_silent_neurons_are_reinitialized():
    X = np.linspace(-2, 2, 41)[:, None]
    y = np.abs(X[:, 0]) - 1
    for name in sorted(SPACES):
        space = make_space(name, 1, 2, margin=1e-3)
        problem = standardized(X, y, space)
        # All neurons look away from the data.
        theta = space.from_network([[1.0], [2.0]], [-9.0, -9.0], [1.0, 1.0], 0.0)
        changed = reinitialize(problem, theta, np.random.default_rng(0))
        assert not space.violations(changed)
        assert loss(changed, *problem.data) < 0.5 * loss(theta, *problem.data)
        active = (problem.data[0] @ changed.weights.T > 0).any(axis=0)
        assert active.all()
        assert reinitialize(problem, changed, np.random.default_rng(0)) is None


def test_warm_start_and_given_starts(data, fitted):
    X, y = data
    model = clone(fitted).set_params(n_starts=1, warm_start=True, random_state=99)
    model.fit(X, y)
    first = model.loss_
    model.set_params(random_state=0, n_starts=2).fit(X, y)
    assert model.loss_ <= first + 1e-12
    assert list(model.starts_["origin"]) == ["warm_start", "random", "random"]
    model = clone(fitted).set_params(n_starts=1, init=fitted.to_parametrization()).fit(X, y)
    assert model.starts_["origin"].iloc[0] == "init"
    assert model.starts_["loss"].iloc[0] == pytest.approx(fitted.loss_, rel=1e-9)
    assert model.loss_ <= fitted.loss_ * (1 + 1e-9)
    assert model.starts_["n_iter"].iloc[0] <= 1
    model.warm_start = True
    with pytest.raises(ValueError, match=r"warm_start: .* another space .* Set warm_start=False"):
        model.set_params(space="balanced", init=None).fit(X, y)
    with pytest.raises(ValueError, match="init: not in the restricted space"):
        clone(fitted).set_params(n_neurons=5, init=[fitted.parametrization_]).fit(X, y)
    with pytest.raises(TypeError, match="init: expected parametrizations, got a str"):
        clone(fitted).set_params(init=["random"]).fit(X, y)


def test_warning_says_what_to_do(data):
    with pytest.warns(
        ConvergenceWarning, match=r"None of the 2 starts .*Increase max_iter"
    ) as caught:
        model = ShallowReLURegressor(n_neurons=6, n_starts=2, max_iter=1, random_state=0).fit(*data)
    assert caught[0].filename == __file__
    assert not model.certificate_.is_minimum and np.isnan(model.radius_)
    assert np.isnan(model.realization_radius_)


@pytest.mark.parametrize("space", sorted(SPACES))
def test_warm_start_with_another_width(data, space):
    X, y = data
    model = ShallowReLURegressor(2, space=space, warm_start=True, n_starts=1, random_state=0)
    losses = []
    for m in (2, 4, 3):
        model.set_params(n_neurons=m).fit(X, y)
        assert model.coefs_[0].shape == (2, m + (space != "unrestricted"))
        losses.append(model.starts_["loss"][0])
    assert losses[1] <= losses[0]


@pytest.mark.parametrize("space", sorted(SPACES))
def test_linear_term_is_linear_and_breakpoints_are_those_of_neurons(space):
    """Two slopes that no single neuron has both of."""
    X = np.linspace(-1, 1, 41)[:, None]
    y = 3 * X[:, 0] - 2 * np.maximum(X[:, 0] - 0.2, 0) + 5
    model = ShallowReLURegressor(1, space=space, linear=True, n_starts=4, random_state=0)
    model.fit(X, y)
    (a, _), (b, _) = model.coefs_, model.intercepts_
    assert model.certificate_.is_minimum and model.loss_ < 1e-20
    kinks = -b / a[0]
    assert a.shape == (1, 2 if space == "unrestricted" else 3)
    assert np.sum(np.abs(kinks) < 2) == 1 and np.isclose(kinks[np.abs(kinks) < 2], 0.2, atol=0.05)
    np.testing.assert_allclose(model.predict([[-10.0]]), [-25.0], rtol=1e-6)
    inputs, target = model.standardize(X, y)
    assert certify_minimum(model.parametrization_, inputs, target, space=model.space_).is_minimum
    again = clone(model).set_params(warm_start=True)
    again.fit(X, y).set_params(n_neurons=2).fit(X, y)
    assert again.loss_ < 1e-20 and again.coefs_[0].shape[1] == a.shape[1] + 1


def test_without_polish_or_certificate(data, monkeypatch):
    X, y = data
    model = ShallowReLURegressor(3, n_starts=3, random_state=0, certify=False).fit(X, y)
    assert model.certificate_ is None and set(model.starts_["outcome"]) == {"solver"}
    assert model.loss_ == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-12)
    full = clone(model).set_params(certify="auto").fit(X, y)
    assert (full.starts_["loss"] <= model.starts_["loss"] * (1 + 1e-12)).all()
    with pytest.warns(ConvergenceWarning, match="polish=True"):
        rough = clone(model).set_params(certify=True, polish=False).fit(X, y)
    assert not rough.certificate_.is_minimum and rough.loss_ == pytest.approx(model.loss_)
    with pytest.warns(ConvergenceWarning, match=r"more than 360\).* certify=True"):
        wide = ShallowReLURegressor(160, n_starts=1, max_iter=5, random_state=0).fit(X, y)
    assert wide.certificate_ is None and np.isnan(wide.radius_)
    # Where there is no certificate because of the size, a start ends earlier, with a loss like it.
    wide.set_params(max_iter=10_000, tol=0.0, alpha=0.1, certify=False).fit(X, y)
    monkeypatch.setattr("landscape.estimator._starts.SHARE", 0.0)
    long = clone(wide).fit(X, y)
    assert 2 * wide.starts_["n_iter_solver"][0] < long.starts_["n_iter_solver"][0]
    assert long.loss_ < wide.loss_ < 1.02 * long.loss_ + 1e-3 * np.var(y)


def test_time_limit_and_interrupts_keep_the_best(data, monkeypatch):
    X, y = data
    with pytest.warns(ConvergenceWarning, match="Increase max_time") as caught:
        model = ShallowReLURegressor(3, max_time=1e-6, random_state=0).fit(X, y)
    assert caught[0].filename == __file__ and len(model.starts_) == 1
    assert model.starts_["outcome"][0] == "time_limit"
    assert np.isfinite(model.predict(X)).all()
    full = ShallowReLURegressor(3, n_starts=4, random_state=0).fit(X, y)
    same(full, ShallowReLURegressor(3, n_starts=4, max_time=1e6, random_state=0).fit(X, y))
    calls = []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return swap(*args, **kwargs)

    monkeypatch.setattr("landscape.estimator._smooth.swap", interrupted)
    with pytest.warns(ConvergenceWarning, match="Interrupted after 1 of the starts"):
        model = ShallowReLURegressor(3, n_starts=4, random_state=0).fit(X, y)
    first = model.starts_.iloc[0]
    assert first["outcome"] == "interrupted" and first["loss"] < first["loss_start"]
    monkeypatch.setattr("landscape.estimator._starts.descend", interrupted)
    calls[:] = [1, 1]
    with pytest.warns(ConvergenceWarning, match="Interrupted"):
        model = ShallowReLURegressor(3, n_starts=4, solver="descent", random_state=0).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_warnings_point_to_the_users_line(data):
    with pytest.warns(ConvergenceWarning) as caught:
        make_pipeline(
            StandardScaler(), ShallowReLURegressor(6, n_starts=1, max_iter=1, random_state=0)
        ).fit(*data)
    assert caught[0].filename == __file__


def test_lower_start_without_certificate_is_said(data, monkeypatch):
    def spoiled(*args, **kwargs):
        end = run_start(*args, **kwargs)
        if args[2] == 1:  # the second start
            row = end.row | {"loss": 0.0, "verdict": "undecided", "reason": "a reason"}
            return replace(end, row=row, certificate=None)
        return end

    monkeypatch.setattr("landscape.estimator._base.run_start", spoiled)
    with pytest.warns(ConvergenceWarning, match=r"Start 1 has the lower loss 0 .*a reason"):
        ShallowReLURegressor(2, n_starts=2, random_state=0).fit(*data)


def noisy(d=3, n=80):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n, d)) * [1.0, 4.0, 0.25][:d]
    return X, rng


@pytest.mark.parametrize("space", ["restricted", "unrestricted"])
def test_chosen_penalty_and_the_linear_minimum(space):
    """Ridge regression is found where the truth is linear, and it is a certified minimum."""
    X, rng = noisy()
    truth = X @ [1.0, -0.5, 2.0] + 3 + rng.standard_normal(80)
    model = ShallowReLURegressor(3, space=space, alpha="auto", n_starts=2, random_state=0)
    model.fit(X, truth)
    assert list(model.starts_["origin"]) == ["linear"] and model.certificate_.is_minimum
    m, std = len(model.intercepts_[0]), X.std(axis=0)
    ridge = Ridge(alpha=len(X) * model.alpha_ / m).fit((X - X.mean(axis=0)) / std, truth)
    np.testing.assert_allclose(
        model.predict(X), ridge.predict((X - X.mean(axis=0)) / std), rtol=0, atol=1e-6
    )
    bent = clone(model).fit(X, np.maximum(truth, 3.0))
    assert set(bent.starts_["origin"]) == {"random"} and bent.certificate_.is_minimum
    path = bent.alpha_path_
    assert min(path["network"]) < min(path["linear"])
    assert bent.alpha_ == path["alpha"][int(np.argmin(path["network"]))]
    powers = clone(bent).fit(X * [8.0, 0.5, 1.0], np.maximum(truth, 3.0) * 2.0**-30)
    np.testing.assert_array_equal(powers.predict(X * [8.0, 0.5, 1.0]), bent.predict(X) * 2.0**-30)


def test_chosen_penalty_takes_weights_as_repetition():
    X, rng = noisy(n=30)
    y, weights = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(30), np.arange(30) % 3
    model = ShallowReLURegressor(2, alpha="auto", n_starts=2, random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    repeat = np.repeat(np.arange(30), weights)
    repeated = clone(model).fit(X[repeat], y[repeat])
    same(weighted, repeated)
    assert weighted.alpha_ == repeated.alpha_


def test_mlp_regressor_is_the_same_network(data, fitted):
    mlp = fitted.to_mlp_regressor()
    np.testing.assert_allclose(mlp.predict(data[0]), fitted.predict(data[0]), atol=1e-12)


def test_state_of_a_fit_is_plain(fitted):
    """Numbers and strings, which file formats without pickles take."""
    for row in vars(fitted)["_rows"]:
        assert {type(value) for value in row.values()} <= {int, float, str}


def test_other_factors_change_nothing_but_rounding():
    X, y = load_diabetes(return_X_y=True)
    model = ShallowReLURegressor(5, n_starts=2, random_state=0)
    plain = clone(model).fit(X, y)
    for by_x, by_y in ((1.0, 1e-3), (1e3, 1e-8), (0.1, 1e-100)):
        other = clone(model).fit(X * by_x, y * by_y)
        assert other.loss_ / by_y**2 == pytest.approx(plain.loss_, rel=1e-9)
        np.testing.assert_allclose(other.predict(X * by_x) / by_y, plain.predict(X), rtol=1e-6)
        assert other.certificate_.kind == plain.certificate_.kind != "global"


def test_single_precision_is_computed_in_double(data):
    X, y = data[0].astype(np.float32), data[1].astype(np.float32)
    model = ShallowReLURegressor(2, n_starts=2, random_state=0)
    same(clone(model).fit(X, y), clone(model).fit(X.astype(float), y.astype(float)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_single_precision_of_many_samples_is_the_same_and_not_doubled(rng, loss):
    """Samples that repeat, weights, columns as frames store them, more samples than a block."""
    X = np.asfortranarray(rng.standard_normal((30_000, 24)) + 3.0, dtype=np.float32)
    X[::7] = X[0]
    y, weights = np.abs(X[:, 0] - 3.0) + rng.standard_normal(len(X)), rng.integers(0, 3, len(X))
    model = ShallowReLURegressor(
        8, loss=loss, space="unrestricted", n_starts=1, max_iter=60, random_state=0
    )
    double = clone(model).fit(np.array(X, dtype=float, order="C"), y, sample_weight=weights)
    tracemalloc.start()
    single = clone(model).fit(X, y, sample_weight=weights)
    fitted = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    values = single.predict(X)
    predicted = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    same(single, double)
    np.testing.assert_array_equal(values, double.predict(X.astype(float)))
    assert fitted < 2 * X.nbytes and predicted < X.nbytes, (fitted, predicted, X.nbytes)


def test_several_targets_name_the_way_out(data):
    X, y = data
    both = np.column_stack([y, -y])
    with pytest.raises(ValueError, match=r"one target, got 2.*MultiOutputRegressor"):
        ShallowReLURegressor(n_neurons=1).fit(X, both)
    model = ShallowReLURegressor(n_neurons=1, n_starts=2, random_state=0)
    assert MultiOutputRegressor(model).fit(X, both).predict(X).shape == both.shape


def test_verbose_prints_a_line_per_start(data, capsys):
    ShallowReLURegressor(n_neurons=1, n_starts=3, random_state=0, verbose=True).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[1].startswith("start 1 (random, 1 positive): loss ")


# --- with scikit-learn ----------------------------------------------------------------------------


def test_works_with_the_rest_of_scikit_learn(data):
    X, y = data
    frame = pd.DataFrame(X, columns=["one", "two"])
    model = ShallowReLURegressor(n_neurons=1, n_starts=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    search = GridSearchCV(
        TransformedTargetRegressor(pipeline, transformer=StandardScaler()),
        {"regressor__shallowreluregressor__n_neurons": [1, 2]},
        cv=KFold(3),
    ).fit(frame, y)
    assert search.best_params_ == {"regressor__shallowreluregressor__n_neurons": 2}
    assert search.score(frame, y) > 0.8
    inner = clone(model).fit(frame, y)
    assert list(inner.feature_names_in_) == ["one", "two"]
    copy = pickle.loads(pickle.dumps(inner))
    np.testing.assert_array_equal(copy.predict(frame), inner.predict(frame))
    assert copy.certificate_.is_minimum
    assert repr(clone(model).set_params(n_neurons=4)).startswith("ShallowReLURegressor(n_neurons=4")


def test_metadata_routing(data):
    X, y = data
    weights = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = ShallowReLURegressor(n_neurons=1, n_starts=2, random_state=0)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        found = cross_validate(
            model, X, y, cv=KFold(2), params={"sample_weight": weights}, return_estimator=True
        )
    train = np.arange(30, 60)
    alone = clone(model).fit(X[train], y[train], sample_weight=weights[train])
    np.testing.assert_array_equal(found["estimator"][0].predict(X), alone.predict(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_memory_is_flat_in_the_number_of_starts(rng):
    """Kept arrays of a start, 4000 samples times 2 neurons, would add up to megabytes."""
    X = rng.standard_normal((4000, 2))
    y = np.sin(X[:, 0]) + X[:, 1] ** 2
    peaks = []
    model = ShallowReLURegressor(n_neurons=1, n_starts=1, max_iter=5, random_state=0)
    start = model.fit(X, y).to_parametrization()
    for n_starts in (2, 5, 30):  # the same start: each takes as much for itself
        model.set_params(init=[start] * n_starts, solver="descent")
        tracemalloc.start()
        model.fit(X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 25 * 4000 * 2 * 8 / 4


def test_a_certified_fit_does_not_copy_the_features_over_and_over(rng):
    """X for the data, a descent and a certificate; the rest are samples times neurons."""
    X = rng.standard_normal((3000, 20))
    y = np.maximum(X @ rng.standard_normal((20, 4)), 0.0).sum(axis=1) + rng.standard_normal(3000)
    model = ShallowReLURegressor(4, n_starts=1, random_state=0).fit(X, y)
    assert model.certificate_.is_minimum
    tracemalloc.start()
    clone(model).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * X.nbytes, (peak, X.nbytes)


def test_importing_the_package_stays_light():
    code = (
        "import sys, landscape; assert 'sklearn' not in sys.modules, 'sklearn'; "
        "landscape.ShallowReLURegressor; assert 'matplotlib' not in sys.modules, 'matplotlib'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- displays -------------------------------------------------------------------------------------


def test_landscape_display(fitted):
    display = LandscapeDisplay.from_estimator(fitted)
    certified = fitted.starts_[fitted.starts_["verdict"] == "holds"]
    assert display.minima_["n_starts"].sum() == len(certified)
    assert len(display.minima_) == certified["key"].nunique()
    assert display.minima_["loss"].is_monotonic_increasing
    drawn = display.ax_.collections[0].get_offsets()
    np.testing.assert_allclose(drawn[:, 0], display.minima_["loss"])
    plt.close(display.figure_)


def test_landscape_display_of_a_fit_without_certificate(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ShallowReLURegressor(n_neurons=6, n_starts=2, max_iter=1, random_state=0)
        display = LandscapeDisplay.from_estimator(model.fit(*data))
    assert len(display.minima_) == 0
    plt.close(display.figure_)


def test_realization_display_of_one_feature_breaks_where_the_network_does():
    X = np.linspace(-1, 1, 21)[:, None]
    model = ShallowReLURegressor(n_neurons=1, n_starts=4, random_state=0)
    model.fit(X, np.maximum(X[:, 0] - 0.25, 0))
    _, axes = plt.subplots()
    display = RealizationDisplay.from_estimator(model, X, model.predict(X), ax=axes)
    x, y = display.ax_.lines[0].get_data()
    assert display.ax_ is axes
    kinks = -model.intercepts_[0] / model.coefs_[0][0]
    np.testing.assert_allclose(x[1:-1], np.sort(kinks))
    np.testing.assert_allclose(y, model.predict(x[:, None]), atol=1e-16)  # at the kink 0
    # Any exact fit has its kinks between the two samples around 1/4.
    assert x[1] > 0.2 - 1e-9 and x[-2] < 0.3 + 1e-9
    np.testing.assert_allclose(np.interp(X[:, 0], x, y), np.maximum(X[:, 0] - 0.25, 0), atol=1e-9)
    plt.close(display.figure_)


def test_realization_display_of_two_features(data, fitted):
    X, y = data
    display = RealizationDisplay.from_estimator(fitted, X, y)
    weights, biases = fitted.coefs_[0].T, fitted.intercepts_[0]
    for line in display.ax_.lines:
        ends = np.array([line.get_xy1(), line.get_xy2()])
        on_kink = np.abs(ends @ weights.T + biases).max(axis=0)
        assert on_kink.min() < 1e-9
    assert len(display.ax_.lines) >= 2
    plt.close(display.figure_)
    with pytest.raises(ValueError, match="one or two features, the fit has 3"):
        wide = ShallowReLURegressor(n_neurons=1, n_starts=1).fit(np.c_[X, y], y)
        RealizationDisplay.from_estimator(wide, np.c_[X, y])


@pytest.mark.slow
def test_diabetes_with_twenty_starts():
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    model = ShallowReLURegressor(n_neurons=8, random_state=0).fit(X, y)
    assert (model.starts_["verdict"] == "holds").mean() >= 0.8
    assert model.loss_ < 0.32 and model.realization_radius_ > 0.1
