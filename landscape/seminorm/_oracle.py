"""An oracle for cutting planes: fixed hyperplanes, slowly changing weights."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike

from landscape.arrangement import general_position_count
from landscape.arrangement._enumeration import enumerate_cells
from landscape.arrangement._integers import IntVector, primitive
from landscape.seminorm._record import EPS, Array, Found, Limits, Pattern, Seminorm

#: Arrangements with at most this many cells are enumerated once and kept.
CACHED_CELLS = 20_000


@dataclass(frozen=True, eq=False)
class SteepCell:
    """A cell where the gradient exceeds the radius."""

    pattern: Pattern  #: A genuine cell of all rows, (m,).
    gradient: Array  #: Sum of the active products, (q,).
    value: float  #: Its max-norm.


class GradientOracle:
    """Cells where ``‖sum_{i active} products_i‖_inf`` is large, for fixed weight vectors.

    Cutting-plane methods ask again and again for "a cell with gradient above ρ, or proof that there
    is none" with the same hyperplanes and other products. What depends on the hyperplanes alone is
    computed once (all cells, where they are few), and patterns that were found before are tried
    first.

    Parameters
    ----------
    weights : array_like of shape (m, d)
        The weight vectors ``a_i``: rows may be zero, parallel, opposite or dependent.

    Examples
    --------
    >>> oracle = GradientOracle([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> record = oracle.maximize([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> record.value, record.exact
    (1.0, True)
    >>> list(oracle.violated([[1e-9, 0.0], [0.0, 1e-9], [0.0, 0.0]], radius=1e-9))
    []
    """

    def __init__(self, weights: ArrayLike) -> None:
        from landscape.seminorm._search import Planes

        self.weights = _matrix(weights, "weights", "(m, d)")
        self._planes = Planes(self.weights)
        self._recent: deque[Seminorm] = deque(maxlen=64)
        self._patterns: Pattern | None = None
        self._points: list[IntVector] | None = None
        k = len(self._planes.rows)
        columns = self._planes.independent_columns(np.arange(k))
        r = len(columns)
        if k == r and 2**k <= CACHED_CELLS:
            keys = list(range(2**k))
        elif k > r and general_position_count(k, r) <= CACHED_CELLS:
            rows = [primitive([row[j] for j in columns]) for row in self._planes.exact_rows]
            cells = sorted(enumerate_cells(rows, r).items())
            keys, self._points = [key for key, _ in cells], [point for _, point in cells]
        else:
            return
        sides = [[key >> h & 1 for h in range(k)] for key in keys]
        self._sides: Pattern = np.array(sides, dtype=bool).reshape(len(keys), k)
        self._patterns = self._planes.neuron_patterns(self._sides)
        self._activity = self._patterns.astype(float)

    @property
    def patterns(self) -> Pattern | None:
        """All cells, bool of shape (n_cells, m), where they are few enough to be kept."""
        return self._patterns

    def maximize(
        self,
        products: ArrayLike,
        *,
        time_limit: float | None = None,
        node_limit: int | None = None,
    ) -> Seminorm:
        """The largest gradient over all cells, as `sobolev_seminorm` returns it.

        Parameters
        ----------
        products : array_like of shape (m, q)
            What each neuron adds to the gradient where it is active; usually (m, d).
        time_limit, node_limit : see `sobolev_seminorm`
        """
        record = self._search(self._checked(products), None, Limits(time_limit, node_limit))
        assert record is not None
        return record

    def violated(
        self,
        products: ArrayLike,
        radius: float,
        *,
        limit: int | None = 1,
        time_limit: float | None = None,
    ) -> Iterator[SteepCell]:
        """Cells with ``‖gradient‖_inf > radius``, the worst first; none at all is a proof.

        Where the cells are not kept, cells that earlier calls found are tried first, then the
        search of `maximize`, which looks for nothing below the radius. The proof is up to the
        rounding errors of sums of the products.

        Parameters
        ----------
        products : array_like of shape (m, q)
        radius : float
        limit : int or None
            Yield at most this many; None for all that are known after the search (all there are
            if the arrangement's cells are kept).
        time_limit : float, optional
            Seconds for the search.

        Raises
        ------
        TimeoutError
            If the time is up with neither a cell nor a proof.
        """
        values = self._checked(products)
        steep = self._known_above(values, radius, limit)
        if not steep and self._patterns is None:
            record = self._search(values, radius, Limits(time_limit))
            if record is not None:
                steep = self._known_above(values, radius, limit)
                if not steep and not record.exact:
                    raise TimeoutError("the search was not complete: neither a cell nor a proof")
        yield from steep

    def _known_above(self, values: Array, radius: float, limit: int | None) -> list[SteepCell]:
        """The steep cells among those kept, or found by earlier searches, the worst first."""
        from landscape.seminorm._problem import exact_gradient

        patterns = self._patterns
        if patterns is None:
            known = [record.pattern for record in self._recent]
            patterns = np.unique(np.reshape(known, (-1, len(values))).astype(bool), axis=0)
        activity = patterns.astype(float) if self._patterns is None else self._activity
        norms = np.abs(activity @ values).max(axis=1, initial=0.0)
        slack = 4 * len(values) * EPS * np.abs(values).sum(axis=0).max(initial=0.0)
        candidates = np.flatnonzero(norms > radius - slack)
        worst_first = patterns[candidates[np.argsort(-norms[candidates], kind="stable")]]
        gradients = ((row, exact_gradient(values, row)) for row in worst_first)
        cells = (SteepCell(row, g, float(np.abs(g).max(initial=0.0))) for row, g in gradients)
        return list(islice((cell for cell in cells if cell.value > radius), limit))

    def _search(self, values: Array, radius: float | None, limits: Limits) -> Seminorm | None:
        """The best cell, or None if it is proved that none exceeds the radius."""
        from landscape.seminorm._search import climb, finish, solve

        # Scaled by a power of two so that the largest entry is near one.
        exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
        scaled = np.ldexp(values, -exponent)
        reduced = self._planes.reduce(scaled, everything=self._patterns is not None)
        if self._patterns is not None:
            norms = np.abs(self._activity @ scaled).max(axis=1, initial=0.0)
            best = int(norms.argmax())
            value, point = float(norms[best]), self._points[best] if self._points else None
            found = Found(value, value, self._sides[best], point, True, "kept cells")
            return finish(self._planes, scaled, exponent, reduced, found, rounded=False)
        incumbent, floor = None, -1.0 if radius is None else float(np.ldexp(radius, -exponent))
        if self._recent and len(reduced.columns) == self.weights.shape[1] and len(reduced.used):
            # The best of the cells that earlier searches found, to start from.
            sums = np.array([record.pattern for record in self._recent]).astype(float) @ scaled
            known = self._recent[int(np.abs(sums).max(axis=1).argmax())]
            incumbent = reduced.problem.at_point(known.witness, "known")
        if radius is not None:
            # Only what exceeds the radius is sought; the incumbent's cell is a placeholder.
            incumbent = incumbent or climb(reduced.problem, limits)
            incumbent = replace(incumbent, lower=max(incumbent.lower, floor))
        found = solve(reduced.problem, limits=limits, incumbent=incumbent)
        if found.lower <= floor and found.exact:
            return None
        record = finish(self._planes, scaled, exponent, reduced, found, rounded=False)
        self._recent.appendleft(record)
        return record

    def _checked(self, products: ArrayLike) -> Array:
        return _matrix(products, "products", f"({len(self.weights)}, q)", len(self.weights))


def _matrix(entries: ArrayLike, name: str, shape: str, length: int | None = None) -> Array:
    """Finite numbers of a certain shape, as floats."""
    values: Array = np.array(entries, dtype=float, order="C")
    if values.ndim != 2 or len(values) != (len(values) if length is None else length):
        raise ValueError(f"{name}: expected shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite entries")
    return values
