"""The merge tree, its record and its questions; see :mod:`landscape.trees`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order

from landscape.arrangement import TooManyCells, general_position_count
from landscape.compiled import seldom
from landscape.descent import descend
from landscape.effective import EffectiveProblem, State
from landscape.errors import LandscapeError
from landscape.losses import Loss, WeightDecay, get_weight_decay
from landscape.minima import Certificate, certify_minimum
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace, Space, make_space
from landscape.trees._cells import NeuronCells, neighbours
from landscape.trees._convex import CellPrograms
from landscape.trees._plot import draw_graph

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "MergeTree", "Stair", "TreeBudget", "TreeCost", "TreeTooLarge", "merge_tree", "staircase",
    "tree_cost",
]  # fmt: skip

Array = NDArray[np.float64]

#: Losses that differ by less than this share of the mean square of the target count as equal.
TIE = 1e-10


class TreeTooLarge(LandscapeError, ValueError):
    """A merge tree that would cost more than its budget; says what and how much."""


@dataclass(frozen=True)
class TreeBudget:
    """What a merge tree may cost: cells of one neuron, joint cells and facets, and exact ones.

    A million facets take some seconds, and 100 MB; with ``exact=True`` a thousand take a second.
    """

    max_cells: int = 20_000
    max_facets: int = 10_000_000
    max_exact: int = 20_000


@dataclass(frozen=True)
class TreeCost:
    """Counts that the cost of a merge tree follows from."""

    n_cells: int  #: Activation cells of one neuron.
    n_joint_cells: int  #: Multisets of as many (cell, sign) as there are neurons.
    n_facets: int  #: Pairs of neighbours among the joint cells.


def _cells(problem: EffectiveProblem, budget: TreeBudget) -> tuple[NeuronCells, TreeCost]:
    n, d = problem.X.shape
    try:
        cells = NeuronCells.of(problem, budget.max_cells)
    except TooManyCells:
        raise TreeTooLarge(
            f"features: {n} samples give one neuron more than {budget.max_cells:,} activation "
            f"cells (up to {general_position_count(n, d):,}); use fewer samples or inputs, or "
            "raise budget.max_cells"
        ) from None
    m, types = len(problem.signs), cells.n_types
    moves = 2 * len(cells.facets) + cells.glued
    joint, rests = comb(types + m - 1, m), comb(types + m - 2, m - 1)
    return cells, TreeCost(types // 2, joint, rests * moves)


def tree_cost(
    features: ArrayLike, y: ArrayLike, *, space: Space, budget: TreeBudget | None = None
) -> TreeCost:
    """Count cells and facets without solving anything; see :func:`merge_tree`."""
    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    return _cells(EffectiveProblem.over(space, x, target), budget or TreeBudget())[1]


def merge_tree(
    features: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    budget: TreeBudget | None = None,
    exact: bool = False,
    progress: Callable[[str], None] = lambda line: None,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
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
    loss, sample_weight, weight_decay
        As for :func:`landscape.certify_minimum` (Theorem 40); of the penalized loss then are all
        levels, and ``tree.tolerance`` bounds how far off they are.

    Returns
    -------
    tree : MergeTree

    Raises
    ------
    TreeTooLarge
        Before anything is solved, with the numbers.
    ValueError
        If the data do not fit the space, with ``exact`` and another loss or a weight decay, or with
        a decay of the offset.

    Examples
    --------
    One neuron in N* on four points: with a positive sign it finds the ridge, with a negative one
    it can only stay silent.

    >>> from landscape.spaces import RestrictedSpace
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 1.0, 2.0]
    >>> merge_tree(x, y, space=RestrictedSpace(3, 1)).pairs.round(6)
    array([[0.  ,  inf],
           [1.25,  inf]])
    >>> merge_tree(x, y, space=RestrictedSpace(3, 1), weight_decay=0.1).pairs.round(4)
    array([[0.18,  inf],
           [1.25,  inf]])
    """
    from landscape.trees import _kernels

    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    budget = budget or TreeBudget()
    form: dict[str, Any] = {
        "loss": loss, "sample_weight": sample_weight, "weight_decay": get_weight_decay(weight_decay)
    }  # fmt: skip
    problem = EffectiveProblem.over(space, x, target, **form)
    if exact and not problem.plain:
        raise ValueError(
            "exact: only for the squared loss without weights and weight decay; other least losses "
            "have no rational values in general (norms, logarithms). tree.tolerance bounds them"
        )
    if problem.offset_decay:
        raise ValueError("weight_decay: offset=True is not for merge trees; there it is free")
    cells, cost = _cells(problem, budget)
    key, limit = ("max_exact", budget.max_exact) if exact else ("max_facets", budget.max_facets)
    if cost.n_joint_cells + cost.n_facets > limit:
        raise TreeTooLarge(
            f"features: {len(problem.signs)} neurons with {cost.n_cells:,} cells each have "
            f"{cost.n_joint_cells:,} joint cells and {cost.n_facets:,} facets, more than "
            f"budget.{key}={limit:,}; use fewer samples or neurons, or raise it"
        )
    progress(
        f"{cost.n_cells} cells a neuron, {cost.n_joint_cells} joint cells, {cost.n_facets} facets"
    )
    m, types = len(problem.signs), cells.n_types
    rests, rows = _multisets(types, m - 1), _multisets(types, m)
    solved, tolerance = None, np.nan
    if problem.plain:
        values, losses, ends = _least_squares(cells, rows, rests)
    else:
        values, losses, ends, tolerance = CellPrograms(cells).levels(rows, rests)
    if exact:
        solved, ranks = _exactly(cells, rows, rests)
        values, losses, tolerance = ranks[: len(rows)], ranks[len(rows) :], 0.0
    order = np.argsort(losses, kind="stable")
    merge = seldom(_kernels.kruskal, 10 * len(ends))
    parent, facet, sizes, kept = merge(values, ends, losses, order)
    graph = _Graph(rows, values, ends, losses, parent, facet, sizes, kept, solved)
    return MergeTree(space, x, target, cost, cells, graph, form, tolerance)


def _least_squares(
    cells: NeuronCells, rows: NDArray[np.int32], rests: NDArray[np.int32]
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Least sums of squares of joint cells (n,), of facets (f,), and the cells at these (f, 2)."""
    from landscape.trees import _kernels

    ends = neighbours(rests, cells.moves, cells.n_types)
    lists = np.full((len(cells.lists), max(1, *map(len, cells.lists))), -1)
    for row, numbers in zip(lists, cells.lists, strict=True):
        row[: len(numbers)] = numbers
    columns, scaled = cells.columns[0], cells.problem.y / cells.unit
    system = columns, columns @ columns.T, columns @ scaled, scaled
    values, losses = np.empty(len(rows)), np.empty(len(ends))
    supports = np.full((len(rows), (rows.shape[1] + 1) * lists.shape[1]), -1, dtype=np.int32)
    each = supports.shape[1] * (supports.shape[1] ** 2 + len(scaled))  # numbers in a least loss
    cell_losses = seldom(_kernels.cell_losses, each * len(rows))
    facet_losses = seldom(_kernels.facet_losses, each * len(ends))
    cell_losses(rows, lists, system, values, supports)
    facet_losses(rests, len(cells.moves), lists, system, values, supports, ends, losses)
    return values, losses, ends


@dataclass(frozen=True)
class Stair:
    """One width of a :func:`staircase`: the valleys of its merge tree."""

    width: int  #: Neurons of the network with biases; N* and N' have one more.
    loss: float  #: The least there is at this width.
    n_valleys: int  #: 1 iff all sublevel sets are connected.
    n_spurious: int  #: Valleys that do not reach the least loss.


def staircase(
    features: ArrayLike,
    y: ArrayLike,
    *,
    space: str = "unrestricted",
    max_width: int | None = None,
    budget: TreeBudget | None = None,
    exact: bool = False,
) -> list[Stair]:
    """How valleys vanish as the network gets wider: the merge trees of widths 1, 2, ...

    What wider networks do is not inferred: each width is computed.

    Parameters
    ----------
    features, y : array_like of shapes (n, p) and (n,)
    space : {"unrestricted", "balanced", "restricted"}
        As :func:`~landscape.spaces.make_space` makes it for each width.
    max_width : int, optional
        The last width, n + 1 by default; an earlier one if the budget ends.
    budget, exact
        As for :func:`merge_tree`.

    Examples
    --------
    >>> for stair in staircase([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0], max_width=2):
    ...     print(stair.width, round(stair.loss, 4), stair.n_valleys, stair.n_spurious)
    1 0.1667 2 0
    2 0.0 3 0
    """
    x, target = np.asarray(features, dtype=float), np.asarray(y, dtype=float)
    stairs: list[Stair] = []
    for width in range(1, (max_width or len(target) + 1) + 1):
        own = make_space(space, x.shape[1], width)
        try:
            tree = merge_tree(x, target, space=own, budget=budget, exact=exact)
        except TreeTooLarge:
            if not stairs:
                raise
            break
        stairs.append(Stair(width, tree.pairs[0, 0], len(tree), int(tree.spurious.sum())))
    return stairs


def _multisets(types: int, size: int) -> NDArray[np.int32]:
    """All multisets of types as sorted rows, in the order of their binomial numbers."""
    rows = np.zeros((1, 0), dtype=np.int32)
    for k in range(size):
        counts = [comb(t + k, k) for t in range(types)]
        heads = np.concatenate([np.arange(count) for count in counts])
        last = np.repeat(np.arange(types, dtype=np.int32), counts)
        rows = np.column_stack([rows[heads], last])
    return rows


def _exactly(
    cells: NeuronCells, rows: NDArray[np.int32], rests: NDArray[np.int32]
) -> tuple[list[Fraction], Array]:
    """Least sums of squares in rationals, of cells and then of facets, and their ranks."""
    lists, offset = [frozenset(one) for one in cells.lists[:-1]], frozenset(cells.lists[-1])
    sets = [offset.union(*(lists[t] for t in row)) for row in rows]
    rest = [offset.union(*(lists[t] for t in row)) for row in rests]
    sets += [one | move for one in rest for move in lists[cells.n_types :]]
    found = {one: cells.least_exactly(sorted(one)) for one in set(sets)}
    solved = sorted(set(found.values()))
    number = {value: k for k, value in enumerate(solved)}
    return solved, np.array([number[found[one]] for one in sets], dtype=float)


@dataclass(frozen=True, eq=False)
class _Graph:
    """Joint cells, their least values (n,), facets between them, and the spanning forest.

    ``rows`` (n, m) are types; ``ends`` (f, 2) the cells of every facet, ``losses`` (f,) the values
    on it; ``parent``, ``facet`` and ``sizes`` say where a component merged (`kruskal`), ``kept``
    are the facets of the forest. Values are mean squares in the cells' unit without 1/n; if there
    are exact ones, numbers of these in ``solved``.
    """

    rows: NDArray[np.int32]
    values: Array
    ends: NDArray[np.int64]
    losses: Array
    parent: NDArray[np.int64]
    facet: NDArray[np.int64]
    sizes: NDArray[np.int64]
    kept: NDArray[np.int64]
    solved: list[Fraction] | None

    @cached_property
    def deaths(self) -> Array:
        """At which value the component whose lowest cell this is merges into a lower one."""
        return np.where(self.facet < 0, np.inf, self.losses[self.facet])

    @cached_property
    def forest(self) -> csr_array:
        """Number of the forest's facet between two cells, plus one."""
        graph = coo_array(
            (self.kept + 1, tuple(self.ends[self.kept].T)), shape=[len(self.rows)] * 2
        ).tocsr()
        return graph + graph.T

    def way(self, start: int, goal: int) -> list[tuple[int, int]]:
        """Facets of the forest from one cell to another, and the cells behind them."""
        before = breadth_first_order(self.forest, goal)[1]
        steps = []
        while start != goal and before[start] >= 0:
            start, last = int(before[start]), start
            steps.append((int(self.forest[last, start]) - 1, start))
        return steps


@dataclass(frozen=True, eq=False)
class MergeTree:
    """How the sublevel sets of the loss merge: valleys, barriers, saddles and paths."""

    space: Space  #: In which the paths run.
    features: Array  #: (n, p), not lifted.
    target: Array  #: (n,).
    cost: TreeCost  #: What there was to enumerate.
    _cells: NeuronCells
    _graph: _Graph
    #: Loss, sample weights and weight decay, where they are others than the squared error.
    form: dict[str, Any] = field(default_factory=dict)
    #: By how much the levels of other losses may be too high, by bounds of the dual programs; 0 of
    #: exact trees; nan where only least squares in double precision says so.
    tolerance: float = np.nan

    def __repr__(self) -> str:
        return f"MergeTree({len(self)} valleys of {self.cost.n_joint_cells} joint cells)"

    def __len__(self) -> int:
        return len(self._leaves)

    # --- births and deaths ----------------------------------------------------------------------

    @cached_property
    def _leaves(self) -> NDArray[np.intp]:
        """Lowest cells of the valleys, sorted by birth."""
        values, deaths = self._graph.values, self._graph.deaths
        leaves = np.flatnonzero(deaths > values + self._tie)
        return leaves[np.lexsort((-deaths[leaves], values[leaves]))]

    @property
    def _tie(self) -> float:
        """In units of values."""
        if self._graph.solved is not None:
            return 0.0
        problem, n = self._cells.problem, len(self.target)
        if problem.plain:
            return TIE * float(self.target @ self.target) / self._cells.unit**2
        zero = State(np.zeros((len(problem.signs), problem.X.shape[1])), 0.0)
        return n * (TIE * problem.loss(zero) + self.tolerance)

    @property
    def exact_pairs(self) -> list[tuple[Fraction, Fraction | None]]:
        """Births and deaths as rational numbers, None for roots; needs ``exact=True``."""
        graph, n = self._graph, len(self.target)
        if graph.solved is None:
            raise ValueError("exact_pairs: make the tree with exact=True")
        levels = dict(enumerate(value / n for value in graph.solved))
        leaves = self._leaves
        return [
            (levels[birth], levels.get(death))
            for birth, death in zip(graph.values[leaves], graph.deaths[leaves], strict=True)
        ]

    def _loss(self, value: float) -> float:
        if self._graph.solved is None or np.isinf(value):
            return float(value) * self._cells.unit**2 / len(self.target)
        return float(self._graph.solved[int(value)] / len(self.target))

    @cached_property
    def pairs(self) -> Array:
        """Birth and death of every valley, (k, 2), sorted by birth; roots never die."""
        ends = np.column_stack([self._graph.values, self._graph.deaths])[self._leaves]
        return np.array([[self._loss(value) for value in pair] for pair in ends])

    def barrier(self, i: int, j: int) -> float:
        """Lowest level at which valleys i and j are connected; inf where none is."""
        if i == j:
            return self.pairs[i, 0]
        one, two, deaths, level = self._leaves[i], self._leaves[j], self._graph.deaths, -np.inf
        while one != two and level < np.inf:
            if deaths[one] > deaths[two]:
                one, two = two, one
            level, one = deaths[one], self._graph.parent[one]
        return self._loss(level)

    # --- points ---------------------------------------------------------------------------------

    def _minimizer(self, types: list[int], neuron: int = -1, move: int = 0) -> State:
        """The least point of an ordered joint cell; of its facet, where one neuron is moved."""
        problem, lists = self._cells.problem, self._cells.lists
        columns, weights = self._cells.columns
        own = [*(lists[t] for t in types), lists[-1]]
        if neuron >= 0:
            own[neuron] = lists[self._cells.n_types + move]
        if not problem.plain:
            total = CellPrograms(self._cells).point(own)
            return State(total[:-1, :-1], float(total[-1, -1]))
        owner = {c: i for i, one in reversed([*enumerate(own)]) for c in one}
        chosen = sorted(owner)
        total = np.zeros((len(own), weights.shape[1]))
        if chosen:
            scale = self._cells.unit
            x = scale * nnls(columns[chosen].T, problem.y / scale)[0]
            np.add.at(total, [owner[c] for c in chosen], x[:, None] * weights[chosen])
        return State(total[:-1, :-1], float(total[-1, -1]))

    def _element(self, state: State, signs: Array) -> Parametrization:
        """Of the space's closure, such that segments of states are segments of products."""
        problem = replace(self._cells.problem, signs=signs)
        if not problem.reduced:
            return problem.parametrization(state)
        u, b = state.u, state.u[:, -1:]
        ends = [b, np.zeros_like(b)]  # so that u = 0 is (0, 0), where signs may change
        if isinstance(self.space, RestrictedSpace):
            level = max(1.0, 2 * self.space.margin)
            ends = [level + np.maximum(b, 0), level + np.maximum(-b, 0)]
        return Parametrization.from_products(np.hstack([u[:, :-1], *ends]), signs)

    def _walk(self, i: int, j: int) -> list[tuple[State, Array, float]]:
        """States from the minimum of valley i to that of valley j, their signs and values."""
        cell, goal, graph = int(self._leaves[i]), int(self._leaves[j]), self._graph
        way = graph.way(cell, goal)
        if i != j and (not way or way[-1][1] != goal):
            raise ValueError(
                f"valleys {i} and {j} are not connected in the {self.space.name} space"
            )
        types = graph.rows[cell].tolist()
        points = [(self._minimizer(types), _signs(types), graph.values[cell])]
        for edge, behind in way:
            move = edge % len(self._cells.moves)
            one, other = self._cells.moves[move].tolist()
            if cell != graph.ends[edge, 0]:
                one, other = other, one
            k = types.index(one)
            state = self._minimizer(types, k, move)
            points.append((state, _signs(types), graph.losses[edge]))
            types[k], cell = other, behind
            if other % 2 != one % 2:
                points.append((state, _signs(types), graph.losses[edge]))
        return [*points, (self._minimizer(types), _signs(types), graph.values[goal])]

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
        return [self._element(state, signs) for state, signs, _ in self._walk(i, j)]

    def saddle(self, i: int, j: int) -> Parametrization:
        """The highest point of :meth:`path`, the least point of the facet at which they join."""
        state, signs, _ = max(self._walk(i, j)[1:-1], key=lambda point: point[2])
        return self._element(state, signs)

    def profile(self, i: int, j: int) -> Array:
        """Points along :meth:`path`: the share of its length, in effective weights, and the loss.

        Five on each segment, shape (k, 2). On a segment the loss is convex: nothing between them is
        higher than the barrier.
        """
        problem, points, losses = self._cells.problem, [], []
        for (one, signs, _), (two, *_) in pairwise(self._walk(i, j)):
            own = replace(problem, signs=signs)
            for t in np.linspace(0, 1, 5):
                state = State((1 - t) * one.u + t * two.u, (1 - t) * one.e + t * two.e)
                points.append(np.append(state.u, state.e))
                losses.append(own.loss(state))
        steps = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=1).cumsum()
        return np.column_stack([steps / (steps[-1] or 1.0), losses])

    def locate(self, theta: Parametrization) -> int:
        """The lowest valley that can be reached from a point without ever climbing.

        Raises
        ------
        ValueError
            If theta does not have the space's shape.
        """
        X, graph = self.space.embed(self.features), self._graph
        problem = EffectiveProblem.build(theta, X, self.target, self.space, **self.form)
        state = problem.state()
        cells = [self._cells.cell_of(u) for u in state.u]
        types = sorted(2 * c + int(sign < 0) for c, sign in zip(cells, problem.signs, strict=True))
        cell = sum(comb(t + i, i + 1) for i, t in enumerate(types))
        level = problem.loss(state) * len(self.target)
        if graph.solved is None:
            level /= self._cells.unit**2
        else:
            level = np.searchsorted([float(value) for value in graph.solved], level, "right") - 1.0
        while graph.deaths[cell] <= max(level, graph.values[cell]) + self._tie:
            cell = int(graph.parent[cell])
        return int(np.flatnonzero(self._leaves == cell)[0])

    # --- tables and figures ---------------------------------------------------------------------

    def minimum(self, i: int) -> tuple[Parametrization, Certificate]:
        """The lowest point of a valley, an element of the space, and its certificate."""
        types = self._graph.rows[self._leaves[i]].tolist()
        problem = replace(self._cells.problem, signs=_signs(types))
        state = self._minimizer(types)
        if problem.column is not None and problem.decay is not None and not problem.decay[-1]:
            # In N a constant neuron has no shortest form; what it does the offset does for nothing.
            constant = problem.decay_norms(state.u) <= TIE * problem.decay.max()
            constant &= (problem.preactivations(state) >= 0).all(axis=0)
            state.e += float(problem.signs[constant] @ state.u[constant, -1])
            state.u[constant] = 0.0
        theta = problem.parametrization(state)
        data = self.space.embed(self.features), self.target
        if not problem.plain:  # from a point within the tolerance to one on its kinks
            end = descend(theta, *data, space=self.space, **self.form)
            if end.direction is None:
                theta = end.parametrization
        return theta, certify_minimum(theta, *data, space=self.space, **self.form)

    @property
    def positive(self) -> NDArray[np.intp]:
        """How many output weights are positive at the lowest point of each valley, (k,)."""
        return np.asarray((self._graph.rows[self._leaves] % 2 == 0).sum(axis=1))

    @property
    def spurious(self) -> NDArray[np.bool_]:
        """Which valleys do not reach the least loss of the space, shape (k,)."""
        births = self._graph.values[self._leaves]
        return np.asarray(births > births[0] + self._tie)

    @cached_property
    def parents(self) -> NDArray[np.intp]:
        """The lower valley into which each one merges, -1 for roots, (k,)."""
        number = {-1: -1} | {int(cell): k for k, cell in enumerate(self._leaves)}
        found = []
        for cell in self._graph.parent[self._leaves]:
            while cell not in number:
                cell = self._graph.parent[cell]
            found.append(number[cell])
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
                "cells": self._graph.sizes[self._leaves],
                "parametrization": [theta for theta, _ in points],
                "certificate": [certificate for _, certificate in points],
            }
        )


def _signs(types: list[int]) -> Array:
    return 1.0 - 2.0 * (np.array(types) % 2)
