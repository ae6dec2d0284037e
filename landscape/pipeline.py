"""From a start to a certified minimum: start -> train -> descend -> certify, over any space.

A :class:`Task` is a data set as one space sees it. Whatever trains, descends or certifies in a
study does so through its task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.descent import Descent, descend
from landscape.errors import NUMERICAL_ERRORS
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.objective import loss as mean_squared_error
from landscape.parametrization import Parametrization
from landscape.spaces import Space, make_space
from landscape.streams import stream
from landscape.training import Fit, Network, draw_network, train
from landscape.verdict import Verdict

__all__ = ["End", "Task", "draw_start", "say"]

Array = NDArray[np.float64]


def say(error: BaseException) -> str:
    """An error as the reason of a row."""
    return f"{type(error).__name__}: {error}"


def draw_start(
    seed: int, dataset: str, n_features: int, n_neurons: int, start: int
) -> tuple[Network, int]:
    """Start number ``start`` of P_(n_features, n_neurons, 1), the same for every space and solver.

    The m + 1 sign classes, by the number of positive output weights, take turns: the components of
    N* that starts cannot leave are all visited alike (Theorem 1).

    Returns
    -------
    network : Network
    n_positive : int
        Its sign class.
    """
    n_positive = start % (n_neurons + 1)
    rng = stream(seed, "start", dataset, n_neurons, start)
    return draw_network(rng, n_features, n_neurons, n_positive=n_positive), n_positive


@dataclass(frozen=True)
class End:
    """Where a descent ended, and what is certified there.

    Attributes
    ----------
    parametrization : Parametrization
    loss_start, loss : float
        Mean squared error before and after the descent.
    outcome : str
        How the descent ended; ``failed`` where it met the limits of floating-point numbers.
    n_iter : int
    certificate : Certificate or None
        None after a failure.
    activation : str
        :func:`landscape.minima.activation_key` of a certified minimum, else empty.
    reason : str
        Why the verdict is what it is.
    """

    parametrization: Parametrization
    loss_start: float
    loss: float
    outcome: str
    n_iter: int
    certificate: Certificate | None
    activation: str
    reason: str

    @property
    def verdict(self) -> Verdict:
        """Of the exact test of local minimality."""
        return Verdict.UNDECIDED if self.certificate is None else self.certificate.verdict


@dataclass(frozen=True)
class Task:
    """The loss of one data set over one space.

    Attributes
    ----------
    space : Space
    X : array of shape (n, d)
        What the network sees, ``space.embed(features)``.
    y : array of shape (n,)
    """

    space: Space
    X: Array
    y: Array

    @classmethod
    def over(
        cls, name: str, features: Array, target: Array, n_neurons: int, *, margin: float = 0.0
    ) -> Task:
        """The task over the space of this name, for networks with ``n_neurons`` neurons."""
        space = make_space(name, features.shape[1], n_neurons, margin=margin)
        return cls(space, space.embed(features), target)

    def embed(self, network: Network) -> Parametrization:
        """A network with biases as an element of the space (Lemma A.4)."""
        return self.space.from_network(
            network.weights, network.biases, network.output_weights, network.offset
        )

    def loss(self, theta: Parametrization) -> float:
        """Mean squared error."""
        return mean_squared_error(theta, self.X, self.y)

    def train(self, theta: Parametrization, **options: Any) -> Fit:
        """See :func:`landscape.training.train`."""
        return train(theta, self.X, self.y, space=self.space, **options)

    def descend(
        self, theta: Parametrization, *, max_iter: int = 10_000, far: bool = False
    ) -> Descent:
        """See :func:`landscape.descent.descend`."""
        return descend(theta, self.X, self.y, space=self.space, max_iter=max_iter, far=far)

    def certify(self, theta: Parametrization, *, exact: bool = False) -> Certificate:
        """See :func:`landscape.minima.certify_minimum`."""
        return certify_minimum(theta, self.X, self.y, space=self.space, exact=exact)

    def activation(self, theta: Parametrization) -> str:
        """See :func:`landscape.minima.activation_key`."""
        return activation_key(theta, self.X, space=self.space)

    def end(
        self,
        theta: Parametrization,
        *,
        max_iter: int = 10_000,
        far: bool = False,
        exact: bool = False,
    ) -> End:
        """Descend from ``theta`` and certify where that ends; numerical failure is an outcome.

        Parameters
        ----------
        theta : Parametrization
            Of the space's shape.
        max_iter, far
            See :meth:`descend`.
        exact : bool
            Whether a certified minimum is also proved in rational arithmetic.
        """
        start = loss = self.loss(theta)
        outcome, n_iter, activation = "failed", 0, ""
        certificate: Certificate | None = None
        try:
            found = self.descend(theta, max_iter=max_iter, far=far)
            theta, loss, n_iter = found.parametrization, found.loss, found.n_iter
            outcome = found.outcome.name.lower()
            certificate = found.certificate
            if certificate is None or exact:
                certificate = self.certify(theta, exact=exact)
            reason = certificate.reason
            if certificate.is_minimum:
                activation = self.activation(theta)
        except NUMERICAL_ERRORS as error:
            certificate, reason = None, say(error)
        return End(theta, start, loss, outcome, n_iter, certificate, activation, reason)
