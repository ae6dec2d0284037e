"""Elements of a space as raw networks on standardized data, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.estimator._samples import Samples
from landscape.estimator._smooth import RawNetwork, SmoothProblem
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace

__all__ = ["Standardization", "lift_row"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Standardization:
    """Maps between a space on data as they are and raw networks on standardized data.

    Over N the offset takes up the target's mean. Over N* and N' there is none: the target keeps
    its mean, and all m + 1 neurons are alike.

    Attributes
    ----------
    space : Space
    mean, scale : arrays of shape (d,)
        Of the features.
    target_mean, target_scale : float
        The first is 0 where the networks have no offset.
    """

    space: Space
    mean: Array
    scale: Array
    target_mean: float
    target_scale: float

    @classmethod
    def build(cls, samples: Samples, space: Space) -> Standardization:
        """The one of the samples."""
        mean, scale, target_mean, target_scale = samples.scales()
        has_offset = isinstance(space, UnrestrictedSpace)
        return cls(space, mean, scale, target_mean if has_offset else 0.0, target_scale)

    def problem(self, samples: Samples, alpha: float) -> SmoothProblem:
        """The samples, standardized; ``alpha`` weighs the squares of products of features."""
        n = len(samples.target)
        roots = np.sqrt(samples.weights * n)
        features = np.column_stack([(samples.features - self.mean) / self.scale, np.ones(n)])
        return SmoothProblem(
            np.ascontiguousarray(features * roots[:, None]),
            roots * (samples.target - self.target_mean) / self.target_scale,
            isinstance(self.space, UnrestrictedSpace),
            np.append(alpha / self.scale**2, 0.0),
        )

    def to_raw(self, theta: Parametrization) -> RawNetwork:
        """An element of the space as a raw network."""
        a, c, e = theta.weights, theta.output_weights, 0.0
        if isinstance(self.space, UnrestrictedSpace):
            e = float(c[-1] - self.target_mean) / self.target_scale
            weights, biases, c = a[:-1, :-1], a[:-1, -1], c[:-1]
        else:
            weights, biases = a[:, :-2], a[:, -2] - a[:, -1]
        rows = np.column_stack([weights * self.scale, biases + weights @ self.mean])
        return RawNetwork(rows, c / self.target_scale, e)

    def from_raw(self, network: RawNetwork) -> Parametrization:
        """A raw network as an element of the space."""
        weights = network.A[:, :-1] / self.scale
        rows = np.column_stack([weights, network.A[:, -1] - weights @ self.mean])
        c = network.c * self.target_scale
        if isinstance(self.space, UnrestrictedSpace):
            e = network.e * self.target_scale + self.target_mean
            a = np.vstack([rows, self.space.offset_direction])
            return Parametrization(a, np.append(c, e))
        amounts = np.maximum(np.abs(c), 1e-12)
        signs = np.where(c < 0, -1.0, 1.0)
        lifted = [
            lift_row(self.space, row * amount) for row, amount in zip(rows, amounts, strict=True)
        ]
        return Parametrization.from_products(np.array(lifted), signs)


def lift_row(space: Space, row: Array) -> Array:
    """Product coordinates ``(w, p, q)`` of N* or N' from ``(w, b)`` of a neuron, with p - q = b.

    The width min(p, q) is free on the data: above the margin, and no smaller than the weights.
    """
    margin = space.margin if isinstance(space, RestrictedSpace) else 0.0
    width = max(float(np.abs(row).max()), 1e-12) + 2 * margin
    bias = row[-1]
    return np.append(row[:-1], [width + max(bias, 0.0), width + max(-bias, 0.0)])
