"""Exact decisions about points of a space: minimum or not, better point or not.

Nothing here is shared with the package: floats are taken as the rationals that they are, and every
sign is the sign of an integer.

The loss is ``L = (1/n) sum_k s_k^2 + sum_ij penalty_j u_ij^2`` with ``s_k = R(x_k) - y_k``,
``R = sum_i sigma_i relu(<u_i, x>)``, ``u_i = |c_i| a_i``. On a small enough neighbourhood of u all
pairs (i, k) with ``<u_i, x_k> != 0`` keep their sign, so for a feasible direction v and small t

    L(u + t v) = L(u) + t (2/n) sum_i h_i(v_i) + t^2 (a quadratic form that is >= 0),
    h_i(v) = <g_i, v> + sum over kinks k of sigma_i s_k relu(<v, x_k>).

All feasible directions of all neurons may be combined (the space is a product of polyhedra), hence
u is a local minimum iff every ``h_i >= 0`` on the cone of feasible directions of neuron i. The map
(a, c) -> |c| a is open where ``c != 0``, so this decides N as well. Where ``c_i = 0`` the neuron's
change of the loss is ``(2/n) dc sum_k s_k relu(<a', x_k>)`` plus something of order dc^2: it is of
both signs unless ``a' -> sum_k s_k relu(<a', x_k>)`` vanishes near a_i; if it vanishes, the rest of
the change is a square plus the other neurons' h, so the point is a minimum. The same holds where
``u_i = 0`` on N', with a = 0: there both signs are next to it. (The loss is continuous, and points
without parallel neurons are dense for d >= 2: "no two parallel" changes no infimum.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import comb, gcd, inf, lcm

import numpy as np

try:  # faster; Fraction does as well
    import flint
except ImportError:
    flint = None

from landscape import BalancedSpace, Parametrization, RestrictedSpace, UnrestrictedSpace

Row = list[int]
MAX_SUBSETS = 6000  # of hyperplanes, for the rays of one neuron
MAX_CHOICES = 64  # of concave kinks, for the second method


def _integers(values: Sequence[Sequence[object]]) -> tuple[list[Row], int]:
    """The same numbers as integers over one denominator."""
    ratios = [[Fraction(v).as_integer_ratio() for v in row] for row in values]  # type: ignore[arg-type]
    denominator = lcm(*{q for row in ratios for _, q in row})
    return [[p * (denominator // q) for p, q in row] for row in ratios], denominator


def _dot(a: Row, b: Row) -> int:
    return sum(map(int.__mul__, a, b))


# --- one neuron: h(v) = <g, v> + sum_p jump_p relu(<v, p>) >= 0 on a cone -------------------------


def canonical(g: Row, kinks: Sequence[Row], weights: Row) -> tuple[Row, dict[tuple[int, ...], int]]:
    """Merge kinks on one hyperplane, ``relu(-z) = relu(z) - z``; h = 0 iff nothing is left."""
    g, jumps = list(g), {}
    for x, w in zip(kinks, weights, strict=True):
        size = gcd(*x)
        if size == 0 or w == 0:
            continue
        p = [v // size for v in x]
        if next(v for v in p if v) < 0:
            p = [-v for v in p]
            g = [a - size * w * b for a, b in zip(g, p, strict=True)]
        jumps[tuple(p)] = jumps.get(tuple(p), 0) + size * w
    return g, {p: w for p, w in jumps.items() if w}


def _echelon(rows: Sequence[Sequence[int]]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form and its pivot columns."""
    matrix, pivots, width = [[Fraction(v) for v in r] for r in rows], [], len(rows[0])
    for j in range(width):
        r = len(pivots)
        row = next((i for i in range(r, len(matrix)) if matrix[i][j]), None)
        if row is None:
            continue
        matrix[r], matrix[row] = matrix[row], matrix[r]
        matrix[r] = [v / matrix[r][j] for v in matrix[r]]
        for i in range(len(matrix)):
            if i != r and matrix[i][j]:
                f = matrix[i][j]
                matrix[i] = [a - f * b for a, b in zip(matrix[i], matrix[r], strict=True)]
        pivots.append(j)
    return matrix[: len(pivots)], pivots


def kernel(rows: Sequence[Sequence[int]], width: int) -> list[Row]:
    """An integer basis of ``{v : <row, v> = 0 for all rows}``."""
    if not rows:
        return [[int(i == j) for j in range(width)] for i in range(width)]
    if flint is not None and len(rows) * width > 20:
        echelon, divisor, rank = flint.fmpz_mat([[*map(int, r)] for r in rows]).rref()
        table = [[int(v) for v in row] for row in echelon.tolist()[:rank]]
        pivots, one = [next(j for j, v in enumerate(r) if v) for r in table], int(divisor)
    else:
        fractions, pivots = _echelon(rows)
        table, one = _integers(fractions) if pivots else ([], 1)
    basis = []
    for free in (j for j in range(width) if j not in pivots):
        v = [one * int(j == free) for j in range(width)]
        for row, j in zip(table, pivots, strict=True):
            v[j] = -row[free]
        size = gcd(*v)
        basis.append([t // size for t in v])
    return basis


def crossings(rows: Sequence[Row], width: int) -> Iterator[Row]:
    """The lines that ``width - 1`` independent hyperplanes have in common, in integers."""
    if width == 1:
        yield [1]
    elif width == 2:
        yield from ([-b, a] for a, b in rows)
    elif width == 3:
        for (a, b, c), (d, e, f) in combinations(rows, 2):
            v = [b * f - c * e, c * d - a * f, a * e - b * d]
            if any(v):
                yield v
    else:
        for chosen in combinations(rows, width - 1):
            basis = kernel(chosen, width)
            if len(basis) == 1:
                yield basis[0]


@dataclass(frozen=True)
class Slope:
    """``h(v) = <g, v> + sum jumps[p] relu(<v, p>)`` on the cone ``v_j >= 0``, ``v_j <= 0``."""

    g: Row
    jumps: dict[tuple[int, ...], int]
    lower: frozenset[int] = frozenset()
    upper: frozenset[int] = frozenset()

    def __call__(self, v: Sequence[int]) -> int:
        value = _dot(self.g, list(v))
        for p, w in self.jumps.items():
            z = sum(map(int.__mul__, p, v))
            if z > 0:
                value += w * z
        return value

    def feasible(self, v: Sequence[int]) -> bool:
        return all(v[j] >= 0 for j in self.lower) and all(v[j] <= 0 for j in self.upper)

    def descent(self, v: Sequence[int]) -> bool:
        return self.feasible(v) and self(v) < 0

    def by_rays(self, most: int = MAX_SUBSETS) -> tuple[bool | None, Row | None]:
        """Decide ``h >= 0`` by the rays of the arrangement of kinks and active bounds.

        h is linear on the lineality space of that arrangement and feasible in both directions
        there, so it has to vanish on it; then h depends on v modulo that space only, which the
        pivot coordinates of the normals describe: v is replaced by the v' that is zero in the
        other coordinates and has the same products with all normals. In these coordinates every
        cell is a pointed cone, so it is generated by its rays, and h is linear on it; the cone of
        feasible directions is a union of closed cells. Hence h >= 0 iff h >= 0 on feasible rays.
        """
        d = len(self.g)
        bounded = sorted(self.lower | self.upper)
        normals = [list(p) for p in self.jumps] + [[int(i == j) for i in range(d)] for j in bounded]
        for v in kernel(normals, d):
            value = _dot(self.g, v)
            if value:
                return False, [-t if value > 0 else t for t in v]
        if not normals:
            return True, None
        _, pivots = _echelon(normals)
        rank = len(pivots)
        if comb(len(normals), rank - 1) > most:
            return None, None
        for ray in crossings([[p[j] for j in pivots] for p in normals], rank):
            for sign in (1, -1):
                v = [0] * d
                for j, t in zip(pivots, ray, strict=True):
                    v[j] = sign * t
                if self.descent(v):
                    return False, v
        return True, None

    def by_choices(self) -> bool | None:
        """Decide ``h >= 0`` by duality: another method, for many kinks and for the tests.

        ``-w relu(z) = min(0, -w z)``: h is the minimum, over which concave kinks are taken, of
        convex functions. A convex one is >= 0 on the cone iff, by Farkas,
        ``g + sum_k lambda_k w_k p_k = sum_j mu_j e_j`` has a solution with lambda in [0, 1] and
        ``mu_j >= 0`` at lower, ``<= 0`` at upper bounds.
        """
        concave = [(p, w) for p, w in self.jumps.items() if w < 0]
        convex = [(p, w) for p, w in self.jumps.items() if w > 0]
        if 2 ** len(concave) > MAX_CHOICES:
            return None
        d = len(self.g)
        columns = [([w * t for t in p], True) for p, w in convex]
        columns += [([-int(i == j) for i in range(d)], False) for j in self.lower]
        columns += [([int(i == j) for i in range(d)], False) for j in self.upper]
        for bits in range(2 ** len(concave)):
            g = list(self.g)
            for b, (p, w) in enumerate(concave):
                if bits >> b & 1:
                    g = [a + w * t for a, t in zip(g, p, strict=True)]
            if not solvable(columns, [-a for a in g]):
                return False
        return True

    def nonnegative(self) -> tuple[bool | None, Row | None]:
        decision, witness = self.by_rays()
        return (self.by_choices(), None) if decision is None else (decision, witness)


def solvable(columns: Sequence[tuple[Row, bool]], target: Row) -> bool:
    """Whether ``sum_j x_j column_j = target`` with x >= 0, and x_j <= 1 where the flag says so.

    Phase one of the simplex method in rationals with Bland's rule, which cannot cycle.
    """
    d, capped = len(target), [j for j, (_, cap) in enumerate(columns) if cap]
    n, slacks = len(columns), len(capped)
    rows = []
    for i in range(d):
        row = [Fraction(c[i]) for c, _ in columns] + [Fraction(0)] * slacks + [Fraction(target[i])]
        rows.append([-v for v in row] if target[i] < 0 else row)
    for s, j in enumerate(capped):
        row = [Fraction(0)] * (n + slacks) + [Fraction(1)]
        row[j] = row[n + s] = Fraction(1)
        rows.append(row)
    # Artificial columns are basic in the first d rows and need no place: they never come back.
    basis = [-1] * d + [n + s for s in range(slacks)]
    while True:
        artificial = [r for r, b in enumerate(basis) if b < 0]
        if all(rows[r][-1] == 0 for r in artificial):
            return True
        entering = next(
            (
                j
                for j in range(n + slacks)
                if sum(rows[r][j] for r in artificial) > 0 and j not in basis
            ),
            None,
        )
        if entering is None:
            return False
        ratios = [
            (row[-1] / row[entering], basis[r], r)
            for r, row in enumerate(rows)
            if row[entering] > 0
        ]
        _, _, pivot = min(ratios)
        f = rows[pivot][entering]
        rows[pivot] = [v / f for v in rows[pivot]]
        for r, row in enumerate(rows):
            if r != pivot and row[entering]:
                f = row[entering]
                rows[r] = [a - f * b for a, b in zip(row, rows[pivot], strict=True)]
        basis[pivot] = entering


# --- points and spaces ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """A network in exact numbers."""

    weights: tuple[tuple[Fraction, ...], ...]
    outputs: tuple[Fraction, ...]

    @classmethod
    def of(cls, theta: Parametrization) -> "Point":
        return cls(
            tuple(tuple(map(Fraction, row)) for row in theta.weights.tolist()),
            tuple(map(Fraction, theta.output_weights.tolist())),
        )

    def moved(self, da: np.ndarray, dc: np.ndarray | None, balanced: bool) -> "Point":
        """``theta + delta`` without rounding; on N' the output weights follow from the weights."""
        weights = tuple(
            tuple(a + Fraction(b) for a, b in zip(row, change, strict=True))
            for row, change in zip(self.weights, da.tolist(), strict=True)
        )
        if not balanced:
            assert dc is not None
            outputs = tuple(c + Fraction(b) for c, b in zip(self.outputs, dc.tolist(), strict=True))
        else:
            assert dc is not None  # here: the new signs
            outputs = tuple(
                int(s) * max(map(abs, row)) for row, s in zip(weights, dc.tolist(), strict=True)
            )
        return Point(weights, outputs)

    @cached_property
    def products(self) -> list[list[Fraction]]:
        return [
            [abs(c) * a for a in row] for row, c in zip(self.weights, self.outputs, strict=True)
        ]

    def distance(self, other: "Point") -> Fraction:
        a = (
            abs(p - q)
            for r, s in zip(self.weights, other.weights, strict=True)
            for p, q in zip(r, s, strict=True)
        )
        c = (abs(p - q) for p, q in zip(self.outputs, other.outputs, strict=True))
        return max(*a, *c)


class Problem:
    """Data, penalty and space: the loss and the decisions about points."""

    def __init__(
        self, X: np.ndarray, y: np.ndarray, space: object, penalty: np.ndarray | None = None
    ):
        X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        self.X, self.DX = _integers(X.tolist())
        (self.y,), self.DY = _integers([y.tolist()])
        self.n, self.d = X.shape
        self.penalty = (
            None if penalty is None else [Fraction(p) for p in np.asarray(penalty, float).tolist()]
        )
        self.balanced = isinstance(space, BalancedSpace)
        self.restricted = isinstance(space, RestrictedSpace)
        self.offset = isinstance(space, UnrestrictedSpace) and space.offset
        self.margin = Fraction(space.margin) if isinstance(space, RestrictedSpace) else Fraction(0)
        bound = space.bound if isinstance(space, RestrictedSpace) else inf
        self.bound = None if bound == inf else Fraction(bound)

    def _forward(self, point: Point) -> tuple[list[Row], Row, int, int, int]:
        """Signs' integers z_ik, residuals and their denominator, and the point's denominators."""
        A, DA = _integers(point.weights)
        (c,), DC = _integers([point.outputs])
        z = [[_dot(a, x) for x in self.X] for a in A]
        common = DA * DC * self.DX
        s = [
            self.DY * sum(ci * zi[k] for ci, zi in zip(c, z, strict=True) if zi[k] > 0)
            - common * self.y[k]
            for k in range(self.n)
        ]
        return z, s, common * self.DY, DA, DC

    def loss(self, point: Point) -> Fraction:
        _, s, denominator, _, _ = self._forward(point)
        value = Fraction(_dot(s, s), denominator * denominator * self.n)
        if self.penalty is not None:
            rows = point.products[: len(point.outputs) - self.offset]  # the offset is free
            value += sum(p * u * u for row in rows for p, u in zip(self.penalty, row, strict=True))
        return value

    def floats(self, point: Point) -> tuple[np.ndarray, np.ndarray]:
        """Pre-activations and residuals, each rounded once, for the optimizer."""
        z, s, denominator, DA, _ = self._forward(point)
        return (
            np.array([[_ratio(v, DA * self.DX) for v in row] for row in z]).reshape(-1, self.n),
            np.array([_ratio(v, denominator) for v in s]),
        )

    def outside(self, point: Point, *, strict: bool = False) -> Fraction:
        """How far the products are outside the bounds, 0 inside; balance is not looked at."""
        if not self.restricted:
            return Fraction(0)
        gaps = [Fraction(0)]
        for row in point.products:
            gaps += [self.margin - u for u in row[-2:]]
            if self.bound is not None:
                gaps += [abs(u) - self.bound for u in row]
            if strict and self.margin == 0 and min(row[-2:]) <= 0:
                return Fraction(1)
        return max(gaps)

    def contains(self, point: Point) -> bool:
        """Whether the point is in the space with parallel neurons, balance included."""
        if self.balanced and any(
            abs(c) != max(map(abs, row))
            for row, c in zip(point.weights, point.outputs, strict=True)
        ):
            return False
        if self.offset and point.weights[-1] != (*[Fraction(0)] * (self.d - 1), Fraction(1)):
            return False
        return self.outside(point, strict=True) == 0

    def within(self, point: Point) -> Point:
        """The products moved onto the bounds where they are beyond them (same output weights)."""
        if self.outside(point) == 0:
            return point
        weights = []
        for row, c in zip(point.weights, point.outputs, strict=True):
            new = list(row)
            for j in range(self.d):
                if j >= self.d - 2:
                    new[j] = max(new[j], self.margin / abs(c))
                if self.bound is not None:
                    new[j] = max(min(new[j], self.bound / abs(c)), -self.bound / abs(c))
            weights.append(tuple(new))
        return Point(tuple(weights), point.outputs)

    def repaired(self, point: Point) -> Point:
        """A balanced point moved onto bounds that it misses by rounding, balanced still."""
        if not self.restricted or self.outside(point) == 0:
            return point
        weights, outputs = [], []
        for row, c in zip(point.weights, point.outputs, strict=True):
            new = list(row)
            if self.bound is not None:
                top = Fraction(float(self.bound) ** 0.5)
                while top * top > self.bound:
                    top *= 1 - Fraction(1, 2**53)
                new = [max(min(a, top), -top) for a in new]
            size = max(map(abs, new))
            for j in (-2, -1):
                if size and new[j] * size < self.margin:
                    new[j] = self.margin / size
            size = max(map(abs, new))
            weights.append(tuple(new))
            outputs.append(size if c > 0 else -size)
        return Point(tuple(weights), tuple(outputs))

    def slopes(self, point: Point, near: float = 0.0) -> list[tuple[Slope, bool]]:
        """``h_i`` times a positive number, and whether both signs are next to neuron i."""
        z, s, denominator, DA, _ = self._forward(point)
        result = []
        for i, (row, c) in enumerate(zip(point.weights, point.outputs, strict=True)):
            if self.offset and i == len(point.outputs) - 1:
                last = [x[-1] for x in self.X]
                total = sum(t * x for t, x in zip(s, last, strict=True) if x > 0)
                g = [0] * (self.d - 1) + [total]
                result.append((Slope(g, {}), True))
                continue
            both, sign = c == 0, -1 if c < 0 else 1
            zi = z[i]
            if both and self.balanced:  # the product is 0: all samples are on its kink
                zi = [0] * self.n
            if self.balanced and not any(row):
                both = True
            reach = [0] * self.n
            if near:  # only to guess directions: samples within reach are kinks, too
                size = Fraction(near) * DA
                reach = [int(size * sum(map(abs, x))) for x in self.X]
            active = [k for k in range(self.n) if zi[k] > reach[k]]
            kinks = [k for k in range(self.n) if abs(zi[k]) <= reach[k]]
            g = [sign * sum(s[k] * self.X[k][j] for k in active) for j in range(self.d)]
            w = [sign * s[k] for k in kinks]
            if self.penalty is not None:  # (2/n) of h; g has the denominator denominator * DX
                _, DP = _integers([self.penalty])
                scale = denominator * self.DX * DP
                extra = [
                    self.n * p * abs(c) * a * scale for p, a in zip(self.penalty, row, strict=True)
                ]
                common = lcm(*(e.denominator for e in extra))
                g = [a * DP * common + int(e * common) for a, e in zip(g, extra, strict=True)]
                w = [v * DP * common for v in w]
            g, jumps = canonical(g, [self.X[k] for k in kinks], w)
            lower, upper = set(), set()
            if self.restricted:
                for j in range(self.d):
                    u = abs(c) * row[j]
                    if j >= self.d - 2 and self.margin > 0 and u <= self.margin:
                        lower.add(j)
                    if self.bound is not None and u >= self.bound:
                        upper.add(j)
                    if self.bound is not None and u <= -self.bound:
                        lower.add(j)
            result.append((Slope(g, jumps, frozenset(lower), frozenset(upper)), both))
        return result

    def is_minimum(self, point: Point) -> tuple[bool | None, int | None, Row | None]:
        """Whether the point (within the bounds) is a local minimum; if not, a neuron and a descent.

        None: too many rays. A neuron next to which both signs are is decided by the canonical form:
        there is no witness then.
        """
        unknown = False
        for i, (slope, both) in enumerate(self.slopes(point)):
            if both:
                if any(slope.g) or slope.jumps:
                    return False, i, None
                continue
            decision, witness = slope.nonnegative()
            if decision is False:
                return False, i, witness
            unknown |= decision is None
        return (None if unknown else True), None, None

    def guesses(self, point: Point, near: float) -> list[tuple[int, Row]]:
        """Directions that would go down if all samples within reach were kinks."""
        found = []
        for i, (slope, both) in enumerate(self.slopes(point, near)):
            _, witness = (None, None) if both else slope.by_rays(400)
            if witness is not None:
                found.append((i, witness))
        return found

    def better(self, candidate: Point, theta: Point, radius: float, below: Fraction) -> bool:
        """Whether the candidate proves a claim false: in the space and the box, its loss below."""
        if radius != inf and candidate.distance(theta) > Fraction(radius):
            return False
        return self.contains(candidate) and self.loss(candidate) < below


def _ratio(p: int, q: int) -> float:
    try:
        return p / q
    except OverflowError:
        return inf if p > 0 else -inf
