"""The converse of Proposition 1.2 fails: realization-space minima need optimal scales only.

In small balls only the scales are free (notes 10). So random directions with least-squares scales
are realization-space minima of radius ``1/2 min_i ‖u_i‖`` within their component of N* (the signs
are those of the scales), and hardly ever minima of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.realization import realize
from landscape.spaces import make_space
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays
from landscape.study.starts import draw_start

__all__ = ["converse_rows", "optimal_scales"]

Array = NDArray[np.float64]


def optimal_scales(theta: Parametrization, X: Array, y: Array) -> Array:
    """Least-squares scales t of ``sum_i t_i sigma_i relu(<u_i, x>)``, of any sign, shape (m,).

    Neurons that no sample sees, and other directions that make no difference, keep t = 1: the
    shortest step from there.
    """
    values = theta.signs * np.maximum(X @ theta.products.T, 0.0)
    step = np.linalg.lstsq(values, y - values.sum(axis=1), rcond=None)[0]
    return 1.0 + np.asarray(step, dtype=float)


def converse_rows(
    features: Array,
    target: Array,
    *,
    n_neurons: int,
    dataset: str,
    seed: int,
    n_draws: int,
    rigid_fraction: float,
    first: int = 1_000_000,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Random directions with optimal scales, as realization minima and as parameter minima.

    Parameters
    ----------
    n_draws : int
        Random networks, drawn as the starts of the study are, with the numbers from ``first`` on.
    rigid_fraction : float
        Radius of the ball, in units of ``1/2 min_i ‖u_i‖``.

    Returns
    -------
    dict of arrays, one entry per draw
        ``draw``, ``n_positive`` (drawn), ``n_turned`` (neurons whose optimal scale has another
        sign than was drawn: their sign is turned, the network is in another component of N*),
        ``loss_drawn``, ``loss`` (with optimal scales), ``radius``, ``realization`` (verdict of
        the probe), ``gap``, ``tolerance``, ``parameters`` (verdict of the certificate), ``slope``
        (of the descent that it found), ``loss_descended``, ``reason``.
    """
    n_features = features.shape[1]
    space = make_space("restricted", n_features, n_neurons)
    X = space.embed(features)
    rows = []
    for draw in range(n_draws):
        network, n_positive = draw_start(seed, dataset, n_features, n_neurons, first + draw)
        theta = space.from_network(
            network.weights, network.biases, network.output_weights, network.offset
        )
        scales = optimal_scales(theta, X, target)
        row: dict[str, Any] = {
            "draw": draw,
            "n_positive": n_positive,
            "n_turned": int((scales < 0).sum()),
            "loss_drawn": _loss(theta, X, target),
            "loss": np.nan,
            "radius": np.nan,
            "realization": "undecided",
            "gap": np.nan,
            "tolerance": np.nan,
            "parameters": "undecided",
            "slope": np.nan,
            "loss_descended": np.nan,
            "reason": "",
        }
        rows.append(row)
        if (scales == 0).any():
            row["reason"] = "an optimal scale is 0: not in N*"
            continue
        turned = Parametrization(theta.weights, theta.output_weights * np.sign(scales))
        gamma = turned.scale(np.abs(scales))
        radius = rigid_fraction * rigidity_radius(gamma)
        row |= {"loss": _loss(gamma, X, target), "radius": radius}
        try:
            probe = probe_realization(gamma, X, target, radius=radius, space=space)
            row |= {
                "realization": probe.verdict.value,
                "gap": probe.gap,
                "tolerance": probe.tolerance,
                "reason": probe.reason,
            }
            certificate = certify_minimum(gamma, X, target, space=space)
            row |= {"parameters": certificate.verdict.value, "slope": certificate.slope}
            row["loss_descended"] = descend(gamma, X, target, space=space).loss
        except NUMERICAL_TROUBLE as error:
            row["reason"] = f"{type(error).__name__}: {error}"
    counts = sum(row["realization"] == "holds" for row in rows)
    progress(f"{counts} of {n_draws} draws are realization-space minima")
    return as_arrays(rows)


def _loss(theta: Parametrization, X: Array, y: Array) -> float:
    return float(np.mean(np.square(realize(theta, X) - y)))
