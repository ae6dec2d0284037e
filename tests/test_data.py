"""Every data set keeps one contract; every file is complete, checked and named in errors."""

import json

import numpy as np
import pandas as pd
import pytest

from landscape.data import (
    KINDS,
    SMOOTH_FUNCTIONS,
    DataError,
    Dataset,
    make_dataset,
    standardize,
)
from landscape.data.sources import CLASSES
from landscape.rows.datasets import read_dataset, write_dataset

CSV_ROWS = "a,b,y\n" + "".join(f"{k},{k * k % 7},{3 - k % 5}\n" for k in range(12))


@pytest.fixture
def configs(tmp_path):
    (tmp_path / "own.csv").write_text(CSV_ROWS)
    pd.read_csv(tmp_path / "own.csv").to_parquet(tmp_path / "own.parquet")
    teacher = {"kind": "teacher", "n_samples": 30, "n_neurons": 3, "noise": 0.1, "seed": 5}
    smooth = {"kind": "smooth", "n_samples": 30, "n_features": 2, "noise": 0.0, "seed": 5}
    return {
        "teacher-1d": {**teacher, "n_features": 1},
        "teacher-3d": {**teacher, "n_features": 3},
        **{name: {**smooth, "function": name} for name in SMOOTH_FUNCTIONS},
        "diabetes": {"kind": "diabetes"},
        "classes": {
            "kind": "classes",
            "n_samples": 20,
            "n_features": 1,
            "n_neurons": 2,
            "noise": 0.1,
            "seed": 2,
        },
        "breast-cancer": {"kind": "breast-cancer"},
        "iris": {"kind": "iris"},
        "own": {"kind": "csv", "path": str(tmp_path / "own.csv"), "target": "y"},
        "parquet": {"kind": "parquet", "path": str(tmp_path / "own.parquet"), "target": "y"},
    }


NAMES = ["teacher-1d", "teacher-3d", *SMOOTH_FUNCTIONS, "diabetes", "classes",
         "breast-cancer", "iris", "own", "parquet"]  # fmt: skip


def test_contract_covers_every_kind(configs):
    assert sorted(configs) == sorted(NAMES)
    assert {config["kind"] for config in configs.values()} == set(KINDS)


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_values(self, configs, name):
        data = make_dataset(name, configs[name])
        n, d = data.n_samples, data.n_features
        assert data.features.shape == (n, d) and data.target.shape == (n,)
        assert len(data.feature_names) == d and data.name == name
        assert np.isfinite(data.features).all() and np.isfinite(data.target).all()
        assert not data.features.flags.writeable and not data.target.flags.writeable

    def test_reproducible(self, configs, name):
        one, two = (make_dataset(name, configs[name]) for _ in range(2))
        np.testing.assert_array_equal(one.features, two.features)
        np.testing.assert_array_equal(one.target, two.target)

    def test_standardization_is_recorded_and_can_be_undone(self, configs, name):
        raw = make_dataset(name, {**configs[name], "standardize": "none"})
        data = make_dataset(name, configs[name])
        np.testing.assert_allclose(data.features.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(data.features.std(axis=0), 1)
        if name in CLASSES:
            np.testing.assert_array_equal(data.target, raw.target)
        else:
            np.testing.assert_allclose([data.target.mean(), data.target.std()], [0, 1], atol=1e-12)
        record = data.metadata["standardization"]
        x = data.features * record["features"]["scales"] + record["features"]["means"]
        y = data.target * record["target"]["scale"] + record["target"]["mean"]
        np.testing.assert_allclose(x, raw.features, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(y, raw.target, rtol=1e-12, atol=1e-12)
        identity = raw.metadata["standardization"]
        assert identity["target"] == {"mean": 0.0, "scale": 1.0}

    def test_survives_its_file(self, configs, name, tmp_path):
        data = make_dataset(name, configs[name])
        for file in ("one.parquet", "two.parquet"):
            write_dataset(tmp_path / file, data)
        again = read_dataset(tmp_path / "one.parquet")
        np.testing.assert_array_equal(again.features, data.features)
        np.testing.assert_array_equal(again.target, data.target)
        assert again.metadata == data.metadata and again.feature_names == data.feature_names
        assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()

    def test_metadata_is_json_without_paths(self, configs, name, tmp_path):
        data = make_dataset(name, configs[name])
        assert str(tmp_path) not in json.dumps(data.metadata, allow_nan=False)
        assert data.metadata["kind"] == configs[name]["kind"]


def test_noise_free_teacher_is_exactly_a_network(configs):
    # Twice the noise level moves the targets twice as far: noise enters additively, once.
    base = {**configs["teacher-3d"], "standardize": "none"}
    clean, one, two = (
        make_dataset("t", {**base, "noise": noise}).target for noise in (0.0, 0.1, 0.2)
    )
    np.testing.assert_allclose(two - clean, 2 * (one - clean), atol=1e-12)


def test_seeds_matter(configs):
    a, b = (make_dataset("t", {**configs["teacher-1d"], "seed": seed}) for seed in (1, 2))
    assert not np.array_equal(a.features, b.features)


def test_kinds_widths_and_seeds_share_no_random_numbers(configs):
    base, seen = {**configs["sine"], "standardize": "none"}, []
    teacher = {**configs["teacher-1d"], "standardize": "none"}
    changes = [{}, {"function": "bump"}, {"n_features": 3}, {"seed": 6}]
    for config in [base | change for change in changes] + [
        teacher | change for change in [{}, {"n_features": 2}, {"n_neurons": 4}, {"seed": 6}]
    ]:
        seen += make_dataset("t", config).features.ravel().tolist()
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("features", "target", "message"),
    [
        ([[1.0], [2.0], [np.nan]], [1.0, 2.0, 3.0], "sample 2, column 'x1' is nan"),
        ([[1.0], [2.0], [3.0]], [1.0, 1.0, 1.0], "target 'y' is constant"),
        ([[1.0], [2.0]], [1.0, 2.0], "interpolated by an affine function"),
        ([1.0, 2.0], [1.0, 2.0], "shape"),
        ([[1.0], [2.0], [3.0]], [1.0, 2.0], "shape"),
    ],
)
def test_dataset_refuses(features, target, message):
    with pytest.raises(DataError, match=message):
        Dataset("bad", features, target)


@pytest.mark.parametrize("exponent", [-1060, -500, 0, 500, 1020])
def test_standardize_is_the_same_for_values_near_the_ends_of_the_range(exponent):
    """Powers of two change nothing but mean and scale, even where squares would overflow."""
    rng = np.random.default_rng(5)
    x, y = 1.0 + rng.integers(0, 9, (12, 2)), rng.integers(-8, 9, 12).astype(float)
    one = standardize(Dataset("a", x, y))
    two = standardize(Dataset("a", np.ldexp(x, exponent), np.ldexp(y, exponent)))
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.target, two.target)
    assert np.isclose(one.target.mean(), 0.0, atol=1e-15) and np.isclose(one.target.std(), 1.0)


def test_standardize_refuses_a_constant_feature():
    data = Dataset("c", [[1.0, 0], [1, 1], [1, 2], [1, 3]], [0.0, 1, 2, 3])
    with pytest.raises(DataError, match="feature 'x1' is constant"):
        standardize(data)


def test_unknown_kind():
    with pytest.raises(DataError, match="kind is 'oracle'; expected one of teacher"):
        make_dataset("x", {"kind": "oracle"})
