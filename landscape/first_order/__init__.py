"""First-order conditions at a point, exactly: neuron by neuron, or jointly where the loss bends."""

from landscape.first_order._joint import check_point, loss_gaps, slope_along
from landscape.first_order._point import (
    PointCheck,
    Sums,
    Values,
    beyond_norm,
    slopes,
    with_norm,
)

__all__ = [
    "PointCheck", "Sums", "Values", "beyond_norm", "check_point", "loss_gaps", "slope_along",
    "slopes", "with_norm",
]  # fmt: skip
