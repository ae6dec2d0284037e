"""A finished small study, made once for all tests of the workflow."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.workflow.runs import new_study, snakemake


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study, one for all processes of pytest; tests may damage copies of it only."""
    base = tmp_path_factory.getbasetemp()
    folder = base / "study"
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = base.parent / "shared/study"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            snakemake(new_study(folder))
            done.touch()
    return folder


@pytest.fixture
def copy(study, tmp_path):
    # As deep as the original: the inputs' paths, relative to it, stay the same.
    assert len(tmp_path.parts) == len(study.parts)
    return Path(shutil.copytree(study, tmp_path, dirs_exist_ok=True))
