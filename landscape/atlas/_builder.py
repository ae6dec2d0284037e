"""From supports to certified entries: how an atlas is made, see :mod:`landscape.atlas`."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations_with_replacement, permutations, product
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import connected_components

from landscape.atlas._convex import ConvexTypes
from landscape.atlas._corners import CornerTypes
from landscape.atlas._faces import AtlasCost, atlas_cost, neuron_faces, separation
from landscape.atlas._records import SAME_VALUES, Atlas, AtlasEntry, UndecidedFace, target_size
from landscape.atlas._supports import Code, SupportFit, Types
from landscape.descent import descend
from landscape.effective import EffectiveProblem, State
from landscape.losses import (
    KinkedLoss,
    Loss,
    SquaredLoss,
    WeightDecay,
    get_loss,
    get_weight_decay,
    needs_loss,
)
from landscape.minima import Certificate, activation_key, certify_minimum
from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.rounding import Array
from landscape.spaces import RestrictedSpace
from landscape.stationarity import Budget
from landscape.verdict import Verdict

Support = tuple[int, ...]

#: Losses count as equal to the least one within this, relative to the mean square of the target.
SAME_LOSS = 1e-10

#: With corners: levels of faces that touch count as equal within this, likewise.
SAME_LEVEL = 1e-9

#: Samples have to be this far from dependence, see ``_faces.separation``, or be dependent.
SEPARATION = 1e-7

#: Joint faces are compared with all others, so many pairs at a time.
COMPARED = 2_000_000


def make_atlas(
    features: ArrayLike,
    target: ArrayLike,
    *,
    space: RestrictedSpace,
    max_supports: int = 5_000_000,
    budget: Budget | None = None,
    progress: Callable[[str], None] = lambda line: None,
    loss: str | Loss | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | WeightDecay | None = None,
) -> Atlas:
    """Enumerate all local minima of the loss on N*.

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
    loss, sample_weight, weight_decay
        As for :func:`landscape.certify_minimum` (Theorem 40); the squared error if not given.

    Raises
    ------
    AtlasTooLarge
        Before anything is solved, with the numbers.
    ValueError
        If shapes do not fit, the space has an upper bound, or a decay counts biases: then neurons
        that do not help are parallel, at zero, which N* excludes; of a loss with corners with any
        decay.

    Examples
    --------
    One neuron on four points of a ridge: the ridge itself; a neuron that only the last sample
    activates; the silent neuron.

    >>> from landscape.spaces import RestrictedSpace
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 1.0, 2.0]
    >>> atlas = make_atlas(x, y, space=RestrictedSpace(3, 1))
    >>> [(round(entry.loss, 6), entry.dimension) for entry in atlas.entries]
    [(0.0, 0), (0.25, 1), (1.25, 2)]
    >>> atlas = make_atlas(x, y, space=RestrictedSpace(3, 1), weight_decay=0.1)
    >>> [(round(entry.loss, 6), entry.dimension) for entry in atlas.entries]
    [(0.18, 0), (1.25, 1)]
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
    cost.require(space.n_neurons, max_supports)
    progress(
        f"{cost.n_faces} faces, {cost.n_supports} supports for {cost.n_joint_faces} joint faces"
    )
    form: dict[str, Any] = {}
    decay = get_weight_decay(weight_decay)
    if needs_loss(loss, sample_weight) or decay is not None:
        form = {"loss": loss, "sample_weight": sample_weight, "weight_decay": decay}
    if decay is not None and isinstance(get_loss(loss), KinkedLoss):
        raise ValueError("weight_decay: atlases of losses with corners are without")
    if decay is not None and decay.biases:
        raise ValueError(
            "weight_decay: biases=True leaves neurons at zero, parallel to each other, which N* "
            "excludes; the atlas is for biases=False"
        )
    return _Builder(x, y, space, cost, budget, progress, form).run()


@dataclass(frozen=True)
class Piece:
    """The local minima of one joint face."""

    types: Support  #: sorted types of the neurons, the silent ones included
    fit: SupportFit  #: whose values they have
    dimension: int  #: in effective coordinates


@dataclass
class _Builder:
    """State of the construction."""

    x: Array
    y: Array
    space: RestrictedSpace
    cost: AtlasCost
    budget: Budget | None
    progress: Callable[[str], None]
    form: dict[str, Any]

    def __post_init__(self) -> None:
        x, y, space = self.x, self.y, self.space
        faces = self.faces = neuron_faces(x)
        # Work without units: standardized inputs, targets of size one, no margin.
        problem = EffectiveProblem.over(space, x, y, **self.form)
        plain = problem.plain
        self.unit = float(np.ldexp(1.0, int(np.frexp(target_size(y))[1]))) if plain else 1.0
        self.free = RestrictedSpace(space.n_inputs, space.n_neurons)
        self.types = types = Types(faces, y / self.unit)
        if not plain:
            loss = problem.sample_loss or SquaredLoss().on(y)[1]
            decay = np.zeros(x.shape[1] + 1) if problem.decay is None else problem.decay
            if isinstance(loss, KinkedLoss):
                types = CornerTypes(faces, problem.y, loss, decay)
            else:
                types = ConvexTypes(faces, problem.y, loss, decay)
            self.types = types
        self.decayed = problem.decay is not None
        self.zero = problem.loss(State(np.zeros((space.n_neurons, x.shape[1] + 1)), 0.0))
        self.same = SAME_VALUES * types.size
        #: With corners slopes are not unique: what is equal are least losses (Theorem 43.2).
        self.cornered = isinstance(types, CornerTypes)
        self.level = SAME_LEVEL * (self.zero or 1.0)
        self.pieces: list[Piece] = []
        self.undecided: list[UndecidedFace] = []
        self.n_candidates = self.n_border = 0
        # Many borders share their smaller faces.
        self.fit, self.below = cache(types.fit), cache(self._below)
        # Silent neurons that touch samples: whether they may is a question to the residuals.
        touching = 2 * np.flatnonzero(faces.silent & (faces.dimensions > 0))
        touching = touching[(touching != types.silent) & (not self.decayed)]
        self.apex = 2 * int(np.flatnonzero(faces.dimensions == 0)[0])
        self.quiet = [*(touching[:, None] + [0, 1]).ravel().tolist(), self.apex, self.apex + 1]

    def run(self) -> Atlas:
        """Candidates of every support, then entries."""
        apart = separation(self.faces.units[np.unique(self.faces.frame.groups)])
        if apart < SEPARATION:
            reason = (
                "distinct samples are too near to each other, or to a common line or plane "
                f"without being on it, for double precision: {apart:.1e} of the data's size"
            )
            signs = np.empty((0, len(self.y)), dtype=np.int8)
            self.undecided.append(UndecidedFace(np.nan, signs, reason))
        for k in range(self.space.n_neurons + 1):
            of = f"of {comb(self.types.n_types, k)} supports"

            def judged(
                count: int, say: str = f"{k} active neurons: {{}} {of}, {{}} candidates"
            ) -> None:
                self.progress(say.format(count, self.n_candidates))

            for fit in map(self.types.fit, self.types.search(k, judged)):
                if fit.code is Code.INSIDE:
                    self._candidate(fit)
                elif fit.code is Code.BORDER:
                    self._border(fit)
        return self._collect()

    # --- candidates ---------------------------------------------------------------------------

    def _border(self, fit: SupportFit) -> None:
        """A minimizer on the border up to rounding: it has to turn up in a smaller face."""
        for choice in product(*map(self.below, fit.support)):
            active = tuple(sorted({t for t in choice if t < self.types.n_types}))
            if active == fit.support or self.fit(active).code is not Code.INSIDE:
                continue
            if self._agree(self.fit(active), fit):
                self.n_border += 1
                return
        self._unresolved(fit, "its minimizer is on the border of the face up to rounding")

    def _agree(self, one: SupportFit, other: SupportFit) -> bool:
        """Whether two supports' minimizers may be of one set."""
        if self.cornered:
            return abs(one.loss - other.loss) <= self.level
        return bool(np.abs(one.residuals - other.residuals).max() <= self.same)

    def _below(self, t: int) -> list[int]:
        """The types of the faces in the closure of a type's face, smallest first."""
        sides = self.faces.signs
        within = np.flatnonzero(((sides == 0) | (sides == sides[t // 2])).all(axis=1))
        dimensions = self.faces.dimensions[within]
        return (2 * within[np.argsort(dimensions, kind="stable")] + t % 2).tolist()

    def _unresolved(self, fit: SupportFit, reason: str) -> None:
        sides = self.faces.signs[np.array(fit.support, dtype=int) // 2]
        self.undecided.append(UndecidedFace(self._loss(fit), sides, reason))

    def _candidate(self, fit: SupportFit) -> None:
        """Certify the support with silent neurons, and find what else may be added to it."""
        self.n_candidates += 1
        spare = self.space.n_neurons - len(fit.support)
        base = fit.support + (self.types.silent,) * spare
        if not self._is_minimum(base, fit, ""):
            return
        # The test separates over the neurons, but for losses with corners: each addition is
        # decided once, and with corners their combinations as well.
        note, quiet = "with one more silent neuron: ", self.quiet if spare else []
        added = [t for t in quiet if self._is_minimum((*base[:-1], t), fit, note)]
        choices = [*fit.support, self.types.silent, *added]
        for extra in combinations_with_replacement(choices, spare):
            if sum(t // 2 == self.apex // 2 for t in extra) <= 1:
                joint = tuple(sorted((*fit.support, *extra)))
                if self.cornered and joint != base and not self._is_minimum(joint, fit, note):
                    continue
                self.pieces.append(Piece(joint, fit, self.types.dimension(joint, fit)))

    def _is_minimum(self, joint: Support, fit: SupportFit, note: str) -> bool:
        """Whether a joint face's points are minima, without units; noted if that is undecided.

        A point that rounding put next to the kinks of its face, where it may well be violated, is
        decided by what is on them.
        """
        certificate = self._certify(joint, fit)[1]
        if not certificate.is_minimum and certificate.at_kinks is not Verdict.VIOLATED:
            self._unresolved(fit, note + certificate.reason)
        return certificate.is_minimum

    def _certify(
        self, joint: Support, fit: SupportFit, *, in_space: bool = False
    ) -> tuple[Parametrization, Certificate]:
        """A point of a joint face with the values of a support, and its certificate.

        Without units where only the verdict counts; in the atlas's space for an entry.
        """
        size = float(np.abs(fit.points).max(initial=0.0)) or 1.0
        own = {t: row / joint.count(t) for t, row in zip(fit.support, fit.points, strict=True)}
        inner, frame = size * self.types.interiors, self.faces.frame
        effective = self.types.weights(np.array([own.get(t, inner[t // 2]) for t in joint]))
        space, features, y = self.free, frame.features, self.y / self.unit
        if in_space or self.decayed:  # the frame would turn a decay of weights
            effective = self.unit * (effective @ frame.transform.T)
            space, features, y = self.space, self.x, self.y
        signs = [1.0 - 2.0 * (t % 2) for t in joint]
        template = Parametrization.from_products(np.ones((len(joint), space.n_inputs)), signs)
        inputs = space.embed(features)
        problem = EffectiveProblem.build(template, inputs, y, space, **self.form)
        theta = problem.parametrization(State(effective, 0.0))
        return theta, certify_minimum(
            theta, inputs, y, space=space, budget=self.budget, **self.form
        )

    # --- entries ------------------------------------------------------------------------------

    def _collect(self) -> Atlas:
        count, supports = len(self.pieces), {piece.fit.support for piece in self.pieces}
        self.progress(
            f"{len(supports)} supports with local minima among {self.n_candidates} candidates; "
            f"{count} joint faces"
        )
        rows = []
        for value, group in enumerate(self._groups()):
            for plateau in self._plateaus(group):
                if (entry := self._entry(plateau)) is not None:
                    rows.append((entry, plateau, value))
        rows.sort(key=lambda row: (row[0].loss, row[0].key))
        least = rows[0][0].loss if rows else np.inf
        least += SAME_LOSS * self.zero
        entries, index = [], defaultdict[Support, list[int]](list)
        for number, (entry, plateau, _) in enumerate(rows):
            entries.append(replace(entry, number=number, is_global=entry.loss <= least))
            for piece in plateau:
                index[piece.types].append(number)
        self.progress(f"{len(entries)} entries, {len(self.undecided)} undecided")
        return Atlas(
            space=self.space,
            features=self.x,
            target=self.y,
            entries=tuple(entries),
            undecided=tuple(self.undecided),
            cost=self.cost,
            n_candidates=self.n_candidates,
            n_border=self.n_border,
            n_values=len({value for *_, value in rows}),
            _types=self.types,
            _pieces=dict(index),
            form=self.form,
            zero=self.zero,
        )

    def _plateaus(self, pieces: list[Piece]) -> list[list[Piece]]:
        """Connected components of pieces of equal residuals, up to permutation of the neurons.

        Two touch iff one face is in the other's closure: then one piece is in that of the other.
        """
        used, position = np.unique([piece.types for piece in pieces], return_inverse=True)
        position = position.reshape(len(pieces), -1)
        sides = self.faces.signs[used // 2]
        below = ((sides[:, None] == 0) | (sides[:, None] == sides[None])).all(axis=2)
        below &= (used[:, None] % 2 == used % 2) | (used == self.types.silent)  # for both signs
        blocks, (count, m) = [], position.shape
        for rows in np.array_split(np.arange(count), -(-count * count // COMPARED)):
            touching = np.zeros((len(rows), count), dtype=bool)
            for order in permutations(range(m)):
                fits = np.ones((len(rows), count), dtype=bool)
                for i, j in enumerate(order):
                    fits &= below[position[rows, i, None], position[None, :, j]]
                touching |= fits
            blocks.append(csr_array(touching))
        labels = connected_components(vstack(blocks), directed=False)[1]
        members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
        return [[pieces[k] for k in own] for own in members]

    def _entry(self, plateau: list[Piece]) -> AtlasEntry | None:
        """Represent a plateau by a certified point; ``number`` and ``is_global`` come later."""
        piece = max(plateau, key=lambda piece: (piece.dimension, piece.types))
        theta, certificate = self._certify(piece.types, piece.fit, in_space=True)
        inputs = self.space.embed(self.x)
        if not certificate.is_minimum:  # what rounding in other units left, a descent takes away
            end = descend(theta, inputs, self.y, space=self.space, **self.form)
            moved = np.abs(realize(end.parametrization, inputs) - realize(theta, inputs)).max()
            same = moved <= self.same * self.unit
            if self.cornered:
                same = abs(end.loss - piece.fit.loss) <= self.level
            if end.certificate is not None and same:
                theta, certificate = end.parametrization, end.certificate
        if not certificate.is_minimum:
            reason = (
                "a minimum by the test without units, but not as a point of the space, with its "
                f"units and margin: {certificate.reason}"
            )
            self._unresolved(piece.fit, reason)
            return None
        classes: set[int] = set()
        for other in plateau:
            either = other.types.count(self.types.silent)
            positive = sum(t % 2 == 0 for t in other.types) - either
            classes |= set(range(positive, positive + either + 1))
        return AtlasEntry(
            number=-1,
            loss=self._loss(piece.fit),
            is_global=False,
            parametrization=theta,
            certificate=certificate,
            key=activation_key(theta, inputs, space=self.space),
            residuals=self.unit * piece.fit.residuals,
            dimension=piece.dimension,
            n_pieces=len({piece.types for piece in plateau}),
            sign_classes=tuple(sorted(classes)),
        )

    def _groups(self) -> list[list[Piece]]:
        """Pieces whose residuals, with corners levels, agree up to a tolerance in every entry."""
        groups, left = [], np.arange(len(self.pieces))
        fits, width = [piece.fit for piece in self.pieces], self.same
        keys = np.array([fit.residuals for fit in fits])
        if self.cornered:
            keys, width = np.array([[fit.loss] for fit in fits]), self.level
        while left.size:
            same = (np.abs(keys[left] - keys[left[0]]) <= width).all(axis=1)
            groups.append([self.pieces[k] for k in left[same]])
            left = left[~same]
        return groups

    def _loss(self, fit: SupportFit) -> float:
        """In the units of the target."""
        return self.unit**2 * fit.loss
