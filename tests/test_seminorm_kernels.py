"""Kernels against numpy and Python: sums, sorting, sweeps, and a whole seminorm in one call."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from landscape.realization import difference
from landscape.seminorm import _tiers, sobolev_distance, sobolev_seminorm
from landscape.seminorm._kernels_plane import in_fours, line_keys, sort_lines, sweep_gaps
from landscape.seminorm._kernels_prepare import exact_sum
from landscape.seminorm._kernels_sort import CROWDED, order_lines
from landscape.seminorm._whole import small_seminorm
from tests.oracles.networks import DEGENERATE, GENERIC
from tests.test_seminorm import assert_evidence


@pytest.mark.parametrize("compiled", [False, True])
def test_sums_are_those_of_fsum(compiled: bool, rng: np.random.Generator) -> None:
    add = _tiers.compiled(exact_sum.__module__)["exact_sum"] if compiled else exact_sum
    cases = [np.zeros(0), np.array([0.1] * 10), np.array([1.0, 2.0**-53, 2.0**-106])]
    cases += [np.array([1.0, -(2.0**-53), -(2.0**-106)]), np.array([1e16, 1.0, -1e16, 5e-324])]
    for _ in range(200):
        values = np.ldexp(rng.standard_normal(30), rng.integers(-600, 1, 30))
        # Most of it cancels, so that halves have to be rounded by what is left.
        cases.append(np.concatenate([values, -values[:20], [2.0**-53 * values.max()]]))
    for values in cases:
        assert add(values, len(values), np.empty(64)) == math.fsum(values)


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
        order_lines(keys, n, scratch[0], scratch[1], order, ordered)
        np.testing.assert_array_equal(ordered, np.sort(keys))
        np.testing.assert_array_equal(keys[order], ordered)
        assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize("q", [1, 2, 4, 5, 9])
def test_sweeps_find_what_points_between_the_lines_find(q: int, rng: np.random.Generator) -> None:
    rows, weights = rng.standard_normal((13, 2)), rng.standard_normal((13, q))
    rows[3] = [0.0, -2.0]  # its ray is the first one
    free = rng.random(q)
    order, close = np.empty(13, dtype=np.int64), np.zeros(13, dtype=bool)
    assert not sort_lines(rows, order, close)
    keys, turns = np.empty(13), np.empty(13)
    line_keys(rows, keys, turns)
    fours = in_fours(weights)
    middle, reach = np.zeros(4 * len(fours)), np.full(4 * len(fours), -np.inf)
    middle[:q], reach[:q] = 0.5 * weights.sum(axis=0), free
    best, position = sweep_gaps(
        turns, fours, np.arange(13), order, 13, middle, reach, np.empty(13), -1.0
    )
    angles = np.sort(np.mod(np.arctan2(rows[:, 0], -rows[:, 1]), np.pi))
    between = 0.5 * (angles + np.append(angles[-1] - np.pi, angles[:-1]))
    points = np.column_stack([np.cos(between), np.sin(between)])
    sizes = np.abs((points @ rows.T > 0) @ weights - middle[:q]) + free
    assert best == pytest.approx(sizes.max())
    assert position == sizes.max(axis=1).argmax()


def step_by_step(theta: Parametrization):
    """The record without `small_seminorm`, which knows no limit of nodes."""
    return sobolev_seminorm(theta, node_limit=2**60)


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_one_call_finds_what_many_find(make, rng: np.random.Generator) -> None:
    at_once = 0
    for d in (2, 3, 4, 5):
        for m in (4, 6, 9, 14):
            theta = Parametrization(*make(rng, d, m))
            expected = step_by_step(theta)
            record = small_seminorm(theta.weights, theta.output_weights, None)
            assert expected.exact
            if record is not None:
                at_once += 1
                assert_evidence(theta, record)
                assert abs(record.value - expected.value) <= record.tolerance + expected.tolerance
                assert record.method == expected.method
    if make in GENERIC:
        assert at_once > 4
        theta = Parametrization(*make(rng, 2, 3000))
        record, expected = sobolev_seminorm(theta), step_by_step(theta)
        assert (record.value, record.method) == (expected.value, "plane")
        assert record.pattern.tobytes() == expected.pattern.tobytes()


def test_differences_that_share_hyperplanes_take_one_call(rng: np.random.Generator) -> None:
    for d in (3, 4):
        rows = rng.standard_normal((9, d))
        gamma = Parametrization(rows[:6], rng.standard_normal(6))
        signs = np.array([1.0, -1.0, 4.0, 1.0, 1.0, 1.0])
        outputs = np.append(gamma.output_weights[3], rng.standard_normal(5))
        theta = Parametrization(signs[:, None] * rows[3:], outputs)
        stacked = difference(gamma, theta)
        record = small_seminorm(stacked.weights, stacked.output_weights, None)
        assert record is not None
        assert_evidence(stacked, record)
        assert record.value == pytest.approx(step_by_step(stacked).value, rel=1e-14)
        assert record.value == sobolev_distance(gamma, theta).value


def test_records_travel_and_do_not_change(rng: np.random.Generator) -> None:
    theta = Parametrization(rng.standard_normal((9, 3)), rng.standard_normal(9))
    record = sobolev_seminorm(theta)
    again = pickle.loads(pickle.dumps(record))
    assert (again.value, again.upper, again.method) == (record.value, record.upper, record.method)
    assert again.pattern.tobytes() == record.pattern.tobytes()
    assert repr(record).startswith(f"Seminorm({record.value!r}, method='flats'")
    with pytest.raises(AttributeError, match="value: a record cannot be changed"):
        record.value = 0.0
