"""Columns of equal length by name: what a step of the study hands to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "as_arrays", "join_parts", "split_parts"]

#: Columns of equal length by name.
Arrays = dict[str, NDArray[Any]]


def as_arrays(rows: list[dict[str, Any]]) -> Arrays:
    """Rows with equal keys as columns; text has the length that it needs."""
    return {key: np.array([row[key] for row in rows]) for key in (rows[0] if rows else {})}


def join_parts(parts: Mapping[str, Arrays]) -> Arrays:
    """Arrays of several parts (spaces) side by side, as one file holds them.

    Examples
    --------
    >>> joined = join_parts({"restricted": {"loss": np.zeros(2)}, "balanced": {}})
    >>> sorted(joined), split_parts(joined)["restricted"]["loss"].tolist()
    (['restricted:loss'], [0.0, 0.0])
    """
    return {f"{part}:{name}": a for part, arrays in parts.items() for name, a in arrays.items()}


def split_parts(joined: Arrays) -> dict[str, Arrays]:
    """What :func:`join_parts` joined; empty parts are not there."""
    parts: dict[str, Arrays] = {}
    for key, values in joined.items():
        part, name = key.split(":", 1)
        parts.setdefault(part, {})[name] = values
    return parts
