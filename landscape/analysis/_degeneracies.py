"""How degenerate a network is, C.1 to C.3, and which way down from it, in its own parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape.analysis._case import Array, Case
from landscape.minima import Certificate
from landscape.networks import Network
from landscape.probe import reduce_width
from landscape.spaces import UnrestrictedSpace
from landscape.stability import degeneracies


def pair_angles(network: Network) -> Array:
    """Rows (i, j, angle in degrees) of all pairs of neurons, of ``(a_i, b_i)``, by angle."""
    rows = np.column_stack([network.weights, network.biases])
    _, exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))
    rows = np.ldexp(rows, -exponents[:, None])
    norms = np.linalg.norm(rows, axis=1)
    used = np.flatnonzero(norms > 0)
    units = rows[used] / norms[used, None]
    i, j = np.triu_indices(len(used), 1)
    # Accurate for small angles and for those near 180 degrees, where the cosine is not.
    apart, together = (np.linalg.norm(units[i] + s * units[j], axis=1) for s in (-1, 1))
    angles = np.degrees(2 * np.arctan2(apart, together))
    order = np.argsort(angles, kind="stable")
    return np.column_stack([used[i], used[j], angles])[order]


def known_degeneracies(case: Case) -> dict[str, Any]:
    """Those of the parametrization; pairs of extreme angles, silent and spare neurons."""
    net, theta, space = case.network, case.theta, case.space
    known: dict[str, Any] = dict(degeneracies(theta, space=space))
    angles = [(int(i), int(j), float(angle)) for i, j, angle in pair_angles(net)]
    known |= {"closest": angles[:5], "opposite": angles[:-6:-1]}
    hidden = Network.from_parametrization(theta, space)
    z = case.X @ hidden.weights.T + hidden.biases
    known["silent"] = np.flatnonzero(~(z > 0).any(axis=0)).tolist()
    known["spare"] = reduce_width(theta, space=space).n_spare
    return known


def way_down(case: Case, certificate: Certificate) -> dict[str, Any] | None:
    """The certificate's direction of descent as changes of the network's own parameters."""
    net, space, direction = case.network, case.space, certificate.direction
    if direction is None or not (isinstance(space, UnrestrictedSpace) and space.offset):
        return None
    rows, sizes = direction[:-1], np.abs(net.output_weights)[:, None]
    if (rows[sizes[:, 0] == 0] != 0).any():
        return None
    changes = np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0)
    offset = float(direction[-1, -1])
    scale = max(float(np.abs(changes).max(initial=0.0)), abs(offset))
    changes = changes / scale
    return {
        "weights": changes[:, :-1],
        "biases": changes[:, -1],
        "output_weights": np.zeros(net.n_neurons),
        "offset": offset / scale,
        "slope": certificate.slope / scale,
    }
