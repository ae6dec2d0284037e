"""One data set and number of neurons of a study: what its steps are called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.pipeline import Task, draw_start
from landscape.streams import stream
from landscape.study.rows import Minimum, WithNetwork
from landscape.training import Network

__all__ = ["Cell", "Progress", "evenly", "network_of", "quiet", "within_space"]

Array = NDArray[np.float64]
#: Receives lines of text.
Progress = Callable[[str], None]
T = TypeVar("T")


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def network_of(row: WithNetwork) -> Parametrization:
    """The network of a row."""
    assert row.weights is not None and row.output_weights is not None
    return Parametrization(row.weights, row.output_weights)


def within_space(minima: Iterable[Minimum], space: str) -> list[Minimum]:
    """The minima that keep every condition of their space, and whose neurons all contribute."""
    return [
        row
        for row in minima
        if row.space == space
        and not row.violations
        and max_norms(network_of(row).weights).min() > 0
    ]


def evenly(items: Sequence[T], n: int) -> list[T]:
    """At most ``n`` of the items, evenly chosen."""
    places = np.linspace(0, len(items) - 1, min(n, len(items))).astype(int)
    return [items[k] for k in np.unique(places)]


@dataclass(frozen=True, eq=False)
class Cell:
    """A data set and a number of neurons.

    Attributes
    ----------
    dataset : str
        Its name; random streams depend on it.
    features : array of shape (n, d)
    target : array of shape (n,)
    neurons : int
        Of the network with biases, P_(d, m, 1); N* and N' have one more.
    seed : int
        Of the study.
    margin : float
        Lower bound of the last two product coordinates on N*.
    """

    dataset: str
    features: Array
    target: Array
    neurons: int
    seed: int
    margin: float = 0.0

    @property
    def place(self) -> dict[str, Any]:
        """What rows of the cell begin with."""
        return {"dataset": self.dataset, "neurons": self.neurons}

    def task(self, space: str) -> Task:
        """The loss over one space."""
        return Task.over(space, self.features, self.target, self.neurons, margin=self.margin)

    def start(self, index: int) -> tuple[Network, int]:
        """A start, and its sign class; the same for every space and solver."""
        return draw_start(self.seed, self.dataset, self.features.shape[1], self.neurons, index)

    def stream(self, purpose: str, *keys: str | int) -> np.random.Generator:
        """The random numbers of one purpose in this cell."""
        return stream(self.seed, purpose, self.dataset, self.neurons, *keys)
