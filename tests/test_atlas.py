"""The atlas of small problems: complete by exact oracles, and by descents that all end in it."""

from itertools import combinations

import numpy as np
import pytest

from landscape.atlas import Atlas, AtlasTooLarge, atlas_cost, make_atlas
from landscape.atlas._faces import count_faces, neuron_faces
from landscape.atlas._supports import Code, Types
from landscape.data import Dataset
from landscape.data.sources import draw_smooth
from landscape.descent import DescentOutcome, descend
from landscape.losses import HuberLoss, WeightDecay, get_loss
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.plots import render
from landscape.plots_atlas import (
    atlas_figure,
    barriers_figure,
    breakpoints,
    coverage_figure,
    valleys_figure,
)
from landscape.rows import frame_of
from landscape.spaces import BalancedSpace, RestrictedSpace, make_space
from landscape.study.cells import Cell
from landscape.study.coverage import atlas_rows, cover, endings, valley_rows
from landscape.study.rows import Coverage, Entry, Valley
from landscape.trees import TreeBudget, merge_tree
from tests.cases import diagonal
from tests.oracles.atlas import cell_minima
from tests.oracles.exact_atlas import count_components, exact_minima, lift, minima_of_cells
from tests.oracles.exact_atlas import neuron_faces as exact_faces
from tests.oracles.merge_tree import least_penalized, patterns
from tests.oracles.rational import dot


def sine(n=12, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, (n, 1)), axis=0)
    return x, np.sin(4 * x[:, 0]) + 0.1 * rng.standard_normal(n)


def atlas_of(x, y, m, **options) -> Atlas:
    x = np.asarray(x, dtype=float)
    space = RestrictedSpace(x.shape[1] + 2, m, margin=1e-3)
    return make_atlas(x, np.asarray(y, dtype=float), space=space, **options)


@pytest.fixture(scope="module")
def sine_atlas():
    """Two neurons, one of which takes the offset's role, on eight samples."""
    return atlas_of(*sine(8), 2)


def assert_agrees(atlas, X, y, m):
    """Losses, values and connected sets are those of the exact enumeration."""
    exact = exact_minima(X, y, m)
    scale = max(1.0, float(np.mean(np.square(y))))
    losses = np.array(sorted({float(minimum.loss) for minimum in exact}))
    found = np.array([entry.loss for entry in atlas.entries])
    gaps = np.abs(losses[:, None] - found[None, :])
    assert gaps.min(axis=1).max() <= 1e-12 * scale, "a minimum is missing"
    assert gaps.min(axis=0).max() <= 1e-12 * scale, "what the atlas has is no minimum"
    values = np.array(sorted({tuple(map(float, minimum.values)) for minimum in exact}))
    own = np.array([entry.residuals for entry in atlas.entries]) + np.asarray(y, dtype=float)
    gaps = np.abs(values[:, None] - own[None]).max(axis=2)
    assert gaps.min(axis=1).max() <= 1e-9 * scale
    assert gaps.min(axis=0).max() <= 1e-9 * scale
    assert atlas.n_values == len(values)
    assert len(atlas) == count_components(exact, X)
    assert atlas.complete


class TestFaces:
    @pytest.mark.parametrize(
        "X",
        [
            [[0], [3], [-1], [3], [5]],
            [[0, 0], [1, 0], [0, 1], [1, 1]],
            [[0, 0], [1, 0], [2, 0], [0, 1], [1, 3]],
        ],
        ids=["duplicates", "square", "three on a line"],
    )
    def test_are_those_of_exact_arithmetic(self, X):
        faces = neuron_faces(np.array(X, dtype=float))
        lifted = lift(X)
        exact = set()
        for rays in exact_faces(lifted):
            heights = [sum(dot(ray, p) for ray in rays) for p in lifted]
            exact.add(tuple(int(np.sign(h)) for h in heights))
        assert {tuple(row) for row in faces.signs.tolist()} == exact
        assert len(faces) == len(exact)

    def test_carry_points_inside_and_bases_of_their_hulls(self):
        x = np.random.default_rng(0).standard_normal((9, 2))
        faces = neuron_faces(x)
        heights = faces.interiors @ faces.frame.points.T
        np.testing.assert_array_equal(
            np.where(np.abs(heights) <= 1e-10, 0, np.sign(heights)), faces.signs
        )
        for f in range(len(faces)):
            hull = faces.hulls[f]
            assert hull.shape == (3, faces.dimensions[f])
            assert np.abs((faces.frame.points @ hull)[faces.signs[f] == 0]).max(initial=0) <= 1e-13

    @pytest.mark.parametrize("shape", [(12, 1), (7, 2), (5, 3), (2, 2)])
    def test_are_as_many_as_the_formula_says_in_general_position(self, shape):
        faces = neuron_faces(np.random.default_rng(1).standard_normal(shape))
        assert len(faces) == count_faces(shape[0], min(shape[0], shape[1] + 1))

    def test_of_collinear_inputs_are_those_of_one_input(self):
        t = np.random.default_rng(2).standard_normal(6)
        one = neuron_faces(t[:, None])
        two = neuron_faces(np.column_stack([1 + t, 2 - 2 * t]))
        assert {row.tobytes() for row in one.signs} == {row.tobytes() for row in two.signs}


class TestSearch:
    @pytest.mark.parametrize("data", ["generic", "grid", "plane"])
    def test_drops_no_support_with_minimizers(self, data):
        """Judged one by one, with singular values instead of Gram-Schmidt for all at once."""
        rng = np.random.default_rng(3)
        x, y = {
            "generic": sine(5),
            "grid": (np.array([[0.0], [1], [2], [2]]), np.array([1.0, -1, 2, 0])),
            "plane": (rng.standard_normal((4, 2)), rng.standard_normal(4)),
        }[data]
        types = Types(neuron_faces(x), y)
        for k in (1, 2) if data != "plane" else (1,):
            found = list(types.search(k))
            assert found == sorted(found)
            for support in set(combinations(range(types.n_types), k)) - set(found):
                fit = types.fit(support)
                rejected = any(
                    ((1 - 2 * (t % 2)) * (types._conditions(t // 2) @ fit.residuals) < -1e-9).any()
                    for t in support
                )
                assert rejected or fit.code is Code.NONE

    def test_points_have_the_values_of_their_support(self):
        x, y = sine(6)
        types = Types(neuron_faces(x), y)
        checked = 0
        for support in types.search(2):
            fit = types.fit(support)
            if fit.code is not Code.INSIDE:
                continue
            points = fit.points
            z = types.faces.frame.points @ points.T
            sides = types.faces.signs[np.array(support) // 2].T
            assert (
                np.where(np.abs(z) <= 1e-11 * np.abs(points).max(), 0, np.sign(z)) == sides
            ).all()
            signs = 1.0 - 2.0 * (np.array(support) % 2)
            np.testing.assert_allclose(
                np.maximum(z, 0) @ signs - y, fit.residuals, atol=1e-10 * np.abs(points).max()
            )
            checked += 1
        assert checked > 20


class TestCost:
    def test_counts_of_one_input(self):
        cost = atlas_cost(sine()[0], 2)
        assert (cost.n_faces, cost.n_silent, cost.exact) == (49, 4, True)
        assert cost.n_supports == 1 + 90 + 90 * 89 // 2
        assert cost.n_joint_faces == 98 * 99 // 2

    def test_counts_are_what_is_searched(self):
        x, y = sine(5)
        types = Types(neuron_faces(x), y)
        assert atlas_cost(x, 1).n_supports == 1 + types.n_types

    def test_too_large_is_refused_before_the_start_with_the_number(self):
        lines = []
        with pytest.raises(AtlasTooLarge, match="2,676,766 least squares problems") as caught:
            atlas_of(*sine(), 4, max_supports=10**6, progress=lines.append)
        assert caught.value.key == "max_supports"
        assert caught.value.value == atlas_cost(sine()[0], 4).n_supports == 2_676_766
        assert "fewer samples" in caught.value.remedy
        assert not lines

    def test_many_samples_are_refused_without_enumeration(self):
        x = np.random.default_rng(0).standard_normal((400, 5))
        with pytest.raises(AtlasTooLarge, match="400 distinct samples") as caught:
            atlas_of(x, x[:, 0], 2)
        assert caught.value.key == "features"
        assert not atlas_cost(x, 2).exact

    @pytest.mark.parametrize(
        ("features", "neurons", "key"),
        [(np.ones(3), 1, "features"), (np.ones((3, 1)), 0, "n_neurons")],
    )
    def test_bad_arguments(self, features, neurons, key):
        with pytest.raises(ValueError, match=key):
            atlas_cost(features, neurons)


#: Integer problems of one input: (x, y).
EXACT = {
    "generic": ([0, 3, -2, -3], [-4, -1, 4, 1]),
    "duplicates": ([1, 0, 0, 3, -2], [2, -4, -1, 3, 0]),
    "every sample twice": ([-2, -2, 1, 1], [-4, -4, -1, 3]),
    "grid": ([0, 1, 2, 3], [1, -1, 2, 0]),
    "ridge": ([0, 1, 2, 3], [0, 0, 1, 2]),
    "constant": ([0, 1, 2, 5], [3, 3, 3, 3]),
    "zero": ([0, 1, 4], [0, 0, 0]),
    "two samples": ([0, 1], [1, -1]),
}


class TestExactness:
    @pytest.mark.parametrize(("name", "m"), diagonal(EXACT, [1, 2]))
    def test_agrees_with_exact_arithmetic(self, name, m):
        x, y = EXACT[name]
        X = [[v] for v in x]
        assert_agrees(atlas_of(X, y, m), X, y, m)

    @pytest.mark.slow
    def test_agrees_where_samples_are_next_to_each_other(self):
        """Two that differ by a thousandth: rounding of their values split one set into two."""
        x, y = draw_smooth(function="sine", n_samples=6, n_features=1, noise=0.1, seed=21)
        assert_agrees(atlas_of(x, y, 2), x.tolist(), y.tolist(), 2)

    @pytest.mark.parametrize(
        ("X", "y"),
        [
            ([[0, 0], [1, 0], [0, 1], [1, 1]], [1, -2, 0, 3]),
            ([[0, 0], [2, 0], [1, 3], [-1, 1], [2, 0]], [1, -2, 4, 0, 1]),
            ([[0, 0], [1, 0], [2, 0], [0, 1], [1, 3]], [2, 0, -1, 3, -2]),
        ],
        ids=["square", "duplicate", "three on a line"],
    )
    def test_agrees_with_exact_arithmetic_for_two_inputs(self, X, y):
        assert_agrees(atlas_of(X, y, 1), X, y, 1)

    @pytest.mark.parametrize(
        ("shift", "unit", "target"),
        [(0, 2**20, 1), (0, 2**-20, 1), (10_000, 1, 1), (-3, 1, 2**12), (0, 1, 2**-6)],
    )
    def test_units_and_origins_do_not_matter(self, shift, unit, target):
        X = [[shift + unit * v] for v in (0, 1, 2, 5)]
        y = [target * v for v in (1, -1, 0.5, 2)]
        assert_agrees(atlas_of(X, y, 1), X, y, 1)

    def test_units_and_origins_do_not_matter_for_two_neurons(self):
        X = [[10_000 + 2**-4 * v] for v in (0, 1, 2, 5)]
        y = [2**7 * v for v in (1, -1, 0.5, 2)]
        assert_agrees(atlas_of(X, y, 2), X, y, 2)

    @pytest.mark.parametrize("gap", [1e-9, 1e-12])
    def test_samples_too_near_to_each_other_leave_it_incomplete(self, gap):
        atlas = atlas_of([[0], [1], [1 + gap], [2]], [1, -1, 0.5, 2], 1)
        assert not atlas.complete
        assert "too near to each other" in atlas.undecided[0].reason

    def test_what_units_hide_is_undecided_not_dropped(self):
        X, y = [[1e6 + v] for v in (0, 1, 2, 5)], [1, -1, 0.5, 2]
        atlas = atlas_of(X, y, 1)
        exact = {float(minimum.loss) for minimum in exact_minima(X, y, 1)}
        known = [entry.loss for entry in atlas.entries]
        known += [unresolved.loss for unresolved in atlas.undecided]
        assert atlas.complete == (len(atlas) == len(exact))
        for loss in exact:
            assert np.abs(np.array(known) - loss).min() <= 1e-9

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(40))
    def test_agrees_with_exact_arithmetic_on_random_integers(self, seed):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 7))
        x = [0, *rng.integers(-3, 4, n - 2).tolist(), 1]
        y = rng.integers(-4, 5, n).tolist()
        X = [[v] for v in x]
        for m in (1, 2):
            assert_agrees(atlas_of(X, y, m), X, y, m)

    @pytest.mark.slow
    def test_agrees_with_exact_arithmetic_for_three_neurons(self):
        X, y = [[0], [1], [3], [1]], [1, -1, 2, 0]
        assert_agrees(atlas_of(X, y, 3), X, y, 3)

    def test_losses_are_minima_of_cells_and_the_global_one_is_their_least(self, sine_atlas):
        x, y = sine(8)
        cells = cell_minima(x, y, 2)
        for entry in sine_atlas.entries:
            assert np.abs(cells - entry.loss).min() <= 1e-12
        assert sine_atlas.global_minimum.loss == pytest.approx(cells[0], rel=1e-10)
        assert sine_atlas.global_minimum.is_global
        assert not sine_atlas.entries[1].is_global

    @pytest.mark.slow
    @pytest.mark.parametrize("m", [2, 3])
    def test_of_twelve_samples_agrees_with_cells_judged_exactly(self, m):
        """Two and three neurons in N*: without and with one for the offset (some minutes)."""
        rng = np.random.default_rng(7)
        x = np.sort(rng.choice(100, 12, replace=False))
        y = np.round(20 * np.sin(x / 15) + 2 * rng.standard_normal(12)).astype(int)
        atlas = atlas_of(x[:, None], y, m)
        assert atlas.complete
        assert [entry.number for entry in atlas.entries] == list(range(len(atlas)))
        exact = np.array(sorted(map(float, minima_of_cells(x[:, None].tolist(), y.tolist(), m))))
        found = np.array([entry.loss for entry in atlas.entries])
        assert len(exact) > 40
        gaps = np.abs(exact[:, None] - found[None, :]) / exact[:, None]
        assert gaps.min(axis=1).max() <= 1e-10, "a minimum is missing"
        assert gaps.min(axis=0).max() <= 1e-10, "what the atlas has is no minimum"
        assert atlas.global_minimum.loss == pytest.approx(exact[0], rel=1e-10)


class TestEntries:
    def test_are_certified(self, sine_atlas):
        X = sine_atlas.space.embed(sine_atlas.features)
        for entry in sine_atlas.entries:
            certificate = certify_minimum(
                entry.parametrization, X, sine_atlas.target, space=sine_atlas.space
            )
            assert certificate.is_minimum
            assert certificate.loss == pytest.approx(entry.loss, rel=1e-9, abs=1e-14)
            assert certificate.radius == entry.certificate.radius
            assert sine_atlas.space.contains(entry.parametrization)

    def test_are_found_again_by_their_representatives_and_permutations(self, sine_atlas):
        for entry in sine_atlas.entries:
            for theta in (entry.parametrization, entry.parametrization.permute([1, 0])):
                location = sine_atlas.locate(theta)
                assert (location.number, location.how) == (entry.number, "face")

    def test_contain_a_random_point_only_if_it_is_a_minimum(self, sine_atlas):
        rng = np.random.default_rng(0)
        X, y, space = (
            sine_atlas.space.embed(sine_atlas.features),
            sine_atlas.target,
            sine_atlas.space,
        )
        verdicts = set()
        for _ in range(60):
            theta = space.sample(rng)
            is_minimum = certify_minimum(theta, X, y, space=space).is_minimum
            assert (sine_atlas.locate(theta).number >= 0) == is_minimum
            verdicts.add(is_minimum)
        assert verdicts == {True, False}  # sometimes all neurons are silent

    def test_are_found_again_beside_their_kinks_within_rounding(self, sine_atlas):
        kinked = [e for e in sine_atlas.entries if e.certificate.n_kinks and e.dimension == 0]
        assert kinked
        rng = np.random.default_rng(2)
        for entry in kinked:
            theta = entry.parametrization
            noise = 1 + 1e-9 * rng.standard_normal(theta.products.shape)
            near = Parametrization.from_products(theta.products * noise, theta.signs)
            location = sine_atlas.locate(near)
            assert (location.number, location.how) == (entry.number, "values")

    def test_do_not_contain_the_points_beside_them(self, sine_atlas):
        best = sine_atlas.global_minimum.parametrization
        moved = Parametrization.from_products(best.products * 1.001, best.signs)
        assert sine_atlas.locate(moved).how == "none"

    def test_do_not_depend_on_the_order_of_the_samples(self, sine_atlas):
        x, y = sine(8)
        order = np.random.default_rng(1).permutation(8)
        other = atlas_of(x[order], y[order], 2)
        assert len(other) == len(sine_atlas)
        np.testing.assert_allclose(
            [e.loss for e in other.entries], [e.loss for e in sine_atlas.entries], rtol=1e-9
        )

    def test_scale_with_the_target(self, sine_atlas):
        x, y = sine(8)
        other = atlas_of(x, 4 * y, 2)
        np.testing.assert_allclose(
            [e.loss for e in other.entries], [16 * e.loss for e in sine_atlas.entries], rtol=1e-9
        )

    def test_of_repeated_samples_are_those_of_the_samples(self, sine_atlas):
        x, y = sine(8)
        other = atlas_of(np.repeat(x, 3, axis=0), np.repeat(y, 3), 2)
        np.testing.assert_allclose(
            [e.loss for e in other.entries], [e.loss for e in sine_atlas.entries], rtol=1e-9
        )

    def test_of_collinear_inputs_are_those_of_one_input(self):
        t, y = sine(6)
        one = atlas_of(t, y, 2)
        two = atlas_of(np.column_stack([1 + t, 2 - 2 * t]), y, 2)
        np.testing.assert_allclose(
            [e.loss for e in two.entries], [e.loss for e in one.entries], rtol=1e-9
        )

    def test_silent_neurons_count_once_with_both_signs(self):
        entry = atlas_of([[0], [1], [2]], [0, 0, 0], 2).entries[0]
        assert entry.loss == 0
        assert entry.is_global
        assert 0 in entry.sign_classes and 2 in entry.sign_classes

    @pytest.mark.parametrize(
        "data", ["sine", "duplicates", pytest.param("grid", marks=pytest.mark.slow), "collinear"]
    )
    def test_contain_every_certified_end_of_descent(self, data):
        rng = np.random.default_rng(5)
        t = rng.standard_normal(7)
        x, y = {
            "sine": sine(8),
            "duplicates": (np.repeat(rng.standard_normal((4, 1)), 3, 0), rng.standard_normal(12)),
            "grid": (np.array([[0.0, 0], [0, 1], [1, 0], [1, 1], [0, 1]]), t[:5].round()),
            "collinear": (np.column_stack([1 + t, 2 - 2 * t]), np.sin(3 * t)),
        }[data]
        atlas = atlas_of(x, y, 2)
        space, X = atlas.space, atlas.space.embed(x)
        n_minima = 0
        for j in range(40):
            network, _ = Cell(data, x, y, space.n_neurons - 1, seed=1).start(j)
            theta = space.from_network(
                network.weights, network.biases, network.output_weights, network.offset
            )
            end = descend(theta, X, y, space=space)
            if end.outcome is not DescentOutcome.MINIMUM:
                continue
            location = atlas.locate(end.parametrization)
            assert location.number >= 0, f"start {j} found a minimum that the atlas lacks"
            assert atlas.entries[location.number].loss == pytest.approx(end.loss, abs=1e-9)
            n_minima += 1
        assert n_minima >= 35


class TestErrors:
    def test_space(self):
        x, y = sine(4)
        for space in (BalancedSpace(3, 1), RestrictedSpace(3, 1, bound=5.0)):
            with pytest.raises(ValueError, match="space: expected N"):
                make_atlas(x, y, space=space)

    def test_shapes(self):
        x, y = sine(4)
        with pytest.raises(ValueError, match="features, target"):
            make_atlas(x, y[:3], space=RestrictedSpace(3, 1))
        with pytest.raises(ValueError, match="features, target"):
            make_atlas(x, y, space=RestrictedSpace(4, 1))

    def test_progress_is_shown(self):
        lines = []
        atlas_of(*sine(4), 2, progress=lines.append)
        assert "supports" in lines[0]
        assert any("2 active neurons" in line for line in lines)
        assert "entries" in lines[-1]


@pytest.fixture(scope="module")
def records():
    x, y = sine(8)
    atlas = make_atlas(x, y, space=make_space("restricted", 1, 1, margin=1e-3))
    ends = {solver: ends_of(atlas, solver) for solver in ("trf", "descent", "far descent")}
    rows = [cover(atlas, own, solver=solver, problem="sine") for solver, own in ends.items()]
    return atlas, rows, {("restricted", solver): own for solver, own in ends.items()}


def ends_of(atlas, solver, starts=25, space=None):
    space = space or atlas.space
    data = atlas.features, atlas.target
    return endings(*data, space=space, solver=solver, starts=starts, seed=1, problem="sine")


class TestCoverage:
    def test_curves(self, records):
        atlas, every, _ = records
        for rows in every:
            numbers = np.array([row.number for row in rows])
            assert (numbers != -2).all()
            certified = numbers[numbers >= 0]
            assert len(certified) == sum(row.outcome == "minimum" for row in rows) >= 23
            for k, row in enumerate(rows):
                first = numbers[: k + 1]
                assert row.distinct == len(set(first[first >= 0].tolist()))
                assert row.global_hits == (first == 0).sum()
                if row.number >= 0:
                    assert row.loss == pytest.approx(atlas.entries[row.number].loss, abs=1e-9)
                assert row.loss <= row.trained_loss + 1e-12

    def test_far_descent_finds_the_global_minimum_more_often(self, records):
        _, (_, near, far), _ = records
        assert far[-1].global_hits > near[-1].global_hits

    def test_depends_on_the_start_alone(self, records):
        atlas, (_, descent, _), _ = records
        fewer = cover(atlas, ends_of(atlas, "descent", 10), solver="descent", problem="sine")
        assert [row.number for row in fewer] == [row.number for row in descent[:10]]

    def test_valleys_hold_all_minima_and_all_ends(self, records):
        atlas, every, ends = records
        spaces = {name: make_space(name, 1, 1) for name in ("balanced", "unrestricted")}
        more = {(n, "descent"): ends_of(atlas, "descent", space=own) for n, own in spaces.items()}
        valleys, barriers = valley_rows("sine", atlas, {**ends, **more})
        own, balanced, _ = parts = [
            [row for row in valleys if row.space == name] for name in ("restricted", *spaces)
        ]
        assert own[0].loss == pytest.approx(atlas.entries[0].loss, abs=1e-9)
        assert sum(row.parent < 0 for row in own) == 3
        assert sum(row.starts for row in own) == sum(r.number >= 0 for rows in every for r in rows)
        for rows in parts:
            restricted = rows[0].space != "unrestricted"
            assert sum(row.minima for row in rows) == (len(atlas) if restricted else -len(rows))
            for row in rows:
                assert (row.parent < 0) == np.isinf(row.barrier) == (row.profile is None)
                assert row.spurious == (row.loss > rows[0].loss + 1e-9)
                mine = [b for b in barriers if (b.space, b.valley) == (row.space, row.valley)]
                assert sum(b.starts for b in mine) == row.starts
                for b in mine:
                    assert b.barrier == row.barrier and b.loss >= row.loss - 1e-9
                    assert b.spurious == row.spurious
                if row.profile is not None:
                    way, losses = row.profile.T
                    assert (np.diff(way) >= 0).all() and way[-1] == pytest.approx(1)
                    assert losses.max() == pytest.approx(row.barrier, abs=1e-9)
                    assert losses[0] == pytest.approx(row.loss, abs=1e-9)
                    assert losses[-1] == pytest.approx(rows[row.parent].loss, abs=1e-9)
        for row in own:
            assert balanced[row.balanced].loss <= row.loss + 1e-9
        frame = frame_of(Valley, valleys)
        figure = valleys_figure(frame)
        titles = [ax.get_title() for ax in figure.axes]
        assert f"{len(own)} valleys" in titles[0] and len(titles) == 3
        assert render(figure, "png") == render(valleys_figure(frame[::-1]), "png")
        data = {"sine": Dataset("sine", *sine(8))}
        figure = barriers_figure(valleys, data)
        # One curve a valley and the samples; two lines for each path.
        assert [len(ax.lines) for ax in figure.axes] == [*(len(rows) + 1 for rows in parts), 6]
        assert render(figure, "png") == render(barriers_figure(valleys[::-1], data), "png")

    def test_valleys_beyond_the_budget_are_left_out_and_said_so(self, records):
        atlas, lines = records[0], []
        rows = valley_rows("p", atlas, {}, budget=TreeBudget(max_facets=10), progress=lines.append)
        assert rows == ([], []) and sum("max_facets" in line for line in lines) == 3

    def test_errors(self, records):
        atlas = records[0]
        with pytest.raises(ValueError, match="solver: expected one of descent, far descent"):
            ends_of(atlas, "Adam")
        with pytest.raises(ValueError, match="starts"):
            ends_of(atlas, "trf", 0)
        with pytest.raises(ValueError, match="offset"):
            ends_of(atlas_of(*sine(4), 1), "trf")

    def test_figures(self, records):
        atlas, every, _ = records
        entries, data = atlas_rows("sine", atlas), {"sine": Dataset("sine", *sine(8))}
        figure = atlas_figure(entries, data)
        assert figure.axes[1].get_title(loc="left") == f"all {len(atlas)} sets of local minima"
        assert render(figure, "png") == render(atlas_figure(entries[::-1], data), "png")
        starts = frame_of(Coverage, [row for rows in every for row in rows])
        figure = coverage_figure(starts, frame_of(Entry, entries))
        heights = figure.axes[0].lines[0].get_ydata()
        assert heights[-1] == pytest.approx(every[0][-1].distinct / len(atlas))

    def test_breakpoints(self):
        theta = Parametrization.from_products([[2.0, 1.0, 4.0], [0.0, 1.0, 2.0]], [1, -1])
        np.testing.assert_array_equal(breakpoints(theta), [1.5, np.nan])


class TestOtherLosses:
    """Losses of Theorem 26 and weight decay: Theorem 40.2 and 40.3."""

    FORMS = (
        {"weight_decay": 0.02},
        {"loss": "huber"},
        {"loss": "logistic", "weight_decay": 0.01},
        {"loss": "logistic"},
    )

    def data(self, form, n, p=1, seed=1):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((n, p))
        y = np.sin(3 * x[:, 0]) + 0.1 * rng.standard_normal(n)
        return x, ((y > np.median(y)) * 1.0 if form.get("loss") == "logistic" else 2 * y)

    def test_weights_of_one_and_a_large_delta_are_the_squared_loss(self):
        x, y = self.data({}, 6)
        plain = atlas_of(x, y, 2)
        atlas = atlas_of(x, y, 2, loss=get_loss("huber", delta=100.0))
        assert atlas.complete
        # Entries of equal loss are in an order that rounding decides.
        found = [
            sorted((round(e.loss, 12), e.dimension, e.n_pieces, e.sign_classes) for e in a.entries)
            for a in (plain, atlas)
        ]
        assert found[0] == found[1]
        losses = [[entry.loss for entry in a.entries] for a in (plain, atlas)]
        np.testing.assert_allclose(*losses, rtol=1e-9, atol=1e-14)

    @pytest.mark.parametrize("form", [FORMS[0], pytest.param(FORMS[2], marks=pytest.mark.slow)])
    def test_descents_and_valleys_are_in_the_atlas(self, form):
        x, y = self.data(form, 5)
        atlas = atlas_of(x, y, 2, **form)
        assert atlas.complete
        losses = np.array([entry.loss for entry in atlas.entries])
        tree = merge_tree(x, y, space=atlas.space, **form)
        assert (np.abs(tree.pairs[:, :1] - losses).min(axis=1) < 1e-7).all()
        X, rng = atlas.space.embed(x), np.random.default_rng(0)
        found = set()
        for _ in range(8):
            end = descend(atlas.space.sample(rng), X, y, space=atlas.space, **form)
            if end.outcome is DescentOutcome.MINIMUM:
                place = atlas.locate(end.parametrization)
                assert place.number >= 0
                assert atlas.entries[place.number].loss == pytest.approx(end.loss, abs=1e-7)
                found.add(place.number)
        assert len(found) > 1
        for entry in atlas.entries:
            assert atlas.locate(entry.parametrization).number == entry.number

    @pytest.mark.slow
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("p", [1, 2])
    def test_entries_are_minima_of_cells(self, form, p):
        """By cvxpy, every local minimum is the least point of each closed cell that it lies in."""
        x, y = self.data(form, 4, p)
        atlas = atlas_of(x, y, 1, **form)
        X, strength = np.column_stack([x, np.ones(4)]), form.get("weight_decay", 0.0)
        decay = np.append(np.full(p, 2 * strength), 0.0) if strength else None
        loss = form.get("loss", "squared")
        least = [
            least_penalized(X, y, None, [(sign, sides)], loss=loss, decay=decay)
            for sides in patterns(X)
            for sign in (1.0, -1.0)
        ]
        for entry in atlas.entries:
            assert np.abs(np.array(least) - entry.loss).min() < 1e-6

    def test_says_what_it_does_not_do(self):
        x, y = self.data({}, 4)
        with pytest.raises(ValueError, match="weight_decay: biases=True leaves"):
            atlas_of(x, y, 1, weight_decay=WeightDecay(0.1, biases=True))


def test_atlases_of_losses_that_are_linear_at_zero_lack_nothing():
    """Half of Huber's loss is linear there: Newton's steps had no length, and nothing was found."""
    x, y = np.array([-1.0, -0.6, 0.5, 1.4])[:, None], np.array([1.0, -1.0, -1.0, 1.0])
    space, loss = RestrictedSpace(3, 2), HuberLoss(0.5)
    atlas = make_atlas(x, y, space=space, loss=loss)
    found = set()
    for seed in range(8):
        theta = space.sample(np.random.default_rng(seed))
        end = descend(theta, space.embed(x), y, space=space, loss=loss)
        if end.outcome is DescentOutcome.MINIMUM:
            entry = atlas.locate(end.parametrization)
            assert entry.number >= 0, seed
            found.add(entry.number)
    assert len(found) >= 2
