"""Analyses of networks: verdicts as certified, nearest minima, and what the page says."""

import json
import re
import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor

from landscape import (
    Network,
    Parametrization,
    ShallowReLURegressor,
    analyse,
    certify_minimum,
    descend,
    distance_to_fibre,
    from_sklearn,
    sobolev_seminorm,
)
from landscape.analysis import pair_angles
from landscape.analysis._case import Case, Objective
from landscape.analysis._face import towards_network
from landscape.descent import DescentOutcome
from landscape.estimator import RealizationDisplay
from landscape.networks import NetworkError, own_objective
from landscape.verdict import Verdict

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (40, 2))
    return X, np.abs(X[:, 0]) - np.maximum(X[:, 1] + 0.3, 0) + 0.1 * rng.standard_normal(40)


@pytest.fixture(scope="module")
def model(data):
    return ShallowReLURegressor(3, space="unrestricted", n_starts=3, random_state=0).fit(*data)


@pytest.fixture(scope="module")
def trained(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        perceptron = MLPRegressor(
            hidden_layer_sizes=(4,), solver="adam", alpha=0, max_iter=800, random_state=1
        )
        return perceptron.fit(*data)


def loss(network, X, y):
    return float(np.mean((network.predict(X) - y) ** 2))


@pytest.fixture(scope="module")
def found(data, trained):
    return analyse(trained, *data)


@pytest.fixture(scope="module")
def fitted(data, model):
    return analyse(model, *data, valleys=False)


def test_the_verdict_is_the_certificate_of_its_own_numbers(data, trained, found):
    X, y = data
    network = from_sklearn(trained)
    space = network.space()
    theta = network.to_parametrization()
    certificate = certify_minimum(theta, space.embed(X), y, space=space)
    assert found.verdict is certificate.verdict is Verdict.VIOLATED
    assert found.reason == certificate.reason
    assert found.loss == pytest.approx(trained.loss_ * 2, rel=0.2)
    assert found.r2 == pytest.approx(trained.score(X, y))


def test_along_the_direction_the_loss_falls(data, found):
    network, by = found.network, found.direction
    step = 1e-6
    moved = Network(
        network.weights + step * by["weights"],
        network.biases + step * by["biases"],
        network.output_weights + step * by["output_weights"],
        network.offset + step * by["offset"],
    )
    change = (loss(moved, *data) - found.loss) / step
    assert by["slope"] < 0 and change == pytest.approx(by["slope"], rel=1e-3)
    largest = max(np.abs(by[name]).max() for name in ("weights", "biases", "offset"))
    assert largest == pytest.approx(1)


def test_the_nearest_minimum(data, found):
    X, y = data
    gap = found.gap
    again = certify_minimum(gap.parametrization, found.space.embed(X), y, space=found.space)
    assert again.is_minimum and gap.certificate.is_minimum and not gap.at_minimum
    assert gap.loss == pytest.approx(found.loss - loss(gap.network, X, y))
    values = np.abs(gap.network.predict(X) - found.network.predict(X))
    assert gap.values == pytest.approx(values.max())

    def objective(x):
        m, d = found.network.n_neurons, 2
        a, b = x[: m * d].reshape(m, d), x[m * d : m * (d + 1)]
        c, e = x[m * (d + 1) : -1], x[-1]
        return np.mean((np.maximum(X @ a.T + b, 0) @ c + e - y) ** 2)

    net = found.network
    start = np.concatenate([net.weights.ravel(), net.biases, net.output_weights, [net.offset]])
    other = minimize(objective, start, method="Powell", options={"maxiter": 30})
    # Both are lower than the network; which of them is lower says nothing of which is nearer.
    assert loss(gap.network, X, y) < found.loss and other.fun < found.loss
    end = other.x
    a, b, c = np.split(end[:-1], [8, 12])
    begin = Network(a.reshape(4, 2), b, c, end[-1]).to_parametrization()
    other = descend(begin, found.space.embed(X), y, space=found.space)
    assert other.outcome is DescentOutcome.MINIMUM and other.loss < found.loss
    theta = net.to_parametrization()
    own, theirs = (
        distance_to_fibre(theta, one, space=found.space).upper
        for one in (gap.parametrization, other.parametrization)
    )
    assert gap.parameters == pytest.approx(own) and own <= theirs


@pytest.mark.parametrize("above", [0.0, 2.0])
def test_the_nearest_minimum_of_a_face(above):
    """A line fit by a neuron that is active on all samples: bias and offset can be exchanged."""
    x = np.linspace(-1, 1, 5)[:, None]
    y = 2 * x[:, 0] + np.array([0.1, -0.2, 0.0, 0.2, -0.1])
    slope = float(x[:, 0] @ y / (x[:, 0] @ x[:, 0]))
    network = Network([[slope]], [5.0], [1.0], above - 5.0)
    case = Case(network, x, y, network.space(), Objective())
    far = Network([[slope]], [50.0], [1.0], -50.0).to_parametrization()
    assert certify_minimum(far, case.inputs, y, space=case.space).is_minimum
    first = next(towards_network(case, far))
    assert certify_minimum(first, case.inputs, y, space=case.space).is_minimum
    found = distance_to_fibre(case.theta, first, space=case.space).upper
    # Weight slope + t, bias 5 - t, offset above - 5 - t; the output weight keeps their product.
    exact = brentq(lambda t: slope / (slope + t) * (5 - t) + above - 5 - t, 0, 5)
    assert found == pytest.approx(exact, rel=1e-3, abs=1e-4)


def test_data_that_do_not_fit_are_named():
    x = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=3).fit(x, [0.0, 1.0, 2.0])
    with pytest.raises(NetworkError, match="X: there is no column 'b', which the estimator needs"):
        analyse(model, x[["a"]], [0.0, 1.0, 2.0])
    with pytest.raises(NetworkError, match=r"y: expected numbers: .* 'low'"):
        analyse(model, x, ["low", "low", "high"])
    with pytest.raises(NetworkError, match=r"X: expected numbers: .* 'u'"):
        analyse(model, x.assign(b="u"), [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="X: expected 2 columns, as the network has inputs"):
        RealizationDisplay.from_estimator(Network([[1.0, 0.5]], [0.0], [1.0], 0.0), [0.0, 1.0])


def test_a_fit_of_the_estimator_is_at_its_minimum(fitted):
    """Its numbers in the data's units are rounded: a minimum up to their precision, or exactly."""
    assert fitted.verdict is not Verdict.UNDECIDED
    assert fitted.gap.at_minimum and fitted.gap.loss <= 1e-12
    assert fitted.gap.parameters <= 1e-6


def test_single_precision(data, fitted):
    """A minimum rounded to float32 is none any more, but at one up to its own precision."""
    near = fitted.gap.network
    own = replace(
        near,
        **{
            name: np.asarray(getattr(near, name), dtype="float32")
            for name in ("weights", "biases", "output_weights", "offset")
        },
        dtype="float32",
        source="test",
    )
    found = analyse(own, *data, valleys=False)
    assert found.gap.at_minimum and found.gap.loss < 1e-6
    assert not analyse(replace(own, dtype="float64"), *data, valleys=False).gap.at_minimum
    assert "at it up to its own precision (float32)" in str(found)


def test_tiny_output_weights_move_as_little_as_they_must(data):
    """Unbalanced, the products of a minimum are reached by weights of size 1e8, or by balance."""
    rng = np.random.default_rng(0)
    network = Network(
        1e-3 * rng.standard_normal((3, 2)), 1e-3 * rng.standard_normal(3), np.full(3, 1e-8), 0.0
    )
    gap = analyse(network, *data, valleys=False).gap
    assert gap.parametrization is not None and gap.parameters < 10


def test_degeneracies(data):
    X, y = data
    a = [[1.0, 0.0], [2.0, 1e-9], [-1.0, 0.0], [1.0, 1.0]]
    network = Network(a, [0.0, 0.0, 0.0, -9.0], [1.0, 1.0, 1.0, 0.5], 0.0)
    known = analyse(network, X, y, valleys=False).degeneracies
    (i, j, angle), (k, last, opposite) = known["closest"][0], known["opposite"][0]
    assert (i, j) == (0, 1) and angle == pytest.approx(np.degrees(5e-10), rel=1e-6)
    assert (k, last) == (0, 2) and opposite == pytest.approx(180)
    assert known["silent"] == [3] and known["imbalance_max"] == pytest.approx(17 / 18)


def test_angles_are_accurate_at_both_ends():
    network = Network([[1.0, 0.0], [1.0, 1e-12], [-1.0, 1e-12]], np.zeros(3), np.ones(3), 0.0)
    rows = pair_angles(network)
    assert rows[0, 2] == pytest.approx(np.degrees(1e-12))
    assert 180 - rows[-1, 2] == pytest.approx(np.degrees(1e-12), rel=0.05)
    assert len(pair_angles(Network([[0.0]], [0.0], [1.0], 0.0))) == 0


def test_lipschitz_constants_and_the_seminorm_are_two_numbers(found):
    theta = found.network.to_parametrization()
    assert found.seminorm.value == sobolev_seminorm(theta).value
    assert found.lipschitz[1].value <= found.seminorm.value
    values = [found.lipschitz[p].value for p in (1, 2, np.inf)]
    assert values == sorted(values)


@pytest.mark.parametrize("space", ["balanced", "restricted"])
def test_other_spaces(data, trained, space):
    found = analyse(trained, *data, space=space, valleys=False)
    assert found.space.name == space and found.direction is None
    assert found.gap.certificate.is_minimum
    assert found.implication.verdict is Verdict.HOLDS
    assert "Nearest minimum" in str(found)


def test_the_lifted_network(data, found):
    lifted = found.lifted
    assert lifted.gap.certificate.is_minimum
    assert lifted.radius == pytest.approx(lifted.gap.certificate.radius**2 / 8)
    assert lifted.probe.verdict is Verdict.HOLDS


def test_small_data_have_a_valley():
    x, y = np.linspace(-1, 1, 6)[:, None], np.array([1.0, 0.2, 0.1, 0.0, 0.3, 1.2])
    found = analyse(Network([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], 0.0), x, y)
    assert found.tree is not None and 0 <= found.valley < len(found.tree)
    assert found.tree.pairs[found.valley, 0] <= found.loss
    assert "Valley" in str(found)


def test_a_minimum_has_no_gap():
    x = np.linspace(0, 1, 9)[:, None]
    found = analyse(Network([[1.0]], [-0.5], [2.0], 0.0), x, 2 * np.maximum(x[:, 0] - 0.5, 0))
    assert found.verdict is Verdict.HOLDS and found.gap.loss == 0 and found.gap.at_minimum
    assert "a certified local minimum" in str(found)


# --- what goes in -----------------------------------------------------------------------------


def test_tables_and_columns(data, trained, found):
    X, y = data
    frame = pd.DataFrame(X, columns=["one", "two"])
    named = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        named.fit(frame, y)
    same = analyse(named, frame[["two", "one"]], pd.Series(y), valleys=False)
    assert np.array_equal(same.features, X)
    column = analyse(trained, X, y[:, None], valleys=False)
    assert column.loss == found.loss


@pytest.mark.parametrize(
    "options, message",
    [
        ({"loss": "median"}, "loss: expected one of squared, huber"),
        ({"weight_decay": -1.0}, "weight_decay: expected a finite number >= 0"),
    ],
)
def test_what_cannot_be_certified_is_refused(data, trained, options, message):
    with pytest.raises(ValueError, match=message):
        analyse(trained, *data, **options)


def test_data_that_do_not_fit(data):
    X, y = data
    network = Network(np.ones((3, 2)), np.zeros(3), np.ones(3), 0.0)
    with pytest.raises(NetworkError, match="got 3; are its weights transposed"):
        analyse(network, np.c_[X, y], y)
    with pytest.raises(ValueError, match="y: expected shape"):
        analyse(network, X, np.c_[y, y])
    with pytest.raises(NetworkError, match="at least one neuron"):
        analyse(Network(np.zeros((0, 2)), [], [], 1.0), X, y)


def test_transposed_weights_are_noticed_where_shapes_are_not(data):
    X, _ = data
    a = np.array([[1.0, 5.0], [-3.0, 0.5]])
    network = Network(a, [0.1, 0.2], [1.0, 1.0], 0.0)
    y = network.predict(X)
    wrong = replace(network, weights=a.T, output_weights=[1.0, 1.0])
    with pytest.raises(NetworkError, match="transposed they have the loss"):
        analyse(wrong, X, y)
    assert analyse(replace(wrong, source="mine"), X, y, valleys=False).loss > 1


# --- what comes out ---------------------------------------------------------------------------


def test_the_page(found, tmp_path):
    text = str(found)
    for title in ("Network", "Local minimum", "Nearest minimum", "Degeneracies", "Lipschitz"):
        assert re.search(rf"^{title}", text, re.MULTILINE)
    assert "<h3>Degeneracies</h3>" in found._repr_html_()
    found.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 1 and "default-src 'none'" in page and "<script" not in page
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["verdict"] == "violated" and len(numbers["direction"]["weights"]) == 4
    assert numbers["nearest_minimum"]["loss"] == found.gap.loss
    assert repr(found).startswith("Analysis('violated', loss=")


def test_displays_take_whatever_is_a_network(data, trained):
    from matplotlib import pyplot as plt

    from landscape.estimator import RealizationDisplay

    X, y = data
    network = from_sklearn(trained)
    for model in (network, trained, Parametrization(network.weights, network.output_weights)):
        display = RealizationDisplay.from_estimator(model, X, y)
        assert len(display.ax_.lines) >= 2 and display.network.n_inputs == 2
        plt.close(display.figure_)
    with pytest.raises(NotFittedError):
        RealizationDisplay.from_estimator(MLPRegressor(), X, y)


# --- other losses and weight decay: what scikit-learn minimizes ---


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_networks_of_scikit_learn_are_judged_by_what_they_minimized(data, kind):
    X, y = data
    labels = np.where(y > np.median(y), "high", "low")
    target = labels if kind is MLPClassifier else y
    options = {"alpha": 0.05, "solver": "lbfgs", "max_iter": 5000, "tol": 1e-12}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = kind(hidden_layer_sizes=(3,), random_state=1, **options).fit(X, target)
    form = own_objective(model, len(X))
    found = analyse(model, X, target, nearby=0, valleys=False, node_limit=200, **form)
    # scikit-learn's own loss, with its penalty.
    penalty = sum(float((w**2).sum()) for w in model.coefs_) * form["weight_decay"].strength
    if kind is MLPRegressor:
        own = float(np.mean((model.predict(X) - y) ** 2)) + penalty
        assert own == pytest.approx(2 * model.loss_, rel=1e-5)
    else:
        own = log_loss(target, model.predict_proba(X), labels=model.classes_) + penalty
        assert own == pytest.approx(model.loss_, rel=1e-5)
        assert np.isnan(found.r2)
    assert found.loss == pytest.approx(own, rel=1e-6)
    assert "weight decay" in str(found)
    gap = found.gap
    assert gap.certificate.is_minimum
    assert 0 <= gap.loss < 0.5 * own
    again = certify_minimum(
        gap.parametrization, found.space.embed(X), found.target, space=found.space, **form
    )
    assert again.is_minimum
    assert again.loss == pytest.approx(found.loss - gap.loss, rel=1e-9)


def test_labels_of_a_classifier_are_its_own(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLPClassifier(hidden_layer_sizes=(2,), max_iter=5, random_state=0).fit(X, y > 0)
    with pytest.raises(NetworkError, match="y: expected labels of"):
        analyse(model, X, np.where(y > 0, "yes", "no"))
