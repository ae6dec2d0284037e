"""From joint faces that consist of local minima to connected plateaus.

On a joint face, the minimizers of the loss have the same residuals, and whether they are local
minima depends on the face, the signs and the residuals only: all of them are, or none. Two such
sets in different faces touch iff one face lies in the other's closure and their residuals agree:
then the one set lies in the closure of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landscape.atlas._supports import Types

__all__ = ["Piece", "cluster_residuals", "connect"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """The local minima of one joint face.

    Attributes
    ----------
    types : tuple of int
        Sorted types of the neurons, the silent ones included.
    support : int
        Number of the support whose values they have.
    dimension : int
        In effective coordinates.
    """

    types: tuple[int, ...]
    support: int
    dimension: int


def cluster_residuals(residuals: Array, tolerance: float) -> NDArray[np.intp]:
    """Label rows that agree up to a tolerance in every entry, shape (s,)."""
    labels = np.full(len(residuals), -1)
    losses = np.einsum("sk,sk->s", residuals, residuals)
    order = np.argsort(losses, kind="stable")
    # |a.a - b.b| <= |a - b|_inf |a + b|_1: only neighbours in the order can agree.
    reach = 2 * tolerance * (np.abs(residuals).sum(axis=1) + tolerance * residuals.shape[1])
    count = 0
    for position, k in enumerate(order):
        if labels[k] >= 0:
            continue
        labels[k] = count
        stop = int(np.searchsorted(losses[order], losses[k] + reach[k], side="right"))
        rest = order[position + 1 : stop]
        rest = rest[labels[rest] < 0]
        same = (np.abs(residuals[rest] - residuals[k]) <= tolerance).all(axis=1)
        labels[rest[same]] = count
        count += 1
    return labels


def below(types: Types, a: NDArray[np.intp], b: NDArray[np.intp], silent: int) -> NDArray[np.bool_]:
    """Whether the face of type a[i] is in the closure of that of b[j], same sign; (len a, len b).

    The type ``silent`` (no sample active, none on the kink) stands for both signs.
    """
    one, two = types.sides[a // 2], types.sides[b // 2]
    inside = ((one[:, None, :] == 0) | (one[:, None, :] == two[None, :, :])).all(axis=2)
    signs = (a[:, None] % 2 == b[None, :] % 2) | (b[None, :] == silent)
    return np.asarray(inside & signs)


def connect(
    types: Types, pieces: Sequence[tuple[int, ...]], silent: int, *, chunk: int = 2_000_000
) -> NDArray[np.intp]:
    """Label joint faces of equal residuals by connected component, up to permutation.

    Parameters
    ----------
    types : Types
    pieces : sequence of tuples of m types
    silent : int
        The type of silent neurons.
    chunk : int
        Comparisons at a time.
    """
    g = len(pieces)
    if g == 1:
        return np.zeros(1, dtype=np.intp)
    rows = np.array(pieces, dtype=np.intp)
    used, position = np.unique(rows, return_inverse=True)
    position = position.reshape(rows.shape)
    order = below(types, used, used, silent)
    m = rows.shape[1]
    starts, ends = [], []
    for first in range(0, g, max(1, chunk // g)):
        own = position[first : first + max(1, chunk // g)]
        touching = np.zeros((len(own), g), dtype=bool)
        for permuted in permutations(range(m)):
            fits = np.ones((len(own), g), dtype=bool)
            for i, j in enumerate(permuted):
                fits &= order[own[:, i][:, None], position[:, j][None, :]]
            touching |= fits
        lower, upper = np.nonzero(touching)
        starts.append(lower + first)
        ends.append(upper)
    edges = np.concatenate(starts), np.concatenate(ends)
    graph = coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(g, g))
    return np.asarray(connected_components(graph, directed=False)[1])
