"""What the package raises on purpose.

Everything else that escapes (``ValueError`` from a wrong call, ``TypeError``, ...) is a mistake of
a program, and nothing in the package turns it into a result.
"""

from __future__ import annotations

import numpy as np

__all__ = ["NUMERICAL_ERRORS", "LandscapeError", "NumericalError"]


class LandscapeError(Exception):
    """Base class of all errors that the package raises on purpose."""


class NumericalError(LandscapeError, ArithmeticError):
    """A computation reached the limits of floating-point numbers; its result is undecided."""


#: What makes a result ``undecided``: never ``ValueError`` or other mistakes of a program.
NUMERICAL_ERRORS = (NumericalError, np.linalg.LinAlgError, FloatingPointError, OverflowError)
