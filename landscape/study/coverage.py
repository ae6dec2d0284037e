"""Of the local minima that exist, how many do multi-starts find? Solvers held against an atlas.

Start j is the same random network for every solver (:meth:`landscape.study.cells.Cell.start`);
every end point goes on to :func:`landscape.descend`, and what that certifies is looked up in the
atlas. Sums over the starts say which minima were found, how soon, and how often a global one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape.atlas import Atlas
from landscape.descent import Descent, DescentOutcome, descend
from landscape.spaces import SPACES, Space, make_space
from landscape.study.cells import Cell, Log, Task, quiet
from landscape.study.rows import Barrier, Coverage, Entry, Valley
from landscape.study.training import solver_named
from landscape.training import SOLVERS, train
from landscape.trees import MergeTree, TreeBudget, TreeTooLarge, merge_tree

#: The descent alone, from the start: as far as the next minimum, or with ``far=True``.
DESCENTS = ("descent", "far descent")


def endings(
    features: ArrayLike, target: ArrayLike, *, space: Space, solver: str, starts: int, seed: int,
    problem: str, max_iter: int = 200, tol: float = 1e-12, own: Mapping[str, str] | None = None,
    objective: Mapping[str, Any] | None = None,
) -> list[Descent]:  # fmt: skip
    """Run one solver from paired random starts, and descend from its ends.

    Parameters
    ----------
    features, target : array_like of shapes (n, p) and (n,)
    space : Space
        For networks with biases and an offset, as :func:`~landscape.spaces.make_space` makes it.
    solver : str
        One of :data:`DESCENTS` or of :data:`landscape.training.SOLVERS`, whose options ``max_iter``
        and ``tol`` are, or a name in ``own``, import paths of a user's own solvers.
    objective : mapping, optional
        ``loss`` and ``weight_decay``.
    starts : int
        Number of starts; their random streams depend on ``seed`` and ``problem``.

    Raises
    ------
    ValueError
        For unknown solvers, or if there are no starts.
    """
    own = own or {}
    if solver not in (known := (*DESCENTS, *SOLVERS)) and solver not in own:
        raise ValueError(f"solver: expected one of {', '.join(known)}, got {solver!r}")
    if starts < 1:
        raise ValueError(f"starts: expected a positive integer, got {starts}")
    if space.n_neurons < 2:
        raise ValueError("atlas: starts are networks with an offset, expected 2 neurons or more")
    x, y = np.asarray(features, dtype=float), np.asarray(target, dtype=float)
    cell = Cell(problem, x, y, space.n_neurons - 1, seed, **(objective or {}))
    task = Task(space, space.embed(x), y, cell.objective)
    options, ends = {"solver": solver_named(solver, own), "max_iter": max_iter, "tol": tol}, []
    for j in range(starts):
        theta = task.embed(cell.start(j)[0])
        if solver not in DESCENTS:
            theta = task.ask(train, theta, **options).parametrization
        ends.append(task.ask(descend, theta, far=solver == "far descent"))
    return ends


def cover(
    atlas: Atlas, ends: Sequence[Descent], *, solver: str, problem: str, progress: Log = quiet
) -> list[Coverage]:
    """Look the ends of one solver's starts up in the atlas; one row per start.

    Those with the number -2 ended at a certified minimum that the atlas does not have, which would
    refute one of the two.
    """
    best = {entry.number for entry in atlas.entries if entry.is_global}
    rows, found, hits = [], set[int](), 0
    for j, end in enumerate(ends):
        number = -1
        if end.outcome is DescentOutcome.MINIMUM:
            number = atlas.locate(end.parametrization).number
            number = number if number >= 0 else -2
        found |= {number} - {-1, -2}
        hits += number in best
        place = {"problem": problem, "neurons": atlas.space.n_neurons - 1, "solver": solver}
        sums = {"start": j, "number": number, "distinct": len(found), "global_hits": hits}
        how = {"trained_loss": end.loss_start, "outcome": end.outcome.name.lower()}
        rows.append(Coverage.copied(end, **place, **sums, **how, is_global=number in best))
    progress(f"{solver}: {len(ends)} starts found {len(found)} of {len(atlas)} minima")
    return rows


def atlas_rows(problem: str, atlas: Atlas) -> list[Entry]:
    """One row per entry of an atlas: loss, certificate, counts, representative."""
    rows, place = [], {"problem": problem, "neurons": atlas.space.n_neurons - 1}
    for entry in atlas.entries:
        own = {"sign_classes": " ".join(map(str, entry.sign_classes)), "activation": entry.key}
        rows.append(Entry.copied(entry, entry.certificate, entry.parametrization, **place, **own))
    return rows


def valley_rows(
    problem: str, atlas: Atlas, ends: Mapping[tuple[str, str], Sequence[Descent]], *,
    objective: Mapping[str, Any] | None = None, budget: TreeBudget | None = None,
    progress: Log = quiet,
) -> tuple[list[Valley], list[Barrier]]:  # fmt: skip
    """The valleys of a small problem in all spaces, and what lies and what ends in them.

    ``ends`` are those of :func:`endings` by space and solver. A space whose merge tree would cost
    more than the budget has no rows; progress says so.
    """
    trees, valleys, barriers = dict[str, MergeTree](), [], []
    place: dict[str, Any] = {"problem": problem, "neurons": atlas.space.n_neurons - 1}
    for name in SPACES:
        space = make_space(name, atlas.features.shape[1], place["neurons"])
        options: Any = {"space": space, "budget": budget, "progress": progress}
        options |= objective or {}
        try:
            trees[name] = merge_tree(atlas.features, atlas.target, **options)
        except TreeTooLarge as error:
            progress(f"no valleys of {name}: {error}")
    for name, tree in trees.items():
        place["space"] = name
        inside = {k: Counter(starts=0) for k in range(len(tree))}
        if name != "unrestricted":  # what is in N* is in N'
            homes = Counter(tree.locate(entry.parametrization) for entry in atlas.entries)
            inside = {k: Counter(starts=0, minima=homes[k]) for k in inside}
        for (own, solver), every in ends.items():
            losses: dict[int, list[float]] = {}
            for end in every:
                if own == name and end.outcome is DescentOutcome.MINIMUM:
                    losses.setdefault(tree.locate(end.parametrization), []).append(end.loss)
            for k, found in losses.items():
                inside[k]["starts"] += len(found)
                row = Barrier(
                    **place, solver=solver, valley=k, starts=len(found), loss=median(found),
                    spurious=bool(tree.spurious[k]), barrier=float(tree.pairs[k, 1]),
                )  # fmt: skip
                barriers.append(row)
        records: Any = tree.valleys.itertuples()
        for k, one in enumerate(records):
            more: dict[str, Any] = {**inside[k], "valley": k, "parent": int(tree.parents[k])}
            if name == "restricted" and "balanced" in trees:
                more["balanced"] = trees["balanced"].locate(one.parametrization)
            if more["parent"] >= 0:
                saddle = tree.saddle(k, more["parent"])
                more["profile"] = tree.profile(k, more["parent"])
                more["saddle_weights"] = saddle.weights
                more["saddle_output_weights"] = saddle.output_weights
            more |= {"spurious": bool(tree.spurious[k]), "verdict": one.certificate.verdict}
            valleys.append(Valley.copied(one, one.parametrization, **place, **more))
        progress(f"{name}: {len(tree)} valleys, {tree.spurious.sum()} of them spurious")
    return valleys, barriers
