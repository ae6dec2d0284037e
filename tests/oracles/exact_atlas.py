"""All local minima of tiny problems in exact rational arithmetic, face by face.

On samples (x, 1) of one input the weights (w, b) of a neuron live in a plane. The rays ±(1, -x_k)
cut it into sectors; a face is the set of positive combinations of two neighbouring rays, of one,
or of none. With two inputs the rays are cross products of pairs of samples, the sectors are cells.
So the values of a joint face are the positive combinations of finitely many rational vectors.
Candidates: projections of the targets on their span that are such combinations, decided by listing
all vertices and extreme rays of {c >= 0 : G c = projection}. Each is judged by
``local_minimum.decide``, cell by cell. Slow and simple; shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, permutations, product

import numpy as np
from scipy.optimize import nnls

from tests.oracles.local_minimum import decide
from tests.oracles.rational import Vector, cells, dot, vector, vectors

Ray = tuple[Fraction, ...]
Neuron = tuple[frozenset[Ray], int]


@dataclass(frozen=True)
class Minimum:
    """Local minima of one joint face: rays and sign of every neuron, values and loss."""

    neurons: tuple[Neuron, ...]
    values: Vector
    loss: Fraction
    products: tuple[Vector, ...]


def lift(X: Sequence) -> list[Vector]:
    return [(*vector(row), Fraction(1)) for row in X]


def rays_in_order(x: Sequence[Fraction]) -> list[Ray]:
    points = sorted(set(x), reverse=True)
    one = Fraction(1)
    return [(one, -p) for p in points] + [(-one, p) for p in points]


def planar_faces(x: Sequence[Fraction]) -> list[frozenset[Ray]]:
    """One input: the apex, all rays and all sectors; needs two distinct samples."""
    rays = rays_in_order(x)
    sectors = [frozenset({a, b}) for a, b in zip(rays, rays[1:] + rays[:1], strict=True)]
    return [frozenset(), *(frozenset({ray}) for ray in rays), *sectors]


def spatial_faces(lifted: Sequence[Vector]) -> list[frozenset[Ray]]:
    """Two inputs that span the plane: faces of the cells, each by the rays of its closure."""
    points = sorted(set(lifted))
    rays = set()
    for p, q in combinations(points, 2):
        ray = (p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0])
        size = max(map(abs, ray))
        rays |= {tuple(e / size for e in ray), tuple(-e / size for e in ray)}
    found = set()
    for signs, _ in cells(points):
        own = [
            ray
            for ray in rays
            if all(s * dot(ray, p) >= 0 for s, p in zip(signs, points, strict=True))
        ]
        for chosen in product((False, True), repeat=len(points)):
            kinks = [p for p, on in zip(points, chosen, strict=True) if on]
            found.add(frozenset(ray for ray in own if all(dot(ray, p) == 0 for p in kinks)))
    return sorted(found, key=lambda face: (len(face), sorted(face)))


def neuron_faces(lifted: Sequence[Vector]) -> list[frozenset[Ray]]:
    if len(lifted[0]) == 2:
        return planar_faces([p[0] for p in lifted])
    return spatial_faces(lifted)


def relu_values(ray: Ray, lifted: Sequence[Vector]) -> Vector:
    return tuple(max(dot(ray, p), Fraction(0)) for p in lifted)


def projection(columns: Sequence[Vector], y: Vector) -> Vector:
    """On the span of the columns, by Gram-Schmidt without roots."""
    basis: list[Vector] = []
    for column in columns:
        rest = column
        for b in basis:
            factor = dot(rest, b) / dot(b, b)
            rest = tuple(r - factor * e for r, e in zip(rest, b, strict=True))
        if any(rest):
            basis.append(rest)
    value = (Fraction(0),) * len(y)
    for b in basis:
        factor = dot(y, b) / dot(b, b)
        value = tuple(v + factor * e for v, e in zip(value, b, strict=True))
    return value


def solve(columns: Sequence[Vector], target: Vector) -> list[Fraction] | None:
    """The unique combination of independent columns; None if dependent or without solution."""
    k = len(columns)
    table = [[c[i] for c in columns] + [target[i]] for i in range(len(target))]
    for j in range(k):
        pivot = next((i for i in range(j, len(table)) if table[i][j] != 0), None)
        if pivot is None:
            return None
        table[j], table[pivot] = table[pivot], table[j]
        table[j] = [e / table[j][j] for e in table[j]]
        for i, row in enumerate(table):
            if i != j and row[j] != 0:
                factor = row[j]
                table[i] = [e - factor * p for e, p in zip(row, table[j], strict=True)]
    if any(row[-1] != 0 for row in table[k:]):
        return None
    return [table[j][-1] for j in range(k)]


def subsets(n: int) -> Iterator[tuple[int, ...]]:
    for size in range(n + 1):
        yield from combinations(range(n), size)


def plausible(columns: np.ndarray, target: np.ndarray) -> bool:
    """Whether independent columns may combine to the target with coefficients >= 0."""
    scale = max(1.0, float(np.abs(target).max(initial=0.0)))
    if columns.shape[1] == 0:
        return float(np.abs(target).max(initial=0.0)) <= 1e-6 * scale
    found, _, rank, _ = np.linalg.lstsq(columns, target, rcond=1e-10)
    gap = np.abs(columns @ found - target).max()
    return bool(
        rank == columns.shape[1]
        and gap <= 1e-6 * scale
        and found.min() >= -1e-6 * max(1.0, np.abs(found).max())
    )


def inner_combination(columns: Sequence[Vector], target: Vector) -> list[Fraction] | None:
    """A point of the relative interior of {c >= 0 : G c = target}; None if empty. Exhaustive.

    {c >= 0 : G c = target} is the hull of its vertices (supports with independent columns) and of
    its extreme rays (non-negative circuits); their sum is positive wherever anything is. Floats
    leave out what is far from either.
    """
    n = len(columns)
    vertices, rays = [], []
    table = np.array([[float(e) for e in column] for column in columns]).reshape(n, len(target)).T
    goal = np.array([float(e) for e in target])
    for subset in subsets(n):
        part = [columns[j] for j in subset]
        found = solve(part, target) if plausible(table[:, subset], goal) else None
        if found is not None and all(c >= 0 for c in found):
            vertices.append(dict(zip(subset, found, strict=True)))
        if subset:
            # A circuit: the last column is minus a combination of the others, all positive.
            negative = tuple(-e for e in part[-1])
            others = None
            if plausible(table[:, subset[:-1]], -table[:, subset[-1]]):
                others = solve(part[:-1], negative)
            if others is not None and all(c > 0 for c in others):
                rays.append(dict(zip(subset, [*others, Fraction(1)], strict=True)))
    if not vertices:
        return None
    return [
        sum((v.get(j, Fraction(0)) for v in vertices), Fraction(0)) / len(vertices)
        + sum((r.get(j, Fraction(0)) for r in rays), Fraction(0))
        for j in range(n)
    ]


def positive_combination(columns: Sequence[Vector], target: Vector) -> list[Fraction] | None:
    """Coefficients c > 0 with G c = target, or None if there are none."""
    found = inner_combination(columns, target)
    return found if found is not None and all(c > 0 for c in found) else None


def exact_minima(X: Sequence, y: Sequence, m: int) -> list[Minimum]:
    """One entry per joint face (up to permutation) that consists of local minima."""
    lifted, y = lift(X), vector(y)
    types = [(face, sign) for face in neuron_faces(lifted) for sign in (1, -1)]
    found = []
    for chosen in combinations_with_replacement(types, m):
        generators = [(i, ray) for i, (face, _) in enumerate(chosen) for ray in sorted(face)]
        columns = [
            tuple(chosen[i][1] * v for v in relu_values(ray, lifted)) for i, ray in generators
        ]
        values = projection(columns, y)
        weights = positive_combination(columns, values)
        if weights is None:
            continue
        products = [[Fraction(0)] * len(lifted[0]) for _ in chosen]
        for (i, ray), weight in zip(generators, weights, strict=True):
            products[i] = [e + weight * r for e, r in zip(products[i], ray, strict=True)]
        signs = [sign for _, sign in chosen]
        if decide(products, signs, lifted, y).is_minimum:
            loss = sum(((v - t) ** 2 for v, t in zip(values, y, strict=True)), Fraction(0)) / len(y)
            found.append(Minimum(chosen, values, loss, tuple(vectors(products))))
    return found


def count_components(minima: Sequence[Minimum], X: Sequence) -> int:
    """Connected sets of minima: faces whose rays are among the other's, with equal values.

    The open face of neurons that no sample sees stands for both signs; faces with two neurons
    at the apex are left out.
    """
    lifted = lift(X)
    unseen = max(
        (
            face
            for face in neuron_faces(lifted)
            if all(not any(relu_values(r, lifted)) for r in face)
        ),
        key=len,
    )
    nodes = [n for n in minima if sum(not face for face, _ in n.neurons) <= 1]
    parent = list(range(len(nodes)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    def inside(a: Neuron, b: Neuron) -> bool:
        return a[0] <= b[0] and (a[1] == b[1] or b[0] == unseen)

    for i, one in enumerate(nodes):
        for j, two in enumerate(nodes):
            if one.values == two.values and any(
                all(inside(a, b) for a, b in zip(one.neurons, order, strict=True))
                for order in permutations(two.neurons)
            ):
                parent[root(i)] = root(j)
    return sum(parent[k] == k for k in range(len(nodes)))


def minima_of_cells(X: Sequence, y: Sequence, m: int) -> set[Fraction]:
    """Losses of all local minima, cell by cell; one input, larger problems.

    Each closed cell is a non-negative least squares problem, solved in floats. Which rays it uses
    gives the exact values; where the cell has several minimizers, an inner one is taken. A local
    minimum minimizes over every closed cell that it lies in, and then inner minimizers of the cell
    are local minima as well (nearby ones have the same loss): no loss is missed.
    """
    lifted, target = lift(X), vector(y)
    sectors = [face for face in planar_faces([p[0] for p in lifted]) if len(face) == 2]
    types = [
        (sorted(face), sign)
        for face in sectors
        for sign in (1, -1)
        if sign > 0 or any(any(relu_values(ray, lifted)) for ray in face)
    ]
    columns = {
        (ray, sign): tuple(sign * v for v in relu_values(ray, lifted))
        for face, sign in types
        for ray in face
    }
    numbers = {key: np.array([float(v) for v in column]) for key, column in columns.items()}
    goal = np.array([float(v) for v in target])
    losses: set[Fraction] = set()
    judged = set()
    for chosen in combinations_with_replacement(range(len(types)), m):
        rays = [(i, (ray, types[t][1])) for i, t in enumerate(chosen) for ray in types[t][0]]
        design = np.column_stack([numbers[key] for _, key in rays])
        amounts = nnls(design, goal, maxiter=100 * design.shape[1])[0]
        used = [g for g, a in zip(rays, amounts, strict=True) if a > 1e-9 * max(1, amounts.max())]
        values = projection([columns[key] for _, key in used], target)
        if np.linalg.matrix_rank(design) < len(rays):
            used, weights = rays, inner_combination([columns[key] for _, key in rays], values)
        else:
            weights = solve([columns[key] for _, key in used], values)
        assert weights is not None and all(w >= 0 for w in weights)
        amount = [(i, key, w) for (i, key), w in zip(used, weights, strict=True) if w > 0]
        case = tuple(
            sorted(tuple(sorted((key, w) for j, key, w in amount if j == i)) for i in range(m))
        )
        if case in judged:
            continue
        judged.add(case)
        products = [[Fraction(0), Fraction(0)] for _ in chosen]
        for i, (ray, _), weight in amount:
            products[i] = [e + weight * r for e, r in zip(products[i], ray, strict=True)]
        if decide(products, [types[t][1] for t in chosen], lifted, target).is_minimum:
            gaps = [(v - t) ** 2 for v, t in zip(values, target, strict=True)]
            losses.add(sum(gaps, Fraction(0)) / len(gaps))
    return losses
