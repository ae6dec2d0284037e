"""What a configuration that its schema accepts can still get wrong: combinations, and the data.

Everything here is cheap: a study's own tables are read, no random data set is drawn but those of
atlases with several inputs, whose cost depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb
from typing import Any

from landscape.data import DataError, make_dataset

__all__ = ["adapt_defaults", "study_problems"]

#: Steps that go over spaces, by their keys; what they go over has to be trained.
SPACES_OF = ("probe", "radius", "natural")
#: Counts of what starts from the minima of N*.
FROM_RESTRICTED = {
    "controls": "max_minima",
    "realization": "max_minima",
    "pairs": "max_pairs",
}


def study_problems(config: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Everything that cannot be combined or read, one line each.

    Parameters
    ----------
    config : mapping
        Valid by the schema, with its defaults.
    given : mapping
        The same as it was written: what a user did not ask for is no mistake of theirs.

    Returns
    -------
    list of str
        Empty if nothing is wrong.
    """
    return [
        *_names(config),
        *_whole_numbers(config),
        *_spaces(config, given),
        *_datasets(config),
        *_atlases(config),
    ]


def adapt_defaults(config: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Restrict default lists of spaces to the spaces that are trained, in place."""
    for step in SPACES_OF:
        if "spaces" not in (given.get(step) or {}):
            config[step]["spaces"] = [s for s in config[step]["spaces"] if s in config["spaces"]]


def _names(config: Mapping[str, Any]) -> Iterator[str]:
    """Names become files, and some file systems ignore case."""
    for key, names in (
        ("datasets", config["datasets"]),
        ("atlas.problems", config["atlas"]["problems"]),
    ):
        seen: dict[str, str] = {}
        for name in names:
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                yield (
                    f"config key {key!r}: {other!r} and {name!r} differ in case only, and name "
                    "files; rename one of them"
                )


def _whole_numbers(config: Mapping[str, Any]) -> Iterator[str]:
    """JSON takes 4.0 for an integer; ranges do not."""
    floats = {
        "margin", "tol", "noise", "rigid_fraction", "ratio", "factor", "angle", "merging_angle",
        "scales", "strengths", "options",
    }  # fmt: skip

    def below(value: Any, path: tuple[str, ...]) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, entry in value.items():
                if key not in floats:
                    yield from below(entry, (*path, str(key)))
        elif isinstance(value, list):
            for k, entry in enumerate(value):
                yield from below(entry, (*path, str(k)))
        elif isinstance(value, float):
            yield (
                f"config key {'.'.join(path)!r}: {value!r} is written as a decimal number; "
                f"write {value:.0f}"
            )

    yield from below(config, ())


def _spaces(config: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    trained = config["spaces"]
    for step in SPACES_OF:
        asked = (given.get(step) or {}).get("spaces", [])
        for space in asked:
            if space not in trained:
                yield (
                    f"config key '{step}.spaces': {space!r} is not trained; add it to `spaces` "
                    f"({', '.join(trained)}) or remove it here"
                )
    if "restricted" in trained:
        return
    for step, count in FROM_RESTRICTED.items():
        value = (given.get(step) or {}).get(count, 0)
        if value:
            yield (
                f"config key '{step}.{count}': {value} of restricted minima, and that space is not "
                "trained; add restricted to `spaces`, or write 0"
            )


def _datasets(config: Mapping[str, Any]) -> Iterator[str]:
    entries = {f"datasets.{name}": (name, e) for name, e in config["datasets"].items()}
    entries |= {
        f"atlas.problems.{name}.data": (name, e["data"])
        for name, e in config["atlas"]["problems"].items()
    }
    for key, (name, entry) in entries.items():
        samples, features = entry.get("n_samples"), entry.get("n_features")
        if entry["kind"] == "csv":
            try:
                make_dataset(name, entry)
            except DataError as error:
                yield f"config key {key!r}: {error}"
        elif samples is not None and features is not None and samples < features + 2:
            yield (
                f"config key '{key}.n_samples': {samples} samples of {features} features are "
                f"interpolated by an affine function; give at least {features + 2}"
            )


def _atlases(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems beyond the budget; those whose data cannot be made are named already."""
    limit = config["atlas"]["max_supports"]
    for name, problem in config["atlas"]["problems"].items():
        try:
            n_supports = _n_supports(name, problem)
        except DataError:
            continue
        if n_supports > limit:
            yield (
                f"config key 'atlas.problems.{name}': needs {n_supports:,} least squares problems, "
                f"more than atlas.max_supports ({limit:,}); take fewer samples, features or "
                "neurons, or raise atlas.max_supports"
            )


def _n_supports(name: str, problem: Mapping[str, Any]) -> int:
    """Least squares problems of an atlas; an upper bound where its faces are too many to count."""
    data, n_neurons = problem["data"], problem["neurons"] + 1  # N* has one more
    if data.get("n_features") == 1:
        # Random inputs are distinct: 4 n + 1 faces of a neuron, 4 of them silent, two signs.
        return sum(comb(2 * (4 * data["n_samples"] - 3), k) for k in range(n_neurons + 1))
    from landscape.atlas import atlas_cost  # its import takes a second

    return atlas_cost(make_dataset(name, data).features, n_neurons).n_supports
