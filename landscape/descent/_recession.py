"""Rays along which a loss falls without end: where no minimum is attained (Theorem 28)."""

from fractions import Fraction

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from landscape.effective import EffectiveProblem, State
from landscape.exact import dot
from landscape.losses import LogisticLoss, PoissonLoss
from landscape.rounding import Array, Mask

__all__ = ["find_recession"]


def find_recession(problem: EffectiveProblem, state: State) -> tuple[State, str] | None:
    """A direction in which no minimum on the cell of ``state`` is attained, and what it shows.

    A linear program over the cell proposes it; what is said of it is checked in rationals.
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
    direction = _propose(problem, state, labels, fixed & used, used)
    if direction is None:
        return None
    return _checked(problem, state, direction, labels, fixed, used)


def _propose(
    problem: EffectiveProblem, state: State, labels: Array, fixed: Mask, used: Mask
) -> State | None:
    """The direction on the cell with most samples that it helps, by a linear program.

    As far inside the cell as is possible: there rounding does not change sides. Unknowns are v,
    its component in e, by how much each sample gains, and each neuron's margin.
    """
    (n, d), m = problem.X.shape, len(problem.signs)
    z = problem.preactivations(state)
    on = (z > 0) & ~problem.kink_pairs(state, z)
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


def _checked(
    problem: EffectiveProblem,
    state: State,
    direction: State,
    labels: Array,
    fixed: Mask,
    used: Mask,
) -> tuple[State, str] | None:
    """The direction, if in rational arithmetic it is one."""
    rows = [[Fraction(p) for p in row] for row in direction.u.tolist()]
    column = np.zeros(len(problem.y)) if problem.column is None else problem.column
    sides, signs = np.sign(problem.preactivations(state)), [Fraction(c) for c in problem.signs]
    helped, inside = 0, True
    for k in np.flatnonzero(used).tolist():
        x = [Fraction(p) for p in problem.X[k].tolist()]
        heights = [dot(row, x) for row in rows]
        inside &= all(h * int(side) >= 0 for h, side in zip(heights, sides[k], strict=True))
        rate = dot(signs, [max(h, Fraction(0)) for h in heights])
        rate += Fraction(direction.e) * Fraction(float(column[k]))
        gain = int(labels[k]) * rate
        if gain < 0 or (fixed[k] and rate != 0):
            return None
        helped += gain > 0
    if helped == int(used.sum()):
        what = (
            "separable; no minimum is attained: along the direction the loss falls to its infimum"
        )
        return direction, what
    if helped and inside:
        return direction, f"no minimum on its cell is attained: a direction lowers {helped} losses"
    return None
