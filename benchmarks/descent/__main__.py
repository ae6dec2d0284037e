"""``python -m benchmarks.descent [--per-class 20] [--problems 3]``: time, loss, certified share.

CPU time of one core per start; the classes of signs have equally many starts, so that no median
depends on which ones come first. Descent is measured with ``far=True`` ("descent") and without
("descent, near"). Every scipy solver is followed by descent: the share of the solver's own end
points that pass the certificate before it, and after it.
MLPRegressor has the same width and as many starts, its own ones; its end points are read as
networks of N* for the certificate. ``--publish`` puts tables and findings into docs/minima.md.
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
from threadpoolctl import threadpool_limits

from benchmarks.descent.problems import Problem, problems
from benchmarks.descent.report import report
from benchmarks.publish import publish
from landscape import Parametrization, certify_minimum, descend
from landscape.data import write_text
from landscape.training import train

SOLVERS = ("trf", "SLSQP", "L-BFGS-B")


def measure(run: Callable[[Any], Any], starts: list[Any]) -> tuple[float, list[Any]]:
    """CPU milliseconds per start, and the results."""
    begin = time.process_time()
    results = [run(start) for start in starts]
    return 1e3 * (time.process_time() - begin) / len(starts), results


def compare(problem: Problem, per_class: int) -> list[dict]:
    """One row per method on one problem."""
    space = problem.space()
    n_starts = max(1, round(per_class * problem.share)) * (problem.n_neurons + 1)
    X, y = space.embed(problem.features), problem.targets
    starts = problem.starts(n_starts, space)
    rows = []

    def add(method: str, ms: float, losses: list[float], thetas: list[Parametrization]) -> None:
        checks = [certify_minimum(theta, X, y, space=space).is_minimum for theta in thetas]
        rows.append(
            {
                "problem": problem.name,
                "method": method,
                "starts": n_starts,
                "ms per start": ms,
                "median loss": float(np.median(losses)),
                "best loss": float(np.min(losses)),
                "certified": float(np.mean(checks)),
            }
        )

    def add_ends(method: str, ms: float, ends: list[Any]) -> None:
        add(method, ms, [end.loss for end in ends], [end.parametrization for end in ends])

    for method, far in (("descent", True), ("descent, near", False)):
        ms, ends = measure(
            lambda theta, far=far: descend(theta, X, y, space=space, far=far), starts
        )
        add_ends(method, ms, ends)
    for solver in SOLVERS:
        ms, fits = measure(
            lambda theta, solver=solver: train(theta, X, y, space=space, solver=solver), starts
        )
        add_ends(solver, ms, fits)
        more, ends = measure(lambda fit: descend(fit.parametrization, X, y, space=space), fits)
        add_ends(f"{solver}, then descent", ms + more, ends)
    add("MLPRegressor", *perceptron(problem, n_starts))
    return rows


def perceptron(problem: Problem, n_starts: int) -> tuple[float, list[float], list[Parametrization]]:
    """scikit-learn's MLPRegressor of the same width, from its own starts, as networks of N*."""
    from sklearn.neural_network import MLPRegressor

    def fit(seed: int) -> Any:
        model = MLPRegressor(
            hidden_layer_sizes=(problem.n_neurons,),
            solver="lbfgs",
            alpha=0.0,
            max_iter=2000,
            tol=1e-10,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(problem.features, problem.targets)

    space = problem.space()
    ms, models = measure(fit, list(range(n_starts)))
    losses, thetas = [], []
    for model in models:
        losses.append(float(np.mean((model.predict(problem.features) - problem.targets) ** 2)))
        (weights, outputs), (biases, offset) = model.coefs_, model.intercepts_
        theta = space.from_network(weights.T, biases, outputs[:, 0], float(offset[0]))
        thetas.append(theta)
    return ms, losses, thetas


def main() -> None:
    """Print the table and keep it under results/benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.descent", description=__doc__)
    parser.add_argument("--per-class", type=int, default=20, help="starts; on diabetes a quarter")
    parser.add_argument("--problems", type=int, default=None, help="only the first so many")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/descent.csv"))
    parser.add_argument("--publish", action="store_true", help="tables and findings into the docs")
    arguments = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        compare(problems()[0], 1)  # loads and compiles what is loaded and compiled once
        for problem in problems()[: arguments.problems]:
            rows += compare(problem, arguments.per_class)
            table = pd.DataFrame(rows)
            print(table[table["problem"] == problem.name].to_string(index=False), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output, table.to_csv(index=False))
    text = report(table)
    print(f"\n{text}\n\nkept in {arguments.output}")
    if arguments.publish:
        publish(text, Path("docs/minima.md"), "python -m benchmarks.descent --publish")


if __name__ == "__main__":
    main()
