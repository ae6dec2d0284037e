"""More about distinct minima: proofs in rational arithmetic, radii bracketed in both spaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import max_norms
from landscape.pipeline import say
from landscape.probe import ExchangeBudget, search_ball
from landscape.radius import RadiusBudget, bracket_radius
from landscape.spaces import BalancedSpace
from landscape.study.cells import Cell, Progress, network_of, quiet, within_space
from landscape.study.rows import Bracket, Minimum
from landscape.study.training import proof_columns
from landscape.uniform import uniform_radius

__all__ = ["bracket_radii", "bracket_realizations", "prove_minima"]


def prove_minima(
    cell: Cell, minima: Iterable[Minimum], *, progress: Progress = quiet
) -> list[Minimum]:
    """Prove each distinct minimum in rational arithmetic, unless that was tried before.

    Returns
    -------
    list of Minimum
        With their columns on proofs.
    """
    rows = []
    for row in minima:
        if not row.proof:
            try:
                certificate = cell.task(row.space).certify(network_of(row), exact=True)
                row = replace(row, **proof_columns(certificate))
            except NUMERICAL_ERRORS as error:
                row = replace(row, proof="open", proof_reason=say(error))
        rows.append(row)
    proved = sum(row.proof == "proved" for row in rows)
    progress(f"{proved} of {len(rows)} minima are proved in rational arithmetic")
    return rows


def bracket_radii(
    cell: Cell,
    minima: Iterable[Minimum],
    *,
    spaces: Sequence[str],
    max_minima: int,
    budget: RadiusBudget | None = None,
    progress: Progress = quiet,
) -> list[Minimum]:
    """Bracket the radius in parameter space of the first minima of these spaces.

    Parameters
    ----------
    cell : Cell
    minima : iterable of Minimum
        From :func:`landscape.study.distinct.distinct_minima`.
    spaces : sequence of str
    max_minima : int
        Per space; the others keep the certificate's radius.
    budget : RadiusBudget, optional
        Counts, no times: the rows do not depend on the machine.
    progress : callable
        Receives one line per bracket.

    Returns
    -------
    list of Minimum
        With their brackets. After a numerical failure the bracket is that of the certificate, with
        the failure as its reason.
    """
    rows = []
    for row in minima:
        if row.space in spaces and row.minimum < max_minima:
            task = cell.task(row.space)
            rng = cell.stream("radius", row.space, row.first_start)
            try:
                found = bracket_radius(
                    network_of(row), task.X, task.y, space=task.space, budget=budget, rng=rng
                )
                row = replace(
                    row,
                    radius_low=found.r_low,
                    radius_high=found.r_high,
                    radius_low_method=found.method_low,
                    radius_high_method=found.method_high,
                    radius_nodes=found.n_nodes,
                    radius_reason=found.reason,
                )
            except NUMERICAL_ERRORS as error:
                row = replace(row, radius_high_method="none found", radius_reason=say(error))
            progress(
                f"{row.space}, minimum {row.minimum}: radius in "
                f"[{row.radius_low:.3g}, {row.radius_high:.3g}]"
            )
        rows.append(row)
    return rows


def bracket_realizations(
    cell: Cell,
    minima: Iterable[Minimum],
    *,
    spaces: Sequence[str],
    max_minima: int,
    factor: float = 3.0,
    budget: ExchangeBudget | None = None,
    progress: Progress = quiet,
) -> list[Bracket]:
    """Search balls of ``factor`` times ``min_i ‖u_i‖`` around the realizations of minima.

    Parameters
    ----------
    cell : Cell
    minima : iterable of Minimum
    spaces : sequence of str
        N*, N' or both.
    max_minima : int
        Per space, the best ones that lie in it.
    factor : float
    budget : ExchangeBudget, optional
    progress : callable
        Receives one line per minimum.

    Returns
    -------
    list of Bracket
        With the better realization, where one was found.
    """
    rows, minima = [], list(minima)
    for name in spaces:
        task, inside = cell.task(name), within_space(minima, name)
        assert isinstance(task.space, BalancedSpace)  # N* is one
        networks = {row.minimum: network_of(row) for row in inside}
        for row in inside[:max_minima]:
            theta = networks[row.minimum]
            smallest = float(max_norms(theta.products).min())
            bracket = Bracket(
                **cell.place,
                space=name,
                minimum=row.minimum,
                smallest=smallest,
                certified=row.sharp_radius,
                radius=factor * smallest,
            )
            try:
                found = search_ball(
                    theta,
                    task.X,
                    task.y,
                    radius=factor * smallest,
                    space=task.space,
                    rng=cell.stream("realization radius", name, row.first_start),
                    minima=[other for k, other in networks.items() if k != row.minimum],
                    certified_radius=row.radius if np.isfinite(row.radius) else 0.0,
                    budget=budget,
                )
                witness = found.witness
                bracket = replace(
                    bracket,
                    uniform_radius=_uniform(row),
                    radius_low=found.radius_low,
                    radius_high=found.radius_high,
                    reason_low=found.reason_low,
                    distance=found.distance,
                    gap=found.gap,
                    tolerance=found.tolerance,
                    exchanged=len(found.exchanged),
                    source=found.source,
                    programs=found.n_programs,
                    witnesses=found.n_witnesses,
                    weights=None if witness is None else witness.weights,
                    output_weights=None if witness is None else witness.output_weights,
                )
            except NUMERICAL_ERRORS as error:
                bracket = replace(bracket, reason=say(error))
            progress(
                f"{name}, minimum {row.minimum}: realization radius in "
                f"[{bracket.radius_low:.3g}, {bracket.radius_high:.3g}]"
            )
            rows.append(bracket)
    return rows


def _uniform(row: Minimum) -> float:
    """A radius of the realization in the uniform norm (Theorem 17); missing where there is none."""
    if row.space != "restricted" or not 0 < row.radius < np.inf:
        return np.nan
    return uniform_radius(network_of(row), row.radius).radius_uniform
