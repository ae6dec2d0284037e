"""The penalty that predicts best, by cross-validation, and whether a linear function does better.

A linear function is a local minimum of the penalized loss as well: where all neurons are active on
all samples, the network is linear, its cell is convex, and the penalty is least where the neurons
share the slopes equally, at ``alpha / M`` times that of ridge regression. Training never prefers
it, as other minima are lower; on samples that were not seen it may well be better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.estimator._smooth import (
    COARSE,
    FAR,
    Point,
    SmoothProblem,
    Watch,
    descend_smoothly,
    find_basin,
)  # fmt: skip
from landscape.estimator._starts import FitData, draw_start
from landscape.networks import Network
from landscape.standardization import largest
from landscape.streams import stream

__all__ = ["Choice", "choose_penalty", "linear_network"]

Array = NDArray[np.float64]

#: Penalties that are tried, in units of the standardized data, and the starts of each path.
ALPHAS, STARTS, FOLDS = np.geomspace(1e-4, 10.0, 11), 2, 5

#: Swaps at the least penalty, and at those after it.
FIRST, LATER = 6, 1

#: Fall of the loss per step at which a point of a path is done.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Choice:
    """The penalty in units of the standardized data, and what led to it."""

    alpha: float
    linear: bool
    path: dict[str, list[float]]  # cross-validated errors, as shares of the target's variance


def choose_penalty(problem: FitData, seed: int) -> Choice:
    """The penalty with the least error on the folds, of networks or of linear functions.

    Networks have to be better by one standard error of the difference. Each fold follows a path of
    networks from the least to the largest penalty; samples with equal features are in
    one fold where they were merged, as the squared loss allows.
    """
    smooth = problem.smooth
    n, folds = len(smooth.y), min(FOLDS, len(smooth.y))
    if folds < 2:
        return Choice(0.0, False, {})
    label = stream(seed, "estimator: folds").permutation(n) % folds
    if problem.degree == 0:  # as many of each class, or size, in each fold
        label[np.lexsort((label, smooth.y))] = np.arange(n) % folds
    networks, lines = np.zeros((2, len(ALPHAS), folds))
    starts = [draw_start(problem, seed, index)[0] for index in range(STARTS)]
    for fold in range(folds):
        inside, outside = smooth.part(label != fold), smooth.part(label == fold)
        for k, alpha in enumerate(ALPHAS):
            w = ridge(inside, alpha)
            lines[k, fold] = outside.error(outside.rows() @ w)
        points = [
            smooth.pack(problem.standard.inward(Network.from_parametrization(t, problem.space)))
            for t in starts
        ]
        for k, alpha in enumerate(ALPHAS):
            own = replace(inside, penalty=np.append(np.full(smooth.X.shape[1] - 1, alpha), 0.0))
            for number, point in enumerate(points):
                rng = stream(seed, "estimator: path of penalties", fold, k, number)
                network, _ = find_basin(
                    own, own.unpack(point), rng, tol=max(TOLERANCE, problem.tol),
                    max_iter=problem.max_iter, swaps=LATER if k else FIRST, watch=problem.watch,
                )  # fmt: skip
                points[number] = own.pack(network)
            best = min(points, key=lambda point: own.loss(own.unpack(point)))
            networks[k, fold] = outside.error(outside.values(best))
            if problem.watch.over():
                return Choice(float(ALPHAS[0]), False, {})
    errors = {"network": networks.mean(axis=1).tolist(), "linear": lines.mean(axis=1).tolist()}
    path = {"alpha": ALPHAS.tolist(), **errors}
    bent, line = int(np.argmin(errors["network"])), int(np.argmin(errors["linear"]))
    gains = lines[line] - networks[bent]
    if gains.mean() <= gains.std() / np.sqrt(folds - 1):
        return Choice(float(ALPHAS[line]) * (problem.space.n_neurons - problem.free), True, path)
    return Choice(float(ALPHAS[bent]), False, path)


def ridge(smooth: SmoothProblem, alpha: float) -> Array:
    """Slopes and intercept (d + 1,) of the linear function with least penalized loss."""
    if smooth.loss_on is not None:
        width = smooth.X.shape[1]
        penalty = np.append(np.full(width - 1, alpha), 0.0)
        line = replace(smooth, affine=(0,), penalty=penalty)
        point = Point(np.empty((0, width)), np.empty(0), np.zeros(width))
        return descend_smoothly(line, point, COARSE, 1e-12, 10_000, Watch())[0].e
    X = smooth.rows()
    gram = X.T @ X / len(X)
    gram[np.diag_indices_from(gram)] += np.append(np.full(len(gram) - 1, alpha), 0.0)
    return np.asarray(np.linalg.solve(gram, X.T @ smooth.y / len(X)))


def linear_network(problem: FitData, alpha: float) -> Network:
    """The linear function that is a local minimum at a penalty, of the standardized data."""
    smooth, m = problem.smooth, problem.space.n_neurons - problem.free
    *w, e = ridge(smooth, alpha / m)
    slopes = np.array(w)
    # Different directions: parallel neurons would be redundant.
    far = FAR * max(1e-3, float(np.abs(slopes) @ largest(smooth.X)[:-1]), abs(e))
    far = far * (1 + np.arange(m) / (8 * m))
    signs = np.ones(m)
    if not problem.free:
        signs[1::2] = -1.0
        # Without an offset the negative ones balance the biases of the others.
        far[1::2] += (signs @ far - e) / len(far[1::2])
    rows = np.column_stack([np.outer(signs, slopes / m), far])
    sizes = np.sqrt(np.linalg.norm(rows, axis=1))
    offset = float(e - signs @ far) if problem.free else 0.0
    rows = rows / sizes[:, None]
    return Network(rows[:, :-1], rows[:, -1], signs * sizes, offset)
