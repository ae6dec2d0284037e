"""All three controls (notes 11) on the minima of a data set: they have to be violated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, max_norms
from landscape.probe import CONTROLS, steepest_ridge
from landscape.probe.controls import active_direction
from landscape.realization import realize
from landscape.spaces import RestrictedSpace, make_space
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays
from landscape.study.starts import generator

__all__ = ["control_rows", "extend_by_linear", "ridge_rows"]

Array = NDArray[np.float64]

_EMPTY: dict[str, Any] = {
    "base": "minimum",
    "verdict": "undecided",
    "certificate_radius": np.nan,
    "step": 0,
    "distance": np.nan,
    "gap": np.nan,
    "tolerance": np.nan,
    "parameter_distance": np.nan,
    "slope": np.nan,
    "reason": "",
}


def control_rows(
    features: Array,
    target: Array,
    minima: Arrays,
    *,
    n_neurons: int,
    margin: float,
    dataset: str,
    seed: int,
    n_steps: int,
    max_minima: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """The controls C.1, C.2 and C.3 built from distinct minima of N*.

    C.3 needs ``sum_k s_k x_k = 0``. Where a minimum does not have that, two neurons that are
    active on all samples are added to it, so that the linear part is optimal, and the descent goes
    on from there: ``base`` is then ``"extended"``.

    Parameters
    ----------
    minima : dict of arrays
        Distinct minima of N* for the same data.
    n_steps : int
        Realizations per control, at seminorm distances that go to 0.
    max_minima : int
        At most so many minima, the best ones.

    Returns
    -------
    dict of arrays, one entry per step
        ``minimum``, ``kind`` ("C.1", "C.2", "C.3"), ``base``, ``verdict``,
        ``certificate_radius``, ``step``, ``distance`` (exact seminorm), ``gap`` (decrease of the
        loss), ``tolerance``, ``parameter_distance`` (lower bound for every parametrization of the
        better realization), ``slope``, ``reason``.
    """
    space = make_space("restricted", features.shape[1], n_neurons, margin=margin)
    assert isinstance(space, RestrictedSpace)
    X = space.embed(features)
    rows = []
    for k in within_space(minima)[:max_minima]:
        theta = Parametrization(minima["weights"][k], minima["output_weights"][k])
        number = int(minima["minimum"][k])
        verdicts = []
        for kind in CONTROLS:
            rng = generator(seed, dataset, n_neurons, int(minima["start"][k]), int(kind[-1]))
            found = _control_steps(kind, theta, X, target, space, rng, n_steps)
            rows += [{"minimum": number, "kind": kind, **row} for row in found]
            verdicts.append(f"{kind} {found[0]['verdict']}")
        progress(f"minimum {number}: {', '.join(verdicts)}")
    return as_arrays(rows)


def _control_steps(
    kind: str,
    theta: Parametrization,
    X: Array,
    y: Array,
    space: RestrictedSpace,
    rng: np.random.Generator,
    n_steps: int,
) -> list[dict[str, Any]]:
    base = "minimum"
    try:
        control = CONTROLS[kind](theta, X, y, rng=rng, n_steps=n_steps)
        if kind == "C.3" and not control.certificate.is_minimum:
            extended = extend_by_linear(theta, X, y, space)
            if extended is not None:
                base = "extended"
                control = CONTROLS[kind](extended, X, y, rng=rng, n_steps=n_steps)
    except NUMERICAL_TROUBLE as error:
        return [{**_EMPTY, "base": base, "reason": f"{type(error).__name__}: {error}"}]
    return [
        {
            **_EMPTY,
            "base": base,
            "verdict": control.verdict.value,
            "certificate_radius": float(control.certificate.radius),
            "step": step,
            "distance": float(control.distances[step]),
            "gap": float(control.gaps[step]),
            "tolerance": float(control.tolerances[step]),
            "parameter_distance": float(control.parameter_distance),
            "slope": float(control.slope),
            "reason": control.reason,
        }
        for step in range(n_steps)
    ]


def extend_by_linear(
    theta: Parametrization, X: Array, y: Array, space: RestrictedSpace
) -> Parametrization | None:
    """A certified minimum of N* with two more neurons, which are active on all samples.

    With (u_1, +) and (u_2, -), both active on all samples, every linear function can be added, so
    ``sum_k s_k x_k = 0`` at the minimum.

    Parameters
    ----------
    theta : Parametrization
        In the space.

    Returns
    -------
    gamma : Parametrization or None
        None if the descent does not end at a certified minimum of that kind.
    """
    a = active_direction(X, "C.3")
    reach = float((X @ a / np.abs(X).sum(axis=1)).min())
    s = realize(theta, X) - y
    line = -np.asarray(np.linalg.lstsq(X, s, rcond=None)[0])
    # Large enough that both stay active when the line is added, and for what descent still moves.
    size = 8.0 * (1.0 + float(np.abs(line).max())) / reach
    pair = size * np.vstack([a, 1.5 * a])
    pair[:, -2:] += np.maximum(0.0, 1.0 + 2 * space.margin - pair[:, -2:].min(axis=1))[:, None]
    pair[0] += line + np.where(np.arange(len(a)) == 0, reach * size / 8, 0.0)
    pair[0, -2:] += max(0.0, 1.0 + 2 * space.margin - float(pair[0, -2:].min()))
    products = np.vstack([theta.products, pair])
    signs = np.append(theta.signs, [1.0, -1.0])
    start = Parametrization.from_products(products, signs)
    wider = RestrictedSpace(
        space.n_inputs, theta.n_neurons + 2, margin=space.margin, bound=space.bound
    )
    end = descend(start, X, y, space=wider).parametrization
    if wider.violations(end) or not certify_minimum(end, X, y, space=wider).is_minimum:
        return None
    return end if (X @ end.weights.T > 0).all(axis=0).any() else None


def ridge_rows(
    features: Array,
    target: Array,
    minima: Arrays,
    *,
    n_neurons: int,
    margin: float,
    max_minima: int,
    node_limit: int,
) -> Arrays:
    """How much a spare neuron could help at each minimum: the exact Frank-Wolfe oracle.

    Returns
    -------
    dict of arrays, one entry per minimum
        ``minimum``, ``value`` and ``upper`` (bracket of the largest ``|sum_k s_k relu(<v, x_k>)|``
        over ``‖v‖_inf <= 1``), ``tolerance``, ``exact``, ``method``, ``optimal_wider`` (whether it
        is 0), ``relative`` (value over ``sum_k |s_k| ‖x_k‖_1``).
    """
    space = make_space("restricted", features.shape[1], n_neurons, margin=margin)
    X = space.embed(features)
    rows = []
    for k in within_space(minima)[:max_minima]:
        theta = Parametrization(minima["weights"][k], minima["output_weights"][k])
        ridge = steepest_ridge(X, realize(theta, X) - target, node_limit=node_limit)
        rows.append(
            {
                "minimum": int(minima["minimum"][k]),
                "value": ridge.value,
                "upper": ridge.upper,
                "tolerance": ridge.tolerance,
                "exact": ridge.exact,
                "method": ridge.method,
                "optimal_wider": ridge.is_zero,
                "relative": ridge.value / ridge.scale if ridge.scale > 0 else 0.0,
            }
        )
    return as_arrays(rows)


def within_space(minima: Arrays) -> list[int]:
    """Positions of the minima that keep every condition of their space, and contribute."""
    return [
        k
        for k, text in enumerate(minima.get("violations", ()))
        if not text and max_norms(minima["weights"][k]).min() > 0
    ]
