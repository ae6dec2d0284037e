"""Weighted samples in a canonical form: distinct feature vectors, in lexicographic order.

The weighted mean squared error depends on the samples with equal features through their total
weight and mean target only, up to a constant: their variance around that mean. So repeating a
sample and giving it an integer weight lead to the *same* arrays here, bit for bit, as does any
order of the samples. A fit from them cannot tell the difference either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Samples", "merge_samples"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """Distinct feature vectors with weights that sum to one.

    The loss of any function of the features on the samples is the loss here plus ``constant``, the
    weighted mean squared distance of the targets from their means; per entry of the gradients,
    plus ``gradient_constant`` (d,).
    """

    features: Array  # (g, d), pairwise different rows
    target: Array  # (g,), weighted means
    weights: Array  # (g,), positive
    constant: float
    gradients: Array | None = None  # (g, d), weighted means
    gradient_constant: Array | float = 0.0


def merge_samples(
    X: Array, y: Array, sample_weight: Array | None = None, gradients: Array | None = None
) -> Samples:
    """Merge samples with equal features; drop those of weight zero.

    >>> import numpy as np
    >>> X, y = np.array([[1.0], [0.0], [1.0]]), np.array([3.0, 1.0, 5.0])
    >>> samples = merge_samples(X, y)
    >>> samples.features.ravel(), samples.target, samples.weights * 3, samples.constant * 3
    (array([0., 1.]), array([1., 4.]), array([1., 2.]), 2.0)
    """
    weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if (weights < 0).any():
        worst = int(np.argmin(weights))
        raise ValueError(
            f"sample_weight: Negative values in data passed: entry {worst} is {weights[worst]}"
        )
    used = weights > 0
    if not used.any():
        raise ValueError("sample_weight: all weights are zero, there is nothing to fit")
    # Adding 0 turns -0 into 0: equal numbers have to be equal bits.
    targets = y[:, None] if gradients is None else np.column_stack([y, gradients])
    X, targets, weights = X[used] + 0.0, targets[used] + 0.0, weights[used]
    order = np.lexsort((weights, *targets.T[::-1], *X.T[::-1]))
    X, targets, weights = X[order], targets[order], weights[order]
    new_row = np.append(True, (X[1:] != X[:-1]).any(axis=1))
    # Equal samples first: of one target, the mean is that target and not a rounded quotient.
    new_sample = new_row | np.append(True, (targets[1:] != targets[:-1]).any(axis=1))
    first = np.flatnonzero(new_sample)
    weights, targets, new_row = np.add.reduceat(weights, first), targets[first], new_row[first]
    rows = np.flatnonzero(new_row)
    single = np.diff(np.append(rows, len(targets))) == 1
    totals = np.add.reduceat(weights, rows)
    means = np.add.reduceat(weights[:, None] * targets, rows) / totals[:, None]
    means[single] = targets[rows[single]]
    total = totals.sum()
    constants = weights @ (targets - means[np.cumsum(new_row) - 1]) ** 2 / total
    samples = Samples(X[first[rows]], means[:, 0], totals / total, float(constants[0]))
    if gradients is None:
        return samples
    return replace(samples, gradients=means[:, 1:], gradient_constant=constants[1:])
