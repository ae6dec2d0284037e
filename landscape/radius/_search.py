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

from landscape.objective import RawObjective
from landscape.parametrization import Parametrization, max_norms
from landscape.radius._box import TINY, Centre

__all__ = ["Falsifier"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Falsifier:
    """Searches for a point with a loss below ``target``, by ``n_starts`` descents in each box."""

    centre: Centre
    target: float
    rng: np.random.Generator
    n_starts: int

    def search(self, radius: float) -> Parametrization | None:
        """A better point in the box of ``radius``, None if the search finds none."""
        ends = (self._descend(*start, radius) for start in self._starts(radius))
        return next((found for found in ends if found is not None), None)

    def shrink(self, witness: Parametrization) -> Parametrization:
        """The nearest better point found by descents in smaller and smaller boxes."""
        best, factor = witness, 0.7
        while factor < 0.99:
            found = self.descend_from(best, factor * self.centre.distance(best))
            if found is None:
                factor = np.sqrt(factor) if factor > 0.9 else factor + 0.1
            else:
                best = found
        return best

    def descend_from(self, point: Parametrization, radius: float) -> Parametrization | None:
        """Descend in a box from where the segment to ``point`` leaves it."""
        theta, m = self.centre.theta, len(self.centre.c)
        part = min(1.0, radius / max(self.centre.distance(point), TINY))
        a = theta.weights + part * (point.weights - theta.weights)
        c = theta.output_weights + part * (point.output_weights - theta.output_weights)
        signs = np.where(point.output_weights[:m] < 0, -1.0, 1.0)
        return self._descend(a[:m], np.append(signs * np.abs(c[:m]), c[m:]), signs, radius)

    def _starts(self, radius: float) -> Iterator[tuple[Array, Array, Array]]:
        """Weights, output weights, and signs to keep."""
        centre, rng = self.centre, self.rng
        signs = np.where(centre.c < 0, -1.0, 1.0)
        turnable = radius > np.abs(centre.c)
        norms = np.abs(centre.X).sum(axis=1)
        seen = np.flatnonzero(norms > 0)
        reach = (centre.X[seen] @ centre.a.T) / norms[seen, None]
        near = np.argwhere(np.abs(reach) < radius)
        near = near[np.argsort(np.abs(reach[near[:, 0], near[:, 1]]), kind="stable")]
        for count in range(self.n_starts):
            turned = np.where(turnable & (rng.random(len(signs)) < 0.3), -signs, signs)
            kind, draw, a = count % 4, rng.uniform(-1, 1, centre.a.shape), centre.a.copy()
            if kind == 0:  # corners
                a += radius * np.sign(draw)
            elif kind == 1:  # one neuron alone
                i = rng.integers(len(a))
                a[i] += radius * np.sign(draw[i])
            elif kind == 2 and len(near):  # across some of the nearest kinks
                first = (count // 4) % len(near)
                for k, i in near[[first, *rng.integers(len(near), size=rng.integers(3))]]:
                    step = -1.5 * reach[k, i] * np.sign(centre.X[seen[k]])
                    a[i] = np.clip(a[i] + step, centre.a[i] - radius, centre.a[i] + radius)
            else:
                a += radius * draw
            e = centre.theta.output_weights[len(signs) :] + radius * rng.uniform(-1, 1)
            yield a, np.append(turned * np.abs(centre.c), e), turned

    def _descend(self, a: Array, c: Array, signs: Array, radius: float) -> Parametrization | None:
        """Quasi-Newton descent within the box; a better point of the space, if it ends at one."""
        centre, c0 = self.centre, self.centre.theta.output_weights
        (m, d), inner = a.shape, radius * (1 - 1e-9)
        objective = RawObjective(centre.X, centre.y, len(c0), centre.column is not None)
        floor = np.where(centre.lower >= 0, 0.0, -np.inf)
        high = centre.a + inner
        low = np.minimum(np.maximum(centre.a - inner, floor), high)
        start, lows, highs = a.ravel(), low.ravel(), high.ravel()
        if not centre.balanced:
            ends = np.array([c0 - inner, c0 + inner])
            sides = signs * np.maximum(0.0, signs * ends[:, :m])
            ends[:, :m] = np.sort(sides, axis=0)
            start = np.append(start, c)
            lows, highs = np.append(lows, ends[0]), np.append(highs, ends[1])

        def value(x: Array) -> tuple[float, Array]:
            if not centre.balanced:
                return objective.value_and_gradient(x)
            weights = x.reshape(m, d)
            loss, slope = objective.value_and_gradient(np.append(x, signs * max_norms(weights)))
            by_a = slope[: m * d].reshape(m, d)
            at = np.arange(m), np.abs(weights).argmax(axis=1)
            by_a[at] += slope[m * d :] * signs * np.sign(weights[at])
            return loss, by_a.ravel()

        result = minimize(
            value,
            np.clip(start, lows, highs),
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([lows, highs]),
            options={"maxiter": 200, "ftol": 1e-13, "gtol": 1e-10},
        )
        weights, sizes = result.x[: m * d].reshape(m, d), np.abs(result.x[m * d : m * d + m])
        if centre.balanced:
            sizes = max_norms(weights)
        e = float(result.x[-1])  # where there is an offset
        found = centre.parametrization(weights * sizes[:, None], sizes, signs, e)
        return found if centre.better(found, self.target, radius) else None
