"""What a study will cost: units of work, and the estimate in words."""

from pathlib import Path

import pytest
import yaml

from landscape.study.cost import FIXED, LAWS, RULES, STARTUP, describe, job_seconds, units

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())


def test_every_law_has_its_startup_and_its_units():
    assert set(LAWS) == set(STARTUP) == set(RULES)
    assert not set(FIXED) & set(RULES)
    for rule in RULES:
        assert units(rule, CONFIG, 50) > 0
    with pytest.raises(ValueError, match="'tables' has no units"):
        units("tables", CONFIG, 50)


@pytest.mark.parametrize("rule", RULES)
def test_more_starts_never_cost_less(rule):
    times = [job_seconds(rule, CONFIG, [(60, 1, 2)], starts) for starts in (1, 10, 100, 1000)]
    assert times == sorted(times) and times[0] > STARTUP[rule]


def test_units_are_what_the_steps_go_over():
    assert units("train", CONFIG, 50) == 150
    assert units("solvers", CONFIG, 100) == 240
    assert units("probe", CONFIG, 100) == pytest.approx(140 + 0.35 * 250 + 0.25 * 179)
    assert units("probe", CONFIG, 10) == pytest.approx(50 + 0.35 * 70 + 0.25 * (45 + 79))
    assert job_seconds("tables", CONFIG, [], 100) == FIXED["tables"] > 0


def test_a_job_of_several_numbers_of_neurons_starts_once():
    both = job_seconds("train", CONFIG, [(60, 1, 2), (60, 1, 4)], 50)
    each = sum(job_seconds("train", CONFIG, [(60, 1, m)], 50) for m in (2, 4))
    assert both == pytest.approx(each - STARTUP["train"])


@pytest.mark.parametrize("rule", RULES)
def test_larger_problems_never_cost_less(rule):
    sizes = [(10, 1, 1), (100, 1, 1), (100, 10, 1), (100, 10, 10), (10**6, 100, 100)]
    times = [job_seconds(rule, CONFIG, [size], 50) for size in sizes]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("seconds", "cores", "line"),
    [
        ([10.0], 1, "1 job, about 10 s on 1 core (10 s of CPU time)"),
        ([0.1], 1, "1 job, about 1 s on 1 core (1 s of CPU time)"),
        # The longest job bounds the time however many cores there are.
        ([600.0, 60.0], 8, "2 jobs, about 10 min on 8 cores (11 min of CPU time)"),
        ([3600.0] * 100, 10, "100 jobs, about 10 h on 10 cores (4 days of CPU time)"),
    ],
)
def test_the_estimate_in_words(seconds, cores, line):
    assert describe(seconds, cores) == line
