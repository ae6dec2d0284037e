"""Paired starts: the same random network, embedded into each space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from landscape.training import Network, draw_network

__all__ = ["Block", "draw_start", "generator", "sign_class"]


@dataclass(frozen=True)
class Block:
    """Consecutive starts of one cell (data set, space, number of neurons) of a study.

    Attributes
    ----------
    dataset, space : str
        Names in the config.
    n_neurons : int
        Of the network with biases, P_(d, m, 1); N* and N' have one more.
    first, stop : int
        Indices of the starts, ``first <= j < stop``.
    seed : int
        Seed of the study.
    """

    dataset: str
    space: str
    n_neurons: int
    first: int
    stop: int
    seed: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.stop))

    def __len__(self) -> int:
        return self.stop - self.first


def generator(seed: int, dataset: str, *path: int) -> np.random.Generator:
    """The random numbers of one task: they depend on what it is, not on when or where it runs.

    Parameters
    ----------
    seed : int
        Seed of the study.
    dataset : str
        Name of the data set; enters by its SHA-256, so that other data sets may come and go.
    *path : int
        Which task: the number of neurons, the index of the start.

    Examples
    --------
    >>> one, two = (generator(0, "sine", 2, 7).random() for _ in range(2))
    >>> bool(one == two)
    True
    """
    digest = hashlib.sha256(dataset.encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words, *path]))


def sign_class(n_neurons: int, start: int) -> int:
    """Number of positive output weights of a start: the m + 1 classes of notes 5 in turn."""
    return start % (n_neurons + 1)


def draw_start(
    seed: int, dataset: str, n_features: int, n_neurons: int, start: int
) -> tuple[Network, int]:
    """Start number ``start`` of P_(n_features, n_neurons, 1), the same for every space.

    Returns
    -------
    network : Network
    n_positive : int
        Its sign class.
    """
    n_positive = sign_class(n_neurons, start)
    rng = generator(seed, dataset, n_neurons, start)
    return draw_network(rng, n_features, n_neurons, n_positive=n_positive), n_positive
