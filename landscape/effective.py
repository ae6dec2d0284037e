"""The piecewise quadratic loss in effective coordinates: what the data can see (Theorem 5).

For fixed signs the loss depends on the product coordinates ``u_i`` only, and on lifted data
``(x, 1, -1)`` only on ``(w_i, p_i - q_i)``: the flat direction (0, ..., 0, 1, 1) is divided out,
with it the bounds of N*, which never bind there. :class:`EffectiveProblem` holds the data in these
coordinates and maps parametrizations there and back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss, WeightDecay, get_loss, needs_loss
from landscape.objective import check_problem, n_biases
from landscape.parametrization import (
    Lines,
    Parametrization,
    group_directions,
    max_norms,
    split_biases,
)
from landscape.rounding import KINK_FACTOR, gamma
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace
from landscape.units import Units

__all__ = ["EffectiveProblem", "State", "largest_step"]

Array = NDArray[np.float64]
EPS = float(np.finfo(float).eps)

#: What entries of weight vectors on kinks lose in storage, relative to the largest one.
STORED = 32 * EPS

#: What p - q of lifted coordinates loses, relative to the larger one, and shifts likewise.
SPLIT = 4 * EPS

#: Entries of X up to which problems on the same data share what they know of these.
SHARED = 2**16


@dataclass
class State:
    """Effective product coordinates u (m, d), and the offset e, 0 where the problem has none."""

    u: Array
    e: float

    def copy(self) -> State:
        """A copy that can be changed."""
        return State(self.u.copy(), self.e)


@dataclass(frozen=True)
class EffectiveProblem:
    """The loss ``(1/n) sum_k (sum_i sigma_i relu(<u_i, x_k>) + e l_k - y_k)^2`` over (u, e).

    Effective inputs X (n, d), signs sigma (m,), bounds of u (m, d). The offset's input ``column``
    is ``relu`` of the last one, as the frozen neuron (0, ..., 0, 1) sees it, None without offset.
    ``reduced``: the flat direction of lifted data was divided out. With a ``penalty`` (d,), plus
    ``sum_ij penalty_j u_ij^2``: a convex quadratic on each cell as well, so that along rays inside
    a cell's kinks the loss stays its first-order part plus squares. ``units``: in which all this
    and states are given, see :meth:`in_own_units`.

    Another ``sample_loss`` than the square is a function of the residuals (Theorem 26). With
    ``decay`` (d,), plus ``sum_i ‖decay u_i‖_2`` (entry by entry; Theorem 27), and
    ``offset_decay e^2``.
    """

    space: Space
    theta: Parametrization
    X: Array
    y: Array
    signs: Array
    lower: Array
    upper: Array
    column: Array | None
    reduced: bool
    penalty: Array | None = None
    units: Units | None = None
    sample_loss: Loss | None = None
    decay: Array | None = None
    offset_decay: float = 0.0

    @classmethod
    def build(
        cls,
        theta: Parametrization,
        X: ArrayLike,
        y: ArrayLike,
        space: Space,
        penalty: ArrayLike | None = None,
        *,
        loss: str | Loss | None = None,
        sample_weight: ArrayLike | None = None,
        weight_decay: WeightDecay | None = None,
    ) -> EffectiveProblem:
        """The problem around ``theta``, which fixes the signs (0 counts as +1), or a ValueError.

        ``penalty`` (space.n_inputs,), entries >= 0, applies to the product coordinates; the offset
        is free. With one on the last two coordinates lifted data have no flat direction.
        """
        inputs, targets = check_problem(theta, X, y, space)
        plain = penalty is None and weight_decay is None and not needs_loss(loss, sample_weight)
        if plain and inputs.size <= SHARED:
            return _shared(space, inputs.tobytes(), targets.tobytes()).at(theta)
        own_loss = None
        if needs_loss(loss, sample_weight):
            targets, own_loss = get_loss(loss).on(targets, sample_weight)
        signs = np.where(theta.output_weights < 0, -1.0, 1.0)
        lower, upper = space.bounds()
        column, reduced = None, False
        weights = np.zeros(space.n_inputs) if penalty is None else np.array(penalty, dtype=float)
        if weights.shape != (space.n_inputs,) or not ((weights >= 0) & (weights < np.inf)).all():
            raise ValueError(
                f"penalty: expected {space.n_inputs} finite numbers >= 0, got {penalty!r}"
            )
        if isinstance(space, UnrestrictedSpace):
            if space.offset:
                signs, lower, upper = signs[:-1], lower[:-1], upper[:-1]
                column = np.maximum(inputs[:, -1], 0.0)
        elif inputs.shape[1] > 2 and np.array_equal(inputs[:, -2], -inputs[:, -1]):
            bound = space.bound if isinstance(space, RestrictedSpace) else np.inf
            if not np.isfinite(bound) and not weights[-2:].any():
                reduced, weights = True, weights[:-1]
                inputs = np.ascontiguousarray(inputs[:, :-1])
                lower = np.full((space.n_neurons, inputs.shape[1]), -np.inf)
                upper = -lower
        # The data of a study may not be written to: kernels would be compiled anew for that type.
        inputs, targets = (np.require(array, requirements="W") for array in (inputs, targets))
        own = weights if weights.any() else None
        decay, offset_decay = None, 0.0
        if weight_decay is not None:
            decay = np.full(inputs.shape[1], 2.0 * weight_decay.strength)
            n_constant = 1 if reduced else n_biases(space)
            if not weight_decay.biases:
                decay[decay.size - n_constant :] = 0.0
            elif n_constant == 2:
                raise ValueError(
                    "weight_decay: biases=True needs lifted data and no upper bound in the "
                    f"{space.name} space: only there is p - q the bias"
                )
            if weight_decay.offset and column is not None:
                offset_decay = weight_decay.strength
        return cls(
            space, theta, inputs, targets, signs, lower, upper, column, reduced, own,
            sample_loss=own_loss, decay=decay, offset_decay=offset_decay,
        )  # fmt: skip

    @classmethod
    def over(cls, space: Space, features: Array, y: Array, **form: Any) -> EffectiveProblem:
        """The problem on the whole space, without an upper bound of N*, or a ValueError.

        The signs are not those of anything: ``replace(problem, signs=...)``. ``form``: loss, sample
        weights and weight decay, as for :meth:`build`.
        """
        if isinstance(space, RestrictedSpace) and np.isfinite(space.bound):
            raise ValueError(f"space: expected no upper bound, got {space!r}")
        x, p = np.asarray(features, dtype=float), space.n_inputs - space.extra_inputs
        if x.ndim != 2 or x.shape[1] != p or not p:
            raise ValueError(
                f"features: expected shape (n, {max(1, p)}), what the space embeds, got {x.shape}"
            )
        rows = np.ones((space.n_neurons, space.n_inputs))
        if isinstance(space, UnrestrictedSpace) and space.offset:
            rows[-1] = space.offset_direction
        return cls.build(
            Parametrization(rows, np.ones(len(rows))), space.embed(x), y, space, **form
        )

    def at(self, theta: Parametrization) -> EffectiveProblem:
        """The same problem around another parametrization; what is known of the data stays so."""
        signs = np.copysign(1.0, theta.output_weights[: len(self.signs)] + 0.0)  # 0 is no -0 now
        other = object.__new__(type(self))  # several times as fast as copy
        vars(other).update(vars(self), theta=theta, signs=signs)
        vars(other).pop("resolution", None)
        return other

    def turned(self, i: int) -> EffectiveProblem:
        """The same problem with the other sign of neuron i."""
        signs = self.signs.copy()
        signs[i] *= -1
        return replace(self, signs=signs)

    def in_own_units(self) -> EffectiveProblem:
        """The same problem with inputs of size about one, centred where nothing speaks against it.

        So a descent does the same whatever the units of the data are. Centred data are rounded.
        """
        return self if self.units is not None else self._like(self._in_own)

    def in_powers_of_two(self) -> EffectiveProblem:
        """The same problem with inputs and targets of size one, without any rounding."""
        return self._like(self._in_powers)

    def _like(self, other: EffectiveProblem | None) -> EffectiveProblem:
        """The problem in other units around the own parametrization; itself if there is none."""
        if other is None:
            return self
        return other if other.theta is self.theta else other.at(self.theta)

    @cached_property
    def _in_powers(self) -> EffectiveProblem | None:
        return self._in(Units.powers(self.X, self._unit_targets))

    @cached_property
    def _in_own(self) -> EffectiveProblem | None:
        shift = not self.bounded and (self.penalty is None or self.penalty[-1] == 0)
        shift = shift and (self.decay is None or self.decay[-1] == 0)
        return self._in(Units.centred(self.X, self._unit_targets, shift=shift))

    @property
    def quadratic(self) -> bool:
        """Whether the loss is a quadratic on each cell: no other sample loss, no weight decay."""
        return self.sample_loss is None and self.decay is None and not self.offset_decay

    @property
    def plain(self) -> bool:
        """Whether the loss is the squared one alone, without penalty, decay and weights."""
        return self.quadratic and self.penalty is None

    @property
    def _unit_targets(self) -> Array:
        """Targets that have units: only the squared loss is the same in all of them."""
        return self.y if self.sample_loss is None else np.zeros_like(self.y)

    def _in(self, units: Units) -> EffectiveProblem | None:
        """The problem in other units; None where they are its own."""
        if units.trivial:
            return None
        return replace(
            self,
            X=np.ascontiguousarray(units.data(self.X)),
            y=self.y / units.target,
            lower=self.lower * units.scales / units.target,
            upper=self.upper * units.scales / units.target,
            penalty=None if self.penalty is None else self.penalty / units.scales**2,
            decay=None if self.decay is None else self.decay / (units.scales * units.target),
            units=units,
        )

    @property
    def sizes(self) -> Array:
        """``|x_kj|``, shape (n, d): a new array, for none is kept."""
        return np.abs(self.X)

    @cached_property
    def largest(self) -> Array:
        """``max_k |x_kj|``, shape (d,)."""
        return np.maximum(self.X.max(axis=0), -self.X.min(axis=0))

    @cached_property
    def storage(self) -> tuple[Array, Array]:
        """``max_k |x_kj|`` (d,), and samples as sums of shares of it (n,): see :meth:`stored`."""
        largest, shares = self.largest, self.sizes
        shares /= np.where(largest > 0, largest, 1.0)
        return largest, np.asarray(shares.sum(axis=1))

    @cached_property
    def _reaches(self) -> Array:
        """Ones, and ``max_k |x_kj|`` by the constant's in the units of the data, (2, d - 1)."""
        largest = self.largest
        if self.units is not None:
            largest = self.units.scales * largest
            largest = largest + np.abs(self.units.shifts) * largest[-1]
        own = np.ones(largest.size - 1)
        return np.array([own, largest[:-1] / largest[-1] if largest[-1] > 0 else own])

    @cached_property
    def norms(self) -> Array:
        """``‖x_k‖_1`` in effective coordinates, shape (n,)."""
        return np.asarray(self.sizes.sum(axis=1))

    @cached_property
    def input_norms(self) -> Array:
        """``‖x_k‖_1`` of what the network sees, rounded up, shape (n,); not in other units."""
        norms = self.norms + np.abs(self.X[:, -1]) if self.reduced else self.norms
        return np.asarray(norms * (1 + 2 * gamma(self.X.shape[1] + self.reduced)))

    @cached_property
    def lines(self) -> Lines:
        """Samples that are the same or opposite up to a factor: they share their kinks."""
        return Lines.of(self.X)

    @cached_property
    def resolution(self) -> Array:
        """What p - q of lifted coordinates, and shifts, lose to rounding, shape (m,)."""
        m, units = len(self.signs), self.units
        if units is None:
            return SPLIT * self.theta.sizes if self.reduced else np.zeros(m)
        products = np.abs(self.theta.products[:m])
        sums = products[:, : len(units.shifts)] @ np.abs(units.shifts)
        if self.reduced:
            sums += products[:, -2:].max(axis=1)
        return np.asarray(SPLIT * units.scales[-1] / units.target * sums)

    @cached_property
    def merged(self) -> tuple[Array, Array, Array, NDArray[np.intp] | slice, float]:
        """The sum of squares on fewer samples: X, y, column, which each sample is, what is left.

        Networks are positively homogeneous: samples ``t_k x`` with 0 < t_k <= 1 are one, the
        largest of them, but for a constant, as repeated ones are.
        """
        column = np.zeros_like(self.y) if self.column is None else self.column
        if self.lines.separate:
            return self.X, self.y, column, slice(None), 0.0
        keys = 2 * self.lines.firsts + self.lines.opposite
        _, place = np.unique(keys, return_inverse=True)
        sizes = np.where(self.norms > 0, max_norms(self.X), 1.0)
        order = np.lexsort((-sizes, place))
        first = order[np.unique(place[order], return_index=True)[1]]
        factors = sizes / sizes[first[place]]
        roots = np.sqrt(np.bincount(place, weights=factors**2))
        y = np.bincount(place, weights=factors * self.y) / roots
        rest = self.y - factors * (y / roots)[place]
        X = roots[:, None] * self.X[first]
        return X, y, roots * column[first], place, float(rest @ rest)

    @property
    def unit(self) -> float:
        """Of the targets, in those of the data."""
        return 1.0 if self.units is None else self.units.target

    @cached_property
    def mean_square(self) -> float:
        """Of the targets."""
        return float(self.y @ self.y) / self.y.size

    @cached_property
    def bounded(self) -> bool:
        """Whether any coordinate has a bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    # --- there and back -----------------------------------------------------------------------

    def own_weights(self) -> tuple[Array, Array, Array]:
        """Weight vectors of ``theta`` in effective coordinates of the data, and their rounding.

        That of the entries (m, d), and what the last ones lose when they are stored (m,).
        """
        from landscape._kernels import effective  # numba, when needed

        found: tuple[Array, Array, Array] = effective(*self.form, gamma(0), SPLIT)
        return found

    @property
    def form(self) -> tuple[Array, bool]:
        """Weight vectors of ``theta``, and whether of the last two entries data see p - q only."""
        return self.theta.weights[: len(self.signs)], self.reduced

    def reach(self) -> tuple[Array, Array]:
        """Within r of ``theta`` (max-norm of A and c) u changes by at most r (m, d) + r^2 (d,)."""
        from landscape._kernels import reach  # numba, when needed

        (weights, reduced), outputs = self.form, self.theta.output_weights
        found: tuple[Array, Array] = reach(weights, outputs, reduced)
        return found

    def state(self) -> State:
        """The state of ``theta``, moved into the bounds."""
        from landscape._kernels import products  # numba, when needed

        weights, reduced = self.form
        u = products(weights, self.theta.output_weights, reduced, SPLIT)
        e = 0.0 if self.column is None else float(self.theta.output_weights[-1])
        if self.units is not None:
            u = self.units.into(u)
            e /= self.units.target
        return State(np.clip(u, self.lower, self.upper) if self.bounded else u, e)

    def parametrization(self, state: State) -> Parametrization:
        """The element of the space at ``state``; flat families of lifted data: see ``_unfold``."""
        u, e = state.u, state.e
        if self.units is not None:
            u, e = self.units.back(u), e * self.units.target
        if not isinstance(self.space, UnrestrictedSpace):
            return self._unfold(u) if self.reduced else Parametrization.from_products(u, self.signs)
        # An unrestricted network keeps the size of its output weights, except where they are 0.
        sizes = np.abs(self.theta.output_weights[: len(u)])
        if self.decay is not None:  # what the penalty wants
            sizes = np.sqrt(np.linalg.norm(u * (self.decay > 0), axis=1))
        if np.count_nonzero(sizes) < sizes.size:
            roots = np.sqrt(max_norms(u))
            sizes = np.where(sizes > 0, sizes, np.where(roots > 0, roots, 1.0))
        a, c = u / sizes[:, None], self.signs * sizes
        if self.decay is not None:
            c[~u.any(axis=1)] = 0.0
        if self.column is not None:
            a, c = np.vstack([a, self.theta.weights[-1]]), np.append(c, e)
        return Parametrization(a, c)

    def _unfold(self, u: Array) -> Parametrization:
        """With one member of the flat family (p + t, q + t) of each neuron, off N*'s border.

        A wide member: ``‖u_i‖_inf``, by which the certified radius shrinks, stays within 5 % of
        the least possible, unless p - q would lose digits by that. Neurons that would be parallel
        (C.2) get different members. Of several neurons at the apex (0, ..., 0, t, t) all but the
        first turn silent, which on the data is the same.
        """
        from landscape._kernels import unfold  # numba, when needed

        margin = float(self.space.margin) if isinstance(self.space, RestrictedSpace) else 0.0
        free = self.decay is None or self.decay[-1] == 0  # biases
        u, (a, _), c = u.copy(), self.form, self.theta.output_weights
        widths, rows = unfold(u, self._reaches, margin, a, c, free)
        for attempt in range(len(u)):
            theta = Parametrization.from_products(rows, self.signs)
            if theta.apart:
                break
            again = np.flatnonzero(group_directions(rows) != np.arange(len(u)))
            if again.size == 0:
                break
            widths[again] *= 1.0 + (1 + np.arange(again.size)) / (8.0 + attempt)
            rows = split_biases(u, widths)
        return theta

    def product_direction(self, direction: Array, offset: float) -> Array:
        """A direction of u (and e) in the product coordinates of the space, (m, d), up to a factor.

        Of a lifted neuron's shifts it takes the one that leaves no bound. With an offset, the last
        row is that of the offset's own output weight, ``e (0, ..., 0, 1)``.
        """
        if self.units is not None:
            direction = self.units.back(direction)
            offset *= self.units.target
        if self.reduced:
            return split_biases(direction)
        if self.column is None:
            return direction
        return np.vstack([direction, offset * self.theta.weights[-1]])

    # --- the loss -----------------------------------------------------------------------------

    def preactivations(self, state: State) -> Array:
        """``<u_i, x_k>``, shape (n, m)."""
        return self.X @ state.u.T

    def terms(self, u: Array) -> Array:
        """``sum_j |u_ij x_kj|``, what the pre-activations are sums of, shape (n, m)."""
        return np.asarray(self.sizes @ np.abs(u).T)

    def kink_pairs(self, state: State, z: Array) -> NDArray[np.bool_]:
        """Which samples are tried on which kinks, up to ``KINK_FACTOR``, shape (n, m)."""
        widths = KINK_FACTOR * gamma(self.X.shape[1]) * self.terms(state.u)
        return np.abs(z) <= widths + self.stored(state.u, self.resolution)

    def stored(self, u: Array, resolution: Array) -> Array:
        """What pre-activations lose when weight vectors are put on kinks and stored, (n, m).

        Entries keep their digits relative to the largest one that the data see; of the last
        entry, ``resolution`` (m,) is lost.
        """
        from landscape._kernels import stored  # numba, when needed

        rows = np.ascontiguousarray(u)
        return np.asarray(stored(self.X, rows, *self.storage, resolution, STORED).T)

    def residuals(self, state: State, z: Array) -> Array:
        """``R(x_k) - y_k`` from the pre-activations, shape (n,)."""
        s = np.maximum(z, 0.0) @ self.signs - self.y
        return s if self.column is None else s + state.e * self.column

    def half_slopes(self, r: Array) -> Array:
        """``s_k``, half the derivatives of the loss by the values, from the residuals, (n,)."""
        return r if self.sample_loss is None else self.sample_loss.half_slope(r)

    def loss(self, state: State) -> float:
        """The loss, plus the penalties."""
        r = self.residuals(state, self.preactivations(state))
        value = float(r @ r) if self.sample_loss is None else float(self.sample_loss.value(r).sum())
        return value / r.size + self.penalty_value(state.u, state.e)

    def penalty_value(self, u: Array, e: float = 0.0) -> float:
        """``sum_ij penalty_j u_ij^2 + sum_i ‖decay u_i‖_2 + offset_decay e^2``."""
        value = 0.0 if self.penalty is None else float((u * u).sum(axis=0) @ self.penalty)
        if self.decay is None:
            return value
        return value + float(self.decay_norms(u).sum()) + self.offset_decay * e * e

    def decay_norms(self, u: Array) -> Array:
        """``‖decay u_i‖_2``, shape (m,)."""
        assert self.decay is not None
        return np.asarray(np.linalg.norm(u * self.decay, axis=-1))

    def pull(self, u: Array) -> Array:
        """What the penalty adds to ``sigma_i sum_k s_k x_k``, the gradient without 2/n, (m, d).

        Where ``decay u_i = 0`` the norm has no gradient; see :meth:`pull_along`.
        """
        pull = np.zeros_like(u) if self.penalty is None else self.y.size * self.penalty * u
        if self.decay is None:
            return pull
        norms = self.decay_norms(u)[:, None]
        slopes = self.decay * (self.decay * u) / np.where(norms > 0, norms, 1.0)
        return pull + 0.5 * self.y.size * slopes

    def pull_along(self, u: Array, direction: Array) -> Array:
        """One-sided derivatives of the penalty along the rows of a direction, without 2/n, (m,)."""
        along = (self.pull(u) * direction).sum(axis=1)
        if self.decay is not None:
            dead = self.decay_norms(u) == 0
            along = along + 0.5 * self.y.size * self.decay_norms(direction) * dead
        return along

    def term_sizes(self, state: State) -> Array:
        """Per sample, the size of what the residual is a sum of: rounding is relative to it."""
        terms = self.terms(state.u)
        active = self.preactivations(state) > -KINK_FACTOR * gamma(self.X.shape[1]) * terms
        sizes = (terms * active).sum(axis=1) + np.abs(self.y)
        return sizes if self.column is None else sizes + abs(state.e) * np.abs(self.column)

    def touched(self, state: State) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which coordinates are tried on their lower and upper bounds, each of shape (m, d)."""
        if not self.bounded:
            return np.zeros(state.u.shape, dtype=bool), np.zeros(state.u.shape, dtype=bool)
        slack = KINK_FACTOR * gamma(1) * max_norms(state.u)[:, None]
        return state.u <= self.lower + slack, state.u >= self.upper - slack

    def drop_rounding(self, rates: Array, directions: Array) -> None:
        """Set rates (n, R) along directions (R, d) to zero where they are rounding, in place.

        Along directions in a hyperplane, rounding alone must not leave it.
        """
        rates[np.abs(rates) <= 64 * gamma(self.X.shape[1]) * self.terms(directions)] = 0.0


@lru_cache(maxsize=4)
def _shared(space: Space, inputs: bytes, targets: bytes) -> EffectiveProblem:
    """The plain problem on these data, with all that many starts need of them."""
    X, y = np.frombuffer(inputs).reshape(-1, space.n_inputs).copy(), np.frombuffer(targets).copy()
    theta = Parametrization(np.ones((space.n_neurons, space.n_inputs)), np.ones(space.n_neurons))
    # A penalty of zeros is none, but not looked up here again.
    problem = EffectiveProblem.build(theta, X, y, space, np.zeros(space.n_inputs))
    for each in (problem.in_own_units(), problem.in_powers_of_two()):
        _ = each.lines, each.largest, each.input_norms, each.storage, each.merged, each.bounded
        _ = each.mean_square, each.reduced and each._reaches
    return problem


def largest_step(u: Array, directions: Array, lower: Array, upper: Array) -> Array:
    """How far every coordinate can go along directions within bounds; infinite where it stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = (np.where(directions < 0, lower, upper) - u) / directions
    return np.where(np.isnan(steps) | (directions == 0), np.inf, steps)
