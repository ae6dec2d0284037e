"""A user's own solvers, named in the config by the import path of an installed module.

A solver is called as ``solver(fun, x0, bounds=bounds, max_iter=max_iter, tol=tol)``: ``fun(x)``
gives the loss and its gradient, ``bounds`` is a ``scipy.optimize.Bounds``, and what it returns is a
``scipy.optimize.OptimizeResult``. The best point that it evaluated within the bounds counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, OptimizeResult

from landscape.data import DataError, load_function, own_code
from landscape.training import Solver

__all__ = ["solver_named", "try_solver"]

_ARGUMENTS = ("fun", "x0", "bounds", "max_iter", "tol")


def solver_named(name: str, own: Mapping[str, str]) -> str | Solver:
    """What :func:`landscape.training.train` takes: the name, or a user's own function."""
    if name not in own:
        return name
    return load_function(f"plugins.solvers.{name}", own[name], *_ARGUMENTS)


def try_solver(key: str, path: str) -> None:
    """Import a solver and try it twice on a parabola, as is done once before a study's jobs.

    DataError, which names ``key``, its place in the config, if it cannot be imported or called,
    returns something else, or not the same twice.
    """
    solver, what = load_function(key, path, *_ARGUMENTS), f"{key}: {path!r}"
    first, second = _try(what, solver), _try(what, solver)
    if not np.array_equal(first, second):
        raise DataError(
            f"{what} returned {first.tolist()} and then {second.tolist()} for the same problem; "
            "seed its random numbers"
        )


def _try(what: str, solver: Solver) -> NDArray[np.float64]:
    def parabola(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        away = np.asarray(x, dtype=float) - [1.0, -1.0, 2.0]
        return float(away @ away), 2.0 * away

    bounds = Bounds(np.array([-np.inf, 0.0, -np.inf]), np.full(3, np.inf))
    wanted = "return a scipy.optimize.OptimizeResult with a finite x of the start's shape"
    with own_code(f"{what} failed on a parabola", "correct it"):
        found: Any = solver(parabola, np.ones(3), bounds=bounds, max_iter=50, tol=1e-9)
    if not isinstance(found, OptimizeResult) or "x" not in found:
        raise DataError(f"{what} returned a {type(found).__name__}; {wanted}")
    x = np.asarray(found.x, dtype=float)
    if x.shape != (3,) or not np.isfinite(x).all():
        raise DataError(f"{what} returned x = {x.tolist()}; {wanted}")
    return x
