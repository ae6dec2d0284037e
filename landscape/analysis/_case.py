"""What is judged: a network on its data, as an element of a space, for an objective."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.losses import (
    Loss,
    SquaredLoss,
    WeightDecay,
    get_loss,
    get_weight_decay,
    objective_name,
)
from landscape.networks import Network, NetworkError
from landscape.objective import check_data, mean_loss
from landscape.parametrization import Parametrization
from landscape.spaces import Space

Array = NDArray[np.float64]

#: How much lower the loss of the transposed weights is where a layout is taken for a mistake.
TRANSPOSED = 0.25


@dataclass(frozen=True)
class Objective:
    """What is minimized; both are None where it is the mean squared error."""

    loss: str | Loss | None = None
    weight_decay: float | WeightDecay | None = None

    def __post_init__(self) -> None:
        loss = get_loss(self.loss)
        vars(self).update(
            loss=None if isinstance(loss, SquaredLoss) else loss,
            weight_decay=get_weight_decay(self.weight_decay),
        )

    @property
    def plain(self) -> bool:
        """Whether it is the mean squared error."""
        return not self.loss and not self.weight_decay

    @property
    def options(self) -> dict[str, Any]:
        """As `certify_minimum`, `descend` and `train` take it."""
        return {"loss": self.loss, "weight_decay": self.weight_decay}

    @property
    def name(self) -> str:
        """In words."""
        if self.plain:
            return "mean squared error"
        return objective_name(get_loss(self.loss), get_weight_decay(self.weight_decay))


@dataclass(frozen=True, eq=False)
class Case:
    """A network, features (n, d) and target (n,) that fit it, a space, and the objective."""

    network: Network
    X: Array
    y: Array
    space: Space
    objective: Objective

    @cached_property
    def theta(self) -> Parametrization:
        """The network as an element of the space."""
        return self.network.to_parametrization(self.space)

    @cached_property
    def inputs(self) -> Array:
        """What elements of the space see."""
        return self.space.embed(self.X)

    @cached_property
    def loss(self) -> float:
        """The objective at the network, or at what it is in the space."""
        if self.objective.plain:
            return float(np.mean((self.network.predict(self.X) - self.y) ** 2))
        return mean_loss(
            self.theta, self.inputs, self.y, space=self.space, **self.objective.options
        )


def read_labels(y: Any, classes: Any) -> Array:
    """Labels of two classes as 0 and 1, or a NetworkError."""
    labels = np.asarray(y)
    wrong = labels[~np.isin(labels, classes)]
    if wrong.size:
        raise NetworkError(f"y: expected labels of {list(classes)}, got {wrong.flat[0]!r}")
    return np.asarray(labels == classes[1], dtype=float)


def _numbers(name: str, values: Any) -> Array:
    """An array of floats, or a NetworkError."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{name}: expected numbers: {error}") from None


def read_data(net: Network, X: Any, y: Any, plain: bool) -> tuple[Array, Array]:
    """Features (n, d) and target (n,) that fit the network, or a ValueError that says why not."""
    features, target = _numbers("X", X), _numbers("y", y)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if features.ndim == 2 and features.shape[1] != net.n_inputs:
        hint = "; are its weights transposed?" if features.shape[1] == net.n_neurons else ""
        raise NetworkError(
            f"X: expected {net.n_inputs} columns, as the network has inputs, got "
            f"{features.shape[1]}{hint}"
        )
    features, target = check_data(features, target, net.n_inputs)
    if plain and not net.source and net.n_inputs == net.n_neurons > 1:
        one, other = (
            float(np.mean((each.predict(features) - target) ** 2))
            for each in (net, replace(net, weights=net.weights.T))
        )
        if one > np.var(target) and other < TRANSPOSED * one:
            raise NetworkError(
                f"weights: transposed they have the loss {other:.3g}, as they are {one:.3g}: rows "
                "are neurons; if that is meant, say where the network comes from: "
                "Network(..., source='...')"
            )
    return features, target
