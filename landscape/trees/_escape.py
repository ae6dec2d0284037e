"""How high one has to climb to leave a minimum: brackets by flooding, for problems of any size."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linear_sum_assignment, nnls
from threadpoolctl import threadpool_limits

from landscape.descent import descend
from landscape.effective import EffectiveProblem, State
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, group_directions
from landscape.spaces import RestrictedSpace, Space

__all__ = ["EscapeBarrier", "EscapeBudget", "escape_barrier"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Signs of neurons and states, on straight segments.
Path = list[tuple[Array, State]]

#: Least losses of cells are computed with this share of their curvature added, so that they are
#: unique; barriers are known up to ``TOLERANCE`` of the target's mean square.
RIDGE = 1e-10
TOLERANCE = 1e-6


@dataclass(frozen=True)
class EscapeBudget:
    """What a bracket may cost: joint cells that are flooded, and facets that are kept waiting.

    Counts, so results do not depend on the machine.
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
    upper, end : float
        Highest loss along ``path``, and that at its end; inf and nan where no path was found.
    path : list of Parametrization
        Straight segments in effective coordinates, from the start on; empty where there is none.
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
    """The quadratic on one joint cell: its least loss, and lower bounds on all facets.

    In whitened coordinates, ``u = free + inverse.T @ v``, the quadratic is ``‖v‖²`` and a constant.
    The closed cell is ``<column, v> + height >= 0`` for every sample and neuron, in unit columns
    (k, n, m); a row of neuron i has entries in its own block only.
    """

    def __init__(self, problem: EffectiveProblem, signs: Array, sides: Mask) -> None:
        self.problem, self.signs, self.sides = problem, signs, sides
        X, y, (n, m), d = problem.X, problem.y, sides.shape, problem.X.shape[1]
        values = ((sides * signs)[:, :, None] * X[:, None]).reshape(n, m * d)
        if problem.column is not None:
            values = np.column_stack([values, problem.column])
        gram = values.T @ values
        gram[np.diag_indices_from(gram)] += RIDGE * max(float(np.trace(gram)), n) / len(gram)
        self.values = values
        self.inverse = inv = solve_triangular(
            np.linalg.cholesky(gram), np.eye(len(gram)), lower=True
        )
        self.free = inv.T @ (inv @ (values.T @ y))
        turns = np.where(sides, 1.0, -1.0)
        columns = (inv[:, : m * d].reshape(-1, m, d) @ X.T).transpose(0, 2, 1) * turns
        self.sizes = np.linalg.norm(columns, axis=0)
        self.sizes[self.sizes == 0] = np.inf  # a sample that is zero
        self.columns = columns / self.sizes
        self.heights = problem.preactivations(self.state(self.free)) * turns / self.sizes

    @cached_property
    def least(self) -> tuple[Array, float]:
        """Least point and loss on the closed cell."""
        return self._least(np.zeros((len(self.inverse), 0)), np.zeros(0))

    def move(self, k: int, i: int) -> tuple[Array, float]:
        """Least point and loss where neuron i is on the hyperplane of sample k; zero for k = -1."""
        if k >= 0:
            return self._least(-self.columns[:, k, i, None], -self.heights[k, i, None])
        d = self.problem.X.shape[1]
        block = slice(i * d, (i + 1) * d)
        both = np.hstack([self.inverse[:, block], -self.inverse[:, block]])
        sizes = np.linalg.norm(both, axis=0)
        return self._least(both / sizes, np.append(self.free[block], -self.free[block]) / sizes)

    def _least(self, more: Array, above: Array) -> tuple[Array, float]:
        """Least point and loss with more columns and heights, by least distance programming."""
        columns = np.hstack([more, self.columns.reshape(len(more), -1)])
        heights = np.append(above, self.heights)
        scale = max(float(np.abs(heights).max()), 1e-300)
        target = np.append(np.zeros(len(columns)), 1.0)
        # Most inequalities hold by themselves: those that turn out to be violated are added.
        chosen = (heights < 0) | (np.arange(len(heights)) < len(above))
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
        u = self.free + self.inverse.T @ moved
        s = self.values @ u - self.problem.y
        return u, float(s @ s) / s.size

    def bounds(self) -> Array:
        """Lower bounds of the least losses on all facets, (n, m).

        The Lagrangian at the cell's minimum is a quadratic below the loss, with the same least
        value, attained at the same point: on a hyperplane its least value is known.
        """
        point, loss = self.least
        z = self.problem.preactivations(self.state(point))
        return np.asarray(loss + (z / self.sizes) ** 2 / len(z))

    def state(self, u: Array) -> State:
        """A point as a state of the problem."""
        size = self.sides.shape[1] * self.problem.X.shape[1]
        return State(u[:size].reshape(self.sides.shape[1], -1), float(u[size:].sum()))


class _Star:
    """How high the loss is wherever the star of a first-order minimum can be left (Theorem 20).

    Neither kinks through the minimum bound the star nor those behind which the loss is raised. In
    it the loss is at least the minimum's plus the squares of what samples that are on no kink
    change by, linearly.
    """

    def __init__(self, problem: EffectiveProblem, state: State) -> None:
        z, (m, d) = problem.preactivations(state), state.u.shape
        s, kinks = problem.residuals(state, z), problem.kink_pairs(state, z)
        active = (z > 0) & ~kinks
        slopes = ((active * problem.signs)[:, :, None] * problem.X[:, None]).reshape(len(z), m * d)
        if problem.column is not None:
            slopes = np.column_stack([slopes, problem.column])
        kept = ~kinks.any(axis=1)
        values, vectors = np.linalg.eigh(slopes[kept].T @ slopes[kept] / len(z))
        low = values - 1e-12 * max(float(values.max()), 1e-100)  # rounding adds none
        # Steps of square sum one raise the quadratic by one: step = roots @ (unit vector).
        self.roots = vectors / np.sqrt(np.maximum(low, 1e-200))
        self.problem, self.state, self.z = problem, state, z
        blocks = self.roots[: m * d].reshape(m, d, -1)
        raising = s[:, None] * problem.signs > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            self.levels = z**2 / ((problem.X @ blocks) ** 2).sum(axis=2).T
            turned = s**2 / ((slopes @ self.roots) ** 2).sum(axis=1)
        self.levels[raising | kinks | ~np.isfinite(self.levels)] = np.inf
        turned[~kept | ~(raising & ~kinks).any(axis=1) | ~np.isfinite(turned)] = np.inf
        self.least = min(float(turned.min()), float(self.levels.min()))
        if not isinstance(problem.space, RestrictedSpace):  # signs may change at u_i = 0
            for block, u in zip(blocks, state.u, strict=True):
                self.least = min(self.least, float((np.linalg.lstsq(block, u)[0] ** 2).sum()))

    def beyond(self, count: int) -> Sequence[State]:
        """Points on the rays through the lowest points of the lowest facets, behind these."""
        (m, d), found = self.state.u.shape, []
        order = np.argsort(self.levels, axis=None, kind="stable")[:count]
        for k, i in [divmod(int(p), m) for p in order if np.isfinite(self.levels.flat[p])]:
            across = self.problem.X[k] @ self.roots[i * d : (i + 1) * d]
            step = self.roots @ across * (-self.z[k, i] / (across @ across))
            for t in (1.5, 4.0):
                u = self.state.u + t * step[: m * d].reshape(m, d)
                found.append(State(u, self.state.e + t * float(step[m * d :].sum())))
        return found


class _Flood:
    """Best-first search over joint cells: the lowest facet first.

    In ``heap``: lower bound of a facet, order, cell, sample (-1: u_i = 0), neuron, least point if
    known. ``came`` says from which cell, and where; ``water`` is the level.
    """

    def __init__(self, problem: EffectiveProblem, level: float) -> None:
        self.problem, self.water, self.order = problem, level, count()
        self.groups = group_directions(problem.X, oriented=False)
        self.glued = not isinstance(problem.space, RestrictedSpace)
        self.cells: list[_Cell] = []
        self.came: list[tuple[int, Array]] = []
        self.known: set[tuple[tuple[float, bytes], ...]] = set()
        self.heap: list[tuple[float, int, int, int, int, Array | None]] = []

    def wait(self, bound: float, index: int, k: int, i: int, point: Array | None = None) -> None:
        """Let a facet wait."""
        heapq.heappush(self.heap, (bound, next(self.order), index, k, i, point))

    def key(self, signs: Array, sides: Mask) -> tuple[tuple[float, bytes], ...]:
        """The joint cell, up to a permutation of the neurons."""
        columns = zip(signs.tolist(), np.ascontiguousarray(sides.T), strict=True)
        return tuple(sorted((sign, column.tobytes()) for sign, column in columns))

    def add(self, signs: Array, sides: Mask, came: int, at: Array) -> _Cell:
        """Flood a cell."""
        cell, index = _Cell(self.problem, signs, sides), len(self.cells)
        self.known.add(self.key(signs, sides))
        self.cells.append(cell)
        self.came.append((came, at))
        bounds = cell.bounds()
        for k in np.flatnonzero(self.groups == np.arange(len(sides))).tolist():
            for i in range(len(signs)):
                self.wait(float(bounds[k, i]), index, k, i)
        for i in range(len(signs) if self.glued else 0):
            self.wait(cell.least[1], index, -1, i)
        return cell

    def beyond(self, index: int, k: int, i: int) -> tuple[Array, Mask]:
        """Signs and sides of the cell behind a facet; behind zero is that of the other sign."""
        signs, sides = self.cells[index].signs.copy(), self.cells[index].sides.copy()
        if k < 0:
            signs[i] = -signs[i]
        else:
            sides[self.groups == self.groups[k], i] ^= True
        return signs, sides

    def run(
        self, start: State, goal: float, budget: EscapeBudget, progress: Callable[[str], None]
    ) -> Path:
        """Flood until a loss below the goal is reached, and return the path, or the budget ends."""
        self.add(self.problem.signs, self.problem.preactivations(start) > 0, -1, np.zeros(0))
        while self.heap:
            bound, _, index, k, i, point = heapq.heappop(self.heap)
            signs, sides = self.beyond(index, k, i)
            if self.key(signs, sides) in self.known:
                continue
            if point is None:
                point, value = self.cells[index].move(k, i)
                self.wait(max(bound, value), index, k, i, point)
                continue
            self.water = max(self.water, bound)
            if len(self.cells) >= budget.max_cells or len(self.heap) > budget.max_facets:
                return []
            cell = self.add(signs, sides, index, point)
            if len(self.cells) % 100 == 0:
                progress(f"{len(self.cells)} cells flooded up to {self.water:.6g}")
            # The network's own loss: rounding may have put the least point off the cell.
            end = signs, cell.state(cell.least[0])
            if _loss(self.problem, *end) < goal:
                return [(self.problem.signs, start), *self.path(len(self.cells) - 1), end]
        self.water = np.inf
        return []

    def path(self, last: int) -> Path:
        """Signs and states at the facets from the first cell to another."""
        points: Path = []
        while (before := self.came[last][0]) >= 0:
            state = self.cells[before].state(self.came[last][1])
            points += [(self.cells[last].signs, state), (self.cells[before].signs, state)]
            last = before
        return points[::-1]


@threadpool_limits.wrap(limits=1, user_api="blas")  # the same sums on one core and on two
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
    point the barrier is known. If not, its lower end is the level reached or the least one at which
    a certified minimum's star can be left, whichever is higher. The upper end is the highest loss
    on a path: through the least points of the facets that a segment to one of ``others`` crosses,
    or one to where descents end that start behind the star's lowest facets.

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
    state, unit = problem.state(), problem.unit**2
    tolerance = TOLERANCE * float(np.mean(problem.y**2))
    level = problem.loss(state)
    flood = _Flood(problem, level)
    path = flood.run(state, level - tolerance, budget or EscapeBudget(), progress)
    outcome, lower = "flooding reached a lower point: the barrier is known", flood.water
    if np.isinf(lower):
        outcome = "everything that can be reached is flooded: nothing is lower"
    elif not path:
        ways, ends = [], [(state, to) for to in others]
        if certify_minimum(theta, X, y, space=space).is_minimum:
            star = _Star(problem, state)
            lower = max(lower, level + star.least)
            for point in star.beyond(8):
                to = descend(problem.parametrization(point), X, y, space=space).parametrization
                ends += [(point, to), (state, to)]
        for point, to in ends:
            goal = EffectiveProblem.build(to, X, y, space).in_powers_of_two()
            if way := _segment(problem, point, goal, level - tolerance):
                ways.append(_straight(problem, state, point) + way)
        path = min(ways, key=lambda way: _highest(problem, way), default=[])
        outcome = "the budget of cells ended; " + (
            "the upper end is a path's" if path else "no path was found"
        )
    upper = _highest(problem, path) if path else np.inf
    end = _loss(problem, *path[-1]) if path else np.nan
    return EscapeBarrier(
        lower=min(lower, upper) * unit,
        upper=upper * unit,
        path=[replace(problem, signs=signs).parametrization(at) for signs, at in path],
        end=end * unit,
        tolerance=tolerance * unit,
        n_cells=len(flood.cells),
        outcome=outcome,
    )


def _loss(problem: EffectiveProblem, signs: Array, state: State) -> float:
    return replace(problem, signs=signs).loss(state)


def _highest(problem: EffectiveProblem, path: Path) -> float:
    return max(_loss(problem, *point) for point in path)


def _straight(problem: EffectiveProblem, one: State, two: State) -> Path:
    """The start of a segment, and where it crosses kinks: nothing before its end is higher."""
    z, to = problem.preactivations(one), problem.preactivations(two)
    crossed = np.sign(z) * np.sign(to) < 0
    times = [0.0, *np.sort(z[crossed] / (z[crossed] - to[crossed]))]
    return [
        (problem.signs, State((1 - t) * one.u + t * two.u, (1 - t) * one.e + t * two.e))
        for t in times
    ]


def _segment(problem: EffectiveProblem, start: State, goal: EffectiveProblem, level: float) -> Path:
    """The least points of the facets on a segment to a goal, if that is lower and signs agree."""
    end, signs = goal.state(), problem.signs
    if goal.loss(end) >= level or (goal.signs > 0).sum() != (signs > 0).sum():
        return []
    cost = np.abs(start.u[:, None] - end.u[None]).sum(axis=2)
    cost[signs[:, None] != goal.signs[None]] = 1e6 * (1.0 + cost.max())
    end = State(end.u[linear_sum_assignment(cost)[1]], end.e)
    z, to = problem.preactivations(start), problem.preactivations(end)
    sides = (z > 0) | ((z == 0) & (to > 0))
    crossed = np.argwhere(np.sign(z) * np.sign(to) < 0)
    times = np.array([z[k, i] / (z[k, i] - to[k, i]) for k, i in crossed])
    path = [(signs, start)]
    for k, i in crossed[np.argsort(times, kind="stable")]:
        cell = _Cell(problem, signs, sides.copy())
        path.append((signs, cell.state(cell.move(int(k), int(i))[0])))
        sides[k, i] ^= True
    return [*path, (signs, end)]
