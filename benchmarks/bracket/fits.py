"""How often `ShallowReLURegressor`, as it comes, ends at the global minimum: one input."""

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.publish import markdown
from landscape import ShallowReLURegressor
from landscape.bracket import BracketOutcome, bracket_global_minimum
from landscape.streams import stream

#: 648 problems.
SIZES, NEURONS, COUNT = (15, 40, 100), (1, 2, 3), 18
#: A fit counts if it ends within this share of the target's variance of the optimum.
ENOUGH = 1e-6
NODES, STARTS = 200_000, 60


def draw(kind: str, n: int, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs, and a target of variance one."""
    rng = stream(0, "fits at the global minimum", kind, n, k)
    x = rng.uniform(-1, 1, n)
    noise = rng.standard_normal(n)
    if kind == "sine":
        y = np.sin(rng.uniform(2, 8) * x) + 0.3 * noise
    elif kind == "teacher":  # four hinges
        bends = np.maximum(rng.choice([-1, 1], 4) * (x[:, None] - rng.uniform(-1, 1, 4)), 0.0)
        y = bends @ rng.standard_normal(4)
        y = y + 0.2 * y.std() * noise
    elif kind == "steps":
        y = np.floor(3 * x) + 0.2 * noise
    else:
        y = noise
    return x[:, None], (y - y.mean()) / y.std()


def fits() -> str:
    """A row for each number of neurons and samples, and one for all."""
    kinds, rows = ("sine", "teacher", "steps", "noise"), []
    every = np.zeros(5)
    for m in NEURONS:
        for n in SIZES:
            closed = alone = found = 0
            seconds = 0.0
            for X, y in (draw(kind, n, k) for kind in kinds for k in range(COUNT)):
                model: Any = ShallowReLURegressor(m, random_state=0)
                begin = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of starts without a certificate
                    model.fit(X, y)
                seconds += time.process_time() - begin
                limits: Any = {"time_limit": np.inf, "node_limit": NODES, "n_starts": STARTS}
                best = bracket_global_minimum(X, y, space=model.space_, **limits)
                closed += best.outcome is BracketOutcome.CLOSED
                optimum = min(best.upper, model.loss_) + ENOUGH
                random = model.starts_.query("origin == 'random'")
                alone += bool(random["loss"].min() <= optimum)
                found += bool(model.loss_ <= optimum)
            total = len(kinds) * COUNT
            every += [total, closed, alone, found, seconds]
            rows.append([m, n, total, closed, alone, found, f"{seconds / total:.2f}"])
            print(rows[-1], flush=True)
    *counts, seconds = every.tolist()
    rows.append(["all", "", *map(int, counts), f"{seconds / counts[0]:.2f}"])
    head = ["neurons", "samples", "problems", "closed", "20 starts", "fit", "seconds"]
    return markdown(head, [[str(each) for each in row] for row in rows])
