"""Cells of arrangements: counts, interior points, exactness."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape.arrangement import (
    Arrangement,
    Infeasible,
    TooManyCells,
    general_position_count,
    interior_point,
    sides_at,
)
from landscape.arrangement._integers import integer_rows, pivot_columns
from tests.oracles.networks import DEGENERATE, grid
from tests.oracles.seminorm_search import by_cells


@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 7), (3, 9), (4, 9), (5, 8), (3, 30), (6, 4)])
def test_general_position(d: int, m: int, rng: np.random.Generator) -> None:
    normals = rng.standard_normal((m, d))
    cells = Arrangement(normals).cells()
    assert cells.n_cells == general_position_count(m, d)
    assert len({row.tobytes() for row in cells.patterns}) == cells.n_cells
    np.testing.assert_array_equal(cells.points @ normals.T > 0, cells.patterns)


@pytest.mark.parametrize("make", DEGENERATE)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_degenerate_arrangements(make, d: int, rng: np.random.Generator) -> None:
    normals, outputs = make(rng, d, 8)
    arrangement = Arrangement(normals)
    cells = arrangement.cells()
    assert cells.n_cells == by_cells(normals, outputs)[1]
    assert len({row.tobytes() for row in cells.patterns}) == cells.n_cells
    for pattern, point in zip(cells.patterns, cells.exact_points, strict=True):
        assert 0 not in sides_at(arrangement.rows, point)
        active = [value > 0 for value in sides_at(integer_rows(normals), point)]
        present = np.abs(normals).max(axis=1) > 0
        assert np.array_equal(np.array(active)[present], pattern[present])


def test_rows_of_fractions_are_exact() -> None:
    third = Fraction(1, 3)
    rows = [[third, 1], [1, 3], [third, 1 + Fraction(1, 10**40)]]
    assert Arrangement(rows).n_hyperplanes == 2
    assert Arrangement(rows).cells().n_cells == 4


def test_rank_and_independent_columns() -> None:
    normals = [[1, 2, 0, 3], [2, 4, 0, 6], [0, 0, 0, 1], [1, 2, 0, 4]]
    arrangement = Arrangement(normals)
    assert arrangement.rank == 2
    assert arrangement.cells().n_cells == 6
    assert pivot_columns([(0, 0, 5), (0, 0, 7)]) == [2]


def test_limits_and_wrong_shapes(rng: np.random.Generator) -> None:
    with pytest.raises(TooManyCells):
        Arrangement(rng.standard_normal((12, 4))).cells(limit=100)
    with pytest.raises(TooManyCells):
        Arrangement(np.eye(30)).cells(limit=1000)
    with pytest.raises(ValueError, match="shape"):
        Arrangement([1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        Arrangement([[np.nan, 1.0]])


def test_interior_points_and_farkas_multipliers(rng: np.random.Generator) -> None:
    normals, _ = grid(rng, 4, 14)
    arrangement = Arrangement(normals)
    rows = arrangement.rows
    cells = Arrangement(rows, tolerance=None).cells()
    known = {row.tobytes() for row in cells.patterns}
    for _ in range(60):
        pattern = rng.random(len(rows)) < 0.5
        if rng.random() < 0.5:
            pattern = cells.patterns[rng.integers(cells.n_cells)]
        try:
            point = interior_point(rows, pattern.tolist())
        except Infeasible as error:
            assert pattern.tobytes() not in known
            combination = sum(
                y * (1 if pattern[i] else -1) * np.array(rows[i])
                for i, y in error.multipliers.items()
            )
            assert not np.any(combination)
            assert min(error.multipliers.values()) > 0
        else:
            assert pattern.tobytes() in known
            expected = [1 if side else -1 for side in pattern]
            assert sides_at(rows, point) == expected
