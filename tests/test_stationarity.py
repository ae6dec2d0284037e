"""Mixed kinks beyond all choices and all rays: descents by likely choices, proofs by transfers.

The oracle decides over the rationals, cell by cell, by Farkas' multipliers; the tested code is
floating-point linear programming and line searches.

Checks Theorem 8 of docs/mathematics.md.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from landscape._kernels import gamma as compiled_gamma
from landscape.rational_check import ConeBudget
from landscape.rational_check._cone import is_nonnegative
from landscape.rounding import SMALLEST, UNIT, gamma
from landscape.stationarity import (
    MAX_RANK,
    RISES,
    Budget,
    KinkFunction,
    Verdict,
    check_neuron,
    merge_kinks,
)
from landscape.stationarity._convex import find_transfers, missing
from landscape.stationarity._kernels import bounded_least_squares, fits, rises
from landscape.stationarity._mixed import check_choices, likely_choices
from tests.oracles.rational import combination

NO_CHOICES = Budget(max_vertices=0, max_rays=0)


def small_problem(seed: int) -> tuple[KinkFunction, bool]:
    """Integers with dependent, parallel and zero kinks; and whether h >= 0, exactly."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    q = int(rng.integers(d, 7))
    kinks = rng.integers(-2, 3, (q, d))
    weights = rng.integers(-1, 4, q)
    gradient = -(weights * rng.integers(1, 4, q)) @ kinks / 4
    bounds = np.eye(d)[: rng.integers(0, d + 1)] * (rng.random() < 0.3)
    bounds = bounds[np.abs(bounds).any(axis=1)]
    gradient = gradient + rng.integers(0, 2, len(bounds)) @ bounds
    h = merge_kinks(gradient, kinks.astype(float), weights.astype(float), bounds)
    return h, decide(gradient, kinks, weights, bounds)


def decide(gradient, kinks, weights, bounds) -> bool:
    """H >= 0 on each cell of the kinks within the bounds."""
    for signs in product((1, -1), repeat=len(kinks)):
        slope = [Fraction(float(p)) for p in gradient]
        for sign, x, w in zip(signs, kinks, weights, strict=True):
            if sign > 0:
                slope = [p + int(w) * int(q) for p, q in zip(slope, x, strict=True)]
        rows = [
            tuple(Fraction(sign * int(p)) for p in x) for sign, x in zip(signs, kinks, strict=True)
        ]
        rows += [tuple(Fraction(int(p)) for p in bound) for bound in bounds]
        if combination(rows, tuple(slope))[0] is None:
            return False
    return True


def tolerance_of(h: KinkFunction) -> np.ndarray:
    return 1e-9 * (np.abs(h.weights) @ np.abs(h.kinks) + np.abs(h.gradient) + 1e-300)


def test_mixed_kinks_against_the_oracle():
    """Never wrong, whatever the budget; and how often the proof and the searches decide."""
    counts = dict.fromkeys(["holds", "proved", "falls", "found"], 0)
    for seed in range(400):
        h, expected = small_problem(seed)
        if not (h.weights < 0).any():
            continue
        tolerance = tolerance_of(h)
        found = check_neuron(h, allowed=tolerance)
        assert found.verdict is (Verdict.HOLDS if expected else Verdict.VIOLATED)
        forced = check_neuron(h, allowed=tolerance, budget=NO_CHOICES)
        assert forced.verdict in (found.verdict, Verdict.UNDECIDED)
        counts["holds" if expected else "falls"] += 1
        counts["proved"] += forced.verdict is Verdict.HOLDS
        counts["found"] += forced.verdict is Verdict.VIOLATED
        if forced.direction is not None:
            assert float(h(forced.direction[None, :])[0]) < 0
            assert (h.bounds @ forced.direction >= -1e-12).all()
    assert counts["holds"] >= 40 and counts["falls"] >= 50, counts
    assert counts["proved"] >= 0.95 * counts["holds"], counts
    assert counts["found"] >= 0.8 * counts["falls"], counts


def crowd(seed: int, d: int, n_convex: int, n_concave: int, spread: float) -> KinkFunction:
    """Concave kinks (x, 1) in the middle of convex ones, less heavy: h >= 0."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n_convex + n_concave, d - 1))
    x[n_convex:] *= spread
    kinks = np.column_stack([x, np.ones(len(x))])
    weights = rng.uniform(0.5, 1.5, len(x))
    weights[n_convex:] *= -0.2 * n_convex / n_concave
    return merge_kinks(-0.5 * weights @ kinks, kinks, weights)


@pytest.mark.parametrize(("d", "n_convex", "n_concave"), [(4, 30, 9), (11, 60, 30)])
def test_transfers_prove_where_rays_are_too_many(d, n_convex, n_concave):
    h = crowd(1, d, n_convex, n_concave, 0.3)
    tolerance = tolerance_of(h)
    check = check_neuron(h, allowed=tolerance, budget=Budget(max_rays=10_000))
    assert (check.verdict, check.method) == (Verdict.HOLDS, "transfers")
    assert (check.shortfall <= tolerance).all()
    # The record alone re-verifies: for any choice, multipliers in [0, 1] and a zero sum.
    values = check.multipliers
    convex, concave = h.weights > 0, h.weights < 0
    rng = np.random.default_rng(0)
    for t in rng.integers(0, 2, (50, n_concave)):
        multipliers = values[:, 0] + values[:, 1:] @ t
        assert (multipliers >= -1e-12).all() and (multipliers <= 1 + 1e-12).all()
        total = h.gradient + (h.weights[concave] * t) @ h.kinks[concave]
        total = total + (h.weights[convex] * multipliers) @ h.kinks[convex]
        assert (np.abs(total) <= tolerance).all()
    # And so do directions: none descends.
    v = rng.standard_normal((20_000, d))
    assert (h(v) >= -np.abs(v) @ tolerance).all()


def test_wrong_transfers_are_noticed():
    h = crowd(1, 4, 30, 9, 0.3)
    found = find_transfers(h)
    assert (missing(h, found) <= tolerance_of(h)).all()
    found[3, 0] += 1e-3
    assert missing(h, found).max() > 1e-5
    found[3, 0] -= 1e-3
    found[:, 0] += 2.0  # out of [0, 1]
    assert missing(h, found).max() > 1.0


@pytest.mark.parametrize("n_concave", [9, 20])
def test_exact_transfers(n_concave):
    """The same in rationals; and refused where a concave kink sticks out."""
    h = crowd(2, 6, 40, n_concave, 0.3)
    budget = ConeBudget(max_rays=0, max_choices=0)

    def exact(kinks: np.ndarray, weights: np.ndarray):
        g = -0.5 * weights @ kinks
        return is_nonnegative(
            [Fraction(p) for p in g.tolist()],
            [tuple(map(Fraction, row)) for row in kinks.tolist()],
            [Fraction(p) for p in weights.tolist()],
            [],
            budget,
        )

    assert exact(h.kinks, h.weights).holds is True
    kinks = h.kinks.copy()
    kinks[np.argmin(h.weights), :-1] = 1000.0
    assert exact(kinks, h.weights).holds is None


def test_likely_choices_descend_at_the_apex():
    """442 samples of ten features: some are extreme, so where one is concave h is negative."""
    from sklearn.datasets import load_diabetes

    features, y = load_diabetes(return_X_y=True)
    features = (features - features.mean(0)) / features.std(0)
    X = np.column_stack([features, np.ones(len(features))])
    s = (y - y.mean()) / y.std()
    for sign in (1.0, -1.0):
        h = merge_kinks(np.zeros(11), X, sign * s)
        for choices in (likely_choices(h), np.eye(int((h.weights < 0).sum()))):
            check = check_choices(h, tolerance_of(h), choices)
            assert check.verdict is Verdict.VIOLATED
            assert float(h(check.direction[None, :])[0]) < 0


@pytest.mark.parametrize("n_others", [0, 30])
def test_a_single_concave_corner_is_found(n_others):
    """Of all concave samples only one is outside of the cloud: in any column scale."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (300, 5))
    x[17] = 1.2
    weights = np.ones(300)
    weights[17] = -0.01
    x[20 : 20 + n_others] *= 0.1
    weights[20 : 20 + n_others] = -0.1
    kinks = np.column_stack([x, np.ones(300)]) * [1e3, 1.0, 1e-3, 1.0, 7.0, 1.0]
    h = merge_kinks(np.zeros(6), kinks, weights)
    check = check_neuron(h, allowed=tolerance_of(h), budget=NO_CHOICES)
    assert check.verdict is Verdict.VIOLATED
    assert h.kinks[17] @ check.direction > 0
    # It is all that was needed: with the other sign nothing descends.
    weights[17] = 0.01
    h = merge_kinks(np.zeros(6), kinks, weights)
    check = check_neuron(h, allowed=tolerance_of(h), budget=NO_CHOICES)
    assert check.verdict is Verdict.HOLDS


@pytest.mark.parametrize("seed", range(30))
def test_bounded_least_squares_are_as_short_as_scipys(seed):
    """Random rows; integers, repeated and opposite rows, and few dimensions among them."""
    rng = np.random.default_rng(seed)
    d, p = int(rng.integers(1, 8)), int(rng.integers(1, 30))
    rows = rng.standard_normal((p, d)) if seed % 3 else np.round(2 * rng.standard_normal((p, d)))
    if seed % 2:
        rows[p // 2 :] = -2.0 * rows[: p - p // 2]
    upper = np.where(rng.random(p) < 0.2, np.inf, 1.0)
    target = rng.standard_normal(d) if seed % 5 else rng.uniform(0, 1, p) @ rows
    t = bounded_least_squares(rows, target, upper)
    with np.errstate(all="ignore"):
        other = lsq_linear(rows.T, target, bounds=(np.zeros(p), upper), method="trf", tol=1e-13)
    assert (t >= 0).all()
    assert (t <= upper).all()
    assert np.linalg.norm(t @ rows - target) <= np.linalg.norm(other.fun) + 1e-9


def test_compiled_error_bounds_are_those_of_rounding():
    for n in (0, 1, 7, 98, 10_000):
        assert compiled_gamma(n, UNIT) == gamma(n)


def test_compiled_checks_hold_where_those_of_single_neurons_do():
    """With the same shortfalls, multipliers and rays; whatever the units of the coordinates are."""
    held = {"multipliers": 0, "rays": 0}
    for seed in range(400):
        h, expected = small_problem(seed)
        if len(h.bounds):
            continue
        h = h.scaled(np.ldexp(1.0, np.random.default_rng(seed).integers(-60, 61, len(h.gradient))))
        allowed = tolerance_of(h)
        check = check_neuron(h, allowed=allowed)
        q, d = h.kinks.shape
        parts = h.gradient[None], h.kinks, h.weights, allowed[None], 0, 0, q, UNIT
        short, multipliers = np.zeros((1, d)), np.zeros(q)
        if (h.weights > 0).all():
            assert fits(*parts, multipliers, short) == expected
            if expected:
                held["multipliers"] += 1
                np.testing.assert_array_equal(short[0], check.shortfall)
                np.testing.assert_array_equal(multipliers, check.multipliers)
            continue
        assert rises(*parts, SMALLEST, (1, MAX_RANK), short) == 0
        number = rises(*parts, SMALLEST, (2_000, MAX_RANK), short)
        assert expected or number == 0
        if number:
            held["rays"] += 1
            assert (short <= allowed * (1 + 1e-9)).all()
        if number and check.reason == RISES.format(number):
            np.testing.assert_array_equal(short[0], check.shortfall)
    assert min(held.values()) >= 30, held
