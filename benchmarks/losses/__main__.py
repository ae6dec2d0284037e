"""Fits of other losses beside scikit-learn's and a convex solver.

    .venv/bin/python -m benchmarks.losses            # six data sets, two minutes
    .venv/bin/python -m benchmarks.losses --publish  # tables of the last run into docs/losses.md

One process, one thread, standardized data. *Linear*: the same loss and penalty by this package
without neurons, by scikit-learn where it has the loss, and by clarabel. *Networks*: best of the
same number of starts, their mean losses on the data and in five-fold cross-validation without the
penalty; and by how much clarabel finds less on the cell of our fit.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import clone
from sklearn.linear_model import (
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.losses.convex import least
from benchmarks.losses.data import Task, load_all
from benchmarks.publish import markdown, publish
from landscape import ShallowReLUClassifier, ShallowReLURegressor
from landscape.networks import Network

OUTPUT = Path("results/benchmarks/losses.csv")
PAGE = Path(__file__).parents[2] / "docs" / "losses.md"
MAKER = "python -m benchmarks.losses --publish"


def ours(task: Task, n_neurons: int, n_starts: int) -> Any:
    """Over N, which has scikit-learn's functions; without neurons a linear function."""
    options: dict[str, Any] = {
        "space": "unrestricted", "alpha": task.alpha, "n_starts": n_starts, "random_state": 1,
        "linear": n_neurons == 0,
    }  # fmt: skip
    if task.loss.name == "logistic":
        return ShallowReLUClassifier(n_neurons, **options)
    return ShallowReLURegressor(n_neurons, loss=task.loss, **options)


def linear_peer(task: Task, n: int) -> Any:
    """scikit-learn's linear model of the loss with the same penalty."""
    if task.loss.name == "logistic":
        return LogisticRegression(C=1 / (2 * task.alpha * n), tol=1e-10, max_iter=10_000)
    if task.loss.name == "poisson":
        return PoissonRegressor(alpha=2 * task.alpha, tol=1e-10, max_iter=10_000)
    if task.loss.name == "huber":  # estimates the scale together with the function
        return HuberRegressor(alpha=task.alpha * n, tol=1e-10, max_iter=10_000)
    return QuantileRegressor(quantile=task.loss.tau, alpha=0.0)  # not smoothed


class BestMLP:
    """The best of several starts of scikit-learn's network; squares where it lacks the loss."""

    def __init__(self, task: Task, n_neurons: int, n_starts: int) -> None:
        self.arguments = task, n_neurons, n_starts

    def fit(self, X: np.ndarray, y: np.ndarray) -> BestMLP:
        task, m, n_starts = self.arguments
        options = {"hidden_layer_sizes": (m,), "solver": "lbfgs", "tol": 1e-9}
        options |= {"max_iter": 20_000, "max_fun": 200_000}
        if task.loss.name == "logistic":  # its default penalty
            fits = [MLPClassifier(**options, random_state=k).fit(X, y) for k in range(n_starts)]
        else:
            options |= {"alpha": task.alpha}
            if task.loss.name == "poisson":
                options["loss"] = "poisson"
            fits = [MLPRegressor(**options, random_state=k).fit(X, y) for k in range(n_starts)]
        self.best = min(fits, key=lambda model: model.loss_)
        return self


def values(task: Task, model: Any, X: np.ndarray) -> np.ndarray:
    """Log odds, logarithms of means, or predictions: what the loss is a function of."""
    model = model.best if isinstance(model, BestMLP) else model
    if task.loss.name == "logistic":
        return logit(np.clip(model.predict_proba(X)[:, 1], 1e-15, 1 - 1e-15))
    predicted = model.predict(X)
    return np.log(predicted) if task.loss.name == "poisson" else predicted


def copy(model: Any) -> Any:
    return BestMLP(*model.arguments) if isinstance(model, BestMLP) else clone(model)


def measure(task: Task, name: str, model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Losses on the data and out of fold, CPU seconds, and what is certified."""
    begin = time.process_time()
    fitted = copy(model).fit(X, y)
    row = {"method": name, "seconds": time.process_time() - begin}
    found = values(task, fitted, X)
    row["loss"] = task.error(found, y)
    out = np.empty(len(y))
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        out[test] = values(task, copy(model).fit(X[train], y[train]), X[test])
    row["cv loss"] = task.error(out, y)
    if hasattr(fitted, "coef_"):
        row["penalized"] = row["loss"] + task.alpha * float(np.sum(fitted.coef_**2))
    if hasattr(fitted, "starts_"):
        row["penalized"] = fitted.loss_
        row["certified"] = int((fitted.starts_["verdict"] == "holds").sum())
        row["starts"] = len(fitted.starts_)
        (a, c), (b, e) = fitted.coefs_, fitted.intercepts_
        if fitted.n_neurons and fitted.alpha != "auto":
            network = Network(a.T, b, c[:, 0], float(e[0]))
            begin = time.process_time()
            row["clarabel on the cell"] = least(task, X, y, network)
            row["clarabel seconds"] = time.process_time() - begin
    return row


def run(names: list[str] | None, m: int, n_starts: int) -> pd.DataFrame:
    """All tasks and methods; prints as it goes."""
    rows: list[dict[str, Any]] = []
    for task, data in load_all(names):
        if isinstance(data, str):
            print(f"{task.name}: skipped, {data}", flush=True)
            continue
        X, y = data
        methods = {
            "landscape, linear": ours(task, 0, 1),
            "scikit-learn, linear": linear_peer(task, len(y)),
            "landscape": ours(task, m, n_starts),
            "landscape, auto": ours(task, m, n_starts).set_params(alpha="auto"),
            "MLP": BestMLP(task, m, n_starts),
        }
        begin = time.process_time()
        convex = {"method": "clarabel, linear", "penalized": least(task, X, y)}
        convex["seconds"] = time.process_time() - begin
        found = [convex] + [measure(task, name, model, X, y) for name, model in methods.items()]
        n, d = X.shape
        rows += [{"data": task.name, "rows": n, "d": d, "on": task.loss.name, **r} for r in found]
        print(f"\n## {task.name}, {task.loss}, alpha = {task.alpha}: n = {n}, d = {d}, m = {m}")
        text = pd.DataFrame(found).set_index("method").to_string(float_format="{:.6g}".format)
        print(text.replace("NaN", "   "), flush=True)
    return pd.DataFrame(rows)


def gap(loss: float, optimum: float) -> str:
    """By which share a loss exceeds what a solver finds, beyond the solver's tolerance."""
    share = loss / optimum - 1
    return "< 1e-9" if abs(share) < 1e-9 else f"{share:.1e}"


def tables(table: pd.DataFrame) -> str:
    """Two tables for the docs: linear functions, and networks."""
    lines, networks, best = [], [], []
    for name, group in table.groupby("data", sort=False):
        by = group.set_index("method")
        label, loss = f"{name} ({by['rows'].iloc[0]} × {by['d'].iloc[0]})", by["on"].iloc[0]
        mine, convex = by.loc["landscape, linear"], by.loc["clarabel, linear"]
        peer = by.loc["scikit-learn, linear"]
        gaps = [gap(one["penalized"], convex["penalized"]) for one in (mine, peer)]
        seconds = [f"{row['seconds']:.2f}" for row in (mine, peer, convex)]
        lines.append([label, loss, f"{convex['penalized']:.6f}", *gaps, *seconds])
        mine, mlp = by.loc["landscape"], by.loc["MLP"]
        linear = min(by.loc["landscape, linear", "cv loss"], peer["cv loss"])
        auto = by.loc["landscape, auto", "cv loss"]
        losses = {"linear": linear, "landscape": auto, "MLP": mlp["cv loss"]}
        best.append(min(losses, key=losses.__getitem__))
        networks.append([
            label, loss, f"{mine['loss']:.4f}", f"{mlp['loss']:.4f}", f"{mine['cv loss']:.4f}",
            f"{auto:.4f}", f"{mlp['cv loss']:.4f}", f"{peer['cv loss']:.4f}",
            f"{mine['seconds']:.1f}", f"{mlp['seconds']:.1f}",
            f"{mine['certified']:.0f} of {mine['starts']:.0f}",
            gap(mine["penalized"], mine["clarabel on the cell"]),
        ])  # fmt: skip
    head = ["linear functions", "loss", "clarabel", "landscape, more by", "scikit-learn, more by"]
    first = markdown([*head, "s", "s, scikit-learn", "s, clarabel"], lines)
    head = ["networks", "loss", "landscape", "MLP", "cv, landscape", "cv, auto"]
    head += ["cv, MLP", "cv, linear"]
    second = markdown([*head, "s", "s, MLP", "certified", "less on its cell"], networks)
    counts = ", ".join(
        f"{what} {best.count(who)} times"
        for who, what in [
            ("linear", "a linear function"),
            ("landscape", 'ours with `alpha="auto"`'),
            ("MLP", "the MLP"),
        ]
    )
    return "\n\n".join([first, second, f"Least out of fold: {counts}."])


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare fits of other losses with others.")
    parser.add_argument("--data", nargs="*", help="names of data sets (default: all)")
    parser.add_argument("--neurons", type=int, default=3)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--publish", action="store_true", help="tables of the last run into docs/")
    arguments = parser.parse_args()
    if arguments.publish:
        publish(tables(pd.read_csv(OUTPUT)), PAGE, MAKER)
        return
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs hits its limits
        table = run(arguments.data, arguments.neurons, arguments.starts)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(OUTPUT, index=False, float_format="%.12g")
    print(f"\nwrote {OUTPUT}")


if __name__ == "__main__":
    main()
