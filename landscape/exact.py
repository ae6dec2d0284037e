"""Vectors and linear algebra over the rationals: the one home of exact arithmetic with fractions.

Row reduction uses python-flint where it is installed, else Python's integers.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from math import gcd, inf, isqrt, lcm, nextafter
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HAVE_FLINT",
    "Exact",
    "IntVector",
    "Number",
    "Vector",
    "common",
    "dot",
    "echelon",
    "gram",
    "integer_vector",
    "integers",
    "least_nonnegative",
    "max_norm",
    "normal_line",
    "null_basis",
    "primitive",
    "reduce_rows",
    "round_down",
    "round_up",
    "solve",
    "sqrt_bracket",
    "vector",
]

Vector = tuple[Fraction, ...]
IntVector = tuple[int, ...]
#: Arrays of fractions: numpy's sums, products and comparisons of these (with floats too) are exact.
Exact = NDArray[np.object_]
#: What is converted to a fraction, floats exactly.
Number = int | float | Fraction

#: Whether the extra "exact" is installed; python-flint is imported when a proof is asked for.
HAVE_FLINT = find_spec("flint") is not None


def round_down(value: Fraction) -> float:
    """The largest float that is not above a rational, or the one below it.

    Examples
    --------
    >>> round_down(Fraction(1, 3)) < Fraction(1, 3) < round_up(Fraction(1, 3))
    True
    """
    try:
        near = float(value)
    except OverflowError:
        return nextafter(inf, 0.0) if value > 0 else -inf
    return near if Fraction(near) <= value else nextafter(near, -inf)


def round_up(value: Fraction) -> float:
    """The smallest float that is not below a rational, or the one above it."""
    return 0.0 - round_down(-value)


def common(x: Iterable[Fraction | int]) -> tuple[list[int], int]:
    """Numerators over the least common denominator, and that: sums then need no divisors.

    Examples
    --------
    >>> common([Fraction(1, 2), Fraction(2, 3)])
    ([3, 4], 6)
    """
    values = list(x)
    whole = lcm(*(p.denominator for p in values))
    return [p.numerator * (whole // p.denominator) for p in values], whole


def dot(x: Iterable[Fraction | int], y: Iterable[Fraction | int]) -> Fraction:
    """Inner product."""
    (p, whole), (q, other) = common(x), common(y)
    if len(p) != len(q):
        raise ValueError(f"y: expected {len(p)} entries, got {len(q)}")
    return Fraction(sum(map(mul, p, q)), whole * other)


def integers(*arrays: NDArray[np.float64]) -> tuple[list[Exact], int]:
    """Arrays of floats times the least power of two that makes them integers, and that.

    Examples
    --------
    >>> integers(np.array([0.5, 3.0]), np.array([0.25]))
    ([array([2, 12], dtype=object), array([1], dtype=object)], 4)
    """
    ratios = [[p.as_integer_ratio() for p in array.ravel().tolist()] for array in arrays]
    unit = max((q for own in ratios for _, q in own), default=1)
    whole = [np.array([p * (unit // q) for p, q in own], dtype=object) for own in ratios]
    return [own.reshape(array.shape) for own, array in zip(whole, arrays, strict=True)], unit


def max_norm(x: Iterable[Fraction]) -> Fraction:
    """Max-norm, 0 for the empty vector."""
    return max((abs(p) for p in x), default=Fraction(0))


def vector(x: Iterable[Number]) -> Vector:
    """A tuple of fractions; floats are taken exactly."""
    return tuple(Fraction(p) for p in x)


def sqrt_bracket(x: Fraction | int, digits: int = 40) -> tuple[Fraction, Fraction]:
    """Rationals ``low <= sqrt(x) <= high`` with a relative gap below ``10**-digits``.

    Examples
    --------
    >>> sqrt_bracket(Fraction(9, 4))
    (Fraction(3, 2), Fraction(3, 2))
    """
    x = Fraction(x)
    if x < 0:
        raise ValueError(f"x: expected at least 0, got {x}")
    scale = 10 ** (2 * (digits + 1)) * x.denominator
    root = isqrt(x.numerator * scale)  # sqrt(p / q) = sqrt(p q) / q
    exact = root * root == x.numerator * scale
    unit = x.denominator * 10 ** (digits + 1)
    return Fraction(root, unit), Fraction(root if exact else root + 1, unit)


def reduce_rows(rows: Sequence[Sequence[Fraction | int]]) -> tuple[list[Vector], list[int]]:
    """Reduced row echelon form without its zero rows, and the pivot columns.

    Examples
    --------
    >>> rows, pivots = reduce_rows([[Fraction(2), Fraction(4)], [Fraction(1), Fraction(2)]])
    >>> [[str(entry) for entry in row] for row in rows], pivots
    ([['1', '2']], [0])
    """
    if not rows or not len(rows[0]):
        return [], []
    if not HAVE_FLINT:
        table, pivots = echelon([integer_vector(row) for row in rows])
        return [
            vector(Fraction(x, r[j]) for x in r) for r, j in zip(table, pivots, strict=True)
        ], pivots
    import flint

    entries = [flint.fmpq(p.numerator, p.denominator) for row in rows for p in row]
    reduced, rank = flint.fmpq_mat(len(rows), len(rows[0]), entries).rref()
    result = [tuple(Fraction(int(p.p), int(p.q)) for p in row) for row in reduced.tolist()[:rank]]
    return result, [next(j for j, p in enumerate(row) if p) for row in result]


def echelon(rows: Sequence[Sequence[int]]) -> tuple[list[IntVector], list[int]]:
    """Gauss and Jordan on integer rows, kept primitive: the non-zero rows, and their pivots."""
    table = [primitive(row) for row in rows]
    pivots: list[int] = []
    for j in range(len(table[0]) if table else 0):
        done = len(pivots)
        # The smallest pivot keeps the numbers short.
        candidates = [i for i in range(done, len(table)) if table[i][j]]
        if not candidates:
            continue
        best = min(candidates, key=lambda i: abs(table[i][j]))
        table[done], table[best] = table[best], table[done]
        head = table[done]
        for i, other in enumerate(table):
            if i != done and other[j]:
                common = gcd(head[j], other[j])
                p, q = head[j] // common, other[j] // common
                table[i] = primitive([p * x - q * y for x, y in zip(other, head, strict=True)])
        pivots.append(j)
    return table[: len(pivots)], pivots


def primitive(values: Sequence[int]) -> IntVector:
    """Divide by the greatest common divisor."""
    divisor = gcd(*values)
    return tuple(value // divisor for value in values) if divisor > 1 else tuple(values)


def integer_vector(values: Iterable[Any]) -> IntVector:
    """The primitive integer vector of the same direction; zero stays zero.

    Takes ints, floats and Fractions; floats count as the rationals that they are.
    """
    ratios = [p.as_integer_ratio() if hasattr(p, "as_integer_ratio") else (p, 1) for p in values]
    denominator = lcm(*(q for _, q in ratios))
    return primitive([int(p) * (denominator // q) for p, q in ratios])


def gram(columns: Sequence[Sequence[int]]) -> list[list[int]]:
    """Inner products of integer vectors.

    Examples
    --------
    >>> gram([[1, 2], [3, 4]])
    [[5, 11], [11, 25]]
    """
    if not HAVE_FLINT:
        return [[sum(map(mul, x, y)) for y in columns] for x in columns]
    import flint

    matrix = flint.fmpz_mat([list(column) for column in columns])
    return [[int(p) for p in row] for row in (matrix * matrix.transpose()).tolist()]


def solve(
    rows: Sequence[Sequence[Fraction | int]], right: Sequence[Fraction | int]
) -> list[Fraction] | None:
    """A solution whose free variables are 0; None where there is no solution.

    Examples
    --------
    >>> one = Fraction(1)
    >>> [str(p) for p in solve([[one, one], [one, -one]], [3 * one, one])]
    ['2', '1']
    """
    if not rows:
        return []
    width = len(rows[0])
    reduced, pivots = reduce_rows([[*row, p] for row, p in zip(rows, right, strict=True)])
    if width in pivots:
        return None
    solution = [Fraction(0)] * width
    for row, j in zip(reduced, pivots, strict=True):
        solution[j] = row[width]
    return solution


def null_basis(
    reduced: Sequence[Vector], pivots: Sequence[int], width: int
) -> tuple[list[Vector], list[int]]:
    """Basis of the null space of reduced rows, one vector for each column without a pivot."""
    free = [j for j in range(width) if j not in pivots]
    basis = []
    for f in free:
        v = [Fraction(0)] * width
        v[f] = Fraction(1)
        for row, j in zip(reduced, pivots, strict=True):
            v[j] = -row[f]
        basis.append(tuple(v))
    return basis, free


def normal_line(rows: Sequence[Vector], width: int) -> Vector | None:
    """What is orthogonal to ``width - 1`` independent rows, up to a factor; None if dependent."""
    reduced, pivots = reduce_rows(rows)
    return null_basis(reduced, pivots, width)[0][0] if len(pivots) == width - 1 else None


def least_nonnegative(products: Any, moments: Any, chosen: Iterable[int]) -> dict[int, Fraction]:
    """The positive weights of ``min ‖y - sum_j x_j v_j‖²`` over x >= 0, by Lawson and Hanson.

    ``products[i][j]`` are inner products of columns v, none of them zero, ``moments`` those with y.

    Examples
    --------
    >>> least_nonnegative([[1, 0], [0, 1]], [3, -1], range(2))
    {0: Fraction(3, 1)}
    """
    x: dict[int, Fraction] = {}
    columns = list(chosen)
    while True:
        slopes: dict[int, Any] = {
            j: moments[j] - sum(products[i][j] * p for i, p in x.items())
            for j in columns
            if j not in x
        }
        scores = {j: Fraction(slope * abs(slope), products[j][j]) for j, slope in slopes.items()}
        enter = max(scores, key=lambda j: scores[j], default=-1)
        if enter < 0 or slopes[enter] <= 0:
            return x
        x[enter] = Fraction(0)
        while True:
            solved = solve([[products[i][j] for j in x] for i in x], [moments[j] for j in x])
            # A column with a positive slope does not depend on columns whose slopes are zero.
            assert solved is not None
            target = dict(zip(x, solved, strict=True))
            blocking = [x[j] / (x[j] - t) for j, t in target.items() if t <= 0]
            step = min([Fraction(1), *blocking])
            x = {j: p + step * (target[j] - p) for j, p in x.items()}
            if step == 1:
                break
            x = {j: p for j, p in x.items() if p > 0}
