"""The seminorm of networks with rational parameters, as a fraction, without any rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement
from landscape.arrangement._integers import _ratio


@dataclass(frozen=True, eq=False)
class ExactSeminorm:
    """A seminorm (17) computed in rational arithmetic.

    Attributes
    ----------
    value : Fraction
    gradient : tuple of Fraction
        At the witness.
    witness : tuple of int
        Strictly inside the first maximizing cell.
    coordinate : int
        Index of the gradient's largest entry.
    patterns : bool array of shape (n, m)
        All maximizing cells; the witness lies in the first.
    n_cells : int
        Number of cells of the neurons' arrangement.
    """

    value: Fraction
    gradient: tuple[Fraction, ...]
    witness: tuple[int, ...]
    coordinate: int
    patterns: NDArray[np.bool_]
    n_cells: int


def exact_seminorm(
    weights: Sequence[Sequence[Any]] | NDArray[Any],
    output_weights: Sequence[Any] | NDArray[Any],
    *,
    limit: int = 200_000,
) -> ExactSeminorm:
    """``|R(A, c)|_{W^{1,inf}}`` for ints, Fractions or floats (as the rationals that they are).

    Parallel neurons are merged only if they are exactly parallel.

    Parameters
    ----------
    weights : (m, d) rows of rationals
    output_weights : (m,) rationals
    limit : int
        Give up (`landscape.arrangement.TooManyCells`) beyond this number of cells.

    Examples
    --------
    The sharp pair of Theorem 3, with ``c = sign`` and product coordinates as weights:

    >>> e = Fraction(1, 100)
    >>> rows = [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]]
    >>> rows += [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]]
    >>> result = exact_seminorm(rows, [-1, 1, -1, -1, 1, -1])
    >>> result.value, result.n_cells
    (Fraction(1, 1), 12)
    """
    matrix = np.array([list(row) for row in weights], dtype=object)
    if matrix.ndim != 2:
        raise ValueError("weights: expected shape (m, d)")
    outputs = list(output_weights)
    if len(outputs) != len(matrix):
        raise ValueError(f"output_weights: expected {len(matrix)} values, got {len(outputs)}")
    products = np.array(
        [
            [Fraction(*_ratio(c)) * Fraction(*_ratio(a)) for a in row]
            for row, c in zip(matrix, outputs, strict=True)
        ],
        dtype=object,
    )
    cells = Arrangement(matrix, tolerance=None).cells(limit)
    denominator = lcm(*(entry.denominator for entry in products.flat))
    integers = np.frompyfunc(int, 1, 1)(products * denominator)
    gradients = cells.patterns.astype(int).astype(object) @ integers
    norms = np.abs(gradients).max(axis=1)
    best = np.flatnonzero(norms == norms.max())
    gradient = tuple(Fraction(entry, denominator) for entry in gradients[best[0]])
    return ExactSeminorm(
        value=Fraction(norms.max(), denominator),
        gradient=gradient,
        witness=cells.exact_points[best[0]],
        coordinate=int(np.abs(gradients[best[0]]).argmax()),
        patterns=cells.patterns[best],
        n_cells=cells.n_cells,
    )
