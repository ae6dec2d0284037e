"""Directions along which h falls, searched where all choices of concave kinks are too many.

With hundreds of kinks in ten dimensions, at the apex (0, ..., 0, t, t) of a neuron for example,
nearly every sample is an extreme point of the others. Then a *corner cut*, a direction v with
``<v, x_k> > 0`` for a single concave kink and ``<v, x_j> <= 0`` for all others, is a descent. More
samples at a time give a steeper one: *exact* line searches along great circles find it. What they
find is checked by evaluating h; that nothing is found proves nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.stationarity._records import KinkFunction

__all__ = ["corner_cut", "search", "sweep"]

Array = NDArray[np.float64]

#: Planes of the first sweep, and sweeps that sharpen a direction.
PLANES = 32
ROUNDS = 20
#: Random directions that are tried where the first sweep fails, and those that are sharpened.
RANDOM = 2_000
SHARPENED = 6


def sweep(h: KinkFunction, v: Array, others: Array) -> tuple[Array, float]:
    """The lowest point of h on the unit circles through ``v`` and each row of ``others``.

    On such a circle h is ``A cos(a) + B sin(a)`` between the angles at which kinks turn on or off.

    Parameters
    ----------
    h : KinkFunction
    v : array of shape (d,)
    others : array of shape (b, d)

    Returns
    -------
    best : array of shape (d,)
        A feasible unit vector, ``v / ‖v‖_2`` if none is lower.
    value : float
        h there.

    Examples
    --------
    ``h(v) = -relu(v_1) + relu(v_2)``:

    >>> h = KinkFunction(np.zeros(2), np.eye(2), np.array([-1.0, 1.0]), np.empty((0, 2)))
    >>> best, value = sweep(h, np.array([0.0, 1.0]), np.array([[1.0, 0.0]]))
    >>> value
    -1.0
    """
    first = v / np.linalg.norm(v)
    second = others - np.outer(others @ first, first)
    sizes = np.linalg.norm(second, axis=1)
    kept = sizes > 1e-9 * np.linalg.norm(others, axis=1)
    second = second[kept] / sizes[kept, None]
    best, value = first, float(h(first[None, :])[0])
    if len(second) == 0:
        return best, value
    p, q = h.kinks @ first, second @ h.kinks.T  # (K,), (b, K)
    phases = np.arctan2(q, p)
    on, off = _wrapped(phases - np.pi / 2), _wrapped(phases + np.pi / 2)
    # Bounds only cut the circle.
    edges = np.arctan2(second @ h.bounds.T, h.bounds @ first)
    edges = np.hstack([_wrapped(edges - np.pi / 2), _wrapped(edges + np.pi / 2)])
    angles = np.hstack([on, off, edges])
    nothing = np.zeros_like(edges)
    rise_p, rise_q = np.broadcast_to(h.weights * p, q.shape), h.weights * q
    order = np.argsort(angles, axis=1)
    angles = np.take_along_axis(angles, order, axis=1)
    started = on > off  # active at -pi
    cosines, sines = (
        (gradient + (rises * started).sum(axis=1))[:, None]
        + np.cumsum(np.take_along_axis(np.hstack([rises, -rises, nothing]), order, axis=1), axis=1)
        for rises, gradient in (
            (rise_p, np.full(len(second), h.gradient @ first)),
            (rise_q, second @ h.gradient),
        )
    )
    # Candidates: the ends of each piece, and its lowest point where that lies inside.
    ends = np.column_stack([angles[:, 1:], angles[:, :1] + 2 * np.pi])
    inner = np.arctan2(-sines, -cosines)
    inner += 2 * np.pi * (inner < angles)
    inner = np.where(inner <= ends, inner, angles)
    candidates = np.hstack([angles, inner])
    values = np.tile(cosines, 2) * np.cos(candidates) + np.tile(sines, 2) * np.sin(candidates)
    for at in np.argsort(values, axis=None)[: 1 if len(h.bounds) == 0 else None]:
        i, j = np.unravel_index(int(at), values.shape)
        if values[i, j] >= value:
            break
        angle = candidates[i, j]
        point = np.cos(angle) * first + np.sin(angle) * second[i]
        if (h.bounds @ point >= -1e-12).all():
            reached = float(h(point[None, :])[0])
            if reached < value:
                best, value = point, reached
            break
    return best, value


def _wrapped(angles: Array) -> Array:
    """Into [-pi, pi)."""
    return (angles + np.pi) % (2 * np.pi) - np.pi


class _Whitened:
    """h in coordinates in which the kinks and bounds have an orthonormal Gram matrix.

    There a column's scale does not matter, and what h does not depend on is gone.
    """

    def __init__(self, h: KinkFunction) -> None:
        _, singular, right = np.linalg.svd(np.vstack([h.kinks, h.bounds]), full_matrices=False)
        rank = int((singular > 1e-12 * singular[0]).sum())
        self.back = right[:rank].T / singular[:rank]
        self.h = KinkFunction(
            h.gradient @ self.back, h.kinks @ self.back, h.weights, h.bounds @ self.back
        )

    def sharpened(self, v: Array, value: float) -> Array:
        """Sweeps through v and the axes, and through v and the gradient there, to the end."""
        h = self.h
        for _ in range(ROUNDS):
            slope = h.gradient + (h.weights * (h.kinks @ v > 0)) @ h.kinks
            v, lower = sweep(h, v, np.vstack([np.eye(v.size), slope[None, :]]))
            if lower >= value - 0.05 * abs(value):
                break
            value = lower
        return self.back @ v


def search(h: KinkFunction) -> Array | None:
    """A direction with h < 0 from sweeps through likely planes, sharpened; None without one."""
    white = _Whitened(h)
    inside = white.h
    # The direction in which all kinks turn on together (the constant, on lifted data).
    middle = np.ones(len(inside.kinks)) @ inside.kinks
    if not middle.any():
        middle = np.eye(middle.size)[0]
    concave = np.flatnonzero(h.weights < 0)
    far = concave[np.argsort(-(inside.kinks[concave] ** 2).sum(axis=1), kind="stable")[:PLANES]]
    pull = h.weights @ inside.kinks
    others = np.vstack(
        [pull[None, :], inside.gradient[None, :], np.eye(middle.size), inside.kinks[far]]
    )
    others = others[np.abs(others).max(axis=1) > 0]
    start = middle if (inside.bounds @ middle >= 0).all() else inside.bounds.sum(axis=0)
    v, value = sweep(inside, start, others)
    if value < 0:
        return white.sharpened(v, value)
    # Low places elsewhere: the deepest of many directions, each followed down.
    tries = np.random.default_rng(0).standard_normal((RANDOM, middle.size))
    tries /= np.linalg.norm(tries, axis=1)[:, None]
    tries = tries[(tries @ inside.bounds.T >= 0).all(axis=1)]
    values = inside(tries)
    for k in np.argsort(values, kind="stable")[:SHARPENED]:
        v = white.sharpened(tries[k], float(values[k]))
        if float(h(v[None, :])[0]) < 0:
            return v
    return None


def corner_cut(h: KinkFunction) -> Array | None:
    """A direction that turns on a single concave kink and descends, sharpened; None without one.

    One linear program per concave kink k: the least of ``<g, v>`` with ``<v, x_k> = 1`` and
    ``<v, x_j> <= 0`` for all others, those far out first.
    """
    white = _Whitened(h)
    inside = white.h
    concave = np.flatnonzero(h.weights < 0)
    order = np.argsort(-(inside.kinks[concave] ** 2).sum(axis=1), kind="stable")
    for k in concave[order]:
        with np.errstate(all="ignore"):
            result = linprog(
                inside.gradient,
                A_ub=np.vstack([np.delete(inside.kinks, k, axis=0), -inside.bounds]),
                b_ub=np.zeros(len(inside.kinks) - 1 + len(inside.bounds)),
                A_eq=inside.kinks[k : k + 1],
                b_eq=[1.0],
                bounds=(None, None),
                method="highs",
            )
        if result.status == 3:  # unbounded: h falls where no kink turns on at all
            continue
        if result.x is None:
            continue
        v = result.x / np.linalg.norm(result.x)
        value = float(inside(v[None, :])[0])
        if value < 0 and (inside.bounds @ v >= -1e-12).all():
            return white.sharpened(v, value)
    return None
