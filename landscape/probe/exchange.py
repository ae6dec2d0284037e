"""Beyond the rigid ball: better realizations by exchanging neurons (Theorem 12).

In a ball of radius rho the neurons with ``‖u_i‖ <= 2 rho`` may be exchanged for others, and the
ball is no longer convex. For a fixed choice of neurons to drop and of new directions the best
scales are a convex program again (`_program`), so the search is over these choices. It proves
nothing when it finds nothing; what it finds bounds the true realization radius from above, and the
rigid regime and the certified radius bound it from below: a bracket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from landscape.objective import check_data
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._candidates import into_space
from landscape.probe._choices import Choice, Choices
from landscape.probe._program import CELL_TOLERANCE, ScaleProgram
from landscape.probe._refine import refine
from landscape.probe._values import NetworkValues
from landscape.probe.rigid import probe_realization, scale_bounds, undisputed_radius
from landscape.realization import realize
from landscape.seminorm import GradientOracle, OutOfReach, sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace
from landscape.verdict import Verdict

__all__ = ["BallSearch", "ExchangeBudget", "search_ball"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExchangeBudget:
    """How much is tried.

    Attributes
    ----------
    max_exchanged : int
        Neurons that are exchanged at once.
    n_random, n_arrangement, n_minima : int
        New directions that are drawn at random, from samples' hyperplanes, from other minima.
    n_bisections : int
        Programs by which the distance of a better realization is brought down.
    n_refinements : int
        Rounds of the constrained local step.
    """

    max_exchanged: int = 2
    n_random: int = 4
    n_arrangement: int = 6
    n_minima: int = 6
    n_bisections: int = 6
    n_refinements: int = 2


@dataclass(frozen=True, eq=False)
class BallSearch:
    """A bracket of the realization radius of a minimum.

    The realization radius is the supremum of the rho for which R(theta) is optimal in R(space)
    within seminorm distance rho.

    Attributes
    ----------
    radius : float
        Up to which it was searched.
    radius_low, radius_high : float
        The realization radius lies between them. ``radius_high`` is inf if nothing better was
        found; 0 if rescaling its neurons is better at every distance.
    reason_low : str
        What ``radius_low`` rests on.
    witness : Parametrization or None
        A better element of the space, at the seminorm distance ``distance``.
    distance : float
        Exact, from the two networks alone; nan without a witness.
    gap, tolerance : float
        By how much its loss is lower, and what counts as zero.
    exchanged : tuple of int
        The neurons of theta that it lacks.
    source : str
        Where its new directions came from.
    n_programs, n_witnesses : int
        Convex programs solved, and better realizations that were verified on the way.
    """

    radius: float
    radius_low: float
    radius_high: float
    reason_low: str
    witness: Parametrization | None
    distance: float
    gap: float
    tolerance: float
    exchanged: tuple[int, ...]
    source: str
    n_programs: int
    n_witnesses: int


def search_ball(
    theta: Parametrization,
    X: ArrayLike,
    y: ArrayLike,
    *,
    radius: float,
    space: BalancedSpace,
    rng: np.random.Generator,
    minima: Sequence[Parametrization] = (),
    certified_radius: float = 0.0,
    budget: ExchangeBudget | None = None,
) -> BallSearch:
    """Search the ball of ``radius`` around R(theta) for better realizations, ever nearer ones.

    Parameters
    ----------
    theta : Parametrization
        In the space.
    X : array_like of shape (n, d)
        What the network sees.
    y : array_like of shape (n,)
    radius : float
        Usually several ``min_i ‖u_i‖``.
    space : RestrictedSpace or BalancedSpace
    rng : numpy.random.Generator
    minima : sequence of Parametrization
        Others whose neurons may be better.
    certified_radius : float
        Of theta in parameter space, if it is a certified minimum of N*: its realization radius is
        at least ``certified_radius**2 / 8`` (Proposition 1.2 with the sharp constant).
    budget : ExchangeBudget, optional

    Returns
    -------
    search : BallSearch

    Raises
    ------
    ValueError
        If theta is not in the space, or the radius is not positive and finite.
    """
    if not (radius > 0 and np.isfinite(radius)):
        raise ValueError(f"radius: expected a positive, finite number, got {radius!r}")
    budget = budget or ExchangeBudget()
    inputs, targets = check_data(X, y, space.n_inputs)
    if violations := space.violations(theta):
        raise ValueError(f"theta: not in the {space.name} space: {violations[0].message}")
    nothing = BallSearch(
        radius, np.inf, np.inf, "the residual is zero", None, np.nan, 0.0, 0.0, (), "", 0, 0
    )
    values = NetworkValues.of(theta, inputs, targets)
    if values.is_zero:
        return nothing
    low, reason = 0.0, "none"
    rigid = undisputed_radius(theta, space) * (1 - 1e-9)
    n_programs = 0
    if rigid > 0:
        probe = probe_realization(theta, inputs, targets, radius=rigid, space=space)
        n_programs = probe.n_iter
        if probe.verdict is Verdict.VIOLATED:
            # The loss is convex along the rescalings between R(theta) and the witness.
            return replace(
                nothing,
                radius_low=0.0,
                radius_high=0.0,
                reason_low="rescaling is better at every distance",
                witness=probe.witness,
                distance=probe.distance,
                gap=probe.gap,
                tolerance=probe.tolerance,
                source="scales",
                n_programs=n_programs,
                n_witnesses=1,
            )
        if probe.verdict is Verdict.HOLDS:
            low, reason = rigid, "rigid regime"
    by_theorem = certified_radius**2 / 8 * (1 - 1e-15)
    if isinstance(space, RestrictedSpace) and by_theorem > low:
        low, reason = by_theorem, "certified radius"
    search = _Search(theta, inputs, targets, values, space, rng, budget, low, radius)
    search.run(minima)
    found = search.best
    return replace(
        nothing if found is None else found,
        radius=radius,
        radius_low=low,
        reason_low=reason,
        n_programs=n_programs + search.n_programs,
        n_witnesses=search.n_witnesses,
    )


class _Search:
    """The nearest better realization so far, and how to find a nearer one."""

    def __init__(
        self,
        theta: Parametrization,
        X: Array,
        y: Array,
        values: NetworkValues,
        space: BalancedSpace,
        rng: np.random.Generator,
        budget: ExchangeBudget,
        low: float,
        radius: float,
    ) -> None:
        self.theta, self.X, self.y, self.space, self.values = theta, X, y, space, values
        self.s = realize(theta, X) - y
        self.rng, self.budget, self.low, self.high = rng, budget, low, radius
        self.norms = max_norms(theta.products)
        self.used = np.flatnonzero(self.norms > 0)
        self.features = theta.signs * np.maximum(X @ theta.products.T, 0.0)
        self.best: BallSearch | None = None
        self.choice: Choice | None = None
        self.n_programs = self.n_witnesses = 0

    def run(self, minima: Sequence[Parametrization]) -> None:
        choices = Choices(self.theta, self.X, self.y, self.space, self.rng, minima, self.budget)
        for choice in choices.generate(lambda dropped: self._floor(dropped) < self.high):
            if self._may_help(choice):
                self._shrink(choice)
        for _ in range(self.budget.n_refinements if self.choice is not None else 0):
            assert self.choice is not None and self.best is not None
            assert self.best.witness is not None
            before = self.high
            new = self.best.witness.products[list(self.choice.dropped)]
            moved = refine(
                self.theta,
                self.X,
                self.s,
                self.choice.dropped,
                new,
                self.choice.signs,
                radius=self.high,
                witness=self.best.witness,
                positive=isinstance(self.space, RestrictedSpace),
            )
            source = self.choice.source.removesuffix(", refined") + ", refined"
            self._shrink(replace(self.choice, units=into_space(moved, self.space), source=source))
            if self.high > before * (1 - 1e-6):
                break

    # --- what comes of it -----------------------------------------------------------------------

    def _floor(self, dropped: tuple[int, ...]) -> float:
        """A dropped neuron leaves half its jump in one of the gradients beside it."""
        return max(self.low, 0.5 * float(self.norms[list(dropped)].max()))

    def _may_help(self, choice: Choice) -> bool:
        """Whether the best scales, without regard to the ball, are better at all."""
        rest = [i for i in self.used if i not in choice.dropped]
        new = choice.signs * np.maximum(self.X @ choice.units.T, 0.0)
        _, length = nnls(np.column_stack([self.features[:, rest], new]), self.y)
        return bool(length**2 < float(self.s @ self.s) * (1 - 1e-12))

    def _shrink(self, choice: Choice) -> None:
        """Bring the distance down as far as this choice allows."""
        oracle = GradientOracle(np.vstack([self.theta.weights[self.used], choice.units]))
        if not self._attempt(choice, self.high, oracle):
            return
        floor = self._floor(choice.dropped)
        for _ in range(self.budget.n_bisections):
            middle = 0.5 * (floor + self.high)
            if not self._attempt(choice, middle, oracle):
                floor = middle

    def _attempt(self, choice: Choice, radius: float, oracle: GradientOracle) -> bool:
        """One program; a better realization in the ball is verified, and kept if nearer."""
        values, used = self.values, self.used
        dropped = np.isin(used, choice.dropped)
        own, sizes = radius / values.slope_unit, np.abs(values.outputs[used])
        low, high = (ends[used] for ends in scale_bounds(values, own, self.space))
        low[dropped] = high[dropped] = -sizes[dropped] / own
        new_low = np.full(len(choice.units), 1e-9)
        new_high = np.full(len(choice.units), 2.0)
        if isinstance(self.space, RestrictedSpace):
            least = choice.units[:, -2:].min(axis=1)
            new_low = np.maximum(new_low, (1 + 1e-12) * self.space.margin / least / radius)
            new_high = np.minimum(new_high, self.space.bound / radius)
        low, high = np.append(low, new_low), np.append(high, new_high)
        if (low > high).any():
            return False
        rows = np.vstack([values.rows[used], choice.units])
        signs = np.append(self.theta.signs[used], choice.signs)
        program = ScaleProgram(values, rows, signs, own, low, high, oracle)
        self.n_programs += 1
        try:
            solution = program.solve()
        except OutOfReach:  # nothing is claimed
            return False
        if not solution.feasible:
            return False
        if program.change(solution.tau).value >= -values.tolerance(own):
            return False
        k = len(used)
        scales = np.ones(self.theta.n_neurons)
        scales[used] += solution.tau[:k] * own / sizes
        scales[list(choice.dropped)] = 1.0
        kept = self.theta.scale(np.maximum(scales, 0.0))
        added = Parametrization.from_products(
            (solution.tau[k:] * radius)[:, None] * choice.units, choice.signs
        )
        a, c = kept.weights.copy(), kept.output_weights.copy()
        a[list(choice.dropped)], c[list(choice.dropped)] = added.weights, added.output_weights
        return self._verify(Parametrization(a, c), radius, choice)

    def _verify(self, witness: Parametrization, radius: float, choice: Choice) -> bool:
        """From the networks alone: in the space, in the ball, better."""
        if not self.space.contains(witness):
            return False
        values = self.values
        distance = sobolev_distance(self.theta, witness).upper
        change = values.change_to(witness)
        gap, tolerance = -float(change.value), values.tolerance(distance / values.slope_unit)
        if distance > radius * (1 + 2 * CELL_TOLERANCE) or gap <= tolerance + change.error:
            return False
        gap, tolerance = gap * values.unit**2, tolerance * values.unit**2
        self.n_witnesses += 1
        if self.best is None or distance < self.high:
            self.high = min(distance, radius)
            self.choice = choice
            self.best = BallSearch(
                radius=radius,
                radius_low=self.low,
                radius_high=distance,
                reason_low="",
                witness=witness,
                distance=distance,
                gap=gap,
                tolerance=tolerance,
                exchanged=choice.dropped,
                source=choice.source,
                n_programs=0,
                n_witnesses=0,
            )
        return True
