"""Errors in a study's configuration, one line each: the key, its value and the remedy.

This module judges the configuration by its schema and by the text that it was written as;
:mod:`landscape.study.checks` judges what the schema cannot say.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["config_problems", "duplicate_keys", "nearest", "sound_part", "starts_of_blocks"]


def config_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Everything that the schema finds wrong with a configuration, one line each.

    Parameters
    ----------
    config : mapping
    schema : mapping
        JSON schema (draft 2020-12). The description of a key serves as the remedy.

    Returns
    -------
    list of str
        Empty if nothing is wrong.

    Examples
    --------
    >>> config_problems(
    ...     {"starts": 0},
    ...     {
    ...         "properties": {
    ...             "starts": {"type": "integer", "minimum": 1, "description": "Starts per cell."}
    ...         }
    ...     },
    ... )
    ["config key 'starts': 0 is less than the minimum of 1. Expected: starts per cell."]
    """
    found = [line for error in _errors(config, schema) for line in _sentences(error)]
    odd = [
        f"config key {'.'.join(path)!r}: {value} is not finite; write a finite number"
        for path, value in _odd_numbers(config)
    ]
    return list(dict.fromkeys([*found, *odd]))


def sound_part(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is left of a wrong configuration to be judged further: all mistakes are told at once.

    Without the data sets that the schema refuses, and without other top-level keys that hold a
    mistake, which then have their defaults. None where a judgement of the rest would mislead.

    Examples
    --------
    >>> schema = {"properties": {"starts": {"type": "integer"}}}
    >>> sound_part({"starts": "many", "seed": 1, "datasets": {"a": {}}}, schema)
    {'seed': 1, 'datasets': {'a': {}}}
    """
    places: list[tuple[Any, ...]] = [path for path, _ in _odd_numbers(config)]
    for error in _errors(config, schema):
        place = tuple(error.absolute_path)
        extra = set(error.instance) - set(error.schema.get("properties", {})) if not place else ()
        places += [(*place, name) for name in extra] or [place]
    part = {key: dict(v) if isinstance(v, Mapping) else v for key, v in config.items()}
    for place in places:
        if place[:1] == ("datasets",) and len(place) > 1:
            part.get("datasets", {}).pop(place[1], None)
        elif place:
            part.pop(place[0], None)
    # Names of a user's own solvers and generators would seem unknown without their section.
    lost = "plugins" in config and "plugins" not in part
    return None if lost or _errors(part, schema) else part


def _errors(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Any]:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    return sorted(
        Draft202012Validator(dict(schema)).iter_errors(dict(config)),
        key=lambda error: (list(map(str, error.absolute_path)), error.message),
    )


def _sentences(error: Any) -> Iterator[str]:
    key = ".".join(map(str, error.absolute_path)) or "the config"
    where = f"config key {key!r}" if error.absolute_path else key
    description = " ".join(str(error.schema.get("description", "")).split())
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        for extra in sorted(set(error.instance) - set(known), key=str):
            value = error.instance[extra]
            yield f"{where}: unknown key {extra!r} (value {value!r}); {nearest(str(extra), known)}"
    elif error.validator == "required":
        for missing in sorted(set(error.validator_value) - set(error.instance)):
            entry = error.schema.get("properties", {}).get(missing, {})
            meaning = " ".join(str(entry.get("description", "")).split())
            yield f"{where}: key {missing!r} is missing; add it. {meaning}".rstrip()
    elif "propertyNames" in error.absolute_schema_path:
        name, quoted = error.instance, isinstance(error.instance, str)
        remedy = "use letters, digits, -, _ and ." if quoted else f"write it in quotes, '{name}'"
        yield f"{where}: {name!r} is no valid name; {remedy}"
    elif error.validator == "uniqueItems":
        twice = next(v for k, v in enumerate(error.instance) if v in error.instance[:k])
        yield f"{where}: {twice!r} stands twice in {error.instance!r}; remove one of them"
    else:
        message = " ".join(str(error.message).split())
        expected = description[:1].lower() + description[1:]
        yield f"{where}: {message}." + (f" Expected: {expected}" if expected else "")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint at what was meant.

    Examples
    --------
    >>> nearest("sede", ["seed", "starts"])
    "did you mean 'seed'?"
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}."


def _odd_numbers(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Places of numbers that JSON does not have, which every bound of a schema lets pass."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _odd_numbers(entry, (*path, str(key)))
    elif isinstance(value, list):
        for k, entry in enumerate(value):
            yield from _odd_numbers(entry, (*path, str(k)))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value


def duplicate_keys(text: str) -> list[str]:
    r"""Keys that a YAML text gives twice: a reader of YAML keeps the last one silently.

    Nothing is built from the text; it is only parsed. A text that is no YAML has none.

    Examples
    --------
    >>> duplicate_keys("seed: 1\nneurons: [2]\nseed: 2\n")
    ["config key 'seed': stands in line 1 and again in line 3; remove one of them"]
    """
    import yaml  # type: ignore[import-untyped]

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return []  # whoever loads it says so
    return list(_duplicates(root, (), set()))


def _duplicates(node: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[str]:
    if node is None or id(node) in seen or isinstance(node.value, str):
        return
    seen.add(id(node))  # an alias leads back
    lines: dict[str, int] = {}
    for k, entry in enumerate(node.value):
        pair = isinstance(entry, tuple)
        name = str(entry[0].value) if pair else str(k)
        below = (*path, name)
        if pair:
            line = entry[0].start_mark.line + 1
            if name in lines:
                yield (
                    f"config key {'.'.join(below)!r}: stands in line {lines[name]} and again in "
                    f"line {line}; remove one of them"
                )
            lines[name] = line
        yield from _duplicates(entry[1] if pair else entry, below, seen)


def starts_of_blocks(starts: int, block_size: int) -> list[tuple[int, int]]:
    """First index and end of every block.

    Examples
    --------
    >>> starts_of_blocks(50, 20)
    [(0, 20), (20, 40), (40, 50)]
    """
    return [(k, min(k + block_size, starts)) for k in range(0, starts, block_size)]
