"""Exact Lipschitz constants of networks as functions of their own inputs, on R^d or on a box.

On a convex domain the least L with ``|f(x) - f(y)| <= L ‖x - y‖_p`` is the largest dual norm of a
gradient, over the regions of ``<a_i, x> + b_i = 0`` whose interior meets the domain's. These are
the cells of the central arrangement of the rows ``(a_i, b_i)`` in the half-space t > 0 of (x, t):
cells beyond t = 0 are no regions, and do not count. (`landscape.sobolev_seminorm` of the network
over (x, 1) counts them, and the bias as a further slope: another, larger number.)

As g(-x, -t) is the sum of all jumps minus g(x, t), one more neuron ``(0, -1)`` that takes this sum
away makes the size of g the same at (x, t) and (-x, -t): so for max-norms of ``g S``, which sign
vectors S make of a 1-norm, the constant is a seminorm, and `landscape.seminorm` finds it (Theorem
25).
For the Euclidean norm, many inputs and boxes, regions are searched by branch and bound: sides of
the hyperplanes are chosen one after another, the heaviest first; each choice has a point, or a
conflict, which integers confirm.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.arrangement import Arrangement, Infeasible, sides_at
from landscape.arrangement._integers import IntVector, integer_rows, move_off, strict_solution
from landscape.compiled import seldom
from landscape.networks import as_network
from landscape.parametrization import max_norms
from landscape.seminorm._record import EPS, Array, Found, Limits, Pattern

if TYPE_CHECKING:  # these import numba
    from landscape.seminorm._problem import CellProblem, Planes, Reduced

__all__ = ["LipschitzConstant", "lipschitz_constant"]

#: Up to this many inputs a 1-norm is a max-norm over all sign vectors.
MAX_SIGNED_INPUTS = 6
DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}


@dataclass(frozen=True, eq=False)
class LipschitzConstant:
    """A Lipschitz constant with its witness.

    Attributes
    ----------
    lower, upper : float
        It lies in ``[lower - tolerance, upper + tolerance]``; they are equal if exact.
    norm : float
        Of the inputs: 1, 2 or inf. The gradient is measured in the dual one: inf, 2 or 1.
    witness : array of shape (d,)
        A point of the domain, off all kinks, whose gradient has the dual norm ``lower``.
    gradient : array of shape (d,)
    pattern : bool array of shape (m,)
        Which neurons are active there.
    exact : bool
        Whether the search was complete.
    method : str
        A method of `landscape.seminorm`, or "regions" for branch and bound.
    tolerance : float
        Absolute bound on the rounding errors in ``lower`` and ``upper``.
    domain : array of shape (d, 2), or None
        The box.
    rational_witness : tuple of Fraction, or None
        Given where the region is so thin that rounding moves the witness out of it.
    """

    lower: float
    upper: float
    norm: float
    witness: Array
    gradient: Array
    pattern: Pattern
    exact: bool
    method: str
    tolerance: float
    domain: Array | None = None
    rational_witness: tuple[Fraction, ...] | None = None

    @property
    def value(self) -> float:
        """The constant if ``exact``, otherwise the best value found (``lower``)."""
        return self.lower

    def __repr__(self) -> str:
        interval = f"{self.value!r}" if self.exact else f"[{self.lower!r}, {self.upper!r}]"
        return f"LipschitzConstant({interval}, norm={self.norm:g}, method={self.method!r})"


def lipschitz_constant(
    network: Any,
    *,
    norm: float = 2,
    domain: ArrayLike | None = None,
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> LipschitzConstant:
    """The least L with ``|f(x) - f(y)| <= L ‖x - y‖_norm`` on R^d, or on a box.

    Weights count as the rationals that they are, and regions however thin (Theorem 25).

    Parameters
    ----------
    network : Network, or what `landscape.networks.as_network` takes
    norm : {1, 2, inf}
        Of the inputs.
    domain : array_like of shape (d, 2), or a pair, optional
        Lower and upper bound of each input, or of all; -inf and inf where there is none.
    time_limit, node_limit : optional
        Seconds and nodes after which the search stops and returns an interval.

    Returns
    -------
    constant : LipschitzConstant

    Raises
    ------
    ValueError
        If the norm is none of these, or the box has no interior.

    Examples
    --------
    >>> from landscape import Network
    >>> network = Network([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], [3.0, 4.0], 0.0)
    >>> [lipschitz_constant(network, norm=p).value for p in (1, 2, float("inf"))]
    [4.0, 5.0, 7.0]
    >>> lipschitz_constant(network, domain=[[-1, 1], [-2, -1]]).value
    3.0
    """
    net = as_network(network)
    if norm not in DUAL:
        raise ValueError(f"norm: expected 1, 2 or inf, got {norm!r}")
    box = None if domain is None else _box(domain, net.n_inputs)
    limits = Limits(time_limit, node_limit)
    search = _Search(net.weights, net.biases, net.output_weights, float(norm), box)
    return search.run(limits)


def _box(domain: ArrayLike, d: int) -> Array:
    box = np.asarray(domain, dtype=float)
    if box.shape == (2,):
        box = np.tile(box, (d, 1))
    if box.shape != (d, 2):
        raise ValueError(f"domain: expected shape ({d}, 2) or a pair, got {box.shape}")
    for j in np.flatnonzero(~(box[:, 0] < box[:, 1])):
        raise ValueError(f"domain: input {j} is in {box[j].tolist()}, expected low < high")
    return box


def exact_planes(neurons: Array) -> Planes:
    """The hyperplanes of neurons; only those of exactly parallel ones are the same."""
    from landscape.seminorm._problem import Planes

    planes, arrangement = Planes(neurons), Arrangement(neurons, tolerance=None)
    planes.labels = np.array(arrangement.labels, dtype=np.intp)
    planes.orientations = np.array(arrangement.orientations, dtype=np.int8)
    first = [arrangement.labels.index(k) for k in range(arrangement.n_hyperplanes)]
    rows = neurons[first] * planes.orientations[first, None]
    planes.rows = np.ldexp(rows, -np.frexp(max_norms(rows))[1][:, None])
    return planes


class _Search:
    """The network's hyperplanes in (x, t), its jumps scaled by a power of two, and the domain.

    ``faces`` (h, d + 1) are the rows that are positive inside of the domain, the last one t > 0.
    """

    def __init__(self, a: Array, b: Array, c: Array, norm: float, box: Array | None) -> None:
        from landscape.seminorm._kernels import scaled_products

        self.m, self.d = a.shape
        self.norm, self.box, self.rows = norm, box, np.column_stack([a, b])
        self.jumps, self.exponent = scaled_products(np.array(a), np.array(c))
        faces = [np.eye(self.d + 1)[-1]]
        unbounded = np.tile([-np.inf, np.inf], (self.d, 1))
        for (j, side), bound in np.ndenumerate(unbounded if box is None else box):
            if np.isfinite(bound):
                sign = 1.0 if side == 0 else -1.0
                faces.append(np.append(sign * np.eye(self.d)[j], -sign * bound))
        self.faces = np.array(faces[::-1])
        self.tolerance = 16 * EPS * (self.m + self.d + 6) * self.size(np.abs(self.jumps).sum(0))

    def size(self, gradients: Array) -> Any:
        """Dual norm of the gradients, shape (..., d)."""
        return np.linalg.norm(gradients, ord=DUAL[self.norm], axis=-1)

    def run(self, limits: Limits) -> LipschitzConstant:
        """Search by the seminorm's methods where they apply, else by regions."""
        from landscape.seminorm._problem import Planes, exact_gradient, unscaled

        small = self.norm == np.inf and self.d <= MAX_SIGNED_INPUTS
        turned = np.vstack([self.rows, -self.faces])
        planes = exact_planes(turned)
        # The seminorm's methods take directions that agree up to a tolerance for one.
        apart = len(planes.rows) == len(Planes(turned).rows)
        if self.box is None and apart and (self.norm == 1 or self.d == 1 or small):
            found, reduced = self._symmetric(planes, limits)
        else:
            planes = exact_planes(np.vstack([self.rows, self.faces]))
            found, reduced = _Regions(self, planes).run(limits)
        witness, rational, sides = planes.locate(found, reduced)
        place = [Fraction(entry) for entry in (rational or witness.tolist())]
        if place[-1] < 0:
            place, sides = [-entry for entry in place], ~sides
        pattern = planes.neuron_patterns(sides)[: self.m]
        point = tuple(entry / place[-1] for entry in place[:-1])
        rounded = np.array([float(entry) for entry in point])
        gradient = exact_gradient(self.jumps, pattern)
        lower = float(self.size(gradient))
        upper = lower if found.exact else max(lower, found.upper)
        return LipschitzConstant(
            unscaled(lower, self.exponent),
            unscaled(upper, self.exponent),
            self.norm,
            rounded,
            np.ldexp(gradient, self.exponent),
            pattern,
            found.exact,
            found.method,
            unscaled(float(self.tolerance), self.exponent) + 5e-324,
            self.box,
            None if self._inside(rounded, pattern) else point,
        )

    def _symmetric(self, planes: Planes, limits: Limits) -> tuple[Found, Reduced]:
        """With one more neuron, see the module."""
        from landscape.seminorm._problem import exact_gradient
        from landscape.seminorm._search import solve

        columns = np.eye(self.d)
        if self.norm != 1:  # one of each two opposite sign vectors
            columns = np.array([[1.0, *rest] for rest in product((1.0, -1.0), repeat=self.d - 1)]).T
        values = self.jumps @ columns
        total = exact_gradient(values, np.ones(self.m, dtype=bool))
        reduced = planes.reduce(np.vstack([values, -total]))
        return solve(reduced.problem, limits=limits), reduced

    def _inside(self, x: Array, pattern: Pattern) -> bool:
        """Whether a point lies in the region of a pattern, and in the domain, exactly."""
        if not np.isfinite(x).all():
            return False
        sides = sides_at(integer_rows(np.vstack([self.rows, self.faces])), [*x.tolist(), 1])
        own, faces = np.array(sides[: self.m]), sides[self.m :]
        used = (self.jumps != 0).any(axis=1)
        return min(faces) > 0 and bool((own[used] == np.where(pattern, 1, -1)[used]).all())


class _Regions:
    """Branch and bound: sides of the hyperplanes where the gradient jumps, the heaviest first."""

    def __init__(self, search: _Search, planes: Planes) -> None:
        self.search, m = search, search.m
        zeros = np.zeros((len(search.faces), search.d))
        self.reduced = planes.reduce(np.vstack([search.jumps, zeros]), everything=True)
        problem: CellProblem = self.reduced.problem
        self.problem = problem
        self.sides = np.zeros(len(problem.rows), dtype=np.int8)
        self.sides[planes.labels[m:]] = planes.orientations[m:]
        self.base = problem.offset + problem.weights[self.sides > 0].sum(axis=0)
        free = np.flatnonzero((self.sides == 0) & problem.weights.any(axis=1))
        order = np.argsort(-search.size(problem.weights[free]), kind="stable")
        self.order = free[order]
        # What the hyperplanes from one depth on can add and take away.
        self.above, self.below = (
            np.vstack([np.cumsum(part[::-1], axis=0)[::-1], np.zeros((1, search.d))])
            for part in (
                np.maximum(problem.weights[self.order], 0.0),
                np.minimum(problem.weights[self.order], 0.0),
            )
        )
        self.units = problem.rows / np.linalg.norm(problem.rows, axis=1)[:, None]
        #: Conflicts that integers have confirmed, as sides, and how many rows they have.
        self.conflicts = np.zeros((0, len(problem.rows)), dtype=np.int8)
        self.counts = np.zeros(0, dtype=int)

    def bound(self, base: Array, depth: int) -> float:
        """No region below a node has a larger gradient."""
        high, low = base + self.above[depth], base + self.below[depth]
        return float(self.search.size(np.maximum(np.abs(high), np.abs(low))))

    def run(self, limits: Limits) -> tuple[Found, Reduced]:
        """The steepest region; nodes in the order of their bounds."""
        best, pattern, place = -1.0, self.sides > 0, None
        numbers, ceiling = count(), np.inf
        point: Any = self.separate(self.sides)
        heap = [(-self.bound(self.base, 0), next(numbers), 0, self.sides, self.base, point)]
        slack = float(self.search.tolerance)
        while heap:
            ceiling = -heap[0][0]
            if ceiling <= best + slack or (limits.exhausted and place is not None):
                break
            _, _, depth, sides, base, point = heapq.heappop(heap)
            limits.nodes += 1
            if point is None and (point := self.separate(sides)) is None:
                continue
            point, found = self.settle(point, sides)
            value = float(self.search.size(self.gradient(found)))
            if value > best:
                best, pattern, place = value, found, point
            if depth == len(self.order):
                continue
            h = self.order[depth]
            for side in (False, True):
                below, there = sides.copy(), base + self.problem.weights[h] * side
                below[h] = 1 if side else -1
                bound = self.bound(there, depth + 1)
                if bound > best + slack:
                    own = point if found[h] == side else None
                    entry = (-bound, next(numbers), depth + 1, below, there, own)
                    heapq.heappush(heap, entry)
        else:
            ceiling = best
        exact = ceiling <= best + slack
        upper = best if exact else ceiling
        return Found(best, upper, pattern, place, exact, "regions"), self.reduced

    def gradient(self, pattern: Pattern) -> Array:
        """In a cell of all hyperplanes."""
        return np.asarray(self.problem.offset + self.problem.weights[pattern].sum(axis=0))

    def settle(self, point: Any, sides: NDArray[np.int8]) -> tuple[Any, Pattern]:
        """A point of a node's cell off all hyperplanes, and its sides."""
        from landscape.seminorm._problem import settle

        if not isinstance(point, tuple):
            wanted = np.where(sides == 0, -1, sides > 0).astype(np.int8)
            if (settled := settle(self.problem.rows, point, wanted)) is not None:
                return settled
            point = strict_solution(self.signed(np.flatnonzero(sides), sides))
        point = move_off(self.problem.exact_rows, point)
        return point, np.array(sides_at(self.problem.exact_rows, point)) > 0

    def signed(self, chosen: NDArray[np.intp], sides: NDArray[np.int8]) -> list[IntVector]:
        """Rows as integers, on their sides."""
        rows = self.problem.exact_rows
        return [rows[h] if sides[h] > 0 else tuple(-entry for entry in rows[h]) for h in chosen]

    def separate(self, sides: NDArray[np.int8]) -> Any:
        """A point strictly on these sides, in floats or integers; None if there is none."""
        from landscape.seminorm._kernels_conflicts import FEASIBLE, min_norm_point

        if (self.conflicts.astype(int) @ sides == self.counts).any():
            return None
        chosen, r = np.flatnonzero(sides), self.units.shape[1]
        Z = np.ascontiguousarray(sides[chosen, None] * self.units[chosen])
        support, x = np.empty(r + 3, dtype=np.int64), np.zeros(r)
        among = np.arange(len(chosen)), len(chosen), np.empty(r + 3), support, 0
        solve = seldom(min_norm_point, Z.size * (r + 10))
        outcome, size = solve(Z, np.ascontiguousarray(Z.T), *among, x)
        if outcome == FEASIBLE and (Z @ x > 4 * (r + 2) * EPS * np.abs(x).sum()).all():
            return x
        some = chosen if outcome == FEASIBLE else chosen[support[:size]]
        for rows in (some, chosen):
            try:
                point = strict_solution(self.signed(rows, sides))
            except Infeasible as error:
                row = np.zeros((1, len(sides)), dtype=np.int8)
                members = rows[list(error.multipliers)]
                row[0, members] = sides[members]
                self.conflicts = np.vstack([self.conflicts, row])
                self.counts = np.append(self.counts, len(members))
                return None
        return point
