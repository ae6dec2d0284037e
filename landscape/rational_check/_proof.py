"""The steps of a proof: the face, its exact minimizer, sides, slopes, distance."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.effective import EffectiveProblem
from landscape.errors import LandscapeError
from landscape.exact import (
    Exact,
    Vector,
    common,
    dot,
    gram,
    integers,
    null_basis,
    reduce_rows,
    round_down,
    round_up,
    solve,
    sqrt_bracket,
)
from landscape.losses import KinkedLoss
from landscape.rational_check._cone import ConeAnswer, ConeBudget, is_nonnegative, merge
from landscape.rational_check._kinked import choose_slopes
from landscape.spaces import RestrictedSpace, UnrestrictedSpace
from landscape.verdict import Verdict

ZERO = Fraction(0)

#: A sample is put on the kink of its loss within this share of the terms of its residual.
NEAR_KINK = 1e-9
#: The exact point has to be within this of the given one, relative to its largest parameter.
NEAR = 1e-6


@dataclass(frozen=True)
class ExactMinimum:
    """A local minimum proved in rational arithmetic, or refuted, or neither."""

    #: ``holds``: the exact point lies in the space, and it is a local minimum of the loss there, by
    #: proof. ``violated``: the parametrization itself, in exact arithmetic, is none, by proof.
    verdict: Verdict
    reason: str  #: A sentence: what was proved, or why there is no proof.
    #: The exact point in effective coordinates: ``u_i``, on lifted data ``(w_i, p_i - q_i)``.
    products: tuple[Vector, ...] = ()
    offset: Fraction = Fraction(0)  #: Its constant e.
    #: Mean loss there, exactly.
    loss: Fraction | None = None
    #: Per neuron, those of its merged kinks where they are convex.
    multipliers: tuple[tuple[Fraction, ...], ...] = ()
    #: At least the max-norm distance, in (A, c), from the parametrization to the exact point.
    distance: float = nan
    #: ``r_cell`` of the exact point minus ``distance``, rounded down: for all elements of the space
    #: within it of the *given* parametrization the loss is at least ``loss``, exactly.
    radius: float = nan

    @property
    def proved(self) -> bool:
        """Whether a local minimum was proved."""
        return self.verdict is Verdict.HOLDS


class _NotProvedError(LandscapeError):
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

    Where that fails, theta itself, all sides taken exactly, is proved a minimum or refuted. Radii
    are relative to the 1-norms of ``inputs`` (n, d), what the network sees (not reduced); a face
    with more than ``max_unknowns`` free coordinates is not solved.
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
        self.problem, self.budget, self.max_unknowns = problem, budget, max_unknowns
        #: Data as integers, ``unit`` times what they are: sums of these need no common divisors.
        column = np.zeros(len(problem.y)) if problem.column is None else problem.column
        (self.X, self.y, whole, self.column), self.unit = integers(
            problem.X, problem.y, inputs, column
        )
        self.norms = np.abs(whole).sum(axis=1)
        self.signs = problem.signs.astype(int).astype(object)
        theta, m = problem.theta, len(problem.signs)
        self.a, self.c = _exact(theta.weights[:m]), _exact(theta.output_weights[:m])
        #: Weight vectors as the samples see them, and theta's products.
        self.seen = self.a
        if problem.reduced:
            self.seen = np.column_stack([self.a[:, :-2], self.a[:, -2] - self.a[:, -1]])
        self.u0 = np.abs(self.c)[:, None] * self.seen
        self.e0 = Fraction(problem.state().e)
        # Only which samples are on kinks is a matter of units; all that follows is exact.
        own = problem.in_powers_of_two()
        z = own.preactivations(own.state())
        self.nonzero = (problem.norms > 0)[:, None]
        self.kinks = own.kink_pairs(own.state(), z) & self.nonzero
        self.active = (z > 0) & ~self.kinks
        self.at_lower, self.at_upper = problem.touched(problem.state())
        #: Neurons with c_i = 0: both signs are next to them, u_i = 0 whatever a_i is.
        self.idle = theta.output_weights[:m] == 0
        if isinstance(problem.space, RestrictedSpace):
            self.idle[:] = False
        #: Samples on the kink of their loss, their half slopes there, and those they may have.
        self.bent = np.zeros(len(self.y), dtype=bool)
        self.chosen: Exact = _exact(np.zeros(len(self.y)))
        self.pieces: Exact | None = None
        if isinstance(problem.sample_loss, KinkedLoss):
            found = [problem.sample_loss.exact_pieces(k) for k in range(len(self.y))]
            self.pieces = np.array(found, dtype=object)
        #: Whether rounding put theta out of its bounds.
        self.outside = False

    def run(self, *, at_theta: bool = False) -> ExactMinimum:
        """All steps, at the exact minimizer of the face or at theta itself."""
        if at_theta:
            self._take_sides()
        else:
            self._solve_face()
            self._check_sides()
        loss = self._losses()[0] / len(self.y)
        if loss and self.pieces is not None:
            self._choose_slopes()
        multipliers = self._check_slopes(*self._losses()[1:3]) if loss else ((),) * len(self.u)
        self._check_space()
        distance, reach = self._distance_and_reach()
        theta = self.problem.theta
        size = float(max(np.abs(theta.weights).max(), np.abs(theta.output_weights).max()))
        # The exact point is *next to* theta: a proof far away says nothing about it.
        if distance > NEAR * size or (loss and reach is not None and distance >= reach):
            raise _NotProvedError(
                f"the exact minimizer of the face is {float(distance):.3g} away: the data leave "
                "it undetermined up to rounding"
            )
        radius = round_down(reach - distance) if loss and reach is not None else inf
        reason = "the loss is exactly 0: a global minimum"
        if loss:
            where = "given point" if at_theta else "exact minimizer of the face"
            reason = f"the exact first-order conditions hold at the {where}"
        products = tuple(tuple(row) for row in self.u)
        return ExactMinimum(
            Verdict.HOLDS, reason, products, self.e, loss, multipliers, round_up(distance), radius
        )

    def _go_to(self, u: Exact, e: Fraction) -> None:
        """The point that is examined, and ``size`` times its pre-activations, integers."""
        self.u, self.e = u, e
        (*products, self.offset), self.whole = common([*u.ravel(), e])
        self.size = self.whole * self.unit
        self.z = self.X @ np.array(products, dtype=object).reshape(u.shape).T

    def _take_sides(self) -> None:
        """Kinks, sides and active bounds of theta itself."""
        self._go_to(self.u0, self.e0)
        lower, upper = self.problem.lower, self.problem.upper
        self.kinks, self.active = (self.z == 0) & self.nonzero, np.asarray(self.z > 0)
        self.at_lower, self.at_upper = self.u <= lower, self.u >= upper
        if self.pieces is not None:
            self.bent = np.asarray(self._gaps() == 0)
        self.outside = bool(((self.u < lower) | (self.u > upper)).any())

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
            first = seen.setdefault(tuple(p / top for p in u), i) if top else i
            if first != i:
                raise _NotProvedError(
                    f"neurons {first} and {i} are parallel: on the space's border (C.2)"
                )

    # --- the face -----------------------------------------------------------------------------

    def _face(self, i: int) -> tuple[list[Vector], Vector]:
        """Directions of neuron i within its face, and a point of it."""
        d = self.u0.shape[1]
        if self.idle[i]:
            return [], (ZERO,) * d
        rows: list[Sequence[Fraction | int]] = [[*x, 0] for x in self.X[self.kinks[:, i]]]
        for mask, bound in (
            (self.at_lower[i], self.problem.lower[i]),
            (self.at_upper[i], self.problem.upper[i]),
        ):
            rows += [[*_unit(j, d), Fraction(bound[j])] for j in np.flatnonzero(mask).tolist()]
        reduced, pivots = reduce_rows(rows)
        if d in pivots:
            raise _NotProvedError(f"neuron {i}: its kinks and bounds have no point in common")
        basis, free = null_basis([row[:d] for row in reduced], pivots, d)
        point = list(self.u0[i])
        for row, j in zip(reduced, pivots, strict=True):
            point[j] = row[d] - sum((row[f] * point[f] for f in free), ZERO)
        return basis, tuple(point)

    def _solve_face(self) -> None:
        """The minimizer of the quadratic on the face; coordinates that it leaves free stay."""
        #: As integers, how many times larger than they are, and the directions that they belong to.
        columns: list[list[int]] = []
        scales: list[int] = []
        owners: list[tuple[int, Vector]] = []
        faces = [self._face(i) for i in range(len(self.u0))]
        start = np.array([point for _, point in faces], dtype=object).reshape(self.u0.shape)
        self._go_to(start, self.e0)
        for i, (basis, _) in enumerate(faces):
            for v in basis:
                direction, scale = common(v)
                column = self.active[:, i] * (self.X @ np.array(direction, dtype=object))
                if column.any():
                    columns.append((self.signs[i] * column).tolist())
                    scales.append(scale * self.unit)
                    owners.append((i, v))
        if self.problem.column is not None:
            columns.append(self.column.tolist())
            scales.append(self.unit)
            owners.append((-1, ()))
        if len(columns) > self.max_unknowns:
            raise _NotProvedError(
                f"the face has {len(columns)} free coordinates, more than {self.max_unknowns}"
            )
        if not columns:
            return
        if self.pieces is not None:
            self._solve_kinks(columns, scales, owners)
            return
        _, s, size, curvatures = self._losses()
        if (curvatures == 1).all():
            normal: list[list[Any]] = gram(columns)
        else:  # of the pieces of the losses on which the samples are
            bent = [[p * q for p, q in zip(row, curvatures, strict=True)] for row in columns]
            normal = [[dot(p, q) for q in columns] for p in bent]
        steps = solve(normal, [-p for p in np.array(columns, dtype=object) @ s])
        if steps is None:  # normal equations of the squared loss always have one
            raise _NotProvedError("the pieces of the losses next to the point have no minimum")
        self._step([step / size for step in steps], scales, owners)

    def _step(
        self, steps: list[Fraction], scales: list[int], owners: list[tuple[int, Vector]]
    ) -> None:
        u, e = self.u.copy(), self.e
        for step, scale, (owner, v) in zip(steps, scales, owners, strict=True):
            if owner < 0:
                e += step * scale
            else:
                u[owner] += step * scale * np.array(v, dtype=object)
        self._go_to(u, e)

    def _solve_kinks(
        self, columns: list[list[int]], scales: list[int], owners: list[tuple[int, Vector]]
    ) -> None:
        """Samples next to the kink of their loss onto it: there the loss is linear on the face."""
        assert self.pieces is not None
        gaps = self._gaps()
        sizes = np.abs(self.y) * self.whole + np.abs(self.z * self.active).sum(axis=1)
        self.bent = np.asarray(np.abs(gaps) * self.size <= Fraction(NEAR_KINK) * sizes)
        on = np.flatnonzero(self.bent).tolist()
        rows = [[column[k] for column in columns] for k in on]
        steps = solve(rows, (-gaps[self.bent]).tolist()) if rows else []
        if steps is None:
            raise _NotProvedError("no point next to it has its samples on the kinks of the losses")
        if steps:
            self._step(steps, scales, owners)

    def _choose_slopes(self) -> None:
        """Half slopes of the samples on the kink of their loss that may pass the test."""
        if self.pieces is None:
            return
        self.bent |= np.asarray(self._gaps() == 0)
        if not self.bent.any():
            return
        if self._gaps()[self.bent].any():
            raise _NotProvedError("a sample is not exactly on the kink of its loss")
        _, s, size, _ = self._losses()
        s, column = s * ~self.bent * Fraction(1, size), self.problem.column
        chosen = choose_slopes(
            _exact(self.problem.X), self.signs, self.active, self.kinks & ~self.idle,
            None if column is None else _exact(column), s, self.bent,
            self.pieces, (self.at_lower & ~self.idle[:, None], self.at_upper & ~self.idle[:, None]),
        )  # fmt: skip
        if chosen is None:
            raise _NotProvedError("no slopes of the losses on their kinks were found")
        self.chosen = chosen

    def _residuals(self) -> Exact:
        """``size`` times the residuals with the pattern that was found, integers."""
        fitted = (self.z * self.active) @ self.signs + self.column * self.offset
        return np.asarray(fitted - self.y * self.whole)

    def _gaps(self) -> Exact:
        """Residuals as fractions, from the kinks of their losses."""
        assert self.pieces is not None
        return np.asarray(self._residuals() * Fraction(1, self.size) - self.pieces[:, 0])

    def _losses(self) -> tuple[Fraction, Exact, int, Exact]:
        """Sum of the losses, ``size`` times their half slopes, that, and half curvatures."""
        r, size, loss = self._residuals(), self.size, self.problem.sample_loss
        if loss is None:
            return Fraction(int(r @ r), size**2), r, size, np.ones_like(r)
        if self.pieces is not None:
            gaps, (_, low, high) = self._gaps(), self.pieces.T
            steep = np.where(gaps < 0, low, high)
            total, curvatures = 2 * dot(gaps, steep), np.zeros_like(r)
            slopes = np.where(self.bent, self.chosen, steep)
        else:
            found = [loss.exactly(k, Fraction(p, size)) for k, p in enumerate(r)]
            values, slopes, curvatures = np.array(found, dtype=object).T
            total = sum(values)
        s, size = common(slopes)
        return total, np.array(s, dtype=object), size, curvatures

    # --- conditions ---------------------------------------------------------------------------

    def _check_sides(self) -> None:
        """The exact point lies on its kinks, strictly on its sides, and within its bounds."""
        z, u = self.z, self.u
        other = ((z == 0) & self.nonzero != self.kinks) | ((z > 0) != self.active)
        if (other & ~self.idle).any():
            i, k = np.argwhere((other & ~self.idle).T)[0]
            raise _NotProvedError(
                f"neuron {i}: at the exact minimizer of the face sample {k} is not on the side "
                "that was found"
            )
        out = ((u < self.problem.lower) | (u > self.problem.upper)) & ~self.idle[:, None]
        if out.any():
            i, j = np.argwhere(out)[0]
            raise _NotProvedError(
                f"neuron {i}: at the exact minimizer of the face coordinate {j} is out of its "
                "bounds"
            )

    def _check_slopes(self, s: Exact, size: int) -> tuple[tuple[Fraction, ...], ...]:
        """Every neuron's h is non-negative, and the offset's derivative is zero.

        The half slopes are ``s / size``, with integers s.
        """
        if s @ self.column:
            failure = _NotProvedError if self.bent.any() else _RefutedError
            raise failure("the derivative by the offset is not exactly 0")
        multipliers = []
        for i in range(len(self.u)):
            answer = (self._idle_slope if self.idle[i] else self._slope)(i, s, size)
            if not answer.holds:
                known = answer.holds is not None and not self.bent.any()
                failure = _RefutedError if known else _NotProvedError
                raise failure(f"neuron {i}: {answer.reason}")
            multipliers.append(answer.multipliers)
        return tuple(multipliers)

    def _kinks(self, s: Exact, size: int, on: Any) -> tuple[list[Vector], list[Fraction]]:
        """Inputs and half slopes of samples."""
        rows = [tuple(Fraction(p, self.unit) for p in x) for x in self.X[on]]
        return rows, [Fraction(p, size) for p in s[on]]

    def _slope(self, i: int, s: Exact, size: int) -> ConeAnswer:
        s, d = self.signs[i] * s, self.u.shape[1]
        bounds = [_unit(j, d) for j in np.flatnonzero(self.at_lower[i]).tolist()]
        bounds += [
            tuple(-p for p in _unit(j, d)) for j in np.flatnonzero(self.at_upper[i]).tolist()
        ]
        g = [Fraction(p, size * self.unit) for p in (s * self.active[:, i]) @ self.X]
        return is_nonnegative(g, *self._kinks(s, size, self.kinks[:, i]), bounds, self.budget)

    def _idle_slope(self, i: int, s: Exact, size: int) -> ConeAnswer:
        """C_i = 0: with a_i = 0 no ridge of either sign may help, else none of a near a_i."""
        if not any(self.seen[i]):
            for sign in (1, -1):
                nothing = (ZERO,) * self.u.shape[1]
                kinks = self._kinks(sign * s, size, slice(None))
                answer = is_nonnegative(nothing, *kinks, [], self.budget)
                if not answer.holds:
                    return answer
            return ConeAnswer(True, "no ridge of either sign helps")
        heights = self.X @ self.seen[i]
        g = [Fraction(p, self.unit) for p in (s * (heights > 0)) @ self.X]
        rest, _, weights = merge(g, *self._kinks(s, 1, heights == 0))
        if any(rest) or weights:
            return ConeAnswer(False, "its output weight is 0, and a neuron next to it may help")
        return ConeAnswer(True, "no neuron next to it, of either sign, helps")

    # --- back in the parameters ---------------------------------------------------------------

    def _full(self, i: int) -> Vector:
        """Products of the exact point; of a flat family the member nearest to the given one."""
        if not self.problem.reduced:
            return tuple(self.u[i])
        p, q = abs(self.c[i]) * self.a[i, -2:]
        shift = (self.u[i, -1] - (p - q)) / 2
        p, q = p + shift, q - shift
        space = self.problem.space
        if isinstance(space, RestrictedSpace):
            short = max(ZERO, Fraction(space.margin) - min(p, q))
            p, q = p + short, q + short
            if min(p, q) <= 0:
                raise _NotProvedError(f"neuron {i}: the exact point leaves N*, its border is near")
        return (*self.u[i, :-1], p, q)

    def _distance_and_reach(self) -> tuple[Fraction, Fraction | None]:
        """Upper bound of the distance to theta, lower bound of r_cell (None: no limit)."""
        distances, limits = [abs(self.e - self.e0)], []
        for i, sign in enumerate(self.signs):
            a0, c0, z, whole = self.a[i], self.c[i], self.z[:, i], self.whole
            bent = self.kinks[:, i].any() or (self.at_lower[i] | self.at_upper[i]).any()
            low = high = Fraction(1)
            off = (self.norms > 0) & ~self.kinks[:, i]
            if self.idle[i]:
                seen, whole = common(self.seen[i])
                z = self.X @ np.array(seen, dtype=object)
                off = z != 0
            elif isinstance(self.problem.space, UnrestrictedSpace):
                low = high = abs(c0)
                distances += [abs(p / high - q) for p, q in zip(self.u[i], a0, strict=True)]
            else:
                full = self._full(i)
                low, high = sqrt_bracket(max(abs(p) for p in full))
                for end in (low, high):
                    distances.append(abs(sign * end - c0))
                    distances += [
                        abs((p / end if low else ZERO) - q) for p, q in zip(full, a0, strict=True)
                    ]
            if high and off.any():
                pairs = zip(np.abs(z[off]), self.norms[off], strict=True)
                limits.append(Fraction(*min(pairs, key=_ratio)) / (whole * high))
            if bent and not self.idle[i] and c0:
                limits.append(low)
        return max(distances), min(limits) if limits else None


def _exact(values: ArrayLike) -> Exact:
    """The rationals that floats are."""
    return np.asarray(np.vectorize(Fraction, otypes=[object])(values))


@cmp_to_key
def _ratio(p: tuple[int, int], q: tuple[int, int]) -> int:
    """Compare fractions that are not reduced."""
    return p[0] * q[1] - q[0] * p[1]


def _unit(j: int, d: int) -> Vector:
    return tuple(Fraction(int(j == k)) for k in range(d))
