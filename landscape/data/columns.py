"""From the cells of a table to numbers: what is missing, true, text, too large, or constant."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.data.files import DataError, check

Array = NDArray[np.float64]

#: Cells that hold nothing: pandas' list, and so what most programs write.
MISSING = {
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
}  # fmt: skip
_TRUTH = dict.fromkeys(("true", "True", "TRUE"), True)
_TRUTH |= dict.fromkeys(("false", "False", "FALSE"), False)
_ENDLESS = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
#: Python would also take 1_000 and infinity; an integer of more digits has no float.
_INTEGER = re.compile(r"[+-]?\d{1,300}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIKE_NUMBER = re.compile(r"[+-]?[.,\d_' ]*\d[.,\d_' ]*", re.ASCII)
#: Names of an index, where it counts the rows.
_COUNTER = re.compile(r"index|level_\d|row_?(names?|numbers?|ids?)|id", re.IGNORECASE)
NO_INDEX = "write the file without it (pandas: index=False), or name the columns in `features`"
_LEAVE = "leave it out of `features`"
#: Mistakes that are told at once.
MOST = 20


class Table(NamedTuple):
    """What was read from a file, and what was done to it."""

    features: Array  #: Of shape (n, d).
    target: Array  #: Of shape (n,).
    feature_names: tuple[str, ...]
    #: Of the file: ``file`` (its name), ``sha256``, ``rows``, how many are ``dropped`` and which,
    #: and the categories of ``encoded`` columns, of which the first has no column. JSON values.
    record: dict[str, Any]


def is_constant(column: Array) -> bool:
    """Whether numbers are the same up to rounding: four units in the last place of the largest."""
    half = column / 2  # whose differences stay within the range of numbers
    return bool(np.ptp(half) <= 4 * np.finfo(float).eps * np.abs(half).max())


def read_text(text: str, decimal: str = ".") -> Any:
    """What a cell of text is: None if missing, a bool, a number, else its text."""
    text = text.strip(" \t")  # as pandas does
    if text in MISSING:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    plain = text if decimal == "." else "" if "." in text else text.replace(decimal, ".")
    if _INTEGER.fullmatch(plain):
        return int(plain)
    return float(plain) if NUMBER.fullmatch(plain) or _ENDLESS.fullmatch(plain) else text


def read_typed(value: Any) -> Any:
    """The same of a value that has a type: its text is never a number."""
    if isinstance(value, str):
        value = value.strip(" \t")
        return None if value in MISSING else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return None if value != value else value


def make_table(
    path: str | Path, columns: Mapping[str, Sequence[Any]], rows: Sequence[int],
    read: Callable[[Any], Any], *, encode: str, missing: str, chosen: bool, record: dict[str, Any],
) -> Table:  # fmt: skip
    """The table of these columns, of which the last is the target.

    ``rows`` are their places in the file, and ``chosen`` says whether the features were named.
    """
    *_, target = columns
    check(encode in ("none", "onehot"), path, f"`encode` is {encode!r}; write none or onehot")
    check(missing in ("refuse", "drop"), path, f"`missing` is {missing!r}; write refuse or drop")
    cells = {name: [read(value) for value in values] for name, values in columns.items()}
    lacks = [missing == "drop" and None in row for row in zip(*cells.values(), strict=True)]
    kept = [k for k, lack in enumerate(lacks) if not lack]
    dropped = [row for row, lack in zip(rows, lacks, strict=True) if lack]
    own = [
        _Column(
            name, [cells[name][k] for k in kept], [columns[name][k] for k in kept],
            [rows[k] for k in kept], name == target, encode == "onehot" and name != target,
        )
        for name in columns
    ]  # fmt: skip
    encoded = {column.name: column.categories() for column in own if column.categories()}
    mistakes = _few(len(kept), len(own) - 1, len(dropped), {})
    mistakes = mistakes or [sentence for column in own for sentence in column.mistakes(chosen)]
    arrays = [] if mistakes else [pair for column in own for pair in column.arrays()]
    names = [name for name, _ in arrays]
    for name in [name for k, name in enumerate(names) if name in names[:k]]:
        mistakes.append(f"column {name!r} would be there twice; rename it before")
    if not mistakes:
        mistakes = _few(len(kept), len(arrays) - 1, len(dropped), encoded)
    if len(mistakes) > MOST:
        mistakes[MOST - 1 :] = [f"{len(mistakes) - MOST + 1} more mistakes like these"]
    if mistakes:
        raise DataError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    *x, y = (array for _, array in arrays)
    made = {"rows": len(rows), "n_dropped": len(dropped), "dropped": _ranges(dropped)}
    record = {"file": Path(path).name, **record, **made, "encoded": encoded}
    return Table(np.column_stack(x), y, tuple(names[:-1]), record)


@dataclass(frozen=True)
class _Column:
    """A column that is used: its cells, as they stand in the file, and their rows there."""

    name: str
    cells: list[Any]
    given: Sequence[Any]
    rows: Sequence[int]
    is_target: bool
    encode: bool

    def categories(self) -> list[str]:
        """Its categories if it is encoded: it holds texts only, of which none is like a number."""
        texts = [value for value in self.cells if value is not None]
        if not self.encode or not all(isinstance(value, str) for value in texts):
            return []
        return [] if any(map(_LIKE_NUMBER.fullmatch, texts)) else sorted(set(texts))

    def arrays(self) -> list[tuple[str, Array]]:
        """Its numbers, or those of each of its categories but the first, with their names."""
        if not (categories := self.categories()):
            return [(self.name, np.array(self.cells, dtype=float))]
        own = np.array(self.cells, dtype=object)
        return [(f"{self.name}={value}", (own == value).astype(float)) for value in categories[1:]]

    def mistakes(self, chosen: bool) -> list[str]:
        """What is wrong with it, a sentence for each kind of mistake."""
        kinds: dict[str, list[int]] = {}
        for k, value in enumerate(self.cells):
            kinds.setdefault(_kind(value), []).append(k)
        found, categories = [], self.categories()
        if (odd := kinds.get("other")) and not categories:
            whole = not (self.encode or self.is_target or kinds.keys() - {"other", "missing"})
            found.append(self._said(odd, "not a number", _remedy(self.cells[odd[0]], whole)))
        if lacking := kinds.get("missing"):
            remedy = "fill it in, or set `missing` to drop to leave such rows out"
            found.append(self._said(lacking, "missing", remedy))
        if "truth" in kinds and (numbers := kinds.get("number")):
            few = min(kinds["truth"], numbers, key=len)
            found.append(self._said(few, "among truth values and numbers", "write 0 or 1"))
        if endless := kinds.get("endless"):
            found.append(self._said(endless, "not finite", "correct it or remove the row"))
        if found:
            return found
        if len(categories) == 1:
            return [f"column {self.name!r} has one category, {categories[0]!r}; {_LEAVE}"]
        return [] if categories else self._numbers(chosen)

    def _numbers(self, chosen: bool) -> list[str]:
        """What is wrong with its numbers."""
        column, first = f"column {self.name!r}", dict[float, int]()
        integers = [value for value in self.cells if type(value) is int]
        counts = len(integers) == len(self.cells) and all(b - a == 1 for a, b in pairwise(integers))
        if counts and not chosen and not self.is_target and _COUNTER.fullmatch(self.name):
            return [f"{column} counts the rows: it is no feature but an index; {NO_INDEX}"]
        for value in integers:
            if (other := first.setdefault(float(value), value)) != value:
                same = f"{column} has {other} and {value}, one and the same floating-point number"
                return [f"{same}; subtract {other} from all before, or leave the column out"]
        ((_, numbers),) = self.arrays()
        if not is_constant(numbers):
            return []
        low, high = float(numbers.min()), float(numbers.max())
        remedy = "choose another `target`" if self.is_target else _LEAVE
        if low == high:
            return [f"{column} is constant ({low:g}); {remedy}"]
        nearly = (
            f"constant up to rounding ({low!r} to {high!r}); subtract a number near them before"
        )
        return [f"{column} is {nearly}, or {remedy}"]

    def _said(self, where: Sequence[int], what: str, remedy: str) -> str:
        """A sentence on cells, of which it shows the first, texts in quotes."""
        value, more = self.given[where[0]], further(where, "row")
        shown = repr(value) if isinstance(value, str) else " ".join(str(value).split())
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        empty = value is None or (isinstance(value, str) and not value.strip())
        said = "empty" if empty else f"{shown}, {what}"
        return f"row {self.rows[where[0]]}, column {self.name!r} is {said}{more}; {remedy}"


def _kind(value: Any) -> str:
    """What a cell is: missing, truth, number, endless or other."""
    if value is None or isinstance(value, bool):
        return "missing" if value is None else "truth"
    if not isinstance(value, (int, float)):
        return "other"
    try:
        return "number" if math.isfinite(value) else "endless"
    except OverflowError:
        return "endless"


def _remedy(value: Any, whole: bool) -> str:
    """What to do about a cell that is no number, ``whole`` if the column is a feature of texts."""
    if not isinstance(value, str):
        return "write the column as numbers, or leave it out"
    if NUMBER.fullmatch(value):
        return "it is text: correct `decimal`, or store the column as numbers"
    if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", value, re.ASCII):
        return "if that is a decimal comma, set `decimal` to ','; else remove the comma"
    if _LIKE_NUMBER.fullmatch(value):
        return "write it without marks between the digits"
    if whole:
        return "set `encode` to onehot for columns of 0 and 1, or leave it out of `features`"
    return "correct it, remove the row, or leave the column out"


def _few(n: int, d: int, dropped: int, encoded: Mapping[str, list[str]]) -> list[str]:
    """A sentence if there are too few rows."""
    left = f" ({dropped:,} more lack a value)" if dropped else ""
    of = [f"{len(categories)} categories of {name!r}" for name, categories in encoded.items()]
    made = f" (from {', '.join(of)})" if of else ""
    remedy = f"give at least {d + 2} rows or choose fewer columns with `features`"
    return [] if n >= d + 2 else [f"{n} rows{left} for {d} features{made}; {remedy}"]


def further(items: Sequence[Any], one: str) -> str:
    """How many there are beside the first, if there are: ``, and 3 more rows``."""
    n = len(items) - 1
    return f", and {n:,} more {one}{'s' if n > 1 else ''}" if n > 0 else ""


def _ranges(numbers: Sequence[int]) -> str:
    """Increasing numbers in short.

    Examples
    --------
    >>> _ranges([3, 5, 6, 7, 9])
    '3, 5-7, 9'
    """
    starts = [k for k, n in enumerate(numbers) if k == 0 or numbers[k - 1] != n - 1]
    runs = [numbers[a:b] for a, b in pairwise([*starts, len(numbers)])]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
