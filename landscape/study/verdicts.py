"""Verdicts counted, and one sentence per data set: tested, held, failed, undecided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_verdicts", "sentence"]

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


def sentence(
    dataset: str, probes: Mapping[str, NDArray[Any]], controls: Mapping[str, NDArray[Any]]
) -> str:
    """What was tested on a data set, what held, what failed and what is undecided.

    Parameters
    ----------
    dataset : str
    probes : mapping with ``minimum`` and ``verdict``, one entry per ball
        Of N*, where Proposition 1.2 applies. With ``n_neurons`` minima of the same number but
        another width are told apart.
    controls : mapping with ``minimum``, ``kind`` and ``verdict``, one entry per step

    Examples
    --------
    >>> probes = {"minimum": np.array([0, 0]), "verdict": np.array(["holds", "undecided"])}
    >>> controls = {
    ...     "minimum": np.array([0, 0]),
    ...     "kind": np.array(["C.1", "C.1"]),
    ...     "verdict": np.array(["violated", "violated"]),
    ... }
    >>> print(sentence("sine", probes, controls))
    sine: 2 balls around 1 minimum of N*: 1 holds, 0 violated, 1 undecided; 1 control outside N*, \
which has to fail: 1 violated, 0 holds, 0 undecided.
    """
    counts = count_verdicts(probes.get("verdict", np.array([], dtype=str)))
    n_balls = sum(counts.values())
    n_minima = len(set(_minima(probes))) if n_balls else 0
    if n_balls:
        first = (
            f"{_number(n_balls, 'ball')} around "
            f"{_number(n_minima, 'minimum', 'minima')} of N*: "
            + ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
        )
    else:
        first = "no ball was tested"
    if len(controls.get("verdict", ())) == 0:
        return f"{dataset}: {first}; no control was built, so a failure would not be seen."
    steps = zip(
        _minima(controls), controls["kind"].tolist(), controls["verdict"].tolist(), strict=True
    )
    built = count_verdicts(np.array([verdict for *_, verdict in dict.fromkeys(steps)], dtype=str))
    n_controls = sum(built.values())
    have = "which has" if n_controls == 1 else "which have"
    return (
        f"{dataset}: {first}; {_number(n_controls, 'control')} outside N*, {have} to fail: "
        + ", ".join(f"{built[name]} {name}" for name in ("violated", "holds", "undecided"))
        + "."
    )


def _minima(rows: Mapping[str, NDArray[Any]]) -> list[tuple[int, int]]:
    """Which minimum each row is about: its width, where there is one, and its number."""
    numbers = np.asarray(rows["minimum"])
    widths = np.asarray(rows.get("n_neurons", np.zeros(len(numbers), dtype=int)))
    return list(zip(widths.tolist(), numbers.tolist(), strict=True))


def _number(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
