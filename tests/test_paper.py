"""The table of the paper's items: every row is computed, none fails, and the command writes it."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from landscape.paper.__main__ import main, write_figures
from landscape.paper.appendix import (
    COLLISIONS,
    angle_bound,
    known_violation,
    largest_cosine_squared,
    printed_lift,
    sharp_in_the_plane,
    signed_counterexample,
)
from landscape.paper.pairs import KINDS, SHAPES, random_pairs
from landscape.paper.registry import Effort, Result, check, load_checks, rows
from landscape.parametrization import lift, lift_inputs
from landscape.realization import realize
from landscape.sharpness import (
    Step,
    four_in_the_plane,
    pair_of_steps,
    proven_constant,
    search_sharp_pair,
    two_root_two,
)
from landscape.spaces import RestrictedSpace
from landscape.verdict import Judgement

#: Keys in the rows of docs/errata.md's table of slips.
PAGE = (Path(__file__).parents[1] / "docs/errata.md").read_text(encoding="utf-8")
SLIPS = [
    line.rsplit("`", 2)[1].split()
    for line in PAGE[: PAGE.index("True, but not sharp")].splitlines()
    if line.startswith("|") and line.endswith("` |") and "--only" not in line
]


def agrees_with_the_errata(row) -> bool:
    """A slip is listed there, and what is listed first in a row is a slip."""
    slip = row["verdict"] in (Judgement.CORRECTED, Judgement.REFUTED)
    listed = any(row["key"] in keys for keys in SLIPS)
    leads = any(row["key"] == keys[0] for keys in SLIPS)
    return slip <= listed and leads <= slip and row["verdict"] != Judgement.FAILED


@pytest.mark.parametrize("key", load_checks())
def test_every_row_has_the_verdict_that_the_errata_state(key):
    (row,) = rows(Effort.quick(), [key])
    assert agrees_with_the_errata(row)
    assert row["computed"] and row["predicted"] and row["measured"]


@pytest.mark.slow
def test_the_full_table():
    assert [row["key"] for row in rows(Effort()) if not agrees_with_the_errata(row)] == []


def test_every_key_of_the_errata_is_a_row():
    assert len(SLIPS) > 10
    assert {key for keys in SLIPS for key in keys} <= set(load_checks())


def test_the_rows_cover_the_paper():
    items = " ".join(entry.item for entry in load_checks().values())
    wanted = [f"Example {n}" for n in ("2.1", "2.2", "2.3", "2.4", "2.5", "A.1", "A.2")]
    wanted += [f"Figure {n}" for n in range(1, 7)] + [f"Lemma A.{n}" for n in (3, 4, 5)]
    wanted += ["Definition 1.1", "Proposition 1.2", "Corollary 1.3, item 1", "Theorem 3.1"]
    wanted += ["Corollary 1.3, item 2", "Definition 3.2", "Corollary 3.3"]
    assert [item for item in wanted if item not in items] == []


def test_the_command_writes_table_and_page(tmp_path, monkeypatch, capsys):
    keys = ["eq-3", "eq-96", "lem-a5"]
    every = load_checks()
    monkeypatch.setattr("landscape.paper.registry.CHECKS", {k: every[k] for k in keys})
    assert main(["--quick", "--out", str(tmp_path), "--no-figures"]) == 0
    with (tmp_path / "paper.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [row["key"] for row in table] == keys
    assert "command" in table[0] and "seconds" not in table[0]
    page = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "**refuted**" in page and "2.828427" in page
    assert "eq-96" in capsys.readouterr().out


def test_single_rows_and_unknown_keys(capsys):
    assert main(["--only", "eq-3", "--quick"]) == 0
    assert "eq-3" in capsys.readouterr().out
    assert main(["--only", "eq-0"]) == 2
    assert "eq-0" in capsys.readouterr().err
    assert main(["--list"]) == 0
    assert "Theorem 3.1" in capsys.readouterr().out


@pytest.mark.slow
def test_figures_can_be_drawn(tmp_path):
    paths = write_figures(Effort.quick(), tmp_path)
    assert {path.stem for path in paths} >= {f"figure-{n}" for n in range(1, 7)}
    assert all(path.stat().st_size > 5000 for path in paths)


def test_findings():
    def finding(printed, mended):
        return Result("", printed, mended).judgement

    assert finding(True, None) == Judgement.CONFIRMED
    assert finding(False, True) == Judgement.CORRECTED
    assert finding(False, None) == Judgement.REFUTED
    assert finding(False, False) == finding(True, False) == Judgement.FAILED


def test_keys_are_unique():
    load_checks()
    with pytest.raises(ValueError, match="twice"):
        check("eq-3", "", "")(lambda effort, rng: Result("", True))


# --- pairs --------------------------------------------------------------------------------------


def test_pairs_depend_on_seed_item_and_index_alone():
    first, second = list(random_pairs(30, 5)), list(random_pairs(10, 5))
    for one, two in zip(first, second, strict=False):
        np.testing.assert_array_equal(one.gamma.weights, two.gamma.weights)
        np.testing.assert_array_equal(one.theta.output_weights, two.theta.output_weights)
    for other in (random_pairs(10, 6), random_pairs(10, 5, "eq-34")):
        different = [
            a.gamma.weights.flat[0] != b.gamma.weights.flat[0]
            for a, b in zip(other, second, strict=True)
        ]
        assert sum(different) >= 8  # the sharp pairs are made, not drawn
    pairs = list(random_pairs(len(KINDS) * len(SHAPES), 0))
    assert {p.kind for p in pairs} == set(KINDS)
    assert {p.gamma.weights.shape[::-1] for p in pairs} == set(SHAPES)


# --- sharp constants ----------------------------------------------------------------------------


def test_two_root_two_is_exact():
    for epsilon in (Fraction(1, 100), Fraction(1, 10**6)):
        pair = two_root_two(epsilon)
        assert pair.in_restricted_space()
        assert pair.seminorm() == 1
        assert pair.ratio_squared() == (8, 8)


@pytest.mark.parametrize(("d", "m"), [(3, 1), (3, 2), (3, 3), (4, 2), (5, 1)])
def test_the_search_attains_the_proven_constant(d, m):
    steps, limit = search_sharp_pair(d, m)
    pair = pair_of_steps(steps, d)
    assert pair.in_restricted_space() and pair.seminorm() == 1
    assert pair.ratio == pytest.approx(proven_constant(m), rel=1e-14)
    assert limit == pytest.approx(proven_constant(m), rel=1e-14)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_in_two_dimensions_the_limit_is_approached(m):
    steps, limit = search_sharp_pair(2, m)
    ratios = [pair_of_steps(steps, 2, Fraction(1, 10**n)).ratio for n in (2, 4, 6)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(limit, rel=1e-4)
    assert limit == pytest.approx(proven_constant(m, 2), rel=1e-12)


def test_four_neurons_in_the_plane():
    pair = four_in_the_plane()
    assert pair.in_restricted_space()
    assert pair.seminorm() == 1 and pair.ratio_squared() == (8, 8)
    assert search_sharp_pair(2, 3)[1] < 2.5  # without shared hyperplanes less is found


def test_finer_walks_are_not_better_for_two_neurons():
    assert search_sharp_pair(3, 2, unit=Fraction(1, 2))[1] == pytest.approx(proven_constant(2))


def test_search_refuses_what_it_cannot_enumerate():
    with pytest.raises(ValueError, match="1 to 4"):
        search_sharp_pair(3, 5)


def test_steps_know_their_sign():
    assert Step(1, 0, Fraction(2)).sign == 1
    assert Step(-1, 0, Fraction(2)).sign == -1


@pytest.mark.parametrize("m", [1, 2, 3])
def test_no_pair_exceeds_the_proven_constant(m):
    from landscape.stability import inverse_stability

    rng = np.random.default_rng(m)
    for _ in range(60):
        space = RestrictedSpace(int(rng.integers(2, 5)), m)
        found = inverse_stability(space.sample(rng), space.sample(rng))
        assert found.ratio <= proven_constant(m, space.n_inputs) * (1 + 1e-12)


# --- Lemma A.4 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLLISIONS)
def test_collisions_of_the_printed_lift(name):
    a, b, c, e = COLLISIONS[name]
    space = RestrictedSpace(a.shape[1] + 2, len(a) + 1)
    printed, mended = printed_lift(a, b, c, e), lift(a, b, c, e)
    assert not space.contains(printed) and space.contains(mended)
    x = np.linspace(-3, 3, 31)[:, None]
    wanted = np.maximum(x @ a.T + b, 0) @ c + e
    for gamma in (printed, mended):
        np.testing.assert_allclose(realize(gamma, lift_inputs(x)), wanted, atol=1e-13)


# --- Lemma A.5 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5, 40])
def test_signed_counterexample(k):
    function = signed_counterexample(k)
    found = angle_bound(function, absolute=False)
    assert found.seminorm == k**2 and found.uniform == Fraction(1, k)
    assert not found.holds and found.factor > 0.8 * k**3 / 8**0.5
    assert angle_bound(function, absolute=True).holds


def test_largest_cosine():
    def rows(*vectors):
        return [tuple(Fraction(p) for p in v) for v in vectors]

    assert largest_cosine_squared(rows((1, 0), (0, 1)), absolute=True) == 0
    assert largest_cosine_squared(rows((1, 0), (-1, 0)), absolute=True) == 0
    assert largest_cosine_squared(rows((1, 0), (-1, 0)), absolute=False) == 1
    assert largest_cosine_squared(rows((1, 0), (-1, -1), (1, 3)), absolute=True) == Fraction(4, 5)
    assert largest_cosine_squared(rows((1, 0), (-1, -1), (1, 3)), absolute=False) == Fraction(1, 10)


def test_known_violation_in_three_dimensions():
    function = known_violation()
    found = angle_bound(function, absolute=True)
    assert not found.holds and found.factor > 1.5
    assert len(function.canonical.normals) == len(function.terms)  # no opposite or parallel ones


@pytest.mark.parametrize("k", [1, 3, 100])
def test_the_printed_constant_is_sharp_in_the_plane(k):
    found = angle_bound(sharp_in_the_plane(k), absolute=True)
    assert (found.seminorm, found.uniform) == (2 * k, 2)
    assert found.one_minus_square == Fraction(2 * k, k**2 + 1) ** 2
    assert found.holds and found.factor == pytest.approx(k**2 / (k**2 + 1))


def test_the_repaired_bound_covers_what_the_printed_one_does_not():
    found = angle_bound(known_violation(), absolute=True)
    assert found.repaired_holds and found.repaired == pytest.approx(found.factor / (2**0.5 * 81))
