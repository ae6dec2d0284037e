"""Is ``h(v) = <g, v> + sum_k w_k relu(<v, x_k>) >= 0`` on a cone? Decided over the rationals.

The same question as in :mod:`landscape.stationarity`, without a tolerance: floating-point numbers
only *propose* multipliers, and what is proposed is completed and checked exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import comb

import numpy as np

from landscape.exact import Vector, dot, normal_line, null_basis, reduce_rows
from landscape.stationarity import propose_multipliers

ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class ConeBudget:
    """How much exact work a neuron may take before it counts as not proved."""

    max_choices: int = 256  #: Choices of active concave kinks.
    max_rays: int = 4000  #: Rays of the kink arrangement.
    max_simplex: int = 60  #: Columns of an exact linear program.
    #: Pairs of a convex and a concave kink for multipliers that follow the choice.
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
    convex = [_times(w, x) for x, w in zip(kinks, weights, strict=True) if w > 0]
    concave = [_times(w, x) for x, w in zip(kinks, weights, strict=True) if w < 0]
    if not concave:
        return _convex(g, convex, bounds, budget)
    rank = len(reduce_rows([*kinks, *bounds])[1])
    n_rays = 2 * comb(len(kinks) + len(bounds), rank - 1)
    few = n_rays <= 2 ** min(len(concave), 60)
    if n_rays <= budget.max_rays and (few or 2 ** len(concave) > budget.max_choices):
        return _rays(g, kinks, weights, bounds, n_rays)
    if 2 ** len(concave) <= budget.max_choices:
        # -|w| relu(z) = min_{t in {0, 1}} -|w| t z: h >= 0 iff all the convex functions are.
        for choice in product((ZERO, ONE), repeat=len(concave)):
            chosen = [
                p + dot(choice, q) for p, q in zip(g, zip(*concave, strict=True), strict=True)
            ]
            answer = _convex(chosen, convex, bounds, budget)
            if not answer.holds:
                return ConeAnswer(answer.holds, f"a choice of concave kinks: {answer.reason}")
        return ConeAnswer(True, f"all {2 ** len(concave)} choices of active concave kinks")
    if len(concave) * len(convex) <= budget.max_transfers and _multipliers(
        convex, bounds, [g, *concave]
    ):
        reason = f"the {len(concave)} concave kinks are compensated by the convex ones"
        return ConeAnswer(True, reason)
    return ConeAnswer(
        None, f"{len(concave)} concave kinks, {n_rays} rays: beyond the budget of exact checks"
    )


def merge(
    gradient: Sequence[Fraction], kinks: Sequence[Vector], weights: Sequence[Fraction]
) -> tuple[Vector, list[Vector], list[Fraction]]:
    """One kink per line, by ``relu(t z) = t relu(z)`` for t > 0 and ``relu(-z) = relu(z) - z``.

    The normals have leading entry 1. Lines whose weights cancel are left out.
    """
    g = tuple(gradient)
    sums: dict[Vector, Fraction] = {}
    for x, w in zip(kinks, weights, strict=True):
        lead = next((p for p in x if p), None)
        if lead is None:
            continue
        unit = tuple(p / lead for p in x)
        sums[unit] = sums.get(unit, ZERO) + w * abs(lead)
        if lead < 0:
            g = tuple(p + w * q for p, q in zip(g, x, strict=True))
    kept = [(x, w) for x, w in sums.items() if w]
    return g, [x for x, _ in kept], [w for _, w in kept]


def _times(factor: Fraction | int, x: Sequence[Fraction]) -> Vector:
    return tuple(factor * p for p in x)


def _convex(
    g: Sequence[Fraction], convex: list[Vector], bounds: Sequence[Vector], budget: ConeBudget
) -> ConeAnswer:
    """Multipliers: ``g + sum_k l_k w_k x_k - sum_j m_j bound_j = 0``, 0 <= l <= 1, m >= 0."""
    n, columns = len(convex), [*convex, *(_times(-1, bound) for bound in bounds)]
    if not any(g):
        return ConeAnswer(True, "the gradient is exactly 0", (ZERO,) * n)
    if not columns:
        return ConeAnswer(False, "the gradient is not exactly 0")
    rows = _multipliers(convex, bounds, [g])
    if rows is not None:
        return ConeAnswer(True, "multipliers in [0, 1]", tuple(row[0] for row in rows[:n]))
    if len(columns) > budget.max_simplex:
        return ConeAnswer(None, f"multipliers of {len(columns)} columns: beyond the budget")
    found = _simplex(columns, _times(-1, g), n)
    if found is None:
        return ConeAnswer(False, "no multipliers: an exact linear program is infeasible")
    return ConeAnswer(True, "multipliers in [0, 1]", tuple(found[:n]))


def _multipliers(
    convex: list[Vector], bounds: Sequence[Vector], terms: Sequence[Sequence[Fraction]]
) -> list[list[Fraction]] | None:
    """Base and share of multipliers with ``terms (1, t) + columns (base + share t) = 0`` for all t.

    Those of the convex kinks are in [0, 1] for t in [0, 1]^C, then come those of bounds, positive
    (Theorem 8; Theorem 7.2 where there is no t). Where there are several a floating-point linear
    program proposes them; None, if these cannot be completed, decides nothing.
    """
    columns, n = [*convex, *(_times(-1, bound) for bound in bounds)], len(convex)
    if not columns:
        return None
    targets = [_times(-1, term) for term in terms]
    values = [[ZERO] * len(terms) for _ in columns]
    if len(reduce_rows(columns)[1]) < len(columns):
        matrix, right = (np.array([[float(p) for p in x] for x in y]).T for y in (columns, targets))
        proposal = propose_multipliers(matrix, right, n)
        if proposal is None:
            return None
        if len(terms) == 1:
            proposal[:n] = np.minimum(proposal[:n], 1.0)
            proposal = np.maximum(proposal, 0.0)
        values = [[Fraction(p) for p in row] for row in proposal.tolist()]

    def inside(j: int) -> Fraction:
        """How far they are within their limits for the worst t."""
        low, high = (sum((f(p, ZERO) for p in values[j][1:]), values[j][0]) for f in (min, max))
        return min(low, 1 - high) if j < n else low

    # A basis of the columns farthest inside their limits, moved so that the equations hold exactly.
    order = sorted(range(len(columns)), key=inside, reverse=True)
    rows = list(zip(*columns, strict=True))
    basis = [order[p] for p in reduce_rows([[row[j] for j in order] for row in rows])[1]]
    fixed = [j for j in range(len(columns)) if j not in basis]
    equations = []
    for row, sides in zip(rows, zip(*targets, strict=True), strict=True):
        known = [row[j] for j in fixed]
        rest = [p - dot(known, [values[j][k] for j in fixed]) for k, p in enumerate(sides)]
        equations.append([row[j] for j in basis] + rest)
    reduced, pivots = reduce_rows(equations)
    if pivots != list(range(len(basis))):
        return None  # a target is outside of the columns' span
    for j, solved in zip(basis, reduced, strict=True):
        values[j] = list(solved[len(basis) :])
    return values if all(inside(j) >= 0 for j in range(len(columns))) else None


def _simplex(
    columns: Sequence[Vector], right: Sequence[Fraction], n_bounded: int
) -> list[Fraction] | None:
    """A solution of ``sum_j l_j columns_j = right``, l >= 0, the first ones at most 1, or None.

    Phase one of the simplex method with Bland's rule.
    """
    n, width = len(columns), len(columns) + n_bounded
    rows = [[*row, *[ZERO] * n_bounded] for row in zip(*columns, strict=True)]
    rows += [[ONE * (j in (k, n + k)) for j in range(width)] for k in range(n_bounded)]
    sides = [*right, *[ONE] * n_bounded]  # l_k + slack_k = 1
    table = [
        [-p for p in (*row, b)] if b < 0 else [*row, b] for row, b in zip(rows, sides, strict=True)
    ]
    basis = [width + i for i in range(len(table))]  # artificial variables, not stored
    table.append([-sum(column, ZERO) for column in zip(*table, strict=True)])  # their costs
    while (enter := next((j for j in range(width) if table[-1][j] < 0), None)) is not None:
        ratios = [
            (row[-1] / row[enter], j, i)
            for i, (row, j) in enumerate(zip(table[:-1], basis, strict=True))
            if row[enter] > 0
        ]
        leave = min(ratios)[2]
        head = table[leave] = [p / table[leave][enter] for p in table[leave]]
        for i, row in enumerate(table):
            if i != leave and row[enter]:
                factor = row[enter]
                table[i] = [p - factor * q for p, q in zip(row, head, strict=True)]
        basis[leave] = enter
    values = {j: row[-1] for j, row in zip(basis, table[:-1], strict=True)}
    if any(value for j, value in values.items() if j >= width):
        return None
    return [values.get(j, ZERO) for j in range(n)]


def _rays(
    g: Sequence[Fraction],
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
        line = normal_line(subset, len(pivots))
        for ray in () if line is None else (line, _times(-1, line)):
            if any(dot(bound, ray) < 0 for bound in bounds):
                continue
            heights = [max(dot(x, ray), ZERO) for x in kinks]
            if dot(g, ray) + dot(weights, heights) < 0:
                return ConeAnswer(False, "h falls along a ray of its kinks")
    return ConeAnswer(True, f"all {n_rays} rays of the kinks")
