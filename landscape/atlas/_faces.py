"""Faces of the activation arrangement of one neuron on lifted samples, and what an atlas costs.

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
from numpy.typing import ArrayLike, NDArray

from landscape.errors import LandscapeError
from landscape.parametrization import group_directions
from landscape.rounding import Array

Signs = NDArray[np.int8]

#: A sample counts as on a ray when their inner product is at most this, relative to both norms.
ON_RAY = 1e-11

#: Faces of one neuron are enumerated, not only counted, up to so many.
MAX_FACES = 20_000


@dataclass(frozen=True, eq=False)
class Frame:
    """Samples in coordinates without units, and the way back.

    Each input is moved by a sample's value and divided by a power of two: local minima, faces and
    values stay, ``w = w' / scale``, ``b = b' - <w, centre>``; rounding errors become those of
    standardized data. The differences of nearby floats are exact.
    """

    features: Array  #: (n, p) in the new coordinates, equal samples equal to the last bit
    transform: Array  #: (p + 1, p + 1): ``(w, b) = transform @ (w', b')``
    points: Array  #: (n, r): lifted, in an orthonormal basis of their span
    basis: Array  #: (p + 1, r): ``(w', b') = basis @ v``
    groups: NDArray[np.intp]  #: (n,): equal for equal samples, the smallest index of them

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
        _, singular, right = np.linalg.svd(lifted[np.unique(groups)], full_matrices=False)
        rank = int((singular > 1e-10 * singular[0]).sum())
        basis = right[:rank].T if rank < p + 1 else np.eye(rank)
        return cls(moved, transform, lifted @ basis, basis, groups)


@dataclass(frozen=True, eq=False)
class Faces:
    """All f faces of the arrangement of n lifted samples in r dimensions."""

    frame: Frame  #: the samples without units; ``v`` are weights of a neuron in its coordinates
    #: (f, n): -1 inactive, 0 on the kink, 1 active; silent ones last, then ordered by dimension,
    #: then lexicographically.
    signs: Signs
    interiors: Array  #: (f, r): a unit vector of each face, 0 for the apex
    dimensions: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.signs)

    @cached_property
    def silent(self) -> NDArray[np.bool_]:
        """Faces on which the neuron contributes nothing on any sample, shape (f,)."""
        return np.asarray((self.signs <= 0).all(axis=1))

    @cached_property
    def index(self) -> dict[bytes, int]:
        """Number of a face by the bytes of its signs."""
        return {row.tobytes(): k for k, row in enumerate(self.signs)}

    @cached_property
    def units(self) -> Array:
        """The lifted samples divided by their Euclidean norms, shape (n, r)."""
        return self.frame.points / np.linalg.norm(self.frame.points, axis=1)[:, None]

    @cached_property
    def hulls(self) -> list[Array]:
        """Orthonormal bases of the linear hulls of the faces, each of shape (r, dimension)."""
        kinks = [self.units[np.unique(self.frame.groups[row == 0])] for row in self.signs]
        right = [np.linalg.svd(rows, full_matrices=True)[2] for rows in kinks]
        return [v[len(v) - d :].T for v, d in zip(right, self.dimensions, strict=True)]


def count_faces(n_points: int, rank: int) -> int:
    """Number of faces of n central hyperplanes in general position in R^rank, the apex included.

    Exact for one input (rank 2: 4 n + 1); with more inputs an upper bound, attained in general
    position.
    """
    # On each intersection of r - j of them, of dimension j, the others cut out cells.
    return 1 + sum(
        2 * comb(n_points, rank - j) * comb(n_points - rank + j - 1, i)
        for j in range(1, rank + 1)
        for i in range(j)
    )


def separation(units: Array) -> float:
    """How far subsets of unit vectors that are independent are from being dependent.

    The least singular value of r distinct ones that is no rounding error; inf if there is none.
    """
    least, subsets = np.inf, combinations(range(len(units)), units.shape[1])
    while batch := list(islice(subsets, 50_000)):
        smallest = np.linalg.svd(units[np.array(batch)], compute_uv=False)[:, -1]
        least = min(least, float(smallest[smallest > 1e-14].min(initial=np.inf)))
    return least


def neuron_faces(features: Array) -> Faces:
    """Enumerate the faces of samples, (n, p)."""
    frame = Frame.of(features)
    firsts = np.unique(frame.groups)
    unit = frame.points[firsts] / np.linalg.norm(frame.points[firsts], axis=1)[:, None]
    r = unit.shape[1]
    rays = _rays(unit)
    table, directions = np.array([np.frombuffer(key, np.int8) for key in rays]), [*rays.values()]
    found, front = rays.copy(), [*rays]
    while front:
        after = []
        for key in front:
            row = np.frombuffer(key, np.int8)
            for other, ray in zip(np.where(row == 0, table, row), directions, strict=True):
                composed = other.tobytes()
                if composed not in found:
                    found[composed] = _compose(unit, row, found[key], ray)
                    after.append(composed)
        front = [key for key in after if b"\0" in key]
    found[bytes(len(firsts))] = np.zeros(r)
    keys = np.array([np.frombuffer(key, np.int8) for key in found])
    ranks = [np.linalg.matrix_rank(unit[row == 0], tol=10 * ON_RAY) for row in keys]
    dimensions = r - np.array(ranks, dtype=np.intp)
    order = np.lexsort([*keys.T[::-1], dimensions, (keys <= 0).all(axis=1)])
    signs = keys[order][:, np.searchsorted(firsts, frame.groups)]
    return Faces(frame, signs, np.array([*found.values()])[order], dimensions[order])


def _rays(unit: Array) -> dict[bytes, Array]:
    """Directions of all rays of an essential arrangement of unit normals, by their signs."""
    rays: dict[bytes, Array] = {}
    for subset in map(list, combinations(range(len(unit)), unit.shape[1] - 1)):
        _, singular, right = np.linalg.svd(unit[subset], full_matrices=True)
        if singular.min(initial=np.inf) <= ON_RAY:
            continue
        heights = unit @ right[-1]
        heights[np.abs(heights) <= ON_RAY] = 0.0
        heights[subset] = 0.0
        row = np.sign(heights).astype(np.int8)
        rays.setdefault(row.tobytes(), right[-1])
        rays.setdefault((-row).tobytes(), -right[-1])
    return rays


def _compose(unit: Array, row: Signs, inside: Array, ray: Array) -> Array:
    """A unit vector of the face "row, then ray", as far from its border as on that segment."""
    base, step = unit @ inside, unit @ ray
    against = (row != 0) & (row * step < 0)
    limit = float(np.min(base[against] / -step[against])) if against.any() else 1.0
    point = inside + min(limit / 2, 1.0) * ray
    return np.asarray(point / np.linalg.norm(point))


class AtlasTooLarge(LandscapeError, ValueError):
    """An atlas that would cost more than its budget.

    ``key`` is the argument that limits it, ``value`` what it would need, ``limit`` what it allows,
    ``remedy`` what to do.
    """

    def __init__(self, key: str, value: int, limit: int, what: str, remedy: str) -> None:
        self.key, self.value, self.limit, self.remedy = key, value, limit, remedy
        super().__init__(f"{key}: {what}, more than the limit of {limit:,}; {remedy}")


@dataclass(frozen=True)
class AtlasCost:
    """Counts that an atlas's cost follows from."""

    n_points: int  #: distinct samples
    rank: int  #: dimension of the span of the lifted samples, p + 1 unless they are collinear
    #: Faces f of one neuron's activation arrangement; one input: 4 n_points + 1.
    n_faces: int
    n_silent: int  #: those on which it contributes nothing; one input: 4
    n_supports: int  #: least squares problems: ``sum_{k <= m} C(2 (f - silent), k)``
    #: Joint faces with signs up to permutation, C(2 f + m - 1, m): what the supports stand for.
    n_joint_faces: int
    #: False where the faces were too many to be enumerated: then all counts are upper bounds.
    exact: bool

    def require(self, n_neurons: int, max_supports: int) -> None:
        """Refuse what exceeds the budget with an `AtlasTooLarge`."""
        if not self.exact:
            what = (
                f"{self.n_points} distinct samples of rank {self.rank} give one neuron up to "
                f"{self.n_faces:,} activation faces"
            )
            remedy = "use fewer samples or inputs"
            raise AtlasTooLarge("features", self.n_faces, MAX_FACES, what, remedy)
        if self.n_supports > max_supports:
            what = (
                f"{n_neurons} neurons over {self.n_faces} activation faces each need "
                f"{self.n_supports:,} least squares problems"
            )
            remedy = (
                "use fewer samples or neurons, or raise max_supports (a million takes some seconds "
                "with one input)"
            )
            raise AtlasTooLarge("max_supports", self.n_supports, max_supports, what, remedy)


def atlas_cost(features: ArrayLike, n_neurons: int) -> AtlasCost:
    """Count faces, supports and joint faces without solving anything.

    Parameters
    ----------
    features : array_like of shape (n, p)
    n_neurons : int
        Neurons m of the network in N*, the offset's included.

    Examples
    --------
    >>> cost = atlas_cost([[k / 11] for k in range(12)], 3)
    >>> cost.n_faces, cost.n_supports, cost.n_joint_faces
    (49, 121576, 161700)
    """
    x = np.asarray(features, dtype=float)
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"features: expected shape (n_samples, n_features), got {x.shape}")
    if n_neurons < 1:
        raise ValueError(f"n_neurons: expected a positive integer, got {n_neurons}")
    frame = Frame.of(x)
    n, rank = len(np.unique(frame.groups)), frame.points.shape[1]
    n_faces, n_silent = count_faces(n, rank), 2  # the apex and the open cell of no active sample
    if exact := n_faces <= MAX_FACES:
        faces = neuron_faces(x)
        n_faces, n_silent = len(faces), int(faces.silent.sum())
    n_supports = sum(comb(2 * (n_faces - n_silent), k) for k in range(n_neurons + 1))
    n_joint_faces = comb(2 * n_faces + n_neurons - 1, n_neurons)
    return AtlasCost(n, rank, n_faces, n_silent, n_supports, n_joint_faces, exact)
