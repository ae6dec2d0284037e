"""The exact W^{1,inf} seminorm of shallow ReLU networks and of differences of two, (17).

The gradient of ``R(theta)`` is constant on the cells of the arrangement of the neurons'
hyperplanes, so the seminorm is a maximum over cells: NP-hard in general, polynomial for a fixed
number of inputs. `_problem` reduces a network to a search problem and turns a cell that was found
back into a checked witness; `_search` chooses among `_flats`, `_conflicts` and what is simple
enough to stand there. `_networks` has what users call, `_uniform` the uniform norm.

>>> from landscape.parametrization import Parametrization
>>> theta = Parametrization([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, -1.0])
>>> result = sobolev_seminorm(theta)
>>> result.value, result.exact
(1.0, True)
"""

from landscape.seminorm._box import BoxMaximum, PiecewiseLinear, maximize_on_box
from landscape.seminorm._networks import (
    ExactSeminorm,
    GradientRanges,
    exact_seminorm,
    gradient_ranges,
    maximizing_cells,
    pairwise_distances,
    sobolev_distance,
    sobolev_distances,
    sobolev_seminorm,
)
from landscape.seminorm._oracle import GradientOracle, SteepCell
from landscape.seminorm._record import METHODS, OutOfReach, Seminorm
from landscape.seminorm._uniform import SobolevNorm, UniformNorm, sobolev_norm, uniform_norm

__all__ = [
    "METHODS",
    "BoxMaximum",
    "ExactSeminorm",
    "GradientOracle",
    "GradientRanges",
    "OutOfReach",
    "PiecewiseLinear",
    "Seminorm",
    "SobolevNorm",
    "SteepCell",
    "UniformNorm",
    "exact_seminorm",
    "gradient_ranges",
    "maximize_on_box",
    "maximizing_cells",
    "pairwise_distances",
    "sobolev_distance",
    "sobolev_distances",
    "sobolev_norm",
    "sobolev_seminorm",
    "uniform_norm",
]
