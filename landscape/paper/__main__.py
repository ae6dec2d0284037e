"""``python -m landscape.paper``: the paper's items, computed.

Without arguments it writes ``results/paper/paper.csv``, the figures and ``paper.md``;
``--only KEY`` computes and prints single rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from landscape.data import StoreError
from landscape.paper.registry import Effort, Finding, load_checks, rows


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
        print(
            f"{row['key']:<16} {row['verdict']:<26} {seconds:6.2f} s  {row['measured']}", flush=True
        )
        found.append(row)
    if not options.only:
        from landscape.paper.output import write_figures, write_page, write_table

        try:
            write_table(found, options.out)
            if not options.no_figures:
                write_figures(effort, options.out)
            write_page(found, options.out, figures=not options.no_figures)
        except StoreError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"wrote {options.out / 'paper.csv'} and paper.md", flush=True)
    return int(any(row["verdict"] == Finding.FAILED for row in found))


if __name__ == "__main__":
    sys.exit(main())
