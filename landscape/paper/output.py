"""What the command writes: ``paper.csv``, the figures, and a page to be read beside the paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import BinaryIO

from landscape.data import replace_file, write_text
from landscape.paper.figures import FIGURES
from landscape.paper.registry import Effort, Row
from landscape.paper.section3 import sharp_table

__all__ = ["CAPTIONS", "COLUMNS", "write_figures", "write_page", "write_table"]

#: Columns of the table; times are printed, not stored, so that equal runs write equal files.
COLUMNS = tuple(f.name for f in fields(Row) if f.name != "seconds")

CAPTIONS = {
    "figure-1": "Figure 1: g_k of Example 2.1 for k = 1, 2. The height falls like 1/k, the slope "
    "of the wall grows like k².",
    "figure-2": "Figure 2: R(Γ) = 0 (r = 0.5) and g_3 of Example 2.2.",
    "figure-3": "Figure 3: R(Γ) = 2 rho(x_1) and g_2 of Example 2.3.",
    "figure-4": "Figure 4: R(Γ) = 0 and g_3 of Example 2.4, a_1 = (1, -1/2), a_2 = (-1, -1/2), "
    "a_3 = (0, 1), v = (1, 0).",
    "figure-5": "Figure 5: weight vectors of Θ_2 (grey) and Γ_2 (black) of Example 2.5.",
    "figure-6": "Figure 6: the samples of Example A.1, R(Γ_*) (left) and g_3 (right).",
    "figure-k": "Not in the paper: Examples 2.1, 2.3 and A.1 over k, one vertical scale in each "
    "row. 2.1 flattens but keeps its wall; 2.3 and A.1 tend to R(Γ).",
    "figure-distances": "Not in the paper: exact distance of Γ_k to all parametrizations of g_k, "
    "the paper's bound, the seminorm and the uniform norm (where it is hidden, it equals the "
    "seminorm).",
    "figure-theorem": "Not in the paper: distance over bound (31) of Theorem 3.1 on random "
    "admissible pairs.",
}


def write_table(rows: Sequence[Row], folder: Path) -> Path:
    """Write ``paper.csv``."""
    path = folder / "paper.csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    write_text(path, text.getvalue())
    return path


def _pour(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def write_figures(effort: Effort, folder: Path) -> list[Path]:
    """Draw all figures into ``figures/``."""
    paths = []
    for name, draw in FIGURES.items():
        path = folder / "figures" / f"{name}.png"
        content = io.BytesIO()
        # Without the version in the metadata, equal figures are equal files.
        draw(effort).savefig(content, format="png", dpi=110, metadata={"Software": None})
        replace_file(path, partial(_pour, content.getvalue()))
        paths.append(path)
    return paths


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")


def write_page(rows: Sequence[Row], folder: Path, figures: bool = True) -> Path:
    """Write ``paper.md``: the table, the sharp constants and the figures."""
    verdicts = [row.verdict for row in rows]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    lines = [
        "# The paper, item by item",
        "",
        "Berner, Elbrächter, Grohs, *How degenerate is the parametrization of neural networks with",
        "the ReLU activation function?* (2019). Written by `python -m landscape.paper`; every row",
        f"was computed by that run: {len(rows)} rows, {counts}.",
        "",
        "| item | statement | computed | predicted | measured | verdict | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            row.item,
            row.statement,
            row.computed,
            row.predicted,
            row.measured,
            f"**{row.verdict}**",
            row.note,
        )
        escaped = [cell if cell.startswith("**") else _cell(cell) for cell in cells]
        lines.append("| " + " | ".join(escaped) + " |")
    lines += [
        "",
        "Each row is reproduced by the command in its last column in `paper.csv`.",
        "",
        "## Constants of inverse stability on N*",
        "",
        "Largest ratio d(Γ, Θ) / |R(Γ) - R(Θ)|^(1/2) that the structured search found, of",
        "networks whose seminorm and distance are computed in exact rationals, beside the proven",
        "upper bound.",
        "Steps: owner, walk, jump, in the order in which the hyperplanes are crossed.",
        "",
        "| d | m | best lower bound | proven upper bound | steps |",
        "|---|---|---|---|---|",
    ]
    for entry in sharp_table():
        lines.append(
            f"| {entry['d']} | {entry['m']} | {entry['lower']:.6f} | {entry['upper']:.6f} | "
            f"{entry['steps']} |"
        )
    if figures:
        lines += ["", "## Figures", ""]
        for name, caption in CAPTIONS.items():
            lines += [f"![{name}](figures/{name}.png)", "", _cell(caption), ""]
    path = folder / "paper.md"
    write_text(path, "\n".join(lines).rstrip() + "\n")
    return path
