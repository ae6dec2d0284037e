"""Supports of other losses and of weight decay: convex programs on hulls (Theorem 40.2).

Newton's method for thousands of supports at once proposes; what may be inside its faces is solved
again to the last digits. Of a decay, a neuron that is not active is left at zero, or is a negative
bias: whatever else it was would cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, null_space
from scipy.optimize import linprog

from landscape.atlas._supports import BORDER, RANK, Code, SupportFit, Types, _stacked
from landscape.convex import minimize_many
from landscape.losses import HuberLoss, LogisticLoss, Loss, PoissonLoss, QuantileLoss
from landscape.rounding import Array

#: A penalized weight vector counts as zero up to this, relative to the unknowns' size.
ZERO = 1e-7
#: Values beyond which it is asked whether a logistic or Poisson loss has a minimum at all.
FAR = 12.0
#: Slopes that count as zero at a minimizer, relative to what they are sums of.
STATIONARY = 1e-10


@dataclass(frozen=True, eq=False)
class ConvexTypes(Types):
    """Faces as blocks of convex programs: residuals are those of ``target``, as the loss is on it.

    ``decay`` (p + 1,) are the factors of (w, b) in a neuron's norm.
    """

    loss: Loss
    decay: Array
    _points: dict[tuple[int, ...], Array] = field(default_factory=dict)

    @cached_property
    def size(self) -> float:
        """Of half slopes."""
        return float(np.abs(self.loss.half_slope(-self.target)).max(initial=0.0)) or 1.0

    @cached_property
    def basis(self) -> Array:
        """What the data do not see of a neuron is as short as it can be."""
        frame = self.faces.frame
        unseen, own = null_space(frame.basis.T), self.decay[:, None] * frame.transform
        shorter = np.linalg.pinv(own @ unseen) @ own @ frame.basis if unseen.size else 0.0
        return np.asarray(frame.basis - unseen @ shorter if unseen.size else frame.basis)

    @cached_property
    def norm(self) -> Array:
        """K (p + 1, r): the penalty of a neuron is ``‖K v‖_2`` in the frame's coordinates."""
        return np.asarray(self.decay[:, None] * self.faces.frame.transform @ self.basis)

    @cached_property
    def interiors(self) -> Array:
        """Also with a decay, in which (0, ..., 0, -1) costs nothing."""
        found, frame = self.faces.interiors.copy(), self.faces.frame
        if self.decay.any():
            negative = -np.eye(len(frame.transform))[-1]
            dead = np.linalg.lstsq(frame.transform @ self.basis, negative, rcond=None)[0]
            found[self.silent // 2] = dead
        return found

    def weights(self, rows: Array) -> Array:
        """Rows (m, r) in the coordinates (w, b) of the frame; zero where a norm is rounding."""
        found, norms = rows @ self.basis.T, np.linalg.norm(rows @ self.norm.T, axis=1)
        size = np.abs(rows).max(initial=0.0) * np.abs(self.norm).max(initial=0.0)
        found[(norms <= ZERO * size) & bool(self.decay.any()), :-1] = 0.0
        return found

    @cached_property
    def _pulls(self) -> list[Array]:
        """``K lift`` of every face that takes part, (w, p + 1)."""
        return [(self.norm @ lift).T for _, lift, _ in self.blocks]

    @cached_property
    def _padded_pulls(self) -> Array:
        return _stacked(self._pulls)

    @cached_property
    def _bends(self) -> Array:
        """What a neuron's pull K v / ‖K v‖ adds to the `_conditions` of its face."""
        found = []
        for f in range(len(self.blocks)):
            side, frame = self.faces.signs[f], self.faces.frame
            kinks = np.unique(frame.groups[side == 0])
            if kinks.size != frame.points.shape[1] - self.faces.dimensions[f]:
                kinks = kinks[:0]
            gamma = np.linalg.pinv(frame.points[kinks].T) @ self.norm.T
            found.append(0.5 * len(side) * np.vstack([-gamma, gamma]))
        return _stacked(found)

    def _promising(self, supports: NDArray[np.intp]) -> NDArray[np.bool_]:
        if not supports.shape[1]:
            return np.ones(len(supports), dtype=bool)
        values, tests, conditions, exists = self._padded
        faces, signs = supports // 2, 1.0 - 2.0 * (supports % 2)
        (c, k), (_, w, n) = supports.shape, values.shape
        columns = (signs[:, :, None, None] * values[faces]).reshape(c, k * w, n)
        pulls = self._padded_pulls[faces].reshape(c, k * w, -1)
        least = minimize_many(columns, self.target, self.loss, pulls, k, cone=False)
        e, r = least.points, np.einsum("ck,ckn->cn", least.points, columns) - self.target
        parts, own = e.reshape(c, k, w), pulls.reshape(c, k, w, -1)
        p = np.einsum("ckw,ckwq->ckq", parts, own)
        lengths = np.linalg.norm(p, axis=2)
        size = np.linalg.norm(e, axis=1)[:, None] + 1e-300
        gone = lengths <= ZERO * size * np.abs(self.norm).max(initial=0.0)
        unit = p / np.where(gone, 1.0, lengths)[:, :, None]
        # Directions along which nothing changes: values where the loss is curved, and norms.
        across = own - (own @ unit[:, :, :, None]) * unit[:, :, None, :]
        eye = np.eye(k)[None, :, None, :, None]
        across = (across[:, :, :, None, :] * eye).reshape(c, k * w, -1)
        curved = columns * (self.loss.half_curvature(r) > 0)[:, None, :]
        fixed = np.concatenate([curved, across / max(np.abs(self.norm).max(), 1e-300)], axis=2)
        missing = 1.0 - exists[faces].reshape(c, k * w)
        gram = fixed @ fixed.transpose(0, 2, 1) + missing[:, :, None] * np.eye(k * w)
        eigenvalues, vectors = np.linalg.eigh(gram)
        flat = (eigenvalues < RANK)[:, None, :] * np.abs(vectors) > RANK
        loose = flat.any(axis=2).reshape(c, k, w).any(axis=2)
        slacks = 1e-6 * self.size * np.abs(conditions).sum(axis=2)[faces]
        multipliers = np.einsum("ckpn,cn->ckp", conditions[faces], self.loss.half_slope(r))
        multipliers = signs[:, :, None] * multipliers
        multipliers += np.einsum("ckpq,ckq->ckp", self._bends[faces], unit)
        heights = np.einsum("ckpw,ckw->ckp", tests[faces], parts)
        unknown = gone & bool(self.decay.any())
        good = (multipliers >= -slacks).all(axis=2) | unknown
        good &= loose | (heights >= -1e-6 * size[:, :, None]).all(axis=2)
        found = ~least.settled | good.all(axis=1)
        for i in np.flatnonzero(found).tolist():
            kept = exists[faces[i]].ravel() > 0
            self._points[tuple(supports[i].tolist())] = e[i, kept]
        return np.asarray(found)

    def fit(self, support: tuple[int, ...]) -> SupportFit:
        """Solve one support of types that take part."""
        own = [self.blocks[t // 2] for t in support]
        signs = [1 - 2 * (t % 2) for t in support]
        n, q, m = len(self.target), len(self.decay), len(support)
        columns = np.vstack(
            [np.empty((0, n)), *(s * v.T for s, (v, *_) in zip(signs, own, strict=True))]
        )
        pulls = [self._pulls[t // 2] for t in support]
        owner = np.repeat(np.arange(m), [len(rows) for rows in pulls])
        e = self._start(support, columns, pulls)
        size = float(np.linalg.norm(e)) + 1e-300

        def weights(e: Array) -> Array:
            rows = [rows.T @ e[owner == i] for i, rows in enumerate(pulls)]
            return np.array(rows).reshape(m, q)

        gone = np.linalg.norm(weights(e), axis=1) <= ZERO * size * np.abs(self.norm).max(initial=0)
        free = block_diag(
            np.empty((0, 0)),
            *(
                null_space(rows.T) if g and rows.any() else np.eye(len(rows))
                for g, rows in zip(gone, pulls, strict=True)
            ),
        )
        y = np.linalg.lstsq(free, e, rcond=None)[0]
        residual, fixed = np.inf, np.zeros((0, free.shape[1]))
        for _ in range(12):
            e = free @ y
            r, p = e @ columns - self.target, weights(e)
            z, h = 2 / n * self.loss.half_slope(r), 2 / n * self.loss.half_curvature(r)
            norms = np.where(gone, 1.0, np.linalg.norm(p, axis=1))
            unit = p / norms[:, None] * ~gone[:, None]
            slopes, bent = columns @ z, (columns * h) @ columns.T
            across = [np.eye(q) - np.outer(u, u) for u in unit]
            for i, rows in enumerate(pulls):
                at = np.flatnonzero(owner == i)
                slopes[at] += rows @ unit[i]
                if not gone[i] and rows.any():
                    bent[np.ix_(at, at)] += rows @ across[i] @ rows.T / norms[i]
            slopes = free.T @ slopes
            rest = float(np.abs(slopes).max(initial=0.0))
            if rest >= 0.5 * residual:
                break
            residual, best = rest, (e, r, unit)
            fixed = (
                np.vstack(
                    [
                        (columns * (h > 0)).T,
                        *(
                            across[i] @ rows.T @ np.eye(len(owner))[owner == i]
                            for i, rows in enumerate(pulls)
                            if rows.any() and not gone[i]
                        ),
                    ]
                )
                @ free
            )
            y = y - np.linalg.lstsq(free.T @ bent @ free, slopes, rcond=1e-12)[0]
        e, r, unit = best if support else (e, self._zero(), np.empty((0, q)))
        s = self.loss.half_slope(r)
        terms = 2 / n * float(np.abs(s).sum()) + float(np.abs(self.norm).max(initial=0.0))
        value = float(self.loss.value(r).mean()) + float(np.linalg.norm(weights(e), axis=1).sum())
        tests = block_diag(np.empty((0, 0)), *(rows for *_, rows in own))
        code, nullity = Code.INSIDE, 0
        if support:
            flat = null_space(fixed, rcond=RANK) if fixed.size else np.eye(free.shape[1])
            nullity = flat.shape[1]
            far = float(np.abs(r + self.target).max()) > FAR
            if residual > STATIONARY * terms or (far and self._recedes(columns, pulls, owner)):
                code = Code.NONE if self._recedes(columns, pulls, owner) else Code.BORDER
            else:
                e, code = self._inside(e, free @ flat, tests, columns, r, s, weights, unit)
        lifted = [lift @ e[owner == i] for i, (_, lift, _) in enumerate(own)]
        points = np.array(lifted).reshape(m, self.faces.units.shape[1])
        rank = sum(int(self.faces.dimensions[t // 2]) for t in support) - nullity
        return SupportFit(support, code, points, s, rank, value)

    def _zero(self) -> Array:
        return -self.target

    def _start(self, support: tuple[int, ...], columns: Array, pulls: list[Array]) -> Array:
        if not support or support in self._points:
            return self._points.get(support, np.zeros(0))
        width = max(map(len, pulls))
        at = np.concatenate([i * width + np.arange(len(rows)) for i, rows in enumerate(pulls)])
        padded = np.zeros((1, width * len(pulls), columns.shape[1]))
        both = np.zeros((1, width * len(pulls), len(self.decay)))
        padded[0, at], both[0, at] = columns, np.vstack(pulls)
        found = minimize_many(padded, self.target, self.loss, both, len(pulls), cone=False)
        return np.asarray(found.points[0, at])

    def _inside(self, e, flat, tests, columns, r, s, weights, unit):  # type: ignore[no-untyped-def]
        """A minimizer as deep inside the faces as can be, and whether that is inside."""
        size = float(np.linalg.norm(e)) + 1e-300
        width = BORDER * size + 64 * np.finfo(float).eps * size
        if flat.shape[1] and not (tests @ e > 1e-3 * size).all():
            e = self._deepest(e, flat, tests, columns, r, s, weights, unit, size)
            width = np.float64(1e-9 * size)
        heights = tests @ e
        if (heights > width).all():
            return e, Code.INSIDE
        return e, Code.NONE if (heights < -width).any() else Code.BORDER

    def _deepest(self, e, flat, tests, columns, r, s, weights, unit, size):  # type: ignore[no-untyped-def]
        """By a linear program over all minimizers: those with these slopes and directions."""
        straight = {HuberLoss: "delta", QuantileLoss: "width"}.get(type(self.loss))
        rows, bounds = [tests @ flat], [tests @ e]
        if straight is not None:
            out = self.loss.half_curvature(r) == 0
            turn = np.sign(s[out])
            rows.append(turn[:, None] * (columns.T @ flat)[out])
            bounds.append(turn * r[out] - getattr(self.loss, straight))
        along = np.array([(weights(column) * unit).sum(axis=1) for column in flat.T]).T
        rows.append(along.reshape(len(unit), -1))
        bounds.append((weights(e) * unit).sum(axis=1))
        deep = np.concatenate([np.full(len(tests), size), *(np.zeros(len(b)) for b in bounds[1:])])
        found = linprog(
            np.append(np.zeros(flat.shape[1]), -1.0),
            A_ub=np.column_stack([-np.vstack(rows), deep]) / size,
            b_ub=np.concatenate(bounds) / size,
            bounds=[(-1e4 * size, 1e4 * size)] * flat.shape[1] + [(None, 1.0)],
        )
        return e if found.x is None else e + flat @ found.x[:-1]

    def _recedes(self, columns: Array, pulls: list[Array], owner: NDArray[np.intp]) -> bool:
        """Whether the loss falls without end along a line in the hull (Theorem 28)."""
        if isinstance(self.loss, LogisticLoss):
            labels, fixed = self.loss._known, np.zeros(len(self.target), dtype=bool)
        elif isinstance(self.loss, PoissonLoss):
            labels, fixed = np.where(self.loss._known == 0, -1.0, 0.0), self.loss._known > 0
        else:
            return False
        norms = [rows.T @ np.eye(len(owner))[owner == i] for i, rows in enumerate(pulls)]
        equal = np.vstack([columns.T[fixed], *(rows for rows in norms if rows.any())])
        gains = labels[:, None] * columns.T
        found = linprog(
            -gains.sum(axis=0),
            A_ub=-gains,
            b_ub=np.zeros(len(gains)),
            A_eq=equal if len(equal) else None,
            b_eq=np.zeros(len(equal)) if len(equal) else None,
            bounds=[(-1, 1)] * len(owner),
        )
        return found.x is not None and -found.fun > 1e-6

    def dimension(self, joint: tuple[int, ...], fit: SupportFit) -> int:
        """Of the minimizers in a joint face that has the values of a support."""
        if not self.decay.any():
            return super().dimension(joint, fit)
        own = sum(int(self.faces.dimensions[t // 2]) for t in fit.support) - fit.rank
        points = dict(zip(fit.support, fit.points, strict=True))
        for t in joint:
            if t == self.silent:
                own += 1
            elif t in points and joint.count(t) > 1:
                hull = self.norm @ self.faces.hulls[t // 2]
                free = hull.shape[1] - np.linalg.matrix_rank(hull, tol=RANK)
                moves = np.abs(self.norm @ points[t]).max() > 0
                own += (joint.count(t) - 1) * int(free + moves)
                del points[t]
        return own
