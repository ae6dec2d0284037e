"""Steps of a study: paired and reproducible starts, recorded failures, merged duplicates."""

from dataclasses import replace

import numpy as np
import pytest

from landscape.data import Dataset, make_dataset, standardize
from landscape.probe import ExchangeBudget
from landscape.radius import RadiusBudget
from landscape.rows import frame_of
from landscape.seminorm import sobolev_distance
from landscape.spaces import make_space
from landscape.stability import parameter_distance
from landscape.study import cells
from landscape.study.cells import Cell
from landscape.study.config import starts_of_blocks
from landscape.study.distinct import distinct_minima, number_starts
from landscape.study.pairs import extremal_pair, measure_pairs, opposed_pair
from landscape.study.probes import draw_converse, follow_controls
from landscape.study.radii import bracket_radii, bracket_realizations, prove_minima
from landscape.study.rows import Fit, Minimum
from landscape.study.training import descend_starts, train_starts

SPACES = ["restricted", "balanced", "unrestricted"]


@pytest.fixture(scope="module")
def cell():
    data = make_dataset(
        "sine",
        {"kind": "smooth", "function": "sine", "n_samples": 20, "n_features": 1, "noise": 0.1,
         "seed": 3},
    )  # fmt: skip
    return Cell("sine", data.features, data.target, 2, seed=5, margin=1e-3)


def draw_start(seed, name, n_features, neurons, index):
    return Cell(name, np.zeros((1, n_features)), np.zeros(1), neurons, seed).start(index)


def train(cell, space="restricted", starts=range(4)):
    return train_starts(cell, space, starts, solver="SLSQP", max_iter=60, tol=1e-12)


def descend(cell, fits, **options):
    return descend_starts(cell, fits, max_iter=1000, **options)


class TestStarts:
    def test_depend_on_nothing_but_their_own_indices(self):
        one, _ = draw_start(1, "sine", 2, 3, 4)
        np.random.seed(0)  # noqa: NPY002
        two, _ = draw_start(1, "sine", 2, 3, 4)
        np.testing.assert_array_equal(one.weights, two.weights)
        for other in ((2, "sine", 2, 3, 4), (1, "cosine", 2, 3, 4), (1, "sine", 2, 3, 5)):
            assert not np.array_equal(one.weights, draw_start(*other)[0].weights)

    def test_sign_classes_take_turns(self):
        for j in range(8):
            network, n_positive = draw_start(1, "sine", 1, 3, j)
            assert n_positive == (network.output_weights > 0).sum() == j % 4

    def test_are_paired_over_the_spaces(self, cell):
        losses = [[fit.start_loss for fit in train(cell, space, range(3))] for space in SPACES]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
        np.testing.assert_allclose(losses[0], losses[2], rtol=1e-12)


class TestBlocks:
    @pytest.mark.parametrize("space", SPACES)
    def test_results_do_not_depend_on_how_starts_are_cut_into_blocks(self, cell, space):
        whole = train(cell, space, range(3))
        parts = train(cell, space, range(1)) + train(cell, space, range(1, 3))
        for one, two in zip(whole, parts, strict=True):
            for name, value in vars(one).items():
                np.testing.assert_array_equal(value, getattr(two, name))

    @pytest.mark.parametrize("space", SPACES)
    def test_descent_never_loses_and_certifies(self, cell, space):
        for fit in descend(cell, train(cell, space)):
            assert fit.loss <= fit.trained_loss * (1 + 1e-12)
            assert fit.verdict in ("holds", "violated", "undecided") and fit.proof == ""
            assert (fit.dataset, fit.space, fit.neurons) == ("sine", space, 2)
            assert (fit.activation != "") == (fit.verdict == "holds")
            if fit.verdict == "holds":
                inside = make_space(space, 1, 2, margin=1e-3).contains(fit.network)
                assert inside or fit.violations

    def test_lift_is_never_worse(self, cell):
        for fit in descend(cell, train(cell, "unrestricted")):
            assert fit.lift_start_loss == pytest.approx(fit.loss, rel=1e-9)
            assert fit.lift_loss <= fit.loss * (1 + 1e-9)

    def test_numerical_failure_is_an_outcome_with_its_reason(self, cell, monkeypatch):
        fits, honest, calls = train(cell), cells.descend, []

        def moody(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise FloatingPointError("overflow in a test")
            return honest(*args, **kwargs)

        monkeypatch.setattr(cells, "descend", moody)
        ends = descend(cell, fits)
        assert len(ends) == 4 and ends[1].descent_outcome == "failed"
        assert ends[1].verdict == "undecided" and ends[1].activation == ""
        assert ends[1].reason == "FloatingPointError: overflow in a test"
        assert ends[1].loss == pytest.approx(fits[1].trained_loss)

    @pytest.mark.parametrize("mistake", [ValueError, TypeError, RuntimeError, ZeroDivisionError])
    def test_mistakes_in_the_program_surface(self, cell, monkeypatch, mistake):
        def wrong(*args, **kwargs):
            raise mistake("a mistake")

        fits = train(cell)
        monkeypatch.setattr(cells, "descend", wrong)
        with pytest.raises(mistake):
            descend(cell, fits)

    @pytest.mark.parametrize("size", [1, 3, 4, 10, 11])
    def test_blocks_cover_every_start_once(self, size):
        covered = [j for a, b in starts_of_blocks(10, size) for j in range(a, b)]
        assert covered == list(range(10))


THREE = Dataset("three", [[1.0], [2.0], [5.0]], [3.0, 4.0, 1.0])


@pytest.mark.parametrize(
    "seeds", [range(1, 2), pytest.param(range(1, 60), marks=pytest.mark.slow)], ids=["one", "many"]
)
def test_descent_and_test_agree_on_data_that_are_fitted_exactly(seeds):
    """Slopes that are rounding are no violations where the descent ended."""
    data = standardize(THREE)
    for seed in seeds:
        cell = Cell("own", data.features, data.target, 2, seed=seed, margin=1e-3)
        fits = [fit for space in SPACES for fit in train(cell, space, range(10))]
        for end in descend(cell, fits):
            assert end.verdict == "holds", (seed, end.space, end.start, end.reason)
            assert end.descent_outcome == "minimum"


def fit(start, key, loss, violations="", **others):
    """A start that ended at a minimum with this activation key; empty if at none."""
    return Fit(
        dataset="d", space="restricted", neurons=1, start=start, positive_signs=0, start_loss=1.0,
        trained_loss=1.0, training_outcome="converged", training_message="",
        training_iterations=1, training_evaluations=1, loss=loss, activation=key,
        verdict="holds" if key else "undecided", violations=violations, radius=0.5,
        weights=np.full((2, 3), 0.5), output_weights=np.full(2, -0.5), **others,
    )  # fmt: skip


def test_distinct_minima_merge_sort_and_count():
    given = [
        fit(3, "a", 0.25 + 1e-15), fit(4, "a", 0.25), fit(0, "b", 0.5),
        fit(1, "a", 0.25, "parallel"), fit(2, "", 0.1),
    ]  # fmt: skip
    minima = distinct_minima(given)
    assert [row.minimum for row in minima] == [0, 1]
    assert [row.multiplicity for row in minima] == [3, 1]
    assert [row.first_start for row in minima] == [3, 0]  # start 1 left the space
    fits = number_starts(frame_of(Fit, given), frame_of(Minimum, minima))
    assert fits["start"].tolist() == [0, 1, 2, 3, 4]
    assert fits["minimum"].tolist() == [1, 0, -1, 0, 0]
    assert minima[0].loss_spread <= 2e-15
    assert (minima[0].paper_radius, minima[0].sharp_radius) == (0.5**2 / 16, 0.5**2 / 8)
    assert minima[0].rigidity_radius == 0.5 * 0.5 / 2 and minima[0].radius_low == 0.5
    assert distinct_minima([fit(0, "", 1.0)]) == []
    none = number_starts(frame_of(Fit, given), frame_of(Minimum, []))
    assert set(none["minimum"]) == {-1}


@pytest.mark.parametrize("loss", [0.25, 1e-3, 40.0, 0.0])
def test_the_first_start_decides_between_losses_that_rounding_parts(loss):
    rng = np.random.default_rng(5)
    for _ in range(20):
        # Groups of equal losses, each blurred; which start is in which group is left to chance.
        group = rng.permutation(np.repeat(np.arange(4), 3))
        exact = loss * (1 + 1e-6 * group) if loss else 1e-3 * group
        blur = exact * 1e-13 * rng.standard_normal(12) + 1e-30 * rng.random(12)
        minima = distinct_minima(
            [fit(k, f"key {k}", exact[k] + blur[k]) for k in rng.permutation(12)]
        )
        expected = sorted(range(12), key=lambda k: (group[k], k))
        assert [row.first_start for row in minima] == expected


class TestPairs:
    space = make_space("restricted", 2, 3)
    theta = space.sample(np.random.default_rng(1))

    @pytest.mark.parametrize("size", [1e-6, 2**-10, 1.0])
    def test_extremal_pair_attains_the_constant_when_alone(self, size):
        small = make_space("restricted", 1, 2).sample(np.random.default_rng(1))
        gamma, theta = extremal_pair(small, size)
        r = sobolev_distance(gamma, theta).value
        assert r == pytest.approx(size)
        assert parameter_distance(gamma, theta) == pytest.approx(2 * np.sqrt(2 * r))

    @pytest.mark.parametrize("make", [opposed_pair, extremal_pair])
    def test_constructed_pairs_lie_in_the_space(self, make):
        for network in make(self.theta, 1e-3):
            assert self.space.contains(network)


@pytest.fixture(scope="module")
def minima(cell):
    rows = descend(cell, [fit for space in SPACES for fit in train(cell, space)])
    return distinct_minima(rows)


class TestProofs:
    def test_every_start_or_every_minimum(self, cell, minima):
        assert {row.proof for row in minima} == {""}
        proved = prove_minima(cell, minima)
        assert {row.proof for row in proved} == {"proved"}
        assert all(0 <= row.proof_distance < 1e-9 and not row.proof_reason for row in proved)
        every = descend(cell, train(cell), exact=True)
        assert {fit.proof for fit in every if fit.verdict == "holds"} == {"proved"}

    def test_a_budget_proves_the_best_of_each_space(self, cell, minima):
        for work, number in ((0, 1), (2 * len(cell.target) * 9**2, 2)):
            rows = prove_minima(cell, minima, max_work=work)
            done = [(row.space, row.minimum) for row in rows if row.proof]
            restricted = [k for space, k in done if space == "restricted"]
            assert restricted == list(range(number))
            assert {space for space, _ in done} == set(SPACES)

    def test_what_was_tried_is_not_tried_again(self, cell, minima, monkeypatch):
        tried = [replace(row, proof="open") for row in minima]
        monkeypatch.setattr(cells, "certify_minimum", None)
        assert {row.proof for row in prove_minima(cell, tried)} == {"open"}


class TestStreams:
    def test_no_two_uses_of_a_study_share_one(self, monkeypatch):
        """All keys of all streams of two cells, whose steps have all their options."""
        asked = []

        def recorded(seed, *keys):
            asked.append((seed, *keys))
            return honest(seed, *keys)

        honest = cells.stream
        monkeypatch.setattr(cells, "stream", recorded)
        rng = np.random.default_rng(3)
        x = rng.uniform(-1.7, 1.7, (14, 1))
        for name, neurons in (("a", 1), ("a", 2), ("a1", 2)):
            cell = Cell(name, x, np.sin(2 * x[:, 0]), neurons, seed=1, margin=1e-3)
            fits = [fit for space in SPACES for fit in train(cell, space, range(3))]
            drawn = asked[-9:]
            assert drawn[:3] == drawn[3:6] == drawn[6:]  # the spaces share their starts
            del asked[-6:]
            minima = distinct_minima(descend(cell, fits))
            small = {"spaces": ["restricted", "balanced"], "max_minima": 2}
            bracket_radii(cell, minima, **small, budget=RadiusBudget(max_nodes=2, n_starts=1))
            bracket_realizations(cell, minima, **small, budget=ExchangeBudget(1, 1, 1, 1, 1, 0))
            follow_controls(cell, minima, n_steps=1, max_minima=2)
            draw_converse(cell, n_draws=2, rigid_fraction=0.9)
            sizes = {"max_pairs": 2, "max_minima": 2, "n_random": 2, "scales": [0.1, 0.01]}
            measure_pairs(cell, minima, **sizes)
        assert len(set(asked)) == len(asked) > 60
        states = [str(honest(*keys).bit_generator.state) for keys in asked]
        assert len(set(states)) == len(states)
