"""Of the local minima that exist, how many do multi-starts find? Solvers held against an atlas.

Start j is the same random network for every solver (:meth:`landscape.study.cells.Cell.start`);
every end point goes on to :func:`landscape.descend`, and what that certifies is looked up in the
atlas. Sums over the starts say which minima were found, how soon, and how often a global one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from landscape.atlas import Atlas
from landscape.descent import DescentOutcome
from landscape.spaces import SPACES, make_space
from landscape.study.cells import Cell, Log, Task, quiet
from landscape.study.rows import Coverage, Entry, Valley
from landscape.study.training import solver_named
from landscape.training import SOLVERS
from landscape.trees import TreeBudget, TreeTooLarge, merge_tree

#: The descent alone, from the start: as far as the next minimum, or with ``far=True``.
DESCENTS = ("descent", "far descent")


def cover(
    atlas: Atlas, *, solver: str, starts: int, seed: int, problem: str, max_iter: int = 200,
    tol: float = 1e-12, own: Mapping[str, str] | None = None, progress: Log = quiet,
) -> list[Coverage]:  # fmt: skip
    """Run one solver from paired random starts and look its ends up in the atlas.

    Parameters
    ----------
    atlas : Atlas
        Of a space with at least two neurons: a network with biases and its offset.
    solver : str
        One of :data:`DESCENTS` or of :data:`landscape.training.SOLVERS`, whose options ``max_iter``
        and ``tol`` are, or a name in ``own``, import paths of a user's own solvers.
    starts : int
        Number of starts; their random streams depend on ``seed`` and ``problem``.

    Returns
    -------
    list of Coverage
        One per start. Those with the number -2 ended at a certified minimum that the atlas does
        not have, which would refute one of the two.

    Raises
    ------
    ValueError
        For unknown solvers, or if there are no starts.
    """
    own, space = own or {}, atlas.space
    if solver not in (*DESCENTS, *SOLVERS, *own):
        known = ", ".join((*DESCENTS, *SOLVERS))
        raise ValueError(f"solver: expected one of {known}, got {solver!r}")
    if starts < 1:
        raise ValueError(f"starts: expected a positive integer, got {starts}")
    if space.n_neurons < 2:
        raise ValueError("atlas: starts are networks with an offset, expected 2 neurons or more")
    function, neurons = solver_named(solver, own), space.n_neurons - 1
    cell = Cell(problem, atlas.features, atlas.target, neurons, seed)
    task = Task(space, space.embed(atlas.features), atlas.target)
    best = {entry.number for entry in atlas.entries if entry.is_global}
    rows, found, hits = [], set[int](), 0
    for j in range(starts):
        theta = task.embed(cell.start(j)[0])
        if solver not in DESCENTS:
            theta = task.train(theta, solver=function, max_iter=max_iter, tol=tol).parametrization
        end, number = task.descend(theta, far=solver == "far descent"), -1
        if end.outcome is DescentOutcome.MINIMUM:
            number = atlas.locate(end.parametrization).number
            number = number if number >= 0 else -2
        found |= {number} - {-1, -2}
        hits += number in best
        place = {"problem": problem, "neurons": neurons, "solver": solver, "start": j}
        sums = {"number": number, "distinct": len(found), "global_hits": hits}
        how = {"trained_loss": end.loss_start, "outcome": end.outcome.name.lower()}
        rows.append(Coverage.copied(end, **place, **sums, **how, is_global=number in best))
        if (j + 1) % max(1, starts // 10) == 0:
            progress(f"{solver}: {j + 1} starts found {len(found)} of {len(atlas)} minima")
    return rows


def atlas_rows(problem: str, atlas: Atlas) -> list[Entry]:
    """One row per entry of an atlas: loss, certificate, counts, representative."""
    rows, place = [], {"problem": problem, "neurons": atlas.space.n_neurons - 1}
    for entry in atlas.entries:
        own = {"sign_classes": " ".join(map(str, entry.sign_classes)), "activation": entry.key}
        rows.append(Entry.copied(entry, entry.certificate, entry.parametrization, **place, **own))
    return rows


def valley_rows(
    problem: str,
    atlas: Atlas,
    starts: Iterable[Coverage],
    *,
    budget: TreeBudget | None = None,
    progress: Log = quiet,
) -> list[Valley]:
    """The valleys of a small problem in all spaces, and on N* what lies and what ends in them.

    Parameters
    ----------
    problem : str
    atlas : Atlas
    starts : iterable of Coverage
        See :func:`cover`.
    budget : TreeBudget, optional
        A space whose merge tree would cost more has no rows; progress says so.
    progress : callable
    """
    rows, neurons = [], atlas.space.n_neurons - 1
    ends = Counter(row.number for row in starts)
    for name in SPACES:
        space = make_space(name, atlas.features.shape[1], neurons)
        try:
            tree = merge_tree(
                atlas.features, atlas.target, space=space, budget=budget, progress=progress
            )
        except TreeTooLarge as error:
            progress(f"no valleys of {name}: {error}")
            continue
        inside = {}
        if name == "restricted":
            homes = {e.number: tree.locate(e.parametrization) for e in atlas.entries}
            minima = Counter(homes.values())
            found = Counter[int]()
            for number, home in homes.items():
                found[home] += ends[number]
            inside = {k: {"minima": minima[k], "starts": found[k]} for k in range(len(tree))}
        for k, own in enumerate(tree.valleys.to_dict("records")):
            rows.append(
                Valley.copied(
                    own["parametrization"],
                    problem=problem,
                    neurons=neurons,
                    space=name,
                    valley=k,
                    parent=int(tree.parents[k]),
                    spurious=bool(tree.spurious[k]),
                    verdict=own["certificate"].verdict.value,
                    **{key: own[key] for key in ("loss", "barrier", "positive", "cells")},
                    **inside.get(k, {}),
                )
            )
        progress(f"{name}: {len(tree)} valleys, {tree.spurious.sum()} of them spurious")
    return rows
