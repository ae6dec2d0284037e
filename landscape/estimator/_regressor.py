"""The regressor: the best certified local minimum of a loss of differences, or of Poisson's."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context, clone
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from landscape.errors import require_extra
from landscape.estimator._base import AMOUNT, FLOATS, ShallowReLU, validate_data
from landscape.estimator._breakpoints import bootstrap, breaks_of
from landscape.estimator._global import bracket_fit, improve_fit
from landscape.estimator._losses import LossName, is_squared
from landscape.losses import HingeLoss, KinkedLoss, LogisticLoss, Loss

__all__ = ["ShallowReLURegressor"]

Array = NDArray[np.float64]


@dataclass(repr=False, eq=False)
class ShallowReLURegressor(RegressorMixin, ShallowReLU):
    r"""Shallow ReLU network with biases, trained to a certified local minimum.

    Minimizes the (weighted) mean squared error, or another convex loss, of

    .. math:: f(x) = \sum_{i=1}^m c_i \max(\langle a_i, x\rangle + b_i, 0) + e

    from several random starts. Every start is trained by a smooth solver, finished by active-set
    descent, and decided by an exact first-order test; the best
    certified local minimum is kept, with a radius in which nothing is better. Meant for small
    data: some hundred to a few thousand samples and a few to some dozen neurons.

    Parameters
    ----------
    n_neurons : int
        Neurons m of the network with biases; 0 is for ``linear=True`` alone. N* and N' hold one
        more, which takes over the offset's role [1]_, Corollary 1.3: there ``coefs_`` shows m + 1
        neurons.
    space : {"restricted", "balanced", "unrestricted"}
        Set of parametrizations to optimize over: N* of Definition 3.2, on which parameters and
        function determine each other; N' of (32), balanced networks; or N of (15), all networks.
    solver : {"smoothing", "L-BFGS-B", "SLSQP", "trust-constr", "trf", "descent"}
        What brings a start near a minimum. "smoothing": L-BFGS on a smoothed loss, with swaps of
        the least useful neuron for a better one, so that a start seldom ends in a poor basin. With
        one feature, at most 7 neurons and 500 samples, the squared loss, neither penalty nor linear
        term, hinges are exchanged after the starts, and a short branch and bound follows. Or a
        solver of ``scipy.optimize``; or, with "descent", none: active-set descent does all of it.
    n_starts : int
        Random starts. A start does not depend on how many there are: the best of more starts is
        never worse. They take turns through the m + 1 possible numbers of positive
        output weights, so take at least m + 1.
    margin : float
        Lower bound of the last two coordinates of ``|c_i| a_i`` on N*, which makes it closed, in
        the units of the fit. On data with biases it is never active; ignored by the other spaces.
    linear : bool
        Whether there is a linear term beside the neurons, ``<v, x>``: with one feature, k neurons
        are then k breakpoints. It is one neuron more, the first one, whose kink is thirty
        ranges of the data away: predictions are linear up to there, and the certificate speaks of
        all networks nearby that have that neuron. On N* and N' there are two, of opposite signs.
    loss : {"squared", "huber", "quantile", "poisson", "absolute"} or Loss
        "huber" grows linearly beyond 1.345 robust deviations of the target (1.4826 times the median
        distance from the median); "quantile" is the pinball loss of ``quantile``, smoothed where
        the error is below a hundredth of that; "absolute" is the distance from the target, with its
        corner; "poisson" is half the Poisson deviance, ``predict`` gives the mean and the network
        its logarithm. For other constants give one of ``landscape.losses``, in the units of the
        data. See docs/losses.md for what a certificate says then.
    quantile : float
        Of the targets below the prediction, with ``loss="quantile"``.
    alpha : float or "auto"
        Penalty on the weights: adds ``alpha * sum_i ‖c_i a_i‖_2**2`` to the mean loss, not
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
        variances of the target ("smoothing"), or as scipy's solvers understand it. Where
        ``certify`` leaves out a large network's certificate, "smoothing" also ends where 50 steps
        lower the loss by less than a share of 1e-5 of it each, on average.
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
        it says little. Not with other losses, ``alpha``, ``linear`` or gradients.
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
    sample_loss_ : Loss
        The loss in the units of the fit, with which ``certify_minimum`` reproduces the certificate.
    loss_ : float
        Mean squared error, or loss, weighted by ``sample_weight``, plus the penalty and, in Sobolev
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
        only) and, with the squared loss and without ``alpha``, the ball of rescaled neurons,
        decided exactly. nan where neither holds, in Sobolev training, and on N, where close
        functions may need distant parameters.
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

    Samples with equal features are merged into one with their mean target (with other losses those
    that have equal targets as well): an integer ``sample_weight`` and repeated samples give exactly
    the same fit.

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

    _: KW_ONLY
    loss: LossName = "squared"
    quantile: float = 0.5
    gradient_weight: float = 1.0
    certify_global: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ShallowReLU._parameter_constraints,
        "loss": [StrOptions({"squared", "huber", "quantile", "poisson", "absolute"}), Loss],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "gradient_weight": [AMOUNT],
        "certify_global": ["boolean"],
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
        if y_gradient is not None:
            gradients = check_array(y_gradient, dtype=np.float64, input_name="y_gradient")
            if gradients.shape != features.shape:
                raise ValueError(
                    f"y_gradient: expected shape {features.shape} as X has, got {gradients.shape}"
                )
        if isinstance(self.loss, LogisticLoss):
            raise ValueError("loss: the logistic loss is that of ShallowReLUClassifier")
        if isinstance(self.loss, HingeLoss):
            raise ValueError("loss: the hinge loss is of labels, and no estimator has it; descend")
        cornered = self.loss == "absolute" or isinstance(self.loss, KinkedLoss)
        if cornered and (self.alpha or self.linear):
            raise ValueError(
                f"alpha, linear: descents of losses with corners, as {self.loss!r}, know neither; "
                "set alpha=0 and linear=False, or take loss='quantile', which is smoothed"
            )
        if gradients is not None and not is_squared(self.loss):
            raise ValueError(f"y_gradient: only with loss='squared', got {self.loss!r}")
        if self.loss == "poisson" and (target < 0).any():
            raise ValueError(f"y: expected targets >= 0 for the Poisson loss, got {target.min()!r}")
        plain = is_squared(self.loss) and gradients is None and not self.linear
        if self.certify_global and (self.alpha or not plain):
            raise ValueError(
                "certify_global: brackets are of the mean squared error, of networks without a "
                "linear term; set loss='squared', alpha=0, linear=False, and give no y_gradient"
            )
        weight = 0.0 if gradients is None else float(self.gradient_weight)
        problem, best, rows, seed = self._fit(
            features, target, weights, self.loss,
            gradients=gradients, gradient_weight=weight, quantile=float(self.quantile),
        )  # fmt: skip
        lower, better = None, None
        if self.certify_global:
            lower, better = bracket_fit(problem, best, seed, len(rows))
        elif plain and not problem.watch.over():
            better = improve_fit(problem, best, seed, len(rows))
        if better is not None:
            rows.append(better.row)
            best = better if better.rank > best.rank else best
        self._keep(best, rows, problem)
        if lower is not None:
            self.global_gap_ = max(self.loss_ - lower, 0.0)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predictions at X of shape (n_samples, n_features), (n_samples,).

        The network's values; of the Poisson loss their exponentials, which are means.
        """
        values = self._values(X)
        return np.exp(values) if self.sample_loss_.name == "poisson" else values

    def breakpoints(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        level: float = 0.95,
        n_resamples: int = 200,
        n_starts: int = 5,
        random_state: Any = None,
    ) -> Any:
        """Where the function of one feature breaks, with confidence intervals, a DataFrame.

        Intervals are percentiles of a bootstrap of pairs (x, y): samples are drawn anew, as many as
        there are, and fitted from the fitted network and from random starts. The breaks of those
        fits that have as many are compared from left to right.

        Parameters
        ----------
        X, y, sample_weight
            What the model was fitted to. Samples are drawn with probabilities in proportion to
            their weights.
        level : float
            Confidence level of the intervals.
        n_resamples : int
            Number of draws.
        n_starts : int
            Random starts of each of their fits.
        random_state : int, RandomState instance or None
            Source of the draws.

        Returns
        -------
        pandas.DataFrame
            A row for each break within the range of X, from left to right: ``breakpoint``, ``low``
            and ``high``; ``slope_before`` and ``slope_after``; ``share``, that of the draws whose
            fits have as many breaks, which are what the interval is made of.

        Raises
        ------
        ValueError
            For fits of several features or with gradients, and levels not between 0 and 1.
        """
        require_extra("paper", "pandas")
        from pandas import DataFrame

        check_is_fitted(self)
        features, target = validate_data(self, X, y, dtype=FLOATS, y_numeric=True, reset=False)
        if self.n_features_in_ != 1 or self._gradients:
            what = "gradients" if self._gradients else f"{self.n_features_in_} features"
            raise ValueError(f"breakpoints: for fits of one feature without gradients, got {what}")
        if not 0 < level < 1 or n_resamples < 1:
            raise ValueError(
                "breakpoints: expected 0 < level < 1 and n_resamples >= 1, got "
                f"level={level!r}, n_resamples={n_resamples!r}"
            )
        weights = _check_sample_weight(sample_weight, features, dtype=np.float64)
        breaks, slopes = breaks_of(self._network(), features.min(), features.max())
        seed = int.from_bytes(check_random_state(random_state).bytes(16), "little")
        model = clone(self).set_params(
            init=self.to_parametrization(), n_starts=n_starts, random_state=seed % 2**32,
            alpha=self._alpha, warm_start=False, certify_global=False, verbose=False,
        )  # fmt: skip
        drawn = bootstrap(
            model, features, target, weights / weights.sum(), k=len(breaks),
            n_resamples=n_resamples, seed=seed,
        )  # fmt: skip
        low = high = np.full(len(breaks), np.nan)
        if len(drawn):
            low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        frame = DataFrame(
            {
                "breakpoint": breaks, "low": low, "high": high, "slope_before": slopes[:-1],
                "slope_after": slopes[1:], "share": len(drawn) / n_resamples,
            }
        )  # fmt: skip
        frame.attrs["level"] = float(level)
        return frame

    def to_mlp_regressor(self) -> Any:
        """A fitted `sklearn.neural_network.MLPRegressor` with the same numbers.

        For what reads that class, ONNX converters for instance.
        """
        check_is_fitted(self)
        model = self._network().to_sklearn()
        if self.sample_loss_.name == "poisson":
            if "loss" not in model.get_params():
                raise ValueError("to_mlp_regressor: the Poisson loss needs scikit-learn >= 1.7")
            model.set_params(loss="poisson").out_activation_ = "exp"
        return model
