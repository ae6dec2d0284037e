"""Lower ends in rational arithmetic, for small problems of one input (Theorem 42).

Nodes are those of `landscape.bracket._kernels_line`: groups (sign, kind, a, b, multiplicity). Only
their numbers of points are taken over from the search; samples and bounds are exact here.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

from landscape.exact import gram, least_nonnegative

__all__ = ["LineBound"]

Array = NDArray[np.float64]
Group = tuple[int, int, int, int, int]


def _integers(values: Iterable[float]) -> tuple[list[int], int]:
    """Integers, and the number by which these are too large."""
    ratios = [value.as_integer_ratio() for value in values]
    unit = lcm(*(q for _, q in ratios))
    return [p * (unit // q) for p, q in ratios], unit


class LineBound:
    """Exact lower bounds of the least sum of squares on nodes, for up to so many kinks."""

    def __init__(self, x: Array, y: Array, n_kinks: int, *, offset: bool) -> None:
        (self.t, _), (self.y, unit) = _integers(x.tolist()), _integers(y.tolist())
        self.unit, self.offset = Fraction(1, unit**2), offset
        self.points = sorted(set(self.t))
        n = len(self.points)
        place = {t: k for k, t in enumerate(self.points)}
        self.place = [place[t] for t in self.t]
        self.least = [{(k, k): Fraction(0) for k in range(n + 1)} for _ in range(n_kinks + 1)]
        for low in range(n):
            for high in range(low + 1, n + 1):
                self.least[0][low, high] = self._affine(low, high)
        for fewer, least in zip(self.least, self.least[1:], strict=False):
            for low, high in self.least[0]:
                cuts = range(low + 1, high)
                parts = [fewer[low, cut] + self.least[0][cut, high] for cut in cuts]
                least[low, high] = min([fewer[low, high], *parts])

    def _affine(self, low: int, high: int) -> Fraction:
        """The least sum of squares of an affine function on the points low..high - 1."""
        own = [k for k, p in enumerate(self.place) if low <= p < high]
        first, w = self.points[low], len(own)
        t, y = [self.t[k] - first for k in own], [self.y[k] for k in own]
        (tt, ty), (_, yy) = gram([t, y])
        spread, mixed = w * tt - sum(t) ** 2, w * ty - sum(t) * sum(y)
        rest = Fraction(w * yy - sum(y) ** 2, w)
        return rest - Fraction(mixed**2, w * spread) if spread else rest

    def of_node(self, node: Iterable[Group]) -> Fraction:
        """On runs the least over the cone of the intervals' rays; inside of blocks, of pieces."""
        groups = [group for group in node if group[4] > 0]
        blocks: list[list[int]] = []
        for a, b in sorted((a, b) for _, kind, a, b, _ in groups if kind < 2):
            if blocks and a < blocks[-1][1]:
                blocks[-1][1] = max(blocks[-1][1], b)
            else:
                blocks.append([a, b])
        total, runs = Fraction(0), set(range(len(self.points)))
        for first, last in blocks:
            low = first + 1
            runs -= set(range(low, last))
            between = [g[4] for g in groups if g[1] < 2 and g[2] < last - 1 and g[3] > low]
            if low < last:
                total += self.least[min(sum(between), len(self.least) - 1)][low, last]
        samples = [k for k, p in enumerate(self.place) if p in runs]
        y, t = [self.y[k] for k in samples], [self.t[k] for k in samples]
        columns = {(1,) * len(t), (-1,) * len(t)} if self.offset else set()
        for sign, kind, a, b, _ in groups:
            for right, at in ((kind != 1, a), (kind == 0, b)):
                side, end = 1 if right else -1, self.points[at]
                columns.add(tuple(sign * max(side * (s - end), 0) for s in t))
        used = sorted(column for column in columns if any(column))
        products = gram([*used, y])
        moments, square = products[-1][:-1], products[-1][-1]
        weights = least_nonnegative(products, moments, range(len(used)))
        return total + square - sum(moments[j] * p for j, p in weights.items())

    def lower_end(
        self,
        roots: Iterable[NDArray[np.int64]],
        enough: Fraction,
        propose: Callable[[NDArray[np.int64]], tuple[bool, int]],
    ) -> tuple[Fraction, int]:
        """What no network of the roots is below, as a sum of squares, and the number of leaves.

        ``propose`` says whether a bound may reach ``enough``, and which group to split otherwise
        (-1: none): the leaves cover the roots whatever it says.
        """
        stack, lowest, leaves = list(roots), None, 0
        while stack:
            node = stack.pop()
            promising, group = propose(node)
            bound = None
            if promising or group < 0:
                bound = self.of_node(map(tuple, node.tolist())) * self.unit
            if group >= 0 and (bound is None or bound < enough):
                stack += _halves(node, group)
                continue
            leaves += 1
            assert bound is not None
            lowest = bound if lowest is None else min(lowest, bound)
        assert lowest is not None
        return lowest, leaves


def _halves(node: NDArray[np.int64], group: int) -> list[NDArray[np.int64]]:
    """Nodes that cover a node: so many of a group's kinks to the left of its middle."""
    sign, kind, a, b, copies = node[group].tolist()
    others = [row for q, row in enumerate(node.tolist()) if q != group and row[4] > 0]
    children = []
    for left in range(copies + 1):
        ends, middle = (left, copies - left), (a + b) // 2
        halves = [(sign, kind, a, middle, ends[0]), (sign, kind, middle, b, ends[1])]
        rows = [*others, *(half for half in halves if half[4])]
        children.append(np.zeros_like(node))
        children[-1][: len(rows)] = rows
    return children
