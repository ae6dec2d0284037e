"""One start: from its seed, over a solver, down to a local minimum with its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from landscape.descent import Search
from landscape.effective import EffectiveProblem
from landscape.estimator._coordinates import Standardization
from landscape.estimator._replant import replant
from landscape.estimator._samples import Samples
from landscape.estimator._smooth import SmoothProblem, find_basin
from landscape.estimator._sobolev import SobolevSearch
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.objective import weight_samples
from landscape.parametrization import Parametrization
from landscape.spaces import Space
from landscape.stationarity import Budget
from landscape.training import draw_network, train

__all__ = ["BUDGET", "End", "Problem", "draw_start", "run_start", "single_thread"]

Array = NDArray[np.float64]

#: For neurons with many mixed kinks (the apex of notes 7): no mixed-integer programs, which can
#: take minutes. Such a start ends as undecided, and others are there to be chosen.
BUDGET = Budget(max_rays=20_000)

#: How often silent neurons are put to use at most.
ROUNDS = 5

#: What bad numbers may raise; recorded as the outcome of a start.
NUMERICAL_TROUBLE = (ArithmeticError, ValueError, RuntimeError, np.linalg.LinAlgError)


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
class Problem:
    """What all starts of a fit share.

    Attributes
    ----------
    space : Space
    X : array of shape (g, space.n_inputs)
        Embedded features, rows scaled by the roots of the weights.
    y : array of shape (g,)
    constant : float
        What the loss on the samples has on top of that on X and y.
    mean, scale : arrays of shape (d,)
        Of the features.
    penalty : array of shape (space.n_inputs,) or None
        Of the squares of product coordinates; zero for the constant inputs.
    gradients : array of shape (g, d) or None
        Targets of the input gradients, for Sobolev training.
    gradient_weight : float
    standard : Standardization
    smooth : SmoothProblem
        The samples standardized, for the solver "smoothing".
    solver : str
        "smoothing", "descent" for none, or one of :data:`landscape.training.SOLVERS`. These know no
        penalty, and none of them gradients: there descent does it all.
    max_iter : int
    tol : float
    """

    space: Space
    X: Array
    y: Array
    constant: float
    mean: Array
    scale: Array
    penalty: Array | None
    gradients: Array | None
    gradient_weight: float
    standard: Standardization
    smooth: SmoothProblem
    solver: str
    max_iter: int
    tol: float

    @classmethod
    def build(
        cls,
        samples: Samples,
        space: Space,
        solver: str,
        max_iter: int,
        tol: float,
        alpha: float = 0.0,
        gradient_weight: float = 0.0,
    ) -> Problem:
        """The problem on the merged samples."""
        X, y = weight_samples(space.embed(samples.features), samples.target, samples.weights)
        mean, scale, _, _ = samples.scales()
        standard = Standardization.build(samples, space)
        penalty = None
        if alpha > 0:
            penalty = np.append(np.full(mean.size, alpha), np.zeros(space.extra_inputs))
            solver = solver if solver == "smoothing" else "descent"
        gradients, constant = None, samples.constant
        if samples.gradients is not None and gradient_weight > 0:
            gradients, solver = samples.gradients, "descent"
            constant += gradient_weight * samples.gradient_constant
        return cls(
            space,
            X,
            y,
            constant,
            mean,
            scale,
            penalty,
            gradients,
            gradient_weight,
            standard,
            standard.problem(samples, alpha),
            solver,
            max_iter,
            tol,
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
    samples: Samples, space: Space, n_neurons: int, entropy: Sequence[int], index: int
) -> tuple[Parametrization, int]:
    """Random start number ``index``: it does not depend on how many there are.

    The sign classes take turns (notes 1 and 5). Starts are drawn for standardized data and
    carried over to the data as they are.

    Returns
    -------
    theta : Parametrization
    n_positive : int
        Its sign class.
    """
    seed = np.random.SeedSequence(entropy, spawn_key=(index,))
    n_positive = index % (n_neurons + 1)
    mean, scale, target_mean, target_scale = samples.scales()
    network = draw_network(np.random.default_rng(seed), mean.size, n_neurons, n_positive=n_positive)
    weights = network.weights / scale
    theta = space.from_network(
        weights,
        network.biases - weights @ mean,
        network.output_weights * target_scale,
        network.offset * target_scale + target_mean,
    )
    return theta, n_positive


def _train(
    problem: Problem, theta: Parametrization, rng: np.random.Generator
) -> tuple[Parametrization, int]:
    """Near a minimum by the problem's solver, and its iterations."""
    if problem.solver == "descent":
        return theta, 0
    if problem.solver == "smoothing":
        raw, n_iter = find_basin(
            problem.smooth,
            problem.standard.to_raw(theta),
            rng,
            tol=problem.tol,
            max_iter=problem.max_iter,
        )
        return problem.standard.from_raw(raw), n_iter
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


def _search(problem: Problem, theta: Parametrization) -> Search | SobolevSearch:
    """The descent from theta, which holds the kinks that theta is on."""
    effective = EffectiveProblem.build(theta, problem.X, problem.y, problem.space, problem.penalty)
    if problem.gradients is None:
        search = Search(effective, BUDGET)
        search.held = effective.kink_pairs(search.state, effective.preactivations(search.state))
        return search
    return SobolevSearch(effective, problem.gradients, problem.gradient_weight)


def run_start(
    problem: Problem,
    theta: Parametrization,
    start: int,
    origin: str,
    n_positive: int,
    seed: np.random.SeedSequence,
) -> End:
    """Train, descend, put silent neurons to use and descend again, certify.

    Parameters
    ----------
    problem : Problem
    theta : Parametrization
        In the problem's space.
    start : int
        Its number, for the table.
    origin : str
        "random", "init" or "warm_start".
    n_positive : int
        Positive output weights of the network, without the offset's.
    seed : numpy.random.SeedSequence
        For `replant`.
    """
    space, X, y, constant = problem.space, problem.X, problem.y, problem.constant
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
        "n_replanted": 0,
        "n_kinks": -1,
        "n_silent": -1,
        "key": "",
    }
    certificate = None
    losses: list[float] = []
    with single_thread(), np.errstate(over="ignore", invalid="ignore"):
        try:
            losses.append(_search(problem, theta).loss + constant)
            row["loss_start"] = row["loss_trained"] = row["loss"] = losses[0]
            rng = np.random.default_rng(seed)
            theta, n_iter_solver = _train(problem, theta, rng)
            if n_iter_solver:
                losses.append(_search(problem, theta).loss + constant)
                row |= {"loss_trained": losses[-1], "n_iter_solver": n_iter_solver}
            n_iter, limit = 0, problem.max_iter
            for round_number in range(1 + ROUNDS):
                search = _search(problem, theta)
                outcome, reason = search.run(limit)
                theta = search.problem.parametrization(search.state)
                n_iter, limit = n_iter + search.n_iter, limit - search.n_iter
                losses.extend(value + constant for value in search.losses)
                planted = None
                # A penalty can be what silences a neuron: then it stays so.
                if round_number < ROUNDS and limit > 0 and problem.penalty is None:
                    planted = replant(problem, theta, rng)
                if planted is None:
                    break
                row["n_replanted"] += 1
                theta = planted
            row |= {
                "outcome": outcome.name.lower(),
                "reason": reason or outcome.sentence,
                "n_iter": n_iter,
                "loss": search.loss + constant,
            }
            if isinstance(search, SobolevSearch):
                messages = [violation.message for violation in space.violations(theta)]
                certificate = search.certificate(theta, X, messages)
            else:
                certificate = certify_minimum(
                    theta, X, y, space=space, budget=BUDGET, penalty=problem.penalty
                )
            row |= {
                "loss": certificate.loss + constant,
                "verdict": certificate.verdict.value,
                "reason": reason or certificate.reason,
                "kind": certificate.kind,
                "stationarity": certificate.stationarity,
                "radius": certificate.radius,
                "n_kinks": certificate.n_kinks,
                "n_silent": certificate.n_silent,
            }
            if certificate.is_minimum:
                row["key"] = activation_key(theta, X, space=space)
        except NUMERICAL_TROUBLE as error:
            row["reason"] = f"{type(error).__name__}: {error}"
    return End(row, theta, certificate, tuple(losses))
