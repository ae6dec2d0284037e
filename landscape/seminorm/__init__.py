"""The exact W^{1,inf} seminorm of shallow ReLU networks and of differences of two, (17).

The gradient of ``R(theta)`` is constant on the cells of the arrangement of the neurons'
hyperplanes, so the seminorm is a maximum over cells: NP-hard in general, polynomial for a fixed
number of inputs. `_problem` reduces a network to a search problem and turns a cell that was found
back into a checked witness; the searches are in modules of their own, and `_portfolio` chooses.

>>> from landscape.parametrization import Parametrization
>>> theta = Parametrization([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0])
>>> result = sobolev_seminorm(theta)
>>> result.value, result.exact
(1.0, True)
"""

from __future__ import annotations

from landscape.parametrization import Parametrization
from landscape.realization import difference
from landscape.seminorm._oracle import GradientOracle, Violation
from landscape.seminorm._portfolio import METHODS, solve
from landscape.seminorm._problem import Setting, finish, network_products
from landscape.seminorm._record import OutOfReach, Seminorm

__all__ = [
    "METHODS",
    "GradientOracle",
    "OutOfReach",
    "Seminorm",
    "Violation",
    "sobolev_distance",
    "sobolev_seminorm",
]


def sobolev_seminorm(
    theta: Parametrization,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    certify: bool = False,
) -> Seminorm:
    """The seminorm ``|R(theta)|_{W^{1,inf}}``, the largest max-norm of a gradient, (17).

    Parameters
    ----------
    theta : Parametrization
    method : str
        "auto" chooses by size; other names force a method, see `METHODS`.
    time_limit : float, optional
        Seconds after which the search stops and returns an interval.
    node_limit : int, optional
        Search nodes after which it stops.
    certify : bool
        Confirm the witness and the upper bound in exact arithmetic and say in ``proved`` whether
        that succeeded.

    Returns
    -------
    result : Seminorm

    Raises
    ------
    OutOfReach
        If no exact method reaches the size.
    """
    setting = Setting(theta.weights)
    products, exponent = network_products(theta)
    problem, used, columns = setting.problem(products)
    found = solve(
        problem,
        method=method,
        time_limit=time_limit,
        node_limit=node_limit,
        jumps_parallel=len(columns) == theta.n_inputs,
    )
    return finish(setting, products, exponent, problem, used, columns, found)


def sobolev_distance(
    gamma: Parametrization,
    theta: Parametrization,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    node_limit: int | None = None,
    certify: bool = False,
) -> Seminorm:
    """The seminorm of ``R(gamma) - R(theta)``; the widths may differ.

    The record's pattern lists gamma's neurons, then theta's. Parameters and errors as in
    `sobolev_seminorm`.

    Examples
    --------
    The sharp pair of notes/mathematics, 3: distance one, parameters 2√2 apart.

    >>> e = 1 / 128
    >>> gamma = Parametrization.from_products(
    ...     [[1, e, e], [2, 4 * e, 4 * e], [2, 6 * e, 6 * e]], [-1, 1, -1]
    ... )
    >>> theta = Parametrization.from_products(
    ...     [[-2, 6 * e, 6 * e], [-2, 4 * e, 4 * e], [-1, e, e]], [1, -1, 1]
    ... )
    >>> abs(sobolev_distance(gamma, theta).value - 1) < 1e-12
    True
    """
    return sobolev_seminorm(
        difference(gamma, theta),
        method=method,
        time_limit=time_limit,
        node_limit=node_limit,
        certify=certify,
    )
