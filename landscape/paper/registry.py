"""The table of the paper's items: what each states, what was computed, and what came out.

A check is a function that computes and returns an `Outcome`; nothing in the table is written down
by hand except statements and what they predict. `command` reproduces a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

__all__ = [
    "CHECKS",
    "Check",
    "Effort",
    "Outcome",
    "Row",
    "Verdict",
    "check",
    "load_checks",
    "run_checks",
]

#: Modules whose import registers checks, in the order of the table.
MODULES = ("section1", "section2", "section3", "proof", "appendix", "figures")


class Verdict(StrEnum):
    """What became of a statement.

    ``FAILED`` is no verdict on the paper: neither the statement nor its correction came out, so
    something here is wrong, and the command ends with an error.
    """

    CONFIRMED = "confirmed"
    CORRECTED = "confirmed with correction"
    REFUTED = "refuted as printed"
    FAILED = "failed"


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes
    ----------
    n_pairs : int
        Random pairs for Theorem 3.1.
    k_max : int
        Largest k of the examples.
    n_random : int
        Random networks in the smaller checks.
    seed : int
    """

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
    def verdict(self) -> Verdict:
        """See `Verdict`."""
        if self.printed:
            return Verdict.CONFIRMED if self.mended is not False else Verdict.FAILED
        if self.mended is None:
            return Verdict.REFUTED
        return Verdict.CORRECTED if self.mended else Verdict.FAILED


@dataclass(frozen=True)
class Check:
    """One item of the paper and the function that computes its row."""

    key: str
    item: str
    statement: str
    function: Callable[[Effort], Outcome]

    @property
    def command(self) -> str:
        """What reproduces the row."""
        return f"python -m landscape.paper --only {self.key}"


@dataclass(frozen=True)
class Row:
    """A row of ``paper.csv``."""

    key: str
    item: str
    statement: str
    computed: str
    predicted: str
    measured: str
    verdict: str
    note: str
    command: str
    seconds: float


#: All checks by their keys, in the order of the modules that define them.
CHECKS: dict[str, Check] = {}

CheckFunction = Callable[[Effort], Outcome]


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


def run_checks(
    effort: Effort,
    keys: Iterable[str] | None = None,
    *,
    report: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Compute the rows, all or those with the given keys.

    Raises
    ------
    KeyError
        If a key is unknown.
    """
    rows = []
    checks = load_checks()
    for key in checks if keys is None else keys:
        entry = checks[key]
        start = time.perf_counter()
        outcome = entry.function(effort)
        row = Row(
            key=key,
            item=entry.item,
            statement=entry.statement,
            computed=outcome.computed,
            predicted=outcome.predicted,
            measured=outcome.measured,
            verdict=str(outcome.verdict),
            note=outcome.note,
            command=entry.command,
            seconds=round(time.perf_counter() - start, 2),
        )
        rows.append(row)
        report(row)
    return rows
