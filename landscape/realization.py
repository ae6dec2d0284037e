"""Realizations: the functions that parametrizations compute, (15), and their derivatives."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.parametrization import Parametrization

__all__ = ["difference", "gradient_at", "input_gradients", "pattern", "realize"]

Array = NDArray[np.float64]


def as_inputs(theta: Parametrization, x: ArrayLike) -> Array:
    """``x`` as an (n, d) array of inputs of ``theta``, or an error that names the shapes."""
    points = np.asarray(x, dtype=float)
    if points.ndim != 2 or points.shape[1] != theta.n_inputs:
        raise ValueError(
            f"X: expected shape (n_samples, {theta.n_inputs}), the network's inputs, "
            f"got {points.shape}"
        )
    return points


def realize(theta: Parametrization, X: ArrayLike) -> Array:
    """Values ``R(theta)(x) = sum_i c_i relu(<a_i, x>)`` at the rows of X, see (15).

    Parameters
    ----------
    theta : Parametrization
    X : array_like of shape (n, d)
        What the network sees (already lifted where the space is over lifted inputs).

    Returns
    -------
    values : array of shape (n,)

    Examples
    --------
    >>> realize(Parametrization([[1.0, 0.0]], [2.0]), [[3.0, 0.0], [-3.0, 0.0]])
    array([6., 0.])
    """
    points = as_inputs(theta, X)
    values = points @ theta.weights.T
    return np.maximum(values, 0.0, out=values) @ theta.output_weights


def pattern(theta: Parametrization, X: ArrayLike) -> NDArray[np.bool_]:
    """Activation pattern ``<a_i, x_k> > 0``, shape (n, m)."""
    return as_inputs(theta, X) @ theta.weights.T > 0


def input_gradients(theta: Parametrization, X: ArrayLike) -> Array:
    """``DR(theta)(x) = sum_{i active} c_i a_i`` at the rows of X, (52), shape (n, d).

    On a hyperplane, where the derivative does not exist, the neuron counts as inactive.
    """
    return pattern(theta, X) @ (theta.output_weights[:, None] * theta.weights)


def gradient_at(theta: Parametrization, x: ArrayLike) -> Array:
    """The gradient at a single point x of shape (d,)."""
    return input_gradients(theta, np.asarray(x, dtype=float)[None, :])[0]


def difference(gamma: Parametrization, theta: Parametrization) -> Parametrization:
    """A network (of any widths' sum) whose realization is ``R(gamma) - R(theta)``."""
    return Parametrization(*stacked_difference(gamma, theta))


def stacked_difference(gamma: Parametrization, theta: Parametrization) -> tuple[Array, Array]:
    """Weights and output weights of `difference`, read-only and not checked again."""
    if gamma.n_inputs != theta.n_inputs:
        raise ValueError(
            f"theta: expected {gamma.n_inputs} inputs as gamma has, got {theta.n_inputs}"
        )
    weights = np.concatenate([gamma.weights, theta.weights])
    outputs = np.concatenate([gamma.output_weights, -theta.output_weights])
    for values in (weights, outputs):
        values.setflags(write=False)
    return weights, outputs
