"""Minima in realization space (Proposition 1.2): rigid balls, and minima as training finds them."""

from collections.abc import Sequence

from landscape.probe import examine_minimum, probe_realization
from landscape.study.cells import Cell, Log, Minima, attempt, quiet, within_space
from landscape.study.rows import Natural, Probe


def probe_minima(
    cell: Cell, minima: Minima, *, rigid_fraction: float, max_minima: int, progress: Log = quiet
) -> list[Probe]:
    """Probe the rigid ball around the best minima of N*, where the verdict is forced (Theorem 13).

    Its radius is ``rigid_fraction`` times ``min_i ‖u_i‖ / 2``.
    """
    task, rows = cell.task("restricted"), []
    for row in within_space(minima, "restricted")[:max_minima]:
        radius = rigid_fraction * row.rigidity_radius
        probe = Probe(**cell.place, minimum=row.minimum, radius=radius)
        rows.append(attempt(probe, task.ask, probe_realization, row.network, radius=radius))
    holding = sum(probe.verdict == "holds" for probe in rows)
    progress(f"{holding} of {len(rows)} rigid balls hold nothing better")
    return rows


def examine_minima(
    cell: Cell, minima: Minima, *, spaces: Sequence[str], max_minima: int, progress: Log = quiet
) -> list[Natural]:
    """Describe the best distinct minima of N' or N, those with parallel neurons too.

    N* is no such space: it excludes degeneracies.
    """
    rows, minima = [], list(minima)
    for name in spaces:
        task = cell.task(name)
        for row in [row for row in minima if row.space == name][:max_minima]:
            case = Natural(**cell.place, space=name, minimum=row.minimum, loss=row.loss)
            case = attempt(case, task.ask, examine_minimum, row.network)
            progress(f"{name}, minimum {row.minimum}: {case.spare} spare, {case.verdict}")
            rows.append(case)
    return rows
