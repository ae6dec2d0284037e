"""Theorem 38: balls of realization space for other losses, against a general convex solver."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import simpson

from landscape import Parametrization, RestrictedSpace, UnrestrictedSpace, descend, lift_inputs
from landscape.losses import KinkedLoss, WeightDecay, decay_rows, get_loss
from landscape.objective import mean_loss
from landscape.parametrization import max_norms
from landscape.probe import (
    CONTROLS,
    examine_minimum,
    probe_realization,
    rigidity_radius,
    search_ball,
)
from landscape.probe._program import NetworkValues
from landscape.realization import realize
from landscape.rounding import Bounded
from landscape.seminorm import sobolev_distance
from landscape.verdict import Verdict

RNG = np.random.default_rng(3)
FEATURES = RNG.uniform(-1, 1, (14, 1))
X = lift_inputs(FEATURES)
LABELS = np.where(np.sin(4 * FEATURES[:, 0]) + RNG.standard_normal(14) / 2 > 0, 1.0, -1.0)
WAVE = np.sin(4 * FEATURES[:, 0]) + 0.3 * RNG.standard_normal(14)
COUNTS = np.round(3 * RNG.random(14))
CASES = {
    "logistic": ("logistic", LABELS, None),
    "logistic, decay": ("logistic", LABELS, 0.01),
    "huber": (get_loss("huber", delta=0.2), WAVE, None),
    "quantile": (get_loss("quantile", tau=0.8), WAVE, None),
    "poisson": ("poisson", COUNTS, None),
    "poisson, decay": ("poisson", COUNTS, WeightDecay(0.02, biases=True)),
    "squared, decay": ("squared", WAVE, 0.03),
    "absolute": ("absolute", WAVE, None),
    "pinball": (get_loss("pinball", tau=0.8), WAVE, None),
    "hinge": ("hinge", LABELS, None),
}
SPACE = RestrictedSpace(3, 3)


def start(seed):
    return SPACE.sample(np.random.default_rng(seed))


def value(theta, y, loss, decay):
    return mean_loss(theta, X, y, space=SPACE, loss=loss, weight_decay=decay)


def oracle(theta, y, loss, decay, radius):
    """Least change of the objective in the rigid ball, by cvxpy over gradients on both sides."""
    cp = pytest.importorskip("cvxpy")
    own = get_loss(loss)
    t, u, sigma = cp.Variable(3), theta.products, theta.signs
    values = (sigma * np.maximum(X @ u.T, 0)) @ t
    signs = np.where(y > 0, 1, -1)
    terms = {
        "squared": lambda: cp.sum_squares(values - y),
        "huber": lambda: cp.sum(cp.huber(values - y, getattr(own, "delta", 1.0))),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-signs, values))),
        "poisson": lambda: (
            cp.sum(cp.exp(values) - cp.multiply(y, values))
            + np.where(y > 0, y * np.log(np.where(y > 0, y, 1)) - y, 0).sum()
        ),
        "absolute": lambda: cp.sum(cp.abs(values - y)),
        "pinball": lambda: cp.sum(cp.maximum(own.tau * (y - values), (1 - own.tau) * (values - y))),
        "hinge": lambda: cp.sum(cp.pos(1 - cp.multiply(signs, values))),
    }
    objective = terms[own.name]() / len(y)
    if decay is not None:
        decay = decay if isinstance(decay, WeightDecay) else WeightDecay(decay)
        w = u[:, :1] if not decay.biases else np.column_stack([u[:, 0], u[:, 1] - u[:, 2]])
        objective += 2 * decay.strength * (np.linalg.norm(w, axis=1) @ t)
    # Gradients of the difference at random points: all cells of three planes in R^3.
    points = np.random.default_rng(0).standard_normal((4000, 3))
    patterns = np.unique(points @ u.T > 0, axis=0)
    limits = [cp.max(cp.abs((t - 1) @ (p[:, None] * (sigma[:, None] * u)))) <= radius
              for p in patterns]  # fmt: skip
    problem = cp.Problem(cp.Minimize(objective), [t >= 0, *limits])
    problem.solve(solver=cp.CLARABEL)
    return problem.value - value(theta, y, own, decay)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c != "quantile"])
def test_balls_around_arbitrary_networks_hold_what_a_general_solver_finds(case):
    loss, y, decay = CASES[case]
    for seed in range(3):
        theta = start(seed)
        radius = 0.9 * rigidity_radius(theta)
        probe = probe_realization(
            theta, X, y, radius=radius, space=SPACE, loss=loss, weight_decay=decay
        )
        least = oracle(theta, y, loss, decay, radius)
        assert probe.verdict is Verdict.VIOLATED
        assert probe.lower_bound <= least + 1e-7  # the solver's own tolerance
        assert -probe.gap == pytest.approx(least, rel=1e-5, abs=1e-8)
        assert probe.lower_bound == pytest.approx(least, rel=1e-5, abs=1e-7)
        gained = value(theta, y, loss, decay) - value(probe.witness, y, loss, decay)
        assert probe.gap == pytest.approx(gained, rel=1e-9, abs=1e-12)
        assert sobolev_distance(theta, probe.witness).value <= radius * (1 + 1e-9)


FAST = ("logistic, decay", "huber", "poisson", "hinge")


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[] if c in FAST else pytest.mark.slow) for c in CASES]
)
def test_minima_hold_in_their_rigid_balls(case):
    loss, y, decay = CASES[case]
    form, held = {"loss": loss, "weight_decay": decay}, 0
    for seed in range(3):
        end = descend(start(seed), X, y, space=SPACE, **form)
        theta = end.parametrization
        if end.outcome.name != "MINIMUM" or max_norms(theta.products).min() == 0:
            continue
        radius = 0.98 * rigidity_radius(theta)
        probe = probe_realization(theta, X, y, radius=radius, space=SPACE, **form)
        assert probe.verdict is not Verdict.VIOLATED
        held += probe.verdict is Verdict.HOLDS
    assert held


def test_the_change_of_a_loss_is_enclosed():
    """Against an integral of the slope, for changes that cancel nearly all digits."""
    theta = start(1)
    for loss, y, _ in CASES.values():
        if isinstance(get_loss(loss), KinkedLoss):  # below, in rationals
            continue
        values = NetworkValues.of(theta, X, y, loss=loss, decay=np.zeros((1, 3)))
        own, r = values.sample_loss, values.r.value
        for size in (1e-12, 1e-6, 1e-2, 1.0):
            d = size * np.random.default_rng(2).standard_normal(len(y))
            found = values.change(Bounded.exact(d))
            # The slope integrated by Simpson's rule, with no cancellation: fine enough for the
            # corners of Huber's slope, where the rule is of second order only.
            nodes = np.linspace(0, 1, 2001)
            slopes = [own.half_slope(r + t * d) @ d for t in nodes]
            change = 2 * float(simpson(slopes, x=nodes)) / len(y)
            assert abs(change - found.value) <= found.error + 1e-6 * abs(change)
            assert found.error <= 1e-3 * abs(change) + 4e-16 or size >= 1e-6


@pytest.mark.parametrize("case", ["absolute", "pinball", "hinge"])
def test_the_change_of_a_loss_with_corners_is_enclosed(case):
    """Against rationals, also where samples lie on corners."""
    loss, y, _ = CASES[case]
    theta = descend(start(0), X, y, space=SPACE, loss=loss).parametrization
    values = NetworkValues.of(theta, X, y, loss=loss)
    assert values.bent.any()
    for size in (1e-12, 1e-6, 1e-2, 1.0):
        d = size * np.random.default_rng(2).standard_normal(len(y))
        found, change = values.change(Bounded.exact(d)), Fraction(0)
        for k, r in enumerate(map(Fraction, values.r.value.tolist())):
            at, low, high = values.sample_loss.exact_pieces(k)
            for sign, gap in ((-1, r - at), (1, r - at + Fraction(d[k]))):
                change += 2 * sign * max(low * gap, high * gap)
        change = float(change / len(y))
        assert abs(change - found.value) <= found.error
        assert found.error <= 1e-3 * abs(change) + 1e-13


@pytest.mark.slow
def test_larger_balls_are_searched_and_their_witnesses_are_better():
    found = 0
    for case in ("logistic", "huber", "poisson, decay", "absolute", "hinge"):
        loss, y, decay = CASES[case]
        form = {"loss": loss, "weight_decay": decay}
        end = descend(start(0), X, y, space=SPACE, **form)
        theta = end.parametrization
        if end.outcome.name != "MINIMUM" or max_norms(theta.products).min() == 0:
            continue
        radius = 3 * float(max_norms(theta.products).min())
        search = search_ball(
            theta, X, y, radius=radius, space=SPACE, rng=np.random.default_rng(0), **form
        )
        assert search.radius_low > 0 and search.radius_high >= search.radius_low
        if search.witness is not None:
            found += 1
            assert value(search.witness, y, **{"loss": loss, "decay": decay}) < end.loss
            assert sobolev_distance(theta, search.witness).upper <= search.radius_high
    assert found


@pytest.mark.parametrize("case", ["logistic", "huber", "poisson", "pinball"])
def test_controls_fail_and_natural_minima_are_examined(case):
    loss, y, _ = CASES[case]
    end = descend(start(0), X, y, space=SPACE, loss=loss)
    assert end.outcome.name == "MINIMUM"
    for kind in ("C.1", "C.2"):
        control = CONTROLS[kind](end.parametrization, X, y, loss=loss, n_steps=4)
        assert control.verdict is Verdict.VIOLATED and (np.diff(control.distances) < 0).all()
        v = control.direction
        for t, gap in zip(control.distances / np.abs(v).max(), control.gaps, strict=True):
            own = get_loss(loss).on(y)
            before = realize(end.parametrization, X) - own[0]
            after = before + t * control.sign * np.maximum(X @ v, 0)
            gained = float((own[1].value(before) - own[1].value(after)).mean())
            assert gap == pytest.approx(gained, rel=1e-4, abs=1e-13)
    space = UnrestrictedSpace(3, 4)
    copy = Parametrization.concatenate(
        [end.parametrization, Parametrization(np.zeros((1, 3)), np.zeros(1))]
    )
    natural = examine_minimum(copy, X, y, space=space, loss=loss)
    assert natural.n_spare == 1 and natural.verdict is Verdict.VIOLATED
    with pytest.raises(ValueError, match="weight_decay: expected none outside N"):
        examine_minimum(copy, X, y, space=space, weight_decay=0.1)


def test_the_weight_decay_of_a_row():
    u = np.array([[3.0, 1.0, 5.0]])
    for biases, expected in ((False, 0.6), (True, 0.2 * 5.0)):
        rows = decay_rows(WeightDecay(0.1, biases=biases), 3, 2)
        assert np.linalg.norm(u @ rows.T) == pytest.approx(expected)
