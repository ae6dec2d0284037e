"""Regularizers that the paper proposes: on unbalancedness, parallel and opposite directions.

After (34) the paper suggests a regularizer on balancedness (C.1); after (35) a barrier that keeps
directions from becoming parallel (C.2), or merging parallel neurons while training. Opposite
directions (C.3) are treated likewise. Each penalty is a function of (A, c) with its exact gradient,
for :func:`landscape.training.train` over unrestricted spaces. A *frozen* last neuron (the offset of
:class:`~landscape.spaces.UnrestrictedSpace`) is never moved: it does not have to be balanced, but
other neurons can be parallel or opposite to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.realization import realize

__all__ = [
    "Balancing", "Merged", "Merging", "Regularizer", "Separation", "Together", "merge_close",
    "reseed",
]  # fmt: skip

Array = NDArray[np.float64]
Penalty = tuple[float, Array, Array]


class Regularizer:
    """A penalty on (A, c), added to the mean squared error."""

    def value_and_gradient(
        self, weights: Array, output_weights: Array, *, frozen: bool = False
    ) -> Penalty:
        """The penalty and its gradients by A, shape (m, d), and c, shape (m,).

        The value is non-negative, and ``inf`` where a barrier is met, with a zero gradient. If the
        weight vector of the last neuron is ``frozen``, its row of the gradient is zero.
        """
        return self._evaluate(weights, output_weights, frozen)

    _evaluate: Callable[[Array, Array, bool], Penalty]

    def value(self, theta: Parametrization, *, frozen: bool = False) -> float:
        """The penalty at a parametrization."""
        return self.value_and_gradient(theta.weights, theta.output_weights, frozen=frozen)[0]

    def __post_init__(self) -> None:
        strength = getattr(self, "strength", 0.0)
        if not (np.isfinite(strength) and strength >= 0):
            raise ValueError(f"strength: expected a finite number >= 0, got {strength!r}")


@dataclass(frozen=True)
class Balancing(Regularizer):
    """``strength * sum_i (c_i^2 - ‖a_i‖_inf^2)^2``: zero exactly if all ``|c_i| = ‖a_i‖_inf`` (32).

    Differentiable wherever it is zero; where the largest entry of an unbalanced a_i is not unique,
    the gradient is that of the first. Rescaling a neuron does not change its realization, so the
    infimum of the penalized loss is that of the loss. Invariant under permutations, signs of all
    entries and exchange of entries of a_i.

    Examples
    --------
    >>> Balancing(0.5).value(Parametrization([[1.0, 2.0], [1.0, -3.0]], [-2.0, 2.0]))
    12.5
    """

    strength: float = 1.0  #: The factor, at least 0.

    def _evaluate(self, weights: Array, output_weights: Array, frozen: bool) -> Penalty:
        at = np.arange(len(weights)), np.abs(weights).argmax(axis=1)
        gaps = output_weights**2 - weights[at] ** 2
        if frozen:
            gaps[-1] = 0.0
        slope, gradient = 4.0 * self.strength * gaps, np.zeros_like(weights)
        gradient[at] = -slope * weights[at]
        return float(self.strength * (gaps @ gaps)), gradient, slope * output_weights


@dataclass(frozen=True)
class Separation(Regularizer):
    """Keeps pairs of directions apart: from parallel (C.2) or from opposite (C.3).

    With the Euclidean unit vectors e_i of the a_i, ``s_ij = 1 - <e_i, e_j>`` (``1 + <e_i, e_j>``
    for opposite directions) and ``delta = 1 - cos(angle)``, ``angle`` in radians, in (0, π/2], the
    value is ``strength`` times the sum over pairs of φ(s_ij / delta); φ(t) = 0 for t >= 1, else

    - ``(1 - t)^2``, a penalty: at most 1 per pair, at a parallel one, which nothing parts;
    - ``t - 1 - log(t)``, a barrier: infinite at parallel pairs.

    Both are continuously differentiable, and zero exactly if all angles (to the opposite, for
    opposite directions) are at least ``angle``. Neurons with ``a_i = 0`` have no direction and do
    not count; near them the gradient is large, like ``1 / ‖a_i‖``. Invariant under permutations,
    positive rescalings of each a_i, and rotations of the inputs; c does not enter.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0])
    >>> Separation(3.0).value(theta), Separation(3.0, opposite=True).value(theta)
    (3.0, 0.0)
    >>> Separation(3.0, barrier=True).value(theta)
    inf
    """

    strength: float = 1.0  #: The factor, at least 0.
    angle: float = np.pi / 12  #: Below which pairs are pushed apart, radians.
    opposite: bool = False  #: Whether it is about opposite directions rather than parallel ones.
    barrier: bool = False  #: Whether it is infinite at such pairs.

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.angle <= np.pi / 2:
            raise ValueError(f"angle: expected radians in (0, pi/2], got {self.angle!r}")

    def _evaluate(self, weights: Array, output_weights: Array, frozen: bool) -> Penalty:
        nothing = np.zeros_like(weights), np.zeros_like(output_weights)
        e, lengths = _euclidean_units(weights)
        orientation = -1.0 if self.opposite else 1.0
        # Of the difference, not of the cosine: 1 - cos would be rounding near parallel pairs.
        differences = e[None, :, :] - orientation * e[:, None, :]
        delta = 2.0 * np.sin(0.5 * self.angle) ** 2
        t = 0.5 * (differences**2).sum(axis=2) / delta
        real = lengths > 0
        close = (t < 1) & real[:, None] & real[None, :]
        np.fill_diagonal(close, False)
        if not close.any() or self.strength == 0:
            return 0.0, *nothing
        if not self.barrier:
            gaps = np.where(close, 1.0 - t, 0.0)
            values, slopes = gaps**2, -2.0 * gaps
        elif (t[close] == 0).any():
            return np.inf, *nothing
        else:
            safe = np.where(close, t, 1.0)
            values, slopes = safe - 1.0 - np.log(safe), 1.0 - 1.0 / safe
        # Each pair occurs twice in `values`; row i of `slopes` collects the pairs of neuron i.
        # ds_ij / da_i = -orientation * (projection of e_j off e_i) / ‖a_i‖, and e_j may be
        # replaced by e_j - orientation * e_i, which is exact for nearly parallel pairs.
        along = np.einsum("ijk,ik->ij", differences, e)
        tangent = differences - along[:, :, None] * e[:, None, :]
        gradient = -orientation * np.einsum("ij,ijk->ik", slopes, tangent)
        gradient *= (self.strength / delta) / np.where(real, lengths, 1.0)[:, None]
        if frozen:
            gradient[-1] = 0.0
        return float(self.strength * 0.5 * values.sum()), gradient, nothing[1]


@dataclass(frozen=True)
class Together(Regularizer):
    """The sum of several regularizers."""

    parts: tuple[Regularizer, ...]

    def _evaluate(self, weights: Array, output_weights: Array, frozen: bool) -> Penalty:
        found = [part._evaluate(weights, output_weights, frozen) for part in self.parts]
        nothing = 0.0, np.zeros_like(weights), np.zeros_like(output_weights)
        value, by_weights, by_output = (sum(terms) for terms in zip(nothing, *found, strict=True))
        return float(value), by_weights, by_output


def _euclidean_units(rows: Array) -> tuple[Array, Array]:
    """Rows scaled to Euclidean length one (zero rows stay zero), and the lengths."""
    units = unit_directions(rows)
    lengths = np.linalg.norm(units, axis=1)
    return units / np.where(lengths > 0, lengths, 1.0)[:, None], lengths * max_norms(rows)


@dataclass(frozen=True)
class Merging:
    """Merge close neurons between rounds of ``every`` iterations, (35) and the remark after it.

    Close are neurons at a Euclidean angle of at most ``angle``, radians; 0: exactly parallel ones.
    A freed neuron is used again if ``reseeded``, see :func:`reseed`; else it stays at (0, 0), where
    its gradient is zero, so that the network has lost it.
    """

    angle: float = np.pi / 36  #: Up to which neurons are merged, radians, Euclidean.
    every: int = 50  #: Iterations of the solver between two rounds.
    reseeded: bool = False  #: Whether freed neurons are used again.

    def __post_init__(self) -> None:
        if not 0 <= self.angle < np.pi / 2:
            raise ValueError(f"angle: expected radians in [0, pi/2), got {self.angle!r}")
        if self.every < 1:
            raise ValueError(f"every: expected a positive integer, got {self.every}")


class Merged(NamedTuple):
    """What a merge did: the network, the neurons that are (0, 0) now, and the change.

    ``change`` is ``sum |c_j| ‖a_j‖_inf ‖e_j - e_i‖_inf`` over the neurons j merged into i, e of
    max-norm one: ``|R(x) - R'(x)| <= change * ‖x‖_1``. 0 for exactly parallel neurons, where (35)
    holds; the *seminorm* (17) of the difference is small only then.
    """

    parametrization: Parametrization
    freed: tuple[int, ...]
    change: float


def merge_close(theta: Parametrization, angle: float, *, frozen: bool = False) -> Merged:
    """Merge neurons at an angle of at most ``angle``, by (35) as if they were parallel.

    In order of their products (largest ‖c_i a_i‖_inf first, then lowest index; a frozen neuron
    before all others) each neuron that is left takes up all that are close to it.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [1.0, 3.0, 1.0])
    >>> merged = merge_close(theta, 0.0)
    >>> merged.parametrization.output_weights, merged.freed, merged.change
    (array([0. , 3.5, 1. ]), (0,), 0.0)
    """
    a, c = theta.weights.copy(), theta.output_weights.copy()
    units, norms, sizes = unit_directions(a), max_norms(a), max_norms(theta.products)
    e, _ = _euclidean_units(a)
    first = np.arange(len(a)) == (len(a) - 1 if frozen else -1)
    left = [i for i in np.lexsort((-sizes, ~first)).tolist() if norms[i] > 0]
    freed, change = [], 0.0
    same = 8 * np.finfo(float).eps  # 8 ulp are "the same direction" throughout the package
    chord = 2.0 * np.sin(0.5 * angle) + same
    while left:
        i, *rest = left
        near = [j for j in rest if np.linalg.norm(e[j] - e[i]) <= chord]
        for j in near:
            c[i] += c[j] * norms[j] / norms[i]
            gap = float(np.abs(units[j] - units[i]).max())
            change += sizes[j] * gap * (gap > same)
        a[near], c[near] = 0.0, 0.0
        freed += near
        left = [j for j in rest if j not in near]
    return Merged(Parametrization(a, c), tuple(sorted(freed)), float(change))


def reseed(
    theta: Parametrization, X: ArrayLike, y: ArrayLike, neurons: tuple[int, ...], angle: float
) -> Parametrization:
    """Put freed neurons where one of finitely many candidates lowers the loss most.

    Candidates are the directions ``± (e_j - (x_kj / x_kd) e_d)``, whose hyperplane runs through
    sample k and, where the last input is the constant 1, across coordinate j. A candidate v with
    its best output weight lowers the loss by ``(sum_k s_k relu(<v, x^k>))^2 / (n sum_k relu(<v,
    x^k>)^2)``; ties go to the first. Those at an angle of at most ``angle`` to another neuron are
    left out. Neurons enter balanced, one after the other; one that no candidate helps stays.
    """
    inputs, targets = check_data(X, y, theta.n_inputs)
    used = inputs[inputs[:, -1] != 0]
    axes = np.tile(np.eye(theta.n_inputs - 1), (len(used), 1))
    rows = np.column_stack([axes, (-used[:, :-1] / used[:, -1:]).ravel()])
    candidates = unit_directions(np.vstack([rows, -rows]))
    units = _euclidean_units(candidates)[0]
    values = np.maximum(inputs @ candidates.T, 0.0)
    energies = (values**2).sum(axis=0)
    for neuron in neurons:
        taken = _euclidean_units(theta.weights[max_norms(theta.weights) > 0])[0]
        cosines = (units @ taken.T).max(axis=1, initial=-1.0)
        allowed = (energies > 0) & ((cosines < np.cos(angle)) | (len(taken) == 0))
        products = (realize(theta, inputs) - targets) @ values
        gains = np.where(allowed, products**2 / np.where(allowed, energies, 1.0), 0.0)
        if not gains.max(initial=0.0) > 0:
            break
        best = int(gains.argmax())
        output = -products[best] / energies[best]
        size, (a, c) = np.sqrt(np.abs(output)), (theta.weights.copy(), theta.output_weights.copy())
        a[neuron], c[neuron] = size * candidates[best], np.sign(output) * size
        theta = Parametrization(a, c)
    return theta
