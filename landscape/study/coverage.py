"""Of the local minima that exist, how many do multi-starts find? Solvers held against an atlas.

Start j is the same random network for every solver (:meth:`landscape.study.cells.Cell.start`);
every end point goes on to :func:`landscape.descend`, and what that certifies is looked up in the
atlas. Sums over the starts say which minima were found, how soon, and how often a global one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from landscape.atlas import Atlas
from landscape.descent import DescentOutcome, descend
from landscape.spaces import SPACES, make_space
from landscape.study.cells import Cell, Log, Task, quiet
from landscape.study.rows import Coverage, Entry, Valley
from landscape.study.training import solver_named
from landscape.training import SOLVERS, train
from landscape.trees import TreeBudget, TreeTooLarge, merge_tree

#: The descent alone, from the start: as far as the next minimum, or with ``far=True``.
DESCENTS = ("descent", "far descent")


def cover(
    atlas: Atlas, *, solver: str, starts: int, seed: int, problem: str, max_iter: int = 200,
    tol: float = 1e-12, own: Mapping[str, str] | None = None, progress: Log = quiet,
) -> list[Coverage]:  # fmt: skip
    """Run one solver from paired random starts and look its ends up in the atlas: a row per start.

    Parameters
    ----------
    atlas : Atlas
        Of a space with at least two neurons: a network with biases and its offset.
    solver : str
        One of :data:`DESCENTS` or of :data:`landscape.training.SOLVERS`, whose options ``max_iter``
        and ``tol`` are, or a name in ``own``, import paths of a user's own solvers.
    starts, seed, problem : int, int, str
        Number of starts; their random streams depend on the others.

    Returns
    -------
    list of Coverage
        Numbers of -2 are certified minima that the atlas does not have: they would refute one of
        the two.

    Raises
    ------
    ValueError
        For unknown solvers, or if there are no starts.
    """
    own, space = own or {}, atlas.space
    if solver not in (known := (*DESCENTS, *SOLVERS)) and solver not in own:
        raise ValueError(f"solver: expected one of {', '.join(known)}, got {solver!r}")
    if starts < 1:
        raise ValueError(f"starts: expected a positive integer, got {starts}")
    if space.n_neurons < 2:
        raise ValueError("atlas: starts are networks with an offset, expected 2 neurons or more")
    cell = Cell(problem, atlas.features, atlas.target, space.n_neurons - 1, seed)
    task = Task(space, space.embed(atlas.features), atlas.target)
    options = {"solver": solver_named(solver, own), "max_iter": max_iter, "tol": tol}
    best = {entry.number for entry in atlas.entries if entry.is_global}
    rows, found, hits = [], set[int](), 0
    for j in range(starts):
        theta = task.embed(cell.start(j)[0])
        if solver not in DESCENTS:
            theta = task.ask(train, theta, **options).parametrization
        end, number = task.ask(descend, theta, far=solver == "far descent"), -1
        if end.outcome is DescentOutcome.MINIMUM:
            number = atlas.locate(end.parametrization).number
            number = number if number >= 0 else -2
        found |= {number} - {-1, -2}
        hits += number in best
        row = Coverage.copied(
            end, problem=problem, neurons=cell.neurons, solver=solver, start=j, number=number,
            is_global=number in best, distinct=len(found), global_hits=hits,
            trained_loss=end.loss_start, outcome=end.outcome.name.lower(),
        )  # fmt: skip
        rows.append(row)
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
    problem: str, atlas: Atlas, starts: Iterable[Coverage], *, budget: TreeBudget | None = None,
    progress: Log = quiet,
) -> list[Valley]:  # fmt: skip
    """The valleys of a small problem in all spaces, and on N* what lies and what ends in them.

    ``starts`` are those of :func:`cover`. A space whose merge tree would cost more than the budget
    has no rows; progress says so.
    """
    rows, ends = [], Counter(row.number for row in starts)
    place: dict[str, Any] = {"problem": problem, "neurons": atlas.space.n_neurons - 1}
    for name in SPACES:
        space = make_space(name, atlas.features.shape[1], place["neurons"])
        options: Any = {"space": space, "budget": budget, "progress": progress}
        try:
            tree = merge_tree(atlas.features, atlas.target, **options)
        except TreeTooLarge as error:
            progress(f"no valleys of {name}: {error}")
            continue
        inside = {}
        if name == "restricted":
            inside = {k: Counter(minima=0, starts=0) for k in range(len(tree))}
            for entry in atlas.entries:
                home = tree.locate(entry.parametrization)
                inside[home].update(minima=1, starts=ends[entry.number])
        for k, own in enumerate(tree.valleys.itertuples()):
            row = Valley.copied(
                own, own.parametrization, **place, space=name, valley=k,
                parent=int(tree.parents[k]), spurious=bool(tree.spurious[k]),
                verdict=own.certificate.verdict, **inside.get(k, {}),
            )  # fmt: skip
            rows.append(row)
        progress(f"{name}: {len(tree)} valleys, {tree.spurious.sum()} of them spurious")
    return rows
