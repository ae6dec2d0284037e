"""Multipliers that follow the choice of active concave kinks, completed and checked exactly.

``-|w| relu(z) = min_{t in [0, 1]} -|w| t z``: h >= 0 if for all t at once the convex kinks have
multipliers ``base + share t`` in [0, 1] (the bounds: >= 0) with ``g + sum_k t_k w_k x_k + sum_j
(base + share t)_j columns_j = 0``. A floating-point linear program proposes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from landscape.exact import Vector, dot, reduce_rows

__all__ = ["have_transfers"]

ZERO = Fraction(0)


def have_transfers(
    g: Sequence[Fraction],
    kinks: Sequence[Vector],
    weights: Sequence[Fraction],
    bounds: Sequence[Vector],
) -> bool:
    """Whether such multipliers were found; False decides nothing."""
    columns = [tuple(w * p for p in x) for x, w in zip(kinks, weights, strict=True) if w > 0]
    n_kinks = len(columns)
    columns += [tuple(-p for p in bound) for bound in bounds]
    targets = [tuple(-p for p in g)]
    targets += [tuple(-w * p for p in x) for x, w in zip(kinks, weights, strict=True) if w < 0]
    if not columns:
        return False
    proposal = _proposed(columns, targets, n_kinks)
    if proposal is None:
        return False
    inside = _least(proposal, n_kinks)
    order = sorted(range(len(columns)), key=lambda j: -inside[j])
    # A basis of the columns farthest inside their limits, moved so that the equations hold exactly.
    _, pivots = reduce_rows([[columns[j][i] for j in order] for i in range(len(g))])
    basis = [order[p] for p in pivots]
    values = [[Fraction(float(p)) for p in row] for row in proposal]
    fixed = [j for j in range(len(columns)) if j not in basis]
    rows = []
    for i in range(len(g)):
        rest = [
            target[i] - dot([columns[j][i] for j in fixed], [values[j][k] for j in fixed])
            for k, target in enumerate(targets)
        ]
        rows.append([columns[j][i] for j in basis] + rest)
    reduced, pivots = reduce_rows(rows)
    if pivots != list(range(len(basis))):
        return False  # a target is outside of the columns' span
    for j, row in zip(basis, reduced, strict=True):
        values[j] = list(row[len(basis) :])
    return all(
        row[0] + sum((min(p, ZERO) for p in row[1:]), ZERO) >= 0
        and (j >= n_kinks or row[0] + sum((max(p, ZERO) for p in row[1:]), ZERO) <= 1)
        for j, row in enumerate(values)
    )


def _least(values: np.ndarray, n_kinks: int) -> list[float]:
    """How far each row is inside its bounds for the worst t."""
    low = values[:, 0] + np.minimum(values[:, 1:], 0.0).sum(axis=1)
    high = 1.0 - values[:, 0] - np.maximum(values[:, 1:], 0.0).sum(axis=1)
    high[n_kinks:] = np.inf
    return [float(p) for p in np.minimum(low, high)]


def _proposed(
    columns: Sequence[Vector], targets: Sequence[Vector], n_kinks: int
) -> np.ndarray | None:
    """``[base, share]`` as far inside the bounds as possible, up to rounding."""
    matrix = np.array([[float(p) for p in column] for column in columns]).T
    right = np.array([[float(p) for p in target] for target in targets]).T
    scale = max(float(np.abs(right).max()), float(np.abs(matrix).max()))
    (d, q), c = matrix.shape, right.shape[1] - 1
    size = q + 2 * q * c + 1
    equal = np.zeros((d * (c + 1), size))
    equal[:d, :q] = matrix
    bounds = np.zeros((q + n_kinks, size))
    bounds[:, -1] = 1.0
    bounds[np.arange(q), np.arange(q)] = -1.0
    bounds[q + np.arange(n_kinks), np.arange(n_kinks)] = 1.0
    for k in range(c):
        rise, fall = q + k * q, q + (c + k) * q
        equal[d * (k + 1) : d * (k + 2), rise : rise + q] = matrix
        equal[d * (k + 1) : d * (k + 2), fall : fall + q] = -matrix
        bounds[np.arange(q), fall + np.arange(q)] = 1.0
        bounds[q + np.arange(n_kinks), rise + np.arange(n_kinks)] = 1.0
    with np.errstate(all="ignore"):
        result = linprog(
            np.append(np.zeros(size - 1), -1.0),
            A_ub=bounds,
            b_ub=np.append(np.zeros(q), np.ones(n_kinks)),
            A_eq=equal / scale,
            b_eq=right.T.ravel() / scale,
            bounds=[(0, None)] * (size - 1) + [(-1, 0.5)],
            method="highs",
        )
    if result.x is None:
        return None
    parts = result.x[q:-1].reshape(2, c, q)
    return np.column_stack([result.x[:q], (parts[0] - parts[1]).T])
