"""What is known about a parametrization as a local minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.rational_check import ExactMinimum
from landscape.verdict import Verdict

__all__ = ["Certificate"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Certificate:
    """What is known about a parametrization as a local minimum.

    Attributes
    ----------
    verdict : Verdict
        ``holds``: a local minimum on the space, up to the slack; ``violated``: theta itself is
        none, for certain; ``undecided``.
    reason : str
        A sentence, in terms of the neuron concerned.
    kind : str
        ``"global"`` (zero residual), ``"smooth"``, ``"kinks"`` or ``"mixed kinks"``.
    method : str
        How the neurons with the hardest conditions were decided.
    loss : float
        Mean squared error.
    stationarity : float
        How far the first-order conditions are missed, relative to the terms they sum.
    tolerance : float
        ``STATIONARITY_TOLERANCE``: what counts as satisfied, but for rounding.
    radius : float
        ``r_cell`` or, for the slack's sake, less; max-norm in the parameters (A, c): a radius in
        the sense of (9). inf where the residual is zero, nan unless the verdict is ``holds``.
    slack : float
        Within that radius the loss is at least ``loss - slack``, proved for the rationals that
        parameters and data are (Theorem 19): what the first-order conditions miss, multiplied out
        over the box, the distance of kinks and active bounds, and rounding. The radius is chosen so
        that it is at most ``SLACK_SHARE`` of the loss; for ``"global"`` it is the loss itself, at
        most ``GLOBAL_SHARE`` of the targets' variance.
    n_kinks : int
        Pairs of a neuron and a sample on its kink.
    n_silent : int
        Neurons that contribute nothing on any sample.
    direction : array of shape (m, d) or None
        A direction of descent in product coordinates ``sigma_i, u_i = |c_i| a_i``, where there is
        one; on lifted data it keeps the bounds. With an offset its last row is that of e.
    slope : float
        Derivative of the loss along it.
    multipliers : tuple of arrays
        Per neuron, those of its kinks.
    violations : tuple of str
        How theta leaves the space; only C.2 (parallel neurons, on N*'s border) may occur.
    proved : bool or None
        With ``exact=True``: whether the minimum next to theta was proved in rational arithmetic.
    proof : ExactMinimum or None
        With ``exact=True``: the exact point, its distance, the radius that is left, or the reason
        why there is no proof.
    at_kinks : Verdict or None
        Of the first-order conditions with samples next to kinks exactly on them. Where it is
        ``violated`` and the verdict ``undecided``, theta is off such a kink by rounding only.
    """

    verdict: Verdict
    reason: str
    kind: str
    method: str
    loss: float
    stationarity: float
    tolerance: float
    radius: float
    slack: float
    n_kinks: int
    n_silent: int
    direction: Array | None
    slope: float
    multipliers: tuple[Array, ...]
    violations: tuple[str, ...] = ()
    proved: bool | None = None
    proof: ExactMinimum | None = None
    at_kinks: Verdict | None = None

    @property
    def is_minimum(self) -> bool:
        """Whether the verdict is ``holds``."""
        return self.verdict is Verdict.HOLDS
