"""What a report holds, in its order, and the parts that its two forms share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from landscape.tables.findings import SPACE_NAMES, STATUSES, TOPICS, number

__all__ = [
    "CELL_HEADER",
    "FIGURE_TITLES",
    "PROVEN",
    "TABLE_ORDER",
    "cell_rows",
    "findings_of",
    "totals",
    "verdict_of_study",
]

#: Figures in the order of the study.
FIGURE_TITLES = {
    "losses": "Losses at certified minima",
    "probes": "Balls in realization space",
    "controls": "Controls, where the implication fails",
    "natural": "Minima outside N* as they come",
    "converse": "No converse",
    "radii": "Radii of realization minima",
    "brackets": "Radii bracketed from both sides",
    "stability": "Inverse stability on N*",
    "inverse": "Inverse and forward direction",
    "solvers": "Solvers, before and after the descent",
    "atlas": "Atlas: all local minima",
    "coverage": "How many of them starts find",
}

#: Tables in the order of the study.
TABLE_ORDER = (
    "findings", "summary", "fits", "minima", "probes", "controls", "natural", "degeneracies",
    "converse", "brackets", "pairs", "stability", "rates", "solvers", "runs", "atlas", "coverage",
    "provenance",
)  # fmt: skip

#: Topics with a proven statement to compare with.
PROVEN = ("lifts", "balls of N*", "controls", "converse", "inverse stability")


def findings_of(findings: pd.DataFrame, dataset: str) -> list[Any]:
    """A data set's findings in the order of the study."""
    order = list(TOPICS)
    own = findings[findings["dataset"] == dataset]
    return sorted(own.itertuples(), key=lambda row: order.index(row.topic))


def verdict_of_study(findings: pd.DataFrame) -> str:
    """One or two sentences on the proven statements over all data sets.

    Examples
    --------
    >>> columns = ["dataset", "topic", "status"]
    >>> print(verdict_of_study(pd.DataFrame([("a", "lifts", "agrees")], columns=columns)))
    1 comparison with a proven statement: 1 agrees.
    """
    proven = findings[findings["topic"].isin(PROVEN)]
    if proven.empty:
        return "No proven statement was compared with anything."
    counts = Counter(proven["status"])
    say = {
        "agrees": ("agrees", "agree"),
        "contradicts": ("contradicts it", "contradict it"),
        "undecided": ("is undecided in part", "are undecided in part"),
        "not tested": ("was not tested", "were not tested"),
    }
    parts = [
        f"{counts[status]} {say[status][counts[status] > 1]}"
        for status in ("agrees", *STATUSES)
        if status in say and counts[status]
    ]
    total = f"{len(proven)} comparison{'s' * (len(proven) > 1)} with a proven statement"
    return f"{total}: {', '.join(dict.fromkeys(parts))}."


def totals(summary: pd.DataFrame) -> str:
    """The study's main numbers over all data sets, in one sentence."""
    own = summary[summary["space"] == "restricted"]
    starts, certified, undecided = (
        int(summary[name].sum()) for name in ("starts", "certified", "undecided")
    )
    holding, violated, open_ones = (
        int(own[f"probes_{name}"].sum()) for name in ("hold", "violated", "undecided")
    )
    controls, failing = (int(own[name].sum()) for name in ("controls", "controls_violated"))
    balls = holding + violated + open_ones
    return (
        f"Of {number(starts, 'start')}, {certified:,} ended at certified local minima and "
        f"{undecided:,} are undecided. Of {number(balls, 'ball')} in realization space around "
        f"minima of N*, {holding:,} hold no better realization, {violated:,} "
        f"{'holds' if violated == 1 else 'hold'} one and {open_ones:,} are undecided. Of "
        f"{number(controls, 'control')} outside N*, where the implication has to fail, it fails at "
        f"{failing:,}."
    )


CELL_HEADER = ("m", "space", "starts", "certified", "undecided", "distinct", "best loss", "median")


def cell_rows(summary: pd.DataFrame, dataset: str) -> Iterable[tuple[str, ...]]:
    """A data set's numbers per number of neurons and space, as text; see ``CELL_HEADER``."""
    own: Iterable[Any] = summary[summary["dataset"] == dataset].itertuples()
    order = list(SPACE_NAMES)
    for row in sorted(own, key=lambda row: (row.neurons, order.index(row.space))):
        yield (
            str(row.neurons),
            SPACE_NAMES[row.space].removesuffix(" networks"),
            f"{row.starts:,}",
            f"{row.certified:,}",
            f"{row.undecided:,}",
            f"{row.distinct_minima:,}",
            _loss(row.best_certified_loss),
            _loss(row.median_loss),
        )


def _loss(value: float) -> str:
    return f"{value:.4g}" if value == value else "none"
