"""Six data sets for the losses, all standardized; see `benchmarks.estimator.data` for packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

from benchmarks.estimator.data import DATA, Sample
from landscape.losses import HuberLoss, LogisticLoss, Loss, PoissonLoss, QuantileLoss


@dataclass(frozen=True)
class Task:
    """A loss on data, with the penalty of all fits of it (product coordinates, mean loss)."""

    name: str
    loss: Loss
    alpha: float
    load: Callable[[], Sample]

    def error(self, values: np.ndarray, y: np.ndarray) -> float:
        """Mean loss of a network's values, without penalty."""
        targets, loss = self.loss.on(y)
        return float(loss.value(values - targets).mean())


def orange_juice() -> Sample:
    """Which of two brands was bought, from prices and discounts."""
    import pandas as pd
    from ISLP import load_data

    frame = pd.get_dummies(load_data("OJ"), drop_first=True).astype(float)
    return frame.drop(columns="Purchase_MM").to_numpy(), frame["Purchase_MM"].to_numpy()


def counties() -> Sample:
    """Deaths by breast cancer in 301 counties, from the logarithm of their population."""
    from statsmodels.datasets import cancer

    frame = cancer.load_pandas().data
    return np.log(frame[["population"]].to_numpy(float)), frame["cancer"].to_numpy(float)


TASKS = (
    Task("breast cancer", LogisticLoss(), 1e-3, lambda: load_breast_cancer(return_X_y=True)),
    Task("OJ", LogisticLoss(), 1e-3, orange_juice),
    Task("diabetes", HuberLoss(0.5), 1e-3, lambda: load_diabetes(return_X_y=True)),
    Task("Auto", HuberLoss(0.3), 1e-3, DATA["Auto"]),
    Task("engel", QuantileLoss(0.75, 0.01), 0.0, DATA["engel"]),
    Task("counties", PoissonLoss(), 0.0, counties),
)


def load_all(names: list[str] | None) -> Iterator[tuple[Task, Sample | str]]:
    """Every task with its data, or why it is skipped; targets with a unit have deviation one."""
    for task in TASKS:
        if names and task.name not in names:
            continue
        try:
            X, y = task.load()
        except ImportError as error:
            yield task, f"not installed: {error.name}"
            continue
        X = X[:, X.std(axis=0) > 0]
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        yield task, (X, (y - y.mean()) / y.std() if task.loss.of_residuals else y)
