"""What to exchange: neurons of a network to drop, and directions with signs to add."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.optimize import nnls

from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.probe.ridge import is_lifted, steepest_ridge
from landscape.realization import realize
from landscape.rounding import Array
from landscape.spaces import BalancedSpace, RestrictedSpace
from landscape.streams import stream

#: Vertices that the Frank-Wolfe oracle tries here; beyond, local search is enough.
MAX_VERTICES = 50_000
#: Least size of the last two coordinates of a new direction, of max-norm one, in N*.
LEAST = 0.05


@dataclass(frozen=True)
class ExchangeBudget:
    """How much is tried."""

    max_exchanged: int = 2  #: Neurons that are exchanged at once.
    n_random: int = 4  #: New directions that are drawn at random,
    n_arrangement: int = 6  #: from samples' hyperplanes,
    n_minima: int = 6  #: from other minima.
    n_bisections: int = 6  #: Programs by which the distance of a better realization falls.
    n_refinements: int = 2  #: Rounds of the constrained local step.


@dataclass(frozen=True, eq=False)
class Choice:
    """One exchange: ``dropped`` neurons for as many ``units`` (q, d), of max-norm one in the space.

    ``signs`` (q,) go with them, and ``source`` says where they came from.
    """

    dropped: tuple[int, ...]
    units: Array
    signs: Array
    source: str


@dataclass(eq=False)
class Choices:
    """Generates exchanges for a network, small neurons first, single ones before pairs."""

    theta: Parametrization
    X: Array
    y: Array
    space: BalancedSpace
    rng: np.random.Generator
    minima: Sequence[Parametrization]
    budget: ExchangeBudget

    def __post_init__(self) -> None:
        theta, self.positive = self.theta, isinstance(self.space, RestrictedSpace)
        self.norms = max_norms(theta.products)
        self.used = np.flatnonzero(self.norms > 0)
        self.features = theta.signs * np.maximum(self.X @ theta.products.T, 0.0)
        self.s = realize(theta, self.X) - self.y
        self.pool = list(self._directions())

    def generate(self, worthwhile: Callable[[tuple[int, ...]], bool]) -> Iterator[Choice]:
        """All exchanges of neurons for which ``worthwhile`` still says so."""
        order = np.argsort(self.norms, kind="stable").tolist()
        for size in range(1, min(self.budget.max_exchanged, len(order)) + 1):
            for dropped in combinations(order, size):
                if not worthwhile(dropped):
                    continue
                for choice in self._of(dropped):
                    # Asked each time: what was found meanwhile may have settled the matter.
                    if not worthwhile(dropped):
                        break
                    yield choice

    def _directions(self) -> Iterator[tuple[str, Array]]:
        """Pairs of a source and a direction of max-norm one.

        From the neurons of other minima, from hyperplanes through as many samples as fit (the rays
        of the data's arrangement), and at random.
        """
        X, rng, budget, own = self.X, self.rng, self.budget, unit_directions(self.theta.weights)
        rows = [row for other in self.minima for row in other.products if row.any()]
        for k in rng.permutation(len(rows))[: budget.n_minima]:
            unit = into_space(rows[k][None], self.positive)
            if max_norms(own - unit).min() > 1e-12:
                yield "other minima", unit[0]
        lifted = is_lifted(X)
        effective = X[:, :-1] if lifted else X
        d = effective.shape[1]
        for _ in range(budget.n_arrangement if d > 1 else 0):
            chosen = rng.choice(len(X), min(d - 1, len(X)), replace=False)
            normal = np.linalg.svd(effective[chosen])[2][-1] * rng.choice([-1.0, 1.0])
            if lifted:
                normal = np.append(normal[:-1], np.maximum([normal[-1], -normal[-1]], 0.0))
            yield "samples' hyperplanes", into_space(normal[None], self.positive)[0]
        for _ in range(budget.n_random):
            draw = rng.standard_normal((1, self.theta.n_inputs))
            if self.positive:
                draw[:, -2:] = np.abs(draw[:, -2:])
            yield "random", into_space(draw, self.positive)[0]

    def _of(self, dropped: tuple[int, ...]) -> Iterator[Choice]:
        pool, q = self.pool, len(dropped)
        yield from self._guided(dropped)
        if q == 1:
            # What the others leave to be explained, as they are.
            rest = [i for i in range(len(self.norms)) if i not in dropped]
            missing = self.y - self.features[:, rest].sum(axis=1)
            for (source, unit), sign in product(pool, (1.0, -1.0)):
                signs, fitted = np.array([sign]), self._refit(unit, sign, missing)
                if fitted is not None:
                    yield Choice(dropped, fitted, signs, f"{source}, refitted")
                yield Choice(dropped, unit[None], signs, source)
        else:
            for _ in pool:
                picks = self.rng.choice(len(pool), q, replace=q > len(pool))
                units = np.array([pool[k][1] for k in picks])
                source = " + ".join(sorted({pool[k][0] for k in picks}))
                yield Choice(dropped, units, self.rng.choice([-1.0, 1.0], q), source)

    def _guided(self, dropped: tuple[int, ...]) -> Iterator[Choice]:
        """Directions from the Frank-Wolfe oracle, and the dropped ones with other signs."""
        gone = list(dropped)
        columns = self.features[:, [i for i in self.used if i not in dropped]]
        residual = self.s - self.features[:, gone].sum(axis=1)
        units, signs = np.empty((0, self.theta.n_inputs)), np.empty(0)
        for k in range(len(dropped)):
            ridge = steepest_ridge(
                self.X,
                residual,
                positive=self.positive,
                node_limit=0,
                max_vertices=MAX_VERTICES,
                max_exact=0,
                rng=stream(0, "exchange", "ridge", *dropped, k),
            )
            if not ridge.direction.any():
                return
            units = np.vstack([units, into_space(ridge.direction[None], self.positive)])
            signs = np.append(signs, ridge.sign)
            columns = np.column_stack([columns, ridge.sign * np.maximum(self.X @ units[-1], 0)])
            residual = columns @ nnls(columns, self.y)[0] - self.y
        yield Choice(dropped, units, signs, "Frank-Wolfe")
        if (self.norms[gone] > 0).all():
            own = self.theta.products[gone] / self.norms[gone, None]
            for turned in product((1.0, -1.0), repeat=len(gone)):
                if -1.0 in turned:
                    yield Choice(dropped, own, self.theta.signs[gone] * turned, "other signs")

    def _refit(self, unit: Array, sign: float, missing: Array) -> Array | None:
        """The direction (1, d) of a neuron of that sign, fitted to what it should compute.

        Least squares on its active samples, from ``unit`` on while the fit improves; None if no
        step improves. On its pattern the solution is best; half-way there may be, off it.
        """
        X, wanted = self.X, sign * missing

        def error(u: Array) -> float:
            return float(((wanted - np.maximum(X @ u, 0.0)) ** 2).sum())

        values = np.maximum(X @ unit, 0.0)
        start = u = max(0.0, float(values @ wanted)) / (float(values @ values) or 1.0) * unit
        best, active = error(u), values > 0
        for _ in range(10):
            step = np.linalg.lstsq(X[active], wanted[active], rcond=None)[0] - u
            tries = (u + t * step for t in (1.0, 0.5, 0.25))
            moved = next((v for v in tries if error(v) < best * (1 - 1e-9)), None)
            if moved is None:
                break
            u, best, active = moved, error(moved), X @ moved > 0
        return into_space(u[None], self.positive) if u is not start and u.any() else None


def into_space(rows: Array, positive: bool) -> Array:
    """Directions of max-norm one; with ``positive`` last two coordinates in N*.

    Both of these are raised by the same amount: what lifted data do not see.
    """
    moved = np.array(rows, dtype=float)
    if positive:
        short = LEAST * max_norms(moved) - moved[:, -2:].min(axis=1)
        moved[:, -2:] += np.maximum(0.0, short)[:, None]
    return unit_directions(moved)
