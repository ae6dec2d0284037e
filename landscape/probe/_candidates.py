"""Directions that a neuron could be exchanged for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from landscape.parametrization import Parametrization, max_norms
from landscape.spaces import BalancedSpace, RestrictedSpace

__all__ = ["candidate_directions", "into_space", "refit"]

Array = NDArray[np.float64]

#: Least size of the last two coordinates of a new direction, of max-norm one, in N*.
LEAST = 0.05


class Amounts(Protocol):
    """How many candidates of each kind."""

    @property
    def n_random(self) -> int: ...
    @property
    def n_arrangement(self) -> int: ...
    @property
    def n_minima(self) -> int: ...


def into_space(rows: Array, space: BalancedSpace) -> Array:
    """Directions of max-norm one; in N* with positive last coordinates.

    Both of these are raised by the same amount: what lifted data do not see.
    """
    moved = np.array(rows, dtype=float)
    if isinstance(space, RestrictedSpace):
        sizes = np.maximum(max_norms(moved), np.finfo(float).tiny)
        short = LEAST * sizes - moved[:, -2:].min(axis=1)
        moved[:, -2:] += np.maximum(0.0, short)[:, None]
    sizes = max_norms(moved)
    return moved / np.where(sizes > 0, sizes, 1.0)[:, None]


def candidate_directions(
    theta: Parametrization,
    X: Array,
    space: BalancedSpace,
    rng: np.random.Generator,
    minima: Sequence[Parametrization],
    amounts: Amounts,
) -> Iterator[tuple[str, Array]]:
    """Pairs of a source and a direction of max-norm one.

    From the neurons of other minima, from hyperplanes through as many samples as fit (the rays of
    the data's arrangement), and at random.
    """
    own = theta.weights
    rows = [row for other in minima for row in other.products if row.any()]
    for k in rng.permutation(len(rows))[: amounts.n_minima]:
        unit = into_space(rows[k][None], space)[0]
        if not _parallel(unit, own):
            yield "other minima", unit
    lifted = X.shape[1] > 2 and np.array_equal(X[:, -2], -X[:, -1])
    effective = X[:, :-1] if lifted else X
    d = effective.shape[1]
    for _ in range(amounts.n_arrangement if d > 1 else 0):
        chosen = rng.choice(len(X), min(d - 1, len(X)), replace=False)
        normal = np.linalg.svd(effective[chosen])[2][-1] * rng.choice([-1.0, 1.0])
        if lifted:
            bias = normal[-1]
            normal = np.append(normal[:-1], [max(bias, 0.0), max(-bias, 0.0)])
        yield "samples' hyperplanes", into_space(normal[None], space)[0]
    for _ in range(amounts.n_random):
        draw = rng.standard_normal(theta.n_inputs)
        if isinstance(space, RestrictedSpace):
            draw[-2:] = np.abs(draw[-2:])
        yield "random", into_space(draw[None], space)[0]


def refit(
    unit: Array, sign: float, X: Array, missing: Array, space: BalancedSpace, *, rounds: int = 10
) -> Array | None:
    """A neuron of that sign, fitted to what is missing: least squares on its active samples.

    Starts at ``unit`` and goes on while the fit improves.

    Parameters
    ----------
    unit : array of shape (d,)
    sign : float
    X : array of shape (n, d)
    missing : array of shape (n,)
        What the neuron should compute.

    Returns
    -------
    unit : array of shape (d,) or None
        None if no step improves.
    """
    values = np.maximum(X @ unit, 0.0)
    size = float(values @ values)
    scale = max(0.0, sign * float(values @ missing) / size) if size > 0 else 0.0
    u, best = scale * unit, np.sum((missing - sign * scale * values) ** 2)
    found = None
    active = values > 0
    for _ in range(rounds):
        if not active.any():
            break
        step = np.asarray(np.linalg.lstsq(X[active], sign * missing[active], rcond=None)[0]) - u
        # On its pattern the least squares solution is best; half-way there may be, off it.
        for t in (1.0, 0.5, 0.25):
            moved = u + t * step
            values = np.maximum(X @ moved, 0.0)
            error = np.sum((missing - sign * values) ** 2)
            if error < best * (1 - 1e-9):
                break
        else:
            break
        u, best, active, found = moved, error, values > 0, moved
    if found is None or not found.any():
        return None
    return into_space(found[None], space)[0]


def _parallel(unit: Array, rows: Array) -> bool:
    sizes = max_norms(rows)
    units = rows[sizes > 0] / sizes[sizes > 0, None]
    return bool((np.abs(units - unit).max(axis=1) <= 1e-12).any())
