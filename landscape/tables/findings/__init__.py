"""Findings per data set, in sentences that say what the tables hold and nothing else.

Each topic is one function from a data set's rows to a :class:`Finding`. Its status says how the
rows compare with what is proven:

- ``agrees``: tested, and every case came out as proven;
- ``contradicts``: at least one case did not, so a theorem or this software is wrong;
- ``undecided``: none contradicts, and at least one could not be decided;
- ``not tested``: there is no case, so nothing is known;
- ``measured``: numbers for which nothing is proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from landscape.tables.findings import realization, training
from landscape.tables.findings.words import ALARM, SPACE_NAMES, STATUSES, Finding, Own, number
from landscape.tables.rows import FindingRow

__all__ = ["ALARM", "SPACE_NAMES", "STATUSES", "TOPICS", "Finding", "find", "number"]

#: The topics in the order of the study, each with what writes its finding.
TOPICS: dict[str, Callable[[Own], Finding]] = {
    "starts": training.starts,
    "certificates": training.certificates,
    "distinct minima": training.distinct,
    "losses": training.losses,
    "lifts": training.lifts,
    "rigid balls": realization.balls,
    "controls": realization.controls,
    "natural cases": realization.natural,
    "converse": realization.converse,
    "parameter radius": realization.parameter_radius,
    "realization radius": realization.realization_radius,
    "inverse stability": realization.stability,
    "solvers": realization.solvers,
}


def find(tables: Mapping[str, pd.DataFrame]) -> list[FindingRow]:
    """Per data set and topic what was tested, held, failed, is undecided.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``fits``, ``minima``, ``probes``, ``controls``, ``brackets``, ``converse``, ``natural``,
        ``pairs`` and ``solvers``.
    """
    rows = []
    for dataset in sorted(set(tables["fits"]["dataset"])):
        own = {
            name: frame[frame["dataset"] == dataset]
            for name, frame in tables.items()
            if "dataset" in frame
        }
        for topic, write in TOPICS.items():
            found = write(own)
            rows.append(
                FindingRow(
                    dataset=dataset,
                    topic=topic,
                    status=found.status,
                    finding=found.text,
                    table=found.table,
                    search=f"dataset={dataset} {found.search}".strip(),
                )
            )
    return rows
