"""What to exchange: neurons of a network to drop, and directions with signs to add."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from landscape.parametrization import Parametrization, max_norms
from landscape.probe._candidates import Amounts, candidate_directions, into_space, refit
from landscape.probe.ridge import steepest_ridge
from landscape.spaces import BalancedSpace, RestrictedSpace

__all__ = ["Choice", "Choices"]

Array = NDArray[np.float64]

#: Vertices that the Frank-Wolfe oracle tries here; beyond, local search is enough.
MAX_VERTICES = 50_000


class Budget(Amounts, Protocol):
    """How many exchanges to try."""

    @property
    def max_exchanged(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Choice:
    """One exchange.

    Attributes
    ----------
    dropped : tuple of int
        Neurons of the network that go.
    units : array of shape (q, d)
        Directions of max-norm one in the space, as many.
    signs : array of shape (q,)
    source : str
        Where the directions came from.
    """

    dropped: tuple[int, ...]
    units: Array
    signs: Array
    source: str


class Choices:
    """Generates exchanges for a network, small neurons first, single ones before pairs."""

    def __init__(
        self,
        theta: Parametrization,
        X: Array,
        y: Array,
        space: BalancedSpace,
        rng: np.random.Generator,
        minima: Sequence[Parametrization],
        budget: Budget,
    ) -> None:
        self.theta, self.X, self.y, self.space, self.rng = theta, X, y, space, rng
        self.budget = budget
        self.norms = max_norms(theta.products)
        self.used = np.flatnonzero(self.norms > 0)
        self.features = theta.signs * np.maximum(X @ theta.products.T, 0.0)
        self.s = self.features.sum(axis=1) - y
        self.pool = list(candidate_directions(theta, X, space, rng, minima, budget))

    def generate(self, worthwhile: Callable[[tuple[int, ...]], bool]) -> Iterator[Choice]:
        """All exchanges of neurons for which ``worthwhile`` still says so."""
        order = [int(i) for i in np.argsort(self.norms, kind="stable")]
        for size in range(1, min(self.budget.max_exchanged, len(order)) + 1):
            for dropped in combinations(order, size):
                if not worthwhile(dropped):
                    continue
                for choice in self._of(dropped):
                    # Asked each time: what was found meanwhile may have settled the matter.
                    if not worthwhile(dropped):
                        break
                    yield choice

    def _of(self, dropped: tuple[int, ...]) -> Iterator[Choice]:
        pool = self.pool
        yield from self._guided(dropped)
        if len(dropped) == 1:
            # What the others leave to be explained, as they are.
            rest = [i for i in range(len(self.norms)) if i not in dropped]
            missing = self.y - self.features[:, rest].sum(axis=1)
            for source, unit in pool:
                for sign in (1.0, -1.0):
                    signs = np.array([sign])
                    fitted = refit(unit, sign, self.X, missing, self.space)
                    if fitted is not None:
                        yield Choice(dropped, fitted[None], signs, f"{source}, refitted")
                    yield Choice(dropped, unit[None], signs, source)
        else:
            q = len(dropped)
            for _ in pool:
                picks = self.rng.choice(len(pool), q, replace=q > len(pool))
                units = np.array([pool[k][1] for k in picks])
                source = " + ".join(sorted({pool[k][0] for k in picks}))
                yield Choice(dropped, units, self.rng.choice([-1.0, 1.0], q), source)

    def _guided(self, dropped: tuple[int, ...]) -> Iterator[Choice]:
        """Directions from the Frank-Wolfe oracle, and the dropped ones with other signs."""
        rest = [i for i in self.used if i not in dropped]
        residual = self.s - self.features[:, list(dropped)].sum(axis=1)
        units: list[Array] = []
        signs: list[float] = []
        for _ in dropped:
            ridge = steepest_ridge(
                self.X,
                residual,
                positive=isinstance(self.space, RestrictedSpace),
                node_limit=0,
                max_vertices=MAX_VERTICES,
                max_exact=0,
                rng=np.random.default_rng(0),
            )
            if not ridge.direction.any():
                return
            units.append(into_space(ridge.direction[None], self.space)[0])
            signs.append(ridge.sign)
            columns = np.column_stack(
                [
                    self.features[:, rest],
                    *[g * np.maximum(self.X @ v, 0) for v, g in zip(units, signs, strict=True)],
                ]
            )
            fitted, _ = nnls(columns, self.y)
            residual = columns @ fitted - self.y
        yield Choice(dropped, np.array(units), np.array(signs), "Frank-Wolfe")
        real = [i for i in dropped if self.norms[i] > 0]
        if len(real) == len(dropped):
            own = self.theta.products[real] / self.norms[real, None]
            for turned in product((1.0, -1.0), repeat=len(real)):
                if -1.0 in turned:
                    yield Choice(
                        dropped, own, self.theta.signs[real] * np.array(turned), "other signs"
                    )
