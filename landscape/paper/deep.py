"""Networks of any depth with biases: the set P_N of (1), its realization (2), and gradients.

What the paper states for all depths: the realization map, its forward Lipschitz continuity and the
counterexample (3) to its inverse stability. A parametrization is the sequence of its layers
(A_l, b_l) of shapes (N_l, N_{l-1}) and (N_l,).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Layers = Sequence[tuple[Array, Array]]


def sample(architecture: Sequence[int], rng: Generator, scale: float = 1.0) -> Layers:
    """Gaussian entries with variance ``scale² / N_{l-1}`` for (N_0, ..., N_L)."""
    sizes = [(after, before, scale / np.sqrt(before)) for before, after in pairwise(architecture)]
    return [(s * rng.standard_normal((n, p)), s * rng.standard_normal(n)) for n, p, s in sizes]


def distance(gamma: Layers, theta: Layers) -> float:
    """Max-norm distance of all entries, footnote 1."""
    pairs = [
        pair for layers in zip(gamma, theta, strict=True) for pair in zip(*layers, strict=True)
    ]
    return max(float(np.abs(p - q).max()) for p, q in pairs)


def _preactivations(theta: Layers, x: Array) -> list[Array]:
    """Of all layers, the last one is the output."""
    found = [x @ theta[0][0].T + theta[0][1]]
    for a, b in theta[1:]:
        found.append(np.maximum(found[-1], 0.0) @ a.T + b)
    return found


def realize(theta: Layers, X: ArrayLike) -> Array:
    """R(Θ) of (2) at the rows of X, (n, N_0) to (n, N_L).

    >>> theta = [
    ...     (np.array([[1.0], [-1.0]]), np.zeros(2)),
    ...     (np.array([[1.0, 1.0]]), np.array([0.5])),
    ... ]
    >>> realize(theta, [[-3.0]])
    array([[3.5]])
    """
    return _preactivations(theta, np.asarray(X, dtype=float))[-1]


class LinearRegion(NamedTuple):
    """The region of one activation pattern around a point.

    The active neurons of each hidden layer; the gradient, of shape (N_L, N_0); and the radius of
    the open max-norm ball on which the realization is affine, exact since there each neuron is.
    """

    patterns: tuple[NDArray[np.bool_], ...]
    gradient: Array
    radius: float


def linear_region(theta: Layers, x: ArrayLike) -> LinearRegion:
    """The region around x; neurons exactly on a kink count as inactive, the radius is 0 there.

    >>> theta = [(np.array([[1.0], [-1.0]]), np.array([0.0, 1.0])), (np.array([[1.0, 2.0]]), 0)]
    >>> region = linear_region(theta, [0.25])
    >>> region.gradient.tolist(), region.radius
    ([[-1.0]], 0.25)
    """
    point = np.asarray(x, dtype=float)[None, :]
    jacobian, patterns, radius = np.eye(point.size), [], np.inf
    for (a, _), (z,) in zip(theta[:-1], _preactivations(theta, point)[:-1], strict=True):
        affine = a @ jacobian
        slopes = np.abs(affine).sum(axis=1)
        moving = slopes > 0
        radius = min([radius, *(np.abs(z)[moving] / slopes[moving]).tolist()])
        patterns.append(z > 0)
        jacobian = affine * patterns[-1][:, None]
    return LinearRegion(tuple(patterns), theta[-1][0] @ jacobian, radius)


def forward_bound(gamma: Layers, theta: Layers, bound: float = 1.0) -> tuple[float, float]:
    """Bound of ``‖R(Θ) - R(Γ)‖_inf on [-B, B]^{N_0}``, layer by layer, and a Lipschitz constant.

    With s the max-norm of Γ's activations and e the max-norm of the difference,
    ``e_l <= ‖A_l‖ e_{l-1} + ‖A_l - B_l‖ s_{l-1} + ‖b_l - c_l‖``, with max-norm operator norms, Θ =
    (A, b), Γ = (B, c); ReLU does not increase differences. The constant, which depends on the size
    of both networks, is the same recursion with all differences of entries replaced by 1: the
    bound is at most the constant times ‖Θ - Γ‖_inf.
    """
    size, error, constant = float(bound), 0.0, 0.0
    for (b, c), (a, q) in zip(gamma, theta, strict=True):
        norm = float(np.abs(a).sum(axis=1).max())
        step = float(np.abs(a - b).sum(axis=1).max()) * size + float(np.abs(q - c).max())
        error = norm * error + step
        constant = norm * constant + a.shape[1] * size + 1.0
        size = float((np.abs(b).sum(axis=1) * size + np.abs(c)).max())
    return error, constant


def trivial_counterexample(
    architecture: Sequence[int], rng: Generator, size: float = 1.0
) -> tuple[Layers, Layers]:
    """(3): last layers (0, 0), all other layers arbitrary; both realizations are zero.

    The architecture (N_0, ..., N_L) has L >= 2; the distance of the two is at least ``size``.
    """
    gamma, theta = (list(sample(architecture, rng)) for _ in range(2))
    gamma = [(size * (0.5 + np.abs(a)), size * (0.5 + np.abs(b))) for a, b in gamma]
    theta = [(-size * (0.5 + np.abs(a)), -size * (0.5 + np.abs(b))) for a, b in theta]
    gamma[-1] = theta[-1] = np.zeros_like(gamma[-1][0]), np.zeros_like(gamma[-1][1])
    return gamma, theta
