"""Merge trees by other means: flooding of a fine grid, and conic programs over half-spaces."""

from __future__ import annotations

from itertools import product

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import linprog


def merge_pairs(values, edges, tie):
    """Births and deaths of a graph's sublevel components; edges are (level, i, j)."""
    root = list(range(len(values)))
    lowest = list(values)
    pairs = []

    def find(i):
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for level, i, j in sorted(edges):
        i, j = find(i), find(j)
        if i == j:
            continue
        if lowest[i] > lowest[j]:
            i, j = j, i
        if level > lowest[j] + tie:
            pairs.append((lowest[j], level))
        root[j] = i
    pairs += [(lowest[i], np.inf) for i in range(len(values)) if find(i) == i]
    return np.array(sorted(pairs))


def grid_pairs(X, y, sign, radius, size, tie):
    """One neuron with two weights: flood a grid of [-radius, radius]² with eight neighbours."""
    line = np.linspace(-radius, radius, size)
    u = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    values = ((sign * np.maximum(u @ X.T, 0) - y) ** 2).mean(axis=1)
    number = np.arange(size * size).reshape(size, size)
    edges = []
    for a, b in ((1, 0), (0, 1), (1, 1), (1, -1)):
        one = number[: size - a, max(0, -b) : size - max(0, b)].ravel()
        two = number[a:, max(0, b) : size - max(0, -b)].ravel()
        level = np.maximum(values[one], values[two])
        edges += list(zip(level.tolist(), one.tolist(), two.tolist(), strict=True))
    return merge_pairs(values.tolist(), edges, tie)


def patterns(X):
    """Sides of full-dimensional cells, by one linear program for each of the 2^n sign vectors."""
    found = []
    for sides in product((-1.0, 1.0), repeat=len(X)):
        rows = np.array(sides)[:, None] * X
        # Maximize t with <row, u> >= t for all rows, |u| <= 1.
        bound = [(-1, 1)] * X.shape[1] + [(None, None)]
        result = linprog(
            np.append(np.zeros(X.shape[1]), -1.0),
            A_ub=np.hstack([-rows, np.ones((len(X), 1))]),
            b_ub=np.zeros(len(X)),
            bounds=bound,
        )
        if result.x[-1] > 1e-9:
            found.append(np.array(sides))
    return found


def _least(X, y, offset, neurons):
    """Least loss with neurons (sign, sides); a side 0 holds a neuron on a kink."""
    n, d = X.shape
    size = d * len(neurons) + (offset is not None)
    if not size:
        return float(np.mean(y**2))
    values, equal, above = np.zeros((n, size)), [], []
    for i, (sign, sides) in enumerate(neurons):
        block = slice(i * d, (i + 1) * d)
        values[:, block] = sign * np.maximum(sides, 0.0)[:, None] * X
        for side, x in zip(sides, X, strict=True):
            row = np.zeros(size)
            row[block] = -side * x if side else x
            (above if side else equal).append(row)
    if offset is not None:
        values[:, -1] = offset
    rows = np.array(equal + above).reshape(-1, size)
    cones = [clarabel.ZeroConeT(len(equal)), clarabel.NonnegativeConeT(len(above))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    quadratic = sparse.csc_matrix(np.triu(2 / n * values.T @ values))
    solver = clarabel.DefaultSolver(
        quadratic,
        -2 / n * values.T @ y,
        sparse.csc_matrix(rows),
        np.zeros(len(rows)),
        cones,
        settings,
    )
    return float(np.mean((values @ np.array(solver.solve().x) - y) ** 2))


def least_penalized(X, y, offset, neurons, *, loss="squared", decay=None):
    """As `_least`, of another loss with ``sum_i ‖decay u_i‖_2``, by cvxpy."""
    import cvxpy

    n, d = X.shape
    values, penalty, constraints = np.zeros(n), 0.0, []
    for sign, sides in neurons:
        u = cvxpy.Variable(d)
        values = values + sign * cvxpy.multiply(np.maximum(sides, 0.0), X @ u)
        if decay is not None:
            penalty = penalty + cvxpy.norm(cvxpy.multiply(decay, u), 2)
        for side, x in zip(sides, X, strict=True):
            constraints.append(side * (x @ u) >= 0 if side else x @ u == 0)
    if offset is not None:
        values = values + cvxpy.Variable() * offset
    if loss == "logistic":
        total = cvxpy.sum(cvxpy.logistic(cvxpy.multiply(1 - 2 * y, values)))
    elif loss == "huber":
        total = cvxpy.sum(cvxpy.huber(values - y, 1.0))
    else:
        total = cvxpy.sum_squares(values - y)
    program = cvxpy.Problem(cvxpy.Minimize(total / n + penalty), constraints)
    return float(program.solve(solver=cvxpy.CLARABEL))


def program_pairs(X, y, m, *, offset=None, glued=False, tie=1e-6, least=_least):
    """All *labelled* joint cells of distinct samples, cells that are permutations identified.

    X (n, d) must have no parallel rows.
    """
    cells = patterns(X)
    kinds = [(sign, tuple(sides)) for sign in (1.0, -1.0) for sides in cells]
    values, number, edges = [], {}, []
    cache, solve = {}, least

    def least(neurons):
        key = tuple(sorted(neurons))
        if key not in cache:
            cache[key] = solve(X, y, offset, [(s, np.array(t)) for s, t in key])
        return cache[key]

    for joint in product(kinds, repeat=m):
        number[joint] = len(values)
        values.append(least(joint))
    for joint, index in number.items():
        edges.append((-1.0, index, number[tuple(sorted(joint))]))
        for i, (sign, sides) in enumerate(joint):
            for k in range(len(X)):
                other = tuple(-s if h == k else s for h, s in enumerate(sides))
                between = tuple(0.0 if h == k else s for h, s in enumerate(sides))
                target = (*joint[:i], (sign, other), *joint[i + 1 :])
                if target in number and number[target] > index:
                    level = least((*joint[:i], (sign, between), *joint[i + 1 :]))
                    edges.append((level, index, number[target]))
            target = (*joint[:i], (-sign, sides), *joint[i + 1 :])
            if glued and number[target] > index:
                edges.append((least((*joint[:i], *joint[i + 1 :])), index, number[target]))
    return merge_pairs(values, edges, tie)
