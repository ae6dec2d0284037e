"""Parametrizations with spare neurons: what they add to permutations, rescalings and flips.

A single spare neuron can be silent or share the hyperplane of another one; both are decided up to
rounding. Two or more can also cancel each other anywhere, as in Example 2.4: then only a bound from
above is constructed, by a linear program over the weight vectors with the output weights kept.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.canonical import CanonicalForm, same_realization
from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.stability._scales import (
    Candidate,
    line_distances,
    ray_costs,
    scale_interval,
    single_costs,
)
from landscape.stability.assignment import bottleneck_assignment

Array = NDArray[np.float64]

#: The decision with one spare neuron enumerates 2^K orientations for K hyperplanes.
MAX_SHARED_HYPERPLANES = 10


@dataclass(frozen=True, eq=False)
class Shared:
    """The best parametrization with two neurons on one hyperplane, and whether all were tried."""

    candidate: Candidate
    complete: bool


def _product_range(c: Array, t: tuple[Array, Array], level: Array) -> tuple[Array, Array]:
    """Range of c' t' over ``|c' - c| <= level``, ``t`` in an interval; empty as (inf, -inf)."""
    corners = np.stack([(c + s * level) * bound for s in (-1.0, 1.0) for bound in t])
    empty = t[0] > t[1]
    return np.where(empty, np.inf, corners.min(axis=0)), np.where(
        empty, -np.inf, corners.max(axis=0)
    )


def _split(c: float, t: tuple[float, float], level: float, p: float) -> tuple[float, float]:
    """Some (c', t') with ``c' t' = p`` in the box, nearest to c among a few candidates."""
    options = [t[0], t[1], 0.5 * (t[0] + t[1])]
    options += [p / b for b in (c - level, c + level, c) if b != 0]
    usable = [x for x in options if t[0] <= x <= t[1] and x > 0]
    best = min(usable, key=lambda x: abs(p / x - c), default=max(t[1], np.finfo(float).tiny))
    return p / best, best


def _same_side_cost(
    gamma: Parametrization, pair: tuple[int, int], e: Array, jump: float, cap: float
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Least level at which neurons of the pair can share ``jump`` on the ray of e."""
    c, a = gamma.output_weights[list(pair)], gamma.weights[list(pair)]
    low, high = 0.0, cap

    def reach(level: float) -> tuple[Array, Array, tuple[Array, Array]]:
        levels = np.full(2, level)
        t = scale_interval(a, e[None], levels)
        return *_product_range(c, t, levels), t

    first, last, t = reach(high)
    if not first.sum() <= jump <= last.sum():
        return np.inf, (0.0, 0.0), (0.0, 0.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        first, last, _ = reach(middle)
        if first.sum() <= jump <= last.sum():
            high = middle
        else:
            low = middle
    first, last, t = reach(high)
    p0 = float(np.clip(jump - last[1], first[0], last[0]))
    p1 = float(np.clip(jump - p0, first[1], last[1]))
    ends = [(float(t[0][k]), float(t[1][k])) for k in (0, 1)]
    one = _split(float(c[0]), ends[0], high, p0)
    two = _split(float(c[1]), ends[1], high, p1)
    return high, one, two


def share_one_neuron(gamma: Parametrization, form: CanonicalForm, cap: float) -> Shared:
    """All parametrizations with exactly two neurons on one hyperplane, one on each other one.

    Parameters
    ----------
    gamma : Parametrization
        With one neuron more than the form has hyperplanes.
    form : CanonicalForm
    cap : float
        Only what is nearer than this matters (it may be infinite).
    """
    m, n_planes = gamma.n_neurons, len(form.jumps)
    best = Candidate(np.inf, np.inf, None)
    if n_planes > MAX_SHARED_HYPERPLANES or n_planes == 0:
        return Shared(best, n_planes == 0)
    if not np.isfinite(cap):  # no parametrization known yet: any level at which all is possible
        cap = 4 * (1 + np.abs(gamma.weights).max() + np.abs(gamma.output_weights).max())
        cap += 4 * np.sqrt(np.abs(form.jumps).max() + np.abs(form.linear).max())
    costs = single_costs(gamma, form)
    steps = form.jumps[:, None] * form.normals
    size = np.abs(steps).sum() + np.abs(form.linear).sum()
    slack = 64 * np.finfo(float).eps * size
    bound = cap
    for h in range(n_planes):
        others = [k for k in range(n_planes) if k != h]
        n = form.normals[h]
        for bits in itertools.product((0, 1), repeat=len(others)):
            turned = [k for k, bit in zip(others, bits, strict=True) if bit]
            rest = -form.linear - steps[turned].sum(axis=0)  # = (product turned around at h) * n
            q = float(rest @ n / (n @ n))
            if np.abs(rest - q * n).max() > slack:
                continue
            for pair in itertools.permutations(range(m), 2):
                placed = _place_pair(gamma, pair, n, float(form.jumps[h]), q, slack, bound)
                if placed is None:
                    continue
                value, rows, outputs = placed
                remaining = [i for i in range(m) if i not in pair]
                sub = costs.upper[np.ix_(remaining, others)][
                    :, np.arange(len(others)), np.array(bits, dtype=int)
                ]
                found = bottleneck_assignment(sub)
                value = max(value, found.value)
                if value < bound:
                    bound = value
                    a, c = gamma.weights.copy(), gamma.output_weights.copy()
                    a[list(pair)], c[list(pair)] = rows, outputs
                    for row, column in enumerate(found.columns):
                        i, k, o = remaining[row], others[column], bits[column]
                        t = costs.scale[i, k, o]
                        a[i] = t * (-form.normals[k] if o else form.normals[k])
                        c[i] = form.jumps[k] / t
                    best = Candidate(bound * (1 - 1e-12), bound, Parametrization(a, c))
    return Shared(best, True)


def _place_pair(
    gamma: Parametrization,
    pair: tuple[int, int],
    n: Array,
    jump: float,
    q: float,
    slack: float,
    bound: float,
) -> tuple[float, Array, Array] | None:
    """The pair on the hyperplane of n with jump ``jump``, of which q is turned around."""
    same = None
    if pair[0] < pair[1] and abs(q) <= slack:
        same = n
    elif pair[0] < pair[1] and abs(q - jump) <= slack:
        same = -n
    if same is not None:
        value, one, two = _same_side_cost(gamma, pair, same, jump, bound)
        if value >= bound:
            return None
        return value, np.stack([one[1] * same, two[1] * same]), np.array([one[0], two[0]])
    if abs(q) <= slack or abs(q - jump) <= slack:
        return None
    value, rows, outputs = 0.0, [], []
    for i, e, p in ((pair[0], n, jump - q), (pair[1], -n, q)):
        _, upper, scale = ray_costs(
            gamma.output_weights[[i]], gamma.weights[[i]], np.array([p]), e[None]
        )
        value = max(value, float(upper[0]))
        rows.append(scale[0] * e)
        outputs.append(p / scale[0])
    return (value, np.stack(rows), np.array(outputs)) if value < bound else None


def spare_pairs(gamma: Parametrization, form: CanonicalForm, theta: Parametrization) -> Candidate:
    """A parametrization near Γ that lets pairs of Γ's neurons go on cancelling each other.

    Every hyperplane gets one neuron of Γ (and, where that one belongs to a cancelling pair, its
    partner); the other pairs may turn, as long as the linear functions that they leave add up; what
    is left becomes silent. With the output weights kept this is a linear program.
    """
    pairs = _cancelling_pairs(gamma)
    lines = line_distances(gamma, form.normals)
    n_planes = len(form.jumps)
    if n_planes == 0:
        choices = [np.zeros(0, dtype=int)]
    elif n_planes == 1:
        choices = [np.array([i]) for i in np.argsort(lines[:, 0], kind="stable")]
    else:
        choices = [bottleneck_assignment(lines.T).columns]
    best = Candidate(np.inf, np.inf, None)
    for anchors in choices:
        found = _pairs_program(gamma, form, pairs, anchors)
        if found is not None and found.upper < best.upper:
            assert found.parametrization is not None
            if same_realization(found.parametrization, theta, tolerance=1e-9):
                best = found
    return best


def _cancelling_pairs(gamma: Parametrization) -> dict[int, int]:
    """Partner of each neuron whose contribution leaves no jump together with the partner's."""
    partner: dict[int, int] = {}
    jumps = gamma.output_weights * max_norms(gamma.weights)
    for i, j in gamma.opposite_pairs() + gamma.redundant_pairs():
        if i not in partner and j not in partner and jumps[i] != 0 and jumps[i] == -jumps[j]:
            partner[i], partner[j] = j, i
    return partner


def _pairs_program(
    gamma: Parametrization, form: CanonicalForm, partner: dict[int, int], anchors: NDArray[np.intp]
) -> Candidate | None:
    """The linear program of `spare_pairs` for one choice of neurons on the hyperplanes."""
    m, d = gamma.weights.shape
    a, c = gamma.weights, gamma.output_weights
    plane = {int(i): h for h, i in enumerate(anchors)}
    for i, h in list(plane.items()):
        if i in partner and partner[i] not in plane:
            plane[partner[i]] = h
    on_plane = sorted(plane)
    free = [i for i in sorted(partner) if i not in plane and i < partner[i]]
    free = [i for i in free if partner[i] not in plane]
    silent = [
        i for i in range(m) if i not in plane and i not in free and partner.get(i) not in free
    ]
    n_planes, n_on = len(form.jumps), len(on_plane)
    size = n_on + d * len(free) + 1  # scales, weight vectors of the pairs, level
    orient = {i: 1.0 if a[i] @ form.normals[plane[i]] >= 0 else -1.0 for i in on_plane}
    equal = np.zeros((n_planes + d, size))
    for p, i in enumerate(on_plane):
        equal[plane[i], p] += c[i]
        if orient[i] < 0:
            equal[n_planes:, p] -= c[i] * form.normals[plane[i]]
    rows: list[Array] = []
    limits: list[float] = []

    def near(column: slice | int, matrix: Array, target: Array) -> None:
        """Constrain ``|matrix z - target| <= level``."""
        for sign in (1.0, -1.0):
            for k in range(d):
                row = np.zeros(size)
                row[column] = sign * matrix[k]
                row[-1] = -1.0
                rows.append(row)
                limits.append(sign * target[k])

    for p, i in enumerate(on_plane):
        near(p, orient[i] * form.normals[plane[i]], a[i])
    for p, i in enumerate(free):
        j, where = partner[i], slice(n_on + d * p, n_on + d * (p + 1))
        opposite = unit_directions(a[[i, j]]).prod(axis=0).sum() < 0
        ratio = float(c[i] / c[j]) if opposite else float(-c[i] / c[j])
        if opposite:
            equal[n_planes:, where] += c[i] * np.eye(d)
        near(where, np.eye(d), a[i])
        near(where, ratio * np.eye(d), a[j])
    target = np.concatenate([form.jumps, form.linear])
    bounds = [(0.0, None)] * n_on + [(None, None)] * (d * len(free)) + [(0.0, None)]
    objective = np.zeros(size)
    objective[-1] = 1.0
    solved = linprog(
        objective,
        A_ub=np.array(rows) if rows else None,
        b_ub=limits if rows else None,
        A_eq=equal,
        b_eq=target,
        bounds=bounds,
        method="highs",
    )
    if solved.status != 0:
        return None
    new_a, new_c = a.copy(), c.copy()
    for p, i in enumerate(on_plane):
        new_a[i] = solved.x[p] * orient[i] * form.normals[plane[i]]
    for p, i in enumerate(free):
        j = partner[i]
        opposite = unit_directions(a[[i, j]]).prod(axis=0).sum() < 0
        new_a[i] = solved.x[n_on + d * p : n_on + d * (p + 1)]
        new_a[j] = (c[i] / c[j] if opposite else -c[i] / c[j]) * new_a[i]
    for i in silent:
        if abs(c[i]) <= np.abs(a[i]).max():
            new_c[i] = 0.0
        else:
            new_a[i] = 0.0
    phi = Parametrization(new_a, new_c)
    gap = max(np.abs(new_a - a).max(), np.abs(new_c - c).max())
    return Candidate(0.0, float(gap), phi)
