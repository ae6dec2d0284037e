"""Losses of a fit: by their names, in its units, and the units of targets that suit them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landscape.losses import (
    AbsoluteLoss,
    HuberLoss,
    KinkedLoss,
    Loss,
    PoissonLoss,
    QuantileLoss,
    SquaredLoss,
)
from landscape.standardization import Samples

__all__ = ["LossName", "choose_loss", "is_squared", "of_residuals", "smoothed", "target_units"]

Array = NDArray[np.float64]

#: What a fit takes as its loss.
LossName = str | Loss

#: Deviations of a normal distribution in its median absolute deviation.
NORMAL = 1.4826

#: Where losses bend by default, in robust deviations of the target: Huber's keeps 95 % of the
#: squared loss's efficiency there, quantiles are smoothed in a hundredth.
DELTA, WIDTH = 1.345, 0.01


def is_squared(loss: LossName) -> bool:
    """Whether it is the mean squared error, which has its own arithmetic."""
    return loss == "squared" or isinstance(loss, SquaredLoss)


def of_residuals(loss: LossName) -> bool:
    """Whether it is one of differences from targets, which then have a unit."""
    return loss != "poisson" if isinstance(loss, str) else loss.of_residuals


def choose_loss(loss: LossName, quantile: float, samples: Samples, unit: float) -> Loss:
    """The loss for targets in multiples of ``unit``; one that is given is in the data's units."""
    if isinstance(loss, Loss):
        return loss.in_units(unit)
    if loss in ("poisson", "absolute"):
        return PoissonLoss() if loss == "poisson" else AbsoluteLoss()
    _, size = robust_units(samples)
    return HuberLoss(DELTA * size) if loss == "huber" else QuantileLoss(quantile, WIDTH * size)


def smoothed(loss: Loss) -> Loss:
    """The loss that is searched, for targets of deviation one: a corner is rounded off."""
    if isinstance(loss, KinkedLoss):
        return QuantileLoss(getattr(loss, "tau", 0.5), WIDTH)
    return loss


def target_units(loss: Loss | None, samples: Samples) -> tuple[float, float] | None:
    """The constant that fits best and the deviation from it, without outliers; None: as usual."""
    if loss is None:
        return None
    if loss.of_residuals:
        return robust_units(samples, getattr(loss, "tau", 0.5))
    return 0.0, 1.0


def best_constant(loss: Loss | None, samples: Samples) -> float:
    """What a network without neurons should give."""
    mean = float(samples.weights @ samples.target)
    if loss is None:
        return mean
    if loss.of_residuals:
        return robust_units(samples, getattr(loss, "tau", 0.5))[0]
    if isinstance(loss, PoissonLoss):
        return float(np.log(max(mean, 1e-300)))
    share = float(np.clip(samples.weights @ (samples.target > 0), 1e-9, 1 - 1e-9))
    return float(np.log(share / (1 - share)))


def robust_units(samples: Samples, quantile: float = 0.5) -> tuple[float, float]:
    """A quantile of the targets, and their robust deviation from the median."""
    y, weights = samples.target, samples.weights
    size = NORMAL * weighted_quantile(np.abs(y - weighted_quantile(y, weights)), weights)
    if size <= 1e-9 * np.abs(y).max():  # more than half of the targets are one number
        size = float(np.sqrt(weights @ (y - weights @ y) ** 2))
    if size <= 64 * np.finfo(float).eps * np.abs(y).max():
        size = float(np.abs(y).max()) or 1.0
    return weighted_quantile(y, weights, quantile), size


def weighted_quantile(values: Array, weights: Array, quantile: float = 0.5) -> float:
    """The least value up to which the weights reach a share of their sum."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    place = int(np.searchsorted(sums, quantile * sums[-1]))
    return float(values[order][min(place, len(order) - 1)])
