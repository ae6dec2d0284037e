"""Theorem 43: atlases and merge trees of losses with corners, against linear programs."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import linprog

from landscape import RestrictedSpace, UnrestrictedSpace, descend
from landscape.atlas import make_atlas
from landscape.corners import minimize_corners
from landscape.losses import WeightDecay, get_loss
from landscape.objective import mean_loss
from landscape.trees import merge_tree
from tests.oracles.corners import local_minima, pieces
from tests.oracles.merge_tree import program_pairs

LOSSES = {"absolute": {}, "pinball": {"tau": 0.75}, "hinge": {}}


def data(kind, n, seed, name):
    """One input; samples may be equal, or have equal inputs, or be on a grid, or have targets 0."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.standard_normal(n), 2)
    y = np.round(np.sin(3 * x) + 0.3 * rng.standard_normal(n), 2)
    if kind == "equal inputs":
        x[1] = x[0]
    elif kind == "equal":
        x[1], y[1] = x[0], y[0]
    elif kind == "grid":
        x, y = np.arange(n) * 1.0, np.array([0.0, 0.0, 1.0, 2.0, 0.0])[:n]
    elif kind == "zero":
        y = 0 * y
    return x, np.where(y > 0, 1.0, -1.0) if name == "hinge" else y


def compare_atlas(kind, n, m, seed, name):
    x, y = data(kind, n, seed, name)
    loss = get_loss(name, **LOSSES[name])
    atlas = make_atlas(x[:, None], y, space=RestrictedSpace(3, m), loss=loss)
    expected = local_minima(x, *pieces(name, y, getattr(loss, "tau", 0.5)), m)
    losses = np.array([entry.loss for entry in atlas.entries])
    assert atlas.complete
    assert len(atlas) == len(expected)
    np.testing.assert_allclose(losses, expected, atol=1e-8)
    for entry in atlas.entries:
        assert entry.certificate.is_minimum
        assert atlas.locate(entry.parametrization).number == entry.number


KINDS = ["random", "equal inputs", "equal", "grid", "zero"]


@pytest.mark.parametrize(("name", "kind"), [("absolute", "random"), ("hinge", "equal inputs")])
def test_atlas(name, kind):
    compare_atlas(kind, 3, 1, 0, name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("n", "m", "seeds"), [(5, 1, 3), (3, 2, 1)])
def test_atlases(name, kind, n, m, seeds):
    for seed in range(seeds):
        compare_atlas(kind, n, m, seed, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_descents_end_in_the_atlas_and_births_are_in_it(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 1))
    y = np.sin(3 * x[:, 0]) + 0.3 * rng.standard_normal(5)
    y = (y > 0) * 1.0 if name == "hinge" else y
    form, space = {"loss": get_loss(name, **LOSSES[name])}, RestrictedSpace(3, 2)
    atlas, tree = make_atlas(x, y, space=space, **form), merge_tree(x, y, space=space, **form)
    losses, X = np.array([entry.loss for entry in atlas.entries]), space.embed(x)
    assert np.abs(tree.pairs[:, :1] - losses).min(axis=1).max() < 1e-8
    assert tree.tolerance < 1e-6
    found = set()
    for seed in range(12):
        end = descend(space.sample(np.random.default_rng(seed)), X, y, space=space, **form)
        assert end.outcome.name == "MINIMUM"
        place = atlas.locate(end.parametrization)
        assert place.number >= 0
        assert atlas.entries[place.number].loss == pytest.approx(end.loss, abs=1e-9)
        found.add(place.number)
    assert len(found) > 1
    for i in range(len(tree)):
        theta, certificate = tree.minimum(i)
        assert certificate.is_minimum
        value = mean_loss(theta, X, y, space=space, **form)
        assert value == pytest.approx(tree.pairs[i, 0], abs=1e-8)


def least(X, y, offset, neurons, *, form, decay=0.0):
    """Least loss with given sides: linear, or by cvxpy with a decay of all but the last entry."""
    at, low, high = form
    n, d = X.shape
    values, rows, zero = np.zeros((n, len(neurons) * d + 1)), [], []
    for i, (sign, sides) in enumerate(neurons):
        values[:, i * d : (i + 1) * d] = sign * np.maximum(sides, 0.0)[:, None] * X
        for side, x in zip(sides, X, strict=True):
            row = np.zeros(values.shape[1])
            row[i * d : (i + 1) * d] = (side or 1.0) * x
            (rows if side else zero).append(row)
    if offset is not None:
        values[:, -1] = offset
    rows, zero = (np.array(part).reshape(-1, values.shape[1]) for part in (rows, zero))
    if decay:
        import cvxpy

        u = cvxpy.Variable(values.shape[1])
        gaps = values @ u - at
        total = cvxpy.sum(cvxpy.maximum(cvxpy.multiply(low, gaps), cvxpy.multiply(high, gaps))) / n
        for i in range(len(neurons)):
            total = total + 2 * decay * cvxpy.norm(u[i * d : (i + 1) * d - 1], 2)
        limits = [rows @ u >= 0] * bool(len(rows)) + [zero @ u == 0] * bool(len(zero))
        return float(cvxpy.Problem(cvxpy.Minimize(total), limits).solve(solver=cvxpy.CLARABEL))
    table = np.vstack([np.hstack([s[:, None] * values, -np.eye(n)]) for s in (low, high)])
    table = np.vstack([table, np.hstack([-rows, np.zeros((len(rows), n))])])
    right = np.concatenate([low * at, high * at, np.zeros(len(rows))])
    equal = np.hstack([zero, np.zeros((len(zero), n))])
    cost = np.append(np.zeros(values.shape[1]), np.full(n, 1 / n))
    return linprog(cost, table, right, equal, np.zeros(len(zero)), bounds=(None, None)).fun


def compare_tree(name, offset, n, m, seed, decay=0.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 1))
    y = np.sin(3 * x[:, 0]) + 0.3 * rng.standard_normal(n)
    y = np.where(y > 0, 1.0, -1.0) if name == "hinge" else y
    loss = get_loss(name, **LOSSES[name])
    space = UnrestrictedSpace(2, m + 1, offset=True) if offset else RestrictedSpace(3, m)
    tree = merge_tree(x, y, space=space, loss=loss, weight_decay=decay or None)
    X = np.column_stack([x, np.ones(n)])
    form = pieces(name, y, getattr(loss, "tau", 0.5))
    column = np.ones(n) if offset else None
    own = partial(least, form=form, decay=decay)
    pairs = program_pairs(X, y, m, offset=column, glued=offset, tie=1e-7, least=own)
    assert len(tree) == len(pairs)
    for ours, theirs in zip(tree.pairs.T, np.array(pairs).T, strict=True):
        np.testing.assert_allclose(np.sort(ours), np.sort(theirs), atol=1e-7)


def test_tree():
    compare_tree("hinge", True, 3, 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_trees(name, offset):
    compare_tree(name, offset, 3, 1, 0)
    for seed in range(3):
        compare_tree(name, offset, 4, 2, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_trees_with_weight_decay(name):
    """Linear programs with cones; minima are not descended to, which is said."""
    for seed in range(3):
        compare_tree(name, False, 3, 1, seed, decay=0.05)
    x, y = np.arange(3.0)[:, None], np.array([0.0, 1.0, 0.0])
    tree = merge_tree(x, y, space=RestrictedSpace(3, 1), loss=name, weight_decay=0.05)
    with pytest.raises(ValueError, match="no weight decay; certify_minimum does"):
        tree.minimum(0)


def test_least_points_and_what_supports_them():
    """Norms and equations: multipliers give the least value back."""
    rng = np.random.default_rng(1)
    values, places = rng.standard_normal((9, 4)), rng.standard_normal(9)
    low, high, pull = -rng.random(9), rng.random(9), rng.standard_normal((2, 4))
    rows, right = rng.standard_normal((3, 4)), np.array([0.0, 1.0, 1.0])
    found = minimize_corners(
        values, places, low, high, pulls=[pull], rows=rows, right=right, n_equal=1
    )
    gaps = values @ found.x - places
    value = np.maximum(low * gaps, high * gaps).sum() + np.linalg.norm(pull @ found.x)
    dual = -found.slopes @ places - found.multipliers @ right
    assert value == pytest.approx(dual, abs=1e-9)
    slope = found.slopes @ values + found.units[0] @ pull + found.multipliers @ rows
    np.testing.assert_allclose(slope, 0, atol=1e-9)


def test_says_what_it_does_not_do():
    x, y = np.arange(4.0)[:, None], np.array([0.0, 1.0, 0.0, 1.0])
    space = RestrictedSpace(3, 1)
    with pytest.raises(ValueError, match="weight_decay: atlases of losses with corners are"):
        make_atlas(x, y, space=space, loss="absolute", weight_decay=WeightDecay(0.1))
