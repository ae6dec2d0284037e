"""The study's rows about realization space: what each table has to show."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.probe import ExchangeBudget
from landscape.realization import realize
from landscape.spaces import make_space
from landscape.study.brackets import bracket_rows
from landscape.study.certificates import descend_block
from landscape.study.controls import control_rows, ridge_rows
from landscape.study.converse import converse_rows, optimal_scales
from landscape.study.distinct import distinct_minima
from landscape.study.fits import train_block
from landscape.study.natural import natural_rows
from landscape.study.rates import natural_frequencies, power_law
from landscape.study.stability import OUTSIDE, stability_rows, uniform_bound
from landscape.study.starts import Block
from landscape.study.verdicts import count_verdicts

MARGIN, M = 1e-3, 2


@cache
def cell(space: str):
    rng = np.random.default_rng(8)
    features = rng.uniform(-1.7, 1.7, (30, 1))
    y = np.sin(2 * features[:, 0]) + 0.1 * rng.standard_normal(30)
    block = Block("toy", space, M, 0, 9, 1)
    fits = train_block(features, y, block, margin=MARGIN, solver="SLSQP", max_iter=60, tol=1e-9)
    ends = descend_block(features, y, block, fits, margin=MARGIN, max_iter=3000)
    return features, y, distinct_minima([ends])


def common():
    return {"n_neurons": M, "margin": MARGIN, "dataset": "toy", "seed": 1}


def test_every_control_is_violated():
    features, y, minima = cell("restricted")
    rows = control_rows(features, y, minima, **common(), n_steps=4, max_minima=2)
    assert set(rows["kind"]) == {"C.1", "C.2", "C.3"}
    assert len(rows["kind"]) == 2 * 3 * 4
    assert set(rows["verdict"]) == {"violated"}, set(rows["reason"])
    assert (rows["certificate_radius"] > 0).all()
    assert (rows["gap"] > rows["tolerance"]).all()
    assert (rows["parameter_distance"] > 0.05).all()
    last = rows["step"] == 3
    assert (rows["distance"][last] < 1e-2).all()
    assert set(rows["base"][rows["kind"] != "C.3"]) == {"minimum"}
    again = control_rows(features, y, minima, **common(), n_steps=4, max_minima=2)
    assert all(np.array_equal(again[name], rows[name]) for name in rows)


def test_a_minimum_that_is_none_gives_no_violation():
    """Mutation: a table of minima with one scale perturbed."""
    features, y, minima = cell("restricted")
    wrong = {**minima, "weights": minima["weights"].copy()}
    wrong["output_weights"] = minima["output_weights"].copy()
    wrong["weights"][0] *= np.sqrt(1.05)
    wrong["output_weights"][0] *= np.sqrt(1.05)
    rows = control_rows(features, y, wrong, **common(), n_steps=3, max_minima=1)
    for kind in ("C.1", "C.2"):
        assert set(rows["verdict"][rows["kind"] == kind]) == {"undecided"}


def test_ridges_of_all_minima_are_exact():
    features, y, minima = cell("restricted")
    rows = ridge_rows(features, y, minima, n_neurons=M, margin=MARGIN, max_minima=4, node_limit=20)
    assert rows["exact"].all()
    assert (rows["value"] > 0).all()
    assert not rows["optimal_wider"].any()
    assert (rows["upper"] >= rows["value"]).all()
    assert (rows["relative"] <= 1).all()


@pytest.mark.parametrize("name", ["balanced", "unrestricted"])
def test_natural_minima(name):
    features, y, minima = cell(name)
    space = make_space(name, 1, M)
    rows = natural_rows(features, y, minima, space=space, max_minima=20)
    assert len(rows["verdict"]) == min(20, len(minima["minimum"]))
    shares = natural_frequencies(rows)
    assert shares["holds"] + shares["violated"] + shares["undecided"] == pytest.approx(1.0)
    for spare, verdict, gap, tolerance in zip(
        rows["n_spare"], rows["verdict"], rows["gap"], rows["tolerance"], strict=True
    ):
        # Rigid balls hold at every certified minimum; a violation needs a spare neuron.
        assert verdict in ("holds", "undecided") or spare > 0
        if verdict == "violated":
            assert gap > tolerance
        if spare == 0 and verdict == "undecided":
            pytest.fail("without degeneracy the rigid probe decides")


def test_the_converse_fails():
    features, y, _ = cell("restricted")
    rows = converse_rows(
        features, y, n_neurons=M, dataset="toy", seed=1, n_draws=30, rigid_fraction=0.9
    )
    # Optimal scales are a realization minimum, whatever the directions are ...
    assert (rows["realization"] == "holds").all()
    assert (rows["gap"] <= rows["tolerance"]).all()
    # ... but hardly ever a minimum of the parameters, and descent leads far below.
    assert np.mean(rows["parameters"] == "violated") > 0.8
    assert (rows["loss"] <= rows["loss_drawn"]).all()
    assert np.median(rows["loss_descended"] / rows["loss"]) < 0.8
    assert (rows["slope"][rows["parameters"] == "violated"] < 0).all()
    assert 0 < np.mean(rows["n_turned"] > 0) < 1


def test_optimal_scales_leave_unseen_neurons_alone():
    theta = Parametrization.from_products([[1.0, 1.0, 0.5], [0.1, 1.0, 9.0]], [1, 1])
    x = np.linspace(-0.4, 2, 9)[:, None]
    X = np.hstack([x, np.ones((9, 1)), -np.ones((9, 1))])
    assert not (X @ theta.weights[1] > 0).any()
    y = 3 * realize(theta, X)
    assert optimal_scales(theta, X, y) == pytest.approx([3.0, 1.0])


def test_brackets():
    features, y, minima = cell("restricted")
    space = make_space("restricted", 1, M, margin=MARGIN)
    rows = bracket_rows(
        features,
        y,
        minima,
        space=space,
        dataset="toy",
        seed=1,
        n_neurons=M,
        max_minima=3,
        budget=ExchangeBudget(max_exchanged=1, n_random=2, n_arrangement=4, n_bisections=4),
    )
    assert (rows["radius_low"] <= rows["radius_high"]).all()
    assert rows["radius_low"] == pytest.approx(rows["smallest"] / 2, rel=1e-6)
    assert (rows["certified"] < rows["radius_low"]).all()
    assert (rows["reason"] == "").all()
    X = space.embed(features)
    for k in np.flatnonzero(np.isfinite(rows["radius_high"])):
        witness = Parametrization(rows["weights"][k], rows["output_weights"][k])
        assert space.contains(witness)
        loss = np.mean((realize(witness, X) - y) ** 2)
        position = int(np.flatnonzero(minima["minimum"] == rows["minimum"][k])[0])
        assert loss < minima["loss"][position]
        assert minima["loss"][position] - loss == pytest.approx(rows["gap"][k], rel=1e-6)


def test_inverse_stability_holds_within_and_breaks_outside():
    features, y, minima = cell("restricted")
    scales = [1.0, 1e-2, 1e-4, 1e-6]
    rows = stability_rows(
        features,
        y,
        minima,
        n_neurons=M,
        margin=MARGIN,
        rng=np.random.default_rng(0),
        scales=scales,
        n_random=8,
        max_minima=3,
    )
    kinds = {"random", "neighbours", "again", "scaled", "opposed", "extremal", "forward", *OUTSIDE}
    assert set(rows["kind"]) == kinds
    assert (rows["reason"] == "").all()
    assert rows["exact"].all()
    within = rows["within"]
    assert set(rows["verdict"][within]) == {"holds"}
    assert (rows["distance"][within] <= rows["bound"][within] * (1 + 1e-9)).all()
    for kind in OUTSIDE:
        here = rows["kind"] == kind
        # The distance stays, the seminorm is the size of the added neuron.
        assert rows["seminorm"][here] == pytest.approx(scales, rel=1e-6)
        assert rows["distance"][here].min() > 0.05
        assert set(rows["verdict"][here & (rows["scale"] <= 1e-4)]) == {"violated"}
        assert abs(power_law(rows["seminorm"][here], rows["distance"][here])[0]) < 0.2
    for kind, constant in (("extremal", 2 * np.sqrt(2)), ("opposed", 2.0)):
        here = rows["kind"] == kind
        exponent, found = power_law(rows["seminorm"][here], rows["distance"][here])
        assert exponent == pytest.approx(0.5, abs=1e-6)
        assert found == pytest.approx(constant, rel=1e-9)
    # Forward: the uniform distance follows the parameters, the seminorm does not.
    forward = rows["kind"] == "forward"
    assert (rows["uniform"][within] <= rows["uniform_bound"][within] * (1 + 1e-9)).all()
    smallest = forward & (rows["scale"] == 1e-6)
    assert rows["uniform"][smallest] < 1e-3
    assert rows["seminorm"][smallest] > 0.05


def test_the_forward_bound_is_lipschitz():
    rng = np.random.default_rng(0)
    gamma = Parametrization(rng.standard_normal((3, 2)), rng.standard_normal(3))
    step_a, step_c = rng.standard_normal((3, 2)), rng.standard_normal(3)
    bounds = [
        uniform_bound(
            gamma,
            Parametrization(gamma.weights + t * step_a, gamma.output_weights + t * step_c),
        )
        / t
        for t in (1e-2, 1e-4, 1e-6)
    ]
    assert bounds == pytest.approx([bounds[-1]] * 3, rel=0.05)


def test_power_laws_of_little_data():
    assert np.isnan(power_law(np.array([]), np.array([]))).all()
    exponent, constant = power_law(np.array([1.0, np.nan, 0.0]), np.array([2.0, 1.0, 1.0]))
    assert np.isnan(exponent)
    assert constant == 2.0


def test_a_strange_verdict_is_not_lost():
    with pytest.raises(ValueError, match="maybe"):
        count_verdicts(np.array(["holds", "maybe"]))
