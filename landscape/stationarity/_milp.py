"""A mixed-integer program for many kinks in many dimensions, up to its tolerance."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from landscape.stationarity._convex import violated
from landscape.stationarity._records import Budget, KinkFunction, NeuronCheck, Verdict

__all__ = ["MILP_TOLERANCE", "check_program"]

#: Mixed-integer solvers work with feasibility tolerances of about this size.
MILP_TOLERANCE = 1e-6


def check_program(h: KinkFunction, tolerance: float, budget: Budget, n_rays: int) -> NeuronCheck:
    """Minimize h over the box ‖v‖_inf <= 1 with one binary variable per concave kink."""

    def undecided(reason: str) -> NeuronCheck:
        return NeuronCheck(
            Verdict.UNDECIDED,
            "mixed kinks",
            "budget",
            np.zeros_like(h.gradient),
            tolerance,
            f"{len(h.weights)} mixed kinks in {h.gradient.size} dimensions ({n_rays} rays, budget "
            f"{budget.max_rays}): {reason}",
        )

    if budget.milp_nodes <= 0:
        return undecided("the mixed-integer program is switched off")
    concave = h.weights < 0
    d, q = h.gradient.size, len(h.weights)
    n_concave = int(concave.sum())
    if n_concave > budget.milp_binaries:
        return undecided(f"too many for a mixed-integer program ({n_concave} concave ones)")
    scale = float(np.abs(h.weights).max() * np.abs(h.kinks).sum(axis=1).max())
    sizes = np.abs(h.kinks).sum(axis=1)
    # Variables: v (d), relu values p (q), binaries b (n_concave).
    cost = np.concatenate([h.gradient, h.weights, np.zeros(n_concave)]) / scale
    lower = np.concatenate([-np.ones(d), np.zeros(q + n_concave)])
    upper = np.concatenate([np.ones(d), sizes, np.ones(n_concave)])
    eye = np.eye(q)
    select = np.zeros((q, n_concave))
    select[np.flatnonzero(concave), np.arange(n_concave)] = 1.0
    # Convex: p >= <v, x>. Concave: p <= <v, x> + size (1 - b), p <= size b.
    rise = np.hstack([-h.kinks, eye, np.zeros((q, n_concave))])[~concave]
    cap = np.hstack([-h.kinks, eye, select * sizes[:, None]])[concave]
    switch = np.hstack([np.zeros((q, d)), eye, -select * sizes[:, None]])[concave]
    constraints = [
        LinearConstraint(cap, -np.inf, sizes[concave]),
        LinearConstraint(switch, -np.inf, 0.0),
    ]
    if len(rise):
        constraints.append(LinearConstraint(rise, 0.0, np.inf))
    if len(h.walls):
        walls = np.hstack([h.walls, np.zeros((len(h.walls), q + n_concave))])
        constraints.append(LinearConstraint(walls, 0.0, np.inf))
    options: dict[str, float] = {"node_limit": budget.milp_nodes, "mip_rel_gap": 0.0}
    if budget.milp_seconds > 0:
        options["time_limit"] = budget.milp_seconds
    integrality = np.concatenate([np.zeros(d + q), np.ones(n_concave)])
    result = milp(
        cost,
        integrality=integrality,
        bounds=Bounds(lower, upper),
        constraints=constraints,
        options=options,
    )
    if result.x is not None:
        v = result.x[:d]
        if len(h.walls):
            v = v + np.maximum(0.0, -(h.walls @ v)) @ h.walls
        if float(h(v[None, :])[0]) < -tolerance * max(1.0, float(np.linalg.norm(v))):
            return violated(
                h, "mixed kinks", "milp", v, tolerance, "a mixed-integer program found a descent"
            )
    bound = getattr(result, "mip_dual_bound", None)
    if bound is None or bound < -MILP_TOLERANCE:
        return undecided(f"the mixed-integer program stopped first ({result.message})")
    return NeuronCheck(
        Verdict.HOLDS,
        "mixed kinks",
        "milp",
        np.full(d, min(0.0, float(bound)) * scale / d),
        MILP_TOLERANCE * scale,
        "a mixed-integer program found no descent",
    )
