"""``python -m benchmarks.radius [--starts 30] [--nodes 1000]``: brackets of the radii of minima.

Random starts, descended to certified minima; for each distinct one the bracket with the default
budget, and the proof in rational arithmetic. Targets are sine-like with noise. The table counts
every distinct minimum once; minima for which no better point was found have an infinite ratio.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.descent.problems import Problem, sine_like
from landscape import certify_minimum, descend
from landscape.minima import activation_key
from landscape.radius import RadiusBudget, bracket_radius
from landscape.spaces import make_space

SIZES = ((1, 2, 12), (1, 3, 20), (2, 4, 40))
SPACES = ("restricted", "unrestricted")


def problem(n_features: int, m: int, n: int) -> Problem:
    """Uniform inputs, sine-like targets with noise of standard deviation 0.1."""
    rng = np.random.default_rng([1, n_features])
    x = rng.uniform(-1, 1, (n, n_features))
    return Problem(f"({n_features}, {m}, {n})", x, sine_like(x, rng), m)


def brackets(data: Problem, name: str, n_starts: int, budget: RadiusBudget) -> list[dict]:
    """One row for each distinct minimum."""
    space = make_space(name, data.features.shape[1], data.n_neurons, margin=1e-3)
    X, y = space.embed(data.features), data.targets
    rows: dict[str, dict] = {}
    for theta in data.starts(n_starts, space):
        end = descend(theta, X, y, space=space).parametrization
        begin = time.process_time()
        certificate = certify_minimum(end, X, y, space=space, exact=True)
        proof_ms = 1e3 * (time.process_time() - begin)
        key = activation_key(end, X, space=space)
        if not certificate.is_minimum or key in rows:
            continue
        begin = time.process_time()
        bracket = bracket_radius(end, X, y, space=space, budget=budget)
        rows[key] = {
            "problem": data.name,
            "space": name,
            "loss": bracket.loss,
            "kinks": certificate.n_kinks,
            "proved": bool(certificate.proved),
            "proof_ms": proof_ms,
            "distance": certificate.proof.distance,
            "r_cell": bracket.r_cell,
            "r_low": bracket.r_low,
            "r_high": bracket.r_high,
            "ratio": bracket.ratio,
            "slack": bracket.slack / bracket.loss if bracket.loss else 0.0,
            "n_nodes": bracket.n_nodes,
            "seconds": time.process_time() - begin,
            "method_low": bracket.method_low,
            "method_high": bracket.method_high,
            "reason": bracket.reason,
        }
    return list(rows.values())


def summary(rows: list[dict]) -> dict:
    """One line of the table."""
    table = pd.DataFrame(rows)
    ratio = table["ratio"].to_numpy()
    return {
        "problem": rows[0]["problem"],
        "space": rows[0]["space"],
        "minima": len(rows),
        "median ratio": np.quantile(ratio, 0.5, method="higher"),
        "90 %": np.quantile(ratio, 0.9, method="higher"),
        "below 1.5": np.mean(ratio < 1.5),
        "none better": np.mean(np.isinf(table["r_high"])),
        "r_high / r_cell": np.median(table["r_high"] / table["r_cell"]),
        "programs": table["n_nodes"].median(),
        "s, median": table["seconds"].median(),
        "s, max": table["seconds"].max(),
        "proved": table["proved"].mean(),
        "ms, proof": table["proof_ms"].median(),
    }


def main() -> None:
    """Print the table and keep both tables under results/benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.radius", description=__doc__)
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--nodes", type=int, default=RadiusBudget().max_nodes)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/radius.csv"))
    arguments = parser.parse_args()
    budget = RadiusBudget(max_nodes=arguments.nodes)
    rows, lines = [], []
    with threadpool_limits(1):
        for size in SIZES:
            for name in SPACES:
                found = brackets(problem(*size), name, arguments.starts, budget)
                rows += found
                lines.append(summary(found))
                print(pd.DataFrame(lines).to_string(index=False, float_format="%.3g"), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(arguments.output, index=False)
    print(f"every minimum: {arguments.output}")


if __name__ == "__main__":
    main()
