"""Each command in README and docs: it exists, takes these arguments, and somebody runs it."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape import Network
from landscape.command import _parser
from tests.test_networks import write_onnx

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("[!_]*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROGRAM = re.compile(r"(?:make|landscape|pytest|pip|python|snakemake|\.venv/bin/\S+) ")
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

HERE = "test_commands::"
PARSED, RUNS = HERE + "test_it_exists", HERE + "test_commands_of_seconds_run"
LISTED = HERE + "test_dear_commands_accept_their_arguments"
RELEASE = "workflow/test_release::test_an_archive_installs_alone"
NONE = "not run by a test: "
#: By how commands begin (the longest counts): the test that runs them, or why there is none.
RUN_BY = {
    "make study": "workflow/test_docs::test_own_study_runs_as_the_page_says",
    "make study CORES": "workflow/test_workflow::test_one_core_gives_the_same_bytes_as_two",
    "make study PROFILE": "slurm/test_slurm::test_same_bytes_as_without_slurm",
    "make report": "workflow/test_workflow::test_the_report_holds_what_the_study_made",
    "make paper": "test_paper::test_the_command_writes_table_and_page",
    "make claims": "test_claims::test_every_family_computes_complete_rows",
    "make docs": "test_site::test_it_is_complete_and_loads_nothing_from_elsewhere",
    "make docs-assets": NONE + "it publishes what the default study, three minutes, has found",
    "make regularization": NONE
    + "an experiment of minutes; tests/test_regularization.py has its parts",
    "make reference": "workflow/test_reference::test_the_study_gives_the_digits_of_the_reference",
    "make graphs": "workflow/test_docs::test_the_graphs_are_those_of_the_default_study",
    "make benchmark-seminorm": LISTED,
    "make attack": "test_losses::test_attacks_find_no_wrong_verdict",
    "make dist": RELEASE,
    "make help": RUNS,
    "make env": NONE + "it builds what tests run in",
    "make format": NONE + "it changes files",
    "make lock": NONE + "it asks an index for versions",
    "make check": NONE + "CI runs it beside the tests",
    "make test": NONE + "it is the tests",
    "make test-slow": NONE + "it is the tests",
    "make test-report": NONE + "it is the tests",
    "make test-slurm": NONE + "it is the tests",
    "make test-oldest": NONE + "it is the tests, in another environment",
    "landscape": RUNS,
    "landscape study": "test_command::test_study_passes_the_options_of_snakemake_on",
    "landscape claims": "test_claims::test_every_family_computes_complete_rows",
    "python -m benchmarks": LISTED,
    "python -m landscape.paper": RUNS,
    "python -m landscape.study.config": "workflow/test_config::test_the_schema_is_the_model_s",
    "python -m landscape.tables.compare": RUNS,
    "python -m tests.attack": LISTED,
    "pytest": LISTED,
    "snakemake": LISTED,
    "pip install .": RELEASE,
    'pip install ".[study]"': RELEASE,
    "pip install pyscipopt": NONE + "it fetches SCIP, for one more test",
    ".venv/bin/python -m pip install": "workflow/test_plugins::test_the_page_is_a_valid_study",
    ".venv/bin/python -": "workflow/test_docs::test_own_study_runs_as_the_page_says",
    ".venv/bin/uv pip install": NONE + "it fetches Slurm's plugin",
    ".venv/bin/pre-commit install": NONE + "it changes the clone",
    ".venv/bin/snakemake": LISTED,
}


def commands():
    """(page, command) of all blocks without a language, and of all that is quoted in sentences."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [
            line for lang, block in FENCE.findall(text) if not lang for line in block.split("\n")
        ]
        lines += [
            " ".join(quoted.split()) for quoted in re.findall(r"`([^`]+)`", FENCE.sub("", text))
        ]
        found |= {
            (page.name, line.split("  #")[0].strip()) for line in lines if PROGRAM.match(line)
        }
    return sorted(found)


COMMANDS = commands()
ONCE = sorted({line for _, line in COMMANDS})


def first_words(line):
    """Those of a command that RUN_BY has; None if it has none."""
    fitting = [key for key in RUN_BY if f"{line} ".startswith((f"{key} ", f"{key}.", f"{key}="))]
    return max(fitting, key=len, default=None)


def options_of(module):
    """The options that a module's source declares."""
    source = Path(importlib.util.find_spec(module).origin)
    if source.name == "__init__.py":
        source = source.with_name("__main__.py")
    return set(re.findall(r'"(--?[a-z-]+)"', source.read_text(encoding="utf-8")))


def test_there_are_commands_of_every_kind():
    assert len(COMMANDS) > 90
    assert len({line.split()[0] for line in ONCE} & {"make", "landscape", "python", "pytest"}) == 4
    assert (
        "networks.md",
        "landscape lipschitz model.safetensors --norm inf --box -1 1",
    ) in COMMANDS


@pytest.mark.parametrize("line", ONCE)
def test_it_exists(line):
    """Target, module and options; `landscape` reads the whole line."""
    words = shlex.split(line)
    if words[0] == "make":
        named = [word for word in words[1:] if "=" not in word]
        assert named and set(named) <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    elif words[0] == "landscape":
        if len(words) > 2:
            assert _parser().parse_args(words[1:]).command == words[1]
    elif words[:2] == ["python", "-m"]:
        given = {word for word in words[3:] if word.startswith("--")}
        assert given <= options_of(words[2])
    elif words[0] == "pytest":
        assert all((ROOT / word).is_file() for word in words if word.startswith("tests/"))


@pytest.mark.parametrize("line", ONCE)
def test_somebody_runs_it(line):
    by = RUN_BY[first_words(line)]
    if not by.startswith(NONE):
        file, name = by.split("::")
        assert f"def {name}(" in (ROOT / f"tests/{file}.py").read_text(encoding="utf-8"), by


def test_no_entry_is_left_over():
    assert set(map(first_words, ONCE)) == set(RUN_BY)


def call(*words, cwd=ROOT):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = [sys.executable if word == "python" else word for word in words]
    return subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in ONCE if RUN_BY.get(first_words(line)) == LISTED])
def test_dear_commands_accept_their_arguments(line):
    """They run for minutes or hours: their help, their list of tests, their plan is asked for."""
    words = shlex.split(line)
    if words[0] == "make":
        words.insert(1, "-n")
    elif words[0] == "pytest":
        words += ["--collect-only", "-q", "-n", "0"]
    elif "snakemake" in words[0]:
        words = ["snakemake", *words[1:], *(() if "--unlock" in words else ("-n",))]
        words = [word for word in words if word not in ("--report",) and ".html" not in word]
    else:
        words = [*words[:3], "--help"]
    done = call(*words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the files lie that the commands of the pages name."""
    place, rng = tmp_path_factory.mktemp("commands"), np.random.default_rng(0)
    x = rng.uniform(-1, 1, (20, 2))
    table = pd.DataFrame({"one": x[:, 0], "two": x[:, 1]})
    return place, table, x, rng


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in ONCE if RUN_BY.get(first_words(line)) == RUNS])
def test_commands_of_seconds_run(line, folder):
    place, table, x, rng = folder
    words = shlex.split(line)
    target = words[words.index("--target") + 1] if "--target" in words else "y"
    y = x[:, 0] > 0.1 if target == "sick" else np.abs(x[:, 0]) + 0.1 * x[:, 1]
    data = table.assign(**{target: y.astype(float)})
    data.to_csv(place / "data.csv", index=False)
    data[["one", target]].iloc[:6].to_csv(place / "small.csv", index=False)
    network = Network(rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=2), 0.1)
    for name in ("model.npz", "model.safetensors"):
        network.save(place / name)
    if "model.onnx" in words:
        pytest.importorskip("onnx")
        write_onnx(place / "model.onnx", network, "gemm")
    if words[:3] == ["python", "-m", "landscape.paper"]:
        words += ["ex-2.5"] if words[-1] == "--only" else []  # a column of such keys
        words += ["--quick", "--out", str(place / "paper")] if "--list" not in words else []
    elif words[:3] == ["python", "-m", "landscape.tables.compare"]:
        words[3:5] = [str(ROOT / "tests/reference")] * 2
    elif words[0] == "landscape":
        words = ["python", "-m", "landscape", *words[1:]]
    done = call(*words, cwd=ROOT if words[0] == "make" else place)
    # 3 and 4 are verdicts: no local minimum, undecided.
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr
    assert done.stdout
