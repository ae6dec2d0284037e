"""What every step of a study is called with: a data set and a number of neurons.

A :class:`Task` is a data set as one space sees it: start -> train -> descend -> certify. Whatever
trains, descends or certifies in a study does so through its task. Randomness comes from streams of
their own (:mod:`landscape.streams`), so that no row depends on what else is computed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape.descent import DescentOutcome, descend
from landscape.errors import NUMERICAL_ERRORS
from landscape.losses import Loss, WeightDecay, get_loss
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.networks import Network
from landscape.objective import loss as mean_squared_error
from landscape.objective import mean_loss
from landscape.parametrization import Parametrization, max_norms
from landscape.rows import Row
from landscape.spaces import Space, make_space
from landscape.streams import stream
from landscape.study.rows import End, Minimum
from landscape.training import draw_network

Array = NDArray[np.float64]
#: Receives lines of text.
Log = Callable[[str], None]
Minima = Sequence[Minimum]
T = TypeVar("T")
R = TypeVar("R", bound=Row)


def quiet(line: str) -> None:
    """Log that nobody reads."""


def within_space(minima: Minima, space: str) -> list[Minimum]:
    """The minima that keep every condition of their space, and whose neurons all contribute."""
    own = [row for row in minima if row.space == space and not row.violations]
    return [row for row in own if max_norms(row.network.weights).min() > 0]


def best(
    cell: "Cell", minima: Minima, spaces: Sequence[str], most: int, *, inside: bool = True
) -> Iterator[tuple["Task", Minimum]]:
    """The first minima of each of these spaces with their task; all, or those within the space."""
    for space in spaces:
        own = within_space(minima, space)
        if not inside:
            own = [row for row in minima if row.space == space]
        yield from ((cell.task(space), row) for row in own[:most])


def evenly(items: Sequence[T], n: int) -> list[T]:
    """At most ``n`` of the items, evenly chosen."""
    places = np.linspace(0, len(items) - 1, min(n, len(items))).astype(int)
    return [items[k] for k in np.unique(places)]


def attempt(
    row: R, measure: Callable[..., Any], *arguments: Any, reason: str = "reason", **options: Any
) -> R:
    """A row with what ``measure(*arguments, **options)`` finds: a record or a dict of columns.

    Where that meets the limits of floating-point numbers, with the failure as its reason.
    """
    try:
        found = measure(*arguments, **options)
    except NUMERICAL_ERRORS as error:
        found = {reason: say(error)}
    return row.copied(SimpleNamespace(**found) if isinstance(found, dict) else found, row)


def say(error: BaseException) -> str:
    """An error as the reason of a row."""
    return f"{type(error).__name__}: {error}"


def _proof(certificate: Certificate) -> dict[str, Any]:
    """The proof in rational arithmetic, if one was tried, as columns."""
    if (found := certificate.proof) is None:
        return {"proof": ""}
    return {
        "proof": {"holds": "proved", "violated": "refuted"}.get(found.verdict, "open"),
        "proof_reason": "" if found.proved else found.reason,
        "proof_distance": found.distance,
    }


@dataclass(frozen=True)
class Task:
    """The loss of one data set over one space: X, of shape (n, d), is what the network sees."""

    space: Space
    X: Array
    y: Array
    #: Loss and weight decay where these are not the squared loss without any.
    objective: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, function: Callable[..., T], theta: Parametrization, **options: Any) -> T:
        """A function of a network, data and their space, as ``train``, ``descend`` and others.

        One that does not know other losses cannot be asked with them.
        """
        return function(theta, self.X, self.y, space=self.space, **self.objective, **options)

    def embed(self, network: Network) -> Parametrization:
        """A network with biases as an element of the space (Lemma A.4)."""
        return self.space.from_network(
            network.weights, network.biases, network.output_weights, network.offset
        )

    def loss(self, theta: Parametrization) -> float:
        """The study's loss, with its weight decay."""
        if not self.objective:
            return mean_squared_error(theta, self.X, self.y)
        return self.ask(mean_loss, theta)

    def prove(self, theta: Parametrization) -> dict[str, Any]:
        """The columns of a proof in rational arithmetic."""
        return _proof(self.ask(certify_minimum, theta, exact=True))

    def end(self, theta: Parametrization, *, max_iter: int = 10_000, exact: bool = False) -> End:
        """Descend from ``theta`` and certify where that ends; numerical failure is an outcome.

        With ``exact`` a certified minimum is also proved in rational arithmetic.
        """
        before = self.loss(theta)
        end = End.copied(theta, loss_start=before, loss=before, descent_outcome="failed")
        try:
            found = self.ask(descend, theta, max_iter=max_iter)
            theta, certificate = found.parametrization, found.certificate
            end = End.copied(
                theta, loss_start=before, loss=found.loss, descent_iterations=found.n_iter,
                descent_outcome=found.outcome.name.lower(),
            )  # fmt: skip
            if found.outcome is DescentOutcome.NO_MINIMUM:
                return replace(end, reason=found.reason)
            if certificate is None or exact:
                certificate = self.ask(certify_minimum, theta, exact=exact)
            key = activation_key(theta, self.X, space=self.space) if certificate.is_minimum else ""
        except NUMERICAL_ERRORS as error:
            return replace(end, reason=say(error))
        return End.copied(
            certificate, end, loss=end.loss, activation=key, silent_neurons=certificate.n_silent,
            violations="; ".join(certificate.violations), **_proof(certificate),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Cell:
    """A data set and a number of neurons."""

    dataset: str  #: Its name; random streams depend on it.
    features: Array  #: Of shape (n, d).
    target: Array  #: Of shape (n,).
    neurons: int  #: Of the network with biases, P_(d, m, 1); N* and N' have one more.
    seed: int  #: Of the study.
    margin: float = 0.0  #: Lower bound of the last two product coordinates on N*.
    loss: Loss = field(default_factory=get_loss)
    weight_decay: WeightDecay | None = None

    @property
    def objective(self) -> dict[str, Any]:
        """Loss and weight decay where these are not the squared loss without any."""
        if self.loss == get_loss() and self.weight_decay is None:
            return {}
        return {"loss": self.loss, "weight_decay": self.weight_decay}

    @property
    def liftable(self) -> bool:
        """Whether unrestricted networks and their lifts into N* are judged alike.

        Not if biases or the offset are penalized, which the lift makes part of other neurons.
        """
        decay = self.weight_decay
        return decay is None or not (decay.biases or decay.offset)

    @property
    def place(self) -> dict[str, Any]:
        """What rows of the cell begin with."""
        return {"dataset": self.dataset, "neurons": self.neurons}

    def task(self, name: str) -> Task:
        """The loss over the space of this name."""
        space = make_space(name, self.features.shape[1], self.neurons, margin=self.margin)
        return Task(space, space.embed(self.features), self.target, self.objective)

    def start(self, index: int, purpose: str = "start") -> tuple[Network, int]:
        """A start, the same for every space and solver, and its number of positive signs.

        The m + 1 sign classes, by the number of positive output weights, take turns: the components
        of N* that starts cannot leave are all visited alike (Theorem 1).
        """
        n_positive, d = index % (self.neurons + 1), self.features.shape[1]
        rng = self.stream(purpose, index)
        return draw_network(rng, d, self.neurons, n_positive=n_positive), n_positive

    def stream(self, purpose: str, *keys: str | int) -> np.random.Generator:
        """The random numbers of one purpose in this cell."""
        return stream(self.seed, purpose, self.dataset, self.neurons, *keys)
