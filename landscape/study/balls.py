"""Columns of balls in realization space, and the controls' steps as balls; imports no solver."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape.study.columns import Arrays, as_arrays

__all__ = ["NO_ANSWER", "control_balls"]

#: What is known of a ball before it is probed.
NO_ANSWER: dict[str, Any] = {
    "verdict": "undecided",
    "gap": np.nan,
    "lower_bound": np.nan,
    "tolerance": np.nan,
    "distance": np.nan,
    "n_cuts": 0,
    "regime": "",
    "reason": "",
}


def control_balls(controls: Arrays) -> Arrays:
    """The steps of the control C.1, as balls with better realizations in them.

    Parameters
    ----------
    controls : dict of arrays
        From :func:`landscape.study.controls.control_rows`.

    Returns
    -------
    dict of arrays, one entry per step
        The columns of :func:`landscape.study.probes.probe_minima` with the ball ``"control C.1"``,
        its radius the distance, and ``parameter_distance`` (lower bound for every parametrization
        of the better realization).
    """
    kept = ("minimum", "distance", "gap", "tolerance", "verdict", "reason", "parameter_distance")
    rows = []
    for k in np.flatnonzero(controls.get("kind", np.array([])) == "C.1"):
        own = {name: controls[name][k] for name in kept}
        rows.append({**NO_ANSWER, "ball": "control C.1", "radius": own["distance"], **own})
    return as_arrays(rows)
