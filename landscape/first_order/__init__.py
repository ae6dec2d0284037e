"""First-order conditions at a point, exactly: neuron by neuron, or jointly where the loss bends."""

from landscape.first_order._joint import check_point, loss_gaps, slope_along
from landscape.first_order._norm import check_at_norm
from landscape.first_order._point import PointCheck, Sums, Values, slopes

__all__ = [
    "PointCheck", "Sums", "Values", "check_at_norm", "check_point", "loss_gaps", "slope_along",
    "slopes",
]  # fmt: skip
