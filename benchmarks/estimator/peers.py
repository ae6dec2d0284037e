"""What the estimator is compared with: other trainers of the same networks, best of many starts."""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.neural_network import MLPRegressor


class BestMLP(RegressorMixin, BaseEstimator):
    """MLPRegressor(lbfgs), the best of several starts by training loss.

    ``trace_`` has, per start, the CPU time since the beginning and the mean squared error.
    """

    def __init__(self, n_neurons: int, n_starts: int, seed: int, alpha: float = 0.0) -> None:
        self.n_neurons, self.n_starts, self.seed, self.alpha = n_neurons, n_starts, seed, alpha

    def fit(self, X: np.ndarray, y: np.ndarray) -> BestMLP:
        begin, fits, self.trace_ = time.process_time(), [], []
        for seed in range(1000 * self.seed, 1000 * self.seed + self.n_starts):
            model = MLPRegressor(
                hidden_layer_sizes=(self.n_neurons,),
                solver="lbfgs",
                alpha=self.alpha,
                max_iter=20_000,
                max_fun=200_000,
                tol=1e-9,
                random_state=seed,
            ).fit(X, y)
            fits.append((model.loss_, seed, model))
            loss = float(np.mean((model.predict(X) - y) ** 2))
            self.trace_.append((time.process_time() - begin, loss))
        self.best_ = min(fits, key=lambda fit: fit[:2])[2]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.best_.predict(X)


class BestTorch(RegressorMixin, BaseEstimator):
    """torch.optim.LBFGS with strong Wolfe line search from torch's own starts, in double precision.

    ``trace_`` as for :class:`BestMLP`.
    """

    def __init__(self, n_neurons: int, n_starts: int, seed: int) -> None:
        self.n_neurons, self.n_starts, self.seed = n_neurons, n_starts, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> BestTorch:
        import torch

        torch.set_num_threads(1)
        inputs, targets = torch.tensor(X), torch.tensor(y)[:, None]
        begin, best, self.trace_ = time.process_time(), np.inf, []
        for seed in range(1000 * self.seed, 1000 * self.seed + self.n_starts):
            torch.manual_seed(seed)
            model = torch.nn.Sequential(
                torch.nn.Linear(X.shape[1], self.n_neurons),
                torch.nn.ReLU(),
                torch.nn.Linear(self.n_neurons, 1),
            ).double()
            optimizer = torch.optim.LBFGS(
                model.parameters(),
                max_iter=5000,
                tolerance_grad=1e-9,
                tolerance_change=1e-12,
                history_size=20,
                line_search_fn="strong_wolfe",
            )

            def closure(model=model, optimizer=optimizer):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
                loss.backward()
                return loss

            optimizer.step(closure)
            loss = float(closure())
            self.trace_.append((time.process_time() - begin, loss))
            if loss < best:
                best = loss
                self.layers_ = [parameter.detach().numpy() for parameter in model.parameters()]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        a, b, c, e = self.layers_
        return (np.maximum(X @ a.T + b, 0.0) @ c.T + e)[:, 0]


def has_torch() -> bool:
    """Whether torch is installed; it is no dependency."""
    return find_spec("torch") is not None
