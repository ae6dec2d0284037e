"""Many distances at once: networks checked once, and as many cores as pay.

A batch starts in the calling thread. What that took says how the rest is run: searches of
milliseconds in threads, since compiled code runs outside the interpreter's lock; many small ones,
which that lock would keep on one core, in processes, once they take longer than starting these.
Every distance is computed by the same function in every case, so the results are the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.realization import stacked_difference
from landscape.seminorm import _tiers
from landscape.seminorm._networks import seminorm_of
from landscape.seminorm._record import Seminorm

Array = NDArray[np.float64]
#: A network or, with the first index, its distance to a network.
Pair = tuple[int | None, int]

#: Seconds that a batch spends in the calling thread before it decides (again).
PILOT = 0.1
#: Seconds per distance from which threads use all cores.
THREADS_FROM = 2e-3
#: Seconds for the rest of the batch from which processes for small networks pay: each of them
#: imports this package and loads compiled code, well over a second together.
PROCESSES_FROM = 8.0


@dataclass(frozen=True)
class _Batch:
    """What every distance of a batch is computed with."""

    networks: Sequence[Parametrization]
    method: str
    time_limit: float | None = None
    node_limit: int | None = None

    def one(self, pair: Pair) -> Seminorm:
        """One distance, or one seminorm."""
        first, second = pair
        theta = self.networks[second]
        arrays = theta.weights, theta.output_weights
        if first is not None:
            arrays = stacked_difference(self.networks[first], theta)
        return seminorm_of(*arrays, self.method, self.time_limit, self.node_limit)

    def some(self, pairs: Sequence[Pair]) -> list[Seminorm]:
        """Several of them, in the calling thread."""
        return [self.one(pair) for pair in pairs]

    def all(self, pairs: Sequence[Pair], n_jobs: int | None) -> list[Seminorm]:
        """All of them, in the order of the pairs."""
        workers = n_jobs or os.cpu_count() or 1
        if workers == 1:
            return self.some(pairs)
        records: list[Seminorm] = []
        while len(records) < len(pairs):
            # What interprets or loads the kernels says nothing about the rest.
            typical = _tiers.loaded()
            start, done = time.thread_time(), len(records)
            while len(records) < len(pairs):
                records.append(self.one(pairs[len(records)]))
                if time.thread_time() - start >= PILOT:
                    break
            each = (time.thread_time() - start) / (len(records) - done)
            rest = pairs[len(records) :]
            if typical and each >= THREADS_FROM:
                with ThreadPoolExecutor(workers) as pool:
                    return records + list(pool.map(self.one, rest))
            if typical and each * len(rest) >= PROCESSES_FROM:
                return records + self._in_processes(rest, workers)
        return records

    def _in_processes(self, pairs: Sequence[Pair], workers: int) -> list[Seminorm]:
        # Unlike multiprocessing's, loky's processes do not run the caller's script again.
        from joblib.externals.loky import ProcessPoolExecutor

        size = -(-len(pairs) // (4 * workers))
        chunks = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        with ProcessPoolExecutor(workers) as pool:
            parts = pool.map(_Batch.some, *zip(*map(self._part, chunks), strict=True))
            return [record for part in parts for record in part]

    def _part(self, pairs: Sequence[Pair]) -> tuple[_Batch, list[Pair]]:
        """A batch with the networks of some pairs only, and these pairs in it."""
        names = sorted({i for pair in pairs for i in pair if i is not None})
        new: dict[int | None, int] = {i: n for n, i in enumerate(names)}
        batch = replace(self, networks=[self.networks[i] for i in names])
        return batch, [(new.get(first), new[second]) for first, second in pairs]


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

    The results are those of `sobolev_distance`, bit by bit, whatever runs them: threads where a
    search takes milliseconds, processes where very many small ones take seconds in total, or the
    calling thread.

    Parameters
    ----------
    gamma : Parametrization or None
    thetas : iterable of Parametrization
    method, time_limit, node_limit : see `sobolev_seminorm`, per distance
    n_jobs : int, optional
        Number of threads or processes at most; all cores by default.

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
