"""Mistakes in a configuration: each answered before any job runs, in one line."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml

from landscape.atlas import atlas_cost
from landscape.data import make_dataset
from landscape.study.checks import check_place, check_study, duplicate_keys
from landscape.study.config import SCHEMA, Csv, Study, Teacher, config_schema

ROOT = Path(__file__).parents[2]
TEACHER = {"kind": "teacher", "n_samples": 9, "n_features": 1, "n_neurons": 1}
SINE = {"kind": "smooth", "function": "sine", "n_samples": 12, "n_features": 1}
GOOD = {"datasets": {"a": TEACHER}}


def problems(config):
    """As the Snakefile finds them."""
    return check_study(config)[1]


def data(**entries):
    return {"datasets": {"a": TEACHER, **entries}}


@pytest.mark.parametrize("file", ["config.yaml", "tests/config/config.yaml"])
def test_our_own_configurations_pass(file, monkeypatch):
    monkeypatch.chdir(ROOT / "tests/config")
    text = (ROOT / file).read_text()
    assert problems(yaml.safe_load(text)) == [] and duplicate_keys(text) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stars": 3}, "config key 'stars' is unknown (value 3); did you mean 'starts'?"),
        (
            {"starts": 0},
            "config key 'starts': 0 should be greater than or equal to 1 (random starts",
        ),
        ({"starts": "many"}, "config key 'starts': 'many' should be a valid integer"),
        ({"starts": True}, "config key 'starts': True should be a valid integer"),
        ({"starts": 4.0}, "config key 'starts': 4.0 should be a valid integer; write 4"),
        ({"margin": float("nan")}, "config key 'margin': nan should be a finite number ("),
        ({"study": "a/b"}, "config key 'study': 'a/b' string should match"),
        (
            {"study": 202302},
            "config key 'study': 202302 should be a valid string; write it in quotes",
        ),
        (
            data(b={**SINE, "standardize": False}),
            "'datasets.b.standardize': False should be 'both'",
        ),
        ({"datasets": {False: TEACHER}}, "'datasets': False is no valid name; write it in quotes"),
        (data(b={"kind": "mnist", "n": 3}), "'datasets.b.kind': 'mnist' is no kind of data"),
        ({"training": None}, "config key 'training': None should be a mapping of keys to values"),
        (
            {"study": "paper"},
            "config key 'study': results/paper is the place of something else; choose",
        ),
        ({"neurons": [0]}, "config key 'neurons.0': 0 should be greater than or equal to 1"),
        ({"neurons": [2, 2]}, "config key 'neurons': 2 stands twice; remove one"),
        ({"neurons": 2}, "config key 'neurons': 2 should be a valid list"),
        ({"training": {"solver": "slsqp"}}, "'training.solver': 'slsqp' is no solver here; known:"),
        ({"solvers": {"solvers": ["tf"]}}, "'tf' is no solver here; did you mean 'trf'?"),
        ({"atlas": {"solvers": ["trust-constr"]}}, "'atlas.solvers': 'trust-constr' is no solver"),
        ({"training": {"tolerance": 1}}, "'training.tolerance' is unknown (value 1); did"),
        ({"training": {"tol": "1e-12"}}, "'training.tol': '1e-12' should be a valid number"),
        ({"regularization": {"solver": "trf"}}, "'regularization.solver': 'trf' should be 'SLSQP'"),
        ({"regularization": {"angle": 90}}, "'regularization.angle': 90 should be less than 90"),
        ({"datasets": {}}, "'datasets': {} dictionary should have at least 1 item"),
        (data(**{"a/b": {"kind": "diabetes"}}), "'a/b' is no valid name; use letters"),
        (
            {"datasets": {1: {"kind": "diabetes"}}},
            "'datasets': 1 is no valid name; write it in quotes",
        ),
        (data(b={"kind": "mnist"}), "'datasets.b.kind': 'mnist' is no kind of data; known: "),
        (data(b={}), "'datasets.b.kind' is missing; add it (teacher, "),
        (data(b={"kind": "csv", "path": "x"}), "'datasets.b.target' is missing; add it (name"),
        (data(b={"kind": "diabetes", "n": 3}), "'datasets.b.n' is unknown (value 3)"),
        (data(A=TEACHER), "'datasets': 'a' and 'A' differ in case only, and name files; rename"),
        (
            data(b={**TEACHER, "n_features": 8}),
            "'datasets.b': b: 9 samples of 8 features are interpolated by an affine "
            "function; give at least 10 samples or use fewer features",
        ),
        (
            {"spaces": ["restricted"], "natural": {"spaces": ["balanced"]}},
            "'natural.spaces': 'balanced' is not trained; add it to `spaces` (restricted)",
        ),
        (
            {"spaces": ["balanced"], "controls": {"max_minima": 3}},
            "'controls.max_minima': 3 of restricted minima, and that space is not trained; add",
        ),
        (
            {"atlas": {"problems": {"big": {"neurons": 4, "data": {**SINE, "n_samples": 40}}}}},
            "'atlas.problems.big': needs 25,038,470,058 least squares problems, more than "
            "atlas.max_supports (5,000,000); take fewer",
        ),
        (
            {"atlas": {"problems": {"big": {"neurons": 3, "data": {**SINE, "n_features": 2}}}}},
            "'atlas.problems.big': needs",
        ),
    ],
)
def test_a_mistake_is_one_line_with_key_value_and_remedy(change, message):
    (found,) = problems({**GOOD, **change})
    assert message in found and "\n" not in found


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x,y\n1,2\n2,\n3,4\n4,4\n", {}, "own.csv: row 3, column 'y' is empty; fill it in"),
        ("x,y\n1,2\n2,nan\n3,4\n4,4\n", {}, "row 3, column 'y' is 'nan', missing; fill it in"),
        ("x,y\n1,2\nred,1\n3,4\n4,4\n", {}, "row 3, column 'x' is 'red', not a number; correct"),
        ("x,y\n1,2\n2,2\n3,2\n4,2\n", {}, "column 'y' is constant (2); choose another `target`"),
        ("x,y\n1,2\n1,3\n1,2\n1,5\n", {}, "column 'x' is constant (1); leave it out"),
        ("x,z\n1,2\n2,3\n3,4\n", {}, "row 1 has no column 'y', only 'x', 'z'; correct `target`"),
        ("x,y\n1,2\n2,3\n3,4\n", {"features": ["z"]}, "row 1 has no column 'z'"),
        ("x,y\n1,2\n2,3\n", {}, "2 rows for 1 features; give at least 3 rows"),
        ("x,x,y\n1,2,3\n", {}, "row 1 names column 'x' twice; rename one of them"),
        (
            "x,y\n1,0.3\n2,0.30000000000000004\n3,0.3\n",
            {},
            "'y' is constant up to rounding (0.3 to 0.30000000000000004)",
        ),
        ("", {}, "the file is empty; it needs a header line"),
        (None, {"path": "."}, ".: a folder, not a file; correct `path` in the config"),
        (None, {}, "no such file; correct `path` in the config"),
    ],
)
def test_a_mistake_in_a_table_is_found_before_anything_runs(
    tmp_path, monkeypatch, text, options, message
):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "own.csv").write_text(text)
    entry = {"kind": "csv", "path": "own.csv", "target": "y", **options}
    (found,) = problems(data(own=entry))
    place = entry["path"]
    assert found.startswith(f"config key 'datasets.own': {place}: ") and message in found


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1, 2, 3], "y": [1.0, None, 2.0]}, "row 2, column 'y' is empty; fill it in"),
        ({"x": [1, 2, 3], "y": [1.0, float("inf"), 2.0]}, "row 2, column 'y' is inf, not finite"),
        (
            {"x": ["a", "b", "c"], "y": [1, 2, 3]},
            "row 1, column 'x' is 'a', not a number, and 2 more rows; set",
        ),
        ({"x": [1, 2, 3], "y": [1, 1, 1]}, "column 'y' is constant (1); choose another `target`"),
        ({"x": [1, 2, 3], "z": [1, 2, 1]}, "the file has no column 'y', only 'x', 'z'; correct"),
        ({"x": [1, 2], "y": [1, 2]}, "2 rows for 1 features; give at least 3 rows"),
        (None, "no such file; correct `path`"),
        (b"no parquet", "no Parquet file, or a truncated one; for a CSV"),
    ],
)
def test_a_mistake_in_a_parquet_file_is_found_as_well(tmp_path, monkeypatch, columns, message):
    monkeypatch.chdir(tmp_path)
    if isinstance(columns, bytes):
        Path("own.parquet").write_bytes(columns)
    elif columns is not None:
        parquet.write_table(pa.table(columns), "own.parquet")
    (found,) = problems(data(own={"kind": "parquet", "path": "own.parquet", "target": "y"}))
    assert found.startswith("config key 'datasets.own': own.parquet: ") and message in found
    assert "\n" not in found


def test_parquet_and_csv_give_the_same_data(tmp_path):
    table = {"x": [0.1, 0.2, 0.7, 1.0], "b": [True, False, True, True], "y": [1, 5, 2, 3]}
    parquet.write_table(pa.table(table), tmp_path / "own.parquet")
    rows = zip(*table.values(), strict=True)
    lines = ["x,b,y", *(f"{x!r},{int(b)},{y}" for x, b, y in rows)]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    one, two = (
        make_dataset("own", {"kind": kind, "path": str(tmp_path / f"own.{kind}"), "target": "y"})
        for kind in ("csv", "parquet")
    )
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.target, two.target)
    assert one.feature_names == two.feature_names == ("x", "b")


def test_all_mistakes_are_named_at_once():
    found = problems({**GOOD, "starts": 0, "sede": 1, "stars": 2, "neurons": [0, 0]})
    assert len(found) == 5 and all("\n" not in line for line in found)
    found = problems({**data(A=TEACHER, b={**TEACHER, "n_samples": 3, "n_features": 2})})
    assert len(found) == 2
    # By the schema, and by what needs it: in what is sound.
    bad = {"sede": 1, "training": {"solver": "x"}, "solvers": {"solvers": ["y"], "starts": 0}}
    found = problems({**data(A=TEACHER, b={"kind": "csv", "path": "x"}), **bad})
    for place in ("'datasets.b.target' is", "'solvers.starts': 0", "'sede' is unknown"):
        assert sum(place in line for line in found) == 1
    assert sum("'training.solver': 'x' is no solver" in line for line in found) == 1
    assert len(found) == 5 and sum("differ in case only" in line for line in found) == 1


def test_sections_that_are_refused_are_no_reason_for_more():
    """Names that a refused section would define are not called unknown."""
    own = {"generators": {"mine": "a.b"}, "solvers": {"s": 3}}
    found = problems({**data(b={"kind": "mine"}), "plugins": own, "training": {"solver": "s"}})
    assert len(found) == 1 and "plugins.solvers.s" in found[0]
    assert len(problems({"datasets": 3, "spaces": ["x"]})) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nstarts: 2\nseed: 3\n", "'seed': stands in line 1 and again in line 3; remove"),
        ("datasets:\n  a: {kind: csv, kind: smooth}\n", "'datasets.a.kind': stands in line 2"),
        ("datasets:\n  a: {}\n  a: {}\n", "'datasets.a': stands in line 2 and again in line 3"),
        ("- x: 1\n  x: 2\n", "'0.x': stands in line 1"),
    ],
)
def test_keys_that_stand_twice_are_named(text, message):
    (found,) = duplicate_keys(text)
    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets:\n  no: {kind: diabetes}", "'datasets': False is no valid name; YAML reads no "
         "as a truth value: write it in quotes, 'no'"),
        ("study: 2023_02", "'study': 202302 should be a valid string; YAML reads 2023_02 as a "
         "number: write it in quotes, '2023_02'"),
        ("study: 2024-01-31", "'study': datetime.date(2024, 1, 31) should be a valid string; YAML "
         "reads 2024-01-31 as a date: write it in quotes, '2024-01-31'"),
        ("study: 1e3", ""),
        ("study: 12:30", "'study': 750 should be a valid string; YAML reads 12:30 as a number"),
        ("datasets: {b: {kind: csv, path: x.csv, target: y, features: [a, yes]}}",
         "'datasets.b.features.1': True should be a valid string; YAML reads yes as a truth value"),
        ("datasets: {b: {kind: csv, path: x.csv, target: null}}",
         "'datasets.b.target': None should be a valid string; YAML reads null as nothing: write"),
        ("datasets: {b: {kind: csv, path: x.csv, target: y, missing: off}}",
         "'datasets.b.missing': False should be 'refuse' or 'drop'; YAML reads off as a truth"),
    ],
)  # fmt: skip
def test_words_that_yaml_reads_as_something_else_are_named(text, message):
    config, texts = {**GOOD, **yaml.safe_load(text)}, [text]
    if not message:
        assert check_study(config, texts)[1] == []
        return
    (found,) = check_study(config, texts, data=False)[1]
    assert message in found


@pytest.mark.parametrize(
    "name", ["a(b)", "o'neil", "a$b", "a b", "a{b}", "a:b", "a#b", 'a"b', "a`b"]
)
def test_folders_that_a_shell_trips_over_are_refused(tmp_path, name):
    (found,) = check_place(f"/home/{name}/.venv/bin/python")
    assert f"the path {f'/home/{name}/.venv/bin/python'!r} has " in found and "rename its" in found
    folder = tmp_path / name
    folder.mkdir()
    for file in ("Makefile", "pyproject.toml"):
        (folder / file).write_text((ROOT / file).read_text())
    done = subprocess.run(["make", "help"], cwd=folder, capture_output=True, text=True)
    assert done.returncode and "has characters that a shell reads as something else" in done.stderr
    assert str(folder) in done.stderr and "move or rename it" in done.stderr


@pytest.mark.parametrize("name", ["größe", "a-b_c.d", "a,b", "a+b=c"])
def test_other_folders_are_not(tmp_path, name):
    assert check_place(f"/home/{name}/.venv/bin/python") == []
    (tmp_path / name).mkdir()
    makefile = (ROOT / "Makefile").read_text()
    (tmp_path / name / "Makefile").write_text(makefile)
    done = subprocess.run(["make", "help"], cwd=tmp_path / name, capture_output=True, text=True)
    assert done.returncode == 0 and "make study" in done.stdout


@pytest.mark.parametrize("text", ["", "a: [", "a: &x {b: 1}\nc: *x\n", "a: 1\nb: {a: 2}\n"])
def test_other_texts_have_no_duplicate_keys(text):
    assert duplicate_keys(text) == []


def test_defaults_follow_the_spaces_that_are_trained():
    config, found = check_study({**GOOD, "spaces": ["restricted", "unrestricted"]})
    assert found == [] and config["natural"]["spaces"] == ["unrestricted"]
    assert config["realization"]["spaces"] == ["restricted"]


@pytest.mark.parametrize(("n_samples", "neurons"), [(3, 1), (6, 2), (12, 3)])
def test_the_budget_of_one_input_is_the_cost_that_the_atlas_counts(n_samples, neurons):
    entry = {**SINE, "n_samples": n_samples, "noise": 0.0, "seed": 0}
    cost = atlas_cost(make_dataset("p", entry).features, neurons + 1).n_supports
    config = {"atlas": {"problems": {"p": {"neurons": neurons, "data": entry}}, "max_supports": 1}}
    (found,) = problems({**GOOD, **config})
    assert f"needs {cost:,} least" in found
    config["atlas"]["max_supports"] = cost
    assert problems({**GOOD, **config}) == []


def test_the_schema_is_the_model_s():
    """`python -m landscape.study.config` writes it."""
    assert SCHEMA.read_text(encoding="utf-8") == config_schema()


def test_the_default_study_documents_every_key_with_its_default():
    """What a key that is left out means is what stands in config.yaml."""
    written = yaml.safe_load((ROOT / "config.yaml").read_text())
    data, problems = written.pop("datasets"), written["atlas"].pop("problems")
    complete = Study.model_validate({"datasets": data}).complete()
    complete["loss"] = complete["loss"].pop("name")
    complete["weight_decay"] = complete["weight_decay"]["strength"]
    del complete["datasets"], complete["atlas"]["problems"]
    assert written == complete and problems


def test_the_keys_of_data_sets_are_documented_with_their_defaults():
    """In the commented example of config.yaml: `key: default`, or `key: value # default: ...`."""
    text = (ROOT / "config.yaml").read_text()
    (lines,) = re.findall(r"^  # mine:\n((?:  #   .*\n)+)", text, re.MULTILINE)
    example = yaml.safe_load(re.sub(r"^  # {3}", "", lines, flags=re.MULTILINE))
    fields = Csv.model_fields
    assert set(example) == set(fields)
    chosen = {"features", "networks"}  # whose absence means something
    for name, field in fields.items():
        if not field.is_required() and name not in chosen:
            assert example[name] == field.default, name
    drawn = yaml.safe_load(text)["datasets"]["teacher-1d"]
    assert set(drawn) == set(Teacher.model_fields) - {"standardize", "networks"}
    for name in ("noise", "seed"):
        line = next(line for line in text.splitlines() if line.startswith(f"    {name}:"))
        assert f"; default {Teacher.model_fields[name].default:g}" in line


def test_defaults_are_not_shared():
    one = Study.model_validate({**GOOD, "spaces": ["restricted"]})
    two = Study.model_validate(GOOD)
    assert one.natural.spaces == [] and two.natural.spaces == ["balanced", "unrestricted"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"study: a\ndatasets:\n  a:\n  \tkind: csv\n",
            "', line 4, column 3: found character '\\t'",
        ),
        (b"study: a: b\n", "', line 1, column 9: mapping values are not allowed here"),
        (b"neurons: [2,\nseed: 1\n", "', line "),
        (b"study: \xff\n", "': 'utf-8' codec can't decode byte 0xff"),
        (b"", "': holds no keys."),
        (b"- 1\n", "': holds no keys."),
        (b"__use_yte__: true\na: ?print(1)\n", "': has the key __use_yte__, which runs code"),
        (None, "': No such file or directory."),
        (b'{"study": "a"}', ""),
        (b"study: a\n", ""),
    ],
)
def test_a_config_that_is_no_yaml_is_answered_with_its_line(content, message, tmp_path):
    path = tmp_path / "my.yaml"
    if content is not None:
        path.write_bytes(content)
    line = [sys.executable, ROOT / "workflow/scripts/config_syntax.py", "-n", "--configfile", path]
    done = subprocess.run([*line, "--cores", "2"], capture_output=True, text=True)
    assert done.returncode == (1 if message else 0)
    expected = f"config file '{path}{message}" if message else ""
    assert done.stderr.startswith(expected) and done.stderr.count("\n") == bool(message)
