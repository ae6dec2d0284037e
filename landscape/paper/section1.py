"""Section 1: parametrizations, inverse stability, and what it implies for minima.

What the paper states for networks of any depth with biases is here: the set P_N of (1), the
realization (2), its forward Lipschitz continuity and the counterexample (3) to its inverse
stability. A parametrization is the sequence of its layers (A_l, b_l) of shapes (N_l, N_{l-1}) and
(N_l,).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from landscape.descent import descend
from landscape.minima import certify_minimum
from landscape.objective import loss
from landscape.paper.pairs import flippable, gaussian
from landscape.paper.registry import CheckFunction, Effort, Result, check, listed
from landscape.parametrization import Parametrization, lift, lift_inputs
from landscape.pathologies import Unbalanced
from landscape.probe import probe_realization
from landscape.realization import gradient_at
from landscape.seminorm import sobolev_seminorm
from landscape.spaces import RestrictedSpace
from landscape.stability.theorem import SHARP_CONSTANT, STATED_CONSTANT
from landscape.streams import stream

Array = NDArray[np.float64]
Layers = Sequence[tuple[Array, Array]]


def sample_layers(architecture: Sequence[int], rng: Generator, scale: float = 1.0) -> Layers:
    """Gaussian entries with variance ``scale² / N_{l-1}`` for (N_0, ..., N_L)."""
    sizes = [(after, before, scale / np.sqrt(before)) for before, after in pairwise(architecture)]
    return [(s * rng.standard_normal((n, p)), s * rng.standard_normal(n)) for n, p, s in sizes]


def deep_distance(gamma: Layers, theta: Layers) -> float:
    """Max-norm distance of all entries, footnote 1."""
    layers = zip(gamma, theta, strict=True)
    return max(float(max(np.abs(a - p).max(), np.abs(b - q).max())) for (a, b), (p, q) in layers)


def deep_realize(theta: Layers, X: ArrayLike) -> Array:
    """R(Θ) of (2) at the rows of X, (n, N_0) to (n, N_L)."""
    x = np.asarray(X, dtype=float)
    for a, b in theta[:-1]:
        x = np.maximum(x @ a.T + b, 0.0)
    return x @ theta[-1][0].T + theta[-1][1]


def linear_region(theta: Layers, x: ArrayLike) -> tuple[Array, float]:
    """Gradient, of shape (N_L, N_0), and radius of the open max-norm ball where R(Θ) is affine.

    The radius is exact for the activation pattern, as its neurons are affine there; neurons on a
    kink count as inactive, and the radius is 0.
    """
    point = np.asarray(x, dtype=float)[None, :]
    jacobian, radius = np.eye(point.size), np.inf
    for a, b in theta[:-1]:
        z, affine = point @ a.T + b, a @ jacobian
        slopes = np.abs(affine).sum(axis=1)
        moving = slopes > 0
        radius = float((np.abs(z[0, moving]) / slopes[moving]).min(initial=radius))
        point, jacobian = np.maximum(z, 0.0), affine * (z[0] > 0)[:, None]
    return theta[-1][0] @ jacobian, radius


def forward_bound(gamma: Layers, theta: Layers, bound: float = 1.0) -> float:
    """Bound of ``‖R(Θ) - R(Γ)‖_inf on [-B, B]^{N_0}``, layer by layer.

    With s the max-norm of Γ's activations and e the max-norm of the difference,
    ``e_l <= ‖A_l‖ e_{l-1} + ‖A_l - B_l‖ s_{l-1} + ‖b_l - c_l‖``, with max-norm operator norms, Θ =
    (A, b), Γ = (B, c); ReLU does not increase differences. On bounded sets of networks this is at
    most a constant times ‖Θ - Γ‖_inf.
    """
    size, error = float(bound), 0.0
    for (b, c), (a, q) in zip(gamma, theta, strict=True):
        step = np.abs(a - b).sum(axis=1).max() * size + np.abs(q - c).max()
        error = float(np.abs(a).sum(axis=1).max() * error + step)
        size = float((np.abs(b).sum(axis=1) * size + np.abs(c)).max())
    return error


def trivial_counterexample(
    architecture: Sequence[int], rng: Generator, size: float = 1.0
) -> tuple[Layers, Layers]:
    """(3): last layers (0, 0), all other layers arbitrary; both realizations are zero.

    The architecture (N_0, ..., N_L) has L >= 2; the distance of the two is at least ``size``.
    """
    gamma, theta = (list(sample_layers(architecture, rng)) for _ in range(2))
    gamma = [(size * (0.5 + np.abs(a)), size * (0.5 + np.abs(b))) for a, b in gamma]
    theta = [(-size * (0.5 + np.abs(a)), -size * (0.5 + np.abs(b))) for a, b in theta]
    gamma[-1] = theta[-1] = np.zeros_like(gamma[-1][0]), np.zeros_like(gamma[-1][1])
    return gamma, theta


ARCHITECTURES = ((2, 3, 1), (3, 4, 2), (2, 5, 4, 3), (4, 3, 3, 3, 1))


@check("eq-1-2", "(1), (2)", "P_N and the realization map W_L o rho o ... o rho o W_1, any depth")
def realization(effort: Effort, rng: Generator) -> Result:
    """Affine on its region: 4 architectures, {n_random} points each -> difference 0."""
    gaps = []
    for architecture in ARCHITECTURES:
        theta = sample_layers(architecture, rng, scale=1.5)
        for x in rng.standard_normal((effort.n_random, architecture[0])):
            gradient, radius = linear_region(theta, x)
            step = 0.999 * min(radius, 1.0) * rng.uniform(-1, 1, (1, x.size))
            affine = deep_realize(theta, x[None]) + step @ gradient.T
            gaps.append(np.abs(deep_realize(theta, x + step) - affine).max())
    return Result(f"largest difference {max(gaps):.1e}", max(gaps) < 1e-12)


@check("eq-2-lipschitz", "after (3)", "The realization map is Lipschitz on bounded sets")
def lipschitz(effort: Effort, rng: Generator) -> Result:
    """Layerwise bound on [-1, 1]^d against sampled differences -> ratio <= 1, attained."""

    def ratio(gamma: Layers, x: np.ndarray, size: float, noise: Callable = np.ones) -> float:
        theta = [(a + size * noise(a.shape), b + size * noise(b.shape)) for a, b in gamma]
        gap = np.abs(deep_realize(gamma, x) - deep_realize(theta, x)).max()
        return float(gap / forward_bound(gamma, theta))

    ratios = []
    for architecture in ARCHITECTURES * effort.n_random:
        gamma = sample_layers(architecture, rng)
        x, size = rng.uniform(-1, 1, (200, architecture[0])), 10.0 ** rng.uniform(-6, 0)
        ratios.append(ratio(gamma, x, size, rng.standard_normal))
    positive = [(np.ones((2, 2)), np.ones(2)), (np.ones((1, 2)), np.ones(1))]
    attained = ratio(positive, np.ones((1, 2)), 1.0)
    measured = f"largest sampled ratio {max(ratios):.3f}; positive networks {attained:.3f}"
    return Result(measured, max(ratios) <= 1 and attained == 1)


@check("eq-3", "(3)", "Last layer (0, 0): the realization is 0 whatever the other layers are")
def counterexample(effort: Effort, rng: Generator) -> Result:
    """Arbitrary hidden layers of size 1, 1e3, 1e6 -> realizations 0, distance unbounded."""
    values, distances = [], []
    for architecture, size in product(ARCHITECTURES, (1.0, 1e3, 1e6)):
        pair = trivial_counterexample(architecture, rng, size=size)
        x = rng.standard_normal((50, architecture[0]))
        values += [np.abs(deep_realize(network, x)).max() for network in pair]
        distances.append(deep_distance(*pair) / size)
    measured = f"largest value {max(values):g}, distance >= {min(distances):.2f} size"
    return Result(measured, max(values) == 0 and min(distances) >= 1)


@check("def-1.1", "Definition 1.1, (4)", "(s, alpha) inverse stability; it fails on all of N")
def definition(effort: Effort, rng: Generator) -> Result:
    """Example 2.2, r = 1/2: dist(Γ, fibre of g_k) / |g_k - R(Γ)|^(1/2) -> unbounded in k."""
    ratios = {}
    for k in sorted({1, max(effort.k_max // 10, 2), effort.k_max, 10**6}):
        found = Unbalanced().instance(k)
        ratios[k] = float(found.fibre_lower) / float(found.seminorm) ** 0.5
    values = list(ratios.values())
    measured = listed("k={}: {:.3g}", ratios)
    return Result(measured, values[-1] >= 500 and values == sorted(values))


@check("eq-5", "(5)", "W^{1,inf} norm: maximum of the uniform norm and the gradient's sup norm")
def sobolev(effort: Effort, rng: Generator) -> Result:
    """Exact seminorm, gradient at its witness x and at 1e-6 x -> equal: independent of U."""
    gaps = []
    for _ in range(effort.n_random):
        theta = gaussian(rng, int(rng.integers(2, 4)), int(rng.integers(1, 6)))
        found = sobolev_seminorm(theta)
        for scale in (1.0, 1e-6):
            slope = np.abs(gradient_at(theta, scale * np.asarray(found.witness))).max()
            gaps.append(abs(slope - found.value) / found.value)
    return Result(f"largest relative difference {max(gaps):.1e}", max(gaps) < 1e-13)


@check("eq-6-8", "(6), (7), (8)", "The loss depends on the realization only")
def loss_of_realization(effort: Effort, rng: Generator) -> Result:
    """Loss of rescaled, permuted and flipped (Lemma A.3) parametrizations -> equal."""
    gaps = []
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
        gaps += [abs(loss(other, x, y) - reference) / reference for other in others]
    return Result(f"largest relative difference {max(gaps):.1e}", max(gaps) < 1e-12)


@lru_cache(maxsize=1)
def _minima(effort: Effort) -> tuple[list[tuple[Parametrization, float]], dict[str, Any]]:
    """Certified minima on N* for lifted data with their radii, and their problem."""
    rng = stream(effort.seed, "paper", "minima")
    x = np.sort(rng.uniform(-1, 1, 24))
    space = RestrictedSpace(3, 3, margin=0.05, bound=50.0)
    problem: dict[str, Any] = {
        "X": lift_inputs(x[:, None]),
        "y": x**2 + 0.1 * rng.standard_normal(24),
        "space": space,
    }
    starts = [space.sample(rng) for _ in range(min(effort.n_random, 20))]
    ends = [descend(start, **problem).parametrization for start in starts]
    found = [(end, certify_minimum(end, **problem)) for end in ends]
    certified = [(end, c.radius) for end, c in found if c.verdict == "holds" and not c.violations]
    return certified, problem


def _probed(s: float, note: str) -> CheckFunction:
    def run(effort: Effort, rng: Generator) -> Result:
        found, problem = _minima(effort)
        radii = [(r / s) ** 2 for _, r in found]
        records = [probe_realization(end, radius=(r / s) ** 2, **problem) for end, r in found]
        held = sum(record.verdict == "holds" for record in records)
        measured = f"{held} of {len(found)} hold; radius from {min(radii):.2g} to {max(radii):.2g}"
        return Result(measured, 0 < held == len(found), note=note)

    return run


PROBED = "Minima certified on lifted data, exact probe of the ball {} -> nothing in it is better"
check(
    "prop-1.2",
    "Proposition 1.2, (9), (10), (76), (77)",
    "A parameter minimum of radius r is a realization minimum of radius (r/s)^(1/alpha)",
    PROBED.format("r²/8"),
)(_probed(SHARP_CONSTANT, "with the sharp constant 2√2; forced below min ‖u_i‖ / 2 (Theorem 13)"))
check(
    "cor-1.3-1",
    "Corollary 1.3, item 1",
    "On Ω local minima of radius r are realization minima of radius r²/16",
    PROBED.format("r²/16"),
)(_probed(STATED_CONSTANT, "the same minima; true with r²/8 as well"))


@check(
    "cor-1.3-2",
    "Corollary 1.3, item 2, (11)-(14), (78)",
    "Every network with biases has a parametrization in Ω with the same loss on lifted data",
)
def corollary_item_2(effort: Effort, rng: Generator) -> Result:
    """{n_random} random networks with biases, lifted by Lemma A.4 (mended) -> in N*, equal loss."""
    gaps, inside = [], 0
    for _ in range(effort.n_random):
        p, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        x, y = rng.standard_normal((30, p)), rng.standard_normal(30)
        a, b, c = rng.standard_normal((m, p)), rng.standard_normal(m), rng.standard_normal(m)
        c[rng.random(m) < 0.2] = 0.0
        e = float(rng.standard_normal()) * float(rng.random() < 0.7)
        printed = float(np.mean((np.maximum(x @ a.T + b, 0) @ c + e - y) ** 2))
        lifted = lift(a, b, c, e)
        inside += RestrictedSpace(p + 2, m + 1).contains(lifted)
        gaps.append(abs(loss(lifted, lift_inputs(x), y) - printed) / printed)
    measured = f"{inside} of {len(gaps)} in N*; largest relative difference {max(gaps):.1e}"
    return Result(measured, inside == len(gaps) and max(gaps) < 1e-9)
