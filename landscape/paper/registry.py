"""The table of the paper's items: what each states, what was computed, and what came out.

A check is a function that computes and returns an `Outcome`; nothing in the table is written down
by hand except statements and what they predict. `command` reproduces a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

__all__ = ["CHECKS", "Check", "Effort", "Finding", "Outcome", "Row", "check", "load_checks", "rows"]

#: Modules whose import registers checks, in the order of the table.
MODULES = ("section1", "section2", "section3", "proof", "appendix", "figures")


class Finding(StrEnum):
    """What became of a printed statement (`landscape.verdict.Verdict` is about one network).

    ``FAILED`` says nothing about the paper: neither the statement nor its correction came out, so
    something here is wrong, and the command ends with an error.
    """

    CONFIRMED = "confirmed"
    CORRECTED = "confirmed with correction"
    REFUTED = "refuted as printed"
    FAILED = "failed"


@dataclass(frozen=True)
class Effort:
    """How many random pairs for Theorem 3.1, networks elsewhere, and k of the examples."""

    n_pairs: int = 10_500
    k_max: int = 1000
    n_random: int = 100
    seed: int = 0

    @classmethod
    def quick(cls) -> Effort:
        """For tests: seconds instead of a minute."""
        return cls(n_pairs=320, k_max=12, n_random=15)


@dataclass(frozen=True)
class Outcome:
    """What a check computed.

    Attributes
    ----------
    computed : str
        What was computed, in one line.
    predicted, measured : str
        What the paper (or its correction) says, and the numbers.
    printed : bool
        Whether the statement holds as printed.
    mended : bool or None
        Whether it holds as corrected; None if no correction is claimed.
    note : str
        The correction, or what is sharper.
    """

    computed: str
    predicted: str
    measured: str
    printed: bool
    mended: bool | None = None
    note: str = ""

    @property
    def finding(self) -> Finding:
        """See `Finding`."""
        if self.printed:
            return Finding.CONFIRMED if self.mended is not False else Finding.FAILED
        if self.mended is None:
            return Finding.REFUTED
        return Finding.CORRECTED if self.mended else Finding.FAILED


CheckFunction = Callable[[Effort], Outcome]


@dataclass(frozen=True)
class Check:
    """One item of the paper and the function that computes its row."""

    key: str
    item: str
    statement: str
    function: CheckFunction


#: A row of ``paper.csv`` by column.
Row = dict[str, str]

#: All checks by their keys, in the order of the modules that define them.
CHECKS: dict[str, Check] = {}


def check(key: str, item: str, statement: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of an item."""

    def register(function: CheckFunction) -> CheckFunction:
        if key in CHECKS:
            raise ValueError(f"check {key!r} is registered twice")
        CHECKS[key] = Check(key, item, statement, function)
        return function

    return register


def load_checks() -> dict[str, Check]:
    """Import the modules that register checks, in the order of the table."""
    for name in MODULES:
        import_module(f"landscape.paper.{name}")
    return CHECKS


def rows(effort: Effort, keys: Iterable[str] | None = None) -> Iterator[Row]:
    """Compute the rows one by one, all or those with the given keys (KeyError if unknown)."""
    checks = load_checks()
    for key in checks if keys is None else keys:
        entry = checks[key]
        outcome = entry.function(effort)
        yield {
            "key": key,
            "item": entry.item,
            "statement": entry.statement,
            "computed": outcome.computed,
            "predicted": outcome.predicted,
            "measured": outcome.measured,
            "verdict": str(outcome.finding),
            "note": outcome.note,
            "command": f"python -m landscape.paper --only {key}",
        }
