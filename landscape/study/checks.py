"""Everything that is wrong with a study's configuration, one line each: key, value and remedy.

First what :class:`landscape.study.config.Study` refuses; then, of the sound part, what no model of
keys can say: combinations, a user's own functions, and their tables, which are read for it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import comb
from typing import Any

from pydantic import ValidationError

from landscape.data import KINDS, DataError, load_function, make_dataset
from landscape.study.config import Study

__all__ = ["check_study", "duplicate_keys", "nearest"]

#: Solvers of scipy.optimize, as :data:`landscape.training.SOLVERS` has them (its import is slow).
SOLVERS = ("SLSQP", "L-BFGS-B", "trust-constr", "trf")
#: What an atlas can be searched with, beside a user's own.
ATLAS_SOLVERS = ("descent", "far descent", "SLSQP", "L-BFGS-B", "trf")
#: YAML reads 2023_02 as a number, and no as false.
QUOTES = "write it in quotes"
#: Counts of what starts from the minima of N*.
FROM_RESTRICTED = {"controls": "max_minima", "pairs": "max_pairs"}


def check_study(
    config: Mapping[str, Any], *, data: bool = True
) -> tuple[dict[str, Any] | None, list[str]]:
    """A configuration with its defaults, and what is wrong with it.

    Parameters
    ----------
    config : mapping
        As it was written.
    data : bool
        Whether the user's tables are read and their functions tried.

    Returns
    -------
    dict or None
        The complete configuration; None if something is wrong.
    list of str
        Everything that is wrong, one line each.

    Examples
    --------
    >>> check_study({"datasets": {"a": {"kind": "diabetes"}}, "starts": 0})[1]
    ["config key 'starts': 0 should be greater than or equal to 1 (random starts per cell)"]
    """
    unknown = dict(_unknown_kinds(config))
    mistakes: list[Any] = []
    try:
        study: Study | None = Study.model_validate(dict(config))
    except ValidationError as error:
        mistakes = [m for m in error.errors() if not any(m["loc"][: len(p)] == p for p in unknown)]
    found = [*unknown.values(), *map(_sentence, mistakes)]
    if found:
        study = _sound_part(config, [*unknown, *(mistake["loc"] for mistake in mistakes)])
    found += _combined(study, data) if study is not None else []
    if found or study is None:
        return None, list(dict.fromkeys(found))
    return study.complete(), []


def _unknown_kinds(config: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Places of data sets of kinds that are neither built in nor a user's own."""

    def below(value: Any, *names: str) -> Mapping[Any, Any]:
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, Mapping) else {}

    known = [*KINDS, *map(str, below(config, "plugins", "generators"))]
    problems = below(config, "atlas", "problems")
    places: list[tuple[Any, ...]] = [("datasets", name) for name in below(config, "datasets")]
    places += [("atlas", "problems", name, "data") for name in problems]
    for place in places:
        kind = below(config, *place).get("kind")
        if isinstance(kind, str) and kind not in known:
            where = ".".join(map(str, place))
            yield (
                place,
                f"config key '{where}.kind': {kind!r} is no kind of data; {nearest(kind, known)}",
            )


def _sound_part(config: Mapping[str, Any], places: Sequence[tuple[Any, ...]]) -> Study | None:
    """A configuration without the data sets and other keys that hold a mistake, if that is one.

    Where the section of a user's functions holds one, their names would seem unknown in the others.
    """
    part = {name: dict(v) if isinstance(v, Mapping) else v for name, v in config.items()}
    for place in places:
        if place[:1] == ("datasets",) and len(place) > 1:
            part.get("datasets", {}).pop(place[1], None)
        elif place:
            part.pop(place[0], None)
    if "plugins" in config and "plugins" not in part:
        return None
    try:
        return Study.model_validate(part)
    except ValidationError:
        return None


@cache
def _schema() -> dict[str, Any]:
    return Study.model_json_schema()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A node of the schema without references; a description beside one is kept."""
    while "$ref" in node:
        node = {**_schema()["$defs"][node["$ref"].split("/")[-1]], **node}
        del node["$ref"]
    return node


def _described(place: Sequence[Any]) -> tuple[list[str], str, dict[str, Any]]:
    """The key at a place of an error, what is expected there, and the schema of what it is in."""
    names: list[str] = []
    node, above, meaning = _schema(), _schema(), ""
    for part in place:
        node = _resolved(node)
        meaning = node.get("description", meaning) if names else ""
        if "oneOf" in node and part in _schema()["$defs"]:  # which kind of data set, no key
            node = _schema()["$defs"][part]
            continue
        if part == "[key]":
            break
        names.append(str(part))
        below = [*node.get("patternProperties", {}).values(), node.get("items")]
        below += [entry.get("items") for entry in node.get("anyOf", ())]
        known = node.get("properties", {})
        above, node = node, known.get(part) or next(filter(None, below), {})
    node = _resolved(node)
    return names, node.get("description", meaning), above


def _sentence(mistake: Any) -> str:
    """One line on a mistake that the model found."""
    place, value, kind = mistake["loc"], mistake["input"], mistake["type"]
    names, meaning, above = _described(place)
    where = f"config key {'.'.join(names)!r}" if names else "the config"
    if kind == "missing":
        return f"{where} is missing; add it ({meaning})"
    if kind == "extra_forbidden":
        hint = nearest(names[-1], sorted(above.get("properties", {})))
        if "Own" in place:
            hint += " The function's own arguments stand under options."
        return f"{where} is unknown (value {value!r}); {hint}"
    if "[key]" in place or kind == "invalid_key":
        remedy = "use letters, digits, -, _ and ." if isinstance(value, str) else QUOTES
        where = f"config key {'.'.join(names[:-1])!r}" if names[:-1] else "the config"
        return f"{where}: {value!r} is no valid name; {remedy}"
    if kind == "value_error":
        return f"{where}: {mistake['ctx']['error']}"
    said = str(mistake["msg"]).removeprefix("Input ").split(" or instance of")[0]
    said = said.replace("valid dictionary", "mapping of keys to values")
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        said += f"; {QUOTES}"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        said += f"; write {value:.0f}"
    return f"{where}: {value!r} {said[:1].lower()}{said[1:]}" + (f" ({meaning})" if meaning else "")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint at what was meant.

    Examples
    --------
    >>> nearest("sede", ["seed", "starts"])
    "did you mean 'seed'?"
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}."


def duplicate_keys(text: str) -> list[str]:
    r"""Keys that a YAML text gives twice: a reader of YAML keeps the last one silently.

    Nothing is built from the text; it is only parsed. A text that is no YAML has none.

    Examples
    --------
    >>> duplicate_keys("seed: 1\nneurons: [2]\nseed: 2\n")
    ["config key 'seed': stands in line 1 and again in line 3; remove one of them"]
    """
    import yaml  # type: ignore[import-untyped]

    def below(node: Any, path: tuple[str, ...], seen: frozenset[int]) -> Iterator[str]:
        if node is None or id(node) in seen or isinstance(node.value, str):
            return  # an alias leads back
        lines: dict[str, int] = {}
        for k, entry in enumerate(node.value):
            first, value = entry if isinstance(entry, tuple) else (None, entry)
            name = str(k) if first is None else str(first.value)
            if first is not None:
                line = first.start_mark.line + 1
                if name in lines:
                    yield (
                        f"config key {'.'.join((*path, name))!r}: stands in line {lines[name]} and "
                        f"again in line {line}; remove one of them"
                    )
                lines[name] = line
            yield from below(value, (*path, name), seen | {id(node)})

    try:
        return list(below(yaml.compose(text, Loader=yaml.SafeLoader), (), frozenset()))
    except yaml.YAMLError:
        return []  # whoever loads it says so


# What cannot be combined or read.


def _combined(study: Study, data: bool) -> list[str]:
    found = [*_names(study), *_solvers(study), *_spaces(study)]
    if data:
        found += [*_functions(study), *_tables(study), *_atlases(study)]
    return found


def _names(study: Study) -> Iterator[str]:
    """Names become files, and some file systems ignore case; those that are built in are taken."""
    for key, names in (("datasets", study.datasets), ("atlas.problems", study.atlas.problems)):
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                yield (
                    f"config key {key!r}: {other!r} and {name!r} differ in case only, and name "
                    "files; rename one of them"
                )
    for group, own, taken in (
        ("generators", study.plugins.generators, tuple(KINDS)),
        ("solvers", study.plugins.solvers, (*SOLVERS, "descent", "far descent")),
    ):
        for name in own:
            if name in taken:
                yield f"config key 'plugins.{group}': {name!r} is built in; choose another name"


def _solvers(study: Study) -> Iterator[str]:
    """Names of solvers that do not exist, or not for that step."""
    own = tuple(study.plugins.solvers)
    for key, names, known in (
        ("training.solver", [study.training.solver], SOLVERS + own),
        ("solvers.solvers", study.solvers.solvers, SOLVERS + own),
        ("atlas.solvers", study.atlas.solvers, ATLAS_SOLVERS + own),
    ):
        for name in names:
            if name not in known:
                yield f"config key {key!r}: {name!r} is no solver here; {nearest(name, known)}"


def _spaces(study: Study) -> Iterator[str]:
    """What is asked of spaces that are not trained; defaults have been restricted to those."""
    for name in ("radius", "realization", "natural"):
        for space in getattr(study, name).spaces:
            if space not in study.spaces:
                yield (
                    f"config key '{name}.spaces': {space!r} is not trained; add it to `spaces` "
                    f"({', '.join(study.spaces)}) or remove it here"
                )
    if "restricted" in study.spaces:
        return
    for name, count in FROM_RESTRICTED.items():
        step = getattr(study, name)
        if count in step.model_fields_set and getattr(step, count):
            yield (
                f"config key '{name}.{count}': {getattr(step, count)} of restricted minima, and "
                "that space is not trained; add restricted to `spaces`, or write 0"
            )


def _entries(study: Study) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Key, name and plain entry of every data set."""
    for name, entry in study.datasets.items():
        yield f"datasets.{name}", name, entry.model_dump(exclude_none=True)
    for name, problem in study.atlas.problems.items():
        yield f"atlas.problems.{name}.data", name, problem.data.model_dump(exclude_none=True)


def _functions(study: Study) -> Iterator[str]:
    """A user's functions that cannot be imported or called."""
    generators = study.plugins.generators
    for name, path in generators.items():
        try:
            load_function(f"config key 'plugins.generators.{name}'", path)
        except DataError as error:
            yield str(error)
            continue
        for key, _, entry in _entries(study):
            if entry["kind"] == name and name not in KINDS:
                try:
                    load_function(f"config key '{key}.options'", path, "rng", *entry["options"])
                except DataError as error:
                    yield str(error)
    if study.plugins.solvers:
        from landscape.study.own_solvers import try_solver  # scipy.optimize: half a second

        for name, path in study.plugins.solvers.items():
            try:
                try_solver(f"config key 'plugins.solvers.{name}'", path)
            except DataError as error:
                yield str(error)


def _tables(study: Study) -> Iterator[str]:
    for key, name, entry in _entries(study):
        if entry["kind"] in ("csv", "parquet"):
            try:
                make_dataset(name, entry)
            except DataError as error:
                yield from (f"config key {key!r}: {line}" for line in str(error).splitlines())


def _atlases(study: Study) -> Iterator[str]:
    """Problems beyond the budget; those whose data cannot be made are named already."""
    limit = study.atlas.max_supports
    for name, problem in study.atlas.problems.items():
        data, n_neurons = problem.data.model_dump(exclude_none=True), problem.neurons + 1
        if data.get("n_features") == 1:
            # Random inputs are distinct: 4 n + 1 faces of a neuron, 4 of them silent, two signs.
            faces = 2 * (4 * data["n_samples"] - 3)
            n_supports = sum(comb(faces, k) for k in range(n_neurons + 1))
        else:
            from landscape.atlas import atlas_cost  # its import takes a second

            try:
                made = make_dataset(name, data, generators=study.plugins.generators)
            except DataError:
                continue
            n_supports = atlas_cost(made.features, n_neurons).n_supports
        if n_supports > limit:
            yield (
                f"config key 'atlas.problems.{name}': needs {n_supports:,} least squares problems, "
                f"more than atlas.max_supports ({limit:,}); take fewer samples, features or "
                "neurons, or raise atlas.max_supports"
            )
