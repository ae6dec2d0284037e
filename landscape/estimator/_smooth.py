"""From a random network to the neighbourhood of a good minimum: smoothing, and swaps of neurons.

Between kinks the loss is smooth, but minima lie *on* kinks, where smooth solvers stall. So each
ReLU is replaced by a quadratic in a band of half width delta around its kink,

    h(z) = (z + delta)^2 / (4 delta)  for |z| <= delta,

and delta is reduced in stages. At a minimum of the smoothed loss, h'(z) in (0, 1) inside the band
is what the multiplier of a kink is to the loss itself: the pairs inside the narrowest band are
those on whose kinks the minimum nearby lies. They are put there, and active-set descent, which
begins with them on their kinks, takes few steps.

Poor basins are left by *swaps*: the neuron that the others can best do without becomes the one,
out of random ridges, that lowers the loss most; a swap that does not pay is undone.

All of this happens on standardized data.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from landscape.estimator import _lbfgs
from landscape.estimator._lbfgs import MEMORY, minimize, value_and_gradient
from landscape.losses import HuberLoss, LogisticLoss, Loss, PoissonLoss, QuantileLoss
from landscape.networks import Network
from landscape.standardization import blocks, largest

__all__ = ["SmoothProblem", "Watch", "find_basin", "settle", "swap"]

Array = NDArray[np.float64]

#: Half widths of the bands, in balanced pre-activations of standardized data.
COARSE, STAGES = 0.1, (0.03, 0.003, 0.0003)

#: Swaps at most; failures in a row that end them, unless stages end by a share of the loss: large
#: networks often gain after more failures; what of the loss a swap has to gain.
SWAPS, FAILURES, GAIN = 12, 4, 1e-4

#: Ridges that compete for the place of a swapped neuron, on so many samples at most; so many of
#: their values are in memory at once.
RIDGES, SAMPLE, ENTRIES = 128, 4096, 2**16

#: Fall of the loss per step, in variances of the target, at which a swap is judged.
COARSE_TOLERANCE = 1e-5

#: So many steps are judged together by what share of the loss they gain.
WINDOW = 50

#: Least curvature of another loss than the square, as a share of the largest, where swaps look.
FLOOR = 0.02

#: Products of a sample's entry and a neuron's weight between two looks at the clock.
CHUNK = 10**8

#: The kink of a neuron that stands for a linear term is as many ranges of the data away.
FAR = 32.0


@dataclass
class Watch:
    """When a fit has to end, and what it says on the way."""

    deadline: float = np.inf  # of time.monotonic
    verbose: bool = False
    interrupted: bool = False
    _said: float = field(default_factory=time.monotonic)

    def over(self) -> bool:
        """Whether time is up, or the user pressed Ctrl-C."""
        return self.interrupted or time.monotonic() > self.deadline

    def say(self, text: str) -> None:
        """Print a line, but not more than one in five seconds."""
        if self.verbose and time.monotonic() > self._said + 5:
            self._said = time.monotonic()
            print(text, flush=True)


@dataclass(frozen=True)
class Point:
    """Parameters of the search: rows A (m, d + 1), balanced output weights c (m,), e (q,)."""

    A: Array
    c: Array
    e: Array

    @property
    def vector(self) -> Array:
        """All in one."""
        return np.concatenate([self.A.ravel(), self.c, self.e])


@dataclass(frozen=True)
class SmoothProblem:
    """Standardized data; the loss has ``sum_ij penalty_j (c_i A_ij)^2`` on top, A (m, d + 1).

    ``affine`` neurons, by their numbers, are a linear term: on the data they have no kinks. In the
    search it is what e multiplies; else e (1,) is the offset, or there is none.
    """

    X: NDArray[np.float32]  # (n, d + 1): features and 1
    roots: Array  # (n,): of the weights (times n), what the rows of X are multiplied by
    y: Array  # (n,): times the same roots; centred if there is an offset
    penalty: Array  # (d + 1,)
    offset: bool = True
    affine: tuple[int, ...] = ()
    #: Another one than the square, on targets and weights: then the roots are 1.
    loss_on: Loss | None = None

    @property
    def q(self) -> int:
        """How many of the last inputs e multiplies."""
        return len(self.penalty) if self.affine else int(self.offset)

    def rows(self, part: slice = slice(None)) -> Array:
        """The inputs of some samples, in double precision, (k, d + 1)."""
        rows = self.X[part].astype(float)
        rows *= self.roots[part, None]
        return rows

    def part(self, rows: NDArray[np.generic]) -> "SmoothProblem":
        """The problem of some samples, with mean weight one."""
        X, roots, y, loss = self.X[rows], self.roots[rows], self.y[rows], self.loss_on
        if loss is not None:
            assert loss.weights is not None
            loss = loss.on(y, loss.weights[rows])[1]
        factor = 1.0 / np.sqrt(np.mean(roots**2))
        return replace(self, X=X, roots=roots * factor, y=y * factor, loss_on=loss)

    def within(self, delta: float) -> tuple[Any, ...]:
        """What the compiled functions take after the parameters, for bands of half width delta."""
        pull = self.penalty if self.affine else np.zeros(self.q)
        data = self.X, self.roots, self.y, self.q, delta, np.append(self.penalty, pull)
        loss = self.loss_on
        if loss is None:
            return *data, np.empty(0), _lbfgs.SQUARED, 0.0, 0.0
        assert loss.weights is not None
        match loss:
            case HuberLoss(delta=bend):
                return *data, loss.weights, _lbfgs.HUBER, bend, 0.0
            case QuantileLoss(tau=tau, width=width):
                return *data, loss.weights, _lbfgs.QUANTILE, tau, width
            case LogisticLoss():
                return *data, loss.weights, _lbfgs.LOGISTIC, 0.0, 0.0
            case PoissonLoss():
                return *data, loss.weights, _lbfgs.POISSON, 0.0, 0.0
        raise ValueError(f"loss: expected one of landscape.losses, got {loss!r}")

    def values(self, point: Point) -> Array:
        """Of the network, times the roots of the weights where X is, (n,)."""
        values, q = np.empty(len(self.y)), self.q
        for part in blocks(len(values)):
            rows = self.rows(part)
            values[part] = rows[:, rows.shape[1] - q :] @ point.e
            values[part] += np.maximum(rows @ point.A.T, 0.0) @ point.c
        return values

    def error(self, values: Array) -> float:
        """The mean loss of such values, without penalty."""
        if self.loss_on is None:
            return float(np.mean((values - self.y) ** 2))
        r = values - self.y if self.loss_on.of_residuals else values
        return float(np.mean(self.loss_on.value(r)))

    def squares(self, point: Point) -> tuple[Array, Array, Array]:
        """Rows, targets and columns of the least squares problem that is next to the loss."""
        loss, rows, y = self.loss_on, self.rows(), self.y
        columns = rows[:, rows.shape[1] - self.q :]
        if loss is None:
            return rows, y, columns
        values = self.values(point)
        r = values - y if loss.of_residuals else values
        s, curvatures = loss.half_slope(r), loss.half_curvature(r)
        if loss.of_residuals:  # a parabola above the loss
            curvatures = np.where(r == 0, curvatures, s / np.where(r == 0, 1.0, r))
        curvatures = np.maximum(curvatures, FLOOR * curvatures.max()) + np.finfo(float).tiny
        roots = np.sqrt(curvatures)
        y = roots * (values - s / curvatures)
        return roots[:, None] * rows, y, roots[:, None] * columns

    def loss(self, network: Network) -> float:
        """Mean squared error and penalty: no band holds anything but the kink."""
        return float(value_and_gradient(self.pack(network).vector, *self.within(1e-300))[0])

    def pack(self, network: Network) -> Point:
        """The same function on the data with ``|c_i| = ‖A_i‖_2``."""
        rows, c = network.rows, network.output_weights
        affine = list(self.affine)
        e = np.append(np.zeros(rows.shape[1] - 1), network.offset)
        e = e + c[affine] @ rows[affine] if affine else e[-1:] if self.offset else e[:0]
        rows, c = np.delete(rows, affine, axis=0), np.delete(c, affine)
        sizes = np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
        roots = np.sqrt(np.maximum(np.abs(c), 1e-12) / sizes)
        return Point(rows * roots[:, None], c / roots, e)

    def unpack(self, point: Point) -> Network:
        """The network of a point; of two affine neurons the second is the negative one."""
        rows, c, offset = point.A, point.c, 0.0
        if not self.affine:
            offset = float(point.e[0]) if self.offset else 0.0
            return Network(rows[:, :-1], rows[:, -1], c, offset)
        w, e = point.e[:-1], float(point.e[-1])
        far = FAR * max(1e-3, float(np.abs(w) @ largest(self.X)[:-1]), abs(e))
        if len(self.affine) == 1:
            own, signs, offset = np.append(w, far)[None, :], np.ones(1), e - far
        else:
            own = np.array([np.append(w / 2, far + e / 2), np.append(-w / 2, far - e / 2)])
            signs = np.array([1.0, -1.0])
        sizes = np.sqrt(np.linalg.norm(own, axis=1))
        # In ascending order of their places: each is put where it belongs.
        for place, row, sign, size in zip(self.affine, own, signs, sizes, strict=True):
            rows, c = np.insert(rows, place, row / size, axis=0), np.insert(c, place, sign * size)
        return Network(rows[:, :-1], rows[:, -1], c, offset)

    def split(self, vector: Array) -> Point:
        """The point of a vector."""
        width, q = len(self.penalty), self.q
        A, c, e = np.split(vector, [(len(vector) - q) // (width + 1) * width, len(vector) - q])
        return Point(A.reshape(len(c), width), c, e)


def descend_smoothly(
    problem: SmoothProblem,
    point: Point,
    delta: float,
    tol: float,
    max_iter: int,
    watch: Watch,
    share: float = 0.0,
) -> tuple[Point, float, int]:
    """L-BFGS on the smoothed loss: where it ends, the loss there and the iterations.

    It also ends where the last `WINDOW` steps lowered the loss by less than ``share`` of it each,
    on average.
    """
    v, data = point.vector, problem.within(delta)
    value, gradient = value_and_gradient(v, *data)
    n_iter, stored, over, mark, before = 0, 0, False, 0, np.inf
    memory, products = np.empty((2, MEMORY, v.size)), np.empty(MEMORY)
    chunk = max(10, CHUNK // (problem.X.size * max(1, len(point.c))))
    while not over:
        limit = min(chunk, max_iter - n_iter, WINDOW if share else max_iter)
        found = minimize(v, value, gradient, *data, tol, limit, memory, products, stored)
        v, value, gradient, n, stored, over = found
        n_iter += n
        watch.say(f"  loss {value:.6g} after {n_iter} iterations, bands of {delta}")
        if n_iter >= mark + WINDOW:
            over = over or before - value < share * abs(value) * (n_iter - mark)
            mark, before = n_iter, value
        over = over or n_iter >= max_iter or watch.over()
    return problem.split(v), float(value), n_iter


def swap(problem: SmoothProblem, point: Point, rng: np.random.Generator, rank: int = 0) -> Point:
    """Replace the neuron that the others can best do without by the best of random ridges.

    With ``rank`` 1, 2, ... it is the second, third one. Both are judged with optimal output weights
    of all others; kinks of the ridges go through samples.
    """
    if len(problem.y) > SAMPLE:
        problem = problem.part(np.sort(rng.choice(len(problem.y), SAMPLE, replace=False)))
    (X, y, columns), A = problem.squares(point), point.A.copy()
    (n, width), m = X.shape, len(A)
    features = np.empty((n, m + columns.shape[1]))
    features[:, m:] = columns
    np.maximum(np.matmul(X, A.T, out=features[:, :m]), 0.0, out=features[:, :m])
    inverse = _inverse_gram(features)
    # The least squares problem without column j is worse by output_j^2 / inverse_jj.
    losses = (inverse @ (features.T @ y)) ** 2 / np.diag(inverse)
    worst = int(np.argsort(losses[:m], kind="stable")[rank % m])
    others = features.any(axis=0) & (np.arange(features.shape[1]) != worst)
    basis, _ = qr(features[:, others], mode="economic", overwrite_a=True, check_finite=False)
    if width == 2 and n <= RIDGES:  # one feature: all kinks, on samples and between them
        t = np.sort(X[:, 0] / X[:, 1])
        t = np.concatenate([t, (t[1:] + t[:-1]) / 2])
        rows = np.vstack([np.column_stack([s * np.ones_like(t), -s * t]) for s in (1.0, -1.0)])
    else:
        directions = rng.standard_normal((RIDGES, width - 1)) / np.sqrt(width - 1)
        through = X[rng.integers(n, size=RIDGES)]
        biases = -(directions * through[:, :-1]).sum(axis=1) / through[:, -1]
        rows = np.column_stack([directions, biases])
    rest, gains, sizes = y - basis @ (basis.T @ y), np.empty(len(rows)), np.empty(len(rows))
    for part in blocks(len(rows), max(1, ENTRIES // n)):
        ridges = X @ rows[part].T
        np.maximum(ridges, 0.0, out=ridges)
        ridges -= basis @ (basis.T @ ridges)
        sizes[part] = np.linalg.norm(ridges, axis=0)
        gains[part] = np.abs(ridges.T @ rest)
    A[worst] = rows[np.argmax(gains / np.maximum(sizes, 1e-6 * sizes.max() + 1e-300))]
    features[:, worst] = np.maximum(X @ A[worst], 0.0)
    output = _inverse_gram(features) @ (features.T @ y)
    c = np.where(np.abs(output[:m]) > 1e-8, output[:m], 1e-8)
    roots = np.sqrt(np.abs(c) / np.maximum(np.linalg.norm(A, axis=1), 1e-12))
    return Point(A * roots[:, None], c / roots, output[m:])


def _inverse_gram(features: Array) -> Array:
    """Of the columns' inner products, regularized."""
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) + np.finfo(float).tiny
    return np.asarray(np.linalg.inv(gram))


def find_basin(
    problem: SmoothProblem,
    network: Network,
    rng: np.random.Generator,
    *,
    tol: float,
    max_iter: int,
    swaps: int = SWAPS,
    watch: Watch | None = None,
    share: float = 0.0,
) -> tuple[Network, int]:
    """Smooth descent with swaps, in narrowing bands: no worse than the start.

    A stage ends where the loss falls by less than ``tol`` variances of the target in a step, or by
    less than ``share`` of itself per step of a `WINDOW`; and all of them after ``max_iter``
    iterations together, which are the second result, or when the ``watch`` says so. With a
    ``share`` swaps go on after failures.
    """
    watch = watch or Watch()
    coarse, left, failures = max(tol, COARSE_TOLERANCE), max_iter, 0
    # In single precision, as the data are: see `FitData.smooth`.
    point = problem.split(problem.pack(network).vector.astype(np.float32).astype(float))
    try:
        point, loss, n_iter = descend_smoothly(problem, point, COARSE, coarse, left, watch, share)
        left -= n_iter
        for _ in range(swaps if len(point.c) else 0):
            if left <= 0 or (failures == FAILURES and not share) or watch.over():
                break
            other = swap(problem, point, rng, failures)
            other, other_loss, n_iter = descend_smoothly(
                problem, other, COARSE, coarse, left, watch, share
            )
            left -= n_iter
            if other_loss < loss * (1 - GAIN):
                point, loss, failures = other, other_loss, 0
            else:
                failures += 1
        for delta in STAGES:
            if left > 0 and not watch.over():
                point, _, n_iter = descend_smoothly(problem, point, delta, tol, left, watch, share)
                left -= n_iter
    except KeyboardInterrupt:
        watch.interrupted = True
    end = problem.unpack(point)
    return (end if problem.loss(end) <= problem.loss(network) else network), max_iter - left


def settle(problem: SmoothProblem, network: Network, other: Network, X: Array) -> Network:
    """The samples inside the narrowest bands put on the kinks that they are next to.

    Bands are those of the standardized ``network``, what is moved is the same one in other units,
    on features X (n, d), which are not rounded.
    """
    A, rows = problem.pack(network).A, other.rows
    near = np.concatenate(
        [
            np.abs(problem.rows(part) @ A.T) < STAGES[-1] * problem.roots[part, None]
            for part in blocks(len(problem.y))
        ]
    )
    neurons = np.delete(np.arange(len(rows)), problem.affine)
    for i, on in zip(neurons, near.T, strict=True):
        if on.any():
            own = np.column_stack([X[on], np.ones(on.sum())])
            own = own[np.argsort(np.abs(own @ rows[i]), kind="stable")[: X.shape[1]]]
            for _ in range(2):  # the second time corrects the rounding of the first
                rows[i] -= np.linalg.lstsq(own, own @ rows[i], rcond=1e-10)[0]
    return replace(other, weights=rows[:, :-1], biases=rows[:, -1])
