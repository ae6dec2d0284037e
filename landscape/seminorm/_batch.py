"""Many distances at once: networks checked once, and as many cores as pay.

Small networks go through one kernel, many in each call, and threads share the calls: compiled code
runs outside the interpreter's lock. What is left is started in the calling thread; what that took
says whether threads pay. Every distance is computed by the same kernels in every case, so the
results are the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.realization import stacked_difference
from landscape.seminorm import _tiers
from landscape.seminorm._networks import seminorm_of
from landscape.seminorm._record import Seminorm
from landscape.seminorm._whole import is_small, small_seminorms

Array = NDArray[np.float64]
#: A network or, with the first index, its distance to a network.
Pair = tuple[int | None, int]
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Small networks per call of their kernel, and neurons.
CHUNK, NEURONS = 256, 20_000
#: Seconds that a batch spends in the calling thread before it decides (again).
PILOT = 0.1
#: Seconds per distance from which threads use all cores: shorter ones spend more in waiting for the
#: interpreter's lock than the second core gains.
THREADS_FROM = 8e-4


@dataclass(frozen=True)
class _Batch:
    """What every distance of a batch is computed with."""

    networks: Sequence[Parametrization]
    method: str
    time_limit: float | None = None
    node_limit: int | None = None

    def arrays(self, pair: Pair) -> tuple[Array, Array]:
        """Weights and output weights of a network or a difference."""
        first, second = pair
        theta = self.networks[second]
        if first is None:
            return theta.weights, theta.output_weights
        return stacked_difference(self.networks[first], theta)

    def one(self, pair: Pair) -> Seminorm:
        """One distance, or one seminorm, that is not small."""
        limits = self.time_limit, self.node_limit
        return seminorm_of(*self.arrays(pair), self.method, *limits, at_once=False)

    def all(self, pairs: Sequence[Pair], n_jobs: int | None) -> list[Seminorm]:
        """All of them, in the order of the pairs."""
        workers = n_jobs or os.cpu_count() or 1
        known: list[Seminorm | None] = [None] * len(pairs)
        chunks = list(self._chunks(pairs))
        parts = _in_order(lambda chunk: self._small(pairs, chunk), chunks, workers)
        for chunk, part in zip(chunks, parts, strict=True):
            for at, record in zip(chunk, part, strict=True):
                known[at] = record
        rest = self._others([pairs[at] for at, r in enumerate(known) if r is None], workers)
        others = iter(rest)
        return [next(others) if record is None else record for record in known]

    def _chunks(self, pairs: Sequence[Pair]) -> Iterable[list[int]]:
        """Positions of the small networks, as many together as one call takes."""
        if self.method != "auto" or self.node_limit is not None:
            return
        chunk: list[int] = []
        neurons = 0
        for at, (first, second) in enumerate(pairs):
            theta = self.networks[second]
            m = theta.n_neurons + (0 if first is None else self.networks[first].n_neurons)
            if not is_small(m, theta.n_inputs, self.time_limit):
                continue
            if chunk and (
                len(chunk) == CHUNK
                or neurons + m > NEURONS
                or theta.n_inputs != self.networks[pairs[chunk[0]][1]].n_inputs
            ):
                yield chunk
                chunk, neurons = [], 0
            chunk.append(at)
            neurons += m
        if chunk:
            yield chunk

    def _small(self, pairs: Sequence[Pair], chunk: list[int]) -> list[Seminorm | None]:
        return small_seminorms([self.arrays(pairs[at]) for at in chunk])

    def _others(self, pairs: Sequence[Pair], workers: int) -> list[Seminorm]:
        """Searches one by one, in threads where they take long enough."""
        records: list[Seminorm] = []
        while len(records) < len(pairs):
            # What interprets or loads the kernels says nothing about the rest.
            typical = _tiers.loaded()
            start, done = time.thread_time(), len(records)
            while len(records) < len(pairs):
                records.append(self.one(pairs[len(records)]))
                if workers > 1 and time.thread_time() - start >= PILOT:
                    break
            each = (time.thread_time() - start) / (len(records) - done)
            if typical and each >= THREADS_FROM:
                records += _in_order(self.one, pairs[len(records) :], workers)
        return records


def _in_order(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """A function of each item, in threads where there are several of both."""
    if workers == 1 or len(items) < 2:
        return [function(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))


def sobolev_distances(
    gamma: Parametrization | None,
    thetas: Iterable[Parametrization],
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    n_jobs: int | None = None,
) -> list[Seminorm]:
    """Distances of many networks to one, or seminorms of many where ``gamma`` is None.

    The results are those of `sobolev_distance`, bit by bit, whatever runs them: threads where there
    are hundreds of small networks or a search takes milliseconds, or the calling thread.

    Parameters
    ----------
    gamma : Parametrization or None
    thetas : iterable of Parametrization
    method, time_limit, node_limit : see `sobolev_seminorm`, per distance
    n_jobs : int, optional
        Number of threads at most; all cores by default.

    Examples
    --------
    >>> gamma = Parametrization([[1.0, 0.0]], [1.0])
    >>> [record.value for record in sobolev_distances(gamma, [gamma, gamma.negate()])]
    [0.0, 2.0]
    """
    networks = list(thetas)
    pairs: list[Pair] = [(None, j) for j in range(len(networks))]
    if gamma is not None:
        networks = [gamma, *networks]
        pairs = [(0, j) for j in range(1, len(networks))]
    return _Batch(networks, method, time_limit, node_limit).all(pairs, n_jobs)


def pairwise_distances(
    thetas: Sequence[Parametrization], *, n_jobs: int | None = None, method: str = "auto"
) -> Array:
    """Symmetric matrix of seminorm distances between networks, shape (n, n).

    Only exact distances: there is no time limit. Run as `sobolev_distances` are.

    Examples
    --------
    >>> one = Parametrization([[1.0, 0.0]], [1.0])
    >>> pairwise_distances([one, one.negate()])
    array([[0., 2.],
           [2., 0.]])
    """
    pairs = list(combinations(range(len(thetas)), 2))
    matrix = np.zeros((len(thetas), len(thetas)))
    for (i, j), record in zip(pairs, _Batch(thetas, method).all(pairs, n_jobs), strict=True):
        matrix[i, j] = matrix[j, i] = record.value
    return matrix
