"""The minima around a minimum: those on its face and cell, and the nearest of them to a network.

While no pre-activation changes its sign, kinks stay kinks, and values on the data stay, the loss
and the verdict do. Such products ``u_i = |c_i| a_i`` are a polytope, and ``(a, c)`` with these
products is within t of ``(a', c')`` if ``|u_i - |c_i| a'_i| <= t |c_i|`` and
``||c_i| - |c'_i|| <= t``: linear in u, |c| and t, when ``|c_i|`` on the right is known, as it is of
the linear program before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import linprog

from landscape.analysis._case import Case
from landscape.effective import EffectiveProblem, State
from landscape.parametrization import Parametrization, max_norms

#: Samples times neurons times dimensions up to which a face's nearest minimum is computed.
MAX_FACE = 200_000
#: Linear programs for each.
ROUNDS = 3
#: Shares of the way to what they find: its end lies on the border of the cell.
SHARES = (1 - 1e-6, 0.9, 0.5, 0.25)


def towards_network(case: Case, minimum: Parametrization) -> Iterator[Parametrization]:
    """Elements of a minimum's face and cell, the nearest to the network first; none is certified.

    Nothing where the face is a point, too large, or of other signs than the network's.
    """
    space = case.space
    goal = EffectiveProblem.build(case.theta, case.inputs, case.y, space)
    problem = EffectiveProblem.build(minimum, case.inputs, case.y, space)
    if problem.bounded or not np.array_equal(goal.signs, problem.signs):
        return
    state, near, target = problem.state(), None, goal.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    m, d = state.u.shape
    seen = (((z > 0) & ~kinks) * problem.signs)[:, :, None] * problem.X[:, None, :]
    column = np.zeros(len(case.y)) if problem.column is None else problem.column
    sample, neuron = np.nonzero(kinks)
    fixed = np.zeros((len(sample), m, d))
    fixed[np.arange(len(sample)), neuron] = problem.X[sample]
    rows = np.column_stack([seen.reshape(len(case.y), m * d), column])
    rows = np.vstack([rows, np.column_stack([fixed.reshape(-1, m * d), np.zeros(len(sample))])])
    units = np.append(np.tile(np.maximum(problem.largest, 1e-300), m), 1.0)
    free = null_space(rows / units, rcond=1e-10) / units[:, None]
    if not free.shape[1] or z.size * free.shape[1] > MAX_FACE:
        return
    own, outer = goal.own_weights()[0], np.abs(case.theta.output_weights[:m])
    scale = np.maximum(outer, 1e-3 * np.sqrt(max_norms(state.u)))
    # Unknown are the coordinates, |c| and t. Pre-activations that have a sign keep it.
    k, has_sign = free.shape[1], ~kinks.ravel()
    keep = np.einsum("sd,mdk->smk", -problem.X, free[:-1].reshape(m, d, k)).reshape(-1, k)
    keep = np.column_stack([np.sign(z).reshape(-1, 1) * keep, np.zeros((z.size, m + 1))])[has_sign]
    spread, last = np.repeat(np.eye(m), d, axis=0), np.eye(k + m + 1)[-1]
    at = np.concatenate([-state.u.ravel(), outer, [target.e - state.e]])
    for _ in range(ROUNDS):
        off = np.vstack([
            np.column_stack([free[:-1], -own.ravel()[:, None] * spread, -np.repeat(scale, d)]),
            np.column_stack([np.zeros((m, k)), np.eye(m), -np.ones(m)]),
            np.append(free[-1], np.zeros(m + 1)) - last,
        ])  # fmt: skip
        found = linprog(
            last,
            A_ub=np.vstack([off, off * np.append(-np.ones(k + m), 1.0), keep]),
            b_ub=np.concatenate([at, -at, np.abs(z.ravel()[has_sign])]),
            bounds=[(None, None)] * k + [(1e-6 * size, None) for size in scale] + [(0, None)],
            method="highs",
        )
        if found.x is None:
            break
        near, scale = free @ found.x[:k], found.x[k:-1]
    if near is None:
        return
    for share in SHARES:
        u = state.u + share * near[:-1].reshape(m, d)
        moved = problem.parametrization(State(u, state.e + share * float(near[-1])))
        if all(violation.condition == "C.2" for violation in space.violations(moved)):
            yield moved
