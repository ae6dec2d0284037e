"""``python -m benchmarks.descent [--per-class 20] [--problems 3]``: time, loss, certified share.

CPU time of one core per start, the methods in turn; the classes of signs have equally many starts,
so that no median depends on which ones come first. Descent is measured with ``far=True``
("descent") and without ("descent, near"). Every scipy solver is followed by descent: the share of
the solver's own end points that pass the certificate before it, and after it. MLPRegressor has the
same width and as many starts, its own ones; its end points are read as networks of N* for the
certificate. ``--publish`` puts tables and findings into docs/minima.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.descent.problems import Problem, problems
from benchmarks.descent.report import SOLVERS, report
from benchmarks.publish import publish
from landscape import Parametrization, certify_minimum, descend
from landscape.data import write_text
from landscape.training import train


@dataclass
class Record:
    """What one method did from all starts."""

    ms: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    certified: list[bool] = field(default_factory=list)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """CPU milliseconds, and the result."""
    begin = time.process_time()
    result = run()
    return 1e3 * (time.process_time() - begin), result


def compare(problem: Problem, per_class: int) -> list[dict]:
    """One row per method on one problem; the methods take turns, start by start."""
    space = problem.space()
    n_starts = per_class * (problem.n_neurons + 1)
    X, y = space.embed(problem.features), problem.targets
    records: dict[str, Record] = defaultdict(Record)

    def add(method: str, ms: float, loss: float, end: Parametrization) -> None:
        record = records[method]
        record.ms.append(ms)
        record.losses.append(loss)
        record.certified.append(certify_minimum(end, X, y, space=space).is_minimum)

    def descent(method: str, start: Parametrization, before: float = 0.0, **options: bool) -> None:
        ms, end = timed(lambda: descend(start, X, y, space=space, **options))
        add(method, before + ms, end.loss, end.parametrization)

    for j, start in enumerate(problem.starts(n_starts, space)):
        descent("descent", start, far=True)
        descent("descent, near", start)
        for solver in SOLVERS:
            ms, fit = timed(partial(train, start, X, y, space=space, solver=solver))
            add(solver, ms, fit.loss, fit.parametrization)
            descent(f"{solver}, then descent", fit.parametrization, before=ms)
        add("MLPRegressor", *perceptron(problem, j))
    return [
        {
            "problem": problem.name,
            "method": method,
            "starts": n_starts,
            "ms per start": float(np.mean(record.ms)),
            "median loss": float(np.median(record.losses)),
            "best loss": float(np.min(record.losses)),
            "certified": float(np.mean(record.certified)),
        }
        for method, record in records.items()
    ]


def perceptron(problem: Problem, seed: int) -> tuple[float, float, Parametrization]:
    """scikit-learn's MLPRegressor of the same width, from its own start, as a network of N*."""
    from sklearn.neural_network import MLPRegressor

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
        ms, _ = timed(lambda: model.fit(problem.features, problem.targets))
    loss = float(np.mean((model.predict(problem.features) - problem.targets) ** 2))
    (weights, outputs), (biases, offset) = model.coefs_, model.intercepts_
    theta = problem.space().from_network(weights.T, biases, outputs[:, 0], float(offset[0]))
    return ms, loss, theta


def main() -> None:
    """Print the table and keep it under results/benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.descent", description=__doc__)
    parser.add_argument("--per-class", type=int, default=20, help="starts")
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
