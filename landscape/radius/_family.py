"""The member of a flat family with the largest certified radius."""

import numpy as np
from numpy.typing import ArrayLike

from landscape.effective import EffectiveProblem
from landscape.parametrization import Parametrization, group_directions, max_norms
from landscape.spaces import RestrictedSpace, Space

#: In N* the last two coordinates are positive: they are kept at least at this times ``‖u_i‖_inf``.
#: By the square root of that much the radius may fall short of its supremum, which N* lacks.
FLOOR = 1e-3


def widest_member(theta: Parametrization, X: ArrayLike, space: Space) -> Parametrization:
    """The network with the same values on lifted data whose r_cell is largest.

    It is in the space, without parallel neurons if theta has none; its r_cell is at least
    ``1 - FLOOR`` times that of any other member of theta's flat family.

    On lifted data ``(x, 1, -1)`` a neuron of N* or N' may move along ``(w, p + t, q + t)``: the
    samples see only w and ``p - q``. Its part of r_cell is ``min(kappa / sqrt(N), sqrt(N))`` with
    ``N = ‖u_i‖_inf`` and ``kappa = min_k |<u_i, x_k>| / ‖x_k‖_1`` over the samples off its kink,
    the same for all members; the second term counts only where the neuron has kinks. So without
    kinks the smallest N is the widest, with kinks ``N = kappa`` where the family reaches it.

    Parameters
    ----------
    theta : Parametrization
    X : array_like of shape (n, d)
        What the network sees.
    space : Space
        Theta is in it. Where it is N, or the data are not lifted, it is returned as it is.

    Examples
    --------
    >>> from landscape import Parametrization, RestrictedSpace, certify_minimum, lift_inputs
    >>> X, y = lift_inputs([[1.0], [2.0], [-3.0]]), [1.0, 2.0, 0.5]
    >>> theta = Parametrization.from_products([[1.0, 9.0, 9.0]], [1])
    >>> space = RestrictedSpace(3, 1)
    >>> wide = widest_member(theta, X, space)
    >>> wide.products
    array([[1., 1., 1.]])
    >>> for member in theta, wide:
    ...     print(round(certify_minimum(member, X, y, space=space).radius, 4))
    0.1111
    0.3333
    """
    problem = EffectiveProblem.build(theta, X, np.zeros(len(np.asarray(X))), space)
    if not problem.reduced:
        return theta
    state = problem.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    norms = np.abs(np.asarray(X, dtype=float)).sum(axis=1)
    w, bias = max_norms(state.u[:, :-1]), np.abs(state.u[:, -1])
    # What p and q need: N* asks for more than 0, N' for nothing.
    low = 0.5 * bias
    if isinstance(space, RestrictedSpace):
        low = np.maximum(space.margin * (1 + 1e-9), FLOOR * np.maximum(w, bias)) + bias
    least = np.maximum(w, low)
    reach = np.abs(z) / np.where(norms > 0, norms, 1.0)[:, None]
    kappa = np.where(kinks, np.inf, reach).min(axis=0)
    bent = kinks[norms > 0].any(axis=0)
    sizes = np.where(bent, np.maximum(least, kappa), least)
    free = ~np.isfinite(sizes)  # the apex: all samples on its kink, the wider the better
    roots = np.sqrt(np.where(free, 1.0, sizes))
    limits = np.minimum(kappa / roots, np.where(bent, roots, np.inf))
    rest = float(limits[~free].min()) if (~free).any() else 0.0
    sizes[free] = np.maximum(np.maximum(least, max_norms(theta.products)), rest**2)[free]
    u, bias, top = state.u, state.u[:, -1], sizes.copy()  # top: the larger of p and q
    for _ in range(2 * len(u) + 2):
        rows = np.column_stack([u[:, :-1], top + np.minimum(bias, 0), top - np.maximum(bias, 0)])
        parallel = (group_directions(rows) != np.arange(len(u))) & ~free  # the apex: see Theorem 4
        if not parallel.any():
            break
        top[parallel] *= 1 + FLOOR / (4 + np.cumsum(parallel)[parallel]) / (2 * len(u) + 2)
    return Parametrization.from_products(rows, problem.signs)
