"""No certificate survives a counterexample: search inside every certified box for a lower loss.

Adversarial data (integer grids, duplicates, collinear points), networks with integer products on
whose hyperplanes samples lie exactly, and networks at which the descent ended.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.spaces import RestrictedSpace
from landscape.stationarity import Verdict
from tests.oracles.falsifier import attack
from tests.oracles.local_minimum import improves
from tests.oracles.problems import Problem, build, lifted


@st.composite
def problems(draw) -> Problem:
    """Integer problems on a small grid whose first-order conditions hold with drawn multipliers."""
    p, m = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    n = m * (p + 1) + draw(st.integers(1, 4))
    coordinate = st.integers(-2, 2)
    x = draw(st.lists(st.lists(coordinate, min_size=p, max_size=p), min_size=n, max_size=n))
    w = draw(st.lists(st.lists(coordinate, min_size=p, max_size=p), min_size=m, max_size=m))
    b = draw(st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=2), min_size=m, max_size=m))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=m, max_size=m))
    quarter = st.integers(-1, 5).map(lambda k: Fraction(k, 4))
    multipliers = {(i, k): draw(quarter) for i in range(m) for k in range(n)}

    def pick(basis: list[list[int]]) -> list[int]:
        factors = draw(
            st.lists(st.integers(-2, 2), min_size=len(basis), max_size=len(basis)).filter(any)
        )
        return (np.array(factors)[:, None] * np.array(basis, dtype=object)).sum(axis=0).tolist()

    problem = build(
        lifted(np.array(x)).astype(int),
        np.hstack([w, b]),
        np.array(signs),
        multipliers=multipliers,
        pick=pick,
    )
    assume(problem is not None)
    return problem


def hold(record, theta, X, y, **options) -> None:
    """Search the certified box, and a little of what lies within the slack's reach."""
    assert record.verdict is Verdict.HOLDS
    radius = min(record.radius, 10.0)
    found = attack(theta, X, y, radius=radius, **options)
    rounding = 1e-12 * (float(np.mean(np.square(y))) + record.loss)
    assert found.gain <= record.slack + rounding, (found.gain, record.slack, found.distance)


@given(problems())
def test_verdicts_agree_with_the_exact_decision(problem):
    m, d = problem.products.shape
    decision = problem.decide()
    record = certify_minimum(problem.theta, problem.X, problem.y, space=RestrictedSpace(d, m))
    assert record.verdict is (Verdict.HOLDS if decision else Verdict.VIOLATED), record.reason
    if not decision:
        assert improves(problem.products, problem.signs, problem.X, problem.y, decision)


@settings(max_examples=25)
@given(problems(), st.integers(0, 2**32 - 1))
def test_nothing_better_inside_certified_boxes(problem, seed):
    m, d = problem.products.shape
    record = certify_minimum(problem.theta, problem.X, problem.y, space=RestrictedSpace(d, m))
    assume(record.is_minimum and problem.residuals.any())
    lower = np.full((m, d), -np.inf)
    lower[:, -2:] = 0.0
    hold(
        record,
        problem.theta,
        problem.X,
        problem.y,
        balanced=True,
        lower=lower,
        seed=seed,
        n_random=80,
        n_descents=4,
    )


def test_the_search_sees_radii_that_are_too_large():
    """Mutation: with ten times the radius, the same search refutes some of the certificates."""
    rng = np.random.default_rng(0)
    refuted = certified = 0
    x, y = lifted(rng.uniform(-1, 1, (8, 1))), rng.standard_normal(8)
    space = RestrictedSpace(3, 2)
    for k in range(12):
        end = descend(space.sample(rng, n_positive=k % 3), x, y, space=space).parametrization
        record = certify_minimum(end, x, y, space=space)
        if not record.is_minimum or record.loss < 1e-12:
            continue
        certified += 1
        options = {"balanced": True, "n_random": 100, "n_descents": 6}
        hold(record, end, x, y, **options)
        refuted += attack(end, x, y, radius=10 * record.radius, **options).gain > 1e-6
    assert certified >= 8
    assert refuted >= 2


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_nothing_better_inside_the_box_at_a_bound(margin):
    """Raw data, minimum on a bound: the box is searched above the bound only, and finds nothing."""
    raw = np.array([[1, 2, 1], [2, 1, 1], [1, 1, 3], [3, 1, 2], [2, 2, 1], [1, 3, 2]])

    def pick(basis):
        rng = np.random.default_rng(0)
        for _ in range(1000):
            s = rng.integers(-2, 3, len(basis)) @ np.array(basis)
            if np.dot(s, raw[:, 2]) > 0:
                return s.tolist()
        raise AssertionError

    problem = build(raw, [[4, 3, 1]], [1], free=frozenset({(0, 2)}), pick=pick)
    space = RestrictedSpace(3, 1, margin=margin)
    record = certify_minimum(problem.theta, problem.X, problem.y, space=space)
    lower, _ = space.bounds()
    if margin == 0.0:  # nothing binds: the derivative is not zero
        assert record.verdict is Verdict.VIOLATED
        return
    hold(record, problem.theta, problem.X, problem.y, balanced=True, lower=lower)
    without = attack(problem.theta, problem.X, problem.y, radius=record.radius, balanced=True)
    assert without.gain > 1e-6
