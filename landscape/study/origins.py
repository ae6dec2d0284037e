"""What each file of a study must have been made from, told by its place and the configuration.

Every file stores this, and every reader compares: a file of another data set, block or study that
was put in its place is named, and so is one made with settings that have changed since. The
settings of a step are the parameters of its rule (:func:`settings_of`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from landscape.data import Dataset

__all__ = ["STEPS", "TABLES", "file_origin", "settings_of", "table_origin"]

Config = Mapping[str, Any]

_BLOCK = ("dataset", "neurons", "block")
_CELL = ("dataset", "neurons")
_FITS = ("seed", "margin", "spaces", "training")
_MINIMA = (*_FITS, "descent", "minima")
_ATLAS = (
    "seed",
    "margin",
    "training.max_iter",
    "training.tol",
    "atlas.starts",
    "atlas.max_supports",
    "atlas.solvers",
)

#: By kind of file: what the last parts of its path name, and the config keys it depends on.
STEPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dataset": (("dataset",), ()),
    "fits": (_BLOCK, _FITS),
    "minima": (_BLOCK, _MINIMA),
    "probes": (_CELL, (*_MINIMA, "probe")),
    "controls": (_CELL, (*_MINIMA, "controls")),
    "pairs": (_CELL, (*_MINIMA, "pairs")),
    "natural": (_CELL, (*_MINIMA, "natural")),
    "converse": (_CELL, (*_MINIMA, "converse")),
    "radii": (_CELL, (*_MINIMA, "radius")),
    "brackets": (_CELL, (*_MINIMA, "realization")),
    "solvers": (
        _CELL,
        ("seed", "margin", "solvers", "training.max_iter", "training.tol", "descent.max_iter"),
    ),
    "atlas": (("problem",), _ATLAS),
    "coverage": (("problem",), _ATLAS),
    "regularization": (_CELL, ("seed", "training.max_iter", "training.tol", "regularization")),
}

#: By table: the config keys it depends on; those that are not named here are made of every step's.
TABLES = {name: _ATLAS for name in ("atlas", "coverage")}
_ALL = tuple(
    dict.fromkeys(
        key
        for name, (_, keys) in STEPS.items()
        if name not in ("dataset", "atlas", "coverage", "regularization")
        for key in keys
    )
)


def file_origin(
    kind: str, path: str | Path, config: Config, data: Dataset | None = None
) -> dict[str, Any]:
    """What an array file of a study is made from.

    Parameters
    ----------
    kind : str
    path : path
        Its last parts name the data set, the number of neurons and the block of starts.
    config : mapping
        The study's configuration, with defaults.
    data : Dataset, optional
        The data it is made from.

    Examples
    --------
    >>> config = {"seed": 1, "margin": 0.1, "spaces": [], "training": {}, "datasets": {"a": {}}}
    >>> origin = file_origin("fits", "results/fits/a/2/0-50.npz", config)
    >>> origin["dataset"], origin["neurons"], origin["block"], origin["seed"]
    ('a', '2', '0-50', 1)
    """
    names, _ = STEPS[kind]
    path = Path(path)
    parts = [*path.parts[:-1], path.name.removesuffix(path.suffix)][-len(names) :]
    place: dict[str, Any] = dict(zip(names, parts, strict=True))
    settings = settings_of(config, kind)
    if "problem" in place:
        settings["atlas.problems"] = _problems(config, [place["problem"]])
    else:
        settings["datasets"] = {place["dataset"]: _content(config["datasets"][place["dataset"]])}
    return {**place, **settings, **({"data": data.digest} if data is not None else {})}


def table_origin(name: str, config: Config) -> dict[str, Any]:
    """What a table of a study is made from: the part of the configuration that can change it.

    How starts are cut into blocks is left out: it changes no table.
    """
    if name in TABLES:
        problems = _problems(config, config["atlas"]["problems"])
        return {**_settings(config, TABLES[name]), "atlas.problems": problems}
    datasets = {key: _content(entry) for key, entry in config["datasets"].items()}
    return {**_settings(config, (*_ALL, "neurons", "starts")), "datasets": datasets}


def settings_of(config: Config, *kinds: str) -> dict[str, Any]:
    """The parts of a configuration that files of these kinds are made from, by dotted key.

    They are the parameters of the rule that makes them: when one changes, Snakemake makes the files
    again.

    Examples
    --------
    >>> settings_of(
    ...     {"seed": 1, "training": {"tol": 0.1, "max_iter": 9}, "regularization": {}},
    ...     "regularization",
    ... )
    {'seed': 1, 'training.max_iter': 9, 'training.tol': 0.1, 'regularization': {}}
    """
    return _settings(config, tuple(dict.fromkeys(key for kind in kinds for key in STEPS[kind][1])))


def _settings(config: Config, keys: tuple[str, ...]) -> dict[str, Any]:
    """Parts of a configuration by dotted key."""
    found = {}
    for key in keys:
        value: Any = config
        for name in key.split("."):
            value = value[name]
        found[key] = value
    return found


def _problems(config: Config, names: Iterable[str]) -> dict[str, Any]:
    """Entries of the atlases' problems."""
    problems = config["atlas"]["problems"]
    return {name: {**problems[name], "data": _content(problems[name]["data"])} for name in names}


def _content(entry: Config) -> dict[str, Any]:
    """A data set's entry without its place: the content of the file counts."""
    return {key: value for key, value in entry.items() if key != "path"}
