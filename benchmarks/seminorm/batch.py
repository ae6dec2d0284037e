"""What a batch of distances costs beside single calls: ``python -m benchmarks.seminorm.batch``.

CPU and wall time per pair of single calls and of batches with one and two jobs, alternating, the
fastest of five; and of preparing one of the two networks, which is what a batch could save by
keeping it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from landscape.parametrization import Parametrization
from landscape.seminorm import _tiers, sobolev_distance, sobolev_distances
from landscape.seminorm._problem import Setting, network_products

REPEATS = 5


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=4)
    parser.add_argument("--neurons", type=int, default=8, help="of each network")
    parser.add_argument("--pairs", type=int, default=500)
    arguments = parser.parse_args()
    d, m = arguments.inputs, arguments.neurons
    rng = np.random.default_rng([d, m])
    gamma, *thetas = (
        Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m))
        for _ in range(arguments.pairs + 1)
    )
    for name in _tiers.KERNELS:
        _tiers.compiled(name)
    ways: dict[str, Callable[[], object]] = {
        "single calls": lambda: [sobolev_distance(gamma, theta) for theta in thetas],
        "batch, 1 job": lambda: sobolev_distances(gamma, thetas, n_jobs=1),
        "batch, 2 jobs": lambda: sobolev_distances(gamma, thetas, n_jobs=2),
        "preparing one network": lambda: [
            (Setting(theta.weights), network_products(theta)) for theta in thetas
        ],
    }
    best = {name: (float("inf"), float("inf")) for name in ways}
    with threadpool_limits(1):
        for _ in range(REPEATS):
            for name, way in ways.items():
                start, started = time.process_time(), time.perf_counter()
                way()
                spent, passed = time.process_time() - start, time.perf_counter() - started
                best[name] = min(best[name][0], spent), min(best[name][1], passed)
    print(f"{len(thetas)} pairs, d = {d}, m = {m} + {m}: microseconds per pair")
    for name, (spent, passed) in best.items():
        scale = 1e6 / len(thetas)
        print(f"{name:22s} CPU {spent * scale:8.1f}   wall {passed * scale:8.1f}")


if __name__ == "__main__":
    main()
