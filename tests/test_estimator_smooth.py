"""The smooth phase: its compiled loss, and swaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from landscape import ShallowReLURegressor
from landscape.estimator import _smooth
from landscape.estimator._lbfgs import BLOCK, MEMORY, minimize, value_and_gradient
from landscape.estimator._smooth import (
    SmoothProblem,
    Watch,
    descend_smoothly,
    find_basin,
    settle,
    swap,
)
from landscape.estimator._starts import FitData
from landscape.networks import Network
from landscape.realization import realize
from landscape.spaces import make_space
from landscape.standardization import Units, from_raw, merge_samples


def make_problem(rng, *, offset=True, alpha=0.0, n=40, d=3):
    roots = np.sqrt(rng.uniform(0.5, 2.0, n))
    X = np.column_stack([rng.standard_normal((n, d)), np.ones(n)]).astype(np.float32)
    penalty, y = np.append(np.full(d, alpha), 0.0), rng.standard_normal(n) * roots
    return SmoothProblem(X, roots, y, penalty, offset)


def inputs(problem):
    """The rows of X times the roots."""
    return problem.X.astype(float) * problem.roots[:, None]


def make_network(rng, m=4, width=4, offset=True):
    e = float(rng.standard_normal()) if offset else 0.0
    A, c = rng.standard_normal((m, width)), rng.standard_normal(m)
    return Network(A[:, :-1], A[:, -1], c, e)


@pytest.mark.parametrize("kind", ["offset", "none", "linear"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize(("delta", "n"), [(0.05, 40), (2.0, 2 * BLOCK + 7)])
def test_compiled_loss_is_its_definition_and_the_gradient_its_derivative(
    rng, kind, alpha, delta, n
):
    problem = make_problem(rng, offset=kind == "offset", alpha=alpha, n=n)
    if kind == "linear":
        problem = replace(problem, affine=(0,))
    q, X = {"offset": 1, "none": 0, "linear": 4}[kind], inputs(problem)

    def loss(v):
        A, c, e = v[:16].reshape(4, 4), v[16:20], v[20:]
        z, r = X @ A.T, delta * X[:, -1:]
        h = np.where(np.abs(z) < r, (z + r) ** 2 / (4 * r), np.maximum(z, 0))
        s = h @ c - problem.y
        own = alpha * ((c[:, None] * A[:, :3]) ** 2).sum()
        if kind == "offset":
            s += e[0] * X[:, -1]
        if kind == "linear":
            s += X @ e
            own += alpha * (e[:3] ** 2).sum()
        return np.mean(s**2) + own

    v = rng.standard_normal(20 + q)
    v[:4] = 0.0  # on all kinks
    value, gradient = value_and_gradient(v, *problem.within(delta))
    np.testing.assert_allclose(value, loss(v), rtol=1e-12)
    for j, unit in enumerate(np.eye(v.size)):
        quotient = (loss(v + 1e-6 * unit) - loss(v - 1e-6 * unit)) / 2e-6
        assert abs(quotient - gradient[j]) < 1e-6


def test_no_band_is_the_loss_itself(rng):
    problem = make_problem(rng, alpha=0.1)
    network = make_network(rng)
    value = value_and_gradient(problem.pack(network).vector, *problem.within(1e-12))[0]
    assert np.isclose(value, problem.loss(network))


def test_end_of_the_compiled_solver_is_stationary_and_pauses_change_nothing(rng):
    """A wide band leaves a smooth problem, whose gradient vanishes at the end.

    Of 200 samples the end is reached in some 150 steps; of 60 in thousands, whose number depends on
    rounding, that is, on the machine.
    """
    problem = make_problem(rng, n=200)
    data, start = problem.within(0.5), problem.pack(make_network(rng)).vector
    ends = []
    for chunk in (5000, 7):
        memory, products = np.empty((2, MEMORY, start.size)), np.empty(MEMORY)
        state, stored, total, over = (start, *value_and_gradient(start, *data)), 0, 0, False
        while not over:
            found = minimize(*state, *data, 1e-13, chunk, memory, products, stored)
            *state, n, stored, over = found
            total += n
        v, value, _ = state
        ends.append(v)
        expected, gradient = value_and_gradient(v, *data)
        assert value == expected < value_and_gradient(start, *data)[0]
        assert 7 < total <= 5000
        assert np.abs(gradient).max() < 1e-4
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("affine", [(), (0,), (0, 5)])
def test_network_and_point_are_the_same_function(rng, affine):
    problem = replace(make_problem(rng), affine=affine, offset=len(affine) == 1)
    point = problem.pack(make_network(rng, m=4 + len(affine), offset=problem.offset))
    network = problem.unpack(point)
    assert network.n_neurons == 4 + len(affine)
    X, rows = problem.X[:, :-1].astype(float), inputs(problem)
    own = np.maximum(rows @ point.A.T, 0) @ point.c + rows[:, 4 - problem.q :] @ point.e
    np.testing.assert_allclose(problem.values(point), own, rtol=1e-12)
    np.testing.assert_allclose(network.predict(X) * problem.roots, own, atol=1e-8)
    again = problem.pack(network)
    np.testing.assert_allclose(again.vector, point.vector, atol=1e-9)
    # A linear term has its kinks far away, and neither gain nor loss on the data.
    assert (X @ network.weights[list(affine)].T + network.biases[list(affine)] > 0).all()


def test_settled_samples_are_on_kinks(rng):
    problem, network = make_problem(rng, n=200), make_network(rng)
    problem = replace(problem, roots=np.ones(200))
    X, (*_, x), rows = problem.X[:, :-1].astype(float), inputs(problem)[:8], network.rows
    rows[0] -= (rows[0] @ x) / (x @ x) * x
    rows[0] *= 1 + 1e-6
    rows[0, -1] += 1e-5
    network = replace(network, weights=rows[:, :-1], biases=rows[:, -1])
    end = settle(problem, network, network, X)
    assert abs(x @ network.rows[0]) > 1e-6 > 1e-14 > abs(x @ end.rows[0])
    np.testing.assert_allclose(end.rows, network.rows, atol=0.01)


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


@pytest.mark.parametrize("chunk", [1, 10**8])
def test_a_search_for_a_share_of_the_loss_ends_where_steps_gain_less(rng, monkeypatch, chunk):
    problem, network = make_problem(rng, n=300), make_network(rng)
    monkeypatch.setattr(_smooth, "CHUNK", chunk)  # ten steps between two looks, or many
    point, losses = problem.pack(network), [problem.loss(network)]
    for n_iter in range(_smooth.WINDOW, 500, _smooth.WINDOW):
        losses.append(descend_smoothly(problem, point, 0.1, 0.0, n_iter, Watch())[1])
    shares = -np.diff(losses) / (_smooth.WINDOW * np.array(losses[1:]))
    least = np.minimum.accumulate(shares)
    ends = set()
    for share in np.sqrt(least[1:] * least[:-1])[np.diff(least) < 0]:
        _, loss, n_iter = descend_smoothly(problem, point, 0.1, 0.0, 500, Watch(), share)
        first = int(np.argmax(shares < share)) + 1
        assert (n_iter, loss) == (first * _smooth.WINDOW, losses[first])
        ends.add(n_iter)
    assert len(ends) > 2


@pytest.mark.parametrize("share", [0.0, 1e-9])
def test_failures_end_swaps_unless_stages_end_by_a_share_of_the_loss(rng, monkeypatch, share):
    ranks, problem = [], make_problem(rng, n=50)
    monkeypatch.setattr(_smooth, "GAIN", 1.0)  # none is good enough

    def counted(problem, point, rng, rank):
        ranks.append(rank)
        return swap(problem, point, rng, rank)

    monkeypatch.setattr(_smooth, "swap", counted)
    find_basin(problem, make_network(rng), rng, tol=1e-3, max_iter=10**4, share=share)
    assert ranks == list(range(_smooth.SWAPS if share else _smooth.FAILURES))


def test_swap_finds_the_missing_neuron(rng):
    """A silent neuron goes first, and what replaces it lowers the loss."""
    problem = make_problem(rng, n=80)
    network = make_network(rng)
    rows = network.rows
    rows[2] = [0.0, 0.0, 0.0, -1.0]
    network = replace(network, weights=rows[:, :-1], biases=rows[:, -1])
    point = problem.pack(network)
    other = swap(problem, point, rng)
    same = other.A[[0, 1, 3]] / point.A[[0, 1, 3]]
    np.testing.assert_allclose(same, np.broadcast_to(same[:, :1], same.shape), rtol=1e-12)
    assert problem.loss(problem.unpack(other)) < problem.loss(network)


@pytest.mark.parametrize("space", ["restricted", "balanced", "unrestricted"])
def test_networks_in_both_units_have_one_loss(rng, space):
    X, y = rng.standard_normal((25, 3)) * 7 + 3, rng.standard_normal(25) * 5 - 40
    samples = merge_samples(X, y, rng.integers(1, 4, 25).astype(float))
    place, offset = make_space(space, 3, 4, margin=0.01), space == "unrestricted"
    units = Units.of_samples(samples, offset=offset)
    data = FitData(units.samples(samples), place, "smoothing", 1, 1e-8)
    network = make_network(rng, m=4 if offset else 5, offset=offset)
    theta = from_raw(place, data.standard.outward(network))
    assert place.contains(theta)
    X, y = data.data
    loss = np.mean((realize(theta, X) - y) ** 2)
    unit = data.standard.target_scale**2
    # The search sees the data in single precision.
    np.testing.assert_allclose(data.smooth.loss(network) * unit, loss, rtol=1e-5)
    np.testing.assert_allclose(data.loss(theta), loss, rtol=1e-12)
    raw = units.outward(Network.from_parametrization(theta, place))  # on the data as they are
    expected = samples.weights @ (raw.predict(samples.features()) - samples.target) ** 2
    np.testing.assert_allclose(loss * units.target_scale**2, expected, rtol=1e-10)
    again = data.standard.inward(units.inward(raw))
    np.testing.assert_allclose(data.smooth.loss(again), data.smooth.loss(network), rtol=1e-10)


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
