"""Networks that a data set of a study brings."""

from fractions import Fraction

import numpy as np
import pytest

from landscape import Network, UnrestrictedSpace, certify_minimum
from landscape.data import DataError, Dataset, standardize
from landscape.rows import frame_of
from landscape.study.cells import Cell
from landscape.study.checks import check_study
from landscape.study.imported import examine_networks, standardized
from landscape.study.rows import Imported
from landscape.study.training import descend_starts, train_starts
from landscape.tables import TABLES


@pytest.fixture
def data(rng):
    x = rng.uniform(0, 50, (30, 2))
    y = 100 * np.abs(x[:, 0] - 25) + rng.standard_normal(30)
    return standardize(Dataset("mine", x, y)), x, y


def network(rng, dtype="float32"):
    parts = [rng.standard_normal(shape).astype(dtype) for shape in ((3, 2), 3, 3, ())]
    return Network(*parts, dtype=dtype, source="test")


def test_standardization_is_folded_in_exactly(data, rng):
    dataset, x, y = data
    net = network(rng)
    own = standardized(net, dataset)
    record = dataset.metadata["standardization"]
    target = record["target"]
    values = (net.predict(x) - target["mean"]) / target["scale"]
    sizes = own.terms(dataset.features)
    assert (np.abs(own.predict(dataset.features) - values) <= 1e-13 * sizes).all()
    scale = Fraction(record["features"]["scales"][1])
    assert own.weights[2, 1] == float(Fraction(float(net.weights[2, 1])) * scale)
    assert own.dtype == "float32"
    assert standardized(net, Dataset("raw", x, y)) is net


def test_rows(data, rng, tmp_path):
    dataset, *_ = data
    for name in ("one", "two"):
        network(rng).save(tmp_path / f"{name}.npz")
    paths = [str(tmp_path / f"{name}.npz") for name in ("one", "two")]
    rows = examine_networks(dataset, paths, [])
    assert [row.network for row in rows] == ["one.npz", "two.npz"]
    for row in rows:
        assert row.verdict == "violated" and row.nearest_loss < row.loss
        assert row.dtype == "float32" and row.precision > 1 and np.isnan(row.best_loss)
        assert row.implication in ("holds", "violated", "undecided") and row.lipschitz_exact
    frame = frame_of(Imported, rows)
    assert list(frame.columns) == [column.name for column in TABLES["networks"].columns()]


def test_beside_the_starts_of_the_study(data, rng, tmp_path):
    dataset, *_ = data
    cell = Cell("mine", dataset.features, dataset.target, 3, 1, 1e-3)
    trained = train_starts(cell, "unrestricted", range(3), solver="trf")
    fits = descend_starts(cell, trained, max_iter=1000)
    net = network(rng)
    net.save(tmp_path / "net.npz")
    (row,) = examine_networks(dataset, [tmp_path / "net.npz"], fits)
    ends = [fit.loss for fit in fits if fit.verdict == "holds"]
    assert row.best_loss == min(ends) and row.lower == np.mean(np.array(ends) < row.loss)
    space = UnrestrictedSpace(3, 4, offset=True)
    theta = standardized(net, dataset).to_parametrization(space)
    again = certify_minimum(theta, space.embed(dataset.features), dataset.target, space=space)
    assert again.verdict.value == row.verdict and again.stationarity == row.stationarity


def test_inputs_have_to_fit(data, rng, tmp_path):
    Network([[1.0]], [0.0], [1.0], 0.0).save(tmp_path / "net.npz")
    with pytest.raises(DataError, match="1 inputs, data set 'mine' has 2 features"):
        examine_networks(data[0], [tmp_path / "net.npz"], [])


def test_mistakes_are_told_before_any_job(tmp_path):
    wave = {"kind": "smooth", "function": "sine", "n_samples": 9, "n_features": 1}
    config = {"datasets": {"wave": wave | {"networks": [str(tmp_path / "none.npz")]}}}
    assert "config key 'datasets.wave.networks'" in check_study(config)[1][0]
    assert "no such file" in check_study(config)[1][0]
    Network([[1.0]], [0.0], [1.0], 0.0).save(tmp_path / "none.npz")
    complete, mistakes = check_study(config)
    assert not mistakes and complete["datasets"]["wave"]["networks"]
    atlas = {"problems": {"small": {"neurons": 1, "data": config["datasets"]["wave"]}}}
    assert "belong under `datasets`" in check_study(config | {"atlas": atlas})[1][0]
