"""Exact linear algebra over the rationals, as far as the oracles need it. No numpy, no solver.

One routine decides everything: is a vector a non-negative combination of others, and if not, which
hyperplane separates it from them (Farkas)? Multipliers and separators are checked on the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import gcd

Vector = tuple[Fraction, ...]


def vector(entries: Iterable[object]) -> Vector:
    """Exact rationals; a float stands for the rational number that it is."""
    return tuple(
        entry if isinstance(entry, Fraction) else Fraction(_plain(entry)) for entry in entries
    )


def _plain(entry: object) -> object:
    return entry.item() if hasattr(entry, "item") else entry


def vectors(rows: Iterable[Iterable[object]]) -> list[Vector]:
    return [vector(row) for row in rows]


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((p * q for p, q in zip(a, b, strict=True)), Fraction(0))


def combination(
    columns: Sequence[Vector], target: Vector
) -> tuple[list[Fraction] | None, Vector | None]:
    """Multipliers >= 0 with ``sum_j multipliers[j] columns[j] == target``, or a separator.

    Returns ``(multipliers, None)``, or ``(None, v)`` with ``<v, column> >= 0`` for all columns and
    ``<v, target> < 0``. Phase one of the simplex method with Bland's rule.
    """
    d, n = len(target), len(columns)
    flips = [-1 if entry < 0 else 1 for entry in target]
    zero, one = Fraction(0), Fraction(1)
    table = [
        [flips[i] * column[i] for column in columns]
        + [one if i == j else zero for j in range(d)]
        + [flips[i] * target[i]]
        for i in range(d)
    ]
    # Reduced costs of "minimize the sum of the artificial variables".
    costs = [-sum((row[j] for row in table), zero) for j in range(n)]
    costs += [zero] * d + [-sum((row[-1] for row in table), zero)]
    basis = list(range(n, n + d))
    while True:
        enter = next((j for j in range(n) if costs[j] < 0), None)
        if enter is None:
            break
        ratios = [
            (row[-1] / row[enter], basis[i], i) for i, row in enumerate(table) if row[enter] > 0
        ]
        _, _, leave = min(ratios)  # the objective is bounded below, so there is a ratio
        pivot = table[leave][enter]
        table[leave] = [entry / pivot for entry in table[leave]]
        for row in (*table, costs):
            if row is not table[leave] and row[enter] != 0:
                factor = row[enter]
                row[:] = [p - factor * q for p, q in zip(row, table[leave], strict=True)]
        basis[leave] = enter
    if costs[-1] == 0:
        multipliers = [zero] * n
        for i, j in enumerate(basis):
            if j < n:
                multipliers[j] = table[i][-1]
        for i in range(d):
            assert (
                sum((m * c[i] for m, c in zip(multipliers, columns, strict=True)), zero)
                == (target[i])
            )
        assert all(m >= 0 for m in multipliers)
        return multipliers, None
    separator = tuple(flips[i] * (costs[n + i] - 1) for i in range(d))
    assert dot(separator, target) < 0
    assert all(dot(separator, column) >= 0 for column in columns)
    return None, separator


def interior_point(normals: Sequence[Vector], d: int) -> Vector | None:
    """A point with ``<point, normal> > 0`` for all normals, or None if there is none."""
    if not normals:
        return (Fraction(0),) * d
    columns = [(*normal, Fraction(1)) for normal in normals]
    multipliers, separator = combination(columns, (*(Fraction(0),) * d, Fraction(1)))
    if multipliers is not None:
        return None
    point = separator[:-1]
    assert all(dot(point, normal) > 0 for normal in normals)
    return point


def cells(
    normals: Sequence[Vector], fixed: Sequence[Vector] = (), *, d: int | None = None
) -> Iterator[tuple[tuple[int, ...], Vector]]:
    """Open cells of a central arrangement: pairs (signs, a point inside).

    ``signs[k]`` is the sign of ``<point, normals[k]>``. Only cells inside the cone
    ``<., f> > 0`` for all f in ``fixed``. Normals must not be zero.
    """
    d = len(normals[0]) if d is None else d
    start = interior_point(fixed, d)
    if start is None:
        return
    todo: list[tuple[tuple[int, ...], Vector]] = [((), start)]
    while todo:
        signs, point = todo.pop()
        if len(signs) == len(normals):
            yield signs, point
            continue
        normal = normals[len(signs)]
        side = dot(point, normal)
        for sign in (1, -1):
            if side * sign > 0:
                todo.append(((*signs, sign), point))
                continue
            oriented = [tuple(s * x for x in row) for s, row in zip(signs, normals, strict=False)]
            other = interior_point([*fixed, *oriented, tuple(sign * x for x in normal)], d)
            if other is not None:
                todo.append(((*signs, sign), other))


def null_space(rows: Sequence[Vector], n: int) -> list[list[int]]:
    """Integer vectors that span ``{s : <row, s> = 0 for all rows}``, each without common factor."""
    table = [list(row) for row in rows]
    pivots: list[int] = []
    for j in range(n):
        r = len(pivots)
        i = next((i for i in range(r, len(table)) if table[i][j] != 0), None)
        if i is None:
            continue
        table[r], table[i] = table[i], table[r]
        pivot = table[r][j]
        table[r] = [entry / pivot for entry in table[r]]
        for k, row in enumerate(table):
            if k != r and row[j] != 0:
                factor = row[j]
                table[k] = [p - factor * q for p, q in zip(row, table[r], strict=True)]
        pivots.append(j)
    basis = []
    for free in sorted(set(range(n)) - set(pivots)):
        entries = [Fraction(0)] * n
        entries[free] = Fraction(1)
        for r, j in enumerate(pivots):
            entries[j] = -table[r][free]
        scale = 1
        for entry in entries:
            scale = scale * entry.denominator // gcd(scale, entry.denominator)
        whole = [int(entry * scale) for entry in entries]
        basis.append([entry // gcd(*whole) for entry in whole])
    return basis
