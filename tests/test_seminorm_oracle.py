"""The oracle for cutting planes: cells above a radius, or a proof that there are none."""

from __future__ import annotations

import numpy as np
import pytest

from landscape.arrangement import Arrangement
from landscape.seminorm import GradientOracle
from tests.oracles.networks import DEGENERATE, GENERIC


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_against_all_cells(make, kept: bool, rng: np.random.Generator, monkeypatch) -> None:
    if not kept:
        monkeypatch.setattr("landscape.seminorm._oracle.CACHED_CELLS", 0)
    for d in (2, 3, 4):
        weights, _ = make(rng, d, 8)
        oracle = GradientOracle(weights)
        assert (oracle.patterns is not None) is kept
        patterns = Arrangement(weights).cells().patterns
        cells = {row.tobytes() for row in patterns}
        for scale in (1.0, 1e-9):
            products = scale * rng.standard_normal((len(weights), d))
            products[rng.random(len(weights)) < 0.3] = 0.0
            norms = np.abs(patterns @ products).max(axis=1)
            record = oracle.maximize(products)
            assert record.exact
            assert record.value == pytest.approx(norms.max(), rel=1e-12, abs=1e-300)
            assert record.pattern.tobytes() in cells
            assert list(oracle.violated(products, norms.max() * (1 + 1e-12))) == []
            found = list(oracle.violated(products, 0.5 * norms.max(), limit=3))
            assert 1 <= len(found) <= 3
            for violation in found:
                assert violation.value > 0.5 * norms.max()
                assert violation.pattern.tobytes() in cells
                np.testing.assert_allclose(
                    violation.gradient, violation.pattern @ products, atol=1e-12 * scale
                )
            if kept:
                every = list(oracle.violated(products, 0.5 * norms.max(), limit=None))
                assert len(every) == (norms > 0.5 * norms.max()).sum()


def test_small_products_beside_large_weights() -> None:
    oracle = GradientOracle([[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    products = [[1e-9, 0.0], [0.0, 3e-9], [-1e-9, 0.0]]
    assert oracle.maximize(products).value == 3e-9
    assert [v.value for v in oracle.violated(products, 2.9e-9)] == [3e-9]


def test_warm_starts_give_the_same_answers(rng: np.random.Generator) -> None:
    weights = rng.standard_normal((30, 6))
    products = rng.standard_normal((30, 6))
    oracle = GradientOracle(weights)
    assert oracle.patterns is None
    for step in range(4):
        moved = products * (1 + 0.01 * step)
        fresh = GradientOracle(weights).maximize(moved)
        warm = oracle.maximize(moved)
        assert warm.exact
        assert warm.value == pytest.approx(fresh.value, rel=1e-12)
        assert not list(oracle.violated(moved, warm.value))
        assert list(oracle.violated(moved, 0.99 * warm.value))


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="shape"):
        GradientOracle([1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        GradientOracle([[np.inf, 2.0]])
    oracle = GradientOracle([[1.0, 2.0]])
    with pytest.raises(ValueError, match="products"):
        oracle.maximize([[1.0, 2.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="finite"):
        oracle.maximize([[np.nan, 2.0]])
