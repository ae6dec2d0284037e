"""Certificates of Sobolev training, judged in rational arithmetic by code of their own.

Checks Theorem 23 of docs/mathematics.md.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from landscape.estimator._sobolev import SobolevLoss
from landscape.parametrization import Parametrization
from landscape.spaces import make_space

DISTANCES = [10.0**-k for k in range(6, 14)]


def rational(array):
    return [[Fraction(float(v)) for v in row] for row in np.atleast_2d(array)]


def envelope(theta, data):
    """Least loss over the sides of exact kinks: the loss itself off these. Weights are squares."""
    return exact_envelope(rational(theta.weights), rational(theta.output_weights)[0], data)


def exact_envelope(a, c, data):
    X, (y,), G = rational(data.X), rational(data.y), rational(data.gradients)
    (gamma,), d = rational(data.weights), data.gradients.shape[1]
    total = Fraction(0)
    for x, target, slopes in zip(X, y, G, strict=True):
        z = [sum(p * q for p, q in zip(row, x, strict=True)) for row in a]
        value = sum((w * max(t, 0) for w, t in zip(c, z, strict=True)), Fraction(0))
        flat = [i for i, t in enumerate(z) if t == 0]
        errors = []
        for sides in itertools.product([0, 1], repeat=len(flat)):
            active = [int(t > 0) for t in z]
            for i, side in zip(flat, sides, strict=True):
                active[i] = side
            found = [
                sum(s * w * row[j] for s, w, row in zip(active, c, a, strict=True))
                for j in range(d)
            ]
            errors.append(
                sum(g * (f - t) ** 2 for g, f, t in zip(gamma, found, slopes, strict=True))
            )
        total += (value - target) ** 2 + x[-1] ** 2 * min(errors)
    if data.penalty is not None:
        (penalty,) = rational(data.penalty)
        for row, w in zip(a, c, strict=True):
            total += len(y) * sum(p * (w * v) ** 2 for p, v in zip(penalty, row, strict=True))
    return total / len(y)


def neighbours(theta, data, radius, rng):
    """Points within the radius: across each kink next to theta, and at random."""
    a, c = theta.weights, theta.output_weights
    offset = data.space.name == "unrestricted"
    m = len(c) - offset
    z = data.X @ a[:m].T
    norms = np.abs(data.X).sum(axis=1)
    for i, k in itertools.product(range(m), range(len(norms))):
        least = abs(z[k, i]) / norms[k]
        for step in (least * (1 + 1e-3) + 1e-15, 2 * least, radius / 3):
            if least < radius and step <= radius * (1 - 1e-9):
                moved = a.copy()
                moved[i] -= np.sign(z[k, i]) * step * np.sign(data.X[k])
                yield Parametrization(moved, c)
    for share in (1.0, 1e-3, 1e-6):
        for _ in range(8):
            moved = a + radius * share * rng.uniform(-1, 1, a.shape)
            if offset:
                moved[-1] = a[-1]
            yield Parametrization(moved, c + radius * share * rng.uniform(-1, 1, c.shape))


def judge(theta, data, rng):
    """The certificate, unless it is refuted."""
    certificate = data.certify(theta)
    own = envelope(theta, data)
    assert abs(own - Fraction(certificate.loss)) <= Fraction(1e-9) * own
    if certificate.is_minimum:
        assert certificate.radius > 0
        least = Fraction(certificate.loss) - Fraction(certificate.slack)
        assert certificate.slack <= 1.1e-6 * certificate.loss or certificate.kind == "global"
        for other in neighbours(theta, data, min(certificate.radius, 1e6), rng):
            assert envelope(other, data) >= least
    if certificate.verdict == "violated" and certificate.direction is not None:
        assert descends(theta, data, certificate, own)
    return certificate


def descends(theta, data, certificate, own):
    """Whether the loss falls along the direction of the product coordinates, all c_i not 0."""
    a, (c,) = rational(theta.weights), rational(theta.output_weights)
    size = np.abs(certificate.direction).max() / np.abs(theta.products).max()
    v = rational(certificate.direction / size)
    for k in range(3, 40):
        t = Fraction(1, 10**k)
        moved = [
            [p + t * q / abs(w) for p, q in zip(row, step, strict=True)]
            for row, step, w in zip(a, v, c, strict=True)
        ]
        values = c
        if data.space.name == "unrestricted":
            moved[-1], values = a[-1], [*c[:-1], c[-1] + t * v[-1][-1]]
        if exact_envelope(moved, values, data) < own:
            return True
    return False


def problem(space="unrestricted", d=2, n=14, m=2, seed=0, penalty=0.0, unit=1.0):
    rng = np.random.default_rng(seed)
    place = make_space(space, d, m)
    features = rng.standard_normal((n, d))
    y = np.sin(2 * features[:, 0]) + (features**2).sum(axis=1) / 3
    G = 2 * features / 3
    G[:, 0] += 2 * np.cos(2 * features[:, 0])
    weights = None if penalty == 0 else np.append(np.full(d, penalty), np.zeros(place.extra_inputs))
    data = SobolevLoss(place.embed(features), y * unit, G * unit, np.full(d, 0.25), place, weights)
    return data, rng


def start(data, rng, unit=1.0):
    m = data.space.n_neurons - 1
    d = data.gradients.shape[1]
    signs = np.where(rng.random(m) < 0.5, -1.0, 1.0)
    return data.space.from_network(
        rng.standard_normal((m, d)), rng.uniform(-1, 1, m), signs * unit, 0.1 * unit
    )


@pytest.mark.parametrize("space", ["unrestricted", "balanced", "restricted"])
@pytest.mark.parametrize("penalty", [0.0, 0.02])
def test_ends_of_descents(space, penalty):
    """What is returned is on the sides of its kinks on which the loss is what is certified."""
    held = kinks = 0
    for seed in range(6):
        data, rng = problem(space, seed=seed, penalty=penalty)
        descent = data.descend(start(data, rng), 500)
        certificate = judge(descent.parametrization, data, rng)
        assert certificate.verdict == descent.certificate.verdict
        held += certificate.is_minimum
        kinks += certificate.is_minimum * certificate.n_kinks
    assert held >= 3 and kinks > 0


@pytest.mark.parametrize("space", ["unrestricted", "restricted"])
def test_next_to_kinks(space):
    """1e-6 to 1e-13 to either side of a kink, where the loss jumps: never a false statement."""
    verdicts = set()
    for seed in range(3):
        data, rng = problem(space, n=10, seed=seed)
        descent = data.descend(start(data, rng), 500)
        theta = descent.parametrization
        if not descent.certificate.is_minimum or descent.certificate.n_kinks == 0:
            continue
        z = data.X @ theta.weights[: 2 + (space != "unrestricted")].T
        k, i = np.unravel_index(np.argmin(np.abs(z)), z.shape)
        x = data.X[k]
        for distance, side in itertools.product(DISTANCES, (1.0, -1.0)):
            a = theta.weights.copy()
            a[i] += (side * distance - z[k, i]) * x / (x @ x)
            moved = Parametrization(a, theta.output_weights)
            verdicts.add(judge(moved, data, rng).verdict.value)
    assert "undecided" in verdicts or "violated" in verdicts


def jumping(unit=1.0, side=1.0, distance=0.0):
    """One neuron, its minimum on the kink of a sample, beyond which the gradient's error is 3."""
    X = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [0.0, 1.0]])
    y = np.array([1.0, 2.0, 3.0, 0.5]) * unit
    G = np.array([[1.0], [1.0], [1.0], [-2.0]]) * unit
    space = make_space("unrestricted", 1, 1)
    data = SobolevLoss(X, y, G, np.ones(1), space)
    theta = Parametrization([[1.0, side * distance], [0.0, 1.0]], [unit, 0.125 * unit])
    return data, theta


@pytest.mark.parametrize("distance", [*DISTANCES, 1e-15, 1e-17])
@pytest.mark.parametrize("unit", [1.0, 1e-100, 1e100])
def test_the_high_side_of_a_jump_is_no_minimum(distance, unit):
    """Just inside of the higher cell: the loss falls by a third as close by as the kink is."""
    data, theta = jumping(unit, 1.0, distance)
    certificate = judge(theta, data, np.random.default_rng(0))
    assert not certificate.is_minimum
    data, theta = jumping(unit, -1.0, distance)
    other = judge(theta, data, np.random.default_rng(0))
    assert Fraction(other.loss) < Fraction(certificate.loss) * Fraction(9, 10)


def test_exactly_on_a_kink_is_undecided():
    data, theta = jumping()
    certificate = data.certify(theta)
    assert certificate.verdict == "undecided" and "within rounding" in certificate.reason


@pytest.mark.parametrize("exponent", [-400, -150, 0, 150, 400])
def test_powers_of_two_of_the_target_change_nothing(exponent):
    found = []
    for unit in (1.0, 2.0**exponent):
        data, rng = problem(seed=1, unit=unit)
        theta = start(data, rng)
        c = theta.output_weights * unit
        c[-1] = theta.output_weights[-1] * unit
        found.append(data.descend(Parametrization(theta.weights, c), 500).certificate)
    plain, scaled = found
    assert scaled.verdict == plain.verdict and scaled.n_kinks == plain.n_kinks
    assert scaled.loss == plain.loss * 4.0**exponent
