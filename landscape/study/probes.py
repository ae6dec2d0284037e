"""Minima in realization space (Proposition 1.2): rigid balls, and minima as training finds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from landscape.errors import NUMERICAL_ERRORS
from landscape.pipeline import say
from landscape.probe import examine_minimum, probe_realization
from landscape.study.cells import Cell, Progress, network_of, quiet, within_space
from landscape.study.rows import Minimum, Natural, Probe

__all__ = ["examine_minima", "probe_minima"]


def probe_minima(
    cell: Cell,
    minima: Iterable[Minimum],
    *,
    rigid_fraction: float,
    max_minima: int,
    progress: Progress = quiet,
) -> list[Probe]:
    """Probe the rigid ball around minima of N*, where the verdict is forced (Theorem 13).

    Parameters
    ----------
    cell : Cell
    minima : iterable of Minimum
    rigid_fraction : float
        Radius in units of ``min_i ‖u_i‖ / 2``.
    max_minima : int
        The best ones that lie in the space.
    progress : callable
    """
    task, rows = cell.task("restricted"), []
    for row in within_space(minima, "restricted")[:max_minima]:
        radius = rigid_fraction * row.rigidity_radius
        place = {**cell.place, "minimum": row.minimum, "radius": radius}
        try:
            found = probe_realization(
                network_of(row), task.X, task.y, radius=radius, space=task.space
            )
            probe = Probe(
                **place,
                verdict=found.verdict.value,
                gap=found.gap,
                lower_bound=found.lower_bound,
                tolerance=found.tolerance,
                distance=found.distance,
                cuts=found.n_cuts,
                regime=found.regime,
                reason=found.reason,
            )
        except NUMERICAL_ERRORS as error:
            probe = Probe(**place, reason=say(error))
        rows.append(probe)
    holding = sum(probe.verdict == "holds" for probe in rows)
    progress(f"{holding} of {len(rows)} rigid balls hold nothing better")
    return rows


def examine_minima(
    cell: Cell,
    minima: Iterable[Minimum],
    *,
    spaces: Sequence[str],
    max_minima: int,
    progress: Progress = quiet,
) -> list[Natural]:
    """Describe distinct minima of N' or N, those with parallel neurons too.

    Parameters
    ----------
    cell : Cell
    minima : iterable of Minimum
    spaces : sequence of str
        Not N*, which excludes degeneracies.
    max_minima : int
        Per space, the best ones.
    progress : callable
        Receives one line per minimum.
    """
    rows, minima = [], list(minima)
    for name in spaces:
        task = cell.task(name)
        for row in [row for row in minima if row.space == name][:max_minima]:
            place = {**cell.place, "space": name, "minimum": row.minimum, "loss": row.loss}
            try:
                found = examine_minimum(network_of(row), task.X, task.y, space=task.space)
                case = Natural(
                    **place,
                    silent=found.n_silent,
                    zero=found.n_zero,
                    imbalance=found.imbalance,
                    redundant=found.n_redundant,
                    opposite=found.n_opposite,
                    flip_gap=found.flip_gap,
                    spare=found.n_spare,
                    verdict=found.verdict.value,
                    radius=found.radius,
                    distance=found.distance,
                    gap=found.gap,
                    tolerance=found.tolerance,
                    reason=found.reason,
                )
            except NUMERICAL_ERRORS as error:
                case = Natural(**place, reason=say(error))
            progress(f"{name}, minimum {row.minimum}: {case.spare} spare, {case.verdict}")
            rows.append(case)
    return rows
