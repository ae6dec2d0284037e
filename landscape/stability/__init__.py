"""Distances of parametrizations, Theorem 3.1 and Corollary 3.3."""

from landscape.stability.assignment import (
    Assignment,
    best_permutation,
    bottleneck_assignment,
    parameter_distance,
)

__all__ = [
    "Assignment",
    "best_permutation",
    "bottleneck_assignment",
    "parameter_distance",
]
