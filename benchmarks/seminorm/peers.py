"""What the methods are compared with. A peer that cannot run says why and is skipped."""

from __future__ import annotations

import importlib.util
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from landscape.parametrization import Parametrization


@dataclass(frozen=True)
class Outcome:
    """Bounds that a method returned."""

    lower: float
    upper: float


Solver = Callable[[Parametrization, float], Outcome]


def highs(theta: Parametrization, time_limit: float, margin: float = 1e-6) -> Outcome:
    """A mixed-integer program on each facet of a cube, for each coordinate.

    At x = 0 every pattern is feasible: hence the facets, and the margin, which loses thin cells.
    """
    norms = np.abs(theta.weights).max(axis=1)
    rows = theta.weights / norms[:, None]
    products = theta.output_weights[:, None] * theta.weights
    m, d = rows.shape
    total = products.sum(axis=0)
    reach = np.abs(rows).sum(axis=1)
    system = LinearConstraint(
        np.hstack([rows, -np.diag(reach + margin)]), -reach, np.full(m, -margin)
    )
    # What no program is left time for is bounded by its weights' signs alone.
    ceiling = float(np.maximum(products, 0.0).sum(axis=0).max())
    ceiling = max(ceiling, float(-np.minimum(products, 0.0).sum(axis=0).min()))
    lower = upper = 0.0
    start = time.monotonic()
    for facet, j, sign in itertools.product(range(d), range(d), (1.0, -1.0)):
        if time.monotonic() - start > time_limit:
            return Outcome(float(lower), ceiling)
        low = np.concatenate([-np.ones(d), np.zeros(m)])
        low[facet] = 1.0
        result = milp(
            np.concatenate([np.zeros(d), -sign * products[:, j]]),
            constraints=system,
            bounds=Bounds(low, np.ones(d + m)),
            integrality=np.concatenate([np.zeros(d), np.ones(m)]),
            options={"time_limit": time_limit / (2 * d * d), "mip_rel_gap": 0.0},
        )
        bound = getattr(result, "mip_dual_bound", None)
        # The gradients at x and -x add up to `total`.
        gain = max(0.0, -sign * total[j])
        upper = max(upper, ceiling if bound is None else min(ceiling, gain - float(bound)))
        if result.x is not None:
            gradient = (rows @ result.x[:d] > 0) @ products
            lower = max(lower, *np.abs(gradient), *np.abs(total - gradient))
    return Outcome(float(lower), float(max(lower, upper)))


def highs_skip(theta: Parametrization) -> str | None:
    """Why the program is not tried, if it is not."""
    if theta.n_inputs == 2 or theta.n_neurons > 150:
        return "beyond its reach: minutes to hours"
    return None


#: Public tools that need an installation of their own, and what they are called there.
OPTIONAL = {
    "LipMIP": ("lipMIP", "not a package: put its repository and a Gurobi licence on the path"),
    "Gurobi": ("gurobipy", "pip install gurobipy, and a licence beyond 2,000 variables"),
}


def gurobi(theta: Parametrization, time_limit: float, margin: float = 1e-6) -> Outcome:
    """The same program as `highs`, in Gurobi."""
    import gurobipy as gp

    norms = np.abs(theta.weights).max(axis=1)
    rows = theta.weights / norms[:, None]
    products = theta.output_weights[:, None] * theta.weights
    m, d = rows.shape
    total = products.sum(axis=0)
    reach = np.abs(rows).sum(axis=1)
    lower = upper = 0.0
    for facet in range(d):
        for j in range(d):
            model = gp.Model()
            model.Params.OutputFlag = 0
            model.Params.Threads = 1
            model.Params.TimeLimit = time_limit / (2 * d * d)
            x = model.addMVar(d, lb=-1.0, ub=1.0)
            z = model.addMVar(m, vtype="B")
            model.addConstr(x[facet] == 1.0)
            model.addConstr(rows @ x >= -reach + (reach + margin) * z)
            model.addConstr(rows @ x <= -margin + (reach + margin) * z)
            for sense in (gp.GRB.MAXIMIZE, gp.GRB.MINIMIZE):
                model.setObjective(products[:, j] @ z, sense)
                model.optimize()
                upper = max(upper, abs(model.ObjBound), abs(total[j] - model.ObjBound))
                if model.SolCount:
                    gradient = (rows @ x.X > 0) @ products
                    lower = max(lower, *np.abs(gradient), *np.abs(total - gradient))
    return Outcome(float(lower), float(max(lower, upper)))


def available() -> tuple[dict[str, Solver], dict[str, str]]:
    """Peers that can run here, and the reasons of those that cannot."""
    solvers: dict[str, Solver] = {"HiGHS": highs}
    skipped = {}
    for name, (module, hint) in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            skipped[name] = f"not installed ({hint})"
        elif name == "Gurobi":
            solvers[name] = gurobi
        else:
            skipped[name] = "installed, but its interface is not adapted here"
    return solvers, skipped
