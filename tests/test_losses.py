"""Losses: one contract for all, certificates and descents against judges of their own.

Checks Theorems 26, 27, 28, 29 and 36 of docs/mathematics.md.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, ctx
from scipy.optimize import linprog, minimize

from landscape import (
    Parametrization,
    RestrictedSpace,
    UnrestrictedSpace,
    certify_minimum,
    descend,
    lift_inputs,
)
from landscape.descent import DescentOutcome
from landscape.losses import WeightDecay, get_loss
from landscape.objective import mean_loss, objective_for
from landscape.rounding import Bounded
from landscape.spaces import make_space
from landscape.training import train
from landscape.verdict import Verdict

FORMS = [
    ("squared", {}),
    ("huber", {"delta": 0.75}),
    ("quantile", {"tau": 0.8, "width": 0.3}),
    ("logistic", {}),
    ("poisson", {}),
    ("absolute", {}),
    ("pinball", {"tau": 0.75}),
    ("hinge", {}),
]
SMOOTH = [name for name, _ in FORMS[:5]]


def in_balls(name, parameters, r, y):
    """The loss as its formula says, with 80 digits."""
    r, y = arb(r), arb(y)
    if name == "squared":
        return r**2
    if name == "huber":
        delta = arb(parameters["delta"])
        return r**2 if abs(r) <= delta else 2 * delta * abs(r) - delta**2
    if name == "quantile":
        tau, width = arb(parameters["tau"]), arb(parameters["width"])
        smooth = r**2 / (2 * width) if abs(r) <= width else abs(r) - width / 2
        return (tau if r < 0 else 1 - tau) * smooth
    if name == "logistic":
        return arb.log(1 + arb.exp(-(2 * y - 1) * r))
    if name == "hinge":
        margin = 1 - (2 * y - 1) * r
        return margin if margin > 0 else arb(0)
    if name in ("absolute", "pinball"):
        tau = arb(parameters.get("tau", 0.5)) * (1 if parameters else 2)
        return tau * -r if r < 0 else ((1 if parameters else 2) - tau) * r
    return arb.exp(r) - y * r + (y * arb.log(y) if y > 0 else 0) - y


@pytest.mark.parametrize(("name", "parameters"), FORMS)
def test_contract(name, parameters, rng):
    n = 300
    r = np.concatenate([rng.normal(size=n - 60) * 3, np.zeros(10), rng.normal(size=50) * 30])
    y = (
        rng.integers(0, 2, n).astype(float)
        if name in ("logistic", "hinge")
        else rng.poisson(2, n) * 1.0
    )
    weights = rng.random(n)
    _, loss = get_loss(name, **parameters).on(y)
    _, weighted = get_loss(name, **parameters).on(y, weights)
    values, slopes = loss.value(r), loss.half_slope(r)
    assert (values >= 0).all()
    np.testing.assert_allclose(weighted.value(r), values * weights / weights.mean())
    np.testing.assert_allclose(weighted.half_slope(r), slopes * weights / weights.mean())
    # Error bounds: any point of the interval, in 80 digits, and they are small.
    width = np.where(rng.random(n) < 0.5, 0.0, 1e-9 * (1 + np.abs(r)))
    value, slope = loss.bounded(Bounded(r, width))
    with ctx.workprec(270):
        for k in range(n):
            for at in (arb(r[k]), arb(r[k]) + arb(width[k]) * 0.999):
                truth = in_balls(name, parameters, at, y[k])
                step = arb(10) ** -25
                ahead = in_balls(name, parameters, at + step, y[k])
                back = in_balls(name, parameters, at - step, y[k])
                half = (ahead - back) / (4 * step)
                assert abs(truth - arb(value.value[k])) <= value.error[k]
                assert abs(half - arb(slope.value[k])) <= slope.error[k] + 1e-20
    exact = loss.bounded(Bounded.exact(r))
    for part, size in zip(exact, (values + np.abs(r) + 1, np.abs(slopes) + y + 1), strict=True):
        assert (part.error <= 1e-12 * size + 1e-300).all()
    # Tangents from below, and the curvature between kinks of the slope.
    other = rng.normal(size=n) * 3
    gap = loss.value(other) - values - 2 * slopes * (other - r)
    assert (gap >= -1e-9 * (1 + np.abs(values) + np.abs(loss.value(other)))).all()
    near = (loss.half_slope(r + 1e-6) - loss.half_slope(r - 1e-6)) / 2e-6
    kinked = np.abs(np.abs(r) - parameters.get("delta", parameters.get("width", -9))) < 1e-5
    for place in {"quantile": [0], "absolute": [0], "pinball": [0], "hinge": [-1, 1]}.get(name, []):
        kinked |= np.abs(r - place) < 1e-5
    smooth = ~kinked & (np.abs(r) < 20)
    np.testing.assert_allclose(near[smooth], loss.half_curvature(r)[smooth], rtol=1e-4, atol=1e-5)


def test_scale_and_labels():
    r = np.array([-2.0, 0.25, 4.0])
    _, one = get_loss("huber", delta=1.0).on(r)
    _, half = get_loss("huber", delta=0.5).on(r)
    assert np.array_equal(one.value(r), 4 * half.value(r / 2))
    _, signs = get_loss("logistic").on(np.array([-1.0, 1.0, 1.0]))
    _, bits = get_loss("logistic").on(np.array([0.0, 1.0, 1.0]))
    assert np.array_equal(signs.value(r), bits.value(r))
    for wrong, y in (("logistic", [0.0, 1.0, 2.0]), ("poisson", [1.0, -1.0, 0.0])):
        with pytest.raises(ValueError, match="y: expected"):
            get_loss(wrong).on(np.array(y))
    with pytest.raises(ValueError, match="loss: expected one of squared, huber"):
        get_loss("median")
    with pytest.raises(ValueError, match="delta: expected a finite number > 0, got 0"):
        get_loss("huber", delta=0)
    with pytest.raises(ValueError, match="no parameters"):
        get_loss("huber", width=1.0)
    with pytest.raises(ValueError, match="sample_weight: expected shape"):
        get_loss("huber").on(r, [1.0])


def case(name, seed, n=30, p=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    f = np.abs(x[:, 0]) - 0.5 + 0.5 * x[:, -1]
    if name in ("logistic", "hinge"):
        return x, (rng.random(n) < 1 / (1 + np.exp(-2 * f))).astype(float)
    if name == "poisson":
        return x, rng.poisson(np.exp(f)).astype(float)
    return x, f + 0.3 * rng.standard_t(2, size=n)


def judge(theta, X, y, space, radius, form, rng, n=400):
    """The least loss at random points within the radius (max-norm of A and c), and at theta."""
    at = mean_loss(theta, X, y, space=space, **form)
    m = space.n_neurons - int(getattr(space, "offset", False))
    least = np.inf
    for k in range(n):
        a, c = theta.weights.copy(), theta.output_weights.copy()
        size = radius * rng.choice([1.0, 0.1, 1e-3])
        kick = rng.uniform(-1, 1, a[:m].shape) if k % 2 else rng.choice([-1, 0, 1], a[:m].shape)
        a[:m] += size * kick
        c += size * (rng.uniform(-1, 1, c.shape) if k % 3 else 0.0)
        other = Parametrization(a, c)
        least = min(least, mean_loss(other, X, y, space=space, **form))
    return least, at


@pytest.mark.parametrize("name", ["huber", "quantile", "logistic", "poisson"])
def test_descents_end_at_certified_minima(name):
    rng = np.random.default_rng(5)
    found = 0
    for seed, where in enumerate(("restricted", "balanced", "unrestricted")):
        x, y = case(name, seed)
        weights = None if seed else rng.random(len(y))
        space = make_space(where, 1, 2)
        X, form = space.embed(x), {"loss": name, "sample_weight": weights}
        end = descend(space.sample(rng), X, y, space=space, **form)
        theta = end.parametrization
        assert end.loss == pytest.approx(mean_loss(theta, X, y, space=space, **form))
        if end.outcome is not DescentOutcome.MINIMUM:
            continue
        found += 1
        certificate = certify_minimum(theta, X, y, space=space, **form)
        assert certificate.is_minimum
        assert certificate.loss == pytest.approx(end.loss, rel=1e-9)
        assert 0 <= certificate.slack <= 1e-6 * certificate.loss
        least, at = judge(theta, X, y, space, min(certificate.radius, 1e3), form, rng)
        assert least >= at - certificate.slack - 1e-13 * abs(at)
        # Scaled, it is none.
        moved = Parametrization(theta.weights, 1.01 * theta.output_weights)
        anywhere = UnrestrictedSpace(space.n_inputs, space.n_neurons)
        assert not certify_minimum(moved, X, y, space=anywhere, **form).is_minimum
    assert found >= 2


def test_huber_is_the_squared_loss_within_delta():
    x, y = case("huber", 1)
    space, rng = make_space("restricted", 1, 2), np.random.default_rng(0)
    theta, X = space.sample(rng), make_space("restricted", 1, 2).embed(x)
    ends = [
        descend(theta, X, y, space=space, loss=get_loss("huber", delta=1e6)),
        descend(theta, X, y, space=space),
    ]
    assert ends[0].loss == pytest.approx(ends[1].loss, rel=1e-12)
    assert [end.outcome for end in ends] == [DescentOutcome.MINIMUM] * 2


def test_without_neurons_it_is_logistic_regression():
    x, y = case("logistic", 3, n=40, p=2)
    space = UnrestrictedSpace(2, 2, offset=False)
    theta = Parametrization([[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0])
    # Both neurons as one linear function on data that they split: their sum is <u, x>.
    x = np.abs(x)
    end = descend(theta, x, y, space=space, loss="logistic")
    direct = minimize(
        lambda v: np.mean(np.logaddexp(0, -(2 * y - 1) * (x @ v))), [0.0, 0.0], tol=1e-12
    )
    assert end.outcome is DescentOutcome.MINIMUM
    assert end.loss <= direct.fun + 1e-9


def test_separable_classes_have_no_minimum():
    X, y = lift_inputs([[-2.0], [-1.0], [1.0], [2.0]]), [0, 0, 1, 1]
    theta = Parametrization.from_products([[1.0, 0.5, 0.1], [-1.0, 0.1, 0.6]], [1.0, -1.0])
    end = descend(theta, X, y, space=RestrictedSpace(3, 2), loss="logistic")
    assert end.outcome is DescentOutcome.NO_MINIMUM
    assert end.reason.startswith("separable; no minimum is attained")
    margins = np.where(np.array(y) > 0, 1, -1) * (
        np.maximum(X @ end.direction.T, 0) @ np.array([1.0, -1.0])
    )
    assert (margins > 0).all()


@pytest.mark.parametrize("where", ["restricted", "balanced", "unrestricted"])
def test_training_lowers_the_loss_and_gradients_are_right(where):
    rng = np.random.default_rng(2)
    for name in [*SMOOTH, "absolute"]:
        x, y = case(name, 4)
        space = make_space(where, 1, 2)
        theta, X = space.sample(rng), space.embed(x)
        form = {"loss": name, "weight_decay": WeightDecay(0.05, biases=True, offset=True)}
        objective = objective_for(theta, X, y, space, **form)
        at = objective.pack(theta)
        value, gradient = objective.value_and_gradient(at)
        assert value == pytest.approx(mean_loss(theta, X, y, space=space, **form), rel=1e-12)
        steps = 1e-6 * np.eye(at.size)
        numeric = [(objective.value(at + h) - objective.value(at - h)) / 2e-6 for h in steps]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-6)
        fit = train(theta, X, y, space=space, solver="L-BFGS-B", max_iter=10, **form)
        assert fit.loss < fit.loss_start
        assert fit.loss == pytest.approx(mean_loss(fit.parametrization, X, y, space=space, **form))
    with pytest.raises(ValueError, match="'trf' minimizes sums of squares only"):
        train(theta, X, y, space=space, solver="trf", loss="huber")


# --- proofs in rationals: Theorem 36 ---


def exact_loss(rows, signs, X, y, name, parameters):
    """The loss at rational products, from its formula."""
    total = Fraction(0)
    for x, target in zip(X.tolist(), y.tolist(), strict=True):
        r = -Fraction(target)
        for row, sign in zip(rows, signs, strict=True):
            r += sign * max(sum(p * Fraction(q) for p, q in zip(row, x, strict=True)), Fraction(0))
        tau = Fraction(parameters.get("tau", 0.5))
        if name == "hinge":
            total += max(Fraction(0), 1 - (2 * Fraction(target) - 1) * (r + Fraction(target)))
            continue
        if name in ("absolute", "pinball"):
            total += max(-tau * r, (1 - tau) * r) * (2 if name == "absolute" else 1)
            continue
        end = Fraction(parameters.get("delta", parameters.get("width")))
        inside = r * r if abs(r) <= end else 2 * end * abs(r) - end * end
        if name == "quantile":
            inside *= (tau if r < 0 else 1 - tau) / (2 * end)
        total += inside
    return total / len(y)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("huber", {"delta": 0.5}),
        ("quantile", {"tau": 0.75, "width": 0.25}),
        ("absolute", {}),
        ("pinball", {"tau": 0.7}),
        ("hinge", {}),
    ],
)
def test_losses_of_rational_pieces_are_proved(name, parameters):
    rng = np.random.default_rng(2)
    form = {"loss": get_loss(name, **parameters)}
    proved = refuted = 0
    for seed in range(3):
        x, y = case(name, seed, n=12)
        X, space = np.column_stack([x, np.ones(12)]), UnrestrictedSpace(2, 2, offset=False)
        theta = descend(space.sample(rng), X, y, space=space, **form).parametrization
        found = certify_minimum(theta, X, y, space=space, exact=True, **form)
        if not found.proved:
            continue
        proved += 1
        proof, signs = found.proof, [1 if c > 0 else -1 for c in theta.output_weights]
        args = signs, X, y, name, parameters
        assert exact_loss(proof.products, *args) == proof.loss
        for _ in range(40):
            step = rng.choice([1e-3, 1e-6]) * min(1.0, found.radius)
            rows = [
                [
                    p + Fraction(float(step * v))
                    for p, v in zip(row, rng.normal(size=2), strict=True)
                ]
                for row in proof.products
            ]
            assert exact_loss(rows, *args) >= proof.loss
        moved = Parametrization(theta.weights, 1.5 * theta.output_weights)
        again = certify_minimum(moved, X, y, space=space, exact=True, **form)
        if found.n_silent < 2 and proof.loss > 0:
            assert not again.proved or name == "hinge"  # which has flat places
            refuted += again.proof.verdict is Verdict.VIOLATED
    assert proved >= 2
    assert refuted or name == "hinge"
    with pytest.raises(ValueError, match="exact: the proof in rational arithmetic covers"):
        certify_minimum(theta, X, np.abs(y), space=space, exact=True, loss="poisson")


# --- losses with a kink: Theorem 29 ---------------------------------------------------------------


def least_around(theta, X, y, name, kinked, tau=0.5):
    """The least loss on the closed cells around theta without an offset, by linear programs.

    Theta is a local minimum iff that is its own loss: on each cell the loss is convex.
    """
    signs = np.where(theta.output_weights < 0, -1.0, 1.0)
    (n, d), m = X.shape, len(signs)
    z = X @ theta.products.T
    pairs, best = np.argwhere(kinked), np.inf
    for choice in product((False, True), repeat=len(pairs)):
        on = (z > 0) & ~kinked
        on[tuple(pairs.T)] = choice
        rates = ((signs * on)[:, :, None] * X[:, None, :]).reshape(n, m * d)
        # Rises of the loss above (t+) and below (t-) the kink, at cost.
        labels = 2 * y - 1
        if name == "hinge":
            rows, right, cost = -labels[:, None] * rates, -np.ones(n), (1.0, 0.0)
        else:
            rows, right, cost = rates, y, (2 * (1 - tau), 2 * tau)
        sides = np.where(on, -1.0, 1.0).T.ravel()[:, None] * np.kron(np.eye(m), X)
        eye = np.eye(n)
        found = linprog(
            np.concatenate([np.zeros(m * d), np.full(n, cost[0] / n), np.full(n, cost[1] / n)]),
            A_ub=np.hstack([sides, np.zeros((n * m, 2 * n))]),
            b_ub=np.zeros(n * m),
            A_eq=np.hstack([rows, -eye, eye]),
            b_eq=right,
            bounds=[(None, None)] * (m * d) + [(0, None)] * (2 * n),
        )
        best = min(best, found.fun)
    return best


@pytest.mark.parametrize("name", ["absolute", "hinge"])
def test_kinked_losses_are_certified_where_all_cells_say_so(name):
    rng, verdicts, joint = np.random.default_rng(1), [], 0
    for trial in range(8):
        n, m = int(rng.integers(3, 7)), int(rng.integers(1, 3))
        x = rng.integers(-2, 3, (n, 1)) * 1.0 if trial % 2 else rng.normal(size=(n, 1))
        X = np.column_stack([x, np.ones(n)])
        y = (rng.random(n) < 0.5) * 1.0 if name == "hinge" else np.round(rng.normal(size=n), 1)
        space = UnrestrictedSpace(2, m, offset=False)
        theta = descend(space.sample(rng), X, y, space=space, loss=name).parametrization
        for moved in (0.0, 1.0):
            # Along a direction in which some samples stay on both kinds of kinks.
            a = theta.weights + moved * rng.integers(-1, 2, theta.weights.shape) * 0.25
            point = Parametrization(a, theta.output_weights)
            certificate = certify_minimum(point, X, y, space=space, loss=name)
            z = X @ point.products.T
            kinked = np.abs(z) <= 1e-12 * (1 + np.abs(z).max())
            if kinked.sum() > 8 or not point.output_weights.all():
                continue
            least = least_around(point, X, y, name, kinked)
            truth = certificate.loss <= least + 1e-9
            if certificate.verdict is not Verdict.UNDECIDED:
                assert certificate.is_minimum == truth
            verdicts.append(certificate.verdict.value)
            joint += certificate.n_kinks > 0
    assert verdicts.count("holds") >= 4
    assert verdicts.count("violated") >= 4
    assert joint >= 2


def test_two_neurons_descend_together_where_none_does_alone():
    X, y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]), [3.0, 3.0, 0.0]
    theta = Parametrization([[2.0, 1.0], [1.0, 2.0]], [1.0, 1.0])
    form = {"loss": "absolute", "sample_weight": [2.0, 2.0, 1.0]}
    space = UnrestrictedSpace(2, 2, offset=False)
    found = certify_minimum(theta, X, y, space=space, **form)
    assert found.verdict is Verdict.VIOLATED
    np.testing.assert_allclose(found.direction, [[-1, 1], [1, -1]])
    assert found.slope == pytest.approx(-0.4)
    end = descend(theta, X, y, space=space, **form)
    assert end.outcome is DescentOutcome.MINIMUM
    assert end.loss == pytest.approx(0.0, abs=1e-15)


def test_kinked_descents_reach_medians_and_say_what_they_do_not_do():
    # Without kinks of neurons it is median regression: the least of all absolute deviations.
    rng = np.random.default_rng(3)
    x = np.abs(rng.normal(size=(25, 2)))
    y = x @ [1.0, 2.0] + rng.standard_t(1, size=25)
    space = UnrestrictedSpace(2, 1, offset=False)
    for tau in (0.5, 0.8):
        loss = get_loss("pinball", tau=tau)
        end = descend(Parametrization([[1.0, 1.0]], [1.0]), x, y, space=space, loss=loss)
        rows = np.hstack([x, np.eye(25), -np.eye(25)])
        cost = np.concatenate([np.zeros(2), np.full(25, tau), np.full(25, 1 - tau)]) / 25
        best = linprog(cost, A_eq=rows, b_eq=y, bounds=[(None, None)] * 2 + [(0, None)] * 50)
        assert end.outcome is DescentOutcome.MINIMUM
        assert end.loss == pytest.approx(best.fun, rel=1e-9)
    with pytest.raises(ValueError, match="no penalty and no weight decay"):
        descend(Parametrization([[1.0, 1.0]], [1.0]), x, y, space=space, loss="absolute",
                weight_decay=0.1)  # fmt: skip
    with pytest.raises(ValueError, match="tau: expected a number between 0 and 1, got 1"):
        get_loss("pinball", tau=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, _ in FORMS])
def test_attacks_find_no_wrong_verdict(name):
    from tests.attack.losses import WRONG, attack  # it imports from here

    counts = attack(name, 70, seed=1)
    assert counts["holds"] > 40
    assert counts["violated"] > 40
    assert not any(counts[key] for key in WRONG), counts
