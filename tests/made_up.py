"""A study's tables, made up: enough rows for every mark of every figure."""

import numpy as np

from landscape.plots.figures import CONTROLS, KINDS, SOLVERS
from landscape.rows import as_frame
from landscape.tables import TABLES

__all__ = ["drawn_tables", "rows"]


def rows(name, changes):
    """Rows of a table: neutral values, then each of the changes."""
    neutral = {"text": "", "number": 0.0, "integer": 0}
    base = {c.name: neutral[c.type] for c in TABLES[name].columns()}
    base |= dict.fromkeys(base.keys() & {"verdict", "realization", "parameters"}, "undecided")
    made = [{**base, **change} for change in changes]
    return as_frame(TABLES[name], {key: [row[key] for row in made] for key in base})


def drawn_tables():
    """The tables that figures are drawn from."""
    rng = np.random.default_rng(0)
    cells = [
        {"dataset": dataset, "space": space, "neurons": neurons}
        for dataset in ("one", "two")
        for space in ("restricted", "balanced", "unrestricted")
        for neurons in (1, 2)
    ]
    data = [{"dataset": dataset, "neurons": m} for dataset in ("one", "two") for m in (1, 2)]
    here = {"dataset": "one", "neurons": 1}
    return {
        "datasets": rows("datasets", [{"dataset": "one", "loss": "squared"}]),
        "fits": rows(
            "fits",
            [{**c, "start": j, "minimum": j - 1, "loss": rng.random()} for c in cells
             for j in range(5)],
        ),
        "restarts": rows(
            "restarts",
            [{**c, "draws": k, "starts": 5, "minima": k**0.5} for c in cells for k in (1, 2, 5)],
        ),
        "minima": rows(
            "minima",
            [{**c, "minimum": k, "paper_radius": 1e-6 * k, "sharp_radius": 2e-6 * k,
              "rigidity_radius": np.inf if k == 1 else 0.1, "radius": 1e-3, "radius_low": 1e-3,
              "radius_high": np.inf if k == 1 else 0.1,
              "radius_high_method": "falsifier" if k < 2 else ""} for c in cells for k in range(3)],
        ),
        "probes": rows(
            "probes",
            [{**c, "minimum": k, "radius": 10.0**-k, "gap": 1e-3 * k,
              "verdict": "violated" if k else "holds"} for c in data for k in range(2)],
        ),
        "pairs": rows(
            "pairs",
            [{**here, "kind": kind, "pair": k, "seminorm": 10.0**-k, "distance": 10.0 ** (-k / 2),
              "uniform": 10.0**-k} for kind in KINDS for k in range(3)],
        ),
        "runs": rows(
            "runs",
            [{**here, "solver": solver, "start": k, "trained_loss": 1.0 + 10.0**-k, "loss": 1.0,
              "trained_verdict": "violated" if k else "holds"} for solver in SOLVERS
             for k in range(3)],
        ),
        "brackets": rows(
            "brackets",
            [{**here, "space": space, "minimum": k, "certified": 1e-6, "radius_low": 1e-3,
              "radius_high": np.inf if k else 1e-2} for space in ("restricted", "balanced")
             for k in range(3)],
        ),
        "optima": rows(
            "optima",
            [{**c, "global_low": 0.1 * k, "global_high": 0.2} for k, c in enumerate(cells[:3])],
        ),
        "controls": rows(
            "controls",
            [{**here, "kind": kind, "step": k, "distance": 10.0**-k, "gap": 10.0**-k,
              "fibre_distance": 0.5, "verdict": "violated"} for kind in CONTROLS
             for k in range(3)],
        ),
        "converse": rows(
            "converse",
            [{"dataset": d, "neurons": 1, "draw": k, "realization": "holds",
              "parameters": "violated"} for d in ("one", "two") for k in range(3)],
        ),
        "accuracy": rows(
            "accuracy",
            [{**here, "model": model, "neurons": m, "rmse": 2.0, "r_squared": 0.75 * (m > 0),
              "explained": 0.75 * (m > 0), "right": np.nan}
             for model, m in (("mean", 0), ("linear", 0), ("restricted", 1))],
        ),
        "predictions": rows(
            "predictions",
            [{**c, "sample": k, "observed": k, "predicted": k + 0.1, "linear": 1.0, "x": k}
             for c in cells if c["neurons"] == 1 for k in range(3)],
        ),
        "dependence": rows(
            "dependence",
            [{"dataset": "one", "neurons": 1, "minimum": n, "first": "x", "point": k, "x": k,
              "other": np.nan, "value": k * n} for n in range(3) for k in range(4)]
            + [{"dataset": "two", "neurons": 1, "first": "x", "second": "z", "point": k,
                "x": k % 4, "other": k // 4, "value": k} for k in range(16)]
            + [{"dataset": "two", "neurons": 2, "first": name, "point": k, "x": k,
                "other": np.nan, "value": k * (n - 1)} for n, name in enumerate("abc")
               for k in range(4)],
        ),
        "networks": rows(
            "networks",
            [{"dataset": d, "network": f"{v}.npz", "neurons": k + 1, "verdict": v, "loss": 10.0**-k,
              "nearest_loss": 10.0 ** (-k - 0.5), "best_loss": 1e-3, "precision": 4.0 * k,
              "implication": "undecided", "lipschitz": 2.5, "lipschitz_exact": k < 2}
             for d in ("one", "two") for k, v in enumerate(("holds", "violated", "undecided"))],
        ),
        "natural": rows(
            "natural",
            [{**c, "minimum": k, "spare": k, "verdict": ["holds", "violated", "undecided"][k]}
             for c in cells for k in range(3)],
        ),
    }  # fmt: skip
