"""Is ``h(v) = <g, v> + sum_k w_k relu(<v, x_k>) >= 0`` on a cone? Decided over the rationals.

The same question as in :mod:`landscape.stationarity`, without a tolerance: floating-point numbers
only *propose* multipliers, and what is proposed is completed and checked exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np
from scipy.optimize import linprog

from landscape.exact import Vector, dot, null_basis, reduce_rows, solve
from landscape.rational_check._transfers import have_transfers

__all__ = ["ConeAnswer", "ConeBudget", "is_nonnegative"]

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class ConeBudget:
    """How much exact work a neuron may take before it counts as not proved.

    Attributes
    ----------
    max_choices : int
        Choices of active concave kinks.
    max_rays : int
        Rays of the kink arrangement.
    max_simplex : int
        Columns of an exact linear program.
    max_transfers : int
        Pairs of a convex and a concave kink for multipliers that follow the choice.
    """

    max_choices: int = 256
    max_rays: int = 4000
    max_simplex: int = 60
    max_transfers: int = 2000


@dataclass(frozen=True)
class ConeAnswer:
    """Whether h is non-negative: True, False, or None (beyond the budget), with the reason.

    ``multipliers`` are those of the merged kinks where h is convex; they can be checked by anyone.
    """

    holds: bool | None
    reason: str
    multipliers: tuple[Fraction, ...] = ()


def is_nonnegative(
    gradient: Sequence[Fraction],
    kinks: Sequence[Vector],
    weights: Sequence[Fraction],
    bounds: Sequence[Vector],
    budget: ConeBudget,
) -> ConeAnswer:
    """Decide whether h(v) >= 0 for all v with ``<bound, v> >= 0`` for all bounds."""
    g, kinks, weights = merge(gradient, kinks, weights)
    concave = [k for k, w in enumerate(weights) if w < 0]
    if not concave:
        return _convex(g, kinks, weights, bounds, budget)
    rank = len(reduce_rows([*kinks, *bounds])[1])
    n_rays = 2 * comb(len(kinks) + len(bounds), rank - 1)
    if n_rays <= min(budget.max_rays, 2 ** min(len(concave), 60)):
        return _rays(g, kinks, weights, bounds, n_rays)
    if 2 ** len(concave) <= budget.max_choices:
        return _choices(g, kinks, weights, bounds, budget)
    if n_rays <= budget.max_rays:
        return _rays(g, kinks, weights, bounds, n_rays)
    n_pairs = len(concave) * (len(kinks) - len(concave))
    if n_pairs <= budget.max_transfers and have_transfers(g, kinks, weights, bounds):
        return ConeAnswer(
            True, f"the {len(concave)} concave kinks are compensated by the convex ones"
        )
    return ConeAnswer(
        None, f"{len(concave)} concave kinks, {n_rays} rays: beyond the budget of exact checks"
    )


def merge(
    gradient: Sequence[Fraction], kinks: Sequence[Vector], weights: Sequence[Fraction]
) -> tuple[list[Fraction], list[Vector], list[Fraction]]:
    """One kink per line, by ``relu(t z) = t relu(z)`` for t > 0 and ``relu(-z) = relu(z) - z``.

    The normals have leading entry 1.
    Lines whose weights cancel are left out.
    """
    g = list(gradient)
    sums: dict[Vector, Fraction] = {}
    for x, w in zip(kinks, weights, strict=True):
        lead = next((p for p in x if p), None)
        if lead is None:
            continue
        unit = tuple(p / lead for p in x)
        sums[unit] = sums.get(unit, ZERO) + w * abs(lead)
        if lead < 0:
            g = [p + w * q for p, q in zip(g, x, strict=True)]
    kept = [(x, w) for x, w in sums.items() if w]
    return g, [x for x, _ in kept], [w for _, w in kept]


def _convex(
    g: list[Fraction],
    kinks: list[Vector],
    weights: list[Fraction],
    bounds: Sequence[Vector],
    budget: ConeBudget,
) -> ConeAnswer:
    """Multipliers: ``g + sum_k w_k l_k x_k - sum_j m_j bound_j = 0``, 0 <= l <= 1, m >= 0."""
    columns = [tuple(w * p for p in x) for x, w in zip(kinks, weights, strict=True)]
    columns += [tuple(-p for p in bound) for bound in bounds]
    if not any(g):
        return ConeAnswer(True, "the gradient is exactly 0", (ZERO,) * len(kinks))
    if not columns:
        return ConeAnswer(False, "the gradient is not exactly 0")
    upper: list[Fraction | None] = [ONE] * len(kinks) + [None] * len(bounds)
    found = _complete(g, columns, upper)
    if found is None and len(columns) <= budget.max_simplex:
        found = _simplex(columns, [-p for p in g], upper)
        if found is None:
            return ConeAnswer(False, "no multipliers: an exact linear program is infeasible")
    if found is None:
        return ConeAnswer(None, f"multipliers of {len(columns)} columns: beyond the budget")
    return ConeAnswer(True, "multipliers in [0, 1]", tuple(found[: len(kinks)]))


def _complete(
    g: list[Fraction], columns: list[Vector], upper: list[Fraction | None]
) -> list[Fraction] | None:
    """Multipliers from a floating-point proposal, solved exactly on a basis of the columns."""
    proposal = _propose(g, columns, upper)
    slack = [
        min(p, 1 - p) if top is not None else p for p, top in zip(proposal, upper, strict=True)
    ]
    order = sorted(range(len(columns)), key=lambda j: -slack[j])
    rows = [[columns[j][i] for j in order] for i in range(len(g))]
    _, pivots = reduce_rows(rows)
    basis = [order[p] for p in pivots]
    values = [Fraction(float(p)) for p in proposal]
    right = [
        -p - sum((columns[j][i] * values[j] for j in range(len(columns)) if j not in basis), ZERO)
        for i, p in enumerate(g)
    ]
    solved = solve([[columns[j][i] for j in basis] for i in range(len(g))], right)
    if solved is None:
        return None
    for j, value in zip(basis, solved, strict=True):
        values[j] = value
    inside = all(
        value >= 0 and (top is None or value <= top)
        for value, top in zip(values, upper, strict=True)
    )
    return values if inside else None


def _propose(g: list[Fraction], columns: list[Vector], upper: list[Fraction | None]) -> list[float]:
    """Multipliers as far inside their bounds as possible, up to rounding; any are allowed."""
    matrix = np.array([[float(p) for p in column] for column in columns]).T
    right = -np.array([float(p) for p in g])
    size = np.abs(matrix).max(axis=0)
    scale = max(float(np.abs(right).max()), 1e-300)
    n = matrix.shape[1]
    tops = np.array([1.0 if top is not None else np.inf for top in upper])
    # Variables l and the margin t: t <= l <= 1 - t.
    bounded = np.isfinite(tops)
    slack = np.vstack(
        [
            np.column_stack([-np.eye(n), np.ones(n)]),
            np.column_stack([np.eye(n)[bounded], np.ones(int(bounded.sum()))]),
        ]
    )
    limits = np.concatenate([np.zeros(n), np.ones(int(bounded.sum()))])
    with np.errstate(all="ignore"):
        result = linprog(
            np.append(np.zeros(n), -1.0),
            A_ub=slack,
            b_ub=limits,
            A_eq=np.column_stack([matrix, np.zeros(len(right))]) / scale,
            b_eq=right / scale,
            bounds=[(0, None if not b else 1) for b in bounded] + [(0, 1)],
            method="highs",
        )
    if result.x is None or not (size > 0).all():
        solved = np.linalg.lstsq(matrix, right, rcond=None)[0]
        return [float(p) for p in np.clip(solved, 0.0, tops)]
    return [float(p) for p in np.clip(result.x[:n], 0.0, tops)]


def _simplex(
    columns: list[Vector], right: list[Fraction], upper: list[Fraction | None]
) -> list[Fraction] | None:
    """A solution of ``sum_j l_j columns_j = right`` within the bounds: phase one, Bland's rule."""
    n, d = len(columns), len(right)
    bounded = [j for j, top in enumerate(upper) if top is not None]
    rows = [[column[i] for column in columns] + [ZERO] * len(bounded) for i in range(d)]
    sides = list(right)
    for at, j in enumerate(bounded):  # l_j + slack_j = upper_j
        row = [ZERO] * (n + len(bounded))
        row[j] = row[n + at] = ONE
        rows.append(row)
        sides.append(upper[j] or ONE)
    rows = [[-p for p in row] if b < 0 else row for row, b in zip(rows, sides, strict=True)]
    table = [[*row, abs(b)] for row, b in zip(rows, sides, strict=True)]
    width = n + len(bounded)
    costs = [-sum((row[j] for row in table), ZERO) for j in range(width + 1)]
    basis = [width + i for i in range(len(table))]  # artificial variables, not stored
    while True:
        enter = next((j for j in range(width) if costs[j] < 0), None)
        if enter is None:
            break
        ratios = [
            (row[-1] / row[enter], basis[i], i) for i, row in enumerate(table) if row[enter] > 0
        ]
        if not ratios:
            break
        _, _, leave = min(ratios)
        head = table[leave][enter]
        table[leave] = [p / head for p in table[leave]]
        for i, row in enumerate(table):
            if i != leave and row[enter]:
                factor = row[enter]
                table[i] = [p - factor * q for p, q in zip(row, table[leave], strict=True)]
        factor = costs[enter]
        costs = [p - factor * q for p, q in zip(costs, table[leave], strict=True)]
        basis[leave] = enter
    if any(row[-1] for row, j in zip(table, basis, strict=True) if j >= width):
        return None
    values = [ZERO] * n
    for row, j in zip(table, basis, strict=True):
        if j < n:
            values[j] = row[-1]
    return values


def _choices(
    g: list[Fraction],
    kinks: list[Vector],
    weights: list[Fraction],
    bounds: Sequence[Vector],
    budget: ConeBudget,
) -> ConeAnswer:
    """``-|w| relu(z) = min_{t in {0, 1}} -|w| t z``: h >= 0 iff all the convex functions are."""
    concave = [k for k, w in enumerate(weights) if w < 0]
    convex = [k for k, w in enumerate(weights) if w > 0]
    for choice in product((0, 1), repeat=len(concave)):
        chosen = list(g)
        for t, k in zip(choice, concave, strict=True):
            if t:
                chosen = [p + weights[k] * q for p, q in zip(chosen, kinks[k], strict=True)]
        answer = _convex(
            chosen, [kinks[k] for k in convex], [weights[k] for k in convex], bounds, budget
        )
        if not answer.holds:
            return ConeAnswer(answer.holds, f"a choice of concave kinks: {answer.reason}")
    return ConeAnswer(True, f"all {2 ** len(concave)} choices of active concave kinks")


def _rays(
    g: list[Fraction],
    kinks: list[Vector],
    weights: list[Fraction],
    bounds: Sequence[Vector],
    n_rays: int,
) -> ConeAnswer:
    """As h is linear on the cells of its kinks' arrangement, its rays decide."""
    rows = [*kinks, *bounds]
    reduced, pivots = reduce_rows(rows)
    lineality, _ = null_basis(reduced, pivots, len(g))
    if any(dot(g, v) for v in lineality):
        return ConeAnswer(False, "h falls along a direction of no kink")
    # The pivot coordinates span a complement of the lineality space, along which h is constant.
    rows = [tuple(row[j] for j in pivots) for row in rows]
    g = [g[j] for j in pivots]
    kinks, bounds = rows[: len(kinks)], rows[len(kinks) :]
    for subset in combinations(rows, len(pivots) - 1):
        ray = _normal(subset, len(pivots))
        if ray is None:
            continue
        for v in (ray, tuple(-p for p in ray)):
            if any(dot(bound, v) < 0 for bound in bounds):
                continue
            heights = [dot(x, v) for x in kinks]
            slope = dot(g, v) + sum(
                (w * z for w, z in zip(weights, heights, strict=True) if z > 0), ZERO
            )
            if slope < 0:
                return ConeAnswer(False, "h falls along a ray of its kinks")
    return ConeAnswer(True, f"all {n_rays} rays of the kinks")


def _normal(rows: Sequence[Vector], width: int) -> Vector | None:
    """The line orthogonal to ``width - 1`` independent rows; None for dependent ones."""
    if width == 2:
        p, q = rows[0]
        return (-q, p) if p or q else None
    reduced, pivots = reduce_rows(rows)
    if len(pivots) < width - 1:
        return None
    return null_basis(reduced, pivots, width)[0][0]
