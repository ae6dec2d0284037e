"""Units of inputs and targets, so that no result depends on those of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.errors import NumericalError

__all__ = ["Units", "powers_of_two"]

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

    scales: Array  #: Of the inputs, (d,).
    shifts: Array  #: Of the inputs, (d,).
    target: float  #: Of the target.

    @classmethod
    def powers(cls, X: Array, y: Array) -> Units:
        """Units in which no column and no target is far from size one."""
        sizes, target = np.abs(X).max(axis=0), float(powers_of_two(np.abs(y).max()))
        return cls(powers_of_two(sizes), np.zeros(X.shape[1]), target)

    @classmethod
    def centred(cls, X: Array, y: Array, *, shift: bool) -> Units:
        """Units in which no column is far from size one, or (shift) far from centred.

        Standardized data stay as they are.
        """
        shifts, last = np.zeros(X.shape[1]), X[:, -1:]
        with np.errstate(all="ignore"):
            size = np.abs(X).max(axis=0)
            units = X / np.where(size > 0, size, 1.0)
            if shift and last.all():
                own = units[:, -1]
                mean = own @ units / (own @ own)
                spread = np.std(units - mean * own[:, None], axis=0)
                far = (spread > 1e-12) & (np.abs(mean) > OFF_CENTRE * spread)
                grid = powers_of_two(spread) * powers_of_two(size) / powers_of_two(size[-1])
                offset = mean * (size / size[-1])
                shifts = np.where(far, np.round(offset / grid) * grid, 0.0)
                units = units - shifts / np.where(far, size, 1.0) * last
            scales = np.append(np.sqrt(np.mean(units**2, axis=0)) * size, 1.0)
            if (top := float(np.abs(y).max())) > 0:
                scales[-1] = top * float(np.sqrt(np.mean((y / top) ** 2)))
        usual = (scales == 0) | ((scales < OFF_SCALE) & (scales > 1 / OFF_SCALE))
        scales = np.where(usual, 1.0, powers_of_two(scales))
        return cls(scales[:-1], shifts, float(scales[-1]))

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


def powers_of_two(sizes: Array | float) -> Array:
    """Those next to sizes, 1 for zero: exactly, whatever the unit of the sizes."""
    mantissas, exponents = np.frexp(np.where(np.asarray(sizes) > 0, sizes, 1.0))
    return np.ldexp(1.0, np.clip(exponents - (mantissas < np.sqrt(0.5)), -1000, 1000))
