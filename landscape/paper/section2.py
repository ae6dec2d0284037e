"""Section 2: shallow networks without biases, norms, and the examples of failure."""

from fractions import Fraction
from itertools import combinations

import numpy as np
from numpy.random import Generator

from landscape.paper.pairs import gaussian, integers
from landscape.paper.registry import CheckFunction, Effort, Result, check, listed
from landscape.parametrization import Parametrization, max_norms
from landscape.pathologies import PATHOLOGIES, CancellingWeights, OppositeWeights, Pathology
from landscape.rational import RationalFunction
from landscape.realization import input_gradients, realize
from landscape.seminorm import sobolev_distance, sobolev_seminorm
from landscape.stability import admissible_flips, distance_to_fibre, reparametrize_near


@check("eq-15", "(15)", "A ridge function is 0 on a half-space and has gradient c a on the other")
def ridge(effort: Effort, rng: Generator) -> Result:
    """{n_random} neurons at 50 points each -> no exception."""
    wrong = 0
    for _ in range(effort.n_random):
        theta = gaussian(rng, 3, 1)
        x = rng.standard_normal((50, 3))
        inner = x @ theta.weights[0]
        gradients = np.where(inner[:, None] > 0, theta.output_weights[0] * theta.weights[0], 0.0)
        values = np.where(inner > 0, inner * theta.output_weights[0], 0.0)
        wrong += not np.array_equal(input_gradients(theta, x), gradients)
        wrong += not np.allclose(realize(theta, x), values, rtol=1e-12, atol=1e-13)
    return Result(f"{wrong} exceptions", wrong == 0)


def _small_network(rng: Generator) -> Parametrization:
    d, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    return Parametrization(integers(rng, (m, d), 3), integers(rng, (m,), 3))


@check("eq-16", "(16)", "‖R‖ <= diam(U) ess sup ‖DR‖_2 <= √d diam(U) |R|_{W^{1,inf}}, 0 in U")
def norms(effort: Effort, rng: Generator) -> Result:
    """Exact norms of {n_random} integer networks on [-1, 1]^d, d <= 3 -> ratio <= 1."""
    ratios = []
    for _ in range(effort.n_random):
        function = RationalFunction.from_parametrization(_small_network(rng))
        if seminorm := function.seminorm()[0]:
            ratios.append(function.uniform_norm()[0] / (function.n_inputs * seminorm))
    # With the Euclidean diameter 2 B √d the paper's bound is twice B d |R|.
    one = RationalFunction.from_weights([(1, 1, 1)], [1])
    attained = one.uniform_norm()[0] / (3 * one.seminorm()[0])
    largest = float(max(ratios))
    measured = f"{largest / 2:.3f}; against B d |R| {largest:.3f}, attained ({attained})"
    note = "sharp on a cube: ‖R‖ <= B d |R|, a factor 2 less, since R(0) = 0 at the centre"
    return Result(measured, max(ratios) <= 1 and attained == 1, note=note)


@check("eq-17", "(17)", "|R|_{W^{1,inf}(U)} = ess sup of sum_{i active} c_i a_i, independent of U")
def seminorm(effort: Effort, rng: Generator) -> Result:
    """Rational cells against the seminorm of {n_random} integer networks -> equal."""
    wrong = 0
    for theta in (_small_network(rng) for _ in range(effort.n_random)):
        exact = RationalFunction.from_parametrization(theta).seminorm()[0]
        wrong += sobolev_seminorm(theta).value != float(exact)
    vector_valued = np.ndim(input_gradients(gaussian(rng, 3, 2), rng.standard_normal((1, 3)))[0])
    measured = f"{wrong} differ; the printed sum is {'a vector' if vector_valued else 'a number'}"
    return Result(measured, vector_valued == 0, wrong == 0, "the max-norm of the sum is missing")


def _example(example: Pathology) -> CheckFunction:
    def run(effort: Effort, rng: Generator) -> Result:
        found = [example.instance(k) for k in range(1, effort.k_max + 1)]
        failed = sum(not all(claim.holds for claim in instance.claims) for instance in found)
        inexact = sum(not instance.exact for instance in found)
        first, last = found[0], found[-1]
        fibre = distance_to_fibre(last.gamma, last.phi)
        agreement = abs(fibre.upper - last.distance) / last.distance
        ends = f"{first.distance:.6g} (k=1) to {last.distance:.6g} (k={last.k})"
        measured = (
            f"{failed} of {last.k} fail, {inexact} distances inexact; distance {ends}, seminorm "
            f"{float(last.seminorm):.6g}; floating-point search differs by {agreement:.0e}"
        )
        right = failed == 0 and inexact == 0 and agreement < 1e-9
        return Result(measured, right, note=example.sharper)

    return run


for _pathology in PATHOLOGIES:
    _claims = "; ".join(claim.statement for claim in _pathology.instance(1).claims)
    check(
        f"ex-{_pathology.example}",
        f"Example {_pathology.example}, {_pathology.equations}",
        f"{_pathology.title}: {_claims}",
        f"All claims for k = 1..{{k_max}}, exact; distance to all parametrizations -> {_claims}",
    )(_example(_pathology))


@check("ex-2.4-any", "Example 2.4, any a_i and v", "Distance at least C > 0, seminorm 1/k")
def any_cancelling(effort: Effort, rng: Generator) -> Result:
    """Random instances, d = 2..4, m = 3, 4, k = 1, 10, 100 -> distance >= C of (83), mended."""
    examples: list[CancellingWeights] = []
    while len(examples) < max(effort.n_random // 4, 8):
        d, m = int(rng.integers(2, 5)), int(rng.integers(3, 5))
        rows = integers(rng, (m, d), 4) / 4
        rows[-1] = -rows[:-1].sum(axis=0)
        try:
            examples.append(CancellingWeights(rows.tolist(), (integers(rng, (d,), 4) / 4).tolist()))
        except ValueError:
            continue  # not admissible
    found = [example.instance(k) for example in examples for k in (1, 10, 100)]
    failed = sum(not all(claim.holds for claim in instance.claims) for instance in found)
    attained = sum(instance.exact for instance in found if instance.k == 100)
    note = "the lower bound min_i min_t ‖a_i - t v‖ is attained for large k where its t is not 0"
    exactly = f"exactly min_i min_t ‖a_i - t v‖ in {attained} of {len(examples)} for k=100"
    return Result(f"{failed} exceptions; {exactly}", failed == 0, note=note)


@check("eq-79-text", "after (79)", "|R(Φ_k)| is bounded by Lipschitz continuity")
def bounded_seminorm(effort: Effort, rng: Generator) -> Result:
    """Seminorm of ((1, 0), 1) - ((1, ε), 1) over ε; |R| over sum |c_i| ‖a_i‖ -> bounded; <= 1."""
    slopes = {}
    for epsilon in (1e-3, 1e-6, 1e-9):
        one, other = (Parametrization([[1.0, e]], [1.0]) for e in (0.0, epsilon))
        slopes[epsilon] = sobolev_distance(one, other).value / epsilon
    networks = [gaussian(rng, 3, int(rng.integers(1, 6))) for _ in range(effort.n_random)]
    largest = max(sobolev_seminorm(net).value / max_norms(net.products).sum() for net in networks)
    measured = f"{listed('ε={}: {:.3g}', slopes)}; {largest:.4f}"
    note = "by |R| <= sum |c_i| ‖a_i‖; in the seminorm the realization map is not even continuous"
    return Result(measured, max(slopes.values()) < 100, largest <= 1 + 1e-12, note)


@check("eq-83", "(83)", "‖±a_i - λ v‖_inf² >= (‖a_i‖_2² - <a_i, v>²) / d > 0")
def equation_83(effort: Effort, rng: Generator) -> Result:
    """For a = (1, 1/2), v = (1, 1): ‖v‖_inf = 1, not ‖v‖_2 = 1 -> 0 < C² <= distance²."""
    half = Fraction(1, 2)
    example = CancellingWeights([(1, half), (-1, half), (0, -1)], (1, 1))
    printed = example.paper_constant_squared(as_printed=True)
    mended = example.paper_constant_squared()
    square = example.instance(10).fibre_lower ** 2
    measured = f"printed {printed}, divided by ‖v‖_2²: {mended}, distance² {square}"
    return Result(measured, printed > 0, 0 < mended <= square, "divide <a_i, v>² by ‖v‖_2²")


@check("eq-87-93", "(87)-(93)", "No other parametrization of R(Θ_k) but by balancing, reordering")
def no_other_parametrization(effort: Effort, rng: Generator) -> Result:
    """Flips S with sum_S c_i a_i = 0 (Lemma A.3), k up to {k_max} -> none but the empty one."""
    admissible = 0
    for k in range(1, effort.k_max + 1, max(effort.k_max // 50, 1)):
        products = [u for _, u in OppositeWeights().realizations(k)[1].terms]
        sets = [flips for size in (1, 2, 3) for flips in combinations(products, size)]
        admissible += sum(not any(map(sum, zip(*flips, strict=True))) for flips in sets)
    floats = len(admissible_flips(OppositeWeights().phi(3)) or []) - 1
    return Result(f"{admissible} besides it, in floats (k = 3) {floats}", admissible == 0)


@check("eq-90", "(90)", "One flip i: 0 = R(Φ_k)((0, 0, -1)) = λ_i c_i != 0")
def equation_90(effort: Effort, rng: Generator) -> Result:
    """R(Φ_k)((0, 0, -1)) for λ_i = -2, each i, k up to {k_max} -> λ_i c_i."""
    printed, mended = [], []
    for k in range(1, effort.k_max + 1, max(effort.k_max // 50, 1)):
        theta = OppositeWeights().phi(k)
        for i, entry in enumerate((1 / k, 1 / k, 1 / (np.sqrt(2) * k))):
            rows, c = theta.weights.copy(), theta.output_weights
            rows[i] *= -2.0
            (value,) = realize(Parametrization(rows, c), [[0.0, 0.0, -1.0]])
            printed.append(np.isclose(value, -2.0 * c[i], rtol=1e-12))
            mended.append(np.isclose(value, 2.0 * c[i] * entry, rtol=1e-12) and value != 0)
    third = "-λ_i c_i / k, for i = 3 -λ_i c_i / (√2 k), none is 0"
    measured = f"{sum(printed)} of {len(printed)} agree; {sum(mended)} with {third}"
    note = "-λ_i c_i times the third entry of a_i; the conclusion stays"
    return Result(measured, all(printed), all(mended), note)


@check("conditions", "after Theorem 3.1", "Each condition corresponds to one of the pathologies")
def conditions(effort: Effort, rng: Generator) -> Result:
    """What fails at k = 100 with β = (r/2)^(1/2), and distance / bound (31).

    -> 2.2: C.1, 2.3: C.2, 2.4: C.3a, 2.5: C.3b; ratio > 1.
    """
    found, right = [], True
    for example in PATHOLOGIES:
        instance = example.instance(100)
        if not example.condition:
            found.append(f"{example.example} has seminorm {float(instance.seminorm):g}")
            continue
        beta = 0.5 * (2 * float(instance.seminorm)) ** 0.5
        record = reparametrize_near(instance.gamma, instance.phi, beta=beta)
        failing = [condition.name for condition in record.conditions if not condition.holds]
        ratio = record.distance / record.bound
        right &= example.condition in failing and ratio > 1
        found.append(f"{example.example}: {'+'.join(failing)} ({ratio:.3g})")
    note = "C.1 can always be met by enlarging β; where r is not small (2.5) the bound is weak"
    return Result("; ".join(found), right, note=note)
