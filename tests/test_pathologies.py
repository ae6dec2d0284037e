"""One contract for all counterexamples of Section 2 and Appendix A.5."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from landscape.canonical import same_realization
from landscape.exact import sqrt_bracket
from landscape.parametrization import Parametrization
from landscape.pathologies import PATHOLOGIES, CancellingWeights, OppositeWeights, Unbalanced
from landscape.rational import RationalFunction, line_gap, nearer_than
from landscape.realization import realize
from landscape.seminorm import sobolev_distance
from landscape.stability import distance_to_fibre, reparametrize_near

FURTHER = (
    Unbalanced(Fraction(3)),
    CancellingWeights([(1, 0, 0), (0, 1, 0), (-1, -1, 0)], (0, 0, 1)),
    CancellingWeights([(1, 0.5), (-1, 0.5), (0, -1)], (1, 1)),
    CancellingWeights([(1, 0.25, 0, 0), (0, 1, 0.5, 0), (-1, 0, 0, 0.5), (0, -1.0, 0.5, 0.5),
                       (0, -0.25, -1.0, -1.0)], (1, 0, 0, 1)),
)  # fmt: skip
EXAMPLES = PATHOLOGIES + FURTHER
IDS = [f"{example.example}-{n}" for n, example in enumerate(EXAMPLES)]


instance = cache(lambda example, k: example.instance(k))  # tests share what they ask for


@pytest.fixture(params=EXAMPLES, ids=IDS)
def example(request):
    return request.param


def max_distance(phi, gamma):
    return max(
        np.abs(phi.weights - gamma.weights).max(),
        np.abs(phi.output_weights - gamma.output_weights).max(),
    )


@pytest.mark.parametrize("k", [1, 2, 3, 10, 100])
def test_contract(example, k):
    found = instance(example, k)
    # The printed and the nearest parametrization compute g_k.
    assert same_realization(found.phi, found.nearest, tolerance=1e-12)
    gamma_exact, g = example.realizations(k)
    points = np.random.default_rng(k).uniform(-1, 1, size=(20, g.n_inputs))
    for network, function in ((found.gamma, gamma_exact), (found.phi, g)):
        values = [float(function.value([Fraction(p) for p in x])) for x in points.tolist()]
        scale = 1 + np.abs(network.products).max()
        np.testing.assert_allclose(realize(network, points), values, atol=1e-14 * scale, rtol=1e-12)
    # The distance is attained, and no smaller than the lower bound that was decided exactly.
    assert 0 < found.fibre_lower <= found.fibre_upper
    assert max_distance(found.nearest, found.gamma) == pytest.approx(found.distance, rel=1e-12)
    # Independent floating-point code agrees.
    assert sobolev_distance(found.gamma, found.phi).value == pytest.approx(
        float(found.seminorm), rel=1e-9, abs=1e-13
    )
    fibre = distance_to_fibre(found.gamma, found.phi)
    assert fibre.lower <= found.distance * (1 + 1e-9)
    assert fibre.upper >= float(found.fibre_lower) * (1 - 1e-9)
    if found.exact and fibre.exact:
        assert fibre.upper == pytest.approx(found.distance, rel=1e-9)
    # Everything that the paper claims.
    assert all(claim.holds for claim in found.claims), found.claims


def test_the_condition_that_the_paper_names_is_what_fails(example):
    if not example.condition:
        return
    found = instance(example, 10)
    record = reparametrize_near(found.gamma, found.phi, beta=2 * np.sqrt(float(found.seminorm)) / 4)
    failing = [condition.name for condition in record.conditions if not condition.holds]
    assert example.condition in failing


@pytest.mark.slow
def test_claims_for_k_up_to_1000(example):
    # The paper's own instances for every k, the others (slow in four dimensions) for some.
    for k in range(1, 1001, 1 if example in PATHOLOGIES else 25):
        assert all(claim.holds for claim in example.instance(k).claims), k


def test_distances_are_exact_except_where_stated(example):
    exact = [instance(example, k).exact for k in (1, 2, 10, 100)]
    assert exact[-1]
    if example.example != "2.4":
        assert all(exact)


def test_k_starts_at_one(example):
    with pytest.raises(ValueError, match="at least 1"):
        example.instance(0)


def test_a_wrong_formula_is_noticed():
    class Wrong(OppositeWeights):
        def _at(self, k):  # the paper's bound is not the distance
            return super()._at(k)._replace(distance=(Fraction(k, 2), Fraction(k, 2)))

    with pytest.raises(ArithmeticError, match="farther"):
        Wrong().instance(3)


@pytest.mark.parametrize(
    ("vectors", "v", "message"),
    [
        ([(1, 0), (0, 1)], (1, 1), "at least 3"),
        ([(1, 0), (0, 1), (-1, 0)], (1, 1), "sum zero"),
        ([(1, 0.5), (-1, 0.5), (0, -1)], (0, 1), "independence"),
        ([(1, 0.5), (-1, 0.5), (0, -1)], (0, 2), "max-norm one"),
        ([(1,), (-1,), (0,)], (1,), "d >= 2"),
    ],
)
def test_inadmissible_vectors_are_refused(vectors, v, message):
    with pytest.raises(ValueError, match=message):
        CancellingWeights(vectors, v)


def test_equation_83_as_printed_can_be_negative():
    example = CancellingWeights([(1, 0.5), (-1, 0.5), (0, -1)], (1, 1))
    assert example.paper_constant_squared(as_printed=True) == Fraction(-1, 2)
    assert example.paper_constant_squared() == Fraction(1, 16)


# --- exact arithmetic ---------------------------------------------------------------------------


def test_rational_seminorm_agrees_with_floating_point():
    rng = np.random.default_rng(0)
    for _ in range(40):
        d, m = int(rng.integers(1, 4)), int(rng.integers(1, 6))
        theta = Parametrization(rng.integers(-3, 4, (m, d)), rng.integers(-3, 4, m))
        function = RationalFunction.from_parametrization(theta)
        value, witness = function.seminorm()
        assert float(value) == sobolev_distance(theta, Parametrization([[0.0] * d], [0.0])).value
        assert len(witness) == d


def test_rational_uniform_norm_bounds_samples_and_is_attained():
    rng = np.random.default_rng(1)
    for _ in range(20):
        d, m = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        theta = Parametrization(rng.integers(-3, 4, (m, d)), rng.integers(-3, 4, m))
        function = RationalFunction.from_parametrization(theta)
        value, witness = function.uniform_norm(2)
        samples = realize(theta, rng.uniform(-2, 2, (500, d)))
        assert np.abs(samples).max() <= float(value) + 1e-12
        assert abs(function.value(witness)) == value


def test_sqrt_bracket():
    low, high = sqrt_bracket(2)
    assert low**2 < 2 < high**2 and high - low < Fraction(1, 10**40)
    with pytest.raises(ValueError, match="at least 0"):
        sqrt_bracket(-1)


def test_line_gap_agrees_with_a_grid():
    rng = np.random.default_rng(2)
    for _ in range(20):
        a, v = (tuple(Fraction(int(p)) for p in rng.integers(-4, 5, 3)) for _ in range(2))
        if not any(v):
            continue
        gap, low, high = line_gap(a, v)
        grid = np.linspace(-6, 6, 1201)
        values = np.abs(np.array(a, float)[:, None] - np.array(v, float)[:, None] * grid).max(
            axis=0
        )
        assert values.min() >= float(gap) - 1e-12
        assert low <= high


def test_nearer_than_needs_one_hyperplane_for_each_neuron():
    function = RationalFunction.from_weights([(1, 0)], [1])
    with pytest.raises(ValueError, match="hyperplanes"):
        nearer_than([(Fraction(0),) * 2] * 2, [Fraction(0)] * 2, function, Fraction(1))
