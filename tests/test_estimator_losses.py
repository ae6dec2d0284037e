"""Fits of other losses than the square: the classifier, and the regressor's `loss`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from landscape import ShallowReLUClassifier, ShallowReLURegressor, certify_minimum
from landscape.estimator._lbfgs import sample_loss, value_and_gradient
from landscape.estimator._losses import weighted_quantile
from landscape.estimator._penalty import ridge
from landscape.estimator._smooth import SmoothProblem
from landscape.losses import (
    LOSSES,
    HingeLoss,
    HuberLoss,
    LogisticLoss,
    PinballLoss,
    QuantileLoss,
)
from landscape.networks import Network

#: Those that the estimators fit beside the squared loss: the smooth ones.
OTHERS = ["huber", "quantile", "logistic", "poisson"]


def targets(name: str, rng: np.random.Generator, n: int) -> np.ndarray:
    if name == "logistic":
        return rng.choice([-1.0, 1.0], n)
    return rng.poisson(2.0, n).astype(float) if name == "poisson" else rng.standard_normal(n)


def smooth_problem(name: str, rng: np.random.Generator, n: int = 23, d: int = 2) -> SmoothProblem:
    X = np.column_stack([rng.standard_normal((n, d)), np.ones(n)]).astype(np.float32)
    y = targets(name, rng, n)
    loss = LOSSES[name]().on(y, rng.uniform(0.5, 2.0, n))[1]
    return SmoothProblem(X, np.ones(n), y, rng.uniform(0, 0.1, d + 1), True, (), loss)


@pytest.mark.parametrize("name", OTHERS)
def test_compiled_losses_are_those_of_the_package(name):
    rng = np.random.default_rng(1)
    problem = smooth_problem(name, rng, n=40)
    kind, a, b = problem.within(0.1)[-3:]
    values = np.concatenate(
        [rng.standard_normal(35) * 10.0 ** rng.integers(-6, 2, 35), np.zeros(5)]
    )
    loss = LOSSES[name]().on(problem.y)[1]
    r = values - problem.y if loss.of_residuals else values
    mine = np.array([sample_loss(kind, a, b, v, y) for v, y in zip(values, problem.y, strict=True)])
    assert mine[:, 0] == pytest.approx(loss.value(r), rel=1e-12, abs=1e-14)
    assert mine[:, 1] / 2 == pytest.approx(loss.half_slope(r), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", OTHERS)
def test_smoothed_gradients(name):
    rng = np.random.default_rng(2)
    problem = smooth_problem(name, rng)
    v, data = rng.standard_normal(3 * 4 + 1) * 0.7, problem.within(0.05)
    value, gradient = value_and_gradient(v, *data)
    point = problem.split(v)
    u = point.c[:, None] * point.A
    values = problem.values(point)
    narrow = value_and_gradient(v, *problem.within(1e-300))[0]
    assert narrow == pytest.approx(problem.error(values) + float((u**2 @ problem.penalty).sum()))
    steps = 1e-6 * np.eye(v.size)
    moved = [
        value_and_gradient(v + h, *data)[0] - value_and_gradient(v - h, *data)[0] for h in steps
    ]
    assert gradient == pytest.approx(np.array(moved) / 2e-6, rel=1e-5, abs=1e-7)
    assert value > 0


def test_linear_competitors_are_convex_optima():
    rng = np.random.default_rng(3)
    X, alpha = rng.standard_normal((60, 2)).astype(np.float32), 0.01
    y = np.where(X[:, 0] + rng.standard_normal(60) > 0.3, 1.0, -1.0)
    X1, ones = np.column_stack([X, np.ones(60, np.float32)]), np.ones(60)
    logistic = SmoothProblem(X1, ones, y, np.zeros(3), True, (), LogisticLoss().on(y, ones)[1])
    peer = LogisticRegression(C=1 / (2 * alpha * 60), tol=1e-10).fit(X, y)
    expected = np.append(peer.coef_[0], peer.intercept_)
    assert ridge(logistic, alpha) == pytest.approx(expected, abs=1e-4)
    loss = HuberLoss(0.5).on(X[:, 1], ones)[1]
    huber = SmoothProblem(X1, ones, X[:, 1] + y, np.zeros(3), True, (), loss)
    penalized = lambda w: np.mean(loss.value(X1 @ w - huber.y)) + alpha * w[:2] @ w[:2]  # noqa: E731
    least = minimize(penalized, np.zeros(3), method="Nelder-Mead", tol=1e-10).fun
    assert penalized(ridge(huber, alpha)) <= least + 1e-9


@pytest.fixture(scope="module")
def curve() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 40))[:, None]
    return x, np.abs(x[:, 0]) + 0.2 * rng.standard_normal(40)


@pytest.mark.parametrize("loss", ["huber", "quantile", "poisson"])
@pytest.mark.parametrize("space", ["restricted", "unrestricted"])
def test_regressors_are_certified_and_can_be_checked_again(curve, loss, space):
    x, y = curve
    y = np.maximum(np.round(3 * y), 0) if loss == "poisson" else y
    options = {"n_starts": 2, "random_state": 0, "space": space, "quantile": 0.8}
    model = ShallowReLURegressor(2, loss=loss, **options).fit(x, y)
    assert model.certificate_.is_minimum
    assert np.isfinite(model.realization_radius_) == (space == "restricted")
    again = certify_minimum(
        model.parametrization_, *model.standardize(x, y), space=model.space_,
        loss=model.sample_loss_,
    )  # fmt: skip
    assert again.is_minimum and again.radius == pytest.approx(model.radius_)
    unit = model.units_.target_scale**model.sample_loss_.degree
    assert again.loss * unit == pytest.approx(model.loss_)
    values = model.predict(x)
    if loss == "poisson":
        if space == "unrestricted":  # the intercept is free: means agree
            assert values.mean() == pytest.approx(y.mean(), rel=1e-6)
        deviances = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / values), 0) - y + values
        assert model.loss_ == pytest.approx(deviances.mean())
    if loss == "quantile":
        assert abs(np.mean(y <= values) - 0.8) <= 3 / 40


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_other_units_of_the_target_change_nothing(curve, loss):
    x, y = curve
    options = {"n_starts": 1, "loss": loss, "alpha": 1e-3}
    model = ShallowReLURegressor(1, random_state=0, **options).fit(x, y)
    scale = 2.0**-40
    options["alpha"] = 1e-3 * scale ** (model.sample_loss_.degree - 2)
    other = ShallowReLURegressor(1, random_state=0, **options).fit(x, y * scale)
    assert (other.predict(x) == scale * model.predict(x)).all()
    assert other.radius_ == model.radius_


def test_constants_of_a_given_loss_are_in_the_units_of_the_data(curve):
    x, y = curve
    y = 100 * y
    y[[3, 20]] += 1e5
    model = ShallowReLURegressor(1, n_starts=2, random_state=0, loss=HuberLoss(30.0)).fit(x, y)
    assert model.sample_loss_.delta * model.units_.target_scale == 30.0
    assert model.loss_ == pytest.approx(HuberLoss(30.0).value(model.predict(x) - y).mean())
    inner = np.delete(np.arange(40), [3, 20])
    assert np.abs(model.predict(x) - y)[inner].mean() < 100  # the outliers draw nothing
    assert clone(model).loss == HuberLoss(30.0)


def test_weighted_quantile_is_that_of_repeated_values():
    values, weights = np.array([3.0, 1.0, 2.0, 7.0]), np.array([2, 1, 3, 1])
    for share in (0.0, 0.1, 0.5, 0.7, 0.9, 1.0):
        repeated = np.quantile(np.repeat(values, weights), share, method="inverted_cdf")
        assert weighted_quantile(values, weights.astype(float), share) == repeated


@pytest.fixture(scope="module")
def classes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 2))
    noise = 0.4 * rng.standard_normal(60)
    return X, np.where(np.abs(X[:, 0]) + X[:, 1] + noise > 0.8, "yes", "no")


@pytest.fixture(scope="module")
def classifier(classes) -> ShallowReLUClassifier:
    return ShallowReLUClassifier(2, n_starts=3, random_state=0).fit(*classes)


def test_classifier_is_certified_and_can_be_checked_again(classes, classifier):
    X, y = classes
    inputs, target = classifier.standardize(X, y)
    penalty = np.append(classifier.alpha_ / classifier.units_.scale**2, [0.0, 0.0])
    again = certify_minimum(
        classifier.parametrization_, inputs, target, space=classifier.space_,
        loss=classifier.sample_loss_, penalty=penalty,
    )  # fmt: skip
    assert again.is_minimum and again.radius == pytest.approx(classifier.radius_)
    assert again.loss == pytest.approx(classifier.loss_)
    assert classifier.score(X, y) > 0.8
    odds = classifier.decision_function(X)
    probabilities = classifier.predict_proba(X)
    assert np.log(probabilities) == pytest.approx(classifier.predict_log_proba(X))
    assert np.log(probabilities[:, 1] / probabilities[:, 0]) == pytest.approx(odds)
    assert (classifier.predict(X) == np.where(odds > 0, "yes", "no")).all()
    mlp = classifier.to_mlp_classifier()
    assert mlp.predict_proba(X) == pytest.approx(probabilities)
    assert (mlp.predict(X) == classifier.predict(X)).all()


def test_weights_of_classes_and_samples_are_repetitions(classes):
    X, y = classes
    model = ShallowReLUClassifier(1, n_starts=1, random_state=0)
    weighted = clone(model).set_params(class_weight={"yes": 2}).fit(X, y)
    rows = np.repeat(np.arange(60), np.where(y == "yes", 2, 1))
    repeated = clone(model).fit(X[rows], y[rows])
    assert (weighted.decision_function(X) == repeated.decision_function(X)).all()
    balanced = clone(model).set_params(class_weight="balanced").fit(X, y)
    totals = np.where(y == "yes", 0.5 / np.mean(y == "yes"), 0.5 / np.mean(y == "no"))
    own = clone(model).fit(X, y, sample_weight=totals)
    assert balanced.decision_function(X) == pytest.approx(own.decision_function(X), rel=1e-9)


def test_separable_classes_have_no_minimum_without_a_penalty():
    X = np.arange(8.0)[:, None]
    y = (X[:, 0] > 3).astype(int)
    model = ShallowReLUClassifier(1, n_starts=2, alpha=0.0, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match=r"separable; no minimum is attained.*Set alpha > 0"
    ):
        model.fit(X, y)
    assert model.starts_.loc[model.best_start_, "outcome"] == "no_minimum"
    assert model.score(X, y) == 1.0 and not model.certificate_.is_minimum
    assert model.set_params(alpha=0.01).fit(X, y).certificate_.is_minimum


def test_one_class_left_by_weights_has_no_minimum_with_a_penalty_either():
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1])
    with pytest.warns(ConvergenceWarning, match="no minimum is attained"):
        model = ShallowReLUClassifier(1, n_starts=1, random_state=0).fit(X, y, sample_weight=1 - y)
    assert (model.predict(X) == 0).all()


def test_more_classes_one_against_the_rest():
    X, y = load_iris(return_X_y=True)
    model = ShallowReLUClassifier(1, n_starts=1, random_state=0, alpha=0.01)
    assert OneVsRestClassifier(model).fit(X, y).score(X, y) > 0.94
    with pytest.raises(ValueError, match=r"Only binary classification.*OneVsRestClassifier"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="one class"):
        model.fit(X[:50], y[:50])


def test_what_is_not_there_is_said(curve):
    x, y = curve
    for options, words in [
        ({"loss": LogisticLoss()}, "ShallowReLUClassifier"),
        ({"loss": "poisson"}, "targets >= 0"),
        ({"loss": "huber", "certify_global": True}, "loss='squared'"),
        ({"loss": "cosh"}, "loss"),
        ({"loss": "absolute", "alpha": 0.1}, "alpha, linear: descents of losses with corners"),
        ({"loss": PinballLoss(0.8), "linear": True}, "alpha, linear: descents of losses"),
        ({"loss": HingeLoss()}, "loss: the hinge loss is of labels"),
        ({"loss": QuantileLoss(), "quantile": 1.0}, "quantile"),
    ]:
        with pytest.raises(ValueError, match=words):
            ShallowReLURegressor(1, n_starts=1, **options).fit(x, y)
    with pytest.raises(ValueError, match="y_gradient: only with loss='squared'"):
        ShallowReLURegressor(1, n_starts=1, loss="huber").fit(x, y, y_gradient=x)


@pytest.mark.parametrize("solver", ["descent", "L-BFGS-B", "trf"])
def test_other_solvers(classes, solver):
    X, y = classes
    options = {"n_starts": 1, "random_state": 0, "solver": solver, "alpha": 0.0}
    assert ShallowReLUClassifier(1, **options).fit(X, y).certificate_.is_minimum


def test_without_neurons_it_is_logistic_regression(classes):
    X, y = classes
    model = ShallowReLUClassifier(0, linear=True, space="unrestricted", n_starts=1, alpha=0.01)
    model.set_params(random_state=0).fit(X, y)
    peer = LogisticRegression(C=1 / (2 * 0.01 * 60), tol=1e-10).fit(X, y)
    assert model.certificate_.is_minimum
    assert model.decision_function(X) == pytest.approx(peer.decision_function(X), abs=1e-4)
    with pytest.raises(ValueError, match="n_neurons: expected at least 1, or linear=True"):
        ShallowReLUClassifier(0).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["huber", "quantile", "poisson"])
def test_penalty_by_cross_validation(curve, loss):
    x, y = curve
    y = np.maximum(np.round(3 * y), 0) if loss == "poisson" else y
    model = ShallowReLURegressor(4, n_starts=2, loss=loss, alpha="auto", random_state=0).fit(x, y)
    assert model.certificate_.is_minimum and model.alpha_ > 0
    assert min(model.alpha_path_["network"]) < min(model.alpha_path_["linear"])


@pytest.mark.slow
def test_a_linear_function_where_it_predicts_better():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((80, 5))
    y = X[:, 0] - X[:, 1] + 2 * rng.standard_normal(80) > 0
    model = ShallowReLUClassifier(3, n_starts=2, alpha="auto", random_state=0).fit(X, y)
    assert model.certificate_.is_minimum and (model.starts_["origin"] == "linear").all()
    peer = LogisticRegression(C=3 / (2 * model.alpha_ * 80), tol=1e-10)
    scales = X.std(axis=0)
    peer.fit(X / scales, y)
    # N* has one neuron more, which the penalty shares in as well.
    odds = model.decision_function(X)
    assert np.corrcoef(odds, peer.decision_function(X / scales))[0, 1] > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("name", ["huber", "quantile", "poisson", "logistic"])
def test_no_convex_solver_finds_less_on_the_cell(name):
    pytest.importorskip("cvxpy")
    from benchmarks.losses.__main__ import Task, least, ours

    rng = np.random.default_rng(7)
    X = rng.standard_normal((50, 2))
    y = targets(name, rng, 50)
    task = Task(name, LOSSES[name](), 0.01, lambda: (X, y))
    model = ours(task, 2, 3).fit(X, y)
    assert model.certificate_.is_minimum
    (a, c), (b, e) = model.coefs_, model.intercepts_
    optimum = least(
        task, X, (y + 1) / 2 if name == "logistic" else y, Network(a.T, b, c[:, 0], e[0])
    )
    assert model.loss_ == pytest.approx(optimum, rel=1e-7)


@pytest.mark.slow
def test_a_corner_of_the_loss_is_fitted_not_smoothed():
    """As good as the best of many smoothed fits or better, in any unit; weights are repetitions."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-2, 2, 30))[:, None]
    y = np.abs(x[:, 0]) + 0.1 * rng.standard_normal(30)
    weights = rng.integers(1, 4, 30)
    options = {"n_starts": 3, "random_state": 0}
    plain = ShallowReLURegressor(1, loss="absolute", **options).fit(x, y, weights)
    errors = np.repeat(np.abs(plain.predict(x) - y), weights)
    assert plain.certificate_.is_minimum
    assert plain.loss_ == pytest.approx(errors.mean(), rel=1e-12)
    smooth = ShallowReLURegressor(1, loss="quantile", **options).fit(x, y, weights)
    assert plain.loss_ <= np.average(np.abs(smooth.predict(x) - y), weights=weights) * (1 + 1e-12)
    large = ShallowReLURegressor(1, loss=PinballLoss(0.5), **options).fit(x, 1024 * y, weights)
    assert large.loss_ == pytest.approx(512 * plain.loss_, rel=1e-9)
