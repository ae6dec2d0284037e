"""The max-norm box around a parametrization, cut into nodes of a branch and bound.

In the coordinates ``u_i = |c_i| a_i`` and ``s_i = |c_i|`` the box ``‖A - A_0‖ <= r``,
``|c - c_0| <= r`` is a *polyhedron*, for each choice of signs of c: ``s_i (a_0 - r) <= u_i <=
s_i (a_0 + r)``, s_i in an interval. Nothing is lost by going from (a, c) to (u, s). Only balance,
``s_i = ‖a_i‖_inf``, is not polyhedral; it is relaxed between its chord and its tangents, and
recovered by cutting the intervals of s_i and choosing the entry of a_i that attains the norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import (
    Loss,
    WeightDecay,
    decay_rows,
    get_loss,
    get_weight_decay,
    needs_loss,
)
from landscape.objective import loss as mean_squared_error
from landscape.objective import n_biases
from landscape.parametrization import Parametrization, group_directions, unit_directions
from landscape.realization import realize
from landscape.rounding import Array, Bounded, gamma
from landscape.spaces import Space, UnrestrictedSpace

#: Interval ends are moved outwards by this, relative to their size: some roundings.
OUTWARDS = 1e-13
TINY = float(np.finfo(float).tiny)


class Centre:
    """A parametrization, its data and its space, as the search needs them.

    ``a`` (m, d) and ``c`` (m,) are the neurons that may move, not ``e``, the weight of a frozen
    offset, of which one unit adds ``column`` (n,) to the values (None without one); ``lower`` and
    ``upper`` (m, d) bound u. Samples with the same ``parallel`` (n,) are parallel, zero ones have
    -1; ``turned`` ones are opposite to the first of their group. ``plane`` (n, 2) are the inputs on
    which the values depend, (x, b) or those of lifted (x, 1, -1), where these are two. ``unit`` is
    the loss at the centre. ``r`` (n,) are the residuals there, of which ``sample_loss`` is a
    function (None: the square), and ``norms`` (m,) the ``‖decay u_i‖_2`` of a weight decay.
    """

    def __init__(
        self, theta: Parametrization, X: ArrayLike, y: ArrayLike, space: Space,
        loss: str | Loss | None = None, weight_decay: float | WeightDecay | None = None,
    ) -> None:  # fmt: skip
        self.theta, self.space = theta, space
        self.X, self.y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        self.balanced = not isinstance(space, UnrestrictedSpace)
        offset = isinstance(space, UnrestrictedSpace) and space.offset
        m = theta.n_neurons - offset
        self.a, self.c = theta.weights[:m], theta.output_weights[:m]
        self.e = float(theta.output_weights[-1]) if offset else 0.0
        self.column = np.maximum(self.X @ theta.weights[-1], 0.0) if offset else None
        self.lower, self.upper = (bound[:m] for bound in space.bounds())
        self.parallel, units = group_directions(self.X, oriented=False), unit_directions(self.X)
        self.turned = (units * units[np.maximum(self.parallel, 0)]).sum(axis=1) < 0
        lifted = self.X.shape[1] == 3 and np.array_equal(self.X[:, 1], -self.X[:, 2])
        flat = lifted or self.X.shape[1] == 2
        self.plane = np.ascontiguousarray(self.X[:, :2]) if flat else None
        self.sample_loss, self.weight_decay = None, get_weight_decay(weight_decay)
        self.decay, self.norms, self.offset_decay = None, np.zeros(m), 0.0
        if needs_loss(loss, None) or self.weight_decay is not None:
            self.y, self.sample_loss = get_loss(loss).on(self.y)
        self.r = realize(theta, self.X) - self.y
        if self.weight_decay is not None:
            self.decay = decay_rows(self.weight_decay, self.X.shape[1], n_biases(space))
            products = np.abs(self.c)[:, None] * self.a
            self.norms = np.linalg.norm(products @ self.decay.T, axis=1)
            if self.weight_decay.offset and offset:
                self.offset_decay = self.weight_decay.strength
        self.unit = max(self.value(theta), TINY)

    def value(self, theta: Parametrization) -> float:
        """The loss, with its weight decay."""
        if self.sample_loss is None:
            return mean_squared_error(theta, self.X, self.y)
        r = realize(theta, self.X) - self.y
        return float(self.sample_loss.value(r).mean()) + self.penalty(theta)

    def penalty(self, theta: Parametrization) -> float:
        """The weight decay: of the parameters in N, else its least value over rescalings."""
        if self.decay is None or self.weight_decay is None:
            return 0.0
        m, strength = len(self.c), self.weight_decay.strength
        c = theta.output_weights
        norms = np.linalg.norm(theta.weights[:m] @ self.decay.T, axis=1)
        if self.balanced:
            return float(norms @ np.abs(c))
        size = float(norms @ norms) / (4 * strength) + strength * float(c[:m] @ c[:m])
        return size + self.offset_decay * float(c[m:] @ c[m:])

    def distance(self, theta: Parametrization) -> float:
        """Max-norm distance in (A, c), neuron by neuron."""
        gaps = theta.weights - self.theta.weights, theta.output_weights - self.theta.output_weights
        return float(max(np.abs(gap).max() for gap in gaps))

    def better(self, theta: Parametrization, target: float, radius: float) -> bool:
        """Whether theta is in the space and the box, its loss below the target for certain."""
        z = (Bounded.exact(theta.weights) @ self.X.T).relu()
        s, n = z.T @ theta.output_weights - Bounded.exact(self.y), self.y.size
        if self.sample_loss is None:
            below = float(s.size @ s.size) / n * (1 + gamma(n)) < target
        else:
            losses = float(self.sample_loss.bounded(s)[0].size.sum()) / n
            penalty = self.penalty(theta) * (1 + gamma(theta.weights.size + 8))
            below = losses * (1 + gamma(n)) + penalty * (1 + gamma(1)) < target
        return below and self.distance(theta) <= radius and self.space.contains(theta)

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
    """A part of the box: intervals of a_i (m, d), s_i and e, and the sides on which samples lie.

    ``signs`` (m,) are those of the output weights. ``side`` (n, m) is 1 for active, -1 for
    inactive, 0 for either, ``cut`` where that is a condition and no consequence of the intervals.
    ``face`` (m,) is ``j + 1`` or ``-(j + 1)`` where entry j of a_i is plus or minus its norm, 0
    where that is not known. ``low`` and ``high`` (n, m) are intervals of ``<a_i, x_k>``; in a plane
    ``corners[i]`` (q, 2) are those of the polygon that holds what samples see of a_i.
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

    def tighten(self, centre: Centre, i: int) -> bool:
        """Shrink the intervals of neuron i to what its conditions leave; False: nothing is left."""
        X, low, high, cut = centre.X, self.a_low[i], self.a_high[i], self.cut[:, i]
        rows = X[cut] * self.side[cut, i][:, None]
        up, down = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
        for _ in range(4):
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
            if self.s_high[i] > 0:  # u_ij >= lower means a_ij >= lower / s_i
                floor = np.where(centre.lower[i] >= 0, centre.lower[i], -np.inf)
                np.maximum(low, floor / self.s_high[i] * (1 - OUTWARDS), out=low)
            if centre.balanced and not self._tighten_norm(i):
                return False
            if (low > high + OUTWARDS * (np.abs(low) + np.abs(high))).any():
                return False
            crossed = low > high
            low[crossed] = high[crossed] = 0.5 * (low[crossed] + high[crossed])
            after = float((high - low).sum() + self.s_high[i] - self.s_low[i])
            if after > 0.9 * before:
                break
        up, down = np.maximum(X, 0.0), np.minimum(X, 0.0)
        size = OUTWARDS * (np.abs(X) @ np.maximum(np.abs(low), np.abs(high)))
        least, most = up @ low + down @ high - size, up @ high + down @ low + size
        if centre.plane is not None:
            self.corners[i] = corners = self._polygon(centre.plane, cut, i)
            if len(corners) == 0:
                return False
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
        a_low, a_high = self.a_low[i], self.a_high[i]
        low, high = a_low[:2].tolist(), a_high[:2].tolist()
        if a_low.size == 3:  # lifted: p - q
            low[1], high[1] = a_low[1] - a_high[2], a_high[1] - a_low[2]
        corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
        size = float(np.abs([low, high]).max())
        for p, q in (plane[cut] * self.side[cut, i][:, None]).tolist():
            corners = _clip(corners, p, q, OUTWARDS * (abs(p) + abs(q)) * size)
        ends = np.array(corners).reshape(-1, 2)
        if len(ends):
            left, right = ends.min(axis=0) - OUTWARDS * size, ends.max(axis=0) + OUTWARDS * size
            if a_low.size == 3:  # p - q in [left, right]
                (p_low, q_low), (p_high, q_high) = a_low[1:], a_high[1:]
                least, most = left[1], right[1]
                left = np.array([left[0], least + q_low, p_low - most])
                right = np.array([right[0], most + q_high, p_high - least])
            np.maximum(a_low, left, out=a_low)
            np.minimum(a_high, right, out=a_high)
        return ends

    def _tighten_norm(self, i: int) -> bool:
        """Intervals of s_i and a_i agree with ``s_i = ‖a_i‖_inf``."""
        low, high = self.a_low[i], self.a_high[i]
        s_low = max(self.s_low[i], max(0.0, np.maximum(low, -high).max()) * (1 - OUTWARDS))
        s_high = min(self.s_high[i], np.maximum(np.abs(low), np.abs(high)).max() * (1 + OUTWARDS))
        if self.face[i]:
            j, sign = abs(self.face[i]) - 1, np.sign(self.face[i])
            least, most = sorted((sign * low[j], sign * high[j]))
            s_low, s_high = max(s_low, least), min(s_high, most)
            least, most = sorted((sign * s_low, sign * s_high))
            low[j], high[j] = max(low[j], least), min(high[j], most)
        if s_low > s_high * (1 + 2 * OUTWARDS):
            return False
        self.s_low[i], self.s_high[i] = min(s_low, s_high), s_high
        reach = s_high * (1 + OUTWARDS)
        np.maximum(low, -reach, out=low)
        np.minimum(high, reach, out=high)
        return True

    def by_side(self, centre: Centre, k: int, i: int) -> Iterator[Node]:
        """Sample k on either side of neuron i's kink, with all that are parallel to it."""
        rows = (centre.parallel == centre.parallel[k]) & (self.side[:, i] == 0)
        same = np.where(centre.turned == centre.turned[k], 1, -1)[rows]
        for side in (1, -1):
            yield from self._part(centre, i, side=((rows, i), side * same), cut=((k, i), True))

    def by_face(self, centre: Centre, i: int) -> Iterator[Node]:
        """Each entry of a_i that can attain the norm."""
        for j in range(1, centre.a.shape[1] + 1):
            yield from self._part(centre, i, face=(i, j))
            yield from self._part(centre, i, face=(i, -j))

    def by_size(self, centre: Centre, i: int, at: float) -> Iterator[Node]:
        """s_i below and above a value."""
        yield from self._part(centre, i, s_high=(i, at))
        yield from self._part(centre, i, s_low=(i, at))

    def _part(self, centre: Centre, i: int, **changes: tuple[Any, Any]) -> Iterator[Node]:
        """The node with changed entries, of neuron i, unless it is empty."""
        child = Node(**{name: copy(value) for name, value in vars(self).items()})
        for name, (entry, value) in changes.items():
            getattr(child, name)[entry] = value
        if child.tighten(centre, i):
            yield child


def _clip(
    corners: list[tuple[float, float]], p: float, q: float, slack: float
) -> list[tuple[float, float]]:
    """The part of a convex polygon where ``p x + q y >= -slack``."""
    kept: list[tuple[float, float]] = []
    heights = [p * x + q * y + slack for x, y in corners]
    for at, (x, y) in enumerate(corners):
        here, there = heights[at], heights[at - 1]
        if (here >= 0) != (there >= 0):
            part = there / (there - here)
            x0, y0 = corners[at - 1]
            kept.append((x0 + part * (x - x0), y0 + part * (y - y0)))
        if here >= 0:
            kept.append((x, y))
    return kept


def roots(centre: Centre, radius: float) -> Iterator[Node]:
    """The box of a radius, one node for each choice of signs that it contains.

    c_i changes its sign only where ``radius > |c_i|``; on the other side ``|c_i|`` is at most
    what is left. The case of no change comes first.
    """
    m, size, shape = len(centre.c), np.abs(centre.c), (len(centre.X), len(centre.c))
    signs = np.where(centre.c < 0, -1.0, 1.0)
    turnable = np.flatnonzero(radius > size).tolist()
    radius = radius * (1 + OUTWARDS)
    choices = (chosen for k in range(len(turnable) + 1) for chosen in combinations(turnable, k))
    for turned in (np.isin(np.arange(m), chosen) for chosen in choices):
        node = Node(
            a_low=centre.a - radius,
            a_high=centre.a + radius,
            s_low=np.where(turned, 0.0, np.maximum(0.0, size - radius)),
            s_high=np.where(turned, radius - size, size + radius),
            e_low=centre.e - radius,
            e_high=centre.e + radius,
            signs=np.where(turned, -signs, signs),
            side=np.zeros(shape, dtype=np.int8),
            cut=np.zeros(shape, dtype=bool),
            face=np.zeros(m, dtype=np.intp),
            low=np.zeros(shape),
            high=np.zeros(shape),
            corners=[np.empty((0, 2))] * m,
        )
        if all(node.tighten(centre, i) for i in range(m)):
            yield node
