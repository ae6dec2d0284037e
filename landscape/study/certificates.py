"""Descend from trained points and certify what is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import descend
from landscape.minima import activation_key, certify_minimum
from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.spaces import Space, make_space
from landscape.study.columns import Arrays, as_arrays
from landscape.study.starts import Block

__all__ = ["NUMERICAL_TROUBLE", "descend_block"]

#: What a computation may raise on bad numbers; recorded as the outcome of a start. Anything else
#: is a mistake in the program and has to surface.
NUMERICAL_TROUBLE = (ArithmeticError, ValueError, RuntimeError)

_UNDECIDED: dict[str, Any] = {
    "verdict": "undecided",
    "is_minimum": False,
    "kind": "",
    "stationarity": np.nan,
    "tolerance": np.nan,
    "slack": np.nan,
    "radius": np.nan,
    "n_kinks": -1,
    "n_silent": -1,
    "key": "",
    "violations": "",
}


def descend_block(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    block: Block,
    fits: Arrays,
    *,
    margin: float,
    max_iter: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Descend from each trained point of a block and certify where it ends.

    Ends of the unrestricted space are also lifted into N* (Lemma A.4) and descended from there:
    Corollary 1.3, item 2, start by start.

    Parameters
    ----------
    features : array of shape (n, d)
    target : array of shape (n,)
    block : Block
    fits : dict of arrays
        From :func:`landscape.study.fits.train_block` for the same block.
    margin : float
        Lower bound of the last two product coordinates on N*.
    max_iter : int
        Limit of descent steps.
    progress : callable
        Receives one line per start.

    Returns
    -------
    dict of arrays of length B
        ``start``, ``loss``, ``outcome``, ``reason``, ``n_iter``, the fields of the certificate,
        ``key`` (empty unless certified), ``lift_loss_start``, ``lift_loss``, ``lift_verdict``,
        ``weights`` (B, m, d), ``output_weights`` (B, m).
    """
    n_features = features.shape[1]
    space = make_space(block.space, n_features, block.n_neurons, margin=margin)
    lifted = make_space("restricted", n_features, block.n_neurons, margin=margin)
    X, X_lifted = space.embed(features), lifted.embed(features)
    rows = []
    for k, start in enumerate(block):
        theta = Parametrization(fits["weights"][k], fits["output_weights"][k])
        row = {"start": start, **_descend(theta, X, target, space, max_iter)}
        row |= {"lift_loss_start": np.nan, "lift_loss": np.nan, "lift_verdict": ""}
        if block.space == "unrestricted":
            a, c = row["weights"], row["output_weights"]
            gamma = lifted.from_network(a[:-1, :-1], a[:-1, -1], c[:-1], c[-1])
            end = _descend(gamma, X_lifted, target, lifted, max_iter)
            row["lift_loss_start"], row["lift_loss"] = end["loss_start"], end["loss"]
            row["lift_verdict"] = end["verdict"]
        progress(f"start {start}: loss {row['loss']:.6g}, {row['verdict']} ({row['reason']})")
        rows.append(row)
    return as_arrays(rows)


def _descend(
    theta: Parametrization,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    space: Space,
    max_iter: int,
) -> dict[str, Any]:
    """One descent with its certificate, as a row."""
    loss = float(np.mean(np.square(realize(theta, X) - y)))
    row = {"loss_start": loss, "loss": loss, "outcome": "failed", "n_iter": 0, **_UNDECIDED}
    try:
        descent = descend(theta, X, y, space=space, max_iter=max_iter)
        theta = descent.parametrization
        row |= {
            "loss": descent.loss,
            "outcome": descent.outcome.name.lower(),
            "n_iter": descent.n_iter,
        }
        certificate = certify_minimum(theta, X, y, space=space)
        row |= {
            "verdict": certificate.verdict.value,
            "is_minimum": certificate.is_minimum,
            "reason": certificate.reason,
            "kind": certificate.kind,
            "stationarity": certificate.stationarity,
            "tolerance": certificate.tolerance,
            "slack": certificate.slack,
            "radius": certificate.radius,
            "n_kinks": certificate.n_kinks,
            "n_silent": certificate.n_silent,
            "violations": "; ".join(map(str, certificate.violations)),
        }
        if certificate.is_minimum:
            row["key"] = activation_key(theta, X, space=space)
    except NUMERICAL_TROUBLE as error:
        row |= {"verdict": "undecided", "reason": f"{type(error).__name__}: {error}"}
    return {**row, "weights": theta.weights, "output_weights": theta.output_weights}
