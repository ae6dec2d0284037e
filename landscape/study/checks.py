"""What a configuration that its schema accepts can still get wrong: combinations, and the data.

Everything here is cheap: a study's own tables are read, no random data set is drawn but those of
atlases with several inputs, whose cost depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb
from typing import Any

from landscape.data import KINDS, DataError, load_function, make_dataset
from landscape.study.config import nearest

__all__ = ["adapt_defaults", "study_problems"]

#: Solvers of scipy.optimize, as :data:`landscape.training.SOLVERS` has them (its import is slow).
SOLVERS = ("SLSQP", "L-BFGS-B", "trust-constr", "trf")
#: What an atlas can be searched with, beside a user's own.
ATLAS_SOLVERS = ("descent", "far descent", "SLSQP", "L-BFGS-B", "trf")
#: Keys of a data set that a user's generator makes.
OWN_KEYS = ("kind", "standardize", "seed", "options")
#: Steps that go over spaces, by their keys; what they go over has to be trained.
SPACES_OF = ("radius", "realization", "natural")
#: Counts of what starts from the minima of N*.
FROM_RESTRICTED = {"probe": "max_minima", "controls": "max_minima", "pairs": "max_pairs"}


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
        *_plugins(config),
        *_solvers(config),
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


def _plugins(config: Mapping[str, Any]) -> Iterator[str]:
    """Functions that cannot be imported or called, or take a name that is taken."""
    plugins = config["plugins"]
    for group, taken in (
        ("generators", tuple(KINDS)),
        ("solvers", (*SOLVERS, "descent", "far descent")),
    ):
        for name in plugins[group]:
            if name in taken:
                yield f"config key 'plugins.{group}': {name!r} is built in; choose another name"
    for name, path in plugins["generators"].items():
        try:
            load_function(f"config key 'plugins.generators.{name}'", path)
        except DataError as error:
            yield str(error)
    if plugins["solvers"]:
        from landscape.study.own_solvers import load_solver  # scipy.optimize: half a second

        for name, path in plugins["solvers"].items():
            try:
                load_solver(f"config key 'plugins.solvers.{name}'", path)
            except DataError as error:
                yield str(error)


def _solvers(config: Mapping[str, Any]) -> Iterator[str]:
    """Names of solvers that do not exist, or not for that step."""
    own = tuple(config["plugins"]["solvers"])
    for key, names, known in (
        ("training.solver", [config["training"]["solver"]], SOLVERS + own),
        ("solvers.solvers", config["solvers"]["solvers"], SOLVERS + own),
        ("atlas.solvers", config["atlas"]["solvers"], ATLAS_SOLVERS + own),
    ):
        for name in names:
            if name not in known:
                yield f"config key {key!r}: {name!r} is no solver here; {nearest(name, known)}"


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
    # Names that are built in stay what they are; that they are taken is said already.
    own = {k: path for k, path in config["plugins"]["generators"].items() if k not in KINDS}
    known = [*KINDS, *own]
    for key, (name, entry) in entries.items():
        samples, features = entry.get("n_samples"), entry.get("n_features")
        kind = entry["kind"]
        if kind not in known:
            yield f"config key '{key}.kind': {kind!r} is no kind of data; {nearest(kind, known)}"
        elif kind in own:
            for extra in sorted(set(entry) - set(OWN_KEYS)):
                yield (
                    f"config key {key!r}: unknown key {extra!r} (value {entry[extra]!r}); "
                    f"{nearest(extra, OWN_KEYS)} The function's own arguments stand under options."
                )
            options, seed = entry.get("options", {}), entry.get("seed", 0)
            if not isinstance(options, Mapping):
                yield f"config key '{key}.options': {options!r} is no mapping; write name: value"
            elif not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
                yield f"config key '{key}.seed': {seed!r}; expected a non-negative integer"
            else:
                yield from _generator(key, own[kind], options)
        elif kind in ("csv", "parquet"):
            try:
                make_dataset(name, entry)
            except DataError as error:
                yield f"config key {key!r}: {error}"
        elif samples is not None and features is not None and samples < features + 2:
            yield (
                f"config key '{key}.n_samples': {samples} samples of {features} features are "
                f"interpolated by an affine function; give at least {features + 2}"
            )


def _generator(key: str, path: str, options: Mapping[str, Any]) -> Iterator[str]:
    try:
        load_function(f"config key '{key}.options'", path, "rng", *options)
    except DataError as error:
        # A function that cannot be imported is named where its path stands.
        if "signature" in str(error):
            yield str(error)


def _atlases(config: Mapping[str, Any]) -> Iterator[str]:
    """Problems beyond the budget; those whose data cannot be made are named already."""
    limit = config["atlas"]["max_supports"]
    for name, problem in config["atlas"]["problems"].items():
        try:
            n_supports = _n_supports(name, problem, config["plugins"]["generators"])
        except DataError:
            continue
        if n_supports > limit:
            yield (
                f"config key 'atlas.problems.{name}': needs {n_supports:,} least squares problems, "
                f"more than atlas.max_supports ({limit:,}); take fewer samples, features or "
                "neurons, or raise atlas.max_supports"
            )


def _n_supports(name: str, problem: Mapping[str, Any], generators: Mapping[str, str]) -> int:
    """Least squares problems of an atlas; an upper bound where its faces are too many to count."""
    data, n_neurons = problem["data"], problem["neurons"] + 1  # N* has one more
    if data.get("n_features") == 1:
        # Random inputs are distinct: 4 n + 1 faces of a neuron, 4 of them silent, two signs.
        return sum(comb(2 * (4 * data["n_samples"] - 3), k) for k in range(n_neurons + 1))
    from landscape.atlas import atlas_cost  # its import takes a second

    return atlas_cost(
        make_dataset(name, data, generators=generators).features, n_neurons
    ).n_supports
