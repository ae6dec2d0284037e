"""When a search has to stop, and how compiled code learns of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
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

    def step(self) -> bool:
        """Count a node; whether to stop now."""
        self.nodes += 1
        return self.exhausted


@contextmanager
def alarm(limits: Limits) -> Iterator[NDArray[np.int64]]:
    """A flag that compiled code reads and that a timer sets when the time is up."""
    flag = np.zeros(1, dtype=np.int64)
    if limits.time_limit is None:
        yield flag
        return

    def ring() -> None:
        flag[0] = 1

    timer = threading.Timer(max(limits.remaining_time, 0.0), ring)
    timer.daemon = True
    timer.start()
    try:
        yield flag
    finally:
        timer.cancel()
