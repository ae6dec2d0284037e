"""More about distinct minima: proofs, radii bracketed in both spaces, and the global minimum."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from landscape.bracket import TOLERANCE, bracket_global_minimum
from landscape.parametrization import max_norms
from landscape.probe import ExchangeBudget, search_ball
from landscape.radius import RadiusBudget, bracket_radius
from landscape.study.cells import Cell, Log, Minima, attempt, best, quiet, within_space
from landscape.study.rows import Bracket, Minimum, Optimum
from landscape.uniform import uniform_radius
from landscape.verdict import Verdict

#: How many proofs are tried in each space by default: those whose n p^2 (n samples, p weights) add
#: up to this. A proof takes some 1e-6 s times its n p^2: so proofs take about a thirtieth of
#: the time of the default study, whose largest problem would need ten minutes for all minima.
PROOF_WORK = 5e5


def prove_minima(
    cell: Cell, minima: Minima, *, max_work: float = PROOF_WORK, progress: Log = quiet
) -> list[Minimum]:
    """Prove distinct minima in rational arithmetic, unless that was tried before.

    In each space the best minimum, which comes first, is proved, and others as long as the work,
    see :data:`PROOF_WORK`, is no more than ``max_work``: a count, so that the rows do not depend on
    the machine.
    """
    rows, work = [], Counter[str]()
    for row in minima:
        each = len(cell.target) * row.network.weights.size**2
        if not row.proof and (not work[row.space] or work[row.space] + each <= max_work):
            work[row.space] += each
            row, prove = replace(row, proof="open"), cell.task(row.space).prove
            row = attempt(row, prove, row.network, reason="proof_reason")
        rows.append(row)
    tried = [row.proof for row in rows if row.proof]
    proved = f"{tried.count('proved')} of {len(tried)} minima are proved in rational arithmetic"
    progress(f"{proved}, of {len(rows)} in all")
    return rows


def bracket_radii(
    cell: Cell, minima: Minima, *, spaces: Sequence[str], max_minima: int,
    budget: RadiusBudget | None = None, progress: Log = quiet,
) -> list[Minimum]:  # fmt: skip
    """Bracket the radius in parameter space of the first minima of these spaces.

    The others keep the certificate's radius, and so does a minimum whose bracket fails numerically.
    """
    rows = []
    for row in minima:
        if row.space in spaces and row.minimum < max_minima:
            tried = replace(row, radius_high_method="none found")
            row = attempt(tried, _bracket, cell, row, budget, reason="radius_reason")
            ends = f"[{row.radius_low:.3g}, {row.radius_high:.3g}]"
            progress(f"{row.space}, minimum {row.minimum}: radius in {ends}")
        rows.append(row)
    return rows


def _bracket(cell: Cell, row: Minimum, budget: RadiusBudget | None) -> dict[str, Any]:
    rng = cell.stream("radius", row.space, row.first_start)
    found = cell.task(row.space).ask(bracket_radius, row.network, budget=budget, rng=rng)
    return {
        "radius_low": found.r_low, "radius_low_method": found.method_low,
        "radius_high": found.r_high, "radius_high_method": found.method_high,
        "radius_nodes": found.n_nodes, "radius_reason": found.reason,
    }  # fmt: skip


def bracket_realizations(
    cell: Cell, minima: Minima, *, spaces: Sequence[str], max_minima: int, factor: float = 3.0,
    budget: ExchangeBudget | None = None, progress: Log = quiet,
) -> list[Bracket]:  # fmt: skip
    """Search balls of ``factor min_i ‖u_i‖`` around the realizations of minima of N* or N'.

    Of each space the best ones that lie in it; a row has the better realization that was found.
    """
    rows = []
    for _, row in best(cell, minima, spaces, max_minima):
        smallest = float(max_norms(row.network.products).min())
        place = {**cell.place, "space": row.space, "minimum": row.minimum, "smallest": smallest}
        bracket = Bracket(**place, certified=row.sharp_radius, radius=factor * smallest)
        bracket = attempt(bracket, _search, bracket, cell, row, minima, budget)
        ends = f"[{bracket.radius_low:.3g}, {bracket.radius_high:.3g}]"
        progress(f"{row.space}, minimum {row.minimum}: realization radius in {ends}")
        rows.append(bracket)
    return rows


def _search(
    bracket: Bracket, cell: Cell, row: Minimum, minima: Minima, budget: ExchangeBudget | None
) -> Bracket:
    others = [other for other in within_space(minima, row.space) if other.minimum != row.minimum]
    found = cell.task(row.space).ask(
        search_ball, row.network, radius=bracket.radius, budget=budget,
        rng=cell.stream("realization radius", row.space, row.first_start),
        minima=[other.network for other in others],
        certified_radius=row.radius if np.isfinite(row.radius) else 0.0,
    )  # fmt: skip
    uniform = np.nan
    if row.space == "restricted" and 0 < row.radius < np.inf:
        uniform = uniform_radius(row.network, row.radius).radius_uniform
    counts = {"exchanged": len(found.exchanged), "uniform_radius": uniform}
    return Bracket.copied(found, found.witness, bracket, **counts)


def bracket_optima(
    cell: Cell, minima: Minima, *, spaces: Sequence[str], max_nodes: int, progress: Log = quiet
) -> list[Optimum]:
    """Bracket the global minimum of these spaces, from the best minimum of each on.

    Of ``max_nodes`` nodes each further input leaves a tenth: none where that is less than one, nor
    of another loss than the squared one.
    """
    rows = []
    limit = max_nodes // 10 ** (cell.features.shape[1] - 1)
    for space in spaces if limit and not cell.objective else []:
        task, own = cell.task(space), [row for row in minima if row.space == space]
        inside = within_space(own, space)
        found = bracket_global_minimum(
            cell.features, cell.target, space=task.space, time_limit=np.inf, node_limit=limit,
            n_starts=0, seed=cell.seed, network=inside[0].network if inside else None,
        )  # fmt: skip
        loss = min((row.loss for row in own), default=np.nan)
        equal = 10 * TOLERANCE * float(np.mean(cell.target**2))
        verdict = Verdict.UNDECIDED
        if loss - found.lower <= equal:
            verdict = Verdict.HOLDS
        elif loss - found.upper > equal:
            verdict = Verdict.VIOLATED
        reason = found.outcome.sentence.removesuffix("; resume= goes on")
        row = Optimum.copied(
            found, found.network, **cell.place, space=space, verdict=verdict.value, reason=reason,
            loss=loss, global_low=found.lower, global_high=found.upper,
            global_gap=loss - found.lower, tolerance=equal,
        )  # fmt: skip
        rows.append(row)
        progress(f"{space}: best minimum {loss:.6g}, {found}")
    return rows
