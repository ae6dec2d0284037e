"""Controls: degenerate parameter minima whose realizations are no minima, verified from outside."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import DescentOutcome, descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.probe import CONTROLS, steepest_ridge
from landscape.realization import difference, realize
from landscape.spaces import BalancedSpace, make_space
from landscape.stationarity import Verdict
from tests.oracles import ball
from tests.oracles.falsifier import attack
from tests.oracles.problems import DATA, lifted
from tests.oracles.ridges import largest_ridge


def line_minimum() -> tuple[Parametrization, np.ndarray, np.ndarray]:
    """A neuron active on all samples, residuals orthogonal to the affine functions."""
    x = np.arange(-3, 4)[:, None]
    s = np.array([1, -2, 1, 0, 1, -2, 1.0])
    theta = Parametrization.from_products([[2.0, 9.0, 1.0]], [1])
    return theta, lifted(x), 2 * x[:, 0] + 8.0 - s


def end_point(name: str) -> tuple[Parametrization, np.ndarray, np.ndarray]:
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 2)
    X = space.embed(features)
    theta = space.sample(np.random.default_rng(4), n_positive=1)
    result = descend(theta, X, y, space=space)
    assert result.outcome is DescentOutcome.MINIMUM
    assert result.loss > 1e-6
    return result.parametrization, X, y


def verify(control, theta, X, y) -> None:
    """Everything that the record says, from the networks alone."""
    gamma = control.parametrization
    assert control.space.violations(gamma) == [] or control.kind == "C.2"
    assert realize(gamma, X) == pytest.approx(realize(theta, X), abs=1e-9)
    assert ball.seminorm(difference(gamma, theta)) <= 1e-12 * np.abs(theta.products).max()
    # A parameter minimum, with a radius in which the search finds nothing better.
    assert control.certificate.verdict is Verdict.HOLDS
    again = certify_minimum(gamma, X, y, space=control.space)
    assert again.verdict is Verdict.HOLDS
    radius = min(control.certificate.radius, 10.0)
    found = attack(
        gamma,
        X,
        y,
        radius=radius,
        balanced=isinstance(control.space, BalancedSpace),
        n_random=60,
        n_descents=3,
    )
    assert found.gain <= control.certificate.slack + 1e-12 * np.mean(y**2)
    # Better realizations at distances that go to zero.
    assert control.verdict is Verdict.VIOLATED, control.reason
    distances, gaps = np.asarray(control.distances), np.asarray(control.gaps)
    assert len(distances) == len(gaps) >= 3
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 1e-3 * distances[0]
    assert (gaps > 0).all()
    assert control.slope < 0
    v, sigma = control.direction, control.sign
    assert np.abs(v).max() == pytest.approx(1.0, rel=1e-12)
    base = np.mean((realize(theta, X) - y) ** 2)
    for t, gap in zip(distances, gaps, strict=True):
        values = realize(theta, X) + sigma * t * np.maximum(X @ v, 0.0)
        assert base - np.mean((values - y) ** 2) == pytest.approx(gap, rel=1e-6, abs=1e-12 * base)
    # ... of which every parametrization is far away.
    assert control.parameter_distance > 0
    assert control.parameter_distance > 10 * distances[-1]


@pytest.mark.parametrize("kind", ["C.1", "C.2"])
@pytest.mark.parametrize("name", ["sine", "smooth", "grid", "duplicates", "collinear"])
def test_controls_are_violated_on_every_data_set(kind, name):
    theta, X, y = end_point(name)
    control = CONTROLS[kind](theta, X, y, rng=np.random.default_rng(0))
    verify(control, theta, X, y)
    gamma = control.parametrization
    if kind == "C.1":
        assert gamma.output_weights[-1] == 0
        assert gamma.weights[-1].any()
        assert (X @ gamma.weights[-1] < 0).all()
    else:
        assert gamma.redundant_pairs()


@pytest.mark.parametrize("kind", ["C.1", "C.2", "C.3"])
def test_every_control_on_a_minimum_with_a_neuron_active_everywhere(kind):
    theta, X, y = line_minimum()
    control = CONTROLS[kind](theta, X, y, rng=np.random.default_rng(0))
    verify(control, theta, X, y)
    if kind == "C.3":
        gamma = control.parametrization
        assert gamma.is_balanced()
        assert gamma.redundant_pairs() == []
        assert len(gamma.opposite_pairs()) == 3


def test_the_opposite_control_needs_a_vanishing_moment():
    """sum_k s_k x_k is not zero: the six neurons are no minimum, and the record says so."""
    x = np.arange(-3, 4)[:, None]
    theta = Parametrization.from_products([[1.0, 1.0, 6.0]], [1])  # silent
    control = CONTROLS["C.3"](theta, lifted(x), np.ones(7), rng=np.random.default_rng(0))
    assert not control.certificate.is_minimum
    assert control.verdict is Verdict.UNDECIDED


def test_no_control_is_violated_at_a_global_optimum():
    """Zero residual: no ridge can help, and none is claimed to."""
    theta, X, _ = line_minimum()
    control = CONTROLS["C.1"](theta, X, realize(theta, X), rng=np.random.default_rng(0))
    assert control.verdict is not Verdict.VIOLATED


@pytest.mark.parametrize("kind", ["gaussian", "integers", "duplicates"])
@pytest.mark.parametrize("p", [1, 2])
def test_the_steepest_ridge_against_all_cells(kind, p):
    for seed in range(4 if p == 1 else 2):
        rng = np.random.default_rng(seed)
        points = rng.standard_normal((7, p))
        s = rng.standard_normal(7)
        if kind == "integers":
            points, s = rng.integers(-2, 3, (7, p)), rng.integers(-3, 4, 7)
        if kind == "duplicates":
            points = np.repeat(points[:3], 2, axis=0)
            s = rng.standard_normal(6)
        X, s = lifted(points), np.asarray(s, dtype=float)
        expected, _ = largest_ridge(X, s)
        ridge = steepest_ridge(X, s)
        reached = np.maximum(X @ ridge.direction, 0.0) @ s
        assert np.abs(ridge.direction).max() <= 1 + 1e-12
        assert abs(reached) == pytest.approx(ridge.value, rel=1e-9, abs=1e-12)
        assert ridge.exact
        assert ridge.value == pytest.approx(expected, rel=1e-7, abs=1e-9)
        assert ridge.upper >= expected - 1e-7 * (1 + expected)
        assert ridge.sign * reached <= 1e-12


def test_no_ridge_sees_zero_residuals():
    ridge = steepest_ridge(lifted(np.arange(4.0)[:, None]), np.zeros(4))
    assert ridge.value == 0.0
    assert ridge.is_zero
