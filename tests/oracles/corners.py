"""All local minima of losses with corners for one input, by linear programs over all cells.

Shares nothing with the package: a point of a joint face is a local minimum iff no closed joint cell
around the face has a lower least value.
"""

from itertools import combinations_with_replacement, permutations, product

import numpy as np
from scipy.optimize import linprog

TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def pieces(name, y, tau=0.5):
    """Corner, and slopes before and behind it."""
    if name == "hinge":
        return y, np.where(y > 0, -1.0, 0.0), np.where(y > 0, 0.0, 1.0)
    low, high = (-1.0, 1.0) if name == "absolute" else (-tau, 1 - tau)
    return y, np.full(len(y), low), np.full(len(y), high)


def faces(x):
    """Sign vectors of ``w x + b``: rays, what is between them, and zero."""
    rays = [np.array([s, -s * p]) for p in np.unique(x) for s in (1.0, -1.0)]
    rays.sort(key=lambda v: np.arctan2(v[1], v[0]))
    units = [v / np.linalg.norm(v) for v in rays]
    middles = [a + b for a, b in zip(units, units[1:] + units[:1], strict=True)]
    if len(units) == 2:
        middles = [np.array([-units[0][1], units[0][0]]), np.array([units[0][1], -units[0][0]])]
    found = [tuple(np.sign(v[0] * (x - (-v[1] / v[0]))).astype(int)) for v in rays]
    found += [tuple(np.sign(v[0] * x + v[1]).astype(int)) for v in middles]
    return [*found, (0,) * len(x)]


class Problem:
    """Least values with given sides of every sample and neuron."""

    def __init__(self, x, corner, low, high):
        self.x, self.corner, self.low, self.high = x, corner, low, high
        self.known = {}

    def _table(self, neurons):
        x, n, m = self.x, len(self.x), len(neurons)
        values, rows = np.zeros((n, 2 * m)), {1: [], 0: []}
        for i, (sign, sides) in enumerate(neurons):
            for k, side in enumerate(sides):
                row = np.zeros(2 * m + n)
                row[2 * i : 2 * i + 2] = (side or 1) * np.array([x[k], 1.0])
                rows[abs(side)].append(row)
                if side > 0:
                    values[k, 2 * i : 2 * i + 2] = sign * np.array([x[k], 1.0])
        above = np.vstack([np.hstack([s[:, None] * values, -np.eye(n)])
                           for s in (self.low, self.high)])  # fmt: skip
        right = np.concatenate([self.low * self.corner, self.high * self.corner])
        return above, right, *(np.array(rows[k]).reshape(-1, 2 * m + n) for k in (0, 1))

    def least(self, neurons, *, closed):
        """On the closed face (``closed``), or on its linear hull."""
        key = (neurons, closed)
        if key not in self.known:
            above, right, zero, inner = self._table(neurons)
            n, width = len(self.x), above.shape[1]
            cost = np.append(np.zeros(width - n), np.full(n, 1 / n))
            inner = inner if closed else inner[:0]
            found = linprog(
                cost, np.vstack([above, -inner]), np.append(right, np.zeros(len(inner))),
                zero, np.zeros(len(zero)), bounds=(None, None), options=TIGHT,
            )  # fmt: skip
            self.known[key] = found.fun
        return self.known[key]

    def meets(self, neurons):
        """Whether the open face has a point of the least value on its hull."""
        above, right, zero, inner = self._table(neurons)
        n, width, level = len(self.x), above.shape[1], self.least(neurons, closed=False)
        cost = np.append(np.zeros(width - n), np.full(n, 1 / n))
        table = np.vstack([above, cost, -inner])
        deep = np.append(np.zeros(len(above) + 1), np.ones(len(inner)))
        ends = np.concatenate([right, [level + 1e-10], np.zeros(len(inner))])
        found = linprog(
            np.append(np.zeros(width), -1.0), np.column_stack([table, deep]), ends,
            np.column_stack([zero, np.zeros(len(zero))]), np.zeros(len(zero)),
            bounds=[(None, None)] * width + [(None, 1.0)], options=TIGHT,
        )  # fmt: skip
        return found.x is not None and found.x[-1] > 1e-6


def local_minima(x, corner, low, high, m):
    """Levels of connected sets of local minima modulo permutation, two neurons at 0 left out."""
    every, problem = faces(x), Problem(x, corner, low, high)
    cells = [f for f in every if all(f)]
    silent = (-1,) * len(x)
    kinds = [(s, f) for f in every for s in (1, -1) if f != silent or s == 1]
    around = {f: [c for c in cells if all(a in (0, b) for a, b in zip(f, c, strict=True))]
              for f in every}  # fmt: skip
    found = []
    for joint in combinations_with_replacement(kinds, m):
        if sum(not any(f) for _, f in joint) > 1 or not problem.meets(joint):
            continue
        level = problem.least(joint, closed=False)
        beside = product(*([(s, c) for c in around[f]] for s, f in joint))
        if all(problem.least(tuple(sorted(c)), closed=True) >= level - 1e-8 for c in beside):
            found.append((joint, level))
    parent = list(range(len(found)))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    def below(one, other):
        (s, f), (t, g) = one, other
        return (s == t or g == silent) and all(a in (0, b) for a, b in zip(f, g, strict=True))

    for i, (joint, level) in enumerate(found):
        for j, (other, at) in enumerate(found):
            if abs(level - at) < 1e-8 and any(
                all(below(a, b) for a, b in zip(order, other, strict=True))
                for order in permutations(joint)
            ):
                parent[root(i)] = root(j)
    return sorted(found[i][1] for i in range(len(found)) if parent[i] == i)
