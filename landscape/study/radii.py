"""Brackets of the radius of certified minima in parameter space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.radius import RadiusBudget, bracket_radius
from landscape.spaces import Space
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays

__all__ = ["radius_rows"]


def radius_rows(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    minima: Arrays,
    *,
    space: Space,
    seed: int,
    max_minima: int,
    budget: RadiusBudget | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Bracket the radius of the first ``max_minima`` distinct minima.

    Parameters
    ----------
    features : array of shape (n, d)
    target : array of shape (n,)
    minima : dict of arrays
        Distinct minima of the space (:func:`landscape.study.distinct.distinct_minima`).
    space : Space
    seed : int
        Of the falsifier's starts, together with the number of the minimum's start.
    max_minima : int
    budget : RadiusBudget, optional
        Counts, no times: the rows do not depend on the machine.

    Returns
    -------
    dict of arrays, one entry per minimum
        ``minimum``, ``r_low``, ``r_high``, ``method_low``, ``method_high``, ``n_nodes``,
        ``reason``, ``loss_witness``, ``slack``. Where the bracket meets numerical trouble, it is
        ``[r_cell, inf]`` with the trouble as its reason.
    """
    X = space.embed(features)
    rows = []
    for k in range(min(max_minima, len(minima.get("minimum", ())))):
        theta = Parametrization(minima["weights"][k], minima["output_weights"][k])
        row: dict[str, Any] = {
            "minimum": int(minima["minimum"][k]),
            "r_low": float(minima["radius"][k]),
            "r_high": np.inf,
            "method_low": "r_cell",
            "method_high": "none found",
            "n_nodes": 0,
            "reason": "",
            "loss_witness": np.nan,
            "slack": np.nan,
        }
        try:
            found = bracket_radius(
                theta, X, target, space=space, budget=budget, seed=seed + int(minima["start"][k])
            )
            row |= {name: getattr(found, name) for name in row if name != "minimum"}
        except NUMERICAL_TROUBLE as error:
            row["reason"] = f"{type(error).__name__}: {error}"
        progress(f"minimum {row['minimum']}: radius in [{row['r_low']:.3g}, {row['r_high']:.3g}]")
        rows.append(row)
    return as_arrays(rows)
