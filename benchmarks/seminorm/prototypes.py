"""Sketches of the methods as an optional peer, from a folder given on the command line.

They return a number only: no witness, no bound on rounding, no merging, no limit of time; on
degenerate networks it can be wrong. The files are loaded from where they are.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from math import comb
from pathlib import Path

import numpy as np

from landscape.parametrization import Parametrization

Prototype = Callable[[Parametrization], float]
FILES = ("inst", "seminorm_flats", "seminorm_cone", "seminorm_conflict")


def load(folder: Path | None) -> tuple[dict[str, Prototype], str | None]:
    """The prototypes in a folder, or the reason why there are none."""
    if folder is None:
        return {}, "no folder given (--prototypes FOLDER)"
    missing = [name for name in FILES if not (folder / f"{name}.py").is_file()]
    if missing:
        return {}, f"{folder} has no {missing[0]}.py"
    sys.path.insert(0, str(folder))  # they import each other by their bare names
    try:
        flats, cone, conflict = (importlib.import_module(name) for name in FILES[1:])
    finally:
        sys.path.remove(str(folder))

    def by_flats(theta: Parametrization) -> float:
        return float(flats.seminorm_enum(theta.weights, theta.output_weights)[0])

    def by_cones(theta: Parametrization) -> float:
        rule = 2 * theta.n_inputs
        return float(cone.seminorm_cone(theta.weights, theta.output_weights, rule=rule)[0])

    def by_conflicts(theta: Parametrization) -> float:
        return float(conflict.seminorm_maxfs(theta.weights, theta.output_weights, biasp=1.0)[0])

    methods = {
        "prototype flats": by_flats,
        "prototype cones": by_cones,
        "prototype conflicts": by_conflicts,
    }
    for d in (3, 5):  # compile or load
        rng = np.random.default_rng(d)
        theta = Parametrization(rng.standard_normal((8, d)), rng.standard_normal(8))
        for method in methods.values():
            method(theta)
    return methods, None


def suits(name: str, d: int, m: int) -> bool:
    """Whether a prototype reaches the size: none of them has a limit of time."""
    if name == "prototype flats":
        return d == 2 or comb(m, d - 2) * m < 3e8
    if name == "prototype cones":
        return 3 <= d <= 5 and not (d == 5 and m > 100)
    return d >= 5 and m <= 120 and (d, m) != (16, 100)
