"""Figures of a fit in the style of scikit-learn's displays, readable in greyscale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from landscape.errors import require_extra
from landscape.networks import as_network, in_order

if TYPE_CHECKING:
    import pandas as pd

    from landscape.estimator._regressor import ShallowReLURegressor

__all__ = ["LandscapeDisplay", "RealizationDisplay"]

Array = NDArray[np.float64]

BLUE, ORANGE, GREY = "#0173b2", "#de8f05", "0.45"


class _Display:
    """What draws itself; a subclass has a method ``_draw(ax, **kwargs)``."""

    _draw: Any

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw; parameters as in :meth:`from_estimator`."""
        if ax is None:
            require_extra("paper", "matplotlib")
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw(ax, **kwargs)
        return self

    def _finish(self, ax: Any) -> None:
        """A grid, and a small legend whose markers do not grow with what they stand for."""
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        legend = ax.legend(fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
        for handle in legend.legend_handles:
            if hasattr(handle, "set_sizes"):
                handle.set_sizes([30])


class LandscapeDisplay(_Display):
    """The minima that the starts of a fit found: losses, certified radii, how often.

    Parameters
    ----------
    starts : DataFrame
        ``starts_`` of a fitted estimator.
    best_start : int
        The row that was chosen.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
    minima_ : DataFrame
        The distinct certified minima in the order of their losses, with ``loss``, ``radius`` and
        ``n_starts``, the number of starts that reached each.

    Examples
    --------
    >>> import numpy as np
    >>> from landscape import ShallowReLURegressor
    >>> from landscape.estimator import LandscapeDisplay
    >>> X = np.linspace(-1, 1, 15).reshape(-1, 1)
    >>> model = ShallowReLURegressor(n_neurons=1, n_starts=4, random_state=0)
    >>> display = LandscapeDisplay.from_estimator(model.fit(X, X[:, 0] ** 3))
    >>> int(display.minima_["n_starts"].sum())
    4
    """

    def __init__(self, starts: pd.DataFrame, best_start: int) -> None:
        self.starts = starts
        self.best_start = best_start

    @classmethod
    def from_estimator(
        cls, estimator: ShallowReLURegressor, *, ax: Any = None, **kwargs: Any
    ) -> LandscapeDisplay:
        """Draw the landscape of a fitted estimator.

        Parameters
        ----------
        estimator : ShallowReLURegressor
        ax : matplotlib.axes.Axes, optional
            By default those of a new figure.
        **kwargs
            For the ``scatter`` of the minima.
        """
        check_is_fitted(estimator, "starts_")
        return cls(estimator.starts_, estimator.best_start_).plot(ax=ax, **kwargs)

    def _draw(self, ax: Any, **kwargs: Any) -> None:
        starts = self.starts
        certified = starts["verdict"] == "holds"
        sums = {"loss": "min", "radius": "first", "n_starts": "sum", "start": "first"}
        found = starts[certified].assign(n_starts=1).groupby("key", sort=False).agg(sums)
        self.minima_ = minima = found.sort_values(["loss", "start"]).reset_index(drop=True)
        # Radii of 0 and inf have no place on a logarithmic axis; they are drawn on its ends.
        radii = minima["radius"].to_numpy(dtype=float)
        usual = radii[np.isfinite(radii) & (radii > 0)]
        low, high = (usual.min() / 4, usual.max() * 4) if usual.size else (0.1, 10.0)
        style = {"facecolors": "white", "edgecolors": BLUE, "linewidths": 1.1, "zorder": 3}
        style |= {"s": 26.0 * minima["n_starts"].to_numpy(dtype=float), **kwargs}
        heights = np.clip(radii, low, high)
        ax.scatter(minima["loss"], heights, label="certified minimum", **style)
        others = starts.loc[~certified & np.isfinite(starts["loss"]), "loss"]
        if len(others):
            style = {"marker": "x", "s": 28, "c": [ORANGE], "zorder": 3, "clip_on": False}
            ax.scatter(others, np.full(len(others), low / 2), label="no certificate", **style)
        best = starts.loc[starts["start"] == self.best_start].iloc[0]
        height = np.clip(best["radius"], low, high) if best["verdict"] == "holds" else low / 2
        ax.scatter(best["loss"], height, marker="*", s=70, c=["black"], label="chosen", zorder=4)
        labels = {"xlabel": "loss (mean squared error)", "ylabel": "certified radius (max-norm)"}
        ax.set(yscale="log", ylim=(low / 3, high * 1.6), **labels)
        losses = starts["loss"][np.isfinite(starts["loss"])]
        if losses.max() > 30 * losses.min() > 0:
            ax.set_xscale("log")
        title = f"{len(starts)} starts, {len(minima)} distinct minima"
        if (most := minima["n_starts"].max()) > 1:
            title += f"\n(larger: reached by up to {most})"
        ax.set_title(title, fontsize=9)
        self._finish(ax)


class RealizationDisplay(_Display):
    """The function of a network of one or two features, and where it breaks.

    Parameters
    ----------
    estimator : object
        A network, as `landscape.networks.as_network` takes it.
    bounds : sequence of (low, high) pairs
        Range of each feature.
    X, y : arrays of shapes (n, d) and (n,), optional
        Samples to show.
    breakpoints : DataFrame, optional
        Confidence intervals of the kinks to show, from ``ShallowReLURegressor.breakpoints``.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from landscape import ShallowReLURegressor
    >>> from landscape.estimator import RealizationDisplay
    >>> X = np.linspace(-1, 1, 15).reshape(-1, 1)
    >>> y = np.abs(X[:, 0])
    >>> model = ShallowReLURegressor(n_neurons=1, n_starts=4, random_state=0).fit(X, y)
    >>> RealizationDisplay.from_estimator(model, X, y).ax_.get_ylabel()
    'prediction'
    """

    def __init__(
        self, estimator: Any, bounds: Any, X: Array | None = None, y: Array | None = None,
        breakpoints: Any = None,
    ) -> None:  # fmt: skip
        self.estimator, self.network = estimator, as_network(estimator)
        self.bounds = [(float(low), float(high)) for low, high in bounds]
        self.X, self.y, self.breakpoints = X, y, breakpoints

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        breakpoints: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> RealizationDisplay:
        """Draw the fitted function over the range of X.

        Parameters
        ----------
        estimator : ShallowReLURegressor, or what `landscape.networks.as_network` takes
            A network of one or two features: an estimator, parametrization, module, or file.
        X, y : array_like of shapes (n, d) and (n,)
            Samples, which set the range; drawn if y is given.
        breakpoints : DataFrame, optional
            From ``estimator.breakpoints(X, y)``: the confidence intervals are drawn.
        ax : matplotlib.axes.Axes, optional
            By default those of a new figure.
        **kwargs
            For the ``plot`` (one feature) or the ``contourf`` (two) of the function.

        Raises
        ------
        ValueError
            For three or more features, or samples that do not fit.
        """
        if hasattr(estimator, "fit"):
            check_is_fitted(estimator)
        d = as_network(estimator).n_inputs
        if d > 2:
            raise ValueError(f"RealizationDisplay: draws one or two features, the fit has {d}")
        samples = np.asarray(in_order(estimator, X), dtype=float)
        samples = samples[:, None] if samples.ndim == 1 else samples
        if samples.ndim != 2 or samples.shape[1] != d:
            raise ValueError(
                f"X: expected {d} columns, as the network has inputs, got {samples.shape}; "
                "of an element of a space draw Network.from_parametrization(theta, space)"
            )
        low, high = samples.min(axis=0), samples.max(axis=0)
        room = 0.05 * np.where(high > low, high - low, 1.0)
        target = None if y is None else np.asarray(y, dtype=float)
        bounds = np.column_stack([low - room, high + room])
        return cls(estimator, bounds, samples, target, breakpoints).plot(ax=ax, **kwargs)

    def _draw(self, ax: Any, **kwargs: Any) -> None:
        numbered = [f"feature {j}" for j in range(len(self.bounds))]
        labels = getattr(self.estimator, "feature_names_in_", numbered)
        ax.set_xlabel(labels[0])
        weights, biases = self.network.weights, self.network.biases
        breaks = np.abs(weights).max(axis=1) > 1e-9 * np.maximum(np.abs(biases), 1e-300)
        if len(self.bounds) == 1:
            self._curve(ax, -biases[breaks] / weights[breaks, 0], **kwargs)
        else:
            ax.set_ylabel(labels[1])
            self._surface(ax, weights[breaks], biases[breaks], **kwargs)

    def _curve(self, ax: Any, kinks: Array, **kwargs: Any) -> None:
        low, high = self.bounds[0]
        kinks = np.sort(kinks[(kinks > low) & (kinks < high)])
        # Piecewise linear: the kinks and the ends are all there is to know.
        x = np.concatenate([[low], kinks, [high]])
        values = self.network.predict(x[:, None])
        if self.X is not None and self.y is not None:
            style: dict[str, Any] = {"s": 12, "facecolors": "none", "edgecolors": GREY}
            ax.scatter(self.X[:, 0], self.y, label="samples", **style)
        ax.plot(x, values, **{"color": BLUE, "linewidth": 1.8, "label": "network", **kwargs})
        style = {"linestyle": "none", "marker": "D", "markersize": 5, "color": "black"}
        ax.plot(kinks, values[1:-1], label="kinks", **style)
        if self.breakpoints is not None:
            ends = np.clip(self.breakpoints[["low", "high"]].to_numpy(), low, high)
            heights = self.network.predict(self.breakpoints[["breakpoint"]].to_numpy())
            level = f"{100 * self.breakpoints.attrs['level']:g} % confidence"
            ax.hlines(heights, *ends.T, color="black", linewidth=1.2, label=level)
        ax.set_ylabel("prediction")
        self._finish(ax)

    def _surface(self, ax: Any, weights: Array, biases: Array, **kwargs: Any) -> None:
        x, y = np.meshgrid(*(np.linspace(low, high, 201) for low, high in self.bounds))
        values = self.network.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        contours = ax.contourf(x, y, values, **{"levels": 16, "cmap": "viridis", **kwargs})
        ax.figure.colorbar(contours, ax=ax, label="prediction")
        for row, bias in zip(weights, biases, strict=True):
            point = -bias * row / (row @ row)
            ends = point, point + np.array([-row[1], row[0]]) / np.linalg.norm(row)
            ax.axline(*ends, color="white", linewidth=2.6, alpha=0.8)
            ax.axline(*ends, color="black", linewidth=1.1, linestyle="--")
        if self.X is not None and self.y is not None:
            colours = {"c": self.y, "cmap": contours.get_cmap(), "norm": contours.norm}
            edges: dict[str, Any] = {"s": 14, "edgecolors": "white", "linewidths": 0.6, "zorder": 3}
            ax.scatter(*self.X.T, **colours, **edges)
        ax.set(xlim=self.bounds[0], ylim=self.bounds[1])
        ax.set_title("dashed: kinks, where the gradient jumps", fontsize=9)
