"""Section 2: shallow networks without biases, norms, and the examples of failure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from landscape.paper.pairs import gaussian
from landscape.paper.registry import CheckFunction, Effort, Outcome, check
from landscape.parametrization import Parametrization
from landscape.pathologies import PATHOLOGIES, CancellingWeights, OppositeWeights
from landscape.rational import RationalFunction
from landscape.realization import input_gradients, realize
from landscape.seminorm import sobolev_distance, sobolev_seminorm
from landscape.stability import admissible_flips, distance_to_fibre, reparametrize_near


@check("eq-15", "(15)", "A ridge function is 0 on a half-space and has gradient c a on the other")
def ridge(effort: Effort) -> Outcome:
    """Values and gradients of single neurons."""
    rng = np.random.default_rng([effort.seed, 15])
    wrong = 0
    for _ in range(effort.n_random):
        theta = gaussian(rng, 3, 1)
        x = rng.standard_normal((50, 3))
        active = x @ theta.weights[0] > 0
        gradients = np.where(active[:, None], theta.output_weights[0] * theta.weights[0], 0.0)
        values = np.where(active, x @ theta.weights[0] * theta.output_weights[0], 0.0)
        wrong += not np.array_equal(input_gradients(theta, x), gradients)
        wrong += not np.allclose(realize(theta, x), values, rtol=1e-12, atol=1e-13)
    return Outcome(
        f"{effort.n_random} neurons at 50 points each",
        "no exception",
        f"{wrong} exceptions",
        wrong == 0,
    )


def _small_network(rng: np.random.Generator) -> RationalFunction:
    """Integer weights: exact in rationals and in floats."""
    d, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    theta = Parametrization(rng.integers(-3, 4, (m, d)), rng.integers(-3, 4, m))
    return RationalFunction.from_parametrization(theta)


@check(
    "eq-16",
    "(16)",
    "‖R‖_inf <= diam(U) ess sup ‖DR‖_2 <= √d diam(U) |R|_{W^{1,inf}} on U containing 0",
)
def norms(effort: Effort) -> Outcome:
    """On [-B, B]^d, all three sides exact, with Euclidean diameter 2 B √d."""
    rng = np.random.default_rng([effort.seed, 16])
    largest, sharper = 0.0, 0.0
    for _ in range(effort.n_random):
        function = _small_network(rng)
        d = function.n_inputs
        seminorm, uniform = function.seminorm()[0], function.uniform_norm()[0]
        if seminorm == 0:
            continue
        # Squares: ‖R‖² <= d diam² |R|², diam² = 4 d, all rational.
        largest = max(largest, float(uniform**2 / (4 * d * d * seminorm**2)) ** 0.5)
        sharper = max(sharper, float(uniform / (d * seminorm)))
    one = RationalFunction.from_weights([(1, 1, 1)], [1])
    attained = one.uniform_norm()[0] / (3 * one.seminorm()[0])
    return Outcome(
        f"exact norms of {effort.n_random} integer networks on [-1, 1]^d, d <= 3",
        "ratio <= 1",
        f"largest ratio {largest:.3f}; against B d |R| {sharper:.3f}, attained ({attained})",
        largest <= 1 and sharper <= 1 and attained == 1,
        note="sharp on a cube: ‖R‖ <= B d |R|, a factor 2 less, since R(0) = 0 at the centre",
    )


@check("eq-17", "(17)", "|R|_{W^{1,inf}(U)} = ess sup of sum_{i active} c_i a_i, independent of U")
def seminorm(effort: Effort) -> Outcome:
    """Without the norm (17) is no number; with it, it agrees with exact enumeration of cells."""
    rng = np.random.default_rng([effort.seed, 17])
    wrong = 0
    for _ in range(effort.n_random):
        function = _small_network(rng)
        rows = [list(map(float, u)) for _, u in function.terms] or [[0.0] * function.n_inputs]
        signs = [float(s) for s, _ in function.terms] or [0.0]
        found = sobolev_seminorm(Parametrization(rows, signs))
        wrong += found.value != float(function.seminorm()[0])
    vector_valued = np.ndim(input_gradients(gaussian(rng, 3, 2), rng.standard_normal((1, 3)))[0])
    return Outcome(
        f"exact cells in rationals against the seminorm of {effort.n_random} integer networks",
        "equal",
        f"{wrong} differ; the printed sum is {'a vector' if vector_valued else 'a number'}",
        vector_valued == 0,
        wrong == 0,
        "the max-norm of the sum is missing",
    )


SHARPER = {
    "2.1": "distance exactly k",
    "2.2": "distance exactly max(r, k^(-1/2))",
    "2.3": "distance exactly 1: the direction mismatch alone costs it, √2 - 1 is not sharp",
    "2.4": "distance exactly min_i min_t ‖a_i - t v‖ = 1/2 for the instance of Figure 4",
    "2.5": "distance exactly √2 k, k/2 is not sharp",
    "A.1": "distance exactly (1 + (1 + 4/k)^(1/2)) / 2; (99) for the full norm: see eq-99",
    "A.2": "distance exactly k",
}
STATEMENTS = {
    "2.1": "(18), (19), (79): ‖g_k‖ <= 1/k, |g_k| = k², every parametrization explodes",
    "2.2": "(20), (21): ‖Φ_k - Γ‖ >= r and |R(Φ_k) - R(Γ)| <= 1/k",
    "2.3": "(22)-(24), (80): ‖Φ_k - Γ‖ >= √2 - 1 and |R(Φ_k) - R(Γ)| <= 1/k",
    "2.4": "(25)-(27), (81), (82): ‖Φ_k - Γ‖ >= C > 0 and |R(Φ_k) - R(Γ)| <= 1/k",
    "2.5": "(28)-(30), (84)-(86): ‖Φ_k - Γ_k‖ >= k/2 and |R(Φ_k) - R(Γ_k)| = 3",
    "A.1": "(97)-(99): |g_k - R(Γ_*)| <= 1/k, parameters stay more than 1/2 away",
    "A.2": "(101)-(103): ‖Φ_k - Γ_k‖ >= k and |R(Φ_k) - R(Γ_k)| <= 1/k",
}


def _example(position: int) -> CheckFunction:
    example = PATHOLOGIES[position]

    def run(effort: Effort) -> Outcome:
        failed, inexact = 0, 0
        for k in range(1, effort.k_max + 1):
            found = example.instance(k)
            failed += not all(claim.holds for claim in found.claims)
            inexact += not found.exact
        first, last = example.instance(1), example.instance(effort.k_max)
        fibre = distance_to_fibre(last.gamma, last.phi)
        agreement = abs(fibre.upper - last.distance) / last.distance
        bounds = "; ".join(f"{claim.statement}" for claim in last.claims)
        return Outcome(
            f"all claims for k = 1..{effort.k_max} in exact arithmetic; distance to all "
            "parametrizations",
            bounds,
            f"{failed} of {effort.k_max} fail, {inexact} distances inexact; distance "
            f"{first.distance:.6g} (k=1) to {last.distance:.6g} (k={last.k}), seminorm "
            f"{float(last.seminorm):.6g}; floating-point search differs by {agreement:.0e}",
            failed == 0 and inexact == 0 and agreement < 1e-9,
            note=SHARPER[example.example],
        )

    return run


for _position, _entry in enumerate(PATHOLOGIES):
    check(f"ex-{_entry.example}", f"Example {_entry.example}", STATEMENTS[_entry.example])(
        _example(_position)
    )


@check(
    "ex-2.4-any",
    "Example 2.4, any a_i and v",
    "For all admissible a_i, v the distance stays above a constant while the seminorm is 1/k",
)
def any_cancelling(effort: Effort) -> Outcome:
    """Random rational instances in dimensions 2 to 4."""
    rng = np.random.default_rng([effort.seed, 24])
    n, failed, attained = 0, 0, 0
    while n < max(effort.n_random // 4, 8):
        d, m = int(rng.integers(2, 5)), int(rng.integers(3, 5))
        rows = rng.integers(-4, 5, (m, d))
        rows[-1] = -rows[:-1].sum(axis=0)
        try:
            example = CancellingWeights(
                [[Fraction(int(p), 4) for p in row] for row in rows],
                [Fraction(int(p), 4) for p in rng.integers(-4, 5, d)],
            )
        except ValueError:
            continue  # not admissible
        n += 1
        for k in (1, 10, 100):
            found = example.instance(k)
            failed += not all(claim.holds for claim in found.claims)
            attained += k == 100 and found.exact
    return Outcome(
        f"{n} random admissible instances, d = 2..4, m = 3, 4, k = 1, 10, 100, exact",
        "distance >= C of (83), mended",
        f"{failed} exceptions; exactly min_i min_t ‖a_i - t v‖ in {attained} of {n} for k=100",
        failed == 0,
        note="the lower bound min_i min_t ‖a_i - t v‖ is attained for large k where its t is not 0",
    )


@check(
    "eq-79-text", "after (79)", "Bounded parameters: |R(Φ_k)| is bounded by Lipschitz continuity"
)
def bounded_seminorm(effort: Effort) -> Outcome:
    """Lipschitz in the uniform norm only; but |R| <= sum |c_i| ‖a_i‖."""
    rng = np.random.default_rng([effort.seed, 79])
    slopes = []
    for epsilon in (1e-3, 1e-6, 1e-9):
        one, other = (Parametrization([[1.0, e]], [1.0]) for e in (0.0, epsilon))
        slopes.append(sobolev_distance(one, other).value / epsilon)
    largest = 0.0
    for _ in range(effort.n_random):
        theta = gaussian(rng, 3, int(rng.integers(1, 6)))
        bound = float(np.abs(theta.products).max(axis=1).sum())
        largest = max(largest, sobolev_seminorm(theta).value / bound)
    return Outcome(
        "seminorm over parameter distance for ((1, 0), 1), ((1, ε), 1), ε = 1e-3, 1e-6, 1e-9; |R| "
        f"over sum |c_i| ‖a_i‖, {effort.n_random} networks",
        "bounded; <= 1",
        ", ".join(f"{slope:.3g}" for slope in slopes) + f"; {largest:.4f}",
        max(slopes) < 100,
        largest <= 1 + 1e-12,
        "by |R| <= sum |c_i| ‖a_i‖; in the seminorm the realization map is not even continuous",
    )


@check("eq-83", "(83)", "‖±a_i - λ v‖_inf² >= (‖a_i‖_2² - <a_i, v>²) / d > 0")
def equation_83(effort: Effort) -> Outcome:
    """Needs ‖v‖_2 = 1, but ‖v‖_inf = 1 is assumed."""
    half = Fraction(1, 2)
    example = CancellingWeights([(1, half), (-1, half), (0, -1)], (1, 1))
    printed = example.paper_constant_squared(as_printed=True)
    mended = example.paper_constant_squared()
    distance = example.instance(10).fibre_lower
    return Outcome(
        "a = (1, 1/2), v = (1, 1): C² as printed, C² with <a, v>² / ‖v‖_2², exact distance²",
        "0 < C² <= distance²",
        f"printed {printed}, divided by ‖v‖_2²: {mended}, distance² {distance**2}",
        printed > 0,
        bool(0 < mended <= distance**2),
        "divide <a_i, v>² by ‖v‖_2²",
    )


@check(
    "eq-87-93",
    "(87)-(93)",
    "Θ_k of Example 2.5 has no other parametrization up to balancing and reordering",
)
def no_other_parametrization(effort: Effort) -> Outcome:
    """All 2³ sign flips, decided on exact products."""
    admissible = set()
    for k in range(1, effort.k_max + 1, max(effort.k_max // 50, 1)):
        products = [u for _, u in OppositeWeights().realizations(k)[1].terms]
        for flips in range(8):
            total = [sum(u[j] for i, u in enumerate(products) if flips >> i & 1) for j in range(3)]
            if not any(total):
                admissible.add(flips)
    theta = OppositeWeights().phi(3)
    return Outcome(
        f"flips S with sum_S c_i a_i = 0 (Lemma A.3), all S, k up to {effort.k_max}",
        "none but the empty one",
        f"{len(admissible) - 1} besides the empty one, in floats (k = 3) "
        f"{len(admissible_flips(theta) or []) - 1}",
        admissible == {0},
    )


@check("eq-90", "(90)", "One flip i: 0 = R(Φ_k)((0, 0, -1)) = λ_i c_i != 0")
def equation_90(effort: Effort) -> Outcome:
    """The third entry of a_i is missing, and the sign."""
    printed = mended = n = 0
    for k in range(1, effort.k_max + 1, max(effort.k_max // 50, 1)):
        theta = OppositeWeights().phi(k)
        for i, third in enumerate((1 / k, 1 / k, 1 / (np.sqrt(2) * k))):
            scale, c = -2.0, theta.output_weights[i]
            rows = theta.weights.copy()
            rows[i] *= scale
            value = float(
                realize(Parametrization(rows, theta.output_weights), np.array([[0.0, 0.0, -1.0]]))[
                    0
                ]
            )
            printed += bool(np.isclose(value, scale * c, rtol=1e-12))
            mended += bool(np.isclose(value, -scale * c * third, rtol=1e-12)) and value != 0
            n += 1
    return Outcome(
        f"R(Φ_k)((0, 0, -1)) for λ_i = -2, each i, k up to {effort.k_max}: {n} values",
        "λ_i c_i",
        f"{printed} agree; {mended} with -λ_i c_i / k, for i = 3 -λ_i c_i / (√2 k), none is 0",
        printed == n,
        mended == n,
        "-λ_i c_i times the third entry of a_i; the conclusion stays",
    )


@check(
    "conditions",
    "after Theorem 3.1",
    "Each condition of the theorem corresponds to one of the pathologies",
)
def conditions(effort: Effort) -> Outcome:
    """Which conditions fail where, and by how much the conclusion is missed there."""
    found = []
    right = True
    for example in PATHOLOGIES:
        if not example.condition:
            continue
        instance = example.instance(100)
        beta = 0.5 * (2 * float(instance.seminorm)) ** 0.5
        record = reparametrize_near(instance.gamma, instance.phi, beta=beta)
        failing = [condition.name for condition in record.conditions if not condition.holds]
        right &= example.condition in failing and record.distance > record.bound
        found.append(
            f"{example.example}: {'+'.join(failing)} ({record.distance / record.bound:.3g})"
        )
    gap = sobolev_distance(PATHOLOGIES[0].gamma(100), PATHOLOGIES[0].phi(100)).value
    return Outcome(
        "conditions that fail at k = 100 with β = (r/2)^(1/2), and distance / bound (31)",
        "2.2: C.1, 2.3: C.2, 2.4: C.3a, 2.5: C.3b; ratio > 1",
        "; ".join(found) + f"; 2.1 has seminorm {gap:g}",
        right,
        note="C.1 can always be met by enlarging β; where r is not small (2.5) the bound is weak",
    )
