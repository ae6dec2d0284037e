"""The classifier: log odds by a network at a certified local minimum of the logistic loss."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from landscape.estimator._base import FLOATS, ShallowReLU, validate_data
from landscape.losses import LogisticLoss

__all__ = ["ShallowReLUClassifier"]

Array = NDArray[np.float64]


@dataclass(repr=False, eq=False)
class ShallowReLUClassifier(ClassifierMixin, ShallowReLU):
    r"""Two classes by a shallow ReLU network, trained to a certified local minimum.

    Minimizes the (weighted) mean logistic loss ``log(1 + exp(-l f(x)))``, with l = 1 for the second
    class and -1 for the first, plus ``alpha * sum_i ‖c_i a_i‖_2**2``, over networks f as in
    :class:`ShallowReLURegressor`, which says more about starts, certificates and parameters.
    ``f`` is the log odds of the second class (Theorem 21).

    Parameters
    ----------
    n_neurons, space, solver, n_starts, margin, linear : see `ShallowReLURegressor`
        With ``linear=True`` there is a linear function beside the neurons.
    alpha : float or "auto"
        Penalty on the weights in the units of the features, as C = 1 / (2 alpha n) of
        `sklearn.linear_model.LogisticRegression`; biases and offset are free. "auto" chooses it by
        five-fold cross-validation for features of deviation one, or takes a linear function
        where that predicts better. With 0 there is often no minimum: classes that a network of this
        width separates are separated better and better by larger weights. Such a start ends as
        "no_minimum" in ``starts_``, with a proof in rational arithmetic that this is so, and a
        warning says it.
    max_iter, tol, polish, certify, max_time, warm_start, init : see `ShallowReLURegressor`
    n_jobs, random_state, verbose : see `ShallowReLURegressor`
    class_weight : dict, "balanced" or None
        Factors of the classes' losses; "balanced" gives both classes the same total weight.

    Attributes
    ----------
    classes_ : array of shape (2,)
        The labels in their order.
    coefs_, intercepts_, units_, parametrization_, space_, alpha_, alpha_path_ : see the regressor
        The target has no unit here: only features are standardized.
    sample_loss_, loss_, loss_curve_, n_iter_, starts_, best_start_ : see `ShallowReLURegressor`
    certificate_, radius_, realization_radius_ : see `ShallowReLURegressor`
        ``certify_minimum(parametrization_, *standardize(X, y), space=space_, loss=sample_loss_)``
        reproduces the certificate, with the penalty ``alpha_ / units_.scale**2`` of the features.
    n_features_in_, feature_names_in_ : int, array of shape (d,)

    Notes
    -----
    More than two classes: wrap it in `sklearn.multiclass.OneVsRestClassifier`, which fits one
    network for each class.

    Examples
    --------
    >>> import numpy as np
    >>> from landscape import ShallowReLUClassifier
    >>> X = np.linspace(-2, 2, 40).reshape(-1, 1)
    >>> y = np.where(np.abs(X[:, 0]) < 1, "inside", "outside")
    >>> model = ShallowReLUClassifier(n_neurons=2, n_starts=3, random_state=0).fit(X, y)
    >>> model.certificate_.is_minimum, model.score(X, y)
    (True, 1.0)
    >>> bool(model.predict_proba([[0.0]])[0, 0] > 0.9)
    True
    """

    _: KW_ONLY
    alpha: float | str = 1e-3
    class_weight: Any = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ShallowReLU._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def _more_tags(self) -> dict[str, bool]:  # scikit-learn < 1.6
        return {"binary_only": True}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ShallowReLUClassifier:
        """Find the best certified local minimum among the starts.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)
            Labels of two classes.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative. The same as repeating samples, exactly.

        Raises
        ------
        ValueError
            For one class or more than two, negative weights, or an ``init`` not in the space.

        Warns
        -----
        ConvergenceWarning
            As the regressor, and if the classes are separable and no minimum is attained.
        """
        features, labels = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(labels)
        labels = column_or_1d(labels, warn=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(labels)}, with {len(self.classes_)} classes. Wrap it to fit one "
                "network for each: "
                "sklearn.multiclass.OneVsRestClassifier(ShallowReLUClassifier())."
            )
        if len(self.classes_) < 2:
            raise ValueError(
                f"y: ShallowReLUClassifier needs two classes, got one class: {self.classes_[0]!r}"
            )
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, features, dtype=np.float64)
        if self.class_weight is not None:
            own = np.ones(len(codes)) if weights is None else weights
            if self.class_weight == "balanced":  # of the weights, not of the number of samples
                totals = np.bincount(codes, own, minlength=2)
                factors = totals.sum() / (2 * np.where(totals > 0, totals, np.inf))
                weights = own * factors[codes]
            else:
                weights = own * compute_sample_weight(self.class_weight, labels)
        target = np.where(codes > 0, 1.0, -1.0)
        problem, best, rows, _ = self._fit(features, target, weights, LogisticLoss())
        self._keep(best, rows, problem)
        return self

    def standardize(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """The data in the units of the fit: what ``parametrization_`` and ``certificate_`` are of.

        Embedded inputs of shape ``(n_samples, space_.n_inputs)``, and labels -1 and 1.
        """
        inputs = self._embed(X)
        return inputs, np.where(np.asarray(y) == self.classes_[1], 1.0, -1.0)

    def decision_function(self, X: ArrayLike) -> Array:
        """Log odds of the second class at X of shape (n_samples, n_features), (n_samples,)."""
        check_is_fitted(self)
        return self._values(X)

    def predict(self, X: ArrayLike) -> Any:
        """The likelier label of each sample, (n_samples,)."""
        values = self.decision_function(X)
        return self.classes_[(values > 0).astype(int)]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of both classes, (n_samples, 2)."""
        values = self.decision_function(X)
        return np.column_stack([expit(-values), expit(values)])

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Their logarithms, (n_samples, 2)."""
        values = self.decision_function(X)
        return -np.logaddexp(0.0, np.column_stack([values, -values]))

    def to_mlp_classifier(self) -> Any:
        """A fitted `sklearn.neural_network.MLPClassifier` with the same numbers."""
        from sklearn.neural_network import MLPClassifier
        from sklearn.preprocessing import LabelBinarizer

        check_is_fitted(self)
        regressor = self._network().to_sklearn()
        model = MLPClassifier(hidden_layer_sizes=regressor.hidden_layer_sizes)
        names = ("coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_", "n_iter_")
        for name in names:
            setattr(model, name, getattr(regressor, name))
        model.out_activation_, model.t_, model.classes_ = "logistic", 0, self.classes_
        model._label_binarizer = LabelBinarizer().fit(self.classes_)
        return model
