"""Distances of parametrizations, Theorem 3.1 and Corollary 3.3."""

from landscape.stability.assignment import (
    Assignment,
    best_permutation,
    bottleneck_assignment,
    parameter_distance,
)
from landscape.stability.corollary import InverseStability, inverse_stability
from landscape.stability.degeneracy import degeneracies
from landscape.stability.fibre import FibreDistance, distance_to_fibre
from landscape.stability.flips import admissible_flips, flip_gap
from landscape.stability.theorem import Condition, Reparametrization, reparametrize_near

__all__ = [
    "Assignment",
    "Condition",
    "FibreDistance",
    "InverseStability",
    "Reparametrization",
    "admissible_flips",
    "best_permutation",
    "bottleneck_assignment",
    "degeneracies",
    "distance_to_fibre",
    "flip_gap",
    "inverse_stability",
    "parameter_distance",
    "reparametrize_near",
]
