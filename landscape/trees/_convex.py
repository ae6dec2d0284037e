"""Least losses of cells and facets for other losses and weight decay: convex programs (Theorem 40).

With a decay each neuron has a norm of its own, so unknowns are scales of rays neuron by neuron.
Two neurons of one type are one: a norm is least where their weights are parallel, and then sums up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.convex import Least, minimize_many
from landscape.losses import Loss, SquaredLoss
from landscape.rounding import Array
from landscape.trees._cells import NeuronCells, neighbours

Ints = NDArray[np.int64]

#: So many numbers are in the columns of the programs that are solved at a time.
CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class CellPrograms:
    """The convex programs of the joint cells and facets of some neurons' cells."""

    cells: NeuronCells

    @cached_property
    def loss(self) -> Loss:
        """The loss of the samples, on the targets."""
        problem = self.cells.problem
        return problem.sample_loss or SquaredLoss().on(problem.y)[1]

    @cached_property
    def _lists(self) -> Ints:
        """Numbers of the columns of every list, padded by that of a column of zeros; none last."""
        lists, zero = self.cells.lists, len(self.cells.columns[0])
        table = np.full((len(lists) + 1, max(1, *map(len, lists))), zero)
        for row, numbers in zip(table, lists, strict=False):
            row[: len(numbers)] = numbers
        return table

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Columns (c + 1, n), and what of a decay they cost, (c + 1, d)."""
        columns, weights = self.cells.columns
        decay = self.cells.problem.decay
        pulls = weights[:, :-1] * (0.0 if decay is None else decay)
        return np.vstack([columns, 0 * columns[:1]]), np.vstack([pulls, 0 * pulls[:1]])

    def solve(self, blocks: Ints) -> Least:
        """Least losses with the lists ``blocks`` (c, m), one for each neuron, and the offset's."""
        blocks = np.column_stack([blocks, np.full(len(blocks), len(self.cells.lists) - 1)])
        columns, pulls = self._table
        width = blocks.shape[1] * self._lists.shape[1]
        found = []
        parts = max(1, len(blocks) * width * columns.shape[1] // CHUNK)
        for some in np.array_split(blocks, parts):
            chosen = self._lists[some].reshape(len(some), -1)
            y, m = self.cells.problem.y, blocks.shape[1]
            found.append(minimize_many(columns[chosen], y, self.loss, pulls[chosen], m, cone=True))
        return Least(
            *(np.concatenate([getattr(one, key) for one in found]) for key in Least.__annotations__)
        )

    def levels(
        self, rows: NDArray[np.int32], rests: NDArray[np.int32]
    ) -> tuple[Array, Array, Ints, float]:
        """Least losses of joint cells (n,) and facets (f,), times n; the cells at every facet.

        These are values at points; the last is the largest distance to a lower bound, as a mean.
        """
        n, none = len(self.cells.problem.y), len(self.cells.lists)
        own = self.solve(_once(rows, none))
        moves = np.arange(len(self.cells.moves))
        rest = np.repeat(_once(rests, none), len(moves), axis=0)
        least = self.solve(np.column_stack([rest, np.tile(self.cells.n_types + moves, len(rests))]))
        ends = neighbours(rests, self.cells.moves, self.cells.n_types)
        losses = np.maximum(least.upper, own.upper[ends].max(axis=1))
        gaps = [float((least.upper - least.lower).max(initial=0.0)) for least in (own, least)]
        return n * own.upper, n * losses, ends, max(gaps)

    def point(self, lists: list[list[int]]) -> Array:
        """Sums of scaled rays, (m + 1, d + 1), that attain the least loss with lists of columns.

        Those of the neurons, and last of the offset.
        """
        columns, pulls = self._table
        width, (_, weights) = max(1, *map(len, lists)), self.cells.columns
        chosen = np.array([own + [len(weights)] * (width - len(own)) for own in lists])
        found = minimize_many(
            columns[chosen.reshape(1, -1)],
            self.cells.problem.y,
            self.loss,
            pulls[chosen.reshape(1, -1)],
            len(lists),
            cone=True,
        )
        scales = found.points.reshape(chosen.shape)
        weights = np.vstack([weights, 0 * weights[:1]])
        return np.asarray((scales[:, :, None] * weights[chosen]).sum(axis=1))


def _once(rows: NDArray[np.int32], none: int) -> Ints:
    """Sorted rows in which what is repeated is nothing."""
    again = np.zeros(rows.shape, dtype=bool)
    again[:, 1:] = rows[:, 1:] == rows[:, :-1]
    return np.where(again, none, rows).astype(np.int64)
