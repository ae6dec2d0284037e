"""Losses with a kink, in rationals: derivatives of the samples that lie on it (Theorem 29).

A linear program proposes them, with multipliers of the neurons' kinks and of bounds; a basis of
what lies inside its limits is solved for exactly. Whether they pass the test is decided elsewhere.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.exact import dot, reduce_rows, solve

Exact = NDArray[np.object_]
Mask = NDArray[np.bool_]

ZERO = Fraction(0)
#: Proposals as near to their ends as this are there.
NEAR_END = 1e-9


def choose_slopes(
    X: Exact,
    signs: Exact,
    active: Mask,
    kinks: Mask,
    column: Exact | None,
    s: Exact,
    bent: Mask,
    pieces: Exact,
    bounds: tuple[Mask, Mask],
) -> Exact | None:
    """Half slopes of the samples on their kinks (others 0), so that conditions hold; or None.

    Unknowns are these, multipliers of pairs on neurons' kinks, and of lower and upper bounds.
    """
    (n, m), d = active.shape, X.shape[1]
    nothing = np.full(m * d + 1, ZERO, dtype=object)
    columns: list[list[Fraction]] = []
    ends: list[tuple[Fraction | None, Fraction | None]] = []
    on = [int(k) for k in np.flatnonzero(bent)]
    for k in on:
        one = nothing.copy()
        one[:-1] = ((signs * active[k])[:, None] * X[k]).ravel()
        one[-1] = ZERO if column is None else column[k]
        columns.append(one.tolist())
        ends.append((pieces[k, 1], pieces[k, 2]))
    for k, i in np.argwhere(kinks):
        one = nothing.copy()
        one[i * d : (i + 1) * d] = X[k]
        columns.append(one.tolist())
        low, high = pieces[k, 1:] if bent[k] else (s[k], s[k])
        far = sorted((ZERO, signs[i] * low, signs[i] * high))
        ends.append((far[0], far[-1]))
    for mask, sign in zip(bounds, (-1, 1), strict=True):
        for i, j in np.argwhere(mask):
            one = nothing.copy()
            one[i * d + j] = Fraction(sign)
            columns.append(one.tolist())
            ends.append((ZERO, None))
    right = nothing.copy()
    right[:-1] = -((signs[:, None] * (s * active.T)) @ X).ravel()
    right[-1] = ZERO if column is None else -(s @ column)
    values = _solution(columns, right.tolist(), ends)
    chosen = np.full(n, ZERO, dtype=object)
    if values is None:
        return None
    for k, value in zip(on, values, strict=False):
        if not pieces[k, 1] <= value <= pieces[k, 2]:
            return None
        chosen[k] = value
    return chosen


def _solution(
    columns: list[list[Fraction]],
    right: list[Fraction],
    ends: list[tuple[Fraction | None, Fraction | None]],
) -> list[Fraction] | None:
    """A solution of ``sum_j x_j columns_j = right`` near to one within the ends; None without any.

    What is inside of its ends is solved for; the rest is at an end, or where the program has it.
    """
    if not columns:
        return None if any(right) else []
    table = np.array([[float(p) for p in column] for column in columns]).T
    sizes = np.abs(table).max(axis=1, initial=0.0)
    sizes[sizes == 0] = 1.0
    goal = np.array([float(p) for p in right]) / sizes
    limits = [tuple(None if p is None else float(p) for p in pair) for pair in ends]
    found = linprog(np.zeros(len(columns)), A_eq=table / sizes[:, None], b_eq=goal, bounds=limits)
    if found.x is None:
        return None
    values, inside = [], []
    for x, (low, high) in zip(found.x.tolist(), ends, strict=True):
        gaps = [abs(x - float(p)) for p in (low, high) if p is not None]
        inside.append(min(gaps, default=np.inf))
        near = [p for p in (low, high) if p is not None and abs(x - float(p)) <= NEAR_END]
        values.append(near[0] if near else Fraction(x))
    order = sorted(range(len(columns)), key=lambda j: -inside[j])
    rows: list[Any] = list(zip(*columns, strict=True))
    basis = [order[p] for p in reduce_rows([[row[j] for j in order] for row in rows])[1]]
    others = [j for j in range(len(columns)) if j not in basis]
    rest = [
        p - dot([row[j] for j in others], [values[j] for j in others])
        for p, row in zip(right, rows, strict=True)
    ]
    solved = solve([[row[j] for j in basis] for row in rows], rest)
    if solved is None:
        return None
    for j, value in zip(basis, solved, strict=True):
        values[j] = value
    return values
