"""One start: from its seed, over a solver, down to a local minimum with its certificate."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from landscape.descent import Descent, descend
from landscape.effective import EffectiveProblem
from landscape.errors import NUMERICAL_ERRORS
from landscape.estimator._smooth import SmoothProblem, find_basin
from landscape.estimator._sobolev import SobolevLoss
from landscape.estimator._units import Samples, Units, from_raw, lift_rows
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.networks import Network
from landscape.objective import weight_samples
from landscape.parametrization import Parametrization
from landscape.realization import input_gradients, realize
from landscape.spaces import Space, UnrestrictedSpace
from landscape.stationarity import Budget
from landscape.streams import stream
from landscape.training import draw_network, train
from landscape.verdict import Verdict

__all__ = ["End", "FitData", "draw_start", "reinitialize", "run_start", "single_thread"]

Array = NDArray[np.float64]

#: For neurons with many mixed kinks (Theorem 7), which can take minutes. Such a start ends as
#: undecided, and others are there to be chosen.
BUDGET = Budget(max_rays=20_000)

#: How often silent neurons are reinitialized at most, and the directions that are tried for each.
ROUNDS, CANDIDATES = 5, 256

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
    """What all starts of a fit share; alpha and the weight of gradients are those of the data.

    Solvers of scipy know no penalty, and none knows gradients: there descent does it all.
    """

    samples: Samples  # in the units of the fit
    units: Units
    space: Space
    solver: str  # "smoothing", "descent" for none, or one of `landscape.training.SOLVERS`
    max_iter: int
    tol: float
    alpha: float = 0.0
    gradient_weight: float = 0.0  # 0 where none are given

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Embedded features and targets, rows scaled by the roots of the weights."""
        samples = self.samples
        return weight_samples(self.space.embed(samples.features), samples.target, samples.weights)

    @property
    def free(self) -> bool:
        """Whether the networks have an offset."""
        return isinstance(self.space, UnrestrictedSpace)

    @cached_property
    def standard(self) -> Units:
        """From here to mean 0 and deviation 1; without an offset the target keeps its mean."""
        return Units.exact(self.samples, offset=self.free)

    @property
    def penalty(self) -> Array | None:
        """Of the squares of product coordinates, (space.n_inputs,)."""
        if self.alpha == 0:
            return None
        return np.append(self.alpha / self.units.scale**2, np.zeros(self.space.extra_inputs))

    @cached_property
    def sobolev(self) -> SobolevLoss | None:
        """The loss, where gradients are fitted."""
        if self.gradient_weight == 0:
            return None
        weights = self.gradient_weight / self.units.scale**2
        return SobolevLoss(*self.data, self.samples.gradients, weights, self.space, self.penalty)

    @property
    def constant(self) -> float:
        """What the loss on the samples has on top of that on the data."""
        samples = self.samples
        if self.sobolev is None:
            return samples.constant
        return samples.constant + float(self.sobolev.weights @ samples.gradient_constant)

    @cached_property
    def smooth(self) -> SmoothProblem:
        """The standardized data."""
        samples, standard = self.samples, self.standard
        roots = np.sqrt(samples.weights * len(samples.target))
        plain = np.column_stack([standard.features(samples.features), np.ones(len(roots))])
        penalty = np.append(self.alpha / (self.units.scale * standard.scale) ** 2, 0.0)
        y = roots * standard.target(samples.target)
        return SmoothProblem(plain * roots[:, None], y, roots * self.free, penalty)

    def loss(self, theta: Parametrization) -> float:
        """With penalty and errors of gradients."""
        if self.sobolev is not None:
            return self.sobolev.search(theta).loss
        problem = EffectiveProblem.build(theta, *self.data, self.space, self.penalty)
        return problem.loss(problem.state())

    def descend(self, theta: Parametrization, max_iter: int) -> Descent:
        """From theta to a point with a certificate, whatever its verdict."""
        if self.sobolev is not None:
            return self.sobolev.descend(theta, max_iter)
        options: Any = {"space": self.space, "penalty": self.penalty, "budget": BUDGET}
        descent = descend(theta, *self.data, max_iter=max_iter, **options)
        if descent.certificate is not None:
            return descent
        end = descent.parametrization
        return replace(descent, certificate=certify_minimum(end, *self.data, **options))


@dataclass(frozen=True)
class End:
    """Where a start ended; without a certificate if the computation failed."""

    row: dict[str, Any]  # in the table of starts
    parametrization: Parametrization
    certificate: Certificate | None
    losses: list[float]  # at the start, after the solver, after every line search of the descent

    @property
    def certified(self) -> bool:
        """Whether at a local minimum."""
        return self.certificate is not None and self.certificate.is_minimum


def draw_start(problem: FitData, seed: int, index: int) -> tuple[Parametrization, int]:
    """Random start number ``index``, and its sign class: it does not depend on how many there are.

    The sign classes take turns (Theorems 1 and 5).
    """
    space, m = problem.space, problem.space.n_neurons - 1
    rng, n_positive = stream(seed, "estimator: start", index), index % (m + 1)
    start = draw_network(rng, space.n_inputs - space.extra_inputs, m, n_positive=n_positive)
    raw = problem.standard.outward(start)
    if not problem.free:
        mean = float(problem.samples.weights @ problem.samples.target)
        raw = replace(raw, offset=raw.offset + mean)
    return raw.to_parametrization(space), n_positive


def _train(
    problem: FitData, theta: Parametrization, rng: np.random.Generator
) -> tuple[Parametrization, int]:
    """Near a minimum by the problem's solver, and its iterations."""
    space, tol, max_iter = problem.space, problem.tol, problem.max_iter
    scipy = problem.solver != "smoothing"
    if problem.solver == "descent" or problem.sobolev or (scipy and problem.alpha > 0):
        return theta, 0
    if not scipy:
        raw = problem.standard.inward(Network.from_parametrization(theta, space))
        raw, n_iter = find_basin(problem.smooth, raw, rng, tol=tol, max_iter=max_iter)
        return from_raw(space, problem.standard.outward(raw)), n_iter
    solver = problem.solver
    fit = train(theta, *problem.data, space=space, solver=solver, tol=tol, max_iter=max_iter)
    return fit.parametrization, fit.n_iter


def reinitialize(
    problem: FitData, theta: Parametrization, rng: np.random.Generator
) -> Parametrization | None:
    """Reinitialize neurons that are silent on all samples where they lower the loss most.

    A silent neuron is at a flat local minimum of its own, of no use to the function, and so is
    free to become any other one, of either sign. Each takes the best of `CANDIDATES` random
    directions, with its optimal size, given those before it (matching pursuit). The new ones make
    the loss smaller by what they correlate with the residuals: a strict decrease. None if no neuron
    is silent, or none of the candidates would help.
    """
    space, free, (X, y) = problem.space, problem.free, problem.data
    m, d = space.n_neurons - int(free), space.n_inputs - space.extra_inputs
    a, c = theta.weights.copy(), theta.output_weights.copy()
    silent = ~(1e-11 * np.abs(X).sum(axis=1)[:, None] < X @ a[:m].T).any(axis=0) | (c[:m] == 0)
    if not silent.any():
        return None
    s = realize(theta, X) - y
    rows = problem.standard.outward(draw_network(rng, d, CANDIDATES, n_positive=0)).rows
    plain = X[:, : d + 1]  # the last one is the root of the weight, 1 without weights
    ridges = np.maximum(plain @ rows.T, 0.0)
    if problem.sobolev is not None:
        # What the ridges add to the gradients, and the gradients' residuals, below the values.
        factors = np.sqrt(problem.sobolev.weights) * np.abs(plain[:, -1:])
        slopes = (plain @ rows.T > 0)[:, None, :] * factors[:, :, None] * rows[:, :-1].T
        ridges = np.vstack([ridges, slopes.reshape(-1, CANDIDATES)])
        s = np.append(s, factors * (input_gradients(theta, X)[:, :d] - problem.sobolev.gradients))
    sizes = np.linalg.norm(ridges, axis=0)
    ridges /= np.where(sizes > 1e-6 * sizes.max(), sizes, np.inf)
    least = np.sqrt(np.mean(s**2)) * 1e-9
    for i in np.flatnonzero(silent):
        gains = ridges.T @ s
        best = int(np.argmax(np.abs(gains)))
        if not abs(gains[best]) > least:  # none of those that are left helps
            break
        s -= gains[best] * ridges[:, best]
        amount, ridges[:, best] = -gains[best] / sizes[best], 0.0
        root, row = np.sqrt(abs(amount)), rows[[best]]
        a[i] = row[0] * root if free else lift_rows(space, row * abs(amount))[0] / root
        c[i] = np.sign(amount) * root
    if np.array_equal(c, theta.output_weights):
        return None
    return Parametrization(a, c) if free else Parametrization(a, c).balance()


def run_start(
    problem: FitData,
    seed: int,
    start: int,
    index: int,
    theta: Parametrization | None = None,
    origin: str = "random",
) -> End:
    """Draw, train, descend, reinitialize silent neurons and descend again, certify.

    ``start`` is its number in the table, ``index`` that among random or given starts, ``origin``
    of a given theta "init" or "warm_start"; random numbers are streams of ``seed``.
    """
    kind = "random" if theta is None else "given"
    certificate: Certificate | None = None
    losses: list[float] = []

    def in_units(loss: float) -> float:
        """In those of the data."""
        return (loss + problem.constant) * problem.units.target_scale**2

    with single_thread(), np.errstate(over="ignore", invalid="ignore"):
        if theta is None:
            theta, n_positive = draw_start(problem, seed, index)
        else:  # without an offset's sign
            n_positive = int((theta.signs[: len(theta.signs) - problem.free] > 0).sum())
        row: dict[str, Any] = {
            "start": start, "origin": origin, "n_positive": n_positive,
            "loss_start": np.inf, "loss_trained": np.inf, "loss": np.inf,
            "outcome": "failed", "verdict": "undecided", "reason": "", "kind": "",
            "stationarity": np.nan, "radius": np.nan, "n_iter_solver": 0, "n_iter": 0,
            "n_reinitialized": 0, "n_kinks": -1, "n_silent": -1, "key": "",
        }  # fmt: skip
        try:
            losses.append(in_units(problem.loss(theta)))
            row |= dict.fromkeys(("loss_start", "loss_trained", "loss"), losses[0])
            rng = stream(seed, f"estimator: search from a {kind} start", index)
            theta, row["n_iter_solver"] = _train(problem, theta, rng)
            if row["n_iter_solver"]:
                losses.append(in_units(problem.loss(theta)))
                row["loss_trained"] = losses[-1]
            for number in range(1 + ROUNDS):
                descent = problem.descend(theta, problem.max_iter - row["n_iter"])
                theta = descent.parametrization
                losses += map(in_units, descent.losses)
                row["n_iter"] += descent.n_iter
                # A penalty can be what silences a neuron: then it stays so.
                exhausted = number == ROUNDS or row["n_iter"] >= problem.max_iter
                if exhausted or problem.penalty is not None:
                    break
                rng = stream(seed, f"estimator: new neurons of a {kind} start", index, number)
                if (changed := reinitialize(problem, theta, rng)) is None:
                    break
                theta, row["n_reinitialized"] = changed, number + 1
            certificate = descent.certificate
            assert certificate is not None
            hidden = certificate.loss > UNEXPLAINED * problem.standard.target_scale**2
            if certificate.kind == "global" and hidden:
                reason = "rounding hides what is left of the target: subtract its mean"
                certificate = replace(
                    certificate, verdict=Verdict.UNDECIDED, reason=reason, radius=np.nan
                )
            fields = ("kind", "stationarity", "radius", "n_kinks", "n_silent")
            row |= {name: getattr(certificate, name) for name in fields}
            row |= {
                "outcome": descent.outcome.name.lower(),
                "loss": in_units(certificate.loss),
                "verdict": certificate.verdict.value,
                "reason": descent.reason or certificate.reason,
            }
            if certificate.is_minimum:
                row["key"] = activation_key(theta, problem.data[0], space=problem.space)
        except NUMERICAL_ERRORS as error:
            row["reason"] = f"{type(error).__name__}: {error}"
    return End(row, theta, certificate, losses)
