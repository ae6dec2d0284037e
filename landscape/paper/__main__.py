"""``python -m landscape.paper``: the paper's items, computed.

Without arguments it writes ``results/paper/paper.csv``, the figures and ``paper.md``;
``--only KEY`` computes and prints single rows.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from landscape.data import StoreError, write_text
from landscape.paper.figures import FIGURES
from landscape.paper.pages import cell, table, write_figure
from landscape.paper.registry import Effort, load_checks, rows
from landscape.paper.section3 import sharp_table
from landscape.sharpness import proven_constant
from landscape.verdict import Judgement

PAGE = """# The paper, item by item

Berner, Elbrächter, Grohs, *How degenerate is the parametrization of neural networks with
the ReLU activation function?* (2019). Written by `python -m landscape.paper`; every row
was computed by that run: {counts}.

{rows}

Each row is reproduced by the command in its last column in `paper.csv`.

## Constants of inverse stability on N*

Largest ratio d(Γ, Θ) / |R(Γ) - R(Θ)|^(1/2) that the structured search found, of
networks whose seminorm and distance are computed in exact rationals, beside the proven
upper bound.
Steps: owner, walk, jump, in the order in which the hyperplanes are crossed.

{constants}
"""


def write_figures(effort: Effort, folder: Path) -> list[Path]:
    """Draw all figures into ``figures/``."""
    paths = [folder / "figures" / f"{name}.png" for name in FIGURES]
    for path, (draw, _) in zip(paths, FIGURES.values(), strict=True):
        write_figure(path, draw(effort))
    return paths


def write_page(rows: Sequence[dict[str, str]], folder: Path, figures: bool = True) -> None:
    """Write ``paper.md``: the table, the sharp constants and the figures."""
    verdicts = [row["verdict"] for row in rows]
    counts = [f"{len(rows)} rows", *(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))]
    names = ("item", "statement", "computed", "predicted", "measured", "verdict", "note")
    bold = {"verdict": "**{}**"}
    cells = [[bold.get(name, "{}").format(cell(row[name])) for name in names] for row in rows]
    constants = [
        [str(d), str(m), f"{pair.ratio:.6f}", f"{proven_constant(m, d):.6f}", steps]
        for (d, m), (pair, steps) in sharp_table().items()
    ]
    header = ("d", "m", "best lower bound", "proven upper bound", "steps")
    text = PAGE.format(
        counts=", ".join(counts), rows=table(names, cells), constants=table(header, constants)
    )
    if figures:
        images = (f"![{n}](figures/{n}.png)\n\n{cell(text)}\n" for n, (_, text) in FIGURES.items())
        text = "\n".join([text, "## Figures\n", *images])
    write_text(folder / "paper.md", text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if a row failed, 2 for an unknown key."""
    parser = argparse.ArgumentParser(prog="python -m landscape.paper", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/paper"), help="folder to write")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="print these rows, write nothing")
    parser.add_argument("--list", action="store_true", help="list the keys of all rows")
    parser.add_argument("--quick", action="store_true", help="small numbers, for a first look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-figures", action="store_true")
    options = parser.parse_args(arguments)
    checks = load_checks()
    if options.list:
        for entry in checks.values():
            print(f"{entry.key:<16} {entry.item}: {entry.statement}")
        return 0
    if unknown := [key for key in options.only or () if key not in checks]:
        print(f"unknown: {', '.join(unknown)}; --list shows the keys", file=sys.stderr)
        return 2
    effort = replace(Effort.quick() if options.quick else Effort(), seed=options.seed)
    found, start = [], time.perf_counter()
    for row in rows(effort, options.only):
        seconds, start = time.perf_counter() - start, time.perf_counter()
        line = f"{row['key']:<16} {row['verdict']:<26} {seconds:6.2f} s  {row['measured']}"
        print(line, flush=True)
        found.append(row)
    if not options.only:
        try:
            text = pd.DataFrame(found).to_csv(index=False, lineterminator="\n")
            write_text(options.out / "paper.csv", text)
            if not options.no_figures:
                write_figures(effort, options.out)
            write_page(found, options.out, figures=not options.no_figures)
        except StoreError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"wrote {options.out / 'paper.csv'} and paper.md", flush=True)
    return int(any(row["verdict"] == Judgement.FAILED for row in found))


if __name__ == "__main__":
    sys.exit(main())
