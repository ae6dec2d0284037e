"""Data sets of the benchmark: those at hand are used, the others are skipped with the reason.

The optional ones come with packages that work offline, without most of what these depend on:

    .venv/bin/python -m pip install --no-deps statsmodels patsy ISLP
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.datasets import load_diabetes, load_linnerud

Sample = tuple[np.ndarray, np.ndarray]


def diabetes() -> Sample:
    return load_diabetes(return_X_y=True)


def linnerud() -> Sample:
    """Exercises against weight: 20 samples, an extreme case."""
    X, Y = load_linnerud(return_X_y=True)
    return X, Y[:, 0]


def engel() -> Sample:
    """Food expenditure against income of 235 households."""
    from statsmodels.datasets import engel

    frame = engel.load_pandas().data
    return frame[["income"]].to_numpy(float), frame["foodexp"].to_numpy(float)


def _statsmodels(name: str, target: str, drop: tuple[str, ...] = ()) -> Callable[[], Sample]:
    def load() -> Sample:
        import statsmodels.datasets

        frame = getattr(statsmodels.datasets, name).load_pandas().data
        frame = frame.drop(columns=list(drop)).dropna().astype(float)
        return frame.drop(columns=target).to_numpy(), frame[target].to_numpy()

    return load


def _islp(name: str, target: str, drop: tuple[str, ...] = ()) -> Callable[[], Sample]:
    def load() -> Sample:
        import pandas as pd
        from ISLP import load_data

        frame = load_data(name).reset_index(drop=True).drop(columns=list(drop), errors="ignore")
        frame = pd.get_dummies(frame.dropna(), drop_first=True).astype(float)
        return frame.drop(columns=target).to_numpy(), frame[target].to_numpy()

    return load


def _teacher(noise: float) -> Callable[[], Sample]:
    """Five inputs, four neurons; the students are as wide or wider."""

    def load() -> Sample:
        rng = np.random.default_rng(4)
        X = rng.standard_normal((300, 5))
        A, b = rng.standard_normal((4, 5)), rng.uniform(-1, 1, 4)
        y = np.maximum(X @ A.T + b, 0) @ np.array([1.0, -1.0, 1.0, -1.0])
        return X, y + noise * y.std() * rng.standard_normal(len(y))

    return load


DATA: dict[str, Callable[[], Sample]] = {
    "diabetes": diabetes,
    "linnerud": linnerud,
    "engel": engel,
    "statecrime": _statsmodels("statecrime", "murder"),
    "stackloss": _statsmodels("stackloss", "STACKLOSS"),
    "ccard": _statsmodels("ccard", "AVGEXP"),
    "Auto": _islp("Auto", "mpg", ("name",)),
    "Carseats": _islp("Carseats", "Sales"),
    "Credit": _islp("Credit", "Balance", ("ID",)),
    "teacher": _teacher(0.0),
    "teacher, noise 0.3": _teacher(0.3),
}


def load_all(names: list[str] | None) -> Iterator[tuple[str, Sample | str]]:
    """Every data set by name, standardized, or why it is skipped."""
    for name, load in DATA.items():
        if names and name not in names:
            continue
        try:
            X, y = load()
        except ImportError as error:
            yield name, f"not installed: {error.name}"
            continue
        scale = X.std(axis=0)
        yield (
            name,
            ((X - X.mean(axis=0))[:, scale > 0] / scale[scale > 0], (y - y.mean()) / y.std()),
        )
