"""The ridge along which the loss falls most steeply: an exact Frank-Wolfe oracle.

Adding ``t sigma relu(<v, x>)`` to a realization moves it by ``t ‖v‖_inf`` in the W^{1,inf}
seminorm and changes the loss by ``(2/n) t sigma phi(v)`` at first order, with

    phi(v) = sum_k s_k relu(<v, x_k>).

So a spare neuron helps iff phi is not zero, and the best one maximizes ``|phi|`` over
``‖v‖_inf = 1`` (Theorem 15). With ``s = c`` and ``x_k = a_k`` this is the uniform norm of the
network (A, c) on [-1, 1]^d, and `landscape.seminorm` maximizes both: up to four effective
dimensions (three features and a constant) by all vertices, beyond by mixed-integer programs.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from landscape.rounding import STATIONARITY_TOLERANCE, Array
from landscape.seminorm import PiecewiseLinear, maximize_on_box
from landscape.streams import stream

#: Effective dimensions up to which the vertices are enumerated.
MAX_DIMENSION = 4
ANY_WIDTH = "no ridge lowers the loss: R is optimal among networks of any width"


@dataclass(frozen=True, eq=False)
class Ridge:
    """The largest ``|phi|`` over the box, with a lower and an upper bound.

    The maximum lies in ``[value, upper + tolerance]``: sums over the samples, without the 2/n.
    """

    direction: Array  #: v, of max-norm at most one, at which ``value`` is attained.
    sign: float  #: sigma: the loss falls along ``sigma relu(<v, x>)``, ``sigma phi(v) = -value``.
    value: float  #: Of ``|phi|`` at ``direction``, a lower bound on the maximum.
    upper: float  #: The maximum is at most this, up to ``tolerance``.
    scale: float  #: ``sum_k |s_k| ‖x_k‖_1``: a bound on the maximum, what rounding is relative to.
    tolerance: float  #: Absolute error of ``upper``.
    method: str  #: "vertices", "milp", or "local search" with a crude upper bound.
    n_exact: int  #: Vertices that needed rational arithmetic.

    @property
    def exact(self) -> bool:
        """Whether value and upper agree up to ``tolerance``."""
        return self.upper - self.value <= self.tolerance

    @property
    def is_zero(self) -> bool:
        """Whether no ridge helps, up to `STATIONARITY_TOLERANCE`: R is optimal at any width."""
        return self.upper + self.tolerance <= STATIONARITY_TOLERANCE * self.scale

    def slope(self, n_samples: int) -> float:
        """Derivative of the loss by t along ``R + t sigma relu(<v, x>)``, at most 0."""
        return -2.0 / n_samples * self.value


def steepest_ridge(
    X: ArrayLike,
    s: ArrayLike,
    *,
    positive: bool = False,
    node_limit: int = 200,
    max_vertices: int = 5_000_000,
    max_exact: int = 20_000,
    rng: np.random.Generator | None = None,
) -> Ridge:
    """Maximize ``|sum_k s_k relu(<v, x_k>)|`` over ``‖v‖_inf <= 1``.

    Parameters
    ----------
    X, s : array_like of shapes (n, d) and (n,)
        Inputs and residuals; on lifted inputs ``(x, 1, -1)`` only ``v_{d-1} - v_d`` matters.
    positive : bool
        Over the v whose last two coordinates are not negative, as in N*.
    node_limit : int
        For each mixed-integer program; 0: ``value`` comes from local search, ``upper`` is crude.
    max_vertices, max_exact : int
        Beyond so many vertices the mixed-integer programs are used; with more vertices than that
        for rational arithmetic to decide ``upper`` is crude.
    rng : numpy.random.Generator, optional
        For the first guess in high dimensions; fixed if not given.

    Examples
    --------
    >>> ridge = steepest_ridge([[1.0, 1.0], [-1.0, 1.0]], [2.0, -1.0])
    >>> ridge.value, ridge.sign, ridge.exact
    (4.0, -1.0, True)
    """
    inputs, residuals = np.asarray(X, dtype=float), np.asarray(s, dtype=float)
    if inputs.ndim != 2 or residuals.shape != (len(inputs),):
        raise ValueError(f"s: expected one residual per row of X, got {residuals.shape}")
    rows, lower = inputs, np.full(inputs.shape[1], -1.0)
    if lifted := is_lifted(inputs):
        # p - q = 2 beta with p = beta = -q; in N*, where p, q >= 0, p - q = beta.
        constant = inputs[:, -2] * (1.0 if positive else 2.0)
        rows, lower = np.column_stack([inputs[:, :-2], constant]), lower[:-1]
    elif positive:
        lower[-2:] = 0.0
    scale = float(np.abs(residuals) @ np.abs(inputs).sum(axis=1))
    h = replace(PiecewiseLinear.of(rows, residuals, lower), scale=scale)
    if lower.size <= MAX_DIMENSION and h.n_vertices <= max_vertices:
        found = maximize_on_box(h, "vertices", max_exact=max_exact)
    else:
        rng = rng or stream(0, "ridge")
        found = maximize_on_box(h, "milp", node_limit=2 * node_limit, rng=rng)
    direction = found.point
    if lifted:
        beta = direction[-1]
        pair = [max(beta, 0.0), max(-beta, 0.0)] if positive else [beta, -beta]
        direction = np.append(direction[:-1], pair)
    phi = float(residuals @ np.maximum(inputs @ direction, 0.0))
    return Ridge(
        direction=direction,
        sign=-1.0 if phi > 0 else 1.0,
        value=abs(phi),
        upper=max(found.upper, abs(phi)),
        scale=scale,
        tolerance=found.tolerance,
        method=found.method,
        n_exact=found.n_exact,
    )


def is_lifted(X: Array) -> bool:
    """Whether the last two inputs are opposite, as in ``(x, 1, -1)``."""
    return X.shape[1] > 2 and np.array_equal(X[:, -2], -X[:, -1])
