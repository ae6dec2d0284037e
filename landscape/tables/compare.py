"""``python -m landscape.tables.compare A B``: two studies' tables, cell by cell, in digits.

What is *discrete* (keys, verdicts, outcomes, counts) must be the same. Numbers must agree to a
stated relative tolerance, or differ by no more than an absolute one (losses are in units of the
target's variance, so that 1e-9 is nothing). How a solver got to its end, in steps and words,
depends on the last bits of the processor's arithmetic: such columns (``path`` in the rows' classes)
are reported and never count.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from landscape.data import StoreError
from landscape.rows import Row
from landscape.tables import TABLES, read_table

#: Default tolerances.
RTOL, ATOL = 1e-6, 1e-9


@dataclass(frozen=True)
class Difference:
    """One value that differs by more than the tolerance, with the decimal digits that agree."""

    row: str
    column: str
    one: object
    other: object
    digits: float = 0.0

    def __str__(self) -> str:
        one, other = (f"{v:.17g}" if isinstance(v, float) else v for v in (self.one, self.other))
        digits = f", {self.digits:.1f} digits" if self.digits else ""
        return f"{self.row}: column {self.column}: {one} against {other}{digits}"


@dataclass(frozen=True)
class Report:
    """How two tables compare.

    ``rows`` are in both; ``aside`` are the differences that do not count. ``digits``, by column of
    numbers: those to which its worst value agrees, among those whose difference exceeds the
    absolute tolerance; inf if there are none.
    """

    table: str
    rows: int
    differences: tuple[Difference, ...]
    aside: tuple[Difference, ...]
    digits: dict[str, float]

    def __str__(self) -> str:
        if not self.rows:
            return f"{self.table}: no row in both, {len(self.differences)} in one"
        text = f"{self.table}: {self.rows} rows, {len(self.differences)} differences"
        if self.digits:
            worst = min(self.digits, key=lambda name: (self.digits[name], name))
            known = f"to {self.digits[worst]:.1f} digits or more ({worst})"
            within = "within the absolute tolerance"
            text += f"; numbers agree {known if np.isfinite(self.digits[worst]) else within}"
        if self.aside:
            columns = sorted({difference.column for difference in self.aside})
            text += f"; {len(self.aside)} in how it was reached ({', '.join(columns)})"
        return text


def compare_frames(
    table: type[Row], one: pd.DataFrame, other: pd.DataFrame, *, rtol: float = RTOL,
    atol: float = ATOL,
) -> Report:  # fmt: skip
    """Compare two frames of one table, row by row.

    Numbers count as equal if ``|a - b| <= max(atol, rtol * max(|a|, |b|))``.
    """
    key = table.key()
    both = one.merge(other, how="outer", on=key, indicator=True, suffixes=("", " other"))
    rows = [", ".join(f"{n} {v}" for n, v in row.items()) for row in both[key].to_dict("records")]
    sides = {"left_only": ("there", "missing"), "right_only": ("missing", "there")}
    differences = [
        Difference(row, "(row)", *sides[side])
        for row, side in zip(rows, both["_merge"], strict=True)
        if side in sides
    ]
    common = both.assign(row=rows)[both["_merge"] == "both"]
    aside: list[Difference] = []
    digits = {}
    for column in [column for column in table.columns() if not column.key]:
        a, b = (common[name].to_numpy() for name in (column.name, f"{column.name} other"))
        agreed, differ = np.zeros(len(a)), a != b
        if column.type == "number":
            with np.errstate(invalid="ignore", divide="ignore"):
                gap, scale = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
                small = (a == b) | (np.isnan(a) & np.isnan(b)) | (gap <= atol)
                ratio = np.where(np.isfinite(gap), gap / scale, 1.0)
                agreed = np.where(small, np.inf, np.maximum(-np.log10(ratio), 0.0))
            differ = ~small & (ratio > rtol)
            digits[column.name] = float(agreed.min(initial=np.inf))
        (aside if column.path else differences).extend(
            Difference(common["row"].iloc[k], column.name, a[k], b[k], float(agreed[k]))
            for k in np.flatnonzero(differ)
        )
    return Report(table.name, len(common), tuple(differences), tuple(aside), digits)


def main(arguments: list[str] | None = None) -> int:
    """Compare two folders; 0 if they agree, 1 if they differ, 2 if that cannot be told."""
    parser = argparse.ArgumentParser(
        prog="python -m landscape.tables.compare",
        description="Compare two studies' tables: discrete columns exactly, numbers in digits.",
    )
    parser.add_argument("one", type=Path, help="results/<study>, or a folder with its CSV files")
    parser.add_argument("other", type=Path)
    parser.add_argument("--rtol", type=float, default=RTOL, help="relative (default %(default)g)")
    parser.add_argument("--atol", type=float, default=ATOL, help="absolute (default %(default)g)")
    parser.add_argument("--show", type=int, default=5, help="differences per table (default 5)")
    options = parser.parse_args(arguments)
    folders = [p / "tables" if (p / "tables").is_dir() else p for p in (options.one, options.other)]
    names = [name for name in TABLES if (folders[0] / f"{name}.csv").exists()]
    reports, tolerances = [], {"rtol": options.rtol, "atol": options.atol}
    try:
        for name in [name for name in names if name != "provenance"]:
            frames = (read_table(name, folder / f"{name}.csv") for folder in folders)
            reports.append(compare_frames(TABLES[name], *frames, **tolerances))
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not reports:
        advice = "name a folder like results/<study>"
        print(f"error: {options.one}: holds no table of a study; {advice}", file=sys.stderr)
        return 2
    for report in reports:
        print(report, *(f"  {d}" for d in report.differences[: options.show]), sep="\n")
    count = sum(len(report.differences) for report in reports)
    beyond = ", ".join(f"{name} {value:g}" for name, value in tolerances.items())
    print(f"{len(reports)} tables, {count} differences beyond {beyond}")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
