"""Parametrizations with spare neurons: what they add to permutations, rescalings and flips.

A single spare neuron can be silent or share the hyperplane of another one; both are decided up to
rounding. Two or more can also cancel each other anywhere, as in Example 2.4: then only a bound from
above is constructed, by a linear program over the weight vectors with the output weights kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.canonical import CanonicalForm, same_realization
from landscape.parametrization import (
    DIRECTION_TOLERANCE,
    Parametrization,
    max_norms,
    unit_directions,
)
from landscape.stability._scales import below, line_distances, ray_costs, scale_interval
from landscape.stability.assignment import bottleneck_assignment, max_distance
from landscape.stability.flips import Sides

Array = NDArray[np.float64]

#: The decision with one spare neuron enumerates 2^K orientations for K hyperplanes.
MAX_SHARED_HYPERPLANES = 10


@dataclass(eq=False)
class Shared:
    """The best parametrization with two neurons on one hyperplane, and whether all were tried."""

    complete: bool
    lower: float = np.inf
    upper: float = np.inf
    parametrization: Parametrization | None = None


@dataclass(frozen=True, eq=False)
class Place:
    """Two neurons on hyperplane h, the others turned as ``bits`` say.

    ``parts`` (2,) of the jump are on the normal's and on the reversed side. ``exact``: whether what
    has to cancel does so in rationals; else, up to the tolerance only, it bounds from below only.
    """

    h: int
    others: list[int]
    bits: tuple[int, ...]
    parts: Array
    exact: bool


def _places(sides: Sides) -> Iterator[Place]:
    """All hyperplanes to share and orientations of the others that leave a multiple of its normal.

    Up to the tolerance, as in `find_flips`.
    """
    n_planes = len(sides.sums)
    normals = sides.form.normals
    for h in range(n_planes):
        others = [k for k in range(n_planes) if k != h]
        lead = int(np.abs(normals[h]).argmax())
        normal = [Fraction(p) / Fraction(float(normals[h, lead])) for p in normals[h].tolist()]
        for bits in itertools.product((0, 1), repeat=len(others)):
            turned, size = sides.rest, sides.rest_size
            for k, bit in zip(others, bits, strict=True):
                turned = [p + q for p, q in zip(turned, sides.sums[k][1 - bit], strict=True)]
                size += float(sides.sizes[k, 1 - bit])
            off = max(abs(p - turned[lead] * q) for p, q in zip(turned, normal, strict=True))
            if off > 2 * DIRECTION_TOLERANCE * size:  # the normal's own direction as well
                continue
            forward, backward = (turned[lead] + side[lead] for side in sides.sums[h])
            jump = float(sides.form.jumps[h])
            parts = np.array([float(forward), -float(backward)]) / normals[h, lead]
            if parts.all():
                yield Place(h, others, bits, parts, not off)
            # All of the jump on one side: the sum of what would be on the other one vanishes.
            for left, side in ((backward, 1), (forward, 0)):
                if abs(left) <= DIRECTION_TOLERANCE * (size + float(sides.sizes[h, side])):
                    alone = np.array([jump, 0.0] if side else [0.0, jump])
                    yield Place(h, others, bits, alone, not (off or left))


def share_one_neuron(gamma: Parametrization, sides: Sides, cap: float) -> Shared:
    """All parametrizations with exactly two neurons on one hyperplane, one on each other one.

    Parameters
    ----------
    gamma : Parametrization
        With one neuron more than there are hyperplanes.
    sides : Sides
    cap : float
        Only what is nearer than this matters (it may be infinite).
    """
    form = sides.form
    m, n_planes = gamma.n_neurons, len(form.jumps)
    best = Shared(n_planes <= MAX_SHARED_HYPERPLANES)
    if not best.complete or n_planes == 0:
        return best
    if not np.isfinite(cap):  # no parametrization known yet: any level at which all is possible
        cap = 4 * (1 + np.abs(gamma.weights).max() + np.abs(gamma.output_weights).max())
        cap += 4 * float(np.sqrt(sides.sizes.sum()))
    e = np.stack([form.normals, -form.normals], axis=1)[None]
    a, c = gamma.weights[:, None, None, :], gamma.output_weights[:, None, None]
    costs = ray_costs(c, a, form.jumps[None, :, None], e)
    size = max(np.abs(gamma.weights).max(), np.abs(gamma.output_weights).max())
    found = False
    for place in _places(sides):
        found = True
        for pair in itertools.permutations(range(m), 2):
            placed = _place_pair(gamma, pair, form.normals[place.h], place.parts, cap)
            if placed is None:
                continue
            remaining = np.array([i for i in range(m) if i not in pair], dtype=int)
            chosen = np.ix_(remaining, np.array(place.others, dtype=int))
            low, high, scale = (
                table[chosen][:, np.arange(len(place.others)), list(place.bits)] for table in costs
            )
            best.lower = min(best.lower, max(placed.lower, bottleneck_assignment(low).value))
            if not place.exact:
                continue
            weights, outputs = gamma.weights.copy(), gamma.output_weights.copy()
            weights[list(pair)], outputs[list(pair)] = placed.rows, placed.outputs
            for row, column in enumerate(bottleneck_assignment(high).columns):
                i, k, t = remaining[row], place.others[column], scale[row, column]
                side = 1 - 2 * place.bits[column]
                weights[i], outputs[i] = t * side * form.normals[k], form.jumps[k] / t
            phi = Parametrization(weights, outputs)
            if (distance := max_distance(gamma, phi)) < best.upper:
                best.upper, best.parametrization = distance, phi
                cap = min(cap, distance)
    if found:  # what was left out is at least as far as the cap
        best.lower = min(best.lower, float(below(np.array(cap), np.array(size))))
    return best


@dataclass(frozen=True, eq=False)
class _Pair:
    lower: float
    rows: Array
    outputs: Array


def _place_pair(
    gamma: Parametrization, pair: tuple[int, int], normal: Array, parts: Array, cap: float
) -> _Pair | None:
    """The pair on the hyperplane, or None where it would be farther than ``cap``."""
    index, e = list(pair), np.stack([normal, -normal])
    if not parts.all():
        if pair[0] > pair[1]:
            return None
        return _same_side(gamma, pair, e[int(parts[0] == 0)], float(parts.sum()), cap)
    lower, _, scale = ray_costs(gamma.output_weights[index], gamma.weights[index], parts, e)
    if lower.max() >= cap:
        return None
    return _Pair(float(lower.max()), scale[:, None] * e, parts / scale)


def _same_side(
    gamma: Parametrization, pair: tuple[int, int], e: Array, jump: float, cap: float
) -> _Pair | None:
    """Least level at which neurons of the pair can share ``jump`` on the ray of e."""
    c, a = gamma.output_weights[list(pair)], gamma.weights[list(pair)]

    def reach(level: float) -> tuple[Array, Array, tuple[Array, Array]]:
        """Ranges of ``c' t`` for ``|c' - c| <= level``, t in an interval; (inf, -inf) if empty."""
        t = scale_interval(a, e[None], np.full(2, level))
        with np.errstate(invalid="ignore", over="ignore"):  # 0 * inf where the interval is empty
            corners = np.stack([(c + s * level) * bound for s in (-1.0, 1.0) for bound in t])
        empty = t[0] > t[1]
        first = np.where(empty, np.inf, corners.min(axis=0))
        return first, np.where(empty, -np.inf, corners.max(axis=0)), t

    low, high = 0.0, cap
    first, last, t = reach(high)
    if not first.sum() <= jump <= last.sum():
        return None
    for _ in range(100):
        middle = low + 0.5 * (high - low)
        first, last, _ = reach(middle)
        if first.sum() <= jump <= last.sum():
            high = middle
        else:
            low = middle
    first, last, t = reach(high)
    p = np.clip(jump - last[1], first[0], last[0])
    scales, outputs = np.zeros(2), np.zeros(2)
    for k, part in enumerate((p, jump - p)):
        scales[k] = _split(float(c[k]), (float(t[0][k]), float(t[1][k])), high, float(part))
        outputs[k] = part / scales[k]
    size = float(max(np.abs(a).max(), np.abs(c).max()))
    return _Pair(float(below(np.array(low), np.array(size))), scales[:, None] * e, outputs)


def _split(c: float, t: tuple[float, float], level: float, p: float) -> float:
    """Some t' with ``c' t' = p`` in the box, c' nearest to c among a few candidates."""
    options = [t[0], t[1], 0.5 * (t[0] + t[1])]
    options += [p / b for b in (c - level, c + level, c) if b != 0]
    usable = [x for x in options if t[0] <= x <= t[1] and x > 0]
    return min(usable, key=lambda x: abs(p / x - c), default=max(t[1], np.finfo(float).tiny))


def spare_pairs(
    gamma: Parametrization, form: CanonicalForm, theta: Parametrization
) -> Parametrization | None:
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
    best, least = None, np.inf
    for anchors in choices:
        found = _pairs_program(gamma, form, pairs, anchors)
        if found is None or (distance := max_distance(gamma, found)) >= least:
            continue
        if same_realization(found, theta):
            best, least = found, distance
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
) -> Parametrization | None:
    """The linear program of `spare_pairs` for one choice of neurons on the hyperplanes."""
    m, d = gamma.weights.shape
    a, c = gamma.weights, gamma.output_weights
    plane = {int(i): h for h, i in enumerate(anchors)}
    for i, h in list(plane.items()):
        if i in partner and partner[i] not in plane:
            plane[partner[i]] = h
    on_plane = sorted(plane)
    free = [i for i in partner if i < partner[i] and not {i, partner[i]} & plane.keys()]
    silent = [i for i in range(m) if not {i, partner.get(i, i)} & {*plane, *free}]
    n_planes, n_on = len(form.jumps), len(on_plane)
    size = n_on + d * len(free) + 1  # scales, weight vectors of the pairs, level
    normals = np.array([form.normals[plane[i]] for i in on_plane]).reshape(n_on, d)
    normals = np.where((a[on_plane] * normals).sum(axis=1) >= 0, 1.0, -1.0)[:, None] * normals
    units = unit_directions(a)
    opposite = {i: bool(units[i] @ units[partner[i]] < 0) for i in free}
    ratio = {i: float(c[i] / c[partner[i]]) * (1 if opposite[i] else -1) for i in free}
    equal = np.zeros((n_planes + d, size))
    for p, i in enumerate(on_plane):
        equal[plane[i], p] = c[i]
        if (normals[p] != form.normals[plane[i]]).any():
            equal[n_planes:, p] = c[i] * normals[p]
    rows, limits = [], []

    def near(start: int, matrix: Array, target: Array) -> None:
        """Constrain ``|matrix z - target| <= level`` for the variables z from ``start`` on."""
        for sign in (1.0, -1.0):
            block = np.zeros((d, size))
            block[:, start : start + matrix.shape[1]] = sign * matrix
            block[:, -1] = -1.0
            rows.append(block)
            limits.append(sign * target)

    for p, i in enumerate(on_plane):
        near(p, normals[p][:, None], a[i])
    for p, i in enumerate(free):
        start = n_on + d * p
        if opposite[i]:
            equal[n_planes:, start : start + d] = c[i] * np.eye(d)
        near(start, np.eye(d), a[i])
        near(start, ratio[i] * np.eye(d), a[partner[i]])
    objective = np.zeros(size)
    objective[-1] = 1.0
    solved = linprog(
        objective,
        A_ub=np.vstack(rows) if rows else None,
        b_ub=np.concatenate(limits) if rows else None,
        A_eq=equal,
        b_eq=np.concatenate([form.jumps, form.linear]),
        bounds=[(0.0, None)] * n_on + [(None, None)] * (d * len(free)) + [(0.0, None)],
        method="highs",
    )
    if solved.status != 0:
        return None
    new_a, new_c = a.copy(), c.copy()
    scales, turned = solved.x[:n_on].copy(), solved.x[n_on:-1].reshape(-1, d)
    # The solver's tolerances are taken out: the last neuron on each hyperplane makes its jump
    # exact, the first pair that leaves a linear function makes the linear part exact.
    for h in range(n_planes):
        *others, last = [p for p, i in enumerate(on_plane) if plane[i] == h]
        own = np.array([c[on_plane[p]] for p in (*others, last)])
        if own[-1] == 0:
            return None
        scales[last] = (form.jumps[h] - np.sum(own[:-1] * scales[others])) / own[-1]
    for p, i in enumerate(on_plane):
        new_a[i] = scales[p] * normals[p]
    linear = form.linear - equal[n_planes:, :n_on] @ scales
    for i in [i for i in free if opposite[i]][1:]:
        linear = linear - c[i] * turned[free.index(i)]
    for i in [i for i in free if opposite[i]][:1]:
        turned[free.index(i)] = linear / c[i]
    for p, i in enumerate(free):
        new_a[i], new_a[partner[i]] = turned[p], ratio[i] * turned[p]
    for i in silent:
        if abs(c[i]) <= np.abs(a[i]).max():
            new_c[i] = 0.0
        else:
            new_a[i] = 0.0
    return Parametrization(new_a, new_c) if (scales > 0).all() else None
