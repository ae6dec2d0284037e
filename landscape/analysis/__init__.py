"""One network on its data: is it a local minimum, how near is one, how degenerate, how steep.

The verdict is that of `landscape.certify_minimum` on the network's own numbers. The nearest minimum
is the nearest at which active-set descent ends, from the network and from where solvers lead from
it and from around it. Neurons are balanced first by powers of two, which changes no value, so that
the descent moves products and not scales; of the minima with the same values on the data the
nearest is taken. Its distance is that to all parametrizations of the minimum's function
(Theorem 16).

- `_case`: what is judged;
- `_gap`, `_face`: the nearest minimum;
- `_degeneracies`: C.1 to C.3, and the way down;
- `_record`: :class:`Analysis`, the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape.analysis._case import Array, Case, Objective, read_data, read_labels
from landscape.analysis._degeneracies import known_degeneracies, pair_angles, way_down
from landscape.analysis._gap import Gap, nearest_minimum
from landscape.analysis._record import Analysis, Lifted, to_json
from landscape.errors import NUMERICAL_ERRORS
from landscape.lipschitz import lipschitz_constant
from landscape.losses import Loss, WeightDecay
from landscape.minima import certify_minimum
from landscape.networks import Network, NetworkError, as_network, in_order
from landscape.parametrization import Parametrization
from landscape.probe import (
    Natural,
    Probe,
    examine_minimum,
    probe_realization,
    rigidity_radius,
)
from landscape.seminorm import sobolev_seminorm
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.trees import TreeBudget, TreeTooLarge, merge_tree

__all__ = ["Analysis", "Gap", "Lifted", "analyse", "pair_angles", "to_json"]

#: Products of samples, inputs and neurons up to which many further starts are tried.
SMALL = 20_000


def analyse(
    network: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: str | Space = "unrestricted",
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
    node_limit: int = 20_000,
    nearby: int | None = None,
    valleys: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> Analysis:
    """Analyse a network on data: verdict, nearest minimum, degeneracies, Lipschitz constants.

    Parameters
    ----------
    network : Network, or what `landscape.networks.as_network` takes
    X : array_like of shape (n, d)
        In the network's own units; a DataFrame in the order of the estimator's features.
    y : array_like of shape (n,) or (n, 1)
    space : {"unrestricted", "balanced", "restricted"} or Space
        N is that of the network's own numbers. In N' and N* it is rewritten by Lemma A.4.
    loss : str or Loss, optional
        Of `landscape.losses`. The squared one if not given; the logistic one for a classifier.
    weight_decay : float or WeightDecay, optional
        See `landscape.certify_minimum`. What a scikit-learn estimator minimizes says
        `landscape.networks.own_objective`.
    node_limit : int
        Limit of each search for a seminorm or Lipschitz constant.
    nearby : int, optional
        Further starts, around the network, from which the nearest minimum is sought: by default 24
        for small data and networks (n d m up to 20,000), else 6.
    valleys : bool
        Whether to make the merge tree of small data, which can take some seconds.
    progress : callable
        Receives lines of text.

    Returns
    -------
    analysis : Analysis

    Raises
    ------
    ValueError
        For data that do not fit, or weights that look transposed.

    Examples
    --------
    >>> from landscape import Network, analyse
    >>> network = Network([[1.0]], [0.0], [1.0], 0.0)
    >>> found = analyse(network, [[-1.0], [1.0], [2.0]], [0.0, 1.0, 2.5])
    >>> found.verdict, found.lipschitz[2].value, round(found.gap.loss, 6)
    (<Verdict.VIOLATED: 'violated'>, 1.0, 0.083333)
    """
    net = as_network(network, space if isinstance(space, Space) else None)
    if not net.n_neurons:
        raise NetworkError("network: expected at least one neuron, got a constant")
    classes = getattr(network, "classes_", None)
    if classes is not None:
        loss, y = "logistic" if loss is None else loss, read_labels(y, classes)
    form = Objective(loss, weight_decay)
    features, target = read_data(net, in_order(network, X), y, form.plain)
    where = net.space(space) if isinstance(space, str) else space
    case = Case(net, features, target, where, form)
    theta, inputs, value = case.theta, case.inputs, case.loss
    variance = float(np.var(target)) if not form.loss else 0.0
    certificate = certify_minimum(theta, inputs, target, space=where, **form.options)
    progress(f"{certificate.verdict.value}: {certificate.reason}; descend to a minimum")
    if nearby is None:
        nearby = 24 if features.size * net.n_neurons <= SMALL else 6
    gap = nearest_minimum(case, certificate, nearby)
    progress(f"{gap.outcome}; Proposition 1.2, and N*")
    notes: list[str] = []
    minimum = gap.parametrization
    implication: Natural | Probe | None = None
    if not form.plain:
        notes.append("Proposition 1.2, N* and the valley are left out: of the squared loss only")
    elif minimum is not None:
        try:
            if isinstance(where, RestrictedSpace):
                implication = _rigid(minimum, inputs, target, where)
            else:
                implication = examine_minimum(minimum, inputs, target, space=where)
        except NUMERICAL_ERRORS as error:
            notes.append(f"Proposition 1.2 at the minimum: {type(error).__name__}: {error}")
    lifted = None
    try:
        own = isinstance(where, UnrestrictedSpace)
        if form.plain:
            lifted = _lifted(net, features, target, gap.network if own else None)
    except NUMERICAL_ERRORS as error:
        notes.append(f"N*: {type(error).__name__}: {error}")
    tree, valley = None, None
    progress("valleys, seminorm and Lipschitz constants")
    if valleys and form.plain:
        try:
            budget = TreeBudget(max_cells=2_000, max_facets=300_000)
            tree = merge_tree(features, target, space=where, budget=budget)
            valley = tree.locate(theta)
        except TreeTooLarge as error:
            notes.append(f"no merge tree: {error}")
    return Analysis(
        net,
        where,
        features,
        target,
        value,
        1.0 - value / variance if variance > 0 else float("nan"),
        certificate,
        way_down(case, certificate),
        gap,
        known_degeneracies(case),
        implication,
        lifted,
        sobolev_seminorm(theta, node_limit=node_limit),
        {p: lipschitz_constant(net, norm=p, node_limit=node_limit) for p in (1.0, 2.0, np.inf)},
        tree,
        valley,
        tuple(notes),
        form.name,
    )


def _rigid(theta: Parametrization, inputs: Array, y: Array, space: RestrictedSpace) -> Probe | None:
    """The ball of rescalings around a minimum of N*."""
    radius = rigidity_radius(theta) * (1 - 1e-9)
    return probe_realization(theta, inputs, y, radius=radius, space=space) if radius > 0 else None


def _lifted(net: Network, X: Array, y: Array, nearest: Network | None) -> Lifted:
    """In N*; descent goes on from the nearest minimum of the space, where there is one."""
    space = net.space("restricted")
    assert isinstance(space, RestrictedSpace)
    case = Case(net.balanced(), X, y, space, Objective())
    certificate = certify_minimum(case.theta, case.inputs, y, space=space)
    gap = nearest_minimum(replace(case, network=net), certificate, 0, nearest)
    radius, probe = float("nan"), None
    if gap.parametrization is not None and gap.certificate is not None:
        radius = gap.certificate.radius**2 / 8
        probe = _rigid(gap.parametrization, case.inputs, y, space)
    return Lifted(case.theta, certificate, gap, radius, probe)
