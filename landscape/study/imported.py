"""Networks that a data set of a study brings, analysed beside the study's own starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landscape.analysis import analyse
from landscape.data import Dataset
from landscape.errors import NUMERICAL_ERRORS
from landscape.losses import needs_loss
from landscape.networks import Network, NetworkError, load_network
from landscape.objective import mean_loss
from landscape.study.cells import Log, quiet, say
from landscape.study.rows import Fit, Imported

__all__ = ["examine_networks", "standardized"]


def standardized(network: Network, dataset: Dataset) -> Network:
    """The network on standardized data."""
    record = dataset.metadata.get("standardization")
    if record is None:
        return network
    x, y = record["features"], record["target"]
    return network.rescaled(np.array(x["means"]), np.array(x["scales"]), y["mean"], y["scale"])


def examine_networks(
    dataset: Dataset, paths: Iterable[str], fits: Iterable[Fit], progress: Log = quiet,
    *, objective: Mapping[str, Any] | None = None,
) -> list[Imported]:  # fmt: skip
    """A row for each network; ``fits`` are the ends of the study's starts on the same data.

    ``objective``: ``loss`` and ``weight_decay``; of classifiers the values are log odds.
    """
    ends, rows, form = [fit for fit in fits if fit.verdict == "holds"], [], dict(objective or {})
    for path in paths:
        network, name = load_network(path), Path(path).name
        if network.n_inputs != dataset.n_features:
            raise NetworkError(
                f"{path}: it has {network.n_inputs} inputs, data set {dataset.name!r} has "
                f"{dataset.n_features} features; correct `networks` or `features`"
            )
        network = standardized(network, dataset)
        if needs_loss(form.get("loss"), None) or form.get("weight_decay"):
            space = network.space("unrestricted")
            theta, inputs = network.to_parametrization(space), space.embed(dataset.features)
            loss = mean_loss(theta, inputs, dataset.target, space=space, **form)
        else:
            values = network.predict(dataset.features)
            loss = float(np.mean((values - dataset.target) ** 2))
        row = Imported(
            dataset=dataset.name,
            network=name,
            neurons=network.n_neurons,
            dtype=network.dtype,
            loss=loss,
            best_loss=min((fit.loss for fit in ends), default=np.nan),
            lower=_share([fit.loss for fit in ends if fit.neurons == network.n_neurons], loss),
        )
        try:
            found = analyse(network, dataset.features, dataset.target, valleys=False, **form)
        except NUMERICAL_ERRORS as error:
            rows.append(replace(row, reason=say(error)))
            continue
        gap, known, steep = found.gap, found.degeneracies, found.lipschitz[2.0]
        progress(f"{name}: {found!r}")
        rows.append(
            replace(
                row,
                verdict=found.verdict.value,
                reason=found.reason,
                stationarity=found.certificate.stationarity,
                radius=found.certificate.radius,
                nearest_outcome=gap.outcome,
                nearest_loss=loss - gap.loss,
                nearest_parameters=gap.parameters,
                nearest_values=gap.values,
                precision=gap.precision,
                imbalance=known["imbalance_max"],
                closest_angle=known["closest"][0][2] if known["closest"] else np.nan,
                opposite_angle=known["opposite"][0][2] if known["opposite"] else np.nan,
                silent=len(known["silent"]),
                spare=known["spare"],
                implication="undecided"
                if found.implication is None
                else (found.implication.verdict.value),
                lipschitz=steep.value,
                lipschitz_exact=steep.exact,
            )
        )
    return rows


def _share(losses: list[float], loss: float) -> float:
    """How many are lower."""
    return float(np.mean(np.array(losses) < loss)) if losses else float("nan")
