"""The converse of Proposition 1.2 fails: realization-space minima need optimal scales only.

In small balls only the scales are free (Theorem 12). So random directions with least-squares scales
are realization-space minima of radius ``1/2 min_i ‖u_i‖`` within their component of N* (the signs
are those of the scales), and hardly ever minima of the parameters (Theorem 14).
"""

from dataclasses import replace

import numpy as np

from landscape.errors import NUMERICAL_ERRORS
from landscape.parametrization import Parametrization
from landscape.probe import probe_realization, rigidity_radius
from landscape.study.cells import Array, Cell, Log, quiet, say
from landscape.study.rows import Converse
from landscape.training import draw_network


def optimal_scales(theta: Parametrization, X: Array, y: Array) -> Array:
    """Least-squares scales t of ``sum_i t_i sigma_i relu(<u_i, x>)``, of any sign, shape (m,).

    Neurons that no sample sees, and other directions that make no difference, keep t = 1: the
    shortest step from there.
    """
    values = theta.signs * np.maximum(X @ theta.products.T, 0.0)
    step = np.linalg.lstsq(values, y - values.sum(axis=1), rcond=None)[0]
    return 1.0 + np.asarray(step, dtype=float)


def draw_converse(
    cell: Cell, minima: object = None, *, n_draws: int, rigid_fraction: float, progress: Log = quiet
) -> list[Converse]:
    """Random directions with optimal scales, as realization minima and as parameter minima.

    The draws are networks of their own, drawn as starts are: minima are not needed. The radius of
    the ball is ``rigid_fraction`` times ``1/2 min_i ‖u_i‖``.
    """
    # Without N*'s margin: optimal scales may be of any size.
    task, rows = replace(cell, margin=0.0).task("restricted"), []
    n_features = cell.features.shape[1]
    for draw in range(n_draws):
        n_positive = draw % (cell.neurons + 1)
        rng = cell.stream("converse", draw)
        theta = task.embed(draw_network(rng, n_features, cell.neurons, n_positive=n_positive))
        scales = optimal_scales(theta, task.X, task.y)
        row = Converse(
            **cell.place, draw=draw, positive_signs=n_positive, turned=int((scales < 0).sum()),
            drawn_loss=task.loss(theta),
        )  # fmt: skip
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
            certificate = task.certify(gamma)
            row = replace(row, parameters=certificate.verdict, slope=certificate.slope)
            row = replace(row, descended_loss=task.descend(gamma).loss)
        except NUMERICAL_ERRORS as error:
            row = replace(row, reason=say(error))
        rows.append(row)
    counts = sum(row.realization == "holds" for row in rows)
    progress(f"{counts} of {n_draws} draws are realization-space minima")
    return rows
