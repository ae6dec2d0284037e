"""Values with proven error bounds: the one place where rounding is judged (Theorem 19).

Whatever decides a verdict is a :class:`Bounded`: a value together with a bound on its distance from
the value in exact arithmetic, computed from the terms that are actually summed. What contributes
nothing (a column of zeros, a neuron that no sample activates) adds nothing to the bound, however
large it is. The tolerances below decide what is *tried*; what they admit is charged to the slack of
a certificate, so none of them can make one false. docs/rounding.md lists all tolerances.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: A sample is tried on the kink of a neuron, and a coordinate on its bound, when what is between
#: them is at most this many times its own rounding bound. It is charged to the slack.
KINK_FACTOR = 4096.0

#: First-order conditions count as satisfied when they are short by at most this share of the terms
#: that they sum, sum_k |s_k x_kj|, and rounding. What is missing is charged to the slack.
STATIONARITY_TOLERANCE = 1e-9

#: Where the slack allows only less than this share of the cell's radius, the conditions say nothing
#: worth saying: ``undecided``.
WORTH = 1e-6

#: The largest slack of a certificate, as a share of the loss; the radius is chosen accordingly.
SLACK_SHARE = 1e-6

#: The distances of kinks and bounds may cost at most this share of what the loss could change by
#: within the radius.
MISSED = 1e-3

#: A loss of at most this share of the targets' variance is zero: a global minimum.
GLOBAL_SHARE = 1e-24

#: Half an ulp of 1, by which operations round, and the least positive float.
UNIT = 2.0**-53
SMALLEST = 2.0**-1074
_UP = 1 + 2.0**-49


def gamma(n: int) -> float:
    """Relative error bound of a sum of n products in any order: twice Higham's gamma_n.

    The factor 2 covers that the sizes of the terms, which it multiplies, are rounded as well.
    """
    return 2 * (n + 2) * UNIT


@dataclass(frozen=True)
class Bounded:
    """An array, and a bound on the distance of every entry from its exact value.

    Examples
    --------
    Two terms that cancel leave the error of the larger ones:

    >>> x = Bounded.exact(np.array([[1e14, 1.0]])) @ np.array([[1.0], [0.0]])
    >>> bool(x.positive[0, 0]), bool((x - x).positive[0, 0])
    (True, False)
    """

    value: Array  #: As computed.
    error: Array  #: Of the same shape, absolute, at least 0.

    @classmethod
    def exact(cls, value: Array) -> Bounded:
        """Floats taken as the rationals that they are."""
        return cls(value, np.zeros_like(value))

    def __matmul__(self, other: Array) -> Bounded:
        """The matrix product with exact floats."""
        sizes, n = np.abs(other), self.value.shape[-1]
        error = self.error @ sizes + gamma(n) * (np.abs(self.value) @ sizes)
        return Bounded(self.value @ other, _UP * error + n * SMALLEST)

    def __add__(self, other: Bounded) -> Bounded:
        value = self.value + other.value
        return Bounded(value, _UP * (self.error + other.error + UNIT * np.abs(value)))

    def __sub__(self, other: Bounded) -> Bounded:
        return self + Bounded(-other.value, other.error)

    def __mul__(self, factor: Array) -> Bounded:
        """Entry by entry with exact floats."""
        value = self.value * factor
        error = self.error * np.abs(factor) + UNIT * np.abs(value)
        return Bounded(value, _UP * error + SMALLEST * (factor != 0))

    @property
    def T(self) -> Bounded:
        """The transpose."""
        return Bounded(self.value.T, self.error.T)

    @property
    def positive(self) -> Mask:
        """Where the exact value is positive for certain."""
        return self.value > self.error

    @property
    def negative(self) -> Mask:
        """Where the exact value is negative for certain."""
        return self.value < -self.error

    @property
    def size(self) -> Array:
        """A bound on the absolute value."""
        return _UP * (np.abs(self.value) + self.error)

    def relu(self) -> Bounded:
        """``max(x, 0)``: exactly 0 where x is negative for certain."""
        return Bounded(np.maximum(self.value, 0.0), np.where(self.negative, 0.0, self.error))

    def where(self, mask: Mask) -> Bounded:
        """Exactly 0 outside of the mask."""
        return Bounded(np.where(mask, self.value, 0.0), np.where(mask, self.error, 0.0))


def is_zero_loss(loss: Bounded, y: Array, terms: Array) -> bool:
    """Whether a loss is zero up to ``GLOBAL_SHARE`` of the targets' variance.

    If all targets are zero nothing but the sizes of the network's own terms, shape (n,), says what
    is small.
    """
    size = float(np.var(y)) if np.ptp(y) > 0 else float(y[0]) ** 2
    if not y.any():
        size = float(np.mean(terms**2))
    return float(loss.size) <= GLOBAL_SHARE * size


def exact_sign(x: Array, y: Array) -> int:
    """Sign of the inner product of two vectors of floats, in exact arithmetic.

    Examples
    --------
    >>> exact_sign(np.array([1e16, 1.0, -1e16]), np.ones(3))
    1
    """
    used = np.flatnonzero((x != 0) & (y != 0)).tolist()
    total = sum((Fraction(float(x[j])) * Fraction(float(y[j])) for j in used), Fraction(0))
    return (total > 0) - (total < 0)
