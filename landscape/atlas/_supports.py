"""Which combinations of faces carry minimizers of the loss: least squares on every support.

A *type* is a face on which a neuron is active somewhere, with a sign; a *support* is a set of
distinct types. On a face, the values of a neuron on the samples are a linear image of its weights;
the image of the face is a relatively open polyhedral cone as well. So the minimizers on the
linear hull of a support are those of a least squares problem over the images' hulls. Either the
neurons' values are unique, or they form an affine space (the images' hulls are dependent); then
whether it meets the open images is decided by corners or by a linear program.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.atlas._faces import Faces

Array = NDArray[np.float64]

#: Distances from a border up to this count as none, relative to the size of the values.
BORDER = 1e-11
#: Singular values, and what remains of a column, that count as zero, for unit columns.
RANK = 1e-8
#: Up to so many candidates for corners are cheaper than a linear program.
MAX_CORNERS = 3000
#: Supports that are judged at a time.
CHUNK = 4000


class Code(enum.Enum):
    """Outcome of a support."""

    #: No minimizer lies in the open faces, or a multiplier shows that it is no local minimum.
    NONE = enum.auto()
    INSIDE = enum.auto()
    #: The values are on the border of the images up to rounding: they belong to smaller faces.
    BORDER = enum.auto()


@dataclass(frozen=True)
class SupportFit:
    """Least squares on a support."""

    support: tuple[int, ...]
    code: Code
    points: Array  #: (k, r): weights of neurons strictly inside their faces, if ``INSIDE``
    residuals: Array  #: (n,): ``R(x_k) - y_k``, the same for all minimizers of the support
    rank: int  #: dimension of the space of values that the support's hull reaches


@dataclass(frozen=True, eq=False)
class Types:
    """Faces of a problem as blocks of least squares problems.

    Type ``2 f`` is face f with sign +1, type ``2 f + 1`` with sign -1. Silent faces come last: only
    the first ``n_types`` take part in supports.
    """

    faces: Faces
    target: Array

    @cached_property
    def n_types(self) -> int:
        """Number of types that take part in supports."""
        return 2 * int((~self.faces.silent).sum())

    @cached_property
    def silent(self) -> int:
        """The type of neurons that no sample activates or touches."""
        return 2 * int(np.flatnonzero((self.faces.signs < 0).all(axis=1))[0])

    @cached_property
    def images(self) -> list[tuple[Array, Array, Array]]:
        """Per face that takes part: basis (n, q) of its values, map (q, r), facets (p, q).

        The basis is orthonormal; ``map @ v`` are the values of a neuron v in it; the open image
        of the face is where ``facets @ e > 0``.
        """
        rays = np.flatnonzero(self.faces.dimensions == 1)
        found = []
        for f, side in enumerate(self.faces.signs[: self.n_types // 2]):
            active = self.faces.frame.points * (side > 0)[:, None]
            left, singular, _ = np.linalg.svd(active @ self.faces.hulls[f], full_matrices=False)
            basis = left[:, singular > RANK * singular[0]]
            transform = basis.T @ active
            signs = self.faces.signs[rays]
            own = rays[((signs == 0) | (signs == side)).all(axis=1)]
            found.append((basis, transform, _facets(self.faces.interiors[own] @ transform.T)))
        return found

    @cached_property
    def _blocks(self) -> tuple[Array, Array, Array]:
        """Bases (f, w, n), facets (f, p, w), `_conditions` (f, c, n) of all faces, padded by 0."""
        return (
            _padded([basis.T for basis, _, _ in self.images]),
            _padded([facets for _, _, facets in self.images]),
            _padded([self._conditions(f) for f in range(len(self.images))]),
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
        bases, facets, conditions = self._blocks
        faces, signs = supports // 2, 1.0 - 2.0 * (supports % 2)
        (c, k), (_, w, n) = supports.shape, bases.shape
        # Both signs of one face: together they have no conditions, see `fit`.
        twins = np.zeros((c, k), dtype=bool)
        twins[:, 1:] = faces[:, 1:] == faces[:, :-1]
        loose = twins.copy()
        loose[:, :-1] |= twins[:, 1:]
        columns = np.where(twins[:, :, None, None], 0.0, bases[faces]).reshape(c, k * w, n)
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
            traded = (~new & columns[:, j].any(axis=1))[:, None] & (np.abs(work[:, n:]) > RANK)
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
        heights = signs[:, :, None] * np.einsum("ckpw,ckw->ckp", facets[faces], parts)
        return found & (loose | (heights >= -width[:, :, None]).all(axis=2)).all(axis=1)

    def fit(self, support: tuple[int, ...]) -> SupportFit:
        """Solve one support of types that take part, with numpy's singular values."""
        faces = [t // 2 for t in support]
        # Both signs of one face: the differences of elements of an open cone are all of its hull,
        # so the two neurons together are one without conditions.
        single = [faces.count(f) == 1 for f in faces]
        widths = [self.images[f][0].shape[1] * (faces.index(f) == i) for i, f in enumerate(faces)]
        ends = np.cumsum([0, *widths])
        design = np.empty((len(self.target), ends[-1]))
        for t, (a, b) in zip(support, pairwise(ends), strict=True):
            design[:, a:b] = (1 - 2 * (t % 2)) * self.images[t // 2][0][:, : b - a]
        left, singular, right = np.linalg.svd(design, full_matrices=True)
        rank = int((singular > RANK).sum())
        values = left[:, :rank].T @ self.target
        e = right[:rank].T @ (values / singular[:rank])
        error = 64 * np.finfo(float).eps / float(singular[:rank].min(initial=1.0))
        size = float(np.linalg.norm(self.target))
        facets = [
            self.images[f][2][: None if own else 0] for f, own in zip(faces, single, strict=True)
        ]
        owner = np.repeat(np.arange(len(faces)), [len(rows) for rows in facets])
        tests = np.zeros((len(owner), len(e)))
        for i, (rows, (a, b)) in enumerate(zip(facets, pairwise(ends), strict=True)):
            tests[owner == i, a:b] = rows[:, : b - a]

        def code(e: Array) -> Code:
            lengths = np.array([np.linalg.norm(e[a:b]) for a, b in pairwise(ends)])
            width = BORDER * lengths[owner] + error * (size + np.linalg.norm(e))
            margin = tests @ e
            if (margin > width).all():
                return Code.INSIDE
            return Code.NONE if (margin < -width).any() else Code.BORDER

        outcome = code(e)
        if outcome is not Code.INSIDE and rank < len(e):
            e = _deepest(tests, e, right[rank:].T)
            outcome = code(e)
        residuals = left[:, :rank] @ values - self.target
        if outcome is not Code.INSIDE:
            return SupportFit(support, outcome, np.empty((0, 0)), residuals, rank)
        parts = [e[a:b] for a, b in pairwise(ends)]
        for i in [i for i, own in enumerate(single) if not own and widths[i]]:
            # The neuron with sign + takes the difference and a common part, the other the common
            # part, large enough for both to lie in the face.
            _, transform, bounds = self.images[faces[i]]
            inside = transform @ self.faces.interiors[faces[i]]
            least = float((-(bounds @ parts[i]) / (bounds @ inside)).max(initial=0.0))
            common = (2 * least + float(np.linalg.norm(parts[i])) or 1.0) * inside
            parts[i : i + 2] = [common + parts[i], common]
        found = [self._preimage(f, part) for f, part in zip(faces, parts, strict=True)]
        points = np.array(found).reshape(len(faces), self.faces.units.shape[1])
        return SupportFit(support, outcome, points, residuals, rank)

    def _preimage(self, f: int, part: Array) -> Array:
        """A neuron of an open face with the given values."""
        hull = self.faces.hulls[f]
        left, singular, right = np.linalg.svd(self.images[f][1] @ hull, full_matrices=True)
        point = right[: len(singular)].T @ ((left.T @ part) / singular)
        null = right[len(singular) :].T
        if null.shape[1]:
            side = self.faces.signs[f]
            tests = side[side != 0, None] * (self.faces.units[side != 0] @ hull)
            point = _deepest(tests, point, null)
        return np.asarray(hull @ point)


def _padded(parts: list[Array]) -> Array:
    """Matrices as one array, with zeros where they are smaller."""
    shape = np.max([part.shape for part in parts], axis=0)
    found = np.zeros((len(parts), *shape))
    for k, part in enumerate(parts):
        found[k, : len(part), : part.shape[1]] = part
    return found


def _facets(generators: Array) -> Array:
    """Unit inner normals, (p, q), of the facets of the cone that vectors, (g, q), generate.

    It has full dimension; no rows where it is the whole space.
    """
    sizes = np.linalg.norm(generators, axis=1)
    kept = sizes > RANK * sizes.max()
    units = generators[kept] / sizes[kept, None]
    q = units.shape[1]
    found: list[Array] = []
    for subset in combinations(range(len(units)), q - 1):
        _, singular, right = np.linalg.svd(units[list(subset)], full_matrices=True)
        if singular.min(initial=np.inf) <= RANK:
            continue
        for candidate in (right[-1], -right[-1]):
            new = all(np.abs(candidate - other).max() > RANK for other in found)
            if new and (units @ candidate >= -RANK * 1e-2).all():
                found.append(candidate)
    return np.array(found).reshape(len(found), q)


def _deepest(tests: Array, point: Array, null: Array) -> Array:
    """A point of ``point + null @ c`` that is deep inside ``tests @ x > 0``, if there is one.

    Depth counts up to the size of the point, so that it is bounded.
    """
    size = float(np.linalg.norm(point)) or 1.0
    q = null.shape[1]
    heights, rates = tests @ point / size, tests @ null
    if q == 1:
        # On a line the depth is a concave function of one variable: an interval decides.
        rate = rates[:, 0]
        still = np.abs(rate) <= 1e-13
        if (heights[still] <= 0).any():
            return point
        roots = -heights[~still] / rate[~still]
        up = rate[~still] > 0
        low, high = roots[up].max(initial=-np.inf), roots[~up].min(initial=np.inf)
        if not low < high:
            return point
        if np.isfinite(low) and np.isfinite(high):
            middle = (low + high) / 2
        else:
            middle = low + 1.0 if np.isfinite(low) else high - 1.0 if np.isfinite(high) else 0.0
        return np.asarray(point + size * middle * null[:, 0])
    for reach in (4.0, 1e4):
        box = np.vstack([np.eye(q), -np.eye(q)])
        bounds, floors = np.vstack([rates, box]), np.append(heights, np.full(2 * q, reach))
        if comb(len(bounds), q) > MAX_CORNERS:
            break
        inside = _centre(bounds, floors)
        if inside is not None and (heights + rates @ inside > BORDER).all():
            return np.asarray(point + size * (null @ inside))
    else:
        return point
    result = linprog(
        np.append(np.zeros(q), -1.0),
        A_ub=np.hstack([-rates, np.ones((len(tests), 1))]),
        b_ub=heights,
        bounds=[(None, None)] * q + [(None, 1.0)],
        method="highs",
    )
    return point if result.x is None else np.asarray(point + size * (null @ result.x[:-1]))


def _centre(bounds: Array, floors: Array) -> Array | None:
    """Mean of the corners of the bounded polyhedron ``bounds @ c + floors >= 0``, if it has any.

    No bound is tight at the mean unless it is tight at all corners: the mean is in the interior if
    there is one.
    """
    q = bounds.shape[1]
    subsets = np.array(list(combinations(range(len(bounds)), q)))
    systems = bounds[subsets]
    regular = np.abs(np.linalg.det(systems)) > 1e-12
    corners = np.linalg.solve(systems[regular], -floors[subsets[regular]][:, :, None])[:, :, 0]
    inside = (corners @ bounds.T + floors >= -1e-12 * (1.0 + floors.max())).all(axis=1)
    return corners[inside].mean(axis=0) if inside.any() else None
