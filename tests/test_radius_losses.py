"""Theorem 39, radii of other losses: bounds are below the loss, witnesses are better."""

from itertools import product

import numpy as np
import pytest

from landscape import (
    BalancedSpace,
    RestrictedSpace,
    UnrestrictedSpace,
    descend,
    lift_inputs,
)
from landscape.losses import WeightDecay, get_loss
from landscape.objective import mean_loss
from landscape.parametrization import Parametrization
from landscape.radius import RadiusBudget, bracket_radius
from landscape.radius._box import Centre, roots
from landscape.radius._relaxation import Relaxation

LOSSES = {
    "logistic": ("logistic", None),
    "logistic, decay": ("logistic", 0.02),
    "huber": (get_loss("huber", delta=0.3), None),
    "quantile": (get_loss("quantile", tau=0.8), None),
    "poisson, biases": ("poisson", WeightDecay(0.02, biases=True)),
    "squared, offset": ("squared", WeightDecay(0.02, biases=True, offset=True)),
    "absolute": ("absolute", None),
    "pinball": (get_loss("pinball", tau=0.8), None),
    "hinge": ("hinge", None),
}
SPACES = {
    "restricted": RestrictedSpace(3, 2),
    "balanced": BalancedSpace(3, 2),
    "unrestricted": UnrestrictedSpace(2, 3, offset=True),
    "plane": RestrictedSpace(4, 2),
}


def problem(case, name):
    """Inputs as the space sees them, and targets that the loss has values for."""
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (10, 2 if name == "plane" else 1))
    wave = np.sin(4 * x[:, 0]) + 0.4 * rng.standard_normal(10)
    y = wave
    if case.startswith(("logistic", "hinge")):
        y = np.where(wave > 0, 1.0, -1.0)
    elif case.startswith("poisson"):
        y = np.round(np.exp(wave))
    return SPACES[name].embed(x) if name == "unrestricted" else lift_inputs(x), y


def near(theta, radius, space, rng):
    """A point of the space within the radius, mostly on its border; None if rejected."""
    a = theta.weights + radius * np.clip(rng.uniform(-1.5, 1.5, theta.weights.shape), -1, 1)
    c = theta.output_weights + radius * np.clip(rng.uniform(-1.5, 1.5, len(a)), -1, 1)
    if space.name == "unrestricted":
        a[-1] = theta.weights[-1]
        return Parametrization(a, c)
    if space.name == "restricted":
        a[:, -2:] = np.maximum(a[:, -2:], 1e-3)
    sizes = np.abs(a).max(axis=1)
    inside = np.abs(sizes - np.abs(theta.output_weights)) <= radius
    if not inside.all():
        return None
    return Parametrization(a, np.sign(theta.output_weights) * sizes)


FAST = [("logistic", "restricted"), ("poisson, biases", "balanced"),
        ("squared, offset", "unrestricted")]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "name"),
    [pytest.param(*c, marks=[] if c in FAST else pytest.mark.slow)
     for c in product(LOSSES, SPACES)],
)  # fmt: skip
def test_the_bound_is_below_the_loss_in_the_box(case, name):
    loss, decay = LOSSES[case]
    space, rng = SPACES[name], np.random.default_rng(7)
    X, y = problem(case, name)
    tight = []
    for radius in (1e-3, 0.2, 1.5):
        theta = space.sample(rng)
        centre = Centre(theta, X, y, space, loss, decay)
        form = {"space": space, "loss": loss, "weight_decay": decay}
        assert centre.value(theta) == pytest.approx(mean_loss(theta, X, y, **form), rel=1e-12)
        bound = min(Relaxation(centre, node).bound for node in roots(centre, radius))
        points = [near(theta, radius, space, rng) for _ in range(60)]
        values = [mean_loss(p, X, y, **form) for p in [theta, *points] if p is not None]
        assert bound <= min(values) * (1 + 1e-9) + 1e-12
        tight.append(centre.value(theta) - bound)
    assert tight[0] <= 0.5 * max(centre.unit, 1)


CASES = [("logistic", "restricted"), ("huber", "unrestricted"), ("poisson, biases", "balanced"),
         ("squared, offset", "unrestricted"), ("logistic, decay", "plane"),
         ("quantile", "restricted"), ("absolute", "restricted"), ("pinball", "unrestricted"),
         ("hinge", "balanced"), ("hinge", "plane")]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "name"),
    [pytest.param(*c, marks=[] if k == 0 else pytest.mark.slow) for k, c in enumerate(CASES)],
)
def test_brackets(case, name):
    loss, decay = LOSSES[case]
    space, (X, y) = SPACES[name], problem(case, name)
    form, raised, closed = {"loss": loss, "weight_decay": decay}, 0, 0
    for seed in range(3):
        theta = space.sample(np.random.default_rng(seed))
        end = descend(theta, X, y, space=space, **form)
        if end.outcome.name != "MINIMUM" or np.isinf(end.certificate.radius):
            continue
        budget = RadiusBudget(max_nodes=40, n_starts=4, ratio=1.3)
        found = bracket_radius(end.parametrization, X, y, space=space, budget=budget, **form)
        assert found.r_cell <= found.r_low <= found.r_high
        raised += found.r_low > found.r_cell
        if found.witness is None:
            continue
        closed += 1
        assert space.contains(found.witness)
        gaps = (found.witness.weights - end.parametrization.weights,
                found.witness.output_weights - end.parametrization.output_weights)  # fmt: skip
        assert max(np.abs(gap).max() for gap in gaps) == found.r_high
        assert mean_loss(found.witness, X, y, space=space, **form) < found.loss - found.slack
    assert raised + closed
