"""Losses with a kink: the first-order conditions of all neurons at once (Theorem 29).

On samples whose loss bends at the point the derivative s_k is any number of an interval, so the
derivative of the loss is no sum over neurons. With the side of every neuron's kink fixed it is a
maximum of linear functions: linear programs propose directions and, as multipliers, the s_k. For
given s_k neurons are decided one by one; of directions the derivative is computed with bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, cmp_to_key
from itertools import pairwise, product

import numpy as np
from scipy.optimize import linprog

from landscape.exact import Vector, dot, null_basis, reduce_rows, vector
from landscape.first_order._point import PointCheck, Sums, Values, check_neurons
from landscape.parametrization import group_directions, max_norms
from landscape.rounding import Array, Bounded, Mask, gamma
from landscape.stationarity import MERGING, Budget, NeuronCheck
from landscape.streams import stream
from landscape.verdict import Verdict

#: Hyperplanes of one neuron whose sides are enumerated; beyond, rays are added one by one.
MAX_SIDES = 5
#: Where directions are plane.
MAX_LINES = 60
#: Directions of a neuron with more hyperplanes whose sides are tried.
TRIED = 24
#: Choices of sides of all neurons, a linear program each.
MAX_CHOICES = 256
#: Rays that are added.
MAX_RAYS = 40
#: Multipliers as near as this share of their interval to its ends or to 0 are there.
SNAP = 1e-12
#: A value of a program that counts as zero, as a share of its largest coefficient: effort only.
FLAT = 1e-9

Others = Callable[[Values], Mapping[int, NeuronCheck]]


def check_point(
    point: Values,
    budget: Budget | None = None,
    instead: Others | None = None,
    *,
    descent_only: bool = False,
) -> PointCheck:
    """Decide the first-order conditions at a point; the budget is for mixed kinks.

    ``instead`` gives checks of neurons that are decided by other means. ``descent_only`` leaves
    mixed kinks, the expensive ones, unexamined once another neuron descends.
    """
    if point.is_global or not point.bends:
        others = None if instead is None else instead(point)
        return check_neurons(point, budget, others, descent_only=descent_only)
    return _Joint(point, budget, instead).check()


def loss_gaps(point: Values) -> float:
    """What samples that are next to the kink of their loss, not on it, cost, without 2/n."""
    at, low, high = point.pieces
    gaps = (np.abs(point.r.value - at) * (1 + gamma(0)) + point.r.error) * point.bent
    return float((high - low) @ gaps) * (1 + 1e-12)


def slope_along(point: Values, direction: Array, offset: float) -> Bounded:
    """The one-sided derivative along a direction (m, d) and its component in e, without 2/n.

    Samples on the kink of their loss take the side that is worse: nothing depends on it.
    """
    problem, n, d = point.problem, point.s.value.size, direction.shape[1]
    rates = (Bounded.exact(direction) @ problem.X.T).T
    used = np.where(point.kinks, np.maximum(rates.value, 0.0), rates.value * point.active)
    errors = rates.error * (point.kinks | point.active)
    delta = Bounded(used, errors) @ problem.signs
    if problem.column is not None:
        delta = delta + Bounded.exact(problem.column) * np.array(offset)
    s = point.s.where(~point.bent)
    value = float(s.value @ delta.value)
    error = float(s.size @ delta.error + s.error @ np.abs(delta.value))
    sizes = float(np.abs(s.value) @ np.abs(delta.value))
    if point.bent.any():
        _, low, high = point.pieces
        shrunk = 1 + 16 * gamma(n)
        value += float(np.maximum(low * delta.value, high * delta.value).sum()) * shrunk
        steepest = np.maximum(-low, high) * shrunk
        error += float(steepest @ delta.error)
        sizes += float(steepest @ np.abs(delta.value))
    pull = problem.pull_along(point.u, direction)
    value += float(pull.sum())
    sizes += float((np.abs(problem.pull(point.u)) * np.abs(direction)).sum() + np.abs(pull).sum())
    if problem.offset_decay:
        pull_offset = problem.y.size * problem.offset_decay * point.e * offset
        value, sizes = value + pull_offset, sizes + abs(pull_offset)
    return Bounded(np.array(value), np.array(error * (1 + 1e-12) + gamma(n + d + 12) * sizes))


@dataclass
class _Part:
    """Directions of neuron i on one side of each of its enumerated kinks."""

    i: int
    on: Mask  # samples that the neuron passes on linearly (n,)
    rows: Array  # sides: rows @ v >= 0


class _Joint:
    """The test at a point, under way."""

    def __init__(self, point: Values, budget: Budget | None, instead: Others | None) -> None:
        self.point, self.budget, self.instead = point, budget, instead
        self.problem = problem = point.problem
        _, self.low, self.high = point.pieces
        self.free = replace(point, s=point.s.where(~point.bent))
        self.sums = Sums.of(self.free)
        s, signs = self.free.s.value, problem.signs
        #: Pairs on kinks in which the derivative is convex whatever s_k is; those to be split.
        lowest, highest = s + self.low, s + self.high
        worst = np.where(signs > 0, lowest[:, None], -highest[:, None])
        best = np.where(signs > 0, highest[:, None], -lowest[:, None])
        self.convex: Mask = point.kinks & (worst >= 0) & (best > 0)
        self.split: Mask = point.kinks & (worst < 0)
        #: Per neuron, its split samples by hyperplane; None: too many, or without a product.
        self.groups: list[list[Array] | None] = [self._group(i) for i in range(len(signs))]
        #: Rays (i, v) of neurons without groups.
        self.rays: list[tuple[int, Array]] = []

    def _group(self, i: int) -> list[Array] | None:
        rows, d = np.flatnonzero(self.split[:, i]), self.problem.X.shape[1]
        if self.point.sizes[i] == 0 or self.point.at_cone[i]:
            return None
        labels = group_directions(self.problem.X[rows], oriented=False)
        names = [label for label in np.unique(labels) if label >= 0]
        few = len(names) <= (MAX_LINES if d == 2 else MAX_SIDES)
        return [rows[labels == name] for name in names] if few else None

    # --- parts --------------------------------------------------------------------------------

    def _part(self, i: int, groups: list[Array], sides: Sequence[int]) -> _Part:
        """Directions of neuron i on these sides of its hyperplanes."""
        X, on, rows = self.problem.X, self.point.active[:, i].copy(), []
        for group, side in zip(groups, sides, strict=True):
            on[group] = side * (X[group] @ X[group[0]]) > 0
            rows.append(side * X[group[0]])
        return _Part(i, on, _scaled(np.array(rows).reshape(len(rows), X.shape[1])))

    def _parts(self, i: int) -> list[_Part]:
        """All sides of a neuron's enumerated kinks on which it has directions."""
        groups, d = self.groups[i], self.problem.X.shape[1]
        if groups is None:
            return []
        normals = self.problem.X[[group[0] for group in groups]] if groups else np.zeros((0, d))
        if d == 2 and groups:
            return [self._part(i, groups, sides) for sides in _sectors(normals)]
        parts = [self._part(i, groups, sides) for sides in product((1, -1), repeat=len(groups))]
        return [part for part in parts if len(groups) <= d or not _is_empty(part.rows)]

    @cached_property
    def parts(self) -> list[list[_Part]]:
        """Of every neuron."""
        return [self._parts(i) for i in range(len(self.problem.signs))]

    @property
    def n_choices(self) -> int:
        """How many choices of one part for each neuron there are."""
        return int(np.prod([float(max(1, len(part))) for part in self.parts]))

    # --- the linear program -------------------------------------------------------------------

    def _solve(self, parts: list[_Part], *, rays: bool = True) -> tuple[float, Array, float, Array]:
        """Least derivative of directions that are sums over these parts, the direction, its e, s.

        Unknowns: v of each part, one e, the convex kinks' rises, the bent losses' rises, rays.
        """
        problem, point, s, (m, d) = self.problem, self.point, self.free.s.value, self.point.u.shape
        X, signs, bent = problem.X, problem.signs, np.flatnonzero(self.point.bent)
        pairs = [
            (j, k)
            for j, part in enumerate(parts)
            for k in np.flatnonzero(self.convex[:, part.i]).tolist()
        ]
        first_p = len(parts) * d + 1
        first_t = first_p + len(pairs)
        first_r = first_t + bent.size
        used = self.rays if rays else []
        width = first_r + len(used)
        cost, delta = np.zeros(width), np.zeros((bent.size, width))
        low, high = np.full(width, -np.inf), np.full(width, np.inf)
        low[:first_p], high[:first_p] = -1.0, 1.0
        low[first_p:first_t], low[first_r:], high[first_r:] = 0.0, 0.0, 1.0
        rows: list[Array] = []
        for j, part in enumerate(parts):
            own, i = slice(j * d, (j + 1) * d), part.i
            more = part.on & ~point.active[:, i]
            cost[own] = self.sums.gradients.value[i] + signs[i] * ((s * more) @ X)
            delta[:, own] = signs[i] * part.on[bent, None] * X[bent]
            low[own][point.at_lower[i]] = high[own][point.at_upper[i]] = 0.0
            block = np.zeros((len(part.rows), width))
            block[:, own] = -part.rows
            rows += list(block)
        at_bend = {k: row for row, k in enumerate(bent.tolist())}
        for at, (j, k) in enumerate(pairs, start=first_p):
            row = np.zeros(width)
            row[j * d : (j + 1) * d], row[at] = X[k], -1.0
            rows.append(row)
            if k in at_bend:
                delta[at_bend[k], at] = signs[parts[j].i]
            else:
                cost[at] = signs[parts[j].i] * s[k]
        cost[first_p - 1] = float(self.sums.offset.value)
        if problem.column is None:
            low[first_p - 1] = high[first_p - 1] = 0.0
        else:
            delta[:, first_p - 1] = problem.column[bent]
        cost[first_t:first_r] = 1.0
        for at, (i, v) in enumerate(used, start=first_r):
            one = np.zeros((m, d))
            one[i] = v
            z = X @ v
            rises = signs[i] * np.where(
                point.kinks[:, i], np.maximum(z, 0.0), z * point.active[:, i]
            )
            delta[:, at] = rises[bent]
            cost[at] = s @ rises + float(problem.pull_along(point.u, one).sum())
        ends = np.zeros((2 * bent.size, width))
        for half, slopes in enumerate((self.low, self.high)):
            own = slice(half * bent.size, (half + 1) * bent.size)
            ends[own] = slopes[bent, None] * delta
            ends[own, first_t:first_r] = -np.eye(bent.size)
        size = max(1.0, float(np.abs(cost).max()))
        table = np.vstack([ends, *rows]) if rows else ends
        found = linprog(
            cost / size, A_ub=table, b_ub=np.zeros(len(table)),
            bounds=np.column_stack([low, high]),
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )  # fmt: skip
        if found.x is None:
            return -np.inf, np.zeros((m, d)), 0.0, np.zeros(problem.y.size)
        direction = np.zeros((m, d))
        for j, part in enumerate(parts):
            direction[part.i] += found.x[j * d : (j + 1) * d]
        for (i, v), share in zip(used, found.x[first_r:], strict=True):
            direction[i] += share * v
        multipliers = -size * found.ineqlin.marginals[: 2 * bent.size].reshape(2, -1)
        chosen = np.zeros(problem.y.size)
        chosen[bent] = multipliers[0] * self.low[bent] + multipliers[1] * self.high[bent]
        for side in (self.low, self.high, np.zeros_like(chosen)):
            near = np.abs(chosen - side) <= SNAP * (self.high - self.low)
            chosen = np.where(near, side, chosen)
        chosen = np.clip(chosen, self.low, self.high)
        return float(found.fun), direction, float(found.x[first_p - 1]), chosen

    # --- verdicts -----------------------------------------------------------------------------

    def _falls(self, direction: Array, offset: float) -> PointCheck | None:
        """A violation, if the derivative along the direction is negative for certain."""
        point, size = self.point, float(np.abs(direction).max(initial=abs(offset)))
        if size == 0:
            return None
        v, e = direction / size, offset / size
        v = np.where(point.at_lower, np.maximum(v, 0.0), v)
        v = np.where(point.at_upper, np.minimum(v, 0.0), v)
        v[np.abs(v) < 1e-13] = 0.0
        if not slope_along(point, v, e).negative:
            return None
        checks = []
        for row in v:
            how = Verdict.VIOLATED if row.any() else Verdict.HOLDS
            reason = "moved together with others, it lowers the loss"
            none = np.zeros(v.shape[1]), np.zeros(0)
            checks.append(NeuronCheck(how, "joint", "joint program", reason, *none, row))
        return PointCheck(Verdict.VIOLATED, point, checks, self.sums, v, e)

    def _with(self, chosen: Array) -> Values:
        """The point with these s_k on the samples on kinks of their losses."""
        s = self.point.s
        value = np.where(self.point.bent, chosen, s.value)
        return replace(self.point, s=Bounded(value, np.where(self.point.bent, 0.0, s.error)))

    def check(self) -> PointCheck:
        """One s_k for all sides, or a descent, or each choice of sides for itself."""
        every = [part for parts in self.parts for part in parts]
        failed = None
        for _ in range(MAX_RAYS):
            value, direction, offset, chosen = self._solve(every)
            if value < -FLAT and (found := self._falls(direction, offset)):
                return found
            point = self._with(chosen)
            check = check_neurons(point, self.budget, self.instead and self.instead(point))
            if check.verdict is Verdict.HOLDS:
                return self._named(check)
            failed = check
            if (found := self._alone(check)) is not None:
                return found
            if not self._add_rays(check):
                break
        assert failed is not None
        if (found := self._look()) is not None:
            return found
        if self.n_choices > MAX_CHOICES:
            reason = f"{self.n_choices} choices of sides: no descent found, no proof of none"
            return self._undecided(failed, reason)
        checks = []
        for parts in product(*(parts for parts in self.parts if parts)):
            falls, holds = self._choose(list(parts))
            if falls is not None:
                return falls
            if holds is None:
                return self._undecided(failed, "rounding leaves a choice of sides open")
            checks.append(holds)
        return self._together(checks)

    def _alone(self, check: PointCheck) -> PointCheck | None:
        """Directions of single neurons, for the s_k that were tried, as descents of the loss."""
        for i, neuron in enumerate(check.neurons):
            if neuron.verdict is Verdict.VIOLATED and neuron.direction is not None:
                one = np.zeros(self.point.u.shape)
                one[i] = neuron.direction
                if (found := self._falls(one, 0.0)) is not None:
                    return found
        return None

    def _look(self) -> PointCheck | None:
        """A descent of one neuron on one choice of its sides, with those that need no choice."""
        plain = [parts[0] for parts in self.parts if len(parts) == 1]
        d, tries = self.problem.X.shape[1], stream(0, "joint", "directions")
        for i, groups in enumerate(self.groups):
            parts = self.parts[i] if len(self.parts[i]) > 1 else []
            if groups is None and self.point.sizes[i] > 0:
                rows = np.flatnonzero(self.split[:, i])
                own = [v for j, v in self.rays if j == i] + [*tries.standard_normal((TRIED, d))]
                single = [np.array([k]) for k in rows.tolist()]
                parts = [
                    self._part(i, single, np.where(self.problem.X[rows] @ v > 0, 1, -1).tolist())
                    for v in own
                ]
            for part in parts:
                value, direction, offset, _ = self._solve([*plain, part], rays=False)
                if value < -FLAT and (found := self._falls(direction, offset)):
                    return found
        return None

    def _add_rays(self, check: PointCheck) -> bool:
        """Directions of neurons that are not split, for the next program; whether any is new."""
        new = [
            (i, neuron.direction)
            for i, neuron in enumerate(check.neurons)
            if self.groups[i] is None and self.point.sizes[i] > 0 and neuron.direction is not None
        ]
        new = [one for one in new if not any(_same(one, old) for old in self.rays)]
        self.rays += new
        return bool(new)

    def _choose(self, parts: list[_Part]) -> tuple[PointCheck | None, PointCheck | None]:
        """A descent on these sides, or the check that there is none."""
        for _ in range(MAX_RAYS):
            value, direction, offset, chosen = self._solve(parts)
            if value < -FLAT and (found := self._falls(direction, offset)):
                return found, None
            point = self._with(chosen)
            z, kinks, tiny = point.z.value.copy(), point.kinks.copy(), np.finfo(float).tiny
            for part in parts:
                split = self.split[:, part.i]
                z[split, part.i] = np.where(part.on[split], tiny, -tiny)
                kinks[split, part.i] = False
            error = np.where(point.kinks & ~kinks, 0.0, point.z.error)
            sided = replace(point, z=Bounded(z, error), kinks=kinks)
            others = self.instead and self.instead(point)
            rows = {part.i: part.rows for part in parts}
            check = check_neurons(sided, self.budget, others, sides=rows)
            if check.verdict is Verdict.HOLDS:
                return None, check
            if (found := self._alone(check)) is not None:
                return found, None
            if not self._add_rays(check):
                break
        return None, None

    def _together(self, checks: list[PointCheck]) -> PointCheck:
        """What holds on each choice of sides, as one check: of every bound the largest."""
        point, merged = self.point, []
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2 * (1 + 1e-12)
        s = Bounded(
            np.where(point.bent, middle, point.s.value), np.where(point.bent, half, point.s.error)
        )
        point = replace(point, s=s)
        n_bounds = (point.at_lower | point.at_upper).sum(axis=1)
        for i, first in enumerate(checks[0].neurons):
            same = [check.neurons[i] for check in checks]
            split = self.split[:, i]
            charge = MERGING * float(s.size[split] @ max_norms(self.problem.X[split]))
            short = np.max([one.shortfall for one in same], axis=0) + charge
            bounds = np.max([one.bound_multipliers[: n_bounds[i]] for one in same], axis=0)
            merged.append(replace(first, shortfall=short, bound_multipliers=bounds))
        offset = max(float(check.sums.offset.size) for check in checks)
        sums = replace(Sums.of(point), offset=Bounded(np.array(0.0), np.array(offset)))
        found = PointCheck(Verdict.HOLDS, point, merged, sums, None, 0.0)
        return self._named(found, f"joint, {len(checks)} choices of sides")

    def _named(self, check: PointCheck, method: str = "joint") -> PointCheck:
        neurons = [
            replace(one, kind=one.kind if one.kind == "mixed kinks" else "convex kinks",
                    method=f"{method}; {one.method}")
            for one in check.neurons
        ]  # fmt: skip
        return replace(check, neurons=neurons)

    def _undecided(self, check: PointCheck, reason: str) -> PointCheck:
        none = np.zeros(self.point.u.shape[1]), np.zeros(0)
        neurons = [
            NeuronCheck(Verdict.UNDECIDED, one.kind, "joint program", reason, *none)
            for one in check.neurons
        ]
        return PointCheck(Verdict.UNDECIDED, self.point, neurons, check.sums, None, 0.0)


def _scaled(rows: Array) -> Array:
    """Rows of size about one, by powers of two."""
    return np.ldexp(rows, -np.frexp(max_norms(rows))[1][:, None])


def _sectors(normals: Array) -> list[list[int]]:
    """The sides of lines in the plane that have points in common, exactly."""
    lines = [vector(row) for row in normals.tolist()]
    if len(lines) == 1:
        return [[1], [-1]]
    rays = [(-s * x[1], s * x[0]) for x in lines for s in (1, -1)]

    def before(p: Vector, q: Vector) -> int:
        halves = [v[1] < 0 or (v[1] == 0 and v[0] < 0) for v in (p, q)]
        turn = q[0] * p[1] - q[1] * p[0]
        return halves[0] - halves[1] or (turn > 0) - (turn < 0)

    rays.sort(key=cmp_to_key(before))
    found = []
    for p, q in pairwise([*rays, rays[0]]):
        between = p[0] + q[0], p[1] + q[1]
        found.append([1 if dot(x, between) > 0 else -1 for x in lines])
    return found


def _is_empty(rows: Array) -> bool:
    """Whether no v has ``rows @ v > 0``, by exact multipliers that a linear program proposes."""
    n, d = rows.shape
    found = linprog(
        np.zeros(n), A_eq=np.vstack([rows.T, np.ones(n)]), b_eq=np.append(np.zeros(d), 1.0)
    )
    if found.x is None:
        return False
    used = np.flatnonzero(found.x > 1e-9)
    table = list(zip(*(vector(row) for row in rows[used].tolist()), strict=True))
    basis, _ = null_basis(*reduce_rows(table), used.size)
    return len(basis) == 1 and (min(basis[0]) > 0 or max(basis[0]) < 0)


def _same(one: tuple[int, Array], other: tuple[int, Array]) -> bool:
    return one[0] == other[0] and bool(np.allclose(one[1], other[1], rtol=1e-9, atol=1e-12))
