"""One contract for the three controls, and what must not pass for a control.

Checks Theorem 15 of docs/mathematics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import DescentOutcome, descend
from landscape.parametrization import Parametrization, lift_inputs
from landscape.probe import CONTROLS, degenerate_like
from landscape.realization import difference, realize
from landscape.spaces import RestrictedSpace, UnrestrictedSpace, make_space
from landscape.stability import distance_to_fibre
from landscape.stationarity import Verdict
from landscape.study.cells import Task
from landscape.study.probes import extend_by_linear
from tests.oracles import ball
from tests.oracles.problems import DATA

KINDS = sorted(CONTROLS)


def minimum_with_line(name: str) -> tuple[Parametrization, np.ndarray, np.ndarray]:
    """A certified minimum of N* with neurons that are active on all samples."""
    features, y = DATA[name]()
    space = make_space("restricted", features.shape[1], 1)
    assert isinstance(space, RestrictedSpace)
    X = space.embed(features)
    end = descend(space.sample(np.random.default_rng(4), n_positive=1), X, y, space=space)
    assert end.outcome is DescentOutcome.MINIMUM
    theta = extend_by_linear(end.parametrization, Task(space, X, y))
    assert theta is not None
    return theta, X, y


@pytest.mark.parametrize("name", ["sine", "smooth", "duplicates", "collinear"])
def test_extension_gives_a_vanishing_moment(name):
    theta, X, y = minimum_with_line(name)
    s = realize(theta, X) - y
    assert np.abs(s @ X).max() <= 1e-9 * (np.abs(s) @ np.abs(X)).max()
    assert (X @ theta.weights.T > 0).all(axis=0).any()
    assert RestrictedSpace(theta.n_inputs, theta.n_neurons).contains(theta)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["sine", "smooth", "duplicates", "collinear"])
def test_the_contract(kind, name):
    theta, X, y = minimum_with_line(name)
    control = CONTROLS[kind](theta, X, y)
    assert control.kind == kind
    assert control.verdict is Verdict.VIOLATED, control.reason
    gamma, certificate = control.parametrization, control.certificate
    # The same realization, in the space that it claims.
    assert control.space.contains(gamma)
    assert isinstance(control.space, UnrestrictedSpace) == (kind != "C.3")
    size = np.abs(theta.products).max()
    assert ball.seminorm(difference(gamma, theta)) <= 1e-12 * size
    # It breaks its own condition and no other.
    assert gamma.is_balanced() == (kind != "C.1")
    assert bool(gamma.redundant_pairs()) == (kind == "C.2")
    assert len(gamma.opposite_pairs()) == (3 if kind == "C.3" else 0)
    # Certified, with a radius: so better parametrizations are at least that far.
    assert certificate.is_minimum
    assert certificate.radius > 0
    # Distances fall to 0 by factors of 10, gaps with them at the rate of the slope.
    assert control.distances[:-1] / control.distances[1:] == pytest.approx(10.0, rel=1e-6)
    assert control.gaps[-1] / control.distances[-1] == pytest.approx(-control.slope, rel=1e-4)
    assert control.slope == pytest.approx(control.ridge.slope(len(y)))
    better = Parametrization.from_products(
        [control.distances[2] * control.direction], [control.sign]
    )
    network = Parametrization.concatenate([theta, better])
    far = distance_to_fibre(gamma, network)
    assert far.upper >= certificate.radius * (1 - 1e-9)
    assert control.parameter_distance <= far.upper
    assert control.parameter_distance > 0.05


def test_the_opposite_control_is_in_the_balanced_space_but_not_the_restricted_one():
    theta, X, y = minimum_with_line("sine")
    gamma = CONTROLS["C.3"](theta, X, y).parametrization
    restricted = RestrictedSpace(gamma.n_inputs, gamma.n_neurons)
    assert {violation.condition for violation in restricted.violations(gamma)} == {"C.3"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_minimum_no_violation(kind):
    """A point that is no minimum makes no control, however much a ridge would help."""
    theta, X, y = minimum_with_line("sine")
    moved = theta.scale(np.linspace(1.1, 1.2, theta.n_neurons))
    control = CONTROLS[kind](moved, X, y)
    assert control.verdict is Verdict.UNDECIDED
    assert "no certified minimum" in control.reason


@pytest.mark.parametrize("kind", KINDS)
def test_an_optimum_of_every_width_holds_and_says_so(kind):
    """Duplicates whose residuals cancel: the oracle proves 0, nothing can be better."""
    x = np.repeat([[-1.0], [0.5], [2.0]], 2, axis=0)
    X = lift_inputs(x)
    theta = Parametrization.from_products([[2.0, 9.0, 1.0]], [1])
    y = realize(theta, X) + np.array([1.0, -1.0, 0.25, -0.25, 2.0, -2.0])
    control = CONTROLS[kind](theta, X, y)
    assert control.certificate.is_minimum
    assert control.verdict is Verdict.HOLDS
    assert "any width" in control.reason
    assert control.ridge.exact


def test_zero_residual_holds():
    theta = Parametrization.from_products([[2.0, 9.0, 1.0]], [1])
    X = lift_inputs(np.arange(-3.0, 4.0)[:, None])
    for kind in KINDS:
        control = CONTROLS[kind](theta, X, realize(theta, X))
        assert control.verdict is Verdict.HOLDS


def test_samples_around_the_origin_allow_redundancy_only():
    """C.1 and C.3 need a half-space that holds all samples; the answer names the reason."""
    X = np.array([[1.0, 0.0], [-1.0, 0.1], [0.0, -1.0], [0.3, 1.0]])
    theta = Parametrization([[1.0, 0.2]], [1.0])
    for kind in ("C.1", "C.3"):
        with pytest.raises(ValueError, match=f"surround the origin.*{kind}"):
            degenerate_like(theta, X, kind)
    split, _ = degenerate_like(theta, X, "C.2")
    assert realize(split, X) == pytest.approx(realize(theta, X), rel=1e-15)
    with pytest.raises(ValueError, match="kind"):
        degenerate_like(theta, X, "C.4")
