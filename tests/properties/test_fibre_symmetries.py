"""Distances to fibres on all three spaces: 0 exactly where Γ has the function, never a refusal.

A member Φ of a space, which its symmetries leave a member, is held against Θ: the same function
written differently in N, with any number of neurons. Functions are compared in rationals.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from landscape.parametrization import Parametrization, max_norms
from landscape.spaces import BalancedSpace, RestrictedSpace, UnrestrictedSpace
from landscape.stability import degeneracies, distance_to_fibre, parameter_distance
from tests.oracles import fibre

SPACES = ("N", "N with an offset", "N'", "N*")


#: Steps of `rewritten` that keep an element in its space.
STEPS = {
    "N": ("permute", "rescale", "split", "silence", "turn"),
    "N with an offset": ("permute", "rescale", "split", "silence", "turn", "constant"),
    "N'": ("permute", "turn"),
    "N*": ("permute",),
}


def network(rows, outputs):
    return Parametrization(np.array(rows, dtype=float), outputs)


def joined(*parts):
    return Parametrization.concatenate(parts)


def flippable(rng, d):
    """Three balanced neurons whose products sum to zero: all may be turned around."""
    p, q = rng.permutation(d)[:2] if d > 1 else (0, 0)
    rows = np.zeros((3, d))
    rows[0, p] = rows[1, q] = 1.0
    rows[2] = -rows[0] - rows[1]
    if d == 1:
        return network([[1.0], [-1.0]], [1.0, 1.0])
    return network(rows, np.ones(3))


def lines(rng, d):
    """Six balanced neurons that add up to nothing: three linear functions whose sum is zero."""
    part = flippable(rng, d)
    if d == 1:
        part = network([[1.0]], [1.0])
        return network([[1.0], [-1.0], [2.0], [-2.0]], [2.0, -2.0, -1.0, 1.0])
    return joined(part, Parametrization(-part.weights, -part.output_weights))


def member(rng, kind):
    """A space and an exact member: integers, degenerate as often as not."""
    d = int(rng.integers(2 if kind != "N" else 1, 4))
    m = int(rng.integers(1, 4))
    rows = rng.integers(-2, 3, (m, d)).astype(float)
    outputs = rng.choice([-2.0, -1.0, 1.0, 2.0], m)
    phi = network(rows, outputs)
    if kind == "N*":
        rows[:, -2:] = rng.integers(1, 3, (m, 2))
        rows = np.unique(rows, axis=0)
        rows = rows[Parametrization(rows, np.ones(len(rows))).merge().output_weights != 0]
        keep = [
            i for i in range(len(rows)) if not any(parallel(rows[i], rows[j]) for j in range(i))
        ]
        rows = rows[keep]
        phi = Parametrization(rows, rng.choice([-1.0, 1.0], len(rows)) * max_norms(rows))
        return RestrictedSpace(d, phi.n_neurons), phi
    if kind == "N'":
        keep = [
            i
            for i in range(m)
            if rows[i].any() and not any(parallel(rows[i], rows[j]) for j in range(i))
        ]
        rows = rows[keep]
        phi = Parametrization(rows, rng.choice([-1.0, 1.0], len(rows)) * max_norms(rows))
        extra = rng.integers(4)
        part = (flippable if extra == 1 else lines)(rng, d)
        if extra in (1, 2) and not any(parallel(x, y) for x in rows for y in part.weights):
            phi = joined(phi, part)
        silent = int(rng.integers(0 if phi.n_neurons else 1, 3))
        phi = joined(phi, network(np.zeros((silent, d)), np.zeros(silent)))
        return BalancedSpace(d, phi.n_neurons), phi
    extra = rng.integers(5)
    if extra == 1:
        phi = joined(phi, flippable(rng, d))
    elif extra == 2:
        phi = joined(phi, lines(rng, d))
    elif extra == 3:
        phi = joined(phi, network(phi.weights[:1] * rng.choice([-1, 1, 2]), [rng.integers(-2, 3)]))
    elif extra == 4:
        phi = joined(phi, network(rng.integers(-1, 2, (2, d)), [0.0, 1.0]))
    if kind == "N":
        return None if rng.random() < 0.5 else UnrestrictedSpace(d, phi.n_neurons), phi
    if rng.random() < 0.4:
        phi = joined(phi, network(np.eye(d)[-1:] * rng.choice([-1.0, 2.0]), [1.0]))
    phi = joined(phi, network(np.eye(d)[-1:], [rng.integers(-2, 3)]))
    return UnrestrictedSpace(d, phi.n_neurons, offset=True), phi


def parallel(x, y):
    """Whether x and y have the same direction."""
    return x.any() and y.any() and np.allclose(x * np.abs(y).max(), y * np.abs(x).max())


def rewritten(rng, phi, offset, steps, *, exact=True):
    """The same function by the symmetries of a space, with as many neurons or more."""
    last = phi.output_weights[-1:] if offset else np.zeros(0)
    a, c = (x[: phi.n_neurons - offset].copy() for x in (phi.weights, phi.output_weights))
    d = phi.n_inputs
    for step in rng.choice(steps, int(rng.integers(1, 5))):
        if step == "permute":
            order = rng.permutation(len(c))
            a, c = a[order], c[order]
        elif step == "rescale":
            powers = rng.integers(-3, 4, len(c)) if exact else rng.uniform(-3, 3, len(c))
            a, c = a * 2.0 ** powers[:, None], c / 2.0**powers
        elif step == "split" and len(c):  # one of the parts may be negative
            i = rng.integers(len(c))
            part = rng.choice([0.5, 3.0, -1.0]) if exact else rng.uniform(-1, 2)
            a, c = np.vstack([a, 2 * a[i : i + 1]]), np.append(c, c[i] * (1 - part) / 2)
            c[i] *= part
        elif step == "silence":
            a = np.vstack([a, np.zeros((2, d)), np.ones((1, d))])
            c = np.append(c, [0.0, 3.0, 0.0])
        elif step == "turn":  # Lemma A.3: neurons whose products sum to zero
            for size in range(2, 4):
                for chosen in map(list, combinations(range(len(c)), size)):
                    if not (c[chosen] @ a[chosen]).any():
                        a[chosen] *= -1
        elif step == "constant":  # the offset takes it up
            a, c, last = np.vstack([a, 2 * np.eye(d)[-1:]]), np.append(c, 1.0), last - 2.0
    return Parametrization(np.vstack([a, np.eye(d)[-1:][:offset]]), np.append(c, last))


def split(theta):
    return theta.weights.tolist(), theta.output_weights.tolist()


def pair(rng, kind, *, exact):
    """A space, Γ in it and Θ of any width with the same function."""
    space, phi = member(rng, kind)
    offset = kind == "N with an offset"
    assert space is None or space.contains(phi)
    gamma = rewritten(rng, phi, offset, STEPS[kind], exact=exact)
    theta = rewritten(rng, phi, offset, STEPS["N with an offset" if offset else "N"], exact=exact)
    if isinstance(space, UnrestrictedSpace):
        space = replace(space, n_neurons=gamma.n_neurons)
    if space is not None and not space.contains(gamma):  # turning can leave parallel neurons
        gamma = phi
    return space, gamma, theta, offset


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("block", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_zero_exactly_where_the_functions_are_equal(kind, block):
    decided = others = 0
    for seed in range(1000 if block else 40):
        rng = np.random.default_rng([3, block, SPACES.index(kind), seed])
        space, gamma, theta, offset = pair(rng, kind, exact=True)
        assert fibre.same_function(split(gamma), split(theta), offset), seed
        found = distance_to_fibre(gamma, theta, space=space)
        assert found.lower == found.upper == 0 and found.exact, seed
        order = np.append(rng.permutation(gamma.n_neurons - offset), [gamma.n_neurons - 1] * offset)
        other = gamma.permute(order)
        assert parameter_distance(gamma, other, space=space) == 0, seed
        assert degeneracies(gamma, space=space) == pytest.approx(
            degeneracies(other, space=space), nan_ok=True
        )
        # Another element of the space: its distance from the fibre is at most that from gamma.
        moved = perturbed(rng, gamma, kind)
        if space is not None and not space.contains(moved):
            continue
        found = distance_to_fibre(moved, theta, space=space)
        near = parameter_distance(moved, gamma, space=space)
        assert found.lower <= near and found.lower <= found.upper, seed
        assert not found.exact or found.upper <= near * (1 + 1e-14), seed
        same = fibre.same_function(split(moved), split(theta), offset)
        assert (found.upper == 0) == same, seed
        if found.parametrization is not None and space is not None:
            assert space.contains(found.parametrization), seed
        others += not same
        spare = gamma.n_neurons - found.n_hyperplanes
        if kind == "N'" and spare <= 1 and not same:
            decided += found.exact
            for level, expected in ((found.lower, False), (found.upper, True)):
                moves = Fraction(level) * (1 + (1 if expected else -1) * Fraction(2) ** -45)
                nearer = fibre.nearer(split(moved), split(theta), moves, balanced=True)
                assert nearer == expected, seed
    assert others >= 15 and (kind != "N'" or decided >= 5)


def perturbed(rng, gamma, kind):
    """Some entries moved by small integers."""
    a, c = gamma.weights.copy(), gamma.output_weights.copy()
    i = rng.integers(len(c))
    if kind == "N with an offset" and i == len(c) - 1:
        c[i] += rng.integers(1, 3)
        return Parametrization(a, c)
    a[i] += rng.integers(-1, 2, a.shape[1])
    if kind in ("N'", "N*"):
        c[i] = rng.choice([-1.0, 1.0]) * np.abs(a[i]).max()
    elif rng.random() < 0.5:
        c[i] += rng.integers(-1, 2)
    return Parametrization(a, c)


@pytest.mark.parametrize("kind", SPACES)
def test_zero_up_to_rounding_where_the_functions_are(kind):
    """Scales and parts that round: the distance is that of rounding, and found from both sides."""
    for seed in range(40):
        rng = np.random.default_rng([4, SPACES.index(kind), seed])
        space, gamma, theta, _ = pair(rng, kind, exact=False)
        found = distance_to_fibre(gamma, theta, space=space)
        size = max(np.abs(gamma.weights).max(), np.abs(gamma.output_weights).max())
        assert found.lower <= found.upper <= 1e-13 * size, seed


def test_many_hyperplanes_are_not_refused():
    """N* has one orientation of each hyperplane: nothing has to be enumerated."""
    rng = np.random.default_rng(5)
    space = RestrictedSpace(3, 43)
    phi = space.sample(rng)
    triple = np.array([[1.0, 1, 1], [2.0, 1, 2], [3.0, 2, 3]])  # the third is the others' sum
    rows = np.vstack([phi.weights[:40], triple])
    outputs = np.append(phi.output_weights[:40], [1.0, 1.0, -1.0])
    theta = Parametrization(rows, outputs)
    gamma = theta.balance()
    rows[40:] *= -1
    turned = Parametrization(rows, outputs)
    other = space.sample(rng)
    for network in (theta, turned):
        assert distance_to_fibre(gamma, network, space=space).upper == 0
        found = distance_to_fibre(other, network, space=space)
        assert found.upper == pytest.approx(parameter_distance(other, gamma), rel=1e-12)
