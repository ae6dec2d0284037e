"""The functions at minima in the data's own units: against rationals and scikit-learn."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from landscape import Parametrization, load_network, realize
from landscape.data import Dataset
from landscape.data.datasets import standardize
from landscape.networks import NetworkError
from landscape.spaces import SPACES, make_space
from landscape.study.rows import Minimum
from landscape.tables import write_table
from landscape.tables.realizations import FEATURES, GRID, NEXT, realization_tables

EPS = np.finfo(float).eps


def minimum(data, space, neurons, number, rng):
    """A row of the study with a random network: what is told of it needs no minimum."""
    made = make_space(space, data.n_features, neurons)
    theta = made.sample(rng)
    if space == "unrestricted":  # and a neuron that does nothing
        c = theta.output_weights * (np.arange(theta.n_neurons) > 0)
        theta = Parametrization(theta.weights, c)
    loss = np.mean((realize(theta, made.embed(data.features)) - data.target) ** 2)
    known = dict.fromkeys(("multiplicity", "first_start", "loss_spread", "radius_low"), 0)
    known |= dict.fromkeys(("paper_radius", "sharp_radius", "rigidity_radius"), 0.0)
    return Minimum.copied(
        theta, dataset=data.name, space=space, neurons=neurons, minimum=number, loss=loss, **known
    )


@pytest.fixture(scope="module")
def made():
    """Data sets as given and as stored, rows of minima, and the tables."""
    given, stored, minima = {}, {}, []
    for d, names in ((1, ("x",)), (2, ("1", "-1")), (8, tuple("abcdefgh"))):
        rng = np.random.default_rng(d)
        x = rng.standard_normal((30, d)) * 10.0 ** rng.integers(-4, 5, d) + 1000.0
        y = 50.0 * rng.standard_normal(30) - 3.0
        own = Dataset(f"data{d}", x, y, feature_names=names)
        given[own.name] = own
        stored[own.name] = standardize(own, features=d != 8, target=d != 2)
        for space in SPACES:
            minima += [minimum(stored[own.name], space, m, k, rng) for m in (1, 3) for k in (0, 1)]
    plain = Dataset("plain", rng.standard_normal((12, 1)), rng.standard_normal(12))
    given["plain"] = stored["plain"] = plain  # without a record of units
    minima += [minimum(plain, "unrestricted", 2, k, rng) for k in range(NEXT + 2)]
    return given, stored, minima, realization_tables(minima, stored)


@pytest.fixture(scope="module")
def weights(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    write_table("weights", made[3]["weights"], folder / "weights.csv", folder / "weights.parquet")
    return folder / "weights.parquet"


def place(row):
    return {name: getattr(row, name) for name in ("dataset", "space", "neurons", "minimum")}


class TestWeights:
    def test_loaded_networks_predict_what_the_study_computes(self, made, weights):
        given, stored, minima, _ = made
        for row in minima[::3]:
            own, data = given[row.dataset], stored[row.dataset]
            space = make_space(row.space, data.n_features, row.neurons)
            inner = realize(row.network, space.embed(data.features))
            for standardized, inputs in ((True, data.features), (False, own.features)):
                network = load_network(weights, **place(row), standardized=standardized)
                record = data.metadata.get("standardization", {}).get("target", {})
                mean, scale = record.get("mean", 0.0), record.get("scale", 1.0)
                expected = inner if standardized else inner * scale + mean
                # Each weight is rounded once; the study's own evaluation rounds as often.
                size = space.embed(np.abs(data.features)) @ np.abs(row.network.products).T
                size = np.abs(size).sum(axis=1) * (1.0 if standardized else scale)
                bound = 8 * (data.n_features + 4) * EPS * (network.terms(inputs) + size + abs(mean))
                assert (np.abs(network.predict(inputs) - expected) <= bound).all(), row

    def test_each_weight_is_the_float_next_to_the_exact_composition(self, made):
        _, stored, minima, tables = made
        table = tables["weights"].set_index(["dataset", "space", "neurons", "minimum", "neuron"])
        row, data = minima[-NEXT - 3], stored["data8"]
        rows = table.loc[tuple(place(row).values())]
        record = data.metadata["standardization"]
        x, y = record["features"], record["target"]
        theta = row.network
        for i in range(row.neurons):
            a = [Fraction(v) for v in theta.weights[i]]
            own = [v / Fraction(s) for v, s in zip(a, x["scales"], strict=False)]
            shift = sum(v * Fraction(mean) for v, mean in zip(own, x["means"], strict=False))
            got = rows.loc[i].sort_values("input")
            assert got["weight"].tolist() == [*map(float, own), float(a[-1] - shift)]
            c = float(Fraction(theta.output_weights[i]) * Fraction(y["scale"]))
            assert set(got["output_weight"]) == {c}

    def test_the_certified_parametrization_is_there_digit_by_digit(self, made):
        _, _, minima, tables = made
        cells = tables["weights"].groupby(["dataset", "space", "neurons", "minimum"])
        for row in minima:
            own = cells.get_group(tuple(place(row).values()))
            a = own.pivot(index="neuron", columns="input", values="standardized").to_numpy()
            c = own.groupby("neuron")["standardized_output"].first().to_numpy()
            n = row.network.n_neurons
            assert np.array_equal(a[:n], row.network.weights)
            assert np.array_equal(c[:n], row.network.output_weights)
            assert not c[n:].any()  # the output's bias, which N* and N' do without

    def test_what_is_not_said_must_be_the_only_one(self, made, weights):
        network = load_network(weights, dataset="plain", minimum=3)
        assert network.source == "plain, unrestricted, m = 2, minimum 3"
        for given, text in (
            ({}, "dataset: expected one of 'data1', 'data2', 'data8', 'plain', got nothing"),
            ({"dataset": "dat"}, "got 'dat'"),
            ({"dataset": "data1", "space": "balanced"}, "neurons: expected one of 1, 3, got"),
            ({"dataset": "plain", "minimum": 7}, "0, 1, 2, 3, 4, 5, 6, got 7"),
        ):
            with pytest.raises(NetworkError, match=text):
                load_network(weights, **given)

    def test_other_tables_hold_no_networks(self, made, tmp_path):
        write_table("accuracy", made[3]["accuracy"], tmp_path / "a.csv", tmp_path / "a.parquet")
        with pytest.raises(
            NetworkError, match=r"table 'accuracy'; networks are in table 'weights'"
        ):
            load_network(tmp_path / "a.parquet")


class TestAccuracy:
    def test_scores_are_those_of_scikit_learn_in_the_targets_unit(self, made):
        given, _, _, tables = made
        for name, own in given.items():
            scores, predictions = (
                tables[kind][tables[kind]["dataset"] == name]
                for kind in ("accuracy", "predictions")
            )
            scores = scores.set_index(["model", "neurons"])
            scaled = make_pipeline(StandardScaler(), LinearRegression())
            fits = {("linear", 0): scaled.fit(own.features, own.target)}
            fits = {key: fit.predict(own.features) for key, fit in fits.items()}
            fits["mean", 0] = np.full(len(own.target), own.target.mean())
            for key, rows in predictions.groupby(["space", "neurons"]):
                assert np.allclose(rows["observed"], own.target, rtol=1e-12)
                assert np.allclose(rows["linear"], fits["linear", 0], rtol=1e-7)
                fits[key] = rows["predicted"]
            assert set(scores.index) == set(fits)
            for key, fit in fits.items():
                assert scores.loc[key, "rmse"] == pytest.approx(
                    root_mean_squared_error(own.target, fit), rel=1e-7
                )
                assert scores.loc[key, "r_squared"] == pytest.approx(
                    r2_score(own.target, fit), rel=1e-6, abs=1e-9
                )
        assert tables["accuracy"].query("minimum == 0")["neurons"].min() > 0


class Model(RegressorMixin, BaseEstimator):
    """A loaded network as scikit-learn's inspection wants it."""

    def __init__(self, network=None):
        self.network, self.is_fitted_ = network, True

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.network.predict(X)


class TestDependence:
    @pytest.mark.parametrize("name", ["data1", "data2", "data8"])
    def test_the_same_as_scikit_learns(self, made, weights, name):
        given, _, _, tables = made
        own, table = given[name], tables["dependence"].query("dataset == @name and neurons == 3")
        network = load_network(weights, dataset=name, space="restricted", neurons=3)
        shown = table[table["minimum"] == 0]
        assert set(shown["space"]) == {"restricted"}
        for (first, second), rows in shown.groupby(["first", "second"]):
            places = [own.feature_names.index(f) for f in (first, second) if f]
            grids = [np.unique(rows[column]) for column in ("x", "other")[: len(places)]]
            found = partial_dependence(
                Model(network), own.features, places, method="brute",
                custom_values=dict(zip(places, grids, strict=True)), kind="average",
            )["average"][0]  # fmt: skip
            assert np.allclose(rows["value"], found.ravel(), rtol=1e-7, atol=1e-6)
        if name == "data8":
            ranges = table.query("minimum == 0").groupby("first")["value"].agg(np.ptp)
            assert len(ranges) == FEATURES and len(shown) == FEATURES * GRID[1]

    def test_one_input_has_all_breaks_and_the_best_minima(self, made, weights):
        table = made[3]["dependence"].query("dataset == 'plain'")
        assert set(table["minimum"]) == set(range(NEXT))
        for number, rows in table.groupby("minimum"):
            network = load_network(weights, dataset="plain", minimum=number)
            breaks = -network.biases / network.weights[:, 0]
            x = rows["x"].to_numpy()
            inside = breaks[(breaks > x[0]) & (breaks < x[-1])]
            assert np.abs(x[:, None] - inside).min(axis=0, initial=np.inf).max(initial=0) < 1e-12
            # So that lines between the points are the function.
            middle = (x[1:] + x[:-1]) / 2
            between = (rows["value"].to_numpy()[1:] + rows["value"].to_numpy()[:-1]) / 2
            assert np.allclose(network.predict(middle[:, None]), between, atol=1e-9)


def test_a_study_without_minima():
    data = Dataset("d", [[0.0], [1.0], [3.0]], [1.0, 0.0, 2.0])
    tables = realization_tables([], {"d": data})
    assert len(tables["accuracy"]) == 2 and tables["weights"].empty
    assert realization_tables([], {})["predictions"].empty
