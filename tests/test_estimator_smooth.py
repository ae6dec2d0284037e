"""The smooth phase: its compiled loss, and swaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from landscape import ShallowReLURegressor
from landscape.estimator._lbfgs import minimize, value_and_gradient
from landscape.estimator._smooth import SmoothProblem, balanced, find_basin, pack, swap, unpack
from landscape.estimator._starts import FitData
from landscape.estimator._units import Units, from_raw, merge_samples
from landscape.networks import Network
from landscape.realization import realize
from landscape.spaces import make_space


def make_problem(rng, *, offset=True, alpha=0.0, n=40, d=3):
    roots = np.sqrt(rng.uniform(0.5, 2.0, n))
    X = np.column_stack([rng.standard_normal((n, d)), np.ones(n)]) * roots[:, None]
    penalty, y = np.append(np.full(d, alpha), 0.0), rng.standard_normal(n) * roots
    return SmoothProblem(np.ascontiguousarray(X), y, roots * offset, penalty)


def make_network(rng, m=4, width=4, offset=True):
    e = float(rng.standard_normal()) if offset else 0.0
    A, c = rng.standard_normal((m, width)), rng.standard_normal(m)
    return Network(A[:, :-1], A[:, -1], c, e)


@pytest.mark.parametrize("offset", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("delta", [0.05, 2.0])
def test_compiled_loss_is_its_definition_and_the_gradient_its_derivative(rng, offset, alpha, delta):
    problem = make_problem(rng, offset=offset, alpha=alpha)
    network = make_network(rng, offset=offset)

    def loss(v):
        A, c, e = v[:16].reshape(4, 4), v[16:20], v[20]
        z, r = problem.X @ A.T, delta * problem.X[:, -1:]
        h = np.where(np.abs(z) < r, (z + r) ** 2 / (4 * r), np.maximum(z, 0))
        s = h @ c + offset * e * problem.X[:, -1] - problem.y
        return np.mean(s**2) + alpha * ((c[:, None] * A[:, :3]) ** 2).sum()

    v = pack(network)
    v[:4] = 0.0  # on all kinks
    value, gradient = value_and_gradient(v, *problem.within(delta))
    np.testing.assert_allclose(value, loss(v), rtol=1e-13)
    for j, unit in enumerate(np.eye(v.size)):
        quotient = (loss(v + 1e-6 * unit) - loss(v - 1e-6 * unit)) / 2e-6
        assert abs(quotient - gradient[j]) < 1e-6


def test_no_band_is_the_loss_itself(rng):
    problem = make_problem(rng, alpha=0.1)
    network = make_network(rng)
    value = value_and_gradient(pack(network), *problem.within(1e-12))[0]
    assert np.isclose(value, problem.loss(network))


def test_end_of_the_compiled_solver_is_stationary(rng):
    """A wide band leaves a smooth problem, whose gradient vanishes at the end."""
    problem = make_problem(rng, n=60)
    network, data = make_network(rng), problem.within(0.5)
    v = np.concatenate([network.rows.ravel(), network.output_weights, [network.offset]])
    end, value, n_iter = minimize(v, *data, 1e-13, 5000)
    expected, gradient = value_and_gradient(end, *data)
    assert value == expected < value_and_gradient(v, *data)[0]
    assert 0 < n_iter <= 5000
    assert np.abs(gradient).max() < 1e-4


@pytest.mark.parametrize("offset", [True, False])
def test_end_is_never_worse_and_limits_hold(rng, offset):
    problem = make_problem(rng, offset=offset)
    network = make_network(rng, offset=offset)
    losses = []
    for max_iter in (1, 10, 2000):
        end, n_iter = find_basin(
            problem, network, np.random.default_rng(1), tol=1e-8, max_iter=max_iter
        )
        assert n_iter <= max_iter
        losses.append(problem.loss(end))
    assert max(losses) <= problem.loss(network)
    assert losses[-1] < 0.9 * problem.loss(network)


def test_swap_finds_the_missing_neuron(rng):
    """A silent neuron goes first, and what replaces it lowers the loss."""
    problem = make_problem(rng, n=80)
    network = make_network(rng)
    rows = network.rows
    rows[2] = [0.0, 0.0, 0.0, -1.0]
    network = replace(network, weights=rows[:, :-1], biases=rows[:, -1])
    other = swap(problem, network, rng)
    assert (other.rows[[0, 1, 3]] == balanced(network)[0][[0, 1, 3]]).all()
    assert problem.loss(other) < problem.loss(network)


@pytest.mark.parametrize("space", ["restricted", "balanced", "unrestricted"])
def test_networks_in_both_units_have_one_loss(rng, space):
    X, y = rng.standard_normal((25, 3)) * 7 + 3, rng.standard_normal(25) * 5 - 40
    samples = merge_samples(X, y, rng.integers(1, 4, 25).astype(float))
    place, offset = make_space(space, 3, 4, margin=0.01), space == "unrestricted"
    units = Units.of_samples(samples, offset=offset)
    data = FitData(units.samples(samples), units, place, "smoothing", 1, 1e-8)
    network = make_network(rng, m=4 if offset else 5, offset=offset)
    theta = from_raw(place, data.standard.outward(network))
    assert place.contains(theta)
    X, y = data.data
    loss = np.mean((realize(theta, X) - y) ** 2)
    unit = data.standard.target_scale**2
    np.testing.assert_allclose(data.smooth.loss(network) * unit, loss, rtol=1e-12)
    raw = units.outward(Network.from_parametrization(theta, place))  # on the data as they are
    expected = samples.weights @ (raw.predict(samples.features) - samples.target) ** 2
    np.testing.assert_allclose(loss * units.target_scale**2, expected, rtol=1e-10)
    again = data.standard.inward(units.inward(raw))
    np.testing.assert_allclose(data.smooth.loss(again), data.smooth.loss(network), rtol=1e-10)
    np.testing.assert_array_equal(unpack(pack(again), 4).rows, balanced(again)[0])


def test_loss_below_that_of_a_plain_solver_on_the_known_losses():
    """Twenty samples and a noisy teacher, where plain L-BFGS ended in poor basins."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((120, 3))
    A, b = rng.standard_normal((3, 3)), rng.uniform(-1, 1, 3)
    y = np.maximum(X @ A.T + b, 0) @ [1.0, -1.0, 1.0] + 0.3 * rng.standard_normal(120)
    losses = {
        solver: np.median(
            ShallowReLURegressor(
                4, space="unrestricted", solver=solver, n_starts=10, random_state=0
            )
            .fit(X, y)
            .starts_["loss"]
        )
        for solver in ("smoothing", "L-BFGS-B")
    }
    assert losses["smoothing"] < losses["L-BFGS-B"]
