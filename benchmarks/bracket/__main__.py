"""``python -m benchmarks.bracket [--starts | --fits | --peers] [--publish]``: how brackets close.

Seconds are CPU time on one core, kernels compiled. With ``--starts``: how often starts of solvers
end at the optimum that a closed bracket has; with ``--fits``: how often `ShallowReLURegressor` does
on 648 problems of one input, about 15 minutes; with ``--peers``: real series beside pwlf and
piecewise-regression (see ``benchmarks/bracket/peers.py``). The tables go to ``docs/bracket.md``.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

from benchmarks.publish import markdown, publish
from landscape.bracket import bracket_global_minimum
from landscape.spaces import make_space

#: Inputs, samples, neurons of the network with biases, and the deviation of the noise.
SIZES = [(1, 50, 2, 0.2), (1, 200, 2, 0.2), (1, 1000, 2, 0.2), (1, 200, 3, 0.2), (1, 200, 4, 0.2)]
SIZES += [(2, 30, 1, 0.7), (2, 20, 2, 0.7), (2, 50, 2, 0.2), (2, 50, 2, 0.7), (3, 30, 1, 0.7)]
HERE = Path(__file__).parents[2] / "docs"
Array = np.ndarray


def problem(p: int, n: int, noise: float) -> tuple[Array, Array]:
    """A sine of the sum of inputs with noise, from a fixed seed; unit variance."""
    rng = np.random.default_rng([p, n])
    x = rng.uniform(-1, 1, (n, p))
    y = np.sin(4 * x.sum(axis=1)) + noise * rng.standard_normal(n)
    return x, (y - y.mean()) / y.std()


def row(name: str, x: Array, y: Array, m: int, limit: float) -> list[str]:
    """One bracket: networks with biases and an offset."""
    space = make_space("unrestricted", x.shape[1], m)
    start = time.process_time()
    bracket = bracket_global_minimum(x, y, space=space, time_limit=limit)
    seconds = time.process_time() - start
    cells = [name, str(x.shape[1]), str(len(y)), str(m), f"{bracket.lower:.6f}"]
    cells += [f"{bracket.upper:.6f}", f"{bracket.gap:.1e}", f"{bracket.n_nodes:,}"]
    print(*cells, f"{seconds:.2f}", bracket.outcome.name, flush=True)
    return [*cells, f"{seconds:.2f}", bracket.outcome.name.lower()]


def sizes(limit: float) -> str:
    """The table of closed and open brackets."""
    bracket_global_minimum(
        [[0.0], [1.0], [3.0]], [0.0, 1.0, 0.0], space=make_space("balanced", 1, 1)
    )
    x, y = problem(2, 6, 0.1)
    bracket_global_minimum(x, y, space=make_space("balanced", 2, 1), node_limit=1)
    rows = [
        row(f"sine, noise {noise}", *problem(p, n, noise), m, limit) for p, n, m, noise in SIZES
    ]
    data = load_diabetes()
    y = (data.target - data.target.mean()) / data.target.std()
    rows += [
        row(f"diabetes, {key}", data.data[:, [j]], y, 2, limit)
        for key, j in [("bmi", 2), ("s5", 8)]
    ]
    rows.append(row("diabetes, bmi and s5", data.data[:, [2, 8]], y, 1, limit))
    rows.append(row("diabetes", data.data, y, 2, limit))
    head = ["data", "inputs", "samples", "neurons", "lower", "upper"]
    head += ["gap", "nodes", "seconds", "outcome"]
    return markdown(head, rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bracket", description=__doc__)
    parser.add_argument("--publish", action="store_true", help="write the table into docs")
    parser.add_argument("--starts", action="store_true", help="how often starts are optimal")
    parser.add_argument("--fits", action="store_true", help="how often fits are optimal")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a bracket may take")
    parser.add_argument("--peers", action="store_true", help="real series, beside other software")
    options = parser.parse_args()
    maker, make = "python -m benchmarks.bracket", partial(sizes, options.limit)
    if options.starts:
        from benchmarks.bracket.starts import starts as make  # with figures

        maker += " --starts"
    if options.fits:
        from benchmarks.bracket.fits import fits as make

        maker += " --fits"
    if options.peers:
        from benchmarks.bracket.peers import peers as make  # with other software

        maker += " --peers"
    text = make()
    if options.publish:
        publish(text, HERE / "bracket.md", f"{maker} --publish")


if __name__ == "__main__":
    main()
