"""The ridge along which the loss falls most steeply: an exact Frank-Wolfe oracle (notes 11).

Adding ``t sigma relu(<v, x>)`` to a realization moves it by ``t ‖v‖_inf`` in the W^{1,inf}
seminorm and changes the loss by ``(2/n) t sigma phi(v)`` at first order, with

    phi(v) = sum_k s_k relu(<v, x_k>).

So a spare neuron helps iff phi is not zero, and the best one maximizes ``|phi|`` over
``‖v‖_inf = 1``. phi is linear on the cells of the *data's* arrangement: its extremes over the box
are at vertices, where samples' hyperplanes and faces of the box meet. Up to four effective
dimensions (three features and a constant) all of them are tried; where floating point cannot tell
where a vertex is, rational arithmetic does. Beyond, a mixed-integer program brackets the maximum.

With ``s = c`` and ``x_k = a_k`` this is also the uniform norm of the network (A, c) on [-1, 1]^d.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from landscape.probe._vertices import Vertices
from landscape.rounding import STATIONARITY_TOLERANCE
from landscape.stationarity import KinkFunction, merge_kinks

__all__ = ["Ridge", "best_ridge", "steepest_ridge"]

#: Mixed-integer solvers work with feasibility tolerances of about this size.
MILP_TOLERANCE = 1e-6

Array = NDArray[np.float64]

#: Effective dimensions up to which the vertices are enumerated, and how many of them at most.
MAX_DIMENSION = 4
MAX_VERTICES = 5_000_000
#: Vertices that rational arithmetic may have to decide, some 50 microseconds each.
MAX_EXACT = 20_000
NODE_LIMIT = 200
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Ridge:
    """The largest ``|phi|`` over the box, with both sides.

    Attributes
    ----------
    direction : array of shape (d,)
        v, of max-norm at most one, at which ``value`` is attained.
    sign : float
        sigma for which ``sigma phi(v) = -value``: the loss falls along ``sigma relu(<v, x>)``.
    value, upper : float
        The maximum of ``|phi|`` lies in ``[value, upper + tolerance]`` (sums over the samples,
        without a factor 2/n).
    scale : float
        ``sum_k |s_k| ‖x_k‖_1``: a bound on the maximum, and what rounding is relative to.
    tolerance : float
        Absolute error of ``upper``.
    exact : bool
        Whether value and upper agree up to ``tolerance``.
    method : str
        ``"vertices"``, ``"milp"``, or ``"local search"`` with a crude upper bound.
    n_vertices, n_exact : int
        Vertices tried, and how many of them needed rational arithmetic.
    """

    direction: Array
    sign: float
    value: float
    upper: float
    scale: float
    tolerance: float
    exact: bool
    method: str
    n_vertices: int
    n_exact: int

    @property
    def is_zero(self) -> bool:
        """Whether no ridge helps: R is optimal among networks of any width.

        Zero as the certificates understand it: up to 1e-9 of the terms that are summed.
        """
        return self.upper + self.tolerance <= STATIONARITY_TOLERANCE * self.scale

    def slope(self, n_samples: int) -> float:
        """Derivative of the loss by t along ``R + t sigma relu(<v, x>)``, at most 0."""
        return -2.0 / n_samples * self.value


def steepest_ridge(
    X: ArrayLike,
    s: ArrayLike,
    *,
    positive: bool = False,
    node_limit: int = NODE_LIMIT,
    max_vertices: int = MAX_VERTICES,
    max_exact: int = MAX_EXACT,
    rng: np.random.Generator | None = None,
) -> Ridge:
    """Maximize ``|sum_k s_k relu(<v, x_k>)|`` over ``‖v‖_inf <= 1``.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs; on lifted ones ``(x, 1, -1)`` only ``v_{d-1} - v_d`` matters and a dimension goes.
    s : array_like of shape (n,)
        Residuals.
    positive : bool
        Over the v whose last two coordinates are not negative, as in N*.
    node_limit : int
        For the mixed-integer program, per sign; no time limit, so that results are reproducible.
        0 leaves it out: then ``value`` comes from local search and ``upper`` is crude.
    max_vertices : int
        Beyond, the mixed-integer program is used.
    max_exact : int
        Vertices that rational arithmetic decides; with more doubtful ones ``upper`` is crude.
    rng : numpy.random.Generator, optional
        For the first guess in high dimensions; fixed if not given.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> ridge = steepest_ridge([[1.0, 1.0], [-1.0, 1.0]], [2.0, -1.0])
    >>> ridge.value, ridge.sign, ridge.exact
    (4.0, -1.0, True)
    """
    inputs, residuals = np.asarray(X, dtype=float), np.asarray(s, dtype=float)
    if inputs.ndim != 2 or residuals.shape != (len(inputs),):
        raise ValueError(f"s: expected one residual per row of X, got {residuals.shape}")
    box = _Box.of(inputs, residuals, positive)
    h = box.function
    # Merging directions that differ by rounding, products and sums.
    tolerance = 64 * EPS * box.scale * (1 + inputs.shape[1])
    dimension, n_kinks = h.gradient.size, len(h.weights)
    count = sum(
        comb(dimension, f) * 2**f * comb(n_kinks, dimension - f) for f in range(1, dimension + 1)
    )
    if dimension <= MAX_DIMENSION and count <= max_vertices:
        search = Vertices(h, box.lower, max_exact)
        search.run()
        best, upper, method = search.best, search.upper, "vertices"
        n_vertices, n_exact = search.n_vertices, search.n_exact
    else:
        best, upper = _by_program(box, node_limit, rng or np.random.default_rng(0))
        tolerance = max(tolerance, MILP_TOLERANCE * box.scale)
        method, n_vertices, n_exact = "milp" if node_limit > 0 else "local search", 0, 0
    direction = box.restore(best)
    phi = float(residuals @ np.maximum(inputs @ direction, 0.0))
    value = abs(phi)
    upper = max(upper, value)
    return Ridge(
        direction=direction,
        sign=-1.0 if phi > 0 else 1.0,
        value=value,
        upper=upper,
        scale=box.scale,
        tolerance=tolerance,
        exact=bool(upper - value <= tolerance),
        method=method,
        n_vertices=n_vertices,
        n_exact=n_exact,
    )


@dataclass(frozen=True, eq=False)
class _Box:
    """phi as a function of effective coordinates in the box ``[lower, 1]``."""

    function: KinkFunction
    lower: Array
    scale: float
    lifted: bool
    positive: bool

    @classmethod
    def of(cls, X: Array, s: Array, positive: bool) -> _Box:
        d = X.shape[1]
        scale = float(np.abs(s) @ np.abs(X).sum(axis=1))
        lifted = d > 2 and np.array_equal(X[:, -2], -X[:, -1])
        lower = np.full(d, -1.0)
        if lifted:
            # p - q = 2 beta with p = beta = -q; in N*, where p, q >= 0, p - q = beta.
            factor = 1.0 if positive else 2.0
            X = np.column_stack([X[:, :-2], factor * X[:, -2]])
            lower = lower[:-1]
        elif positive:
            lower[-2:] = 0.0
        return cls(merge_kinks(np.zeros(X.shape[1]), X, s), lower, scale, lifted, positive)

    def restore(self, v: Array) -> Array:
        """The weight vector of effective coordinates v."""
        if not self.lifted:
            return v
        beta = v[-1]
        pair = [max(beta, 0.0), max(-beta, 0.0)] if self.positive else [beta, -beta]
        return np.append(v[:-1], pair)


def _by_program(box: _Box, node_limit: int, rng: np.random.Generator) -> tuple[Array, float]:
    """A good point by local search, and a bound by one mixed-integer program per sign."""
    h = box.function
    best = _climb(h, box.lower, rng)
    upper = 0.0
    for sign in (1.0, -1.0):
        if node_limit <= 0:
            sizes = np.abs(h.kinks).sum(axis=1)
            rises = np.maximum(sign * h.weights, 0.0) @ sizes
            upper = max(upper, float(np.abs(h.gradient).sum() + rises))
            continue
        point, bound = _milp(h, box.lower, sign, node_limit)
        upper = max(upper, bound)
        if point is not None:
            point = np.clip(point, box.lower, 1.0)
            if abs(h(point[None])[0]) > abs(h(best[None])[0]):
                best = point
    return best, upper


def _climb(h: KinkFunction, lower: Array, rng: np.random.Generator) -> Array:
    """Local search for a large ``|h|``: on the cell of v, h is linear with a known maximizer."""
    d = lower.size
    starts = np.vstack([h.kinks, rng.standard_normal((200, d)), np.eye(d)])
    starts = np.clip(np.vstack([starts, -starts]), lower, None)
    best, value = np.zeros(d), 0.0
    for sign in (1.0, -1.0):
        v = starts
        for _ in range(20):
            gradients = sign * (h.gradient + ((v @ h.kinks.T > 0) * h.weights) @ h.kinks)
            v = np.unique(np.where(gradients > 0, 1.0, np.where(gradients < 0, lower, 0.0)), axis=0)
            values = sign * h(v)
            k = int(values.argmax())
            if values[k] <= value:
                break
            best, value = v[k], float(values[k])
    return best


def _milp(
    h: KinkFunction, lower: Array, sign: float, node_limit: int
) -> tuple[Array | None, float]:
    """Maximize ``sign * h`` over the box; a point and an upper bound."""
    d, q = h.gradient.size, len(h.weights)
    weights = sign * h.weights
    sizes = np.abs(h.kinks).sum(axis=1)
    trivial = float(np.abs(h.gradient).sum() + np.maximum(weights, 0.0) @ sizes)
    if trivial == 0:
        return None, 0.0
    rising = np.flatnonzero(weights > 0)
    # Variables: v (d), values p of the relus (q), one binary for each term that is maximized.
    cost = -np.concatenate([sign * h.gradient, weights, np.zeros(rising.size)]) / trivial
    eye = np.eye(q)
    select = np.zeros((q, rising.size))
    select[rising, np.arange(rising.size)] = sizes[rising]
    above = np.hstack([-h.kinks, eye, np.zeros_like(select)])[weights <= 0]
    cap = np.hstack([-h.kinks, eye, select])[rising]  # p <= <v, x> + size (1 - b)
    switch = np.hstack([np.zeros((q, d)), eye, -select])[rising]  # p <= size b
    constraints = []
    if rising.size:
        constraints.append(LinearConstraint(cap, -np.inf, sizes[rising]))
        constraints.append(LinearConstraint(switch, -np.inf, 0.0))
    if len(above):
        constraints.append(LinearConstraint(above, 0.0, np.inf))
    result = milp(
        cost,
        integrality=np.concatenate([np.zeros(d + q), np.ones(rising.size)]),
        bounds=Bounds(
            np.concatenate([lower, np.zeros(q + rising.size)]),
            np.concatenate([np.ones(d), sizes, np.ones(rising.size)]),
        ),
        constraints=constraints,
        options={"node_limit": node_limit, "mip_rel_gap": 0.0},
    )
    dual = getattr(result, "mip_dual_bound", None)
    bound = trivial
    if dual is not None and np.isfinite(dual):
        bound = min(trivial, -float(dual) * trivial)
    return (None if result.x is None else result.x[:d]), bound


def best_ridge(X: Array, s: Array, rng: np.random.Generator) -> tuple[Array, float, float]:
    """A ridge ``sigma relu(<v, x>)``, ‖v‖_inf <= 1, that lowers the loss, by local search alone.

    Returns
    -------
    v : array of shape (d,)
    sigma : float
    slope : float
        ``(2/n) sum_k s_k sigma relu(<v, x_k>)``; 0 if no descent was found.
    """
    box = _Box.of(X, s, False)
    v = box.restore(_climb(box.function, box.lower, rng))
    phi = float(s @ np.maximum(X @ v, 0.0))
    return v, -1.0 if phi > 0 else 1.0, -2.0 / len(s) * abs(phi)
