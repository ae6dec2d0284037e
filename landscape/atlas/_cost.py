"""What an atlas costs, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from landscape.atlas._faces import Frame, count_faces, neuron_faces

__all__ = ["AtlasCost", "AtlasTooLarge", "atlas_cost"]

#: Faces of one neuron are enumerated, not only counted, up to so many.
MAX_FACES = 20_000


class AtlasTooLarge(ValueError):
    """An atlas that would cost more than its budget.

    ``key`` is the argument that limits it, ``value`` what it would need, ``limit`` what it allows,
    ``remedy`` what to do.
    """

    def __init__(self, key: str, value: int, limit: int, what: str, remedy: str) -> None:
        self.key, self.value, self.limit, self.remedy = key, value, limit, remedy
        super().__init__(f"{key}: {what}, more than the limit of {limit:,}; {remedy}")


@dataclass(frozen=True)
class AtlasCost:
    """Counts that an atlas's cost follows from."""

    n_points: int  #: distinct samples
    rank: int  #: dimension of the span of the lifted samples, p + 1 unless they are collinear
    #: Faces f of one neuron's activation arrangement; one input: 4 n_points + 1.
    n_faces: int
    n_silent: int  #: those on which it contributes nothing; one input: 4
    n_supports: int  #: least squares problems: ``sum_{k <= m} C(2 (f - silent), k)``
    #: Joint faces with signs up to permutation, C(2 f + m - 1, m): what the supports stand for.
    n_joint_faces: int
    #: False where the faces were too many to be enumerated: then all counts are upper bounds.
    exact: bool


def atlas_cost(features: ArrayLike, n_neurons: int) -> AtlasCost:
    """Count faces, supports and joint faces without solving anything.

    Parameters
    ----------
    features : array_like of shape (n, p)
    n_neurons : int
        Neurons m of the network in N*, the offset's included.

    Examples
    --------
    >>> cost = atlas_cost([[k / 11] for k in range(12)], 3)
    >>> cost.n_faces, cost.n_supports, cost.n_joint_faces
    (49, 121576, 161700)
    """
    x = np.asarray(features, dtype=float)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"features: expected shape (n_samples, n_features), got {x.shape}")
    if n_neurons < 1:
        raise ValueError(f"n_neurons: expected a positive integer, got {n_neurons}")
    frame = Frame.of(x)
    n, rank = len(np.unique(frame.groups)), frame.points.shape[1]
    bound = count_faces(n, rank)
    exact = bound <= MAX_FACES
    n_faces, n_silent = bound, 2  # the apex and the open cell of no active sample
    if exact:
        faces = neuron_faces(x)
        n_faces, n_silent = len(faces), int(faces.silent.sum())
    types = 2 * (n_faces - n_silent)
    return AtlasCost(
        n,
        rank,
        n_faces,
        n_silent,
        sum(comb(types, k) for k in range(n_neurons + 1)),
        comb(2 * n_faces + n_neurons - 1, n_neurons),
        exact,
    )


def require_budget(cost: AtlasCost, n_neurons: int, max_supports: int) -> None:
    """Refuse what exceeds the budget with an `AtlasTooLarge`."""
    if not cost.exact:
        raise AtlasTooLarge(
            "features",
            cost.n_faces,
            MAX_FACES,
            f"{cost.n_points} distinct samples of rank {cost.rank} give one neuron up to "
            f"{cost.n_faces:,} activation faces",
            "use fewer samples or inputs",
        )
    if cost.n_supports > max_supports:
        raise AtlasTooLarge(
            "max_supports",
            cost.n_supports,
            max_supports,
            f"{n_neurons} neurons over {cost.n_faces} activation faces each need "
            f"{cost.n_supports:,} least squares problems",
            "use fewer samples or neurons, or raise max_supports (a million takes some seconds "
            "with one input)",
        )
