"""Shallow ReLU networks without biases in exact rational arithmetic.

For small networks whose products ``c_i a_i`` are rational: realizations, canonical forms, the
seminorm (17), the uniform norm on a box and a strict test for the distance to a fibre, all decided
without rounding. Everything is enumerated: meant for a handful of neurons and inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from landscape.arrangement import Arrangement
from landscape.exact import IntVector, Number, Vector, dot, max_norm, solve, vector
from landscape.parametrization import Parametrization

__all__ = ["RationalFunction", "line_gap", "nearer_than"]


@dataclass(frozen=True)
class Canonical:
    """``<linear, x> + sum_h jumps[h] relu(<normals[h], x>)``; the first entry of a normal is 1."""

    normals: tuple[Vector, ...]
    jumps: tuple[Fraction, ...]
    linear: Vector

    def add(self, terms: Iterable[tuple[Fraction, Vector]]) -> Vector:
        """The linear part plus multiples of vectors."""
        total = self.linear
        for factor, v in terms:
            total = tuple(p + factor * q for p, q in zip(total, v, strict=True))
        return total


@dataclass(frozen=True)
class RationalFunction:
    """``x -> sum_i sign_i relu(<u_i, x>)`` with rational products u_i that are not zero."""

    n_inputs: int
    terms: tuple[tuple[int, Vector], ...]

    @classmethod
    def from_weights(
        cls, weights: Sequence[Sequence[Number]], output_weights: Sequence[Number]
    ) -> RationalFunction:
        """The realization of (A, c); floats are taken exactly."""
        terms = []
        for row, output in zip(weights, output_weights, strict=True):
            a, c = vector(row), Fraction(output)
            if c != 0 and any(a):
                terms.append((1 if c > 0 else -1, tuple(abs(c) * p for p in a)))
        return cls(len(weights[0]), tuple(terms))

    @classmethod
    def from_parametrization(cls, theta: Parametrization) -> RationalFunction:
        """The exact realization of a floating-point parametrization."""
        return cls.from_weights(theta.weights.tolist(), theta.output_weights.tolist())

    def __add__(self, other: RationalFunction) -> RationalFunction:
        return RationalFunction(self.n_inputs, self.terms + other.terms)

    def __neg__(self) -> RationalFunction:
        return RationalFunction(self.n_inputs, tuple((-s, u) for s, u in self.terms))

    def __sub__(self, other: RationalFunction) -> RationalFunction:
        return self + (-other)

    def value(self, x: Sequence[Fraction]) -> Fraction:
        """The value at x."""
        return sum((s * max(dot(u, x), Fraction(0)) for s, u in self.terms), Fraction(0))

    @cached_property
    def canonical(self) -> Canonical:
        """The canonical form, unique: normals are sorted and have 1 as their first entry."""
        jumps: dict[Vector, Fraction] = {}
        linear = [Fraction(0)] * self.n_inputs
        for sign, u in self.terms:
            head = next(p for p in u if p)
            normal = tuple(p / head for p in u)
            jumps[normal] = jumps.get(normal, Fraction(0)) + sign * abs(head)
            if head < 0:  # relu(z) = z + relu(-z)
                linear = [p + sign * q for p, q in zip(linear, u, strict=True)]
        kept = sorted(normal for normal, jump in jumps.items() if jump)
        return Canonical(tuple(kept), tuple(jumps[n] for n in kept), tuple(linear))

    def same_as(self, other: RationalFunction) -> bool:
        """Whether both are the same function."""
        form = (self - other).canonical
        return not form.jumps and not any(form.linear)

    def seminorm(self) -> tuple[Fraction, Vector]:
        """``|g|_{W^{1,inf}}`` of (17) and a point inside a cell where it is attained."""
        form = self.canonical
        best, where = Fraction(-1), tuple([Fraction(0)] * self.n_inputs)
        points: list[IntVector] = [(0,) * self.n_inputs]
        if form.normals:
            points = Arrangement(form.normals, tolerance=None).cells(limit=None).exact_points
        for point in map(vector, points):
            terms = zip(form.jumps, form.normals, strict=True)
            size = max_norm(form.add((j, v) for j, v in terms if dot(v, point) > 0))
            if size > best:
                best, where = size, point
        return best, where

    def uniform_norm(self, bound: Fraction | int = 1) -> tuple[Fraction, Vector]:
        """``max |g|`` on the box ``[-bound, bound]^d`` and a point where it is attained.

        g is linear on the pieces into which the hyperplanes cut the box, so a vertex decides; it
        lies on j hyperplanes and d - j facets.
        """
        d, normals = self.n_inputs, self.canonical.normals
        best, where = Fraction(-1), tuple([Fraction(0)] * d)
        for j in range(d):
            faces = itertools.combinations(range(d), j), itertools.product((-1, 1), repeat=d - j)
            for planes, free, corner in itertools.product(
                itertools.combinations(normals, j), *faces
            ):
                x = _vertex(planes, free, corner)
                if x is not None and (size := abs(self.value(x))) > best:
                    best, where = size, x
        return best * bound, tuple(bound * p for p in where)


def _vertex(planes: Sequence[Vector], free: Sequence[int], corner: Sequence[int]) -> Vector | None:
    """The point of the unit box on the planes whose other coordinates are the corner's, or None."""
    d, rest = len(free) + len(corner), iter(corner)
    x = [Fraction(0) if k in free else Fraction(next(rest)) for k in range(d)]
    solved = solve([[n[k] for k in free] for n in planes], [-dot(n, x) for n in planes])
    if solved is None or max_norm(solved) > 1:
        return None
    for k, p in zip(free, solved, strict=True):
        x[k] = p
    return tuple(x)


def line_gap(a: Sequence[Fraction], v: Sequence[Fraction]) -> tuple[Fraction, Fraction, Fraction]:
    """``min over real t of ‖a - t v‖_inf`` and the interval of minimizers t.

    Examples
    --------
    >>> line_gap((Fraction(1), Fraction(-1, 2)), (Fraction(1), Fraction(0)))
    (Fraction(1, 2), Fraction(1, 2), Fraction(3, 2))
    """
    if not any(v):
        raise ValueError("v: expected a vector that is not zero")
    pairs = list(zip(a, v, strict=True))
    lines = [*pairs]
    for (p, q), (r, s) in itertools.combinations(pairs, 2):
        lines += [(p - r, q - s), (p + r, q + s)]  # where |p - t q| = |r - t s|
    candidates = {p / q for p, q in lines if q}
    gap = min(max_norm(p - t * q for p, q in pairs) for t in candidates)
    ends = [((p - gap) / q, (p + gap) / q) for p, q in pairs if q]
    return gap, max(min(pair) for pair in ends), min(max(pair) for pair in ends)


def nearer_than(
    weights: Sequence[Sequence[Fraction]],
    output_weights: Sequence[Fraction],
    function: RationalFunction,
    level: Fraction,
) -> bool:
    """Whether some Φ with R(Φ) = g has ``‖Φ - Γ‖_inf < level``, decided exactly.

    For g with as many hyperplanes as Γ has neurons: Φ is then a permutation, rescaling and
    admissible flip, and for each neuron and hyperplane the admissible scales are an open interval.
    """
    form = function.canonical
    m = len(weights)
    if len(form.jumps) != m:
        raise ValueError(
            f"function: expected {m} hyperplanes, one for each neuron, got {len(form.jumps)}"
        )
    for flip in itertools.product((1, -1), repeat=m):
        sides = list(zip(flip, form.jumps, form.normals, strict=True))
        if any(form.add([(jump, normal) for side, jump, normal in sides if side < 0])):
            continue
        rays = [(jump, tuple(side * p for p in normal)) for side, jump, normal in sides]
        table = [
            [_ray_nearer(c, a, p, e, level) for p, e in rays]
            for c, a in zip(output_weights, weights, strict=True)
        ]
        if any(
            all(table[i][j] for i, j in enumerate(order))
            for order in itertools.permutations(range(m))
        ):
            return True
    return False


def _ray_nearer(
    c: Fraction, a: Sequence[Fraction], p: Fraction, e: Vector, level: Fraction
) -> bool:
    """Whether some t > 0 has ``|c - p / t| < level`` and ``‖a - t e‖_inf < level``."""
    low, high = Fraction(0), None
    for x, y in zip(a, e, strict=True):
        if y == 0:
            if abs(x) >= level:
                return False
        else:
            ends = sorted(((x - level) / y, (x + level) / y))
            low, high = max(low, ends[0]), ends[1] if high is None else min(high, ends[1])
    gain = c if p > 0 else -c  # |p| / t must lie in (gain - level, gain + level)
    if gain + level <= 0:
        return False
    low = max(low, abs(p) / (gain + level))
    if gain - level > 0:
        top = abs(p) / (gain - level)
        high = top if high is None else min(high, top)
    return high is None or low < high
