"""Distance of parametrizations modulo the order of their neurons, as a bottleneck assignment.

On N* the realization determines the parametrization up to a permutation, so this is the distance
that Corollary 3.3, (38), bounds (Theorem 2).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from landscape.parametrization import Parametrization
from landscape.spaces import Space, UnrestrictedSpace

__all__ = ["Assignment", "best_permutation", "bottleneck_assignment", "parameter_distance"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Assignment:
    """A bottleneck assignment: row i to ``columns[i]``, each column at most once.

    ``value`` is the largest entry used, infinite if every assignment uses an infinite one.
    """

    columns: NDArray[np.intp]
    value: float


def bottleneck_assignment(costs: ArrayLike) -> Assignment:
    """Assign every row its own column such that the largest entry used is as small as possible.

    Exact: each row in turn takes the column to which the largest entry on its way is least, where
    rows before it may move on to other columns.

    Parameters
    ----------
    costs : array_like of shape (m, n), m <= n
        Entries may be infinite, but not NaN.

    Raises
    ------
    ValueError
        If there are more rows than columns, or an entry is NaN.

    Examples
    --------
    >>> bottleneck_assignment([[0.0, 1.0], [5.0, 0.0]]).value
    0.0
    >>> found = bottleneck_assignment([[0.0, 3.0], [2.0, 9.0]])
    >>> found.value, found.columns.tolist()
    (3.0, [1, 0])
    """
    from landscape.stability._kernels import bottleneck_columns  # numba, when needed

    c = np.ascontiguousarray(costs, dtype=float)
    if c.ndim != 2 or c.shape[0] > c.shape[1]:
        raise ValueError(f"costs: expected shape (m, n) with m <= n, got {c.shape}")
    if np.isnan(c).any():
        raise ValueError("costs: an entry is NaN")
    columns = bottleneck_columns(c)
    used = c[np.arange(len(c)), columns]
    return Assignment(columns, float(used.max()) if used.size else 0.0)


def entries(theta: Parametrization) -> Array:
    """The parameters of each neuron, (m, d + 1)."""
    return np.column_stack([theta.weights, theta.output_weights])


def neuron_distances(gamma: Parametrization, theta: Parametrization) -> Array:
    """Max-norm distance of neuron i of ``gamma`` to neuron j of ``theta``, shape (m, m')."""
    return np.asarray(cdist(entries(gamma), entries(theta), "chebyshev"))


def max_distance(gamma: Parametrization, theta: Parametrization) -> float:
    """``‖Θ - Γ‖_inf`` in the given order of the neurons."""
    return float(np.abs(entries(gamma) - entries(theta)).max(initial=0.0))


def largest_entry(*networks: Parametrization) -> float:
    """The largest size of a weight or output weight."""
    return float(max(np.abs(entries(theta)).max(initial=0.0) for theta in networks))


def has_offset(space: Space | None) -> bool:
    """Whether the last neuron of the space's networks is a frozen offset."""
    return isinstance(space, UnrestrictedSpace) and space.offset


def check_shape(gamma: Parametrization, space: Space | None) -> None:
    """Refuse a network that is not of a space's shape."""
    if space and gamma.weights.shape != (shape := (space.n_neurons, space.n_inputs)):
        raise ValueError(
            f"gamma: expected weights of shape {shape} as in the space, got {gamma.weights.shape}"
        )


def best_permutation(
    gamma: Parametrization, theta: Parametrization, *, space: Space | None = None
) -> Assignment:
    """The order of ``theta``'s neurons that attains `parameter_distance`, and its value.

    ``theta.permute(columns)`` has distance ``value`` from ``gamma``.

    Examples
    --------
    >>> gamma = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
    >>> best_permutation(gamma, gamma.permute([1, 0])).columns.tolist()
    [1, 0]
    """
    check_shape(gamma, space)
    expected = gamma.weights.shape
    if theta.weights.shape != expected:
        raise ValueError(
            f"theta: expected weights of shape {expected} as gamma has, got {theta.weights.shape}"
        )
    costs = neuron_distances(gamma, theta)
    if has_offset(space):
        costs[-1, :-1] = costs[:-1, -1] = np.inf
    return bottleneck_assignment(costs)


def parameter_distance(
    gamma: Parametrization, theta: Parametrization, *, space: Space | None = None
) -> float:
    """Max-norm distance modulo permutations of neurons.

    ``min over permutations p of max_i max(|c_i - c'_p(i)|, ‖a_i - a'_p(i)‖_inf)``, the distance
    on the left of (38).

    Parameters
    ----------
    gamma, theta : Parametrization
        Of the same shape (m, d).
    space : Space, optional
        Where both lie. A frozen offset, the last neuron, is compared with the other's.

    Raises
    ------
    ValueError
        If the shapes differ, or are not those of the space.

    Examples
    --------
    >>> gamma = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
    >>> theta = Parametrization([[0.0, 1.0], [1.0, 0.5]], [-1.0, 1.0])
    >>> parameter_distance(gamma, theta)
    0.5
    """
    return best_permutation(gamma, theta, space=space).value
