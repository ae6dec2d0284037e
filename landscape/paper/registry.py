"""The table of the paper's items: what each states, what was computed, and what came out.

A check is a function that computes and returns an `Result`; nothing in the table is written down
by hand except statements and what they predict. `command` reproduces a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from numpy.random import Generator

from landscape.streams import stream
from landscape.verdict import Judgement

#: Modules whose import registers checks, in the order of the table.
MODULES = ("section1", "section2", "section3", "appendix", "figures")


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


class Result(NamedTuple):
    """What a check measured, whether the statement holds as printed, and as corrected.

    None: no correction is claimed. The note is the correction, or what is sharper.
    """

    measured: str
    printed: bool
    mended: bool | None = None
    note: str = ""

    @property
    def judgement(self) -> Judgement:
        """What became of the statement."""
        if self.mended is not None and not self.mended:
            return Judgement.FAILED
        if self.printed:
            return Judgement.CONFIRMED
        return Judgement.CORRECTED if self.mended else Judgement.REFUTED


#: Computes a row from the effort and the item's own random numbers.
CheckFunction = Callable[[Effort, Generator], Result]


class Check(NamedTuple):
    """One item of the paper and the function that computes its row, see `check`."""

    key: str
    item: str
    statement: str
    text: str
    function: CheckFunction


#: The checks of all modules that were imported so far, by their keys.
CHECKS: dict[str, Check] = {}


def check(
    key: str, item: str, statement: str, text: str = ""
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of an item.

    Its text, or else its docstring, says what is computed, and after an arrow what is predicted;
    fields of `Effort` may stand in braces.
    """

    def register(function: CheckFunction) -> CheckFunction:
        if key in CHECKS:
            raise ValueError(f"check {key!r} is registered twice")
        words = " ".join((text or function.__doc__ or "").split())
        CHECKS[key] = Check(key, item, statement, words, function)
        return function

    return register


def listed(form: str, values: Mapping[Any, object]) -> str:
    """Keys and values in one line."""
    return ", ".join(form.format(key, value) for key, value in values.items())


def load_checks() -> dict[str, Check]:
    """All checks by their keys, in the order of the table."""
    modules = [import_module(f"landscape.paper.{name}").__name__ for name in MODULES]
    return dict(sorted(CHECKS.items(), key=lambda e: modules.index(e[1].function.__module__)))


def rows(effort: Effort, keys: Iterable[str] | None = None) -> Iterator[dict[str, str]]:
    """Compute rows of ``paper.csv``, all or those with the given keys (KeyError if unknown)."""
    checks = load_checks()
    for key in checks if keys is None else keys:
        entry = checks[key]
        found = entry.function(effort, stream(effort.seed, "paper", key))
        computed, _, predicted = entry.text.format_map(vars(effort)).partition(" -> ")
        yield {
            **{"key": key, "item": entry.item, "statement": entry.statement},
            **{"computed": computed.rstrip("."), "predicted": predicted.rstrip(".")},
            **{"measured": found.measured, "verdict": str(found.judgement), "note": found.note},
            "command": f"python -m landscape.paper --only {key}",
        }
