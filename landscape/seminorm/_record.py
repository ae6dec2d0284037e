"""What the seminorm's functions return: a value with both sides and what is needed to check it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pattern = NDArray[np.bool_]


class OutOfReach(ValueError):
    """No exact method reaches a problem of this size."""


@dataclass(frozen=True, eq=False)
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

    value: float
    lower: float
    upper: float
    witness: Array
    gradient: Array
    pattern: Pattern
    coordinate: int
    exact: bool
    method: str
    tolerance: float
    rational_witness: tuple[Fraction, ...] | None = None
    proved: bool | None = None


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
