"""What an atlas consists of, and where a point is in it; see :mod:`landscape.atlas`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landscape.atlas._cost import AtlasCost
from landscape.atlas._supports import Types
from landscape.effective import EffectiveProblem
from landscape.minima import Certificate
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace

__all__ = ["Atlas", "AtlasEntry", "Location", "UndecidedFace", "silent_type", "target_size"]

Array = NDArray[np.float64]

#: Values on the samples agree when they differ by at most this, relative to the largest target.
SAME_VALUES = 1e-8


@dataclass(frozen=True)
class AtlasEntry:
    """One connected set of local minima, modulo permutation.

    Attributes
    ----------
    number : int
        Position in the atlas, in the order of the losses.
    loss : float
        Mean squared error.
    is_global : bool
        Whether no entry has a lower loss (beyond rounding); there may be several. Of all local
        minima the lowest if the atlas is complete.
    parametrization : Parametrization
        A representative in N*, in a piece of the largest dimension.
    certificate : Certificate
        Of the representative; its verdict is ``holds``.
    key : str
        Its :func:`landscape.minima.activation_key`.
    residuals : array of shape (n,)
        ``R(x_k) - y_k``, on all of the entry.
    dimension : int
        Largest dimension of a piece, in effective coordinates (w, b); 0 is an isolated minimum.
    n_pieces : int
        Joint faces, up to permutation, that the entry consists of.
    sign_classes : tuple of int
        Numbers of positive signs that occur: the components of N* with such minima.
    """

    number: int
    loss: float
    is_global: bool
    parametrization: Parametrization
    certificate: Certificate
    key: str
    residuals: Array
    dimension: int
    n_pieces: int
    sign_classes: tuple[int, ...]


@dataclass(frozen=True)
class UndecidedFace:
    """A joint face of which the atlas does not know whether it carries local minima.

    Attributes
    ----------
    loss : float
        Of its minimizers.
    signs : int8 array of shape (k, n)
        Activation of the neurons that are not silent.
    reason : str
    """

    loss: float
    signs: NDArray[np.int8]
    reason: str


@dataclass(frozen=True)
class Location:
    """Where a point is in an atlas.

    Attributes
    ----------
    number : int
        Of the entry, -1 if it is in none.
    how : {"face", "values", "none"}
        By its joint face, or by its values on the samples and a joint face that touches its own
        (a point so near to a border that rounding decides).
    """

    number: int
    how: Literal["face", "values", "none"]


@dataclass(frozen=True, eq=False)
class Atlas:
    """All local minima of a problem on N*.

    Attributes
    ----------
    space : RestrictedSpace
    features, target : arrays of shapes (n, p) and (n,)
    entries : tuple of AtlasEntry
        Ordered by loss.
    undecided : tuple of UndecidedFace
        What could not be decided. The list of entries is complete if this is empty.
    cost : AtlasCost
    n_candidates : int
        Supports with minimizers in their open faces.
    n_border : int
        Supports whose minimizers are in smaller faces up to rounding, where they were found.
    n_values : int
        Distinct values on the samples of the entries.
    """

    space: RestrictedSpace
    features: Array
    target: Array
    entries: tuple[AtlasEntry, ...]
    undecided: tuple[UndecidedFace, ...]
    cost: AtlasCost
    n_candidates: int
    n_border: int
    n_values: int
    _types: Types
    _pieces: dict[tuple[int, ...], list[int]]

    def __repr__(self) -> str:
        return (
            f"Atlas({len(self.entries)} minima, {len(self.undecided)} undecided, "
            f"n_samples={len(self.target)}, n_neurons={self.space.n_neurons})"
        )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def complete(self) -> bool:
        """Whether nothing was left undecided."""
        return not self.undecided

    @property
    def global_minimum(self) -> AtlasEntry:
        """The first entry of the least loss.

        Raises
        ------
        ValueError
            If the atlas has no entry (all are undecided).
        """
        if not self.entries:
            raise ValueError("the atlas has no certified entry, see its undecided ones")
        return self.entries[0]

    def locate(self, theta: Parametrization) -> Location:
        """The entry that contains a point.

        Parameters
        ----------
        theta : Parametrization
            In the atlas's space.
        """
        problem = EffectiveProblem.build(
            theta, self.space.embed(self.features), self.target, self.space
        )
        state = problem.state()
        z = problem.preactivations(state)
        kinks = problem.kink_pairs(state, z)
        sides = np.where(kinks, 0, np.sign(z)).astype(np.int8).T
        residuals = problem.residuals(state, z)
        tolerance = 100 * SAME_VALUES * target_size(self.target)
        near = [
            entry.number
            for entry in self.entries
            if np.abs(entry.residuals - residuals).max() <= tolerance
        ]
        types = _types_of(self._types, sides, problem.signs)
        if types is not None:
            found = [k for k in self._pieces.get(types, []) if k in near]
            if found:
                return Location(found[0], "face")
        # Rounding: the same values, in faces that agree where both are off the kinks.
        for piece, numbers in self._pieces.items():
            for number in numbers:
                if number in near and _touches(self._types, piece, sides, problem.signs):
                    return Location(number, "values")
        return Location(-1, "none")


def target_size(target: Array) -> float:
    return max(float(np.abs(target).max(initial=0.0)), np.finfo(float).tiny)


def silent_type(types: Types) -> int:
    """The type of neurons that no sample activates or touches."""
    row = np.full(len(types.target), -1, dtype=np.int8)
    return 2 * int(types.number[types.faces.index[row.tobytes()]])


def _types_of(types: Types, sides: NDArray[np.int8], signs: Array) -> tuple[int, ...] | None:
    """Sorted types of a point's joint face; None if a sign vector is no face's."""
    silent, apex = silent_type(types), False
    found = []
    for row, sign in zip(np.ascontiguousarray(sides), signs, strict=True):
        face = types.faces.index.get(row.tobytes())
        if face is None:
            return None
        t = 2 * int(types.number[face]) + int(sign < 0)
        if t // 2 == silent // 2 or (apex and not row.any()):
            t = silent  # signs do not count, and all neurons at the apex but one do as well
        apex = apex or not row.any()
        found.append(t)
    return tuple(sorted(found))


def _touches(types: Types, piece: tuple[int, ...], sides: NDArray[np.int8], signs: Array) -> bool:
    """Whether some permutation matches a piece to sign vectors that agree where both are not 0."""
    silent = silent_type(types)
    rows = types.sides[np.array(piece) // 2]
    agree = ((rows[:, None] == 0) | (sides[None] == 0) | (rows[:, None] == sides[None])).all(axis=2)
    parity = np.array([t % 2 for t in piece])[:, None] == (signs < 0)[None, :]
    agree &= parity | (np.array(piece) == silent)[:, None]

    def match(i: int, used: frozenset[int]) -> bool:
        if i == len(piece):
            return True
        return any(
            agree[i, j] and match(i + 1, used | {j}) for j in range(len(piece)) if j not in used
        )

    return match(0, frozenset())
