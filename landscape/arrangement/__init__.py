"""Central hyperplane arrangements ``{x : <a_i, x> = 0}`` and their cells.

The gradient of a shallow ReLU network is constant on the cells of its neurons' arrangement. In
general position there are ``2 sum_{k<d} C(m-1, k)`` of them (Cover 1965).

>>> Arrangement([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).cells().n_cells
6
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.arrangement._enumeration import TooManyCells, enumerate_cells
from landscape.arrangement._integers import (
    Infeasible,
    IntVector,
    dot,
    integer_rows,
    integer_vector,
    oriented,
    pivot_columns,
    primitive,
    sign,
    strict_solution,
    to_floats,
)
from landscape.canonical import merge_hyperplanes
from landscape.parametrization import DIRECTION_TOLERANCE

__all__ = [
    "Arrangement",
    "Cells",
    "Infeasible",
    "TooManyCells",
    "general_position_count",
    "interior_point",
]


def general_position_count(n_hyperplanes: int, dim: int) -> int:
    """Number of cells of m central hyperplanes in general position, ``2 sum_{k<d} C(m-1, k)``.

    >>> general_position_count(3, 2)
    6
    """
    if n_hyperplanes == 0:
        return 1
    return 2 * sum(comb(n_hyperplanes - 1, k) for k in range(dim))


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of an arrangement."""

    #: On which side of each given row's hyperplane the cell is, (n_cells, m); false for zero rows.
    patterns: NDArray[np.bool_]
    exact_points: list[IntVector]  #: A point strictly inside each cell, exact.

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.patterns)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The interior points scaled to max-norm one and rounded, shape (n_cells, d).

        Rounding can move the point of a cell thinner than about 1e-16 out of it; `exact_points`
        are always inside.
        """
        return np.array([to_floats(point) for point in self.exact_points])


class Arrangement:
    """The hyperplanes ``<normals[i], x> = 0``, which need not be different.

    Parameters
    ----------
    normals : array_like of shape (m, d), or rows of ints or Fractions
        Zero rows have no hyperplane. Floats count as the rationals that they are.
    tolerance : float or None
        Rows whose directions differ by at most this have the same hyperplane. None (the default
        for rows that are not floats): only exactly parallel ones.

    Raises
    ------
    ValueError
        If the rows do not form a finite (m, d) matrix.

    Examples
    --------
    >>> cells = Arrangement([[1, 0], [0, 1], [0, -2]]).cells()
    >>> cells.n_cells
    4
    >>> sorted("".join("-+"[int(side)] for side in row) for row in cells.patterns)
    ['++-', '+-+', '-+-', '--+']
    """

    def __init__(
        self,
        normals: ArrayLike | Sequence[Sequence[Any]],
        tolerance: float | None = DIRECTION_TOLERANCE,
    ) -> None:
        matrix = np.asarray(normals)
        if matrix.ndim != 2:
            raise ValueError(f"normals: expected shape (m, d), got {matrix.shape}")
        exact = matrix.dtype == object or tolerance is None
        if matrix.dtype != object and not np.isfinite(matrix).all():
            raise ValueError("normals: expected finite entries")
        self.shape: tuple[int, int] = (matrix.shape[0], matrix.shape[1])
        if exact:
            self._merge_exactly(integer_rows(matrix))
        else:
            planes = merge_hyperplanes(matrix.astype(float), tolerance=float(tolerance or 0.0))
            self.rows: list[IntVector] = integer_rows(planes.rows)
            self.labels: list[int] = planes.labels.tolist()
            self.orientations: list[int] = planes.orientations.tolist()

    def _merge_exactly(self, vectors: list[IntVector]) -> None:
        number: dict[IntVector, int] = {}
        self.labels, self.orientations = [], []
        for vector in vectors:
            key, orientation = oriented(vector)
            self.orientations.append(orientation)
            self.labels.append(number.setdefault(key, len(number)) if orientation else -1)
        self.rows = list(number)

    @property
    def n_hyperplanes(self) -> int:
        """Number of different hyperplanes."""
        return len(self.rows)

    @cached_property
    def columns(self) -> list[int]:
        """Coordinates that alone can reach every cell: as many as the normals' rank."""
        return pivot_columns(self.rows)

    @property
    def rank(self) -> int:
        """Rank of the normals, exact."""
        return len(self.columns)

    def cells(self, limit: int | None = 1_000_000) -> Cells:
        """All cells with interior points, exactly; ``TooManyCells`` if more than the limit."""
        columns = self.columns
        reduced = [primitive([row[j] for j in columns]) for row in self.rows]
        if limit is not None and 2**self.rank > limit:
            # As many as independent hyperplanes alone have.
            raise TooManyCells(f"at least 2^{self.rank} cells, the limit is {limit}")
        found = sorted(enumerate_cells(reduced, len(columns), limit).items())
        if limit is not None and len(found) > limit:
            raise TooManyCells(f"more than {limit} cells")
        # The last column is for zero rows, which have label -1 and orientation 0.
        sides = np.array([[key >> h & 1 for h in range(len(reduced))] + [1] for key, _ in found])
        patterns = sides[:, self.labels] == (np.array(self.orientations) > 0)
        points = np.zeros((len(found), self.shape[1]), dtype=object)
        points[:, columns] = [point for _, point in found]
        return Cells(patterns, [tuple(point) for point in points.tolist()])


def interior_point(rows: Sequence[IntVector], sides: Sequence[bool]) -> IntVector:
    """A point strictly on the given sides of all rows, exact; ``Infeasible`` if there is none."""
    signs = [(row, 1 if side else -1) for row, side in zip(rows, sides, strict=True)]
    return strict_solution([tuple(factor * x for x in row) for row, factor in signs])


def sides_at(rows: Sequence[IntVector], point: Sequence[Any]) -> list[int]:
    """Exact signs of ``<row, point>``; the point may be floats, ints or Fractions."""
    direction = integer_vector(point)
    return [sign(dot(row, direction)) for row in rows]
