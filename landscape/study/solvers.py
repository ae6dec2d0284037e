"""What solvers of scipy.optimize end at over N*, before any descent, and what descent adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.spaces import make_space
from landscape.study.certificates import NUMERICAL_TROUBLE
from landscape.study.columns import Arrays, as_arrays
from landscape.study.own_solvers import solver_named
from landscape.study.starts import draw_start
from landscape.training import train

__all__ = ["solver_rows"]


def solver_rows(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    *,
    n_neurons: int,
    margin: float,
    dataset: str,
    seed: int,
    solvers: Sequence[str],
    starts: int,
    max_iter: int,
    slow_max_iter: int,
    tol: float,
    max_descent: int,
    own: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Arrays:
    """Train the first ``starts`` starts of the study with every solver, test, descend.

    Parameters
    ----------
    solvers : sequence of str
        Of :data:`landscape.training.SOLVERS`, or of ``own``.
    max_iter : int
        Iterations of the solvers.
    slow_max_iter : int
        Iterations of trust-constr, each of which costs as much as dozens of the others'.
    tol : float
        See :func:`landscape.training.train`.
    max_descent : int
        Steps of the descent.
    own : mapping of str to str, optional
        Import paths of a user's own solvers by name.

    Returns
    -------
    dict of arrays, one entry per solver and start
        ``solver``, ``start``, ``start_loss``, ``trained_loss``, ``training_outcome``,
        ``training_iterations``, ``training_evaluations``, ``trained_verdict`` (of the exact test
        at the solver's end point), ``trained_reason``, ``loss``, ``descent_outcome``,
        ``descent_iterations``.
    """
    n_features = features.shape[1]
    space = make_space("restricted", n_features, n_neurons, margin=margin)
    X = space.embed(features)
    rows = []
    for solver in solvers:
        function = solver_named(solver, own or {})
        limit = slow_max_iter if solver == "trust-constr" else max_iter
        for start in range(starts):
            network, _ = draw_start(seed, dataset, n_features, n_neurons, start)
            theta = space.from_network(
                network.weights, network.biases, network.output_weights, network.offset
            )
            fit = train(theta, X, target, space=space, solver=function, max_iter=limit, tol=tol)
            row: dict[str, Any] = {
                "solver": solver,
                "start": start,
                "start_loss": fit.loss_start,
                "trained_loss": fit.loss,
                "training_outcome": fit.outcome.name.lower(),
                "training_iterations": fit.n_iter,
                "training_evaluations": fit.n_evaluations,
                "trained_verdict": "undecided",
                "trained_reason": "",
                "loss": fit.loss,
                "descent_outcome": "failed",
                "descent_iterations": 0,
            }
            try:
                certificate = certify_minimum(fit.parametrization, X, target, space=space)
                row["trained_verdict"] = certificate.verdict.value
                row["trained_reason"] = certificate.reason
                end = descend(fit.parametrization, X, target, space=space, max_iter=max_descent)
                row["loss"] = end.loss
                row["descent_outcome"] = end.outcome.name.lower()
                row["descent_iterations"] = end.n_iter
            except NUMERICAL_TROUBLE as error:
                row["trained_reason"] = f"{type(error).__name__}: {error}"
            rows.append(row)
        mine = [row for row in rows if row["solver"] == solver]
        passed = sum(row["trained_verdict"] == "holds" for row in mine)
        progress(f"{solver}: {passed} of {starts} end points are minima before descent")
    return as_arrays(rows)
