"""What can be asked of a fitted estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

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
    space_: Space
    parametrization_: Parametrization
    coefs_: list[Array]
    intercepts_: list[Array]

    def _embed(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self.space_.embed(validate_data(self, X, dtype=np.float64, reset=False))

    def predict(self, X: ArrayLike) -> Array:
        """Values of the network.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        y : array of shape (n_samples,)
        """
        inputs = self._embed(X)
        return realize(self.parametrization_, inputs)

    def gradient(self, X: ArrayLike) -> Array:
        """Gradients of the prediction with respect to the features.

        On a kink the neuron counts as inactive, which gives one of the one-sided gradients.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        gradients : array of shape (n_samples, n_features)
        """
        inputs = self._embed(X)
        return input_gradients(self.parametrization_, inputs)[:, : self.n_features_in_]

    def sobolev_seminorm(self) -> Seminorm:
        """``|R(parametrization_)|_{W^{1,inf}}`` of (17), exactly, over all of the network's inputs.

        These are the features and the constant inputs of the space. So this bounds the Lipschitz
        constant of ``predict`` from above (max-norm of the gradient).

        Returns
        -------
        seminorm : Seminorm
            Value, bounds, and a point with the gradient that attains it.
        """
        check_is_fitted(self)
        return sobolev_seminorm(self.parametrization_)

    def to_parametrization(self, space: str | None = None) -> Parametrization:
        """The network as an element of a space.

        Parameters
        ----------
        space : {"restricted", "balanced", "unrestricted"}, optional
            By default the space of the fit: ``parametrization_`` itself. A fit over N* or N' has
            m + 1 neurons and no offset; as an element of N it keeps them and gets the offset 0.

        Returns
        -------
        theta : Parametrization
        """
        check_is_fitted(self)
        if space is None or space == self.space_.name:
            return self.parametrization_
        (a, c), (b, e) = self.coefs_, self.intercepts_
        margin = float(self.margin)
        target = make_space(space, self.n_features_in_, len(b), margin=margin)
        return target.from_network(a.T, b, c[:, 0], float(e[0]))
