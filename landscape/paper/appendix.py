"""Appendix: Example A.1's losses, Lemmas A.3, A.4 and A.5."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from landscape.minima import certify_minimum
from landscape.objective import loss
from landscape.paper.lemma_a5 import (
    angle_bound,
    known_violation,
    sharp_in_the_plane,
    signed_counterexample,
)
from landscape.paper.pairs import flippable
from landscape.paper.registry import Effort, Outcome, check
from landscape.parametrization import Parametrization, lift, lift_inputs, max_norms
from landscape.pathologies import LocalMinimum
from landscape.rational import RationalFunction
from landscape.realization import realize
from landscape.spaces import RestrictedSpace, UnrestrictedSpace

Array = NDArray[np.float64]

#: Samples for Example A.1: x^1 in D_1, x^2 in D_2 with x^2_1 - x^2_2 = 1 (on D_2's border
#: the radius would be 1/2 exactly, inside it is larger).
SAMPLES = np.array([[-0.25, 0.5], [0.625, -0.375]])
TARGETS = np.array([0.0, 1.0])


@check("eq-95-97", "Example A.1, (95)-(97)", "Γ_* is a local minimum for changes below 1/2")
def parameter_minimum(effort: Effort) -> Outcome:
    """Decided exactly: the neuron is inactive on x^2 for all changes below x_1 / (x_1 + |x_2|)."""
    rng = np.random.default_rng([effort.seed, 95])
    radii = []
    for _ in range(effort.n_random):
        x1, x2 = sorted(np.abs(rng.uniform(-1, 1, 2)))[::-1]
        radii.append(x1 / (x1 + x2))
    gamma = LocalMinimum().gamma(1)
    certificate = certify_minimum(gamma, SAMPLES, TARGETS, space=UnrestrictedSpace(2, 1))
    better = 0
    for delta in rng.uniform(-0.5, 0.5, (2000, 3)):
        other = Parametrization(gamma.weights + delta[:2], gamma.output_weights + delta[2:])
        better += loss(other, SAMPLES, TARGETS) < loss(gamma, SAMPLES, TARGETS)
    return Outcome(
        "radius x_1 / (x_1 + |x_2|) over x^2 in D_2; exact test at x^1 = (-1/4, 1/2), "
        "x^2 = (5/8, -3/8); 2000 changes",
        "radius >= 1/2",
        f"smallest radius {min(radii):.4f}; certified: {certificate.verdict.value}; "
        f"{better} changes are better",
        min(radii) > 0.5 and certificate.verdict == "holds" and better == 0,
    )


@check("eq-96", "(96)", "L(g) = 1/2 g(x^1)² + (g(x^2) - 1)²; L(R(Γ_*)) = 1/2")
def equation_96(effort: Effort) -> Outcome:
    """The factor belongs to both terms, as in (6)."""
    values = realize(LocalMinimum().gamma(1), SAMPLES)
    printed = 0.5 * values[0] ** 2 + (values[1] - 1) ** 2
    mended = 0.5 * (values[0] ** 2 + (values[1] - 1) ** 2)
    return Outcome(
        "L(R(Γ_*)) by the printed formula and with 1/2 of both terms",
        "1/2",
        f"printed {printed}, both terms {mended}",
        printed == 0.5,
        bool(mended == 0.5 == loss(LocalMinimum().gamma(1), SAMPLES, TARGETS)),
        "L(g) = 1/2 (g(x^1)² + (g(x^2) - 1)²)",
    )


@check("eq-97", "(97)", "Γ_* = (0, (-1, 0)) in N_(2,1,1)")
def equation_97(effort: Effort) -> Outcome:
    """Everywhere else, (15) and (98) for example, a parametrization is (A, c)."""
    fits = []
    for weights, outputs in (([[0.0]], [-1.0, 0.0]), ([[-1.0, 0.0]], [0.0])):
        try:
            fits.append(Parametrization(weights, outputs).weights.shape == (1, 2))
        except ValueError:
            fits.append(False)
    return Outcome(
        "(A, c) as printed, and in the other order: a 1 × 2 matrix and one output weight?",
        "in N_(2,1,1)",
        f"printed {fits[0]}, other order {fits[1]}",
        fits[0],
        fits[1],
        "((-1, 0), 0)",
    )


@check("eq-99", "(99)", "‖g_k - R(Γ_*)‖_{W^{1,inf}((-1,1)²)} <= 1/k")
def equation_99(effort: Effort) -> Outcome:
    """The sup norm of g_k on the square is 2/k."""
    full = [
        max(found.seminorm, found.uniform) * k
        for k in range(1, effort.k_max + 1, max(effort.k_max // 50, 1))
        for found in [LocalMinimum().instance(k)]
    ]
    return Outcome(
        f"k times the full norm, exact, k up to {effort.k_max}",
        "<= 1",
        f"{float(min(full))} to {float(max(full))}",
        max(full) <= 1,
        max(full) == 2 == min(full),
        "2/k: the seminorm is 1/k, the sup norm 2/k; the conclusion stays",
    )


@check("eq-100", "(98), (100)", "L(g_k) = 1/2 (1 - 1/k)² <= L(R(Γ_*))")
def equation_100(effort: Effort) -> Outcome:
    """Needs x^2_1 - x^2_2 = 1; any x^2 in D_2 gives 1/2 (1 - t/k)²."""
    other = np.array([[-0.25, 0.5], [0.5, 0.0]])  # t = 1/2
    gaps = {"t=1": 0.0, "t=1/2": 0.0}
    smaller = True
    for k in range(1, effort.k_max + 1):
        phi = LocalMinimum().phi(k)
        expected = 0.5 * (1 - 1 / k) ** 2
        for name, x in (("t=1", SAMPLES), ("t=1/2", other)):
            value = loss(phi, x, TARGETS)
            gaps[name] = max(gaps[name], abs(value - expected))
            smaller &= value < 0.5
    return Outcome(
        f"largest deviation of L(g_k) from the formula, k = 1..{effort.k_max}, t = x^2_1 - x^2_2",
        "0 for every x^2 in D_2",
        ", ".join(f"{k}: {v:.2g}" for k, v in gaps.items()) + f"; below 1/2 always: {smaller}",
        max(gaps.values()) < 1e-12,
        gaps["t=1"] < 1e-12 and smaller,
        "holds for x^2_1 - x^2_2 = 1; otherwise 1/2 (1 - t/k)², which is smaller than 1/2 as well",
    )


@check(
    "lem-a3", "Lemma A.3, (104), (105)", "sum a_i = 0 implies sum rho(<a_i,x>) = sum rho(<-a_i,x>)"
)
def lemma_a3(effort: Effort) -> Outcome:
    """Integer vectors, canonical forms in rationals; and a sum that is not zero."""
    rng = np.random.default_rng([effort.seed, 103])
    different = wrong = 0
    for _ in range(effort.n_random):
        d, m = int(rng.integers(1, 5)), int(rng.integers(2, 6))
        theta = flippable(rng, d, m)
        flipped = Parametrization(-theta.weights, theta.output_weights)
        left, right = (RationalFunction.from_parametrization(net) for net in (theta, flipped))
        different += not left.same_as(right)
        rows = theta.weights.copy()
        rows[0, 0] += 1.0
        left = RationalFunction.from_weights(rows.tolist(), [1.0] * m)
        right = RationalFunction.from_weights((-rows).tolist(), [1.0] * m)
        form = (left - right).canonical
        wrong += bool(form.jumps) or max(form.linear) != 1
    return Outcome(
        f"{effort.n_random} integer families with sum 0, exact; and with sum e_1",
        "equal; differ by <e_1, x>",
        f"{different} differ; {wrong} exceptions for sum e_1",
        different == wrong == 0,
        note="an equivalence: the difference is the linear function <sum a_i, x>",
    )


def printed_lift(weights: Array, biases: Array, outputs: Array, offset: float) -> Parametrization:
    """Lemma A.4's construction (108)-(110), as printed."""
    d = weights.shape[1]
    plus = np.where(biases >= 0, biases + 1, 1.0)
    minus = np.where(biases >= 0, 1.0, -biases + 1)
    rows = np.column_stack([weights, plus, minus])
    silent = np.concatenate([np.zeros(d), [1.0, 1.0]])
    rows[outputs == 0] = silent
    last = np.concatenate([np.zeros(d), [2.0, 1.0]]) if offset != 0 else silent
    rows = np.vstack([rows, last])
    c = np.append(np.where(outputs == 0, 1.0, outputs), offset if offset != 0 else 1.0)
    factor = np.sqrt(np.abs(c) / max_norms(rows))
    return Parametrization(rows * factor[:, None], c / factor)


#: Networks with biases (A, b, c, e) on which the printed construction leaves N*.
COLLISIONS: dict[str, tuple[Array, Array, Array, float]] = {
    "two c_i = 0": (np.array([[1.0], [2.0]]), np.array([1.0, -1.0]), np.zeros(2), 1.0),
    "c_i = 0 and e = 0": (
        np.array([[1.0], [2.0]]),
        np.array([1.0, -1.0]),
        np.array([0.0, 1.0]),
        0.0,
    ),
    "(a_i, b_i) = (0, 1)": (np.array([[0.0], [2.0]]), np.array([1.0, -1.0]), np.ones(2), 3.0),
    "equal neurons": (np.array([[1.0], [1.0]]), np.array([0.5, 0.5]), np.array([1.0, 2.0]), 1.0),
    "(a_i, b_i) = 0 and e = 0": (np.array([[0.0], [2.0]]), np.array([0.0, 1.0]), np.ones(2), 0.0),
}


@check(
    "lem-a4",
    "Lemma A.4, (37), (106)-(110)",
    "Every network of P_(d,m,1) is R(Γ)(x, 1, -1) for a Γ in N*_(d+2,m+1,1), by construction",
)
def lemma_a4(effort: Effort) -> Outcome:
    """The printed construction leaves N* on each collision; the mended one does not."""
    rng = np.random.default_rng([effort.seed, 104])
    outside: dict[str, list[str]] = {"printed": [], "mended": []}
    worst = {"printed": 0.0, "mended": 0.0}
    cases = dict(COLLISIONS)
    for n in range(effort.n_random):
        p, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        a, b, c = rng.standard_normal((m, p)), rng.standard_normal(m), rng.standard_normal(m)
        cases[f"random {n}"] = a, b, c, float(rng.standard_normal())
    for name, (a, b, c, e) in cases.items():
        x = rng.standard_normal((40, a.shape[1]))
        wanted = np.maximum(x @ a.T + b, 0) @ c + e
        space = RestrictedSpace(a.shape[1] + 2, len(a) + 1)
        for way, construct in (("printed", printed_lift), ("mended", lift)):
            gamma = construct(a, b, c, e)
            if not space.contains(gamma):
                outside[way].append(name)
            gap = np.abs(realize(gamma, lift_inputs(x)) - wanted).max()
            worst[way] = max(worst[way], float(gap))
    return Outcome(
        f"{len(COLLISIONS)} collisions and {effort.n_random} random networks: in N*? values equal?",
        "in N*, equal values",
        f"printed leaves N* for: {', '.join(outside['printed']) or 'none'}; mended for "
        f"{len(outside['mended'])}; largest difference of values {max(worst.values()):.1e}",
        not outside["printed"],
        not outside["mended"] and max(worst.values()) < 1e-11,
        "merge first, use pairwise different silent directions (0, ..., 0, 1, 2 + j); the "
        "statement holds",
    )


@check("lem-a5", "Lemma A.5, (111), (112)", "|R| <= 2 / (B (1-λ²)^(1/2)) ‖R‖_inf, signed cosines λ")
def lemma_a5(effort: Effort) -> Outcome:
    """Example 2.1 with one neuron turned around violates it more and more."""
    factors = {k: angle_bound(signed_counterexample(k), absolute=False) for k in (2, 10, 100)}
    growing = [factors[k].factor for k in (2, 10, 100)]
    return Outcome(
        "|R| over the right side for d = 2, m = 6, exact norms",
        "<= 1",
        ", ".join(
            f"k={k}: {f.factor:.4g} (k³/(2√2) = {k**3 / 8**0.5:.4g})" for k, f in factors.items()
        ),
        all(f.holds for f in factors.values()),
        None if growing == sorted(growing) else False,
        "violated by a factor of about k³ / (2√2); see lem-a5-d2 for absolute cosines",
    )


@check("lem-a5-d2", "Lemma A.5, d = 2, |cosines|", "Beyond the paper: then (112) holds for d = 2")
def lemma_a5_plane(effort: Effort) -> Outcome:
    """Random integer networks, thin ones among them, and a family that attains the constant."""
    rng = np.random.default_rng([effort.seed, 105])
    largest, violated, n = 0.0, 0, 0
    for trial in range(20 * effort.n_random):
        m = int(rng.integers(2, 7))
        rows = rng.integers(-9, 10, (m, 2))
        if trial % 2:
            rows[:, 1] = rng.integers(-2, 3, m)  # thin sectors
        theta = RationalFunction.from_weights(rows.tolist(), rng.integers(-9, 10, m).tolist())
        if len(theta.canonical.normals) < 2:
            continue
        found = angle_bound(theta, absolute=True)
        n += 1
        violated += not found.holds
        largest = max(largest, found.factor)
    sharp = {k: angle_bound(sharp_in_the_plane(k), absolute=True) for k in (1, 10, 1000)}
    exact = all(
        found.seminorm**2 * found.one_minus_square * (k**2 + 1) ** 2 == 4 * k**4 * found.uniform**2
        for k, found in sharp.items()
    )
    return Outcome(
        f"{n} integer networks with two or more lines, exact; R = |x - ky| - |x + ky|",
        "<= 1; k² / (k² + 1), so the constant 2 is sharp",
        f"largest factor {largest:.4f}, {violated} violations; "
        + ", ".join(f"k={k}: {found.factor:.6f}" for k, found in sharp.items()),
        violated == 0 and exact and all(found.holds for found in sharp.values()),
        note="proof: a linear function on a sector is given by its values on the two edges",
    )


@check("lem-a5-d3", "Lemma A.5, d = 3, |cosines|", "(112) with |cosines| in d = 3")
def lemma_a5_space(effort: Effort) -> Outcome:
    """A stored integer network that violates it, verified exactly."""
    function = known_violation()
    found = angle_bound(function, absolute=True)
    lines = len(function.canonical.normals)
    return Outcome(
        f"exact norms of a stored integer network (m = {lines}, no opposite neurons)",
        "<= 1",
        f"factor {found.factor:.4f} (|R| = {float(found.seminorm):.4f}, ‖R‖ = "
        f"{float(found.uniform):.4f}, λ² = {float(1 - found.one_minus_square):.4f})",
        found.holds,
        None if lines == len(function.terms) else False,
        "cells in d >= 3 can be thin although all pairs of planes are well apart",
    )


@check(
    "lem-a5-all",
    "Lemma A.5, all d, repaired",
    "Beyond the paper: |R| <= 2√2 m² / (B (1-λ²)^(1/2)) ‖R‖_inf, |cosines| λ, for all d",
)
def lemma_a5_repaired(effort: Effort) -> Outcome:
    """Random integer networks, and those that violate the printed bound; proof: Theorem 18."""
    rng = np.random.default_rng([effort.seed, 107])
    functions = [known_violation(), *(signed_counterexample(k) for k in (2, 10))]
    for _ in range(2 * effort.n_random):
        d, m = int(rng.integers(2, 4)), int(rng.integers(1, 6))
        rows, c = rng.integers(-3, 4, (m, d)).tolist(), rng.integers(-5, 6, m).tolist()
        functions.append(RationalFunction.from_weights(rows, c))
    found = [angle_bound(function, absolute=True) for function in functions]
    return Outcome(
        f"exact norms of {len(found)} integer networks, d = 2, 3, those of lem-a5, lem-a5-d3 among "
        "them",
        "<= 1",
        f"largest factor {max(f.repaired for f in found):.4f}; {sum(not f.holds for f in found)} "
        f"above the printed constant, {sum(not f.repaired_holds for f in found)} above this one",
        all(f.repaired_holds for f in found),
        note="so L^inf inverse stability holds under a condition on angles, as Section 4 expects",
    )


@check("eq-95-domains", "(95)", "D_1 = {x_2 >= |x_1|}, D_2 = {x_1 > |x_2|}: g_k vanishes on D_1")
def domains(effort: Effort) -> Outcome:
    """x_1 - x_2 <= 0 on D_1 and > 0 on D_2."""
    grid = [Fraction(k, 8) for k in range(-7, 8)]
    points = [(p, q) for p in grid for q in grid]
    first = max(p - q for p, q in points if q >= abs(p))
    second = min(p - q for p, q in points if p > abs(q))
    return Outcome(
        "range of x_1 - x_2 over rational points of D_1 and D_2",
        "<= 0 and > 0",
        f"at most {first} on D_1, at least {second} on D_2",
        first <= 0 < second,
    )
