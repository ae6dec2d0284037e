"""Networks of any depth with biases: the set P_N of (1), its realization (2), and gradients.

The study is about shallow networks; this module holds what the paper states for all depths: the
realization map, its forward Lipschitz continuity and the counterexample (3) to its inverse
stability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.parametrization import Parametrization

__all__ = [
    "DeepParametrization",
    "ForwardBound",
    "LinearRegion",
    "deep_gradient",
    "deep_realize",
    "forward_bound",
    "linear_region",
    "trivial_counterexample",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DeepParametrization:
    """An element ``((A_1, b_1), ..., (A_L, b_L))`` of P_N, (1).

    Parameters
    ----------
    layers : sequence of (array_like of shape (N_l, N_{l-1}), array_like of shape (N_l,))

    Raises
    ------
    ValueError
        If there is no layer, shapes do not fit or an entry is not finite.

    Examples
    --------
    >>> theta = DeepParametrization([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.5])])
    >>> theta.architecture
    (1, 2, 1)
    >>> deep_realize(theta, [[-3.0]])
    array([[3.5]])
    """

    layers: tuple[tuple[Array, Array], ...]

    def __init__(self, layers: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
        if len(layers) == 0:
            raise ValueError("layers: expected at least one")
        checked: list[tuple[Array, Array]] = []
        for number, (weights, biases) in enumerate(layers, start=1):
            a, b = np.array(weights, dtype=float), np.array(biases, dtype=float)
            inputs = checked[-1][0].shape[0] if checked else None
            if a.ndim != 2 or 0 in a.shape or (inputs is not None and a.shape[1] != inputs):
                expected = "n" if inputs is None else inputs
                raise ValueError(f"layer {number}: expected weights (m, {expected}), got {a.shape}")
            if b.shape != (a.shape[0],):
                raise ValueError(f"layer {number}: expected biases ({a.shape[0]},), got {b.shape}")
            if not (np.isfinite(a).all() and np.isfinite(b).all()):
                raise ValueError(f"layer {number}: an entry is not finite")
            a.setflags(write=False)
            b.setflags(write=False)
            checked.append((a, b))
        object.__setattr__(self, "layers", tuple(checked))

    @classmethod
    def from_shallow(cls, theta: Parametrization) -> DeepParametrization:
        """A network of N as one of P_N with zero biases (footnote 2)."""
        m = theta.n_neurons
        return cls([(theta.weights, np.zeros(m)), (theta.output_weights[None, :], np.zeros(1))])

    @classmethod
    def sample(
        cls, architecture: Sequence[int], rng: np.random.Generator, *, scale: float = 1.0
    ) -> DeepParametrization:
        """Gaussian entries with variance ``scale² / N_{l-1}``."""
        return cls(
            [
                (
                    scale * rng.standard_normal((after, before)) / np.sqrt(before),
                    scale * rng.standard_normal(after) / np.sqrt(before),
                )
                for before, after in pairwise(architecture)
            ]
        )

    @property
    def architecture(self) -> tuple[int, ...]:
        """(N_0, ..., N_L)."""
        return (self.layers[0][0].shape[1], *(a.shape[0] for a, _ in self.layers))

    def max_distance(self, other: DeepParametrization) -> float:
        """Max-norm distance of all entries, footnote 1.

        Raises
        ------
        ValueError
            If the architectures differ.
        """
        if self.architecture != other.architecture:
            raise ValueError(f"expected architecture {self.architecture}, got {other.architecture}")
        gaps = [
            max(np.abs(a - p).max(), np.abs(b - q).max())
            for (a, b), (p, q) in zip(self.layers, other.layers, strict=True)
        ]
        return float(max(gaps))


def _hidden(theta: DeepParametrization, X: ArrayLike) -> tuple[list[Array], Array]:
    """Pre-activations of the hidden layers and the output."""
    x = np.asarray(X, dtype=float)
    if x.ndim != 2 or x.shape[1] != theta.architecture[0]:
        raise ValueError(f"X: expected shape (n, {theta.architecture[0]}), got {x.shape}")
    before = []
    for a, b in theta.layers[:-1]:
        before.append(x @ a.T + b)
        x = np.maximum(before[-1], 0.0)
    a, b = theta.layers[-1]
    return before, x @ a.T + b


def deep_realize(theta: DeepParametrization, X: ArrayLike) -> Array:
    """R(Θ) of (2) at the rows of X, (n, N_0) to (n, N_L)."""
    return _hidden(theta, X)[1]


def deep_gradient(theta: DeepParametrization, x: ArrayLike) -> Array:
    """``D R(Θ)(x)``, shape (N_L, N_0); neurons exactly on a kink count as inactive."""
    before, _ = _hidden(theta, np.asarray(x, dtype=float)[None, :])
    jacobian = np.eye(theta.architecture[0])
    for (a, _), z in zip(theta.layers[:-1], before, strict=True):
        jacobian = (a @ jacobian) * (z[0] > 0)[:, None]
    return theta.layers[-1][0] @ jacobian


@dataclass(frozen=True, eq=False)
class LinearRegion:
    """The region of one activation pattern around a point.

    Attributes
    ----------
    patterns : tuple of bool arrays
        Active neurons of each hidden layer.
    gradient : array of shape (N_L, N_0)
        Constant on the region.
    radius : float
        The realization is affine on the open max-norm ball of this radius around the point: within
        the region each neuron is affine, so its distance to the kink is exact; 0 on a kink.
    """

    patterns: tuple[NDArray[np.bool_], ...]
    gradient: Array
    radius: float


def linear_region(theta: DeepParametrization, x: ArrayLike) -> LinearRegion:
    """The activation pattern, the exact gradient and the size of the region around x.

    Examples
    --------
    >>> theta = DeepParametrization([([[1.0], [-1.0]], [0.0, 1.0]), ([[1.0, 2.0]], [0.0])])
    >>> region = linear_region(theta, [0.25])
    >>> region.gradient.tolist(), region.radius
    ([[-1.0]], 0.25)
    """
    before, _ = _hidden(theta, np.asarray(x, dtype=float)[None, :])
    jacobian = np.eye(theta.architecture[0])
    patterns, radius = [], np.inf
    for (a, _), z in zip(theta.layers[:-1], before, strict=True):
        affine = a @ jacobian
        slopes = np.abs(affine).sum(axis=1)
        moving = slopes > 0
        if moving.any():
            radius = min(radius, float((np.abs(z[0])[moving] / slopes[moving]).min()))
        active = z[0] > 0
        patterns.append(active)
        jacobian = affine * active[:, None]
    return LinearRegion(tuple(patterns), theta.layers[-1][0] @ jacobian, radius)


@dataclass(frozen=True)
class ForwardBound:
    """Forward Lipschitz continuity of the realization map on a box.

    Attributes
    ----------
    value : float
        ``‖R(Θ) - R(Γ)‖_inf on [-B, B]^{N_0} <= value``.
    lipschitz : float
        ``value / ‖Θ - Γ‖_inf``; the constant, which depends on the size of both networks.
    distance : float
        ‖Θ - Γ‖_inf.
    """

    value: float
    lipschitz: float
    distance: float


def forward_bound(
    gamma: DeepParametrization, theta: DeepParametrization, *, bound: float = 1.0
) -> ForwardBound:
    """Nearby parametrizations have nearby realizations: a bound layer by layer.

    With s the max-norm of Γ's activations and e the max-norm of the difference,
    ``e_l <= ‖A_l‖ e_{l-1} + ‖A_l - B_l‖ s_{l-1} + ‖b_l - c_l‖``, with max-norm operator norms, Θ =
    (A, b), Γ = (B, c); ReLU does not increase differences. The constant is the same recursion with
    all differences of entries replaced by their maximum.

    Raises
    ------
    ValueError
        If the architectures differ.
    """
    delta = gamma.max_distance(theta)
    size, error, unit = float(bound), 0.0, 0.0
    for (b, c), (a, q) in zip(gamma.layers, theta.layers, strict=True):
        norm = float(np.abs(a).sum(axis=1).max())
        step = float(np.abs(a - b).sum(axis=1).max()) * size + float(np.abs(q - c).max())
        error = norm * error + step
        unit = norm * unit + a.shape[1] * size + 1.0
        size = float((np.abs(b).sum(axis=1) * size + np.abs(c)).max())
    return ForwardBound(error, unit, delta)


def trivial_counterexample(
    architecture: Sequence[int], rng: np.random.Generator, *, size: float = 1.0
) -> tuple[DeepParametrization, DeepParametrization]:
    """(3): last layers (0, 0), all other layers arbitrary; both realizations are zero.

    Parameters
    ----------
    architecture : sequence of int
        (N_0, ..., N_L) with L >= 2.
    rng : numpy.random.Generator
    size : float
        The distance of the two is at least this.
    """
    if len(architecture) < 3:
        raise ValueError(f"architecture: expected at least two layers, got {tuple(architecture)}")
    networks = []
    for sign in (1.0, -1.0):
        layers = []
        for before, after in pairwise(architecture):
            a = sign * size * (0.5 + rng.random((after, before)))
            layers.append((a, sign * size * (0.5 + rng.random(after))))
        last = layers[-1]
        layers[-1] = (np.zeros_like(last[0]), np.zeros_like(last[1]))
        networks.append(DeepParametrization(layers))
    return networks[0], networks[1]
