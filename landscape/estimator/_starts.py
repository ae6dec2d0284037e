"""One start: from its seed, over a solver, down to a local minimum with its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from landscape.descent import Search
from landscape.effective import EffectiveProblem
from landscape.errors import NUMERICAL_ERRORS
from landscape.estimator._reinitialize import reinitialize
from landscape.estimator._samples import Samples
from landscape.estimator._smooth import RawNetwork, SmoothProblem, find_basin
from landscape.estimator._sobolev import SobolevSearch
from landscape.estimator._units import Units, from_rows, to_rows
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.objective import weight_samples
from landscape.parametrization import Parametrization
from landscape.spaces import Space, UnrestrictedSpace
from landscape.stationarity import Budget
from landscape.streams import stream
from landscape.training import draw_network, train
from landscape.verdict import Verdict

__all__ = ["BUDGET", "End", "FitData", "draw_start", "run_start", "single_thread"]

Array = NDArray[np.float64]

#: For neurons with many mixed kinks (Theorem 7), which can take minutes. Such a start ends as
#: undecided, and others are there to be chosen.
BUDGET = Budget(max_rays=20_000)

#: How often silent neurons are reinitialized at most.
ROUNDS = 5

#: A global minimum explains all of the target's variance but this share. Where the target's mean
#: exceeds its deviation by so much that rounding hides more, there is no verdict.
UNEXPLAINED = 1e-9


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the loaded libraries: once per process


def single_thread() -> Any:
    """Context in which BLAS uses one thread.

    The matrices are small, so that more threads cost time; and sums in another order would make
    results depend on the number of threads, with it on ``n_jobs``.
    """
    return _controller().limit(limits=1, user_api="blas")


@dataclass(frozen=True)
class FitData:
    """What all starts of a fit share, in the units of the fit.

    Attributes
    ----------
    space : Space
    units : Units
        Of the fit.
    X : array of shape (g, space.n_inputs)
        Embedded features, rows scaled by the roots of the weights.
    y : array of shape (g,)
    constant : float
        What the loss on the samples has on top of that on X and y.
    standard : Units
        From here to data with mean 0 and standard deviation 1, where starts are drawn; without an
        output's bias the target keeps its mean.
    offset : float
        That mean, for the functions that starts are drawn as; else 0.
    penalty : array of shape (space.n_inputs,) or None
        Of the squares of product coordinates; zero for the constant inputs.
    gradients : array of shape (g, d) or None
        Targets of the input gradients, for Sobolev training.
    gradient_weights : array of shape (d,)
        Weights of the squared errors of their entries.
    smooth : SmoothProblem
        The standardized data for the solver "smoothing".
    solver : str
        "smoothing", "descent" for none, or one of :data:`landscape.training.SOLVERS`. These know no
        penalty, and none of them gradients: there descent does it all.
    max_iter : int
    tol : float
    """

    space: Space
    units: Units
    X: Array
    y: Array
    constant: float
    standard: Units
    offset: float
    penalty: Array | None
    gradients: Array | None
    gradient_weights: Array
    smooth: SmoothProblem
    solver: str
    max_iter: int
    tol: float

    @classmethod
    def build(
        cls,
        samples: Samples,
        units: Units,
        space: Space,
        solver: str,
        max_iter: int,
        tol: float,
        alpha: float = 0.0,
        gradient_weight: float = 0.0,
    ) -> FitData:
        """The merged samples, already in ``units``; alpha and the weight are those of the data."""
        X, y = weight_samples(space.embed(samples.features), samples.target, samples.weights)
        offset = isinstance(space, UnrestrictedSpace)
        standard = Units.exact(samples, offset=offset)
        penalties = alpha / units.scale**2
        penalty = None
        if alpha > 0:
            penalty = np.append(penalties, np.zeros(space.extra_inputs))
            solver = solver if solver == "smoothing" else "descent"
        gradients, constant = None, samples.constant
        gradient_weights = gradient_weight / units.scale**2
        if samples.gradients is not None and gradient_weight > 0:
            gradients, solver = samples.gradients, "descent"
            constant += float(gradient_weights @ np.asarray(samples.gradient_constant))
        roots = np.sqrt(samples.weights * len(y))[:, None]
        plain = np.column_stack([standard.features(samples.features), np.ones(len(y))])
        return cls(
            space=space,
            units=units,
            X=X,
            y=y,
            constant=constant,
            standard=standard,
            offset=0.0 if offset else float(samples.weights @ samples.target),
            penalty=penalty,
            gradients=gradients,
            gradient_weights=gradient_weights,
            smooth=SmoothProblem(
                plain * roots,
                roots[:, 0] * standard.target(samples.target),
                offset,
                np.append(penalties / standard.scale**2, 0.0),
            ),
            solver=solver,
            max_iter=max_iter,
            tol=tol,
        )


@dataclass(frozen=True)
class End:
    """Where a start ended.

    Attributes
    ----------
    row : dict
        Its row in the table of starts.
    parametrization : Parametrization
    certificate : Certificate or None
        None if the computation failed.
    losses : tuple of float
        At the start, after the solver, and after every line search of the descent.
    """

    row: dict[str, Any]
    parametrization: Parametrization
    certificate: Certificate | None
    losses: tuple[float, ...]


def draw_start(
    problem: FitData, n_neurons: int, seed: int, index: int
) -> tuple[Parametrization, int]:
    """Random start number ``index``: it does not depend on how many there are.

    The sign classes take turns (Theorems 1 and 5).

    Returns
    -------
    theta : Parametrization
    n_positive : int
        Its sign class.
    """
    n_positive = index % (n_neurons + 1)
    d = problem.space.n_inputs - problem.space.extra_inputs
    rng = stream(seed, "estimator: start", index)
    network = draw_network(rng, d, n_neurons, n_positive=n_positive)
    rows = np.column_stack([network.weights, network.biases])
    rows, c, e = problem.standard.outward(rows, network.output_weights, network.offset)
    theta = problem.space.from_network(rows[:, :-1], rows[:, -1], c, e + problem.offset)
    return theta, n_positive


def _train(
    problem: FitData, theta: Parametrization, rng: np.random.Generator
) -> tuple[Parametrization, int]:
    """Near a minimum by the problem's solver, and its iterations."""
    if problem.solver == "descent":
        return theta, 0
    if problem.solver == "smoothing":
        raw, n_iter = find_basin(
            problem.smooth,
            RawNetwork(*problem.standard.inward(*to_rows(theta, problem.space))),
            rng,
            tol=problem.tol,
            max_iter=problem.max_iter,
        )
        rows, c, e = problem.standard.outward(raw.A, raw.c, raw.e)
        return from_rows(problem.space, rows, c, e), n_iter
    fit = train(
        theta,
        problem.X,
        problem.y,
        space=problem.space,
        solver=problem.solver,
        max_iter=problem.max_iter,
        tol=problem.tol,
    )
    return fit.parametrization, fit.n_iter


def _search(problem: FitData, theta: Parametrization) -> Search | SobolevSearch:
    """The descent from theta, which holds the kinks that theta is on."""
    effective = EffectiveProblem.build(theta, problem.X, problem.y, problem.space, problem.penalty)
    if problem.gradients is not None:
        return SobolevSearch(effective, problem.gradients, problem.gradient_weights)
    search = Search(effective, BUDGET)
    z = search.problem.preactivations(search.state)
    search.held = search.problem.kink_pairs(search.state, z)
    return search


def _certify(
    problem: FitData, theta: Parametrization, search: Search | SobolevSearch
) -> Certificate:
    """The certificate of the end of a start."""
    if isinstance(search, SobolevSearch):
        messages = [violation.message for violation in problem.space.violations(theta)]
        return search.certificate(theta, problem.X, messages)
    certificate = certify_minimum(
        theta,
        problem.X,
        problem.y,
        space=problem.space,
        budget=BUDGET,
        penalty=problem.penalty,
    )
    hidden = certificate.loss > UNEXPLAINED * problem.standard.target_scale**2
    if certificate.kind == "global" and hidden:
        reason = "rounding hides what is left of the target: subtract its mean"
        return replace(certificate, verdict=Verdict.UNDECIDED, reason=reason, radius=np.nan)
    if certificate.is_minimum and certificate.radius == 0:
        return replace(
            certificate, verdict=Verdict.UNDECIDED, reason="the radius is below rounding"
        )
    return certificate


def run_start(
    problem: FitData,
    theta: Parametrization,
    start: int,
    origin: str,
    n_positive: int,
    rng: np.random.Generator,
) -> End:
    """Train, descend, reinitialize silent neurons and descend again, certify.

    Parameters
    ----------
    problem : FitData
    theta : Parametrization
        In the problem's space.
    start : int
        Its number, for the table.
    origin : str
        "random", "init" or "warm_start".
    n_positive : int
        Positive output weights of the network, without the offset's.
    rng : numpy.random.Generator
        For swaps and `reinitialize`.
    """
    space, unit = problem.space, problem.units.target_scale**2
    row: dict[str, Any] = {
        "start": start,
        "origin": origin,
        "n_positive": n_positive,
        "loss_start": np.inf,
        "loss_trained": np.inf,
        "loss": np.inf,
        "outcome": "failed",
        "verdict": "undecided",
        "reason": "",
        "kind": "",
        "stationarity": np.nan,
        "radius": np.nan,
        "n_iter_solver": 0,
        "n_iter": 0,
        "n_reinitialized": 0,
        "n_kinks": -1,
        "n_silent": -1,
        "key": "",
    }
    certificate = None
    losses: list[float] = []

    def record(search: Search | SobolevSearch, *values: float) -> None:
        """Add losses of a search, in the units of the data."""
        own = search.problem.unit**2
        losses.extend((value * own + problem.constant) * unit for value in values)

    with single_thread(), np.errstate(over="ignore", invalid="ignore"):
        try:
            search = _search(problem, theta)
            record(search, search.loss)
            row["loss_start"] = row["loss_trained"] = row["loss"] = losses[0]
            theta, n_iter_solver = _train(problem, theta, rng)
            if n_iter_solver:
                search = _search(problem, theta)
                record(search, search.loss)
                row |= {"loss_trained": losses[-1], "n_iter_solver": n_iter_solver}
            n_iter, limit = 0, problem.max_iter
            for round_number in range(1 + ROUNDS):
                search = _search(problem, theta)
                outcome, reason = search.run(limit)
                theta = search.problem.parametrization(search.state)
                n_iter, limit = n_iter + search.n_iter, limit - search.n_iter
                record(search, *search.losses)
                changed = None
                # A penalty can be what silences a neuron: then it stays so.
                if round_number < ROUNDS and limit > 0 and problem.penalty is None:
                    changed = reinitialize(problem, theta, rng)
                if changed is None:
                    break
                row["n_reinitialized"] += 1
                theta = changed
            certificate = _certify(problem, theta, search)
            row |= {
                "outcome": outcome.name.lower(),
                "n_iter": n_iter,
                "loss": (certificate.loss + problem.constant) * unit,
                "verdict": certificate.verdict.value,
                "reason": reason or certificate.reason,
                "kind": certificate.kind,
                "stationarity": certificate.stationarity,
                "radius": certificate.radius,
                "n_kinks": certificate.n_kinks,
                "n_silent": certificate.n_silent,
            }
            if certificate.is_minimum:
                row["key"] = activation_key(theta, problem.X, space=space)
        except NUMERICAL_ERRORS as error:
            row["reason"] = f"{type(error).__name__}: {error}"
    return End(row, theta, certificate, tuple(losses))
