"""Section 1: parametrizations, inverse stability, and what it implies for minima."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.objective import loss
from landscape.paper.deep import (
    DeepParametrization,
    deep_realize,
    forward_bound,
    linear_region,
    trivial_counterexample,
)
from landscape.paper.pairs import flippable, gaussian, parabola
from landscape.paper.registry import Effort, Outcome, check
from landscape.parametrization import Parametrization, lift, lift_inputs
from landscape.pathologies import Unbalanced
from landscape.probe import probe_realization
from landscape.realization import gradient_at
from landscape.seminorm import sobolev_seminorm
from landscape.spaces import RestrictedSpace
from landscape.stability.theorem import SHARP_CONSTANT, STATED_CONSTANT

ARCHITECTURES = ((2, 3, 1), (3, 4, 2), (2, 5, 4, 3), (4, 3, 3, 3, 1))


@check("eq-1-2", "(1), (2)", "P_N and the realization map W_L o rho o ... o rho o W_1, any depth")
def realization(effort: Effort) -> Outcome:
    """On the region of a point the network is the affine map with the gradient of the pattern."""
    rng = np.random.default_rng([effort.seed, 1])
    worst, n = 0.0, 0
    for architecture in ARCHITECTURES:
        theta = DeepParametrization.sample(architecture, rng, scale=1.5)
        for x in rng.standard_normal((effort.n_random, architecture[0])):
            region = linear_region(theta, x)
            step = 0.999 * min(region.radius, 1.0) * rng.uniform(-1, 1, (1, x.size))
            affine = deep_realize(theta, x[None]) + step @ region.gradient.T
            worst = max(worst, float(np.abs(deep_realize(theta, x + step) - affine).max()))
            n += 1
    return Outcome(
        f"affine on its region, with radius: {n} points, {len(ARCHITECTURES)} architectures",
        "difference 0",
        f"largest difference {worst:.1e}",
        worst < 1e-12,
    )


@check("eq-2-lipschitz", "after (3)", "The realization map is Lipschitz on bounded sets")
def lipschitz(effort: Effort) -> Outcome:
    """Forward: nearby parametrizations have nearby realizations."""
    rng = np.random.default_rng([effort.seed, 2])
    largest = 0.0
    for architecture in ARCHITECTURES:
        for _ in range(effort.n_random):
            gamma = DeepParametrization.sample(architecture, rng)
            size = 10.0 ** rng.uniform(-6, 0)
            theta = DeepParametrization(
                [
                    (
                        a + size * rng.standard_normal(a.shape),
                        b + size * rng.standard_normal(b.shape),
                    )
                    for a, b in gamma.layers
                ]
            )
            bound = forward_bound(gamma, theta)
            x = rng.uniform(-1, 1, (200, architecture[0]))
            gap = np.abs(deep_realize(gamma, x) - deep_realize(theta, x)).max()
            largest = max(largest, float(gap / bound.value))
    positive = DeepParametrization([(np.ones((2, 2)), np.ones(2)), (np.ones((1, 2)), np.ones(1))])
    further = DeepParametrization([(a + 1, b + 1) for a, b in positive.layers])
    corner = np.ones((1, 2))
    gap = float(np.abs(deep_realize(positive, corner) - deep_realize(further, corner)).max())
    attained = gap / forward_bound(positive, further).value
    return Outcome(
        "layerwise bound on [-1, 1]^d against sampled differences; positive networks attain it",
        "ratio <= 1, attained",
        f"largest sampled ratio {largest:.3f}; positive networks {attained:.3f}",
        largest <= 1 and attained == 1,
    )


@check("eq-3", "(3)", "Last layer (0, 0): the realization is 0 whatever the other layers are")
def counterexample(effort: Effort) -> Outcome:
    """Realizations agree while parametrizations are as far apart as one likes."""
    rng = np.random.default_rng([effort.seed, 3])
    distances, largest = [], 0.0
    for architecture in ARCHITECTURES:
        for size in (1.0, 1e3, 1e6):
            gamma, theta = trivial_counterexample(architecture, rng, size=size)
            x = rng.standard_normal((50, architecture[0]))
            values = np.abs(deep_realize(gamma, x)) + np.abs(deep_realize(theta, x))
            largest = max(largest, float(values.max()))
            distances.append(gamma.max_distance(theta) / size)
    return Outcome(
        "two networks with arbitrary hidden layers of size 1, 1e3, 1e6",
        "realizations 0, distance unbounded",
        f"largest value {largest:g}, distance >= {min(distances):.2f} size",
        largest == 0 and min(distances) >= 1,
    )


@check("def-1.1", "Definition 1.1, (4)", "(s, alpha) inverse stability; it fails on all of N")
def definition(effort: Effort) -> Outcome:
    """On N no (s, 1/2) suffices: Example 2.2 exceeds any s."""
    ks = sorted({1, max(effort.k_max // 10, 2), effort.k_max, 10**6})
    values = []
    for k in ks:
        found = Unbalanced().instance(k)
        values.append(float(found.fibre_lower) / float(found.seminorm) ** 0.5)
    return Outcome(
        "dist(Γ, fibre of g_k) / |g_k - R(Γ)|^(1/2) for Example 2.2, r = 1/2",
        "unbounded in k",
        ", ".join(f"k={k}: {v:.3g}" for k, v in zip(ks, values, strict=True)),
        values[-1] >= 500 and values == sorted(values),
    )


@check("eq-5", "(5)", "W^{1,inf} norm: maximum of the uniform norm and the gradient's sup norm")
def sobolev(effort: Effort) -> Outcome:
    """The seminorm is attained by difference quotients near the origin: any U that contains 0."""
    rng = np.random.default_rng([effort.seed, 5])
    worst = 0.0
    for _ in range(effort.n_random):
        theta = gaussian(rng, int(rng.integers(2, 4)), int(rng.integers(1, 6)))
        found = sobolev_seminorm(theta)
        for scale in (1.0, 1e-6):
            slope = np.abs(gradient_at(theta, scale * np.asarray(found.witness))).max()
            worst = max(worst, abs(slope - found.value) / found.value)
    return Outcome(
        "exact seminorm against the gradient at its witness x and at 1e-6 x",
        "equal: independent of the domain U",
        f"largest relative difference {worst:.1e}",
        worst < 1e-13,
    )


@check("eq-6-8", "(6), (7), (8)", "The loss depends on the realization only")
def loss_of_realization(effort: Effort) -> Outcome:
    """Rescaled, permuted and flipped parametrizations have the same loss."""
    rng = np.random.default_rng([effort.seed, 6])
    worst = 0.0
    for _ in range(effort.n_random):
        theta = flippable(rng, 3, 4)
        x, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
        t = np.exp(rng.standard_normal(4))
        others = (
            Parametrization(theta.weights * t[:, None], theta.output_weights / t),
            theta.permute(rng.permutation(4)),
            Parametrization(-theta.weights, theta.output_weights),
        )
        reference = loss(theta, x, y)
        worst = max(worst, *(abs(loss(o, x, y) - reference) / reference for o in others))
    return Outcome(
        "loss of rescaled, permuted and flipped (Lemma A.3) parametrizations",
        "equal",
        f"largest relative difference {worst:.1e}",
        worst < 1e-12,
    )


@lru_cache(maxsize=1)
def _minima(effort: Effort) -> list[tuple[float, dict[float, str]]]:
    """Certified minima on N* for lifted data: radius r, and the probe's verdict for each s."""
    rng = np.random.default_rng([effort.seed, 7])
    x, y = parabola(rng)
    inputs = lift_inputs(x)
    space = RestrictedSpace(3, 3, margin=0.05, bound=50.0)
    found = []
    for _ in range(min(effort.n_random, 20)):
        end = descend(space.sample(rng), inputs, y, space=space).parametrization
        certificate = certify_minimum(end, inputs, y, space=space)
        if certificate.verdict != "holds" or certificate.violations:
            continue
        r = certificate.radius
        verdicts = {
            s: str(probe_realization(end, inputs, y, radius=(r / s) ** 2, space=space).verdict)
            for s in (STATED_CONSTANT, SHARP_CONSTANT)
        }
        found.append((r, verdicts))
    return found


def _probed(effort: Effort, s: float, ball: str, note: str) -> Outcome:
    found = _minima(effort)
    held = sum(verdicts[s] == "holds" for _, verdicts in found)
    radii = [(r / s) ** 2 for r, _ in found]
    return Outcome(
        f"{len(found)} minima certified by the exact test on lifted data, d = m = 3; exact probe "
        f"of the ball of radius {ball}",
        "no realization in the ball is better",
        f"{held} of {len(found)} hold; {ball} from {min(radii):.2g} to {max(radii):.2g}",
        len(found) > 0 and held == len(found),
        note=note,
    )


@check(
    "prop-1.2",
    "Proposition 1.2, (9), (10), (76), (77)",
    "A parameter minimum of radius r is a realization minimum of radius (r/s)^(1/alpha)",
)
def proposition(effort: Effort) -> Outcome:
    """Certified minima on N*, probed exactly in realization space, with the sharp constant."""
    note = "with the sharp constant 2√2; forced on every ball below min ‖u_i‖ / 2 (Theorem 13)"
    return _probed(effort, SHARP_CONSTANT, "r²/8", note)


@check(
    "cor-1.3-1",
    "Corollary 1.3, item 1",
    "On Ω local minima of radius r are realization minima of radius r²/16",
)
def corollary_item_1(effort: Effort) -> Outcome:
    """As for Proposition 1.2, with the printed radius."""
    return _probed(effort, STATED_CONSTANT, "r²/16", "the same minima; true with r²/8 as well")


@check(
    "cor-1.3-2",
    "Corollary 1.3, item 2, (11)-(14), (78)",
    "Every network with biases has a parametrization in Ω with the same loss on lifted data",
)
def corollary_item_2(effort: Effort) -> Outcome:
    """The minimum over Ω is at most that over P_N, since each value over P_N is attained in Ω."""
    rng = np.random.default_rng([effort.seed, 8])
    worst, outside, n = 0.0, 0, 0
    for _ in range(effort.n_random):
        p, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        x, y = rng.standard_normal((30, p)), rng.standard_normal(30)
        a, b, c = rng.standard_normal((m, p)), rng.standard_normal(m), rng.standard_normal(m)
        c[rng.random(m) < 0.2] = 0.0
        e = float(rng.standard_normal()) * float(rng.random() < 0.7)
        predictions = np.maximum(x @ a.T + b, 0) @ c + e
        printed = float(np.mean((predictions - y) ** 2))
        lifted = lift(a, b, c, e)
        outside += not RestrictedSpace(p + 2, m + 1).contains(lifted)
        worst = max(worst, abs(loss(lifted, lift_inputs(x), y) - printed) / printed)
        n += 1
    return Outcome(
        f"{n} random networks with biases on random data, lifted by Lemma A.4 (mended)",
        "in N*, equal loss",
        f"{n - outside} of {n} in N*; largest relative difference of the losses {worst:.1e}",
        outside == 0 and worst < 1e-9,
    )
