"""A study's tables, made up: enough rows for every mark of every figure."""

import numpy as np

from landscape.plots import PAIRS
from landscape.plots.experiments import CONTROLS, KINDS, SOLVERS
from landscape.tables import TABLES
from landscape.tables.files import shape_frame

__all__ = ["drawn_tables", "rows"]


def rows(name, changes):
    """Rows of a table: neutral values, then each of the changes."""
    neutral = {"text": "", "number": 0.0, "integer": 0}
    table = TABLES[name]
    base = {column.name: neutral[column.type] for column in table.columns}
    return shape_frame(table, [{**base, **change} for change in changes])


def drawn_tables():
    """The tables that figures are drawn from."""
    rng = np.random.default_rng(0)
    cells = [
        {"dataset": dataset, "space": space, "neurons": neurons}
        for dataset in ("one", "two")
        for space in ("restricted", "balanced", "unrestricted")
        for neurons in (1, 2)
    ]
    steps = [("paper", 0), ("notes", 0), ("rigid", 0), ("control C.1", 0), ("control C.1", 1)]
    return {
        "fits": rows(
            "fits",
            [{**c, "start": j, "minimum": j - 1, "loss": rng.random()} for c in cells
             for j in range(5)],
        ),
        "minima": rows(
            "minima",
            [{**c, "minimum": k, "paper_radius": 1e-6 * k, "notes_radius": 2e-6 * k,
              "rigidity_radius": np.inf if k == 1 else 0.1, "radius": 1e-3, "radius_low": 1e-3,
              "radius_high": np.inf if k == 1 else 0.1,
              "radius_high_method": "falsifier" if k < 2 else ""} for c in cells for k in range(3)],
        ),
        "probes": rows(
            "probes",
            [{**c, "ball": ball, "step": step, "radius": 10.0**-step, "gap": 1e-3 * (step + 1),
              "verdict": "violated" if step else "holds"} for c in cells for ball, step in steps],
        ),
        "pairs": rows(
            "pairs",
            [{"dataset": "one", "neurons": 1, "kind": kind, "pair": k, "seminorm": 10.0**-k,
              "distance": 10.0 ** (-k / 2)} for kind in PAIRS for k in range(3)],
        ),
        "runs": rows(
            "runs",
            [{"dataset": "one", "neurons": 1, "solver": solver, "start": k,
              "trained_loss": 1.0 + 10.0**-k, "loss": 1.0,
              "trained_verdict": "violated" if k else "holds"} for solver in SOLVERS
             for k in range(3)],
        ),
        "brackets": rows(
            "brackets",
            [{"dataset": "one", "neurons": 1, "minimum": k, "certified": 1e-6, "radius_low": 1e-3,
              "radius_high": np.inf if k else 1e-2} for k in range(3)],
        ),
        "controls": rows(
            "controls",
            [{"dataset": "one", "neurons": 1, "kind": kind, "step": k, "distance": 10.0**-k,
              "gap": 10.0**-k, "fibre_distance": 0.5, "verdict": "violated"} for kind in CONTROLS
             for k in range(3)],
        ),
        "converse": rows(
            "converse",
            [{"dataset": d, "neurons": 1, "draw": k, "realization": "holds",
              "parameters": "violated"} for d in ("one", "two") for k in range(3)],
        ),
        "natural": rows(
            "natural",
            [{**c, "minimum": k, "spare": k, "verdict": ["holds", "violated", "undecided"][k]}
             for c in cells for k in range(3)],
        ),
        "stability": rows(
            "stability",
            [{"dataset": "one", "neurons": 1, "kind": kind, "pair": k, "seminorm": 10.0**-k,
              "distance": 10.0 ** (-k / 2), "uniform": 10.0**-k} for kind in KINDS
             for k in range(3)],
        ),
    }  # fmt: skip
