"""Rounding never makes a certificate false: inputs that once did, each named after what was wrong.

What is true is decided by hand or by a better point nearby, never by the package.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from landscape import Parametrization, certify_minimum, descend, realize
from landscape.descent import DescentOutcome
from landscape.errors import NumericalError
from landscape.rounding import SLACK_SHARE, Bounded, exact_sign, gamma
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace
from landscape.verdict import Verdict


def loss(theta, X, y) -> float:
    return float(np.mean((realize(theta, np.asarray(X, float)) - np.asarray(y, float)) ** 2))


# --- values with error bounds ----------------------------------------------------------------


def exact_product(A: np.ndarray, B: np.ndarray) -> list[list[Fraction]]:
    return [
        [
            sum(Fraction(float(p)) * Fraction(float(q)) for p, q in zip(row, column, strict=True))
            for column in B.T
        ]
        for row in A
    ]


@pytest.mark.parametrize("seed", range(6))
def test_bounds_hold_in_rationals(seed):
    """Products and sums of numbers of all sizes, with cancellation."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((4, 7)) * 10.0 ** rng.integers(-8, 9, (4, 7))
    B = rng.standard_normal((7, 3)) * 10.0 ** rng.integers(-8, 9, (7, 3))
    A[:, 3], B[3] = -A[:, 2], B[2] * (1 + 1e-15)
    product = Bounded.exact(A) @ B
    truth = exact_product(A, B)
    for i in range(4):
        for j in range(3):
            gap = abs(Fraction(float(product.value[i, j])) - truth[i][j])
            assert gap <= Fraction(float(product.error[i, j]))
    # Errors that come in are carried on.
    twice = product @ np.ones((3, 2)) - Bounded.exact(np.ones((4, 2)))
    for i in range(4):
        gap = abs(Fraction(float(twice.value[i, 0])) - (sum(truth[i]) - 1))
        assert gap <= Fraction(float(twice.error[i, 0]))


def test_what_contributes_nothing_adds_nothing_to_the_bound():
    x = Bounded.exact(np.array([[1e300, 1.0]])) @ np.array([[0.0], [1.0]])
    assert x.error[0, 0] <= 1.001 * gamma(2)
    # Not even an error: exactly 0 behind a relu that is off for certain.
    off = Bounded(np.array([-1e15]), np.array([1.0])).relu()
    assert (off.value[0], off.error[0]) == (0.0, 0.0)


def test_signs_are_exact():
    x = np.array([1e200, 1.0, -1e200])
    assert exact_sign(x, np.array([1e100, 1e-300, 1e100])) == 1
    assert exact_sign(x, np.array([1e100, -1e-300, 1e100])) == -1
    assert exact_sign(x, np.array([1e100, 0.0, 1e100])) == 0


# --- certificates that were false ------------------------------------------------------------

DATA = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [-1, 0, 0]], [1, 2, 2, 1]
PLANE = [[1, 0], [0, 1], [1, 1], [0.5, 0.2]], [1, 2, 2, 1]


@pytest.mark.parametrize("size", [1.0, 1e8, 1e14, 1e300])
def test_a_column_of_zeros_is_no_excuse_for_a_residual(size):
    theta, better = Parametrization([[1, 1, size]], [1.0]), Parametrization([[1, 1.5, size]], [1.0])
    record = certify_minimum(theta, *DATA, space=UnrestrictedSpace(3, 1))
    assert loss(better, *DATA) < loss(theta, *DATA) - 0.1
    assert record.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("size", [1.0, 1e8, 3e15, 1e300])
def test_a_dead_neuron_is_no_excuse_for_a_residual(size):
    theta = Parametrization([[1, 1], [-size, -size]], [1.0, 1.0])
    record = certify_minimum(theta, *PLANE, space=UnrestrictedSpace(2, 2))
    assert record.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("unit", [1e-150, 1e-15, 1.0, 1e15, 1e150])
def test_units_of_the_target_do_not_matter(unit):
    X, y = PLANE
    theta = Parametrization([[1, 1], [-3, -3]], [unit, 1.0])
    record = certify_minimum(theta, X, np.array(y) * unit, space=UnrestrictedSpace(2, 2))
    assert record.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("offset", [1e-11, 8e-12, 4e-12, 1e-12, 1e-13, 1e-14, 0.0])
def test_hyperplanes_that_rounding_holds_apart_prove_nothing(offset):
    """Kinks next to u's hyperplane, in one plane up to the offset: all rays were nearly ±u."""
    t = np.arange(14) - 6.5
    e = np.array([1, -1, -1, 1, 1, 1, -1, -1, 1, -1, 1, -1, -1, 1])
    features = np.vstack([np.column_stack([t, offset * e]), [[t[0], 2], [t[-1], -2], [0, 2]]])
    s = np.append(np.where(np.arange(14) % 2 == 0, -1.0, 1.0), [0, 0, 0])
    space = RestrictedSpace(4, 1, margin=1e-3)
    X, theta = space.embed(features), Parametrization.from_products([[0, 1.0, 1.0, 1]], [1.0])
    y = realize(theta, X) - s
    better = Parametrization.from_products([[-0.02, 1.0, 1.0, 1.12]], [1.0])
    assert loss(better, X, y) < loss(theta, X, y) - 1e-4
    assert certify_minimum(theta, X, y, space=space).verdict is not Verdict.HOLDS


def test_a_collapsed_neuron_takes_either_sign():
    """From (1/2) x towards -x: through (0, 0), where the neuron may turn its sign."""
    start = Parametrization.from_products([[0.5]], [1])
    for space in (BalancedSpace(1, 1), UnrestrictedSpace(1, 1)):
        end = descend(start, [[1.0]], [-1.0], space=space)
        assert end.outcome is DescentOutcome.MINIMUM
        assert end.loss == pytest.approx(0.0, abs=1e-20)
        assert certify_minimum(end.parametrization, [[1.0]], [-1.0], space=space).is_minimum
    zero = Parametrization([[0.0]], [0.0])
    record = certify_minimum(zero, [[1.0]], [-1.0], space=BalancedSpace(1, 1))
    assert record.verdict is Verdict.VIOLATED


def test_the_offset_is_a_neuron_where_the_last_column_is_negative():
    X, y = np.array([[0.0, 1], [0, -1]]), np.array([1.0, 1])
    space = UnrestrictedSpace(2, 1, offset=True)
    theta, better = Parametrization([[0.0, 1]], [0.0]), Parametrization([[0.0, 1]], [0.1])
    assert loss(better, X, y) < loss(theta, X, y)
    assert certify_minimum(theta, X, y, space=space).verdict is Verdict.VIOLATED
    end = descend(theta, X, y, space=space)
    assert end.parametrization.output_weights[0] == pytest.approx(1.0)
    assert end.loss == pytest.approx(0.5)  # the second sample is out of reach
    record = certify_minimum(end.parametrization, X, y, space=space, exact=True)
    assert record.is_minimum and record.proved


def test_a_proof_on_the_open_border_of_the_space_is_none():
    theta = Parametrization.from_products([[1e-13, 1.0]], [1.0])
    space = RestrictedSpace(2, 1, margin=0.0)
    record = certify_minimum(theta, [[1.0, 0.0]], [-1.0], space=space, exact=True)
    assert record.verdict is not Verdict.HOLDS and not record.proved
    # With a margin the border belongs to the space.
    closed = RestrictedSpace(2, 1, margin=0.5)
    theta = Parametrization.from_products([[0.5, 1.0]], [1.0])
    record = certify_minimum(theta, [[1.0, 0.0]], [-1.0], space=closed, exact=True)
    assert record.is_minimum and record.proved


def test_parallel_neurons_are_not_proved_in_the_space():
    X, y = [[1.0, 1.0, -1.0], [2.0, 1.0, -1.0], [4.0, 1.0, -1.0]], [1.0, 3.0, 2.0]
    space = RestrictedSpace(3, 2)
    end = descend(space.sample(np.random.default_rng(0), n_positive=2), X, y, space=space)
    u = end.parametrization.products
    twin = Parametrization.from_products([u[0] + u[1], u[0] + u[1]], [1.0, 1.0])
    record = certify_minimum(twin, X, y, space=space, exact=True)
    assert record.violations and not record.proved


@pytest.mark.parametrize("t", [1e-3, 1e-9, 1.9e-11, 1e-11, 1e-12, 1e-13])
def test_a_strict_minimum_next_to_a_kink_is_one(t):
    theta = Parametrization([[2.0, -t]], [1.0])
    record = certify_minimum(
        theta, np.eye(2), [2.0, 1.0], space=UnrestrictedSpace(2, 1), exact=True
    )
    assert record.verdict is Verdict.HOLDS and record.proved
    assert 0 < record.radius <= t


def test_a_zero_neuron_does_not_crash():
    theta = Parametrization([[0.0, 0.0]], [0.0])
    record = certify_minimum(
        theta, [[0.0, 0], [-1, 2]], [1.0, 0], space=UnrestrictedSpace(2, 1), exact=True
    )
    assert record.is_minimum and record.proved  # the first sample is out of reach


def test_holds_never_comes_with_a_radius_of_zero():
    """Features like unix time: terms are 1e4 times what they leave."""
    rng = np.random.default_rng(0)
    features = 1.7e9 + 1e5 * rng.integers(0, 11, (40, 1))
    y = np.sin((features[:, 0] - 1.7e9) / 3e5) + 0.1 * rng.standard_normal(40)
    space = UnrestrictedSpace(2, 3, offset=True)
    X = space.embed(features)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a = rng.standard_normal(2) / 3e5
        theta = space.from_network(
            a[:, None], -a * (1.7e9 + 5e5) + rng.standard_normal(2), [1.0, -1.0], 0.1
        )
        record = descend(theta, X, y, space=space).certificate
        if record is not None and record.is_minimum:
            assert record.radius > 0 and record.slack <= SLACK_SHARE * record.loss


def test_descents_and_certificates_never_contradict():
    """On problems with ties everywhere: integers, duplicates, apexes."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        d, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        X = rng.integers(-2, 3, (int(rng.integers(2, 9)), d)).astype(float)
        y = rng.integers(-3, 4, len(X)).astype(float)
        for space in (UnrestrictedSpace(d, m), BalancedSpace(d, m)):
            end = descend(space.sample(rng), X, y, space=space)
            record = certify_minimum(end.parametrization, X, y, space=space)
            assert record.is_minimum == (end.outcome is DescentOutcome.MINIMUM)


# --- slack -----------------------------------------------------------------------------------


def test_a_minimum_whose_slack_is_worth_nothing_is_not_called_one():
    """A gradient of 1e-6 of its terms: below the loss by its whole self times the radius."""
    X, y = [[1.0], [2.0]], [1.0, 2.5]
    for off, expected in ((0.0, True), (1e-15, True), (1e-6, False)):
        record = certify_minimum(
            Parametrization([[1.2 + off]], [1.0]), X, y, space=UnrestrictedSpace(1, 1)
        )
        assert record.is_minimum is expected
        if expected:
            assert record.slack <= SLACK_SHARE * record.loss


def test_proofs_refute():
    X, y = [[1.0], [2.0]], [1.0, 2.5]
    theta = Parametrization([[1.25]], [1.0])
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1), exact=True)
    assert record.proof.verdict is Verdict.VIOLATED and not record.proved


def test_columns_of_subnormal_numbers_are_a_clear_error_or_none():
    X = np.array(
        [
            [-2, -4, 2, 1.5e-323],
            [-1, -2, 3, -1.5e-323],
            [2, -4, 3, -1e-323],
            [-1, 4, -4, 1.5e-323],
            [-2, 3, 2, -1.5e-323],
            [3, -2, 1, 0],
            [4, 1, 4, -1.5e-323],
        ]
    )
    y = [-134.0, 112, 47, 0, 1, -6, -71]
    theta = Parametrization([[0.125, -0.125, 0.125, -3.5e-11]], [-8.0])
    try:
        end = descend(theta, X, y, space=UnrestrictedSpace(4, 1))
        assert np.isfinite(end.loss)
    except NumericalError as error:
        assert "rescale" in str(error)


def test_a_descent_to_weights_beyond_the_range_of_floats_stalls_where_it_began():
    tiny = 5e-324
    X = np.array([[0, 3, 0], [-2, -3, 1], [1, -3, 0], [2, 1, 1], [3, 2, 3], [3, -1, 2], [0, 4, -1]])
    X = np.vstack([X, [[1, 4, 0], [1, -1, -3]]]) * np.array([1.0, 1.0, tiny])
    y = [-7.0, -5, -1, -2, 0, 2, -26, -12, 2]
    theta = Parametrization([[-1.0, 0.25, 0], [-8, 8, 0]], [-4.0, -0.5])
    end = descend(theta, X, y, space=UnrestrictedSpace(3, 2))
    assert end.outcome is DescentOutcome.STALLED and "rescale" in end.reason
    assert end.certificate is None
    assert end.loss == end.loss_start == np.mean((realize(theta, X) - y) ** 2)


def test_a_loss_below_the_range_of_floats_has_no_slack_worth_stating():
    unit = 2.0**-540
    X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.5]) * unit
    theta = Parametrization([[1.2]], [unit])
    record = certify_minimum(theta, X, y, space=UnrestrictedSpace(1, 1))
    assert record.verdict is Verdict.UNDECIDED and "range of floats" in record.reason
