"""The bracket of a minimum's radius: witnesses really are better, lower ends are never beaten.

Everything a record says is recomputed here from ``realize`` and the space; the search that attacks
the lower end is the oracle's own, and on tiny problems the radius is known in closed form.

Checks Theorem 10 of docs/mathematics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from landscape.descent import DescentOutcome, descend
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.radius import RadiusBudget, bracket_radius, widest_member
from landscape.radius._bound import BoxOutcome, search_box
from landscape.radius._box import Centre, roots
from landscape.radius._relaxation import Relaxation
from landscape.realization import realize
from landscape.spaces import RestrictedSpace, Space, UnrestrictedSpace, make_space
from tests.cases import diagonal
from tests.oracles.falsifier import attack
from tests.oracles.problems import DATA


def loss(theta: Parametrization, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((realize(theta, X) - y) ** 2))


def distance(one: Parametrization, other: Parametrization) -> float:
    return max(
        float(np.abs(one.weights - other.weights).max()),
        float(np.abs(one.output_weights - other.output_weights).max()),
    )


def minimum(space: Space, X: np.ndarray, y: np.ndarray, seed: int, m: int) -> Parametrization:
    """The end of a descent that is certified, with a residual."""
    p = X.shape[1] - space.extra_inputs
    for attempt in range(20):
        rng = np.random.default_rng([seed, attempt])
        theta = space.from_network(
            rng.standard_normal((m, p)),
            rng.standard_normal(m),
            rng.standard_normal(m),
            rng.standard_normal(),
        )
        result = descend(theta, X, y, space=space)
        if result.outcome is DescentOutcome.MINIMUM and result.loss > 1e-8:
            return result.parametrization
    raise AssertionError("no minimum found: the test itself is wrong")


def check(bracket, theta: Parametrization, X, y, space: Space) -> None:
    """What every bracket promises."""
    assert 0 <= bracket.r_cell <= bracket.r_low <= bracket.r_high
    assert bracket.loss == pytest.approx(loss(theta, X, y), rel=1e-12)
    assert 0 <= bracket.slack <= 1e-5 * bracket.loss
    if bracket.witness is None:
        assert bracket.r_high == np.inf and bracket.method_high == "none found"
        return
    assert space.contains(bracket.witness)
    assert distance(bracket.witness, theta) == pytest.approx(bracket.r_high, rel=1e-12)
    assert loss(bracket.witness, X, y) == pytest.approx(bracket.loss_witness, rel=1e-12)
    assert bracket.loss_witness < bracket.loss - bracket.slack


@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
@pytest.mark.parametrize(
    ("data", "nodes"),
    [
        ("smooth", 20),
        ("duplicates", 20),
        *(pytest.param(data, 20, marks=pytest.mark.slow) for data in ("collinear", "grid", "sine")),
        *(
            pytest.param(data, 150, marks=pytest.mark.slow)
            for data in sorted(set(DATA) - {"teacher", "few"})
        ),
    ],
)
def test_both_ends(data, nodes, name):
    """A better witness above; below, the oracle's search finds nothing."""
    features, y = DATA[data]()
    m = 2
    space = make_space(name, features.shape[1], m)
    X = space.embed(features)
    theta = minimum(space, X, y, 3, m)
    budget = RadiusBudget(max_nodes=nodes, n_starts=6)
    bracket = bracket_radius(theta, X, y, space=space, budget=budget)
    check(bracket, theta, X, y, space)
    found = attack(
        theta,
        X,
        y,
        radius=bracket.r_low,
        balanced=name != "unrestricted",
        lower=space.bounds()[0] if name == "restricted" else None,
        frozen=int(name == "unrestricted"),
        n_random=60,
        n_descents=6,
    )
    assert found.gain <= bracket.slack + 1e-12 * bracket.loss


def test_closed_form_of_one_neuron():
    """C relu(a) with y = 1 and a < 0: better as soon as a > 0 and c > 0, so r* = 1 = |a|."""
    theta, space = Parametrization([[-1.0]], [2.0]), UnrestrictedSpace(1, 1)
    bracket = bracket_radius(theta, [[1.0]], [1.0], space=space, budget=RadiusBudget(ratio=1.001))
    assert bracket.r_low <= 1.0 + 1e-6 and bracket.r_high > 1.0
    assert bracket.r_high <= 1.002


def test_closed_form_with_a_sign_change():
    """The wrong sign: c relu(a) = 0 with a = -3, c = -1, y = 1 needs a > 0 *and* c > 0: r* = 3."""
    theta, space = Parametrization([[-3.0]], [-1.0]), UnrestrictedSpace(1, 1)
    bracket = bracket_radius(theta, [[1.0]], [1.0], space=space)
    check(bracket, theta, np.array([[1.0]]), np.array([1.0]), space)
    assert bracket.r_low <= 3.0 * (1 + 1e-6) and 3.0 <= bracket.r_high <= 1.1 * bracket.r_low
    # And with the weights the right way round but c wrong at first: not a minimum at all.
    with pytest.raises(ValueError, match="not certified"):
        bracket_radius(Parametrization([[3.0]], [-1.0]), [[1.0]], [1.0], space=space)


def test_zero_residual_is_global():
    X = np.array([[1.0], [2.0]])
    theta, space = Parametrization([[1.0]], [2.0]), UnrestrictedSpace(1, 1)
    bracket = bracket_radius(theta, X, 2 * X[:, 0], space=space)
    assert bracket.r_low == bracket.r_high == np.inf and bracket.ratio == 1
    assert bracket.method_low == bracket.method_high == "residual"
    assert bracket.witness is None and "global" in bracket.reason


def test_without_nodes_it_is_the_certificate():
    features, y = DATA["sine"]()
    space = make_space("restricted", 1, 2)
    X = space.embed(features)
    theta = minimum(space, X, y, 0, 2)
    bracket = bracket_radius(theta, X, y, space=space, budget=RadiusBudget(max_nodes=0))
    assert bracket.r_low == certify_minimum(theta, X, y, space=space).radius
    assert bracket.n_nodes == 0 and bracket.method_low == "r_cell"
    check(bracket, theta, X, y, space)


def test_the_same_every_time():
    features, y = DATA["sine"]()
    space = make_space("unrestricted", 1, 2)
    X = space.embed(features)
    theta = minimum(space, X, y, 1, 2)
    budget = RadiusBudget(max_nodes=150, n_starts=6)
    one, two = (bracket_radius(theta, X, y, space=space, budget=budget) for _ in range(2))
    assert (one.r_low, one.r_high, one.n_nodes) == (two.r_low, two.r_high, two.n_nodes)


@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
def test_a_planted_better_point_is_never_proved_away(name):
    """Boxes that hold a better point by construction: the search must not prove them."""
    features, y = DATA["sine"]()
    space = make_space(name, 1, 3)
    X = space.embed(features)
    minima = [minimum(space, X, y, seed, 3) for seed in range(6)]
    minima.sort(key=lambda theta: loss(theta, X, y))
    best, planted = minima[0], 0
    for theta in minima[1:]:
        centre = Centre(theta, X, y, space)
        target = loss(theta, X, y) * (1 - 1e-6)
        if loss(best, X, y) < target:
            planted += 1
            answer = search_box(centre, distance(theta, best) * 1.001, target, 40)
            assert answer.outcome in (BoxOutcome.BEATEN, BoxOutcome.BUDGET)
            assert answer.bound <= loss(best, X, y) + 1e-9 or answer.witness is not None
    assert planted >= 2


@pytest.mark.parametrize(
    ("name", "relative"), diagonal(["restricted", "balanced", "unrestricted"], [0.1, 1.0, 4.0])
)
def test_the_program_bounds_the_loss_from_below(name, relative):
    """At random points of the box, whatever the radius: no loss below the root's bound."""
    features, y = DATA["smooth"]()
    space = make_space(name, 2, 2, margin=1e-3)
    X = space.embed(features)
    theta = minimum(space, X, y, 5, 2)
    centre = Centre(theta, X, y, space)
    radius = relative * float(np.abs(theta.output_weights).min())
    least = min(Relaxation(centre, node).bound for node in roots(centre, radius))
    rng = np.random.default_rng(0)
    n_seen = 0
    for _ in range(1500):
        scale = radius * (1.0 if rng.random() < 0.5 else rng.random())
        a = theta.weights + scale * np.sign(rng.uniform(-1, 1, theta.weights.shape))
        if name == "unrestricted":
            a[-1] = theta.weights[-1]
            c = theta.output_weights + scale * rng.uniform(-1, 1, theta.n_neurons)
        else:
            norms = np.abs(a).max(axis=1)
            c = norms * np.sign(theta.output_weights)
            turned = -c
            c = np.where(np.abs(turned - theta.output_weights) <= radius, turned, c)
        point = Parametrization(a, c)
        if space.contains(point) and distance(point, theta) <= radius:
            n_seen += 1
            assert loss(point, X, y) >= least - 1e-9
    assert n_seen >= 20


def leaves(centre: Centre, radius: float, rng: np.random.Generator, depth: int) -> list:
    """A random partition of the box, by all the kinds of cuts that the search makes."""
    nodes = list(roots(centre, radius))
    for _ in range(depth):
        node = nodes.pop(int(rng.integers(len(nodes))))
        i = int(rng.integers(len(node.signs)))
        open_ = np.flatnonzero(node.side[:, i] == 0)
        kind = rng.random()
        if open_.size and kind < 0.7:
            nodes += node.by_side(centre, int(rng.choice(open_)), i)
        elif centre.balanced and node.face[i] == 0:
            nodes += node.by_face(centre, i)
        else:
            middle = 0.5 * (node.s_low[i] + node.s_high[i])
            nodes += node.by_size(centre, i, middle)
    return nodes


def holds_point(node, centre: Centre, point: Parametrization) -> bool:
    """Whether a parametrization is in a node."""
    m, slack = len(node.signs), 1e-12
    a, c = point.weights[:m], point.output_weights[:m]
    heights = centre.X @ a.T
    top = np.abs(a).max(axis=1)
    at = np.maximum(np.abs(node.face) - 1, 0)
    faces = np.sign(node.face) * a[np.arange(m), at] >= top - slack
    return bool(
        (node.a_low - slack <= a).all()
        and (a <= node.a_high + slack).all()
        and (node.s_low - slack <= np.abs(c)).all()
        and (np.abs(c) <= node.s_high + slack).all()
        and (node.signs * c >= 0).all()
        and (node.side * heights >= -slack).all()
        and (faces | (node.face == 0)).all()
    )


@pytest.mark.parametrize(
    ("data", "name"),
    diagonal(["sine", "duplicates", "smooth", "grid"], ["restricted", "balanced", "unrestricted"]),
)
def test_a_partition_covers_the_box_and_bounds_it(data, name):
    """Every point of the box is in a leaf, and no leaf's bound is above the loss of its points."""
    features, y = DATA[data]()
    space = make_space(name, features.shape[1], 2)
    X = space.embed(features)
    theta = minimum(space, X, y, 6, 2)
    centre = Centre(theta, X, y, space)
    rng = np.random.default_rng(1)
    for relative in (0.3, 1.5):
        radius = relative * float(np.abs(centre.c).min() + 0.1)
        parts = leaves(centre, radius, rng, 12)
        bounds = [Relaxation(centre, node).bound for node in parts]
        n_seen = 0
        for _ in range(300):
            scale = radius * (0.1 if rng.random() < 0.5 else 1.0)
            a = theta.weights + scale * rng.uniform(-1, 1, theta.weights.shape)
            c = theta.output_weights + scale * rng.uniform(-1, 1, theta.n_neurons)
            if name == "unrestricted":
                a[-1] = theta.weights[-1]
            else:
                if name == "restricted":
                    a[:, -2:] = np.abs(a[:, -2:])
                c = np.abs(a).max(axis=1) * np.sign(theta.output_weights)
            point = Parametrization(a, c)
            if not space.contains(point) or distance(point, theta) > radius:
                continue
            n_seen += 1
            mine = [
                b for b, node in zip(bounds, parts, strict=True) if holds_point(node, centre, point)
            ]
            assert mine
            assert max(mine) <= loss(point, X, y) * (1 + 1e-13)
        assert n_seen >= 30


@pytest.mark.parametrize("power", [-60, 60])
def test_brackets_in_other_units_hold_the_same_radius(power):
    features, y = DATA["sine"]()
    space = make_space("restricted", 1, 2)
    X = space.embed(features)
    theta = minimum(space, X, y, 2, 2)
    budget = RadiusBudget(max_nodes=60, n_starts=4)
    bracket = bracket_radius(theta, X, y, space=space, budget=budget)
    moved = Parametrization(theta.weights * 2.0**power, theta.output_weights * 2.0**power)
    again = bracket_radius(moved, X, y * 4.0**power, space=space, budget=budget)
    assert again.r_cell == bracket.r_cell * 2.0**power
    assert again.r_cell <= again.r_low <= bracket.r_high * 2.0**power
    assert bracket.r_low * 2.0**power <= again.r_high


def test_multipliers_of_any_size_give_a_bound():
    """The bound does not depend on what the solver says: random multipliers bound as well."""
    features, y = DATA["sine"]()
    space = make_space("unrestricted", 1, 2)
    X = space.embed(features)
    theta = minimum(space, X, y, 2, 2)
    centre = Centre(theta, X, y, space)
    program = Relaxation(centre, next(roots(centre, 0.3)))
    rng = np.random.default_rng(0)
    point, multipliers, _ = program.solve()
    best = program.dual_bound(point, multipliers, True)
    for size in (1e-6, 1e-2, 1.0):
        shaken = multipliers + size * rng.standard_normal(multipliers.size)
        shaken[program.n_equal :] = np.maximum(0.0, shaken[program.n_equal :])
        moved = point + size * rng.standard_normal(point.size)
        assert program.dual_bound(moved, shaken, True) <= best * (1 + 1e-7) + 1e-9


# --- flat families ------------------------------------------------------------------------------


def members(theta: Parametrization, rng: np.random.Generator) -> Parametrization:
    """Another member of every neuron's flat family."""
    u = theta.products.copy()
    least = u[:, -2:].min(axis=1)
    scale = np.abs(u).max(axis=1)
    t = np.where(
        rng.random(len(u)) < 0.5, -least * rng.random(len(u)), scale * rng.exponential(1, len(u))
    )
    u[:, -2:] += t[:, None]
    return Parametrization.from_products(u, theta.signs)


@pytest.mark.parametrize(
    ("data", "name"),
    diagonal(["sine", "smooth", "grid", "duplicates"], ["restricted", "balanced"]),
)
def test_no_member_is_wider(data, name):
    features, y = DATA[data]()
    space = make_space(name, features.shape[1], 3)
    X = space.embed(features)
    rng = np.random.default_rng(4)
    for seed in range(3):
        theta = minimum(space, X, y, seed, 3)
        wide = widest_member(theta, X, space)
        assert space.contains(wide) or not space.contains(theta)
        np.testing.assert_allclose(realize(wide, X), realize(theta, X), atol=1e-12)
        radius = certify_minimum(wide, X, y, space=space).radius
        for k in range(30):
            member = members(theta if k % 2 else wide, rng)
            other = certify_minimum(member, X, y, space=space)
            assert other.radius <= radius * (1 + 2e-3)
        assert radius >= certify_minimum(theta, X, y, space=space).radius * (1 - 2e-3)


def test_wide_members_keep_the_margin_and_the_family():
    space = RestrictedSpace(3, 2, margin=0.5)
    X = np.array([[1.0, 1, -1], [2, 1, -1], [-3, 1, -1]])
    theta = Parametrization.from_products([[1.0, 9, 9], [-2, 4, 3]], [1, -1])
    wide = widest_member(theta, X, space)
    assert space.contains(wide)
    np.testing.assert_allclose(wide.products[:, 0], [1, -2])
    np.testing.assert_allclose(wide.products[:, 1] - wide.products[:, 2], [0, 1], atol=1e-15)
    unlifted = X + np.array([0.0, 0.0, 0.5])
    assert widest_member(theta, unlifted, space) is theta


@pytest.mark.slow
@pytest.mark.parametrize("name", ["restricted", "unrestricted"])
def test_the_default_budget_closes_most_brackets(name):
    """Issue 4: median of r_high / r_low below 1.5 for (inputs, m, n) = (1, 3, 20)."""
    features, y = DATA["sine"]()
    space = make_space(name, 1, 3)
    X = space.embed(features)
    ratios = []
    for seed in range(15):
        theta = minimum(space, X, y, seed, 3)
        bracket = bracket_radius(theta, X, y, space=space)
        check(bracket, theta, X, y, space)
        ratios.append(bracket.ratio)
    assert np.median(ratios) < 1.5, ratios
