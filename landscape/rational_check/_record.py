"""What a proof says."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import nan

from landscape.exact import Vector
from landscape.verdict import Verdict

__all__ = ["ExactMinimum"]


@dataclass(frozen=True)
class ExactMinimum:
    """A local minimum proved in rational arithmetic, or refuted, or neither.

    Attributes
    ----------
    verdict : Verdict
        ``holds``: the exact point lies in the space, and it is a local minimum of the loss there,
        by proof. ``violated``: the parametrization itself, in exact arithmetic, is none, by proof.
        ``undecided``: neither was shown.
    reason : str
    products : tuple of tuples of Fraction
        The exact point in effective coordinates (m, d): ``u_i``, on lifted data
        ``(w_i, p_i - q_i)``.
    offset : Fraction
        Its offset, 0 without one.
    loss : Fraction or None
        Mean squared error there, exactly.
    multipliers : tuple of tuples of Fraction
        Per neuron, those of its merged kinks where they are convex.
    distance : float
        At least the max-norm distance, in (A, c), from the parametrization to the exact point.
    radius : float
        ``r_cell`` of the exact point minus ``distance``, rounded down: for all elements of the
        space within it of the *given* parametrization the loss is at least ``loss``, exactly.
        Positive where proved, else nan.
    """

    verdict: Verdict
    reason: str
    products: tuple[Vector, ...] = ()
    offset: Fraction = Fraction(0)
    loss: Fraction | None = None
    multipliers: tuple[tuple[Fraction, ...], ...] = field(default=())
    distance: float = nan
    radius: float = nan

    @property
    def proved(self) -> bool:
        """Whether a local minimum was proved."""
        return self.verdict is Verdict.HOLDS
