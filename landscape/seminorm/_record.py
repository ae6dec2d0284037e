"""What the seminorm's functions return: a value with both sides and what is needed to check it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # importing it takes milliseconds, and few records need it
    from fractions import Fraction

Array = NDArray[np.float64]
Pattern = NDArray[np.bool_]


#: Where the parts of a record are in a result of `_kernels_whole`: numbers, then witness, gradient
#: and pattern.
LOWER, TOLERANCE, EXPONENT, COORDINATE, PARTS = 0, 1, 2, 3, 4


class OutOfReach(ValueError):
    """No exact method reaches a problem of this size."""


class Seminorm:
    """A W^{1,inf} seminorm (17) with its witness.

    Attributes
    ----------
    value : float
        The seminorm if ``exact``, otherwise the best value found (``lower``).
    lower, upper : float
        The seminorm lies in ``[lower - tolerance, upper + tolerance]``; they are equal if exact.
    witness : array of shape (d,)
        A point strictly inside a cell where the gradient has this norm; max-norm at most one.
    gradient : array of shape (d,)
        The gradient there, recomputed from the network with correctly rounded sums.
    pattern : bool array of shape (m,)
        Which neurons are active at the witness; no hyperplane passes through it.
    coordinate : int
        Index of the gradient's largest entry.
    exact : bool
        Whether the search was complete, so that the bounds meet up to ``tolerance``.
    method : str
        How it was found.
    tolerance : float
        Absolute bound on the rounding errors in ``lower`` and ``upper``.
    rational_witness : tuple of Fraction, or None
        Given when the cell is so thin that rounding would move the witness out of it.
    proved : bool or None
        With ``certify=True``: whether exact arithmetic confirmed the witness and every step that
        the upper bound rests on. None when this was not asked for.
    """

    # Not a dataclass: thousands are made of small networks, and arrays only where they are read.
    __slots__ = (
        "_parts",
        "coordinate",
        "exact",
        "lower",
        "method",
        "proved",
        "rational_witness",
        "tolerance",
        "upper",
        "value",
    )

    value: float
    lower: float
    upper: float
    coordinate: int
    exact: bool
    method: str
    tolerance: float
    rational_witness: tuple[Fraction, ...] | None
    proved: bool | None
    _parts: tuple[Array, Array, Pattern] | tuple[Array, int]

    def __init__(
        self,
        lower: float,
        upper: float,
        parts: tuple[Array, Array, Pattern] | tuple[Array, int],
        coordinate: int,
        exact: bool,
        method: str,
        tolerance: float,
        rational_witness: tuple[Fraction, ...] | None = None,
        proved: bool | None = None,
    ) -> None:
        """``parts`` are witness, gradient and pattern, or a kernel's result and d."""
        write = object.__setattr__
        write(self, "value", lower)
        write(self, "lower", lower)
        write(self, "upper", upper)
        write(self, "_parts", parts)
        write(self, "coordinate", coordinate)
        write(self, "exact", exact)
        write(self, "method", method)
        write(self, "tolerance", tolerance)
        write(self, "rational_witness", rational_witness)
        write(self, "proved", proved)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: a record cannot be changed")

    def __reduce__(self) -> tuple[type[Seminorm], tuple[Any, ...]]:
        parts = self.witness, self.gradient, self.pattern
        numbers = self.coordinate, self.exact, self.method, self.tolerance
        proofs = self.rational_witness, self.proved
        return Seminorm, (self.lower, self.upper, parts, *numbers, *proofs)

    def with_proof(self, proved: bool) -> Seminorm:
        """The same record, proved or not."""
        record = copy(self)
        object.__setattr__(record, "proved", proved)
        return record

    def __repr__(self) -> str:
        interval = f"{self.value!r}" if self.exact else f"[{self.lower!r}, {self.upper!r}]"
        return f"Seminorm({interval}, method={self.method!r}, witness={self.witness!r})"

    def _unpacked(self) -> tuple[Array, Array, Pattern]:
        parts = self._parts
        if len(parts) == 3:
            return parts
        result, d = parts
        exponent = int(result[EXPONENT])
        witness, gradient = result[PARTS : PARTS + d], result[PARTS + d : PARTS + 2 * d]
        unpacked = witness.copy(), np.ldexp(gradient, exponent), result[PARTS + 2 * d :] > 0
        object.__setattr__(self, "_parts", unpacked)
        return unpacked

    @property
    def witness(self) -> Array:
        """A point strictly inside a cell where the gradient has this norm."""
        return self._unpacked()[0]

    @property
    def gradient(self) -> Array:
        """The gradient there."""
        return self._unpacked()[1]

    @property
    def pattern(self) -> Pattern:
        """Which neurons are active there."""
        return self._unpacked()[2]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search over the cells of a `Problem` found, in the problem's scaled units.

    Attributes
    ----------
    lower, upper : float
        Best value found and bound on all cells.
    pattern : bool array of shape (k,)
        Sides of the best cell.
    point : float array of shape (r,), exact tuple of int, or None
        A point of that cell.
    exact : bool
        Whether the search was complete.
    method : str
    """

    lower: float
    upper: float
    pattern: Pattern
    point: Array | tuple[int, ...] | None
    exact: bool
    method: str
    proved: bool | None = None
