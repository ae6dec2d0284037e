"""What a finding is, and the words that sentences are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from landscape.verdict import Verdict

__all__ = [
    "ALARM",
    "SPACE_NAMES",
    "STATUSES",
    "TOPICS",
    "Finding",
    "Own",
    "by_space",
    "counts_of",
    "figures",
    "have",
    "median",
    "number",
    "say_verdicts",
    "status_of",
    "topic",
]

STATUSES = ("contradicts", "undecided", "not tested", "agrees", "measured")
SPACE_NAMES = {"restricted": "N*", "balanced": "N'", "unrestricted": "unrestricted networks"}

#: What a sentence goes on with where a proven statement seems to fail.
ALARM = "A proven statement fails here: its proof, or this software, has a mistake"

#: Tables by name, the rows of one data set each.
Own = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """One finding about one data set.

    Attributes
    ----------
    status : str
        One of :data:`STATUSES`.
    text : str
        Sentences.
    table, search : str
        The rows that it rests on: a table, and terms ``column=value`` that all of them meet.
    """

    status: str
    text: str
    table: str
    search: str = ""


#: What writes the finding on each topic, in the order of the study.
TOPICS: dict[str, Callable[[Own], Finding]] = {}
Write = Callable[[pd.DataFrame, Own], Finding]


def topic(name: str, table: str, nothing: str) -> Callable[[Write], Write]:
    """Register what writes the finding on a topic, from a table's rows; ``nothing``: if none."""

    def register(write: Write) -> Write:
        def finding(own: Own) -> Finding:
            rows = own[table]
            return Finding("not tested", nothing, table) if rows.empty else write(rows, own)

        TOPICS[name] = finding
        return write

    return register


def number(count: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 ball``, ``1,200 balls``, ``no ball``.

    Examples
    --------
    >>> number(0, "ball"), number(1, "minimum", "minima"), number(1200, "ball")
    ('no ball', '1 minimum', '1,200 balls')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}" if count else f"no {one}"


def have(count: int) -> str:
    """The verb that goes with a count."""
    return "has" if count == 1 else "have"


#: Exponents as a reader expects them.
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figures(value: float) -> str:
    """Two significant digits: 0.25, 41,000, 3.1 × 10⁻¹⁰."""
    if not np.isfinite(value):
        return "unbounded" if value > 0 else "unknown"
    if 100 <= value < 1e7:
        return f"{float(f'{value:.2g}'):,.0f}"
    digits, _, power = f"{value:.2g}".partition("e")
    return f"{digits} × 10{str(int(power)).translate(SUPERSCRIPTS)}" if power else digits


def median(values: pd.Series) -> str:
    """The median of the finite values."""
    finite = values[np.isfinite(values)]
    return figures(float(finite.median())) if len(finite) else "unknown"


def counts_of(verdicts: pd.Series) -> dict[str, int]:
    """How often each verdict occurs, all three.

    Raises
    ------
    ValueError
        If there is any other word: it would be lost in the counts.

    Examples
    --------
    >>> counts_of(pd.Series(["holds", "holds", "undecided"]))
    {'holds': 2, 'violated': 0, 'undecided': 1}
    """
    known = [verdict.value for verdict in Verdict]
    if strange := sorted(set(verdicts) - set(known)):
        raise ValueError(f"verdicts: expected {', '.join(known)}, got {', '.join(strange)}")
    return {name: int(verdicts.eq(name).sum()) for name in known}


def say_verdicts(counts: Mapping[str, int]) -> str:
    """Counts of verdicts in words."""
    return f"{counts['holds']} hold, {counts['violated']} violated, {counts['undecided']} undecided"


def status_of(counts: Mapping[str, int], proven: str = "holds") -> str:
    """How verdicts compare with a statement that proves one of them."""
    against = "violated" if proven == "holds" else "holds"
    if not sum(counts.values()):
        return "not tested"
    return "contradicts" if counts[against] else "undecided" if counts["undecided"] else "agrees"


def by_space(frame: pd.DataFrame, say: Callable[[pd.DataFrame], str]) -> str:
    """``N*: 96 (m = 2), 100 (m = 4); N': ...``."""
    parts = []
    for space, name in SPACE_NAMES.items():
        groups = frame[frame["space"] == space].groupby("neurons")
        if values := [f"{say(own)} (m = {neurons})" for neurons, own in groups]:
            parts.append(f"{name}: {', '.join(values)}")
    return "; ".join(parts)
