"""From a random network to the neighbourhood of a good minimum: smoothing, and swaps of neurons.

Between kinks the loss is smooth, but minima lie *on* kinks, where smooth solvers stall. So each
ReLU is replaced by a quadratic in a band of half width delta around its kink,

    h(z) = (z + delta)^2 / (4 delta)  for |z| <= delta,

and delta is reduced in stages. At a minimum of the smoothed loss, h'(z) in (0, 1) inside the band
is what the multiplier of a kink is to the loss itself: the pairs inside the narrowest band are
those on whose kinks the minimum nearby lies. They are held as equalities, the quadratic of that
face is minimized, and active-set descent begins where it would otherwise have to walk to, kink by
kink.

Poor basins are left by *swaps*: the neuron that the others can best do without becomes the one,
out of random ridges, that lowers the loss most; a swap that does not pay is undone.

All of this happens on standardized data, in the parameters (A, c, e) of a network with or without
an offset, each row of A with its bias last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.descent import solve_least_squares
from landscape.estimator import _lbfgs

__all__ = ["RawNetwork", "SmoothProblem", "find_basin", "value_and_gradient"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Half widths of the bands, in balanced pre-activations of standardized data.
COARSE, STAGES = 0.1, (0.03, 0.003)

#: Swaps at most; failures in a row that end them; what of the loss a swap has to gain.
SWAPS, FAILURES, GAIN = 12, 4, 1e-4

#: Ridges that compete for the place of a swapped neuron.
RIDGES = 128

#: Fall of the loss per step, in variances of the target, at which a swap is judged.
COARSE_TOLERANCE = 1e-5


@dataclass
class RawNetwork:
    """``x -> sum_i c_i relu(<A_i, (x, 1)>) + e``."""

    A: Array
    c: Array
    e: float

    def balanced(self) -> RawNetwork:
        """The same function with ``|c_i| = ‖A_i‖_2``."""
        sizes = np.maximum(np.linalg.norm(self.A, axis=1), 1e-12)
        roots = np.sqrt(np.maximum(np.abs(self.c), 1e-12) / sizes)
        return RawNetwork(self.A * roots[:, None], self.c / roots, self.e)


@dataclass(frozen=True)
class SmoothProblem:
    """Standardized data, as the starts of a fit share them.

    Attributes
    ----------
    X : array of shape (n, d + 1)
        Standardized features and 1, rows times the roots of the weights (times n).
    y : array of shape (n,)
        Targets over their standard deviation, times the same roots. Centred if there is an offset.
    offset : bool
        Whether the network has one.
    penalty : array of shape (d + 1,)
        The loss has ``sum_ij penalty_j (c_i A_ij)^2`` on top.
    """

    X: Array
    y: Array
    offset: bool
    penalty: Array

    @property
    def column(self) -> Array:
        """The offset's input, empty without one."""
        return self.X[:, -1].copy() if self.offset else np.empty(0)

    def residuals(self, network: RawNetwork) -> Array:
        """Of the network itself, unsmoothed."""
        s = np.maximum(self.X @ network.A.T, 0.0) @ network.c - self.y
        return s + network.e * self.X[:, -1] if self.offset else s

    def loss(self, network: RawNetwork) -> float:
        """Mean squared error and penalty, unsmoothed."""
        s = self.residuals(network)
        products = network.c[:, None] * network.A
        return float(s @ s) / s.size + float((products * products).sum(axis=0) @ self.penalty)


def pack(problem: SmoothProblem, network: RawNetwork) -> Array:
    """The parameters as one vector: A by rows, c, and e if there is an offset."""
    parts = [network.A.ravel(), network.c]
    return np.concatenate([*parts, [network.e]] if problem.offset else parts)


def unpack(problem: SmoothProblem, v: Array) -> RawNetwork:
    """The network of a vector."""
    width = problem.X.shape[1]
    m = (v.size - int(problem.offset)) // (width + 1)
    e = float(v[-1]) if problem.offset else 0.0
    return RawNetwork(v[: m * width].reshape(m, width).copy(), v[m * width :][:m].copy(), e)


def value_and_gradient(problem: SmoothProblem, v: Array, delta: float) -> tuple[float, Array]:
    """The smoothed loss and its gradient: what `_lbfgs.value_and_gradient` compiles.

    Parameters
    ----------
    problem : SmoothProblem
    v : array
        See `pack`.
    delta : float
        Half width of the band; 0 for the loss itself (a kink counts as inactive).
    """
    X, n = problem.X, problem.y.size
    network = unpack(problem, v)
    A, c = network.A, network.c
    z, r = X @ A.T, delta * np.abs(X[:, -1:])
    slopes = np.where(z >= r, z > 0, np.clip((z + r) / (2 * np.where(r > 0, r, 1.0)), 0.0, 1.0))
    slopes = np.where((z < r) & (r == 0), 0.0, slopes)
    h = np.where(z >= r, np.maximum(z, 0.0), slopes**2 * r)
    s = h @ c - problem.y
    if problem.offset:
        s = s + network.e * X[:, -1]
    pull = problem.penalty * A
    by_weights = (slopes * c * s[:, None]).T @ X / n + (c**2)[:, None] * pull
    by_output = s @ h / n + c * (pull * A).sum(axis=1)
    parts = [by_weights.ravel(), by_output]
    if problem.offset:
        parts.append(np.array([s @ X[:, -1] / n]))
    value = float(s @ s) / n + float(c**2 @ (pull * A).sum(axis=1))
    return value, 2.0 * np.concatenate(parts)


def descend_smoothly(
    problem: SmoothProblem, network: RawNetwork, delta: float, tol: float, max_iter: int
) -> tuple[RawNetwork, float, int]:
    """L-BFGS on the smoothed loss: where it ends, the loss there and the iterations."""
    v = pack(problem, network.balanced())
    widths = delta * np.abs(problem.X[:, -1])
    value, n_iter = _lbfgs.minimize(
        v, problem.X, problem.y, problem.column, widths, problem.penalty,
        len(network.c), tol, max_iter,
    )  # fmt: skip
    return unpack(problem, v), float(value), int(n_iter)


def swap(
    problem: SmoothProblem, network: RawNetwork, rng: np.random.Generator, rank: int = 0
) -> RawNetwork:
    """Replace the neuron that the others can best do without by the best of random ridges.

    With ``rank`` 1, 2, ... it is the second, third one. Both are judged with optimal output weights
    of all others; kinks of the ridges go through samples.
    """
    X, y = problem.X, problem.y
    n, width = X.shape
    extra = [X[:, -1:]] if problem.offset else []
    features = np.hstack([np.maximum(X @ network.A.T, 0.0), *extra])
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) + np.finfo(float).tiny
    inverse = np.linalg.inv(gram)
    output = inverse @ (features.T @ y)
    m = len(network.c)
    # The least squares problem without column j is worse by output_j^2 / inverse_jj.
    order = np.argsort((output**2 / np.diag(inverse))[:m], kind="stable")
    worst = int(order[rank % m])
    basis, _ = np.linalg.qr(np.delete(features, worst, axis=1))
    residual = y - basis @ (basis.T @ y)
    directions = rng.standard_normal((RIDGES, width - 1)) / np.sqrt(width - 1)
    through = X[rng.integers(n, size=RIDGES)]
    biases = -(directions * through[:, :-1]).sum(axis=1) / through[:, -1]
    rows = np.column_stack([directions, biases])
    ridges = np.maximum(X @ rows.T, 0.0)
    ridges -= basis @ (basis.T @ ridges)
    sizes = np.linalg.norm(ridges, axis=0)
    gains = np.abs(ridges.T @ residual) / np.maximum(sizes, 1e-6 * sizes.max() + 1e-300)
    A = network.A.copy()
    A[worst] = rows[int(np.argmax(gains))]
    features[:, worst] = np.maximum(X @ A[worst], 0.0)
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) + np.finfo(float).tiny
    output = np.linalg.solve(gram, features.T @ y)
    e = float(output[m]) if problem.offset else 0.0
    return RawNetwork(A, np.where(np.abs(output[:m]) > 1e-8, output[:m], 1e-8), e)


def onto_kinks(problem: SmoothProblem, network: RawNetwork, delta: float) -> RawNetwork:
    """The minimizer on the face of the kinks inside the band, if it is no worse than the network.

    Only convex kinks can be held at a minimum: c_i times the residual is positive there.
    """
    X = problem.X
    m, width = network.A.shape
    signs, sizes = np.where(network.c < 0, -1.0, 1.0), np.abs(network.c)
    U = sizes[:, None] * network.A
    z, s = X @ network.A.T, problem.residuals(network)
    held = (np.abs(z) < delta * np.abs(X[:, -1:])) & (s[:, None] * signs > 0)
    if not held.any():
        return network
    bases = []
    for i in range(m):
        rows = X[held[:, i]]
        if len(rows) == 0:
            bases.append(np.eye(width))
            continue
        _, singular, right = np.linalg.svd(rows, full_matrices=True)
        bases.append(right[int((singular > 1e-10 * singular[0]).sum()) :].T)
        U[i] = bases[i] @ (bases[i].T @ U[i])
    best, least = network, problem.loss(network)
    for _ in range(2):
        active = (X @ U.T > 0) & ~held
        blocks = [signs[i] * active[:, i, None] * (X @ basis) for i, basis in enumerate(bases)]
        if problem.offset:
            blocks.append(X[:, -1:])
        matrix, right_side = np.hstack(blocks), problem.y
        if problem.penalty.any():
            roots = np.sqrt(problem.y.size * problem.penalty)
            rows = np.zeros((m * width, matrix.shape[1]))
            at = 0
            for i, basis in enumerate(bases):
                rows[i * width : (i + 1) * width, at : at + basis.shape[1]] = roots[:, None] * basis
                at += basis.shape[1]
            matrix = np.vstack([matrix, rows])
            right_side = np.append(right_side, np.zeros(m * width))
        solution = solve_least_squares(matrix, right_side)
        e = float(solution[-1]) if problem.offset else 0.0
        U, at = np.empty_like(U), 0
        for i, basis in enumerate(bases):
            U[i] = basis @ solution[at : at + basis.shape[1]]
            at += basis.shape[1]
        candidate = RawNetwork(U, signs, e).balanced()
        loss = problem.loss(candidate)
        if loss < least:
            best, least = candidate, loss
    return best


def find_basin(
    problem: SmoothProblem,
    network: RawNetwork,
    rng: np.random.Generator,
    *,
    tol: float,
    max_iter: int,
) -> tuple[RawNetwork, int]:
    """Smooth descent with swaps, narrowing bands, and onto the kinks.

    Parameters
    ----------
    problem : SmoothProblem
    network : RawNetwork
        The start.
    rng : numpy.random.Generator
        For the swaps.
    tol : float
        Fall of the loss per step at which a stage ends, in variances of the target.
    max_iter : int
        Iterations of all stages together, at most.

    Returns
    -------
    network : RawNetwork
        No worse than the start.
    n_iter : int
    """
    coarse = max(tol, COARSE_TOLERANCE)
    start, left = network, max_iter
    network, loss, n_iter = descend_smoothly(problem, network, COARSE, coarse, left)
    left -= n_iter
    failures = 0
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
    network = onto_kinks(problem, network, STAGES[-1])
    if not problem.loss(network) <= problem.loss(start):
        network = start
    return network, max_iter - left
