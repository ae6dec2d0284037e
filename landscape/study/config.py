"""Errors in a study's configuration, one line each: the key, its value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

__all__ = ["config_error", "starts_of_blocks"]


def config_error(config: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """The first thing that is wrong with a configuration, or None.

    Parameters
    ----------
    config : mapping
    schema : mapping
        JSON schema (draft 2020-12). The description of a key serves as the remedy.

    Examples
    --------
    >>> config_error(
    ...     {"starts": 0},
    ...     {
    ...         "properties": {
    ...             "starts": {"type": "integer", "minimum": 1, "description": "Starts per cell."}
    ...         }
    ...     },
    ... )
    "config key 'starts': 0 is less than the minimum of 1. Expected: starts per cell."
    """
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    errors = sorted(
        Draft202012Validator(dict(schema)).iter_errors(dict(config)),
        key=lambda error: (list(map(str, error.absolute_path)), error.message),
    )
    return _sentence(errors[0], config) if errors else None


def _sentence(error: Any, config: Mapping[str, Any]) -> str:
    key = ".".join(map(str, error.absolute_path)) or "the config"
    where = f"config key {key!r}" if error.absolute_path else key
    description = str(error.schema.get("description", "")).strip()
    expected = description[:1].lower() + description[1:]
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        extra = sorted(set(error.instance) - set(known))[0]
        close = difflib.get_close_matches(str(extra), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}."
        return f"{where}: unknown key {extra!r} (value {error.instance[extra]!r}); {hint}"
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))[0]
        entry = error.schema.get("properties", {}).get(missing, {})
        meaning = " ".join(str(entry.get("description", "")).split())
        return f"{where}: key {missing!r} is missing; add it. {meaning}".rstrip()
    if "propertyNames" in error.absolute_schema_path:
        return f"{where}: {error.instance!r} is no valid name; use letters, digits, -, _ and ."
    message = " ".join(str(error.message).split())
    expected = " ".join(expected.split())
    return f"{where}: {message}." + (f" Expected: {expected}" if expected else "")


def starts_of_blocks(starts: int, block_size: int) -> list[tuple[int, int]]:
    """First index and end of every block.

    Examples
    --------
    >>> starts_of_blocks(50, 20)
    [(0, 20), (20, 40), (40, 50)]
    """
    return [(k, min(k + block_size, starts)) for k in range(0, starts, block_size)]
