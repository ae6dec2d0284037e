"""The functions that minima compute, in the data's own units: weights, predictions, dependences.

All from the networks at the distinct certified minima (the rows of the jobs) and the data sets.
Where a data set is standardized, its standardization is folded in: see `_units`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from landscape.corners import minimize_corners
from landscape.data import Dataset
from landscape.losses import KinkedLoss, Loss, SquaredLoss
from landscape.networks import Network, exact
from landscape.realization import realize
from landscape.rows import as_frame, frame_of
from landscape.spaces import SPACES, UnrestrictedSpace, make_space
from landscape.standardization import Units
from landscape.study.rows import Minimum
from landscape.tables.rows import Accuracy, Dependence, Prediction, Weight

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEATURES", "GRID", "NEXT", "realization_tables"]

Array = NDArray[np.float64]
#: Minima of a cell whose functions of one input are told; grid points for one and two inputs;
#: features of partial dependences.
NEXT, GRID, FEATURES = 5, (101, 31), 6


def _units(data: Dataset) -> Units:
    """What a data set was given in is ``stored * scale + shift``."""
    record = data.metadata.get("standardization")
    if record is None:
        return Units(np.ones(data.n_features), np.zeros(data.n_features), 1.0, 0.0)
    x, y = record["features"], record["target"]
    return Units(np.array(x["scales"]), np.array(x["means"]), y["scale"], y["mean"])


def realization_tables(
    minima: Iterable[Minimum], data: Mapping[str, Dataset], loss: Loss | None = None
) -> dict[str, pd.DataFrame]:
    """The tables ``weights``, ``accuracy``, ``predictions`` and ``dependence``.

    Of the distinct certified minima, from their jobs, and of each data set by name.
    """
    form = loss or SquaredLoss()
    ordered = sorted(minima, key=lambda row: row.minimum)
    accuracy: list[Accuracy] = []
    rows: dict[str, list[tuple[Any, ...]]] = {
        table.name: [] for table in (Weight, Prediction, Dependence)
    }
    for name, own in data.items():
        units, (targets, own_loss) = _units(own), form.on(own.target)
        found = [row for row in ordered if row.dataset == name]
        least = [row for row in found if row.minimum == 0]
        linear, constant = _linear(own, own_loss), _constant(own, own_loss)
        for row in found:
            rows["weights"] += _weights(row, own, units)
        compared = [("mean", 0, -1, constant), ("linear", 0, -1, linear)]
        compared += [
            (row.space, row.neurons, row.minimum, _values(row, own.features)) for row in least
        ]
        variance, total = float(np.var(own.target)), 0.0
        for model, neurons, minimum, values in compared:
            size = float(np.mean(own_loss.value(values - targets)))
            total = total or size
            fit = Accuracy(
                dataset=name,
                model=model,
                neurons=neurons,
                minimum=minimum,
                loss=size,
                rmse=np.nan,
                r_squared=np.nan,
                explained=1.0 - size / total,
                right=np.nan,
            )
            if form == SquaredLoss():
                share, root = 1.0 - size / variance, float(np.sqrt(size)) * units.target_scale
                fit = replace(fit, rmse=root, r_squared=share, explained=share)
            if own_loss.labels is not None and own_loss.name in ("logistic", "hinge"):
                right = float(np.mean((own_loss.labels > 0) == (values > 0)))
                fit = replace(fit, right=right)
            accuracy.append(fit)
        observed = own.target
        if own_loss.labels is not None and own_loss.name in ("logistic", "hinge"):
            other = -1.0 if own_loss.name == "hinge" else 0.0
            observed = np.where(own_loss.labels > 0, 1.0, other)
        for row in least:
            fitted = (_values(row, own.features), linear)
            columns = [observed, *map(own_loss.mean, fitted)]
            only = units.values_of(own.features)[:, 0]
            x = only if own.n_features == 1 else np.full(own.n_samples, np.nan)
            lines = np.transpose([*map(units.values, columns), x]).tolist()
            place = (name, row.space, row.neurons)
            rows["predictions"] += [(*place, k, *line) for k, line in enumerate(lines)]
        shown = next((space for space in SPACES if any(r.space == space for r in found)), "")
        few = NEXT if own.n_features == 1 else 1
        for row in found:
            if row.space == shown and row.minimum < few:
                rows["dependence"] += _dependences(row, own, units, own_loss)
    return {"accuracy": frame_of(Accuracy, accuracy)} | {
        table.name: as_frame(table, _columns(table, rows[table.name]))
        for table in (Weight, Prediction, Dependence)
    }


def _columns(table: Any, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Rows, in the order of a table's columns, by column."""
    names = [column.name for column in table.columns()]
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def _constant(data: Dataset, loss: Loss) -> Array:
    """Values of the constant that fits the data best."""
    if isinstance(loss, SquaredLoss):
        return np.full(data.n_samples, data.target.mean())
    return _affine(np.empty((data.n_samples, 0)), data.target, loss)


def _linear(data: Dataset, loss: Loss) -> Array:
    """Values of the affine function that fits the data best."""
    x, mean = data.features - data.features.mean(axis=0), data.target.mean()
    x /= np.maximum(np.abs(x).max(axis=0), np.finfo(float).tiny)  # whatever the units
    if not isinstance(loss, SquaredLoss):
        return _affine(x, data.target, loss)
    return np.asarray(x @ np.linalg.lstsq(x, data.target - mean)[0] + mean)


def _affine(x: Array, y: Array, loss: Loss) -> Array:
    """Values of the affine function of least loss, or far out where none is attained."""
    targets, columns = loss.on(y)[0], np.column_stack([x, np.ones(len(x))])
    if isinstance(own := loss.on(y)[1], KinkedLoss):
        at, low, high = own.pieces()
        return np.asarray(columns @ minimize_corners(columns, targets + at, low, high).x)

    def value(w: Array) -> tuple[float, Array]:
        r = columns @ w - targets
        return float(loss.value(r).mean()), 2.0 / len(r) * (columns.T @ loss.half_slope(r))

    start = np.zeros(columns.shape[1])
    found = minimize(value, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15})
    return np.asarray(columns @ found.x)


def _values(row: Minimum, features: Array) -> Array:
    """The realization at points of the stored data, as the study computes it."""
    space = make_space(row.space, features.shape[1], row.neurons)
    return realize(row.network, space.embed(features))


def _weights(row: Minimum, data: Dataset, units: Units) -> Iterator[tuple[Any, ...]]:
    """Rows of the table of weights."""
    theta, space = row.network, make_space(row.space, data.n_features, row.neurons)
    network = Network.from_parametrization(theta, space)
    scales, scale = exact(units.scale), Fraction(units.target_scale)
    # Rounded once, from rationals.
    network = network.rescaled(
        -exact(units.shift) / scales, 1 / scales, -Fraction(units.target_shift) / scale, 1 / scale
    )
    # The offset is the last neuron, with the weights of the constant 1.
    weights = np.zeros((network.n_neurons + 1, space.n_inputs))
    stored = weights.copy()
    weights[:-1, : data.n_features + 1] = network.rows
    weights[-1, data.n_features] = 1.0
    outputs = np.append(network.output_weights, network.offset)
    if isinstance(space, UnrestrictedSpace):
        stored, own = theta.weights, theta.output_weights
    else:
        stored[:-1], own = theta.weights, np.append(theta.output_weights, 0.0)
    names = [*data.feature_names, "1", "-1"]
    place = (row.dataset, row.space, row.neurons, row.minimum)
    columns = (weights, outputs[:, None], stored, own[:, None])
    cells = [np.broadcast_to(v, weights.shape).ravel().tolist() for v in columns]
    for (i, j), *line in zip(np.ndindex(*weights.shape), *cells, strict=True):
        yield (*place, i, j, names[j], *line)


def _dependences(
    row: Minimum, data: Dataset, units: Units, loss: Loss
) -> Iterator[tuple[Any, ...]]:
    """Rows of the fitted function of one or two inputs, or of partial dependences."""
    x, place = data.features, (row.dataset, row.neurons, row.minimum)
    low, high = x.min(axis=0), x.max(axis=0)
    if data.n_features == 2:
        axes = [np.linspace(low[j], high[j], GRID[1]) for j in (0, 1)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        shown = np.column_stack([units.values_of(points), loss.mean(_values(row, points))])
        shown[:, 2] = units.values(shown[:, 2])
        for k, line in enumerate(shown.tolist()):
            yield (*place, *data.feature_names, k, row.space, *line)
        return
    space = make_space(row.space, data.n_features, row.neurons)
    network = Network.from_parametrization(row.network, space)
    a, c, e = network.weights, network.output_weights, network.offset
    if data.n_features == 1:
        x = x[:1]  # all others would be moved to the same places
    inner, curves = x @ a.T + network.biases, []
    for j, name in enumerate(data.feature_names):
        grid = np.linspace(low[j], high[j], GRID[data.n_features > 1])
        if data.n_features == 1:
            grid = np.unique(np.append(grid, _breaks(network, low[0], high[0])))
        moved = (inner + np.outer(point - x[:, j], a[:, j]) for point in grid)
        values = np.array([loss.mean(np.maximum(z, 0.0) @ c + e).mean() for z in moved])
        curves.append((name, grid * units.scale[j] + units.shift[j], units.values(values)))
    curves.sort(key=lambda curve: -float(np.ptp(curve[2])))
    for name, grid, values in curves[:FEATURES]:
        for k, line in enumerate(zip(grid.tolist(), values.tolist(), strict=True)):
            point, value = line
            yield (*place, name, "", k, row.space, point, np.nan, value)


def _breaks(network: Network, low: float, high: float) -> Array:
    """Where neurons of one input break, within the range of the samples."""
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = -network.biases / network.weights[:, 0]
    return breaks[(low < breaks) & (breaks < high)]
