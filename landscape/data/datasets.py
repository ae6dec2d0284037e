"""What a data set is, how it is standardized, and a user's own tables, every cell checked."""

import csv
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.files import DataError, check
from landscape.errors import require_extra

Array = NDArray[np.float64]
Loaded = tuple[Array, Array, tuple[str, ...]]

#: What is a number in a table; Python would also take 1_000 and infinity.
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_TRUTH = {"True": 1.0, "False": 0.0, "true": 1.0, "false": 0.0}
#: How pandas calls an index that was written as a column.
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def is_constant(column: Array) -> bool:
    """Whether numbers are the same up to rounding: four units in the last place of the largest."""
    half = column / 2  # whose differences stay within the range of numbers
    return bool(np.ptp(half) <= 4 * np.finfo(float).eps * np.abs(half).max())


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Samples ``(x^k, y^k)`` as the study sees them.

    DataError if shapes do not fit, a value is not finite, the target is constant, or there are
    fewer than d + 2 samples: an affine function would interpolate them.
    """

    name: str  #: In the config.
    features: Array  #: Of shape (n, d).
    target: Array  #: Of shape (n,).
    _: KW_ONLY
    feature_names: tuple[str, ...] = ()  #: ``x1, ..., xd`` if not given.
    target_name: str = "y"
    #: Where the data come from, and their standardization; JSON values only.
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name, x = self.name, np.array(self.features, dtype=float, order="C")
        y = np.array(self.target, dtype=float)
        shaped = x.ndim == 2 and x.shape[1] > 0
        check(shaped, name, f"features need shape (n, d) with d > 0, got {x.shape}")
        n, d = x.shape
        check(y.shape == (n,), name, f"target needs shape ({n},), got {y.shape}")
        names = tuple(self.feature_names or (f"x{i + 1}" for i in range(d)))
        check(len(names) == d, name, f"{d} features but {len(names)} feature names")
        few = f"{n} samples of {d} features are interpolated by an affine function"
        least = f"give at least {d + 2} samples or use fewer features"
        check(n >= d + 2, name, f"{few}; {least}")
        for label, column in [*zip(names, x.T, strict=True), (self.target_name, y)]:
            for k in np.flatnonzero(~np.isfinite(column)):
                raise DataError(f"{name}: sample {k}, column {label!r} is {column[k]}; remove it")
        fixed = f"target {self.target_name!r} is constant ({y[0]:g})"
        check(not is_constant(y), name, f"{fixed}; choose another target")
        x.flags.writeable = y.flags.writeable = False
        metadata = dict(self.metadata or {})  # a frozen dataclass converts its fields like this
        vars(self).update(features=x, target=y, feature_names=names, metadata=metadata)

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return len(self.features)

    @property
    def n_features(self) -> int:
        """Number of features, d without the inputs that a space adds."""
        return self.features.shape[1]

    @property
    def digest(self) -> str:
        """Digest of names and values: what was made from other data has another one."""
        names = json.dumps([self.feature_names, self.target_name, self.features.shape])
        content = names.encode() + self.features.tobytes() + self.target.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, n_samples={self.n_samples}, n_features={self.n_features})"


def standardize(dataset: Dataset, *, features: bool = True, target: bool = True) -> Dataset:
    """Shift and scale to mean 0 and (population) standard deviation 1; record by how much.

    The original values are ``values * scale + mean``. What is not standardized is recorded with
    mean 0 and scale 1, in ``metadata["standardization"]``: ``{"features": {"means", "scales"},
    "target": {"mean", "scale"}}``. DataError if a feature is constant.

    Examples
    --------
    >>> data = standardize(Dataset("line", [[0.0], [2.0], [4.0]], [1.0, 1.0, 4.0]))
    >>> data.metadata["standardization"]["target"]
    {'mean': 2.0, 'scale': 1.4142135623730951}
    """
    for name, column in zip(dataset.feature_names, dataset.features.T, strict=True):
        fixed = f"feature {name!r} is constant ({column[0]:g}) and cannot be standardized"
        check(not (features and is_constant(column)), dataset.name, f"{fixed}; leave it out")
    x, means, scales = _standardized(dataset.features, features)
    y, mean, scale = _standardized(dataset.target, target)
    record = {
        "features": {"means": means.tolist(), "scales": scales.tolist()},
        "target": {"mean": float(mean), "scale": float(scale)},
    }
    metadata = {**dataset.metadata, "standardization": record}
    return replace(dataset, features=x, target=y, metadata=metadata)


def _standardized(values: Array, wanted: bool) -> tuple[Array, Array, Array]:
    """Values with mean 0 and standard deviation 1, per column, and what both were.

    In units of a power of two near the largest value, so that no square leaves the range of
    numbers; but for that, the same bits as without them.
    """
    if not wanted:
        return values, np.zeros(values.shape[1:]), np.ones(values.shape[1:])
    exponents = np.frexp(np.abs(values).max(axis=0))[1]
    plain = np.ldexp(values, -exponents)
    means, scales = plain.mean(axis=0), plain.std(axis=0)
    return (plain - means) / scales, np.ldexp(means, exponents), np.ldexp(scales, exponents)


def load_csv(
    path: str | Path, *, target: str, features: Sequence[str] | None = None, delimiter: str = ","
) -> Loaded:
    """A user's own table: one header line, numbers or true and false below it.

    UTF-8 text; a value in quotes ends in the line that it begins in. The features are all columns
    but the target if they are not named. Returns features (n, d), target (n,), and the features'
    names. DataError if the file cannot be read or a value is not a finite number: a line for each
    bad column names file, row (the line of the file, the header is 1), column, value and remedy.
    """

    def read() -> list[tuple[int, list[str]]]:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            return [(reader.line_num, row) for row in reader]

    found = _read(path, read, "UTF-8 CSV", UnicodeDecodeError, csv.Error)
    for before, end in pairwise([0, *(end for end, _ in found)]):
        opened = f"row {before + 1} opens a quote that is not closed in that row"
        # It would swallow what follows, up to the next quote.
        check(end <= before + 1, path, f"{opened}; close or remove it")
    lines = {end: row for end, row in found if row}
    check(lines, path, "the file is empty; it needs a header line and rows of numbers")
    header = [name.strip() for name in lines.pop(min(lines))]
    names = _choose(path, header, target, features)
    for line, row in lines.items():
        counts = f"row {line} has {len(row)} values, the header has {len(header)}"
        check(len(row) == len(header), path, f"{counts}; complete or remove the row")
    places = {name: header.index(name) for name in names}
    columns = {name: [row[k] for row in lines.values()] for name, k in places.items()}
    return _checked(path, columns, list(lines))


def load_parquet(path: str | Path, *, target: str, features: Sequence[str] | None = None) -> Loaded:
    """The same of a Parquet file, whose columns have to be numbers or booleans.

    Parameters and results are those of :func:`load_csv`; rows are counted from 1.
    """
    require_extra("study", "pyarrow")
    import pyarrow as pa  # a quarter of a second
    import pyarrow.parquet as parquet

    kind = ("Parquet", pa.ArrowException)
    with _read(path, lambda: parquet.ParquetFile(str(path)), *kind) as file:
        names = _choose(path, file.schema_arrow.names, target, features, "the file", "")
        content = _read(path, lambda: file.read(columns=[*names]), *kind)
    columns = {name: content.column(name).to_pylist() for name in names}
    return _checked(path, columns, range(1, content.num_rows + 1))


def _read(path: str | Path, read: Callable[[], Any], kind: str, *errors: Any) -> Any:
    """What ``read`` gives; an error in one line if it cannot."""
    folder = Path(path).is_dir()
    check(not folder, path, "a folder, not a file; correct `path` in the config")
    try:
        return read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; correct `path` in the config") from None
    except (OSError, *errors) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as {kind} ({reason}); convert it") from None


def _choose(
    path: str | Path, header: list[str], target: str, features: Sequence[str] | None,
    place: str = "row 1", also: str = " or `delimiter`",
) -> tuple[str, ...]:  # fmt: skip
    """Names of a table's columns: of the features, and of the target."""
    for name in header:
        twice = f"{place} names column {name!r} twice; rename one of them"
        check(header.count(name) == 1, path, twice)
    names = tuple(features or (name for name in header if name != target))
    remedy = f"correct `target` or `features`{also} in the config"
    held = f"only {', '.join(map(repr, header))}; {remedy}"
    for name in (target, *names):
        check(name in header, path, f"{place} has no column {name!r}, {held}")
        index = f"column {name!r} is the number of the row, as pandas writes it"
        remedy = "write the file with index=False, or name the columns to use in `features`"
        check(features or not _INDEX.fullmatch(name), path, f"{index}; {remedy}")
    check(target not in names, path, f"column {target!r} is the target; remove it from `features`")
    check(names, path, f"no column but the target {target!r}; add a feature")
    return *names, target


def _checked(path: str | Path, columns: Mapping[str, Any], lines: Sequence[int]) -> Loaded:
    """Features, target (the last column) and names, if all columns hold numbers and vary."""
    *names, target = columns
    n, least = len(lines), len(names) + 2
    remedy = f"give at least {least} rows or choose fewer columns with `features`"
    check(n >= least, path, f"{n} rows for {len(names)} features; {remedy}")
    found = np.array([[_number(value) for value in values] for values in columns.values()])
    mistakes = []
    for (name, values), numbers in zip(columns.items(), found, strict=True):
        if (bad := np.flatnonzero(~np.isfinite(numbers))).size:
            said = _said(values[bad[0]])
            mistakes.append(f"{path}: row {lines[bad[0]]}, column {name!r} is {said}")
        elif is_constant(numbers):
            remedy = "choose another `target`" if name == target else "leave it out of `features`"
            mistakes.append(f"{path}: column {name!r} is constant ({numbers[0]:g}); {remedy}")
    if mistakes:
        raise DataError("\n".join(mistakes))
    return found[:-1].T, found[-1], tuple(names)


def _number(value: Any) -> float:
    """The number of a cell, nan if it has none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else _TRUTH.get(value.strip(), math.nan)
    return float(value) if isinstance(value, (bool, int, float)) else math.nan


def _said(value: Any) -> str:
    """What a cell is that is no finite number, and what to do about it."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return "empty; fill it in or remove the row"
    shown = repr(value) if isinstance(value, str) else str(value)
    try:
        float(str(value).replace("_", "x"))
    except ValueError:
        return f"{shown}, not a number; encode or remove the column, or remove the row"
    return f"{shown}, not finite; fill it in or remove the row"
