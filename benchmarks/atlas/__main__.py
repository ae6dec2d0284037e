"""``python -m benchmarks.atlas [--starts 500] [--large]``.

First the cost of atlases by size: counts, entries, seconds on one core. Then, on two of them, what
multi-starts of each solver find in how many seconds. There is no public peer that enumerates local
minima; the multi-starts are the alternative. Set OPENBLAS_NUM_THREADS=1 (or its like) for one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from landscape.atlas import Atlas, atlas_cost, make_atlas
from landscape.spaces import make_space
from landscape.study.coverage import DESCENTS, cover, endings

#: Inputs, samples, neurons of the network with biases (N* has one more).
SIZES = [(1, 8, 1), (1, 8, 2), (1, 12, 1), (1, 12, 2), (1, 20, 1), (1, 20, 2), (2, 6, 1), (2, 8, 1)]
LARGE = [(1, 12, 3), (2, 12, 1)]


def problem(n_inputs: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """A sine-like target with noise, from a fixed seed."""
    rng = np.random.default_rng([n_inputs, n_samples])
    x = rng.uniform(-1, 1, (n_samples, n_inputs))
    return x, np.sin(4 * x.sum(axis=1)) + 0.1 * rng.standard_normal(n_samples)


def measure(n_inputs: int, n_samples: int, n_neurons: int) -> tuple[Atlas, float]:
    x, y = problem(n_inputs, n_samples)
    space = make_space("restricted", n_inputs, n_neurons, margin=1e-3)
    start = time.process_time()
    atlas = make_atlas(x, y, space=space)
    return atlas, time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.atlas", description=__doc__)
    parser.add_argument("--starts", type=int, default=500, help="per solver")
    parser.add_argument("--large", action="store_true", help="sizes that take minutes as well")
    options = parser.parse_args()
    measure(1, 4, 1)  # compiles the kernel
    print("inputs samples neurons(N*) supports   joint faces minima values undecided CPU s")
    for size in SIZES + LARGE * options.large:
        cost = atlas_cost(problem(*size[:2])[0], size[2] + 1)
        atlas, seconds = measure(*size)
        print(
            f"{size[0]:6} {size[1]:7} {size[2] + 1:11} "
            f"{cost.n_supports:8,} {cost.n_joint_faces:13,} {len(atlas):6} "
            f"{atlas.n_values:6} {len(atlas.undecided):9} {seconds:5.1f}",
            flush=True,
        )
    print("\ninputs samples neurons(N*) solver      starts certified found exist global CPU s")
    for size in [(1, 12, 1), (1, 12, 2)]:
        atlas, _ = measure(*size)
        for solver in ("SLSQP", "L-BFGS-B", "trf", *DESCENTS):
            start = time.process_time()
            own = {"solver": solver, "problem": "benchmark"}
            data, how = (atlas.features, atlas.target), {"starts": options.starts, "seed": 1}
            rows = cover(atlas, endings(*data, space=atlas.space, **own, **how), **own)
            seconds = time.process_time() - start
            print(
                f"{size[0]:6} {size[1]:7} {size[2] + 1:11} {solver:11} {options.starts:6} "
                f"{np.mean([row.number >= 0 for row in rows]):8.1%} {rows[-1].distinct:6} "
                f"{len(atlas):5} {rows[-1].global_hits / options.starts:6.1%} {seconds:5.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
