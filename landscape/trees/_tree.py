"""The merge tree, its record and its questions; see :mod:`landscape.trees`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from landscape.arrangement import TooManyCells, general_position_count
from landscape.effective import EffectiveProblem, State
from landscape.minima import Certificate, certify_minimum
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.trees._cells import NeuronCells, _padded
from landscape.trees._plot import draw_graph

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["MergeTree", "TreeBudget", "TreeCost", "TreeTooLarge", "merge_tree", "tree_cost"]

Array = NDArray[np.float64]

#: Losses that differ by less than this share of the mean square of the target count as equal.
TIE = 1e-10


class TreeTooLarge(ValueError):
    """A merge tree that would cost more than its budget; says what and how much."""


@dataclass(frozen=True)
class TreeBudget:
    """What a merge tree may cost.

    Attributes
    ----------
    max_cells : int
        Activation cells of one neuron.
    max_facets : int
        Facets of joint cells; a million takes some seconds, and 100 MB.
    max_exact : int
        Joint cells and facets with ``exact=True``: a thousand take a second.
    """

    max_cells: int = 20_000
    max_facets: int = 10_000_000
    max_exact: int = 20_000


@dataclass(frozen=True)
class TreeCost:
    """Counts that the cost of a merge tree follows from.

    Attributes
    ----------
    n_cells : int
        Activation cells of one neuron.
    n_joint_cells : int
        Multisets of as many (cell, sign) as there are neurons.
    n_facets : int
        Pairs of neighbours among them.
    """

    n_cells: int
    n_joint_cells: int
    n_facets: int


def _problem(x: Array, y: Array, space: Space) -> EffectiveProblem:
    if isinstance(space, RestrictedSpace) and np.isfinite(space.bound):
        raise ValueError(f"space: expected no upper bound, got {space!r}")
    if x.ndim != 2 or x.shape[1] != space.n_inputs - space.extra_inputs or not x.shape[1]:
        raise ValueError(
            f"features: expected shape (n, {max(1, space.n_inputs - space.extra_inputs)}), what "
            f"the space embeds, got {x.shape}"
        )
    rows = np.ones((space.n_neurons, space.n_inputs))
    if isinstance(space, UnrestrictedSpace) and space.offset:
        rows[-1] = space.offset_direction
    theta = Parametrization(rows, np.ones(space.n_neurons))
    return EffectiveProblem.build(theta, space.embed(x), y, space)


def _cells(problem: EffectiveProblem, budget: TreeBudget) -> tuple[NeuronCells, TreeCost]:
    n, d = problem.X.shape
    try:
        cells = NeuronCells.of(problem.X, problem.y, problem.column, budget.max_cells)
        if len(cells.sides) > budget.max_cells:
            raise TooManyCells
    except TooManyCells:
        raise TreeTooLarge(
            f"features: {n} samples give one neuron more than {budget.max_cells:,} activation "
            f"cells (up to {general_position_count(n, d):,}); use fewer samples or inputs, or "
            "raise budget.max_cells"
        ) from None
    m, types = len(problem.signs), cells.n_types
    moves = 2 * len(cells.facets) + (not isinstance(problem.space, RestrictedSpace))
    joint, rests = comb(types + m - 1, m), comb(types + m - 2, m - 1)
    return cells, TreeCost(types // 2, joint, rests * moves)


def tree_cost(
    features: ArrayLike, y: ArrayLike, *, space: Space, budget: TreeBudget | None = None
) -> TreeCost:
    """Count cells and facets without solving anything; see :func:`merge_tree`."""
    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    return _cells(_problem(x, target, space), budget or TreeBudget())[1]


def merge_tree(
    features: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    budget: TreeBudget | None = None,
    exact: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> MergeTree:
    """The merge tree of the loss's sublevel sets on a space, modulo permutation of neurons.

    Parameters
    ----------
    features : array_like of shape (n, p)
        As the space embeds them, p >= 1.
    y : array_like of shape (n,)
    space : Space
        N* (without an upper bound), N' or N, with or without an offset.
    budget : TreeBudget, optional
    exact : bool
        All least losses in rational arithmetic: births, deaths and ties are decided exactly.
    progress : callable
        Receives lines of text.

    Returns
    -------
    tree : MergeTree

    Raises
    ------
    TreeTooLarge
        Before anything is solved, with the numbers.
    ValueError
        If the data do not fit the space.

    Examples
    --------
    One neuron in N* on four points: with a positive sign it finds the ridge, with a negative one
    it can only stay silent.

    >>> from landscape.spaces import RestrictedSpace
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 1.0, 2.0]
    >>> merge_tree(x, y, space=RestrictedSpace(3, 1)).pairs.round(6)
    array([[0.  ,  inf],
           [1.25,  inf]])
    """
    from landscape.trees import _kernels

    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    budget = budget or TreeBudget()
    problem = _problem(x, target, space)
    cells, cost = _cells(problem, budget)
    key, limit = ("max_exact", budget.max_exact) if exact else ("max_facets", budget.max_facets)
    if cost.n_joint_cells + cost.n_facets > limit:
        raise TreeTooLarge(
            f"features: {len(problem.signs)} neurons with {cost.n_cells:,} cells each have "
            f"{cost.n_joint_cells:,} joint cells and {cost.n_facets:,} facets, more than "
            f"budget.{key}={limit:,}; use fewer samples or neurons, or raise it"
        )
    progress(f"{cost.n_cells} cells a neuron, {cost.n_joint_cells} joint cells")
    m, types = len(problem.signs), cells.n_types
    rows = _kernels.multisets(types, m, cost.n_joint_cells)
    rests = _kernels.multisets(types, m - 1, comb(types + m - 2, m - 1))
    glued = not isinstance(space, RestrictedSpace)
    moves, shared = cells.moves(glued=glued)
    lists, lengths = cells.lists
    table, widths = _padded(shared)
    free = 0 if problem.column is None else 2
    size = float(np.abs(target).max(initial=0.0))
    unit = float(np.ldexp(1.0, int(np.frexp(size)[1]))) if size > 0 else 1.0
    columns, scaled = cells.columns[0], problem.y / unit
    if not free:
        columns = columns[:-2]
    gram, moments = columns @ columns.T, columns @ scaled
    binomials = np.array(
        [[comb(t, i) for i in range(m + 1)] for t in range(types + m)], dtype=np.int64
    )
    values = np.empty(len(rows))
    supports = np.full((len(rows), m * lists.shape[1] + free), -1, dtype=np.int32)
    _kernels.cell_losses(
        rows, lists, lengths, columns, gram, moments, scaled, free, values, supports
    )
    progress(f"least losses of {cost.n_facets} facets")
    ends = np.empty((cost.n_facets, 2), dtype=np.int64)
    losses = np.empty(cost.n_facets)
    _kernels.facet_losses(
        rests, moves, table, widths, lists, lengths, columns, gram, moments, scaled, free,
        binomials, values, supports, ends, losses,
    )  # fmt: skip
    if exact:
        solved, order = _exactly(cells, rows, rests, moves, shared, free)
        values, losses = order[: len(rows)], order[len(rows) :]
    parent, facet, sizes, kept = _kernels.kruskal(
        values, ends, losses, np.argsort(losses, kind="stable")
    )
    tree = MergeTree(
        space, x, target, cost, problem, cells, moves, shared, rows, values, parent, facet, sizes,
        ends, losses, kept, unit**2 / len(target), None,
    )  # fmt: skip
    return replace(tree, _solved=solved) if exact else tree


def _exactly(
    cells: NeuronCells,
    rows: NDArray[np.int32],
    rests: NDArray[np.int32],
    moves: NDArray[np.int64],
    shared: list[list[int]],
    free: int,
) -> tuple[list[Fraction], Array]:
    """Least sums of squares in rationals, of cells and then of facets, and their ranks."""
    lists, last = cells.lists[0], len(cells.columns[0])
    offset = list(range(last - free, last))

    def columns(row: NDArray[np.int32]) -> set[int]:
        return {int(c) for t in row for c in lists[t] if c >= 0}.union(offset)

    sets = [columns(row) for row in rows]
    sets += [columns(rest).union(move) for rest in rests for move in shared]
    found: dict[frozenset[int], Fraction] = {}
    for one in map(frozenset, sets):
        if one not in found:
            found[one] = cells.exact.least(sorted(one))
    number = {value: k for k, value in enumerate(sorted(set(found.values())))}
    solved = [found[frozenset(one)] for one in sets]
    return sorted(number), np.array([number[value] for value in solved], dtype=float)


@dataclass(frozen=True, eq=False)
class MergeTree:
    """How the sublevel sets of the loss merge: valleys, barriers, saddles and paths.

    Attributes
    ----------
    space : Space
    features, target : arrays of shapes (n, p) and (n,)
    cost : TreeCost
    """

    space: Space
    features: Array
    target: Array
    cost: TreeCost
    _problem: EffectiveProblem
    _cells: NeuronCells
    _moves: NDArray[np.int64]
    _shared: list[list[int]]
    _rows: NDArray[np.int32]
    _values: Array
    _parent: NDArray[np.int64]
    _facet: NDArray[np.int64]
    _sizes: NDArray[np.int64]
    _ends: NDArray[np.int64]
    _losses: Array
    _kept: NDArray[np.int64]
    _unit: float
    _solved: list[Fraction] | None

    def __repr__(self) -> str:
        return f"MergeTree({len(self)} valleys of {self.cost.n_joint_cells} joint cells)"

    def __len__(self) -> int:
        return len(self._leaves)

    # --- births and deaths ----------------------------------------------------------------------

    @cached_property
    def _deaths(self) -> Array:
        """At which value the component whose lowest cell this is merges into a lower one."""
        return np.where(self._facet < 0, np.inf, self._losses[self._facet])

    @cached_property
    def _leaves(self) -> NDArray[np.intp]:
        """Lowest cells of the valleys, sorted by birth."""
        lives = self._deaths > self._values + self._tie
        leaves = np.flatnonzero(lives)
        return leaves[np.lexsort((-self._deaths[leaves], self._values[leaves]))]

    @property
    def _tie(self) -> float:
        if self._solved is not None:
            return 0.0  # values are ranks
        return TIE * float(self._problem.y @ self._problem.y) / self._unit / len(self.target)

    @property
    def exact_pairs(self) -> list[tuple[Fraction, Fraction | None]]:
        """Births and deaths as rational numbers, None for roots; needs ``exact=True``."""
        if self._solved is None:
            raise ValueError("exact_pairs: make the tree with exact=True")
        n, solved = len(self.target), self._solved
        deaths = [None if np.isinf(v) else solved[int(v)] / n for v in self._deaths[self._leaves]]
        births = [solved[int(v)] / n for v in self._values[self._leaves]]
        return list(zip(births, deaths, strict=True))

    def _loss(self, value: float) -> float:
        if self._solved is None or np.isinf(value):
            return float(value) * self._unit
        return float(self._solved[int(value)] / len(self.target))

    @cached_property
    def pairs(self) -> Array:
        """Birth and death of every valley, (k, 2), sorted by birth; roots never die."""
        ends = zip(self._values[self._leaves], self._deaths[self._leaves], strict=True)
        return np.array([[self._loss(birth), self._loss(death)] for birth, death in ends])

    def _merge(self, i: int, j: int) -> int:
        """The cell whose component's merging joins two cells; -1 where nothing does."""
        last = -1
        while i != j:
            if self._deaths[i] > self._deaths[j]:
                i, j = j, i
            if self._parent[i] < 0:
                return -1
            last, i = i, int(self._parent[i])
        return last

    def barrier(self, i: int, j: int) -> float:
        """Lowest level at which valleys i and j are connected; inf where none is."""
        if i == j:
            return self.pairs[i, 0]
        last = self._merge(int(self._leaves[i]), int(self._leaves[j]))
        return np.inf if last < 0 else self._loss(self._deaths[last])

    # --- points ---------------------------------------------------------------------------------

    def _minimizer(self, types: list[int], moved: tuple[int, list[int]] | None = None) -> State:
        """The least point of an ordered joint cell; of its facet, where one neuron is moved."""
        own = [self._cells.column_list(t // 2, t % 2) for t in types]
        if moved is not None:
            own[moved[0]] = moved[1]
        columns, weights = self._cells.columns
        chosen = sorted({c for one in own for c in one})
        offset = self._problem.column
        free = [] if offset is None else [len(columns) - 2, len(columns) - 1]
        scale = np.sqrt(self._unit * len(self.target))
        x = nnls(columns[chosen + free].T, self._problem.y / scale)[0] if chosen or free else []
        x = scale * np.asarray(x)
        u, e = np.zeros((len(types), self._problem.X.shape[1])), 0.0
        for c, value in zip(chosen, x, strict=False):
            u[next(i for i, one in enumerate(own) if c in one)] += value * weights[c]
        if offset is not None:
            norm = float(np.linalg.norm(offset))
            e = float(x[-2] - x[-1]) / norm if norm > 0 else 0.0
        return State(u, e)

    def _element(self, state: State, signs: Array) -> Parametrization:
        """Of the space's closure, such that segments of states are segments of products."""
        problem = replace(self._problem, signs=signs)
        if not problem.reduced:
            return problem.parametrization(state)
        u, b = state.u, state.u[:, -1:]
        if isinstance(self.space, RestrictedSpace):
            level = max(1.0, 2 * self.space.margin)
            rows = np.hstack([u[:, :-1], level + np.maximum(b, 0), level + np.maximum(-b, 0)])
        else:  # so that u = 0 is (0, 0), where signs may change
            rows = np.hstack([u[:, :-1], b, np.zeros_like(b)])
        return Parametrization.from_products(rows, signs)

    @cached_property
    def _neighbours(self) -> dict[int, list[int]]:
        """Facets of the spanning forest at each cell."""
        found: dict[int, list[int]] = {}
        for edge in self._kept.tolist():
            for end in self._ends[edge].tolist():
                found.setdefault(end, []).append(edge)
        return found

    def _way(self, start: int, goal: int) -> list[int] | None:
        """Facets of the spanning forest from one cell to another."""
        came, queue = {start: -1}, deque([start])
        while queue and goal not in came:
            cell = queue.popleft()
            for edge in self._neighbours.get(cell, []):
                other = int(self._ends[edge].sum()) - cell
                if other not in came:
                    came[other] = edge
                    queue.append(other)
        if goal not in came:
            return None
        edges = []
        while goal != start:
            edges.append(came[goal])
            goal = int(self._ends[edges[-1]].sum()) - goal
        return edges[::-1]

    def _walk(self, i: int, j: int) -> list[tuple[Parametrization, float]]:
        """Points from the minimum of valley i to that of valley j, and levels at facets."""
        start, goal = int(self._leaves[i]), int(self._leaves[j])
        way = self._way(start, goal)
        if way is None:
            raise ValueError(
                f"valleys {i} and {j} are not connected in the {self.space.name} space"
            )
        types, cell = self._rows[start].tolist(), start
        signs = _signs(types)
        points = [(self._element(self._minimizer(types), signs), self._values[start])]
        for edge in way:
            move = edge % len(self._moves)
            one, other = self._moves[move].tolist()
            if cell != self._ends[edge, 0]:
                one, other = other, one
            k = types.index(one)
            state = self._minimizer(types, (k, self._shared[move]))
            points.append((self._element(state, _signs(types)), self._losses[edge]))
            types[k] = other
            if other % 2 != one % 2:
                points.append((self._element(state, _signs(types)), self._losses[edge]))
            cell = int(self._ends[edge].sum()) - cell
        points.append((self._element(self._minimizer(types), _signs(types)), self._values[goal]))
        return points

    def path(self, i: int, j: int) -> list[Parametrization]:
        """From the minimum of valley i to that of valley j, up to a permutation of the neurons.

        Along the straight segments in product coordinates the loss never exceeds the barrier. Two
        neurons that no sample tells apart from the apex are parallel there: such points lie in the
        closure of N* and N'.

        Raises
        ------
        ValueError
            If the valleys are not connected.
        """
        return [theta for theta, _ in self._walk(i, j)]

    def saddle(self, i: int, j: int) -> Parametrization:
        """The highest point of :meth:`path`, the least point of the facet at which they join."""
        return max(self._walk(i, j)[1:-1], key=lambda point: point[1])[0]

    def locate(self, theta: Parametrization) -> int:
        """The lowest valley that can be reached from a point without ever climbing.

        Raises
        ------
        ValueError
            If theta does not have the space's shape.
        """
        problem = EffectiveProblem.build(
            theta, self.space.embed(self.features), self.target, self.space
        )
        state = problem.state()
        types = [
            2 * self._cells.cell_of(u) + int(sign < 0)
            for u, sign in zip(state.u, problem.signs, strict=True)
        ]
        cell = self._number(sorted(types))
        level = max(problem.loss(state) / self._unit, 0.0)
        if self._solved is not None:
            exact = [float(value) for value in self._solved]
            level = np.searchsorted(exact, level * self._unit * len(self.target), "right") - 1.0
        while self._deaths[cell] <= max(level, self._values[cell]) + self._tie:
            cell = int(self._parent[cell])
        return int(np.flatnonzero(self._leaves == cell)[0])

    def _number(self, types: list[int]) -> int:
        return sum(comb(t + i, i + 1) for i, t in enumerate(types))

    # --- tables and figures ---------------------------------------------------------------------

    def minimum(self, i: int) -> tuple[Parametrization, Certificate]:
        """The lowest point of a valley, an element of the space, and its certificate."""
        types = self._rows[self._leaves[i]].tolist()
        problem = replace(self._problem, signs=_signs(types))
        theta = problem.parametrization(self._minimizer(types))
        X = self.space.embed(self.features)
        return theta, certify_minimum(theta, X, self.target, space=self.space)

    @property
    def positive(self) -> NDArray[np.intp]:
        """How many output weights are positive at the lowest point of each valley, (k,)."""
        return np.asarray((self._rows[self._leaves] % 2 == 0).sum(axis=1))

    @cached_property
    def parents(self) -> NDArray[np.intp]:
        """The lower valley into which each one merges, -1 for roots, (k,)."""
        number = {int(cell): k for k, cell in enumerate(self._leaves)}
        found = []
        for leaf in self._leaves:
            cell = int(self._parent[leaf])
            while cell >= 0 and cell not in number:
                cell = int(self._parent[cell])
            found.append(number.get(cell, -1))
        return np.array(found, dtype=np.intp)

    def plot(self, ax: Axes | None = None, *, weights: ArrayLike | None = None) -> Axes:
        """Draw the disconnectivity graph: leaves at their loss, branches meet at saddles.

        Parameters
        ----------
        ax : matplotlib axes, optional
        weights : array_like of shape (k,), optional
            Sizes of the leaves, such as how many starts end there.

        Returns
        -------
        ax : matplotlib axes
        """
        return draw_graph(self.pairs, self.parents, self.positive, ax, weights=weights)

    @cached_property
    def valleys(self) -> pd.DataFrame:
        """One row per valley: loss, barrier, persistence, sign class, cells, network, certificate.

        ``positive`` counts positive output weights at the lowest point; ``cells`` the joint cells
        of the valley when it merges into a lower one, up to permutation.
        """
        import pandas as pd

        points = [self.minimum(i) for i in range(len(self))]
        return pd.DataFrame(
            {
                "loss": self.pairs[:, 0],
                "barrier": self.pairs[:, 1],
                "persistence": self.pairs[:, 1] - self.pairs[:, 0],
                "positive": self.positive,
                "cells": self._sizes[self._leaves],
                "parametrization": [theta for theta, _ in points],
                "certificate": [certificate for _, certificate in points],
            }
        )


def _signs(types: list[int]) -> Array:
    return 1.0 - 2.0 * (np.array(types) % 2)
