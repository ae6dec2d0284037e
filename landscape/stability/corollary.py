"""Corollary 3.3: inverse stability of pairs in N*."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization
from landscape.seminorm import Seminorm, sobolev_distance
from landscape.spaces import RestrictedSpace
from landscape.stability.assignment import best_permutation
from landscape.stability.theorem import STATED_CONSTANT, bounded, rounding_of
from landscape.verdict import Verdict

__all__ = ["InverseStability", "inverse_stability"]


@dataclass(frozen=True, eq=False)
class InverseStability:
    """Corollary 3.3 for a pair in N*: the parameter distance beside the root of the seminorm.

    Attributes
    ----------
    distance : float
        Of Γ to the fibre of R(Θ), which on N* is the distance modulo permutations.
    seminorm : Seminorm
        r = |R(Γ) - R(Θ)|.
    ratio : float
        ``distance / r**0.5``; 0 if both are zero. Corollary 3.3 bounds it by 4, its proof by
        2 + √2, and the sharp constant is 2√2.
    permutation : array of shape (m,)
        The order of Θ's neurons that attains the distance.
    rounding : float
        As in `Reparametrization`.
    """

    distance: float
    seminorm: Seminorm
    ratio: float
    permutation: NDArray[np.intp]
    rounding: float

    @property
    def verdict(self) -> Verdict:
        """Does (38) hold? ``undecided`` if r is only bracketed."""
        return bounded(self.distance, self.rounding, STATED_CONSTANT, self.seminorm)


def inverse_stability(gamma: Parametrization, theta: Parametrization) -> InverseStability:
    """Both sides of (38) for two elements of N*.

    Raises
    ------
    ValueError
        If one of them is not in N* (36), or their shapes differ.
    """
    space = RestrictedSpace(gamma.n_inputs, gamma.n_neurons)
    for name, network in (("gamma", gamma), ("theta", theta)):
        if violations := space.violations(network):
            raise ValueError(f"{name}: not in N*: {violations[0].message}")
    found = best_permutation(gamma, theta)
    r = sobolev_distance(gamma, theta)
    if found.value == 0:
        ratio = 0.0
    else:
        ratio = found.value / np.sqrt(r.value) if r.value > 0 else float("inf")
    return InverseStability(found.value, r, float(ratio), found.columns, rounding_of(gamma, theta))
