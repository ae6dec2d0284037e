"""The global bracket, against exact merge trees, whose roots are global, and against itself.

Checks Theorems 24 and 42 of docs/mathematics.md.
"""

from fractions import Fraction
from itertools import chain, combinations, combinations_with_replacement, pairwise, product
from operator import mul

import numpy as np
import pytest

import landscape.bracket as bracket_module
from benchmarks.bracket.fits import draw
from landscape import (
    BalancedSpace,
    RestrictedSpace,
    ShallowReLURegressor,
    UnrestrictedSpace,
    descend,
    merge_tree,
    width_free_bound,
)
from landscape.bracket import BracketOutcome, _kernels_line, bracket_global_minimum
from landscape.bracket._hinges import Hinges
from landscape.bracket._rational import LineBound
from landscape.effective import EffectiveProblem
from landscape.objective import loss
from tests.oracles.local_minimum import exact_loss, exact_products


def space_of(name, p, m):
    if name == "restricted":
        return RestrictedSpace(p + 2, m)
    if name == "balanced":
        return BalancedSpace(p + 2, m)
    return UnrestrictedSpace(p + 1, m + 1, offset=True)


def sample(kind, p, n, rng):
    """Data of a kind: in general position, or not."""
    x, y = rng.standard_normal((n, p)), rng.standard_normal(n)
    if kind == "integers":
        x, y = rng.integers(-2, 3, (n, p)).astype(float), rng.integers(-2, 3, n).astype(float)
    elif kind == "twice":
        x[n // 2 :] = x[: n - n // 2]
    elif kind == "collinear":
        x = np.outer(rng.integers(-4, 5, n), np.ones(p))
    elif kind == "far":
        x = 1e6 + 1e3 * x
    elif kind == "tiny":
        x, y = 1e-9 * x, 1e-8 * y
    elif kind == "scales":
        x, y = x * 10.0 ** rng.integers(-6, 7, (1, p)), y * 10.0 ** rng.integers(-6, 7)
    elif kind == "near":
        x[n // 2 :] = x[: n - n // 2]
        x += 10.0 ** -rng.integers(4, 14) * rng.standard_normal((n, p))
    elif kind == "thin":
        x = rng.integers(-2, 3, (n, p)) + 10.0 ** -rng.integers(6, 14) * x
    return x, y


KINDS = ["general", "integers", "twice", "collinear", "far", "tiny", "scales"]


def evaluation_error(theta, X, y):
    """By how much the mean squared error can be off: 1e-15 of it where weights are moderate."""
    terms = np.abs(X) @ (np.abs(theta.weights).T @ np.abs(theta.output_weights)) + np.abs(y)
    values = (X.shape[1] + len(theta.weights) + 4) * 2.0**-52 * terms
    residuals = np.maximum(X @ theta.weights.T, 0.0) @ theta.output_weights - y
    return float(np.mean(2 * np.abs(residuals) * values + values**2))


def check(x, y, space, *, exact=False, **arguments):
    """No lower end above the root of the tree, no upper end below; returns the bracket."""
    size = float(y @ y) / len(y)
    bracket = bracket_global_minimum(x, y, space=space, n_starts=1, node_limit=20_000, **arguments)
    birth = merge_tree(x, y, space=space, exact=exact).pairs[0, 0]
    # With one input error bounds are charged; what is in double precision otherwise may be off.
    proved = exact and x.shape[1] == 1
    assert bracket.lower <= birth * (1 + 1e-15) + (0.0 if proved else 1e-11 * size)
    assert bracket.upper >= birth - 1e-9 * size
    again = loss(bracket.network, space.embed(x), y)
    if not proved:  # the upper end includes what rounding can do to the network's values
        lost = evaluation_error(bracket.network, space.embed(x), y)
        assert again == pytest.approx(bracket.upper, rel=1e-6, abs=1e-9 * size + lost)
    products, signs = exact_products(bracket.network), np.sign(bracket.network.output_weights)
    assert exact_loss(products, signs, space.embed(x), y) <= Fraction(bracket.upper)
    if bracket.outcome is BracketOutcome.CLOSED:
        assert bracket.upper <= birth + 2e-8 * size
        assert bracket.gap <= 2e-8 * size
    return bracket


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
@pytest.mark.parametrize(("p", "n", "m"), [(1, 9, 2), (1, 7, 3), (2, 7, 2)])
def test_root_of_the_tree(kind, name, p, n, m):
    x, y = sample(kind, p, n, np.random.default_rng([KINDS.index(kind), p, n, m]))
    assert check(x, y, space_of(name, p, m)).gap <= 1e-7 * float(y @ y) / n


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["near", "thin"])
@pytest.mark.parametrize(("p", "n", "m"), [(1, 6, 2), (2, 4, 1)])
def test_nearly_degenerate_samples_are_left_out(kind, seed, p, n, m):
    """There weights of any size fit what rounding hides: a gap is right, a wrong end is not."""
    x, y = sample(kind, p, n, np.random.default_rng([seed, p, n, m]))
    check(x, y, space_of("unrestricted", p, m), exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_many(seed):
    kinds = [*KINDS, "near", "thin"]
    for k in range(120):
        rng = np.random.default_rng([seed, k])
        p = int(rng.integers(1, 3))
        m, n = int(rng.integers(1, 5 - p)), int(rng.integers(3, 11 - 2 * p))
        kind, name = kinds[k % 9], ["restricted", "balanced", "unrestricted"][k % 3]
        if k % 9 > 6:  # where trees are right in rationals only
            m, n = min(m, 2), min(n, 5)
        x, y = sample(kind, p, n, rng)
        check(x, y, space_of(name, p, m), exact=k % 9 > 6)


def least_by_scip(x, y, signs, size, *, offset):
    """The least mean squared error of networks with these signs, products in a box, by SCIP."""
    scip = pytest.importorskip("pyscipopt")
    model = scip.Model()
    model.hideOutput()
    model.setParam("limits/gap", 1e-7)
    model.setParam("numerics/feastol", 1e-8)  # of the indicators too, which sizes multiply
    e = model.addVar(lb=-size, ub=size) if offset else 0.0
    neurons = [[model.addVar(lb=-size, ub=size) for _ in range(x.shape[1] + 1)] for _ in signs]
    squares = []
    for row, target in zip(np.column_stack([x, np.ones(len(x))]).tolist(), y.tolist(), strict=True):
        largest, value = size * sum(map(abs, row)), e
        for u, sign in zip(neurons, signs, strict=True):
            z = scip.quicksum(a * v for a, v in zip(row, u, strict=True))
            h, on = model.addVar(lb=0.0, ub=largest), model.addVar(vtype="B")
            model.addCons(h >= z)
            model.addCons(h <= z + largest * (1 - on))
            model.addCons(h <= largest * on)
            value = value + sign * h
        residual = model.addVar(lb=None)
        model.addCons(residual == value - target)
        squares.append(residual * residual)
    total = model.addVar(lb=0.0)
    model.addCons(total >= scip.quicksum(squares))
    model.setObjective(total)
    model.optimize()
    assert model.getStatus() in ("optimal", "gaplimit")
    return model.getObjVal() / len(y)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["general", "integers", "twice", "collinear"])
@pytest.mark.parametrize(("name", "p", "n", "m"), [
    ("unrestricted", 1, 8, 1), ("unrestricted", 1, 6, 2), ("unrestricted", 2, 6, 1),
    ("balanced", 1, 8, 1), ("balanced", 1, 6, 2), ("balanced", 2, 5, 2), ("restricted", 1, 6, 2),
])  # fmt: skip
def test_a_general_solver_agrees(name, p, n, m, kind, seed):
    """SCIP's mixed-integer optimum, up to its tolerances, from a model that shares no code."""
    x, y = sample(kind, p, n, np.random.default_rng([seed, p, n, m, KINDS.index(kind)]))
    space, size = space_of(name, p, m), 40.0
    bracket = bracket_global_minimum(x, y, space=space)
    assert bracket.outcome is BracketOutcome.CLOSED
    classes = combinations_with_replacement([1, -1], m)
    least = min(
        least_by_scip(x, y, signs, size, offset=name == "unrestricted") for signs in classes
    )
    close = 1e-5 * (1 + float(y @ y) / n)
    assert least >= bracket.lower - close
    if np.abs(bracket.network.products[:, : p + 1]).max() < size / 2:
        assert least <= bracket.upper + close


def test_classes_of_signs():
    """The least over the classes of N* is the minimum over N*."""
    x, y = sample("general", 1, 10, np.random.default_rng(5))
    space = space_of("restricted", 1, 2)
    classes = [check_class(x, y, space, k) for k in range(3)]
    assert min(classes) == pytest.approx(bracket_global_minimum(x, y, space=space).upper, rel=1e-8)
    births = merge_tree(x, y, space=space).pairs
    assert sorted(classes) == pytest.approx(sorted(births[np.isinf(births[:, 1]), 0]), rel=1e-7)


def check_class(x, y, space, n_positive):
    bracket = bracket_global_minimum(x, y, space=space, n_positive=n_positive)
    assert bracket.outcome is BracketOutcome.CLOSED
    assert (bracket.network.output_weights > 0).sum() == n_positive
    assert bracket.certificate.is_minimum
    return bracket.upper


def piecewise_linear(t, y, n_kinks):
    """The least mean squared error of continuous piecewise linear functions, by brute force.

    Every order of kinks among the points, and of each the least with its kinks there: between two
    neighbours the loss along a kink is a quotient of quadratics, whose least a fine search finds.
    """
    optimize = pytest.importorskip("scipy.optimize")

    def least(kinks):
        columns = [np.ones_like(t), t, *(np.maximum(t - s, 0.0) for s in kinks)]
        A = np.column_stack(columns)
        rest = y - A @ np.linalg.lstsq(A, y, rcond=1e-12)[0]
        return float(rest @ rest) / len(y)

    found = [least([])]
    gaps = list(zip(np.unique(t)[:-1], np.unique(t)[1:], strict=True))
    for chosen in combinations_with_replacement(gaps, n_kinks) if n_kinks else ():
        for part in ([0.01, 0.99], [0.99, 0.01], [0.5, 0.5]):
            start = [a + p * (b - a) for (a, b), p in zip(chosen, part, strict=False)]
            end = optimize.minimize(
                least, start, method="L-BFGS-B", bounds=chosen, options={"ftol": 1e-14}
            )
            found.append(end.fun)
    return min(found)


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e6])
def test_starts_with_kinks_are_as_good_as_all_choices_of_inputs(scale):
    """One node only: the upper end is of the starts, no worse than kinks at inputs can be."""
    rng = np.random.default_rng(3)
    t, y = scale * np.sort(rng.uniform(-1, 1, 20)), rng.standard_normal(20)
    least = np.inf
    for chosen in combinations(t[1:-1], 3):
        fitted = np.column_stack(
            [np.ones(20), t / scale, *(np.maximum(t - k, 0) / scale for k in chosen)]
        )
        residuals = y - fitted @ np.linalg.lstsq(fitted, y, rcond=None)[0]
        least = min(least, np.mean(residuals**2))
    space = space_of("unrestricted", 1, 4)
    bracket = bracket_global_minimum(t[:, None], y, space=space, n_kinks=3, node_limit=1)
    assert bracket.n_nodes < 100 and bracket.lower < bracket.upper <= least * (1 + 1e-9)


@pytest.mark.parametrize("n_kinks", [0, 1, 2])
def test_continuous_piecewise_linear_functions(n_kinks):
    """As many breakpoints as asked for and no more, by an independent search over kinks."""
    for seed in range(3):
        rng = np.random.default_rng([n_kinks, seed])
        t, y = rng.uniform(-1, 1, 9) + 5.0, rng.standard_normal(9)
        t[3] = t[2]
        space = space_of("unrestricted", 1, n_kinks + 1 + seed % 2)
        bracket = bracket_global_minimum(t[:, None], y, space=space, n_kinks=n_kinks)
        assert bracket.outcome is BracketOutcome.CLOSED and bracket.certificate is None
        least = piecewise_linear(t, y, n_kinks)
        assert bracket.lower <= least * (1 + 1e-12)
        assert bracket.upper == pytest.approx(least, rel=1e-6)
        again = loss(bracket.network, space.embed(t[:, None]), y)
        assert again == pytest.approx(bracket.upper, rel=1e-9)
        values = space.embed(t[:, None]) @ bracket.network.products[:-1].T
        kinks = (values > 1e-9).any(axis=0) & (values < -1e-9).any(axis=0)
        assert kinks.sum() <= n_kinks
    with pytest.raises(ValueError, match="n_kinks: expected less than n_neurons=2"):
        bracket_global_minimum(
            t[:, None], y, space=space_of("unrestricted", 1, 2), n_kinks=2, n_starts=0
        )
    with pytest.raises(ValueError, match="n_kinks: expected less"):
        bracket_global_minimum(t[:, None], y, space=space_of("balanced", 1, 2), n_kinks=0)


def test_limits_and_resume():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((25, 2)), rng.standard_normal(25)
    space = space_of("unrestricted", 2, 2)
    whole = bracket_global_minimum(x, y, space=space, n_starts=2)
    part = bracket_global_minimum(x, y, space=space, n_starts=2, node_limit=600)
    assert part.outcome is BracketOutcome.NODES
    assert part.lower <= whole.lower <= whole.upper <= part.upper
    assert "limit" in str(part)
    again = bracket_global_minimum(x, y, space=space, n_starts=2, node_limit=600)
    assert (again.lower, again.upper, again.n_nodes) == (part.lower, part.upper, part.n_nodes)
    rest = bracket_global_minimum(x, y, space=space, resume=part)
    assert rest.outcome is BracketOutcome.CLOSED
    assert rest.upper == pytest.approx(whole.upper, rel=1e-8)
    assert rest.n_nodes == whole.n_nodes
    with pytest.raises(ValueError, match="resume: expected a bracket of the same"):
        bracket_global_minimum(x, 2 * y, space=space, resume=part)
    assert bracket_global_minimum(x, y, space=space, time_limit=0).outcome is BracketOutcome.TIME


def test_interrupted(monkeypatch):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((25, 2)), rng.standard_normal(25)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bracket_module._Search, "_step", interrupt)
    bracket = bracket_global_minimum(x, y, space=space_of("balanced", 2, 2), n_starts=1)
    assert bracket.outcome is BracketOutcome.INTERRUPTED
    assert bracket.lower == 0.0 < bracket.upper


def test_equal_inputs_bound_every_width():
    """No function has less than the spread of targets at equal inputs."""
    x, y = np.repeat(np.eye(5), 2, axis=0), np.tile([0.0, 1.0], 5)
    bracket = bracket_global_minimum(
        x, y, space=space_of("unrestricted", 5, 6), node_limit=1, n_starts=1
    )
    assert 0.25 - 1e-8 < bracket.lower <= 0.25


def test_messages():
    x, y = np.arange(4.0)[:, None], np.arange(4.0)
    with pytest.raises(ValueError, match=r"features: expected shape \(n, 1\)"):
        bracket_global_minimum(x[:, 0], y, space=BalancedSpace(3, 1))
    with pytest.raises(ValueError, match="n_positive: signs are fixed in N"):
        bracket_global_minimum(x, y, space=BalancedSpace(3, 1), n_positive=1)
    with pytest.raises(ValueError, match="space: expected no upper bound"):
        bracket_global_minimum(x, y, space=RestrictedSpace(3, 1, bound=2.0))


def near(seed):
    """One input in clusters of a random width, some far from zero, targets with a mean or not."""
    rng = np.random.default_rng([7, seed])
    n, m = int(rng.integers(4, 8)), int(rng.integers(1, 3))
    base = rng.integers(-2, 3, n).astype(float) if seed % 2 else rng.standard_normal(n)
    if seed % 3:
        base[n // 2 :] = base[: n - n // 2]
    x = (base + 10.0 ** -rng.integers(1, 15) * rng.standard_normal(n))[:, None]
    name = ["restricted", "balanced", "unrestricted"][seed % 3]
    y = rng.standard_normal(n) + 50 * (seed % 7 == 0)
    return x + 1e4 * (seed % 5 == 0), y, space_of(name, 1, m)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(k, k + 60) for k in range(0, 480, 60)])
def test_near_inputs(seeds):
    """Theorem 30: whatever their distances, no lower end is above the root in rationals."""
    for seed in seeds:
        check(*near(seed), exact=True)


def test_an_affine_piece_fits_any_two_points():
    """However near: with running sums, 1,000 points left nearly .05 where 0 is right."""
    rng = np.random.default_rng(0)
    t, y = np.sort(rng.uniform(-1, 1, 1000)), rng.standard_normal(1000)
    t[600], t[800] = t[599] + 1e-6, t[799] + 5e-7
    runs, least = np.zeros((1000, 1001, 5)), np.zeros((1, 1001, 1001))
    _kernels_line.pieces(t, np.column_stack([np.ones(1000), y, np.zeros(1000)]), runs, least)
    assert least[0].diagonal(2).max() < 1e-14
    for low, high in [(598, 603), (0, 1000), (790, 805)]:
        design = np.column_stack([np.ones(high - low), t[low:high] - t[low]])
        rest = np.linalg.lstsq(design, y[low:high])[1]
        assert least[0, low, high] == pytest.approx(rest[0], rel=1e-9)


def vertices_of_box(X, low):
    """Where kinks meet faces of a box in the plane, and its corners."""
    found = [(a, b) for a in (low[0], 1.0) for b in (low[1], 1.0)]
    for x in X[np.abs(X).max(axis=1) > 0]:
        for j in range(2):
            for end in (low[j], 1.0):
                if x[1 - j] != 0:
                    other = -x[j] * end / x[1 - j]
                    if low[1 - j] <= other <= 1:
                        found.append((end, other) if j == 0 else (other, end))
    return np.array(found)


def least_of_any_width(X, y, total, *, offset):
    """The least mean squared error by a convex program over all vertices: no column generation."""
    cp = pytest.importorskip("cvxpy")
    unit, largest = np.abs(y).max(), np.abs(X).max()
    X, y, total = X / largest, y / unit, total * largest / unit
    columns = np.maximum(vertices_of_box(X, [-1.0, -1.0]) @ X.T, 0.0)
    w, e = cp.Variable(len(columns)), cp.Variable()
    values = columns.T @ w + (e if offset else 0.0)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(values - y)), [cp.norm1(w) <= total])
    return unit**2 * problem.solve(solver="CLARABEL") / len(y)


@pytest.mark.parametrize("kind", ["general", "twice", "integers", "tiny"])
def test_no_width_is_below(kind):
    """Theorem 31, with an offset and without, at sizes from nothing to interpolation."""
    for offset in (True, False):
        x, y = sample(kind, 1, 9, np.random.default_rng([4, KINDS.index(kind), offset]))
        space = UnrestrictedSpace(2, 3, offset=offset)
        X, size = space.embed(x), float(y @ y) / len(y)
        unit = float(np.abs(y).max() / np.abs(X).max())
        totals = unit * np.array([0.0, 0.1, 1.0, 4.0, 40.0])
        found = width_free_bound(x, y, space=space, totals=totals)
        for total, low, high, network in zip(
            totals, found.lower, found.upper, found.networks, strict=True
        ):
            least = least_of_any_width(X, y, total, offset=offset)
            assert low <= least + 1e-7 * size
            assert low >= least - 1e-5 * size
            assert high >= least - 1e-7 * size
            assert loss(network, X, y) == pytest.approx(high, abs=1e-12 * size)
            hidden = network.products[: len(network.products) - offset]
            assert np.abs(hidden).max(axis=1, initial=0.0).sum() <= total * (1 + 1e-12)
        assert (np.diff(found.lower) <= 1e-12 * size).all()
        assert found.at(1e9 * unit) == found.repeated


def test_no_network_is_below_the_bound_of_any_width():
    """Whatever the space: networks from descents, at their own total size."""
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((14, 2)), rng.standard_normal(14)
    for name in ("restricted", "balanced", "unrestricted"):
        space = space_of(name, 2, 3)
        thetas = [space.sample(np.random.default_rng(k)) for k in range(4)]
        ends = [descend(t, space.embed(x), y, space=space).parametrization for t in thetas]
        offset = name == "unrestricted"
        sizes = [np.abs(e.products[: len(e.products) - offset]).max(axis=1).sum() for e in ends]
        found = width_free_bound(x, y, space=space, totals=sizes, max_rounds=30)
        losses = [loss(end, space.embed(x), y) for end in ends]
        assert (found.lower <= losses).all()
        assert found.lower.max() > 0


def test_width_messages():
    space = UnrestrictedSpace(2, 2, offset=True)
    with pytest.raises(ValueError, match="totals: expected finite numbers >= 0, got -1"):
        width_free_bound([[0.0], [1.0]], [0.0, 1.0], space=space, totals=-1)
    with pytest.raises(ValueError, match=r"features: expected shape \(n, 1\)"):
        width_free_bound([0.0, 1.0], [0.0, 1.0], space=space, totals=1)


def exact_least(columns, y):
    """The least sum of squares over weights >= 0 of columns, in rationals, by all their subsets."""
    flint = pytest.importorskip("flint")
    fmpq = [[flint.fmpq(*v.as_integer_ratio()) for v in column] for column in [*columns, y]]
    columns, y = fmpq[:-1], fmpq[-1]
    least = sum(v * v for v in y)
    for size in range(1, len(columns) + 1):
        for chosen in combinations(columns, size):
            gram = flint.fmpq_mat([[sum(map(mul, a, b)) for b in chosen] for a in chosen])
            right = [sum(map(mul, a, y)) for a in chosen]
            if gram.det() != 0:
                weights = gram.solve(flint.fmpq_mat([[v] for v in right])).tolist()
                if min(w for (w,) in weights) >= 0:
                    value = sum(v * v for v in y) - sum(map(mul, right, (w for (w,) in weights)))
                    least = min(least, value)
    return Fraction(int(least.p), int(least.q))


def exact_minimum(t, y, m, *, offset):
    """The least sum of squares of m neurons: every joint cell, each by `exact_least`."""
    t, y = [Fraction(v) for v in t], [Fraction(v) for v in y]
    points = sorted(set(t))
    cells = [[(1, points[0]), (-1, points[-1])]]
    for side, (a, b) in product((1, -1), pairwise(points)):
        cells.append([(side, a), (side, b)])
    columns = [
        [[sign * max(side * (s - at), Fraction(0)) for s in t] for side, at in cell]
        for sign in (1, -1)
        for cell in cells
    ]
    constants = [[Fraction(sign)] * len(t) for sign in (1, -1)] if offset else []
    joint = combinations_with_replacement(columns, m)
    return min(exact_least([*chain(*chosen), *constants], y) for chosen in joint)


@pytest.mark.parametrize("kind", ["general", "integers", "twice", "near", "tiny"])
@pytest.mark.parametrize(("name", "n", "m"), [("unrestricted", 5, 1), ("restricted", 4, 2)])
def test_proofs_in_rationals(kind, name, n, m):
    """Theorem 42: both ends enclose the minimum over all joint cells, exactly."""
    rng = np.random.default_rng([n, m, KINDS.index(kind) if kind in KINDS else 9])
    x, y = sample(kind, 1, n, rng)
    if kind == "near":
        x[-1] = x[0] * (1 + 1e-9)
    if len(np.unique(x)) < 3:
        x[:3, 0] = 0, 1, 2
    bracket = bracket_global_minimum(x, y, space=space_of(name, 1, m), n_starts=2, proof="rational")
    least = exact_minimum(x[:, 0], y, m, offset=name == "unrestricted") / n
    assert bracket.proved == (bracket.outcome is BracketOutcome.CLOSED)
    assert kind == "near" or bracket.proved
    assert Fraction(bracket.lower) <= least
    if bracket.proved:
        assert least <= Fraction(bracket.upper)
        assert bracket.gap <= 4e-9 * float(y @ y) / n


def test_what_is_proved_and_what_is_refused():
    """A step of the search that lies about a leaf is found out by the leaf's own bound."""
    rng = np.random.default_rng(1)
    x, y = np.arange(12.0)[:, None], rng.standard_normal(12)
    space = space_of("unrestricted", 1, 3)
    bracket = bracket_global_minimum(x, y, space=space, n_kinks=1, proof="rational", n_starts=4)
    assert bracket.proved and "in rational arithmetic (Theorem 42)" in bracket.method
    exact = LineBound(x[:, 0], y, 1, offset=True)
    roots = [np.array([[1, 0, 0, 11, 1], [1, 2, 0, 11, 1]])]
    whole, leaves = exact.lower_end(roots, Fraction(0), lambda node: (True, 0))
    assert leaves == 1 and whole < Fraction(bracket.lower) * 12
    limited = bracket_global_minimum(
        x, y, space=space, n_kinks=1, proof="rational", node_limit=1, n_starts=0
    )
    if limited.outcome is not BracketOutcome.CLOSED:
        assert not limited.proved and "not proved" in limited.method
    with pytest.raises(ValueError, match="proof: rational proofs are for one input"):
        bracket_global_minimum(x, y, space=space, proof="rational")
    with pytest.raises(ValueError, match="proof: expected 'rational' or None, got 'float'"):
        bracket_global_minimum(x, y, space=space, proof="float")


def test_the_gap_of_a_fit_closes_and_improves_it():
    """From one poor start: the fit becomes the global minimum, which the exact tree has too."""
    rng = np.random.default_rng(3)
    X, y = rng.uniform(-1, 1, (9, 1)), 100 * rng.standard_normal(9)
    X[7:], y = X[:2], y + 1000
    arguments = {"solver": "descent", "n_starts": 1, "random_state": 3, "space": "unrestricted"}
    poor = ShallowReLURegressor(2, **arguments).fit(X, y)
    assert not hasattr(poor, "global_gap_")
    best = ShallowReLURegressor(2, **arguments, certify_global=True).fit(X, y)
    least = merge_tree(X, y, space=UnrestrictedSpace(2, 3, offset=True)).pairs[0, 0]
    assert best.loss_ == pytest.approx(least, rel=1e-6)
    assert best.loss_ < 0.99 * poor.loss_
    assert best.certificate_.is_minimum
    assert 0 <= best.global_gap_ < 1e-6 * np.var(y)
    assert list(best.starts_["origin"]) == ["random", "bracket"]
    weighted = ShallowReLURegressor(2, **arguments, certify_global=True)
    weighted.fit(X[:7], y[:7], sample_weight=[1, 2, 1, 1, 3, 1, 1])
    assert weighted.global_gap_ < 1e-6 * np.var(y)
    with pytest.raises(ValueError, match="certify_global: expected sample weights that are mult"):
        weighted.fit(X[:7], y[:7], sample_weight=[1, 2.5, 1, 1, 3, 1, 1])
    with pytest.raises(ValueError, match="certify_global: brackets are of the mean squared error"):
        ShallowReLURegressor(alpha=1.0, certify_global=True).fit(X, y)


@pytest.mark.parametrize("kind", ["general", "integers", "twice", "tiny", "scales"])
@pytest.mark.parametrize("offset", [False, True])
def test_what_a_hinge_gains(kind, offset):
    """Against least squares with and without it."""
    rng = np.random.default_rng([50, offset, *map(ord, kind)])
    x, y = sample(kind, 1, 12, rng)
    space = UnrestrictedSpace(2, 4, offset=True) if offset else RestrictedSpace(3, 3)
    problem = EffectiveProblem.over(space, x, y).in_own_units()
    hinges = Hinges(problem, None)
    always = np.ones((12, int(offset)))

    def square(rows):
        columns = np.hstack([always, np.maximum(problem.X @ rows.T, 0.0)])
        left = problem.y - columns @ np.linalg.lstsq(columns, problem.y, rcond=1e-9)[0]
        return left @ left

    for _ in range(3):
        # The kink of one of the others lies between samples.
        others = np.vstack([hinges.rows[rng.choice(len(hinges.rows), 2)], [[1.0, -0.3]]])
        gains = hinges.gains(hinges.columns_of(others))
        alone = square(others)
        for row, gain in zip(hinges.rows, gains, strict=True):
            fall = alone - square(np.vstack([others, row]))
            assert abs(gain - fall) <= 1e-7 * float(problem.y @ problem.y)
    u, signs, e = hinges.combine(others, 3)
    values = np.maximum(problem.X @ u.T, 0.0) @ signs
    values = values + (e * problem.column if offset else 0.0) - problem.y
    assert values @ values <= alone + 1e-9 * float(problem.y @ problem.y)


def test_fits_of_one_feature_end_at_the_global_minimum():
    """Where the best of twenty random starts often does not."""
    missed = 0
    for kind in ("sine", "teacher", "steps", "noise"):
        for k in range(3):
            x, y = draw(kind, 40, k)
            fit = ShallowReLURegressor(1, random_state=0).fit(x, y)
            best = bracket_global_minimum(x, y, space=fit.space_, time_limit=60)
            assert best.outcome is BracketOutcome.CLOSED
            assert best.lower <= fit.loss_ <= best.upper + 1e-6
            random = fit.starts_.query("origin == 'random'")
            missed += random["loss"].min() > best.upper + 1e-6
    assert missed  # else this shows nothing


def test_a_fit_of_one_feature_takes_any_weights(recwarn):
    x, y = draw("sine", 15, 0)
    weights = np.append(np.ones(14), 1e-300)
    fit = ShallowReLURegressor(1, n_starts=2, random_state=0).fit(x, y, sample_weight=weights)
    assert fit.certificate_ is not None
    assert not [each for each in recwarn if issubclass(each.category, RuntimeWarning)]
