"""Findings per data set, in sentences that say what the tables hold and nothing else.

Each topic is one function from a data set's rows to a :class:`Finding`, which
:func:`~landscape.tables.findings.words.topic` registers. Its status says how the
rows compare with what is proven:

- ``agrees``: tested, and every case came out as proven;
- ``contradicts``: at least one case did not, so a theorem or this software is wrong;
- ``undecided``: none contradicts, and at least one could not be decided;
- ``not tested``: there is no case, so nothing is known;
- ``measured``: numbers for which nothing is proven.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

# isort: off
from landscape.tables.findings import training  # noqa: F401
from landscape.tables.findings import realization  # noqa: F401

# isort: on
from landscape.tables.findings.words import (
    ALARM,
    SPACE_NAMES,
    STATUSES,
    TOPICS,
    Finding,
    number,
)
from landscape.tables.rows import FindingRow

__all__ = ["ALARM", "SPACE_NAMES", "STATUSES", "TOPICS", "Finding", "find", "number"]


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
