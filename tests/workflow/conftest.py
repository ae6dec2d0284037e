"""A finished small study, made once for all tests of the workflow."""

import shutil
from pathlib import Path

import pytest

from tests.workflow.runs import new_study, snakemake


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study; tests may damage copies of it only."""
    folder = new_study(tmp_path_factory.mktemp("study"))
    snakemake(folder)
    return folder


@pytest.fixture
def copy(study, tmp_path):
    # As deep as the original: the inputs' paths, relative to it, stay the same.
    assert len(tmp_path.parts) == len(study.parts)
    return Path(shutil.copytree(study, tmp_path, dirs_exist_ok=True))
