"""The proof of Theorem 3.1 (A.1), step by step."""

from __future__ import annotations

from math import sqrt

import numpy as np

from landscape.canonical import same_realization
from landscape.paper.pairs import random_pairs
from landscape.paper.registry import Effort, Outcome, check
from landscape.paper.section3 import pair_statistics
from landscape.parametrization import Parametrization, max_norms
from landscape.stability import reparametrize_near


@check("eq-53-54", "(41)-(54), cases 1, 2", "Jumps across hyperplanes of R(Γ) - g are at most 2r")
def jumps(effort: Effort) -> Outcome:
    """The step on which the proof rests."""
    s = pair_statistics(effort.n_pairs, effort.seed)
    return Outcome(
        "largest jump of the canonical form of R(Γ) - R(Θ) over 2r, same pairs",
        "<= 1",
        f"{s.jump_excess:.12f}",
        s.jump_excess <= 1 + 1e-9,
    )


@check(
    "eq-54-text",
    "text after (54)",
    "Each f_i has a matching f_j (i.e. case 1), or its product is small (i.e. case 2)",
)
def swapped_cases(effort: Effort) -> Outcome:
    """Case 1 is the one without a partner."""
    s = pair_statistics(effort.n_pairs, effort.seed)
    return Outcome(
        "largest ‖c_i a_i‖ over 2r of neurons in case 1 (no partner) and in case 2 (partner)",
        "small in case 2",
        f"case 1: {s.alone:.6f}, case 2: {s.partner:.3g}",
        s.partner <= 1 + 1e-9,
        s.alone <= 1 + 1e-9,
        "the numbers are swapped: a partner is case 2, a small product case 1",
    )


@check("eq-45", "(45)", "Merging: c_{j_k} -> sum_j c_i ‖c_i‖ / ‖c_{j_k}‖")
def equation_45(effort: Effort) -> Outcome:
    """The printed formula sums over j what does not depend on j, and has c for a."""
    theta = Parametrization([[1.0, 1.0], [3.0, 3.0]], [2.0, 5.0])
    c, a = theta.output_weights, max_norms(theta.weights)
    printed = sum(c[0] * abs(c[0]) / abs(c[0]) for _ in range(2))
    mended = float(np.sum(c * a / a[0]))
    merged = [Parametrization([[1.0, 1.0], [0.0, 0.0]], [v, 0.0]) for v in (printed, mended)]
    same = [bool(same_realization(net, theta)) for net in merged]
    return Outcome(
        "a = (1,1), (3,3), c = 2, 5: merged output weight and realization",
        "17, same realization",
        f"printed {printed:g} ({'same' if same[0] else 'different'}), mended {mended:g} "
        f"({'same' if same[1] else 'different'})",
        same[0],
        same[1],
        "sum_j c_j ‖a_j‖ / ‖a_{j_k}‖",
    )


@check("eq-47-50", "(47), (49), (50)", "H^- := {<a, x> > 0}; s in {-1, 1}^m, S in {0, 1}^m")
def equation_47(effort: Effort) -> Outcome:
    """With the printed sign H^- = H^+, and the printed index sets pick no half-space for 0."""
    theta = Parametrization([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    x = np.array([[-1.0, 2.0]])
    inner = (x @ theta.weights.T)[0]
    plus, printed, mended = inner > 0, inner > 0, inner < 0
    return Outcome(
        "membership of x = (-1, 2) in H^+ and H^- for a = (1, 0), (0, 1)",
        "disjoint, exhaustive off the hyperplanes",
        f"printed H^+ and H^- both hold for {int((plus & printed).sum())} neuron, neither for "
        f"{int((~plus & ~printed).sum())}; with '<' {int((plus ^ mended).sum())} of 2 are decided",
        bool(not (plus & printed).any()),
        bool((plus ^ mended).all()),
        "H^- needs '<'; use {-1, 1} for both s and S",
    )


@check("eq-49-zero", "(46), (49)", "H^s := intersection over all i in [m]: non-empty for some s")
def equation_49(effort: Effort) -> Outcome:
    """After (46) some a_i are 0, and <0, x> has no sign."""
    rng = np.random.default_rng([effort.seed, 49])
    weights = np.array([[1.0, 2.0], [0.0, 0.0], [-1.0, 1.0]])
    signs = np.sign(rng.standard_normal((effort.n_random, 2)) @ weights.T)
    used = weights.any(axis=1)
    printed = int((signs != 0).all(axis=1).sum())
    mended = int((signs[:, used] != 0).all(axis=1).sum())
    return Outcome(
        f"how many of {effort.n_random} random x lie in some H^s, for a = (1, 2), (0, 0), (-1, 1)",
        "all",
        f"over all i: {printed}; over the i with a_i != 0: {mended}",
        printed == len(signs),
        mended == len(signs),
        "intersect over the i in I^Γ, I^Θ",
    )


@check("eq-58", "(57), (58)", "‖c_{π(i)}^Γ a_{π(i)}^Γ - c_i^Θ a_i^Θ‖ <= 2r for i in I_2")
def equation_58(effort: Effort) -> Outcome:
    """The permutation belongs to Θ, as (57) and (59) have it."""
    printed = mended = n = 0
    for pair in random_pairs(8 * effort.n_random, effort.seed + 3):
        if pair.kind != "rescaled" or pair.gamma.n_neurons < 2:
            continue
        found = reparametrize_near(pair.gamma, pair.theta, nearest=False)
        r, order = found.seminorm.value, found.permutation
        mine = pair.gamma.output_weights[:, None] * pair.gamma.weights
        other = pair.theta.output_weights[:, None] * pair.theta.weights
        matched = [i for i, case in enumerate(found.cases) if case != "I_1"]
        n += 1
        mended += bool((max_norms(mine - other[order])[matched] <= 2 * r * (1 + 1e-9)).all())
        printed += bool((max_norms(mine[order] - other)[matched] <= 2 * r * (1 + 1e-9)).all())
    return Outcome(
        f"{n} pairs on the same hyperplanes in another order",
        "holds for all",
        f"printed side: {printed} of {n}; permutation on Θ: {mended} of {n}",
        printed == n,
        mended == n,
        "c_i^Γ a_i^Γ - c_{π(i)}^Θ a_{π(i)}^Θ",
    )


@check("eq-60-68", "(60), (68), (71)", "a^Θ (|c^Θ| / ‖a^Θ‖)^(1/2), c^Θ (‖a^Θ‖ / |c^Θ|)^(1/2)")
def equation_60(effort: Effort) -> Outcome:
    """Division by zero where c = 0 and a != 0."""
    theta = Parametrization([[1.0, 2.0], [3.0, 1.0]], [0.0, 2.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        printed = theta.output_weights * np.sqrt(
            max_norms(theta.weights) / np.abs(theta.output_weights)
        )
    mended = theta.balance()
    finite = bool(np.isfinite(printed).all())
    return Outcome(
        "balancing ((1, 2), 0) and ((3, 1), 2) by the formula, and with c = 0 => a = 0 first",
        "finite, same realization",
        f"printed c: {printed.tolist()}; mended c: {mended.output_weights.round(6).tolist()}",
        finite,
        bool(same_realization(mended, theta)),
        "assume also that c = 0 implies a = 0",
    )


@check("eq-61-75", "(61)-(75)", "What the cases A, B.1, B.2, B.3 give for |c - c'|, ‖a - a'‖")
def cases(effort: Effort) -> Outcome:
    """Each case's own inequality on random pairs, (61), (72), (73)."""
    largest: dict[str, float] = {}
    for pair in random_pairs(8 * effort.n_random, effort.seed + 4):
        found = reparametrize_near(pair.gamma, pair.theta, nearest=False)
        r = found.seminorm.value
        if not found.admissible or r == 0:
            continue
        phi = found.parametrization
        gaps = np.maximum(
            np.abs(phi.output_weights - pair.gamma.output_weights),
            max_norms(phi.weights - pair.gamma.weights),
        )
        sizes = np.maximum(np.abs(phi.output_weights), max_norms(phi.weights))
        for i, case in enumerate(found.cases):
            bounds = {"I_1": (sizes[i], sqrt(2 * r)), "A": (sizes[i], 2 * sqrt(r))}
            value, bound = bounds.get(case, (gaps[i], sqrt(2 * r)))
            largest[case] = max(largest.get(case, 0.0), float(value / bound))
    return Outcome(
        "per neuron: size of Φ in I_1 over (2r)^(1/2) and in A over 2 r^(1/2); distance in B over "
        "(2r)^(1/2)",
        "<= 1 in each case",
        ", ".join(f"{k}: {v:.4f}" for k, v in sorted(largest.items())),
        all(v <= 1 + 1e-9 for v in largest.values()) and len(largest) >= 4,
        note="(73) is right: the product is at most 4r, so 2 r^(1/2), not (2r)^(1/2)",
    )
