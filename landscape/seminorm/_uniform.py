"""The uniform norm on a box, and with it the full W^{1,inf} norm.

No cell is too thin to matter here: the uniform norm is continuous in the weights. `_box` maximizes.
"""

import math
from dataclasses import dataclass

import numpy as np

from landscape.parametrization import Parametrization
from landscape.seminorm._box import PiecewiseLinear, maximize_on_box
from landscape.seminorm._networks import sobolev_seminorm
from landscape.seminorm._record import Array, OutOfReach, Seminorm

#: Most vertices that "auto" visits.
VERTEX_LIMIT = 3_000_000


@dataclass(frozen=True, eq=False)
class UniformNorm:
    """``max |R(theta)|`` over ``[-bound, bound]^d``."""

    value: float  #: ``|R(theta)(witness)|``, the norm if ``exact``.
    lower: float  #: The norm lies in ``[lower - tolerance, upper + tolerance]``.
    upper: float  #: See ``lower``.
    witness: Array  #: A point of the box with this value, (d,).
    bound: float  #: Half the side of the box.
    exact: bool  #: Whether the bounds meet up to the tolerance.
    method: str  #: "vertices" or "milp".
    #: Bounds rounding and what merging equal directions does; for "milp" the solver's tolerances.
    tolerance: float


@dataclass(frozen=True, eq=False)
class SobolevNorm:
    """The full W^{1,inf} norm on a box, the larger of its two parts."""

    value: float  #: The larger value of the two; the norm if ``exact``.
    lower: float  #: The larger lower bound of the two.
    upper: float  #: The larger upper bound of the two.
    exact: bool  #: Whether both are exact.
    uniform: UniformNorm  #: On the box.
    seminorm: Seminorm  #: On all of R^d, which is the box's: every cell is a cone.


def uniform_norm(
    theta: Parametrization,
    *,
    bound: float = 1.0,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> UniformNorm:
    """The uniform norm of ``R(theta)`` on the box ``[-bound, bound]^d``, that of Theorem 17.

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
    >>> result = uniform_norm(Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, -2.0]), bound=3.0)
    >>> result.value, result.exact
    (6.0, True)
    """
    from landscape.seminorm._kernels import scaled_products

    if not (np.isfinite(bound) and bound > 0):
        raise ValueError(f"bound: expected a positive number, got {bound}")
    if method not in ("auto", "vertices", "milp"):
        raise ValueError(f"method: expected auto, vertices or milp, got {method!r}")
    products, exponent = scaled_products(np.array(theta.weights), np.abs(theta.output_weights))
    h = PiecewiseLinear.of(products, theta.signs, np.full(theta.n_inputs, -1.0))
    if method == "vertices" and h.n_vertices > 30 * VERTEX_LIMIT:
        raise OutOfReach(f"uniform_norm: {h.n_vertices} vertices")
    if method == "auto":
        method = "vertices" if h.n_vertices <= VERTEX_LIMIT else "milp"
    found = maximize_on_box(h, method, time_limit=time_limit, node_limit=node_limit)
    value = abs(math.fsum((theta.signs * np.maximum(products @ found.point, 0.0)).tolist()))
    exact = found.upper - value <= found.tolerance
    upper = value if exact and method == "vertices" else max(value, found.upper)
    value, upper, tolerance = (
        math.ldexp(number, exponent) * bound for number in (value, upper, found.tolerance)
    )
    witness = found.point * bound
    return UniformNorm(value, value, upper, witness, float(bound), exact, method, tolerance)


def sobolev_norm(
    theta: Parametrization,
    *,
    bound: float = 1.0,
    time_limit: float | None = None,
    node_limit: int | None = None,
) -> SobolevNorm:
    """The norm of ``R(theta)`` in W^{1,inf} of the box; parameters as in `uniform_norm`.

    The limits hold for each of the two parts.

    Examples
    --------
    >>> norm = sobolev_norm(Parametrization([[1.0, 1.0]], [1.0]), bound=2.0)
    >>> norm.value, norm.seminorm.value
    (4.0, 1.0)
    """
    uniform = uniform_norm(theta, bound=bound, time_limit=time_limit, node_limit=node_limit)
    seminorm = sobolev_seminorm(theta, time_limit=time_limit, node_limit=node_limit)
    lower, upper = max(uniform.lower, seminorm.lower), max(uniform.upper, seminorm.upper)
    return SobolevNorm(lower, lower, upper, uniform.exact and seminorm.exact, uniform, seminorm)
