"""The estimator: best of many starts, each finished by active-set descent and certified."""

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
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from landscape.errors import NUMERICAL_ERRORS, require_extra, users_level
from landscape.estimator._global import bracket_fit
from landscape.estimator._penalty import choose_penalty, linear_network
from landscape.estimator._smooth import Watch
from landscape.estimator._starts import End, FitData, run_start, single_thread
from landscape.estimator._units import Units, from_raw, merge_samples, resize
from landscape.minima import Certificate
from landscape.networks import Network
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.realization import input_gradients, realize
from landscape.seminorm import Seminorm, sobolev_seminorm
from landscape.spaces import SPACES, RestrictedSpace, UnrestrictedSpace, make_space
from landscape.training import SOLVERS
from landscape.verdict import Verdict

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn < 1.6

    def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **kwargs: Any) -> Any:
        """Its predecessor, a method."""
        return estimator._validate_data(X, y=y, **kwargs)


__all__ = ["ShallowReLURegressor"]

Array = NDArray[np.float64]

#: Losses count as equal, and the earlier start wins, up to this times the target's variance.
TIE = 1e-12

#: Features are taken as they are; the fit computes in double precision.
FLOATS = [np.float64, np.float32]

COUNT = Interval(Integral, 1, None, closed="left")
AMOUNT = Interval(Real, 0, None, closed="left")


@dataclass(repr=False, eq=False)
class ShallowReLURegressor(RegressorMixin, BaseEstimator):
    r"""Shallow ReLU network with biases, trained to a certified local minimum.

    Minimizes the (weighted) mean squared error of

    .. math:: f(x) = \sum_{i=1}^m c_i \max(\langle a_i, x\rangle + b_i, 0) + e

    from several random starts. Every start is trained by a smooth solver, finished by active-set
    descent on the piecewise quadratic loss, and decided by an exact first-order test; the best
    certified local minimum is kept, with a radius in which nothing is better. Meant for small
    data: some hundred to a few thousand samples and a few to some dozen neurons.

    Parameters
    ----------
    n_neurons : int
        Neurons m of the network with biases. N* and N' hold one more, which takes over the
        offset's role [1]_, Corollary 1.3: there ``coefs_`` shows m + 1 neurons.
    space : {"restricted", "balanced", "unrestricted"}
        Set of parametrizations to optimize over: N* of Definition 3.2, on which parameters and
        function determine each other; N' of (32), balanced networks; or N of (15), all networks.
    solver : {"smoothing", "L-BFGS-B", "SLSQP", "trust-constr", "trf", "descent"}
        What brings a start near a minimum. "smoothing": L-BFGS on a smoothed loss, with swaps of
        the least useful neuron for a better one, so that a start seldom ends in a poor basin. Or a
        solver of ``scipy.optimize``; or, with "descent", none: active-set descent does all of it.
    n_starts : int
        Random starts. A start does not depend on how many there are: more starts never give a
        larger ``loss_``. They take turns through the m + 1 possible numbers of positive
        output weights, so take at least m + 1.
    margin : float
        Lower bound of the last two coordinates of ``|c_i| a_i`` on N*, which makes it closed, in
        the units of the fit. On data with biases it is never active; ignored by the other spaces.
    linear : bool
        Whether there is a linear term beside the neurons, ``<v, x>``: with one feature, k neurons
        are then k breakpoints. It is one neuron more, the first one, whose kink is thirty
        ranges of the data away: predictions are linear up to there, and the certificate speaks of
        all networks nearby that have that neuron. On N* and N' there are two, of opposite signs.
    alpha : float or "auto"
        Penalty on the weights: adds ``alpha * sum_i ‖c_i a_i‖_2**2`` to the mean squared error, not
        on biases and offset; the certificate is as exact as without. Solvers of ``scipy.optimize``
        are not used then: descent does all. "auto" chooses it by five-fold cross-validation, for
        features and target of deviation one; and where a linear function predicts better than
        networks, the fit is that function, which is a local minimum as well. In Sobolev training
        "auto" is 0.
    gradient_weight : float
        Weight of the gradients' errors in Sobolev training, see ``y_gradient`` of ``fit``.
    max_iter : int
        Limit of the solver's iterations and of the descent's line searches, for each start.
    tol : float
        Decrease of the loss per iteration at which the solver hands over to the descent: in
        variances of the target ("smoothing"), or as scipy's solvers understand it.
    polish : bool
        Whether active-set descent finishes what the solver did. If not, its end is tested as it is.
    certify : "auto" or bool
        Whether there is a descent and a certificate at all. "auto": unless the network has more
        than 360 parameters ``m (d + 1)``, or these times the samples exceed 2,000,000, where both
        would cost more than the solver; the reason is in ``starts_``, and a warning says it.
    certify_global : bool
        Whether to bracket the least loss of all networks of this width, for ``global_gap_``, by
        branch and bound with a limited number of nodes; a better network that this finds becomes
        the fit. Closed within seconds with one feature and a few neurons; with many features
        it says little. Not with ``alpha``, ``linear`` or gradients.
    max_time : float, optional
        Seconds after which no start, no iteration and no line search begins; the best point so far
        is the fit. Solvers of scipy are not interrupted. Results then depend on the machine.
    warm_start : bool
        Whether ``fit`` takes the previous solution as its first start. Of another width, neurons
        that contribute least are left out, or new ones are added.
    init : Parametrization or sequence of them, optional
        Elements of the space, in the data's units as ``to_parametrization`` returns them, to start
        from before the random starts.
    n_jobs : int, optional
        Starts that run at the same time, see joblib; the result is the same for any number.
    random_state : int, RandomState instance or None
        Source of the starts.
    verbose : bool or int
        Whether to print a line per start, and within long ones one every five seconds.

    Attributes
    ----------
    coefs_, intercepts_ : lists of two arrays, of shapes (d, M), (M, 1) and (M,), (1,)
        Weights and biases of neurons and output in scikit-learn's layout, see `MLPRegressor`, in
        the units of the data. M is ``n_neurons``, plus one on N* and N'.
    units_ : Units
        Units of the fit: ``(x - shift) / scale`` and ``(y - target_shift) / target_scale`` with
        powers of two next to the standard deviations, and shifts next to the means.
    parametrization_, space_ : Parametrization, Space
        The minimum and the space that it is of, both in the units of the fit;
        ``to_parametrization`` is in those of the data. On N* and N' its inputs are ``(x, 1, -1)``.
    alpha_, alpha_path_ : float, dict of lists
        The penalty, with "auto" in units of standardized data, and its choice: cross-validated
        errors of networks and of linear functions, in variances of the target.
    loss_ : float
        Mean squared error, weighted by ``sample_weight``, plus the penalty and, in Sobolev
        training, ``gradient_weight`` times the mean squared norm of the gradients' errors.
    loss_curve_ : list of float
        Lowest losses so far of the chosen start: at its beginning, after the solver, and after
        every line search of the descent.
    n_iter_ : int
        Iterations of the chosen start: the solver's, the descent's and the final test.
    starts_ : DataFrame
        One row per start: sign class, losses (in units of the data), outcome, verdict and its
        reason, radius, and a key that starts share iff they reached the same minimum (on the data).
    best_start_ : int
        Row of ``starts_`` that was chosen.
    certificate_ : Certificate or None
        What is known about ``parametrization_`` as a local minimum, in the units of the fit:
        :func:`landscape.certify_minimum` reproduces it from ``standardize(X, y)``. Its loss is
        ``loss_ / units_.target_scale**2``.
    radius_ : float
        Within this max-norm distance of ``parametrization_`` in ``space_``, no parameters have a
        smaller loss (up to ``certificate_.slack``): the r of Proposition 1.2. nan without a
        certificate.
    realization_radius_ : float
        Within this distance in the W^{1,inf} seminorm (units of the fit) no function of the space
        has a smaller loss: the larger of ``r**2 / 8`` (Proposition 1.2 with the sharp constant, N*
        only) and, without ``alpha``, the ball of rescaled neurons, decided exactly. nan where
        neither holds, in Sobolev training, and on N, where close functions may need distant
        parameters.
    global_gap_ : float
        Only with ``certify_global``: no network of this width and space has a loss below
        ``loss_ - global_gap_``; see :func:`landscape.bracket_global_minimum`.
    n_features_in_, feature_names_in_ : int, array of shape (d,)
        The latter only if X has feature names that are all strings.

    Notes
    -----
    Other units of features or target give the same network, rescaled, with the same certificate;
    bit for bit if they differ by powers of two (with ``alpha`` and in Sobolev training, units of
    the target only). Losses, predictions and gradients are in the units of the data.

    Samples with equal features are merged into one with their mean target: an integer
    ``sample_weight`` and repeated samples give exactly the same fit.

    References
    ----------
    .. [1] J. Berner, D. Elbrächter, P. Grohs, "How degenerate is the parametrization of neural
       networks with the ReLU activation function?", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from landscape import ShallowReLURegressor
    >>> X = np.linspace(-2, 2, 41).reshape(-1, 1)
    >>> y = np.abs(X[:, 0]) - 1
    >>> model = ShallowReLURegressor(n_neurons=2, n_starts=6, random_state=0).fit(X, y)
    >>> model.certificate_.is_minimum, round(model.score(X, y), 6)
    (True, 1.0)
    >>> model.gradient([[1.5], [-0.5]])
    array([[ 1.],
           [-1.]])
    """

    n_neurons: int = 5
    _: KW_ONLY
    space: str = "restricted"
    solver: str = "smoothing"
    n_starts: int = 20
    margin: float = 1e-3
    linear: bool = False
    alpha: float | str = 0.0
    gradient_weight: float = 1.0
    max_iter: int = 10_000
    tol: float = 1e-8
    polish: bool = True
    certify: bool | str = "auto"
    certify_global: bool = False
    max_time: float | None = None
    warm_start: bool = False
    init: Parametrization | Sequence[Parametrization] | None = None
    n_jobs: int | None = None
    random_state: Any = None
    verbose: bool | int = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{key: [COUNT] for key in ("n_neurons", "n_starts", "max_iter")},
        **{key: [AMOUNT] for key in ("margin", "gradient_weight", "tol")},
        "alpha": [AMOUNT, StrOptions({"auto"})],
        "space": [StrOptions(set(SPACES))],
        "solver": [StrOptions({*SOLVERS, "smoothing", "descent"})],
        **{key: ["boolean"] for key in ("linear", "polish", "certify_global", "warm_start")},
        "certify": ["boolean", StrOptions({"auto"})],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "init": [None, Parametrization, list, tuple],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        y_gradient: ArrayLike | None = None,
    ) -> ShallowReLURegressor:
        """Find the best certified local minimum among the starts.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative. The same as repeating samples, exactly.
        y_gradient : array_like of shape (n_samples, n_features), optional
            Gradients of the target, for Sobolev training: their squared errors join the loss with
            ``gradient_weight``. As gradients jump at kinks, the certificate speaks of the loss's
            lower semicontinuous envelope, its value off the kinks.

        Raises
        ------
        ValueError
            For several targets, negative weights, an ``init`` that is not in the space, or data
            whose squares leave the range of floating-point numbers.

        Warns
        -----
        ConvergenceWarning
            If no start ended at a certified local minimum, if one without a certificate has a lower
            loss than the chosen one, or after Ctrl-C, which ends the search and not the fit.
        """
        watch = Watch(verbose=bool(self.verbose))
        if self.max_time is not None:
            watch.deadline = time.monotonic() + self.max_time
        options: dict[str, Any] = {"dtype": FLOATS, "multi_output": True, "y_numeric": True}
        features, targets = validate_data(self, X, y, **options)
        if targets.ndim > 1 and targets.shape[1] > 1:
            raise ValueError(
                f"y: ShallowReLURegressor fits one target, got {targets.shape[1]}. Wrap it to fit "
                "one network for each: "
                "sklearn.multioutput.MultiOutputRegressor(ShallowReLURegressor())."
            )
        target, weights, gradients = column_or_1d(targets, dtype=np.float64, warn=True), None, None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, features, dtype=np.float64)
        space = make_space(
            self.space, features.shape[1], self.n_neurons + self.linear, margin=float(self.margin)
        )
        rough = Units.rough(features, target)
        if y_gradient is not None:
            gradients = check_array(y_gradient, dtype=np.float64, input_name="y_gradient")
            if gradients.shape != features.shape:
                raise ValueError(
                    f"y_gradient: expected shape {features.shape} as X has, got {gradients.shape}"
                )
            gradients = gradients / rough.slopes
        samples = merge_samples(rough.features(features), rough.target(target), weights, gradients)
        units = Units.of_samples(samples, offset=isinstance(space, UnrestrictedSpace))
        samples = units.samples(samples)
        problem = FitData(
            samples, units.after(rough), space, self.solver, self.max_iter, float(self.tol),
            alpha=0.0 if self.alpha == "auto" else float(self.alpha),
            gradient_weight=0.0 if gradients is None else float(self.gradient_weight),
            linear=bool(self.linear), polish=bool(self.polish), certify=self.certify, watch=watch,
        )  # fmt: skip
        if self.certify_global and (self.alpha or self.linear or gradients is not None):
            raise ValueError(
                "certify_global: brackets are of the mean squared error, of networks without a "
                "linear term; set alpha=0, linear=False, and give no y_gradient"
            )
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
            problem = replace(problem, alpha=choice.alpha * sizes**2)
            if choice.linear:
                network = problem.standard.outward(linear_network(problem, choice.alpha))
                starts = [(0, 0, from_raw(space, network), "linear")]
        best, rows = self._search(problem, seed, starts)
        lower = None
        if self.certify_global:
            lower, better = bracket_fit(problem, best, seed, len(rows))
            if better is not None:
                rows.append(better.row)
                own = (better.certified, -better.row["loss"])
                best = better if own > (best.certified, -best.row["loss"]) else best
        self._keep(best, rows, problem)
        if lower is not None:
            self.global_gap_ = max(self.loss_ - lower, 0.0)
        return self

    def _search(
        self, problem: FitData, seed: int, starts: list[Any]
    ) -> tuple[End, list[dict[str, Any]]]:
        """The best of the starts, and the rows of all that were run."""
        tie = TIE * (problem.standard.target_scale * problem.units.target_scale) ** 2
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
                    # Certified minima before all others, then smaller losses, then earlier starts.
                    own = (end.certified, -end.row["loss"])
                    if best is None or own > (best.certified, tie - best.row["loss"]):
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
            X = units.values_of(problem.samples.features)
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
            least = 1e-9 * problem.in_units(problem.standard.target_scale**2)
            if lower["verdict"] != "holds" and lower["loss"] < self.loss_ - least:
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
            "undecided": "Other starts may end at simpler points: increase n_starts, or use "
            "another solver.",
        }.get(row["outcome"], "Increase n_starts, or look for outliers in the data.")
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

    def to_mlp_regressor(self) -> Any:
        """A fitted `sklearn.neural_network.MLPRegressor` with the same numbers.

        For what reads that class, ONNX converters for instance.
        """
        check_is_fitted(self)
        return self._network().to_sklearn()

    def _embed(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=FLOATS, reset=False)
        return self.space_.embed(self.units_.features(features))

    def standardize(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """The data in the units of the fit: what ``parametrization_`` and ``certificate_`` are of.

        Embedded inputs of shape ``(n_samples, space_.n_inputs)``, and targets (n_samples,).
        """
        return self._embed(X), self.units_.target(y)

    def predict(self, X: ArrayLike) -> Array:
        """Values of the network at X of shape (n_samples, n_features), (n_samples,)."""
        inputs = self._embed(X)
        return self.units_.values(realize(self.parametrization_, inputs))

    def gradient(self, X: ArrayLike) -> Array:
        """Gradients of the prediction with respect to the features, (n_samples, n_features).

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
    if problem.penalty is None and rigid > 0 and not radius >= rigid:
        try:
            probe = probe_realization(theta, *problem.data, radius=rigid, space=space)
        except NUMERICAL_ERRORS:  # out of reach: the other one stays
            return radius
        if probe.verdict is Verdict.HOLDS:
            return rigid
    return radius
