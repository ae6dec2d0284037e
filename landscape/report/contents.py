"""What a report holds, in its order, and the parts that its two forms share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from landscape.tables import ATLAS_FIGURES, FIGURES
from landscape.tables.findings import SPACE_NAMES, STATUSES, TOPICS, number

__all__ = [
    "CELL_HEADER",
    "FIGURE_TITLES",
    "PROVEN",
    "cell_rows",
    "findings_of",
    "totals",
    "verdict_of_study",
]

#: Titles of all figures.
FIGURE_TITLES = {name: figure.title for name, figure in {**FIGURES, **ATLAS_FIGURES}.items()}

#: Topics with a proven statement to compare with.
PROVEN = ("lifts", "rigid balls", "controls", "converse", "inverse stability")


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
    probed = holding + violated + open_ones
    minima, proved = (int(summary[name].sum()) for name in ("distinct_minima", "proved_minima"))
    return (
        f"Of {number(starts, 'start')}, {certified:,} ended at certified local minima and "
        f"{undecided:,} are undecided. Of {number(minima, 'distinct minimum', 'distinct minima')}, "
        f"{proved:,} are proved in rational arithmetic. At {holding:,} of "
        f"{number(probed, 'minimum', 'minima')} of N* the rigid ball in realization space holds "
        f"nothing better, as Theorem 13 says; {violated:,} contradict it and {open_ones:,} are "
        f"undecided. Of {number(controls, 'control')} outside N*, where the implication has to "
        f"fail, it fails at {failing:,}."
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
