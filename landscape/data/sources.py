"""Where data come from, by their kinds in the config: generators, tables, a user's own functions.

Random numbers are those of a stream of their own (:func:`landscape.streams.stream`) per seed, kind
and width. Of a user's functions nothing is evaluated: ``package.module:function`` is two names, the
module is imported as any module is, and the function is looked up in it.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import Dataset, standardize
from landscape.data.files import DataError, check
from landscape.data.tables import load_csv, load_parquet
from landscape.streams import stream

Array = NDArray[np.float64]

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

#: Functions on [-1, 1]^d, (n, d) to (n,), by their names in the config.
SMOOTH_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sine": lambda x: np.sin(np.pi * x.sum(axis=1)),
    "bump": lambda x: np.exp(-4.0 * np.square(x).sum(axis=1)),
    "saddle": lambda x: np.prod(x, axis=1),
}


def draw_teacher(
    *, n_samples: int, n_features: int, n_neurons: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a random shallow ReLU network with biases, the teacher: shapes (n, d) and (n,).

    Inputs are uniform on [-1, 1]^d. The teacher's weight vectors are gaussian, each with a kink
    through a random point of the inputs' domain; its output weights are ±1 times a number
    between 1 and 2, so that no neuron is negligible. ``noise`` is the standard deviation of
    gaussian noise, in units of the noise-free target's.
    """
    rng = stream(seed, "data", "teacher", n_features, n_neurons)
    a = rng.standard_normal((n_neurons, n_features))
    b = -np.einsum("ij,ij->i", a, rng.uniform(-0.8, 0.8, (n_neurons, n_features)))
    c = rng.choice([-1.0, 1.0], n_neurons) * rng.uniform(1.0, 2.0, n_neurons)
    return _samples(rng, lambda x: np.maximum(x @ a.T + b, 0.0) @ c, n_samples, n_features, noise)


def draw_smooth(
    *, function: str, n_samples: int, n_features: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Samples of a smooth function, inputs uniform on [-1, 1]^d; see :func:`draw_teacher`."""
    known = ", ".join(SMOOTH_FUNCTIONS)
    check(function in SMOOTH_FUNCTIONS, "function", f"expected one of {known}, got {function!r}")
    rng = stream(seed, "data", "smooth", function, n_features)
    return _samples(rng, SMOOTH_FUNCTIONS[function], n_samples, n_features, noise)


def _samples(
    rng: np.random.Generator, f: Callable[[Array], Array], n: int, d: int, noise: float
) -> tuple[Array, Array]:
    """Uniform inputs, and the values of f there with noise relative to their spread."""
    x = rng.uniform(-1.0, 1.0, (n, d))
    y = f(x)
    return x, y + noise * y.std() * rng.standard_normal(n)


def load_diabetes() -> tuple[Array, Array, tuple[str, ...]]:
    """scikit-learn's diabetes data: features (442, 10) in their own units, target, names."""
    from sklearn.datasets import load_diabetes as load  # its import takes seconds

    bunch = load(scaled=False)
    return np.asarray(bunch.data), np.asarray(bunch.target), tuple(bunch.feature_names)


def draw_classes(
    *, n_samples: int, n_features: int, n_neurons: int, noise: float, seed: int
) -> tuple[Array, Array]:
    """Two classes, labels -1 and 1: a teacher's values below and above their median.

    See :func:`draw_teacher`, which draws without noise. ``noise`` is the share of labels that are
    then turned around, whichever these are.
    """
    check(noise < 0.5, "noise", f"expected a share of labels below 0.5, got {noise!r}")
    x, y = draw_teacher(
        n_samples=n_samples, n_features=n_features, n_neurons=n_neurons, noise=0.0, seed=seed
    )
    rng = stream(seed, "data", "classes", n_features, n_neurons)
    turned = rng.permutation(n_samples)[: round(noise * n_samples)]
    labels = np.where(y > np.median(y), 1.0, -1.0)
    labels[turned] *= -1.0
    return x, labels


def load_breast_cancer(
    features: Sequence[str] | None = None,
) -> tuple[Array, Array, tuple[str, ...]]:
    """scikit-learn's breast cancer data: 569 samples of 30 features, or of those that are named.

    Labels are 1 for benign and -1 for malignant.
    """
    from sklearn.datasets import load_breast_cancer as load

    bunch = load()
    names = [str(name) for name in bunch.feature_names]
    for name in features or ():
        known = f"{name!r} is none of {', '.join(names)}"
        check(name in names, "features", known)
    used = list(features or names)
    columns = [names.index(name) for name in used]
    return np.asarray(bunch.data)[:, columns], 2.0 * bunch.target - 1.0, tuple(used)


def load_iris() -> tuple[Array, Array, tuple[str, ...]]:
    """Two classes of the iris data, 50 samples each: versicolor (-1) and virginica (1)."""
    from sklearn.datasets import load_iris as load

    bunch = load()
    used = bunch.target > 0
    names = tuple(name.removesuffix(" (cm)") for name in bunch.feature_names)
    return np.asarray(bunch.data)[used], np.where(bunch.target[used] == 2, 1.0, -1.0), names


@contextmanager
def own_code(sentence: str, remedy: str) -> Iterator[None]:
    """Answer whatever a user's code fails with, or ends the process with, in a DataError of a line.

    It says what failed (``sentence``, with its place in the config), how, and the remedy.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{sentence} ({said}); {remedy}") from error


def load_function(key: str, path: str, *arguments: str) -> Callable[..., Any]:
    """The function that an import path names, if it can be called with these arguments.

    ``key`` is where the path stands in the config. The first argument is passed by position, all
    others by name; without any, the signature is not looked at. DataError if there is no such
    function, or it does not take the arguments.
    """
    check(_PATH.fullmatch(path), key, f"{path!r} is no import path; write package.module:function")
    name, attribute = path.split(":")
    what = f"{key}: module {name!r} of {path!r} cannot be imported"
    with own_code(what, "install its package in this environment"):
        module = importlib.import_module(name)
    function: Any = getattr(module, attribute, None)
    found = "no such name" if function is None else f"a {type(function).__name__}"
    remedy = "correct the import path"
    check(callable(function), key, f"{path!r} is {found}, not a function; {remedy}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # compiled functions need not have one
        return function
    try:
        signature.bind(*arguments[:1], **dict.fromkeys(arguments[1:]))
    except TypeError as error:
        called = f"has the signature {signature}, and is called with ({', '.join(arguments)})"
        remedy = "change the function or `options`"
        check(not arguments, key, f"{path!r} {called}: {error}; {remedy}")
    return function


def module_file(path: str) -> str | None:
    """The file of an import path's module: jobs that use it depend on it. None if there is none."""
    try:
        spec = find_spec(path.split(":")[0])
    except (ImportError, ValueError):
        return None
    return spec.origin if spec and spec.has_location else None


def draw_own(
    kind: str, path: str, *, seed: int = 0, options: dict[str, Any] | None = None
) -> tuple[Array, Array]:
    """Samples (n, d) and (n,) of a user's generator, called as ``function(rng, **options)``.

    A :class:`DataError` if it fails, returns something else, or not the same twice.
    """
    key, given = f"plugins.generators.{kind}", dict(options or {})
    function = load_function(key, path, "rng", *given)
    what = f"{key}: {path!r}"
    wanted = "return (features, target), numbers of shapes (n, d) and (n,)"
    drawn: list[tuple[Array, Array]] = []
    for _ in range(2):
        with own_code(f"{what} failed", "correct it or its options"):
            found = function(stream(seed, "data", kind), **given)
        pair = isinstance(found, tuple) and len(found) == 2
        check(pair, key, f"{path!r} returned a {type(found).__name__}; {wanted}")
        try:
            x, y = (np.asarray(part, dtype=float) for part in found)
        except (TypeError, ValueError):
            raise DataError(f"{what} returned what is no array of numbers; {wanted}") from None
        fits = x.ndim == 2 and y.shape == (len(x),)
        check(fits, key, f"{path!r} returned shapes {x.shape} and {y.shape}; {wanted}")
        drawn.append((x, y))
    same = all(np.array_equal(a, b) for a, b in zip(*drawn, strict=True))
    other = f"{path!r} returned different samples for the same seed"
    check(same, key, f"{other}; draw all random numbers from its first argument")
    return drawn[0]


#: Names of the targets that have some; those of two classes are never standardized.
TARGETS = {"diabetes": "disease progression"}
CLASSES = {"classes": "y", "breast-cancer": "benign", "iris": "virginica"}
#: What loads or draws each kind of data: features, target and, where they have some, names.
KINDS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "teacher": draw_teacher,
    "smooth": draw_smooth,
    "diabetes": load_diabetes,
    "classes": draw_classes,
    "breast-cancer": load_breast_cancer,
    "iris": load_iris,
    "csv": load_csv,
    "parquet": load_parquet,
}


def make_dataset(
    name: str, config: Mapping[str, Any], *, generators: Mapping[str, str] | None = None
) -> Dataset:
    """The data set that an entry of ``datasets`` in the config describes, standardized.

    ``config`` has ``kind`` (a key of ``KINDS``), ``standardize`` (what to standardize: ``"both"``,
    the default, ``"features"``, ``"target"`` or ``"none"``), and the options of the kind;
    ``generators`` further kinds, with the import paths of their functions, see :func:`draw_own`.
    DataError if the kind is unknown or the data cannot be studied.

    Examples
    --------
    >>> wave = {"kind": "smooth", "function": "sine", "n_samples": 20, "n_features": 1}
    >>> make_dataset("wave", {**wave, "noise": 0.0, "seed": 7})
    Dataset('wave', n_samples=20, n_features=1)
    """
    options, own = dict(config), generators or {}
    kind = options.pop("kind", None)
    what = options.pop("standardize", "features" if kind in CLASSES else "both")
    options.pop("networks", None)  # analysed elsewhere
    known = ", ".join([*KINDS, *own])
    check(kind in KINDS or kind in own, name, f"kind is {kind!r}; expected one of {known}")
    draw = partial(draw_own, kind, own[kind]) if kind in own else KINDS[kind]
    x, y, names, record = (*draw(**options), (), {})[:4]
    # The path of a user's file says nothing about the data and differs between machines.
    recorded = {key: value for key, value in options.items() if key != "path"}
    metadata = {"kind": kind, "options": recorded, "standardize": what}
    metadata |= {"table": record} if record else {}
    target = options.get("target", (TARGETS | CLASSES).get(kind, "y")).strip()
    remedy = f"got {what!r}; set it to features or none"
    labels = kind in CLASSES and what in ("both", "target")
    check(not labels, name, f"standardize: labels of classes stay as they are, {remedy}")
    raw = Dataset(name, x, y, feature_names=names, target_name=target, metadata=metadata)
    made = standardize(raw, **{part: what in ("both", part) for part in ("features", "target")})
    for label, column in made.columns():
        size = float(np.abs(column).max())
        far = f"column {label!r} has sizes up to {size:g}, beyond what can be squared and added"
        fine = size == 0 or 2.0**-256 < size < 2.0**256
        check(fine, name, f"{far}; set `standardize` to both, or change its unit")
    return made
