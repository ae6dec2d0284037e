"""From the rows of all jobs to the tables of a study."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.rows import Row, frame_of
from landscape.tables import TABLES
from landscape.tables.findings import find
from landscape.tables.rows import (
    SEMINORM_ROUNDING,
    Degeneracies,
    Fact,
    FindingRow,
    Rate,
    SolverSummary,
    Summary,
    SummaryCell,
)

__all__ = ["frames_of", "provenance_frame", "sum_up"]

#: Packages whose versions can change a digit.
PACKAGES = (
    "landscape-relu", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "matplotlib",
    "seaborn", "clarabel", "numba", "snakemake",
)  # fmt: skip


def frames_of(rows: Mapping[str, Iterable[Row]]) -> dict[str, pd.DataFrame]:
    """Tables by name, from the rows of all jobs."""
    return {name: frame_of(TABLES[name], own) for name, own in rows.items()}


def sum_up(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables that sum up others: summary, solvers, rates, degeneracies, findings.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Those of the jobs.
    """
    cells: Any = tables["fits"].groupby(["dataset", "space", "neurons"]).groups
    found = {
        "summary": frame_of(
            Summary,
            [
                Summary.computed(
                    dict(zip(Summary.key(), place, strict=True)), SummaryCell.of(tables, *place)
                )
                for place in cells
            ],
        ),
        "solvers": _grouped(SolverSummary, tables["runs"]),
        "rates": _grouped(Rate, tables["pairs"][tables["pairs"]["seminorm"] > SEMINORM_ROUNDING]),
        "degeneracies": _grouped(Degeneracies, tables["natural"]),
    }
    return found | {"findings": frame_of(FindingRow, find({**tables, **found}))}


def _grouped(table: type[Row], frame: pd.DataFrame) -> pd.DataFrame:
    """A table that has one row per group of another one."""
    groups: Any = frame.groupby(table.key())
    rows = [
        table.computed(dict(zip(table.key(), place, strict=True)), own) for place, own in groups
    ]
    return frame_of(table, rows)


def provenance_frame(
    config: Mapping[str, Any],
    datasets: Mapping[str, Mapping[str, Any]],
    code: Sequence[str | Path],
) -> pd.DataFrame:
    """Table ``provenance``.

    Parameters
    ----------
    config : mapping
        The whole configuration, with defaults filled in. Paths in it are left out.
    datasets : mapping
        Metadata of each data set by name.
    code : sequence of paths
        The package's modules.
    """
    plain = json.loads(json.dumps(config))
    for entry in plain.get("datasets", {}).values():
        entry.pop("path", None)
    facts: list[tuple[str, str, Any]] = [("seed", "study", plain.get("seed"))]
    facts.append(("config", "sha256", _digest(json.dumps(plain, sort_keys=True).encode())))
    facts += [("config", key, json.dumps(plain[key], sort_keys=True)) for key in sorted(plain)]
    for name, metadata in datasets.items():
        facts.append(("data", name, json.dumps(metadata, sort_keys=True)))
    # The names within the package, not the places, so that a moved clone gives the same table.
    for path in sorted(map(Path, code)):
        inside = "/".join(path.parts[path.parts.index("landscape") :])
        facts.append(("code", inside, _digest(path.read_bytes())))
    for package in PACKAGES:
        try:
            facts.append(("package", package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            facts.append(("package", package, "not installed"))
    facts += [
        ("platform", "python", platform.python_version()),
        ("platform", "implementation", platform.python_implementation()),
        ("platform", "system", platform.system()),
        ("platform", "machine", platform.machine()),
        ("platform", "c library", "-".join(platform.libc_ver())),
    ]
    rows = [Fact(topic=topic, item=item, value=str(value)) for topic, item, value in facts]
    return frame_of(Fact, rows)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
