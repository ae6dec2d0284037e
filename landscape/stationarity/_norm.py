"""One neuron at the kink of the weight decay's norm: ``h(v) + ‖norm v‖_2``, by branch and bound.

Directions are covered by cones of d rays, at first the orthants. On such a cone concave kinks are
above their interpolation at the rays, convex kinks and the norm above their tangents: what is
linear is at least 0 where it is so on the rays (Theorem 37). Cones on which it is not are halved at
the edge along which all these bend most.
"""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from landscape.parametrization import max_norms
from landscape.rounding import KINK_FACTOR, Array, Mask, gamma
from landscape.stationarity._convex import subgradient
from landscape.stationarity._records import Budget, KinkFunction, NeuronCheck, decided
from landscape.verdict import Verdict

#: Dimensions beyond which orthants are too many.
MAX_DIMENSIONS = 8
BATCH = 1000
#: Concave kinks next to a direction beyond which their sides are too many.
MAX_MIXED = 5
#: Halvings in a row up to which midpoints of rays have no rounding: they are multiples of 2^-50.
MAX_DEPTH = 50


def check_with_norm(
    h: KinkFunction,
    norm: Array,
    allowed: Array,
    charge: Array,
    budget: Budget,
    zeros: Sequence[Array] = (),
) -> NeuronCheck:
    """Whether ``h(v) + ‖norm v‖_2 >= 0`` for all v; for h without bounds.

    ``allowed`` and ``charge`` as for :func:`landscape.stationarity.check_neuron`. Along ``zeros``
    the function is expected to vanish, as it does along other neurons of the same sign: cones that
    contain them are clear by a tangent there, or never.
    """
    d = h.gradient.size
    if not len(h.weights):
        return _check_smooth(h, norm, allowed, charge)
    _, exponents = np.frexp(max_norms(h.kinks.T))
    axes = np.diag(np.ldexp(1.0, -np.clip(exponents, -500, 500)))
    signs = np.array(list(product((1.0, -1.0), repeat=d)))
    cones, examined, share = signs[:, :, None] * axes, 0, 0.0
    tangents = [tangent for v in zeros for tangent in _tangents(h, norm, allowed, v)]
    least, depth = np.full(len(cones), -np.inf), np.zeros(len(cones), dtype=int)
    while len(cones) and examined + len(cones) <= budget.max_cones and depth.max() <= MAX_DEPTH:
        order = np.argsort(least, kind="stable")  # where a fall is likely
        next_, rest = order[:BATCH], order[BATCH:]
        part = _Cones(h, norm, cones[next_])
        examined += len(next_)
        if (direction := part.falls(charge)) is not None:
            reason, nothing = "a ridge helps by more than the weight decay costs", np.zeros(d)
            return NeuronCheck(
                Verdict.VIOLATED, h.kind, "cones", reason, nothing, np.empty(0), direction
            )
        clear, bounds, needed = part.holds(allowed, tangents)
        share = max(share, needed)
        halves = part.halved(~clear)
        cones = np.concatenate([cones[rest], halves])
        least = np.append(least[rest], np.tile(bounds[~clear], 2))
        depth = np.append(depth[rest], np.tile(depth[next_][~clear], 2) + 1)
    if not len(cones):
        reason = f"no ridge helps by more than the weight decay costs: {examined} cones"
        shortfall = min(1.0, share * (1 + 1e-12)) * allowed
        return decided(h, "cones", reason, shortfall + charge, np.empty(0))
    reason = f"between ridges and weight decay: {len(cones)} cones of directions are left open"
    return NeuronCheck.undecided(h, "cones", reason)


def _check_smooth(h: KinkFunction, norm: Array, allowed: Array, charge: Array) -> NeuronCheck:
    """Without kinks: whether the gradient is one of the norm, with the other sign."""
    counted = norm > 0
    q = np.where(counted, -h.gradient / np.where(counted, norm, 1.0), 0.0)
    length = float(np.linalg.norm(q))
    q = q / max(1.0, length * (1 + gamma(q.size)))
    rest = np.abs(h.gradient + norm * q) + gamma(4) * (np.abs(h.gradient) + norm)
    if (rest <= allowed).all():
        reason = "the gradient is smaller than the weight decay"
        return decided(h, "gradient", reason, rest + charge, np.empty(0))
    free = ~counted & (np.abs(h.gradient) > allowed)
    v = np.where(free, -h.gradient, 0.0) if free.any() else q / np.where(counted, norm, 1.0)
    v = v / np.abs(v).max()
    error = gamma(4 * v.size) * float(np.abs(v) @ (np.abs(h.gradient) + norm))
    fall = float(h.gradient @ v) + float(np.linalg.norm(norm * v)) + error
    if fall + float(charge @ np.abs(v)) < 0:
        reason = "the gradient is larger than the weight decay"
        nothing = np.zeros_like(v), np.empty(0)
        return NeuronCheck(Verdict.VIOLATED, h.kind, "gradient", reason, *nothing, direction=v)
    return NeuronCheck.undecided(h, "gradient", "between the gradient and the weight decay")


def _tangents(h: KinkFunction, norm: Array, allowed: Array, v: Array) -> list[Array]:
    """What is left of gradients next to v, without the concave kinks: one for each of their sides.

    As small as the multipliers of the convex kinks on which v lies make them.
    """
    heights, size = h.kinks @ v, float(np.linalg.norm(norm * v))
    at = np.abs(heights) <= KINK_FACTOR * gamma(v.size) * (np.abs(h.kinks) @ np.abs(v))
    concave, found = h.weights < 0, []
    mixed = np.flatnonzero(at & concave)
    if size == 0 or len(mixed) > MAX_MIXED:
        return []
    q = norm * v / (size * (1 + gamma(2 * v.size)))
    own = KinkFunction(h.gradient, h.kinks[at], h.weights[at], h.bounds)
    rises = (h.weights * ((heights > 0) & ~at)) @ h.kinks
    for sides in product((0.0, 1.0), repeat=len(mixed)):
        gradient = h.gradient + norm * q + rises + (h.weights[mixed] * sides) @ h.kinks[mixed]
        t = subgradient(own, gradient, own.weights > 0, allowed)[1]
        share = ((heights > 0) & ~at & ~concave) * 1.0
        share[at & ~concave] = np.clip(t, 0.0, 1.0)
        found.append(h.gradient + (h.weights * share) @ h.kinks + norm * q)
    return found


class _Cones:
    """Some cones (b, d, d), each with its rays as rows, and what the function is on these."""

    def __init__(self, h: KinkFunction, norm: Array, rays: Array) -> None:
        self.h, self.rays, self.scaled = h, rays, rays * norm
        self.z = rays @ h.kinks.T
        self.lengths = np.linalg.norm(self.scaled, axis=2)
        n, d = h.kinks.shape
        self.errors = gamma(n + 4 * d + 16) * (np.abs(rays) @ (h.terms + norm))

    def falls(self, charge: Array) -> Array | None:
        """The ray on which the function is least, if it is negative there for certain."""
        values = self.rays @ self.h.gradient + np.maximum(self.z, 0.0) @ self.h.weights
        values += self.lengths + self.errors + np.abs(self.rays) @ charge
        at = np.unravel_index(int(np.argmin(values)), values.shape)
        if not values[at] < 0:
            return None
        return np.asarray(self.rays[at] / np.abs(self.rays[at]).max())

    def holds(self, allowed: Array, others: Sequence[Array]) -> tuple[Mask, Array, float]:
        """Where it is at least ``-<allowed, |v|>``; bounds; the share of ``allowed`` in use."""
        h, lengths = self.h, self.lengths[:, :, None]
        above = np.maximum(self.z, 0.0)
        concave = above @ np.minimum(h.weights, 0.0) - self.errors
        room = np.abs(self.rays) @ allowed * (1 - gamma(h.gradient.size))
        slopes = above.sum(axis=1, keepdims=True) * 2 > np.abs(self.z).sum(axis=1, keepdims=True)
        tangents = (self.scaled / np.where(lengths > 0, lengths, 1.0)).sum(axis=1)
        size = np.linalg.norm(tangents, axis=1)[:, None] * (1 + gamma(2 * h.gradient.size))
        tangents = tangents / np.where(size > 0, size, 1.0)
        least = concave + self.rays @ h.gradient + (slopes * self.z) @ np.maximum(h.weights, 0.0)
        least += np.einsum("bij,bj->bi", self.scaled, tangents)
        for other in others:
            by_other = concave + self.rays @ other - self.errors
            better = (by_other + room).min(axis=1) > (least + room).min(axis=1)
            least = np.where(better[:, None], by_other, least)
        clear = np.asarray((least + room >= 0).all(axis=1))
        short = clear[:, None] & (least < 0)
        return clear, least.min(axis=1), float((-least[short] / room[short]).max(initial=0.0))

    def halved(self, which: Mask) -> Array:
        """Those cones in halves, at the edge whose two rays differ most from their sum."""
        rays, z, lengths = self.rays[which], self.z[which], self.lengths[which]
        pairs = np.array(list(combinations(range(rays.shape[1]), 2)))
        gaps = np.empty((len(rays), len(pairs)))
        for at, (i, j) in enumerate(pairs):
            cut = np.where(z[:, i] * z[:, j] < 0, np.minimum(np.abs(z[:, i]), np.abs(z[:, j])), 0.0)
            both = np.linalg.norm(self.scaled[which][:, i] + self.scaled[which][:, j], axis=1)
            gaps[:, at] = cut @ np.abs(self.h.weights) + (lengths[:, i] + lengths[:, j] - both)
        widest = pairs[np.argmax(gaps, axis=1)]
        every = np.arange(len(rays))
        middle = (rays[every, widest[:, 0]] + rays[every, widest[:, 1]]) / 2
        halves = np.concatenate([rays, rays])
        halves[every, widest[:, 0]] = middle
        halves[len(rays) + every, widest[:, 1]] = middle
        return halves
