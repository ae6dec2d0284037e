"""What a fresh process takes for its first seminorm: ``python -m benchmarks.seminorm.startup``.

CPU seconds of processes that end at once, that import numpy, that also draw a random number, and
that import this package and find a seminorm, alternating. Import what is byte-compiled (`make env`
compiles it), or compiling is measured.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from statistics import median

NETWORK = """
import numpy as np
from landscape import Parametrization, sobolev_seminorm
rng = np.random.default_rng(0)
theta = Parametrization(rng.standard_normal(({m}, {d})), rng.standard_normal({m}))
assert sobolev_seminorm(theta).exact
"""


def cpu(code: str) -> float:
    """CPU seconds of a process that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    codes = {
        "python": "pass",
        "numpy": "import numpy",
        "numpy and its generator": "import numpy; numpy.random.default_rng(0)",
    }
    for d, m in ((2, 100), (3, 20), (4, 20), (6, 24), (12, 20)):
        codes[f"seminorm, d = {d}, m = {m}"] = NETWORK.format(d=d, m=m)
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(arguments.repeats):
        for name, code in codes.items():
            seconds[name].append(cpu(code))
    for name, values in seconds.items():
        print(f"{name:26s} fastest {min(values):.3f} s   median {median(values):.3f} s")


if __name__ == "__main__":
    main()
