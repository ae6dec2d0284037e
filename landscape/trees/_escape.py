"""How high one has to climb to leave a minimum: brackets by flooding, for problems of any size."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linear_sum_assignment, nnls

from landscape.effective import EffectiveProblem, State
from landscape.parametrization import Parametrization, group_directions
from landscape.spaces import RestrictedSpace, Space

__all__ = ["EscapeBarrier", "EscapeBudget", "escape_barrier"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Least losses of cells are computed with this share of their curvature added, so that they are
#: unique; barriers are known up to ``TOLERANCE`` of the target's mean square.
RIDGE = 1e-10
TOLERANCE = 1e-6


@dataclass(frozen=True)
class EscapeBudget:
    """What a bracket may cost, in counts: results do not depend on the machine.

    Attributes
    ----------
    max_cells : int
        Joint cells that are flooded; each takes one least squares problem with inequalities.
    max_facets : int
        Facets that are kept waiting.
    """

    max_cells: int = 300
    max_facets: int = 1_000_000


@dataclass(frozen=True)
class EscapeBarrier:
    """A bracket of the barrier from a point to a lower one, or to a given one.

    Attributes
    ----------
    lower : float
        Whatever is reached without exceeding it has been flooded, and is not lower than the start.
    upper : float
        Highest loss along ``path``; inf where no path was found.
    path : list of Parametrization
        Straight segments in effective coordinates, from the start on; empty where there is none.
    end : float
        Loss at the end of the path.
    tolerance : float
        Of both ends and of "lower than the start".
    n_cells : int
        Flooded.
    outcome : str
        A sentence.
    """

    lower: float
    upper: float
    path: list[Parametrization]
    end: float
    tolerance: float
    n_cells: int
    outcome: str


class _Cell:
    """The quadratic on one joint cell: its least loss, and lower bounds on all facets."""

    def __init__(self, problem: EffectiveProblem, signs: Array, sides: Mask) -> None:
        self.problem, self.signs, self.sides = problem, signs, sides
        X, (n, m) = problem.X, sides.shape
        d = X.shape[1]
        values = ((sides * signs)[:, :, None] * X[:, None, :]).reshape(n, m * d)
        if problem.column is not None:
            values = np.column_stack([values, problem.column])
        gram = values.T @ values
        gram[np.diag_indices_from(gram)] += RIDGE * max(float(np.trace(gram)), n) / len(gram)
        self.values, self.factor = values, np.linalg.cholesky(gram)
        self.free = self._unwhiten(self._whiten(values.T @ problem.y))
        # The closed cell: ``rows @ u >= 0``, neuron by neuron.
        rows = np.zeros((m, n, values.shape[1]))
        for i in range(m):
            rows[i, :, i * d : (i + 1) * d] = np.where(sides[:, i], 1.0, -1.0)[:, None] * X
        self.rows = rows.reshape(m * n, -1)
        self.whitened = self._whiten(self.rows.T)
        self.point, self.loss = self.least(np.zeros((0, values.shape[1])))

    def _whiten(self, right: Array) -> Array:
        return np.asarray(solve_triangular(self.factor, right, lower=True))

    def _unwhiten(self, right: Array) -> Array:
        return np.asarray(solve_triangular(self.factor, right, lower=True, trans="T"))

    def least(self, equal: Array) -> tuple[Array, float]:
        """Least point and loss on the cell where ``equal @ u = 0``; least distance programming."""
        columns = np.hstack([self.whitened, self._whiten(equal.T), -self._whiten(equal.T)])
        heights = np.concatenate([self.rows @ self.free, equal @ self.free, -equal @ self.free])
        sizes = np.linalg.norm(columns, axis=0)
        columns, heights = columns[:, sizes > 0], heights[sizes > 0]
        columns, heights = columns / sizes[sizes > 0], heights / sizes[sizes > 0]
        scale = max(float(np.abs(heights).max(initial=0.0)), 1e-300)
        target = np.append(np.zeros(len(columns)), 1.0)
        # Most inequalities hold by themselves: those that turn out to be violated are added.
        chosen = heights < 0
        chosen[len(heights) - 2 * len(equal) :] = True
        moved = np.zeros(len(columns))
        while chosen.any():
            some = np.vstack([columns[:, chosen], -heights[chosen] / scale])
            weights = nnls(some, target)[0]
            rest = 1.0 - float(some[-1] @ weights)
            if rest <= 1e-14:  # only zero is left
                return np.zeros_like(self.free), float(np.mean(self.problem.y**2))
            moved = some[:-1] @ weights * (scale / rest)
            violated = (columns.T @ moved + heights < -1e-12 * scale) & ~chosen
            if not violated.any():
                break
            chosen |= violated
        u = self.free + self._unwhiten(moved)
        s = self.values @ u - self.problem.y
        return u, float(s @ s) / s.size

    def attained(self) -> float:
        """The network's own loss at the least point, which rounding may have put off the cell."""
        return replace(self.problem, signs=self.signs).loss(self.state(self.point))

    def bounds(self) -> Array:
        """Lower bounds of the least losses on all facets, (n, m).

        The Lagrangian at the cell's minimum is a quadratic below the loss, with the same least
        value, attained at the same point: on a hyperplane its least value is known.
        """
        n, m = self.sides.shape
        curvature = (self.whitened**2).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = (self.rows @ self.point) ** 2 / curvature / n
        rise[curvature == 0] = np.inf  # a sample that is zero has no hyperplane
        return (self.loss + rise).reshape(m, n).T

    def move(self, k: int, i: int) -> tuple[Array, float]:
        """Least point and loss where neuron i is on the hyperplane of sample k; zero for k = -1."""
        (n, _), d = self.sides.shape, self.problem.X.shape[1]
        if k < 0:
            return self.least(np.eye(len(self.free))[i * d : (i + 1) * d])
        return self.least(self.rows[i * n + k][None, :])

    def state(self, u: Array) -> State:
        """A point as a state of the problem."""
        size = self.sides.shape[1] * self.problem.X.shape[1]
        return State(u[:size].reshape(self.sides.shape[1], -1), float(u[size:].sum()))


class _Flood:
    """Best-first search over joint cells: the lowest facet first."""

    def __init__(
        self, problem: EffectiveProblem, budget: EscapeBudget, progress: Callable[[str], None]
    ) -> None:
        self.problem, self.budget, self.progress = problem, budget, progress
        self.groups = group_directions(problem.X, oriented=False)
        self.glued = not isinstance(problem.space, RestrictedSpace)
        self.cells: list[_Cell] = []
        self.came: list[tuple[int, Array]] = []
        self.number: dict[tuple[tuple[float, bytes], ...], int] = {}
        self.heap: list[tuple[float, int, int, int, int, Array | None]] = []
        self.order = count()

    def key(self, signs: Array, sides: Mask) -> tuple[tuple[float, bytes], ...]:
        """The joint cell, up to a permutation of the neurons."""
        columns = zip(signs.tolist(), np.ascontiguousarray(sides.T), strict=True)
        return tuple(sorted((sign, column.tobytes()) for sign, column in columns))

    def add(self, signs: Array, sides: Mask, came: int, at: Array) -> _Cell:
        """Flood a cell, and let its facets wait."""
        cell = _Cell(self.problem, signs, sides)
        index = len(self.cells)
        self.number[self.key(signs, sides)] = index
        self.cells.append(cell)
        self.came.append((came, at))
        bounds = cell.bounds()
        for k, i in np.argwhere(np.isfinite(bounds)):
            if self.groups[k] == k:
                entry = (float(bounds[k, i]), next(self.order), index, int(k), int(i), None)
                heapq.heappush(self.heap, entry)
        for i in range(len(signs) if self.glued else 0):
            heapq.heappush(self.heap, (cell.loss, next(self.order), index, -1, i, None))
        return cell

    def beyond(self, index: int, k: int, i: int) -> tuple[Array, Mask]:
        """Signs and sides of the cell behind a facet; behind zero is that of the other sign."""
        cell = self.cells[index]
        signs, sides = cell.signs.copy(), cell.sides.copy()
        if k < 0:
            signs[i] = -signs[i]
        else:
            same = self.groups == self.groups[k]
            sides[same, i] ^= True
        return signs, sides

    def run(self, start: tuple[Array, Mask], level: float, reached: Callable[[_Cell], bool]) -> int:
        """Flood until a cell is reached, its number is returned, or the budget ends (-1)."""
        self.water = level
        self.add(*start, -1, np.zeros(0))
        while self.heap:
            bound, _, index, k, i, point = heapq.heappop(self.heap)
            following = self.beyond(index, k, i)
            if self.key(*following) in self.number:
                continue
            if point is None:
                point, value = self.cells[index].move(k, i)
                entry = (max(bound, value), next(self.order), index, k, i, point)
                heapq.heappush(self.heap, entry)
                continue
            if len(self.cells) >= self.budget.max_cells or len(self.heap) > self.budget.max_facets:
                self.water = max(self.water, bound)
                return -1
            self.water = max(self.water, bound)
            cell = self.add(*following, index, point)
            if len(self.cells) % 100 == 0:
                self.progress(f"{len(self.cells)} cells flooded up to {self.water:.6g}")
            if reached(cell):
                return len(self.cells) - 1
        self.water = np.inf
        return -1

    def path(self, last: int) -> list[tuple[Array, State]]:
        """Signs and states from the first cell to the least point of the last one."""
        cell = self.cells[last]
        points = [(cell.signs, cell.state(cell.point))]
        while self.came[last][0] >= 0:
            before, at = self.came[last]
            previous = self.cells[before]
            points.append((cell.signs, previous.state(at)))
            points.append((previous.signs, previous.state(at)))
            cell, last = previous, before
        return points[::-1]


def escape_barrier(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    others: Sequence[Parametrization] = (),
    budget: EscapeBudget | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> EscapeBarrier:
    """Bracket how high every path climbs that leads from a point to a lower one (Theorem 20).

    Flooding visits the cells that can be reached, the lowest facet first. If it reaches a lower
    point the barrier is known; if not, the level reached is its lower end. The upper end is the
    highest loss on a path: through the least points of the facets that a segment to one of
    ``others`` crosses.

    Parameters
    ----------
    theta : Parametrization
        In the space; usually a local minimum.
    X : array_like of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array_like of shape (n,)
    space : Space
        Without bounds that could be active.
    others : sequence of Parametrization
        Points to which paths are tried, such as other minima; only lower ones count.
    budget : EscapeBudget, optional
    progress : callable
        Receives lines of text.

    Returns
    -------
    barrier : EscapeBarrier

    Raises
    ------
    ValueError
        If the data do not fit, or the space has bounds.

    Examples
    --------
    A neuron that fits the wrong one of two samples has to climb over the zero function:

    >>> from landscape.spaces import BalancedSpace
    >>> theta = Parametrization.from_products([[1.0, 0.0, 0.0]], [1.0])
    >>> X, y = [[-1.0, 1.0, -1.0], [1.0, 1.0, -1.0]], [-1.5, 1.0]
    >>> found = escape_barrier(theta, X, y, space=BalancedSpace(3, 1))
    >>> round(found.lower, 6), round(found.upper, 6), round(found.end, 6)
    (1.625, 1.625, 0.5)
    """
    problem = EffectiveProblem.build(theta, X, y, space).in_powers_of_two()
    if problem.bounded:
        raise ValueError(f"space: expected one whose bounds cannot be active, got {space!r}")
    budget, unit = budget or EscapeBudget(), problem.unit**2
    state = problem.state()
    level = problem.loss(state)
    tolerance = TOLERANCE * float(np.mean(problem.y**2))
    flood = _Flood(problem, budget, progress)
    start = problem.signs.copy(), problem.preactivations(state) > 0
    last = flood.run(start, level, lambda cell: cell.attained() < level - tolerance)
    first = [(problem.signs, state)]
    if last >= 0:
        path, lower = first + flood.path(last), flood.water
        outcome = "flooding reached a lower point: the barrier is known"
    else:
        lower, outcome = flood.water, "the budget of cells ended; the upper end is a path's"
        if np.isinf(lower):
            outcome = "everything that can be reached is flooded: nothing is lower"
        ways = [first + way for way in _segments(problem, state, others, level - tolerance)]
        path = min(ways, key=lambda way: _highest(problem, way), default=[])
        if not path:
            outcome = outcome.replace("the upper end is a path's", "no path was found")
    upper = _highest(problem, path) if path else np.inf
    networks = [replace(problem, signs=signs).parametrization(at) for signs, at in path]
    end = replace(problem, signs=path[-1][0]).loss(path[-1][1]) if path else np.nan
    return EscapeBarrier(
        min(lower, upper) * unit, upper * unit, networks, end * unit, tolerance * unit,
        len(flood.cells), outcome,
    )  # fmt: skip


def _highest(problem: EffectiveProblem, path: list[tuple[Array, State]]) -> float:
    return max(replace(problem, signs=signs).loss(state) for signs, state in path)


def _segments(
    problem: EffectiveProblem, start: State, others: Sequence[Parametrization], level: float
) -> list[list[tuple[Array, State]]]:
    """Paths to lower points: through the least points of the facets that a segment crosses."""
    found = []
    for other in others:
        goal = EffectiveProblem.build(other, *_data(problem), problem.space).in_powers_of_two()
        end, signs = goal.state(), problem.signs
        if goal.loss(end) >= level or (goal.signs > 0).sum() != (signs > 0).sum():
            continue
        cost = np.abs(start.u[:, None] - end.u[None]).sum(axis=2)
        cost[signs[:, None] != goal.signs[None]] = 1e6 * (1.0 + cost.max())
        order = linear_sum_assignment(cost)[1]
        end = State(end.u[order], end.e)
        z, to = problem.preactivations(start), problem.preactivations(end)
        with np.errstate(divide="ignore", invalid="ignore"):
            times = z / (z - to)
        sides, path = z > 0, []
        sides[(z == 0) & (to > 0)] = True
        for k, i in np.argwhere((times > 0) & (times < 1))[
            np.argsort(times[(times > 0) & (times < 1)], kind="stable")
        ]:
            cell = _Cell(problem, signs, sides)
            path.append((signs, cell.state(cell.move(int(k), int(i))[0])))
            sides = sides.copy()
            sides[k, i] ^= True
        found.append([*path, (signs, end)])
    return found


def _data(problem: EffectiveProblem) -> tuple[Array, Array]:
    """The data in their own units, as the space embeds them."""
    X = problem.X if problem.units is None else problem.X * problem.units.scales
    X = np.column_stack([X, -X[:, -1]]) if problem.reduced else X
    return X, problem.y * problem.unit
