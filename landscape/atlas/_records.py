"""What an atlas consists of, and where a point is in it; see :mod:`landscape.atlas`."""

from dataclasses import dataclass, field
from itertools import product
from math import comb
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from landscape.atlas._faces import AtlasCost
from landscape.atlas._supports import Types
from landscape.effective import EffectiveProblem
from landscape.losses import KinkedLoss
from landscape.minima import Certificate
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace

Array = NDArray[np.float64]

#: Values on the samples agree when they differ by at most this, relative to the largest target.
SAME_VALUES = 1e-8


@dataclass(frozen=True)
class AtlasEntry:
    """One connected set of local minima, modulo permutation."""

    number: int  #: position in the atlas, in the order of the losses
    loss: float  #: mean squared error, or what was chosen instead, penalties included
    #: Whether no entry has a lower loss (beyond rounding); there may be several. Of all local
    #: minima the lowest if the atlas is complete.
    is_global: bool
    parametrization: Parametrization  #: in N*, in a piece of the largest dimension
    certificate: Certificate  #: of this representative; its verdict is ``holds``
    key: str  #: its :func:`landscape.minima.activation_key`
    #: ``R(x_k) - y_k``, of other losses s_k, half the slopes; on all of the entry, shape (n,). Of
    #: losses with corners: slopes that support all of the entry, there may be others.
    residuals: Array
    #: Largest dimension of a piece, in effective coordinates (w, b); 0 is an isolated minimum.
    dimension: int
    n_pieces: int  #: joint faces, up to permutation, that the entry consists of
    #: Numbers of positive signs that occur: the components of N* with such minima.
    sign_classes: tuple[int, ...]


@dataclass(frozen=True)
class UndecidedFace:
    """A joint face of which the atlas does not know whether it carries local minima."""

    loss: float  #: of its minimizers
    signs: NDArray[np.int8]  #: activation of the neurons that are not silent, (k, n)
    reason: str  #: a sentence


@dataclass(frozen=True)
class Location:
    """Where a point is in an atlas."""

    number: int  #: of the entry, -1 if it is in none
    #: By its joint face, or by its values on the samples and a joint face that touches its own (a
    #: point so near to a border that rounding decides).
    how: Literal["face", "values", "none"]


@dataclass(frozen=True, eq=False)
class Atlas:
    """All local minima of a problem on N*."""

    space: RestrictedSpace  #: N*, with its bounds
    features: Array  #: (n, p), not lifted
    target: Array  #: (n,)
    entries: tuple[AtlasEntry, ...]  #: ordered by loss
    #: What could not be decided. The list of entries is complete if this is empty.
    undecided: tuple[UndecidedFace, ...]
    cost: AtlasCost  #: what there was to enumerate
    n_candidates: int  #: supports with minimizers in their open faces
    #: Supports whose minimizers are in smaller faces up to rounding, where they were found.
    n_border: int
    n_values: int  #: distinct values on the samples of the entries
    _types: Types
    _pieces: dict[tuple[int, ...], list[int]]
    #: Loss, sample weights and weight decay, where they are others than the squared error.
    form: dict[str, Any] = field(default_factory=dict)
    zero: float = 0.0  #: the loss of the zero function

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
        """The first entry of the least loss; a ValueError if there is none (all undecided)."""
        if not self.entries:
            raise ValueError("the atlas has no certified entry, see its undecided ones")
        return self.entries[0]

    @property
    def _scale(self) -> float:
        """The size of the zero function's residuals."""
        problem = EffectiveProblem.over(self.space, self.features, self.target, **self.form)
        return float(np.abs(problem.half_slopes(-problem.y)).max()) or np.finfo(float).tiny

    def bad_regions(self) -> tuple[int, int, int]:
        """Activation regions with a bad local minimum inside, with one in the closure, and all.

        A region is an open joint cell with the neurons' signs, modulo permutation; bad is a minimum
        that is higher than another with as many positive signs. A neuron that no sample activates
        may have either sign.
        """
        signs, silent, m = self._types.faces.signs, self._types.silent, self.space.n_neurons
        cells = np.flatnonzero((signs != 0).all(axis=1))
        below = ((signs[:, None] == 0) | (signs[:, None] == signs[cells])).all(axis=2)
        tie = SAME_VALUES * self.zero
        least = [
            min((e.loss for e in self.entries if positive in e.sign_classes), default=np.inf) + tie
            for positive in range(m + 1)
        ]
        inside: set[tuple[int, ...]] = set()
        closure: set[tuple[int, ...]] = set()
        for piece, numbers in self._pieces.items():
            loss = max(self.entries[number].loss for number in numbers)
            kinds = ((0, 1) if t == silent else (t % 2,) for t in piece)
            choices = [
                [2 * int(c) + s for c in cells[below[t // 2]] for s in kind]
                for t, kind in zip(piece, kinds, strict=True)
            ]
            found = {tuple(sorted(region)) for region in product(*choices)}
            found = {r for r in found if loss > least[sum(t % 2 == 0 for t in r)]}
            closure |= found
            if (signs[np.array(piece) // 2] != 0).all():
                inside |= found
        return len(inside), len(closure), comb(2 * len(cells) + m - 1, m)

    def locate(self, theta: Parametrization) -> Location:
        """The entry that contains a point of the atlas's space."""
        X = self.space.embed(self.features)
        problem = EffectiveProblem.build(theta, X, self.target, self.space, **self.form)
        state = problem.state()
        z = problem.preactivations(state)
        sides = np.where(problem.kink_pairs(state, z), 0, np.sign(z)).astype(np.int8).T
        residuals = problem.half_slopes(problem.residuals(state, z))
        tolerance, value = 100 * SAME_VALUES * self._scale, problem.loss(state)
        cornered = isinstance(problem.sample_loss, KinkedLoss)  # slopes are not unique
        near = [
            entry.number
            for entry in self.entries
            if (
                abs(entry.loss - value) <= SAME_VALUES * self.zero
                if cornered
                else np.abs(entry.residuals - residuals).max() <= tolerance
            )
        ]
        types = _types_of(self._types, sides, problem.signs)
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
    """Size of the largest target, not zero."""
    return max(float(np.abs(target).max(initial=0.0)), np.finfo(float).tiny)


def _types_of(types: Types, sides: NDArray[np.int8], signs: Array) -> tuple[int, ...]:
    """Sorted types of a point's joint face; -1 for a sign vector that is no face's."""
    apex, found = False, []
    for row, sign in zip(np.ascontiguousarray(sides), signs, strict=True):
        face = types.faces.index.get(row.tobytes())
        t = -1 if face is None else 2 * face + int(sign < 0)
        if t // 2 == types.silent // 2 or (apex and not row.any()):
            t = types.silent  # signs do not count, and all neurons at the apex but one do as well
        apex = apex or not row.any()
        found.append(t)
    return tuple(sorted(found))


def _touches(types: Types, piece: tuple[int, ...], sides: NDArray[np.int8], signs: Array) -> bool:
    """Whether some permutation matches a piece to sign vectors that agree where both are not 0."""
    t = np.array(piece)
    rows = types.faces.signs[t // 2][:, None]
    agree = ((rows == 0) | (sides[None] == 0) | (rows == sides[None])).all(axis=2)
    agree &= (t[:, None] % 2 == (signs < 0)) | (t == types.silent)[:, None]
    return bool((maximum_bipartite_matching(csr_array(agree)) >= 0).all())
