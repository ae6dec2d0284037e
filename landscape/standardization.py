"""Standardization: units in which features are centred and of size one, the target of size one.

Scales are powers of two and shifts multiples of them, so a change of the data's units by powers of
two changes nothing in these units, bit for bit. The networks in both units are in bijection, by an
affine map of each neuron; minima are minima in both.

Weighted samples have a canonical form: distinct feature vectors, in lexicographic order. The
weighted mean squared error depends on the samples with equal features through their total weight
and mean target only, up to a constant: their variance around that mean. So repeating a sample and
giving it an integer weight lead to the *same* arrays, bit for bit, as does any order of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import Network
from landscape.parametrization import Parametrization, max_norms, split_biases
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.units import powers_of_two

__all__ = [
    "Floats", "Samples", "Units", "blocks", "from_raw", "largest", "lift_rows", "merge_samples",
    "resize",
]  # fmt: skip

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

#: Exponents of two between which data may lie: the squares of all that is fitted stay numbers.
RANGE = 505

#: Samples that are computed with at once: arrays of samples times neurons are larger than the data.
BLOCK = 1024


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Rows 0 to n - 1 in parts."""
    return (slice(first, first + size) for first in range(0, n, size))


def largest(X: Floats) -> Array:
    """Of the columns' absolute values, (d,), without a copy of X."""
    return np.maximum(X.max(axis=0), -X.min(axis=0)).astype(float)


@dataclass(frozen=True)
class Samples:
    """Distinct feature vectors with weights that sum to one.

    The loss of any function of the features on the samples is the loss here plus ``constant``, the
    weighted mean squared distance of the targets from their means; per entry of the gradients,
    plus ``gradient_constant`` (d,). Large data are not copied: the features are those of X, and
    computed in the units where they are asked for.
    """

    X: Floats  # (n, d), in the data's own units
    rows: NDArray[np.intp]  # (g,): numbers of pairwise different rows of X
    target: Array  # (g,), weighted means
    weights: Array  # (g,), positive
    constant: float
    gradients: Array | None  # (g, d), weighted means, where there are any
    gradient_constant: Array
    units: Units

    def features(self, part: slice = slice(None)) -> Array:
        """Those of some samples, in the units, (k, d)."""
        features = self.units.features(self.X[self.rows[part]])
        features += 0.0  # turns -0 into 0: equal numbers have to be equal bits
        return features


def merge_samples(
    X: Floats,
    y: Array,
    sample_weight: Array | None = None,
    gradients: Array | None = None,
    *,
    units: Units | None = None,
    labelled: bool = False,
) -> Samples:
    """Merge samples with equal features; drop those of weight zero.

    ``labelled``: only those with equal targets, all that losses other than the square allow. The
    result is in ``units``, by default the data's own.

    >>> import numpy as np
    >>> X, y = np.array([[1.0], [0.0], [1.0]]), np.array([3.0, 1.0, 5.0])
    >>> samples = merge_samples(X, y)
    >>> samples.features().ravel(), samples.target, samples.weights * 3, samples.constant * 3
    (array([0., 1.]), array([1., 4.]), array([1., 2.]), 2.0)
    """
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if (weights < 0).any():
        worst = int(np.argmin(weights))
        raise ValueError(
            f"sample_weight: Negative values in data passed: entry {worst} is {weights[worst]}"
        )
    if not weights.any():
        raise ValueError("sample_weight: all weights are zero, there is nothing to fit")
    if units is None:
        units = Units(np.ones(X.shape[1]), np.zeros(X.shape[1]), 1.0, 0.0)
    targets = units.target(y)[:, None]
    if gradients is not None:
        targets = np.column_stack([targets, gradients / units.slopes])
    # In the order of weights: sums of those of equal samples do not depend on the samples' order.
    order = np.argsort(weights, kind="stable")[np.count_nonzero(weights == 0) :]
    weights, targets, place = weights[order], targets[order], _places(X, order)
    sample = _places(np.column_stack([place, targets]), np.arange(len(order)))
    place = sample if labelled else place
    weights = np.bincount(sample, weights)
    # Of equal samples one is as good as any other.
    one = np.empty(len(weights), dtype=int)
    one[sample] = np.arange(len(order))
    place, targets, rows = place[one], targets[one] + 0.0, order[one]
    rows = rows[np.append(True, np.diff(place) > 0)]
    totals = np.bincount(place, weights)
    means = np.stack([np.bincount(place, weights * t) for t in targets.T], axis=1) / totals[:, None]
    # Of one target, the mean is that target and not a rounded quotient.
    single = np.bincount(place)[place] == 1
    means[place[single]] = targets[single]
    constants = weights @ (targets - means[place]) ** 2 / totals.sum()
    shares, constant = totals / totals.sum(), float(constants[0])
    slopes = None if gradients is None else means[:, 1:]
    rest = np.zeros(X.shape[1]) if gradients is None else constants[1:]
    return Samples(X, rows, means[:, 0], shares, constant, slopes, rest, units)


def _places(table: Floats, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where the given rows are among the different ones of these, in lexicographic order."""
    place = np.zeros(len(rows), dtype=np.intp)
    for column in table.T:
        order = np.lexsort((column[rows], place))
        values, groups = column[rows[order]], place[order]
        new = np.append(False, (np.diff(values) != 0) | (np.diff(groups) > 0))
        place[order] = np.cumsum(new)
        if place[order[-1]] == len(rows) - 1:
            break
    return place


@dataclass(frozen=True)
class Units:
    """``x' = (x - shift) / scale`` and ``y' = (y - target_shift) / target_scale``.

    Of a fit: scales are powers of two next to the standard deviations, shifts multiples of these
    next to the means; over N* and N', which have no bias of the output, ``target_shift`` is 0.
    """

    scale: Array  # (d,)
    shift: Array  # (d,)
    target_scale: float
    target_shift: float

    @classmethod
    def rough(cls, X: Floats, y: Array) -> Units:
        """Units in which no feature exceeds size two, nor the target: means can be computed."""
        powers = powers_of_two(np.append(largest(X), np.abs(y).max()))
        for j, power in enumerate(powers):
            if not -RANGE <= np.log2(power) <= RANGE:
                name = "y" if j == X.shape[1] else f"X, column {j}"
                raise ValueError(
                    f"{name}: values of about {power:.0e} are too "
                    f"{'large' if power > 1 else 'small'}: their squares "
                    "leave the range of floating-point numbers; change the unit"
                )
        return cls(powers[:-1], np.zeros(X.shape[1]), float(powers[-1]), 0.0)

    @classmethod
    def of_samples(
        cls, samples: Samples, *, offset: bool, target: tuple[float, float] | None = None
    ) -> Units:
        """Units of merged samples; ``offset``: whether networks can take up the target's mean.

        ``target``: what stands for its mean and deviation instead.
        """
        exact = cls.exact(samples, offset=offset, target=target)
        scale = powers_of_two(np.append(exact.scale, exact.target_scale))
        shift = np.round(np.append(exact.shift, exact.target_shift) / scale) * scale
        return cls(scale[:-1], shift[:-1], float(scale[-1]), float(shift[-1]))

    @classmethod
    def exact(
        cls, samples: Samples, *, offset: bool, target: tuple[float, float] | None = None
    ) -> Units:
        """Means and standard deviations themselves: starts are drawn and smoothed in these."""

        def data(part: slice) -> Array:
            return np.column_stack([samples.features(part), samples.target[part]])

        parts, weights = [*blocks(len(samples.target))], samples.weights
        sums = [(weights[part] @ (own := data(part)), largest(own)) for part in parts]
        mean, size = np.sum([a for a, _ in sums], axis=0), np.max([b for _, b in sums], axis=0)
        squares = [weights[part] @ (data(part) - mean) ** 2 for part in parts]
        deviation = np.sqrt(np.sum(squares, axis=0))
        # A column that is constant up to rounding has no deviation; its size is its unit.
        constant = deviation <= 64 * np.finfo(float).eps * size
        scale = np.where(constant, np.where(size > 0, size, 1.0), deviation)
        if target is not None:
            mean[-1], scale[-1] = target
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
        features = np.array(X, dtype=float)
        features -= self.shift
        features /= self.scale
        return features

    def values_of(self, features: Array) -> Array:
        """The inverse of `features`."""
        return features * self.scale + self.shift

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
        return replace(
            samples,
            target=self.target(samples.target),
            constant=samples.constant / self.target_scale**2,
            gradients=None if samples.gradients is None else samples.gradients / self.slopes,
            gradient_constant=samples.gradient_constant / self.slopes**2,
            units=self.after(samples.units),
        )

    def outward(self, network: Network) -> Network:
        """A network of these units in those of the data."""
        weights, c = network.weights / self.scale, network.output_weights * self.target_scale
        e = network.offset * self.target_scale + self.target_shift
        return Network(weights, network.biases - weights @ self.shift, c, e)

    def inward(self, network: Network) -> Network:
        """The inverse of `outward`."""
        a, c = network.weights, network.output_weights / self.target_scale
        e = (network.offset - self.target_shift) / self.target_scale
        return Network(a * self.scale, network.biases + a @ self.shift, c, e)

    def outward_element(self, theta: Parametrization, space: Space) -> Parametrization:
        """An element of the space in the data's units; on N* the margin scales with the target."""
        if isinstance(space, UnrestrictedSpace):
            return from_raw(space, self.outward(Network.from_parametrization(theta, space)))
        u = theta.products * self.target_scale
        u[:, :-2] /= self.scale
        u[:, -2:] += split_biases((-u[:, :-2] @ self.shift)[:, None])
        return Parametrization.from_products(u, theta.signs)


def from_raw(space: Space, network: Network) -> Parametrization:
    """An element of the space on the data; of N' and N*, with as many neurons and no offset."""
    if isinstance(space, UnrestrictedSpace):
        return network.to_parametrization(space)
    c = network.output_weights
    lifted = lift_rows(space, network.rows * np.maximum(np.abs(c), 1e-12)[:, None])
    return Parametrization.from_products(lifted, np.where(c < 0, -1.0, 1.0))


def lift_rows(space: Space, rows: Array) -> Array:
    """Product coordinates ``(w, p, q)`` of N* or N' from ``(w, b)`` of neurons, with p - q = b.

    The width min(p, q) is free on the data: above the margin, and no smaller than the weights.
    """
    margin = space.margin if isinstance(space, RestrictedSpace) else 0.0
    return split_biases(rows, np.maximum(max_norms(rows), 1e-12) + 2 * margin)


def resize(network: Network, n_neurons: int, fixed: tuple[int, ...], X: Array) -> Network:
    """A network with silent neurons added, or without those that contribute least on X.

    ``fixed`` neurons stay where they are: a first one, and perhaps the last one.
    """
    rows, c, m = network.rows, network.output_weights, network.n_neurons
    end = m - (len(fixed) > 1)
    if n_neurons >= m:
        silent = np.zeros((n_neurons - m, rows.shape[1]))
        silent[:, -1] = -1.0 - np.arange(len(silent))
        rows = np.insert(rows, [end] * len(silent), silent, axis=0)
        signs = np.where(np.arange(len(silent)) % 2, -1.0, 1.0)
        c = np.insert(c, [end] * len(silent), signs)
    else:
        spread = np.abs(c) * np.std(np.maximum(X @ rows[:, :-1].T + rows[:, -1], 0.0), axis=0)
        spread[list(fixed)] = np.inf
        kept = np.sort(np.argsort(-spread, kind="stable")[:n_neurons])
        rows, c = rows[kept], c[kept]
    return Network(rows[:, :-1], rows[:, -1], c, network.offset)
