"""Proofs in rational arithmetic: what is proved is a minimum by an oracle that shares no code.

The negative tests plant violations far below the tolerance of the floating-point test, which
accepts them; the exact one has to refuse.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from landscape import exact
from landscape.descent import DescentOutcome, descend
from landscape.exact import dot, gram, null_basis, reduce_rows, solve
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.rational_check import ConeBudget, prove_minimum
from landscape.rational_check._cone import _simplex, is_nonnegative
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace, make_space
from landscape.verdict import Verdict
from tests.oracles.local_minimum import decide
from tests.oracles.problems import DATA, lifted
from tests.oracles.rational import combination

TINY = 2.0**-40  # relative to multipliers of size one: a thousandth of the float test's tolerance


def effective(X: np.ndarray) -> np.ndarray:
    """(x, 1) of lifted (x, 1, -1)."""
    return X[:, :-1] if np.array_equal(X[:, -1], -X[:, -2]) else X


def starts(space, X, y, m, count):
    p = X.shape[1] - space.extra_inputs
    for seed in range(count):
        rng = np.random.default_rng(seed)
        theta = space.from_network(
            rng.standard_normal((m, p)),
            rng.standard_normal(m),
            rng.standard_normal(m),
            rng.standard_normal(),
        )
        result = descend(theta, X, y, space=space)
        if result.outcome is DescentOutcome.MINIMUM:
            yield result.parametrization


@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
@pytest.mark.parametrize("data", ["sine", "smooth", "grid", "duplicates", "few"])
def test_what_is_proved_is_a_minimum_by_the_oracle(data, name):
    features, y = DATA[data]()
    space = make_space(name, features.shape[1], 2)
    X = space.embed(features)
    n_proved = n_seen = 0
    for theta in starts(space, X, y, 2, 3):
        record = certify_minimum(theta, X, y, space=space, exact=True)
        n_seen += 1
        proof = record.proof
        assert record.proved is proof.proved and proof.reason
        if not proof.proved:
            continue
        n_proved += 1
        assert 0 <= proof.distance < 1e-9
        assert proof.loss == pytest.approx(record.loss, rel=1e-9, abs=1e-20)
        assert proof.loss == 0 or proof.radius > 0
        if np.isfinite(record.radius):
            assert proof.radius == pytest.approx(record.radius, rel=1e-6, abs=1e-10)
        products, linear, values = list(proof.products), [], effective(X)
        signs = np.where(theta.output_weights < 0, -1, 1)
        if name == "unrestricted":  # the offset is a frozen neuron with values e
            e = [Fraction(0)] * (X.shape[1] - 1) + [abs(proof.offset)]
            signs[-1] = 1 if proof.offset >= 0 else -1
            products, linear = [*products, e], [len(products)]
        assert decide(products, signs, values.tolist(), y.tolist(), linear=linear)
    assert n_proved == n_seen > 0


# --- planted violations -------------------------------------------------------------------------


def one_kink(multiplier: float) -> tuple[Parametrization, np.ndarray, np.ndarray]:
    """Relu(x) at x = -1, 0, 1, 2 with residuals (0, 1, -2 l, l): l is the multiplier at x = 0."""
    X = np.array([[-1.0, 1], [0, 1], [1, 1], [2, 1]])
    y = np.array([0.0, -1.0, 1 + 2 * multiplier, 2 - multiplier])
    return Parametrization([[1.0, 0.0]], [1.0]), X, y


@pytest.mark.parametrize("multiplier", [0.0, 0.5, 1.0])
def test_multipliers_up_to_their_ends_are_proved(multiplier):
    theta, X, y = one_kink(multiplier)
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(2, 1), exact=True)
    assert record.proved, record.proof.reason
    assert record.proof.products == ((1, 0),) and record.proof.distance == 0
    assert record.proof.multipliers == ((Fraction(multiplier),),)
    assert record.proof.radius == pytest.approx(0.5)  # |<a, x>| / ‖x‖_1 at x = (1, 1)


@pytest.mark.parametrize("multiplier", [-TINY, 1 + TINY])
def test_multipliers_that_leave_their_interval_are_refused(multiplier):
    theta, X, y = one_kink(multiplier)
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(2, 1), exact=True)
    assert record.is_minimum, "the violation should be below the float test's tolerance"
    assert record.proved is False and record.proof.proved is False
    assert "neuron 0" in record.proof.reason
    assert not decide([[1, 0]], [1], X.tolist(), y.tolist())


@pytest.mark.parametrize("shift", [0.0, TINY, -TINY])
def test_an_active_bound_pushes_the_right_way_or_not(shift):
    """u = (1, 1) with both bounds active: the residuals' pulls cancel up to ``shift``."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    y = np.array([1.0, -1.0 - shift, 3.0])  # residuals 0, 2 + shift, -1
    theta = Parametrization.from_products([[1.0, 1.0]], [1])
    space = RestrictedSpace(2, 1, margin=1.0)
    record = certify_minimum(theta, X, y, space=space, exact=True)
    assert record.is_minimum
    assert record.proved is (shift >= 0), record.proof.reason


def test_a_sample_next_to_its_kink_is_refused():
    """Within the kinks' tolerance, but the exact minimizer of that face does not pass the test."""
    _, X, y = one_kink(0.5)
    moved = Parametrization([[1.0, 1e-15]], [1.0])
    record = certify_minimum(moved, X, y, space=UnrestrictedSpace(2, 1), exact=True)
    # The face of the kink is right here: the proof is for (1, 0), at the distance that is stated.
    assert record.proved and record.proof.products == ((1, 0),)
    assert 1e-15 <= record.proof.distance < 1.1e-15
    # With a concave kink there is nothing to prove: (1, 0) is no minimum.
    y[1] = 1.0
    record = certify_minimum(moved, X, y, space=UnrestrictedSpace(2, 1), exact=True)
    assert not record.proved


def test_undetermined_data_are_refused_and_not_moved_away():
    """Inputs collinear up to rounding: exactly, the minimizer of the face is somewhere else."""
    features, y = DATA["collinear"]()
    space = make_space("unrestricted", 2, 3)
    X = space.embed(features)
    refused = 0
    for theta in starts(space, X, y, 3, 4):
        record = certify_minimum(theta, X, y, space=space, exact=True)
        assert record.is_minimum
        if record.proved:
            assert record.proof.distance < 1e-5
        refused += not record.proved
    assert refused >= 1


def test_what_floats_reject_is_not_proved():
    theta, X, y = one_kink(1.5)
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(2, 1), exact=True)
    assert not record.is_minimum and record.proved is False
    assert record.proof.verdict is Verdict.VIOLATED
    assert "infeasible" in record.proof.reason
    assert certify_minimum(theta, X, y, space=UnrestrictedSpace(2, 1)).proved is None


# --- special points -----------------------------------------------------------------------------


def test_a_zero_residual_is_proved_global():
    X = lifted(np.array([[-1.0], [1.0], [3.0]]))
    theta = Parametrization.from_products([[1.0, 2.0, 1.0]], [1])
    y = np.array([0.0, 2.0, 4.0])
    record = certify_minimum(theta, X, y, space=RestrictedSpace(3, 1), exact=True)
    assert record.kind == "global" and record.proved
    assert record.proof.loss == 0 and record.proof.radius == np.inf


@pytest.mark.parametrize("side", [1, -1])
def test_the_apex(side):
    """(0, t, t), silent, all samples on its kink: a minimum iff no ridge of its sign helps."""
    X = lifted(np.arange(-2, 3)[:, None])
    y = -side * np.array([1.0, 2.0, 0.5, 3.0, 1.0])  # residual -y = side * (...)
    theta = Parametrization.from_products([[0.0, 1.0, 1.0]], [side])
    record = certify_minimum(theta, X, y, space=RestrictedSpace(3, 1), exact=True)
    assert record.is_minimum and record.proved, record.proof.reason
    assert record.proof.products == ((0, 0),)
    other = Parametrization.from_products([[0.0, 1.0, 1.0]], [-side])
    record = certify_minimum(other, X, y, space=RestrictedSpace(3, 1), exact=True)
    assert not record.is_minimum and not record.proved


@pytest.mark.parametrize("tiny", [0.0, TINY])
def test_an_idle_neuron(tiny):
    """C_i = 0, a_i active on two samples whose residuals 2 and -1 have to cancel exactly."""
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    y = np.array([-2.0, 1.0 + tiny, 1.0, 1.0])
    theta = Parametrization([[-1.0, 0.6], [1.0, -3.0]], [1.0, 0.0])
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(2, 2), exact=True)
    assert record.is_minimum
    assert record.proved is (tiny == 0), record.proof.reason
    if record.proved:
        assert record.proof.products == ((-1, Fraction(3, 5)), (0, 0))
        assert record.proof.radius == pytest.approx(0.6)  # |<a_1, x>| / ‖x‖_1 at x = (0, 1)


def test_zero_in_balanced_space():
    """(0, 0) in N': ridges of either sign are next to it."""
    X = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    theta = Parametrization([[1.0, 0.0], [0.0, 0.0]], [1.0, 0.0])
    y = np.array([1.0, 2.0, 3.0]) + np.array([1.0, -2.0, 1.0])  # orthogonal to (x, 1)
    record = certify_minimum(theta, X, y, space=BalancedSpace(2, 2), exact=True)
    assert record.is_minimum is bool(
        decide([[1, 0], [0, 0]], [1, 1], X.tolist(), y.tolist(), free_signs=[1])
    )
    assert bool(record.proved) is record.is_minimum


# --- the parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_cones_against_the_oracle(seed):
    """Random small h in integers: is_nonnegative agrees with Farkas on every cell."""
    rng = np.random.default_rng(seed)
    d, q = int(rng.integers(1, 4)), int(rng.integers(0, 5))
    kinks = [tuple(Fraction(int(p)) for p in row) for row in rng.integers(-2, 3, (q, d))]
    weights = [Fraction(int(p)) for p in rng.integers(-2, 4, q)]
    share = rng.integers(0, 5, q)
    g = [
        -sum(
            (
                w * t * x[j]
                for w, t, x in zip(
                    weights, (Fraction(int(s), 4) for s in share), kinks, strict=True
                )
            ),
            Fraction(0),
        )
        for j in range(d)
    ]
    if rng.random() < 0.3:
        g[0] += 1
    # As a problem for the oracle: one neuron at 0 whose kinks are these, and an active part g.
    want = _oracle(g, kinks, weights)
    for budget in (ConeBudget(), ConeBudget(max_rays=0), ConeBudget(max_choices=0)):
        answer = is_nonnegative(g, kinks, weights, [], budget)
        assert answer.holds is None or answer.holds is want, answer.reason
    assert is_nonnegative(g, kinks, weights, [], ConeBudget()).holds is want


def _oracle(g, kinks, weights) -> bool:
    """H >= 0, by sign vectors: on each cell of the kinks, Farkas' multipliers or a separator."""
    from itertools import product

    for signs in product((1, -1), repeat=len(kinks)):
        slope = list(g)
        for sign, x, w in zip(signs, kinks, weights, strict=True):
            if sign > 0:
                slope = [p + w * q for p, q in zip(slope, x, strict=True)]
        rows = [tuple(sign * p for p in x) for sign, x in zip(signs, kinks, strict=True)]
        found, _ = combination(rows, tuple(slope))
        if found is None:
            return False
    return True


def test_beyond_the_budget_nothing_is_claimed():
    x = [tuple(map(Fraction, row)) for row in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))]
    answer = is_nonnegative(
        [Fraction(0)] * 3, x, [Fraction(-1)] * 4, [], ConeBudget(max_rays=0, max_choices=0)
    )
    assert answer.holds is None and "budget" in answer.reason


def test_exact_linear_programs():
    """Dependent columns with a solution only at the ends of the bounds, and one without."""
    one = Fraction(1)
    columns = [(one,), (one,), (one,)]
    assert _simplex(columns, [Fraction(3)], 3) == [1, 1, 1]
    assert _simplex(columns, [Fraction(3) + Fraction(1, 10**30)], 3) is None
    assert _simplex([(-one,)], [-Fraction(7, 3)], 0) == [Fraction(7, 3)]


@pytest.mark.parametrize("use_flint", [False, True])
def test_linear_algebra(use_flint, monkeypatch):
    if use_flint:
        pytest.importorskip("flint")
    monkeypatch.setattr(exact, "HAVE_FLINT", use_flint)
    rng = np.random.default_rng(0)
    columns = [[int(p) << 60 for p in row] for row in rng.integers(-9, 9, (3, 5))]
    wanted = [[sum(p * q for p, q in zip(x, y, strict=True)) for y in columns] for x in columns]
    assert gram(columns) == wanted
    for _ in range(30):
        n, d = rng.integers(1, 6, 2)
        rows = [
            [Fraction(int(p), int(q)) for p, q in zip(*pair, strict=True)]
            for pair in zip(rng.integers(-3, 4, (n, d)), rng.integers(1, 5, (n, d)), strict=True)
        ]
        rows[0] = [2 * p for p in rows[-1]]  # dependent
        reduced, pivots = reduce_rows(rows)
        with monkeypatch.context() as without:
            without.setattr(exact, "HAVE_FLINT", False)
            assert (reduced, pivots) == reduce_rows(rows)
        basis, free = null_basis(reduced, pivots, d)
        assert len(basis) == len(free) == d - len(pivots)
        assert all(dot(row, v) == 0 for row in rows for v in basis)
        x = [Fraction(int(p)) for p in rng.integers(-3, 4, d)]
        right = [dot(row, x) for row in rows]
        solution = solve(rows, right)
        assert [dot(row, solution) for row in rows] == right
        if any(right):
            assert solve(rows, [right[0] + 1, *right[1:]]) is None or n == 1


def test_without_flint_the_proof_is_the_same(monkeypatch):
    pytest.importorskip("flint")
    features, y = DATA["sine"]()
    space = make_space("restricted", 1, 2)
    X = space.embed(features)
    theta = next(starts(space, X, y, 2, 5))
    with_flint = certify_minimum(theta, X, y, space=space, exact=True)
    monkeypatch.setattr(exact, "HAVE_FLINT", False)
    without = certify_minimum(theta, X, y, space=space, exact=True)
    assert with_flint.proof == without.proof
    assert replace(with_flint, proof=None, multipliers=()) == replace(
        without, proof=None, multipliers=()
    )


def test_too_large_a_face_is_not_started():
    from landscape.effective import EffectiveProblem

    theta, X, y = one_kink(0.5)
    problem = EffectiveProblem.build(theta, X, y, UnrestrictedSpace(2, 1))
    proof = prove_minimum(problem, X, max_unknowns=0)
    assert proof.proved and "at the given point" in proof.reason
    away = EffectiveProblem.build(
        Parametrization([[1.0, 0.25]], [1.0]), X, y, UnrestrictedSpace(2, 1)
    )
    assert prove_minimum(away, X, max_unknowns=0).verdict is Verdict.VIOLATED
