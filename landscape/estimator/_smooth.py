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

from landscape.estimator._lbfgs import minimize, value_and_gradient
from landscape.networks import Network

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
    """Standardized data; the loss has ``sum_ij penalty_j (c_i A_ij)^2`` on top, A (m, d + 1)."""

    X: Array  # (n, d + 1): features and 1, rows times the roots of the weights (times n)
    y: Array  # (n,): times the same roots; centred if there is an offset
    column: Array  # (n,): the offset's input, 0 without an offset
    penalty: Array  # (d + 1,)

    def within(self, delta: float) -> tuple[Array, ...]:
        """What the compiled functions take after the parameters, for bands of half width delta."""
        return self.X, self.y, self.column, delta * np.abs(self.X[:, -1]), self.penalty

    def loss(self, network: Network) -> float:
        """Mean squared error and penalty: no band holds anything but the kink."""
        return float(value_and_gradient(pack(network), *self.within(1e-300))[0])


def balanced(network: Network) -> tuple[Array, Array]:
    """Rows A (m, d + 1) and output weights of the same function with ``|c_i| = ‖A_i‖_2``."""
    sizes = np.maximum(np.linalg.norm(network.rows, axis=1), 1e-12)
    roots = np.sqrt(np.maximum(np.abs(network.output_weights), 1e-12) / sizes)
    return network.rows * roots[:, None], network.output_weights / roots


def pack(network: Network) -> Array:
    """The balanced parameters as one vector: A by rows, c, e."""
    A, c = balanced(network)
    return np.concatenate([A.ravel(), c, [network.offset]])


def unpack(v: Array, width: int) -> Network:
    """The network of a vector, ``width`` d + 1."""
    A, (*c, e) = np.split(v, [-(len(v) // (width + 1)) - 1])
    A = A.reshape(len(c), width)
    return Network(A[:, :-1], A[:, -1], np.array(c), float(e))


def descend_smoothly(
    problem: SmoothProblem, network: Network, delta: float, tol: float, max_iter: int
) -> tuple[Network, float, int]:
    """L-BFGS on the smoothed loss: where it ends, the loss there and the iterations."""
    v, value, n_iter = minimize(pack(network), *problem.within(delta), tol, max_iter)
    return unpack(v, problem.X.shape[1]), value, n_iter


def swap(
    problem: SmoothProblem, network: Network, rng: np.random.Generator, rank: int = 0
) -> Network:
    """Replace the neuron that the others can best do without by the best of random ridges.

    With ``rank`` 1, 2, ... it is the second, third one. Both are judged with optimal output weights
    of all others; kinks of the ridges go through samples.
    """
    X, y, (A, _) = problem.X, problem.y, balanced(network)
    (n, width), m = X.shape, len(A)
    features = np.column_stack([np.maximum(X @ A.T, 0.0), problem.column])
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
    A[worst] = rows[np.argmax(gains / np.maximum(sizes, 1e-6 * sizes.max() + 1e-300))]
    features[:, worst] = np.maximum(X @ A[worst], 0.0)
    output = _inverse_gram(features) @ (features.T @ y)
    c = np.where(np.abs(output[:m]) > 1e-8, output[:m], 1e-8)
    return Network(A[:, :-1], A[:, -1], c, float(output[m]))


def _inverse_gram(features: Array) -> Array:
    """Of the columns' inner products, regularized."""
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) + np.finfo(float).tiny
    return np.asarray(np.linalg.inv(gram))


def find_basin(
    problem: SmoothProblem, network: Network, rng: np.random.Generator, *, tol: float, max_iter: int
) -> tuple[Network, int]:
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
        other = swap(problem, network, rng, failures)
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
