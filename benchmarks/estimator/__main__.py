"""Training loss and cross-validated R² against time: this estimator and others, side by side.

    .venv/bin/python -m benchmarks.estimator            # everything that is installed
    .venv/bin/python -m benchmarks.estimator --data diabetes --neurons 8 --no-cv
    .venv/bin/python -m benchmarks.estimator --publish  # the table of the last run into docs/

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
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from benchmarks.estimator import report
from benchmarks.estimator.data import load_all
from benchmarks.estimator.peers import BestMLP, BestTorch, has_torch
from landscape import ShallowReLURegressor


def methods(m: int, n_starts: int, seed: int) -> dict[str, Callable[[], Any]]:
    """Estimators by name. ``unrestricted`` has exactly MLPRegressor's functions."""
    found: dict[str, Callable[[], Any]] = {
        "landscape, N*": lambda: ShallowReLURegressor(m, n_starts=n_starts, random_state=seed),
        "landscape, N": lambda: ShallowReLURegressor(
            m, space="unrestricted", n_starts=n_starts, random_state=seed
        ),
        "landscape, N, alpha=0.03": lambda: ShallowReLURegressor(
            m, space="unrestricted", alpha=0.03, n_starts=n_starts, random_state=seed
        ),
        "MLP lbfgs": lambda: BestMLP(m, n_starts, seed),
        "MLP lbfgs, alpha=0.1": lambda: BestMLP(m, n_starts, seed, 0.1),
        "MLP lbfgs, alpha=1": lambda: BestMLP(m, n_starts, seed, 1.0),
        "ridge": lambda: RidgeCV(np.geomspace(1e-3, 1e3, 13)),
        "gradient boosting": lambda: GradientBoostingRegressor(random_state=seed),
    }
    if has_torch():
        found["torch L-BFGS"] = lambda: BestTorch(m, n_starts, seed)
    return found


def measure(name: str, model: Any, X: np.ndarray, y: np.ndarray, cv: bool) -> list[dict[str, Any]]:
    """Training loss and time on all samples, for some numbers of starts; out-of-fold R²."""
    start = time.process_time()
    fitted = clone(model).fit(X, y)
    row: dict[str, Any] = {"method": name, "starts": getattr(model, "n_starts", 1)}
    row["seconds"] = time.process_time() - start
    row["loss"] = float(np.mean((fitted.predict(X) - y) ** 2))
    fewer = [k for k in (1, 5) if k < row["starts"]]
    rows = []
    if isinstance(fitted, ShallowReLURegressor):
        row["certified"] = f"{int((fitted.starts_['verdict'] == 'holds').sum())}/{row['starts']}"
        row["radius"] = fitted.radius_
        for k in fewer:
            start = time.process_time()
            short = clone(model).set_params(n_starts=k).fit(X, y)
            seconds = time.process_time() - start
            loss = float(np.mean((short.predict(X) - y) ** 2))
            rows.append({"method": name, "starts": k, "seconds": seconds, "loss": loss})
    elif hasattr(fitted, "trace_"):
        times, losses = np.array(fitted.trace_).T
        row["seconds to best"] = float(times[np.argmin(losses)])
        for k in fewer:
            seconds, loss = float(times[k - 1]), float(losses[:k].min())
            rows.append({"method": name, "starts": k, "seconds": seconds, "loss": loss})
    if cv:
        predictions = np.empty(len(y))
        for train, test in KFold(5, shuffle=True, random_state=0).split(X):
            predictions[test] = clone(model).fit(X[train], y[train]).predict(X[test])
        row["cv R2"] = r2_score(y, predictions)
    return [*rows, row]


def run(arguments: argparse.Namespace) -> pd.DataFrame:
    """All data sets, widths and methods; prints as it goes."""
    rows: list[dict[str, Any]] = []
    if not has_torch():
        print("torch L-BFGS: skipped, torch is not installed")
    compiled = np.linspace(-1.0, 1.0, 10)[:, None]  # kernels are loaded before anything is timed
    for name, build in methods(1, 1, 0).items():
        if "landscape" in name:
            build().fit(compiled, compiled[:, 0] ** 2)
    for name, data in load_all(arguments.data):
        if isinstance(data, str):
            print(f"\n## {name}: skipped, {data}", flush=True)
            continue
        X, y = data
        n, d = X.shape
        for m in arguments.neurons:
            print(f"\n## {name}: n = {n}, d = {d}, m = {m}", flush=True)
            found = []
            for method, build in methods(m, arguments.starts, arguments.seed).items():
                if arguments.no_cv and "alpha" in method:
                    continue
                # torch takes minutes where the others take seconds: its training loss only.
                cv = not arguments.no_cv and "torch" not in method
                found += measure(method, build(), X, y, cv)
            rows += [{"data": name, "n": n, "d": d, "neurons": m, **row} for row in found]
            text = pd.DataFrame(found).groupby("method", sort=False).tail(1).set_index("method")
            print(text.fillna("").to_string(float_format=lambda value: f"{value:.4g}"), flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ShallowReLURegressor with others.")
    parser.add_argument("--data", nargs="*", help="names of data sets (default: all)")
    parser.add_argument("--neurons", nargs="*", type=int, default=[2, 4, 8])
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of all starts (default: 1)")
    parser.add_argument("--no-cv", action="store_true", help="training losses only")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/estimator.csv"))
    parser.add_argument("--publish", action="store_true", help="table of the last run into docs/")
    arguments = parser.parse_args()
    if arguments.publish:
        report.publish(arguments.output)
        return
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs hits its limits
        table = run(arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output, index=False, float_format="%.6g")
    report.figure(table, arguments.output.with_suffix(".png"))
    print(f"\nwrote {arguments.output} and {arguments.output.with_suffix('.png')}")


if __name__ == "__main__":
    main()
