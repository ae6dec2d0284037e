"""The controls C.1, C.2 and C.3 (Theorem 15) on the minima of N*: they have to be violated."""

from dataclasses import replace

import numpy as np

from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import Parametrization
from landscape.probe import CONTROLS
from landscape.probe.controls import active_direction
from landscape.realization import realize
from landscape.spaces import RestrictedSpace
from landscape.study.cells import Cell, Log, Minima, Task, quiet, say, within_space
from landscape.study.rows import Control, Minimum
from landscape.verdict import Verdict


def follow_controls(
    cell: Cell, minima: Minima, *, n_steps: int, max_minima: int, progress: Log = quiet
) -> list[Control]:
    """Build the controls from the best minima of N*, and follow better realizations to distance 0.

    A control has ``n_steps`` of them. C.3 needs ``sum_k s_k x_k = 0``. Where a minimum does not
    have that, two neurons that are active on all samples are added to it, so that the linear part
    is optimal, and the descent goes on from there: ``base`` is then ``"extended"``.
    """
    task, rows = cell.task("restricted"), []
    for row in within_space(minima, "restricted")[:max_minima]:
        verdicts = []
        for kind in CONTROLS:
            steps = _steps(kind, cell, task, row, n_steps)
            verdicts.append(f"{kind} {steps[0].verdict}")
            rows += steps
        progress(f"minimum {row.minimum}: {', '.join(verdicts)}")
    return rows


def _steps(kind: str, cell: Cell, task: Task, row: Minimum, n_steps: int) -> list[Control]:
    place = Control(**cell.place, minimum=row.minimum, kind=kind)
    theta, rng = row.network, cell.stream("control", kind, row.first_start)
    base = "minimum"
    try:
        control = CONTROLS[kind](theta, task.X, task.y, rng=rng, n_steps=n_steps)
        if kind == "C.3" and not control.certificate.is_minimum:
            extended = extend_by_linear(theta, task)
            if extended is not None:
                base = "extended"
                control = CONTROLS[kind](extended, task.X, task.y, rng=rng, n_steps=n_steps)
    except NUMERICAL_ERRORS as error:
        return [replace(place, base=base, reason=say(error))]
    radius, far = control.certificate.radius, control.parameter_distance
    common = {"base": base, "certificate_radius": radius, "fibre_distance": far}
    steps = zip(control.distances, control.gaps, control.tolerances, strict=True)
    return [
        Control.copied(control, place, step=k, distance=r, gap=gap, tolerance=rounding, **common)
        for k, (r, gap, rounding) in enumerate(steps)
    ]


def extend_by_linear(theta: Parametrization, task: Task) -> Parametrization | None:
    """A certified minimum of N* with two more neurons, which are active on all samples.

    With (u_1, +) and (u_2, -), both active on all samples, every linear function can be added, so
    ``sum_k s_k x_k = 0`` at the minimum. ``theta`` lies in N*, the space of the task. None if the
    descent does not end at a certified minimum of that kind.
    """
    X, space = task.X, task.space
    assert isinstance(space, RestrictedSpace)
    a = active_direction(X, "C.3")
    reach = float((X @ a / np.abs(X).sum(axis=1)).min())
    line = -np.asarray(np.linalg.lstsq(X, realize(theta, X) - task.y, rcond=None)[0])
    # Large enough that both stay active when the line is added, and for what descent still moves.
    size = 8.0 * (1.0 + float(np.abs(line).max())) / reach
    pair = size * np.vstack([a, 1.5 * a])
    pair[:, -2:] += np.maximum(0.0, 1.0 + 2 * space.margin - pair[:, -2:].min(axis=1))[:, None]
    pair[0] += line + np.where(np.arange(len(a)) == 0, reach * size / 8, 0.0)
    pair[0, -2:] += max(0.0, 1.0 + 2 * space.margin - float(pair[0, -2:].min()))
    signs = np.append(theta.signs, [1.0, -1.0])
    start = Parametrization.from_products(np.vstack([theta.products, pair]), signs)
    wider = replace(space, n_neurons=theta.n_neurons + 2)
    found = Task(wider, X, task.y).end(start)
    end = found.parametrization
    if wider.violations(end) or found.verdict is not Verdict.HOLDS:
        return None
    return end if (X @ end.weights.T > 0).all(axis=0).any() else None
