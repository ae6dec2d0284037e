"""Train a block of starts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape.spaces import make_space
from landscape.study.columns import Arrays, as_arrays
from landscape.study.starts import Block, draw_start
from landscape.training import Solver, train

__all__ = ["train_block"]


def train_block(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    block: Block,
    *,
    margin: float,
    solver: str | Solver,
    max_iter: int,
    tol: float,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Train every start of a block over its space.

    Parameters
    ----------
    features : array of shape (n, d)
    target : array of shape (n,)
    block : Block
    margin : float
        Lower bound of the last two product coordinates on N*.
    solver, max_iter, tol
        See :func:`landscape.training.train`.
    progress : callable
        Receives one line per start.

    Returns
    -------
    dict of arrays of length B
        ``start``, ``n_positive``, ``loss_start``, ``loss``, ``outcome``, ``message``, ``n_iter``,
        ``n_evaluations``, ``weights`` (B, m, d), ``output_weights`` (B, m).
    """
    n_features = features.shape[1]
    space = make_space(block.space, n_features, block.n_neurons, margin=margin)
    X = space.embed(features)
    rows = []
    for start in block:
        network, n_positive = draw_start(
            block.seed, block.dataset, n_features, block.n_neurons, start
        )
        theta = space.from_network(
            network.weights, network.biases, network.output_weights, network.offset
        )
        fit = train(theta, X, target, space=space, solver=solver, max_iter=max_iter, tol=tol)
        outcome = fit.outcome.name.lower()
        progress(f"start {start}: loss {fit.loss:.6g}, {outcome} after {fit.n_iter} iterations")
        rows.append(
            {
                "start": start,
                "n_positive": n_positive,
                "loss_start": fit.loss_start,
                "loss": fit.loss,
                "outcome": outcome,
                "message": fit.message,
                "n_iter": fit.n_iter,
                "n_evaluations": fit.n_evaluations,
                "weights": fit.parametrization.weights,
                "output_weights": fit.parametrization.output_weights,
            }
        )
    return as_arrays(rows)
