"""Exact linear algebra on integer vectors: what floating point proposes is decided here.

Floats are rationals, so every matrix of floats becomes one of integers by scaling its rows, which
changes neither the hyperplanes nor on which side of them a point lies.
"""

from collections.abc import Sequence
from math import gcd
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.errors import LandscapeError
from landscape.exact import IntVector, echelon, integer_vector, primitive


def integer_rows(rows: Any) -> list[IntVector]:
    """Primitive integer vectors of the directions of the rows of a matrix."""
    if isinstance(rows, np.ndarray):
        rows = rows.tolist()
    return [integer_vector(row) for row in rows]


def dot(a: Sequence[int], b: Sequence[int]) -> int:
    """Inner product."""
    return sum(map(mul, a, b))


def sign(value: int) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def oriented(vector: IntVector) -> tuple[IntVector, int]:
    """The vector or its negative, whichever has a positive first non-zero entry, and which."""
    side = sign(next(filter(None, vector), 0))
    return (tuple(-entry for entry in vector) if side < 0 else vector), side


def pivot_columns(rows: Sequence[Sequence[int]]) -> list[int]:
    """Columns that form a basis of the column space, exactly: as many as the rank."""
    return echelon(rows)[1]


class Infeasible(LandscapeError):
    """There is no point strictly on the asked sides; carries Farkas multipliers.

    Attributes
    ----------
    multipliers : dict of int to int
        Positive integers ``y_i`` with ``sum_i y_i rows[i] = 0``.
    """

    def __init__(self, multipliers: dict[int, int]) -> None:
        super().__init__("no point is strictly on these sides of the hyperplanes")
        self.multipliers = multipliers


def strict_solution(rows: Sequence[Sequence[int]]) -> IntVector:
    """A point x with ``<row, x> > 0`` for all rows, by Bland's rule in exact arithmetic.

    Raises
    ------
    Infeasible
        If there is none, with the multipliers that prove it.
    """
    n = len(rows)
    if n == 0:
        return ()
    d = len(rows[0])
    for i, row in enumerate(rows):
        if not any(row):
            raise Infeasible({i: 1})
    # Dictionary: slack_i = <row_i, x> - |row_i| >= 0. First the free x enter the basis (pivots on
    # any non-zero entry), then the dual simplex with zero objective and least indices. All entries
    # are integers over the common denominator `scale` (integer pivoting after Edmonds).
    unit = [[int(i == j) for j in range(d)] + [0] for i in range(d)]
    slacks = [[*row, -max(map(abs, row))] for row in rows]
    table: NDArray[Any] = np.array(slacks + unit, dtype=object)
    scale = 1
    nonbasic: list[int] = [-1] * d  # -1: still a free x; otherwise the index of a slack
    free = set(range(d))

    def pivot(i: int, j: int) -> None:
        nonlocal table, scale
        value, column = table[i, j], table[:, j].copy()
        # x_j = (scale * s_i - sum_k row_k x_k - const) / value, put into all other rows.
        table = table * value - np.outer(column, table[i])
        table[:, j] = column * scale
        table = table // (scale if value > 0 else -scale)
        table[i] = 0
        table[i, j] = scale = abs(value)

    in_basis = [True] * n
    for j in range(d):
        i = next((i for i in range(n) if in_basis[i] and table[i, j] != 0), -1)
        if i < 0:
            continue
        pivot(i, j)
        in_basis[i] = False
        nonbasic[j] = i
        free.discard(j)
    while True:
        i = next((i for i in range(n) if in_basis[i] and table[i, d] < 0), -1)
        if i < 0:
            point = [int(table[n + j, d]) for j in range(d)]
            return primitive(point)
        candidates = [(nonbasic[j], j) for j in range(d) if j not in free and table[i, j] > 0]
        if not candidates:
            multipliers = {i: int(scale)}
            for j in range(d):
                if j not in free and table[i, j] < 0:
                    multipliers[nonbasic[j]] = int(-table[i, j])
            divisor = gcd(*multipliers.values())
            raise Infeasible({k: y // divisor for k, y in sorted(multipliers.items())})
        leaving, j = min(candidates)
        pivot(i, j)
        in_basis[i], in_basis[leaving] = False, True
        nonbasic[j] = i


def to_floats(point: Sequence[int]) -> NDArray[np.float64]:
    """The integer point scaled to max-norm one and rounded."""
    largest = max(1, *map(abs, point))
    return np.array([value / largest for value in point])


def move_off(rows: Sequence[IntVector], point: Sequence[int]) -> IntVector:
    """Move an exact point off the hyperplanes that it lies on without crossing another one."""
    d = len(point)
    if all(dot(row, point) for row in rows):
        return tuple(point)
    direction: list[int] = []
    # Directions on the moment curve: every hyperplane contains fewer than d of them.
    for base in range(2, 3 + len(rows) * d):
        direction = [base**j for j in range(d)]
        if all(dot(row, direction) for row in rows):
            break
    exponent = 0
    for row in rows:
        value, slope = abs(dot(row, point)), abs(dot(row, direction))
        if value:
            exponent = max(exponent, slope.bit_length() - value.bit_length() + 2)
    return tuple((x << exponent) + v for x, v in zip(point, direction, strict=True))
