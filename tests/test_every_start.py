"""Descent ends in a certified minimum from (nearly) every start, on smooth and degenerate data."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.descent.problems import Problem, problems
from landscape import certify_minimum, descend
from landscape.descent import DescentOutcome
from landscape.training import train

PROBLEMS = {problem.name: problem for problem in problems()}


def share_certified(
    problem: Problem, space_name: str, n_starts: int, solver: str | None, *, far: bool = False
) -> float:
    """Share of the starts that end certified; every other one has an honest outcome."""
    space = problem.space(space_name)
    X, y = space.embed(problem.features), problem.targets
    certified = 0
    for start in problem.starts(n_starts, space):
        if solver is not None:
            start = train(start, X, y, space=space, solver=solver, max_iter=300).parametrization
        end = descend(start, X, y, space=space, far=far)
        assert end.loss <= end.loss_start * (1 + 1e-13)  # mapping back to the space rounds
        assert np.isclose(end.loss, np.mean((_values(end, X) - y) ** 2), rtol=1e-10)
        assert space.contains(end.parametrization)
        check = certify_minimum(end.parametrization, X, y, space=space)
        assert check.is_minimum == (end.outcome is DescentOutcome.MINIMUM)
        certified += check.is_minimum
    return certified / n_starts


def _values(end, X):
    from landscape import realize

    return realize(end.parametrization, X)


@pytest.mark.parametrize("space", ["restricted", "balanced", "unrestricted"])
@pytest.mark.parametrize(
    "name", [name for name in PROBLEMS if "diabetes" not in name and "5," not in name]
)
@pytest.mark.parametrize("n_starts", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_small_problems(n_starts, name, space):
    assert share_certified(PROBLEMS[name], space, n_starts, None) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "far"), [(None, False), (None, True), ("SLSQP", False)], ids=["raw", "far", "SLSQP"]
)
@pytest.mark.parametrize("name", PROBLEMS)
def test_two_hundred_starts(name, solver, far):
    assert share_certified(PROBLEMS[name], "restricted", 200, solver, far=far) >= 0.995
