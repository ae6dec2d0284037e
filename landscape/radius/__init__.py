"""The radius of a local minimum, bracketed from both sides (Theorem 10).

``r*`` is the supremum of the radii r for which (9) holds: ``L(Theta) >= L(Gamma)`` for all Theta of
the space with ``‖Theta - Gamma‖_inf <= r``. From below: the certificate's ``r_cell``, raised by
branch and bound with convex relaxations. From above: the nearest better point that a search finds;
it is kept, and can be evaluated by anyone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.radius._bound import BoxOutcome, Falsifier, search_box
from landscape.radius._box import TINY, Centre
from landscape.radius._family import widest_member
from landscape.spaces import Space
from landscape.streams import stream

__all__ = ["RadiusBracket", "RadiusBudget", "bracket_radius", "widest_member"]


@dataclass(frozen=True)
class RadiusBudget:
    """How much work a bracket may take; counts, so that results do not depend on the machine."""

    max_nodes: int = 1000  #: Convex programs of all branch and bounds; 0: ``r_low`` is ``r_cell``.
    ratio: float = 1.05  #: The bracket is narrow enough when ``r_high / r_low`` is at most this.
    n_starts: int = 12  #: Descents of the falsifier in each box.
    #: The falsifier gives up at this times the largest of the parameters' max-norm and
    #: ``sqrt(max |y| / max |X|)``, one for standardized data.
    reach: float = 16.0


@dataclass(frozen=True)
class RadiusBracket:
    """``r_low <= r* <= r_high`` for the radius of a local minimum, max-norm in (A, c)."""

    #: For all Theta of the space within it, the loss is at least ``loss - slack``: by the
    #: certificate, or by dual bounds from which rounding is subtracted (Theorem 19).
    r_low: float
    r_high: float  #: Distance of ``witness``; inf if none was found or the minimum is global.
    r_cell: float  #: The certificate's radius.
    witness: Parametrization | None  #: In the space, with a loss below ``loss - slack``.
    loss: float  #: At the minimum, mean squared error.
    loss_witness: float  #: At the witness; nan without one.
    slack: float  #: What counts as equal: covers the certificate's and the bounds' own errors.
    method_low: str  #: "r_cell", "branch and bound" or "residual" (zero: a global minimum).
    method_high: str  #: "falsifier", "branch and bound", "none found" or "residual".
    n_nodes: int  #: Convex programs solved.
    reason: str  #: Why the search ended.

    @property
    def ratio(self) -> float:
        """``r_high / r_low``, at least 1; inf where either end is unknown."""
        if np.isinf(self.r_low):
            return 1.0
        return self.r_high / self.r_low if self.r_low > 0 else np.inf


#: Part of the loss that branch and bound may leave open, as solvers' tolerances do.
RELATIVE_SLACK = 1e-7


def bracket_radius(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    space: Space,
    budget: RadiusBudget | None = None,
    rng: np.random.Generator | None = None,
) -> RadiusBracket:
    """Bracket the radius of the local minimum ``theta``.

    Parameters
    ----------
    theta : Parametrization
        A local minimum by :func:`landscape.certify_minimum`.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, ``space.embed(features)``, and the targets.
    space : Space
    budget : RadiusBudget, optional
    rng : numpy.random.Generator, optional
        For the falsifier's starts; fixed if not given.

    Raises
    ------
    ValueError
        If theta is not certified as a local minimum.

    Examples
    --------
    One neuron, one sample of which it gets the sign wrong: the minimum ``c relu(a x) = 0`` lasts
    until a turns around.

    >>> from landscape import Parametrization, UnrestrictedSpace
    >>> theta = Parametrization([[-1.0]], [2.0])
    >>> space = UnrestrictedSpace(1, 1)
    >>> bracket = bracket_radius(theta, [[1.0]], [1.0], space=space)
    >>> bracket.r_cell, bracket.r_high < 1.2
    (0.999999999999, True)
    """
    certificate = certify_minimum(theta, X, y, space=space)
    if not certificate.is_minimum:
        raise ValueError(f"theta: not certified as a local minimum: {certificate.reason}")
    radius, loss, slack = certificate.radius, certificate.loss, certificate.slack
    if not np.isfinite(radius):
        method = "residual" if certificate.kind == "global" else "r_cell"
        reason = f"a global minimum: {certificate.reason}"
        return RadiusBracket(
            np.inf, np.inf, np.inf, None, loss, np.nan, slack, method, method, 0, reason
        )
    slack = RELATIVE_SLACK * loss + 2 * slack
    rng = stream(0, "radius", "falsifier") if rng is None else rng
    centre, budget = Centre(theta, X, y, space), budget or RadiusBudget()
    falsifier = Falsifier(centre, loss - slack, rng, budget.n_starts)
    search = _Bracket(centre, falsifier, budget, radius)
    reason = search.run()
    return RadiusBracket(
        r_low=search.low,
        r_high=search.high,
        r_cell=radius,
        witness=search.witness,
        loss=loss,
        loss_witness=np.nan if search.witness is None else centre.loss(search.witness),
        slack=slack,
        method_low=search.method_low,
        method_high=search.method_high,
        n_nodes=search.n_nodes,
        reason=reason,
    )


@dataclass
class _Bracket:
    """State of a search: the two ends, and the smallest radius that was too hard."""

    centre: Centre
    falsifier: Falsifier
    budget: RadiusBudget
    low: float
    high: float = np.inf
    hard: float = np.inf
    witness: Parametrization | None = None
    method_low: str = "r_cell"
    method_high: str = "none found"
    n_nodes: int = 0

    def run(self) -> str:
        """Go up from r_cell, look for a better point, then halve the bracket on a log scale."""
        theta, centre = self.centre.theta, self.centre
        # What a neuron of size one is, in the units of the data.
        one = np.sqrt(np.abs(centre.y).max()) / max(np.sqrt(np.abs(centre.X).max()), TINY)
        largest = max(one, np.abs(theta.weights).max(), np.abs(theta.output_weights).max())
        reach = self.budget.reach * float(largest)
        radius, cheap = self.low, max(20, self.budget.max_nodes // 20)
        while radius < reach and self.n_nodes < self.budget.max_nodes:
            radius *= 2
            if self._ask(radius, cheap) is not BoxOutcome.PROVED:
                break
        radius = self.low
        while self.witness is None and radius < reach:
            radius *= 2
            self._falsify(radius)
        return self._halve()

    def _ask(self, radius: float, nodes: int) -> BoxOutcome:
        """One branch and bound, its answer booked."""
        nodes = min(nodes, self.budget.max_nodes - self.n_nodes)
        falsifier = self.falsifier
        answer = search_box(self.centre, radius, falsifier.target, nodes, falsifier.descend_from)
        self.n_nodes += answer.n_nodes
        if answer.outcome is BoxOutcome.PROVED:
            self.low, self.method_low = radius, "branch and bound"
        elif answer.witness is not None:
            self._beaten(answer.witness, "branch and bound")
        else:
            self.hard = min(self.hard, radius)
            self._falsify(radius)
        return answer.outcome

    def _falsify(self, radius: float) -> None:
        found = self.falsifier.search(radius)
        if found is not None:
            self._beaten(found, "falsifier")

    def _beaten(self, witness: Parametrization, method: str) -> None:
        witness = self.falsifier.shrink(witness)
        distance = self.centre.distance(witness)
        if distance < self.high:
            self.high, self.witness, self.method_high = distance, witness, method

    def _halve(self) -> str:
        """Branch and bound between the ends; what is too hard is left for the rest of the nodes."""
        budget = self.budget
        if not np.isfinite(self.high) and not np.isfinite(self.hard):
            return "no better point found within reach"
        while self.high > budget.ratio * self.low:
            left = budget.max_nodes - self.n_nodes
            if left <= 0:
                return "the budget of nodes is spent"
            top = min(self.high, self.hard)
            if top > budget.ratio * self.low:
                self._ask(np.sqrt(self.low * top), max(20, left // 3))
            elif not np.isfinite(self.high) or left < budget.max_nodes // 10:
                return "the next step is beyond the budget of nodes"
            else:
                # All that is left goes into the step that was too hard.
                hard, self.hard = self.hard, np.inf
                outcome = self._ask(min(np.sqrt(self.low * self.high), hard * 1.02), left)
                if outcome is BoxOutcome.NUMERICS:
                    return outcome.value
        return "the bracket is as narrow as asked for"
