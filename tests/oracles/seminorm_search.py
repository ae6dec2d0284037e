"""The seminorm by two searches that share no code with `landscape.seminorm`.

`by_cells` decides every sign vector with linear programs, prefix by prefix; `by_milp` is a
mixed-integer program on the facets of a cube. Both take what they are given literally: no merging,
no rank reduction. They work on rows scaled to max-norm one.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

FAR = 1e9


def _scaled(weights: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of max-norm one and products; zero rows are dropped."""
    norms = np.abs(weights).max(axis=1)
    keep = norms > 0
    rows = weights[keep] / norms[keep, None]
    return rows, rows * (norms[keep] * outputs[keep])[:, None]


def _inside(signed: np.ndarray) -> np.ndarray | None:
    """Some x, not too far, with ``signed @ x >= 1``."""
    d = signed.shape[1]
    result = linprog(
        np.zeros(d),
        A_ub=-signed,
        b_ub=-np.ones(len(signed)),
        bounds=[(-FAR, FAR)] * d,
        method="highs",
    )
    return result.x if result.status == 0 else None


def by_cells(weights: np.ndarray, outputs: np.ndarray) -> tuple[float, int]:
    """The seminorm and the number of cells, by linear programs; for about 12 neurons."""
    rows, products = _scaled(weights, outputs)
    m = len(rows)
    if m == 0:
        return 0.0, 1
    # Cells come in antipodal pairs: the first sign can be fixed.
    cells = [(np.array([1.0]), rows[0])]
    for i in range(1, m):
        longer = []
        for signs, x in cells:
            for side in (1.0, -1.0):
                extended = np.append(signs, side)
                signed = extended[:, None] * rows[: i + 1]
                # The point that is known is clearly on one side, or another one is sought.
                values = signed @ x / np.abs(x).max()
                point = x if values.min() > 1e-6 else _inside(signed)
                if point is not None:
                    longer.append((extended, point))
        cells = longer
    active = np.array([signs for signs, _ in cells]) > 0
    gradients = np.vstack([active, ~active]).astype(float) @ products
    return float(np.abs(gradients).max()), 2 * len(cells)


def by_milp(
    weights: np.ndarray, outputs: np.ndarray, *, margin: float = 1e-5, time_limit: float = 60.0
) -> tuple[float, float]:
    """Bounds of the seminorm among cells that are not thinner than the margin.

    At x = 0 every pattern is feasible, so x runs over the facets of the cube, and strict
    inequalities need the margin: thinner cells are missed. The lower bound is recomputed from the
    pattern at the solver's x.
    """
    rows, products = _scaled(weights, outputs)
    m, d = rows.shape
    reach = np.abs(rows).sum(axis=1)
    total = products.sum(axis=0)
    lower, upper = 0.0, 0.0
    for facet in range(d):
        # z_i = 1: <row_i, x> >= margin; z_i = 0: <row_i, x> <= -margin. One of two opposite
        # facets is enough: the gradients at x and -x add up to `total`.
        left = np.hstack([rows, -np.diag(reach + margin)])
        system = LinearConstraint(left, -reach, np.full(m, -margin))
        low = np.concatenate([-np.ones(d), np.zeros(m)])
        high = np.ones(d + m)
        low[facet] = 1.0
        for j in range(d):
            for sign in (1.0, -1.0):
                # What this program's gradient can contribute, there or at the antipode; only
                # what is not worse than the best cell so far is sought.
                gain = max(0.0, -sign * total[j])
                objective = np.concatenate([np.zeros(d), sign * products[:, j]])
                better = LinearConstraint(objective[None, :], lower - gain, np.inf)
                result = milp(
                    -objective,
                    constraints=[system, better],
                    bounds=Bounds(low, high),
                    integrality=np.concatenate([np.zeros(d), np.ones(m)]),
                    options={"time_limit": time_limit, "mip_rel_gap": 0.0},
                )
                if result.status == 2:  # infeasible: no better cell here
                    continue
                if result.x is not None:
                    gradient = (rows @ result.x[:d] > 0).astype(float) @ products
                    lower = max(lower, *np.abs(gradient), *np.abs(total - gradient))
                bound = getattr(result, "mip_dual_bound", None)
                upper = max(upper, np.inf if bound is None else gain - float(bound))
    return lower, max(lower, upper)
