"""The penalty on product coordinates: descent, certificate and radius with independent checks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from landscape import certify_minimum, descend
from landscape.objective import objective_for
from landscape.spaces import SPACES, make_space
from landscape.training import draw_network


def penalized(objective, x, signs_penalty):
    u = x.reshape(-1, signs_penalty.size)
    return objective.value(x) + float((u * u).sum(axis=0) @ signs_penalty)


def problem(name, rng, m=3):
    X = rng.standard_normal((60, 2))
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(60)
    space = make_space(name, 2, m, margin=1e-3)
    network = draw_network(rng, 2, m, n_positive=2)
    theta = space.from_network(
        network.weights, network.biases, network.output_weights, network.offset
    )
    penalty = np.append([0.05, 0.02], np.zeros(space.extra_inputs))
    return space, theta, space.embed(X), y, penalty


@pytest.mark.parametrize("name", sorted(SPACES))
@pytest.mark.parametrize("seed", range(6))
def test_descent_ends_at_a_minimum_that_search_does_not_improve(name, seed):
    rng = np.random.default_rng(seed)
    space, theta, X, y, penalty = problem(name, rng)
    descent = descend(theta, X, y, space=space, penalty=penalty)
    gamma = descent.parametrization
    certificate = certify_minimum(gamma, X, y, space=space, penalty=penalty)
    assert certificate.is_minimum, certificate.reason
    assert certificate.loss == pytest.approx(descent.loss, rel=1e-12)

    def value(a, c):
        u = np.abs(c)[:, None] * a
        m = len(c) - (name == "unrestricted")
        return np.mean((np.maximum(X @ a.T, 0) @ c - y) ** 2) + float(
            (u[:m] ** 2).sum(axis=0) @ penalty
        )

    if name == "unrestricted":  # its offset may be negative: not behind a relu

        def value(a, c):
            u = np.abs(c[:-1, None]) * a[:-1]
            s = np.maximum(X @ a[:-1].T, 0) @ c[:-1] + c[-1] * X[:, -1] - y
            return np.mean(s**2) + float((u**2).sum(axis=0) @ penalty)

    a, c = gamma.weights, gamma.output_weights
    at = value(a, c)
    assert at == pytest.approx(certificate.loss, rel=1e-10)
    r = certificate.radius
    assert r > 0
    for share in (1.0, 1e-1, 1e-3):
        for _ in range(200):
            moved = a + share * r * rng.uniform(-1, 1, a.shape)
            if name == "unrestricted":
                moved[-1] = a[-1]
                scales = c + share * r * rng.uniform(-1, 1, c.shape)
            else:
                scales = np.sign(c) * np.abs(moved).max(axis=1)
            assert value(moved, scales) >= at - certificate.slack - 1e-13


def test_penalty_moves_the_minimum_and_is_stationary_by_differences():
    rng = np.random.default_rng(3)
    space, theta, X, y, penalty = problem("restricted", rng)
    end = descend(theta, X, y, space=space, penalty=penalty)
    free = descend(theta, X, y, space=space)
    size = [float((d.parametrization.products**2).sum(axis=0) @ penalty) for d in (end, free)]
    assert size[0] < size[1]
    assert not certify_minimum(free.parametrization, X, y, space=space, penalty=penalty).is_minimum
    # A smooth solver from there finds nothing lower nearby.
    objective = objective_for(end.parametrization, X, y, space)
    x = objective.pack(end.parametrization)
    lower, upper = objective.bounds()
    found = minimize(
        lambda v: penalized(objective, v, penalty),
        x,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
    )
    assert found.fun >= end.loss - 1e-9


def test_one_neuron_with_all_samples_active_is_ridge_regression():
    """Closed form: on the cell where the neuron is active everywhere."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 2))
    y = 5 + X @ [1.0, -0.5] + 0.1 * rng.standard_normal(30)
    space = make_space("unrestricted", 2, 1)
    theta = space.from_network([[1.0, 0.0]], [5.0], [1.0], 0.0)
    alpha = 0.3
    end = descend(theta, space.embed(X), y, space=space, penalty=[alpha, alpha, 0.0])
    centred, target = X - X.mean(axis=0), y - y.mean()
    w = np.linalg.solve(centred.T @ centred + 30 * alpha * np.eye(2), centred.T @ target)
    np.testing.assert_allclose(end.parametrization.products[0, :2], w, rtol=1e-9)
    loss = np.mean((target - centred @ w) ** 2) + alpha * w @ w
    assert end.loss == pytest.approx(loss, rel=1e-12)


def test_penalty_on_the_constants_keeps_the_bounds():
    """Without the flat direction N*'s margin binds, and the certificate takes it into account."""
    rng = np.random.default_rng(1)
    space, theta, X, y, _ = problem("restricted", rng)
    penalty = np.full(4, 0.05)
    end = descend(theta, X, y, space=space, penalty=penalty)
    assert certify_minimum(end.parametrization, X, y, space=space, penalty=penalty).is_minimum
    assert end.parametrization.products[:, -2:].min() == pytest.approx(space.margin)


def test_errors():
    rng = np.random.default_rng(1)
    space, theta, X, y, penalty = problem("restricted", rng)
    for wrong in ([0.1], -penalty, np.full(4, np.nan)):
        with pytest.raises(ValueError, match="penalty: expected 4 finite numbers >= 0"):
            descend(theta, X, y, space=space, penalty=wrong)
    with pytest.raises(ValueError, match="does not cover a penalty"):
        certify_minimum(theta, X, y, space=space, penalty=penalty, exact=True)


def test_an_exact_fit_is_no_global_minimum_of_the_penalized_loss():
    space = make_space("unrestricted", 1, 1)
    theta = space.from_network([[1.0]], [2.0], [1.0], 0.0)
    X = space.embed([[0.0], [1.0]])
    assert certify_minimum(theta, X, [2.0, 3.0], space=space).kind == "global"
    certificate = certify_minimum(theta, X, [2.0, 3.0], space=space, penalty=[0.1, 0.0])
    assert certificate.verdict.value == "violated"
