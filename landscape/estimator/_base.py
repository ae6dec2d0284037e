"""What the estimators share: the best of many starts, each finished by descent and certified."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from landscape.errors import NUMERICAL_ERRORS, require_extra, users_level
from landscape.estimator._losses import (
    LossName,
    choose_loss,
    is_squared,
    of_residuals,
    target_units,
)  # fmt: skip
from landscape.estimator._penalty import choose_penalty, linear_network
from landscape.estimator._smooth import Watch
from landscape.estimator._starts import End, FitData, run_start, single_thread
from landscape.losses import SquaredLoss
from landscape.minima import Certificate
from landscape.networks import Network
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.realization import input_gradients, realize
from landscape.seminorm import Seminorm, sobolev_seminorm
from landscape.spaces import SPACES, RestrictedSpace, UnrestrictedSpace, make_space
from landscape.standardization import Floats, Units, blocks, from_raw, merge_samples, resize
from landscape.training import SOLVERS
from landscape.verdict import Verdict

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn < 1.6

    def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **kwargs: Any) -> Any:
        """Its predecessor, a method."""
        return estimator._validate_data(X, y=y, **kwargs)


__all__ = ["AMOUNT", "FLOATS", "ShallowReLU", "realization_radius", "validate_data"]

Array = NDArray[np.float64]

#: Losses count as equal, and the earlier start wins, up to this times the target's variance.
TIE = 1e-12

#: Features are taken as they are; the fit computes in double precision.
FLOATS = [np.float64, np.float32]

COUNT = Interval(Integral, 1, None, closed="left")
AMOUNT = Interval(Real, 0, None, closed="left")


@dataclass(repr=False, eq=False)
class ShallowReLU(BaseEstimator):
    """A fit of networks with biases; subclasses say of which loss, and document parameters."""

    n_neurons: int = 5
    _: KW_ONLY
    space: str = "restricted"
    solver: str = "smoothing"
    n_starts: int = 20
    margin: float = 1e-3
    linear: bool = False
    alpha: float | str = 0.0
    max_iter: int = 10_000
    tol: float = 1e-8
    polish: bool = True
    certify: bool | str = "auto"
    max_time: float | None = None
    warm_start: bool = False
    init: Parametrization | Sequence[Parametrization] | None = None
    n_jobs: int | None = None
    random_state: Any = None
    verbose: bool | int = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neurons": [Interval(Integral, 0, None, closed="left")],
        **{key: [COUNT] for key in ("n_starts", "max_iter")},
        **{key: [AMOUNT] for key in ("margin", "tol")},
        "alpha": [AMOUNT, StrOptions({"auto"})],
        "space": [StrOptions(set(SPACES))],
        "solver": [StrOptions({*SOLVERS, "smoothing", "descent"})],
        **{key: ["boolean"] for key in ("linear", "polish", "warm_start")},
        "certify": ["boolean", StrOptions({"auto"})],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "init": [None, Parametrization, list, tuple],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _fit(
        self,
        features: Floats,
        target: Array,
        weights: Array | None,
        loss: LossName,
        *,
        gradients: Array | None = None,
        gradient_weight: float = 0.0,
        quantile: float = 0.5,
    ) -> tuple[FitData, End, list[dict[str, Any]], int]:
        """The problem, its best end, the rows of all starts, and the seed."""
        if not self.n_neurons and not self.linear:
            raise ValueError("n_neurons: expected at least 1, or linear=True, got 0")
        watch = Watch(verbose=bool(self.verbose))
        if self.max_time is not None:
            watch.deadline = time.monotonic() + self.max_time
        space = make_space(
            self.space, features.shape[1], self.n_neurons + self.linear, margin=float(self.margin)
        )
        rough = Units.rough(features, target if of_residuals(loss) else np.ones(1))
        samples = merge_samples(
            features, target, weights, gradients, units=rough, labelled=not is_squared(loss)
        )
        sample_loss = None
        if not is_squared(loss):
            sample_loss = choose_loss(loss, quantile, samples, rough.target_scale)
        units = Units.of_samples(
            samples,
            offset=isinstance(space, UnrestrictedSpace),
            target=target_units(sample_loss, samples),
        )
        if sample_loss is not None:
            sample_loss = sample_loss.in_units(units.target_scale)
        problem = FitData(
            units.samples(samples), space, self.solver, self.max_iter, float(self.tol),
            alpha=0.0 if self.alpha == "auto" else float(self.alpha),
            gradient_weight=gradient_weight, sample_loss=sample_loss,
            linear=bool(self.linear), polish=bool(self.polish), certify=self.certify, watch=watch,
        )  # fmt: skip
        given = self._given(problem)
        seed = int.from_bytes(check_random_state(self.random_state).bytes(16), "little")
        starts: list[Any] = [(number, number, *one) for number, one in enumerate(given)]
        starts += [(len(given) + index, index) for index in range(self.n_starts)]
        self.alpha_, self.alpha_path_ = problem.alpha, {}
        if self.alpha == "auto" and problem.sobolev is None:
            with single_thread():
                choice = choose_penalty(problem, seed)
            self.alpha_, self.alpha_path_ = choice.alpha, choice.path
            sizes = problem.units.scale * problem.standard.scale
            size = problem.units.target_scale * problem.standard.target_scale
            alpha = choice.alpha * sizes**2 * size ** (problem.degree - 2)
            problem = replace(problem, alpha=alpha)
            if choice.linear:
                network = problem.standard.outward(linear_network(problem, choice.alpha))
                starts = [(0, 0, from_raw(space, network), "linear")]
        return problem, *self._search(problem, seed, starts), seed

    def _search(
        self, problem: FitData, seed: int, starts: list[Any]
    ) -> tuple[End, list[dict[str, Any]]]:
        """The best of the starts, and the rows of all that were run."""
        tie = TIE * problem.size
        best: End | None = None
        rows: list[dict[str, Any]] = []

        def tasks() -> Iterator[Any]:
            for number, start in enumerate(starts):
                if number and problem.watch.over():
                    return
                yield delayed(run_start)(problem, seed, *start)

        # The limit of threads here serves the threads that joblib may use, that inside of
        # `run_start` its processes.
        with single_thread():
            try:
                for end in Parallel(n_jobs=self.n_jobs, return_as="generator")(tasks()):
                    rows.append(end.row)
                    if self.verbose:
                        print(
                            "start {start} ({origin}, {n_positive} positive): loss {loss_start:.6g}"
                            " -> {loss_trained:.6g} -> {loss:.6g}, {outcome}, {verdict} after "
                            "{n_iter} line searches".format(**end.row),
                            flush=True,
                        )
                    # Of ends as good as each other the earlier one.
                    if best is None or end.rank > (best.rank[0], best.rank[1] + tie):
                        best = end
                    if end.interrupted:
                        problem.watch.interrupted = True
            except KeyboardInterrupt:
                problem.watch.interrupted = True
        if best is None:
            raise KeyboardInterrupt
        return best, rows

    def _given(self, problem: FitData) -> list[tuple[Parametrization, str]]:
        """Previous solution and given starts, checked, in the units of the fit."""
        space, units = problem.space, problem.units
        given: Any = [self.init] if isinstance(self.init, Parametrization) else self.init or []
        # The margin is one in the units of the fit, where it is restored.
        at_all = replace(space, margin=0.0) if isinstance(space, RestrictedSpace) else space
        networks: list[tuple[Network, str]] = []
        if self.warm_start and hasattr(self, "parametrization_"):
            previous, old = self._network(), (self.space_.name, self._affine)
            fits = previous.n_inputs == len(units.scale) and old[0] == space.name
            if not fits or bool(old[1]) != self.linear:
                raise ValueError(
                    "warm_start: the previous fit was of other features, or over another space or "
                    "with another linear term. Set warm_start=False."
                )
            m = space.n_neurons - problem.free
            X = units.values_of(problem.samples.features())
            networks.append((resize(previous, m, old[1], X), "warm_start"))
        for theta in given:
            if not isinstance(theta, Parametrization):
                raise TypeError(f"init: expected parametrizations, got a {type(theta).__name__}")
            for violation in at_all.violations(theta):
                if violation.condition != "C.2":
                    raise ValueError(f"init: not in the {space.name} space: {violation.message}.")
            networks.append((Network.from_parametrization(theta, space), "init"))
        return [(from_raw(space, units.inward(network)), origin) for network, origin in networks]

    def _keep(self, best: End, rows: list[dict[str, Any]], problem: FitData) -> None:
        """Set the fitted attributes, and warn of what they are not."""
        theta, certificate = best.parametrization, best.certificate
        self.units_, self.space_, self.parametrization_ = problem.units, problem.space, theta
        self.sample_loss_ = problem.sample_loss or SquaredLoss()
        self._alpha, self._gradients = problem.alpha, problem.sobolev is not None
        raw = problem.units.outward(Network.from_parametrization(theta, problem.space))
        # Arrays to write to.
        self.coefs_ = [raw.weights.T.copy(), raw.output_weights[:, None].copy()]
        self.intercepts_ = [raw.biases.copy(), np.array([raw.offset])]
        # Plain numbers and strings: a frame would keep fits out of files without pickles.
        self._rows = [
            {key: getattr(v, "item", lambda v=v: v)() for key, v in r.items()} for r in rows
        ]
        self._affine = problem.affine
        self.best_start_ = int(best.row["start"])
        self.loss_ = float(best.row["loss"])
        self.loss_curve_ = np.minimum.accumulate(best.losses).tolist()
        self.n_iter_ = int(best.row["n_iter_solver"] + best.row["n_iter"] + 1)
        self.certificate_: Certificate | None = None
        self.radius_ = self.realization_radius_ = float("nan")
        if certificate is not None:
            self.certificate_ = replace(certificate, loss=certificate.loss + problem.constant)
            self.radius_ = float(certificate.radius)
            self.realization_radius_ = realization_radius(certificate, theta, problem)

        row, sentences = best.row, []
        if problem.watch.interrupted:
            sentences.append(f"Interrupted after {len(rows)} of the starts; the best one is kept.")
        if certificate is None or not certificate.is_minimum:
            if self.certify or problem.watch.over():
                sentences.append(self._advice(row))
        else:
            lower = min(rows, key=lambda other: (other["verdict"] == "holds", other["loss"]))
            if lower["verdict"] != "holds" and lower["loss"] < self.loss_ - 1e-9 * problem.size:
                sentences.append(
                    f"Start {lower['start']} has the lower loss {lower['loss']:.6g} (chosen: "
                    f"{self.loss_:.6g}), but no certificate: {lower['reason']}."
                )
        if sentences:
            warnings.warn(" ".join(sentences), ConvergenceWarning, stacklevel=users_level())

    def _advice(self, row: dict[str, Any]) -> str:
        advice = {
            "iteration_limit": f"Increase max_iter (now {self.max_iter}).",
            "time_limit": f"Increase max_time (now {self.max_time}).",
            "solver": "certify=True and polish=True ask for one.",
            "no_minimum": "Set alpha > 0, with which there is one.",
            "undecided": "Other starts may end at simpler points: increase n_starts, or use "
            "another solver.",
        }.get(row["outcome"], "Increase n_starts, or look for outliers in the data.")
        if row["outcome"] == "no_minimum":
            return f"Start {row['start']}, the best one, has no end: {row['reason']}. {advice}"
        return (
            f"None of the {len(self._rows)} starts ended at a certified local minimum; the best "
            f"one ended as {row['outcome']!r} ({row['reason']}). {advice} The table starts_ says "
            "more."
        )

    @property
    def starts_(self) -> Any:
        """One row per start, a DataFrame."""
        require_extra("paper", "pandas")
        from pandas import DataFrame

        try:
            return DataFrame(self._rows)
        except AttributeError:
            raise AttributeError("starts_: the estimator is not fitted") from None

    def _network(self) -> Network:
        """The network on the data in their own units."""
        (a, c), (b, e) = self.coefs_, self.intercepts_
        return Network(a.T, b, c[:, 0], float(e[0]))

    def _features(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=FLOATS, reset=False)

    def _embed(self, X: ArrayLike) -> Array:
        return self.space_.embed(self.units_.features(self._features(X)))

    def _values(self, X: ArrayLike) -> Array:
        """Of the network, in the units of the data, (n_samples,)."""
        features, values = self._features(X), []
        for part in blocks(len(features)):
            inputs = self.space_.embed(self.units_.features(features[part]))
            values.append(realize(self.parametrization_, inputs))
        return self.units_.values(np.concatenate(values))

    def standardize(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """The data in the units of the fit: what ``parametrization_`` and ``certificate_`` are of.

        Embedded inputs of shape ``(n_samples, space_.n_inputs)``, and targets (n_samples,).
        """
        return self._embed(X), self.units_.target(y)

    def gradient(self, X: ArrayLike) -> Array:
        """Gradients of the network with respect to the features, (n_samples, n_features).

        On a kink the neuron counts as inactive, which gives one of the one-sided gradients.
        """
        inputs = self._embed(X)
        gradients = input_gradients(self.parametrization_, inputs)[:, : self.n_features_in_]
        return gradients * self.units_.slopes

    def sobolev_seminorm(self) -> Seminorm:
        """``|R|_{W^{1,inf}}`` of (17) for the fitted network, exactly, over all of its inputs.

        These are the features, minus ``units_.shift``, and the constant inputs of the space. So
        this bounds the Lipschitz constant of ``predict`` from above (max-norm of the gradient).
        """
        check_is_fitted(self)
        scale = np.append(self.units_.scale, np.ones(self.space_.extra_inputs))
        c = self.parametrization_.output_weights * self.units_.target_scale
        return sobolev_seminorm(Parametrization(self.parametrization_.weights / scale, c))

    def to_parametrization(self, space: str | None = None) -> Parametrization:
        """The network on the data in their own units as an element of a space.

        By default that of the fit, N* with a margin in proportion to the target's unit; or by its
        name. A fit over N* or N' has m + 1 neurons and no offset; as an element of N it keeps them
        and gets the offset 0.
        """
        check_is_fitted(self)
        if space is None or space == self.space_.name:
            return self.units_.outward_element(self.parametrization_, self.space_)
        network, margin = self._network(), float(self.margin) * self.units_.target_scale
        target = make_space(space, self.n_features_in_, network.n_neurons, margin=margin)
        return network.to_parametrization(target)


def realization_radius(certificate: Certificate, theta: Parametrization, problem: FitData) -> float:
    """Radius in W^{1,inf} of the realization as a minimum of the loss on R(space)."""
    space, radius = problem.space, float("nan")
    if not certificate.is_minimum or problem.free or problem.sobolev is not None:
        return radius
    if certificate.kind == "global":
        return float("inf")
    if certificate.violations:  # on the border (C.2), where Proposition 1.2 says nothing
        return radius
    if isinstance(space, RestrictedSpace):
        radius = certificate.radius**2 / 8
    rigid = rigidity_radius(theta) * (1 - 1e-9)
    # With a penalty, rescaled neurons are compared by their errors alone.
    plain = problem.penalty is None and problem.sample_loss is None
    if plain and rigid > 0 and not radius >= rigid:
        try:
            probe = probe_realization(theta, *problem.data, radius=rigid, space=space)
        except NUMERICAL_ERRORS:  # out of reach: the other one stays
            return radius
        if probe.verdict is Verdict.HOLDS:
            return rigid
    return radius
