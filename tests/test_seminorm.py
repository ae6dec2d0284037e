"""The seminorm against searches that share no code with it, and its records' own evidence."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from landscape.arrangement import Arrangement
from landscape.canonical import merge_hyperplanes
from landscape.parametrization import Parametrization
from landscape.realization import gradient_at
from landscape.seminorm import (
    METHODS,
    OutOfReach,
    _networks,
    exact_seminorm,
    gradient_ranges,
    maximizing_cells,
    pairwise_distances,
    sobolev_distance,
    sobolev_distances,
    sobolev_seminorm,
)
from landscape.seminorm._problem import Planes, climb
from landscape.seminorm._record import Limits
from tests.oracles.networks import (
    DEGENERATE,
    GENERIC,
    balanced,
    coplanar,
    degeneracies,
    grid,
    shared,
    small_network,
)
from tests.oracles.seminorm_search import by_cells, by_milp

SEARCHES = [name for name in METHODS if name not in ("auto", "plane")]


def assert_evidence(theta: Parametrization, record) -> None:
    """The witness is inside a cell, its gradient is what the record says, the bounds meet."""
    scale = np.abs(theta.output_weights[:, None] * theta.weights).sum(axis=0).max(initial=0.0)
    assert record.lower <= record.value <= record.upper
    assert record.value == np.abs(record.gradient).max(initial=0.0)
    assert record.tolerance <= 1e-12 * scale
    assert record.coordinate == np.abs(record.gradient).argmax()
    if record.rational_witness is None:
        sides = theta.weights @ record.witness
        assert np.array_equal(sides > 0, record.pattern)
        assert (sides[np.abs(theta.weights).max(axis=1) > 0] != 0).all()
        gradient = gradient_at(theta, record.witness)
    else:
        gradient = (theta.output_weights[:, None] * theta.weights)[record.pattern].sum(axis=0)
    np.testing.assert_allclose(gradient, record.gradient, rtol=0, atol=1e-13 * scale)


def check_small(seed: int, methods: list[str]) -> None:
    kind, weights, outputs = small_network(seed)
    theta = Parametrization(weights, outputs)
    expected, _ = by_cells(weights, outputs)
    for method in methods:
        record = sobolev_seminorm(theta, method=method)
        assert record.exact, (kind, seed, method)
        assert_evidence(theta, record)
        assert record.value == pytest.approx(expected, rel=1e-11), (kind, seed, method)


@pytest.mark.parametrize("block", range(10))
def test_agrees_with_linear_programs(block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        check_small(seed, ["auto"])


#: The slow test's blocks of networks, and how many of each class the oracles must have seen.
BLOCKS, BLOCK = 40, 50
CLASSES = {
    "integer grid": 150,
    "parallel": 250,
    "opposite": 250,
    "coplanar": 120,
    "zero rows": 100,
    "rank-deficient": 250,
    "shared hyperplanes": 100,
    "extreme scales": 100,
}


def test_the_networks_compared_have_every_degeneracy() -> None:
    counts = Counter[str]()
    degenerate = 0
    for seed in range(BLOCKS * BLOCK):
        kind, weights, _ = small_network(seed)
        counts.update(degeneracies(kind, weights))
        degenerate += kind in [make.__name__ for make in DEGENERATE]
    assert BLOCKS * BLOCK >= 2000
    assert degenerate == BLOCKS * BLOCK // 2
    assert {name: counts[name] for name in CLASSES if counts[name] < CLASSES[name]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_method_agrees_with_linear_programs(block: int) -> None:
    for seed in range(BLOCK * block, BLOCK * block + BLOCK):
        check_small(seed, ["auto", *SEARCHES])


def middle_network(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([4, seed])
    d, m = [(3, 14), (4, 16), (5, 16), (6, 16), (8, 18), (12, 20)][seed % 6]
    return (balanced, grid, shared)[seed // 6 % 3](rng, d, m)


def check_middle(seed: int) -> None:
    weights, outputs = middle_network(seed)
    record = sobolev_seminorm(Parametrization(weights, outputs))
    lower, upper = by_milp(weights, outputs)
    assert record.exact
    slack = 1e-6 * max(1.0, record.value)
    # The program misses cells thinner than its margin; what it finds is a cell.
    assert lower <= record.value + slack
    if record.value > upper + slack:
        inside = np.abs(weights @ record.witness)[np.abs(weights).max(axis=1) > 0].min()
        assert inside < 1e-4


def test_agrees_with_mixed_integer_programs() -> None:
    # The smaller sizes, of every family; the slow test has all.
    for seed in (0, 1, 6, 7, 12, 13):
        check_middle(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_agrees_with_more_mixed_integer_programs(block: int) -> None:
    for seed in range(10 * block, 10 * block + 10):
        check_middle(seed)


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_hyperplanes_are_those_of_the_canonical_form(make, rng: np.random.Generator) -> None:
    """Merged by another program, in another order; the same for permuted and rescaled rows."""
    for d in (1, 2, 3, 7):
        for m in (0, 1, 2, 9, 40):
            rows = make(rng, d, m)[0] if m else np.zeros((0, d))
            rows = np.ldexp(rows, rng.integers(-300, 300, len(rows))[:, None])
            planes, expected = Planes(rows), merge_hyperplanes(rows)
            order, turned = [], []
            for row in expected.rows:
                same = (planes.rows == row).all(axis=1) | (planes.rows == -row).all(axis=1)
                order.append(np.flatnonzero(same)[0])
                turned.append(1 if (planes.rows[order[-1]] == row).all() else -1)
            assert sorted(order) == list(range(len(planes.rows)))
            some = expected.labels >= 0
            assert np.array_equal(planes.labels[some], np.array(order)[expected.labels[some]])
            assert (planes.labels[~some] == -1).all()
            turns = np.array(turned)[expected.labels[some]]
            assert np.array_equal(planes.orientations[some], turns * expected.orientations[some])
            assert (planes.orientations[~some] == 0).all()
            shuffled = rng.permutation(len(rows))
            moved = np.ldexp(rows[shuffled], rng.integers(-9, 9, len(rows))[:, None])
            assert np.array_equal(Planes(moved).rows, planes.rows)


def test_the_rank_is_never_overestimated(rng: np.random.Generator) -> None:
    def rank(rows: np.ndarray) -> int:
        planes = Planes(rows)
        return len(planes.independent_columns(np.arange(len(planes.rows))))

    for d in (2, 3, 6, 12):
        for _ in range(20):
            rows = rng.standard_normal((int(rng.integers(d, 4 * d + 1)), d))
            assert rank(rows) == d
            # A column that depends on the others.
            dependent = np.column_stack([rows[:, 1:], rows[:, 1]])
            assert rank(dependent) == d - 1
            # In floats only up to rounding: decided in integers.
            assert rank(dependent + 1e-12 * rng.standard_normal(dependent.shape)) == d


@pytest.mark.parametrize("seed", range(12))
def test_methods_agree_on_middle_sizes(seed: int) -> None:
    rng = np.random.default_rng([5, seed])
    d = 3 + seed % 3
    make = (balanced, coplanar, shared, grid)[seed % 4]
    theta = Parametrization(*make(rng, d, 18))
    records = [sobolev_seminorm(theta, method=name) for name in ("flats", "conflicts")]
    records.append(sobolev_seminorm(theta, certify=True))
    for record in records:
        assert record.exact
        assert_evidence(theta, record)
        assert record.value == pytest.approx(records[0].value, rel=1e-12)
    assert records[-1].proved


@pytest.mark.parametrize("gap", [1e-15, 3e-15, 1e-13, 1e-11, 1e-8, 1e-6])
@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_thin_wedges_count_however_thin(gap: float, d: int) -> None:
    # Two almost equal hyperplanes with jumps 1 and -1: between them the gradient is near 1, and
    # nowhere else. Below the direction tolerance they are one hyperplane, and nothing is left.
    rng = np.random.default_rng([6, d])
    normal = np.ones(d)
    other = normal.copy()
    other[-1] += gap
    weights = np.vstack([normal, other, 1e-3 * rng.standard_normal((3 + d, d))])
    outputs = np.concatenate([[1.0, -1.0], 1e-3 * np.ones(3 + d)])
    theta = Parametrization(weights, outputs)
    merged = other[-1] - 1 <= 8 * np.finfo(float).eps
    small = np.abs(outputs[2:, None] * weights[2:]).sum()
    expected = 0.0 if merged else float(exact_seminorm(weights, outputs).value)
    assert expected == pytest.approx(0.0 if merged else 1.0, abs=2 * small)
    for method in ("auto", *SEARCHES):
        record = sobolev_seminorm(theta, method=method)
        assert record.exact
        assert_evidence(theta, record)
        assert record.value == pytest.approx(expected, rel=1e-12, abs=2 * small * merged)


def test_nearly_coplanar_hyperplanes() -> None:
    # Three lines through a point, one moved by 1e-13: a triangle with a gradient of its own.
    for shift in (0.0, 1e-13, -1e-13, 1e-9):
        weights = np.array([[1.0, 0, 0], [0, 1.0, 0], [-1.0, -1.0, shift], [0, 0, 1.0]])
        outputs = np.array([1.0, 1.0, 1.0, 0.0])
        expected = exact_seminorm(weights, outputs)
        for method in ("auto", *SEARCHES):
            record = sobolev_seminorm(Parametrization(weights, outputs), method=method)
            assert record.exact
            assert record.value == pytest.approx(float(expected.value), rel=1e-12)


def test_the_sharp_pair_is_exactly_one() -> None:
    e = Fraction(1, 100)
    gamma = [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]]
    theta = [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]]
    result = exact_seminorm(gamma + theta, [-1, 1, -1, -1, 1, -1])
    assert result.value == 1
    assert result.n_cells == 12
    record = sobolev_distance(
        Parametrization.from_products(np.array(gamma, dtype=float), [-1, 1, -1]),
        Parametrization.from_products(np.array(theta, dtype=float), [1, -1, 1]),
        certify=True,
    )
    assert record.exact
    assert record.proved
    assert record.value == pytest.approx(1.0, rel=1e-14)


def test_local_search_finds_cells_and_no_more(rng: np.random.Generator) -> None:
    for d in (3, 6):
        weights, outputs = balanced(rng, d, 14)
        problem = Planes(weights).reduce(outputs[:, None] * weights).problem
        value = sobolev_seminorm(Parametrization(weights, outputs)).value
        found = climb(problem, Limits())
        assert not found.exact
        assert 0.5 * value < found.lower <= value * (1 + 1e-12)
        assert np.array_equal(problem.rows @ found.point > 0, found.pattern)


def test_limits_give_intervals() -> None:
    theta = Parametrization(*balanced(np.random.default_rng(0), 10, 80))
    record = sobolev_seminorm(theta, node_limit=3)
    assert not record.exact
    assert record.lower < record.upper
    assert_evidence(theta, record)
    timed = sobolev_seminorm(
        Parametrization(*balanced(np.random.default_rng(0), 20, 150)), time_limit=0.2
    )
    assert not timed.exact
    assert timed.lower < timed.upper


@pytest.mark.parametrize("method", SEARCHES)
def test_a_node_limit_stops_every_method_with_an_interval(method: str) -> None:
    d = 4 if method in ("flats", "cones") else 8
    theta = Parametrization(*balanced(np.random.default_rng(2), d, 30))
    exact = sobolev_seminorm(theta, method="conflicts").value
    record = sobolev_seminorm(theta, method=method, node_limit=2)
    assert not record.exact
    assert record.lower <= exact * (1 + 1e-12)
    assert record.upper >= exact * (1 - 1e-12)
    assert_evidence(theta, record)


@pytest.mark.parametrize("make", [*GENERIC, *DEGENERATE])
def test_every_limit_brackets_the_rational_value(make, rng: np.random.Generator) -> None:
    for d, m in ((2, 6), (3, 7), (4, 8)):
        weights, outputs = make(rng, d, m)
        theta = Parametrization(weights, outputs)
        truth = float(exact_seminorm(weights, outputs).value)
        for method in METHODS:
            if method == "plane" and d > 2:
                continue
            limits = [{"node_limit": n} for n in (0, 1, 2, 3, 5, 8, 21, 100)]
            for limit in [*limits, {"time_limit": 0.0}, {"time_limit": 1e-4}]:
                record = sobolev_seminorm(theta, method=method, **limit)
                assert record.lower - record.tolerance <= truth, (d, method, limit)
                assert truth <= record.upper + record.tolerance, (d, method, limit)
                assert not record.exact or record.lower == record.upper


rational = np.vectorize(Fraction, otypes=[object])


def test_rounded_products_that_cancel_are_within_the_tolerance(rng: np.random.Generator) -> None:
    """The distance of a network to a rescaled copy is rounding: the tolerance has to say so."""
    for d, m in ((2, 7), (3, 6), (5, 9)):
        one = Parametrization(*balanced(rng, d, m))
        factors = np.exp(rng.standard_normal(m))
        two = Parametrization(factors[:, None] * one.weights, one.output_weights / factors)
        first, second = (
            rational(n.weights) * rational(n.output_weights[:, None]) for n in (one, two)
        )
        cells = Arrangement(one.weights).cells().patterns
        truth = np.abs(cells.astype(int).astype(object) @ (first - second)).max()
        for method in ("auto", "conflicts"):
            record = sobolev_distance(one, two, method=method)
            assert record.exact
            assert abs(Fraction(record.value) - truth) <= Fraction(record.tolerance)


def test_empty_and_silent_networks() -> None:
    for theta in (
        Parametrization(np.zeros((0, 3)), []),
        Parametrization(np.zeros((2, 3)), [1.0, 2.0]),
        Parametrization([[1.0, 2.0, 0.0]], [0.0]),
        Parametrization([[1.0, 0.0], [2.0, 0.0]], [2.0, -1.0]),
    ):
        record = sobolev_seminorm(theta)
        assert (record.value, record.exact) == (0.0, True)
        assert_evidence(theta, record)


def test_a_linear_network() -> None:
    theta = Parametrization([[1.0, -3.0], [-1.0, 3.0]], [2.0, -2.0])
    record = sobolev_seminorm(theta)
    assert record.value == 6.0
    assert record.gradient.tolist() == [2.0, -6.0]


def test_scales_and_overflow() -> None:
    weights = np.array([[1.0, 2.0], [3.0, -1.0], [1.0, 1.0]])
    plain = sobolev_seminorm(Parametrization(weights, [1.0, -1.0, 1.0])).value
    for power in (-490, 490):
        theta = Parametrization(np.ldexp(weights, power), np.ldexp([1.0, -1.0, 1.0], power))
        assert sobolev_seminorm(theta).value == np.ldexp(plain, 2 * power)
    with pytest.raises(OverflowError, match="exceeds"):
        sobolev_seminorm(Parametrization(1e200 * weights, [1e200, -1e200, 1e200]))


def test_gradient_ranges_against_all_cells(rng: np.random.Generator) -> None:
    for make in (balanced, grid, shared):
        theta = Parametrization(*make(rng, 3, 9))
        patterns = maximizing_cells(theta, tolerance=1.0)  # all of them
        gradients = patterns @ (theta.output_weights[:, None] * theta.weights)
        ranges = gradient_ranges(theta)
        assert ranges.exact
        np.testing.assert_allclose(ranges.minima, gradients.min(axis=0), atol=1e-13)
        np.testing.assert_allclose(ranges.maxima, gradients.max(axis=0), atol=1e-13)
        best = maximizing_cells(theta)
        assert any(np.array_equal(row, sobolev_seminorm(theta).pattern) for row in best)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("d", [2, 4, 6])
def test_batches_are_single_calls_however_they_run(
    jobs: int, d: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_networks, "PILOT", 0.0)
    monkeypatch.setattr(_networks, "THREADS_FROM", 0.0)
    networks = [Parametrization(*make(rng, d, 6)) for make in (*GENERIC, *DEGENERATE)]
    # Of other widths, and one that is not small.
    networks += [Parametrization(*balanced(rng, d, m)) for m in (1, 9, 70)]
    batch = sobolev_distances(networks[0], networks, n_jobs=jobs)
    alone = [sobolev_distance(networks[0], theta) for theta in networks]
    for one, other in zip(batch, alone, strict=True):
        assert (one.value, one.upper, one.method) == (other.value, other.upper, other.method)
        assert one.witness.tobytes() == other.witness.tobytes()
        assert one.pattern.tobytes() == other.pattern.tobytes()
    assert batch[0].value == 0.0
    matrix = pairwise_distances(networks, n_jobs=jobs)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix[0].tolist() == [record.value for record in batch]


def test_records_travel_and_do_not_change(rng: np.random.Generator) -> None:
    record = sobolev_seminorm(Parametrization(*balanced(rng, 3, 9)))
    again = pickle.loads(pickle.dumps(record))
    assert (again.value, again.upper, again.method) == (record.value, record.upper, record.method)
    assert again.pattern.tobytes() == record.pattern.tobytes()
    assert repr(record).startswith(f"Seminorm({record.value!r}, method='flats'")
    with pytest.raises(AttributeError, match="cannot assign"):
        record.lower = 0.0


def test_batches_of_seminorms_and_of_nothing() -> None:
    networks = [Parametrization([[1.0, 2.0]], [3.0]), Parametrization([[1.0, 0.0]], [-1.0])]
    assert [record.value for record in sobolev_distances(None, networks)] == [6.0, 1.0]
    assert sobolev_distances(networks[0], []) == []
    assert pairwise_distances([]).shape == (0, 0)
    with pytest.raises(ValueError, match="inputs"):
        sobolev_distances(networks[0], [Parametrization([[1.0]], [1.0])])


def test_differences_of_wide_and_narrow_networks(rng: np.random.Generator) -> None:
    gamma = Parametrization(*balanced(rng, 3, 7))
    part = Parametrization(gamma.weights[:4], gamma.output_weights[:4])
    rest = Parametrization(gamma.weights[4:], gamma.output_weights[4:])
    assert sobolev_distance(gamma, part).value == sobolev_seminorm(rest).value
    with pytest.raises(ValueError, match="inputs"):
        sobolev_distance(gamma, Parametrization(np.ones((1, 2)), [1.0]))


def test_unknown_and_unsuited_methods() -> None:
    theta = Parametrization(*balanced(np.random.default_rng(1), 3, 6))
    with pytest.raises(ValueError, match="method"):
        sobolev_seminorm(theta, method="magic")
    with pytest.raises(OutOfReach, match="rank 2"):
        sobolev_seminorm(theta, method="plane")


def test_import_is_light() -> None:
    code = (
        "import sys, landscape.seminorm; "
        "print([name for name in ('numba', 'sklearn', 'pandas', 'scipy') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
