"""Balls in realization space around certified minima (Proposition 1.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.spaces import Space
from landscape.study.balls import NO_ANSWER
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays

__all__ = ["probe_minima", "radii"]


def radii(radius: float, rigidity: float, rigid_fraction: float) -> dict[str, float]:
    """Radii of the balls that are probed around a minimum.

    Parameters
    ----------
    radius : float
        Certified radius r in parameter space.
    rigidity : float
        ``min_i ‖u_i‖ / 2``: in smaller balls only the scales of the neurons are free (notes 10).
    rigid_fraction : float
        Share of it to probe.

    Examples
    --------
    >>> radii(2.0, 0.5, 0.9)
    {'paper': 0.25, 'notes': 0.5, 'rigid': 0.45}
    """
    return {
        "paper": radius**2 / 16,
        "notes": radius**2 / 8,
        "rigid": rigid_fraction * rigidity,
    }


def probe_minima(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    minima: Arrays,
    *,
    space: Space,
    rigid_fraction: float,
    max_minima: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Probe the balls around the first ``max_minima`` distinct minima that lie in the space.

    Returns
    -------
    dict of arrays, one entry per ball
        ``minimum``, ``ball`` ("paper", "notes" or "rigid"), ``radius``, and the fields of the
        probe.
    """
    X = space.embed(features)
    rows = []
    for k in _within_space(minima, max_minima):
        theta = Parametrization(minima["weights"][k], minima["output_weights"][k])
        r, rigidity = float(minima["radius"][k]), rigidity_radius(theta)
        for ball, radius in radii(r, rigidity, rigid_fraction).items():
            row = {
                "minimum": int(minima["minimum"][k]),
                "ball": ball,
                "radius": radius,
                **NO_ANSWER,
            }
            try:
                probe = probe_realization(theta, X, target, radius=radius, space=space)
                row |= {
                    "verdict": probe.verdict.value,
                    "gap": probe.gap,
                    "lower_bound": probe.lower_bound,
                    "tolerance": probe.tolerance,
                    "distance": probe.distance,
                    "n_cuts": probe.n_cuts,
                    "regime": probe.regime,
                    "reason": probe.reason,
                }
            except NUMERICAL_TROUBLE as error:
                row["reason"] = f"{type(error).__name__}: {error}"
            rows.append(row)
        verdicts = " ".join(row["verdict"] for row in rows[-3:])
        progress(f"minimum {minima['minimum'][k]}: {verdicts}")
    return as_arrays(rows)


def _within_space(minima: Arrays, limit: int) -> list[int]:
    """Positions of the first minima that keep every condition of their space."""
    inside = [k for k, text in enumerate(minima.get("violations", ())) if not text]
    return inside[:limit]
