"""Merge trees against flooding, conic programs, rationals, atlases, paths and searches."""

import doctest
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from threadpoolctl import threadpool_limits

from landscape.atlas import make_atlas
from landscape.descent import descend
from landscape.effective import EffectiveProblem
from landscape.losses import WeightDecay
from landscape.objective import loss, mean_loss
from landscape.parametrization import Parametrization
from landscape.seminorm import uniform_norm
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace, make_space
from landscape.trees import (
    EscapeBudget,
    TreeBudget,
    TreeTooLarge,
    escape_barrier,
    merge_tree,
    staircase,
    tree_cost,
)
from landscape.trees._escape import _Star
from tests.cases import diagonal
from tests.oracles.merge_tree import grid_pairs, least_penalized, patterns, program_pairs

SPACES = ("restricted", "balanced", "unrestricted")


def problem(kind, n, p=1, seed=0):
    rng = np.random.default_rng([seed, n, p])
    x = rng.standard_normal((n, p))
    if kind == "integers":
        x = rng.integers(-2, 3, (n, p)).astype(float)
        return x, rng.integers(-2, 3, n).astype(float)
    if kind == "duplicates":
        x[n // 2 :] = x[: n - n // 2]
    if kind == "collinear" and p > 1:
        x[:, 1:] = 2 * x[:, :1]
    y = np.sin(3 * x[:, 0]) + 0.1 * rng.standard_normal(n)
    return (1e6 * x + 1e7, 1e-9 * y) if kind == "units" else (x, y)


def value(tree, theta):
    return loss(theta, tree.space.embed(tree.features), tree.target)


def top(one, two, signs, X, y, offsets=(0.0, 0.0)):
    """The largest loss on a segment of product coordinates: it is at an end or at a kink."""
    z = [X @ u.T for u in (one, two)]
    with np.errstate(divide="ignore", invalid="ignore"):
        kinks = (z[0] / (z[0] - z[1])).ravel()
    losses = []
    for t in [0.0, 1.0, *kinks[(kinks > 0) & (kinks < 1)]]:
        values = np.maximum((1 - t) * z[0] + t * z[1], 0) @ signs
        e = (1 - t) * offsets[0] + t * offsets[1]
        losses.append(float(np.mean((values + e * np.maximum(X[:, -1], 0) - y) ** 2)))
    return max(losses)


def highest(tree, points):
    """The largest loss along straight segments in product coordinates."""
    X, levels = tree.space.embed(tree.features), []
    frozen = isinstance(tree.space, UnrestrictedSpace) and tree.space.offset
    free = slice(-1) if frozen else slice(None)
    for one, two in pairwise(points):
        u, v = one.products[free], two.products[free]
        assert ((one.signs == two.signs)[free] | ~u.any(axis=1) | ~v.any(axis=1)).all()
        signs = np.where(u.any(axis=1), one.signs[free], two.signs[free])
        offsets = [p.output_weights[-1] if frozen else 0.0 for p in (one, two)]
        levels.append(top(u, v, signs, X, tree.target, offsets))
    return max(levels)


class TestOracles:
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    @pytest.mark.parametrize("seed", range(2))
    def test_one_neuron_against_a_flooded_grid(self, sign, seed):
        x, y = problem("smooth", 5, seed=seed)
        y = y / np.abs(y).max()
        tree = merge_tree(x, y, space=RestrictedSpace(3, 1))
        own = tree.pairs[tree.positive == (sign > 0)]
        X = np.column_stack([x, np.ones(5)])
        flooded = grid_pairs(X, y, sign, 6.0, 241, tie=0.0)
        # The grid's step is 0.05: values near minima and saddles differ by less than this.
        width = 0.015
        for ones, others in ((own, flooded), (flooded, own)):
            for pair in ones[ones[:, 1] > ones[:, 0] + 2 * width]:
                near = np.isclose(others, pair, rtol=0, atol=width).all(axis=1)
                assert near.any(), (pair, others)

    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize(("n", "p"), [(4, 1), (3, 2)])
    def test_two_neurons_against_conic_programs(self, name, n, p):
        x, y = problem("smooth", n, p)
        space = make_space(name, p, 2 if name == "unrestricted" else 1)
        tree = merge_tree(x, y, space=space)
        offset = np.ones(n) if name == "unrestricted" else None
        X = np.column_stack([x, np.ones(n)])
        pairs = program_pairs(X, y, 2, offset=offset, glued=name != "restricted", tie=1e-6)
        own = tree.pairs[tree.pairs[:, 1] > tree.pairs[:, 0] + 1e-6]
        assert own.shape == pairs.shape
        assert np.allclose(own, pairs, atol=1e-6)

    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize("kind", ["smooth", "integers", "duplicates", "units"])
    def test_agrees_with_rationals(self, name, kind):
        x, y = problem(kind, 5)
        space = make_space(name, 1, 1)
        tree, exact = merge_tree(x, y, space=space), merge_tree(x, y, space=space, exact=True)
        scale = float(np.mean(y**2)) or 1.0
        assert tree.pairs.shape == exact.pairs.shape
        own, other = (sorted(np.round(t.pairs / scale, 8).tolist()) for t in (tree, exact))
        assert np.allclose(own, other, atol=2e-8)
        assert all(isinstance(birth, Fraction) for birth, _ in exact.exact_pairs)

    def test_a_tie_of_integers_is_decided_in_rationals(self):
        # Two samples that no neuron of N* with one sign can fit together: equal births.
        tree = merge_tree([[-1.0], [1.0]], [1.0, 1.0], space=RestrictedSpace(3, 1), exact=True)
        assert tree.exact_pairs[0] == (Fraction(0), None)
        assert all(death is None or death > birth for birth, death in tree.exact_pairs)


class TestValleys:
    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize("kind", ["smooth", "integers", "duplicates", "units"])
    def test_are_certified_and_found_again(self, name, kind):
        x, y = problem(kind, 6)
        tree = merge_tree(x, y, space=make_space(name, 1, 1))
        scale = float(np.mean(y**2))
        for k, row in enumerate(tree.valleys.itertuples()):
            assert value(tree, row.parametrization) == pytest.approx(row.loss, abs=1e-9 * scale)
            assert row.certificate.verdict.value in ("holds", "undecided")
            assert tree.locate(row.parametrization) == k
        undecided = sum(c.verdict.value != "holds" for c in tree.valleys.certificate)
        assert undecided <= len(tree) // 4

    def test_are_in_the_atlas_and_locate_all_of_it(self):
        x, y = problem("smooth", 7)
        space = make_space("restricted", 1, 1)
        tree, atlas = merge_tree(x, y, space=space), make_atlas(x, y, space=space)
        assert atlas.complete
        losses = np.array([entry.loss for entry in atlas.entries])
        for birth in tree.pairs[:, 0]:
            assert np.abs(losses - birth).min() <= 1e-9
        found = {tree.locate(entry.parametrization) for entry in atlas.entries}
        # Signs of silent neurons make sign classes of N* that the atlas does not tell apart.
        assert {k for k in range(len(tree)) if tree.pairs[k, 1] < np.inf} <= found
        for entry in atlas.entries:
            k = tree.locate(entry.parametrization)
            assert tree.pairs[k, 0] <= entry.loss + 1e-9

    def test_signs_split_the_restricted_space_only(self):
        x, y = problem("smooth", 6)
        roots = [
            int(np.isinf(merge_tree(x, y, space=make_space(name, 1, 2)).pairs[:, 1]).sum())
            for name in SPACES
        ]
        assert roots == [4, 1, 1]

    def test_births_and_deaths_do_not_depend_on_units(self):
        x, y = problem("smooth", 6)
        space = make_space("balanced", 1, 1)
        tree, moved = merge_tree(x, y, space=space), merge_tree(4 * x + 1, 1e3 * y, space=space)
        assert np.allclose(1e6 * tree.pairs, moved.pairs, rtol=1e-9)

    def test_all_samples_equal_and_targets_zero(self):
        tree = merge_tree(np.ones((3, 1)), [1.0, 2.0, 3.0], space=RestrictedSpace(3, 1))
        assert tree.pairs[0, 0] == pytest.approx(2 / 3)
        tree = merge_tree([[0.0], [1.0]], [0.0, 0.0], space=make_space("balanced", 1, 1))
        assert np.array_equal(tree.pairs, [[0.0, np.inf]])


class TestPaths:
    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize(("kind", "p"), [("smooth", 1), ("integers", 1), ("collinear", 2)])
    def test_never_exceed_the_barrier(self, name, kind, p):
        x, y = problem(kind, 5, p)
        tree = merge_tree(x, y, space=make_space(name, p, 1))
        scale, n_pairs = float(np.mean(y**2)), 0
        for i in range(len(tree)):
            for j in range(i):
                barrier = tree.barrier(i, j)
                assert barrier == tree.barrier(j, i)
                if np.isinf(barrier):
                    with pytest.raises(ValueError, match="not connected"):
                        tree.path(i, j)
                    continue
                points, n_pairs = tree.path(i, j), n_pairs + 1
                assert value(tree, points[0]) == pytest.approx(tree.pairs[i, 0], abs=1e-9 * scale)
                assert value(tree, points[-1]) == pytest.approx(tree.pairs[j, 0], abs=1e-9 * scale)
                assert highest(tree, points) <= barrier + 1e-9 * scale
                saddle = value(tree, tree.saddle(i, j))
                assert saddle == pytest.approx(barrier, abs=1e-9 * scale)
        assert n_pairs

    @pytest.mark.parametrize(
        "n_pairs", [20, pytest.param(1000, marks=pytest.mark.slow, id="thousand")]
    )
    def test_no_path_of_a_search_is_lower(self, n_pairs):
        """A nudged elastic band between minima, its images moved off the gradient's way."""
        rng = np.random.default_rng(3)
        done = 0
        while done < n_pairs:
            x, y = problem("smooth", 5, seed=int(rng.integers(100)))
            tree = merge_tree(x, y, space=RestrictedSpace(3, 2))
            X = np.column_stack([x, np.ones(5)])
            for i in range(1, len(tree)):
                j = int(rng.integers(i))
                if np.isinf(tree.barrier(i, j)):
                    continue
                signs, band = band_between(tree, i, j)
                for _ in range(100):
                    z = np.maximum(np.einsum("kmd,nd->knm", band, X), 0)
                    s = z @ signs - y
                    force = np.einsum("knm,kn,nd->kmd", (z > 0) * signs, s, X)[1:-1]
                    along = band[2:] - band[:-2]
                    norm = np.sqrt((along**2).sum(axis=(1, 2)))[:, None, None] + 1e-12
                    along /= norm
                    force -= (force * along).sum(axis=(1, 2))[:, None, None] * along
                    band[1:-1] -= 0.02 * force
                level = max(top(one, two, signs, X, y) for one, two in pairwise(band))
                assert level >= tree.barrier(i, j) - 1e-9
                done += 1

    def test_ends_of_descent_lie_in_valleys(self):
        x, y = problem("smooth", 6)
        for name in SPACES:
            space = make_space(name, 1, 1)
            tree, X = merge_tree(x, y, space=space), space.embed(x)
            for seed in range(10):
                theta = space.sample(np.random.default_rng(seed))
                end = descend(theta, X, y, space=space).parametrization
                assert tree.pairs[tree.locate(end), 0] <= value(tree, end) + 1e-9
                assert tree.pairs[tree.locate(theta), 0] <= value(tree, theta) + 1e-9


class TestEscape:
    @pytest.mark.parametrize(
        ("name", "data"), diagonal(SPACES, [("smooth", 5, 1), ("integers", 5, 1), ("smooth", 5, 2)])
    )
    def test_agrees_with_the_tree_or_brackets_it(self, name, data):
        x, y = problem(*data)
        p = x.shape[1]
        tree = merge_tree(x, y, space=make_space(name, p, 1))
        X, scale = tree.space.embed(x), float(np.mean(y**2))
        for k, row in enumerate(tree.valleys.itertuples()):
            others = [theta for j, theta in enumerate(tree.valleys.parametrization) if j < k]
            for max_cells in (3, 60):
                found = escape_barrier(
                    row.parametrization,
                    X,
                    y,
                    space=tree.space,
                    others=others,
                    budget=EscapeBudget(max_cells=max_cells),
                )
                assert found.lower <= row.barrier + 1e-6 * scale
                assert found.upper >= row.barrier - 1e-6 * scale
                assert found.n_cells <= max_cells
                if "known" in found.outcome:
                    assert found.lower == pytest.approx(row.barrier, abs=1e-6 * scale)
                    assert found.upper == pytest.approx(row.barrier, abs=1e-6 * scale)
                for theta in found.path:
                    assert value(tree, theta) <= found.upper + 1e-6 * scale
                if found.path:
                    assert value(tree, found.path[-1]) == pytest.approx(found.end, abs=1e-6 * scale)
                    assert found.end < row.loss

    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize(
        ("n", "p"),
        [(5, 1), *(pytest.param(*size, marks=pytest.mark.slow) for size in [(14, 1), (10, 2)])],
    )
    def test_the_star_of_a_minimum_bounds_its_barrier(self, name, n, p):
        shares = []
        for seed in range(3):
            x, y = problem("smooth", n, p, seed)
            tree = merge_tree(x, y, space=make_space(name, p, 1))
            X, budget = tree.space.embed(x), EscapeBudget(max_cells=1)
            for row, (birth, death) in zip(tree.valleys.itertuples(), tree.pairs, strict=True):
                theta = row.parametrization
                found = escape_barrier(theta, X, y, space=tree.space, budget=budget)
                assert birth - 1e-12 <= found.lower <= death + found.tolerance
                assert found.upper >= death - found.tolerance
                if row.certificate.is_minimum:
                    own = EffectiveProblem.build(theta, X, y, tree.space)
                    rise = _Star(own, own.state()).least
                    assert 0 <= rise <= death - birth + 1e-9
                    if np.isfinite(death):
                        shares.append(rise / (death - birth))
        assert n == 5 or max(shares) > 0.05, max(shares)

    def test_brackets_on_diabetes_and_the_same_with_two_threads(self):
        data = load_diabetes()
        x, y = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (data.data, data.target))
        space = make_space("unrestricted", 10, 2)
        theta, X = space.sample(np.random.default_rng(2)), space.embed(x)
        end = descend(theta, X, y, space=space)
        found = []
        for threads in (1, 2):
            with threadpool_limits(threads, user_api="blas"):
                budget = EscapeBudget(max_cells=20)
                found.append(escape_barrier(end.parametrization, X, y, space=space, budget=budget))
        one, two = found
        assert 1e-8 < one.lower - end.loss < one.upper - end.loss < 1e-4
        assert (one.lower, one.upper, one.end) == (two.lower, two.upper, two.end)

    def test_most_of_the_barriers_are_found_within_sixty_cells(self):
        x, y = problem("smooth", 5)
        tree = merge_tree(x, y, space=make_space("balanced", 1, 1))
        rows = [row for row in tree.valleys.itertuples() if np.isfinite(row.barrier)]
        X, budget = tree.space.embed(x), EscapeBudget(max_cells=60)
        found = [
            escape_barrier(row.parametrization, X, y, space=tree.space, budget=budget)
            for row in rows
        ]
        assert len(found) > 2 and all("known" in one.outcome for one in found)

    def test_a_flood_that_ends_says_that_nothing_is_lower(self):
        space, X = RestrictedSpace(3, 1), [[-1.0, 1.0, -1.0], [1.0, 1.0, -1.0]]
        theta = Parametrization.from_products([[0.5, 1.5, 1.0]], [1.0])
        found = escape_barrier(theta, X, [-1.0, 1.0], space=space)
        assert np.isinf(found.lower) and np.isinf(found.upper) and not found.path
        assert "nothing is lower" in found.outcome

    def test_spaces_with_bounds_are_refused(self):
        theta = Parametrization.from_products([[0.5, 0.5, 0.5]], [1.0])
        space = RestrictedSpace(3, 1, bound=2.0)
        with pytest.raises(ValueError, match="bounds"):
            escape_barrier(theta, [[1.0, 1.0, -1.0]], [1.0], space=space)


def band_between(tree, i, j, n_images=30):
    """Signs and images (k, m, d) on the segment between two minima of N* in effective weights."""
    ends = []
    for k in (i, j):
        theta = tree.minimum(k)[0]
        found = EffectiveProblem.build(
            theta, tree.space.embed(tree.features), tree.target, tree.space
        )
        order = np.argsort(-found.signs, kind="stable")
        ends.append((found.signs[order], found.state().u[order]))
    (signs, one), (other, two) = ends
    assert np.array_equal(signs, other)
    t = np.linspace(0, 1, n_images)[:, None, None]
    return signs, (1 - t) * one + t * two


class TestRefusals:
    def test_too_large_is_said_with_numbers(self):
        x, y = problem("smooth", 30)
        space = make_space("restricted", 1, 4)
        cost = tree_cost(x, y, space=space)
        assert cost.n_cells == 60
        with pytest.raises(TreeTooLarge, match=f"{cost.n_joint_cells:,} joint cells"):
            merge_tree(x, y, space=space, budget=TreeBudget(max_facets=1000))
        with pytest.raises(TreeTooLarge, match="max_exact"):
            merge_tree(x, y, space=make_space("restricted", 1, 2), exact=True)
        with pytest.raises(TreeTooLarge, match="max_cells"):
            merge_tree(x, y, space=space, budget=TreeBudget(max_cells=59))

    def test_spaces_and_shapes(self):
        with pytest.raises(ValueError, match="upper bound"):
            merge_tree([[1.0]], [1.0], space=RestrictedSpace(3, 1, bound=2.0))
        with pytest.raises(ValueError, match="features"):
            merge_tree([[1.0, 2.0]], [1.0], space=RestrictedSpace(3, 1))
        with pytest.raises(ValueError, match="exact"):
            _ = merge_tree([[1.0]], [1.0], space=RestrictedSpace(3, 1)).exact_pairs


def test_the_graph_has_a_branch_for_each_valley():
    x, y = problem("smooth", 7)
    tree = merge_tree(x, y, space=make_space("balanced", 1, 1))
    ax = tree.plot(weights=np.arange(len(tree)))
    finite = np.isfinite(tree.pairs[:, 1]).sum()
    assert len(ax.lines) == len(tree) + finite
    for k, parent in enumerate(tree.parents):
        assert (parent < 0) == np.isinf(tree.pairs[k, 1])
        if parent >= 0:
            assert tree.barrier(k, int(parent)) == tree.pairs[k, 1]
    assert isinstance(tree.valleys.parametrization[0], Parametrization)


def test_the_page_is_right():
    failed, tried = doctest.testfile(
        str(Path(__file__).parents[1] / "docs/trees.md"), module_relative=False
    )
    assert tried and not failed


def test_witness_paths_move_continuously_in_the_uniform_norm():
    """Theorems 17.1 and 20.6, with exact uniform norms of differences on [-2, 2]^3."""
    x, y = problem("smooth", 6)
    tree, bound, n_steps = merge_tree(x, y, space=make_space("restricted", 1, 1)), 2.0, 4
    n_paths = 0
    for i, j in [(i, int(tree.parents[i])) for i in range(len(tree)) if tree.parents[i] >= 0][:3]:
        n_paths += 1
        for one, two in pairwise(tree.path(i, j)):
            assert np.array_equal(one.signs, two.signs)
            t = np.linspace(0, 1, n_steps + 1)[:, None, None]
            rows = (1 - t) * one.products + t * two.products
            # A ridge changes by |<v, x>| at most, where v is what its neuron changes by.
            step = np.abs(np.diff(rows, axis=0)).sum(axis=(1, 2)).max() * bound
            for before, after in pairwise(rows):
                both = Parametrization.from_products(
                    np.vstack([before, after]), np.append(one.signs, -one.signs)
                )
                moved = uniform_norm(both, bound=bound)
                assert moved.upper <= step * (1 + 1e-9) + 1e-12
                theta = Parametrization.from_products(after, one.signs)
                assert value(tree, theta) <= tree.barrier(i, j) + 1e-9
    assert n_paths


@pytest.mark.parametrize("name", ["balanced", "unrestricted"])
def test_valleys_join_when_a_neuron_is_added_and_barriers_only_fall(name):
    """A wider network contains the narrow ones, with a neuron at zero."""
    joined = 0
    for seed in range(3):
        x, y = problem("smooth", 6, seed=seed)
        narrow, wide = (merge_tree(x, y, space=make_space(name, 1, m)) for m in (1, 2))
        homes = []
        for i in range(len(narrow)):
            theta = narrow.minimum(i)[0]
            # The new neuron stands first: an offset's is the last.
            weights = np.vstack([np.zeros(theta.weights.shape[1]), theta.weights])
            own = Parametrization(weights, np.append(0.0, theta.output_weights))
            homes.append(wide.locate(own))
            assert wide.pairs[homes[i], 0] <= narrow.pairs[i, 0] + 1e-9
        for i in range(len(narrow)):
            for j in range(i):
                assert wide.barrier(homes[i], homes[j]) <= narrow.barrier(i, j) + 1e-9
                joined += homes[i] == homes[j]
        assert wide.pairs[0, 0] <= narrow.pairs[0, 0]
    assert joined


def test_a_staircase_ends_at_the_budget_and_with_one_valley():
    x, y = problem("smooth", 3)
    stairs = staircase(x, y, exact=True)
    assert [stair.width for stair in stairs] == [1, 2, 3, 4]
    assert stairs[-1].n_valleys == 1 and stairs[-1].n_spurious == 0
    assert all(a.loss >= b.loss - 1e-12 for a, b in pairwise(stairs))
    budget = TreeBudget(max_facets=1000)
    assert len(staircase(x, y, budget=budget)) < 4
    with pytest.raises(TreeTooLarge):
        staircase(x, y, budget=TreeBudget(max_facets=1))
    with pytest.raises(ValueError, match="space"):
        staircase(x, y, space="N")


class TestOtherLosses:
    """Losses of Theorem 26 and weight decay (Theorem 40), against cvxpy cell by cell."""

    FORMS = (
        {"weight_decay": 0.05},
        {"loss": "logistic", "weight_decay": WeightDecay(0.02, biases=True)},
        {"loss": "huber"},
        {"loss": "huber", "weight_decay": 0.1},
        {"loss": "logistic", "weight_decay": 0.01},
    )

    def data(self, form, n, p=1, seed=0):
        x, y = problem("smooth", n, p, seed)
        return x, ((y > 0) * 1.0 if form.get("loss") == "logistic" else 3 * y)

    def compare(self, form, name, n, p, m, seed=0):
        x, y = self.data(form, n, p, seed)
        space = make_space(name, p, m if name == "unrestricted" else m - 1)
        tree = merge_tree(x, y, space=space, **form)
        assert 0 <= tree.tolerance < 1e-8
        own = form.get("weight_decay", 0.0)
        decay = own if isinstance(own, WeightDecay) else WeightDecay(own)
        pull = np.full(p + 1, 2.0 * decay.strength)
        pull[-1] *= decay.biases
        least = partial(least_penalized, loss=form.get("loss", "squared"), decay=pull)
        if not pull.any():
            least = partial(least_penalized, loss=form["loss"])
        offset = np.ones(n) if name == "unrestricted" else None
        X = np.column_stack([x, np.ones(n)])
        glued = name != "restricted"
        pairs = program_pairs(X, y, m, offset=offset, glued=glued, tie=1e-5, least=least)
        found = tree.pairs[tree.pairs[:, 1] > tree.pairs[:, 0] + 1e-5]
        assert found.shape == pairs.shape
        # Of valleys at one level the higher pass comes first: births that agree are equal.
        order = np.lexsort((-found[:, 1], np.round(found[:, 0], 4)))
        there = np.lexsort((-pairs[:, 1], np.round(pairs[:, 0], 4)))
        np.testing.assert_allclose(found[order], pairs[there], atol=1e-5)

    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize("form", FORMS[1:2])
    def test_one_neuron_against_cvxpy(self, form, name):
        self.compare(form, name, 3, 1, 1)

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "p", "m"), [(3, 1, 2), (4, 2, 1), (6, 1, 1)])
    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize("form", FORMS)
    def test_two_neurons_against_cvxpy(self, form, name, n, p, m):
        for seed in range(2):
            self.compare(form, name, n, p, m, seed)

    @pytest.mark.parametrize("name", SPACES)
    @pytest.mark.parametrize("form", FORMS[3:])
    def test_paths_minima_and_places(self, form, name):
        x, y = self.data(form, 6)
        space = make_space(name, 1, 2 if name == "unrestricted" else 1)
        tree = merge_tree(x, y, space=space, **form)
        X = space.embed(x)
        roots = np.isinf(tree.pairs[:, 1])
        assert roots.sum() == (3 if name == "restricted" else 1)
        for i in range(len(tree)):
            theta, certificate = tree.minimum(i)
            assert certificate.is_minimum
            assert certificate.loss == pytest.approx(tree.pairs[i, 0], rel=1e-7, abs=1e-9)
            assert tree.locate(theta) == i
            j = int(tree.parents[i])
            if j < 0:
                continue
            heights = [mean_loss(t, X, y, space=space, **form) for t in tree.path(i, j)]
            assert max(heights) == pytest.approx(tree.pairs[i, 1], rel=1e-6)
            assert tree.profile(i, j)[:, 1].max() == pytest.approx(tree.pairs[i, 1], rel=1e-6)

    def test_no_width_is_below_the_convex_program(self):
        """Theorem 41, with all neurons that there are in one program."""
        x, y = self.data(form := {"weight_decay": 0.05}, 3)
        X = np.column_stack([x, np.ones(3)])
        neurons = [(sign, sides) for sides in patterns(X) for sign in (1.0, -1.0)]
        least = least_penalized(X, y, None, neurons, decay=np.array([0.1, 0.0]))
        found = [merge_tree(x, y, space=BalancedSpace(3, m), **form).pairs[0, 0] for m in (1, 2, 3)]
        assert found[0] > least + 1e-3
        assert found[1] >= least - 1e-8
        assert found[2] == pytest.approx(least, abs=1e-7)

    def test_huge_delta_and_no_decay_are_the_squared_loss(self):
        x, y = problem("duplicates", 8)
        space = make_space("balanced", 1, 1)
        plain = merge_tree(x, y, space=space)
        for form in ({"weight_decay": 1e-13}, {"sample_weight": np.full(8, 3.0)}):
            tree = merge_tree(x, y, space=space, **form)
            assert len(tree) == len(plain)
            np.testing.assert_allclose(tree.pairs, plain.pairs, atol=1e-8)

    def test_says_what_it_does_not_do(self):
        x, y = problem("smooth", 4)
        space = make_space("unrestricted", 1, 1)
        with pytest.raises(ValueError, match="exact: only for the squared loss"):
            merge_tree(x, y, space=space, exact=True, loss="huber")
        with pytest.raises(ValueError, match="weight_decay: offset=True"):
            merge_tree(x, y, space=space, weight_decay=WeightDecay(0.1, offset=True))
