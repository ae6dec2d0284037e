"""What the package raises on purpose.

Everything else that escapes (``ValueError`` from a wrong call, ``TypeError``, ...) is a mistake of
a program, and nothing in the package turns it into a result.
"""

import sys
from importlib.util import find_spec

import numpy as np


class LandscapeError(Exception):
    """Base class of all errors that the package raises on purpose."""


class NumericalError(LandscapeError, ArithmeticError):
    """A computation reached the limits of floating-point numbers; its result is undecided."""


class MissingExtraError(LandscapeError, ImportError):
    """Something that is asked for needs packages that the core does without."""


#: What makes a result ``undecided``: never ``ValueError`` or other mistakes of a program.
NUMERICAL_ERRORS = (NumericalError, np.linalg.LinAlgError, FloatingPointError, OverflowError)


def require_extra(extra: str, *modules: str) -> None:
    """Refuse to go on without the packages of an extra.

    Examples
    --------
    >>> require_extra("study", "pandas_of_another_world")
    Traceback (most recent call last):
    landscape.errors.MissingExtraError: pandas_of_another_world is not installed; run: pip install
    'landscape-relu[study]'
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingExtraError(
            f"{', '.join(missing)} {verb} not installed; run: pip install 'landscape-relu[{extra}]'"
        )


def users_level() -> int:
    """The ``stacklevel`` of a warning, where this is called, that points to the user's line.

    That is the first one outside of this package, scikit-learn and joblib.
    """
    level, frame = 1, sys._getframe(1)
    inner = ("landscape", "sklearn", "joblib")
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in inner:
        level, frame = level + 1, frame.f_back
    return level
