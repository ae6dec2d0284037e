"""The whole DAG on the small `tests` profile, run as a user runs it."""

import base64
import hashlib
import json
import os
import re

import pandas as pd
import pytest

from landscape.tables import ATLAS_FIGURES, FIGURES, read_table
from landscape.tables import TABLES as ALL_TABLES
from tests.workflow.runs import RESULTS, ROOT, VICTIM, digests, new_study, snakemake

#: What a study has whose data sets bring no networks; tests/workflow/test_networks.py has those.
TABLES = [name for name in ALL_TABLES if name != "networks"]


@pytest.fixture(scope="module")
def tables(study):
    return {name: read_table(name, study / f"{RESULTS}/tables/{name}.parquet") for name in TABLES}


class TestResults:
    def test_every_table_and_figure_is_there(self, study):
        figures = [path.name for path in sorted((study / f"{RESULTS}/figures").iterdir())]
        assert figures == [
            f"{figure}.{format}"
            for figure in sorted([*FIGURES, *ATLAS_FIGURES])
            for format in ("png", "svg")
        ]
        for name in TABLES:
            csv = read_table(name, study / f"{RESULTS}/tables/{name}.csv")
            parquet = read_table(name, study / f"{RESULTS}/tables/{name}.parquet")
            pd.testing.assert_frame_equal(csv, parquet, check_exact=True)

    def test_the_report_holds_what_the_study_made(self, study):
        page = (study / RESULTS / "report.html").read_text(encoding="utf-8")
        for figure in (*FIGURES, *ATLAS_FIGURES):
            svg = base64.b64encode((study / RESULTS / f"figures/{figure}.svg").read_bytes())
            assert svg.decode() in page, figure
        assert 'id="csv-weights"' not in page  # half of the page; it is named there
        for name in set(TABLES) - {"weights"}:
            text = (study / RESULTS / f"tables/{name}.csv").read_text(encoding="utf-8")
            embedded = re.search(rf'id="csv-{name}">(.*?)</script>', page, re.S)[1]
            assert json.loads(embedded) == text, name
        assert (study / RESULTS / "summary.pdf").read_bytes().startswith(b"%PDF")

    def test_results_say_which_data_they_are_of(self, study, tables):
        own, teacher = tables["datasets"].to_dict("records")
        content = (study / "own.csv").read_bytes()
        assert own["sha256"] == hashlib.sha256(content).hexdigest() and own["file"] == "own.csv"
        assert (own["features"], own["target"]) == ("a, b", "y") and own["dropped"] == 0
        assert own["rows"] == own["samples"] == len(content.splitlines()) - 1
        assert teacher["file"] == "" and teacher["samples"] == 16
        log = (study / "logs/tiny/data/own.log").read_text()
        for name in ("file", "sha256", "digest", "features", "target", "dropped"):
            assert f"{name}: {own[name]}\n" in log

    def test_every_start_is_accounted_for(self, tables):
        fits, summary = tables["fits"], tables["summary"]
        assert len(fits) == 2 * 3 * 4
        assert (summary["starts"] == 4).all()
        outcomes = summary[["converged", "iteration_limit", "stalled", "failed"]].sum(axis=1)
        assert (outcomes == 4).all()
        assert (summary[["certified", "not_minimum", "undecided"]].sum(axis=1) == 4).all()

    def test_starts_are_paired(self, tables):
        fits = tables["fits"].pivot_table(
            index=["dataset", "neurons", "start"], columns="space", values="start_loss"
        )
        for space in ("restricted", "balanced"):
            pd.testing.assert_series_equal(
                fits[space], fits["unrestricted"], check_names=False, rtol=1e-9
            )

    def test_the_paper_holds_on_restricted_and_fails_on_controls(self, tables):
        assert len(tables["probes"]) == 4 and set(tables["probes"]["verdict"]) == {"holds"}
        assert set(tables["controls"]["verdict"]) == {"violated"}

    def test_certified_minima_are_proved(self, tables):
        assert len(tables["minima"]) and set(tables["minima"]["proof"]) == {"proved"}

    def test_every_kind_of_control_is_violated_on_every_data_set(self, tables):
        controls = tables["controls"]
        kinds = controls.groupby("dataset")["kind"].agg(set)
        assert list(kinds) == [{"C.1", "C.2", "C.3"}] * 2

    def test_minima_are_bracketed_and_the_bracket_contains_the_certificate(self, tables):
        minima = tables["minima"]
        asked = minima[minima["radius_high_method"] != ""]
        assert set(zip(asked["dataset"], asked["space"], strict=True)) == {
            ("own", "restricted"),
            ("teacher", "restricted"),
        }
        # A minimum that is no certified one would have been refused.
        assert (minima["radius_low"] >= minima["radius"] * (1 - 1e-9)).all()
        assert (minima["radius_high"] >= minima["radius_low"]).all()
        wide = tables["brackets"]
        assert len(wide) == 4 and (wide["radius_high"] >= wide["radius_low"]).all()

    def test_no_loss_of_the_study_is_below_the_bracket_of_the_global_minimum(self, tables):
        optima = tables["optima"]
        assert len(optima) == 6 and set(optima.query("open == 0")["dataset"]) == {"teacher"}
        key = ["dataset", "space", "neurons"]
        ends = tables["fits"].merge(optima[[*key, "global_low"]], on=key)
        assert len(ends) == len(tables["fits"]) and (ends["loss"] >= ends["global_low"]).all()
        # A solver over N* before any descent is above as well.
        runs = tables["runs"].merge(optima.query("space == 'restricted'"), on=key[::2])
        assert (
            len(runs) and (runs[["loss_x", "trained_loss"]].min(axis=1) >= runs["global_low"]).all()
        )

    def test_every_solver_ran_from_the_same_starts(self, tables):
        runs, solvers = tables["runs"], tables["solvers"]
        assert len(runs) == 2 * 4 * 2 and len(solvers) == 2 * 4
        starts = runs.pivot_table(index=["dataset", "start"], columns="solver", values="start_loss")
        assert starts.nunique(axis=1).eq(1).all()
        assert (runs["loss"] <= runs["trained_loss"] * (1 + 1e-12)).all()

    def test_converse_and_inverse_stability_are_as_proven(self, tables):
        assert set(tables["converse"]["realization"]) == {"holds"}
        pairs = tables["pairs"]
        assert set(pairs.loc[pairs["within"] == 1, "verdict"]) == {"holds"}
        assert set(pairs.loc[pairs["within"] == 0, "verdict"]) == {"violated"}

    def test_the_atlas_has_every_minimum_that_starts_found(self, tables):
        atlas, coverage = tables["atlas"], tables["coverage"]
        assert atlas["is_global"].sum() >= 1 and atlas["problem"].eq("tiny").all()
        # -2 would be a certified end that the atlas lacks.
        assert (coverage["number"] >= -1).all() and set(coverage["solver"]) == {"trf", "descent"}

    def test_every_data_set_has_its_findings(self, tables):
        findings = tables["findings"]
        assert sorted(findings["dataset"].unique()) == ["own", "teacher"]
        status = findings.set_index(["topic", "dataset"])["status"]
        for topic in ("lifts", "rigid balls", "controls", "converse", "inverse stability"):
            assert status[topic].eq("agrees").all(), topic

    def test_lifts_are_never_worse(self, tables):
        lifted = tables["summary"].query("lifts > 0")
        assert len(lifted) and (lifted["lifts_not_worse"] == 1).all()

    def test_no_table_names_a_place(self, study):
        for path in (study / f"{RESULTS}/tables").iterdir():
            content = path.read_bytes()
            for place in (str(study), str(ROOT)):
                assert place.encode() not in content, path.name
            # Compressed bytes may spell a short name by chance; the CSV has the same content.
            if path.suffix == ".csv":
                host = re.escape(os.uname().nodename)
                assert not re.search(rf"\b{host}\b", content.decode()), path.name


class TestReruns:
    def test_studies_stand_side_by_side_and_a_second_run_does_nothing(self, copy):
        before = digests(copy, f"{RESULTS}/**/*.*")
        config = (copy / "config.yaml").read_text()
        (copy / "other.yaml").write_text(config.replace("study: tiny", "study: other"))
        output = snakemake(copy, "--until", "data", config="other.yaml")
        assert "Where the time went" in output
        written = {path.relative_to(copy).parts[:2] for path in copy.glob("*/*/data/*.*")}
        assert written == {(a, b) for a in ("results", "logs") for b in ("tiny", "other")}
        assert "Nothing to be done" in snakemake(copy)
        assert digests(copy, f"{RESULTS}/**/*.*") == before

    @pytest.mark.slow
    def test_what_was_found_is_said_once_at_the_end(self, copy):
        (copy / RESULTS / "report.html").unlink()
        said = snakemake(copy).splitlines()
        end = said.index("Read results/tiny/report.html first.")
        assert said[end - 4].startswith("24 starts: 24 ended at certified local minima")
        assert said[end - 1].startswith(
            "R² of the best certified minimum (of a linear fit): own 0.9"
        )
        assert "R² of" not in snakemake(copy)

    def test_another_data_set_reruns_only_what_depends_on_it(self, copy):
        config = (copy / "config.yaml").read_text()
        (copy / "config.yaml").write_text(config.replace("noise: 0.1", "noise: 0.2"))
        output = snakemake(copy, "--dry-run", profile=None)
        assert "wildcards: dataset=teacher" in output and "wildcards: dataset=own" not in output

    @pytest.mark.slow
    def test_deleted_file_is_made_again_and_changes_nothing(self, copy):
        before = digests(copy, f"{RESULTS}/tables/*")
        victim = copy / VICTIM.replace("fits", "minima")
        victim.unlink()
        snakemake(copy, "--forcerun", "tables")
        assert digests(copy, f"{RESULTS}/tables/*") == before
        assert victim.exists()

    def test_all_mistakes_are_answered_before_anything_runs(self, tmp_path):
        new_study(tmp_path)
        config = (tmp_path / "config.yaml").read_text()
        config = config.replace("starts: 4", "starts: none", 1).replace("seed: 2", "sede: 2", 1)
        (tmp_path / "config.yaml").write_text(config + "neurons: [3]\n")
        own = (tmp_path / "own.csv").read_text().splitlines()
        own[3] = own[3].rsplit(",", 1)[0] + ",red"
        (tmp_path / "own.csv").write_text("\n".join(own))
        output = snakemake(tmp_path, check=False)
        for message in (
            "config key 'starts': 'none' should be a valid integer",
            "config key 'sede' is unknown (value 2); did you mean 'seed'?",
            "config key 'neurons': stands in line",
            "'datasets.own': own.csv: row 4, column 'y' is 'red', not a number",
        ):
            assert message in output
        assert "in <module>" not in output and not (tmp_path / "results").exists()

    def test_a_table_that_is_replaced_by_an_older_one_is_read_again(self, copy):
        """Also one whose path has braces, which name wildcards to Snakemake."""
        own = copy / "own.csv"
        own.write_text(own.read_text().replace("1", "2", 1))
        own = own.rename(copy / "own {dataset}.csv")
        os.utime(own, (0, 0))
        config = (copy / "config.yaml").read_text()
        (copy / "config.yaml").write_text(config.replace("own.csv", "own {dataset}.csv"))
        output = snakemake(copy, "--dry-run", profile=None)
        assert "wildcards: dataset=own" in output and "dataset=teacher" not in output


@pytest.mark.slow
class TestReproducibility:
    def test_one_core_gives_the_same_bytes_as_two(self, study, tmp_path):
        snakemake(new_study(tmp_path), cores=1)
        for pattern in (f"{RESULTS}/tables/*", f"{RESULTS}/figures/*", f"{RESULTS}/*/**/*.parquet"):
            assert digests(tmp_path, pattern) == digests(study, pattern)

    def test_block_size_changes_no_table(self, study, tmp_path):
        new_study(tmp_path)
        config = (tmp_path / "config.yaml").read_text()
        (tmp_path / "config.yaml").write_text(config.replace("block_size: 2", "block_size: 3"))
        snakemake(tmp_path)
        mine, theirs = (digests(folder, f"{RESULTS}/tables/*") for folder in (tmp_path, study))
        for file in ("provenance.csv", "provenance.parquet"):  # holds the configuration
            assert mine.pop(f"{RESULTS}/tables/{file}") != theirs.pop(f"{RESULTS}/tables/{file}")
        assert mine == theirs

    def test_neurons_together_or_apart_are_the_same_arrays_and_tables(self, tmp_path):
        found = []
        for together in ("true", "false"):
            folder = new_study(tmp_path / together)
            config = (folder / "config.yaml").read_text()
            config = config.replace("neurons: [2]\n", "neurons: [1, 2]\n", 1)
            (folder / "config.yaml").write_text(f"{config}\nneurons_together: {together}\n")
            output = snakemake(folder, f"{RESULTS}/tables/fits.csv")
            assert output.count("Rule: radii)") == (2 if together == "true" else 4)
            found.append(digests(folder, f"{RESULTS}/*/**/*.parquet"))
            found[-1] |= digests(folder, f"{RESULTS}/tables/*")
        assert found[0] == found[1] and f"{RESULTS}/radii/own/1.parquet" in found[0]

    def test_interruption_changes_no_table(self, study, tmp_path):
        new_study(tmp_path)
        snakemake(tmp_path, "--until", "minima")
        # As if killed while writing: a file without its job's mark of completion.
        (tmp_path / f"{RESULTS}/probes/teacher").mkdir(parents=True)
        (tmp_path / f"{RESULTS}/probes/teacher/.2.parquet.partial").write_bytes(b"PK")
        snakemake(tmp_path)
        assert digests(tmp_path, f"{RESULTS}/tables/*") == digests(study, f"{RESULTS}/tables/*")
