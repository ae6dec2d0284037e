"""A falsifier: look for a lower loss in the max-norm box around a parametrization.

Starts just across the kinks next to the centre, at corners of the box and inside it; from each a
quasi-Newton descent within the box. What it finds is evaluated anew as a network of the space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from landscape.parametrization import Parametrization, max_norms
from landscape.radius._box import Centre

__all__ = ["Falsifier"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Falsifier:
    """Searches for a point with a loss below ``target``.

    Parameters
    ----------
    centre : Centre
    target : float
        The loss at the centre minus the slack.
    rng : numpy.random.Generator
    n_starts : int
        Descents per box.
    """

    centre: Centre
    target: float
    rng: np.random.Generator
    n_starts: int

    def search(self, radius: float) -> Parametrization | None:
        """A better point in the box of ``radius``, None if the search finds none."""
        for a, signs, e in self._starts(radius):
            found = self.descend(a, signs, e, radius)
            if found is not None:
                return found
        return None

    def shrink(self, witness: Parametrization) -> Parametrization:
        """The nearest better point found by descents in smaller and smaller boxes."""
        best, factor = witness, 0.7
        while factor < 0.99:
            distance = self.centre.distance(best)
            found = self.descend_from(best, factor * distance)
            if found is None:
                factor = np.sqrt(factor) if factor > 0.9 else factor + 0.1
            else:
                best = found
        return best

    def descend_from(self, point: Parametrization, radius: float) -> Parametrization | None:
        """Descend in a box from where the segment to ``point`` leaves it."""
        centre = self.centre
        m = len(centre.c)
        part = min(1.0, radius / max(centre.distance(point), np.finfo(float).tiny))
        a = centre.a + part * (point.weights[:m] - centre.a)
        c = centre.c + part * (point.output_weights[:m] - centre.c)
        e = float(point.output_weights[-1]) if centre.column is not None else 0.0
        signs = np.where(point.output_weights[:m] < 0, -1.0, 1.0)
        return self.descend(a, signs, centre.e + part * (e - centre.e), radius, np.abs(c))

    def _starts(self, radius: float) -> Iterator[tuple[Array, Array, float]]:
        centre, rng = self.centre, self.rng
        signs = np.where(centre.c < 0, -1.0, 1.0)
        turnable = radius > np.abs(centre.c)
        norms = np.abs(centre.X).sum(axis=1)
        seen = np.flatnonzero(norms > 0)
        reach = (centre.X[seen] @ centre.a.T) / norms[seen, None]
        near = np.argwhere(np.abs(reach) < radius)
        near = near[np.argsort(np.abs(reach[near[:, 0], near[:, 1]]), kind="stable")]
        for count in range(self.n_starts):
            turn = turnable & (rng.random(len(signs)) < 0.3)
            kind = count % 4
            draw = rng.uniform(-1, 1, centre.a.shape)
            a = centre.a + radius * draw
            if kind == 0:  # corners
                a = centre.a + radius * np.sign(draw)
            elif kind == 1:  # one neuron alone
                a = centre.a.copy()
                i = rng.integers(len(a))
                a[i] += radius * np.sign(draw[i])
            elif kind == 2 and len(near):  # across some of the nearest kinks
                a = centre.a.copy()
                first = (count // 4) % len(near)
                picks = near[[first, *rng.integers(len(near), size=rng.integers(3))]]
                for k, i in picks:
                    step = -1.5 * reach[k, i] * np.sign(centre.X[seen[k]])
                    a[i] = np.clip(a[i] + step, centre.a[i] - radius, centre.a[i] + radius)
            yield a, np.where(turn, -signs, signs), centre.e + radius * rng.uniform(-1, 1)

    def descend(
        self,
        a: Array,
        signs: Array,
        e: float,
        radius: float,
        size: Array | None = None,
    ) -> Parametrization | None:
        """Quasi-Newton descent within the box; a better point of the space, if it ends at one."""
        centre = self.centre
        m, d = a.shape
        X, y, n = centre.X, centre.y, len(centre.y)
        inner = radius * (1 - 1e-9)
        low, high = centre.a - inner, centre.a + inner
        if np.isfinite(centre.lower).any():
            floor = np.where(np.isfinite(centre.lower) & (centre.lower >= 0), 0.0, -np.inf)
            low = np.minimum(np.maximum(low, floor), high)
        x0, lows, highs = [np.clip(a, low, high).ravel()], [low.ravel()], [high.ravel()]
        if not centre.balanced:
            least = np.maximum(0.0, signs * centre.c - inner)
            most = np.maximum(least, signs * centre.c + inner)
            start = np.abs(centre.c) if size is None else size
            x0.append(np.clip(start, least, most))
            lows.append(least)
            highs.append(most)
        if centre.column is not None:
            x0.append(np.array([np.clip(e, centre.e - inner, centre.e + inner)]))
            lows.append(np.array([centre.e - inner]))
            highs.append(np.array([centre.e + inner]))
        rows = np.arange(m)

        def unpack(x: Array) -> tuple[Array, Array, float]:
            weights = x[: m * d].reshape(m, d)
            sizes = max_norms(weights) if centre.balanced else x[m * d : m * d + m]
            return weights, sizes, float(x[-1]) if centre.column is not None else 0.0

        def value(x: Array) -> tuple[float, Array]:
            weights, sizes, offset = unpack(x)
            z = X @ weights.T
            active = np.maximum(z, 0.0)
            c = signs * sizes
            s = active @ c - y
            if centre.column is not None:
                s = s + offset * centre.column
            by_size = signs * (s @ active)
            by_a = ((z > 0) * s[:, None]).T @ X * c[:, None]
            if centre.balanced:
                top = np.abs(weights).argmax(axis=1)
                by_a[rows, top] += by_size * np.sign(weights[rows, top])
                gradient = by_a.ravel()
            else:
                gradient = np.concatenate([by_a.ravel(), by_size])
            if centre.column is not None:
                gradient = np.append(gradient, s @ centre.column)
            return float(s @ s) / n, 2.0 / n * gradient

        result = minimize(
            value,
            np.concatenate(x0),
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([np.concatenate(lows), np.concatenate(highs)]),
            options={"maxiter": 200, "ftol": 1e-13, "gtol": 1e-10},
        )
        weights, sizes, offset = unpack(result.x)
        found = centre.parametrization(weights * sizes[:, None], sizes, signs, offset)
        good = (
            centre.beaten(found, self.target)
            and centre.distance(found) <= radius
            and centre.space.contains(found)
        )
        return found if good else None
