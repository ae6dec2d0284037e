"""Training loss and cross-validated R² against time: this estimator and others, side by side.

    .venv/bin/python -m benchmarks.estimator            # everything that is installed
    .venv/bin/python -m benchmarks.estimator --data diabetes --neurons 8 --no-cv

One process, one thread, the same standardized data for all, one method after the other. Times are
CPU times of this process, so that other programs on the machine matter less. Networks: best of the
same number of starts. MLPRegressor runs without penalty for the training loss (alpha=0, to
convergence: tol=1e-9), and with penalties for the cross-validated R².
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.estimator.data import load_all
from landscape import ShallowReLURegressor


class BestMLP(RegressorMixin, BaseEstimator):
    """MLPRegressor(lbfgs), the best of several starts by training loss."""

    def __init__(self, n_neurons: int, n_starts: int, alpha: float = 0.0) -> None:
        self.n_neurons, self.n_starts, self.alpha = n_neurons, n_starts, alpha

    def fit(self, X: np.ndarray, y: np.ndarray) -> BestMLP:
        fits = []
        for seed in range(self.n_starts):
            model = MLPRegressor(
                hidden_layer_sizes=(self.n_neurons,),
                solver="lbfgs",
                alpha=self.alpha,
                max_iter=20_000,
                max_fun=200_000,
                tol=1e-9,
                random_state=seed,
            ).fit(X, y)
            fits.append((model.loss_, seed, model))
        self.best_ = min(fits, key=lambda fit: fit[:2])[2]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.best_.predict(X)


def methods(m: int, n_starts: int) -> dict[str, Callable[[], Any]]:
    """Estimators by name. ``unrestricted`` has exactly MLPRegressor's functions."""
    return {
        "landscape, N*": lambda: ShallowReLURegressor(m, n_starts=n_starts, random_state=0),
        "landscape, N": lambda: ShallowReLURegressor(
            m, space="unrestricted", n_starts=n_starts, random_state=0
        ),
        "MLP lbfgs": lambda: BestMLP(m, n_starts),
        "MLP lbfgs, alpha=0.1": lambda: BestMLP(m, n_starts, 0.1),
        "MLP lbfgs, alpha=1": lambda: BestMLP(m, n_starts, 1.0),
        "ridge": lambda: RidgeCV(np.geomspace(1e-3, 1e3, 13)),
        "gradient boosting": lambda: GradientBoostingRegressor(random_state=0),
    }


def measure(name: str, model: Any, X: np.ndarray, y: np.ndarray, cv: bool) -> dict[str, Any]:
    """Training loss and time on all samples; out-of-fold R²."""
    start = time.process_time()
    fitted = clone(model).fit(X, y)
    row: dict[str, Any] = {"method": name, "seconds": time.process_time() - start}
    row["training loss"] = float(np.mean((fitted.predict(X) - y) ** 2))
    if isinstance(fitted, ShallowReLURegressor):
        holds = fitted.starts_["verdict"] == "holds"
        row["certified"] = f"{int(holds.sum())}/{len(holds)}"
        row["radius"] = fitted.radius_
        row["realization radius"] = fitted.realization_radius_
    if cv:
        predictions = np.empty(len(y))
        start = time.process_time()
        for train, test in KFold(5, shuffle=True, random_state=0).split(X):
            predictions[test] = clone(model).fit(X[train], y[train]).predict(X[test])
        row["cv R2"] = r2_score(y, predictions)
        row["cv seconds"] = time.process_time() - start
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ShallowReLURegressor with others.")
    parser.add_argument("--data", nargs="*", help="names of data sets (default: all)")
    parser.add_argument("--neurons", nargs="*", type=int, default=[2, 4, 8])
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--no-cv", action="store_true", help="training losses only")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/estimator.csv"))
    arguments = parser.parse_args()
    rows = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs hits its limits
        for name, data in load_all(arguments.data):
            if isinstance(data, str):
                print(f"\n## {name}: skipped, {data}", flush=True)
                continue
            X, y = data
            for m in arguments.neurons:
                print(f"\n## {name}: n = {X.shape[0]}, d = {X.shape[1]}, m = {m}", flush=True)
                found = []
                for method, build in methods(m, arguments.starts).items():
                    if arguments.no_cv and "alpha" in method:
                        continue
                    found.append(measure(method, build(), X, y, not arguments.no_cv))
                rows += [{"data": name, "neurons": m, **row} for row in found]
                text = pd.DataFrame(found).set_index("method").fillna("")
                print(text.to_string(float_format=lambda value: f"{value:.4g}"), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(arguments.output, index=False)


if __name__ == "__main__":
    main()
