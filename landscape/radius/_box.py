"""The max-norm box around a parametrization, cut into nodes of a branch and bound.

In the coordinates ``u_i = |c_i| a_i`` and ``s_i = |c_i|`` the box ``‖A - A_0‖ <= r``,
``|c - c_0| <= r`` is a *polyhedron*, for each choice of signs of c: ``s_i (a_0 - r) <= u_i <=
s_i (a_0 + r)``, s_i in an interval. Nothing is lost by going from (a, c) to (u, s). Only balance,
``s_i = ‖a_i‖_inf``, is not polyhedral; it is relaxed between its chord and its tangents, and
recovered by cutting the intervals of s_i and choosing the entry of a_i that attains the norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.parametrization import Parametrization, group_directions, unit_directions
from landscape.realization import realize
from landscape.rounding import Bounded, gamma
from landscape.spaces import Space, UnrestrictedSpace

__all__ = ["Centre", "Node", "roots"]

Array = NDArray[np.float64]

#: Interval ends are moved outwards by this, relative to their size: some roundings.
OUTWARDS = 1e-13
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Centre:
    """A parametrization, its data and its space, as the search needs them.

    Attributes
    ----------
    a, c : arrays of shapes (m, d) and (m,)
        The neurons that may move; an offset is not among them.
    X : array of shape (n, d)
    y : array of shape (n,)
    column : array of shape (n,) or None
        What one unit of the offset adds to the values, None without an offset.
    e : float
        The offset.
    balanced : bool
        Whether ``|c_i| = ‖a_i‖_inf`` in the space.
    lower, upper : arrays of shape (m, d)
        Bounds of u in the space.
    parallel : array of shape (n,)
        Samples with the same entry are parallel; -1 for zero samples.
    turned : array of bool, shape (n,)
        Whether a sample is opposite to the first of its group.
    plane : array of shape (n, 2) or None
        The two inputs on which the values depend, where these are two: see ``Node._polygon``.
    unit : float
        The loss at the centre.
    """

    space: Space
    theta: Parametrization
    a: Array
    c: Array
    X: Array
    y: Array
    column: Array | None
    e: float
    balanced: bool
    lower: Array
    upper: Array
    parallel: NDArray[np.intp]
    turned: NDArray[np.bool_]
    plane: Array | None
    unit: float

    @classmethod
    def build(cls, theta: Parametrization, X: ArrayLike, y: ArrayLike, space: Space) -> Centre:
        """The centre of a search."""
        inputs, targets = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        lower, upper = space.bounds()
        a, c, e, column = theta.weights, theta.output_weights, 0.0, None
        if isinstance(space, UnrestrictedSpace) and space.offset:
            column = np.maximum(inputs @ a[-1], 0.0)
            a, c, e = a[:-1], c[:-1], float(c[-1])
            lower, upper = lower[:-1], upper[:-1]
        labels = group_directions(inputs, oriented=False)
        units = unit_directions(inputs)
        turned = (units * units[np.maximum(labels, 0)]).sum(axis=1) < 0
        balanced = not isinstance(space, UnrestrictedSpace)
        return cls(
            space,
            theta,
            a,
            c,
            inputs,
            targets,
            column,
            e,
            balanced,
            lower,
            upper,
            labels,
            turned,
            _plane(inputs),
            max(float(np.mean(np.square(realize(theta, inputs) - targets))), TINY),
        )

    def loss(self, theta: Parametrization) -> float:
        """Mean squared error."""
        return float(np.mean(np.square(realize(theta, self.X) - self.y)))

    def beaten(self, theta: Parametrization, target: float) -> bool:
        """Whether the loss is below the target for certain: rounding is in the bound."""
        z = (Bounded.exact(theta.weights) @ self.X.T).relu()
        s = z.T @ theta.output_weights - Bounded.exact(self.y)
        n = self.y.size
        return float(s.size @ s.size) / n * (1 + gamma(n)) < target

    def distance(self, theta: Parametrization) -> float:
        """Max-norm distance in (A, c), neuron by neuron."""
        return float(
            max(
                np.abs(theta.weights - self.theta.weights).max(),
                np.abs(theta.output_weights - self.theta.output_weights).max(),
            )
        )

    def parametrization(self, u: Array, s: Array, signs: Array, e: float) -> Parametrization:
        """The element of the space at products u, or with output weights ``signs * s`` in N."""
        if self.balanced:
            # The bounds hold for u up to a solver's tolerance: here exactly.
            u = np.clip(u, self.lower, self.upper)
            last = self.lower[:, -2:] == 0
            u[:, -2:][last] = np.maximum(u[:, -2:][last], 1e-13 * max(TINY, np.abs(u).max()))
            return Parametrization.from_products(u, signs)
        a = np.where(s[:, None] > 0, u / np.where(s > 0, s, 1.0)[:, None], self.a)
        c = signs * s
        if self.column is not None:
            a, c = np.vstack([a, self.theta.weights[-1]]), np.append(c, e)
        return Parametrization(a, c)


@dataclass
class Node:
    """A part of the box: intervals of a_i and s_i, and the sides on which samples lie.

    Attributes
    ----------
    a_low, a_high : arrays of shape (m, d)
    s_low, s_high : arrays of shape (m,)
    e_low, e_high : float
    signs : array of shape (m,)
        Signs of the output weights.
    side : int8 array of shape (n, m)
        1 active, -1 inactive, 0 either.
    cut : bool array of shape (n, m)
        Where the side is a condition and not a consequence of the intervals.
    face : int array of shape (m,)
        ``j + 1`` or ``-(j + 1)`` where entry j of a_i is plus or minus its norm; 0: not known.
    low, high : arrays of shape (n, m)
        Intervals of ``<a_i, x_k>``.
    corners : list of m arrays of shape (q, 2)
        Where the samples see two entries of a_i only: corners of the polygon that these are in.
    """

    a_low: Array
    a_high: Array
    s_low: Array
    s_high: Array
    e_low: float
    e_high: float
    signs: Array
    side: NDArray[np.int8]
    cut: NDArray[np.bool_]
    face: NDArray[np.intp]
    low: Array
    high: Array
    corners: list[Array]

    def copy(self) -> Node:
        """A copy that can be changed."""
        return Node(
            self.a_low.copy(),
            self.a_high.copy(),
            self.s_low.copy(),
            self.s_high.copy(),
            self.e_low,
            self.e_high,
            self.signs.copy(),
            self.side.copy(),
            self.cut.copy(),
            self.face.copy(),
            self.low.copy(),
            self.high.copy(),
            list(self.corners),
        )

    def _heights(self, X: Array, i: int) -> tuple[Array, Array]:
        """Interval of ``<a_i, x_k>`` over the node's intervals, two arrays of shape (n,)."""
        up, down = np.maximum(X, 0.0), np.minimum(X, 0.0)
        low = up @ self.a_low[i] + down @ self.a_high[i]
        high = up @ self.a_high[i] + down @ self.a_low[i]
        size = OUTWARDS * (np.abs(X) @ np.maximum(np.abs(self.a_low[i]), np.abs(self.a_high[i])))
        return low - size, high + size

    def tighten(self, centre: Centre, i: int, passes: int = 4) -> bool:
        """Shrink the intervals of neuron i to what its conditions leave; False: nothing is left."""
        X = centre.X
        low, high = self.a_low[i], self.a_high[i]
        cut = self.cut[:, i]
        rows = X[cut] * self.side[cut, i][:, None]
        up, down = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
        for _ in range(passes):
            before = float((high - low).sum() + self.s_high[i] - self.s_low[i])
            if len(rows):
                # <row, a> >= 0: each entry must make up for what the others can give at most.
                parts = up * high + down * low
                most = parts.sum(axis=1)
                slack = OUTWARDS * np.abs(rows) @ np.maximum(np.abs(low), np.abs(high))
                if (most < -slack).any():
                    return False
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    ends = -(most[:, None] - parts + slack[:, None]) / rows
                np.maximum(low, np.where(rows > 0, ends, -np.inf).max(axis=0), out=low)
                np.minimum(high, np.where(rows < 0, ends, np.inf).min(axis=0), out=high)
            self._tighten_bounds(centre, i)
            if centre.balanced and not self._tighten_norm(i):
                return False
            if (low > high + OUTWARDS * (np.abs(low) + np.abs(high))).any():
                return False
            crossed = low > high
            low[crossed] = high[crossed] = 0.5 * (low[crossed] + high[crossed])
            after = float((high - low).sum() + self.s_high[i] - self.s_low[i])
            if after > 0.9 * before:
                break
        least, most = self._heights(X, i)
        if centre.plane is not None:
            corners = self._polygon(centre.plane, cut, i)
            if len(corners) == 0:
                return False
            self.corners[i] = corners
            values = centre.plane @ corners.T
            size = OUTWARDS * (np.abs(centre.plane) @ np.abs(corners).max(axis=0))
            least = np.maximum(least, values.min(axis=1) - size)
            most = np.minimum(most, values.max(axis=1) + size)
        self.low[:, i], self.high[:, i] = least, most
        open_ = self.side[:, i] == 0
        self.side[open_ & (least >= 0), i] = 1
        self.side[open_ & (most <= 0), i] = -1
        return True

    def _polygon(self, plane: Array, cut: NDArray[np.bool_], i: int) -> Array:
        """Corners of what intervals and conditions leave of the two entries that samples see."""
        low, high = self.a_low[i], self.a_high[i]
        if low.size == 3:  # lifted: p - q
            low = np.array([low[0], low[1] - high[2]])
            high = np.array([high[0], high[1] - self.a_low[i, 2]])
        corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
        size = float(np.abs([low, high]).max())
        for p, q in (plane[cut] * self.side[cut, i][:, None]).tolist():
            corners = _clip(corners, p, q, OUTWARDS * (abs(p) + abs(q)) * size)
        ends = np.array(corners).reshape(-1, 2)
        if len(ends):
            slack = OUTWARDS * size
            left, right = ends.min(axis=0) - slack, ends.max(axis=0) + slack
            a_low, a_high = self.a_low[i], self.a_high[i]
            a_low[0], a_high[0] = max(a_low[0], left[0]), min(a_high[0], right[0])
            if a_low.size == 2:
                a_low[1], a_high[1] = max(a_low[1], left[1]), min(a_high[1], right[1])
            else:
                p, q = (a_low[1], a_high[1]), (a_low[2], a_high[2])
                a_low[1], a_high[1] = max(p[0], left[1] + q[0]), min(p[1], right[1] + q[1])
                a_low[2], a_high[2] = max(q[0], p[0] - right[1]), min(q[1], p[1] - left[1])
        return ends

    def _tighten_bounds(self, centre: Centre, i: int) -> None:
        """``u_ij >= lower`` means ``a_ij >= lower / s_i``."""
        bound = centre.lower[i]
        finite = np.isfinite(bound) & (bound >= 0)
        if self.s_high[i] > 0 and finite.any():
            least = np.where(finite, bound, 0.0) / self.s_high[i] * (1 - OUTWARDS)
            self.a_low[i] = np.where(finite, np.maximum(self.a_low[i], least), self.a_low[i])

    def _tighten_norm(self, i: int) -> bool:
        """Intervals of s_i and a_i agree with ``s_i = ‖a_i‖_inf``."""
        low, high = self.a_low[i], self.a_high[i]
        largest = np.maximum(np.abs(low), np.abs(high))
        smallest = np.maximum(0.0, np.maximum(low, -high))
        self.s_high[i] = min(self.s_high[i], largest.max() * (1 + OUTWARDS))
        self.s_low[i] = max(self.s_low[i], smallest.max() * (1 - OUTWARDS))
        if self.face[i]:
            j, sign = abs(self.face[i]) - 1, np.sign(self.face[i])
            ends = (low[j], high[j]) if sign > 0 else (-high[j], -low[j])
            self.s_low[i] = max(self.s_low[i], ends[0])
            self.s_high[i] = min(self.s_high[i], ends[1])
            if sign > 0:
                low[j] = max(low[j], self.s_low[i])
                high[j] = min(high[j], self.s_high[i])
            else:
                low[j] = max(low[j], -self.s_high[i])
                high[j] = min(high[j], -self.s_low[i])
        if self.s_low[i] > self.s_high[i] * (1 + 2 * OUTWARDS):
            return False
        self.s_low[i] = min(self.s_low[i], self.s_high[i])
        reach = self.s_high[i] * (1 + OUTWARDS)
        np.maximum(low, -reach, out=low)
        np.minimum(high, reach, out=high)
        return True

    # --- parts --------------------------------------------------------------------------------

    def by_side(self, centre: Centre, k: int, i: int) -> Iterator[Node]:
        """Sample k on either side of neuron i's kink, with all that are parallel to it."""
        group = centre.parallel == centre.parallel[k]
        same = np.where(centre.turned == centre.turned[k], 1, -1)
        for side in (1, -1):
            child = self.copy()
            rows = group & (child.side[:, i] == 0)
            child.side[rows, i] = (side * same)[rows]
            child.cut[k, i] = True
            if child.tighten(centre, i):
                yield child

    def by_face(self, centre: Centre, i: int) -> Iterator[Node]:
        """Each entry of a_i that can attain the norm."""
        for j in range(centre.a.shape[1]):
            for sign in (1, -1):
                child = self.copy()
                child.face[i] = sign * (j + 1)
                if child.tighten(centre, i):
                    yield child

    def by_size(self, centre: Centre, i: int, at: float) -> Iterator[Node]:
        """s_i below and above a value."""
        for below in (True, False):
            child = self.copy()
            if below:
                child.s_high[i] = at
            else:
                child.s_low[i] = at
            if child.tighten(centre, i):
                yield child


def _plane(X: Array) -> Array | None:
    """The two inputs on which the values depend: those of (x, b), or of lifted (x, 1, -1)."""
    if X.shape[1] == 2:
        return X
    if X.shape[1] == 3 and np.array_equal(X[:, 1], -X[:, 2]):
        return np.ascontiguousarray(X[:, :2])
    return None


def _clip(
    corners: list[tuple[float, float]], p: float, q: float, slack: float
) -> list[tuple[float, float]]:
    """The part of a convex polygon where ``p x + q y >= -slack``."""
    kept: list[tuple[float, float]] = []
    heights = [p * x + q * y + slack for x, y in corners]
    for at, (x, y) in enumerate(corners):
        before = at - 1
        here, there = heights[at], heights[before]
        if (here >= 0) != (there >= 0):
            part = there / (there - here)
            x0, y0 = corners[before]
            kept.append((x0 + part * (x - x0), y0 + part * (y - y0)))
        if here >= 0:
            kept.append((x, y))
    return kept


def roots(centre: Centre, radius: float) -> Iterator[Node]:
    """The box of a radius, one node for each choice of signs that it contains.

    c_i changes its sign only where ``radius > |c_i|``; on the other side ``|c_i|`` is at most
    what is left. The case of no change comes first.
    """
    m = len(centre.c)
    size = np.abs(centre.c)
    signs = np.where(centre.c < 0, -1.0, 1.0)
    turnable = np.flatnonzero(radius > size)
    radius = radius * (1 + OUTWARDS)
    for count in range(len(turnable) + 1):
        for chosen in combinations(turnable.tolist(), count):
            turned = np.zeros(m, dtype=bool)
            turned[list(chosen)] = True
            node = Node(
                centre.a - radius,
                centre.a + radius,
                np.where(turned, 0.0, np.maximum(0.0, size - radius)),
                np.where(turned, radius - size, size + radius),
                centre.e - radius,
                centre.e + radius,
                np.where(turned, -signs, signs),
                np.zeros((len(centre.X), m), dtype=np.int8),
                np.zeros((len(centre.X), m), dtype=bool),
                np.zeros(m, dtype=np.intp),
                np.zeros((len(centre.X), m)),
                np.zeros((len(centre.X), m)),
                [np.empty((0, 2))] * m,
            )
            if all(node.tighten(centre, i) for i in range(m)):
                yield node
