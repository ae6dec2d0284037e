"""The mean squared error (6) as a function of the parameters, with exact derivatives.

Two coordinate systems: *product coordinates* of N' and N* for fixed signs (there the loss is
piecewise a convex quadratic), and the raw parameters (A, c) of N, with biases (A, b, c, e).
Both are a :class:`Objective`: residuals and Jacobian as functions of a flat vector.

Where a pre-activation is exactly zero the neuron counts as inactive: the Jacobian is then one of
the one-sided ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.spaces import Space, UnrestrictedSpace

__all__ = [
    "Objective",
    "ProductObjective",
    "RawObjective",
    "check_data",
    "loss",
    "objective_for",
    "weight_samples",
]

Array = NDArray[np.float64]


def check_data(X: ArrayLike, y: ArrayLike, n_inputs: int) -> tuple[Array, Array]:
    """Data as float arrays of shapes (n, n_inputs) and (n,).

    Raises
    ------
    ValueError
        If shapes do not fit, there is no sample, or an entry is not finite; the message names
        the argument.
    """
    inputs = np.ascontiguousarray(X, dtype=float)
    targets = np.ascontiguousarray(y, dtype=float)
    if inputs.ndim != 2 or inputs.shape[1] != n_inputs:
        raise ValueError(
            f"X: expected shape (n_samples, {n_inputs}), what the network sees "
            f"(space.embed(features)), got {inputs.shape}"
        )
    if len(inputs) == 0:
        raise ValueError("X: expected at least one sample, got none")
    if targets.shape != (len(inputs),):
        raise ValueError(f"y: expected shape ({len(inputs)},) as X has rows, got {targets.shape}")
    for name, values in (("X", inputs), ("y", targets)):
        if not np.isfinite(values).all():
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
            raise ValueError(f"{name}: entry {where} is {values[where]}, expected a finite number")
    return inputs, targets


def check_problem(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, space: Space
) -> tuple[Array, Array]:
    """Data as :func:`check_data` has them, for a theta of the space's shape.

    Raises
    ------
    ValueError
        If the data do not fit the space, or theta does not have its shape.
    """
    inputs, targets = check_data(X, y, space.n_inputs)
    if theta.weights.shape != (space.n_neurons, space.n_inputs):
        raise ValueError(
            f"theta: expected weights of shape {(space.n_neurons, space.n_inputs)} as in the "
            f"{space.name} space, got {theta.weights.shape}"
        )
    return inputs, targets


def loss(theta: Parametrization, X: ArrayLike, y: ArrayLike) -> float:
    """Mean squared error ``(1/n) sum_k (R(theta)(x_k) - y_k)^2``, (6)."""
    inputs, targets = check_data(X, y, theta.n_inputs)
    return float(np.mean((realize(theta, inputs) - targets) ** 2))


def weight_samples(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike) -> tuple[Array, Array]:
    """Data on which the mean squared error is the weighted one, exactly.

    Networks without biases are positively homogeneous, ``sqrt(w) R(x) = R(sqrt(w) x)``: weights are
    a matter of the data. So whatever holds for a loss holds for a weighted one.

    Parameters
    ----------
    X : array_like of shape (n, d)
        What the network sees (embedded: a constant input is scaled like the others).
    y : array_like of shape (n,)
    sample_weight : array_like of shape (n,)
        Non-negative, with a positive sum. Samples of weight 0 are left out.

    Returns
    -------
    X, y : arrays of shapes (p, d) and (p,)
        With ``(1/p) sum_k (R(x_k) - y_k)^2 = sum_k w_k (...)^2 / sum_k w_k``.

    Examples
    --------
    Weight 2 is the same as repetition:

    >>> from landscape.parametrization import Parametrization
    >>> theta = Parametrization([[1.0]], [1.0])
    >>> loss(theta, [[1.0], [2.0], [2.0]], [0.0, 0.0, 0.0])
    3.0
    >>> round(loss(theta, *weight_samples([[1.0], [2.0]], [0.0, 0.0], [1.0, 2.0])), 12)
    3.0
    """
    inputs = np.asarray(X, dtype=float)
    inputs, targets = check_data(inputs, y, inputs.shape[1] if inputs.ndim == 2 else 0)
    weights = np.asarray(sample_weight, dtype=float)
    if weights.shape != targets.shape:
        raise ValueError(f"sample_weight: expected shape {targets.shape}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError("sample_weight: expected finite weights >= 0 with a positive sum")
    used = weights > 0
    roots = np.sqrt(weights[used] * (used.sum() / weights.sum()))
    return inputs[used] * roots[:, None], targets[used] * roots


@dataclass(frozen=True)
class Objective(ABC):
    """Mean squared error over a flat vector of parameters, ``f(x) = (1/n) ‖residuals(x)‖²``."""

    X: Array
    y: Array

    @abstractmethod
    def pack(self, theta: Parametrization) -> Array:
        """Flat coordinates of a parametrization."""

    @abstractmethod
    def unpack(self, x: Array) -> Parametrization:
        """The parametrization with flat coordinates x."""

    @abstractmethod
    def residuals(self, x: Array) -> Array:
        """``R(theta)(x_k) - y_k``, shape (n,)."""

    @abstractmethod
    def jacobian(self, x: Array) -> Array:
        """Derivatives of the residuals, shape (n, x.size)."""

    @abstractmethod
    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """The loss and its gradient at x, without forming the Jacobian."""

    @abstractmethod
    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the flat coordinates."""

    def value(self, x: Array) -> float:
        """The loss at x."""
        s = self.residuals(x)
        return float(s @ s / s.size)


@dataclass(frozen=True)
class ProductObjective(Objective):
    """In product coordinates ``u_i = |c_i| a_i`` for fixed signs (Theorems 1 and 5).

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    signs : array of shape (m,)
        -1 or 1.
    lower, upper : arrays of shape (m, d)
    """

    signs: Array
    lower: Array
    upper: Array

    def pack(self, theta: Parametrization) -> Array:
        """Products, moved into the bounds."""
        return np.clip(theta.products, self.lower, self.upper).ravel()

    def unpack(self, x: Array) -> Parametrization:
        """The balanced parametrization with these products."""
        return Parametrization.from_products(x.reshape(self.lower.shape), self.signs)

    def residuals(self, x: Array) -> Array:
        """See :meth:`Objective.residuals`."""
        return np.maximum(self.X @ x.reshape(self.lower.shape).T, 0.0) @ self.signs - self.y

    def jacobian(self, x: Array) -> Array:
        """See :meth:`Objective.jacobian`."""
        active = (self.X @ x.reshape(self.lower.shape).T > 0) * self.signs
        return (active[:, :, None] * self.X[:, None, :]).reshape(self.y.size, x.size)

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """See :meth:`Objective.value_and_gradient`."""
        z = self.X @ x.reshape(self.lower.shape).T
        s = np.maximum(z, 0.0) @ self.signs - self.y
        gradient = ((z > 0) * s[:, None] * self.signs).T @ self.X
        return float(s @ s / s.size), (2.0 / s.size) * gradient.ravel()

    def bounds(self) -> tuple[Array, Array]:
        """See :meth:`Objective.bounds`."""
        return self.lower.ravel(), self.upper.ravel()


@dataclass(frozen=True)
class RawObjective(Objective):
    """In the parameters (A, c) themselves; with ``offset`` the last neuron is (0, ..., 0, 1), e.

    Flat coordinates: the m' free rows of A, then all of c, with m' = m - 1 if there is an offset.
    """

    n_neurons: int
    offset: bool

    @property
    def _free(self) -> int:
        return self.n_neurons - int(self.offset)

    def pack(self, theta: Parametrization) -> Array:
        """See :meth:`Objective.pack`."""
        return np.concatenate([theta.weights[: self._free].ravel(), theta.output_weights])

    def _split(self, x: Array) -> tuple[Array, Array]:
        d = self.X.shape[1]
        a = x[: self._free * d].reshape(self._free, d)
        return a, x[self._free * d :]

    def unpack(self, x: Array) -> Parametrization:
        """See :meth:`Objective.unpack`."""
        a, c = self._split(x)
        if self.offset:
            direction = np.zeros((1, self.X.shape[1]))
            direction[0, -1] = 1.0
            a = np.vstack([a, direction])
        return Parametrization(a, c)

    def residuals(self, x: Array) -> Array:
        """See :meth:`Objective.residuals`."""
        a, c = self._split(x)
        s = np.maximum(self.X @ a.T, 0.0) @ c[: self._free] - self.y
        return s + c[-1] * np.maximum(self.X[:, -1], 0.0) if self.offset else s

    def jacobian(self, x: Array) -> Array:
        """See :meth:`Objective.jacobian`."""
        a, c = self._split(x)
        z = self.X @ a.T
        active = (z > 0) * c[: self._free]
        blocks = [
            (active[:, :, None] * self.X[:, None, :]).reshape(self.y.size, a.size),
            np.maximum(z, 0.0),
        ]
        if self.offset:
            blocks.append(np.maximum(self.X[:, -1:], 0.0))
        return np.hstack(blocks)

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """See :meth:`Objective.value_and_gradient`."""
        a, c = self._split(x)
        z = self.X @ a.T
        active = np.maximum(z, 0.0)
        s = active @ c[: self._free] - self.y
        if self.offset:
            last = np.maximum(self.X[:, -1], 0.0)
            s = s + c[-1] * last
        parts = [(((z > 0) * s[:, None] * c[: self._free]).T @ self.X).ravel(), s @ active]
        if self.offset:
            parts.append(np.array([s @ last]))
        return float(s @ s / s.size), (2.0 / s.size) * np.concatenate(parts)

    def bounds(self) -> tuple[Array, Array]:
        """No bounds."""
        size = self._free * self.X.shape[1] + self.n_neurons
        return np.full(size, -np.inf), np.full(size, np.inf)


def objective_for(theta: Parametrization, X: ArrayLike, y: ArrayLike, space: Space) -> Objective:
    """The loss in the coordinates in which ``space`` is optimized over, from ``theta`` on.

    N' and N*: product coordinates with the signs of ``theta`` (a zero sign counts as +1), so the
    optimization stays in one component of N*. N: the parameters themselves.
    """
    inputs, targets = check_problem(theta, X, y, space)
    if isinstance(space, UnrestrictedSpace):
        return RawObjective(inputs, targets, space.n_neurons, space.offset)
    signs = np.where(theta.output_weights < 0, -1.0, 1.0)
    return ProductObjective(inputs, targets, signs, *space.bounds())
