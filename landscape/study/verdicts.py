"""Verdicts, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_verdicts"]

#: In this order everywhere.
VERDICTS = ("holds", "violated", "undecided")


def count_verdicts(verdicts: NDArray[Any]) -> dict[str, int]:
    """How often each verdict occurs.

    Raises
    ------
    ValueError
        If there is any other word: it would be lost in the counts.

    Examples
    --------
    >>> count_verdicts(np.array(["holds", "holds", "undecided"]))
    {'holds': 2, 'violated': 0, 'undecided': 1}
    """
    values = np.asarray(verdicts).astype(str)
    if strange := sorted(set(values.tolist()) - set(VERDICTS)):
        raise ValueError(f"verdicts: expected {', '.join(VERDICTS)}, got {', '.join(strange)}")
    return {name: int((values == name).sum()) for name in VERDICTS}
