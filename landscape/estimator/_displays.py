"""Figures of a fitted estimator, in the style of scikit-learn's displays.

Both are readable in greyscale: markers and line styles carry what colours carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from landscape.estimator._regressor import ShallowReLURegressor

__all__ = ["LandscapeDisplay", "RealizationDisplay"]

Array = NDArray[np.float64]

BLUE, ORANGE, GREY = "#0173b2", "#de8f05", "0.45"


class LandscapeDisplay:
    """The minima that the starts of a fit found: losses, certified radii, how often.

    Parameters
    ----------
    starts : DataFrame
        ``starts_`` of a fitted estimator.
    best_start : int
        The row that was chosen.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
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
            Fitted.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **kwargs
            For the ``scatter`` of the minima.

        Returns
        -------
        display : LandscapeDisplay
        """
        check_is_fitted(estimator, "starts_")
        return cls(estimator.starts_, estimator.best_start_).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> LandscapeDisplay:
        """Draw; parameters as in :meth:`from_estimator`."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
        starts = self.starts
        certified = starts[starts["verdict"] == "holds"]
        groups = certified.groupby("key", sort=False)
        minima = pd.DataFrame(
            {
                "loss": groups["loss"].min(),
                "radius": groups["radius"].first(),
                "n_starts": groups.size(),
                "start": groups["start"].first(),
            }
        )
        self.minima_ = minima.sort_values(["loss", "start"]).reset_index(drop=True)
        # Radii of 0 and inf have no place on a logarithmic axis; they are drawn on its ends.
        radii = self.minima_["radius"].to_numpy(dtype=float)
        usual = radii[np.isfinite(radii) & (radii > 0)]
        low, high = (usual.min() / 4, usual.max() * 4) if usual.size else (0.1, 10.0)
        heights = np.clip(radii, low, high)
        style = {"facecolors": "white", "edgecolors": BLUE, "linewidths": 1.1, "zorder": 3}
        sizes = 26.0 * self.minima_["n_starts"].to_numpy(dtype=float)
        ax.scatter(
            self.minima_["loss"], heights, s=sizes, label="certified minimum", **{**style, **kwargs}
        )
        others = starts[(starts["verdict"] != "holds") & np.isfinite(starts["loss"])]
        if len(others):
            ax.scatter(
                others["loss"],
                np.full(len(others), low / 2),
                marker="x",
                s=28,
                c=[ORANGE],
                label="no certificate",
                zorder=3,
                clip_on=False,
            )
        best = starts.loc[starts["start"] == self.best_start].iloc[0]
        radius = best["radius"] if np.isfinite(best["radius"]) else high
        height = low / 2 if best["verdict"] != "holds" else float(np.clip(radius, low, high))
        ax.scatter(best["loss"], height, marker="*", s=70, c=["black"], label="chosen", zorder=4)
        ax.set_yscale("log")
        ax.set_ylim(low / 3, high * 1.6)
        losses = starts.loc[np.isfinite(starts["loss"]), "loss"]
        if len(losses) and losses.min() > 0 and losses.max() > 30 * losses.min():
            ax.set_xscale("log")
        ax.set_xlabel("loss (mean squared error)")
        ax.set_ylabel("certified radius (max-norm)")
        most = int(self.minima_["n_starts"].max()) if len(minima) else 0
        ax.set_title(
            f"{len(starts)} starts, {len(minima)} distinct minima"
            + (f" (larger: reached by up to {most})" if most > 1 else ""),
            fontsize=9,
        )
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        _legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class RealizationDisplay:
    """The function of a fitted network of one or two features, and where it breaks.

    Parameters
    ----------
    estimator : ShallowReLURegressor
        Fitted on one or two features.
    bounds : sequence of (low, high) pairs
        Range of each feature.
    X, y : arrays of shapes (n, d) and (n,), optional
        Samples to show.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

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
        self,
        estimator: ShallowReLURegressor,
        bounds: Any,
        X: Array | None = None,
        y: Array | None = None,
    ) -> None:
        self.estimator = estimator
        self.bounds = [(float(low), float(high)) for low, high in bounds]
        self.X, self.y = X, y

    @classmethod
    def from_estimator(
        cls,
        estimator: ShallowReLURegressor,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        ax: Any = None,
        **kwargs: Any,
    ) -> RealizationDisplay:
        """Draw the fitted function over the range of X.

        Parameters
        ----------
        estimator : ShallowReLURegressor
            Fitted on one or two features.
        X : array_like of shape (n, d)
            Samples, which set the range; drawn if y is given.
        y : array_like of shape (n,), optional
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **kwargs
            For the ``plot`` (one feature) or the ``contourf`` (two) of the function.

        Returns
        -------
        display : RealizationDisplay

        Raises
        ------
        ValueError
            For three or more features.
        """
        check_is_fitted(estimator, "parametrization_")
        d = estimator.n_features_in_
        if d > 2:
            raise ValueError(f"RealizationDisplay: draws one or two features, the fit has {d}")
        names = getattr(estimator, "feature_names_in_", None)
        points = X[list(names)] if names is not None and isinstance(X, pd.DataFrame) else X
        samples = np.asarray(points, dtype=float).reshape(-1, d)
        low, high = samples.min(axis=0), samples.max(axis=0)
        room = 0.05 * np.where(high > low, high - low, 1.0)
        target = None if y is None else np.asarray(y, dtype=float)
        bounds = np.column_stack([low - room, high + room])
        return cls(estimator, bounds, samples, target).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> RealizationDisplay:
        """Draw; parameters as in :meth:`from_estimator`."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
        names = getattr(self.estimator, "feature_names_in_", None)
        labels = [f"feature {j}" for j in range(len(self.bounds))] if names is None else list(names)
        ax.set_xlabel(labels[0])
        if len(self.bounds) == 1:
            self._curve(ax, **kwargs)
        else:
            ax.set_ylabel(labels[1])
            self._surface(ax, **kwargs)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _values(self, points: Array) -> Array:
        names = getattr(self.estimator, "feature_names_in_", None)
        if names is None:
            return self.estimator.predict(points)
        return self.estimator.predict(pd.DataFrame(points, columns=names))

    def _kinks(self) -> tuple[Array, Array]:
        """Weights (M, d) and biases (M,) of the neurons that break the function."""
        weights, biases = self.estimator.coefs_[0].T, self.estimator.intercepts_[0]
        visible = np.abs(weights).max(axis=1) > 1e-9 * np.maximum(np.abs(biases), 1e-300)
        return weights[visible], biases[visible]

    def _curve(self, ax: Any, **kwargs: Any) -> None:
        low, high = self.bounds[0]
        weights, biases = self._kinks()
        breaks = -biases / weights[:, 0]
        breaks = np.sort(breaks[(breaks > low) & (breaks < high)])
        # Piecewise linear: the breaks and the ends are all there is to know.
        x = np.concatenate([[low], breaks, [high]])
        if self.X is not None and self.y is not None:
            ax.scatter(
                self.X[:, 0], self.y, s=12, facecolors="none", edgecolors=GREY, label="samples"
            )
        style = {"color": BLUE, "linewidth": 1.8, "label": "network"}
        ax.plot(x, self._values(x[:, None]), **{**style, **kwargs})
        ax.plot(
            breaks,
            self._values(breaks[:, None]) if breaks.size else [],
            linestyle="none",
            marker="D",
            markersize=5,
            color="black",
            label="kinks",
        )
        ax.set_ylabel("prediction")
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        _legend(ax)

    def _surface(self, ax: Any, **kwargs: Any) -> None:
        (x_low, x_high), (y_low, y_high) = self.bounds
        x, y = np.meshgrid(np.linspace(x_low, x_high, 201), np.linspace(y_low, y_high, 201))
        values = self._values(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        style = {"levels": 16, "cmap": "viridis"}
        contours = ax.contourf(x, y, values, **{**style, **kwargs})
        ax.figure.colorbar(contours, ax=ax, label="prediction")
        for weights, bias in zip(*self._kinks(), strict=True):
            ends = _line_in_box(weights, bias, self.bounds)
            if ends is not None:
                ax.plot(*ends.T, color="white", linewidth=2.6, alpha=0.8)
                ax.plot(*ends.T, color="black", linewidth=1.1, linestyle="--")
        if self.X is not None and self.y is not None:
            ax.scatter(
                self.X[:, 0],
                self.X[:, 1],
                s=14,
                c=self.y,
                cmap=contours.get_cmap(),
                norm=contours.norm,
                edgecolors="white",
                linewidths=0.6,
                zorder=3,
            )
        ax.set_xlim(x_low, x_high)
        ax.set_ylim(y_low, y_high)
        ax.set_title("dashed: kinks, where the gradient jumps", fontsize=9)


def _line_in_box(weights: Array, bias: float, bounds: list[tuple[float, float]]) -> Array | None:
    """Ends of the part of ``<w, x> + b = 0`` that lies in a rectangle, (2, 2); None if empty."""
    point = -bias * weights / (weights @ weights)
    along = np.array([-weights[1], weights[0]]) / np.linalg.norm(weights)
    first, last = -np.inf, np.inf
    for coordinate, (low, high) in enumerate(bounds):
        if along[coordinate] == 0:
            if not low <= point[coordinate] <= high:
                return None
            continue
        times = np.sort((np.array([low, high]) - point[coordinate]) / along[coordinate])
        first, last = max(first, times[0]), min(last, times[1])
    if first >= last:
        return None
    return np.array([point + first * along, point + last * along])


def _legend(ax: Any) -> None:
    """A small legend whose markers do not grow with what they stand for."""
    legend = ax.legend(fontsize=8, frameon=True, framealpha=0.85, edgecolor="none")
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([30])
