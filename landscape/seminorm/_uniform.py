"""The uniform norm on a box, and with it the full W^{1,inf} norm.

A realization is continuous, positively homogeneous and linear on every cell, so its extreme
values over ``[-B, B]^d`` are attained on the box's surface, at vertices of the arrangement that the
hyperplanes cut into the faces. With few inputs all of them are visited; beyond that a
mixed-integer program bounds the norm. No cell is too thin to matter here: the uniform norm is
continuous in the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import NDArray

from landscape.canonical import merge_hyperplanes
from landscape.parametrization import Parametrization
from landscape.seminorm._limits import Limits
from landscape.seminorm._networks import sobolev_seminorm
from landscape.seminorm._problem import EPS, scaled_products
from landscape.seminorm._record import OutOfReach, Seminorm

Array = NDArray[np.float64]

#: Most vertices that "auto" visits.
VERTEX_LIMIT = 3_000_000


@dataclass(frozen=True, eq=False)
class UniformNorm:
    """``max |R(theta)|`` over ``[-bound, bound]^d``.

    Attributes
    ----------
    value : float
        ``|R(theta)(witness)|``, the norm if ``exact``.
    lower, upper : float
        The norm lies in ``[lower - tolerance, upper + tolerance]``.
    witness : array of shape (d,)
        A point of the box with this value.
    bound : float
    exact : bool
        Whether the bounds meet up to the tolerance.
    method : str
        "vertices" or "milp".
    tolerance : float
        Absolute bound on rounding, for "milp" the solver's feasibility tolerance.
    """

    value: float
    lower: float
    upper: float
    witness: Array
    bound: float
    exact: bool
    method: str
    tolerance: float


@dataclass(frozen=True, eq=False)
class SobolevNorm:
    """The full W^{1,inf} norm on a box, the larger of its two parts.

    Attributes
    ----------
    value, lower, upper : float
    exact : bool
    uniform : UniformNorm
    seminorm : Seminorm
        On all of R^d, which is the box's: every cell is a cone.
    """

    value: float
    lower: float
    upper: float
    exact: bool
    uniform: UniformNorm
    seminorm: Seminorm


def uniform_norm(
    theta: Parametrization,
    *,
    bound: float = 1.0,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> UniformNorm:
    """The uniform norm of ``R(theta)`` on the box ``[-bound, bound]^d``.

    Parameters
    ----------
    theta : Parametrization
    bound : float
        Half the box's side, positive.
    method : str
        "vertices", exact for few inputs; "milp", HiGHS; "auto" takes vertices while there are at
        most `VERTEX_LIMIT`.
    time_limit : float, optional
        Seconds after which the search stops and returns an interval. HiGHS looks at the clock now
        and then only, and loading scipy's optimizers for the first time is not counted.
    node_limit : int, optional
        Vertices, or nodes of the mixed-integer programs, after which it stops.

    Raises
    ------
    ValueError
        If the bound is not positive and finite, or the method unknown.
    OutOfReach
        If ``method="vertices"`` is asked for far beyond its reach.

    Examples
    --------
    >>> theta = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, -2.0])
    >>> result = uniform_norm(theta, bound=3.0)
    >>> result.value, result.exact
    (6.0, True)
    """
    if not (np.isfinite(bound) and bound > 0):
        raise ValueError(f"bound: expected a positive number, got {bound}")
    if method not in ("auto", "vertices", "milp"):
        raise ValueError(f"method: expected auto, vertices or milp, got {method!r}")
    products, exponent = scaled_products(theta.weights, np.abs(theta.output_weights))
    signs = theta.signs
    used = np.abs(products).max(axis=1, initial=0.0) > 0
    products, signs = products[used], signs[used]
    hyperplanes = merge_hyperplanes(products).rows
    scale = float(np.abs(products).sum())
    count = _vertex_count(len(hyperplanes), theta.n_inputs)
    if method == "vertices" and count > 30 * VERTEX_LIMIT:
        raise OutOfReach(f"uniform_norm: {count} vertices")
    if method == "vertices" or (method == "auto" and count <= VERTEX_LIMIT):
        limits = Limits(time_limit, node_limit)
        witness, complete = _best_vertex(products, signs, hyperplanes, limits)
        value = abs(_value(products, signs, witness))
        found_by = "vertices"
        upper = value if complete else max(value, *_ceilings(products, signs))
        tolerance = 64 * EPS * (len(products) + theta.n_inputs) * scale
    else:
        import scipy.optimize  # noqa: F401  # before the clock starts

        witness, upper = _by_milp(products, signs, Limits(time_limit, node_limit))
        value = abs(_value(products, signs, witness))
        upper, found_by = max(upper, value), "milp"
        tolerance = 1e-6 * scale
    exact = upper - value <= tolerance

    def unscaled(number: float) -> float:
        return math.ldexp(number, exponent) * bound

    return UniformNorm(
        value=unscaled(value),
        lower=unscaled(value),
        upper=unscaled(value if exact and found_by == "vertices" else upper),
        witness=witness * bound,
        bound=float(bound),
        exact=exact,
        method=found_by,
        tolerance=unscaled(tolerance),
    )


def sobolev_norm(
    theta: Parametrization,
    *,
    bound: float = 1.0,
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> SobolevNorm:
    """The norm of ``R(theta)`` in W^{1,inf} of the box ``[-bound, bound]^d``.

    Parameters
    ----------
    theta : Parametrization
    bound : float
    time_limit, node_limit : see `uniform_norm` and `sobolev_seminorm`
        For each of the two parts.

    Examples
    --------
    >>> norm = sobolev_norm(Parametrization([[1.0, 1.0]], [1.0]), bound=2.0)
    >>> norm.value, norm.seminorm.value
    (4.0, 1.0)
    """
    uniform = uniform_norm(theta, bound=bound, time_limit=time_limit, node_limit=node_limit)
    seminorm = sobolev_seminorm(theta, time_limit=time_limit, node_limit=node_limit)
    return SobolevNorm(
        value=max(uniform.value, seminorm.value),
        lower=max(uniform.lower, seminorm.lower),
        upper=max(uniform.upper, seminorm.upper),
        exact=uniform.exact and seminorm.exact,
        uniform=uniform,
        seminorm=seminorm,
    )


def _value(products: Array, signs: Array, point: Array) -> float:
    """The realization at a point, from its products."""
    return math.fsum((signs * np.maximum(products @ point, 0.0)).tolist())


def _ceilings(products: Array, signs: Array) -> tuple[float, float]:
    """Bounds of R and of -R on the unit cube: no neuron exceeds the 1-norm of its product."""
    reach = np.abs(products).sum(axis=1)
    return float(reach[signs > 0].sum()), float(reach[signs < 0].sum())


def _vertex_count(k: int, d: int) -> int:
    """Subsets of hyperplanes times faces of the cube where they may meet in a vertex."""
    return sum(math.comb(d, f) * 2 ** (d - f) * math.comb(k, f) for f in range(d))


def _best_vertex(
    products: Array, signs: Array, hyperplanes: Array, limits: Limits
) -> tuple[Array, bool]:
    """The vertex of the arrangement on the unit cube's surface with the largest value.

    With it whether all were visited within the limits.
    """
    k, d = hyperplanes.shape[0], products.shape[1]
    best, witness, complete = -1.0, np.ones(d), True
    for n_free in range(min(d - 1, k) + 1):
        chunk = max(1, 200_000 // max(1, (n_free + 1) ** 2 + len(products)))
        for free in combinations(range(d), n_free):
            fixed = [j for j in range(d) if j not in free]
            for corner in product((-1.0, 1.0), repeat=len(fixed)):
                shifts = hyperplanes[:, fixed] @ np.array(corner)
                for subsets in _chunks(combinations(range(k), n_free), chunk):
                    if limits.exhausted:
                        return witness, False
                    allowed = limits.remaining_nodes
                    complete &= len(subsets) <= allowed
                    subsets = subsets[:allowed]
                    limits.nodes += len(subsets)
                    points = np.empty((len(subsets), d))
                    points[:, fixed] = corner
                    if n_free:
                        inside = _solve_all(hyperplanes[:, list(free)], shifts, subsets)
                        points[:, list(free)] = inside
                        # Vertices outside of the face are none; clipping those that are just
                        # outside keeps them points of the box.
                        near = (np.abs(inside) <= 1 + 1e-9).all(axis=1)
                        points = np.clip(points[near], -1.0, 1.0)
                    values = np.abs(np.maximum(points @ products.T, 0.0) @ signs)
                    if values.size and values.max() > best:
                        best = float(values.max())
                        witness = points[int(values.argmax())].copy()
    return witness, complete


def _solve_all(rows: Array, shifts: Array, subsets: NDArray[np.intp]) -> Array:
    """Where the hyperplanes of each subset meet in a face; far away where they do not."""
    systems, rhs = rows[subsets], -shifts[subsets]
    n = subsets.shape[1]
    sizes = np.linalg.norm(systems, axis=2).prod(axis=1)
    # Dependent hyperplanes have no vertex of their own: its value is another vertex's, up to
    # the rounding errors that the tolerance covers.
    regular = np.abs(np.linalg.det(systems)) > 64 * n * EPS * sizes
    points = np.full((len(subsets), n), np.inf)
    if regular.any():
        points[regular] = np.linalg.solve(systems[regular], rhs[regular][:, :, None])[:, :, 0]
    return points


def _chunks(subsets: Iterator[tuple[int, ...]], size: int) -> Iterator[NDArray[np.intp]]:
    while chunk := list(islice(subsets, size)):
        yield np.array(chunk, dtype=np.intp).reshape(len(chunk), -1)


def _by_milp(products: Array, signs: Array, limits: Limits) -> tuple[Array, float]:
    """A good point of the unit cube and an upper bound, by two mixed-integer programs."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    m, d = products.shape
    witness = _best_corner(products, signs)
    best, upper = abs(_value(products, signs, witness)), 0.0
    reach = np.abs(products).sum(axis=1)
    identity, zero = np.eye(m), np.zeros((m, m))
    for side, ceiling in zip((1.0, -1.0), _ceilings(products, signs), strict=True):
        if ceiling <= best:
            continue
        if limits.exhausted:
            upper = max(upper, ceiling)
            continue
        # Variables x, h = relu(<u, x>), z = [active]. Where h is minimized, h >= <u, x> is enough.
        rising = side * signs > 0
        system = [
            LinearConstraint(np.hstack([-products, identity, zero])[~rising], 0.0, np.inf),
            LinearConstraint(
                np.hstack([-products, identity, np.diag(reach)])[rising], -np.inf, reach[rising]
            ),
            LinearConstraint(
                np.hstack([np.zeros((m, d)), identity, -np.diag(reach)])[rising], -np.inf, 0.0
            ),
        ]
        options: dict[str, float] = {"mip_rel_gap": 0.0}
        # The first program leaves half of what there is to the second.
        share = 2 if side > 0 else 1
        if limits.time_limit is not None:
            options["time_limit"] = max(limits.remaining_time / share, 0.0)
        if limits.node_limit is not None:
            options["node_limit"] = -(-limits.remaining_nodes // share)
        result = milp(
            np.concatenate([np.zeros(d), -side * signs, np.zeros(m)]),
            constraints=[part for part in system if part.A.shape[0]],
            bounds=Bounds(
                np.concatenate([-np.ones(d), np.zeros(2 * m)]),
                np.concatenate([np.ones(d), reach, np.ones(m)]),
            ),
            integrality=np.concatenate([np.zeros(d + m), rising.astype(float)]),
            options=options,
        )
        dual = getattr(result, "mip_dual_bound", None)
        limits.nodes += int(getattr(result, "mip_node_count", None) or 1)
        upper = max(upper, ceiling if dual is None else min(ceiling, -float(dual)))
        if result.x is not None:
            point = np.clip(result.x[:d], -1.0, 1.0)
            if limits.remaining_time > 0:
                point = _polished(products, signs, point, side, limits)
            value = side * _value(products, signs, point)
            if value > best:
                best, witness = value, point
    return witness, upper


def _best_corner(products: Array, signs: Array) -> Array:
    """A corner of the unit cube where |R| is large: from some, to where the gradient points."""
    d = products.shape[1]
    corners = np.sign(np.random.default_rng(d).standard_normal((64, d)))
    best, witness = -1.0, np.ones(d)
    for _ in range(8):
        activations = corners @ products.T
        values = np.maximum(activations, 0.0) @ signs
        i = int(np.abs(values).argmax())
        if abs(values[i]) > best:
            best, witness = abs(float(values[i])), corners[i].copy()
        gradients = ((activations > 0) * signs) @ products
        corners = np.where(np.sign(values)[:, None] * gradients >= 0, 1.0, -1.0)
    return witness


def _polished(products: Array, signs: Array, point: Array, side: float, limits: Limits) -> Array:
    """The best point of the box in the closed cell of ``point``: a linear program."""
    from scipy.optimize import linprog

    sides = np.where(products @ point > 0, 1.0, -1.0)
    gradient = (side * signs[sides > 0]) @ products[sides > 0]
    result = linprog(
        -gradient,
        A_ub=-sides[:, None] * products,
        b_ub=np.zeros(len(products)),
        bounds=[(-1.0, 1.0)] * len(point),
        method="highs",
        options={} if limits.time_limit is None else {"time_limit": limits.remaining_time},
    )
    if result.x is None:
        return point
    candidate: Array = np.clip(result.x, -1.0, 1.0)
    better = side * _value(products, signs, candidate) > side * _value(products, signs, point)
    return candidate if better else point
