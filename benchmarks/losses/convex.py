"""Convex programs by cvxpy and clarabel: linear functions, and one cell of networks."""

from __future__ import annotations

import cvxpy as cp
import numpy as np

from benchmarks.losses.data import Task
from landscape.networks import Network


def losses(task: Task, values: cp.Expression, y: np.ndarray) -> cp.Expression:
    """The mean loss, from its formula."""
    name = task.loss.name
    if name == "logistic":
        total = cp.sum(cp.logistic(-cp.multiply(2 * y - 1, values)))
    elif name == "poisson":
        constants = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)) - y, 0.0)
        total = cp.sum(cp.exp(values) - cp.multiply(y, values)) + constants.sum()
    elif name == "huber":
        total = cp.sum(cp.huber(values - y, task.loss.delta))
    else:  # Huber's loss of halves of the residuals, each with its slope
        tau, width = task.loss.tau, task.loss.width
        above = cp.sum(cp.huber(cp.pos(values - y), width)) * (1 - tau)
        below = cp.sum(cp.huber(cp.pos(y - values), width)) * tau
        total = (above + below) / (2 * width)
    return total / len(y)


def least(task: Task, X: np.ndarray, y: np.ndarray, network: Network | None = None) -> float:
    """The least penalized loss of linear functions, or on the closed cell of a network."""
    e = cp.Variable()
    if network is None:
        w = cp.Variable(X.shape[1])
        values, penalty, sides = X @ w + e, cp.sum_squares(w), []
    else:
        z = X @ network.weights.T + network.biases
        values, penalty, sides = e + np.zeros(len(y)), 0.0, []
        for i, c in enumerate(network.output_weights):
            u, b, on = cp.Variable(X.shape[1]), cp.Variable(), z[:, i] > 0
            # Samples within rounding of a kink may be on either side of it: they are on it.
            at = np.abs(z[:, i]) <= 1e-9 * np.abs(z[:, i]).max()
            sides += [(2 * on - 1)[~at, None] * X[~at] @ u + (2 * on - 1)[~at] * b >= 0]
            sides += [X[at] @ u + b == 0] if at.any() else []
            values = (
                values + (np.sign(c) * (on & ~at)[:, None] * X) @ u + np.sign(c) * (on & ~at) * b
            )
            penalty = penalty + cp.sum_squares(u)
    problem = cp.Problem(cp.Minimize(losses(task, values, y) + task.alpha * penalty), sides)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-10)
    return float(problem.value)
