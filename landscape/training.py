"""Training by ``scipy.optimize`` over N*, N' and N, from starts that are paired over the spaces.

Solvers see the loss as smooth; near the kinks of the loss they stall, which is why every end
point goes on to :func:`landscape.descend`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, OptimizeResult, least_squares, minimize

from landscape.losses import Loss, WeightDecay, needs_loss
from landscape.networks import Network
from landscape.objective import Objective, objective_for
from landscape.parametrization import Parametrization
from landscape.regularization import Merging, Regularizer, merge_close, reseed
from landscape.spaces import Space, UnrestrictedSpace
from landscape.verdict import Outcome

__all__ = ["SOLVERS", "Fit", "FitOutcome", "Solver", "draw_network", "train", "train_merging"]

Array = NDArray[np.float64]

#: Names as in ``scipy.optimize``; "trf" is ``least_squares(method="trf")``.
SOLVERS = ("SLSQP", "L-BFGS-B", "trust-constr", "trf")
#: One's own: ``solver(fun, x0, bounds=..., max_iter=..., tol=...)``, ``fun`` with its gradient.
Solver = Callable[..., OptimizeResult]
#: What solvers fail with; one's own may with anything.
_TROUBLE = (ArithmeticError, ValueError, np.linalg.LinAlgError)
_OWN_TROUBLE = (Exception, SystemExit)


class FitOutcome(Outcome):
    """How a run of a solver ended."""

    CONVERGED = "The solver's own test of convergence was met."
    ITERATION_LIMIT = "The limit of iterations or evaluations was reached first."
    STALLED = "The solver stopped without progress, as it does at kinks of the loss."
    FAILED = "The solver failed; the best point that it had evaluated is kept."


@dataclass(frozen=True)
class Fit:
    """End of a training run."""

    #: Never worse than the start (with its penalty, if there is one).
    parametrization: Parametrization
    loss: float  #: Mean squared error there, or mean loss; without ``penalty``.
    loss_start: float  #: That of the start.
    outcome: FitOutcome  #: How the run ended; its value is a sentence.
    message: str  #: The solver's own words.
    n_iter: int  #: Iterations of the solver.
    n_evaluations: int  #: Evaluations of the loss, most of them with its gradient.
    penalty: float = 0.0  #: Of the regularizer at the end point.
    n_merged: int = 0  #: Neurons that :func:`train_merging` merged into others.


def draw_network(
    rng: np.random.Generator, n_features: int, n_neurons: int, *, n_positive: int
) -> Network:
    """A random start with ``n_positive`` positive output weights (stratified, Theorem 1).

    Weight vectors are gaussian with unit expected squared norm, biases uniform in [-1, 1], output
    weights of size about ``1 / sqrt(n_neurons)``: kinks fall among standardized features.
    """
    if not 0 <= n_positive <= n_neurons:
        raise ValueError(f"n_positive: expected 0 to {n_neurons}, got {n_positive}")
    weights = rng.standard_normal((n_neurons, n_features)) / np.sqrt(n_features)
    biases = rng.uniform(-1.0, 1.0, n_neurons)
    sizes = (0.5 + rng.random(n_neurons)) / np.sqrt(n_neurons)
    signs = np.where(np.arange(n_neurons) < n_positive, 1.0, -1.0)
    return Network(weights, biases, signs * sizes, float(0.1 * rng.standard_normal()))


class _Counted:
    """The objective as the solver sees it: counts evaluations and keeps the best point."""

    def __init__(self, objective: Objective, start: Array, regularizer: Regularizer | None) -> None:
        self.objective, self.regularizer = objective, regularizer
        self.n_evaluations, self.place = 0, b""
        self.lower, self.upper = objective.bounds()
        self.bounded = bool(np.isfinite([self.lower, self.upper]).any())
        self.best_x = start
        self.best_value = objective.value(start) + self.penalty(start)[0]

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        return self.value(x), self.gradient(x)

    def value(self, x: Array) -> float:
        self._go_to(x)
        return self.current

    def gradient(self, x: Array) -> Array:
        self._go_to(x)
        return self.objective.gradient(x, self.at) + self.change

    def _go_to(self, x: Array) -> None:
        """Evaluate once where value and derivatives are asked for, in either order."""
        if (place := x.tobytes()) != self.place:
            self.place, self.at = place, self.objective.evaluate(x)
            penalty, self.change = self.penalty(x)
            self.current = self.objective.value(x, self.at) + penalty
            self.n_evaluations += 1
            # SLSQP may leave the bounds by rounding: what is kept lies inside them.
            if self.current < self.best_value and (
                not self.bounded or ((x >= self.lower) & (x <= self.upper)).all()
            ):
                self.best_x, self.best_value = x.copy(), self.current

    def penalty(self, x: Array) -> tuple[float, Array | float]:
        """The regularizer and its gradient in the flat coordinates of the unrestricted space."""
        if self.regularizer is None:
            return 0.0, 0.0
        theta, frozen = self.objective.unpack(x), self.objective.offset
        parts = theta.weights, theta.output_weights
        value, by_weights, by_output = self.regularizer.value_and_gradient(*parts, frozen=frozen)
        free = by_weights[: len(self.objective.lower)]
        return value, np.concatenate([free.ravel(), by_output])

    def residuals(self, x: Array) -> Array:
        self._go_to(x)
        return self.at.residuals / np.sqrt(self.objective.y.size)

    def jacobian(self, x: Array) -> Array:
        self._go_to(x)
        return self.objective.jacobian(x, self.at) / np.sqrt(self.objective.y.size)


def train(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    solver: str | Solver = "SLSQP",
    max_iter: int = 1000,
    tol: float = 1e-12,
    regularizer: Regularizer | None = None,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Fit:
    """Minimize the mean squared error, or another loss, over ``space`` from ``theta`` on.

    Parameters
    ----------
    theta : Parametrization
        The start. On N' and N* the signs of its output weights stay.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, ``space.embed(features)``, and targets.
    space : Space
    solver : {"SLSQP", "L-BFGS-B", "trust-constr", "trf"} or callable
        A function is called as ``solver(fun, x0, bounds=bounds, max_iter=max_iter, tol=tol)`` and
        returns an ``OptimizeResult``; ``fun(x)`` gives the loss and its gradient.
    max_iter : int
        Limit of iterations; reaching it is an outcome, not an error.
    tol : float
        Passed to the solver as its tolerance on the change of the loss and on the gradient.
    regularizer : Regularizer, optional
        Added to what the solver minimizes, on the unrestricted space; reported losses stay mean
        squared errors. Not for "trf", which minimizes sums of squares only.
    loss, sample_weight, weight_decay
        See :func:`landscape.certify_minimum`; reported losses contain them. Not for "trf".

    Raises
    ------
    ValueError
        For unknown solvers, data of the wrong shape, and a regularizer that does not apply or is
        infinite at the start. Numerical trouble does not raise.

    Examples
    --------
    >>> from landscape import UnrestrictedSpace
    >>> theta = Parametrization([[1.0]], [0.5])
    >>> fit = train(theta, [[1.0], [2.0]], [1.0, 2.0], space=UnrestrictedSpace(1, 1))
    >>> fit.outcome.name, bool(fit.loss < 1e-9)
    ('CONVERGED', True)
    """
    if not callable(solver) and solver not in SOLVERS:
        raise ValueError(f"solver: expected one of {', '.join(SOLVERS)}, got {solver!r}")
    if max_iter < 1:
        raise ValueError(f"max_iter: expected a positive integer, got {max_iter}")
    if regularizer is not None and not isinstance(space, UnrestrictedSpace):
        raise ValueError(
            f"regularizer: only for the unrestricted space, got the {space.name} one, whose "
            "elements are balanced by construction"
        )
    if regularizer is not None and solver == "trf":
        raise ValueError(
            "regularizer: 'trf' minimizes sums of squares only; take SLSQP, L-BFGS-B, trust-constr"
        )
    objective = objective_for(
        theta, X, y, space, loss=loss, sample_weight=sample_weight, weight_decay=weight_decay
    )
    if solver == "trf" and (needs_loss(loss, sample_weight) or objective.decay is not None):
        raise ValueError(
            "solver: 'trf' minimizes sums of squares only; take SLSQP, L-BFGS-B, trust-constr"
        )
    start = objective.pack(theta)
    counted = _Counted(objective, start, regularizer)
    if not np.isfinite(counted.best_value) and regularizer is not None:
        raise ValueError("regularizer: not finite at the start; move parallel neurons apart first")
    loss_start, n_iter = objective.value(start), 0
    trouble: tuple[type[BaseException], ...] = _OWN_TROUBLE if callable(solver) else _TROUBLE
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")  # solvers warn of what their status says as well
            result = _run(counted, start, solver, max_iter, tol)
    except trouble as error:
        outcome = FitOutcome.FAILED
        message = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        outcome, message = _outcome(result, solver, max_iter), str(result.get("message", ""))
        n_iter = int(getattr(result, "nit", None) or getattr(result, "njev", 0) or 0)
    x = counted.best_x
    value = objective.value(x) if regularizer is not None else counted.best_value
    end = objective.unpack(x), value, loss_start, outcome, message, n_iter, counted.n_evaluations
    return Fit(*end, penalty=counted.penalty(x)[0])


def train_merging(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: UnrestrictedSpace,
    merging: Merging,
    solver: str | Solver = "SLSQP",
    max_iter: int = 1000,
    tol: float = 1e-12,
    regularizer: Regularizer | None = None,
) -> Fit:
    """Train in rounds, and merge close neurons after each but the last, (35).

    A round starts the solver again, so it loses what the solver knows of curvature; what merging
    itself does is seen against rounds with ``Merging(angle=0)``. Ends after ``max_iter`` iterations
    altogether, or with a round that converges before its limit and merges nothing.

    Parameters
    ----------
    theta, X, y, space, solver, max_iter, tol, regularizer
        See :func:`train`. A frozen offset takes up neurons that come close to its direction.
    merging : Merging

    Returns
    -------
    fit : Fit
        Of all rounds together. Merging neurons that are not exactly parallel can raise the loss:
        the end may be worse than the start.
    """
    if not isinstance(space, UnrestrictedSpace):
        raise ValueError(f"space: expected an unrestricted space, got the {space.name} one")
    fits: list[Fit] = []
    n_merged = 0
    options: dict[str, Any] = {"solver": solver, "tol": tol, "regularizer": regularizer}
    for left in count(max_iter, -merging.every):
        fit = train(theta, X, y, space=space, max_iter=min(merging.every, left), **options)
        fits.append(fit)
        if left <= merging.every:
            break
        merged = merge_close(fit.parametrization, merging.angle, frozen=space.offset)
        if not merged.freed and fit.outcome is not FitOutcome.ITERATION_LIMIT:
            break
        n_merged += len(merged.freed)
        theta = merged.parametrization
        if merging.reseeded:
            theta = reseed(theta, X, y, merged.freed, merging.angle)
    return replace(
        fits[-1],
        loss_start=fits[0].loss_start,
        n_iter=sum(fit.n_iter for fit in fits),
        n_evaluations=sum(fit.n_evaluations for fit in fits),
        n_merged=n_merged,
    )


def _run(
    counted: _Counted, start: Array, solver: str | Solver, max_iter: int, tol: float
) -> OptimizeResult:
    ends = counted.lower, counted.upper
    bounds = Bounds(*ends)
    if callable(solver):
        fun = counted.value_and_gradient
        return solver(fun, start.copy(), bounds=bounds, max_iter=max_iter, tol=tol)
    if solver == "trf":
        stop = dict.fromkeys(("ftol", "xtol", "gtol"), max(tol, 1e-15)) | {"max_nfev": max_iter}
        return least_squares(counted.residuals, start, counted.jacobian, bounds=ends, **stop)
    own: dict[str, dict[str, Any]] = {
        "SLSQP": {"ftol": tol},
        "L-BFGS-B": {"ftol": tol, "gtol": tol, "maxfun": 20 * max_iter, "maxcor": 20},
        "trust-constr": {"gtol": max(tol, 1e-10), "xtol": max(tol, 1e-12)},
    }
    options = own[solver] | {"maxiter": max_iter}
    within = bounds if counted.bounded else None
    if solver == "trust-constr" and within:  # sparse matrices of a few bounds take twice the time
        options |= {"sparse_jacobian": False, "factorization_method": "SVDFactorization"}
    # Apart, as line searches ask for fewer gradients than values.
    jac, common = counted.gradient, {"method": solver, "bounds": within, "options": options}
    return minimize(counted.value, start, jac=jac, **common)


#: The solvers' status codes, as documented by scipy, in common terms; None stands for all others.
_CODES: dict[str, dict[int | None, str]] = {
    "SLSQP": {0: "CONVERGED", 8: "STALLED", 9: "ITERATION_LIMIT", None: "FAILED"},
    "L-BFGS-B": {0: "CONVERGED", 1: "ITERATION_LIMIT", None: "STALLED"},
    "trust-constr": {0: "ITERATION_LIMIT", 1: "CONVERGED", 2: "CONVERGED", None: "STALLED"},
    "trf": {0: "ITERATION_LIMIT", -1: "FAILED", None: "CONVERGED"},
}


def _outcome(result: OptimizeResult, solver: str | Solver, max_iter: int) -> FitOutcome:
    if not callable(solver):
        return FitOutcome[_CODES[solver].get(int(result.status), _CODES[solver][None])]
    if result.get("success", False):
        return FitOutcome.CONVERGED
    limit = int(result.get("nit", 0)) >= max_iter
    return FitOutcome.ITERATION_LIMIT if limit else FitOutcome.STALLED
