"""Objectives against finite differences; weights against repetition; training end to end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, minimize

from landscape import Parametrization, UnrestrictedSpace, certify_minimum, descend, realize
from landscape.objective import loss, objective_for, weight_samples
from landscape.spaces import SPACES, make_space
from landscape.training import SOLVERS, FitOutcome, draw_network, train


def problem(space_name, n_features=2, m=3, n=25, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, n_features))
    y = np.sin(features[:, 0]) + 0.1 * rng.standard_normal(n)
    space = make_space(space_name, n_features, m, margin=1e-3)
    network = draw_network(rng, n_features, m, n_positive=2)
    theta = space.from_network(
        network.weights, network.biases, network.output_weights, network.offset
    )
    return space, space.embed(features), y, theta


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("space_name", SPACES)
def test_derivatives_are_those_of_finite_differences(space_name, solver):
    """For every space, objective and solver: what it is given, at points off the kinks."""
    space, X, y, theta = problem(space_name)
    objective = objective_for(theta, X, y, space)
    x = objective.pack(theta)
    size = 1e-6
    steps = size * np.eye(x.size)
    if solver == "trf":
        numeric = np.array(
            [
                (objective.evaluate(x + h).residuals - objective.evaluate(x - h).residuals)
                / (2 * size)
                for h in steps
            ]
        ).T
        jacobian = objective.jacobian(x, objective.evaluate(x))
        np.testing.assert_allclose(jacobian, numeric, rtol=0, atol=1e-8)
    value, gradient = objective.value_and_gradient(x)
    numeric = np.array(
        [(objective.value(x + h) - objective.value(x - h)) / (2 * size) for h in steps]
    )
    np.testing.assert_allclose(gradient, numeric, rtol=0, atol=1e-8)
    assert value == pytest.approx(loss(objective.unpack(x), X, y), rel=1e-13)
    # And the solver makes use of them: it lowers the loss, inside the space.
    fit = train(theta, X, y, space=space, solver=solver, max_iter=100)
    assert fit.loss < fit.loss_start
    assert fit.loss == pytest.approx(loss(fit.parametrization, X, y), rel=1e-10)
    assert not [v for v in space.violations(fit.parametrization) if v.condition != "C.2"]


@pytest.mark.parametrize("space_name", SPACES)
def test_compiled_evaluations_are_those_of_arrays(space_name):
    """Also on kinks, at data that may not be written to, and where numbers end."""
    space, X, y, theta = problem(space_name, n=30)
    X = np.round(2 * X) / 2
    X[4], X[5] = 0.0, -X[6]
    X.flags.writeable = y.flags.writeable = False
    objective = objective_for(theta, X, y, space)
    m, d = objective.lower.shape
    start = objective.pack(theta)
    special = [start.copy() for _ in range(4)]
    special[0][:d] = 0.0  # a silent neuron
    special[1][0] = np.nan
    special[2][:d] = 2.0**500
    special[3] = np.round(2 * start) / 2
    assert (X @ special[3][:d] == 0).any()
    for x in [start, start[::-1], *special]:
        rows, c = x[: m * d].reshape(m, d), objective.signs
        if c is None:
            c = x[m * d :]
        z = X @ rows.T
        every = np.column_stack([z, X[:, -1]]) if objective.offset else z
        values = np.maximum(every, 0.0)
        r = values @ c - y
        by_rows = ((z > 0) * c[:m] * r[:, None]).T @ X
        slope = by_rows.ravel() if objective.signs is not None else np.append(by_rows, r @ values)
        at = objective.evaluate(x)
        value, gradient = objective.value_and_gradient(x)
        exact = {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(at.residuals, r, **exact)
        np.testing.assert_allclose(value, r @ r / 30, **exact)
        np.testing.assert_allclose(gradient, 2 / 30 * slope, **exact)


def test_a_limit_of_iterations_is_an_outcome():
    space, X, y, theta = problem("restricted")
    assert train(theta, X, y, space=space, max_iter=2).outcome is FitOutcome.ITERATION_LIMIT


def test_numerical_trouble_is_an_outcome(monkeypatch):
    space, X, y, theta = problem("restricted")

    def fail(*args, **kwargs):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("landscape.training.minimize", fail)
    fit = train(theta, X, y, space=space)
    assert fit.outcome is FitOutcome.FAILED
    assert "singular" in fit.message
    assert fit.loss <= fit.loss_start


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit("bye\nsee you"), TypeError("no")])
def test_whatever_a_users_solver_fails_with_is_an_outcome(error):
    space, X, y, theta = problem("restricted")

    def fail(fun, x0, **options):
        fun(x0)
        raise error

    fit = train(theta, X, y, space=space, solver=fail)
    assert fit.outcome is FitOutcome.FAILED and fit.loss == fit.loss_start
    assert fit.message == f"{type(error).__name__}: {error}".split("\n")[0]


def test_a_users_solver_may_move_its_point_in_place():
    space, X, y, theta = problem("restricted")
    objective = objective_for(theta, X, y, space)

    def walk(fun, x0, **options):
        for _ in range(3):
            value, gradient = fun(x0)
            expected = objective.value_and_gradient(x0)
            assert value == expected[0] and (gradient == expected[1]).all()
            x0 -= 1e-3 * gradient
        return OptimizeResult(x=x0, success=True)

    fit = train(theta, X, y, space=space, solver=walk)
    assert fit.outcome is FitOutcome.CONVERGED and fit.n_evaluations == 3


@pytest.mark.parametrize("solver", ["SLSQP", "L-BFGS-B", "trust-constr"])
def test_value_and_gradient_at_a_point_are_one_evaluation(solver, monkeypatch):
    space, X, y, theta = problem("restricted")
    results = []
    monkeypatch.setattr(
        "landscape.training.minimize",
        lambda *args, **options: results.append(minimize(*args, **options)) or results[0],
    )
    fit = train(theta, X, y, space=space, solver=solver, max_iter=10)
    assert fit.n_evaluations == results[0].nfev > 3


def test_unknown_solver_is_named():
    space, X, y, theta = problem("restricted")
    with pytest.raises(ValueError, match=r"solver: expected one of SLSQP.*got 'adam'"):
        train(theta, X, y, space=space, solver="adam")


@pytest.mark.parametrize("space_name", SPACES)
def test_weights_are_repetition(space_name):
    """A certificate for integer weights is that for repeated samples: same verdict and radius."""
    space, X, y, theta = problem(space_name, n=12)
    counts = np.array([1, 2, 3, 0, 1, 1, 4, 1, 0, 1, 2, 1])
    weighted = weight_samples(X, y, counts)
    repeated = np.repeat(X, counts, axis=0), np.repeat(y, counts)
    assert loss(theta, *weighted) == pytest.approx(loss(theta, *repeated), rel=1e-13)
    end = descend(theta, *weighted, space=space)
    first = certify_minimum(end.parametrization, *weighted, space=space)
    second = certify_minimum(end.parametrization, *repeated, space=space)
    assert first.is_minimum
    assert second.is_minimum
    assert first.radius == pytest.approx(second.radius, rel=1e-9)
    assert first.loss == pytest.approx(second.loss, rel=1e-12)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [np.nan, 1.0]])
def test_bad_weights_are_named(weights):
    with pytest.raises(ValueError, match="sample_weight: expected"):
        weight_samples([[1.0], [2.0]], [0.0, 1.0], weights)


def test_the_offset_is_a_neuron_where_the_last_input_is_negative():
    X, y = np.array([[0.5, 1.0], [1.0, -2.0]]), np.array([1.0, 3.0])
    space = UnrestrictedSpace(2, 2, offset=True)
    theta = Parametrization([[1.0, 0.3], [0.0, 1.0]], [0.7, -0.4])
    objective = objective_for(theta, X, y, space)
    x = objective.pack(theta)
    at = objective.evaluate(x)
    assert at.residuals == pytest.approx(realize(theta, X) - y)
    value, gradient = objective.value_and_gradient(x)
    assert value == pytest.approx(loss(theta, X, y))
    assert gradient == pytest.approx(2 / 2 * objective.jacobian(x, at).T @ at.residuals)
    assert objective.jacobian(x, at)[1, -1] == 0.0
