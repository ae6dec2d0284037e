"""The sets of parametrizations that are optimized over: N (15), N' (32) and N* (36).

All three hold :class:`~landscape.Parametrization` objects. A space knows the inputs that its
networks see (the paper's lift is its property, not the data's), the bounds of its product
coordinates, and says by how much a parametrization leaves it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Parametrization,
    lift,
    lift_inputs,
)
from landscape.rounding import SMALLEST

__all__ = [
    "SPACES", "BalancedSpace", "RestrictedSpace", "Space", "UnrestrictedSpace", "Violation",
    "make_space",
]  # fmt: skip

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Violation:
    """One way in which a parametrization leaves a space."""

    #: "shape", "C.1" (balance), "C.2" (redundancy), "C.3" (last two coordinates), "bound" or
    #: "offset".
    condition: str
    neurons: tuple[int, ...]  #: The neurons concerned.
    amount: float  #: By how much; 0 for a pair of redundant neurons.
    message: str  #: A sentence for the user.


@dataclass(frozen=True)
class Space(ABC):
    """A set of parametrizations with ``n_inputs`` inputs and ``n_neurons`` neurons."""

    n_inputs: int  #: What the network sees: d, two or one more than the features on lifted data.
    n_neurons: int  #: m, the neuron of the offset included.

    name: ClassVar[str]
    #: Inputs that the space adds to the features, see :meth:`embed`.
    extra_inputs: ClassVar[int]

    def __post_init__(self) -> None:
        for key in ("n_inputs", "n_neurons"):
            value = getattr(self, key)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{key}: expected a positive integer, got {value!r}")

    # --- data ---------------------------------------------------------------------------------

    @classmethod
    def embed(cls, features: ArrayLike) -> Array:
        """What the networks of a study over this space see of the features, (n, n_inputs).

        ``(x, 1, -1)`` for N' and N*, ``(x, 1)`` for N: biases as weights of a constant input.
        """
        lifted = lift_inputs(features)
        return lifted[:, : lifted.shape[1] - 2 + cls.extra_inputs]

    def from_network(
        self, weights: ArrayLike, biases: ArrayLike, output_weights: ArrayLike, offset: float
    ) -> Parametrization:
        """The element that computes ``sum_i c_i relu(<a_i, x> + b_i) + e`` on embedded features.

        ``weights`` (p, d) may have fewer neurons than the space: the others stay silent. In N' by
        Lemma A.4, see :func:`landscape.lift`; in N* then moved above the margin along the family
        that ``(x, 1, -1)`` ignores; in N, which needs an offset, the network itself.
        """
        a, b, c = (np.asarray(p, dtype=float) for p in (weights, biases, output_weights))
        m = self.n_neurons - 1
        if (missing := m - len(a)) < 0:
            raise ValueError(
                f"weights: the space holds {m} neurons and an offset, got {len(a)} neurons"
            )
        a = np.vstack([a, np.zeros((missing, a.shape[1]))])
        b, c = np.append(b, -np.ones(missing)), np.append(c, np.zeros(missing))
        return self._from(a, b, c, offset)

    @abstractmethod
    def _from(self, a: Array, b: Array, c: Array, offset: float) -> Parametrization:
        """See `from_network`, for one neuron less than the space has."""

    # --- geometry -----------------------------------------------------------------------------

    @abstractmethod
    def _conditions(self, theta: Parametrization) -> list[Violation]:
        """Violations of a parametrization of the right shape."""

    def violations(self, theta: Parametrization) -> list[Violation]:
        """Every way in which ``theta`` leaves the space; empty if it lies in it."""
        shape = (self.n_neurons, self.n_inputs)
        if theta.weights.shape != shape:
            message = f"weights have shape {theta.weights.shape}, the space has {shape}"
            return [Violation("shape", (), np.inf, message)]
        return self._conditions(theta)

    def contains(self, theta: Parametrization) -> bool:
        """Whether ``theta`` lies in the space (up to rounding, see ``violations``)."""
        return not self.violations(theta)

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the product coordinates u, each of shape (m, d)."""
        shape = (self.n_neurons, self.n_inputs)
        return np.full(shape, -np.inf), np.full(shape, np.inf)

    @abstractmethod
    def sample(self, rng: np.random.Generator, *, n_positive: int | None = None) -> Parametrization:
        """A random element with gaussian weights.

        With ``n_positive`` positive signs (the class of Theorem 1), not counting an offset's;
        binomial if not given. In N* the last two coordinates are half-normal above the margin.
        """

    def _signs(self, rng: np.random.Generator, n: int, n_positive: int | None) -> Array:
        if n_positive is None:
            return np.where(rng.random(n) < 0.5, 1.0, -1.0)
        if not 0 <= n_positive <= n:
            raise ValueError(f"n_positive: expected 0 to {n}, got {n_positive}")
        return np.where(np.arange(n) < n_positive, 1.0, -1.0)


@dataclass(frozen=True)
class BalancedSpace(Space):
    """N' of (32): balanced, ``|c_i| = ‖a_i‖_inf``, and without redundant directions.

    Examples
    --------
    >>> space = BalancedSpace(2, 2)
    >>> [v.condition for v in space.violations(Parametrization([[1, 0], [2, 0]], [1, -3]))]
    ['C.1', 'C.2']
    """

    name: ClassVar[str] = "balanced"
    extra_inputs: ClassVar[int] = 2

    def _from(self, a: Array, b: Array, c: Array, offset: float) -> Parametrization:
        return lift(a, b, c, offset)

    def _conditions(self, theta: Parametrization) -> list[Violation]:
        found, c = [], np.abs(theta.output_weights)
        if np.count_nonzero(c != theta.norms):  # else balanced exactly, as usual
            gaps, scale = theta.unbalancedness(), np.maximum(c, theta.norms)
            found = [
                Violation("C.1", (i,), float(gaps[i]), f"neuron {i} is unbalanced by {gaps[i]:.3g}")
                for i in np.flatnonzero(gaps > DIRECTION_TOLERANCE * scale).tolist()
            ]
        same = "neurons {} and {} have the same direction"
        pairs = theta.redundant_pairs()
        return found + [Violation("C.2", pair, 0.0, same.format(*pair)) for pair in pairs]

    def sample(self, rng: np.random.Generator, *, n_positive: int | None = None) -> Parametrization:
        """See :meth:`Space.sample`."""
        u = rng.standard_normal((self.n_neurons, self.n_inputs))
        return Parametrization.from_products(u, self._signs(rng, self.n_neurons, n_positive))


@dataclass(frozen=True)
class RestrictedSpace(BalancedSpace):
    """N* of (36): in N', and the last two coordinates of every weight vector are positive.

    With ``margin`` > 0 the subset Ω_ε, closed and convex for each choice of signs, whose products
    ``u_i = |c_i| a_i`` have last two coordinates of at least ``margin`` and entries of at most
    ``bound``: inverse stability passes to it, and minima on its border exist.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 0.5, 0.5]], [-1.0])
    >>> RestrictedSpace(3, 1).contains(theta), RestrictedSpace(3, 1, margin=0.6).contains(theta)
    (True, False)
    """

    margin: float = 0.0  #: ε, of the last two coordinates of products.
    bound: float = np.inf  #: M, of the entries of products.

    name: ClassVar[str] = "restricted"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_inputs < 2:
            raise ValueError(f"n_inputs: N* needs at least 2, got {self.n_inputs}")
        if not 0 <= self.margin < np.inf:
            raise ValueError(f"margin: expected a finite number >= 0, got {self.margin!r}")
        if not self.bound > self.margin:
            raise ValueError(f"bound: expected more than margin={self.margin}, got {self.bound!r}")

    def _conditions(self, theta: Parametrization) -> list[Violation]:
        found = super()._conditions(theta)
        u, least = theta.products, max(self.margin, SMALLEST)
        if u[:, -2:].min() >= least and (self.bound == np.inf or np.abs(u).max() <= self.bound):
            return found  # off the border, as usual
        positive = (theta.weights[:, -2:] > 0).all(axis=1)
        sizes = theta.sizes
        slack = DIRECTION_TOLERANCE * sizes
        wrong = ~positive | (theta.output_weights == 0)
        wrong |= ~(self.margin - u[:, -2:].min(axis=1) <= slack)
        wrong |= ~(sizes - self.bound <= slack)
        for i in np.flatnonzero(wrong).tolist():
            a, c = theta.weights[i], theta.output_weights[i]
            if not (a[-2:] > 0).all() or c == 0:
                message = f"neuron {i}: last two coordinates {a[-2:]} are not > 0"
                if c == 0:
                    message = f"neuron {i}: output weight 0 cannot be balanced in N*"
                found.append(Violation("C.3", (i,), float(max(0.0, -a[-2:].min())), message))
            elif (short := float(self.margin - u[i, -2:].min())) > slack[i]:
                message = f"neuron {i} is {short:.3g} below margin {self.margin}"
                found.append(Violation("bound", (i,), short, message))
            if (excess := float(np.abs(u[i]).max() - self.bound)) > slack[i]:
                message = f"neuron {i} is {excess:.3g} above bound {self.bound}"
                found.append(Violation("bound", (i,), excess, message))
        return found

    def bounds(self) -> tuple[Array, Array]:
        """Bounds of the product coordinates: ``margin`` below for the last two, ``bound``."""
        shape = (self.n_neurons, self.n_inputs)
        lower, upper = np.full(shape, -self.bound), np.full(shape, self.bound)
        lower[:, -2:] = self.margin
        return lower, upper

    def sample(self, rng: np.random.Generator, *, n_positive: int | None = None) -> Parametrization:
        """See :meth:`Space.sample`."""
        u = rng.standard_normal((self.n_neurons, self.n_inputs))
        u[:, -2:] = np.abs(u[:, -2:]) + max(self.margin, np.finfo(float).tiny)
        if np.isfinite(self.bound):
            u = np.clip(u, *self.bounds())
        return Parametrization.from_products(u, self._signs(rng, self.n_neurons, n_positive))

    def _from(self, a: Array, b: Array, c: Array, offset: float) -> Parametrization:
        theta = lift(a, b, c, offset)
        u = theta.products.copy()
        u[:, -2:] += np.maximum(0.0, self.margin - u[:, -2:].min(axis=1))[:, None]
        return Parametrization.from_products(u, theta.signs) if self.margin > 0 else theta


@dataclass(frozen=True)
class UnrestrictedSpace(Space):
    """N of (15); with ``offset`` the networks with biases (A, b, c, e) of (11), one layer.

    With ``offset=True`` the inputs are ``(x, 1)``: the last coordinate of a weight vector is the
    bias ``b_i``, and the last neuron is the offset e, frozen at the weight vector (0, ..., 0, 1).
    So a network of P_(p, m, 1) is an element with p + 1 inputs and m + 1 neurons.

    Examples
    --------
    >>> space = UnrestrictedSpace(2, 2, offset=True)
    >>> theta = space.from_network([[1.0]], [-1.0], [2.0], 3.0)  # 2 relu(x - 1) + 3
    >>> theta.weights, theta.output_weights
    (array([[ 1., -1.],
           [ 0.,  1.]]), array([2., 3.]))
    """

    offset: bool = False  #: Whether the last neuron is the offset of (11).

    name: ClassVar[str] = "unrestricted"
    extra_inputs: ClassVar[int] = 1

    def _from(self, a: Array, b: Array, c: Array, offset: float) -> Parametrization:
        if not self.offset:
            raise ValueError(
                "from_network: the space has no offset; use UnrestrictedSpace(offset=True)"
            )
        rows = np.vstack([np.column_stack([a, b]), self.offset_direction])
        return Parametrization(rows, np.append(c, offset))

    @property
    def offset_direction(self) -> Array:
        """Weight vector (0, ..., 0, 1) of the frozen offset neuron."""
        return np.eye(self.n_inputs)[-1]

    def _conditions(self, theta: Parametrization) -> list[Violation]:
        if self.offset and not np.array_equal(theta.weights[-1], self.offset_direction):
            amount = float(np.abs(theta.weights[-1] - self.offset_direction).max())
            message = f"the last neuron is the offset, but its weights are {theta.weights[-1]}"
            return [Violation("offset", (self.n_neurons - 1,), amount, message)]
        return []

    def sample(self, rng: np.random.Generator, *, n_positive: int | None = None) -> Parametrization:
        """See :meth:`Space.sample`."""
        m = self.n_neurons - int(self.offset)
        a = rng.standard_normal((m, self.n_inputs))
        c = self._signs(rng, m, n_positive) * np.abs(rng.standard_normal(m))
        if self.offset:
            a = np.vstack([a, self.offset_direction])
            c = np.append(c, rng.standard_normal())
        return Parametrization(a, c)


#: The spaces of a study by their names in the config.
SPACES: dict[str, type[Space]] = {
    space.name: space for space in (RestrictedSpace, BalancedSpace, UnrestrictedSpace)
}


def make_space(
    name: str, n_features: int, n_neurons: int, *, margin: float = 0.0, bound: float = np.inf
) -> Space:
    """The space in which the networks of P_(n_features, n_neurons, 1) are studied.

    Corollary 1.3: N* and N' get two more inputs and one more neuron than the network with
    biases, which takes over the offset's role.

    Parameters
    ----------
    name : {"restricted", "balanced", "unrestricted"}
    n_features, n_neurons : int
        Architecture of the network with biases.
    margin, bound : float
        See :class:`RestrictedSpace`; ignored by the other spaces.
    """
    if name not in SPACES:
        raise ValueError(f"space: expected one of {', '.join(SPACES)}, got {name!r}")
    options: dict[str, dict[str, Any]] = {
        "restricted": {"margin": margin, "bound": bound}, "unrestricted": {"offset": True},
    }  # fmt: skip
    n_inputs = n_features + SPACES[name].extra_inputs
    return SPACES[name](n_inputs, n_neurons + 1, **options.get(name, {}))
