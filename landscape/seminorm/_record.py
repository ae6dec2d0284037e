"""What the seminorm's functions return, and when a search has to stop."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError

Array = NDArray[np.float64]
Pattern = NDArray[np.bool_]

EPS = float(np.finfo(float).eps)
METHODS = ("auto", "plane", "flats", "cones", "conflicts", "reference")


class OutOfReach(LandscapeError):
    """No exact method reaches a problem of this size."""


@dataclass(frozen=True, eq=False, slots=True)
class Seminorm:
    """A W^{1,inf} seminorm (17) with its witness."""

    lower: float  #: The seminorm lies in ``[lower - tolerance, upper + tolerance]``.
    upper: float  #: Equal to ``lower`` if exact.
    witness: Array  #: Strictly inside a cell with a gradient of this norm, (d,), max-norm <= 1.
    gradient: Array  #: There, recomputed from the network with correctly rounded sums, (d,).
    pattern: Pattern  #: Which neurons are active there, (m,); no hyperplane passes through it.
    coordinate: int  #: Index of the gradient's largest entry.
    exact: bool  #: Whether the search was complete, so that the bounds meet up to ``tolerance``.
    method: str  #: How it was found.
    tolerance: float  #: Bounds rounding of ``lower`` and ``upper``: of products and of their sums.
    #: Given when the cell is so thin that rounding would move the witness out of it.
    rational_witness: tuple[Fraction, ...] | None = None
    #: With ``certify=True``: whether exact arithmetic confirmed the witness and every step that the
    #: upper bound rests on. None when this was not asked for.
    proved: bool | None = None

    @property
    def value(self) -> float:
        """The seminorm if ``exact``, otherwise the best value found (``lower``)."""
        return self.lower

    def __repr__(self) -> str:
        interval = f"{self.value!r}" if self.exact else f"[{self.lower!r}, {self.upper!r}]"
        return f"Seminorm({interval}, method={self.method!r}, witness={self.witness!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What a search over the cells of a `CellProblem` found, in the problem's scaled units.

    Best value and a bound on all cells; sides of the best cell, bool (k,), and a point of it in
    floats (r,), in integers, or None; whether the search was complete.
    """

    lower: float
    upper: float
    pattern: Pattern
    point: Array | tuple[int, ...] | None
    exact: bool
    method: str


@dataclass(slots=True)
class Limits:
    """When a search has to stop: a clock and a number of nodes, shared by all its parts."""

    time_limit: float | None = None
    node_limit: int | None = None
    nodes: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining_time(self) -> float:
        """Seconds left."""
        if self.time_limit is None:
            return float("inf")
        return self.time_limit - (time.monotonic() - self.started)

    @property
    def remaining_nodes(self) -> int:
        """Nodes left."""
        return 2**62 if self.node_limit is None else max(self.node_limit - self.nodes, 0)

    @property
    def exhausted(self) -> bool:
        """Whether to stop now."""
        return self.remaining_nodes <= 0 or self.remaining_time <= 0

    def alarm(self) -> AbstractContextManager[NDArray[np.int64]]:
        """A flag that compiled code reads and that a timer sets when the time is up."""
        flag = np.zeros(1, dtype=np.int64)
        return nullcontext(flag) if self.time_limit is None else self._timed(flag)

    @contextmanager
    def _timed(self, flag: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        timer = threading.Timer(max(self.remaining_time, 0.0), flag.fill, [1])
        timer.daemon = True
        timer.start()
        try:
            yield flag
        finally:
            timer.cancel()
