"""What can be asked of a fitted estimator."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from landscape.estimator._units import Units
from landscape.parametrization import Parametrization
from landscape.realization import input_gradients, realize
from landscape.seminorm import Seminorm, sobolev_seminorm
from landscape.spaces import Space, make_space

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn < 1.6

    def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **kwargs: Any) -> Any:
        """Its predecessor, a method."""
        return estimator._validate_data(X, y=y, **kwargs)


__all__ = ["FittedNetwork", "validate_data"]

Array = NDArray[np.float64]


class FittedNetwork:
    """Predictions, gradients, the seminorm, and the network as an element of the spaces."""

    margin: float
    n_features_in_: int
    units_: Units
    space_: Space
    parametrization_: Parametrization
    coefs_: list[Array]
    intercepts_: list[Array]

    def _embed(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, reset=False)
        return self.space_.embed(self.units_.features(features))

    def standardize(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """The data in the units of the fit: what ``parametrization_`` and ``certificate_`` are of.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)

        Returns
        -------
        inputs : array of shape (n_samples, space_.n_inputs)
            Embedded.
        target : array of shape (n_samples,)
        """
        return self._embed(X), self.units_.target(y)

    def predict(self, X: ArrayLike) -> Array:
        """Values of the network, of shape (n_samples,).

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        """
        inputs = self._embed(X)
        return self.units_.values(realize(self.parametrization_, inputs))

    def gradient(self, X: ArrayLike) -> Array:
        """Gradients of the prediction with respect to the features, of the shape of X.

        On a kink the neuron counts as inactive, which gives one of the one-sided gradients.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        """
        inputs = self._embed(X)
        gradients = input_gradients(self.parametrization_, inputs)[:, : self.n_features_in_]
        return gradients * self.units_.slopes

    def sobolev_seminorm(self) -> Seminorm:
        """``|R|_{W^{1,inf}}`` of (17) for the fitted network, exactly, over all of its inputs.

        These are the features, minus ``units_.shift``, and the constant inputs of the space. So
        this bounds the Lipschitz constant of ``predict`` from above (max-norm of the gradient).

        Returns
        -------
        seminorm : Seminorm
            Value, bounds, and a point with the gradient that attains it.
        """
        check_is_fitted(self)
        theta, units = self.parametrization_, self.units_
        scale = np.append(units.scale, np.ones(self.space_.extra_inputs))
        c = theta.output_weights * units.target_scale
        return sobolev_seminorm(Parametrization(theta.weights / scale, c))

    def to_parametrization(self, space: str | None = None) -> Parametrization:
        """The network on the data in their own units as an element of a space.

        Parameters
        ----------
        space : {"restricted", "balanced", "unrestricted"}, optional
            By default that of the fit, N* with a margin in proportion to the target's unit. A fit
            over N* or N' has m + 1 neurons and no offset; as an element of N it keeps them and gets
            the offset 0.
        """
        check_is_fitted(self)
        if space is None or space == self.space_.name:
            return self.units_.outward_element(self.parametrization_, self.space_)
        (a, c), (b, e) = self.coefs_, self.intercepts_
        margin = float(self.margin) * self.units_.target_scale
        target = make_space(space, self.n_features_in_, len(b), margin=margin)
        return target.from_network(a.T, b, c[:, 0], float(e[0]))
