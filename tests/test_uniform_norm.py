"""The uniform norm against dense sampling, its own two methods, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.seminorm import OutOfReach, sobolev_norm, sobolev_seminorm, uniform_norm
from tests.oracles.networks import balanced, grid, shared
from tests.oracles.ridges import largest_ridge


@pytest.mark.parametrize("make", [balanced, grid, shared])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_two_methods_and_samples_agree(make, d: int, rng: np.random.Generator) -> None:
    theta = Parametrization(*make(rng, d, 7))
    by_vertices = uniform_norm(theta, bound=0.5, method="vertices")
    by_program = uniform_norm(theta, bound=0.5, method="milp")
    assert by_vertices.exact
    assert by_program.upper >= by_vertices.value - by_program.tolerance
    assert by_vertices.value == pytest.approx(by_program.value, abs=2 * by_program.tolerance)
    for record in (by_vertices, by_program):
        assert np.abs(record.witness).max() <= 0.5
        value = abs(realize(theta, record.witness[None])[0])
        assert value == pytest.approx(record.value, rel=1e-12, abs=1e-300)
    samples = rng.uniform(-0.5, 0.5, (20_000, d))
    assert np.abs(realize(theta, samples)).max() <= by_vertices.value + by_vertices.tolerance


def test_scales_with_the_box_and_with_extreme_weights(rng: np.random.Generator) -> None:
    weights, outputs = balanced(rng, 2, 6)
    plain = uniform_norm(Parametrization(weights, outputs)).value
    assert uniform_norm(Parametrization(weights, outputs), bound=4.0).value == 4 * plain
    tiny = Parametrization(np.ldexp(weights, -400), np.ldexp(outputs, 400))
    assert uniform_norm(tiny).value == plain


def test_the_norm_is_the_larger_part(rng: np.random.Generator) -> None:
    theta = Parametrization(*balanced(rng, 3, 5))
    for bound in (1e-3, 1e3):
        norm = sobolev_norm(theta, bound=bound)
        assert norm.exact
        assert norm.value == max(sobolev_seminorm(theta).value, norm.uniform.value)


def test_empty_networks_and_wrong_arguments() -> None:
    empty = Parametrization(np.zeros((0, 2)), [])
    assert uniform_norm(empty).value == 0.0
    with pytest.raises(ValueError, match="bound"):
        uniform_norm(empty, bound=0.0)
    with pytest.raises(ValueError, match="method"):
        uniform_norm(empty, method="guess")
    wide = Parametrization(*balanced(np.random.default_rng(0), 12, 60))
    with pytest.raises(OutOfReach):
        uniform_norm(wide, method="vertices")


@pytest.mark.parametrize(("method", "d", "m"), [("vertices", 3, 9), ("milp", 12, 40)])
def test_limits_give_honest_intervals(method: str, d: int, m: int, monkeypatch) -> None:
    theta = Parametrization(*balanced(np.random.default_rng(0), d, m))
    best = np.abs(realize(theta, np.random.default_rng(1).uniform(-1, 1, (20_000, d)))).max()
    if method == "vertices":
        best = uniform_norm(theta, method=method).value
    widths = []
    for limits in ({"node_limit": 0}, {"node_limit": 3}, {"time_limit": 0.0}, {"time_limit": 0.3}):
        record = uniform_norm(theta, method=method, **limits)
        assert record.method == method
        assert record.lower <= record.upper
        assert record.value == pytest.approx(abs(realize(theta, record.witness[None])[0]))
        assert record.upper >= best * (1 - 1e-12)
        if 0 in limits.values():
            assert not record.exact
        widths.append(record.upper - record.lower)
    assert widths[0] == widths[2] > 0
    # What has expired calls no solver.
    monkeypatch.setattr("scipy.optimize.milp", None)
    monkeypatch.setattr("landscape.seminorm._box.inverses", None)
    for limits in ({"node_limit": 0}, {"time_limit": 0.0}):
        assert uniform_norm(theta, method=method, **limits).upper >= best * (1 - 1e-12)


def test_a_generous_limit_changes_nothing(rng: np.random.Generator) -> None:
    theta = Parametrization(*balanced(rng, 3, 7))
    for method in ("vertices", "milp"):
        free = uniform_norm(theta, method=method)
        limited = uniform_norm(theta, method=method, node_limit=10**6, time_limit=1e6)
        assert limited.exact
        assert (free.value, free.upper) == (limited.value, limited.upper)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_node_limit_gives_a_bracket(d: int, rng: np.random.Generator) -> None:
    """Also where the limit is met within the last batch of vertices: that is not exact."""
    for make in (balanced, grid):
        theta = Parametrization(*make(rng, d, 6))
        truth, _ = largest_ridge(theta.weights, theta.output_weights)
        counts = []
        for limit in range(200):
            record = uniform_norm(theta, method="vertices", node_limit=limit)
            slack = record.tolerance + 1e-9 * truth  # the oracle's linear programs
            assert record.lower - slack <= truth <= record.upper + slack
            counts.append(record.exact)
            if all(counts[-5:]) and len(counts) >= 5:
                break  # more nodes than it needs
        assert counts[-1]
