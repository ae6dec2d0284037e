"""Descent that leaves stationary points for lower ones on straight lines of single neurons."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from landscape.descent import DescentOutcome, descend
from landscape.descent._kernels import _search
from landscape.descent._lines import axes, least_on_axes, least_on_rays
from landscape.descent._search import LEAP
from landscape.effective import EffectiveProblem
from landscape.minima import certify_minimum
from landscape.parametrization import Parametrization
from landscape.spaces import RestrictedSpace, UnrestrictedSpace, make_space


def least(z, dz, sign, s, limit, slope, curvature) -> Fraction:
    """The least value on one ray in rational arithmetic, from all pieces one by one."""
    z, dz, s = ([Fraction(float(v)) for v in values] for values in (z, dz, s))
    sign, slope, curvature = Fraction(float(sign)), Fraction(slope), Fraction(curvature)

    def value(t):
        half = Fraction(1, 2)
        total = slope * t + half * curvature * t * t
        for a, b, r in zip(z, dz, s, strict=True):
            total += half * ((r + sign * (max(a + t * b, 0) - max(a, 0))) ** 2 - r * r)
        return total

    ends = {-a / b for a, b in zip(z, dz, strict=True) if a * b < 0}
    limit = None if limit == np.inf else Fraction(limit)
    ends = [0, *sorted(t for t in ends if limit is None or t < limit)]
    ends.append(max([1, 2 * ends[-1]]) if limit is None else limit)
    found = [value(t) for t in ends[:-1]] + ([] if limit is None else [value(limit)])
    for low, high in pairwise(ends):
        # A quadratic through three points: its vertex, if it lies on the piece.
        middle = (low + high) / Fraction(2)
        a, b, c = value(low), value(middle), value(high)
        bend = 2 * (a - 2 * b + c)
        if bend > 0:
            vertex = low + (high - low) * (3 * a - 4 * b + c) / (2 * bend)
            open_end = limit is None and high == ends[-1]
            if low < vertex and (vertex < high or open_end):
                found.append(value(vertex))
    return min(found)


@pytest.mark.parametrize("integers", [False, True])
def test_the_least_value_on_a_ray_agrees_with_rational_arithmetic(integers):
    rng = np.random.default_rng(3)
    n_uphill = 0
    for case in range(200):
        n, rays = int(rng.integers(1, 12)), 4
        z, dz = rng.standard_normal((2, rays, n))
        s = 2 * rng.standard_normal(n)
        if integers:  # ties, kinks at t = 0, rates that vanish
            z, dz, s = np.round(2 * z), np.round(2 * dz), np.round(2 * s)
        signs = np.where(rng.random(rays) < 0.5, -1.0, 1.0)
        limits = np.full(rays, (np.inf, 1.0, 0.25)[case % 3])
        slopes = rng.integers(-1, 2, rays) * (case % 2) * 1.0
        curvatures = np.abs(slopes) * rng.integers(1, 3)
        gains, t = least_on_rays(z, dz, signs, s, limits, slopes, curvatures)
        assert ((t >= 0) & (t <= limits) & (gains <= 0)).all()
        for r in range(rays):
            problem = z[r], dz[r], signs[r], s, limits[r], slopes[r], curvatures[r]
            exact = least(*problem)
            assert gains[r] == pytest.approx(float(exact), rel=1e-9, abs=1e-11)
            # The value is attained where it is said to be.
            ahead = signs[r] * (np.maximum(z[r] + t[r] * dz[r], 0) - np.maximum(z[r], 0))
            reached = 0.5 * float(np.sum((s + ahead) ** 2 - s**2))
            reached += slopes[r] * t[r] + 0.5 * curvatures[r] * t[r] ** 2
            assert reached == pytest.approx(float(exact), rel=1e-9, abs=1e-11)
            start = signs[r] * dz[r] * ((z[r] > 0) | ((z[r] == 0) & (dz[r] > 0)))
            n_uphill += float(s @ start) + slopes[r] > 0 and exact < 0
    assert n_uphill > 10


def test_many_rays_in_blocks(monkeypatch):
    rng = np.random.default_rng(4)
    theta, X = (
        Parametrization(rng.standard_normal((5, 3)), rng.standard_normal(5)),
        rng.random((7, 3)),
    )
    problem = EffectiveProblem.build(theta, X, rng.random(7), UnrestrictedSpace(3, 5))
    u = problem.state().u
    z = problem.preactivations(problem.state())
    s = problem.residuals(problem.state(), z)
    at_once = least_on_axes(problem, u, z, s)
    monkeypatch.setattr("landscape.descent._lines.BLOCK", 20)
    i, step, change = least_on_axes(problem, u, z, s)
    assert i == at_once[0] and change < 0
    assert np.allclose(step, at_once[1]) and change == pytest.approx(at_once[2])


def lowest_on_axes(theta, X, y, *, penalty=None, bounds=(-np.inf, np.inf)):
    """The least loss on a fine grid of the lines of single neurons, by evaluating it."""
    u, signs = theta.products, theta.signs
    weights = np.zeros(u.shape[1]) if penalty is None else penalty

    def loss(v):
        s = np.maximum(X @ v.T, 0) @ signs - y
        return float(np.mean(s**2)) + float((v * v).sum(axis=0) @ weights)

    best, start = np.inf, loss(u)
    for i, directions in enumerate(axes(u)):
        for direction in directions:
            for t in np.concatenate([np.linspace(0, 4, 81), 2.0 ** np.arange(-12, 8)]):
                v = u.copy()
                v[i] += t * direction
                if (v >= bounds[0]).all() and (v <= bounds[1]).all():
                    best = min(best, loss(v))
    return best, start


@pytest.mark.parametrize("name", ["restricted", "balanced", "unrestricted"])
def test_ends_are_minima_that_no_axis_leaves(dataset, name):
    _, features, targets = dataset
    rng = np.random.default_rng(21)
    p, m = features.shape[1], 2
    space = make_space(name, p, m)
    X = space.embed(features)
    for n_positive in range(3):
        outputs = np.where(np.arange(m) < n_positive, 1.0, -1.0)
        theta = space.from_network(
            rng.standard_normal((m, p)), rng.standard_normal(m), outputs, 0.5
        )
        end = descend(theta, X, targets, space=space, far=True)
        scale = float(np.mean(targets**2))
        assert end.loss <= end.loss_start + 1e-12 * (end.loss_start + scale)
        assert (np.diff(end.losses) <= 1e-12 * scale).all()
        record = certify_minimum(end.parametrization, X, targets, space=space)
        assert record.is_minimum == (end.outcome is DescentOutcome.MINIMUM)
        assert end.outcome in (DescentOutcome.MINIMUM, DescentOutcome.UNDECIDED), end.reason
        if name == "balanced":  # no bounds: all lines are open
            best, loss = lowest_on_axes(end.parametrization, X, targets)
            assert best >= loss * (1 - 1.01 * LEAP) - 1e-12 * scale


def problem_of(seed: int):
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, (20, 1))
    return features, np.sin(4 * features[:, 0]) + 0.1 * rng.standard_normal(20)


def test_starts_end_lower_than_by_descent_alone():
    """Not each of them: the first leap may come before the first minimum."""
    features, y = problem_of(5)
    space = make_space("restricted", 1, 3, margin=1e-3)
    X = space.embed(features)
    near, far = [], []
    for j in range(12):
        rng = np.random.default_rng([7, j])
        theta = space.from_network(
            rng.standard_normal((3, 1)),
            rng.uniform(-1, 1, 3),
            np.where(np.arange(3) < j % 4, 1.0, -1.0),
            0.1,
        )
        near.append(descend(theta, X, y, space=space).loss)
        far.append(descend(theta, X, y, space=space, far=True).loss)
    assert np.median(far) < 0.8 * np.median(near)


def test_penalties_and_bounds_are_kept():
    features, y = problem_of(6)
    space = RestrictedSpace(3, 3, margin=0.05, bound=2.0)
    X = space.embed(features)
    penalty = np.array([0.01, 0.0, 0.0])
    n_lower = 0
    for j in range(8):
        theta = space.sample(np.random.default_rng([8, j]), n_positive=j % 4)
        options = {"space": space, "penalty": penalty}
        near = descend(theta, X, y, **options)
        far = descend(theta, X, y, far=True, **options)
        assert far.outcome is DescentOutcome.MINIMUM, far.reason
        assert [v for v in space.violations(far.parametrization) if v.condition != "C.2"] == []
        best, loss = lowest_on_axes(
            far.parametrization, X, y, penalty=penalty, bounds=space.bounds()
        )
        assert loss == pytest.approx(far.loss, rel=1e-9)
        assert best >= loss * (1 - 1.01 * LEAP)
        n_lower += far.loss < near.loss * (1 - LEAP)
    assert n_lower >= 1


def test_the_limit_of_iterations_holds():
    features, targets = problem_of(9)
    space = make_space("restricted", features.shape[1], 3)
    X = space.embed(features)
    theta = space.sample(np.random.default_rng(1), n_positive=2)
    end = descend(theta, X, targets, space=space, far=True, max_iter=2)
    assert end.n_iter <= 2
    assert end.outcome in (DescentOutcome.ITERATION_LIMIT, DescentOutcome.MINIMUM)


def minima_on_ray(z, dz, signs, s, drift, slope, curvature):
    """Where half the sum of squares ceases to fall on a joint ray: t > 0, and its value there."""
    z, dz = ([[Fraction(float(v)) for v in row] for row in rows] for rows in (z, dz))
    signs, s, drift = ([Fraction(float(v)) for v in values] for values in (signs, s, drift))
    slope, curvature = Fraction(float(slope)), Fraction(float(curvature))

    def value(t):
        total = slope * t + curvature * t * t / 2
        for k, r in enumerate(s):
            for i, sign in enumerate(signs):
                a = z[i][k]
                r += sign * (max(a + t * dz[i][k], 0) - max(a, 0))
            total += (r + t * drift[k]) ** 2 / 2
        return total

    pairs = [pair for rows in zip(z, dz, strict=True) for pair in zip(*rows, strict=True)]
    ends = sorted({Fraction(0), *(-a / b for a, b in pairs if a * b < 0)})
    pieces = []  # start, end, value, slope at the start, bend
    for low, high in [*pairwise(ends), (ends[-1], None)]:
        width = 1 if high is None else high - low
        a, b, c = (value(low + width * Fraction(j, 2)) for j in range(3))
        pieces.append((low, high, a, (4 * b - 3 * a - c) / width, 4 * (a - 2 * b + c) / width**2))
    found = []
    for place, (low, high, height, start, bend) in enumerate(pieces):
        if place > 0:
            (left, _, _, before, bent) = pieces[place - 1]
            if before + bent * (low - left) < 0 <= start:
                found.append((low, height - value(0)))
        if start < 0 < bend and (high is None or low - start / bend <= high):
            found.append((low - start / bend, height - start**2 / bend / 2 - value(0)))
    return found


@pytest.mark.parametrize("integers", [False, True])
def test_a_compiled_line_search_reaches_the_least_minimum_before_its_limit(integers):
    rng, lower = np.random.default_rng(5), 0
    for case in range(300):
        n, m, d = int(rng.integers(2, 9)), int(rng.integers(1, 4)), 2
        X, z = rng.standard_normal((n, d)), rng.standard_normal((m, n))
        step, s, u = rng.standard_normal((m, d)), 2 * rng.standard_normal(n), np.ones((m, d))
        move, penalty = float(rng.standard_normal()), (case % 2) * np.array([0.25, 0.0])
        if integers:  # ties, kinks at t = 0
            X, z, step, s, move = (np.round(2 * each) for each in (X, z, step, s, move))
        signs, column = np.where(rng.random(m) < 0.5, -1.0, 1.0), np.ones(n)
        dz, terms, rates, before = *np.empty((2, m, n)), *np.empty((2, n))
        extra = (penalty * u * step).sum(), (penalty * step * step).sum()
        minima = minima_on_ray(z, step @ X.T, signs, s, move * column, *extra)
        for reach in (0.0, 1.0, 8.0, 1e6):
            t = _search(
                X.T.copy(), z, signs, s, column, penalty, np.zeros((m, n), bool), 0.0, u, step,
                move, dz, terms, rates, before, np.empty(m * n + 1), np.empty(m * n + 1, int),
                reach,
            )  # fmt: skip
            if t == 0.0:
                continue
            first = minima[0]
            aims = [first, *(each for each in minima if each[0] <= reach)]
            place, height = min(minima, key=lambda each: abs(each[0] - Fraction(float(t))))
            assert float(place) == pytest.approx(t, rel=1e-9, abs=1e-12)
            best = min(each[1] for each in aims)
            if reach == 0.0:
                assert place == first[0]
            # The piece that the limit lies in is looked at as a whole.
            assert float(height - best) <= 1e-9 * float(abs(best) + 1)
            lower += height < first[1]
    assert lower > 30
