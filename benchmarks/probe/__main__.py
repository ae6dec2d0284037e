"""``python -m benchmarks.probe [--count 10] [--minima 1000] [--jobs 2]``."""

from __future__ import annotations

import argparse

from benchmarks.probe.minima import run
from benchmarks.probe.solvers import compare


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.probe", description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="networks per size and solver")
    parser.add_argument("--minima", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    compare(options.count)
    run(options.minima, options.jobs)


if __name__ == "__main__":
    main()
