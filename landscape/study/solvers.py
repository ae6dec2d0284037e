"""What solvers of scipy.optimize end at over N*, before any descent, and what descent adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from landscape.errors import NUMERICAL_ERRORS
from landscape.pipeline import say
from landscape.study.cells import Cell, Progress, quiet
from landscape.study.own_solvers import solver_named
from landscape.study.rows import Run
from landscape.study.training import descent_columns, training_columns

__all__ = ["run_solvers"]


def run_solvers(
    cell: Cell,
    *,
    solvers: Sequence[str],
    starts: int,
    max_iter: int,
    slow_max_iter: int,
    tol: float,
    max_descent: int,
    own: Mapping[str, str] | None = None,
    progress: Progress = quiet,
) -> list[Run]:
    """Train the first ``starts`` starts of the study with every solver, test, descend.

    Parameters
    ----------
    cell : Cell
    solvers : sequence of str
        Of :data:`landscape.training.SOLVERS`, or of ``own``.
    starts : int
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
    progress : callable
        Receives one line per solver.
    """
    task, rows = cell.task("restricted"), []
    for solver in solvers:
        function = solver_named(solver, own or {})
        limit = slow_max_iter if solver == "trust-constr" else max_iter
        passed = 0
        for start in range(starts):
            theta = task.embed(cell.start(start)[0])
            fit = task.train(theta, solver=function, max_iter=limit, tol=tol)
            try:
                certificate = task.certify(fit.parametrization)
                verdict, reason = certificate.verdict.value, certificate.reason
            except NUMERICAL_ERRORS as error:
                verdict, reason = "undecided", say(error)
            end = task.end(fit.parametrization, max_iter=max_descent)
            rows.append(
                Run(
                    **cell.place,
                    solver=solver,
                    start=start,
                    **training_columns(fit),
                    trained_verdict=verdict,
                    trained_reason=reason,
                    **descent_columns(end),
                )
            )
            passed += verdict == "holds"
        progress(f"{solver}: {passed} of {starts} end points are minima before descent")
    return rows
