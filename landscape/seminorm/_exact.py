"""The seminorm of networks with rational parameters, as a fraction, without any rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement import Arrangement
from landscape.arrangement._integers import _ratio

if TYPE_CHECKING:
    from fractions import Fraction


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

    >>> from fractions import Fraction
    >>> e = Fraction(1, 100)
    >>> rows = [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]]
    >>> rows += [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]]
    >>> result = exact_seminorm(rows, [-1, 1, -1, -1, 1, -1])
    >>> result.value, result.n_cells
    (Fraction(1, 1), 12)
    """
    from fractions import Fraction

    matrix = np.array([list(row) for row in weights], dtype=object)
    if matrix.ndim != 2:
        raise ValueError("weights: expected shape (m, d)")
    m, d = matrix.shape
    outputs = list(output_weights)
    if len(outputs) != m:
        raise ValueError(f"output_weights: expected {m} values, got {len(outputs)}")
    products = [
        [Fraction(*_ratio(c)) * Fraction(*_ratio(a)) for a in row]
        for row, c in zip(matrix, outputs, strict=True)
    ]
    cells = Arrangement(matrix, tolerance=None).cells(limit)
    denominator = lcm(*(entry.denominator for row in products for entry in row))
    integers = np.array(
        [[int(entry * denominator) for entry in row] for row in products], dtype=object
    )
    gradients = cells.patterns.astype(int).astype(object) @ integers
    norms = np.abs(gradients).max(axis=1)
    value = norms.max()
    best = np.flatnonzero(norms == value)
    gradient = tuple(Fraction(int(entry), denominator) for entry in gradients[best[0]])
    return ExactSeminorm(
        value=Fraction(int(value), denominator),
        gradient=gradient,
        witness=cells.exact_points[best[0]],
        coordinate=max(range(d), key=lambda j: abs(gradient[j])),
        patterns=cells.patterns[best],
        n_cells=cells.n_cells,
    )
