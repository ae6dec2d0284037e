"""Is a point a local minimum of the loss? Decided in exact rational arithmetic, cell by cell.

For products u and signs σ, L(u) = (1/n) Σ_k (Σ_i σ_i relu(<u_i, x_k>) - y_k)². The directional
derivative separates over the neurons, h_i(v) = <g_i, v> + Σ_{k on the kink} σ_i s_k relu(<v, x_k>),
and the loss is convex along every short ray, so u is a local minimum iff every h_i >= 0 on the cone
of feasible directions. Each h_i is linear on each cell of the arrangement of its kink samples:
there, Farkas' multipliers prove h_i >= 0, or a separator is a direction of descent. No merging of
samples, no convex special case, no tolerance: slow and simple.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.oracles.rational import Vector, cells, combination, dot, vector, vectors


@dataclass(frozen=True)
class Decision:
    """``direction`` (of ``neuron``, taken with output sign ``sign``) has ``slope`` < 0."""

    is_minimum: bool
    neuron: int | None = None
    direction: Vector | None = None
    sign: int | None = None
    slope: Fraction | None = None

    def __bool__(self) -> bool:
        return self.is_minimum


def exact_values(products: Sequence, signs: Sequence, X: Sequence) -> list[Fraction]:
    """R(x_k) for all samples."""
    u, x = vectors(products), vectors(X)
    return [
        sum(
            (
                int(sign) * max(dot(row, point), Fraction(0))
                for row, sign in zip(u, signs, strict=True)
            ),
            Fraction(0),
        )
        for point in x
    ]


def exact_residuals(products: Sequence, signs: Sequence, X: Sequence, y: Sequence) -> Vector:
    values = exact_values(products, signs, X)
    return tuple(value - target for value, target in zip(values, vector(y), strict=True))


def exact_products(theta) -> list[list[Fraction]]:
    """``|c_i| a_i`` of the rationals that the parameters are."""
    sizes = vector(map(abs, theta.output_weights.tolist()))
    rows = vectors(theta.weights.tolist())
    return [[c * entry for entry in row] for c, row in zip(sizes, rows, strict=True)]


def exact_loss(products: Sequence, signs: Sequence, X: Sequence, y: Sequence) -> Fraction:
    residuals = exact_residuals(products, signs, X, y)
    return sum((s * s for s in residuals), Fraction(0)) / len(residuals)


def decide(
    products: Sequence,
    signs: Sequence,
    X: Sequence,
    y: Sequence,
    *,
    lower: Sequence | None = None,
    free_signs: Sequence[int] = (),
    linear: Sequence[int] = (),
) -> Decision:
    """Decide local minimality on ``{u : u >= lower}``.

    Parameters
    ----------
    products, signs, X, y
        Integers, fractions or floats (taken as the rationals they are).
    lower : optional
        Lower bounds, shape (m, d), None where there is none.
    free_signs : sequence of int
        Neurons at u_i = 0 whose sign may be either nearby (c_i = 0, a_i = 0 in N').
    linear : sequence of int
        Neurons with frozen direction, of which only the output weight may vary (offset e of N).
    """
    u, x = vectors(products), vectors(X)
    s = exact_residuals(products, signs, X, y)
    for i, row in enumerate(u):
        heights = [dot(row, point) for point in x]
        if i in linear:
            slope = sum(
                (sk * max(h, Fraction(0)) for sk, h in zip(s, heights, strict=True)), Fraction(0)
            )
            if slope != 0:
                return Decision(False, i, None, None, -abs(slope))
            continue
        bounds = []
        for j, entry in enumerate(row):
            bound = None if lower is None or lower[i][j] is None else Fraction(lower[i][j])
            if bound is not None and entry == bound:
                bounds.append(tuple(Fraction(int(j == k)) for k in range(len(row))))
            assert bound is None or entry >= bound, f"neuron {i} is out of bounds"
        if i in free_signs:
            assert not any(row)
        for sign in (1, -1) if i in free_signs else (int(signs[i]),):
            found = _descent(row, sign, x, s, heights, bounds)
            if found is not None:
                return Decision(False, i, found[0], sign, found[1])
    return Decision(True)


def _descent(row, sign, x, s, heights, bounds) -> tuple[Vector, Fraction] | None:
    d = len(row)
    smooth = [
        sum(
            (sign * sk * p[j] for sk, p, h in zip(s, x, heights, strict=True) if h > 0), Fraction(0)
        )
        for j in range(d)
    ]
    kinks = [k for k, h in enumerate(heights) if h == 0 and any(x[k]) and s[k] != 0]
    normals = [x[k] for k in kinks]
    for pattern, _ in cells(normals, bounds, d=d):
        slope = list(smooth)
        walls = list(bounds)
        for k, side in zip(kinks, pattern, strict=True):
            walls.append(tuple(side * entry for entry in x[k]))
            if side > 0:
                slope = [g + sign * s[k] * entry for g, entry in zip(slope, x[k], strict=True)]
        multipliers, direction = combination(walls, tuple(slope))
        if multipliers is None:
            value = dot(smooth, direction) + sum(
                (sign * s[k] * max(dot(direction, x[k]), Fraction(0)) for k in kinks), Fraction(0)
            )
            assert value < 0 and all(dot(direction, wall) >= 0 for wall in bounds)
            return direction, value
    return None


def improves(
    products: Sequence, signs: Sequence, X: Sequence, y: Sequence, decision: Decision
) -> bool:
    """Whether some exact step along the decision's direction has a lower loss."""
    u = vectors(products)
    before = exact_loss(products, signs, X, y)
    sigma = [int(sign) for sign in signs]
    sigma[decision.neuron] = decision.sign
    for power in range(60):
        step = Fraction(1, 2**power)
        moved = list(u)
        moved[decision.neuron] = tuple(
            p + step * v for p, v in zip(u[decision.neuron], decision.direction, strict=True)
        )
        if exact_loss(moved, sigma, X, y) < before:
            return True
    return False
