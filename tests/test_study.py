"""Steps of a study: paired and reproducible starts, recorded failures, merged duplicates."""

import numpy as np
import pytest

from landscape.data import make_dataset
from landscape.parametrization import Parametrization
from landscape.seminorm import sobolev_distance
from landscape.spaces import make_space
from landscape.stability import parameter_distance
from landscape.study import certificates
from landscape.study.certificates import descend_block
from landscape.study.config import starts_of_blocks
from landscape.study.distinct import distinct_minima
from landscape.study.fits import train_block
from landscape.study.pairs import extremal_pair, measure_pairs, opposed_pair
from landscape.study.starts import Block, draw_start, generator, sign_class

SPACES = ["restricted", "balanced", "unrestricted"]
TRAINING = {"margin": 1e-3, "solver": "SLSQP", "max_iter": 60, "tol": 1e-12}


@pytest.fixture(scope="module")
def data():
    return make_dataset(
        "sine",
        {"kind": "smooth", "function": "sine", "n_samples": 20, "n_features": 1, "noise": 0.1,
         "seed": 3},
    )  # fmt: skip


def block(space="restricted", first=0, stop=4, n_neurons=2):
    return Block("sine", space, n_neurons, first, stop, seed=5)


def train(data, block):
    return train_block(data.features, data.target, block, **TRAINING)


def descend(data, block, fits):
    return descend_block(data.features, data.target, block, fits, margin=1e-3, max_iter=1000)


class TestStarts:
    def test_depend_on_nothing_but_their_own_indices(self):
        one, _ = draw_start(1, "sine", 2, 3, 4)
        np.random.seed(0)  # noqa: NPY002
        two, _ = draw_start(1, "sine", 2, 3, 4)
        np.testing.assert_array_equal(one.weights, two.weights)
        for other in ((2, "sine", 2, 3, 4), (1, "cosine", 2, 3, 4), (1, "sine", 2, 3, 5)):
            assert not np.array_equal(one.weights, draw_start(*other)[0].weights)

    def test_known_value_holds_on_every_platform(self):
        assert generator(0, "sine", 2, 7).integers(2**32) == GENERATED

    def test_sign_classes_take_turns(self):
        for j in range(8):
            network, n_positive = draw_start(1, "sine", 1, 3, j)
            assert n_positive == sign_class(3, j) == (network.output_weights > 0).sum() == j % 4

    def test_are_paired_over_the_spaces(self, data):
        losses = [train(data, block(space, 0, 3))["loss_start"] for space in SPACES]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)
        np.testing.assert_allclose(losses[0], losses[2], rtol=1e-12)


#: generator(0, "sine", 2, 7).integers(2**32)
GENERATED = 692758650


class TestBlocks:
    @pytest.mark.parametrize("space", SPACES)
    def test_results_do_not_depend_on_how_starts_are_cut_into_blocks(self, data, space):
        whole = train(data, block(space, 0, 3))
        parts = [train(data, block(space, *ends)) for ends in ((0, 1), (1, 3))]
        for name, values in whole.items():
            both = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(values, both)

    @pytest.mark.parametrize("space", SPACES)
    def test_descent_never_loses_and_certifies(self, data, space):
        here = block(space)
        fits = train(data, here)
        ends = descend(data, here, fits)
        assert (ends["loss"] <= fits["loss"] * (1 + 1e-12)).all()
        assert set(ends["verdict"]) <= {"holds", "violated", "undecided"}
        assert ((ends["key"] != "") == ends["is_minimum"]).all()
        for k in np.flatnonzero(ends["is_minimum"]):
            theta = Parametrization(ends["weights"][k], ends["output_weights"][k])
            assert make_space(space, 1, 2, margin=1e-3).contains(theta) or ends["violations"][k]

    def test_lift_is_never_worse(self, data):
        here = block("unrestricted")
        ends = descend(data, here, train(data, here))
        np.testing.assert_allclose(ends["lift_loss_start"], ends["loss"], rtol=1e-9)
        assert (ends["lift_loss"] <= ends["loss"] * (1 + 1e-9)).all()

    def test_numerical_trouble_is_an_outcome_with_its_reason(self, data, monkeypatch):
        here = block()
        fits = train(data, here)
        honest = certificates.descend
        calls = []

        def moody(*args, **kwargs):
            calls.append(1)
            if len(calls) == 2:
                raise FloatingPointError("overflow in a test")
            return honest(*args, **kwargs)

        monkeypatch.setattr(certificates, "descend", moody)
        ends = descend(data, here, fits)
        assert len(ends["start"]) == 4
        assert ends["verdict"][1] == "undecided" and not ends["is_minimum"][1]
        assert ends["reason"][1] == "FloatingPointError: overflow in a test"
        assert ends["loss"][1] == pytest.approx(fits["loss"][1])

    def test_mistakes_in_the_program_surface(self, data, monkeypatch):
        here = block()
        fits = train(data, here)
        monkeypatch.setattr(certificates, "descend", lambda *args, **kwargs: None)
        with pytest.raises(AttributeError):
            descend(data, here, fits)


def ends(rows):
    """Arrays as descend_block returns them, from (start, key, loss, violations)."""
    return {
        "start": np.array([row[0] for row in rows]),
        "key": np.array([row[1] for row in rows]),
        "is_minimum": np.array([row[1] != "" for row in rows]),
        "loss": np.array([row[2] for row in rows]),
        "violations": np.array([row[3] for row in rows]),
    }


def test_distinct_minima_merge_sort_and_count():
    one = ends([(0, "b", 0.5, ""), (1, "a", 0.25, "parallel"), (2, "", 0.1, "")])
    two = ends([(3, "a", 0.25 + 1e-15, ""), (4, "a", 0.25, "")])
    found = distinct_minima([one, two])
    assert found["minimum"].tolist() == [0, 1] and found["multiplicity"].tolist() == [3, 1]
    assert found["start"].tolist() == [3, 0]  # start 1 reached it first, but left the space
    assert found["members"].tolist() == ["1 3 4", "0"]
    assert found["loss_spread"][0] <= 2e-15
    assert distinct_minima([ends([(0, "", 1.0, "")])]) == {}


@pytest.mark.parametrize("loss", [0.25, 1e-3, 40.0, 0.0])
def test_the_first_start_decides_between_losses_that_rounding_parts(loss):
    rng = np.random.default_rng(5)
    for _ in range(20):
        # Groups of equal losses, each blurred; which start is in which group is left to chance.
        group = rng.permutation(np.repeat(np.arange(4), 3))
        exact = loss * (1 + 1e-6 * group) if loss else 1e-3 * group
        blur = exact * 1e-13 * rng.standard_normal(12) + 1e-30 * rng.random(12)
        rows = [(k, f"key {k}", exact[k] + blur[k], "") for k in range(12)]
        found = distinct_minima([ends(rows)])
        assert found["start"].tolist() == sorted(range(12), key=lambda k: (group[k], k))


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

    def test_measured_pairs_keep_the_bound(self):
        rng = np.random.default_rng(2)
        networks = [self.space.sample(rng) for _ in range(4)]
        minima = {
            "minimum": np.arange(4),
            "violations": np.array(["", "", "parallel", ""]),
            "weights": np.array([network.weights for network in networks]),
            "output_weights": np.array([network.output_weights for network in networks]),
        }
        found = measure_pairs(minima, rng=rng, max_pairs=2, scales=[1e-3])
        assert sorted(found["kind"]) == ["extremal", "minima", "minima", "opposed", "scaled"]
        assert 2 not in found["first"] and 2 not in found["second"]
        assert set(found["verdict"]) == {"holds"}

    def test_no_minima_no_pairs(self):
        assert measure_pairs({}, rng=np.random.default_rng(0), max_pairs=5, scales=[0.1]) == {}


class TestBlockBorders:
    @pytest.mark.parametrize("size", [1, 3, 4, 10, 11])
    def test_blocks_cover_every_start_once(self, size):
        covered = [j for a, b in starts_of_blocks(10, size) for j in range(a, b)]
        assert covered == list(range(10))
