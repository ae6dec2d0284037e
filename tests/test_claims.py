"""Published claims: every row is computed; the theorems behind them, by brute force."""

import json
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog, minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landscape.atlas import make_atlas
from landscape.claims import critical_widths, population
from landscape.claims.page import assemble, compute
from landscape.claims.registry import FAMILIES, Claim, Effort, interval, load
from landscape.command import main
from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.seminorm import sobolev_seminorm
from landscape.spaces import RestrictedSpace
from landscape.verdict import Judgement

#: Those that are computed quickly; the others are slow tests.
FAST = ("linear-fits", "connectivity", "norms")
CONTRACT = [pytest.param(key, marks=() if key in FAST else pytest.mark.slow) for key in FAMILIES]
PUBLISHED = Path(__file__).parents[1] / "docs/claims"


@pytest.mark.parametrize("key", CONTRACT)
def test_every_family_computes_complete_rows(key):
    family, effort = load(key), Effort(quick=True, seed=3)
    rows, draw = family.rows(effort)
    assert rows and len({row.claim for row in rows}) == len(rows)
    assert family.title and family.asked and bool(family.caption) == (draw is not None)
    for row in rows:
        assert isinstance(row, Claim) and row.family == key
        assert row.verdict in set(Judgement)
        assert "arXiv:" in row.source or "doi:" in row.source
        for name in ("statement", "data", "computation", "predicted", "measured", "uncertainty"):
            assert getattr(row, name), (row.claim, name)
        assert "seed 3" in row.data or "exact" in row.data.lower(), row.claim
        assert row.command == f"landscape claims --only {key} --seed 3 --quick"
    again = [vars(row) for row in family.rows(effort).rows]
    assert again == [vars(row) for row in rows]


def test_the_command_prints_rows_and_refuses_unknown_families(tmp_path, capsys):
    assert main(["claims", "--only", "linear-fits", "--quick", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {row["verdict"] for row in printed} == {"confirmed"}
    assert main(["claims", "--only", "nobody"]) == 1
    assert "'nobody'; there are linear-fits" in capsys.readouterr().err
    assert main(["claims", "--list"]) == 0
    assert main(["claims", "--assemble", "--out", str(tmp_path)]) == 1  # nothing there


def test_files_of_families_make_table_and_page(tmp_path, monkeypatch):
    monkeypatch.setattr("landscape.claims.page.FAMILIES", ("linear-fits",))
    effort = Effort(quick=True)
    rows = compute(["linear-fits"], effort, tmp_path, lambda line: None)
    assert [vars(row) for row in assemble(effort, tmp_path)] == [vars(row) for row in rows]
    table = pd.read_csv(tmp_path / "claims.csv", keep_default_na=False)
    assert set(table["claim"]) == {row.claim for row in rows}
    page = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert all(f"### {row.claim}\n" in page for row in rows)
    with pytest.raises(RuntimeError, match="quick"):  # of other numbers
        assemble(Effort(), tmp_path)


def test_what_is_published_was_computed_by_this_code():
    table = pd.read_csv(PUBLISHED / "claims.csv", keep_default_na=False)
    assert list(table.columns) == [column.name for column in Claim.columns()]
    assert set(table["family"]) == set(FAMILIES) and not table["claim"].duplicated().any()
    assert set(table["verdict"]) <= set(Judgement)
    page = (PUBLISHED / "claims.md").read_text(encoding="utf-8")
    for row in table.itertuples():
        assert f"### {row.claim}\n" in page and "--quick" not in row.command


def test_intervals():
    assert interval(0, 5).startswith("0 to 52.2 %")
    assert interval(5, 10).startswith("18.7 to 81.3 %")


# --- oracles of single families -------------------------------------------------------------------


def test_the_population_risk_is_an_expectation(rng):
    """Against gaussian samples, and its gradient against differences."""
    w, x = rng.standard_normal((4, 3)), rng.standard_normal((400_000, 3))
    found, slope = population.risk(w)
    values = (np.maximum(x @ w.T, 0).sum(axis=1) - np.maximum(x, 0).sum(axis=1)) ** 2 / 2
    assert abs(values.mean() - found) < 5 * values.std() / np.sqrt(len(x))
    step = 1e-6 * rng.standard_normal(w.shape)
    change = population.risk(w + step)[0] - population.risk(w - step)[0]
    assert abs(change - 2 * (slope * step).sum()) < 1e-12


def test_optimal_networks_of_all_widths_are_not_beaten(rng):
    """The convex program against L-BFGS-B on the parameters of eight neurons."""
    x, y, decay = rng.standard_normal(6), rng.standard_normal(6), 0.1
    X = np.column_stack([x, np.ones(6)])
    best = critical_widths.optimum(X, y, decay)

    def objective(p):
        a, c = p[:16].reshape(8, 2), p[16:]
        s = np.maximum(X @ a.T, 0) @ c - y
        return s @ s / 2 + decay / 2 * (p @ p)

    ends = [minimize(objective, rng.standard_normal(24), method="L-BFGS-B").fun for _ in range(6)]
    # Balanced: the decay is that of sum |c| |a|, whose optimal value duality gives.
    s = best.fitted - y
    cost = s @ s / 2 + best.fitted @ -s
    assert cost - 1e-6 < min(ends) < cost * 1.02 + 1e-3
    assert best.least <= best.largest <= 7 and abs(best.gap) < 1e-6


def test_critical_widths_of_a_polygon_differ():
    """Constant targets on a regular octagon: four or five neurons, and none between connects."""
    at = np.pi * np.arange(8) / 4
    best = critical_widths.optimum(np.column_stack([np.cos(at), np.sin(at)]), np.ones(8), 0.1)
    assert (best.least, best.largest) == (4, 5)
    for vertex in best.vertices:  # each of them has the optimal values, with positive scales
        own = best.columns[:, vertex]
        scales = np.linalg.lstsq(own, best.fitted, rcond=None)[0]
        assert scales.min() > 0 and np.abs(own @ scales - best.fitted).max() < 1e-7
        assert np.linalg.matrix_rank(own) == len(vertex)
    assert [best.pieces(width) for width in (4, 5, 6)] == [2, 10, 1]


@pytest.mark.parametrize("seed", range(3))
def test_regions_with_bad_minima_by_linear_programs(seed):
    """One neuron: a region holds a minimum iff the normal equations have a solution inside."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((4, 1)), rng.standard_normal(4)
    X = np.column_stack([x, np.ones(4)])
    losses = {}
    angles = np.sort(np.concatenate([np.arctan2(-x[:, 0], 1), np.arctan2(x[:, 0], -1)]))
    for middle in angles + np.diff(angles, append=angles[0] + 2 * np.pi) / 2:
        sides = np.sign(X @ [np.cos(middle), np.sin(middle)])
        for sign in (1.0, -1.0):
            A = sign * X * (sides > 0)[:, None]
            # Maximize the margin t of the sides, with u in a box that is large.
            inside = linprog(
                [0, 0, -1.0],
                A_ub=np.column_stack([-sides[:, None] * X, np.ones(4)]), b_ub=np.zeros(4),
                A_eq=np.column_stack([A.T @ A, np.zeros(2)]), b_eq=A.T @ y,
                bounds=[(-1e4, 1e4)] * 2 + [(None, 1)],
            )  # fmt: skip
            if inside.status == 0 and inside.x[2] > 1e-9:
                u = inside.x[:2]
                losses[middle, sign] = float(((A @ u - y) ** 2).mean())
    atlas = make_atlas(x, y, space=RestrictedSpace(3, 1))
    least = [min(e.loss for e in atlas.entries if k in e.sign_classes) for k in (0, 1)]
    bad = sum(loss > least[int(sign > 0)] + 1e-9 for (_, sign), loss in losses.items())
    found, closure, regions = atlas.bad_regions()
    assert (found, regions) == (bad, 16) and closure >= found


def test_spare_neurons_reach_every_better_network():
    """Theorem 35 for the loss with a penalty, on random pairs of networks side by side."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((9, 3)), rng.standard_normal(9)

    def value(theta):
        return np.mean((realize(theta, X) - y) ** 2) + 0.1 * sobolev_seminorm(theta).value

    for _ in range(20):
        g, h = (Parametrization(rng.standard_normal((2, 3)), rng.standard_normal(2)) for _ in "gh")
        for t in (0.5, 1e-3):
            outputs = np.concatenate([(1 - t) * g.output_weights, t * h.output_weights])
            both = Parametrization(np.vstack([g.weights, h.weights]), outputs)
            assert value(both) <= (1 - t) * value(g) + t * value(h) + 1e-12


# --- Theorem 33 -----------------------------------------------------------------------------------


def lowest_nearby(weights, outputs, x, y, rng):
    """Least change of the sum of squares over random networks next to one, by its definition."""
    best = 0.0
    at = ((np.maximum(x @ weights.T, 0) @ outputs - y) ** 2).sum()
    for size in (1e-3, 1e-2):
        a = weights + size * rng.uniform(-1, 1, (4000, *weights.shape))
        c = outputs + size * rng.uniform(-1, 1, (4000, len(outputs)))
        values = np.einsum("kmn,km->kn", np.maximum(np.einsum("kmd,nd->kmn", a, x), 0), c)
        best = min(best, float((((values - y) ** 2).sum(axis=1) - at).min()))
    return best


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.25, 0.75, 1.0, 2.0])
@pytest.mark.parametrize("residual", [0.0, 1.0])
def test_splits_are_minima_as_theorem_33_says(factor, residual, rng):
    """The neuron (1, 0) is on the kink of the second sample; the third is seen by none."""
    x, y = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.array([1.0, -residual, 0.5])
    weights, outputs = np.array([[1.0, 0.0]] * 2), np.array([factor, 1 - factor])
    lower = lowest_nearby(weights, outputs, x, y, rng)
    if residual == 0 or 0 < factor < 1:
        assert lower == 0.0
    else:
        assert lower < -1e-6


# --- Theorem 34 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "parts"), [(0.45, 2), (0.7, 1)])
def test_exchanged_networks_are_connected_only_above_one_neuron(level, parts):
    """Two neurons, samples (-1, -1), (1, 1), flooded on a grid; one neuron reaches 1/2."""
    grid = np.arange(-4, 5) / 2
    u = np.array([*product(grid, grid)])
    # A neuron is a sign and (w, b): values at -1 and 1; both signs are glued at zero.
    values = np.maximum(np.stack([u[:, 1] - u[:, 0], u[:, 1] + u[:, 0]], axis=1), 0)
    own = np.concatenate([values, -values])
    loss = ((own[:, None] + own[None] - [-1.0, 1.0]) ** 2).mean(axis=2)
    zero, count = int(np.flatnonzero((u == 0).all(axis=1))[0]), len(u)
    near = [
        (i, j) for i in range(count) for j in range(count) if 0 < np.abs(u[i] - u[j]).max() < 0.6
    ]
    steps = near + [(i + count, j + count) for i, j in near] + [(zero, zero + count)]
    low = loss < level
    ends = []
    for i, j in steps:
        both = np.flatnonzero(low[i] & low[j])
        ends.append(np.column_stack([i * 2 * count + both, j * 2 * count + both]))
        both = np.flatnonzero(low[:, i] & low[:, j])
        ends.append(np.column_stack([both * 2 * count + i, both * 2 * count + j]))
    pairs = np.concatenate(ends)
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=[4 * count**2] * 2)
    labels = connected_components(graph, directed=False)[1]
    best = np.argwhere(loss < 1e-12)
    assert len({labels[i * 2 * count + j] for i, j in best}) == parts


def test_rational_example_of_a_split():
    """2 relu(x_1) - relu(x_1 + t x_2) has the loss (1 - t)^2 / 2, below 1/2 for small t > 0."""
    t = Fraction(1, 1000)
    values = [2 * max(a, Fraction(0)) - max(a + t * b, Fraction(0)) for a, b in ((1, 0), (0, 1))]
    assert sum((v - w) ** 2 for v, w in zip(values, (1, -1), strict=True)) / 2 == (1 - t) ** 2 / 2
