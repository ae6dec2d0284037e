"""What a study costs before it starts: CPU seconds of every job, from the sizes in its config.

A job takes the time of its imports and, per unit of its work (:func:`units`: starts, minima,
draws), ::

    coefficient * (n d)^size * m^neurons

CPU seconds for n samples of d features and m neurons. ``python -m benchmarks.costs`` measures units
on the cells of the default study, fits these laws and prints them as they stand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LAWS", "Law", "describe", "job_seconds", "units"]


@dataclass(frozen=True)
class Law:
    """CPU seconds per unit: ``coefficient * (n d)^size * m^neurons``."""

    coefficient: float
    size: float
    neurons: float

    def __call__(self, n_samples: int, n_features: int, n_neurons: int) -> float:
        """Seconds per unit."""
        return self.coefficient * (n_samples * n_features) ** self.size * n_neurons**self.neurons


#: Made by python -m benchmarks.costs --quick.
LAWS: dict[str, Law] = {
    "train": Law(0.0016, 0.25, 0.58),
    "minima": Law(0.0011, 0.37, 0.68),
    "solvers": Law(0.012, 0.24, 0.46),
    "probe": Law(0.028, 0.05, -0.03),
    "radii": Law(0.11, 0.16, 0.88),
    "cases": Law(0.0037, 0.21, 0.80),
    "pairs": Law(0.13, -0.22, 0.34),
}
#: CPU seconds of a job before its work begins, by its imports; the same command measures them.
STARTUP: dict[str, float] = {
    "train": 0.5,
    "minima": 0.6,
    "solvers": 0.6,
    "probe": 0.6,
    "radii": 0.7,
    "cases": 0.6,
    "pairs": 0.6,
}
#: Jobs without a law: tables, figures and the like, of the default study.
FIXED = 5.0


def units(rule: str, config: Mapping[str, Any], n_starts: int) -> float:
    """Units of work of one job.

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
        return len(config["probe"]["spaces"]) * minima("probe") + 4 * minima("controls")
    if rule == "radii":
        nodes = max(config["radius"]["max_nodes"], 1) / 150
        spaces = len(config["radius"]["spaces"])
        return spaces * minima("radius") * nodes + minima("realization")
    if rule == "cases":
        return len(config["natural"]["spaces"]) * minima("natural") + config["converse"]["n_draws"]
    if rule == "pairs":
        pairs = min(config["pairs"]["max_pairs"], n_starts * (n_starts - 1) // 2)
        scales = len(config["stability"]["scales"])
        return pairs + config["stability"]["n_random"] + scales * minima("stability")
    raise ValueError(f"rule: {rule!r} has no units")


def job_seconds(
    rule: str, config: Mapping[str, Any], size: tuple[int, int, int], n_starts: int
) -> float:
    """CPU seconds of one job of size (n, d, m); of other rules than those with laws, a constant."""
    if rule not in LAWS:
        return FIXED
    return STARTUP[rule] + units(rule, config, n_starts) * LAWS[rule](*size)


def describe(seconds: Sequence[float], cores: int) -> str:
    """One line: how many jobs, and how long they take together.

    Examples
    --------
    >>> describe([100.0, 100.0, 160.0], 2)
    '3 jobs, about 3 min on 2 cores (6 min of CPU time)'
    >>> describe([], 2)
    'nothing to do'
    """
    if not seconds:
        return "nothing to do"
    total = sum(seconds)
    wall = max(total / cores, max(seconds))
    jobs = "1 job" if len(seconds) == 1 else f"{len(seconds)} jobs"
    place = "1 core" if cores == 1 else f"{cores} cores"
    return f"{jobs}, about {_time(wall)} on {place} ({_time(total)} of CPU time)"


def _time(seconds: float) -> str:
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(round(seconds / unit), 1)} {name}"
    return f"{round(seconds / 86_400)} days"
