"""Where data come from, by their kinds in the config: generators, diabetes, a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import DataError, Dataset, standardize
from landscape.data.own_tables import load_csv, load_parquet
from landscape.data.plugins import draw_own

__all__ = [
    "KINDS",
    "SMOOTH_FUNCTIONS",
    "draw_smooth",
    "draw_teacher",
    "load_diabetes",
    "make_dataset",
]

Array = NDArray[np.float64]

#: Functions on [-1, 1]^d, (n, d) to (n,), by their names in the config.
SMOOTH_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sine": lambda x: np.sin(np.pi * x.sum(axis=1)),
    "bump": lambda x: np.exp(-4.0 * np.square(x).sum(axis=1)),
    "saddle": lambda x: np.prod(x, axis=1),
}


def draw_teacher(
    *, n_samples: int, n_features: int, n_neurons: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a random shallow ReLU network with biases, the teacher.

    Inputs are uniform on [-1, 1]^d. The teacher's weight vectors are gaussian, each with a kink
    through a random point of the inputs' domain; its output weights are ±1 times a number
    between 1 and 2, so that no neuron is negligible.

    Parameters
    ----------
    n_samples, n_features, n_neurons : int
    noise : float
        Standard deviation of the gaussian noise, in units of the noise-free target's.
    seed : int

    Returns
    -------
    features : array of shape (n_samples, n_features)
    target : array of shape (n_samples,)
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_features, n_neurons]))
    a = rng.standard_normal((n_neurons, n_features))
    b = -np.einsum("ij,ij->i", a, rng.uniform(-0.8, 0.8, (n_neurons, n_features)))
    c = rng.choice([-1.0, 1.0], n_neurons) * rng.uniform(1.0, 2.0, n_neurons)
    x = rng.uniform(-1.0, 1.0, (n_samples, n_features))
    y = np.maximum(x @ a.T + b, 0.0) @ c
    return x, y + noise * y.std() * rng.standard_normal(n_samples)


def draw_smooth(
    *, function: str, n_samples: int, n_features: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a smooth function, inputs uniform on [-1, 1]^d; see :func:`draw_teacher`."""
    if function not in SMOOTH_FUNCTIONS:
        raise DataError(
            f"function: expected one of {', '.join(SMOOTH_FUNCTIONS)}, got {function!r}"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, n_features]))
    x = rng.uniform(-1.0, 1.0, (n_samples, n_features))
    y = SMOOTH_FUNCTIONS[function](x)
    return x, y + noise * y.std() * rng.standard_normal(n_samples)


def load_diabetes() -> tuple[Array, Array, tuple[str, ...]]:
    """scikit-learn's diabetes data: features (442, 10) in their own units, target, names."""
    from sklearn.datasets import load_diabetes as load  # its import takes seconds

    bunch = load(scaled=False)
    return np.asarray(bunch.data), np.asarray(bunch.target), tuple(bunch.feature_names)


def _teacher(name: str, options: Mapping[str, Any]) -> Dataset:
    return Dataset(name, *draw_teacher(**options))


def _smooth(name: str, options: Mapping[str, Any]) -> Dataset:
    return Dataset(name, *draw_smooth(**options))


def _diabetes(name: str, options: Mapping[str, Any]) -> Dataset:
    x, y, names = load_diabetes(**options)
    return Dataset(name, x, y, feature_names=names, target_name="disease progression")


def _csv(name: str, options: Mapping[str, Any]) -> Dataset:
    x, y, names = load_csv(**options)
    return Dataset(name, x, y, feature_names=names, target_name=options["target"])


def _parquet(name: str, options: Mapping[str, Any]) -> Dataset:
    x, y, names = load_parquet(**options)
    return Dataset(name, x, y, feature_names=names, target_name=options["target"])


#: How to make a data set of each kind that the config knows: ``(name, options) -> Dataset``.
KINDS: dict[str, Callable[[str, Mapping[str, Any]], Dataset]] = {
    "teacher": _teacher,
    "smooth": _smooth,
    "diabetes": _diabetes,
    "csv": _csv,
    "parquet": _parquet,
}


def make_dataset(
    name: str, config: Mapping[str, Any], *, generators: Mapping[str, str] | None = None
) -> Dataset:
    """The data set that an entry of ``datasets`` in the config describes, standardized.

    Parameters
    ----------
    name : str
    config : mapping
        ``kind`` (a key of ``KINDS``), ``standardize`` (what to standardize: ``"both"``, the
        default, ``"features"``, ``"target"`` or ``"none"``), and the options of the kind.
    generators : mapping of str to str, optional
        Further kinds, with the import paths of their functions; see
        :func:`landscape.data.plugins.draw_own`.

    Raises
    ------
    DataError
        If the kind is unknown or the data cannot be studied.

    Examples
    --------
    >>> make_dataset(
    ...     "wave",
    ...     {
    ...         "kind": "smooth",
    ...         "function": "sine",
    ...         "n_samples": 20,
    ...         "n_features": 1,
    ...         "noise": 0.0,
    ...         "seed": 7,
    ...     },
    ... )
    Dataset('wave', n_samples=20, n_features=1)
    """
    options = dict(config)
    kind = options.pop("kind", None)
    what = options.pop("standardize", "both")
    own = generators or {}
    if kind in own:
        raw = Dataset(name, *draw_own(kind, own[kind], **options))
    elif kind in KINDS:
        raw = KINDS[kind](name, options)
    else:
        raise DataError(f"{name}: kind is {kind!r}; expected one of {', '.join([*KINDS, *own])}")
    # The path of a user's file says nothing about the data and differs between machines.
    recorded = {key: value for key, value in options.items() if key != "path"}
    raw.metadata.update({"kind": kind, "options": recorded, "standardize": what})
    return standardize(
        raw, features=what in ("both", "features"), target=what in ("both", "target")
    )
