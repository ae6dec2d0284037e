"""Minima in realization space (Proposition 1.2): rigid balls, and where there is no implication.

The controls C.1, C.2 and C.3 (Theorem 15) on the minima of N* have to be violated, and the converse
fails: in small balls only the scales are free (Theorem 12), so random directions with the best
scales are realization-space minima of radius ``1/2 min_i ‖u_i‖`` within their component of N* (the
signs are those of the scales), and hardly ever minima of the parameters (Theorem 14).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landscape.convex import minimize_many
from landscape.descent import descend
from landscape.errors import NUMERICAL_ERRORS, NumericalError
from landscape.losses import KinkedLoss, Loss, WeightDecay, decay_rows, get_loss
from landscape.minima import certify_minimum
from landscape.objective import n_biases
from landscape.parametrization import Parametrization
from landscape.probe import CONTROLS, examine_minimum, probe_realization, rigidity_radius
from landscape.probe import Control as MadeControl
from landscape.probe.controls import active_direction, degenerate_like
from landscape.realization import realize
from landscape.spaces import RestrictedSpace, Space
from landscape.study.cells import Array, Cell, Log, Minima, Task, attempt, best, quiet, say
from landscape.study.rows import Control, Converse, Minimum, Natural, Probe


def probe_minima(
    cell: Cell, minima: Minima, *, rigid_fraction: float, max_minima: int, progress: Log = quiet
) -> list[Probe]:
    """Probe the rigid ball around the best minima of N*, where the verdict is forced (Theorem 13).

    Its radius is ``rigid_fraction`` times ``min_i ‖u_i‖ / 2``.
    """
    rows = []
    for task, row in best(cell, minima, ["restricted"], max_minima):
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
    rows = []
    for task, row in best(cell, minima, spaces, max_minima, inside=False):
        case = Natural(**cell.place, space=row.space, minimum=row.minimum, loss=row.loss)
        rows.append(case := attempt(case, task.ask, examine_minimum, row.network))
        progress(f"{row.space}, minimum {row.minimum}: {case.spare} spare, {case.verdict}")
    return rows


def follow_controls(
    cell: Cell, minima: Minima, *, n_steps: int, max_minima: int, progress: Log = quiet
) -> list[Control]:
    """Build the controls from the best minima of N*, and follow better realizations to distance 0.

    A control has ``n_steps`` of them. C.3 needs ``sum_k s_k x_k = 0``. Where a minimum does not
    have that, two neurons that are active on all samples are added to it, so that the linear part
    is optimal, and the descent goes on from there: ``base`` is then ``"extended"``.
    """
    rows = []
    for task, row in best(cell, minima, ["restricted"], max_minima):
        found = [_steps(kind, cell, task, row, n_steps) for kind in CONTROLS]
        verdicts = ", ".join(f"{steps[0].kind} {steps[0].verdict}" for steps in found)
        progress(f"minimum {row.minimum}: {verdicts}")
        rows += [step for steps in found for step in steps]
    return rows


def _steps(kind: str, cell: Cell, task: Task, row: Minimum, n_steps: int) -> list[Control]:
    place = Control(**cell.place, minimum=row.minimum, kind=kind)
    theta, rng = row.network, cell.stream("control", kind, row.first_start)
    try:
        if kind == "C.3" and not _is_minimum(*degenerate_like(theta, task.X, kind), task):
            extended = extend_by_linear(theta, task)
            if extended is not None:
                theta, place = extended, replace(place, base="extended")
        control = _control(kind, theta, task, rng, n_steps)
    except NUMERICAL_ERRORS as error:
        return [replace(place, reason=say(error))]
    radius, far = control.certificate.radius, control.parameter_distance
    steps = zip(control.distances, control.gaps, control.tolerances, strict=True)
    return [
        Control.copied(
            control, place, step=k, distance=r, gap=gap, tolerance=rounding,
            certificate_radius=radius, fibre_distance=far,
        )
        for k, (r, gap, rounding) in enumerate(steps)
    ]  # fmt: skip


def _is_minimum(theta: Parametrization, space: Space, task: Task) -> bool:
    return replace(task, space=space).ask(certify_minimum, theta).is_minimum


def _control(
    kind: str, theta: Parametrization, task: Task, rng: np.random.Generator, n_steps: int
) -> MadeControl:
    loss = task.objective.get("loss")  # the config leaves controls out with weight decay
    return CONTROLS[kind](theta, task.X, task.y, rng=rng, n_steps=n_steps, loss=loss)


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
    rest = realize(theta, X) - task.y
    if loss := task.objective.get("loss"):  # a proposal: the descent goes on from there
        targets, own = loss.on(task.y)
        rest = own.half_slope(realize(theta, X) - targets)
    line = -np.asarray(np.linalg.lstsq(X, rest, rcond=None)[0])
    # Large enough that both stay active when the line is added, and for what descent still moves.
    size = 8.0 * (1.0 + float(np.abs(line).max())) / reach
    pair = size * np.vstack([a, 1.5 * a])
    pair[:, -2:] += np.maximum(0.0, 1.0 + 2 * space.margin - pair[:, -2:].min(axis=1))[:, None]
    pair[0] += line + np.where(np.arange(len(a)) == 0, reach * size / 8, 0.0)
    pair[0, -2:] += max(0.0, 1.0 + 2 * space.margin - float(pair[0, -2:].min()))
    signs = np.append(theta.signs, [1.0, -1.0])
    start = Parametrization.from_products(np.vstack([theta.products, pair]), signs)
    wider = replace(space, n_neurons=theta.n_neurons + 2)
    found = replace(task, space=wider).end(start)
    end = found.network
    if wider.violations(end) or found.verdict != "holds":
        return None
    return end if (X @ end.weights.T > 0).all(axis=0).any() else None


def optimal_scales(
    theta: Parametrization,
    X: Array,
    y: Array,
    *,
    space: Space | None = None,
    loss: Loss | None = None,
    weight_decay: WeightDecay | None = None,
) -> Array:
    """Best scales t of ``sum_i t_i sigma_i relu(<u_i, x>)``, of any sign, shape (m,).

    Neurons that no sample sees, and other directions that make no difference, keep t = 1, the
    shortest step from there; with a weight decay, which needs the space, they end at 0. Scales of
    other losses are 0 where Newton's method leaves values of less than a billionth of the largest
    one, or of the targets. NumericalError if it finds none, as where the values separate two
    classes.
    """
    values = theta.signs * np.maximum(X @ theta.products.T, 0.0)
    if loss is None or (loss == get_loss() and weight_decay is None):
        step = np.linalg.lstsq(values, y - values.sum(axis=1), rcond=None)[0]
        return 1.0 + np.asarray(step, dtype=float)
    targets, own = loss.on(y)
    price = np.zeros(theta.n_neurons)
    if weight_decay is not None:
        assert space is not None
        rows = decay_rows(weight_decay, space.n_inputs, n_biases(space))
        price = np.linalg.norm(theta.products @ rows.T, axis=1)
    sizes = np.linalg.norm(values, axis=0)
    seen = np.flatnonzero(sizes)
    columns = (values[:, seen] / sizes[seen]).T[None]
    pulls = (price[seen] / sizes[seen])[None, :, None]
    found = minimize_many(columns, targets, own, pulls, len(seen), cone=False)
    if not found.settled.all():
        raise NumericalError("no best scales: Newton's method did not end")
    scales = np.where(price > 0, 0.0, 1.0)
    scales[seen] = found.points[0] / sizes[seen]
    # Where all that is penalized belongs at 0, the largest value is itself what Newton left.
    reach = max(float(np.abs(scales * sizes).max()), float(np.linalg.norm(targets)) or 1.0)
    scales[(np.abs(scales * sizes) <= 1e-9 * reach) & (price > 0)] = 0.0
    if isinstance(own, KinkedLoss):  # a vertex, up to the linear program's tolerance
        gaps = values @ scales - targets - own.pieces()[0]
        on = np.abs(gaps) <= 1e-7 * np.abs(gaps).max(initial=0.0)
        return np.asarray(scales - np.linalg.lstsq(values[on], gaps[on], rcond=1e-9)[0])
    best, least = scales, np.inf
    for _ in range(4):  # what is left are rounding and the smoothed norms: Newton's own steps
        kept = np.flatnonzero(scales * sizes)
        part, r = values[:, kept], values @ scales - targets
        half = part.T @ own.half_slope(r) + len(y) / 2 * price[kept] * np.sign(scales[kept])
        short = float(np.abs(half / sizes[kept]).max(initial=0.0))
        if not short < least or (scales * best < 0)[price > 0].any():
            break
        best, least = scales.copy(), short
        bent = part.T @ (own.half_curvature(r)[:, None] * part)
        scales[kept] -= np.linalg.lstsq(bent, half, rcond=None)[0]
    return best


def draw_converse(
    cell: Cell, minima: object = None, *, n_draws: int, rigid_fraction: float, progress: Log = quiet
) -> list[Converse]:
    """Random directions with optimal scales, as realization minima and as parameter minima.

    The draws are networks of their own, drawn as starts are: minima are not needed. The radius of
    the ball is ``rigid_fraction`` times ``1/2 min_i ‖u_i‖``.
    """
    # Without N*'s margin: optimal scales may be of any size.
    task, rows = replace(cell, margin=0.0).task("restricted"), []
    for draw in range(n_draws):
        network, n_positive = cell.start(draw, "converse")
        theta = task.embed(network)
        loss = task.loss(theta)
        place = {**cell.place, "draw": draw, "positive_signs": n_positive, "drawn_loss": loss}
        row = Converse(**place)
        try:
            scales = task.ask(optimal_scales, theta)
        except NUMERICAL_ERRORS as error:
            rows.append(replace(row, reason=say(error)))
            continue
        row = replace(row, turned=int((scales < 0).sum()))
        if (scales == 0).any():
            rows.append(replace(row, reason="an optimal scale is 0: not in N*"))
            continue
        turned = Parametrization(theta.weights, theta.output_weights * np.sign(scales))
        gamma = turned.scale(np.abs(scales))
        radius = rigid_fraction * rigidity_radius(gamma)
        row = replace(row, loss=task.loss(gamma), radius=radius)
        try:
            probe = task.ask(probe_realization, gamma, radius=radius)
            row = Converse.copied(probe, row, realization=probe.verdict)
            certificate = task.ask(certify_minimum, gamma)
            row = replace(row, parameters=certificate.verdict, slope=certificate.slope)
            row = replace(row, descended_loss=task.ask(descend, gamma).loss)
        except NUMERICAL_ERRORS as error:
            row = replace(row, reason=say(error))
        rows.append(row)
    counts = sum(row.realization == "holds" for row in rows)
    progress(f"{counts} of {n_draws} draws are realization-space minima")
    return rows
