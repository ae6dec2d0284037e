"""The oracles themselves, held against counting formulas, closed forms and each other."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from landscape.parametrization import Parametrization
from tests.oracles import atlas, ball, falsifier, problems
from tests.oracles.local_minimum import decide, improves
from tests.oracles.rational import cells, combination, interior_point, null_space, vector, vectors


def test_combination_finds_multipliers_or_a_separator():
    columns = vectors([[1, 0], [1, 1]])
    assert combination(columns, vector([3, 1])) == ([Fraction(2), Fraction(1)], None)
    multipliers, separator = combination(columns, vector([0, 1]))
    assert multipliers is None
    assert separator == (1, -1) or separator[0] + separator[1] >= 0


def test_interior_point_of_a_half_line_does_not_exist():
    assert interior_point(vectors([[1, 0], [-1, 0]]), 2) is None
    assert interior_point(vectors([[1, 0], [-1, 1000000]]), 2) is not None


@pytest.mark.parametrize(("d", "m"), [(2, 5), (3, 5), (4, 4)])
def test_number_of_cells_in_general_position(rng, d, m):
    found = [signs for signs, _ in cells(vectors(rng.standard_normal((m, d))))]
    assert len(found) == len(set(found)) == 2 * sum(comb(m - 1, k) for k in range(d))


def test_cells_of_concurrent_lines_and_duplicates():
    # Three planes through one line: 6 cells, not 8; a duplicate and a negative add none.
    normals = vectors([[1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 2, 0], [-1, 0, 0]])
    assert len(list(cells(normals))) == 6


def test_null_space_is_exact():
    basis = null_space(vectors([[1, 2, 3, 4], [2, 4, 6, 9]]), 4)
    assert len(basis) == 2
    for s in basis:
        assert s[0] + 2 * s[1] + 3 * s[2] == 0
        assert s[3] == 0


@pytest.mark.parametrize(("sign", "expected"), [(1, True), (-1, False)])
def test_apex_decided_by_hand(sign, expected):
    """x = -1, 0, 1 with s = (1, -2, 1): sums with convex functions are >= 0, so σ = 1 is stuck."""
    x = [[-1, 1, -1], [0, 1, -1], [1, 1, -1]]
    decision = decide([[0, 1, 1]], [sign], x, [-1, 2, -1])
    assert decision.is_minimum is expected
    if not expected:
        assert improves([[0, 1, 1]], [sign], x, [-1, 2, -1], decision)


def test_the_decision_agrees_with_the_search(rng):
    """On random integer problems with kinks: every "no" is improved upon, no "yes" is."""
    answers = []
    for _ in range(40):
        p, m = rng.integers(1, 3), rng.integers(1, 3)
        x = problems.lifted(rng.integers(-2, 3, (m * (p + 1) + 3, p)))
        u = np.column_stack([rng.integers(-2, 3, (m, p)), rng.integers(1, 4, (m, 2))])
        values = [Fraction(k, 4) for k in (-1, 0, 1, 2, 4, 5)]
        multipliers = {(i, k): rng.choice(values) for i in range(m) for k in range(len(x))}
        problem = problems.build(
            x.astype(int),
            u,
            rng.choice([-1, 1], m),
            multipliers=multipliers,
            pick=problems.random_pick(rng),
        )
        decision = problem.decide()
        answers.append(decision.is_minimum)
        assert problem.known in (None, decision.is_minimum)
        if not decision:
            arguments = problem.products, problem.signs, problem.X, problem.y
            assert improves(*arguments, decision)
            continue
        heights = (
            np.abs(problem.X @ problem.theta.weights.T) / np.abs(problem.X).sum(axis=1)[:, None]
        )
        outputs = np.abs(problem.theta.output_weights)
        radius = min(heights[heights > 1e-9].min(initial=np.inf), outputs.min())
        found = falsifier.attack(
            problem.theta,
            problem.X,
            problem.y,
            radius=0.999 * radius,
            balanced=True,
            n_random=40,
            n_descents=2,
        )
        assert found.gain <= 1e-12 * (1 + np.mean(problem.residuals**2))
    assert 8 < sum(answers) < 32


def test_the_falsifier_finds_what_is_there(rng):
    """A non-minimum whose only way down is one direction of one neuron."""
    problem = problems.build(
        problems.lifted([[-2], [-1], [0], [1], [2], [3]]).astype(int),
        [[1, 1, 1]],
        [1],
        multipliers={(0, 2): Fraction(5, 4)},
        pick=lambda basis: problems.smallest([s for s in basis if s[2] != 0]),
    )
    assert problem.known is False
    found = falsifier.attack(problem.theta, problem.X, problem.y, radius=0.1, balanced=True)
    assert found.gain > 1e-6
    assert found.distance <= 0.1 * (1 + 1e-12)


def test_atlas_of_one_neuron_by_hand():
    """Three points in the shape of a ramp: the ramp is found, and the mean square for σ = -1."""
    losses = atlas.cell_minima(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.0, 2.0]), 1)
    assert losses[0] == pytest.approx(0.0, abs=1e-28)
    assert losses[-1] == pytest.approx(4.0 / 3.0, rel=1e-12)


def test_seminorm_by_cells_closed_forms():
    two = Parametrization([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    assert ball.seminorm(two) == 2.0
    # relu(x) - relu(-x) is linear, relu(x) + relu(-x) = |x|, equal ones add up.
    assert ball.seminorm(Parametrization([[3.0, 1.0], [-3.0, -1.0]], [1.0, -1.0])) == 3.0
    assert ball.seminorm(Parametrization([[3.0, 1.0], [6.0, 2.0]], [1.0, 1.0])) == 9.0
    assert ball.seminorm(Parametrization([[3.0, 1.0], [6.0, 2.0]], [2.0, -1.0])) == 0.0


def test_ball_of_one_neuron_by_hand():
    """R = t relu(x), data 1 at x = 1, ‖u‖ = 2: the best scale is 1/2, the ball stops before."""
    theta = Parametrization.from_products([[2.0, 1.0]], [1.0])
    x, y = np.array([[0.5, 0.0], [1.0, 0.0]]), np.array([0.5, 1.0])
    found = ball.minimize_over_ball(theta, x, y, radius=0.25)
    assert found.scales == pytest.approx([0.875], abs=1e-7)
    assert found.gap == pytest.approx(np.mean(np.array([0.5, 1.0]) ** 2) * (1 - 0.75**2), rel=1e-6)
    wide = ball.minimize_over_ball(theta, x, 1.5 * y, radius=0.9)
    assert wide.scales == pytest.approx([0.75], abs=1e-7)
    lower = np.array([[-np.inf, 0.95]])
    bound = ball.minimize_over_ball(theta, x, y, radius=0.25, lower=lower)
    assert bound.scales == pytest.approx([0.95], abs=1e-7)
