"""Starts: trained over a space, descended to where the exact test ends them, certified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from landscape.minima import Certificate
from landscape.pipeline import End
from landscape.study.cells import Cell, Progress, network_of, quiet
from landscape.study.rows import Fit
from landscape.training import Fit as Trained
from landscape.training import Solver
from landscape.verdict import Verdict

__all__ = [
    "certificate_columns",
    "descend_starts",
    "descent_columns",
    "proof_columns",
    "train_starts",
    "training_columns",
]


def training_columns(fit: Trained) -> dict[str, Any]:
    """How training went, as columns."""
    return {
        "start_loss": fit.loss_start,
        "trained_loss": fit.loss,
        "training_outcome": fit.outcome.name.lower(),
        "training_message": fit.message,
        "training_iterations": fit.n_iter,
        "training_evaluations": fit.n_evaluations,
    }


def descent_columns(end: End) -> dict[str, Any]:
    """How the descent went, as columns."""
    return {
        "loss": end.loss,
        "descent_outcome": end.outcome,
        "descent_iterations": end.n_iter,
        "verdict": end.verdict.value,
        "reason": end.reason,
    }


def certificate_columns(certificate: Certificate) -> dict[str, Any]:
    """A certificate and its proof, if one was tried, as columns."""
    return {
        "kind": certificate.kind,
        "kinks": certificate.n_kinks,
        "silent_neurons": certificate.n_silent,
        "stationarity": certificate.stationarity,
        "tolerance": certificate.tolerance,
        "slack": certificate.slack,
        "radius": certificate.radius,
        "violations": "; ".join(map(str, certificate.violations)),
        **proof_columns(certificate),
    }


def proof_columns(certificate: Certificate) -> dict[str, Any]:
    """The proof in rational arithmetic, if one was tried."""
    if certificate.proof is None:
        return {}
    found = certificate.proof
    words = {Verdict.HOLDS: "proved", Verdict.VIOLATED: "refuted", Verdict.UNDECIDED: "open"}
    return {
        "proof": words[found.verdict],
        "proof_reason": "" if found.proved else found.reason,
        "proof_distance": found.distance,
    }


def train_starts(
    cell: Cell,
    space: str,
    starts: Iterable[int],
    *,
    solver: str | Solver,
    max_iter: int,
    tol: float,
    progress: Progress = quiet,
) -> list[Fit]:
    """Train starts of a cell over a space.

    Parameters
    ----------
    cell : Cell
    space : str
    starts : iterable of int
        Their indices.
    solver, max_iter, tol
        See :func:`landscape.training.train`.
    progress : callable
        Receives one line per start.

    Returns
    -------
    list of Fit
        With the trained networks; what the descent makes of them is not there yet.
    """
    task, rows = cell.task(space), []
    for start in starts:
        network, n_positive = cell.start(start)
        fit = task.train(task.embed(network), solver=solver, max_iter=max_iter, tol=tol)
        row = Fit(
            **cell.place,
            space=space,
            start=start,
            positive_signs=n_positive,
            **training_columns(fit),
            weights=fit.parametrization.weights,
            output_weights=fit.parametrization.output_weights,
        )
        progress(
            f"start {start}: loss {fit.loss:.6g}, {row.training_outcome} after {fit.n_iter} "
            "iterations"
        )
        rows.append(row)
    return rows


def descend_starts(
    cell: Cell,
    fits: Iterable[Fit],
    *,
    max_iter: int,
    exact: bool = False,
    progress: Progress = quiet,
) -> list[Fit]:
    """Descend from trained points and certify where that ends.

    Ends of the unrestricted space are also lifted into N* (Lemma A.4) and descended from there:
    Corollary 1.3, item 2, start by start.

    Parameters
    ----------
    cell : Cell
    fits : iterable of Fit
        From :func:`train_starts`, of any spaces.
    max_iter : int
        Limit of descent steps.
    exact : bool
        Whether every certified minimum is proved in rational arithmetic as well.
    progress : callable
        Receives one line per start.

    Returns
    -------
    list of Fit
        Completed; their networks are where the descent ended.
    """
    rows, lifted = [], cell.task("restricted")
    for fit in fits:
        task = cell.task(fit.space)
        end = task.end(network_of(fit), max_iter=max_iter, exact=exact)
        a, c = end.parametrization.weights, end.parametrization.output_weights
        found = descent_columns(end)
        if end.certificate is not None:
            found |= certificate_columns(end.certificate)
        if fit.space == "unrestricted":
            gamma = lifted.space.from_network(a[:-1, :-1], a[:-1, -1], c[:-1], c[-1])
            other = lifted.end(gamma, max_iter=max_iter)
            found |= {
                "lift_start_loss": other.loss_start,
                "lift_loss": other.loss,
                "lift_verdict": other.verdict.value,
            }
        rows.append(replace(fit, **found, activation=end.activation, weights=a, output_weights=c))
        progress(f"start {fit.start}: loss {end.loss:.6g}, {end.verdict} ({end.reason})")
    return rows
