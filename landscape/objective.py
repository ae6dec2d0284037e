"""The loss (6) as a function of the parameters, with exact derivatives.

Two coordinate systems: *product coordinates* of N' and N* for fixed signs (there the loss is
piecewise a convex quadratic), and the raw parameters (A, c) of N, with biases (A, b, c, e).

Where a pre-activation is exactly zero the neuron counts as inactive: the Jacobian is then one of
the one-sided ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss, WeightDecay, get_loss, get_weight_decay, needs_loss
from landscape.parametrization import Parametrization, require_finite
from landscape.realization import realize
from landscape.spaces import Space, UnrestrictedSpace

__all__ = ["Objective", "check_data", "loss", "mean_loss", "objective_for", "weight_samples"]

Array = NDArray[np.float64]


def check_data(X: ArrayLike, y: ArrayLike, n_inputs: int) -> tuple[Array, Array]:
    """Data as finite float arrays of shapes (n, n_inputs) and (n,), n > 0, or a ValueError."""
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
    require_finite("expected a finite number", X=inputs, y=targets)
    return inputs, targets


def check_problem(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, space: Space
) -> tuple[Array, Array]:
    """Data as :func:`check_data` has them, for a theta of the space's shape, or a ValueError."""
    inputs, targets = check_data(X, y, space.n_inputs)
    if theta.weights.shape != (space.n_neurons, space.n_inputs):
        raise ValueError(
            f"theta: expected weights of shape {(space.n_neurons, space.n_inputs)} as in the "
            f"{space.name} space, got {theta.weights.shape}"
        )
    return inputs, targets


def loss(theta: Parametrization, X: ArrayLike, y: ArrayLike) -> float:
    """Mean squared error ``(1/n) sum_k (R(theta)(x_k) - y_k)^2``, (6)."""
    return mean_square(theta, *check_data(X, y, theta.n_inputs))


def mean_square(theta: Parametrization, inputs: Array, targets: Array) -> float:
    """:func:`loss` on data as :func:`check_data` has them."""
    r = realize(theta, inputs) - targets
    return float((r * r).sum() / r.size)


def mean_loss(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> float:
    """Any loss of :mod:`landscape.losses`, ``sum_k w_k l_k / sum_k w_k``, with its weight decay.

    On N the decay is that of the parameters, on N' and N* its least value over rescalings.

    Examples
    --------
    >>> theta = Parametrization([[1.0]], [1.0])
    >>> space = UnrestrictedSpace(1, 1)
    >>> mean_loss(theta, [[1.0], [5.0]], [0.0, 0.0], space=space, loss="huber", weight_decay=0.5)
    6.0
    """
    objective = objective_for(
        theta, X, y, space, loss=loss, sample_weight=sample_weight, weight_decay=weight_decay
    )
    rows = theta.products if objective.signs is not None else theta.weights
    c = np.empty(0) if objective.signs is not None else theta.output_weights
    return objective.value(np.append(rows[: len(objective.lower)].ravel(), c))


def weight_samples(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike) -> tuple[Array, Array]:
    """Data on which the mean squared error is the weighted one, exactly.

    Networks without biases are positively homogeneous, ``sqrt(w) R(x) = R(sqrt(w) x)``: weights are
    a matter of the data. So whatever holds for a loss holds for a weighted one. X (n, d) is what
    the network sees (embedded: a constant input is scaled like the others); weights (n,) are
    non-negative, with a positive sum. Gives the p samples of positive weight, with
    ``(1/p) sum_k (R(x_k) - y_k)^2 = sum_k w_k (...)^2 / sum_k w_k``.

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


class _Evaluated(NamedTuple):
    """A network of p neurons on the n samples."""

    values: Array  #: Shape (p, n).
    residuals: Array  #: ``R(theta)(x_k) - y_k``, shape (n,).
    square: float  #: Their mean square.


@dataclass(frozen=True)
class Objective:
    """The loss over flat parameters x, ``(1/n) ‖residuals(x)‖²`` unless there is another.

    On N' and N* x holds the product coordinates ``u_i = |c_i| a_i`` for fixed signs (Theorems 1
    and 5), on N the rows ``a_i`` and then all output weights. ``lower`` and ``upper`` (m, d) are
    bounds of the rows, without that of a frozen offset neuron (0, ..., 0, 1), which ``offset`` says
    there is; ``signs`` (m,) are fixed output weights -1 or 1, None where they are free.
    ``sample_loss`` is a function of the residuals; ``decay`` adds to the loss (Theorem 27).
    """

    X: Array
    y: Array
    lower: Array
    upper: Array
    signs: Array | None
    offset: bool = False
    sample_loss: Loss | None = None
    decay: WeightDecay | None = None
    n_constant: int = 1  # last inputs that are constant, for biases

    def pack(self, theta: Parametrization) -> Array:
        """Flat coordinates of a parametrization; products are moved into the bounds."""
        if self.signs is not None:
            return np.clip(theta.products, self.lower, self.upper).ravel()
        return np.concatenate([theta.weights[: len(self.lower)].ravel(), theta.output_weights])

    def unpack(self, x: Array) -> Parametrization:
        """The parametrization with flat coordinates x, balanced where signs are fixed."""
        rows, c = self._split(x)
        if self.signs is not None:
            return Parametrization.from_products(rows, c)
        frozen = np.eye(1, self.X.shape[1], self.X.shape[1] - 1)
        return Parametrization(np.vstack([rows, frozen]) if self.offset else rows, c)

    def _split(self, x: Array) -> tuple[Array, Array]:
        rows = x[: self.lower.size].reshape(self.lower.shape)
        return rows, x[self.lower.size :] if self.signs is None else self.signs

    @cached_property
    def _compiled(self) -> tuple[Callable[..., Any], Callable[..., Array]]:
        """Evaluation and gradient with the data that they take: arrays that may be written to."""
        from landscape._kernels import evaluate, gradient  # with numba

        signs = np.empty(0) if self.signs is None else self.signs
        X, y = (np.require(given, requirements=["C", "W"]) for given in (self.X, self.y))
        columns, m = np.array(X.T, order="C"), len(self.lower)
        return (
            lambda x: evaluate(np.ascontiguousarray(x, dtype=float), signs, columns, y, m),
            lambda x, s, values: gradient(
                np.ascontiguousarray(x, dtype=float), signs, X, s, values
            ),
        )

    def evaluate(self, x: Array) -> _Evaluated:
        """What loss and gradient at x are computed from."""
        return _Evaluated(*self._compiled[0](x))

    def jacobian(self, x: Array, at: _Evaluated) -> Array:
        """Derivatives of the residuals at x, shape (n, x.size)."""
        values, n, m = at.values, self.y.size, len(self.lower)
        active = (values[:m] != 0).T * self._split(x)[1][:m]
        block = (active[:, :, None] * self.X[:, None, :]).reshape(n, self.lower.size)
        return np.hstack([block, values.T]) if self.signs is None else block

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """The loss and its gradient at x, without forming the Jacobian."""
        at = self.evaluate(x)
        return self.value(x, at), self.gradient(x, at)

    def value(self, x: Array, at: _Evaluated | None = None) -> float:
        """The loss at x."""
        _, residuals, value = at or self.evaluate(x)
        if self.sample_loss is not None:
            value = float(np.mean(self.sample_loss.value(residuals)))
        return value if self.decay is None else value + self._penalty(x)[0]

    def gradient(self, x: Array, at: _Evaluated) -> Array:
        """The gradient of the loss at x."""
        r = at.residuals
        s = r if self.sample_loss is None else self.sample_loss.half_slope(r)
        found = self._compiled[1](x, s, at.values)
        return found if self.decay is None else found + self._penalty(x)[1]

    def _penalty(self, x: Array) -> tuple[float, Array]:
        """The weight decay and its gradient: of the parameters, or of products (Theorem 27)."""
        assert self.decay is not None
        strength, k = self.decay.strength, self.n_constant
        rows, c = self._split(x)
        counted = rows.copy()
        if k == 2:  # (p, q) is the bias p - q
            counted[:, -1] = 0.0
            counted[:, -2] = rows[:, -2] - rows[:, -1]
        if not self.decay.biases:
            counted[:, rows.shape[1] - k :] = 0.0
        if self.signs is None:
            outputs = c.copy()
            outputs[len(rows) :] *= self.decay.offset
            value = strength * float((counted * rows).sum() + outputs @ outputs)
            return value, 2 * strength * np.append(counted.ravel(), outputs)
        norms = np.linalg.norm(counted, axis=1)[:, None]
        change = 2 * strength * counted / np.where(norms > 0, norms, 1.0)
        if k == 2:
            change[:, -1] = -change[:, -2]
        return 2 * strength * float(norms.sum()), change.ravel()

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the flat coordinates."""
        free = np.full(len(self.lower) + self.offset if self.signs is None else 0, np.inf)
        return np.append(self.lower, -free), np.append(self.upper, free)


def n_biases(space: Space) -> int:
    """How many of a space's last inputs are constants: none in N without an offset."""
    return int(space.offset) if isinstance(space, UnrestrictedSpace) else space.extra_inputs


def objective_for(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    space: Space,
    *,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Objective:
    """The loss in the coordinates in which ``space`` is optimized over, from ``theta`` on.

    N' and N*: product coordinates with the signs of ``theta`` (a zero sign counts as +1), so the
    optimization stays in one component of N*. N: the parameters themselves.
    """
    inputs, targets = check_problem(theta, X, y, space)
    lower, upper = space.bounds()
    own, decay = None, get_weight_decay(weight_decay)
    if needs_loss(loss, sample_weight):
        targets, own = get_loss(loss).on(targets, sample_weight)
    signs: Array | None = np.where(theta.output_weights < 0, -1.0, 1.0)
    free, offset = slice(None), False
    if isinstance(space, UnrestrictedSpace):
        signs, free, offset = None, slice(space.n_neurons - space.offset), space.offset
    box = lower[free], upper[free]
    return Objective(inputs, targets, *box, signs, offset, own, decay, n_biases(space))
