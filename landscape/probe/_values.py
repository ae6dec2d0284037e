"""A network on data with error bounds: what the probes' verdicts are computed from (Theorem 19)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.errors import NumericalError
from landscape.parametrization import Parametrization, max_norms
from landscape.rounding import GLOBAL_SHARE, SLACK_SHARE, Bounded, gamma

__all__ = ["PROBE_TOLERANCE", "NetworkValues"]

Array = NDArray[np.float64]

#: Changes of the loss count as zero up to this times what a ball of this radius can change the
#: loss by at first order. The certificates' own tolerance is 1e-9.
PROBE_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class NetworkValues:
    """A network on data, in units (powers of two) in which inputs and targets are of size one.

    ``rows`` (m, d) are the weight vectors times powers of two, of max-norm in [1/2, 1) or 0,
    ``outputs`` (m,) the output weights that go with them, both exact; ``ridges`` (m, n) are
    ``relu(<rows_i, x_k>)`` and ``s`` (n,) the residuals. X and y were divided by 2 to the
    ``exponents``.
    """

    rows: Array
    outputs: Array
    X: Array
    y: Array
    ridges: Bounded
    s: Bounded
    exponents: tuple[int, int]

    @classmethod
    def of(cls, theta: Parametrization, X: Array, y: Array) -> NetworkValues:
        """The values; :class:`NumericalError` where they leave the range of floats."""
        seen = theta.weights.any(axis=0)
        size = np.abs(y).max(initial=0.0)
        if size == 0:
            size = np.abs(X).max() * max_norms(theta.products).sum()
        exponents = int(np.frexp(np.abs(X[:, seen]).max(initial=0.0))[1]), int(np.frexp(size)[1])
        return cls._of(theta, _shifted(X, -exponents[0]), _shifted(y, -exponents[1]), exponents)

    @classmethod
    def _of(
        cls, theta: Parametrization, X: Array, y: Array, exponents: tuple[int, int]
    ) -> NetworkValues:
        _, own = np.frexp(max_norms(theta.weights))
        rows = _shifted(theta.weights, -own[:, None])
        outputs = _shifted(theta.output_weights, own + exponents[0] - exponents[1])
        ridges = (Bounded.exact(rows) @ X.T).relu()
        s = ridges.T @ outputs - Bounded.exact(y)
        if not (np.isfinite(s.error).all() and np.isfinite(ridges.error).all()):
            raise NumericalError("theta: its values on the data exceed the range of floats")
        return cls(rows, outputs, X, y, ridges, s, exponents)

    def on_data(self, other: Parametrization) -> Bounded:
        """Another network's values on the data, in these units."""
        return self._of(other, self.X, np.zeros_like(self.y), self.exponents).s

    def change_to(self, other: Parametrization) -> Bounded:
        """Change of the loss from this network to another one."""
        return self.change(self.on_data(other) - Bounded.exact(self.y) - self.s)

    def change(self, d: Bounded) -> Bounded:
        """Change of the loss when d (n,) is added to the values, without cancellation."""
        return _mean_product(self.s + self.s + d, d)

    @property
    def unit(self) -> float:
        """Unit of values; that of the loss is its square."""
        return float(np.ldexp(1.0, self.exponents[1]))

    @property
    def slope_unit(self) -> float:
        """Unit of gradients, and of seminorms."""
        return float(np.ldexp(1.0, self.exponents[1] - self.exponents[0]))

    @property
    def loss(self) -> Bounded:
        """Mean squared error."""
        return _mean_product(self.s, self.s)

    @property
    def is_zero(self) -> bool:
        """Whether the loss is zero up to ``GLOBAL_SHARE``, as the certificates understand it."""
        y = self.y
        size = float(np.var(y)) if np.ptp(y) > 0 else float(y[0]) ** 2
        if not y.any():  # nothing but the network's own terms says what is small
            size = float(np.mean((np.abs(self.outputs) @ self.ridges.value) ** 2))
        return float(self.loss.size) <= GLOBAL_SHARE * size

    def tolerance(self, distance: float) -> float:
        """Which change of the loss counts as zero at that seminorm distance.

        As ``|g(x) - R(x)| <= |g - R|_{W^{1,inf}} ‖x‖_1``, a realization at distance one changes the
        loss by at most ``(2/n) sum_k |s_k| ‖x_k‖_1`` at first order.
        """
        reach = 2.0 / self.y.size * float(np.abs(self.s.value) @ np.abs(self.X).sum(axis=1))
        return PROBE_TOLERANCE * distance * reach

    def claimed(self, radius: float) -> float:
        """The largest tolerance of ``holds``: more than `SLACK_SHARE` of the loss says nothing."""
        least = max(0.0, float(self.loss.value - self.loss.error))
        return min(self.tolerance(radius), SLACK_SHARE * least)


def _mean_product(x: Bounded, y: Bounded) -> Bounded:
    """The inner product of two vectors, by their length."""
    n = x.value.size
    error = x.error @ y.size + np.abs(x.value) @ y.error
    error = error * (1 + gamma(n)) + gamma(n + 4) * (np.abs(x.value) @ np.abs(y.value))
    return Bounded(np.asarray(x.value @ y.value / n), np.asarray((error + n * 2.0**-1073) / n))


def _shifted(values: Array, exponents: NDArray[np.intp] | int) -> Array:
    """Times powers of two, exactly."""
    with np.errstate(over="ignore", under="ignore"):
        shifted = np.ldexp(values, exponents)
        if not np.array_equal(np.ldexp(shifted, -np.asarray(exponents)), values):
            raise NumericalError("weights and data are of sizes too different for floats")
    return np.asarray(shifted)
