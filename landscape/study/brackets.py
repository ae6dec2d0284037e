"""Brackets of the realization radius of minima, by exchanging neurons beyond the rigid regime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.probe import ExchangeBudget, search_ball
from landscape.spaces import BalancedSpace
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays
from landscape.study.controls import within_space
from landscape.study.starts import generator

__all__ = ["bracket_rows"]


def bracket_rows(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    minima: Arrays,
    *,
    space: BalancedSpace,
    dataset: str,
    seed: int,
    n_neurons: int,
    max_minima: int,
    factor: float = 3.0,
    budget: ExchangeBudget | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Search balls of ``factor`` times ``min_i ‖u_i‖`` around the first minima of the space.

    Returns
    -------
    dict of arrays, one entry per minimum
        ``minimum``, ``smallest`` (``min_i ‖u_i‖``), ``certified`` (r²/8), ``radius`` (searched
        up to), ``radius_low``, ``radius_high`` (inf if nothing was found), ``reason_low``,
        ``distance`` (exact, of the witness), ``gap``, ``tolerance``, ``n_exchanged``, ``source``,
        ``n_programs``, ``n_witnesses``, ``weights``, ``output_weights`` (the witness, nan if
        none), ``reason``.
    """
    X = space.embed(features)
    inside = within_space(minima)
    networks = {
        k: Parametrization(minima["weights"][k], minima["output_weights"][k]) for k in inside
    }
    rows = []
    for k in inside[:max_minima]:
        theta = networks[k]
        smallest = float(max_norms(theta.products).min())
        certified = float(minima["radius"][k])
        row: dict[str, Any] = {
            "minimum": int(minima["minimum"][k]),
            "smallest": smallest,
            "certified": certified**2 / 8,
            "radius": factor * smallest,
            "radius_low": 0.0,
            "radius_high": np.inf,
            "reason_low": "none",
            "distance": np.nan,
            "gap": 0.0,
            "tolerance": 0.0,
            "n_exchanged": 0,
            "source": "",
            "n_programs": 0,
            "n_witnesses": 0,
            "weights": np.full(theta.weights.shape, np.nan),
            "output_weights": np.full(theta.n_neurons, np.nan),
            "reason": "",
        }
        try:
            found = search_ball(
                theta,
                X,
                target,
                radius=factor * smallest,
                space=space,
                rng=generator(seed, dataset, n_neurons, int(minima["start"][k]), 9),
                minima=[other for j, other in networks.items() if j != k],
                certified_radius=certified if np.isfinite(certified) else 0.0,
                budget=budget,
            )
            for name in ("radius_low", "radius_high", "reason_low", "distance", "gap"):
                row[name] = getattr(found, name)
            for name in ("tolerance", "source", "n_programs", "n_witnesses"):
                row[name] = getattr(found, name)
            row["n_exchanged"] = len(found.exchanged)
            if found.witness is not None:
                row["weights"] = found.witness.weights
                row["output_weights"] = found.witness.output_weights
        except NUMERICAL_TROUBLE as error:
            row["reason"] = f"{type(error).__name__}: {error}"
        low, high = row["radius_low"], row["radius_high"]
        progress(f"minimum {row['minimum']}: realization radius in [{low:.3g}, {high:.3g}]")
        rows.append(row)
    return as_arrays(rows)
