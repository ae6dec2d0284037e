"""From a random network to the neighbourhood of a good minimum: smoothing, and swaps of neurons.

Between kinks the loss is smooth, but minima lie *on* kinks, where smooth solvers stall. So each
ReLU is replaced by a quadratic in a band of half width delta around its kink,

    h(z) = (z + delta)^2 / (4 delta)  for |z| <= delta,

and delta is reduced in stages. At a minimum of the smoothed loss, h'(z) in (0, 1) inside the band
is what the multiplier of a kink is to the loss itself: the pairs inside the narrowest band are
those on whose kinks the minimum nearby lies, which active-set descent then finds in few steps.

Poor basins are left by *swaps*: the neuron that the others can best do without becomes the one,
out of random ridges, that lowers the loss most; a swap that does not pay is undone.

All of this happens on standardized data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.estimator._lbfgs import minimize
from landscape.estimator._units import RawNetwork

__all__ = ["SmoothProblem", "find_basin", "pack", "swap", "unpack"]

Array = NDArray[np.float64]

#: Half widths of the bands, in balanced pre-activations of standardized data.
COARSE, STAGES = 0.1, (0.03, 0.003)

#: Swaps at most; failures in a row that end them; what of the loss a swap has to gain.
SWAPS, FAILURES, GAIN = 12, 4, 1e-4

#: Ridges that compete for the place of a swapped neuron.
RIDGES = 128

#: Fall of the loss per step, in variances of the target, at which a swap is judged.
COARSE_TOLERANCE = 1e-5


@dataclass(frozen=True)
class SmoothProblem:
    """Standardized data; the loss has ``sum_ij penalty_j (c_i A_ij)^2`` on top."""

    X: Array  # (n, d + 1): features and 1, rows times the roots of the weights (times n)
    y: Array  # (n,): times the same roots; centred if there is an offset
    column: Array  # (n,): the offset's input, 0 without an offset
    penalty: Array  # (d + 1,)

    def residuals(self, network: RawNetwork) -> Array:
        """Of the network itself, unsmoothed."""
        values = np.maximum(self.X @ network.A.T, 0.0) @ network.c
        return np.asarray(values + network.e * self.column - self.y)

    def loss(self, network: RawNetwork) -> float:
        """Mean squared error and penalty, unsmoothed."""
        s = self.residuals(network)
        products = network.c[:, None] * network.A
        return float(s @ s) / s.size + float((products * products).sum(axis=0) @ self.penalty)


def pack(network: RawNetwork) -> Array:
    """The parameters as one vector: A by rows, c, e."""
    return np.concatenate([network.A.ravel(), network.c, [network.e]])


def unpack(v: Array, width: int) -> RawNetwork:
    """The network of a vector."""
    m = v.size // (width + 1)
    return RawNetwork(v[: m * width].reshape(m, width), v[m * width : -1], float(v[-1]))


def descend_smoothly(
    problem: SmoothProblem, network: RawNetwork, delta: float, tol: float, max_iter: int
) -> tuple[RawNetwork, float, int]:
    """L-BFGS on the smoothed loss: where it ends, the loss there and the iterations."""
    X, widths = problem.X, delta * np.abs(problem.X[:, -1])
    data = X, problem.y, problem.column, widths, problem.penalty
    v, value, n_iter = minimize(pack(network.balanced()), *data, tol, max_iter)
    return unpack(v, X.shape[1]), value, n_iter


def swap(
    problem: SmoothProblem, network: RawNetwork, rng: np.random.Generator, rank: int = 0
) -> RawNetwork:
    """Replace the neuron that the others can best do without by the best of random ridges.

    With ``rank`` 1, 2, ... it is the second, third one. Both are judged with optimal output weights
    of all others; kinks of the ridges go through samples.
    """
    X, y = problem.X, problem.y
    (n, width), m = X.shape, len(network.c)
    features = np.column_stack([np.maximum(X @ network.A.T, 0.0), problem.column])
    inverse = _inverse_gram(features)
    # The least squares problem without column j is worse by output_j^2 / inverse_jj.
    losses = (inverse @ (features.T @ y)) ** 2 / np.diag(inverse)
    worst = int(np.argsort(losses[:m], kind="stable")[rank % m])
    others = np.delete(features, worst, axis=1)
    basis, _ = np.linalg.qr(others[:, others.any(axis=0)])
    directions = rng.standard_normal((RIDGES, width - 1)) / np.sqrt(width - 1)
    through = X[rng.integers(n, size=RIDGES)]
    biases = -(directions * through[:, :-1]).sum(axis=1) / through[:, -1]
    rows = np.column_stack([directions, biases])
    ridges = np.maximum(X @ rows.T, 0.0)
    ridges -= basis @ (basis.T @ ridges)
    sizes = np.linalg.norm(ridges, axis=0)
    gains = np.abs(ridges.T @ (y - basis @ (basis.T @ y)))
    A = network.A.copy()
    A[worst] = rows[np.argmax(gains / np.maximum(sizes, 1e-6 * sizes.max() + 1e-300))]
    features[:, worst] = np.maximum(X @ A[worst], 0.0)
    output = _inverse_gram(features) @ (features.T @ y)
    c = np.where(np.abs(output[:m]) > 1e-8, output[:m], 1e-8)
    return RawNetwork(A, c, float(output[m]))


def _inverse_gram(features: Array) -> Array:
    """Of the columns' inner products, regularized."""
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) + np.finfo(float).tiny
    return np.asarray(np.linalg.inv(gram))


def find_basin(
    problem: SmoothProblem,
    network: RawNetwork,
    rng: np.random.Generator,
    *,
    tol: float,
    max_iter: int,
) -> tuple[RawNetwork, int]:
    """Smooth descent with swaps, in narrowing bands: no worse than the start.

    A stage ends where the loss falls by less than ``tol`` variances of the target per step, and all
    of them after ``max_iter`` iterations together, which are the second result.
    """
    coarse = max(tol, COARSE_TOLERANCE)
    start, left, failures = network, max_iter, 0
    network, loss, n_iter = descend_smoothly(problem, network, COARSE, coarse, left)
    left -= n_iter
    for _ in range(SWAPS):
        if left <= 0 or failures == FAILURES:
            break
        other = swap(problem, network.balanced(), rng, failures)
        other, other_loss, n_iter = descend_smoothly(problem, other, COARSE, coarse, left)
        left -= n_iter
        if other_loss < loss * (1 - GAIN):
            network, loss, failures = other, other_loss, 0
        else:
            failures += 1
    for delta in STAGES:
        if left > 0:
            network, _, n_iter = descend_smoothly(problem, network, delta, tol, left)
            left -= n_iter
    if not problem.loss(network) <= problem.loss(start):
        network = start
    return network, max_iter - left
