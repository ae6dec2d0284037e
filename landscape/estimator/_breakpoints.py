"""Where a fit of one feature breaks, and how certain that is: a bootstrap."""

import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from landscape.networks import Network
from landscape.streams import stream

Array = NDArray[np.float64]

#: Kinks that are so close, as a share of the range, are one break.
SAME = 1e-9


def breaks_of(network: Network, low: float, high: float) -> tuple[Array, Array]:
    """The places inside of a range where a function of one feature breaks, and its slopes.

    Breaks (k,), from left to right, and the k + 1 slopes between them.
    """
    w, c = network.weights[:, 0], network.output_weights
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kinks = -network.biases / w
    inside = np.flatnonzero((low < kinks) & (kinks < high) & (c * w != 0))
    inside = inside[np.argsort(kinks[inside], kind="stable")]
    first = np.diff(kinks[inside], prepend=-np.inf) > SAME * (high - low)
    breaks = kinks[inside][first]
    ends = np.concatenate([[low], breaks, [high]])
    middles = (ends[1:] + ends[:-1]) / 2
    active = middles[:, None] * w + network.biases > 0
    return breaks, np.asarray(active @ (c * w))


def _draw(model: Any, X: Array, y: Array, weights: Array, seed: int, j: int) -> Array:
    """The breaks of a fit to samples that are drawn anew."""
    draws = stream(seed, "estimator: breakpoints", j).multinomial(len(y), weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = clone(model).fit(X[draws > 0], y[draws > 0], sample_weight=draws[draws > 0])
    return breaks_of(fit._network(), X.min(), X.max())[0]


def bootstrap(
    model: Any, X: Array, y: Array, weights: Array, *, k: int, n_resamples: int, seed: int
) -> Array:
    """Breaks of refits of an unfitted model, (draws with k breaks, k); X (n, 1), weights sum to 1.

    As many samples as there are are drawn by their weights.
    """
    jobs = (delayed(_draw)(model, X, y, weights, seed, j) for j in range(n_resamples))
    found = Parallel(n_jobs=model.n_jobs)(jobs)
    return np.array([breaks for breaks in found if len(breaks) == k]).reshape(-1, k)
