"""Distances to fibres against independent searches over parametrizations of g.

One is exact, in rationals. One knows nothing of bottlenecks or bisection: it enumerates
permutations and admissible flips and minimizes over each scale on a refined grid. One imposes
R(Φ) = g at many points and minimizes over all parameters: spare neurons included, but only
approximate.
"""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

from landscape.canonical import canonical_form
from landscape.parametrization import Parametrization
from landscape.pathologies import PATHOLOGIES
from landscape.spaces import UnrestrictedSpace
from landscape.stability import distance_to_fibre, parameter_distance
from tests.oracles import fibre


def search_one_neuron_each(gamma, theta):
    """Least distance found over permutations, admissible flips and rescalings."""
    form = canonical_form(theta)
    m = gamma.n_neurons
    steps = form.jumps[:, None] * form.normals
    best = np.inf
    for flip in itertools.product((0, 1), repeat=m):
        turned = steps[np.array(flip, dtype=bool)].sum(axis=0)
        if np.abs(turned + form.linear).max() > 1e-9 * (1 + np.abs(steps).max()):
            continue
        e = form.normals * np.where(flip, -1.0, 1.0)[:, None]
        for order in itertools.permutations(range(m)):
            rows, p = e[list(order)], form.jumps[list(order)]

            # The neurons do not interact, so each scale can be refined on its own grid.
            grid = np.linspace(-12, 12, 4001)
            value = 0.0
            for i in range(m):
                t = np.exp(grid)
                f = np.maximum(
                    np.abs(gamma.output_weights[i] - p[i] / t),
                    np.abs(gamma.weights[i][:, None] - rows[i][:, None] * t).max(axis=0),
                )
                k = int(f.argmin())
                fine = np.exp(np.linspace(grid[max(k - 1, 0)], grid[min(k + 1, 4000)], 4001))
                f = np.maximum(
                    np.abs(gamma.output_weights[i] - p[i] / fine),
                    np.abs(gamma.weights[i][:, None] - rows[i][:, None] * fine).max(axis=0),
                )
                value = max(value, float(f.min()))
            best = min(best, value)
    return best


@pytest.mark.parametrize(
    "example", [p for p in PATHOLOGIES if p.example != "2.4"], ids=lambda p: p.example
)
@pytest.mark.parametrize("k", [1, 3, 20])
def test_pathologies_against_a_grid_search(example, k):
    found = example.instance(k)
    value = search_one_neuron_each(found.gamma, found.phi)
    assert value >= float(found.fibre_lower) * (1 - 1e-9)
    assert value == pytest.approx(found.distance, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_random_networks_against_a_grid_search(seed):
    rng = np.random.default_rng([0, seed])
    d, m = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    gamma, theta = (
        Parametrization(rng.standard_normal((m, d)), rng.standard_normal(m)) for _ in range(2)
    )
    found = distance_to_fibre(gamma, theta)
    value = search_one_neuron_each(gamma, theta)
    assert value >= found.lower * (1 - 1e-9)
    assert value == pytest.approx(found.upper, rel=1e-5)


def constrained_search(gamma, theta, rng, n_starts):
    """SLSQP over all parameters with R(Φ) = g imposed at many points by a penalty.

    Its values may undershoot the distance by about the violation that is left, 1e-5.
    """
    m, d = gamma.weights.shape
    start = np.concatenate([gamma.weights.ravel(), gamma.output_weights])
    best = np.inf
    x = rng.standard_normal((60 * d, d))
    wanted = np.maximum(x @ theta.weights.T, 0) @ theta.output_weights

    def residual(z):
        a, c = z[: m * d].reshape(m, d), z[m * d : m * d + m]
        return np.maximum(x @ a.T, 0) @ c - wanted

    for _ in range(n_starts):
        z0 = start + 0.7 * rng.standard_normal(start.size)
        level = np.abs(z0 - start).max()
        solved = minimize(
            lambda z: z[-1] + 50.0 * np.sqrt(np.mean(residual(z[:-1]) ** 2) + 1e-14),
            np.append(z0, level),
            constraints=[
                {"type": "ineq", "fun": lambda z: z[-1] - (z[:-1] - start)},
                {"type": "ineq", "fun": lambda z: z[-1] + (z[:-1] - start)},
            ],
            method="SLSQP",
            options={"maxiter": 300},
        )
        if np.abs(residual(solved.x[:-1])).max() < 1e-5:
            best = min(best, solved.x[-1])
    return best


@pytest.mark.slow
def test_example_2_4_against_a_constrained_search():
    example = next(p for p in PATHOLOGIES if p.example == "2.4")
    for k in (2, 5):
        found = example.instance(k)
        value = constrained_search(found.gamma, found.phi, np.random.default_rng(k), 20)
        assert value >= float(found.fibre_lower) - 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_one_spare_neuron_against_a_constrained_search(seed):
    rng = np.random.default_rng([1, seed])
    theta = Parametrization(rng.standard_normal((2, 2)), rng.standard_normal(2))
    gamma = Parametrization(rng.standard_normal((3, 2)), rng.standard_normal(3))
    found = distance_to_fibre(gamma, theta)
    assert found.exact
    value = constrained_search(gamma, theta, rng, 25)
    assert value >= found.lower - 2e-3


def degenerate(rng, d, m):
    """Small integers, with opposite, duplicate, cancelling, flippable or disparate neurons."""
    a, c = rng.integers(-2, 3, (m, d)).astype(float), rng.integers(-2, 3, m).astype(float)
    kind = rng.integers(6)
    if kind == 1:
        a[-1] = -a[0] * rng.integers(1, 3)
    elif kind == 2:
        a[-1], c[-1] = a[0], rng.choice([c[0], -c[0]])
    elif kind == 3:
        a[-1], c[-1] = -a[0], -c[0]
    elif kind == 4:
        a[-1], c[-1] = -(a[:-1] * c[:-1, None]).sum(axis=0), 1.0
    elif kind == 5:
        a, c = np.ldexp(a, rng.integers(-450, 450, (m, 1))), np.ldexp(c, rng.integers(-300, 300))
    return a, c


def another(rng, a, c):
    """A network that may be a permutation, a rescaling or a flip of (a, c), with spare neurons."""
    kind, m = rng.integers(5), len(c)
    order, powers = rng.permutation(m), rng.integers(-2, 3, m)
    if kind == 0:
        a, c = a[order], c[order]
    elif kind == 1:
        a, c = np.ldexp(a, powers[:, None]), np.ldexp(c, -powers)
    elif kind == 2:
        a = np.where(rng.random((m, 1)) < 0.5, -a, a)
    elif kind == 3:
        a = a + 0.25 * np.abs(a).max() * rng.integers(-1, 2, a.shape)
    else:
        a, c = degenerate(rng, a.shape[1], m)
    if rng.random() < 0.5:
        rows, outputs = degenerate(rng, a.shape[1], int(rng.integers(1, 3)))
        a, c = np.vstack([a, rows]), np.append(c, outputs)
    return a, c


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("block", [0, pytest.param(range(1, 20), marks=pytest.mark.slow)])
def test_degenerate_networks_against_rationals(offset, block):
    """No refusal of a fibre that is not empty, 0 where functions are equal, true brackets."""
    blocks = [block] if isinstance(block, int) else block
    refused = zeros = decided = 0
    for seed in (40 * k + i for k in blocks for i in range(40)):
        rng = np.random.default_rng([2, offset, seed])
        d, space = int(rng.integers(1 + offset, 4)), None
        theta = degenerate(rng, d, int(rng.integers(1, 4)))
        gamma = another(rng, *theta)
        if rng.random() < 0.3:
            k = rng.integers(len(theta[1]))
            theta = (
                np.vstack([theta[0], theta[0][k] * rng.choice([-1, 1, 2])]),
                np.append(theta[1], rng.integers(-2, 3)),
            )
        if offset:
            last = np.eye(d)[-1:]
            theta = np.vstack([theta[0], last]), np.append(theta[1], rng.integers(-2, 3))
            own = rng.choice([theta[1][-1], rng.integers(-2, 3)])
            gamma = np.vstack([gamma[0], last]), np.append(gamma[1], own)
            space = UnrestrictedSpace(d, len(gamma[1]), offset=True)
        networks = Parametrization(*gamma), Parametrization(*theta)
        assert distance_to_fibre(networks[0], networks[0], space=space).upper == 0, seed
        assert parameter_distance(networks[0], networks[0], space=space) == 0, seed
        spare = len(gamma[1]) - offset - fibre.count_planes(theta, offset)
        comparable = spare == 0 or (spare == 1 and not offset)
        try:
            found = distance_to_fibre(*networks, space=space)
        except ValueError:
            refused += 1
            huge = Fraction(10) ** 300
            assert spare < 0 or (comparable and not fibre.nearer(gamma, theta, huge, offset)), seed
            continue
        if fibre.same_function(gamma, theta, offset):
            zeros += 1
            assert found.upper == 0, seed
            continue
        assert found.lower <= found.upper, seed
        if comparable:
            decided += found.exact
            size = float(max(np.abs(gamma[0]).max(), np.abs(gamma[1]).max()))
            slack = Fraction(2) ** -45 * Fraction(size)
            low = Fraction(found.lower) * (1 - Fraction(2) ** -50)
            assert found.lower == 0 or not fibre.nearer(gamma, theta, low, offset), seed
            if np.isfinite(found.upper):
                high = Fraction(found.upper) * (1 + Fraction(2) ** -45) + slack
                assert fibre.nearer(gamma, theta, high, offset), seed
    assert zeros >= 3 and decided >= 3
