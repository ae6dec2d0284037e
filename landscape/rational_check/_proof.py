"""The steps of a proof: the face, its exact minimizer, sides, slopes, distance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf, lcm, nextafter

import numpy as np
from numpy.typing import NDArray

from landscape.effective import EffectiveProblem
from landscape.exact import (
    Vector,
    dot,
    gram,
    null_basis,
    reduce_rows,
    solve,
    sqrt_bracket,
)
from landscape.rational_check._cone import ConeAnswer, ConeBudget, is_nonnegative, merge
from landscape.rational_check._record import ExactMinimum
from landscape.spaces import RestrictedSpace, UnrestrictedSpace
from landscape.verdict import Verdict

__all__ = ["prove_minimum"]

ZERO = Fraction(0)

#: The exact point has to be within this of the given one, relative to its largest parameter.
NEAR = 1e-6


class _NotProvedError(Exception):
    """A step of the proof that fails, as a sentence."""


class _RefutedError(_NotProvedError):
    """A first-order condition that fails for certain at the point that was examined."""


def prove_minimum(
    problem: EffectiveProblem,
    inputs: NDArray[np.float64],
    *,
    budget: ConeBudget | None = None,
    max_unknowns: int = 400,
) -> ExactMinimum:
    """Move ``problem.theta`` to the exact minimizer of its face and prove it a local minimum.

    Where that fails, theta itself, all sides taken exactly, is proved a minimum or refuted.

    Parameters
    ----------
    problem : EffectiveProblem
    inputs : array of shape (n, d)
        What the network sees (not reduced): radii are relative to their 1-norms.
    budget : ConeBudget, optional
        For kinks with dependent samples or mixed signs.
    max_unknowns : int
        Free coordinates of a face beyond which the equations are not solved.

    Returns
    -------
    exact : ExactMinimum
    """
    inputs, budget = np.asarray(inputs, dtype=float), budget or ConeBudget()
    try:
        return _Proof(problem, inputs, budget, max_unknowns).run()
    except _NotProvedError as error:
        reason = str(error)
    try:
        return _Proof(problem, inputs, budget, max_unknowns).run(at_theta=True)
    except _RefutedError as error:
        return ExactMinimum(Verdict.VIOLATED, str(error))
    except _NotProvedError:
        return ExactMinimum(Verdict.UNDECIDED, reason)


class _Proof:
    """The steps of a proof; each raises ``_NotProvedError`` with the reason if it fails."""

    def __init__(
        self,
        problem: EffectiveProblem,
        inputs: NDArray[np.float64],
        budget: ConeBudget,
        max_unknowns: int,
    ) -> None:
        self.problem, self.inputs, self.budget = problem, inputs, budget
        self.max_unknowns = max_unknowns
        self.X = [_exact(row) for row in problem.X]
        self.y = _exact(problem.y)
        self.column = None if problem.column is None else _exact(problem.column)
        self.signs = [int(sign) for sign in problem.signs]
        state = problem.state()
        self.e0 = Fraction(state.e)
        self.u0 = self._exact_products()
        # Only which samples are on kinks is a matter of units; all that follows is exact.
        own = problem.in_powers_of_two()
        z = own.preactivations(own.state())
        nonzero = problem.norms > 0
        self.kinks = own.kink_pairs(own.state(), z) & nonzero[:, None]
        self.active = (z > 0) & ~self.kinks
        self.at_lower, self.at_upper = problem.touched(state)
        m = len(self.signs)
        c = problem.theta.output_weights[:m]
        #: Neurons with c_i = 0: both signs are next to them, u_i = 0 whatever a_i is.
        self.idle = (
            np.zeros(m, dtype=bool) if isinstance(problem.space, RestrictedSpace) else c == 0
        )
        #: Whether rounding put theta out of its bounds.
        self.outside = False
        self.u: list[Vector] = []
        self.e = self.e0

    def run(self, *, at_theta: bool = False) -> ExactMinimum:
        """All steps, at the exact minimizer of the face or at theta itself."""
        where = "at the exact minimizer of the face"
        if at_theta:
            where = "at the given point"
            self._take_sides()
        else:
            self._solve_face()
            self._check_sides()
        s = self._residuals()
        loss = sum((p * p for p in s), ZERO) / len(s)
        multipliers = self._check_slopes(s) if loss else ((),) * len(self.u)
        self._check_space()
        distance, reach = self._distance_and_reach()
        self._check_nearness(distance, reach if loss else None)
        radius = _down(reach - distance) if loss and reach is not None else inf
        reason = "the residual is exactly 0: a global minimum"
        if loss:
            reason = f"the exact first-order conditions hold {where}"
        return ExactMinimum(
            Verdict.HOLDS,
            reason,
            tuple(self.u),
            self.e,
            loss,
            multipliers,
            _up(distance),
            radius,
        )

    def _exact_products(self) -> list[Vector]:
        """``|c_i| a_i`` of theta in effective coordinates."""
        theta, found = self.problem.theta, []
        for i in range(len(self.signs)):
            a, c = _exact(theta.weights[i]), abs(Fraction(float(theta.output_weights[i])))
            if self.problem.reduced:
                a = (*a[:-2], a[-2] - a[-1])
            found.append(tuple(c * p for p in a))
        return found

    def _take_sides(self) -> None:
        """Kinks, sides and active bounds of theta itself."""
        self.u = list(self.u0)
        for i, u in enumerate(self.u):
            for k, x in enumerate(self.X):
                z = dot(x, u)
                self.kinks[k, i], self.active[k, i] = z == 0 and any(x), z > 0
            for at_bound, bound, side in (
                (self.at_lower, self.problem.lower, 1),
                (self.at_upper, self.problem.upper, -1),
            ):
                for j in np.flatnonzero(np.isfinite(bound[i])).tolist():
                    gap = side * (u[j] - Fraction(float(bound[i, j])))
                    at_bound[i, j] = gap <= 0
                    self.outside |= gap < 0

    def _check_space(self) -> None:
        """The exact point lies in the space: N* is open where it has no margin, and C.2 holds."""
        if isinstance(self.problem.space, UnrestrictedSpace):
            return
        if self.outside:
            raise _NotProvedError("the point is out of its bounds")
        seen: dict[Vector, int] = {}
        for i in range(len(self.u)):
            u = self._full(i)
            if isinstance(self.problem.space, RestrictedSpace) and min(u[-2:]) <= 0:
                raise _NotProvedError(f"neuron {i}: the exact point is on the open border of N*")
            top = max(abs(p) for p in u)
            if not top:
                continue
            direction = tuple(p / top for p in u)
            if direction in seen:
                raise _NotProvedError(
                    f"neurons {seen[direction]} and {i} are parallel: on the space's border (C.2)"
                )
            seen[direction] = i

    # --- the face -----------------------------------------------------------------------------

    def _face(self, i: int) -> tuple[list[Vector], list[int], Vector]:
        """Directions of neuron i within its face, the coordinates that name them, a point of it."""
        d = len(self.u0[i])
        if self.idle[i]:
            return [], [], (ZERO,) * d
        rows = [[*self.X[k], ZERO] for k in np.flatnonzero(self.kinks[:, i]).tolist()]
        for mask, bound in (
            (self.at_lower[i], self.problem.lower[i]),
            (self.at_upper[i], self.problem.upper[i]),
        ):
            for j in np.flatnonzero(mask).tolist():
                unit = [ZERO] * (d + 1)
                unit[j], unit[d] = Fraction(1), Fraction(float(bound[j]))
                rows.append(unit)
        reduced, pivots = reduce_rows(rows)
        if d in pivots:
            raise _NotProvedError(f"neuron {i}: its kinks and bounds have no point in common")
        basis, free = null_basis([row[:d] for row in reduced], pivots, d)
        point = [ZERO] * d
        for f in free:
            point[f] = self.u0[i][f]
        for row, j in zip(reduced, pivots, strict=True):
            point[j] = row[d] - sum((row[f] * point[f] for f in free), ZERO)
        return basis, free, tuple(point)

    def _solve_face(self) -> None:
        """The minimizer of the quadratic on the face; coordinates that it leaves free stay."""
        columns: list[list[Fraction]] = []
        owners: list[tuple[int, Vector]] = []
        for i, sign in enumerate(self.signs):
            basis, _, point = self._face(i)
            self.u.append(point)
            for v in basis:
                column = [
                    sign * dot(x, v) if on else ZERO
                    for x, on in zip(self.X, self.active[:, i], strict=True)
                ]
                if any(column):
                    columns.append(column)
                    owners.append((i, v))
        if self.column is not None:
            columns.append(list(self.column))
            owners.append((-1, ()))
        if len(columns) > self.max_unknowns:
            raise _NotProvedError(
                f"the face has {len(columns)} free coordinates, more than {self.max_unknowns}"
            )
        if not columns:
            return
        # Columns as integers: their inner products then need no common denominators.
        scales = [lcm(*(p.denominator for p in column)) for column in columns]
        whole = [
            [int(p * scale) for p in column] for column, scale in zip(columns, scales, strict=True)
        ]
        s = self._residuals()
        common = lcm(*(p.denominator for p in s))
        right = [int(p * common) for p in s]
        normal = [[Fraction(p) for p in row] for row in gram(whole)]
        steps = solve(normal, [Fraction(-_product(p, right), common) for p in whole])
        if steps is None:  # normal equations always have a solution
            raise _NotProvedError("the equations of the face have no solution")
        for step, scale, (owner, v) in zip(steps, scales, owners, strict=True):
            if owner < 0:
                self.e += step * scale
            elif step:
                self.u[owner] = tuple(
                    p + step * scale * q for p, q in zip(self.u[owner], v, strict=True)
                )

    def _residuals(self) -> list[Fraction]:
        """Residuals with the pattern that was found, exact where the sides are right."""
        s = [-p for p in self.y]
        for i, sign in enumerate(self.signs):
            for k in np.flatnonzero(self.active[:, i]).tolist():
                s[k] += sign * dot(self.X[k], self.u[i])
        if self.column is not None:
            s = [p + self.e * q for p, q in zip(s, self.column, strict=True)]
        return s

    def _check_nearness(self, distance: Fraction, reach: Fraction | None) -> None:
        """The exact point is *next to* theta: a proof far away says nothing about it."""
        theta = self.problem.theta
        size = max(np.abs(theta.weights).max(), np.abs(theta.output_weights).max())
        if distance > NEAR * float(size) or (reach is not None and distance >= reach):
            raise _NotProvedError(
                f"the exact minimizer of the face is {float(distance):.3g} away: the data leave "
                "it undetermined up to rounding"
            )

    # --- conditions ---------------------------------------------------------------------------

    def _check_sides(self) -> None:
        """The exact point lies on its kinks, strictly on its sides, and within its bounds."""
        for i, u in enumerate(self.u):
            if self.idle[i]:
                continue
            for k, x in enumerate(self.X):
                z = dot(x, u)
                if self.kinks[k, i]:
                    right = z == 0
                else:
                    right = z > 0 if self.active[k, i] else z < 0 or not any(x)
                if not right:
                    raise _NotProvedError(
                        f"neuron {i}: at the exact minimizer of the face sample {k} is not on "
                        "the side that was found"
                    )
            for j, p in enumerate(u):
                low, high = self.problem.lower[i, j], self.problem.upper[i, j]
                below = np.isfinite(low) and p < Fraction(float(low))
                if below or (np.isfinite(high) and p > Fraction(float(high))):
                    raise _NotProvedError(
                        f"neuron {i}: at the exact minimizer of the face coordinate {j} is out "
                        "of its bounds"
                    )

    def _check_slopes(self, s: Sequence[Fraction]) -> tuple[tuple[Fraction, ...], ...]:
        """Every neuron's h is non-negative, and the offset's derivative is zero."""
        if self.column is not None and dot(s, self.column):
            raise _RefutedError("the derivative by the offset is not exactly 0")
        multipliers = []
        for i, sign in enumerate(self.signs):
            answer = self._idle_slope(i, s) if self.idle[i] else self._slope(i, sign, s)
            if not answer.holds:
                failure = _NotProvedError if answer.holds is None else _RefutedError
                raise failure(f"neuron {i}: {answer.reason}")
            multipliers.append(answer.multipliers)
        return tuple(multipliers)

    def _slope(self, i: int, sign: int, s: Sequence[Fraction]) -> ConeAnswer:
        d = len(self.u[i])
        g = self._gradient(sign, s, np.flatnonzero(self.active[:, i]).tolist(), d)
        rows = np.flatnonzero(self.kinks[:, i]).tolist()
        bounds = []
        for direction, mask in ((1, self.at_lower[i]), (-1, self.at_upper[i])):
            for j in np.flatnonzero(mask).tolist():
                bounds.append(tuple(Fraction(direction * int(j == q)) for q in range(d)))
        return is_nonnegative(
            g, [self.X[k] for k in rows], [sign * s[k] for k in rows], bounds, self.budget
        )

    def _gradient(
        self, sign: int, s: Sequence[Fraction], rows: Iterable[int], d: int
    ) -> list[Fraction]:
        return [sign * sum((s[k] * self.X[k][j] for k in rows), ZERO) for j in range(d)]

    def _idle_slope(self, i: int, s: Sequence[Fraction]) -> ConeAnswer:
        """C_i = 0: with a_i = 0 no ridge of either sign may help, else none of a near a_i."""
        a = self._idle_weights(i)
        d = len(self.u[i])
        if not any(a):
            for sign in (1, -1):
                answer = is_nonnegative([ZERO] * d, self.X, [sign * p for p in s], [], self.budget)
                if not answer.holds:
                    return answer
            return ConeAnswer(True, "no ridge of either sign helps")
        heights = [dot(x, a) for x in self.X]
        rows = [k for k, z in enumerate(heights) if z > 0]
        bent = [k for k, z in enumerate(heights) if z == 0]
        g, _, weights = merge(
            self._gradient(1, s, rows, d), [self.X[k] for k in bent], [s[k] for k in bent]
        )
        if any(g) or weights:
            return ConeAnswer(False, "its output weight is 0, and a neuron next to it may help")
        return ConeAnswer(True, "no neuron next to it, of either sign, helps")

    def _idle_weights(self, i: int) -> Vector:
        """a_i as the samples see it (on lifted data of N', idle neurons are 0)."""
        a = self.problem.theta.weights[i]
        if self.problem.reduced:
            return _exact(np.append(a[:-2], a[-2] - a[-1]))
        return _exact(a)

    # --- back in the parameters ---------------------------------------------------------------

    def _full(self, i: int) -> Vector:
        """Products of the exact point; of a flat family the member nearest to the given one."""
        if not self.problem.reduced:
            return self.u[i]
        theta, space = self.problem.theta, self.problem.space
        size = abs(Fraction(float(theta.output_weights[i])))
        p, q = (size * Fraction(float(entry)) for entry in theta.weights[i, -2:])
        shift = (self.u[i][-1] - (p - q)) / 2
        p, q = p + shift, q - shift
        if isinstance(space, RestrictedSpace):
            short = max(ZERO, Fraction(space.margin) - min(p, q))
            p, q = p + short, q + short
            if min(p, q) <= 0:
                raise _NotProvedError(f"neuron {i}: the exact point leaves N*, its border is near")
        return (*self.u[i][:-1], p, q)

    def _distance_and_reach(self) -> tuple[Fraction, Fraction | None]:
        """Upper bound of the distance to theta, lower bound of r_cell (None: no limit)."""
        theta = self.problem.theta
        distance = abs(self.e - self.e0)
        limits: list[Fraction] = []
        norms = [sum((abs(p) for p in _exact(x)), ZERO) for x in self.inputs]
        for i, sign in enumerate(self.signs):
            a0, c0 = _exact(theta.weights[i]), Fraction(float(theta.output_weights[i]))
            seen = [k for k in range(len(self.X)) if norms[k] and not self.kinks[k, i]]
            if self.idle[i]:
                a, low, high = self._idle_weights(i), Fraction(1), Fraction(1)
                seen = [k for k in range(len(self.X)) if any(a) and dot(a, self.X[k])]
                u = a
            elif isinstance(self.problem.space, UnrestrictedSpace):
                low = high = abs(c0)
                u = self.u[i]
                distance = max([distance, *(abs(p / high - q) for p, q in zip(u, a0, strict=True))])
            else:
                u = self._full(i)
                low, high = sqrt_bracket(max(abs(p) for p in u))
                distance = max(distance, abs(sign * low - c0), abs(sign * high - c0))
                for p, q in zip(u, a0, strict=True):
                    ends = (p / low, p / high) if low else (ZERO, ZERO)
                    distance = max(distance, *(abs(end - q) for end in ends))
            if high:
                limits += [
                    abs(dot(self.X[k], self.u[i] if not self.idle[i] else u)) / (high * norms[k])
                    for k in seen
                ]
            bent = self.kinks[:, i].any() or (self.at_lower[i] | self.at_upper[i]).any()
            if bent and not self.idle[i] and c0:
                limits.append(low)
        return distance, min(limits) if limits else None


def _exact(values: NDArray[np.float64]) -> Vector:
    """The rationals that floats are."""
    return tuple(Fraction(float(p)) for p in values)


def _product(x: Sequence[int], y: Sequence[int]) -> int:
    return sum(p * q for p, q in zip(x, y, strict=True) if p and q)


def _up(x: Fraction) -> float:
    """A float that is not below x."""
    value = float(x)
    return value if Fraction(value) >= x else nextafter(value, inf)


def _down(x: Fraction) -> float:
    """A float that is not above x."""
    return -_up(-x)
