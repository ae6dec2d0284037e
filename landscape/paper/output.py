"""What the command writes: ``paper.csv``, the figures, and a page to be read beside the paper."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from landscape.data import replace_file, write_text
from landscape.paper.figures import FIGURES
from landscape.paper.registry import Effort, Row
from landscape.paper.section3 import sharp_table

__all__ = ["write_figures", "write_page", "write_table"]


def write_table(rows: Sequence[Row], folder: Path) -> None:
    """Write ``paper.csv``; equal runs write equal files."""
    text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    write_text(folder / "paper.csv", text)


def _pour(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def write_figures(effort: Effort, folder: Path) -> list[Path]:
    """Draw all figures into ``figures/``."""
    paths = []
    for name, (draw, _) in FIGURES.items():
        path, content = folder / "figures" / f"{name}.png", io.BytesIO()
        # Without the version in the metadata, equal figures are equal files.
        draw(effort).savefig(content, format="png", dpi=110, metadata={"Software": None})
        replace_file(path, partial(_pour, content.getvalue()))
        paths.append(path)
    return paths


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*").replace("<", "&lt;")


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def write_page(rows: Sequence[Row], folder: Path, figures: bool = True) -> None:
    """Write ``paper.md``: the table, the sharp constants and the figures."""
    verdicts = [row["verdict"] for row in rows]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    names = ("item", "statement", "computed", "predicted", "measured", "verdict", "note")
    cells = [[_cell(row[name]) for name in names] for row in rows]
    lines = [
        "# The paper, item by item",
        "",
        "Berner, Elbrächter, Grohs, *How degenerate is the parametrization of neural networks with",
        "the ReLU activation function?* (2019). Written by `python -m landscape.paper`; every row",
        f"was computed by that run: {len(rows)} rows, {counts}.",
        "",
        *_lines(names, [[*row[:5], f"**{row[5]}**", row[6]] for row in cells]),
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
        *_lines(
            ("d", "m", "best lower bound", "proven upper bound", "steps"),
            [
                [str(e.d), str(e.m), f"{e.lower:.6f}", f"{e.upper:.6f}", e.steps]
                for e in sharp_table()
            ],
        ),
    ]
    if figures:
        lines += ["", "## Figures", ""]
        for name, (_, caption) in FIGURES.items():
            lines += [f"![{name}](figures/{name}.png)", "", _cell(caption), ""]
    write_text(folder / "paper.md", "\n".join(lines).rstrip() + "\n")
