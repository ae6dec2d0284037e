"""A convex quadratic program below the loss on a node, and a bound from its multipliers.

Where the side of a sample is open, ``t_ik`` stands for ``relu(<u_i, x_k>)`` between the function
and its chord over the node's interval, in the homogeneous form that is linear in (u, s) and tight
at both ends for every s. The loss is a convex quadratic in the residuals ``sum_i sigma_i t_ik -
y_k``. So a pair contributes exactly where its residual pushes t down (``sigma_i s_k >= 0``), and by
its chord where it pushes t up. The bound never trusts the solver: it holds for any point and any
multipliers >= 0 (Theorem 10), those of equations of either sign. Other convex losses, and a weight
decay, take Newton's steps of such programs; the bound is by their tangents (Theorem 39). Losses
with corners give linear programs, whose multipliers are slopes that support them (Theorem 43.4).
What rounding may move entries, intervals and sums by is subtracted, relative to the sizes of all
terms.

Where the samples see only two entries of a_i (one input with a bias), all kinks are lines through
the origin of a plane and the cells of the node's polygon have few corners v_j. There the *joint*
convex hull of ``(a_i, relu(<a_i, x_1>), ..., relu(<a_i, x_n>))`` is that of its values at the
corners: ``u_i = sum_j w_j v_j``, ``t_ik = sum_j w_j relu(<v_j, x_k>)``, ``s_i = sum_j w_j`` with
w >= 0.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csc_matrix, diags, triu

from landscape.corners import minimize_corners, supported
from landscape.losses import KinkedLoss, Loss
from landscape.quadratic import minimize_quadratic
from landscape.radius._box import OUTWARDS, TINY, Centre, Node
from landscape.rounding import Array, Bounded, gamma

#: Programs per node, of losses that are no squares.
NEWTON_STEPS = 12
Entries = tuple[NDArray[np.intp], Array | float]


class Relaxation:
    """``min (1/n) ‖B v - y‖^2`` over ``G v <= h`` with v = (u, s, e, t); ``n_equal`` equations.

    Solved for a node: ``bound`` is a proven lower bound of the mean squared error on it (inf: it is
    empty), ``u`` (m, d), ``s`` (m,), ``e`` the solver's point. ``gaps`` (n, m) say by how much the
    loss may change when an open pair's value becomes the true one.
    """

    def __init__(self, centre: Centre, node: Node, target: float = np.inf) -> None:
        self.centre, self.node = centre, node
        X, (m, d) = centre.X, node.a_low.shape
        self.rows, self.neurons = np.nonzero(node.side == 0)
        self.at_s, self.at_e, self.at_t = m * d, m * d + m, m * d + m + 1
        #: In a plane: per neuron with open samples, these, the corners of its cells, their columns.
        self.hulls: list[tuple[int, NDArray[np.intp], Array, NDArray[np.intp]]] = []
        self.size = self.at_t + self.rows.size
        if centre.plane is not None:
            self.size = self.at_t
            for i in np.unique(self.neurons).tolist():
                rows = self.rows[self.neurons == i]
                corners = _cell_corners(node.corners[i], centre.plane[rows])
                columns = self.size + np.arange(len(corners))
                self.hulls.append((i, rows, corners, columns))
                self.size += len(corners)
        self.B = np.zeros((len(X), self.size))
        scale = node.signs * (node.side == 1)
        self.B[:, : m * d] = (scale[:, :, None] * X[:, None, :]).reshape(len(X), m * d)
        if centre.column is not None:
            self.B[:, self.at_e] = centre.column
        self.blocks: list[Array] = []
        self.sides: list[Array] = []
        self.t_high = np.empty(0)
        if centre.plane is None:
            self.B[self.rows, self.at_t + np.arange(self.rows.size)] = node.signs[self.neurons]
        else:
            self._hulls(centre.plane)
        self.n_equal = 3 * len(self.hulls)
        self._intervals()
        if centre.balanced:
            self._norms()
        self._sides()
        if centre.plane is None:
            self._triangles()
        self.G, self.h = np.vstack(self.blocks), np.concatenate(self.sides)
        #: What errors of the entries are relative to: those of hulls cancel.
        self.sizes_B, self.sizes_G = np.abs(self.B), np.abs(self.G)
        for k, (_, _, corners, columns) in enumerate(self.hulls):
            size = float(np.abs(corners).max())
            self.sizes_B[:, columns] = np.abs(X).sum(axis=1)[:, None] * size
            self.sizes_G[3 * k : 3 * k + 2, columns] = size
        self.etas = centre.norms
        if centre.sample_loss is None:
            point, multipliers, feasible = self.solve()
            self.bound = self.dual_bound(point, multipliers, feasible)
        elif isinstance(centre.sample_loss, KinkedLoss):
            point, self.bound = self._at_corners(centre.sample_loss)
        else:
            point, self.bound = self._newton(centre.sample_loss, target)
        self.u, self.s = point[: m * d].reshape(m, d), point[m * d : m * d + m]
        self.e, self.gaps = float(point[self.at_e]), self._gaps(point)

    def _add(self, sides: Array, *entries: Entries) -> None:
        """Rows of ``G v <= h`` by their entries: columns (p,) or (p, q) and values."""
        block, at = np.zeros((len(sides), self.size)), np.arange(len(sides))
        for columns, values in entries:
            block[at if columns.ndim == 1 else at[:, None], columns] = values
        self.blocks.append(block)
        self.sides.append(sides)

    def _intervals(self) -> None:
        """``s a_low <= u <= s a_high``, the intervals of s and e, the bounds of u."""
        node, centre = self.node, self.centre
        u, rest = np.arange(self.at_s), np.arange(self.at_s, self.at_t)
        of = self.at_s + u // node.a_low.shape[1]
        for sign, ends in ((1.0, node.a_high), (-1.0, node.a_low)):
            self._add(np.zeros(u.size), (u, sign), (of, -sign * ends.ravel()))
        for sign, s, e in ((1.0, node.s_high, node.e_high), (-1.0, node.s_low, node.e_low)):
            self._add(sign * np.append(s, e), (rest, sign))
        # 0 <= u already follows from 0 <= a_low.
        implied = (centre.lower == 0) & (node.a_low >= 0)
        for sign, bound in ((1.0, centre.upper), (-1.0, np.where(implied, -np.inf, centre.lower))):
            finite = np.flatnonzero(np.isfinite(bound))
            self._add(sign * bound.ravel()[finite], (finite, sign))

    def _norms(self) -> None:
        """``|u_ij| <= s_i^2``, below the chord; on a known face ``|u_ij| >= s_i^2``, tangents."""
        node, d = self.node, self.node.a_low.shape[1]
        low, high = node.s_low, node.s_high
        for sign, ends in ((1.0, node.a_high), (-1.0, -node.a_low)):
            i, j = np.nonzero(ends > low[:, None])
            self._add(-(low * high)[i], (i * d + j, sign), (self.at_s + i, -(low + high)[i]))
        known = np.flatnonzero(node.face)
        face = node.face[known]
        for weight in (0.0, 0.5, 1.0):
            touch = (1 - weight) * low[known] + weight * high[known]
            column = known * d + np.abs(face) - 1
            self._add(touch**2, (column, -1.0 * np.sign(face)), (self.at_s + known, 2 * touch))

    def _hulls(self, plane: Array) -> None:
        """``u = sum_j w_j v_j`` as the samples see it, and ``s = sum_j w_j``."""
        node, d = self.node, self.node.a_low.shape[1]
        for i, rows, corners, columns in self.hulls:
            heights = np.maximum(plane[rows] @ corners.T, 0.0)
            self.B[np.ix_(rows, columns)] = node.signs[i] * heights
            own = np.array([i * d, i * d + 1, self.at_s + i])
            hull = np.vstack([corners.T, np.ones(len(corners))])
            self._add(np.zeros(3), (own, -1.0), (columns[None], hull))
            if d == 3:
                self.blocks[-1][1, i * d + 2] = 1.0  # p - q
            self.t_high = np.append(self.t_high, np.full(len(corners), node.s_high[i]))

    def _sides(self) -> None:
        """Sides that are conditions; t (or w) is at least 0."""
        (k, i), (_, d) = np.nonzero(self.node.cut), self.node.a_low.shape
        values = -self.node.side[k, i][:, None] * self.centre.X[k]
        self._add(np.zeros(k.size), (i[:, None] * d + np.arange(d), values))
        more = np.arange(self.at_t, self.size)
        self._add(np.zeros(more.size), (more, -1.0))

    def _triangles(self) -> None:
        """Between the function and its chord."""
        node, k, i = self.node, self.rows, self.neurons
        d, zeros, t = node.a_low.shape[1], np.zeros(k.size), self.at_t + np.arange(k.size)
        columns, x = i[:, None] * d + np.arange(d), self.centre.X[k]
        low, high = node.low[k, i], node.high[k, i]
        self.t_high = np.maximum(high, 0.0) * node.s_high[i] * (1 + 1e-12)
        slope = np.where(high > low, high / np.where(high > low, high - low, 1.0), 1.0)
        self._add(zeros, (t, -1.0), (columns, x))
        self._add(zeros, (t, 1.0), (columns, -slope[:, None] * x), (self.at_s + i, slope * low))

    def solve(self) -> tuple[Array, Array, bool]:
        """The solver's point and multipliers, and whether it found the program feasible."""
        size, unit = self.size, self.centre.unit
        rows: Array = np.column_stack([self.B, self.centre.y])
        if len(rows) > size + 1:  # as many residuals have the same sum of squares, up to rounding
            rows = np.asarray(np.linalg.qr(rows, "r"))
        n = len(rows)
        # The residuals as variables of their own keep the quadratic sparse. In units of the loss
        # at the centre, so that absolute tolerances mean the same on all data.
        diagonal = np.append(np.zeros(size), np.full(n, 2.0 / (len(self.B) * unit)))
        hessian = csc_matrix((diagonal, np.arange(size + n), np.arange(size + n + 1)))
        matrix = np.block([[rows[:, :-1], -np.eye(n)], [self.G, np.zeros((len(self.G), n))]])
        point, multipliers, status = minimize_quadratic(
            hessian, np.zeros(size + n), matrix, np.append(rows[:, -1], self.h), n + self.n_equal
        )
        return point[:size], multipliers[n:] * unit, "PrimalInfeasible" not in status

    def _newton(self, loss: Loss, target: float) -> tuple[Array, float]:
        """A point and the best bound of Newton's steps, until it reaches the target (Theorem 39).

        In each of them losses are replaced by their quadratic models, ``‖p‖_2`` by ``‖p‖_2^2 / (2
        eta)`` with its last value eta. Every step's point and multipliers give a bound.
        """
        centre, (n, size), (m, d) = self.centre, self.B.shape, self.node.a_low.shape
        matrix = np.block([[self.B, -np.eye(n)], [self.G, np.zeros((len(self.G), n))]])
        right = np.concatenate([centre.y, self.h])
        r, point, best = centre.r, np.zeros(0), -np.inf
        floor = 1e-6 * max(1e-6, float(centre.norms.max(initial=0.0)))
        for _ in range(NEWTON_STEPS):
            curvature = loss.half_curvature(r)
            curvature = curvature + 1e-9 * max(1e-9, float(curvature.max()))
            blocks: list[Array] = []
            self.etas = np.maximum(self.etas, floor)
            if centre.decay is not None:
                square = centre.decay.T @ centre.decay
                blocks = [square / eta for eta in self.etas]
            rest = np.zeros(size - m * d * bool(blocks))
            if centre.offset_decay:
                rest[self.at_e - size + rest.size] = 2 * centre.offset_decay
            quadratic = block_diag(
                [*blocks, diags(np.append(rest, 2.0 / n * curvature))], format="csc"
            )
            linear = np.append(np.zeros(size), 2.0 / n * (loss.half_slope(r) - curvature * r))
            found, multipliers, status = minimize_quadratic(
                triu(quadratic / centre.unit, format="csc"), linear / centre.unit, matrix, right,
                n + self.n_equal,
            )  # fmt: skip
            moved, feasible = found[:size], "PrimalInfeasible" not in status
            bound = self.dual_bound(moved, multipliers[n:] * centre.unit, feasible)
            best = max(best, bound)
            if bound >= target or not feasible:
                return moved, best
            step = 1.0
            if point.size:
                here = self._value(loss, point)
                while step > 1e-3 and self._value(loss, point + step * (moved - point)) > here:
                    step *= 0.5
                moved = point + step * (moved - point)
            point, r = moved, self.B @ moved - centre.y
            if centre.decay is not None:
                self.etas = np.linalg.norm(point[: m * d].reshape(m, d) @ centre.decay.T, axis=1)
            if self._value(loss, point) - best <= 1e-9 * centre.unit:
                break
        return point, best

    def _at_corners(self, loss: KinkedLoss) -> tuple[Array, float]:
        """The point and the bound of the linear program of a loss with corners (Theorem 43.4)."""
        (at, low, high), factor = loss.pieces(), 2.0 / len(self.centre.y)
        found = minimize_corners(
            self.B, self.centre.y + at, factor * low, factor * high,
            rows=self.G, right=self.h, n_equal=self.n_equal,
        )  # fmt: skip
        slopes = found.slopes / factor
        return found.x, self.dual_bound(found.x, found.multipliers, found.feasible, slopes)

    def _value(self, loss: Loss, point: Array) -> float:
        """The relaxed objective."""
        centre, (m, d) = self.centre, self.node.a_low.shape
        value = float(loss.value(self.B @ point - centre.y).mean())
        if centre.decay is not None:
            products = point[: m * d].reshape(m, d)
            value += float(np.linalg.norm(products @ centre.decay.T, axis=1).sum())
        return value + centre.offset_decay * float(point[self.at_e]) ** 2

    def _tangents(
        self, loss: Loss, point: Array, most: Array, slopes: Array | None
    ) -> tuple[Array, float, float]:
        """An affine function of the variables below the objective, and the sizes of its terms.

        ``slopes`` are those at the corners of a loss that has some.
        """
        centre, (m, d), n = self.centre, self.node.a_low.shape, len(self.centre.y)
        at = self.B @ point - centre.y
        if slopes is not None and isinstance(loss, KinkedLoss):
            losses, s = supported(loss, slopes, Bounded.exact(at))
        else:
            losses, s = loss.bounded(Bounded.exact(at))
        slope, size = 2.0 / n * (self.B.T @ s.value), 0.0
        constant = float((losses.value - losses.error).mean()) - 2.0 / n * float(
            s.value @ (at + centre.y)
        )
        reach = np.abs(at) + np.abs(centre.y) + self.sizes_B @ most
        size += float(losses.size.mean()) + 2.0 / n * float(s.size @ reach)
        constant -= 2.0 / n * float(s.error @ reach) * (1 + 1e-12)
        if centre.decay is not None:
            pulls = point[: m * d].reshape(m, d) @ centre.decay.T
            norms = np.linalg.norm(pulls, axis=1) * (1 + 1e-12)
            pulls = pulls / np.maximum(np.maximum(norms, self.etas), TINY)[:, None]
            slope[: m * d] += (pulls @ centre.decay).ravel()
            size += float((np.abs(pulls) @ np.abs(centre.decay)).ravel() @ most[: m * d])
        if centre.offset_decay:
            e = float(point[self.at_e])
            slope[self.at_e] += 2 * centre.offset_decay * e
            constant -= centre.offset_decay * e * e
            size += centre.offset_decay * abs(e) * (abs(e) + 2 * float(most[self.at_e]))
        return slope, constant, size

    def dual_bound(
        self, point: Array, multipliers: Array, feasible: bool, slopes: Array | None = None
    ) -> float:
        """A lower bound of the loss for any point and multipliers; inf: the node is empty."""
        node, y, n = self.node, self.centre.y, len(self.centre.y)
        # Intervals of all variables.
        a = np.stack([node.a_low, node.a_high])
        ends = np.concatenate([a * node.s_low[:, None], a * node.s_high[:, None]])
        zero = np.zeros(self.size - self.at_t)
        low = np.concatenate([ends.min(axis=0).ravel(), node.s_low, [node.e_low], zero])
        high = np.concatenate([ends.max(axis=0).ravel(), node.s_high, [node.e_high], self.t_high])
        most, pulls = np.maximum(np.abs(low), np.abs(high)), np.abs(multipliers)
        size = float(pulls @ np.abs(self.h) + (pulls @ self.sizes_G) @ most)
        slope, constant = self.G.T @ multipliers, -float(multipliers @ self.h)
        if feasible and self.centre.sample_loss is not None:
            own, below, terms = self._tangents(self.centre.sample_loss, point, most, slopes)
            slope, constant, size = slope + own, constant + below, size + terms
        elif feasible:
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

    def _gaps(self, point: Array) -> Array:
        values, gaps = np.zeros((2, *self.node.side.shape))
        if self.centre.plane is None:
            values[self.rows, self.neurons] = point[self.at_t :]
        for neuron, rows, _, columns in self.hulls:
            heights = self.node.signs[neuron] * self.B[np.ix_(rows, columns)]
            values[rows, neuron] = heights @ point[columns]
        k, i = self.rows, self.neurons
        z = (self.centre.X[k] * self.u[i]).sum(axis=1)
        excess = values[k, i] - np.maximum(z, 0.0)
        residual, curvature = self.B @ point - self.centre.y, np.ones(len(self.centre.y))
        if (loss := self.centre.sample_loss) is not None:
            moved = residual[k] - self.node.signs[i] * excess
            residual, curvature = loss.half_slope(residual), loss.half_curvature(residual)
        steep = np.abs(residual)[k]
        if isinstance(loss, KinkedLoss):  # of a sample that passes its corner the steeper side
            at, low, high = loss.pieces()
            steep = np.maximum(steep, np.where(moved < at[k], -low[k], high[k]))
        gaps[k, i] = excess * (2 * steep + curvature[k] * excess) / len(residual)
        return gaps


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
