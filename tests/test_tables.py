"""Tables that sum others up count what their columns say."""

import itertools

import numpy as np
import pandas as pd
import pytest

from landscape.tables import FIGURES, TABLES
from landscape.tables.rows import Restarts, control_verdicts, power_law
from landscape.tables.sums import provenance_frame, sum_up
from tests.made_up import rows

CELL = {"dataset": "d", "space": "restricted", "neurons": 1}
FREE = {**CELL, "space": "unrestricted"}
JOBS = ["fits", "minima", "probes", "controls", "brackets", "converse", "natural", "optima",
        "pairs", "runs"]  # fmt: skip


def starts(cell, losses, verdicts, minima, lifts=None):
    return [
        {**cell, "start": k, "trained_loss": 1.5, "loss": loss, "verdict": verdict,
         "minimum": minimum, "training_outcome": ["converged", "stalled"][k % 2],
         "lift_loss": np.nan if lifts is None else lifts[k]}
        for k, (loss, verdict, minimum) in enumerate(zip(losses, verdicts, minima, strict=True))
    ]  # fmt: skip


FITS = [
    *starts(CELL, [0.25, 0.25, 0.75, 1.0], ["holds", "holds", "violated", "undecided"],
            [0, 0, -1, -1]),
    *starts(FREE, [0.5, 0.25 + 1e-12, 0.25, 1.0], ["holds"] * 4, [1, 0, 0, 2],
            [0.5, 0.125, 0.25, 1.0]),
]  # fmt: skip


def controls(*verdicts):
    """Controls of one minimum, two steps each."""
    return [
        {"dataset": "d", "neurons": 1, "kind": f"C.{1 + k // 2}", "step": k % 2, "verdict": v}
        for k, v in enumerate(verdicts)
    ]


def summed(**given):
    given = {"fits": FITS, **given}
    return sum_up({name: rows(name, given.get(name, [])) for name in JOBS})


def test_summary_counts_and_compares():
    natural = [
        {**FREE, "minimum": k, "spare": spare, "verdict": verdict}
        for k, (spare, verdict) in enumerate([(0, "holds"), (1, "violated"), (1, "undecided")])
    ]
    bracket = {"radius_low": 0.75, "radius_high": 1.5, "radius_high_method": "falsifier"}
    minima = [
        {**CELL, "minimum": 0, **bracket, "proof": "proved"},
        {**CELL, "minimum": 1, "proof": "open"},
    ]
    probes = [
        {"dataset": "d", "neurons": 1, "minimum": k, "verdict": verdict}
        for k, verdict in enumerate(["holds", "holds", "undecided"])
    ]
    steps = controls(*["violated"] * 4, *["undecided"] * 2)
    given = {"natural": natural, "optima": [{**CELL, "global_low": 0.125, "global_gap": 0.0625}]}
    summary = summed(minima=minima, probes=probes, controls=steps, **given)["summary"]
    mine, other = (summary.set_index("space").loc[s] for s in ("restricted", "unrestricted"))
    assert (mine["starts"], mine["converged"], mine["stalled"]) == (4, 2, 2)
    assert (mine["certified"], mine["not_minimum"], mine["undecided"]) == (2, 1, 1)
    assert mine["certified_share"] == 0.5 and mine["distinct_minima"] == 1
    assert mine["best_loss"] == 0.25 and mine["median_loss"] == 0.5
    assert (mine["global_low"], mine["global_gap"]) == (0.125, 0.0625)
    assert np.isnan(other["global_low"])
    # 0.25 against 0.5 is better; 0.25 against 0.25 + 1e-12 and 1 against 1 are equal.
    assert mine["paired_starts"] == 4 and mine["paired_not_worse"] == 0.75
    assert mine["paired_better"] == 0.25 and mine["proved_minima"] == 1
    assert mine["lifts"] == 0 and np.isnan(mine["lifts_not_worse"])
    assert other["lifts"] == 4 and other["lifts_not_worse"] == 1.0
    assert other["best_lift_loss"] == 0.125 and other["paired_starts"] == 0
    assert (mine["probed_minima"], mine["probes_hold"], mine["probes_undecided"]) == (3, 2, 1)
    assert (mine["controls"], mine["controls_violated"], mine["controls_undecided"]) == (3, 2, 1)
    assert other["controls"] == other["probed_minima"] == mine["natural_minima"] == 0
    assert (other["natural_minima"], other["natural_spare"], other["natural_hold"]) == (3, 2, 1)
    assert (other["natural_violated"], other["natural_undecided"]) == (1, 1)
    assert (mine["bracketed_minima"], mine["median_radius_ratio"]) == (1, 2.0)


@pytest.mark.parametrize(
    ("verdicts", "counted"),
    [
        (["violated", "undecided"], (1, 0, 1)),
        (["violated"] * 2 + ["holds"] * 2, (1, 1, 0)),  # nothing is better than the second
    ],
)
def test_a_control_fails_at_all_its_steps_or_does_not_count(verdicts, counted):
    summary = summed(controls=controls(*verdicts))["summary"].set_index("space").loc["restricted"]
    names = ("controls", "controls_violated", "controls_undecided")
    assert tuple(summary[name] for name in names) == counted


def test_no_controls_no_verdicts():
    assert control_verdicts(rows("controls", [])).empty


def test_solvers_are_judged_before_and_after_the_descent():
    trained = ["holds", "violated", "undecided", "violated"]
    runs = [
        {"dataset": "d", "neurons": 1, "solver": "trf", "start": k, "trained_loss": before,
         "loss": after, "trained_verdict": trained[k],
         "verdict": "undecided" if k == 3 else "holds",
         "training_outcome": "iteration_limit" if k == 3 else "converged"}
        for k, (before, after) in enumerate([(1.0, 1.0), (1.0, 0.5), (2.0, 1.0), (2.0, 1.0)])
    ]  # fmt: skip
    row = summed(runs=runs)["solvers"].iloc[0]
    assert (row["starts"], row["trained_certified"], row["trained_undecided"]) == (4, 1, 1)
    assert row["trained_certified_share"] == 0.25 and row["certified_share"] == 0.75
    assert (row["iteration_limit"], row["median_gain"], row["largest_gain"]) == (1, 0.75, 1.0)
    assert (row["best_trained_loss"], row["best_loss"], row["median_trained_loss"]) == (1, 0.5, 1.5)


def test_rates_are_those_of_the_pairs():
    r = 10.0 ** -np.arange(8)
    pairs = [
        {"dataset": "d", "neurons": 2, "kind": f"kind {within}", "pair": k, "within": within,
         "seminorm": r[k], "distance": 2 * np.sqrt(r[k]) if within else 1.5}
        for within in (0, 1) for k in range(8)
    ]  # fmt: skip
    rounding = {**pairs[-1], "pair": 9, "seminorm": 1e-15, "distance": 1e-3}
    frame = summed(pairs=[*pairs, rounding])["rates"].set_index("within")
    assert frame.loc[1, "exponent"] == pytest.approx(0.5)
    assert frame.loc[1, "constant"] == pytest.approx(2.0)
    assert frame.loc[0, "exponent"] == pytest.approx(0.0, abs=1e-12)
    assert frame["pairs"].tolist() == [8, 8]


def test_power_laws_of_little_data():
    assert np.isnan(power_law(np.array([]), np.array([]))).all()
    exponent, constant = power_law(np.array([1.0, np.nan, 0.0]), np.array([2.0, 1.0, 1.0]))
    assert np.isnan(exponent)
    assert constant == 2.0


def test_degeneracies_are_shares_of_the_minima():
    cell = {**CELL, "space": "balanced"}
    natural = [
        {**cell, "minimum": k, "spare": 1 - k, "verdict": verdict}
        for k, verdict in enumerate(["violated", "holds"])
    ]
    row = summed(natural=natural)["degeneracies"].iloc[0]
    assert (row["minima"], row["spare_share"]) == (2, 0.5)
    assert (row["holds_share"], row["violated_share"], row["undecided_share"]) == (0.5, 0.5, 0.0)


def test_restarts_are_means_over_all_choices_of_starts():
    losses, numbers = [0.5, 0.2, 0.2, 0.9, 0.3, 0.7], [0, 1, 1, 2, -1, 0]
    place = {"dataset": "a", "space": "restricted", "neurons": 2}
    fits = pd.DataFrame({"loss": losses, "minimum": numbers}).assign(**place)
    rows = {row.draws: row for row in Restarts.summed({"fits": fits})}
    assert list(rows) == [1, 2, 5, 6]

    def mean(k, value):
        return np.mean([value(set(some)) for some in itertools.combinations(range(6), k)])

    def minima(some):
        return len({numbers[j] for j in some} - {-1})

    for k, row in rows.items():
        assert row.starts == 6
        assert row.loss == pytest.approx(mean(k, lambda some: min(losses[j] for j in some)))
        assert row.best_share == pytest.approx(mean(k, lambda some: bool(some & {1, 2})))
        assert row.minima == pytest.approx(mean(k, minima))
        before = mean(k - 1, minima)
        assert row.new_share == pytest.approx(row.minima - before)
    assert rows[6].new_share == pytest.approx(1 / 6)  # one minimum was reached once


def test_nothing_sums_up_to_nothing():
    assert all(frame.empty for frame in summed(fits=[]).values())


def test_provenance_has_no_places(tmp_path):
    module = tmp_path / "landscape" / "a.py"
    module.parent.mkdir()
    module.write_text("x = 1\n")
    config = {"seed": 3, "datasets": {"d": {"kind": "csv", "path": str(tmp_path / "d.csv")}}}
    frame = provenance_frame(config, {"d": {"kind": "csv"}}, [module])
    assert not frame["value"].str.contains(str(tmp_path), regex=False).any()
    facts = frame.set_index(["topic", "item"])["value"]
    assert facts["seed", "study"] == "3" and len(facts["code", "landscape/a.py"]) == 64
    assert facts["package", "numpy"] == np.__version__


def test_figures_are_drawn_from_known_tables():
    assert all(set(figure.tables) <= set(TABLES) for figure in FIGURES.values())
    assert isinstance(summed()["findings"], pd.DataFrame)
