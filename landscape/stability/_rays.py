"""One or two neurons of Γ against rays, and parametrizations with spare neurons.

A neuron (c, a) of Γ against the ray of neurons ``(p / t, t e)``, t > 0, with the fixed product
``p e``: minimize ``max(|c - p / t|, ‖a - t e‖_inf)``. The set of t below a level is an interval, so
bisection over the level decides; all pairs are done at once. Shapes broadcast: ``c`` and ``p``
(...), ``a`` and ``e`` (..., d).

A single spare neuron can be silent or share the hyperplane of another one; both are decided up to
rounding. Two or more can also cancel each other anywhere, as in Example 2.4: then only a bound from
above is constructed, by a linear program over the weight vectors with the output weights kept.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from landscape.canonical import CanonicalForm, same_realization
from landscape.parametrization import DIRECTION_TOLERANCE as TOLERANCE
from landscape.parametrization import Parametrization, max_norms, unit_directions
from landscape.stability.assignment import bottleneck_assignment, max_distance
from landscape.stability.flips import Sides, exact

Array = NDArray[np.float64]

_UNIT = 2.0**-53


def below(level: Array, size: Array) -> Array:
    """A level that is too low for certain, from one that floating point found too low.

    Ends of intervals of scales are quotients ``(x ± level) / y``: three roundings each. Two of them
    compare the wrong way round only if a level that is larger by ``6 u (size + level)`` is not too
    low, where ``size`` bounds the neuron's entries; sums of two products double that.
    """
    return np.maximum(level - 16 * _UNIT * (size + level), 0.0)


def ray_costs(c: Array, a: Array, p: Array, e: Array, *, balanced: bool = False) -> Array:
    """Bracket and minimizer of the problem above, (3, ...): lower, upper, scale; p, e are not zero.

    ``upper`` is the objective at ``scale``. On N', ``balanced``, only the scale with
    ``|p / t| = ‖t e‖_inf`` is allowed.
    """
    from landscape.stability._kernels import ray_levels  # numba, when needed

    c, a, p, e = np.broadcast_arrays(c[..., None], a, p[..., None], e)
    c, p = c[..., 0], p[..., 0]
    rows = [x.reshape(-1, x.shape[-1]).copy() for x in (a, e)]
    found = ray_levels(*rows, c.flatten(), p.flatten(), balanced).reshape(3, *c.shape)
    (low, upper, scale), size = found, np.maximum(np.abs(c), np.abs(a).max(axis=-1))
    if balanced:
        size = size + scale * np.abs(e).max(axis=-1)
    return np.stack([np.minimum(below(low, size), upper), upper, scale])


def line_distances(a: Array, normals: Array) -> Array:
    """``min over all real t of ‖a_i - t e_h‖_inf``, a bound from below, shape (m, K)."""
    from landscape.stability._kernels import line_levels  # numba, when needed

    return below(line_levels(a, normals), max_norms(a)[:, None])


def silence(a: Array, c: Array, which: NDArray[np.bool_]) -> None:
    """Let neurons contribute nothing, by moving the smaller of ``|c_i|`` and ``‖a_i‖_inf`` to 0."""
    outer = np.abs(c) <= max_norms(a)
    c[which & outer] = 0.0
    a[which & ~outer] = 0.0


def opposite_rays(sides: Sides) -> Iterator[tuple[Array, Array, bool]]:
    """All K + 1 rays of which two are the sides of one hyperplane: (e, p, whether exact).

    The others are turned such that a multiple of its normal is left, which the jump's division
    between the two sides takes up: in rationals, or up to the tolerance of directions (twice, as
    the normal's own direction is rounded as well).
    """
    normals, jumps = sides.form.normals, sides.form.jumps
    for h in range(len(jumps)):
        others = np.delete(np.arange(len(jumps)), h)
        lead, normal = int(np.abs(normals[h]).argmax()), exact(normals[h])
        for turned in itertools.product((1, -1), repeat=len(others)):
            planes, picked = sides.pick(others[np.array(turned, dtype=int) < 0])
            place = planes[planes != h], picked[planes != h]
            left, size = sides.sums[place].sum(axis=0), float(sides.sizes[place].sum())
            off = max(abs(left - left[lead] / normal[lead] * normal))
            backward = -float(left[lead] + sides.sums[h, 1, lead]) / normals[h, lead]
            forward = float(left[lead] + sides.sums[h, 0, lead]) / normals[h, lead]
            if off <= 2 * TOLERANCE * size and forward and backward:
                e = np.array(turned, dtype=float)[:, None] * normals[others]
                rays = np.vstack([e, normals[h], -normals[h]])
                yield rays, np.append(jumps[others], [forward, backward]), not off


def share_ray(
    a: Array, c: Array, e: Array, jump: float, cap: float
) -> tuple[float, bool, Array, Array]:
    """Least level at which two neurons, a (2, d) and c (2,), can share ``jump`` on the ray of e.

    Returns a bound from below, and, if the level is at most ``cap``, weights and output weights.
    """
    from landscape.stability._kernels import STEPS, scale_interval

    size = np.maximum(np.abs(a).max(), np.abs(c).max())

    def reach(level: float) -> tuple[Array, Array, Array]:
        """Ranges of ``c' t`` for ``|c' - c| <= level``, t in an interval; (inf, -inf) if empty."""
        t = np.array([scale_interval(row, e, level) for row in a]).T
        with np.errstate(invalid="ignore", over="ignore"):  # 0 * inf where the interval is empty
            corners = np.stack([(c + s * level) * bound for s in (-1.0, 1.0) for bound in t])
        empty = t[0] > t[1]
        first = np.where(empty, np.inf, corners.min(axis=0))
        return first, np.where(empty, -np.inf, corners.max(axis=0)), t

    def reached(level: float) -> bool:
        first, last, _ = reach(level)
        return bool(first.sum() <= jump <= last.sum())

    if not reached(cap):
        return float(below(np.array(cap), size)), False, a, c
    low, high = 0.0, cap
    for _ in range(STEPS):
        middle = low + 0.5 * (high - low)
        low, high = (low, middle) if reached(middle) else (middle, high)
    first, last, t = reach(high)
    part = np.clip(jump - last[1], first[0], last[0])
    parts = np.array([part, jump - part])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # c' = p / t next to c
        scales = np.where(parts * c > 0, np.clip(parts / c, *t), t[1])
    scales = np.maximum(scales, np.finfo(float).tiny)
    return float(below(np.array(low), size)), True, scales[:, None] * e, parts / scales


def spare_pairs(
    gamma: Parametrization, form: CanonicalForm, theta: Parametrization
) -> Parametrization | None:
    """A parametrization near Γ that lets pairs of Γ's neurons go on cancelling each other.

    Every hyperplane gets one neuron of Γ (and, where that one belongs to a cancelling pair, its
    partner); the other pairs may turn, as long as the linear functions that they leave add up; what
    is left becomes silent. With the output weights kept this is a linear program.
    """
    lines = line_distances(gamma.weights, form.normals)
    if len(form.jumps) == 1:
        choices = np.argsort(lines[:, 0], kind="stable")[:, None]
    else:
        choices = bottleneck_assignment(lines.T).columns[None]
    partner: dict[int, int] = {}  # of neurons that leave no jump together
    jumps = gamma.output_weights * max_norms(gamma.weights)
    for i, j in gamma.opposite_pairs() + gamma.redundant_pairs():
        if i not in partner and j not in partner and jumps[i] != 0 and jumps[i] == -jumps[j]:
            partner[i], partner[j] = j, i
    found = [_pairs_program(gamma, form, partner, anchors.tolist()) for anchors in choices]
    usable = [phi for phi in found if phi is not None and same_realization(phi, theta)]
    return min(usable, key=lambda phi: max_distance(gamma, phi), default=None)


def _pairs_program(
    gamma: Parametrization, form: CanonicalForm, partner: dict[int, int], anchors: list[int]
) -> Parametrization | None:
    """The linear program of `spare_pairs` for one choice of neurons on the hyperplanes.

    Variables z: scales of the neurons on hyperplanes, weight vectors of the first neurons of pairs,
    level. Weights are linear in z, as are jumps and linear part.
    """
    (m, d), c, a = gamma.weights.shape, gamma.output_weights, gamma.weights
    plane = {i: h for h, i in enumerate(anchors)}
    plane |= {partner[i]: h for i, h in plane.items() if i in partner and partner[i] not in plane}
    free = [i for i in partner if i < partner[i] and not {i, partner[i]} & plane.keys()]
    units, n_on, n_planes = unit_directions(a), len(plane), len(form.jumps)
    moves, back = np.zeros((m, d, n_on + d * len(free) + 1)), np.zeros(m, dtype=bool)
    equal = np.zeros((n_planes + d, moves.shape[2]))
    for p, (i, h) in enumerate(sorted(plane.items())):
        back[i] = a[i] @ form.normals[h] < 0
        moves[i, :, p] = -form.normals[h] if back[i] else form.normals[h]
        equal[h, p] = c[i]
    for p, i in enumerate(free):
        block, j = slice(n_on + d * p, n_on + d * p + d), partner[i]
        back[i] = units[i] @ units[j] < 0
        moves[i, :, block] = np.eye(d)
        moves[j, :, block] = c[i] / c[j] * (1 if back[i] else -1) * np.eye(d)
    equal[n_planes:] = np.tensordot(np.where(back, c, 0.0), moves, 1)
    moving = np.asarray(moves.any(axis=(1, 2)))
    rows, target = moves[moving].reshape(-1, moves.shape[2]), a[moving].ravel()
    level, values = np.eye(moves.shape[2])[-1], np.append(form.jumps, form.linear)
    free_bounds, positive = [(None, None)] * (d * len(free)), (0.0, None)
    solved = linprog(
        level,
        *(np.vstack([rows - level, -rows - level]), np.append(target, -target), equal, values),
        bounds=[positive] * n_on + free_bounds + [positive],
        method="highs",
    )
    if solved.status != 0:
        return None
    z = solved.x
    for _ in range(2):  # the solver's tolerances are taken out
        z = z + np.linalg.lstsq(equal, values - equal @ z, rcond=None)[0]
    weights, outputs = np.where(moving[:, None], moves @ z, a), c.copy()
    silence(weights, outputs, ~moving)
    return Parametrization(weights, outputs)
