"""Everything that is wrong with a study's configuration, one line each: key, value and remedy.

First what :class:`landscape.study.config.Study` refuses; then, of the sound part, what no model of
keys can say: combinations, a user's own functions, and their tables, which are read for it.
"""

import copy
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from math import comb
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from landscape.data import KINDS, DataError, load_function, make_dataset
from landscape.study.config import DATA, SOLVERS, Section, Study

#: What an atlas can be searched with, beside a user's own.
ATLAS_SOLVERS = ("descent", "far descent", "SLSQP", "L-BFGS-B", "trf")
#: Losses that not every target has a value of, and what they need.
AS_THEY_ARE = {"logistic": "labels", "hinge": "labels", "poisson": "targets >= 0"}
#: What YAML read as no text, by the path of its keys: the word as it is written.
Words = Mapping[tuple[str, ...], str]
#: What a shell reads as something else than part of a name: jobs would not start.
_ODD = re.compile(r"[^\w/.,@=+%^~-]")


def check_place(*paths: str | Path) -> list[str]:
    """What a shell trips over in the folders of the workflow and its environment."""
    return [
        f"the path {str(path)!r} has {', '.join(map(repr, odd))} in it, which a shell reads as "
        "something else: Snakemake's jobs do not start there; move or rename its folder"
        for path in paths
        if (odd := sorted(set(_ODD.findall(str(path)))))
    ]


def check_study(
    config: Mapping[str, Any], texts: Sequence[str] = (), *, data: bool = True
) -> tuple[dict[str, Any] | None, list[str]]:
    """A configuration, as it was written, with its defaults, and all that is wrong, one line each.

    The former is None if something is. ``texts`` are the YAML files that it was read from. With
    ``data`` the user's tables are read and their functions tried.
    """
    words: dict[tuple[str, ...], str] = {}
    found = [mistake for text in texts for mistake in duplicate_keys(text, words)]
    kinds = list(KINDS)
    with suppress(KeyError, TypeError):  # none, or what the model refuses
        kinds += map(str, config["plugins"]["generators"])
    study, mistakes = _validated(config, kinds)
    # What is sound is checked further; not where a mistake is in the section of a user's functions,
    # whose names would seem unknown.
    part = copy.deepcopy(dict(config))
    for name, *below in filter(None, (mistake["loc"] for mistake in mistakes)):
        if name == "datasets" and below:
            part.get("datasets", {}).pop(below[0], None)
        else:
            part.pop(name, None)
    if mistakes and ("plugins" in part) == ("plugins" in config):
        study, _ = _validated(part, kinds)
    found += [_sentence(mistake, kinds, words) for mistake in mistakes]
    if study is not None:
        found += [f"{_where(key)}: {text}" for key, text in _combined(study)]
        found += _data(study) if data else []
    if found or study is None:
        return None, list(dict.fromkeys(found))
    return study.complete(), []


def _validated(config: Mapping[str, Any], kinds: list[str]) -> tuple[Study | None, list[Any]]:
    """A configuration as the model has it, and its mistakes."""
    try:
        return Study.model_validate(dict(config), context=kinds), []
    except ValidationError as error:
        return None, [*error.errors()]


def _section(annotation: Any) -> type[Section] | None:
    """The first section of keys in a type."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section, get_args(annotation))), None)


def _described(place: Sequence[Any]) -> tuple[list[str], str, list[str]]:
    """The key at a place of an error, what is expected there, and the keys of what it is in."""
    names: list[str] = []
    model: type[Section] = Study
    meaning = ""
    for part in (parts := iter(place)):
        if part in DATA:  # which kind of data set, no key
            model = DATA[part]
        elif part != "[key]":
            names.append(str(part))
            if field := model.model_fields.get(part):
                meaning = field.description or meaning
                model = _section(field.annotation) or model
                if get_origin(field.annotation) is dict:  # the next name is the user's
                    names += map(str, islice(parts, 1))
    return names, meaning, sorted(model.model_fields)


def _where(*names: str) -> str:
    return f"config key {'.'.join(names)!r}" if names else "the config"


def _sentence(mistake: Any, kinds: list[str], words: Words) -> str:
    """One line on a mistake that the model found."""
    place, value, kind = mistake["loc"], mistake["input"], mistake["type"]
    names, meaning, known = _described(place)
    where = _where(*names)
    if kind == "unknown_kind":
        own = value["kind"]
        return f"{_where(*names, 'kind')}: {own!r} is no kind of data; {nearest(own, kinds)}"
    if kind == "missing":
        return f"{where} is missing; add it ({meaning})"
    if kind == "extra_forbidden":
        hint = nearest(names[-1], known)
        if "Own" in place:
            hint += " The function's own arguments stand under options."
        return f"{where} is unknown (value {value!r}); {hint}"
    if "[key]" in place or kind == "invalid_key":
        remedy = "use letters, digits, -, _ and ."
        if not isinstance(value, str):
            remedy = _quotes(value, words.get((*names[:-1], str(value), "[key]")))
        return f"{_where(*names[:-1])}: {value!r} is no valid name; {remedy}"
    if kind == "value_error":
        return f"{where}: {mistake['ctx']['error']}"
    said = str(mistake["msg"]).removeprefix("Input ").split(" or instance of")[0]
    said = said.replace("valid dictionary", "mapping of keys to values")
    if kind in ("string_type", "literal_error") and not isinstance(value, (str, list, dict)):
        said += f"; {_quotes(value, words.get(tuple(names)))}"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        said += f"; write {value:.0f}"
    return f"{where}: {value!r} {said[:1].lower()}{said[1:]}" + (f" ({meaning})" if meaning else "")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint at what was meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}."


def _quotes(value: Any, word: str | None) -> str:
    """That a word needs quotes, for YAML reads it as something else."""
    if word is None:
        return "write it in quotes"
    kind = "a truth value" if isinstance(value, bool) else f"a {type(value).__name__}"
    kind = "nothing" if value is None else "a number" if type(value) in (int, float) else kind
    return f"YAML reads {word} as {kind}: write it in quotes, '{word}'"


def duplicate_keys(text: str, words: dict[tuple[str, ...], str] | None = None) -> list[str]:
    """Keys that a YAML text, which is only parsed, gives twice: readers silently keep the last.

    Notes in ``words`` what YAML reads as no text.
    """
    import yaml  # type: ignore[import-untyped]

    words = {} if words is None else words

    def below(node: Any, *path: str) -> Iterator[str]:
        if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":str"):
            words[path] = node.value
        if not isinstance(node, yaml.CollectionNode) or node in seen:
            return  # an alias leads back
        seen.append(node)
        lines: dict[str, int] = {}
        for k, entry in enumerate(node.value):
            name, value = str(k), entry
            if isinstance(entry, tuple):
                name, line, value = str(entry[0].value), entry[0].start_mark.line + 1, entry[1]
                if name in lines:
                    again = f"stands in line {lines[name]} and again in line {line}"
                    yield f"{_where(*path, name)}: {again}; remove one of them"
                lines[name] = line
                if not entry[0].tag.endswith(":str"):
                    words[*path, str(yaml.safe_load(name)), "[key]"] = name
            yield from below(value, *path, name)

    seen: list[Any] = []
    with suppress(yaml.YAMLError, ValueError):  # whoever loads it says so
        return list(below(yaml.compose(text, Loader=yaml.SafeLoader)))
    return []


def _combined(study: Study) -> Iterator[tuple[str, str]]:
    """Keys whose values do not go together, and why."""
    # Names become files, and some file systems ignore case; those that are built in are taken.
    for key, names in (("datasets", study.datasets), ("atlas.problems", study.atlas.problems)):
        seen: dict[str, str] = {}
        for name in names:
            if (other := seen.setdefault(name.casefold(), name)) != name:
                both = f"{other!r} and {name!r} differ in case only, and name files"
                yield key, f"{both}; rename one of them"
    for group, taken in {"generators": KINDS, "solvers": {*SOLVERS, *ATLAS_SOLVERS}}.items():
        for name in [name for name in getattr(study.plugins, group) if name in taken]:
            yield f"plugins.{group}", f"{name!r} is built in; choose another name"
    for key, solvers, known in (
        ("training.solver", [study.training.solver], SOLVERS),
        ("solvers.solvers", study.solvers.solvers, SOLVERS),
        ("atlas.solvers", study.atlas.solvers, ATLAS_SOLVERS),
    ):
        known = (*known, *study.plugins.solvers)
        for name in [name for name in solvers if name not in known]:
            yield key, f"{name!r} is no solver here; {nearest(name, known)}"
    for name, problem in study.atlas.problems.items():
        if problem.data.networks:
            yield (
                f"atlas.problems.{name}.data.networks",
                "belong under `datasets`; remove them here",
            )
    yield from _loss(study)
    # What is asked of spaces that are not trained; defaults have been restricted to those.
    add = f"add it to `spaces` ({', '.join(study.spaces)}) or remove it here"
    for name in ("radius", "realization", "bracket", "natural"):
        for space in [space for space in getattr(study, name).spaces if space not in study.spaces]:
            yield f"{name}.spaces", f"{space!r} is not trained; {add}"
    add = "that space is not trained; add restricted to `spaces`, or write 0"
    for name, count in (("controls", "max_minima"), ("pairs", "max_pairs")):
        step, asked = getattr(study, name), getattr(getattr(study, name), count)
        if "restricted" not in study.spaces and asked and count in step.model_fields_set:
            yield f"{name}.{count}", f"{asked} of restricted minima, and {add}"


def _loss(study: Study) -> Iterator[tuple[str, str]]:
    """What does not go together with the loss, and why."""
    for name, option, value, reason in study.left_out():
        step = getattr(study, name)
        if (asked := getattr(step, option)) != value and option in step.model_fields_set:
            yield f"{name}.{option}", f"{asked!r} is asked for, and {reason}; write {value!r}"
    if not study.plain:
        for key, solvers in (
            ("training.solver", [study.training.solver]),
            ("solvers.solvers", study.solvers.solvers),
            ("atlas.solvers", study.atlas.solvers),
        ):
            if "trf" in solvers:
                yield key, "'trf' minimizes sums of squares only; take another solver"
        if "far descent" in study.atlas.solvers:
            yield "atlas.solvers", "'far descent' knows the squared loss only; take descent"
    decay, trained = study.weight_decay, {*study.spaces}
    alone = trained == {"unrestricted"}
    if decay.strength and study.atlas.problems and (decay.biases or decay.offset):
        where = "an atlas is of all three spaces, in which the offset is not the same"
        yield "atlas.problems", f"{where}; have no biases and offset in weight_decay, or no atlas"
    if decay.strength and decay.offset and not alone:
        where = "only unrestricted networks have an offset of their own"
        yield "weight_decay.offset", f"{where}; write false, or `spaces: [unrestricted]`"
    elif decay.strength and decay.biases and "unrestricted" in trained and not alone:
        where = (
            "in N* and N' the offset is a neuron, whose biases count then, in the others it is free"
        )
        yield "weight_decay.biases", f"{where}; write false, or study these spaces apart"
    if decay.strength and study.loss.name in ("absolute", "pinball", "hinge"):
        where = f"the {study.loss.name} loss is minimized from vertex to vertex, and with a decay"
        yield (
            "weight_decay.strength",
            f"{where} minima are no vertices; write 0, or smooth the loss",
        )
    if study.loss.name in AS_THEY_ARE:
        wanted = AS_THEY_ARE[study.loss.name]
        entries = {f"datasets.{name}": entry for name, entry in study.datasets.items()}
        for name, problem in study.atlas.problems.items():
            entries[f"atlas.problems.{name}.data"] = problem.data
        for key, entry in entries.items():
            if (what := entry.standardize) in ("both", "target"):
                why = f"the {study.loss.name} loss needs {wanted} as they are"
                yield f"{key}.standardize", f"{what!r}: {why}; write features or none"


def _as_it_is(study: Study, entry: Any) -> bool:
    """Whether the loss is one that not every target has, and the target is not standardized."""
    return study.loss.name in AS_THEY_ARE and entry.standardize in ("features", "none")


def _fits_loss(study: Study, key: str, target: Any) -> Iterator[str]:
    """Why a data set's target has no value of the study's loss."""
    from landscape.losses import objective_of  # with scipy

    try:
        objective_of(study.complete())["loss"].on(target)
    except ValueError as error:
        yield f"{_where(key)}: {error}"


def _errors(function: Callable[..., Any], *arguments: Any) -> list[str]:
    """What a function refuses, line by line."""
    try:
        function(*arguments)
    except DataError as error:
        return str(error).splitlines()
    return []


def _data(study: Study) -> Iterator[str]:
    """A user's functions that cannot be called, data that cannot be made, atlases beyond budget."""
    own, refused = study.plugins.generators, {}
    for kind, path in own.items():
        refused[kind] = _errors(load_function, _where("plugins.generators", kind), path)
        yield from refused[kind]
    entries = [(f"datasets.{name}", name, entry) for name, entry in study.datasets.items()]
    for name, problem in study.atlas.problems.items():
        entries.append((f"atlas.problems.{name}.data", name, problem.data))
    for key, name, entry in entries:
        kind, plain = entry.kind, entry.model_dump(exclude_none=True)
        if kind in KINDS and kind != "diabetes":  # its import takes seconds
            refusals = _errors(make_dataset, name, plain)
            yield from (f"{_where(key)}: {line}" for line in refusals)
            if not refusals and _as_it_is(study, entry):
                yield from _fits_loss(study, key, make_dataset(name, plain).target)
        elif kind in own and not refused[kind]:
            arguments = own[kind], "rng", *plain["options"]
            yield from _errors(load_function, _where(key, "options"), *arguments)
    for name, entry in study.datasets.items():
        if entry.networks:
            from landscape.networks import load_network  # with numpy

            where = _where(f"datasets.{name}.networks")
            yield from (f"{where}: {s}" for p in entry.networks for s in _errors(load_network, p))
    if study.plugins.solvers:
        from landscape.study.training import try_solver  # scipy.optimize: half a second

        for name, path in study.plugins.solvers.items():
            yield from _errors(try_solver, _where("plugins.solvers", name), path)
    limit = study.atlas.max_supports
    for name, problem in study.atlas.problems.items():
        data, n_neurons, cost = problem.data.model_dump(exclude_none=True), problem.neurons + 1, 0
        if data.get("n_features") == 1:
            # Random inputs are distinct: 4 n + 1 faces of a neuron, 4 of them silent, two signs.
            faces = 2 * (4 * data["n_samples"] - 3)
            cost = sum(comb(faces, k) for k in range(n_neurons + 1))
        else:
            from landscape.atlas import atlas_cost  # its import takes a second

            with suppress(DataError):
                made = make_dataset(name, data, generators=study.plugins.generators)
                cost = atlas_cost(made.features, n_neurons).n_supports
        if cost > limit:
            more = f"{cost:,} least squares problems, more than atlas.max_supports ({limit:,})"
            less = "take fewer samples, features or neurons, or raise atlas.max_supports"
            yield f"{_where('atlas.problems', name)}: needs {more}; {less}"
