"""From the rows of all jobs to the tables of a study."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from landscape.rows import frame_of
from landscape.tables import TABLES
from landscape.tables import rows as of
from landscape.tables.findings import find

#: Packages whose versions can change a digit.
PACKAGES = (
    "landscape-relu", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "matplotlib",
    "seaborn", "clarabel", "numba", "snakemake",
)  # fmt: skip


def sum_up(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables that sum up those of the jobs, and the findings."""
    sums = [table for table in TABLES.values() if issubclass(table, of.Sum)]
    found = {table.name: frame_of(table, table.summed(tables)) for table in sums}
    return found | {"findings": frame_of(of.FindingRow, find({**tables, **found}))}


def provenance_frame(
    config: Mapping[str, Any], datasets: Mapping[str, Any], code: Sequence[str | Path]
) -> pd.DataFrame:
    """Table ``provenance``, from the whole configuration, metadata of each data set, and modules.

    Paths in the configuration are left out, and of modules the names within the package stand in
    the table, not their places, so that a moved clone gives the same one.
    """
    text, plain = partial(json.dumps, sort_keys=True), json.loads(json.dumps(config))
    for entry in plain.get("datasets", {}).values():
        entry.pop("path", None)
    installed = {package.name: package.version for package in reversed([*distributions()])}
    modules = {"/".join(p.parts[p.parts.index("landscape") :]): p for p in map(Path, code)}
    simd = cast(Any, np.show_config(mode="dicts")).get("SIMD Extensions", {})
    facts = {
        "seed": {"study": str(plain.get("seed"))},
        "config": {"sha256": sha256(text(plain).encode()).hexdigest()}
        | {k: text(v) for k, v in plain.items()},
        "data": {name: text(metadata) for name, metadata in datasets.items()},
        "code": {name: sha256(path.read_bytes()).hexdigest() for name, path in modules.items()},
        "package": {name: installed.get(name, "not installed") for name in PACKAGES},
        "platform": {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": platform.system(),
            "machine": platform.machine(),
            "c library": "-".join(platform.libc_ver()),
            "kernels of BLAS": os.environ.get("OPENBLAS_CORETYPE") or "the processor's",
            "kernels of numpy": " ".join(simd.get("found", ())),
        },
    }
    rows = [of.Fact(topic=t, item=i, value=v) for t, own in facts.items() for i, v in own.items()]
    return frame_of(of.Fact, rows)
