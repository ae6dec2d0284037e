"""Penalties, merging and training with them; the statistics of the experiment."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.regularization import (
    Balancing,
    Merging,
    Separation,
    Together,
    merge_close,
    reseed,
)
from landscape.spaces import UnrestrictedSpace, make_space
from landscape.stability import degeneracies
from landscape.study.cells import Cell
from landscape.study.regularization import compare_arms, make_arms, run_arms
from landscape.training import SOLVERS, train, train_merging

WIDE = np.pi / 2
REGULARIZERS = {
    "balance": Balancing(0.3),
    "parallel": Separation(0.3, WIDE),
    "barrier": Separation(0.3, WIDE, barrier=True),
    "opposite": Separation(0.3, WIDE, opposite=True),
    "opposite barrier": Separation(0.3, WIDE, opposite=True, barrier=True),
    "narrow": Separation(0.3, 0.6),
    "sum": Together((Balancing(0.3), Separation(0.2, WIDE, barrier=True))),
}


def draw(seed, m=5, d=3):
    rng = np.random.default_rng(seed)
    return Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", REGULARIZERS)
def test_gradient_is_that_of_finite_differences(name, seed, frozen):
    regularizer, theta = REGULARIZERS[name], draw(seed)
    m, d = theta.weights.shape
    fixed = theta.weights[-1], theta.output_weights[-1]

    def value(flat):
        a, c = flat[: m * d].reshape(m, d), flat[m * d :]
        return regularizer.value_and_gradient(a, c, frozen=frozen)[0]

    start = np.concatenate([theta.weights.ravel(), theta.output_weights])
    _, by_weights, by_output = regularizer.value_and_gradient(
        theta.weights, theta.output_weights, frozen=frozen
    )
    numerical = approx_fprime(start, value, 1e-7)
    if frozen:  # the frozen row is no variable
        assert (by_weights[-1] == 0).all()
        numerical[(m - 1) * d : m * d] = 0.0
    exact = np.concatenate([by_weights.ravel(), by_output])
    assert np.abs(exact).max() > 0 or name == "narrow"
    assert exact == pytest.approx(numerical, abs=3e-5 * (1 + np.abs(exact).max()))
    assert fixed[1] == theta.output_weights[-1]


@pytest.mark.parametrize("barrier", [False, True])
@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_nearly_parallel_pairs_keep_their_digits(barrier, gap):
    """s = 1 - cos is gap^2 / 2: far below rounding of a cosine at the smaller gaps."""
    regularizer = Separation(1.0, 0.5, barrier=barrier)
    a = np.array([[1.0, 0.0], [1.0, gap]])
    value, by_weights, _ = regularizer.value_and_gradient(a, np.ones(2))
    t = 0.5 * gap**2 / (1 - np.cos(0.5))
    slope = (1 - 1 / t) if barrier else -2 * (1 - t)
    assert value == pytest.approx(t - 1 - np.log(t) if barrier else (1 - t) ** 2, rel=1e-5)
    # ds/dgap = gap
    assert by_weights[1, 1] == pytest.approx(slope * gap / (1 - np.cos(0.5)), rel=1e-5)


def test_balancing_is_zero_exactly_on_balanced_networks():
    theta = draw(1).balance()
    assert Balancing().value(theta) < 1e-30
    exact = Parametrization([[2.0, -1.0], [0.5, 0.5], [0.0, 0.0]], [-2.0, 0.5, 0.0])
    value, by_weights, by_output = Balancing().value_and_gradient(
        exact.weights, exact.output_weights
    )
    assert value == 0 and not by_weights.any() and not by_output.any()
    for c in (-2.0001, 1.9999, 0.0):
        assert Balancing().value(Parametrization([[2.0, -1.0]], [c])) > 0
    # The offset need not be balanced, the others have to.
    offset = Parametrization([[2.0, -1.0], [0.0, 1.0]], [2.0, 7.0])
    assert Balancing().value(offset, frozen=True) == 0
    assert Balancing().value(offset) > 0


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("barrier", [False, True])
def test_separation_is_zero_exactly_beyond_its_angle(opposite, barrier):
    regularizer = Separation(1.0, 0.4, opposite=opposite, barrier=barrier)
    sign = -1.0 if opposite else 1.0
    for angle, positive in ((0.4001, False), (0.3999, True), (np.pi - 0.3, False)):
        pair = sign * np.array([[np.cos(angle), np.sin(angle)]])
        theta = Parametrization(np.vstack([[[1.0, 0.0]], 3.0 * pair]), [1.0, 0.0])
        assert (regularizer.value(theta) > 0) is positive
    at = Parametrization([[1.0, 0.0], [sign * 4.0, 0.0]], [1.0, 1.0])
    assert regularizer.value(at) == (np.inf if barrier else 1.0)
    zero = Parametrization([[1.0, 0.0], [0.0, 0.0]], [1.0, 1.0])
    assert regularizer.value(zero) == 0


@pytest.mark.parametrize("name", REGULARIZERS)
def test_invariances(name):
    regularizer, theta = REGULARIZERS[name], draw(4)
    value = regularizer.value(theta)
    assert regularizer.value(theta.permute([3, 1, 4, 0, 2])) == pytest.approx(value, rel=1e-13)
    if isinstance(regularizer, Separation):
        scales = 2.0 ** np.array([3.0, -5.0, 0.0, 1.0, 7.0])
        scaled = Parametrization(theta.weights * scales[:, None], -theta.output_weights)
        assert regularizer.value(scaled) == value
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
        turned = Parametrization(theta.weights @ rotation, theta.output_weights)
        assert regularizer.value(turned) == pytest.approx(value, rel=1e-12)
    elif isinstance(regularizer, Balancing):
        assert regularizer.value(theta.negate()) == value
        mirrored = Parametrization(-theta.weights[:, ::-1], theta.output_weights)
        assert regularizer.value(mirrored) == value


@pytest.mark.parametrize("strength", [-1.0, np.nan, np.inf])
def test_bad_strengths_and_angles_are_named(strength):
    for make in (Balancing, Separation):
        with pytest.raises(ValueError, match="strength: expected"):
            make(strength)
    with pytest.raises(ValueError, match="angle: expected"):
        Separation(1.0, 2.0)
    with pytest.raises(ValueError, match="angle: expected"):
        Merging(-1.0)


# --- merging ---------------------------------------------------------------------------------


def test_exactly_parallel_neurons_merge_without_a_change():
    theta = Parametrization([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0], [0.5, 1.0]], [1.0, 1.5, 1, -2])
    merged = merge_close(theta, 0.0)
    assert merged.freed == (0, 3) and merged.change == 0
    x = np.random.default_rng(0).standard_normal((50, 2))
    assert realize(merged.parametrization, x) == pytest.approx(realize(theta, x), abs=1e-14)
    assert not merged.parametrization.redundant_pairs()


@pytest.mark.parametrize("seed", range(4))
def test_change_bounds_what_merging_close_neurons_does(seed):
    rng = np.random.default_rng(seed)
    base = draw(seed, m=3)
    near = base.weights * rng.uniform(0.5, 2.0, (3, 1)) + 0.02 * rng.standard_normal((3, 3))
    theta = Parametrization(np.vstack([base.weights, near]), rng.standard_normal(6))
    merged = merge_close(theta, 0.2)
    assert len(merged.freed) == 3
    x = rng.standard_normal((500, 3))
    moved = np.abs(realize(merged.parametrization, x) - realize(theta, x))
    assert (moved <= merged.change * np.abs(x).sum(axis=1) * (1 + 1e-12)).all()
    assert moved.max() > 0
    assert degeneracies(merged.parametrization)["cosine"] < np.cos(0.2)


def test_frozen_offset_takes_up_its_neighbours():
    theta = Parametrization([[0.01, 5.0], [1.0, 0.0], [0.0, 1.0]], [2.0, 1.0, 0.5])
    merged = merge_close(theta, 0.05, frozen=True)
    assert merged.freed == (0,)
    assert merged.parametrization.weights[-1].tolist() == [0.0, 1.0]
    assert merged.parametrization.output_weights[-1] == 10.5


def problem(m=3):
    rng = np.random.default_rng(7)
    features = rng.uniform(-2, 2, (40, 1))
    y = np.sin(2 * features[:, 0])
    space = UnrestrictedSpace(2, m + 1, offset=True)
    theta = space.sample(np.random.default_rng(3), n_positive=1)
    return space, space.embed(features), y, theta


def test_reseeding_lowers_the_loss_by_what_it_says():
    _, X, y, theta = problem()
    a, c = theta.weights.copy(), theta.output_weights.copy()
    a[1], c[1] = 0.0, 0.0
    freed = Parametrization(a, c)
    seeded = reseed(freed, X, y, (1,), 0.05)
    before, after = (np.mean((realize(t, X) - y) ** 2) for t in (freed, seeded))
    s, values = realize(freed, X) - y, np.maximum(X @ seeded.weights[1], 0.0)
    assert after == pytest.approx(before - (s @ values) ** 2 / (values @ values) / y.size)
    assert after < before
    assert np.array_equal(seeded.weights[[0, 2, 3]], theta.weights[[0, 2, 3]])
    assert abs(seeded.output_weights[1]) == pytest.approx(np.abs(seeded.weights[1]).max())
    # Nothing to gain where there is no residual.
    assert reseed(freed, X, realize(freed, X), (1,), 0.05) is freed


# --- training --------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["SLSQP", "L-BFGS-B"])
def test_training_lowers_loss_and_penalty_together(solver):
    space, X, y, theta = problem()
    regularizer = Together((Balancing(1.0), Separation(0.1, barrier=True)))
    fit = train(theta, X, y, space=space, solver=solver, regularizer=regularizer)
    end = fit.parametrization
    assert fit.loss == pytest.approx(np.mean((realize(end, X) - y) ** 2), rel=1e-12)
    assert fit.penalty == pytest.approx(regularizer.value(end, frozen=True), rel=1e-9)
    start = fit.loss_start + regularizer.value(theta, frozen=True)
    assert fit.loss + fit.penalty < start
    imbalances = [degeneracies(network, space=space)["imbalance"] for network in (end, theta)]
    assert imbalances[0] < 0.01 < imbalances[1]
    assert end.weights[-1].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("zero", [Balancing(0.0), Together(())])
def test_a_zero_penalty_changes_nothing(solver, zero):
    space, X, y, theta = problem()
    plain = train(theta, X, y, space=space, solver=solver, max_iter=20)
    if solver == "trf":
        with pytest.raises(ValueError, match="regularizer: 'trf' minimizes sums of squares"):
            train(theta, X, y, space=space, solver=solver, regularizer=zero)
        return
    fit = train(theta, X, y, space=space, solver=solver, max_iter=20, regularizer=zero)
    assert np.array_equal(fit.parametrization.weights, plain.parametrization.weights)
    assert (fit.loss, fit.penalty, fit.n_iter) == (plain.loss, 0.0, plain.n_iter)


def test_where_a_regularizer_does_not_apply_it_says_so():
    restricted = make_space("restricted", 1, 2)
    theta = restricted.sample(np.random.default_rng(0))
    X = restricted.embed(np.linspace(-1, 1, 9)[:, None])
    with pytest.raises(ValueError, match="regularizer: only for the unrestricted space"):
        train(theta, X, X[:, 0], space=restricted, regularizer=Balancing())
    with pytest.raises(ValueError, match="space: expected an unrestricted"):
        train_merging(theta, X, X[:, 0], space=restricted, merging=Merging())
    space, X, y, theta = problem()
    a = theta.weights.copy()
    a[1] = 2 * a[0]
    parallel = Parametrization(a, theta.output_weights)
    with pytest.raises(ValueError, match="not finite at the start"):
        train(parallel, X, y, space=space, regularizer=Separation(barrier=True))


@pytest.mark.parametrize("reseeded", [False, True])
def test_merging_frees_a_parallel_neuron(reseeded):
    space, X, y, theta = problem()
    a = theta.weights.copy()
    a[1] = 2 * a[0]
    start = Parametrization(a, theta.output_weights)
    merging = Merging(0.05, every=1, reseeded=reseeded)
    fit = train_merging(start, X, y, space=space, merging=merging, max_iter=6)
    again = train_merging(start, X, y, space=space, merging=merging, max_iter=6)
    assert np.array_equal(fit.parametrization.weights, again.parametrization.weights)
    assert 1 <= fit.n_iter <= 6
    wide = train_merging(start, X, y, space=space, merging=Merging(1.5, 1, reseeded), max_iter=6)
    assert wide.n_merged > 0
    zero = (wide.parametrization.weights == 0).all(axis=1)
    assert zero.any() or reseeded


def test_rounds_that_merge_nothing_end_with_convergence():
    space, X, y, theta = problem()
    fit = train_merging(theta, X, y, space=space, merging=Merging(0.0, 400), max_iter=4000)
    once = train(theta, X, y, space=space, max_iter=400)
    assert (fit.loss, fit.n_merged, fit.n_iter) == (once.loss, 0, once.n_iter)


# --- the experiment --------------------------------------------------------------------------


def test_distance_to_balanced_networks_is_half_the_gap():
    """Moving both |c_i| and the largest entries half the way balances; less cannot."""
    theta = Parametrization([[3.0, -3.0, 1.0], [0.0, 0.0, 1.0]], [-1.0, 5.0])
    space = UnrestrictedSpace(3, 2, offset=True)
    assert degeneracies(theta, space=space)["distance"] == 1.0
    assert degeneracies(theta)["distance"] == 2.0
    moved = Parametrization([[2.0, -2.0, 1.0]], [-2.0])
    assert moved.is_balanced()
    assert np.abs(moved.weights - theta.weights[:1]).max() == 1.0


@pytest.fixture(scope="module")
def runs():
    x = np.linspace(-1.5, 1.5, 20)[:, None]
    arms = make_arms([1e-2, 1.0], angle=15, merging_angle=5, every=20)
    cell = Cell("test", x, np.sin(3 * x[:, 0]), 2, seed=1)
    return run_arms(cell, arms, starts=5, solver="SLSQP", max_iter=60, tol=1e-12)


def test_runs_are_paired_and_end_no_worse_than_trained(runs):
    arms = {(row.arm, row.strength) for row in runs if row.strength == row.strength}
    assert {arm for arm, _ in arms} >= {"balance", "barrier", "parallel", "opposite", "all"}
    for row in runs:
        assert row.loss <= row.trained_loss * (1 + 1e-9) + 1e-15
        assert 0 <= row.imbalance <= 1
        assert (row.implication != "") == (row.verdict == "holds" and row.n_spare >= 0)
    imbalance = {
        arm: np.mean([row.trained_imbalance for row in runs if (row.arm, row.strength) == arm])
        for arm in (("balance", 1.0), ("balance", 0.01))
    }
    plain = np.mean([row.trained_imbalance for row in runs if row.arm == "none"])
    assert imbalance["balance", 1.0] < 0.1 * plain


def test_comparison_of_an_arm_with_itself_is_null_and_deterministic(runs):
    rows = list(compare_arms(runs, seed=3, n_resamples=200).itertuples(index=False))
    repr_once = list(map(repr, rows))
    shuffled = [runs[k] for k in np.random.default_rng(0).permutation(len(runs))]
    by_key = {(r.arm, repr(r.strength), r.measure): r for r in rows}
    for row in compare_arms(shuffled, seed=3, n_resamples=200).itertuples(index=False):
        assert repr(by_key[row.arm, repr(row.strength), row.measure]) == repr(row)
    assert len(set(repr_once)) == len(rows)
    for row in rows:
        if row.arm == "none":
            assert (row.difference, row.low, row.high) == (0, 0, 0)
            assert row.n_less == row.n_more == 0
        assert row.low <= row.difference <= row.high or row.n == 0


def test_statistics_on_made_up_runs(runs):
    """All of 12 starts better by exactly 1: p = 2^-11, an interval of one point."""
    made = []
    for arm, shift in (("none", 0.0), ("balance", -1.0)):
        for start in range(12):
            strength = np.nan if arm == "none" else 0.1
            row = replace(runs[0], arm=arm, strength=strength, start=start, against="none")
            made.append(replace(row, loss=5.0 + start + shift, verdict="holds"))
    table = compare_arms(made, seed=0, n_resamples=100)
    rows = {(row.arm, row.measure): row for row in table.itertuples()}
    found = rows["balance", "loss"]
    assert (found.n_less, found.n_more) == (12, 0)
    assert found.p == found.p_holm == 2.0**-11
    assert (found.low, found.high) == (-1.0, -1.0)
    assert rows["balance", "best"].mean == pytest.approx(1 / 12)
    assert rows["none", "best"].mean == 0
    with pytest.raises(ValueError, match="different starts"):
        compare_arms(made[:-1], seed=0)
