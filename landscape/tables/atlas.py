"""Tables of atlases: all local minima of small problems, and which of them multi-starts find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from landscape.tables.atlas_schemas import ATLAS, COVERAGE
from landscape.tables.columns import Table
from landscape.tables.files import shape_frame

__all__ = ["ATLAS", "COVERAGE", "atlas_frame", "coverage_frame"]


def _frame(table: Table, problems: Mapping[str, tuple[int, Mapping[str, Any]]]) -> pd.DataFrame:
    rows = []
    for problem, (neurons, arrays) in problems.items():
        own = [name for name in table.names if name not in ("problem", "neurons")]
        for values in zip(*(arrays[name].tolist() for name in own), strict=True):
            row = dict(zip(own, values, strict=True))
            rows.append({"problem": problem, "neurons": neurons, **row})
    return shape_frame(table, rows)


def atlas_frame(problems: Mapping[str, tuple[int, Mapping[str, Any]]]) -> pd.DataFrame:
    """Entries of several atlases.

    Parameters
    ----------
    problems : mapping
        By name: neurons of the network with biases, and the arrays of
        :func:`landscape.study.coverage.atlas_arrays`.
    """
    return _frame(ATLAS, problems)


def coverage_frame(problems: Mapping[str, tuple[int, Mapping[str, Any]]]) -> pd.DataFrame:
    """Starts of several problems, from :func:`landscape.study.coverage.coverage_arrays`."""
    return _frame(COVERAGE, problems)
