"""What a study costs before it starts: CPU seconds of every job, from the sizes in its config.

A job takes the time of its imports and, per unit of its work (:func:`units`: starts, minima,
draws), ::

    coefficient * (n d)^size * m^neurons

CPU seconds for n samples of d features and m neurons. ``python -m benchmarks.scale --publish``
measures units on the cells of the default study, fits these laws and writes them where they are
read from. Of other jobs it measures the whole: tables and figures take about as long for all
studies that are not much larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landscape.study import _costs

__all__ = [
    "FIXED",
    "LAWS",
    "RULES",
    "STARTUP",
    "UNKNOWN",
    "Law",
    "describe",
    "job_seconds",
    "units",
]


@dataclass(frozen=True)
class Law:
    """CPU seconds per unit: ``coefficient * (n d)^size * m^neurons``."""

    coefficient: float
    size: float
    neurons: float

    def __call__(self, n_samples: int, n_features: int, n_neurons: int) -> float:
        """Seconds per unit."""
        return self.coefficient * (n_samples * n_features) ** self.size * n_neurons**self.neurons


LAWS: dict[str, Law] = {rule: Law(*law) for rule, law in _costs.LAWS.items()}
STARTUP: dict[str, float] = _costs.STARTUP
FIXED: dict[str, float] = _costs.FIXED
#: Rules with laws: what they cost depends on the size of the problem and on the counts.
RULES = ("train", "minima", "solvers", "probe", "radii")
#: Rules of minutes for which there is neither a law nor a measured whole; others take seconds.
UNKNOWN = ("regularization_runs", "paper")
#: Of the rule ``probe``: what a minimum outside N* or a draw, and what a pair costs beside a ball.
CASE, PAIR = 0.35, 0.25


def units(rule: str, config: Mapping[str, Any], n_starts: int) -> float:
    """Units of work of one job: starts, minima or balls.

    Parameters
    ----------
    rule : str
    config : mapping
        Complete, with its defaults.
    n_starts : int
        Of the job's block for ``train`` and ``minima``, of the study for others.

    Examples
    --------
    >>> units("train", {"spaces": ["restricted", "balanced"]}, 50)
    100
    """

    def minima(step: str) -> int:
        return min(int(config[step]["max_minima"]), n_starts)

    if rule in ("train", "minima"):
        return n_starts * len(config["spaces"])
    if rule == "solvers":
        return int(config["solvers"]["starts"]) * len(config["solvers"]["solvers"])
    if rule == "probe":
        balls = minima("probe") + 4 * minima("controls")
        cases = len(config["natural"]["spaces"]) * minima("natural") + config["converse"]["n_draws"]
        pairs = min(config["pairs"]["max_pairs"], n_starts * (n_starts - 1) // 2)
        pairs += config["pairs"]["n_random"] + minima("pairs") + 7 * len(config["pairs"]["scales"])
        return balls + CASE * cases + PAIR * pairs
    if rule == "radii":
        nodes = max(config["radius"]["max_nodes"], 1) / 150
        spaces = len(config["radius"]["spaces"])
        wide = len(config["realization"]["spaces"]) * minima("realization")
        return spaces * minima("radius") * nodes + wide
    raise ValueError(f"rule: {rule!r} has no units")


def job_seconds(
    rule: str,
    config: Mapping[str, Any],
    sizes: Sequence[tuple[int, int, int]],
    n_starts: int,
) -> float:
    """CPU seconds of one job for problems of sizes (n, d, m); a constant without a law."""
    if rule not in LAWS:
        return FIXED.get(rule, 0.0)
    work = units(rule, config, n_starts)
    return STARTUP[rule] + sum(work * LAWS[rule](*size) for size in sizes)


def describe(seconds: Sequence[float], cores: int, unknown: Sequence[str] = ()) -> str:
    """One line: how many jobs, how long they take together, and which rules that leaves out.

    Examples
    --------
    >>> describe([100.0, 100.0, 160.0], 2)
    '3 jobs, about 3 min on 2 cores (6 min of CPU time)'
    >>> describe([], 2)
    'nothing to do'
    >>> describe([10.0, 0.0], 1, ["paper"])
    '2 jobs, about 10 s on 1 core (10 s of CPU time) and what paper takes, which is minutes'
    """
    if not seconds:
        return "nothing to do"
    total = sum(seconds)
    wall = max(total / cores, max(seconds))
    jobs = "1 job" if len(seconds) == 1 else f"{len(seconds)} jobs"
    place = "1 core" if cores == 1 else f"{cores} cores"
    more = f" and what {', '.join(unknown)} takes, which is minutes" if unknown else ""
    return f"{jobs}, about {_time(wall)} on {place} ({_time(total)} of CPU time){more}"


def _time(seconds: float) -> str:
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(round(seconds / unit), 1)} {name}"
    return f"{round(seconds / 86_400)} days"
