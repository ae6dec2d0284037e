"""What is released: both archives, installed beside nothing else, and their metadata."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
UV = shutil.which("uv", path=Path(sys.executable).parent)

#: Run in the new environment, away from the repository.
PROGRAM = """
import landscape
theta = landscape.Parametrization([[1, 0], [0, 1]], [1, -1])
found = landscape.sobolev_seminorm(theta)
space = landscape.UnrestrictedSpace(2, 2)
certificate = landscape.certify_minimum(theta, [[1.0, 2.0]], [0.0], space=space)
print(landscape.__version__, found.value, certificate.verdict, landscape.__file__)
"""


def run(*command, cwd=ROOT, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_place_names_the_same_version():
    version = PROJECT["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    changes = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == zenodo["version"] == version
    assert version in changes[:2]
    assert citation["license"] == zenodo["license"] == PROJECT["license"]


def test_workflows_call_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set()
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            called |= {step["run"] for step in job["steps"] if "run" in step}
    assert {"make check", "make test", "make docs", "make dist"} <= called
    assert {command.removeprefix("make ") for command in called} <= targets


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    code, _, errors = run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    assert code == 0, errors
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    assert f"-{PROJECT['version']}-" in wheel.name
    return {"wheel": wheel, "sdist": source}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "python"),
    [("sdist", "3.11"), *(("wheel", python) for python in ("3.11", "3.12", "3.13", "3.14"))],
)
def test_an_archive_installs_alone(archives, kind, python, tmp_path):
    uv, place = UV or pytest.skip("uv is not there"), tmp_path / "venv"
    options = {"UV_PYTHON_DOWNLOADS": "never", "PYTHONPATH": ""}
    code, index, _ = run(sys.executable, "-m", "pip", "config", "get", "global.index-url")
    if code == 0 and "UV_DEFAULT_INDEX" not in os.environ:
        options["UV_DEFAULT_INDEX"] = index.strip()
    # pyenv's versions are not on the path by their own names.
    versions = map(str, Path.home().glob(f".pyenv/versions/{python}.*/bin"))
    options["PATH"] = os.pathsep.join([*versions, os.environ["PATH"]])
    code, _, errors = run(uv, "venv", "--quiet", "--python", python, place, **options)
    if code:
        pytest.skip(f"no Python {python}: {errors.strip()}")
    interpreter = place / "bin/python"
    install = (uv, "pip", "install", "--quiet", "--python", interpreter)
    code, _, errors = run(*install, archives[kind], **options)
    assert code == 0, errors
    code, output, errors = run(interpreter, "-W", "error", "-c", PROGRAM, cwd=tmp_path, **options)
    assert code == 0, errors
    version, value, verdict, file = output.split()
    assert (version, value, verdict) == (PROJECT["version"], "1.0", "violated")
    package = Path(file).parent
    assert package.is_relative_to(place) and (package / "py.typed").exists()
    assert (package / "_workflow/Snakefile").exists()
    code, output, errors = run(place / "bin/landscape", "doctor", cwd=tmp_path, **options)
    assert code == 0, errors
    assert PROJECT["version"] in output
