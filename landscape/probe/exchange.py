"""Beyond the rigid ball: better realizations by exchanging neurons (Theorem 12).

In a ball of radius rho the neurons with ``‖u_i‖ <= 2 rho`` may be exchanged for others, and the
ball is no longer convex. For a fixed choice of neurons to drop and of new directions the best
scales are a convex program again, so the search is over these choices. What it finds bounds the
realization radius from above, the rigid regime and the certified radius bound it from below.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import LinearConstraint, minimize, nnls

from landscape.losses import Loss, WeightDecay
from landscape.parametrization import Parametrization, max_norms
from landscape.probe._choices import Choice, Choices, ExchangeBudget, into_space
from landscape.probe._program import CELL_TOLERANCE, NetworkValues, ScaleProgram
from landscape.probe.rigid import probe_realization, scale_bounds, undisputed_radius, values_in
from landscape.realization import realize
from landscape.rounding import Array
from landscape.seminorm import GradientOracle, OutOfReach, sobolev_distance
from landscape.spaces import BalancedSpace, RestrictedSpace
from landscape.verdict import Verdict

#: Cells whose gradients are kept in the ball during a local step, the largest ones.
MAX_CELLS = 60


@dataclass(frozen=True, eq=False)
class BallSearch:
    """A bracket of the realization radius of a minimum.

    That is the supremum of the seminorm distances within which R(theta) is optimal in R(space).
    """

    radius: float  #: Up to which it was searched.
    radius_low: float  #: The realization radius is at least that,
    radius_high: float = np.inf  #: and at most that; 0 if rescaling is better at every distance.
    reason_low: str = "none"  #: What ``radius_low`` rests on.
    witness: Parametrization | None = None  #: A better element of the space.
    distance: float = np.nan  #: Its exact seminorm distance, from the two networks alone.
    gap: float = 0.0  #: By how much its loss is lower.
    tolerance: float = 0.0  #: What counts as zero for the gap.
    exchanged: tuple[int, ...] = ()  #: The neurons of theta that it lacks.
    source: str = ""  #: Where its new directions came from.
    n_programs: int = 0  #: Convex programs solved.
    n_witnesses: int = 0  #: Better realizations that were verified on the way.


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
    loss: str | Loss | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> BallSearch:
    """Search the ball of ``radius`` around R(theta) for better realizations, ever nearer ones.

    Parameters
    ----------
    theta : Parametrization
        In the space.
    X, y : array_like of shapes (n, d) and (n,)
        What the network sees, and the targets.
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
    loss, weight_decay
        See :func:`landscape.certify_minimum`. What to exchange is then chosen as if the loss were
        squared, with its slopes for residuals; what is found is judged by the loss.

    Raises
    ------
    ValueError
        If theta is not in the space, or the radius is not positive and finite.
    """
    if not (radius > 0 and np.isfinite(radius)):
        raise ValueError(f"radius: expected a positive, finite number, got {radius!r}")
    inputs, targets = (np.ascontiguousarray(data, dtype=float) for data in (X, y))
    form: dict[str, Any] = {"loss": loss, "weight_decay": weight_decay}
    values = values_in(theta, inputs, targets, space, **form)
    if values.is_zero:
        return BallSearch(radius, np.inf, reason_low="the residual is zero")
    found = BallSearch(radius, 0.0)
    rigid = undisputed_radius(theta, space) * (1 - 1e-9)
    if rigid > 0:
        probe = probe_realization(theta, inputs, targets, radius=rigid, space=space, **form)
        found = replace(found, n_programs=probe.n_iter)
        if probe.verdict is Verdict.VIOLATED:
            # The loss is convex along the rescalings between R(theta) and the witness.
            same = {key: getattr(probe, key) for key in ("witness", "distance", "gap", "tolerance")}
            reason = "rescaling is better at every distance"
            found = replace(found, radius_high=0.0, reason_low=reason, source="scales", **same)
            return replace(found, n_witnesses=1)
        if probe.verdict is Verdict.HOLDS:
            found = replace(found, radius_low=rigid, reason_low="rigid regime")
    by_theorem = certified_radius**2 / 8 * (1 - 1e-15)
    if isinstance(space, RestrictedSpace) and by_theorem > found.radius_low:
        found = replace(found, radius_low=by_theorem, reason_low="certified radius")
    if values.sample_loss is not None:
        targets = realize(theta, inputs) - values.s.value
    choices = Choices(theta, inputs, targets, space, rng, minima, budget or ExchangeBudget())
    return _Search(choices, values, found).run()


class _Search:
    """The nearest better realization so far, and how to find a nearer one."""

    def __init__(self, choices: Choices, values: NetworkValues, found: BallSearch) -> None:
        self.data, self.values, self.best = choices, values, found
        self.high, self.n_programs, self.n_witnesses = found.radius, found.n_programs, 0
        self.choice: Choice | None = None

    def run(self) -> BallSearch:
        data = self.data
        for choice in data.generate(lambda dropped: self._floor(dropped) < self.high):
            if self._may_help(choice):
                self._shrink(choice)
        for _ in range(data.budget.n_refinements):
            before, last, witness = self.high, self.choice, self.best.witness
            if last is None or witness is None:
                break
            units = into_space(_refine(data, last, witness, before), data.positive)
            source = last.source.removesuffix(", refined") + ", refined"
            self._shrink(replace(last, units=units, source=source))
            if self.high > before * (1 - 1e-6):
                break
        return replace(self.best, n_programs=self.n_programs, n_witnesses=self.n_witnesses)

    def _floor(self, dropped: tuple[int, ...]) -> float:
        """A dropped neuron leaves half its jump in one of the gradients beside it."""
        return max(self.best.radius_low, 0.5 * float(self.data.norms[list(dropped)].max()))

    def _may_help(self, choice: Choice) -> bool:
        """Whether the best scales, without regard to the ball, are better at all."""
        data = self.data
        if self.values.sample_loss is not None:
            return True
        rest = [i for i in data.used if i not in choice.dropped]
        new = choice.signs * np.maximum(data.X @ choice.units.T, 0.0)
        _, length = nnls(np.column_stack([data.features[:, rest], new]), data.y)
        return bool(length**2 < float(data.s @ data.s) * (1 - 1e-12))

    def _shrink(self, choice: Choice) -> None:
        """Bring the distance down as far as this choice allows."""
        data = self.data
        oracle = GradientOracle(np.vstack([data.theta.weights[data.used], choice.units]))
        floor = self._floor(choice.dropped)
        for _ in range(data.budget.n_bisections if self._attempt(choice, self.high, oracle) else 0):
            middle = 0.5 * (floor + self.high)
            if not self._attempt(choice, middle, oracle):
                floor = middle

    def _attempt(self, choice: Choice, radius: float, oracle: GradientOracle) -> bool:
        """One program; a better realization in the ball is verified, and kept if nearer."""
        values, theta, space, used = self.values, self.data.theta, self.data.space, self.data.used
        gone, k = np.isin(used, choice.dropped), len(used)
        own, sizes = radius / values.slope_unit, np.abs(values.outputs[used])
        low, high = (ends[used] for ends in scale_bounds(values, own, space))
        low[gone] = high[gone] = -sizes[gone] / own
        new_low, new_high = np.full((2, len(choice.units)), [[1e-9], [2.0]])
        if isinstance(space, RestrictedSpace):
            least = choice.units[:, -2:].min(axis=1)
            new_low = np.maximum(new_low, (1 + 1e-12) * space.margin / least / radius)
            new_high = np.minimum(new_high, space.bound / radius)
        low, high = np.append(low, new_low), np.append(high, new_high)
        if (low > high).any():
            return False
        rows = np.vstack([values.rows[used], choice.units])
        signs = np.append(theta.signs[used], choice.signs)
        program = ScaleProgram(values, rows, signs, own, low, high, oracle)
        self.n_programs += 1
        try:
            solution = program.solve()
        except OutOfReach:  # nothing is claimed
            return False
        tau = solution.tau
        if not solution.feasible or program.change(tau).value >= -values.tolerance(own):
            return False
        scales, dropped = np.ones(theta.n_neurons), list(choice.dropped)
        scales[used] += tau[:k] * own / sizes
        kept, products = theta.scale(np.maximum(scales, 0.0)), radius * tau[k:, None] * choice.units
        added = Parametrization.from_products(products, choice.signs)
        a, c = kept.weights.copy(), kept.output_weights.copy()
        a[dropped], c[dropped] = added.weights, added.output_weights
        return self._verify(Parametrization(a, c), radius, choice)

    def _verify(self, witness: Parametrization, radius: float, choice: Choice) -> bool:
        """From the networks alone: in the space, in the ball, better."""
        values, theta = self.values, self.data.theta
        if not self.data.space.contains(witness):
            return False
        distance = sobolev_distance(theta, witness).upper
        change = values.change_to(witness)
        gap, tolerance = -float(change.value), values.tolerance(distance / values.slope_unit)
        if distance > radius * (1 + 2 * CELL_TOLERANCE) or gap <= tolerance + change.error:
            return False
        self.n_witnesses += 1
        if self.choice is None or distance < self.high:
            self.high, self.choice = min(distance, radius), choice
            self.best = replace(
                self.best,
                radius_high=distance,
                witness=witness,
                distance=distance,
                gap=gap * values.unit**2,
                tolerance=tolerance * values.unit**2,
                exchanged=choice.dropped,
                source=choice.source,
            )
        return True


def _refine(choices: Choices, choice: Choice, witness: Parametrization, radius: float) -> Array:
    """Move the new products (q, d) and all scales so that the loss falls within the ball.

    ``witness`` has the new products in the place of the dropped ones. The cells at the start are
    the constraints. They change on the way: what results is only a proposal for directions.
    """
    theta, X, dropped, signs = choices.theta, choices.X, list(choice.dropped), choice.signs
    new, gone = witness.products[dropped], theta.products[dropped]
    kept = np.array([i for i in choices.used if i not in dropped], dtype=int)
    k, (q, d), norms = len(kept), new.shape, choices.norms[kept]
    # In units of the radius: what scales, and what the dropped neurons, add to the gradients.
    units = theta.signs[kept, None] * theta.products[kept] / norms[:, None]
    old = theta.signs[dropped, None] * gone / radius
    start_tau = (max_norms(witness.products[kept]) - norms) / radius
    start = np.concatenate([start_tau, (new / radius).ravel()])
    terms = np.vstack([start_tau[:, None] * units, -old, signs[:, None] * new / radius])
    try:
        oracle = GradientOracle(np.vstack([theta.weights[kept], gone, new]))
        patterns = oracle.patterns
        if patterns is None:
            patterns = oracle.maximize(terms).pattern[None]
    except (OutOfReach, RuntimeError):
        return new
    sizes = np.abs(patterns.astype(float) @ terms).max(axis=1)
    active = patterns[np.argsort(-sizes, kind="stable")[:MAX_CELLS]].astype(float)
    on, off, added = np.split(active, [k, k + q], axis=1)
    # Gradients on the cells, of the variables and without them.
    by_scales = np.einsum("ci,ij->cji", on, units).reshape(-1, k)
    by_products = np.einsum("cj,ab->cajb", signs * added, np.eye(d)).reshape(-1, q * d)
    flat, shift = np.hstack([by_scales, by_products]), -(off @ old).ravel()
    features = choices.features[:, kept] / norms
    base, residuals = choices.features[:, dropped].sum(axis=1), choices.s

    def change(z: Array) -> tuple[float, Array]:
        pre = X @ z[k:].reshape(q, d).T
        values = radius * (features @ z[:k] + np.maximum(pre, 0.0) @ signs) - base
        by_values = 2.0 / len(X) * radius * (residuals + values)
        by_new = ((pre > 0) * signs * by_values[:, None]).T @ X
        value = 2.0 / len(X) * float(residuals @ values) + float(values @ values) / len(X)
        return value, np.concatenate([features.T @ by_values, by_new.ravel()])

    lower = np.full((q, d), -np.inf)
    lower[:, -2:] = 1e-6 if choices.positive else -np.inf
    result = minimize(
        change,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(low, None) for low in [*(-norms / radius), *lower.ravel()]],
        constraints=LinearConstraint(flat, -1.0 - shift, 1.0 - shift),
        options={"maxiter": 50, "ftol": 1e-12},
    )
    moved = np.asarray(result.x[k:], dtype=float).reshape(q, d) * radius
    return moved if np.isfinite(moved).all() and (max_norms(moved) > 0).all() else new
