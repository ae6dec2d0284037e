"""Snakemake's conventions: every rule documented, logged, benchmarked; lint; use as a module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """All rules, as Snakemake reads them; in a folder of their own, beside a study at work here."""
    before = Path.cwd()
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[ROOT / "config.yaml"]),
            snakefile=ROOT / "Snakefile",
            workdir=tmp_path_factory.mktemp("rules"),
        )
        found = list(workflow._workflow.rules)
    os.chdir(before)
    return found


def run(*arguments, folder):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--workflow-profile", "none", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_every_rule_is_documented(rules):
    assert len(rules) > 15
    for rule in rules:
        (line,) = rule.docstring.strip().splitlines()
        assert line[0].isupper() and line.endswith("."), rule.name


def test_every_rule_that_makes_files_has_a_log_a_benchmark_and_resources(rules):
    for rule in rules:
        if not rule.output:
            continue
        assert rule.log and rule.benchmark, rule.name
        assert {"mem_mb", "runtime", "_cores"} <= set(rule.resources), rule.name
        assert rule.is_script or rule.is_shell, rule.name


def test_every_study_writes_into_its_own_folders(rules):
    for rule in rules:
        for path in map(str, [*rule.output, *rule.log, rule.benchmark or ""]):
            if path and rule.name not in ("paper", "claim", "claims"):
                assert path.startswith(("results/default/", "logs/default/")), (rule.name, path)


def test_lint_has_nothing_to_say(tmp_path):
    done = run("--snakefile", ROOT / "Snakefile", "--directory", ROOT, "--lint", folder=tmp_path)
    assert "Congratulations, your workflow is in a good condition!" in done.stdout + done.stderr


#: Another workflow that has our study as a part of it.
MODULE = """
configfile: "config.yaml"


module landscape:
    snakefile: "{snakefile}"
    config: config


use rule * from landscape as landscape_*


rule mine:
    default_target: True
    input:
        "results/tiny/tables/{table}.csv",
    output:
        "mine.txt",
    log:
        "logs/mine.log",
    shell:
        "wc -l {{input}} > {{output}} 2> {{log}}"
"""


@pytest.fixture
def other(tmp_path):
    for name in ("config.yaml", "own.csv"):
        (tmp_path / name).write_text((ROOT / "tests/config" / name).read_text())

    def write(table):
        text = MODULE.format(snakefile=ROOT / "Snakefile", table=table)
        (tmp_path / "Snakefile").write_text(text)
        return tmp_path

    return write


def test_another_workflow_uses_this_one_as_a_module(other):
    folder = other("summary")
    done = run("--dry-run", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    for rule in ("landscape_train", "landscape_probe", "landscape_tables", "mine"):
        assert f"rule {rule}:" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_module_runs(other):
    folder = other("atlas")
    done = run("--cores", 1, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int((folder / "mine.txt").read_text().split()[0]) > 1
