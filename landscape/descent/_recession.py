"""Rays along which a loss falls without end: where no minimum is attained (Theorem 28)."""

from fractions import Fraction

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from landscape.effective import EffectiveProblem, State
from landscape.exact import Vector, dot, reduce_rows, vector
from landscape.losses import LogisticLoss, PoissonLoss
from landscape.rounding import Array, Mask

__all__ = ["find_recession"]

#: Rates that a direction may have by rounding only, as a share of their terms.
NEAR = 1e-9


def find_recession(
    problem: EffectiveProblem, state: State, *, passing: bool = False
) -> tuple[State, str] | None:
    """A direction in which no minimum on the cell of ``state`` is attained, and what it shows.

    A linear program over the cell proposes it; what is said of it is checked in rationals. A
    descent that is ``passing`` a kink may be lower beyond it: there only a direction that is one in
    every cell counts.
    """
    loss = problem.sample_loss
    if not isinstance(loss, LogisticLoss | PoissonLoss):
        return None
    assert loss.labels is not None
    used = np.ones(len(problem.y), dtype=bool) if loss.weights is None else loss.weights > 0
    # How the values of a sample may move: labels[k] rates[k] >= 0, or = 0 where fixed.
    if isinstance(loss, LogisticLoss):
        labels, fixed = loss.labels, ~used
    else:
        labels, fixed = np.where(loss.labels == 0, -1.0, 0.0), loss.labels > 0
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    on, here = (z > 0) & ~kinks, not (passing and kinks.any())
    direction = _propose(problem, on, labels, fixed & used, used)
    if direction is None:
        return None
    rows, e = list(map(vector, direction.u.tolist())), Fraction(direction.e)
    what = _checked(problem, on, rows, e, labels, fixed, used, here)
    if what is None:  # perhaps but for rounding
        snapped = _snapped(problem, on, direction)
        what = _checked(problem, on, *snapped, labels, fixed, used, here)
    return None if what is None else (direction, what)


def _propose(
    problem: EffectiveProblem, on: Mask, labels: Array, fixed: Mask, used: Mask
) -> State | None:
    """The direction on the cell with most samples that it helps, by a linear program.

    As far inside the cell as is possible: there rounding does not change sides. Unknowns are v,
    its component in e, by how much each sample gains, and each neuron's margin.
    """
    (n, d), m = problem.X.shape, len(problem.signs)
    width = m * d + 1
    column = np.zeros(n) if problem.column is None else problem.column
    rates = (problem.signs * on)[:, :, None] * problem.X[:, None, :]
    rates = np.column_stack([rates.reshape(n, m * d), column])
    k, i = np.divmod(np.arange(n * m), m)
    sides = np.where(on, -1.0, 1.0)[k, i]
    rows, columns = np.repeat(np.arange(n * m), d), (i[:, None] * d + np.arange(d)).ravel()
    shape = n * m, width + n + m
    cell = coo_array(((sides[:, None] * problem.X[k]).ravel(), (rows, columns)), shape)
    cell = cell + coo_array((problem.norms[k], (np.arange(n * m), width + n + i)), shape)
    helps = used & ~fixed
    gains = np.hstack([-labels[:, None] * rates, np.eye(n), np.zeros((n, m))])[helps]
    equal = np.hstack([rates, np.zeros((n, n + m))])[fixed]
    free = ~(np.isfinite(problem.upper) | np.isfinite(problem.lower))
    for weights in (problem.decay, problem.penalty):
        if weights is not None:
            free &= weights == 0
    e_free = problem.column is not None and not problem.offset_decay
    limits = [(None, None) if each else (0, 0) for each in [*free.ravel().tolist(), e_free]]
    limits += [(0, 1) if each else (0, 0) for each in helps] + [(0, 1)] * m
    result = linprog(
        np.concatenate([np.zeros(width), -np.ones(n), np.full(m, -1e-2)]),
        A_ub=vstack([cell, coo_array(gains)]),
        b_ub=np.zeros(n * m + len(gains)),
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=limits,
    )
    if result.x is None or result.x[width : width + n].sum() < 1e-6:
        return None
    return State(result.x[: m * d].reshape(m, d), float(result.x[m * d]))


def _snapped(
    problem: EffectiveProblem, on: Mask, direction: State
) -> tuple[list[Vector], Fraction]:
    """The direction in rationals, zero where it is so up to rounding: at samples, and their kinks.

    The equations are solved for as many entries as they need, the others stay.
    """
    (n, d), m = problem.X.shape, len(problem.signs)
    column = np.zeros(n) if problem.column is None else problem.column
    entries = np.append(direction.u.ravel(), direction.e)
    free = np.flatnonzero(entries)
    heights, equations = problem.X @ direction.u.T, []
    sizes = problem.terms(direction.u) + np.abs(direction.e * column)[:, None]
    for k, i in np.argwhere(np.abs(heights) <= NEAR * sizes):
        equations.append(np.zeros(m * d + 1))
        equations[-1][i * d : (i + 1) * d] = problem.X[k]
    rates = (heights * on) @ problem.signs + direction.e * column
    for k in np.flatnonzero(np.abs(rates) <= NEAR * sizes.sum(axis=1)):
        row = (problem.signs * on[k])[:, None] * problem.X[k]
        equations.append(np.append(row, column[k]))
    values = vector(entries.tolist())
    rows = [vector(row[free].tolist()) for row in equations]
    reduced, pivots = reduce_rows([row for row in rows if any(row)]) if free.size else ([], [])
    solved = [Fraction(0) if j in pivots else values[at] for j, at in enumerate(free.tolist())]
    for row, pivot in zip(reduced, pivots, strict=False):
        solved[pivot] = -dot(row, [Fraction(0) if j in pivots else v for j, v in enumerate(solved)])
    every = [Fraction(0)] * entries.size
    for at, value in zip(free.tolist(), solved, strict=True):
        every[at] = value
    return [tuple(every[i * d : (i + 1) * d]) for i in range(m)], every[-1]


def _checked(
    problem: EffectiveProblem,
    on: Mask,
    rows: list[Vector],
    e: Fraction,
    labels: Array,
    fixed: Mask,
    used: Mask,
    here: bool,
) -> str | None:
    """What a direction shows, if in rational arithmetic it does: in every cell, or ``here``."""
    column = np.zeros(len(problem.y)) if problem.column is None else problem.column
    signs = [Fraction(c) for c in problem.signs]
    helped, inside = 0, here
    for k in np.flatnonzero(used).tolist():
        x = vector(problem.X[k].tolist())
        heights = [dot(row, x) for row in rows]
        inside &= all(h >= 0 if side else h <= 0 for h, side in zip(heights, on[k], strict=True))
        rate = dot(signs, [max(h, Fraction(0)) for h in heights])
        rate += e * Fraction(float(column[k]))
        gain = int(labels[k]) * rate
        if gain < 0 or (fixed[k] and rate != 0):
            return None
        helped += gain > 0
    if helped == int(used.sum()):
        return (
            "separable; no minimum is attained: along the direction the loss falls to its infimum"
        )
    if helped and inside:
        return f"no minimum on its cell is attained: a direction lowers {helped} losses"
    return None
