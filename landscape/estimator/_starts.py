"""One start: from its seed, over a solver, down to a local minimum with its certificate."""

from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from landscape.descent import Descent, descend
from landscape.errors import NUMERICAL_ERRORS
from landscape.estimator._losses import best_constant, smoothed, target_units
from landscape.estimator._smooth import FAR, SWAPS, SmoothProblem, Watch, find_basin, settle
from landscape.estimator._sobolev import SobolevLoss
from landscape.losses import Loss
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.networks import Network
from landscape.objective import weight_samples
from landscape.parametrization import Parametrization
from landscape.realization import input_gradients, realize
from landscape.spaces import Space, UnrestrictedSpace
from landscape.standardization import Samples, Units, blocks, from_raw, lift_rows
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

#: A descent takes its Newton steps with so many parameters ``m (d + 1)``, and samples times these,
#: at most, unless it is asked for: beyond, they cost more than the smooth descent.
AFFORDABLE, LARGE = 360, 2_000_000

#: Beyond these, and without a certificate, a start ends where steps lower the loss by less than
#: this share of it: the rest would take most of the time, for about a percent of the loss.
SHARE = 1e-5

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
    space: Space
    solver: str  # "smoothing", "descent" for none, or one of `landscape.training.SOLVERS`
    max_iter: int
    tol: float
    alpha: float | Array = 0.0  # one, or one for each feature
    gradient_weight: float = 0.0  # 0 where none are given
    sample_loss: Loss | None = None  # in the units of the fit; None is the squared one
    linear: bool = False
    polish: bool = True
    certify: bool | str = True
    watch: Watch = field(default_factory=Watch)

    @property
    def units(self) -> Units:
        """Those of the fit."""
        return self.samples.units

    @property
    def degree(self) -> int:
        """The loss in another unit is the same one times this power of it."""
        return 2 if self.sample_loss is None else self.sample_loss.degree

    @property
    def size(self) -> float:
        """A loss of one deviation of the target, in the units of the data."""
        return (self.standard.target_scale * self.units.target_scale) ** self.degree

    @property
    def form(self) -> dict[str, Any]:
        """The loss as `certify_minimum` and `train` take it."""
        if self.sample_loss is None:
            return {}
        weights = self.samples.weights
        equal = bool((weights == weights[0]).all())
        return {"loss": self.sample_loss, "sample_weight": None if equal else weights}

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Embedded features and targets; of squared losses times the roots of the weights."""
        samples = self.samples
        if self.sample_loss is not None:
            return self.space.embed(samples.features()), samples.target
        return weight_samples(self.space.embed(samples.features()), samples.target, samples.weights)

    @property
    def free(self) -> bool:
        """Whether the networks have an offset."""
        return isinstance(self.space, UnrestrictedSpace)

    @cached_property
    def standard(self) -> Units:
        """From here to mean 0 and deviation 1; without an offset the target keeps its mean."""
        target = target_units(self.sample_loss, self.samples)
        return Units.exact(self.samples, offset=self.free, target=target)

    @property
    def affine(self) -> tuple[int, ...]:
        """The neurons that stand for the linear term: one, and the offset's on N* and N'."""
        last = self.space.n_neurons - 1
        return () if not self.linear else (0,) if self.free else (0, last)

    @property
    def large(self) -> str:
        """What there is too much of for a descent in Newton steps, if there is."""
        neurons = self.space.n_neurons - self.free
        parameters = neurons * (self.samples.X.shape[1] + 1)
        if parameters > AFFORDABLE:
            return f"{parameters} parameters, more than {AFFORDABLE}"
        if (n := len(self.samples.target)) * parameters > LARGE:
            return f"{n} samples times {parameters} parameters exceed {LARGE}"
        return ""

    @property
    def left_out(self) -> str:
        """Why there is no certificate, if there is to be none."""
        if self.certify == "auto" and self.sobolev is None and self.large:
            return f"no certificate: {self.large}"
        return "" if self.certify else "no certificate: certify=False"

    @property
    def penalty(self) -> Array | None:
        """Of the squares of product coordinates, (space.n_inputs,)."""
        if not np.any(self.alpha):
            return None
        alpha = self.alpha * self.units.target_scale ** (2 - self.degree)
        return np.append(alpha / self.units.scale**2, np.zeros(self.space.extra_inputs))

    @cached_property
    def sobolev(self) -> SobolevLoss | None:
        """The loss, where gradients are fitted."""
        gradients = self.samples.gradients
        if self.gradient_weight == 0 or gradients is None:
            return None
        weights = self.gradient_weight / self.units.scale**2
        return SobolevLoss(*self.data, gradients, weights, self.space, self.penalty)

    @property
    def constant(self) -> float:
        """What the loss on the samples has on top of that on the data."""
        samples = self.samples
        if self.sobolev is None:
            return samples.constant
        return samples.constant + float(self.sobolev.weights @ samples.gradient_constant)

    @cached_property
    def smooth(self) -> SmoothProblem:
        """The standardized data, in single precision: they are only searched.

        So rounding in the units of the data does not decide where a search ends.
        """
        samples, standard = self.samples, self.standard
        factors = samples.weights * len(samples.target)
        roots = np.sqrt(factors) if self.sample_loss is None else np.ones_like(factors)
        X = np.ones((len(roots), len(standard.scale) + 1), np.float32)
        for part in blocks(len(X)):
            X[part, :-1] = standard.features(samples.features(part))
        penalty = np.append(self.alpha / (self.units.scale * standard.scale) ** 2, 0.0)
        penalty *= (self.units.target_scale * standard.target_scale) ** (2 - self.degree)
        y, loss = roots * standard.target(samples.target).astype(np.float32), None
        if self.sample_loss is not None:
            loss = smoothed(self.sample_loss.in_units(standard.target_scale)).on(y, factors)[1]
        penalty = penalty.astype(np.float32).astype(float)
        return SmoothProblem(X, roots, y, penalty, self.free, self.affine, loss)

    def in_units(self, loss: float) -> float:
        """A loss in the units of the data, on the samples."""
        return (loss + self.constant) * self.units.target_scale**self.degree

    def loss(self, theta: Parametrization) -> float:
        """With penalty and errors of gradients."""
        if self.sobolev is not None:
            return self.sobolev.search(theta).loss
        samples = self.samples
        inputs = (self.space.embed(samples.features(part)) for part in blocks(len(samples.target)))
        values = np.concatenate([realize(theta, X) for X in inputs])
        if self.sample_loss is None:
            losses = (values - samples.target) ** 2
        else:
            targets, own = self.sample_loss.on(samples.target)
            losses = own.value(values - targets)
        total = float(samples.weights @ losses)
        if self.penalty is not None:
            m = self.space.n_neurons - self.free
            total += float((theta.products[:m] ** 2 @ self.penalty).sum())
        return total

    @property
    def options(self) -> dict[str, Any]:
        """What certificates and descents take."""
        return {"space": self.space, "penalty": self.penalty, "budget": BUDGET, **self.form}

    def descend(self, theta: Parametrization, max_iter: int, *, settled: bool) -> Descent:
        """From theta to a point with a certificate, whatever its verdict.

        ``settled``: after smooth descent, samples next to kinks are put on them first.
        """
        if self.sobolev is not None:
            return self.sobolev.descend(theta, max_iter)
        options = self.options
        limits: Any = options | {"max_iter": max_iter, "deadline": self.watch.deadline}
        if settled:
            raw = Network.from_parametrization(theta, self.space)
            standard = self.standard.inward(raw)
            settled_raw = settle(self.smooth, standard, raw, self.samples.features())
            start = from_raw(self.space, settled_raw)
            descent = descend(start, *self.data, hold=True, **limits)
            held = descent.certificate is not None and descent.certificate.is_minimum
            if held and descent.loss <= self.loss(theta):
                return descent
        descent = descend(theta, *self.data, **limits)
        if descent.certificate is not None:
            return descent
        end = descent.parametrization
        return replace(descent, certificate=certify_minimum(end, *self.data, **options))

    def bent(self, theta: Parametrization) -> bool:
        """Whether a neuron that stands for the linear term has a kink among the samples."""
        X = self.data[0] if self.affine else np.empty((0, self.space.n_inputs))
        return bool((X @ theta.weights[list(self.affine)].T <= 0).any())


@dataclass(frozen=True)
class End:
    """Where a start ended; without a certificate if the computation failed."""

    row: dict[str, Any]  # in the table of starts
    parametrization: Parametrization
    certificate: Certificate | None
    losses: list[float]  # at the start, after the solver, after every line search of the descent
    interrupted: bool = False  # by the user

    @property
    def certified(self) -> bool:
        """Whether at a local minimum."""
        return self.certificate is not None and self.certificate.is_minimum

    @property
    def rank(self) -> tuple[bool, float]:
        """Ends with a verdict before all others, then smaller losses."""
        return self.certified or self.row["outcome"] == "no_minimum", -self.row["loss"]


def draw_start(problem: FitData, seed: int, index: int) -> tuple[Parametrization, int]:
    """Random start number ``index``, and its sign class: it does not depend on how many there are.

    The sign classes take turns (Theorems 1 and 5).
    """
    space, m = problem.space, problem.space.n_neurons - 1 - problem.linear
    rng, n_positive = stream(seed, "estimator: start", index), index % (m + 1)
    start = draw_network(rng, space.n_inputs - space.extra_inputs, m, n_positive=n_positive)
    if problem.linear:  # nothing but a constant at first
        rows = np.vstack([np.zeros(start.rows.shape[1]), start.rows])
        rows[0, -1] = FAR
        c, offset = np.append(1.0, start.output_weights), start.offset - FAR
        start = Network(rows[:, :-1], rows[:, -1], c, offset)
    return parametrize(problem, start), n_positive


def parametrize(problem: FitData, network: Network) -> Parametrization:
    """A network with an offset, of the standardized data, in the space and units of the fit."""
    raw = problem.standard.outward(network)
    if not problem.free or problem.degree == 0:
        mean = best_constant(problem.sample_loss, problem.samples)
        raw = replace(raw, offset=raw.offset + mean)
    return raw.to_parametrization(problem.space)


def _train(
    problem: FitData, theta: Parametrization, rng: np.random.Generator, swaps: int
) -> tuple[Parametrization, int]:
    """Near a minimum by the problem's solver, and its iterations."""
    space, tol, max_iter = problem.space, problem.tol, problem.max_iter
    scipy = problem.solver != "smoothing"
    skipped = scipy and (problem.penalty is not None or problem.linear)
    skipped = skipped or (problem.solver == "trf" and problem.sample_loss is not None)
    if problem.solver == "descent" or problem.sobolev or skipped:
        return theta, 0
    options: Any
    if not scipy:
        raw = problem.standard.inward(Network.from_parametrization(theta, space))
        options = {"tol": tol, "max_iter": max_iter, "swaps": swaps, "watch": problem.watch}
        options["share"] = SHARE if problem.large and problem.left_out else 0.0
        raw, n_iter = find_basin(problem.smooth, raw, rng, **options)
        return from_raw(space, problem.standard.outward(raw)), n_iter
    solver = problem.solver
    options = {"space": space, "solver": solver, "tol": tol, "max_iter": max_iter, **problem.form}
    fit = train(theta, *problem.data, **options)
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
    of a given theta "init", "warm_start" or "linear"; random numbers are streams of ``seed``.
    """
    certificate: Certificate | None = None
    losses: list[float] = []
    kind = "random" if theta is None else "given"
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
            losses.append(problem.in_units(problem.loss(theta)))
            row |= dict.fromkeys(("loss_start", "loss_trained", "loss"), losses[0])
            rng = stream(seed, f"estimator: search from a {kind} start", index)
            # Swaps bring starts into good basins, but many into the same: a third goes without.
            swaps = 0 if kind == "random" and index % 3 == 2 else SWAPS
            if origin != "linear":  # a minimum already
                theta, row["n_iter_solver"] = _train(problem, theta, rng, swaps)
            if row["n_iter_solver"]:
                losses.append(problem.in_units(problem.loss(theta)))
                row["loss_trained"] = row["loss"] = losses[-1]
            row["outcome"], row["reason"] = "solver", problem.left_out
            if not problem.left_out:
                theta, certificate = _finish(problem, theta, row, losses, (seed, kind, index))
        except NUMERICAL_ERRORS as error:
            row |= {"outcome": "failed", "reason": f"{type(error).__name__}: {error}"}
        except KeyboardInterrupt:
            problem.watch.interrupted = True
    if certificate is None and problem.watch.over():
        why = "interrupted" if problem.watch.interrupted else "time_limit"
        row |= {"outcome": why, "reason": f"no certificate: {why.replace('_', ' ')}"}
    return End(row, theta, certificate, losses, problem.watch.interrupted)


def _finish(
    problem: FitData,
    theta: Parametrization,
    row: dict[str, Any],
    losses: list[float],
    source: tuple[int, str, int],
) -> tuple[Parametrization, Certificate | None]:
    """The descent and the certificate of a start; the table's row and losses are completed."""
    if problem.watch.over():
        return theta, None
    if not problem.polish:
        certificate = (
            certify_minimum(theta, *problem.data, **problem.options)
            if problem.sobolev is None
            else problem.sobolev.certify(theta)
        )
        return theta, _record(problem, row, theta, certificate, "solver", "")
    for number in range(1 + ROUNDS):
        settled = number == 0 and row["n_iter_solver"] > 0 and problem.solver == "smoothing"
        descent = problem.descend(theta, problem.max_iter - row["n_iter"], settled=settled)
        theta = descent.parametrization
        losses += map(problem.in_units, descent.losses)
        row["n_iter"] += descent.n_iter
        # A penalty can be what silences a neuron: then it stays so.
        exhausted = number == ROUNDS or row["n_iter"] >= problem.max_iter or problem.watch.over()
        if exhausted or problem.penalty is not None or problem.sample_loss is not None:
            break
        seed, kind, index = source
        rng = stream(seed, f"estimator: new neurons of a {kind} start", index, number)
        if (changed := reinitialize(problem, theta, rng)) is None:
            break
        theta, row["n_reinitialized"] = changed, number + 1
    assert descent.certificate is not None
    outcome = descent.outcome.name.lower()
    if outcome == "iteration_limit" and problem.watch.over():
        outcome = "time_limit"
    return theta, _record(problem, row, theta, descent.certificate, outcome, descent.reason)


def _record(
    problem: FitData,
    row: dict[str, Any],
    theta: Parametrization,
    certificate: Certificate,
    outcome: str,
    reason: str,
) -> Certificate:
    """What a certificate says into the table's row; it is one of the problem, or undecided."""
    why = ""
    hidden = certificate.loss > UNEXPLAINED * problem.standard.target_scale**problem.degree
    if certificate.kind == "global" and hidden:
        why = "rounding hides what is left of the target: subtract its mean"
    if problem.bent(theta):
        why = "the neuron that stands for the linear term has a kink among the samples"
    if why:
        certificate = replace(
            certificate, verdict=Verdict.UNDECIDED, reason=why, radius=np.nan, slack=np.nan
        )
    fields = ("kind", "stationarity", "radius", "n_kinks", "n_silent")
    row |= {name: getattr(certificate, name) for name in fields}
    row |= {
        "outcome": outcome,
        "loss": problem.in_units(certificate.loss),
        "verdict": certificate.verdict.value,
        "reason": reason or certificate.reason,
    }
    if certificate.is_minimum:
        row["key"] = activation_key(theta, problem.data[0], space=problem.space)
    return certificate
