"""The radius of a local minimum, bracketed from both sides (Theorem 10).

``r*`` is the supremum of the radii r for which (9) holds: ``L(Theta) >= L(Gamma)`` for all Theta of
the space with ``‖Theta - Gamma‖_inf <= r``. From below: the certificate's ``r_cell``, raised by
branch and bound with convex relaxations. From above: the nearest better point that a search finds;
it is kept, and can be evaluated by anyone.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape.effective import EffectiveProblem
from landscape.losses import KinkedLoss, Loss, WeightDecay, get_loss, get_weight_decay
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization, group_directions, max_norms
from landscape.radius._bound import BoxOutcome, Falsifier, search_box
from landscape.radius._box import TINY, Centre
from landscape.spaces import RestrictedSpace, Space
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
    r_cell: float  #: The certificate's radius.
    loss: float  #: At the minimum, with its weight decay.
    slack: float  #: What counts as equal: covers the certificate's and the bounds' own errors.
    r_high: float = np.inf  #: Distance of ``witness``; inf if none was found or none exists.
    witness: Parametrization | None = None  #: In the space, with a loss below ``loss - slack``.
    loss_witness: float = np.nan  #: At the witness.
    method_low: str = "r_cell"  #: That, "branch and bound" or "residual" (zero: a global minimum).
    method_high: str = "none found"  #: That, "falsifier", "branch and bound" or "residual".
    n_nodes: int = 0  #: Convex programs solved.
    reason: str = ""  #: Why the search ended.

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
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
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
    loss, weight_decay
        See :func:`landscape.certify_minimum` (Theorems 39 and 43). No decay of a loss with corners.

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
    if isinstance(get_loss(loss), KinkedLoss) and get_weight_decay(weight_decay) is not None:
        raise ValueError("weight_decay: brackets of radii of losses with corners are without")
    form: dict[str, Any] = {"loss": loss, "weight_decay": weight_decay}
    certificate = certify_minimum(theta, X, y, space=space, **form)
    if not certificate.is_minimum:
        raise ValueError(f"theta: not certified as a local minimum: {certificate.reason}")
    radius, size, slack = certificate.radius, certificate.loss, certificate.slack
    found = RadiusBracket(radius, radius, size, slack)
    if not np.isfinite(radius):
        method = "residual" if certificate.kind == "global" else "r_cell"
        reason = f"a global minimum: {certificate.reason}"
        return replace(found, method_low=method, method_high=method, reason=reason)
    slack = RELATIVE_SLACK * size + 2 * slack
    rng = stream(0, "radius", "falsifier") if rng is None else rng
    centre, budget = Centre(theta, X, y, space, **form), budget or RadiusBudget()
    falsifier = Falsifier(centre, size - slack, rng, budget.n_starts)
    return _Bracket(centre, falsifier, budget, replace(found, slack=slack)).run()


@dataclass
class _Bracket:
    """A search: what was found so far, and the smallest radius that was too hard."""

    centre: Centre
    falsifier: Falsifier
    budget: RadiusBudget
    found: RadiusBracket
    hard: float = np.inf

    def run(self) -> RadiusBracket:
        """Go up from r_cell, look for a better point, then halve the bracket on a log scale."""
        theta, centre, budget = self.centre.theta, self.centre, self.budget
        # What a neuron of size one is, in the units of the data.
        one = np.sqrt(np.abs(centre.y).max()) / max(np.sqrt(np.abs(centre.X).max()), TINY)
        largest = max(one, np.abs(theta.weights).max(), np.abs(theta.output_weights).max())
        reach, radius = budget.reach * float(largest), self.found.r_low
        while radius < reach and self.found.n_nodes < budget.max_nodes:
            radius *= 2
            if self._ask(radius, max(20, budget.max_nodes // 20)) is not BoxOutcome.PROVED:
                break
        radius = self.found.r_low
        while self.found.witness is None and radius < reach:
            radius *= 2
            self._beaten(self.falsifier.search(radius), "falsifier")
        reason = self._halve()
        return replace(self.found, reason=reason)

    def _ask(self, radius: float, nodes: int) -> BoxOutcome:
        """One branch and bound, its answer booked."""
        falsifier, nodes = self.falsifier, min(nodes, self.budget.max_nodes - self.found.n_nodes)
        answer = search_box(self.centre, radius, falsifier.target, nodes, falsifier.descend_from)
        self.found = replace(self.found, n_nodes=self.found.n_nodes + answer.n_nodes)
        if answer.outcome is BoxOutcome.PROVED:
            self.found = replace(self.found, r_low=radius, method_low="branch and bound")
        elif answer.witness is not None:
            self._beaten(answer.witness, "branch and bound")
        else:
            self.hard = min(self.hard, radius)
            self._beaten(falsifier.search(radius), "falsifier")
        return answer.outcome

    def _beaten(self, witness: Parametrization | None, method: str) -> None:
        """Move a better point nearer, and keep it if it is the nearest."""
        if witness is not None:
            centre, witness = self.centre, self.falsifier.shrink(witness)
            distance, size = centre.distance(witness), centre.value(witness)
            better = replace(self.found, r_high=distance, witness=witness, loss_witness=size)
            if distance < self.found.r_high:
                self.found = replace(better, method_high=method)

    def _halve(self) -> str:
        """Branch and bound between the ends; what is too hard is left for the rest of the nodes."""
        budget = self.budget
        if np.isinf(self.found.r_high) and np.isinf(self.hard):
            return "no better point found within reach"
        while (high := self.found.r_high) > budget.ratio * (low := self.found.r_low):
            left = budget.max_nodes - self.found.n_nodes
            if left <= 0:
                return "the budget of nodes is spent"
            top = min(high, self.hard)
            if top > budget.ratio * low:
                self._ask(np.sqrt(low * top), max(20, left // 3))
            elif np.isinf(high) or left < budget.max_nodes // 10:
                return "the next step is beyond the budget of nodes"
            else:
                # All that is left goes into the step that was too hard.
                hard, self.hard = self.hard, np.inf
                outcome = self._ask(min(np.sqrt(low * high), hard * 1.02), left)
                if outcome is BoxOutcome.NUMERICS:
                    return outcome.sentence
        return "the bracket is as narrow as asked for"


#: In N* the last two coordinates are positive: they are kept at least at this times ``‖u_i‖_inf``.
#: By the square root of that much the radius may fall short of its supremum, which N* lacks.
FLOOR = 1e-3


def widest_member(theta: Parametrization, X: ArrayLike, space: Space) -> Parametrization:
    """The network with the same values on lifted data whose r_cell is largest.

    It is in the space, without parallel neurons if theta has none; its r_cell is at least
    ``1 - FLOOR`` times that of any other member of theta's flat family.

    On lifted data ``(x, 1, -1)`` a neuron of N* or N' may move along ``(w, p + t, q + t)``: the
    samples see only w and ``p - q``. Its part of r_cell is ``min(kappa / sqrt(N), sqrt(N))`` with
    ``N = ‖u_i‖_inf`` and ``kappa = min_k |<u_i, x_k>| / ‖x_k‖_1`` over the samples off its kink,
    the same for all members; the second term counts only where the neuron has kinks. So without
    kinks the smallest N is the widest, with kinks ``N = kappa`` where the family reaches it.

    Parameters
    ----------
    theta : Parametrization
    X : array_like of shape (n, d)
        What the network sees.
    space : Space
        Theta is in it. Where it is N, or the data are not lifted, it is returned as it is.

    Examples
    --------
    >>> from landscape import Parametrization, RestrictedSpace, certify_minimum, lift_inputs
    >>> X, y = lift_inputs([[1.0], [2.0], [-3.0]]), [1.0, 2.0, 0.5]
    >>> theta = Parametrization.from_products([[1.0, 9.0, 9.0]], [1])
    >>> space = RestrictedSpace(3, 1)
    >>> wide = widest_member(theta, X, space)
    >>> wide.products
    array([[1., 1., 1.]])
    >>> for member in theta, wide:
    ...     print(round(certify_minimum(member, X, y, space=space).radius, 4))
    0.1111
    0.3333
    """
    problem = EffectiveProblem.build(theta, X, np.zeros(len(np.asarray(X))), space)
    if not problem.reduced:
        return theta
    state = problem.state()
    z = problem.preactivations(state)
    kinks = problem.kink_pairs(state, z)
    norms = np.abs(np.asarray(X, dtype=float)).sum(axis=1)
    w, bias = max_norms(state.u[:, :-1]), np.abs(state.u[:, -1])
    # What p and q need: N* asks for more than 0, N' for nothing.
    low = 0.5 * bias
    if isinstance(space, RestrictedSpace):
        low = np.maximum(space.margin * (1 + 1e-9), FLOOR * np.maximum(w, bias)) + bias
    least = np.maximum(w, low)
    reach = np.abs(z) / np.where(norms > 0, norms, 1.0)[:, None]
    kappa = np.where(kinks, np.inf, reach).min(axis=0)
    bent = kinks[norms > 0].any(axis=0)
    sizes = np.where(bent, np.maximum(least, kappa), least)
    free = ~np.isfinite(sizes)  # the apex: all samples on its kink, the wider the better
    roots = np.sqrt(np.where(free, 1.0, sizes))
    limits = np.minimum(kappa / roots, np.where(bent, roots, np.inf))
    rest = float(limits[~free].min()) if (~free).any() else 0.0
    sizes[free] = np.maximum(np.maximum(least, max_norms(theta.products)), rest**2)[free]
    u, bias, top = state.u, state.u[:, -1], sizes.copy()  # top: the larger of p and q
    for _ in range(2 * len(u) + 2):
        rows = np.column_stack([u[:, :-1], top + np.minimum(bias, 0), top - np.maximum(bias, 0)])
        parallel = (group_directions(rows) != np.arange(len(u))) & ~free  # the apex: see Theorem 4
        if not parallel.any():
            break
        top[parallel] *= 1 + FLOOR / (4 + np.cumsum(parallel)[parallel]) / (2 * len(u) + 2)
    return Parametrization.from_products(rows, problem.signs)
