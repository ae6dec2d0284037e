"""Points of cells that floats, or integers, can vouch for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landscape.arrangement._integers import IntVector, dot, integer_vector, sign, to_floats
from landscape.seminorm import _kernels_points as kernels
from landscape.seminorm._record import Pattern
from landscape.seminorm._tiers import INTERPRETED, call

if TYPE_CHECKING:
    from fractions import Fraction

Array = NDArray[np.float64]
EPS = float(np.finfo(float).eps)


@lru_cache(maxsize=64)
def generic_direction(n: int) -> Array:
    """A direction that no hyperplane is likely to contain."""
    return np.cos(1.0 + 2.0 * np.arange(n) ** 2)


def settle_point(
    rows: Array, point: Array, wanted: NDArray[np.int8]
) -> tuple[Array, Pattern] | None:
    """`_kernels_prepare.settle` on a copy of the point: it and its sides; None if it fails."""
    point, sides = point.copy(), np.empty(len(rows), dtype=bool)
    settled = call(
        kernels.settle,
        rows,
        point,
        generic_direction(len(point)),
        wanted,
        sides,
        work=2 * INTERPRETED * rows.size,
    )
    return (point, sides) if settled else None


def values_and_errors(rows: Array, point: Array) -> tuple[Array, Array]:
    """``rows @ point`` with bounds on its rounding errors."""
    values = rows @ point
    errors = 2 * (rows.shape[1] + 2) * EPS * (np.abs(rows) @ np.abs(point))
    # Products that underflow lose their error bound.
    return values, errors + 1e-300


def round_inside(
    exact: Sequence[int], rows: list[IntVector], sides: Pattern
) -> tuple[Array, tuple[Fraction, ...] | None, Pattern]:
    """The exact witness rounded, together with its fractions where rounding is too coarse."""
    from fractions import Fraction

    witness = to_floats(exact)
    largest = max(map(abs, exact))
    rational = tuple(Fraction(value, largest) for value in exact)
    values = [sign(dot(row, integer_vector(witness))) for row in rows]
    still = all(value == (1 if side else -1) for value, side in zip(values, sides, strict=True))
    if still:
        float_rows = np.array([to_floats(row) for row in rows])
        computed, errors = values_and_errors(float_rows, witness)
        if (np.abs(computed) > errors).all():
            return witness, None, sides
    return witness, rational, sides
