"""Hypothesis profiles and the data sets that several tests share."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.oracles.problems import DATA

# `ci` draws the same examples every time. `explore` looks for new ones:
# HYPOTHESIS_PROFILE=explore pytest tests/properties. What it finds becomes a named test.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "explore", settings.get_profile("ci"), derandomize=False, max_examples=500
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


#: Files that processes take first, one each: what compiles kernels, so that others find these in
#: the cache; what makes the study of all tests of the workflow; what takes long.
FIRST = (
    "tests/test_seminorm.py", "tests/test_estimator.py", "tests/test_bracket.py",
    "tests/test_trees.py", "tests/workflow/test_faults.py", "tests/test_radius.py",
    "tests/test_study.py", "tests/workflow/test_workflow.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file: a process that has nothing to do takes the next file."""
    place = {name: k for k, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(FIRST)))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20190912)


@pytest.fixture(params=sorted(DATA))
def dataset(request: pytest.FixtureRequest) -> tuple[str, np.ndarray, np.ndarray]:
    """Every small data set in turn: (name, features, targets)."""
    features, targets = DATA[request.param]()
    return request.param, features, targets
