"""How far a network is from the conditions C.1 to C.3 of Corollary 1.3 and Theorem 3.1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.spaces import Space
from landscape.stability.flips import MAX_FLIP_NEURONS, flip_gap, has_offset

__all__ = ["cosines", "degeneracies"]

Array = NDArray[np.float64]


def cosines(theta: Parametrization) -> tuple[float, float]:
    """Largest and smallest Euclidean cosine between two non-zero weight vectors.

    1 means a parallel pair (C.2), -1 an opposite pair (C.3); (nan, nan) with fewer than two.

    Examples
    --------
    >>> cosines(Parametrization([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0]], [1.0, 1.0, 1.0]))
    (0.0, -1.0)
    """
    rows = theta.weights[max_norms(theta.weights) > 0]
    if len(rows) < 2:
        return np.nan, np.nan
    units = rows / max_norms(rows)[:, None]
    units /= np.linalg.norm(units, axis=1)[:, None]
    values = (units @ units.T)[np.triu_indices(len(rows), 1)]
    return float(min(values.max(), 1.0)), float(max(values.min(), -1.0))


def degeneracies(theta: Parametrization, *, space: Space | None = None) -> dict[str, float]:
    """How far a network is from the conditions C.1 to C.3.

    Parameters
    ----------
    theta : Parametrization
    space : Space, optional
        With a frozen offset, which can be neither balanced nor turned around: it counts for
        ``cosine`` and ``opposite_cosine`` only, and a flip may leave a constant.

    Returns
    -------
    dict
        ``imbalance``: mean over the neurons of ``||c_i| - ‖a_i‖_inf|`` relative to the larger,
        0 on N', 1 if one of them is 0, and 0 for (0, 0); ``imbalance_max``; ``distance``:
        half the largest ``||c_i| - ‖a_i‖_inf|``, the distance to N' in max-norm, as both can move
        half the way and parallel directions part at any distance; ``cosine`` and
        ``opposite_cosine``: see `cosines`; ``flip_gap``: see `flip_gap`, relative to the largest
        product, nan beyond 22 neurons.

    Examples
    --------
    >>> found = degeneracies(Parametrization([[2.0, 0.0], [0.0, 3.0]], [1.0, 3.0]))
    >>> found["imbalance"], found["distance"], found["cosine"]
    (0.25, 0.5, 0.0)
    """
    end = theta.n_neurons - has_offset(space)
    sizes, norms = np.abs(theta.output_weights[:end]), max_norms(theta.weights[:end])
    gaps, larger = np.abs(sizes - norms), np.maximum(sizes, norms)
    relative = gaps / np.where(larger > 0, larger, 1.0)
    cosine, opposite = cosines(theta)
    products = theta.products[:end, :-1] if has_offset(space) else theta.products
    largest = float(max_norms(products).max(initial=0.0))
    few = np.count_nonzero(max_norms(products)) <= MAX_FLIP_NEURONS
    return {
        "imbalance": float(relative.mean()) if end else 0.0,
        "imbalance_max": float(relative.max(initial=0.0)),
        "distance": 0.5 * float(gaps.max(initial=0.0)),
        "cosine": cosine,
        "opposite_cosine": opposite,
        "flip_gap": flip_gap(theta, space=space)[0] / largest if largest > 0 and few else np.nan,
    }
