"""Theorems of docs/mathematics.md that no other test checks: by brute force or in rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import linprog, minimize_scalar, nnls

from landscape.parametrization import Parametrization
from landscape.rational import RationalFunction
from landscape.stability import parameter_distance
from landscape.stationarity import Budget, check_with_norm, merge_kinks

Array = np.ndarray


def relu(z):
    return np.maximum(z, 0.0)


def fractions(values) -> list:
    if np.ndim(values) == 0:
        return Fraction(float(values))
    return [fractions(entry) for entry in values]


def inner(a, b) -> Fraction:
    return sum((p * q for p, q in zip(a, b, strict=True)), Fraction(0))


def positive(z: Fraction) -> Fraction:
    return max(z, Fraction(0))


# --- Theorem 7: one neuron ------------------------------------------------------------------------


def lowest_by_cells(g: Array, kinks: Array, w: Array) -> float:
    """``min h(v)`` over ``‖v‖_1 = 1``: a linear program per orthant and side of every kink."""
    best = np.inf
    for orthant in product((-1.0, 1.0), repeat=g.size):
        for sides in product((0.0, 1.0), repeat=len(kinks)):
            slope = g + (w * sides) @ kinks
            result = linprog(
                slope,
                A_ub=(1 - 2 * np.array(sides))[:, None] * kinks,
                b_ub=np.zeros(len(kinks)),
                A_eq=[orthant],
                b_eq=[1.0],
                bounds=[(0, None) if s > 0 else (None, 0) for s in orthant],
            )
            if result.status == 0:
                best = min(best, result.fun)
    return best


def lowest_by_rays(g: Array, kinks: Array, w: Array) -> Fraction:
    """The same by Theorem 7.4 for d = 3: rays of the kinks *and* the axes, in rationals."""
    g, kinks, w = fractions(g), fractions(kinks), fractions(w)
    planes = kinks + fractions(np.eye(3))
    best = None
    for a, b in combinations(planes, 2):
        ray = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
        size = sum(abs(p) for p in ray)
        if size == 0:
            continue
        for r in (ray, [-p for p in ray]):
            h = inner(g, r) + sum(q * positive(inner(r, x)) for q, x in zip(w, kinks, strict=True))
            best = h / size if best is None else min(best, h / size)
    return best


@pytest.mark.parametrize("kind", ["generic", "integer", "nearly parallel", "of rank two", "twins"])
def test_rays_with_axes_decide(kind, rng):
    for _ in range(4):
        kinks = rng.standard_normal((3, 3))
        if kind == "integer":
            kinks = rng.integers(-2, 3, (3, 3)).astype(float)
        if kind == "nearly parallel":
            kinks[1] = kinks[0] + 1e-9 * rng.standard_normal(3)
        if kind == "of rank two":
            kinks[2] = kinks[0] - 2 * kinks[1]
        if kind == "twins":
            kinks[1] = kinks[0]
        w, g = rng.standard_normal(3), rng.standard_normal(3)
        if rng.random() < 0.5:  # something that holds: multipliers for every choice
            w = np.abs(w)
            g = -(w * rng.uniform(0, 1, 3)) @ kinks
        expected = lowest_by_cells(g, kinks, w)
        assert float(lowest_by_rays(g, kinks, w)) == pytest.approx(expected, abs=1e-7)


def test_choices_and_residuals_bound_from_below(rng):
    """Theorem 7.2, 7.3: any multipliers give a bound; and the choices' minimum is h."""
    for _ in range(50):
        kinks, w, g = rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal(3)
        concave = w < 0
        v = rng.standard_normal((200, 3))
        h = v @ g + relu(v @ kinks.T) @ w
        smallest, residual = np.full(200, np.inf), 0.0
        for chosen in product((0.0, 1.0), repeat=int(concave.sum())):
            slope = g + (w[concave] * chosen) @ kinks[concave]
            smallest = np.minimum(smallest, v @ slope + relu(v @ kinks[~concave].T) @ w[~concave])
            multipliers = rng.uniform(0, 1, int((~concave).sum()))
            left = slope + (w[~concave] * multipliers) @ kinks[~concave]
            residual = max(residual, float(np.abs(left).sum()))
        np.testing.assert_allclose(h, smallest, atol=1e-12)
        assert (h >= -residual * np.abs(v).max(axis=1) - 1e-12).all()


def test_missed_bounds_cost_what_the_theorem_says(rng):
    """Theorem 7.7: δ is the least for the rays within the bounds, points beyond them pay."""
    unpaid = 0
    for _ in range(60):
        kinks, w, g = rng.standard_normal((3, 3)), rng.standard_normal(3), rng.standard_normal(3)
        bounds = np.diag(rng.choice([-1.0, 1.0], 3))[rng.random(3) < 0.7]
        lines = [np.cross(a, b) for a, b in combinations([*kinks, *np.eye(3)], 2)]
        rays = np.array(lines + [-ray for ray in lines])
        rays = rays[(rays @ bounds.T >= 0).all(axis=1)]
        delta = max(0.0, -((rays @ g + relu(rays @ kinks.T) @ w) / abs(rays).sum(axis=1)).min())
        missed = 10.0 ** rng.uniform(-3, 0, len(bounds))
        v = 10.0 ** rng.uniform(-3, 0, (200, 1)) * rng.standard_normal((200, 3))
        v = v[(v @ bounds.T >= -missed).all(axis=1)]
        price = float(missed @ np.abs(bounds) @ (np.abs(g) + np.abs(w) @ np.abs(kinks)))
        h, least = v @ g + relu(v @ kinks.T) @ w, -delta * np.abs(v).sum(axis=1)
        assert (h >= least - price - 1e-12).all()
        unpaid += (h < least - 1e-9).any()
    assert unpaid > 10  # without the bounds' terms the inequality is false


def test_moved_kinks_cost_what_the_theorem_says(rng):
    """Theorem 7.6, and it is attained: a single kink, moved along an axis."""
    for _ in range(50):
        kinks, w = rng.standard_normal((4, 3)), rng.standard_normal(4)
        other = kinks + 0.1 * rng.standard_normal((4, 3))
        v = rng.standard_normal((200, 3))
        change = np.abs(relu(v @ kinks.T) @ w - relu(v @ other.T) @ w)
        price = float(np.abs(w) @ np.abs(kinks - other).max(axis=1))
        assert (change <= price * np.abs(v).sum(axis=1) + 1e-12).all()
    v = np.array([1.0, 0.0])
    assert relu(v @ [1.5, 0.0]) - relu(v @ [1.0, 0.0]) == 0.5 * np.abs(v).sum()


# --- Theorem 14: the converse fails ---------------------------------------------------------------


def test_optimal_scales_that_are_no_parameter_minimum():
    X, y = np.eye(2), np.array([2.0, 0.0])

    def loss(u: Array) -> float:
        return float(((relu(X @ u) - y) ** 2).mean())

    u = np.array([1.0, 1.0])
    best = minimize_scalar(lambda t: loss(t * u), bounds=(0, 3), method="bounded")
    assert best.x == pytest.approx(1.0, abs=1e-5)
    assert loss(np.array([1.1, 0.9])) < loss(u) - 0.1


# --- Theorem 18: Lemma A.5 repaired ---------------------------------------------------------------


def sine_squared(normals) -> Fraction:
    """1 - λ² over pairs of different lines."""
    cosines = [inner(a, b) ** 2 / (inner(a, a) * inner(b, b)) for a, b in combinations(normals, 2)]
    return 1 - max((c for c in cosines if c != 1), default=Fraction(0))


@pytest.mark.parametrize(("d", "m"), [(2, 1), (2, 5), (3, 2), (3, 5), (4, 4)])
def test_the_seminorm_is_bounded_by_the_uniform_norm(d, m, rng):
    largest = 0.0
    for _ in range(12 if d < 4 else 4):
        rows = rng.integers(-3, 4, (m, d))
        rows[~rows.any(axis=1), 0] = 1
        normals = [[Fraction(int(p)) for p in row] for row in rows]
        c = [Fraction(int(p)) for p in rng.integers(-5, 6, m)]
        function = RationalFunction.from_weights(normals, c)
        seminorm, uniform = function.seminorm()[0], function.uniform_norm()[0]
        factor = Fraction(4) if d == 2 else Fraction(8 * m**4)
        assert seminorm**2 * sine_squared(normals) <= factor * uniform**2
        if uniform:
            largest = max(largest, float(seminorm / uniform))
    assert largest > 0.5


@pytest.mark.parametrize("k", [1, 2, 10, 1000])
def test_the_constant_two_is_sharp_in_the_plane(k):
    normals = [[Fraction(s), Fraction(s * t * k)] for t in (-1, 1) for s in (1, -1)]
    function = RationalFunction.from_weights(normals, [1, 1, -1, -1])
    seminorm, uniform = function.seminorm()[0], function.uniform_norm()[0]
    assert (seminorm, uniform) == (2 * k, 2)
    # (seminorm / bound)² = (k² / (k² + 1))² with bound = 2 uniform / sine
    square = seminorm**2 * sine_squared(normals) / (4 * uniform**2)
    assert square == Fraction(k**2, k**2 + 1) ** 2


@pytest.mark.parametrize(("d", "m"), [(2, 1), (2, 2), (3, 2)])
def test_networks_close_in_the_uniform_norm_are_close(d, m, rng):
    """Theorem 18's consequence, on N* with directions of a finite set, and how near it comes."""
    directions = [[1] * d, [-2] * (d - 2) + [1, 3], [1] * (d - 2) + [4, 1], [3] * (d - 2) + [1, 1]]
    directions = [[Fraction(p) for p in row] for row in directions[: 3 if d == 2 else 4]]
    largest = 0.0
    for trial in range(30):
        networks = []
        for _ in range(2):
            chosen = rng.choice(len(directions), m, replace=False)
            sizes = [Fraction(int(k), 64) for k in rng.integers(1, 4 if trial % 2 else 200, m)]
            signs = [int(s) for s in rng.choice([-1, 1], m)]
            rows = [[t * p for p in directions[i]] for t, i in zip(sizes, chosen, strict=True)]
            networks.append((rows, signs))
        (u, s), (v, t) = networks
        uniform = RationalFunction.from_weights(u + v, s + [-p for p in t]).uniform_norm()[0]
        gamma, theta = (
            Parametrization.from_products(np.array(rows, dtype=float), signs)
            for rows, signs in networks
        )
        square = Fraction(parameter_distance(gamma, theta)) ** 2
        # dist² <= 8 · 8√2 m² ‖.‖ / sine, once more squared
        left, right = square**2 * sine_squared(u + v), 2 * (64 * m**2 * uniform) ** 2
        assert left <= right * (1 + Fraction(1, 10**9))
        largest = max(largest, float(left / right) ** 0.25 if right else 0.0)
    assert largest > 0.05


def test_bangs_lemma_by_its_signs(rng):
    for k, d in ((1, 1), (3, 2), (5, 2), (7, 4)):
        normals = rng.standard_normal((k, d))
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        signs = np.array(list(product((-1.0, 1.0), repeat=k)))
        sums = signs @ normals
        x = sums[np.argmax((sums**2).sum(axis=1))] / k
        assert np.linalg.norm(x) <= 1 + 1e-12
        assert (np.abs(normals @ x) >= 1 / k - 1e-12).all()


# --- Theorem 19: the rounding discipline ----------------------------------------------------------


class Network:
    """A network and its data in rationals, with the terms of Theorem 19."""

    def __init__(self, rng: np.random.Generator, n: int = 6, d: int = 2, m: int = 3) -> None:
        self.X = fractions(rng.standard_normal((n, d)))
        self.A = fractions(rng.standard_normal((m, d)))
        self.c = fractions(rng.choice([-1.0, 1.0], m) * rng.uniform(0.3, 2, m))
        # Some samples nearly on hyperplanes: at distances from 1e-1 to 1e-12. The last neuron is
        # smooth and so small that its output weight may change its sign.
        self.c[-1] /= 64
        for i in range(m - 1):
            a, scale = self.A[i], Fraction(10) ** int(-rng.integers(1, 13))
            self.X[i] = [-a[1] + scale * a[0], a[0] + scale * a[1]]
        self.y = fractions(rng.standard_normal(n))
        self.signs = [1 if c > 0 else -1 for c in self.c]
        self.u = [[abs(c) * p for p in a] for a, c in zip(self.A, self.c, strict=True)]
        self.s = [v - y for v, y in zip(self.values(self.A, self.c), self.y, strict=True)]

    def values(self, A, c) -> list[Fraction]:
        return [sum(q * positive(inner(a, x)) for a, q in zip(A, c, strict=True)) for x in self.X]

    def loss(self, A, c) -> Fraction:
        values = self.values(A, c)
        return sum((v - y) ** 2 for v, y in zip(values, self.y, strict=True)) / len(self.y)

    def h(self, i: int, kinks: set[int], v) -> Fraction:
        total, sign = Fraction(0), self.signs[i]
        for k, x in enumerate(self.X):
            if k in kinks:
                total += sign * self.s[k] * positive(inner(v, x))
            elif inner(self.u[i], x) > 0:
                total += sign * self.s[k] * inner(v, x)
        return total


def test_the_loss_in_the_box_is_at_least_what_the_discipline_says(rng):
    """Theorem 19.1 and 19.2 at random points of the largest box, for random choices of kinks."""
    unpaid = flipped = 0
    for _ in range(60):
        net = Network(rng)
        m, n = len(net.A), len(net.X)
        kinks = [set(np.flatnonzero(rng.random(n) < 0.4).tolist()) | {i} for i in range(m - 1)]
        kinks.append(set())
        others = [
            abs(inner(net.A[i], x)) / sum(abs(p) for p in x)
            for i in range(m)
            for k, x in enumerate(net.X)
            if k not in kinks[i]
        ]
        r = min([*others, *map(abs, net.c[:-1])])
        flipped += r > abs(net.c[-1])
        for _ in range(20):
            size = 10.0 ** -rng.integers(0, 4)  # small steps: there the squares hide nothing
            step = fractions(size * rng.choice([-1.0, 0.0, 0.5, 1.0], (m, 3)))
            A = [
                [p + r * t for p, t in zip(a, q, strict=False)]
                for a, q in zip(net.A, step, strict=True)
            ]
            c = [p + r * q[2] for p, q in zip(net.c, step, strict=True)]
            total = paid = Fraction(0)
            for i in range(m):
                eta = [net.signs[i] * c[i] * p - q for p, q in zip(A[i], net.u[i], strict=True)]
                for p, q in zip(eta, net.A[i], strict=True):
                    assert abs(p) <= r * (abs(net.c[i]) + abs(q) + r)
                total += net.h(i, kinks[i], eta)
                for k in kinks[i]:
                    z = inner(net.u[i], net.X[k])
                    paid += positive(net.signs[i] * net.s[k]) * abs(z)
            gap = net.loss(A, c) - net.loss(net.A, net.c) - 2 * total / n
            assert gap + 2 * paid / n >= 0
            unpaid += gap < 0
    assert flipped > 10
    assert unpaid > 100  # without the kinks' terms the inequality is false


def test_a_kink_pays_for_its_distance():
    """Theorem 19.3: a convex kink that the neuron misses by z, multiplier 0, one sample."""
    z, s = Fraction(1, 1000), Fraction(1, 2)
    u, x = [Fraction(1), Fraction(1)], [Fraction(1), -1 + z]
    assert inner(u, x) == z
    losses = []
    for step in product((-1, -Fraction(1, 200), 0, Fraction(1, 200), 1), repeat=2):
        moved = [p + Fraction(1, 4) * t for p, t in zip(u, step, strict=True)]
        losses.append((positive(inner(moved, x)) - z + s) ** 2)
    assert s**2 - 2 * s * z <= min(losses) < s**2 - Fraction(19, 10) * s * z


def test_a_bound_pays_for_its_distance():
    """Theorem 19.3: u_1 >= 1 - b at u_1 = 1, gradient s along it, one sample (1, 0)."""
    b, s = Fraction(1, 1000), Fraction(1, 2)
    losses = [(p - 1 + s) ** 2 for p in (1 - b, Fraction(1), 1 + b)]
    assert s**2 - 2 * s * b <= min(losses) < s**2 - Fraction(19, 10) * s * b


def test_the_error_of_a_split_relu(rng):
    z, t = 3 * rng.standard_normal((2, 10_000))
    error = relu(z + t) - relu(t) - relu(z)
    assert (error <= 1e-12).all() and (error >= -np.abs(z) - 1e-12).all()
    assert error.min() < -1


# --- Theorem 20: merge trees ----------------------------------------------------------------------


def barriers_by_flooding(values: Array, starts: list[tuple[int, int]]) -> float:
    """The lowest level at which two points of a grid are connected below it."""
    levels = np.sort(values.ravel())
    low, high = 0, len(levels) - 1
    from scipy.ndimage import label

    while low < high:
        middle = (low + high) // 2
        labels, _ = label(values <= levels[middle], structure=np.ones((3, 3)))
        first, second = (labels[point] for point in starts)
        if first == second != 0:
            high = middle
        else:
            low = middle + 1
    return float(levels[low])


def test_barriers_of_one_neuron_by_its_facets_and_by_flooding():
    """Two samples on either side: two valleys, the pass lies on a ray between cells."""
    X = np.array([[1.0, 0.2], [-1.0, 0.3], [0.1, 1.0]])
    y = np.array([1.0, 1.2, 0.15])

    def loss(u: Array) -> Array:
        return ((relu(u @ X.T) - y) ** 2).mean(axis=-1)

    # Rays in the order of their angles; each facet's minimum is that of a parabola in t >= 0.
    rays = np.vstack([[-x[1], x[0]] for x in X] + [[x[1], -x[0]] for x in X])
    rays = rays[np.argsort(np.arctan2(rays[:, 1], rays[:, 0]))]
    facets = []
    for ray in rays:
        slopes = relu(X @ ray)
        t = max(0.0, float(slopes @ y) / float(slopes @ slopes)) if slopes.any() else 0.0
        facets.append(float(loss(t * ray)))
    grid = np.linspace(-2.5, 2.5, 1001)
    plane = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    values = loss(plane)
    starts = []
    for guess in ([1.0, 0.1], [-1.2, 0.1]):
        window = np.abs(plane - guess).max(axis=-1) < 0.6
        starts.append(np.unravel_index(np.where(window, values, np.inf).argmin(), values.shape))
    # The cells are sectors in a circle: two chains join two of them, each as high as its facets.
    cells = [
        int(np.searchsorted(np.arctan2(rays[:, 1], rays[:, 0]), np.arctan2(*plane[s][::-1])))
        % len(rays)
        for s in starts
    ]
    first, second = sorted(cells)
    assert first != second
    inside = max(facets[first:second])
    outside = max(facets[second:] + facets[:first])
    barrier = min(inside, outside)
    assert barrier > max(values[s] for s in starts) + 0.05
    assert barriers_by_flooding(values, starts) == pytest.approx(barrier, abs=5e-3)


# --- Theorems 21, 22 ------------------------------------------------------------------------------


def test_absolute_losses_do_not_separate(rng):
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
    y, weights = np.array([3.0, 3.0, 0.0]), np.array([2.0, 2.0, 1.0])
    u = np.array([[2.0, 1.0], [1.0, 2.0]])

    def loss(products: Array) -> float:
        return float(weights @ np.abs(relu(X @ products.T).sum(axis=1) - y))

    for i in range(2):
        for v in 0.1 * rng.standard_normal((500, 2)):
            alone = u.copy()
            alone[i] += v
            assert loss(alone) >= loss(u) - 1e-12
    together = u + 0.1 * np.array([[-1.0, 1.0], [1.0, -1.0]])
    assert loss(together) == pytest.approx(loss(u) - 0.2)


def test_no_network_is_better_than_the_bound_for_all(rng):
    """Theorem 22 with optimal scales; φ by the vertices of the box in two dimensions."""
    for _ in range(10):
        X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
        features = relu(X @ rng.standard_normal((3, 2)).T)
        values = features @ np.linalg.lstsq(features, y, rcond=None)[0]
        s = values - y
        assert abs(s @ values) < 1e-10
        corners = [v for v in product((-1.0, 1.0), repeat=2)]
        for x in X:
            corners += [side * np.array([-x[1], x[0]]) / np.abs(x).max() for side in (1, -1)]
        phi = float(np.abs(relu(np.array(corners) @ X.T) @ s).max())
        for _ in range(100):
            rows, signs = rng.standard_normal((4, 2)), rng.choice([-1.0, 1.0], 4)
            total = float(np.abs(rows).max(axis=1).sum())
            other = relu(X @ rows.T) @ signs
            best = max(0.0, float(other @ y) / float(other @ other))  # the best positive scale
            loss = float(((best * other - y) ** 2).mean())
            assert loss >= float((s**2).mean()) - 2 / 8 * best * total * phi - 1e-12


# --- Theorem 37: a norm on cones of directions ----------------------------------------------------


def largest_fall(g: Array, X: Array, w: Array) -> float:
    """The largest ``-(<g, v> + sum_k w_k relu(<v, x_k>))`` on the unit sphere, by all cells.

    In the cell with sides s it is the distance of its gradient from the cone of the ``s_k x_k``.
    """
    falls = [0.0]
    for sides in product((-1.0, 1.0), repeat=len(X)):
        rows = np.array(sides)[:, None] * X
        used = rows[rows.any(axis=1)]
        inside = linprog(np.zeros(g.size), A_ub=-used, b_ub=-np.ones(len(used)),
                         bounds=[(None, None)] * g.size)  # fmt: skip
        if inside.status == 0:
            falls.append(nnls(rows.T, g + (w * (np.array(sides) > 0)) @ X)[1])
    return max(falls)


def falls_exactly(g: Array, X: Array, w: Array, norm: Array, v: Array) -> bool:
    """``h(v) < 0`` in rationals: squares are compared."""
    v, g, X, w, norm = (fractions(part.tolist()) for part in (v, g, X, w, norm))
    gain = -inner(g, v) - sum(b * positive(inner(x, v)) for x, b in zip(X, w, strict=True))
    return gain > 0 and gain**2 > sum((a * b) ** 2 for a, b in zip(norm, v, strict=True))


@pytest.mark.parametrize("kind", ["random", "grid", "few", "convex"])
def test_the_weight_decay_of_a_dead_neuron_is_decided_on_both_sides_of_its_threshold(kind, rng):
    for trial in range(4):
        d, n = (2, 3)[trial % 2], 5
        X, w = rng.normal(size=(n, d)), rng.normal(size=n)
        if kind == "grid":  # duplicates, parallel and opposite samples; some on no side
            X, w = rng.integers(-1, 2, (n, d)) * 1.0, rng.integers(-2, 3, n) * 1.0
            X[0] = 1.0
        if kind == "few":  # no kink along some directions
            X[1:] = X[0] * rng.normal(size=(n - 1, 1))
        w = np.abs(w) if kind == "convex" else w
        g = rng.normal(size=d) if trial < 2 else np.zeros(d)
        phi = largest_fall(g, X, w)
        h = merge_kinks(g, X, w)
        allowed = 1e-12 * h.terms + 1e-300
        for factor, verdict in ((0.999, "violated"), (1.001, "holds")):
            norm = np.full(d, factor * phi if phi > 1e-9 else 1.0)
            if phi < 1e-9 and verdict == "violated":
                continue
            found = check_with_norm(h, norm, allowed, np.zeros(d), Budget())
            assert found.verdict.value == verdict, (kind, trial, factor)
            if verdict == "violated":
                assert falls_exactly(g, X, w, norm, found.direction)
            else:
                v = rng.normal(size=(500, d))
                values = h(v) + np.linalg.norm(v * norm, axis=1)
                assert (values >= -np.abs(v) @ found.shortfall - 1e-12).all()


def test_a_dead_neuron_with_a_free_bias_is_decided(rng):
    """With a free offset the values along the bias are 0 exactly: only rounding is left."""
    angles = np.linspace(0, 2 * np.pi, 4001)
    for _ in range(3):
        n = 12
        x, w = rng.normal(size=(n, 2)), rng.normal(size=n)
        w -= w.mean()
        heights = np.column_stack([np.cos(angles), np.sin(angles)]) @ x.T
        values = np.maximum(heights[:, :, None] - heights[:, None, :], 0.0)  # kink at each sample
        phi = float(np.einsum("akb,k->ab", values, -w).max())
        h = merge_kinks(np.zeros(3), np.column_stack([x, np.ones(n)]), w)
        for factor, verdict in ((0.99, "violated"), (1.01, "holds")):
            norm = np.array([factor * phi, factor * phi, 0.0])
            found = check_with_norm(h, norm, 1e-12 * h.terms, np.zeros(3), Budget())
            assert found.verdict.value == verdict


# --- Theorem 44: a bound for any width, with weight decay -----------------------------------------


@pytest.mark.slow
def test_multiples_of_the_residuals_bound_all_widths_with_weight_decay(rng):
    """No more than the optimum of any width, by cvxpy; the optimum's own residuals give it all."""
    from benchmarks.regularized.__main__ import any_width, bound  # plots, otherwise not needed

    x, y = rng.uniform(-1, 1, (4, 1)), rng.normal(size=4)
    y -= y.mean()
    for strength in (0.003, 0.05):
        best = any_width(x, y, strength)
        for size in (0.0, 0.1, 1.0):
            residuals = -y + size * rng.normal(size=4)
            assert bound(x, y, strength, residuals) <= best + 1e-7
    # One ridge in all: of any width is best what scales it.
    found = bound(x, y, 0.05, -y)
    ridge = max(
        abs(np.maximum(side * (x[:, 0] - kink), 0.0) @ y) for kink in x[:, 0] for side in (1, -1)
    )
    t = min(1.0, 4 * 0.05 / ridge)
    assert found == pytest.approx((2 * t - t * t) * float(y @ y) / 4, rel=1e-4)
