"""A good first cell by local search, and points of cells that floats can vouch for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from landscape.seminorm._limits import Limits, alarm
from landscape.seminorm._points import settle_point
from landscape.seminorm._problem import Problem
from landscape.seminorm._record import Found, Pattern
from landscape.seminorm._tiers import call

Array = NDArray[np.float64]


def settle(problem: Problem, point: Array) -> tuple[Array, Pattern] | None:
    """Move a point off the hyperplanes it lies on; None if floats cannot tell its cell.

    Hyperplanes that the point is clearly not on are not crossed.
    """
    return settle_point(problem.rows, point, np.full(len(problem.rows), -1, dtype=np.int8))


def at_point(problem: Problem, point: Array, method: str) -> Found | None:
    """The cell at a point or at its antipode, whichever is better."""
    settled = settle(problem, point)
    if settled is None:
        return None
    inside, pattern = settled
    value, opposite = problem.norm(pattern), problem.norm(~pattern)
    if opposite > value:
        return Found(opposite, np.inf, ~pattern, -inside, False, method)
    return Found(value, np.inf, pattern, inside, False, method)


def climb_reference(problem: Problem, n_starts: int, patience: int) -> Found:
    """Local search along great circles in numpy: the reference of `_kernels_sweep.climb`."""
    k, r = problem.shape
    rng = np.random.default_rng([k, r])
    best: Found | None = None
    for _ in range(n_starts):
        x = rng.standard_normal(r)
        current = at_point(problem, x, "local")
        failures = 0
        while failures < patience:
            y = problem.rows[rng.integers(k)] if rng.random() < 0.5 else rng.standard_normal(r)
            slopes, values = problem.rows @ y, problem.rows @ x
            angles = np.sort(np.mod(np.arctan2(-values, slopes), np.pi))
            middles = 0.5 * (angles + np.append(angles[1:], angles[0] + np.pi))
            points = np.cos(middles)[:, None] * x + np.sin(middles)[:, None] * y
            gradients = problem.gradients(points @ problem.rows.T > 0)
            norms = np.maximum(np.abs(gradients), np.abs(problem.total - gradients)).max(axis=1)
            candidate = at_point(problem, points[norms.argmax()], "local")
            if candidate is not None and (current is None or candidate.lower > current.lower):
                current, failures = candidate, 0
                x = np.asarray(candidate.point) / np.linalg.norm(np.asarray(candidate.point))
            else:
                failures += 1
        if current is not None and (best is None or current.lower > best.lower):
            best = current
    return best if best is not None else at_known(problem)


def at_known(problem: Problem) -> Found:
    """Some cell, for searches to start from."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        found = at_point(problem, rng.standard_normal(problem.shape[1]), "start")
        if found is not None:
            return found
    raise AssertionError("no generic point found")  # pragma: no cover


def climb(
    problem: Problem,
    n_starts: int = 8,
    patience: int = 20,
    seed: int = 0,
    limits: Limits | None = None,
) -> Found:
    """The best cell that a compiled local search finds: a lower bound, never the value."""
    from landscape.seminorm import _kernels_sweep

    k, r = problem.shape
    starts, directions = _random_directions(seed, k, r, n_starts)
    best_point = np.zeros(r)
    with alarm(limits or Limits()) as stop:
        call(
            _kernels_sweep.climb,
            problem.rows,
            problem.weights,
            problem.offset,
            problem.total,
            starts,
            directions,
            patience,
            stop,
            best_point,
            work=1e-7 * n_starts * (patience + 15) * k * (10 + 3 * r + 4 * len(problem.offset)),
        )
    found = at_point(problem, best_point, "local")
    return at_known(problem) if found is None else found


@lru_cache(maxsize=64)
def _random_directions(seed: int, k: int, r: int, n_starts: int) -> tuple[Array, Array]:
    """Where local search starts, and the directions of its great circles."""
    rng = np.random.default_rng([seed, k, r])
    return rng.standard_normal((n_starts, r)), rng.standard_normal((256, r))
