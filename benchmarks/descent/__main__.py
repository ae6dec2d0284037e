"""``python -m benchmarks.descent [--starts 50] [--problems 3]``: time, loss and certified share.

CPU time of one core per start. Every scipy solver is followed by descent: how much loss that
still gains, and the share of the solver's own end points that pass the certificate before it.
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
from landscape import certify_minimum, descend
from landscape.training import train

SOLVERS = ("trf", "SLSQP", "L-BFGS-B")


def measure(run: Callable[[Any], Any], starts: list[Any]) -> tuple[float, list[Any]]:
    """CPU milliseconds per start, and the results."""
    begin = time.process_time()
    results = [run(start) for start in starts]
    return 1e3 * (time.process_time() - begin) / len(starts), results


def row(problem: Problem, method: str, ms: float, losses: list[float], **more: float) -> dict:
    """One line of the table."""
    return {
        "problem": problem.name,
        "method": method,
        "ms per start": ms,
        "median loss": float(np.median(losses)),
        "best loss": float(np.min(losses)),
        **more,
    }


def compare(problem: Problem, n_starts: int) -> list[dict]:
    """All methods on one problem."""
    space = problem.space()
    X, y = space.embed(problem.features), problem.targets
    starts = problem.starts(n_starts, space)

    def share(thetas: list[Any]) -> float:
        checks = [certify_minimum(theta, X, y, space=space).is_minimum for theta in thetas]
        return float(np.mean(checks))

    ms, ends = measure(lambda theta: descend(theta, X, y, space=space), starts)
    rows = [
        row(
            problem,
            "descent",
            ms,
            [end.loss for end in ends],
            certified=share([end.parametrization for end in ends]),
        )
    ]
    for solver in SOLVERS:
        ms, fits = measure(
            lambda theta, solver=solver: train(theta, X, y, space=space, solver=solver), starts
        )
        before = share([fit.parametrization for fit in fits])
        rows.append(row(problem, solver, ms, [fit.loss for fit in fits], certified=before))
        more, ends = measure(lambda fit: descend(fit.parametrization, X, y, space=space), fits)
        rows.append(
            row(
                problem,
                f"{solver}, then descent",
                ms + more,
                [end.loss for end in ends],
                certified=share([end.parametrization for end in ends]),
            )
        )
    rows.append(perceptron(problem, n_starts))
    return rows


def perceptron(problem: Problem, n_starts: int) -> dict:
    """scikit-learn's MLPRegressor of the same width; its own initialization."""
    from sklearn.neural_network import MLPRegressor

    def fit(seed: int) -> float:
        model = MLPRegressor(
            problem.n_neurons,
            solver="lbfgs",
            alpha=0.0,
            max_iter=2000,
            tol=1e-10,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(problem.features, problem.targets)
        return float(np.mean((model.predict(problem.features) - problem.targets) ** 2))

    ms, losses = measure(fit, list(range(n_starts)))
    return row(problem, "MLPRegressor(lbfgs)", ms, losses)


def main() -> None:
    """Print the table and keep it under results/benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.descent", description=__doc__)
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--problems", type=int, default=None, help="only the first so many")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/descent.csv"))
    arguments = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        for problem in problems()[: arguments.problems]:
            rows += compare(problem, arguments.starts)
            table = pd.DataFrame(rows)
            print(table[table["problem"] == problem.name].to_string(index=False), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(arguments.output, index=False)
    print(f"kept in {arguments.output}")


if __name__ == "__main__":
    main()
