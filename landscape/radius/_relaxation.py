"""A convex quadratic program below the loss on a node, and a bound from its multipliers.

Where the side of a sample is open, ``t_ik`` stands for ``relu(<u_i, x_k>)`` between the function
and its chord over the node's interval. The chord is taken in the homogeneous form ``t <= kappa
(<u_i, x_k> - s_i least)``, which is linear in (u, s) and tight at both ends for every s. The loss
is a convex quadratic in the residuals ``sum_i sigma_i t_ik - y_k``. So a pair contributes exactly
where its residual pushes t down (``sigma_i s_k >= 0``), and by its chord where it pushes t up
(Theorem 10).

Where the samples see only two entries of a_i (one input with a bias), all kinks are lines through
the origin of a plane and the cells of the node's polygon have few corners v_j. There the *joint*
convex hull of ``(a_i, relu(<a_i, x_1>), ..., relu(<a_i, x_n>))`` is that of its values at the
corners: ``u_i = sum_j w_j v_j``, ``t_ik = sum_j w_j relu(<v_j, x_k>)``, ``s_i = sum_j w_j`` with
w >= 0.

The bound never trusts the solver: for *any* point with residual r and *any* multipliers l >= 0,

    ‖B v - y‖^2 >= 2 <r, B v - y> - ‖r‖^2 + <l, G v - h>    for all v with G v <= h,

whose right-hand side is linear in v, so its least value over the node's intervals is explicit.
(Multipliers of equations may have either sign.) What rounding may move entries, intervals and sums
by is subtracted, relative to the sizes of all terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from landscape.radius._box import OUTWARDS, Centre, Node
from landscape.rounding import gamma

__all__ = ["Relaxed", "relax"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Relaxed:
    """Solution of a node's program.

    Attributes
    ----------
    bound : float
        Proven lower bound of the mean squared error on the node; inf: the node is empty.
    u, s, e : array (m, d), array (m,), float
        The solver's point.
    gaps : array of shape (n, m)
        By how much the loss may change when an open pair's value becomes the true one.
    """

    bound: float
    u: Array
    s: Array
    e: float
    gaps: Array


def relax(centre: Centre, node: Node) -> Relaxed:
    """Solve the program of a node and bound it from below."""
    program = _Program(centre, node)
    point, multipliers, feasible = program.solve()
    bound = program.bound(point, multipliers, feasible)
    return program.relaxed(point, bound)


def _sparse(dense: Array) -> csc_matrix:
    """What ``csc_matrix(dense)`` is, without its checks."""
    column, row = np.nonzero(dense.T)
    starts = np.searchsorted(column, np.arange(dense.shape[1] + 1))
    return csc_matrix((dense[row, column], row, starts), shape=dense.shape)


class _Program:
    """``min (1/n) ‖B v - y‖^2`` over ``G v <= h`` with v = (u, s, e, t); ``n_equal`` equations."""

    def __init__(self, centre: Centre, node: Node) -> None:
        self.centre, self.node = centre, node
        X = centre.X
        n, d = X.shape
        m = len(node.signs)
        self.m, self.d, self.n = m, d, n
        self.rows, self.neurons = np.nonzero(node.side == 0)
        self.at_s, self.at_e, self.at_t = m * d, m * d + m, m * d + m + 1
        #: In a plane: per neuron with open samples, the corners of its cells.
        self.corners: dict[int, Array] = {}
        n_more = self.rows.size
        if centre.plane is not None:
            for i in np.unique(self.neurons).tolist():
                open_ = centre.plane[self.rows[self.neurons == i]]
                self.corners[i] = _cell_corners(node.corners[i], open_)
            n_more = sum(len(corners) for corners in self.corners.values())
        self.size = self.at_t + n_more
        scale = node.signs * (node.side == 1)
        self.B = np.zeros((n, self.size))
        self.B[:, : m * d] = (scale[:, :, None] * X[:, None, :]).reshape(n, m * d)
        if centre.column is not None:
            self.B[:, self.at_e] = centre.column
        self.blocks: list[Array] = []
        self.sides: list[Array] = []
        self.hulls: list[tuple[slice, slice, float]] = []
        if centre.plane is None:
            self.B[self.rows, self.at_t + np.arange(n_more)] = node.signs[self.neurons]
        else:
            self._hulls(centre.plane)
        self.n_equal = sum(len(block) for block in self.blocks)
        self._intervals()
        if centre.balanced:
            self._norms()
        self._sides()
        if centre.plane is None:
            self._triangles()
        self.G, self.h = np.vstack(self.blocks), np.concatenate(self.sides)
        #: What errors of the entries are relative to: those of hulls cancel.
        self.sizes_B, self.sizes_G = np.abs(self.B), np.abs(self.G)
        for columns, rows, size in self.hulls:
            self.sizes_B[:, columns] = np.abs(X).sum(axis=1)[:, None] * size
            self.sizes_G[rows, columns] = size

    def _add(self, block: Array, side: Array) -> None:
        self.blocks.append(block)
        self.sides.append(side)

    def _intervals(self) -> None:
        """``s a_low <= u <= s a_high``, the intervals of s and e, the bounds of u."""
        node, m, d = self.node, self.m, self.d
        index = np.arange(m * d)
        of = self.at_s + index // d
        for sign, ends in ((1.0, node.a_high), (-1.0, node.a_low)):
            block = np.zeros((m * d, self.size))
            block[index, index] = sign
            block[index, of] = -sign * ends.ravel()
            self._add(block, np.zeros(m * d))
        rest = m + 1  # s and e
        for sign, s, e in ((1.0, node.s_high, node.e_high), (-1.0, node.s_low, node.e_low)):
            block = np.zeros((rest, self.size))
            block[np.arange(rest), self.at_s + np.arange(rest)] = sign
            self._add(block, sign * np.append(s, e))
        for sign, bound in ((1.0, self.centre.upper), (-1.0, self.centre.lower)):
            finite = np.flatnonzero(np.isfinite(bound))
            if sign < 0:  # 0 <= u already follows from 0 <= a_low
                implied = (bound == 0) & (node.a_low >= 0)
                finite = finite[~implied.ravel()[finite]]
            block = np.zeros((finite.size, self.size))
            block[np.arange(finite.size), finite] = sign
            self._add(block, sign * bound.ravel()[finite])

    def _norms(self) -> None:
        """``|u_ij| <= s_i^2``, below the chord; on a known face ``|u_ij| >= s_i^2``, tangents."""
        node, d = self.node, self.d
        low, high = node.s_low, node.s_high
        for sign, ends in ((1.0, node.a_high), (-1.0, -node.a_low)):
            i, j = np.nonzero(ends > low[:, None])
            block = np.zeros((i.size, self.size))
            at = np.arange(i.size)
            block[at, i * d + j] = sign
            block[at, self.at_s + i] = -(low + high)[i]
            self._add(block, -(low * high)[i])
        known = np.flatnonzero(node.face)
        column = known * d + np.abs(node.face[known]) - 1
        for weight in (0.0, 0.5, 1.0):
            touch = (1 - weight) * low[known] + weight * high[known]
            block = np.zeros((known.size, self.size))
            at = np.arange(known.size)
            block[at, column] = -np.sign(node.face[known])
            block[at, self.at_s + known] = 2 * touch
            self._add(block, touch**2)

    def _hulls(self, plane: Array) -> None:
        """``u = sum_j w_j v_j`` as the samples see it, and ``s = sum_j w_j``."""
        node, d = self.node, self.d
        highs = []
        at = self.at_t
        for i, corners in self.corners.items():
            q = len(corners)
            rows = self.rows[self.neurons == i]
            self.B[np.ix_(rows, np.arange(at, at + q))] = node.signs[i] * np.maximum(
                plane[rows] @ corners.T, 0.0
            )
            block = np.zeros((3, self.size))
            block[:2, at : at + q] = corners.T
            block[2, at : at + q] = 1.0
            block[0, i * d] = block[1, i * d + 1] = block[2, self.at_s + i] = -1.0
            if d == 3:
                block[1, i * d + 2] = 1.0  # p - q
            first = 3 * len(self.blocks)
            self.hulls.append(
                (slice(at, at + q), slice(first, first + 2), float(np.abs(corners).max()))
            )
            self._add(block, np.zeros(3))
            highs.append(np.full(q, node.s_high[i]))
            at += q
        self.t_high = np.concatenate([np.empty(0), *highs])

    def _sides(self) -> None:
        """Sides that are conditions; t (or w) is at least 0."""
        node, X, d = self.node, self.centre.X, self.d
        k, i = np.nonzero(node.cut)
        block = np.zeros((k.size, self.size))
        block[np.arange(k.size)[:, None], i[:, None] * d + np.arange(d)] = (
            -node.side[k, i][:, None] * X[k]
        )
        self._add(block, np.zeros(k.size))
        more = self.size - self.at_t
        block = np.zeros((more, self.size))
        block[np.arange(more), self.at_t + np.arange(more)] = -1.0
        self._add(block, np.zeros(more))

    def _triangles(self) -> None:
        """Between the function and its chord."""
        node, X, d = self.node, self.centre.X, self.d
        k, i = self.rows, self.neurons
        at = np.arange(k.size)
        columns = i[:, None] * d + np.arange(d)
        low, high = node.low[k, i], node.high[k, i]
        self.t_high = np.maximum(high, 0.0) * node.s_high[i] * (1 + 1e-12)
        slope = np.where(high > low, high / np.where(high > low, high - low, 1.0), 1.0)
        over, chord = (np.zeros((k.size, self.size)) for _ in range(2))
        over[at, self.at_t + at] = -1.0
        over[at[:, None], columns] = X[k]
        chord[at, self.at_t + at] = 1.0
        chord[at[:, None], columns] = -slope[:, None] * X[k]
        chord[at, self.at_s + i] = slope * low
        for part in (over, chord):
            self._add(part, np.zeros(k.size))

    def solve(self) -> tuple[Array, Array, bool]:
        """The solver's point and multipliers, and whether it found the program feasible."""
        n, size, rows = self.n, self.size, len(self.h)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_iter = 100
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
        # The residuals as variables of their own keep the quadratic sparse. In units of the loss
        # at the centre, so that absolute tolerances mean the same on all data.
        unit = self.centre.unit
        diagonal = np.concatenate([np.zeros(size), np.full(n, 2.0 / (n * unit))])
        matrix = np.zeros((n + rows, size + n))
        matrix[:n, :size] = self.B
        matrix[np.arange(n), size + np.arange(n)] = -1.0
        matrix[n:, :size] = self.G
        solver = clarabel.DefaultSolver(
            csc_matrix((diagonal, np.arange(size + n), np.arange(size + n + 1))),
            np.zeros(size + n),
            _sparse(matrix),
            np.concatenate([self.centre.y, self.h]),
            [
                clarabel.ZeroConeT(n + self.n_equal),
                clarabel.NonnegativeConeT(rows - self.n_equal),
            ],
            settings,
        )
        solution = solver.solve()
        point = np.asarray(solution.x, dtype=float)[:size]
        multipliers = np.asarray(solution.z, dtype=float)[n:] * unit
        multipliers[self.n_equal :] = np.maximum(multipliers[self.n_equal :], 0.0)
        if not (np.isfinite(point).all() and np.isfinite(multipliers).all()):
            return np.zeros(self.size), np.zeros(len(self.h)), True
        empty = solution.status in (
            clarabel.SolverStatus.PrimalInfeasible,
            clarabel.SolverStatus.AlmostPrimalInfeasible,
        )
        return point, multipliers, not empty

    def _ends(self) -> tuple[Array, Array]:
        """Intervals of all variables."""
        node = self.node
        corners = np.stack(
            [s[:, None] * a for s in (node.s_low, node.s_high) for a in (node.a_low, node.a_high)]
        )
        zero = np.zeros(self.size - self.at_t)
        low = np.concatenate([corners.min(axis=0).ravel(), node.s_low, [node.e_low], zero])
        high = np.concatenate(
            [corners.max(axis=0).ravel(), node.s_high, [node.e_high], self.t_high]
        )
        return low, high

    def bound(self, point: Array, multipliers: Array, feasible: bool) -> float:
        """See the module's docstring."""
        low, high = self._ends()
        y, n = self.centre.y, self.n
        most, pulls = np.maximum(np.abs(low), np.abs(high)), np.abs(multipliers)
        size = float(pulls @ np.abs(self.h) + (pulls @ self.sizes_G) @ most)
        slope, constant = self.G.T @ multipliers, -float(multipliers @ self.h)
        if feasible:
            residual = self.B @ point - y
            slope = slope + 2.0 / n * (self.B.T @ residual)
            constant -= float(residual @ residual + 2 * residual @ y) / n
            r = 2.0 / n * np.abs(residual)
            size += float(r @ np.abs(residual) + r @ np.abs(y) + (r @ self.sizes_B) @ most)
        least = constant + float(np.minimum(slope * low, slope * high).sum())
        least -= (gamma(n + len(self.h) + self.size) + 8 * OUTWARDS) * size
        if feasible:
            return max(0.0, least)
        return np.inf if least > 0 else 0.0

    def relaxed(self, point: Array, bound: float) -> Relaxed:
        """The record of a solution."""
        m, d = self.m, self.d
        u = point[: m * d].reshape(m, d)
        gaps = np.zeros((self.n, m))
        if self.rows.size:
            z = (self.centre.X[self.rows] * u[self.neurons]).sum(axis=1)
            excess = self._values(point) - np.maximum(z, 0.0)
            residual = np.abs(self.B @ point - self.centre.y)
            gaps[self.rows, self.neurons] = excess * (2 * residual[self.rows] + excess) / self.n
        return Relaxed(bound, u, point[self.at_s : self.at_e], float(point[self.at_e]), gaps)

    def _values(self, point: Array) -> Array:
        """What stands for the open pairs' values, in the order of ``rows``."""
        if self.centre.plane is None:
            return point[self.at_t :]
        values = np.empty(self.rows.size)
        at = self.at_t
        for i, corners in self.corners.items():
            mine = self.neurons == i
            heights = np.maximum(self.centre.plane[self.rows[mine]] @ corners.T, 0.0)
            values[mine] = heights @ point[at : at + len(corners)]
            at += len(corners)
        return values


def _cell_corners(polygon: Array, normals: Array) -> Array:
    """Corners of the cells into which lines through the origin cut a convex polygon."""
    ends = np.roll(polygon, -1, axis=0)
    here, there = polygon @ normals.T, ends @ normals.T  # (q, lines)
    edge, line = np.nonzero(here * there < 0)
    part = here[edge, line] / (here[edge, line] - there[edge, line])
    crossings = polygon[edge] + part[:, None] * (ends[edge] - polygon[edge])
    turns = polygon[:, 0] * ends[:, 1] - polygon[:, 1] * ends[:, 0]
    # Where in doubt the origin is a corner: that only makes the hull larger.
    slack = 1e-12 * float(np.abs(polygon).max()) ** 2
    inside = (turns >= -slack).all() or (turns <= slack).all()
    return np.vstack([polygon, crossings, np.zeros((int(inside), 2))])
