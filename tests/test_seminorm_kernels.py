"""Kernels against numpy and Python: sorting, sweeps, sums."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape.seminorm._kernels import (
    CROWDED,
    center,
    correct_sums,
    in_fours,
    order_lines,
    sort_plane,
    sweep_gaps,
)


@pytest.mark.parametrize("n", [0, 1, 2, 17, 400])
def test_lines_are_sorted_however_they_crowd(n: int, rng: np.random.Generator) -> None:
    spread = np.tan(np.pi * rng.random(n))
    crowded = np.where(rng.random(n) < 0.9, 1.0 + 1e-9 * rng.random(n), spread)
    equal = rng.integers(0, 3, n).astype(float)
    ends = np.where(rng.random(n) < 0.3, -1e300, np.where(rng.random(n) < 0.3, 1e300, spread))
    if n == 400:
        _, counts = np.unique(
            (n * (0.5 + 0.5 * crowded / (1 + crowded))).astype(int), return_counts=True
        )
        assert counts.max() > CROWDED
    for keys in (spread, crowded, equal, ends):
        order, ordered = np.empty(n, dtype=np.int64), np.empty(n)
        scratch = np.empty((2, n + 2), dtype=np.int64)
        order_lines(keys, n, scratch, order, ordered)
        np.testing.assert_array_equal(ordered, np.sort(keys))
        np.testing.assert_array_equal(keys[order], ordered)
        assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize("q", [1, 2, 4, 5, 9])
def test_sweeps_find_what_points_between_the_lines_find(q: int, rng: np.random.Generator) -> None:
    rows, weights = rng.standard_normal((13, 2)), rng.standard_normal((13, q))
    rows[3] = [0.0, -2.0]  # its ray is the first one
    free = rng.random(q)
    order, turns, close, any_close = sort_plane(rows)
    assert not close.any() and not any_close
    fours, middle, reach = in_fours(weights)
    # Free signs, up and down alike.
    total, half = weights.sum(axis=0), 0.5 * weights.sum(axis=0)
    center(total, free - half, -free - half, middle, reach)
    best, position = sweep_gaps(turns, fours, order, 13, middle, reach, np.empty(13), -1.0)
    angles = np.sort(np.mod(np.arctan2(rows[:, 0], -rows[:, 1]), np.pi))
    between = 0.5 * (angles + np.append(angles[-1] - np.pi, angles[:-1]))
    points = np.column_stack([np.cos(between), np.sin(between)])
    sizes = np.abs((points @ rows.T > 0) @ weights - middle[:q]) + free
    assert best == pytest.approx(sizes.max())
    assert position == sizes.max(axis=1).argmax()


def test_sums_are_correctly_rounded_or_left_open(rng: np.random.Generator) -> None:
    """Against exact sums: random, cancelling, integer, and at the ends of the range of floats."""
    closed = 0
    for trial in range(3000):
        rows = rng.standard_normal((rng.integers(1, 20), 2))
        kind = trial % 6
        if kind == 1:
            rows *= 2.0 ** rng.integers(-60, 60, rows.shape)
        elif kind == 2:
            rows = np.round(8 * rows)
        elif kind == 3:  # next to a cancellation, and to the middle between two floats
            rows = np.vstack([rows, -rows * (1 + 2.0**-51 * rng.integers(-2, 3, rows.shape))])
            rows = np.vstack([rows, 2.0 ** rng.integers(-56, -50, 2), [1.0, -1.0]])
        elif kind == 4:
            rows *= 2.0**-1060
        elif kind == 5:
            rows *= 2.0**990
        chosen = rng.random(len(rows)) < 0.8
        sums = np.empty(2)
        if correct_sums(rows, chosen, sums):
            closed += kind != 4
            exact = [float(sum(map(Fraction, column), Fraction())) for column in rows[chosen].T]
            np.testing.assert_array_equal(sums, exact)
    assert closed > 2000
