"""Tables: two files with one content, checked against their schema and described in the docs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape.tables import (
    TABLES,
    TableError,
    cells_frame,
    controls_frame,
    fits_frame,
    minima_frame,
    pairs_frame,
    probes_frame,
    provenance_frame,
    read_table,
    render_markdown,
    solvers_frame,
    stability_frame,
    summary_frame,
    write_table,
)
from landscape.tables.files import shape_frame
from landscape.tables.rates import degeneracies_frame, rates_frame

ROOT = Path(__file__).parents[1]
NUMBERS = [0.1, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1 / 3, 1e300]


def sample_rows(table, n=8):
    """Rows with awkward values of every type."""
    awkward = {
        "text": lambda k: ["", "a,b", 'say "r"', "σ", "NA", "nan", "1", " x "][k % 8],
        "number": lambda k: NUMBERS[k % 8],
        "integer": lambda k: k - 3,
    }
    rows = [{c.name: awkward[c.type](k) for c in table.columns} for k in range(n)]
    for k, row in enumerate(rows):
        # A key that is unique, in an order that is not the table's.
        row[table.key[-1]] = {"text": f"k{n - k}", "integer": n - k}[
            next(c.type for c in table.columns if c.name == table.key[-1])
        ]
    return rows


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
class TestContract:
    def test_csv_and_parquet_hold_the_same(self, table, tmp_path):
        frame = shape_frame(table, sample_rows(table))
        files = tmp_path / "t.csv", tmp_path / "t.parquet"
        write_table(table.name, frame, *files)
        for path in files:
            pd.testing.assert_frame_equal(read_table(table.name, path), frame, check_exact=True)

    def test_order_of_rows_does_not_matter(self, table, tmp_path):
        rows = sample_rows(table)
        for name, given in (("a", rows), ("b", rows[::-1])):
            frame = shape_frame(table, given)
            write_table(table.name, frame, tmp_path / f"{name}.csv", tmp_path / f"{name}.parquet")
        for suffix in ("csv", "parquet"):
            one, two = (tmp_path / f"{name}.{suffix}" for name in "ab")
            assert one.read_bytes() == two.read_bytes()

    def test_empty_table_keeps_its_columns(self, table, tmp_path):
        files = tmp_path / "t.csv", tmp_path / "t.parquet"
        write_table(table.name, shape_frame(table, []), *files)
        for path in files:
            frame = read_table(table.name, path)
            assert list(frame.columns) == table.names and len(frame) == 0

    def test_refuses_other_columns_and_repeated_keys(self, table):
        rows = sample_rows(table)
        with pytest.raises(TableError, match="lacks or adds extra"):
            shape_frame(table, [{**rows[0], "extra": 1}])
        with pytest.raises(TableError, match="two rows for"):
            shape_frame(table, [rows[0], rows[0]])

    def test_schema_is_complete(self, table):
        assert len(set(table.names)) == len(table.names)
        assert set(table.key) <= set(table.names)
        assert all(column.meaning.endswith(".") for column in table.columns)


def test_damaged_and_foreign_files_are_named(tmp_path):
    frame = shape_frame(TABLES["provenance"], sample_rows(TABLES["provenance"]))
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    write_table("provenance", frame, csv, parquet)
    with pytest.raises(TableError, match=r"t\.csv: columns differ from the schema of fits"):
        read_table("fits", csv)
    parquet.write_bytes(parquet.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"t\.parquet: no Parquet file, or a truncated one"):
        read_table("provenance", parquet)
    with pytest.raises(TableError, match="gone"):
        read_table("provenance", tmp_path / "gone.parquet")


def test_docs_describe_the_tables_as_they_are():
    assert (ROOT / "docs/tables.md").read_text() == render_markdown()


CELL = {"dataset": "d", "space": "restricted", "neurons": 1}


def arrays(**columns):
    return {name: np.array(values) for name, values in columns.items()}


def fits_and_ends(losses, verdicts, lifts=None):
    n = len(losses)
    fits = arrays(
        start=range(n), n_positive=[0] * n, loss_start=[2.0] * n, loss=[1.5] * n,
        outcome=["converged", "stalled"] * (n // 2), message=["ok"] * n, n_iter=[3] * n,
        n_evaluations=[4] * n,
    )  # fmt: skip
    ends = arrays(
        start=range(n), loss=losses, outcome=["minimum"] * n, n_iter=[2] * n, verdict=verdicts,
        reason=["because"] * n, lift_loss_start=lifts or [np.nan] * n,
        lift_loss=lifts or [np.nan] * n, lift_verdict=[""] * n,
    )  # fmt: skip
    return fits, ends


def distinct(loss, members):
    k = len(loss)
    return arrays(
        minimum=range(k), multiplicity=[len(m.split()) for m in members],
        start=[int(m.split()[0]) for m in members], loss=loss, loss_spread=[0.0] * k,
        outcome=["minimum"] * k, n_iter=[5] * k, kind=["smooth"] * k, n_kinks=[0] * k,
        n_silent=[0] * k, stationarity=[1e-17] * k,
        tolerance=[1e-12] * k, slack=[0.0] * k, radius=[0.5] * k, violations=[""] * k,
        members=members, weights=np.full((k, 2, 3), 0.5), output_weights=np.full((k, 2), -0.5),
    )  # fmt: skip


def probe_arrays(**columns):
    n = len(columns["ball"])
    return arrays(
        **{
            "lower_bound": [0.0] * n, "tolerance": [1e-12] * n, "gap": [0.0] * n,
            "distance": columns["radius"], "regime": ["rigid"] * n, "reason": [""] * n,
            "n_cuts": [1] * n, **columns,
        }
    )  # fmt: skip


@pytest.fixture
def tables():
    holds = ["holds", "holds", "violated", "undecided"]
    mine = fits_and_ends([0.25, 0.25, 0.75, 1.0], holds)
    other = fits_and_ends([0.5, 0.25 + 1e-12, 0.25, 1.0], ["holds"] * 4, [0.5, 0.125, 0.25, 1.0])
    found = distinct([0.25], ["0 1"])
    others = distinct([0.25, 0.5, 1.0], ["1 2", "0", "3"])
    fits = fits_frame([(CELL, *mine, found), ({**CELL, "space": "unrestricted"}, *other, others)])
    radii = arrays(
        minimum=[0], r_low=[0.75], r_high=[1.5], method_low=["branch and bound"],
        method_high=["falsifier"], n_nodes=[7], reason=["the budget of nodes is spent"],
    )  # fmt: skip
    minima = minima_frame([(CELL, found, radii)])
    probes = probe_arrays(
        minimum=[0, 0, 0], ball=["paper", "notes", "rigid"], radius=[1 / 64, 1 / 32, 0.1],
        verdict=["holds", "holds", "undecided"],
    )  # fmt: skip
    controls = probe_arrays(
        minimum=[0, 0], ball=["control C.1"] * 2, radius=[0.1, 0.01], verdict=["violated"] * 2,
        gap=[1e-2, 1e-3], parameter_distance=[1.0, 1.0],
    )  # fmt: skip
    return fits, minima, probes_frame([(CELL, probes, {}), (CELL, {}, controls)]), controls


def test_fits_know_their_minimum(tables):
    fits = tables[0]
    mine = fits[fits["space"] == "restricted"]
    assert mine["minimum"].tolist() == [0, 0, -1, -1]


def test_minima_carry_the_radii_of_the_paper(tables):
    row = tables[1].iloc[0]
    assert row["paper_radius"] == 0.5**2 / 16 and row["notes_radius"] == 0.5**2 / 8
    assert row["rigidity_radius"] == 0.5 * 0.5 / 2


def test_minima_carry_their_bracket_and_without_one_the_certificate():
    found = distinct([0.25, 0.5], ["0", "1"])
    radii = arrays(
        minimum=[1], r_low=[0.75], r_high=[1.5], method_low=["branch and bound"],
        method_high=["falsifier"], n_nodes=[7], reason=["why"],
    )  # fmt: skip
    frame = minima_frame([(CELL, found, radii)]).set_index("minimum")
    assert (frame.loc[1, "radius_low"], frame.loc[1, "radius_high"]) == (0.75, 1.5)
    assert frame.loc[1, "radius_high_method"] == "falsifier" and frame.loc[1, "radius_nodes"] == 7
    assert (frame.loc[0, "radius_low"], frame.loc[0, "radius_high"]) == (0.5, np.inf)
    assert frame.loc[0, "radius_low_method"] == "r_cell"
    assert frame.loc[0, "radius_high_method"] == "" and frame.loc[0, "iterations"] == 5


def control_table(verdicts):
    """Controls of one minimum: two steps each."""
    n = len(verdicts)
    return controls_frame(
        [
            (
                {"dataset": "d", "neurons": 1},
                arrays(
                    minimum=[0] * n, kind=[f"C.{1 + k // 2}" for k in range(n)],
                    step=[k % 2 for k in range(n)], base=["minimum"] * n,
                    certificate_radius=[0.1] * n, distance=[0.1] * n, gap=[0.01] * n,
                    tolerance=[1e-12] * n, slope=[-1.0] * n, parameter_distance=[0.5] * n,
                    verdict=verdicts, reason=[""] * n,
                ),
            )
        ]
    )  # fmt: skip


def natural_table(space, spare, verdicts):
    n = len(verdicts)
    zeros = {name: [0.0] * n for name in ("loss", "imbalance", "flip_gap", "radius", "distance",
             "gap", "tolerance")}  # fmt: skip
    counts = {f"n_{name}": [0] * n for name in ("silent", "zero", "redundant", "opposite")}
    rows = arrays(
        minimum=range(n), n_spare=spare, verdict=verdicts, reason=[""] * n, **zeros, **counts
    )
    return cells_frame("natural", [({**CELL, "space": space}, rows)])


def test_summary_counts_and_compares(tables):
    natural = natural_table("unrestricted", [0, 1, 1], ["holds", "violated", "undecided"])
    controls = control_table(["violated"] * 4 + ["undecided"] * 2)
    summary = summary_frame(*tables[:3], controls, natural).set_index("space")
    mine, other = summary.loc["restricted"], summary.loc["unrestricted"]
    assert (mine["starts"], mine["converged"], mine["stalled"]) == (4, 2, 2)
    assert (mine["certified"], mine["not_minimum"], mine["undecided"]) == (2, 1, 1)
    assert mine["certified_share"] == 0.5 and mine["distinct_minima"] == 1
    assert mine["best_loss"] == 0.25 and mine["median_loss"] == 0.5
    # 0.25 against 0.5 is better; 0.25 against 0.25 + 1e-12 and 1 against 1 are equal.
    assert mine["paired_starts"] == 4 and mine["paired_not_worse"] == 0.75
    assert mine["paired_better"] == 0.25
    assert mine["lifts"] == 0 and np.isnan(mine["lifts_not_worse"])
    assert other["lifts"] == 4 and other["lifts_not_worse"] == 1.0
    assert other["best_lift_loss"] == 0.125 and other["paired_starts"] == 0
    assert (mine["probed_minima"], mine["probes_hold"], mine["probes_undecided"]) == (1, 2, 1)
    assert (mine["controls"], mine["controls_violated"], mine["controls_undecided"]) == (3, 2, 1)
    assert other["controls"] == 0 and mine["natural_minima"] == 0
    assert (other["natural_minima"], other["natural_spare"], other["natural_hold"]) == (3, 2, 1)
    assert (other["natural_violated"], other["natural_undecided"]) == (1, 1)
    assert (mine["bracketed_minima"], mine["median_radius_ratio"]) == (1, 2.0)


def test_a_control_with_one_step_that_is_not_violated_does_not_count(tables):
    controls = control_table(["violated", "undecided"])
    natural = natural_table("unrestricted", [], [])
    summary = summary_frame(*tables[:3], controls, natural).set_index("space").loc["restricted"]
    assert (summary["controls"], summary["controls_violated"]) == (1, 0)


def test_a_control_than_which_nothing_is_better_does_not_have_to_fail(tables):
    controls = control_table(["violated"] * 2 + ["holds"] * 2)
    natural = natural_table("unrestricted", [], [])
    summary = summary_frame(*tables[:3], controls, natural).set_index("space").loc["restricted"]
    assert (summary["controls"], summary["controls_violated"]) == (1, 1)


def test_solvers_are_judged_before_and_after_the_descent():
    rows = arrays(
        solver=["trf"] * 4, start=range(4), start_loss=[3.0] * 4, trained_loss=[1.0, 1.0, 2.0, 2.0],
        training_outcome=["converged"] * 3 + ["iteration_limit"], training_iterations=[1] * 4,
        training_evaluations=[1] * 4,
        trained_verdict=["holds", "violated", "undecided", "violated"], trained_reason=[""] * 4,
        loss=[1.0, 0.5, 1.0, 1.0],
        descent_outcome=["minimum"] * 3 + ["stalled"], descent_iterations=[0] * 4,
    )  # fmt: skip
    row = solvers_frame(cells_frame("runs", [({"dataset": "d", "neurons": 1}, rows)])).iloc[0]
    assert (row["starts"], row["trained_certified"], row["trained_undecided"]) == (4, 1, 1)
    assert row["trained_certified_share"] == 0.25 and row["certified_share"] == 0.75
    assert (row["iteration_limit"], row["median_gain"], row["largest_gain"]) == (1, 0.75, 1.0)
    assert (row["best_trained_loss"], row["best_loss"], row["median_trained_loss"]) == (1, 0.5, 1.5)


def test_pairs_of_stability_are_numbered_within_their_kind():
    numbers = ("scale", "seminorm", "distance", "ratio", "bound", "uniform", "uniform_bound")
    rows = arrays(
        kind=["random", "C.1", "random"], within=[True, False, True], n_inputs=[3] * 3,
        n_neurons=[2, 3, 2], exact=[True] * 3, verdict=["holds", "violated", "holds"],
        reason=[""] * 3, **{name: [1.0] * 3 for name in numbers},
    )  # fmt: skip
    frame = stability_frame([({"dataset": "d", "neurons": 1}, rows)])
    assert frame[["kind", "pair", "within", "width"]].values.tolist() == [
        ["C.1", 0, 0, 3], ["random", 0, 1, 2], ["random", 1, 1, 2],
    ]  # fmt: skip


def test_rates_are_those_of_the_pairs():
    r = 10.0 ** -np.arange(8)
    pairs = pd.DataFrame(
        {
            "dataset": "d", "neurons": 2, "within": [1] * 8 + [0] * 8, "inputs": 3, "width": 3,
            "seminorm": np.concatenate([r, r]),
            "distance": np.concatenate([2 * np.sqrt(r), np.full(8, 1.5)]),
        }
    )  # fmt: skip
    rounding = pairs.iloc[:1].assign(seminorm=1e-15, distance=1e-3)
    frame = rates_frame(pd.concat([pairs, rounding])).set_index("within")
    assert frame.loc[1, "exponent"] == pytest.approx(0.5)
    assert frame.loc[1, "constant"] == pytest.approx(2.0)
    assert frame.loc[0, "exponent"] == pytest.approx(0.0, abs=1e-12)
    assert frame["pairs"].tolist() == [8, 8]


def test_degeneracies_are_shares_of_the_minima():
    frame = degeneracies_frame(natural_table("balanced", [1, 0], ["violated", "holds"]))
    row = frame.iloc[0]
    assert (row["minima"], row["spare_share"]) == (2, 0.5)
    assert (row["holds_share"], row["violated_share"], row["undecided_share"]) == (0.5, 0.5, 0.0)


def test_control_pairs_lie_above_the_bound(tables):
    frame = pairs_frame([({"dataset": "d", "neurons": 1}, {}, tables[3])])
    assert frame["pair"].tolist() == [0, 1]
    # 2 sqrt(2 r) is 0.89 and 0.28.
    assert frame["verdict"].tolist() == ["violated", "violated"]


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
