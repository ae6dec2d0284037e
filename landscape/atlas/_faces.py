"""Faces of the activation arrangement of one neuron on lifted samples.

A neuron ``(w, b)`` sees the samples through the signs of ``<(w, b), (x_k, 1)>``. The vectors in
{-, 0, +}^n that occur are the *faces* of a central arrangement: open cells, their facets, ...,
down to the apex 0. Each is a relatively open polyhedral cone. They are generated here the way
oriented matroids do it: rays (cocircuits) first, then all compositions "signs of one, and where
those are 0 the signs of the other".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import group_directions

__all__ = ["Faces", "Frame", "count_faces", "neuron_faces", "separation"]

Array = NDArray[np.float64]
Signs = NDArray[np.int8]

#: A sample counts as on a ray when their inner product is at most this, relative to both norms.
ON_RAY = 1e-11


@dataclass(frozen=True, eq=False)
class Faces:
    """All faces of the arrangement of n lifted samples in r dimensions.

    Attributes
    ----------
    frame : Frame
        The samples without units; ``v`` are weights of a neuron in its coordinates.
    signs : int8 array of shape (f, n)
        -1 inactive, 0 on the kink, 1 active; ordered by dimension, then lexicographically.
    interiors : array of shape (f, r)
        A unit vector of each face, 0 for the apex.
    dimensions : int array of shape (f,)
    """

    frame: Frame
    signs: Signs
    interiors: Array
    dimensions: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.signs)

    @property
    def points(self) -> Array:
        """Lifted samples in an orthonormal basis of their span, (n, r)."""
        return self.frame.points

    @property
    def groups(self) -> NDArray[np.intp]:
        """Equal for equal samples: the smallest index of them, (n,)."""
        return self.frame.groups

    @cached_property
    def silent(self) -> NDArray[np.bool_]:
        """Faces on which the neuron contributes nothing on any sample, shape (f,)."""
        return np.asarray((self.signs <= 0).all(axis=1))

    @cached_property
    def index(self) -> dict[bytes, int]:
        """Number of a face by the bytes of its signs."""
        return {row.tobytes(): k for k, row in enumerate(self.signs)}

    @cached_property
    def norms(self) -> Array:
        """Euclidean norms of the lifted samples, shape (n,)."""
        return np.linalg.norm(self.points, axis=1)

    def hull(self, face: int) -> Array:
        """Orthonormal basis of the linear hull of a face, shape (r, dimension)."""
        kinks = np.unique(self.groups[self.signs[face] == 0])
        r = self.points.shape[1]
        if kinks.size == 0:
            return np.eye(r)
        rows = self.points[kinks] / self.norms[kinks, None]
        return np.asarray(np.linalg.svd(rows, full_matrices=True)[2])[r - self._null(face) :].T

    def _null(self, face: int) -> int:
        return int(self.dimensions[face])


def count_faces(n_points: int, rank: int) -> int:
    """Number of faces of n central hyperplanes in general position in R^rank, the apex included.

    Exact for one input (rank 2: 4 n + 1); with more inputs an upper bound, attained in general
    position.

    Examples
    --------
    >>> count_faces(12, 2), count_faces(4, 3)
    (49, 51)
    """
    total = 1
    for j in range(1, rank + 1):
        rest = n_points - rank + j
        if rest >= 0:
            cells = 2 * sum(comb(max(rest - 1, 0), i) for i in range(j)) if rest > 0 else 1
            total += comb(n_points, rank - j) * cells
    return total


@dataclass(frozen=True, eq=False)
class Frame:
    """Samples in coordinates without units, and the way back.

    Each input is moved by a sample's value and divided by a power of two: local minima, faces and
    values stay, ``w = w' / scale``, ``b = b' - <w, centre>``; rounding errors become those of
    standardized data. The differences of nearby floats are exact.

    Attributes
    ----------
    features : array of shape (n, p)
        In the new coordinates, equal samples equal to the last bit.
    transform : array of shape (p + 1, p + 1)
        ``(w, b) = transform @ (w', b')``.
    points : array of shape (n, r)
        Lifted, in an orthonormal basis of their span.
    basis : array of shape (p + 1, r)
        ``(w', b') = basis @ v``.
    groups : int array of shape (n,)
    """

    features: Array
    transform: Array
    points: Array
    basis: Array
    groups: NDArray[np.intp]

    @classmethod
    def of(cls, features: Array) -> Frame:
        """The frame of some samples, (n, p)."""
        n, p = features.shape
        middle = (features.min(axis=0) + features.max(axis=0)) / 2
        spread = np.ptp(features, axis=0)
        _, exponents = np.frexp(np.where(spread > 0, spread / 2, 1.0))
        scale = np.ldexp(1.0, exponents)
        far = (np.abs(features - middle) / scale).max(axis=1, initial=0.0)
        centre = features[int(np.argmin(far))]
        moved = (features - centre) / scale
        lifted = np.column_stack([moved, np.ones(n)])
        groups = group_directions(lifted)
        moved, lifted = moved[groups], lifted[groups]
        transform = np.diag(np.append(1.0 / scale, 1.0))
        transform[p, :p] = -centre / scale
        distinct = lifted[np.unique(groups)]
        _, singular, right = np.linalg.svd(distinct, full_matrices=False)
        rank = int((singular > 1e-10 * singular[0]).sum())
        basis = right[:rank].T if rank < p + 1 else np.eye(rank)
        return cls(moved, transform, lifted @ basis, basis, groups)


def separation(points: Array) -> float:
    """How far subsets of unit vectors that are independent are from being dependent.

    The least singular value of r distinct ones that is no rounding error; inf if there is none.
    """
    n, r = points.shape
    unit = points / np.linalg.norm(points, axis=1)[:, None]
    least, subsets = np.inf, combinations(range(n), r)
    while batch := list(islice(subsets, 50_000)):
        smallest = np.linalg.svd(unit[np.array(batch)], compute_uv=False)[:, -1]
        least = min(least, float(smallest[smallest > 1e-14].min(initial=np.inf)))
    return least


def neuron_faces(features: Array) -> Faces:
    """Enumerate the faces.

    Parameters
    ----------
    features : array of shape (n, p)

    Returns
    -------
    faces : Faces
    """
    frame = Frame.of(features)
    points, groups = frame.points, frame.groups
    r = points.shape[1]
    firsts = np.unique(groups)
    unit = points[firsts] / np.linalg.norm(points[firsts], axis=1)[:, None]
    found: dict[bytes, Array] = {}
    rays = _rays(unit)
    for row, ray in rays:
        found.setdefault(row.tobytes(), ray)
    cocircuits = [(np.frombuffer(key, dtype=np.int8), ray) for key, ray in found.items()]
    front = list(cocircuits)
    table = np.array([row for row, _ in cocircuits], dtype=np.int8)
    while front:
        after = []
        for row, inside in front:
            if row.all():
                continue
            composed = np.where(row == 0, table, row)
            for k in np.flatnonzero((composed != row).any(axis=1)):
                key = composed[k].tobytes()
                if key not in found:
                    found[key] = _compose(unit, row, inside, cocircuits[k][1])
                    after.append((composed[k], found[key]))
        front = after
    found[bytes(len(firsts))] = np.zeros(r)
    keys = [np.frombuffer(key, dtype=np.int8) for key in found]
    dimensions = [_dimension(unit, row) for row in keys]
    order = sorted(range(len(keys)), key=lambda k: (dimensions[k], keys[k].tolist()))
    position = np.searchsorted(firsts, groups)
    inside = np.array([found[keys[k].tobytes()] for k in order])
    return Faces(
        frame,
        np.array([keys[k] for k in order], dtype=np.int8)[:, position],
        inside,
        np.array([dimensions[k] for k in order], dtype=np.intp),
    )


def _rays(unit: Array) -> list[tuple[Signs, Array]]:
    """Signs and directions of all rays of an essential arrangement of unit normals."""
    n, r = unit.shape
    rays = []
    for subset in combinations(range(n), r - 1):
        rows = unit[list(subset)]
        if r == 1:
            ray = np.ones(1)
        elif r == 2:
            ray = np.array([-rows[0, 1], rows[0, 0]])
        else:
            _, singular, right = np.linalg.svd(rows, full_matrices=True)
            if singular[-1] <= ON_RAY:
                continue
            ray = right[-1]
        heights = unit @ ray
        heights[np.abs(heights) <= ON_RAY] = 0.0
        heights[list(subset)] = 0.0
        row = np.sign(heights).astype(np.int8)
        rays += [(row, ray), (-row, -ray)]
    return rays


def _compose(unit: Array, row: Signs, inside: Array, ray: Array) -> Array:
    """A unit vector of the face "row, then ray", as far from its border as on that segment."""
    base, step = unit @ inside, unit @ ray
    against = (row != 0) & (row * step < 0)
    limit = float(np.min(base[against] / -step[against])) if against.any() else 1.0
    point = inside + min(limit / 2, 1.0) * ray
    return np.asarray(point / np.linalg.norm(point))


def _dimension(unit: Array, row: Signs) -> int:
    kinks = unit[row == 0]
    r = unit.shape[1]
    if len(kinks) == 0:
        return r
    singular = np.linalg.svd(kinks, compute_uv=False)
    return r - int((singular > 10 * ON_RAY).sum())
