"""Which combinations of faces carry minimizers of the loss: least squares on every support.

A *type* is a face on which a neuron is active somewhere, with a sign; a *support* is a set of
distinct types. On a face, the values of a neuron on the samples are a linear image of its weights;
the image of the face is a relatively open polyhedral cone as well. So the minimizers on the
linear hull of a support are those of a least squares problem over the images' hulls. Outcomes:

0. no minimizer lies in the open faces, or a multiplier shows that it is no local minimum;
1. the neurons' values are unique and lie in the open images of their faces;
2. the neurons' values form an affine space (their images' hulls are dependent): whether it meets
   the open images is decided for each such support by itself, by a line or a linear program;
3. the values are on the border of the images up to rounding: they belong to smaller faces.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.atlas._faces import Faces

__all__ = ["BORDER", "Code", "SupportFit", "Types", "search", "search_reference"]

Array = NDArray[np.float64]

#: Distances from a border up to this count as none, relative to the size of the values.
BORDER = 1e-11

#: Singular values that count as zero, of matrices with unit columns.
RANK = 1e-8

#: Up to so many candidates for corners are cheaper than a linear program.
MAX_CORNERS = 3000


class Code(enum.IntEnum):
    """Outcome of a support, see the module."""

    NONE = 0
    INSIDE = 1
    AFFINE = 2
    BORDER = 3


@dataclass(frozen=True)
class SupportFit:
    """Least squares on a support.

    Attributes
    ----------
    code : Code
        ``INSIDE``, ``NONE`` or ``BORDER``.
    parts : list of arrays
        Per type, the neuron's values in the basis of its image; strictly inside if ``INSIDE``.
    residuals : array of shape (n,)
        ``R(x_k) - y_k``, the same for all minimizers of the support.
    rank : int
        Dimension of the space of values that the support's hull reaches.
    """

    code: Code
    parts: list[Array]
    residuals: Array
    rank: int


@dataclass(frozen=True, eq=False)
class Types:
    """Faces of a problem as blocks of least squares problems.

    Type ``2 f`` is face f (in the order given here) with sign +1, type ``2 f + 1`` with sign -1.
    Only the first ``n_types`` types take part in supports: silent faces come last.

    Attributes
    ----------
    faces : Faces
    order : int array of shape (f,)
        Numbers in ``faces``, in the order of the types.
    n_types : int
    target : array of shape (n,)
    """

    faces: Faces
    order: NDArray[np.intp]
    n_types: int
    target: Array

    @classmethod
    def build(cls, faces: Faces, target: Array) -> Types:
        """Sort the faces, silent ones last."""
        order = np.argsort(faces.silent, kind="stable")
        return cls(faces, order, 2 * int((~faces.silent).sum()), np.array(target, dtype=float))

    @cached_property
    def number(self) -> NDArray[np.intp]:
        """Position of each face in ``order``."""
        return np.argsort(self.order)

    @cached_property
    def sides(self) -> NDArray[np.int8]:
        """Signs of the faces in the order of the types, (f, n)."""
        return np.ascontiguousarray(self.faces.signs[self.order])

    @cached_property
    def images(self) -> list[tuple[Array, Array, Array]]:
        """Per face that takes part: basis (n, q) of its values, map (q, r), facets (p, q).

        The basis is orthonormal; ``map @ v`` are the values of a neuron v in it; the open image
        of the face is where ``facets @ e > 0``.
        """
        rays = np.flatnonzero(self.faces.dimensions == 1)
        found = []
        for f in range(self.n_types // 2):
            side = self.sides[f]
            active = self.faces.points * (side > 0)[:, None]
            hull = self.faces.hull(int(self.order[f]))
            left, singular, _ = np.linalg.svd(active @ hull, full_matrices=False)
            basis = left[:, singular > RANK * singular[0]]
            transform = basis.T @ active
            signs = self.faces.signs[rays]
            own = rays[((signs == 0) | (signs == side)).all(axis=1)]
            generators = self.faces.interiors[own] @ transform.T
            found.append((basis, transform, _facets(generators)))
        return found

    @cached_property
    def blocks(self) -> dict[str, Array]:
        """What the kernel reads, padded to equal shapes."""
        count, n = self.n_types // 2, len(self.target)
        widths = np.array([image[0].shape[1] for image in self.images], dtype=np.int64)
        n_facets = np.array([len(image[2]) for image in self.images], dtype=np.int64)
        conditions = [self._conditions(f) for f in range(count)]
        n_conditions = np.array([len(rows) for rows in conditions], dtype=np.int64)
        most = int(widths.max(initial=1))
        columns = np.zeros((count, most, n))
        facets = np.zeros((count, int(n_facets.max(initial=1)), most))
        padded = np.zeros((count, int(n_conditions.max(initial=1)), n))
        for f, (basis, _, bounds) in enumerate(self.images):
            columns[f, : widths[f]] = basis.T
            facets[f, : len(bounds), : widths[f]] = bounds
            padded[f, : len(conditions[f])] = conditions[f]
        size = float(np.abs(self.target).max(initial=0.0))
        return {
            "columns": columns,
            "widths": widths,
            "facets": facets,
            "n_facets": n_facets,
            "conditions": padded,
            # Generous: a condition only saves work, the certificate decides.
            "slacks": 1e-7 * size * np.abs(padded).sum(axis=2),
            "n_conditions": n_conditions,
            "y": self.target,
        }

    def _conditions(self, f: int) -> Array:
        """Linear conditions C s >= 0 of a face with independent kinks and sign +1 (Theorem 6).

        With g = sum of s_k x_k over the active samples, stationary in the face, there are
        multipliers with ``g = sum_j gamma_j x_j`` over the kinks, and h >= 0 iff
        ``0 <= -gamma_j <= W_j``, W_j the sum of the residuals at the kink. Dependent kinks: none,
        the certificate decides.
        """
        side, points = self.sides[f], self.faces.points
        n, r = points.shape
        kinks = np.unique(self.faces.groups[side == 0])
        if kinks.size == 0 or kinks.size != r - self.faces.dimensions[self.order[f]]:
            return np.empty((0, n))
        gamma = np.linalg.pinv(points[kinks].T) @ (points * (side > 0)[:, None]).T
        weights = (self.faces.groups[None, :] == kinks[:, None]).astype(float)
        return np.vstack([-gamma, weights + gamma])

    def fit(self, support: Sequence[int]) -> SupportFit:
        """Solve one support of types that take part, with numpy's singular values."""
        faces = [t // 2 for t in support]
        signs = np.array([1.0 - 2.0 * (t % 2) for t in support])
        # Both signs of one face: the differences of elements of an open cone are all of its hull,
        # so the two neurons together are one without conditions.
        twins = [faces.index(f) for f in faces]
        free = [faces.count(f) > 1 for f in faces]
        blocks = [s * self.images[f][0] for s, f in zip(signs, faces, strict=True)]
        blocks = [block if twins[i] == i else block[:, :0] for i, block in enumerate(blocks)]
        design = np.hstack([np.empty((len(self.target), 0)), *blocks])
        ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
        left, singular, right = np.linalg.svd(design, full_matrices=True)
        rank = int((singular > RANK).sum())
        values = left[:, :rank].T @ self.target
        e = right[:rank].T @ (values / singular[:rank])
        error = 64 * np.finfo(float).eps / float(singular[:rank].min(initial=1.0))
        size = float(np.linalg.norm(self.target))
        tests = np.zeros((0, len(e)))
        owner = np.empty(0, dtype=int)
        for i, f in enumerate(faces):
            if not free[i]:
                rows = np.zeros((len(self.images[f][2]), len(e)))
                rows[:, ends[i] : ends[i + 1]] = self.images[f][2]
                tests, owner = np.vstack([tests, rows]), np.append(owner, [i] * len(rows))
        owner = owner.astype(int)

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
        parts = [e[a:b] for a, b in pairwise(ends)]
        for i, twin in enumerate(twins):
            if twin != i:
                parts[i] = np.zeros_like(parts[twin])
        return SupportFit(outcome, parts, left[:, :rank] @ values - self.target, rank)

    def points(self, support: Sequence[int], fit: SupportFit) -> Array:
        """Weights of the neurons, strictly inside their faces, with the values of a fit, (k, r)."""
        faces = [t // 2 for t in support]
        rows = []
        for i, f in enumerate(faces):
            part = fit.parts[i]
            twin = next((j for j in range(len(faces)) if j != i and faces[j] == f), None)
            if twin is not None:
                # The neuron with sign + takes the difference and a common part, the other the
                # common part, large enough for both to lie in the face.
                plus, minus = (i, twin) if support[i] % 2 == 0 else (twin, i)
                difference = fit.parts[plus] - fit.parts[minus]
                inside = self.images[f][1] @ self.faces.interiors[self.order[f]]
                bounds = self.images[f][2]
                least = float((-(bounds @ difference) / (bounds @ inside)).max(initial=0.0))
                common = 2 * least + float(np.linalg.norm(difference)) or 1.0
                part = common * inside + (difference if i == plus else 0.0)
            rows.append(self._preimage(f, part))
        return np.array(rows).reshape(len(faces), self.faces.points.shape[1])

    def _preimage(self, f: int, part: Array) -> Array:
        """A neuron of an open face with the given values."""
        face = int(self.order[f])
        hull = self.faces.hull(face)
        transform = self.images[f][1] @ hull
        left, singular, right = np.linalg.svd(transform, full_matrices=True)
        point = right[: len(singular)].T @ ((left.T @ part) / singular)
        null = right[len(singular) :].T
        if null.shape[1]:
            strict = self.sides[f] != 0
            scaled = self.sides[f][strict] / self.faces.norms[strict]
            tests = scaled[:, None] * (self.faces.points[strict] @ hull)
            point = _deepest(tests, point, null)
        return np.asarray(hull @ point)


def _facets(generators: Array) -> Array:
    """Unit inner normals of the facets of the cone that vectors generate; it has full dimension.

    Parameters
    ----------
    generators : array of shape (g, q)

    Returns
    -------
    facets : array of shape (p, q)
        No rows where the cone is the whole space.
    """
    sizes = np.linalg.norm(generators, axis=1)
    units = generators[sizes > RANK * sizes.max()] / sizes[sizes > RANK * sizes.max(), None]
    q = units.shape[1]
    found: list[Array] = []
    for subset in combinations(range(len(units)), q - 1):
        if q == 1:
            normal = np.ones(1)
        else:
            _, singular, right = np.linalg.svd(units[list(subset)], full_matrices=True)
            if singular[-1] <= RANK:
                continue
            normal = right[-1]
        for candidate in (normal, -normal):
            new = all(np.abs(candidate - other).max() > RANK for other in found)
            if new and (units @ candidate >= -RANK * 1e-2).all():
                found.append(candidate)
    return np.array(found).reshape(len(found), q)


def _deepest(tests: Array, point: Array, null: Array) -> Array:
    """The point of ``point + null @ c`` that is deepest inside ``tests @ x > 0``.

    Depth counts up to the size of the point, so that the program is bounded.
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


# --- all supports ---------------------------------------------------------------------------------


def search(
    types: Types, k: int, *, progress: Callable[[int], None] = lambda count: None
) -> Iterator[tuple[tuple[int, ...], Code]]:
    """All supports of k types with a code other than ``NONE``, in lexicographic order.

    Parameters
    ----------
    types : Types
    k : int
    progress : callable
        Receives the smallest type of the supports that have just been searched.
    """
    from landscape.atlas import _kernels  # numba takes its time, and only this needs it

    kernel: Callable[..., int] = _kernels.search
    blocks = types.blocks
    found = np.empty((4096, k + 1), dtype=np.int64)
    for first in range(types.n_types - k + 1):
        while True:
            count = kernel(first, k, types.n_types, *blocks.values(), BORDER, found)
            if count <= len(found):
                break
            found = np.empty((2 * count, k + 1), dtype=np.int64)
        for row in found[:count].tolist():
            yield tuple(row[:-1]), Code(row[-1])
        progress(first)


def search_reference(types: Types, k: int) -> Iterator[tuple[tuple[int, ...], Code]]:
    """What :func:`search` does with code 2 decided, one support at a time, in numpy."""
    blocks = types.blocks
    for support in combinations(range(types.n_types), k):
        fit = types.fit(support)
        rejected = False
        for t in support:
            rows = (1 - 2 * (t % 2)) * (blocks["conditions"][t // 2] @ fit.residuals)
            rejected = rejected or bool((rows < -blocks["slacks"][t // 2]).any())
        if not rejected and fit.code is not Code.NONE:
            yield support, fit.code
