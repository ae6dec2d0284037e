"""Predictions out of the box and with equal tuning, beside ridge regression and MLPRegressor.

    .venv/bin/python -m benchmarks.estimator.tuned            # eleven data sets, half an hour
    .venv/bin/python -m benchmarks.estimator.tuned --publish  # the last run into the docs

Five-fold cross-validation, twice with other folds; within each training part the tuned methods
choose width and penalty by five folds of their own. Data are standardized on the training part.
*Default*: ``ShallowReLURegressor(alpha="auto")``, five neurons. *Tuned*: the width of 1, 2, 4 and 8
whose best cross-validated error along its path of penalties is least; MLPRegressor (L-BFGS) has the
same widths and seven penalties. CPU times on one thread.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.estimator.data import load_all
from benchmarks.publish import markdown, publish
from landscape import ShallowReLURegressor

OUTPUT = Path("results/benchmarks/tuned.csv")
PAGE = Path(__file__).parents[2] / "docs" / "estimator" / "choosing-n-neurons.md"
MAKER = "python -m benchmarks.estimator.tuned --publish"
WIDTHS, REPEATS = (1, 2, 4, 8), 2


class Tuned(BaseEstimator):  # type: ignore[misc]
    """Width and penalty with the least error on the folds of ``alpha="auto"``."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Tuned:
        fits = [
            ShallowReLURegressor(m, alpha="auto", n_starts=5, random_state=0).fit(X, y)
            for m in WIDTHS
        ]
        self.best_ = min(
            fits, key=lambda fit: min(fit.alpha_path_["network"] + fit.alpha_path_["linear"])
        )
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.best_.predict(X))


def methods() -> dict[str, Any]:
    """Estimators by name; all standardize the features themselves."""
    inner = KFold(5, shuffle=True, random_state=0)
    ours = ShallowReLURegressor(alpha="auto", n_starts=5, random_state=0)
    theirs = MLPRegressor(solver="lbfgs", max_iter=5000, max_fun=50_000, random_state=0)
    penalties = np.geomspace(1e-2, 1e2, 7)
    return {
        "ridge": RidgeCV(np.geomspace(1e-3, 1e3, 13)),
        "default": ours,
        "tuned": Tuned(),
        "MLPRegressor, tuned": GridSearchCV(
            theirs, {"hidden_layer_sizes": [(m,) for m in WIDTHS], "alpha": penalties}, cv=inner
        ),
    }


def measure(name: str, X: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """One row per method: error out of fold as a share of the variance, and beside ridge's."""
    squares: dict[str, np.ndarray] = {}
    rows = []
    for method, model in methods().items():
        begin = time.process_time()
        errors = np.zeros((REPEATS, len(y)))
        for repeat in range(REPEATS):
            for train, test in KFold(5, shuffle=True, random_state=repeat).split(X):
                fitted = make_pipeline(StandardScaler(), clone(model)).fit(X[train], y[train])
                errors[repeat, test] = (fitted.predict(X[test]) - y[test]) ** 2
        squares[method] = errors.mean(axis=0) / np.var(y)
        row = {"data": name, "n": X.shape[0], "d": X.shape[1], "method": method}
        row |= {"error": squares[method].mean(), "seconds": time.process_time() - begin}
        for other in squares:
            row[f"{other} above"] = above(squares[other], squares[method])
        rows.append(row)
        print(row, flush=True)
    return rows


def above(own: np.ndarray, other: np.ndarray) -> float:
    """Mean of the samples' differences in its standard errors: within 2 it may be noise."""
    each = own - other
    return float(each.mean() * np.sqrt(len(each)) / max(each.std(ddof=1), 1e-300))


def page(rows: pd.DataFrame) -> str:
    """The table: errors of all methods, and how many standard errors ours is from the others."""
    lines = []
    for name, found in rows.groupby("data", sort=False):
        by = found.set_index("method")
        line = {"data": name, "n, d": f"{by['n'].iloc[0]}, {by['d'].iloc[0]}"}
        line |= {method: f"{by.loc[method, 'error']:.4g}" for method in by.index}
        for method in ("default", "tuned"):
            line[f"{method} - ridge"] = f"{-by.loc[method, 'ridge above']:+.1f}"
        line["tuned - MLP"] = f"{by.loc['MLPRegressor, tuned', 'tuned above']:+.1f}"
        seconds = by["seconds"] / by.loc["MLPRegressor, tuned", "seconds"]
        line["time, default / MLP"] = f"{seconds['default']:.2g}"
        line["time, tuned / MLP"] = f"{seconds['tuned']:.2g}"
        lines.append(line)
    return markdown(list(lines[0]), [line.values() for line in lines])


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors out of fold, with and without tuning.")
    parser.add_argument("--data", nargs="*", help="names of data sets (default: all)")
    parser.add_argument("--publish", action="store_true", help="the last run into the docs")
    arguments = parser.parse_args()
    if arguments.publish:
        publish(page(pd.read_csv(OUTPUT)), PAGE, MAKER)
        return
    rows: list[dict[str, Any]] = []
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # L-BFGS hits its limits
        X = np.linspace(-1.0, 1.0, 20)[:, None]  # kernels are loaded before anything is timed
        ShallowReLURegressor(alpha="auto", n_starts=2, random_state=0).fit(X, X[:, 0] ** 2)
        for name, data in load_all(arguments.data):
            if isinstance(data, str):
                print(f"{name}: skipped, {data}")
                continue
            rows += measure(name, *data)
            pd.DataFrame(rows).to_csv(OUTPUT, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
