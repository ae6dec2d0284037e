"""Computing claims, their files and their page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from landscape.claims.registry import FAMILIES, Claim, Effort, load
from landscape.data import write_text
from landscape.errors import require_extra
from landscape.rows import frame_of
from landscape.rows.store import csv_text, read_rows, write_rows

PAGE = """# Published claims, tried

What others have published about the landscapes of shallow ReLU networks, tried on data with this
package. Written by `landscape claims`; every row was computed by that run: {counts}. The table
[claims.csv](claims.csv) has a line for each, with the command that computes it. Losses are mean
squared errors. *Certified* and *proved* are as in [rounding](../rounding.md): a proof is in
rational numbers. Theorems are those of [mathematics](../mathematics.md). Where a source could be
read in part only, the row says so, and predicts no number that was not read.

{overview}
"""

FIELDS = ("statement", "data", "computation", "predicted", "measured", "uncertainty", "note")


def compute(
    keys: Iterable[str], effort: Effort, folder: Path | None, say: Callable[[str], None]
) -> list[Claim]:
    """The rows of some families; with a folder, their files and figures there."""
    require_extra("study", "matplotlib", "pandas", "pyarrow")
    found: list[Claim] = []
    for key in keys:
        start = time.perf_counter()
        rows, draw = load(key).rows(effort)
        say(f"{key}: {len(rows)} claims, {time.perf_counter() - start:.1f} s")
        found += rows
        if folder is not None:
            write_rows(folder / "parts" / f"{key}.parquet", Claim, rows, _origin(key, effort))
            if draw is not None:
                from landscape.paper.pages import write_figure

                write_figure(folder / "figures" / f"{key}.png", draw())
    return found


def _origin(key: str, effort: Effort) -> dict[str, object]:
    return {"family": key, "seed": effort.seed, "quick": effort.quick}


def read_parts(effort: Effort, folder: Path) -> dict[str, list[Claim]]:
    """The rows of each family from its file."""
    return {
        key: read_rows(folder / "parts" / f"{key}.parquet", Claim, _origin(key, effort))
        for key in FAMILIES
    }


def assemble(effort: Effort, folder: Path) -> list[Claim]:
    """Write ``claims.csv`` and ``claims.md`` from the files of all families; their rows."""
    parts = read_parts(effort, folder)
    rows = [row for part in parts.values() for row in part]
    write_text(folder / "claims.csv", csv_text(frame_of(Claim, rows)))
    write_text(folder / "claims.md", _page(parts, folder))
    return rows


def _page(parts: dict[str, list[Claim]], folder: Path) -> str:
    from landscape.paper.pages import cell, table

    rows = [row for part in parts.values() for row in part]
    verdicts = [row.verdict for row in rows]
    counts = [f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts)]
    sources = len({row.source for row in rows})
    header = ("claim", "source", "verdict", "measured")
    lines = [
        (f"[{r.claim}](#{r.claim})", cell(r.source), f"**{r.verdict}**", cell(r.measured))
        for r in rows
    ]
    text = [
        PAGE.format(
            counts=f"{len(rows)} claims of {sources} works, {', '.join(counts)}",
            overview=table(header, lines),
        )
    ]
    for key, part in parts.items():
        family = load(key)
        text += [f"## {family.title}\n", f"{family.asked}\n"]
        for row in part:
            text.append(f"### {row.claim}\n\n*{cell(row.source)}* (read: {row.source_read}). ")
            text[-1] += f"**{row.verdict}**.\n"
            facts = ((name, getattr(row, name)) for name in FIELDS)
            text += [f"- *{name}*: {cell(value)}" for name, value in facts if value]
            text += [f"- `{row.command}`\n"]
        if (folder / "figures" / f"{key}.png").exists():
            text.append(f"![{family.title}](figures/{key}.png)\n\n{cell(family.caption)}\n")
    return "\n".join(text)
