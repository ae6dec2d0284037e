"""The pages that promise commands keep what they promise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/own-study.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_own_study_runs_as_the_page_says(tmp_path):
    """Every command of the page, but for `make env`: the environment is this one's."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, files.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    snakemake = f"{sys.executable} -m snakemake --workflow-profile workflow/profiles/default"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / ".cache"),
    }

    def run(command):
        command = command.replace(".venv/bin/python", sys.executable)
        # What `make study ARGS="..."` runs, see the Makefile.
        command = re.sub(r'make study ARGS="(.*)"', rf"{snakemake} --cores 2 \1", command)
        return subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    commands = [b for b in BLOCKS if not b.startswith(("make env", "config key"))]
    assert len(commands) == 4
    for command in commands:
        done = run(command)
        assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "results/springs"
    for name in set(re.findall(r"^\| `([\w/]+\.csv)`", PAGE, re.MULTILINE)):
        assert (results / name).exists(), name
    assert list((results / "figures").glob("*.svg")) and list(
        (results / "tables").glob("*.parquet")
    )
    assert "Nothing to be done" in run(commands[-1]).stderr
    config = tmp_path / "springs.yaml"
    config.write_text(config.read_text().replace("target: period", "target: perod"))
    done = run(commands[-1])
    (message,) = [b for b in BLOCKS if b.startswith("config key")]
    assert done.returncode and message.strip() in done.stdout + done.stderr


@pytest.mark.slow
def test_the_graphs_are_those_of_the_default_study(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "workflow/scripts")
    import graphs

    page, pictures = graphs.page()
    assert (ROOT / "docs/graphs.md").read_text(encoding="utf-8") == page
    for name, picture in pictures.items():
        assert (ROOT / f"docs/figures/{name}.svg").read_bytes() == picture
