"""The judge against pencil and paper and against brute force; wrong certificates are caught."""

from dataclasses import replace
from fractions import Fraction
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest

from landscape import BalancedSpace, Parametrization, RestrictedSpace, UnrestrictedSpace
from tests.attack.attack import (
    WRONG,
    Judgement,
    draw,
    judge_certificate,
    judge_instance,
    judge_point,
)
from tests.attack.families import FAMILIES, Instance
from tests.attack.judge import Point, Problem, Slope, canonical, solvable
from tests.attack.optimizer import falsify

P = Parametrization
N, B, R = UnrestrictedSpace, BalancedSpace, RestrictedSpace


def decide(theta, X, y, space, penalty=None):
    return Problem(np.asarray(X, float), np.asarray(y, float), space, penalty).is_minimum(
        Point.of(theta)
    )[0]


# --- the judge -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theta", "X", "y", "space", "truth"),
    [
        # One neuron, smooth: residuals 1, -1 on equal samples; moved, they are 1, 0.
        (P([[1.0]], [1.0]), [[1], [1]], [0, 2], N(1, 1), True),
        (P([[1.0]], [1.0]), [[1], [1]], [0, 1], N(1, 1), False),
        # A sample on the kink wants less: convex, 0 is in [0, 1]. It wants more: no minimum.
        (P([[1.0, 0.0]], [1.0]), [[1, 0], [0, 1]], [1, -1], N(2, 1), True),
        (P([[1.0, 0.0]], [1.0]), [[1, 0], [0, 1]], [1, 1], N(2, 1), False),
        # Opposite samples on the kink, residuals 2 and -1: 2 relu(v) - relu(-v) goes down at v < 0.
        (P([[1.0, 0.0]], [1.0]), [[1, 0], [0, 1], [0, -1]], [1, -2, 1], N(2, 1), False),
        # Parallel samples on the kink: 3 relu(v) - 2 relu(v) does not.
        (P([[1.0, 0.0]], [1.0]), [[1, 0], [0, 1], [0, 2]], [1, -3, 1], N(2, 1), True),
        # c = 0, a = 1: y = 1 pulls c up; residuals that cancel on the sample do not pull.
        (P([[1.0]], [0.0]), [[1]], [1], N(1, 1), False),
        (P([[1.0]], [0.0]), [[1], [1]], [1, -1], N(1, 1), True),
        (P([[-1.0]], [0.0]), [[1]], [1], N(1, 1), True),  # dead
        (P([[0.0]], [0.0]), [[1]], [-1], B(1, 1), False),  # the other sign
        (P([[0.0]], [0.0]), [[1], [1]], [-1, 1], B(1, 1), True),
        (P([[0.0]], [1.0]), [[1]], [-1], N(1, 1), True),  # on N the sign of c stays
        (P([[0.0]], [-1.0]), [[1]], [-1], N(1, 1), False),
        # Bounds: y = 0 wants u_2 down to the margin, and no further.
        (P([[1.0, 1.0]], [1.0]), [[0, 1]], [0], R(2, 1, margin=1.0), True),
        (P([[1.0, 1.0]], [1.0]), [[0, 1]], [0], R(2, 1, margin=0.5), False),
        (P([[1.0, 1.0]], [1.0]), [[0, 1]], [2], R(2, 1, margin=0.5, bound=1.0), True),
        (P([[1.0, 1.0]], [1.0]), [[0, 1]], [2], R(2, 1, margin=0.5), False),
        # The frozen neuron is e relu(x_last): the sample with x_last = -1 does not see it.
        (P([[0.0, 1]], [1.0]), [[0, 1], [0, -1]], [1, 1], N(2, 1, offset=True), True),
        (P([[0.0, 1]], [0.0]), [[0, 1], [0, -1]], [1, 1], N(2, 1, offset=True), False),
        # Case 6: a strict minimum at any distance from the kink.
        (P([[2.0, -1e-12]], [1.0]), np.eye(2), [2, 1], N(2, 1), True),
        (P([[2.0, 0.0]], [1.0]), np.eye(2), [2, 1], N(2, 1), False),
    ],
)
def test_minima_and_saddles_by_pencil_and_paper(theta, X, y, space, truth):
    assert decide(theta, X, y, space) is truth


def test_a_penalty_moves_the_minimum():
    # (u - 3)^2 + 2 u^2 is least at u = 1.
    X, y, penalty = [[1.0]], [3.0], np.array([2.0])
    assert decide(P([[1.0]], [1.0]), X, y, B(1, 1), penalty) is True
    assert decide(P([[4.0]], [0.5]), X, y, N(1, 1), penalty) is False
    assert decide(P([[2.0]], [0.5]), X, y, N(1, 1), penalty) is True


def random_slope(rng):
    d, k = int(rng.integers(1, 4)), int(rng.integers(0, 6))
    X, w = rng.integers(-2, 3, size=(k, d)), 2 * rng.integers(-2, 5, size=k)
    g = -(w * rng.integers(-1, 4, size=k) // 2) @ X
    lower = frozenset(j for j in range(d) if rng.random() < 0.15)
    upper = frozenset(j for j in range(d) if rng.random() < 0.15 and j not in lower)
    g = g + np.array([int(rng.integers(0, 3)) if j in lower else 0 for j in range(d)])
    return g.astype(int), X, w, lower, upper


def test_rays_and_duality_and_brute_force_agree():
    """Rays against Farkas on every choice of concave kinks, and against all small directions."""
    decisions = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        g, X, w, lower, upper = random_slope(rng)
        slope = Slope(*canonical(g.tolist(), X.tolist(), w.tolist()), lower, upper)
        decision, witness = slope.by_rays()
        assert decision is slope.by_choices()
        V = np.stack(np.meshgrid(*[np.arange(-3, 4)] * len(g), indexing="ij"), -1)
        V = V.reshape(-1, len(g))
        V = V[[slope.feasible(v) for v in V.tolist()]]
        h = V @ g + np.maximum(V @ X.T, 0) @ w  # not merged
        assert [slope(v) for v in V.tolist()] == h.tolist()
        if (h < 0).any():
            assert decision is False
        if decision is False:
            assert slope.descent(witness)
        decisions.append(decision)
    assert 50 < sum(decisions) < 250


def test_phase_one_of_the_simplex_method():
    assert solvable([([1, 0], True), ([0, 1], True)], [1, 1])
    assert not solvable([([1, 0], True), ([0, 1], True)], [2, 1])
    assert solvable([([1, 0], False), ([0, 1], True)], [2, 1])
    assert not solvable([([1, 1], False)], [1, 0])
    assert solvable([], [0, 0]) and not solvable([], [0, -1])


def test_losses_are_exact():
    theta, X, y = P([[0.1, 0.2]], [-3.0]), [[1.0, 2.0], [-1.0, 0.0]], [0.5, 0.25]
    r = -3 * (Fraction(0.1) + 2 * Fraction(0.2)) - Fraction(1, 2)
    problem = Problem(np.array(X), np.array(y), N(2, 1))
    assert problem.loss(Point.of(theta)) == (r * r + Fraction(1, 16)) / 2


def test_every_family_is_as_its_construction_says():
    """``truth`` is by construction, the decision is not."""
    known = 0
    for name in FAMILIES:
        for index in range(2):
            x = draw(name, 5, index)
            if x.truth is not None:
                known += 1
                assert decide(x.theta, x.X, x.y, x.space, x.penalty) is x.truth, (name, index)
    assert known >= 8


# --- wrong certificates are caught ---------------------------------------------------------------


def says(x, **claim):
    """What the judge says of a made-up certificate."""
    problem, theta = Problem(x.X, x.y, x.space, x.penalty), Point.of(x.theta)
    loss = float(problem.loss(theta))
    claim = {"verdict": "holds", "kind": "smooth", "radius": 0.01, "slack": 1e-12 * loss, **claim}
    claim["verdict"] = SimpleNamespace(value=claim["verdict"])
    certificate = SimpleNamespace(**{"loss": loss, "reason": "", "direction": None, **claim})
    result = Judgement()
    judge_certificate(x, problem, theta, certificate, result, np.random.default_rng(0))
    return {c for c in WRONG if result.counts[c]}


BESIDE = Instance(P([[2.0, -0.125]], [1.0]), np.eye(2), np.array([2.0, 1.0]), N(2, 1))
SMOOTH = Instance(P([[1.0]], [1.0]), np.array([[1.0], [1.0]]), np.array([0.0, 2.0]), N(1, 1))


def test_true_certificates_pass():
    assert says(BESIDE, radius=0.12, slack=0.0) == set()
    assert says(SMOOTH, radius=0.9, slack=0.0) == set()
    assert says(replace(SMOOTH, y=np.array([0.0, 3.0])), verdict="violated") == set()


def test_a_radius_that_is_too_large():
    assert says(BESIDE, radius=0.3) == {"false holds"}


def test_no_slack_where_rounding_needs_some():
    beside = replace(SMOOTH, theta=P([[1.0 + 1e-9]], [1.0]))
    assert says(beside, slack=0.0) == {"false holds"}
    assert says(beside, slack=2e-18) == set()


def test_a_slack_that_is_worth_nothing_and_a_radius_of_zero():
    assert says(SMOOTH, slack=0.1) == {"worthless holds"}
    assert says(SMOOTH, radius=0.0) == {"worthless holds"}


def test_a_flipped_verdict():
    assert says(SMOOTH, verdict="violated") == {"false violated"}
    for x in (SMOOTH, BESIDE):
        moved = replace(x, y=x.y + 0.5)
        assert says(moved) == {"false holds"}


def test_a_global_minimum_that_is_none():
    assert says(SMOOTH, kind="global", radius=inf, slack=1.0) == {"false global"}
    zero = replace(SMOOTH, y=np.array([1.0, 1.0]))
    assert says(zero, kind="global", radius=inf, slack=0.0) == set()


def proves(x, products, *, distance=0.0, radius=0.0, loss=1):
    """What the judge says of a made-up proof beside a certificate that decides nothing."""
    proof = SimpleNamespace(
        proved=True,
        products=tuple(tuple(map(Fraction, row)) for row in products),
        offset=Fraction(0),
        loss=Fraction(loss),
        distance=distance,
        radius=radius,
    )
    return says(replace(x, exact=True), verdict="undecided", proof=proof)


def test_proofs_are_judged():
    assert proves(SMOOTH, [[1]], radius=0.5) == set()
    near = replace(SMOOTH, theta=P([[1.0 + 2.0**-40]], [1.0]))
    assert proves(near, [[1]], distance=2.0**-40) == set()
    assert proves(near, [[1]], distance=2.0**-42) == {"false proofs"}  # farther than it says
    assert proves(SMOOTH, [[Fraction(5, 4)]], distance=1.0, loss=Fraction(17, 16)) == {
        "false proofs"  # no minimum
    }
    assert proves(SMOOTH, [[1]], radius=0.5, loss=2) == {"false proofs"}  # another loss
    border = Instance(P([[1.0, 1.0]], [1.0]), np.array([[0.0, 1.0]]), np.array([0.0]), R(2, 1))
    assert proves(border, [[1, 0]], distance=1.0, loss=0) == {"false proofs"}  # not in the space
    bounded = replace(border, space=R(2, 1, margin=1.0))
    assert proves(bounded, [[1, 1]]) == set()


@pytest.mark.parametrize("name", ["mixed kinks", "saddles", "nearly coplanar kinks", "apexes"])
def test_a_kink_that_was_dropped(name):
    """Points that are no minimum because of kinks, said to hold: the falsifier finds most."""
    tried = caught = 0
    for index in range(12):
        x = draw(name, 3, index)
        if decide(x.theta, x.X, x.y, x.space) is False:
            tried += 1
            caught += says(x) == {"false holds"}
    assert tried >= 6 and caught >= 0.8 * tried


def test_a_point_that_the_falsifier_returns_is_a_proof():
    x = replace(BESIDE, theta=P([[2.0, 0.0]], [1.0]))
    problem, theta = Problem(x.X, x.y, x.space), Point.of(x.theta)
    better = falsify(problem, theta, x.X, x.y, 0.25, 0.0, np.random.default_rng(0))
    assert better is not None and better.distance(theta) <= Fraction(1, 4)
    a, c = better.weights[0], better.outputs[0]
    loss = sum((c * max(v, 0) - t) ** 2 for v, t in zip(a, (2, 1), strict=True)) / 2
    assert loss < problem.loss(theta) == Fraction(1, 2)


# --- the certificates themselves -----------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_certificates_are_true(name):
    for index in range(4):
        judged = judge_point(name, 0, index)
        assert not any(judged.counts[c] for c in WRONG), (index, judged.notes)


def test_most_exact_minima_are_certified():
    result = Judgement()
    for index in range(10):
        judge_instance(draw("exact kinks", 11, index), result, np.random.default_rng(index))
    assert result.counts["holds"] >= 9
