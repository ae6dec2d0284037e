"""Minima of N' and N as training finds them: degeneracies and the implication (Proposition 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.probe import Natural, examine_minimum
from landscape.spaces import Space
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays

__all__ = ["natural_rows"]

_EMPTY: dict[str, Any] = {
    "n_silent": -1,
    "n_zero": -1,
    "imbalance": np.nan,
    "n_redundant": -1,
    "n_opposite": -1,
    "flip_gap": np.nan,
    "n_spare": -1,
    "verdict": "undecided",
    "radius": np.nan,
    "distance": np.nan,
    "gap": np.nan,
    "tolerance": np.nan,
    "reason": "",
}


def natural_rows(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    minima: Arrays,
    *,
    space: Space,
    max_minima: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Describe distinct minima of N' or N, those with parallel neurons too.

    Returns
    -------
    dict of arrays, one entry per minimum
        ``minimum``, ``loss``, and the fields of :class:`landscape.probe.Natural`.
    """
    X = space.embed(features)
    rows = []
    for k in range(min(len(minima.get("minimum", ())), max_minima)):
        theta = Parametrization(minima["weights"][k], minima["output_weights"][k])
        row = {"minimum": int(minima["minimum"][k]), "loss": float(minima["loss"][k]), **_EMPTY}
        try:
            found = examine_minimum(theta, X, target, space=space)
            row |= {field.name: getattr(found, field.name) for field in fields(Natural)}
            row["verdict"] = found.verdict.value
        except NUMERICAL_TROUBLE as error:
            row["reason"] = f"{type(error).__name__}: {error}"
        progress(f"minimum {row['minimum']}: {row['n_spare']} spare, {row['verdict']}")
        rows.append(row)
    return as_arrays(rows)
