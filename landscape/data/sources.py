"""Where data come from: random teachers, smooth functions, diabetes, a user's own CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import DataError, Dataset, standardize

__all__ = [
    "KINDS",
    "SMOOTH_FUNCTIONS",
    "draw_smooth",
    "draw_teacher",
    "load_csv",
    "load_diabetes",
    "make_dataset",
]

Array = NDArray[np.float64]

#: Functions on [-1, 1]^d, (n, d) to (n,), by their names in the config.
SMOOTH_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sine": lambda x: np.sin(np.pi * x.sum(axis=1)),
    "bump": lambda x: np.exp(-4.0 * np.square(x).sum(axis=1)),
    "saddle": lambda x: np.prod(x, axis=1),
}


def draw_teacher(
    *, n_samples: int, n_features: int, n_neurons: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a random shallow ReLU network with biases, the teacher.

    Inputs are uniform on [-1, 1]^d. The teacher's weight vectors are gaussian, each with a kink
    through a random point of the inputs' domain; its output weights are ±1 times a number
    between 1 and 2, so that no neuron is negligible.

    Parameters
    ----------
    n_samples, n_features, n_neurons : int
    noise : float
        Standard deviation of the gaussian noise, in units of the noise-free target's.
    seed : int

    Returns
    -------
    features : array of shape (n_samples, n_features)
    target : array of shape (n_samples,)
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_features, n_neurons]))
    a = rng.standard_normal((n_neurons, n_features))
    b = -np.einsum("ij,ij->i", a, rng.uniform(-0.8, 0.8, (n_neurons, n_features)))
    c = rng.choice([-1.0, 1.0], n_neurons) * rng.uniform(1.0, 2.0, n_neurons)
    x = rng.uniform(-1.0, 1.0, (n_samples, n_features))
    y = np.maximum(x @ a.T + b, 0.0) @ c
    return x, y + noise * y.std() * rng.standard_normal(n_samples)


def draw_smooth(
    *, function: str, n_samples: int, n_features: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a smooth function, inputs uniform on [-1, 1]^d; see :func:`draw_teacher`."""
    if function not in SMOOTH_FUNCTIONS:
        raise DataError(
            f"function: expected one of {', '.join(SMOOTH_FUNCTIONS)}, got {function!r}"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_features]))
    x = rng.uniform(-1.0, 1.0, (n_samples, n_features))
    y = SMOOTH_FUNCTIONS[function](x)
    return x, y + noise * y.std() * rng.standard_normal(n_samples)


def load_diabetes() -> tuple[Array, Array, tuple[str, ...]]:
    """scikit-learn's diabetes data: features (442, 10) in their own units, target, names."""
    from sklearn.datasets import load_diabetes as load  # its import takes seconds

    bunch = load(scaled=False)
    return np.asarray(bunch.data), np.asarray(bunch.target), tuple(bunch.feature_names)


def load_csv(
    path: str | Path,
    *,
    target: str,
    features: Sequence[str] | None = None,
    delimiter: str = ",",
) -> tuple[Array, Array, tuple[str, ...]]:
    """A user's own table: one header line, numbers below it.

    Parameters
    ----------
    path : path
        UTF-8 text.
    target : str
        Name of the target's column.
    features : sequence of str, optional
        Names of the feature columns; all but the target if not given.
    delimiter : str

    Returns
    -------
    features : array of shape (n, d)
    target : array of shape (n,)
    feature_names : tuple of str

    Raises
    ------
    DataError
        If the file cannot be read or a value is not a finite number; the message names file, row
        (the line of the file, the header is 1), column, value and remedy.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; correct `path` in the config") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 CSV ({error}); convert it") from None
    if not rows:
        raise DataError(f"{path}: the file is empty; it needs a header line and rows of numbers")
    header = [name.strip() for name in rows[0][1]]
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{path}: row 1 names column {name!r} twice; rename one of them")
    names = tuple(features) if features else tuple(name for name in header if name != target)
    for name in (target, *names):
        if name not in header:
            raise DataError(
                f"{path}: row 1 has no column {name!r}, only {', '.join(map(repr, header))}; "
                "correct `target` or `features` in the config, or `delimiter`"
            )
    if target in names:
        raise DataError(f"{path}: column {target!r} is the target; remove it from `features`")
    if not names:
        raise DataError(f"{path}: no column but the target {target!r}; add a feature")
    columns = [header.index(name) for name in (*names, target)]
    table = np.empty((len(rows) - 1, len(columns)))
    for k, (line, row) in enumerate(rows[1:]):
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {line} has {len(row)} values, the header has {len(header)}; "
                "complete or remove the row"
            )
        for j, column in enumerate(columns):
            table[k, j] = _number(row[column], f"{path}: row {line}, column {header[column]!r}")
    if len(table) < len(names) + 2:
        raise DataError(
            f"{path}: {len(table)} rows for {len(names)} features; give at least "
            f"{len(names) + 2} rows or choose fewer columns with `features`"
        )
    for j, column in enumerate(columns):
        if (table[:, j] == table[0, j]).all():
            remedy = "choose another `target`" if j == len(names) else "leave it out of `features`"
            raise DataError(
                f"{path}: column {header[column]!r} is constant ({table[0, j]:g}); {remedy}"
            )
    return table[:, :-1], table[:, -1], names


def _number(text: str, where: str) -> float:
    """The finite number that ``text`` spells."""
    try:
        value = float(text)
    except ValueError:
        if not text.strip():
            raise DataError(f"{where} is empty; fill it in or remove the row") from None
        raise DataError(
            f"{where} is {text!r}, not a number; encode or remove the column, or remove the row"
        ) from None
    if not math.isfinite(value):
        raise DataError(f"{where} is {text!r}, not finite; fill it in or remove the row")
    return value


def _teacher(name: str, options: Mapping[str, Any]) -> Dataset:
    return Dataset(name, *draw_teacher(**options))


def _smooth(name: str, options: Mapping[str, Any]) -> Dataset:
    return Dataset(name, *draw_smooth(**options))


def _diabetes(name: str, options: Mapping[str, Any]) -> Dataset:
    x, y, names = load_diabetes(**options)
    return Dataset(name, x, y, feature_names=names, target_name="disease progression")


def _csv(name: str, options: Mapping[str, Any]) -> Dataset:
    x, y, names = load_csv(**options)
    return Dataset(name, x, y, feature_names=names, target_name=options["target"])


#: How to make a data set of each kind that the config knows: ``(name, options) -> Dataset``.
KINDS: dict[str, Callable[[str, Mapping[str, Any]], Dataset]] = {
    "teacher": _teacher,
    "smooth": _smooth,
    "diabetes": _diabetes,
    "csv": _csv,
}


def make_dataset(name: str, config: Mapping[str, Any]) -> Dataset:
    """The data set that an entry of ``datasets`` in the config describes, standardized.

    Parameters
    ----------
    name : str
    config : mapping
        ``kind`` (a key of ``KINDS``), ``standardize`` (what to standardize: ``"both"``, the
        default, ``"features"``, ``"target"`` or ``"none"``), and the options of the kind.

    Raises
    ------
    DataError
        If the kind is unknown or the data cannot be studied.

    Examples
    --------
    >>> make_dataset(
    ...     "wave",
    ...     {
    ...         "kind": "smooth",
    ...         "function": "sine",
    ...         "n_samples": 20,
    ...         "n_features": 1,
    ...         "noise": 0.0,
    ...         "seed": 7,
    ...     },
    ... )
    Dataset('wave', n_samples=20, n_features=1)
    """
    options = dict(config)
    kind = options.pop("kind", None)
    what = options.pop("standardize", "both")
    if kind not in KINDS:
        raise DataError(f"{name}: kind is {kind!r}; expected one of {', '.join(KINDS)}")
    raw = KINDS[kind](name, options)
    # The path of a user's file says nothing about the data and differs between machines.
    recorded = {key: value for key, value in options.items() if key != "path"}
    raw.metadata.update({"kind": kind, "options": recorded, "standardize": what})
    return standardize(
        raw, features=what in ("both", "features"), target=what in ("both", "target")
    )
