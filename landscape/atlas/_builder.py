"""From supports to certified entries: how an atlas is made, see :mod:`landscape.atlas`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.atlas._cost import AtlasCost, atlas_cost, require_budget
from landscape.atlas._faces import neuron_faces, separation
from landscape.atlas._plateaus import Piece, cluster_residuals, connect
from landscape.atlas._records import (
    SAME_VALUES,
    Atlas,
    AtlasEntry,
    UndecidedFace,
    silent_type,
    target_size,
)
from landscape.atlas._supports import Code, SupportFit, Types, search
from landscape.effective import EffectiveProblem, State
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace
from landscape.stationarity import Budget
from landscape.verdict import Verdict

__all__ = ["make_atlas"]

Array = NDArray[np.float64]

#: Losses count as equal to the least one within this, relative to the mean square of the target.
SAME_LOSS = 1e-10

#: Samples have to be this far from dependence, see ``_faces.separation``, or be dependent.
SEPARATION = 1e-7


def make_atlas(
    features: ArrayLike,
    target: ArrayLike,
    *,
    space: RestrictedSpace,
    max_supports: int = 5_000_000,
    budget: Budget | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Atlas:
    """Enumerate all local minima of the mean squared error on N*.

    Parameters
    ----------
    features : array_like of shape (n, p)
        Not lifted; the space lifts them.
    target : array_like of shape (n,)
    space : RestrictedSpace
        Its ``n_neurons`` counts the offset's neuron, see :func:`landscape.spaces.make_space`.
    max_supports : int
        Budget: least squares problems, see :class:`AtlasCost`.
    budget : Budget, optional
        For mixed kinks in the certificates.
    progress : callable
        Receives lines of text.

    Returns
    -------
    atlas : Atlas

    Raises
    ------
    AtlasTooLarge
        Before anything is solved, with the numbers.
    ValueError
        If shapes do not fit, or the space has an upper bound.

    Examples
    --------
    One neuron on four points of a ridge: the ridge itself; a neuron that only the last sample
    activates; the silent neuron.

    >>> from landscape.spaces import RestrictedSpace
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 1.0, 2.0]
    >>> atlas = make_atlas(x, y, space=RestrictedSpace(3, 1))
    >>> [(round(entry.loss, 6), entry.dimension) for entry in atlas.entries]
    [(0.0, 0), (0.25, 1), (1.25, 2)]
    """
    x, y = np.asarray(features, dtype=float), np.asarray(target, dtype=float)
    if not isinstance(space, RestrictedSpace) or np.isfinite(space.bound):
        raise ValueError(f"space: expected N* without an upper bound, got {space!r}")
    if x.ndim != 2 or y.shape != (len(x),) or x.shape[1] != space.n_inputs - 2:
        raise ValueError(
            f"features, target: expected shapes (n, {space.n_inputs - 2}) and (n,), got "
            f"{x.shape} and {y.shape}"
        )
    cost = atlas_cost(x, space.n_neurons)
    require_budget(cost, space.n_neurons, max_supports)
    progress(
        f"{cost.n_faces} faces, {cost.n_supports} supports for {cost.n_joint_faces} joint faces"
    )
    return _Builder(x, y, space, cost, budget, progress).run()


class _Builder:
    """State of the construction."""

    def __init__(
        self,
        x: Array,
        y: Array,
        space: RestrictedSpace,
        cost: AtlasCost,
        budget: Budget | None,
        progress: Callable[[str], None],
    ) -> None:
        self.x, self.y, self.space, self.cost = x, y, space, cost
        self.budget, self.progress = budget, progress
        self.faces = neuron_faces(x)
        # Work without units: standardized inputs, targets of size one, no margin.
        self.unit = float(np.ldexp(1.0, int(np.frexp(target_size(y))[1])))
        self.free = RestrictedSpace(space.n_inputs, space.n_neurons)
        self.types = Types.build(self.faces, y / self.unit)
        self.silent = silent_type(self.types)
        self.supports: list[tuple[tuple[int, ...], SupportFit]] = []
        self.pieces: list[Piece] = []
        self.undecided: list[UndecidedFace] = []
        self.n_candidates = self.n_border = 0
        self._fits: dict[tuple[int, ...], SupportFit] = {}
        self._lower: dict[int, list[int]] = {}
        # Silent neurons that touch samples: whether they may is a question to the residuals.
        faces = self.faces
        touching = [f for f in range(len(faces)) if faces.silent[f] and faces.dimensions[f] > 0]
        touching = [int(self.types.number[f]) for f in touching]
        self.apex = 2 * int(self.types.number[faces.dimensions == 0][0])
        quiet = [2 * f + b for f in touching for b in (0, 1) if 2 * f != self.silent]
        self.quiet = [*quiet, self.apex, self.apex + 1]

    def run(self) -> Atlas:
        apart = separation(self.faces.points[np.unique(self.faces.groups)])
        if apart < SEPARATION:
            self.undecided.append(
                UndecidedFace(
                    np.nan,
                    np.empty((0, len(self.y)), dtype=np.int8),
                    f"distinct samples are too near to each other, or to a common line or plane "
                    f"without being on it, for double precision: {apart:.1e} of the data's size",
                )
            )
        for k in range(self.space.n_neurons + 1):
            self._supports_of(k)
        return self._collect()

    # --- candidates ---------------------------------------------------------------------------

    def _supports_of(self, k: int) -> None:
        if k == 0:
            self._candidate((), self.types.fit(()))
            return
        last, total = -1, self.types.n_types

        def searched(first: int) -> None:
            nonlocal last
            tenth = 10 * (first + 1) // total
            if tenth > last:
                last = tenth
                self.progress(
                    f"{k} active neurons: smallest type {first + 1} of {total}, "
                    f"{self.n_candidates} candidates"
                )

        for support, code in search(self.types, k, progress=searched):
            fit = self.types.fit(support)
            if fit.code is Code.INSIDE:
                self._candidate(support, fit)
            elif fit.code is Code.BORDER or (code is not Code.AFFINE and fit.code is Code.NONE):
                self._border(support, fit)

    def _border(self, support: tuple[int, ...], fit: SupportFit) -> None:
        """A minimizer on the border up to rounding: it has to turn up in a smaller face."""
        tolerance = SAME_VALUES * target_size(self.types.target)
        for choice in product(*(self._below(t) for t in support)):
            active = tuple(sorted({t for t in choice if t < self.types.n_types}))
            if active == support:
                continue
            if active not in self._fits:  # many borders share their smaller faces
                self._fits[active] = self.types.fit(active)
            other = self._fits[active]
            if (
                other.code is Code.INSIDE
                and np.abs(other.residuals - fit.residuals).max() <= tolerance
            ):
                self.n_border += 1
                return
        self._unresolved(support, fit, "its minimizer is on the border of the face up to rounding")

    def _below(self, t: int) -> list[int]:
        """The types of the faces in the closure of a type's face, smallest first."""
        if t not in self._lower:
            sides = self.types.sides
            within = np.flatnonzero(((sides == 0) | (sides == sides[t // 2])).all(axis=1))
            dimensions = self.faces.dimensions[self.types.order[within]]
            self._lower[t] = (2 * within[np.argsort(dimensions, kind="stable")] + t % 2).tolist()
        return self._lower[t]

    def _unresolved(self, support: Sequence[int], fit: SupportFit, reason: str) -> None:
        sides = self.types.sides[np.array(support, dtype=int) // 2]
        self.undecided.append(UndecidedFace(self._loss(fit), sides, reason))

    def _candidate(self, support: tuple[int, ...], fit: SupportFit) -> None:
        """Certify the support with silent neurons, and find what else may be added to it."""
        self.n_candidates += 1
        spare = self.space.n_neurons - len(support)
        base = support + (self.silent,) * spare
        certificate = self._certify(base, support, fit)[1]
        if _is_open(certificate):
            self._unresolved(support, fit, certificate.reason)
        if not certificate.is_minimum:
            return
        self.supports.append((support, fit))
        number = len(self.supports) - 1
        extras = [*support, self.silent]
        if spare:
            # The test separates over the neurons: each addition is decided once.
            for t in self.quiet:
                certificate = self._certify((*base[:-1], t), support, fit)[1]
                if certificate.is_minimum:
                    extras.append(t)
                elif _is_open(certificate):
                    reason = f"with one more silent neuron: {certificate.reason}"
                    self._unresolved(support, fit, reason)
        dimensions = self.types.faces.dimensions[self.types.order]
        for more in combinations_with_replacement(extras, spare):
            if sum(t // 2 == self.apex // 2 for t in more) > 1:
                continue
            joint = tuple(sorted((*support, *more)))
            size = sum(int(dimensions[t // 2]) for t in joint) - fit.rank
            self.pieces.append(Piece(joint, number, size))

    def _certify(
        self,
        joint: tuple[int, ...],
        support: tuple[int, ...],
        fit: SupportFit,
        *,
        in_space: bool = False,
    ) -> tuple[Parametrization, Certificate]:
        """A point of a joint face with the values of a support, and its certificate.

        Without units where only the verdict counts; in the atlas's space for an entry.
        """
        points = self.types.points(support, fit)
        size = float(np.abs(points).max(initial=0.0)) or 1.0
        rows, signs = [], []
        for t in joint:
            if t in support:
                rows.append(points[support.index(t)] / joint.count(t))
            else:
                rows.append(size * self.types.faces.interiors[self.types.order[t // 2]])
            signs.append(1.0 - 2.0 * (t % 2))
        effective = np.array(rows) @ self.faces.frame.basis.T
        features, y, space = self.faces.frame.features, self.types.target, self.free
        if in_space:
            effective = self.unit * (effective @ self.faces.frame.transform.T)
            features, y, space = self.x, self.y, self.space
        template = Parametrization.from_products(np.ones((len(rows), space.n_inputs)), signs)
        inputs = space.embed(features)
        problem = EffectiveProblem.build(template, inputs, y, space)
        theta = problem.parametrization(State(effective, 0.0))
        return theta, certify_minimum(theta, inputs, y, space=space, budget=self.budget)

    # --- entries ------------------------------------------------------------------------------

    def _collect(self) -> Atlas:
        self.progress(
            f"{len(self.supports)} supports with local minima among {self.n_candidates} "
            f"candidates; {len(self.pieces)} joint faces"
        )
        residuals = np.array([fit.residuals for _, fit in self.supports])
        clusters = cluster_residuals(residuals, SAME_VALUES * target_size(self.types.target))
        groups: dict[int, list[Piece]] = {}
        for piece in self.pieces:
            groups.setdefault(int(clusters[piece.support]), []).append(piece)
        plateaus: list[list[Piece]] = []
        for group in groups.values():
            labels = connect(self.types, [piece.types for piece in group], self.silent)
            found: dict[int, list[Piece]] = {}
            for label, piece in zip(labels.tolist(), group, strict=True):
                found.setdefault(label, []).append(piece)
            plateaus += found.values()
        rows = []
        for plateau in plateaus:
            entry = self._entry(plateau)
            if entry is not None:
                rows.append((entry, plateau))
        rows.sort(key=lambda row: (row[0].loss, row[0].key))
        least = rows[0][0].loss if rows else np.inf
        slack = SAME_LOSS * float(np.mean(np.square(self.y)))
        entries, index = [], dict[tuple[int, ...], list[int]]()
        for number, (entry, plateau) in enumerate(rows):
            is_global = entry.loss <= least + slack
            entries.append(
                AtlasEntry(**{**entry.__dict__, "number": number, "is_global": is_global})
            )
            for piece in plateau:
                index.setdefault(piece.types, []).append(number)
        n_values = len({int(clusters[plateau[0].support]) for _, plateau in rows})
        self.progress(f"{len(entries)} entries, {len(self.undecided)} undecided")
        return Atlas(
            self.space,
            self.x,
            self.y,
            tuple(entries),
            tuple(self.undecided),
            self.cost,
            self.n_candidates,
            self.n_border,
            n_values,
            self.types,
            index,
        )

    def _entry(self, plateau: list[Piece]) -> AtlasEntry | None:
        """Represent a plateau by a certified point; ``number`` and ``is_global`` come later."""
        piece = max(plateau, key=lambda piece: (piece.dimension, piece.types))
        support, fit = self.supports[piece.support]
        theta, certificate = self._certify(piece.types, support, fit, in_space=True)
        if not certificate.is_minimum:
            self._unresolved(
                support,
                fit,
                "a minimum by the test without units, but not as a point of the space, with its "
                f"units and margin: {certificate.reason}",
            )
            return None
        classes: set[int] = set()
        for other in plateau:
            either = other.types.count(self.silent)
            positive = sum(t % 2 == 0 for t in other.types if t != self.silent)
            classes |= set(range(positive, positive + either + 1))
        return AtlasEntry(
            number=-1,
            loss=self._loss(fit),
            is_global=False,
            parametrization=theta,
            certificate=certificate,
            key=activation_key(theta, self.space.embed(self.x), space=self.space),
            residuals=self.unit * fit.residuals,
            dimension=piece.dimension,
            n_pieces=len({piece.types for piece in plateau}),
            sign_classes=tuple(sorted(classes)),
        )

    def _loss(self, fit: SupportFit) -> float:
        """In the units of the target."""
        return self.unit**2 * float(fit.residuals @ fit.residuals) / fit.residuals.size


def _is_open(certificate: Certificate) -> bool:
    """Whether nothing was decided; a point that rounding put next to the kinks of its face is."""
    undecided = certificate.verdict is Verdict.UNDECIDED
    return undecided and certificate.at_kinks is not Verdict.VIOLATED
