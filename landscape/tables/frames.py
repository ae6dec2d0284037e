"""From the arrays of a study's steps to data frames with the tables' columns."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landscape.tables.files import shape_frame
from landscape.tables.schemas import TABLES

__all__ = [
    "LOSS_TOLERANCE",
    "fits_frame",
    "minima_frame",
    "not_worse",
    "pairs_frame",
    "probes_frame",
    "provenance_frame",
    "rows_of",
    "summary_frame",
]

#: Losses that differ by no more than this, relative to the larger one or to the variance of a
#: standardized target, count as equal where they are compared.
LOSS_TOLERANCE = 1e-9

Arrays = Mapping[str, NDArray[Any]]
Cell = dict[str, Any]

#: Packages whose versions can change a digit.
PACKAGES = (
    "landscape-relu",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "matplotlib",
    "seaborn",
    "clarabel",
    "numba",
    "snakemake",
)


def rows_of(arrays: Arrays) -> list[dict[str, Any]]:
    """Columns as rows."""
    length = len(next(iter(arrays.values()))) if arrays else 0
    return [{name: values[k] for name, values in arrays.items()} for k in range(length)]


def fits_frame(blocks: Iterable[tuple[Cell, Arrays, Arrays, Arrays]]) -> pd.DataFrame:
    """Table ``fits``.

    Parameters
    ----------
    blocks : iterable of (cell, fits, ends, distinct)
        ``cell`` has dataset, space and neurons; then the arrays of training and of descent for
        one block of starts, and the distinct minima of the whole cell.
    """
    rows = []
    for cell, fits, ends, distinct in blocks:
        numbers = {
            int(start): int(minimum)
            for minimum, members in zip(
                distinct.get("minimum", ()), distinct.get("members", ()), strict=True
            )
            for start in str(members).split()
        }
        for fit, end in zip(rows_of(fits), rows_of(ends), strict=True):
            rows.append(
                {
                    **cell,
                    "start": fit["start"],
                    "positive_signs": fit["n_positive"],
                    "start_loss": fit["loss_start"],
                    "trained_loss": fit["loss"],
                    "training_outcome": fit["outcome"],
                    "training_message": fit["message"],
                    "training_iterations": fit["n_iter"],
                    "training_evaluations": fit["n_evaluations"],
                    "loss": end["loss"],
                    "descent_outcome": end["outcome"],
                    "descent_iterations": end["n_iter"],
                    "verdict": end["verdict"],
                    "reason": end["reason"],
                    "minimum": numbers.get(int(end["start"]), -1),
                    "lift_start_loss": end["lift_loss_start"],
                    "lift_loss": end["lift_loss"],
                    "lift_verdict": end["lift_verdict"],
                }
            )
    return shape_frame(TABLES["fits"], rows)


def minima_frame(cells: Iterable[tuple[Cell, Arrays, Arrays]]) -> pd.DataFrame:
    """Table ``minima`` from (cell, distinct minima, brackets of the radii of some of them)."""
    rows = []
    for cell, distinct, radii in cells:
        brackets = {int(row["minimum"]): row for row in rows_of(radii)}
        for minimum in rows_of(distinct):
            # Not bracketed: what the certificate says.
            bracket = brackets.get(int(minimum["minimum"]), {})
            products = np.abs(minimum["output_weights"])[:, None] * minimum["weights"]
            r = float(minimum["radius"])
            rows.append(
                {
                    **cell,
                    "minimum": minimum["minimum"],
                    "multiplicity": minimum["multiplicity"],
                    "first_start": minimum["start"],
                    "loss": minimum["loss"],
                    "loss_spread": minimum["loss_spread"],
                    "kind": minimum["kind"],
                    "outcome": minimum["outcome"],
                    "iterations": minimum["n_iter"],
                    "kinks": minimum["n_kinks"],
                    "silent_neurons": minimum["n_silent"],
                    "stationarity": minimum["stationarity"],
                    "tolerance": minimum["tolerance"],
                    "slack": minimum["slack"],
                    "radius": r,
                    "radius_low": bracket.get("r_low", r),
                    "radius_high": bracket.get("r_high", np.inf),
                    "radius_low_method": bracket.get("method_low", "r_cell"),
                    "radius_high_method": bracket.get("method_high", ""),
                    "radius_nodes": bracket.get("n_nodes", 0),
                    "radius_reason": bracket.get("reason", ""),
                    "paper_radius": r**2 / 16,
                    "notes_radius": r**2 / 8,
                    "rigidity_radius": float(np.abs(products).max(axis=1).min()) / 2,
                    "violations": minimum["violations"],
                }
            )
    return shape_frame(TABLES["minima"], rows)


def probes_frame(cells: Iterable[tuple[Cell, Arrays, Arrays]]) -> pd.DataFrame:
    """Table ``probes`` from (cell, probes, controls)."""
    rows = []
    for cell, probes, controls in cells:
        steps: dict[int, int] = {}
        for row in rows_of(probes) + rows_of(controls):
            step = 0
            if row["ball"] == "control C.1":
                step = steps.get(int(row["minimum"]), 0)
                steps[int(row["minimum"])] = step + 1
            same = ("minimum", "ball", "radius", "verdict", "gap", "lower_bound", "tolerance")
            rows.append(
                {
                    **cell,
                    **{name: row[name] for name in (*same, "distance", "regime", "reason")},
                    "step": step,
                    "cuts": row["n_cuts"],
                }
            )
    return shape_frame(TABLES["probes"], rows)


def pairs_frame(cells: Iterable[tuple[Cell, Arrays, Arrays]]) -> pd.DataFrame:
    """Table ``pairs`` from (cell, pairs, controls); the cell has dataset and neurons."""
    rows = []
    for cell, pairs, controls in cells:
        found = rows_of(pairs)
        for control in rows_of(controls):
            r = float(control["distance"])
            bound = 2 * np.sqrt(2 * r)
            verdict = "holds" if control["parameter_distance"] <= bound else "violated"
            found.append(
                {
                    "kind": "control C.1",
                    "first": control["minimum"],
                    "second": -1,
                    "scale": np.nan,
                    "seminorm": r,
                    "distance": control["parameter_distance"],
                    "bound_paper": 4 * np.sqrt(r),
                    "bound_notes": bound,
                    "verdict": "undecided" if np.isnan(r) else verdict,
                    "reason": control["reason"] if np.isnan(r) else "",
                }
            )
        counts: dict[str, int] = {}
        for row in found:
            number = counts.get(str(row["kind"]), 0)
            counts[str(row["kind"])] = number + 1
            rows.append({**cell, **row, "pair": number})
    return shape_frame(TABLES["pairs"], rows)


def not_worse(loss: pd.Series, reference: pd.Series) -> pd.Series:
    """Whether each loss is at most its reference, up to rounding."""
    return loss <= reference + LOSS_TOLERANCE * np.maximum(1.0, reference.abs())


def summary_frame(
    fits: pd.DataFrame,
    minima: pd.DataFrame,
    probes: pd.DataFrame,
    controls: pd.DataFrame,
    natural: pd.DataFrame,
) -> pd.DataFrame:
    """Table ``summary`` from the tables ``fits``, ``minima``, ``probes``, ``controls``, ..."""
    cell = ["dataset", "space", "neurons"]
    return shape_frame(
        TABLES["summary"],
        [
            {
                **dict(zip(cell, key, strict=True)),
                **_summarize(key, group, fits, minima, probes, controls, natural),
            }
            for key, group in fits.groupby(cell)
        ],
    )


def _summarize(
    key: tuple[Any, ...],
    group: pd.DataFrame,
    fits: pd.DataFrame,
    minima: pd.DataFrame,
    probes: pd.DataFrame,
    controls: pd.DataFrame,
    natural: pd.DataFrame,
) -> dict[str, Any]:
    """The summary of one cell."""
    dataset, space, neurons = key
    certified = group[group["minimum"] >= 0]
    outcomes = group["training_outcome"].value_counts()
    verdicts = group["verdict"].value_counts()
    same = (fits["dataset"] == dataset) & (fits["neurons"] == neurons)
    reference = fits[same & (fits["space"] == "unrestricted")].set_index("start")["loss"]
    own = group.set_index("start")["loss"]
    common = own.index.intersection(reference.index) if space != "unrestricted" else own.index[:0]
    own, reference = own[common], reference[common]
    lifts = group[group["lift_loss"].notna()]

    def here(frame: pd.DataFrame) -> pd.DataFrame:
        own = frame[(frame["dataset"] == dataset) & (frame["neurons"] == neurons)]
        return own[own["space"] == space] if "space" in own else own

    balls = here(probes[probes["ball"] != "control C.1"])
    counts = balls["verdict"].value_counts()
    # Controls are built from the minima of N*.
    built = here(controls).iloc[: None if space == "restricted" else 0]
    built = built[built["verdict"] != "holds"]  # where no network of any width is better
    decreases = built["verdict"].eq("violated").groupby([built["minimum"], built["kind"]]).all()
    open_ones = built["verdict"].eq("undecided").groupby([built["minimum"], built["kind"]]).any()
    found = here(natural)
    naturals = found["verdict"].value_counts()
    bracketed = here(minima[minima["radius_high_method"] != ""])
    ratios = bracketed["radius_high"] / bracketed["radius_low"]
    return {
        "starts": len(group),
        **{
            name: int(outcomes.get(name, 0))
            for name in ("converged", "iteration_limit", "stalled", "failed")
        },
        "certified": len(certified),
        "not_minimum": int(verdicts.get("violated", 0)),
        "undecided": int(verdicts.get("undecided", 0)),
        "certified_share": len(certified) / len(group),
        "distinct_minima": certified["minimum"].nunique(),
        "best_loss": group["loss"].min(),
        "best_certified_loss": certified["loss"].min(),
        "median_loss": group["loss"].median(),
        "median_trained_loss": group["trained_loss"].median(),
        "paired_starts": len(common),
        "paired_not_worse": _share(not_worse(own, reference)),
        "paired_better": _share(~not_worse(reference, own)),
        "lifts": len(lifts),
        "lifts_not_worse": _share(not_worse(lifts["lift_loss"], lifts["loss"])),
        "best_lift_loss": lifts["lift_loss"].min(),
        "probed_minima": balls["minimum"].nunique(),
        "probes_hold": int(counts.get("holds", 0)),
        "probes_violated": int(counts.get("violated", 0)),
        "probes_undecided": int(counts.get("undecided", 0)),
        "controls": len(decreases),
        "controls_violated": int(decreases.sum()),
        "controls_undecided": int(open_ones.sum()),
        "natural_minima": len(found),
        "natural_spare": int((found["spare"] > 0).sum()),
        "natural_hold": int(naturals.get("holds", 0)),
        "natural_violated": int(naturals.get("violated", 0)),
        "natural_undecided": int(naturals.get("undecided", 0)),
        "bracketed_minima": len(bracketed),
        "median_radius_ratio": ratios[np.isfinite(bracketed["radius_low"])].median(),
    }


def _share(hits: pd.Series) -> float:
    """Share of true values, NaN if there are none to count."""
    return float(hits.mean()) if len(hits) else float("nan")


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
    rows = [{"topic": topic, "item": item, "value": str(value)} for topic, item, value in facts]
    return shape_frame(TABLES["provenance"], rows)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
