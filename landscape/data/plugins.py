"""A user's own functions, named in the config by the import path of an installed module.

Nothing is evaluated: ``package.module:function`` is two names, the module is imported as any
module is, and the function is looked up in it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data.datasets import DataError

__all__ = ["draw_own", "load_function", "module_file", "own_code"]

Array = NDArray[np.float64]

_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@contextmanager
def own_code(sentence: str, remedy: str) -> Iterator[None]:
    """Answer whatever a user's code fails with, or ends the process with, in one line.

    Parameters
    ----------
    sentence : str
        What failed, and where it stands in the config; what the code said follows.
    remedy : str

    Raises
    ------
    DataError

    Examples
    --------
    >>> with own_code("solvers.mine failed", "correct it"):
    ...     1 / 0
    Traceback (most recent call last):
    landscape.data.datasets.DataError: solvers.mine failed (ZeroDivisionError: division by zero);
    correct it
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{sentence} ({said}); {remedy}") from error


def load_function(key: str, path: str, *arguments: str) -> Callable[..., Any]:
    """The function that an import path names, if it can be called with these arguments.

    Parameters
    ----------
    key : str
        Where the path stands in the config, for errors.
    path : str
        ``package.module:function``.
    *arguments : str
        The first one is passed by position, all others by name; without any, the signature is
        not looked at.

    Raises
    ------
    DataError
        If there is no such function, or it does not take the arguments.

    Examples
    --------
    >>> load_function("solvers.mine", "math:hypot", "x")(3.0, 4.0)
    5.0
    >>> load_function("solvers.mine", "math.hypot")
    Traceback (most recent call last):
    landscape.data.datasets.DataError: solvers.mine: 'math.hypot' is no import path; write
    package.module:function
    """
    if not _PATH.fullmatch(path):
        raise DataError(f"{key}: {path!r} is no import path; write package.module:function")
    name, attribute = path.split(":")
    with own_code(
        f"{key}: module {name!r} of {path!r} cannot be imported",
        "install its package in this environment",
    ):
        module = importlib.import_module(name)
    function = getattr(module, attribute, None)
    if not callable(function):
        found = "no such name" if function is None else f"a {type(function).__name__}"
        raise DataError(f"{key}: {path!r} is {found}, not a function; correct the import path")
    if not arguments:
        return function
    try:
        signature = inspect.signature(function)
    except ValueError:  # compiled functions need not have one
        return function
    try:
        signature.bind(*arguments[:1], **dict.fromkeys(arguments[1:]))
    except TypeError as error:
        raise DataError(
            f"{key}: {path!r} has the signature {signature}, and is called with "
            f"({', '.join(arguments)}): {error}; change the function or `options`"
        ) from None
    return function


def module_file(path: str) -> str | None:
    """The file of an import path's module: jobs that use it depend on it. None if there is none."""
    try:
        spec = importlib.util.find_spec(path.split(":")[0])
    except (ImportError, ValueError):
        return None
    return spec.origin if spec and spec.has_location else None


def draw_own(
    kind: str, path: str, *, seed: int = 0, options: dict[str, Any] | None = None
) -> tuple[Array, Array]:
    """Samples of a user's generator, called as ``function(rng, **options)``.

    Parameters
    ----------
    kind : str
        Its name in the config.
    path : str
        Its import path.
    seed : int
        Seeds ``rng``, a ``numpy.random.Generator``, the only randomness it may use.
    options : dict, optional

    Returns
    -------
    features : array of shape (n, d)
    target : array of shape (n,)

    Raises
    ------
    DataError
        If the function fails, returns something else, or not the same twice.
    """
    key, given = f"plugins.generators.{kind}", dict(options or {})
    function = load_function(key, path, "rng", *given)
    first, second = (_draw(f"{key}: {path!r}", function, seed, given) for _ in range(2))
    if not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)):
        raise DataError(
            f"{key}: {path!r} returned different samples for the same seed; draw all random "
            "numbers from its first argument"
        )
    return first


def _draw(
    what: str, function: Callable[..., Any], seed: int, options: dict[str, Any]
) -> tuple[Array, Array]:
    with own_code(f"{what} failed", "correct it or its options"):
        found = function(np.random.default_rng(seed), **options)
    wanted = "return (features, target), numbers of shapes (n, d) and (n,)"
    if not (isinstance(found, tuple) and len(found) == 2):
        raise DataError(f"{what} returned a {type(found).__name__}; {wanted}")
    try:
        x, y = (np.asarray(part, dtype=float) for part in found)
    except (TypeError, ValueError):
        raise DataError(f"{what} returned what is no array of numbers; {wanted}") from None
    if x.ndim != 2 or y.shape != (len(x),):
        raise DataError(f"{what} returned shapes {x.shape} and {y.shape}; {wanted}")
    return x, y
