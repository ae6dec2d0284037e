"""All cells of a central hyperplane arrangement, exactly, with interior points.

Hyperplanes are added one by one. The cells that a new hyperplane h cuts are the cells of the
arrangement that the earlier ones induce *in* h, one dimension lower: a recursion that ends in the
plane, where the cells are the gaps between sorted angles. Nothing is assumed about general
position, and no tolerance is involved: all numbers are integers.
"""

from collections.abc import Sequence
from functools import cmp_to_key
from itertools import pairwise

from landscape.arrangement._integers import IntVector, dot, oriented, primitive
from landscape.errors import LandscapeError

#: Cells as a map from the pattern, an integer whose bit i says whether row i is positive, to an
#: interior point.
Cells = dict[int, IntVector]


class TooManyCells(LandscapeError):
    """The enumeration passed its limit."""


def enumerate_cells(rows: Sequence[IntVector], dim: int, limit: int | None = None) -> Cells:
    """Cells of pairwise non-parallel, non-zero integer rows in ``dim`` dimensions."""
    if not rows:
        return {0: (0,) * dim}
    if len(rows) == 1:
        row = rows[0]
        return {1: row, 0: tuple(-entry for entry in row)}
    if dim == 2:
        return _plane_cells(rows)
    cells: Cells = {0: (0,) * dim}
    for k, normal in enumerate(rows):
        cells = _cut(cells, rows[:k], normal, k, limit)
        if limit is not None and len(cells) > limit:
            raise TooManyCells(f"more than {limit} cells")
    return cells


def _cut(
    cells: Cells, rows: Sequence[IntVector], normal: IntVector, k: int, limit: int | None
) -> Cells:
    """Add the hyperplane ``normal^⊥`` as number k to the cells of ``rows``."""
    bit = 1 << k
    result: Cells = {}
    sections = _section_cells(rows, normal, limit)
    for pattern, point in cells.items():
        if pattern not in sections:
            result[pattern | bit if dot(normal, point) > 0 else pattern] = point
    for pattern, section in sections.items():
        # Step off the hyperplane by a power of two, about half as far as to the next one.
        exponent = max(map(abs, section)).bit_length() - max(map(abs, normal)).bit_length()
        for row in rows:
            if slope := dot(row, normal):
                reach = dot(row, section).bit_length()
                exponent = min(exponent, reach - slope.bit_length() - 2)
        step, stretch = (1 << exponent, 1) if exponent > 0 else (1, 1 << -exponent)
        pairs = [(stretch * x, step * h) for x, h in zip(section, normal, strict=True)]
        result[pattern | bit] = primitive([x + h for x, h in pairs])
        result[pattern] = primitive([x - h for x, h in pairs])
    return result


def _section_cells(rows: Sequence[IntVector], normal: IntVector, limit: int | None) -> Cells:
    """Patterns of ``rows`` on the hyperplane ``normal^⊥``, with points in it."""
    pivot = min((j for j, entry in enumerate(normal) if entry), key=lambda j: abs(normal[j]))
    if normal[pivot] < 0:
        normal = tuple(-entry for entry in normal)
    head, others = normal[pivot], normal[:pivot] + normal[pivot + 1 :]
    groups: dict[IntVector, list[int]] = {}
    for i, row in enumerate(rows):
        tail, rest = row[pivot], row[:pivot] + row[pivot + 1 :]
        reduced = [x * head - tail * h for x, h in zip(rest, others, strict=True)]
        key, orientation = oriented(primitive(reduced))
        groups.setdefault(key, [0, 0])[orientation < 0] |= 1 << i
    result: Cells = {}
    for pattern, point in enumerate_cells(list(groups), len(others), limit).items():
        full = 0
        for g, (same, opposite) in enumerate(groups.values()):
            full |= same if pattern >> g & 1 else opposite
        lifted = [head * value for value in point]
        lifted.insert(pivot, -dot(others, point))
        result[full] = primitive(lifted)
    return result


def _plane_cells(rows: Sequence[IntVector]) -> Cells:
    """Cells of at least two different lines in the plane: sort the rays by their angles."""
    # The rays of the lines <row, x> = 0 in the upper half-plane (angles in [0, pi)).
    rays = [(-q, p) if p > 0 or (p == 0 and q < 0) else (q, -p) for p, q in rows]

    def later(one: tuple[int, int], two: tuple[int, int]) -> int:
        return one[1] * two[0] - one[0] * two[1]

    rays.sort(key=cmp_to_key(later))
    cells: Cells = {}
    everything = (1 << len(rows)) - 1
    for ray, following in pairwise([*rays, (-rays[0][0], -rays[0][1])]):
        # Balance the two rays, so that the point does not hug one of them.
        one, two = max(map(abs, ray)), max(map(abs, following))
        point = primitive([two * ray[0] + one * following[0], two * ray[1] + one * following[1]])
        pattern = sum(1 << i for i, row in enumerate(rows) if dot(row, point) > 0)
        cells[pattern] = point
        cells[everything ^ pattern] = (-point[0], -point[1])
    return cells
