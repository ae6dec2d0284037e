"""The steps of a proof: the face, its exact minimizer, sides, slopes, distance."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, nan

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
    null_basis,
    product,
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
        self.X, self.y, self.signs = _exact(problem.X), _exact(problem.y), _exact(problem.signs)
        #: Inputs times the neurons' signs, (m, n, d).
        self.signed = np.where(self.signs[:, None, None] < 0, -self.X, self.X)
        self.norms = np.abs(_exact(inputs)).sum(axis=1)
        self.column = None if problem.column is None else _exact(problem.column)
        theta, m = problem.theta, len(problem.signs)
        self.a, self.c = _exact(theta.weights[:m]), _exact(theta.output_weights[:m])
        #: Weight vectors as the samples see them, and theta's products.
        self.seen = self.a
        if problem.reduced:
            self.seen = np.column_stack([self.a[:, :-2], self.a[:, -2] - self.a[:, -1]])
        self.u0 = np.abs(self.c)[:, None] * self.seen
        self.e0 = self.e = Fraction(problem.state().e)
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
        total, s, _ = self._losses()
        loss = total / len(self.y)
        if loss and self.pieces is not None:
            self._choose_slopes()
            s = self._losses()[1]
        multipliers = self._check_slopes(s) if loss else ((),) * len(self.u)
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

    def _go_to(self, u: Exact) -> None:
        """Products of the point that is examined, and their pre-activations."""
        self.u, self.z = u, product(self.X, u.T)

    def _take_sides(self) -> None:
        """Kinks, sides and active bounds of theta itself."""
        self._go_to(self.u0)
        lower, upper = self.problem.lower, self.problem.upper
        self.kinks, self.active = (self.z == 0) & self.nonzero, np.asarray(self.z > 0)
        self.at_lower, self.at_upper = self.u <= lower, self.u >= upper
        if self.pieces is not None:
            self.bent = np.asarray(self._residuals() == self.pieces[:, 0])
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
        rows = [[*x, ZERO] for x in self.X[self.kinks[:, i]]]
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
        columns: list[Sequence[Fraction]] = []
        owners: list[tuple[int, Vector]] = []
        faces = [self._face(i) for i in range(len(self.u0))]
        self._go_to(np.array([point for _, point in faces], dtype=object).reshape(self.u0.shape))
        for i, (basis, _) in enumerate(faces):
            own = np.full((len(self.y), len(basis)), ZERO, dtype=object)
            if basis:
                on = self.active[:, i]
                own[on] = product(self.signed[i, on], np.array(basis, dtype=object).T)
            for column, v in zip(own.T.tolist(), basis, strict=True):
                if any(column):
                    columns.append(column)
                    owners.append((i, v))
        if self.column is not None:
            columns.append(self.column.tolist())
            owners.append((-1, ()))
        if len(columns) > self.max_unknowns:
            raise _NotProvedError(
                f"the face has {len(columns)} free coordinates, more than {self.max_unknowns}"
            )
        if not columns:
            return
        if self.pieces is not None:
            self._solve_kinks(columns, owners)
            return
        # Columns as integers: their inner products then need no common denominators.
        whole, scales = zip(*map(common, columns), strict=True)
        _, s, curvatures = self._losses()
        right, scale = common(s)
        if (curvatures == 1).all():
            normal = [[Fraction(p) for p in row] for row in gram(whole)]
        else:  # of the pieces of the losses on which the samples are
            bent = [[p * q for p, q in zip(row, curvatures, strict=True)] for row in whole]
            normal = [[dot(p, q) for q in whole] for p in bent]
        sides = np.array(whole, dtype=object) @ np.array(right, dtype=object)
        steps = solve(normal, [Fraction(-p, scale) for p in sides])
        if steps is None:  # normal equations of the squared loss always have one
            raise _NotProvedError("the pieces of the losses next to the point have no minimum")
        self._step([p * size for p, size in zip(steps, scales, strict=True)], owners)

    def _step(self, steps: list[Fraction], owners: list[tuple[int, Vector]]) -> None:
        u = self.u.copy()
        for step, (owner, v) in zip(steps, owners, strict=True):
            if owner < 0:
                self.e += step
            else:
                u[owner] += step * np.array(v, dtype=object)
        self._go_to(u)

    def _solve_kinks(
        self, columns: list[Sequence[Fraction]], owners: list[tuple[int, Vector]]
    ) -> None:
        """Samples next to the kink of their loss onto it: there the loss is linear on the face."""
        assert self.pieces is not None
        gaps = self.pieces[:, 0] - self._residuals()
        sizes = np.abs(self.y) + np.abs(self.z * self.active).sum(axis=1)
        self.bent = np.asarray(np.abs(gaps) <= Fraction(NEAR_KINK) * sizes)
        on = np.flatnonzero(self.bent).tolist()
        rows = [[column[k] for column in columns] for k in on]
        steps = solve(rows, gaps[self.bent].tolist()) if rows else []
        if steps is None:
            raise _NotProvedError("no point next to it has its samples on the kinks of the losses")
        self._step(steps, owners if steps else [])

    def _choose_slopes(self) -> None:
        """Half slopes of the samples on the kink of their loss that may pass the test."""
        if self.pieces is None:
            return
        self.bent |= np.asarray(self._residuals() == self.pieces[:, 0])
        if not self.bent.any():
            return
        if (self._residuals() != self.pieces[:, 0])[self.bent].any():
            raise _NotProvedError("a sample is not exactly on the kink of its loss")
        s = self._losses()[1] * ~self.bent
        chosen = choose_slopes(
            self.X, self.signs, self.active, self.kinks & ~self.idle, self.column, s, self.bent,
            self.pieces, (self.at_lower & ~self.idle[:, None], self.at_upper & ~self.idle[:, None]),
        )  # fmt: skip
        if chosen is None:
            raise _NotProvedError("no slopes of the losses on their kinks were found")
        self.chosen = chosen

    def _residuals(self) -> Exact:
        """Residuals with the pattern that was found, exact where the sides are right."""
        rows, factors = [np.where(self.active, self.z, 0), -self.y[:, None]], [*self.signs, 1]
        if self.column is not None:
            rows, factors = [*rows, self.column[:, None]], [*factors, self.e]
        return product(np.hstack(rows), np.array([factors], dtype=object).T)[:, 0]

    def _losses(self) -> tuple[Fraction, Exact, Exact]:
        """Sum of the losses, half slopes and half curvatures, (n,) each."""
        r, loss = self._residuals(), self.problem.sample_loss
        if loss is None:
            return dot(r, r), r, np.ones_like(r)
        if self.pieces is not None:
            gaps, (_, low, high) = r - self.pieces[:, 0], self.pieces.T
            steep = np.where(gaps < 0, low, high)
            return 2 * dot(gaps, steep), np.where(self.bent, self.chosen, steep), np.zeros_like(r)
        found = [loss.exactly(k, value) for k, value in enumerate(r)]
        values, slopes, curvatures = (_exact(part) for part in zip(*found, strict=True))
        return dot(values, np.ones_like(values)), slopes, curvatures

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

    def _check_slopes(self, s: Exact) -> tuple[tuple[Fraction, ...], ...]:
        """Every neuron's h is non-negative, and the offset's derivative is zero."""
        if self.column is not None and dot(s, self.column):
            failure = _NotProvedError if self.bent.any() else _RefutedError
            raise failure("the derivative by the offset is not exactly 0")
        multipliers = []
        for i in range(len(self.u)):
            answer = self._idle_slope(i, s) if self.idle[i] else self._slope(i, s)
            if not answer.holds:
                known = answer.holds is not None and not self.bent.any()
                failure = _RefutedError if known else _NotProvedError
                raise failure(f"neuron {i}: {answer.reason}")
            multipliers.append(answer.multipliers)
        return tuple(multipliers)

    def _slope(self, i: int, s: Exact) -> ConeAnswer:
        s, d, kinks = self.signs[i] * s, self.u.shape[1], self.kinks[:, i]
        bounds = [_unit(j, d) for j in np.flatnonzero(self.at_lower[i]).tolist()]
        bounds += [
            tuple(-p for p in _unit(j, d)) for j in np.flatnonzero(self.at_upper[i]).tolist()
        ]
        g = product(np.where(self.active[:, i], s, 0)[None], self.X)[0]
        rows = [tuple(x) for x in self.X[kinks]]
        return is_nonnegative(g, rows, s[kinks].tolist(), bounds, self.budget)

    def _idle_slope(self, i: int, s: Exact) -> ConeAnswer:
        """C_i = 0: with a_i = 0 no ridge of either sign may help, else none of a near a_i."""
        rows = [tuple(x) for x in self.X]
        if not any(self.seen[i]):
            for sign in (1, -1):
                nothing = (ZERO,) * self.u.shape[1]
                answer = is_nonnegative(nothing, rows, (sign * s).tolist(), [], self.budget)
                if not answer.holds:
                    return answer
            return ConeAnswer(True, "no ridge of either sign helps")
        heights = self.X @ self.seen[i]
        bent = np.flatnonzero(heights == 0)
        g, _, weights = merge(
            (s * (heights > 0)) @ self.X, [rows[k] for k in bent], s[bent].tolist()
        )
        if any(g) or weights:
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
            a0, c0, z = self.a[i], self.c[i], self.z[:, i]
            bent = self.kinks[:, i].any() or (self.at_lower[i] | self.at_upper[i]).any()
            low = high = Fraction(1)
            off = (self.norms > 0) & ~self.kinks[:, i]
            if self.idle[i]:
                z = self.X @ self.seen[i]
                off = np.asarray(z != 0)
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
                limits.append((np.abs(z[off]) / self.norms[off]).min() / high)
            if bent and not self.idle[i] and c0:
                limits.append(low)
        return max(distances), min(limits) if limits else None


def _exact(values: ArrayLike) -> Exact:
    """The rationals that floats are."""
    return np.asarray(np.vectorize(Fraction, otypes=[object])(values))


def _unit(j: int, d: int) -> Vector:
    return tuple(Fraction(int(j == k)) for k in range(d))
