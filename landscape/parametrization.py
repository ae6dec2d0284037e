"""Parametrizations of shallow ReLU networks without biases: the set N of the paper, (15).

A parametrization is the pair (A, c) of a matrix of weight vectors ``a_i`` and of output weights
``c_i``. What is done to it here keeps its realization: balancing (32), permuting, merging (35)
and the lift of Lemma A.4. Its *product coordinates* are ``u_i = |c_i| a_i`` and ``sgn(c_i)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.rounding import SMALLEST

__all__ = [
    "DIRECTION_TOLERANCE", "Parametrization", "group_directions", "lift", "lift_inputs",
    "max_norms",
]  # fmt: skip

EPS = float(np.finfo(float).eps)
#: Two directions, scaled to max-norm one, count as equal when no entry differs by more than this
#: (8 ulp at 1): what multiplying, dividing and balancing can do to a direction by rounding.
DIRECTION_TOLERANCE = 8 * EPS

Array = NDArray[np.float64]


def max_norms(rows: Array) -> Array:
    """Max-norm of every row of an (m, d) array, shape (m,)."""
    if rows.shape[1] == 0:
        return np.zeros(rows.shape[0])
    if rows.shape[1] > min(16, rows.shape[0] / 20):
        return np.asarray(np.maximum.reduce(np.abs(rows), axis=1))
    # Column by column: numpy's reduction over few columns is slow for many rows.
    norms = np.abs(rows[:, 0])
    for j in range(1, rows.shape[1]):
        np.maximum(norms, np.abs(rows[:, j]), out=norms)
    return norms


def unit_directions(rows: Array, norms: Array | None = None) -> Array:
    """Rows scaled to max-norm one; zero rows stay zero. ``norms``: theirs, where they are known."""
    norms = max_norms(rows) if norms is None else norms
    return np.asarray(rows / np.maximum(norms, SMALLEST)[:, None])


def group_directions(
    rows: Array,
    *,
    oriented: bool = True,
    tolerance: float = DIRECTION_TOLERANCE,
    units: Array | None = None,
) -> NDArray[np.intp]:
    """The smallest index whose row has the direction of row i, -1 for zero rows, (m,).

    Directions of max-norm one (``units``, where they are known) count as equal when no entry
    differs by more than the tolerance; if not ``oriented``, ``a`` and ``-a`` are the same.
    """
    units = unit_directions(np.asarray(rows, dtype=float)) if units is None else units
    labels = np.arange(len(units))
    order, near = _candidates(units, oriented, tolerance)
    if np.count_nonzero(near):
        # Maximal runs of close neighbours; most rows have none.
        close = np.flatnonzero(near)
        for run in np.split(close, np.flatnonzero(np.diff(close) > 1) + 1):
            _label_run(units, np.sort(order[run[0] : run[-1] + 2]), labels, oriented, tolerance)
    labels[~units.any(axis=1)] = -1
    return labels


def _candidates(
    units: Array, oriented: bool, tolerance: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """An order of directions, and which of them may be equal to the next one in it.

    One number per direction, such that equal directions have nearly equal numbers: only neighbours
    in this order have to be compared. The slack is twice what tolerance and rounding of numbers
    need: enough for directions that were rounded once more, by balancing.
    """
    d = units.shape[1]
    keys = units @ _coefficients(d)
    if not oriented:
        keys = np.abs(keys)
    order = keys.argsort(kind="stable")
    keys = keys[order]
    return order, keys[1:] - keys[:-1] <= 2 * (tolerance + EPS) * (d + 1)


@cache
def _coefficients(d: int) -> Array:
    return np.cos(1.0 + np.arange(d) ** 2)


@dataclass(frozen=True)
class Lines:
    """Which rows of a matrix lie on the same line through 0, up to ``DIRECTION_TOLERANCE``."""

    firsts: NDArray[np.intp]  #: For each row, the first one on its line or itself.
    opposite: NDArray[np.bool_]  #: Whether it is opposite to that.
    separate: bool  #: Whether all rows are on lines of their own.

    @classmethod
    def of(cls, rows: Array, units: Array | None = None) -> Lines:
        """Those of all rows; ``units``: their directions, where they are known."""
        units = unit_directions(rows) if units is None else units
        own = np.arange(len(rows))
        labels = group_directions(rows, oriented=False, units=units)
        firsts = np.where(labels < 0, own, labels)
        opposite, later = np.zeros(len(rows), dtype=bool), np.flatnonzero(firsts != own)
        opposite[later] = np.einsum("ij,ij->i", units[later], units[firsts[later]]) < 0
        return cls(firsts, opposite, later.size == 0)


def _label_run(
    units: Array, run: NDArray[np.intp], labels: NDArray[np.intp], oriented: bool, tolerance: float
) -> None:
    """Label a run of candidates, comparing each with the first of every group found so far."""
    while run.size:
        same = np.abs(units[run] - units[run[0]]).max(axis=1) <= tolerance
        if not oriented:
            same |= np.abs(units[run] + units[run[0]]).max(axis=1) <= tolerance
        same[0] = True
        labels[run[same]] = run[0]
        run = run[~same]


def require_finite(expected: str, **arrays: Array) -> None:
    """ValueError with the first entry that is not finite."""
    for name, values in arrays.items():
        # Most often the sum of squares is finite, which is quicker to see.
        if not (math.isfinite(np.vdot(values, values)) or np.isfinite(values).all()):
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
            raise ValueError(f"{name}: entry {where} is {values[where]}, {expected}")


@dataclass(frozen=True, eq=False)
class Parametrization:
    """Weights of a network ``x -> sum_i c_i relu(<a_i, x>)``, an element of N, see (15).

    Parameters
    ----------
    weights : array_like of shape (m, d)
        The weight vectors ``a_i`` as rows. (scikit-learn's ``coefs_[0]`` is the transpose.)
    output_weights : array_like of shape (m,)

    Raises
    ------
    ValueError
        If the shapes do not fit or an entry is not finite.

    Examples
    --------
    >>> theta = Parametrization([[1.0, -2.0]], [8.0])
    >>> theta.products
    array([[  8., -16.]])
    >>> theta.balance().output_weights
    array([4.])
    """

    weights: Array
    output_weights: Array

    def __init__(self, weights: ArrayLike, output_weights: ArrayLike) -> None:
        a = np.array(weights, dtype=float, order="C")
        c = np.array(output_weights, dtype=float)
        if a.ndim != 2:
            raise ValueError(f"weights: expected shape (n_neurons, n_inputs), got {a.shape}")
        if c.shape != (a.shape[0],):
            raise ValueError(
                f"output_weights: expected shape ({a.shape[0]},), one per row of weights, "
                f"got {c.shape}"
            )
        if a.shape[1] == 0:
            raise ValueError("weights: a network needs at least one input, got shape (m, 0)")
        require_finite("expected finite", weights=a, output_weights=c)
        for name, values in (("weights", a), ("output_weights", c)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    @classmethod
    def from_products(cls, products: ArrayLike, signs: ArrayLike) -> Parametrization:
        """The balanced one with ``|c_i| a_i = products[i]`` (m, d), ``sgn c_i = signs[i]`` (m,)."""
        u = np.array(products, dtype=float, ndmin=2)
        sigma = np.array(signs, dtype=float)
        norms = max_norms(u)
        roots = np.maximum(np.sqrt(norms), SMALLEST)  # far from over- and underflow
        norms = norms / roots  # as division is monotone
        theta = cls(u / roots[:, None], sigma * norms)
        vars(theta)["norms"] = norms
        return theta

    @property
    def n_inputs(self) -> int:
        """Number d of inputs."""
        return self.weights.shape[1]

    @property
    def n_neurons(self) -> int:
        """Number m of neurons."""
        return self.weights.shape[0]

    @cached_property
    def norms(self) -> Array:
        """``‖a_i‖_inf``, shape (m,)."""
        return max_norms(self.weights)

    @cached_property
    def products(self) -> Array:
        """``u_i = |c_i| a_i``, shape (m, d)."""
        return np.abs(self.output_weights)[:, None] * self.weights

    @cached_property
    def sizes(self) -> Array:
        """``‖u_i‖_inf``, shape (m,)."""
        return np.abs(self.output_weights) * self.norms

    @cached_property
    def apart(self) -> bool:
        """Whether no two directions are equal or opposite, before balancing or after: a quick look.

        Where it says no, they may still differ; then :func:`group_directions` decides.
        """
        units = unit_directions(self.weights, self.norms)
        return not np.count_nonzero(_candidates(units, False, DIRECTION_TOLERANCE)[1])

    @property
    def signs(self) -> Array:
        """``sgn(c_i)`` in {-1, 0, 1}, shape (m,)."""
        return np.sign(self.output_weights)

    def __repr__(self) -> str:
        return f"Parametrization(n_inputs={self.n_inputs}, n_neurons={self.n_neurons})"

    # --- conditions of the paper ------------------------------------------------------------

    def unbalancedness(self) -> Array:
        """``| |c_i| - ‖a_i‖_inf |`` for each neuron, zero on N' (32), shape (m,)."""
        return np.abs(np.abs(self.output_weights) - self.norms)

    def is_balanced(self, tolerance: float = DIRECTION_TOLERANCE) -> bool:
        """Whether ``|c_i| = ‖a_i‖_inf`` up to a relative tolerance (C.1 of Corollary 1.3)."""
        scale = np.maximum(np.abs(self.output_weights), self.norms)
        return bool((self.unbalancedness() <= tolerance * scale).all())

    def redundant_pairs(self) -> list[tuple[int, int]]:
        """Pairs i < j of non-zero weight vectors of the same direction (they violate C.2)."""
        return _pairs(self, 1.0)

    def opposite_pairs(self) -> list[tuple[int, int]]:
        """Pairs i < j of weight vectors of directly opposite direction (see C.3)."""
        return _pairs(self, -1.0)

    # --- changes that keep the realization --------------------------------------------------

    def balance(self) -> Parametrization:
        """Rescale every neuron so that ``|c_i| = ‖a_i‖_inf``; a zero product becomes (0, 0)."""
        a, c, norms = self.weights, self.output_weights, self.norms
        silent = (norms == 0) | (c == 0)
        # sqrt(|c| / norm) without forming a quotient or product that leaves the range of floats.
        factors = np.sqrt(np.abs(np.where(silent, 0.0, c))) / np.sqrt(np.where(silent, 1.0, norms))
        balanced = a * factors[:, None]
        return Parametrization(balanced, np.sign(c) * max_norms(balanced))

    def permute(self, order: ArrayLike) -> Parametrization:
        """The neurons in another order, a permutation of ``range(n_neurons)``."""
        index = np.asarray(order, dtype=float)
        if sorted(index.tolist()) != list(range(self.n_neurons)):
            raise ValueError(
                f"order: expected a permutation of range({self.n_neurons}), got {index.tolist()}"
            )
        index = index.astype(int)
        return Parametrization(self.weights[index], self.output_weights[index])

    def merge(self) -> Parametrization:
        """Merge neurons of the same direction into the first of them, (35) and (45).

        The others, and neurons that contribute nothing, become (0, 0): the number of neurons
        stays.
        """
        a, c = self.weights.copy(), self.output_weights.copy()
        norms = self.norms
        c[norms == 0] = 0.0
        for first, *others in _groups(group_directions(a)):
            if others:
                group = [first, *others]
                c[first] = np.sum(c[group] * (norms[group] / norms[first]))
                c[others] = 0.0
        a[c == 0] = 0.0
        return Parametrization(a, c)

    def scale(self, factors: ArrayLike) -> Parametrization:
        """Multiply the neurons' contributions by ``factors`` > 0; the directions stay.

        The factor goes evenly into ``a_i`` and ``c_i``: a balanced network stays balanced.
        """
        roots = np.sqrt(np.asarray(factors, dtype=float))
        return Parametrization(self.weights * roots[:, None], self.output_weights * roots)

    @staticmethod
    def concatenate(parts: Iterable[Parametrization]) -> Parametrization:
        """The network whose realization is the sum of the parts' realizations."""
        parts = list(parts)
        return Parametrization(
            np.vstack([part.weights for part in parts]),
            np.concatenate([part.output_weights for part in parts]),
        )

    def negate(self) -> Parametrization:
        """The network with the opposite realization."""
        return Parametrization(self.weights, -self.output_weights)


def _groups(labels: NDArray[np.intp]) -> list[list[int]]:
    """The indices of each label that is not -1."""
    return [np.flatnonzero(labels == first).tolist() for first in np.unique(labels[labels >= 0])]


def _pairs(theta: Parametrization, orientation: float) -> list[tuple[int, int]]:
    """Pairs i < j of non-zero weight vectors with e_j = orientation * e_i."""
    if theta.apart:
        return []
    units = unit_directions(theta.weights, theta.norms)
    labels = group_directions(theta.weights, oriented=False, units=units)
    groups = _groups(labels)
    return sorted(
        (i, j)
        for group in groups
        for i, j in combinations(group, 2)
        if np.abs(units[j] - orientation * units[i]).max() <= 2 * DIRECTION_TOLERANCE
    )


def lift_inputs(features: ArrayLike) -> Array:
    """Corollary 1.3's augmented samples ``x -> (x, 1, -1)``, (n, d) to (n, d + 2).

    Parameters
    ----------
    features : array_like of shape (n, d)

    Returns
    -------
    X : ndarray of shape (n, d + 2)

    Raises
    ------
    ValueError
        If the features are no matrix.

    Examples
    --------
    >>> lift_inputs([[0.5]])
    array([[ 0.5,  1. , -1. ]])
    """
    x = np.asarray(features, dtype=float)
    if x.ndim != 2:
        raise ValueError(f"features: expected shape (n_samples, n_features), got {x.shape}")
    ones = np.ones((len(x), 1))
    return np.hstack([x, ones, -ones])


def split_biases(rows: Array, width: Array | float = 0.0) -> Array:
    """Rows (w, b) as (w, p, q) with p - q = b and min(p, q) = width, shape (m, d + 1)."""
    from landscape._kernels import split  # numba, when needed

    widths = np.broadcast_to(width, len(rows))
    found: Array = split(np.array(rows, float, order="C"), np.array(widths, float))
    return found


def lift(
    weights: ArrayLike, biases: ArrayLike, output_weights: ArrayLike, offset: float
) -> Parametrization:
    """Lemma A.4: a network with biases as an element of N* on the inputs ``(x, 1, -1)``.

    The printed construction can leave N* (equal neurons, two silent neurons, or a neuron that
    coincides with the offset's); here constants join the offset, parallel neurons are merged
    first, and what is left over gets pairwise different directions that are silent on
    ``(x, 1, -1)``.

    Parameters
    ----------
    weights, biases, output_weights : array_like of shapes (m, d), (m,) and (m,)
    offset : float
        The bias e of the output.

    Returns
    -------
    gamma : Parametrization
        In N* with d + 2 inputs and m + 1 neurons, with
        ``R(gamma)(x, 1, -1) = sum_i c_i relu(<a_i, x> + b_i) + e`` for all x.

    Examples
    --------
    ``2 relu(x - 1) + 3`` at 0 and 4:

    >>> from landscape import realize
    >>> gamma = lift([[1.0]], [-1.0], [2.0], 3.0)
    >>> realize(gamma, lift_inputs([[0.0], [4.0]])).round(12)
    array([3., 9.])
    """
    flat = Parametrization(np.column_stack([weights, biases]), output_weights)
    m, d = flat.n_neurons, flat.n_inputs - 1
    constant = max_norms(flat.weights[:, :d]) == 0
    b, c = flat.weights[:, d], flat.output_weights
    e = float(offset) + float(np.sum(c[constant] * np.maximum(b[constant], 0.0)))
    merged = Parametrization(flat.weights[~constant], c[~constant]).merge()
    used = merged.output_weights != 0
    n = int(used.sum())
    # Directions (0, 1, 1 + j): on (x, 1, -1) their value is -j < 0, silent by a margin.
    first = n + (e != 0)
    rows, outputs = np.zeros((m + 1, d + 2)), np.ones(m + 1)
    rows[first:, d], rows[first:, d + 1] = 1.0, 2.0 + np.arange(m + 1 - first)
    rows[:n], outputs[:n] = split_biases(merged.weights[used], 1.0), merged.output_weights[used]
    if e != 0:
        rows[n, d:], outputs[n] = (2.0, 1.0), e
    return Parametrization(rows, outputs).balance()
