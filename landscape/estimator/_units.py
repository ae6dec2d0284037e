"""The units of a fit: features centred and of size one, the target of size one.

Scales are powers of two and shifts multiples of them, so a change of the data's units by powers of
two changes nothing in these units, bit for bit. The networks in both units are in bijection, by an
affine map of each neuron; minima are minima in both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.estimator._samples import Samples
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace

__all__ = ["Units", "from_rows", "lift_row", "to_rows"]

Array = NDArray[np.float64]

#: Exponents of two between which data may lie: the squares of all that is fitted stay numbers.
RANGE = 505


@dataclass(frozen=True)
class Units:
    """``x' = (x - shift) / scale`` and ``y' = (y - target_shift) / target_scale``.

    Attributes
    ----------
    scale : array of shape (d,)
        Of a fit: the powers of two next to the features' standard deviations.
    shift : array of shape (d,)
        Of a fit: the multiples of ``scale`` next to the features' means.
    target_scale : float
        Of a fit: the power of two next to the target's standard deviation.
    target_shift : float
        Of a fit over N: the multiple of ``target_scale`` next to the target's mean. 0 over N* and
        N', which have no bias of the output.
    """

    scale: Array
    shift: Array
    target_scale: float
    target_shift: float

    @classmethod
    def rough(cls, X: Array, y: Array) -> Units:
        """Units in which no feature exceeds size two, nor the target: means can be computed.

        Raises
        ------
        ValueError
            For data whose squares are out of the range of floating-point numbers.
        """
        scale = np.array([_power(float(size)) for size in np.abs(X).max(axis=0)])
        target_scale = _power(float(np.abs(y).max()))
        names = [*(f"X, column {j}" for j in range(len(scale))), "y"]
        for name, power in zip(names, [*scale, target_scale], strict=True):
            if not -RANGE <= np.log2(power) <= RANGE:
                size = "large" if power > 1 else "small"
                raise ValueError(
                    f"{name}: values of about {power:.0e} are too {size}: their squares "
                    "leave the range of floating-point numbers; change the unit"
                )
        return cls(scale, np.zeros(len(scale)), target_scale, 0.0)

    @classmethod
    def of_samples(cls, samples: Samples, *, offset: bool) -> Units:
        """Units of merged samples; ``offset``: whether networks can take up the target's mean."""
        exact = cls.exact(samples, offset=True)
        scale = np.array([_power(float(s)) for s in exact.scale])
        target_scale = _power(exact.target_scale)
        target_shift = float(np.round(exact.target_shift / target_scale)) * target_scale
        shift = np.round(exact.shift / scale) * scale
        return cls(scale, shift, target_scale, target_shift if offset else 0.0)

    @classmethod
    def exact(cls, samples: Samples, *, offset: bool) -> Units:
        """Means and standard deviations themselves: starts are drawn and smoothed in these."""
        data = np.column_stack([samples.features, samples.target])
        mean = samples.weights @ data
        deviation = np.sqrt(samples.weights @ (data - mean) ** 2)
        size = np.abs(data).max(axis=0)
        # A column that is constant up to rounding has no deviation; its size is its unit.
        constant = deviation <= 64 * np.finfo(float).eps * size
        scale = np.where(constant, np.where(size > 0, size, 1.0), deviation)
        return cls(scale[:-1], mean[:-1], float(scale[-1]), float(mean[-1]) if offset else 0.0)

    def after(self, first: Units) -> Units:
        """These units, found in those of ``first``, in terms of the data's own."""
        return Units(
            self.scale * first.scale,
            self.shift * first.scale + first.shift,
            self.target_scale * first.target_scale,
            self.target_shift * first.target_scale + first.target_shift,
        )

    def features(self, X: ArrayLike) -> Array:
        """Features in these units, (n, d)."""
        return (np.asarray(X, dtype=float) - self.shift) / self.scale

    def target(self, y: ArrayLike) -> Array:
        """Targets in these units, (n,)."""
        return (np.asarray(y, dtype=float) - self.target_shift) / self.target_scale

    def values(self, values: Array) -> Array:
        """Values of a network in the data's units."""
        return values * self.target_scale + self.target_shift

    @property
    def slopes(self) -> Array:
        """Units of the gradient's entries, (d,)."""
        return self.target_scale / self.scale

    def samples(self, samples: Samples) -> Samples:
        """Merged samples in these units."""
        gradients = samples.gradients
        return replace(
            samples,
            features=self.features(samples.features),
            target=self.target(samples.target),
            constant=samples.constant / self.target_scale**2,
            gradients=None if gradients is None else gradients / self.slopes,
            gradient_constant=samples.gradient_constant / self.slopes**2,
        )

    def outward(self, rows: Array, c: Array, e: float) -> tuple[Array, Array, float]:
        """A network's rows ``(w, b)``, output weights and offset in the data's units."""
        weights = rows[:, :-1] / self.scale
        rows = np.column_stack([weights, rows[:, -1] - weights @ self.shift])
        return rows, c * self.target_scale, e * self.target_scale + self.target_shift

    def inward(self, rows: Array, c: Array, e: float) -> tuple[Array, Array, float]:
        """The inverse of `outward`."""
        biases = rows[:, -1] + rows[:, :-1] @ self.shift
        rows = np.column_stack([rows[:, :-1] * self.scale, biases])
        return rows, c / self.target_scale, (e - self.target_shift) / self.target_scale

    def outward_element(self, theta: Parametrization, space: Space) -> Parametrization:
        """An element of the space in the data's units; on N* the margin scales with the target."""
        if isinstance(space, UnrestrictedSpace):
            return from_rows(space, *self.outward(*to_rows(theta, space)))
        u = theta.products * self.target_scale
        u[:, :-2] /= self.scale
        bias = -u[:, :-2] @ self.shift
        u[:, -2] += np.maximum(bias, 0.0)
        u[:, -1] += np.maximum(-bias, 0.0)
        return Parametrization.from_products(u, theta.signs)


def _power(size: float) -> float:
    """The power of two next to a size, 1 for zero: exactly, whatever the unit of the size."""
    if size == 0:
        return 1.0
    mantissa, exponent = np.frexp(size)
    return float(np.ldexp(1.0, int(exponent) - int(mantissa < np.sqrt(0.5))))


def to_rows(theta: Parametrization, space: Space) -> tuple[Array, Array, float]:
    """An element as rows ``(w, b)`` of a network with biases, output weights and offset."""
    a, c = theta.weights, theta.output_weights
    if isinstance(space, UnrestrictedSpace):
        return a[:-1], c[:-1], float(c[-1])
    return np.column_stack([a[:, :-2], a[:, -2] - a[:, -1]]), c, 0.0


def from_rows(space: Space, rows: Array, c: Array, e: float) -> Parametrization:
    """An element of the space; on N and N*, as many rows as `to_rows` gives, and no offset."""
    if isinstance(space, UnrestrictedSpace):
        return Parametrization(np.vstack([rows, space.offset_direction]), np.append(c, e))
    amounts = np.maximum(np.abs(c), 1e-12)
    lifted = [lift_row(space, row * size) for row, size in zip(rows, amounts, strict=True)]
    return Parametrization.from_products(np.array(lifted), np.where(c < 0, -1.0, 1.0))


def lift_row(space: Space, row: Array) -> Array:
    """Product coordinates ``(w, p, q)`` of N* or N' from ``(w, b)`` of a neuron, with p - q = b.

    The width min(p, q) is free on the data: above the margin, and no smaller than the weights.
    """
    margin = space.margin if isinstance(space, RestrictedSpace) else 0.0
    width = max(float(np.abs(row).max()), 1e-12) + 2 * margin
    bias = row[-1]
    return np.append(row[:-1], [width + max(bias, 0.0), width + max(-bias, 0.0)])
