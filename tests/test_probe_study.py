"""The study's rows about realization space: what each table has to show."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, xlogy

from landscape.data import make_dataset
from landscape.errors import NumericalError
from landscape.losses import WeightDecay, get_loss
from landscape.parametrization import Parametrization
from landscape.probe import ExchangeBudget
from landscape.radius import RadiusBudget
from landscape.realization import realize
from landscape.rows import frame_of
from landscape.study.cells import Cell
from landscape.study.distinct import distinct_minima
from landscape.study.pairs import OUTSIDE, measure_pairs, uniform_bound
from landscape.study.probes import (
    draw_converse,
    examine_minima,
    follow_controls,
    optimal_scales,
    probe_minima,
)
from landscape.study.radii import bracket_optima, bracket_radii, bracket_realizations
from landscape.study.rows import Bracket, Control, Converse, Natural, Optimum, Pair
from landscape.study.training import descend_starts, train_starts
from landscape.tables.rows import power_law

M = 2


@cache
def study():
    rng = np.random.default_rng(8)
    features = rng.uniform(-1.7, 1.7, (30, 1))
    y = np.sin(2 * features[:, 0]) + 0.1 * rng.standard_normal(30)
    cell = Cell("toy", features, y, M, seed=1, margin=1e-3)
    spaces = ("restricted", "balanced", "unrestricted")
    fits = [
        fit
        for space in spaces
        for fit in train_starts(cell, space, range(9), solver="SLSQP", max_iter=60, tol=1e-9)
    ]
    return cell, distinct_minima(descend_starts(cell, fits, max_iter=3000))


def test_every_control_is_violated():
    cell, minima = study()
    rows = follow_controls(cell, minima, n_steps=4, max_minima=2)
    found = frame_of(Control, rows)
    assert set(found["kind"]) == {"C.1", "C.2", "C.3"}
    assert len(found) == 2 * 3 * 4
    assert set(found["verdict"]) == {"violated"}, set(found["reason"])
    assert (found["certificate_radius"] > 0).all()
    assert (found["gap"] > found["tolerance"]).all()
    assert (found["fibre_distance"] > 0.05).all()
    assert (found["distance"][found["step"] == 3] < 1e-2).all()
    assert set(found["base"][found["kind"] != "C.3"]) == {"minimum"}
    again = frame_of(Control, follow_controls(cell, minima, n_steps=4, max_minima=2))
    assert found.equals(again)


def test_a_minimum_that_is_none_gives_no_violation():
    """Mutation: a table of minima with one scale perturbed."""
    cell, minima = study()
    first = next(row for row in minima if row.space == "restricted")
    wrong = replace(
        first,
        weights=first.weights * np.sqrt([[1.05], [1.0], [1.0]]),
        output_weights=first.output_weights * np.sqrt([1.05, 1.0, 1.0]),
    )
    for row in follow_controls(cell, [wrong], n_steps=3, max_minima=1):
        if row.kind in ("C.1", "C.2"):
            assert row.verdict == "undecided"


def test_rigid_balls_hold_nothing_better_and_sense_what_is_no_minimum():
    cell, minima = study()
    rows = probe_minima(cell, minima, rigid_fraction=0.9, max_minima=5)
    assert rows and {(row.verdict, row.regime) for row in rows} == {("holds", "rigid")}
    first = next(row for row in minima if row.space == "restricted")
    wrong = replace(first, weights=1.02 * first.weights, output_weights=1.02 * first.output_weights)
    (row,) = probe_minima(cell, [wrong], rigid_fraction=0.9, max_minima=1)
    assert row.verdict == "violated" and row.gap > row.tolerance


@pytest.mark.parametrize("space", ["balanced", "unrestricted"])
def test_natural_minima(space):
    cell, minima = study()
    rows = examine_minima(cell, minima, spaces=[space], max_minima=20)
    assert len(rows) == min(20, sum(row.space == space for row in minima))
    for row in rows:
        # Rigid balls hold at every certified minimum; a violation needs a spare neuron.
        assert row.verdict in ("holds", "undecided") or row.spare > 0
        if row.verdict == "violated":
            assert row.gap > row.tolerance
        if row.spare == 0 and row.verdict == "undecided":
            pytest.fail("without degeneracy the rigid probe decides")
    assert set(frame_of(Natural, rows)["space"]) == {space}


def test_the_converse_fails():
    rows = frame_of(Converse, draw_converse(study()[0], n_draws=30, rigid_fraction=0.9))
    # Optimal scales are a realization minimum, whatever the directions are ...
    assert (rows["realization"] == "holds").all()
    assert (rows["gap"] <= rows["tolerance"]).all()
    # ... but hardly ever a minimum of the parameters, and descent leads far below.
    assert np.mean(rows["parameters"] == "violated") > 0.8
    assert (rows["loss"] <= rows["drawn_loss"]).all()
    assert np.median(rows["descended_loss"] / rows["loss"]) < 0.8
    assert (rows["slope"][rows["parameters"] == "violated"] < 0).all()
    assert 0 < np.mean(rows["turned"] > 0) < 1


def test_optimal_scales_leave_unseen_neurons_alone():
    theta = Parametrization.from_products([[1.0, 1.0, 0.5], [0.1, 1.0, 9.0]], [1, 1])
    x = np.linspace(-0.4, 2, 9)[:, None]
    X = np.hstack([x, np.ones((9, 1)), -np.ones((9, 1))])
    assert not (X @ theta.weights[1] > 0).any()
    y = 3 * realize(theta, X)
    assert optimal_scales(theta, X, y) == pytest.approx([3.0, 1.0])


FORMULAS = {
    "logistic": lambda r, y: np.log1p(np.exp(-y * r)),
    "poisson": lambda r, y: np.exp(r) - y * r + xlogy(y, y) - y,
    "huber": lambda r, y: np.where(abs(r - y) < 1, (r - y) ** 2, 2 * abs(r - y) - 1),
}


@pytest.mark.parametrize(("name", "decay"), [("logistic", 0.01), ("poisson", 0.0), ("huber", 0.1)])
def test_the_converse_fails_for_other_losses(name, decay):
    rng = np.random.default_rng(2)
    x = rng.uniform(-1.7, 1.7, (16, 1))
    mean = np.sin(2 * x[:, 0])
    y = {
        "logistic": np.where(rng.random(16) < expit(2 * mean), 1.0, -1.0),
        "poisson": rng.poisson(np.exp(mean)) + 1.0,
        "huber": mean + rng.standard_t(2, 16) / 4,
    }[name]
    loss, penalty = get_loss(name), WeightDecay(decay) if decay else None
    cell = Cell("toy", x, y, 2, seed=4, margin=1e-3, loss=loss, weight_decay=penalty)
    rows = frame_of(Converse, draw_converse(cell, n_draws=8, rigid_fraction=0.9))
    kept = rows["loss"].notna()
    assert (rows.loc[kept, "realization"] == "holds").all() and kept.any()
    assert np.mean(rows.loc[kept, "parameters"] == "violated") > 0.5
    assert rows.loc[~kept, "reason"].str.contains("an optimal scale is 0").all()

    task = replace(cell, margin=0.0).task("restricted")
    for draw in range(4):  # a simplex search, for scales of either sign
        theta = task.embed(cell.start(draw, "converse")[0])
        values = theta.signs * np.maximum(task.X @ theta.products.T, 0)
        price = 2 * decay * np.abs(theta.products[:, 0])

        def objective(t, values=values, price=price):
            return FORMULAS[name](values @ t, y).mean() + price @ np.abs(t)

        best = optimal_scales(theta, task.X, y, space=task.space, loss=loss, weight_decay=penalty)
        start = np.ones(3)
        for _ in range(3):
            found = minimize(objective, start, method="Nelder-Mead", tol=1e-13)
            start = found.x
        assert objective(best) <= found.fun + 1e-12
        assert objective(best) == pytest.approx(found.fun, abs=1e-9)


def test_optimal_scales_that_are_all_zero_are_no_minimum_of_the_converse():
    """Of balanced classes the best constant is 0 too: what Newton's method left was all noise."""
    data = make_dataset(
        "a", {"kind": "classes", "n_samples": 20, "n_features": 1, "n_neurons": 2, "noise": 0.1,
              "seed": 3},
    )  # fmt: skip
    parts = {"loss": get_loss("logistic"), "weight_decay": WeightDecay(0.01)}
    cell = Cell("a", data.features, data.target, 1, seed=0, margin=1e-3, **parts)
    rows = frame_of(Converse, draw_converse(cell, n_draws=32, rigid_fraction=0.98))
    zero = rows["reason"] == "an optimal scale is 0: not in N*"
    assert rows.loc[[4, 14, 28, 31], "reason"].eq(rows.loc[30, "reason"]).all() and zero[30]
    assert rows.loc[~zero, "realization"].eq("holds").all() and (~zero).sum() > 20


def test_scales_of_separable_classes_are_said_to_have_no_best():
    theta = Parametrization.from_products([[1.0, 1.0, 0.5], [-1.0, 1.0, 0.7]], [1, -1])
    x = np.linspace(-2, 2, 9)[:, None]
    X, y = np.hstack([x, np.ones((9, 1)), -np.ones((9, 1))]), np.where(x[:, 0] > 0.1, 1.0, -1.0)
    with pytest.raises(NumericalError, match="no best scales"):
        optimal_scales(theta, X, y, loss=get_loss("logistic"))


def test_brackets():
    cell, minima = study()
    budget = ExchangeBudget(max_exchanged=1, n_random=2, n_arrangement=4, n_bisections=4)
    spaces = ["restricted", "balanced"]
    rows = bracket_realizations(cell, minima, spaces=spaces, max_minima=3, budget=budget)
    found = frame_of(Bracket, rows)
    assert (found["radius_low"] <= found["radius_high"]).all()
    mine = found[found["space"] == "restricted"]
    assert mine["radius_low"].to_numpy() == pytest.approx(mine["smallest"] / 2, rel=1e-6)
    assert (mine["certified"] < mine["radius_low"]).all()
    assert (found["reason"] == "").all() and len(mine) == 3 and set(found["neurons"]) == {M}
    losses = {(row.space, row.minimum): row.loss for row in minima}
    better = [row for row in rows if np.isfinite(row.radius_high)]
    assert better
    for row in better:
        task, witness = cell.task(row.space), row.network
        assert task.space.contains(witness)
        gap = losses[row.space, row.minimum] - task.loss(witness)
        assert gap > 0 and gap == pytest.approx(row.gap, rel=1e-6)


def test_radii_are_bracketed_for_the_first_minima_of_the_spaces_asked_for():
    cell, minima = study()
    budget = RadiusBudget(max_nodes=20, n_starts=2)
    rows = bracket_radii(cell, minima, spaces=["restricted"], max_minima=2, budget=budget)
    asked = [row for row in rows if row.radius_high_method]
    assert [(row.space, row.minimum) for row in asked] == [("restricted", 0), ("restricted", 1)]
    assert all(row.radius * (1 - 1e-9) <= row.radius_low <= row.radius_high for row in asked)
    others = [row for row in rows if not row.radius_high_method]
    assert all(row.radius_low == row.radius and np.isinf(row.radius_high) for row in others)


def test_no_start_ends_below_the_bracket_of_the_global_minimum():
    cell, minima = study()
    spaces = ["restricted", "balanced", "unrestricted"]
    rows = bracket_optima(cell, minima, spaces=spaces, max_nodes=5000)
    assert [row.space for row in rows] == spaces
    for row in rows:
        task, losses = cell.task(row.space), [m.loss for m in minima if m.space == row.space]
        assert row.global_low <= min(losses) == row.loss
        assert task.space.contains(row.network)
        assert row.global_low <= task.loss(row.network) == pytest.approx(row.global_high)
        # The search closes here, and is independent of what training found.
        (alone,) = bracket_optima(cell, [], spaces=[row.space], max_nodes=5000)
        assert alone.open == row.open == 0 and np.isnan(alone.global_gap)
        assert alone.global_high == pytest.approx(row.global_high, abs=2 * row.tolerance)
    assert {row.verdict for row in rows} <= {"holds", "violated"}
    worse = [replace(m, loss=m.loss + 1.0) for m in minima]
    assert bracket_optima(cell, worse, spaces=["balanced"], max_nodes=5000)[0].verdict == "violated"
    (stopped,) = bracket_optima(cell, minima, spaces=["balanced"], max_nodes=1)
    assert stopped.verdict == "undecided" and stopped.global_low < rows[1].global_low
    assert frame_of(Optimum, rows)["global_gap"].ge(0).all()
    wide = replace(cell, features=np.hstack([cell.features] * 3))
    assert bracket_optima(wide, minima, spaces=spaces, max_nodes=99) == []


def test_inverse_stability_holds_within_and_breaks_outside():
    cell, minima = study()
    scales = [1.0, 1e-2, 1e-4, 1e-6]
    rows = frame_of(
        Pair,
        measure_pairs(cell, minima, max_pairs=2, scales=scales, n_random=8, max_minima=3),
    )
    inside = {"minima", "random", "again", "scaled", "opposed", "extremal", "forward"}
    assert set(rows["kind"]) == inside | set(OUTSIDE)
    assert (rows["reason"] == "").all()
    assert rows["exact"].all()
    within = rows["within"] == 1
    assert set(rows["verdict"][within]) == {"holds"}
    assert (rows["distance"][within] <= rows["bound"][within] * (1 + 1e-9)).all()
    assert (
        rows["first"][rows["kind"] == "minima"] < rows["second"][rows["kind"] == "minima"]
    ).all()
    for kind in OUTSIDE:
        here = rows[rows["kind"] == kind].sort_values("pair")
        # The distance stays, the seminorm is the size of the added neuron.
        assert here["seminorm"].to_numpy() == pytest.approx(scales, rel=1e-6)
        assert here["distance"].min() > 0.05
        assert set(here["verdict"][here["scale"] <= 1e-4]) == {"violated"}
        assert abs(power_law(here["seminorm"], here["distance"])[0]) < 0.2
    for kind, constant in (("extremal", 2 * np.sqrt(2)), ("opposed", 2.0)):
        here = rows[rows["kind"] == kind]
        exponent, found = power_law(here["seminorm"], here["distance"])
        assert exponent == pytest.approx(0.5, abs=1e-6)
        assert found == pytest.approx(constant, rel=1e-9)
    # Forward: the uniform distance follows the parameters, the seminorm does not.
    # Of two parametrizations of one function both are rounding.
    assert (rows["uniform"][within] <= rows["uniform_bound"][within] * (1 + 1e-9) + 1e-13).all()
    (smallest,) = rows[(rows["kind"] == "forward") & (rows["scale"] == 1e-6)].itertuples()
    assert smallest.uniform < 1e-3
    assert smallest.seminorm > 0.05


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
