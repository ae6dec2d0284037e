"""Units of inputs and targets, so that no result depends on those of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.errors import NumericalError

__all__ = ["Units"]

Array = NDArray[np.float64]

#: Columns whose root mean square is off one by more than this factor, and columns whose mean
#: exceeds their spread by more than that one, get units of their own.
OFF_SCALE = 8.0
OFF_CENTRE = 4.0


@dataclass(frozen=True)
class Units:
    """Other units: ``x' = (x - shifts l) / scales`` with the last input l, ``y' = y / target``.

    Scales (d,) and target are powers of two, so nothing is lost by them; shifts (d,) are multiples
    of the scales, 0 for the last.
    """

    scales: Array
    shifts: Array
    target: float

    @classmethod
    def powers(cls, X: Array, y: Array) -> Units:
        """Units in which no column and no target is far from size one."""
        scales = np.array([_power(size or 1.0) for size in np.abs(X).max(axis=0)])
        return cls(scales, np.zeros(X.shape[1]), _power(float(np.abs(y).max()) or 1.0))

    @classmethod
    def centred(cls, X: Array, y: Array, *, shift: bool) -> Units:
        """Units in which no column is far from size one, or (shift) far from centred.

        Standardized data stay as they are.
        """
        last = X[:, -1]
        scales, shifts = np.ones(X.shape[1]), np.zeros(X.shape[1])
        with np.errstate(over="ignore", under="ignore"):
            size = np.abs(X).max(axis=0)
            units = X / np.where(size > 0, size, 1.0)
            for j in range(X.shape[1]):
                values = units[:, j]
                if shift and j < X.shape[1] - 1 and last.all():
                    mean = float(values @ units[:, -1]) / float(units[:, -1] @ units[:, -1])
                    spread = float(np.std(values - mean * units[:, -1]))
                    if spread > 1e-12 and abs(mean) > OFF_CENTRE * spread:
                        grid = _power(spread) * _power(size[j]) / _power(size[-1])
                        offset = mean * (size[j] / size[-1])
                        shifts[j] = np.round(offset / grid) * grid
                        values = values - shifts[j] / size[j] * last
                root = float(np.sqrt(np.mean(values**2)))
                if root > 0 and not OFF_SCALE > root * size[j] > 1 / OFF_SCALE:
                    scales[j] = _power(root * size[j])
            top = float(np.abs(y).max())
            root = top * float(np.sqrt(np.mean((y / top) ** 2))) if top > 0 else 1.0
        return cls(scales, shifts, 1.0 if OFF_SCALE > root > 1 / OFF_SCALE else _power(root))

    @property
    def trivial(self) -> bool:
        """Whether they are the data's own."""
        return bool((self.scales == 1).all() and not self.shifts.any() and self.target == 1)

    def data(self, X: Array) -> Array:
        """The inputs in these units."""
        if not self.shifts.any():
            return X / self.scales
        return (X - X[:, -1:] * self.shifts) / self.scales

    def into(self, u: Array) -> Array:
        """Product coordinates (m, d) in these units."""
        v = u * self.scales
        v[:, -1] += (u @ self.shifts) * self.scales[-1]
        return v / self.target

    def back(self, v: Array) -> Array:
        """Product coordinates in the data's units; NumericalError beyond the range of floats."""
        with np.errstate(over="ignore", invalid="ignore"):
            u = v / self.scales
            u[:, -1] -= u @ self.shifts
            u *= self.target
        if not np.isfinite(u).all():
            raise NumericalError(
                "X: in the units of its columns weights exceed the range of floats; rescale them"
            )
        return u


def _power(size: float) -> float:
    """The power of two next to a positive size."""
    return float(2.0 ** np.clip(np.round(np.log2(size)), -1000, 1000))
