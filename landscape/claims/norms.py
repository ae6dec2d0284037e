"""Parameters, norms of functions, and convexity.

How small can the parameters of a function be made, measured by its Lipschitz norm, by which powers
of it, and not by which other norm? And what does convexity of the loss on realizations say of local
minima there, if the network has neurons to spare?
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from landscape.claims.registry import Claim, Effort, Found, Source, claim, interval, judged
from landscape.descent import descend
from landscape.parametrization import Parametrization
from landscape.realization import realize
from landscape.rounding import Array
from landscape.seminorm import sobolev_seminorm
from landscape.spaces import RestrictedSpace
from landscape.verdict import Judgement

JENTZEN = Source("Jentzen, Kroeger 2022", "arXiv:2206.13646", "abstract")
BERNER = Source(
    "Berner, Elbraechter, Grohs 2019, version of NeurIPS", "arXiv:1905.09803", "abstract"
)


def rows(effort: Effort) -> Found:
    """All claims of the family."""
    return Found([*_powers(effort), _hoelder(effort), _spare(effort)])


def small_parameters(a: Array, b: Array, c: Array, e: float) -> tuple[Array, Array, Array, float]:
    """Another network with one input and the same values on [-1, 1], with small parameters.

    One balanced neuron for each kink inside, one that is active everywhere, and the offset.
    """
    inside = np.abs(b) < np.abs(a)
    jumps: dict[float, float] = {}
    for kink, jump in zip((-b / a)[inside], (c * np.abs(a))[inside], strict=True):
        jumps[kink] = jumps.get(kink, 0.0) + jump
    z = b - a
    left = float(np.maximum(z, 0) @ c + e)  # value at -1, and slope right of it
    slope = float((c * a)[(z > 0) | ((z == 0) & (a > 0))].sum())
    kinks = np.array([-1.0, *jumps])
    sizes = np.array([slope, *jumps.values()])
    root = np.sqrt(np.abs(sizes))
    return root, -root * kinks, np.sign(sizes) * root, left


def values_at(x: Array, a: Array, b: Array, c: Array, e: float) -> Array:
    """The network's values."""
    return np.maximum(np.outer(x, a) + b, 0) @ c + e


def _powers(effort: Effort) -> Iterator[Claim]:
    count, ratios, gaps = effort.of(500, 20), [], []
    for k in range(count):
        rng = effort.rng("norms", "powers", k)
        m, scale = int(rng.integers(1, 8)), 10 ** rng.uniform(-3, 3)
        a, b, c = rng.standard_normal((3, m)) * [[1.0], [1.0], [scale]]
        e = float(scale * rng.standard_normal())
        own = small_parameters(a, b, c, e)
        kinks = -b / a
        x = np.unique(np.clip([-1.0, 1.0, *kinks, *(kinks - 1e-3), *(kinks + 1e-3)], -1, 1))
        values = values_at(x, a, b, c, e)
        gaps.append(np.abs(values_at(x, *own) - values).max() / np.abs(values).max())
        # Between kinks the function is affine: values at all kinks give both norms.
        ends = np.unique(np.clip([-1.0, 1.0, *kinks], -1, 1))
        heights = values_at(ends, a, b, c, e)
        norm = np.abs(heights).max() + np.abs(np.diff(heights) / np.diff(ends)).max()
        largest = max(np.abs(np.concatenate(own[:3])).max(), abs(own[3]))
        ratios.append(float(largest / (np.sqrt(norm) + norm)))
    worst = max(ratios)
    yield claim(
        effort, JENTZEN, "norms", "parameters-by-lipschitz-norm",
        statement="Every shallow ReLU network can be reparametrized, with the same function, so "
        "that its parameters are at most a "
        "constant times L^(1/2) + L, L the Lipschitz norm of the function.",
        data=f"{count} random networks with one input on [-1, 1], up to 7 neurons, of sizes 10^-3 "
        f"to 10^3; {effort.seeded}.",
        computation="A reparametrization: a balanced neuron for each kink, one for the slope, the "
        "offset. Its largest parameter "
        "divided by L^(1/2) + L, L = sup |f| + sup |f'|.",
        predicted="at most √2 = 1.4142: a kink's jump is at most 2 L, and its neuron the root of "
        "that",
        measured=f"largest ratio {worst:.4f}; functions differ by {max(gaps):.1e} of their size",
        uncertainty="double precision; the bound is the argument in the prediction, for one input "
        "and the max-norm",
        verdict=judged(worst <= np.sqrt(2) and max(gaps) < 1e-9),
        note="The neuron for the slope may be one more than the network had.",
    )  # fmt: skip
    small, large = [10.0**-k for k in (2, 4, 6)], [10.0**k for k in (2, 4, 6)]
    ridge = [np.sqrt(size) / (2 * size) for size in small]
    offset = [size / np.sqrt(size + 2) for size in large]
    yield claim(
        effort, JENTZEN, "norms", "both-powers-are-needed",
        statement="Neither power of the Lipschitz norm alone is enough.",
        data="One neuron with one input on [-1, 1]: δ ρ(x) for δ = 10^-2, 10^-4, 10^-6, and K + "
        "ρ(x) for K = 10^2, 10^4, 10^6; exact.",
        computation="Least largest parameter: |c| |a| = δ forces δ^(1/2), and one neuron with a "
        "kink inside leaves K to the offset. "
        "Divided by L = 2 δ, and by L^(1/2) with L = K + 2.",
        predicted="both ratios are unbounded",
        measured=f"against L: {', '.join(f'{r:.3g}' for r in ridge)}; against L^(1/2): "
        f"{', '.join(f'{r:.3g}' for r in offset)}",
        uncertainty="exact up to rounding",
        verdict=judged(min(np.diff(ridge)) > 0 and min(np.diff(offset)) > 0),
        note="The power 1 is needed because the number of neurons is given: a spare neuron would "
        "carry K with the root of K.",
    )  # fmt: skip


def _hoelder(effort: Effort) -> Claim:
    texts, sizes = [], []
    for k in (1, 3, 5):
        width, height = 4.0**-k, 2.0**-k  # a hat of this height and half width
        x = np.array([-width, 0.0, width])
        y = np.array([0.0, height, 0.0])
        pairs = [(i, j) for i in range(3) for j in range(i)]
        hoelder = max(abs(y[i] - y[j]) / abs(x[i] - x[j]) ** 0.5 for i, j in pairs)
        sizes.append(np.sqrt(2 * height / width))
        texts.append(
            f"half width 4^-{k}: Hölder constant {hoelder:g}, parameters at least {sizes[-1]:.3g}"
        )
    return claim(
        effort, JENTZEN, "norms", "hoelder-norms-do-not-bound",
        statement="No such bound holds with a Hölder norm instead.",
        data="Hats of height 2^-k and half width 4^-k, three neurons; exact.",
        computation="Hölder constant for the exponent 1/2, attained between corner and tip; the "
        "root of the jump at the tip, which "
        "bounds the neuron there from below, since |c| |a| is the jump.",
        predicted="bounded Hölder constants, unbounded parameters",
        measured="; ".join(texts),
        uncertainty="exact, powers of two",
        verdict=judged(min(np.diff(sizes)) > 0),
    )  # fmt: skip


def _spare(effort: Effort) -> Claim:
    count, lower, cases = effort.of(40, 3), 0, 0
    for k in range(count):
        rng = effort.rng("norms", "spare", k)
        x, y = rng.standard_normal((12, 1)), rng.standard_normal(12)
        space = RestrictedSpace(3, 2)
        X, decay = space.embed(x), 0.01
        ends = [descend(space.sample(rng), X, y, space=space) for _ in range(6)]
        good = [end for end in ends if end.certificate is not None and end.certificate.is_minimum]

        def value(
            theta: Parametrization, X: Array = X, y: Array = y, decay: float = decay
        ) -> float:
            seminorm = sobolev_seminorm(theta).value
            return float(np.mean((realize(theta, X) - y) ** 2)) + decay * seminorm

        found = sorted(((value(end.parametrization), i) for i, end in enumerate(good)))
        if len(found) < 2 or found[-1][0] - found[0][0] < 1e-3:
            continue
        cases += 1
        best, bad = (good[i].parametrization for i in (found[0][1], found[-1][1]))
        falls = []
        for t in (0.1, 1e-3, 1e-5):
            between = Parametrization(
                np.vstack([bad.weights, best.weights]),
                np.concatenate([(1 - t) * bad.output_weights, t * best.output_weights]),
            )
            falls.append(found[-1][0] - value(between) >= 0.99 * t * (found[-1][0] - found[0][0]))
        lower += all(falls)
    return claim(
        effort, BERNER, "norms", "regularized-minima-with-spare-neurons",
        statement="For large enough networks local minima of a regularized problem on realizations "
        "are almost optimal.",
        data=f"{count} random data sets of 12 samples with one input; per set the worst and the "
        "best of certified minima of N* with "
        f"two neurons; {effort.seeded}.",
        computation="F = mean squared error + 0.01 times the W^{1,∞} seminorm, along (1 - t) g + t "
        "h for the worse g and the better "
        "h, t = 0.1, 10^-3, 10^-5, networks of four neurons.",
        predicted="F falls by at least t (F(g) - F(h)), since it is convex on functions (Theorem "
        "35): next to g there are better "
        "networks of twice the width",
        measured=f"in {lower} of {cases} cases",
        uncertainty=interval(lower, max(cases, 1)),
        verdict=judged(0 < cases == lower, Judgement.UNDECIDED),
        note="What can be shown without the source's text: a local minimum on realizations of m + "
        "k neurons that needs only m of them "
        "is no worse than any network with k neurons, for every convex penalty of the function.",
    )  # fmt: skip
