"""Of the local minima that exist, how many do multi-starts find? Solvers held against an atlas.

Start j is the same random network for every solver (:mod:`landscape.study.starts`); every end point
goes on to :func:`landscape.descend`, and what that certifies is looked up in the atlas. Sums over
the starts say which minima were found, how soon, and how often a global one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.atlas import Atlas
from landscape.descent import DescentOutcome, descend
from landscape.study.columns import Arrays
from landscape.study.own_solvers import solver_named
from landscape.study.starts import draw_start
from landscape.training import SOLVERS, train

__all__ = ["COVERAGE_SOLVERS", "Coverage", "atlas_arrays", "coverage", "coverage_arrays"]

#: Solvers that are compared by default; "descent" starts the active-set descent at once.
COVERAGE_SOLVERS = ("SLSQP", "L-BFGS-B", "trf", "descent")
#: The descent alone: as far as the next minimum, or with ``far=True``.
DESCENTS = ("descent", "far descent")


@dataclass(frozen=True, eq=False)
class Coverage:
    """What the starts of one solver found.

    Attributes
    ----------
    solver : str
    numbers : int array of shape (S,)
        Entry of the atlas that each start ended in; -1 where the descent certified no minimum, -2
        where it did and the atlas does not have it (which would refute one of the two).
    losses : array of shape (S,)
        After the descent.
    trained_losses : array of shape (S,)
        Before it.
    outcomes : tuple of str
        How each descent ended.
    n_entries : int
        Entries of the atlas.
    global_numbers : tuple of int
        Those of the least loss.
    """

    solver: str
    numbers: NDArray[np.int64]
    losses: NDArray[np.float64]
    trained_losses: NDArray[np.float64]
    outcomes: tuple[str, ...]
    n_entries: int
    global_numbers: tuple[int, ...]

    @property
    def distinct(self) -> NDArray[np.int64]:
        """Distinct entries found within the first s starts, s = 1 to S; shape (S,)."""
        first = np.zeros(len(self.numbers), dtype=np.int64)
        _, positions = np.unique(self.numbers, return_index=True)
        first[positions] = self.numbers[positions] >= 0
        return np.cumsum(first)

    @property
    def global_hits(self) -> NDArray[np.int64]:
        """How many of the first s starts ended in a global minimum, shape (S,)."""
        return np.cumsum(np.isin(self.numbers, self.global_numbers))

    @property
    def missing(self) -> NDArray[np.intp]:
        """Starts whose certified end the atlas does not have; should be empty."""
        return np.flatnonzero(self.numbers == -2)


def coverage(
    atlas: Atlas,
    *,
    solver: str,
    starts: int,
    seed: int,
    dataset: str,
    max_iter: int = 200,
    tol: float = 1e-12,
    own: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Coverage:
    """Run one solver from paired random starts and look its ends up in the atlas.

    Parameters
    ----------
    atlas : Atlas
        Of a space with at least two neurons: a network with biases and its offset.
    solver : str
        One of :data:`DESCENTS` or of :data:`landscape.training.SOLVERS`.
    starts : int
        Number S of starts; the sign classes take turns.
    seed, dataset
        As of a :class:`landscape.study.starts.Block`.
    max_iter, tol
        See :func:`landscape.training.train`.
    own : mapping of str to str, optional
        Import paths of a user's own solvers by name.
    progress : callable
        Receives lines of text.

    Returns
    -------
    record : Coverage

    Raises
    ------
    ValueError
        For unknown solvers, or if there are no starts.
    """
    own = own or {}
    if solver not in (*DESCENTS, *SOLVERS, *own):
        known = ", ".join((*DESCENTS, *SOLVERS))
        raise ValueError(f"solver: expected one of {known}, got {solver!r}")
    if starts < 1:
        raise ValueError(f"starts: expected a positive integer, got {starts}")
    function = solver_named(solver, own)
    space, y = atlas.space, atlas.target
    if space.n_neurons < 2:
        raise ValueError("atlas: starts are networks with an offset, expected 2 neurons or more")
    n_features = atlas.features.shape[1]
    X = space.embed(atlas.features)
    numbers = np.full(starts, -1, dtype=np.int64)
    losses, trained = np.empty(starts), np.empty(starts)
    outcomes = []
    for j in range(starts):
        network, _ = draw_start(seed, dataset, n_features, space.n_neurons - 1, j)
        theta = space.from_network(
            network.weights, network.biases, network.output_weights, network.offset
        )
        if solver not in DESCENTS:
            theta = train(
                theta, X, y, space=space, solver=function, max_iter=max_iter, tol=tol
            ).parametrization
        end = descend(theta, X, y, space=space, far=solver == "far descent")
        trained[j], losses[j] = end.loss_start, end.loss
        outcomes.append(end.outcome.name.lower())
        if end.outcome is DescentOutcome.MINIMUM:
            place = atlas.locate(end.parametrization)
            numbers[j] = place.number if place.number >= 0 else -2
        if (j + 1) % max(1, starts // 10) == 0:
            found = len(np.unique(numbers[numbers >= 0]))
            progress(f"{solver}: {j + 1} starts found {found} of {len(atlas)} minima")
    return Coverage(
        solver,
        numbers,
        losses,
        trained,
        tuple(outcomes),
        len(atlas),
        tuple(entry.number for entry in atlas.entries if entry.is_global),
    )


def coverage_arrays(records: list[Coverage]) -> Arrays:
    """One row per solver and start: ``solver``, ``start``, ``number``, ``distinct``, ..."""
    return {
        "solver": np.concatenate([np.full(len(r.numbers), r.solver) for r in records]),
        "start": np.concatenate([np.arange(len(r.numbers)) for r in records]),
        "number": np.concatenate([r.numbers for r in records]),
        "is_global": np.concatenate([np.isin(r.numbers, r.global_numbers) for r in records]),
        "distinct": np.concatenate([r.distinct for r in records]),
        "global_hits": np.concatenate([r.global_hits for r in records]),
        "trained_loss": np.concatenate([r.trained_losses for r in records]),
        "loss": np.concatenate([r.losses for r in records]),
        "outcome": np.concatenate([np.array(r.outcomes) for r in records]),
    }


def atlas_arrays(atlas: Atlas) -> Arrays:
    """One row per entry: loss, certificate, counts, representative; and the data, once."""
    entries = atlas.entries
    certificates = [entry.certificate for entry in entries]
    return {
        "features": atlas.features,
        "target": atlas.target,
        "number": np.array([entry.number for entry in entries]),
        "loss": np.array([entry.loss for entry in entries]),
        "is_global": np.array([entry.is_global for entry in entries]),
        "dimension": np.array([entry.dimension for entry in entries]),
        "pieces": np.array([entry.n_pieces for entry in entries]),
        "sign_classes": np.array([" ".join(map(str, entry.sign_classes)) for entry in entries]),
        "key": np.array([entry.key for entry in entries]),
        "kind": np.array([certificate.kind for certificate in certificates]),
        "kinks": np.array([certificate.n_kinks for certificate in certificates]),
        "stationarity": np.array([certificate.stationarity for certificate in certificates]),
        "tolerance": np.array([certificate.tolerance for certificate in certificates]),
        "slack": np.array([certificate.slack for certificate in certificates]),
        "radius": np.array([certificate.radius for certificate in certificates]),
        "weights": np.array([entry.parametrization.weights for entry in entries]),
        "output_weights": np.array([entry.parametrization.output_weights for entry in entries]),
    }
