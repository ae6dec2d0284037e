"""Which combinations of faces carry minimizers of the loss: least squares on every support.

A *type* is a face on which a neuron is active somewhere, with a sign; a *support* is a set of
distinct types. On a face, the values of a neuron on the samples are a linear image of its weights.
So the minimizers on the linear hull of a support are those of a least squares problem. Either the
neurons are unique, or they form an affine space; then whether it meets the open faces is decided
by non-negative least squares.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.optimize import nnls

from landscape.atlas._faces import Faces
from landscape.rounding import Array

#: Distances from a border up to this count as none, relative to the size of the values.
BORDER = 1e-11
#: Singular values, and what remains of a column, that count as zero, for unit columns.
RANK = 1e-8
#: How deep inside its faces a point is sought that the values leave undetermined.
DEPTHS = 10.0 ** -np.arange(0, 11, 2)
#: Supports that are judged at a time.
CHUNK = 4000


class Code(enum.Enum):
    """Outcome of a support."""

    NONE = enum.auto()  #: No minimizer lies in the open faces.
    INSIDE = enum.auto()
    BORDER = enum.auto()  #: One is on their border up to rounding: it belongs to smaller faces.


@dataclass(frozen=True)
class SupportFit:
    """Least squares on a support."""

    support: tuple[int, ...]
    code: Code
    points: Array  #: (k, r): weights of neurons strictly inside their faces, if ``INSIDE``
    residuals: (
        Array  #: (n,): s_k, of the squared loss ``R(x_k) - y_k``; the same for all minimizers
    )
    rank: int  #: dimension of the hull less that of its minimizers
    loss: float  #: penalties included


@dataclass(frozen=True, eq=False)
class Types:
    """Faces of a problem as blocks of least squares problems.

    Type ``2 f`` is face f with sign +1, type ``2 f + 1`` with sign -1. Silent faces come last: only
    the first ``n_types`` take part in supports.
    """

    faces: Faces
    target: Array

    @property
    def size(self) -> float:
        """Of residuals."""
        return max(float(np.abs(self.target).max(initial=0.0)), np.finfo(float).tiny)

    @property
    def interiors(self) -> Array:
        """What a neuron is on each face if nothing else is known of it, (f, r)."""
        return self.faces.interiors

    def weights(self, rows: Array) -> Array:
        """Rows (m, r) in the coordinates (w, b) of the frame."""
        return rows @ self.faces.frame.basis.T

    def dimension(self, joint: tuple[int, ...], fit: SupportFit) -> int:
        """Of the minimizers in a joint face that has the values of a support."""
        return sum(int(self.faces.dimensions[t // 2]) for t in joint) - fit.rank

    @cached_property
    def n_types(self) -> int:
        """Number of types that take part in supports."""
        return 2 * int((~self.faces.silent).sum())

    @cached_property
    def silent(self) -> int:
        """The type of neurons that no sample activates or touches."""
        return 2 * int(np.flatnonzero((self.faces.signs < 0).all(axis=1))[0])

    @cached_property
    def blocks(self) -> list[tuple[Array, Array, Array]]:
        """Per face that takes part, in coordinates e of its hull: values, lift, tests.

        ``values @ e`` (n,) are those of the neuron ``lift @ e``: orthonormal columns, then zero
        ones, along which no value changes. It is in the open face where ``tests @ e > 0``, of unit
        rows.
        """
        found = []
        units = self.faces.units[firsts := np.unique(self.faces.frame.groups)]
        for side, hull in zip(
            self.faces.signs[: self.n_types // 2], self.faces.hulls, strict=False
        ):
            left, singular, right = np.linalg.svd(self.faces.frame.points[side > 0] @ hull)
            rank = int((singular > RANK * singular[0]).sum())
            values, lift = np.zeros((len(side), hull.shape[1])), hull @ right.T
            values[side > 0, :rank] = left[:, :rank]
            lift[:, :rank] /= singular[:rank]
            off = side[firsts] != 0
            tests = side[firsts][off, None] * (units[off] @ lift)
            found.append((values, lift, tests / np.linalg.norm(tests, axis=1)[:, None]))
        return found

    @cached_property
    def _padded(self) -> tuple[Array, ...]:
        """Values (f, w, n), tests (f, p, w), `_conditions` (f, c, n) of all faces, padded by 0.

        And which of the w coordinates there are, (f, w).
        """
        return (
            _stacked([values.T for values, *_ in self.blocks]),
            _stacked([tests for *_, tests in self.blocks]),
            _stacked([self._conditions(f) for f in range(len(self.blocks))]),
            _stacked([np.ones((1, values.shape[1])) for values, *_ in self.blocks])[:, 0],
        )

    def _conditions(self, f: int) -> Array:
        """Linear conditions C s >= 0 of a face with independent kinks and sign +1 (Theorem 6).

        With g = sum of s_k x_k over the active samples, stationary in the face, there are
        multipliers with ``g = sum_j gamma_j x_j`` over the kinks, and h >= 0 iff
        ``0 <= -gamma_j <= W_j``, W_j the sum of the residuals at the kink. Dependent kinks: none,
        the certificate decides.
        """
        side, points, groups = self.faces.signs[f], self.faces.frame.points, self.faces.frame.groups
        kinks = np.unique(groups[side == 0])
        if kinks.size != points.shape[1] - self.faces.dimensions[f]:
            kinks = kinks[:0]
        gamma = np.linalg.pinv(points[kinks].T) @ (points * (side > 0)[:, None]).T
        weights = (groups[None, :] == kinks[:, None]).astype(float)
        return np.vstack([-gamma, weights + gamma])

    def search(
        self, k: int, progress: Callable[[int], None] = lambda count: None
    ) -> Iterator[tuple[int, ...]]:
        """All supports of k types that `fit` has to look at, in lexicographic order.

        ``progress`` receives how many have been judged.
        """
        supports, done = combinations(range(self.n_types), k), 0
        while len(chunk := np.array([*islice(supports, CHUNK)], dtype=np.intp)):
            yield from map(tuple, chunk[self._promising(chunk)].tolist())
            done += len(chunk)
            progress(done)

    def _promising(self, supports: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which supports, (c, k), satisfy the conditions and have what is unique inside.

        Least squares on the linear hulls, by Gram-Schmidt, twice.
        """
        values, tests, conditions, exists = self._padded
        faces, signs = supports // 2, 1.0 - 2.0 * (supports % 2)
        (c, k), (_, w, n) = supports.shape, values.shape
        columns, real = values[faces].reshape(c, k * w, n), exists[faces].reshape(c, k * w) > 0
        loose = np.zeros((c, k), dtype=bool)
        # Each row of q, and of how it is combined from the columns: its first n entries, the rest.
        q = np.zeros((c, k * w, n + k * w))
        least = np.ones(c)
        for j in range(k * w):
            work = np.append(columns[:, j], np.tile(np.eye(k * w)[j], (c, 1)), axis=1)
            for _ in range(2):
                dots = np.einsum("cjn,cn->cj", q[:, :j, :n], work[:, :n])
                work -= np.einsum("cj,cjn->cn", dots, q[:, :j])
            size = np.linalg.norm(work[:, :n], axis=1)
            new = size > RANK
            # What is dependent trades with those earlier columns that it is a combination of.
            traded = (~new & real[:, j])[:, None] & (np.abs(work[:, n:]) > RANK)
            loose |= traded.reshape(c, k, w).any(axis=2)
            q[new, j] = work[new] / size[new, None]
            least[new] = np.minimum(least[new], size[new])
        combined = np.einsum("cj,cjn->cn", q[:, :, :n] @ self.target, q)
        # Generous: conditions only save work, the certificate decides.
        slacks = 1e-7 * np.abs(self.target).max() * np.abs(conditions).sum(axis=2)[faces]
        multipliers = np.einsum("ckpn,cn->ckp", conditions[faces], combined[:, :n] - self.target)
        found = (signs[:, :, None] * multipliers >= -slacks).all(axis=(1, 2))
        # The rounding error of a part is relative to the targets, however small it is itself.
        parts = combined[:, n:].reshape(c, k, w)
        rounding = 64 * np.finfo(float).eps * np.linalg.norm(self.target) / least
        width = BORDER * np.linalg.norm(parts, axis=2) + rounding[:, None]
        heights = signs[:, :, None] * np.einsum("ckpw,ckw->ckp", tests[faces], parts)
        return found & (loose | (heights >= -width[:, :, None]).all(axis=2)).all(axis=1)

    def fit(self, support: tuple[int, ...]) -> SupportFit:
        """Solve one support of types that take part, with numpy's singular values."""
        own, signs = [self.blocks[t // 2] for t in support], [1 - 2 * (t % 2) for t in support]
        n, size = len(self.target), float(np.linalg.norm(self.target))
        columns = [sign * values for sign, (values, *_) in zip(signs, own, strict=True)]
        design = np.hstack([np.empty((n, 0)), *columns])
        left, singular, right = np.linalg.svd(design)
        rank = int((singular > RANK).sum())
        reached = left[:, :rank].T @ self.target
        e = right[:rank].T @ (reached / singular[:rank])
        error = 64 * np.finfo(float).eps / float(singular[:rank].min(initial=1.0))
        tests = block_diag(np.empty((0, 0)), *(rows for *_, rows in own))
        parts = np.cumsum([0, *(values.shape[1] for values, *_ in own)])
        owner = np.repeat(np.arange(len(own)), [len(rows) for *_, rows in own])

        def code(e: Array) -> Code:
            lengths = np.array([np.linalg.norm(e[a:b]) for a, b in pairwise(parts)])
            width = BORDER * lengths[owner] + error * (size + np.linalg.norm(e))
            margin = tests @ e
            if (margin > width).all():
                return Code.INSIDE
            return Code.NONE if (margin < -width).any() else Code.BORDER

        outcome = code(e)
        if outcome is not Code.INSIDE and rank < len(e):
            e = _deepest(tests, e, right[rank:].T, size)
            # What the null vectors' rounding adds to the values.
            added = left[:, :rank].T @ (design @ e) - reached
            e = e - right[:rank].T @ (added / singular[:rank])
            outcome = code(e)
        residuals = left[:, :rank] @ reached - self.target
        lifted = [lift @ e[a:b] for (_, lift, _), (a, b) in zip(own, pairwise(parts), strict=True)]
        points = np.array(lifted).reshape(len(own), self.faces.units.shape[1])
        loss = float(residuals @ residuals) / n
        return SupportFit(support, outcome, points, residuals, rank, loss)


def _stacked(parts: list[Array]) -> Array:
    """Matrices as one array, with zeros where they are smaller."""
    shape = np.max([part.shape for part in parts], axis=0)
    found = np.zeros((len(parts), *shape))
    for k, part in enumerate(parts):
        found[k, : len(part), : part.shape[1]] = part
    return found


def _deepest(tests: Array, point: Array, null: Array, size: float) -> Array:
    """The nearest point of ``point + null @ c`` that is deep inside ``tests @ x > 0``.

    The largest possible of some depths, in units of ``size`` and the point's; the point itself if
    there is none. A least distance by non-negative least squares (Lawson and Hanson, chapter 23).
    """
    size = size + float(np.linalg.norm(point)) or 1.0
    heights, rates = tests @ point / size, tests @ null
    right = np.append(np.zeros(null.shape[1]), 1.0)
    for depth in DEPTHS:
        system = np.vstack([rates.T, depth - heights])
        rest = system @ nnls(system, right)[0] - right
        if rest[-1] < 0:
            moved = -rest[:-1] / rest[-1]
            if (heights + rates @ moved > 0.5 * depth).all():
                return np.asarray(point + size * (null @ moved))
    return point
