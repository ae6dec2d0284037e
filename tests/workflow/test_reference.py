"""The same study elsewhere: the reference's digits, and the same bytes in other surroundings."""

import os
import platform
import shutil
import subprocess

import numpy as np
import pytest

from landscape.tables import TABLES, read_table, write_table
from landscape.tables.compare import compare_frames, main
from tests.made_up import rows
from tests.workflow import reference
from tests.workflow.runs import RESULTS, ROOT, digests, new_study, snakemake


def give_the_digits_of_the_reference(study):
    """A failure lists the first values that moved; `make reference` accepts them."""
    reports = [
        compare_frames(
            TABLES[name],
            read_table(name, reference.FOLDER / f"{name}.csv"),
            reference.kept(name, study / RESULTS),
            rtol=1e-8,
            atol=1e-10,
        )
        for name in reference.NAMES
    ]
    print("\n".join(map(str, reports)))
    assert all(report.rows for report in reports)
    moved = [str(difference) for report in reports for difference in report.differences]
    assert not moved, "\n".join(moved[:20])


def test_the_study_gives_the_digits_of_the_reference(study):
    give_the_digits_of_the_reference(study)


def test_no_job_takes_kernels_for_more_than_avx2(study):
    """Which it has, and not how much more, decides on the bytes."""
    facts = read_table("provenance", study / RESULTS / "tables/provenance.csv")
    known = facts[facts["topic"] == "platform"].set_index("item")["value"]
    numpy = str(known["kernels of numpy"]).split()
    assert not [name for name in numpy if name.startswith(("AVX512", "X86_V4"))]
    if {"AVX2", "X86_V3"} & set(numpy):
        chosen = os.environ.get("OPENBLAS_CORETYPE") or "Haswell"
        assert known["kernels of BLAS"] == chosen


def rates(**changes):
    row = {"neurons": 2, "within": 1, "exponent": 0.5, "constant": 0.5}
    return rows("rates", [{**row, "dataset": "a", **changes}, {**row, "dataset": "b"}])


class TestCompare:
    def compare(self, one, other, **options):
        return compare_frames(TABLES["rates"], one, other, **options)

    def test_equal_frames_agree_and_nan_equals_nan(self):
        frame = rates(constant=np.nan, exponent=np.inf)
        report = self.compare(frame, frame.copy())
        assert report.differences == () and report.digits["constant"] == np.inf

    @pytest.mark.parametrize(
        ("one", "other", "digits"),
        [(1.0, 1.0 + 1e-4, 4), (1.0, -1.0, 0), (np.nan, 1.0, 0), (np.inf, 1.0, 0), (0.0, 1e-3, 0)],
    )
    def test_a_number_that_differs_is_named_with_its_digits(self, one, other, digits):
        report = self.compare(rates(constant=one), rates(constant=other))
        (found,) = report.differences
        assert found.column == "constant" and found.row == "dataset a, neurons 2, within 1"
        assert int(found.digits + 1e-9) == digits
        assert str(found).startswith("dataset a") and "constant" in str(found)

    def test_tolerances(self):
        one, other = rates(constant=1.0), rates(constant=1.0 + 1e-7)
        assert not self.compare(one, other).differences
        assert self.compare(one, other, rtol=1e-8).differences
        near, zero = rates(constant=1e-12), rates(constant=0.0)
        assert not self.compare(near, zero).differences
        assert self.compare(near, zero, atol=0.0).differences

    def test_counts_and_rows_must_be_the_same(self):
        frame = rates()
        other = frame.assign(pairs=frame["pairs"] + 1)
        assert {d.column for d in self.compare(frame, other).differences} == {"pairs"}
        (missing,) = self.compare(frame, frame.iloc[:1]).differences
        (more,) = self.compare(frame.iloc[:1], frame).differences
        assert missing.other == more.one == "missing" and "dataset b" in missing.row
        apart = self.compare(frame.iloc[:1], frame.iloc[1:])
        assert str(apart) == "rates: no row in both, 2 in one"

    def test_how_a_result_was_reached_is_reported_and_does_not_count(self):
        frame = rows("runs", [{"dataset": "a"}])
        report = compare_frames(TABLES["runs"], frame, frame.assign(descent_iterations=2))
        assert not report.differences and len(report.aside) == 1
        assert "1 in how it was reached (descent_iterations)" in str(report)

    def test_command(self, tmp_path, capsys):
        for name, frame in {"a": rates(), "b": rates(exponent=0.25)}.items():
            folder = tmp_path / name / "tables"
            write_table("rates", frame, folder / "rates.csv", folder / "rates.parquet")
        a, b = (str(tmp_path / name) for name in "ab")
        assert main([a, a]) == 0 and main([a, b]) == 1
        assert "column exponent: 0.5 against 0.25" in capsys.readouterr().out
        assert main([a, str(tmp_path / "none")]) == 2
        assert "no such file" in capsys.readouterr().err
        assert main([str(tmp_path), a]) == 2
        assert "holds no table of a study" in capsys.readouterr().err


def same_tables(folder, study, but=()):
    mine, theirs = (digests(place, f"{RESULTS}/tables/*") for place in (folder, study))
    for name in but:
        mine.pop(f"{RESULTS}/tables/{name}"), theirs.pop(f"{RESULTS}/tables/{name}")
    return mine == theirs


def have_the_same_bytes(folder, study):
    assert same_tables(folder, study)
    for pattern in ("figures/*", "**/*.parquet"):
        pattern = f"{RESULTS}/{pattern}"
        assert digests(folder, pattern) == digests(study, pattern)


on_x86_64 = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="these kernels are those of x86-64"
)


@pytest.mark.slow
class TestElsewhere:
    def test_locale_time_zone_hashes_umask_and_threads_change_no_byte(self, study, tmp_path):
        surroundings = {
            "LC_ALL": "C",
            "LANG": "C",
            "TZ": "Asia/Kathmandu",
            "PYTHONHASHSEED": "4242",
            "OPENBLAS_NUM_THREADS": "2",
            "OMP_NUM_THREADS": "2",
            "COLUMNS": "33",
        }
        old = os.umask(0o077)
        try:
            snakemake(new_study(tmp_path), environment=surroundings, cores=1)
        finally:
            os.umask(old)
        have_the_same_bytes(tmp_path, study)

    @on_x86_64
    def test_wider_vector_units_change_no_byte(self, study, tmp_path):
        """BLAS and numpy as they choose for this processor, were it not for the workflow."""
        choice = {"OPENBLAS_CORETYPE": "", "OPENBLAS_L2_SIZE": "", "NPY_DISABLE_CPU_FEATURES": ""}
        snakemake(new_study(tmp_path), environment={**choice, "NUMBA_CPU_NAME": "haswell"})
        have_the_same_bytes(tmp_path, study)

    @on_x86_64
    @pytest.mark.parametrize("kernels", ["Prescott", "Nehalem"])
    def test_other_kernels_give_the_digits_of_the_reference(self, tmp_path, kernels):
        known = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
        narrow = {"OPENBLAS_CORETYPE": kernels, "NPY_DISABLE_CPU_FEATURES": " ".join(known)}
        snakemake(new_study(tmp_path), environment=narrow)
        give_the_digits_of_the_reference(tmp_path)

    def test_a_second_clone_gives_the_same_bytes(self, study, tmp_path):
        if shutil.which("git") is None or not (ROOT / ".git").exists():
            pytest.skip("not in a git clone")
        clone = tmp_path / "some/deeper/folder/clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        made = subprocess.run(["make", "env"], cwd=clone, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"make env: {made.stderr.strip().splitlines()[-1]}")
        folder = new_study(clone / "study")
        snakemake(folder, root=clone)
        # What is committed may lag behind the working tree: then provenance says so.
        clean = not subprocess.run(
            ["git", "status", "--porcelain", "landscape"], cwd=ROOT, capture_output=True
        ).stdout
        but = () if clean else ("provenance.csv", "provenance.parquet")
        assert same_tables(folder, study, but)
