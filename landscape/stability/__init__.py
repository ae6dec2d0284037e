"""Distances of parametrizations, Theorem 3.1 and Corollary 3.3."""

from landscape.stability.assignment import (
    Assignment,
    best_permutation,
    bottleneck_assignment,
    parameter_distance,
)
from landscape.stability.fibre import FibreDistance, distance_to_fibre
from landscape.stability.flips import admissible_flips, degeneracies, flip_gap
from landscape.stability.theorem import (
    Condition,
    InverseStability,
    Reparametrization,
    inverse_stability,
    reparametrize_near,
)

__all__ = [
    "Assignment", "Condition", "FibreDistance", "InverseStability", "Reparametrization",
    "admissible_flips", "best_permutation", "bottleneck_assignment", "degeneracies",
    "distance_to_fibre", "flip_gap", "inverse_stability", "parameter_distance",
    "reparametrize_near",
]  # fmt: skip
