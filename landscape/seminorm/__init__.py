"""The exact W^{1,inf} seminorm of shallow ReLU networks and of differences of two, (17).

The gradient of ``R(theta)`` is constant on the cells of the arrangement of the neurons'
hyperplanes, so the seminorm is a maximum over cells: NP-hard in general, polynomial for a fixed
number of inputs. `_problem` reduces a network to a search problem and turns a cell that was found
back into a checked witness; `_closed`, `_flats`, `_cones`, `_conflicts` and `_reference` search,
and `_portfolio` chooses among them. `_networks` has what users call.

>>> from landscape.parametrization import Parametrization
>>> theta = Parametrization([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0])
>>> result = sobolev_seminorm(theta)
>>> result.value, result.exact
(1.0, True)
"""

from __future__ import annotations

from landscape.seminorm._batch import pairwise_distances, sobolev_distances
from landscape.seminorm._exact import ExactSeminorm, exact_seminorm
from landscape.seminorm._networks import (
    GradientRanges,
    gradient_ranges,
    maximizing_cells,
    sobolev_distance,
    sobolev_seminorm,
)
from landscape.seminorm._oracle import GradientOracle, Violation
from landscape.seminorm._portfolio import METHODS
from landscape.seminorm._record import OutOfReach, Seminorm
from landscape.seminorm._uniform import SobolevNorm, UniformNorm, sobolev_norm, uniform_norm

__all__ = [
    "METHODS",
    "ExactSeminorm",
    "GradientOracle",
    "GradientRanges",
    "OutOfReach",
    "Seminorm",
    "SobolevNorm",
    "UniformNorm",
    "Violation",
    "exact_seminorm",
    "gradient_ranges",
    "maximizing_cells",
    "pairwise_distances",
    "sobolev_distance",
    "sobolev_distances",
    "sobolev_norm",
    "sobolev_seminorm",
    "uniform_norm",
]
