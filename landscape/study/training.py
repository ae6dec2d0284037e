"""Starts: trained over a space, descended to where the exact test ends them, certified.

docs/plugins.md says how a user's own solver is called.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from landscape.data.sources import DataError, load_function, own_code
from landscape.minima import certify_minimum
from landscape.study.cells import Array, Cell, Log, Task, attempt, quiet
from landscape.study.rows import Fit, Run
from landscape.training import Fit as Trained
from landscape.training import Solver, train

_ARGUMENTS = ("fun", "x0", "bounds", "max_iter", "tol")


def _training_columns(fit: Trained) -> dict[str, Any]:
    return {
        "start_loss": fit.loss_start, "trained_loss": fit.loss,
        "training_outcome": fit.outcome.name.lower(), "training_message": fit.message,
        "training_iterations": fit.n_iter, "training_evaluations": fit.n_evaluations,
    }  # fmt: skip


def train_starts(
    cell: Cell, space: str, starts: Iterable[int], *, progress: Log = quiet, **options: Any
) -> list[Fit]:
    """Train starts of a cell, by their indices, over a space; the descent is still to come.

    Options, ``solver``, ``max_iter`` and ``tol``, as in :func:`landscape.training.train`.
    """
    task, rows = cell.task(space), []
    for start in starts:
        network, n_positive = cell.start(start)
        fit = task.ask(train, task.embed(network), **options)
        place = {**cell.place, "space": space, "start": start, "positive_signs": n_positive}
        rows.append(row := Fit.copied(fit.parametrization, **place, **_training_columns(fit)))
        how = f"{row.training_outcome} after {fit.n_iter} iterations"
        progress(f"start {start}: loss {fit.loss:.6g}, {how}")
    return rows


def descend_starts(
    cell: Cell, fits: Iterable[Fit], *, max_iter: int, exact: bool = False, progress: Log = quiet
) -> list[Fit]:
    """Descend from what :func:`train_starts` gave, of any spaces, and certify where that ends.

    Ends of the unrestricted space are also lifted into N* (Lemma A.4) and descended from there:
    Corollary 1.3, item 2, start by start, where both minimize the same. With ``exact`` every
    certified minimum is proved in rational arithmetic as well.
    """
    rows, lifted = [], cell.task("restricted")
    for fit in fits:
        end = cell.task(fit.space).end(fit.network, max_iter=max_iter, exact=exact)
        row = Fit.copied(end, fit)
        if fit.space == "unrestricted" and cell.liftable:
            a, c = row.network.weights, row.network.output_weights
            gamma = lifted.space.from_network(a[:-1, :-1], a[:-1, -1], c[:-1], c[-1])
            other = lifted.end(gamma, max_iter=max_iter)
            losses: Any = {"lift_start_loss": other.loss_start, "lift_loss": other.loss}
            row = replace(row, **losses, lift_verdict=other.verdict)
        rows.append(row)
        progress(f"start {fit.start}: loss {end.loss:.6g}, {end.verdict} ({end.reason})")
    return rows


def run_solvers(
    cell: Cell, *, solvers: Sequence[str], starts: int, max_iter: int, slow_max_iter: int,
    tol: float, max_descent: int, own: Mapping[str, str] | None = None, progress: Log = quiet,
) -> list[Run]:  # fmt: skip
    """Train the first starts over N* with every solver, test its ends as they are, descend.

    ``own`` has the import paths of a user's own solvers by name. Iterations of trust-constr,
    ``slow_max_iter``, cost as much as dozens of the others'; ``max_descent`` are of the descent.
    """
    task, rows = cell.task("restricted"), []
    for solver in solvers:
        function = solver_named(solver, own or {})
        limit = slow_max_iter if solver == "trust-constr" else max_iter
        for start in range(starts):
            theta = task.embed(cell.start(start)[0])
            fit = task.ask(train, theta, solver=function, max_iter=limit, tol=tol)
            end = task.end(fit.parametrization, max_iter=max_descent)
            place = {**cell.place, "solver": solver, "start": start}
            row = Run.copied(end, **place, **_training_columns(fit))
            rows.append(attempt(row, _tested, task, fit, reason="trained_reason"))
        passed = sum(row.trained_verdict == "holds" for row in rows[-starts:])
        progress(f"{solver}: {passed} of {starts} end points are minima before descent")
    return rows


def solver_named(name: str, own: Mapping[str, str]) -> str | Solver:
    """What :func:`landscape.training.train` takes: the name, or a user's own function."""
    if name not in own:
        return name
    return load_function(f"plugins.solvers.{name}", own[name], *_ARGUMENTS)


def _tested(task: Task, fit: Trained) -> dict[str, Any]:
    found = task.ask(certify_minimum, fit.parametrization)
    return {"trained_verdict": found.verdict, "trained_reason": found.reason}


def try_solver(key: str, path: str) -> None:
    """Import a solver and try it twice on a parabola, as is done once before a study's jobs.

    DataError, which names ``key``, its place in the config, if it cannot be imported or called,
    returns something else, or not the same twice.
    """
    solver, what = load_function(key, path, *_ARGUMENTS), f"{key}: {path!r}"
    wanted = "return a scipy.optimize.OptimizeResult with a finite x of the start's shape"
    bounds = Bounds(np.array([-np.inf, 0.0, -np.inf]), np.full(3, np.inf))

    def parabola(x: Array) -> tuple[float, Array]:
        away = np.asarray(x, dtype=float) - [1.0, -1.0, 2.0]
        return float(away @ away), 2.0 * away

    ends = []
    for _ in range(2):
        with own_code(f"{what} failed on a parabola", "correct it"):
            found: Any = solver(parabola, np.ones(3), bounds=bounds, max_iter=50, tol=1e-9)
        if not isinstance(found, OptimizeResult) or "x" not in found:
            raise DataError(f"{what} returned a {type(found).__name__}; {wanted}")
        x = np.asarray(found.x, dtype=float)
        if x.shape != (3,) or not np.isfinite(x).all():
            raise DataError(f"{what} returned x = {x.tolist()}; {wanted}")
        ends.append(x.tolist())
    if ends[0] != ends[1]:
        again = f"{what} returned {ends[0]} and then {ends[1]} for the same problem"
        raise DataError(f"{again}; seed its random numbers")
